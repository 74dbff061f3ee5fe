"""Defects of a product: an engineer finds the cause and proposes a fix, and a lead who is somebody else approves it."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import attrs

from itil4 import Lifecycle, Practice, Record, Relation, State, Transition, guard
from itil4.lifecycle import Context, FieldRule
from itil4.record import Line, Note
from itil4.record.link import SELF


@attrs.frozen(kw_only=True)
class Defect(Record):
    """Something in a product that does not do what it should."""

    summary: Line
    severity: Literal["low", "high"] = "low"
    assignee: Line | None = None
    root_cause: Note | None = None
    fix: Note | None = None
    proposed_by: Line | None = None
    approved_by: Line | None = None
    reopened: int = 0
    close_note: Note | None = None


@guard(reads="proposed_by", text="whoever proposed the fix does not approve it.", remedy="Ask another lead.")
def is_somebody_else(defect: Defect, context: Context) -> bool:
    """Duties are separate."""
    return defect.proposed_by != context.actor.id


@guard(text="somebody else proposes its fixes.", remedy="Ask whoever proposed the first one.")
def is_the_proposer(defect: Defect, context: Context) -> bool:
    """Whoever proposed a fix goes on with it, so that nobody who proposed one is left to approve another."""
    return defect.proposed_by in (None, context.actor.id)


@guard(text="it was reopened twice.", remedy="Record a new defect.")
def was_seldom_reopened(defect: Defect, context: Context) -> bool:
    """What comes back a third time is another defect."""
    return defect.reopened < 2


@guard(text="a part of it is still open.", remedy="Close the parts first.")
def parts_are_over(defect: Defect, context: Context) -> bool:
    """The whole is not closed before its parts."""
    return all(each.state in ("closed", "rejected") for each in context.facts["links.pieces"])


def note_proposer(defect: Defect, context: Context) -> Mapping[str, Any]:
    """Who proposed it is known."""
    return {"proposed_by": context.actor.id}


def note_approver(defect: Defect, context: Context) -> Mapping[str, Any]:
    """Who approved it is known."""
    return {"approved_by": context.actor.id}


def forget_fix(defect: Defect, context: Context) -> Mapping[str, Any]:
    """What was declined counts no more."""
    return {"fix": None}


def count_return(defect: Defect, context: Context) -> Mapping[str, Any]:
    """It came back once more."""
    return {"reopened": defect.reopened + 1, "fix": None, "approved_by": None}


_BY_STEPS = {"proposed_by": "read_only", "approved_by": "read_only", "reopened": "read_only"}

LIFECYCLE = Lifecycle(
    "defect",
    "reported",
    states=[
        State("reported", "new", fields={**_BY_STEPS, "fix": "hidden"}),
        State("analysed", "active", fields={**_BY_STEPS, "fix": FieldRule("read_only", exempt="lead")}),
        State("proposed", "waiting", kind="approval", fields={**_BY_STEPS, "fix": "mandatory|must_prompt|read_only"}),
        State("approved", "active", fields={**_BY_STEPS, "fix": "mandatory|read_only"}),
        State("fixed", "resolved", fields={**_BY_STEPS, "fix": "mandatory|read_only"}),
        State("closed", "closed", final=True, fields={"*": "read_only"}),
        State("rejected", "cancelled", final=True, fields=_BY_STEPS),
    ],
    transitions=[
        Transition("analyse", "reported", "analysed", roles={"engineer"}, requires="root_cause"),
        Transition(
            "propose", "analysed", "proposed", roles={"engineer"}, requires="fix", guards=[is_the_proposer],
            effects=[note_proposer],
        ),
        Transition(
            "approve", "proposed", "approved", roles={"lead"}, guards=[is_somebody_else], effects=[note_approver]
        ),
        Transition("decline", "proposed", "analysed", roles={"lead"}, effects=[forget_fix]),
        Transition("apply", "approved", "fixed", roles={"engineer"}),
        Transition(
            "reopen", "fixed", "analysed", roles={"engineer", "lead"}, guards=[was_seldom_reopened],
            effects=[count_return],
        ),
        Transition(
            "close", "fixed", "closed", roles={"lead"}, guards=[parts_are_over], facts="links.pieces"
        ),
        Transition("reject", ["reported", "analysed"], "rejected", roles={"lead"}, requires="close_note"),
    ],
)  # fmt: skip


class Defects(Practice[Defect]):
    """The practice of removing defects."""

    name = "defect_management"
    slot = "defects"
    kind = "defect"
    prefix = "DEF"
    record = Defect
    lifecycle = LIFECYCLE
    relations: ClassVar[tuple[Relation, ...]] = (
        Relation("piece_of", "pieces", {(SELF, SELF)}, acyclic=True, single=True),
        Relation("blocked_by", "blocks", {(SELF, SELF)}, acyclic=True),
    )
    indexed: ClassVar[tuple[str, ...]] = ("severity", "assignee")


PRACTICE = Defects

SETTINGS: Mapping[str, Any] = {}
"""What `connect` is given besides the practice."""

INTENTS = (
    ("separation", "propose", "approve"),
    ("precedence", "approve", "apply"),
    ("precedence", "apply", "close"),
    ("only_roles", "approve", ("lead",)),
    ("only_roles", "close", ("lead",)),
    ("at_most", "reopen", 2),
)
"""What its owner would say of it, a line each: the word of a policy, and what it is about."""
