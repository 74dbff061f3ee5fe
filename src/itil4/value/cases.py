"""Cases: plain observations grouped, checked and put into the order of time, before anything is measured.

Histories are long, so what is done for every row is done for whole columns at once, by builtins.
"""

from bisect import bisect
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import chain, compress, count, islice, repeat
from operator import is_not, itemgetter, le, ne
from typing import Any, TypeAlias

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput, Reason
from itil4.value.observations import Observation

_TICK = datetime.resolution
_CASE, _AT, _CATEGORY = itemgetter(0), itemgetter(2), itemgetter(3)
_TOLD = (5, 6, 8)  # by, accepted, touched
_LEAST, _WHOLE = 3, 9

Row: TypeAlias = tuple[Any, ...]


@attrs.frozen
class Seen:
    """The rows of one case after those of another, each case in the order of time.

    Attributes:
        rows: the observations: three parts each if all are `plain`, or else all nine.
        cases, times: the case of each row, and when it was, in UTC.
        begins, ends: for each case, in the order in which they were first seen: the numbers of its first row and of
            the first one that is no longer its own.
        problems: what is odd about them.
        plain: nothing is told beyond case, place and time; `silent`: no category; `rich`: there are people,
            judgements or hands-on time.
    """

    rows: list[Row]
    cases: list[str]
    times: list[datetime]
    begins: list[int]
    ends: list[int]
    problems: tuple[Reason, ...]
    plain: bool
    silent: bool
    rich: bool

    def firsts(self) -> list[datetime]:
        """Return when each case was first seen."""
        return [self.times[begin] for begin in self.begins]

    def lasts(self) -> list[datetime]:
        """Return when each case was last seen."""
        return [self.times[end - 1] for end in self.ends]


def by_case(observations: Iterable[Row]) -> Seen:
    """Return the observations by case, checked, in UTC and in the order of time.

    Raises:
        InvalidInput: a row is no tuple (case, place, at), a time has no time zone, or there is none.
    """
    given = observations if type(observations) is list else list(observations)
    if not given:
        raise InvalidInput.of("none_given", field="observations")
    regular = set(map(type, given)) <= {tuple, Observation}
    lengths = set(map(len, given)) if regular else set()
    plain = lengths == {_LEAST}
    rows: list[Row] = given if plain or lengths == {_WHOLE} else list(map(_whole, given))
    rows, times = _in_utc(rows)
    cases = list(map(_CASE, rows))
    begins = _begins(cases)
    if len({cases[begin] for begin in begins}) < len(begins):
        rows = _together(rows)
        cases, times = list(map(_CASE, rows)), list(map(_AT, rows))
        begins = _begins(cases)
    ends = [*begins[1:], len(rows)]
    rows, problems = _in_order(rows, times, begins, ends)
    return Seen(
        rows,
        cases,
        times,
        begins,
        ends,
        tuple(problems),
        plain,
        silent=plain or not _tells(rows, _CATEGORY),
        rich=not plain and any(_tells(rows, itemgetter(part)) for part in _TOLD),
    )


def _whole(row: Any) -> Row:
    """Return an observation with all its nine parts, those that were not given being None."""
    if not isinstance(row, tuple) or not _LEAST <= len(row) <= _WHOLE:
        raise InvalidInput.of("ill_typed", field="observations", expected="a tuple (case, place, at)", value=row)
    return row if len(row) == _WHOLE else (*row, *(None,) * (_WHOLE - len(row)))


def _in_utc(rows: list[Row]) -> tuple[list[Row], list[datetime]]:
    """Return the rows with their times in UTC: two times of one zone with daylight saving subtract as wall clocks do."""
    times = list(map(_AT, rows))
    if set(map(type, times)) != {datetime} or [at for at in times if at.tzinfo is not UTC]:
        times = list(map(instant, times))
        rows = [(*row[:2], at, *row[3:]) for row, at in zip(rows, times, strict=True)]
    return rows, times


def _begins(cases: list[str]) -> list[int]:
    """Return where another case begins."""
    return [0, *compress(count(1), map(ne, islice(cases, 1, None), cases))]


def _together(rows: list[Row]) -> list[Row]:
    """Return the rows with those of a case beside each other, otherwise in their order."""
    groups: dict[str, list[Row]] = {}
    known = groups.get
    for row in rows:
        held = known(row[0])
        if held is None:
            groups[row[0]] = [row]
        else:
            held.append(row)
    return list(chain.from_iterable(groups.values()))


def _in_order(
    rows: list[Row], times: list[datetime], begins: list[int], ends: list[int]
) -> tuple[list[Row], list[Reason]]:
    """Return the rows with each case in the order of time, and what is odd about that; the times are sorted in place."""
    stalls = set(compress(count(1), map(le, islice(times, 1, None), times))).difference(begins)
    unsorted = {bisect(begins, number) - 1 for number in stalls if times[number] < times[number - 1]}
    if unsorted:
        rows = list(rows)
    for case in unsorted:
        begin, end = begins[case], ends[case]
        rows[begin:end] = sorted(rows[begin:end], key=_AT)
        times[begin:end] = sorted(times[begin:end])
        stalls.difference_update(range(begin, end))
        stalls.update(number for number in range(begin + 1, end) if times[number] == times[number - 1])
    problems = [Reason.of("out_of_time_order", count=len(unsorted))] if unsorted else []
    return rows, problems + ([Reason.of("equal_times", count=len(stalls))] if stalls else [])


def _tells(rows: list[Row], part: Callable[[Row], Any]) -> bool:
    """Return whether a part of the rows is told anywhere."""
    return any(map(is_not, map(part, rows), repeat(None)))


def window_of(window: tuple[datetime, datetime] | None, seen: Seen) -> tuple[datetime, datetime, datetime]:
    """Return start, end and the last moment that lies inside: a window without an end includes its last observation."""
    if window is None:
        start, end = min(seen.firsts()), max(seen.lasts())
        return start, end, end
    start, end = (instant(moment, "window") for moment in window)
    if start >= end:
        raise InvalidInput.of("empty_window", start=start, end=end)
    return start, end, end - _TICK
