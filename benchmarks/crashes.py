"""Kill writers with SIGKILL in the middle of their work, reopen the file, and count what was lost or torn.

    python benchmarks/crashes.py --rounds 200

Each round starts a process that writes units (two incidents and a link between them) as fast as it
can and says which of them have been acknowledged. It is killed at a random moment. Then the file is
opened again, with the next round's writer going on in it. At the end the figures are printed:

- lost: acknowledged units that are not there;
- torn: units of which only a part is there, or histories that do not replay to their rows;
- gaps and doubles in the numbers;
- whether SQLite finds the file intact.
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
from pathlib import Path

import itil4
from itil4 import Actor, SqliteStore

SAM = Actor("sam", roles={"service_desk"})


def write(path: str) -> None:
    """Write units until killed, saying each one's id once its commit has returned."""
    with itil4.connect(SqliteStore(path)) as itsm:
        while True:
            with itsm.unit(by=SAM) as desk:
                parent = desk.incidents.log(summary="parent", impact="high", urgency="high")
                child = desk.incidents.log(summary="child", impact="low", urgency="low")
                desk.link(child, "child_of", parent)
            os.write(1, f"{parent.id} {child.id}\n".encode())


def check(path: str, acknowledged: list[tuple[str, str]]) -> dict[str, int]:
    """Return what is wrong with the file, as figures that are all 0."""
    with itil4.connect(SqliteStore(path)) as itsm:
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
    with sqlite3.connect(path) as raw:
        intact = raw.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        links = raw.execute("SELECT count(*) FROM link").fetchone()[0]
    raw.close()
    gaps = sum(1 for place, number in enumerate(numbers, 1) if place != number)
    return {"lost": lost, "torn": torn + abs(links - len(units)), "number_gaps": gaps, "damaged": int(not intact)}


def main() -> None:
    parser = argparse.ArgumentParser(description="kill -9 in the middle of writes")
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
        path = str(Path(folder) / "crash.db")
        for number in range(given.rounds):
            writer = subprocess.Popen([sys.executable, __file__, "--write", path], stdout=subprocess.PIPE)
            assert writer.stdout is not None
            head = writer.stdout.readline()
            time.sleep(source.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
            said = (head + writer.stdout.read()).decode()
            writer.stdout.close()
            writer.wait()
            acknowledged += [(*line.split(),) for line in said.split("\n")[:-1]]  # type: ignore[misc]
            if number % 20 == 19 or number == given.rounds - 1:
                for name, value in check(path, acknowledged).items():
                    figures[name] = max(figures[name], value)
        figures["acknowledged"] = len(acknowledged)
    if given.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:14}{value:>10,}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
