"""Records, entries and actors are frozen values, whichever practice made them."""

import copy
import importlib
import pickle
import pkgutil
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

import itil4
from itil4 import Actor, Entry, FieldSet, Incident, InvalidInput, Record
from itil4.record import Frozen, Override, blank, shape_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def record_types() -> list[type[Record]]:
    """Every record type of the package, found by loading all of its practices."""
    for module in pkgutil.walk_packages(itil4.__path__, "itil4."):
        if module.name.startswith("itil4.practices"):
            importlib.import_module(module.name)
    found, wave = [], [Record]
    while wave:
        found += wave
        wave = [sub for cls in wave for sub in cls.__subclasses__() if sub.__module__.startswith("itil4.")]
    return [cls for cls in dict.fromkeys(found) if "__attrs_attrs__" in vars(cls) and not cls.__name__.startswith("_")]


TYPES = record_types()


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
def test_a_record_type_is_frozen_slotted_and_keyword_only(cls: Any) -> None:
    """Nothing is assigned, nothing added, nothing passed by place."""
    assert all(field.kw_only for field in attrs.fields(cls))
    assert "__slots__" in vars(cls)
    held = object.__new__(cls)
    assert not hasattr(held, "__dict__")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        held.state = "closed"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        held.anything = 1


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
def test_a_record_type_takes_moments_with_a_time_zone_only(cls: Any) -> None:
    """Each field that holds a moment refuses a naive one, and text."""
    moments = [field for field in shape_of(cls).fields.values() if field.kind == "moment"]
    assert len(moments) >= 2
    for field in moments:
        naive, text = field.check(field.name, NOON.replace(tzinfo=None)), field.check(field.name, NOON.isoformat())
        assert naive is not None
        assert naive.code == "naive_datetime"
        assert text is not None
        assert text.code == "ill_typed"


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
def test_the_fields_of_a_record_type_are_described(cls: Any) -> None:
    """Its docstring begins with a sentence, and every field has a type that records can hold."""
    assert (cls.__doc__ or "").strip().splitlines()[0].endswith((".", ":"))
    assert set(shape_of(cls).fields) == set(attrs.fields_dict(cls))


def incident(**more: Any) -> Incident:
    given = {"id": "i", "state": "new", "created_at": NOON, "created_by": "ana", "updated_at": NOON, "owner": "desk"}
    return Incident(**{**given, "summary": "A", **more})


def test_a_record_pickles_copies_and_hashes() -> None:
    """It is a value: what comes back is equal, and equal ones hash alike."""
    held = incident(overrides={"priority": Override("ida", NOON, "x")}, extra={"deck": "A"}, participants=("kim",))
    for again in (pickle.loads(pickle.dumps(held)), copy.copy(held), copy.deepcopy(held), attrs.evolve(held)):
        assert again == held
        assert hash(again) == hash(held)
    with pytest.raises(TypeError, match="frozen"):
        held.extra["deck"] = "B"  # type: ignore[index]
    with pytest.raises(TypeError, match="frozen"):
        held.overrides.clear()  # type: ignore[attr-defined]


def test_a_record_made_by_hand_is_checked_like_any_other() -> None:
    """Every field that is wrong is named at once."""
    with pytest.raises(InvalidInput) as caught:
        incident(summary="", created_at=NOON.replace(tzinfo=None), version="1")
    assert {reason.detail["field"] for reason in caught.value.reasons} == {"summary", "created_at", "version"}


def test_a_frozen_mapping_stays_as_it_is() -> None:
    """None of the ways to change a dict works, and what is taken from it is a copy."""
    held = Frozen(a=1)
    for change in (
        lambda: held.update(b=2), lambda: held.pop("a"), lambda: held.setdefault("b", 2), lambda: held.popitem(),
        lambda: held.__ior__({"b": 2}), lambda: held.__delitem__("a"),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            change()
    assert held == {"a": 1}
    assert (held | {"b": 2}) == {"a": 1, "b": 2}
    assert held.copy() == held


@attrs.frozen(kw_only=True)
class Charged(Incident):
    """A host's record with a mapping, declared as anybody would."""

    charges: Mapping[str, int] = {}
    rates: Mapping[str, int] | None = None


class ChargedIncidents(itil4.IncidentManagement[Charged]):
    record = Charged


def test_a_mapping_that_a_record_holds_is_nobody_elses() -> None:
    """Whoever gave it, and the default that all records share: at birth, in a step, in an update, and read again."""
    sam, given = Actor("sam", roles={"service_desk"}), {"tug": 1}
    desk = itil4.connect(practices=[ChargedIncidents]).incidents
    plain, held = desk.log(summary="A", by=sam), desk.log(summary="B", charges=given, by=sam)
    stepped = desk.start(plain, charges=given, by=sam)
    changed = desk.update(held, charges=given, rates=given, by=sam)
    by_hand = Charged(**{each.name: getattr(changed, each.name) for each in attrs.fields(Charged)} | {"rates": given})
    given["tug"] = 2
    for each in (plain, held, stepped, changed, by_hand, desk.get(held.id), desk.replayed(plain.id)):
        assert type(each.charges) is Frozen
    assert held.charges == changed.charges == changed.rates == stepped.charges == by_hand.rates == {"tug": 1}
    assert plain.charges == Charged.__attrs_attrs__.charges.default == {}


def test_the_extra_fields_of_a_host_are_said_in_plain_data() -> None:
    """They round-trip, add up, and what is unknown in them is named with the nearest."""
    plain = {"deck": {"type": "choice", "choices": ["A", "B"]}, "crew": {"type": "integer", "default": 3}}
    fields = FieldSet.from_dict(plain)
    assert FieldSet.from_dict(fields.to_dict()).to_dict() == fields.to_dict()
    assert list(fields | FieldSet.from_dict({"port": {"type": "line"}})) == ["deck", "crew", "port"]
    for wrong, text in (
        ({"deck": {"type": "lin"}}, "'line'"), ({"deck": {"type": "choice"}}, "choices"),
        ({"deck": {"typ": "line"}}, "'type'"), ({"deck": "line"}, "a mapping"),
        ({"crew": {"type": "integer", "default": "3"}}, "crew.default"), ({"deck": {"type": []}}, "type"),
    ):  # fmt: skip
        with pytest.raises(itil4.DefinitionError, match=text):
            FieldSet.from_dict(wrong)  # type: ignore[arg-type]


def test_an_actor_is_a_value_too() -> None:
    """Equal by what it says, with roles in any order and from any collection."""
    assert Actor("sam", roles=["a", "b"]) == Actor("sam", roles={"b", "a"})
    assert pickle.loads(pickle.dumps(Actor("sam", via="api"))) == Actor("sam", via="api")
    assert Actor("timer", kind="system").is_system


def test_an_entry_turns_into_plain_data() -> None:
    """With `from` and `to`, and without what is empty."""
    sam = Actor("sam", roles={"service_desk"}, via="email", on_behalf_of="ana")
    desk = itil4.connect().incidents
    held = desk.start(desk.log(summary="A", by=sam), by=sam, reason="Now")
    assert held.requester == "ana"
    assert held.channel == "email"
    plain = desk.history(held)[-1].to_dict()
    assert (plain["from"], plain["to"], plain["via"], plain["on_behalf_of"]) == ("new", "in_progress", "email", "ana")
    assert plain["reason"] == "Now"
    assert "comment" not in plain
    again = pickle.loads(pickle.dumps(desk.history(held)))
    assert again == desk.history(held)
    assert isinstance(again[0], Entry)


@pytest.mark.parametrize("text", ["", " ", "\u00a0\u2003", "\u200b", "\ufeff \u200d", "\u2060\u00ad"])
def test_what_shows_nothing_is_blank(text: str) -> None:
    """Marks without a look of their own fill no required field; signs among them do."""
    assert blank(text)
    with pytest.raises(InvalidInput) as caught:
        itil4.connect().incidents.log(summary=text, by=Actor("sam", roles={"service_desk"}))
    assert caught.value.code == "blank"
    assert not blank(f"{text}x")


@pytest.mark.parametrize("mark", ["\n", "\r", "\u2028", "\u2029"])
def test_one_line_has_no_break_of_any_kind(mark: str) -> None:
    """The breaks of Unicode too, which other programs show and split as such."""
    itsm, sam = itil4.connect(), Actor("sam", roles={"service_desk"})
    with pytest.raises(InvalidInput) as caught:
        itsm.incidents.log(summary=f"Mail{mark}is down", by=sam)
    assert caught.value.code == "several_lines"
    assert itsm.incidents.log(summary="Mail", description=f"is{mark}down", by=sam).description == f"is{mark}down"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "a mapping"), ({3: {"type": "line"}}, "names of fields"), ({"a": {}}, "a.type"),
        ({"a": {"type": "choice", "choices": "abc"}}, "several texts"),
        ({"a": {"type": "choice", "choices": [1, 2]}}, "a.choices is a text"),
        ({"a": {"type": "choice", "choices": ["x", "x"]}}, "'x' twice"),
        ({"a": {"type": "line", "choices": ["x"]}}, "has no choices"),
        ({"a": {"type": "line", "required": "yes"}}, "a.required"), ({"a": {"type": "line", "label": 3}}, "a.label"),
    ],
)  # fmt: skip
def test_an_extra_field_that_cannot_work_is_refused_by_name(data: Any, says: str) -> None:
    """Plain data of a host may be anything; what it says is told with its place."""
    with pytest.raises(itil4.DefinitionError, match=says):
        FieldSet.from_dict(data)


def test_a_field_whose_name_ends_with_a_line_is_found_by_operators_too() -> None:
    """The operator stands behind the last two lines, so `at_` with `lt` is `at___lt`."""
    itsm = itil4.connect(fields={"incident": FieldSet.from_dict({"deck_": {"type": "line"}})})
    itsm.incidents.log(summary="A", deck_="upper", by=Actor("sam", roles={"service_desk"}))
    assert len(itsm.incidents.find(deck_="upper")) == len(itsm.incidents.find(deck___prefix="up")) == 1
    assert len(itsm.incidents.find(deck___ne="upper")) == 0
