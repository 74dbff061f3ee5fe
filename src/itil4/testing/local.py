"""The driver of a practice in this process: the library itself, on a store, with a clock that stands still."""

import inspect
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from itil4.clock import FrozenClock, TimeOrderedIds
from itil4.errors import Decision, ITIL4Error, NotFound, Refused, StaleRecord
from itil4.itsm import ServiceManagement, connect
from itil4.lifecycle import Step
from itil4.practices.base import Practice
from itil4.record import Actor, Entry
from itil4.record.base import PROTECTED
from itil4.storage.protocols import Store
from itil4.testing.driver import Answer, Seen

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When stories begin: a Monday morning."""

Connect = Callable[..., ServiceManagement]
"""How the host opens its service management: `connect(store, practices=, clock=, ids=, tenant=)`."""


class InProcess:
    """A practice as the library runs it, opened anew and empty.

    Args:
        practice: the class.
        store: a store object, a URL, or nothing to keep all in memory.
        tenant: whose data the store keeps it as, so that stories do not meet.
        connect: how the host opens its own service management, with policies and people.
        start: the time at which it begins.
    """

    def __init__(
        self,
        practice: type[Practice[Any]],
        store: Store | str | None = None,
        *,
        tenant: str = "",
        connect: Connect = connect,
        start: datetime = START,
    ) -> None:
        self.clock = FrozenClock(start)
        ids = TimeOrderedIds(self.clock, random.Random(7))  # the same ids in every run
        self.itsm = connect(store, practices=[practice], clock=self.clock, ids=ids, tenant=tenant)
        self.desk: Practice[Any] = self.itsm[practice]

    # the five words

    def open(self, payload: Mapping[str, Any], actor: Actor) -> Answer:
        """Record something new."""
        return self._tried(lambda: self.desk.log(by=actor, **payload))

    def fire(
        self, reference: str, event: str, payload: Mapping[str, Any], actor: Actor, expected: int | None = None
    ) -> Answer:
        """Take a step by its verb where the values fit that, and by `fire` otherwise."""
        return self._tried(lambda: self.call(reference, event, payload, actor, expected))

    def get(self, reference: str) -> Seen:
        """Return the record as it is stored."""
        return seen(self.desk.get(reference))

    def now(self) -> datetime:
        """Return the time of its clock."""
        return self.clock.now()

    def advance(self, by: timedelta) -> None:
        """Move its clock on."""
        self.clock.tick(by)

    # what only a driver in this process can tell

    def call(
        self, reference: str, event: str, payload: Mapping[str, Any], actor: Actor, expected: int | None = None
    ) -> Any:
        """Take a step and return the record; refusals are raised."""
        held: dict[str, Any] = {"by": actor} if expected is None else {"by": actor, "expected": expected}
        if event not in self.desk._moves.events or self.fits(event, payload):
            return getattr(self.desk, event)(reference, **payload, **held)
        return self.desk.fire(reference, event, **payload, **held)

    def fits(self, event: str, payload: Mapping[str, Any]) -> bool:
        """Whether a step has a verb that takes these values."""
        verb = getattr(self.desk, event, None)
        if not event.isidentifier() or not callable(verb):
            return False
        try:
            inspect.signature(verb).bind("reference", by=None, **payload)
        except TypeError:
            return False
        return True

    def explain(self, reference: str, event: str, payload: Mapping[str, Any], actor: Actor) -> Decision:
        """Say whether a step is possible; changes nothing."""
        return self.desk.explain(reference, event, by=actor, **payload)

    def available(self, reference: str, actor: Actor) -> tuple[Step, ...]:
        """Return the steps that an actor could take."""
        return self.desk.available(reference, by=actor)

    def record(self, reference: str) -> Any:
        """Return the stored record itself."""
        return self.desk.get(reference)

    def history(self, reference: str) -> tuple[Entry, ...]:
        """Return the entries of a record, oldest first."""
        return self.desk.history(reference)

    def contents(self) -> tuple[Any, ...]:
        """Return every entry that the store holds for this tenant: what a refusal must leave as it was."""
        house = self.itsm.house
        return tuple(house.store.history(house.tenant))

    def _tried(self, work: Callable[[], Any]) -> Answer:
        try:
            return Answer(seen(work()))
        except (Refused, StaleRecord, NotFound, ValueError) as error:
            if not isinstance(error, ITIL4Error):
                return Answer.failed(f"{type(error).__name__}: {error}")
            return Answer.refused(*(reason.code for reason in error.reasons), text=str(error))
        except Exception as error:  # whatever a rule of the host or a store raises is what the kit looks for
            return Answer.failed(f"{type(error).__name__}: {error}")


def seen(record: Any) -> Seen:
    """Return what a driver tells of a record."""
    kept = {name: getattr(record, name) for name in _names(type(record))}
    return Seen(record.id, record.state, record.version, {**kept, **record.extra})


def _names(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in kind.__attrs_attrs__ if each.name not in PROTECTED and each.name != "extra")
