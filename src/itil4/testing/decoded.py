"""What was decoded once is not decoded again: rows in memory never change, and stories read the same ones often.

Only for stores that keep the very rows that they were given (`MemoryStore`): there a row says by its identity
what it holds. What is written is always encoded, and a walk reads each new record back from its row.
"""

from copy import copy
from typing import Any

from itil4.practices.places import Kinds
from itil4.record import Entry
from itil4.storage.codec import RecordCodec
from itil4.storage.kinds import Kind
from itil4.storage.protocols import EntryRow, RecordRow

_MOST = 20_000
"""So many rows are kept of a kind; then it begins anew."""


class RememberingCodec(RecordCodec):
    """A codec that keeps what it read, by the row itself."""

    _records: dict[int, tuple[RecordRow, tuple[Any, dict[str, Any] | None]]]
    _entries: dict[int, tuple[EntryRow, Entry]]

    @classmethod
    def of(cls, codec: RecordCodec) -> "RememberingCodec":
        """Return a codec that does what another one does."""
        made = cls.__new__(cls)
        vars(made).update(vars(codec))
        made._records, made._entries = {}, {}
        return made

    def read(self, row: RecordRow) -> tuple[Any, dict[str, Any] | None]:
        """Return the record of a row and what its body has besides."""
        known = self._records.get(id(row))
        if known is not None:
            return known[1]
        made = super().read(row)
        if len(self._records) >= _MOST:
            self._records.clear()
        self._records[id(row)] = (row, made)  # with the row itself, so that no other one gets its identity
        return made

    def entry(self, row: EntryRow, tenant: str) -> Entry:
        """Return the entry of a row."""
        known = self._entries.get(id(row))
        if known is not None and known[1].tenant == tenant:
            return known[1]
        made = super().entry(row, tenant)
        if len(self._entries) >= _MOST:
            self._entries.clear()
        self._entries[id(row)] = (row, made)
        return made


class RememberingKinds(Kinds):
    """The kinds of a service management whose records are decoded once."""

    def __init__(self, kinds: Kinds) -> None:
        self._practices = kinds._practices
        self._all = kinds
        self._made: dict[str, Kind] = {}

    def __getitem__(self, kind: str) -> Kind:
        made = self._made.get(kind)
        if made is None:
            made = self._made[kind] = self.compiled(kind)
        return made

    def compiled(self, kind: str) -> Kind:
        """Return a kind with a codec of its own."""
        made = copy(self._all.compiled(kind))
        vars(made)["codec"] = RememberingCodec.of(made.codec)
        return made
