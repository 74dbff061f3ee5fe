"""Courses: what a sequence of observed places means, worked out once for all cases that share it.

Histories have many cases and few ways through. `Reader` turns each distinct sequence of places into a
`Course` of stays (which step, which category, how it waits); cases then only add their times to it.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

import attrs

from itil4.errors import InvalidInput, Reason, nearest
from itil4.value.stream_map import Wait
from itil4.value.streams import ValueStream
from itil4.vocabulary import OPEN, Category, choices

Sign: TypeAlias = tuple[str, Category | None, str | None, str | None]
"""Place, category, kind and practice of one observation: all that decides what it means."""

_KNOWN = choices(Category)
_ZERO = timedelta(0)


@attrs.frozen
class Stay:
    """An unbroken time in one place, from observation number `start` to observation number `end`.

    The last stay of a course ends nowhere, and takes no time. `counts` says whether the stay belongs to the
    lead time: what comes after the case was finished does not.
    """

    start: int
    end: int
    place: str
    category: Category | None
    wait: Wait | None
    counts: bool


@attrs.define
class Course:
    """One sequence of places with what it means, and the sums of the cases that took it.

    Attributes:
        places: step or place of each observation.
        path: the places, repetitions in a row taken together.
        closing: number of the observation that finished the case, None while it is open.
        stays: the times spent.
        spans: number, start and end of those stays that can take time.
        finished, others: how many cases took it and finished inside the window, or did not.
        finished_times, other_times: per stay, the sums over the ones and the others.
    """

    places: tuple[str, ...]
    path: tuple[str, ...]
    closing: int | None
    stays: tuple[Stay, ...]
    spans: tuple[tuple[int, int, int], ...]
    finished: int = 0
    others: int = 0
    other_times: list[timedelta] = attrs.Factory(lambda self: [_ZERO] * len(self.stays), takes_self=True)
    finished_times: list[timedelta] = attrs.Factory(lambda self: [_ZERO] * len(self.stays), takes_self=True)


class Reader:
    """Reads sequences of observations as courses through a stream."""

    def __init__(
        self,
        stream: ValueStream | None,
        categories: Mapping[str, Category],
        kinds: Mapping[str, str],
        ends: frozenset[str],
        silent: bool,
    ) -> None:
        for name, category in categories.items():
            _known(f"The category of {name!r}", category)
        self._stream, self._categories, self._kinds, self._ends, self._silent = stream, categories, kinds, ends, silent
        self._homes: dict[tuple[str | None, str], str] = {}
        self._strays: set[str] = set()
        for step in stream.steps if stream is not None else ():
            self._homes[None, step.name] = step.name
            for practice, states in step.states:
                for state in states:
                    self._homes[practice, state] = step.name
                    self._homes.setdefault((None, state), step.name)

    def course(self, signs: Sequence[Sign]) -> Course:
        """Return the course that observations of these signs take."""
        places: list[str] = []
        categories = [self._category(sign) for sign in signs]
        for sign, category in zip(signs, categories, strict=True):
            places.append(self._place(sign, category, places))
        closing: int | None = len(signs) - 1 if self._silent else None
        for number, category in enumerate(categories):
            if category is not None and category not in OPEN:
                closing = number if closing is None else closing
            elif not self._silent:
                closing = None
        stays = self._stays(signs, places, categories, closing)
        path = [place for number, place in enumerate(places) if not number or place != places[number - 1]]
        spans = tuple((number, stay.start, stay.end) for number, stay in enumerate(stays) if stay.end > stay.start)
        return Course(tuple(places), tuple(path), closing, stays, spans)

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
        if home is None:
            self._strays.add(place)
        return home or place

    def _stays(
        self, signs: Sequence[Sign], places: Sequence[str], categories: Sequence[Category | None], closing: int | None
    ) -> tuple[Stay, ...]:
        last = len(signs) - 1
        starts = [
            number
            for number in range(len(signs))
            if not number
            or places[number] != places[number - 1]
            or signs[number] != signs[number - 1]
            or number == closing
        ]
        stays = []
        for start, end in zip(starts, [*starts[1:], last], strict=True):
            category = categories[start]
            wait = None if category in (None, "active") else self._wait(signs[start], category)
            stays.append(Stay(start, end, places[start], category, wait, closing is not None and start < closing))
        return tuple(stays)

    def _wait(self, sign: Sign, category: Any) -> Wait:
        kind = sign[2] or self._kinds.get(sign[0])
        return category, kind or ("queue" if category == "new" else "unspecified")


def _known(field: str, category: Any) -> Category:
    if category not in _KNOWN:
        near = nearest(category, _KNOWN)
        raise InvalidInput.of("not_a_choice", field=field, value=category, nearest=near, choices=_KNOWN)
    found: Category = category
    return found
