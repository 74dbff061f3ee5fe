"""A desk for the tests of service levels: people, a clock that stands, and both stores."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import itil4
from itil4 import Actor
from itil4.clock import FrozenClock
from itil4.itsm import ServiceManagement
from itil4.practices.service_policy import EscalationRule, ServiceLevelPolicy, TargetRule
from itil4.service_level import ServiceCalendar, Target

ANA = Actor("ana", roles={"user"})
SAM = Actor("sam", roles={"service_desk"})
IDA = Actor("ida", roles={"service_level_manager", "incident_manager"})

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)

OFFICE = ServiceCalendar(
    zone="Europe/Paris", name="office",
    weekly={day: [("09:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")},
)  # fmt: skip


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def rule(number: float, metric: str = "resolve", *, at: Any = None, **scope: Any) -> TargetRule:
    """A target of so many hours; `at` are fields of the target itself."""
    return TargetRule(target=Target(duration=hours(number), metric=metric, **(at or {})), **scope)


USUAL = ServiceLevelPolicy(
    targets=(
        rule(8, at={"warnings": (0.5,)}, escalations=[EscalationRule(at=0.75, notify="lead")]),
        rule(4, priority=1, at={"warnings": (0.5,)}, escalations=[EscalationRule(at="breach", escalate="ida", rank=1)]),
        rule(1, "respond"),
    )
)

Opened = Callable[..., ServiceManagement]


def opened(
    where: Path | None,
    policy: ServiceLevelPolicy = USUAL,
    *,
    at: datetime = MONDAY,
    policies_of_problems: Any = None,
    **options: Any,
) -> ServiceManagement:
    """Open a desk in memory, or in a file; its clock is `itsm.house.clock`."""
    url = None if where is None else f"sqlite:///{where}"
    policies = {"service_level": policy} | ({"problem": policies_of_problems} if policies_of_problems else {})
    return itil4.connect(url, clock=FrozenClock(at), policies=policies, **options)


def clock_of(itsm: ServiceManagement) -> FrozenClock:
    found = itsm.house.clock
    assert isinstance(found, FrozenClock)
    return found


def logged(itsm: ServiceManagement, **values: Any) -> Any:
    return itsm.incidents.log(**{"summary": "Mail is down", "impact": "low", "urgency": "low", "by": ANA, **values})


def reading(itsm: ServiceManagement, record: Any, metric: str = "resolve", at: datetime | None = None) -> Any:
    return next(each for each in itsm.service_levels.readings(record, at) if each.target.metric == metric)


def entries(itsm: ServiceManagement, record: Any, event: str) -> list[Any]:
    return [each for each in itsm.incidents.history(record) if each.event == event]
