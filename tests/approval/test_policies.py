"""Approval policies as data: what they may say, what they may not, and the same there and back."""

import json
import pickle
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from approval_kit import LIFECYCLE, Proposal, Proposals
from approval_oracle import trees
from hypothesis import given

from itil4 import Lifecycle, Transition
from itil4.errors import DefinitionError
from itil4.practices.approval import (
    ApprovalPolicy,
    Approving,
    Ballot,
    InParallel,
    InSequence,
    Needs,
    field,
    group,
    manager_of,
    owners_of,
    person,
    role,
    rule,
)

BALLOT: dict[str, Any] = {"name": "board", "authority": [{"group": "cab"}]}


def policy(**more: Any) -> dict[str, Any]:
    """Return a policy as plain data."""
    return {"name": "p", "step": BALLOT, **more}


def test_a_policy_is_the_same_there_and_back() -> None:
    """Every part of it, through JSON, and through pickling."""
    everything = ApprovalPolicy(
        "all of it",
        InSequence(
            [
                Ballot("line", [manager_of("requester"), person("ida", weight=3)], needs={"weight": 2}),
                InParallel(
                    [
                        Ballot("services", owners_of("affects"), needs="all", abstentions="count"),
                        Ballot("board", [group("cab", seats=3), role("boss", seats=2)], needs={"percentage": 62.5},
                               quorum=3),
                        Ballot("others", [field("owner"), rule("duty officer")], needs={"count": 1}),
                    ],
                    needs={"count": 2},
                ),
            ]
        ),
        expires_after=timedelta(days=5, hours=1), remind_every=timedelta(hours=8), time="service",
        initiators="not_alone",
    )  # fmt: skip
    assert ApprovalPolicy.from_dict(json.loads(json.dumps(everything.to_dict()))) == everything
    assert pickle.loads(pickle.dumps(everything)) == everything
    assert [each.name for each in everything.ballots] == ["line", "services", "board", "others"]


@given(trees())
def test_every_drawn_policy_is_the_same_there_and_back(step: dict[str, Any]) -> None:
    """The plain form is a normal form once it was read."""
    made = ApprovalPolicy.from_dict({"name": "drawn", "step": step})
    assert ApprovalPolicy.from_dict(made.to_dict()) == made
    assert ApprovalPolicy.from_dict(made.to_dict()).to_dict() == made.to_dict()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ([], "a mapping"),
        ({"name": "p"}, "step"),
        ({"step": BALLOT}, "name"),
        (policy(nam="x"), "name"),
        (policy(name=" "), "blank|empty"),
        (policy(name=7), "text"),
        (policy(expires_after="5 days"), "duration"),
        (policy(expires_after="PT0S"), "positive"),
        (policy(remind_every=timedelta(days=-1)), "positive"),
        (policy(time="working"), "service"),
        (policy(initiators="include"), "excluded"),
        (policy(step={"name": "b", "authority": []}), "asks nobody"),
        (policy(step={"name": "b"}), "authority"),
        (policy(step={"authority": [{"role": "x"}]}), "name"),
        (policy(step={**BALLOT, "authority": "cab"}), "authority|several"),
        (policy(step={**BALLOT, "authority": [{"rol": "cab"}]}), "role"),
        (policy(step={**BALLOT, "authority": [{"role": "a", "group": "b"}]}), "exactly one"),
        (policy(step={**BALLOT, "authority": [{"role": ""}]}), "role"),
        (policy(step={**BALLOT, "authority": [{"role": 3}]}), "text"),
        (policy(step={**BALLOT, "authority": [{"role": "a", "weight": 0}]}), "weight"),
        (policy(step={**BALLOT, "authority": [{"role": "a", "weight": True}]}), "weight"),
        (policy(step={**BALLOT, "authority": [{"role": "a", "seats": 1.5}]}), "seats"),
        (policy(step={**BALLOT, "needs": "most"}), "one, all"),
        (policy(step={**BALLOT, "needs": "count"}), "amount"),
        (policy(step={**BALLOT, "needs": {"count": 0}}), "whole number"),
        (policy(step={**BALLOT, "needs": {"count": 2.0}}), "whole number"),
        (policy(step={**BALLOT, "needs": {"all": 2}}), "amount"),
        (policy(step={**BALLOT, "needs": {"percentage": 0}}), "above 0"),
        (policy(step={**BALLOT, "needs": {"percentage": 100.5}}), "up to 100"),
        (policy(step={**BALLOT, "needs": {"percentage": float("nan")}}), "up to 100"),
        (policy(step={**BALLOT, "needs": {"percentage": "60"}}), "up to 100"),
        (policy(step={**BALLOT, "needs": {"percentage": True}}), "up to 100"),
        (policy(step={**BALLOT, "needs": {"count": 1, "weight": 2}}), "needs"),
        (policy(step={**BALLOT, "quorum": 0}), "quorum"),
        (policy(step={**BALLOT, "abstentions": "ignore"}), "set_aside"),
        (policy(step={"in_sequence": []}), "no steps"),
        (policy(step={"in_sequence": BALLOT}), "several steps"),
        (policy(step={"in_sequence": [BALLOT], "needs": "one"}), "needs"),
        (policy(step={"in_parallel": [BALLOT], "needs": {"count": 2}}), "cannot be had"),
        (policy(step={"in_parallel": [BALLOT], "needs": {"percentage": 50}}), "cannot be had"),
        (policy(step={"in_parallel": [BALLOT, BALLOT]}), "board"),
    ],
)
def test_what_a_policy_may_not_say_is_refused_when_it_is_made(form: Any, said: str) -> None:
    """Unknown words with the nearest known one, impossible amounts, empty steps, two ballots of one name."""
    with pytest.raises(DefinitionError, match=said):
        ApprovalPolicy.from_dict(form)


def test_steps_that_nest_without_end_are_refused_and_not_a_recursion_error() -> None:
    """A thousand levels, as data and as values."""
    form: dict[str, Any] = BALLOT
    for _ in range(1_000):
        form = {"in_sequence": [form]}
    with pytest.raises(DefinitionError, match="nest deeper"):
        ApprovalPolicy.from_dict(policy(step=form))
    value: Any = Ballot("board", group("cab"))
    for _ in range(8):
        value = InSequence([value])
    with pytest.raises(DefinitionError, match="nest deeper"):
        InParallel([value])
    many = InParallel([Ballot(f"b{place}", group("cab")) for place in range(101)])
    with pytest.raises(DefinitionError, match="101 ballots"):
        ApprovalPolicy("p", many)


def test_percentages_are_what_is_written() -> None:
    """33.3 is 333 thousandths, and not the nearest binary fraction."""
    assert Needs("percentage", 33.3).share.denominator == 1000


# what a practice says of its approvals


def made(**attributes: Any) -> type[Proposals]:
    """Return a practice with these attributes."""
    return type("Made", (Proposals,), attributes)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"approval_outcomes": {"aproved": "authorize"}}, "approved"),
        ({"approval_outcomes": {"approved": "authorise"}}, "authorize"),
        ({"approval_outcomes": {"approved": "finish"}}, "people can take the step 'finish' without approval"),
        ({"approval_states": ("wating",)}, "waiting"),
        ({"approval_voids": ("drafted",)}, "draft"),
        ({"approval_steps": ("submitt",)}, "submit"),
        ({"approval_covers": ("texts",)}, "text"),
    ],
)
def test_what_a_practice_says_of_its_approvals_is_checked_when_the_class_is_made(
    attributes: dict[str, Any], said: str
) -> None:
    """A name that is not there, or an outcome that people could take without asking anybody."""
    with pytest.raises(DefinitionError, match=said):
        made(**attributes)


def test_an_extension_that_opens_the_outcome_to_people_is_refused() -> None:
    """A further arrow of the same step, for people, is a way round the approval."""
    opened = LIFECYCLE.extend(add=[Transition("authorize", "draft", "planned", roles="boss")])
    with pytest.raises(DefinitionError, match="without approval"):
        made(lifecycle=opened)


def test_a_practice_of_one_s_own_gets_the_aspect_and_the_indexes_without_naming_them() -> None:
    """What `Approving` needs it adds: the lifecycle of the approval, and what is found by."""

    class Plain(Approving[Proposal]):
        name, slot, kind, prefix = "plain", "plain", "plain", "PLN"
        record = Proposal
        lifecycle = LIFECYCLE
        aspects: ClassVar[tuple[Lifecycle, ...]] = ()
        indexed = ("summary",)
        default_approval_policy = ApprovalPolicy.of("board", group("cab"))

    assert [each.name for each in Plain.aspects] == ["approval"]
    assert set(Plain.indexed) == {"summary", "approval_state", "approval_expires_at"}
    assert Plain.aspects[0].verify(Plain.record) == ()
