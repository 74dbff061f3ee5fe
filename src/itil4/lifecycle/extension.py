"""A lifecycle made from another one: more states and steps, some replaced, and steps made stricter."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import attrs

from itil4.errors import DefinitionError, nearest
from itil4.lifecycle.definition import Lifecycle, State, Transition
from itil4.lifecycle.fields import ASKED, LOCKED, Plan, inherited
from itil4.lifecycle.rules import Chosen
from itil4.lifecycle.structure import names

L = TypeVar("L", bound=Lifecycle)
T = TypeVar("T", State, Transition)

_TIGHTER = ("roles", "denied", "requires", "guards", "internal")


def extended(
    base: L,
    states: State | Iterable[State],
    add: Transition | Iterable[Transition],
    *,
    replace: Mapping[str, Any],
    tighten: Mapping[str, Mapping[str, Any]],
    remove: Iterable[str],
    name: str | None,
    initial: str | Iterable[str] | None,
    events: Iterable[str] | None,
) -> L:
    """Return `base` changed as `Lifecycle.extend` says."""
    more, steps = _several("states", states, State), _several("add", add, Transition)
    _must_map("replace", replace)
    _must_map("tighten", tighten)
    kept = list(base.states)
    born = base.initial
    transitions = list(base.transitions)
    for key in remove:
        if key in base.by_name and key not in base.events:
            kept = [state for state in kept if state.name != key]
            transitions = _without(base, transitions, key)
        else:
            transitions = _split(base, _scope(base, kept, more), transitions, key, lambda each: ())
    for key, instead in replace.items():
        if isinstance(instead, State):
            base.state(key)
            kept = [instead if state.name == key else state for state in kept]
            if instead.name != key:
                born = tuple(instead.name if state == key else state for state in born)
                kept = [
                    attrs.evolve(each, fields_from=instead.name) if each.fields_from == key else each for each in kept
                ]
                transitions = [_renamed(each, key, instead.name) for each in transitions]
        else:
            transitions = _replaced(base, _scope(base, kept, more), transitions, key, instead)
    for key, rules in tighten.items():
        transitions = _tightened(base, _scope(base, kept, more), transitions, key, rules)
    return attrs.evolve(
        base,
        name=name or base.name,
        initial=born if initial is None else initial,
        states=(*kept, *more),
        transitions=(*transitions, *steps),
        events=base.declared if events is None else tuple(events),
    )


def _several(name: str, value: Any, kind: type[T]) -> tuple[T, ...]:
    """Return several values of one kind, also where one of them stands alone."""
    given = (value,) if isinstance(value, kind) else names(value)
    for each in given:
        if not isinstance(each, kind):
            raise DefinitionError.of("ill_typed", field=name, expected=f"{kind.__name__} values", value=each)
    return given


def _must_map(name: str, value: object) -> None:
    if not isinstance(value, Mapping):
        raise DefinitionError.of("ill_typed", field=name, expected="a mapping of steps to what holds", value=value)


def _scope(base: Lifecycle, kept: list[State], more: tuple[State, ...]) -> Lifecycle:
    """Return a lifecycle of the states that there will be: what `*` and categories of steps stand for by then."""
    states = (*kept, *more)
    return Lifecycle(base.name, tuple(each.name for each in states[:1]), states)


def _split(
    base: Lifecycle,
    scope: Lifecycle,
    transitions: list[Transition],
    key: str,
    change: Callable[[Transition], Iterable[Transition]],
) -> list[Transition]:
    """Apply `change` to the transitions that `event` or `event@source` names; what it returns stands instead.

    One source of `*` or of a category leaves all others named, so they are written out over `scope`.
    """
    event, source = _parted(base, key)
    hits = [each for each in transitions if each.event == event]
    if not hits:
        raise DefinitionError.of(
            "unknown_name", where=f"extend of {base.name!r}", what="step", name=event,
            nearest=nearest(event, {each.event for each in transitions}),
        )  # fmt: skip
    if source is not None and not any(source in scope.sources_of(each) for each in hits):
        known = {name for each in hits for name in scope.sources_of(each)}
        raise DefinitionError.of(
            "unknown_name", where=f"extend of {base.name!r}: {event!r}", what="source", name=source,
            nearest=nearest(source, known),
        )  # fmt: skip
    made: list[Transition] = []
    for each in transitions:
        sources = scope.sources_of(each)
        if each.event != event or (source is not None and source not in sources):
            made.append(each)
            continue
        rest = tuple(name for name in sources if source is not None and name != source)
        if rest:
            made.append(attrs.evolve(each, sources=rest))
        made += change(each if source is None else attrs.evolve(each, sources=(source,)))
    return made


def _parted(base: Lifecycle, key: str) -> tuple[str, str | None]:
    """Part `event@source`; an event that has an @ in its own name is itself."""
    if not isinstance(key, str):
        raise DefinitionError.of("ill_typed", field=f"extend of {base.name!r}", expected="an event", value=key)
    if key in base.events or "@" not in key:
        return key, None
    event, _, source = key.rpartition("@")
    return event, source


def _without(base: Lifecycle, transitions: list[Transition], gone: str) -> list[Transition]:
    """Drop every arrow from and to a state that is removed."""
    made = []
    for each in transitions:
        target: str | Chosen | None = each.target
        if isinstance(target, Chosen):
            among = tuple(name for name in target.among if name != gone)
            target = attrs.evolve(target, among=among) if among else None
        elif target == gone:
            target = None
        named = [source for source in each.sources if source != gone]
        if target is not None and named:
            made.append(attrs.evolve(each, sources=tuple(named), target=target))
    return made


def _renamed(each: Transition, old: str, new: str) -> Transition:
    sources = tuple(new if source == old else source for source in each.sources)
    target = each.target
    if isinstance(target, Chosen):
        target = attrs.evolve(target, among=tuple(new if name == old else name for name in target.among))
    elif target == old:
        target = new
    return attrs.evolve(each, sources=sources, target=target)


def _replaced(
    base: Lifecycle, scope: Lifecycle, transitions: list[Transition], key: str, instead: Any
) -> list[Transition]:
    pending = list(_several(f"replace {key!r}", instead, Transition))

    def change(_: Transition) -> Iterable[Transition]:
        given, pending[:] = tuple(pending), []
        return given

    return _split(base, scope, transitions, key, change)


def _tightened(
    base: Lifecycle, scope: Lifecycle, transitions: list[Transition], key: str, rules: Mapping[str, Any]
) -> list[Transition]:
    where = f"tighten {key!r} of {base.name!r}"
    if not isinstance(rules, Mapping):
        raise DefinitionError.of("ill_typed", field=where, expected="a mapping of rules", value=rules)
    for name in rules:
        if name not in _TIGHTER:
            raise DefinitionError.of(
                "unknown_name", where=where, what="rule", name=name, nearest=nearest(name, _TIGHTER)
            )
    probe = Transition("probe", "*", "probe", **rules)
    return _split(base, scope, transitions, key, lambda each: (_tighter(scope, where, each, probe),))


def _tighter(scope: Lifecycle, where: str, each: Transition, probe: Transition) -> Transition:
    taken = each.roles
    if probe.roles is not None:
        taken = probe.roles if taken is None else taken & probe.roles
    if taken is not None and not taken - (denied := (each.denied or frozenset()) | (probe.denied or frozenset())):
        keep = ", ".join(sorted((each.roles or frozenset()) - denied)) or "a role"
        raise DefinitionError.of(
            "definition", where=where, text="nobody is left who may take the step.", remedy=f"Keep one of: {keep}."
        )
    rules = inherited(scope.by_name, where)
    for name in probe.requires:
        for target in each.targets:
            ruling = Plan(each.fields, rules.get(target, {})).entry(name)
            if name not in each.requires and ruling and ruling.possible & LOCKED and not ruling.possible & ASKED:
                raise DefinitionError.of(
                    "definition", where=where, remedy=f"Make it `must_prompt` in {target!r}, or require another field.",
                    text=f"it requires {name!r}, which {target!r} does not let anybody give.",
                )  # fmt: skip
    return attrs.evolve(
        each,
        roles=taken,
        denied=(each.denied or frozenset()) | (probe.denied or frozenset()) or None,
        requires=tuple(dict.fromkeys((*each.requires, *probe.requires))),
        guards=tuple(dict.fromkeys((*each.guards, *probe.guards))),
        internal=each.internal or probe.internal,
    )
