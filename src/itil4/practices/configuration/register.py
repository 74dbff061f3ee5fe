"""All items and relations at once: as they are stored, or as their histories tell them for a moment."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import attrs

from itil4.clock import instant
from itil4.errors import Reason
from itil4.practices.configuration.graph import ConfigurationGraph, Edge, still_standing
from itil4.practices.configuration.item import OVER, ConfigurationItem
from itil4.practices.configuration.policy import ConfigurationPolicy
from itil4.practices.configuration.relations import ItemRelation
from itil4.record import replay
from itil4.storage.kinds import Kind
from itil4.storage.query import Query

if TYPE_CHECKING:
    from itil4.practices.configuration.items import ConfigurationItems

_HERE = "itil4.practices.configuration."


@attrs.frozen(slots=False)  # with slots, cached properties would slow every look at an attribute
class Register:
    """Items by their ids, those that are gone included, and the relations between them."""

    relations: tuple[ItemRelation, ...]
    held: Mapping[str, tuple[Any, str]]
    """Id -> the item, and the category of its state."""
    edges: tuple[Edge, ...]
    stored: Mapping[type, Kind]
    """Record type -> how storage sees it."""

    @cached_property
    def graph(self) -> ConfigurationGraph:
        """The items that are not gone, and their relations."""
        there = {each for each, (_, category) in self.held.items() if category not in OVER}
        gone = self.held.keys() - there
        return ConfigurationGraph(
            (edge for edge in self.edges if edge[0] in there and edge[2] in there),
            items=there,
            redundancy={each: still_standing(self.held[each][0].redundancy, gone) for each in there},
            relations=self.relations,
            labels={each: f"{self.held[each][0].name}" for each in there},
        )

    def record(self, identity: str) -> Any:
        """Return the item of that id."""
        return self.held[identity][0]


def family(items: "ConfigurationItems[Any]") -> list[str]:
    """Return the kinds of all practices of items here: the built-in one, and those that a host derived from it."""
    from itil4.practices.configuration.items import ConfigurationItems

    found = []
    for place in items.desk.house.practices.places.values():
        ours = place.held if place.held is not None else (place.home.startswith(f"{_HERE}items:") and place.practice)
        if ours and issubclass(ours, ConfigurationItems):
            found.append(place.kind)
    return found


def stored_kinds(items: "ConfigurationItems[Any]") -> dict[type, Kind]:
    """Return the record type of each practice of items, with how storage sees it."""
    kinds = (items.desk.of_kind(kind).stored for kind in family(items))
    return {each.shape.record: each for each in kinds}


def records_now(items: "ConfigurationItems[Any]") -> dict[str, tuple[Any, str]]:
    """Return all items: what is stored, and over it what an open unit has changed."""
    desk, found = items.desk, dict[str, tuple[Any, str]]()
    kinds = {each.name: each for each in stored_kinds(items).values()}
    for kind, stored in kinds.items():
        read = stored.codec.record
        for row in desk.house.store.find(desk.house.tenant, Query(kind)):
            found[row.id] = (read(row), row.category)
    open_unit = desk._open_unit()
    for stored, record, _, _ in open_unit.changed() if open_unit is not None else ():
        if stored.name in kinds:
            found[record.id] = (record, stored.category(record.state))
    return found


def links_now(items: "ConfigurationItems[Any]", ids: list[str]) -> tuple[Edge, ...]:
    """Return the relations between these items; one to an item that was born meanwhile is left out."""
    desk, known, there = items.desk, {each.name for each in items.item_relations}, set(ids)
    unit = desk._open_unit()
    rows = desk.house.store.links(desk.house.tenant, ids) if unit is None else unit.links_of(ids)
    return tuple(row[:3] for row in rows if row.relation in known and row.target in there)


def register_at(items: "ConfigurationItems[Any]", at: datetime) -> Register:
    """Return the items and relations as of a moment, from what is now known to have happened by then."""
    at, desk = instant(at), items.desk
    known = {each.name for each in items.item_relations}
    held: dict[str, tuple[Any, str]] = {}
    edges: list[Edge] = []
    kinds = stored_kinds(items)
    for stored in kinds.values():
        for entries in desk.of_kind(stored.name).histories():
            past = list(takewhile(lambda entry: entry.at <= at, entries))
            if not past:
                continue
            identity = past[0].record_id
            record = replay(past, stored.shape)
            held[identity] = (record, stored.category(record.state))
            linked: dict[tuple[str, str], None] = {}
            for entry in past:
                if entry.link is not None and entry.op == "link":
                    linked[entry.link] = None
                elif entry.link is not None:
                    linked.pop(entry.link, None)
            edges += [(identity, name, target) for name, target in linked if name in known]
    return Register(items.item_relations, held, tuple(edge for edge in edges if edge[2] in held), kinds)


def audit(register: Register, policy: ConfigurationPolicy) -> Iterator[Reason]:
    """Yield what does not fit: relations to what is gone, unfit types, and groups that do not count."""
    held = register.held
    hit = {each.name: each.hit for each in register.relations}
    for source, name, target in register.edges:
        (first, one), (second, other) = held[source], held[target]
        if one not in OVER and other in OVER and hit[name] != "target":
            yield _gone(first, name, second)
        if other not in OVER and one in OVER and hit[name] != "source":
            yield _gone(second, name, first)
        if not policy.may(name, first.type, second.type):
            allowed = [f"{a} to {b}" for a, b in sorted(policy.between[name])]
            yield Reason.of("types_unrelated", relation=name, source=first.type, target=second.type, allowed=allowed)
    graph = register.graph
    for identity in graph.items:
        item: ConfigurationItem = register.record(identity)
        rests = set(graph.supporters.get(identity, ()))
        for group in item.redundancy:
            if idle := [_named(held, each) for each in group.members if each not in rests]:
                yield Reason.of("idle_members", item=item.reference, group=group.name, members=idle)


def _gone(item: Any, relation: str, other: Any) -> Reason:
    return Reason.of("rests_on_gone", item=item.reference, relation=relation, other=other.reference, state=other.state)


def _named(held: Mapping[str, tuple[Any, str]], identity: str) -> str:
    return str(held[identity][0].reference) if identity in held else identity
