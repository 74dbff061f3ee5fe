"""When a window or a freeze is: once, every week, or by a rule; it always has an end.

Each answers `between(start, end)` with the spans of time that touch an interval, in UTC and in the order of time; spans
that touch each other are one. A span holds from its start up to, and without, its end.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput
from itil4.practices.recurring import Recurrence
from itil4.service_level import ServiceCalendar
from itil4.service_level.target import duration
from itil4.service_level.zone import find_zone

Span: TypeAlias = tuple[datetime, datetime]


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans in the order of time, those that overlap or touch as one.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> hour = timedelta(hours=1)
    >>> len(joined([(noon, noon + hour), (noon - hour, noon), (noon + 3 * hour, noon + 4 * hour)]))
    2
    """
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return tuple(found)


def told(value: Any, zone: str | None, field: str) -> datetime:
    """Return the instant of an aware datetime, or of a wall time in a zone.

    Raises:
        InvalidInput: it is no datetime, has no zone and none was named, or the clocks skip it.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise InvalidInput.of(
                "unreadable", field=field, format="a time such as 2026-12-20T18:00", error=str(error)
            ) from None
    if not isinstance(value, datetime):
        raise InvalidInput.of("ill_typed", field=field, expected="a datetime", value=value)
    if value.tzinfo is None and zone is not None:
        value = value.replace(tzinfo=find_zone(zone))
    at = instant(value, field)
    if isinstance(value.tzinfo, ZoneInfo) and at.astimezone(value.tzinfo).replace(tzinfo=None, fold=0) != value.replace(
        tzinfo=None, fold=0
    ):
        raise InvalidInput.of(
            "window_in_gap", field=field, value=value.replace(tzinfo=None).isoformat(" "), zone=str(value.tzinfo)
        )
    return at


@attrs.frozen(init=False)
class Fixed:
    """One span of time: from a start to an end.

    Args:
        start, end: aware datetimes, or wall times of `zone`.
        zone: the IANA name of the zone of wall times.

    >>> freeze = Fixed(datetime(2026, 12, 20, 18), datetime(2027, 1, 2, 6), zone="Europe/Paris")
    >>> freeze.start.isoformat()
    '2026-12-20T17:00:00+00:00'

    Raises:
        InvalidInput: it has no end, ends before it starts, or an end of it lies in a time that the clocks skip.
    """

    start: datetime
    end: datetime

    def __init__(self, start: Any, end: Any = None, *, zone: str | None = None) -> None:
        if end is None:
            raise InvalidInput.of("window_endless", start=start)
        begun, over = told(start, zone, "start"), told(end, zone, "end")
        if over <= begun:
            raise InvalidInput.of("window_backwards", start=begun, end=over)
        self.__attrs_init__(begun, over)

    def between(self, start: datetime, end: datetime) -> tuple[Span, ...]:
        """Return the span, where it touches an interval."""
        return ((self.start, self.end),) if self.start < end and self.end > start else ()


@attrs.frozen
class Weekly:
    """The open windows of a service calendar: weekly hours of a zone, with holidays and exceptions.

    A window in a time that the clocks skip begins or ends with the change; one that lies in it as a whole is not there
    that day.
    """

    calendar: ServiceCalendar

    def between(self, start: datetime, end: datetime) -> tuple[Span, ...]:
        """Return the windows that touch an interval, whole."""
        found = self.calendar.windows(start - _DAY, end + _DAY)
        return tuple(each for each in found if each[0] < end and each[1] > start)


@attrs.frozen(kw_only=True, slots=False)  # with slots, cached properties would slow every look at an attribute
class Recurring:
    """Spans of one length that begin at the occurrences of a rule.

    Args:
        rule: an RRULE of RFC 5545 such as `FREQ=MONTHLY;BYDAY=2SA`, without DTSTART; it may go on for ever.
        start: the first one, as a wall time of the zone.
        duration: how long each lasts (calendar time).
        zone: the IANA name of the zone. An occurrence in a time that the clocks skip begins with the change.

    >>> patches = Recurring(rule="FREQ=MONTHLY;BYDAY=2SA", start=datetime(2026, 1, 10, 22), duration=timedelta(hours=4),
    ...                     zone="Europe/Paris")
    >>> from datetime import UTC
    >>> spring = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    >>> [begins.isoformat() for begins, _ in patches.between(*spring)]
    ['2026-03-14T21:00:00+00:00', '2026-04-11T20:00:00+00:00']

    Raises:
        InvalidInput: it has no end, ends before it starts, or starts in a time that the clocks skip.
        DefinitionError: the rule cannot be read.
        MissingExtra: python-dateutil is not installed.
    """

    rule: str
    start: datetime
    duration: timedelta = attrs.field()
    zone: str = "UTC"

    @duration.validator
    def _lasts(self, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if value is None:
            raise InvalidInput.of("window_endless", start=self.start)
        if not isinstance(value, timedelta):
            raise InvalidInput.of("ill_typed", field="duration", expected="a timedelta", value=value)
        if value <= timedelta(0):
            raise InvalidInput.of("window_backwards", start=self.start, end=self.start + value)

    def __attrs_post_init__(self) -> None:
        self._begins  # noqa: B018 - read here, so that a rule that cannot be read is refused here
        told(self.start, self.zone, "start")

    @cached_property
    def _begins(self) -> Recurrence:
        return Recurrence(name="window", rule=self.rule, start=self.start, zone=self.zone)

    def between(self, start: datetime, end: datetime) -> tuple[Span, ...]:
        """Return the spans that touch an interval, whole."""
        begins = self._begins.between(start - self.duration, end)
        spans = joined((each, each + self.duration) for each in begins)
        return tuple(each for each in spans if each[0] < end and each[1] > start)


When: TypeAlias = Fixed | Weekly | Recurring

_DAY = timedelta(days=1)


def when_of(form: Mapping[str, Any]) -> When:
    """Read plain data: `start` and `end`, or `weekly` (a calendar's plain form), or `rule`, `start` and `duration`.

    `zone` is that of wall times. A duration is a timedelta, or text such as `PT4H`.
    """
    zone = form.get("zone")
    if "weekly" in form:
        weekly = {"zone": zone or "UTC", "weekly": form["weekly"]}
        rest = {name: form[name] for name in ("holidays", "exceptions") if name in form}
        if isinstance(form["weekly"], Mapping) and not any(form["weekly"].values()) and not rest.get("exceptions"):
            raise InvalidInput.of("window_never")
        return Weekly(ServiceCalendar.from_dict({**weekly, **rest}))
    if "start" not in form:
        raise InvalidInput.of("blank", field="start")
    if "rule" in form:
        start: Any = form["start"]
        if isinstance(start, str):
            start = told(start, "UTC", "start").replace(tzinfo=None)
        length: Any = form.get("duration")
        given = duration(length) if isinstance(length, str) else length
        return Recurring(rule=form["rule"], start=start, duration=given, zone=zone or "UTC")
    return Fixed(form["start"], form.get("end"), zone=zone)


__all__ = ["Fixed", "Recurring", "Span", "Weekly", "When", "joined", "told", "when_of"]
