"""A lifecycle as plain data, for JSON and TOML files. Guards and effects stand in it by name only.

Names are resolved in a registry that the host fills; nothing is ever imported by name, so a file
can choose among the host's rules and cannot bring any.

>>> from itil4.lifecycle import Registry, from_dict, guard, loads, to_dict
>>> @guard(reads="port")
... def in_port(incident, ctx):
...     return incident.port == "Genoa"
>>> rules = Registry(guards=[in_port])
>>> text = '''
... name = "vessel incident"
... initial = ["new"]
... [[states]]
... name = "new"
... category = "new"
... [[states]]
... name = "closed"
... category = "closed"
... final = true
... [[transitions]]
... event = "close"
... from = ["new"]
... to = "closed"
... guards = ["in_port"]
... '''
>>> flow = loads(text, "toml", rules)
>>> from_dict(to_dict(flow), rules) == flow
True
"""

import json
from collections.abc import Iterable
from typing import Any, Self

import attrs

from itil4.errors import DefinitionError
from itil4.lifecycle.definition import Lifecycle, State, Transition, name_of
from itil4.lifecycle.fields import FieldRule, Rules
from itil4.lifecycle.rules import Check, Effect, Guard, In, as_guard
from itil4.lifecycle.timers import Timer, duration_text

try:  # hashlib would load OpenSSL first, which costs more than this whole room
    from _blake2 import blake2b
except ImportError:  # another interpreter keeps it elsewhere
    from hashlib import blake2b

FORMAT = 1


class Registry:
    """The rules that a file may name: guards and effects of the host.

    Args:
        guards: guards, or functions that become guards under their own names.
        effects: functions.

    Raises:
        DefinitionError: two rules have one name.
    """

    def __init__(self, guards: Iterable[Guard | Check] = (), effects: Iterable[Effect] = ()) -> None:
        self.guards: dict[str, Guard] = {}
        self.effects: dict[str, Effect] = {}
        for rule in guards:
            self.guard(rule)
        for effect in effects:
            self.effect(effect)

    @classmethod
    def of(cls, lifecycle: Lifecycle) -> Self:
        """Return the registry of the rules that `lifecycle` uses."""
        made = cls()
        for rule in _guards_of(lifecycle):
            made.guard(rule)
        for each in lifecycle.transitions:
            for effect in each.effects:
                made.effect(effect)
        return made

    def guard(self, rule: Guard | Check) -> Guard:
        """Add a guard and return it; works as a decorator."""
        made = as_guard(rule)
        if self.guards.setdefault(made.name, made) != made:
            raise DefinitionError.of("duplicate", where="the registry", what="the guard", name=made.name)
        return made

    def effect(self, effect: Effect) -> Effect:
        """Add an effect and return it; works as a decorator."""
        if self.effects.setdefault(name_of(effect), effect) is not effect:
            raise DefinitionError.of("duplicate", where="the registry", what="the effect", name=name_of(effect))
        return effect


def _guards_of(lifecycle: Lifecycle) -> Iterable[Guard]:
    for each in lifecycle.transitions:
        yield from each.guards
    holders: tuple[State | Transition, ...] = (*lifecycle.states, *lifecycle.transitions)
    for holder in holders:
        for rules in holder.fields.values():
            yield from (rule.when for rule in rules if isinstance(rule.when, Guard))


def to_dict(lifecycle: Lifecycle) -> dict[str, Any]:
    """Return the lifecycle as plain data that JSON takes; what has its default is left out.

    Raises:
        DefinitionError: two guards or effects have one name, so that names would not tell them apart, or a
            field rule compares with a value that JSON has no word for.
    """
    Registry.of(lifecycle)
    for fields in (*(each.fields for each in lifecycle.states), *(each.fields for each in lifecycle.transitions)):
        for field, rules in fields.items():
            _must_be_plain(field, rules)
    return _plain(lifecycle)


def _must_be_plain(field: str, rules: Iterable[FieldRule]) -> None:
    for rule in rules:
        for name, wanted in rule.when if isinstance(rule.when, tuple) else ():
            for value in wanted:
                if type(value) not in (str, int, float, bool, type(None)):
                    raise DefinitionError.of(
                        "ill_typed", field=f"the rule of {field!r} under {name!r}", value=value,
                        expected="a text, number, flag or nothing",
                    )  # fmt: skip


def digest_of(lifecycle: Lifecycle) -> str:
    """Return a short mark that changes whenever the definition does."""
    text = json.dumps(_plain(lifecycle), sort_keys=True, default=repr)
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _plain(lifecycle: Lifecycle) -> dict[str, Any]:
    return _lean(
        {
            "format": FORMAT,
            "name": lifecycle.name,
            "field": lifecycle.field if lifecycle.field != "state" else None,
            "initial": list(lifecycle.initial),
            "events": list(lifecycle.declared),
            "states": [_plain_state(each) for each in lifecycle.states],
            "transitions": [_plain_transition(each) for each in lifecycle.transitions],
        }
    ) | {"transitions": [_plain_transition(each) for each in lifecycle.transitions]}


def _plain_state(state: State) -> dict[str, Any]:
    return _lean(
        {
            "name": state.name,
            "category": state.category,
            "kind": state.kind,
            "kind_from": state.kind_from,
            "final": state.final,
            "label": state.label,
            "fields": _plain_rules(state.fields),
            "fields_from": state.fields_from,
            "timers": [_plain_timer(each) for each in state.timers],
        }
    )


def _plain_timer(timer: Timer) -> dict[str, Any]:
    return _lean(
        {
            "event": timer.event,
            "after": None if timer.after is None else duration_text(timer.after),
            "at": timer.at,
            "time": timer.time if timer.time != "calendar" else None,
            "since": timer.since if timer.since != "entered" else None,
        }
    )


def _plain_transition(each: Transition) -> dict[str, Any]:
    target = each.target
    return _lean(
        {
            "event": each.event,
            "from": [{"category": source.category} if isinstance(source, In) else source for source in each.sources],
            "to": target if isinstance(target, str) else {"chosen": target.field, "among": list(target.among)},
            "roles": None if each.roles is None else sorted(each.roles),
            "denied": None if each.denied is None else sorted(each.denied),
            "requires": list(each.requires),
            "guards": [rule.name for rule in each.guards],
            "effects": [name_of(effect) for effect in each.effects],
            "fields": _plain_rules(each.fields),
            "facts": list(each.facts),
            "follow_ups": [_lean({**attrs.asdict(row), "states": list(row.states)}) for row in each.follow_ups],
            "internal": each.internal,
            "label": each.label,
        }
    )


def _plain_rules(rules: Rules) -> dict[str, Any]:
    return {name: [_plain_rule(rule) for rule in several] for name, several in rules.items()}


def _plain_rule(rule: FieldRule) -> dict[str, Any]:
    when: Any = rule.when
    if isinstance(when, Guard):
        when = when.name
    elif when is not None:
        when = {name: list(values) for name, values in when}
    return _lean({"rule": "|".join(sorted(rule.words)), "when": when, "exempt": sorted(rule.exempt)})


def _lean(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value not in (None, False, [], {}, "")}
