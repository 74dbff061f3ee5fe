"""Cases: plain observations grouped, checked and put into the order of time, before anything is measured.

Histories are long: each row is looked at once, and what it says is kept in columns.
"""

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import chain, compress, count, islice
from operator import le, ne
from typing import Any, TypeAlias

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput, Reason
from itil4.value.observations import Observation, Sign
from itil4.value.simulated_history import SimulatedHistory

_TICK = datetime.resolution
_LEAST, _WHOLE, _PARTS = 3, 9, 4

Row: TypeAlias = tuple[Any, ...]


@attrs.frozen
class Seen:
    """The observations of one case after those of another, each case in the order of time, as columns.

    Attributes:
        given: the observations as they were given; `order` has their numbers.
        cases, times: the case of each, and when it was, in UTC.
        ways: for each its sign, as a number in `signs`.
        begins, ends: for each case, in the order in which they were first seen: the numbers of its first row and of
            the first one that is no longer its own.
        problems: what is odd about them.
        rich: there are people, judgements or hands-on time.
    """

    given: Sequence[Row]
    order: Sequence[int]
    cases: list[str]
    times: list[datetime]
    ways: tuple[int, ...]
    signs: list[Sign]
    begins: list[int]
    ends: list[int]
    problems: tuple[Reason, ...]
    rich: bool

    @property
    def silent(self) -> bool:
        """Whether no observation says its category."""
        return all(category is None for _, category, _, _ in self.signs)

    @cached_property
    def rows(self) -> list[Row]:
        """All observations, each with its nine parts."""
        return [_whole(self.given[number]) for number in self.order]

    def firsts(self) -> list[datetime]:
        """Return when each case was first seen."""
        return [self.times[begin] for begin in self.begins]

    def lasts(self) -> list[datetime]:
        """Return when each case was last seen."""
        return [self.times[end - 1] for end in self.ends]


def by_case(observations: Iterable[Row]) -> Seen:
    """Return the observations by case, checked, in UTC and in the order of time.

    Raises:
        InvalidInput: a row is no tuple (case, place, at), a place is no text, a time has no time zone, hands-on time
            is negative, or there is no row.
    """
    if isinstance(observations, SimulatedHistory):
        given: Sequence[Row] = observations
        cases, times, ways, signs = observations.columns()
        rich = False
    else:
        given = list(observations)
        cases, times, ways, signs, rich = _columns(given)
    if not given:
        raise InvalidInput.of("none_given", field="observations")
    order: Sequence[int] = range(len(cases))
    begins = _begins(cases)
    if len({cases[begin] for begin in begins}) < len(begins):
        order = _together(cases)
        cases, times, ways = (
            [cases[number] for number in order],
            [times[number] for number in order],
            [ways[number] for number in order],
        )
        begins = _begins(cases)
    ends = [*begins[1:], len(order)]
    order, problems = _in_order(order, times, ways, begins, ends)
    return Seen(given, order, cases, times, tuple(ways), signs, begins, ends, tuple(problems), rich)


def _columns(rows: Iterable[Row]) -> tuple[list[str], list[datetime], list[int], list[Sign], bool]:
    """Return cases, times and signs (as numbers in those that come next) of the rows, and whether they are rich."""
    cases: list[str] = []
    times: list[datetime] = []
    ways: list[int] = []
    numbers: defaultdict[Any, int] = defaultdict(count().__next__)
    rich = False
    to_cases, to_times, to_ways = cases.append, times.append, ways.append
    for row in rows:
        sign: Any
        if type(row) is tuple and len(row) == _LEAST:
            case, sign, at = row
        else:
            told = row if type(row) is Observation else _whole(row)
            case, sign, at, category, kind, by, accepted, practice, touched = told
            if not (by is accepted is touched is None):
                rich = True
                _check_told(accepted, touched)
            if not (category is kind is practice is None):
                sign = (sign, category, kind, practice)
        if type(at) is not datetime or at.tzinfo is not UTC:
            # two times of one zone with daylight saving subtract as wall clocks do, so all are brought to UTC
            at = instant(at)
        try:
            to_ways(numbers[sign])
        except TypeError:  # a place that cannot even be looked up
            raise InvalidInput.of("ill_typed", field="place", expected="a text", value=row[1]) from None
        to_cases(case)
        to_times(at)
    return cases, times, ways, list(map(_sign, numbers)), rich


def _check_told(accepted: Any, touched: Any) -> None:
    if accepted is not None and not isinstance(accepted, bool):
        raise InvalidInput.of("ill_typed", field="accepted", expected="True, False or None", value=accepted)
    if touched is not None and not isinstance(touched, timedelta):
        raise InvalidInput.of("ill_typed", field="touched", expected="a timedelta or None", value=touched)
    if touched is not None and touched < timedelta(0):
        raise InvalidInput.of("negative", field="touched", value=touched)


def _whole(row: Any) -> Row:
    """Return an observation with all its nine parts, those that were not given being None."""
    if not isinstance(row, tuple) or not _LEAST <= len(row) <= _WHOLE:
        raise InvalidInput.of("ill_typed", field="observations", expected="a tuple (case, place, at)", value=row)
    return row if len(row) == _WHOLE else (*row, *(None,) * (_WHOLE - len(row)))


def _begins(cases: list[str]) -> list[int]:
    """Return where another case begins."""
    return [0, *compress(count(1), map(ne, islice(cases, 1, None), cases))]


def _together(cases: list[str]) -> list[int]:
    """Return the numbers of the rows, those of a case beside each other and otherwise in their order."""
    groups: dict[str, list[int]] = {}
    known = groups.get
    for number, case in enumerate(cases):
        held = known(case)
        if held is None:
            groups[case] = [number]
        else:
            held.append(number)
    return list(chain.from_iterable(groups.values()))


def _in_order(
    order: Sequence[int], times: list[datetime], ways: list[int], begins: list[int], ends: list[int]
) -> tuple[Sequence[int], list[Reason]]:
    """Return the order in which each case is in the order of time, and what is odd about it.

    Times and ways are put into that order in place.
    """
    stalls = set(compress(count(1), map(le, islice(times, 1, None), times))).difference(begins)
    unsorted = {bisect(begins, number) - 1 for number in stalls if times[number] < times[number - 1]}
    found = list(order) if unsorted else order
    columns: list[Any] = [times, ways, found]
    for case in unsorted:
        begin, end = begins[case], ends[case]
        places = sorted(range(begin, end), key=times.__getitem__)
        for column in columns:
            column[begin:end] = [column[place] for place in places]
        stalls.difference_update(range(begin, end))
        stalls.update(number for number in range(begin + 1, end) if times[number] == times[number - 1])
    problems = [Reason.of("out_of_time_order", count=len(unsorted))] if unsorted else []
    return found, problems + ([Reason.of("equal_times", count=len(stalls))] if stalls else [])


def _sign(told: Any) -> Sign:
    sign: Sign = told if isinstance(told, tuple) else (told, None, None, None)
    if len(sign) != _PARTS or not isinstance(sign[0], str):
        raise InvalidInput.of("ill_typed", field="place", expected="a text", value=sign[0] if sign else told)
    return sign


def window_of(window: tuple[datetime, datetime] | None, seen: Seen) -> tuple[datetime, datetime, datetime]:
    """Return start, end and the last moment that lies inside: a window without an end includes its last observation."""
    if window is None:
        start, end = min(seen.firsts()), max(seen.lasts())
        return start, end, end
    start, end = (instant(moment, "window") for moment in window)
    if start >= end:
        raise InvalidInput.of("empty_window", start=start, end=end)
    return start, end, end - _TICK
