"""Where records live: a small protocol, stores that keep it, and the unit of work that they share."""

from itil4.storage.memory import MemoryStore
from itil4.storage.protocols import Batch, Conflict, EntryRow, KindRow, LinkRow, OnceRow, RecordRow, RedactedRow, Store
from itil4.storage.query import Compare, Every, Linked, Query, Some, Where

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
    "Store",
    "Where",
]
