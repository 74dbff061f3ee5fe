"""Traces: what a sequence of observed places means, worked out once for all cases that share it.

Histories have many cases and few ways through. `TraceReader` turns each distinct sequence of places into a
`Trace` of stays (which step, which category, how it waits); cases then only add their times to it. It runs
once per sequence, so that what runs once per case is a look-up and a few subtractions.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import compress, count, islice, pairwise, repeat
from operator import ne
from typing import Any

import attrs

from itil4.errors import InvalidInput, Reason, nearest
from itil4.value.cases import Row, Seen
from itil4.value.observations import Sign
from itil4.value.stream_map import Wait
from itil4.value.streams import ValueStream
from itil4.value.validators import must
from itil4.vocabulary import OPEN, Category, choices

_KNOWN = choices(Category)
_ZERO = timedelta(0)


@attrs.frozen
class Stay:
    """An unbroken time in one place, until the next stay of the trace begins.

    `counts` says whether it belongs to the lead time: what comes after the case was finished does not.
    """

    place: str
    category: Category | None
    wait: Wait | None
    counts: bool


@attrs.define
class Trace:
    """One sequence of stays with what it means, and the sums of the cases that took it.

    Attributes:
        stays: the times spent, in order.
        path: the steps and places, stays in one of them taken together.
        ending: number of the moment that finished the case (where a stay begins, or else the last observation);
            None while it is open.
        cases: where the cases begin that took it.
        moments: for each stay when they came to it, one column of instants; then when they were last observed.
        finished, others: how many of them finished inside the window, or did not.
        finished_times, other_times: per stay, the sums over the ones and the others.
    """

    stays: tuple[Stay, ...]
    path: tuple[str, ...]
    ending: int | None
    cases: list[int] = attrs.Factory(list)
    moments: list[list[datetime]] = attrs.Factory(lambda self: [[] for _ in (*self.stays, None)], takes_self=True)
    finished: int = 0
    others: int = 0
    finished_times: list[timedelta] = attrs.Factory(lambda self: [_ZERO] * len(self.stays), takes_self=True)
    other_times: list[timedelta] = attrs.Factory(lambda self: [_ZERO] * len(self.stays), takes_self=True)

    def take(self, begins: list[int], cuts: tuple[int, ...], times: list[datetime]) -> None:
        """Add cases that took it, given where they begin among the times and how far from there each stay does."""
        self.cases += begins
        for moments, cut in zip(self.moments, cuts, strict=True):
            moments += [times[begin + cut] for begin in begins]

    def held(self, number: int) -> timedelta:
        """Return the time of all cases in one of its stays."""
        return self.finished_times[number] + self.other_times[number]


@attrs.frozen(eq=False)
class RecordedTrace:
    """A sequence of observations as it was recorded: its trace, and at which observation each stay begins.

    `cuts` ends with the number of the last observation.
    """

    trace: Trace
    cuts: tuple[int, ...]

    @property
    def ending(self) -> int | None:
        """Number of the observation that finished the case; None while it is open."""
        return None if self.trace.ending is None else self.cuts[self.trace.ending]

    def over(self, times: Sequence[datetime]) -> datetime | None:
        """Return when a case was finished that was seen at these times; None while it is open."""
        ending = self.ending
        return None if ending is None else times[ending]

    def places(self) -> Iterator[str]:
        """Yield the step or place of each observation."""
        for stay, (begin, end) in zip(self.trace.stays, pairwise((*self.cuts[:-1], self.cuts[-1] + 1)), strict=True):
            yield from repeat(stay.place, end - begin)


class TraceReader:
    """Reads sequences of observations as traces through a stream."""

    def __init__(
        self,
        stream: ValueStream | None,
        categories: Mapping[str, Category],
        kinds: Mapping[str, str],
        ends: frozenset[str],
        silent: bool,
        signs: Sequence[Sign],
    ) -> None:
        for name, category in categories.items():
            _known(f"The category of {name!r}", category)
        self._stream, self._categories, self._kinds, self._ends, self._silent = stream, categories, kinds, ends, silent
        self._signs = signs
        self._traces: dict[tuple[int, ...], Trace] = {}
        self._homes: dict[tuple[str | None, str], str] = {}
        self._strays: set[str] = set()
        for step in stream.steps if stream is not None else ():
            self._homes[None, step.name] = step.name
            for practice, states in step.states:
                for state in states:
                    self._homes[practice, state] = step.name
                    self._homes.setdefault((None, state), step.name)

    def recorded(self, way: tuple[int, ...]) -> RecordedTrace:
        """Return the trace of observations given as numbers of signs; repetitions begin no new stay."""
        starts = (0, *compress(count(1), map(ne, islice(way, 1, None), way)))
        distinct = tuple(map(way.__getitem__, starts))
        found = self._traces.get(distinct)
        if found is None:
            found = self._traces[distinct] = self._read(tuple(map(self._signs.__getitem__, distinct)))
        return RecordedTrace(found, (*starts, len(way) - 1))

    @property
    def traces(self) -> Collection[Trace]:
        """All traces that were read."""
        return self._traces.values()

    def strays(self) -> list[Reason]:
        """Return which places lie in no step."""
        if not self._strays or self._stream is None:
            return []
        return [Reason.of("no_step", places=tuple(sorted(self._strays)), stream=self._stream.id)]

    def _category(self, sign: Sign) -> Category | None:
        place, told, _, _ = sign
        told = self._categories.get(place) if told is None else _known("category", told)
        return "closed" if told is None and place in self._ends else told

    def _place(self, sign: Sign, category: Category | None, before: Sequence[str]) -> str:
        place, practice = sign[0], sign[3]
        if self._stream is None:
            return place
        home = self._homes.get((practice, place)) or self._homes.get((None, place))
        if home is None and category == "waiting" and before:
            home = before[-1]
        if home is None and category != "cancelled":  # which is the end of a case, and a step of no stream
            self._strays.add(place)
        return home or place

    def _read(self, signs: tuple[Sign, ...]) -> Trace:
        categories = [self._category(sign) for sign in signs]
        places: list[str] = []
        closing: int | None = None
        for number, (sign, category) in enumerate(zip(signs, categories, strict=True)):
            places.append(self._place(sign, category, places))
            over = category is not None and category not in OPEN
            closing = (number if closing is None else closing) if over else None
        stays = tuple(
            Stay(
                place, category, self._wait(sign, category), self._silent or (closing is not None and number < closing)
            )
            for number, (place, sign, category) in enumerate(zip(places, signs, categories, strict=True))
        )
        path = tuple(place for number, place in enumerate(places) if not number or place != places[number - 1])
        return Trace(stays, path, len(stays) if self._silent else closing)

    def _wait(self, sign: Sign, category: Category | None) -> Wait | None:
        if category is None or category == "active":
            return None
        return category, sign[2] or self._kinds.get(sign[0]) or ("queue" if category == "new" else "unspecified")


def reader_of(
    stream: ValueStream | None,
    seen: Seen,
    categories: Mapping[str, Category] | None,
    kinds: Mapping[str, str] | None,
    ends: Collection[str],
) -> TraceReader:
    """Return a reader for the cases that were seen.

    Raises:
        InvalidInput: the stream is not sound, a category is unknown, or the ends are one text.
    """
    if stream is not None:
        must(ValueStream, "stream", stream)
        stream.check({*stream.practices, *stream.watched})
    if isinstance(ends, str):
        raise InvalidInput.of("ill_typed", field="ends", expected="a list or set of places", value=ends)
    silent = seen.silent and not categories and not ends
    return TraceReader(stream, categories or {}, kinds or {}, frozenset(ends), silent, seen.signs)


def taken(seen: Seen, reader: TraceReader) -> dict[RecordedTrace, list[int]]:
    """Return for each trace as it was recorded where the cases begin that took it, first seen first."""
    begins: dict[tuple[int, ...], list[int]] = {}
    for begin, way in zip(seen.begins, map(seen.ways.__getitem__, map(slice, seen.begins, seen.ends)), strict=True):
        begins.setdefault(way, []).append(begin)
    return {reader.recorded(way): cases for way, cases in begins.items()}


def traced(seen: Seen, reader: TraceReader) -> Iterator[tuple[list[Row], list[datetime], RecordedTrace]]:
    """Yield each case with its times and its trace, in the order in which cases were first seen."""
    recorded = {begin: found for found, begins in taken(seen, reader).items() for begin in begins}
    for begin, end in zip(seen.begins, seen.ends, strict=True):
        yield seen.rows[begin:end], seen.times[begin:end], recorded[begin]


def _known(field: str, category: Any) -> Category:
    if category not in _KNOWN:
        near = nearest(category, _KNOWN)
        raise InvalidInput.of("not_a_choice", field=field, value=category, nearest=near, choices=_KNOWN)
    found: Category = category
    return found
