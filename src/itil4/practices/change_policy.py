"""What an organization decides about its changes."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeAlias

import attrs

from itil4.errors import DefinitionError, Reason
from itil4.practices.approval import ApprovalPolicy, role
from itil4.practices.approval.policy import Initiators
from itil4.practices.change_models import ChangeModel
from itil4.practices.defining import flag, line, several
from itil4.record import Frozen


class Window(Protocol):
    """When changes are usually made: a `ServiceCalendar` is one."""

    def elapsed(self, start: datetime, end: datetime, /) -> Any:
        """Return how much of an interval lies inside, as a timedelta."""
        ...


Scheduling: TypeAlias = Callable[[Any, datetime, Any], Iterable[Reason]]
"""`(change, at, desk)` -> what speaks against the time of a change that was just submitted, scheduled, rescheduled or
begun, at `at`. What is read through `desk.reading()` and depended on joins the commit."""


def _models(value: Iterable[Any]) -> tuple[ChangeModel, ...]:
    models = several("models", value)
    return tuple(each if isinstance(each, ChangeModel) else ChangeModel.from_dict(each) for each in models)


def _windows(value: Any) -> Any:
    if not isinstance(value, Mapping) or not all(hasattr(each, "elapsed") for each in value.values()):
        raise DefinitionError.of("ill_typed", field="windows", expected="calendars by name", value=value)
    return Frozen(value)


def _callable(_: Any, attribute: Any, value: Any) -> None:
    if value is not None and not callable(value):
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a function", value=value)


def _authorities(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise DefinitionError.of("ill_typed", field="authorities", expected="approval policies by name", value=value)
    found = {
        name: ApprovalPolicy.from_dict(each) if isinstance(each, Mapping) else each for name, each in value.items()
    }
    for name, each in found.items():
        if not isinstance(each, ApprovalPolicy):
            raise DefinitionError.of(
                "ill_typed", field=f"authorities.{name}", expected="an ApprovalPolicy, or plain data", value=each
            )
    return Frozen(found)


def _share(_: Any, attribute: Any, value: Any) -> None:
    if value is not None and (type(value) not in (int, float) or not 0 <= value <= 1):
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a share from 0 to 1", value=value)


def _positive(_: Any, attribute: Any, value: Any) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a whole number from 1 on", value=value)


@attrs.frozen(kw_only=True)
class ChangePolicy:
    """What an organization decides about its changes; given to `connect` as `policies={"change": ...}`.

    Args:
        models: further models, beside the built-in ones and those of the register; plain data will do. One that
            has the name of a built-in model replaces it. None of them can be pre-authorized.
        authorities: name -> the approval policy of an authority, a CAB say. A name that is not there is the
            role of that name.
        initiators: whether who asked for a change may decide on it, where the authority is a role: `excluded`,
            `not_alone` or `allowed` (INV-060); an approval policy says so itself.
        windows: name -> calendar; an `AuthorityRule` may ask whether a change lies within one of them.
        model_authority: who authorizes models of the register.
        default_owner: the team that owns what nobody else does.
        failures: after how many failed changes a pre-authorized model loses its pre-authorization; None: never.
        least_success: the success rate below which it does, once `enough` of its changes are completed.
        schedule: what speaks against the time of a change: conflicts, freezes.
        reopen_problems: whether a failed change reopens the problems that it should have resolved.
    """

    models: tuple[ChangeModel, ...] = attrs.field(default=(), converter=_models)
    authorities: Mapping[str, ApprovalPolicy] = attrs.field(factory=Frozen, converter=_authorities, hash=False)
    initiators: Initiators = "excluded"
    windows: Mapping[str, Window] = attrs.field(factory=Frozen, converter=_windows, hash=False)
    model_authority: str = attrs.field(default="change_authority", validator=line)
    default_owner: str = attrs.field(default="change enablement", validator=line)
    failures: int | None = attrs.field(default=2, validator=_positive)
    least_success: float | None = attrs.field(default=None, validator=_share)
    enough: int = attrs.field(default=5, validator=_positive)
    schedule: Scheduling | None = attrs.field(default=None, validator=_callable, hash=False)
    reopen_problems: bool = attrs.field(default=True, validator=flag)

    def __attrs_post_init__(self) -> None:
        self.authority(self.model_authority)  # what cannot be is refused now
        for model in self.models:
            if model.preauthorized:
                raise DefinitionError.of(
                    "definition", where=model.where, text="a policy cannot pre-authorize.",
                    remedy="Put it into the register of change models, and let it be authorized there.",
                )  # fmt: skip

    def authority(self, name: str) -> ApprovalPolicy:
        """Return how an authority decides: as the policy says, or by one of those who have the role of that name.

        >>> ChangePolicy().authority("change_authority").ballots[0].authority[0].label
        'role change_authority'
        """
        held = self.authorities.get(name)
        return ApprovalPolicy.of(name, role(name), initiators=self.initiators) if held is None else held

    def distrusts(self, completed: int, failed: int) -> bool:
        """Say whether a model with these results is pre-authorized no longer."""
        if self.failures is not None and failed >= self.failures:
            return True
        known = self.least_success is not None and completed >= self.enough
        return known and (completed - failed) / completed < (self.least_success or 0)
