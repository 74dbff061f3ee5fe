"""Duplicates: ending one record in favour of another, and taking that back."""

from collections.abc import Mapping
from typing import Any

from itil4.errors import Refused
from itil4.practices.linking import link, unlink
from itil4.practices.work import Working
from itil4.record import PERSON, Actor
from itil4.storage.unit import Unit


def merge(
    practice: Working[Any],
    record: Any,
    into: Any,
    event: str,
    payload: Mapping[str, Any],
    *,
    by: Actor | None,
    reason: str | None,
) -> Any:
    """Link `record` as a duplicate of `into`, move its other links there, and end it by `event`; all in one unit.

    The entry of the step keeps which links were moved, so that `unmerge` can bring them back.

    Raises:
        Refused: `into` is closed or cancelled, or the step is not possible.
    """
    actor = practice.desk.who(by, "merge")
    with practice.desk.working() as unit:
        own = _within(practice, unit, actor)
        source, target = own._held(unit, record, actor, None), own._held(unit, into, actor, None)
        if own.lifecycle.category(target.state) in ("closed", "cancelled"):
            raise Refused.of(
                "merged", source=source.reference, text=f"{target.reference} is {target.state}.",
                remedy="Merge into an open one, or reopen that one first.",
            )  # fmt: skip
        source = link(own.desk, source, "duplicate_of", target, actor, reason, None)
        moved = _move_links(own, unit, source.id, target.id, actor)
        current = unit.get(source.id)
        context = own._context(unit, actor, current, event, payload, None, reason)
        new, entry = own.lifecycle.fire(current, event, context)
        entry.details.data["moved"] = moved  # type: ignore[index]  # the entry is not written yet
        unit.add(new, entry)
    return unit.get(source.id)


def unmerge(practice: Working[Any], record: Any, event: str, *, by: Actor | None, reason: str | None) -> Any:
    """Undo a merge by `event`: unlink the two and bring back those links that are still where they went."""
    actor = practice.desk.who(by, event)
    with practice.desk.working() as unit:
        own = _within(practice, unit, actor)
        source = own._held(unit, record, actor, None)
        merged = [entry for entry in own.history(source) if entry.details.get("moved") is not None]
        new = own._step(unit, source, event, actor, {}, None, reason, None)
        target = next(row.target for row in unit.links(new.id) if row.relation == "duplicate_of")
        unlink(own.desk, new, "duplicate_of", unit.get(target), actor, reason, None)
        for home in merged[-1].details["moved"]:
            now = tuple(target if each == new.id else each for each in home)
            if any(row[:3] == now for row in unit.links(now[0])):
                _relink(own, unit, now, tuple(home), actor)
    return unit.get(new.id)


def _within(practice: Working[Any], unit: Unit, actor: Actor) -> Any:
    return practice.desk.clone(actor=actor, unit=unit)[type(practice)]  # type: ignore[type-var]


def _move_links(own: Working[Any], unit: Unit, source: str, target: str, actor: Actor) -> list[list[str]]:
    moved = []
    taken = {row[:3] for side in (False, True) for row in unit.links(target, backwards=side)}
    for backwards in (False, True):
        for row in list(unit.links(source, backwards=backwards)):
            if row.relation == "duplicate_of" and row.source == source:
                continue
            other = row.source if backwards else row.target
            goes = (other, row.relation, target) if backwards else (target, row.relation, other)
            if goes not in taken and other != target and _has_room(own, unit, goes, backwards):
                _relink(own, unit, row[:3], goes, actor)
                moved.append([*row[:3]])
    return moved


def _has_room(own: Working[Any], unit: Unit, goes: tuple[str, str, str], backwards: bool) -> bool:
    """Whether a single relation is still free at the record that stays."""
    relation, _ = own.desk.house.relations.directed(goes[1])
    return backwards or not relation.single or not any(row.relation == goes[1] for row in unit.links(goes[0]))


def _relink(own: Working[Any], unit: Unit, old: tuple[str, ...], new: tuple[str, ...], actor: Actor) -> None:
    def end(identity: str) -> Any:
        kind, colon, name = identity.partition(":")
        if colon and kind == PERSON:
            return Actor(name)
        return next(iter(unit.get_all([identity])), identity)

    unlink(own.desk, end(old[0]), old[1], end(old[2]), actor, "moved", None)
    link(own.desk, end(new[0]), new[1], end(new[2]), actor, "moved", None)
