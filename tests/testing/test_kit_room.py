"""The room of the test kit: its front door, what it imports, refinement, and its command."""

import subprocess
import sys
from pathlib import Path

import kit_workflows as kit
import pytest

import itil4.testing
from itil4 import IncidentManagement, InvalidInput, State, Transition
from itil4.__main__ import main
from itil4.testing import refines


def test_every_name_leads_to_the_object_itself() -> None:
    """The table is the list, and each name resolves."""
    assert itil4.testing.__all__ == sorted(itil4.testing.__all__)
    for name in itil4.testing.__all__:
        assert getattr(itil4.testing, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'walks'"):
        itil4.testing.walks  # noqa: B018 - the look is the test


def test_a_walk_needs_no_hypothesis() -> None:
    """Only the machine and the strategies import it."""
    script = (
        "import sys; from itil4 import IncidentManagement\n"
        "from itil4.testing import check_lifecycle, check_story, never, refines, stories, Story\n"
        "check_lifecycle(IncidentManagement); check_story(IncidentManagement, 'log -> start')\n"
        "assert not {'hypothesis', 'pytest'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_a_workflow_that_only_narrows_its_base_can_be_followed_by_a_host_of_the_base() -> None:
    """Fewer steps and more conditions are no surprise; one more step is, and its story is told."""
    base = kit.lifecycle()
    narrower = base.extend(tighten={"open": {"requires": ["note"]}})
    assert refines(kit.permits(narrower), kit.Permits) is None
    wider = base.extend(
        states=[State("parked", "waiting", kind="weather")],
        add=[Transition("park", "open", "parked"), Transition("unpark", "parked", "open")],
    )
    assert str(refines(kit.permits(wider), kit.Permits)) == "log -> approve -> open -> park"
    assert refines(wider, base) is not None
    with pytest.raises(InvalidInput, match="a lifecycle over the field"):
        refines(IncidentManagement.aspects[0], base)


def test_the_command_checks_walks_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people without a test suite: findings, a table, pictures, and the exit code of a check."""
    monkeypatch.chdir(Path(__file__).parent)
    policies = tmp_path / "policies.py"
    policies.write_text("from itil4.testing import precedence\nPOLICIES = [precedence('approve', 'open')]\n")
    command = ["check", "kit_workflows:Permits", "--walk", "--policies", str(policies), "--pictures", str(tmp_path)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "policies: 1, broken on the graph: 0, left to a walk: 0" in printed
    assert "transitions                 7 of    7" in printed
    assert (tmp_path / "permit.svg").exists()
    policies.write_text("from itil4.testing import never\nPOLICIES = [never('deny')]\n")
    assert main(command[:2] + command[3:5]) == 1
    assert "paste: check_story(Permits, " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"), [("1/0", "ZeroDivisionError"), ("x = 1", "no POLICIES"), ("POLICIES = ['x']", "policies such as")]
)
def test_a_file_of_policies_that_cannot_be_used_says_why(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and one line."""
    policies = tmp_path / "policies.py"
    policies.write_text(text)
    assert main(["check", "incident", "--policies", str(policies)]) == 2
    assert said in capsys.readouterr().err
