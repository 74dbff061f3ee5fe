"""The line that a finding gives to paste fails as long as the fault is there, and passes when it is mended."""

from fault_patching import workflow

from itil4.testing import check_story


def test_a_button_is_no_lie_because_somebody_wrote_after_it_was_shown() -> None:
    """What was offered before a late step was right then: the facts have moved since, which is what is tried."""
    story = "log -> analyse -> propose -> approve as lead -> apply -> b: log -> close as lead late refused for stale"
    with workflow("defects") as module:
        assert check_story(module.PRACTICE, story).state == "fixed"
