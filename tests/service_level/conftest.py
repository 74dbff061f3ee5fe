"""Where the shared cases are, and the calendars that many tests use."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def shared_cases(name: str) -> dict[str, Any]:
    """Return a file of ../shared/cases, or skip with the reason."""
    path = SHARED / "cases" / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the repository (../shared/cases)")
    return json.loads(path.read_text())
