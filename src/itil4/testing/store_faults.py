"""What holds when the medium fails: the state is the one before or the one after, and nothing between."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from itil4.errors import StoreError
from itil4.storage import Batch, Compare, Query, Store
from itil4.storage.capabilities import capabilities_of
from itil4.testing.store_base import Fault, StoreTest
from itil4.testing.store_outbox import LEASE, NOW, claimed, drained
from itil4.testing.store_rows import TICKET, births, entry, everything, link, once, record, update

_MOST = 200


class FaultPromises(StoreTest):
    """A fault at every statement of a write."""

    @pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
    def test_a_fault_at_any_statement_leaves_all_or_nothing(
        self, make_store: Callable[[], Store], is_after: bool
    ) -> None:
        """Before or after each statement of a write; it is told as a StoreError, and the store goes on afterwards."""
        reached = 0
        for at in range(1, _MOST):
            store = make_store()
            fault = Fault(at, is_after=is_after)
            failing = self.break_statements(store, fault)
            if failing is None:
                store.close()
                pytest.skip("break_statements() says that no faults can be injected")
            store.migrate([TICKET])
            store.write("", births(record("a"), record("b"), links=[link("a", "r", "b")]))
            before = everything(store)
            with failing:
                failed = _write(store)
            now = everything(store)
            if fault.happened:
                reached = at
            if now == before:
                assert failed, "a write that says nothing has written nothing"
                assert isinstance(store.write("", batch()), dict), "the store does not go on after a fault"
                now = everything(store)
            assert [row.version for row in store.load("", ["a"])] == [2]
            assert _plain(now) == _plain(self._whole(make_store)), "a part of the batch is there"
            store.close()
            if not fault.happened:
                break
        assert 2 <= reached < _MOST - 1, f"{reached} statements were reached"

    @pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
    def test_a_fault_while_relays_claim_or_acknowledge_loses_nothing(
        self, make_store: Callable[[], Store], is_after: bool
    ) -> None:
        """What was not acknowledged is handed out again when the lease is over, and in order."""
        for acknowledges in (False, True):
            for at in range(1, _MOST):
                store: Any = make_store()
                fault = Fault(at, is_after=is_after)
                failing = self.break_statements(store, fault)
                if failing is None or "outbox" not in capabilities_of(store):
                    store.close()
                    pytest.skip("break_statements() returns None, or outbox is not among the capabilities")
                store.migrate([TICKET])
                store.keep_outbox(True)
                store.write("", births(record("a"), record("b")))
                store.write("", update(record("a", version=2)))
                held = claimed(store, "one", NOW) if acknowledges else []
                with failing, contextlib.suppress(StoreError):
                    if acknowledges:
                        store.ack("", held, NOW)
                    else:
                        claimed(store, "one", NOW)
                found = drained(store, NOW + 2 * LEASE)
                counted = {each[:2] for each in held} - set(found)
                assert acknowledges or not counted
                assert sorted([*counted, *found]) == [("a", 1), ("a", 2), ("b", 1)]
                assert [seq for name, seq in found if name == "a"] in ([1, 2], [2])
                store.close()
                if not fault.happened:
                    break
            assert at > 1, "no statement of a claim or an acknowledgement went through the fault"

    @pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
    def test_a_fault_while_migrating_is_mended_by_migrating_again(
        self, make_store: Callable[[], Store], is_after: bool
    ) -> None:
        """Whatever was made by then; it is told as a StoreError."""
        for at in range(1, _MOST):
            store = make_store()
            fault = Fault(at, is_after=is_after)
            failing = self.break_statements(store, fault)
            if failing is None:
                store.close()
                pytest.skip("break_statements() says that no faults can be injected")
            with failing, contextlib.suppress(StoreError):
                store.migrate([TICKET])
            store.migrate([TICKET])
            store.write("", births(record("a", priority=1)))
            assert store.count("", Query("ticket", Compare("priority", "eq", 1))) == 1
            store.close()
            if not fault.happened:
                break

    @staticmethod
    def _whole(make_store: Callable[[], Store]) -> Any:
        store = make_store()
        store.migrate([TICKET])
        store.write("", births(record("a"), record("b"), links=[link("a", "r", "b")]))
        store.write("", batch())
        found = everything(store)
        store.close()
        return found


def _write(store: Store) -> bool:
    try:
        store.write("", batch())
    except StoreError:
        return True
    return False


def _plain(found: Any) -> Any:
    """Return everything without the numbers, which may have gaps."""
    rows, history, *rest = found
    return [row._replace(number=None) for row in rows], [line._replace(number=None) for line in history], *rest


def batch() -> Batch:
    """Return a batch with something of everything."""
    made = births(record("c"), record("d"), once=[once("k", "c")], checks={"b": (1, 0)})
    made.updates.append((record("a", version=2, priority=9), 1))
    made.entries.append(entry("a", 2))
    made.unlinks.append(link("a", "r", "b"))
    made.links.append(link("c", "r", "d"))
    made.bumps.update({"a": 1, "b": 1, "c": 1, "d": 1})
    return made
