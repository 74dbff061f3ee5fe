"""Rows to write: what the promises of a store are tried with, and all that a tenant has, to compare."""

import json
from typing import Any

from itil4.storage import Batch, EntryRow, KindRow, LinkRow, OnceRow, Query, RecordRow, Store
from itil4.storage.query import COLUMNS

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


ORIGINS = [("old", key) for key in ("1", "2", "3")]
ONCE = [("k",), ("m",), ("n",)]


def ids(rows: Any) -> list[str]:
    """Return the ids of rows."""
    return [row.id for row in rows]


def plain(row: RecordRow) -> RecordRow:
    """Return a row without the fields beside its body, which a store need not give back."""
    return row._replace(fields={})


def everything(store: Store, tenant: str = "") -> tuple[Any, ...]:
    """Return all that a tenant has, to compare before and after."""
    found = store.find(tenant, Query("ticket"))
    return (
        [plain(row) for row in found],
        list(store.history(tenant)),
        store.links(tenant, ids(found)),
        store.links(tenant, ids(found), backwards=True),
        sorted(store.known(tenant, "once", ONCE)),
        sorted(store.known(tenant, "origin", ORIGINS), key=repr),
    )


def value(row: RecordRow, name: str) -> Any:
    """Return a field of a row by its name in questions."""
    if name in COLUMNS:
        return getattr(row, COLUMNS[name])
    found: Any = json.loads(row.body)
    for part in name.split("."):
        found = (found or {}).get(part)
    return found


def after(query: Query, row: RecordRow) -> tuple[Any, ...]:
    """Return where the page behind a row begins."""
    return tuple(value(row, name) for name, _ in query.total_order)
