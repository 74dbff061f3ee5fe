"""The service calendar: when a service is delivered, and service time between two instants.

A service that is open from 9 to 17 in Paris is not open at the same UTC hours all year, not on
1 May, and a target of eight hours agreed on a Friday afternoon ends on Monday. `ServiceCalendar` is
the value that knows; every clock and figure of this room asks it.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

import attrs

from itil4.errors import InvalidInput, nearest
from itil4.service_level import hours
from itil4.service_level.hours import WEEKDAYS, Hours
from itil4.service_level.timeline import FIRST_YEAR, LAST_YEAR, NeverOpen, Timeline, number, weekday
from itil4.service_level.zone import DAY, EPOCH, MICROSECOND, SECOND, find_zone, micro, moment, span

_FORM = ("zone", "weekly", "holidays", "exceptions", "name")


def _zone_name(value: object) -> str:
    find_zone(value)
    return str(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput.of("ill_typed", field="name", expected="a text", value=value)
    return value


@attrs.frozen(kw_only=True, repr=False)
class ServiceCalendar:
    """When a service is delivered: a frozen value, safe to share between threads.

    All durations are service time: elapsed time inside open windows. All instants go in as aware
    datetimes of any zone and come out in UTC. A window is open from its opening up to, and without,
    its closing time.

    * A window whose end is not later than its start ends on the next day; 24:00 ends a day.
    * A holiday, or a date with an exception, closes its whole local date. A night shift that runs into it
      stops at midnight; one that began on it goes on after its midnight.
    * The windows of an exception are open instead, past midnight too, even into a holiday.
    * A wall time that a clock change skips is the change itself; one that comes twice is its first pass.

    >>> calendar = ServiceCalendar(
    ...     zone="Europe/Paris",
    ...     weekly={day: [("09:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")},
    ...     holidays=["2026-05-01"],
    ... )
    >>> thursday = datetime(2026, 4, 30, 16, 0, tzinfo=find_zone("Europe/Paris"))
    >>> calendar.due(thursday, timedelta(hours=2)).isoformat()
    '2026-05-04T08:00:00+00:00'
    >>> calendar
    <ServiceCalendar Europe/Paris: 40 h a week, 1 holiday, revision e9957fb23185>

    Raises:
        InvalidInput: a zone, weekday, time or date that does not exist; `detail` names field and value.
    """

    zone: str = attrs.field(converter=_zone_name)
    """The IANA name of the zone whose local clock the hours are written in."""
    weekly: Mapping[str, Hours] = attrs.field(factory=dict, converter=hours.weekly_hours, hash=False)
    """The windows of each weekday, `mon` to `sun`, that has any."""
    holidays: tuple[date, ...] = attrs.field(default=(), converter=hours.civil_dates)
    """Local dates on which the weekly windows do not hold."""
    exceptions: Mapping[date, Hours] = attrs.field(factory=dict, converter=hours.exceptional_hours, hash=False)
    """Local dates with windows of their own; without windows, closed all day."""
    name: str = attrs.field(default="", converter=_text)
    """What people call it; not a part of the revision."""
    revision: str = attrs.field(init=False, eq=False)
    """A fingerprint of the hours: equal hours have equal revisions, and any edit makes a new one."""
    timeline: Timeline = attrs.field(init=False, eq=False)
    """The open set in UTC integers, for the other modules of this room."""

    def __attrs_post_init__(self) -> None:
        form = self.to_dict()
        form.pop("name", None)
        text = json.dumps(form, sort_keys=True, separators=(",", ":"))
        object.__setattr__(self, "revision", hashlib.sha256(text.encode()).hexdigest()[:12])
        timeline = Timeline(
            self.zone,
            [hours.spans(self.weekly.get(day, ())) for day in WEEKDAYS],
            [*self.holidays, *self.exceptions],
            [(day, hours.spans(windows)) for day, windows in self.exceptions.items()],
            self.name or self.zone,
        )
        object.__setattr__(self, "timeline", timeline)

    def is_open(self, at: datetime) -> bool:
        """Return whether the service is delivered at an instant; at closing time it no longer is."""
        return self.timeline.is_open(micro(at))

    def next_open(self, at: datetime) -> datetime:
        """Return the first instant from `at` on at which the service is open: `at` itself when it is open.

        Raises:
            NeverOpen: it does not open again.
        """
        return moment(self.timeline.late_from(micro(at), 0))

    def next_close(self, at: datetime) -> datetime | None:
        """Return the first closing time after `at`, or None when the service stays open, or closed, for ever.

        >>> ALWAYS.next_close(datetime(2026, 3, 2, tzinfo=UTC)) is None
        True
        """
        closing = self.timeline.next_close(micro(at))
        return None if closing is None else moment(closing)

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """Return the service time between two instants; zero when `end` is not later than `start`."""
        return MICROSECOND * self.timeline.elapsed(micro(start, "start"), micro(end, "end"))

    def due(self, start: datetime, duration: timedelta) -> datetime:
        """Return the first instant at which `duration` of service time has passed since `start`.

        It may be a closing time. With a duration of zero it is `start`, even when the service is closed.

        Raises:
            NeverOpen: the calendar does not hold that much service time any more.
            InvalidInput: `duration` is negative (see `before`), or the result lies after the year 2200.
        """
        if type(start) is datetime and start.tzinfo is UTC and type(duration) is timedelta and duration.days >= 0:
            # what micro, span and moment do, without the calls: this is asked for every record of every list
            since = start - EPOCH
            at = (since.days * 86_400 + since.seconds) * SECOND + since.microseconds
            length = (duration.days * 86_400 + duration.seconds) * SECOND + duration.microseconds
        else:
            at, length = micro(start, "start"), span(duration)
        return moment(self.timeline.due(at, length), "due")

    def late_from(self, start: datetime, duration: timedelta) -> datetime:
        """Return the instant after which more than `duration` has passed since `start`.

        It is the due time, but when that is a closing time: then it is the next opening, as nothing
        runs in between.

        Raises:
            NeverOpen: no service time follows, so nothing can be late.
        """
        return moment(self.timeline.late_from(micro(start, "start"), span(duration)), "late_from")

    def before(self, end: datetime, duration: timedelta) -> datetime:
        """Return the latest instant from which `duration` of service time passes until `end`.

        Raises:
            NeverOpen: there has not been that much service time.
        """
        return moment(self.timeline.before(micro(end, "moment"), span(duration)), "before")

    def windows(self, start: datetime, end: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """Return the open windows between two instants, cut at both; windows that touch are one."""
        found = self.timeline.windows(micro(start, "start"), micro(end, "end"))
        return tuple((moment(a), moment(b)) for a, b in found)

    def due_days(self, start: datetime, days: int, *, end_of_day: bool = False) -> datetime:
        """Return the moment that lies a number of working days away: a rule of its own, not hours times n.

        A working day is a local date on which a window begins. The time of day stays as it is; where the
        service is closed at that time, the answer is the next opening, or for negative days the last
        closing. With `end_of_day` it is the end of the last window that begins on the day.

        >>> office = ServiceCalendar(zone="UTC", weekly={"fri": [("08:00", "20:00")], "mon": [("08:00", "20:00")]})
        >>> friday = datetime(2026, 3, 6, 10, tzinfo=UTC)
        >>> office.due_days(friday, 1).isoformat(), office.due_days(friday, 1, end_of_day=True).isoformat()
        ('2026-03-09T10:00:00+00:00', '2026-03-09T20:00:00+00:00')

        Raises:
            NeverOpen: there are no working days.
            InvalidInput: the day lies outside the years 1900 to 2200.
        """
        if not isinstance(days, int) or isinstance(days, bool):
            raise InvalidInput.of("ill_typed", field="days", expected="a whole number", value=days)
        micro(start, "start")
        local = start.astimezone(find_zone(self.zone))
        wall = (local.hour * 3600 + local.minute * 60 + local.second) * SECOND + local.microsecond
        day = self._working_day(number(local.date()), days, start)
        if end_of_day:
            worked = day if self.timeline.begins(day) else self._working_day(day, 1, start)
            return moment(self._end_of(worked))
        landed = self.timeline.wall(day, wall)
        if self.timeline.is_open(landed):
            return moment(landed)
        return moment(self.timeline.last_close(landed) if days < 0 else self.timeline.late_from(landed, 0))

    def revise(self, **changes: Any) -> Self:
        """Return the calendar with other holidays, exceptions, weekly windows, zone or name.

        >>> ALWAYS.revise(holidays=["2026-12-25"]).revision == ALWAYS.revision
        False
        """
        _known(changes)
        return attrs.evolve(self, **changes)

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Self:
        """Read the plain form: `zone`, `weekly`, `holidays`, `exceptions` and `name`; all but the zone may be absent.

        >>> form = {"zone": "Europe/Paris", "weekly": {"mon": [["09:00", "17:00"]]}, "holidays": [], "exceptions": {}}
        >>> ServiceCalendar.from_dict(form).to_dict() == form
        True
        """
        if not isinstance(form, Mapping):
            raise InvalidInput.of("ill_typed", field="calendar", expected="a mapping", value=form)
        _known(form)
        if "zone" not in form:
            raise InvalidInput.of("blank", field="zone")
        return cls(**form)

    def to_dict(self) -> dict[str, Any]:
        """Return the plain form, which any JSON encoder takes and `from_dict` reads."""
        form: dict[str, Any] = {
            "zone": self.zone,
            "weekly": {day: [list(window) for window in windows] for day, windows in self.weekly.items()},
            "holidays": [day.isoformat() for day in self.holidays],
            "exceptions": {day.isoformat(): [list(w) for w in windows] for day, windows in self.exceptions.items()},
        }
        return form | {"name": self.name} if self.name else form

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the plain form from JSON."""
        try:
            return cls.from_dict(json.loads(text))
        except (json.JSONDecodeError, RecursionError, TypeError) as error:
            raise InvalidInput.of("unreadable", field="calendar", format="JSON", error=str(error)) from None

    def to_json(self) -> str:
        """Return the plain form as JSON, readable and in a stable order."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read the plain form from TOML; dates and times may be written as TOML's own."""
        import tomllib  # hosts that keep no TOML do not pay for it

        try:
            return cls.from_dict(tomllib.loads(text))
        except (tomllib.TOMLDecodeError, RecursionError, TypeError, AttributeError) as error:
            raise InvalidInput.of("unreadable", field="calendar", format="TOML", error=str(error)) from None

    def to_toml(self) -> str:
        """Return the plain form as TOML.

        >>> print(ServiceCalendar(zone="UTC", weekly={"mon": [("09:00", "17:00")]}, holidays=["2026-01-01"]).to_toml())
        zone = "UTC"
        holidays = ["2026-01-01"]
        <BLANKLINE>
        [weekly]
        mon = [["09:00", "17:00"]]
        <BLANKLINE>
        [exceptions]
        <BLANKLINE>
        """
        form = self.to_dict()
        lines = [f"{key} = {json.dumps(form[key])}" for key in ("name", "zone", "holidays") if key in form]
        for key in ("weekly", "exceptions"):
            lines += ["", f"[{key}]", *(f"{day} = {json.dumps(windows)}" for day, windows in form[key].items())]
        return "\n".join(lines) + "\n"

    def _working_day(self, day: int, days: int, start: datetime) -> int:
        step, left = (-1 if days < 0 else 1), abs(days)
        if left and not self.weekly and not any(self.exceptions.values()):
            raise self._never(start)
        first, last = number(date(FIRST_YEAR, 1, 1)), number(date(LAST_YEAR, 12, 31))
        while left and first <= day + step <= last:
            day += step
            left -= self.timeline.begins(day)
        if left or not first <= day <= last:
            if not self.weekly:
                raise self._never(start)
            raise InvalidInput.of("out_of_years", field="days", value=days, first=FIRST_YEAR, last=LAST_YEAR)
        return day

    def _end_of(self, day: int) -> int:
        timeline = self.timeline
        own = self.exceptions.get(date.fromordinal(day + date(1970, 1, 1).toordinal()))
        if own is None:
            own = self.weekly[WEEKDAYS[weekday(day)]]
        end = timeline.wall(day, max(b for _, b in hours.spans(own)))
        # a night shift that runs into a closed date ends earlier than it says
        return end if timeline.is_open(end - 1) else timeline.last_close(end)

    def _never(self, at: datetime) -> NeverOpen:
        return NeverOpen.of("never_open", calendar=self.name or self.zone, at=at.astimezone(UTC))

    def __repr__(self) -> str:
        week = sum(b - a for day in self.weekly.values() for a, b in hours.spans(day)) / (DAY / 24)
        days = f"{len(self.holidays)} holiday{'' if len(self.holidays) == 1 else 's'}"
        name = f" {self.name!r}" if self.name else ""
        return f"<ServiceCalendar{name} {self.zone}: {week:g} h a week, {days}, revision {self.revision}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_dict, (self.to_dict(),)


def _known(form: Mapping[str, Any]) -> None:
    for key in form:
        if key not in _FORM:
            raise InvalidInput.of("unknown_field", record="ServiceCalendar", field=key, nearest=nearest(key, _FORM))


ALWAYS = ServiceCalendar(zone="UTC", weekly={day: [("00:00", "24:00")] for day in WEEKDAYS}, name="always")
"""Round the clock, every day: service time is elapsed time."""
