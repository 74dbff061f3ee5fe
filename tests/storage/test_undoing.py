"""What a unit takes back, what it hands to its store, and how it explains that the store refuses."""

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import itil4
from itil4 import Actor, Incident, InvalidInput, MemoryStore, NotFound, StaleRecord
from itil4.errors import StoreError
from itil4.record import Change, Details, Entry
from itil4.storage import Batch, Conflict, LinkRow, Query
from itil4.storage.unit import Unit, link_of, link_row

SAM = Actor("sam", roles={"service_desk", "incident_manager"})
EVE = Actor("eve", roles={"service_desk"})


class Watched(MemoryStore):
    """Keeps the batches that it is given; refuses them with `conflict`, where there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Batch] = []
        self.conflict: Conflict | None = None

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        self.batches.append(batch)
        if self.conflict is not None:
            raise self.conflict from RuntimeError("deadlock found")
        return super().write(tenant, batch)


@pytest.fixture
def itsm() -> Iterator[itil4.ServiceManagement]:
    with itil4.connect(Watched()) as made:
        yield made


def log(itsm: Any, summary: str = "Mail is down") -> Incident:
    made: Incident = itsm.incidents.log(summary=summary, impact="high", urgency="low", by=SAM)
    return made


def entry_of(record: Any, **headers: Any) -> Entry:
    given = {
        "record_id": record.id, "kind": "incident", "seq": record.version + 1, "op": "update", "by": "sam",
        "lifecycle": "incident", "at": record.updated_at, "recorded_at": record.updated_at, "details": Details({}),
    }  # fmt: skip
    return Entry(**{**given, **headers})


def renamed(unit: Unit, record_id: str, text: str) -> None:
    """Add an entry that changes a summary."""
    held = unit.get(record_id)
    assert held is not None
    change = {"summary": Change(held.summary, text)}
    made = attrs.evolve(held, summary=text, version=held.version + 1)
    unit.add(made, entry_of(held, details=Details({"changes": change})))


# undoing

_STORED = (st.sampled_from([0, 1]), st.none(), st.none())
"""The two links that are stored, by their sources."""

_WORK = st.one_of(
    st.tuples(st.just("rename"), st.integers(0, 2), st.sampled_from("xyz")),
    st.tuples(st.just("bear"), st.integers(0, 1)),
    st.tuples(st.just("link"), st.integers(0, 2), st.sampled_from(["child_of", "relates_to"]), st.integers(0, 2)),
    st.tuples(st.just("unlink"), st.integers(0, 2), st.sampled_from(["child_of", "relates_to"]), st.integers(0, 2)),
    st.tuples(st.sampled_from(["unlink", "replace"]), *_STORED),
    st.tuples(st.just("once"), st.sampled_from("km"), st.integers(0, 2)),
    st.tuples(st.just("redact"), st.integers(0, 2)),
)


class Work:
    """Does random work in a unit, each step or none of it."""

    def __init__(self, unit: Unit, ids: list[str]) -> None:
        self.unit, self.ids = unit, ids
        unit.get_all(ids)

    def do(self, what: str, *args: Any) -> None:
        """Take one step, where it makes sense."""
        unit, ids = self.unit, self.ids
        if what in ("link", "unlink", "replace"):
            if args[1] is None:
                args = ((0, "child_of", 1), (1, "relates_to", 2))[args[0]]
            row = LinkRow(ids[args[0]], args[1], ids[args[2]], "incident", "incident", 5, "sam")
            seen = {each[:3]: each for each in unit.links(row.source)}
            if what == "link" and row[:3] not in seen:
                unit.add_link(row)
            elif what == "unlink" and row[:3] in seen:
                unit.remove_link(row)
            elif what == "replace" and row[:3] in seen and row[:3] not in unit._links:
                unit.replace_link(seen[row[:3]], row._replace(by="nobody"))
        elif what == "bear":
            first: Any = unit.get(ids[0])
            born = attrs.evolve(
                first, id=f"born{args[0]}", number=None, version=1, state="new", summary="born",
                updated_at=first.created_at,
            )  # fmt: skip
            if unit.get(born.id) is None:
                unit.born(unit.kind("incident"), born, entry_of(born, seq=1, op="birth", to_state="new"))
        elif what == "once" and unit.taken(args[0]) is None:
            unit.once(args[0], ids[args[1]], 1, "mark")
        elif what == "redact" and not any(entry.record_id == ids[args[0]] for entry in unit.entries):
            held: Any = unit.get(ids[args[0]])
            stored = list(unit.store.history("", record_id=held.id))
            unit.redact(attrs.evolve(held, version=held.version + 1), entry_of(held, op="redaction"), [], stored)
        elif what == "rename" and ids[args[0]] not in unit._redactions:
            renamed(unit, ids[args[0]], args[1])

    def seen(self) -> Any:
        """Return all that the unit shows."""
        unit = self.unit
        return (
            list(unit.entries), unit.is_empty, [unit.get(each) for each in (*self.ids, "born0", "born1")],
            [sorted(unit.links(each, backwards=way)) for each in self.ids for way in (False, True)],
            [unit.taken(key) for key in "km"], [(record, list(own), new) for _, record, own, new in unit.changed()],
        )  # fmt: skip


def _desk() -> tuple[MemoryStore, list[str]]:
    store = MemoryStore()
    itsm = itil4.connect(store)
    made = [log(itsm, summary) for summary in ("one", "two", "three")]
    itsm.link(made[0], "child_of", made[1], by=SAM)
    itsm.link(made[1], "relates_to", made[2], by=SAM)
    return store, [each.id for each in made]


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(st.tuples(st.sampled_from(["kept", "failed", "tried"]), st.lists(_WORK, max_size=4)), max_size=5))
def test_what_is_taken_back_never_was(parts: list[Any]) -> None:
    """After any inner part that fails or was a trial all is seen as before it, and what is written never knew of it."""
    store, ids = _desk()
    with itil4.connect(store.copy()) as itsm, itil4.connect(store) as other:
        one, two = Work(itsm.new_unit(), ids), Work(other.new_unit(), ids)
        for what, steps in parts:
            before = one.seen()
            if what == "tried":
                with one.unit.trial():
                    for step in steps:
                        one.do(*step)
                assert one.seen() == before
            elif what == "failed":
                with pytest.raises(RuntimeError), one.unit.savepoint():  # noqa: PT012 - the error ends the savepoint
                    for step in steps:
                        one.do(*step)
                    raise RuntimeError
                assert one.seen() == before
            else:
                with one.unit.savepoint():
                    for step in steps:
                        one.do(*step)
                for step in steps:
                    two.do(*step)
                assert one.seen() == two.seen()
        entries = one.unit.commit()
        assert entries == two.unit.commit()
        assert _held(itsm.house.store) == _held(other.house.store)
        assert {entry.details.get("number") for entry in entries if entry.seq == 1} <= {"INC0000004", "INC0000005"}


def _held(store: Any) -> Any:
    rows = store.find("", Query("incident"))
    once = store.known("", "once", [("k",), ("m",)])
    return rows, list(store.history("")), store.links("", [row.id for row in rows]), once


# what the store is given


def test_a_batch_bumps_the_ends_of_its_links_and_what_is_claimed(itsm: itil4.ServiceManagement) -> None:
    """Once for every link made or removed at a record, and once for a claim; people and the unknown have no counter."""
    one, two, three = log(itsm), log(itsm), log(itsm)
    itsm.link(two, "child_of", three, by=SAM)
    (old,) = itsm.new_unit().links(two.id)
    unit = itsm.new_unit()
    unit.get_all([one.id])
    renamed(unit, one.id, "x")
    unit.add_link(LinkRow(one.id, "relates_to", two.id, "incident", "incident", 5, "sam"))
    unit.add_link(LinkRow(one.id, "watched_by", "person:ana", "incident", "person", 5, "sam"))
    unit.remove_link(old)
    unit.claim([three.id, "nobody"])
    unit.depend([two.id])
    unit.claim([(alone := log(itsm)).id])
    unit.commit()
    (*_, batch) = itsm.house.store.batches  # type: ignore[attr-defined]  # a watched one
    assert batch.bumps == {one.id: 2, two.id: 2, three.id: 2, alone.id: 1}
    assert batch.checks == {alone.id: (1, 0), three.id: (1, 1), two.id: (2, 1)}
    assert [row[:3] for row in batch.unlinks] == [(two.id, "child_of", three.id)]
    assert [(row.id, expected) for row, expected in batch.updates] == [(one.id, 1)]
    assert batch.births == []


def test_of_two_units_that_claim_a_record_one_commits(itsm: itil4.ServiceManagement) -> None:
    """The other is told that its links have moved, though nobody linked anything."""
    taken, one, two = log(itsm), log(itsm), log(itsm)
    first, second = itsm.new_unit(), itsm.new_unit()
    for unit, own in ((first, one), (second, two)):
        unit.claim([taken.id])
        renamed(unit, own.id, "claimed")
    first.commit()
    with pytest.raises(StaleRecord) as caught:
        second.commit()
    detail = caught.value.detail
    assert (caught.value.code, detail["record"], detail["changed_by"], detail["changed"]) == (
        "stale_links", taken.number, "somebody", "unlink",
    )  # fmt: skip
    assert itsm.incidents.get(two).summary == "Mail is down"


def test_a_trail_ends_where_it_comes_back_and_rests_on_all_that_it_reached(itsm: itil4.ServiceManagement) -> None:
    """Along one relation only, forwards only, each record once and the start first."""
    one, two, three, four = (log(itsm) for _ in range(4))
    unit = itsm.new_unit()
    for source, relation, target in (
        (one, "child_of", two), (two, "child_of", three), (three, "child_of", one), (two, "relates_to", four),
        (four, "child_of", one),
    ):  # fmt: skip
        unit.add_link(LinkRow(source.id, relation, target.id, "incident", "incident", 5, "sam"))
    assert unit.trail(one.id, "child_of") == [one.id, two.id, three.id]
    assert unit.trail(four.id, "child_of") == [four.id, one.id, two.id, three.id]
    assert unit.trail(one.id, "relates_to") == [one.id]
    assert unit._checks == {each.id: (1, 0) for each in (one, two, three, four)}


# explanations


@pytest.mark.parametrize("what", ["version", "link", "links", "contended"])
@pytest.mark.parametrize("about", ["held", "stored", "numberless", "nobody"])
def test_what_moved_is_told_with_all_that_is_known(itsm: itil4.ServiceManagement, what: str, about: str) -> None:
    """Its number, or the key that it was imported under, or its id; the versions; and who did what."""
    ours, theirs = log(itsm), log(itsm)
    store: Any = itsm.house.store
    unit = itsm.new_unit()
    renamed(unit, ours.id, "ours")
    key = {"held": ours.id, "nobody": "nobody"}.get(about, theirs.id)
    if about != "nobody":
        itsm.incidents.assign(key, to="eve", by=EVE)
        newest = itsm.link(key, "relates_to", log(itsm), by=Actor("tom", roles={"service_desk"}))
        assert newest is not None
    if about == "numberless":
        held = store._of("").records
        held[key] = held[key]._replace(number=None, origin_key="old:7")
    store.conflict = Conflict(what, key, 5)  # type: ignore[arg-type]  # one of its words
    with pytest.raises(StaleRecord) as caught:
        unit.commit()
    detail = dict(caught.value.detail)
    at_hand = {"held": ours.number, "stored": theirs.number, "numberless": "old:7", "nobody": "nobody"}[about]
    found = None if about == "nobody" else 3
    by, changed = ("somebody", "something") if about == "nobody" else ("tom", "link")
    if what.startswith("link") and about != "nobody":
        changed = "link relates_to"
    elif what.startswith("link"):
        changed = "unlink"
    expected = 5 if what == "version" else 1 if about == "held" else None
    wanted = {"record": at_hand, "expected": expected, "found": found, "changed_by": by, "changed": changed}
    if what == "contended":
        wanted["error"] = "deadlock found"
    code = {"version": "stale", "contended": "contended"}.get(what, "stale_links")
    assert (caught.value.code, detail) == (code, wanted)
    assert caught.value.__cause__ is store.conflict


@pytest.mark.parametrize(("found", "holder"), [("INC0000007", "INC0000007"), (None, "another record")])
@pytest.mark.parametrize("what", ["id", "number", "origin", "once"])
def test_a_key_that_is_taken_is_told_with_its_holder(
    itsm: itil4.ServiceManagement, what: Any, found: Any, holder: str
) -> None:
    """What is taken, its value, and who has it, as far as the store knows."""
    store: Any = itsm.house.store
    ours = log(itsm)
    unit = itsm.new_unit()
    renamed(unit, ours.id, "ours")
    store.conflict = Conflict(what, "the key", None, found)
    with pytest.raises(InvalidInput) as caught:
        unit.commit()
    assert caught.value.code == "taken"
    assert dict(caught.value.detail) == {"what": what, "value": "the key", "holder": holder}
    with pytest.raises(InvalidInput) as again:
        unit.commit()
    assert again.value.code == "unit_over"


def test_in_a_unit_the_newest_of_its_own_entries_is_told(itsm: itil4.ServiceManagement) -> None:
    """Of several that it has collected, the last: its version, who did it, and what it was."""
    incident = log(itsm)
    unit = itsm.new_unit()
    renamed(unit, incident.id, "x")
    held = unit.get(incident.id)
    assert held is not None
    unit.add(attrs.evolve(held, version=3), entry_of(held, op="step", event="start", by="eve"))
    with pytest.raises(StaleRecord) as caught:
        unit.current(incident)
    detail = caught.value.detail
    assert [detail[name] for name in ("expected", "found", "changed_by", "changed")] == [1, 3, "eve", "start"]


def test_a_unit_that_is_over_takes_nothing_of_any_sort(itsm: itil4.ServiceManagement) -> None:
    """Each is refused by what it was to add, and is not there."""
    incident = log(itsm)
    unit = itsm.new_unit()
    unit.get(incident.id)
    row = LinkRow(incident.id, "relates_to", "b", "incident", "incident", 5, "sam")
    assert not unit.is_over
    unit.end()
    assert unit.is_over
    refused: dict[str, list[Callable[[], Any]]] = {
        "a birth": [lambda: unit.born(unit.kind("incident"), attrs.evolve(incident, id="b"), entry_of(incident))],
        "an entry": [lambda: renamed(unit, incident.id, "x")],
        "a redaction": [lambda: unit.redact(incident, entry_of(incident), [], [])],
        "a link": [lambda: unit.add_link(row), lambda: unit.remove_link(row), lambda: unit.replace_link(row, row)],
        "a once key": [lambda: unit.once("k", incident.id, 1, "m")],
        "a second commit": [unit.commit],
    }
    for action, calls in refused.items():
        for call in calls:
            with pytest.raises(InvalidInput) as caught:
                call()
            assert (caught.value.code, caught.value.detail["action"]) == ("unit_over", action)
    assert unit.is_empty and unit.taken("k") is None and unit.links(incident.id) == []


# reading


def test_a_copy_that_a_caller_holds_is_compared_with_what_is_stored(itsm: itil4.ServiceManagement) -> None:
    """By its version, by what was expected, by its type, and then field by field; what is not there is not found."""
    incident = log(itsm)
    unit = itsm.new_unit()
    assert unit.current(incident) == unit.current(incident, 1) == incident
    assert unit.current(attrs.evolve(incident, number=None)) == incident

    @attrs.frozen(kw_only=True)
    class Other(Incident):
        pass

    alien = Other(**{each.name: getattr(incident, each.name) for each in attrs.fields(Incident) if each.init})
    refusals: list[tuple[Callable[[], Any], type[Exception], str, Any]] = [
        (lambda: unit.current(attrs.evolve(incident, id="none")), NotFound, "not_found", None),
        (lambda: unit.current(attrs.evolve(incident, version=2)), StaleRecord, "stale", (2, 1)),
        (lambda: unit.current(incident, 3), StaleRecord, "stale", (3, 1)),
        (lambda: unit.current(incident, 0), StaleRecord, "stale", (0, 1)),
        (lambda: unit.current(attrs.evolve(incident, number=None), 4), StaleRecord, "stale", (4, 1)),
        (lambda: unit.current(attrs.evolve(incident, number="INC9")), InvalidInput, "tampered", ["number"]),
        (lambda: unit.current(attrs.evolve(incident, number=None, rank=5)), InvalidInput, "tampered", None),
        (lambda: unit.current(alien), InvalidInput, "tampered", ["its type"]),
    ]
    for call, sort, code, about in refusals:
        with pytest.raises(sort) as caught:
            call()
        error: Any = caught.value
        assert error.code == code
        if sort is StaleRecord:
            assert (error.detail["expected"], error.detail["found"]) == about
        elif about is not None:
            assert list(error.detail["fields"]) == about
    with pytest.raises(StoreError) as unknown:
        unit.kind("ship")
    assert (unknown.value.code, unknown.value.detail["kind"]) == ("unknown_kind", "ship")


def test_records_are_read_once_in_the_order_that_was_asked(itsm: itil4.ServiceManagement) -> None:
    """Each once, unknown ones left out; what others write later is not seen by the unit that has read."""
    one, two = log(itsm, "one"), log(itsm, "two")
    unit = itsm.new_unit()
    assert [each.id for each in unit.get_all([two.id, "none", one.id, two.id])] == [two.id, one.id]
    itsm.incidents.update(one, summary="newer", by=EVE)
    seen = unit.get(one.id)
    assert seen is not None and seen.summary == "one"
    assert unit.get("none") is None
    assert unit.kind_of(one.id).name == "incident"
    assert unit.name == unit.name != itsm.new_unit().name


def test_a_link_and_its_row_are_the_same_to_the_microsecond(itsm: itil4.ServiceManagement) -> None:
    """From the one to the other and back nothing is lost."""
    row = LinkRow("a", "child_of", "b", "incident", "problem", 1_767_225_600_123_457, "sam")
    assert link_row(link_of(row), "incident", "problem") == row
    assert link_of(row).at.microsecond == 123_457
