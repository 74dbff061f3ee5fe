"""Trying again where somebody else was first."""

import random as chance
import time
from collections.abc import Callable
from typing import TypeVar

from itil4.errors import InvalidInput, Reason, StaleRecord

T = TypeVar("T")

_FIRST = 0.01
_LONGEST = 1.0


def retry(
    function: Callable[[], T],
    *,
    attempts: int = 5,
    sleep: Callable[[float], object] | None = None,
    random: Callable[[], float] | None = None,
) -> T:
    """Return what a function returns; call it anew when it raises StaleRecord.

    Before each repetition it waits a random part of a time that doubles, from 10 milliseconds up to a second: those
    who met do not meet again. For a unit of work, `ServiceManagement.retry` is nearer at hand; this one is
    for what joins a transaction of a host, which has to begin anew as a whole.

    Args:
        function: what to do, from reading to writing.
        attempts: how often it is tried at most.
        sleep, random: how it waits, in seconds, and what it draws a number from 0 to 1 from.

    Raises:
        StaleRecord: of the last attempt, with how often it was tried as one reason more.
        InvalidInput: it is not to be tried at all.

    >>> retry(lambda: "done")
    'done'
    """
    if type(attempts) is not int or attempts < 1:
        raise InvalidInput.of("ill_typed", field="attempts", expected="a whole number from 1 on", value=attempts)
    wait, draw = sleep or time.sleep, random or chance.random
    for attempt in range(1, attempts):
        try:
            return function()
        except StaleRecord:
            wait(draw() * min(_LONGEST, _FIRST * 2 ** (attempt - 1)))
    try:
        return function()
    except StaleRecord as stale:
        raise StaleRecord(*stale.reasons, Reason.of("gave_up", attempts=attempts)) from stale
