"""Clocks: the pains of other tools as regression tests, and what a target's conditions make of a history."""

import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from agreement import OFFICE, form

from itil4.errors import InvalidInput
from itil4.service_level import ALWAYS, Mark, Moment, ServiceCalendar, Target, clock
from itil4.service_level.figure import impact

OFFICE_CALENDAR = ServiceCalendar.from_dict(form("Europe/Paris", OFFICE, ("2026-05-01",)))
HOUR = timedelta(hours=1)
EIGHT = Target(duration=8 * HOUR, warnings=(0.5, 0.75))


def at(day: int, hour: float = 0) -> datetime:
    """A moment of March 2026, when Paris is one hour ahead; 2 March is a Monday."""
    return datetime(2026, 3, day, tzinfo=UTC) + timedelta(hours=hour)


def test_a_pause_is_kept_over_a_change_of_priority() -> None:
    """Pain: changing the priority makes a new clock that has forgotten the pauses."""
    history = [(at(2, 8), "start"), (at(2, 9), "pause"), (at(2, 14), "resume"), (at(2, 15), "retarget", 4 * HOUR)]
    reading = clock(EIGHT, OFFICE_CALENDAR, history, at(2, 16))
    assert reading.consumed == 3 * HOUR and reading.promised == 4 * HOUR and reading.due_at == at(3, 9)


def test_no_breach_while_pending() -> None:
    """Pain: a ticket that waits for the user breaches over the weekend."""
    history = [(at(2, 8), "start"), (at(2, 15), "pause")]
    reading = clock(EIGHT, OFFICE_CALENDAR, history, at(30))
    assert (reading.state, reading.breached, reading.due_at) == ("paused", False, None)
    assert reading.if_resumed_at == at(30, 8)


def test_a_hold_counts_in_service_time() -> None:
    """Pain: a hold over night takes the night off the target too, and moves the due time too far."""
    history = [(at(2, 15), "start"), (at(2, 15.5), "pause"), (at(3, 9), "resume")]
    reading = clock(EIGHT, OFFICE_CALENDAR, history, at(3, 9))
    assert reading.consumed == HOUR / 2 and reading.due_at == at(4, 8.5)


def test_a_reopening_resumes() -> None:
    """Pain: reopening starts the clock anew, or counts the time for which the record was closed."""
    history = [(at(2, 8), "start"), (at(2, 12), "stop"), (at(5, 8), "reopen")]
    reading = clock(EIGHT, OFFICE_CALENDAR, history, at(5, 10))
    assert reading.consumed == 6 * HOUR and not reading.breached
    readings = {
        policy: clock(Target(duration=8 * HOUR, reopen=policy), OFFICE_CALENDAR, history, at(5, 10))  # type: ignore[arg-type]
        for policy in ("continue", "restart")
    }
    assert readings["continue"].consumed == 26 * HOUR and readings["continue"].breached
    assert readings["continue"].reached_target_at is None
    assert readings["restart"].consumed == 2 * HOUR
    assert [item.why for item in readings["restart"].explain().intervals][:2] == ["dropped", "dropped"]


def test_a_threshold_is_crossed_once_and_keeps_its_time() -> None:
    """Pain: thresholds fire again after a crash. A crossing is a fact of the history: asked twice, it is the same."""
    history = [(at(2, 8), "start")]
    readings = [clock(EIGHT, OFFICE_CALENDAR, history, at(2, hour)) for hour in (11, 12, 13, 15.5)]
    assert [len(reading.warnings) for reading in readings] == [0, 1, 1, 2]
    assert {reading.warnings[0].at for reading in readings[1:]} == {at(2, 12)}
    assert readings[0].next_warning_at == at(2, 12) and readings[1].next_warning_at == at(2, 14)
    assert readings[3].next_warning_at is None


def test_overlapping_targets_both_run() -> None:
    """Pain: a second target on the record stops the first."""
    history = [
        (at(2, 8), Moment(category="new", state="new")),
        (at(2, 9), Moment(category="active", state="assigned", fields={"assignee": "sam"}, event="assign")),
        (at(2, 10), Moment(category="active", fields={"assignee": "sam"}, comment="user", by_staff=True)),
        (at(2, 11), Moment(category="waiting", state="on_hold", fields={"assignee": "sam"})),
        (at(3, 8), Moment(category="active", state="in_progress", fields={"assignee": "sam"})),
    ]  # fmt: skip
    found = {
        metric: clock(Target(metric=metric, duration=4 * HOUR), OFFICE_CALENDAR, history, at(3, 9))
        for metric in ("own", "respond", "resolve", "update")
    }
    assert {metric: (r.state, r.consumed) for metric, r in found.items()} == {
        "own": ("stopped", HOUR),
        "respond": ("stopped", 2 * HOUR),
        "resolve": ("running", 4 * HOUR),
        "update": ("running", 2 * HOUR),
    }


def test_only_staff_comments_that_the_user_can_read_are_a_response() -> None:
    """Neither the user's own comment nor a work note stops 'respond'; the first real answer does, for good."""
    target = Target(metric="respond", duration=4 * HOUR)
    comments = [("user", False), ("staff", True), ("user", True), ("user", True)]
    history = [
        (at(2, 8 + i), Moment(category="active", comment=audience, by_staff=staff))  # type: ignore[arg-type]
        for i, (audience, staff) in enumerate(comments)
    ]
    reading = clock(target, OFFICE_CALENDAR, history, at(4, 8))
    assert reading.state == "stopped" and reading.stopped_at == at(2, 10)


def test_leaving_a_resolved_state_reopens() -> None:
    """What stopped by a state runs again when the state is left; what stopped by an event does not."""
    history = [
        (at(2, 8), Moment(category="new")),
        (at(2, 9), Moment(category="resolved")),
        (at(2, 9.5), Moment(category="closed")),
        (at(3, 8), Moment(category="active")),
    ]
    reading = clock(EIGHT, OFFICE_CALENDAR, history, at(3, 9))
    assert (reading.state, reading.consumed) == ("running", 2 * HOUR)
    cancelled = clock(EIGHT, OFFICE_CALENDAR, [*history, (at(3, 9), Moment(category="cancelled"))], at(4))
    assert (cancelled.state, cancelled.consumed, cancelled.met) == ("cancelled", 2 * HOUR, None)


def test_a_retroactive_start_counts_from_the_first_entry() -> None:
    """A target that applies later counts from the beginning, without the earlier pauses if it says so."""
    history = [
        (at(2, 8), Moment(category="active", fields={"priority": 3})),
        (at(2, 9), Moment(category="waiting", fields={"priority": 3})),
        (at(2, 11), Moment(category="active", fields={"priority": 3})),
        (at(2, 12), Moment(category="active", fields={"priority": 1})),
    ]
    for flags, consumed in (((False, False), 1), ((True, False), 5), ((True, True), 3)):
        target = Target(
            duration=8 * HOUR, start={"fields": {"priority": 1}}, retroactive_start=flags[0], retroactive_pause=flags[1]
        )  # type: ignore[arg-type]
        assert clock(target, OFFICE_CALENDAR, history, at(2, 13)).consumed == consumed * HOUR
        assert clock(target, OFFICE_CALENDAR, history[:3], at(2, 13)).state == "not_started"


def test_a_pause_lasts_until_its_resume_condition() -> None:
    """With a resume condition of its own, leaving the waiting state is not enough."""
    target = Target(duration=8 * HOUR, resume={"events": "customer_replied"})  # type: ignore[arg-type]
    history = [
        (at(2, 8), Moment(category="active")),
        (at(2, 9), Moment(category="waiting")),
        (at(2, 10), Moment(category="active")),
        (at(2, 12), Moment(category="active", event="customer_replied")),
    ]
    assert clock(target, OFFICE_CALENDAR, history, at(2, 13)).consumed == 2 * HOUR


def test_two_sources_hold_a_clock_until_both_let_go() -> None:
    """Overlapping holds of two systems are one pause over their union."""

    def by(source: str, event: Any) -> Mark:
        return Mark(event=event, source=source)

    history = [
        (at(2, 8), "start"),
        (at(2, 9), by("desk", "pause")),
        (at(2, 10), by("vendor", "pause")),
        (at(2, 11), by("desk", "resume")),
        (at(2, 12), by("vendor", "resume")),
    ]
    reading = clock(EIGHT, OFFICE_CALENDAR, history, at(2, 13))
    assert reading.consumed == 2 * HOUR
    texts = [item.reason.message for item in reading.explain().intervals]
    assert texts[2] == "not counted: paused by desk, vendor"


def test_a_new_target_restates_or_counts_from_the_change() -> None:
    """Restated, the new target is compared with everything; from the change, only with what follows."""
    history = [(at(2, 8), "start"), (at(2, 14), ("retarget", {"minutes": 240}))]
    restated = clock(EIGHT, OFFICE_CALENDAR, history, at(2, 15))
    assert restated.breached and restated.breached_at == at(2, 12)
    fresh = clock(Target(duration=8 * HOUR, retarget="from_change"), OFFICE_CALENDAR, history, at(2, 15))
    assert not fresh.breached and fresh.consumed == HOUR and fresh.due_at == at(3, 10)


def test_a_deadline_is_missed_by_running_after_it() -> None:
    """A fixed date: met when stopped before it, not broken by a pause over it, late from the next open moment."""
    target = Target(deadline=at(2, 18), warnings=(0.5,))
    history = [(at(2, 8), "start")]
    running = clock(target, OFFICE_CALENDAR, history, at(2, 12))
    assert (running.due_at, running.late_from, running.remaining) == (at(2, 18), at(3, 8), 4 * HOUR)
    assert running.promised is None and running.to_dict()["deadline"] == at(2, 18).isoformat()
    assert not clock(target, OFFICE_CALENDAR, history, at(3, 8)).breached
    late = clock(target, OFFICE_CALENDAR, history, at(3, 9))
    assert late.breached and late.remaining == -HOUR
    assert clock(target, OFFICE_CALENDAR, [*history, (at(2, 15), "stop")], at(9)).met
    assert not clock(target, OFFICE_CALENDAR, [*history, (at(2, 15), "pause")], at(9)).breached


def test_an_explanation_tells_every_interval() -> None:
    """Why each stretch counted or not, in the calendar's own time, as text, as data and as a drawing."""
    history = [(datetime(2026, 4, 30, 13, tzinfo=UTC), "start"), (datetime(2026, 5, 4, 9, tzinfo=UTC), "stop")]
    target, now = Target(duration=HOUR, name="<VIP> & co"), datetime(2026, 5, 4, 10, tzinfo=UTC)
    reading = clock(target, OFFICE_CALENDAR, history, now)
    explanation = reading.explain()
    assert str(explanation).splitlines() == [
        "<VIP> & co as of 2026-05-04T12:00+02:00",
        "2026-04-30T15:00+02:00  2026-04-30T17:00+02:00  2:00:00  counted: the clock ran in service hours",
        "2026-04-30T17:00+02:00  2026-05-04T09:00+02:00  3 days, 16:00:00  "
        "not counted: outside service hours, with closed or exceptional dates 2026-05-01",
        "2026-05-04T09:00+02:00  2026-05-04T11:00+02:00  2:00:00  counted: the clock ran in service hours",
        "2026-05-04T11:00+02:00  2026-05-04T12:00+02:00  1:00:00  not counted: stopped",
        "consumed 4:00:00",
    ]
    for drawn in (explanation, clock(EIGHT, None, [], at(2)).explain()):
        image = ElementTree.fromstring(drawn.svg())
        assert len(image.findall("{http://www.w3.org/2000/svg}rect")) == len(drawn.intervals)
    ends = [text.text for text in ElementTree.fromstring(explanation.svg()).findall("{http://www.w3.org/2000/svg}text")]
    assert ends[-2:] == ["2026-04-30T15:00+02:00", "2026-05-04T12:00+02:00"]
    assert json.loads(json.dumps(explanation.to_dict()))["consumed_seconds"] == 4 * 3600
    assert json.loads(json.dumps(reading.to_dict()))["reached_target_at"] == "2026-04-30T14:00:00+00:00"


def test_a_calendar_without_hours_leaves_a_clock_without_a_due_time() -> None:
    """A reading never fails because hours run out: it just never falls due."""
    once = ServiceCalendar(zone="UTC", exceptions={"2026-03-02": [("08:00", "09:00")]})
    reading = clock(EIGHT, once, [(at(2), "start")], at(3))
    assert (reading.state, reading.consumed, reading.due_at, reading.late_from) == ("running", HOUR, None, None)
    exact = clock(Target(duration=HOUR), once, [(at(2), "start")], at(2))
    assert exact.due_at == at(2, 9) and exact.late_from is None
    assert clock(Target(duration=timedelta.max), ALWAYS, [(at(2), "start")], at(3)).due_at is None


def test_marks_that_do_not_fit_have_no_effect() -> None:
    """A second start, a resume while running, a stop before the start: noise of real histories."""
    noise = [(at(2, 7), "stop"), (at(2, 7), "resume"), (at(2, 8), "start"), (at(2, 9), "start"), (at(2, 9), "resume")]
    reading = clock(EIGHT, OFFICE_CALENDAR, [*noise, (at(2, 10), "reopen")], at(2, 11))
    assert (reading.state, reading.consumed, reading.started_at) == ("running", 3 * HOUR, at(2, 8))
    assert clock(EIGHT, OFFICE_CALENDAR, [], at(2)).state == "not_started"
    assert clock(EIGHT, OFFICE_CALENDAR, [(at(3), "start")], at(2)).to_dict()["started_at"] is None


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ((at(2), "stat"), "bad_mark"),
        ((at(2),), "bad_mark"),
        ("start", "bad_mark"),
        (7, "bad_mark"),
        ((at(2), 7), "bad_mark"),
        ((datetime(2026, 3, 2), "start"), "naive_datetime"),
        ((datetime(2026, 3, 2), None), "naive_datetime"),
        (("2026-03-02", "start"), "ill_typed"),
        (({"at": "soon", "event": "start"}), "ill_typed"),
        (({"at": "2026-03-02T09:00:00", "event": "start"}), "naive_datetime"),
        (({"at": "2026-03-02T09:00:00Z", "evnt": "start"}), "unknown_field"),
        ((at(2), "retarget"), "retarget_without"),
        ((at(2), "retarget", 480), "ill_typed"),
        ((at(2), "retarget", -HOUR), "negative_duration"),
        ((at(2), {"event": "retarget", "minutes": "480"}), "ill_typed"),
        ((at(2), Mark(event="star")), "bad_mark"),  # type: ignore[arg-type]
    ],
)
def test_entries_that_cannot_be_read_are_refused(entry: Any, code: str) -> None:
    """A typing error in a history is no reason for a wrong figure."""
    with pytest.raises(InvalidInput) as raised:
        clock(EIGHT, OFFICE_CALENDAR, [entry], at(3))
    assert raised.value.code == code
    assert pickle.loads(pickle.dumps(raised.value)).code == code


def test_arguments_of_the_wrong_kind_are_refused() -> None:
    """Target, calendar, history and moment are what they say."""
    now = at(2)
    for arguments in ((8, ALWAYS, [], now), (EIGHT, "UTC", [], now), (EIGHT, ALWAYS, 5, now), (EIGHT, ALWAYS, [], 5)):
        with pytest.raises(InvalidInput):
            clock(*arguments)  # type: ignore[arg-type]


def test_an_edited_calendar_shows_whose_verdict_flips() -> None:
    """A holiday that is added late turns a breach into a target that was met; others stay out of the list."""
    history = [(at(2, 8), "start"), (at(3, 12), "stop")]
    quick = [(at(4, 8), "start"), (at(4, 9), "stop")]
    edited = OFFICE_CALENDAR.revise(holidays=["2026-03-02"])
    flips = impact(OFFICE_CALENDAR, edited, [("INC1", EIGHT, iter(history)), ("INC2", EIGHT, quick)], at(9))
    assert list(flips) == ["INC1"]
    before, after = flips["INC1"]
    assert before.breached and after.met
    assert before.calendar.revision != after.calendar.revision
    assert before.to_dict()["calendar_revision"] == OFFICE_CALENDAR.revision


def test_a_deadline_that_passes_during_a_pause_is_missed_when_the_clock_runs_again() -> None:
    """A paused clock cannot breach, so the breach is not dated before the deadline, nor into the pause."""
    target = Target(deadline=at(2, 12))
    history = [(at(2, 9), "start"), (at(2, 10), "pause"), (at(2, 14), "resume")]
    held = clock(target, OFFICE_CALENDAR, history, at(2, 14))
    assert (held.breached, held.breached_at) == (False, None)
    late = clock(target, OFFICE_CALENDAR, history, at(2, 15))
    assert (late.breached, late.breached_at, late.remaining) == (True, at(2, 14), -HOUR)
    ran = clock(target, OFFICE_CALENDAR, history[:1], at(2, 15))
    assert ran.breached_at == at(2, 12)
    again = [(at(2, 9), "start"), (at(2, 10), "stop"), (at(2, 15), "reopen")]
    assert clock(Target(deadline=at(2, 12), reopen="continue"), OFFICE_CALENDAR, again, at(2, 15)).breached_at is None


@pytest.mark.parametrize("over", ["stop", "cancel"])
def test_a_reset_begins_a_clock_at_zero_and_never_one_that_is_over(over: str) -> None:
    """What runs or is paused goes on as it was, from zero; what was stopped or cancelled stays so."""
    history = [(at(2, 8), "start"), (at(2, 10), "reset")]
    assert clock(EIGHT, OFFICE_CALENDAR, history, at(2, 11)).consumed == HOUR
    paused = clock(EIGHT, OFFICE_CALENDAR, [(at(2, 8), "start"), (at(2, 9), "pause"), (at(2, 10), "reset")], at(2, 11))
    assert (paused.state, paused.consumed) == ("paused", 0 * HOUR)
    done = clock(EIGHT, OFFICE_CALENDAR, [(at(2, 8), "start"), (at(2, 9), over), (at(2, 10), "reset")], at(2, 11))
    assert (done.state, done.consumed) == ("stopped" if over == "stop" else "cancelled", HOUR)
