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
from itil4.lifecycle.aspects import Aspects
from itil4.lifecycle.fields import LOCKED, MANDATORY, rule_word
from itil4.lifecycle.rules import broken
from itil4.lifecycle.writing import change_of
from itil4.practices.reading import R, Reading
from itil4.record import Actor, Entry, Frozen, Origin, Override, Record, Relation, blank
from itil4.record.door import text_problem
from itil4.storage.unit import Unit

NOTHING: Mapping[str, Any] = Frozen()

_BORN_WITH = frozenset(("id", "number", "version", "created_at", "created_by", "updated_at", "extra"))


class Working(Reading[R]):
    """The way of every change from a verb to the unit of work."""

    lifecycle: ClassVar[Lifecycle]
    aspects: ClassVar[tuple[Lifecycle, ...]] = ()
    relative_roles: ClassVar[frozenset[str]] = frozenset({"requester", "owner", "assignee", "team_member"})
    """Roles that only the record can give: an actor who brings one along does not have it."""
    linkers: ClassVar[frozenset[str]] = frozenset()
    """Roles here that may link records of other practices to one of this: incidents to the problem behind them."""
    _moves: ClassVar[Aspects]
    _facts: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    _rows: ClassVar[Mapping[str, tuple[FollowUp, ...]]] = {}

    # what a practice may decide otherwise

    def derive(self, proposed: R) -> Mapping[str, Any]:
        """Return the computed fields of a proposed record; pure, run at birth, update and step."""
        return NOTHING

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """Return the fields that a new record gets where the caller gave none."""
        return NOTHING

    def preset(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return those of the fields of `at_birth` that the caller chose with a model: judged as the caller's own."""
        return NOTHING

    def inconsistencies(self, record: R) -> Iterable[Reason]:
        """Yield what contradicts itself in a proposed record; nothing of it is written then."""
        return ()

    def objections(self, before: R | None, after: R, context: Context, event: str) -> Iterable[Reason]:
        """Yield what speaks against a change that one record alone does not show, such as an assignee who has left.

        Asked for every birth, step and update, but not for what is imported.
        """
        return ()

    def link_objections(
        self, unit: Unit, op: str, relation: Relation, source: Any, target: Any, context: Context
    ) -> Iterable[Reason]:
        """Yield what speaks against a link (`op`: `link` or `unlink`) that starts or ends at a record of this practice.

        Asked at both ends for what people link, not for what a merge moves; what is read
        through `unit` and depended on joins the commit.
        """
        return ()

    def stays(self, record: R, row: FollowUp) -> str | None:
        """Say why a follow-up passes over a record, as a code; None when it may take the step."""
        return None

    def roles_of(self, actor: Actor, record: R | None, at: datetime) -> frozenset[str]:
        """Return the roles of an actor, those relative to the record included: the hook to a host's permissions.

        The default adds `requester`, `owner`, `assignee` and `team_member`, where the record has the fields.
        """
        roles = set(actor.roles - self.relative_roles)
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

        `before` is the record as it was, `links.<relation>` the linked records, and
        `<relation>.<field>` that field of each of them.
        Override it for facts of the host; what is read through `unit` joins the commit.
        """
        if name == "before":
            return record
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
        has = self.roles_of(actor, current, self.desk.house.now())
        if needs is not None and needs.isdisjoint(has):
            raise Refused.of("role", event=event, actor=actor.id, has=sorted(has), needs=sorted(needs))

    # births

    def _newborn(self, context: Context, values: Mapping[str, Any], state: str | None = None) -> tuple[R, Entry]:
        shape = self.shape
        if values is not context.payload:  # which is in UTC already
            values = shape.in_utc(values)
        if wrong := shape.problems(values):
            raise InvalidInput(*wrong)
        filled = self.at_birth(values, context.actor, context.at)
        if context.origin is not None:  # nothing is invented for what another system recorded, but what must not lack
            filled = {name: filled[name] for name in shape.missing(values) if name in filled}
        given = {**filled, **values}
        if gone := shape.missing(given):
            raise InvalidInput(*(Reason.of("blank", field=name) for name in gone))
        born = {
            "id": self.desk.house.ids(),
            "state": state or self.lifecycle.initial[0],
            "created_at": context.at,
            "created_by": context.actor.id,
            "updated_at": context.at,
            "origin": Origin(context.origin.system, context.origin.key) if context.origin else None,
            **{each.field: each.initial[0] for each in self.aspects},
            **given,
        }
        made = shape.made(born, checked=values)
        try:
            derived = self._derived(made)
        except Exception as error:  # a rule of the host may raise anything
            raise broken(f"derive of {type(self).__name__}", made, error) from error
        if wrong := shape.problems(derived):
            raise broken(f"derive of {type(self).__name__}", made, str(wrong[0]))
        settled = self._settled(given, derived, context)
        made = shape.copy(made, settled)
        if context.origin is None:
            self._birth_rules(made, {**self.preset(values), **values}, context)
        self._consistent(None, made, InvalidInput, context, "log")
        told = shape.beyond_defaults(made, (*born, *settled))
        changes = {name: change_of(None, value) for name, value in told.items() if name not in _BORN_WITH}
        if made.extra:
            changes |= {name: change_of(None, value) for name, value in made.extra.items()}
        details = {"unrecorded": list(filled)} if context.origin and filled else NOTHING
        entry = self.lifecycle.engine.entry(
            "import" if context.origin else "birth", context, made.id, 1, event="log", target=made.state,
            changes=changes, judged="graph" if context.origin else "full", details=details,
        )  # fmt: skip
        return made, entry

    def _birth_rules(self, made: R, values: Mapping[str, Any], context: Context) -> None:
        """Judge the field rules of the states in which a record is born."""
        reasons = []
        shape = self.shape
        for engine in self._moves.engines.values():
            for name, flags in engine.flags(made, context):
                value = shape.read(made, name)
                if flags & LOCKED and not flags & MANDATORY and name in values and not blank(value):
                    rule = rule_word(flags)
                    reasons.append(Reason.of("field_rule", field=name, rule=rule, remedy="Leave it out."))
                elif flags & MANDATORY and blank(value):
                    reasons.append(Reason.of("blank", field=name))
        if reasons:
            raise InvalidInput(*reasons)

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
        new, entry = self._moves.fire(current, event, context)
        self._consistent(current, new, Refused, context, event)
        added: R = unit.add(new, entry)
        if rows := self._rows.get(event):
            due = self.follow_ups(new, event, rows, context.roles)
            self._cascade(unit, new, entry, context, due, seen | {new.id})
        return added

    def _cascade(
        self, unit: Unit, new: R, entry: Entry, context: Context, rows: tuple[FollowUp, ...], seen: frozenset[str]
    ) -> None:
        """Take the steps that this one brings with it; those that refuse are skipped and noted, or refuse all.

        What the actor may not see is passed over without a word: the note could be read by anybody.
        """
        skipped: list[list[str]] = []
        for row in rows:
            for other in self.fact(row.over, new, unit):
                practice = self.desk.of_kind(unit.kind_of(other.id).name)
                if other.id in seen or (row.states and other.state not in row.states):
                    continue
                if not practice._sees(other, context.actor, unit):
                    continue
                code = practice.stays(other, row)
                if code is None and row.payload and _keeps_to_itself(new, other):
                    code = "confidential"
                if code is not None:
                    skipped.append([other.reference, code])
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
                    skipped.append([other.reference, ", ".join(reason.code for reason in error.reasons)])
        if skipped:
            entry.details.data["skipped"] = skipped  # type: ignore[index]  # the entry is not written yet

    # history that another system made

    def arrive(
        self,
        unit: Unit,
        origin: Origin,
        state: str,
        values: Mapping[str, Any],
        *,
        by: Actor,
        at: datetime,
        details: Mapping[str, Any] = NOTHING,
    ) -> R:
        """Add a record as another system first recorded it, in whatever state that was.

        Roles, required steps and guards are not judged, and nothing is filled in but what is computed
        from what is given and what no record can lack; the entry names the latter as `unrecorded`.
        A computed field that the source recorded differently counts as set by hand.

        Args:
            details: more that the entry is to say; names under `unrecorded` join those found here.

        Raises:
            InvalidInput: a value does not fit its field, or the state is unknown.
        """
        self.lifecycle.state(state)
        context = self._context(unit, by, None, None, NOTHING, at, None, origin=origin)
        given = {**self.stamps(None, state, at), **values}
        record, entry = self._newborn(context, given, state)
        if details:
            gone = [*details.get("unrecorded", ()), *(entry.details.get("unrecorded") or ())]
            entry.details.data.update(details, **({"unrecorded": gone} if gone else {}))  # type: ignore[attr-defined]  # not written yet
        unit.born(self.stored, record, entry)
        return record

    def follow(
        self, unit: Unit, current: R, origin: Origin, state: str, values: Mapping[str, Any], *, by: Actor, at: datetime
    ) -> tuple[R, bool]:
        """Add what another system recorded next; return the record, and whether the step was an ordinary one.

        A step is ordinary when the lifecycle has an arrow from the old state to the new one. Any
        other is kept as an override, with the reason. What the step requires and the source never
        recorded stays empty, and the entry names it as `unrecorded`.

        Raises:
            InvalidInput: a value does not fit its field, the state is unknown, or it lies before the last entry.
        """
        self.lifecycle.state(state)
        if at < current.updated_at:
            raise InvalidInput.of("out_of_order", event="import", at=at, last=current.updated_at)
        values = self.shape.in_utc(values)
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
        details: Mapping[str, Any] = NOTHING
        if not ordinary:
            details = {"waived": ["wrong_state"]}
        elif event is not None:
            arrows = self.lifecycle.engine.arrows(current.state, event)
            arrow = next(each for each in arrows if state in each.transition.targets)
            gone = [name for name in arrow.requires if blank(changes.get(name, self.shape.read(current, name)))]
            if gone:
                details = {"unrecorded": gone}
        new, entry = self.lifecycle.engine.append(
            current, "step" if moves else "update", context, changes=changes, event=event,
            target=state if moves else None, judged="graph" if ordinary else "override", details=details,
        )  # fmt: skip
        if self.shape.has_rules and (wrong := self.shape.invalid(new)):
            raise InvalidInput(*wrong)
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

    def _held(self, unit: Unit, record: str | R, actor: Actor | None, expected: int | None) -> R:
        if expected is not None and type(expected) is not int:
            raise InvalidInput.of("ill_typed", field="expected", expected="the number of a version", value=expected)
        stored = self._get(unit, record, actor)
        if isinstance(record, Record):
            return unit.current(record, expected)  # type: ignore[no-any-return]
        unit.expect(stored, expected)
        return stored

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
        now = house.now()
        happened = now if at is None else instant(at)
        told = event or ("entry" if origin is None else "import")
        if happened > now:
            raise InvalidInput.of("future", event=told, at=happened, now=now)
        if record is not None and at is not None and happened < record.updated_at:
            raise InvalidInput.of("out_of_order", event=told, at=happened, last=record.updated_at)
        if record is not None and happened < record.updated_at:
            happened = record.updated_at  # the clock of this machine lies behind that of another one
        for name, text in (("reason", reason), ("cause", cause), ("correlation", self.desk.correlation)):
            if text is not None and (problem := _text_problem(name, text)):
                raise InvalidInput(problem)
        names = self._facts.get(event, ()) if event is not None else ()
        facts = {name: self.fact(name, record, unit) for name in names} if record is not None else {}
        return Context(
            actor, happened, self.shape.in_utc(payload), reason, facts,
            roles=self.roles_of(actor, record, happened) if origin is None else None,  # imports judge no roles
            now=max(now, happened), shape=self.shape, derive=self._derived, kind=self.kind, tenant=house.tenant,
            unit=unit.name, cause=cause, correlation=self.desk.correlation, origin=origin,
        )  # fmt: skip

    def _derived(self, proposed: R) -> Mapping[str, Any]:
        computed = self.derive(proposed)
        held = proposed.overrides
        return {name: value for name, value in computed.items() if name not in held} if held else computed

    def _consistent(self, before: R | None, after: R, error: type[ITIL4Error], context: Context, event: str) -> None:
        """Refuse what contradicts itself, and, unless it is imported, what the practice objects to."""
        reasons = list(self.inconsistencies(after))
        if self.shape.has_rules:
            reasons += self.shape.invalid(after)
        if context.origin is None:
            reasons += self._set_by_hand(before, after, context.payload)
            reasons += self.objections(before, after, context, event)
        if reasons:
            raise error(*reasons)

    def _set_by_hand(self, before: R | None, after: R, payload: Mapping[str, Any]) -> Iterable[Reason]:
        """Yield the computed fields that a payload gives: they would be lost, or set without who and why."""
        computed = self.derive(after) if payload else NOTHING
        for name in computed.keys() & payload.keys():
            kept = self.shape.read(after if before is None else before, name)
            if payload[name] != kept and (payload[name] != computed[name] or name in after.overrides):
                remedy = "Leave it out, or use override, which keeps who and why."
                yield Reason.of("field_rule", field=name, rule="computed", remedy=remedy)

    def _changed(self, unit: Unit, current: R, context: Context, changes: Mapping[str, Any], event: str) -> R:
        new, entry = self.lifecycle.engine.append(current, "update", context, changes=changes, event=event)
        self._consistent(current, new, Refused, context, event)
        added: R = unit.add(new, entry)
        return added

    def _run(self, event: str, once: str | None, work: Callable[[Unit], R], record: str | R | None, actor: Actor) -> R:
        """Do the work in the open unit or one of its own; a `once` key that was used returns its first result."""
        mark = f"{self.kind}.{event}"
        if once is not None:
            if reason := _text_problem("once", once, lines=False, longest=255, may_be_blank=False):
                raise InvalidInput(reason)
            if record is not None:
                mark += f" of {self._get(self.desk.reading(), record, actor).id}"
            if (first := self._first(once, mark, actor)) is not None:
                return first
        try:
            with self.desk.working() as unit:
                new = work(unit)
                if once is not None:
                    unit.once(once, new.id, new.version, mark)
        except ITIL4Error:
            first = self._first(once, mark, actor) if once is not None else None
            if first is None:
                raise
            return first  # somebody took the same key a moment ago, and so the record has moved
        return unit.get(new.id) or new

    def _first(self, key: str, mark: str, actor: Actor) -> R | None:
        """Return what a `once=` key led to, as it was then, to an actor who may see it; None where it is new."""
        house, unit = self.desk.house, self.desk.reading()
        taken = unit.taken(key)
        stored = taken[0] if taken else next(iter(house.store.known(house.tenant, "once", [(key,)])), None)
        if stored is None:
            return None
        if stored.mark != mark:
            raise InvalidInput.of("once_differs", value=key, first=stored.mark, second=mark)
        held = self._get(unit, stored.record_id, actor)
        return taken[1] if taken else self.rebuilt(self._entries(unit, held.id)[: stored.seq])


def _keeps_to_itself(record: Any, other: Any) -> bool:
    """Whether what a record would hand on would be read by more people than may see it."""
    return bool(getattr(record, "confidential", False)) and not getattr(other, "confidential", False)


def _text_problem(name: str, value: object, **limits: Any) -> Reason | None:
    if type(value) is not str:
        return Reason.of("ill_typed", field=name, expected="a text", value=value)
    return text_problem(name, value, **limits)
