"""Rules on plain data: conditions, what redaction leaves of a line, ways from schema to schema, addresses, waits."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import itil4
from itil4 import Actor, InvalidInput, MemoryStore, Refused, SchemaTooNew, SqliteStore, StaleRecord
from itil4.clock import FrozenClock
from itil4.errors import DefinitionError, StoreError
from itil4.record import PROTECTED, REDACTED, FieldSet, Frozen, Record, make_shape
from itil4.storage import Query, opening
from itil4.storage.capabilities import CAPABILITIES, capabilities_of
from itil4.storage.evolution import Evolution
from itil4.storage.json_text import fastest, standard
from itil4.storage.kinds import Kind
from itil4.storage.protocols import RedactedRow
from itil4.storage.query import (
    Compare,
    Every,
    Linked,
    Some,
    behind,
    bounded,
    holds,
    microseconds,
    moment,
    sort_key,
    unwritable,
)
from itil4.storage.redaction import cut_of_fields, cut_of_person, left_of, redacted_rows
from itil4.storage.retrying import retry
from itil4.storage.text_search import PlainWords, finds_words, spelled, store_of_words, words_of
from itil4.testing import store_rows

SAM = Actor("sam", roles={"service_desk"})

# conditions

_NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.booleans()
_PLAIN = st.none() | _NUMBERS | st.text(max_size=3)
_COMPARED: dict[Any, Callable[[Any, Any], bool]] = {
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}


def _says(found: Any, operator: Any, value: Any) -> bool:
    return holds(Compare("x", operator, value), {"x": found}.get, lambda _: False)


@given(found=_PLAIN, value=_PLAIN)
def test_operators_mean_what_they_mean_of_plain_values(found: Any, value: Any) -> None:
    """Nothing equals only itself and is in no order; numbers come before text; eq and ne, and lt and ge, exclude."""
    alike = (found is None) == (value is None) and isinstance(found, str) == isinstance(value, str)
    same = alike and (found is None or bounded(found) == bounded(value))
    assert _says(found, "eq", value) == same == (not _says(found, "ne", value))
    assert _says(found, "in", (value,)) == same and not _says(found, "in", ())
    assert _says(found, "is_null", True) == (found is None) != _says(found, "is_null", False)
    for operator, compare in _COMPARED.items():
        if found is None or value is None:
            assert not _says(found, operator, value)
        elif isinstance(found, str) == isinstance(value, str):
            both = (found, value) if isinstance(found, str) else (bounded(found), bounded(value))
            assert _says(found, operator, value) == compare(*both)
        else:
            assert _says(found, operator, value) == compare(isinstance(found, str), isinstance(value, str))
    texts = isinstance(found, str) and isinstance(value, str)
    assert _says(found, "prefix", value) == (texts and found[: len(value)] == value)
    assert _says(found, "contains", value) == (texts and value.casefold() in found.casefold())
    assert sort_key(found) <= sort_key(value) or _says(found, "gt", value) or value is None


@given(parts=st.lists(st.booleans(), max_size=4))
def test_every_and_some_of_parts(parts: list[bool]) -> None:
    """All of them, which is true of none; at least one, which is false of none; however they are nested."""
    made = tuple(Compare("x", "eq", 1 if part else 2) for part in parts)
    for where, expected in ((Every(made), all(parts)), (Some(made), any(parts))):
        assert holds(where, lambda _: 1, lambda _: False) is expected
        assert holds(Every((where, Some((where,)))), lambda _: 1, lambda _: False) is expected
    asked: list[Any] = []
    assert not holds(Linked("blocks", "b", True), lambda _: 1, asked.append)  # type: ignore[arg-type]  # None is no
    assert holds(Linked("blocks", "b", True), lambda _: 1, lambda _: True)
    assert asked == [Linked("blocks", "b", True)]


def test_conditions_are_equal_when_their_parts_are() -> None:
    """Of one class and with equal parts; they say how they are made, and serve as keys."""
    one, same = Every((Compare("a", "eq", 1), Linked("r", "b"))), Every((Compare("a", "eq", 1), Linked("r", "b")))
    assert one == same and hash(one) == hash(same) and {one: 1}[same] == 1
    others = [Some(one.parts), Every(one.parts[:1]), one.parts, None]
    assert all(one != other for other in others)
    assert hash(Every(())) != hash(Some(()))
    assert Linked("r", "b") != Linked("r", "b", True) != Linked("s", "b", True)
    assert repr(one) == "Every((Compare('a', 'eq', 1), Linked(False, 'b', 'r')))"
    assert Query("k") == Query("k", Every(()), (), None, None) != Query("k", limit=1)


@pytest.mark.parametrize(
    ("order", "total", "good", "bad"),
    [
        ((), (("id", False),), [("a",), (5,), (None,)], [(), ("a", "b"), (b"a",), ("\ud800",)]),
        ((("n", True),), (("n", True), ("id", True)), [(1, "a"), (None, "a"), (1.5, "é")], [("a",), (1, "a", 2)]),
        ((("n", True), ("id", False)), (("n", True), ("id", False)), [(True, "a")], [(1,), ((), "a"), ("\udfff", "")]),
        ((("id", True),), (("id", True),), [("a",)], [("a", "a"), ([],)]),
    ],
)
def test_a_mark_has_a_plain_value_for_each_field_of_the_order(order: Any, total: Any, good: Any, bad: Any) -> None:
    """The id is the last one, in the direction of the one before it, unless it is there already."""
    assert Query("k", order=order).total_order == total
    for mark in good:
        assert Query("k", order=order, after=mark).after == mark
    for mark in bad:
        with pytest.raises(InvalidInput) as caught:
            Query("k", order=order, after=mark)
        assert (caught.value.code, len(caught.value.detail["value"])) == ("bad_cursor", len(mark))


def test_a_text_that_no_store_can_hold_is_refused_where_it_is_asked_for() -> None:
    """The first such character is named, in a list of values too; all other text may be asked for."""
    assert [unwritable(text) for text in ("a", "é💥", "a\ud800b\udfff", "\udfff")] == [None, None, "U+D800", "U+DFFF"]
    for operator, value in (("eq", "x\udc80"), ("prefix", "\udc80"), ("in", ("a", None, "é", "\udc80"))):
        with pytest.raises(InvalidInput) as caught:
            Compare("summary", operator, value)  # type: ignore[arg-type]  # an operator
        assert caught.value.code == "control_character"
        assert caught.value.detail == {"field": "summary", "character": "U+DC80"}
    assert Compare("summary", "in", ("é", 1, None)).value == ("é", 1, None)


@given(at=st.datetimes(timezones=st.just(UTC)), more=st.integers(-(10**6), 10**6))
def test_moments_keep_every_microsecond(at: datetime, more: int) -> None:
    """There and back, over the whole calendar, and in the order of time."""
    assert moment(microseconds(at)) == at
    assert microseconds(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=more)) == more


def test_numbers_beyond_64_bits_compare_as_databases_have_them() -> None:
    """The bounds themselves are exact; one further is a floating number; beyond those it is endless."""
    assert [type(bounded(each)) for each in (2**63 - 1, -(2**63), 2**63, -(2**63) - 1)] == [int, int, float, float]
    assert (bounded(10**400), bounded(-(10**400))) == (float("inf"), float("-inf"))
    assert bounded(True) is True and bounded("a") == "a"
    assert behind((1, "b"), (1, "a"), (("n", False), ("id", False)))


# redaction


class _Line(SimpleNamespace):
    """A line of history, as far as a cut looks at it."""


def _cut(cut: Any, details: dict[str, Any], *, seq: int = 1, by: str = "ana") -> Any:
    before = json.loads(json.dumps(details))
    made = cut(_Line(seq=seq, by=by), details)
    assert details == before  # what is stored is not changed in place
    return made


@pytest.fixture(scope="module")
def codec() -> Any:
    """How incidents with two extra fields are written."""
    return _desk().house.kinds["incident"].codec


def _desk() -> Any:
    fields = itil4.FieldSet.from_dict({"vessel": {"type": "line"}, "names": {"type": "lines"}})
    return itil4.connect(fields={"incident": fields})


def test_fields_leave_a_mark_and_collections_that_grew_are_empty(codec: Any) -> None:
    """Of texts the mark stays, of nothing and of fields that nobody knows any more nothing; additions become wholes."""
    cut = cut_of_fields(codec, ["summary", "vessel", "names", "informed", "resolution", "gone"])
    changes = {
        "summary": ["Ana", "Bea"], "vessel": [None, "Aurora"], "names": {"+": ["Ana"]}, "impact": ["high", "low"],
        "resolution": ["x", None], "gone": ["x", 5], "informed": {"+": ["ana"]},
    }  # fmt: skip
    by, details = _cut(cut, {"changes": changes, "roles": ["user"]})
    assert (by, details["roles"], details["changes"]["impact"]) == ("ana", ["user"], ["high", "low"])
    assert details["changes"]["summary"] == [REDACTED, REDACTED]
    assert details["changes"]["vessel"] == [None, REDACTED]
    assert details["changes"]["resolution"] == [REDACTED, None]
    assert details["changes"]["gone"] == [None, None]
    assert details["changes"]["names"] == [None, None]
    assert details["changes"]["informed"] == [[], []]
    assert _cut(cut, {"comment": {"text": "Ana"}, "reason": "Ana"})[1] == {"comment": {"text": "Ana"}, "reason": "Ana"}


def test_parts_of_values_go_and_the_rest_of_them_stays(codec: Any) -> None:
    """By their path, however deep; text leaves the mark, collections are empty, and all else is nothing."""
    cut = cut_of_fields(codec, ["causes.text", "causes.who", "causes.n", "berth.deck"])
    value = {"text": "Ana", "n": 5, "who": ["Ana"], "kept": "x", "inner": {"text": "Bea", "who": {"a": 1}, "kept": [1]}}
    hidden: dict[str, Any] = {
        "text": REDACTED, "n": None, "who": [], "kept": "x", "inner": {"text": REDACTED, "who": {}, "kept": [1]},
    }  # fmt: skip
    told = {"causes": [None, [value]], "berth": [{"deck": "A", "text": "kept"}, "plain"], "other": ["text", "n"]}
    assert _cut(cut, {"changes": told})[1]["changes"] == {
        "causes": [None, [hidden]], "berth": [{"deck": REDACTED, "text": "kept"}, "plain"], "other": ["text", "n"],
    }  # fmt: skip
    assert _cut(cut, {"changes": {"causes": {"+": [value]}}})[1]["changes"] == {"causes": {"+": [hidden]}}


@pytest.mark.parametrize(("meant", "gone"), [(True, True), (False, False), ([2, 3], True), ([1], False), ([], False)])
def test_comments_and_reasons_go_where_they_are_meant(codec: Any, meant: Any, gone: bool) -> None:
    """By the place of the line, or everywhere, or nowhere; each by itself."""
    said = {"comment": {"text": "Ana", "by": "ana", "attachments": ["x"]}, "reason": "Ana"}
    _, comments = _cut(cut_of_fields(codec, [], comments=meant), said, seq=2)
    _, reasons = _cut(cut_of_fields(codec, [], reasons=meant), said, seq=2)
    blank = {"text": REDACTED, "by": "ana", "attachments": []}
    assert comments == {**said, "comment": blank} if gone else comments == said
    assert reasons == {**said, "reason": REDACTED} if gone else reasons == said


def test_a_field_that_has_to_hold_something_and_is_no_text_is_refused(codec: Any) -> None:
    """By its name, when a line holds it; a line where nothing stood is none of them."""
    cut = cut_of_fields(codec, ["created_at"])
    assert _cut(cut, {"changes": {"created_at": [None, None]}})[1] == {"changes": {"created_at": [None, None]}}
    with pytest.raises(Refused) as caught:
        _cut(cut, {"changes": {"created_at": [None, "2026-03-02T09:00:00.000000+00:00"]}})
    assert (caught.value.code, caught.value.detail["field"]) == ("not_redactable", "created_at")


def test_a_person_goes_wherever_a_line_says_who_and_nowhere_else() -> None:
    """In fields of people, in what ends in `_by`, in keys, in lists in lists, in links; a text of that name stays."""
    cut = cut_of_person("ana", "p1", {"assignee", "swarm"}, link_end=lambda name: f"person:{name}")
    details = {
        "changes": {
            "assignee": ["ana", "bea"], "swarm": {"+": ["ana", "bea"]}, "summary": ["ana", "ana is here"],
            "notes": [None, [{"by": "ana", "text": "ana", "checked_by": "ana", "swarm": {"ana": "x", "bea": "ana"}}]],
        },
        "on_behalf_of": "ana", "link": ["watched_by", "person:ana"], "reason": "ana",
    }  # fmt: skip
    assert _cut(cut, details) == (
        "p1",
        {
            "changes": {
                "assignee": ["p1", "bea"], "swarm": {"+": ["p1", "bea"]}, "summary": ["ana", "ana is here"],
                "notes": [None, [{"by": "p1", "text": "ana", "checked_by": "p1", "swarm": {"p1": "x", "bea": "ana"}}]],
            },
            "on_behalf_of": "p1", "link": ["watched_by", "person:p1"], "reason": "ana",
        },
    )  # fmt: skip
    others = {"on_behalf_of": "bea", "link": ["watched_by", "person:bea"], "by": "bea"}
    assert _cut(cut, others, by="bea") == ("bea", others)
    assert _cut(cut, {"link": ["blocks", "ana"]})[1] == {"link": ["blocks", "ana"]}


def test_only_lines_that_change_are_written_anew(codec: Any) -> None:
    """Those whose author or details differ; what is left has them in their places, and all else as it was."""
    rows = [store_rows.entry("a", seq, by=by, details=json.dumps({"reason": why}))
            for seq, by, why in ((1, "ana", "x"), (2, "bea", "x"), (3, "bea", "ana"))]  # fmt: skip

    def cut(row: Any, details: Any) -> Any:
        return ("p1" if row.by == "ana" else row.by), {"reason": details["reason"].replace("ana", "p1")}

    made = redacted_rows(codec, rows, cut)
    assert made == [RedactedRow("a", 1, "p1", '{"reason":"x"}'), RedactedRow("a", 3, "bea", '{"reason":"p1"}')]
    left = left_of(rows, made)
    assert [(row.by, json.loads(row.details)["reason"]) for row in left] == [("p1", "x"), ("bea", "x"), ("bea", "p1")]
    assert left[1] is rows[1] and left[0]._replace(by="ana", details=rows[0].details) == rows[0]
    assert redacted_rows(codec, rows, lambda row, details: (row.by, details)) == []


# from schema to schema


def _led() -> Evolution:
    ups: dict[int, Any] = {
        1: lambda body: {**{name: each for name, each in body.items() if name != "boat"}, "ship": body.get("boat")},
        2: lambda body: {**body, "heads": len(body.get("crew", []))},
    }
    return Evolution(3, ups, {"state"}, {"deck"})


def test_a_history_is_told_in_the_present_schema() -> None:
    """What each line changed is what the bodies before and after it differ in, once both are led up."""
    lines: list[dict[str, Any]] = [
        {"changes": {"boat": [None, "A"], "crew": [None, ["x"]], "state": [None, "new"]}, "reason": "r"},
        {"changes": {"crew": {"+": ["y"]}, "deck": [None, "B"]}},
        {"schema": 2, "changes": {"ship": ["A", "C"], "crew": [["x", "y"], None]}},
        {"schema": 3, "changes": {"deck": ["B", None]}},
        {"schema": 2, "changes": {"ship": ["C", "D"]}},
        {"schema": 3, "comment": {"text": "x"}},
    ]
    before = json.loads(json.dumps(lines))
    assert _led().history(lines, "a") == [
        {"changes": {"state": [None, "new"], "ship": [None, "A"], "crew": [None, ["x"]], "heads": [None, 1]},
         "reason": "r", "schema": 3},
        {"changes": {"crew": {"+": ["y"]}, "deck": [None, "B"], "heads": [1, 2]}, "schema": 3},
        {"changes": {"ship": ["A", "C"], "heads": [2, 0], "crew": [["x", "y"], None]}, "schema": 3},
        {"changes": {"deck": ["B", None]}, "schema": 3},
        {"changes": {"ship": ["C", "D"]}, "schema": 3},
        {"comment": {"text": "x"}, "schema": 3},
    ]  # fmt: skip
    assert lines == before
    present = [{"schema": 3, "changes": {"ship": [None, "A"]}}]
    assert _led().history(present, "a") == present


def test_what_a_later_schema_wrote_is_refused_by_its_record() -> None:
    """In a body and in a line of history alike, with the schema that was found and the one that is known."""
    calls: list[Callable[[], Any]] = [
        lambda: _led().body({}, 4, "ship:1"),
        lambda: _led().history([{"schema": 4}], "ship:1"),
        lambda: _led().history([{"changes": {}}, {"schema": 4}], "ship:1"),
    ]
    for call in calls:
        with pytest.raises(SchemaTooNew) as caught:
            call()
        assert dict(caught.value.detail) == {"what": "ship:1", "found": 4, "known": 3}
    assert _led().body({"ship": "A"}, 3, "x") == {"ship": "A"}
    assert _led().body({"boat": "A", "crew": [1]}, 1, "x") == {"ship": "A", "crew": [1], "heads": 1}


@pytest.mark.parametrize("schema", [1, 2])
def test_a_damaged_line_names_its_record_and_place(schema: int) -> None:
    """Whether histories are led up or not; and a history of no lines has none."""
    ups: dict[int, Any] = {1: dict} if schema == 2 else {}
    shape = make_shape(Record, FieldSet.from_dict({}), PROTECTED)
    made = Kind("boat", "BOA", shape, (), lambda _: "new", schema, ups).codec
    rows = [store_rows.entry("a", 1), store_rows.entry("a", 2, details="{")]
    assert made.plain_details([]) == []
    assert made.plain_details(rows[:1]) == ([{}] if schema == 1 else [{"schema": 2}])
    with pytest.raises(StoreError) as caught:
        made.plain_details(rows)
    assert (caught.value.code, caught.value.detail["record"]) == ("broken_row", "entry a:2")


def test_extra_fields_that_only_others_declare_stay_beside_ones_own() -> None:
    """Two hosts with fields of their own write one record in turn, and neither loses what the other wrote."""
    store = MemoryStore()
    one, two = (
        itil4.connect(store, fields={"incident": FieldSet.from_dict({name: {"type": "line"}})}) for name in ("x", "y")
    )
    made = one.incidents.log(summary="Mail", impact="high", urgency="low", x="1", by=SAM)
    two.incidents.update(made.id, y="2", by=SAM)
    one.incidents.update(made.id, x="3", by=SAM)
    two.incidents.update(made.id, summary="Printer", by=SAM)
    assert json.loads(store.load("", [made.id])[0].body)["extra"] == {"x": "3", "y": "2"}
    assert (one.incidents.get(made.id).extra["x"], two.incidents.get(made.id).extra["y"]) == ("3", "2")


def test_both_ways_to_write_json_give_the_same_text() -> None:
    """Frozen mappings, named tuples and words of enums too, as what they are of; and the same is refused."""
    pytest.importorskip("orjson", reason="orjson comes with the extra `fast`")

    class Word(str):
        __slots__ = ()

    values = [Frozen(a=(1, Frozen())), store_rows.once("k", "a"), Word("é"), [2**70, -(2**63), 1.5, None, '\n"/']]
    for value in (*values, {"all": values}, 10**25):
        text = fastest().dumps(value)
        assert text == standard().dumps(value)
        assert fastest().loads(text) == standard().loads(text)
    for value in (object(), {1, 2}, b"a", datetime(2026, 3, 2, tzinfo=UTC)):
        for way in (fastest(), standard()):
            with pytest.raises(TypeError):
                way.dumps(value)


# addresses


@pytest.mark.parametrize(
    ("url", "path"), [("sqlite:///d", "d"), ("sqlite:///sub/desk.db", "sub/desk.db"), ("sqlite:///:d", ":d")]
)
def test_three_slashes_lead_to_a_file_from_here_and_four_to_any(
    url: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However short its name is."""
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    for address in (url, f"sqlite:///{tmp_path}/{path}"):
        store = opening.opened(address)
        assert isinstance(store, SqliteStore)
        assert Path(store.path) == tmp_path / path
        store.close()
    assert (tmp_path / path).exists()


def test_each_empty_address_of_memory_opens_a_store_of_its_own() -> None:
    """With or without a slash, or nothing at all; a name in it is refused, since nothing would share it."""
    made = [opening.opened(each) for each in (None, "memory://", "memory:///")]
    assert all(type(each) is MemoryStore for each in made)
    assert len({id(each) for each in made}) == 3
    assert opening.opened(made[0]) is made[0]
    for url in ("memory://desk", "memory:///desk", "sqlite://", "sqlite:///", "sqlite://desk.db", "desk.db"):
        with pytest.raises(InvalidInput) as caught:
            opening.opened(url)
        assert (caught.value.code, caught.value.detail["value"]) == ("bad_url", url)


class _Backend(SimpleNamespace):
    """What another package has registered."""

    def load(self) -> Any:
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives


@pytest.mark.parametrize(
    ("gives", "code", "about"),
    [
        (ZeroDivisionError("no"), "broken_backend", "ZeroDivisionError('no')"),
        (StoreError.of("store_closed"), "store_closed", None),
        (5, "broken_backend", "5 cannot be called with an address"),
        (lambda url: None, "broken_backend", "it opens None, which lacks migrate, close, load, find, count, history, "
         "links, known, write"),
    ],
)  # fmt: skip
def test_a_backend_of_others_that_fails_says_what_is_wrong(
    gives: Any, code: str, about: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which one, where it is from and why; an error of the library stays what it is."""
    others = (_Backend(name="else", value="e:o", gives=5), _Backend(name="couch", value="couch:open", gives=gives))
    monkeypatch.setattr(opening, "_registered", lambda: others)
    with pytest.raises((DefinitionError, StoreError)) as caught:
        opening.opened("couch://x")
    error: Any = caught.value
    assert error.code == code
    if about is not None:
        assert dict(error.detail) == {"scheme": "couch", "home": "couch:open", "error": about}
    assert opening.schemes() == tuple(sorted({*opening.BUILT_IN, "couch", "else"}))
    with pytest.raises(InvalidInput) as unknown:
        opening.opened("couhc://x")
    assert (unknown.value.detail["scheme"], unknown.value.detail["nearest"]) == ("couhc", "'couch'")
    assert unknown.value.detail["schemes"] == opening.schemes()


def test_a_backend_of_others_is_given_the_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what it opens is used as it is."""
    asked: list[str] = []
    made = MemoryStore()

    def gives(url: str) -> MemoryStore:
        asked.append(url)
        return made

    monkeypatch.setattr(opening, "_registered", lambda: (_Backend(name="couch", value="", gives=gives),))
    assert opening.opened("couch://a:b@host/x?y") is made
    assert asked == ["couch://a:b@host/x?y"]


def test_a_store_that_says_nothing_can_do_no_more_than_the_nine() -> None:
    """And one that says something is taken at its word, by the words that there are."""
    assert capabilities_of(object()) == frozenset()
    assert capabilities_of(SimpleNamespace(capabilities={"text_search"})) == {"text_search"}
    assert capabilities_of(MemoryStore()) == set(CAPABILITIES) - {"text_search"}
    assert not finds_words(MemoryStore())
    assert isinstance(store_of_words(MemoryStore()), PlainWords)


# waits


def test_without_another_way_it_sleeps_a_part_of_a_second_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only between attempts, and not before the first or behind the last; what went right is returned at once."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr("itil4.storage.retrying.chance.random", lambda: 0.25)
    left = iter([StaleRecord, StaleRecord])

    def third() -> str:
        for error in left:
            raise error
        return "done"

    assert retry(third) == "done"
    assert waited == [0.0025, 0.005]
    assert retry(lambda: "at once") == "at once"
    assert len(waited) == 2


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_it_is_tried_as_often_as_it_was_asked_for(attempts: int) -> None:
    """Waiting once less; the last error says so behind its own reasons, and other errors end it at once."""
    calls: list[int] = []
    waited: list[float] = []

    def never() -> None:
        calls.append(len(waited))
        raise StaleRecord.of("stale", record="a", expected=1, found=2, changed_by="eve", changed="x")

    with pytest.raises(StaleRecord) as caught:
        retry(never, attempts=attempts, sleep=waited.append, random=lambda: 1)
    assert calls == list(range(attempts))
    assert [(each.code, each.detail.get("attempts")) for each in caught.value.reasons] == [
        ("stale", None), ("gave_up", attempts),
    ]  # fmt: skip
    with pytest.raises(ZeroDivisionError):
        retry(lambda: 1 // 0, attempts=attempts, sleep=waited.append)
    assert len(waited) == attempts - 1


# words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()), ("Mail, mail; MAIL", ("mail",)), ("a_b-c.d", ("a", "b", "c", "d")), ("x\u0301y", ("x\u0301y",)),
        ("a\ufe00b\ufe0fc", ("abc",)), ("a\ufdffb", ("a", "b")), ("a\ufe10b", ("a", "b")),
        ("Stra\u00dfe", ("strasse",)),
        ("\uff2dail", ("mail",)), (f"{REDACTED} x", ("x",)), ("\u00b2 2", ("2",)), ("a\u200bb c", ("ab", "c")),
    ],
)  # fmt: skip
def test_the_words_of_a_text(text: str, words: tuple[str, ...]) -> None:
    """Letters, digits and marks, folded; what nobody sees joins, all else parts; each once, and none of the mark."""
    assert words_of(text) == words
    assert spelled([text, None, 5]) == f" {' '.join(dict.fromkeys([*words, '5']))} "


# the past


def test_names_and_links_narrow_a_look_at_the_past() -> None:
    """Whatever a condition has beside names: the same records are found by the short way and by reading all."""
    clock = FrozenClock(datetime(2026, 3, 2, 8, tzinfo=UTC))
    with itil4.connect(clock=clock) as itsm:
        made = [itsm.incidents.log(summary=f"{n}", impact="high", urgency="low", by=SAM) for n in range(3)]
        itsm.link(made[0], "child_of", made[1], by=SAM)
        itsm.link(made[2], "relates_to", made[0].id, by=SAM)
        before = itsm.house.store.copy()  # type: ignore[attr-defined]  # one in memory
        clock.tick(timedelta(hours=1))
        itsm.unlink(made[0].id, "child_of", made[1].id, by=SAM)
        itsm.incidents.assign(made[2].id, to="sam", by=SAM)
        past: Any = itsm.as_of(clock.now() - timedelta(minutes=1)).house.store
        ids = [each.id for each in made]
        names: list[Any] = [
            Compare("id", "eq", ids[1]), Compare("id", "in", tuple(ids[:2])), Compare("number", "eq", made[2].number),
            Compare("number", "ne", made[2].number), Some(tuple(Compare("id", "eq", each) for each in ids[1:])),
            Some((Compare("id", "eq", ids[0]), Compare("state", "eq", "new"))), Some(()),
        ]  # fmt: skip
        others: list[Any] = [
            Every(()), Linked("child_of", ids[1]), Linked("child_of", ids[0], True), Linked("relates_to", ids[2], True),
            Compare("state", "eq", "new"), Some((Linked("child_of", ids[0], True), Compare("state", "eq", "new"))),
        ]  # fmt: skip
        for name in names:
            for other in others:
                for where in (Every((name, other)), Every((other, Every((name,)))), name, other):
                    for query in (Query("incident", where), Query("incident", where, (("number", True),), 2)):
                        found = [row._replace(links=0, fields={}) for row in past.find("", query)]
                        assert found == [row._replace(links=0, fields={}) for row in before.find("", query)], where
                        assert past.count("", query) == before.count("", query)
        for way in (False, True):
            assert past.links("", [*ids, ids[0]], backwards=way) == before.links("", ids, backwards=way)
