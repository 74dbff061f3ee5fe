"""A lifecycle made from another one: more states and steps, and steps made stricter."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import attrs

from itil4.errors import DefinitionError, nearest
from itil4.lifecycle.definition import Lifecycle, State, Transition
from itil4.lifecycle.rules import as_guard

L = TypeVar("L", bound=Lifecycle)

_TIGHTER = ("roles", "requires", "guards", "denied")


def extended(
    base: L,
    states: Iterable[State],
    add: Iterable[Transition],
    *,
    tighten: Mapping[str, Mapping[str, Any]],
    remove: Iterable[str],
    name: str | None,
) -> L:
    """Return `base` changed as `Lifecycle.extend` says."""
    transitions = list(base.transitions)
    for key in remove:
        transitions = _split(base, transitions, key, lambda each: None)
    for key, rules in tighten.items():
        transitions = _split(
            base, transitions, key, lambda each, key=key, rules=rules: _tighter(base, key, each, rules)
        )  # type: ignore[misc]
    return attrs.evolve(
        base,
        name=name or base.name,
        states=(*base.states, *states),
        transitions=(*transitions, *add),
    )


def _split(base: Lifecycle, transitions: list[Transition], key: str, change: Any) -> list[Transition]:
    """Apply `change` to the transitions that `event` or `event@source` names; None removes."""
    event, _, source = key.partition("@")
    hits = [each for each in transitions if each.event == event]
    if not hits:
        events = {each.event for each in transitions}
        raise DefinitionError.of(
            "unknown_name", where=f"extend of {base.name!r}", what="step", name=event, nearest=nearest(event, events)
        )
    if source and not any(source in base.sources_of(each) for each in hits):
        known = {name for each in hits for name in base.sources_of(each)}
        raise DefinitionError.of(
            "unknown_name", where=f"extend of {base.name!r}: {event!r}", what="source", name=source,
            nearest=nearest(source, known),
        )  # fmt: skip
    made: list[Transition] = []
    for each in transitions:
        sources = base.sources_of(each)
        if each.event != event or (source and source not in sources):
            made.append(each)
            continue
        rest = tuple(name for name in sources if source and name != source)
        if rest:
            made.append(attrs.evolve(each, sources=rest))
        part = attrs.evolve(each, sources=(source,)) if source else each
        changed = change(part)
        if changed is not None:
            made.append(changed)
    return made


def _tighter(base: Lifecycle, key: str, each: Transition, rules: Mapping[str, Any]) -> Transition:
    for name in rules:
        if name not in _TIGHTER:
            raise DefinitionError.of(
                "unknown_name", where=f"tighten {key!r} of {base.name!r}", what="rule", name=name,
                nearest=nearest(name, _TIGHTER),
            )  # fmt: skip
    probe = Transition("probe", "*", "probe", **rules)
    roles = each.roles
    if probe.roles is not None:
        roles = probe.roles if roles is None else roles & probe.roles
        if not roles:
            raise DefinitionError.of(
                "definition", where=f"tighten {key!r} of {base.name!r}",
                text="nobody is left who may take the step.", remedy=f"Keep one of: {', '.join(sorted(each.roles or ()))}.",
            )  # fmt: skip
    denied = (each.denied or frozenset()) | (probe.denied or frozenset())
    return attrs.evolve(
        each,
        roles=roles,
        denied=denied or None,
        requires=tuple(dict.fromkeys((*each.requires, *probe.requires))),
        guards=(*each.guards, *(as_guard(rule) for rule in probe.guards if rule not in each.guards)),
    )
