"""Requests for access: approved by somebody else in two days, granted in eight hours, and taken back when they end."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import attrs

from itil4 import Lifecycle, Practice, Record, State, Transition, guard
from itil4.lifecycle import Context, In, Timer
from itil4.practices.service_policy import ServiceLevelPolicy, TargetRule
from itil4.record import Line, Note
from itil4.service_level import Target


@attrs.frozen(kw_only=True)
class AccessRequest(Record):
    """Somebody wants to use something."""

    summary: Line
    requester: Line
    purpose: Note | None = None
    account: Line | None = None
    question: Note | None = None
    answer: Note | None = None
    note: Note | None = None
    approved_by: Line | None = None
    granted_at: datetime | None = None
    ends_at: datetime | None = None


@guard(text="nobody approves a request of their own.", remedy="Ask somebody else.")
def is_not_own(request: AccessRequest, context: Context) -> bool:
    """Duties are separate."""
    return request.requester != context.actor.id


def note_approver(request: AccessRequest, context: Context) -> Mapping[str, Any]:
    """Who approved it is known."""
    return {"approved_by": context.actor.id}


def stamp_granted(request: AccessRequest, context: Context) -> Mapping[str, Any]:
    """Access begins now and lasts, unless it is told otherwise, for ninety days."""
    return {"granted_at": context.at, "ends_at": request.ends_at or context.at + timedelta(days=90)}


def forget_answer(request: AccessRequest, context: Context) -> Mapping[str, Any]:
    """A new question has no answer yet."""
    return {"answer": None}


LIFECYCLE = Lifecycle(
    "access request",
    "draft",
    states=[
        State("draft", "new"),
        State("awaiting_approval", "waiting", kind="approval", timers=[Timer("expire", after=timedelta(days=2))]),
        State("approved", "active", fields={"approved_by": "read_only"}),
        State("waiting_for_user", "waiting", kind="user", fields={"question": "mandatory|must_prompt|read_only"}),
        State("granted", "resolved", timers=[Timer("revoke", at="ends_at")], fields={"account": "read_only"}),
        State("revoked", "closed", final=True),
        State("denied", "cancelled", final=True),
        State("expired", "cancelled", final=True),
        State("withdrawn", "cancelled", final=True),
    ],
    transitions=[
        Transition("submit", "draft", "awaiting_approval", roles={"requester"}, requires="purpose"),
        Transition(
            "approve", "awaiting_approval", "approved", roles={"approver"}, guards=[is_not_own],
            effects=[note_approver],
        ),
        Transition("deny", "awaiting_approval", "denied", roles={"approver"}, requires="note"),
        Transition("expire", "awaiting_approval", "expired", internal=True),
        Transition("ask", "approved", "waiting_for_user", roles={"service_desk"}, effects=[forget_answer]),
        Transition(
            "answer_question", "waiting_for_user", "approved", roles={"requester"}, fields={"answer": "must_change"}
        ),
        Transition(
            "grant", "approved", "granted", roles={"service_desk"}, requires="account", effects=[stamp_granted]
        ),
        Transition("revoke", "granted", "revoked", roles={"service_desk", "incident_manager"}),
        Transition("withdraw", [In("new"), In("waiting")], "withdrawn", roles={"requester"}),
    ],
)  # fmt: skip


class AccessRequests(Practice[AccessRequest]):
    """The practice of granting access."""

    name = "access_requests"
    slot = "access_requests"
    kind = "access_request"
    prefix = "ACC"
    record = AccessRequest
    lifecycle = LIFECYCLE
    indexed: ClassVar[tuple[str, ...]] = ("requester", "account")


PRACTICE = AccessRequests

SERVICE_LEVEL = ServiceLevelPolicy(
    targets=[TargetRule(kind=("access_request",), target=Target(duration=timedelta(hours=8), warnings=(0.5,)))]
)

SETTINGS: Mapping[str, Any] = {"policies": {"service_level": SERVICE_LEVEL}}
"""What `connect` is given besides the practice."""

INTENTS = (
    ("precedence", "approve", "grant"),
    ("precedence", "grant", "revoke"),
    ("separation", "submit", "approve"),
    ("only_roles", "grant", ("service_desk",)),
    ("only_roles", "approve", ("approver",)),
)
"""What its owner would say of it, a line each: the word of a policy, and what it is about."""
