"""Error control: what a problem and a known error share once the analysis is done.

A known error is a problem that is analysed and not resolved: either a state of the problem or a
record of its own (INV-042). Both follow the rules of this module, so they cannot differ.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from itil4.lifecycle import Context, FollowUp, Lifecycle, State, Transition, guard
from itil4.practices.problem_policy import ProblemPolicy
from itil4.practices.problem_values import (
    SETTLED,
    Cause,
    CloseReason,
    TechnicalDebt,
    Workaround,
    latest,
    published,
    standing,
)
from itil4.record import Line, Note, Record, blank
from itil4.vocabulary import Level

# what both are


@attrs.frozen(kw_only=True)
class Fault(Record):
    """What a problem and a known error both say: the symptoms, the causes, what helps, and how it ends.

    Attributes:
        symptoms: how it shows, in the words in which people report it.
        owner: who is accountable; never empty.
        group, assignee: who works on it; both may be empty.
        priority: computed from impact and urgency, 1 the highest.
        causes, workarounds, debts: collections that only grow.
        workaround, workaround_code: computed: the text published last and not withdrawn, and the resolution
            code of incidents that it resolves.
        analysed_at: when problem control ended; None while it has not. `analyses` counts how often.
        next_review_at: when an open known error is looked at again.
        deferral: why there is no viable solution for now.
        target_at: by when it is to be resolved; set once problem control has ended (INV-050).
        risk_accepted_by, risk_accepted_at: the authority that accepted what remains, and when.
        resolution, resolved_at, confirmed_at: what was done, when, and when somebody confirmed that it works.
        close_reason, close_note, closed_at: why and when it ended.
        review, reviewed_at: what was learned, and when it was looked at last.
    """

    summary: Line
    description: Note = ""
    symptoms: Note = ""
    category: Line | None = None
    service: Line | None = None
    item: Line | None = None
    impact: Level | None = None
    urgency: Level | None = None
    priority: int | None = None
    owner: Line
    group: Line | None = None
    assignee: Line | None = None
    causes: tuple[Cause, ...] = ()
    workarounds: tuple[Workaround, ...] = ()
    workaround: Note | None = None
    workaround_code: Line | None = None
    debts: tuple[TechnicalDebt, ...] = ()
    analysed_at: datetime | None = None
    analyses: int = 0
    next_review_at: datetime | None = None
    deferral: Note | None = None
    target_at: datetime | None = None
    risk_accepted_by: Line | None = None
    risk_accepted_at: datetime | None = None
    resolution: Note | None = None
    resolved_at: datetime | None = None
    confirmed_at: datetime | None = None
    close_reason: CloseReason | None = None
    close_note: Note | None = None
    closed_at: datetime | None = None
    review: Note | None = None
    reviewed_at: datetime | None = None

    @property
    def is_known_error(self) -> bool:
        """Whether it is one now: analysed, and neither resolved nor closed (INV-041)."""
        return self.state in KNOWN_ERROR_STATES


HANDED_ON = (
    "summary", "description", "symptoms", "category", "service", "item", "impact", "urgency", "owner", "group",
    "assignee", "causes", "workarounds", "debts", "analysed_at", "analyses", "next_review_at", "target_at",
)  # fmt: skip
"""What a known error that is a record of its own takes over from its problem."""

RENEWED = ("causes", "workarounds", "debts", "analysed_at", "analyses", "next_review_at")
"""What it takes over when the problem was analysed once more."""

SET_BY: Mapping[str, tuple[str, ...]] = {
    "causes": ("add_cause", "renew"),
    "workarounds": ("add_workaround", "publish_workaround", "withdraw_workaround", "renew"),
    "debts": ("renew",),
    "analysed_at": ("renew",),
    "analyses": ("renew",),
    "deferral": ("defer",),
    "risk_accepted_by": ("accept_risk",),
    "risk_accepted_at": ("accept_risk",),
    "resolution": ("resolve",),
    "resolved_at": (),
    "confirmed_at": (),
    "close_reason": ("close", "dismiss"),
    "close_note": ("close", "dismiss"),
    "closed_at": (),
    "review": ("review",),
    "reviewed_at": (),
}
"""Fields that only these steps may be given; no update and no other step touches them."""

GROWING = ("causes", "workarounds", "debts")

# who

MANAGER, OWNER, ANALYST, DESK = "problem_manager", "problem_owner", "technical_analyst", "service_desk"

ROLES = (MANAGER, OWNER, ANALYST, DESK)
"""The four roles of the notes."""

DECIDERS = frozenset({MANAGER, OWNER})
ANALYSTS = DECIDERS | {ANALYST}
EVERYBODY = ANALYSTS | {DESK}

# conditions and effects

KNOWN_ERROR_STATES = ("known_error", "developing", "deferred")


def policy_of(context: Context) -> ProblemPolicy:
    """Return the policy that the practice gathered for a step."""
    found = context.facts.get("policy")
    return found if isinstance(found, ProblemPolicy) else ProblemPolicy()


@guard(reads="causes", remedy="Give references to what supports it.")
def has_evidence(fault: Fault, context: Context) -> bool | str:
    """Where the policy wants evidence, a cause comes with some."""
    cause = fault.causes[-1]
    if policy_of(context).evidence and not cause.evidence:
        return f"the cause {cause.name!r} has no evidence, and the policy wants it."
    return True


@guard(text="no workaround is published.", remedy="Publish one first.")
def has_workaround(fault: Fault, context: Context) -> bool:
    """Only a published workaround is applied."""
    return fault.workaround is not None


@guard(reads="next_review_at", text="the next review lies in the past.", remedy="Give a later date.")
def looks_ahead(fault: Fault, context: Context) -> bool:
    """The next review is still to come (INV-044)."""
    return fault.next_review_at is not None and fault.next_review_at > context.at


@guard(reads="risk_accepted_by", remedy="Let one of the authorities accept it.")
def by_authority(fault: Fault, context: Context) -> bool | str:
    """A risk is accepted by somebody who may."""
    known = policy_of(context).authorities
    if known is not None and fault.risk_accepted_by not in known:
        return f"{fault.risk_accepted_by} is none of the authorities: {', '.join(sorted(known))}."
    if fault.risk_accepted_at is not None and fault.risk_accepted_at > context.at:
        return "the date on which it was accepted lies ahead."
    return True


@guard(remedy="Wait for it, or unlink a change that did not succeed.")
def changes_succeeded(fault: Fault, context: Context) -> bool | str:
    """A linked change has succeeded before the problem counts as resolved (INV-053)."""
    pending = [reference for reference, succeeded in context.facts.get("changes", ()) if not succeeded]
    return f"these changes have not succeeded: {', '.join(pending)}." if pending else True


@guard(remedy="Let somebody confirm that it works, or reject the resolution.")
def is_confirmed(fault: Fault, context: Context) -> bool | str:
    """A resolution is confirmed before it closes, where the policy wants it."""
    if policy_of(context).confirm and fault.confirmed_at is None:
        return "nobody has confirmed the resolution."
    return True


@guard(text="it was resolved, so it closes as solved.", remedy="Leave the reason out.")
def as_solved(fault: Fault, context: Context) -> bool:
    """What was resolved closes as solved."""
    return fault.close_reason in (None, "solved")


@guard(reads="close_reason")
def ends_well(fault: Fault, context: Context) -> bool | str:
    """After control it closes only when the risk is gone or accepted, or nobody is affected any more (INV-043)."""
    why = fault.close_reason
    if why not in SETTLED:
        return f"{why!r} does not end it after problem control; these do: {', '.join(SETTLED)}."
    if why == "solved":
        return "it is not resolved; resolve it and let that be confirmed."
    if why == "permanent_workaround" and not any(each.permanent for each in published(fault.workarounds)):
        return "no permanent workaround is published."
    if why == "risk_accepted" and (fault.risk_accepted_by is None or fault.risk_accepted_at is None):
        return "no authority has accepted the risk; record that with accept_risk."
    if why == "not_affecting" and blank(fault.close_note):
        return "nothing says why it affects nobody any more; give a close_note."
    return True


@guard(text="it is the duplicate of nothing.", remedy="Merge it into the one that stays.")
def is_duplicate(fault: Fault, context: Context) -> bool:
    """What closes as a duplicate is linked to the one that stays."""
    return bool(context.facts.get("links.duplicate_of"))


@guard(text="it ended for another reason.", remedy="Let the problem manager analyse it again.")
def was_merged(fault: Fault, context: Context) -> bool:
    """Only what was merged can be taken apart again."""
    return fault.close_reason == "duplicate"


@guard(text="its analysis was done.")
def not_analysed(fault: Fault, context: Context) -> bool:
    """It goes back to where its analysis begins."""
    return fault.analysed_at is None


@guard(text="its analysis was not done.")
def was_analysed(fault: Fault, context: Context) -> bool:
    """It goes back to being a known error."""
    return fault.analysed_at is not None


def stamp_cause(fault: Fault, context: Context) -> Mapping[str, Any]:
    """A cause says when and by whom it was recorded."""
    return {"causes": (*fault.causes[:-1], attrs.evolve(fault.causes[-1], at=context.at, by=context.actor.id))}


def stamp_workaround(fault: Fault, context: Context) -> Mapping[str, Any]:
    """So does a workaround; one that is published for good leaves a debt (INV-046)."""
    last = attrs.evolve(fault.workarounds[-1], at=context.at, by=context.actor.id)
    changes: dict[str, Any] = {"workarounds": (*fault.workarounds[:-1], last)}
    owed = {(debt.workaround, debt.version) for debt in fault.debts}
    if last.permanent and last.standing == "published" and (last.name, last.version) not in owed:
        debt = TechnicalDebt(last.name, last.version, f"Lives with a workaround: {last.effect}", last.owner, context.at)
        changes["debts"] = (*fault.debts, debt)
    return changes


def plan_review(fault: Fault, context: Context) -> Mapping[str, Any]:
    """A known error has a next review from its beginning."""
    ahead = fault.next_review_at is not None and fault.next_review_at > context.at
    return {} if ahead else {"next_review_at": context.at + policy_of(context).review_every}


def stamp_risk(fault: Fault, context: Context) -> Mapping[str, Any]:
    """An accepted risk has a date."""
    return {"risk_accepted_at": fault.risk_accepted_at or context.at}


def stamp_resolved(fault: Fault, context: Context) -> Mapping[str, Any]:
    """A resolution has its time and waits for confirmation."""
    return {"resolved_at": context.at, "confirmed_at": None, "deferral": None}


def stamp_confirmed(fault: Fault, context: Context) -> Mapping[str, Any]:
    """A confirmation has its time."""
    return {"confirmed_at": context.at}


def clear_resolution(fault: Fault, context: Context) -> Mapping[str, Any]:
    """What was not confirmed is no resolution (INV-048); the history keeps it."""
    return {"resolution": None, "resolved_at": None, "confirmed_at": None}


def clear_deferral(fault: Fault, context: Context) -> Mapping[str, Any]:
    """There is a solution to work on again."""
    return {"deferral": None}


def stamp_closed(fault: Fault, context: Context) -> Mapping[str, Any]:
    """Closing has its own time, and a reason."""
    return {"closed_at": context.at, "close_reason": fault.close_reason or "solved"}


def stamp_duplicate(fault: Fault, context: Context) -> Mapping[str, Any]:
    """A duplicate says that it is one."""
    return {"closed_at": context.at, "close_reason": "duplicate"}


def stamp_reviewed(fault: Fault, context: Context) -> Mapping[str, Any]:
    """A review has its time."""
    return {"reviewed_at": context.at}


_ENDS = (
    "resolution", "resolved_at", "confirmed_at", "close_reason", "close_note", "closed_at", "deferral",
    "risk_accepted_by", "risk_accepted_at", "review", "reviewed_at",
)  # fmt: skip


def clear_ends(fault: Fault, context: Context) -> Mapping[str, Any]:
    """What is open again has not ended; the history keeps how it did."""
    return dict.fromkeys(_ENDS)


# how it moves


def loops(event: str, states: Iterable[str], **rules: Any) -> list[Transition]:
    """A step that changes fields in several states and leaves the state alone."""
    return [Transition(event, state, state, **rules) for state in states]


ERROR_STATES = (
    State("known_error", "active", label="Known error"),
    State("developing", "active", label="A solution is being developed"),
    State("deferred", "waiting", kind="solution", label="No viable solution for now"),
    State("resolved", "resolved"),
    State("closed", "closed"),
    State("reviewed", "closed"),
    State("dismissed", "cancelled"),
)


def error_control(
    *, analysing: Iterable[str] = (), helping: Iterable[str] = (), opened: Iterable[str] = ()
) -> list[Transition]:
    """Return the steps of error control.

    Args:
        analysing: states before error control in which causes are recorded.
        helping: those in which workarounds are.
        opened: all open states before error control.
    """
    analysed, helped, open_ = ((*before, *KNOWN_ERROR_STATES) for before in (analysing, helping, opened))
    noted = {"requires": "workarounds", "effects": [stamp_workaround]}
    return [
        *loops("assign", open_, roles=DECIDERS),
        *loops("add_cause", analysed, roles=ANALYSTS, requires="causes", guards=[has_evidence], effects=[stamp_cause],
               facts="policy"),
        *loops("add_workaround", helped, roles=EVERYBODY, **noted),
        *loops("publish_workaround", helped, roles=DECIDERS, **noted),
        *loops("withdraw_workaround", helped, roles=DECIDERS, **noted),
        *loops(
            "apply_workaround", helped, roles=EVERYBODY, guards=[has_workaround],
            follow_ups=[
                FollowUp("resolve", "open_incidents",
                         payload={"resolution": "workaround", "resolution_code": "workaround_code"})
            ],
        ),
        Transition("develop", ["known_error", "deferred"], "developing", roles=ANALYSTS, effects=[clear_deferral]),
        Transition(
            "defer", ["known_error", "developing"], "deferred", roles=DECIDERS,
            requires=["deferral", "next_review_at"], guards=[looks_ahead],
        ),
        *loops("recheck", KNOWN_ERROR_STATES, roles=DECIDERS, requires="next_review_at", guards=[looks_ahead],
               effects=[stamp_reviewed], label="Review the open known error"),
        *loops("remind", KNOWN_ERROR_STATES, internal=True, label="To be reviewed"),
        *loops("accept_risk", KNOWN_ERROR_STATES, roles=MANAGER, requires="risk_accepted_by", guards=[by_authority],
               effects=[stamp_risk], facts="policy"),
        Transition(
            "resolve", ["known_error", "developing"], "resolved", roles=ANALYSTS, requires="resolution",
            guards=[changes_succeeded], effects=[stamp_resolved], facts="changes",
        ),
        *loops("confirm", ["resolved"], roles=DECIDERS | {DESK}, effects=[stamp_confirmed], label="It works"),
        Transition("reject_resolution", "resolved", "developing", roles=DECIDERS | {DESK}, effects=[clear_resolution],
                   label="It does not work"),
        Transition(
            "close", "resolved", "closed", roles=DECIDERS, guards=[as_solved, is_confirmed, changes_succeeded],
            effects=[stamp_closed], facts=["policy", "changes"],
        ),
        Transition(
            "close", KNOWN_ERROR_STATES, "closed", roles=MANAGER, requires="close_reason", guards=[ends_well],
            effects=[stamp_closed],
        ),
        Transition("review", "closed", "reviewed", roles=DECIDERS, requires="review", effects=[stamp_reviewed]),
        Transition("close_duplicate", open_, "dismissed", roles=DECIDERS, guards=[is_duplicate],
                   effects=[stamp_duplicate], facts="links.duplicate_of"),
        Transition("unmerge", "dismissed", "known_error", roles=DECIDERS, guards=[was_merged, was_analysed],
                   effects=[clear_ends]),
    ]  # fmt: skip


LIFECYCLE = Lifecycle("error control", "known_error", ERROR_STATES, error_control())
"""Error control alone: the part that the lifecycles of problems and of known errors share."""


__all__ = [
    "ANALYSTS", "DECIDERS", "ERROR_STATES", "EVERYBODY", "GROWING", "HANDED_ON", "KNOWN_ERROR_STATES", "MANAGER",
    "RENEWED", "ROLES", "SET_BY", "Fault", "clear_ends", "error_control", "latest", "loops", "plan_review",
    "policy_of", "standing", "was_merged",
]  # fmt: skip
