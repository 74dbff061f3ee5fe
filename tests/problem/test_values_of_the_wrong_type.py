"""What is no cause and no workaround is refused as invalid input, wherever it is made."""

from typing import Any

import pytest
from problem_kit import ANALYST, investigating, opened

import itil4


@pytest.mark.parametrize("given", [{"evidence": 1.5}, {"evidence": "heap.prof"}, {"technique": 5}, {"confidence": 1}])
def test_a_cause_of_the_wrong_type_is_invalid_input(given: dict[str, Any]) -> None:
    """A host that passes a number where references belong gets the error that it catches, not a TypeError."""
    itsm = opened("state")
    held = investigating(itsm)
    with pytest.raises(itil4.InvalidInput):
        itsm.problems.add_cause(held, "pool", "The pool is too small", by=ANALYST, **given)


@pytest.mark.parametrize("given", [{"permanent": "yes"}, {"permanent": 1}, {"owner": 7}])
def test_a_workaround_of_the_wrong_type_is_invalid_input(given: dict[str, Any]) -> None:
    """So also for workarounds, whose version is a whole number."""
    from itil4.practices.problem_values import Workaround

    itsm = opened("state")
    held = investigating(itsm)
    with pytest.raises(itil4.InvalidInput):
        itsm.problems.add_workaround(held, "restart", "Restart it", effect="restored", by=ANALYST, **given)
    with pytest.raises(itil4.InvalidInput):
        Workaround("restart", 1.0, "Restart it", "tom", "restored")  # type: ignore[arg-type]  # what a host may pass
