"""Let processes change one record at once, and count the updates that are lost.

    python benchmarks/lost_updates.py --processes 8 --updates 2000
    python benchmarks/lost_updates.py --store postgresql+psycopg://user@host/database --processes 8 --updates 2000

Each process adds 1 to one field of one incident, as often as its share says: it reads the incident,
changes it with the version that it has read, and tries again when that was stale. Every success is
acknowledged. At the end the figures are printed:

- acknowledged: updates that returned without an error;
- lost: those that are not in the field's value;
- missing, doubled: places in the history that nobody or two have;
- stale: attempts that were refused because another process was first;
- torn: whether the history replays to the stored record.

The store is a file of its own in SQLite, or what `connect` opens under `--store`; the record is a new one.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from typing import Any

import itil4
from itil4 import Actor, StaleRecord

SAM = Actor("sam", roles={"service_desk"})


def work(url: str, record_id: str, count: int) -> None:
    """Wait for the start, add 1 to the rank `count` times, and print how many attempts were stale."""
    with itil4.connect(url) as itsm:
        itsm.incidents.get(record_id)
        print("ready", flush=True)
        sys.stdin.readline()
        stale = done = 0
        while done < count:
            try:
                current = itsm.incidents.get(record_id)
                itsm.incidents.update(current, rank=(current.rank or 0) + 1, by=SAM)
            except StaleRecord:
                stale += 1
                continue
            done += 1
        print(json.dumps({"acknowledged": done, "stale": stale}), flush=True)


def measure(url: str, processes: int, updates: int) -> dict[str, Any]:
    """Return the figures of one run."""
    with itil4.connect(url) as itsm:
        incident = itsm.incidents.log(summary="Contended", impact="high", urgency="low", by=SAM)
        shares = [updates // processes + (place < updates % processes) for place in range(processes)]
        workers = [
            subprocess.Popen(
                [sys.executable, __file__, "--work", incident.id, "--updates", str(share), "--store", url],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for share in shares
        ]  # fmt: skip
        for each in workers:
            assert each.stdout is not None
            if each.stdout.readline() != "ready\n":
                raise SystemExit("a process could not open the store")
        begun = time.perf_counter()
        for each in workers:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        told = Counter[str]()
        for each in workers:
            said, _ = each.communicate()
            if each.returncode:
                raise SystemExit(f"a process failed with {each.returncode}")
            told.update(json.loads(said))
        seconds = time.perf_counter() - begun
        now = itsm.incidents.get(incident.id)
        history = itsm.incidents.history(now)
        places = Counter(entry.seq for entry in history)
        ranks = [entry.changes["rank"].new for entry in history[1:]]  # type: ignore[union-attr]  # a field, not a list
        return {
            "processes": processes,
            "acknowledged": told["acknowledged"],
            "lost": told["acknowledged"] - (now.rank or 0),
            "missing": len(set(range(1, now.version + 1)) - places.keys()),
            "doubled": sum(count - 1 for count in places.values()) + len(ranks) - len(set(ranks)),
            "stale": told["stale"],
            "torn": int(itsm.incidents.replayed(now) != now or now.version != told["acknowledged"] + 1),
            "seconds": round(seconds, 1),
        }


def main() -> None:
    """Run it, or work in one of its processes."""
    parser = argparse.ArgumentParser(description="Count lost updates of processes that change one record at once.")
    parser.add_argument("--store", help="what connect() opens; a SQLite file of its own by default")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--updates", type=int, default=2_000, help="of all processes together")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.store, given.work, given.updates)
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(given.store or f"sqlite:///{folder}/desk.db", given.processes, given.updates)
    if given.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:14} {value}")


if __name__ == "__main__":
    main()
