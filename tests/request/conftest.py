"""A service management with a request catalogue, on two stores."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from request_kit import Ticking, opened

import itil4


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """Where records are kept."""
    return None if request.param == "memory" else f"sqlite:///{tmp_path}/desk.db"


@pytest.fixture
def clock() -> Ticking:
    """The time, in the hands of the test."""
    return Ticking()


@pytest.fixture
def itsm(url: str | None, clock: Ticking) -> Iterator[itil4.ServiceManagement]:
    """A service management on each store."""
    with opened(url, clock) as made:
        yield made
