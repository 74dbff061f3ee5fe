"""Holidays from where people already keep them: the `holidays` package and iCalendar files.

Both are optional packages, imported when a function is called. What they return goes into
`ServiceCalendar(holidays=...)`, so a calendar never depends on them once it is made.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from importlib import import_module
from itertools import islice
from typing import Any

from itil4.errors import InvalidInput, MissingExtra
from itil4.service_level.hours import civil_date

_MOST = 110_000
"""Occurrences of one event that are looked at: each day of the years that a calendar knows."""

_UNTIL = re.compile(r"(UNTIL=\d{8})T\d{6}Z?")
"""An all-day event ends its rule with a date, but many programs write a time of day there."""


def public_holidays(country: str, years: Iterable[int], *, subdivision: str | None = None) -> tuple[date, ...]:
    """Return the public holidays of a country, from the package `holidays`.

    Args:
        country: ISO 3166 code, such as `FR`.
        years: the calendar years to take.
        subdivision: the state, province or region whose own holidays are included, such as `BY` in `DE`.

    Raises:
        MissingExtra: the package is not installed.
        InvalidInput: it does not know the country or the subdivision.
    """
    try:
        import holidays
    except ImportError:
        raise MissingExtra.of("missing_extra", what="public_holidays", package="holidays", extra="holidays") from None
    try:
        found = holidays.country_holidays(country, years=list(years), subdiv=subdivision)
    except (NotImplementedError, AttributeError, TypeError, ValueError) as error:
        place = country if subdivision is None else f"{country}, {subdivision}"
        raise InvalidInput.of("unknown_country", value=place, error=str(error)) from None
    return tuple(sorted(found))


def ical_holidays(text: str | bytes, first: date, last: date) -> tuple[date, ...]:
    """Return the whole days that the events of an iCalendar file (`.ics`) cover between two dates, both included.

    Only all-day events count; one with a time of day closes no date. Recurrence rules, extra and
    excepted dates are followed; cancelled events are left out.

    Raises:
        MissingExtra: the package `icalendar` is not installed.
        InvalidInput: the text is not iCalendar, or has a recurrence that cannot be followed.
    """
    try:
        import icalendar

        rrulestr = import_module("dateutil.rrule").rrulestr
    except ImportError:
        raise MissingExtra.of("missing_extra", what="ical_holidays", package="icalendar", extra="ical") from None
    first, last = civil_date(first, "first"), civil_date(last, "last")
    found: set[date] = set()
    try:
        for event in icalendar.Calendar.from_ical(text).walk("VEVENT"):
            if "DTSTART" in event and event.get("STATUS") != "CANCELLED":
                found.update(_days(event, first, last, rrulestr))
    except (ValueError, KeyError, AttributeError, TypeError, IndexError) as error:
        raise InvalidInput.of("unreadable", field="holidays", format="iCalendar", error=str(error)) from None
    return tuple(sorted(day for day in found if first <= day <= last))


def _days(event: Any, first: date, last: date, rrulestr: Any) -> Iterable[date]:
    start = event["DTSTART"].dt
    if isinstance(start, datetime):
        return
    length = timedelta(days=1)
    if "DTEND" in event:
        length = event["DTEND"].dt - start
    elif "DURATION" in event:
        length = event["DURATION"].dt
    days = min(max(length.days, 1), (last - start).days + 1)
    begins = {start} | set(_dates(event, "RDATE"))
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        text = _UNTIL.sub(r"\1", rule.to_ical().decode())
        for at in islice(rrulestr(text, dtstart=datetime.combine(start, time.min)), _MOST):
            if at.date() > last:
                break
            begins.add(at.date())
    for begin in begins - set(_dates(event, "EXDATE")):
        for offset in range(days):
            day = begin + timedelta(days=offset)
            if first <= day <= last:
                yield day


def _dates(event: Any, name: str) -> Iterable[date]:
    listed = event.get(name, [])
    for group in listed if isinstance(listed, list) else [listed]:
        for item in group.dts:
            yield item.dt.date() if isinstance(item.dt, datetime) else item.dt
