"""What follows from how a change went: for the model that pre-authorized it, and for the problems behind it."""

from typing import TYPE_CHECKING, Any

from itil4.errors import Refused
from itil4.practices.change_values import FAILED
from itil4.practices.error_control import MANAGER
from itil4.practices.work import NOTHING
from itil4.record import Actor, Comment
from itil4.storage.unit import Unit
from itil4.vocabulary import OPEN

if TYPE_CHECKING:
    from itil4.practices.change_enablement import ChangeEnablement

_SYSTEM = "change_enablement"


def follow_outcome(practice: "ChangeEnablement[Any]", unit: Unit, before: Any, after: Any, actor: Actor) -> None:
    """Do what a closure, or a review after it, brings with it, in the same unit; nothing for a review before it."""
    if after.state != "closed":
        return
    closes, fails = before.state != "closed", after.close_code in FAILED
    failed = fails and (closes or before.close_code not in FAILED)
    if closes or failed:
        _count(practice, unit, after, actor, closes, failed)
    if failed and practice.rules.reopen_problems:
        _reopen(practice, unit, after, actor)


def _count(
    practice: "ChangeEnablement[Any]", unit: Unit, change: Any, actor: Actor, closes: bool, failed: bool
) -> None:
    held: Any = unit.get(change.model_record) if change.model_record is not None else None
    if held is None or held.state != "active" or held.model_version != change.model_version:
        return
    register: Any = practice.desk.in_slot("change_models")
    register.record_result(unit, held, completed=int(closes), failed=int(failed), actor=actor, cause=_cause(change))


def _cause(change: Any) -> str:
    return f"{change.id}:{change.version}"


def _reopen(practice: "ChangeEnablement[Any]", unit: Unit, change: Any, actor: Actor) -> None:
    """Take up again what the change should have resolved, and tell those problems that are open anyway."""
    system = Actor(_SYSTEM, roles={MANAGER}, kind="system", on_behalf_of=actor.on_behalf_of or actor.id)
    said = f"{change.reference} failed: {str(change.close_code).replace('_', ' ')}."
    found = {each.id: each for each in practice.fact("links.resolves", change, unit)}
    problems = [each for each in found.values() if unit.kind_of(each.id).name == "problem"]
    for problem in problems:
        carriers = practice.desk.of_kind("problem").fact("links.known_error", problem, unit)
        found |= {each.id: each for each in carriers}
    for each in found.values():
        kind = unit.kind_of(each.id).name
        if kind not in ("problem", "known_error"):
            continue
        keeper: Any = practice.desk.of_kind(kind)
        event = "reject_resolution" if each.state == "resolved" else "reanalyse" if _was_solved(each) else None
        try:
            if event is not None:
                with unit.savepoint():
                    keeper._step(unit, each, event, system, NOTHING, None, said, _cause(change))
                continue
        except Refused:
            pass  # it stays as it is, and is told
        if event is not None or unit.kind_of(each.id).category(each.state) in OPEN:
            context = keeper._context(unit, system, each, None, NOTHING, None, None, _cause(change))
            details = {"comment": Comment(said, "staff")}
            new, entry = keeper.lifecycle.engine.append(each, "comment", context, details=details)
            unit.add(new, entry)


def _was_solved(fault: Any) -> bool:
    return fault.state in ("closed", "reviewed") and fault.close_reason == "solved"
