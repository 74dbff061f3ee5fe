"""Service configuration management: a dependable picture of what services are made of, and of what rests on what.

From top to bottom: recording and changing items, under a change where their type says so; relating them; and what
people ask: what an item rests on, what is hit when it fails, and how all of it stood at a moment.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from itil4.errors import DefinitionError, InvalidInput, Reason, nearest
from itil4.lifecycle import Context, Step
from itil4.practices.base import Practice
from itil4.practices.configuration.authority import authority
from itil4.practices.configuration.graph import ConfigurationGraph, Redundancy
from itil4.practices.configuration.item import EDITORS, LIFECYCLE, MANAGERS, OVER, ConfigurationItem
from itil4.practices.configuration.policy import ConfigurationPolicy
from itil4.practices.configuration.register import Register, audit, links_now, records_now, stored_kinds
from itil4.practices.configuration.relations import BASE_KIND, ITEM_RELATIONS, ItemRelation, links_of
from itil4.practices.linking import end_of, link, unlink
from itil4.record import Actor, Relation
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.configuration.answers import ItemImpact, ItemReach
    from itil4.practices.configuration.assessments import ImpactAssessment
    from itil4.practices.configuration.snapshots import Snapshot

C = TypeVar("C", bound=ConfigurationItem)

FREE_STEPS = frozenset({"start_maintenance", "end_maintenance"})
"""Steps that change nothing of what an item is, so that they need no change."""


class ConfigurationItems(Practice[C]):
    """The practice of knowing what services are made of; its records are configuration items."""

    name = "service_configuration_management"
    slot = "configuration_items"
    kind = BASE_KIND
    prefix = "CI"
    record = ConfigurationItem  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = LIFECYCLE
    item_relations: ClassVar[tuple[ItemRelation, ...]] = ITEM_RELATIONS
    """How items may be related. A subclass that names others gets the links for them."""
    relations: ClassVar[tuple[Relation, ...]] = links_of(ITEM_RELATIONS)
    indexed: ClassVar[tuple[str, ...]] = (
        "name", "type", "service", "environment", "location", "vendor", "owner", "group", "live_since", "retired_at",
    )  # fmt: skip
    _change: Any = None

    def __init_subclass__(cls, **options: Any) -> None:
        if "item_relations" in vars(cls) and "relations" not in vars(cls):
            cls.relations = links_of(cls.item_relations)
        super().__init_subclass__(**options)

    # decisions

    @property
    def policy(self) -> ConfigurationPolicy:
        """The policy in force: the one given to `connect` for this kind of items, or the default.

        Raises:
            DefinitionError: it speaks about a relation that items do not have.
        """
        given = self.desk.house.policies.get(self.kind, _DEFAULT)
        if not isinstance(given, ConfigurationPolicy):
            raise InvalidInput.of(
                "ill_typed", field=f"policies.{self.kind}", expected="a ConfigurationPolicy", value=given
            )
        known = {each.name for each in self.item_relations}
        for name in given.between.keys() - known:
            raise DefinitionError.of(
                "unknown_name", where="between", what="relation", name=name, nearest=nearest(name, known)
            )
        return given

    def editors(self) -> frozenset[str]:
        """Those who keep the register, and who answers for the item."""
        return EDITORS

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """A new item has the defaults of its type."""
        held = self.policy.types.get(values.get("type", ""))
        return {} if held is None else {
            name: spec.default for name, spec in held.fields.specs.items() if spec.default is not None
        }  # fmt: skip

    def inconsistencies(self, record: C) -> Iterable[Reason]:
        """An item has a known type, the attributes of that type and no others, and groups with names of their own."""
        types = self.policy.types
        if types:
            held = types.get(record.type)
            if held is None:
                near = nearest(record.type, types)
                yield Reason.of("not_a_choice", field="type", value=record.type, choices=tuple(types), nearest=near)
            else:
                yield from held.problems(record.extra, self.policy.fields)
        names = [group.name for group in record.redundancy]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Reason.of("duplicate", where="redundancy", what="the group", name=name)
        if any(record.id in group.members for group in record.redundancy):
            yield Reason.of("self_link", record=record.reference)

    def objections(self, before: C | None, after: C, context: Context, event: str) -> Iterable[Reason]:
        """Who may record items; what a type leaves out; and what only an authorized change may do (INV-069)."""
        if before is None:
            if EDITORS.isdisjoint(context.roles):
                has, needs = sorted(context.actor.roles), sorted(EDITORS)
                yield Reason.of("role", event="log", actor=context.actor.id, has=has, needs=needs)
            return
        held = self.policy.types.get(before.type)
        if event in self.lifecycle.events and held is not None and not (held.steps is None or event in held.steps):
            yield Reason.of("type_lacks_step", event=event, type=held.name, steps=sorted(held.steps))
        if event not in FREE_STEPS and (reason := context.facts.get("authority")) is not None:
            yield reason

    def available(self, record: str | C, *, by: Actor | None = None) -> tuple[Step, ...]:
        """Return the steps that an actor could take now; those that the item's type leaves out are not among them."""
        held = self.policy.types.get(self.get(record, by=by).type)
        steps = super().available(record, by=by)
        return tuple(each for each in steps if held is None or held.steps is None or each.event in held.steps)

    # under a change

    def under(self, change: Any) -> Self:
        """Return the same practice acting under a change: a record, its number or its id.

        What it does to items whose type is controlled is in order while the change is authorized and has the items in
        its scope (it `affects` them); entries name the change as their cause (INV-069).

        >>> import itil4
        >>> items = itil4.connect().configuration_items
        >>> items.under("CHG0000001").update  # doctest: +ELLIPSIS
        <bound method ConfigurationItems.update of ...>
        """
        desk: Any = self.desk.clone()
        bound = type(self)(desk)
        bound._change = change
        desk._made[type(self)] = bound
        return bound

    def _context(
        self, unit: Unit, actor: Actor, record: C | None, event: str | None, payload: Mapping[str, Any],
        at: datetime | None, reason: str | None, cause: str | None = None, origin: Any = None,
    ) -> Context:  # fmt: skip
        change = None if self._change is None else end_of(self.desk, unit, self._change, actor)[0]
        if change is not None:
            cause = f"{change.id}:{change.version}"
        context = super()._context(unit, actor, record, event, payload, at, reason, cause, origin)
        if record is not None and origin is None:
            wrong = authority(self, unit, record, change)
            context.facts = {**context.facts, "authority": wrong}
        return context

    def is_controlled(self, item: C) -> bool:
        """Whether an item may only be changed in scope of an authorized change: its type says so, and it is in use."""
        held = self.policy.types.get(item.type)
        return held is not None and held.controlled and item.state not in self.lifecycle.initial[:1]

    def update(
        self, record: str | C, *, change: Any = None, by: Actor | None = None, at: datetime | None = None,
        reason: str | None = None, once: str | None = None, expected: int | None = None, **values: Any,
    ) -> C:  # fmt: skip
        """Change fields of an item, under a change where its type is controlled.

        Args:
            change: the authorized change whose scope the item is in; the entry names it.
            record, by, at, reason, once, expected, values: as for every practice.

        Raises:
            Refused: the item is controlled, and there is no change, or none that may do this now.
        """
        if change is not None:
            return self.under(change).update(
                record, by=by, at=at, reason=reason, once=once, expected=expected, **values
            )
        return super().update(record, by=by, at=at, reason=reason, once=once, expected=expected, **values)

    def fire(
        self, record: str | C, event: str, *, change: Any = None, by: Actor | None = None, at: datetime | None = None,
        reason: str | None = None, once: str | None = None, expected: int | None = None, cause: str | None = None,
        **payload: Any,
    ) -> C:  # fmt: skip
        """Take a step, under a change where the item's type is controlled; see `Practice.fire` and `update`."""
        if change is not None:
            return self.under(change).fire(
                record, event, by=by, at=at, reason=reason, once=once, expected=expected, **payload
            )
        return super().fire(
            record, event, by=by, at=at, reason=reason, once=once, expected=expected, cause=cause, **payload
        )

    def changes_of(self, item: str | C, *, by: Actor | None = None) -> tuple[Any, ...]:
        """Return the changes under which an item was changed, the first one first."""
        ids = [entry.cause.partition(":")[0] for entry in self.history(item, by=by) if entry.cause]
        return tuple(self.desk.reading().get_all(ids))

    # recording

    def register(
        self, *, by: Actor | None = None, at: datetime | None = None, reason: str | None = None,
        once: str | None = None, **values: Any,
    ) -> C:  # fmt: skip
        """Record an item that is in service already, as discovery finds it; `log` records one that is planned."""
        actor = self.desk.who(by, "register")

        def work(unit: Unit) -> C:
            context = self._context(unit, actor, None, "log", values, at, reason)
            record, entry = self._newborn(context, {"live_since": context.at, **values}, "live")
            unit.born(self.stored, record, entry)
            return record

        return self._run("register", once, work, None, actor)

    def go_live(self, record: str | C, *, by: Actor | None = None, **options: Any) -> C:
        """Take a planned item into service."""
        return self.fire(record, "go_live", by=by, **options)

    def start_maintenance(self, record: str | C, *, by: Actor | None = None, **options: Any) -> C:
        """Say that somebody works on it; that alone needs no change."""
        return self.fire(record, "start_maintenance", by=by, **options)

    def end_maintenance(self, record: str | C, *, by: Actor | None = None, **options: Any) -> C:
        """Say that it is in service again."""
        return self.fire(record, "end_maintenance", by=by, **options)

    def retire(self, record: str | C, *, by: Actor | None = None, **options: Any) -> C:
        """Take it out of service.

        Raises:
            Refused: other items still rest on it, which the message names, and no `retirement_note` says why it
                goes all the same (INV-086).
        """
        return self.fire(record, "retire", by=by, **options)

    def withdraw(self, record: str | C, *, by: Actor | None = None, **options: Any) -> C:
        """Give up a planned item."""
        return self.fire(record, "withdraw", by=by, **options)

    def reinstate(self, record: str | C, *, by: Actor | None = None, **options: Any) -> C:
        """Take a retired item into service again; for those who keep the register."""
        return self.fire(record, "reinstate", by=by, **options)

    def stamps(self, source: str | None, target: str, at: datetime) -> Mapping[str, Any]:
        """An imported item knows when it came and went."""
        if target == "live":
            return {"live_since": at}
        return {"retired_at": at} if self.lifecycle.category(target) in OVER else {}

    # relating

    def relate(
        self, source: Any, relation: str, target: Any, *, change: Any = None, by: Actor | None = None,
        at: datetime | None = None, reason: str | None = None,
    ) -> Any:  # fmt: skip
        """Relate two items; the same as `itsm.link`, under a change where that is needed.

        Raises:
            Refused: an item is retired, the types may not be related so, or it would close a circle.
            NotFound: an item is not there.
        """
        practice = self if change is None else self.under(change)
        return link(practice.desk, source, relation, target, by, reason, at)

    def unrelate(
        self, source: Any, relation: str, target: Any, *, change: Any = None, by: Actor | None = None,
        at: datetime | None = None, reason: str | None = None,
    ) -> Any:  # fmt: skip
        """Take a relation back; history keeps it."""
        practice = self if change is None else self.under(change)
        return unlink(practice.desk, source, relation, target, by, reason, at)

    def link_objections(
        self, unit: Unit, op: str, relation: Relation, source: Any, target: Any, context: Context
    ) -> Iterable[Reason]:
        """Nothing is related to what is gone; types fit; a controlled item is related under a change (INV-069, 086)."""
        items = [each for each in (source, target) if isinstance(each, ConfigurationItem)]
        if op == "link":
            for each in items:
                if self.is_over(each, unit):
                    yield Reason.of("item_over", item=each.reference, state=each.state)
        if len(items) < 2:
            return
        unit.depend([each.id for each in items])
        policy = self.policy
        if op == "link" and not policy.may(relation.name, source.type, target.type):
            pairs = sorted(policy.between[relation.name])
            yield Reason.of(
                "types_unrelated", relation=relation.name, source=source.type, target=target.type,
                allowed=[f"{a} to {b}" for a, b in pairs],
            )  # fmt: skip
        hit = next((each.hit for each in self.item_relations if each.name == relation.name), "none")
        changed = [source, *([target] if hit in ("target", "both") else [])]
        change = None if self._change is None else end_of(self.desk, unit, self._change, context.actor)[0]
        for each in changed:
            practice: Any = self.desk.of_kind(unit.kind_of(each.id).name)
            if practice.kind == self.kind and (wrong := authority(self, unit, each, change)) is not None:
                yield wrong

    def is_over(self, item: Any, unit: Unit) -> bool:
        """Whether an item of any practice of items is retired or withdrawn."""
        return unit.kind_of(item.id).category(item.state) in OVER

    def set_redundancy(
        self, item: str | C, name: str, *, needs: int, members: Iterable[Any], change: Any = None,
        by: Actor | None = None, reason: str | None = None,
    ) -> C:  # fmt: skip
        """Declare that so many of these items must stand for this one; a group of that name is replaced.

        Members are items, their numbers or ids. To count, they have to be related to the item as well.

        Raises:
            InvalidInput: it needs none of them, or more than there are.
            NotFound: one of them is not there.
        """
        actor = self.desk.who(by, "update")
        unit = self.desk.reading()
        ids = [end_of(self.desk, unit, each, actor)[0].id for each in members]
        held = self.get(item, by=actor)
        rest = tuple(group for group in held.redundancy if group.name != name)
        groups = (*rest, Redundancy(name, needs, tuple(ids)))
        return self.update(item, change=change, by=actor, reason=reason, expected=held.version, redundancy=groups)

    def fact(self, name: str, record: C, unit: Unit) -> Any:
        """`dependants` names the items that rest on one directly and are not gone; the commit rests on them."""
        if name != "dependants":
            return super().fact(name, record, unit)
        return tuple(f"{each.name} ({each.reference})" for each in self._dependants(record, unit))

    def _dependants(self, record: C, unit: Unit) -> list[Any]:
        hit = {each.name: each.hit for each in self.item_relations}
        ids = [row.source for row in unit.links(record.id, backwards=True) if hit.get(row.relation) in _BY_SOURCE]
        ids += [row.target for row in unit.links(record.id) if hit.get(row.relation) in _BY_TARGET]
        found = unit.get_all(ids)
        unit.depend([record.id, *ids])
        return [each for each in found if isinstance(each, ConfigurationItem) and not self.is_over(each, unit)]

    def dependants(self, item: str | C, *, by: Actor | None = None) -> tuple[Any, ...]:
        """Return the items that rest on this one directly and are not gone (INV-086)."""
        by, unit = self._reader(by), self.desk.reading()
        found = self._dependants(self._get(unit, item, by), unit)
        return tuple(each for each in found if by is None or self._end_is_seen(unit, each.id, by))

    # questions

    def _register(self, at: datetime | None = None) -> Register:
        if at is None:
            records = records_now(self)
            return Register(self.item_relations, records, links_now(self, list(records)), stored_kinds(self))
        from itil4.practices.configuration.register import register_at

        return register_at(self, at)

    def graph(self, at: datetime | None = None) -> ConfigurationGraph:
        """Return the items that are not gone and how they are related, as a value whose items are ids.

        Two queries read it, whatever its size. Ask it as often as you like: it reads nothing more.

        Args:
            at: a moment, for the graph as the histories of the items tell it; by default as it is stored now.
        """
        return self._register(at).graph

    def snapshot(self, at: datetime | None = None) -> "Snapshot":
        """Return all items and relations as plain values, now or as of a moment; two of them can be compared."""
        from itil4.practices.configuration.snapshots import snapshot_of

        return snapshot_of(self._register(at))

    def impact(self, *failed: Any, at: datetime | None = None, by: Actor | None = None) -> "ItemImpact":
        """Return what is hit when these items fail: items, services, agreements and customers, each with the way there.

        Redundancy counts: an item with a group that still has enough members stands, and is `at_risk`.

        Args:
            failed: items, their numbers or ids; several fail at once.
            at: the graph as of a moment; by default as it is now.
            by: the reader, who is shown only what they may see.

        Raises:
            NotFound: an item is not there.
            InvalidInput: an item is gone, or was not there at the moment.
        """
        from itil4.practices.configuration.answers import impact_of

        return impact_of(self, self._register(at), self._ids(failed, by), self._reader(by))

    def dependencies(self, *items: Any, at: datetime | None = None, by: Actor | None = None) -> "ItemReach":
        """Return everything that these items rest on, redundant items included, each with the way there."""
        from itil4.practices.configuration.answers import reach_of

        register = self._register(at)
        reach = register.graph.dependencies(*self._ids(items, by))
        return reach_of(self, register, reach, self._reader(by))

    def _ids(self, items: Iterable[Any], by: Actor | None) -> list[str]:
        unit, reader = self.desk.reading(), self._reader(by)
        return [end_of(self.desk, unit, each, reader)[0].id for each in items]

    def audit(self) -> tuple[Reason, ...]:
        """Return what does not fit: relations to what is gone, unfit types, groups whose members do not count."""
        return tuple(audit(self._register(), self.policy))

    # what a change or incident is about

    def affected(self, record: Any, *, by: Actor | None = None) -> tuple[Any, ...]:
        """Return the items that an incident, problem or change is about: its scope, as people said (`affects`)."""
        reader, unit = self._reader(by), self.desk.reading()
        found = end_of(self.desk, unit, record, reader)[0]
        rows = [row for row in unit.links(found.id) if row.relation == "affects"]
        items = unit.get_all(row.target for row in rows)
        return tuple(each for each in items if reader is None or self._end_is_seen(unit, each.id, reader))

    def refresh_impacted(self, record: Any, *, by: Actor | None = None) -> "ImpactAssessment":
        """Compute anew what follows from the items that an incident, problem or change affects, and keep it.

        Affected is what people said, impacted what follows from it; the two are never mixed. The assessment is a
        record of its own, with when and by whom; earlier ones stay.
        """
        from itil4.practices.configuration.assessments import assess

        made: ImpactAssessment = assess(self, record, self.desk.who(by, "refresh_impacted"))
        return made

    def impacted(self, record: Any, *, by: Actor | None = None) -> "ImpactAssessment | None":
        """Return the latest assessment of an incident, problem or change; None where nobody asked for one."""
        from itil4.practices.configuration.assessments import latest

        found: ImpactAssessment | None = latest(self, record, self._reader(by))
        return found


_DEFAULT = ConfigurationPolicy()
_BY_SOURCE, _BY_TARGET = ("source", "both"), ("target", "both")

__all__ = ["EDITORS", "FREE_STEPS", "MANAGERS", "ConfigurationItems"]
