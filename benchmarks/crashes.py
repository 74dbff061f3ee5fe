"""Kill writers with SIGKILL in the middle of their work, reopen the file, and count what was lost or torn.

    python benchmarks/crashes.py --rounds 200
    python benchmarks/crashes.py --rounds 200 --store postgresql

Each round starts a process that writes units (two incidents and a link between them) as fast as it
can and says which of them have been acknowledged. It is killed at a random moment. Then the file is
opened again, with the next round's writer going on in it. On PostgreSQL, which is started for this where it is
installed, the server and all of its processes are killed in every second round, the writer in the others.
At the end the figures are printed:

- lost: acknowledged units that are not there;
- torn: units of which only a part is there, or histories that do not replay to their rows;
- gaps and doubles in the numbers;
- whether SQLite finds the file intact, or PostgreSQL the keys of its tables.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import itil4
from itil4 import Actor, SqliteStore

SAM = Actor("sam", roles={"service_desk"})


def store_of(place: str) -> Any:
    """Return the store at a path, or at the address of a server."""
    if "://" not in place:
        return SqliteStore(place)
    from itil4.storage import SqlAlchemyStore

    return SqlAlchemyStore(place)


def write(place: str) -> None:
    """Write units until killed, or until the server is, saying each one's id once its commit has returned."""
    with itil4.connect(store_of(place)) as itsm:
        while True:
            with itsm.unit(by=SAM) as desk:
                parent = desk.incidents.log(summary="parent", impact="high", urgency="high")
                child = desk.incidents.log(summary="child", impact="low", urgency="low")
                desk.link(child, "child_of", parent)
            os.write(1, f"{parent.id} {child.id}\n".encode())


def check(path: str, acknowledged: list[tuple[str, str]]) -> dict[str, int]:
    """Return what is wrong with the file or database, as figures that are all 0."""
    with itil4.connect(store_of(path)) as itsm:
        there = {each.id: each for each in itsm.incidents.each()}
        histories = {entries[0].record_id: entries for entries in itsm.incidents.histories()}
        lost = sum(1 for pair in acknowledged if not (pair[0] in there and pair[1] in there))
        units: dict[str, int] = {}
        for entries in histories.values():
            for entry in entries:
                units[entry.unit or ""] = units.get(entry.unit or "", 0) + 1
        torn = sum(1 for count in units.values() if count != 3)
        torn += sum(1 for each in there.values() if itsm.incidents.rebuilt(histories[each.id]) != each)
        torn += len(there.keys() ^ histories.keys())
        numbers = sorted(int((each.number or "INC0")[3:]) for each in there.values())
    intact, links = _looked_at(path)
    gaps = sum(1 for place, number in enumerate(numbers, 1) if place != number)
    return {"lost": lost, "torn": torn + abs(links - len(units)), "number_gaps": gaps, "damaged": int(not intact)}


def _looked_at(path: str) -> tuple[bool, int]:
    """Return whether a database is intact, and how many links are in it."""
    if "://" not in path:
        with closing(sqlite3.connect(path)) as raw:
            intact = raw.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            return intact, raw.execute("SELECT count(*) FROM link").fetchone()[0]
    from sqlalchemy import create_engine

    engine = create_engine(path)
    with engine.connect() as raw:
        run = raw.exec_driver_sql
        entries = "SELECT count(*) FROM itil4_entry WHERE record_id = r.id"
        torn = f"SELECT count(*) FROM itil4_record AS r WHERE version <> ({entries})"
        intact = run(torn).scalar() == 0 and _amcheck(run)
        links = int(run("SELECT count(*) FROM itil4_link").scalar() or 0)
    engine.dispose()
    return intact, links


def _amcheck(run: Any) -> bool:
    """Let PostgreSQL check its indexes, where the extension for it is installed."""
    if run("SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'").scalar() == 0:
        return True
    run("CREATE EXTENSION IF NOT EXISTS amcheck")
    found = run(
        "SELECT c.oid FROM pg_class AS c JOIN pg_am AS a ON a.oid = c.relam "
        "WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relname LIKE 'itil4%%'"
    )
    for (index,) in found.fetchall():
        run(f"SELECT bt_index_check({int(index)}, true)")  # raises where the index and its table differ
    return True


def _killed(server: Any, writer: Any, number: int) -> None:
    """Kill the writer, or the server with all that it runs, which then starts again and recovers."""
    if server is None or number % 2:
        writer.send_signal(signal.SIGKILL)
        return
    server.kill()
    writer.wait()
    server.start()


def main() -> None:
    parser = argparse.ArgumentParser(description="kill -9 in the middle of writes")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", metavar="FILE", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write(given.write)
    source = random.Random(given.seed)
    acknowledged: list[tuple[str, str]] = []
    figures = {"rounds": given.rounds, "acknowledged": 0, "lost": 0, "torn": 0, "number_gaps": 0, "damaged": 0}
    with tempfile.TemporaryDirectory() as folder:
        server = None
        if given.store == "postgresql":
            from databases import server as started

            server = started(durable=True)
            assert server is not None, "there is no PostgreSQL on this machine"
        path = server.url if server is not None else str(Path(folder) / "crash.db")
        for number in range(given.rounds):
            muted = subprocess.DEVNULL if server is not None else None
            command = [sys.executable, __file__, "--write", path]
            writer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=muted)
            assert writer.stdout is not None
            head = writer.stdout.readline()
            time.sleep(source.uniform(0, 0.05))
            _killed(server, writer, number)
            said = (head + writer.stdout.read()).decode()
            writer.stdout.close()
            writer.wait()
            acknowledged += [(*line.split(),) for line in said.split("\n")[:-1]]  # type: ignore[misc]
            if number % 20 == 19 or number == given.rounds - 1:
                for name, value in check(path, acknowledged).items():
                    figures[name] = max(figures[name], value)
        figures["acknowledged"] = len(acknowledged)
        if server is not None:
            server.remove()
    if given.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:14}{value:>10,}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
