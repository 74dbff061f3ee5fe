"""Purchases: what somebody wants to buy, half of the board approves, and nobody approves their own."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

import attrs

from itil4 import Actor, Lifecycle, State, Transition
from itil4.practices.approval import Approvable, ApprovalPolicy, Approving, role
from itil4.record import Line


@attrs.frozen(kw_only=True)
class Purchase(Approvable):
    """Something that is not bought before it was approved."""

    summary: Line
    amount: int = 100
    requester: Line | None = None


BOARD = ApprovalPolicy.of(
    "board", role("board", seats=3), needs={"percentage": 50}, expires_after=timedelta(days=5),
    remind_every=timedelta(days=2),
)  # fmt: skip


class Purchases(Approving[Purchase]):
    """The practice of buying what is needed."""

    name, slot, kind, prefix = "purchasing", "purchases", "purchase", "PUR"
    record = Purchase
    lifecycle = Lifecycle(
        "purchase",
        "draft",
        [
            State("draft", "new"),
            State("submitted", "waiting", kind="approval"),
            State("ordered", "active"),
            State("paid", "closed", final=True),
            State("dropped", "cancelled", final=True),
        ],
        [
            Transition("submit", "draft", "submitted", roles={"requester"}),
            Transition("order", "submitted", "ordered", internal=True),
            Transition("refuse", "submitted", "draft", internal=True),
            Transition("revise", ["submitted", "ordered"], "draft", roles={"requester"}),
            Transition("pay", "ordered", "paid", roles={"buyer"}),
            Transition("drop", ["draft", "submitted"], "dropped", roles={"requester"}),
        ],
    )
    approval_outcomes: ClassVar[Mapping[str, str]] = {"approved": "order", "rejected": "refuse"}
    approval_states: ClassVar[tuple[str, ...]] = ("submitted",)
    approval_steps: ClassVar[tuple[str, ...]] = ("submit",)
    approval_covers: ClassVar[tuple[str, ...]] = ("amount",)
    default_approval_policy: ClassVar[ApprovalPolicy] = BOARD

    votes: ClassVar[list[dict[str, Any]]] = [
        {"by": Actor("user", {"board"})},  # their own request, where they are on the board
        {"by": Actor("cem", {"board"})},
        {"by": Actor("dia", {"board"})},
        {"by": Actor("eli", {"board"})},
    ]
    examples: ClassVar[Mapping[str, Any]] = {
        "log": [{"summary": "A relay", "requester": "user"}],
        "approve": votes,
        "reject": votes,
        "abstain": [
            *votes,
            "abstain as cem[board] -> abstain as dia[board]",
            "approve as cem[board] -> abstain as dia[board]",
        ],
        "delegate": [{"by": Actor("cem", {"board"}), "to": "eve"}],
        "amount": [200, 300],
    }


PRACTICE = Purchases

SETTINGS: Mapping[str, Any] = {}
"""What `connect` is given besides the practice."""

ACCEPT = ("request_approval@not_requested", "request_approval@rejected")
"""`submit` asks, and only then is it the time for it."""

INTENTS = (("precedence", "approve", "order"), ("separation", "submit", "approve"), ("only_roles", "pay", ("buyer",)))
"""What its owner would say of it, a line each: the word of a policy, and what it is about."""
