"""The strategies: every value passes the door, every record has a history that explains it."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from itertools import pairwise
from typing import Any, ClassVar, Literal

import attrs
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import _itil4_hypothesis
import itil4
from itil4 import (
    Actor,
    DefinitionError,
    Entry,
    FieldSet,
    Incident,
    IncidentManagement,
    InvalidInput,
    Lifecycle,
    Practice,
    ProblemManagement,
    Record,
    ServiceCalendar,
    State,
    Transition,
)
from itil4.record import Frozen, shape_of
from itil4.testing import strategies
from itil4.testing.calendar_strategies import CHANGES, eve
from itil4.testing.field_strategies import values_of
from itil4.testing.lifecycle_strategies import SPOILED
from itil4.testing.living import ways_of

_itil4_hypothesis.register()  # as the installed package does when Hypothesis is imported

FEW = settings(max_examples=30, deadline=None)
UNSHRUNK = settings(max_examples=100, deadline=None, phases=[Phase.generate], database=None)


class Deck(Enum):
    UPPER = "u"
    LOWER = "l"


@attrs.frozen
class Berth:
    quay: str
    depth: Decimal
    since: datetime | None = None

    def __attrs_post_init__(self) -> None:
        if not self.quay:
            raise ValueError("a berth has a quay")


@attrs.frozen(kw_only=True)
class Vessel(Record):
    """A record with a field of every sort."""

    name: itil4.Line
    log: itil4.Note = ""
    crew: int | None = None
    draught: float = 0.0
    afloat: bool = True
    worth: Decimal | None = None
    arrived_at: datetime | None = None
    built: date | None = None
    stay: timedelta | None = None
    deck: Deck = Deck.UPPER
    flag: Literal["NO", "FR", 7] = "NO"
    crates: tuple[str, ...] = ()
    stays: tuple[timedelta | None, ...] = ()
    berths: tuple[Berth, ...] = ()
    days: frozenset[date] = frozenset()
    ports: Mapping[str, Decimal] = attrs.field(factory=Frozen, hash=False)
    mixed: int | str | Berth | None = None
    anything: Any = None


class Vessels(Practice[Vessel]):
    """Keeps vessels."""

    name, slot, kind, prefix = "vessels", "vessels", "vessel", "VSL"
    record = Vessel
    lifecycle = Lifecycle(
        "vessel", "afloat", [State("afloat", "new"), State("scrapped", "closed", final=True)],
        [Transition("scrap", "afloat", "scrapped", roles={"captain"}, requires="log")],
    )  # fmt: skip
    fields: ClassVar[FieldSet] = FieldSet.from_dict({"vhf": {"type": "integer"}, "call": {"type": "line"}})


@pytest.mark.parametrize("name", sorted(set(shape_of(Vessel).fields) - {"id", "overrides", "origin", "extra"}))
def test_every_value_passes_the_door_of_its_field(name: str) -> None:
    """What is drawn for a field is never refused there, whatever its type."""
    field = shape_of(Vessel).fields[name]

    @FEW
    @given(values_of(field, "Vessel"))
    def look(value: Any) -> None:
        assert field.check(name, value) is None

    look()


@FEW
@given(strategies.lives(Vessels))
def test_a_life_explains_its_record(life: strategies.Life) -> None:
    """Its history begins with the birth, has a version for every entry, and rebuilds the record as it is."""
    record, history = life.record, life.history
    assert [entry.seq for entry in history] == list(range(1, record.version + 1))
    assert history[0].op == "birth"
    assert all(a.at <= b.at for a, b in pairwise(history))
    assert record.updated_at == history[-1].at
    desk = itil4.connect(practices=[Vessels])[Vessels]
    assert desk.rebuilt(list(history)) == record
    state = None
    for entry in history:
        if entry.op == "step" and entry.lifecycle == Vessels.lifecycle.name:
            assert (entry.event, state, entry.to_state) in Vessels.lifecycle.graph
        state = entry.to_state or state
    assert state == record.state


@pytest.mark.parametrize("practice", [IncidentManagement, ProblemManagement], ids=lambda cls: cls.__name__)
def test_every_state_that_can_be_reached_is_reached(practice: Any) -> None:
    """A test that asks for records meets them in any state, whatever stands between it and the birth."""
    for state in practice.lifecycle.by_name:
        seen: list[str] = []

        @settings(max_examples=1, deadline=None, phases=[Phase.generate])
        @given(strategies.records(practice, state=state))
        def look(record: Any) -> None:
            seen.append(record.state)  # noqa: B023 - it runs before the loop goes on

        look()
        assert set(seen) == {state}


@FEW
@given(strategies.records(IncidentManagement, state="resolved"), strategies.histories())
def test_a_state_can_be_asked_for_and_histories_are_of_incidents(incident: Incident, history: Any) -> None:
    """`state=` names where a life ends; without a practice, histories are those of incidents."""
    assert incident.state == "resolved" and incident.resolution
    assert all(type(entry) is Entry and entry.kind == "incident" for entry in history)


@FEW
@given(st.from_type(Incident), st.from_type(Vessel), st.from_type(Actor), st.from_type(ServiceCalendar))
def test_from_type_makes_what_the_library_and_hosts_have(
    incident: Incident, vessel: Vessel, actor: Actor, calendar: ServiceCalendar
) -> None:
    """Every moment is aware, a subclass gets its own type, and an extra field is drawn like any other."""
    assert type(incident) is Incident and type(vessel) is Vessel and type(actor) is Actor
    for name, field in shape_of(Vessel).fields.items():
        value = getattr(vessel, name)
        assert field.kind != "moment" or value is None or value.utcoffset() is not None
    assert ServiceCalendar.from_dict(calendar.to_dict()) == calendar


def test_a_subclass_without_a_practice_gets_the_one_of_what_it_extends() -> None:
    """Also where it is defined after everything else; what extends nothing that is kept is an error with a remedy."""

    @attrs.frozen(kw_only=True)
    class Outage(Incident):
        sites: tuple[str, ...] = ()

    @attrs.frozen(kw_only=True)
    class Alone(Record):
        text: str = ""

    assert issubclass(strategies.practice_of(Outage), IncidentManagement)
    assert find(st.from_type(Outage), lambda outage: True, settings=UNSHRUNK).sites is not None
    with pytest.raises(InvalidInput, match=r"No practice keeps records of the type Alone.*records\(YourPractice\)"):
        strategies.records(Alone)


class Opaque:
    """A type that nobody can make without being told how."""

    def __init__(self, handle: "no_such_type") -> None:  # type: ignore[name-defined]  # noqa: F821 - that is the point
        self.handle = handle


@attrs.frozen
class Engine:
    maker: str
    handle: Opaque


@attrs.frozen
class Seal:
    code: str

    def __attrs_post_init__(self) -> None:
        if self.code != "NO-4711":
            raise ValueError("no such seal")


def test_a_field_without_a_strategy_is_named_with_the_remedy() -> None:
    """It is said before anything is drawn, and never as a riddle about health checks; the remedy works."""

    @attrs.frozen(kw_only=True)
    class Powered(Vessel):
        engine: Engine | None = None

    class PoweredVessels(Vessels):
        record = Powered

    with pytest.raises(InvalidInput) as caught:
        strategies.records(PoweredVessels)
    assert caught.value.code == "no_strategy"
    assert "Powered.engine" in str(caught.value) and "register_type_strategy(Opaque" in str(caught.value)

    @attrs.frozen(kw_only=True)
    class Sealed(Vessel):
        seal: Seal | None = None

    class SealedVessels(Vessels):
        record = Sealed

    told = strategies.records(SealedVessels, values={"seal": st.builds(Seal, st.just("NO-4711"))})
    assert find(told, lambda vessel: vessel.seal is not None, settings=UNSHRUNK).seal.code == "NO-4711"

    @attrs.frozen(kw_only=True)
    class MustBeSealed(Vessel):
        seal: Seal

    class MustBeSealedVessels(Vessels):
        record = MustBeSealed

    told = strategies.records(MustBeSealedVessels, values={"seal": st.builds(Seal, st.just("NO-4711"))})
    assert find(told, bool, settings=UNSHRUNK).seal.code == "NO-4711"
    st.register_type_strategy(Seal, st.builds(Seal, st.just("NO-4711")))
    assert find(strategies.records(MustBeSealedVessels), bool, settings=UNSHRUNK).seal.code == "NO-4711"
    assert find(values_of(shape_of(Sealed).fields["seal"], "Sealed"), bool, settings=UNSHRUNK).code == "NO-4711"


def test_a_class_whose_rules_refuse_everything_is_named_with_the_remedy() -> None:
    """Its values could never be made; the error says so instead of Hypothesis' complaint about filtering."""

    @attrs.frozen
    class Never:
        text: str

        def __attrs_post_init__(self) -> None:
            raise ValueError("no")

    @attrs.frozen(kw_only=True)
    class Blocked(Vessel):
        block: Never

    class BlockedVessels(Vessels):
        record = Blocked

    with pytest.raises(InvalidInput) as caught:
        strategies.records(BlockedVessels)
    assert caught.value.code == "no_values"
    assert "field 'block' of Blocked" in str(caught.value) and "examples = {'block'" in str(caught.value.reasons[0])

    @attrs.frozen(kw_only=True)
    class HalfBlocked(Vessel):
        block: Never | None = None

    class HalfBlockedVessels(Vessels):
        record = HalfBlocked

    @settings(max_examples=50, database=None, phases=[Phase.generate])
    @given(strategies.records(HalfBlockedVessels, values={"block": values_of(shape_of(Blocked).fields["block"], "B")}))
    def look(vessel: Any) -> None:
        raise AssertionError("one was made")

    with pytest.raises(InvalidInput, match=r"B\.block holds Never.*register_type_strategy\(Never"):
        look()


def test_a_record_that_cannot_be_born_or_a_state_that_cannot_be_reached_is_said_plainly() -> None:
    """Which record, which practice, why, and what to do."""

    class Closed(Vessels):
        def inconsistencies(self, record: Any) -> Any:
            yield itil4.Reason.of("blank", field="harbour")

    with pytest.raises(InvalidInput, match=r"No Vessel can be recorded by Closed\.log.*harbour"):
        strategies.records(Closed)
    assert ways_of(Vessels) is ways_of(Vessels)
    with pytest.raises(InvalidInput, match=r"No sequence of steps leads a Vessel to 'sunk'.*afloat, scrapped"):
        strategies.records(Vessels, state="sunk")
    with pytest.raises(InvalidInput, match="Did you mean 'crew'"):
        strategies.records(Vessels, values={"crw": st.none()})


@settings(max_examples=100, deadline=None)
@given(strategies.lifecycles(fields=("port", "deck")))
def test_nothing_is_found_in_a_sound_lifecycle(lifecycle: Lifecycle) -> None:
    """Every state is reached and leads to an end; `verify` finds nothing."""
    assert lifecycle.verify() == ()


@pytest.mark.parametrize("code", sorted(SPOILED))
def test_what_is_wrong_with_a_broken_lifecycle_is_found_where_it_is(code: str) -> None:
    """Each way to break one is found under its code and at its place, in whatever lifecycle."""

    @FEW
    @given(strategies.lifecycles())
    def look(lifecycle: Lifecycle) -> None:
        broken = SPOILED[code](lifecycle)
        assert broken.code == code
        assert (broken.code, broken.place) in {(each.code, each.place) for each in broken.lifecycle.verify()}

    look()


@FEW
@given(strategies.broken_lifecycles())
def test_broken_lifecycles_can_be_made(broken: strategies.Broken) -> None:
    """They are values like any other; only `verify` sees what is wrong."""
    assert broken.lifecycle.verify() != ()


@FEW
@given(strategies.calendars())
def test_calendars_have_their_special_days_around_a_clock_change(calendar: ServiceCalendar) -> None:
    """Where calendars break: four days around the change."""
    assert abs(eve(calendar).date() - CHANGES[calendar.zone]) == timedelta(days=4)
    assert all(abs(day - CHANGES[calendar.zone]) <= timedelta(days=4) for day in calendar.holidays)


@FEW
@given(strategies.actors({"desk"}, ids=("sam", "kim")), strategies.actors())
def test_actors_have_some_of_the_roles(one: Actor, other: Actor) -> None:
    """People and systems, with names that the caller may choose."""
    assert one.id in ("sam", "kim") and one.roles <= {"desk"}
    assert other.roles <= {"agent", "lead", "user"}


@FEW
@given(strategies.hostile_text(), strategies.hostile_moments(), strategies.hostile_values())
def test_a_door_answers_whatever_comes(text: str, moment: datetime, value: Any) -> None:
    """Hostile values are let in or refused with a reason; nothing raises, and what is let in is read back as it was."""
    shape = shape_of(Vessel)
    assert moment.utcoffset() is not None
    for name, given_value in (("log", text), ("arrived_at", moment), ("crew", value), ("mixed", value)):
        shape.fields[name].check(name, given_value)
    if shape.fields["log"].check("log", text) is None:
        desk = itil4.connect(practices=[Vessels])[Vessels]
        made = desk.log(name="Aurora", log=text, by=Actor("sam"))
        assert desk.get(made.id).log == text


def test_an_unknown_class_of_the_library_is_left_to_hypothesis() -> None:
    """The hook answers for records and values only, and never raises for anything else."""
    assert _itil4_hypothesis.resolve(int) is None
    assert _itil4_hypothesis.resolve(list[int]) is None
    assert _itil4_hypothesis.resolve(DefinitionError) is None
    assert _itil4_hypothesis.resolve(IncidentManagement) is None
    assert _itil4_hypothesis.resolve(Record) is None
