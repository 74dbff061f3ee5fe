"""Where records live: a small protocol, stores that keep it, and the unit of work that they share."""

from typing import TYPE_CHECKING, Any

from itil4.storage.protocols import Batch, Conflict, EntryRow, KindRow, LinkRow, OnceRow, RecordRow, RedactedRow, Store
from itil4.storage.query import Compare, Every, Linked, Query, Some, Where

if TYPE_CHECKING:
    from itil4.storage.memory import MemoryStore
    from itil4.storage.sqlalchemy import SqlAlchemyStore, metadata
    from itil4.storage.tables import ddl

__all__ = [
    "Batch",
    "Compare",
    "Conflict",
    "EntryRow",
    "Every",
    "KindRow",
    "LinkRow",
    "Linked",
    "MemoryStore",
    "OnceRow",
    "Query",
    "RecordRow",
    "RedactedRow",
    "Some",
    "SqlAlchemyStore",
    "Store",
    "Where",
    "ddl",
    "metadata",
]

_LATER = {"MemoryStore": "memory", "SqlAlchemyStore": "sqlalchemy", "metadata": "sqlalchemy", "ddl": "tables"}
"""What only those need who have no SQLite file, by its module."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
