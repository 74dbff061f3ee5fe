"""Opening hours as people write them: windows such as `09:00` to `17:00`, weekdays and dates."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from types import MappingProxyType
from typing import TypeAlias

from itil4.errors import InvalidInput, nearest
from itil4.service_level.timeline import FIRST_YEAR, LAST_YEAR, Span
from itil4.service_level.zone import DAY, SECOND

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Window: TypeAlias = tuple[str, str]
"""Opening and closing wall time. A closing time that is not later lies on the next day; `24:00` ends a day."""

Hours: TypeAlias = tuple[Window, ...]

_WALL_TIME = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?")


def weekly_hours(value: object) -> Mapping[str, Hours]:
    """Return the hours of each weekday that has any, in the order of the week, read-only.

    >>> dict(weekly_hours({"tue": [["9:00", "17:00"]], "sun": []}))
    {'tue': (('09:00', '17:00'),)}
    """
    if not isinstance(value, Mapping):
        raise _ill_typed("weekly", "a mapping from mon ... sun to windows", value)
    for day in value:
        if day not in WEEKDAYS:
            known = repr(short) if (short := str(day)[:3].lower()) in WEEKDAYS else nearest(day, WEEKDAYS)
            raise InvalidInput.of("not_a_choice", field="weekly", value=day, nearest=known, choices=WEEKDAYS)
    found = {day: hours(value[day], f"weekly.{day}") for day in WEEKDAYS if day in value}
    return MappingProxyType({day: windows for day, windows in found.items() if windows})


def exceptional_hours(value: object) -> Mapping[date, Hours]:
    """Return the hours of single dates in the order of time, read-only. No windows: closed all day."""
    if not isinstance(value, Mapping):
        raise _ill_typed("exceptions", "a mapping from dates to windows", value)
    found = {civil_date(day, "exceptions"): hours(windows, f"exceptions.{day}") for day, windows in value.items()}
    return MappingProxyType(dict(sorted(found.items())))


def civil_dates(value: object) -> tuple[date, ...]:
    """Return dates sorted and once each.

    >>> civil_dates(["2026-12-25", date(2026, 1, 1), "2026-12-25"])
    (datetime.date(2026, 1, 1), datetime.date(2026, 12, 25))
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise _ill_typed("holidays", "a list of dates", value)
    return tuple(sorted({civil_date(day, "holidays") for day in value}))


def civil_date(value: object, field: str) -> date:
    """Return a date, or the date that a text such as `2026-12-25` writes.

    Raises:
        InvalidInput: it is neither, or lies outside the years that a calendar knows.
    """
    day = value
    if isinstance(value, str):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise _ill_typed(field, "a date such as 2026-12-25", value) from None
    if not isinstance(day, date) or isinstance(day, datetime):
        raise _ill_typed(field, "a date such as 2026-12-25", value)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InvalidInput.of("out_of_years", field=field, value=day.isoformat(), first=FIRST_YEAR, last=LAST_YEAR)
    return day


def hours(value: object, field: str) -> Hours:
    """Return the windows of a day in the order of their opening."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise _ill_typed(field, "a list of windows such as [['09:00', '17:00']]", value)
    return tuple(sorted(_window(item, field) for item in value))


def spans(windows: Hours) -> list[Span]:
    """Return windows as microseconds since midnight; what ends on the next day ends after 24 hours.

    >>> spans((("22:00", "06:00"),)) == [(22 * DAY // 24, 30 * DAY // 24)]
    True
    """
    found = []
    for opens, closes in windows:
        a, b = _since_midnight(opens), _since_midnight(closes)
        found.append((a, b if b > a else b + DAY))
    return found


def _window(value: object, field: str) -> Window:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise _ill_typed(field, "a window such as ['09:00', '17:00']", value)
    ends = tuple(value)
    if len(ends) != 2:
        raise _ill_typed(field, "a window with an opening and a closing time", value)
    return _wall_time(ends[0], field, is_end=False), _wall_time(ends[1], field, is_end=True)


def _wall_time(value: object, field: str, *, is_end: bool) -> str:
    if isinstance(value, time) and value.tzinfo is None and not value.microsecond:
        return value.isoformat() if value.second else value.isoformat("minutes")
    found = _WALL_TIME.fullmatch(value) if isinstance(value, str) else None
    if found and found[0].isascii():
        hour, minute, second = (int(part or 0) for part in found.groups())
        if (hour < 24 and minute < 60 and second < 60) or (is_end and (hour, minute, second) == (24, 0, 0)):
            return f"{hour:02}:{minute:02}:{second:02}" if second else f"{hour:02}:{minute:02}"
    expected = "a wall time from 00:00 to 24:00" if is_end else "a wall time from 00:00 to 23:59"
    raise _ill_typed(field, expected, value)


def _since_midnight(text: str) -> int:
    hour, minute, *second = (int(part) for part in text.split(":"))
    return (hour * 3600 + minute * 60 + sum(second)) * SECOND


def _ill_typed(field: str, expected: str, value: object) -> InvalidInput:
    return InvalidInput.of("ill_typed", field=field, expected=expected, value=value)
