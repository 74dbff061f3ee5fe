"""When a service is open, as a table of UTC integers that grows where it is asked.

The open set is `(W - CLOSED) | X`: the weekly windows of every local date, without the dates that are
closed, and with the windows that an exception lists for its date. Weekly windows are kept as *pieces*
that never leave their own civil date, so a closed date is one that is left out.

A table is never changed once it is built: a longer one takes its place in one assignment, so
that threads can share a calendar without a lock.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import accumulate
from operator import sub
from typing import TypeAlias

import attrs

from itil4.errors import InvalidInput
from itil4.service_level.zone import DAY, moment, zone_between

Span: TypeAlias = tuple[int, int]
"""From one number of microseconds up to, and without, another."""

FIRST_YEAR, LAST_YEAR = 1900, 2200
"""The local years that a calendar with weekly windows knows, both included."""

EVER = 1 << 60
"""Later than any instant that a datetime can hold."""

_DAY_ZERO = date(1970, 1, 1).toordinal()
_FULL: tuple[Span, ...] = ((0, DAY),)


class NeverOpen(InvalidInput):
    """The calendar does not open again (or, looking back, has not been open), so there is no answer.

    `detail` has the calendar's name or zone and the instant that was asked about.
    """


@attrs.frozen
class Table:
    """The open windows between two instants, and the service time up to the end of each.

    `shift` is what turns an instant in a window into the service time up to it.
    """

    low: int
    high: int
    opens: Sequence[int]
    closes: Sequence[int]
    total: Sequence[int]
    shift: Sequence[int]

    def served(self, at: int) -> int:
        """Return the service time from the beginning of the table to an instant in it."""
        i = bisect_right(self.opens, at) - 1
        if i < 0:
            return 0
        return at + self.shift[i] if at < self.closes[i] else self.total[i]


class Timeline:
    """The open set of one calendar. All instants and durations are microseconds."""

    __slots__ = ("_begins", "_closed", "_extra", "_label", "_openings", "_table", "_week", "_zone")

    def __init__(
        self,
        zone: str,
        week: Sequence[Sequence[Span]],
        closed: Iterable[date],
        extra: Iterable[tuple[date, Sequence[Span]]],
        label: str,
    ) -> None:
        """Prepare the open set; nothing is computed before it is asked for.

        Args:
            zone: IANA name.
            week: for Monday to Sunday, the wall time windows since midnight; an end may lie on the next day.
            closed: the local dates without weekly windows.
            extra: windows that are open on a date whatever else holds.
            label: how errors call the calendar.
        """
        self._zone, self._label = zone, label
        self._week, self._begins = pieces(week), tuple(bool(day) for day in week)
        self._closed = frozenset(number(day) for day in closed)
        self._extra = sorted((number(day) * DAY + a, number(day) * DAY + b) for day, spans in extra for a, b in spans)
        self._openings = frozenset(a // DAY for a, _ in self._extra)
        self._table: Table | None = None

    def elapsed(self, start: int, end: int) -> int:
        """Return the service time between two instants; 0 when the end is not later."""
        if end <= start:
            return 0
        table = self._table
        if table is None or start < table.low or end >= table.high:
            table = self._covering(start, end)
        return table.served(end) - table.served(start)

    def due(self, start: int, duration: int) -> int:
        """Return the earliest instant from `start` at which `duration` of service time has passed."""
        if duration == 0:
            return start
        table = self._table
        if table is None or start < table.low or start >= table.high:
            table = self._covering(start, start)
        while True:
            i = bisect_right(table.opens, start) - 1
            wanted = duration
            if i >= 0:
                # Table.served, without the call
                wanted += start + table.shift[i] if start < table.closes[i] else table.total[i]
            i = bisect_left(table.total, wanted)
            if i < len(table.total):
                at = wanted - table.shift[i]
                if at < table.high:
                    return at
            table = self._later(table, start)

    def late_from(self, start: int, duration: int) -> int:
        """Return the latest instant at which no more than `duration` has passed since `start`."""
        table = self._covering(start, start)
        while True:
            wanted = table.served(start) + duration
            i = bisect_right(table.total, wanted)
            if i < len(table.total):
                at = wanted - table.shift[i]
                if at < table.high:
                    return at
            table = self._later(table, start)

    def before(self, end: int, duration: int) -> int:
        """Return the latest instant from which `duration` of service time passes until `end`."""
        if duration == 0:
            return end
        table = self._covering(end, end)
        while True:
            wanted = table.served(end) - duration
            if wanted >= 0:
                i = bisect_right(table.total, wanted)
                at = wanted - table.shift[i]
                if at > table.low:
                    return at
            table = self._earlier(table, end)

    def is_open(self, at: int) -> bool:
        """Return whether the service is open at an instant."""
        table = self._covering(at, at)
        i = bisect_right(table.opens, at) - 1
        return i >= 0 and at < table.closes[i]

    def next_close(self, at: int) -> int | None:
        """Return the first closing edge after an instant, or None when none is left."""
        table: Table | None = self._covering(at, at)
        while table is not None:
            i = bisect_right(table.closes, at)
            if i < len(table.closes) and table.closes[i] < table.high:
                return table.closes[i]
            table = None if table.high >= EVER else self._later(table, at)
        return None

    def last_close(self, at: int) -> int:
        """Return the last closing edge at or before an instant.

        Raises:
            NeverOpen: there is none.
        """
        table = self._covering(at, at)
        while True:
            i = bisect_right(table.closes, at) - 1
            if i >= 0:
                return table.closes[i]
            table = self._earlier(table, at)

    def windows(self, start: int, end: int) -> list[Span]:
        """Return the open windows between two instants, cut at both."""
        if end <= start:
            return []
        table = self._covering(start, end)
        first, last = bisect_right(table.closes, start), bisect_left(table.opens, end)
        return [(max(table.opens[i], start), min(table.closes[i], end)) for i in range(first, last)]

    def wall(self, day: int, time: int) -> int:
        """Return the instant at which the local clock reaches a time of a date."""
        year = date.fromordinal(day + _DAY_ZERO).year
        return zone_between(self._zone, year - 1, year + 1).reach(day * DAY + time)

    def begins(self, day: int) -> bool:
        """Return whether a window begins on a date: the tail of a night shift does not make a working day."""
        return day in self._openings or (day not in self._closed and self._begins[weekday(day)])

    def _covering(self, start: int, end: int) -> Table:
        table = self._table
        if table is not None and table.low <= start and end < table.high:
            return table
        first, last = self._year(start), self._year(end)
        if table is None:
            table = self._build(max(first - 1, FIRST_YEAR), min(last + 1, LAST_YEAR))
        while start < table.low:
            table = self._earlier(table, start)
        while end >= table.high:
            table = self._later(table, end)
        return table

    def _later(self, table: Table, at: int) -> Table:
        first, last = self._years(table, at)
        if last >= LAST_YEAR:
            raise _beyond("result", LAST_YEAR + 1)
        return self._build(first, min(LAST_YEAR, last + (last - first + 1)))

    def _earlier(self, table: Table, at: int) -> Table:
        first, last = self._years(table, at)
        if first <= FIRST_YEAR:
            raise _beyond("result", FIRST_YEAR - 1)
        return self._build(max(FIRST_YEAR, first - (last - first + 1)), last)

    def _years(self, table: Table, at: int) -> Span:
        if table.high >= EVER:
            raise NeverOpen.of("never_open", calendar=self._label, at=moment(at))
        # a table begins and ends at local midnight, and no zone is a day from UTC
        return moment(table.low + DAY).year, moment(table.high - 2 * DAY).year

    def _year(self, at: int) -> int:
        year = moment(at).year
        if not FIRST_YEAR <= year <= LAST_YEAR and not self._bounded:
            raise _beyond("at", year)
        return year

    @property
    def _bounded(self) -> bool:
        """Whether a finite table holds the whole of time: open always or never, but for single dates."""
        return all(day == _FULL for day in self._week) or not any(self._week)

    def _build(self, first: int, last: int) -> Table:
        table = self._whole() if self._bounded else self._part(first, last)
        self._table = table
        return table

    def _whole(self) -> Table:
        found: list[Span] = []
        opened = -EVER
        special = self._closed | self._openings
        if special:
            first, last = (date.fromordinal(day + _DAY_ZERO).year for day in (min(special), max(special)))
            zone = zone_between(self._zone, first, last)
            found += [(zone.reach(a), zone.reach(b)) for a, b in self._extra]
            for day in sorted(self._closed) if any(self._week) else ():
                found.append((opened, zone.reach(day * DAY)))
                opened = zone.reach((day + 1) * DAY)
        if any(self._week):
            found.append((opened, EVER))
        return _table(-EVER, EVER, found)

    def _part(self, first: int, last: int) -> Table:
        zone = zone_between(self._zone, first, last)
        begin, end = number(date(first, 1, 1)), number(date(last + 1, 1, 1))
        closed, week = self._closed, self._week
        found: list[Span] = []
        day = begin
        while day < end:
            offset, until = zone.steady(day * DAY)
            steady = min((until - 1) // DAY, end)
            if steady <= day:
                if day not in closed:
                    wall = day * DAY
                    found += [(zone.reach(wall + a), zone.reach(wall + b)) for a, b in week[weekday(day)]]
                day += 1
                continue
            for plain in range(day, steady):
                if plain not in closed:
                    base = plain * DAY - offset
                    for a, b in week[(plain + 3) % 7]:
                        found.append((base + a, base + b))
            day = steady
        low, high = zone.reach(begin * DAY), zone.reach(end * DAY)
        for a, b in self._extra:
            if begin * DAY < b and a < end * DAY:
                found.append((max(zone.reach(a), low), min(zone.reach(b), high)))
        return _table(low, high, found)


def pieces(week: Sequence[Sequence[Span]]) -> tuple[tuple[Span, ...], ...]:
    """Cut the windows of a week at midnight and return, for each weekday, what lies within it.

    >>> pieces([[(DAY - 1, DAY + 1)], [], [], [], [], [], []])[:2] == (((DAY - 1, DAY),), ((0, 1),))
    True
    """
    days: list[list[Span]] = [[] for _ in range(7)]
    for index, spans in enumerate(week):
        for a, b in spans:
            days[index].append((a, min(b, DAY)))
            if b > DAY:
                days[(index + 1) % 7].append((0, b - DAY))
    return tuple(tuple(merged(day)) for day in days)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Join the spans that overlap or touch, and drop the empty ones.

    >>> merged([(3, 5), (1, 3), (9, 9), (7, 8), (4, 6)])
    [(1, 6), (7, 8)]
    """
    joined: list[Span] = []
    opened = closed = -EVER - 1
    for a, b in sorted(spans):
        if a >= b:
            continue
        if a <= closed:
            closed = max(closed, b)
            continue
        if closed > opened:
            joined.append((opened, closed))
        opened, closed = a, b
    if closed > opened:
        joined.append((opened, closed))
    return joined


def number(day: date) -> int:
    """Return a date as days since 1970-01-01."""
    return day.toordinal() - _DAY_ZERO


def weekday(day: int) -> int:
    """Return the weekday of a day number; 0 is Monday."""
    return (day + 3) % 7


def _beyond(field: str, year: int) -> InvalidInput:
    return InvalidInput.of("out_of_years", field=field, value=year, first=FIRST_YEAR, last=LAST_YEAR)


def _table(low: int, high: int, found: list[Span]) -> Table:
    spans = merged(found)
    opens, closes = [a for a, _ in spans], [b for _, b in spans]
    total = list(accumulate(map(sub, closes, opens)))
    return Table(low, high, opens, closes, total, list(map(sub, total, closes)))
