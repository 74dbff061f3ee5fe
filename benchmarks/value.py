"""How fast streams are observed, simulated and reported, as ratios measured side by side in one run.

Run: python benchmarks/value.py [LOG.csv.gz] [--quick]

LOG is an event log in the form of the UCI incident log (default: the one in the sibling folder `shared`). Contenders
get the same work in turn, round after round, and the median of their CPU time counts. pm4py and SimPy take part where
they are installed. Absolute figures depend on the machine, ratios hardly do.
"""

import argparse
import csv
import gzip
import importlib
import random
import statistics
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import itil4
from itil4 import value
from itil4.interop.html_report import html_report
from itil4.interop.importing import prepare
from itil4.interop.mapping import HistoryMapping
from itil4.practices.streams import observations

LOG = Path(__file__).parents[2] / "shared" / "data" / "uci_incidents_dev.csv.gz"
MINUTE = timedelta(minutes=1)
Rows = list[tuple[str, str, datetime]]


def optional(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError:
            return None


def measure(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median CPU seconds of each, all of them in turn in every round; the first round does not count."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for each in range(rounds + 1):
        for name, run in contenders.items():
            begun = time.process_time()
            run()
            if each:
                taken[name].append(time.process_time() - begun)
    return {name: statistics.median(times) for name, times in taken.items()}


def show(title: str, found: dict[str, float], base: str) -> None:
    print(f"\n{title}")
    for name, seconds in found.items():
        print(f"  {name:<46}{seconds:>9.3f} s{seconds / found[base]:>9.2f} x")


def read(path: Path) -> Rows:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [
            (row["number"], row["incident_state"],
             datetime.strptime(row["sys_updated_at"], "%d/%m/%Y %H:%M").replace(tzinfo=UTC))
            for row in csv.DictReader(file)
        ]  # fmt: skip


def bare_loop(rows: Rows) -> object:
    """The least that anybody would write: pairs of states in a row, how often and how long."""
    cases: dict[str, list[tuple[str, datetime]]] = {}
    for case, place, at in rows:
        cases.setdefault(case, []).append((place, at))
    counts: Counter[tuple[str, str]] = Counter()
    times: dict[tuple[str, str], timedelta] = {}
    for seen in cases.values():
        for (before, begun), (after, ended) in pairwise(seen):
            pair = before, after
            counts[pair] += 1
            times[pair] = times.get(pair, timedelta(0)) + (ended - begun)
    return counts, times


def observing(rows: Rows, rounds: int) -> None:
    contenders: dict[str, Callable[[], object]] = {
        "a bare loop": lambda: bare_loop(rows),
        "observe: all figures of a map": lambda: value.observe(None, rows, ends=["Closed"]),
    }
    miner, pandas = optional("pm4py"), optional("pandas")
    if miner and pandas:
        columns = ["case:concept:name", "concept:name", "time:timestamp"]
        frame = pandas.DataFrame(rows, columns=columns)
        mined: Callable[[Any], object] = lambda given: (  # noqa: E731
            miner.discover_dfg(given),
            miner.discover_performance_dfg(given),
        )
        contenders["pm4py: pairs and times, from a ready frame"] = lambda: mined(frame)
        contenders["pm4py: pairs and times, from the same rows"] = lambda: mined(
            pandas.DataFrame(rows, columns=columns)
        )
    by_time = sorted(rows, key=lambda row: row[2])
    contenders["observe: the same rows in the order of time"] = lambda: value.observe(None, by_time, ends=["Closed"])
    show(f"observe {len(rows):,} real rows", measure(contenders, rounds), "a bare loop")


def simulating(rounds: int) -> None:
    steps = [value.Step(name=name, activity="engage", practices=["service_desk"], capacity=2) for name in "ABC"]
    line = value.ValueStream(id="line", name="Line", trigger="a call", outcome="an answer", steps=steps)
    one = value.ValueStream(id="one", name="One", trigger="a call", outcome="an answer", steps=steps[:1])
    service = dict.fromkeys("ABC", 9 * MINUTE)
    found = measure(
        {"simulate: three steps with rework": lambda: value.simulate(
            line, 6 * MINUTE, service, seed=7, items=40_000, routes={"C": {"A": 0.1}})}, rounds,
    )  # fmt: skip
    show("simulate 40,000 items", found, "simulate: three steps with rework")
    run: Callable[[], Any] = lambda: value.simulate(  # noqa: E731
        one, 6 * MINUTE, {"A": 10 * MINUTE}, seed=7, items=40_000
    )
    contenders: dict[str, Callable[[], object]] = {
        "simulate": run,
        "simulate, all observations made": lambda: list(run()),
        "simulate and observe": lambda: value.observe(one, run()),
    }
    simpy = optional("simpy")
    if simpy:
        contenders["SimPy, nothing noted"] = lambda: with_simpy(simpy, 40_000, noting=False)
        contenders["SimPy, all observations made"] = lambda: with_simpy(simpy, 40_000)
        contenders["SimPy and observe"] = lambda: value.observe(one, with_simpy(simpy, 40_000))
    show("the same M/M/2 queue, 40,000 items", measure(contenders, rounds), "simulate")


def with_simpy(simpy: Any, items: int, *, noting: bool = True) -> list[value.Observation]:
    """The M/M/2 queue as its manual writes queues, with the same history as result."""
    source = random.Random(7)
    world = simpy.Environment()
    desk = simpy.Resource(world, capacity=2)
    began = datetime(2026, 1, 1, tzinfo=UTC)
    history: list[value.Observation] = []

    def note(case: str, category: Any, kind: str | None = None) -> None:
        if noting:
            history.append(value.Observation(case, "A", began + timedelta(seconds=world.now), category, kind))

    def case(name: str) -> Any:
        if desk.count == desk.capacity:
            note(name, "waiting", "queue")
        with desk.request() as turn:
            yield turn
            note(name, "active")
            yield world.timeout(source.expovariate(1 / 600))
        note(name, "closed")

    def arrivals() -> Any:
        for number in range(items):
            yield world.timeout(source.expovariate(1 / 360))
            world.process(case(f"case-{number}"))

    world.process(arrivals())
    world.run()
    return history


def reporting(path: Path, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, itil4.connect(f"sqlite:///{folder}/log.db") as itsm:
        prepare(path, HistoryMapping.shipped("servicenow"), "UTC").into(itsm)
        told = list(observations(itsm, value.RESTORE_LIVE_SERVICE))
        seen = value.observe(value.RESTORE_LIVE_SERVICE, told)
        print(f"\nthe store: {seen.cases:,} cases; observed, {len(told):,} observations")
        found = measure(
            {
                "observations from the store": lambda: list(observations(itsm, value.RESTORE_LIVE_SERVICE)),
                "the map of these": lambda: value.observe(value.RESTORE_LIVE_SERVICE, told),
                "its picture": seen.svg,
                "the HTML report of the whole store": lambda: html_report(itsm),
            },
            rounds,
        )
        show("from a SQLite store", found, "the HTML report of the whole store")
        print(f"  size of the report: {len(html_report(itsm).encode()) / 1e6:.2f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure observing, simulating and reporting.")
    parser.add_argument("log", nargs="?", type=Path, default=LOG)
    parser.add_argument("--quick", action="store_true", help="three rounds rather than seven")
    chosen = parser.parse_args()
    times = 3 if chosen.quick else 7
    observing(read(chosen.log), times)
    simulating(times)
    reporting(chosen.log, times)
