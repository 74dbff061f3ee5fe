"""What depends on what: a graph of configuration items as a plain value, and the questions that people ask of it.

It knows no record and no store. Items are names; an edge is (source, relation, target). Every walk is a loop over a
list that meets each item once, so circles end and a chain of any length fits.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeAlias

import attrs

from itil4.errors import InvalidInput, nearest
from itil4.practices.configuration.condensing import Condensed, condensed
from itil4.practices.configuration.relations import ITEM_RELATIONS, ItemRelation

Edge: TypeAlias = tuple[str, str, str]
"""Source, relation, target."""


def _members(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidInput.of("ill_typed", field="members", expected="several items", value=value)
    return tuple(value)


@attrs.frozen
class Redundancy:
    """A declared group of items of which so many must stand: `needs` of its `members`.

    It belongs to the item that it keeps standing, which is hit once fewer than `needs` members can be standing: once
    more than `spare` of them, as far as they are related to it, have failed. Because the size of the group is declared
    and not counted, another edge never makes an impact smaller (INV-087): an edge to a member can only count
    among the failed, and an edge to anything else is needed by itself.

    >>> Redundancy("relays", needs=1, members=["relay 1", "relay 2"]).spare
    1

    Raises:
        InvalidInput: it needs none or more than there are, or a member stands in it twice.
    """

    name: str
    needs: int
    members: tuple[str, ...] = attrs.field(converter=_members)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise InvalidInput.of("blank", field="name")
        for each in self.members:
            if not isinstance(each, str) or not each:
                raise InvalidInput.of("ill_typed", field="members", expected="names of items", value=each)
        twice = next((each for each in self.members if self.members.count(each) > 1), None)
        if twice is not None:
            raise InvalidInput.of("duplicate", where=f"The group {self.name!r}", what="the member", name=twice)
        if type(self.needs) is not int or not 1 <= self.needs <= len(self.members):
            raise InvalidInput.of("bad_needs", group=self.name, needs=self.needs, size=len(self.members))

    @property
    def spare(self) -> int:
        """How many members may fail before the item is hit."""
        return len(self.members) - self.needs

    def without(self, gone: Container[str]) -> "Redundancy | None":
        """Return the group when some members stand no more for good; None when none is left.

        >>> Redundancy("relays", needs=1, members=["relay 1", "relay 2"]).without({"relay 1"}).spare
        0
        """
        left = tuple(each for each in self.members if each not in gone)
        return Redundancy(self.name, min(self.needs, len(left)), left) if left else None


def still_standing(groups: Iterable[Redundancy], gone: Container[str]) -> list[Redundancy]:
    """Return groups of redundancy without the members that are gone: these stand in for nothing."""
    return [left for each in groups if (left := each.without(gone)) is not None]


@attrs.frozen
class Reach:
    """Where a walk through the graph came: the items in the order of distance, each with the way that led there.

    Attributes:
        start: the items that it began at.
        came: every item that was reached, and those of the start, with the item before it on a shortest way.
        at_risk: items that a group of redundancy has kept standing: item -> names of the groups that lost members.
    """

    start: tuple[str, ...]
    came: Mapping[str, str | None] = attrs.field(repr=False)
    at_risk: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict, hash=False)

    @property
    def items(self) -> tuple[str, ...]:
        """The items reached, the nearest first, without those of the start."""
        begun = set(self.start)
        return tuple(each for each in self.came if each not in begun)

    def path(self, item: str) -> tuple[str, ...]:
        """Return a shortest way from the start to an item, both included; where a group fell, over its last member.

        Raises:
            InvalidInput: the walk did not reach it.
        """
        if item not in self.came:
            raise InvalidInput.of("not_reached", item=item, start=self.start)
        way: list[str] = []
        at: str | None = item
        while at is not None:
            way.append(at)
            at = self.came[at]
        return tuple(reversed(way))

    def __contains__(self, item: object) -> bool:
        return item in self.came

    def __iter__(self) -> Iterator[str]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.came) - len(self.start)


def _edges(value: Iterable[tuple[str, ...]]) -> tuple[Edge, ...]:
    found: set[Edge] = set()
    for each in value:
        edge = (each[0], "depends_on", each[1]) if len(each) == 2 else tuple(each)
        if len(edge) != 3 or not all(isinstance(part, str) and part for part in edge):
            raise InvalidInput.of("ill_typed", field="edges", expected="(source, relation, target)", value=each)
        found.add(edge)
    return tuple(sorted(found))


def _names(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(value)))


def _all(value: Iterable[ItemRelation]) -> tuple[ItemRelation, ...]:
    return tuple(value)


def _groups(value: Mapping[str, Iterable[Redundancy]]) -> Mapping[str, tuple[Redundancy, ...]]:
    return {item: tuple(groups) for item, groups in sorted(value.items()) if groups}


@attrs.frozen(slots=False)  # with slots, cached properties would slow every look at an attribute
class ConfigurationGraph:
    """Items and how they are related, as a value: frozen, comparable, and usable without any record.

    >>> graph = ConfigurationGraph(
    ...     [("shop", "database"), ("shop", "relay 1"), ("shop", "relay 2"), ("disk", "part_of", "database")],
    ...     redundancy={"shop": [Redundancy("relays", needs=1, members=["relay 1", "relay 2"])]},
    ... )
    >>> graph.impact("disk").path("shop")
    ('disk', 'database', 'shop')
    >>> graph.impact("relay 1").items, graph.impact("relay 1").at_risk, graph.impact("relay 1", "relay 2").items
    ((), {'shop': ('relays',)}, ('shop',))

    Args:
        edges: (source, relation, target); two names mean that the first `depends_on` the second.
        items: items without any relation.
        redundancy: item -> the groups of which so many must stand for it.
        relations: the relations that edges may have.
        labels: item -> what people call it, for pictures.

    Raises:
        InvalidInput: an edge is none, or has a relation that is not there.
    """

    edges: tuple[Edge, ...] = attrs.field(default=(), converter=_edges)
    items: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    redundancy: Mapping[str, tuple[Redundancy, ...]] = attrs.field(
        factory=dict, converter=_groups, kw_only=True, hash=False
    )
    relations: tuple[ItemRelation, ...] = attrs.field(default=ITEM_RELATIONS, converter=_all, kw_only=True)
    labels: Mapping[str, str] = attrs.field(factory=dict, kw_only=True, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        known = {each.name for each in self.relations}
        for _, name, _ in self.edges:
            if name not in known:
                raise InvalidInput.of(
                    "unknown_relation", relation=name, nearest=nearest(name, known), relations=sorted(known)
                )
        ends = {end for source, _, target in self.edges for end in (source, target)}
        object.__setattr__(self, "items", tuple(sorted(ends.union(self.items))))

    @cached_property
    def known(self) -> frozenset[str]:
        """Every item."""
        return frozenset(self.items)

    def __contains__(self, item: object) -> bool:
        return item in self.known

    def __len__(self) -> int:
        return len(self.items)

    # what is compiled once, from the edges alone

    @cached_property
    def supporters(self) -> Mapping[str, tuple[str, ...]]:
        """Item -> the items that it rests on directly, redundant ones included."""
        hit = {each.name: each.hit for each in self.relations}
        found: dict[str, dict[str, None]] = {}
        for source, name, target in self.edges:
            if hit[name] in ("source", "both"):
                found.setdefault(source, {})[target] = None
            if hit[name] in ("target", "both"):
                found.setdefault(target, {})[source] = None
        return {item: tuple(others) for item, others in found.items()}

    @cached_property
    def dependants(self) -> Mapping[str, tuple[str, ...]]:
        """Item -> the items that rest on it directly, those that could do without it included."""
        found: dict[str, list[str]] = {}
        for item, others in self.supporters.items():
            for other in others:
                found.setdefault(other, []).append(item)
        return {item: tuple(others) for item, others in found.items()}

    @cached_property
    def _compiled(self) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[int, ...]], list[tuple[str, int, str]]]:
        """What each failure hits at once, the groups in which it counts, and the groups: item, spare, name."""
        if not self.redundancy:
            return dict(self.dependants), {}, []
        at_once: dict[str, list[str]] = {}
        counts: dict[str, list[int]] = {}
        groups: list[tuple[str, int, str]] = []
        for item, others in self.supporters.items():
            grouped: set[str] = set()
            for group in self.redundancy.get(item, ()):
                for member in set(group.members).intersection(others):
                    counts.setdefault(member, []).append(len(groups))
                    grouped.add(member)
                groups.append((item, group.spare, group.name))
            for other in others:
                if other not in grouped:
                    at_once.setdefault(other, []).append(item)
        return (
            {item: tuple(hit) for item, hit in at_once.items()},
            {item: tuple(numbers) for item, numbers in counts.items()},
            groups,
        )

    # what people ask

    def impact(self, *failed: str, ignoring_redundancy: bool = False) -> Reach:
        """Return what is hit when these items fail, all of them at once.

        Args:
            failed: one item or more.
            ignoring_redundancy: whether to count everything that rests on them, whatever stands in for them.

        Raises:
            InvalidInput: there is no such item.
        """
        begun = self._begun(failed)
        if ignoring_redundancy:
            return Reach(begun, _walk(begun, self.dependants))
        at_once, counts, groups = self._compiled
        if not counts:
            return Reach(begun, _walk(begun, at_once))
        came: dict[str, str | None] = dict.fromkeys(begun)
        queue = list(came)
        lost: dict[int, int] = {}
        for each in queue:  # the list grows while it is walked: that is the search
            for other in at_once.get(each, ()):
                if other not in came:
                    came[other] = each
                    queue.append(other)
            for number in counts.get(each, ()):
                other, spare, _ = groups[number]
                if other not in came:
                    failed_members = lost.get(number, 0) + 1
                    if failed_members > spare:
                        came[other] = each
                        queue.append(other)
                    else:
                        lost[number] = failed_members
        at_risk: dict[str, tuple[str, ...]] = {}
        for number in sorted(number for number in lost if groups[number][0] not in came):
            other, _, name = groups[number]
            at_risk[other] = (*at_risk.get(other, ()), name)
        return Reach(begun, came, at_risk)

    def dependencies(self, *items: str) -> Reach:
        """Return everything that these items rest on, redundant items included, with the ways there.

        Raises:
            InvalidInput: there is no such item.
        """
        begun = self._begun(items)
        return Reach(begun, _walk(begun, self.supporters))

    def single_points_of_failure(self, item: str) -> tuple[str, ...]:
        """Return the items whose failure alone would hit this one, the nearest first."""
        at_once = self._compiled[0]
        needed: dict[str, list[str]] = {}
        for supporter, hit in at_once.items():
            for each in hit:
                needed.setdefault(each, []).append(supporter)
        surely = _walk(self._begun([item]), needed)
        reached = self.dependencies(item)
        return tuple(each for each in reached if each in surely or item in self.impact(each))

    def wholes(self, item: str, relation: str = "part_of") -> frozenset[str]:
        """Return every item that this one is a part of, over any number of steps."""
        return frozenset(_walk((item,), self.ways(relation)[0])) - {item}

    def parts(self, item: str, relation: str = "part_of") -> frozenset[str]:
        """Return every part of an item, over any number of steps."""
        return frozenset(_walk((item,), self.ways(relation)[1])) - {item}

    def circle(self, relation: str) -> tuple[str, ...]:
        """Return items that a relation leads through and back to the first one, or nothing where it has no circle."""
        ahead = self.ways(relation)[0]
        left = {item: len(others) for item, others in self.ways(relation)[1].items()}
        free = [item for item in ahead if not left.get(item)]
        gone = set()
        for each in free:
            gone.add(each)
            for other in ahead.get(each, ()):
                left[other] -= 1
                if not left[other]:
                    free.append(other)
        held = {item for item in left if item not in gone and left[item]}
        # whatever is held lies on a circle or behind one, so walking against the arrows must come round
        behind = self.ways(relation)[1]
        at = min(held, default=None)
        way: dict[str, int] = {}
        while at is not None and at not in way:
            way[at] = len(way)
            at = next(each for each in behind[at] if each in held)
        return () if at is None else tuple(reversed(list(way)[way[at] :]))

    def condensed(self, relation: str | None = None) -> Condensed:
        """Return the graph of a relation with its circles drawn together; without one, that of what rests on what.

        It is made when it is first asked for, and kept.
        """
        held: dict[str, Any] = self._held
        key = f"condensed {relation or ''}"
        if key not in held:
            held[key] = condensed(self.supporters if relation is None else self.ways(relation)[0])
        found: Condensed = held[key]
        return found

    def ways(self, relation: str) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
        """Return a relation as two mappings: source -> its targets, and target -> its sources."""
        held: dict[str, Any] = self._held
        if relation not in held:
            up: dict[str, list[str]] = {}
            down: dict[str, list[str]] = {}
            for source, name, target in self.edges:
                if name == relation:
                    up.setdefault(source, []).append(target)
                    down.setdefault(target, []).append(source)
            held[relation] = tuple({item: tuple(others) for item, others in way.items()} for way in (up, down))
        found: tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]] = held[relation]
        return found

    @cached_property
    def _held(self) -> dict[str, Any]:
        return {}

    def _begun(self, items: Iterable[str]) -> tuple[str, ...]:
        begun = tuple(dict.fromkeys(items))
        if not begun:
            raise InvalidInput.of("none_given", field="items")
        for each in begun:
            if each not in self.known:
                raise InvalidInput.of("unknown_item", item=each, nearest=nearest(each, self.items))
        return begun

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy is made from: the graph, without what is derived from it."""
        return {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}


def _walk(begun: tuple[str, ...], ahead: Mapping[str, Iterable[str]]) -> dict[str, str | None]:
    came: dict[str, str | None] = dict.fromkeys(begun)
    queue = list(came)
    for each in queue:  # the list grows while it is walked: that is the search
        for other in ahead.get(each, ()):
            if other not in came:
                came[other] = each
                queue.append(other)
    return came


__all__ = ["ConfigurationGraph", "Edge", "Reach", "Redundancy", "still_standing"]
