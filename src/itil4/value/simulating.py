"""Let imagined cases run through a stream, and see what would change with more hands.

The result is a history of the same form that `observe` reads, so a simulated map and an observed one are
measured by the same code. Everything is decided by the seed.
"""

import heapq
import math
import random
from bisect import bisect
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TypeAlias

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput, nearest
from itil4.value.observations import Observation
from itil4.value.observing import observe
from itil4.value.stream_map import StreamMap
from itil4.value.streams import ValueStream
from itil4.value.validators import counted, duration, frozen_list, must, some

Draw: TypeAlias = Callable[[random.Random], float]
"""Draws a duration, in seconds, from a source of randomness."""

START = datetime(2026, 1, 1, tzinfo=UTC)
"""When simulated histories begin unless told otherwise."""

_BLANK = (None, None, None, None, None)
"""The parts of an observation that simulation says nothing about."""


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
) -> list[Observation]:
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
            than 1, or probabilities exceed 1.

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
    gap, gaps = _draw("arrivals", arrivals), random.Random(f"{seed}:arrivals")
    began = instant(start, "start")

    history: list[Observation] = []
    note, push, pop, made = history.append, heapq.heappush, heapq.heappop, Observation._make
    done: list[tuple[float, int, int, str]] = []  # completions: when, tie-breaker, station, case
    serial, now, next_arrival, left = 0, 0.0, gap(gaps), items
    while left or done:
        if left and (not done or next_arrival <= done[0][0]):
            now, left = next_arrival, left - 1
            case, target = f"case-{items - left}", 0
            next_arrival = now + gap(gaps)
        else:
            now, _, finished, case = pop(done)
            station = stations[finished]
            if station.queue:
                serial += 1
                waiting, work = station.queue.popleft()
                note(made((waiting, station.name, began + timedelta(0, now), "active", *_BLANK)))
                push(done, (now + work, serial, finished, waiting))
            else:
                station.free += 1
            target = station.next()
            if target < 0:
                note(made((case, station.name, began + timedelta(0, now), "closed", *_BLANK)))
                continue
        station = stations[target]
        work = station.work(station.times)
        at = began + timedelta(0, now)
        if station.free:
            station.free -= 1
            serial += 1
            note(made((case, station.name, at, "active", *_BLANK)))
            push(done, (now + work, serial, target, case))
        else:
            station.queue.append((case, work))
            note(made((case, station.name, at, "waiting", "queue", *_BLANK[1:])))
    return history


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


class _Station:
    """A step at work: its free hands, its queue, and its own sources of randomness."""

    __slots__ = ("_bounds", "_targets", "_turns", "free", "name", "queue", "times", "work")

    def __init__(
        self, name: str, free: int, work: Draw, seed: int, targets: Sequence[int], odds: Sequence[float]
    ) -> None:
        self.name, self.free, self.work = name, free, work
        self.queue: deque[tuple[str, float]] = deque()
        self.times = random.Random(f"{seed}:time:{name}")
        self._turns = random.Random(f"{seed}:turn:{name}")
        self._targets, self._bounds = targets, tuple(accumulate(odds))

    def next(self) -> int:
        """Return the number of the station where the case goes on, or -1 when it is through."""
        targets = self._targets
        return targets[0] if len(targets) == 1 else targets[bisect(self._bounds, self._turns.random())]


def _stations(
    stream: ValueStream,
    service: Mapping[str, timedelta | Draw],
    capacity: Mapping[str, int],
    routes: Mapping[str, Mapping[str | None, float]],
    seed: int,
) -> list[_Station]:
    numbers = {step.name: number for number, step in enumerate(stream.steps)}
    stations = []
    for number, step in enumerate(stream.steps):
        if step.name not in service:
            raise InvalidInput.of("no_working_time", step=step.name, stream=stream.id)
        turns = routes.get(step.name, {})
        for name, odds in turns.items():
            if name is not None and name not in numbers:
                near, where = nearest(name, numbers), f"The routes from {step.name!r}"
                raise InvalidInput.of("unknown_name", where=where, what="step", name=name, nearest=near)
            if not 0 <= odds <= 1 or sum(turns.values()) > 1:
                raise InvalidInput.of("bad_odds", step=step.name, odds=tuple(turns.values()))
        onward = number + 1 if number + 1 < len(stream.steps) else -1
        targets = [*(-1 if name is None else numbers[name] for name in turns), onward]
        work = _draw(f"The working time of {step.name!r}", service[step.name])
        hands = capacity.get(step.name, step.capacity or 1)
        stations.append(_Station(step.name, hands, work, seed, targets, tuple(turns.values())))
    return stations


def _exponential(mean: float) -> Draw:
    """Return the draw of `Exponential` with its mean in seconds worked out once, for it runs once per visit."""
    log = math.log
    return lambda source: -log(1.0 - source.random()) * mean


def _draw(field: str, time: timedelta | Draw) -> Draw:
    if isinstance(time, timedelta):
        if time <= timedelta(0):
            raise InvalidInput.of("not_positive", field=field, value=time)
        return _exponential(time.total_seconds())
    if type(time) is Exponential:
        return _exponential(time.mean.total_seconds())
    if not callable(time):
        raise InvalidInput.of("ill_typed", field=field, expected="a timedelta or a draw", value=time)
    return time
