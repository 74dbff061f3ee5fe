"""Planned work, periods and graphs to draw from, and the slow truth about conflicts: every pair, every minute."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from itil4.practices.change_schedule import Conflict, Fixed, Period, Place, PlannedWork
from itil4.practices.configuration import ITEM_RELATIONS, ConfigurationGraph, Redundancy

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
ITEMS = [f"i{n}" for n in range(5)]
PEOPLE = [None, "sam", "ida"]
PLACES = {"i0": Place("mail", "brest"), "i1": Place("mail", "nice"), "i2": Place(None, "brest"), "i4": Place("shop")}


def at(hour: float) -> datetime:
    return START + hour * HOUR


def work(name: str, start: float, end: float, *items: str, **more: Any) -> PlannedWork:
    return PlannedWork(id=name, start=at(start), end=at(end), items=frozenset(items), **more)


spans = st.tuples(st.integers(0, 20), st.integers(1, 8)).map(lambda pair: (at(pair[0]), at(pair[0] + pair[1])))


@st.composite
def works(draw: st.DrawFn, most: int = 7) -> list[PlannedWork]:
    """Draw planned work."""
    found = []
    for number in range(draw(st.integers(0, most))):
        start, end = draw(spans)
        found.append(
            PlannedWork(
                id=f"w{number}", start=start, end=end, items=draw(st.frozensets(st.sampled_from(ITEMS), max_size=3)),
                assignee=draw(st.sampled_from(PEOPLE)), type=draw(st.sampled_from(["normal", "emergency"])),
                service=draw(st.sampled_from([None, "mail"])), location=draw(st.sampled_from([None, "brest"])),
            )
        )  # fmt: skip
    return found


@st.composite
def periods(draw: st.DrawFn) -> list[Period]:
    """Draw periods of all kinds and scopes."""
    found = []
    for number in range(draw(st.integers(0, 4))):
        start, end = draw(spans)
        found.append(
            Period(
                name=f"p{number}", kind=draw(st.sampled_from(["maintenance", "blackout", "freeze"])),
                when=Fixed(start, end), items=draw(st.frozensets(st.sampled_from(ITEMS), max_size=2)),
                services=draw(st.sampled_from([(), ("mail",)])), locations=draw(st.sampled_from([(), ("brest",)])),
                exempt_changes=draw(st.sampled_from([(), ("w0",)])),
            )
        )  # fmt: skip
    return found


edges = st.lists(
    st.tuples(st.sampled_from(ITEMS), st.sampled_from(["depends_on", "part_of"]), st.sampled_from(ITEMS)).filter(
        lambda edge: edge[0] != edge[2]
    ),
    max_size=12,
)


@st.composite
def graphs(draw: st.DrawFn) -> ConfigurationGraph:
    """Draw a graph, circles and redundancy included."""
    redundancy: dict[str, list[Redundancy]] = {}
    for item in draw(st.lists(st.sampled_from(ITEMS), max_size=2, unique=True)):
        members = draw(st.lists(st.sampled_from(ITEMS), min_size=1, max_size=3, unique=True))
        redundancy[item] = [Redundancy("g", draw(st.integers(1, len(members))), members)]
    return ConfigurationGraph(draw(edges), redundancy=redundancy)


def reached(item: str, pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Return what is reached from an item, without itself, one round after the other."""
    ways, found = set(pairs), {item}
    while True:
        more = {b for a, b in ways if a in found} - found
        if not more:
            return found - {item}
        found |= more


def every_conflict(
    planned: list[PlannedWork], graph: ConfigurationGraph, given: list[Period], places: Mapping[str, Place]
) -> set[Conflict]:
    """Return all conflicts by looking at every pair of work, every item, and every period."""
    part_of = [(source, target) for source, name, target in graph.edges if name == "part_of"]
    hit = {each.name: each.hit for each in ITEM_RELATIONS}
    rests = [(s, t) for s, name, t in graph.edges if hit[name] == "source"]
    rests += [(t, s) for s, name, t in graph.edges if hit[name] == "target"]
    wholes = {item: reached(item, part_of) for item in ITEMS}
    parts = {item: reached(item, [(b, a) for a, b in part_of]) for item in ITEMS}
    needs = {item: reached(item, rests) for item in ITEMS}
    found: set[Conflict] = set()
    for mine in planned:
        for other in planned:
            start, end = max(mine.start, other.start), min(mine.end, other.end)
            if mine is other or start >= end:
                continue
            both: Any = {"start": start, "end": end}
            if mine.assignee is not None and mine.assignee == other.assignee:
                found.add(Conflict("assignee_already_scheduled", mine.id, other.id, None, None, mine.assignee, **both))
            for x in mine.items:
                for y in other.items:
                    if x == y:
                        found.add(Conflict("item_already_scheduled", mine.id, other.id, x, y, **both))
                        continue
                    if y in wholes[x]:
                        found.add(Conflict("parent_already_scheduled", mine.id, other.id, x, y, **both))
                    if y in parts[x]:
                        found.add(Conflict("child_already_scheduled", mine.id, other.id, x, y, **both))
                    if y in needs[x] and y not in wholes[x] | parts[x]:
                        down = graph.impact(*(each for each in other.items if each in graph))
                        spared = bool(graph.redundancy) and x not in down
                        found.add(Conflict("dependency_changing", mine.id, other.id, x, y, spared=spared, **both))
        found |= _periods(mine, wholes, parts, given, places)
    return found


def _periods(
    mine: PlannedWork, wholes: Mapping[str, set[str]], parts: Mapping[str, set[str]], given: list[Period],
    places: Mapping[str, Place],
) -> set[Conflict]:  # fmt: skip
    def scoped(item: str) -> list[Period]:
        place = places.get(item, Place())
        return [
            each for each in given
            if item in each.items or (place.service and place.service in each.services)
            or (place.location and place.location in each.locations)
        ]  # fmt: skip

    general = [each for each in given if not (each.items or each.services or each.locations)]
    by_itself = [
        each for each in given
        if (mine.service and mine.service in each.services) or (mine.location and mine.location in each.locations)
    ]  # fmt: skip
    sides: list[tuple[str | None, str | None, str, list[Period]]] = [(None, None, "item", [*general, *by_itself])]
    for x in mine.items:
        sides.append((x, x, "item", scoped(x)))
        sides += [(x, y, "parent", scoped(y)) for y in wholes[x]]
        sides += [(x, y, "child", scoped(y)) for y in parts[x]]
    found: set[Conflict] = set()
    for item, other, side, held in sides:
        windows = [each for each in held if each.kind == "maintenance"]
        bound = bool(windows)
        if item is None:
            bound = bound and (
                not mine.items or any(all(each.kind != "maintenance" for each in scoped(x)) for x in mine.items)
            )
        else:
            windows += [each for each in general if each.kind == "maintenance"]
        if bound:
            hours = int((mine.end - mine.start) / HOUR)
            outside = [
                mine.start + n * HOUR for n in range(hours)
                if not any(each.when.start <= mine.start + n * HOUR < each.when.end for each in windows)  # type: ignore[union-attr]  # the kit draws fixed ones only
            ]  # fmt: skip
            if outside:
                end = outside[0] + HOUR
                while end in outside:
                    end += HOUR
                names = tuple(sorted({each.name for each in windows}))
                kind: Any = f"{side}_outside_maintenance"
                found.add(Conflict(kind, mine.id, None, item, other, None, names, start=outside[0], end=end))
        for each in held:
            exempt = (each.kind == "freeze" and mine.type == "emergency") or mine.id in each.exempt_changes
            start, end = max(mine.start, each.when.start), min(mine.end, each.when.end)  # type: ignore[union-attr]  # the kit draws fixed ones only
            if each.kind != "maintenance" and not exempt and start < end:
                told: Any = f"{side}_in_blackout"
                found.add(Conflict(told, mine.id, None, item, other, None, (each.name,), start=start, end=end))
    return found
