"""Whether what supports a promise is at least as strict as the promise (INV-097).

What the customer was promised rests on promises of other teams and of suppliers. If one of those may take
longer, the promise can be broken although everybody kept theirs.
"""

from datetime import datetime, timedelta

from itil4.errors import Reason
from itil4.service_level.calendar import ALWAYS, ServiceCalendar
from itil4.service_level.mark import goal_of
from itil4.service_level.target import Target
from itil4.service_level.timeline import NeverOpen
from itil4.service_level.zone import micro, moment


def weakness(target: Target, supported: Target, start: datetime, end: datetime) -> Reason | None:
    """Return why a target is weaker than the one that it supports, or None when it is at least as strict.

    It is weaker when work that begins at some moment of the period may be due later under it. Every moment at which
    the difference can be greatest is looked at: the edges of both calendars, and what falls due at them.

    >>> from datetime import UTC
    >>> office = ServiceCalendar(zone="UTC", weekly={day: [("09:00", "17:00")] for day in ("mon", "tue", "wed")})
    >>> sla = Target(duration=timedelta(hours=8))
    >>> ola = Target(duration=timedelta(hours=4), kind="ola", name="network team", calendar=office)
    >>> print(weakness(ola, sla, datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC)))
    network team is weaker than resolve, which it supports: seen from 2026-03-04 13:00:00+00:00 it is due \
4 days, 12:00:00 later. Shorten network team, or agree longer hours for it.
    """
    first, last = micro(start, "start"), micro(end, "end")
    calendars = target.calendar or ALWAYS, supported.calendar or ALWAYS
    promises = list(zip((target, supported), calendars, strict=True))
    edges = {edge for calendar in calendars for window in calendar.timeline.windows(first, last) for edge in window}
    moments = {first, *edges}
    for promise, calendar in promises:
        duration, _ = goal_of(promise)
        moments |= {at for edge in edges if (at := _before(calendar, edge, duration or 0)) is not None}
    worst: tuple[int, int] | None = None
    for at in sorted(moments):
        # just after an edge counts too: at a closing time itself, what is due has not yet moved to the next opening
        for begin in (at, at + 1):
            if first <= begin < last:
                late = _due(*promises[0], begin) - _due(*promises[1], begin)
                if late > 1 and (worst is None or late > worst[0] + 1):
                    worst = late, at
    if worst is None:
        return None
    late, at = worst
    values = {"target": target.label, "supported": supported.label}
    return Reason.of("weaker_target", **values, start=moment(at), late=timedelta(microseconds=late))


def _due(target: Target, calendar: ServiceCalendar, begin: int) -> int:
    duration, deadline = goal_of(target)
    if deadline is not None:
        return deadline
    try:
        return calendar.timeline.due(begin, duration or 0)
    except NeverOpen:
        return 1 << 59


def _before(calendar: ServiceCalendar, edge: int, duration: int) -> int | None:
    try:
        return calendar.timeline.before(edge, duration)
    except NeverOpen:
        return None
