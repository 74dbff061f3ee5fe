"""What a service level policy must get right, said when it is connected and not when the first clock runs."""

from typing import Any

from itil4.errors import DefinitionError, nearest
from itil4.practices.desk import House
from itil4.practices.service_policy import ServiceLevelPolicy

NOT_ON_SERVICES = frozenset({"event", "alert"})
"""Kinds of record that no customer was promised anything about (INV-101)."""


def check_policy(policy: ServiceLevelPolicy, house: House) -> None:
    """Compare a policy with the lifecycles and records that it is about.

    Raises:
        DefinitionError: a target can never start or stop, or something names a kind, state, field or step that is not
            there; or a target is about events and not about services.
    """
    practices = house.practices.by_kind
    for rule in policy.targets:
        for kind in rule.kind:
            where = f"The target {rule.label}"
            if kind in NOT_ON_SERVICES:
                raise DefinitionError.of("not_on_services", record=where, found=kind)
            if kind not in practices:
                raise _unknown(where, "kind", kind, practices)
            shape, lifecycle = house.kinds[kind].shape, practices[kind].practice.lifecycle
            fields = {*shape.fields, *shape.extra}
            states = {state.name: state.category for state in lifecycle.states}
            rule.target.check(states, fields, lifecycle.events)
            for name in rule.named:
                field = policy.customer_field if name == "customer" else name
                if field not in fields:
                    raise _unknown(where, "field", field, fields)
    for timer in policy.timers:
        where = f"The timer of {timer.timer.event!r}"
        if timer.kind not in practices:
            raise _unknown(where, "kind", timer.kind, practices)
        lifecycles = practices[timer.kind].practice.lifecycles()
        events = [event for lifecycle in lifecycles for event in lifecycle.events]
        states_of = [name for lifecycle in lifecycles for name in lifecycle.by_name]
        if timer.state not in states_of:
            raise _unknown(where, "state", timer.state, states_of)
        if timer.timer.event not in events:
            raise _unknown(where, "step", timer.timer.event, events)
    for each in policy.recurring:
        if each.records not in practices:
            raise _unknown(f"The recurrence {each.name!r}", "kind", each.records, practices)


def _unknown(where: str, what: str, name: str, known: Any) -> DefinitionError:
    return DefinitionError.of("unknown_name", where=where, what=what, name=name, nearest=nearest(name, known))
