"""Duplicates: ending one record in favour of another, and taking that back."""

from collections.abc import Mapping
from typing import Any

from itil4.errors import Refused
from itil4.practices.linking import link, put
from itil4.practices.work import Working
from itil4.record import Actor
from itil4.storage.protocols import LinkRow
from itil4.storage.unit import Unit

Triple = tuple[str, str, str]
"""A link as (source, relation, target)."""


def merge(
    practice: Working[Any], record: Any, into: Any, event: str, payload: Mapping[str, Any], *,
    by: Actor | None, reason: str | None, once: str | None = None, expected: int | None = None,
) -> Any:  # fmt: skip
    """Link `record` as a duplicate of `into`, move its other links there, and end it by `event`; all in one unit.

    The entry of the step keeps which links were moved, so that `unmerge` can bring them back.

    Raises:
        Refused: `into` is closed or cancelled, or the step is not possible.
    """
    actor = practice.desk.who(by, "merge")

    def work(unit: Unit) -> Any:
        desk = practice.desk.clone(actor=actor, unit=unit)
        source = practice._held(unit, record, actor, expected)
        target = practice._held(unit, into, actor, None)
        if practice.lifecycle.category(target.state) in ("closed", "cancelled"):
            raise Refused.of(
                "merged", source=source.reference, text=f"{target.reference} is {target.state}.",
                remedy="Merge into an open one, or reopen that one first.",
            )  # fmt: skip
        link(desk, source, "duplicate_of", target, actor, reason, None)
        moved = _move_links(practice, unit, source.id, target.id, actor)
        current = unit.get(source.id)
        context = practice._context(unit, actor, current, event, payload, None, reason)
        new, entry = practice._moves.fire(current, event, context)
        practice._consistent(current, new, Refused, context, event)
        entry.details.data["moved"] = [list(each) for each in moved]  # type: ignore[index]  # not written yet
        return unit.add(new, entry)

    return practice._run("merge", once, work, record, actor)


def unmerge(
    practice: Working[Any], record: Any, event: str, *,
    by: Actor | None, reason: str | None, once: str | None = None, expected: int | None = None,
) -> Any:  # fmt: skip
    """Undo a merge by `event`: unlink the two and bring back those links that are still where they went.

    Raises:
        Refused: it was not merged, or is linked as a duplicate no longer.
    """
    actor = practice.desk.who(by, event)

    def work(unit: Unit) -> Any:
        source = practice._held(unit, record, actor, expected)
        new = practice._step(unit, source, event, actor, {}, None, reason, None)
        merged = [entry for entry in practice._entries(unit, new.id) if entry.details.get("moved") is not None]
        target = next((row.target for row in unit.links(new.id) if row.relation == "duplicate_of"), None)
        if target is None or not merged:
            raise Refused.of(
                "merged", source=source.reference, text="it is linked as a duplicate no longer.",
                remedy="Log a new incident.",
            )  # fmt: skip
        _put(practice, unit, "unlink", (new.id, "duplicate_of", target), actor, reason)
        for home in merged[-1].details["moved"]:
            was: Triple = (home[0], home[1], home[2])
            now: Triple = (_swapped(was[0], new.id, target), was[1], _swapped(was[2], new.id, target))
            if any(row[:3] == now for row in unit.links(now[0])) and _has_room(practice, unit, was, leaving=now):
                _put(practice, unit, "unlink", now, actor, "unmerged")
                _put(practice, unit, "link", was, actor, "unmerged")
        return unit.get(new.id)

    return practice._run(event, once, work, record, actor)


def _swapped(identity: str, old: str, new: str) -> str:
    return new if identity == old else identity


def _move_links(practice: Working[Any], unit: Unit, source: str, target: str, actor: Actor) -> list[Triple]:
    """Move what can be moved: a link that `target` has already, or has no room for, stays where it is."""
    moved: list[Triple] = []
    for backwards in (False, True):
        for row in list(unit.links(source, backwards=backwards)):
            other = row.source if backwards else row.target
            if other == target or not _known(practice, row):
                continue
            goes: Triple = (other, row.relation, target) if backwards else (target, row.relation, other)
            if _has_room(practice, unit, goes, leaving=row[:3]) and _may_go(practice, unit, goes):
                _put(practice, unit, "unlink", row[:3], actor, "moved")
                _put(practice, unit, "link", goes, actor, "moved")
                moved.append(row[:3])
    return moved


def _known(practice: Working[Any], row: LinkRow) -> bool:
    """Whether both ends are of kinds that this service management has."""
    kinds = practice.desk.house.kinds
    return row.source_kind in kinds and (row.target_kind in kinds or ":" in row.target)


def _has_room(practice: Working[Any], unit: Unit, goes: Triple, leaving: Triple | None = None) -> bool:
    """Whether the record that gets a link has it not yet, and may have one more of that relation."""
    relation, _ = practice.desk.house.relations.directed(goes[1])
    if relation.lasting:
        return False
    held = [row[:3] for row in unit.links(goes[0]) if row.relation == goes[1] and row[:3] != leaving]
    if goes in held or (relation.name == relation.inverse and _between(unit, goes)):
        return False
    return not (relation.single and held)


def _between(unit: Unit, goes: Triple) -> bool:
    return any(row.relation == goes[1] and row.target == goes[0] for row in unit.links(goes[2]))


def _may_go(practice: Working[Any], unit: Unit, goes: Triple) -> bool:
    """Whether a link would close no circle."""
    relation, _ = practice.desk.house.relations.directed(goes[1])
    return not relation.acyclic or goes[0] not in unit.trail(goes[2], goes[1])


def _put(practice: Working[Any], unit: Unit, op: Any, link: Triple, actor: Actor, reason: str | None) -> None:
    """Change one link of records that the actor may not see: the merge as a whole was judged."""
    desk = practice.desk
    start, name, stop = link
    end = stop if ":" in stop else unit.get(stop)
    put(desk, unit, op, desk.house.relations.directed(name)[0], unit.get(start), end, actor, reason)
