"""What must be refused, in both modes of known errors and on both stores."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from problem_kit import (
    ANALYST,
    DESK,
    MANAGER,
    OWNER,
    START,
    USER,
    Ticking,
    investigating,
    keeper,
    known_error,
    opened,
)

from itil4 import Actor, DefinitionError, InvalidInput, NotFound, Refused, ServiceManagement, StaleRecord
from itil4.practices.problem_policy import ProblemPolicy
from itil4.practices.problem_values import Cause, Workaround


def closed(itsm: ServiceManagement, **values: Any) -> Any:
    """A known error that was solved and closed, with a published workaround."""
    found = known_error(itsm, **values)
    practice = keeper(itsm, found)
    found = practice.add_workaround(found, "restart", "Restart it", effect="restored", by=DESK)
    found = practice.publish_workaround(found, "restart", by=MANAGER)
    found = practice.confirm(practice.resolve(found, resolution="Patched", by=ANALYST), by=DESK)
    return practice.close(found, by=MANAGER)


def test_no_workaround_is_published_for_a_closed_problem(itsm: ServiceManagement) -> None:
    """What is closed gets no workaround, and its old one resolves nothing any more."""
    found = closed(itsm)
    practice = keeper(itsm, found)
    with pytest.raises(Refused, match="not possible from 'closed'"):
        practice.add_workaround(found, "reboot", "Reboot it", effect="restored", by=DESK)
    draft = practice.get(found.id)
    with pytest.raises(Refused, match="no workaround 'reboot' that is draft"):
        practice.publish_workaround(draft, "reboot", by=MANAGER)
    with pytest.raises(Refused, match="not possible from 'closed'"):
        practice.publish_workaround(draft, "restart", by=MANAGER)
    incident = itsm.incidents.log(summary="Mail is down", by=DESK)
    with pytest.raises(Refused, match="which is closed, has no workaround to use"):
        practice.use_workaround(found, incident, by=DESK)
    assert itsm.incidents.get(incident.id).state == "new"


def test_no_match_against_a_retired_known_error_is_accepted(itsm: ServiceManagement) -> None:
    """What is closed is not proposed; a proposal that grew old meanwhile is refused, and so is its rejection."""
    found = known_error(itsm, summary="Mail relay leaks", service="mail")
    practice = keeper(itsm, found)
    incident = itsm.incidents.log(summary="The relay leaks again", service="mail", by=DESK)
    (match,) = itsm.known_errors.match(incident)
    found = practice.confirm(practice.resolve(found, resolution="Patched", by=ANALYST), by=DESK)
    practice.close(found, by=MANAGER)
    assert itsm.known_errors.match(incident) == ()
    for judge in (itsm.known_errors.accept, itsm.known_errors.reject):
        with pytest.raises(Refused, match="no known error any more: it is closed"):
            judge(match, by=DESK)
    assert itsm.known_errors.judged(incident) == ()


def test_a_match_that_retires_at_the_same_moment_is_stale(itsm: ServiceManagement) -> None:
    """Accepting rests on the known error as it was read: if it moves before the commit, nothing is written."""
    found = known_error(itsm, summary="Mail relay leaks", service="mail")
    incident = itsm.incidents.log(summary="The relay leaks again", service="mail", by=DESK)
    (match,) = itsm.known_errors.match(incident)
    with pytest.raises(StaleRecord), itsm.unit(by=DESK) as desk:  # noqa: PT012 - the unit raises at its end
        desk.known_errors.accept(match)
        keeper(itsm, found).resolve(found.id, resolution="Patched", by=ANALYST)
    assert itsm.known_errors.judged(incident) == ()


def test_a_cause_without_evidence_is_refused_where_the_policy_wants_some(mode: Any) -> None:
    """The policy decides; the step says what is missing, and a reference is enough."""
    itsm = opened(mode, evidence=True)
    found = itsm.problems.log(summary="Slow", by=DESK)
    found = itsm.problems.investigate(itsm.problems.categorize(found, category="x", by=DESK), by=ANALYST)
    with pytest.raises(Refused, match="'disk' has no evidence"):
        itsm.problems.add_cause(found, "disk", "The disk is old", by=ANALYST)
    assert itsm.problems.add_cause(found, "disk", "The disk is old", evidence=["smart.log"], by=ANALYST).causes
    with pytest.raises(InvalidInput, match="several references"):
        itsm.problems.add_cause(found, "disk", "The disk is old", evidence="smart.log", by=ANALYST)
    with pytest.raises(InvalidInput, match="certain"):
        itsm.problems.add_cause(found, "disk", "Old", confidence="certain", by=ANALYST)  # type: ignore[arg-type]


def test_duplicates_close_no_circle(itsm: ServiceManagement) -> None:
    """A duplicate closes and its links move; the one that stays cannot become a duplicate of it."""
    incident = itsm.incidents.log(summary="Mail is down", by=DESK)
    first = itsm.problems.log(summary="Relay", incidents=[incident], by=DESK)
    second = itsm.problems.log(summary="Relay again", by=DESK)
    third = itsm.problems.log(summary="Relay once more", by=DESK)
    first = itsm.problems.merge(first, into=second, by=OWNER)
    assert (first.state, first.close_reason) == ("dismissed", "duplicate")
    assert [each.id for each in itsm.problems.incidents(second.id)] == [incident.id]
    with pytest.raises(Refused, match="is dismissed"):
        itsm.problems.merge(second.id, into=first, by=OWNER)
    itsm.link(second.id, "duplicate_of", third, by=OWNER)
    with pytest.raises(Refused, match="circle"):
        itsm.link(third.id, "duplicate_of", itsm.problems.get(first.id), by=OWNER)
    with pytest.raises(Refused):
        itsm.problems.merge(third.id, into=second.id, by=OWNER)
    back = itsm.problems.unmerge(first.id, by=OWNER)
    assert (back.state, back.close_reason) == ("logged", None)
    assert [each.id for each in itsm.problems.incidents(back)] == [incident.id]
    with pytest.raises(Refused, match="duplicate of nothing"):
        itsm.problems.fire(back, "close_duplicate", by=OWNER)


def test_known_errors_merge_and_come_back_as_known_errors(itsm: ServiceManagement) -> None:
    """A duplicate known error ends in favour of the other; taken apart it is one again, and keeps its problem."""
    first, second = known_error(itsm, summary="Relay"), known_error(itsm, summary="Relay again")
    practice = keeper(itsm, first)
    problem = itsm.known_errors.problem_of(first)
    merged = practice.merge(first, into=second, by=OWNER)
    assert not merged.is_known_error
    assert itsm.known_errors.search("relay") == (practice.get(second.id),)
    assert itsm.known_errors.problem_of(merged).id == problem.id
    back = practice.unmerge(merged, by=OWNER)
    assert back.is_known_error
    assert back.analysed_at is not None


@pytest.mark.parametrize("actor", [OWNER, ANALYST, DESK, USER])
def test_only_the_problem_manager_lets_a_closed_problem_be_analysed_again(
    itsm: ServiceManagement, actor: Actor
) -> None:
    """Re-analysis is refused to everybody else; the known error, if it is a record, must be over first."""
    problem = itsm.known_errors.problem_of(closed(itsm))
    assert "role" in itsm.problems.explain(problem, "reanalyse", by=actor).codes
    with pytest.raises(Refused, match="problem_manager"):
        itsm.problems.reanalyse(problem, by=actor)
    again = itsm.problems.reanalyse(problem, by=MANAGER)
    assert (again.state, again.analysed_at, again.close_reason) == ("investigating", None, None)
    assert again.workaround == "Restart it"
    assert itsm.known_errors.of(again) == again


def test_inv_041_a_problem_is_not_analysed_again_while_its_known_error_is_open(itsm: ServiceManagement) -> None:
    """INV-041: an open known error always has a completed analysis, so its problem stays closed meanwhile."""
    problem = itsm.known_errors.problem_of(known_error(itsm))
    assert not itsm.problems.explain(problem, "reanalyse", by=MANAGER)


def test_a_second_analysis_renews_the_same_known_error(itsm: ServiceManagement, mode: str) -> None:
    """What was known is kept and grows; in the record mode it is the same record, still of one problem."""
    first = closed(itsm)
    problem = itsm.problems.reanalyse(itsm.known_errors.problem_of(first), by=MANAGER)
    problem = itsm.problems.add_cause(problem, "load", "Twice the users", by=ANALYST)
    found = itsm.known_errors.of(itsm.problems.conclude(problem, by=MANAGER))
    assert found.id == first.id
    assert (found.is_known_error, found.analyses, found.close_reason) == (True, 2, None)
    assert [each.name for each in found.causes] == ["leak", "load"]
    assert found.workaround == "Restart it"
    if mode == "record":
        with pytest.raises(Refused, match="only from closed, reviewed"):
            itsm.known_errors.fire(found, "renew", by=MANAGER)
    done = keeper(itsm, found)
    ended = done.close(found, close_reason="not_affecting", close_note="Retired", by=MANAGER)
    if mode == "record":
        with pytest.raises(Refused, match="was not analysed anew"):
            itsm.known_errors.fire(ended, "renew", causes=ended.causes, by=MANAGER)


def test_two_people_closing_at_once_close_it_once(itsm: ServiceManagement) -> None:
    """The second one is told that it moved on; nothing is lost and nothing is written twice."""
    found = known_error(itsm)
    practice = keeper(itsm, found)
    found = practice.confirm(practice.resolve(found, resolution="Patched", by=ANALYST), by=DESK)
    both = threading.Barrier(2)
    said: list[str] = []

    def close(actor: Actor) -> None:
        with itsm.acting(actor).unit(by=actor) as desk:
            held = keeper(desk, found)  # type: ignore[arg-type]  # a desk in a unit has the same practices
            held.close(held.get(found.id))
            both.wait(timeout=20)

    def tried(actor: Actor) -> None:
        try:
            close(actor)
            said.append("closed")
        except StaleRecord:
            said.append("stale")

    threads = [threading.Thread(target=tried, args=(actor,)) for actor in (MANAGER, OWNER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(said) == ["closed", "stale"]
    assert [entry.event for entry in practice.history(found.id)].count("close") == 1
    with pytest.raises(StaleRecord):
        practice.close(found, by=OWNER)
    with pytest.raises(Refused, match="not possible from 'closed'"):
        practice.close(found.id, by=OWNER)


def test_inv_053_a_change_that_moves_before_the_commit_makes_the_resolution_stale(itsm: ServiceManagement) -> None:
    """INV-053 holds at commit too: what the step read of the change joins the commit."""
    change = itsm.changes.log(summary="Patch", by=ANALYST)
    change = itsm.changes.fire(change, "close", close_code="successful", by=ANALYST)
    found = itsm.link(known_error(itsm), "resolved_by", change, by=ANALYST)
    with pytest.raises(StaleRecord), itsm.unit(by=ANALYST) as desk:  # noqa: PT012 - the unit raises at its end
        keeper(desk, found).resolve(found, resolution="Patched")
        itsm.changes.update(change, close_code="backed out", by=ANALYST)
    assert keeper(itsm, found).get(found.id).is_known_error


def test_what_has_its_own_step_is_set_by_nothing_else(itsm: ServiceManagement, clock: Any) -> None:
    """No update, birth or other step confirms, closes or rewrites a collection."""
    found = known_error(itsm)
    practice = keeper(itsm, found)
    for given in (
        {"confirmed_at": START},
        {"close_reason": "solved"},
        {"causes": ()},
        {"debts": ()},
        {"analysed_at": None},
    ):
        with pytest.raises(Refused, match="set by"):
            practice.update(found, by=MANAGER, **given)
        with pytest.raises(Refused):
            practice.fire(found, "assign", assignee="tom", by=MANAGER, **given)
    with pytest.raises(Refused, match="only grows"):
        practice.fire(found, "add_cause", causes=(Cause("x", "Rewritten"),), by=ANALYST)
    with pytest.raises(Refused, match="only grows"):
        practice.fire(found, "add_cause", causes=found.causes, by=ANALYST)
    made = Workaround("w", 3, "Do", "tom", "restored")
    with pytest.raises(Refused, match="does not follow"):
        practice.fire(found, "add_workaround", workarounds=(made,), by=ANALYST)
    with pytest.raises(InvalidInput):
        itsm.problems.log(summary="Slow", confirmed_at=START, by=DESK)
    assert practice.get(found.id) == found


def test_users_do_not_log_problems_and_strangers_are_not_found(itsm: ServiceManagement) -> None:
    """Births need one of the four roles, records must be there, and workarounds must be known."""
    with pytest.raises(Refused, match="service_desk"):
        itsm.problems.log(summary="Slow", by=USER)
    with pytest.raises(NotFound):
        itsm.problems.get("PRB0000099")
    found = known_error(itsm)
    practice = keeper(itsm, found)
    made = practice.add_workaround(found, "restart", "Restart it", effect="restored", by=DESK)
    with pytest.raises(Refused, match="Did you mean"):
        practice.publish_workaround(made, "restrat", by=MANAGER)
    with pytest.raises(Refused, match="still needs"):
        keeper(itsm, found).assign(found.id, by=MANAGER)


def test_a_workaround_resolves_incidents_through_their_own_guards(itsm: ServiceManagement) -> None:
    """Applying it resolves the linked open incidents; one that refuses stays as it is and is noted."""
    incidents = [itsm.incidents.log(summary="Mail is down", by=DESK) for _ in range(2)]
    done = itsm.incidents.resolve(itsm.incidents.log(summary="Mail", by=DESK), resolution="Gone", by=DESK)
    found = known_error(itsm, incidents=[*incidents, done])
    practice = keeper(itsm, found)
    with pytest.raises(Refused, match="no workaround is published"):
        practice.apply_workaround(found, by=DESK)
    found = practice.add_workaround(found, "restart", "Restart it", effect="restored", by=DESK)
    found = practice.publish_workaround(found, "restart", by=MANAGER)
    by_owner = practice.apply_workaround(found, by=OWNER)
    assert practice.history(by_owner)[-1].details["skipped"][0][0] == incidents[0].number
    assert itsm.incidents.get(incidents[0].id).state == "new"
    practice.apply_workaround(by_owner, by=DESK)
    for each in incidents:
        held = itsm.incidents.get(each.id)
        assert (held.state, held.resolution, held.resolution_code) == ("resolved", "Restart it", "workaround")
    assert itsm.incidents.get(done.id).resolution == "Gone"
    assert practice.get(found.id).is_known_error


def test_an_investigated_problem_keeps_its_order(itsm: ServiceManagement) -> None:
    """No stage is skipped: what is logged is neither investigated nor concluded at once."""
    found = itsm.problems.log(summary="Slow", by=DESK)
    for event in ("investigate", "conclude", "resolve", "close"):
        assert itsm.problems.explain(found, event, by=MANAGER).codes == ("wrong_state",)
    assert investigating(itsm).state == "investigating"


@pytest.mark.parametrize(
    "given",
    [
        {"known_errors": "both"}, {"matrix": 3}, {"default_owner": ""}, {"evidence": "yes"}, {"early_target": 1},
        {"confirm": None}, {"review_every": 3}, {"review_every": timedelta(0)}, {"authorities": "board"},
        {"authorities": [3]}, {"change_succeeded": True}, {"workaround_code": " "}, {"match_threshold": "high"},
        {"match_threshold": 1.5}, {"match_threshold": float("nan")},
    ],
)  # fmt: skip
def test_a_policy_that_cannot_work_is_refused_when_it_is_made(given: dict[str, Any]) -> None:
    """Also a single name in the place of several, which would be read letter by letter."""
    with pytest.raises(DefinitionError) as caught:
        ProblemPolicy(**given)
    assert str(caught.value).endswith(".")


def test_a_note_that_says_nothing_does_not_end_a_known_error(itsm: ServiceManagement) -> None:
    """Why it affects nobody any more is told, not left blank (INV-043)."""
    found = known_error(itsm)
    for note in (" ", "\u200b"):
        with pytest.raises(Refused, match="nothing says why"):
            keeper(itsm, found).close(found, close_reason="not_affecting", close_note=note, by=MANAGER)


def test_a_risk_was_accepted_and_is_not_going_to_be(itsm: ServiceManagement, clock: Ticking) -> None:
    """The date of an acceptance does not lie ahead."""
    found = known_error(itsm)
    ahead = clock.now() + timedelta(days=1)
    with pytest.raises(Refused, match="lies ahead"):
        keeper(itsm, found).fire(found, "accept_risk", risk_accepted_by="board", risk_accepted_at=ahead, by=MANAGER)


def test_inv_044_an_update_moves_the_next_review_ahead_only(itsm: ServiceManagement, clock: Ticking) -> None:
    """What has no viable solution waits for a review that is still to come, however its date was set."""
    found, practice = known_error(itsm), keeper(itsm, known_error(itsm))
    soon = clock.now() + timedelta(days=1)
    found = practice.defer(found, deferral="No budget", next_review_at=soon, by=MANAGER)
    with pytest.raises(Refused, match="Give a later date"):
        practice.update(found, next_review_at=clock.now() - timedelta(days=5), by=MANAGER)
    later = practice.update(found, next_review_at=soon + timedelta(days=9), by=MANAGER)
    assert later.next_review_at == soon + timedelta(days=9)


def test_questions_that_mean_nothing_are_refused_by_name(itsm: ServiceManagement, clock: Ticking) -> None:
    """Limits, proposals, periods and windows."""
    incident = itsm.incidents.log(summary="Mail is down", by=DESK)
    now = clock.now()
    for call, says in (
        (lambda: itsm.known_errors.match(incident, limit=-1), "limit"),
        (lambda: itsm.known_errors.match(incident, limit="5"), "limit"),
        (lambda: itsm.known_errors.accept(None, by=DESK), "a Match"),
        (lambda: itsm.known_errors.reject(incident, by=DESK), "a Match"),
        (lambda: itsm.problems.candidates(now, now - timedelta(days=1)), "ends at"),
        (lambda: itsm.problems.candidates(None, now), "since"),
        (lambda: itsm.problems.candidates(now, now, fields=3), "fields"),
        (lambda: itsm.problems.figures(window=timedelta(days=-1)), "window"),
        (lambda: itsm.problems.figures(window=3), "window"),
        (lambda: itsm.problems.figures(split=3), "split"),
        (lambda: itsm.incidents.figures(excluding=3), "excluding"),
    ):
        with pytest.raises(InvalidInput, match=says):
            call()
    assert itsm.problems.candidates(now - timedelta(days=9), now, fields="category") == ()
