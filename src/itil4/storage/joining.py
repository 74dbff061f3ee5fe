"""A store inside a transaction that belongs to a host: everything happens through the host's connection.

It opens savepoints and never begins, commits or rolls back what is the host's. Connections are known by what
they can do, so that no driver and no framework is imported.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import count
from typing import Any, TypeVar

from itil4.errors import InvalidInput, StoreError
from itil4.storage.protocols import KindRow, Store
from itil4.storage.sql_store import Contended, SqlStore, Taken
from itil4.storage.sql_terms import Dialect
from itil4.storage.tables import Names

T = TypeVar("T")

_DRIVERS: dict[str, Dialect] = {
    "psycopg": "postgresql", "psycopg2": "postgresql", "sqlite3": "sqlite", "pymysql": "mysql", "MySQLdb": "mysql",
}  # fmt: skip
_savepoints = count(1)


class JoinedStore(SqlStore):
    """The tables of a store, through a connection that somebody else commits."""

    def __init__(self, names: Names, raw: Any) -> None:
        self._raw = raw
        self._speak(names)

    def migrate(self, kinds: Iterable[KindRow]) -> None:
        """Make nothing: in a host's transaction only rows are written."""

    def close(self) -> None:
        """Close nothing: the connection is the host's."""

    def _read(self, action: str, work: Callable[[Any], T]) -> T:
        try:
            with closing(self._raw.cursor()) as cursor:
                return work(cursor)
        except (self._raw.Error, UnicodeEncodeError) as error:
            raise _failed(action, error) from error

    def _write(self, action: str, work: Callable[[Any], T]) -> T:
        raw = self._raw
        try:
            with savepoint(raw), closing(raw.cursor()) as cursor:
                return work(cursor)
        except UnicodeEncodeError as error:
            raise _failed(action, error) from error
        except raw.Error as error:
            failure = self.names.words.failure(error)
            if failure == "taken":
                raise Taken(str(error)) from error
            if failure == "other":
                raise _failed(action, error) from error
            raise Contended(str(error), failure == "contended") from error

    def _stream(self, action: str, text: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        return iter(self._rows(action, text, values))


def _failed(action: str, error: Exception) -> StoreError:
    text = " ".join(str(error).split())
    return StoreError.of("store_failed", action=action, error=text, remedy="Roll the transaction back.")


@contextmanager
def savepoint(raw: Any) -> Iterator[None]:
    """Take back what was written inside, and nothing else, when it ends in an error."""
    name = f"itil4_{next(_savepoints)}"
    with closing(raw.cursor()) as cursor:
        cursor.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            with suppress(raw.Error):  # where all of the transaction is gone, the first error says so
                cursor.execute(f"ROLLBACK TO SAVEPOINT {name}")
                cursor.execute(f"RELEASE SAVEPOINT {name}")
            raise
        cursor.execute(f"RELEASE SAVEPOINT {name}")


@contextmanager
def joined(store: Store, connection: Any) -> Iterator[JoinedStore]:
    """Yield the tables of a store inside a savepoint of a host's transaction.

    Raises:
        InvalidInput: the store has no such tables, or the connection cannot be joined.
    """
    if not isinstance(store, SqlStore) or isinstance(store, JoinedStore):
        raise InvalidInput.of("join_nothing", store=type(store).__name__)
    raw = _in_transaction(connection, getattr(store, "engine", None))
    found = _dialect(raw)
    if found != store.names.words.dialect:
        raise InvalidInput.of("join_elsewhere", found=found, expected=store.names.words.dialect)
    with savepoint(raw):
        yield JoinedStore(store.names, raw)


def _in_transaction(connection: Any, own: Any) -> Any:
    """Return the driver's connection, in a transaction that is the host's to end.

    Args:
        own: the engine of the store itself, which leaves it to whoever writes to begin a transaction in SQLite.
    """
    begins = False
    if hasattr(connection, "in_atomic_block"):  # Django
        if not connection.in_atomic_block:
            raise InvalidInput.of("join_no_transaction")
        connection.ensure_connection()
        raw = connection.connection
    elif hasattr(connection, "exec_driver_sql"):  # a connection of SQLAlchemy
        if not connection.in_transaction():
            connection.begin()  # as its first statement would
        raw, begins = connection.connection.driver_connection, connection.engine is own
    elif hasattr(connection, "get_bind") and callable(getattr(connection, "connection", None)):  # its session
        return _in_transaction(connection.connection(), own)
    elif hasattr(connection, "cursor") and hasattr(connection, "rollback"):
        raw = connection
    else:
        raise InvalidInput.of("join_what", value=type(connection).__name__)
    dialect = _dialect(raw)
    if dialect == "sqlite" and not raw.in_transaction:
        if raw.isolation_level is None and not begins:
            raise InvalidInput.of("join_no_transaction")
        raw.execute("BEGIN IMMEDIATE")  # as the driver would, though it would wait for the first change
    if dialect == "postgresql" and raw.autocommit and not raw.info.transaction_status:
        raise InvalidInput.of("join_no_transaction")
    if dialect == "mysql" and raw.get_autocommit():
        raise InvalidInput.of("join_no_transaction")
    return raw


def _dialect(raw: Any) -> Dialect:
    for cls in type(raw).__mro__:
        found = _DRIVERS.get(cls.__module__.partition(".")[0])
        if found is not None:
            return found
    raise InvalidInput.of("join_what", value=type(raw).__name__)
