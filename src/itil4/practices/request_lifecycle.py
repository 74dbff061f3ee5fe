"""What a service request is, and how it moves."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from itil4.lifecycle import Context, Lifecycle, State, Transition, guard
from itil4.practices.approval import Approvable
from itil4.practices.request_models import FulfilmentTask
from itil4.practices.request_policy import STAFF, RequestPolicy
from itil4.practices.tasks import open_tasks
from itil4.record import Line, Note

WORKERS = STAFF | {"owner", "assignee", "team_member"}
"""Those who look after requests, and those who have this one."""

OPEN_STATES = ("submitted", "awaiting_approval", "in_fulfilment", "on_hold")

REROUTED = "rerouted"
"""The reason of what was cancelled because it was another kind of record (INV-074)."""


@attrs.frozen(kw_only=True)
class ServiceRequest(Approvable):
    """What a user, or somebody for them, asks for as a normal part of service.

    What its model asks for stands in `extra`, under the names that the model gives.

    Attributes:
        model: the id of its model, an entry of the request catalogue.
        service, target, needs_approval, changes: as the model had them when it was requested.
        requester: whom it is for.
        customer: the party of the agreement that the requester belongs to, where a provider has several.
        owner: who is accountable; never empty.
        group, assignee: who fulfils it; both may be empty.
        tasks: the work, all of it laid down by the model.
        hold_kind: what it waits for: user, vendor, stock, ...
        outcome: what was delivered.
        automated: whether systems alone fulfilled it; None until it is fulfilled.
        started_at, fulfilled_at, closed_at: when fulfilment began, and when it last ended and closed.
        satisfaction: 1 (poor) to 5 (excellent), told by the requester; None while they say nothing.
        feedback: what they say besides.
        close_reason: why it was cancelled.
    """

    summary: Line
    description: Note = ""
    model: Line
    service: Line | None = None
    requester: Line | None = None
    customer: Line | None = None
    owner: Line
    group: Line | None = None
    assignee: Line | None = None
    channel: Line | None = None
    needs_approval: bool = False
    target: timedelta | None = None
    tasks: tuple[FulfilmentTask, ...] = ()
    changes: tuple[Line, ...] = ()
    hold_kind: Line | None = None
    outcome: Note | None = None
    automated: bool | None = None
    started_at: datetime | None = None
    fulfilled_at: datetime | None = None
    closed_at: datetime | None = None
    satisfaction: int | None = None
    feedback: Note | None = None
    close_reason: Line | None = None


SET_BY: Mapping[str, tuple[str, ...]] = {
    "model": ("log",),
    "requester": ("log",),
    "service": (),
    "needs_approval": (),
    "target": (),
    "changes": (),
    "tasks": ("done",),
    "automated": (),
    "started_at": (),
    "fulfilled_at": (),
    "closed_at": (),
    "outcome": ("fulfil",),
    "satisfaction": ("close", "rate"),
    "feedback": ("close", "rate"),
    "close_reason": ("cancel", "reroute"),
}
"""Fields that only these steps may be given; those with none are set by the library alone."""

BROUGHT = ("needs_approval", "target", "changes", "tasks", "service")
"""Fields that the model brings along."""

OF_THE_DESK = ("owner", "group", "assignee")
"""Fields that only those set who look after requests, not who asks."""

COVERED = ("summary", "description", "requester", "customer", "service", "model", "changes")
"""What those who approve decide about, besides the information that the model asks for."""


@guard(text="it has not been approved.", remedy="Ask those who may approve it; awaiting() shows them what waits.")
def is_approved(request: ServiceRequest, context: Context) -> bool:
    """Fulfilment starts only after all approvals that it needs (INV-073)."""
    return not request.needs_approval or request.approval_state == "approved"


@guard(text="it needs no approval.", remedy="Start it.")
def wants_approval(request: ServiceRequest, context: Context) -> bool:
    """Only what needs approval waits for it."""
    return request.needs_approval


@guard(text="somebody works on it.", remedy="Assign it to somebody else.")
def is_free(request: ServiceRequest, context: Context) -> bool:
    """What is in hand is not begun again."""
    return request.assignee is None


@guard(remedy="Do them, or skip them with done(..., skip=True).")
def tasks_are_over(request: ServiceRequest, context: Context) -> bool | str:
    """It is fulfilled when nothing of the model's work is left to do (INV-072)."""
    left = open_tasks(request.tasks)
    return f"these tasks are open: {', '.join(left)}." if left else True


@guard(remedy="Wait until they are implemented, or cancel them.")
def changes_are_over(request: ServiceRequest, context: Context) -> bool | str:
    """The changes that it raised are no longer ahead (INV-075)."""
    left = context.facts.get("open_changes", ())
    return f"these changes are not done: {', '.join(left)}." if left else True


@guard(text="no record stands in its place.", remedy="Use the verb reroute, which makes one.")
def has_gone_on(request: ServiceRequest, context: Context) -> bool:
    """What was another kind of record all along is not lost (INV-074)."""
    return bool(context.facts.get("links.rerouted_to"))


@guard(remedy="Request it anew.")
def may_reopen(request: ServiceRequest, context: Context) -> bool | str:
    """What was fulfilled is taken up again within the time that the policy gives."""
    policy = context.facts.get("policy")
    within = policy.reopen_within if isinstance(policy, RequestPolicy) else None
    if within is None or request.fulfilled_at is None or context.at <= request.fulfilled_at + within:
        return True
    return f"it was fulfilled at {request.fulfilled_at:%Y-%m-%d %H:%M} UTC, more than {within} ago."


def take(request: ServiceRequest, context: Context) -> Mapping[str, Any]:
    """Whoever starts what nobody has, has it; fulfilment begins once."""
    taken = {} if request.assignee or context.actor.is_system else {"assignee": context.actor.id}
    return {**taken, "started_at": request.started_at or context.at}


def begin(request: ServiceRequest, context: Context) -> Mapping[str, Any]:
    """What is approved may be worked on."""
    return {"started_at": request.started_at or context.at}


def clear_hold(request: ServiceRequest, context: Context) -> Mapping[str, Any]:
    """What goes on waits for nothing."""
    return {"hold_kind": None}


def stamp_tasks(request: ServiceRequest, context: Context) -> Mapping[str, Any]:
    """What is told of a task is told by somebody, at some time."""
    before = {each.name: each for each in context.facts["before"].tasks}
    told: dict[str, Any] = {"by": context.actor.id, "at": context.at, "is_automated": context.actor.is_system}
    tasks = tuple(each if before.get(each.name) == each else attrs.evolve(each, **told) for each in request.tasks)
    return {"tasks": tasks}


def stamp_fulfilled(request: ServiceRequest, context: Context) -> Mapping[str, Any]:
    """Fulfilment has its time, and systems alone brought it about or not."""
    alone = context.actor.is_system and all(each.is_automated for each in request.tasks if each.state == "done")
    return {"fulfilled_at": context.at, "automated": alone}


def stamp_closed(request: ServiceRequest, context: Context) -> Mapping[str, Any]:
    """An end has its time."""
    return {"closed_at": context.at, "hold_kind": None}


def take_up_again(request: ServiceRequest, context: Context) -> Mapping[str, Any]:
    """All of the model's work can be done again; history holds how it went, and what was said of it."""
    again = tuple(
        attrs.evolve(each, state="open", note="", at=None, by=None, is_automated=False) for each in request.tasks
    )
    gone: dict[str, Any] = dict.fromkeys(
        ("fulfilled_at", "closed_at", "automated", "outcome", "satisfaction", "feedback")
    )
    return {**gone, "tasks": again}


def _loops(event: str, states: Iterable[str], **rules: Any) -> list[Transition]:
    """A step that changes fields in several states and leaves the state alone."""
    return [Transition(event, state, state, **rules) for state in states]


_RATED = {"satisfaction": "must_prompt", "feedback": "must_prompt"}
_NOT_WAITING = {"hold_kind": "read_only"}

LIFECYCLE = Lifecycle(
    "service request",
    "submitted",
    states=[
        State("submitted", "new", fields=_NOT_WAITING),
        State("awaiting_approval", "waiting", kind="approval", fields=_NOT_WAITING),
        State("in_fulfilment", "active", fields=_NOT_WAITING),
        State("on_hold", "waiting", kind_from="hold_kind", fields={"hold_kind": "must_prompt|read_only"}),
        State("fulfilled", "resolved", fields=_NOT_WAITING),
        State("closed", "closed", fields=_NOT_WAITING),
        State("rejected", "cancelled", final=True, fields=_NOT_WAITING),
        State("cancelled", "cancelled", final=True, fields=_NOT_WAITING),
    ],
    transitions=[
        Transition("await_approval", "submitted", "awaiting_approval", internal=True, guards=[wants_approval]),
        Transition("admit", "awaiting_approval", "in_fulfilment", internal=True, effects=[begin]),
        Transition("refuse", "awaiting_approval", "rejected", internal=True, effects=[stamp_closed]),
        *_loops("assign", OPEN_STATES, roles=WORKERS, fields={"assignee": "must_prompt", "group": "must_prompt"}),
        Transition("start", "submitted", "in_fulfilment", roles=WORKERS, guards=[is_approved], effects=[take]),
        *_loops("start", ["in_fulfilment"], roles=WORKERS, guards=[is_free], effects=[take], label="Take it"),
        *_loops("done", ["in_fulfilment"], roles=WORKERS, requires="tasks", effects=[stamp_tasks], facts="before"),
        Transition("hold", "in_fulfilment", "on_hold", roles=WORKERS, requires="hold_kind"),
        Transition("resume", "on_hold", "in_fulfilment", roles=WORKERS | {"requester"}, effects=[clear_hold]),
        Transition("remind", "on_hold", "on_hold", internal=True, label="Waits: to be looked at again"),
        Transition(
            "fulfil", "in_fulfilment", "fulfilled", roles=WORKERS, fields={"outcome": "must_prompt"},
            guards=[is_approved, tasks_are_over, changes_are_over], effects=[stamp_fulfilled], facts="open_changes",
        ),
        Transition(
            "reopen", ["fulfilled", "closed"], "in_fulfilment", roles=STAFF | {"requester"}, guards=[may_reopen],
            effects=[take_up_again], facts="policy",
        ),
        Transition("close", "fulfilled", "closed", roles=WORKERS | {"requester", "system"}, fields=_RATED,
                   effects=[stamp_closed], label="Confirm"),
        *_loops("rate", ["closed"], roles={"requester"}, requires="satisfaction", fields=_RATED),
        Transition("cancel", OPEN_STATES, "cancelled", roles=STAFF | {"requester"}, requires="close_reason",
                   effects=[stamp_closed]),
        Transition("reroute", OPEN_STATES, "cancelled", roles=STAFF, requires="close_reason", guards=[has_gone_on],
                   effects=[stamp_closed], facts="links.rerouted_to", label="It is something else"),
    ],
)  # fmt: skip
"""The lifecycle of all service requests; extend it with `LIFECYCLE.extend(...)`."""

__all__ = [
    "BROUGHT", "COVERED", "LIFECYCLE", "OF_THE_DESK", "OPEN_STATES", "REROUTED", "SET_BY", "STAFF", "WORKERS",
    "ServiceRequest",
]  # fmt: skip
