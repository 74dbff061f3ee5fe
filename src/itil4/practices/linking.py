"""Links between records: typed at both ends, never dangling, and free of circles where the relation says so."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from itil4.errors import InvalidInput, NotFound, Reason, Refused
from itil4.practices.desk import Desk
from itil4.record import PERSON, Actor, Link, Record, Relation, person
from itil4.storage.protocols import LinkRow
from itil4.storage.unit import Unit, link_row


def link(
    desk: Desk, source: Any, relation: str, target: Any, by: Actor | None, reason: str | None, at: datetime | None,
    once: str | None = None, expected: int | None = None,
) -> Any:  # fmt: skip
    """Link two records (or a record and a person) in the direction that the name says; return `source` as it is now.

    The entry stands in the history of the end from which the relation is defined.

    Raises:
        InvalidInput: the relation is unknown or does not go between these kinds.
        Refused: a link to itself, twice, a second one of a single relation, or one that closes a circle.
        NotFound: an end is not there, or not for this actor to see.
    """
    return _changed(desk, "link", source, relation, target, by, reason, at, once, expected)


def unlink(
    desk: Desk, source: Any, relation: str, target: Any, by: Actor | None, reason: str | None, at: datetime | None,
    once: str | None = None, expected: int | None = None,
) -> Any:  # fmt: skip
    """Remove a link; its history stays. Return `source` as it is now.

    Raises:
        Refused: there is no such link.
    """
    return _changed(desk, "unlink", source, relation, target, by, reason, at, once, expected)


def _changed(
    desk: Desk, op: Literal["link", "unlink"], source: Any, name: str, target: Any, by: Actor | None,
    reason: str | None, at: datetime | None, once: str | None, expected: int | None,
) -> Any:  # fmt: skip
    actor = desk.who(by, op)
    relation, backwards = desk.house.relations.directed(name)
    practice = _practice_of(desk, source, actor)
    if practice is None:
        raise InvalidInput.of("link_ends", relation=name, source=PERSON, target="anything", allowed=_ways(relation))

    def work(unit: Unit) -> Any:
        own, _ = end_of(desk, unit, source, actor)
        unit.expect(own, expected)
        other, _ = end_of(desk, unit, target, actor)
        start, stop = (other, own) if backwards else (own, other)
        put(desk, unit, op, relation, start, stop, actor, reason, at, judged=True)
        return unit.get(own.id)

    return practice._run(op, once, work, source, actor)


def put(
    desk: Desk, unit: Unit, op: Literal["link", "unlink"], relation: Relation, start: Any, stop: Any, actor: Actor,
    reason: str | None, at: datetime | None = None, *, judged: bool = False,
) -> None:  # fmt: skip
    """Make or remove one link in a unit, with its entry.

    `start` is a record, `stop` a record or the mark of a person. Whether the actor may change the
    links of `start` is asked when it is `judged`.
    """
    kind, stop_kind = (end if isinstance(end, str) else unit.kind_of(end.id).name for end in (start, stop))
    kind, stop_kind = (each.partition(":")[0] for each in (kind, stop_kind))
    if kind == PERSON or not relation.allows(kind, stop_kind):
        raise InvalidInput.of(
            "link_ends", relation=relation.name, source=kind, target=stop_kind, allowed=_ways(relation)
        )
    practice = desk.of_kind(kind)
    context = practice._context(unit, actor, start, None, {}, at, reason)
    stop_id = stop if isinstance(stop, str) else stop.id
    if judged and stop_id != person(actor.id):  # whoever sees a record may follow it
        _may_link(desk, practice, start, kind, stop, stop_kind, actor, op)
    if judged and (reasons := tuple(_objections(desk, unit, op, relation, (kind, start), (stop_kind, stop), context))):
        raise Refused(*reasons)
    row = link_row(Link(start.id, relation.name, stop_id, context.at, actor.id), kind, stop_kind)
    if op == "link":
        _allow(unit, desk, row, start, stop, relation)
        unit.add_link(row)
    else:
        if relation.lasting:
            raise Refused.of("link_lasts", source=start.reference, relation=relation.name, target=_shown(stop))
        held = next((each for each in _between(unit, desk, row) if each[:3] in (row[:3], _mirror(row))), None)
        if held is None:
            raise Refused.of("link_missing", source=start.reference, relation=relation.name, target=_shown(stop))
        if held.source != start.id:  # a relation that is its own inverse, asked for from its other end
            put(desk, unit, op, relation, stop, start, actor, reason, at)
            return
        unit.remove_link(held)
    new, entry = practice.lifecycle.engine.append(start, op, context, details={"link": (relation.name, stop_id)})
    unit.add(new, entry)


def _may_link(
    desk: Desk, practice: Any, start: Any, kind: str, stop: Any, stop_kind: str, actor: Actor, op: str
) -> None:  # fmt: skip
    """Refuse who may neither change the source nor, from the other practice, bring its records to their own.

    Raises:
        Refused: with the roles that the source needs.
    """
    if not isinstance(stop, str) and stop_kind != kind:
        other = desk.of_kind(stop_kind)
        if not other.linkers.isdisjoint(other.roles_of(actor, stop, desk.house.now())):
            return
    practice._may_edit(start, actor, op)


def _objections(
    desk: Desk, unit: Unit, op: str, relation: Relation, start: tuple[str, Any], stop: tuple[str, Any], context: Any
) -> Iterable[Reason]:
    """Yield what the practices of the two ends have against it, each asked once."""
    for kind in dict.fromkeys(kind for kind, end in (start, stop) if not isinstance(end, str)):
        yield from desk.of_kind(kind).link_objections(unit, op, relation, start[1], stop[1], context)


def _ways(relation: Relation) -> str:
    return " and ".join(f"from {a} to {b}" for a, b in sorted(relation.ends)) or "between records"


def _practice_of(desk: Desk, value: Any, actor: Actor | None) -> Any:
    """Return the practice whose record `value` is or names; None for a person."""
    if isinstance(value, Actor):
        return None
    if isinstance(value, Record):
        found = next((desk[cls] for cls in desk.house.practices.values() if type(value) is cls.record), None)
        found = found or next(
            (desk[cls] for cls in desk.house.practices.values() if isinstance(value, cls.record)), None
        )
        if found is not None:
            return found
    elif isinstance(value, str):
        unit = desk.reading()
        return desk.of_kind(unit.kind_of(locate(desk, unit, value, actor).id).name)
    raise InvalidInput.of("foreign_record", value=value, record="record")


def end_of(desk: Desk, unit: Unit, value: Any, actor: Actor | None) -> tuple[Any, str]:
    """Return the stored record of an end, or the mark of a person, and its kind.

    Raises:
        NotFound: there is no such record, or none that this actor may see.
        InvalidInput: it is neither a record, nor the number or id of one, nor an actor.
    """
    if isinstance(value, Actor):
        return person(value.id), PERSON
    if isinstance(value, Record):
        practice = _practice_of(desk, value, actor)
        return practice._held(unit, value, actor, None), practice.kind
    if isinstance(value, str):
        found = locate(desk, unit, value, actor)
        return found, unit.kind_of(found.id).name
    raise InvalidInput.of("foreign_record", value=value, record="record")


def locate(desk: Desk, unit: Unit, reference: str, actor: Actor | None) -> Any:
    """Return the record of any practice with that number or id.

    The practice that gives numbers of that form is asked first, and the others only where it has none.

    Raises:
        NotFound: no practice has one that this actor may see.
        InvalidInput: the number is one of several records, of other systems or of other kinds.
    """
    if not isinstance(reference, str):
        raise InvalidInput.of("foreign_record", value=reference, record="record")
    classes = sorted(desk.house.practices.values(), key=lambda cls: not _numbers(cls.prefix, reference))
    found: list[Any] = []
    for cls in classes:
        try:
            found.append(desk[cls]._get(unit, reference, actor))
        except NotFound:
            continue
        if _numbers(cls.prefix, reference) or found[0].id == reference:
            break
    if not found:
        raise NotFound.of("not_found", record="record", value=reference, actor=actor.id if actor else "anybody")
    if len(found) > 1:
        foreign = found[1]
        raise InvalidInput.of(
            "ambiguous_number", value=reference, own=found[0].id, foreign=foreign.id,
            system=foreign.origin.system if foreign.origin else "this store",
        )  # fmt: skip
    return found[0]


def _numbers(prefix: str, reference: str) -> bool:
    return reference.startswith(prefix) and reference[len(prefix) :].isdecimal()


def _mirror(row: LinkRow) -> tuple[str, str, str]:
    return row.target, row.relation, row.source


def _between(unit: Unit, desk: Desk, row: LinkRow) -> list[LinkRow]:
    """Return the links of a relation that leave its source, and its target where the relation has no direction."""
    ends = [row.source, row.target] if desk.house.relations.inverse(row.relation) == row.relation else [row.source]
    return [each for each in unit.links_of(ends) if each.relation == row.relation]


def _allow(unit: Unit, desk: Desk, row: LinkRow, start: Any, stop: Any, relation: Relation) -> None:
    shown = {"source": start.reference, "relation": row.relation, "target": _shown(stop)}
    if row.source == row.target:
        raise Refused.of("self_link", record=start.reference)
    held = _between(unit, desk, row)
    if any(each[:3] in (row[:3], _mirror(row)) for each in held):
        raise Refused.of("link_exists", **shown)
    if relation.single and any(each.source == row.source for each in held):
        raise Refused.of("link_single", **shown)
    if relation.acyclic and row.source in unit.trail(row.target, row.relation):
        raise Refused.of("link_cycle", **shown)
    if relation.single or relation.acyclic or relation.name == relation.inverse:
        unit.depend([row.source] if isinstance(stop, str) else [row.source, row.target])


def _shown(end: Any) -> str:
    return end if isinstance(end, str) else str(end.reference)
