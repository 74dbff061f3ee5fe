"""Writes a decided change down: the record's next value, and the entry that says what happened.

This is the hot path: entries are filled in as twins (see `itil4.record.copying`), and nothing is
built that the change does not need.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from itil4.lifecycle.context import Context
from itil4.record import Added, Change, Details, Entry, Shape
from itil4.record.copying import Stepper, stepper, twin_of
from itil4.record.history import Judged, Op

if TYPE_CHECKING:
    from itil4.lifecycle.engine import Engine

_ENTRY: Any = twin_of(Entry)
_make = object.__new__
_tuple = tuple.__new__


def write(
    engine: "Engine", record: Any, op: Op, context: Context, shape: Shape, changes: Mapping[str, Any],
    event: str | None, source: str | None, target: str | None, roles: tuple[str, ...], judged: Judged,
    details: Mapping[str, Any] | None,
) -> tuple[Any, Entry]:  # fmt: skip
    """Return the record with checked `changes`, `target` and one more version, and its entry."""
    fields = shape.fields
    said: dict[str, Change | Added] = {}
    new: dict[str, Any] = {}
    for name, value in changes.items():
        old = getattr(record, name) if name in fields else shape.read(record, name)
        if old is not value and old != value:
            new[name] = value
            said[name] = change_of(old, value)
    if target is not None and target != source:
        new[engine.field] = target
        said[engine.field] = _tuple(Change, (source, target))
    seq = getattr(record, "version", 0) + 1
    if "version" in fields:
        new["version"] = seq
    if "updated_at" in fields:
        new["updated_at"] = context.at
    entry = line(
        engine, op, context, record.id if "id" in fields else "", seq, event, source if target is not None else None,
        target, said, roles, judged, details,
    )  # fmt: skip
    return shape.copy(record, new), entry


def write_step(
    engine: "Engine", record: Any, context: Context, shape: Shape, changes: Mapping[str, Any], event: str,
    source: str, target: str | None, roles: tuple[str, ...],
) -> tuple[Any, Entry]:  # fmt: skip
    """Do what `write` does, for a step of a record whose class allows the fast copy."""
    step = engine.steppers.get(shape.record)
    if step is None or shape.extra.types:
        step = None if shape.extra.types else _stepper(engine, shape.record)
        if step is None:
            return write(engine, record, "step", context, shape, changes, event, source, target, roles, "full", None)
    said: dict[str, Change | Added] = {}
    after, record_id, seq = step(record, changes, target, context.at, said)
    if target != source:
        said[engine.field] = engine.moves[source][target]
    return after, line(engine, "step", context, record_id, seq, event, source, target, said, roles, "full", None)


def _stepper(engine: "Engine", kind: type) -> Stepper | None:
    """Return the fast copy of a class, compiled once, or None where it allows none."""
    step = stepper(kind, engine.field, change_of)
    if step is not None:
        engine.steppers[kind] = step
    return step


def change_of(old: Any, new: Any) -> Change | Added:
    """Return what turns `old` into `new`, as `itil4.record.change_between` does."""
    if type(new) is tuple and type(old) is tuple and len(new) > len(old) and new[: len(old)] == old:
        return Added(new[len(old) :])
    made: Change = _tuple(Change, (old, new))
    return made


def line(
    engine: "Engine", op: Op, context: Context, record_id: str, seq: int, event: str | None, source: str | None,
    target: str | None, changes: Mapping[str, Change | Added], roles: tuple[str, ...], judged: Judged,
    details: Mapping[str, Any] | None,
) -> Entry:  # fmt: skip
    """Return one line of a history."""
    actor = context.actor
    new: Any = _ENTRY()
    data: dict[str, Any]
    if target is None:
        data = {"changes": changes} if changes else {}
        new.lifecycle = None
    else:
        digest = engine._digest or engine.digest
        data = {"digest": digest, "changes": changes} if changes else {"digest": digest}
        new.lifecycle = engine.name
    if roles:
        data["roles"] = roles
    if context.reason is not None:
        data["reason"] = context.reason
    if actor.on_behalf_of is not None:
        data["on_behalf_of"] = actor.on_behalf_of
    if actor.via is not None:
        data["via"] = actor.via
    if context.cause is not None:
        data["cause"] = context.cause
    if context.correlation is not None:
        data["correlation"] = context.correlation
    if details:
        data.update(details)
    told: Any = _make(Details)
    told._data = data
    told._load = None
    new.record_id = record_id
    new.kind = context.kind
    new.seq = seq
    new.op = op
    new.event = event
    new.from_state = source
    new.to_state = target
    new.at = context.at
    new.recorded_at = context.now
    new.by = actor.id
    new.judged = judged
    new.unit = context.unit
    new.origin = context.origin
    new.tenant = context.tenant
    new.details = told
    new.__class__ = Entry
    made: Entry = new
    return made
