"""INV-022 to INV-039: what is true of every incident."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import itil4
from itil4 import (
    Actor,
    DefinitionError,
    Incident,
    IncidentModel,
    IncidentPolicy,
    InvalidInput,
    NotFound,
    PriorityMatrix,
    Refused,
    ServiceManagement,
)
from itil4.practices.incident_management import reassignments, reopenings

LEVELS = ("high", "medium", "low")


def refusal(call: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value


def test_inv_022_an_agreed_outage_opens_no_incident(
    opened: Callable[..., ServiceManagement], clock: Any, monitor: Actor, sam: Actor
) -> None:
    """What monitoring sees inside an agreed outage is no incident; a person may still log one."""
    begin, end = clock.time, clock.time + timedelta(hours=1)

    def agreed(values: Any, at: datetime) -> str | None:
        return "CHG-7" if values.get("service") == "mail" and begin <= at < end else None

    desk = opened(policies={"incident": IncidentPolicy(agreed_outage=agreed)}).incidents
    told = refusal(lambda: desk.log(summary="Mail is down", service="mail", by=monitor))
    assert told.code == "guard"
    assert "CHG-7" in str(told)
    assert desk.count() == 0
    assert desk.log(summary="Mail is down", service="mail", by=sam).state == "new"
    assert desk.log(summary="Web is down", service="web", by=monitor).state == "new"
    clock.pass_by(hours=1)
    assert desk.log(summary="Mail is down", service="mail", by=monitor).state == "new"


def test_inv_023_every_incident_has_one_owner_until_it_is_closed(
    opened: Callable[..., ServiceManagement], ana: Actor, ida: Actor
) -> None:
    """The owner is never empty, never two, and never somebody who is not there."""
    people = itil4.People({"sam": ("service desk",), "kim": ("mail team",), "ida": ()})
    desk = opened(directory=people).incidents
    sam = Actor("sam", roles={"service_desk"})
    assert desk.log(summary="A", by=ana).owner == "service desk"
    held = desk.log(summary="B", by=sam)
    assert held.owner == "service desk"
    assert desk.log(summary="C", by=ida).owner == "ida"
    for nobody in (None, "", "  ", ("kim", "sam")):
        assert refusal(lambda nobody=nobody: desk.update(held, owner=nobody, by=sam)).detail["field"] == "owner"
    assert refusal(lambda: desk.update(held, owner="bob", by=sam)).code == "not_active"
    assert desk.update(held, owner="kim", by=sam).owner == "kim"
    for step in (
        lambda: desk.assign(held.id, to="kim", group="mail team", by=sam),
        lambda: desk.start(held.id, by=sam),
        lambda: desk.swarm(held.id, "ida", by=sam),
        lambda: desk.hold(held.id, kind="vendor", by=sam),
        lambda: desk.resolve(held.id, resolution="Done", by=sam),
    ):
        assert step().owner == "kim"


def test_inv_024_priority_is_a_total_function_that_never_falls_with_more_impact_or_urgency() -> None:
    """Nine pairs, the agreed nine priorities, and no step towards less impact or urgency raises one."""
    matrix = PriorityMatrix.default()
    table = {pair: matrix(*pair) for pair in itertools.product(LEVELS, LEVELS)}
    assert list(table.values()) == [1, 2, 3, 2, 3, 4, 3, 4, 4]
    assert {pair: matrix(*pair) for pair in table} == table
    for (impact, urgency), priority in table.items():
        for less in LEVELS[LEVELS.index(impact) :]:
            for later in LEVELS[LEVELS.index(urgency) :]:
                assert table[less, later] >= priority


def test_inv_025_the_matrix_is_replaceable_and_has_no_gap(opened: Callable[..., ServiceManagement], sam: Actor) -> None:
    """A matrix without a pair, with what is no priority, or that falls, is refused and named; a whole one is used."""
    ours = PriorityMatrix.of({"high": (1, 1, 2), "medium": (2, 2, 5), "low": (3, 5, 9)})
    desk = opened(policies={"incident": IncidentPolicy(matrix=ours)}).incidents
    assert desk.log(summary="A", impact="low", urgency="low", by=sam).priority == 9
    for rows, where in (
        ({"high": (1, 2, 3), "medium": (2, 3, 4), "low": (3, 4)}, "low, urgency low"),
        ({"high": (1, 2, 3), "medium": (2, 3, 4)}, "impact low"),
        ({"high": (1, 2, 3), "medium": (2, 3, 4), "low": (3, 4, 0)}, "low, urgency low"),
        ({"high": (2, 2, 3), "medium": (1, 3, 4), "low": (3, 4, 4)}, "high, urgency high"),
    ):
        with pytest.raises(DefinitionError, match=where):
            PriorityMatrix.of(rows)  # type: ignore[arg-type]


@given(st.lists(st.integers(1, 5), min_size=9, max_size=9))
def test_inv_024_025_a_matrix_is_accepted_exactly_when_it_never_falls(cells: list[int]) -> None:
    """Accepted means monotone in both directions, and nothing monotone is refused."""
    rows = {impact: tuple(cells[place * 3 : place * 3 + 3]) for place, impact in enumerate(LEVELS)}
    monotone = all(row == tuple(sorted(row)) for row in rows.values()) and all(
        [*column] == sorted(column) for column in zip(*rows.values(), strict=True)
    )
    try:
        PriorityMatrix.of(rows)
    except DefinitionError:
        assert not monotone
    else:
        assert monotone


def test_inv_026_priority_follows_impact_and_urgency_unless_somebody_set_it_by_hand(
    itsm: ServiceManagement, sam: Actor, ida: Actor
) -> None:
    """It is computed anew at every change; an override stays, with who and why, until it is released."""
    desk = itsm.incidents
    held = desk.log(summary="A", impact="low", urgency="low", by=sam)
    assert held.priority == 4
    held = desk.update(held, urgency="high", by=sam)
    assert held.priority == 3
    told = refusal(lambda: desk.update(held, priority=1, by=sam))
    assert (told.code, told.detail["field"]) == ("field_rule", "priority")
    assert "override" in str(told)
    with pytest.raises(InvalidInput, match="reason"):
        desk.override(held, priority=1, reason=" ", by=ida)
    held = desk.override(held, priority=1, reason="The board is watching", by=ida)
    held = desk.update(held, impact="medium", urgency="low", by=sam)
    assert held.priority == 1
    assert (held.overrides["priority"].by, held.overrides["priority"].reason) == ("ida", "The board is watching")
    entry = next(entry for entry in desk.history(held) if entry.event == "override")
    assert (entry.by, entry.reason) == ("ida", "The board is watching")
    held = desk.release(held, "priority", by=ida)
    assert (held.priority, dict(held.overrides)) == (4, {})


def test_inv_027_nothing_is_resolved_without_a_resolution(itsm: ServiceManagement, sam: Actor) -> None:
    """From every state from which it can be resolved, a fix or workaround has to be told."""
    desk = itsm.incidents
    for way in ((), ("start",), ("start", "hold")):
        held = desk.log(summary="A", by=sam)
        for event in way:
            held = desk.fire(held, event, by=sam, **({"hold_kind": "vendor"} if event == "hold" else {}))
        for nothing in ({}, {"resolution": ""}, {"resolution": " \n"}, {"resolution": None}):
            told = refusal(lambda held=held, nothing=nothing: desk.fire(held, "resolve", by=sam, **nothing))
            assert (told.code, told.detail["fields"]) == ("missing", ("resolution",))
        assert desk.resolve(held, resolution="Restarted", by=sam).resolution_code == "solved"


def test_inv_028_nothing_is_closed_before_it_is_resolved(itsm: ServiceManagement, sam: Actor) -> None:
    """Close leads from resolved only; what is withdrawn or a duplicate is cancelled, with a reason."""
    desk = itsm.incidents
    open_states = [state.name for state in desk.lifecycle.states if state.is_open]
    assert {source for event, source, _ in desk.lifecycle.graph if event == "close"} == {"resolved"}
    assert not [arrow for arrow in desk.lifecycle.graph if arrow[2] == "closed" and arrow[1] != "resolved"]
    assert len(open_states) == 4
    held = desk.log(summary="A", by=sam)
    assert refusal(lambda: desk.close(held, by=sam)).code == "wrong_state"
    assert refusal(lambda: desk.fire(held, "cancel", by=sam)).detail["fields"] == ("close_reason",)
    assert desk.cancel(held, close_reason="withdrawn", by=sam).state == "cancelled"


def test_inv_029_closed_is_the_end_unless_the_policy_reopens(
    opened: Callable[..., ServiceManagement], clock: Any, ana: Actor, sam: Actor
) -> None:
    """By default nothing leads out of closed; where the policy allows, history and count of reopenings stay."""
    strict = opened().incidents
    held = strict.log(summary="A", by=ana)
    held = strict.close(strict.resolve(held, resolution="x", by=sam), by=ana)
    assert strict.available(held, by=sam) == ()
    assert refusal(lambda: strict.reopen(held, by=sam)).detail["guard"] == "may_reopen"

    policy = IncidentPolicy(reopen_closed=True, reopen_within=timedelta(days=5))
    mild = opened(policies={"incident": policy}).incidents
    held = mild.log(summary="A", by=ana)
    held = mild.close(mild.resolve(held, resolution="x", by=sam), by=ana)
    length = len(mild.history(held))
    held = mild.reopen(held, by=ana)
    assert (held.state, held.resolution, held.resolved_at, held.closed_at) == ("in_progress", None, None, None)
    assert len(mild.history(held)) == length + 1
    assert reopenings(mild.history(held)) == 1
    held = mild.resolve(held, resolution="y", by=sam)
    clock.pass_by(days=5)
    held = mild.resolve(mild.reopen(held, by=sam), resolution="z", by=sam)
    assert reopenings(mild.history(held)) == 2
    clock.pass_by(days=5, seconds=1)
    assert "more than 5 days" in str(refusal(lambda: mild.reopen(held, by=sam)))
    assert refusal(lambda: mild.reopen(held, by=Actor("eve", roles={"user"}))).code == "role"


def test_inv_029_the_policy_says_who_reopens_also_by_roles_of_its_own(
    opened: Callable[..., ServiceManagement], ana: Actor, sam: Actor
) -> None:
    """A role that the policy names is enough, and nobody has the role `reopener` by bringing it along."""
    desk = opened(policies={"incident": IncidentPolicy(reopen_roles={"auditor"})}).incidents
    held = desk.resolve(desk.log(summary="A", by=ana), resolution="x", by=sam)
    assert refusal(lambda: desk.reopen(held, by=sam)).detail["guard"] == "may_reopen"
    assert refusal(lambda: desk.reopen(held, by=Actor("eve", roles={"reopener"}))).code == "role"
    assert desk.reopen(held, by=Actor("ida", roles={"auditor"})).state == "in_progress"


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: IncidentPolicy(matrix=3), "matrix"),
        (lambda: IncidentPolicy(reopen_within=3), "reopen_within"),
        (lambda: IncidentPolicy(reopen_within=timedelta(days=-1)), "not negative"),
        (lambda: IncidentPolicy(reopen_closed="no"), "reopen_closed"),
        (lambda: IncidentPolicy(reopen_roles=3), "roles"),
        (lambda: IncidentPolicy(confidential_roles=[3]), "roles"),
        (lambda: IncidentPolicy(default_owner=" "), "default_owner"),
        (lambda: IncidentPolicy(agreed_outage=3), "agreed_outage"),
        (lambda: IncidentPolicy(models="mail"), "IncidentModels"),
        (lambda: IncidentPolicy(models={"mail": 3}), "IncidentModels"),
        (lambda: IncidentPolicy(models=[IncidentModel("mail"), IncidentModel("mail", {"group": "x"})]), "'mail' twice"),
        (lambda: IncidentModel(3), "name"),
        (lambda: IncidentModel("mail", 3), "mappings"),
        (lambda: IncidentModel("mail", steps=3), "several lines"),
        (lambda: PriorityMatrix.of(None), "a mapping"),
        (lambda: PriorityMatrix.of({"high": (1, 2, 3, 4), "medium": (2, 3, 4), "low": (3, 4, 4)}), "3 priorities"),
        (lambda: PriorityMatrix({1: 2}), "no such pair"),
    ],
)
def test_a_policy_that_cannot_work_is_refused_when_it_is_made(made: Callable[[], Any], says: str) -> None:
    """What is of the wrong type, negative or there twice is told where it is written, not at the first incident."""
    with pytest.raises(DefinitionError, match=says):
        made()


def test_inv_030_a_workaround_closes_no_problem(itsm: ServiceManagement, sam: Actor) -> None:
    """Resolving an incident leaves the problem behind it as it is, in every field."""
    cause = itsm.problems.log(summary="Relay leaks", by=sam)
    held = itsm.incidents.log(summary="Mail is down", by=sam)
    held = itsm.link(held, "caused_by", cause, by=sam)
    held = itsm.incidents.resolve(held, resolution="Restart it every night", code="workaround", by=sam)
    itsm.incidents.close(held, by=sam)
    assert itsm.problems.get(cause.id) == cause


def test_inv_031_a_major_incident_has_a_coordinator_and_a_plan_before_it_is_accepted(
    itsm: ServiceManagement, sam: Actor, ida: Actor
) -> None:
    """Both are asked for, by whichever way it comes to be accepted."""
    desk = itsm.incidents
    for proposed in (False, True):
        held = desk.log(summary="All is down", by=sam)
        if proposed:
            held = desk.fire(held, "propose_major", by=sam)
        told = refusal(lambda held=held: desk.fire(held, "accept_major", by=ida))
        assert told.detail["fields"] == ("coordinator", "communication_plan")
        told = refusal(lambda held=held: desk.fire(held, "accept_major", coordinator="ida", by=ida))
        assert told.detail["fields"] == ("communication_plan",)
        given = {"coordinator": "ida", "communication_plan": "Hourly to all"}
        assert refusal(lambda held=held: desk.fire(held, "accept_major", by=sam, **given)).code == "role"  # noqa: B023
        assert desk.fire(held, "accept_major", by=ida, **given).major == "accepted"


def test_inv_032_a_major_incident_stays_the_same_record(itsm: ServiceManagement, sam: Actor, ida: Actor) -> None:
    """Promoted and demoted it keeps id, number, state and history."""
    desk = itsm.incidents
    held = desk.log(summary="All is down", by=sam)
    before = desk.history(held)
    raised = desk.fire(held, "accept_major", coordinator="ida", communication_plan="Hourly", by=ida)
    lowered = desk.fire(raised, "demote_major", by=ida)
    for now in (raised, lowered):
        assert (now.id, now.number, now.state, now.created_at) == (held.id, held.number, held.state, held.created_at)
    assert desk.history(held)[: len(before)] == before
    assert [entry.lifecycle for entry in desk.history(held)[1:]] == ["major incident"] * 2


def test_inv_033_a_major_incident_closes_with_a_review_only(
    opened: Callable[..., ServiceManagement], sam: Actor, ida: Actor
) -> None:
    """Neither while it runs nor before its review is it closed or cancelled; a policy may leave the review out."""
    for review in (True, False):
        desk = opened(policies={"incident": IncidentPolicy(review_major=review)}).incidents
        held = desk.log(summary="All is down", by=sam)
        held = desk.fire(held, "accept_major", coordinator="ida", communication_plan="Hourly", by=ida)
        assert refusal(lambda held=held, desk=desk: desk.cancel(held, close_reason="x", by=sam)).code == "guard"
        held = desk.resolve(held, resolution="Restarted", by=sam)
        assert "runs as a major" in str(refusal(lambda held=held, desk=desk: desk.close(held, by=sam)))
        system = Actor("timer", kind="system")
        assert not desk.explain(held, "close", by=system)
        held = desk.fire(held, "end_major", by=ida)
        if review:
            assert "no review" in str(refusal(lambda held=held, desk=desk: desk.close(held, by=sam)))
            held = desk.fire(held, "review_major", review="Watch the relay", by=ida)
        assert desk.close(held, by=sam).state == "closed"


def test_inv_034_functional_escalation_moves_the_team_and_hierarchical_escalation_does_not(
    itsm: ServiceManagement, sam: Actor
) -> None:
    """Handing over changes the group, and needs another one; escalating changes who is informed, and nothing else."""
    desk = itsm.incidents
    held = desk.assign(desk.log(summary="A", by=sam), to="sam", group="mail team", by=sam)
    for same in ({"group": "mail team"}, {}):
        told = desk.explain(held, "hand_over", by=sam, **same)
        assert not told
        assert "group" in str(told.reasons[0])
    assert refusal(lambda: desk.hand_over(held, group="mail team", by=sam)).detail["field"] == "group"
    held = desk.hand_over(held, group="network team", by=sam)
    assert (held.group, held.assignee, held.state) == ("network team", None, "assigned")
    assert reassignments(desk.history(held)) == 1
    raised = desk.escalate(held, to="head of operations", by=sam)
    assert raised.informed == ("head of operations",)
    assert attrs.evolve(raised, informed=(), version=held.version) == held
    assert refusal(lambda: desk.escalate(raised, to="head of operations", by=sam)).detail["field"] == "informed"
    assert reassignments(desk.history(held)) == 1


def test_inv_035_swarming_adds_participants_and_no_owner(itsm: ServiceManagement, sam: Actor) -> None:
    """More people work on it together; owner, assignee and group stay."""
    desk = itsm.incidents
    held = desk.assign(desk.log(summary="A", by=sam), to="sam", group="mail team", by=sam)
    more = desk.swarm(held, "kim", "lee", by=sam)
    more = desk.swarm(more, "kim", "max", by=sam)
    assert more.participants == ("kim", "lee", "max")
    assert (more.owner, more.assignee, more.group) == (held.owner, held.assignee, held.group)
    assert refusal(lambda: desk.swarm(more, "kim", by=sam)).detail["field"] == "participants"


def test_inv_036_an_incident_has_many_problems_and_one_parent_at_most(itsm: ServiceManagement, sam: Actor) -> None:
    """None or several problems; one parent; no way from a parent leads back to it, however long."""
    desk = itsm.incidents
    one, two, three, four = (desk.log(summary=name, by=sam) for name in "ABCD")
    for cause in [itsm.problems.log(summary=name, by=sam) for name in "XY"]:
        itsm.link(one.id, "caused_by", cause, by=sam)
    assert len(desk.linked(one.id, "caused_by")) == 2
    itsm.link(two.id, "child_of", three.id, by=sam)
    itsm.link(three.id, "child_of", four.id, by=sam)
    assert refusal(lambda: itsm.link(two.id, "child_of", one.id, by=sam)).code == "link_single"
    assert refusal(lambda: itsm.link(four.id, "child_of", two.id, by=sam)).code == "link_cycle"
    assert refusal(lambda: itsm.link(two.id, "parent_of", four.id, by=sam)).code == "link_cycle"
    assert refusal(lambda: itsm.link(two.id, "child_of", two.id, by=sam)).code == "self_link"
    itsm.unlink(three.id, "child_of", four.id, by=sam)
    itsm.link(four.id, "child_of", two.id, by=sam)
    assert [each.id for each in desk.linked(two.id, "parent_of")] == [four.id]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12))
def test_inv_036_whatever_is_linked_the_parents_stay_a_forest(pairs: list[tuple[int, int]]) -> None:
    """Any series of attempts leaves each with one parent at most, and no circle."""
    itsm = itil4.connect()
    sam = Actor("sam", roles={"service_desk"})
    ids = [itsm.incidents.log(summary=str(place), by=sam).id for place in range(5)]
    for child, parent in pairs:
        try:
            itsm.link(ids[child], "child_of", ids[parent], by=sam)
        except Refused as error:
            assert error.code in ("self_link", "link_cycle", "link_single", "link_exists")  # noqa: PT017
    for start in ids:
        seen = [start]
        while parents := itsm.incidents.linked(seen[-1], "child_of"):
            (parent,) = parents
            assert parent.id not in seen
            seen.append(parent.id)


def test_who_swarms_on_what_becomes_confidential_still_sees_it(
    opened: Callable[..., ServiceManagement], sam: Actor
) -> None:
    """Confidential incidents are seen by who works on them, also by those who began before it was one."""
    desk = opened().incidents
    zoe, eve = (Actor(name, roles={"technical_specialist"}) for name in ("zoe", "eve"))
    held = desk.swarm(desk.log(summary="A", by=sam), "zoe", by=sam)
    assert refusal(lambda: desk.update(held, confidential=True, rank=0, by=sam)).code == "not_positive"
    assert desk.watchers(held) == ()
    held = desk.update(held, confidential=True, by=sam, once="hide")
    assert desk.get(held.id, by=zoe) == held
    with pytest.raises(NotFound):
        desk.get(held.id, by=eve)
    assert desk.update(held, confidential=True, by=sam, once="hide") == held


def test_a_confidential_parent_hands_nothing_on_to_what_everybody_sees(itsm: ServiceManagement, ida: Actor) -> None:
    """Its resolution would be read in the child; who sees the parent is told which children are left."""
    desk = itsm.incidents
    parent = desk.log(summary="Break-in", confidential=True, by=ida)
    open_child, hidden_child = desk.log(summary="A", by=ida), desk.log(summary="B", confidential=True, by=ida)
    for child in (open_child, hidden_child):
        itsm.link(child, "child_of", parent.id, by=ida)
    parent = desk.resolve(parent.id, resolution="The thief is caught", by=ida)
    assert (desk.get(open_child.id).state, desk.get(open_child.id).resolution) == ("new", None)
    assert desk.get(hidden_child.id).resolution == "The thief is caught"
    assert desk.history(parent)[-1].details["skipped"] == [[open_child.number, "confidential"]]


def test_who_asked_for_help_does_not_override_the_priority(itsm: ServiceManagement, ana: Actor, sam: Actor) -> None:
    """Nor does anybody override it with what is no priority."""
    desk = itsm.incidents
    held = desk.log(summary="A", impact="low", urgency="low", by=ana)
    assert "not for ana" in str(refusal(lambda: desk.override(held, priority=1, reason="I am in a hurry", by=ana)))
    assert refusal(lambda: desk.override(held, priority=0, reason="above all", by=sam)).code == "not_positive"
    held = desk.override(held, priority=1, reason="The board is watching", by=sam)
    assert "not for ana" in str(refusal(lambda: desk.release(held, by=ana)))
    assert desk.get(held.id) == held


def test_inv_035_people_who_join_are_named_by_their_ids(itsm: ServiceManagement, sam: Actor) -> None:
    """A list of them in the place of one is told as such."""
    held = itsm.incidents.log(summary="A", by=sam)
    with pytest.raises(InvalidInput, match="ids of people"):
        itsm.incidents.swarm(held, ["zoe"], by=sam)  # type: ignore[arg-type]  # what the test is about


def test_inv_037_a_model_presets_and_never_lets_a_guard_be_skipped(
    opened: Callable[..., ServiceManagement], ana: Actor, sam: Actor
) -> None:
    """Fields, team, steps and target times that the caller left open; no state, and nothing that a step needs."""
    model = IncidentModel(
        "mail", {"group": "mail team", "owner": "mail lead", "impact": "high", "category": "mail"},
        steps=["Look at the relay", "Restart it"], targets={"restore": timedelta(hours=4)},
    )  # fmt: skip
    cheat = IncidentModel("cheat", {"state": "closed"})
    desk = opened(policies={"incident": IncidentPolicy(models=[model, cheat])}).incidents
    born = desk.log(summary="A", model="mail", impact="low", urgency="low", by=ana)
    assert (born.group, born.owner, born.impact, born.priority) == ("mail team", "mail lead", "low", 4)
    assert (born.steps, born.targets) == (("Look at the relay", "Restart it"), {"restore": timedelta(hours=4)})
    assert born.state == "new"
    assert refusal(lambda: desk.fire(born, "resolve", by=sam)).code == "missing"
    assert desk.get(born.id) == born

    later = desk.log(summary="B", urgency="low", category="phone", by=sam)
    later = desk.apply_model(later, "mail", by=sam)
    assert (later.group, later.category, later.priority, later.model) == ("mail team", "phone", 3, "mail")
    with pytest.raises(InvalidInput, match="state"):
        desk.log(summary="C", model="cheat", by=sam)
    locked = IncidentModel("waits", {"hold_kind": "user"})
    other = opened(policies={"incident": IncidentPolicy(models=[locked])}).incidents
    with pytest.raises(InvalidInput, match="hold_kind is read-only"):
        other.log(summary="D", model="waits", by=sam)
    with pytest.raises(InvalidInput, match="Did you mean 'mail'"):
        desk.apply_model(later, "mial", by=sam)
    assert refusal(lambda: desk.update(later, model="mial", by=sam)).detail["value"] == "mial"


MINUTES = st.none() | st.integers(-90, 30)


@given(MINUTES, MINUTES, MINUTES)
def test_inv_038_times_that_contradict_each_other_are_refused(
    occurred: int | None, detected: int | None, restored: int | None
) -> None:
    """Occurred, detected, registered; nothing is restored before it occurred; nothing lies ahead. Unknown is legal."""
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)

    class Noon:
        def now(self) -> datetime:
            return now

    desk = itil4.connect(clock=Noon()).incidents
    told = {"occurred_at": occurred, "detected_at": detected, "restored_at": restored}
    times = {name: now + timedelta(minutes=value) for name, value in told.items() if value is not None}
    early = min(occurred or 0, 0)
    legal = (
        all(value <= 0 for value in (occurred, detected, restored) if value is not None)
        and (occurred is None or detected is None or occurred <= detected)
        and (restored is None or occurred is None or early <= restored)
    )
    try:
        held = desk.log(summary="A", by=Actor("sam", roles={"service_desk"}), **times)
    except InvalidInput as error:
        assert not legal
        assert {reason.code for reason in error.reasons} <= {"time_order", "future"}  # noqa: PT017
        assert desk.count() == 0
    else:
        assert legal
        assert {name: getattr(held, name) for name in times} == times


def test_inv_038_an_incident_is_resolved_before_it_is_closed_and_registered_after_the_fact(
    itsm: ServiceManagement, clock: Any, sam: Actor
) -> None:
    """Every step has a time that is not before the one before it; a phone call may be logged for an hour ago."""
    desk = itsm.incidents
    began = clock.time
    now = clock.pass_by(hours=2)
    held = desk.log(summary="A", occurred_at=began, detected_at=began, at=began + timedelta(minutes=5), by=sam)
    assert (held.created_at, held.detected_at) == (began + timedelta(minutes=5), began)
    held = desk.resolve(held, resolution="x", at=began + timedelta(hours=1), by=sam)
    assert held.resolved_at == began + timedelta(hours=1)
    with pytest.raises(InvalidInput, match="before the last entry"):
        desk.close(held, at=began + timedelta(minutes=59), by=sam)
    held = desk.close(held, by=sam)
    assert (held.resolved_at, held.closed_at) == (began + timedelta(hours=1), now)
    for name in ("resolved_at", "closed_at"):
        assert refusal(lambda name=name: desk.update(held, by=sam, **{name: began})).code == "field_rule"


def test_inv_039_an_incident_is_resolved_without_a_known_cause(itsm: ServiceManagement, sam: Actor) -> None:
    """First contact: from new to resolved and closed, with no link, category or cause."""
    desk = itsm.incidents
    held = desk.resolve(desk.log(summary="A", by=sam), resolution="It works again", by=sam)
    assert (held.state, held.assignee, held.category) == ("resolved", None, None)
    assert desk.links(held) == ()
    assert desk.close(held, by=sam).state == "closed"
    assert isinstance(held, Incident)
