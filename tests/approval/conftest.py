"""Where the tests of approvals keep their records."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """A store in memory, and a SQLite file."""
    return None if request.param == "memory" else f"sqlite:///{tmp_path}/desk.db"
