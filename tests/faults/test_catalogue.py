"""The catalogue itself: every fault can be planted, is one line, and is gone afterwards."""

from collections import Counter
from datetime import UTC, datetime

import fault_patching
import pytest
from fault_catalogue import AREAS, KINDS, METHODS, Fault, catalogue

import itil4
from itil4.clock import FrozenClock
from itil4.lifecycle import findings

FAULTS = catalogue()

CODES = [row.split("|")[1].strip() for row in (findings.__doc__ or "").splitlines() if row.startswith("| ")]
STATIC = {code.strip() for row in CODES for code in row.split(",")}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_planted_and_taken_out_again(fault: Fault) -> None:
    """Its line is there once, the workflow with it can still be connected, and afterwards the code is as before."""
    assert fault.old.count("\n") <= 1 and fault.new.count("\n") <= 1, "a patch is one line"
    assert fault.old != fault.new
    with fault.plant() as module:
        clock = FrozenClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
        desk = itil4.connect(practices=[module.PRACTICE], clock=clock, **module.SETTINGS)
        assert desk[module.PRACTICE].lifecycle is module.PRACTICE.lifecycle
        if fault.where:
            with pytest.raises(ValueError, match="needs it once"), fault_patching.planted(fault.where, "no line", ""):
                raise AssertionError("it was planted")
    with fault.plant():
        pass  # the line is there again


@pytest.mark.parametrize("name", ["vessels", "defects", "requests"])
def test_the_clean_workflows_have_no_static_finding(name: str) -> None:
    """What is found in a sound workflow would be a false alarm."""
    with fault_patching.workflow(name) as module:
        practice = module.PRACTICE
        assert [each for lifecycle in practice.lifecycles() for each in lifecycle.verify(practice.record)] == []


def test_the_catalogue_is_spread_over_all_areas_and_its_words_are_known() -> None:
    """Names are unique; every area has faults, and every finding and method is one that there is."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert sum(fault.half == "first_half" for fault in FAULTS) >= 22
    assert set(Counter(fault.area for fault in FAULTS if fault.half == "first_half")) == set(AREAS)
    for fault in FAULTS:
        assert fault.finding in KINDS or fault.finding in STATIC, fault.name
        assert fault.by in METHODS, fault.name
        assert fault.event or fault.state or fault.finding in KINDS, fault.name
