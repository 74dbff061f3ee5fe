"""What it costs to import the package, and until a fresh process has logged its first incident.

    python benchmarks/startup.py

Each figure is the CPU time (user and system) of fresh interpreters, less that of one that does
nothing, measured in turns in one run; medians and the ratio to the yardstick.
"""

import argparse
import compileall
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import itil4

RAW = """
import sqlite3, attrs
c = sqlite3.connect({path!r}, isolation_level=None)
c.execute("PRAGMA journal_mode=WAL"); c.execute("PRAGMA synchronous=NORMAL")
c.execute("BEGIN IMMEDIATE")
for statement in {tables!r}: c.execute(statement)
c.execute("COMMIT")
c.execute("BEGIN IMMEDIATE")
c.execute({record!r}, {row!r})
c.execute({entry!r}, {line!r})
c.execute("COMMIT")
c.close()
"""
OURS = """
import itil4
with itil4.connect("sqlite:///" + {path!r}) as itsm:
    itsm.incidents.log(summary="Mail is down", impact="high", urgency="high", by=itil4.Actor("ana", roles={{"user"}}))
"""


def raw(path: str) -> str:
    """Return a script that writes with the bare driver what the library writes: same tables, same bytes."""
    from itil4.storage import statements

    with tempfile.TemporaryDirectory() as folder, itil4.connect(f"sqlite:///{folder}/x.db") as itsm:
        itsm.incidents.log(summary="Mail is down", impact="high", urgency="high", by=itil4.Actor("ana", roles={"user"}))
        connection = itsm.house.store._connection()
        tables = [row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
        row = connection.execute(f"SELECT tenant, {statements.RECORD} FROM record").fetchone()
        line = connection.execute(f"SELECT tenant, {statements.ENTRY} FROM entry").fetchone()
    return RAW.format(
        path=path, tables=tables, record=statements.INSERT_RECORD, row=row, entry=statements.INSERT_ENTRY, line=line
    )


def cpu(script: str, path: Path | None = None) -> float:
    """Return the milliseconds of CPU that a fresh interpreter uses for a script."""
    if path is not None:
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", script], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    parser = argparse.ArgumentParser(description="import and first incident")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    compileall.compile_dir(os.path.dirname(itil4.__file__), quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "desk.db"
        scripts = {
            "nothing": "",
            "import attrs": "import attrs",
            "import itil4": "import itil4",
            "itil4.Incident": "import itil4; itil4.Incident",
            "raw sqlite3 + attrs": raw(str(path)),
            "first incident": OURS.format(path=str(path)),
        }
        times: dict[str, list[float]] = {name: [] for name in scripts}
        for _ in range(given.rounds):
            for name, script in scripts.items():
                times[name].append(cpu(script, path))
    idle = statistics.median(times.pop("nothing"))
    median = {name: statistics.median(found) - idle for name, found in times.items()}
    table = [
        ("import itil4 / import attrs", median["import itil4"], median["import attrs"], 0.6),
        ("itil4.Incident / import attrs", median["itil4.Incident"], median["import attrs"], None),
        ("first incident / raw sqlite3 + attrs", median["first incident"], median["raw sqlite3 + attrs"], 2.0),
    ]
    if given.json:
        print(json.dumps({name: {"ours": ours, "theirs": theirs, "target": at} for name, ours, theirs, at in table}))
        return
    print(f"{'':38}{'ms':>8}{'against':>9}{'ratio':>7}{'target':>8}")
    for name, ours, theirs, at in table:
        print(f"{name:38}{ours:8.1f}{theirs:9.1f}{ours / theirs:7.2f}{at or '-':>8}")


if __name__ == "__main__":
    main()
