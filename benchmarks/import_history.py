"""How fast foreign history comes in, against reading the same file with the csv module, in one run.

    python benchmarks/import_history.py [FILE] [--rounds 7] [--generate ROWS]

Prints CPU time per pass (medians, interleaved), rows per second, the ratio of both, and the peak
memory of the process. With --generate it imports a made-up log of so many rows into a SQLite file
instead, and prints the memory after each tenth: it must stay flat.
"""

import argparse
import csv
import gzip
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import itil4
from itil4.interop.importing import import_history
from itil4.interop.mapping import HistoryMapping

LOG = Path(__file__).parents[2] / "shared" / "data" / "uci_incidents_dev.csv.gz"
COLUMNS = HistoryMapping.shipped("servicenow").file_columns
STATES = ("New", "Active", "Awaiting Vendor", "Active", "Resolved", "Closed")


def read(path: Path) -> int:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def into_memory(path: Path) -> int:
    with itil4.connect() as itsm:
        return import_history(itsm, path).rows


def into_sqlite(path: Path) -> int:
    with tempfile.TemporaryDirectory() as folder, itil4.connect(f"sqlite:///{folder}/desk.db") as itsm:
        return import_history(itsm, path).rows


def timed(work: Callable[[Path], int], path: Path) -> tuple[float, int]:
    start = time.process_time()
    rows = work(path)
    return time.process_time() - start, rows


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


def compare(path: Path, rounds: int) -> None:
    ways = {"csv.reader": read, "import, SQLite": into_sqlite, "import, memory": into_memory}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    rows = 0
    for _ in range(rounds):
        for name, work in ways.items():
            seconds, rows = timed(work, path)
            taken[name].append(seconds)
    base = median(taken["csv.reader"])
    print(f"{rows:,} rows of {path.name}, median of {rounds} rounds, CPU time")
    for name, each in taken.items():
        middle = median(each)
        print(f"{name:<16}{middle:>9.2f} s{rows / middle:>14,.0f} rows/s{middle / base:>9.1f} x csv.reader")
    print(f"peak memory, the import into memory included: {peak():,.0f} MB")


def made_up(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="?")
        writer.writeheader()
        for n in range(rows):
            case, step = divmod(n, len(STATES))
            writer.writerow(
                {
                    "number": f"INC{case:010d}", "incident_state": STATES[step], "sys_mod_count": step,
                    "sys_updated_by": f"Updated by {case % 900}",
                    "sys_updated_at": f"{1 + step}/3/2016 08:{case % 60:02d}",
                    "impact": "2 - Medium", "urgency": "2 - Medium", "priority": "3 - Moderate",
                    "assignment_group": f"Group {(case + step) % 70}", "caller_id": f"Caller {case % 5000}",
                }
            )  # fmt: skip


def grow(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "made-up.csv")
        made_up(path, rows)
        tenth = max(rows // 10, 1)
        shown = 0

        def progress(done: int, total: int) -> None:
            nonlocal shown
            if done // tenth > shown:
                shown = done // tenth
                print(
                    f"{done:>12,} of {total:,} rows: peak {peak():,.0f} MB, {time.process_time():,.0f} s of CPU",
                    flush=True,
                )

        with itil4.connect(f"sqlite:///{folder}/desk.db") as itsm:
            done = import_history(itsm, path, progress=progress)
        print(f"{done.added:,} added, {done.faulty:,} with a problem")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=LOG)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--generate", type=int, metavar="ROWS")
    args = parser.parse_args()
    if args.generate:
        grow(args.generate)
    elif args.file.exists():
        compare(args.file, args.rounds)
    else:
        print(f"There is no {args.file}; give a log in the form of the ServiceNow mapping.")


if __name__ == "__main__":
    main()
