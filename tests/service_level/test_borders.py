"""What holds at the borders of tables, histories, explanations and figures, each by an example."""

import json
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from itil4.errors import InvalidInput
from itil4.service_level import (
    ALWAYS,
    Condition,
    Explanation,
    Figure,
    Interval,
    Mark,
    Moment,
    Reading,
    ServiceCalendar,
    Target,
    availability,
    clock,
    compliance,
    counted_between,
    mtrs,
    weakness,
)
from itil4.service_level.figure import share
from itil4.service_level.target import duration, iso_instant
from itil4.service_level.zone import micro, zone_between

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OFFICE = ServiceCalendar(zone="UTC", weekly={day: [("09:00", "17:00")] for day in DAYS})
ONCE = ServiceCalendar(zone="UTC", exceptions={"2026-03-03": [("09:00", "17:00")]})
RECORD: dict[str, Any] = {
    "start": Condition(categories="new"),
    "stop": Condition(categories=("resolved", "cancelled")),
    "cancel": Condition(categories="cancelled"),
}


def at(day: int, hour: float = 0) -> datetime:
    """A moment of March 2026; 2 March is a Monday."""
    return datetime(2026, 3, day, tzinfo=UTC) + timedelta(hours=hour)


def whys(explanation: Explanation) -> list[str]:
    """The reasons of an explanation as words, in the order of time."""
    return [item.why for item in explanation.intervals]


# values


@pytest.mark.parametrize("kind", [Explanation, Figure, Interval, Mark, Moment, ServiceCalendar])
def test_the_parts_of_a_value_are_written_by_their_names(kind: Any) -> None:
    """So that a part may be added anywhere without changing what existing code means."""
    with pytest.raises(TypeError, match="takes 1 positional argument"):
        kind("x")


def test_moments_and_conditions_are_keys_whatever_their_fields_hold() -> None:
    """A list in a field does not keep it out of a set."""
    assert len({Moment(fields={"tags": ["a"]}), Moment(fields={"tags": ["a"]})}) == 1
    assert len({Condition(fields={"tags": [["a"]]}), Condition(fields={"tags": [["a"]]})}) == 1


def test_a_value_prints_without_what_it_was_made_of() -> None:
    """The spells of a reading and the items of a figure are for explanations, and may be many."""
    reading = clock(Target(duration=HOUR), ALWAYS, [(at(2), "start")], at(2, 1))
    assert not re.search("spells|dropped", repr(reading))
    assert "items" not in repr(share("share", ["INC1"], 2))


def test_a_reading_made_by_hand_explains_all_its_spells() -> None:
    """None is dropped unless it says so."""
    read = clock(Target(duration=2 * HOUR), ALWAYS, [(at(2), "start")], at(2, 1))
    made = Reading(
        target=read.target, calendar=ALWAYS, asof=read.asof, state="running", promised=2 * HOUR, consumed=HOUR,
        remaining=HOUR, breached=False, spells=read.spells,
    )  # fmt: skip
    assert whys(made.explain()) == ["counted"]


@pytest.mark.parametrize("value", [0, False, None, "", ()])
def test_a_field_without_a_value_is_not_filled(value: Any) -> None:
    """Nothing, none and no are not values; one and yes are."""
    filled = Condition(fields={"field": "*"})
    assert not filled.holds(Moment(fields={"field": value}))
    assert all(filled.holds(Moment(fields={"field": given})) for given in (1, True, "0", 0.5))


# calendars


@pytest.mark.parametrize("start", [datetime(2026, 3, 2), date(2026, 3, 2), "2026-03-02T09:00:00Z", None])
def test_a_due_time_has_a_start_with_a_time_zone(start: Any) -> None:
    """Also when it is counted in working days: the zone of the machine is never taken."""
    with pytest.raises(InvalidInput) as hours:
        OFFICE.due(start, HOUR)
    with pytest.raises(InvalidInput) as days:
        OFFICE.due_days(start, 1)
    assert (hours.value.detail["field"], days.value.detail["field"]) == ("start", "start")


@pytest.mark.parametrize("length", [8, "8h", None])
def test_a_due_time_has_a_timedelta(length: Any) -> None:
    """A bare number says no unit."""
    with pytest.raises(InvalidInput) as caught:
        OFFICE.due(at(2), length)
    assert (caught.value.code, caught.value.detail["field"]) == ("ill_typed", "duration")


def test_the_written_form_of_a_calendar_is_indented_by_two() -> None:
    """It is kept in version control, where a line is compared with a line."""
    assert OFFICE.to_json() == json.dumps(OFFICE.to_dict(), indent=2)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Monday", "mon"), ("TUESDAY", "tue"), ("wednesday", "wed"), ("Thurs", "thu"), ("Sun", "sun"), ("frid", "fri")],
)
def test_a_weekday_that_is_written_out_is_told_its_short_name(written: str, meant: str) -> None:
    """Its own, not that of a day that is spelt like it."""
    with pytest.raises(InvalidInput) as caught:
        ServiceCalendar(zone="UTC", weekly={written: [("09:00", "17:00")]})
    assert caught.value.detail["nearest"] == repr(meant)


def test_exceptions_are_a_mapping() -> None:
    """A list of dates does not say when the service is open then."""
    with pytest.raises(InvalidInput) as caught:
        ServiceCalendar(zone="UTC", exceptions=["2026-03-03"])
    assert (caught.value.code, caught.value.detail["field"]) == ("ill_typed", "exceptions")


@pytest.mark.parametrize("zone", [5, ["UTC"], "", None])
def test_a_zone_is_a_name(zone: Any) -> None:
    """Anything else is no zone, and the error says so."""
    with pytest.raises(InvalidInput) as caught:
        ServiceCalendar(zone=zone)
    assert caught.value.code == "unknown_zone"


def test_an_instant_outside_the_years_of_utc_is_refused() -> None:
    """The last evening of the year 9999 in New York lies in no year that a datetime knows."""
    with pytest.raises(InvalidInput) as caught:
        ALWAYS.is_open(datetime(9999, 12, 31, 23, tzinfo=timezone(-5 * HOUR)))
    assert caught.value.code == "out_of_time"


@pytest.mark.parametrize("year", [2, 9999])
def test_a_zone_is_known_up_to_the_ends_of_time(year: int) -> None:
    """With the years beside a year, as far as there are any."""
    noon = micro(datetime(year, 6, 5, 12, tzinfo=UTC))
    assert zone_between("Etc/GMT-1", year - 1, year + 1).reach(noon) == noon - 3_600_000_000


@pytest.mark.parametrize("year", [1, 1899, 2201, 9999])
@pytest.mark.parametrize("days", [-1, 0, 1])
def test_working_days_lie_within_the_years_of_a_calendar(year: int, days: int) -> None:
    """Also when none is counted: the day itself lies outside."""
    with pytest.raises(InvalidInput) as caught:
        ALWAYS.due_days(datetime(year, 6, 5, tzinfo=UTC), days)
    assert (caught.value.code, caught.value.detail["field"]) == ("out_of_years", "days")


@pytest.mark.parametrize(
    ("day", "days"), [(datetime(1900, 1, 1, tzinfo=UTC), 1), (datetime(2200, 12, 31, tzinfo=UTC), -1)]
)
def test_the_first_and_the_last_day_of_a_calendar_are_working_days(day: datetime, days: int) -> None:
    """They can be counted from and counted to, and nothing lies behind them."""
    assert ALWAYS.due_days(day, 0) == day
    assert (ALWAYS.due_days(day + days * DAY, -days), ALWAYS.due_days(day, days)) == (day, day + days * DAY)
    with pytest.raises(InvalidInput):
        ALWAYS.due_days(day, -days)


def test_a_night_shift_ends_where_an_exception_cuts_it() -> None:
    """At midnight, though the exception opens just when the shift would have ended."""
    service = ServiceCalendar(
        zone="UTC", weekly={"tue": [("22:00", "06:00")]}, exceptions={"2026-03-04": [("06:00", "12:00")]}
    )
    assert service.due_days(at(2, 12), 1, end_of_day=True) == at(4)


def test_the_only_window_of_a_calendar_is_found_from_both_sides() -> None:
    """Its opening, by all of its service time before its end; its closing, as the last one before the evening."""
    assert ONCE.before(at(3, 17), 8 * HOUR) == at(3, 9)
    assert ONCE.due_days(at(5, 20), -1) == at(3, 17)


def test_between_an_instant_and_itself_there_is_nothing_in_any_year() -> None:
    """Neither service time nor a window, in open hours and in years that the calendar does not know."""
    for moment in (at(2, 12), datetime(1850, 1, 1, tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC)):
        assert OFFICE.elapsed(moment, moment) == timedelta(0)
        assert OFFICE.windows(moment, moment) == ()


@pytest.mark.parametrize("year", [1850, 2300])
def test_a_year_that_a_calendar_does_not_know_is_named(year: int) -> None:
    """The one that was asked for, not the last that is known."""
    with pytest.raises(InvalidInput) as caught:
        OFFICE.is_open(datetime(year, 6, 1, tzinfo=UTC))
    assert (caught.value.detail["field"], caught.value.detail["value"]) == ("at", year)


@pytest.mark.parametrize("asked_first", [2024, 2025, 2026, 2027])
def test_a_new_year_opens_as_it_would_had_no_other_year_been_asked_for(asked_first: int) -> None:
    """What a calendar has worked out before does not end a window at a turn of the year."""
    service = ServiceCalendar(zone="UTC", weekly={day: [("22:00", "06:00")] for day in DAYS})
    service.is_open(datetime(asked_first, 6, 1, tzinfo=UTC))
    for year in range(asked_first, asked_first + 4):
        assert service.is_open(datetime(year, 1, 1, tzinfo=UTC))


def test_a_table_grows_from_either_end_of_the_years() -> None:
    """From the last year back, and from the year before the last but one on."""
    nights = {day: [("20:00", "22:00")] for day in DAYS}
    back, on = (ServiceCalendar(zone="UTC", weekly=nights) for _ in range(2))
    assert not back.is_open(datetime(2200, 6, 1, tzinfo=UTC))
    assert back.elapsed(datetime(2190, 6, 1, tzinfo=UTC), datetime(2190, 6, 2, tzinfo=UTC)) == 2 * HOUR
    assert not on.is_open(datetime(2198, 6, 1, tzinfo=UTC))
    assert on.due(datetime(2199, 12, 31, 23, tzinfo=UTC), HOUR) == datetime(2200, 1, 1, 21, tzinfo=UTC)


@pytest.mark.parametrize(("zone", "month", "opening"), [("Europe/Paris", 12, 8), ("Australia/Sydney", 11, 22)])
def test_hours_follow_the_last_change_of_the_last_year_that_was_worked_out(zone: str, month: int, opening: int) -> None:
    """A year ahead, after its last change of the clock, the service opens by the clock on the wall."""
    for year in range(2025, 2029):
        service = ServiceCalendar(zone=zone, weekly={day: [("09:00", "17:00")] for day in DAYS})
        service.is_open(datetime(year, 6, 1, tzinfo=UTC))
        evening = datetime(year + 1, month, 9, 20, tzinfo=UTC)
        assert service.next_open(evening).hour == opening


# targets


@pytest.mark.parametrize("text", ["PT\uff18H", "PT\u0668H", "8H", "PT", "P", ""])
def test_a_duration_is_written_with_plain_digits(text: str) -> None:
    """Digits of other scripts are not read, nor a duration without any."""
    with pytest.raises(InvalidInput):
        duration(text)


def test_a_duration_is_a_text_of_less_than_a_hundred_characters() -> None:
    """Ninety-nine are read; more are not even looked at."""
    assert duration("PT" + "8H".zfill(97)) == 8 * HOUR
    for longer in (98, 99, 1000):
        with pytest.raises(InvalidInput):
            duration("PT" + "8H".zfill(longer))


def test_a_text_that_is_no_instant_is_told_how_one_is_written() -> None:
    """And is quoted as it was written."""
    with pytest.raises(InvalidInput) as caught:
        iso_instant("tomorrow", "deadline")
    assert (caught.value.detail["field"], caught.value.detail["value"]) == ("deadline", "tomorrow")
    assert "2026-03-02T09:00:00Z" in caught.value.detail["expected"]


def test_a_support_is_weak_if_only_at_the_first_instant_of_the_period() -> None:
    """What begins then may be due earlier than what begins a moment later, on the other calendar."""
    promised = Target(duration=HOUR, calendar=OFFICE)
    supporting = Target(duration=2 * HOUR, kind="ola", name="network team")
    found = weakness(supporting, promised, at(2, 16), at(3, 8))
    assert found is not None and found.detail["late"] == HOUR
    assert weakness(supporting, promised, at(2, 16.5), at(3, 8)) is None


# histories


def test_marks_of_several_sources_at_one_instant_go_by_the_names_of_the_sources() -> None:
    """In whatever order the histories were put together."""
    start = at(2), Mark(event="start", source="a")
    stop, reopen = (at(2, 1), Mark(event="stop", source="a")), (at(2, 1), Mark(event="reopen", source="b"))
    for history in ([start, stop, reopen], [start, reopen, stop], [reopen, stop, start]):
        assert clock(Target(duration=HOUR), ALWAYS, history, at(2, 2)).state == "running"


def test_moments_of_a_record_are_read_in_the_order_of_time() -> None:
    """In whatever order they are given."""
    moments = [(at(2), Moment(category="new")), (at(2, 1), Moment(category="resolved"))]
    for history in (moments, moments[::-1]):
        reading = clock(Target(duration=HOUR, **RECORD), ALWAYS, history, at(2, 2))
        assert (reading.state, reading.started_at, reading.stopped_at) == ("stopped", at(2), at(2, 1))


def test_a_record_that_is_resolved_as_it_is_created_stops_its_clock_at_once() -> None:
    """An entry may start a clock and stop it."""
    target = Target(duration=HOUR, start=Condition(categories="new"), stop=Condition(events="answer"))
    reading = clock(target, ALWAYS, [(at(2), Moment(category="new", event="answer"))], at(2, 5))
    assert (reading.state, reading.stopped_at, reading.met) == ("stopped", at(2), True)


def test_a_cancelled_record_stays_cancelled_from_when_it_was() -> None:
    """What is written to it afterwards does not cancel it again."""
    history = [(at(2), Moment(category="new")), *((at(day), Moment(category="cancelled")) for day in (3, 4))]
    reading = clock(Target(duration=9 * DAY, **RECORD), ALWAYS, history, at(5))
    assert (reading.state, reading.stopped_at) == ("cancelled", at(3))


def test_a_second_mark_of_a_cancellation_has_no_effect() -> None:
    """It does not fit a clock that is cancelled, as a second start does not fit one that runs."""
    marks = [(at(2), "start"), (at(3), "cancel"), (at(4), "cancel"), (at(4), "stop")]
    reading = clock(Target(duration=9 * DAY), ALWAYS, marks, at(5))
    assert (reading.state, reading.stopped_at) == ("cancelled", at(3))


def test_a_history_may_be_lists_of_lists() -> None:
    """As it comes out of JSON, with aware instants."""
    history = [[at(2), "start"], [at(2, 1), "stop"]]
    reading = clock(Target(duration=HOUR), ALWAYS, history, at(2, 2))
    assert (reading.state, reading.consumed) == ("stopped", HOUR)


@pytest.mark.parametrize(("mark", "named"), [("strat", "strat"), (7, (at(2), 7))])
def test_a_mark_that_cannot_be_read_is_quoted(mark: Any, named: Any) -> None:
    """A word as it is, anything else with the entry that it stands in."""
    with pytest.raises(InvalidInput) as caught:
        clock(Target(duration=HOUR), ALWAYS, [(at(2), mark)], at(3))
    assert (caught.value.code, caught.value.detail["value"]) == ("bad_mark", named)


def test_a_clock_reads_a_target_and_nothing_else() -> None:
    """A bare duration says neither what is measured nor when to pause."""
    with pytest.raises(InvalidInput) as caught:
        clock(HOUR, ALWAYS, [(at(2), "start")], at(3))  # type: ignore[arg-type]  # refused
    assert (caught.value.detail["field"], caught.value.detail["expected"]) == ("target", "a Target")


def test_a_target_that_is_reached_after_a_pause_is_reached_by_what_ran_before_it_too() -> None:
    """One hour before the pause and two after it make three."""
    history = [(at(2), "start"), (at(2, 1), "pause"), (at(2, 2), "resume")]
    reading = clock(Target(duration=3 * HOUR, warnings=(0.5,)), ALWAYS, history, at(2, 6))
    assert (reading.breached, reading.reached_target_at) == (True, at(2, 4))
    assert [each.at for each in reading.warnings] == [at(2, 2.5)]


def test_a_clock_that_is_retargeted_to_nothing_promises_nothing() -> None:
    """Not even a microsecond."""
    history = [(at(2), "start"), (at(2, 1), ("retarget", timedelta(0)))]
    reading = clock(Target(duration=HOUR), ALWAYS, history, at(2, 2))
    assert (reading.promised, reading.remaining, reading.breached) == (timedelta(0), -2 * HOUR, True)


def test_a_clock_that_is_retargeted_to_a_deadline_warns_no_more() -> None:
    """A fraction of a date is no time."""
    target = Target(duration=2 * HOUR, warnings=(0.25, 0.9))
    history = [(at(2), "start"), (at(2, 1), ("retarget", Target(deadline=at(2, 4))))]
    before, after = (clock(target, ALWAYS, history, at(2, hour)) for hour in (0.75, 2))
    assert ([each.fraction for each in before.warnings], before.next_warning_at) == ([0.25], at(2, 1.8))
    assert (after.warnings, after.next_warning_at) == ((), None)


# explanations


def test_an_explanation_has_no_interval_without_a_length() -> None:
    """A pause that ended as it began is not a part of it."""
    history = [(at(2), "start"), (at(2, 1), "pause"), (at(2, 1), "resume")]
    explained = clock(Target(duration=9 * HOUR), ALWAYS, history, at(2, 3)).explain()
    assert [(item.start, item.end) for item in explained.intervals] == [(at(2), at(2, 1)), (at(2, 1), at(2, 3))]
    restarted = clock(Target(duration=9 * HOUR), ALWAYS, [(at(2), "start"), (at(2), "reset")], at(2, 3)).explain()
    assert whys(restarted) == ["counted"]


def test_hours_that_are_closed_are_told_between_those_that_counted() -> None:
    """One after the other, without a gap."""
    explained = clock(Target(duration=80 * HOUR), OFFICE, [(at(2, 16), "start")], at(3, 10)).explain()
    assert whys(explained) == ["counted", "closed", "counted"]
    assert explained.consumed == 2 * HOUR


@pytest.mark.parametrize("hours", [("00:00", "12:00"), ("09:00", "24:00")])
def test_a_date_with_hours_of_its_own_explains_no_closure_beside_it(hours: tuple[str, str]) -> None:
    """What ends as the date begins, or begins as it ends, is closed for no reason of that date."""
    service = OFFICE.revise(exceptions={"2026-03-03": [hours]})
    explained = clock(Target(duration=80 * HOUR), service, [(at(2, 12), "start")], at(4, 12)).explain()
    closed = {(item.start, item.why) for item in explained.intervals if not item.counted}
    assert closed == (
        {(at(2, 17), "closed"), (at(3, 12), "closed_date")}
        if hours[1] == "12:00"
        else {(at(2, 17), "closed_date"), (at(4), "closed")}
    )


def test_time_in_which_a_clock_was_held_does_not_count() -> None:
    """The explanation adds up to what was consumed, and names who held it."""
    history = [(at(2), "start"), (at(2, 1), Mark(event="pause", source="vendor"))]
    reading = clock(Target(duration=9 * HOUR), ALWAYS, history, at(2, 3))
    explained = reading.explain()
    assert (whys(explained), explained.consumed, reading.consumed) == (["counted", "held"], HOUR, HOUR)
    assert "vendor" in explained.intervals[1].reason.message


def test_what_counted_outside_a_period_adds_nothing_to_it() -> None:
    """Not a microsecond, before it or after it."""
    intervals = clock(Target(duration=9 * HOUR), OFFICE, [(at(2), "start")], at(6)).explain().intervals
    assert counted_between(intervals, at(3), at(3, 10)) == HOUR
    assert counted_between(intervals, at(1), at(2)) == timedelta(0)


def test_a_drawing_is_720_pixels_wide_and_drawn_to_the_hundredth() -> None:
    """No more digits than anybody can see."""
    history = [(at(2), "start"), (at(2, 1), "pause"), (at(2, 2), "resume")]
    drawn = clock(Target(duration=6 * HOUR), ALWAYS, history, at(2, 7)).explain().svg()
    assert drawn.startswith('<svg xmlns="http://www.w3.org/2000/svg" width="720"')
    places = re.findall(r'\b(?:x|x1|x2|width)="([\d.]+)"', drawn)
    assert max(len(place.partition(".")[2]) for place in places) == 2


# figures


def test_a_share_leaves_out_nothing_unless_it_says_so() -> None:
    """Of two items one is a hit, and none is censored."""
    figure = share("share", ["INC1"], 2)
    assert (figure.value, figure.n, figure.censored) == (0.5, 2, 0)


def test_compliance_counts_from_the_first_instant_of_a_period_to_before_its_last() -> None:
    """So that a clock belongs to one of two periods that follow each other, and only one."""
    stops = [clock(Target(duration=DAY), ALWAYS, [(at(2), "start"), (end, "stop")], at(9)) for end in (at(3), at(4))]
    figures = [compliance(stops, at(first), at(first + 1)) for first in (2, 3, 4)]
    assert [(figure.n, figure.value) for figure in figures] == [(0, None), (1, 1.0), (1, 0.0)]


def test_an_outage_that_ends_as_the_period_begins_is_restored_in_it_and_no_outage_of_it() -> None:
    """Its time to restore counts, and no time of the period was lost."""
    outages = [(at(1, 23), at(2)), (at(2, 6), at(2, 10))]
    restored = mtrs(outages, at(2), at(3))
    assert (restored.n, restored.value) == (2, 2.5 * HOUR)
    available = availability(outages, at(2), at(3))
    assert (available.n, available.value) == (1, 20 / 24)


def test_an_outage_that_is_not_over_goes_on_from_the_one_that_it_follows() -> None:
    """The two are one, from the first failure on."""
    figure = availability([(at(2, 6), at(2, 12)), (at(2, 12), None)], at(2), at(3))
    assert (figure.n, figure.censored, figure.value, figure.items) == (1, 1, 0.25, ((at(2, 6), at(3)),))
