"""Compares alternatives of one step: which are never taken, and which values their guards leave out or share."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from itil4.lifecycle.definition import Transition
from itil4.lifecycle.fields import Rules
from itil4.lifecycle.rules import Chosen, Guard
from itil4.record import Shape

_MOST = 4096
"""So many combinations of values are tried at most."""


def shadows(earlier: Transition, later: Transition, rules: Mapping[str, Rules]) -> bool:
    """Whether `earlier` may be taken whenever `later` may, so that `later` never is."""
    if isinstance(earlier.target, Chosen) or isinstance(later.target, Chosen):
        if not (isinstance(earlier.target, Chosen) and isinstance(later.target, Chosen)):
            return False
        if earlier.target.field != later.target.field or not set(later.target.among) <= set(earlier.target.among):
            return False
    same_rules = earlier.targets == later.targets and earlier.fields == later.fields
    if not same_rules and (earlier.fields or any(rules[target] for target in earlier.targets)):
        return False
    return (
        (earlier.roles is None or (later.roles is not None and later.roles <= earlier.roles))
        and (earlier.denied or frozenset()) <= (later.denied or frozenset())
        and (not earlier.internal or later.internal)
        and set(earlier.requires) <= {*later.requires, *(name for rule in later.guards for name in rule.reads)}
        and all(rule in later.guards for rule in earlier.guards)
    )


class _Probe:
    """A record that has only the fields that guards said they read."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        vars(self).update(values)


def guard_gaps(group: Sequence[Transition], shape: Shape | None) -> Iterator[tuple[str, str]]:
    """Yield (code, text) for values that two guarded alternatives share, or that none holds for.

    Only alternatives whose guards all read fields with few possible values are compared, among those
    that the same people may take; a guard that looks further (at the context, at other fields) is
    left alone.
    """
    circles: dict[Any, list[Transition]] = {}
    for each in group:
        circles.setdefault((each.roles, each.denied, each.internal), []).append(each)
    for circle in circles.values():
        guarded = [each for each in circle if each.guards]
        if len(guarded) < 2:
            continue
        domains = _domains([rule for each in guarded for rule in each.guards], shape)
        if domains is not None:
            yield from _compared(guarded, domains, covered=len(guarded) < len(circle))


def _domains(rules: Sequence[Guard], shape: Shape | None) -> dict[str, tuple[Any, ...]] | None:
    """Return field -> its values for all that the guards read; None when they are not all known and few."""
    domains: dict[str, tuple[Any, ...]] = {}
    for rule in rules:
        if not rule.reads:
            return None
        for name in rule.reads:
            values = rule.domains.get(name, ())
            field = shape.get(name) if shape is not None else None
            if not values and field is not None:
                values = (True, False) if field.kind == "boolean" else field.choices
            if not values:
                return None
            domains[name] = tuple(dict.fromkeys((*domains.get(name, ()), *values)))
    size = 1
    for values in domains.values():
        size *= len(values)
    return domains if size <= _MOST else None


def _compared(
    guarded: Sequence[Transition], domains: Mapping[str, tuple[Any, ...]], *, covered: bool
) -> Iterator[tuple[str, str]]:
    left_out: str | None = None
    shared: dict[tuple[int, int], str] = {}
    for values in itertools.product(*domains.values()):
        probe = dict(zip(domains, values, strict=True))
        holding = []
        for number, each in enumerate(guarded):
            try:
                verdicts = [rule.check(_Probe(probe), None) for rule in each.guards]  # type: ignore[arg-type]
            except Exception:  # it looks at more than it says it reads, so nothing can be said
                return
            if all(verdict is True for verdict in verdicts):
                holding.append(number)
        shown = ", ".join(f"{name}={value!r}" for name, value in probe.items())
        if not holding and left_out is None:
            left_out = shown
        for pair in itertools.combinations(holding, 2):
            if guarded[pair[0]].targets != guarded[pair[1]].targets:
                shared.setdefault(pair, shown)
    for (first, second), shown in shared.items():
        ends = f"{guarded[first].targets[0]!r} and {guarded[second].targets[0]!r}"
        yield "overlapping_guards", f"for {shown} the alternatives to {ends} both hold, and their order decides."
    if left_out is not None and not covered:
        yield "incomplete_guards", f"for {left_out} no alternative holds."
