"""A practice class that cannot work is refused when it is made, with the nearest name."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest

import itil4
from itil4 import (
    Actor,
    Context,
    DefinitionError,
    FieldSet,
    Guard,
    Incident,
    IncidentManagement,
    InvalidInput,
    Lifecycle,
    Practice,
    Record,
    Refused,
    Relation,
    State,
    Transition,
)
from itil4.practices.incident_management import LIFECYCLE
from itil4.record import SELF


def made(base: type = IncidentManagement, **attributes: Any) -> type[Practice[Any]]:
    """Make a subclass as a class statement does."""
    return type("Ours", (base,), attributes)  # type: ignore[return-value]


def extended(*steps: Transition, **more: Any) -> Lifecycle:
    return LIFECYCLE.extend(add=steps, **more)


def aspect(*steps: Transition, field: str = "major") -> Lifecycle:
    return Lifecycle("audit", "none", [State("none")], steps, field=field)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a required field": ({"lifecycle": extended(tighten={"resolve": {"requires": ["resolutoin"]}})}, "'resolution'"),
    "a field that a guard reads": (
        {"lifecycle": extended(tighten={"start": {"guards": [Guard("g", lambda r, c: True, reads="asignee")]}})},
        "'assignee'",
    ),
    "a field rule": (
        {"lifecycle": extended(Transition("ponder", "new", "new", fields={"sumary": "mandatory"}))}, "'summary'",
    ),
    "a field of a waiting state": (
        {"lifecycle": LIFECYCLE.extend(states=[State("at_sea", "waiting", kind_from="hold_knd")])}, "'hold_kind'",
    ),
    "the field of an aspect": (
        {"aspects": (Lifecycle("audit", "none", [State("none")], [], field="majro"),)}, "'major'",
    ),
    "an indexed field": ({"indexed": ("sumary",)}, "'summary'"),
    "an indexed field without an order": ({"indexed": ("participants",)}, "no order"),
    "two aspects over one field": ({"aspects": (*IncidentManagement.aspects, aspect())}, "major"),
    "one event in two lifecycles": (
        {"aspects": (aspect(Transition("close", "none", "none")),)},
        "close",
    ),
    "a step named like a question": ({"lifecycle": extended(Transition("find", "new", "new"))}, "'find'"),
    "a step named like another verb": ({"lifecycle": extended(Transition("watch", "new", "new"))}, "'watch'"),
    "no identifier": ({"kind": "facility incident"}, "kind"),
    "no lifecycle": ({"lifecycle": "incident"}, "Lifecycle"),
    "no record": ({"record": dict}, "Record"),
    "a foreign record": ({"record": Record}, "does not extend Incident"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_class_that_cannot_work_is_refused_with_the_nearest_name(case: str) -> None:
    """Fields, events, aspects, indexes and names are checked before the first record is made."""
    attributes, text = WRONG[case]
    with pytest.raises(DefinitionError) as caught:
        made(**attributes)
    assert text in str(caught.value)
    assert str(caught.value).rstrip().endswith((".", "?"))


def test_names_that_the_verbs_use_cannot_be_fields() -> None:
    """The record class itself is refused, also for its identity, its state and what find reads as an operator."""
    names = (
        "by",
        "reason",
        "at",
        "event",
        "record",
        "cause",
        "origin",
        "facts",
        "expected",
        "once",
        "is_open",
        "limit",
    )
    for name in (
        *names,
        "order_by",
        "after",
        "schema",
        "reference",
        "id",
        "state",
        "version",
        "number",
        "_hidden",
        "a__b",
    ):
        with pytest.raises(DefinitionError) as caught:
            attrs.frozen(kw_only=True)(
                type("Ours", (Incident,), {"__annotations__": {name: "str"}, name: "x", "__module__": __name__})
            )
        assert name in str(caught.value)
    for name in ("by", "state", "a__b", "_x", "1st"):
        with pytest.raises(DefinitionError):
            FieldSet.from_dict({name: {"type": "line"}})


def test_a_record_class_without_attrs_is_refused_and_told_how() -> None:
    """Its annotations would silently be no fields."""

    class Plain(Incident):
        vessel: str = "unknown"

    with pytest.raises(DefinitionError, match=r"Decorate it with @attrs\.frozen"):
        made(record=Plain)


def test_a_practice_that_closes_its_roles_refuses_a_step_for_another_one() -> None:
    """Roles are open; where a practice names them all, one that it lacks is an error when the class is made."""
    known = frozenset({"service_desk", "technical_specialist", "incident_manager", "major_incident_manager"})

    class Closed(IncidentManagement[Incident]):
        closed_roles = known

    assert itil4.connect(practices=[Closed]).incidents.closed_roles == known
    with pytest.raises(DefinitionError, match=r"no role 'servce_desk'\. Did you mean 'service_desk'"):

        class Mistyped(Closed):
            lifecycle = LIFECYCLE.extend(
                replace={"start": Transition("start", "new", "in_progress", roles="servce_desk")}
            )

    with pytest.raises(DefinitionError, match="a set of names"):

        class IllTyped(Closed):
            closed_roles = "service_desk"  # type: ignore[assignment]  # what the test is about


def test_two_classes_for_one_place_are_an_error_that_names_both() -> None:
    """Also a second kind that forgets its own kind or prefix, or an own class against a built-in one."""

    class North(IncidentManagement[Incident]):
        pass

    class South(IncidentManagement[Incident]):
        pass

    class Facilities(IncidentManagement[Incident]):
        slot: ClassVar[str] = "facilities"
        prefix: ClassVar[str] = "FAC"

    class Numbered(IncidentManagement[Incident]):
        slot: ClassVar[str] = "numbered"
        kind: ClassVar[str] = "numbered"

    for classes, names in (
        ([North, South], ("North", "South")),
        ([Facilities], ("Facilities", "IncidentManagement")),
        ([Numbered], ("Numbered", "IncidentManagement")),
        ([North, Numbered], ("North", "Numbered")),
    ):
        with pytest.raises(DefinitionError) as caught:
            itil4.connect(practices=classes)
        assert all(name in str(caught.value) for name in names)
    with pytest.raises(DefinitionError, match="subclasses of Practice"):
        itil4.connect(practices=[Incident])  # type: ignore[list-item]
    assert itil4.connect(practices=[North, North])[North].name == "incident_management"


def test_what_connect_is_given_must_belong_to_a_practice() -> None:
    """Fields and policies are for kinds that are there; an address is one of a store; a practice is known."""
    with pytest.raises(DefinitionError, match="Did you mean 'incident'"):
        itil4.connect(policies={"incidnt": itil4.IncidentPolicy()})
    with pytest.raises(DefinitionError, match="Did you mean 'incident'"):
        itil4.connect(fields={"incidnt": FieldSet()})
    with pytest.raises(itil4.InvalidInput, match="not the address of a store"):
        itil4.connect("desk.db")
    with pytest.raises(itil4.InvalidInput, match="There is no practice"):
        itil4.connect()[made(slot="other", kind="other", prefix="OTH")]
    with pytest.raises(AttributeError, match="Did you mean 'incidents'"):
        itil4.connect().incident  # noqa: B018 - reading it is the test


def test_an_own_step_gets_a_verb_and_an_own_verb_stays() -> None:
    """Events that are identifiers become methods; a method that the class writes itself is kept."""

    class Ours(IncidentManagement[Incident]):
        lifecycle: ClassVar[Lifecycle] = extended(
            Transition("ponder", "new", "new"),
            Transition("sleep on it", "new", "new"),
            Transition("muse", "new", "new"),
        )

        def muse(self, record: Any, **options: Any) -> Any:
            """Muse aloud."""
            return self.fire(self.comment(record, "Hm", by=options["by"]), "muse", **options)

    desk: Any = itil4.connect(practices=[Ours]).incidents
    sam = itil4.Actor("sam", roles={"service_desk"})
    held = desk.ponder(desk.log(summary="A", by=sam), by=sam)
    held = desk.muse(desk.fire(held, "sleep on it", by=sam), by=sam)
    assert [entry.event or entry.op for entry in desk.history(held)] == [
        "log",
        "ponder",
        "sleep on it",
        "comment",
        "muse",
    ]
    assert "ponder" in desk.ponder.__doc__


def test_an_own_relation_is_known_under_both_names() -> None:
    """With ends of the practice's own kind, whatever a subclass calls it."""

    class Ours(IncidentManagement[Incident]):
        relations: ClassVar[tuple[Relation, ...]] = (
            *IncidentManagement.relations,
            Relation("blocked_by", "blocks", {(SELF, SELF)}, acyclic=True),
        )

    itsm = itil4.connect(practices=[Ours])
    sam = itil4.Actor("sam", roles={"service_desk"})
    one, two = (itsm.incidents.log(summary=name, by=sam) for name in "AB")
    itsm.link(one, "blocks", two, by=sam)
    assert itsm.incidents.linked(two.id, "blocked_by") == (one,)
    with pytest.raises(itil4.Refused, match="circle"):
        itsm.link(one.id, "blocked_by", two.id, by=sam)


@attrs.frozen(kw_only=True)
class Berth:
    quay: str
    anchor: int = 0


@attrs.frozen(kw_only=True)
class RuledIncident(Incident):
    low: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    high: int = 9
    port: str | None = attrs.field(default=None, converter=attrs.converters.optional(str.upper))
    berths: tuple[Berth, ...] = ()

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.low > self.high:
            raise ValueError("low lies above high")


class RuledIncidents(IncidentManagement[RuledIncident]):
    record = RuledIncident


@pytest.mark.parametrize("url", [None, "sqlite"])
def test_rules_of_a_record_class_hold_at_birth_update_and_step(url: str | None, tmp_path: Path) -> None:
    """Validators, converters and code of the class: what they refuse could not be read again, and is never stored."""
    sam = Actor("sam", roles={"service_desk"})
    with itil4.connect(f"sqlite:///{tmp_path}/desk.db" if url else None, practices=[RuledIncidents]) as itsm:
        desk = itsm.incidents
        held = desk.log(summary="A", low=1, port="brest", by=sam)
        for given, says in (
            ({"low": -1}, "low cannot hold -1"), ({"low": 10}, "low lies above high"),
            ({"berths": (Berth(quay=3),)}, r"berths.quay is a text, not 3"),  # type: ignore[arg-type]  # what is tested
        ):  # fmt: skip
            for call in (
                lambda given=given: desk.log(summary="B", by=sam, **given),
                lambda given=given: desk.update(held, by=sam, **given),
                lambda given=given: desk.start(held, by=sam, **given),
            ):
                with pytest.raises((InvalidInput, Refused), match=says):
                    call()
            assert not desk.explain(held, "start", by=sam, **given)
        assert desk.count() == 1
        held = desk.start(desk.update(held, low=10, high=12, port="genoa", by=sam), by=sam)
        assert (held.low, held.port) == (10, "GENOA")
        assert desk.get(held.id) == desk.replayed(held) == held
        assert list(itsm.verify()) == []


def test_rules_of_a_class_hold_where_a_lifecycle_is_used_alone() -> None:
    """A step refuses what the class would refuse, and an effect that brings it about is a broken rule."""

    @attrs.frozen
    class Ticket:
        id: str
        state: str = "new"
        place: int = attrs.field(default=1, validator=attrs.validators.lt(5))

    flow = Lifecycle(
        "t", "new", [State("new"), State("done")],
        [Transition("end", "new", "done"),
         Transition("slip", "new", "done", effects=lambda ticket, context: {"place": 9})],
    )  # fmt: skip
    at = datetime(2026, 3, 2, tzinfo=UTC)
    wrong = Context(Actor("sam"), at, {"place": 9})
    assert flow.explain(Ticket("t1"), "end", wrong).codes == ("invalid_value",)
    for call in (flow.fire, lambda record, event, context: flow.update(record, context)):
        with pytest.raises(Refused, match="place cannot hold 9"):
            call(Ticket("t1"), "end", wrong)
    with pytest.raises(itil4.BrokenRule, match="place cannot hold 9"):
        flow.fire(Ticket("t1"), "slip", Context(Actor("sam"), at))
    assert flow.fire(Ticket("t1"), "end", Context(Actor("sam"), at, {"place": 4}))[0].place == 4
