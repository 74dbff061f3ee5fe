"""The real log as a store, for the tests that hold the library against it."""

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

import itil4
from itil4 import Actor, Origin

DATA = Path(__file__).parents[2] / "shared" / "data"
STATES = {
    "New": "new",
    "Active": "in_progress",
    "Awaiting User Info": "on_hold",
    "Awaiting Vendor": "on_hold",
    "Awaiting Problem": "on_hold",
    "Awaiting Evidence": "on_hold",
    "Resolved": "resolved",
    "Closed": "closed",
}


def load_log(itsm: itil4.ServiceManagement, path: Path = DATA / "uci_incidents_dev.csv.gz") -> None:
    """Add the real log to a store, a case at a time: rows in the order of time, in states that are known."""
    incidents, by = itsm.incidents, Actor("import", kind="system")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        cases: dict[str, list[dict[str, str]]] = {}
        for row in csv.DictReader(file):
            cases.setdefault(row["number"], []).append(row)
    unit, held = itsm.new_unit(), 0
    for number, rows in cases.items():
        told = [
            (
                STATES.get(row["incident_state"]),
                datetime.strptime(row["sys_updated_at"], "%d/%m/%Y %H:%M").replace(tzinfo=UTC),
                {
                    "group": None if row["assignment_group"] == "?" else row["assignment_group"],
                    "hold_kind": row["incident_state"].removeprefix("Awaiting ")
                    if row["incident_state"].startswith("Awaiting")
                    else None,
                },
            )
            for row in rows
        ]
        times = [at for _, at, _ in told]
        if any(state is None for state, _, _ in told) or times != sorted(times):
            continue
        record = None
        for place, (state, at, values) in enumerate(told, 1):
            origin = Origin("uci", number, str(place))
            if record is None:
                summary = {"summary": "-", "owner": "desk"}
                record = incidents.arrive(unit, origin, state, {**summary, **values}, by=by, at=at)
            else:
                record, _ = incidents.follow(unit, record, origin, state, values, by=by, at=at)
        held += 1
        if not held % 200:
            itsm.house.publish(unit.commit())
            unit = itsm.new_unit()
    itsm.house.publish(unit.commit())


@pytest.fixture(scope="session")
def real_desk():
    """The 10,041 good cases of the real log, in memory."""
    path = DATA / "uci_incidents_dev.csv.gz"
    if not path.exists():
        pytest.skip("the real log is not beside the repository")
    itsm = itil4.connect()
    load_log(itsm, path)
    return itsm
