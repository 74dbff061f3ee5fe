"""Agreements about service levels as records: what each of them is, how it moves, and the targets that it brings."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import attrs

from itil4.lifecycle import Context, Lifecycle, State, Timer, Transition
from itil4.practices.service_policy import ServiceLevelPolicy, TargetRule
from itil4.record import Frozen, Line, Note, Record
from itil4.service_level import Target
from itil4.service_level.target import CONDITIONS


def _deep(value: Any) -> Any:
    """Return plain data as records hold it: mappings frozen, lists as tuples."""
    if isinstance(value, Mapping):
        return Frozen({str(name): _deep(each) for name, each in value.items()})
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(_deep(each) for each in value)
    return value


def _numbers(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, set, frozenset)) else value


@attrs.frozen(kw_only=True)
class AgreedTarget:
    """A target as an agreement writes it down; its clock is that of `itil4.service_level.Target`.

    Args:
        metric, duration, warnings: as of `Target`; `duration` is service time.
        name: what people call it.
        records: the kinds of record that it is about.
        priority: the priorities that it is about; none means all.
        reopen, retarget: as of `Target`.
        conditions: `start`, `pause`, `stop`, ... as plain data, where they differ from the usual ones.
    """

    metric: str = "resolve"
    duration: timedelta
    name: str = ""
    records: tuple[str, ...] = attrs.field(default=("incident",), converter=_numbers)
    priority: tuple[int, ...] = attrs.field(default=(), converter=_numbers)
    warnings: tuple[float, ...] = attrs.field(default=(), converter=_numbers)
    reopen: str = "resume"
    retarget: str = "restate"
    conditions: Mapping[str, Any] = attrs.field(factory=Frozen, converter=_deep, hash=False)

    def __attrs_post_init__(self) -> None:
        self.target("sla")  # whatever cannot be a target is refused here, with its reasons

    def target(self, kind: Any) -> Target:
        """Return the target that a clock reads."""
        given = {name: _read(self.conditions[name]) for name in CONDITIONS if name in self.conditions}
        return Target.from_dict(
            {
                "metric": self.metric, "duration": self.duration, "name": self.name, "kind": kind,
                "warnings": self.warnings, "reopen": self.reopen, "retarget": self.retarget, **given,
            }
        )  # fmt: skip


def _read(conditions: Any) -> Any:
    return list(conditions) if isinstance(conditions, tuple) else conditions


@attrs.frozen(kw_only=True)
class ServiceLevel(Record):
    """An agreement about services: with a customer (SLA), another team (OLA) or a supplier (underpinning contract).

    Its targets are about services, never about single events (INV-101).

    Attributes:
        type: sla, ola or contract.
        provider, customer: the parties: who delivers, and to whom.
        services: those that it is about, at least one.
        targets: what is promised, at least one.
        starts_at, ends_at: what is recorded from the one on and before the other is under it.
        calendar: the name that its service hours have in the policy; without one, those of customer and service.
    """

    title: Line
    type: Literal["sla", "ola", "contract"] = "sla"
    provider: Line
    customer: Line
    services: tuple[Line, ...]
    targets: tuple[AgreedTarget, ...]
    starts_at: datetime
    ends_at: datetime
    calendar: Line | None = None
    owner: Line | None = None
    note: Note = ""


SLM = frozenset({"service_level_manager", "service_owner"})

_AGREED = dict.fromkeys(("type", "provider", "customer", "services", "targets", "starts_at", "calendar"), "read_only")


def end_now(agreement: ServiceLevel, context: Context) -> Mapping[str, Any]:
    """What is terminated is in force up to then."""
    return {"ends_at": max(min(agreement.ends_at, context.at), agreement.starts_at + timedelta(microseconds=1))}


SERVICE_LEVEL = Lifecycle(
    "service level",
    "draft",
    states=[
        State("draft", "new"),
        State("negotiated", "active"),
        State("active", "active", fields=_AGREED, timers=[Timer("expire", at="ends_at")]),
        State("under_review", "active", timers=[Timer("expire", at="ends_at")]),
        State("expired", "closed", fields=_AGREED),
        State("terminated", "cancelled", final=True, fields=_AGREED),
    ],
    transitions=[
        Transition("negotiate", "draft", "negotiated", roles=SLM),
        Transition("redraft", "negotiated", "draft", roles=SLM),
        Transition("activate", "negotiated", "active", roles={"service_level_manager"}),
        Transition("review", "active", "under_review", roles=SLM),
        Transition("confirm", "under_review", "active", roles={"service_level_manager"}),
        Transition("renew", ["active", "under_review", "expired"], "active", roles={"service_level_manager"},
                   fields={"ends_at": "must_change"}),
        Transition("expire", ["active", "under_review"], "expired", internal=True),
        Transition("terminate", ["draft", "negotiated", "active", "under_review"], "terminated",
                   roles={"service_level_manager"}, effects=[end_now]),
    ],
)  # fmt: skip


def rules_of(agreement: ServiceLevel, policy: ServiceLevelPolicy, has_customer: bool = True) -> Iterable[TargetRule]:
    """Yield the targets of an agreement, each with what it applies to.

    Where records know no customer, it applies by its services alone.
    """
    for agreed in agreement.targets:
        yield TargetRule(
            target=agreed.target(agreement.type),
            kind=agreed.records,
            service=agreement.services,
            customer=(agreement.customer,) if has_customer and agreement.type == "sla" else (),
            priority=agreed.priority,
            calendar=agreement.calendar,
            starts_at=agreement.starts_at,
            ends_at=agreement.ends_at,
            agreement=agreement.number or agreement.id,
        )


@attrs.frozen(kw_only=True)
class ServiceLevelRequirement(Record):
    """What a customer needs of a service, before anybody has promised it."""

    statement: Line
    customer: Line
    service: Line
    targets: tuple[AgreedTarget, ...] = ()
    note: Note = ""


REQUIREMENT = Lifecycle(
    "service level requirement",
    "stated",
    states=[State("stated", "new"), State("agreed", "resolved"), State("declined", "cancelled")],
    transitions=[
        Transition("agree", ["stated", "declined"], "agreed", roles=SLM),
        Transition("decline", ["stated", "agreed"], "declined", roles=SLM),
    ],
)


@attrs.frozen(kw_only=True)
class ServiceReview(Record):
    """A meeting of provider and customer about how an agreement goes.

    `satisfaction` is what the customer said, from 0 to 1; with the targets met it shows a watermelon (INV-100).
    """

    agreement: Line
    planned_at: datetime
    held_at: datetime | None = None
    attendees: tuple[Line, ...] = ()
    satisfaction: float | None = None
    decisions: Note = ""


def note_when(meeting: ServiceReview, context: Context) -> Mapping[str, Any]:
    """A meeting was held when somebody says so, unless another time is told."""
    return {"held_at": meeting.held_at or context.at}


REVIEW = Lifecycle(
    "service review",
    "planned",
    states=[State("planned", "new"), State("held", "closed", final=True), State("called_off", "cancelled", final=True)],
    transitions=[
        Transition("hold_meeting", "planned", "held", roles=SLM, requires="decisions", effects=[note_when]),
        Transition("call_off", "planned", "called_off", roles=SLM),
    ],
)


@attrs.frozen(kw_only=True)
class ServiceLevelBreach(Record):
    """A promise that was not kept: on which record, which, and when; it stays when the promise changes later.

    Attributes:
        about: the number of the record; the link `breach_of` leads to it.
        slot, target, agreement: which promise, as the policy names it.
        promised, consumed: service time.
        breached_at: when more had passed than was promised.
        revision: that of the service hours by which it was judged.
        explanation: why, in the words of who answers for it.
    """

    about: Line
    slot: Line
    target: Line
    agreement: Line | None = None
    promised: timedelta | None = None
    consumed: timedelta | None = None
    breached_at: datetime
    revision: Line
    explanation: Note | None = None


BREACH_RECORD = Lifecycle(
    "service level breach",
    "recorded",
    states=[State("recorded", "new"), State("explained", "resolved"), State("closed", "closed", final=True)],
    transitions=[
        Transition("account_for", ["recorded", "explained"], "explained", roles=SLM | {"incident_manager"},
                   requires="explanation"),
        Transition("close", "explained", "closed", roles=SLM),
    ],
)  # fmt: skip
