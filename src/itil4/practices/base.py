"""What every practice is: records of one kind, their lifecycles, and verbs that change them.

A practice is extended by subclassing. Its state has one way to change, `fire`; every verb is
`fire` with a name. Other fields change through `update`.
"""

import keyword
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

import attrs

from itil4.errors import Decision, InvalidInput, ITIL4Error, NotFound, Reason, Refused, StaleRecord, nearest
from itil4.lifecycle import Lifecycle, Step
from itil4.lifecycle.aspects import Aspects
from itil4.practices.amending import Amending
from itil4.practices.declaring import check_class
from itil4.practices.reading import Page, R
from itil4.practices.work import NOTHING
from itil4.record import (
    PROTECTED,
    Actor,
    Attachment,
    Comment,
    FieldSet,
    Frozen,
    Override,
    Record,
    Relation,
    blank,
    make_shape,
)
from itil4.record.history import as_attachments
from itil4.storage.kinds import Kind
from itil4.storage.unit import Unit
from itil4.vocabulary import Audience, PracticeGroup


@attrs.frozen
class Outcome:
    """What became of one record in a bulk step, and why.

    `status` is `changed`, `refused`, `stale`, `missing`, `invalid` (the call), or `failed` (a rule of
    the host, or the store).
    """

    reference: str
    status: Literal["changed", "refused", "stale", "missing", "invalid", "failed"]
    record: Record | None = None
    reasons: tuple[Reason, ...] = ()


class Practice(Amending[R]):
    """The base of all practices; generic in its record type.

    Class attributes that a practice sets:
        name: its id in the catalogue of 34, such as `incident_management`.
        slot: its place on a desk, such as `incidents`.
        kind, prefix: the type tag and the number prefix of its records.
        record: the record type, a subclass of `Record`.
        lifecycle: the main lifecycle; it alone drives clocks and figures.
        aspects: further lifecycles over further fields (approval, review, ...).
        closed_roles: every role that there is, where the practice closes the set; None leaves it open.
            Those relative to a record (`relative_roles`) need not be named.
        relations: links that its records may have.
        indexed: fields that records are found and ordered by.
        fields: extra fields that every record may have.
        upcasters: schema number -> function on a stored body that leads to the next one.

    Raises:
        DefinitionError: when a subclass is made that cannot work: an event in two lifecycles, a
            lifecycle over a field that the record lacks, an unknown indexed field, a step for a role
            that is not among the closed ones.
    """

    name: ClassVar[str] = ""
    slot: ClassVar[str] = ""
    kind: ClassVar[str] = ""
    prefix: ClassVar[str] = ""
    category: ClassVar[PracticeGroup] = "service"
    record: type[R]
    lifecycle: ClassVar[Lifecycle]
    aspects: ClassVar[tuple[Lifecycle, ...]] = ()
    closed_roles: ClassVar[frozenset[str] | None] = None
    relations: ClassVar[tuple[Relation, ...]] = ()
    indexed: ClassVar[tuple[str, ...]] = ()
    fields: ClassVar[FieldSet] = FieldSet()
    upcasters: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not hasattr(cls, "lifecycle") or not hasattr(cls, "record"):
            return
        check_class(cls)
        cls._moves = Aspects(cls.lifecycle, *cls.aspects)
        steps = [each for lifecycle in cls.lifecycles() for each in lifecycle.transitions]
        facts, rows = {}, {}
        for event in cls._moves.events:
            own = [each for each in steps if each.event == event]
            facts[event] = tuple(dict.fromkeys(name for each in own for name in each.facts))
            rows[event] = tuple(dict.fromkeys(row for each in own for row in each.follow_ups))
        cls._facts, cls._rows = facts, rows
        cls.stored_kind(cls.fields)
        for event in cls._moves.events:
            if event.isidentifier() and not keyword.iskeyword(event) and not hasattr(cls, event):
                setattr(cls, event, _verb(event))

    # what the class says

    @classmethod
    def lifecycles(cls) -> tuple[Lifecycle, ...]:
        """Return the main lifecycle and the aspects."""
        return (cls.lifecycle, *cls.aspects)

    @classmethod
    def locked(cls) -> frozenset[str]:
        """Return the fields that no payload may set: identity, versions, and the states of the lifecycles."""
        return PROTECTED | {lifecycle.field for lifecycle in cls.lifecycles()}

    @classmethod
    def stored_kind(cls, fields: FieldSet) -> Kind:
        """Return the kind as storage sees it, with the extra fields of a service management."""
        shape = make_shape(cls.record, fields, cls.locked())
        extra = tuple(name for name, field in fields.types.items() if field.sortable)
        return Kind(
            cls.kind,
            cls.prefix,
            shape,
            (*cls.indexed, *extra),
            cls.lifecycle.category,
            cls.record.schema,
            cls.upcasters,
        )

    # birth

    def log(
        self,
        *,
        by: Actor | None = None,
        at: datetime | None = None,
        reason: str | None = None,
        once: str | None = None,
        **values: Any,
    ) -> R:
        """Record something new and return it, numbered once it is committed.

        Args:
            by: who records it.
            at: when it was recorded elsewhere, not in the future; by default now.
            reason: why, in their words.
            once: a key of the host; the same key again returns the record of the first time.
            **values: the fields.

        Raises:
            InvalidInput: a field is missing, unknown, ill-typed or contradicts another.
        """
        actor = self.desk.who(by, "log")

        def work(unit: Unit) -> R:
            context = self._context(unit, actor, None, "log", values, at, reason)
            record, entry = self._newborn(context, context.payload)
            unit.born(self.stored, record, entry)
            return record

        return self._run("log", once, work, None, actor)

    # steps

    def fire(
        self,
        record: str | R,
        event: str,
        *,
        by: Actor | None = None,
        at: datetime | None = None,
        reason: str | None = None,
        once: str | None = None,
        expected: int | None = None,
        cause: str | None = None,
        **payload: Any,
    ) -> R:
        """Take a step: the only way in which state changes.

        Args:
            record: the record, its number or its id.
            event: the step.
            by: who takes it.
            at: when it happened, if earlier than now: not before the last entry, not in the future.
            reason: why, in their words.
            once: a key of the host; the same key again returns what the first time led to.
            expected: the version that must be stored, where `record` is a number or an id.
            cause: the id of the entry that this follows from.
            **payload: new values of fields.

        Raises:
            Refused: with every reason why not.
            StaleRecord: somebody else changed the record first.
            NotFound: there is no such record, or none that the actor may see.
            InvalidInput: the record passed in was doctored, or a time is impossible.
        """
        actor = self._who(by, event)

        def work(unit: Unit) -> R:
            current = self._held(unit, record, actor, expected)
            return self._step(unit, current, event, actor, payload, at, reason, cause)

        return self._run(event, once, work, record, actor)

    def _who(self, by: Actor | None, event: str) -> Actor:
        if not isinstance(event, str):
            raise InvalidInput.of("ill_typed", field="event", expected="the name of a step", value=event)
        return self.desk.who(by, event)

    def fire_each(
        self,
        records: Iterable[str | R],
        event: str,
        *,
        by: Actor | None = None,
        at: datetime | None = None,
        reason: str | None = None,
        once: str | None = None,
        **payload: Any,
    ) -> tuple[Outcome, ...]:
        """Take the same step on many records, each on its own: one that refuses stops no other.

        With `once`, a second call after a crash goes on where the first one ended: each record has
        the key with its reference behind it.

        Raises:
            InvalidInput: nobody stands behind the step, or `records` is a single one.
        """
        actor = self._who(by, event)
        if isinstance(records, (str, Record)) or not isinstance(records, Iterable):
            raise InvalidInput.of("ill_typed", field="records", expected="several records or numbers", value=records)
        given = {"by": actor, "at": at, "reason": reason, **payload}
        return tuple(self._tried(record, event, once, given) for record in records)

    def _tried(self, record: str | R, event: str, once: str | None, given: Mapping[str, Any]) -> Outcome:
        shown = str(record) if not isinstance(record, Record) else record.reference
        key = None if once is None else f"{once} {shown}"
        try:
            return Outcome(shown, "changed", self.fire(record, event, once=key, **given))
        except ITIL4Error as error:
            return Outcome(shown, next(word for kind, word in _WORDS if isinstance(error, kind)), None, error.reasons)

    def explain(
        self,
        record: str | R,
        event: str,
        *,
        by: Actor | None = None,
        at: datetime | None = None,
        reason: str | None = None,
        expected: int | None = None,
        **payload: Any,
    ) -> Decision:
        """Say whether `fire` would take the step now, and if not, every reason why; changes nothing.

        Raises:
            NotFound: there is no such record, or none that the actor may see.
            InvalidInput: the record passed in was doctored, or a time is impossible.
        """
        actor = self._who(by, event)
        unit = self.desk.reading()
        try:
            current = self._held(unit, record, actor, expected)
        except StaleRecord as error:
            return Decision(False, event, error.reasons)
        place = len(unit.entries)
        try:
            with unit.trial():
                self._step(unit, current, event, actor, payload, at, reason, None)
                step = unit.entries[place]
        except ITIL4Error as error:
            context = self._context(unit, actor, current, event, payload, at, reason)
            decision = self._moves.explain(current, event, context)
            if not decision:
                return decision
            if not isinstance(error, Refused):
                raise
            # it contradicts itself, or something that must follow is refused
            return attrs.evolve(decision, allowed=False, reasons=error.reasons, target=None)
        lifecycle = self._moves.lifecycle_of(event).name  # type: ignore[union-attr]  # it was taken, so one has it
        return Decision(True, event, (), step.to_state, lifecycle, step.roles)

    def available(self, record: str | R, *, by: Actor | None = None) -> tuple[Step, ...]:
        """Return the steps that an actor could take now, over all lifecycles, with what each still asks for."""
        actor = self.desk.who(by, "available")
        unit = self.desk.reading()
        current = self._held(unit, record, actor, None)
        context = self._context(unit, actor, current, None, NOTHING, None, None)
        names = dict.fromkeys(name for facts in self._facts.values() for name in facts)
        context.facts = {name: self.fact(name, current, unit) for name in names}
        return self._moves.available(current, context)

    # other changes

    def update(
        self,
        record: str | R,
        *,
        by: Actor | None = None,
        at: datetime | None = None,
        reason: str | None = None,
        once: str | None = None,
        expected: int | None = None,
        **values: Any,
    ) -> R:
        """Change fields without a step. Values that are the same already write nothing.

        Raises:
            Refused: a field is unknown, ill-typed, or not to be changed in this state.
        """
        actor = self.desk.who(by, "update")

        def work(unit: Unit) -> R:
            current = self._held(unit, record, actor, expected)
            self._may_edit(current, actor, "update")
            context = self._context(unit, actor, current, None, values, at, reason)
            new, entry = self._moves.update(current, context)
            self._consistent(current, new, Refused, context, "update")
            if not entry.changes:
                return current
            added: R = unit.add(new, entry)
            return added

        return self._run("update", once, work, record, actor)

    def override(
        self,
        record: str | R,
        *,
        reason: str,
        by: Actor | None = None,
        at: datetime | None = None,
        once: str | None = None,
        expected: int | None = None,
        **values: Any,
    ) -> R:
        """Set computed fields by hand; the record keeps who did it and why, until `release`.

        Raises:
            Refused: a field is not a computed one, or the value does not fit.
        """
        actor = self.desk.who(by, "override")
        if not isinstance(reason, str) or blank(reason):
            raise InvalidInput.of("blank", field="reason")
        if not values:
            raise InvalidInput.of("missing", event="override", fields=("a computed field",))

        def work(unit: Unit) -> R:
            current = self._held(unit, record, actor, expected)
            self._may_edit(current, actor, "override")
            computed = self.derive(current)
            for name in values:
                if name not in computed:
                    near = nearest(name, computed)
                    raise Refused.of(
                        "unknown_field", record=f"the computed fields of {self.kind}", field=name, nearest=near
                    )
            wrong = self.shape.problems(values)
            if wrong:
                raise Refused(*wrong)
            context = self._context(unit, actor, current, None, NOTHING, at, reason)
            by_hand = Override(actor.id, context.at, reason)
            overrides = Frozen({**current.overrides, **dict.fromkeys(values, by_hand)})
            return self._changed(unit, current, context, {**values, "overrides": overrides}, "override")

        return self._run("override", once, work, record, actor)

    def release(
        self,
        record: str | R,
        *fields: str,
        by: Actor | None = None,
        at: datetime | None = None,
        reason: str | None = None,
        once: str | None = None,
        expected: int | None = None,
    ) -> R:
        """Compute fields again that were set by hand; without names, all of them.

        Raises:
            Refused: a field was not set by hand.
        """
        actor = self.desk.who(by, "release")

        def work(unit: Unit) -> R:
            current = self._held(unit, record, actor, expected)
            self._may_edit(current, actor, "release")
            for name in fields:
                if name not in current.overrides:
                    near = nearest(name, current.overrides)
                    raise Refused.of(
                        "unknown_field", record=f"what was set by hand of {current.reference}", field=name, nearest=near
                    )
            gone = fields or tuple(current.overrides)
            if not gone:
                return current
            overrides = Frozen({name: held for name, held in current.overrides.items() if name not in gone})
            context = self._context(unit, actor, current, None, NOTHING, at, reason)
            computed = {name: value for name, value in self.derive(current).items() if name in gone}
            return self._changed(unit, current, context, {**computed, "overrides": overrides}, "release")

        return self._run("release", once, work, record, actor)

    def comment(
        self,
        record: str | R,
        text: str,
        *,
        audience: Audience | None = None,
        attachments: Iterable[Attachment] = (),
        by: Actor | None = None,
        at: datetime | None = None,
        once: str | None = None,
        expected: int | None = None,
    ) -> R:
        """Say something about a record: an entry of its own that changes no field.

        Args:
            record: the record, its number or its id.
            text: what is said, at most 100,000 characters.
            audience: `staff`, or `user` for what everybody concerned may read; by default `staff` for
                those who may read what is said among staff, and `user` for all others.
            attachments: references to files that the host keeps.
            by, at, once, expected: as for `fire`.

        Raises:
            InvalidInput: the text is empty or too long, or the audience unknown.
        """
        actor = self.desk.who(by, "comment")
        given = Comment(text, audience or "user", as_attachments(attachments))
        if problem := given.problem():
            raise InvalidInput(problem)

        def work(unit: Unit) -> R:
            current = self._held(unit, record, actor, expected)
            context = self._context(unit, actor, current, None, NOTHING, at, None)
            heard: Audience = audience or ("staff" if self.staff(actor, current) else "user")
            said = attrs.evolve(given, audience=heard)
            told = {"comment": said, "by_staff": True} if self.delivers(actor, current) else {"comment": said}
            new, entry = self.lifecycle.engine.append(current, "comment", context, details=told)
            added: R = unit.add(new, entry)
            return added

        return self._run("comment", once, work, record, actor)


_WORDS: tuple[tuple[type[ITIL4Error], Literal["refused", "stale", "missing", "invalid", "failed"]], ...] = (
    (Refused, "refused"),
    (StaleRecord, "stale"),
    (NotFound, "missing"),
    (InvalidInput, "invalid"),
    (ITIL4Error, "failed"),
)
"""What a bulk step calls an error."""


def _verb(event: str) -> Callable[..., Any]:
    def verb(self: Practice[Any], record: Any, /, **options: Any) -> Any:
        return self.fire(record, event, **options)

    verb.__name__ = verb.__qualname__ = event
    verb.__doc__ = f"Take the step {event!r}; see `fire`."
    return verb


__all__ = ["Outcome", "Page", "Practice"]
