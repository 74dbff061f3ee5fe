"""Policies: one definition, checked on the graph and on histories, and both say the same."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import kit_workflows as kit
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itil4 import Actor, Context, Entry, Incident, IncidentManagement, InvalidInput, Lifecycle, State, Transition, guard
from itil4.record.history import Details
from itil4.testing import (
    Found,
    Policy,
    always_within,
    at_most,
    check_lifecycle,
    check_story,
    findings,
    never,
    only_roles,
    precedence,
    response,
    separation,
    walk,
)

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
STATES = ("a", "b", "c", "d")
EVENTS = ("go", "back", "end", "loop")
ROLES = ("clerk", "chief")


@attrs.frozen
class Ticket:
    id: str
    state: str
    version: int = 1


arrows = st.builds(
    lambda event, source, target, roles: Transition(event, source, target, roles=roles or None),
    st.sampled_from(EVENTS), st.sampled_from(STATES), st.sampled_from(STATES),
    st.frozensets(st.sampled_from(ROLES), max_size=1),
)  # fmt: skip


def _lifecycle(transitions: list[Transition]) -> Lifecycle:
    own = {(each.event, each.sources): each for each in transitions}  # one arrow per step, so that the graph decides
    have = {each.event for each in own.values()}
    more = [Transition(event, "d", "d") for event in EVENTS if event not in have]
    return Lifecycle("random", "a", [State(name) for name in STATES], [*own.values(), *more])


lifecycles = st.lists(arrows, min_size=1, max_size=9).map(_lifecycle)

events = st.sampled_from((*EVENTS, "log"))
policies = st.one_of(
    st.builds(never, st.sampled_from(EVENTS), source=st.sampled_from((None, *STATES)), after=st.none() | events),
    st.builds(never, target=st.sampled_from(STATES)),
    st.builds(only_roles, st.sampled_from(EVENTS), st.sampled_from(ROLES)),
    st.builds(precedence, events, st.sampled_from(EVENTS)),
    st.builds(response, events, st.sampled_from(EVENTS)),
    st.builds(at_most, st.sampled_from(EVENTS), st.integers(0, 3)),
    st.lists(st.sampled_from(EVENTS), min_size=2, max_size=3, unique=True).map(lambda two: separation(*two)),
)


def birth(lifecycle: Lifecycle) -> tuple[Ticket, Entry]:
    state = lifecycle.initial[0]
    return Ticket("t", state), Entry(
        record_id="t", seq=1, op="birth", event="log", to_state=state, at=START, recorded_at=START, by="one",
        details=Details({}),
    )  # fmt: skip


def trace(lifecycle: Lifecycle, story: Any) -> list[Entry]:
    """Run the events of a story through the engine, by one person who has every role that is asked for."""
    ticket, first = birth(lifecycle)
    history = [first]
    for act in story.acts[1:]:
        roles = [act.who] if act.who else ROLES
        ticket, entry = lifecycle.fire(ticket, act.event, Context(Actor("one", roles), START))
        history.append(entry)
    return history


@settings(max_examples=150, deadline=None)
@given(lifecycles, policies)
def test_what_the_graph_shows_as_broken_is_broken_when_it_is_played(lifecycle: Lifecycle, policy: Policy) -> None:
    """The story of a verdict, run through the engine, makes a history that violates the policy."""
    verdict = policy.on(lifecycle)
    if verdict.holds is False:
        assert verdict.story is not None
        assert policy.violations(trace(lifecycle, verdict.story), lifecycle)


@settings(max_examples=150, deadline=None)
@given(lifecycles, policies, st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from(ROLES)), max_size=12))
def test_what_the_graph_says_holds_no_history_violates(
    lifecycle: Lifecycle, policy: Policy, walk: list[tuple[str, str]]
) -> None:
    """Whatever is done, a policy that holds on the graph holds on the history."""
    ticket, first = birth(lifecycle)
    history = [first]
    for event, role in walk:
        context = Context(Actor("one", [role]), START)
        if lifecycle.explain(ticket, event, context).allowed:
            ticket, entry = lifecycle.fire(ticket, event, context)
            history.append(entry)
    verdict = policy.on(lifecycle)
    assert verdict.holds is not None, "without guards and alternatives the graph always tells"
    if verdict.holds:
        assert not policy.violations(history, lifecycle)


def test_a_guard_on_the_way_leaves_the_verdict_to_a_walk() -> None:
    """The graph cannot know what a guard decides: it gives a candidate and says why."""
    lifecycle = Lifecycle(
        "door", "open", [State("open"), State("shut", "closed")],
        [Transition("shut", "open", "shut", guards=[lambda door, ctx: False])],
    )  # fmt: skip
    verdict = never("shut").on(lifecycle)
    assert verdict.holds is None
    assert str(verdict) == "cannot be told from the graph: guards or alternatives on the way decide. " \
                           "Candidate: log -> shut"  # fmt: skip


def test_time_is_told_from_histories_only() -> None:
    """`always_within` is broken by the first entry that comes too late, or after the time has run out."""
    policy = always_within("log", "end", timedelta(hours=1))
    lifecycle = _lifecycle([Transition("end", "a", "b")])
    assert policy.on(lifecycle).holds is None
    ticket, first = birth(lifecycle)
    for minutes, broken in ((60, False), (61, True)):
        context = Context(Actor("one"), START + timedelta(minutes=minutes))
        _, entry = lifecycle.fire(ticket, "end", context)
        assert bool(policy.violations([first, entry])) is broken


def test_a_violation_names_the_entry_the_event_and_who_did_it() -> None:
    """So that somebody can be asked."""
    lifecycle = _lifecycle([Transition("go", "a", "b", roles="clerk")])
    ticket, first = birth(lifecycle)
    _, entry = lifecycle.fire(ticket, "go", Context(Actor("kim", ["clerk"]), START))
    (found,) = only_roles("go", "chief").violations([first, entry])
    assert str(found) == "only_roles('go', 'chief'): 'go' was taken only as clerk. Entry 2 of t: 'go' by kim as clerk."


def test_the_built_in_incident_keeps_the_policies_that_its_page_promises() -> None:
    """A policy in one line, and one that does not hold with the story that breaks it."""
    kept = [precedence("resolve", "close"), never("close", source="new"), never("assign", source="closed")]
    check_lifecycle(IncidentManagement, policies=kept)
    with pytest.raises(Found) as caught:
        check_lifecycle(IncidentManagement, policies=[precedence("assign", "resolve"), only_roles("resolve", "owner")])
    first, second = caught.value.findings
    assert (first.code, first.event, str(first.story)) == ("policy", "resolve", "log -> resolve")
    assert second.role is not None
    said, policy = "'log -> resolve if possible'", "policies=[precedence('assign', 'resolve')]"
    assert f"paste: check_story(IncidentManagement, {said}, {policy})" in str(caught.value)


def test_a_role_of_the_record_is_played_by_whom_the_record_names() -> None:
    """Who is nobody's assignee has no such role: the line would fail for that, fault or no fault."""
    steps = [step for step in IncidentManagement.lifecycle.transitions if step.event == "resolve"]
    only_assignees = attrs.evolve(
        IncidentManagement.lifecycle,
        transitions=[
            attrs.evolve(step, roles={"assignee"}) if step in steps else step
            for step in IncidentManagement.lifecycle.transitions
        ],
    )

    class Mine(IncidentManagement[Incident]):
        record = Incident
        lifecycle = only_assignees

    policy = only_roles("resolve", "incident_manager")
    (found,) = findings(Mine, policies=[policy])
    assert (found.role, str(found.story)) == ("assignee", "log(assignee='assignee') -> resolve as assignee")
    assert found.story is not None
    with pytest.raises(Found) as caught:
        check_story(Mine, found.story.if_possible(), policies=[policy])
    assert [each.code for each in caught.value.findings] == ["policy"]
    assert check_story(IncidentManagement, found.story.if_possible()).state == "resolved"


def test_what_the_graph_alone_breaks_and_nobody_can_play_has_no_line_to_paste() -> None:
    """A line that fails for another reason would never pass: the story is told, and that is all."""

    class Teams(IncidentManagement[Incident]):
        record = Incident
        lifecycle = IncidentManagement.lifecycle.extend(
            add=[Transition("skip", "new", "resolved", roles="team_member")]
        )

    (found,) = findings(Teams, policies=never("skip"))
    assert (str(found.story), found.paste) == ("log -> skip", None)


def test_what_somebody_accepts_is_not_told_again() -> None:
    """Findings are accepted by code, or by code and place."""
    lifecycle = Lifecycle("one", "a", [State("a"), State("b", "closed"), State("c")], [Transition("go", "a", "b")])
    assert {each.code for each in findings(lifecycle)} == {"unreachable_state"}
    check_lifecycle(lifecycle, accept=["unreachable_state@c"])
    with pytest.raises(Found):
        check_lifecycle(lifecycle, accept=["unreachable_state@b"])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: never(), "names no step"),
        (lambda: only_roles("close"), "names no role"),
        (lambda: at_most("close", -1), "no count"),
        (lambda: separation("close", "close"), "separates nothing"),
        (lambda: always_within("a", "b", timedelta(0)), "no duration"),
        (lambda: precedence(1, "close"), "no event"),
        (lambda: precedence("resolv", "close").on(IncidentManagement.lifecycle), "'resolve'"),
        (lambda: check_lifecycle(IncidentManagement, policies=[at_most("reopn", 3)]), "'reopen'"),
        (lambda: check_lifecycle(IncidentManagement, policies=["reopen"]), "policies"),
        (lambda: check_lifecycle("incident"), "a practice class or a lifecycle"),
    ],
)
def test_a_policy_that_cannot_work_says_so(make: Any, said: str) -> None:
    """An event that is mistyped would hold for ever; the nearest one is offered."""
    with pytest.raises(InvalidInput, match=said):
        make()


INSPECTION = Lifecycle(
    "inspection", "idle", field="inspection",
    states=[State("idle", "new"), State("watched", "active"), State("closed", "closed", final=True)],
    transitions=[
        Transition("watch", "idle", "watched", roles="inspector"),
        Transition("unwatch", "watched", "idle", roles="inspector"),
        Transition("certify", "watched", "closed", roles="inspector"),
        Transition("forget", "idle", "closed", roles="inspector"),
    ],
)  # fmt: skip
"""A second lifecycle beside that of permits, with a state of the same name."""


@attrs.frozen(kw_only=True)
class Inspected(kit.Permit):
    inspection: str = "idle"


def inspected(aspect: Lifecycle) -> Any:
    return kit.permits(record=Inspected, aspects=(aspect,))


def test_what_must_come_in_a_second_lifecycle_is_asked_of_its_own_states() -> None:
    """Graph, walk and recorded history agree, and a state of the main lifecycle with the same name means nothing."""
    policy = response("watch", "certify")
    (told,) = findings(inspected(INSPECTION), policies=policy)
    assert str(told.story) == "log -> watch -> unwatch -> forget"
    with pytest.raises(Found) as caught:
        walk(inspected(INSPECTION), policies=[policy])
    assert [(each.code, each.event) for each in caught.value.findings] == [("policy", "forget")]
    for found in (told, *caught.value.findings):
        assert found.paste is not None
        with pytest.raises(Found):
            check_story(inspected(INSPECTION), found.story.if_possible(), policies=policy)
    sound = INSPECTION.extend(remove=["unwatch"])
    assert findings(inspected(sound), policies=policy) == ()
    assert walk(inspected(sound), policies=[policy]).lacking() == ()


@pytest.mark.parametrize("others", [{"assignee"}, {"worker"}, {"assignee", "worker"}, {"team_member", "worker"}])
def test_a_walk_tries_every_role_also_those_that_depend_on_the_record(others: set[str]) -> None:
    """Where a guard leaves it to the walk: the assignee approves, whom the policy does not name."""

    @attrs.frozen(kw_only=True)
    class Assigned(kit.Permit):
        assignee: str | None = None

    base = kit.lifecycle()
    steps = [attrs.evolve(each, roles={"chief", *others}) if each.event == "approve" else each
             for each in base.transitions]  # fmt: skip
    loose = kit.permits(attrs.evolve(base, transitions=steps), record=Assigned)
    policy = only_roles("approve", "chief")
    assert policy.on(loose.lifecycle).holds is None
    with pytest.raises(Found) as caught:
        walk(loose, policies=[policy])
    (found,) = caught.value.findings
    assert (found.code, found.event) == ("policy", "approve")
    assert found.role in others - {"team_member"}
    with pytest.raises(Found):
        check_story(loose, found.story.if_possible(), policies=policy)
    walk(kit.permits(record=Assigned), policies=[policy])


def test_duties_are_not_separate_where_somebody_may_change_what_the_guard_reads() -> None:
    """Four eyes that look at a field which everybody may edit are two: the walk edits it, and says so."""

    @guard(reads="asked_by", text="nobody approves what they asked for.")
    def is_another(permit: Any, context: Any) -> bool:
        return bool(permit.asked_by != context.actor.id)

    @attrs.frozen(kw_only=True)
    class Asked(kit.Permit):
        asked_by: str | None = None

    def flow(**rules: str) -> Lifecycle:
        return Lifecycle(
            "asked", "new",
            [State("new", "new", fields={"asked_by": "read_only"}), State("asked", "active", fields=rules),
             State("done", "closed", final=True, fields={"asked_by": "read_only"})],
            [Transition("ask", "new", "asked", roles="clerk", effects=[lambda permit, ctx: {"asked_by": ctx.actor.id}]),
             Transition("approve", "asked", "done", roles="clerk", guards=is_another)],
        )  # fmt: skip

    policy = separation("ask", "approve")
    with pytest.raises(Found) as caught:
        walk(kit.permits(flow(), record=Asked), policies=[policy])
    (found,) = caught.value.findings
    assert found.story is not None
    assert found.story.events == ("log", "ask", "update", "approve")
    walk(kit.permits(flow(asked_by="read_only"), record=Asked), policies=[policy])
