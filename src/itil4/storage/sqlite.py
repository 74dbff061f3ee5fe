"""The embedded default: one SQLite file, written ahead (WAL), read while it is written."""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from itil4.errors import SchemaTooNew, StoreError
from itil4.storage.protocols import Batch, Conflict, EntryRow, KindRow, LinkRow, OnceRow, RecordRow
from itil4.storage.query import COLUMNS, Compare, Every, Query, Some, Where

LAYOUT = 1
"""The version of the tables; a file with a later one is refused."""

_TABLES = (
    """CREATE TABLE IF NOT EXISTS record (
        tenant TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, number TEXT, state TEXT NOT NULL,
        category TEXT NOT NULL, version INTEGER NOT NULL, links INTEGER NOT NULL, created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL, created_by TEXT NOT NULL, schema INTEGER NOT NULL, origin_system TEXT,
        origin_key TEXT, body TEXT NOT NULL, PRIMARY KEY (tenant, id))""",
    "CREATE UNIQUE INDEX IF NOT EXISTS record_number ON record (tenant, number) WHERE number IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS record_origin ON record (tenant, kind, origin_key) WHERE origin_key IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS record_category ON record (tenant, kind, category, id)",
    """CREATE TABLE IF NOT EXISTS entry (
        tenant TEXT NOT NULL, record_id TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, op TEXT NOT NULL,
        lifecycle TEXT, event TEXT, from_state TEXT, to_state TEXT, at INTEGER NOT NULL, recorded_at INTEGER NOT NULL,
        by TEXT NOT NULL, judged TEXT NOT NULL, unit TEXT, origin_system TEXT, origin_key TEXT, origin_row TEXT,
        number TEXT, details TEXT NOT NULL, PRIMARY KEY (tenant, record_id, seq)) WITHOUT ROWID""",
    """CREATE UNIQUE INDEX IF NOT EXISTS entry_origin ON entry (tenant, origin_system, origin_key, origin_row)
        WHERE origin_system IS NOT NULL""",
    """CREATE TABLE IF NOT EXISTS link (
        tenant TEXT NOT NULL, source TEXT NOT NULL, relation TEXT NOT NULL, target TEXT NOT NULL,
        source_kind TEXT NOT NULL, target_kind TEXT NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL,
        PRIMARY KEY (tenant, source, relation, target)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS link_target ON link (tenant, target, relation)",
    """CREATE TABLE IF NOT EXISTS series (
        tenant TEXT NOT NULL, prefix TEXT NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (tenant, prefix)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS once (
        tenant TEXT NOT NULL, key TEXT NOT NULL, record_id TEXT NOT NULL, seq INTEGER NOT NULL, mark TEXT NOT NULL,
        PRIMARY KEY (tenant, key)) WITHOUT ROWID""",
    """CREATE TRIGGER IF NOT EXISTS entry_stays BEFORE DELETE ON entry
        BEGIN SELECT RAISE(ABORT, 'history is append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS entry_keeps BEFORE UPDATE ON entry
        BEGIN SELECT RAISE(ABORT, 'history is append-only'); END""",
)

_RECORD = ", ".join(RecordRow._fields[:-1])
_ENTRY = ", ".join(EntryRow._fields)
_LINK = ", ".join(LinkRow._fields)
_MARKS = {n: ", ".join("?" * n) for n in range(1, 600)}
_CHUNK = 500
_SQL = {"eq": "IS", "ne": "IS NOT", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


class SqliteStore:
    """Records in one SQLite file; a connection per thread, a new one after a fork.

    Args:
        path: the file, made when it is absent; its folder must exist.
        timeout: seconds to wait for another writer before giving up with a StoreError.
        synchronous: `NORMAL` survives a crash of the process; `FULL` also one of the machine, for each unit.

    Raises:
        StoreError: the file cannot be opened or is no such database.
        SchemaTooNew: a later version of the library made it.
    """

    def __init__(
        self, path: str | Path, *, timeout: float = 30.0, synchronous: Literal["NORMAL", "FULL"] = "NORMAL"
    ) -> None:
        self.path = Path(path)
        self._timeout = timeout
        self._synchronous = synchronous
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[sqlite3.Connection] = []
        self._closed = False
        with self._doing("open its file"):
            self._connection()

    # connections

    def _connection(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError.of("store_closed")
        held: tuple[int, sqlite3.Connection] | None = getattr(self._local, "held", None)
        if held is not None and held[0] == os.getpid():
            return held[1]
        connection = sqlite3.connect(self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA synchronous={self._synchronous}")
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL")
            layout = connection.execute("PRAGMA user_version").fetchone()[0]
            if layout > LAYOUT:
                raise SchemaTooNew.of("schema_too_new", what=str(self.path), found=layout, known=LAYOUT)
            connection.create_function("folded", 1, _folded, deterministic=True)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._open.append(connection)
        self._local.held = (os.getpid(), connection)
        return connection

    @contextmanager
    def _doing(self, action: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError.of("store_failed", action=action, error=str(error), remedy=_remedy(error)) from error

    @contextmanager
    def _writing(self, action: str) -> Iterator[sqlite3.Connection]:
        """One short write transaction, from the first statement on: nothing read in it can move."""
        with self._doing(action):
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def migrate(self, kinds: Iterable[KindRow]) -> None:
        """Make tables and indexes; those that are there stay."""
        statements = list(_TABLES)
        for kind in kinds:
            for path in kind.indexed:
                name = f"record_{kind.kind}_{'_'.join(path)}"
                statements.append(
                    f'CREATE INDEX IF NOT EXISTS "{name}" ON record (tenant, {_json(path)}, id) '
                    f"WHERE kind = {_quoted(kind.kind)}"
                )
        with self._doing("look at its tables"):
            there = {row[0] for row in self._connection().execute("SELECT sql FROM sqlite_master")}
            wanted = [text for text in statements if text.replace("IF NOT EXISTS ", "", 1) not in there]
        if wanted:
            with self._writing("make its tables") as connection:
                for statement in wanted:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={LAYOUT}")

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            self._closed = True
            for connection in self._open:
                connection.close()
            self._open.clear()

    # reading

    def load(self, tenant: str, ids: Sequence[str]) -> list[RecordRow]:
        """Return the rows with these ids."""
        rows: list[RecordRow] = []
        with self._doing("load records"):
            connection = self._connection()
            for start in range(0, len(ids), _CHUNK):
                some = ids[start : start + _CHUNK]
                sql = f"SELECT {_RECORD} FROM record WHERE tenant = ? AND id IN ({_MARKS[len(some)]})"
                rows += map(RecordRow._make, _padded(connection.execute(sql, (tenant, *some))))
        return rows

    def find(self, tenant: str, query: Query) -> list[RecordRow]:
        """Return a page of rows."""
        kind = _quoted(query.kind)
        values: list[Any] = [tenant]
        where = self._where(query.where, values, kind)
        order = (*query.order, ("id", False))
        if query.after is not None:
            where += f" AND {_after(order, query.after, values)}"
        by = ", ".join(f"{_term(name)} {'DESC' if descending else 'ASC'}" for name, descending in order)
        sql = f"SELECT {_RECORD} FROM record WHERE tenant = ? AND kind = {kind} AND {where} ORDER BY {by}"
        if query.limit is not None:
            sql += f" LIMIT {int(query.limit)}"
        with self._doing("find records"):
            return list(map(RecordRow._make, _padded(self._connection().execute(sql, values))))

    def count(self, tenant: str, query: Query) -> int:
        """Return how many rows meet the query."""
        kind = _quoted(query.kind)
        values: list[Any] = [tenant]
        where = self._where(query.where, values, kind)
        with self._doing("count records"):
            sql = f"SELECT count(*) FROM record WHERE tenant = ? AND kind = {kind} AND {where}"
            return int(self._connection().execute(sql, values).fetchone()[0])

    def _where(self, where: Where, values: list[Any], kind: str) -> str:
        if isinstance(where, Compare):
            return _compare(where, values)
        if isinstance(where, Every):
            return " AND ".join(f"({self._where(part, values, kind)})" for part in where.parts) or "1"
        if isinstance(where, Some):
            return " OR ".join(f"({self._where(part, values, kind)})" for part in where.parts) or "0"
        own, other = ("target", "source") if where.backwards else ("source", "target")
        values += (where.relation, where.other)
        return (
            f"EXISTS (SELECT 1 FROM link WHERE link.tenant = record.tenant AND link.{own} = record.id "
            f"AND link.relation = ? AND link.{other} = ?)"
        )

    def history(self, tenant: str, *, record_id: str | None = None, kind: str | None = None) -> Iterator[EntryRow]:
        """Return entries by record and seq, read as they are asked for."""
        sql, values = f"SELECT {_ENTRY} FROM entry WHERE tenant = ?", [tenant]
        if record_id is not None:
            sql, values = f"{sql} AND record_id = ?", [tenant, record_id]
        elif kind is not None:
            sql, values = f"{sql} AND kind = ?", [tenant, kind]
        with self._doing("read history"):
            rows = self._connection().execute(f"{sql} ORDER BY record_id, seq", values)
            if record_id is not None:
                return iter([EntryRow._make(row) for row in rows])
            return map(EntryRow._make, rows)

    def links(self, tenant: str, ids: Sequence[str], *, backwards: bool = False) -> list[LinkRow]:
        """Return the links at one end of these records, oldest first."""
        end = "target" if backwards else "source"
        rows: list[LinkRow] = []
        with self._doing("read links"):
            for start in range(0, len(ids), _CHUNK):
                some = ids[start : start + _CHUNK]
                sql = f"SELECT {_LINK} FROM link WHERE tenant = ? AND {end} IN ({_MARKS[len(some)]})"
                rows += map(LinkRow._make, self._connection().execute(sql, (tenant, *some)))
        return sorted(rows, key=lambda row: (row.at, row.source, row.relation, row.target))

    def known(self, tenant: str, what: Literal["origin", "once"], keys: Sequence[tuple[str, ...]]) -> list[Any]:
        """Return what unique keys are known."""
        with self._doing("look up keys"):
            connection = self._connection()
            if what == "once":
                sql = "SELECT key, record_id, seq, mark FROM once WHERE tenant = ? AND key = ?"
                return [OnceRow._make(row) for key in keys for row in connection.execute(sql, (tenant, *key))]
            sql = (
                "SELECT origin_system, origin_key, origin_row, record_id FROM entry "
                "WHERE tenant = ? AND origin_system = ? AND origin_key = ?"
            )
            return [row for key in keys for row in connection.execute(sql, (tenant, *key))]

    # writing

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        """Write it all in one transaction, or nothing."""
        with self._writing("write") as connection:
            run = connection.execute
            for each, (version, links) in batch.checks.items():
                found = run("SELECT version, links FROM record WHERE tenant = ? AND id = ?", (tenant, each)).fetchone()
                if found != (version, links):
                    raise Conflict("version", each, version, found and found[0])
            numbers = self._births(connection, tenant, batch)
            for row, expected in batch.updates:
                changed = run(_UPDATE, (*_updated(row), tenant, row.id, expected)).rowcount
                if changed != 1:
                    self._stale(connection, tenant, row.id, expected)
            self._entries(connection, tenant, batch.entries, numbers)
            for link in batch.unlinks:
                gone = run(_UNLINK, (tenant, link.source, link.relation, link.target)).rowcount
                if gone != 1:
                    raise Conflict("link", link.source)
            for link in batch.links:
                try:
                    run(_INSERT_LINK, (tenant, *link))
                except sqlite3.IntegrityError as error:
                    raise Conflict("link", link.source) from error
            for each, by in batch.bumps.items():
                run("UPDATE record SET links = links + ? WHERE tenant = ? AND id = ?", (by, tenant, each))
            for once in batch.once:
                try:
                    run("INSERT INTO once VALUES (?, ?, ?, ?, ?)", (tenant, *once))
                except sqlite3.IntegrityError as error:
                    raise Conflict("once", once.key) from error
            return numbers

    @staticmethod
    def _births(connection: sqlite3.Connection, tenant: str, batch: Batch) -> dict[str, str]:
        numbers: dict[str, str] = {}
        wanted: dict[str, list[str]] = {}
        for row, series in batch.births:
            if series is not None:
                wanted.setdefault(series, []).append(row.id)
        for series, ids in wanted.items():
            last = connection.execute(_NEXT, (tenant, series, len(ids))).fetchone()[0]
            first = last - len(ids) + 1
            numbers.update({each: f"{series}{first + place:07d}" for place, each in enumerate(ids)})
        if batch.births:
            rows = [(tenant, *row[:2], numbers.get(row.id, row.number), *row[3:-1]) for row, _ in batch.births]
            try:
                connection.executemany(_INSERT_RECORD, rows)
            except sqlite3.IntegrityError as error:
                raise Conflict("id", batch.births[0][0].id) from error
        return numbers

    @staticmethod
    def _entries(
        connection: sqlite3.Connection, tenant: str, entries: Sequence[EntryRow], numbers: dict[str, str]
    ) -> None:
        rows = [
            (tenant, *row) if row.seq > 1 else (tenant, *row[:-2], numbers.get(row.record_id, row.number), row.details)
            for row in entries
        ]
        try:
            connection.executemany(_INSERT_ENTRY, rows)
        except sqlite3.IntegrityError as error:
            if "origin" in str(error):
                origins = {f"{row.origin_system}:{row.origin_key}" for row in entries if row.origin_system}
                raise Conflict("origin", ", ".join(sorted(origins))) from error
            raise Conflict("version", entries[0].record_id) from error

    @staticmethod
    def _stale(connection: sqlite3.Connection, tenant: str, record_id: str, expected: int) -> None:
        found = connection.execute(
            "SELECT version FROM record WHERE tenant = ? AND id = ?", (tenant, record_id)
        ).fetchone()
        raise Conflict("version", record_id, expected, found and found[0])


_INSERT_RECORD = f"INSERT INTO record (tenant, {_RECORD}) VALUES ({_MARKS[len(RecordRow._fields)]})"
_INSERT_ENTRY = f"INSERT INTO entry (tenant, {_ENTRY}) VALUES ({_MARKS[len(EntryRow._fields) + 1]})"
_INSERT_LINK = f"INSERT INTO link (tenant, {_LINK}) VALUES ({_MARKS[len(LinkRow._fields) + 1]})"
_UPDATE = (
    "UPDATE record SET state = ?, category = ?, version = ?, updated_at = ?, schema = ?, body = ? "
    "WHERE tenant = ? AND id = ? AND version = ?"
)
_UNLINK = "DELETE FROM link WHERE tenant = ? AND source = ? AND relation = ? AND target = ?"
_NEXT = (
    "INSERT INTO series VALUES (?1, ?2, ?3) ON CONFLICT (tenant, prefix) DO UPDATE SET last = last + ?3 RETURNING last"
)


def _updated(row: RecordRow) -> tuple[Any, ...]:
    return (row.state, row.category, row.version, row.updated_at, row.schema, row.body)


def _padded(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    nothing: dict[str, Any] = {}
    return ((*row, nothing) for row in rows)


def _folded(text: str | None) -> str | None:
    return None if text is None else text.casefold()


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _json(path: tuple[str, ...]) -> str:
    return f"json_extract(body, {_quoted('$.' + '.'.join(path))})"


def _term(name: str) -> str:
    return COLUMNS[name] if name in COLUMNS else _json(tuple(name.split(".")))


def _compare(where: Compare, values: list[Any]) -> str:
    term = _term(where.field)
    if where.operator == "is_null":
        return f"{term} IS {'' if where.value else 'NOT '}NULL"
    if where.operator == "in":
        some = [value for value in where.value if value is not None]
        values += some
        listed = f"{term} IN ({', '.join('?' * len(some))})" if some else "0"
        return listed if len(some) == len(where.value) else f"({listed} OR {term} IS NULL)"
    if where.operator == "prefix":
        values += (where.value, len(where.value), where.value)
        return f"({term} >= ? AND substr({term}, 1, ?) = ?)"
    if where.operator == "contains":
        values.append(where.value.casefold())
        return f"instr(folded({term}), ?) > 0"
    values.append(where.value)
    return f"{term} {_SQL[where.operator]} ?"


def _after(order: tuple[tuple[str, bool], ...], mark: tuple[Any, ...], values: list[Any]) -> str:
    """Say "behind the mark" for mixed directions and for nothing, which comes first."""
    cases = []
    for place, ((name, descending), value) in enumerate(zip(order, mark, strict=True)):
        parts = []
        for (before, _), held in zip(order[:place], mark[:place], strict=True):
            parts.append(f"{_term(before)} IS ?")
            values.append(held)
        term = _term(name)
        if value is None:
            parts.append("0" if descending else f"{term} IS NOT NULL")
        elif descending:
            parts.append(f"({term} < ? OR {term} IS NULL)")
            values.append(value)
        else:
            parts.append(f"{term} > ?")
            values.append(value)
        cases.append("(" + " AND ".join(parts) + ")")
    return "(" + " OR ".join(cases) + ")"


def _remedy(error: sqlite3.Error) -> str:
    text = str(error)
    if "locked" in text:
        return "Another writer holds the file; try again, or give a longer timeout."
    if "not a database" in text or "malformed" in text:
        return "The file is damaged or something else; restore a copy, or give another path."
    if "readonly" in text:
        return "Make the file and its folder writable."
    if "unable to open" in text:
        return "Check that the folder exists and is writable."
    if "full" in text:
        return "Free some space; the store is intact."
    return "Nothing was written."
