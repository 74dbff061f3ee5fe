"""Figures: named folds over plain data, each with how many items it rests on and which are censored.

An item is censored when its value is not known yet: a record that is still open has a time to restore, but only
a lower bound of it. Figures leave censored items out of the value and count them, so that a good number cannot be
made by leaving bad records open. A ratio lies between 0 and 1, or is None where there is nothing to divide by.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import attrs

from itil4.errors import InvalidInput, nearest
from itil4.service_level.calendar import ALWAYS, ServiceCalendar
from itil4.service_level.reading import Reading, clock
from itil4.service_level.target import Target
from itil4.service_level.timeline import Span, merged
from itil4.service_level.zone import micro, moment

Value = TypeVar("Value")

Outage: TypeAlias = tuple[datetime, datetime | None]
"""When a service went down, and when it was restored; None while it is down."""

Basis: TypeAlias = Literal["due", "stopped"]
"""In which period a clock is counted: that in which it fell due, or that in which it was stopped."""


@attrs.frozen(kw_only=True)
class Figure(Generic[Value]):
    """A named value, the number of items that it rests on, and the censored ones that it leaves out."""

    name: str
    value: Value | None
    n: int
    censored: int = 0
    items: tuple[Any, ...] = attrs.field(default=(), repr=False)
    """What the value was made of: explains the figure down to its data."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; a duration is in seconds."""
        value: Any = self.value
        return {
            "name": self.name,
            "value": value.total_seconds() if isinstance(value, timedelta) else value,
            "n": self.n,
            "censored": self.censored,
        }

    def explain(self) -> str:
        """Return what it is, how many items it rests on, and each item that made it, a line each; of a share, the hits.

        >>> print(percentile([3, 8, 5, None], 50).explain())
        p50: 5 (n 3, censored 1)
          3
          5
          8
        """
        told = f"{self.name}: {self.value} (n {self.n:,}, censored {self.censored:,})"
        return "\n".join([told, *(f"  {_said(item)}" for item in self.items)])


def _said(item: Any) -> str:
    if isinstance(item, Reading):
        begun = "not started" if item.started_at is None else f"from {item.started_at.isoformat()}"
        verdict = "breached" if item.breached else "met" if item.met else "no verdict yet"
        return f"{item.target.label} {begun}: {item.state}, consumed {item.consumed}, {verdict}"
    if isinstance(item, tuple):
        return " to ".join(_said(part) for part in item)
    return item.isoformat() if isinstance(item, datetime) else str(item)


def percentile(values: Iterable[Value | None], percent: float) -> Figure[Value]:
    """Return the nearest-rank percentile: the smallest value that at least `percent` of the values do not exceed.

    It is always one of the values, never a mean of two. None stands for a censored value.

    >>> percentile([15, 20, 35, 40, 50], 40).value, percentile([15, 20, None], 100).censored
    (20, 1)
    >>> percentile([], 50).value is None
    True

    Raises:
        InvalidInput: `percent` is not above 0 and up to 100.
    """
    if isinstance(percent, bool) or not isinstance(percent, (int, float)) or not 0 < percent <= 100:
        raise InvalidInput.of("ill_typed", field="percent", expected="a number above 0, up to 100", value=percent)
    listed = list(values)
    try:
        known: list[Any] = sorted(value for value in listed if value is not None)
    except TypeError:
        raise InvalidInput.of(
            "ill_typed", field="values", expected="a list of values of one kind", value=listed
        ) from None
    # exact, as in floating point 0.07 * 100 is more than 7 and the rank would be one too high
    rank = ceil(Fraction(str(percent)) * len(known) / 100)
    return Figure(
        name=f"p{percent:g}",
        value=known[rank - 1] if known else None,
        n=len(known),
        censored=len(listed) - len(known),
        items=tuple(known),
    )


def share(name: str, hits: Sequence[Any], n: int, censored: int = 0) -> Figure[float]:
    """Return how many of `n` items are hits, as a ratio; None when there are no items."""
    return Figure(name=name, value=len(hits) / n if n else None, n=n, censored=censored, items=tuple(hits))


def compliance(readings: Iterable[Reading], start: datetime, end: datetime, *, by: Basis = "stopped") -> Figure[float]:
    """Return the share of clocks of a period that met their target.

    Args:
        readings: one per clock, read at or after the end of the period.
        start: when the period begins.
        end: when it ends; it is no longer a part of it.
        by: `stopped` counts the clocks that were stopped in the period. `due` counts those that had
            reached their target in it, or were to reach it when they were stopped.

    A cancelled clock is in no period. A clock that belongs to the period and has no verdict yet is censored.
    """
    if by not in ("due", "stopped"):
        known = ("due", "stopped")
        raise InvalidInput.of("not_a_choice", field="by", value=by, nearest=nearest(by, known), choices=known)
    first, last = micro(start, "start"), micro(end, "end")
    met: list[Reading] = []
    n = censored = 0
    for reading in readings:
        at = reading.stopped_at if by == "stopped" else fell_due(reading)
        if reading.state == "cancelled" or at is None or not first <= micro(at) < last:
            continue
        if reading.met is None:
            censored += 1
            continue
        n += 1
        if reading.met:
            met.append(reading)
    return share(f"compliance by {by}", met, n, censored)


def availability(
    outages: Iterable[Outage], start: datetime, end: datetime, calendar: ServiceCalendar = ALWAYS
) -> Figure[float]:
    """Return the share of agreed service time in which the service was not down (INV-103).

    Overlapping outages are merged first, and only what lies in agreed hours counts. An outage without an end lasts
    to the end of the period and is counted as censored.

    >>> from datetime import UTC
    >>> def day(number): return datetime(2026, 3, number, tzinfo=UTC)
    >>> availability([(day(2), day(4)), (day(3), day(5))], day(1), day(11)).value
    0.7
    """
    down, censored = _merged_outages(outages, micro(start, "start"), micro(end, "end"))
    agreed = calendar.timeline.elapsed(micro(start), micro(end))
    lost = sum(calendar.timeline.elapsed(a, b) for a, b in down)
    items = tuple((moment(a), moment(b)) for a, b in down)
    value = (agreed - lost) / agreed if agreed else None
    return Figure(name="availability", value=value, n=len(down), censored=censored, items=items)


def mtrs(
    outages: Iterable[Outage], start: datetime, end: datetime, calendar: ServiceCalendar = ALWAYS
) -> Figure[timedelta]:
    """Return the mean time to restore service of the merged outages that were restored in a period."""
    low, high = micro(start, "start"), micro(end, "end")
    lengths, open_ones = [], 0
    for a, b in _merged(outages):
        if b is None:
            open_ones += a < high
        elif low <= b < high:
            lengths.append(calendar.timeline.elapsed(a, b))
    return _mean("MTRS", lengths, open_ones)


def mtbf(
    outages: Iterable[Outage], start: datetime, end: datetime, calendar: ServiceCalendar = ALWAYS
) -> Figure[timedelta]:
    """Return the mean time between failures: from each restoration to the next failure, which lies in the period."""
    low, high = micro(start, "start"), micro(end, "end")
    merged_ones = _merged(outages)
    gaps = [
        calendar.timeline.elapsed(b, nxt)
        for (_, b), (nxt, _) in pairwise(merged_ones)
        if b is not None and low <= nxt < high
    ]
    up = bool(merged_ones) and merged_ones[-1][1] is not None and merged_ones[-1][0] < high
    return _mean("MTBF", gaps, int(up))


def mtbsi(
    outages: Iterable[Outage], start: datetime, end: datetime, calendar: ServiceCalendar = ALWAYS
) -> Figure[timedelta]:
    """Return the mean time between service incidents: from each failure to the next one, which lies in the period."""
    low, high = micro(start, "start"), micro(end, "end")
    begins = [a for a, _ in _merged(outages)]
    gaps = [calendar.timeline.elapsed(a, b) for a, b in pairwise(begins) if low <= b < high]
    return _mean("MTBSI", gaps, int(bool(begins) and begins[-1] < high))


def is_watermelon(met: Figure[float], satisfaction: float | None, threshold: float) -> bool:
    """Return whether all targets are met and the customer is still not satisfied: green outside, red inside (INV-100).

    >>> is_watermelon(share("compliance", ["INC1", "INC2"], 2), satisfaction=0.4, threshold=0.7)
    True
    """
    return met.value == 1 and satisfaction is not None and satisfaction < threshold


def impact(
    old: ServiceCalendar,
    new: ServiceCalendar,
    clocks: Iterable[tuple[Any, Target, Iterable[Any]]],
    asof: datetime,
) -> Mapping[Any, tuple[Reading, Reading]]:
    """Return the clocks whose verdict flips when a calendar is edited: key -> (reading before, reading after).

    Args:
        old: the calendar in force.
        new: its next revision.
        clocks: a key, the target and the history of each.
        asof: the instant to read them at.
    """
    flipped = {}
    for key, target, history in clocks:
        entries = list(history)
        before, after = clock(target, old, entries, asof), clock(target, new, entries, asof)
        if (before.breached, before.met) != (after.breached, after.met):
            flipped[key] = (before, after)
    return flipped


def fell_due(reading: Reading) -> datetime | None:
    """Return when a clock fell due, or would have had it not been stopped; None where that cannot be told."""
    if reading.breached:
        # reached while it was stopped: the reopening, at which that spell was added, is not kept by the reading
        return reading.reached_target_at or reading.stopped_at
    if reading.due_at is not None:
        return reading.due_at
    if reading.stopped_at is None:
        return None
    if reading.deadline is not None:
        return reading.deadline
    try:
        return reading.calendar.due(reading.stopped_at, reading.remaining)
    except InvalidInput:
        return None


def _merged(outages: Iterable[Outage]) -> list[tuple[int, int | None]]:
    known: list[Span] = []
    still: list[int] = []
    for index, (down, up) in enumerate(outages):
        began = micro(down, f"outages[{index}]")
        if up is None:
            still.append(began)
            continue
        restored = micro(up, f"outages[{index}]")
        if restored < began:
            ends = {"earlier": "the failure", "earlier_at": down, "later": "the restoration", "later_at": up}
            raise InvalidInput.of("time_order", **ends)
        known.append((began, restored))
    joined: list[tuple[int, int | None]] = list(merged(known))
    if still:
        began = min(still)
        reaching = [a for a, b in joined if b is not None and b >= began]
        joined = [(a, b) for a, b in joined if b is not None and b < began]
        joined.append((min([began, *reaching]), None))
    return joined


def _merged_outages(outages: Iterable[Outage], low: int, high: int) -> tuple[list[Span], int]:
    found = _merged(outages)
    cut = [(max(a, low), high if b is None else min(b, high)) for a, b in found]
    return [(a, b) for a, b in cut if a < b], sum(1 for a, b in found if b is None and a < high)


def _mean(name: str, lengths: list[int], censored: int) -> Figure[timedelta]:
    items = tuple(timedelta(microseconds=length) for length in lengths)
    value = timedelta(microseconds=sum(lengths) // len(lengths)) if lengths else None
    return Figure(name=name, value=value, n=len(lengths), censored=censored, items=items)
