"""What a backend's author says about a store, and what the promises are tried on."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from itil4.storage import Store
from itil4.storage.capabilities import CAPABILITIES, Capability, capabilities_of
from itil4.testing.store_rows import TICKET


class Fault:
    """A fault at one statement: a backend's author lets each statement of a write go through `run`.

    Attributes:
        at: which statement fails, from 1 on.
        is_after: whether it fails when the medium has done it, or before.
        happened: whether the statement was reached.
    """

    def __init__(self, at: int, *, is_after: bool = False) -> None:
        self.at = at
        self.is_after = is_after
        self.happened = False
        self._count = 0

    def run(self, statement: Callable[..., Any], *given: Any, error: Callable[[], Exception]) -> Any:
        """Run `statement(*given)`, or raise `error()` before or after it where this is the one that fails."""
        self._count += 1
        if self._count != self.at:
            return statement(*given)
        self.happened = True
        if self.is_after:
            done = statement(*given)
            if hasattr(done, "close"):
                done.close()  # or the traceback would keep the statement running
        raise error()


class StoreTest:
    """What a backend's author overrides: `make_store`, and what shows that more can be examined."""

    crash_rounds = 3
    """How often a writer is killed; more rounds find more."""

    is_shared = True
    """Whether several processes may have the data open at once; asked where it can be opened again at all."""

    @pytest.fixture
    def make_store(self) -> Callable[[], Store]:
        """Override it: a function that returns an empty store at each call, not migrated yet."""
        pytest.fail("Override the fixture make_store: return a function that returns an empty store at each call.")

    def open_again(self, store: Any) -> Callable[[], Store] | None:
        """Override it where data outlive the store: return a function that opens the data of `store` once more.

        It is called when `store` is closed, in this process and in forked ones, and `store` may be asked for
        its path or address before that. Without it nothing is tried that needs a second look at the data.
        """
        return None

    def break_statements(self, store: Any, fault: Fault) -> AbstractContextManager[object] | None:
        """Override it where a medium can fail: let every statement of this thread's writes go through `fault.run`.

        Return a context in which it is so. Without it no faults are injected.
        """
        return None

    @pytest.fixture
    def store(self, make_store: Callable[[], Store]) -> Iterator[Store]:
        """A store that knows tickets."""
        made = make_store()
        made.migrate([TICKET])
        yield made
        made.close()

    @pytest.fixture
    def again(self, store: Store) -> Callable[[], Store]:
        """How the data of the store are opened once more."""
        found = self.open_again(store)
        if found is None:
            pytest.skip("open_again() says that the data cannot be opened a second time")
        return found

    def capability_report(self, store: Store) -> str:
        """Return what the store can do, and which promises are not examined and why, a line each."""
        offered = capabilities_of(store)
        lines = [f"{type(store).__module__}.{type(store).__qualname__}"]
        for name, promise in CAPABILITIES.items():
            lines.append(f"  {name:18} {'yes' if name in offered else 'not offered'}: {promise}")
        opens, faults = self.open_again(store) is not None, self.break_statements(store, Fault(0)) is not None
        for what, is_tried, reason in (
            ("reopening", opens, "open_again() returns None"),
            ("processes", opens and self.is_shared, "is_shared is False" if opens else "open_again() returns None"),
            ("kill -9", opens, "open_again() returns None"),
            ("faults", faults, "break_statements() returns None"),
        ):
            lines.append(f"  {what:18} {'examined' if is_tried else f'NOT EXAMINED: {reason}'}")
        return "\n".join(lines)


PATIENCE = 20.0
"""Seconds after which work that should have come to an end has failed."""


def patience() -> Iterator[None]:
    """Go on for `PATIENCE`, and fail then: what a store that keeps its promises ends may go on for ever with another.

    Raises:
        AssertionError: the time is over.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        yield
    raise AssertionError(f"it did not come to an end within {PATIENCE} seconds")


def need(store: Store, capability: Capability) -> Any:
    """Return the store, or skip a promise that it does not give."""
    if capability not in capabilities_of(store):
        pytest.skip(f"the store does not list {capability} among its capabilities")
    return store


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls at the same moment in threads that change often, and return what each returned or raised."""
    import sys

    gate = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(place: int) -> None:
        gate.wait()
        try:
            results[place] = calls[place]()
        except BaseException as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # so that threads meet in the middle of a call
    try:
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    finally:
        sys.setswitchinterval(interval)
    return results


def all_right(results: list[Any]) -> None:
    """Fail with the first error among results of `together`."""
    for each in results:
        if isinstance(each, BaseException):
            raise each
