"""Kill relays with SIGKILL in the middle of their work, and count entries that are lost, out of order or doubled.

    python benchmarks/outbox.py --units 2000 --kills 50
    python benchmarks/outbox.py --store postgresql+psycopg://user@host/database

A process logs incidents and comments on them; three relays claim entries, write each one's name into a
file of their own, and acknowledge it. One relay after the other is killed and another one started. When
the writer is done and nothing waits, the histories are compared with what was delivered:

- lost: entries that no relay delivered;
- overtaken: entries whose first delivery came after that of a later entry of the same record;
- again: deliveries of an entry that was delivered before, which is what "at least once" means.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import itil4
from itil4 import Actor

SAM = Actor("sam", roles={"service_desk"})
LEASE = timedelta(milliseconds=300)


def write(url: str, units: int) -> None:
    """Log incidents, twenty at a time, and comment on them."""
    with itil4.connect(url) as itsm:
        made: list[str] = []
        for turn in range(units):
            if turn % 20 == 0:
                made.append(itsm.incidents.log(summary=f"{turn}", impact="high", urgency="low", by=SAM).id)
            else:
                itsm.incidents.comment(random.choice(made[-20:]), f"{turn}", by=SAM)
            time.sleep(0.005)  # as fast as three relays deliver, so that there is work all the time


def relay(url: str, name: str, path: str) -> None:
    """Deliver into a file until killed: one line for each entry, with the moment of the delivery."""
    with itil4.connect(url) as itsm, open(path, "ab", buffering=0) as file:
        while True:
            claimed = itsm.outbox.claim(name, LEASE, limit=20)
            for entry in claimed:
                file.write(f"{time.time_ns()} {entry.record_id} {entry.seq}\n".encode())
                time.sleep(0.01)  # as a receiver takes its time; most kills meet a relay here
                itsm.outbox.ack(entry)
            if not claimed:
                time.sleep(0.005)


def measure(url: str, folder: Path, units: int, kills: int) -> dict[str, Any]:
    """Return the figures of one run."""

    def start(*given: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, __file__, "--store", url, *given])

    with itil4.connect(url, outbox=True) as itsm:
        while claimed := itsm.outbox.claim("before"):
            itsm.outbox.ack(claimed)
        before = {entries[0].record_id: len(entries) for entries in itsm.incidents.histories()}
        writer = start("--write", "--units", str(units))
        names = iter(range(1_000_000))

        def another() -> "subprocess.Popen[bytes]":
            name = f"relay{next(names)}"
            return start("--relay", name, str(folder / name))

        relays = [another() for _ in range(3)]
        killed = 0
        while killed < kills or writer.poll() is None:
            time.sleep(random.uniform(0.1, 0.4))
            if killed < kills:
                victim = relays.pop(0)
                os.kill(victim.pid, signal.SIGKILL)
                victim.wait()
                relays.append(another())
                killed += 1
        if writer.returncode:
            raise SystemExit("the writer failed")
        time.sleep(3 * LEASE.total_seconds())
        for each in relays:
            os.kill(each.pid, signal.SIGKILL)
            each.wait()
        time.sleep(2 * LEASE.total_seconds())
        lines = [line for path in folder.glob("relay*") for line in path.read_bytes().split(b"\n")[:-1]]
        delivered = [(record.decode(), int(seq)) for _, record, seq in sorted(line.split() for line in lines)]
        while claimed := itsm.outbox.claim("rest"):
            delivered += [(entry.record_id, entry.seq) for entry in claimed]
            itsm.outbox.ack(claimed)
        wanted = {
            (entry.record_id, entry.seq)
            for entries in itsm.incidents.histories()
            for entry in entries[before.get(entries[0].record_id, 0) :]
        }
    first = list(dict.fromkeys(delivered))
    furthest: dict[str, int] = {}
    overtaken = 0
    for record_id, seq in first:
        overtaken += seq < furthest.get(record_id, 0)
        furthest[record_id] = max(seq, furthest.get(record_id, 0))
    return {
        "entries": len(wanted), "relays killed": killed, "lost": len(wanted - set(first)), "overtaken": overtaken,
        "again": len(delivered) - len(first),
    }  # fmt: skip


def main() -> None:
    """Run it, or work in one of its processes."""
    parser = argparse.ArgumentParser(description="Count entries that relays lose when they are killed.")
    parser.add_argument("--store", help="what connect() opens; a SQLite file of its own by default")
    parser.add_argument("--units", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--relay", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write(given.store, given.units)
        return
    if given.relay:
        relay(given.store, *given.relay)
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(given.store or f"sqlite:///{folder}/desk.db", Path(folder), given.units, given.kills)
    if given.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:14} {value}")


if __name__ == "__main__":
    main()
