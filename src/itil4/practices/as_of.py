"""The house as it stood at a moment: the same practices on what history rebuilds."""

from datetime import datetime
from typing import get_args

import attrs

from itil4.clock import FrozenClock, instant
from itil4.errors import InvalidInput, nearest
from itil4.practices.desk import House
from itil4.practices.due_times import DueTimes
from itil4.storage.past import PastStore, View


def past_of(house: House, moment: datetime, view: View) -> House:
    """Return the house that shows a moment; see `ServiceManagement.as_of`."""
    told, now = instant(moment, "moment"), house.now()
    if told > now:
        raise InvalidInput.of("bad_moment", moment=told, now=now)
    views = get_args(View)
    if view not in views:
        raise InvalidInput.of("not_a_choice", field="view", value=view, choices=views, nearest=nearest(view, views))
    store = PastStore(house.store, house.kinds, told, view)
    made = attrs.evolve(house, store=store, clock=FrozenClock(told), past=told, subscribers=[], project=None)
    made.project = DueTimes(made)
    return made
