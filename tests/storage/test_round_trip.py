"""INV-124, first half: what is written is read again, whatever a field holds."""

import enum
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from itil4.errors import InvalidInput, SchemaTooNew, StoreError
from itil4.practices.built_in import BUILT_IN
from itil4.practices.configuration.graph import Redundancy
from itil4.practices.places import Place
from itil4.practices.service_agreements import AgreedTarget
from itil4.record import (
    PROTECTED,
    Added,
    Attachment,
    Change,
    Comment,
    Details,
    Entry,
    FieldSet,
    Frozen,
    Line,
    Note,
    Origin,
    Override,
    Record,
    make_shape,
)
from itil4.storage import codec, plain
from itil4.storage.json_text import Json, fastest, standard
from itil4.storage.kinds import Kind
from itil4.storage.plain_input import values_from
from itil4.testing.field_strategies import values_of


class Deck(enum.Enum):
    UPPER = "upper"
    LOWER = 2
    ODD = (1, 2)


class Word(enum.Enum):
    YES = "yes"
    NO = "no"


@attrs.frozen
class Berth:
    name: str
    depth: Decimal
    since: datetime | None = None
    tags: frozenset[str] = frozenset()
    word: Word = Word.NO
    size: int | Decimal = 0
    notes: tuple[Line, ...] = ()


@attrs.frozen(kw_only=True)
class Vessel(Record):
    name: Line
    log: Note = ""
    crew: int | None = None
    draught: float | None = None
    afloat: bool = True
    worth: Decimal | None = None
    arrived_at: datetime | None = None
    built: date | None = None
    stay: timedelta | None = None
    deck: Deck = Deck.UPPER
    word: Word | None = None
    berth: Berth | None = None
    flag: Literal["NO", "FR", 7] | None = "NO"
    crates: tuple[str, ...] = ("default",)
    stays: tuple[timedelta | None, ...] = ()
    berths: tuple[Berth, ...] = ()
    days: frozenset[date] = frozenset()
    maybe: frozenset[int | None] = frozenset()
    ports: Mapping[str, Decimal] = attrs.field(factory=lambda: Frozen(home=Decimal(1)), hash=False)
    mixed: int | str | Decimal | date | Berth | None = None
    plain: int | str | None = None
    anything: Any = None


FIELDS = FieldSet.from_dict(
    {
        "vhf": {"type": "integer"}, "weight": {"type": "decimal"}, "seen": {"type": "moment"}, "call": {"type": "line"},
        "day": {"type": "date"}, "wait": {"type": "duration"}, "class": {"type": "choice", "choices": ["A", "B"]},
        "names": {"type": "lines"}, "ratio": {"type": "number"}, "ok": {"type": "boolean"},
    }
)  # fmt: skip
SHAPE = make_shape(Vessel, FIELDS, PROTECTED)
INDEXED = ("name", "crew", "arrived_at", "stay", "built", "word", "vhf")
CODEC = Kind("vessel", "VES", SHAPE, INDEXED, lambda state: "active").codec

TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"]), max_size=20)
LINES = TEXT.filter(str.strip)
ZONES = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC) | ZONES)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
BERTHS = st.builds(
    Berth, TEXT, DECIMALS, st.none() | MOMENTS, st.frozensets(TEXT), st.sampled_from(Word), WHOLE | DECIMALS,
    st.lists(LINES, max_size=2).map(tuple),
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(TEXT, inner, max_size=3).map(Frozen),
    max_leaves=5,
)
OVERRIDES = st.dictionaries(TEXT, st.builds(Override, LINES, MOMENTS, st.none() | TEXT), max_size=2)
EXTRA = st.fixed_dictionaries(
    {},
    optional={
        "vhf": WHOLE, "weight": DECIMALS, "seen": MOMENTS, "call": LINES, "day": st.dates(), "wait": st.timedeltas(),
        "class": st.sampled_from("AB"), "names": st.lists(LINES).map(tuple), "ratio": FLOATS | WHOLE,
        "ok": st.booleans(),
    },
)  # fmt: skip
VESSELS = st.builds(
    Vessel, id=st.uuids().map(str), number=st.none() | LINES, state=LINES, version=st.integers(1, 2**40),
    created_at=MOMENTS, created_by=LINES, updated_at=MOMENTS,
    origin=st.none() | st.builds(Origin, LINES, LINES), overrides=OVERRIDES, extra=EXTRA, name=LINES, log=TEXT,
    crew=st.none() | WHOLE, draught=st.none() | FLOATS | st.integers(), afloat=st.booleans(),
    worth=st.none() | DECIMALS,
    arrived_at=st.none() | MOMENTS, built=st.none() | st.dates(), stay=st.none() | st.timedeltas(),
    deck=st.sampled_from(Deck), word=st.none() | st.sampled_from(Word), berth=st.none() | BERTHS,
    flag=st.sampled_from(["NO", "FR", 7, None]), crates=st.lists(TEXT, max_size=3).map(tuple),
    stays=st.lists(st.none() | st.timedeltas(), max_size=2).map(tuple), berths=st.lists(BERTHS, max_size=2).map(tuple),
    days=st.frozensets(st.dates(), max_size=3), maybe=st.frozensets(st.none() | WHOLE, max_size=3),
    ports=st.dictionaries(TEXT, DECIMALS, max_size=2), mixed=st.none() | WHOLE | TEXT | DECIMALS | st.dates() | BERTHS,
    plain=st.none() | WHOLE | TEXT, anything=JSON,
)  # fmt: skip


@pytest.fixture(params=["standard", "orjson"], scope="module")
def text(request: pytest.FixtureRequest) -> Any:
    """Write and read JSON by the standard library, or by orjson."""
    if request.param == "orjson":
        pytest.importorskip("orjson", reason="orjson comes with the extra `fast`")
    made = standard() if request.param == "standard" else fastest()
    with pytest.MonkeyPatch.context() as patch:
        for module in (codec, plain):
            patch.setattr(module, "dumps", made.dumps)
            patch.setattr(module, "loads", made.loads)
        yield made


@settings(max_examples=100, deadline=None)
@given(VESSELS)
def test_a_record_is_read_as_it_was_written(text: Json, vessel: Vessel) -> None:
    """INV-124: equal in every field, of the same types, and writing it again gives the same row."""
    row = CODEC.row(vessel, vessel.number, 3)
    assert fastest().loads(row.body) == standard().loads(row.body)
    read = CODEC.record(row)
    assert read == vessel
    assert type(read) is Vessel
    for field in attrs.fields(Vessel):
        assert repr(_utc(getattr(read, field.name))) == repr(_utc(getattr(vessel, field.name))), field.name
    assert CODEC.row(read, read.number, 3) == row


def _utc(value: Any) -> Any:
    """Return the same instant in UTC, and sets in order: neither is part of what a value is."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(fold=0)
    if isinstance(value, frozenset):
        return sorted(value, key=repr)
    if isinstance(value, tuple):
        return tuple(map(_utc, value))
    if isinstance(value, Mapping):
        return {name: _utc(each) for name, each in value.items()}
    if isinstance(value, (Berth, Override)):
        return {field.name: _utc(getattr(value, field.name)) for field in attrs.fields(type(value))}
    return value


@settings(max_examples=30, deadline=None)
@given(old=VESSELS, new=VESSELS, reason=st.none() | TEXT, said=st.none() | TEXT)
def test_an_entry_is_read_as_it_was_written(
    text: Json, old: Vessel, new: Vessel, reason: str | None, said: str | None
) -> None:
    """With the change of every field, added elements, a comment with an attachment, a link and its headers."""
    changes: dict[str, Any] = {
        name: Change(SHAPE.read(old, name), SHAPE.read(new, name))
        for name in (*SHAPE.fields, *FIELDS)
        if name not in PROTECTED and name != "extra"
    }
    changes["crates"] = Added(new.crates)
    changes["berths"] = Added(new.berths)
    changes["overrides"] = Change(old.overrides, new.overrides)
    details: dict[str, Any] = {"changes": changes, "roles": ("owner",), "waived": ("role",), "link": ("r", "x")}
    if reason is not None:
        details["reason"] = reason
    if said is not None:
        details["comment"] = Comment(said, "user", (Attachment("a", "text/plain", 1, "sha256:0", "file:///a"),))
    entry = Entry(
        record_id=new.id, kind="vessel", seq=new.version, op="step", lifecycle="x", event="e", from_state="a",
        to_state="b", at=new.created_at, recorded_at=new.updated_at, by="ana", judged="graph", unit="u",
        origin=new.origin, tenant="t", details=Details(details),
    )  # fmt: skip
    row = CODEC.entry_row(entry)
    read = CODEC.entry(row, "t")
    assert read == entry
    assert CODEC.entry_row(read) == row


def _vessel(**fields: Any) -> Vessel:
    moment = datetime(2026, 3, 2, 12, tzinfo=UTC)
    given = {
        "id": "v",
        "state": "new",
        "created_at": moment,
        "updated_at": moment,
        "created_by": "ana",
        "name": "Aurora",
    }
    return Vessel(**{**given, **fields})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("anything", object()),
        ("anything", [1]),
        ("anything", float("nan")),
        ("anything", (1, Frozen(deep=float("inf")))),
        ("anything", datetime(2026, 3, 2, tzinfo=UTC)),
        ("anything", Deck.UPPER),
        ("anything", {1: 2}),
        ("anything", ({"a": {2: 1}},)),
        ("anything", "\ud800"),
        ("ports", {"\ud800": Decimal(1)}),
        ("berth", Berth("\ud800", Decimal(1))),
    ],
)
def test_what_no_row_can_hold_is_refused_by_its_field(text: Json, field: str, value: Any) -> None:
    """Bad input is told before anything is written, and names the field."""
    with pytest.raises(InvalidInput) as caught:
        CODEC.row(_vessel(**{field: value}), None, 0)
    assert caught.value.code in ("unstorable", "out_of_time")
    assert caught.value.detail["field"] == field


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[]", "null", "5", "{}", '{"name":"A","built":"yesterday"}',
        '{"name":"A","worth":"much"}', '{"name":"A","deck":"cellar"}', '{"name":"A","berth":{"name":"1"}}',
        '{"name":"A","berth":{"name":"1","depth":"1","extra":1}}', '{"name":"A","days":5}', '{"name":"A","extra":[1]}',
        '{"name":"A","mixed":["rocket",1]}', '{"name":"A","stay":1e400}',
    ],
)  # fmt: skip
def test_a_damaged_body_is_told_with_its_record(text: Json, body: str) -> None:
    """Never a bare error of the parser: the message names the record and what is wrong with it."""
    row = CODEC.row(_vessel(), "VES0000001", 0)._replace(body=body)
    with pytest.raises(StoreError) as caught:
        CODEC.record(row)
    assert caught.value.code == "broken_row"
    assert "VES0000001" in str(caught.value)


@pytest.mark.parametrize("details", ["", "{", "[1]", '{"changes":{"built":["x","y"]}}', '{"changes":5}'])
def test_damaged_details_are_told_when_they_are_looked_at(details: str) -> None:
    """Reading the headers works; looking into the details names the entry."""
    moment = datetime(2026, 3, 2, 12, tzinfo=UTC)
    row = CODEC.entry_row(Entry(record_id="v", seq=1, op="birth", at=moment, recorded_at=moment, by="ana"))
    read = CODEC.entry(row._replace(details=details), "")
    assert read.by == "ana"
    with pytest.raises(StoreError) as caught:
        _ = read.changes
    assert caught.value.code == "broken_row"
    assert "v:1" in str(caught.value)


def test_a_later_schema_is_refused() -> None:
    """What a newer version wrote is not guessed at."""
    with pytest.raises(SchemaTooNew):
        CODEC.record(CODEC.row(_vessel(), None, 0)._replace(schema=2))


def test_an_older_schema_is_led_up_step_by_step() -> None:
    """Upcasters work on the plain body, each from one schema to the next."""
    ups = {1: lambda body: {"title": body["boat"]}, 2: lambda body: {"name": body["title"].upper()}}
    codec = Kind("vessel", "VES", SHAPE, (), lambda state: "active", 3, ups).codec
    row = CODEC.row(_vessel(), None, 0)._replace(body='{"boat":"aurora"}')
    assert codec.record(row).name == "AURORA"


# the record types of the library

_TARGET = AgreedTarget(
    duration=timedelta(hours=4), priority=(1, 2), warnings=(0.5,), conditions={"stop": [{"states": ["x"]}]}
)
RULED: dict[tuple[str, str], tuple[Any, ...]] = {
    ("service_level", "targets"): ((), (_TARGET,)),
    ("service_level_requirement", "targets"): ((), (_TARGET, _TARGET)),
    ("configuration_item", "redundancy"): ((), (Redundancy("relays", needs=1, members=("a", "b")),)),
}
"""Values of types whose own rules hardly any drawn value keeps."""


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(data=st.data())
@pytest.mark.parametrize("place", BUILT_IN, ids=lambda place: place.kind)
def test_every_record_type_is_read_as_it_was_written(text: Json, place: Place, data: st.DataObject) -> None:
    """INV-124 for every kind that the library keeps: any values that its fields take, in the row and in an entry."""
    practice: Any = place.practice
    kind = practice.stored_kind(practice.fields)
    shape = kind.shape
    given = {"id": "r", "created_at": datetime(2026, 3, 2, tzinfo=UTC), "updated_at": datetime(2026, 3, 2, tzinfo=UTC)}
    given |= {"state": practice.lifecycle.initial[0], "created_by": "ana", "number": "X1"}
    for name, field in shape.fields.items():
        if name in PROTECTED or name == "extra":
            continue
        ruled = RULED.get((place.kind, name))
        try:
            given[name] = data.draw(values_of(field, place.kind) if ruled is None else st.sampled_from(ruled))
        except InvalidInput:  # no value that was drawn kept the rules of its type
            assert not field.required
    record = shape.made(given)
    assert kind.codec.record(kind.codec.row(record, "X1", 0)) == record
    changes = {name: Change(None, value) for name, value in given.items() if name not in PROTECTED}
    entry = Entry(
        record_id="r", kind=place.kind, seq=1, op="birth", at=record.created_at, recorded_at=record.created_at,
        by="ana", details=Details({"changes": changes}),
    )  # fmt: skip
    assert kind.codec.entry(kind.codec.entry_row(entry), "") == entry


# what people send


def test_plain_data_becomes_values(text: Json) -> None:
    """What a row holds of each field, given as JSON, is the value again."""
    given = {
        "name": "Aurora", "worth": "12.50", "arrived_at": "2026-03-02T09:00:00+01:00", "built": "1999-12-31",
        "stay": 5, "deck": "UPPER", "berth": {"name": "A", "depth": "4", "word": "yes", "tags": ["x"]},
        "crates": ["a"], "berths": [{"name": "B", "depth": "1"}], "ports": {"home": "2"},
        "anything": {"a": [1]}, "vhf": 16, "seen": None,
    }  # fmt: skip
    found = values_from(SHAPE, given)
    assert found["arrived_at"] == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert found["berth"] == Berth("A", Decimal(4), word=Word.YES, tags=frozenset({"x"}))
    assert (found["berths"], found["worth"]) == ((Berth("B", Decimal(1)),), Decimal("12.50"))
    assert found["ports"] == {"home": Decimal(2)} and found["stay"] == timedelta(microseconds=5)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"nam": "x"}, "nam"), ({5: "x"}, "5"), ({"extra": {"vhf": 1}}, "extra"),
        ({"berth": {"name": "A", "depth": "1", "anchor": 1}}, "berth.anchor"),
        ({"berths": [{"name": "A", "depth": "1"}, {"name": "B", "depth": "1", "depht": 1}]}, "berths[1].depht"),
        ({"berth": {"name": "A"}}, "berth.depth"), ({"berth": {"name": 1, "depth": "1"}}, "berth.name"),
        ({"berth": {"name": "A", "depth": "much"}}, "berth.depth"), ({"berth": ["A"]}, "berth"),
        ({"ports": {"home": "x"}}, "ports.home"), ({"ports": [1]}, "ports"), ({"days": "2026"}, "days"),
        ({"days": ["2026"]}, "days[0]"), ({"crates": "abc"}, "crates"), ({"arrived_at": "noon"}, "arrived_at"),
        ({"arrived_at": "2026-03-02T08:00:00"}, "arrived_at"), ({"worth": 1.5}, "worth"), ({"deck": "cellar"}, "deck"),
        ({"afloat": 1}, "afloat"), ({"crew": "1"}, "crew"), ({"flag": "DE"}, "flag"), ({"vhf": True}, "vhf"),
        ({"stay": "PT1H"}, "stay"),
    ],
)  # fmt: skip
def test_what_people_send_is_refused_by_its_place(given: Any, place: str) -> None:
    """Unknown names and values that do not fit, inside values too, each with the path that leads there."""
    with pytest.raises(InvalidInput) as caught:
        values_from(SHAPE, given)
    assert [str(each.detail["field"]) for each in caught.value.reasons] == [place]


def test_one_of_several_types_is_sent_as_a_pair() -> None:
    """JSON cannot tell the types apart, so the pair names one; errors lead to the place inside."""
    assert values_from(SHAPE, {"mixed": ["Berth", {"name": "A", "depth": "4"}]}) == {"mixed": Berth("A", Decimal(4))}
    assert values_from(SHAPE, {"mixed": ["decimal", "1.50"]}) == {"mixed": Decimal("1.50")}
    for sent, place in [
        ({"name": "A"}, "mixed"), (["Bert", {}], "mixed[0]"), ("1.50", "mixed"), (["decimal", 1], "mixed[1]"),
        (["Berth", {"name": "A", "depth": "4", "anchor": 1}], "mixed[1].anchor"), (["text", 5], "mixed[1]"),
        (["Berth", {"name": "A", "depth": 4}], "mixed[1].depth"),
    ]:  # fmt: skip
        with pytest.raises(InvalidInput) as caught:
            values_from(SHAPE, {"mixed": sent})
        assert [each.detail["field"] for each in caught.value.reasons] == [place]
