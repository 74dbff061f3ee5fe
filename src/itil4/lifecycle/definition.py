"""A lifecycle as a value: its states and the arrows between them."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import attrs

from itil4.errors import Decision, DefinitionError, nearest
from itil4.lifecycle.rules import Check, Chosen, Effect, FollowUp, Guard, In, as_guard
from itil4.vocabulary import OPEN, Category, choices

try:  # hashlib would load OpenSSL first, which costs more than this whole module
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

if TYPE_CHECKING:
    from itil4.lifecycle.context import Context, Step
    from itil4.lifecycle.engine import Engine
    from itil4.record import Entry


def _tuple(value: str | Iterable[Any]) -> tuple[Any, ...]:
    return (value,) if isinstance(value, (str, In)) else tuple(value)


def _roles(value: str | Iterable[str] | None) -> frozenset[str] | None:
    return None if value is None else frozenset(_tuple(value))


def _guards(value: Iterable[Guard | Check]) -> tuple[Guard, ...]:
    return tuple(as_guard(each) for each in ((value,) if callable(value) else value))


@attrs.frozen
class State:
    """A state: its name is free, its category is not.

    Args:
        name: any printable text.
        category: new, active, waiting, resolved, closed or cancelled: what clocks and figures see.
        kind: what a waiting state waits for (`user`, `vendor`, ...), when that is always the same.
        kind_from: the field that says what it waits for, when that differs.
        final: a claim that nothing leads on from here; `verify` checks it.
        label: its name for people; by default made from `name`.
    """

    name: str
    category: Category = "active"
    kind: str | None = attrs.field(default=None, kw_only=True)
    kind_from: str | None = attrs.field(default=None, kw_only=True)
    final: bool = attrs.field(default=False, kw_only=True)
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
        facts: what the guards need to know beyond the record, such as `links.parent_of`.
        follow_ups: steps of other records that this one brings with it.
        internal: only a system fires it.
        label: its name on a button.
    """

    event: str
    sources: tuple[str | In, ...] = attrs.field(converter=_tuple)
    target: str | Chosen
    roles: frozenset[str] | None = attrs.field(default=None, converter=_roles, kw_only=True)
    denied: frozenset[str] | None = attrs.field(default=None, converter=_roles, kw_only=True)
    requires: tuple[str, ...] = attrs.field(default=(), converter=_tuple, kw_only=True)
    guards: tuple[Guard, ...] = attrs.field(default=(), converter=_guards, kw_only=True)
    effects: tuple[Effect, ...] = attrs.field(default=(), converter=tuple, kw_only=True)
    facts: tuple[str, ...] = attrs.field(default=(), converter=_tuple, kw_only=True)
    follow_ups: tuple[FollowUp, ...] = attrs.field(default=(), converter=tuple, kw_only=True)
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


@attrs.frozen
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

    Raises:
        DefinitionError: a name is unknown, doubled or not printable; the nearest known one is offered.
    """

    name: str
    initial: tuple[str, ...] = attrs.field(converter=_tuple)
    states: tuple[State, ...] = attrs.field(converter=tuple)
    transitions: tuple[Transition, ...] = attrs.field(converter=tuple)
    field: str = attrs.field(default="state", kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_structure(self)

    @cached_property
    def by_name(self) -> Mapping[str, State]:
        """The states by their names."""
        return {state.name: state for state in self.states}

    @cached_property
    def events(self) -> tuple[str, ...]:
        """Every event once, in the order of the transitions."""
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
        text = repr((self.name, self.field, self.initial, self.states, self.transitions))
        return blake2b(_stable(text).encode(), digest_size=6).hexdigest()

    @cached_property
    def engine(self) -> "Engine":
        """The compiled form that decides and runs steps."""
        from itil4.lifecycle.engine import Engine

        return Engine(self)

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

    def sources_of(self, transition: Transition) -> tuple[str, ...]:
        """Return the source states of a transition, `*` and categories written out, each once."""
        names: list[str] = []
        for source in transition.sources:
            if source == "*":
                names += [state.name for state in self.states if not state.final]
            elif isinstance(source, In):
                wanted = OPEN if source.category == "open" else (source.category,)
                names += [state.name for state in self.states if state.category in wanted]
            else:
                names.append(str(source))
        return tuple(dict.fromkeys(names))

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

    def available(self, record: Any, context: "Context") -> tuple["Step", ...]:
        """Return the steps that this actor could take now, with what each still asks for."""
        return self.engine.available(record, context)

    def update(self, record: Any, context: "Context") -> tuple[Any, "Entry"]:
        """Change fields without a step, as the state allows; return the new record and its entry."""
        return self.engine.update(record, context)

    def machine(self) -> Any:
        """Return the lifecycle as a `transitions` machine: the reference interpreter, and the way out."""
        from itil4.lifecycle.machine import machine_of

        return machine_of(self)

    def mermaid(self) -> str:
        """Return the lifecycle as a Mermaid state diagram."""
        from itil4.lifecycle.pictures import mermaid

        return mermaid(self)

    def extend(
        self,
        states: Iterable[State] = (),
        add: Iterable[Transition] = (),
        *,
        tighten: Mapping[str, Mapping[str, Any]] | None = None,
        remove: Iterable[str] = (),
        name: str | None = None,
    ) -> Self:
        """Return a lifecycle with more states and transitions, and some made stricter or left out.

        Args:
            tighten: event, or `event@source` -> `roles` (intersected), `requires` and `guards` (added).
            remove: events, or `event@source`.

        Raises:
            DefinitionError: a key names nothing, or tightening leaves nobody who may.
        """
        from itil4.lifecycle.extension import extended

        return extended(self, states, add, tighten=tighten or {}, remove=remove, name=name)


def check_structure(lifecycle: Lifecycle) -> None:
    """Refuse unknown, doubled and unprintable names."""
    where = f"the lifecycle {lifecycle.name!r}"
    known: dict[str, State] = {}
    for state in lifecycle.states:
        if not isinstance(state, State):
            raise DefinitionError.of("ill_typed", field=f"{where}: states", expected="State values", value=state)
        _printable(where, "state", state.name)
        if state.name in known:
            raise DefinitionError.of("duplicate", where=where, what="the state", name=state.name)
        if state.category not in choices(Category):
            raise DefinitionError.of(
                "not_a_choice", field=f"{where}, state {state.name!r}: category", value=state.category,
                choices=choices(Category), nearest=nearest(state.category, choices(Category)),
            )  # fmt: skip
        known[state.name] = state
    if not known or not lifecycle.initial:
        raise DefinitionError.of(
            "definition", where=where, text="it has no state to be born in.", remedy="Give states and an initial one."
        )

    def must_know(name: object, at: str) -> None:
        if name not in known:
            raise DefinitionError.of(
                "unknown_name", where=f"{where}, {at},", what="state", name=name, nearest=nearest(name, known)
            )

    for name in lifecycle.initial:
        must_know(name, "initial")
    categories = (*choices(Category), "open")
    for transition in lifecycle.transitions:
        if not isinstance(transition, Transition):
            raise DefinitionError.of(
                "ill_typed", field=f"{where}: transitions", expected="Transition values", value=transition
            )
        _printable(where, "event", transition.event)
        at = f"step {transition.event!r}"
        if not transition.sources:
            raise DefinitionError.of("definition", where=f"{where}, {at}", text="it has no source.", remedy="Name one.")
        for source in transition.sources:
            if isinstance(source, In):
                if source.category not in categories:
                    raise DefinitionError.of(
                        "unknown_name", where=f"{where}, {at},", what="category", name=source.category,
                        nearest=nearest(source.category, categories),
                    )  # fmt: skip
            elif source != "*":
                must_know(source, at)
        for target in transition.targets:
            must_know(target, at)
        if transition.roles is not None and not transition.roles:
            raise DefinitionError.of(
                "definition", where=f"{where}, {at}", text="nobody may take it: its set of roles is empty.",
                remedy="Name a role, or leave roles out for anybody.",
            )  # fmt: skip


def _printable(where: str, what: str, name: object) -> None:
    if not isinstance(name, str) or not name or name.isspace() or not name.isprintable():
        raise DefinitionError.of(
            "definition",
            where=where,
            text=f"the name of a {what} is not printable text: {name!r}.",
            remedy="Rename it.",
        )


def _stable(text: str) -> str:
    """Leave out the addresses of functions, which differ from run to run."""
    import re

    return re.sub(r" at 0x[0-9a-f]+", "", text)


def name_of(rule: Callable[..., Any]) -> str:
    """Return the name by which a guard or effect is known."""
    return getattr(rule, "name", None) or getattr(rule, "__name__", type(rule).__name__)
