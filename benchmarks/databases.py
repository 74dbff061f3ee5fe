"""What records in PostgreSQL, and in SQLite through SQLAlchemy, cost; side by side in one run.

    python benchmarks/databases.py                     # a private PostgreSQL is started where one is installed
    python benchmarks/databases.py --updates 2000      # 8 processes on one record: lost updates

The yardstick of PostgreSQL sends the very statements that the library sends, with the values that it sent, through
the bare driver: the first row against a whole unit of work, the second against the store alone. That of SQLite is
the library on its own `sqlite3` backend. Both sides take turns; each figure is the median of the rounds, in
microseconds of elapsed time (a server does its part in another process) and of CPU time of this process.
"""

import argparse
import gc
import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import itil4
from itil4 import Actor, SqliteStore
from itil4.storage import SqlAlchemyStore

SAM = Actor("sam", roles={"service_desk"})
LEVELS = ("high", "medium", "low")


def server(*, durable: bool = True) -> Any:
    """Start a private PostgreSQL as the tests do, or return None where there is none."""
    home = Path(__file__).parents[1] / "tests" / "storage" / "postgres.py"
    spec = importlib.util.spec_from_file_location("itil4_postgres_server", home)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Server(durable=durable) if module.binaries() else None


def log(desk: Any, number: int, **more: Any) -> Any:
    return desk.incidents.log(
        summary=f"Mail is down in building {number}", impact=LEVELS[number % 3], urgency=LEVELS[number // 3 % 3],
        requester=f"user{number % 100}", group="mail team", service="mail", category="mail", **more,
    )  # fmt: skip


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return seconds of elapsed and of CPU time."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


class Recorder:
    """A connection of the driver that notes what runs through it."""

    def __init__(self, inner: Any, said: list[Any]) -> None:
        self._inner, self._said = inner, said

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_inner", "_said"):
            object.__setattr__(self, name, value)
            return
        self._said.append(("set", name, value))
        setattr(self._inner, name, value)

    def cursor(self, *given: Any, **more: Any) -> Any:
        return RecordingCursor(self._inner.cursor(*given, **more), self._said)

    def commit(self) -> None:
        self._said.append(("commit",))
        self._inner.commit()


class RecordingCursor:
    """A cursor that notes what runs through it."""

    def __init__(self, inner: Any, said: list[Any]) -> None:
        self._inner, self._said = inner, said

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def execute(self, text: str, values: Any = ()) -> Any:
        self._said.append(("execute", text, tuple(values)))
        return self._inner.execute(text, values)

    def executemany(self, text: str, rows: Any) -> Any:
        rows = list(rows)
        self._said.append(("executemany", text, rows))
        return self._inner.executemany(text, rows)


class Held:
    """What the pool hands out, with a recorder in it."""

    def __init__(self, inner: Any, said: list[Any]) -> None:
        self.driver_connection = Recorder(inner.driver_connection, said)
        self.close, self.rollback = inner.close, inner.rollback


def replay(raw: Any, said: list[Any]) -> None:
    """Do with the bare driver what was noted."""
    cursor = raw.cursor()
    for what, *given in said:
        if what == "set":
            setattr(raw, *given)
        elif what == "commit":
            raw.commit()
        else:
            getattr(cursor, what)(*given)
            if what == "execute" and cursor.description:
                cursor.fetchall()


def postgresql(rounds: int, size: int) -> dict[str, dict[str, float]]:
    """Return what single units cost against the bare driver with the same statements."""
    import psycopg

    held = server()
    if held is None:
        return {}
    found: dict[str, list[tuple[float, ...]]] = {}
    try:
        for number in range(rounds):
            for kind in ("birth", "update", "get"):
                names = [f"{side}{number}{kind}" for side in ("ours", "said", "bare")]
                with psycopg.connect(held.dsn, autocommit=True) as raw:
                    for name in names:
                        raw.execute(f"CREATE SCHEMA {name}")
                stores = [SqlAlchemyStore(held.url, schema=name) for name in names]
                desks = [itil4.connect(store) for store in stores]
                works: list[Any] = [_work(desk, kind, size) for desk in desks]
                said: list[Any] = []
                engine, inner = stores[1].engine, stores[1].engine.raw_connection
                engine.raw_connection = lambda inner=inner, said=said: Held(inner(), said)  # type: ignore[method-assign]  # noted
                works[1]()
                places = {} if kind == "birth" else _places(*desks[1:])
                given = [_moved(each, names[1], names[2], places) for each in said]
                ours = timed(works[0])
                with psycopg.connect(held.dsn) as raw:
                    theirs = timed(lambda raw=raw, given=given: replay(raw, given))
                found.setdefault(kind, []).append((*ours, *theirs, len([x for x in said if x[0] != "set"]) / size))
                for desk in desks:
                    desk.close()
    finally:
        held.remove()
    return {kind: _medians(rows, size) for kind, rows in found.items()}


def _places(first: Any, other: Any) -> dict[str, str]:
    """Return which record of one desk stands for which of another: those that were logged at the same place."""
    pairs = zip(first.incidents.each(), other.incidents.each(), strict=True)
    return {one.id: two.id for one, two in pairs}


def _moved(one: Any, old: str, new: str, places: dict[str, str]) -> Any:
    """Return what was noted on one schema so that it can be done on another."""
    if one[0] in ("set", "commit"):
        return one

    def there(values: Any) -> Any:
        return tuple(places.get(each, each) if isinstance(each, str) else each for each in values)

    values = there(one[2]) if one[0] == "execute" else [there(row) for row in one[2]]
    return (one[0], one[1].replace(f'"{old}"', f'"{new}"'), values)


def _work(desk: Any, kind: str, size: int) -> Callable[[], Any]:
    log(desk, 0, by=SAM)
    if kind == "birth":
        return lambda: [log(desk, number, by=SAM) for number in range(size)]
    made = [log(desk, number, by=SAM) for number in range(size)]
    if kind == "update":
        return lambda: [desk.incidents.update(each, item="relay 7", by=SAM) for each in made]
    return lambda: [desk.incidents.get(each.id) for each in made]


def _medians(rows: list[tuple[float, ...]], size: int) -> dict[str, float]:
    wall, cpu, bare, bare_cpu, statements = (statistics.median(column) for column in zip(*rows, strict=True))
    return {
        "ours": 1e6 * wall / size, "bare": 1e6 * bare / size, "ratio": statistics.median(r[0] / r[2] for r in rows),
        "ours_cpu": 1e6 * cpu / size, "bare_cpu": 1e6 * bare_cpu / size, "statements": statements,
    }  # fmt: skip


def through_sqlalchemy(rounds: int, size: int) -> dict[str, dict[str, float]]:
    """Return what SQLite costs through SQLAlchemy against the own backend."""
    works: dict[str, Callable[[Any], Callable[[], Any]]] = {
        "one unit per birth": lambda desk: lambda: [log(desk, number, by=SAM) for number in range(size)],
        "one unit of all births": lambda desk: lambda: _bulk(desk, size),
        "get by id": lambda desk: _work(desk, "get", size),
        "one unit per update": lambda desk: _work(desk, "update", size),
        "first page of 50": lambda desk: _pages(desk, size),
    }
    found: dict[str, list[tuple[float, ...]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for place, (name, work) in enumerate(works.items()):
                path = f"{folder}/{number}_{place}"
                stores = [SqlAlchemyStore(f"sqlite+pysqlite:///{path}a.db"), SqliteStore(f"{path}b.db")]
                turn = stores if number % 2 else stores[::-1]
                times: dict[Any, tuple[float, float]] = {}
                for store in turn:
                    with itil4.connect(store) as desk:
                        log(desk, 0, by=SAM)
                        times[store] = timed(work(desk))
                found.setdefault(name, []).append((*times[stores[0]], *times[stores[1]], 0))
    return {name: _medians(rows, size) for name, rows in found.items()}


def _bulk(desk: Any, size: int) -> None:
    with desk.unit(by=SAM) as unit:
        for number in range(size):
            log(unit, number)


def _pages(desk: Any, size: int) -> Callable[[], Any]:
    _bulk(desk, size)
    return lambda: [desk.incidents.find(order_by="priority") for _ in range(size // 10)]


def lost_updates(total: int) -> dict[str, Any]:
    """Let 8 processes change one record, and return the figures of `lost_updates.py` for each database."""
    from lost_updates import measure

    found, held = {}, server()
    with tempfile.TemporaryDirectory() as folder:
        found["SQLite through SQLAlchemy"] = measure(f"sqlite+pysqlite:///{folder}/desk.db", 8, total)
    if held is not None:
        try:
            found["PostgreSQL"] = measure(held.url, 8, total)
        finally:
            held.remove()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="databases of hosts against the bare driver and the own backend")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--updates", type=int, default=0, help="only count lost updates, of so many")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.updates:
        found: dict[str, Any] = lost_updates(given.updates)
        print(json.dumps(found, indent=1))
        return
    rounds, size = given.rounds, given.size
    found = {
        "PostgreSQL, one unit each, against the bare driver with the same statements": postgresql(rounds, size),
        "SQLite through SQLAlchemy, against the own backend": through_sqlalchemy(rounds, size),
    }
    if given.json:
        print(json.dumps(found, indent=1))
        return
    for title, rows in found.items():
        print(title)
        for name, row in rows.items():
            shown = (f"{key} {value:,.2f}" if key == "ratio" else f"{key} {value:,.0f}" for key, value in row.items())
            print(f"  {name:26}{'  '.join(shown)}")


if __name__ == "__main__":
    main()
