"""Every planted fault is found, and named as expected, by the method that is expected to, or by a cheaper one."""

from typing import Any

import pytest
from fault_catalogue import METHODS as ORDER
from fault_catalogue import Fault, catalogue
from fault_methods import METHODS, hunted, is_named
from fault_patching import workflow

FAULTS = catalogue()

HEAVY = "vessels"
"""Its walks take seconds each, so that a few of its faults stand for all here; the table in the docs has them all."""

CHOSEN = ("a guard raises", "a guard waits", "who is denied may, with another role besides")


def is_quick(fault: Fault) -> bool:
    return fault.workflow != HEAVY or fault.by in ("static", "policies") or fault.name in CHOSEN


@pytest.mark.parametrize("fault", [each for each in FAULTS if is_quick(each)], ids=lambda fault: fault.name)
def test_a_planted_fault_is_found_and_named(fault: Fault) -> None:
    """The finding says what kind of thing is wrong, and at which step or state."""
    told: list[Any] = []
    for method in ORDER[: ORDER.index(fault.by) + 1]:
        hunt = hunted(fault, METHODS[method])
        told += hunt.findings
        if any(is_named(fault, each) for each in hunt.findings):
            return
    raise AssertionError("\n".join(f"{each.code} at {each.event}: {each.text}" for each in told) or "nothing was found")


@pytest.mark.parametrize("name", ["defects", "requests"])
@pytest.mark.parametrize("method", ORDER)
def test_nothing_is_found_in_a_sound_workflow(name: str, method: str) -> None:
    """A false alarm would teach people not to listen."""
    with workflow(name) as module:
        hunt = METHODS[method](module, None) if method != "machine" else short(module)
    assert hunt.findings == ()


def short(module: Any) -> Any:
    """Run the machine for a moment."""
    from fault_methods import by_machine

    return by_machine(module, None, 25)
