"""Corrections: the one door for records that are stuck and for data that was wrong.

A correction is an entry of its own, with who, why, and the codes of the rules that it set aside.
What makes no sense stays refused: unknown fields and states, wrong types, and records that
contradict themselves.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from itil4.clock import instant
from itil4.errors import InvalidInput, Reason, Refused, nearest
from itil4.lifecycle import Context
from itil4.practices.redacting import must_say
from itil4.practices.work import NOTHING
from itil4.record import Actor, Change, Record
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.amending import Amending

_NEVER = ("future",)
"""Objections that no correction sets aside: nothing has happened that lies ahead."""


def correct(
    practice: "Amending[Any]", record: str | Record, state: str | None, values: Mapping[str, Any], *, reason: str,
    by: Actor | None, at: datetime | None, once: str | None, expected: int | None,
) -> Any:  # fmt: skip
    """Set state and fields of a record right; see `Amending.correct`."""
    actor = practice.desk.who(by, "correct")
    must_say("reason", reason)
    if state is None and not values:
        raise InvalidInput.of("nothing_named", event="correct", choices=("a state", "a field"))

    def work(unit: Unit) -> Any:
        current = practice._held(unit, record, actor, expected)
        practice._may_amend(practice.correctors, actor, current, "correct")
        return put_right(practice, unit, current, actor, state, values, reason, at)

    return practice._run("correct", once, work, record, actor)


def put_right(
    practice: "Amending[Any]", unit: Unit, current: Any, actor: Actor, state: str | None, values: Mapping[str, Any],
    reason: str, at: datetime | None,
) -> Any:  # fmt: skip
    """Write a correction in a unit; roles have been judged."""
    shape = practice.shape
    values = shape.in_utc(values)
    _known(practice, state, values)
    happened = _moment(practice, current, at)
    context = practice._context(unit, actor, current, None, values, None, reason)
    if happened is not None:
        context.at = happened
    target = state if state is not None and (state != current.state or happened is not None) else None
    given = {**(practice.stamps(current.state, target, context.at) if target is not None else NOTHING), **values}
    proposed = shape.copy(current, {**given, **({"state": target} if target is not None else {})})
    computed = practice._derived(proposed)
    changed = {**given, **computed}
    if by_hand := list(practice._set_by_hand(current, shape.copy(proposed, computed), values)):
        raise Refused(*by_hand)
    if target is not None:
        changed["state"] = target
    says = {name for name in changed if happened is not None and name not in computed}
    changes = {
        name: Change(was, value)
        for name, value in changed.items()
        if (was := shape.read(current, name)) != value or name in says
    }
    if not changes:
        return current
    new = shape.copy(
        current,
        {
            **{name: change.new for name, change in changes.items()},
            "version": current.version + 1,
            "updated_at": max(current.updated_at, context.at),
        },
    )
    before = [(each.code, each.detail) for each in practice.inconsistencies(current)]
    if gained := [each for each in practice.inconsistencies(new) if (each.code, each.detail) not in before]:
        raise Refused(*gained)
    against = list(_against(practice, unit, current, new, context, target))
    if never := [each for each in against if each.code in _NEVER]:
        raise Refused(*never)
    waived = [each.code for each in against]
    if happened is not None and happened < current.updated_at:
        waived.append("out_of_order")
    entry = practice.lifecycle.engine.entry(
        "correction", context, current.id, new.version, event="correct",
        source=current.state if target is not None else None, target=target, changes=changes, judged="override",
        details={"waived": tuple(dict.fromkeys(waived))},
    )  # fmt: skip
    return unit.add(new, entry)


def _known(practice: "Amending[Any]", state: str | None, values: Mapping[str, Any]) -> None:
    """Refuse what no correction can write: unknown states and fields, wrong types, what the library sets."""
    if state is not None:
        practice.lifecycle.state(state)
    shape, aspects = practice.shape, {each.field: each for each in practice.aspects}
    reasons = list(shape.problems(values, locked=shape.locked - aspects.keys()) or ())
    for name in values.keys() & aspects.keys():
        known = aspects[name].by_name
        if values[name] not in known:
            near = nearest(values[name], known)
            reasons.append(Reason.of("not_a_choice", field=name, value=values[name], choices=list(known), nearest=near))
    if reasons:
        raise InvalidInput(*reasons)


def _moment(practice: "Amending[Any]", current: Any, at: datetime | None) -> datetime | None:
    """Return since when it was so, where that is told: not before the birth, and not in the future."""
    if at is None:
        return None
    told, now = instant(at), practice.desk.house.now()
    if told > now:
        raise InvalidInput.of("future", event="correct", at=told, now=now)
    if told < current.created_at:
        raise InvalidInput.of("out_of_order", event="correct", at=told, last=current.created_at)
    return told


def _against(
    practice: "Amending[Any]", unit: Unit, current: Any, new: Any, context: Context, target: str | None
) -> Iterator[Reason]:
    """Yield what would have been said against the same change as a step and an update: what is waived."""
    plain = {name: value for name, value in context.payload.items() if name not in practice.shape.locked}
    event = None
    if target is not None and target != current.state:
        event = practice.lifecycle.engine.event_between(current.state, target)
        if event is None:
            yield Reason.of("wrong_state", event="correct", state=current.state, sources=(), events=())
    asked = practice._context(unit, context.actor, current, event, plain, None, context.reason)
    if event is not None:
        yield from practice._moves.explain(current, event, asked).reasons
    else:
        try:
            practice._moves.update(current, asked)
        except Refused as refused:
            yield from refused.reasons
    yield from practice.objections(current, new, context, "correct")
    if len(plain) < len(context.payload):
        yield Reason.of("field_rule", field="state", rule="set by steps only")
