"""A lifecycle on a host's own mutable rows, such as Django or SQLAlchemy models. Nothing here saves anything.

>>> from datetime import UTC, datetime
>>> from itil4.lifecycle import Context, Lifecycle, State, Transition
>>> from itil4.record import Actor
>>> class Ticket:
...     id: int
...     status: str
...     solution: str | None
...     def __init__(self):
...         self.id, self.status, self.solution = 7, "open", None
>>> door = Lifecycle("ticket", "open", [State("open", "new"), State("solved", "resolved", final=True)],
...                  [Transition("solve", "open", "solved", requires="solution")])
>>> flow = door.bind(Ticket, state="status")
>>> ticket, noon = Ticket(), datetime(2026, 3, 2, 12, tzinfo=UTC)
>>> flow.explain(ticket, "solve", Context(Actor("sam"), noon)).codes
('missing',)
>>> entry = flow.fire_in_place(ticket, "solve", Context(Actor("sam"), noon, {"solution": "Restarted"}))
>>> ticket.status, entry.to_dict()["changes"]["solution"]
('solved', {'old': None, 'new': 'Restarted'})
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from itil4.errors import Decision, DefinitionError, InvalidInput, Refused, StaleRecord
from itil4.lifecycle.context import Context, Step
from itil4.lifecycle.definition import Lifecycle
from itil4.lifecycle.engine import Engine
from itil4.lifecycle.findings import check_against
from itil4.lifecycle.host import HostShape, View, host_fields, identities
from itil4.lifecycle.structure import named_fields
from itil4.lifecycle.timers import Due, due
from itil4.lifecycle.writing import change_of, line
from itil4.record import Added, Change, Entry
from itil4.record.door import field_type
from itil4.record.history import Op

if TYPE_CHECKING:
    from itil4.clock import Calendar


def bind(
    lifecycle: Lifecycle,
    kind: type,
    *,
    state: str | None = None,
    version: str | None = None,
    names: Mapping[str, str] | None = None,
    fields: Mapping[str, Any] | None = None,
    id: str | None = None,  # noqa: A002 - it is the host's word
    roles: Iterable[str] | None = None,
) -> "Flow":
    """Return `lifecycle` for rows of `kind`: the same table, the same refusals, the row changed in place.

    Args:
        lifecycle: the rules.
        kind: the host's class; attrs classes, dataclasses, Django and SQLAlchemy models and annotated
            classes say themselves which fields they have.
        state: the attribute that holds the state; by default the lifecycle's field.
        version: the attribute that counts changes, which a step then adds one to. Leave it out where
            the host's mapper counts by itself.
        names: the lifecycle's name of a field -> the host's.
        fields: field -> type, for what the class does not say.
        id: the attribute that identifies a row; by default `pk` on a Django model, else `id`.
        roles: every role that there is, where the host closes the set.

    Raises:
        DefinitionError: the lifecycle names a field that the class does not have.
    """
    return Flow(lifecycle, kind, state=state, version=version, names=names, fields=fields, id=id, roles=roles)


class Flow:
    """A lifecycle bound to a host's row type; see `bind`."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        kind: type,
        *,
        state: str | None = None,
        version: str | None = None,
        names: Mapping[str, str] | None = None,
        fields: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - it is the host's word
        roles: Iterable[str] | None = None,
    ) -> None:
        if not isinstance(kind, type):
            raise DefinitionError.of("ill_typed", field="bind", expected="a class", value=kind)
        self.lifecycle = lifecycle
        self.kind = kind
        self.state = state or lifecycle.field
        self.version = version
        self.id = id or ("pk" if hasattr(getattr(kind, "_meta", None), "concrete_fields") else "id")
        self.names = {**(names or {})}
        if self.state != lifecycle.field:
            self.names[lifecycle.field] = self.state
        known = host_fields(kind, self.names, fields or {})
        if not known.keys() - self.names.keys():  # the class says nothing, so the lifecycle does
            known |= {name: field_type(kind.__name__, name, Any) for name in fields_named(lifecycle)}
        known.setdefault(self.state, field_type(kind.__name__, self.state, Any))
        locked = identities(kind) | {name for name in (version, self.id) if name is not None}
        self.shape = HostShape.of(kind, known, self.names, locked)
        self.engine = Engine(lifecycle, owned=(self.state,))
        self._table = self.engine.table
        self._field = lifecycle.field
        check_against(lifecycle, self.shape, roles, only=("unknown_field", "unknown_role"))

    def __repr__(self) -> str:
        return f"<{self.lifecycle.name!r} on {self.kind.__name__}.{self.state}>"

    def choices(self) -> list[tuple[str, str]]:
        """Return (name, title) of every state, as a model field or a form takes them."""
        return self.lifecycle.choices()

    def fire_in_place(self, row: Any, event: str, context: Context, *, expected: int | None = None) -> Entry:
        """Take a step on `row` and return its entry. The row is changed, and not saved.

        Args:
            row: the host's object.
            event: the step.
            context: who, when and with which values, by the lifecycle's names.
            expected: the version that the caller has seen, where that may be an older one.

        Raises:
            Refused: with every reason; the row is as it was.
            StaleRecord: the row has another version than `expected`.
            BrokenRule: a guard or effect raised; the row is as it was.
        """
        if expected is not None:
            self._must_be_fresh(row, expected)
        engine, shape = self.engine, self.shape
        source = self._state_of(row)
        try:
            arrows = self._table[source][event]
        except (KeyError, TypeError):
            raise engine.refusal(source, row, event, context, shape) from None
        payload = context.payload
        for arrow in arrows:
            if not payload and context.derive is None:
                made = arrow.settled.get(context.roles)
                if made is not None:
                    return self._write(row, "step", event, context, payload, source, made.target, made.roles)
            proposed, changes, target, reasons = engine.judge(arrow, row, context, shape)
            if reasons is None:
                if arrow.effects or context.derive is not None:
                    changes = engine.brought(arrow, row, proposed, changes, context, shape)
                used = arrow.used.get(context.roles) or arrow.used_roles(context.roles)
                return self._write(row, "step", event, context, changes, source, target, used)
        raise engine.refusal(source, row, event, context, shape)

    def update_in_place(self, row: Any, context: Context, *, expected: int | None = None) -> Entry:
        """Change fields of `row` without a step, as its state allows, and return the entry.

        Raises:
            Refused: a field is unknown, ill-typed, or hidden, read-only or mandatory here.
            StaleRecord: the row has another version than `expected`.
        """
        if expected is not None:
            self._must_be_fresh(row, expected)
        _, reasons = self.engine.judge_update(self._state_of(row), row, context, self.shape)
        if reasons:
            raise Refused(*reasons)
        return self._write(row, "update", None, context, context.payload, None, None, ())

    def explain(self, row: Any, event: str, context: Context) -> Decision:
        """Say whether the step is possible now, and if not, every reason why."""
        return self.engine.decide(self._state_of(row), row, event, context, self.shape)

    def decisions(self, row: Any, context: Context) -> tuple[Decision, ...]:
        """Explain every event of the lifecycle, in their order."""
        return tuple(self.explain(row, event, context) for event in self.lifecycle.events)

    def available(self, row: Any, context: Context) -> tuple[Step, ...]:
        """Return the steps that this actor could take now, with what each still asks for."""
        return self.engine.steps(self._state_of(row), row, context, self.shape)

    def due(
        self, row: Any, history: Iterable[Entry], now: datetime, calendar: "Calendar | None" = None
    ) -> tuple[Due, ...]:
        """Return the steps that time asks of `row`; see `Lifecycle.due`."""
        return due(self.lifecycle, View(row, {}, self.names), history, now, calendar)

    def _write(
        self, row: Any, op: Op, event: str | None, context: Context, changes: Mapping[str, Any],
        source: str | None, target: str | None, roles: tuple[str, ...],
    ) -> Entry:  # fmt: skip
        """Set what has changed, all of it or nothing, and return the entry."""
        said: dict[str, Change | Added] = {}
        new: list[tuple[str, Any, Any]] | None = None
        if changes:
            new = []
            names = self.names
            for name, value in changes.items():
                place = names.get(name, name)
                old = getattr(row, place)
                if old is not value and old != value:
                    said[name] = change_of(old, value)
                    new.append((place, old, value))
        engine, moved = self.engine, target != source
        if moved:
            said[self._field] = engine.moves[source][target]
            if new or self.version is not None:
                new = [*(new or ()), (self.state, source, target)]
        seq = 1
        if self.version is not None:
            seen = getattr(row, self.version) or 0
            if not isinstance(seen, int):
                raise InvalidInput.of("ill_typed", field=self.version, expected="a whole number", value=seen)
            seq = seen + 1
            new = [*(new or ()), (self.version, seen, seq)]
        identity = getattr(row, self.id, "")
        entry = line(
            engine, op, context, identity if type(identity) is str else str(identity), seq, event, source, target, said,
            roles, "full", None,
        )  # fmt: skip
        if not new:  # the state alone is set or not, so nothing can be half done
            if moved:
                setattr(row, self.state, target)
            return entry
        done = 0
        try:
            for place, _, value in new:
                setattr(row, place, value)
                done += 1
        except BaseException:
            for place, old, _ in new[:done]:
                setattr(row, place, old)
            raise
        return entry

    def _state_of(self, row: Any) -> Any:
        try:
            return getattr(row, self.state)
        except AttributeError:
            expected = f"a {self.kind.__name__}, with its {self.state}"
            raise InvalidInput.of("ill_typed", field="row", expected=expected, value=row) from None

    def _must_be_fresh(self, row: Any, expected: int) -> None:
        found = getattr(row, self.version) if self.version else None
        if found != expected:
            shown = f"{self.kind.__name__} {getattr(row, self.id, '')}".strip()
            raise StaleRecord.of(
                "stale", record=shown, found=found, expected=expected, changed_by="somebody", changed="something"
            )


def fields_named(lifecycle: Lifecycle) -> tuple[str, ...]:
    """Return every field that the definition names, once."""
    return tuple(dict.fromkeys(name for name, _, _ in named_fields(lifecycle)))
