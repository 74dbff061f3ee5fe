"""Conflicts of planned work, all of them: with other work, with maintenance windows, and with blackouts and freezes.

Pure functions over plain values. Times meet when each begins before the other ends; work that begins when another
ends is no conflict. What is reported does not depend on the order of what is given.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from heapq import heappop, heappush
from typing import Literal, TypeAlias

import attrs

from itil4.errors import InvalidInput
from itil4.practices.change_schedule.periods import Period, Place
from itil4.practices.change_schedule.planned import PlannedWork
from itil4.practices.change_schedule.when import Span, joined
from itil4.practices.configuration.condensing import numbers
from itil4.practices.configuration.graph import ConfigurationGraph
from itil4.vocabulary import choices

ConflictKind: TypeAlias = Literal[
    "item_already_scheduled", "parent_already_scheduled", "child_already_scheduled", "assignee_already_scheduled",
    "item_outside_maintenance", "parent_outside_maintenance", "child_outside_maintenance",
    "item_in_blackout", "parent_in_blackout", "child_in_blackout",
    "dependency_changing",
]  # fmt: skip
"""Ten kinds of item, parent item, child item and assignee against other work, maintenance windows and blackouts (an
assignee has neither of the last two), and the eleventh: an item on which one of mine rests is changing."""

KINDS: tuple[str, ...] = choices(ConflictKind)

MIRRORED: Mapping[ConflictKind, ConflictKind] = {
    "item_already_scheduled": "item_already_scheduled",
    "assignee_already_scheduled": "assignee_already_scheduled",
    "parent_already_scheduled": "child_already_scheduled",
    "child_already_scheduled": "parent_already_scheduled",
}
"""What the other side of a conflict sees. A dependency has no other side: what I rest on does not rest on me."""


@attrs.frozen
class Conflict:
    """One conflict of a piece of work, with both sides and the window.

    Attributes:
        kind: which of the eleven.
        work: the id of the work whose conflict it is.
        other: the id of the other work; None where it is against a period.
        item: the item of the work; None where it is about the work as a whole.
        other_item: the item at the other side: the same, its whole, its part, or what it rests on.
        assignee: the person, where it is about them.
        periods: the names of the blackout or freeze, or of the maintenance windows that were missed.
        start, end: when both hold: the common time of two pieces of work, the work inside a blackout, or the first
            stretch of it outside its maintenance windows.
        spared: whether redundancy keeps the item standing while what it rests on is changed.
    """

    kind: ConflictKind
    work: str
    other: str | None = None
    item: str | None = None
    other_item: str | None = None
    assignee: str | None = None
    periods: tuple[str, ...] = ()
    start: datetime = attrs.field(kw_only=True)
    end: datetime = attrs.field(kw_only=True)
    spared: bool = attrs.field(default=False, kw_only=True)

    @property
    def sort_key(self) -> tuple[str, ...]:
        """Conflicts of one work stand together, those with other work by its id."""
        return (
            self.work, f"{KINDS.index(self.kind):02}", self.other or "", self.item or "", self.other_item or "",
            self.assignee or "", *self.periods, self.start.isoformat(),
        )  # fmt: skip


_EMPTY = ConfigurationGraph()
_BATCH = 2_000


def conflicts(
    planned: Iterable[PlannedWork],
    graph: ConfigurationGraph = _EMPTY,
    periods: Iterable[Period] = (),
    *,
    places: Mapping[str, Place] | None = None,
    against: Iterable[PlannedWork] | None = None,
) -> tuple[Conflict, ...]:
    """Return all conflicts of planned work, in an order of their own.

    Args:
        planned: the work; ids are unique.
        graph: which items are parts of which, and rest on which.
        periods: maintenance windows, blackouts and freezes.
        places: item -> its service and location, for periods that are about these.
        against: other work that is scheduled already; what it has against itself is not asked.

    Returns:
        Each conflict once for each work that has it: of two that share an item, both have one.

    >>> from datetime import UTC, timedelta
    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> swap = PlannedWork(id="swap", start=noon, end=noon + timedelta(hours=2), items={"disk"}, assignee="sam")
    >>> move = PlannedWork(id="move", start=noon, end=noon + timedelta(hours=1), items={"server"})
    >>> for each in conflicts([swap, move], ConfigurationGraph([("disk", "part_of", "server")])):
    ...     print(each.work, each.kind, each.other, each.item, each.other_item)
    move child_already_scheduled swap server disk
    swap parent_already_scheduled move disk server

    Raises:
        InvalidInput: two pieces of work have one id.
    """
    mine = tuple(planned)
    own = {each.id for each in mine}
    everything = (*mine, *(each for each in against or () if each.id not in own))
    seen: set[str] = set()
    for each in everything:
        if each.id in seen:
            raise InvalidInput.of("duplicate", where="the planned work", what="the id", name=each.id)
        seen.add(each.id)
    found = [each for each in _pairs(everything, graph) if each.work in own]
    found += _against_periods(mine, graph, tuple(periods), places or {})
    return tuple(sorted(found, key=lambda each: each.sort_key))


# work against work


def _pairs(works: Sequence[PlannedWork], graph: ConfigurationGraph) -> Iterator[Conflict]:
    """Go through the work by its start, with what is under way then; each pair meets when its later one begins."""
    ordered = sorted(works, key=lambda each: (each.start, each.id))
    ends: list[tuple[datetime, str]] = []
    active: dict[str, PlannedWork] = {}
    on_item: dict[str, dict[str, PlannedWork]] = {}
    by_person: dict[str, dict[str, PlannedWork]] = {}
    for begun in range(0, len(ordered), _BATCH):
        batch = ordered[begun : begun + _BATCH]
        kin = _Kin(graph, [*active.values(), *batch])
        under_way = 0
        for item in on_item:
            under_way |= kin.bits.get(item, 0)
        for work in batch:
            while ends and ends[0][0] <= work.start:
                gone = active.pop(heappop(ends)[1])
                for item in gone.items:
                    held = on_item[item]
                    del held[gone.id]
                    if not held:
                        del on_item[item]
                        under_way &= ~kin.bits[item]
                if gone.assignee is not None:
                    del by_person[gone.assignee][gone.id]
            yield from _met(work, on_item, by_person, kin, under_way)
            active[work.id] = work
            heappush(ends, (work.end, work.id))
            for item in work.items:
                on_item.setdefault(item, {})[work.id] = work
                under_way |= kin.bits[item]
            if work.assignee is not None:
                by_person.setdefault(work.assignee, {})[work.id] = work


class _Kin:
    """How the items of some pieces of work are related, each item with a number."""

    def __init__(self, graph: ConfigurationGraph, works: Iterable[PlannedWork]) -> None:
        self.graph = graph
        self.names = list(dict.fromkeys(item for work in works for item in sorted(work.items)))
        self.bits = {item: 1 << place for place, item in enumerate(self.names)}
        part_of, rests = graph.condensed("part_of"), graph.condensed()
        self.wholes, self.parts = part_of.ahead(self.bits), part_of.behind(self.bits)
        self.rests, self.needed = rests.ahead(self.bits), rests.behind(self.bits)


def _met(
    work: PlannedWork, on_item: Mapping[str, Mapping[str, PlannedWork]],
    by_person: Mapping[str, Mapping[str, PlannedWork]], kin: _Kin, under_way: int,
) -> Iterator[Conflict]:  # fmt: skip
    if work.assignee is not None:
        for other in by_person.get(work.assignee, {}).values():
            yield from _both("assignee_already_scheduled", work, other, None, None, work.assignee)
    for item in work.items:
        own = kin.bits[item]
        for other in on_item.get(item, {}).values():
            yield from _both("item_already_scheduled", work, other, item, item)
        wholes, parts = kin.wholes[item] & ~own, kin.parts[item] & ~own
        near = own | wholes | parts
        for at in numbers(wholes & under_way):
            for other in on_item[kin.names[at]].values():
                yield from _both("parent_already_scheduled", work, other, item, kin.names[at])
        for at in numbers(parts & under_way):
            for other in on_item[kin.names[at]].values():
                yield from _both("child_already_scheduled", work, other, item, kin.names[at])
        for at in numbers(kin.rests[item] & under_way & ~near):
            for other in on_item[kin.names[at]].values():
                yield _rests(kin.graph, work, other, item, kin.names[at])
        for at in numbers(kin.needed[item] & under_way & ~near):
            for other in on_item[kin.names[at]].values():
                yield _rests(kin.graph, other, work, kin.names[at], item)


def _both(
    kind: ConflictKind, work: PlannedWork, other: PlannedWork, item: str | None, other_item: str | None,
    person: str | None = None,
) -> Iterator[Conflict]:  # fmt: skip
    start, end = max(work.start, other.start), min(work.end, other.end)
    yield Conflict(kind, work.id, other.id, item, other_item, person, start=start, end=end)
    yield Conflict(MIRRORED[kind], other.id, work.id, other_item, item, person, start=start, end=end)


def _rests(graph: ConfigurationGraph, work: PlannedWork, other: PlannedWork, item: str, on: str) -> Conflict:
    spared = False
    if graph.redundancy:
        failing = [each for each in sorted(other.items) if each in graph]
        spared = item not in graph.impact(*failing)
    start, end = max(work.start, other.start), min(work.end, other.end)
    return Conflict("dependency_changing", work.id, other.id, item, on, spared=spared, start=start, end=end)


# work against periods


def _against_periods(
    works: Sequence[PlannedWork], graph: ConfigurationGraph, periods: Sequence[Period], places: Mapping[str, Place]
) -> Iterator[Conflict]:
    if not periods or not works:
        return
    whole = min(each.start for each in works), max(each.end for each in works)
    spans = {number: each.when.between(*whole) for number, each in enumerate(periods)}
    scopes = Scopes(periods, places)
    sides = Sides(works, graph, scopes)
    for work in works:
        for item, other, side in sides.of(work):
            yield from _in_blackout(work, item, other, side, scopes, spans)
            yield from _outside(work, item, other, side, scopes, spans)


class Sides:
    """What work touches that a period is about: itself as a whole, its items, the wholes of these, and their parts."""

    def __init__(self, works: Iterable[PlannedWork], graph: ConfigurationGraph, scopes: "Scopes") -> None:
        self._names = [item for item in scopes.named if scopes.of(item)]
        bits = {item: 1 << place for place, item in enumerate(self._names)}
        bits |= {item: 0 for work in works for item in work.items if item not in bits}
        part_of = graph.condensed("part_of")
        self._wholes, self._parts = part_of.ahead(bits), part_of.behind(bits)

    def of(self, work: PlannedWork) -> Iterator[tuple[str | None, str | None, str]]:
        """Yield (item, other item, side) of a work."""
        yield None, None, "item"
        for item in work.items:
            yield item, item, "item"
            for side, reached in (("parent", self._wholes), ("child", self._parts)):
                for place in numbers(reached[item]):
                    if (other := self._names[place]) != item:
                        yield item, other, side


class Scopes:
    """Which periods are about which item; found once for each item."""

    def __init__(self, periods: Sequence[Period], places: Mapping[str, Place]) -> None:
        self.periods = periods
        self.places = places
        self.general = [number for number, each in enumerate(periods) if each.is_general]
        self._named: dict[str, list[int]] = {}
        self._placed = [n for n, each in enumerate(periods) if each.services or each.locations]
        for number, each in enumerate(periods):
            for item in each.items:
                self._named.setdefault(item, []).append(number)
        self._known: dict[str, list[int]] = {}
        self.named = sorted({*self._named, *places})
        """The items that periods may be about."""

    def of(self, item: str) -> list[int]:
        """Return the numbers of the periods that name an item, its service or its location."""
        held = self._known.get(item)
        if held is None:
            place = self.places.get(item)
            placed = [n for n in self._placed if self.periods[n].is_about(None, place)] if place else []
            held = self._known[item] = sorted({*self._named.get(item, ()), *placed})
        return held

    def of_work(self, work: PlannedWork) -> list[int]:
        """Return the numbers of the periods that are about everything, or name the service or place of a work."""
        place = Place(work.service, work.location)
        named = (n for n in self._placed if self.periods[n].is_about(None, place))
        return sorted({*self.general, *named})


def _in_blackout(
    work: PlannedWork, item: str | None, other: str | None, side: str, scopes: Scopes,
    spans: Mapping[int, Sequence[Span]],
) -> Iterator[Conflict]:  # fmt: skip
    for number in scopes.of_work(work) if other is None else scopes.of(other):
        period = scopes.periods[number]
        if period.kind == "maintenance" or period.exempts(work.type, (work.id, work.number)):
            continue
        for start, end in spans[number]:
            if start < work.end and end > work.start:
                inside = max(start, work.start), min(end, work.end)
                kind: ConflictKind = f"{side}_in_blackout"  # type: ignore[assignment]  # the three sides are all there
                yield Conflict(kind, work.id, None, item, other, None, (period.name,), start=inside[0], end=inside[1])


def _outside(
    work: PlannedWork, item: str | None, other: str | None, side: str, scopes: Scopes,
    spans: Mapping[int, Sequence[Span]],
) -> Iterator[Conflict]:  # fmt: skip
    windows = windows_for(work, other, scopes)
    if windows is None:
        return
    names = tuple(sorted({scopes.periods[number].name for number in windows}))
    gap = first_gap((span for number in windows for span in spans[number]), work.start, work.end)
    if gap is not None:
        kind: ConflictKind = f"{side}_outside_maintenance"  # type: ignore[assignment]  # the three sides are all there
        yield Conflict(kind, work.id, None, item, other, None, names, start=gap[0], end=gap[1])


def windows_for(work: PlannedWork, item: str | None, scopes: Scopes) -> list[int] | None:
    """Return the maintenance windows that bind a work at one of its sides, or None where none does.

    An item with windows of its own may be worked on in any of these, and in the general ones. What has none is bound,
    once for the work as a whole, by the general windows and those of the work's own service and place.
    """
    numbers_of = scopes.of_work(work) if item is None else scopes.of(item)
    own = [number for number in numbers_of if scopes.periods[number].kind == "maintenance"]
    if item is None:
        free = [each for each in work.items if not _has_windows(each, scopes)]
        return own if own and (free or not work.items) else None
    general = [number for number in scopes.general if scopes.periods[number].kind == "maintenance"]
    return [*own, *general] if own else None


def _has_windows(item: str, scopes: Scopes) -> bool:
    return any(scopes.periods[number].kind == "maintenance" for number in scopes.of(item))


def first_gap(spans: Iterable[Span], start: datetime, end: datetime) -> Span | None:
    """Return the first stretch between two instants that no span covers, or None.

    >>> from datetime import UTC
    >>> def at(hour): return datetime(2026, 3, 2, hour, tzinfo=UTC)
    >>> [each.hour for each in first_gap([(at(1), at(3)), (at(4), at(9))], at(2), at(8))]
    [3, 4]
    """
    at = start
    for begun, over in joined(spans):
        if begun > at:
            return at, min(begun, end)
        at = max(at, over)
        if at >= end:
            return None
    return (at, end) if at < end else None


__all__ = ["KINDS", "MIRRORED", "Conflict", "ConflictKind", "conflicts", "first_gap"]
