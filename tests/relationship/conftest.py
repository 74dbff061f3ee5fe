"""A service management with customers, on three stores."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from relationship_kit import Ticking

import itil4


@pytest.fixture(params=["memory", "sqlite", "sqlalchemy"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str | itil4.storage.protocols.Store | None:
    """Where records are kept."""
    if request.param == "sqlalchemy":
        sqlalchemy = pytest.importorskip("sqlalchemy")
        from itil4.storage.sqlalchemy import SqlAlchemyStore

        return SqlAlchemyStore(sqlalchemy.create_engine(f"sqlite:///{tmp_path}/other.db"))
    return None if request.param == "memory" else f"sqlite:///{tmp_path}/desk.db"


@pytest.fixture
def clock() -> Ticking:
    """The time, in the hands of the test."""
    return Ticking()


@pytest.fixture
def itsm(store: str | None, clock: Ticking) -> Iterator[itil4.ServiceManagement]:
    """A service management on each store."""
    with itil4.connect(store, clock=clock) as made:
        yield made
