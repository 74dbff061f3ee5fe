"""The pytest plugin: its fixtures, its option, and that it reads nothing before a test asks."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import itil4
from itil4.clock import FrozenClock
from itil4.testing import plugin

SOURCE = Path(itil4.__file__).parents[1]


def run(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a test file of a host, with the plugin and without the settings of this repository."""
    (folder / "test_host.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *named(), *options, "test_host.py"]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTEST_ADDOPTS": ""}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip


def named() -> list[str]:
    """Return the option that loads the plugin, where its entry point is not installed."""
    from importlib.metadata import entry_points

    return [] if entry_points(group="pytest11", name="itil4") else ["-p", "itil4.testing.plugin"]


def test_the_fixtures_fit_together(itsm: Any, frozen_clock: FrozenClock, agent: itil4.Actor) -> None:
    """The desk runs on the clock, which the test moves, and the agent may work there."""
    incident = itsm.incidents.log(summary="Mail is down", by=agent)
    frozen_clock.tick(timedelta(hours=2))
    incident = itsm.incidents.start(incident, by=agent)
    assert incident.updated_at - incident.created_at == timedelta(hours=2)


def test_a_host_brings_its_practices_by_overriding_one_fixture(tmp_path: Path) -> None:
    """`itil4_options` is what `connect` gets."""
    text = """
import pytest, itil4

class Ours(itil4.IncidentManagement):
    prefix = "VES"

@pytest.fixture
def itil4_options():
    return {"practices": [Ours]}

def test_number(itsm, agent):
    assert itsm.incidents.log(summary="Radar", by=agent).number == "VES0000001"
"""
    done = run(tmp_path, text)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("profile", "examples"), [("quick", 25), ("deep", 1_000), (None, 100)])
def test_the_option_chooses_how_thorough_random_tests_are(tmp_path: Path, profile: str | None, examples: int) -> None:
    """Without the option the settings of the host stay as they are."""
    text = f"""
from hypothesis import settings

def test_profile():
    assert settings.get_profile("default").max_examples == 100
    assert settings().max_examples == {examples}
"""
    done = run(tmp_path, text, *([f"--itil4-profile={profile}"] if profile else []))
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_unknown_profile_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    """The message names both."""
    done = run(tmp_path, "def test_it(): pass", "--itil4-profile=slow")
    assert done.returncode != 0
    assert "deep" in done.stderr and "quick" in done.stderr


def test_it_reads_nothing_before_a_fixture_is_asked_for() -> None:
    """A host that only has the library installed pays for a small module and no more."""
    text = """
import sys, pytest
before = set(sys.modules)
import itil4.testing.plugin
heavy = ("itil4", "attr", "attrs", "hypothesis")
print(sorted(name for name in set(sys.modules) - before if name.split(".")[0] in heavy))
"""
    command = [sys.executable, "-c", text]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "['itil4', 'itil4.testing', 'itil4.testing.plugin']\n", done.stderr


def test_without_hypothesis_the_option_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the pip command."""

    class Asked:
        def getoption(self, name: str) -> str:
            return "quick"

    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(pytest.UsageError, match=r"pip install 'itil4\[testing\]'"):
        plugin.pytest_configure(Asked())  # type: ignore[arg-type]  # all that it is asked for
