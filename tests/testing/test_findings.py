"""The line that a finding gives to paste is a regression test: it fails as long as the fault is there."""

from typing import Any

import kit_workflows as kit
import pytest

import itil4
from itil4 import testing
from itil4.testing import (
    Finding,
    Found,
    Policy,
    always_within,
    at_most,
    check_lifecycle,
    only_roles,
    precedence,
    separation,
    walk,
)

BROKEN = [
    precedence("pause", "close"),
    at_most("pause", 1),
    separation("log", "approve"),
    only_roles("open", "worker"),
    always_within("log", "approve", "4h"),
]


def pasted(finding: Finding, **names: Any) -> None:
    """Run the line of a finding where a test of a host would have it."""
    assert finding.paste is not None
    known = {name: getattr(testing, name) for name in testing.__all__ if not name.endswith("Contract")}
    eval(finding.paste, {**known, "Permits": kit.Permits, **names})


@pytest.mark.parametrize("policy", BROKEN, ids=str)
def test_a_broken_policy_is_found_by_a_walk_and_its_line_fails_when_it_is_pasted(policy: Policy) -> None:
    """What the graph says is broken, and what it cannot tell, a walk breaks with a story of its own."""
    with pytest.raises(Found) as caught:
        walk(kit.Permits, policies=policy)
    for finding in caught.value.findings:
        assert finding.code == "policy"
        with pytest.raises(Found) as again:
            pasted(finding)
        assert again.value.findings[0].code == "policy"


@pytest.mark.parametrize("policy", [precedence("assign", "resolve"), separation("log", "resolve")], ids=str)
def test_the_line_of_a_policy_that_the_graph_breaks_fails_when_it_is_pasted(policy: Policy) -> None:
    """The story of the graph is played by whom the policy is about."""
    with pytest.raises(Found) as caught:
        check_lifecycle(itil4.IncidentManagement, policies=policy)
    with pytest.raises(Found) as again:
        pasted(caught.value.findings[0], IncidentManagement=itil4.IncidentManagement)
    assert again.value.findings[0].code == "policy"


@pytest.mark.parametrize("rule", [kit.raises, kit.sleeps, kit.looks_at_the_clock, kit.throws_dice, kit.writes])
def test_the_line_of_a_rule_that_cannot_be_trusted_fails_when_it_is_pasted(rule: Any) -> None:
    """Played alone, the story finds again what is wrong with the guard."""
    practice = kit.permits(kit.lifecycle(rule))
    with pytest.raises(Found) as caught:
        walk(practice)
    for each in caught.value.findings:
        with pytest.raises(Found):
            pasted(each, Permits=practice)


def test_a_workflow_in_which_nobody_can_do_anything_has_a_line_that_fails() -> None:
    """Also where there is no step to tell of, the finding shows what was tried."""
    practice = kit.permits(
        itil4.Lifecycle(
            "permit", "asked", [itil4.State("asked", "new"), itil4.State("closed", "closed")],
            [itil4.Transition("close", "asked", "closed", guards=kit.refuses)],
        )
    )  # fmt: skip
    with pytest.raises(Found) as caught:
        walk(practice)
    (finding,) = caught.value.findings
    assert finding.code == "nothing_fireable"
    with pytest.raises(Found, match="never"):
        pasted(finding, Permits=practice)


def test_a_line_names_what_a_story_was_played_with() -> None:
    """Settings and domains cannot be written into a line, so it has the names that a host would give them."""
    with pytest.raises(Found) as caught:
        walk(kit.Permits, policies=precedence("pause", "close"), domains={"note": ["why"]})
    (finding,) = caught.value.findings
    assert finding.given == ("policies=[precedence('pause', 'close')]", "domains=DOMAINS")
    assert finding.to_dict()["given"] == list(finding.given)
    with pytest.raises(Found):
        pasted(finding, DOMAINS={"note": ["why"]})
