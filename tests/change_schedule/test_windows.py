"""When windows are: zones, changes of the clocks, rules, and what can be none."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedule_kit import HOUR, at, spans

from itil4 import DefinitionError, InvalidInput, ServiceCalendar
from itil4.practices.change_schedule import Fixed, Period, Place, PlannedWork, Recurring, Weekly
from itil4.practices.change_schedule.conflict import first_gap
from itil4.practices.change_schedule.when import joined, when_of

NOTHING: Any = None
PARIS = ZoneInfo("Europe/Paris")
SUNDAYS = Weekly(ServiceCalendar(zone="Europe/Paris", weekly={"sun": [("01:30", "03:30")]}, holidays=["2026-04-05"]))


def test_a_fixed_window_is_told_in_the_time_of_its_zone() -> None:
    """Wall times of a zone, or aware datetimes of any: the same instants."""
    wall = Fixed(datetime(2026, 12, 20, 18), datetime(2027, 1, 2, 6), zone="Europe/Paris")
    aware = Fixed(datetime(2026, 12, 20, 18, tzinfo=PARIS), datetime(2027, 1, 2, 5, tzinfo=UTC))
    assert wall == aware == Fixed("2026-12-20T18:00", "2027-01-02T06:00", zone="Europe/Paris")
    assert wall.between(at(0), at(1)) == ()
    assert wall.between(wall.start, wall.start + HOUR) == ((wall.start, wall.end),)
    assert wall.between(wall.end, wall.end + HOUR) == ()


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: Fixed(at(1)), "window_endless"),
        (lambda: Fixed(at(1), None), "window_endless"),
        (lambda: Fixed(at(2), at(1)), "window_backwards"),
        (lambda: Fixed(at(1), at(1)), "window_backwards"),
        (lambda: Fixed(datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 5), zone="Europe/Paris"), "window_in_gap"),
        (lambda: Fixed(at(0), datetime(2026, 3, 29, 2, 30), zone="Europe/Paris"), "window_in_gap"),
        (lambda: Fixed(datetime(2026, 3, 29, 2, 30, tzinfo=PARIS), at(5000)), "window_in_gap"),
        (lambda: PlannedWork(id="a", start=datetime(2026, 3, 29, 2, 30, tzinfo=PARIS), end=at(5000)), "window_in_gap"),
        (lambda: Fixed(datetime(2026, 3, 29, 2, 30), at(1)), "naive_datetime"),
        (lambda: Fixed("2026-01-01", at(1), zone="Europe/Pairs"), "unknown_zone"),
        (lambda: Fixed("tomorrow", at(1)), "unreadable"),
        (lambda: Fixed(3, at(1)), "ill_typed"),
        (lambda: Recurring(rule="FREQ=DAILY", start=datetime(2026, 1, 1, 9), duration=NOTHING), "window_endless"),
        (lambda: Recurring(rule="FREQ=DAILY", start=datetime(2026, 1, 1, 9), duration=-HOUR), "window_backwards"),
        (lambda: Recurring(rule="FREQ=DAILY", start=datetime(2026, 1, 1, 9), duration=0 * HOUR), "window_backwards"),
        (
            lambda: Recurring(
                rule="FREQ=WEEKLY", start=datetime(2026, 3, 29, 2, 30), duration=HOUR, zone="Europe/Paris"
            ),
            "window_in_gap",
        ),
        (lambda: when_of({"rule": "FREQ=DAILY", "start": "2026-01-01T09:00"}), "window_endless"),
        (lambda: when_of({"start": "2026-01-01T09:00", "zone": "UTC"}), "window_endless"),
        (lambda: when_of({"end": at(1)}), "blank"),
        (lambda: when_of({"weekly": {}}), "window_never"),
        (lambda: when_of({"weekly": {"mon": []}, "zone": "Europe/Paris"}), "window_never"),
    ],
)  # fmt: skip
def test_what_can_be_no_window_is_refused_with_the_reason(call: Any, code: str) -> None:
    """No end, an end before the start, a time that the clocks skip, and times that are none."""
    with pytest.raises(InvalidInput) as caught:
        call()
    assert caught.value.code == code
    assert caught.value.reasons[0].remedy


def test_an_unreadable_rule_is_refused_when_it_is_made() -> None:
    """Not when somebody first asks."""
    with pytest.raises(DefinitionError):
        Recurring(rule="FREQ=SOMETIMES", start=datetime(2026, 1, 1), duration=HOUR)


def test_a_time_that_comes_twice_is_its_first_pass() -> None:
    """When the clocks go back, 02:30 is there; the first one is meant."""
    fixed = Fixed(datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 4), zone="Europe/Paris")
    assert (fixed.start, fixed.end - fixed.start) == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 2.5 * HOUR)


def test_weekly_windows_follow_the_clock_of_their_zone() -> None:
    """Two hours each Sunday, one where the clocks skip an hour inside, none on a holiday."""
    found = SUNDAYS.between(datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 4, 15, tzinfo=UTC))
    assert [(start.day, (end - start) / HOUR) for start, end in found] == [(22, 2), (29, 1), (11, 2)]
    half = SUNDAYS.between(datetime(2026, 3, 22, 1, tzinfo=UTC), datetime(2026, 3, 22, 1, 1, tzinfo=UTC))
    assert half == found[:1]


def test_a_window_that_the_clocks_skip_as_a_whole_is_not_there_that_day() -> None:
    """It is there on all other days."""
    night = Weekly(ServiceCalendar(zone="Europe/Paris", weekly={"sun": [("02:00", "03:00")]}))
    found = night.between(datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 4, 6, tzinfo=UTC))
    assert [start.day for start, _ in found] == [22, 5]


def test_a_rule_may_go_on_for_ever_and_its_windows_end() -> None:
    """Occurrences keep their wall time; a span that began before the interval is seen."""
    patches = Recurring(
        rule="FREQ=WEEKLY;BYDAY=SA", start=datetime(2026, 1, 3, 22), duration=4 * HOUR, zone="Europe/Paris"
    )
    found = patches.between(datetime(2026, 3, 22, tzinfo=UTC), datetime(2026, 4, 5, tzinfo=UTC))
    assert [start.astimezone(PARIS).hour for start, _ in found] == [22, 22, 22]
    assert found[0][0] == datetime(2026, 3, 21, 21, tzinfo=UTC)
    skipped = Recurring(rule="FREQ=DAILY", start=datetime(2026, 3, 27, 2, 30), duration=HOUR, zone="Europe/Paris")
    assert skipped.between(datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 3, 29, 12, tzinfo=UTC)) == (
        (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 3, 29, 2, tzinfo=UTC)),
    )


@given(st.lists(spans, max_size=6), spans)
def test_joined_spans_cover_the_same_hours(given_spans: Any, whole: Any) -> None:
    """Nothing is lost or added, nothing touches, and the first gap is the first hour that nothing covers."""
    found = joined(given_spans)
    hours = [at(hour) for hour in range(30)]
    assert [any(a <= each < b for a, b in found) for each in hours] == [
        any(a <= each < b for a, b in given_spans) for each in hours
    ]
    assert all(first[1] < second[0] for first, second in pairwise(found))
    gap = first_gap(given_spans, *whole)
    free = [each for each in hours if whole[0] <= each < whole[1] and not any(a <= each < b for a, b in given_spans)]
    assert (gap[0] if gap else None) == (free[0] if free else None)


def test_a_period_is_read_from_plain_data() -> None:
    """Each of the three forms, with its scope; an unknown key offers the nearest."""
    fixed = Period.from_dict(
        {"name": "f", "kind": "freeze", "start": "2026-12-20T18:00", "end": "2027-01-02T06:00", "zone": "Europe/Paris",
         "services": ["books"], "exempt_changes": ["CHG0000042"]}
    )  # fmt: skip
    assert fixed.when == Fixed(datetime(2026, 12, 20, 18), datetime(2027, 1, 2, 6), zone="Europe/Paris")
    assert fixed.exempts("normal", ["CHG0000042"])
    rule = Period.from_dict(
        {"name": "r", "kind": "maintenance", "rule": "FREQ=DAILY", "start": "2026-01-01T22:00", "duration": "PT4H"}
    )
    assert rule.when == Recurring(rule="FREQ=DAILY", start=datetime(2026, 1, 1, 22), duration=4 * HOUR)
    weekly = Period.from_dict({"name": "w", "kind": "blackout", "weekly": {"mon": [["09:00", "17:00"]]}})
    assert isinstance(weekly.when, Weekly)
    assert weekly.is_general
    for form, said in (
        ({"name": "x", "kind": "freez", "start": at(0), "end": at(1)}, "Did you mean 'freeze'"),
        ({"name": "x", "kind": "freeze", "start": at(0), "end": at(1), "item": "a"}, "Did you mean 'items'"),
        ({"kind": "freeze", "start": at(0), "end": at(1)}, "name is required"),
    ):
        with pytest.raises(InvalidInput, match=said):
            Period.from_dict(form)
    with pytest.raises(InvalidInput, match="Fixed, Weekly or Recurring"):
        Period(name="x", kind="freeze", when="always")  # type: ignore[arg-type]  # the test is that it is refused


def test_a_period_is_about_items_their_services_and_their_locations() -> None:
    """One of them is enough; nothing known of an item is no match."""
    period = Period(name="p", kind="freeze", when=Fixed(at(0), at(1)), items="a", services=["mail"], locations="brest")
    assert period.is_about("a")
    assert period.is_about("b", Place(service="mail"))
    assert period.is_about(None, Place(location="brest"))
    assert not period.is_about("b", Place("shop", "nice"))
    assert not period.is_about("b", Place())
    assert not period.is_about(None)
