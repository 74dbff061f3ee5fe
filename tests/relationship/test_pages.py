"""The page of relationship management says what the code does, and every lifecycle is guarded."""

from pathlib import Path

import pytest

import itil4
from itil4.practices.relationship.relating import STAFF, Relating
from itil4.practices.relationship.tables import page

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "relationships.md"
PRACTICES = [cls for cls in itil4.connect().house.practices.values() if issubclass(cls, Relating)]


def test_the_reference_is_made_from_the_lifecycles() -> None:
    """Steps, roles, figures and the default policy: the page is what the code says today."""
    assert REFERENCE.read_text(encoding="utf-8") == page(), "write it with relationship.tables.page()"


@pytest.mark.parametrize("practice", PRACTICES)
def test_no_step_is_open_to_anybody(practice: type[Relating]) -> None:  # type: ignore[type-arg]  # of any record
    """Every step names its roles, and they are those of the practice."""
    known = STAFF | {"owner", "assignee", "team_member", "requester", "respondent", "author"}
    for each in practice.lifecycle.transitions:
        assert (each.roles is None) == each.internal, each.event
        assert set(each.roles or ()) <= known, each.event
