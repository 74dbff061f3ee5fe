"""What a change is, and how it moves."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from itil4.lifecycle import FieldRule, Lifecycle, State, Transition
from itil4.practices.approval import Approvable
from itil4.practices.change_rules import (
    ASKED_FOR,
    ASSESSORS,
    COORDINATORS,
    IMPLEMENTERS,
    REQUESTERS,
    asks_questions,
    forget_risk,
    is_answered,
    is_assessed,
    is_complete,
    is_not_begun,
    is_open_to_tasks,
    is_preauthorized,
    is_reviewed,
    is_told,
    keeps_failure,
    may_be_assessed_late,
    meets_conditions,
    opened_by_models,
    same_authority,
    stamp_authorized,
    stamp_begun,
    stamp_closed,
    stamp_done,
    stamp_refused,
    stamp_reviewed,
    stamp_risk,
    still_preauthorized,
    tasks_are_over,
    wanted,
    was_carried_out,
)
from itil4.practices.change_values import SUCCEEDED, ChangeTask, CloseCode, ReviewRule
from itil4.record import Frozen, Line, Note
from itil4.record.base import freeze
from itil4.vocabulary import Level


@attrs.frozen(kw_only=True)
class Change(Approvable):
    """The addition, modification or removal of anything that could affect services.

    Attributes:
        type, model, model_version: standard, normal, emergency or a type of the organization's own; the model by
            which it goes, and the version of it; `model_record` is the id of a model of the register.
        requester: who asks for it.
        owner: who is accountable; never empty.
        group, assignee: who carries it out; both may be empty.
        service, category, items: what it is about; items by their numbers or ids.
        implementation_plan, backout_plan, test_plan: what will be done, how it is undone, how it is tested.
        planned_start, planned_end, actual_start, actual_end: the one before the other (INV-063).
        answers, risk, risk_case: the risk assessment: what was answered, the risk, and the case that decided it.
        assessed_at, assessed_by, authorized_at: when and by whom; `assessed_scope` tells, as digests, what the risk
            was assessed of.
        tasks: the work, in an order that each task says.
        close_code, close_notes, closed_at: how it ended.
        close_reason: why it was cancelled.
        review, reviewed_at, reviewed_by: the post-implementation review.
        review_rule, review_pending: when its model wants a review, and whether one is still owed (computed).
    """

    summary: Line
    description: Note = ""
    type: Line
    model: Line
    model_version: int = 1
    model_record: Line | None = None
    requester: Line | None = None
    owner: Line
    group: Line | None = None
    assignee: Line | None = None
    service: Line | None = None
    category: Line | None = None
    items: tuple[Line, ...] = ()
    implementation_plan: Note | None = None
    backout_plan: Note | None = None
    test_plan: Note | None = None
    planned_start: datetime | None = None
    planned_end: datetime | None = None
    actual_start: datetime | None = None
    actual_end: datetime | None = None
    answers: Mapping[str, str] = attrs.field(factory=Frozen, converter=freeze, hash=False)
    risk: Level | None = None
    risk_case: Line | None = None
    assessed_at: datetime | None = None
    assessed_by: Line | None = None
    assessed_scope: Mapping[str, str] = attrs.field(factory=Frozen, converter=freeze, hash=False)
    authorized_at: datetime | None = None
    tasks: tuple[ChangeTask, ...] = ()
    close_code: CloseCode | None = None
    close_notes: Note | None = None
    close_reason: Line | None = None
    closed_at: datetime | None = None
    review_rule: ReviewRule = "after_closure"
    review: Note | None = None
    reviewed_at: datetime | None = None
    reviewed_by: Line | None = None
    review_pending: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether it is closed and did what it was for, if with issues: what a problem waits for (INV-053)."""
        return self.state == "closed" and self.close_code in SUCCEEDED


SET_BY: Mapping[str, tuple[str, ...]] = {
    "type": ("log", "reclassify"),
    "model": ("log", "reclassify"),
    "model_version": ("log", "reclassify"),
    "model_record": ("log", "reclassify"),
    "review_rule": ("log", "reclassify"),
    "answers": ("assess_risk",),
    "risk": ("assess_risk",),
    "risk_case": ("assess_risk",),
    "assessed_at": ("assess_risk",),
    "assessed_by": ("assess_risk",),
    "assessed_scope": ("assess_risk",),
    "authorized_at": ("authorize",),
    "actual_start": ("log", "implement", "review"),
    "actual_end": ("log", "review"),
    "tasks": ("log", "plan_tasks", "finish_task"),
    "close_code": ("review", "close", "record_review"),
    "close_notes": ("review", "close", "record_review"),
    "close_reason": ("cancel",),
    "closed_at": (),
    "review": ("record_review",),
    "reviewed_at": ("record_review",),
    "reviewed_by": ("record_review",),
    "review_pending": (),
}
"""Fields that only these steps may be given, or set; no update and no other step touches them."""

COMPUTED_BY_STEPS = frozenset(
    {
        "risk",
        "risk_case",
        "assessed_at",
        "assessed_by",
        "assessed_scope",
        "authorized_at",
        "reviewed_at",
        "reviewed_by",
    }
)
"""Those of them that nobody gives: the step says so itself."""

SCOPE = ("summary", "description", "service", "category", "items", *ASKED_FOR)
"""What the authority decides on: nothing of it changes while or after it does."""

COVERED = tuple(name for name in SCOPE if name not in ("planned_start", "planned_end"))
"""Fields that an authorization is about, whatever states a subclass adds; the times move by `reschedule`."""

_FROZEN = dict.fromkeys(SCOPE, "read_only")

_ASKED = {name: FieldRule("mandatory", when=wanted(name)) for name in ASKED_FOR}


_ANSWERS = [FieldRule("must_prompt"), FieldRule("mandatory", when=asks_questions)]


def loops(event: str, states: Iterable[str], **rules: Any) -> list[Transition]:
    """A step that changes fields in several states and leaves the state alone."""
    return [Transition(event, state, state, **rules) for state in states]


_COMPLETE: dict[str, Any] = {"fields": _ASKED, "facts": "model"}

LIFECYCLE = opened_by_models(Lifecycle(
    "change",
    "new",
    states=[
        State("new", "new"),
        State("assess", "active"),
        State("authorize", "waiting", kind="approval", fields=_FROZEN),
        State("scheduled", "active", fields=_FROZEN),
        State("implement", "active", fields=_FROZEN),
        State("review", "resolved", fields=_FROZEN),
        State("closed", "closed", fields=_FROZEN),
        State("cancelled", "cancelled", final=True, fields=_FROZEN),
    ],
    transitions=[
        *loops("reclassify", ["new"], roles=REQUESTERS, fields={"type": "must_prompt", "model": "must_prompt"},
               effects=[forget_risk], label="Take up another model"),
        *loops("assign", ["new", "assess", "authorize", "scheduled", "implement"],
               roles=COORDINATORS | {"team_member"}),
        Transition("assess", "new", "assess", roles=REQUESTERS),
        *loops("assess_risk", ["new", "assess"], roles=ASSESSORS, fields={"answers": _ANSWERS}, guards=[is_answered],
               effects=[stamp_risk], facts="model"),
        *loops("assess_risk", ["scheduled", "implement", "review"], roles=ASSESSORS, fields={"answers": _ANSWERS},
               guards=[may_be_assessed_late, is_answered], effects=[stamp_risk], facts="model"),
        *loops("plan_tasks", ["new", "assess"], roles=REQUESTERS, guards=[is_open_to_tasks],
               facts="model"),
        Transition(
            "submit", ["new", "assess"], "authorize", roles=REQUESTERS,
            guards=[is_assessed, is_complete, meets_conditions], **_COMPLETE,
        ),
        Transition("authorize", "authorize", "scheduled", internal=True, effects=[stamp_authorized]),
        Transition("refuse", "authorize", "review", internal=True, guards=[was_carried_out], effects=[stamp_refused]),
        Transition("refuse", "authorize", "new", internal=True, guards=[is_not_begun],
                   effects=[forget_risk]),
        Transition(
            "schedule", "new", "scheduled", roles=REQUESTERS,
            guards=[is_preauthorized, is_complete, meets_conditions], **_COMPLETE,
        ),
        *loops("reschedule", ["scheduled"], roles=COORDINATORS | {"requester", "assignee", "team_member"},
               fields={"planned_start": "must_prompt", "planned_end": "must_prompt"},
               guards=[same_authority], facts=["before", "model", "policy"]),
        Transition(
            "implement", "scheduled", "implement", roles=IMPLEMENTERS, guards=[still_preauthorized],
            effects=[stamp_begun], facts="model", label="Begin the work",
        ),
        *loops("finish_task", ["implement"], roles=IMPLEMENTERS, requires="tasks"),
        Transition(
            "review", "implement", "review", roles=IMPLEMENTERS, label="The work is done",
            fields={"close_code": "must_prompt", "close_notes": "must_prompt"},
            guards=[tasks_are_over], effects=[stamp_done],
        ),
        *loops("record_review", ["review", "closed"], roles=ASSESSORS, requires="review",
               fields={"review": "must_prompt", "close_code": "must_prompt", "close_notes": "must_prompt"},
               guards=[keeps_failure], effects=[stamp_reviewed], facts="before"),
        Transition(
            "close", "review", "closed", roles=IMPLEMENTERS | {"requester"}, requires="close_code",
            fields={"close_code": "must_prompt", "close_notes": "must_prompt"},
            guards=[tasks_are_over, is_told, is_reviewed], effects=[stamp_closed], facts="before",
        ),
        Transition("revert_to_new", ["assess", "authorize"], "new", roles=REQUESTERS, guards=[is_not_begun],
                   effects=[forget_risk], label="Back to new"),
        Transition(
            "cancel", ["new", "assess", "authorize", "scheduled"], "cancelled", roles=COORDINATORS | {"requester"},
            requires="close_reason", guards=[is_not_begun], effects=[stamp_closed],
        ),
        Transition("cancel", "implement", "cancelled", roles=COORDINATORS, requires="close_reason",
                   effects=[stamp_closed]),
    ],
))  # fmt: skip
"""The lifecycle of all changes; the model of a change says which of its steps are open to it."""

__all__ = ["COMPUTED_BY_STEPS", "COVERED", "LIFECYCLE", "SCOPE", "SET_BY", "Change", "loops"]
