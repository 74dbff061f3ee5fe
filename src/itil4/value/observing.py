"""Compute the map of a value stream from what was seen of its cases: pure, over plain observations."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import compress, pairwise, repeat
from operator import not_, sub
from typing import TypeAlias

import attrs

from itil4.clock import Calendar
from itil4.value.cases import Row, by_case, window_of
from itil4.value.flow import Distribution, directly_follows
from itil4.value.stream_map import LittleCheck, Source, StreamMap, Variant
from itil4.value.streams import ValueStream
from itil4.value.totals import Handling, Totals, bottleneck, follow_times, ratios, total
from itil4.value.traces import Trace, reader_of, taken
from itil4.vocabulary import Category

_ZERO = timedelta(0)
_HOUR = timedelta(hours=1)

Between: TypeAlias = Callable[[datetime, datetime], timedelta]


def observe(
    stream: ValueStream | None,
    observations: Iterable[Row],
    *,
    calendar: Calendar | None = None,
    window: tuple[datetime, datetime] | None = None,
    categories: Mapping[str, Category] | None = None,
    kinds: Mapping[str, str] | None = None,
    ends: Collection[str] = (),
    source: Source = "observed",
) -> StreamMap:
    """Return the map of a stream as its history shows it.

    The place of an observation becomes the step that has that name or names that state. A waiting place that no
    step names belongs to the step that it interrupts, so that coming back from it is not rework.

    Args:
        stream: the stream whose steps to use; None to take places as they are.
        observations: tuples (case, place, at), or `Observation` with more; in any order.
        calendar: when the service is delivered; without it, durations are calendar time.
        window: `[start, end)`; without it, from the first observation to the last.
        categories: what places mean, where observations do not say it themselves.
        kinds: what is waited for in a waiting place, likewise.
        ends: places in which a case is finished, besides those of the categories resolved, closed and cancelled.
            Where neither categories nor ends are known, every case is taken to end with its last observation.
        source: what the map is to be called: observed or simulated.

    Raises:
        InvalidInput: the stream is not sound, a time has no time zone, a category is unknown, the window is empty,
            or there is nothing to observe.

    >>> from datetime import UTC
    >>> at = lambda hour: datetime(2026, 3, 2, hour, tzinfo=UTC)
    >>> seen = observe(None, [
    ...     ("INC1", "new", at(8)), ("INC1", "in_progress", at(10)), ("INC1", "closed", at(11)),
    ...     ("INC2", "new", at(9)),
    ... ], categories={"new": "new", "in_progress": "active", "closed": "closed"})
    >>> seen.finished, seen.open, seen.lead.mean, round(seen.flow_efficiency, 3)
    (1, 1, datetime.timedelta(seconds=10800), 0.333)
    """
    seen = by_case(observations)
    reader = reader_of(stream, seen, categories, kinds, ends)
    start, end, last = window_of(window, seen)
    # `between(later, earlier)`: a builtin where it can be, for it runs once per stay
    between: Between = sub if calendar is None else lambda later, earlier: calendar.elapsed(earlier, later)
    found = _Cases(start, end, last, between)
    recorded = taken(seen, reader)
    for each, begins in recorded.items():
        each.trace.take(begins, each.cuts, seen.times)
    for trace in reader.traces:
        found.add(trace)
    found.finished.sort()
    handling = Handling()
    if seen.rich:
        way = {begin: each for each, begins in recorded.items() for begin in begins}
        for begin in found.finished:
            handling.add(seen.rows[begin : begin + way[begin].cuts[-1] + 1], way[begin].places())
    leads, ages, load = found.leads, found.ages, found.load
    arrived = len(seen.begins) if window is None else sum(start <= first <= last for first in seen.firsts())

    totals, span, lead = Totals(reader.traces, handling), between(end, start), total(leads)
    shares, unknown = ratios(stream, totals, lead)
    steps = totals.figures(stream, span)
    ways: Counter[tuple[str, ...]] = Counter()
    finished_ways: Counter[tuple[str, ...]] = Counter()
    for trace in reader.traces:
        ways[trace.path] += trace.finished + trace.others
        finished_ways[trace.path] += trace.finished
    return StreamMap(
        stream=stream.id if stream is not None else None,
        source=source,
        start=start,
        end=end,
        cases=len(seen.begins),
        arrived=arrived,
        finished=len(leads),
        open=len(ages),
        lead=Distribution.of(leads),
        ages=Distribution.of(ages),
        work=total(totals.work.values()),
        waits=totals.all_waits(),
        touched=total(handling.touched.values()),
        steps=steps,
        takt=span / arrived if arrived else None,
        little=LittleCheck(
            load=load / span if span else 0.0,
            velocity=len(leads) / (span / _HOUR) if span else 0.0,
            time=lead / _HOUR / len(leads) if leads else None,
        ),
        follows=directly_follows(ways),
        follow_times=follow_times(reader.traces),
        variants=tuple(
            Variant(path, count, count / len(leads)) for path, count in finished_ways.most_common() if count
        ),
        handoffs=handling.handoffs,
        bottleneck=bottleneck(steps),
        problems=(*seen.problems, *reader.strays()),
        unknown=unknown,
        finished_cases=tuple(map(seen.cases.__getitem__, found.finished)),
        **shares,
    )


@attrs.define
class _Cases:
    """What is measured of single cases, trace by trace: a column of instants for each moment of the trace."""

    start: datetime
    end: datetime
    last: datetime
    between: Between
    finished: list[int] = attrs.Factory(list)
    leads: list[timedelta] = attrs.Factory(list)
    ages: list[timedelta] = attrs.Factory(list)
    load: timedelta = _ZERO

    def add(self, trace: Trace) -> None:
        """Add the cases that took a trace, and to the trace its sums."""
        ending, done = trace.ending, trace.moments
        if ending is None:
            inside = [False] * len(trace.cases)
        else:
            inside = [self.start <= over <= self.last for over in trace.moments[ending]]
        if not all(inside):
            done = [list(compress(column, inside)) for column in trace.moments]
            others = [list(compress(column, map(not_, inside))) for column in trace.moments]
            self._leave(others[0], repeat(None) if ending is None else others[ending])
            trace.others, trace.other_times = len(others[0]), self._stays(others)
        if ending is not None and done[0]:
            self.finished += compress(trace.cases, inside)
            self._finish(done[0], done[ending])
            trace.finished, trace.finished_times = len(done[0]), self._stays(done)

    def _stays(self, moments: list[list[datetime]]) -> list[timedelta]:
        return [total(map(self.between, ended, begun)) for begun, ended in pairwise(moments)]

    def _finish(self, firsts: list[datetime], overs: list[datetime]) -> None:
        leads = list(map(self.between, overs, firsts))
        self.leads += leads
        self.load += total(leads)
        for first in firsts:
            if first < self.start:
                self.load -= self.between(self.start, first)

    def _leave(self, firsts: list[datetime], overs: Iterable[datetime | None]) -> None:
        """Add the ages of cases that were open when the window ended; others finished before it, or begin after it."""
        for first, over in zip(firsts, overs, strict=False):
            if first <= self.last and (over is None or over > self.last):
                self.ages.append(self.between(self.end, first))
                self.load += self.between(self.end, max(first, self.start))
