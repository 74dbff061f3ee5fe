"""What every practice is: records of one kind, their lifecycles, and verbs that change them.

A practice is extended by subclassing. Its state has one way to change, `fire`; every verb is
`fire` with a name. Other fields change through `update`.
"""

import keyword
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

import attrs

from itil4.errors import (
    Decision,
    DefinitionError,
    InvalidInput,
    NotFound,
    Reason,
    Refused,
    StaleRecord,
    nearest,
)
from itil4.lifecycle import Lifecycle, Step
from itil4.practices.reading import Page, R
from itil4.practices.work import NOTHING, Working
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
    make_shape,
)
from itil4.record.door import text_problem
from itil4.storage.kinds import Kind
from itil4.storage.unit import Unit
from itil4.vocabulary import Audience, PracticeGroup


@attrs.frozen
class Outcome:
    """What became of one record in a bulk step: `changed`, `refused`, `stale`, `missing` or `invalid`, and why."""

    reference: str
    status: Literal["changed", "refused", "stale", "missing", "invalid"]
    record: Record | None = None
    reasons: tuple[Reason, ...] = ()


class Practice(Working[R]):
    """The base of all practices; generic in its record type.

    Class attributes that a practice sets:
        name: its id in the catalogue of 34, such as `incident_management`.
        slot: its place on a desk, such as `incidents`.
        kind, prefix: the type tag and the number prefix of its records.
        record: the record type, a subclass of `Record`.
        lifecycle: the main lifecycle; it alone drives clocks and figures.
        aspects: further lifecycles over further fields (approval, review, ...).
        relations: links that its records may have.
        indexed: fields that records are found and ordered by.
        fields: extra fields that every record may have.
        upcasters: schema number -> function on a stored body that leads to the next one.

    Raises:
        DefinitionError: when a subclass is made that cannot work: an event in two lifecycles, a
            lifecycle over a field that the record lacks, an unknown indexed field.
    """

    name: ClassVar[str] = ""
    slot: ClassVar[str] = ""
    kind: ClassVar[str] = ""
    prefix: ClassVar[str] = ""
    category: ClassVar[PracticeGroup] = "service"
    record: type[R]
    lifecycle: ClassVar[Lifecycle]
    aspects: ClassVar[tuple[Lifecycle, ...]] = ()
    relations: ClassVar[tuple[Relation, ...]] = ()
    indexed: ClassVar[tuple[str, ...]] = ()
    fields: ClassVar[FieldSet] = FieldSet()
    upcasters: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not hasattr(cls, "lifecycle") or not hasattr(cls, "record"):
            return
        for text in (cls.name, cls.slot, cls.kind, cls.prefix):
            if not text.isidentifier():
                raise DefinitionError.of(
                    "definition", where=cls.__name__, text="name, slot, kind and prefix must be identifiers.",
                    remedy="Set them as class attributes.",
                )  # fmt: skip
        cls._deciding = _events(cls)
        shape = make_shape(cls.record, cls.fields, cls.locked())
        for lifecycle in cls.lifecycles():
            if lifecycle.field not in shape.fields:
                raise DefinitionError.of(
                    "unknown_name", where=f"the lifecycle {lifecycle.name!r} of {cls.__name__}", what="field",
                    name=lifecycle.field, nearest=nearest(lifecycle.field, shape.fields),
                )  # fmt: skip
            _check_fields(cls, lifecycle, shape)
        cls.stored_kind(cls.fields)
        for event in cls._deciding:
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
            record, entry = self._newborn(context, values)
            unit.born(self.stored, record, entry)
            return record

        return self._run("log", once, work)

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
        actor = self.desk.who(by, event)

        def work(unit: Unit) -> R:
            current = self._held(unit, record, actor, expected)
            return self._step(unit, current, event, actor, payload, at, reason, cause)

        return self._run(event, once, work)

    def fire_each(
        self,
        records: Iterable[str | R],
        event: str,
        *,
        by: Actor | None = None,
        reason: str | None = None,
        **payload: Any,
    ) -> tuple[Outcome, ...]:
        """Take the same step on many records, each on its own: one that refuses stops no other."""
        return tuple(self._tried(record, event, by, reason, payload) for record in records)

    def _tried(
        self, record: str | R, event: str, by: Actor | None, reason: str | None, payload: Mapping[str, Any]
    ) -> Outcome:
        shown = record if isinstance(record, str) else getattr(record, "reference", str(record))
        try:
            return Outcome(shown, "changed", self.fire(record, event, by=by, reason=reason, **payload))
        except Refused as error:
            return Outcome(shown, "refused", reasons=error.reasons)
        except StaleRecord as error:
            return Outcome(shown, "stale", reasons=error.reasons)
        except NotFound as error:
            return Outcome(shown, "missing", reasons=error.reasons)
        except InvalidInput as error:
            return Outcome(shown, "invalid", reasons=error.reasons)

    def explain(self, record: str | R, event: str, *, by: Actor | None = None, **payload: Any) -> Decision:
        """Say whether the step is possible now, and if not, every reason why; changes nothing."""
        actor = self.desk.who(by, event)
        unit = self.desk.reading()
        current = self._held(unit, record, actor, None)
        context = self._context(unit, actor, current, event, payload, None, None)
        lifecycle = self._lifecycle(event)
        decision = lifecycle.explain(current, event, context)
        if not decision:
            return decision
        proposed, _ = lifecycle.fire(current, event, context)
        reasons = tuple(self.inconsistencies(proposed))
        return attrs.evolve(decision, allowed=False, reasons=reasons, target=None) if reasons else decision

    def available(self, record: str | R, *, by: Actor | None = None) -> tuple[Step, ...]:
        """Return the steps that an actor could take now, over all lifecycles, with what each still asks for."""
        actor = self.desk.who(by, "available")
        unit = self.desk.reading()
        current = self._held(unit, record, actor, None)
        steps: list[Step] = []
        for lifecycle in self.lifecycles():
            facts = dict.fromkeys(name for each in lifecycle.transitions for name in each.facts)
            context = self._context(unit, actor, current, None, NOTHING, None, None)
            context.facts = {name: self.fact(name, current, unit) for name in facts}
            steps += lifecycle.available(current, context)
        return tuple(steps)

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
            new, entry = self.lifecycle.update(current, context)
            if not entry.changes:
                return current
            self._consistent(new, Refused)
            unit.add(new, entry)
            return new  # type: ignore[no-any-return]

        return self._run("update", once, work)

    def override(
        self, record: str | R, *, by: Actor | None = None, reason: str, at: datetime | None = None, **values: Any
    ) -> R:
        """Set computed fields by hand; the record keeps who did it and why, until `release`.

        Raises:
            Refused: a field is not a computed one, or the value does not fit.
        """
        actor = self.desk.who(by, "override")
        problem = text_problem("reason", reason, may_be_blank=False) if isinstance(reason, str) else None
        if problem or not isinstance(reason, str):
            raise InvalidInput(problem or Reason.of("blank", field="reason"))

        def work(unit: Unit) -> R:
            current = self._held(unit, record, actor, None)
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

        return self._run("override", None, work)

    def release(self, record: str | R, *fields: str, by: Actor | None = None, reason: str | None = None) -> R:
        """Compute fields again that were set by hand; without names, all of them."""
        actor = self.desk.who(by, "release")

        def work(unit: Unit) -> R:
            current = self._held(unit, record, actor, None)
            self._may_edit(current, actor, "release")
            gone = fields or tuple(current.overrides)
            overrides = Frozen({name: held for name, held in current.overrides.items() if name not in gone})
            context = self._context(unit, actor, current, None, NOTHING, None, reason)
            computed = {name: value for name, value in self.derive(current).items() if name in gone}
            return self._changed(unit, current, context, {**computed, "overrides": overrides}, "release")

        return self._run("release", None, work)

    def comment(
        self,
        record: str | R,
        text: str,
        *,
        audience: Audience = "staff",
        attachments: Iterable[Attachment] = (),
        by: Actor | None = None,
        at: datetime | None = None,
        once: str | None = None,
    ) -> R:
        """Say something about a record: an entry of its own that changes no field.

        Args:
            audience: `staff`, or `user` for what everybody concerned may read.
            attachments: references to files that the host keeps.

        Raises:
            InvalidInput: the text is empty or too long, or the audience unknown.
        """
        actor = self.desk.who(by, "comment")
        problem = Reason.of("ill_typed", field="text", expected="a text", value=text)
        if isinstance(text, str):
            problem = text_problem("text", text, longest=100_000, may_be_blank=False)  # type: ignore[assignment]
        if problem is None and audience not in ("user", "staff"):
            problem = Reason.of("not_a_choice", field="audience", value=audience, choices=("user", "staff"))
        if problem is not None:
            raise InvalidInput(problem)
        said = {"comment": Comment(text, audience, tuple(attachments))}

        def work(unit: Unit) -> R:
            current = self._held(unit, record, actor, None)
            context = self._context(unit, actor, current, None, NOTHING, at, None)
            new, entry = self.lifecycle.engine.append(current, "comment", context, details=said)
            return unit.add(new, entry)  # type: ignore[no-any-return]

        return self._run("comment", once, work)


def _events(cls: type[Practice[Any]]) -> dict[str, Lifecycle]:
    deciding: dict[str, Lifecycle] = {}
    for lifecycle in cls.lifecycles():
        for event in lifecycle.events:
            if event in deciding:
                raise DefinitionError.of(
                    "duplicate", where=f"the lifecycles of {cls.__name__}", what="the event", name=event
                )
            deciding[event] = lifecycle
    return deciding


def _check_fields(cls: type[Practice[Any]], lifecycle: Lifecycle, shape: Any) -> None:
    for each in lifecycle.transitions:
        wanted = [*each.requires, *(name for rule in each.guards for name in rule.reads)]
        for name in wanted:
            if shape.get(name) is None:
                raise DefinitionError.of(
                    "unknown_name", where=f"the step {each.event!r} of {cls.__name__}", what="field", name=name,
                    nearest=nearest(name, shape.fields),
                )  # fmt: skip


def _verb(event: str) -> Callable[..., Any]:
    def verb(self: Practice[Any], record: Any, /, **options: Any) -> Any:
        return self.fire(record, event, **options)

    verb.__name__ = verb.__qualname__ = event
    verb.__doc__ = f"Take the step {event!r}; see `fire`."
    return verb


__all__ = ["Outcome", "Page", "Practice"]
