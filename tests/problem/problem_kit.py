"""People, a clock, changes of a host, and short ways to a known error."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

import itil4
from itil4 import Actor, Lifecycle, Line, Practice, Record, State, Transition
from itil4.practices.problem_policy import KnownErrorMode, ProblemPolicy

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

MANAGER = Actor("mia", {"problem_manager"})
OWNER = Actor("olga", {"problem_owner"})
ANALYST = Actor("tom", {"technical_analyst"})
DESK = Actor("sam", {"service_desk"})
USER = Actor("ana", {"user"})


class Ticking:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


@attrs.frozen(kw_only=True)
class Change(Record):
    """A plain record of the host, which says how it ended by a code."""

    summary: Line
    close_code: Line | None = None


class Changes(Practice[Change]):
    """The smallest practice of a host that keeps changes."""

    name, slot, kind, prefix = "host_changes", "changes", "change", "CHG"
    record = Change
    lifecycle = Lifecycle(
        "change",
        "implement",
        [State("implement"), State("closed", "closed")],
        [Transition("close", "implement", "closed", requires="close_code")],
    )


def opened(mode: KnownErrorMode, url: str | None = None, clock: Any = None, **policy: Any) -> itil4.ServiceManagement:
    """Return a service management with problems and changes."""
    rules = ProblemPolicy(known_errors=mode, **policy)
    return itil4.connect(url, practices=[Changes], clock=clock or Ticking(), policies={"problem": rules})


def investigating(itsm: itil4.ServiceManagement, **values: Any) -> Any:
    """Return a problem under investigation with one cause."""
    found = itsm.problems.log(**{"summary": "The relay leaks memory", "by": DESK, **values})
    found = itsm.problems.categorize(found, category="software", by=DESK)
    found = itsm.problems.investigate(found, by=ANALYST)
    return itsm.problems.add_cause(found, "leak", "Each connection leaks 2 kB", technique="5 whys", by=ANALYST)


def known_error(itsm: itil4.ServiceManagement, **values: Any) -> Any:
    """Return what carries a new known error: the problem, or a record of its own."""
    return itsm.known_errors.of(itsm.problems.conclude(investigating(itsm, **values), by=MANAGER))


def keeper(itsm: itil4.ServiceManagement, fault: Any) -> Any:
    """Return the practice that a record belongs to."""
    return itsm.problems if type(fault).__name__ == "Problem" else itsm.known_errors
