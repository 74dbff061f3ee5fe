"""What an organization may decide about its incidents, as values."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from itil4.errors import DefinitionError
from itil4.practices.priority import PriorityMatrix
from itil4.record import Frozen


def _roles(value: Iterable[str]) -> frozenset[str]:
    if isinstance(value, str):
        raise DefinitionError.of("ill_typed", field="roles", expected="a set of names", value=value)
    return frozenset(value)


def _steps(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        raise DefinitionError.of("ill_typed", field="steps", expected="several lines", value=value)
    return tuple(value)


def _frozen(value: Mapping[str, Any]) -> Frozen:
    return Frozen(value)


@attrs.frozen
class IncidentModel:
    """A prepared way to handle a known kind of incident: fields, team, steps and target times set in advance.

    It presets what the caller left open and never lets a guard be skipped (INV-037).

    Args:
        name: how callers name it.
        presets: field -> value, such as the group that handles it.
        steps: what to do, line by line.
        targets: how long something may take, in service time, by name, such as `restore`.
    """

    name: str
    presets: Mapping[str, Any] = attrs.field(factory=Frozen, converter=_frozen, hash=False)
    steps: tuple[str, ...] = attrs.field(default=(), converter=_steps)
    targets: Mapping[str, timedelta] = attrs.field(factory=Frozen, converter=_frozen, hash=False)

    @property
    def fields(self) -> Mapping[str, Any]:
        """Every field that it presets."""
        given = {"steps": self.steps, "targets": self.targets}
        return {**self.presets, **{name: value for name, value in given.items() if value}}


def _models(value: Mapping[str, IncidentModel] | Iterable[IncidentModel]) -> Frozen:
    if isinstance(value, Mapping):
        return Frozen(value)
    return Frozen({model.name: model for model in value})


@attrs.frozen(kw_only=True)
class IncidentPolicy:
    """What an organization decides about its incidents.

    Args:
        matrix: priority from impact and urgency.
        reopen_within: how long after its resolution an incident may be reopened (calendar time); None: always.
        reopen_closed: whether a closed incident may be reopened at all.
        reopen_roles: who may reopen.
        default_owner: the team that owns what users log.
        confidential_roles: who sees confidential incidents besides those who work on them.
        review_major: whether a major incident must be reviewed before it is closed.
        models: incident models, by name.
        agreed_outage: `(values, at)` -> the name of an agreed outage that explains what monitoring saw, or None.
    """

    matrix: PriorityMatrix = attrs.field(factory=PriorityMatrix.default)
    reopen_within: timedelta | None = None
    reopen_closed: bool = False
    reopen_roles: frozenset[str] = attrs.field(
        default=frozenset({"service_desk", "technical_specialist", "incident_manager", "requester"}),
        converter=_roles,
    )
    default_owner: str = "service desk"
    confidential_roles: frozenset[str] = attrs.field(
        default=frozenset({"incident_manager", "major_incident_manager", "security"}), converter=_roles
    )
    review_major: bool = True
    models: Mapping[str, IncidentModel] = attrs.field(factory=Frozen, converter=_models, hash=False)
    agreed_outage: Callable[[Mapping[str, Any], datetime], str | None] | None = None
