"""Answers about items as people read them: records and ways between them, and which services and customers are hit."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from itil4.errors import InvalidInput, Reason
from itil4.practices.configuration.graph import ConfigurationGraph, Reach
from itil4.practices.configuration.item import ConfigurationItem
from itil4.record import Actor
from itil4.value.services import Service

if TYPE_CHECKING:
    from itil4.practices.configuration.items import ConfigurationItems
    from itil4.practices.configuration.register import Register

IN_FORCE = ("active", "under_review")
"""The states in which an agreement holds."""


@attrs.frozen(eq=False)
class ItemReach:
    """Items that a walk reached, the nearest first, with the way to each of them.

    Attributes:
        start: the items that it began at.
        items: what it reached.
        reach, graph: the same by ids, as `ConfigurationGraph` answers it.
    """

    start: tuple[Any, ...]
    items: tuple[Any, ...]
    reach: Reach = attrs.field(repr=False)
    graph: ConfigurationGraph = attrs.field(repr=False)
    seen: Mapping[str, Any] = attrs.field(repr=False)

    def path(self, item: Any) -> tuple[Any, ...]:
        """Return a shortest way to an item (a record, its number or its id), both ends included.

        Raises:
            InvalidInput: it was not reached.
        """
        identity = item.id if isinstance(item, ConfigurationItem) else item
        if identity not in self.reach:
            named = (each.id for each in self.seen.values() if each.number == identity)
            identity = next(named, None)
        if identity is None or identity not in self.reach or identity not in self.seen:
            shown = item.reference if isinstance(item, ConfigurationItem) else item
            raise InvalidInput.of("not_reached", item=shown, start=[each.reference for each in self.start])
        return tuple(self.seen[each] for each in self.reach.path(identity) if each in self.seen)

    @property
    def paths(self) -> Mapping[str, tuple[Any, ...]]:
        """The reference of each item that was reached -> the way to it."""
        return {each.reference: self.path(each) for each in self.items}

    def draw(self, format: str = "mermaid") -> str:  # noqa: A002 - what pictures of lifecycles call it
        """Return a picture: `mermaid`, `dot` or `svg`."""
        from itil4.practices.configuration.pictures import draw

        return draw(self.graph, self.reach, format, only=frozenset(self.seen))

    def mermaid(self) -> str:
        """Return it as a Mermaid flow chart."""
        return self.draw("mermaid")

    def dot(self) -> str:
        """Return it in the language of Graphviz."""
        return self.draw("dot")

    def svg(self) -> str:
        """Return it as an SVG that needs nothing beside it."""
        return self.draw("svg")

    def __contains__(self, item: object) -> bool:
        identity = item.id if isinstance(item, ConfigurationItem) else item
        return any(identity in (each.id, each.number) for each in self.items)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@attrs.frozen(eq=False)
class ItemImpact(ItemReach):
    """What is hit when items fail.

    Attributes:
        start: the items that fail.
        items: the items that are hit besides.
        at_risk: items that redundancy keeps standing, each with the names of the groups that lost members.
        services: the names of the services that are hit.
        agreements: the agreements in force that are about these services.
        customers: the parties to whom service is promised in them (of agreements with customers, not with teams).
    """

    at_risk: tuple[tuple[Any, tuple[str, ...]], ...] = ()
    services: tuple[str, ...] = ()
    agreements: tuple[Any, ...] = ()
    customers: tuple[str, ...] = ()

    def outcomes(self, services: Iterable[Service]) -> Mapping[str, tuple[str, ...]]:
        """Return the outcomes that consumers cannot reach now: service name -> its outcomes, from services of value."""
        hit = set(self.services)
        return {each.name: each.outcomes for each in services if each.id in hit or each.name in hit}


def _seen(items: "ConfigurationItems[Any]", register: "Register", ids: Iterable[str], by: Actor | None) -> Any:
    wanted = list(ids)
    records = {each: register.record(each) for each in wanted}
    if by is None:
        return records
    unit = items.desk.reading()
    unit.get_all(wanted)
    return {each: record for each, record in records.items() if items._end_is_seen(unit, each, by)}


def reach_of(items: "ConfigurationItems[Any]", register: "Register", reach: Reach, by: Actor | None) -> ItemReach:
    """Return a walk in records that the reader may see."""
    seen = _seen(items, register, reach.came, by)
    start = tuple(seen[each] for each in reach.start if each in seen)
    return ItemReach(start, tuple(seen[each] for each in reach.items if each in seen), reach, register.graph, seen)


def impact_of(
    items: "ConfigurationItems[Any]", register: "Register", failed: Iterable[str], by: Actor | None
) -> ItemImpact:
    """Return what is hit when items fail, in records that the reader may see."""
    graph, wanted = register.graph, tuple(failed)
    for each in wanted:
        if each in register.held and each not in graph:
            gone = register.record(each)
            raise InvalidInput(Reason.of("item_over", item=gone.reference, state=gone.state))
    reach = graph.impact(*wanted)
    seen = _seen(items, register, (*reach.came, *reach.at_risk), by)
    hit = [seen[each] for each in reach.came if each in seen]
    services = tuple(dict.fromkeys(each.provides for each in hit if each.provides is not None))
    agreements = _agreements(items, services, by)
    return ItemImpact(
        start=tuple(seen[each] for each in reach.start if each in seen),
        items=tuple(seen[each] for each in reach.items if each in seen),
        reach=reach,
        graph=graph,
        seen=seen,
        at_risk=tuple((seen[each], groups) for each, groups in reach.at_risk.items() if each in seen),
        services=services,
        agreements=agreements,
        customers=tuple(dict.fromkeys(each.customer for each in agreements if each.type == "sla")),
    )


def _agreements(items: "ConfigurationItems[Any]", services: tuple[str, ...], by: Actor | None) -> tuple[Any, ...]:
    if not services:
        return ()
    now, wanted = items.desk.house.now(), set(services)
    held = items.desk.in_slot("service_levels").each(state__in=IN_FORCE, by=by)
    return tuple(each for each in held if each.starts_at <= now < each.ends_at and not wanted.isdisjoint(each.services))
