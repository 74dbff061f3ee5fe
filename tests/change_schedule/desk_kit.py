"""Changes and items on a desk: people, a clock, and short ways to a change in each state."""

from datetime import UTC, datetime, timedelta
from typing import Any

import itil4
from itil4 import Actor, ChangePolicy
from itil4.practices.change_schedule.desk import ChangeSchedule

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

REQUESTER = Actor("ana", {"user"})
ASSESSOR = Actor("tom", {"change_assessor"})
MANAGER = Actor("mia", {"change_manager"})
AUTHORITY = Actor("cat", {"change_authority"})
IMPLEMENTER = Actor("sam", {"change_implementer"})
KEEPER = Actor("kim", {"configuration_manager"})

ANSWERS = {"reach": "one service", "experience": "once", "undo": "with effort"}
PLANS = {"implementation_plan": "Swap it.", "backout_plan": "Swap it back.", "test_plan": "Send a mail."}
RESTART = {
    "name": "restart", "type": "standard", "preauthorized": True, "review": "on_failure",
    "template": {"implementation_plan": "Restart it.", "backout_plan": "Start it again."},
}  # fmt: skip


class Ticking:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def set(self, at: datetime) -> None:
        self.at = at


def opened(url: str | None = None, clock: Any = None, *, periods: Any = (), **options: Any) -> itil4.ServiceManagement:
    """Return a service management whose changes go by a schedule."""
    schedule = ChangeSchedule(periods=periods, refuse=options.pop("refuse", ()))
    policies = {"change": ChangePolicy(schedule=schedule)}
    return itil4.connect(url, clock=clock or Ticking(), policies=policies, **options)


def at(hour: float) -> datetime:
    return START + hour * HOUR


def new(itsm: Any, *items: Any, start: float, hours: float = 2, **values: Any) -> Any:
    """Return a new change on these items."""
    planned = {"planned_start": at(start), "planned_end": at(start + hours)}
    given = {"summary": "Swap it", "type": "normal", "by": REQUESTER, **PLANS, **planned, **values}
    if given.get("model") is not None:
        given = {name: value for name, value in given.items() if name not in ("type", *PLANS)}
    change = itsm.changes.log(**given)
    for item in items:
        change = itsm.link(change, "affects", item, by=ASSESSOR)
    return change


def submitted(itsm: Any, change: Any) -> Any:
    """Return a change for which the authority was asked."""
    if change.type == "normal":
        change = itsm.changes.assess(change, by=ASSESSOR)
    change = itsm.changes.assess_risk(change, ANSWERS, by=ASSESSOR)
    return itsm.changes.submit(change, by=ASSESSOR)


def scheduled(itsm: Any, *items: Any, start: float, **values: Any) -> Any:
    """Return a change that was authorized, or that a model pre-authorizes."""
    change = new(itsm, *items, start=start, **values)
    if change.type == "standard":
        return itsm.changes.schedule(change, by=REQUESTER)
    asked = submitted(itsm, change)
    by = AUTHORITY if change.type == "normal" else Actor("eva", {"emergency_authority", "change_authority"})
    return itsm.changes.approve(asked, by=by)


def standard_model(itsm: Any) -> str:
    """Let a model be authorized that pre-authorizes its changes; return its name."""
    held = itsm.change_models.log(model=RESTART, by=MANAGER)
    held = itsm.change_models.assess_risk(held, risk="low", risk_note="Done each week.", by=ASSESSOR)
    itsm.change_models.approve(itsm.change_models.submit(held, by=MANAGER), by=AUTHORITY)
    return str(RESTART["name"])


def item(itsm: Any, name: str, **values: Any) -> Any:
    return itsm.configuration_items.register(name=name, by=KEEPER, **values)
