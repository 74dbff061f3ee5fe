"""Random service calendars, with their special days where calendars break: around the clock changes of their zone."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from itil4.service_level import ServiceCalendar

CHANGES: Mapping[str, date] = {
    "Europe/Paris": date(2024, 3, 31),
    "Europe/Dublin": date(2024, 10, 27),
    "America/New_York": date(2024, 11, 3),
    "America/Sao_Paulo": date(2018, 11, 4),
    "America/St_Johns": date(2010, 11, 7),
    "Australia/Lord_Howe": date(2024, 10, 6),
    "Asia/Kathmandu": date(2024, 6, 5),
    "Asia/Tehran": date(2021, 9, 22),
    "Africa/Casablanca": date(2024, 3, 10),
    "Pacific/Apia": date(2011, 12, 30),
    "Pacific/Chatham": date(2024, 4, 7),
    "Antarctica/Troll": date(2024, 3, 31),
}
"""Zones, each with a date on which its clock changes, or (Kathmandu) with an offset of odd minutes."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def eve(calendar: ServiceCalendar) -> datetime:
    """Return the UTC midnight four days before the clock change that the special days of a calendar lie around."""
    change = CHANGES[calendar.zone]
    return datetime(change.year, change.month, change.day, tzinfo=UTC) - timedelta(days=4)


def wall_times() -> st.SearchStrategy[str]:
    """Return times of a local clock, `00:00` to `23:59`, quarters of an hour first."""
    quarters = st.integers(0, 95).map(lambda quarter: quarter * 15)
    minutes = quarters | st.integers(0, 1439)
    return minutes.map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")


def calendars() -> st.SearchStrategy[ServiceCalendar]:
    """Return calendars of any hours: overlapping, over midnight, none at all; with holidays and exceptions."""
    return _forms().map(ServiceCalendar.from_dict)


@st.composite
def _forms(draw: st.DrawFn) -> dict[str, Any]:
    zone, change = draw(st.sampled_from(list(CHANGES.items())))
    near = st.integers(-4, 4).map(lambda days: (change + timedelta(days=days)).isoformat())
    window = st.tuples(wall_times(), wall_times() | st.just("24:00")).map(list)
    return {
        "zone": zone,
        "weekly": draw(st.dictionaries(st.sampled_from(DAYS), st.lists(window, max_size=3), max_size=7)),
        "holidays": draw(st.lists(near, max_size=3)),
        "exceptions": draw(st.dictionaries(near, st.lists(window, max_size=2), max_size=3)),
    }
