"""A store in a SQL database through SQLAlchemy Core: PostgreSQL, SQLite, MariaDB.

SQLAlchemy brings the engine, the pool, the driver and the tables for migrations. The statements are put together
once, when a store is opened, and are given to the driver as they are: nothing is compiled for a row.
"""

import os
import random
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from itil4.errors import InvalidInput, MissingExtra, SchemaTooNew, StoreError
from itil4.storage import tables
from itil4.storage.address import shown
from itil4.storage.protocols import KindRow
from itil4.storage.sql_store import Contended, SqlStore, Taken

if TYPE_CHECKING:
    from sqlalchemy import Engine, MetaData

T = TypeVar("T")

_EXTRAS = {"postgresql": "postgres", "mysql": "mariadb", "mariadb": "mariadb", "sqlite": "sqlalchemy"}
_DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
_ATTEMPTS = 8
_LOCK = 0x6974696C34
"""The number of the lock that processes wait for while one of them makes the tables."""


def open_url(url: str) -> "SqlAlchemyStore":
    """Open a store by an address of SQLAlchemy, such as `postgresql+psycopg://user@host/database`."""
    return SqlAlchemyStore(url)


class SqlAlchemyStore(SqlStore):
    """Records in a database that may be shared with a host's own tables; safe from any thread and after a fork.

    Args:
        database: an address, or an engine of the host, whose pool and settings are used as they are.
        schema: the schema that the tables are in; by default the connection's own.
        prefix: what the names of the tables begin with.
        owned_by_host: whether the host's migrations make the tables (see `itil4.storage.ddl`); then this
            store makes none, and says what is missing.
        timeout: seconds to wait for another writer before giving way with a StaleRecord; of an engine of the
            host, its own settings decide.

    Raises:
        InvalidInput: it is no such address, or no name may begin with such a prefix.
        MissingExtra: the driver is not installed.
        StoreError: the database cannot be reached.
    """

    def __init__(
        self,
        database: "str | Engine",
        *,
        schema: str | None = None,
        prefix: str = tables.PREFIX,
        owned_by_host: bool = False,
        timeout: float = 30.0,
    ) -> None:
        self._closed = False
        self._owned_by_host = owned_by_host
        self._is_own = isinstance(database, str)
        self.engine = _engine(database, timeout) if isinstance(database, str) else database
        self._speak(tables.names_of(self.engine.dialect.name, schema, prefix))
        _watch_forks()
        _stores.add(self)

    def close(self) -> None:
        """Close the connections of an own engine; that of a host stays as it is."""
        self._closed = True
        if self._is_own:
            self.engine.dispose()

    # connections

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Yield a connection of the pool; its transaction, if it is in one, is over afterwards."""
        if self._closed:
            raise StoreError.of("store_closed")
        held, owner, now = self.engine.raw_connection(), os.getpid(), os.getpid
        try:
            yield held.driver_connection
        finally:
            if owner == now():  # not in a child that was forked while a history was being read
                with suppress(Exception):  # one that cannot be given back is gone from the pool already
                    held.close()
            else:
                _abandon(held)

    def _attempt(self, action: str, call: Callable[[], T]) -> T:
        """Call once, and once more where a connection of the pool turns out to have been lost before."""
        for again in (False, True):
            try:
                return call()
            except _Lost as lost:
                self.engine.dispose()
                if again:
                    raise StoreError.of(
                        "store_failed", action=action, error=str(lost.__cause__), remedy=_LOST
                    ) from lost.__cause__
            except (Taken, Contended, StoreError):
                raise
            except Exception as error:
                if not self._is_driver_error(error):
                    raise
                raise self._failed(action, error) from error
        raise AssertionError("unreachable")

    def _is_driver_error(self, error: Exception) -> bool:
        import sqlalchemy

        module: Any = self.engine.dialect.dbapi
        return isinstance(error, (module.Error, sqlalchemy.exc.SQLAlchemyError, UnicodeEncodeError))

    def _failed(self, action: str, error: BaseException) -> StoreError:
        if self._closed:
            return StoreError.of("store_closed")
        text = " ".join(str(getattr(error, "orig", None) or error).split())
        return StoreError.of("store_failed", action=action, error=text, remedy=_remedy(text))

    def _sort(self, error: Exception, raw: Any) -> Exception:
        """Return what an error of the driver means before anything is committed."""
        dialect: Any = self.engine.dialect
        if dialect.is_disconnect(error, raw, None):
            return _Lost()
        failure = self.names.words.failure(error)
        if failure == "taken":
            return Taken(str(error))
        return error if failure == "other" else Contended(str(error), failure == "contended")

    def _read(self, action: str, work: Callable[[Any], T]) -> T:
        def call() -> T:
            if self._closed:
                raise StoreError.of("store_closed")
            held = self.engine.raw_connection()
            raw: Any = held.driver_connection
            try:
                with self.names.words.reading(raw):
                    cursor = raw.cursor()
                    try:
                        return work(cursor)
                    except raw.Error as error:
                        raise _kept(self._sort(error, raw), error) from error
                    finally:
                        cursor.close()  # an answer that is not read to its end would hold a view
            finally:
                held.close()

        try:
            return self._attempt(action, call)
        except Contended as contended:  # whoever changes the tables themselves held them for too long
            raise self._failed(action, contended.__cause__ or contended) from contended

    def _write(self, action: str, work: Callable[[Any], T]) -> T:
        def call() -> T:
            with self._connected() as raw, self._transaction(raw), closing(raw.cursor()) as cursor:
                return work(cursor)

        for attempt in range(1, _ATTEMPTS):
            try:
                return self._attempt(action, call)
            except Contended as contended:
                if not contended.is_brief:
                    raise
            time.sleep(random.uniform(0, 0.002 * 2**attempt))
        return self._attempt(action, call)

    @contextmanager
    def _transaction(self, raw: Any) -> Iterator[None]:
        """One transaction; whatever happens before its commit leaves nothing, and can be tried again."""
        asked = False
        try:
            with self.names.words.writing(raw):
                try:
                    yield
                    asked = True
                    raw.commit()
                except BaseException:
                    with suppress(raw.Error):  # the first error is told; a connection that is lost has nothing to undo
                        raw.rollback()
                    raise
        except raw.Error as error:
            sorted_out = self._sort(error, raw)
            if asked and isinstance(sorted_out, _Lost):
                raise StoreError.of("commit_unknown", error=str(error)) from error
            raise _kept(sorted_out, error) from error

    def _stream(self, action: str, text: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """Read through a connection of its own, so that whoever reads may write meanwhile."""

        def begin() -> Iterator[Any]:
            rows = self._streamed(text, values)
            next(rows)
            return rows

        try:
            return self._told(action, self._attempt(action, begin))
        except Contended as contended:
            raise self._failed(action, contended.__cause__ or contended) from contended

    def _streamed(self, text: str, values: Sequence[Any]) -> Iterator[Any]:
        with self._connected() as raw:
            try:
                cursor = self.names.words.streamed(raw, text, values)
            except raw.Error as error:
                raise _kept(self._sort(error, raw), error) from error
            yield None  # it stands as it stands now
            while some := cursor.fetchmany(500):
                yield from some
            cursor.close()

    def _told(self, action: str, rows: Iterator[Any]) -> Iterator[tuple[Any, ...]]:
        try:
            yield from rows
        except Exception as error:
            if not self._is_driver_error(error):
                raise
            raise self._failed(action, error) from error

    # tables

    def migrate(self, kinds: Iterable[KindRow]) -> None:
        """Make tables and indexes; those that are there stay."""
        wanted = [*tables.tables(self.names), *tables.field_indexes(self.names, kinds)]
        there, layout = self._read("look at its tables", self._there)
        if layout is not None and layout > tables.LAYOUT:
            raise SchemaTooNew.of("schema_too_new", what=self.names("record"), found=layout, known=tables.LAYOUT)
        missing = [name for name, _ in wanted if name not in there]
        if not missing and layout is not None:
            return
        if self._owned_by_host:
            lacking = [name for name in tables.needed(self.names) if name not in there]
            if lacking:
                raise StoreError.of("tables_missing", missing=lacking, dialect=self.names.words.dialect)
            return
        try:
            self._write("make its tables", lambda cursor: self._make(cursor, wanted))
        except Taken:  # another process was there first
            return
        except Contended as contended:
            if layout is None or not there.issuperset(tables.needed(self.names)):
                raise self._failed("make its tables", contended.__cause__ or contended) from contended
            # A transaction that writes holds the tables, maybe one of this very thread's host. Only indexes are
            # missing: questions are answered without them, and who opens the database next makes them.

    def _make(self, cursor: Any, wanted: list[tuple[str, str]]) -> None:
        with self._alone(cursor):
            self._complete(cursor, wanted)

    @contextmanager
    def _alone(self, cursor: Any) -> Iterator[None]:
        """Let other processes wait that want to make tables; in SQLite whoever writes is alone anyway."""
        dialect = self.names.words.dialect
        if dialect == "postgresql":
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if dialect == "mysql":  # where each statement that makes something commits by itself
            cursor.execute("SELECT GET_LOCK(%s, 60)", (str(_LOCK),))
        try:
            yield
        finally:
            if dialect == "mysql":
                cursor.execute("SELECT RELEASE_LOCK(%s)", (str(_LOCK),))

    def _complete(self, cursor: Any, wanted: list[tuple[str, str]]) -> None:
        there, layout = self._there(cursor)
        for name, statement in wanted:
            if name not in there:
                cursor.execute(statement)
        if layout is None:
            for statement in tables.triggers(self.names):
                cursor.execute(statement)
            cursor.execute(f"INSERT INTO {self.names('layout')} (layout) VALUES ({tables.LAYOUT})")

    def _there(self, cursor: Any) -> tuple[set[str], int | None]:
        """Return the names of the tables and indexes that are there, and the layout that they say they have."""
        names, dialect = self.names, self.names.words.dialect
        like = names.prefix.replace("_", "!_") + "%"
        if dialect == "postgresql":
            cursor.execute(_THERE[dialect], (names.schema, like))
        elif dialect == "sqlite":
            of = "" if names.schema is None else f"{names.words.quote(names.schema)}."
            cursor.execute(_THERE[dialect].format(of), (like,))
        else:
            cursor.execute(_THERE[dialect], (names.schema, like, names.schema, like))
        there = {row[0] for row in cursor.fetchall()}
        if names.plain("layout") not in there:
            return there, None
        cursor.execute(f"SELECT max(layout) FROM {names('layout')}")
        return there, cursor.fetchone()[0]


_THERE = {
    "postgresql": (
        "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE n.nspname = coalesce(CAST(%s AS text), current_schema()) AND c.relname LIKE %s ESCAPE '!'"
    ),
    "sqlite": "SELECT name FROM {}sqlite_master WHERE name LIKE ? ESCAPE '!'",
    "mysql": (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = coalesce(%s, database()) "
        "AND table_name LIKE %s ESCAPE '!' UNION SELECT index_name FROM information_schema.statistics "
        "WHERE table_schema = coalesce(%s, database()) AND index_name LIKE %s ESCAPE '!'"
    ),
}
_LOST = "Check that the database runs and can be reached; nothing was written."


class _Lost(Exception):
    """The connection was gone before anything was committed."""


def _kept(meaning: Exception, error: Exception) -> Exception:
    """Return what an error means, with the error as its cause; the error itself where it means nothing more."""
    if meaning is not error:
        meaning.__cause__ = error
    return meaning


def _remedy(text: str) -> str:
    if "password" in text or "authentication" in text or "Access denied" in text:
        return "Check the user and the password."
    if "does not exist" in text or "no such table" in text or "doesn't exist" in text:
        return "Check the database, the schema and the prefix, and that migrations have run."
    if "onnect" in text:
        return _LOST
    return "Nothing was written."


def _engine(url: str, timeout: float) -> "Engine":
    scheme, _, rest = url.partition("://")
    family = scheme.partition("+")[0]
    extra = _EXTRAS.get(family, "sqlalchemy")
    try:
        import sqlalchemy
    except ImportError:
        raise MissingExtra.of("missing_extra", what=f"{scheme}://", package="SQLAlchemy", extra=extra) from None
    try:
        made = sqlalchemy.make_url(f"{_DRIVERS.get(scheme, scheme)}://{rest}")
        if family == "sqlite" and made.database in (None, "", ":memory:"):
            raise InvalidInput.of("bad_url", value=shown(url))
        engine = sqlalchemy.create_engine(made, **_settings(family, timeout, made.query.get("options", "")))
    except ModuleNotFoundError as error:
        raise MissingExtra.of("missing_extra", what=f"{scheme}://", package=error.name, extra=extra) from None
    except sqlalchemy.exc.ArgumentError as error:
        raise InvalidInput.of("bad_url", value=shown(url)) from error
    if family == "sqlite":
        sqlalchemy.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _settings(family: str, timeout: float, options: Any) -> dict[str, Any]:
    if family == "sqlite":
        return {"connect_args": {"timeout": timeout}}
    if family == "postgresql":
        return {"connect_args": {"options": f"-c lock_timeout={int(timeout * 1000)} {options}".strip()}}
    if family in ("mysql", "mariadb"):
        waits = f"SET SESSION innodb_lock_wait_timeout={max(1, int(timeout))}"
        return {"connect_args": {"init_command": waits}, "isolation_level": "READ COMMITTED"}
    return {}


def _prepare_sqlite(raw: Any, _: object) -> None:
    """Let the store say where transactions begin, and write ahead, so that readers need not wait."""
    raw.isolation_level = None
    until = time.monotonic() + 30
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL")
            break
        except raw.OperationalError as error:  # others may be switching the file at this moment
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(0.01)
    raw.execute("PRAGMA synchronous=NORMAL")


_stores: "weakref.WeakSet[SqlAlchemyStore]" = weakref.WeakSet()
"""Open stores, which must let go of what they inherited when the process forks."""


@cache
def _watch_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    """Leave the connections of the parent alone, which a child may neither use nor close, and begin a new pool."""
    for store in list(_stores):
        _abandon(store.engine.pool)
        store.engine.dispose(close=False)


def _abandon(inherited: object) -> None:
    """Keep what belongs to the parent as long as this process lives: dropping it would close what the parent uses."""
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))


def metadata(
    dialect: str = "postgresql", *, schema: str | None = None, prefix: str = tables.PREFIX,
    kinds: Iterable[KindRow] = (),
) -> "MetaData":  # fmt: skip
    """Return the tables as a `MetaData`, for a host whose migrations compare it with the database.

    `create_all` makes all that `ddl` makes. A tool that only compares tables, such as Alembic, still needs the
    triggers and the row of the layout: run the statements of `ddl` in the first migration.

    Args:
        dialect: `postgresql`, `sqlite`, or `mysql` for MariaDB.
        schema: the schema that they are in.
        prefix: what every name begins with.
        kinds: kinds whose declared fields get indexes.

    Raises:
        InvalidInput: the dialect is unknown.
        MissingExtra: SQLAlchemy is not installed.
    """
    try:
        import sqlalchemy as sa
        from sqlalchemy.dialects import mysql, postgresql
    except ImportError:
        raise MissingExtra.of("missing_extra", what="metadata()", package="SQLAlchemy", extra="sqlalchemy") from None
    names = tables.names_of(dialect, schema, prefix)
    words = names.words
    collated: dict[str, Any] = {"charset": "utf8mb4", "collation": "utf8mb4_nopad_bin"}
    text = sa.Text(collation="C" if words.dialect == "postgresql" else None)
    types: dict[str, Any] = {"int": sa.Integer(), "big": sa.BigInteger(), "document": postgresql.JSONB()}
    for name in ("key", "text", "long"):
        long = mysql.LONGTEXT(**collated)
        sized = long if name == "long" else mysql.VARCHAR(190 if name == "key" else 500, **collated)
        types[name] = sized if words.dialect == "mysql" else text
    if words.dialect == "sqlite":
        types["big"] = sa.Integer()
    made = sa.MetaData(schema=schema)
    for table in tables.TABLES:
        key = {each.name for each in table.columns[: table.key]}
        columns = []
        for each in tables.columns(table, words.dialect):
            computed = [sa.Computed("body::jsonb", persisted=True)] if each.type == "document" else []
            columns.append(
                sa.Column(
                    each.name, types[each.type], *computed, primary_key=each.name in key, nullable=each.nullable,
                    autoincrement=False,
                )
            )  # fmt: skip
        held = sa.Table(names.plain(table.name), made, *columns)
        for index in table.indexes:
            where = sa.text(f"{words.quote(index.where)} IS NOT NULL") if index.where else None
            said = ("postgresql_where", "sqlite_where") if words.partial_indexes else ()
            partial: dict[str, Any] = dict.fromkeys(said, where)
            name = names.plain(f"{table.name}_{index.name}")
            sa.Index(name, *(held.c[each] for each in index.columns), unique=index.unique, **partial)
    rest = [statement for _, statement in tables.field_indexes(names, kinds)]
    rest += [*tables.triggers(names), f"INSERT INTO {names('layout')} (layout) VALUES ({tables.LAYOUT})"]
    for statement in rest:
        sa.event.listen(made, "after_create", _run(statement))
    return made


def _run(statement: str) -> Callable[..., None]:
    def run(_: Any, connection: Any, **__: Any) -> None:
        connection.exec_driver_sql(statement)

    return run
