"""What an organization may decide about its incidents, as values."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from itil4.errors import DefinitionError
from itil4.practices.defining import flag, function, line, priorities, role_names, span
from itil4.practices.priority import PriorityMatrix
from itil4.record import Frozen


def _steps(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise DefinitionError.of("ill_typed", field="steps", expected="several lines", value=value)
    return tuple(value)


def _frozen(value: Mapping[str, Any]) -> Frozen:
    if not isinstance(value, Mapping):
        raise DefinitionError.of("ill_typed", field="an incident model", expected="mappings", value=value)
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

    name: str = attrs.field(validator=line)
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
        pairs: Iterable[tuple[Any, Any]] = value.items()
    else:
        given = value if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
        pairs = [(getattr(model, "name", None), model) for model in given]
    found: dict[str, IncidentModel] = {}
    for name, model in pairs:
        if not isinstance(name, str) or not isinstance(model, IncidentModel):
            raise DefinitionError.of("ill_typed", field="models", expected="IncidentModels", value=model)
        if name in found:
            raise DefinitionError.of("duplicate", where="the policy", what="the model", name=name)
        found[name] = model
    return Frozen(found)


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

    Raises:
        DefinitionError: something is of the wrong type, a duration negative, or two models have one name.
    """

    matrix: PriorityMatrix = attrs.field(factory=PriorityMatrix.default, validator=priorities)
    reopen_within: timedelta | None = attrs.field(default=None, validator=span)
    reopen_closed: bool = attrs.field(default=False, validator=flag)
    reopen_roles: frozenset[str] = attrs.field(
        default=frozenset({"service_desk", "technical_specialist", "incident_manager", "requester"}),
        converter=role_names,
    )
    default_owner: str = attrs.field(default="service desk", validator=line)
    confidential_roles: frozenset[str] = attrs.field(
        default=frozenset({"incident_manager", "major_incident_manager", "security"}), converter=role_names
    )
    review_major: bool = attrs.field(default=True, validator=flag)
    models: Mapping[str, IncidentModel] = attrs.field(factory=Frozen, converter=_models, hash=False)
    agreed_outage: Callable[[Mapping[str, Any], datetime], str | None] | None = attrs.field(
        default=None, validator=function
    )
