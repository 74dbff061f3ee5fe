"""What an incident is, and how it moves."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from itil4.lifecycle import FollowUp, Lifecycle, State, Transition
from itil4.practices.incident_rules import (
    REOPENERS,
    STAFF,
    WORKERS,
    clear_end,
    clear_hold,
    clear_people,
    default_code,
    is_not_over,
    join_queue,
    major_is_done,
    mark_restored,
    may_reopen,
    stamp_cancelled,
    stamp_closed,
    take,
    was_merged,
)
from itil4.record import Change, Entry, Frozen, Line, Note, Record
from itil4.record.base import freeze
from itil4.vocabulary import Level


@attrs.frozen(kw_only=True)
class Incident(Record):
    """An unplanned interruption of a service, or a drop in its quality: the effect, not its cause.

    Attributes:
        requester: who is affected and asked for help.
        customer: the party of the agreement that the requester belongs to, where a provider has several.
        owner: who is accountable; never empty, by default the team that logged it.
        group, assignee: who works on it; both may be empty.
        impact, urgency: None while nobody has judged them.
        priority: computed from both, 1 the highest; None while one is unknown.
        rank: its place in the queue of its group, when somebody put it in order by hand; 1 comes first.
        model, steps, targets: the incident model that was applied, what it says to do, and how long things
            may take (service time).
        hold_kind: what it waits for: user, vendor, problem, change, evidence, ...
        occurred_at, detected_at, restored_at: when told; unknown stays unknown.
        resolved_at, closed_at: when it entered those states last.
        resolution, resolution_code: what was done, as a fix or a workaround.
        close_reason: why it was closed or cancelled, apart from the state.
        major: none, proposed, accepted, rejected or ended; moves by its own steps.
    """

    summary: Line
    description: Note = ""
    requester: Line | None = None
    owner: Line
    group: Line | None = None
    assignee: Line | None = None
    impact: Level | None = None
    urgency: Level | None = None
    priority: int | None = None
    rank: int | None = None
    category: Line | None = None
    subcategory: Line | None = None
    symptom: Line | None = None
    customer: Line | None = None
    service: Line | None = None
    item: Line | None = None
    location: Line | None = None
    channel: Line | None = None
    model: Line | None = None
    steps: tuple[Line, ...] = ()
    targets: Mapping[str, timedelta] = attrs.field(factory=Frozen, converter=freeze, hash=False)
    hold_kind: Line | None = None
    resolution: Note | None = None
    resolution_code: Line | None = None
    close_reason: Line | None = None
    confidential: bool = False
    participants: tuple[Line, ...] = ()
    informed: tuple[Line, ...] = ()
    occurred_at: datetime | None = None
    detected_at: datetime | None = None
    restored_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    major: str = "none"
    coordinator: Line | None = None
    communication_plan: Note | None = None
    business_impact: Note | None = None
    review: Note | None = None


OPEN_STATES = ("new", "assigned", "in_progress", "on_hold")

OF_THE_DESK = frozenset((
    *("owner", "group", "assignee", "rank", "model", "steps", "targets", "hold_kind", "resolution", "resolution_code"),
    *("participants", "informed", "restored_at", "coordinator", "communication_plan", "business_impact", "review"),
))  # fmt: skip
"""Fields that only those set who work on the incident, not who asked for help."""

_BY_STEPS = {"resolved_at": "read_only", "closed_at": "read_only"}
_NOT_WAITING = {**_BY_STEPS, "hold_kind": "read_only"}

_CHILDREN = "links.parent_of"


def _loops(event: str, states: Iterable[str], **rules: Any) -> list[Transition]:
    """A step that changes fields in several states and leaves the state alone."""
    return [Transition(event, state, state, **rules) for state in states]


LIFECYCLE = Lifecycle(
    "incident",
    "new",
    states=[
        State("new", "new", fields=_NOT_WAITING),
        State("assigned", "active", fields=_NOT_WAITING),
        State("in_progress", "active", fields=_NOT_WAITING),
        State("on_hold", "waiting", kind_from="hold_kind", fields={**_BY_STEPS, "hold_kind": "must_prompt|read_only"}),
        State("resolved", "resolved", fields=_NOT_WAITING),
        State("closed", "closed", fields=_NOT_WAITING),
        State("cancelled", "cancelled", fields=_NOT_WAITING),
    ],
    transitions=[
        Transition(
            "assign", ["new", "assigned"], "assigned", roles=WORKERS, requires="assignee",
            fields={"group": "must_prompt"}, effects=[join_queue],
        ),
        Transition(
            "assign", ["new", "assigned"], "assigned", roles=WORKERS, requires="group",
            fields={"assignee": "must_prompt"}, effects=[join_queue],
        ),
        Transition("start", ["new", "assigned"], "in_progress", roles=WORKERS, effects=[take]),
        Transition(
            "hand_over", ["assigned", "in_progress", "on_hold"], "assigned", roles=WORKERS, requires="group",
            fields={"group": "must_change", "assignee": "must_prompt"}, effects=[join_queue, clear_hold],
        ),
        Transition("requeue", ["assigned", "in_progress", "on_hold"], "new", roles=WORKERS, effects=[clear_people]),
        Transition(
            "hold", OPEN_STATES, "on_hold", roles=WORKERS, requires="hold_kind",
            follow_ups=[FollowUp("hold", _CHILDREN, payload={"hold_kind": "hold_kind"}, states=OPEN_STATES)],
        ),
        Transition(
            "resume", "on_hold", "in_progress", roles=WORKERS | {"requester"}, effects=[take],
            follow_ups=[FollowUp("resume", _CHILDREN, states="on_hold")],
        ),
        Transition("remind", "on_hold", "on_hold", internal=True, label="Waits: to be looked at again"),
        *_loops("restore", (*OPEN_STATES, "resolved"), roles=WORKERS, effects=[mark_restored], label="Service is back"),
        *_loops("escalate", OPEN_STATES, roles=WORKERS, requires="informed", fields={"informed": "must_change"}),
        *_loops(
            "swarm", OPEN_STATES, roles=WORKERS, requires="participants", fields={"participants": "must_change"}
        ),
        Transition(
            "resolve", OPEN_STATES, "resolved", roles=WORKERS, requires="resolution", effects=[default_code],
            follow_ups=[
                FollowUp(
                    "resolve", _CHILDREN, states=OPEN_STATES,
                    payload={"resolution": "resolution", "resolution_code": "resolution_code"},
                )
            ],
        ),
        Transition(
            "reopen", ["resolved", "closed"], "in_progress", roles=REOPENERS | {"reopener"}, guards=[may_reopen],
            effects=[clear_end], facts="policy", follow_ups=[FollowUp("reopen", _CHILDREN, states="resolved")],
        ),
        Transition(
            "close", "resolved", "closed", roles=WORKERS | {"requester", "system"}, guards=[major_is_done],
            effects=[stamp_closed], facts="policy",
        ),
        Transition(
            "cancel", OPEN_STATES, "cancelled", roles=STAFF | {"requester"}, requires="close_reason",
            guards=[major_is_done], effects=[stamp_cancelled], facts="policy",
        ),
        Transition(
            "unmerge", "cancelled", "new", roles=STAFF, guards=[was_merged], effects=[clear_end],
        ),
    ],
)  # fmt: skip
"""The default lifecycle of an incident; extend it with `LIFECYCLE.extend(...)`."""

_MAJOR = frozenset({"incident_manager", "major_incident_manager"})

MAJOR_INCIDENT = Lifecycle(
    "major incident",
    "none",
    field="major",
    states=[
        State("none", "new"),
        State("proposed", "active"),
        State("accepted", "active"),
        State("rejected", "cancelled"),
        State("ended", "closed"),
    ],
    transitions=[
        Transition("propose_major", ["none", "rejected", "ended"], "proposed", roles=WORKERS, guards=[is_not_over]),
        Transition(
            "accept_major",
            ["none", "proposed"],
            "accepted",
            roles=_MAJOR,
            requires=["coordinator", "communication_plan"],
            guards=[is_not_over],
        ),
        Transition("reject_major", "proposed", "rejected", roles=_MAJOR),
        Transition("demote_major", "accepted", "rejected", roles=_MAJOR),
        Transition("end_major", "accepted", "ended", roles=_MAJOR | {"coordinator"}),
        Transition("review_major", "ended", "ended", roles=_MAJOR | {"coordinator"}, requires="review"),
    ],
)
"""The major incident, beside the incident's own state: the record keeps its id and history (INV-032)."""


def reassignments(history: Iterable[Entry]) -> int:
    """Count how often the group changed after it was first known: a fold over history."""
    changes = (entry.changes.get("group") for entry in history if entry.seq > 1)
    return sum(isinstance(change, Change) and change.old is not None for change in changes)


def reopenings(history: Iterable[Entry]) -> int:
    """Count how often it went from resolved or closed back to an open state: a fold over history."""
    return sum(
        1
        for entry in history
        if entry.lifecycle == LIFECYCLE.name
        and entry.from_state in ("resolved", "closed")
        and entry.to_state in OPEN_STATES
    )
