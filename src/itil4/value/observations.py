"""What was seen of cases moving through a stream: the plain input of `observe`, the output of `simulate`."""

from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from itil4.vocabulary import Category


class Observation(NamedTuple):
    """A case came to a place at a moment. Any plain tuple of the first three will do.

    A named tuple rather than an attrs class, because histories have many of them and hosts have tuples.

    Attributes:
        case: the id of one instance of the stream; linked records that belong together share it.
        place: the name of a step, or a state that one of the steps names.
        at: when it came there, an aware datetime.
        category: what the place means (`new`, `active`, `waiting`, `resolved`, `closed`, `cancelled`), if known.
        kind: what is waited for, such as `user`, `vendor`, `approval`, `queue`.
        by: who, or which team, has the case from now on; a change is a hand-off.
        accepted: whether the receiver could use what came from the step before as it was; None when nobody said.
        practice: whose state the place is, where two practices have states of one name.
        touched: hands-on time spent here, where somebody recorded it.
    """

    case: str
    place: str
    at: datetime
    category: Category | None = None
    kind: str | None = None
    by: str | None = None
    accepted: bool | None = None
    practice: str | None = None
    touched: timedelta | None = None


Sign: TypeAlias = tuple[str, Category | None, str | None, str | None]
"""Place, category, kind and practice of one observation: all that decides what it means."""
