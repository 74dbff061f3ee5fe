"""Wall clocks: when the local clock of a zone first shows a wall time.

Inside this room an instant is a whole number of microseconds since 1970 in UTC, and a wall time is
the number of microseconds that a local clock would have counted had it never been changed. The
one rule that joins the two is `Zone.reach`.
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from itil4.clock import instant
from itil4.errors import InvalidInput, nearest

SECOND = 1_000_000
DAY = 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
"""Multiplying it is more than twice as fast as making a timedelta of a number."""

_SAMPLE = 2 * DAY
"""How far apart a zone is looked at. No zone has ever changed its clock twice within 3.9 days."""


def micro(value: object, field: str = "at") -> int:
    """Return an aware datetime as microseconds since 1970 in UTC.

    Raises:
        InvalidInput: it is not a datetime, is naive, or lies outside the years 1 to 9999 in UTC.
    """
    # most instants are in UTC already, and a clock reads many of them
    utc = value if type(value) is datetime and value.tzinfo is UTC else instant(value, field)
    since = utc - EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def moment(at: int, field: str = "at") -> datetime:
    """Return microseconds since 1970 as a datetime in UTC.

    Raises:
        InvalidInput: the result lies outside the years 1 to 9999.
    """
    try:
        return EPOCH + MICROSECOND * at
    except OverflowError:
        raise InvalidInput.of("out_of_time", field=field, value=f"{at // DAY} days from 1970") from None


def span(value: object, field: str = "duration") -> int:
    """Return a timedelta that is not negative as microseconds.

    Raises:
        InvalidInput: it is not a timedelta, or is negative.
    """
    if not isinstance(value, timedelta):
        raise InvalidInput.of("ill_typed", field=field, expected="a timedelta", value=value)
    if value.days < 0:
        raise InvalidInput.of("negative_duration", field=field, value=value)
    return (value.days * 86_400 + value.seconds) * SECOND + value.microseconds


class Zone:
    """A time zone as the changes of its local clock between two years.

    A wall time that is skipped maps to the change itself, one that comes twice to its first pass:

    >>> paris = Zone("Europe/Paris", 2024, 2024)
    >>> def first_shown(*wall):
    ...     return moment(paris.reach(micro(datetime(*wall, tzinfo=UTC)))).isoformat()
    >>> first_shown(2024, 3, 31, 2, 30), first_shown(2024, 10, 27, 2, 30)
    ('2024-03-31T01:00:00+00:00', '2024-10-27T00:30:00+00:00')
    """

    __slots__ = ("_after", "_at", "_offset")

    def __init__(self, key: str, first_year: int, last_year: int) -> None:
        """Read the changes of zone `key`; wall times of the given years, both included, can be asked for."""
        zone = find_zone(key)
        start = micro(datetime(max(first_year - 1, 1), 12, 1, tzinfo=UTC))
        end = micro(datetime(min(last_year + 1, 9999), 2, 1, tzinfo=UTC))
        offset = _offset(zone, start)
        # change number i happens at _at[i], to _offset[i]; it is seen by wall times from _after[i]
        self._after, self._at, self._offset = [start + offset], [start], [offset]
        for sample in range(start + _SAMPLE, end + _SAMPLE, _SAMPLE):
            now = _offset(zone, sample)
            if now != offset:
                at = _change(zone, sample - _SAMPLE, sample)
                self._after.append(at + offset)
                self._at.append(at)
                self._offset.append(now)
                offset = now

    def reach(self, wall: int) -> int:
        """Return the earliest instant at which the local clock has reached a wall time."""
        i = bisect_right(self._after, wall) - 1
        at, changed = wall - self._offset[i], self._at[i]
        return max(at, changed)

    def steady(self, wall: int) -> tuple[int, int]:
        """Return the offset in force at a wall time, and the wall time up to which it surely holds."""
        i = bisect_right(self._after, wall) - 1
        if wall - self._offset[i] < self._at[i]:
            return self._offset[i], wall
        return self._offset[i], self._after[i + 1] if i + 1 < len(self._after) else 1 << 62


@lru_cache(maxsize=512)
def zone_between(key: str, first_year: int, last_year: int) -> Zone:
    """Return the zone with its changes in the given years; calendars of one zone share it."""
    return Zone(key, first_year, last_year)


def find_zone(key: object) -> tzinfo:
    """Return the zone of an IANA name such as `Europe/Paris`. UTC needs no zone data on the machine.

    Raises:
        InvalidInput: there is no such zone; the message offers the nearest name.
    """
    if key == "UTC":
        return UTC
    if isinstance(key, str) and key:
        try:
            return ZoneInfo(key)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise InvalidInput.of("unknown_zone", field="zone", value=key, nearest=nearest(key, sorted(available_timezones())))


def _offset(zone: tzinfo, at: int) -> int:
    offset = (EPOCH + MICROSECOND * at).astimezone(zone).utcoffset()
    return (offset.days * 86_400 + offset.seconds) * SECOND if offset is not None else 0


def _change(zone: tzinfo, low: int, high: int) -> int:
    """Return the instant between `low` and `high`, to the second, at which the offset changes."""
    before = _offset(zone, low)
    while high - low > SECOND:
        middle = (low + high) // (2 * SECOND) * SECOND
        if _offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high
