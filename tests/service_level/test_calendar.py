"""What a service calendar promises beyond the cases: edges, odd zones, bad input, and that it never hangs."""

import copy
import pickle
import threading
import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from agreement import OFFICE, every_day, form

from itil4.errors import InvalidInput, ITIL4Error
from itil4.service_level import ALWAYS, NeverOpen, ServiceCalendar
from itil4.service_level.zone import moment

PARIS = ZoneInfo("Europe/Paris")
HOUR = timedelta(hours=1)


def office(**changes: Any) -> ServiceCalendar:
    return ServiceCalendar.from_dict(form("Europe/Paris", OFFICE) | changes)


def paris(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=PARIS)  # type: ignore[arg-type]


def test_hours_are_local_all_year() -> None:
    """Pain: opening hours applied to UTC. Nine to five in Paris is eight hours, in winter and in summer."""
    calendar = office()
    for month in (1, 7):
        day = paris(2024, month, 10)
        assert calendar.elapsed(day, day + timedelta(days=1)) == 8 * HOUR
        assert calendar.next_open(day) == paris(2024, month, 10, 9)
        assert calendar.next_close(day) == paris(2024, month, 10, 17)


def test_zero_service_time_passes_at_once() -> None:
    """`due(start, 0)` is the start even when closed; `late_from` waits for the next opening."""
    night = paris(2024, 1, 10, 3)
    assert office().due(night, timedelta(0)) == office().before(night, timedelta(0)) == night
    assert office().late_from(night, timedelta(0)) == paris(2024, 1, 10, 9)


def test_closing_time_is_in_time() -> None:
    """Work that ends exactly at closing time is in time until the next opening."""
    friday = paris(2024, 1, 12, 9)
    assert office().due(friday, 8 * HOUR) == paris(2024, 1, 12, 17)
    assert office().late_from(friday, 8 * HOUR) == paris(2024, 1, 15, 9)
    assert not office().is_open(paris(2024, 1, 12, 17))
    assert office().is_open(paris(2024, 1, 12, 17) - timedelta(microseconds=1))


def test_the_lost_day_of_apia_has_no_hours() -> None:
    """30 December 2011 did not exist in Samoa: a service round the clock ran without a break."""
    samoa = ServiceCalendar.from_dict(form("Pacific/Apia", OFFICE))
    zone = ZoneInfo("Pacific/Apia")
    thursday, saturday = datetime(2011, 12, 29, tzinfo=zone), datetime(2011, 12, 31, tzinfo=zone)
    assert samoa.elapsed(thursday, saturday) == 8 * HOUR
    always = ServiceCalendar.from_dict(form("Pacific/Apia", every_day(("00:00", "24:00")), ("2011-12-30",)))
    assert always.elapsed(thursday, saturday + timedelta(hours=24)) == 48 * HOUR
    assert samoa.due_days(datetime(2011, 12, 29, 10, tzinfo=zone), 2) == datetime(2012, 1, 2, 10, tzinfo=zone)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Australia/Lord_Howe", "2024-04-07", 24.5),
        ("Australia/Lord_Howe", "2024-10-06", 23.5),
        ("Asia/Kathmandu", "1986-01-01", 23.75),
        ("America/St_Johns", "1988-04-03", 22),
        ("Africa/Casablanca", "2024-03-10", 25),
        ("Antarctica/Troll", "2024-03-31", 22),
        ("Pacific/Kwajalein", "1993-08-21", 0),
        ("America/Juneau", "2024-06-01", 24),
    ],
)  # fmt: skip
def test_a_day_is_as_long_as_its_zone_makes_it(zone: str, day: str, hours: float) -> None:
    """Service time is absolute: a day round the clock has the hours that really passed."""
    year, month, number = (int(part) for part in day.split("-"))
    only = ServiceCalendar(zone=zone, exceptions={date(year, month, number): [("00:00", "24:00")]})
    noon = datetime(year, month, number, 12, tzinfo=UTC)
    assert only.elapsed(noon - timedelta(days=3), noon + timedelta(days=3)) == hours * HOUR


def test_a_holiday_cuts_the_night_shift_that_runs_into_it_and_not_the_one_that_leaves_it() -> None:
    """A closed date is a whole civil date: midnight to midnight."""
    night = ServiceCalendar.from_dict(form("UTC", every_day(("22:00", "06:00")), ("2024-05-01",)))
    start, end = datetime(2024, 4, 30, 12, tzinfo=UTC), datetime(2024, 5, 2, 12, tzinfo=UTC)
    assert night.windows(start, end) == (
        (datetime(2024, 4, 30, 22, tzinfo=UTC), datetime(2024, 5, 1, tzinfo=UTC)),
        (datetime(2024, 5, 2, tzinfo=UTC), datetime(2024, 5, 2, 6, tzinfo=UTC)),
    )
    assert night.due_days(datetime(2024, 4, 29, 23, tzinfo=UTC), 1, end_of_day=True) == datetime(2024, 5, 1, tzinfo=UTC)


def test_an_exception_replaces_its_date_and_runs_into_a_holiday() -> None:
    """Exceptional windows hold whatever else holds; without windows the date is closed."""
    calendar = office(holidays=["2024-05-01"], exceptions={"2024-04-30": [["20:00", "02:00"]], "2024-05-02": []})
    start, end = paris(2024, 4, 30), paris(2024, 5, 3)
    assert calendar.windows(start, end) == ((paris(2024, 4, 30, 20), paris(2024, 5, 1, 2)),)


def test_a_calendar_that_never_opens_says_so() -> None:
    """`NeverOpen` instead of a hang, forwards and backwards, with what was asked."""
    shut = ServiceCalendar(zone="Europe/Paris", name="shut")
    once = ServiceCalendar(zone="UTC", exceptions={"2024-06-01": [("09:00", "10:00")]})
    at = datetime(2024, 6, 2, tzinfo=UTC)
    for ask in (
        lambda: shut.due(at, HOUR),
        lambda: shut.late_from(at, timedelta(0)),
        lambda: shut.before(at, HOUR),
        lambda: shut.next_open(at),
        lambda: shut.due_days(at, 1),
        lambda: once.due(at - timedelta(days=9), 2 * HOUR),
        lambda: once.late_from(at - timedelta(days=9), HOUR),
        lambda: once.due_days(at, 1),
        lambda: once.before(at, 2 * HOUR),
    ):
        with pytest.raises(NeverOpen) as raised:
            ask()
        assert isinstance(raised.value, ValueError) and raised.value.detail["at"].tzinfo is UTC
    assert "shut has no more open hours" in str(_error(lambda: shut.due(at, HOUR)))
    assert once.due(at - timedelta(days=9), HOUR) == datetime(2024, 6, 1, 10, tzinfo=UTC)
    assert shut.elapsed(at, at + timedelta(days=9999)) == timedelta(0)
    assert shut.next_close(at) is None and shut.due(at, timedelta(0)) == at


def test_round_the_clock_is_elapsed_time_for_all_of_time() -> None:
    """`ALWAYS` needs no table: it answers in the years 1 and 9999 too."""
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert ALWAYS.elapsed(first, last) == last - first
    assert ALWAYS.due(first, last - first) == ALWAYS.late_from(first, last - first) == last
    assert ALWAYS.before(last, last - first) == first
    assert ALWAYS.is_open(first) and ALWAYS.next_open(last) == last and ALWAYS.next_close(first) is None
    assert ALWAYS.windows(first, last) == ((first, last),)
    halves = ServiceCalendar(zone="UTC", weekly=every_day(("00:00", "12:00"), ("12:00", "00:00")))
    assert halves.next_close(first) is None


def _error(ask: Any) -> ITIL4Error:
    with pytest.raises(ITIL4Error) as raised:
        ask()
    return raised.value


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.due(datetime(2024, 1, 1, tzinfo=UTC), timedelta.max),
        lambda c: c.due(datetime(2024, 1, 1, tzinfo=UTC), timedelta(days=36_500)),
        lambda c: c.before(datetime(2024, 1, 1, tzinfo=UTC), timedelta(days=36_500)),
        lambda c: c.elapsed(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
        lambda c: c.is_open(datetime.max.replace(tzinfo=UTC)),
        lambda c: c.is_open(datetime.max.replace(tzinfo=timezone(timedelta(hours=-23)))),
        lambda c: c.due_days(datetime(2024, 1, 1, tzinfo=UTC), 10**12),
        lambda c: c.due_days(datetime(2024, 1, 1, tzinfo=UTC), -(10**12)),
        lambda c: c.windows(datetime(2024, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)),
    ],
)
def test_what_lies_too_far_is_refused_and_never_hangs(ask: Any) -> None:
    """Instants and results outside the years that a calendar knows give an error that names them."""
    begun = time.process_time()
    error = _error(lambda: ask(office()))
    assert isinstance(error, InvalidInput) and error.code in ("out_of_years", "out_of_time")
    assert time.process_time() - begun < 10


@pytest.mark.parametrize("word", ["is_open", "next_open", "next_close"])
def test_naive_datetimes_are_refused(word: str) -> None:
    """A datetime without a zone is not an instant."""
    assert _error(lambda: getattr(office(), word)(datetime(2024, 1, 1))).code == "naive_datetime"
    assert _error(lambda: getattr(office(), word)("2024-01-01")).code == "ill_typed"
    for pair in ("elapsed", "windows"):
        error = _error(lambda name=pair: getattr(office(), name)(paris(2024, 1, 1), datetime(2024, 1, 2)))
        assert error.detail["field"] == "end"


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({"zone": "Europe/Pariss"}, "unknown_zone", "Did you mean 'Europe/Paris'?"),
        ({"zone": "../../etc/passwd"}, "unknown_zone", "IANA name"),
        ({"zone": None}, "unknown_zone", "None is not a time zone"),
        ({"zone": "Europe"}, "unknown_zone", "not a time zone"),
        ({"weekly": {"monday": []}}, "not_a_choice", "Did you mean 'mon'?"),
        ({"weekly": [["09:00", "17:00"]]}, "ill_typed", "weekly"),
        ({"weekly": {"mon": [["24:00", "25:00"]]}}, "ill_typed", "weekly.mon is a wall time from 00:00 to 23:59"),
        ({"weekly": {"mon": [["09:00", "24:01"]]}}, "ill_typed", "00:00 to 24:00"),
        ({"weekly": {"mon": [["09:00"]]}}, "ill_typed", "an opening and a closing time"),
        ({"weekly": {"mon": ["09:00-17:00"]}}, "ill_typed", "a window such as"),
        ({"weekly": {"mon": [["٠٩:00", "17:00"]]}}, "ill_typed", "weekly.mon"),
        ({"weekly": {"mon": [[9, 17]]}}, "ill_typed", "weekly.mon"),
        ({"holidays": ["2024-02-30"]}, "ill_typed", "holidays"),
        ({"holidays": "2024-02-03"}, "ill_typed", "a list of dates"),
        ({"holidays": [datetime(2024, 1, 1)]}, "ill_typed", "holidays"),
        ({"holidays": ["9999-12-31"]}, "out_of_years", "1900 to 2200"),
        ({"exceptions": {"soon": []}}, "ill_typed", "exceptions"),
        ({"exceptions": {"2024-01-01": None}}, "ill_typed", "exceptions.2024-01-01"),
        ({"holiday": []}, "unknown_field", "Did you mean 'holidays'?"),
        ({"name": 5}, "ill_typed", "name"),
    ],
)  # fmt: skip
def test_bad_hours_are_refused_with_field_and_remedy(changes: dict[str, Any], code: str, word: str) -> None:
    """The error names the field, the value and what would do."""
    error = _error(lambda: office(**changes))
    assert error.code == code and word in str(error)
    assert isinstance(error, InvalidInput)


def test_unreadable_texts_are_refused() -> None:
    """Neither JSON nor TOML that is broken, nor one that holds something else, gets through."""
    for text in ("{", "[]", "1", "[" * 100_000):
        assert isinstance(_error(lambda t=text: ServiceCalendar.from_json(t)), InvalidInput)
    for text in ("zone=", "a = 1", ""):
        assert isinstance(_error(lambda t=text: ServiceCalendar.from_toml(t)), InvalidInput)
    assert isinstance(_error(lambda: ServiceCalendar.from_json(None)), InvalidInput)  # type: ignore[arg-type]


def test_toml_may_use_its_own_dates_and_times() -> None:
    """Who writes TOML by hand writes times and dates without quotes."""
    head, week = 'zone = "UTC"\nholidays = [2024-12-25]\n', "[weekly]\nmon = [[09:00:00, 17:30:00]]\n"
    calendar = ServiceCalendar.from_toml(f"{head}{week}[exceptions]\n2024-12-24 = []\n")
    assert calendar.weekly["mon"] == (("09:00", "17:30"),)
    assert calendar.holidays == (date(2024, 12, 25),) and calendar.exceptions == {date(2024, 12, 24): ()}


def test_equal_hours_have_equal_revisions() -> None:
    """The revision is made of the hours, however they were written; the name does not matter."""
    calendar = office(name="Paris office")
    same = office(weekly={"sun": [], **{day: [["9:00", "17:00"]] for day in reversed(OFFICE)}})
    assert calendar.revision == same.revision and calendar != same
    assert same == office() and hash(same) == hash(office())
    edited = calendar.revise(holidays=[date(2024, 5, 1)])
    assert edited.revision != calendar.revision and edited.name == "Paris office"
    for again in (copy.deepcopy(calendar), pickle.loads(pickle.dumps(calendar))):
        assert again == calendar and again.revision == calendar.revision
    with pytest.raises(AttributeError):
        calendar.zone = "UTC"  # type: ignore[misc]
    with pytest.raises(TypeError):
        calendar.weekly["sat"] = ()  # type: ignore[index]
    assert "40 h a week" in repr(calendar)


def test_threads_share_a_calendar() -> None:
    """Sixteen threads that make the table grow in all directions get the answers of a single one."""
    starts = [datetime(year, 6, 3, 5, tzinfo=UTC) for year in (2024, 1990, 2060, 1950, 2100, 2023, 2001, 2199)]
    expected = [office().due(start, 500 * HOUR) for start in starts if start.year < 2199]
    shared, found, errors = office(), [], []

    def ask() -> None:
        try:
            found.append([shared.due(start, 500 * HOUR) for start in starts if start.year < 2199])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and found == [expected] * 16


def test_answers_do_not_depend_on_what_was_asked_before() -> None:
    """A table that has grown gives the same answers as a fresh one, at its seams too."""
    grown = ServiceCalendar.from_dict(form("America/New_York", every_day(("20:00", "04:00")), ("2024-01-01",)))
    grown.due(datetime(1980, 1, 1, tzinfo=UTC), timedelta(days=9000))
    for year in range(2020, 2028):
        at = datetime(year, 12, 31, 22, tzinfo=UTC)
        fresh = ServiceCalendar.from_dict(grown.to_dict())
        for minutes in (0, 60, 240, 480, 481, 100_000):
            duration = timedelta(minutes=minutes)
            assert fresh.due(at, duration) == grown.due(at, duration)
            assert fresh.late_from(at, duration) == grown.late_from(at, duration)
            assert fresh.before(at, duration) == grown.before(at, duration)
        assert fresh.next_close(at) == grown.next_close(at)
        assert fresh.windows(at, at + timedelta(days=400)) == grown.windows(at, at + timedelta(days=400))


def test_working_days_keep_the_time_of_day() -> None:
    """`due_days` counts dates on which a window begins; where closed, on to an opening or back to a closing."""
    calendar = office(holidays=["2024-05-01"])
    assert calendar.due_days(paris(2024, 4, 30, 10, 30), 1) == paris(2024, 5, 2, 10, 30)
    assert calendar.due_days(paris(2024, 4, 30, 20), 1) == paris(2024, 5, 3, 9)
    assert calendar.due_days(paris(2024, 5, 2, 7), -1) == paris(2024, 4, 29, 17)
    assert calendar.due_days(paris(2024, 5, 1, 12), 0) == paris(2024, 5, 2, 9)
    assert calendar.due_days(paris(2024, 5, 1, 12), 0, end_of_day=True) == paris(2024, 5, 2, 17)
    assert calendar.due_days(paris(2024, 3, 29, 10), 1) == paris(2024, 4, 1, 10)
    assert _error(lambda: calendar.due_days(paris(2024, 5, 1), 1.5)).detail["field"] == "days"  # type: ignore[arg-type]
    assert _error(lambda: calendar.due(paris(2024, 5, 1), -HOUR)).code == "negative_duration"
    assert _error(lambda: calendar.due(paris(2024, 5, 1), 8)).code == "ill_typed"  # type: ignore[arg-type]


def test_a_deadline_in_days_ends_with_the_hours_of_an_exceptional_day() -> None:
    """A day with hours of its own is over when those are, whatever its weekday usually has."""
    office = ServiceCalendar.from_dict({
        "zone": "UTC", "weekly": {"mon": [["09:00", "17:00"]], "tue": [["09:00", "17:00"]]}, "holidays": [],
        "exceptions": {"2026-03-03": [["10:00", "20:00"]]},
    })  # fmt: skip
    due = office.due_days(datetime(2026, 3, 2, 9, tzinfo=UTC), 1, end_of_day=True)
    assert due == datetime(2026, 3, 3, 20, tzinfo=UTC)


@pytest.mark.parametrize("hour", ["09:3\u0660", "\u06609:30"])
def test_digits_of_another_script_are_no_wall_time(hour: str) -> None:
    """They would look like a time to some readers and like none to others."""
    with pytest.raises(InvalidInput, match="wall time"):
        ServiceCalendar.from_dict({"zone": "UTC", "weekly": {"mon": [[hour, "17:00"]]}})


def test_a_moment_that_no_calendar_has_is_told_in_days() -> None:
    """Far out of the years, the number of days says how far."""
    with pytest.raises(InvalidInput, match="5000000 days from 1970"):
        moment(5_000_000 * 86_400_000_000)
