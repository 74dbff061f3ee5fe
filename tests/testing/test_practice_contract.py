"""Every built-in practice keeps the contract, so do the sample workflows, and a broken practice breaks it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

import itil4
from itil4 import Incident, IncidentManagement, Transition
from itil4.testing import Found, PracticeContract

SAMPLES = Path(__file__).parents[1] / "faults"


UNTOLD = ("changes", "change_models")
"""Practices whose values the kit cannot guess yet: their models decide which steps there are."""


class TestIncidentManagement(PracticeContract):
    practice = IncidentManagement


def _contracts() -> Iterator[tuple[str, type[PracticeContract]]]:
    """Yield a contract for every other practice; the machine of each is run in a test of its own elsewhere."""
    for slot, cls in itil4.connect().house.practices.items():
        if slot not in UNTOLD and cls is not IncidentManagement and cls.lifecycle.transitions:
            name = f"Test{cls.__name__}"
            yield name, type(name, (PracticeContract,), {"practice": cls, "machine_examples": 0})


globals().update(_contracts())


def test_the_sample_workflows_keep_the_contract(tmp_path: Path) -> None:
    """A host writes three lines for each of its practices."""
    text = f"""
import sys
sys.path.insert(0, {str(SAMPLES)!r})
from sample_workflows import defects, requests
from itil4.testing import PracticeContract

class TestDefects(PracticeContract):
    practice = defects.Defects

class TestAccessRequests(PracticeContract):
    practice = requests.AccessRequests
    settings = requests.SETTINGS
"""
    (tmp_path / "test_host.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_host.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout


def contract(broken: type) -> PracticeContract:
    class Broken(PracticeContract):
        practice = broken

    return Broken()


def test_a_mistyped_name_and_a_taken_kind_are_found() -> None:
    """The nearest practice is offered, and the slot that has the kind is named."""

    class Mistyped(IncidentManagement[Incident]):
        name = "incident_managment"

    with pytest.raises(AssertionError, match="Did you mean 'incident_management'"):
        contract(Mistyped).test_its_name_is_one_of_the_catalogue_or_its_own()

    class Taken(IncidentManagement[Incident]):
        kind = "problem"

    with pytest.raises(AssertionError, match="'problems'"):
        contract(Taken).test_its_name_is_one_of_the_catalogue_or_its_own()


def test_a_finding_of_the_definition_breaks_it() -> None:
    """What `check_lifecycle` finds is a broken promise."""

    class Stuck(IncidentManagement[Incident]):
        lifecycle = IncidentManagement.lifecycle.extend(
            states=[itil4.State("lost")], add=[Transition("lose", "new", "lost", roles={"service_desk"})]
        )

    with pytest.raises(Found, match="no_way_to_final"):
        contract(Stuck).test_nothing_is_found_in_its_lifecycles()


def test_a_record_with_a_dictionary_of_its_own_is_found() -> None:
    """Records are values with slots."""

    @attrs.frozen(kw_only=True, slots=False)
    class Loose(Incident):
        note: str = ""

    class LooseIncidents(IncidentManagement[Loose]):
        record = Loose

    with pytest.raises(AssertionError, match="no slots"):
        contract(LooseIncidents).test_its_records_are_values()
