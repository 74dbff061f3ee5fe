"""Let imagined cases run through a stream, and see what would change with more hands.

The result is a history of the same form that `observe` reads, so a simulated map and an observed one are
measured by the same code. Everything is decided by the seed.
"""

import heapq
import math
import random
from bisect import bisect
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import accumulate, chain, repeat
from typing import TypeAlias

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput, nearest
from itil4.value.observations import Sign
from itil4.value.observing import observe
from itil4.value.simulated_history import SimulatedHistory
from itil4.value.stream_map import StreamMap
from itil4.value.streams import ValueStream
from itil4.value.validators import counted, duration, frozen_list, must, some
from itil4.vocabulary import Category

Draw: TypeAlias = Callable[[random.Random], float]
"""Draws a duration, in seconds, from a source of randomness."""

_BATCH = 128
"""How many random durations are drawn at a time."""

START = datetime(2026, 1, 1, tzinfo=UTC)
"""When simulated histories begin unless told otherwise."""


@attrs.frozen
class Fixed:
    """Always the same duration."""

    time: timedelta = attrs.field(validator=duration)

    def __call__(self, source: random.Random) -> float:
        """Return it in seconds."""
        return self.time.total_seconds()


@attrs.frozen
class Exponential:
    """Random durations without memory around a mean: what the M/M/c formulas assume."""

    mean: timedelta = attrs.field(validator=duration)

    def __call__(self, source: random.Random) -> float:
        """Draw one, in seconds."""
        return -math.log(1.0 - source.random()) * self.mean.total_seconds()


@attrs.frozen
class Measured:
    """Durations that were measured, each as likely as the others."""

    times: tuple[timedelta, ...] = attrs.field(converter=frozen_list, validator=some(duration))

    def __call__(self, source: random.Random) -> float:
        """Draw one, in seconds."""
        return self.times[int(source.random() * len(self.times))].total_seconds()


def simulate(
    stream: ValueStream,
    arrivals: timedelta | Draw,
    service: Mapping[str, timedelta | Draw],
    capacity: Mapping[str, int] | None = None,
    *,
    seed: int,
    items: int = 1_000,
    routes: Mapping[str, Mapping[str | None, float]] | None = None,
    start: datetime = START,
) -> SimulatedHistory:
    """Return the history of `items` cases that run through the steps of a stream, first come, first served.

    A case that finds all hands of a step busy waits there in a queue (`waiting`, `queue`); then it is in work
    (`active`); after its last step it is `closed`. The n-th case to come to a step takes the n-th duration drawn
    for that step, whatever the capacity: histories of one seed are paired, and their difference is not luck.

    Args:
        stream: its steps are taken in their order.
        arrivals: time between arrivals: a mean (exponential), or a draw such as `Fixed` or `Measured`.
        service: working time for each step by name, likewise.
        capacity: how many cases a step works on at once, by name; without it, as the step says, or 1.
        seed: decides all randomness.
        items: how many cases arrive.
        routes: for a step, the probability of each next step by name, such as `{"Verify": {"Fix": 0.1}}` for
            rework; what is left over goes on to the step that comes next. None as a name ends the case.
        start: when the first waiting for an arrival begins.

    Raises:
        InvalidInput: the stream is not sound, a step is unknown or lacks its working time, a capacity is less
            than 1, probabilities exceed 1, or a draw returns what is no number of seconds.

    >>> from itil4.value.streams import Step
    >>> desk = ValueStream(id="desk", name="Desk", trigger="a call", outcome="an answer", steps=[
    ...     Step(name="Answer", activity="engage", practices=["service_desk"], capacity=2)])
    >>> history = simulate(desk, timedelta(minutes=6), {"Answer": timedelta(minutes=5)}, seed=7, items=2_000)
    >>> figures = observe(desk, history)
    >>> figures.finished, figures.open
    (2000, 0)
    """
    must(ValueStream, "stream", stream)
    stream.check({*stream.practices, *stream.watched})
    must(int, "seed", seed)
    for field, value in (("items", items), *(("capacity", hands) for hands in (capacity or {}).values())):
        counted(field, value)
    for names in (service, capacity or {}, routes or {}):
        for name in names:
            stream[name]
    stations = _stations(stream, service, capacity or {}, routes or {}, seed)
    gaps = _durations("arrivals", arrivals, random.Random(f"{seed}:arrivals"))
    began = instant(start, "start")
    seen, seconds = _run(stations, gaps, items)
    try:
        began + timedelta(0, seconds[-1])
    except OverflowError:
        raise InvalidInput.of("out_of_time", field="items", value=items) from None
    return SimulatedHistory(began, tuple(sight for station in stations for sight in station.sights()), seen, seconds)


def _run(stations: "list[_Station]", gaps: Iterator[float], items: int) -> tuple[list[int], list[float]]:
    """Let the cases run through the stations, and return what was seen of them and when, in the order of time."""
    seen: list[int] = []
    seconds: list[float] = []
    see, when = seen.append, seconds.append
    push, pop, replace = heapq.heappush, heapq.heappop, heapq.heapreplace
    width = len(stations) * len(_SIGHTS)
    # completions: when, tie-breaker, station, case; the one that never comes keeps the calendar from being empty
    done: list[tuple[float, int, _Station, int]] = [(math.inf, 0, stations[0], 0)]
    station: _Station | None
    serial, arrived, next_arrival = 0, 0, next(gaps)
    while True:
        now, _, finished, case = done[0]
        if next_arrival <= now:
            if arrived == items:
                return seen, seconds
            now, case, station = next_arrival, arrived * width, stations[0]
            arrived += 1
            next_arrival = now + next(gaps) if arrived < items else math.inf
        else:
            if finished.queue:
                serial += 1
                waiting = finished.queue.popleft()
                see(waiting + finished.active)
                when(now)
                replace(done, (now + finished.work(), serial, finished, waiting))
            else:
                finished.free += 1
                pop(done)
            station = finished.next() if finished.bounds else finished.onward
            if station is None:
                see(case + finished.closed)
                when(now)
                continue
        if station.free:
            station.free -= 1
            serial += 1
            see(case + station.active)
            when(now)
            push(done, (now + station.work(), serial, station, case))
        else:
            station.queue.append(case)
            see(case + station.waiting)
            when(now)


@attrs.frozen(kw_only=True)
class WhatIf:
    """Two simulations of one seed, differing in capacity only.

    Attributes:
        before, after: the maps.
        saved: mean lead time before, less mean lead time after.
        waiting_saved: all waiting before, less all waiting after.
    """

    before: StreamMap
    after: StreamMap
    saved: timedelta
    waiting_saved: timedelta


def what_if(
    stream: ValueStream,
    arrivals: timedelta | Draw,
    service: Mapping[str, timedelta | Draw],
    capacity: Mapping[str, int],
    *,
    seed: int,
    items: int = 1_000,
    routes: Mapping[str, Mapping[str | None, float]] | None = None,
) -> WhatIf:
    """Return what another capacity would change, such as one more agent, all else and all luck being the same.

    Args:
        capacity: the capacities to try; steps that are not named keep theirs.

    Others as in `simulate`, which also says what is raised.

    >>> from itil4.value.streams import Step
    >>> desk = ValueStream(id="desk", name="Desk", trigger="a call", outcome="an answer", steps=[
    ...     Step(name="Answer", activity="engage", practices=["service_desk"])])
    >>> one_more = what_if(desk, timedelta(minutes=6), {"Answer": timedelta(minutes=5)}, {"Answer": 2}, seed=7)
    >>> one_more.saved > timedelta(minutes=5)
    True
    """
    maps = [
        observe(
            stream,
            simulate(stream, arrivals, service, hands, seed=seed, items=items, routes=routes),
            source="simulated",
        )
        for hands in (None, capacity)
    ]
    before, after = maps
    zero = timedelta(0)
    saved = (before.lead.mean if before.lead else zero) - (after.lead.mean if after.lead else zero)
    return WhatIf(before=before, after=after, saved=saved, waiting_saved=before.wait - after.wait)


_SIGHTS: tuple[tuple[Category, str | None], ...] = (("waiting", "queue"), ("active", None), ("closed", None))
"""How a case can be seen in a step."""


class _Station:
    """A step at work: its free hands, its queue, its own sources of randomness, and where cases go from here.

    `waiting`, `active` and `closed` are the numbers of its sights.
    """

    __slots__ = (
        "_targets", "_turns", "active", "bounds", "closed", "free", "name", "onward", "queue", "waiting", "work",
    )  # fmt: skip

    def __init__(self, number: int, name: str, free: int, works: Iterator[float], seed: int) -> None:
        self.name, self.free, self.work = name, free, works.__next__
        self.waiting, self.active, self.closed = range(number * len(_SIGHTS), (number + 1) * len(_SIGHTS))
        self.queue: deque[int] = deque()
        self._turns = random.Random(f"{seed}:turn:{name}")
        self.lead(None, {})

    def sights(self) -> Iterator[Sign]:
        """Yield how a case can be seen here."""
        return ((self.name, category, kind, None) for category, kind in _SIGHTS)

    def lead(self, onward: "_Station | None", turns: "Mapping[_Station | None, float]") -> None:
        """Cases go `onward` from here, None being the end of the stream, unless they take one of the turns."""
        self.onward, self._targets, self.bounds = onward, (*turns, onward), tuple(accumulate(turns.values()))

    def next(self) -> "_Station | None":
        """Return where the next case goes, by lot."""
        return self._targets[bisect(self.bounds, self._turns.random())]


def _stations(
    stream: ValueStream,
    service: Mapping[str, timedelta | Draw],
    capacity: Mapping[str, int],
    routes: Mapping[str, Mapping[str | None, float]],
    seed: int,
) -> list[_Station]:
    named: dict[str | None, _Station | None] = {None: None}
    for step in stream.steps:
        if step.name not in service:
            raise InvalidInput.of("no_working_time", step=step.name, stream=stream.id)
        field, source = f"The working time of {step.name!r}", random.Random(f"{seed}:time:{step.name}")
        works = _durations(field, service[step.name], source)
        hands = capacity.get(step.name, step.capacity or 1)
        named[step.name] = _Station(len(named) - 1, step.name, hands, works, seed)
    stations = [station for station in named.values() if station is not None]
    for station, onward in zip(stations, (*stations[1:], None), strict=True):
        turns = routes.get(station.name, {})
        for name, odds in turns.items():
            if name not in named:
                near, where = nearest(str(name), [each.name for each in stations]), f"The routes from {station.name!r}"
                raise InvalidInput.of("unknown_name", where=where, what="step", name=name, nearest=near)
            if not 0 <= odds <= 1 or sum(turns.values()) > 1:
                raise InvalidInput.of("bad_odds", step=station.name, odds=tuple(turns.values()))
        station.lead(onward, {named[name]: odds for name, odds in turns.items()})
    return stations


def _durations(field: str, time: timedelta | Draw, source: random.Random) -> Iterator[float]:
    """Return durations without end, in seconds; those of our own draws come in batches, in the same order."""
    if isinstance(time, timedelta):
        if time <= timedelta(0):
            raise InvalidInput.of("not_positive", field=field, value=time)
        time = Exponential(time)
    if not callable(time):
        raise InvalidInput.of("ill_typed", field=field, expected="a timedelta or a draw", value=time)
    if type(time) is Exponential:
        return chain.from_iterable(_exponentials(time.mean.total_seconds(), source))
    return map(time if type(time) in (Fixed, Measured) else _checked(field, time), repeat(source))


def _exponentials(mean: float, source: random.Random) -> Iterator[list[float]]:
    log, uniform = math.log, source.random
    while True:
        yield [-log(1.0 - uniform()) * mean for _ in range(_BATCH)]


def _checked(field: str, draw: Draw) -> Draw:
    """Return a draw of the caller's own that refuses what is no duration, before it gets into a history."""

    def checked(source: random.Random) -> float:
        drawn = draw(source)
        if isinstance(drawn, bool) or not isinstance(drawn, (int, float)) or not 0 <= drawn < math.inf:
            raise InvalidInput.of("ill_typed", field=field, expected="a draw of seconds, zero or more", value=drawn)
        return drawn

    return checked
