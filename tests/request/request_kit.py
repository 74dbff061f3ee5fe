"""People, a clock, a request catalogue, and short ways to a request in each state."""

from datetime import UTC, datetime, timedelta
from typing import Any

import itil4
from itil4 import Actor, People, RequestPolicy

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

ANA = Actor("ana", {"user"})
SAL = Actor("sal", {"user"})  # of sales
SAM = Actor("sam", {"fulfilment_agent"})
DORA = Actor("dora", {"service_desk"})
MIA = Actor("mia", {"request_manager"})
BOB = Actor("bob", {"budget_holder"})
CARL = Actor("carl", {"customer"})
ROBOT = Actor("bot", {"fulfilment_agent"}, kind="system")
EVERYBODY = (ANA, SAL, SAM, DORA, MIA, BOB, CARL, ROBOT)

PEOPLE = People(
    {"ana": (), "sal": ("sales",), "sam": (), "dora": (), "mia": (), "bob": (), "carl": (), "cat": ()},
    managers={"ana": "bob"},
)

MODELS: tuple[dict[str, Any], ...] = (
    {
        "id": "laptop", "name": "A new laptop", "service": "workplace", "state": "published", "group": "hardware",
        "asks": {
            "size": {"type": "choice", "choices": ["13", "15"], "required": True},
            "colour": {"type": "line", "default": "grey"},
        },
        "approval": "budget_holder", "target": "P3D", "cost": "900 EUR", "changes": ["normal", "emergency"],
        "tasks": [{"name": "order"}, {"name": "set up", "after": ["order"]}],
    },
    {
        "id": "vpn", "name": "Access from home", "service": "network", "state": "published", "target": "PT4H",
        "asks": {"reason_why": {"type": "line"}}, "tasks": [{"name": "add to group"}], "changes": "normal",
    },
    {
        "id": "crm", "name": "Access to the sales system", "service": "crm", "state": "published",
        "audience": {"groups": ["sales"]}, "asks": {"size": {"type": "choice", "choices": ["team", "all"]}},
    },
    {"id": "phone", "name": "A new phone", "service": "workplace", "state": "pipeline"},
    {"id": "fax", "name": "A fax line", "service": "network", "state": "retired"},
)  # fmt: skip


class Ticking:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


def opened(url: str | None = None, clock: Any = None, people: Any = PEOPLE, **policy: Any) -> itil4.ServiceManagement:
    """Return a service management with a request catalogue."""
    rules = RequestPolicy(**{"models": MODELS, **policy})
    return itil4.connect(url, clock=clock or Ticking(), directory=people, policies={"service_request": rules})


def begun(itsm: Any, **values: Any) -> Any:
    """Return a request that is being fulfilled."""
    made = itsm.service_requests.request("vpn", by=ANA, **values)
    return itsm.service_requests.start(made, by=SAM)


def fulfilled(itsm: Any, record: Any = None, by: Actor = SAM) -> Any:
    """Return a request whose work is over."""
    record = begun(itsm) if record is None else record
    for task in record.tasks:
        record = itsm.service_requests.done(record, task.name, by=by)
    return itsm.service_requests.fulfil(record, by=by)


def codes(error: Any) -> list[str]:
    """Return the codes of the reasons of an error."""
    return [reason.code for reason in error.value.reasons]
