"""A service management with problems, in both modes of known errors and on two stores."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from problem_kit import Ticking, opened

import itil4
from itil4.practices.problem_policy import KnownErrorMode


@pytest.fixture(params=["state", "record"])
def mode(request: pytest.FixtureRequest) -> KnownErrorMode:
    """How known errors are kept."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """Where records are kept."""
    return None if request.param == "memory" else f"sqlite:///{tmp_path}/desk.db"


@pytest.fixture
def clock() -> Ticking:
    """The time, in the hands of the test."""
    return Ticking()


@pytest.fixture
def itsm(mode: KnownErrorMode, url: str | None, clock: Ticking) -> Iterator[itil4.ServiceManagement]:
    """A service management in each mode on each store."""
    with opened(mode, url, clock) as made:
        yield made
