"""The pages of problem management say what the code does."""

from pathlib import Path

from itil4.practices.error_control import ROLES
from itil4.practices.known_errors import KnownErrors
from itil4.practices.problem_management import LIFECYCLE, ProblemManagement
from itil4.practices.problem_tables import page

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "problem-management.md"


def test_the_reference_is_made_from_the_lifecycles() -> None:
    """Role by step, stage by phase and the figures: the page is what the lifecycles say today."""
    assert REFERENCE.read_text(encoding="utf-8") == page(), "write it with problem_tables.page()"


def test_every_step_is_for_some_of_the_four_roles_and_for_nobody_else() -> None:
    """The notes' four roles are enforced: no step is open to anybody, and each role has some. Time takes the others."""
    for practice in (ProblemManagement, KnownErrors):
        for each in practice.lifecycle.transitions:
            assert (each.roles is None) == each.internal, each.event
            assert set(each.roles or ()) <= set(ROLES), each.event
    for role in ROLES:
        assert any(role in (each.roles or ()) for each in LIFECYCLE.transitions)


def test_the_lifecycles_have_no_hole() -> None:
    """Every state is reached and left, every rule names fields that there are."""
    for practice in (ProblemManagement, KnownErrors):
        found = practice.lifecycle.verify(practice.record, ROLES)
        assert [str(each) for each in found] == []
