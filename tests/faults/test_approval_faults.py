"""Faults of approvals and of conflicts: each is planted, and found by the walk, or by the laws of the schedule."""

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import attrs
import pytest
from fault_methods import policies
from fault_patching import planted, workflow

from itil4.testing.subject import Subject
from itil4.testing.walking import Walk

APPROVAL, SCHEDULE = "itil4.practices.approval", "itil4.practices.change_schedule.conflict"


@attrs.frozen
class Planted:
    """One line of the library replaced, and what is said of it."""

    name: str
    where: str
    old: str
    new: str
    finding: str = ""
    event: str | None = None


APPROVALS = (
    Planted(
        "people decide on their own request", f"{APPROVAL}.approving:Approving.initiators",
        "return frozenset(filter(None, named))", "return frozenset()", "policy", "approve",
    ),
    Planted(
        "a system takes what only a vote brings", f"{APPROVAL}.approving:Approving._is_outcome",
        "return False", "return True", "not_refused", "order",
    ),
    Planted(
        "a refusal decides nothing", f"{APPROVAL}.counting:tally", 'status = "rejected"', "pass", "never_taken",
        "reject",
    ),
    Planted(
        "an approval goes on after its record was dropped", f"{APPROVAL}.approving:Approving._following",
        'return None if self.may_hear(after) else "void_approval"', "return None", "follow_up", None,
    ),
    Planted(
        "what is asked about changes meanwhile", f"{APPROVAL}.approving:Approving._approval_faults",
        "if self.shape.read(before, name) != self.shape.read(after, name):", "if False:", "not_refused", "update",
    ),
    Planted(
        "nobody is asked by what asks", f"{APPROVAL}.approving:Approving._step",
        "if event in self.approval_steps and new.approval_state != REQUESTED:", "if event in ():", "never_taken", None,
    ),
    Planted(
        "votes are counted and forgotten", f"{APPROVAL}.authority:Hearing.cast",
        '"approval_votes": (*record.approval_votes, *votes)', '"approval_votes": (*votes,)', "never_taken", "approve",
    ),
)  # fmt: skip

CONFLICTS = (
    Planted("windows that touch overlap", f"{SCHEDULE}:_pairs", "ends[0][0] <= work.start", "ends[0][0] < work.start"),
    Planted(
        "a blackout that begins when the work ends is in its way", f"{SCHEDULE}:_in_blackout", "start < work.end",
        "start <= work.end",
    ),
    Planted(
        "general windows do not count for items with their own", f"{SCHEDULE}:windows_for", "[*own, *general] if own",
        "own if own",
    ),
    Planted(
        "a conflict is told to one side", f"{SCHEDULE}:_both", "other.id, work.id, other_item",
        "work.id, other.id, item",
    ),
    Planted("parts are not looked at", f"{SCHEDULE}:_met", "kin.parts[item] & ~own", "0"),
    Planted("redundancy spares nobody", f"{SCHEDULE}:_rests", "spared = item not in graph.impact(*failing)", "pass"),
)  # fmt: skip

ROOM = Path(__file__).parent.parent / "change_schedule"


def walked(module: Any) -> list[Any]:
    walk = Walk(Subject(module.PRACTICE, None, module.SETTINGS, None, module.ACCEPT), policies(module))
    walk.run()
    return walk.found


def test_nothing_is_found_in_a_sound_workflow_with_an_approval() -> None:
    """A false alarm would teach people not to listen."""
    with workflow("purchases") as module:
        assert [str(each) for each in walked(module)] == []


@pytest.mark.parametrize("fault", APPROVALS, ids=lambda fault: fault.name)
def test_a_fault_of_approvals_is_found_by_the_walk(fault: Planted) -> None:
    """The finding says what kind of thing is wrong, and at which step."""
    with planted(fault.where, fault.old, fault.new), workflow("purchases") as module:
        found = walked(module)
    named = [(each.code, each.event) for each in found]
    assert any(code == fault.finding and fault.event in (None, event) for code, event in named), named


@pytest.fixture(scope="module")
def laws() -> list[Callable[[], None]]:
    """The laws of conflicts, as their own tests have them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOM))
        spec = spec_from_file_location("laws_of_conflicts", ROOM / "test_conflicts.py")
        assert spec is not None and spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    return [
        module.test_all_conflicts_are_found_and_nothing_else,
        module.test_inv_064_a_conflict_of_two_is_seen_from_both_sides,
        module.test_a_dependency_that_redundancy_spares_is_told_as_such,
    ]


@pytest.mark.parametrize("fault", CONFLICTS, ids=lambda fault: fault.name)
def test_a_fault_of_conflicts_is_found_by_the_laws(fault: Planted, laws: list[Callable[[], None]]) -> None:
    """Looking at every pair, item and period finds something else; without the fault it finds the same."""
    with planted(fault.where, fault.old, fault.new):
        assert any(broken(law) for law in laws)


def broken(law: Callable[[], None]) -> bool:
    try:
        law()
    except (AssertionError, BaseExceptionGroup):
        return True
    return False
