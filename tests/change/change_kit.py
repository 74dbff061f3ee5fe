"""People, a clock, and short ways to a change in each state."""

from datetime import UTC, datetime, timedelta
from typing import Any

import itil4
from itil4 import Actor, ChangePolicy

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TOMORROW = START + timedelta(days=1)

REQUESTER = Actor("ana", {"user"})
ASSESSOR = Actor("tom", {"change_assessor"})
MANAGER = Actor("mia", {"change_manager"})
AUTHORITY = Actor("cat", {"change_authority"})
IMPLEMENTER = Actor("sam", {"change_implementer"})
DESK = Actor("ida", {"service_desk"})
PROBLEM_MANAGER = Actor("pia", {"problem_manager"})

PLANS = {"implementation_plan": "Swap it.", "backout_plan": "Swap it back.", "test_plan": "Send a mail."}
PLANNED = {"planned_start": TOMORROW, "planned_end": TOMORROW + timedelta(hours=2)}
ANSWERS = {"reach": "one service", "experience": "once", "undo": "with effort"}
RESTART = {
    "name": "restart the relay",
    "type": "standard",
    "preauthorized": True,
    "review": "on_failure",
    "requires": ["planned_start", "planned_end"],
    "template": {"implementation_plan": "Restart it.", "backout_plan": "Start it again."},
}


class Ticking:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


def opened(url: str | None = None, clock: Any = None, practices: Any = (), **policy: Any) -> itil4.ServiceManagement:
    """Return a service management with changes."""
    rules = {"change": ChangePolicy(**policy)} if policy else None
    return itil4.connect(url, clock=clock or Ticking(), practices=practices, policies=rules)


def normal(itsm: Any, **values: Any) -> Any:
    """Return a new normal change with its plans and times."""
    given = {"summary": "Swap the relay", "type": "normal", "by": REQUESTER, **PLANS, **PLANNED, **values}
    return itsm.changes.log(**given)


def submitted(itsm: Any, change: Any = None, **values: Any) -> Any:
    """Return a normal change for which the authority was asked."""
    change = normal(itsm, **values) if change is None else change
    change = itsm.changes.assess(change, by=ASSESSOR)
    change = itsm.changes.assess_risk(change, ANSWERS, by=ASSESSOR)
    return itsm.changes.submit(change, by=ASSESSOR)


def scheduled(itsm: Any, **values: Any) -> Any:
    """Return a normal change that was authorized."""
    return itsm.changes.approve(submitted(itsm, **values), by=AUTHORITY)


def done(itsm: Any, change: Any = None, **values: Any) -> Any:
    """Return a change whose work is over."""
    change = scheduled(itsm, **values) if change is None else change
    return itsm.changes.review(itsm.changes.implement(change, by=IMPLEMENTER), by=IMPLEMENTER)


def closed(itsm: Any, code: str = "successful", change: Any = None, **values: Any) -> Any:
    """Return a closed change, reviewed where it failed."""
    change = done(itsm, change, **values)
    notes = {} if code == "successful" else {"close_notes": "See the log."}
    if code in ("unsuccessful", "rolled_back"):
        change = itsm.changes.record_review(change, "The plan was for another version.", close_code=code, by=ASSESSOR)
    return itsm.changes.close(change, close_code=code, **notes, by=IMPLEMENTER)


def active_model(itsm: Any, model: Any = None, **more: Any) -> Any:
    """Return a model of the register that is active."""
    held = itsm.change_models.log(model={**RESTART, **more} if model is None else model, by=MANAGER)
    return activated(itsm, held)


def activated(itsm: Any, held: Any) -> Any:
    """Assess and authorize a model of the register."""
    held = itsm.change_models.assess_risk(held, risk="low", risk_note="Done each week.", by=ASSESSOR)
    return itsm.change_models.approve(itsm.change_models.submit(held, by=MANAGER), by=AUTHORITY)


def standard(itsm: Any, **values: Any) -> Any:
    """Return a scheduled standard change."""
    given = {"summary": "Restart", "model": RESTART["name"], "by": REQUESTER, **PLANNED, **values}
    return itsm.changes.schedule(itsm.changes.log(**given), by=REQUESTER)


def codes(error: Any) -> list[str]:
    """Return the codes of the reasons of an error."""
    return [reason.code for reason in error.value.reasons]


def guards(reasons: Any) -> list[str]:
    """Return the names of the guards among reasons."""
    return [reason.detail["guard"] for reason in reasons if reason.code == "guard"]
