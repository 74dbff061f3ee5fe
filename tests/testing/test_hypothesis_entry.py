"""The entry point that Hypothesis runs: free of charge, and never in the way."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import itil4

SOURCE = Path(itil4.__file__).parents[1]
ROOT = SOURCE.parent


def site(folder: Path, *, broken: str = "") -> dict[str, str]:
    """Make a folder in which itil4 is installed as far as Hypothesis sees, perhaps with a package that cannot start."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copy(SOURCE / "_itil4_hypothesis.py", folder)
    told = folder / "itil4-9.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: itil4\nVersion: 9\n", encoding="utf-8")
    entries = [f"{name} = {place}" for name, place in project["entry-points"]["hypothesis"].items()]
    (told / "entry_points.txt").write_text("\n".join(["[hypothesis]", *entries]), encoding="utf-8")
    if broken:
        (folder / "itil4").mkdir()
        (folder / "itil4" / "__init__.py").write_text(broken, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *([] if broken else [str(SOURCE)])])}


def run(text: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", text], env=environment, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_hypothesis_reads_nothing_of_the_library(tmp_path: Path) -> None:
    """The hook stands beside the package, so that who only has it installed pays nothing."""
    text = """
import sys, hypothesis
print([name for name in sys.modules if name.startswith("itil4")], "_itil4_hypothesis" in sys.modules)
"""
    assert run(text, site(tmp_path)) == "[] True\n"


@pytest.mark.parametrize("broken", ["this is no python", "raise RuntimeError('broken')", "import no_such_module"])
def test_a_broken_library_does_not_break_hypothesis(tmp_path: Path, broken: str) -> None:
    """Neither a syntax error, nor one at run time, nor a missing dependency is seen by anybody else."""
    text = """
from hypothesis import given, settings, strategies as st

class Own:
    def __init__(self, number: int) -> None: self.number = number

@settings(max_examples=5)
@given(st.from_type(Own), st.from_type(str | None))
def look(own, text): assert isinstance(own.number, int)

look()
print("fine")
"""
    assert run(text, site(tmp_path, broken=broken)) == "fine\n"


def test_from_type_makes_records_of_the_library_and_of_hosts(tmp_path: Path) -> None:
    """Whoever imports itil4 after Hypothesis gets records that have lived, for their own subclasses too."""
    text = """
from hypothesis import given, settings, strategies as st
import attrs, itil4

@attrs.frozen(kw_only=True)
class VesselIncident(itil4.Incident):
    vessel: str = "unknown"

class VesselIncidents(itil4.IncidentManagement[VesselIncident]):
    record = VesselIncident

@settings(max_examples=10, deadline=None)
@given(st.from_type(VesselIncident), st.from_type(itil4.Incident), st.from_type(itil4.Actor))
def look(vessel, incident, actor):
    assert type(vessel) is VesselIncident and type(incident) is itil4.Incident and type(actor) is itil4.Actor
    assert vessel.created_at.tzinfo is not None and vessel.version >= 1

look()
print("fine")
"""
    assert run(text, site(tmp_path)) == "fine\n"


def test_another_version_of_hypothesis_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the place to register is another one, registering does nothing."""
    from hypothesis.strategies._internal import types

    import _itil4_hypothesis

    monkeypatch.delattr(types, "_global_extra_lookup")
    _itil4_hypothesis.register()
