"""The driver of a practice in this process: the library itself, on a store, with a clock that stands still."""

import inspect
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any, Self

import attrs

from itil4.clock import FrozenClock, TimeOrderedIds
from itil4.errors import Decision, ITIL4Error, NotFound, Refused, StaleRecord
from itil4.itsm import ServiceManagement, connect
from itil4.lifecycle import Step
from itil4.practices.base import Practice
from itil4.practices.desk import House
from itil4.practices.due_times import DueTimes
from itil4.practices.publishing import Publishing
from itil4.record import Actor, Entry
from itil4.record.base import PROTECTED
from itil4.storage.memory import MemoryStore
from itil4.storage.protocols import Store
from itil4.testing.decoded import RememberingKinds
from itil4.testing.driver import Answer, Seen

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When stories begin: a Monday morning."""


_NOBODY = Actor("nobody")


class InProcess:
    """A practice as the library runs it, opened anew and empty.

    Args:
        practice: the class.
        store: a store object, a URL, or nothing to keep all in memory.
        tenant: whose data the store keeps it as, so that stories do not meet.
        settings: what `itil4.connect` is given besides: policies, a directory, further practices; and `prepare`,
            a function that is given the service management before anything else happens.
        birth: how a record comes to be, where `log` is not the way.
        start: the time at which it begins.
        like: one of the same practice and settings; what it has compiled is used again.
    """

    def __init__(
        self,
        practice: type[Practice[Any]],
        store: Store | str | None = None,
        *,
        tenant: str = "",
        settings: Mapping[str, Any] | None = None,
        birth: Callable[[ServiceManagement, Mapping[str, Any], Actor], Any] | None = None,
        start: datetime = START,
        like: "InProcess | None" = None,
    ) -> None:
        self.practice = practice
        self.birth = birth
        self.clock = FrozenClock(start)
        self.ids = StoryIds(self.clock)
        given = dict(settings or {})
        prepare = given.pop("prepare", None)
        if like is None:
            practices = [practice, *(each for each in given.pop("practices", ()) if each is not practice)]
            self.itsm = connect(store, practices=practices, clock=self.clock, ids=self.ids, tenant=tenant, **given)
            if store is None:
                self.itsm.house.kinds = RememberingKinds(self.itsm.house.kinds)
        else:
            opened = MemoryStore() if store is None else store
            assert not isinstance(opened, str), "a store that is used again is opened already"
            self.itsm = ServiceManagement(_another(like.itsm.house, opened, self.clock, self.ids, tenant))
        self._own_store = self.itsm.house.store if store is None else None
        self._prepared = prepare is None or _is_of_library(prepare)
        self.desk: Practice[Any] = self.itsm[practice]
        if prepare is not None:
            prepare(self.itsm)

    def copy(self) -> "Self | None":
        """Return the same world, which goes its own way from here; None where that cannot be promised.

        It can where everything that a story may have changed is known: a store in memory, a clock and ids
        of the kit's own, nobody who listens, and no practice that keeps something in itself.
        """
        house = self.itsm.house
        if not self._prepared or house.store is not self._own_store or type(house.store) is not MemoryStore:
            return None
        if house.clock is not self.clock or house.ids is not self.ids or house.subscribers:
            return None
        if any(not _keeps_nothing(each) for each in self.itsm._made.values()):
            return None
        made = object.__new__(type(self))
        made.practice, made.birth, made._prepared = self.practice, self.birth, True
        made.clock = FrozenClock(self.clock.now())
        made.ids = self.ids.copy(made.clock)
        made._own_store = house.store.copy()
        made.itsm = ServiceManagement(_another(house, made._own_store, made.clock, made.ids, house.tenant))
        made.desk = made.itsm[self.practice]
        return made

    # the five words

    def open(self, payload: Mapping[str, Any], actor: Actor, verb: str = "log") -> Answer:
        """Record something new, by `log` or another verb of the practice that does."""
        if self.birth is not None:
            birth = self.birth
            return self.attempt(lambda: birth(self.itsm, payload, actor))
        return self.attempt(lambda: getattr(self.desk, verb)(by=actor, **payload))

    def fire(
        self, reference: str, event: str, payload: Mapping[str, Any], actor: Actor, expected: int | None = None
    ) -> Answer:
        """Take a step by its verb where the values fit that, and by `fire` otherwise."""
        return self.attempt(lambda: self.call(reference, event, payload, actor, expected))

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
        if event == "update" or (event in self.desk._moves.events and self.fits(event, payload)):
            return getattr(self.desk, event)(reference, **payload, **held)
        return self.desk.fire(reference, event, **payload, **held)

    def fire_held(self, record: Any, event: str, payload: Mapping[str, Any], actor: Actor) -> Answer:
        """Take a step of a record that somebody holds in hand, perhaps an older copy."""
        return self.attempt(lambda: self.desk.fire(record, event, by=actor, **payload))

    def handed(
        self, record: Any, event: str, payload: Mapping[str, Any], actor: Actor = _NOBODY
    ) -> Mapping[str, Any]:  # fmt: skip
        """Return the fields that a verb hands to its step, without taking it.

        A verb such as `assign(to="sam")` has words of its own for fields; an event that is no name in Python,
        or a word of the language, has no verb, and then the values are the fields.
        """
        caught: dict[str, Any] = {}

        def fire(_: Any, named: str, *, by: Any = None, reason: Any = None, at: Any = None, **given: Any) -> Any:
            caught.update(given)
            raise _Caught

        desk = type(self.desk)(self.desk.desk)
        vars(desk)["fire"] = fire
        verb = getattr(desk, event, None)
        if verb is None:
            return payload
        try:
            verb(record, by=actor, **payload)
        except (_Caught, ITIL4Error, TypeError):
            return caught
        return caught

    def fits(self, event: str, payload: Mapping[str, Any]) -> bool:
        """Whether values are named by words that only the verb of a step knows, such as `to` of `assign`."""
        verb = getattr(self.desk, event, None)
        own_words = not set(payload) <= {*self.desk.shape.fields, *self.desk.shape.extra.types}
        if not own_words or not event.isidentifier() or not callable(verb):
            return False
        try:
            _signature(verb.__func__ if inspect.ismethod(verb) else verb).bind(
                *((self.desk,) if inspect.ismethod(verb) else ()), "reference", by=None, **payload
            )
        except TypeError:
            return False
        return True

    def explain(self, reference: str, event: str, payload: Mapping[str, Any], actor: Actor) -> Decision:
        """Say whether a step is possible; changes nothing."""
        return self.desk.explain(reference, event, by=actor, **payload)

    def available(self, reference: str, actor: Actor) -> tuple[Step, ...]:
        """Return the steps that an actor could take."""
        return self.desk.available(reference, by=actor)

    def sees(self, record: Any, actor: Actor) -> bool:
        """Say whether the practice shows a record to an actor."""
        return self.desk._sees(record, actor, self.desk.desk.reading())

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

    def attempt(self, work: Callable[[], Any]) -> Answer:
        """Do something that gives a record, and answer as a driver does."""
        try:
            return Answer(seen(work()))
        except (Refused, StaleRecord, NotFound, ValueError) as error:
            if not isinstance(error, ITIL4Error):
                return Answer.failed(f"{type(error).__name__}: {error}")
            return Answer.refused(*(reason.code for reason in error.reasons), text=str(error))
        except Exception as error:  # whatever a rule of the host or a store raises is what the kit looks for
            return Answer.failed(f"{type(error).__name__}: {error}")


class StoryIds(TimeOrderedIds):
    """Ids that are the same in every run, and in every copy from there on."""

    def __init__(self, clock: FrozenClock) -> None:
        self._source = random.Random(7)
        super().__init__(clock, self._source)

    def copy(self, clock: FrozenClock) -> "StoryIds":
        """Return ids that go on as these would."""
        made = StoryIds(clock)
        made._source.setstate(self._source.getstate())
        made._last = self._last
        return made


def _another(house: House, store: Store, clock: FrozenClock, ids: StoryIds, tenant: str) -> House:
    """Return a house with the same practices and policies, on another store and at another time."""
    made = attrs.evolve(house, store=store, clock=clock, ids=ids, tenant=tenant, subscribers=[], project=None)
    made.project = DueTimes(made)
    made.publishing = Publishing(made.publish)
    return made


def _is_of_library(code: Any) -> bool:
    return str(getattr(code, "__module__", "")).partition(".")[0] == "itil4"


def _keeps_nothing(practice: Any) -> bool:
    """Whether a practice has nothing in itself but its desk and what the library has worked out of the class."""
    for name in vars(practice):
        worked_out = next((vars(cls)[name] for cls in type(practice).__mro__ if name in vars(cls)), None)
        if name != "desk" and not (isinstance(worked_out, cached_property) and _is_of_library(worked_out.func)):
            return False
    return True


class _Caught(Exception):
    """Ends a verb before its step; never seen outside."""


@cache
def _signature(verb: Any) -> inspect.Signature:
    return inspect.signature(verb)


def seen(record: Any) -> Seen:
    """Return what a driver tells of a record."""
    kept = {name: getattr(record, name) for name in _names(type(record))}  # type: ignore[arg-type]  # mypy does not take a class for hashable
    return Seen(record.id, record.state, record.version, {**kept, **record.extra})


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in kind.__attrs_attrs__ if each.name not in PROTECTED and each.name != "extra")
