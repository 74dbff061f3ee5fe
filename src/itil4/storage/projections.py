"""Due times beside the rows: an ability that a store may have.

A due time follows from a record's history, so it is no part of the record: it has no version and no entry, and may be
written anew at any time. It is written in the transaction of the entries that it follows from, so that nobody
reads the one without the other. A store that lacks the ability keeps records all the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypeGuard

from itil4.storage.capabilities import capabilities_of
from itil4.storage.connecting import Connecting, Remembering

Sort: TypeAlias = Literal["clock", "timer", "notice", "mark"]
"""A clock of a target, a timer of a state, a notice that waits to be delivered, or a mark of what ran last."""

DueKey: TypeAlias = tuple[int, str, str, str]
"""The place of a row in the order of `next_at`: that, and what the row is of."""


class DueRow(NamedTuple):
    """When something of a record falls due. Times are whole microseconds since 1970 in UTC.

    `due_at` and `late_from` are those of a clock or timer, where it has any; `next_at` is when it should be looked at,
    or None. `revision` is that of the service hours, `stamp` of everything else that the times were computed
    from, and `version` that of the record. `body` is plain text for notices.
    """

    record_id: str
    sort: Sort
    name: str
    kind: str
    due_at: int | None
    late_from: int | None
    next_at: int | None
    revision: str
    stamp: str
    version: int
    body: str = ""

    @property
    def key(self) -> DueKey:
        """Its place among the rows that fall due."""
        return (self.next_at or 0, self.record_id, self.sort, self.name)


class Projected(NamedTuple):
    """What replaces the clocks and timers of a record, and the notices that join those which wait already."""

    record_id: str
    rows: tuple[DueRow, ...]
    notices: tuple[DueRow, ...] = ()


class KeepsDueTimes(Protocol):
    """What a store promises whose `capabilities` have `due_times`."""

    def due_between(self, tenant: str, start: int, end: int, limit: int | None = None) -> list[DueRow]:
        """Return the clocks and timers that fall due from `start` on and before `end`, the earliest first."""
        ...

    def falling(self, tenant: str, until: int, after: DueKey | None = None, limit: int = 500) -> list[DueRow]:
        """Return the rows to look at up to `until`, in the order of `DueRow.key`, from behind `after` on."""
        ...

    def due_of(self, tenant: str, record_id: str) -> list[DueRow]:
        """Return the rows of a record."""
        ...

    def differing(self, tenant: str, stamp: str, after: str = "", limit: int = 500) -> list[tuple[str, str]]:
        """Return (id, kind) of records with a clock or timer of another stamp, by id, from behind `after` on."""
        ...

    def project(self, tenant: str, rows: Sequence[tuple[int, Projected]]) -> None:
        """Write due times without an entry: (version, rows) is left out where the record has another version."""
        ...

    def mark(self, tenant: str, row: DueRow) -> None:
        """Keep a mark, instead of the one of its name that is there."""
        ...

    def settle(self, tenant: str, rows: Sequence[DueRow]) -> None:
        """Forget notices that were delivered."""
        ...


def keeps_due_times(store: object) -> TypeGuard[KeepsDueTimes]:
    """Say whether a store keeps due times."""
    return "due_times" in capabilities_of(store)


_REPLACED = ("clock", "timer")
_NAMES = ", ".join(DueRow._fields)
_MARKS = ", ".join("?" * (len(DueRow._fields) + 1))

TABLES = (
    """CREATE TABLE IF NOT EXISTS due (
        tenant TEXT NOT NULL, record_id TEXT NOT NULL, sort TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
        due_at INTEGER, late_from INTEGER, next_at INTEGER, revision TEXT NOT NULL, stamp TEXT NOT NULL,
        version INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (tenant, record_id, sort, name)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS due_time ON due (tenant, due_at, record_id) WHERE due_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS due_next ON due (tenant, next_at, record_id, sort, name) WHERE next_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS due_stamp ON due (tenant, stamp, record_id)",
)
"""The table of due times and its indexes, in SQLite."""

_BETWEEN = (
    f"SELECT {_NAMES} FROM due WHERE tenant = ? AND due_at >= ? AND due_at < ? AND due_at IS NOT NULL "
    "ORDER BY due_at, record_id LIMIT ?"
)
_FALLING = (
    f"SELECT {_NAMES} FROM due WHERE tenant = ? AND next_at <= ? AND next_at IS NOT NULL "
    "AND (next_at, record_id, sort, name) > (?, ?, ?, ?) ORDER BY next_at, record_id, sort, name LIMIT ?"
)
_OTHER = "SELECT record_id, kind FROM due WHERE tenant = ? AND stamp {} ? AND +record_id > ? AND sort IN {}"
_DIFFERING = f"{_OTHER.format('<', _REPLACED)} UNION {_OTHER.format('>', _REPLACED)} ORDER BY record_id LIMIT ?"
"""The plus lets the walk be along the stamps, of which there are few others, and not along all records."""
_PUT = f"INSERT OR REPLACE INTO due (tenant, {_NAMES}) VALUES ({_MARKS})"
_DROP = "DELETE FROM due WHERE tenant = ? AND record_id = ? AND sort IN ('clock', 'timer')"
_STANDS = "SELECT 1 FROM record WHERE tenant = ? AND id = ? AND version = ?"
_SETTLE = "DELETE FROM due WHERE tenant = ? AND record_id = ? AND sort = ? AND name = ?"
_FIRST: DueKey = (-(1 << 62), "", "", "")


def put(connection: Any, tenant: str, projected: Iterable[Projected]) -> None:
    """Write due times in an open transaction of SQLite."""
    for each in projected:
        connection.execute(_DROP, (tenant, each.record_id))
        connection.executemany(_PUT, [(tenant, *row) for row in (*each.rows, *each.notices)])


class SqliteDueTimes(Connecting):
    """Due times in the file of a SQLite store."""

    def _due(self, text: str, values: tuple[Any, ...]) -> list[DueRow]:
        with self._doing("read due times"):
            return [DueRow._make(row) for row in self._connection().execute(text, values)]

    def due_between(self, tenant: str, start: int, end: int, limit: int | None = None) -> list[DueRow]:
        """Return the clocks and timers that fall due in a period: one walk along an index."""
        return self._due(_BETWEEN, (tenant, start, end, -1 if limit is None else limit))

    def falling(self, tenant: str, until: int, after: DueKey | None = None, limit: int = 500) -> list[DueRow]:
        """Return the rows to look at up to an instant."""
        return self._due(_FALLING, (tenant, until, *(after or _FIRST), limit))

    def due_of(self, tenant: str, record_id: str) -> list[DueRow]:
        """Return the rows of a record."""
        return self._due(f"SELECT {_NAMES} FROM due WHERE tenant = ? AND record_id = ?", (tenant, record_id))

    def differing(self, tenant: str, stamp: str, after: str = "", limit: int = 500) -> list[tuple[str, str]]:
        """Return records whose due times were computed from something else."""
        with self._doing("read due times"):
            side = (tenant, stamp, after)
            return list(self._connection().execute(_DIFFERING, (*side, *side, limit)))

    def project(self, tenant: str, rows: Sequence[tuple[int, Projected]]) -> None:
        """Write due times of records that have not moved since."""
        with self._writing("write due times") as connection:
            for version, each in rows:
                if connection.execute(_STANDS, (tenant, each.record_id, version)).fetchone():
                    put(connection, tenant, [each])

    def mark(self, tenant: str, row: DueRow) -> None:
        """Keep a mark."""
        with self._writing("keep a mark") as connection:
            connection.execute(_PUT, (tenant, *row))

    def settle(self, tenant: str, rows: Sequence[DueRow]) -> None:
        """Forget notices that were delivered."""
        with self._writing("settle notices") as connection:
            connection.executemany(_SETTLE, [(tenant, row.record_id, row.sort, row.name) for row in rows])


class DueTimes:
    """The due times of one tenant in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[tuple[str, str], DueRow]] = {}

    def put(self, projected: Iterable[Projected]) -> None:
        """Write due times."""
        for each in projected:
            held = self.rows.pop(each.record_id, {})
            kept = {key: row for key, row in held.items() if row.sort not in _REPLACED}
            kept |= {(row.sort, row.name): row for row in (*each.rows, *each.notices)}
            if kept:
                self.rows[each.record_id] = kept

    def __iter__(self) -> Iterator[DueRow]:
        return (row for rows in self.rows.values() for row in rows.values())


class MemoryDueTimes(Remembering):
    """Due times in memory; tenants have `due` and `records`."""

    def due_between(self, tenant: str, start: int, end: int, limit: int | None = None) -> list[DueRow]:
        """Return the clocks and timers that fall due in a period."""
        with self._lock:
            found = [row for row in self._of(tenant).due if row.due_at is not None and start <= row.due_at < end]
        return sorted(found, key=lambda row: (row.due_at, row.record_id))[:limit]

    def falling(self, tenant: str, until: int, after: DueKey | None = None, limit: int = 500) -> list[DueRow]:
        """Return the rows to look at up to an instant."""
        first = after or _FIRST
        with self._lock:
            due = [row for row in self._of(tenant).due if row.next_at is not None and row.next_at <= until]
        return sorted((row for row in due if row.key > first), key=lambda row: row.key)[:limit]

    def due_of(self, tenant: str, record_id: str) -> list[DueRow]:
        """Return the rows of a record."""
        with self._lock:
            found: Mapping[tuple[str, str], DueRow] = self._of(tenant).due.rows.get(record_id, {})
            return [found[key] for key in sorted(found)]

    def differing(self, tenant: str, stamp: str, after: str = "", limit: int = 500) -> list[tuple[str, str]]:
        """Return records whose due times were computed from something else."""
        with self._lock:
            found = {
                (row.record_id, row.kind)
                for row in self._of(tenant).due
                if row.sort in _REPLACED and row.stamp != stamp and row.record_id > after
            }
        return sorted(found)[:limit]

    def project(self, tenant: str, rows: Sequence[tuple[int, Projected]]) -> None:
        """Write due times of records that have not moved since."""
        with self._lock:
            data = self._of(tenant)
            for version, each in rows:
                stored = data.records.get(each.record_id)
                if stored is not None and stored.version == version:
                    data.due.put([each])

    def mark(self, tenant: str, row: DueRow) -> None:
        """Keep a mark."""
        with self._lock:
            self._of(tenant).due.rows.setdefault(row.record_id, {})[row.sort, row.name] = row

    def settle(self, tenant: str, rows: Sequence[DueRow]) -> None:
        """Forget notices that were delivered."""
        with self._lock:
            due = self._of(tenant).due
            for row in rows:
                due.rows.get(row.record_id, {}).pop((row.sort, row.name), None)
