"""How fast impacts and conflicts are found, as ratios measured side by side in one run.

Run: python benchmarks/configuration.py [--quick]

Contenders get the same work in turn, round after round, and the median of their CPU time counts. networkx takes part
where it is installed. Absolute figures depend on the machine, ratios hardly do.
"""

import argparse
import importlib
import random
import statistics
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import itil4
from itil4 import Actor
from itil4.practices.change_schedule import Conflict, Fixed, Period, PlannedWork, conflicts
from itil4.practices.change_schedule.conflict import MIRRORED
from itil4.practices.configuration import ConfigurationGraph, Redundancy

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
LAYERS = ("service", "application", "database", "server", "part")


def optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def measure(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median CPU seconds of each, all of them in turn in every round; the first round does not count."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for each in range(rounds + 1):
        for name, run in contenders.items():
            begun = time.process_time()
            run()
            if each:
                taken[name].append(time.process_time() - begun)
    return {name: statistics.median(times) for name, times in taken.items()}


def show(title: str, found: Mapping[str, float], base: str) -> None:
    print(f"\n{title}")
    for name, seconds in found.items():
        print(f"  {name:<58}{seconds * 1000:>11.3f} ms{seconds / found[base]:>10.2f} x")


def landscape(items: int, relations: int, chance: random.Random) -> list[tuple[str, str, str]]:
    """Return layers of items, each resting on the next one, parts of parts, and some circles of dependence."""
    size = items // len(LAYERS)
    names = [[f"{layer} {n}" for n in range(size)] for layer in LAYERS]
    edges: set[tuple[str, str, str]] = set()
    while len(edges) < relations * 9 // 10:
        layer = chance.randrange(len(LAYERS) - 1)
        a, b = chance.choice(names[layer]), chance.choice(names[layer + 1])
        edges.add((b, "part_of", a) if layer == 3 else (a, "depends_on", b))
    while len(edges) < relations:
        a, b = chance.sample(names[1][: size // 2], 2)
        edges.add((a, "depends_on", b))
    return sorted(edges)


def bare_search(dependants: Mapping[str, list[str]], start: str) -> set[str]:
    """The least that anybody would write: breadth first over a dict."""
    seen, queue = {start}, deque([start])
    while queue:
        for other in dependants.get(queue.popleft(), ()):
            if other not in seen:
                seen.add(other)
                queue.append(other)
    return seen


def impacts(edges: list[tuple[str, str, str]], chance: random.Random, rounds: int) -> None:
    plain = ConfigurationGraph(edges)
    redundancy = {}
    for item, others in plain.supporters.items():
        if len(others) >= 3 and chance.random() < 0.3:
            redundancy[item] = [Redundancy("group", 2, others[:3])]
    redundant = ConfigurationGraph(edges, redundancy=redundancy)
    dependants: dict[str, list[str]] = {}
    for item, others in plain.supporters.items():
        for other in others:
            dependants.setdefault(other, []).append(item)
    starts = chance.sample([each for each in plain.items if each.startswith("server")], 20)
    assert all(set(plain.impact(each).came) == bare_search(dependants, each) for each in starts)
    for graph in (plain, redundant):
        graph.impact(starts[0])
    contenders: dict[str, Callable[[], object]] = {
        "a bare breadth-first search over a dict": lambda: [bare_search(dependants, each) for each in starts],
        "impact, with paths": lambda: [plain.impact(each) for each in starts],
        f"impact, with paths and {len(redundancy):,} redundant groups": lambda: [
            redundant.impact(each) for each in starts
        ],
    }
    if networkx := optional("networkx"):
        theirs = networkx.DiGraph()
        theirs.add_edges_from((other, item) for other, items in dependants.items() for item in items)
        assert set(networkx.descendants(theirs, starts[0])) | {starts[0]} == set(plain.impact(starts[0]).came)
        contenders["networkx: descendants"] = lambda: [networkx.descendants(theirs, each) for each in starts]
        contenders["networkx: single_source_shortest_path"] = lambda: [
            networkx.single_source_shortest_path(theirs, each) for each in starts
        ]
    reached = statistics.mean(len(plain.impact(each)) for each in starts)
    title = (
        f"{len(starts)} impact queries among {len(plain):,} items and {len(edges):,} relations, {reached:,.0f} hit each"
    )
    show(title, measure(contenders, rounds), "a bare breadth-first search over a dict")
    made = {
        "a dict of lists from the edges": lambda: [dependants.setdefault(t, []) for _, _, t in edges],
        "a ConfigurationGraph, checked and compiled": lambda: ConfigurationGraph(edges).dependants,
    }
    show("making the graph", measure(made, rounds), "a ConfigurationGraph, checked and compiled")


def work(count: int, names: list[str], chance: random.Random) -> list[PlannedWork]:
    found = []
    for number in range(count):
        start = START + chance.randrange(24 * 90) * HOUR
        found.append(
            PlannedWork(
                id=f"CHG{number}", start=start, end=start + chance.randrange(1, 9) * HOUR,
                items=chance.sample(names, chance.randrange(1, 4)), assignee=f"person {chance.randrange(60)}",
            )
        )  # fmt: skip
    return found


def pairwise(planned: list[PlannedWork], graph: ConfigurationGraph) -> set[Conflict]:
    """The scan that anybody would write first: every pair, and where the times meet, every pair of items."""
    found: set[Conflict] = set()
    for mine in planned:
        for other in planned:
            start, end = max(mine.start, other.start), min(mine.end, other.end)
            if mine is other or start >= end:
                continue
            if mine.assignee == other.assignee:
                found.add(Conflict("assignee_already_scheduled", mine.id, other.id, None, None, mine.assignee,
                                   start=start, end=end))  # fmt: skip
            for x in mine.items:
                wholes, parts, needs = graph.wholes(x), graph.parts(x), graph.dependencies(x).came
                for y in other.items:
                    kind: Any = (
                        "item_already_scheduled" if x == y
                        else "parent_already_scheduled" if y in wholes
                        else "child_already_scheduled" if y in parts
                        else "dependency_changing" if y in needs else None
                    )  # fmt: skip
                    if kind is not None:
                        found.add(Conflict(kind, mine.id, other.id, x, y, start=start, end=end))
    return found


def pairwise_remembering(planned: list[PlannedWork], graph: ConfigurationGraph) -> set[Conflict]:
    """The same scan, with what each item is related to worked out once and kept."""
    kept: dict[str, tuple[Any, Any, Any]] = {}
    for each in planned:
        for x in each.items:
            if x not in kept:
                kept[x] = graph.wholes(x), graph.parts(x), frozenset(graph.dependencies(x).came)
    found: set[Conflict] = set()
    for mine in planned:
        for other in planned:
            if mine is other or mine.start >= other.end or other.start >= mine.end:
                continue
            start, end = max(mine.start, other.start), min(mine.end, other.end)
            if mine.assignee == other.assignee:
                found.add(Conflict("assignee_already_scheduled", mine.id, other.id, None, None, mine.assignee,
                                   start=start, end=end))  # fmt: skip
            for x in mine.items:
                wholes, parts, needs = kept[x]
                for y in other.items:
                    kind: Any = (
                        "item_already_scheduled" if x == y
                        else "parent_already_scheduled" if y in wholes
                        else "child_already_scheduled" if y in parts
                        else "dependency_changing" if y in needs else None
                    )  # fmt: skip
                    if kind is not None:
                        found.add(Conflict(kind, mine.id, other.id, x, y, start=start, end=end))
    assert all(each.kind in (*MIRRORED, "dependency_changing") for each in found)
    return found


def scheduling(edges: list[tuple[str, str, str]], count: int, chance: random.Random, rounds: int) -> None:
    graph = ConfigurationGraph(edges)
    planned = work(count, list(graph.items), chance)
    known = set(conflicts(planned, graph))
    assert known == pairwise(planned, graph) == pairwise_remembering(planned, graph)
    periods = [
        Period(name=f"freeze {n}", kind="blackout", items=chance.sample(graph.items, 20),
               when=Fixed(START + n * 24 * HOUR, START + (n + 1) * 24 * HOUR))
        for n in range(90)
    ]  # fmt: skip
    contenders: dict[str, Callable[[], object]] = {
        "conflicts: all of them": lambda: conflicts(planned, graph),
        "conflicts: against 90 blackouts of items as well": lambda: conflicts(planned, graph, periods),
        "the pairwise scan": lambda: pairwise(planned, graph),
        "the pairwise scan, remembering what items rest on": lambda: pairwise_remembering(planned, graph),
    }
    title = (
        f"all conflicts of {count:,} changes among {len(graph):,} items and {len(edges):,} relations: {len(known):,}"
    )
    show(title, measure(contenders, rounds), "conflicts: all of them")


def on_a_desk(edges: list[tuple[str, str, str]], rounds: int) -> None:
    itsm, keeper = itil4.connect(), Actor("kim", {"configuration_manager"})
    with itsm.unit(by=keeper) as desk:
        made = {name: desk.configuration_items.register(name=name) for name in {e for a, _, b in edges for e in (a, b)}}
    ids = {name: each.id for name, each in made.items()}
    with itsm.unit(by=keeper) as desk:
        for source, relation, target in edges:
            desk.link(ids[source], relation, ids[target])
    items = itsm.configuration_items
    first = ids["server 0"] if "server 0" in ids else next(iter(ids.values()))
    found = measure(
        {"graph(), from the store": items.graph, "impact(), from the store": lambda: items.impact(first)}, rounds
    )
    show(f"a desk with {len(ids):,} items and {len(edges):,} relations in memory", found, "graph(), from the store")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds")
    quick = parser.parse_args().quick
    items, relations, changes, rounds = (1_000, 4_000, 200, 3) if quick else (10_000, 40_000, 1_000, 7)
    chance = random.Random(7)
    edges = landscape(items, relations, chance)
    impacts(edges, chance, rounds)
    scheduling(edges, changes, chance, rounds)
    on_a_desk(landscape(1_000, 3_000, chance), rounds)


if __name__ == "__main__":
    main()
