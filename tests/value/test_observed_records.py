"""Streams observed from the records of a store: what one case is, where it is, and what is told of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import itil4
from itil4 import Actor
from itil4.clock import FrozenClock
from itil4.errors import InvalidInput
from itil4.practices.streams import deployments, observations
from itil4.value import FULFIL_SERVICE_REQUEST, RESTORE_LIVE_SERVICE, directly_follows, observe

DATA = Path(__file__).parents[3] / "shared" / "data"
SAM = Actor("sam", roles={"service_desk", "technical_specialist"})
TAKE_IN, INVESTIGATE, OBTAIN, DEPLOY, VERIFY, FEEDBACK, _ = (step.name for step in RESTORE_LIVE_SERVICE.steps)


def hours(time):
    return time / timedelta(hours=1)


def wait(itsm, number=1):
    itsm.ticks.tick(timedelta(hours=number))


def log(itsm, **values):
    return itsm.incidents.log(summary="Mail is down", by=SAM, **values)


def mended_by_a_change(itsm, *, through_a_problem):
    """Log an incident at 0, hold it at 2 for a change (logged at 2, in hand from 4, over at 7), resolve it at 8."""
    incident = log(itsm, group="desk")
    wait(itsm)
    incident = itsm.incidents.start(incident, by=SAM)
    wait(itsm)
    incident = itsm.incidents.hold(incident, kind="change", by=SAM)
    change = itsm.changes.log(summary="Swap the relay", by=SAM)
    if through_a_problem:
        problem = itsm.problems.log(summary="The relay wears out", by=SAM)
        itsm.link(incident, "caused_by", problem, by=SAM)
        itsm.link(problem, "resolved_by", change, by=SAM)
    else:
        itsm.link(incident, "resolved_by", change, by=SAM)
    wait(itsm)
    change = itsm.changes.ask(change, by=SAM)
    wait(itsm)
    change = itsm.changes.implement(change, by=SAM)
    wait(itsm, 2)
    change = itsm.changes.review(change, by=SAM)
    wait(itsm)
    itsm.changes.close(change, by=SAM)
    wait(itsm)
    incident = itsm.incidents.resolve(incident.id, resolution="Relay swapped.", by=SAM)
    wait(itsm, 24)
    itsm.incidents.close(incident, by=SAM)
    return incident, change


@pytest.mark.parametrize("through_a_problem", [False, True])
def test_one_case_spans_an_incident_and_the_change_that_mends_it(wide_desk, through_a_problem):
    """Story: incident, problem, change by links are one case, which goes through the steps of all of them."""
    mended_by_a_change(wide_desk, through_a_problem=through_a_problem)
    seen = wide_desk.observed(RESTORE_LIVE_SERVICE)
    assert (seen.cases, seen.finished) == (1, 1)
    assert seen.variants[0].path == (TAKE_IN, INVESTIGATE, OBTAIN, DEPLOY, INVESTIGATE, VERIFY, FEEDBACK)
    assert hours(seen.lead.mean) == 8 and hours(seen.step(OBTAIN).time) == 2 and hours(seen.step(DEPLOY).work) == 3
    assert seen.step(OBTAIN).waits == {
        ("new", "queue"): timedelta(hours=1),
        ("waiting", "approval"): timedelta(hours=1),
    }
    assert seen.step(INVESTIGATE).waits == {("waiting", "change"): timedelta(hours=1)}
    assert sum((step.time for step in seen.steps), timedelta(0)) == seen.lead.mean


def test_the_map_of_linked_records_is_that_of_the_same_moves_told_plainly(wide_desk):
    """The adapter adds nothing: the figures are those of hand-made observations."""
    mended_by_a_change(wide_desk, through_a_problem=True)
    at = lambda hour: datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=hour)  # noqa: E731
    incident, change = "incident_management", "change_enablement"
    plain = [
        ("1", "new", at(0), "new", None, None, None, incident),
        ("1", "in_progress", at(1), "active", None, None, None, incident),
        ("1", "on_hold", at(2), "waiting", "change", None, None, incident),
        ("1", "new", at(2), "new", None, None, None, change),
        ("1", "authorize", at(3), "waiting", "approval", None, None, change),
        ("1", "implement", at(4), "active", None, None, None, change),
        ("1", "review", at(6), "active", None, None, None, change),
        ("1", "on_hold", at(7), "waiting", "change", None, None, incident),
        ("1", "resolved", at(8), "resolved", None, None, None, incident),
        ("1", "closed", at(32), "closed", None, None, None, incident),
    ]
    told, seen = observe(RESTORE_LIVE_SERVICE, plain), wide_desk.observed(RESTORE_LIVE_SERVICE)
    assert (told.steps[1].time, told.waits, told.work, told.follows) == (
        seen.steps[1].time,
        seen.waits,
        seen.work,
        seen.follows,
    )


def test_the_change_that_caused_an_incident_is_no_part_of_mending_it(wide_desk):
    """Story: a change breaks the mail and is still reviewed; the incident's case does not go through it."""
    change = wide_desk.changes.log(summary="New relay", by=SAM)
    change = wide_desk.changes.implement(wide_desk.changes.ask(change, by=SAM), by=SAM)
    incident = log(wide_desk)
    wide_desk.link(incident, "caused_by", change, by=SAM)
    wait(wide_desk)
    wide_desk.changes.review(change.id, by=SAM)
    wide_desk.incidents.resolve(incident.id, resolution="Old relay back.", by=SAM)
    assert wide_desk.observed(RESTORE_LIVE_SERVICE).variants[0].path == (TAKE_IN, VERIFY)


def test_what_a_linked_record_does_after_the_case_is_over_is_no_part_of_it(wide_desk):
    """Story: service is back before the change is reviewed; the review makes no case longer."""
    incident = log(wide_desk)
    change = wide_desk.changes.log(summary="New relay", by=SAM)
    wide_desk.link(incident, "resolved_by", change, by=SAM)
    wait(wide_desk)
    change = wide_desk.changes.implement(wide_desk.changes.ask(change.id, by=SAM), by=SAM)
    wait(wide_desk)
    wide_desk.incidents.resolve(incident.id, resolution="Relay swapped.", by=SAM)
    wait(wide_desk, 50)
    wide_desk.changes.review(change, by=SAM)
    seen = wide_desk.observed(RESTORE_LIVE_SERVICE)
    assert hours(seen.lead.mean) == 2 and seen.variants[0].path[-1] == VERIFY


def test_two_incidents_of_one_problem_are_two_cases(wide_desk):
    """Story: both wait for the same change; neither is taken for the other, and both go through it."""
    first, second = log(wide_desk), log(wide_desk)
    problem = wide_desk.problems.log(summary="The relay wears out", by=SAM)
    change = wide_desk.changes.log(summary="New relay", by=SAM)
    wide_desk.link(problem, "resolved_by", change, by=SAM)
    for incident in (first, second):
        wide_desk.link(incident, "caused_by", problem.id, by=SAM)
    wait(wide_desk)
    wide_desk.changes.ask(change.id, by=SAM)
    seen = wide_desk.observed(RESTORE_LIVE_SERVICE)
    assert (seen.cases, seen.open) == (2, 2) and seen.follows.edges[TAKE_IN, OBTAIN] == 2


def test_records_that_are_only_related_are_followed_when_asked_for(wide_desk):
    """`relates_to` says nothing of who works for whom, so it is followed only by name; unknown names are refused."""
    incident, change = log(wide_desk), wide_desk.changes.log(summary="New relay", by=SAM)
    wide_desk.link(incident, "relates_to", change, by=SAM)
    places = lambda **more: [each.place for each in observations(wide_desk, RESTORE_LIVE_SERVICE, **more)]  # noqa: E731
    assert places() == ["new"] and places(relations=["relates_to"]) == ["new", "new"]
    with pytest.raises(InvalidInput, match="relation"):
        list(observations(wide_desk, RESTORE_LIVE_SERVICE, relations=["relates"]))


def test_a_reopening_says_that_what_came_was_not_complete(wide_desk):
    """Complete and accurate is judged by whoever receives: reopened is no, closed is yes, resolved is not yet."""
    closed, reopened, resolved = (log(wide_desk, group="desk") for _ in range(3))
    for incident in (closed, reopened, resolved):
        wait(wide_desk)
        wide_desk.incidents.resolve(incident, resolution="Restarted.", by=SAM)
    wide_desk.incidents.close(closed.id, by=SAM)
    wide_desk.incidents.reopen(reopened.id, by=SAM)
    told = {(each.case, each.place): each.accepted for each in observations(wide_desk, RESTORE_LIVE_SERVICE)}
    assert told[closed.number, "resolved"] is True and told[reopened.number, "resolved"] is False
    assert told[resolved.number, "resolved"] is None and told[closed.number, "new"] is None


def test_a_group_that_hands_over_is_a_hand_off_and_no_new_visit(wide_desk):
    """The holder of a case is its group, or else its assignee."""
    incident = log(wide_desk, group="desk")
    incident = wide_desk.incidents.start(incident, by=SAM)
    wait(wide_desk)
    incident = wide_desk.incidents.hand_over(incident, group="network", by=SAM)
    incident = wide_desk.incidents.comment(incident, "Looking.", by=SAM)
    wait(wide_desk)
    wide_desk.incidents.resolve(incident, resolution="Restarted.", by=SAM)
    told = list(observations(wide_desk, RESTORE_LIVE_SERVICE))
    assert [(each.place, each.by) for each in told] == [
        ("new", "desk"), ("in_progress", "desk"), ("assigned", "network"), ("resolved", "network"),
    ]  # fmt: skip
    seen = wide_desk.observed(RESTORE_LIVE_SERVICE)
    assert seen.handoffs == 1 and seen.step(INVESTIGATE).visits == 1


def test_only_what_the_reader_may_see_is_observed(wide_desk):
    """A confidential incident is in nobody's map but that of those who may read it."""
    log(wide_desk)
    log(wide_desk, confidential=True)
    assert wide_desk.observed(RESTORE_LIVE_SERVICE, by=Actor("ana", roles={"user"})).cases < 2
    assert wide_desk.observed(RESTORE_LIVE_SERVICE, by=Actor("eve", roles={"security"})).cases == 2


def test_records_that_are_excluded_begin_no_case(wide_desk):
    """By number or id; what is linked to them is in nobody's case either."""
    first, second, third = log(wide_desk), log(wide_desk), log(wide_desk)
    seen = observations(wide_desk, RESTORE_LIVE_SERVICE, excluding=[first.number, second.id])
    assert [each.case for each in seen] == [third.number]


def test_a_stream_that_names_no_state_of_this_desk_is_refused(wide_desk):
    """There is nothing to observe, and the error says what to add."""
    steps = tuple(attrs.evolve(step, states={}) for step in FULFIL_SERVICE_REQUEST.steps)
    unwatched = attrs.evolve(FULFIL_SERVICE_REQUEST, steps=steps)
    with pytest.raises(InvalidInput) as caught:
        wide_desk.observed(unwatched)
    assert caught.value.code == "no_states"
    with pytest.raises(InvalidInput):
        itil4.connect().observed("restore_live_service")
    with pytest.raises(InvalidInput) as caught:
        itil4.connect().observed(RESTORE_LIVE_SERVICE)
    assert caught.value.code == "none_given"


def test_the_four_keys_come_from_changes_and_the_incidents_that_they_caused(wide_desk):
    """Story: one change goes well, one breaks the mail for three hours, one is cancelled, one is on its way."""
    for kind in ("good", "bad", "cancelled", "open"):
        change = wide_desk.changes.log(summary=kind, by=SAM)
        wait(wide_desk)
        change = wide_desk.changes.implement(wide_desk.changes.ask(change, by=SAM), by=SAM)
        wait(wide_desk)
        if kind == "cancelled":
            wide_desk.changes.cancel(change, by=SAM)
        elif kind != "open":
            change = wide_desk.changes.review(change, by=SAM)
        if kind == "bad":
            incident = log(wide_desk)
            wide_desk.link(incident, "caused_by", change, by=SAM)
            wait(wide_desk, 3)
            wide_desk.incidents.resolve(incident.id, resolution="Old relay back.", by=SAM)
    start = datetime(2026, 3, 2, tzinfo=UTC)
    keys = wide_desk.delivery((start, start + timedelta(days=1)))
    assert (keys.deployments, keys.failure_rate, keys.per_day) == (2, 0.5, 2)
    assert hours(keys.lead_time.median) == 2 and hours(keys.recovery_time.median) == 3 and not keys.unrestored
    assert [each.record for each in deployments(wide_desk)] == ["CHG0000001", "CHG0000002"]


def test_the_observed_restore_stream_has_the_counts_of_the_real_log(real_desk):
    """All cases are finished; births, steps and reopenings are those that the facts file counts."""
    facts = json.loads((DATA / "uci_incidents_dev.facts.json").read_text())
    told = list(observations(real_desk, RESTORE_LIVE_SERVICE))
    seen, states = observe(RESTORE_LIVE_SERVICE, told), observe(None, told)
    assert (seen.cases, seen.finished, seen.open) == (facts["good_cases"], facts["good_cases"], 0)
    assert {f"{a}>{b}": count for (a, b), count in states.follows.edges.items()} == facts["steps"]
    assert states.follows.starts == facts["birth_states"] and states.follows.ends == facts["end_states"]
    assert seen.step(TAKE_IN).visits == facts["birth_states"]["new"]
    assert seen.follows.edges[VERIFY, FEEDBACK] == facts["steps"]["resolved>closed"]
    back = seen.follows.edges[VERIFY, INVESTIGATE] + seen.follows.edges[FEEDBACK, INVESTIGATE]
    assert back == facts["reopenings"]
    waited = {case for case, place, *_ in told if place == "on_hold"}
    assert len(waited) == facts["cases_ever_on_hold"]


def test_the_directly_follows_counts_of_the_real_log_equal_a_plain_recomputation(real_desk):
    """Steps of the stream, worked out a second time by a loop of its own."""
    home = {
        state: step.name
        for step in RESTORE_LIVE_SERVICE.steps
        for state in dict(step.states).get("incident_management", ())
    }
    paths = []
    for entries in real_desk.incidents.histories():
        path = []
        for entry in entries:
            if entry.to_state and path[-1:] != [home[entry.to_state]]:
                path.append(home[entry.to_state])
        paths.append(path)
    assert directly_follows(paths) == real_desk.observed(RESTORE_LIVE_SERVICE).follows


MOVES = st.lists(
    st.tuples(st.sampled_from(["start", "hold", "resume", "resolve", "reopen", "close", "hand_over"]),
              st.integers(0, 90)),
    max_size=8,
)  # fmt: skip
GIVEN = {"hold": {"hold_kind": "user"}, "resolve": {"resolution": "Done."}, "hand_over": {"group": "network"}}


@settings(deadline=None)
@given(st.lists(MOVES, min_size=1, max_size=4))
def test_the_map_of_any_records_accounts_for_all_their_time(cases):
    """Law: whatever steps are possible, every case is seen once, and the times of the steps sum to the lead time."""
    clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
    itsm = itil4.connect(clock=clock)
    for moves in cases:
        incident = log(itsm)
        for event, minutes in moves:
            clock.tick(timedelta(minutes=minutes))
            if itsm.incidents.explain(incident, event, by=SAM, **GIVEN.get(event, {})).allowed:
                incident = itsm.incidents.fire(incident, event, by=SAM, **GIVEN.get(event, {}))
    seen = itsm.observed(RESTORE_LIVE_SERVICE)
    open_ones = itsm.incidents.count(is_open=True)
    assert (seen.cases, seen.open, seen.finished) == (len(cases), open_ones, len(cases) - open_ones)
    lead = seen.lead.mean * seen.finished if seen.lead else timedelta(0)
    total = sum((step.time for step in seen.steps), timedelta(0))
    assert abs(total - lead) < timedelta(seconds=1) and total == seen.work + seen.wait
