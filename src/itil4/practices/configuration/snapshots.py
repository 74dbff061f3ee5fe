"""All items and relations of a moment as one plain value, and what differs between two of them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from itil4.practices.configuration.graph import ConfigurationGraph, Redundancy, still_standing
from itil4.practices.configuration.item import OVER
from itil4.practices.configuration.relations import ITEM_RELATIONS, ItemRelation
from itil4.record import PROTECTED, Frozen

if TYPE_CHECKING:
    from itil4.practices.configuration.register import Register

_OWN = PROTECTED | {"extra"}


def _deep(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Frozen({str(name): _deep(each) for name, each in value.items()})
    return tuple(_deep(each) for each in value) if isinstance(value, (list, tuple)) else value


@attrs.frozen
class ItemState:
    """An item as it was: its fields as plain values, as a store writes them."""

    id: str
    number: str | None
    name: str
    type: str
    state: str
    category: str
    values: Mapping[str, Any] = attrs.field(converter=_deep, hash=False)

    @property
    def reference(self) -> str:
        """How people call it."""
        return self.number or self.id


@attrs.frozen
class Related:
    """One relation between two items, by their ids."""

    source: str
    relation: str
    target: str


@attrs.frozen
class Changed:
    """A field of an item that differs: what it was, and what it is."""

    item: ItemState
    field: str
    old: Any
    new: Any


@attrs.frozen
class SnapshotDiff:
    """What differs between two snapshots: items that came, went or changed, and relations that came or went."""

    added: tuple[ItemState, ...] = ()
    removed: tuple[ItemState, ...] = ()
    changed: tuple[Changed, ...] = ()
    related: tuple[Related, ...] = ()
    unrelated: tuple[Related, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return any((self.added, self.removed, self.changed, self.related, self.unrelated))


@attrs.frozen
class Snapshot:
    """Items and relations of a moment: a frozen value that can be kept, compared, and asked as a graph."""

    items: tuple[ItemState, ...] = ()
    relations: tuple[Related, ...] = ()

    def graph(self, relations: Iterable[ItemRelation] = ITEM_RELATIONS) -> ConfigurationGraph:
        """Return the items that were not gone, as a graph."""
        there = {each.id: each for each in self.items if each.category not in OVER}
        gone = {each.id for each in self.items} - there.keys()
        return ConfigurationGraph(
            [
                (each.source, each.relation, each.target)
                for each in self.relations
                if each.source in there and each.target in there
            ],
            items=there,
            redundancy={
                each.id: still_standing(
                    (Redundancy(group["name"], group["needs"], group["members"]) for group in groups), gone
                )
                for each in there.values()
                if (groups := each.values.get("redundancy"))
            },
            relations=tuple(relations),
            labels={each.id: each.name for each in there.values()},
        )

    def diff(self, earlier: "Snapshot") -> SnapshotDiff:
        """Return what became different since an earlier snapshot; of a diff of two equal ones nothing is true.

        >>> first = Snapshot((ItemState("1", "CI1", "db", "server", "live", "resolved", {"vendor": "acme"}),))
        >>> then = Snapshot((ItemState("1", "CI1", "db", "server", "live", "resolved", {"vendor": "other"}),))
        >>> [(each.item.name, each.field, each.old, each.new) for each in then.diff(first).changed]
        [('db', 'vendor', 'acme', 'other')]
        """
        was, now = {each.id: each for each in earlier.items}, {each.id: each for each in self.items}
        before, after = set(earlier.relations), set(self.relations)
        changed = [
            Changed(item, name, old, new)
            for item in self.items
            if item.id in was
            for name, old, new in _fields(was[item.id], item)
        ]
        return SnapshotDiff(
            added=tuple(each for each in self.items if each.id not in was),
            removed=tuple(each for each in earlier.items if each.id not in now),
            changed=tuple(changed),
            related=tuple(each for each in self.relations if each not in before),
            unrelated=tuple(each for each in earlier.relations if each not in after),
        )


def _fields(old: ItemState, new: ItemState) -> Iterable[tuple[str, Any, Any]]:
    for name in ("name", "type", "state"):
        if getattr(old, name) != getattr(new, name):
            yield name, getattr(old, name), getattr(new, name)
    for name in sorted(old.values.keys() | new.values.keys()):
        if old.values.get(name) != new.values.get(name):
            yield name, old.values.get(name), new.values.get(name)


def snapshot_of(register: "Register") -> Snapshot:
    """Return a register as plain values, in an order of its own."""
    items = []
    for identity in sorted(register.held):
        record, category = register.held[identity]
        stored = register.stored[type(record)]
        names = [name for name in (*stored.shape.fields, *stored.shape.extra) if name not in _OWN]
        values = {
            name: stored.codec.plain(name, value)
            for name in names
            if name not in ("name", "type") and (value := stored.shape.read(record, name)) not in (None, (), "")
        }
        items.append(ItemState(identity, record.number, record.name, record.type, record.state, category, values))
    relations = tuple(Related(*edge) for edge in sorted(register.edges))
    return Snapshot(tuple(items), relations)


__all__ = ["Changed", "ItemState", "Related", "Snapshot", "SnapshotDiff"]
