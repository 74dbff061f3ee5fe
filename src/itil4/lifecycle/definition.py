"""A lifecycle as a value: its states and the arrows between them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import attrs

from itil4.errors import Decision, DefinitionError, nearest
from itil4.lifecycle.fields import Rules, field_rules
from itil4.lifecycle.rules import Check, Chosen, Effect, FollowUp, Guard, In, as_guard
from itil4.lifecycle.structure import as_roles, check_structure, names
from itil4.lifecycle.timers import Due, Timer
from itil4.vocabulary import OPEN, Category

if TYPE_CHECKING:
    from itil4.clock import Calendar
    from itil4.lifecycle.binding import Flow
    from itil4.lifecycle.context import Context, Step
    from itil4.lifecycle.difference import Difference
    from itil4.lifecycle.engine import Engine
    from itil4.lifecycle.findings import Finding
    from itil4.lifecycle.stories import Story
    from itil4.record import Entry, Shape


def _guards(value: Guard | Check | Iterable[Guard | Check]) -> tuple[Guard, ...]:
    return tuple(as_guard(each) for each in ((value,) if callable(value) else names(value)))


def _effects(value: Effect | Iterable[Effect]) -> tuple[Effect, ...]:
    return (value,) if callable(value) else names(value)


def _timers(value: Timer | Iterable[Timer]) -> tuple[Timer, ...]:
    timers = (value,) if isinstance(value, Timer) else names(value)
    for timer in timers:
        if not isinstance(timer, Timer):
            raise DefinitionError.of("ill_typed", field="timers", expected="Timer values", value=timer)
    return timers


def _denied(value: str | Iterable[str] | None) -> frozenset[str] | None:
    return as_roles(value) or None  # to deny it to nobody is not to deny it


@attrs.frozen
class State:
    """A state: its name is free, its category is not.

    Args:
        name: any printable text.
        category: new, active, waiting, resolved, closed or cancelled: what clocks and figures see.
        kind: what a waiting state waits for (`user`, `vendor`, ...), when that is always the same.
        kind_from: the field that says what it waits for, when that differs.
        final: a claim that nothing leads on from here; `verify` checks it.
        fields: field -> its rules here, as words (`"mandatory|must_prompt"`) or `FieldRule`s; `"*"`
            is every field that has none of its own.
        fields_from: the state whose field rules hold here too, except for fields that this one names.
        timers: steps that the passing of time asks for.
        label: its name for people; by default made from `name`.
    """

    name: str
    category: Category = "active"
    kind: str | None = attrs.field(default=None, kw_only=True)
    kind_from: str | None = attrs.field(default=None, kw_only=True)
    final: bool = attrs.field(default=False, kw_only=True)
    fields: Rules = attrs.field(factory=dict, converter=field_rules, kw_only=True, hash=False)
    fields_from: str | None = attrs.field(default=None, kw_only=True)
    timers: tuple[Timer, ...] = attrs.field(default=(), converter=_timers, kw_only=True)
    label: str | None = attrs.field(default=None, kw_only=True)

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.label or self.name.replace("_", " ").capitalize()

    @property
    def is_open(self) -> bool:
        """Whether somebody still has work to do."""
        return self.category in OPEN


@attrs.frozen
class Transition:
    """A step: its event leads from any of its sources to its target, for some roles, under conditions.

    Args:
        event: any printable text; a verb is made of it where it is an identifier.
        sources: state names, `"*"` for every state that is not final, or `In(category)`.
        target: a state name, or `Chosen` when the actor names it. Source and target may be the same.
        roles: who may, by role, also relative ones such as `assignee`; None: anybody.
        denied: who may not, whatever else they are.
        requires: fields that may not be empty afterwards.
        guards: conditions on the proposed record, judged in order.
        effects: pure rules that change further fields, run in order.
        fields: field -> its rules during this step, beside those of the target state.
        facts: what the guards need to know beyond the record, such as `links.parent_of`.
        follow_ups: steps of other records that this one brings with it.
        internal: only a system fires it.
        label: its name on a button.
    """

    event: str
    sources: tuple[str | In, ...] = attrs.field(converter=names)
    target: str | Chosen
    roles: frozenset[str] | None = attrs.field(default=None, converter=as_roles, kw_only=True)
    denied: frozenset[str] | None = attrs.field(default=None, converter=_denied, kw_only=True)
    requires: tuple[str, ...] = attrs.field(default=(), converter=names, kw_only=True)
    guards: tuple[Guard, ...] = attrs.field(default=(), converter=_guards, kw_only=True)
    effects: tuple[Effect, ...] = attrs.field(default=(), converter=_effects, kw_only=True)
    fields: Rules = attrs.field(factory=dict, converter=field_rules, kw_only=True, hash=False)
    facts: tuple[str, ...] = attrs.field(default=(), converter=names, kw_only=True)
    follow_ups: tuple[FollowUp, ...] = attrs.field(default=(), converter=names, kw_only=True)
    internal: bool = attrs.field(default=False, kw_only=True)
    label: str | None = attrs.field(default=None, kw_only=True)

    @property
    def title(self) -> str:
        """Its name on a button."""
        return self.label or self.event.replace("_", " ").capitalize()

    @property
    def targets(self) -> tuple[str, ...]:
        """Every state that it may lead to."""
        return self.target.among if isinstance(self.target, Chosen) else (self.target,)


@attrs.frozen(slots=False)  # with slots, cached properties would slow every look at an attribute
class Lifecycle:
    """How a record moves: states and transitions as one value that is checked when it is made.

    It is extended, never edited, and shared by all records: nothing is kept per record.

    >>> ticket = Lifecycle("ticket", "new", [State("new", "new"), State("done", "closed", final=True)],
    ...                    [Transition("finish", "new", "done", roles="agent")])
    >>> ticket.events
    ('finish',)

    Args:
        name: what messages and entries call it.
        initial: the state, or states, in which a record may be born.
        states, transitions: in the order in which people should see them. Several transitions with
            one event and source are alternatives: the first one that nothing holds back is taken.
        field: the field of the record that it owns.
        events: the events that its author says it has, kept as `declared`: a claim that `verify` checks.

    Raises:
        DefinitionError: a name is unknown, doubled or not printable; the nearest known one is offered.
    """

    name: str
    initial: tuple[str, ...] = attrs.field(converter=names)
    states: tuple[State, ...] = attrs.field(converter=names)
    transitions: tuple[Transition, ...] = attrs.field(default=(), converter=names)
    field: str = attrs.field(default="state", kw_only=True)
    declared: tuple[str, ...] = attrs.field(default=(), converter=names, alias="events", kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_structure(self)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy is made from: the definition, without what is derived from it."""
        return {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}

    @cached_property
    def by_name(self) -> Mapping[str, State]:
        """The states by their names."""
        return {state.name: state for state in self.states}

    @cached_property
    def events(self) -> tuple[str, ...]:
        """Every event that a transition has, once, in their order."""
        return tuple(dict.fromkeys(transition.event for transition in self.transitions))

    @cached_property
    def arrows(self) -> tuple[tuple[str, Transition], ...]:
        """Every (source state, transition), `*` and categories written out."""
        return tuple((source, each) for each in self.transitions for source in self.sources_of(each))

    @cached_property
    def graph(self) -> frozenset[tuple[str, str, str]]:
        """Every (event, from, to) that the lifecycle has, whoever may take it."""
        return frozenset((each.event, source, target) for source, each in self.arrows for target in each.targets)

    @cached_property
    def digest(self) -> str:
        """A short mark of this version of the lifecycle, kept with every entry."""
        from itil4.lifecycle.plain import digest_of

        return digest_of(self)

    @cached_property
    def engine(self) -> "Engine":
        """The compiled form that decides and runs steps."""
        from itil4.lifecycle.engine import Engine

        return Engine(self)

    @cached_property
    def _groups(self) -> Mapping[str, tuple[str, ...]]:
        """The state names behind `*` and behind each category."""
        groups: dict[str, list[str]] = {"*": [state.name for state in self.states if not state.final], "open": []}
        for state in self.states:
            groups.setdefault(state.category, []).append(state.name)
            if state.category in OPEN:
                groups["open"].append(state.name)
        return {group: tuple(members) for group, members in groups.items()}

    def state(self, name: str) -> State:
        """Return the state of that name.

        Raises:
            DefinitionError: there is none; the nearest name is offered.
        """
        found = self.by_name.get(name)
        if found is None:
            raise DefinitionError.of(
                "unknown_name", where=self.name, what="state", name=name, nearest=nearest(name, self.by_name)
            )
        return found

    def category(self, name: str) -> Category:
        """Return the category of the state of that name."""
        return self.state(name).category

    def choices(self) -> list[tuple[str, str]]:
        """Return (name, title) of every state, as a model field or a form takes them."""
        return [(state.name, state.title) for state in self.states]

    def sources_of(self, transition: Transition) -> tuple[str, ...]:
        """Return the source states of a transition, `*` and categories written out, each once."""
        found: list[str] = []
        for source in transition.sources:
            if isinstance(source, In):
                found += self._groups.get(source.category, ())
            elif source == "*":
                found += self._groups["*"]
            else:
                found.append(source)
        return tuple(dict.fromkeys(found))

    # what the engine does, on the value that people hold

    def fire(self, record: Any, event: str, context: "Context") -> tuple[Any, "Entry"]:
        """Take a step and return the new record and its entry. Pure: nothing is saved.

        Raises:
            Refused: with every reason, in a fixed order.
            BrokenRule: a guard or effect raised; the record is untouched.
        """
        return self.engine.fire(record, event, context)

    def explain(self, record: Any, event: str, context: "Context") -> Decision:
        """Say whether the step is possible now, and if not, every reason why."""
        return self.engine.explain(record, event, context)

    def decisions(self, record: Any, context: "Context") -> tuple[Decision, ...]:
        """Explain every event of the lifecycle, in their order."""
        return tuple(self.engine.explain(record, event, context) for event in self.events)

    def available(self, record: Any, context: "Context") -> tuple["Step", ...]:
        """Return the steps that this actor could take now, with what each still asks for."""
        return self.engine.available(record, context)

    def update(self, record: Any, context: "Context") -> tuple[Any, "Entry"]:
        """Change fields without a step, as the state allows; return the new record and its entry.

        Raises:
            Refused: a field is unknown, ill-typed, or hidden, read-only or mandatory here.
        """
        return self.engine.update(record, context)

    def rules(self, record: Any, context: "Context") -> Mapping[str, frozenset[str]]:
        """Return field -> the words of its rules now, for this actor: what a form shows."""
        return self.engine.rules(record, context)

    def due(
        self, record: Any, history: Iterable["Entry"], now: datetime, calendar: "Calendar | None" = None
    ) -> tuple[Due, ...]:
        """Return the steps that time asks of `record` at `now`, the longest overdue first.

        Args:
            record: it, in its present state.
            history: its entries, oldest first.
            now: the present moment; no clock is read.
            calendar: when the service is delivered, for timers that count service time.

        Raises:
            InvalidInput: a timer counts service time and there is no calendar.
        """
        from itil4.lifecycle.timers import due

        return due(self, record, history, now, calendar)

    def bind(self, kind: type, **options: Any) -> "Flow":
        """Return this lifecycle for a host's own mutable rows; see `itil4.lifecycle.binding.bind`."""
        from itil4.lifecycle.binding import bind

        return bind(self, kind, **options)

    # what can be asked about the definition itself

    def verify(self, shape: "Shape | type | None" = None, roles: Iterable[str] | None = None) -> tuple["Finding", ...]:
        """Return what is wrong with the definition, each with a shortest story that shows it.

        Args:
            shape: the record type, or its compiled form: fields are checked against it.
            roles: every role that there is, where the set is closed.
        """
        from itil4.lifecycle.findings import verify

        return verify(self, shape, roles)

    def check_against(self, shape: "Shape | type", roles: Iterable[str] | None = None) -> tuple["Finding", ...]:
        """Return the findings that are warnings; raise when there are errors.

        Raises:
            DefinitionError: with one reason for each error.
        """
        from itil4.lifecycle.findings import check_against

        return check_against(self, shape, roles)

    def diff(self, base: "Lifecycle") -> tuple["Difference", ...]:
        """Return every difference from `base`, in the order of the definition."""
        from itil4.lifecycle.difference import differences

        return differences(self, base)

    def refines(self, base: "Lifecycle") -> "Story | None":
        """Return None when a host that knows only `base` can follow every step, or the shortest story it cannot."""
        from itil4.lifecycle.difference import departure

        return departure(self, base)

    def extend(
        self,
        states: State | Iterable[State] = (),
        add: Transition | Iterable[Transition] = (),
        *,
        replace: Mapping[str, Any] | None = None,
        tighten: Mapping[str, Mapping[str, Any]] | None = None,
        remove: Iterable[str] = (),
        name: str | None = None,
        initial: str | Iterable[str] | None = None,
        events: Iterable[str] | None = None,
    ) -> Self:
        """Return a lifecycle with more states and transitions, and some replaced, made stricter or left out.

        Args:
            states: more states.
            add: more transitions, after those that are there.
            replace: event, or `event@source` -> the transition, or transitions, instead; or the name
                of a state -> the state instead.
            tighten: event, or `event@source` -> `roles` (intersected), `denied`, `requires` and
                `guards` (added), `internal`.
            remove: events, `event@source`, or states (with every arrow from and to them).
            name, initial, events: instead of the present ones.

        Raises:
            DefinitionError: a key names nothing, or tightening leaves nobody who may.
        """
        from itil4.lifecycle.extension import extended

        return extended(
            self, states, add, replace=replace or {}, tighten=tighten or {}, remove=names(remove),
            name=name, initial=initial, events=events,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return the lifecycle as plain data; guards and effects by their names."""
        from itil4.lifecycle.plain import to_dict

        return to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], registry: Any = None) -> Self:
        """Return the lifecycle that plain data describes; see `itil4.lifecycle.reading.from_dict`."""
        from itil4.lifecycle.reading import from_dict

        return from_dict(data, registry, cls)

    # other forms

    def machine(self) -> Any:
        """Return the lifecycle as a `transitions` machine: the reference interpreter, and the way out."""
        from itil4.lifecycle.machine import machine_of

        return machine_of(self)

    def mermaid(self, record: Any = None, history: Iterable["Entry"] = ()) -> str:
        """Return the lifecycle as a Mermaid state diagram, a record's state and path highlighted."""
        from itil4.lifecycle.pictures import mermaid

        return mermaid(self, record, history)

    def dot(self, record: Any = None, history: Iterable["Entry"] = ()) -> str:
        """Return the lifecycle in the language of Graphviz, a record's state and path highlighted."""
        from itil4.lifecycle.pictures import dot

        return dot(self, record, history)

    def svg(self, record: Any = None, history: Iterable["Entry"] = ()) -> str:
        """Return the lifecycle as a self-contained SVG, a record's state and path highlighted."""
        from itil4.lifecycle.svg import svg

        return svg(self, record, history)

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "image/svg+xml": self.svg()}


def name_of(rule: Callable[..., Any]) -> str:
    """Return the name by which a guard or effect is known."""
    return str(getattr(rule, "name", None) or getattr(rule, "__name__", type(rule).__name__))
