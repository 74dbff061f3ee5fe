"""Stores in databases of a host keep the contract that is shipped for everybody's."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from itil4.storage import Store
from itil4.testing import StoreContract
from itil4.testing.store_base import Fault

pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")


class Faulty:
    """A connection or cursor of a driver whose statements go through a fault."""

    _inner: Any
    _fault: Fault

    def __init__(self, inner: Any, fault: Fault) -> None:
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(self, "_fault", fault)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._inner, name, value)

    def _broken(self) -> Exception:
        connection = getattr(self._inner, "connection", self._inner)
        error: Exception = connection.OperationalError("disk I/O error")
        return error

    def cursor(self) -> "Faulty":
        return Faulty(self._inner.cursor(), self._fault)

    def execute(self, *given: Any) -> Any:
        return self._fault.run(self._inner.execute, *given, error=self._broken)

    def executemany(self, *given: Any) -> Any:
        return self._fault.run(self._inner.executemany, *given, error=self._broken)

    def commit(self) -> Any:
        return self._fault.run(self._inner.commit, error=self._broken)


class Held:
    """What a pool hands out, with a connection that may fail."""

    def __init__(self, inner: Any, fault: Fault) -> None:
        self.driver_connection = Faulty(inner.driver_connection, fault)
        self.close = inner.close


class Contract(StoreContract):
    """What the databases have in common; the name says which they are."""

    name: str

    @pytest.fixture
    def make_store(self, request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any) -> Callable[[], Store]:
        made: Callable[[], Store] = make_stores(self.name, request, tmp_path)
        return made

    def open_again(self, store: Any) -> Callable[[], Store]:
        from itil4.storage import SqlAlchemyStore

        url, schema = store.engine.url.render_as_string(hide_password=False), store.names.schema
        return lambda: SqlAlchemyStore(url, schema=schema)

    @contextmanager
    def break_statements(self, store: Any, fault: Fault) -> Iterator[None]:
        inner = store.engine.raw_connection
        store.engine.raw_connection = lambda: Held(inner(), fault)
        try:
            yield
        finally:
            store.engine.raw_connection = inner


class TestSqlAlchemyOnSqlite(Contract):
    name = "sqlalchemy_sqlite"


class TestSqlAlchemyOnPostgres(Contract):
    name = "postgres"


if "ITIL4_MARIADB" in os.environ:  # `python tests/storage/mariadb.py` sets it, and starts the server

    class TestSqlAlchemyOnMariaDB(Contract):
        name = "mariadb"
