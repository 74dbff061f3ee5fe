"""The arithmetic of flow: Little's law, takt, the lead-time ladder, shares, percentiles and what follows what."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any, TypeVar

import attrs

from itil4.errors import InvalidInput

Time = TypeVar("Time", float, timedelta)


@attrs.frozen
class LittlesLaw:
    """Three figures of a steady flow: wip = throughput x flow_time.

    `wip` is a number of items, `throughput` items per unit of time, `flow_time` that unit of time.
    """

    wip: float
    throughput: float
    flow_time: float


def littles_law(
    *, wip: float | None = None, throughput: float | None = None, flow_time: float | None = None
) -> LittlesLaw:
    """Return all three figures of Little's law, given two of them in one unit of time.

    Raises:
        InvalidInput: not exactly two are given, one is negative, or the third cannot be told (`undefined`).

    >>> littles_law(throughput=8, wip=16).flow_time          # 8 requests a month, 16 open: two months
    2.0
    """
    figures = {"wip": wip, "throughput": throughput, "flow_time": flow_time}
    if sum(value is None for value in figures.values()) != 1:
        raise InvalidInput.of(
            "two_of_three", fields=tuple(figures), given=tuple(k for k, v in figures.items() if v is not None)
        )
    for field, value in figures.items():
        if value is not None:
            _zero_or_more(field, value)
    if throughput is not None and flow_time is not None:
        return LittlesLaw(throughput * flow_time, throughput, flow_time)
    if wip is not None and flow_time is not None:
        return LittlesLaw(wip, _divide("throughput", wip, "flow_time", flow_time), flow_time)
    held, rate = wip or 0.0, throughput or 0.0
    return LittlesLaw(held, rate, _divide("flow_time", held, "throughput", rate))


def takt(available: Time, demand: float) -> Time:
    """Return the pace at which items must be finished to meet demand: available time per item asked for.

    Args:
        available: working time of a period, breaks taken off: a timedelta, or a number in any unit.
        demand: items asked for in that period.

    Raises:
        InvalidInput: the available time is negative, or nothing is asked for.

    >>> takt(timedelta(hours=7.5), 15)
    datetime.timedelta(seconds=1800)
    """
    _not_negative_time("available", available)
    _positive("demand", demand)
    return available / demand


@attrs.frozen
class Ladder:
    """The two totals of a lead-time ladder, each in the unit of its rungs.

    Attributes:
        waits: the upper rungs: how long an item lies in each inventory, in periods of demand (days, say).
        lead_time: their sum. Work is so short beside it that, as is the custom, it is kept apart.
        process_time: the sum of the lower rungs, the cycle times.
    """

    waits: tuple[float, ...]
    lead_time: float
    process_time: float


def ladder(
    demand: float,
    inventories: Sequence[float],
    cycle_times: Sequence[float],
    inventory_days: Sequence[float] = (),
) -> Ladder:
    """Return the lead-time ladder of a value stream map.

    An inventory of n items lasts n / demand periods, by Little's law.

    Args:
        demand: items that leave per period (a day, say).
        inventories: items that lie before each step.
        cycle_times: working time of each step, in any one unit.
        inventory_days: further waits that are known in periods already, such as raw material on stock.

    Raises:
        InvalidInput: a figure is negative, or demand is not more than zero.

    >>> acme = ladder(920, [7000, 1700, 2450, 1840, 4140], [1, 39, 46, 62, 40], inventory_days=[5])
    >>> round(acme.lead_time, 1), acme.process_time          # days, seconds
    (23.6, 188)
    """
    _positive("demand", demand)
    for field, values in (
        ("inventories", inventories),
        ("cycle_times", cycle_times),
        ("inventory_days", inventory_days),
    ):
        for value in values:
            _zero_or_more(field, value)
    waits = (*inventory_days, *(count / demand for count in inventories))
    return Ladder(waits, sum(waits), sum(cycle_times))


@attrs.frozen
class QueueAhead:
    """What somebody who joins a queue can expect: time before work starts, and until it is done."""

    queue_time: Any
    lead_time: Any


def queue_ahead(cycle_time: Time, in_progress: int, waiting: int) -> QueueAhead:
    """Return what the next item to join can expect when each item takes `cycle_time`, one after the other.

    Items in progress count in full: how far they are is not known.

    Raises:
        InvalidInput: a figure is negative.

    >>> queue_ahead(timedelta(minutes=10), in_progress=1, waiting=3).lead_time
    datetime.timedelta(seconds=3000)
    """
    _not_negative_time("cycle_time", cycle_time)
    _zero_or_more("in_progress", in_progress)
    _zero_or_more("waiting", waiting)
    queue_time = cycle_time * (in_progress + waiting)
    return QueueAhead(queue_time, queue_time + cycle_time)


def flow_efficiency(work: Time, lead: Time) -> float | None:
    """Return the share of the lead time in which work is done, from 0 to 1; None when the lead time is zero (INV-016).

    Raises:
        InvalidInput: a time is negative, or the work is longer than the lead time (`part_exceeds`).

    >>> flow_efficiency(timedelta(minutes=45), timedelta(days=1))
    0.03125
    """
    return _share("work", work, lead)


def value_added_ratio(value_added: Time, lead: Time) -> float | None:
    """Return the share of the lead time in which something is done that the consumer values; None at lead zero.

    Raises:
        InvalidInput: a time is negative, or the part is longer than the lead time.

    >>> value_added_ratio(45, 1440)
    0.03125
    """
    return _share("value_added", value_added, lead)


def rolled_complete_and_accurate(shares: Iterable[float]) -> float:
    """Return the share of items that pass every step without being sent back or mended: the product of all shares.

    Args:
        shares: for each step, the share of its results that the receiver could use as they came, from 0 to 1.

    Raises:
        InvalidInput: a share lies outside 0 to 1.

    >>> round(rolled_complete_and_accurate([0.9, 0.8, 0.95]), 3)
    0.684
    """
    product = 1.0
    for share in shares:
        _zero_or_more("shares", share)
        if share > 1:
            raise InvalidInput.of("ill_typed", field="shares", expected="a share from 0 to 1", value=share)
        product *= share
    return product


@attrs.frozen(kw_only=True)
class Distribution:
    """How a set of durations is spread. Percentiles are interpolated between the two nearest values."""

    count: int
    mean: timedelta
    shortest: timedelta
    median: timedelta
    p85: timedelta
    p95: timedelta
    longest: timedelta

    @classmethod
    def of(cls, durations: Iterable[timedelta]) -> "Distribution | None":
        """Return the distribution of the durations, None when there are none.

        >>> Distribution.of(timedelta(hours=h) for h in (1, 2, 6)).mean
        datetime.timedelta(seconds=10800)
        """
        ordered = sorted(durations)
        if not ordered:
            return None
        return cls(
            count=len(ordered),
            mean=sum(ordered, timedelta(0)) / len(ordered),
            shortest=ordered[0],
            median=percentile(ordered, 0.5),
            p85=percentile(ordered, 0.85),
            p95=percentile(ordered, 0.95),
            longest=ordered[-1],
        )


def percentile(ordered: Sequence[Time], share: float) -> Time:
    """Return the value below which `share` of the sorted values lie, interpolated between its two neighbours."""
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


@attrs.frozen
class DirectlyFollows:
    """What follows what: how often each pair, first and last place occurs, and where cases come back.

    `rework` counts, for each place, the cases that were there more than once.
    """

    edges: Mapping[tuple[str, str], int]
    starts: Mapping[str, int]
    ends: Mapping[str, int]
    rework: Mapping[str, int]


def directly_follows(traces: Iterable[Sequence[str]] | Mapping[tuple[str, ...], int]) -> DirectlyFollows:
    """Return the directly-follows graph of traces, one sequence of activities per case.

    Args:
        traces: the sequences; or a mapping of distinct sequences to how many cases took them.

    Raises:
        InvalidInput: a trace is one text rather than a sequence of texts.

    >>> graph = directly_follows([("register", "check", "pay"), ("register", "check", "check", "reject")])
    >>> graph.edges["register", "check"], graph.edges["check", "check"], graph.rework
    (2, 1, {'check': 1})
    """
    counted: Iterable[tuple[Sequence[str], int]]
    counted = traces.items() if isinstance(traces, Mapping) else ((trace, 1) for trace in traces)
    edges: Counter[tuple[str, str]] = Counter()
    starts: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    rework: Counter[str] = Counter()
    for trace, cases in counted:
        if isinstance(trace, str):
            raise InvalidInput.of("ill_typed", field="traces", expected="a sequence of texts per case", value=trace)
        if not trace:
            continue
        starts[trace[0]] += cases
        ends[trace[-1]] += cases
        for pair in pairwise(trace):
            edges[pair] += cases
        if len(set(trace)) < len(trace):
            for place, times in Counter(trace).items():
                if times > 1:
                    rework[place] += cases
    return DirectlyFollows(dict(edges), dict(starts), dict(ends), dict(rework))


def _share(field: str, part: Any, lead: Any) -> float | None:
    _not_negative_time(field, part)
    _not_negative_time("lead", lead)
    if isinstance(part, timedelta) != isinstance(lead, timedelta):
        raise InvalidInput.of("ill_typed", field="lead", expected=f"a {type(part).__name__}, as {field} is", value=lead)
    if part > lead:
        raise InvalidInput.of("part_exceeds", part=field, value=part, whole="lead", limit=lead)
    return part / lead if lead else None


def _divide(wanted: str, part: float, field: str, whole: float) -> float:
    if not whole:
        raise InvalidInput.of("undefined", wanted=wanted, field=field)
    return part / whole


def _not_negative_time(field: str, value: object) -> None:
    if not isinstance(value, timedelta):
        _zero_or_more(field, value)
    elif value < timedelta(0):
        raise InvalidInput.of("negative", field=field, value=value)


def _positive(field: str, value: object) -> None:
    _zero_or_more(field, value)
    if not value:
        raise InvalidInput.of("not_positive", field=field, value=value)


def _zero_or_more(field: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidInput.of("ill_typed", field=field, expected="a finite number", value=value)
    if value < 0:
        raise InvalidInput.of("negative", field=field, value=value)
