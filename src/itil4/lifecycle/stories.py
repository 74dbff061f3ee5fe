"""Shortest ways through a lifecycle: how a record gets into a state, told step by step."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import attrs


class Move(NamedTuple):
    """One step of a story."""

    event: str
    source: str
    target: str


@attrs.frozen
class Story:
    """A shortest sequence of steps from a birth.

    >>> print(Story("new", (Move("assign", "new", "assigned"), Move("resolve", "assigned", "resolved"))))
    born 'new', 'assign' -> 'assigned', 'resolve' -> 'resolved'
    """

    born: str
    moves: tuple[Move, ...] = ()

    @property
    def events(self) -> tuple[str, ...]:
        """The events, in order: what to fire to see it happen."""
        return tuple(move.event for move in self.moves)

    @property
    def state(self) -> str:
        """The state in which it ends."""
        return self.moves[-1].target if self.moves else self.born

    def then(self, move: Move) -> "Story":
        """Return the story with one more step."""
        return Story(self.born, (*self.moves, move))

    def __str__(self) -> str:
        return ", ".join((f"born {self.born!r}", *(f"{move.event!r} -> {move.target!r}" for move in self.moves)))

    def __iter__(self) -> Iterator[Move]:
        return iter(self.moves)

    def __len__(self) -> int:
        return len(self.moves)

    def __bool__(self) -> bool:
        return True  # a birth alone is a story too


_MOST_TOLD = 1_000_000

Leaving = Mapping[str, Iterable[tuple[str, str]]]
"""State -> the (event, target) pairs that lead on from it."""


class Paths:
    """Breadth first from the births: which states are reached, and how each is reached soonest."""

    __slots__ = ("_came", "_left", "order")

    def __init__(self, initial: Iterable[str], leaving: Leaving) -> None:
        came: dict[str, Move | None] = dict.fromkeys(initial)
        waiting = deque(came)
        while waiting:
            source = waiting.popleft()
            for event, target in leaving.get(source, ()):
                if target not in came:
                    came[target] = Move(event, source, target)
                    waiting.append(target)
        self._came = came
        self._left = _MOST_TOLD
        self.order = tuple(came)

    def __contains__(self, state: object) -> bool:
        return state in self._came

    def to(self, state: str) -> Story | None:
        """Return the shortest story that ends in `state`, or None when none does.

        After a million steps told it falls silent, so that a hostile definition cannot fill the memory.
        """
        if state not in self._came or self._left <= 0:
            return None
        moves: list[Move] = []
        while (move := self._came[state]) is not None:
            moves.append(move)
            state = move.source
        self._left -= len(moves)
        return Story(state, tuple(reversed(moves)))


def backwards(leaving: Leaving, ends: Iterable[str]) -> set[str]:
    """Return the states from which one of `ends` can be reached, the ends included."""
    into: dict[str, list[str]] = {}
    for source, ways in leaving.items():
        for _, target in ways:
            into.setdefault(target, []).append(source)
    found = set(ends)
    waiting = list(found)
    while waiting:
        for source in into.get(waiting.pop(), ()):
            if source not in found:
                found.add(source)
                waiting.append(source)
    return found
