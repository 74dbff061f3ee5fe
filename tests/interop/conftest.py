"""Desks that give the same ids and times in every run, and small logs of another system."""

import csv
import json
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import itil4
from itil4 import ServiceManagement, TimeOrderedIds
from itil4.interop.mapping import HistoryMapping

SHARED = Path(__file__).parents[3] / "shared" / "data"

MAPPING = """
system = "tracker"
shape = "snapshots"
missing = ["-"]
time_format = "%Y-%m-%d %H:%M"
identity = ["saved"]

[columns]
key = "number"
state = "status"
time = "saved_at"
by = "saved_by"

[states]
Open = "new"
Working = "in_progress"
Waiting = { state = "on_hold", hold_kind = "user" }
Done = "resolved"
Closed = "closed"

[fields]
summary = { column = "title", stand_in = "{key}" }
group = "team"
rank = "place"
impact = { column = "impact", values = { big = "high", some = "medium", none = "low" } }
urgency = { column = "urgency", values = { now = "high", soon = "medium", later = "low" } }

[links]
parent = "child_of"
"""

COLUMNS = (
    "number", "status", "saved_at", "saved_by", "saved", "title", "team", "place", "impact", "urgency", "parent",
    "closed_in_the_end",
)  # fmt: skip


class Noon:
    """A clock that stands still at noon of a day in 2026."""

    def now(self) -> datetime:
        return datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def desk() -> Callable[..., ServiceManagement]:
    """Opens a desk on a store, with injected ids and time."""

    def opened(store: Any = None) -> ServiceManagement:
        clock = Noon()
        return itil4.connect(store, clock=clock, ids=TimeOrderedIds(clock, random.Random(7)))

    return opened


@pytest.fixture
def mapping() -> HistoryMapping:
    return HistoryMapping.parsed(MAPPING, "tracker.toml")


@pytest.fixture
def mapping_file(tmp_path: Path) -> Path:
    """The same mapping, as a file."""
    path = tmp_path / "tracker.toml"
    path.write_text(MAPPING, encoding="utf-8")
    return path


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., Path]:
    """Writes a log: rows as "T1 Open 08:00", with more columns as `name=value`; returns its path."""

    def write(*rows: str, name: str = "log.csv") -> Path:
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="-")
            writer.writeheader()
            writer.writerows(_row(text) for text in rows)
        return path

    return write


def _row(text: str) -> dict[str, str]:
    number, status, time, *more = text.split()
    at = time if "T" in time else f"2026-01-05T{time}"
    values = dict(each.split("=", 1) for each in more)
    return {"number": number, "status": status, "saved_at": at.replace("T", " "), "saved_by": "Ida", **values}


@pytest.fixture
def content() -> Callable[[ServiceManagement], list[Any]]:
    """Reads all that a store holds, but for ids, units and the time of writing: what two imports can share."""

    def read(itsm: ServiceManagement) -> list[Any]:
        histories: list[Any] = []
        for practice in (itsm.incidents, itsm.import_runs):
            for history in practice.histories():
                entries = [_told(entry) for entry in history]
                histories.append((history[0].origin.key if history[0].origin else history[0].number, entries))
        return sorted(histories, key=lambda pair: json.dumps(pair, default=str))

    return read


def _told(entry: Any) -> dict[str, Any]:
    gone = ("id", "record_id", "unit", "recorded_at")
    told = {name: value for name, value in entry.to_dict().items() if name not in gone}
    return told if entry.kind == "incident" else {name: value for name, value in told.items() if name != "at"}


@pytest.fixture(scope="session")
def real_log() -> Path:
    path = SHARED / "uci_incidents_dev.csv.gz"
    if not path.exists():
        pytest.skip("the real incident log is not beside the repository")
    return path


@pytest.fixture(scope="session")
def facts(real_log: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((SHARED / "uci_incidents_dev.facts.json").read_text(encoding="utf-8"))
    del data["definitions"]
    return data


@pytest.fixture(scope="session")
def some_cases(real_log: Path) -> tuple[list[str], list[list[list[str]]]]:
    """The header of the real log, and the rows of every fourth case, case by case."""
    import gzip

    with gzip.open(real_log, "rt", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    cases: dict[str, list[list[str]]] = {}
    for row in rows:
        cases.setdefault(row[0], []).append(row)
    return header, list(cases.values())[::4]


@pytest.fixture
def real_rows(tmp_path: Path) -> Callable[[Iterable[str], Iterable[Iterable[str]]], Path]:
    """Writes rows of the real log's form."""

    def write(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Path:
        path = tmp_path / "real.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return write
