"""The lifecycles of the register have no hole, and the register is in the house like every other practice."""

import pytest

import itil4
from itil4.practices.configuration.assessments import ImpactAssessments
from itil4.practices.configuration.baselines import ConfigurationBaselines
from itil4.practices.configuration.item import LIFECYCLE, OVER
from itil4.practices.configuration.items import ConfigurationItems
from itil4.testing import check_lifecycle


@pytest.mark.parametrize("practice", [ConfigurationItems, ConfigurationBaselines, ImpactAssessments])
def test_the_lifecycles_have_no_hole(practice: type) -> None:
    """Every state is reached and left, every rule names fields that there are."""
    check_lifecycle(practice)
    assert practice.lifecycle.verify(practice.record) == ()  # type: ignore[attr-defined]  # each is a practice


def test_states_count_as_work_only_where_somebody_has_some() -> None:
    """A register is no backlog: what is live, retired or withdrawn is not open."""
    assert {state.name for state in LIFECYCLE.states if state.is_open} == {"planned", "under_maintenance"}
    assert {state.name for state in LIFECYCLE.states if state.category in OVER} == {"retired", "withdrawn"}


def test_the_practice_has_its_place_in_the_catalogue() -> None:
    """Its name is that of the practice among the 34."""
    itsm = itil4.connect()
    assert ConfigurationItems.name in {practice.id for practice in itsm.practices}
    assert itsm.configuration_items is itsm[ConfigurationItems]
    assert itsm.configuration_baselines is itsm[ConfigurationBaselines]
    assert itsm.impact_assessments is itsm[ImpactAssessments]
