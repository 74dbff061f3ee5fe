"""Figures at the ends of their period, what is refused at the door, and marks in every form."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from itil4.errors import DefinitionError, InvalidInput
from itil4.service_level import (
    ALWAYS,
    Condition,
    Figure,
    Mark,
    Moment,
    NeverOpen,
    ServiceCalendar,
    Target,
    availability,
    clock,
    mtbf,
    mtbsi,
    mtrs,
    percentile,
    public_holidays,
)
from itil4.service_level.hours import spans
from itil4.service_level.mark import entries

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(day: int, hour: float = 0) -> datetime:
    """A moment of March 2026; 2 March is a Monday."""
    return datetime(2026, 3, day, tzinfo=UTC) + timedelta(hours=hour)


LOW, HIGH = at(2), at(3)


# figures


def test_an_incident_counts_in_the_period_in_which_it_begins() -> None:
    """The first instant belongs to the period, the end to the next one."""
    outages: list[Any] = [(at(1, 20), at(1, 21)), (LOW, at(2, 1)), (at(2, 6), at(2, 7)), (HIGH, at(3, 1))]
    figure = mtbsi(outages, LOW, HIGH)
    assert (figure.value, figure.n, figure.censored) == (5 * HOUR, 2, 0)
    assert mtbsi(outages[:3], LOW, HIGH).censored == 1
    assert mtbsi([], LOW, HIGH).censored == 0
    assert mtbsi([(HIGH, None)], LOW, HIGH).censored == 0


def test_the_time_since_the_last_restoration_is_still_running() -> None:
    """It is counted as left out, unless the service is down or broke down after the period."""
    assert mtbf([(at(2, 1), at(2, 2))], LOW, HIGH).censored == 1
    assert mtbf([(at(2, 1), None)], LOW, HIGH).censored == 0
    assert mtbf([(HIGH, at(3, 2))], LOW, HIGH).censored == 0
    assert mtbf([], LOW, HIGH).censored == 0
    figure = mtbf([(at(2, 1), at(2, 2)), (at(2, 4), None)], LOW, HIGH)
    assert (figure.value, figure.censored) == (2 * HOUR, 0)


def test_an_outage_at_the_ends_of_a_period_takes_nothing_of_it() -> None:
    """One that ended where it begins, or began where it ends."""
    assert availability([(at(1), LOW), (HIGH, at(4))], LOW, HIGH).value == 1.0
    figure = availability([(at(1), LOW + HOUR), (HIGH - HOUR, None)], LOW, HIGH)
    assert (figure.value, figure.censored) == (pytest.approx(22 / 24), 1)
    assert availability([(HIGH, None)], LOW, HIGH).censored == 0
    assert mtrs([(at(1), HIGH)], LOW, HIGH).n == 0


@pytest.mark.parametrize(("percent", "value"), [(100, 4), (75, 3), (25, 1), (0.5, 1), (50.1, 3)])
def test_a_percentile_is_the_value_that_so_many_do_not_exceed(percent: float, value: int) -> None:
    """Of four values; a hundred is the greatest."""
    assert percentile([4, 2, None, 1, 3], percent).value == value
    assert percentile([4, 2, None, 1, 3], percent).censored == 1


@pytest.mark.parametrize("percent", [0, 100.5, -1, True, "50"])
def test_a_percentage_lies_above_nothing_and_up_to_a_hundred(percent: Any) -> None:
    """A truth is no number."""
    with pytest.raises(InvalidInput):
        percentile([1], percent)


def test_a_figure_leaves_nothing_out_unless_told_so() -> None:
    """And has no items of its own."""
    figure = Figure(name="x", value=1.0, n=1)
    assert (figure.censored, figure.items) == (0, ())


# what is refused at the door


@pytest.mark.parametrize(
    ("make", "kind", "code"),
    [
        (lambda: ServiceCalendar.from_dict({}), InvalidInput, "blank"),
        (lambda: ServiceCalendar(zone="UTC", holidays=["2026-13-01"]), InvalidInput, "ill_typed"),
        (lambda: ServiceCalendar(zone="UTC", holidays=[7]), InvalidInput, "ill_typed"),
        (lambda: ServiceCalendar(zone="UTC", holidays=["1899-12-31"]), InvalidInput, "out_of_years"),
        (lambda: ServiceCalendar(zone="UTC", holidays=["2201-01-01"]), InvalidInput, "out_of_years"),
        (lambda: ALWAYS.revise(holiday=[]), InvalidInput, "unknown_field"),
        (lambda: Target.from_dict([]), InvalidInput, "ill_typed"),  # type: ignore[arg-type]
        (lambda: Target(duration=HOUR, pause="waiting"), DefinitionError, "ill_typed"),
        (lambda: Target(duration=HOUR, pause=7), DefinitionError, "ill_typed"),
        (lambda: Target(deadline="soon"), InvalidInput, "ill_typed"),
        (lambda: Target(duration="PT1H".ljust(100)), InvalidInput, "ill_typed"),
        (lambda: Target(duration="PT٣H"), InvalidInput, "ill_typed"),
        (lambda: clock("PT1H", ALWAYS, [], LOW), InvalidInput, "ill_typed"),  # type: ignore[arg-type]
        (lambda: clock(Target(duration=HOUR), ALWAYS, [(LOW, "strat")], HIGH), InvalidInput, None),
        (lambda: clock(Target(duration=HOUR), ALWAYS, [(LOW, "start"), ()], HIGH), InvalidInput, None),
    ],
)
def test_what_cannot_be_meant_is_refused(make: Any, kind: type[Any], code: str | None) -> None:
    """With the field, and not later in some figure."""
    with pytest.raises(kind) as caught:
        make()
    assert code is None or caught.value.code == code


def test_a_mark_that_is_unknown_is_named_in_the_error() -> None:
    """By its word where it has one, else as it is."""
    for item, shown in (((LOW, "strat"), "strat"), ((LOW, 7), "7")):
        with pytest.raises(InvalidInput, match=shown):
            clock(Target(duration=HOUR), ALWAYS, [item], HIGH)


def test_a_country_that_is_unknown_is_named_with_its_part() -> None:
    """The part is named only where one was asked for."""
    pytest.importorskip("holidays", reason="holidays is not installed")
    with pytest.raises(InvalidInput) as caught:
        public_holidays("XX", [2026])
    assert caught.value.detail["value"] == "XX"
    with pytest.raises(InvalidInput) as caught:
        public_holidays("DE", [2026], subdivision="XX")
    assert caught.value.detail["value"] == "DE, XX"


# hours


def test_the_first_and_the_last_date_of_a_calendar_may_be_closed() -> None:
    """1 January 1900 and 31 December 2200."""
    office = ServiceCalendar(zone="UTC", holidays=["1900-01-01", "2200-12-31"])
    assert [day.year for day in office.holidays] == [1900, 2200]


def test_hours_may_have_seconds() -> None:
    """They are counted, and shown where there are any."""
    monday = ServiceCalendar(zone="UTC", weekly={"mon": [("09:00:30", "09:01:40")]})
    assert monday.elapsed(at(2), at(3)) == timedelta(seconds=70)
    assert spans((("09:00:30", "09:01:40"),)) == [(32_430_000_000, 32_500_000_000)]
    assert monday.to_dict()["weekly"] == {"mon": [["09:00:30", "09:01:40"]]}


def test_a_working_day_later_keeps_the_time_of_day_to_the_microsecond() -> None:
    """Hours, minutes, seconds and microseconds; beyond the years that a calendar knows there is none."""
    office = ServiceCalendar(zone="UTC", weekly={day: [("08:00", "18:00")] for day in ("mon", "tue", "wed")})
    start = at(2, 9) + timedelta(minutes=8, seconds=7, microseconds=6)
    assert office.due_days(start, 1) == start + DAY
    assert office.due_days(start, 3) == start + 7 * DAY
    assert office.due_days(start + DAY, -1) == start
    with pytest.raises(InvalidInput) as caught:
        office.due_days(datetime(2200, 12, 31, 12, tzinfo=UTC), 1)
    assert caught.value.code == "out_of_years"
    assert office.due_days(datetime(2200, 12, 30, 12, tzinfo=UTC), 1) == datetime(2200, 12, 31, 12, tzinfo=UTC)
    assert office.due_days(datetime(1900, 1, 2, 12, tzinfo=UTC), -1) == datetime(1900, 1, 1, 12, tzinfo=UTC)


def test_without_any_hours_there_is_no_working_day() -> None:
    """The error calls the calendar by its name, or by its zone; a single exceptional date is a working day."""
    for name, shown in (("night desk", "night desk"), ("", "UTC")):
        with pytest.raises(NeverOpen) as caught:
            ServiceCalendar(zone="UTC", name=name).due_days(at(2), 1)
        assert caught.value.detail["calendar"] == shown
    once = ServiceCalendar(zone="UTC", exceptions={"2026-03-04": [("09:00", "17:00")]})
    assert once.due_days(at(2, 10), 1) == at(4, 10)
    with pytest.raises(NeverOpen):
        once.due_days(at(2, 10), 2)
    closed = ServiceCalendar(zone="UTC", exceptions={"2026-03-04": []})
    with pytest.raises(NeverOpen):
        closed.due_days(at(2, 10), 1)


# marks


def test_marks_count_in_the_order_of_time_and_of_their_sources() -> None:
    """However the history is ordered: at one instant those without a source first, then by its name."""
    target = Target(duration=HOUR)
    told: list[Any] = [
        (at(2, 3), Mark(event="stop")), (at(2, 1), Mark(event="pause", source="b")), (at(2), Mark(event="start")),
        (at(2, 1), Mark(event="pause", source="a")),
    ]  # fmt: skip
    found = entries(told, target)
    assert [(entry[1], entry[2]) for entry in found] == [("", "start"), ("a", "pause"), ("b", "pause"), ("", "stop")]
    assert entries(told[::-1], target) == found


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_entry_without_a_mark_does_nothing(nothing: Any) -> None:
    """In every form: a pair, a mapping."""
    target = Target(duration=2 * HOUR)
    plain = clock(target, ALWAYS, [(LOW, "start")], at(2, 1))
    for item in ((at(2, 0.5), nothing), {"at": at(2, 0.5), "event": nothing}):
        assert clock(target, ALWAYS, [(LOW, "start"), item], at(2, 1)).consumed == plain.consumed == HOUR


def test_a_start_that_holds_from_the_beginning_counts_every_pause_unless_told_otherwise() -> None:
    """Without `retroactive_pause` the time before the start holds counts whole; with it the pauses are left out."""
    moments = [
        Moment(category="waiting"), Moment(category="active"), Moment(category="active", fields={"priority": 1}),
    ]  # fmt: skip
    history = [(at(2, hour), moment) for hour, moment in enumerate(moments)]
    consumed = {}
    for early, pause in ((False, False), (True, False), (True, True)):
        more: dict[str, Any] = {"retroactive_start": early, "retroactive_pause": pause}
        more = {name: value for name, value in more.items() if value}
        target = Target(
            duration=8 * HOUR, start=Condition(fields={"priority": 1}), pause=Condition(categories="waiting"), **more
        )
        consumed[early, pause] = clock(target, ALWAYS, history, at(2, 4)).consumed
    assert consumed == {(False, False): 2 * HOUR, (True, False): 4 * HOUR, (True, True): 3 * HOUR}


def test_an_explanation_shows_seconds_where_there_are_any() -> None:
    """Minutes are enough for whole ones."""
    history = [(LOW, "start"), (at(2, 1) + timedelta(seconds=5), "pause")]
    lines = str(clock(Target(duration=2 * HOUR), ALWAYS, history, at(2, 2)).explain()).splitlines()
    assert lines[1].startswith("2026-03-02T00:00+00:00  2026-03-02T01:00:05+00:00  1:00:05")


@pytest.mark.parametrize("make", [lambda: Condition(("active",)), lambda: Figure("x", 1.0), lambda: Target(HOUR)])  # type: ignore[misc, call-arg]
def test_parts_are_given_by_name(make: Any) -> None:
    """A definition can be read without the reference beside it."""
    with pytest.raises(TypeError):
        make()
