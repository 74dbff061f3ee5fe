"""The edges of hours, targets, readings and figures: what holds just at them, each by an example."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from agreement import OFFICE, form

from itil4.errors import InvalidInput
from itil4.service_level import ALWAYS, Condition, Moment, ServiceCalendar, Target, clock
from itil4.service_level.figure import mtbf, mtrs
from itil4.service_level.target import minutes

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def at(day: int, hour: float = 0) -> datetime:
    """A moment of March 2026; 2 March is a Monday."""
    return datetime(2026, 3, day, tzinfo=UTC) + timedelta(hours=hour)


def calendar(*windows: tuple[str, str], **more: Any) -> ServiceCalendar:
    """Open in these windows every day, by UTC unless told otherwise."""
    return ServiceCalendar(**{"zone": "UTC", "weekly": {day: list(windows) for day in DAYS}, **more})


# hours and calendars


@pytest.mark.parametrize("wall", ["09:60", "24:00", "09:00:60", "25:00", "9", "24:00:01"])
def test_a_time_that_no_clock_shows_opens_nothing(wall: str) -> None:
    """24:00 only ends a day."""
    with pytest.raises(InvalidInput) as caught:
        calendar((wall, "23:00"))
    assert caught.value.code == "ill_typed"
    assert calendar(("09:59", "24:00")).is_open(at(2, 23.99))


def test_a_window_from_a_time_to_the_same_time_lasts_a_day() -> None:
    """It ends on the next day, at that time."""
    monday = ServiceCalendar(zone="UTC", weekly={"mon": [("09:00", "09:00")]})
    assert monday.elapsed(at(2), at(5)) == DAY
    assert monday.is_open(at(3, 8.99)) and not monday.is_open(at(3, 9)) and not monday.is_open(at(2, 8.99))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "Pacific/Auckland"])
def test_a_holiday_closes_a_service_that_is_always_open(zone: str) -> None:
    """For its whole local date, however long the service runs before and after."""
    service = calendar(("00:00", "24:00"), zone=zone, holidays=["2026-03-03", "2026-03-05"])
    assert service.elapsed(at(1), at(10)) == 7 * DAY
    noon = datetime.fromisoformat("2026-03-03T12:00:00").replace(tzinfo=ALWAYS.due(at(1), HOUR).tzinfo)
    shift = {"UTC": 0, "Europe/Paris": 1, "Pacific/Auckland": 13}[zone] * HOUR
    assert not service.is_open(noon - shift)
    assert service.is_open(noon - shift - DAY) and service.is_open(noon - shift + DAY)
    assert service.due(at(3, 12) - shift, HOUR) == at(4, 1) - shift


@pytest.mark.parametrize("day", ["1900-01-01", "1900-06-01", "2200-06-01", "2200-12-31"])
def test_a_holiday_may_lie_anywhere_in_time(day: str) -> None:
    """A service that is always open but for one date, the first or the last that calendars know."""
    closed = datetime.fromisoformat(day).replace(tzinfo=UTC)
    service = calendar(("00:00", "24:00"), holidays=[day])
    assert service.elapsed(closed - DAY / 2, closed + 3 * DAY / 2) == DAY
    assert not service.is_open(closed) and service.is_open(closed + DAY) and service.is_open(closed - HOUR)


def test_the_first_and_the_last_year_of_a_calendar_are_known() -> None:
    """1900 and 2200 are within it, and the years beside them are named as out of it."""
    office = calendar(("09:00", "17:00"))
    assert office.elapsed(datetime(1900, 1, 1, tzinfo=UTC), datetime(1900, 1, 2, tzinfo=UTC)) == 8 * HOUR
    assert office.elapsed(datetime(2200, 12, 31, tzinfo=UTC), datetime(2200, 12, 31, 23, tzinfo=UTC)) == 8 * HOUR
    assert office.due(datetime(1900, 1, 1, tzinfo=UTC), HOUR) == datetime(1900, 1, 1, 10, tzinfo=UTC)
    for year in (1899, 2201):
        with pytest.raises(InvalidInput) as caught:
            office.is_open(datetime(year, 6, 1, tzinfo=UTC))
        assert caught.value.detail["value"] == year
    with pytest.raises(InvalidInput) as caught:
        office.due(datetime(2200, 12, 31, tzinfo=UTC), 9 * HOUR)
    assert (caught.value.code, caught.value.detail["value"], caught.value.detail["last"]) == (
        "out_of_years",
        2201,
        2200,
    )
    with pytest.raises(InvalidInput) as caught:
        office.before(datetime(1900, 1, 1, 12, tzinfo=UTC), 9 * HOUR)
    assert (caught.value.code, caught.value.detail["value"], caught.value.detail["first"]) == (
        "out_of_years",
        1899,
        1900,
    )


@pytest.mark.parametrize("days", ["2", 1.0, True, None])
def test_working_days_are_counted_in_whole_numbers(days: Any) -> None:
    """Neither a text nor a truth is one."""
    with pytest.raises(InvalidInput) as caught:
        calendar(("09:00", "17:00")).due_days(at(2), days)
    assert (caught.value.code, caught.value.detail["field"]) == ("ill_typed", "days")


@pytest.mark.parametrize("plain", [[], "UTC", None])
def test_a_plain_form_is_a_mapping(plain: Any) -> None:
    """The error names what was expected."""
    with pytest.raises(InvalidInput) as caught:
        ServiceCalendar.from_dict(plain)
    assert (caught.value.code, caught.value.detail["field"]) == ("ill_typed", "calendar")


def test_a_moment_is_counted_to_the_microsecond() -> None:
    """What begins a microsecond later is due a microsecond later, from any zone."""
    office = calendar(("09:00", "17:00"))
    for zone in (UTC, timezone(HOUR)):
        start = (at(2, 10) + timedelta(microseconds=7)).astimezone(zone)
        assert office.due(start, HOUR + timedelta(microseconds=5)) == at(2, 11) + timedelta(microseconds=12)
        assert office.before(start, HOUR) == at(2, 9) + timedelta(microseconds=7)
        assert office.elapsed(start, at(2, 11)) == HOUR - timedelta(microseconds=7)


# targets and conditions


def test_a_warning_lies_above_nothing_and_up_to_a_hundredfold() -> None:
    """A fraction of the duration; a hundred is the most."""
    assert Target(duration=HOUR, warnings=(100, 0.001)).warnings == (0.001, 100.0)
    for value in (0, 100.5, -1, True, "0.5"):
        with pytest.raises(InvalidInput):
            Target(duration=HOUR, warnings=(value,))


def test_minutes_are_a_number_from_nothing_to_a_billion() -> None:
    """No minute at all is a duration too."""
    assert (minutes(0), minutes(1.5)) == (timedelta(0), timedelta(seconds=90))
    for value in (-1, 1e9, True, "5", float("nan")):
        with pytest.raises(InvalidInput):
            minutes(value)


def test_a_condition_on_states_holds_in_them_and_nowhere_else() -> None:
    """Several conditions of one kind are alternatives, of different kinds they must all hold."""
    waiting = Condition(states=("on_hold", "parked"), categories=("waiting",))
    assert waiting.holds(Moment(category="waiting", state="parked"))
    assert not waiting.holds(Moment(category="waiting", state="new"))
    assert not waiting.holds(Moment(category="new", state="on_hold"))


def test_a_comment_of_nobody_in_particular_is_not_of_the_staff() -> None:
    """A first response is one by somebody who delivers the service."""
    answered = Condition(comment="user")
    assert not answered.holds(Moment(comment="user"))
    assert answered.holds(Moment(comment="user", by_staff=True))


# readings


def test_only_a_paused_clock_says_what_resuming_would_bring() -> None:
    """Not one that runs, was stopped, or has breached."""
    target = Target(duration=2 * HOUR)
    told = {
        "running": [(at(2), "start")],
        "paused": [(at(2), "start"), (at(2, 1), "pause")],
        "stopped": [(at(2), "start"), (at(2, 1), "stop")],
        "late": [(at(2), "start"), (at(2, 3), "pause")],
    }
    resumed = {
        name: clock(target, ALWAYS, history, at(2, 1.5 if name == "running" else 4)).if_resumed_at
        for name, history in told.items()
    }
    assert resumed == {"running": None, "paused": at(2, 5), "stopped": None, "late": None}


def test_a_reading_is_in_utc_wherever_it_was_asked_for() -> None:
    """The same instant, told in one zone; an entry of just that instant counts."""
    target, history = Target(duration=2 * HOUR), [(at(2), "start"), (at(2, 1), "stop")]
    reading = clock(target, ALWAYS, history, at(2, 1).astimezone(timezone(HOUR)))
    assert (reading.asof, reading.asof.tzinfo, reading.state) == (at(2, 1), UTC, "stopped")


def test_minutes_of_a_reading_are_whole_where_they_can_be() -> None:
    """A whole number of minutes is an integer in the plain form, and a part of one is not rounded."""
    reading = clock(Target(duration=2 * HOUR), ALWAYS, [(at(2), "start")], at(2, 1) + timedelta(seconds=30))
    told = {name: value for name, value in reading.to_dict().items() if isinstance(value, (int, float))}
    assert 60.5 in told.values() and 59.5 in told.values()
    assert [type(value) for value in told.values() if value == 120] == [int]


def test_an_explanation_without_a_due_time_says_so() -> None:
    """A stopped clock is due no more, a running one is."""
    history = [(at(2), "start"), (at(2, 1), "stop")]
    assert clock(Target(duration=2 * HOUR), ALWAYS, history, at(2, 3)).explain().to_dict()["due"] is None
    running = clock(Target(duration=2 * HOUR), ALWAYS, history[:1], at(2, 1)).explain()
    assert running.to_dict()["due"] == at(2, 2).isoformat()
    assert "<line" in running.svg()


@pytest.mark.parametrize(("holiday", "named"), [("2026-03-04", True), ("2026-03-03", False), ("2026-03-05", False)])
def test_a_closed_date_explains_only_the_closure_that_it_makes(holiday: str, named: bool) -> None:
    """Between the closing on the third and the opening on the fifth lies the fourth, and no other date."""
    office = ServiceCalendar.from_dict(form("Europe/Paris", OFFICE, ("2026-03-04", holiday)))
    reading = clock(Target(duration=80 * HOUR), office, [(at(2, 12), "start")], at(5, 12))
    texts = [item.reason.message for item in reading.explain().intervals if not item.counted]
    assert [text for text in texts if "2026-03-04" in text] != []
    assert any(holiday in text for text in texts)
    alone = clock(
        Target(duration=80 * HOUR), ServiceCalendar.from_dict(form("Europe/Paris", OFFICE, (holiday,))),
        [(at(3, 12), "start")], at(4, 12),
    )  # fmt: skip
    closures = [item.reason.message for item in alone.explain().intervals if not item.counted]
    assert any(holiday in text for text in closures) is (holiday != "2026-03-05")


# figures


def test_a_mean_counts_what_lies_in_the_period_from_its_first_instant() -> None:
    """A restoration, and a next failure, at the beginning counts, and at the end it does not."""
    low, high = at(2), at(3)
    outages: list[Any] = [(at(1, 22), low), (at(2, 6), at(2, 8)), (high, None)]
    figure = mtrs(outages, low, high)
    assert (figure.value, figure.censored) == (2 * HOUR, 0)
    assert mtrs([(at(2, 6), at(2, 8)), (at(2, 23), high)], low, high).value == 2 * HOUR
    assert mtrs([(at(2, 23), None)], low, high).censored == 1
    between = mtbf([(at(1, 20), at(1, 21)), (low, at(2, 1)), (at(2, 5), at(2, 6)), (high, at(3, 1))], low, high)
    assert between.value == (3 * HOUR + 4 * HOUR) / 2


def test_an_outage_that_begins_where_another_ended_goes_on() -> None:
    """The two are one, also when the second is not over."""
    figure = mtrs([(at(2, 6), at(2, 8)), (at(2, 8), None)], at(2), at(3))
    assert (figure.value, figure.censored) == (None, 1)


def test_a_holiday_file_with_days_that_reach_beyond_the_years_asked_for() -> None:
    """Every day within them is closed, up to the last."""
    pytest.importorskip("icalendar", reason="icalendar is not installed")
    from itil4.service_level.holiday import ical_holidays

    text = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n"
        "DTSTART;VALUE=DATE:20261228\r\nDTEND;VALUE=DATE:20270105\r\nSUMMARY:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    assert ical_holidays(text, date(2026, 1, 1), date(2026, 12, 31)) == tuple(
        date(2026, 12, day) for day in range(28, 32)
    )
