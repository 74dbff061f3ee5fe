"""The real log beside the repository, read with the least that the figures need: states, groups and judgements."""

import csv
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from itil4 import Actor, Origin, ServiceManagement

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
LOG = SHARED / "uci_incidents_dev.csv.gz"

_STATES = {"New": "new", "Active": "in_progress", "Resolved": "resolved", "Closed": "closed"}
_LEVELS = {"1 - High": "high", "2 - Medium": "medium", "3 - Low": "low"}


def facts() -> dict:
    """Return what is known about the log, or skip with the reason."""
    path = SHARED / "uci_incidents_dev.facts.json"
    if not path.exists() or not LOG.exists():
        pytest.skip("the real log is not beside the repository (../shared/data)")
    return json.loads(path.read_text())


def bring_in(itsm: ServiceManagement) -> set[str]:
    """Import the log, and return the numbers of the cases that have a row which cannot be used."""
    system, bad, current, unit_of = Actor("servicenow", kind="system"), set(), {}, 200
    with gzip.open(LOG, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    cases: dict[str, list[tuple[int, dict]]] = {}
    for place, row in enumerate(rows, 1):
        cases.setdefault(row["number"], []).append((place, row))
    names = list(cases)
    for start in range(0, len(names), unit_of):
        with itsm.unit(by=system) as desk:
            unit = desk.reading()
            for name in names[start : start + unit_of]:
                last = None
                for place, row in cases[name]:
                    label = row["incident_state"]
                    state = "on_hold" if label.startswith("Awaiting ") else _STATES.get(label)
                    at = datetime.strptime(row["sys_updated_at"], "%d/%m/%Y %H:%M").replace(tzinfo=UTC)
                    if state is None or (last is not None and at < last):
                        bad.add(name)
                        continue
                    last = at
                    values = {
                        "impact": _LEVELS.get(row["impact"]),
                        "urgency": _LEVELS.get(row["urgency"]),
                        "hold_kind": label.removeprefix("Awaiting ").lower() if state == "on_hold" else None,
                        "group": None if row["assignment_group"] == "?" else row["assignment_group"],
                        "assignee": None if row["assigned_to"] == "?" else row["assigned_to"],
                    }
                    origin = Origin("servicenow", name, str(place))
                    if name not in current:
                        born = {"summary": name, "owner": "service desk", **values}
                        current[name] = desk.incidents.arrive(unit, origin, state, born, by=system, at=at)
                    else:
                        current[name], _ = desk.incidents.follow(
                            unit, current[name], origin, state, values, by=system, at=at
                        )
                current[name] = None
    return bad
