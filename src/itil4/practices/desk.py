"""What the practices of one service management share, and the scope in which they act."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs

from itil4.clock import Clock, instant
from itil4.errors import InvalidInput, Refused, nearest
from itil4.practices.directory import Directory
from itil4.practices.places import Kinds, Practices
from itil4.practices.publishing import Publishing
from itil4.record import Actor, Entry, Relation, Relations
from itil4.storage.projections import Projected
from itil4.storage.protocols import Store
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.base import Practice

P = TypeVar("P", bound="Practice[Any]")
Subscriber = Callable[[Entry], object]


def _unnamed() -> str:
    """Return the name of a unit that writes nothing, and so needs none of its own."""
    return "reading"


@attrs.define(eq=False)
class House:
    """What all desks of one service management share."""

    store: Store
    clock: Clock
    ids: Callable[[], str]
    tenant: str
    directory: Directory
    practices: Practices
    """By slot, such as `incidents`."""
    kinds: Kinds
    general: tuple[Relation, ...]
    policies: Mapping[str, Any]
    project: Callable[[Unit], list[Projected]] | None = None
    """What keeps due times beside the rows, where service levels are agreed."""
    past: datetime | None = None
    """The moment that this shows, where it shows how things stood; nothing is written then."""
    subscribers: list[tuple[str | None, Subscriber]] = attrs.Factory(list)
    publishing: Publishing = attrs.Factory(lambda self: Publishing(self.publish), takes_self=True)

    @cached_property
    def relations(self) -> Relations:
        """The relations that records may have; asking for them reads every practice."""
        return self.practices.relations(self.general)

    def now(self) -> datetime:
        """Return the present instant, in UTC.

        Raises:
            InvalidInput: the clock of the host gives no aware datetime.
        """
        return instant(self.clock.now(), "clock.now()")

    def commit(self, unit: Unit) -> list[Entry]:
        """Commit a unit of work, tell the subscribers in the order of each record's history, and return the entries.

        Raises:
            StaleRecord, InvalidInput, StoreError: as the unit does; nobody is told then.
        """
        return self.publishing.commit(unit) if self.subscribers else unit.commit()

    def publish(self, entries: list[Entry]) -> None:
        """Tell the subscribers, in the order of the entries; one that fails is logged and stops nobody.

        What was committed stays committed, so a failing subscriber cannot be an error of the step.
        """
        names = {place.kind: place.name for place in self.practices.places.values()}
        for entry in entries:
            for practice, call in list(self.subscribers):
                if practice is None or practice in (names.get(entry.kind), entry.kind):
                    try:
                        call(entry)
                    except Exception:  # a host's callback may raise anything
                        import logging  # late: it is most of what this module would cost to import

                        said = "A subscriber failed on %s; the entry is committed."
                        logging.getLogger("itil4").exception(said, entry.id)


class _OneUnit:
    """A unit that is committed at the end of what happens inside, unless that ends in an error."""

    __slots__ = ("_house", "_unit")

    def __init__(self, house: House, unit: Unit) -> None:
        self._house = house
        self._unit = unit

    def __enter__(self) -> Unit:
        return self._unit

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._house.commit(self._unit)


class Desk:
    """Where practices act: each call in a unit of its own, or all in one unit; with or without a default actor."""

    def __init__(
        self, house: House, actor: Actor | None = None, unit: Unit | None = None, correlation: str | None = None
    ) -> None:
        self.house = house
        self.actor = actor
        self.correlation = correlation
        self._unit = unit
        self._made: dict[type, Any] = {}

    def __getitem__(self, practice: type[P]) -> P:
        """Return the practice of that class, or the subclass that fills its place.

        Raises:
            InvalidInput: this service management has no such practice.
        """
        made = self._made.get(practice)
        if made is None:
            found = self.house.practices.get(getattr(practice, "slot", None) or "")
            if found is not practice:
                if found is not None and isinstance(practice, type) and issubclass(found, practice):
                    return self[found]
                names = [place.home.partition(":")[2] for place in self.house.practices.places.values()]
                shown = getattr(practice, "__name__", practice)
                raise InvalidInput.of("unknown_practice", name=shown, nearest=nearest(shown, names))
            made = self._made[practice] = practice(self)
        return made

    def in_slot(self, slot: str) -> "Practice[Any]":
        """Return the practice that fills a place such as `incidents`."""
        found = self.house.practices.get(slot)
        if found is None:
            raise InvalidInput.of("unknown_practice", name=slot, nearest=nearest(slot, self.house.practices))
        return self[found]

    def of_kind(self, kind: str) -> "Practice[Any]":
        """Return the practice whose records are of that kind."""
        return self[self.house.practices.by_kind[kind].practice]

    def who(self, by: Actor | None, event: str) -> Actor:
        """Return the actor of a call, or the default one of this desk.

        Raises:
            InvalidInput: there is neither, or it is no Actor.
        """
        actor = self.actor if by is None else by
        if actor is None:
            raise InvalidInput.of("no_actor", event=event)
        if not isinstance(actor, Actor):
            raise InvalidInput.of("ill_typed", field="by", expected="an Actor", value=actor)
        return actor

    def working(self) -> AbstractContextManager[Unit]:
        """Give the unit to work in: the open one, or a new one that is committed and published at the end.

        Raises:
            Refused: this desk shows the past.
        """
        if self.house.past is not None:
            raise Refused.of("past", event="a change", moment=self.house.past)
        open_one = self._open_unit()
        return _OneUnit(self.house, self.new_unit()) if open_one is None else open_one.savepoint()

    def reading(self) -> Unit:
        """Return the unit to read through: the open one, or a new one that will not be written."""
        house = self.house
        return self._open_unit() or Unit(house.store, house.tenant, house.kinds, _unnamed)

    def _open_unit(self) -> Unit | None:
        if self._unit is not None and self._unit.is_over:
            raise InvalidInput.of("unit_over", action="a call")
        return self._unit

    def new_unit(self) -> Unit:
        """Return an empty unit of work."""
        house = self.house
        unit = Unit(house.store, house.tenant, house.kinds, house.ids)
        unit.project = house.project
        return unit

    def clone(self, **changes: Any) -> Self:
        """Return a desk like this one, acting for somebody else or in a unit."""
        kept = {"actor": self.actor, "unit": self._unit, "correlation": self.correlation}
        return type(self)(self.house, **{**kept, **changes})
