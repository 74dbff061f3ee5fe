"""Every practice that comes with the library passes what the kit asks of a host's own."""

from typing import Any

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test
from sample_workflows_of_faults import CLEAN

import itil4
from itil4.practices.base import Practice
from itil4.testing import check_lifecycle, lifecycle_machine, stories, walk
from itil4.testing.arrow_keys import arrows_of

PRACTICES = {slot: cls for slot, cls in itil4.connect().house.practices.items() if cls.lifecycle.transitions}

WALKED = [pytest.param(cls, id=slot) for slot, cls in PRACTICES.items()]


@pytest.mark.parametrize("practice", WALKED)
def test_no_lifecycle_that_comes_with_the_library_has_a_finding(practice: type[Practice[Any]]) -> None:
    """The static check finds nothing."""
    check_lifecycle(practice)


@pytest.mark.parametrize("practice", WALKED)
def test_inv_125_every_practice_passes_the_walk(practice: type[Practice[Any]]) -> None:
    """INV-125: every transition is taken, and every refusal leaves everything as it was."""
    coverage = walk(practice)
    rows = {what: (done, every) for what, done, every in coverage.rows()}
    done, every = rows["transitions"]
    accepted = [
        key for each in practice.lifecycles() for key, _ in arrows_of(each)
        if not coverage.subject.accept.isdisjoint((key.place_in_words, key.way_in_words))
    ]  # fmt: skip
    assert done + len(accepted) >= every
    assert coverage.refusals, "at least one step is refused to somebody"


@pytest.mark.parametrize("practice", WALKED)
def test_every_practice_passes_the_machine(practice: type[Practice[Any]]) -> None:
    """Several records, hostile hands and hours that pass break no promise."""
    machine = lifecycle_machine(practice)
    run_state_machine_as_test(machine, settings=settings(machine.TestCase.settings, max_examples=6, database=None))


@pytest.mark.parametrize("number", range(20))
def test_there_are_no_false_alarms_over_twenty_seeds(number: int) -> None:
    """On sound workflows nothing is found, whatever is drawn."""
    practice, options = CLEAN[number % len(CLEAN)]
    machine = seed(number)(lifecycle_machine(practice, **options))
    run_state_machine_as_test(machine, settings=settings(machine.TestCase.settings, max_examples=12, database=None))


def test_stories_cover_states_transitions_and_pairs_of_them() -> None:
    """Each cover has stories for all that there is, with ids that people can read."""
    states = stories(itil4.IncidentManagement, cover="states")
    steps = stories(itil4.IncidentManagement)
    pairs = stories(itil4.IncidentManagement, cover="transition-pairs")
    assert len(states) < len(steps) < len(pairs)
    assert all(each.events[0] == "log" for each in (*states, *steps, *pairs))
    with pytest.raises(itil4.InvalidInput, match="'transitions'"):
        stories(itil4.IncidentManagement, cover="transition")  # type: ignore[arg-type]  # what a user may mistype
