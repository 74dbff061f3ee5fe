"""Compute the map of a value stream from what was seen of its cases: pure, over plain observations."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import eq, itemgetter, lt, sub
from typing import Any, TypeAlias

import attrs

from itil4.clock import Calendar, instant
from itil4.errors import InvalidInput, Reason
from itil4.value.courses import Reader, Track
from itil4.value.fields import must
from itil4.value.flow import Distribution, directly_follows
from itil4.value.stream_map import LittleCheck, Source, StreamMap, Variant
from itil4.value.streams import ValueStream
from itil4.value.tally import Hands, Tally, bottleneck, follow_times, ratios, total
from itil4.vocabulary import Category

_ZERO = timedelta(0)
_HOUR = timedelta(hours=1)
_TICK = timedelta.resolution
_PLACE, _AT, _SIGN = itemgetter(1), itemgetter(2), itemgetter(1, 3, 4, 7)
_WHOLE = 9

Row: TypeAlias = tuple[Any, ...]
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
    if stream is not None:
        must(ValueStream, "stream", stream)
        stream.check({*stream.practices, *(practice for step in stream.steps for practice, _ in step.states)})
    seen = _by_case(observations)
    silent = seen.silent and not categories and not ends
    reader = Reader(stream, categories or {}, kinds or {}, frozenset(ends), silent)
    start, end, last = _window(window, seen)
    # `between(later, earlier)`: a builtin where it can be, for it runs once per stay
    between: Between = sub if calendar is None else lambda later, earlier: calendar.elapsed(earlier, later)
    sign = _PLACE if seen.plain else _SIGN
    tracks: dict[tuple[Any, ...], Track] = {}
    hands = Hands()
    leads: list[timedelta] = []
    ages: list[timedelta] = []
    arrived, load = 0, _ZERO
    for rows, times in seen.cases:
        signs = tuple(map(sign, rows))
        track = tracks.get(signs)
        if track is None:
            track = tracks[signs] = reader.track(signs)
        course, cuts = track.course, track.cuts
        first = times[0]
        over = times[-1] if course.ends_last else None if course.closing is None else times[cuts[course.closing]]
        arrived += start <= first <= last
        if over is not None and start <= over <= last:
            lead_time = between(over, first)
            leads.append(lead_time)
            load += lead_time if first >= start else between(over, start)
            course.finished += 1
            sums = course.finished_times
            if seen.rich:
                hands.add(rows, track.places())
        else:
            course.others += 1
            sums = course.other_times
            if first <= last and (over is None or over > last):
                ages.append(between(end, first))
                load += between(end, max(first, start))
        begins = first
        for number, cut in enumerate(cuts[1:]):
            finishes = times[cut]
            sums[number] += between(finishes, begins)
            begins = finishes

    tally, span, lead = Tally(reader.courses, hands), between(end, start), total(leads)
    shares, unknown = ratios(stream, tally, lead)
    steps = tally.figures(stream, span)
    ways: Counter[tuple[str, ...]] = Counter()
    finished_ways: Counter[tuple[str, ...]] = Counter()
    for course in reader.courses:
        ways[course.path] += course.finished + course.others
        finished_ways[course.path] += course.finished
    return StreamMap(
        stream=stream.id if stream is not None else None,
        source=source,
        start=start,
        end=end,
        cases=len(seen.cases),
        arrived=arrived,
        finished=len(leads),
        open=len(ages),
        lead=Distribution.of(leads),
        ages=Distribution.of(ages),
        work=total(tally.work.values()),
        waits=tally.all_waits(),
        touched=total(hands.touched.values()),
        steps=steps,
        takt=span / arrived if arrived else None,
        little=LittleCheck(
            load=load / span if span else 0.0,
            velocity=len(leads) / (span / _HOUR) if span else 0.0,
            time=lead / _HOUR / len(leads) if leads else None,
        ),
        follows=directly_follows(ways),
        follow_times=follow_times(reader.courses),
        variants=tuple(
            Variant(path, count, count / len(leads)) for path, count in finished_ways.most_common() if count
        ),
        handoffs=hands.handoffs,
        bottleneck=bottleneck(steps),
        problems=(*seen.problems, *reader.strays()),
        unknown=unknown,
        **shares,
    )


@attrs.frozen
class _Seen:
    """Rows by case in time order, each with its times, and what all of them leave out.

    `plain`: nothing beyond case, place and time; `silent`: no category; `rich`: people, judgements or hands-on time.
    """

    cases: list[tuple[list[Row], list[datetime]]]
    problems: tuple[Reason, ...]
    plain: bool
    silent: bool
    rich: bool


def _by_case(observations: Iterable[Row]) -> _Seen:
    cases: dict[str, list[Row]] = {}
    known, plain = cases.get, True
    for row in observations:
        if type(row) is not tuple or len(row) != 3:
            row, plain = _whole(row), False
        at = row[2]
        # two times of one zone with daylight saving subtract as wall clocks do, so all are brought to UTC
        if type(at) is not datetime or at.tzinfo is not UTC:
            row = (*row[:2], instant(at), *row[3:])
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
    return _Seen(timed, tuple(problems), plain, silent, rich)


def _whole(row: Any) -> Row:
    """Return an observation with all its nine parts, those that were not given being None."""
    if not isinstance(row, tuple) or not 3 <= len(row) <= _WHOLE:
        raise InvalidInput.of("ill_typed", field="observations", expected="a tuple (case, place, at)", value=row)
    return row if len(row) == _WHOLE else (*row, *(None,) * (_WHOLE - len(row)))


def _window(window: tuple[datetime, datetime] | None, seen: _Seen) -> tuple[datetime, datetime, datetime]:
    """Return start, end and the last moment that lies inside: a window without an end includes its last observation."""
    if window is None:
        start, end = min(times[0] for _, times in seen.cases), max(times[-1] for _, times in seen.cases)
        return start, end, end
    start, end = (instant(moment, "window") for moment in window)
    if start >= end:
        raise InvalidInput.of("empty_window", start=start, end=end)
    return start, end, end - _TICK
