"""Rows to write: builders that the storage tests share."""

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from itil4.storage import Batch, EntryRow, KindRow, LinkRow, OnceRow, RecordRow

TICKET = KindRow("ticket", (("priority",), ("group",), ("urgent",), ("extra", "deck")))


def record(identity: str, *, version: int = 1, number: str | None = None, **fields: Any) -> RecordRow:
    """Return a row; fields of RecordRow go there, the rest is its body."""
    own = {name: fields.pop(name) for name in RecordRow._fields if name in fields}
    body = {name: value for name, value in fields.items() if value is not None}
    plain = {".".join(path): _at(fields, path) for path in TICKET.indexed}
    given = {
        "id": identity, "kind": "ticket", "number": number, "state": "new", "category": "new", "version": version,
        "links": 0, "created_at": 1_000, "updated_at": 1_000 + version, "created_by": "ana", "schema": 1,
        "origin_system": None, "origin_key": None, "body": json.dumps(body, ensure_ascii=False), "fields": plain,
    }  # fmt: skip
    return RecordRow(**{**given, **own})


def _at(fields: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = fields
    for name in path:
        value = (value or {}).get(name)
    return value


def entry(identity: str, seq: int, **headers: Any) -> EntryRow:
    """Return a line of history."""
    given = {
        "record_id": identity, "seq": seq, "kind": "ticket", "op": "birth" if seq == 1 else "update",
        "lifecycle": None, "event": None, "from_state": None, "to_state": None, "at": 1_000 + seq,
        "recorded_at": 1_000 + seq, "by": "ana", "judged": "full", "unit": "u", "origin_system": None,
        "origin_key": None, "origin_row": None, "number": None, "details": "{}",
    }  # fmt: skip
    return EntryRow(**{**given, **headers})


def link(source: str, relation: str, target: str, at: int = 5) -> LinkRow:
    """Return a link between two tickets."""
    return LinkRow(source, relation, target, "ticket", "ticket", at, "ana")


def births(*rows: RecordRow, series: str | None = "TIC", **more: Any) -> Batch:
    """Return a batch of new records, each with its first entry."""
    return Batch(births=[(row, series) for row in rows], entries=[entry(row.id, 1) for row in rows], **more)


def update(row: RecordRow, **more: Any) -> Batch:
    """Return a batch that takes a record to the row's version, one version on."""
    return Batch(updates=[(row, row.version - 1)], entries=[entry(row.id, row.version)], **more)


def once(key: str, identity: str) -> OnceRow:
    """Return a once key."""
    return OnceRow(key, identity, 1, "ticket.log")


@pytest.fixture(scope="session")
def rows() -> SimpleNamespace:
    """The builders: record, entry, link, births, update, once, and the kind TICKET."""
    return SimpleNamespace(
        TICKET=TICKET, record=record, entry=entry, link=link, births=births, update=update, once=once
    )


_home = Path(__file__).with_name("postgres.py")
_spec = importlib.util.spec_from_file_location("itil4_tests_postgres", _home)
assert _spec is not None and _spec.loader is not None
databases = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = databases
_spec.loader.exec_module(databases)

postgres = databases.postgres
sqlalchemy_sqlite = databases.sqlalchemy_sqlite
postgres_stores = databases.postgres_stores
"""The fixtures of `tests/storage/postgres.py`, for every test of this folder."""


@pytest.fixture(scope="session")
def make_store() -> Callable[..., Callable[[], Any]]:
    """`make_store(name, request, folder)`: what makes fresh stores of a name (see `databases.STORES`)."""
    made: Callable[..., Callable[[], Any]] = databases.make_store
    return made
