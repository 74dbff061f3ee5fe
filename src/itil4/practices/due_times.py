"""Whether due times have to be kept at all: asked at every commit, so that who has no service levels pays nothing."""

from functools import cached_property
from typing import TYPE_CHECKING

from itil4.errors import InvalidInput
from itil4.practices.desk import House
from itil4.storage.projections import Projected
from itil4.storage.query import Query
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.service_clockwork import Clockwork

_ANY = Query("service_level", order=(("created_at", False),), limit=1)
"""In the order of an index that begins with the kind: by id alone, every record would be looked at."""


class DueTimes:
    """Keeps due times beside the rows where targets or timers apply; called with a unit before it is written."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._timed: dict[str, bool] = {}

    @cached_property
    def clockwork(self) -> "Clockwork":
        """What computes them; read when the first target, agreement or timer is met.

        Raises:
            DefinitionError: the policy of service levels does not fit the lifecycles that it is about.
        """
        from itil4.practices.service_clockwork import Clockwork

        return Clockwork(self._house)

    def __call__(self, unit: Unit) -> list[Projected]:
        """Return the due times of what a unit is about to write."""
        if "clockwork" not in vars(self) and not self._is_needed(unit):
            return []
        return self.clockwork(unit)

    def _is_needed(self, unit: Unit) -> bool:
        house = self._house
        for kind, *_ in unit.changed():
            timed = self._timed.get(kind.name)
            if timed is None:
                lifecycles = house.practices.by_kind[kind.name].practice.lifecycles()
                timed = any(state.timers for lifecycle in lifecycles for state in lifecycle.states)
                self._timed[kind.name] = timed
            if timed:
                return True
        return bool(house.store.find(house.tenant, _ANY))


def clockwork_of(house: House) -> "Clockwork":
    """Return what computes the due times of a service management.

    Raises:
        InvalidInput: it was put together without `connect`, and keeps none.
    """
    if not isinstance(house.project, DueTimes):
        raise InvalidInput.of("unknown_practice", name="service_levels")
    return house.project.clockwork
