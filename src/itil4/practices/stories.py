"""Stories: the history of one record as figures and flows read it.

States are read by their category through the lifecycle, so that a practice with other state names
needs no other figures. Steps of aspects (major incident, approval, ...) are in `entries`, not in
`moves`: the main lifecycle alone drives figures.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

import attrs

from itil4.lifecycle import Lifecycle
from itil4.record import Entry
from itil4.vocabulary import OPEN, Category

_OVER: tuple[Category, ...] = ("resolved", "closed")


class Move(NamedTuple):
    """Where a record was born, or a step of its main lifecycle, by categories; `before` is None at birth."""

    at: datetime
    seq: int
    before: Category | None
    category: Category
    before_state: str | None
    state: str
    entry: Entry

    @property
    def ends(self) -> bool:
        """Whether it was resolved or closed here, and was neither before."""
        return self.category in _OVER and self.before not in _OVER

    @property
    def returns(self) -> bool:
        """Whether it went from resolved or closed back to open here."""
        return self.before in _OVER and self.category in OPEN


class Story:
    """One record's history up to a moment.

    Attributes:
        entries: up to that moment, oldest first.
        moves: its birth and the steps of its main lifecycle; empty when a state of it is unknown now.
        latest: the category that it has by its whole history, whatever the moment.
        links: (relation, target id) of the links that stand on its side.
    """

    def __init__(self, entries: tuple[Entry, ...], moves: list[Move], latest: Category | None) -> None:
        self.entries = entries
        self.moves = moves
        self.latest = latest
        self.values: dict[str, Any] = {}
        self.changed: dict[str, list[tuple[Entry, Any, Any]]] = {}
        self.links: set[tuple[str, str]] = set()
        for entry in entries:
            details = entry.details.data
            for name, change in (details.get("changes") or {}).items():
                old = self.values.get(name)
                new = self.values[name] = change.apply(old)
                self.changed.setdefault(name, []).append((entry, old, new))
            if entry.op == "link" and entry.link:
                self.links.add(entry.link)
            elif entry.op == "unlink" and entry.link:
                self.links.discard(entry.link)

    @property
    def born(self) -> Entry:
        """Its first entry."""
        return self.entries[0]

    @property
    def has_history(self) -> bool:
        """Whether its steps are known; an import of last states alone says that they are not."""
        return not (self.born.op == "import" and self.born.details.get("history") == "none")

    @cached_property
    def reference(self) -> str:
        """How people call it: its number, the one of the system that it came from, or its id."""
        born = self.born
        return born.number or (born.origin.key if born.origin else born.record_id)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that it is called by."""
        born, names = self.born, [self.born.record_id, self.reference]
        if born.origin is not None:
            names += [born.origin.key, f"{born.origin.system}:{born.origin.key}"]
        return tuple(names)

    @property
    def category(self) -> Category:
        """The category that it had in the end."""
        return self.moves[-1].category

    @property
    def is_open(self) -> bool:
        """Whether somebody still had work to do in the end."""
        return self.category in OPEN

    @property
    def is_over(self) -> bool:
        """Whether it was resolved or closed in the end."""
        return self.category in _OVER

    def last(self, category: Category) -> Move | None:
        """Return where it last entered a category."""
        return next((each for each in reversed(self.moves) if each.category == category != each.before), None)

    @cached_property
    def ending(self) -> Move | None:
        """Where it was last resolved, or closed without that; it may have been taken up again since."""
        return next((each for each in reversed(self.moves) if each.ends), None)

    @cached_property
    def returns(self) -> tuple[Move, ...]:
        """Where it went from resolved or closed back to open."""
        return tuple(each for each in self.moves if each.returns)

    def spent(self, end: datetime) -> Mapping[Category, timedelta]:
        """Return the calendar time in each category, the last one up to `end`."""
        spent: dict[Category, timedelta] = {}
        for place, move in enumerate(self.moves):
            stop = self.moves[place + 1].at if place + 1 < len(self.moves) else max(end, move.at)
            spent[move.category] = spent.get(move.category, timedelta()) + (stop - move.at)
        return spent

    def value(self, name: str, default: Any = None, *, seq: int | None = None) -> Any:
        """Return a field in the end, or as it was once the entry `seq` was written."""
        if seq is None:
            return self.values.get(name, default)
        held = [new for entry, _, new in self.changed.get(name, ()) if entry.seq <= seq]
        return held[-1] if held else default

    def changes(self, name: str) -> list[tuple[Entry, Any, Any]]:
        """Return every change of a field after birth: (entry, old, new)."""
        return [each for each in self.changed.get(name, ()) if each[0].seq > 1]


def tell(
    entries: tuple[Entry, ...], lifecycle: Lifecycle, aspects: frozenset[str], until: datetime | None
) -> Story | None:
    """Return the story that history tells before `until`, or None when the record was born later.

    Entries stand in the order in which they were written; what was written after the first entry
    that is not before `until` was not known then.
    """
    known = entries
    if until is not None:
        later = next((place for place, entry in enumerate(entries) if entry.at >= until), len(entries))
        if later == 0:
            return None
        known = entries[:later]
    moves = _moves(entries, lifecycle, aspects)
    latest = moves[-1].category if moves else None
    return Story(known, moves if known is entries else [each for each in moves if each.seq <= known[-1].seq], latest)


def _moves(entries: Iterable[Entry], lifecycle: Lifecycle, aspects: frozenset[str]) -> list[Move]:
    """Return the moves; none at all when one leads to a state that the lifecycle does not have."""
    states, moves = lifecycle.by_name, list[Move]()
    before = before_state = None
    for entry in entries:
        name = entry.to_state
        if name is None or entry.lifecycle in aspects:
            continue
        state = states.get(name)
        if state is None:
            return []
        moves.append(Move(entry.at, entry.seq, before, state.category, before_state, name, entry))
        before, before_state = state.category, name
    return moves


@attrs.define
class Movements:
    """How records moved, by state names: where they began, which steps they took, and where they stood in the end."""

    births: Counter[str] = attrs.Factory(Counter)
    steps: Counter[str] = attrs.Factory(Counter)
    ends: Counter[str] = attrs.Factory(Counter)

    def take(self, story: Story) -> None:
        """Take one story in; a step is where the state changes."""
        self.births[story.moves[0].state] += 1
        self.ends[story.moves[-1].state] += 1
        for move in story.moves[1:]:
            if move.state != move.before_state:
                self.steps[f"{move.before_state}>{move.state}"] += 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, the most frequent first."""
        named = {"birth_states": self.births, "end_states": self.ends, "steps": self.steps}
        return {name: dict(counter.most_common()) for name, counter in named.items()}


__all__ = ["Move", "Movements", "Story", "tell"]
