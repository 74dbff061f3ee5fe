"""Writes a golden file: what a store of this version looks like, for later versions to read.

    python tests/storage/golden/make.py NAME

makes NAME.sql (the SQLite file as statements) and NAME.json (what is read from it). Run it once when the layout of
the tables or a record type changes, with the code as released; files of earlier versions are never made again.
"""

import json
import random
import sqlite3
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import itil4
from itil4 import Actor, FieldSet, TimeOrderedIds
from itil4.clock import FrozenClock

HERE = Path(__file__).parent
EXTRA = FieldSet.from_dict({"vessel": {"type": "line"}, "crew": {"type": "integer"}, "seen": {"type": "moment"}})


def told(itsm: itil4.ServiceManagement) -> dict[str, Any]:
    """Return what is read from a store, as plain data: records by their fields, histories and links."""
    found: dict[str, Any] = {}
    for practice in (itsm.incidents, itsm.problems):
        for record in practice.each():  # type: ignore[attr-defined]  # both are practices
            found[record.reference] = {
                "fields": {
                    name: repr(value)
                    for name in [*practice.shape.fields, *practice.shape.extra]  # type: ignore[attr-defined]
                    if (value := practice.shape.read(record, name)) not in (None, (), "")  # type: ignore[attr-defined]
                },
                "history": [entry.to_dict() for entry in practice.history(record)],  # type: ignore[attr-defined]
                "links": [repr(link) for link in practice.links(record)],  # type: ignore[attr-defined]
            }
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def work(itsm: itil4.ServiceManagement, clock: FrozenClock) -> None:
    """Do one of everything that leaves something in a store."""
    sam = Actor("sam", roles={"service_desk", "problem_manager"}, on_behalf_of="ana", via="phone")
    given = {"impact": "high", "urgency": "low", "by": sam}
    first = itsm.incidents.log(summary="Mail is down", vessel="Aurora", crew=4, seen=clock.now(), once="k", **given)
    second = itsm.incidents.log(summary="Drucker brennt 🔥", **given)
    clock.tick(timedelta(hours=1))
    first = itsm.incidents.assign(first, to="sam", group="mail", reason="she asked", by=sam)
    first = itsm.incidents.override(first, priority=1, reason="the boss", by=sam)
    first = itsm.incidents.comment(first, "Working on it", audience="user", by=sam)
    first = itsm.incidents.swarm(first, "ida", "tom", by=sam)
    first = itsm.link(first, "child_of", second, by=sam)
    first = itsm.incidents.watch(first, Actor("ana"), by=sam)
    clock.tick(timedelta(hours=1))
    problem = itsm.problems.log(summary="Relay", impact="low", urgency="low", by=sam)
    problem = itsm.problems.investigate(itsm.problems.categorize(problem, category="mail", by=sam), by=sam)
    problem = itsm.problems.add_cause(problem, "valve", "It sticks", by=sam)
    first = itsm.link(first, "caused_by", problem, by=sam)
    itsm.incidents.resolve(second, resolution="Water", by=sam)


def main(name: str) -> None:
    """Make the two files of that name."""
    clock = FrozenClock(datetime(2026, 3, 2, 8, tzinfo=UTC))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "desk.db")
        ids = TimeOrderedIds(clock, random.Random(4))
        with itil4.connect(f"sqlite:///{path}", clock=clock, ids=ids, fields={"incident": EXTRA}) as itsm:
            work(itsm, clock)
            text = json.dumps(told(itsm), indent=1, ensure_ascii=False)
        raw = sqlite3.connect(path)
        heads = [
            f"PRAGMA {each}={raw.execute(f'PRAGMA {each}').fetchone()[0]};"
            for each in ("application_id", "user_version")
        ]
        (HERE / f"{name}.sql").write_text("\n".join([*raw.iterdump(), *heads]) + "\n", encoding="utf-8")
        raw.close()
    (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
