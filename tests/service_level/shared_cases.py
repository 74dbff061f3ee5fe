"""Where the cases are that lie beside the repository."""

import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def shared_cases(name: str) -> dict[str, Any]:
    """Return a file of ../shared/cases, or skip with the reason."""
    path = SHARED / "cases" / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the repository (../shared/cases)")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
