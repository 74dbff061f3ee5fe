"""What the abilities of the built-in stores stand on, whichever module they are in."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import sqlite3


class Connecting(Protocol):
    """A store on SQLite with a connection for each thread: `SqliteStore`, which abilities extend."""

    def _connection(self) -> "sqlite3.Connection":
        """Return the connection of this thread."""
        ...

    def _doing(self, action: str) -> AbstractContextManager[None]:
        """Turn what SQLite raises inside into a StoreError that says what was being done."""
        ...

    def _writing(self, action: str) -> "AbstractContextManager[sqlite3.Connection]":
        """Yield the connection in a short write transaction that is committed, or rolled back on any error."""
        ...


class Remembering(Protocol):
    """A store in this process: `MemoryStore`, which abilities extend."""

    _lock: Any
    """Held by whoever reads or writes."""

    def _of(self, tenant: str) -> Any:
        """Return what a tenant has.

        Raises:
            StoreError: the store is closed.
        """
        ...
