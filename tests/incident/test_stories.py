"""Stories of the desk, told step by step in both stores; the first is section 3 of the plan, word by word."""

import logging
from collections.abc import Callable
from typing import Any, ClassVar

import attrs
import pytest

import itil4
from itil4 import (
    Actor,
    Attachment,
    BrokenRule,
    Entry,
    FieldSet,
    Incident,
    IncidentManagement,
    IncidentPolicy,
    InvalidInput,
    Lifecycle,
    NotFound,
    People,
    Refused,
    ServiceManagement,
    StaleRecord,
    State,
    Transition,
    guard,
)


@attrs.frozen(kw_only=True)
class VesselIncident(Incident):
    """An incident on board."""

    vessel: str = "unknown"
    port: str | None = None


class VesselIncidents(IncidentManagement[VesselIncident]):
    """Incident management at sea."""

    record = VesselIncident
    lifecycle: ClassVar[Lifecycle] = IncidentManagement.lifecycle.extend(
        states=[State("awaiting_port", category="waiting", kind="port")],
        add=[
            Transition("wait_for_port", ["in_progress"], "awaiting_port", requires=["port"]),
            Transition("berth", ["awaiting_port"], "in_progress", roles={"bridge", "assignee"}),
        ],
        tighten={"resolve": {"requires": ["port"]}},
    )


def test_the_words_of_the_plan_work_as_they_are_written(
    opened: Callable[..., ServiceManagement], clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Log, assign, comment, see buttons, ask why not, resolve, close, update, find, link, subscribe, units, bulk."""
    itsm = opened()
    told: list[Entry] = []
    itsm.subscribe(told.append, practice="incident_management")
    user, agent = Actor("ana", roles={"user"}), Actor("sam", roles={"service_desk"})

    incident = itsm.incidents.log(summary="Mail is down", impact="high", urgency="high", by=user)
    assert (incident.number, incident.priority, incident.requester) == ("INC0000001", 1, "ana")
    incident = itsm.incidents.assign(incident, to="sam", group="mail team", by=agent)
    incident = itsm.incidents.comment(incident, "Looking at the relay", audience="user", by=agent)
    assert (incident.state, incident.version) == ("assigned", 3)
    steps = {step.event: step for step in itsm.incidents.available(incident, by=agent)}
    ask = steps["resolve"].asks[0]
    assert (steps["resolve"].label, steps["resolve"].target) == ("Resolve", "resolved")
    assert (ask.field, ask.type, ask.required, ask.label) == ("resolution", "text", True, "Resolution")
    decision = itsm.incidents.explain(incident, "close", by=agent)
    assert (decision.allowed, decision.codes) == (False, ("wrong_state",))
    assert "resolve" in decision.reasons[0].detail["events"]
    clock.pass_by(hours=1)
    incident = itsm.incidents.resolve(incident, resolution="Relay restarted", by=agent)
    incident = itsm.incidents.fire(incident, "close", by=agent)
    incident = itsm.incidents.update(incident, summary="Mail and calendar were down", by=agent)
    assert itsm.incidents.get("INC0000001") == incident
    assert [entry.event or entry.op for entry in itsm.incidents.history(incident)] == [
        "log", "assign", "comment", "resolve", "close", "update",
    ]  # fmt: skip
    assert itsm.incidents.find(is_open=True, priority=1, order_by="created_at", limit=50).items == ()
    assert itsm.incidents.find(is_open=False, priority=1).items == (incident,)
    problem = itsm.problems.log(summary="The relay leaks", by=agent)
    incident = itsm.link(incident, "caused_by", problem, by=agent)
    assert itsm.problems.linked(problem, "causes") == (incident,)

    with itsm.unit(by=agent) as desk:
        child = desk.incidents.log(summary="Calendar is down", impact="low", urgency="low")
        desk.link(child, "child_of", incident)
        assert child.number is None
    child = itsm.incidents.get(child.id)
    assert child.number == "INC0000002"
    assert itsm.incidents.linked(incident, "parent_of") == (child,)
    bulk = itsm.incidents.fire_each(["INC0000002", "INC0000044"], "close", by=agent)
    assert [outcome.status for outcome in bulk] == ["refused", "missing"]
    assert [entry.seq for entry in told if entry.record_id == incident.id] == list(range(1, incident.version + 1))
    assert not caplog.records


def test_a_subclass_brings_fields_states_verbs_and_tightened_steps(opened: Callable[..., ServiceManagement]) -> None:
    """The extended practice takes the place of the built-in one, under both names."""
    itsm = opened(practices=[VesselIncidents])
    assert itsm[VesselIncidents] is itsm.incidents
    assert itsm[IncidentManagement] is itsm.incidents
    desk: Any = itsm[VesselIncidents]
    mate, sam = Actor("mate", roles={"service_desk"}), Actor("sam", roles={"bridge"})
    held = desk.log(summary="Radar", vessel="Aurora", by=mate)
    assert type(held) is VesselIncident
    held = desk.start(held, by=mate)
    buttons = {step.event: [ask.field for ask in step.asks] for step in desk.available(held, by=mate)}
    assert buttons["wait_for_port"] == ["port"]
    assert set(buttons["resolve"]) == {"resolution", "port"}
    held = desk.wait_for_port(held, port="Bergen", by=mate)
    assert (held.state, held.port) == ("awaiting_port", "Bergen")
    with pytest.raises(Refused, match="'berth' is not for 'eve'"):
        desk.berth(held, by=Actor("eve", roles={"assignee"}))
    held = desk.berth(held, by=sam)
    assert desk.resolve(held, resolution="New tube", by=mate).port == "Bergen"
    assert desk.find(is_open=False).items[0].vessel == "Aurora"


def test_a_second_kind_of_incident_lives_beside_the_first(opened: Callable[..., ServiceManagement]) -> None:
    """Facilities have their own place, kind and numbers; parents of one kind are no parents of the other."""

    class FacilityIncidents(IncidentManagement[Incident]):
        slot: ClassVar[str] = "facility_incidents"
        kind: ClassVar[str] = "facility_incident"
        prefix: ClassVar[str] = "FAC"

    itsm = opened(practices=[FacilityIncidents])
    sam = Actor("sam", roles={"service_desk"})
    one = itsm.incidents.log(summary="Mail is down", by=sam)
    other = itsm.facility_incidents.log(summary="Lift is stuck", by=sam)
    assert (one.number, other.number) == ("INC0000001", "FAC0000001")
    assert itsm.get("FAC0000001") == other
    assert itsm.get(one.id) == one
    assert (itsm.incidents.count(), itsm.facility_incidents.count()) == (1, 1)
    for wrong in (other.number, other.id, other):
        with pytest.raises(NotFound):
            itsm.incidents.start(wrong, by=sam)
    with pytest.raises(InvalidInput):
        itsm.link(one.id, "child_of", other.id, by=sam)
    assert itsm.link(one.id, "relates_to", other.number, by=sam).version == 2
    assert itsm.facility_incidents.linked(other.id, "relates_to")[0].number == "INC0000001"


def test_extra_fields_are_asked_for_stored_found_and_checked(opened: Callable[..., ServiceManagement]) -> None:
    """Fields that a host declares at run time are payload, obey their types, survive replay and are found by."""
    fields = FieldSet.from_dict(
        {
            "deck": {"type": "choice", "choices": ["A", "B"], "label": "Deck"},
            "crew": {"type": "integer", "default": 3},
            "cabin": {"type": "line", "required": True},
        }
    )

    class Ships(IncidentManagement[Incident]):
        fields: ClassVar[FieldSet] = FieldSet.from_dict({"deck": {"type": "choice", "choices": ["A", "B"]}})
        lifecycle: ClassVar[Lifecycle] = IncidentManagement.lifecycle.extend(
            tighten={"resolve": {"requires": ["deck"]}}
        )

    desk = opened(practices=[Ships], fields={"incident": fields}).incidents
    sam = Actor("sam", roles={"service_desk"})
    with pytest.raises(InvalidInput, match="cabin is required"):
        desk.log(summary="A", by=sam)
    held = desk.log(summary="A", cabin="12", by=sam)
    assert dict(held.extra) == {"crew": 3, "cabin": "12"}
    (ask,) = [ask for step in desk.available(held, by=sam) if step.event == "resolve" for ask in step.asks[1:]]
    assert (ask.field, ask.choices, ask.label) == ("deck", ("A", "B"), "Deck")
    with pytest.raises(Refused, match="deck cannot be 'C'"):
        desk.update(held, deck="C", by=sam)
    held = desk.resolve(held, resolution="x", deck="B", by=sam)
    for where, count in (({"deck": "B"}, 1), ({"deck": "A"}, 0), ({"crew__ge": 3}, 1), ({"cabin__prefix": "1"}, 1)):
        assert desk.count(**where) == count, where
    assert desk.replayed(held) == held == desk.get(held.id)


def test_children_follow_their_parent_and_say_when_they_cannot(itsm: ServiceManagement, ida: Actor) -> None:
    """Hold, resume, resolve and reopen cascade; who refuses is skipped and named; user waits do not cascade."""
    desk, sam = itsm.incidents, Actor("sam", roles={"service_desk"})
    parent = desk.log(summary="Mail is down", by=sam)
    children = [desk.log(summary=f"Mail {place}", by=sam) for place in range(3)]
    for each in children:
        itsm.link(each, "child_of", parent.id, by=sam)
    free, busy, major = (each.id for each in children)
    desk.cancel(busy, close_reason="withdrawn", by=sam)
    desk.fire(major, "accept_major", coordinator="ida", communication_plan="Hourly", by=ida)

    held = desk.hold(parent.id, kind="user", by=sam)
    assert desk.get(free).state == "new"
    held = desk.hold(held, kind="vendor", by=sam)
    assert (desk.get(free).state, desk.get(free).hold_kind) == ("on_hold", "vendor")
    step = desk.history(held)[-1]
    assert desk.history(free)[-1].cause == step.id
    assert list(map(list, step.details["skipped"])) == [[desk.get(major).number, "major_incident"]]
    held = desk.resolve(desk.resume(held, by=sam), resolution="Relay restarted", by=sam)
    assert (desk.get(free).state, desk.get(free).resolution) == ("resolved", "Relay restarted")
    assert (desk.get(busy).state, desk.get(major).state) == ("cancelled", "new")
    held = desk.reopen(held, by=sam)
    assert desk.get(free).state == "in_progress"


def test_a_child_that_refuses_is_skipped_and_named_in_the_parents_entry(
    opened: Callable[..., ServiceManagement],
) -> None:
    """A guard of the child holds it back; the parent resolves all the same and says so."""

    @guard(text="the cable is not back.")
    def cable_is_back(incident: Incident, context: Any) -> bool:
        return incident.summary != "Cable"

    class Careful(IncidentManagement[Incident]):
        lifecycle: ClassVar[Lifecycle] = IncidentManagement.lifecycle.extend(
            tighten={"resolve": {"guards": [cable_is_back]}}
        )

    itsm, sam = opened(practices=[Careful]), Actor("sam", roles={"service_desk"})
    desk = itsm.incidents
    parent, cable = desk.log(summary="A", by=sam), desk.log(summary="Cable", by=sam)
    itsm.link(cable, "child_of", parent, by=sam)
    held = desk.resolve(parent, resolution="x", by=sam)
    assert desk.get(cable.id).state == "new"
    assert list(map(list, desk.history(held)[-1].details["skipped"])) == [[cable.number, "guard"]]


def test_nothing_follows_while_a_major_incident_runs(itsm: ServiceManagement, ida: Actor) -> None:
    """Neither its children nor an automatic close move with it."""
    desk, sam = itsm.incidents, Actor("sam", roles={"service_desk"})
    parent, child = desk.log(summary="A", by=sam), desk.log(summary="B", by=sam)
    itsm.link(child, "child_of", parent, by=sam)
    held = desk.fire(parent, "accept_major", coordinator="ida", communication_plan="Hourly", by=ida)
    held = desk.resolve(held, resolution="x", by=sam)
    assert desk.get(child.id).state == "new"
    assert desk.explain(held, "close", by=Actor("timer", kind="system")).codes == ("guard",)


def test_a_requester_has_rights_over_what_is_theirs_and_nothing_else(
    itsm: ServiceManagement, ana: Actor, sam: Actor
) -> None:
    """They cancel, close and reopen their own; they cannot give themselves work, and another's is not theirs."""
    desk = itsm.incidents
    mine = desk.log(summary="A", by=ana)
    eve = Actor("eve", roles={"user", "requester", "assignee", "owner", "team_member", "coordinator", "system"})
    for event, payload in (("cancel", {"close_reason": "x"}), ("resolve", {"resolution": "x"}), ("start", {})):
        assert desk.explain(mine, event, by=eve, **payload).codes == ("role",)
    with pytest.raises(Refused):
        desk.update(mine, summary="B", by=eve)
    for field in ("assignee", "owner", "coordinator"):
        with pytest.raises(Refused, match=f"{field} is not for ana to set"):
            desk.update(mine, by=ana, **{field: "ana"})
        with pytest.raises(InvalidInput, match=f"{field} is not for ana to set"):
            desk.log(summary="B", by=ana, **{field: "ana"})
    with pytest.raises(Refused, match="assignee is not for ana"):
        desk.fire(mine, "cancel", close_reason="x", assignee="ana", by=ana)
    assert desk.update(mine, summary="B", by=ana).summary == "B"
    held = desk.hold(mine.id, kind="user", by=sam)
    held = desk.resume(held, by=ana)
    assert held.assignee is None
    held = desk.resolve(held, resolution="x", by=sam)
    held = desk.reopen(held, by=ana)
    held = desk.resolve(held, resolution="y", by=sam)
    assert desk.close(held, by=ana).state == "closed"
    assert desk.cancel(desk.log(summary="C", by=ana), close_reason="solved itself", by=ana).state == "cancelled"


def test_who_has_left_gets_no_work(opened: Callable[..., ServiceManagement], sam: Actor) -> None:
    """By verb, step, update or birth: an assignee or owner must be active; a team may own."""
    people = People({"sam": ("service desk",), "kim": ("mail team",)})
    desk = opened(directory=people).incidents
    held = desk.log(summary="A", by=sam)
    gone: tuple[Callable[[], object], ...] = (
        lambda: desk.assign(held, to="bob", by=sam),
        lambda: desk.fire(held, "assign", assignee="bob", by=sam),
        lambda: desk.update(held, assignee="bob", by=sam),
        lambda: desk.update(held, owner="bob", by=sam),
        lambda: desk.swarm(held, "bob", by=sam),
        lambda: desk.start(held, by=Actor("bob", roles={"service_desk"})),
    )
    for call in gone:
        with pytest.raises(Refused) as caught:
            call()
        assert (caught.value.code, caught.value.detail["person"]) == ("not_active", "bob")
        assert caught.value.detail["field"] in ("assignee", "owner", "participants")
    with pytest.raises(InvalidInput, match="'bob' is not active"):
        desk.log(summary="B", owner="bob", by=sam)
    assert not desk.explain(held, "assign", assignee="bob", by=sam)
    assert desk.update(held, owner="mail team", by=sam).owner == "mail team"


def test_what_is_said_among_staff_stays_among_staff(itsm: ServiceManagement, ana: Actor, sam: Actor) -> None:
    """Users read what is meant for them and what they said themselves; attachments come along."""
    desk = itsm.incidents
    held = desk.log(summary="A", by=ana)
    paper = Attachment("log.txt", "text/plain", 12, "sha256:00", "https://files.example/1")
    held = desk.comment(held, "She always says so", by=sam)
    held = desk.comment(held, "We are looking", audience="user", attachments=[paper], by=sam)
    held = desk.comment(held, "Thank you", by=ana)

    def heard(by: Actor) -> list[str]:
        return [entry.comment.text for entry in desk.history(held, by=by) if entry.comment]

    assert heard(ana) == ["We are looking", "Thank you"]
    assert heard(sam) == ["She always says so", "We are looking", "Thank you"]
    assert desk.history(held, by=ana)[1].comment.attachments == (paper,)  # type: ignore[union-attr]
    assert [len(entries) for entries in desk.histories(by=ana)] == [3]
    with itsm.unit(by=ana) as room:
        assert room.incidents.replayed(held) == held


def test_a_confidential_incident_is_as_good_as_absent(
    itsm: ServiceManagement, ida: Actor, sam: Actor, ana: Actor
) -> None:
    """For those who may not see it no question tells it from one that is not there, whichever way they ask."""
    desk = itsm.incidents
    plain = desk.log(summary="Plain", by=sam)
    secret = desk.log(summary="Secret", confidential=True, impact="high", urgency="high", by=ida)
    itsm.link(plain, "relates_to", secret, by=ida)
    plain = desk.get(plain.id)

    def told(call: Callable[[str], object], reference: str) -> str:
        with pytest.raises(NotFound) as caught:
            call(reference)
        return str(caught.value.to_dict()).replace(reference, "IT").replace(secret.id, "IT")

    absent_id = secret.id[:-4] + "0000"
    calls: tuple[Callable[[str], object], ...] = (
        lambda it: desk.get(it, by=sam),
        lambda it: itsm.get(it, by=sam),
        lambda it: desk.history(it, by=sam),
        lambda it: desk.links(it, by=sam),
        lambda it: desk.linked(it, "relates_to", by=sam),
        lambda it: desk.explain(it, "start", by=sam),
        lambda it: desk.available(it, by=sam),
        lambda it: desk.start(it, by=sam),
        lambda it: desk.update(it, summary="x", by=sam),
        lambda it: desk.comment(it, "x", by=sam),
        lambda it: desk.override(it, priority=2, reason="x", by=sam),
        lambda it: desk.swarm(it, "sam", by=sam),
        lambda it: desk.merge(it, into=plain.id, by=sam),
        lambda it: desk.merge(plain.id, into=it, by=sam),
        lambda it: desk.watch(it, sam, by=sam),
        lambda it: itsm.link(plain, "relates_to", it, by=sam),
        lambda it: itsm.link(it, "relates_to", plain, by=sam),
        lambda it: itsm.unlink(plain, "relates_to", it, by=sam),
        lambda it: desk.find(relates_to=it, by=sam),
        lambda it: desk.start(it, once="key", by=sam),
    )
    for call in calls:
        assert told(call, secret.id) == told(call, absent_id)
        assert told(call, str(secret.number)) == told(call, "INC0009999")
    with pytest.raises(NotFound):
        desk.start(secret, by=sam)
    assert desk.links(plain, by=sam) == ()
    assert [entry.op for entry in desk.history(plain, by=sam)] == ["birth"]
    assert [entry.op for entry in desk.history(plain, by=ida)] == ["birth", "link"]
    assert [each.summary for each in desk.find(by=sam)] == ["Plain"]
    assert (desk.count(by=sam), desk.count(by=ida), len(list(desk.histories(by=sam)))) == (1, 2, 1)
    assert [outcome.status for outcome in desk.fire_each([secret.id, absent_id], "start", by=sam)] == ["missing"] * 2
    with itsm.unit(by=sam) as room:
        assert told(room.incidents.get, secret.id) == told(room.incidents.get, absent_id)
        room.incidents.comment(plain.id, "still here")

    desk.swarm(secret.id, "sam", by=ida)
    assert desk.get(secret.id, by=sam).participants == ("sam",)
    with pytest.raises(NotFound):
        desk.get(secret.id, by=ana)


def test_a_cascade_passes_over_children_that_the_actor_may_not_see(
    itsm: ServiceManagement, ida: Actor, sam: Actor
) -> None:
    """Nothing is done to them, and nothing about them stands in the parent's entry."""
    desk = itsm.incidents
    parent = desk.log(summary="A", by=sam)
    secret = desk.log(summary="B", confidential=True, by=ida)
    itsm.link(secret, "child_of", parent, by=ida)
    held = desk.resolve(parent, resolution="x", by=sam)
    assert desk.get(secret.id).state == "new"
    assert "skipped" not in desk.history(held)[-1].details


def test_a_duplicate_is_merged_and_taken_apart_again(opened: Callable[..., ServiceManagement], sam: Actor) -> None:
    """Links of every kind move to the one that stays and come home; histories stay whole, and nothing else stops."""
    itsm = opened()
    desk = itsm.incidents
    twin, first, parent, child, friend = (desk.log(summary=name, by=sam) for name in "TFPCR")
    problem = itsm.problems.log(summary="Relay", by=sam)
    kim = Actor("kim")
    itsm.link(twin.id, "child_of", parent.id, by=sam)
    itsm.link(child.id, "child_of", twin.id, by=sam)
    itsm.link(twin.id, "relates_to", friend.id, by=sam)
    itsm.link(friend.id, "relates_to", first.id, by=sam)
    itsm.link(twin.id, "caused_by", problem, by=sam)
    desk.watch(twin.id, kim, by=sam)
    before = sorted((link.relation, link.target) for link in desk.links(twin.id))
    lengths = {each.id: len(desk.history(each.id)) for each in (twin, first, child)}

    merged = desk.merge(twin.id, into=first.id, by=sam)
    assert (merged.state, merged.close_reason) == ("cancelled", "duplicate")
    assert sorted(link.relation for link in desk.links(merged)) == ["duplicate_of", "relates_to"]
    assert {link.relation for link in desk.links(first.id)} == {
        "caused_by", "child_of", "duplicated_by", "parent_of", "relates_to", "watched_by",
    }  # fmt: skip
    assert desk.get(child.id).state == "new"
    assert all(len(desk.history(each)) >= length for each, length in lengths.items())
    with pytest.raises(Refused):
        desk.merge(first.id, into=merged, by=sam)

    apart = desk.unmerge(merged, by=sam)
    assert (apart.state, apart.close_reason) == ("new", None)
    assert sorted((link.relation, link.target) for link in desk.links(apart)) == before
    assert desk.linked(child.id, "child_of") == (apart,)
    assert desk.links(first.id) == desk.links(first.id, by=sam)
    assert [link.relation for link in desk.links(first.id)] == ["relates_to"]
    for each in (apart, desk.get(first.id), desk.get(child.id)):
        assert desk.replayed(each) == each
    with pytest.raises(Refused):
        desk.unmerge(apart, by=sam)


def test_a_queue_is_worked_by_rank_then_priority_then_age(itsm: ServiceManagement, sam: Actor, clock: Any) -> None:
    """The rank is an order within one queue, so it does not follow into another."""
    desk = itsm.incidents
    names = {"old": ("low", "low"), "urgent": ("high", "high"), "vague": (None, None), "late": ("low", "low")}
    made = {}
    for name, (impact, urgency) in names.items():
        made[name] = desk.log(summary=name, impact=impact, urgency=urgency, group="mail", by=sam)
        clock.pass_by(minutes=1)
    assert [each.summary for each in desk.queue("mail")] == ["urgent", "old", "late", "vague"]
    desk.rank(made["vague"], 1, by=sam)
    desk.rank(made["late"], 2, by=sam)
    assert [each.summary for each in desk.queue("mail", by=sam)] == ["vague", "late", "urgent", "old"]
    with pytest.raises(Refused, match="rank must be more than zero"):
        desk.rank(made["old"], 0, by=sam)
    held = desk.assign(made["vague"].id, group="network", by=sam)
    assert (held.rank, held.group) == (None, "network")
    assert desk.queue("network") == (held,)


def test_what_is_open_again_is_restored_no_longer(itsm: ServiceManagement, sam: Actor, clock: Any) -> None:
    """Restored and resolved are told apart; after a reopening service comes back at a time of its own."""
    desk = itsm.incidents
    held = desk.restore(desk.log(summary="A", by=sam), by=sam)
    first = held.restored_at
    clock.pass_by(hours=1)
    held = desk.resolve(desk.restore(held, by=sam), resolution="x", by=sam)
    assert (held.restored_at, held.resolved_at) == (first, clock.time)
    held = desk.reopen(held, by=sam)
    assert held.restored_at is None
    clock.pass_by(hours=1)
    assert desk.restore(held, by=sam).restored_at == clock.time


def test_an_incident_is_found_by_its_own_category_and_by_that_of_its_state(itsm: ServiceManagement, sam: Actor) -> None:
    """What people call a category, and what a state means to queues, do not get into each other's way."""
    desk = itsm.incidents
    mail = desk.log(summary="A", category="mail", by=sam)
    desk.log(summary="B", category="active", by=sam)
    held = desk.start(mail, by=sam)
    assert desk.find(category="mail").items == (held,)
    assert desk.find(state_category="active").items == (held,)
    assert [each.category for each in desk.find(order_by="-category")] == ["mail", "active"]


def test_the_same_call_again_gives_the_first_result(
    itsm: ServiceManagement, sam: Actor, ana: Actor, ida: Actor
) -> None:
    """`once` makes every verb safe to repeat, for the same record and step only, in a unit too, and leaks nothing."""
    desk = itsm.incidents
    held = desk.log(summary="A", once="birth", by=sam)
    assert desk.log(summary="A", once="birth", by=sam).id == held.id
    other = desk.log(summary="B", by=sam)
    for verb, call in {
        "comment": lambda: desk.comment(held.id, "x", once="c", by=sam),
        "start": lambda: desk.start(held.id, once="s", by=sam),
        "update": lambda: desk.update(held.id, description="x", once="u", by=sam),
        "override": lambda: desk.override(held.id, priority=1, reason="x", once="o", by=sam),
        "release": lambda: desk.release(held.id, once="r", by=sam),
        "hold": lambda: desk.hold(held.id, kind="vendor", once="h", by=sam),
        "link": lambda: itsm.link(held.id, "relates_to", other.id, once="l", by=sam),
        "watch": lambda: desk.watch(held.id, ana, once="w", by=sam),
        "unwatch": lambda: desk.unwatch(held.id, ana, once="v", by=sam),
        "merge": lambda: desk.merge(held.id, into=other.id, once="m", by=sam),
        "unmerge": lambda: desk.unmerge(held.id, once="n", by=sam),
    }.items():
        first = call()
        count = len(desk.history(held.id))
        assert call() == first, verb
        assert len(desk.history(held.id)) == count, verb
    with pytest.raises(InvalidInput, match=r"once='s' was used for incident\.start"):
        desk.start(other.id, once="s", by=sam)
    with pytest.raises(InvalidInput, match="once"):
        desk.start(other.id, once="", by=sam)
    with itsm.unit(by=sam) as room:
        one = room.incidents.log(summary="C", once="inside")
        assert room.incidents.log(summary="C", once="inside").id == one.id
    assert desk.count(summary="C") == 1
    desk.log(summary="S", confidential=True, once="hidden", by=ida)
    with pytest.raises(NotFound):
        desk.log(summary="S", once="hidden", by=ana)
    bulk = [desk.log(summary=str(place), by=sam).id for place in range(3)]
    desk.fire_each(bulk[:2], "start", once="night", by=sam)
    assert [each.status for each in desk.fire_each(bulk, "start", once="night", by=sam)] == ["changed"] * 3
    assert [each.version for each in map(desk.get, bulk)] == [2, 2, 2]


def test_a_stale_copy_and_an_unexpected_version_are_told_apart_from_nothing(
    itsm: ServiceManagement, sam: Actor
) -> None:
    """Every verb takes `expected`; the error says who changed what."""
    desk = itsm.incidents
    held = desk.log(summary="A", by=sam)
    other = desk.log(summary="B", by=sam)
    desk.comment(held, "x", by=Actor("kim", roles={"service_desk"}))
    for call in (
        lambda options: desk.start(held.id, by=sam, **options),
        lambda options: desk.update(held.id, summary="x", by=sam, **options),
        lambda options: desk.comment(held.id, "x", by=sam, **options),
        lambda options: desk.override(held.id, priority=1, reason="x", by=sam, **options),
        lambda options: desk.release(held.id, by=sam, **options),
        lambda options: itsm.link(held.id, "relates_to", other.id, by=sam, **options),
        lambda options: itsm.unlink(held.id, "relates_to", other.id, by=sam, **options),
        lambda options: desk.merge(held.id, into=other.id, by=sam, **options),
        lambda options: desk.escalate(held.id, to="x", by=sam, **options),
        lambda options: desk.swarm(held.id, "x", by=sam, **options),
        lambda options: desk.watch(held.id, sam, by=sam, **options),
    ):
        with pytest.raises(StaleRecord) as caught:
            call({"expected": 1})
        detail = caught.value.detail
        assert (detail["expected"], detail["found"], detail["changed_by"], detail["changed"]) == (
            1,
            2,
            "kim",
            "comment",
        )
    with pytest.raises(StaleRecord):
        desk.start(held, by=sam)
    assert desk.explain(held, "start", by=sam).codes == ("stale",)
    assert desk.start(held.id, expected=2, by=sam).version == 3


def test_a_unit_happens_as_a_whole_or_not_at_all(itsm: ServiceManagement, sam: Actor) -> None:
    """Half a unit leaves nothing; what a caught error undid stays undone; inner units join the outer one."""
    desk = itsm.incidents
    held = desk.log(summary="A", by=sam)
    told: list[str] = []
    itsm.subscribe(lambda entry: told.append(entry.op))

    def seen() -> tuple[Any, ...]:
        return desk.get(held.id), desk.history(held.id), desk.count(), desk.links(held.id)

    before = seen()

    def work(fails: Callable[[ServiceManagement], object]) -> ServiceManagement:
        with pytest.raises((Refused, ZeroDivisionError)), itsm.unit(by=sam) as room:
            room.link(room.incidents.log(summary="B"), "child_of", held) and fails(room)
        return room

    work(lambda room: room.incidents.close(held.id))
    room = work(lambda room: [room.incidents.start(held), 1 / 0])
    assert seen() == before
    assert told == []
    with pytest.raises(InvalidInput, match="over"):
        room.incidents.log(summary="too late")
    with pytest.raises(InvalidInput, match="over"):
        room.incidents.get(held.id)

    with itsm.unit(by=sam, correlation="req-1") as room:
        started = room.incidents.start(held)
        with pytest.raises(Refused), room.unit() as inner:
            inner.incidents.close(inner.incidents.comment(started, "lost"))
        with room.unit(by=Actor("kim", roles={"service_desk"})) as inner:
            inner.incidents.comment(started, "kept")
        assert len(room.incidents.history(held.id)) == 3
        assert told == []
    assert told == ["step", "comment"]
    entries = desk.history(held.id)
    assert [(entry.by, entry.correlation) for entry in entries[1:]] == [("sam", "req-1"), ("kim", "req-1")]
    assert len({entry.unit for entry in entries[1:]}) == 1
    assert entries[-1].comment.text == "kept"  # type: ignore[union-attr]


def test_a_record_made_in_a_unit_is_good_after_it(itsm: ServiceManagement, sam: Actor) -> None:
    """Its number came at the end, so the copy without one is no doctored copy."""
    with itsm.unit(by=sam) as room:
        held = room.incidents.log(summary="A")
        assert room.incidents.available(held)
        assert room.incidents.explain(held, "start")
    assert itsm.incidents.start(held, by=sam).number == "INC0000001"


def test_subscribers_hear_in_order_and_one_that_fails_stops_nobody(
    itsm: ServiceManagement, sam: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    """After the commit, entry by entry, numbers included; the failure is logged; a stopped one hears nothing."""
    told: list[tuple[str, int]] = []

    def failing(entry: Entry) -> None:
        raise RuntimeError("no network")

    stop = itsm.subscribe(lambda entry: told.append(("first", entry.seq)), practice="incident_management")
    itsm.subscribe(failing)
    itsm.subscribe(lambda entry: told.append((str(entry.number), entry.seq)), practice="incident")
    with caplog.at_level(logging.ERROR, logger="itil4"):
        held = itsm.incidents.start(itsm.incidents.log(summary="A", by=sam), by=sam)
    assert told == [("first", 1), ("INC0000001", 1), ("first", 2), ("None", 2)]
    assert len(caplog.records) == 2
    stop()
    stop()
    itsm.incidents.comment(held, "x", by=sam)
    assert told[4:] == [("None", 3)]
    with pytest.raises(InvalidInput, match="Did you mean 'incident'"):
        itsm.subscribe(print, practice="incidnt")


def test_a_bulk_step_gives_each_record_its_own_outcome(opened: Callable[..., ServiceManagement], sam: Actor) -> None:
    """Changed, refused, stale, missing, invalid or failed by a rule of the host: none stops another."""

    @guard()
    def touchy(incident: Incident, context: Any) -> bool:
        if incident.summary == "bug":
            raise KeyError("bug")
        return True

    class Touchy(IncidentManagement[Incident]):
        lifecycle: ClassVar[Lifecycle] = IncidentManagement.lifecycle.extend(tighten={"start": {"guards": [touchy]}})

    desk = opened(practices=[Touchy]).incidents
    good, bug, stale, done = (desk.log(summary=name, by=sam) for name in ("good", "bug", "stale", "done"))
    desk.comment(stale, "moved on", by=sam)
    desk.cancel(done, close_reason="x", by=sam)
    doctored = attrs.evolve(good, owner="eve")
    records: list[Any] = [bug, stale, done.id, "INC0009999", doctored, 7, good]
    outcomes = desk.fire_each(iter(records), "start", by=sam)
    assert [each.status for each in outcomes] == [
        "failed", "stale", "refused", "missing", "invalid", "invalid", "changed",
    ]  # fmt: skip
    assert outcomes[-1].record == desk.get(good.id)
    assert all(each.reasons for each in outcomes[:-1])
    with pytest.raises(BrokenRule, match="touchy"):
        desk.start(bug, by=sam)
    assert len(desk.history(bug)) == 1
    with pytest.raises(InvalidInput, match="records is several records"):
        desk.fire_each("INC0000001", "start", by=sam)


def test_thousands_of_records_are_closed_in_one_call(sam: Actor) -> None:
    """Each is a unit of its own, so the size of the list does not matter."""
    desk = itil4.connect().incidents
    with desk.desk.clone() as room:
        ids = [room.incidents.log(summary=str(place), by=sam).id for place in range(3_000)]
        outcomes = desk.fire_each([*ids, "INC0099999"], "start", by=sam)
    assert [each.status for each in outcomes] == ["changed"] * 3_000 + ["missing"]


def test_an_organization_says_otherwise_by_policy(opened: Callable[..., ServiceManagement], ana: Actor) -> None:
    """Given to connect, or as a class attribute; one that is no policy is refused when it is used."""

    class Mild(IncidentManagement[Incident]):
        policy: ClassVar[IncidentPolicy] = IncidentPolicy(default_owner="help desk")

    assert opened(practices=[Mild]).incidents.log(summary="A", by=ana).owner == "help desk"
    given = opened(practices=[Mild], policies={"incident": IncidentPolicy(default_owner="front desk")})
    assert given.incidents.log(summary="A", by=ana).owner == "front desk"
    with pytest.raises(InvalidInput, match=r"policies\.incident is an IncidentPolicy"):
        opened(policies={"incident": {"default_owner": "x"}}).incidents.log(summary="A", by=ana)


def test_what_is_told_at_the_edge_of_summer_time_stays_the_same_instant(itsm: ServiceManagement, sam: Actor) -> None:
    """An hour that a local clock shows twice is kept as the instant that was meant."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    told = datetime(2025, 10, 26, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=1)
    held = itsm.incidents.log(summary="A", occurred_at=told, by=sam)
    assert held.occurred_at is not None
    assert held.occurred_at.isoformat() == "2025-10-26T01:30:00+00:00"
    assert itsm.incidents.start(held, by=sam).state == "in_progress"


def test_a_clock_that_goes_back_keeps_history_in_order(itsm: ServiceManagement, sam: Actor, clock: Any) -> None:
    """Another machine was ahead: the next entry happens no earlier than the last."""
    held = itsm.incidents.log(summary="A", by=sam)
    clock.pass_by(hours=-1)
    held = itsm.incidents.start(held, by=sam)
    first, second = itsm.incidents.history(held)
    assert second.at == first.at == held.updated_at
    assert second.recorded_at >= second.at
