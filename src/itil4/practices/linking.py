"""Links between records: typed at both ends, never dangling, and free of circles where the relation says so."""

from datetime import datetime
from typing import Any

from itil4.errors import InvalidInput, Refused
from itil4.practices.desk import Desk
from itil4.record import PERSON, Actor, Link, Record, person
from itil4.storage.protocols import LinkRow
from itil4.storage.unit import Unit, link_row


def link(
    desk: Desk, source: Any, relation: str, target: Any, by: Actor | None, reason: str | None, at: datetime | None
) -> Any:
    """Link two records (or a record and a person) in the direction that the name says; return `source` as it is now.

    The entry stands in the history of the end from which the relation is defined.

    Raises:
        InvalidInput: the relation is unknown or does not go between these kinds.
        Refused: a link to itself, twice, a second one of a single relation, or one that closes a circle.
        NotFound: an end is not there, or not for this actor to see.
    """
    return _changed(desk, source, relation, target, by, reason, at, add=True)


def unlink(
    desk: Desk, source: Any, relation: str, target: Any, by: Actor | None, reason: str | None, at: datetime | None
) -> Any:
    """Remove a link; its history stays. Return `source` as it is now.

    Raises:
        Refused: there is no such link.
    """
    return _changed(desk, source, relation, target, by, reason, at, add=False)


def _changed(
    desk: Desk,
    source: Any,
    name: str,
    target: Any,
    by: Actor | None,
    reason: str | None,
    at: datetime | None,
    *,
    add: bool,
) -> Any:
    op = "link" if add else "unlink"
    actor = desk.who(by, op)
    relation, backwards = desk.house.relations.directed(name)
    with desk.working() as unit:
        ends = [_end(desk, unit, each, actor) for each in ((target, source) if backwards else (source, target))]
        (start, start_kind), (stop, stop_kind) = ends
        if start_kind == PERSON or not relation.allows(start_kind, stop_kind):
            allowed = " and ".join(f"from {a} to {b}" for a, b in sorted(relation.ends)) or "between records"
            raise InvalidInput.of(
                "link_ends", relation=relation.name, source=start_kind, target=stop_kind, allowed=allowed
            )
        practice = desk.of_kind(start_kind)
        context = practice._context(unit, actor, start, None, {}, at, reason)
        practice._may_edit(start, actor, op)
        stop_id = stop if stop_kind == PERSON else stop.id
        row = link_row(Link(start.id, relation.name, stop_id, context.at, actor.id), start_kind, stop_kind)
        if add:
            _allow(unit, desk, row, start, stop, relation.acyclic, relation.single)
            unit.add_link(row)
        else:
            if relation.lasting:
                raise Refused.of("link_lasts", source=start.reference, relation=relation.name, target=_shown(stop))
            held = [each for each in unit.links(start.id) if each[:3] == row[:3]]
            if not held:
                raise Refused.of("link_missing", source=start.reference, relation=name, target=_shown(stop))
            unit.remove_link(held[0])
        new, entry = practice.lifecycle.engine.append(start, op, context, details={"link": (relation.name, stop_id)})
        unit.add(new, entry)
    return unit.get(source_id(source, start, stop, backwards))


def source_id(source: Any, start: Any, stop: Any, backwards: bool) -> str:
    """Return the id of the record that the caller named first."""
    return str(stop.id if backwards else start.id)


def _end(desk: Desk, unit: Unit, value: Any, actor: Actor) -> tuple[Any, str]:
    """Return the stored record of an end, or the mark of a person, and its kind."""
    if isinstance(value, Actor):
        return person(value.id), PERSON
    if isinstance(value, Record):
        practice = next((desk[cls] for cls in desk.house.practices.values() if isinstance(value, cls.record)), None)
        if practice is None:
            raise InvalidInput.of("foreign_record", value=value, record="record")
        return practice._held(unit, value, actor, None), practice.kind
    if isinstance(value, str):
        found = locate(desk, unit, value, actor)
        return found, unit.kind_of(found.id).name
    raise InvalidInput.of("foreign_record", value=value, record="record")


def locate(desk: Desk, unit: Unit, reference: str, actor: Actor | None) -> Any:
    """Return the record of any practice with that number or id.

    Raises:
        NotFound: no practice has one that this actor may see.
    """
    from itil4.errors import NotFound

    missing: NotFound | None = None
    for cls in desk.house.practices.values():
        try:
            return desk[cls]._get(unit, reference, actor)
        except NotFound as error:
            missing = error
    raise missing or NotFound.of("not_found", record="record", value=reference, actor=actor.id if actor else "anybody")


def _allow(unit: Unit, desk: Desk, row: LinkRow, start: Any, stop: Any, acyclic: bool, single: bool) -> None:
    shown = {"source": start.reference, "relation": row.relation, "target": _shown(stop)}
    if row.source == row.target:
        raise Refused.of("self_link", record=start.reference)
    held = [each for each in unit.links(row.source) if each.relation == row.relation]
    inverse = desk.house.relations.inverse(row.relation) == row.relation
    mirrored = inverse and any(
        each.target == row.source and each.relation == row.relation for each in unit.links(row.target)
    )
    if mirrored or any(each.target == row.target for each in held):
        raise Refused.of("link_exists", **shown)
    if single and held:
        raise Refused.of("link_single", **shown)
    ends = [row.source] if isinstance(stop, str) else [row.source, row.target]
    if acyclic and row.source in unit.trail(row.target, row.relation):
        raise Refused.of("link_cycle", **shown)
    if single or acyclic:
        unit.depend(ends)


def _shown(end: Any) -> str:
    return end if isinstance(end, str) else str(end.reference)
