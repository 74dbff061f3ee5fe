"""Time and identity, injected: nothing else in the library asks what time it is.

`Clock` says when it is, `Calendar` says when people work, and `TimeOrderedIds` makes the ids
that records get before any store has seen them.
"""

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from itil4.errors import InvalidInput

if TYPE_CHECKING:
    import random


@runtime_checkable
class Clock(Protocol):
    """What time it is: an aware datetime."""

    def now(self) -> datetime:
        """Return the present moment."""
        ...


@runtime_checkable
class Calendar(Protocol):
    """When a service is delivered; durations are service time (elapsed while open)."""

    def elapsed(self, start: datetime, end: datetime, /) -> timedelta:
        """Return the service time between two instants."""
        ...

    def due(self, start: datetime, duration: timedelta, /) -> datetime:
        """Return the first instant at which `duration` of service time has passed since `start`."""
        ...


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """Return the present moment."""
        return datetime.now(UTC)


class FrozenClock:
    """A clock that stands still until it is moved: for tests, stories and replays.

    >>> from datetime import timedelta
    >>> clock = FrozenClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    >>> clock.tick(timedelta(minutes=5)).isoformat()
    '2026-03-02T09:05:00+00:00'
    """

    def __init__(self, at: datetime) -> None:
        self._at = instant(at)

    def now(self) -> datetime:
        """Return the time at which it stands."""
        return self._at

    def tick(self, by: timedelta = timedelta(seconds=1)) -> datetime:
        """Move it on and return the new time."""
        self._at += by
        return self._at

    def set(self, at: datetime) -> datetime:
        """Put it to another time and return that."""
        self._at = instant(at)
        return self._at


class TimeOrderedIds:
    """Make UUIDs of version 7 (RFC 9562): unique without asking a store, and sorted by time.

    Two calls never give the same or a smaller id, even when the clock stands still or goes back.
    Pass a seeded `random.Random` to get the same ids in every run.

    >>> import random
    >>> from datetime import UTC, datetime
    >>> class Noon:
    ...     def now(self):
    ...         return datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> ids = TimeOrderedIds(Noon(), random.Random(4))
    >>> first, second = ids(), ids()
    >>> first < second, first[:13]
    (True, '019cae6b-6600')
    """

    def __init__(self, clock: Clock, source: "random.Random | None" = None) -> None:
        self._clock = clock
        self._bits: Callable[[int], int] = source.getrandbits if source else _random_bits
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self) -> str:
        """Return the next id, as 36 characters of lower-case hexadecimal with hyphens."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        with self._lock:
            value = milliseconds << 74
            value = value | self._bits(74) if value > self._last else self._last + 1 + self._bits(32)
            self._last = value
        text = f"{value >> 62 << 64 | _VARIANT | value & _TAIL:031x}"  # all digits but that of the version
        return f"{text[:8]}-{text[8:12]}-7{text[12:15]}-{text[15:19]}-{text[19:]}"


_VARIANT = 1 << 63
_TAIL = (1 << 62) - 1


def _random_bits(count: int) -> int:
    """Return random bits of the system; `random` would be most of what this module costs to import."""
    size = (count + 7) // 8
    return int.from_bytes(os.urandom(size)) >> size * 8 - count


def instant(value: object, field: str = "at") -> datetime:
    """Return `value` as an instant in UTC.

    Raises:
        InvalidInput: it is not a datetime, or has no time zone.
    """
    if not isinstance(value, datetime):
        raise InvalidInput.of("ill_typed", field=field, expected="a datetime with a time zone", value=value)
    if value.tzinfo is UTC:
        return value
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidInput.of("naive_datetime", field=field, value=value)
    try:
        return value.astimezone(UTC)
    except OverflowError as error:  # an offset that leads out of the years 1 to 9999
        raise InvalidInput.of("out_of_time", field=field, value=value) from error
