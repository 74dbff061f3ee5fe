"""What stores answer to the same calls in the same order: the same, whatever they are asked and what they refuse."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from itil4.errors import ITIL4Error
from itil4.storage import Batch, Conflict, Query, RedactedRow
from itil4.storage.outbox import Held
from itil4.storage.projections import DueRow, Projected
from itil4.storage.query import Compare, Every, Linked, Some, holds, sort_key
from itil4.storage.text_search import store_of_words
from itil4.testing import store_rows

STORES = ("memory", "sqlite", "sqlalchemy_sqlite")
steady = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def stores(request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any, rows: Any) -> Iterator[Callable[[], Any]]:
    """Each call gives a tenant that nobody has used, and one open store of each sort."""
    made = []
    for name in STORES:
        folder = tmp_path / name
        folder.mkdir()
        made.append(make_stores(name, request, folder)())
        made[-1].migrate([rows.TICKET])
        made[-1].keep_outbox(True)
    used = iter(range(10**6))
    yield lambda: (f"t{next(used)}", made)
    for store in made:
        store.close()


def told(call: Callable[[], Any]) -> Any:
    """Return what a call gives, or how it is refused: by its kind and what it is about."""
    try:
        found = call()
    except Conflict as conflict:
        return "conflict", conflict.what, conflict.key, conflict.expected, conflict.found
    except ITIL4Error as error:
        return "error", error.code
    return list(found) if isinstance(found, Iterator) else found


# writing

_IDS = st.sampled_from("abc")
_SMALL = st.integers(1, 3)
_LINKS = st.builds(store_rows.link, _IDS, st.sampled_from(["blocks", "child_of"]), _IDS, st.integers(1, 3))


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """A batch that may fit what is stored, or not: few ids, few versions, few keys."""
    batch = Batch()
    for each in draw(st.lists(_IDS, max_size=2)):
        numbered = draw(st.booleans())
        row = store_rows.record(each, number=None if numbered else draw(st.sampled_from([None, "TIC0000002", "X1"])))
        batch.births.append((row, "TIC" if numbered else None))
        batch.entries.append(_entry(draw, each, 1))
    for each in draw(st.lists(_IDS, max_size=2, unique=True)):
        version = draw(st.sampled_from([2, 2, 3]))
        redacts = draw(st.sampled_from([False, False, True]))
        row = store_rows.record(each, version=version, state=draw(st.sampled_from(["new", "done"])), note=each)
        batch.updates.append((row, version - 1))
        batch.entries.append(_entry(draw, each, version, **({"op": "redaction", "details": _NAMED} if redacts else {})))
        if redacts:
            batch.redactions.append(RedactedRow(each, draw(st.sampled_from([1, 1, 2])), "nobody", '{"x":1}'))
    batch.links = draw(st.lists(_LINKS, max_size=2))
    batch.unlinks = draw(st.lists(_LINKS, max_size=1))
    batch.bumps = draw(st.dictionaries(_IDS, st.integers(1, 2), max_size=2))
    batch.checks = draw(st.dictionaries(_IDS, st.tuples(_SMALL, st.integers(0, 1)), max_size=1))
    keys = draw(st.lists(st.sampled_from("km"), max_size=1))
    batch.once = [store_rows.once(key, draw(_IDS)) for key in keys]
    return batch


_NAMED = json.dumps({"redacted": {"entries": [1, 2]}})


def _entry(draw: st.DrawFn, each: str, seq: int, **headers: Any) -> Any:
    key = draw(st.sampled_from([None, None, None, "1", "2"]))
    row = None if key is None else draw(st.sampled_from([None, "r"]))
    return store_rows.entry(each, seq, origin_system=key and "old", origin_key=key, origin_row=row, **headers)


@steady
@given(some=st.lists(batches(), min_size=2, max_size=7))
def test_batches_meet_the_same_fate_in_every_store(stores: Callable[[], Any], some: list[Batch]) -> None:
    """Written with the same numbers, or refused for the same reason; and all that is stored is the same then."""
    tenant, every = stores()
    for batch in some:
        fates = [told(partial(store.write, tenant, batch)) for store in every]
        assert fates[0] == fates[1] == fates[2]
        held = [store_rows.everything(store, tenant) for store in every]
        assert held[0] == held[1] == held[2]


# questions

_VALUES = st.sampled_from(
    [None, 0, 1, 2, True, 1.0, 1.5, -3, 2**63, -(2**63), -(2**70), 10**400, -(10**400), "", "a", "A", "aß", "ASS", "é",
     "a_b", "a%b", "~", "\U0001f4a5"]
)  # fmt: skip
_FIELDS = ("priority", "group", "urgent", "extra.deck", "id", "number", "state", "version", "created_at", "origin_key")
_CONDITIONS = st.recursive(
    st.one_of(
        st.builds(Compare, st.sampled_from(_FIELDS), st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]), _VALUES),
        st.builds(Compare, st.sampled_from(_FIELDS), st.sampled_from(["prefix", "contains"]), _VALUES),
        st.builds(Compare, st.sampled_from(_FIELDS), st.just("in"), st.lists(_VALUES, max_size=4).map(tuple)),
        st.builds(Compare, st.sampled_from(_FIELDS), st.just("is_null"), st.booleans()),
        st.builds(Compare, st.sampled_from(("id", "number")), st.just("eq"), st.sampled_from(["a", "b", "TIC0000001"])),
        st.builds(Linked, st.sampled_from(["blocks", "child_of"]), st.sampled_from("ab"), st.booleans()),
    ),
    lambda parts: st.one_of(
        st.builds(Every, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Some, st.lists(parts, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
_ORDERS = st.lists(
    st.tuples(st.sampled_from(("priority", "group", "extra.deck", "created_at", "number")), st.booleans()),
    max_size=2, unique_by=lambda pair: pair[0],
).map(tuple)  # fmt: skip
_ROWS = st.lists(
    st.tuples(_VALUES, _VALUES, st.booleans() | st.none(), _VALUES, st.sampled_from([None, "x:1", "a"])),
    min_size=1, max_size=6,
)  # fmt: skip


@settings(steady, max_examples=200)
@given(bodies=_ROWS, where=_CONDITIONS, order=_ORDERS, size=st.integers(1, 3))
@example([(10**400, None, None, None, None), (1, None, None, None, None)], Every(()), (("priority", True),), 1)
def test_pages_of_any_question_are_those_of_a_plain_look(
    stores: Callable[[], Any], bodies: list[Any], where: Any, order: Any, size: int
) -> None:
    """What is found, counted, and in what order, page by page from mark to mark: as `holds` and `sort_key` say."""
    tenant, every = stores()
    made = [
        store_rows.record(
            "abcdef"[place], priority=priority, group=group, urgent=urgent, extra={"deck": deck},
            created_at=place % 2, origin_key=key, origin_system=key and "old",
        )
        for place, (priority, group, urgent, deck, key) in enumerate(bodies)
    ]  # fmt: skip
    links = [store_rows.link("a", "blocks", "b"), store_rows.link("b", "child_of", "a")] if len(made) > 1 else []
    for store in every:
        store.write(tenant, store_rows.births(*made, links=links))
    rows = [store_rows.plain(row) for row in every[0].load(tenant, [row.id for row in made])]

    def meets(row: Any) -> bool:
        def linked(asked: Linked) -> bool:
            ends = (asked.other, row.id) if asked.backwards else (row.id, asked.other)
            return any((link.source, link.target, link.relation) == (*ends, asked.relation) for link in links)

        return holds(where, lambda name: store_rows.value(row, name), linked)

    wanted = [row for row in rows if meets(row)]
    query = Query("ticket", where, order)
    for name, down in reversed(query.total_order):
        wanted.sort(key=lambda row, name=name: sort_key(store_rows.value(row, name)), reverse=down)  # type: ignore[misc]  # bound
    for store in every:
        assert store.count(tenant, query) == len(wanted)
        found: list[Any] = []
        mark = None
        assert [store_rows.plain(row) for row in store.find(tenant, query)] == wanted
        while page := store.find(tenant, Query("ticket", where, order, size, mark)):
            assert len(page) <= size
            found += page
            mark = store_rows.after(query, page[-1])
            rest = store.find(tenant, Query("ticket", where, order, None, mark))
            assert [store_rows.plain(row) for row in rest] == wanted[len(found) :]
        assert [store_rows.plain(row) for row in found] == wanted, type(store)


# words


@steady
@given(
    texts=st.lists(st.tuples(*2 * [st.sampled_from(["Mail is down", "mail", "Straße", "x-y", "", "[redacted] is"])]),
                   min_size=1, max_size=5),
    words=st.lists(st.sampled_from(["mail", "is", "strasse", "x", "redacted"]), min_size=1, max_size=2),
    most=st.integers(1, 3), limit=st.none() | st.integers(0, 3), state=st.sampled_from(["new", "done"]),
)  # fmt: skip
def test_words_are_found_and_counted_alike(
    stores: Callable[[], Any], texts: list[Any], words: list[str], most: int, limit: Any, state: str
) -> None:
    """With an index of words, and by reading all: the same rows, the newest id first, and the same counts."""
    tenant, every = stores()
    fields = ("note", "more")
    made = [store_rows.record("abcde"[n], note=note, more=more) for n, (note, more) in enumerate(texts)]
    every = [store_of_words(store) for store in every if store.write(tenant, store_rows.births(*made))]
    query = Query("ticket", Compare("state", "eq", state), (), limit)
    found = [store_rows.ids(store.find_words(tenant, query, fields, words)) for store in every]
    counts = [dict(store.count_words(tenant, "ticket", fields, words, most)) for store in every]
    texts_of = {row.id: f"{note} {more}".replace("[redacted]", "").replace("ß", "ss").replace("-", " ").lower().split()
                for row, (note, more) in zip(made, texts, strict=True)}  # fmt: skip
    wanted = [each for each in reversed(texts_of) if state == "new" and set(words) <= set(texts_of[each])]
    assert found == [wanted[:limit]] * 3
    assert counts == [{word: min(most, sum(word in each for each in texts_of.values())) for word in words}] * 3


# relays

_CALLS = st.one_of(
    st.tuples(st.just("write"), _IDS),
    st.tuples(st.just("claim"), st.sampled_from("vw"), st.integers(1, 3), st.integers(1, 2),
              st.sampled_from([None, ("ticket",), ("ship",), ()])),
    st.tuples(st.just("ack"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.integers(0, 3)),
)  # fmt: skip


@steady
@given(calls=st.lists(_CALLS, min_size=4, max_size=16))
def test_relays_are_handed_the_same(stores: Callable[[], Any], calls: list[Any]) -> None:
    """Leases that end, limits, kinds and late acknowledgements; an entry is handed out only after those before it."""
    tenant, every = stores()
    versions: dict[str, int] = {}
    held: list[Held] = []
    done: dict[str, int] = {}
    now = 2_000
    for what, *args in calls:
        if what == "write":
            seq = versions[args[0]] = versions.get(args[0], 0) + 1
            row = store_rows.record(args[0], version=seq)
            batch = store_rows.births(row) if seq == 1 else store_rows.update(row)
            answers = [store.write(tenant, batch) for store in every]
        elif what == "claim":
            worker, lease, limit, kinds = args
            answers = [store.claim(tenant, worker, lease, limit, now, kinds) for store in every]
            assert len(answers[0]) <= limit and (kinds is None or "ticket" in kinds or not answers[0])
            assert all(entry.seq == done.get(entry.record_id, 0) + 1 for entry in answers[0])
            held += [Held(entry.record_id, entry.seq, worker, now + lease) for entry in answers[0]]
        elif what == "ack" and held:
            asked = held[-1 - args[0] % len(held) :]
            answers = [store.ack(tenant, asked, now) for store in every]
            done |= {each.record_id: each.seq for each in answers[0]}
        else:
            now += args[0]
            continue
        assert answers[0] == answers[1] == answers[2], (what, args)


# due times

_DUE = st.builds(
    DueRow, _IDS, st.sampled_from(["clock", "timer", "notice", "mark"]), st.sampled_from(["r", "s"]), st.just("ticket"),
    st.none() | st.integers(0, 4), st.none(), st.none() | st.integers(0, 4), st.just("1"), st.sampled_from("xyz"),
    _SMALL,
)  # fmt: skip


@steady
@given(
    steps=st.lists(st.tuples(st.sampled_from(["project", "mark", "settle"]), _SMALL, st.lists(_DUE, max_size=3)),
                   max_size=6),
    start=st.integers(0, 4), end=st.integers(0, 5), limit=st.integers(1, 3), place=st.none() | _DUE,
)  # fmt: skip
def test_due_times_are_kept_and_found_alike(
    stores: Callable[[], Any], steps: list[Any], start: int, end: int, limit: int, place: Any
) -> None:
    """Clocks and timers are replaced, notices and marks stay; periods, pages and stamps find the same rows."""
    tenant, every = stores()
    for store in every:
        store.write(tenant, store_rows.births(store_rows.record("a"), store_rows.record("b")))
    for what, version, rows in steps:
        for store in every:
            if what == "project":
                for each in dict.fromkeys(row.record_id for row in rows):
                    own = {row[:3]: row for row in rows if row.record_id == each and row.sort != "mark"}.values()
                    clocks = tuple(row for row in own if row.sort != "notice")
                    notices = tuple(row for row in own if row.sort == "notice")
                    store.project(tenant, [(version, Projected(each, clocks, notices))])
            elif what == "settle":
                store.settle(tenant, rows)
            else:
                for row in rows:
                    store.mark(tenant, row)
    answers = []
    for store in every:
        falling = store.falling(tenant, end, None if place is None else place.key, limit)
        assert falling == sorted(falling, key=lambda row: row.key)
        between = store.due_between(tenant, start, end, None)
        assert all(start <= row.due_at < end for row in between)
        assert len(store.due_between(tenant, start, end, limit)) == min(limit, len(between))
        answers.append(
            (falling, store.falling(tenant, end), [(row.due_at, row.record_id) for row in between], sorted(between),
             [sorted(store.due_of(tenant, each)) for each in "abc"], store.differing(tenant, "x", "", limit),
             store.differing(tenant, "y", "a"))
        )  # fmt: skip
    assert answers[0] == answers[1] == answers[2]


# stores that are closed, and what nobody asked for


@pytest.mark.parametrize("name", STORES)
def test_a_closed_store_refuses_every_call(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any, rows: SimpleNamespace
) -> None:
    """Reading, writing, relays and due times alike; closing it once more is no error."""
    store = make_stores(name, request, tmp_path)()
    store.migrate([rows.TICKET])
    store.write("", rows.births(rows.record("a")))
    assert told(lambda: store.claim("", "w", 1, 1, 1)) == ("error", "outbox_off")
    assert told(lambda: store.ack("", [Held("a", 1, "w", 2)], 1)) == ("error", "outbox_off")
    store.close()
    store.close()
    due = DueRow("a", "notice", "r", "ticket", None, None, 1, "1", "x", 1)
    calls: list[Callable[[], Any]] = [
        lambda: store.load("", ["a"]), lambda: store.load("", ["a", "b"]), lambda: store.find("", Query("ticket")),
        lambda: store.count("", Query("ticket")), lambda: list(store.history("")), lambda: store.links("", ["a"]),
        lambda: store.known("", "once", [("k",)]), lambda: store.write("", rows.births(rows.record("b"))),
        lambda: store.migrate([rows.TICKET]), lambda: store.due_between("", 0, 1), lambda: store.due_of("", "a"),
        lambda: store.settle("", [due]), lambda: store.keep_outbox(True), lambda: store.claim("", "w", 1, 1, 1),
    ]  # fmt: skip
    assert [told(call) for call in calls] == [("error", "store_closed")] * len(calls)
