"""The line that a finding gives to paste fails as long as the fault is there, and passes when it is mended."""

from types import ModuleType

import pytest
from fault_catalogue import Fault, catalogue
from fault_methods import METHODS, hunted, store_of
from fault_patching import workflow

from itil4 import testing
from itil4.testing import Found, Subject, check_story
from itil4.testing.walking import Walk

HEAVY = "vessels"
"""Its walks take seconds each; the two smaller workflows have faults of every area."""

WARM = "who passed once lets everybody pass"
"""It needs that somebody passed before, in the same process, on another record: no story of one record says that."""

FAULTS = [
    each for each in catalogue() if each.by in ("policies", "walk") and each.workflow != HEAVY and each.name != WARM
]  # fmt: skip


def pasted(line: str, module: ModuleType, store: str | None) -> Found | None:
    """Run a pasted line as a test of the owner would, and return what it raises."""
    words = {name: getattr(testing, name) for name in testing.__all__}
    own = {module.PRACTICE.__name__: module.PRACTICE, "SETTINGS": module.SETTINGS, "STORE": store}
    try:
        eval(line, {**words, **own})
    except Found as found:
        return found
    return None


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_pasted_line_fails_with_the_fault_and_passes_without(fault: Fault) -> None:
    """Every line that a policy on the graph or a walk gives, however the fault is mended: here by taking it away."""
    methods = ("policies", "walk") if fault.by == "walk" else ("policies",)
    found = [each for method in methods for each in hunted(fault, METHODS[method]).findings if each.paste]
    lines = list(dict.fromkeys(str(each.paste) for each in found))
    with fault.plant() as module, store_of(fault) as store:
        assert [line for line in lines if pasted(line, module, store) is None] == []
    with workflow(fault.workflow) as module, store_of(fault) as store:
        assert [raised for line in lines if (raised := pasted(line, module, store)) is not None] == []


def test_most_faults_give_a_line() -> None:
    """Else the test above would say nothing."""
    walked = [hunted(fault, METHODS["walk"]) for fault in FAULTS if fault.by == "walk"]
    told = [hunt for hunt in walked if any(each.paste is not None for each in hunt.findings)]
    assert len(told) >= 0.9 * len(walked)


def test_a_button_is_no_lie_because_somebody_wrote_after_it_was_shown() -> None:
    """What was offered before a late step was right then: the facts have moved since, which is what is tried."""
    story = "log -> analyse -> propose -> approve as lead -> apply -> b: log -> close as lead late refused for stale"
    with workflow("defects") as module:
        assert check_story(module.PRACTICE, story).state == "fixed"


def test_a_line_for_an_end_that_is_left_passes_when_the_step_is_gone() -> None:
    """The fault was the step itself: what no longer exists cannot be taken."""
    with workflow(
        "defects", 'Transition("reject"', 'Transition("revive", "rejected", "reported"),\nTransition("reject"'
    ) as module:
        walked = Walk(Subject(module.PRACTICE, None, module.SETTINGS))
        walked.run()
        (line,) = [str(each.paste) for each in walked.found if each.code == "final"]
        assert pasted(line, module, None) is not None
    with workflow("defects") as module:
        assert pasted(line, module, None) is None


def test_a_line_for_a_policy_passes_when_a_step_of_it_is_gone() -> None:
    """A policy says what must not come to pass, and not how: every way to mend it counts."""
    kept = testing.precedence("approve", "apply")
    with workflow("defects", '"apply", "approved", "fixed"', '"apply", "analysed", "fixed"') as module:
        (found,) = [each for each in testing.findings(module.PRACTICE, policies=kept) if each.code == "policy"]
        line = str(found.paste)
        assert line.count(" if possible") == 1
        assert pasted(line, module, None) is not None
    with workflow("defects") as module:
        assert pasted(line, module, None) is None
        assert pasted(line.replace("-> analyse ", "-> skip "), module, None) is None
