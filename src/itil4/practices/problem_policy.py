"""What an organization decides about its problems and known errors."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import attrs

from itil4.errors import DefinitionError
from itil4.practices.defining import flag, line, one_of, priorities, role_names
from itil4.practices.priority import PriorityMatrix

KnownErrorMode: TypeAlias = Literal["state", "record"]
"""Whether a known error is a state of its problem or a record of its own (INV-042)."""


@runtime_checkable
class Implemented(Protocol):
    """The smallest thing that a change must say about itself: whether it has succeeded.

    A record that does not say so is judged by `state` and `close_code`; see `has_succeeded`.
    """

    @property
    def succeeded(self) -> bool:
        """Whether the change is over and did what it was for."""
        ...


def has_succeeded(change: Any) -> bool:
    """Say whether a change has succeeded: it says so itself, or it is closed with the code `successful`.

    >>> import types
    >>> has_succeeded(types.SimpleNamespace(state="closed", close_code="successful"))
    True
    >>> has_succeeded(types.SimpleNamespace(state="implement", close_code=None))
    False
    """
    if isinstance(change, Implemented):
        return bool(change.succeeded)
    return bool(getattr(change, "state", None) == "closed" and getattr(change, "close_code", None) == "successful")


def _names(value: Iterable[str] | None) -> frozenset[str] | None:
    return None if value is None else frozenset(role_names(value))


def _share(_: Any, attribute: Any, value: Any) -> None:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a score from 0 to 1", value=value)


def _positive(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a positive timedelta", value=value)


def _judge(_: Any, attribute: Any, value: Any) -> None:
    if not callable(value):
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a function of a change", value=value)


@attrs.frozen(kw_only=True)
class ProblemPolicy:
    """What an organization decides about its problems; given to `connect` as `policies={"problem": ...}`.

    Args:
        known_errors: `state`, or `record` for known errors that outlive the problem's analysis as records.
        matrix: priority from impact and urgency.
        default_owner: the team that owns what nobody else does.
        evidence: whether every cause needs evidence.
        early_target: whether a target time may be set before problem control ends (INV-050 says no).
        confirm: whether somebody must confirm a resolution before it closes.
        review_every: how long until the next review of an open known error (calendar time).
        authorities: who may accept a risk, by the names used in `accepted_by`; None: anybody with a name.
        change_succeeded: how a linked change is judged (INV-053).
        workaround_code: the resolution code of incidents that a workaround resolves.
        match_threshold: the least score, from 0 to 1, at which a known error is proposed for an incident.

    Raises:
        DefinitionError: something is of the wrong type, or out of its range.
    """

    known_errors: KnownErrorMode = attrs.field(default="state", validator=one_of("state", "record"))
    matrix: PriorityMatrix = attrs.field(factory=PriorityMatrix.default, validator=priorities)
    default_owner: str = attrs.field(default="problem management", validator=line)
    evidence: bool = attrs.field(default=False, validator=flag)
    early_target: bool = attrs.field(default=False, validator=flag)
    confirm: bool = attrs.field(default=True, validator=flag)
    review_every: timedelta = attrs.field(default=timedelta(days=90), validator=_positive)
    authorities: frozenset[str] | None = attrs.field(default=None, converter=_names)
    change_succeeded: Callable[[Any], bool] = attrs.field(default=has_succeeded, validator=_judge)
    workaround_code: str = attrs.field(default="workaround", validator=line)
    match_threshold: float = attrs.field(default=0.3, validator=_share)
