"""A slow second opinion, written apart from the library: it steps through minutes and looks at a wall clock.

It knows nothing of offsets, transitions or bisection. Each UTC minute of a range is shown to the zone; the local label
that comes back, and the highest label shown so far, are all that it works with.
"""

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@lru_cache(maxsize=64)
def highest_labels(zone: str, start: datetime, days: int) -> list[datetime]:
    """For each minute, the highest wall time that the local clock has shown up to then."""
    local = ZoneInfo(zone)
    shown = ((start + step * MINUTE).astimezone(local).replace(tzinfo=None, fold=0) for step in range(days * 1440))
    return list(accumulate(shown, max))


class Oracle:
    """The open minutes of a calendar, given in its plain form, for some days after a UTC midnight."""

    def __init__(self, form: dict[str, Any], start: datetime, days: int) -> None:
        assert start.tzinfo is UTC and start.hour == start.minute == 0
        self.start, self.size = start, days * 1440
        self.shown = highest_labels(form["zone"], start, days)
        closed = {date.fromisoformat(day) for day in (*form["holidays"], *form["exceptions"])}
        weekly, shut, extra = bytearray(self.size), bytearray(self.size), bytearray(self.size)
        for offset in range(-3, days + 3):
            day = start.date() + timedelta(days=offset)
            for window in form["weekly"].get(WEEKDAYS[day.weekday()], []):
                self._paint(weekly, day, window)
            for window in form["exceptions"].get(day.isoformat(), []):
                self._paint(extra, day, window)
            if day in closed:
                self._paint(shut, day, ["00:00", "24:00"])
        self.open = [bool((w and not c) or x) for w, c, x in zip(weekly, shut, extra, strict=True)]

    def minute(self, at: datetime) -> int:
        return (at - self.start) // MINUTE

    def at(self, minute: int) -> datetime:
        return self.start + minute * MINUTE

    def is_open(self, at: datetime) -> bool:
        return self.open[self.minute(at)]

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        return sum(self.open[self.minute(start) : self.minute(end)]) * MINUTE

    def due(self, start: datetime, duration: timedelta) -> datetime | None:
        left, minute = duration // MINUTE, self.minute(start)
        while left:
            if minute >= self.size:
                return None
            left -= self.open[minute]
            minute += 1
        return self.at(minute)

    def late_from(self, start: datetime, duration: timedelta) -> datetime | None:
        due = self.due(start, duration)
        minute = self.size if due is None else self.minute(due)
        while minute < self.size and not self.open[minute]:
            minute += 1
        return None if minute >= self.size else self.at(minute)

    def before(self, end: datetime, duration: timedelta) -> datetime | None:
        left, minute = duration // MINUTE, self.minute(end)
        while left:
            minute -= 1
            if minute < 0:
                return None
            left -= self.open[minute]
        return self.at(minute)

    def _paint(self, minutes: bytearray, day: date, window: list[str]) -> None:
        opens, closes = (self._wall(day, text) for text in window)
        if closes <= opens:
            closes += timedelta(days=1)
        for minute in range(bisect_left(self.shown, opens), bisect_left(self.shown, closes)):
            minutes[minute] = 1

    @staticmethod
    def _wall(day: date, text: str) -> datetime:
        hour, minute = map(int, text.split(":"))
        return datetime(day.year, day.month, day.day) + timedelta(hours=hour, minutes=minute)
