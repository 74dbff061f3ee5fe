"""The pages of change enablement say what the code does."""

from pathlib import Path

from itil4 import ChangeEnablement
from itil4.practices.change_register import ChangeModels
from itil4.practices.change_rules import REQUESTERS
from itil4.practices.change_tables import page
from itil4.testing import findings

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "change-enablement.md"


def test_the_reference_is_made_from_the_lifecycles_and_models() -> None:
    """Steps, roles, models, risk and figures: the page is what the code says today."""
    assert REFERENCE.read_text(encoding="utf-8") == page(), "write it with change_tables.page()"


def test_the_lifecycles_have_no_hole() -> None:
    """Every state is reached and left, every rule names fields that there are, and no step is open to anybody."""
    for practice in (ChangeEnablement, ChangeModels):
        assert [str(each) for each in practice.lifecycle.verify(practice.record)] == []
        assert [each for each in findings(practice) if each.lifecycle != "approval"] == []
        for each in practice.lifecycle.transitions:
            assert (each.roles is None) == each.internal, each.event
    for each in ChangeEnablement.lifecycle.transitions:
        assert set(each.roles or ()) <= REQUESTERS, each.event
