"""Let imagined cases run through a stream, and see what would change with more hands.

The result is a history of the same form that `observe` reads, so a simulated map and an observed one are
measured by the same code. Everything is decided by the seed.
"""

import heapq
import math
import random
from bisect import bisect
from collections import deque
from collections.abc import Callable, Mapping
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
    gap, gaps = _draw("arrivals", arrivals), random.Random(f"{seed}:arrivals")
    began = instant(start, "start")

    history: list[Observation] = []
    note, push, pop, new = history.append, heapq.heappush, heapq.heappop, tuple.__new__
    done: list[tuple[float, int, _Station, str]] = []  # completions: when, tie-breaker, station, case
    first, serial, next_arrival, left = stations[0], 0, gap(gaps), items
    while left or done:
        station: _Station | None
        if left and (not done or next_arrival <= done[0][0]):
            now, left = next_arrival, left - 1
            at = began + timedelta(0, now)
            case, station = f"case-{items - left}", first
            next_arrival = now + gap(gaps)
        else:
            now, _, finished, case = pop(done)
            at = began + timedelta(0, now)
            if finished.queue:
                serial += 1
                waiting, work = finished.queue.popleft()
                note(new(Observation, (waiting, finished.name, at, "active", None, None, None, None, None)))
                push(done, (now + work, serial, finished, waiting))
            else:
                finished.free += 1
            station = finished.next() if finished.bounds else finished.onward
            if station is None:
                note(new(Observation, (case, finished.name, at, "closed", None, None, None, None, None)))
                continue
        work = station.work(station.times)
        if station.free:
            station.free -= 1
            serial += 1
            note(new(Observation, (case, station.name, at, "active", None, None, None, None, None)))
            push(done, (now + work, serial, station, case))
        else:
            station.queue.append((case, work))
            note(new(Observation, (case, station.name, at, "waiting", "queue", None, None, None, None)))
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
    """A step at work: its free hands, its queue, its own sources of randomness, and where cases go from here."""

    __slots__ = ("_targets", "_turns", "bounds", "free", "name", "onward", "queue", "times", "work")

    def __init__(self, name: str, free: int, work: Draw, seed: int) -> None:
        self.name, self.free, self.work = name, free, work
        self.queue: deque[tuple[str, float]] = deque()
        self.times = random.Random(f"{seed}:time:{name}")
        self._turns = random.Random(f"{seed}:turn:{name}")
        self.lead(None, {})

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
        work = _draw(f"The working time of {step.name!r}", service[step.name])
        named[step.name] = _Station(step.name, capacity.get(step.name, step.capacity or 1), work, seed)
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
    return time if type(time) in (Fixed, Measured) else _checked(field, time)


def _checked(field: str, draw: Draw) -> Draw:
    """Return a draw of the caller's own that refuses what is no duration, before it gets into a history."""

    def checked(source: random.Random) -> float:
        drawn = draw(source)
        if isinstance(drawn, bool) or not isinstance(drawn, (int, float)) or not 0 <= drawn < math.inf:
            raise InvalidInput.of("ill_typed", field=field, expected="a draw of seconds, zero or more", value=drawn)
        return drawn

    return checked
