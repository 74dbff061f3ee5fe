"""Cases: plain observations grouped, checked and put into the order of time, before anything is measured."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from operator import eq, itemgetter, lt
from typing import Any, TypeAlias

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput, Reason

_TICK = datetime.resolution
_AT = itemgetter(2)
_WHOLE = 9

Row: TypeAlias = tuple[Any, ...]


@attrs.frozen
class Seen:
    """Rows by case in time order, each with its times, and what all of them leave out.

    `plain`: nothing beyond case, place and time; `silent`: no category; `rich`: people, judgements or hands-on time.
    """

    cases: list[tuple[list[Row], list[datetime]]]
    problems: tuple[Reason, ...]
    plain: bool
    silent: bool
    rich: bool


def by_case(observations: Iterable[Row]) -> Seen:
    """Return the observations by case, checked, in UTC and in the order of time.

    Raises:
        InvalidInput: a row is no tuple (case, place, at), a time has no time zone, or there is none.
    """
    cases: dict[str, list[Row]] = {}
    known, plain = cases.get, True
    for row in observations:
        if type(row) is not tuple or len(row) != 3:
            row, plain = _whole(row), False  # noqa: PLW2901 - the row made whole
        at = row[2]
        # two times of one zone with daylight saving subtract as wall clocks do, so all are brought to UTC
        if type(at) is not datetime or at.tzinfo is not UTC:
            row = (*row[:2], instant(at), *row[3:])  # noqa: PLW2901 - the same row in UTC
        held = known(row[0])
        if held is None:
            cases[row[0]] = [row]
        else:
            held.append(row)
    if not cases:
        raise InvalidInput.of("none_given", field="observations")
    unsorted = equal = 0
    timed: list[tuple[list[Row], list[datetime]]] = []
    for rows in cases.values():
        times = list(map(_AT, rows))
        if any(map(lt, islice(times, 1, None), times)):
            unsorted += 1
            rows.sort(key=_AT)
            times.sort()
        equal += sum(map(eq, islice(times, 1, None), times))
        timed.append((rows if plain else list(map(_whole, rows)), times))
    problems = [Reason.of("out_of_time_order", count=unsorted)] if unsorted else []
    problems += [Reason.of("equal_times", count=equal)] if equal else []
    silent = plain or all(row[3] is None for rows, _ in timed for row in rows)
    rich = not plain and any(row[5:7] != (None, None) or row[8] is not None for rows, _ in timed for row in rows)
    return Seen(timed, tuple(problems), plain, silent, rich)


def _whole(row: Any) -> Row:
    """Return an observation with all its nine parts, those that were not given being None."""
    if not isinstance(row, tuple) or not 3 <= len(row) <= _WHOLE:
        raise InvalidInput.of("ill_typed", field="observations", expected="a tuple (case, place, at)", value=row)
    return row if len(row) == _WHOLE else (*row, *(None,) * (_WHOLE - len(row)))


def window_of(window: tuple[datetime, datetime] | None, seen: Seen) -> tuple[datetime, datetime, datetime]:
    """Return start, end and the last moment that lies inside: a window without an end includes its last observation."""
    if window is None:
        start, end = min(times[0] for _, times in seen.cases), max(times[-1] for _, times in seen.cases)
        return start, end, end
    start, end = (instant(moment, "window") for moment in window)
    if start >= end:
        raise InvalidInput.of("empty_window", start=start, end=end)
    return start, end, end - _TICK
