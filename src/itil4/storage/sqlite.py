"""The embedded default: one SQLite file, written ahead (WAL), read while it is written."""

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from itil4.errors import InvalidInput, SchemaTooNew, StoreError
from itil4.storage import projections
from itil4.storage import statements as sql
from itil4.storage.capabilities import Capability
from itil4.storage.outbox import SqliteOutbox
from itil4.storage.protocols import Batch, Conflict, EntryRow, KindRow, LinkRow, OnceRow, RecordRow
from itil4.storage.query import Query, unwritable
from itil4.storage.text_search import SqliteWords, forget_words, spelled_row

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 500


class _Held:
    """A connection that is closed when its thread ends, and never in a child that inherited it."""

    def __init__(self, connection: sqlite3.Connection, among: set[sqlite3.Connection]) -> None:
        self.connection = connection
        self._among = among
        among.add(connection)
        self._pid = os.getpid()
        self._now = os.getpid  # kept, because modules are emptied before the last objects go

    def close(self) -> None:
        """Close the connection, from any thread of the process that made it."""
        self._among.discard(self.connection)
        if self._pid == self._now():
            self.connection.close()
        else:
            _abandon(self.connection)

    __del__ = close


def _close_all(connections: set[sqlite3.Connection], pid: int) -> None:
    """Close all connections of a store, or of one that is gone; not in a child that inherited them."""
    if pid == os.getpid():
        while connections:
            with suppress(sqlite3.Error, KeyError):  # a thread that ends takes its own out
                connections.pop().close()


class _Doing:
    """Turns what fails inside into a StoreError; a class, because every read passes through one."""

    __slots__ = ("_action", "_store")

    def __init__(self, store: "SqliteStore", action: str) -> None:
        self._store = store
        self._action = action

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (sqlite3.Error, UnicodeEncodeError)):
            if self._store._closed:
                raise StoreError.of("store_closed") from error
            remedy = _remedy(error)
            raise StoreError.of("store_failed", action=self._action, error=str(error), remedy=remedy) from error


class _Writing(_Doing):
    """One short write transaction, from the first statement on: nothing read in it can move."""

    __slots__ = ("_connection",)

    def __enter__(self) -> sqlite3.Connection:  # type: ignore[override]  # nobody takes it for one that reads
        with _Doing(self._store, self._action):
            self._connection = self._store._connection()
            self._say("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            with _Doing(self._store, self._action):
                self._say("COMMIT")
        else:
            self._give_up()
            super().__exit__(kind, error, trace)

    def _say(self, statement: str) -> None:
        try:
            self._connection.execute(statement)
        except BaseException:
            self._give_up()
            raise

    def _give_up(self) -> None:
        if not _roll_back(self._connection):
            self._store._drop()


_stores: "weakref.WeakSet[SqliteStore]" = weakref.WeakSet()
"""Open stores, which must let go of what they inherited when the process forks."""


class SqliteStore(projections.SqliteDueTimes, SqliteWords, SqliteOutbox):
    """Records in one SQLite file; a connection per thread, new ones after a fork.

    Args:
        path: the file, made when it is absent; its folder must exist.
        timeout: seconds to wait for another writer before giving up with a StoreError.
        synchronous: `NORMAL` survives a crash of the process; `FULL` also one of the machine, for each unit.

    Raises:
        InvalidInput: the path is none of a file.
        StoreError: the file cannot be opened, or belongs to something else.
        SchemaTooNew: a later version of the library made it.
    """

    capabilities: frozenset[Capability] = frozenset(("gapless_numbers", "due_times", "text_search", "outbox"))

    def __init__(
        self, path: "str | Path", *, timeout: float = 30.0, synchronous: Literal["NORMAL", "FULL"] = "NORMAL"
    ) -> None:
        if str(path) in ("", ":memory:"):
            raise InvalidInput.of("bad_url", value=str(path))
        self.path = os.path.abspath(path)
        self._timeout = timeout
        self._synchronous = synchronous
        self._closed = False
        self._forget()
        _watch_forks()
        _stores.add(self)
        with self._doing("open its file"):
            self._connection()

    # connections

    def _forget(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: set[sqlite3.Connection] = set()
        weakref.finalize(self, _close_all, self._connections, os.getpid())

    def _connection(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError.of("store_closed")
        held: _Held | None = getattr(self._local, "held", None)
        if held is None:
            held = self._local.held = self._opened()
        return held.connection

    def _opened(self) -> _Held:
        connection = sqlite3.connect(self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False)
        held = _Held(connection, self._connections)
        run = connection.execute
        run(f"PRAGMA synchronous={self._synchronous}")
        if run("PRAGMA application_id").fetchone()[0] != sql.APPLICATION:
            tables = [row[0] for row in run(sql.SELECT_TABLES)]
            if tables:
                raise StoreError.of("foreign_file", path=self.path, tables=tables)
        layout = run("PRAGMA user_version").fetchone()[0]
        if layout > sql.LAYOUT:
            raise SchemaTooNew.of("schema_too_new", what=self.path, found=layout, known=sql.LAYOUT)
        if run("PRAGMA journal_mode").fetchone()[0] != "wal":
            self._write_ahead(connection)
        connection.create_function("folded", 1, _folded, deterministic=True)
        connection.create_function("spelled", -1, spelled_row, deterministic=True)
        with self._lock:
            if self._closed:
                raise StoreError.of("store_closed")
        return held

    def _write_ahead(self, connection: sqlite3.Connection) -> None:
        """Switch the file to WAL; SQLite does not wait for others who do the same at this moment, so this does."""
        until = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
            time.sleep(0.01)

    def _doing(self, action: str) -> AbstractContextManager[None]:
        return _Doing(self, action)

    def _writing(self, action: str) -> AbstractContextManager[sqlite3.Connection]:
        return _Writing(self, action)

    def _drop(self) -> None:
        """Give up this thread's connection, which cannot end its transaction: closing it does."""
        held, self._local.held = self._local.held, None
        with suppress(sqlite3.Error):
            held.close()

    def migrate(self, kinds: Iterable[KindRow]) -> None:
        """Make tables and indexes; those that are there stay, unless an index is another one by now."""
        wanted = [("", statement) for statement in (*sql.TABLES, *projections.TABLES)]
        wanted += [index for kind in kinds for index in sql.indexes(kind)]
        with self._doing("look at its tables"):
            if not self._lacking(self._connection(), wanted):
                return
        with self._writing("make its tables") as connection:
            for name in sql.RETIRED:
                connection.execute(f"DROP TRIGGER IF EXISTS {name}")
            for name, statement in self._lacking(connection, wanted):
                if name:
                    connection.execute(f'DROP INDEX IF EXISTS "{name}"')
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={sql.APPLICATION}")
            connection.execute(f"PRAGMA user_version={sql.LAYOUT}")

    @staticmethod
    def _lacking(connection: sqlite3.Connection, wanted: list[tuple[str, str]]) -> list[tuple[str, str]]:
        there = {row[0] for row in connection.execute("SELECT sql FROM sqlite_master")}
        return [pair for pair in wanted if pair[1].replace("IF NOT EXISTS ", "", 1) not in there]

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            self._closed = True
        _close_all(self._connections, os.getpid())

    # reading

    def load(self, tenant: str, ids: Sequence[str]) -> list[RecordRow]:
        """Return the rows with these ids."""
        rows: list[RecordRow] = []
        with self._doing("load records"):
            connection = self._connection()
            if len(ids) == 1 and ids[0].isascii():
                return [RecordRow(*row) for row in connection.execute(sql.LOAD_ONE, (tenant, ids[0]))]
            for some in _chunks(ids):
                text = f"SELECT {sql.RECORD} FROM record WHERE tenant = ? AND id IN ({sql.marks(len(some))})"
                rows += [RecordRow(*row) for row in connection.execute(text, (tenant, *some))]
        return rows

    def find(self, tenant: str, query: Query) -> list[RecordRow]:
        """Return a page of rows."""
        texts = sql.select(tenant, query)
        with self._doing("find records"):
            connection = self._connection()
            if len(texts) == 1:
                return [RecordRow(*row) for row in connection.execute(*texts[0])]
            rows: list[RecordRow] = []
            try:
                connection.execute("BEGIN")  # one view of the file for all of them
                for text, values in texts:
                    if query.limit is None or len(rows) < query.limit:
                        rows += [RecordRow(*row) for row in connection.execute(text, values)]
            finally:
                if not _roll_back(connection):
                    self._drop()
            return rows[: query.limit]

    def count(self, tenant: str, query: Query) -> int:
        """Return how many rows meet the query."""
        with self._doing("count records"):
            return int(self._connection().execute(*sql.select_count(tenant, query)).fetchone()[0])

    def history(self, tenant: str, *, record_id: str | None = None, kind: str | None = None) -> Iterator[EntryRow]:
        """Return entries by record and seq; those of many records are read as they are asked for.

        They are read through a connection of their own, so they stand as they stood when reading
        began, and whoever reads may write meanwhile.
        """
        text, values = f"SELECT {sql.ENTRY} FROM entry WHERE tenant = ?", [tenant]
        if record_id is not None:
            text, values = f"{text} AND record_id = ?", [tenant, record_id]
        elif kind is not None:
            text, values = f"{text} AND kind = ?", [tenant, kind]
        text += " ORDER BY record_id, seq"
        with self._doing("read history"):
            if record_id is not None:
                return iter([EntryRow._make(row) for row in self._connection().execute(text, values)])
            self._connection()
            held = self._opened()
            return self._read(held, held.connection.execute(text, values))

    def _read(self, held: _Held, rows: Iterator[tuple[Any, ...]]) -> Iterator[EntryRow]:
        try:
            while True:
                with self._doing("read history"):
                    row = next(rows, None)
                if row is None:
                    return
                yield EntryRow._make(row)
        finally:
            held.close()

    def links(self, tenant: str, ids: Sequence[str], *, backwards: bool = False) -> list[LinkRow]:
        """Return the links at one end of these records, oldest first."""
        end = "target" if backwards else "source"
        rows: list[LinkRow] = []
        with self._doing("read links"):
            connection = self._connection()
            for some in _chunks(ids):
                text = f"SELECT {sql.LINK} FROM link WHERE tenant = ? AND {end} IN ({sql.marks(len(some))})"
                rows += map(LinkRow._make, connection.execute(text, (tenant, *some)))
        return sorted(rows, key=lambda row: (row.at, row.source, row.relation, row.target))

    def known(self, tenant: str, what: Literal["origin", "once"], keys: Sequence[tuple[str, ...]]) -> list[Any]:
        """Return what unique keys are known."""
        with self._doing("look up keys"):
            run = self._connection().execute
            if what == "once":
                return [OnceRow._make(row) for key in keys for row in run(sql.SELECT_ONCE, (tenant, *key))]
            return [row for key in keys for row in run(sql.SELECT_ORIGIN, (tenant, *key))]

    # writing

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        """Write it all in one transaction, or nothing."""
        batch.check()
        if batch.redactions:
            return self._redact(tenant, batch)
        return self._write(tenant, batch)

    def _write(self, tenant: str, batch: Batch) -> dict[str, str]:
        with self._writing("write") as connection:
            numbers: dict[str, str] = {}
            try:
                _put(connection, tenant, batch, numbers)
            except sqlite3.IntegrityError as error:
                _roll_back(connection)
                raise _clash(connection, tenant, batch, numbers) from error
            return numbers

    def _redact(self, tenant: str, batch: Batch) -> dict[str, str]:
        """Write a batch so that what it overwrites is nowhere left in the file, nor in the one written ahead."""
        with self._doing("write"):
            connection = self._connection()
            held = connection.execute("PRAGMA secure_delete").fetchone()[0]
            connection.execute("PRAGMA secure_delete=ON")
        try:
            numbers = self._write(tenant, batch)
        finally:
            with suppress(sqlite3.Error):
                connection.execute(f"PRAGMA secure_delete={held}")
        with suppress(sqlite3.Error):  # it is written; a reader who is not finished keeps the old pages until then
            connection.execute("PRAGMA busy_timeout=1000")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            connection.execute(f"PRAGMA busy_timeout={int(self._timeout * 1000)}")
        return numbers


def _put(connection: sqlite3.Connection, tenant: str, batch: Batch, numbers: dict[str, str]) -> None:
    """Write a batch, in the order in which conflicts are looked for."""
    run, run_each = connection.execute, connection.executemany
    if batch.once:
        run_each(sql.INSERT_ONCE, [(tenant, *once) for once in batch.once])
    for each, (version, links) in batch.checks.items():
        found = run(sql.SELECT_VERSION, (tenant, each)).fetchone()
        if found is None or found[0] != version:
            raise Conflict("version", each, version, found and found[0])
        if found[1] != links:
            raise Conflict("links", each, links, found[1])
    if batch.births:
        _number(connection, tenant, batch, numbers)
        rows = [(tenant, *row[:2], numbers.get(row.id, row.number), *row[3:-1]) for row, _ in batch.births]
        run_each(sql.INSERT_RECORD, rows)
    if batch.updates:
        _update(connection, tenant, batch.updates)
    if batch.entries:
        run_each(sql.INSERT_ENTRY, [(tenant, *_with_number(row, numbers)) for row in batch.entries])
    for gone in batch.redactions:
        if run(sql.REDACT_ENTRY, (gone.by, gone.details, tenant, gone.record_id, gone.seq)).rowcount != 1:
            raise StoreError.of("broken_batch", record=gone.record_id, found=gone.seq)
        if gone.seq == 1:
            run(sql.REDACT_AUTHOR, (gone.by, tenant, gone.record_id))
    if batch.redactions:
        forget_words(connection, {row.kind for row, _ in batch.updates})
    for link in batch.unlinks:
        if run(sql.DELETE_LINK, (tenant, *link[:3])).rowcount != 1:
            raise Conflict("link", link.source)
    if batch.links:
        run_each(sql.INSERT_LINK, [(tenant, *link) for link in batch.links])
    if batch.bumps:
        run_each(sql.BUMP_LINKS, [(by, tenant, each) for each, by in batch.bumps.items()])
    if batch.due:
        projections.put(connection, tenant, batch.due)


def _update(connection: sqlite3.Connection, tenant: str, updates: list[tuple[RecordRow, int]]) -> None:
    rows = [
        (row.state, row.category, row.version, row.updated_at, row.schema, row.body, tenant, row.id, expected)
        for row, expected in updates
    ]
    if connection.executemany(sql.UPDATE_RECORD, rows).rowcount == len(rows):
        return
    _roll_back(connection)  # so that the versions are again those of before
    for row, expected in updates:
        found = connection.execute(sql.SELECT_VERSION, (tenant, row.id)).fetchone()
        if found is None or found[0] != expected:
            raise Conflict("version", row.id, expected, found and found[0])
    raise StoreError.of("broken_batch", record=updates[0][0].id, found=updates[0][1])


def _number(connection: sqlite3.Connection, tenant: str, batch: Batch, numbers: dict[str, str]) -> None:
    wanted: dict[str, list[str]] = {}
    for row, series in batch.births:
        if series is not None:
            wanted.setdefault(series, []).append(row.id)
    for series, ids in wanted.items():
        last = connection.execute(sql.NEXT_NUMBERS, (tenant, series, len(ids))).fetchone()[0]
        first = last - len(ids) + 1
        numbers.update({each: f"{series}{first + place:07d}" for place, each in enumerate(ids)})


def _with_number(row: EntryRow, numbers: dict[str, str]) -> tuple[Any, ...]:
    number = numbers.get(row.record_id) if row.seq == 1 else None
    return row if number is None else (*row[:-2], number, row.details)


def _clash(connection: sqlite3.Connection, tenant: str, batch: Batch, numbers: dict[str, str]) -> Exception:
    """Say which unique key of a batch that failed is taken, and by whom."""
    run = connection.execute
    for once in batch.once:
        for row in run(sql.SELECT_ONCE, (tenant, once.key)):
            return Conflict("once", once.key, None, row[1])
    for birth, _ in batch.births:
        if run(sql.SELECT_VERSION, (tenant, birth.id)).fetchone():
            return Conflict("id", birth.id, None, birth.id)
    taken: set[str | None] = set()
    for birth, _ in batch.births:
        number = numbers.get(birth.id, birth.number)
        owner = run("SELECT id FROM record WHERE tenant = ? AND number = ?", (tenant, number)).fetchone()
        if owner or (number is not None and number in taken):
            return Conflict("number", str(number), None, owner and owner[0])
        taken.add(number)
    for entry in batch.entries:
        for row in run(sql.SELECT_ORIGIN, (tenant, entry.origin_system, entry.origin_key)):
            if row[2] == entry.origin_row:
                return Conflict("origin", f"{entry.origin_system}:{entry.origin_key}", None, row[3])
    gone = {link[:3] for link in batch.unlinks}
    for link in batch.links:
        if link[:3] not in gone and run(sql.SELECT_LINK, (tenant, *link[:3])).fetchone():
            return Conflict("link", link.source)
    what = batch.entries[0].record_id if batch.entries else "a batch"
    return StoreError.of("broken_batch", record=what, found="an entry that is there already")


def _roll_back(connection: sqlite3.Connection) -> bool:
    """End a transaction, if the failure has not ended it already, and say whether it is over."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        return False
    return True


def _chunks(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts, each once, in lists that a statement can take; what has no UTF-8 form is stored nowhere."""
    wanted = [text for text in dict.fromkeys(texts) if text.isascii() or not unwritable(text)]
    for start in range(0, len(wanted), _CHUNK):
        yield wanted[start : start + _CHUNK]


def _folded(value: Any) -> str | None:
    return value.casefold() if isinstance(value, str) else None


@cache
def _watch_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    """Let go of the parent's connections, which a child may neither use nor close, and of its locks."""
    for store in list(_stores):
        for connection in store._connections:
            _abandon(connection)
        store._forget()


def _abandon(connection: sqlite3.Connection) -> None:
    """Keep a connection of the parent open for as long as this process lives.

    Closing it here, which dropping it also does, could release locks and files that the parent still uses.
    """
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _remedy(error: Exception) -> str:
    text = str(error)
    if "locked" in text:
        return "Another writer holds the file; try again, or give a longer timeout."
    if "not a database" in text or "malformed" in text:
        return "The file is damaged or something else; restore a copy, or give another path."
    if "readonly" in text:
        return "Make the file and its folder writable."
    if "unable to open" in text:
        return "Check that the folder exists, and that it and the file may be read and written."
    if "full" in text:
        return "Free some space; the store is intact."
    return "Nothing was written."
