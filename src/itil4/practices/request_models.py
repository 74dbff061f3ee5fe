"""Request models: for each thing that people may ask for, who may ask, what they are asked, and how it is fulfilled.

A model is a value, made here or read from plain data, and an entry of the request catalogue at the same time. All
work on a request is one of its tasks, laid down beforehand; whatever else turns out to be needed is another record.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Literal, Self, TypeAlias

import attrs

from itil4.errors import DefinitionError
from itil4.practices.approval.policy import ApprovalPolicy, role
from itil4.practices.defining import each_a, known, line, lines, made, note, one_of, plain, refuse, several, words
from itil4.practices.tasks import Task, task_problem
from itil4.record import FieldSet, FieldSpec, Frozen
from itil4.service_level.target import duration, iso_duration

EntryState: TypeAlias = Literal["pipeline", "published", "retired"]
"""Where an entry of the catalogue stands: prepared, offered, or offered no longer."""

STATES: tuple[EntryState, ...] = ("pipeline", "published", "retired")


@attrs.frozen(kw_only=True)
class FulfilmentTask(Task):
    """One piece of the work on a request, and which others come first; see `Task`.

    Attributes:
        is_automated: whether a system told that it is done.
    """

    is_automated: bool = False


@attrs.frozen(kw_only=True)
class Audience:
    """Who may see a catalogue entry and ask for it: those with one of the roles, groups or customers; empty: everybody.

    >>> Audience(groups="sales").admits(roles=["user"], groups=["sales"]), Audience().admits()
    (True, True)
    """

    roles: tuple[str, ...] = attrs.field(default=(), converter=words, validator=lines)
    groups: tuple[str, ...] = attrs.field(default=(), converter=words, validator=lines)
    customers: tuple[str, ...] = attrs.field(default=(), converter=words, validator=lines)

    @property
    def is_everybody(self) -> bool:
        """Whether nobody is left out."""
        return not (self.roles or self.groups or self.customers)

    def admits(self, *, roles: Iterable[str] = (), groups: Iterable[str] = (), customers: Iterable[str] = ()) -> bool:
        """Say whether somebody with these roles, groups and customers belongs to it."""
        if self.is_everybody:
            return True
        pairs = ((self.roles, roles), (self.groups, groups), (self.customers, customers))
        return any(not frozenset(named).isdisjoint(has) for named, has in pairs)


def _audience(value: Any) -> Any:
    return made(Audience, value) if isinstance(value, Mapping) else value


def _asks(value: Any) -> Any:
    if isinstance(value, FieldSet):
        return value.specs
    if not isinstance(value, Mapping):
        raise DefinitionError.of("ill_typed", field="asks", expected="fields by name, or a FieldSet", value=value)
    told = {name: attrs.asdict(spec) if isinstance(spec, FieldSpec) else spec for name, spec in value.items()}
    for name in told:
        if not isinstance(name, str):
            raise DefinitionError.of("ill_typed", field="asks", expected="names of fields", value=name)
    return FieldSet.from_dict(told).specs


def _approval(value: Any) -> Any:
    if isinstance(value, str):
        return ApprovalPolicy.of(value, role(value))
    return ApprovalPolicy.from_dict(value) if isinstance(value, Mapping) else value


def _tasks(value: Any) -> tuple[FulfilmentTask, ...]:
    return tuple(made(FulfilmentTask, each) for each in several("tasks", value))


def _target(value: Any) -> Any:
    if value is None or type(value) is timedelta:
        return value
    if not isinstance(value, str):
        raise DefinitionError.of("ill_typed", field="target", expected="a duration such as P3D", value=value)
    return duration(value, "target")


@attrs.frozen(kw_only=True)
class RequestModel:
    """One thing that may be asked for, and how it is fulfilled. A value: an altered model is another one.

    >>> laptop = RequestModel.from_dict({
    ...     "id": "laptop", "name": "A new laptop", "service": "workplace", "state": "published",
    ...     "asks": {"size": {"type": "choice", "choices": ["13", "15"], "required": True}},
    ...     "approval": "budget_holder", "target": "P3D",
    ...     "tasks": [{"name": "order"}, {"name": "set up", "after": ["order"]}]})
    >>> laptop.needs_approval, laptop.target.days, RequestModel.from_dict(laptop.to_dict()) == laptop
    (True, 3, True)

    Args:
        id: by which requests name it.
        name: what people read.
        service: the service of the portfolio that it belongs to (INV-077).
        description: what one gets, in the words of users.
        audience: who may see it and ask for it.
        state: pipeline, published or retired; only a published entry can be requested (INV-076, INV-077).
        asks: the information that a request brings along, as extra fields of it; `required` ones are not left out.
        approval: how it is approved: a policy, its plain form, or the role of those who may; None: it needs none.
        tasks: every step of its fulfilment (INV-072).
        group: the team that fulfils it.
        target: how long fulfilment may take (calendar time), waiting for the requester apart.
        changes: names of the change models, usually standard ones, by which its fulfilment may raise changes (INV-075).
        cost: what it costs whom, for the customer's view.

    Raises:
        DefinitionError: a value cannot be, or the tasks wait for each other in a circle.
    """

    id: str = attrs.field(validator=line)
    name: str = attrs.field(validator=line)
    service: str = attrs.field(validator=line)
    description: str = attrs.field(default="", validator=note)
    audience: Audience = attrs.field(factory=Audience, converter=_audience)
    state: EntryState = attrs.field(default="pipeline", validator=one_of(*STATES))
    asks: Mapping[str, FieldSpec] = attrs.field(factory=Frozen, converter=_asks, hash=False)
    approval: ApprovalPolicy | None = attrs.field(default=None, converter=_approval)
    tasks: tuple[FulfilmentTask, ...] = attrs.field(default=(), converter=_tasks)
    group: str | None = attrs.field(default=None, validator=attrs.validators.optional(line))
    target: timedelta | None = attrs.field(default=None, converter=_target)
    changes: tuple[str, ...] = attrs.field(default=(), converter=words, validator=lines)
    cost: str | None = attrs.field(default=None, validator=attrs.validators.optional(line))

    def __attrs_post_init__(self) -> None:
        each_a(Audience)(None, attrs.fields(type(self)).audience, (self.audience,))
        if self.approval is not None:
            each_a(ApprovalPolicy)(None, attrs.fields(type(self)).approval, (self.approval,))
        if (problem := task_problem(self.tasks)) is not None:
            raise DefinitionError(problem)
        if any(each.state != "open" for each in self.tasks):
            raise refuse(self.where, "a task of it is over already.", "Leave its state out.")
        if self.target is not None and self.target <= timedelta():
            raise DefinitionError.of("ill_typed", field="target", expected="a positive duration", value=self.target)

    @property
    def where(self) -> str:
        """How messages call it."""
        return f"the request model {self.id!r}"

    @property
    def needs_approval(self) -> bool:
        """Whether somebody has to approve its requests before they are fulfilled."""
        return self.approval is not None

    @property
    def fields(self) -> FieldSet:
        """What it asks for."""
        return FieldSet(**self.asks)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data that any JSON encoder takes."""
        told = {name: plain(value) for name, value in attrs.asdict(self, recurse=False).items()}
        told["tasks"] = [
            {"name": each.name, "text": each.text, "after": list(each.after), "assignee": each.assignee}
            for each in self.tasks
        ]
        told["approval"] = None if self.approval is None else self.approval.to_dict()
        told["target"] = None if self.target is None else iso_duration(self.target)
        return told

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the model that plain data describes.

        Raises:
            DefinitionError: a name is unknown, with the nearest one, or a value cannot be.
        """
        if not isinstance(data, Mapping):
            raise DefinitionError.of("ill_typed", field="a request model", expected="a mapping", value=data)
        return cls(**known(data, cls, "a request model"))


__all__ = ["STATES", "Audience", "EntryState", "FulfilmentTask", "RequestModel"]
