"""How a practice does its work: the shared path that every verb takes through a unit of work.

The hooks that a practice may override stand first, then births, steps with what follows from
them, and history that another system made.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from itil4.clock import instant
from itil4.errors import InvalidInput, ITIL4Error, Reason, Refused
from itil4.lifecycle import Context, FollowUp, Lifecycle
from itil4.practices.reading import R, Reading
from itil4.record import Actor, Change, Entry, Frozen, Origin, Override, Record
from itil4.record.door import text_problem
from itil4.storage.unit import Unit

NOTHING: Mapping[str, Any] = Frozen()

_BORN_WITH = ("id", "number", "version", "created_at", "created_by", "updated_at", "extra")


class Working(Reading[R]):
    """The way of every change from a verb to the unit of work."""

    lifecycle: ClassVar[Lifecycle]
    aspects: ClassVar[tuple[Lifecycle, ...]] = ()
    _deciding: ClassVar[Mapping[str, Lifecycle]] = {}

    # what a practice may decide otherwise

    def derive(self, proposed: R) -> Mapping[str, Any]:
        """Return the computed fields of a proposed record; pure, run at birth, update and step."""
        return NOTHING

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """Return the fields that a new record gets where the caller gave none."""
        return NOTHING

    def inconsistencies(self, record: R) -> Iterable[Reason]:
        """Yield what contradicts itself in a proposed record; nothing of it is written then."""
        return ()

    def roles_of(self, actor: Actor, record: R | None, at: datetime) -> frozenset[str]:
        """Return the roles of an actor, those relative to the record included: the hook to a host's permissions.

        The default adds `requester`, `owner`, `assignee` and `team_member`, where the record has the fields.
        """
        roles = set(actor.roles)
        if record is not None:
            for role in ("requester", "owner", "assignee"):
                if getattr(record, role, None) == actor.id:
                    roles.add(role)
            groups = self.desk.house.directory.groups(actor.id, at)
            if groups and not {getattr(record, "group", None), getattr(record, "owner", None)}.isdisjoint(groups):
                roles.add("team_member")
                if getattr(record, "owner", None) in groups:
                    roles.add("owner")
        return frozenset(roles)

    def follow_ups(
        self, record: R, event: str, rows: tuple[FollowUp, ...], roles: frozenset[str]
    ) -> tuple[FollowUp, ...]:
        """Return the rows of the cascade table that hold for a record now."""
        return rows

    def fact(self, name: str, record: R, unit: Unit) -> Any:
        """Return a fact that a transition declared.

        `links.<relation>` is the linked records; `<relation>.<field>` that field of each of them.
        Override it for facts of the host; what is read through `unit` joins the commit.
        """
        first, _, second = name.partition(".")
        relation = second if first == "links" else first
        ids = self._ends(record, relation, unit)
        records = tuple(unit.get_all(ids))
        unit.depend([record.id, *ids])
        return records if first == "links" else tuple(getattr(each, second) for each in records)

    def _ends(self, record: R, relation: str, unit: Unit) -> list[str]:
        known, backwards = self.desk.house.relations.directed(relation)
        rows = unit.links(record.id, backwards=backwards)
        return [row.source if backwards else row.target for row in rows if row.relation == known.name]

    def editors(self) -> frozenset[str] | None:
        """Return the roles that may change fields and link records; None: everybody who may see them."""
        return None

    def _may_edit(self, current: R, actor: Actor, event: str) -> None:
        needs = self.editors()
        has = self.roles_of(actor, current, self.desk.house.clock.now())
        if needs is not None and needs.isdisjoint(has):
            raise Refused.of("role", event=event, actor=actor.id, has=sorted(has), needs=sorted(needs))

    # births

    def _newborn(self, context: Context, values: Mapping[str, Any], state: str | None = None) -> tuple[R, Entry]:
        shape = self.shape
        if wrong := shape.problems(values):
            raise InvalidInput(*wrong)
        given = {**self.at_birth(values, context.actor, context.at), **values}
        if gone := shape.missing(given):
            raise InvalidInput(*(Reason.of("blank", field=name) for name in gone))
        made = shape.made(
            {
                "id": self.desk.house.ids(),
                "state": state or self.lifecycle.initial[0],
                "created_at": context.at,
                "created_by": context.actor.id,
                "updated_at": context.at,
                "origin": Origin(context.origin.system, context.origin.key) if context.origin else None,
                **{each.field: each.initial[0] for each in self.aspects},
                **given,
            }
        )
        made = shape.copy(made, self._settled(given, self._derived(made), context))
        self._consistent(made, InvalidInput)
        changes = {}
        for name, _, default in shape.doors:
            value = getattr(made, name)
            if value is not default and name not in _BORN_WITH and value != shape.fields[name].default:
                changes[name] = Change(None, value)
        changes |= {name: Change(None, value) for name, value in made.extra.items()}
        entry = self.lifecycle.engine.entry(
            "import" if context.origin else "birth", context, made.id, 1, event="log", target=made.state,
            changes=changes, judged="graph" if context.origin else "full",
        )  # fmt: skip
        return made, entry

    # steps

    def _step(
        self,
        unit: Unit,
        current: R,
        event: str,
        actor: Actor,
        payload: Mapping[str, Any],
        at: datetime | None,
        reason: str | None,
        cause: str | None,
        seen: frozenset[str] = frozenset(),
    ) -> R:
        """Judge and take a step and what follows from it, in the unit, writing nothing yet."""
        context = self._context(unit, actor, current, event, payload, at, reason, cause)
        lifecycle = self._lifecycle(event)
        new, entry = lifecycle.fire(current, event, context)
        self._consistent(new, Refused)
        rows = [row for each in lifecycle.transitions if each.event == event for row in each.follow_ups]
        added: R = unit.add(new, entry)
        if rows:
            self._cascade(
                unit,
                new,
                entry,
                context,
                self.follow_ups(new, event, tuple(dict.fromkeys(rows)), context.roles),
                seen | {new.id},
            )
        return added

    def _cascade(
        self, unit: Unit, new: R, entry: Entry, context: Context, rows: tuple[FollowUp, ...], seen: frozenset[str]
    ) -> None:
        """Take the steps that this one brings with it; those that refuse are skipped and noted, or refuse all."""
        skipped: list[tuple[str, str]] = []
        for row in rows:
            for other in self.fact(row.over, new, unit):
                practice = self.desk.of_kind(unit.kind_of(other.id).name)
                if other.id in seen or (row.states and other.state not in row.states):
                    continue
                handed = {theirs: getattr(new, ours) for theirs, ours in row.payload.items()}
                at = max(context.at, other.updated_at)
                try:
                    with unit.savepoint():
                        practice._step(
                            unit, other, row.event, context.actor, handed, at, context.reason, entry.id, seen
                        )
                except Refused as error:
                    if row.on_refusal == "refuse":
                        raise
                    skipped.append((other.reference, ", ".join(reason.code for reason in error.reasons)))
        if skipped:
            entry.details.data["skipped"] = skipped  # type: ignore[index]  # the entry is not written yet

    # history that another system made

    def arrive(
        self, unit: Unit, origin: Origin, state: str, values: Mapping[str, Any], *, by: Actor, at: datetime
    ) -> R:
        """Add a record as another system first recorded it, in whatever state that was.

        Roles, required steps and guards are not judged, and nothing is filled in but what is computed
        from what is given. A computed field that the source recorded differently counts as set by hand.

        Raises:
            InvalidInput: a value does not fit its field, or the state is unknown.
        """
        self.lifecycle.state(state)
        context = self._context(unit, by, None, None, NOTHING, at, None, origin=origin)
        given = {**self.stamps(None, state, at), **values}
        record, entry = self._newborn(context, given, state)
        unit.born(self.stored, record, entry)
        return record

    def follow(
        self, unit: Unit, current: R, origin: Origin, state: str, values: Mapping[str, Any], *, by: Actor, at: datetime
    ) -> tuple[R, bool]:
        """Add what another system recorded next; return the record, and whether the step was an ordinary one.

        A step is ordinary when the lifecycle has an arrow from the old state to the new one. Any
        other is kept as an override, with the reason.

        Raises:
            InvalidInput: a value does not fit its field, the state is unknown, or it lies before the last entry.
        """
        self.lifecycle.state(state)
        if at < current.updated_at:
            raise InvalidInput.of("out_of_order", event="import", at=at, last=current.updated_at)
        if wrong := self.shape.problems(values):
            raise InvalidInput(*wrong)
        moves = state != current.state
        context = self._context(unit, by, current, None, NOTHING, at, None, origin=origin)
        given = {**(self.stamps(current.state, state, at) if moves else {}), **values}
        proposed = self.shape.copy(current, given)
        changes = {**given, **self._settled(given, self._derived(proposed), context)}
        event = self.lifecycle.engine.event_between(current.state, state) if moves else None
        ordinary = not moves or event is not None
        if not ordinary:
            context.reason = f"{origin.system} went from {current.state} to {state}, which the lifecycle does not."
        new, entry = self.lifecycle.engine.append(
            current, "step" if moves else "update", context, changes=changes, event=event,
            target=state if moves else None, judged="graph" if ordinary else "override",
            details={} if ordinary else {"waived": ["wrong_state"]},
        )  # fmt: skip
        return unit.add(new, entry), ordinary

    def stamps(self, source: str | None, target: str, at: datetime) -> Mapping[str, Any]:
        """Return the fields that follow from when an imported record entered a state."""
        return NOTHING

    @staticmethod
    def _settled(given: Mapping[str, Any], derived: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
        """Return the computed fields; where another system recorded something else, its word counts as set by hand."""
        if context.origin is None:
            return derived
        differing = [name for name, value in derived.items() if name in given and given[name] != value]
        if not differing:
            return derived
        note = Override(context.actor.id, context.at, f"as {context.origin.system} recorded it")
        kept = {name: value for name, value in derived.items() if name not in differing}
        return {**kept, "overrides": Frozen(dict.fromkeys(differing, note))}

    # shared parts

    def _held(self, unit: Unit, record: str | R, actor: Actor, expected: int | None) -> R:
        stored = self._get(unit, record, actor)
        if isinstance(record, Record):
            return unit.current(record, expected)  # type: ignore[no-any-return]
        unit.expect(stored, expected)
        return stored

    def _lifecycle(self, event: str) -> Lifecycle:
        """Return the lifecycle that decides about an event; the main one for those that nobody knows."""
        return self._deciding.get(event, self.lifecycle)

    def _context(
        self,
        unit: Unit,
        actor: Actor,
        record: R | None,
        event: str | None,
        payload: Mapping[str, Any],
        at: datetime | None,
        reason: str | None,
        cause: str | None = None,
        origin: Origin | None = None,
    ) -> Context:
        house = self.desk.house
        now = house.clock.now()
        happened = now if at is None else instant(at)
        if happened > now:
            raise InvalidInput.of("future", event=event or "this", at=happened, now=now)
        if record is not None and at is not None and happened < record.updated_at:
            raise InvalidInput.of("out_of_order", event=event or "this", at=happened, last=record.updated_at)
        if record is not None and happened < record.updated_at:
            happened = record.updated_at  # the clock of this machine lies behind that of another one
        if reason is not None and (problem := _reason_problem(reason)):
            raise InvalidInput(problem)
        names = (
            [name for each in self._lifecycle(event).transitions if each.event == event for name in each.facts]
            if event
            else []
        )
        facts = {name: self.fact(name, record, unit) for name in names} if record is not None else {}
        return Context(
            actor, happened, payload, reason, facts, roles=self.roles_of(actor, record, happened), now=now,
            shape=self.shape, derive=self._derived, kind=self.kind, tenant=house.tenant, unit=unit.name, cause=cause,
            correlation=self.desk.correlation, origin=origin,
        )  # fmt: skip

    def _derived(self, proposed: R) -> Mapping[str, Any]:
        computed = self.derive(proposed)
        held = proposed.overrides
        return {name: value for name, value in computed.items() if name not in held} if held else computed

    def _consistent(self, record: R, error: type[ITIL4Error]) -> None:
        reasons = tuple(self.inconsistencies(record))
        if reasons:
            raise error(*reasons)

    def _changed(self, unit: Unit, current: R, context: Context, changes: Mapping[str, Any], event: str) -> R:
        new, entry = self.lifecycle.engine.append(current, "update", context, changes=changes, event=event)
        self._consistent(new, Refused)
        return unit.add(new, entry)  # type: ignore[no-any-return]

    def _run(self, event: str, once: str | None, work: Callable[[Unit], R]) -> R:
        """Do the work in the open unit or one of its own; a `once` key that was used returns its first result."""
        mark = f"{self.kind}.{event}"
        if once is not None and (first := self._first(once, mark)) is not None:
            return first
        try:
            with self.desk.working() as unit:
                new = work(unit)
                if once is not None:
                    unit.once(once, new.id, new.version, mark)
        except ITIL4Error:
            first = self._first(once, mark) if once is not None else None
            if first is None:
                raise
            return first  # somebody took the same key a moment ago, and so the record has moved
        return unit.get(new.id) or new

    def _first(self, key: str, mark: str) -> R | None:
        if reason := text_problem("once", key, longest=255, lines=False, may_be_blank=False):
            raise InvalidInput(reason)
        house = self.desk.house
        taken = self.desk.reading().taken(key)
        stored = [(row, None) for row in house.store.known(house.tenant, "once", [(key,)])]
        for found, record in [taken] if taken else stored:
            if found.mark != mark:
                raise InvalidInput.of("once_differs", value=key, first=found.mark, second=mark)
            if record is not None:
                return record  # type: ignore[no-any-return]  # this very unit took the key
            return self.rebuilt(self.history(found.record_id)[: found.seq])
        return None


def _reason_problem(reason: object) -> Reason | None:
    if not isinstance(reason, str):
        return Reason.of("ill_typed", field="reason", expected="a text", value=reason)
    return text_problem("reason", reason)
