"""Stories with figures that anybody can work out on paper. Time is calendar time throughout."""

from datetime import timedelta

import attrs
import pytest
from figures_desk import ANA, IDA, MORNING, SAM, TIMER, TOM, Desk, German, open_desk

from itil4 import Actor, IncidentManagement, Origin, State, Transition

HOUR = timedelta(hours=1)


@pytest.fixture
def desk() -> Desk:
    return open_desk()


def solved(desk: Desk, hours: float, by: Actor = SAM, **values: object) -> str:
    """Log an incident, let it take that long, and resolve it."""
    born = desk.log(**values)
    desk.after(hours=hours).resolve(born, resolution="Restarted", by=by)
    return born.number


# one for each word of why incident management matters


def test_efficiency_is_the_share_of_open_time_in_somebodys_hands(desk: Desk) -> None:
    """1 h new, 2 h in progress, 5 h on hold: 2 of 8 hours; an open one is left out and counted."""
    one = desk.log()
    one = desk.after(hours=1).start(one, by=SAM)
    one = desk.after(hours=2).hold(one, kind="vendor", by=SAM)
    one = desk.after(hours=5).resolve(one, resolution="Replaced", by=SAM)
    still = desk.log()
    figure = desk.incidents.figures()["efficiency"]
    assert (figure.value, figure.n, figure.records) == (0.25, 1, (one.number,))
    assert figure.open_records == (still.number,)


def test_time_after_the_resolution_is_nobodys_inefficiency(desk: Desk) -> None:
    """Resolved and closed time is not open time, also between a resolution and a reopening."""
    one = desk.incidents.start(desk.log(), by=SAM)
    one = desk.after(hours=1).resolve(one, resolution="Restarted", by=SAM)
    one = desk.after(hours=90).reopen(one, by=ANA)
    one = desk.after(hours=1).resolve(one, resolution="Replaced", by=SAM)
    desk.after(hours=90).close(one, by=SAM)
    assert desk.incidents.figures()["efficiency"].value == 1


def test_quality_is_what_stays_resolved(desk: Desk) -> None:
    """Of four resolved incidents one came back: three quarters were resolved for good."""
    numbers = [solved(desk, 1) for _ in range(4)]
    desk.after(hours=1).reopen(numbers[2], by=ANA)
    figures = desk.incidents.figures()
    assert (figures["quality"].value, figures["reopen_share"].value) == (0.75, 0.25)
    assert figures["reopen_share"].hits == (numbers[2],)
    assert figures["quality"].open == 3, "what is resolved and not closed may still come back"


def test_a_reopening_counts_against_the_period_of_the_resolution_that_failed(desk: Desk) -> None:
    """March's resolution that came back in April spoils March, not the resolution of April that held."""
    one = solved(desk, 1)
    april = desk.clock.move(days=30)
    desk.incidents.reopen(one, by=ANA)
    desk.after(hours=1).resolve(one, resolution="Replaced", by=SAM)
    figures = desk.incidents.figures
    assert figures(since=april)["quality"].value == 1
    assert figures(since=april)["reopenings"].value == 1
    assert figures(until=april)["quality"].value == 1, "nobody knew better then"
    assert figures()["quality"].value == 0


def test_prioritize_compares_pairs_of_different_priority(desk: Desk) -> None:
    """P1 in 1 h and in 9 h, P4 in 5 h: one pair of two in order. Two of the same priority say nothing."""
    solved(desk, 1)
    solved(desk, 9)
    solved(desk, 5, impact="low", urgency="low")
    figure = desk.incidents.figures()["prioritize"]
    assert (figure.value, figure.n, figure.basis["pairs of different priority"]) == (0.5, 3, 2)


def test_a_tie_in_time_to_restore_counts_half_and_no_pair_is_no_figure(desk: Desk) -> None:
    """Where priority made no difference the share is a half; without a pair there is none, with the reason."""
    solved(desk, 3)
    assert desk.incidents.figures()["prioritize"].value is None
    assert desk.incidents.figures()["prioritize"].reason.code == "nothing_measured"
    solved(desk, 3, impact="low", urgency="low")
    assert desk.incidents.figures()["prioritize"].value == 0.5


def test_the_priority_that_counts_is_the_one_while_it_was_handled(desk: Desk) -> None:
    """A priority that is changed after the resolution does not rewrite who should have come first."""
    first = solved(desk, 1)
    solved(desk, 2, impact="low", urgency="low")
    desk.after(hours=1).update(first, impact="low", urgency="low", by=SAM)
    assert desk.incidents.figures()["prioritize"].value == 1


def test_downtime_runs_from_occurred_to_restored_where_both_were_told(desk: Desk) -> None:
    """Down since 2 h before the log, back after 3 h, resolved much later: 5 h, and the figure says why."""
    one = desk.log(occurred_at=MORNING - 2 * HOUR, detected_at=MORNING - HOUR)
    one = desk.after(hours=3).restore(one, by=SAM)
    desk.after(hours=40).resolve(one, resolution="Cabled anew", by=SAM)
    figures = desk.incidents.figures()
    assert figures["downtime"].value == figures["time_to_restore"].value == 5 * HOUR
    assert figures["downtime"].basis == {"from: occurred (told)": 1, "to: restored (told)": 1}


def test_downtime_falls_back_on_detected_then_logged_and_on_resolved_then_closed(desk: Desk) -> None:
    """What nobody told is implied by the nearest step, and counted as implied."""
    solved(desk, 1, detected_at=MORNING - HOUR)
    solved(desk, 4)
    figure = desk.incidents.figures()["downtime"]
    assert figure.value == 2 * HOUR + 4 * HOUR
    assert figure.basis == {
        "from: detected (told)": 1, "from: logged (implied)": 1, "to: resolved (implied)": 2,
    }  # fmt: skip


def test_what_is_still_down_counts_up_to_the_end_of_the_period(desk: Desk) -> None:
    """An outage that runs cannot be hidden by leaving its incident open, and is counted as open."""
    one = desk.log()
    desk.after(hours=10)
    figures = desk.incidents.figures
    assert figures()["downtime"].value == 10 * HOUR
    assert figures(since=MORNING + 2 * HOUR, until=MORNING + 5 * HOUR)["downtime"].value == 3 * HOUR
    assert figures()["downtime"].open_records == figures()["time_to_restore"].open_records == (one.number,)


def test_a_reopening_voids_the_restoration_before_it(desk: Desk) -> None:
    """Service that was told to be back, and was not, is back when the incident is resolved again."""
    one = desk.log()
    one = desk.after(hours=1).restore(one, by=SAM)
    one = desk.incidents.resolve(one, resolution="Restarted", by=SAM)
    one = desk.after(hours=1).reopen(one, by=ANA)
    assert desk.incidents.figures()["time_to_restore"].open == 1
    desk.after(hours=1).resolve(one, resolution="Replaced", by=SAM)
    figure = desk.incidents.figures()["time_to_restore"]
    assert (figure.value, figure.basis["to: resolved (implied)"]) == (3 * HOUR, 1)


def test_restored_before_anybody_logged_it_is_no_negative_downtime(desk: Desk) -> None:
    """Unknown stays unknown: without a time of occurrence such an interruption has no length, and is counted."""
    one = desk.log()
    desk.incidents.restore(one, restored_at=MORNING - HOUR, by=SAM)
    figures = desk.incidents.figures()
    assert figures["downtime"].value == timedelta()
    assert figures["downtime"].n == figures["time_to_restore"].n == 0
    assert sum(figures["downtime"].left_out.values()) == 1


def test_learning_is_the_share_traced_to_a_cause(desk: Desk) -> None:
    """Two resolved, one linked to its problem: a half. A link that was taken back does not count."""
    first, second = solved(desk, 1), solved(desk, 1)
    problem = desk.itsm.problems.log(by=IDA)
    desk.itsm.link(desk.incidents.get(first), "caused_by", problem, by=SAM)
    desk.itsm.link(desk.incidents.get(second), "resolved_by", problem, by=SAM)
    desk.itsm.unlink(desk.incidents.get(second), "resolved_by", problem, by=SAM)
    figure = desk.incidents.figures()["learn_and_prevent"]
    assert (figure.value, figure.hits, figure.basis) == (0.5, (first,), {"linked: caused_by": 1})


# what desks ask for


def test_acknowledged_is_the_first_step_by_staff(desk: Desk) -> None:
    """A comment, a cascade of time, or what the requester does acknowledges nothing."""
    one = desk.log()
    one = desk.after(hours=1).comment(one, "Any news?", by=ANA)
    one = desk.after(hours=1).hold(one, kind="user", by=SAM)
    desk.after(hours=1).resume(one, by=ANA)
    figure = desk.incidents.figures()["time_to_acknowledge"]
    assert (figure.value, figure.basis) == (2 * HOUR, {"by: roles (told)": 1})


def test_a_cancellation_by_the_requester_is_no_acknowledgement(desk: Desk) -> None:
    """It ended without staff, and is left out and counted as such."""
    one = desk.log()
    desk.after(hours=1).cancel(one, close_reason="withdrawn", by=ANA)
    figure = desk.incidents.figures()["time_to_acknowledge"]
    assert (figure.value, figure.n, figure.open, sum(figure.left_out.values())) == (None, 0, 0, 1)


def test_durations_have_mean_and_nearest_rank_percentiles(desk: Desk) -> None:
    """Ten incidents of 1 to 10 hours: mean 5.5 h, median the 5th, 90th percentile the 9th."""
    for hours in range(10, 0, -1):
        solved(desk, hours)
    spread = desk.incidents.figures()["time_to_resolve"].spread
    assert spread.hours() == {"mean": 5.5, "p50": 5.0, "p90": 9.0, "max": 10.0}


def test_time_to_resolve_runs_to_the_last_resolution_and_to_close_to_the_last_closure(desk: Desk) -> None:
    """What was reopened took until it was resolved for good; while it is open again it is open."""
    one = solved(desk, 1)
    desk.after(hours=1).reopen(one, by=ANA)
    assert desk.incidents.figures()["time_to_resolve"].open == 1
    desk.after(hours=1).resolve(one, resolution="Replaced", by=SAM)
    assert desk.incidents.figures()["time_to_close"].open == 1
    desk.after(hours=1).close(one, by=TIMER)
    figures = desk.incidents.figures()
    assert (figures["time_to_resolve"].value, figures["time_to_close"].value) == (3 * HOUR, 4 * HOUR)
    assert figures["reopenings"].value == 1


@pytest.mark.parametrize("rough", ["hold", "group", "person", "reopen"])
def test_first_contact_means_no_wait_no_change_of_hands_and_no_return(desk: Desk, rough: str) -> None:
    """Naming the first group and person is no hand-over; leaving them, waiting or coming back is."""
    smooth = desk.incidents.assign(desk.log(), to="sam", group="desk", by=SAM)
    smooth = desk.incidents.resolve(smooth, resolution="Explained", by=SAM)
    other = desk.incidents.assign(desk.log(), to="sam", group="desk", by=SAM)
    if rough == "hold":
        other = desk.incidents.hold(other, kind="user", by=SAM)
    if rough == "group":
        other = desk.incidents.hand_over(other, group="network", by=SAM)
    if rough == "person":
        other = desk.incidents.assign(other, to="tom", by=TOM)
    other = desk.incidents.resolve(other, resolution="Explained", by=SAM)
    if rough == "reopen":
        other = desk.incidents.reopen(other, by=ANA)
        other = desk.incidents.resolve(other, resolution="Explained again", by=SAM)
    figure = desk.incidents.figures()["first_contact_share"]
    assert (figure.value, figure.hits) == (0.5, (smooth.number,))


def test_the_backlog_is_told_for_the_end_of_the_period_and_for_now(desk: Desk) -> None:
    """Two open in the morning, one of them still now; its age grows with time."""
    solved(desk, 5)
    desk.log()
    moment = desk.clock.move(hours=1)
    assert desk.incidents.figures()["backlog"].value == 1
    figures = desk.incidents.figures(until=MORNING + HOUR)
    assert (figures["backlog"].value, figures["backlog_now"].value) == (1, 0)
    assert figures["backlog_age"].value == HOUR
    assert desk.incidents.figures(until=moment)["backlog_age"].value == HOUR


def test_a_cancelled_incident_is_in_no_duration_and_no_backlog(desk: Desk) -> None:
    """What should not have been logged makes no figure better or worse."""
    one = desk.log()
    desk.after(hours=1).cancel(one, close_reason="duplicate", by=SAM)
    figures = desk.incidents.figures()
    assert figures["logged"].value == 1
    for name in ("ended", "backlog", "time_to_restore", "time_to_resolve", "time_to_close", "downtime", "quality"):
        assert figures[name].n == 0, name


def test_what_was_cancelled_after_a_reopening_is_no_resolution(desk: Desk) -> None:
    """It was resolved once, and came back: quality counts that, the time to resolve does not."""
    one = solved(desk, 1)
    desk.incidents.reopen(one, by=ANA)
    desk.incidents.cancel(one, close_reason="withdrawn", by=SAM)
    figures = desk.incidents.figures()
    assert (figures["time_to_resolve"].n, figures["time_to_resolve"].left_out) == (0, {"cancelled": 1})
    assert (figures["quality"].value, figures["quality"].n) == (0, 1)


def test_an_interruption_that_ended_as_the_period_began_is_not_in_it(desk: Desk) -> None:
    """Down until 10:00 is no downtime from 10:00 on, not even of no length."""
    solved(desk, 2)
    figures = desk.incidents.figures
    assert figures(since=MORNING + 2 * HOUR)["downtime"].n == 0
    assert figures(since=MORNING + HOUR)["downtime"].value == HOUR


# who reads, and what is left out


def test_what_was_left_out_is_counted_in_the_period_of_its_last_step(desk: Desk) -> None:
    """An old cancellation is no gap in the figures of this month."""
    one = desk.log()
    desk.after(hours=1).cancel(one, close_reason="withdrawn", by=SAM)
    figures = desk.incidents.figures
    assert figures()["time_to_restore"].left_out == {"cancelled": 1}
    assert figures(since=MORNING + 2 * HOUR)["time_to_restore"].left_out == {}


def test_groups_know_the_values_that_nobody_set(desk: Desk) -> None:
    """A field that still has its default is in the group of its default, not in one of unknown."""
    desk.log()
    desk.log(confidential=True)
    groups = desk.incidents.figures(split="confidential").groups
    assert [(group.where["confidential"], group.records) for group in groups] == [(False, 1), (True, 1)]


def test_a_reader_counts_only_what_they_may_see(desk: Desk) -> None:
    """Confidential incidents are in nobody's figures who may not see them."""
    solved(desk, 1)
    solved(desk, 1, by=IDA, confidential=True)
    stranger = Actor("eve", roles={"user"})
    assert desk.incidents.figures(by=stranger).records == 1
    assert desk.incidents.figures(by=stranger)["time_to_resolve"].n == 1
    assert desk.incidents.figures(by=IDA).records == 2


def test_records_can_be_left_out_by_id_number_or_foreign_number(desk: Desk) -> None:
    """A run of an import names what had problems; figures without them say how many were left out."""
    first, second = solved(desk, 1), desk.incidents.get(solved(desk, 1)).id
    imported(desk, "INC0099", {}, history=True)
    figures = desk.incidents.figures(excluding=[first, second, "INC0099"])
    assert (figures.records, figures.excluded) == (0, 3)
    assert desk.incidents.figures(excluding=["other:INC0099"]).excluded == 1


def imported(desk: Desk, key: str, values: dict, *, history: bool) -> None:
    """Bring in an incident as another system last had it, with or without its steps."""
    desk.clock.move(hours=1)
    with desk.itsm.unit(by=TIMER) as inside:
        unit, now = inside.reading(), desk.clock.now()
        given = {"summary": "Old", "owner": "desk", **values}
        one = inside.incidents.arrive(unit, Origin("other", key, "1"), "closed", given, by=TIMER, at=now)
        if not history:
            unit.entries[-1].details.data["history"] = "none"
        assert one.state == "closed"


def test_an_import_of_last_states_is_counted_and_kept_out_of_durations(desk: Desk) -> None:
    """What was imported without history is logged and ended, and says nothing about time or steps."""
    imported(desk, "OLD1", {"occurred_at": MORNING - HOUR}, history=False)
    figures = desk.incidents.figures()
    assert (figures.without_history, figures["logged"].value, figures["ended"].value) == (1, 1, 1)
    for name in ("time_to_restore", "time_to_resolve", "time_to_close", "downtime", "efficiency", "quality"):
        assert figures[name].n == 0, name
        assert figures[name].left_out == {"imported without history": 1}, name


def test_an_import_with_history_whose_steps_name_no_role_says_that_staff_was_implied(desk: Desk) -> None:
    """The first step that is not the requester's acknowledges; the figure says that it is implied."""
    with desk.itsm.unit(by=TIMER) as inside:
        unit, at = inside.reading(), desk.clock.at - 5 * HOUR
        given = {"summary": "Old", "owner": "desk"}
        one = inside.incidents.arrive(unit, Origin("other", "A", "1"), "new", given, by=TIMER, at=at)
        inside.incidents.follow(unit, one, Origin("other", "A", "2"), "in_progress", {}, by=TIMER, at=at + 2 * HOUR)
    figure = desk.incidents.figures()["time_to_acknowledge"]
    assert (figure.value, figure.basis) == (2 * HOUR, {"by: not the requester (implied)": 1})


def test_new_states_of_a_subclass_count_by_their_category() -> None:
    """A state that an extension adds is waiting because it says so, and its roles are staff."""

    class PortIncidents(IncidentManagement):
        lifecycle = IncidentManagement.lifecycle.extend(
            states=[State("awaiting port", category="waiting", kind="port")],
            add=[
                Transition("sail", "new", "awaiting port", roles={"bridge"}),
                Transition("berth", "awaiting port", "in_progress", roles={"bridge"}),
            ],
        )

    desk = open_desk(practices=[PortIncidents])
    bridge = Actor("bo", roles={"bridge", "service_desk"})
    one = desk.log()
    one = desk.after(hours=1).fire(one, "sail", by=bridge)
    one = desk.after(hours=2).fire(one, "berth", by=bridge)
    desk.after(hours=1).resolve(one, resolution="Spare part", by=bridge)
    figures = desk.incidents.figures()
    assert figures["waited_share"].value == 1
    assert figures["efficiency"].value == pytest.approx(1 / 4)
    assert figures["time_to_acknowledge"].value == HOUR


def test_steps_of_an_aspect_are_no_moves(desk: Desk) -> None:
    """A major incident that is proposed and rejected moves nothing in the incident's own lifecycle."""
    one = desk.incidents.fire(desk.log(), "propose_major", by=SAM)
    desk.incidents.fire(one, "reject_major", by=IDA)
    figures = desk.incidents.figures()
    assert figures.movements.to_dict() == {"birth_states": {"new": 1}, "end_states": {"new": 1}, "steps": {}}
    assert figures["time_to_acknowledge"].open == 1


def test_a_record_in_a_state_that_the_lifecycle_lost_is_counted_as_unreadable(desk: Desk) -> None:
    """Figures never guess the category of a state: such a record is left out, and the figures say so.

    Opening over such records is refused; another process that still has the old lifecycle may write them later.
    """
    store, clock = desk.itsm.house.store, desk.clock
    later = open_desk(store, practices=[German])
    desk.log()
    later.clock.at = clock.at
    figures = later.incidents.figures()
    assert (figures.records, figures.unreadable) == (0, 1)


def test_figures_are_values(desk: Desk) -> None:
    """Nobody can change a figure that was told."""
    figure = desk.incidents.figures()["logged"]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        figure.value = 7  # type: ignore[misc]
    with pytest.raises(TypeError):
        figure.basis["more"] = 1  # type: ignore[index]
