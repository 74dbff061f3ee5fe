"""What surrounds a step: who, when, with which values and facts; and what a form may ask for."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput
from itil4.record import Actor, Frozen, Origin, Shape
from itil4.record.history import Judged

NOTHING: Mapping[str, Any] = Frozen()


class Context:
    """Everything a step may depend on; with the record it decides the outcome, and nothing else does.

    Args:
        actor: who acts.
        at: when it happens, an aware datetime.
        payload: new values of fields, by name.
        reason: why, in the actor's words.
        facts: what the transition declared and the caller gathered, by the declared names.
        roles: those of the actor and those relative to the record; by default the actor's own.
        now: when it is written, where that is later than `at`.
        shape: the compiled record type; by default that of the record.
        derive: the pure rule for computed fields: proposed record -> their values.
        kind, tenant, unit, cause, correlation, origin: headers of the entry.
    """

    __slots__ = (
        "actor", "at", "cause", "correlation", "derive", "facts", "kind", "now", "origin", "payload", "reason",
        "roles", "shape", "tenant", "unit",
    )  # fmt: skip

    def __init__(
        self,
        actor: Actor,
        at: datetime,
        payload: Mapping[str, Any] = NOTHING,
        reason: str | None = None,
        facts: Mapping[str, Any] = NOTHING,
        *,
        roles: Iterable[str] | None = None,
        now: datetime | None = None,
        shape: Shape | None = None,
        derive: Callable[[Any], Mapping[str, Any]] | None = None,
        kind: str = "",
        tenant: str = "",
        unit: str | None = None,
        cause: str | None = None,
        correlation: str | None = None,
        origin: Origin | None = None,
    ) -> None:
        if not isinstance(actor, Actor):
            raise InvalidInput.of("ill_typed", field="actor", expected="an Actor", value=actor)
        self.actor = actor
        self.at = instant(at)
        self.payload = payload
        self.reason = reason
        self.facts = facts
        self.roles = actor.roles if roles is None else frozenset(roles)
        self.now = self.at if now is None else now
        self.shape = shape
        self.derive = derive
        self.kind = kind
        self.tenant = tenant
        self.unit = unit
        self.cause = cause
        self.correlation = correlation
        self.origin = origin


@attrs.frozen
class Ask:
    """One value that a form may ask for before a step."""

    field: str
    type: str
    required: bool = False
    choices: tuple[Any, ...] = ()
    label: str | None = None


@attrs.frozen
class Step:
    """A button: a step that this actor could take now, and what it still asks for."""

    event: str
    label: str
    target: str | None
    asks: tuple[Ask, ...] = ()
    lifecycle: str | None = None


__all__ = ["Ask", "Context", "Judged", "Step"]
