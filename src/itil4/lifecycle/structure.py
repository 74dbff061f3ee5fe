"""What a definition must have to be one: known, single and printable names, in time linear in its size."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from itil4.errors import DefinitionError, nearest
from itil4.lifecycle.fields import inherited
from itil4.lifecycle.rules import Chosen, FollowUp, In
from itil4.vocabulary import Category, choices

if TYPE_CHECKING:
    from itil4.lifecycle.definition import Lifecycle, State, Transition

_CATEGORIES = choices(Category)
_LONGEST = 255


def names(value: Any) -> tuple[Any, ...]:
    """Return a tuple of one thing that stands alone, or of several."""
    if type(value) is tuple:
        return value
    if isinstance(value, (str, In, FollowUp)):
        return (value,)
    try:
        return tuple(value)
    except TypeError:
        raise DefinitionError.of("ill_typed", field="a definition", expected="one or several", value=value) from None


def as_roles(value: str | Iterable[str] | None) -> frozenset[str] | None:
    """Return a set of roles; None stays None."""
    return None if value is None else name_set("roles", value)


def name_set(field: str, value: str | Iterable[str]) -> frozenset[str]:
    """Return a set of one name, or of several."""
    try:
        return frozenset(names(value))
    except TypeError:  # a list among them, or the like
        raise DefinitionError.of("ill_typed", field=field, expected="names", value=value) from None


def is_printable(name: object) -> bool:
    """Whether a name may stand in a definition: printable text of at most 255 characters, not blank."""
    return isinstance(name, str) and name.isprintable() and not name.isspace() and 0 < len(name) <= _LONGEST


def must_print(where: str, what: str, name: object) -> None:
    """Refuse a name that is not printable text."""
    if not is_printable(name):
        raise DefinitionError.of(
            "definition", where=where, remedy="Rename it.",
            text=f"the name of the {what} is not printable text of 1 to {_LONGEST} characters: {name!r}.",
        )  # fmt: skip


def check_structure(lifecycle: "Lifecycle") -> None:
    """Refuse unknown, doubled and unprintable names.

    Raises:
        DefinitionError: with the nearest known name, where there is one.
    """
    from itil4.lifecycle.definition import State, Transition

    must_print("a lifecycle", "lifecycle", lifecycle.name)
    where = f"the lifecycle {lifecycle.name!r}"
    must_print(where, "field", lifecycle.field)
    known: dict[str, State] = {}
    for state in lifecycle.states:
        if not isinstance(state, State):
            raise DefinitionError.of("ill_typed", field=f"{where}: states", expected="State values", value=state)
        _check_state(where, state, known)
        known[state.name] = state
    if not known or not lifecycle.initial:
        raise DefinitionError.of(
            "definition", where=where, text="it has no state to be born in.", remedy="Give states and an initial one."
        )
    for name in lifecycle.initial:
        _must_know(where, name, "initial", known)
    if len(set(lifecycle.initial)) < len(lifecycle.initial):
        raise DefinitionError.of("duplicate", where=where, what="the initial state", name=lifecycle.initial)
    for event in lifecycle.declared:
        must_print(where, "event", event)
    inherited(known, where)
    for transition in lifecycle.transitions:
        if not isinstance(transition, Transition):
            raise DefinitionError.of(
                "ill_typed", field=f"{where}: transitions", expected="Transition values", value=transition
            )
        _check_transition(where, transition, known)


def _check_state(where: str, state: "State", known: Mapping[str, "State"]) -> None:
    must_print(where, "state", state.name)
    if state.name == "*":
        raise DefinitionError.of(
            "definition", where=where, text="'*' means every state and cannot name one.", remedy="Rename it."
        )
    if state.name in known:
        raise DefinitionError.of("duplicate", where=where, what="the state", name=state.name)
    if state.category not in _CATEGORIES:
        raise DefinitionError.of(
            "not_a_choice", field=f"{where}, state {state.name!r}: category", value=state.category,
            choices=_CATEGORIES, nearest=nearest(state.category, _CATEGORIES),
        )  # fmt: skip
    for kind, what in (
        (state.kind, "kind"), (state.kind_from, "field"), (state.label, "label"), (state.fields_from, "state"),
        *((timer.event, "event") for timer in state.timers), *((timer.at, "field") for timer in state.timers),
    ):  # fmt: skip
        if kind is not None:
            must_print(f"{where}, state {state.name!r}", what, kind)
    _must_be_flag(f"{where}, state {state.name!r}: final", state.final)


def _must_be_flag(field: str, value: object) -> None:
    if type(value) is not bool:
        raise DefinitionError.of("ill_typed", field=field, expected="True or False", value=value)


def _check_transition(where: str, transition: "Transition", known: Mapping[str, "State"]) -> None:
    must_print(where, "event", transition.event)
    at = f"step {transition.event!r}"
    if not transition.sources:
        raise DefinitionError.of("definition", where=f"{where}, {at}", text="it has no source.", remedy="Name one.")
    for source in transition.sources:
        if isinstance(source, In):
            if source.category not in (*_CATEGORIES, "open"):
                raise DefinitionError.of(
                    "unknown_name", where=f"{where}, {at},", what="category", name=source.category,
                    nearest=nearest(source.category, (*_CATEGORIES, "open")),
                )  # fmt: skip
        elif source != "*":
            _must_know(where, source, at, known)
    if isinstance(transition.target, Chosen):
        must_print(f"{where}, {at}", "field", transition.target.field)
        if not transition.targets:
            raise DefinitionError.of(
                "definition", where=f"{where}, {at}", text="its target is chosen among nothing.", remedy="Name states."
            )
    for target in transition.targets:
        _must_know(where, target, at, known)
    if transition.roles is not None and not transition.roles:
        raise DefinitionError.of(
            "definition", where=f"{where}, {at}", text="nobody may take it: its set of roles is empty.",
            remedy="Name a role, or leave roles out for anybody.",
        )  # fmt: skip
    for what, said in (
        ("role", transition.roles or ()), ("role", transition.denied or ()), ("field", transition.requires),
        ("fact", transition.facts), ("label", () if transition.label is None else (transition.label,)),
    ):  # fmt: skip
        for name in said:
            must_print(f"{where}, {at}", what, name)
    _must_be_flag(f"{where}, {at}: internal", transition.internal)
    for rule in transition.guards:
        must_print(f"{where}, {at}", "guard", rule.name)
        for name in rule.reads:
            must_print(f"{where}, {at}, guard {rule.name!r}", "field", name)
    for effect in transition.effects:
        if not callable(effect):
            raise DefinitionError.of("ill_typed", field=f"{where}, {at}: effects", expected="a function", value=effect)
    for follow_up in transition.follow_ups:
        if not isinstance(follow_up, FollowUp):
            raise DefinitionError.of(
                "ill_typed", field=f"{where}, {at}: follow_ups", expected="FollowUp values", value=follow_up
            )
        _check_follow_up(f"{where}, {at}, follow-up", follow_up)


def _check_follow_up(where: str, row: FollowUp) -> None:
    if not isinstance(row.payload, Mapping):
        raise DefinitionError.of(
            "ill_typed", field=f"{where}: payload", expected="a mapping of fields to fields", value=row.payload
        )
    if row.on_refusal not in ("skip", "refuse"):
        raise DefinitionError.of(
            "not_a_choice", field=f"{where}: on_refusal", value=row.on_refusal, choices=("skip", "refuse"),
            nearest=nearest(row.on_refusal, ("skip", "refuse")),
        )  # fmt: skip
    for what, said in (
        ("event", (row.event,)), ("fact", (row.over,)), ("state", row.states),
        ("field", (*row.payload.keys(), *row.payload.values())),
    ):  # fmt: skip
        for name in said:
            must_print(where, what, name)


def _must_know(where: str, name: object, at: str, known: Mapping[str, "State"]) -> None:
    try:
        if name in known:
            return
    except TypeError:  # not hashable, so surely no name
        name = repr(name)
    raise DefinitionError.of(
        "unknown_name",
        where=f"{where}, {at},",
        what="state",
        name=name,
        nearest=nearest(name, known),
    )


def named_fields(lifecycle: "Lifecycle") -> Iterator[tuple[str, str, str]]:
    """Yield (field, place, source) for every field that the definition names."""
    for state in lifecycle.states:
        at = state.name
        said = [name for name in state.fields if name != "*"]
        said += [name for rules in state.fields.values() for rule in rules for name in rule.reads]
        said += [timer.at for timer in state.timers if timer.at is not None]
        if state.kind_from is not None:
            said.append(state.kind_from)
        for name in said:
            yield name, at, at
    for each in lifecycle.transitions:
        said = [*each.requires, *(name for rule in each.guards for name in rule.reads)]
        said += [name for name in each.fields if name != "*"]
        said += [name for rules in each.fields.values() for rule in rules for name in rule.reads]
        said += [name for follow_up in each.follow_ups for name in follow_up.payload.values()]
        if said:
            source = next(iter(lifecycle.sources_of(each)), lifecycle.initial[0])
            for name in said:
                yield name, f"{each.event}@{source}", source
