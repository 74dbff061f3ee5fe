"""The built-in stores keep the contract that is shipped for everybody's."""

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from itil4.storage import MemoryStore, Store
from itil4.storage.sqlite import SqliteStore
from itil4.testing import StoreContract
from itil4.testing.store_base import Fault


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def make_store(self) -> Callable[[], Store]:
        return MemoryStore


class Faulty:
    """A connection whose statements go through a fault."""

    def __init__(self, inner: sqlite3.Connection, fault: Fault) -> None:
        self._inner, self._fault = inner, fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def execute(self, *given: Any) -> Any:
        return self._fault.run(self._inner.execute, *given, error=_broken)

    def executemany(self, *given: Any) -> Any:
        return self._fault.run(self._inner.executemany, *given, error=_broken)


def _broken() -> Exception:
    return sqlite3.OperationalError("disk I/O error")


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> Callable[[], Store]:
        numbers = itertools.count()
        return lambda: SqliteStore(tmp_path / f"{next(numbers)}.db")

    def open_again(self, store: SqliteStore) -> Callable[[], Store]:
        return lambda: SqliteStore(store.path)

    @contextmanager
    def break_statements(self, store: SqliteStore, fault: Fault) -> Iterator[None]:
        held = store._local.held
        inner = held.connection
        held.connection = Faulty(inner, fault)
        try:
            yield
        finally:
            held.connection = inner
        assert not inner.in_transaction or store._local.held is None
