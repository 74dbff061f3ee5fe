"""The rooms: who may import whom, and what importing costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import itil4

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def test_the_import_contracts_hold() -> None:
    """Rooms look down only, and every dependency has one door."""
    pytest.importorskip("importlinter", reason="import-linter comes with the extra `tests`")
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_nobody_but_the_clock_asks_what_time_it_is() -> None:
    """Time is injected: no call of now(), utcnow(), today() or time() outside clock.py, but of a clock's own."""
    for path in SOURCES:
        if path.name == "clock.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                asks = node.func.attr in ("utcnow", "today") or (node.func.attr == "now" and "datetime" in owner)
                assert not asks, f"{path.name}:{node.lineno} asks {owner} for the time"


def test_modules_stay_small_enough_to_read() -> None:
    """No module of code over about 500 lines; data modules hold data only."""
    read = [path for path in SOURCES if path.parent.name != "catalogue"]
    assert {
        path.name: size for path in read if (size := len(path.read_text(encoding="utf-8").splitlines())) > 520
    } == {}


def test_the_front_door_is_a_sorted_list_of_real_objects() -> None:
    """About forty names; each is the object itself and no proxy, so that it can be subclassed."""
    assert itil4.__all__ == sorted(itil4.__all__)
    assert 30 <= len(itil4.__all__) <= 70
    for name in itil4.__all__:
        value = getattr(itil4, name)
        # aliases of types, and a text
        assert name in ("Line", "Note", "REDACTED") or value.__module__.startswith("itil4."), name
    with pytest.raises(AttributeError, match="has no attribute 'Incidnet'"):
        itil4.Incidnet  # noqa: B018 - reading it is the test


def test_importing_the_package_does_nothing_else() -> None:
    """`import itil4` loads no dependency; making a first incident loads no state machine."""
    script = """
import sys, itil4
light = {"attrs", "cattrs", "transitions", "sqlite3", "json", "typing_extensions"} & set(sys.modules)
assert not light, light
itil4.connect().incidents.log(summary="x", by=itil4.Actor("ana"))
heavy = {"transitions", "hypothesis", "pytest", "sqlite3"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
