"""What the stores cost against the bare driver, side by side in one run.

    python benchmarks/storage.py
    python benchmarks/storage.py --growth 1000,10000,100000,1000000

The yardstick writes the same bytes (taken from what the library wrote) into the same tables with
the bare `sqlite3` module. Both sides take turns, on fresh files; each figure is the median of the
CPU time (user and system) of a round, and the ratio is the median of the rounds' ratios.

With `--growth`, one file grows to each of these sizes, and at each of them every operation is measured
on records from all over it.
"""

import argparse
import gc
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if "--stdlib" in sys.argv:
    sys.modules["orjson"] = None  # type: ignore[assignment]  # what makes an import fail

import itil4
from itil4 import Actor, MemoryStore, SqliteStore
from itil4.storage import Batch, Compare, Query, statements

SAM = Actor("sam", roles={"service_desk"})
LEVELS = ("high", "medium", "low")


def log(desk: Any, number: int, **more: Any) -> Any:
    """Log an incident as a service desk would."""
    return desk.incidents.log(
        summary=f"Mail is down in building {number}", impact=LEVELS[number % 3], urgency=LEVELS[number // 3 % 3],
        requester=f"user{number % 100}", group="mail team", service="mail", category="mail", **more,
    )  # fmt: skip


def cpu(work: Callable[[], Any]) -> float:
    """Return the seconds of CPU that some work takes, without the garbage that others left."""
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


class Bench:
    """Files and rows for both sides."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size, self.count = folder, size, 0
        path = self.path()
        with itil4.connect(SqliteStore(path)) as itsm:
            self.births(itsm)
            raw = self.driver(path)
            self.tables = [row[0] for row in raw.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
            self.rows = raw.execute(f"SELECT tenant, {statements.RECORD} FROM record").fetchall()
            self.lines = raw.execute(f"SELECT tenant, {statements.ENTRY} FROM entry").fetchall()
            self.updates(itsm, list(itsm.incidents.each()))
            select = "SELECT state, category, version, updated_at, schema, body, tenant, id, version - 1 FROM record"
            self.new = raw.execute(select).fetchall()
            self.more = raw.execute(f"SELECT tenant, {statements.ENTRY} FROM entry WHERE seq = 2").fetchall()
            raw.close()

    def path(self) -> str:
        self.count += 1
        return str(self.folder / f"{self.count}.db")

    @staticmethod
    def driver(path: str, synchronous: str = "NORMAL") -> sqlite3.Connection:
        raw = sqlite3.connect(path, isolation_level=None)
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute(f"PRAGMA synchronous={synchronous}")
        return raw

    def empty(self) -> sqlite3.Connection:
        raw = self.driver(self.path())
        for statement in self.tables:
            raw.execute(statement)
        return raw

    def births(self, itsm: Any) -> None:
        with itsm.unit(by=SAM) as desk:
            for number in range(self.size):
                log(desk, number)

    def updates(self, itsm: Any, found: list[Any]) -> None:
        """Change every incident that the host holds, each after asking whether its next step is possible."""
        with itsm.unit(by=SAM) as desk:
            for incident in found:
                assert desk.incidents.explain(incident, "assign", assignee="sam")
                desk.incidents.update(incident, item="relay 7")

    # each pair: ours, the bare driver's

    def bulk_births(self) -> tuple[float, float]:
        with itil4.connect(SqliteStore(self.path())) as itsm:
            ours = cpu(lambda: self.births(itsm))
        raw = self.empty()

        def work() -> None:
            raw.execute("BEGIN IMMEDIATE")
            raw.executemany(statements.INSERT_RECORD, self.rows)
            raw.executemany(statements.INSERT_ENTRY, self.lines)
            raw.execute("COMMIT")

        theirs = cpu(work)
        raw.close()
        return ours, theirs

    def bulk_updates(self) -> tuple[float, float]:
        with itil4.connect(SqliteStore(self.path())) as itsm:
            self.births(itsm)
            found = list(itsm.incidents.each())
            ours = cpu(lambda: self.updates(itsm, found))
        raw = self.empty()
        raw.execute("BEGIN")  # as ours, so that both begin with as long a log file
        raw.executemany(statements.INSERT_RECORD, self.rows)
        raw.executemany(statements.INSERT_ENTRY, self.lines)
        raw.execute("COMMIT")

        def work() -> None:
            raw.execute("BEGIN IMMEDIATE")
            raw.executemany(statements.UPDATE_RECORD, self.new)
            raw.executemany(statements.INSERT_ENTRY, self.more)
            raw.execute("COMMIT")

        theirs = cpu(work)
        raw.close()
        return ours, theirs

    def single(self, synchronous: Any = "NORMAL") -> tuple[float, float]:
        with itil4.connect(SqliteStore(self.path(), synchronous=synchronous)) as itsm:
            ours = cpu(lambda: [log(itsm, number, by=SAM) for number in range(self.size // 4)])
        raw = self.empty()

        def work() -> None:
            for row, line in zip(self.rows[: self.size // 4], self.lines, strict=False):
                raw.execute("BEGIN IMMEDIATE")
                raw.execute(statements.INSERT_RECORD, row)
                raw.execute(statements.INSERT_ENTRY, line)
                raw.execute("COMMIT")

        theirs = cpu(work)
        raw.close()
        return ours, theirs

    def gets(self) -> tuple[float, float]:
        path = self.path()
        with itil4.connect(SqliteStore(path)) as itsm:
            self.births(itsm)
            ids = [each.id for each in itsm.incidents.each()]
            ours = cpu(lambda: [itsm.incidents.get(each) for each in ids])
        raw = self.driver(path)
        text = f"SELECT {statements.RECORD} FROM record WHERE tenant = ? AND id = ?"
        theirs = cpu(lambda: [raw.execute(text, ("", each)).fetchone() for each in ids])
        raw.close()
        return ours, theirs

    def memory_writes(self) -> tuple[float, float]:
        itsm = itil4.connect(MemoryStore())
        ours = cpu(lambda: self.births(itsm))
        records = list(itsm.incidents.each())
        plain: dict[str, Any] = {}
        theirs = cpu(lambda: [[plain.__setitem__(each.id, each) for each in records] for _ in range(20)]) / 20
        return ours, theirs

    def memory_batches(self) -> tuple[float, float]:
        source = itil4.connect(MemoryStore())
        self.births(source)
        rows = source.house.store.find("", Query("incident"))
        entries = {row.id: list(source.house.store.history("", record_id=row.id)) for row in rows}
        batches = [Batch(births=[(row, None)], entries=entries[row.id]) for row in rows]
        store = MemoryStore()
        ours = cpu(lambda: [store.write("", batch) for batch in batches])
        plain: dict[str, Any] = {}
        theirs = cpu(lambda: [[plain.__setitem__(row.id, row) for row in rows] for _ in range(20)]) / 20
        return ours, theirs

    def memory_loads(self) -> tuple[float, float]:
        itsm = itil4.connect(MemoryStore())
        self.births(itsm)
        store = itsm.house.store
        plain = {each.id: row for each in itsm.incidents.each() for row in store.load("", [each.id])}

        def work() -> None:
            for each in plain:
                store.load("", [each])

        def same() -> None:
            for each in plain:
                plain[each]

        return cpu(work), cpu(same)


def pages(folder: Path, size: int, rounds: int) -> dict[str, float]:
    """Return milliseconds for pages of 50 out of many, from the store and decoded."""
    found: dict[str, list[float]] = {}
    with itil4.connect(SqliteStore(folder / "pages.db")) as itsm:
        for start in range(0, size, 2_000):
            with itsm.unit(by=SAM) as desk:
                for number in range(start, start + 2_000):
                    log(desk, number)
        store = itsm.house.store
        last = store.find("", Query("incident", order=(("priority", True),), limit=51))[-1]
        mark = (json.loads(last.body)["priority"], last.id)
        middle = store.find("", Query("incident", Compare("priority", "eq", 3), (("priority", False),), 1))[0]
        works: dict[str, Callable[[], Any]] = {
            "first page by priority": lambda: itsm.incidents.find(order_by="priority"),
            "middle page by priority": lambda: [
                itsm.incidents.stored.codec.record(row)
                for row in store.find(
                    "", Query("incident", order=(("priority", False),), limit=51, after=(3, middle.id))
                )
            ],
            "last page by priority": lambda: [
                itsm.incidents.stored.codec.record(row)
                for row in store.find("", Query("incident", order=(("priority", False),), limit=51, after=mark))
            ],
            "first page, descending": lambda: itsm.incidents.find(order_by="-priority"),
            "first page by birth": itsm.incidents.find,
            "one by number": lambda: itsm.incidents.get("INC0000777"),
            "50 of one person": lambda: itsm.incidents.find(requester="user7", order_by="id"),
        }
        for _ in range(rounds):
            for name, work in works.items():
                work()
                found.setdefault(name, []).append(1000 * cpu(lambda work=work: [work() for _ in range(20)]) / 20)
    return {name: statistics.median(times) for name, times in found.items()}


def growth(folder: Path, sizes: list[int], rounds: int) -> dict[int, dict[str, float]]:
    """Return the microseconds of CPU of each operation at each size of one file, the median of the rounds."""
    figures: dict[int, dict[str, float]] = {}
    dice, some = random.Random(5), 100
    with itil4.connect(SqliteStore(folder / "growth.db")) as itsm:
        ids: list[str] = []

        def births(count: int) -> None:
            with itsm.unit(by=SAM) as desk:
                ids.extend([log(desk, len(ids)).id for _ in range(count)])

        def single() -> None:
            ids.extend([log(itsm, len(ids), by=SAM).id for _ in range(some)])

        def updates() -> None:
            chosen = dice.sample(ids, some)
            with itsm.unit(by=SAM) as desk:
                for each in chosen:
                    desk.incidents.update(each, item=f"relay {dice.random()}")

        def pages() -> None:
            for _ in range(some):
                itsm.incidents.find(order_by="-priority")

        works: dict[str, Callable[[], Any]] = {
            "a birth in a unit of 100": lambda: births(some),
            "a unit of one birth": single,
            "an update by id in a unit of 100": updates,
            "get by id": lambda: [itsm.incidents.get(each) for each in dice.sample(ids, some)],
            "get by number": lambda: [
                itsm.incidents.get(f"INC{number:07d}") for number in dice.sample(range(1, len(ids)), some)
            ],
            "history of one": lambda: [itsm.incidents.history(each) for each in dice.sample(ids, some)],
            "page of 50 by priority": pages,
        }
        for size in sizes:
            while len(ids) < size:
                births(min(5_000, size - len(ids)))
            times: dict[str, list[float]] = {name: [] for name in works}
            for _ in range(rounds):
                for name, work in works.items():
                    times[name].append(cpu(work) / some * 1e6)
            figures[size] = {name: statistics.median(found) for name, found in times.items()}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description="the stores against the bare driver")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--size", type=int, default=1_000)
    parser.add_argument("--pages", type=int, default=100_000, help="records behind the pages; 0 to leave them out")
    parser.add_argument("--stdlib", action="store_true", help="JSON by the standard library, orjson or not")
    parser.add_argument("--growth", help="sizes, such as 1000,10000: the cost of each operation at each of them")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.growth:
        sizes = [int(size) for size in given.growth.split(",")]
        with tempfile.TemporaryDirectory() as name:
            grown = growth(Path(name), sizes, given.rounds)
        if given.json:
            print(json.dumps(grown))
            return
        print(f"{'microseconds of CPU, records':34}" + "".join(f"{size:>12,}" for size in sizes))
        for title in grown[sizes[0]]:
            print(f"{title:34}" + "".join(f"{grown[size][title]:12.1f}" for size in sizes))
        return
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), given.size)
        size, fast = given.size, sys.modules.get("orjson") is not None
        table: list[tuple[str, Callable[[], tuple[float, float]], int, float | None]] = [
            (f"bulk: a unit of {size:,} births", bench.bulk_births, size, 1.6 if fast else 2.6),
            (f"bulk: {size:,} updates with explain", bench.bulk_updates, size, 1.9 if fast else 3.0),
            ("one unit per birth, NORMAL", bench.single, size // 4, 1.3),
            ("get by id", bench.gets, size, 3.0 if fast else 4.0),
            ("memory: log, against a dict", bench.memory_writes, size, None),
            ("memory: write a row and its entry", bench.memory_batches, size, 30),
            ("memory: load a row, against a dict", bench.memory_loads, size, 3),
        ]
        times: dict[str, list[tuple[float, float]]] = {row[0]: [] for row in table}
        for _ in range(given.rounds):
            for title, work, _count, _target in table:
                times[title].append(work())
        paged = pages(Path(name), given.pages, given.rounds) if given.pages else {}
    figures = {}
    for title, _, count, target in table:
        ours, theirs = (statistics.median(pair[side] for pair in times[title]) for side in (0, 1))
        ratio = statistics.median(pair[0] / pair[1] for pair in times[title])
        figures[title] = {
            "ours_us": ours / count * 1e6,
            "theirs_us": theirs / count * 1e6,
            "ratio": ratio,
            "at_most": target,
        }
    if given.json:
        print(json.dumps({"ratios": figures, "pages_ms": paged}))
        return
    print(f"{'':38}{'us each':>9}{'against':>9}{'ratio':>8}{'at most':>9}")
    for title, row in figures.items():
        print(f"{title:38}{row['ours_us']:9.1f}{row['theirs_us']:9.1f}{row['ratio']:8.2f}{row['at_most'] or '-':>9}")
    for title, found in paged.items():
        print(f"{title + f' of {given.pages:,}':38}{found:9.2f} ms")


if __name__ == "__main__":
    main()
