"""INV-040 to INV-053, each in both modes of known errors where it applies, in memory and in SQLite."""

from datetime import timedelta
from typing import Any

import attrs
import pytest
from problem_kit import ANALYST, DESK, MANAGER, OWNER, USER, Ticking, investigating, keeper, known_error, opened

from itil4 import Actor, Refused, ServiceManagement
from itil4.errors import InvalidInput
from itil4.practices.error_control import Fault
from itil4.practices.known_errors import KnownErrors
from itil4.practices.problem_management import LIFECYCLE, PHASES, RETURNS, STAGES, Problem, phase_of


def test_inv_040_a_problem_has_no_incident_or_many(itsm: ServiceManagement) -> None:
    """INV-040: a proactive problem has no incident yet, a reactive one may have many."""
    proactive = itsm.problems.identify(summary="Disk type 7 fails early", source="supplier", by=DESK)
    assert proactive.is_proactive
    assert proactive.state == "identified"
    assert itsm.problems.incidents(proactive) == ()
    incidents = [itsm.incidents.log(summary=f"Mail is down {n}", by=DESK) for n in range(5)]
    reactive = itsm.problems.log(summary="The relay leaks", incidents=incidents, by=DESK)
    assert not reactive.is_proactive
    assert [each.number for each in itsm.problems.incidents(reactive)] == [each.number for each in incidents]


@pytest.mark.parametrize("by", [MANAGER, OWNER, ANALYST, DESK], ids=lambda by: by.id)
def test_inv_040_everybody_in_problem_management_traces_incidents_to_a_problem(
    itsm: ServiceManagement, by: Actor
) -> None:
    """Whoever looks for a cause says which incidents it explains; that changes nothing else about them."""
    first, second = (itsm.incidents.log(summary="Mail is down", by=DESK) for _ in range(2))
    problem = itsm.problems.log(summary="The relay leaks", incidents=[first], by=by)
    second = itsm.link(second, "caused_by", problem, by=by)
    assert len(itsm.problems.incidents(problem)) == 2
    itsm.unlink(second, "caused_by", problem.id, by=by)
    assert [each.id for each in itsm.problems.incidents(problem)] == [first.id]
    if by is not DESK:
        with pytest.raises(Refused, match="'link' is not for"):
            itsm.link(second.id, "child_of", first.id, by=by)
    with pytest.raises(Refused, match="'link' is not for"):
        itsm.link(second.id, "caused_by", problem.id, by=USER)


def test_the_incidents_of_a_problem_are_several(itsm: ServiceManagement) -> None:
    """A number in their place would be read letter by letter."""
    incident = itsm.incidents.log(summary="Mail is down", by=DESK)
    for given in (3, incident, incident.number):
        with pytest.raises(InvalidInput, match="several incidents"):
            itsm.problems.log(summary="The relay leaks", incidents=given, by=DESK)
    assert itsm.problems.count() == 0


def test_inv_041_a_known_error_has_a_completed_analysis(itsm: ServiceManagement) -> None:
    """INV-041: nothing is a known error before its analysis ended, and nothing that is resolved or closed is one."""
    bare = itsm.problems.log(summary="Slow", by=DESK)
    bare = itsm.problems.investigate(itsm.problems.categorize(bare, category="software", by=DESK), by=ANALYST)
    assert itsm.problems.explain(bare, "conclude", by=MANAGER).codes == ("missing",)
    ruled = itsm.problems.add_cause(bare, "cable", "A loose cable", confidence="ruled_out", by=ANALYST)
    assert "guard" in itsm.problems.explain(ruled, "conclude", by=MANAGER).codes
    with pytest.raises(Refused, match="is not logged"):
        itsm.known_errors.log(summary="Out of nothing", by=MANAGER)
    found = known_error(itsm)
    practice = keeper(itsm, found)
    assert found.is_known_error
    assert found.analysed_at is not None
    assert found.causes
    assert itsm.known_errors.search("relay") == (found,)
    found = practice.resolve(found, resolution="Patched", by=ANALYST)
    assert not found.is_known_error
    assert itsm.known_errors.search("relay") == ()
    found = practice.close(practice.confirm(found, by=DESK), by=MANAGER)
    assert not found.is_known_error


def test_inv_042_known_errors_are_states_or_records_of_exactly_one_problem(itsm: ServiceManagement, mode: str) -> None:
    """INV-042: in one mode the problem is the known error; in the other it closes, and a linked record goes on."""
    problem = itsm.problems.conclude(investigating(itsm), by=MANAGER)
    found = itsm.known_errors.of(problem)
    assert itsm.known_errors.problem_of(found).id == problem.id
    if mode == "state":
        assert found.id == problem.id
        assert problem.state == "known_error"
        assert itsm.known_errors.count() == 0
        return
    assert (problem.state, problem.close_reason, found.number) == ("closed", "analysed", "KE0000001")
    other = itsm.problems.log(summary="Another", by=DESK)
    with pytest.raises(Refused, match="can have one only"):
        itsm.link(found, "known_error_of", other, by=MANAGER)
    with pytest.raises(Refused, match="keeps its link"):
        itsm.unlink(itsm.get(found.id), "known_error_of", problem, by=MANAGER)
    assert [each.id for each in itsm.problems.linked(problem, "known_error")] == [found.id]
    assert found.causes == problem.causes


@pytest.mark.parametrize("state", ["known_error", "developing", "deferred"])
def test_inv_043_it_closes_after_control_only_when_it_is_settled(
    itsm: ServiceManagement, state: str, clock: Ticking
) -> None:
    """INV-043: solved, living with a permanent workaround, accepted by an authority, or affecting nobody any more."""
    found = known_error(itsm)
    practice = keeper(itsm, found)
    if state == "developing":
        found = practice.develop(found, by=ANALYST)
    elif state == "deferred":
        found = practice.defer(
            found, deferral="No patch yet", next_review_at=clock.now() + timedelta(days=9), by=MANAGER
        )

    def refused(**given: Any) -> tuple[str, ...]:
        decision = practice.explain(found, "close", by=MANAGER, **given)
        assert not decision
        return decision.codes

    assert refused() == ("missing",)
    assert refused(close_reason="gone")[0] == "not_a_choice"
    for reason in ("mistaken", "duplicate", "analysed", "solved", "permanent_workaround", "risk_accepted"):
        assert refused(close_reason=reason) == ("guard",), reason
    assert refused(close_reason="not_affecting") == ("guard",)
    assert practice.explain(found, "close", by=MANAGER, close_reason="not_affecting", close_note="Service retired")
    accepted = practice.accept_risk(found, accepted_by="risk board", by=MANAGER)
    assert accepted.risk_accepted_at == clock.now()
    assert practice.explain(accepted, "close", by=MANAGER, close_reason="risk_accepted")
    living = practice.add_workaround(
        accepted, "nightly restart", "Restart at 3", effect="none felt", permanent=True, by=DESK
    )
    assert not practice.explain(living, "close", by=MANAGER, close_reason="permanent_workaround")
    living = practice.publish_workaround(living, "nightly restart", by=MANAGER)
    closed = practice.close(living, close_reason="permanent_workaround", by=MANAGER)
    assert (closed.state, closed.close_reason, closed.closed_at) == ("closed", "permanent_workaround", clock.now())


def test_inv_043_a_risk_is_accepted_by_an_authority_only(mode: Any) -> None:
    """INV-043: where the policy names the authorities, nobody else accepts what remains."""
    itsm = opened(mode, authorities={"risk board"})
    found = known_error(itsm)
    practice = keeper(itsm, found)
    assert practice.explain(found, "accept_risk", by=MANAGER, risk_accepted_by="tom").codes == ("guard",)
    assert practice.accept_risk(found, accepted_by="risk board", by=MANAGER).risk_accepted_by == "risk board"


def test_inv_044_without_a_viable_solution_it_stays_open_with_a_next_review(
    itsm: ServiceManagement, clock: Ticking
) -> None:
    """INV-044: it waits, for a reason and until a date that lies ahead, and the date cannot be taken away."""
    found = known_error(itsm)
    practice = keeper(itsm, found)
    assert found.next_review_at == clock.now() + timedelta(days=90)
    early = practice.explain(found, "defer", by=MANAGER, deferral="No patch", next_review_at=clock.now())
    assert early.codes == ("guard",)
    later = clock.now() + timedelta(days=30)
    found = practice.defer(found, deferral="The maker has no patch", next_review_at=later, by=OWNER)
    assert (found.state, found.is_known_error, found.next_review_at) == ("deferred", True, later)
    assert practice.lifecycle.category("deferred") == "waiting"
    with pytest.raises(Refused):
        practice.update(found, next_review_at=None, by=MANAGER)
    clock.move(days=31)
    found = practice.recheck(found, next_review_at=clock.now() + timedelta(days=30), by=OWNER)
    assert (found.state, found.reviewed_at) == ("deferred", clock.now())
    assert practice.develop(found, by=ANALYST).deferral is None


@pytest.mark.parametrize("state", ["identified", "logged", "categorized", "investigating"])
@pytest.mark.parametrize("reason", ["mistaken", "negligible", "irrelevant"])
def test_inv_045_a_problem_is_dismissed_from_problem_control_with_a_reason(mode: Any, state: str, reason: Any) -> None:
    """INV-045: up to the end of problem control it may end because it is none, with a reason; later it may not."""
    itsm = opened(mode)
    found = itsm.problems.identify(summary="Odd noise", by=DESK)
    walk = {
        "logged": ("register", {}),
        "categorized": ("categorize", {"category": "x"}),
        "investigating": ("investigate", {}),
    }
    for name, (event, given) in walk.items():
        if found.state == state:
            break
        found = itsm.problems.fire(found, event, by=MANAGER, **given)
        assert found.state == name
    assert itsm.problems.explain(found, "dismiss", by=MANAGER, close_reason=reason).codes == ("missing",)
    assert itsm.problems.explain(found, "dismiss", by=MANAGER, close_reason="solved", close_note="x").codes == (
        "guard",
    )
    ended = itsm.problems.dismiss(found, close_reason=reason, close_note="A fan, and it was replaced", by=MANAGER)
    assert (ended.state, ended.close_reason) == ("dismissed", reason)
    late = known_error(itsm)
    given = {"close_reason": reason, "close_note": "x"}
    assert not keeper(itsm, late).explain(late, "dismiss", by=MANAGER, **given)


def test_inv_046_a_workaround_belongs_to_a_problem_and_a_permanent_one_leaves_a_debt(itsm: ServiceManagement) -> None:
    """INV-046: it is part of a problem (or its known error) and used by incidents; for good, it is a debt."""
    found = known_error(itsm)
    practice = keeper(itsm, found)
    found = practice.add_workaround(found, "restart", "Restart the relay", effect="restored", by=DESK)
    found = practice.publish_workaround(found, "restart", by=MANAGER)
    assert found.debts == ()
    found = practice.add_workaround(
        found, "restart", "Restart each night", effect="prevented", permanent=True, by=ANALYST
    )
    assert found.workaround == "Restart the relay"
    found = practice.publish_workaround(found, "restart", by=MANAGER)
    assert [(each.workaround, each.version, each.owner) for each in found.debts] == [("restart", 2, found.owner)]
    incident = itsm.incidents.log(summary="Mail is down", by=DESK)
    solved = practice.use_workaround(found, incident, by=DESK)
    assert (solved.state, solved.resolution, solved.resolution_code) == ("resolved", "Restart each night", "workaround")
    assert [each.relation for each in itsm.incidents.links(solved)] == ["resolved_by"]


def test_inv_047_publishing_a_workaround_resolves_nothing(itsm: ServiceManagement) -> None:
    """INV-047: it is offered to the linked open incidents; neither they nor the problem change state by it."""
    incidents = [itsm.incidents.log(summary="Mail is down", by=DESK) for _ in range(3)]
    done = itsm.incidents.resolve(itsm.incidents.start(incidents[2], by=DESK), resolution="Gone", by=DESK)
    found = known_error(itsm, incidents=[*incidents[:2], done])
    practice = keeper(itsm, found)
    before = found.state
    found = practice.add_workaround(found, "restart", "Restart the relay", effect="restored", by=DESK)
    assert all(itsm.incidents.history(each.id)[-1].comment is None for each in incidents[:2])
    found = practice.publish_workaround(found, "restart", by=MANAGER)
    assert found.state == before
    for each in incidents[:2]:
        last = itsm.incidents.history(each.id)[-1]
        assert last.comment is not None
        assert "Restart the relay" in last.comment.text
        assert last.cause == practice.history(found)[-1].id
        assert itsm.incidents.get(each.id).state == "new"
    assert itsm.incidents.history(done.id)[-1].comment is None


def test_inv_048_an_unconfirmed_resolution_returns_to_the_development_of_a_solution(itsm: ServiceManagement) -> None:
    """INV-048: it closes only when somebody confirmed it; what did not work goes back, and is no resolution."""
    found = known_error(itsm)
    practice = keeper(itsm, found)
    found = practice.resolve(found, resolution="Patched", by=ANALYST)
    assert practice.explain(found, "close", by=MANAGER).codes == ("guard",)
    found = practice.reject_resolution(found, by=DESK)
    assert (found.state, found.resolution, found.resolved_at) == ("developing", None, None)
    found = practice.confirm(practice.resolve(found, resolution="Patched again", by=ANALYST), by=DESK)
    assert practice.close(found, by=OWNER).close_reason == "solved"


def test_inv_049_the_eight_stages_follow_the_three_phases() -> None:
    """INV-049: stages map to phases in order, every state and step has one stage, and only named steps lead back."""
    names = "identification logging categorization investigation workaround resolution closure review"
    assert [stage.name for stage in STAGES] == names.split()
    ranks = [PHASES.index(stage.phase) for stage in STAGES]
    assert ranks == sorted(ranks)
    assert set(ranks) == {0, 1, 2}
    states = [state for stage in STAGES for state in stage.states]
    assert sorted(states) == sorted(LIFECYCLE.by_name)
    place = {state: number for number, stage in enumerate(STAGES) for state in stage.states}
    for event, source, target in LIFECYCLE.graph:
        if event not in RETURNS:
            assert place[source] <= place[target], (event, source, target)
            assert PHASES.index(phase_of(source)) <= PHASES.index(phase_of(target))
    verbs = [verb for stage in STAGES for verb in stage.verbs]
    assert len(verbs) == len(set(verbs))
    assert set(LIFECYCLE.events) <= set(verbs)
    assert set(KnownErrors.lifecycle.events) - {"renew"} <= set(verbs)


def test_inv_050_a_target_time_is_set_only_after_problem_control(mode: Any, clock: Ticking) -> None:
    """INV-050: nobody promises a date for what is not understood; a policy may say otherwise."""
    due = clock.now() + timedelta(days=14)
    itsm = opened(mode, clock=clock)
    found = investigating(itsm)
    with pytest.raises(Refused, match="problem control"):
        itsm.problems.update(found, target_at=due, by=MANAGER)
    with pytest.raises(InvalidInput):
        itsm.problems.log(summary="Slow", target_at=due, by=DESK)
    found = itsm.known_errors.of(itsm.problems.conclude(found, by=MANAGER))
    assert keeper(itsm, found).update(found, target_at=due, by=MANAGER).target_at == due
    bold = opened(mode, clock=clock, early_target=True)
    assert bold.problems.log(summary="Slow", target_at=due, by=DESK).target_at == due


def test_inv_051_causes_are_a_collection_and_none_is_required_as_the_root(itsm: ServiceManagement) -> None:
    """INV-051: several causes stand beside each other; no field of the record is one root cause."""
    found = investigating(itsm)
    found = itsm.problems.add_cause(
        found, "load", "More users", technique="Ishikawa", confidence="probable", by=ANALYST
    )
    found = itsm.problems.add_cause(found, "load", "More users", confidence="ruled_out", by=ANALYST)
    assert [each.name for each in found.causes] == ["leak", "load", "load"]
    assert [entry.changes["causes"].items[0].name for entry in itsm.problems.history(found)[-2:]] == ["load", "load"]  # type: ignore[union-attr]
    assert itsm.problems.replayed(found) == found
    fields = {field.name for field in attrs.fields(Problem)} | {field.name for field in attrs.fields(Fault)}
    assert not {name for name in fields if "root" in name or name == "cause"}
    assert not [each.event for each in LIFECYCLE.transitions if any("root" in name for name in each.requires)]


def test_inv_052_closing_keeps_the_knowledge_readable(itsm: ServiceManagement) -> None:
    """INV-052: symptoms, causes and workarounds of what is closed are found and read as before."""
    found = known_error(itsm, symptoms="Mail stops at noon", service="mail")
    practice = keeper(itsm, found)
    found = practice.add_workaround(found, "restart", "Restart the relay", effect="restored", by=DESK)
    found = practice.publish_workaround(found, "restart", by=MANAGER)
    found = practice.confirm(practice.resolve(found, resolution="Patched", by=ANALYST), by=DESK)
    closed = practice.review(practice.close(found, by=MANAGER), review="Watch memory", by=OWNER)
    assert itsm.known_errors.search("noon") == ()
    (read,) = itsm.known_errors.search("NOON stops", service="mail", retired=True)
    assert read == closed
    assert (read.causes, read.workarounds, read.workaround) == (found.causes, found.workarounds, "Restart the relay")
    assert keeper(itsm, read).get(read.number) == closed


def test_inv_053_a_linked_change_succeeds_before_the_problem_resolves(itsm: ServiceManagement) -> None:
    """INV-053: with a change linked to it, or to its problem, nothing is resolved before that change succeeded."""
    change = itsm.changes.log(summary="Patch the relay", by=ANALYST)
    problem = investigating(itsm)
    itsm.link(problem, "resolved_by", change, by=ANALYST)
    found = itsm.known_errors.of(itsm.problems.conclude(itsm.problems.get(problem.id), by=MANAGER))
    practice = keeper(itsm, found)
    assert practice.explain(found, "resolve", by=ANALYST, resolution="Patched").codes == ("guard",)
    with pytest.raises(Refused, match="CHG0000001"):
        practice.resolve(found, resolution="Patched", by=ANALYST)
    change = itsm.changes.fire(change, "close", close_code="backed out", by=ANALYST)
    assert not practice.explain(found, "resolve", by=ANALYST, resolution="Patched")
    again = itsm.changes.log(summary="Patch it better", by=ANALYST)
    itsm.unlink(problem.id, "resolved_by", change, by=ANALYST)
    found = itsm.link(practice.get(found.id), "resolved_by", again, by=ANALYST)
    assert not practice.explain(found, "resolve", by=ANALYST, resolution="Patched")
    itsm.changes.fire(again, "close", close_code="successful", by=ANALYST)
    assert practice.resolve(found, resolution="Patched", by=ANALYST).state == "resolved"
