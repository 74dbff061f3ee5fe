"""The rules of a change's steps: what holds one back, and what it changes besides."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import attrs

from itil4.lifecycle import Context, Guard, Lifecycle, Transition, guard
from itil4.practices.change_models import ChangeModel
from itil4.practices.change_policy import ChangePolicy
from itil4.practices.change_values import FAILED
from itil4.record import blank

if TYPE_CHECKING:
    from itil4.practices.change_lifecycle import Change

MANAGER, COORDINATOR, ASSESSOR, IMPLEMENTER = (
    "change_manager", "change_coordinator", "change_assessor", "change_implementer",
)  # fmt: skip

COORDINATORS = frozenset({MANAGER, COORDINATOR, "owner"})
"""Who steers changes, and who answers for this one."""

ASSESSORS = COORDINATORS | {ASSESSOR, "technical_specialist"}
IMPLEMENTERS = COORDINATORS | {IMPLEMENTER, "technical_specialist", "assignee", "team_member"}
REQUESTERS = ASSESSORS | IMPLEMENTERS | {"requester"}
"""Everybody who takes part in a change."""

ASSESSED = ("service", "category", "items", "implementation_plan", "backout_plan", "test_plan")
"""What a risk is assessed of: when something else stands there, it is another change."""

PLANS = ("implementation_plan", "backout_plan", "test_plan")
ASKED_FOR = ("planned_start", "planned_end", *PLANS)
"""Fields that a form asks for where the model requires them."""


@attrs.frozen
class Applied:
    """The model under which a change goes: as it was when the change took it up, and how it stands by now."""

    model: ChangeModel | None
    name: str = ""
    is_active: bool = False
    is_current: bool = False
    since: datetime | None = None

    def preauthorizes(self, at: datetime) -> bool:
        """Say whether changes needed no authorization of their own at a moment (INV-055, INV-056)."""
        stands = self.model is not None and self.model.preauthorized and self.is_active and self.is_current
        return stands and self.since is not None and self.since <= at


def applied(context: Context) -> Applied:
    """Return the model that the practice gathered for a step."""
    found = context.facts.get("model")
    return found if isinstance(found, Applied) else Applied(None)


def policy_of(context: Context) -> ChangePolicy:
    """Return the policy that the practice gathered for a step."""
    found = context.facts.get("policy")
    return found if isinstance(found, ChangePolicy) else ChangePolicy()


# which steps a model opens


def by_model(event: str, targets: tuple[str, ...]) -> Guard:
    """Return the guard that lets a step pass only where the model of the change has it."""

    def check(change: "Change", context: Context) -> bool | str:
        held = applied(context)
        if held.model is None:
            return event == "cancel" or f"the change model {change.model!r} is not known here."
        if held.model.allows(event, change.state, targets):
            return True
        ways = ", ".join(sorted(held.model.lifecycle.get(change.state, ()))) or "nothing"
        return f"the model {held.model.name!r} has no such step from {change.state!r}; it has: {ways}."

    remedy = "Take one of those steps, or take up another model while the change is new."
    return Guard(f"{_MODEL}{event}", check, remedy=remedy)


_MODEL = "model_allows_"


def opened_by_models(lifecycle: Lifecycle) -> Lifecycle:
    """Return the lifecycle with every step that changes the state held back by the change's model."""

    def held(each: Transition) -> Transition:
        moves = set(each.targets) != set(lifecycle.sources_of(each))
        if not moves or any(rule.name.startswith(_MODEL) for rule in each.guards):
            return each
        guards = (by_model(each.event, each.targets), *each.guards)
        return attrs.evolve(each, guards=guards, facts=tuple(dict.fromkeys((*each.facts, "model"))))

    made = tuple(held(each) for each in lifecycle.transitions)
    return lifecycle if made == lifecycle.transitions else attrs.evolve(
        lifecycle, transitions=made, events=lifecycle.declared
    )  # fmt: skip


def wanted(field: str) -> Guard:
    """Return the condition under which a field is mandatory: the model requires it."""

    def check(change: "Change", context: Context) -> bool:
        model = applied(context).model
        return model is not None and field in model.requires

    return Guard(f"model_requires_{field}", check)


@guard(remedy="Fill it first.")
def is_complete(change: "Change", context: Context) -> bool | str:
    """What the model requires is there before it is submitted or scheduled."""
    model = applied(context).model
    names = () if model is None else model.requires
    gone = [
        name for name in names
        if name not in ASKED_FOR and blank(getattr(change, name, change.extra.get(name)))
    ]  # fmt: skip
    return f"the model {change.model!r} requires {', '.join(gone)}." if gone else True


@guard(remedy="Change it, or take up another model.")
def meets_conditions(change: "Change", context: Context) -> bool | str:
    """A change goes by a model only where the model's conditions hold."""
    model = applied(context).model
    return True if model is None else model.unmet(change) or True


@guard(remedy="Assess it with assess_risk.")
def is_assessed(change: "Change", context: Context) -> bool | str:
    """The risk of what is submitted is known, where the model wants it (INV-062); more may be filled in later."""
    model = applied(context).model
    if model is not None and not model.assessed:
        return True
    if change.risk is None:
        return "its risk has not been assessed."
    now = assessed_scope(change)
    other = [name for name, digest in change.assessed_scope.items() if now.get(name) != digest]
    return f"its risk was assessed before {', '.join(other)} became another." if other else True


def assessed_scope(change: "Change") -> Mapping[str, str]:
    """Return what a risk is assessed of, as far as it is filled: field -> the digest of its value."""
    held = {name: getattr(change, name) for name in ASSESSED}
    return {name: sha256(repr(value).encode()).hexdigest()[:16] for name, value in held.items() if not blank(value)}


@guard(remedy="Answer every question with one of its answers.")
def is_answered(change: "Change", context: Context) -> bool | str:
    """A risk assessment answers the questionnaire of the model."""
    model = applied(context).model
    if model is None:
        return f"the change model {change.model!r} is not known here."
    if not change.answers and model.risk.questions:
        return True  # they are missing then, and asked for
    return model.risk.gaps(change.answers) or True


@guard(text="its model wants it assessed before.", remedy="Send it back to new.")
def may_be_assessed_late(change: "Change", context: Context) -> bool:
    """An emergency change may be assessed while or after it is carried out (INV-058)."""
    model = applied(context).model
    return model is not None and model.after_the_fact


@guard()
def asks_questions(change: "Change", context: Context) -> bool:
    """A model without questions has one risk for all of its changes."""
    model = applied(context).model
    return model is not None and bool(model.risk.questions)


@guard(remedy="Let the model be assessed and authorized again, or log a normal change.")
def is_preauthorized(change: "Change", context: Context) -> bool | str:
    """A pre-authorization counts while the model is active in the version that the change took up (INV-055, 056)."""
    held = applied(context)
    if held.model is None or not held.model.preauthorized:
        return f"the model {change.model!r} pre-authorizes nothing."
    return held.preauthorizes(context.at) or _lapsed(held)


@guard(remedy="Let the model be assessed and authorized again, or log a normal change.")
def still_preauthorized(change: "Change", context: Context) -> bool | str:
    """What was pre-authorized does not begin after that has been withdrawn; what an authority decided does."""
    held = applied(context)
    preauthorized = held.model is not None and held.model.preauthorized
    return held.preauthorizes(context.at) or _lapsed(held) if preauthorized else True


def _lapsed(held: Applied) -> str:
    if held.is_active and held.is_current:
        return f"the model {held.name!r} was authorized later than that, at {held.since:%Y-%m-%d %H:%M} UTC."
    why = "was altered since" if held.is_active else "is not active"
    return f"the model {held.name!r} {why}, so it pre-authorizes this change no longer."


@guard(text="the model says which tasks there are.", remedy="Log a normal change.")
def is_open_to_tasks(change: "Change", context: Context) -> bool:
    """A pre-authorized procedure is not planned anew."""
    model = applied(context).model
    return model is None or not model.preauthorized


@guard(text="it was never carried out.", remedy="It goes back to new instead.")
def was_carried_out(change: "Change", context: Context) -> bool:
    """An emergency change that was refused after the fact is reviewed; it cannot be undone by going back (INV-061)."""
    return change.actual_start is not None


@guard(text="the work on it has begun.", remedy="End it and say how it went.")
def is_not_begun(change: "Change", context: Context) -> bool:
    """What was carried out is reviewed, not sent back."""
    return change.actual_start is None


@guard(remedy="Finish or skip them, or end the change as unsuccessful or rolled back.")
def tasks_are_over(change: "Change", context: Context) -> bool | str:
    """A change succeeds only when nothing of it is left to do."""
    left = [each.name for each in change.tasks if each.state == "open"]
    if left and change.close_code not in FAILED:
        return f"these tasks are open: {', '.join(left)}."
    return True


@guard(text="nothing says what went wrong.", remedy="Give close_notes.")
def is_told(change: "Change", context: Context) -> bool:
    """What did not go as planned is told."""
    return change.close_code == "successful" or not blank(change.close_notes)


@guard(remedy="Record the review with record_review.")
def is_reviewed(change: "Change", context: Context) -> bool | str:
    """A failed change, and one whose model wants it, is reviewed before it closes (INV-058, 066, 067, 068)."""
    if change.review is not None:
        return True
    before = context.facts.get("before")
    for code in (change.close_code, None if before is None else before.close_code):
        if code in FAILED:
            return f"it was called {code.replace('_', ' ')}, and has not been reviewed."
    return "its model wants a review before closure." if change.review_rule == "before_closure" else True


@guard(text="that change failed.", remedy="Give the code that the review found.")
def keeps_failure(change: "Change", context: Context) -> bool:
    """A review after closure may find that a change failed, not that one which closed as failed went well."""
    before = context.facts.get("before")
    kept = before is None or before.close_code not in FAILED or change.close_code in FAILED
    return kept or change.state != "closed"


@guard(remedy="Cancel it and log a new one, so that the authority can decide again.")
def same_authority(change: "Change", context: Context) -> bool | str:
    """What was authorized moves only where the same authority would have decided."""
    before = context.facts.get("before")
    model = applied(context).model
    if before is None or model is None or model.preauthorized:
        return True
    windows = policy_of(context).windows
    old, new = (model.rule_for(each.risk, within(each, windows)) for each in (before, change))
    said = "nobody" if new is None else new.authority
    return old == new or f"at that time {said} would have to authorize it."


def within(change: Any, windows: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the windows in which the whole of the planned time lies."""
    start, end = change.planned_start, change.planned_end
    if start is None or end is None:
        return ()
    return tuple(name for name, window in windows.items() if window.elapsed(start, end) == _span(start, end))


def _span(start: datetime, end: datetime) -> timedelta:
    return end - start


# effects


def stamp_risk(change: "Change", context: Context) -> Mapping[str, Any]:
    """The rules of the model make a risk of the answers; who assessed it, when and by which case stays on record."""
    model = applied(context).model
    if model is None:
        return {}
    risk, case = model.risk.judge(change.answers)
    return {
        "risk": risk, "risk_case": case, "assessed_at": context.at, "assessed_by": context.actor.id,
        "assessed_scope": assessed_scope(change),
    }  # fmt: skip


def forget_risk(change: "Change", context: Context) -> Mapping[str, Any]:
    """What goes back to the beginning, or by another model, is assessed and authorized anew."""
    gone: dict[str, Any] = dict.fromkeys(("risk", "risk_case", "assessed_at", "assessed_by", "authorized_at"))
    return {**gone, "answers": {}, "assessed_scope": {}}


def stamp_authorized(change: "Change", context: Context) -> Mapping[str, Any]:
    """An authorization has its time."""
    return {"authorized_at": context.at}


def stamp_begun(change: "Change", context: Context) -> Mapping[str, Any]:
    """The work begins, now or when told."""
    return {"actual_start": change.actual_start or context.at}


def stamp_done(change: "Change", context: Context) -> Mapping[str, Any]:
    """The work ends, now or when told."""
    return {"actual_end": change.actual_end or context.at}


def stamp_refused(change: "Change", context: Context) -> Mapping[str, Any]:
    """What was carried out without authorization is over in any case."""
    return {"actual_end": change.actual_end or context.at, "authorized_at": None}


def stamp_reviewed(change: "Change", context: Context) -> Mapping[str, Any]:
    """A review has its time and who wrote it."""
    return {"reviewed_at": context.at, "reviewed_by": context.actor.id}


def stamp_closed(change: "Change", context: Context) -> Mapping[str, Any]:
    """Closing has its own time."""
    return {"closed_at": context.at}
