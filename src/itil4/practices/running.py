"""Units of work for hosts with an event loop: each whole in a worker thread, and cancelled wholly or not at all."""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from itil4.errors import InvalidInput
from itil4.practices.desk import Desk
from itil4.record import Actor, Record

T = TypeVar("T")

_PLAIN = "a plain function, since it runs in a thread"


class CancelledAfterCommit(asyncio.CancelledError):
    """The task was cancelled when everything had been written already; `result` is what the function returned.

    A plain `CancelledError` out of `run` says that nothing was written. With a timeout, it is the
    cause of the TimeoutError.
    """

    def __init__(self, result: Any) -> None:
        super().__init__(result)
        self.result = result


class _Abandoned(Exception):
    """Ends a unit of work that nobody waits for any more, before it is written."""


class _Gate:
    """Between a unit of work and its commit: whoever comes first, the commit or the cancellation, wins."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_shut = False
        self._is_passed = False

    def shut(self) -> None:
        """Let nobody pass, unless somebody has."""
        with self._lock:
            self._is_shut = not self._is_passed

    def look(self) -> None:
        """Give up early when it is shut."""
        if self._is_shut:
            raise _Abandoned

    def go_through(self) -> None:
        """Pass, once and for all, or give up when it is shut."""
        with self._lock:
            self.look()
            self._is_passed = True


async def run(desk: Any, function: Callable[[Any], T], by: Actor | None, correlation: str | None) -> T:
    """Run a function as one unit of work in a worker thread; see `Stewardship.run`."""
    if not callable(function):
        raise InvalidInput.of("ill_typed", field="function", expected="a function of a desk", value=function)
    if asyncio.iscoroutinefunction(function):
        raise InvalidInput.of("ill_typed", field="function", expected=_PLAIN, value=function)
    if desk._open_unit() is not None:
        raise InvalidInput.of("run_in_unit")
    gate = _Gate()

    def work() -> T:
        gate.look()
        with desk.unit(by=by, correlation=correlation) as inner:
            result = function(inner)
            if inspect.isawaitable(result):  # what it stands for has not been done, and would be in no unit
                if inspect.iscoroutine(result):
                    result.close()
                raise InvalidInput.of("ill_typed", field="function", expected=_PLAIN, value=result)
            gate.go_through()
        numbered: T = _numbered(inner, result)
        return numbered

    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(None, contextvars.copy_context().run, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        gate.shut()
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:  # cancelled again: the thread cannot be left behind all the same
                continue
        if future.exception() is not None:
            raise
        raise CancelledAfterCommit(future.result()) from None


def _numbered(desk: Desk, result: Any) -> Any:
    """Return a record, or a tuple or list of some, as they are once they are committed: with their numbers."""
    if isinstance(result, (tuple, list)) and type(result) in (tuple, list):
        return type(result)(_numbered(desk, each) for each in result)
    if isinstance(result, Record) and result.number is None and desk._unit is not None:
        return desk._unit.get(result.id) or result
    return result
