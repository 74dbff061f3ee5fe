"""What an organization may decide about its incidents, as values."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from itil4.errors import DefinitionError
from itil4.practices.priority import PriorityMatrix
from itil4.record import Frozen, blank
from itil4.record.door import text_problem


def _roles(value: Iterable[str]) -> frozenset[str]:
    roles = _several(value)
    if roles is None or not all(isinstance(role, str) and not blank(role) for role in roles):
        raise DefinitionError.of("ill_typed", field="roles", expected="a set of names", value=value)
    return frozenset(roles)


def _steps(value: Iterable[str]) -> tuple[str, ...]:
    steps = _several(value)
    if steps is None:
        raise DefinitionError.of("ill_typed", field="steps", expected="several lines", value=value)
    return steps


def _several(value: Any) -> tuple[Any, ...] | None:
    return None if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)


def _frozen(value: Mapping[str, Any]) -> Frozen:
    if not isinstance(value, Mapping):
        raise DefinitionError.of("ill_typed", field="an incident model", expected="mappings", value=value)
    return Frozen(value)


def _is(kind: Any, says: str, *, optional: bool = False) -> Callable[[Any, Any, Any], None]:
    """Return a validator that says what a policy holds there."""

    def check(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if not (optional and value is None) and not isinstance(value, kind):
            raise DefinitionError.of("ill_typed", field=attribute.name, expected=says, value=value)

    return check


def _name(_: Any, attribute: "attrs.Attribute[str]", value: Any) -> None:
    if type(value) is not str or text_problem(attribute.name, value, longest=255, lines=False, may_be_blank=False):
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a line of text", value=value)


def _not_negative(_: Any, attribute: "attrs.Attribute[Any]", value: timedelta | None) -> None:
    if value is not None and (not isinstance(value, timedelta) or value < timedelta(0)):
        expected = "a timedelta that is not negative, or nothing"
        raise DefinitionError.of("ill_typed", field=attribute.name, expected=expected, value=value)


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

    name: str = attrs.field(validator=_name)
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
        several = _several(value)
        pairs = [(getattr(model, "name", None), model) for model in ((value,) if several is None else several)]
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

    matrix: PriorityMatrix = attrs.field(
        factory=PriorityMatrix.default, validator=_is(Callable, "a PriorityMatrix, or a function of impact and urgency")
    )
    reopen_within: timedelta | None = attrs.field(default=None, validator=_not_negative)
    reopen_closed: bool = attrs.field(default=False, validator=_is(bool, "True or False"))
    reopen_roles: frozenset[str] = attrs.field(
        default=frozenset({"service_desk", "technical_specialist", "incident_manager", "requester"}),
        converter=_roles,
    )
    default_owner: str = attrs.field(default="service desk", validator=_name)
    confidential_roles: frozenset[str] = attrs.field(
        default=frozenset({"incident_manager", "major_incident_manager", "security"}), converter=_roles
    )
    review_major: bool = attrs.field(default=True, validator=_is(bool, "True or False"))
    models: Mapping[str, IncidentModel] = attrs.field(factory=Frozen, converter=_models, hash=False)
    agreed_outage: Callable[[Mapping[str, Any], datetime], str | None] | None = attrs.field(
        default=None, validator=_is(Callable, "a function of the values and the moment", optional=True)
    )
