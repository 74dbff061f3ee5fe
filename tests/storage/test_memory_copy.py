"""A store in memory is copied with all that it has, and each copy goes its own way from there."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import itil4
from itil4 import Actor
from itil4.clock import FrozenClock
from itil4.storage import MemoryStore, Store
from itil4.testing import StoreContract

AGENT = Actor("sam", {"service_desk"})
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


class TestCopyOfMemoryStore(StoreContract):
    @pytest.fixture
    def make_store(self) -> Callable[[], Store]:
        return lambda: MemoryStore().copy()


def shown(held: Any) -> Any:
    """Return all that a tenant of a store has, as plain containers."""
    if isinstance(held, dict):
        return {key: shown(value) for key, value in held.items()}
    if isinstance(held, list):
        return [shown(value) for value in held]
    slots = getattr(type(held), "__slots__", None)
    if hasattr(held, "__dict__") and not isinstance(held, tuple):
        return {name: shown(value) for name, value in vars(held).items()}
    return {name: getattr(held, name) for name in slots} if slots and not isinstance(held, tuple) else held


def contents(store: MemoryStore) -> Any:
    return {tenant: shown(data) for tenant, data in store._tenants.items()}


def lived_in(itsm: itil4.ServiceManagement, number: int) -> None:
    """Write something of every sort: records, steps, links, once keys, due times, imports and the outbox."""
    mine = itsm.incidents.log(summary=f"Mail {number}", requester="ana", by=AGENT, once=f"key {number}")
    other = itsm.incidents.log(summary=f"Print {number}", requester="ana", by=AGENT)
    itsm.incidents.assign(mine, to="tom", by=AGENT)
    itsm.link(other.id, "child_of", mine.id, by=AGENT)
    itsm.tick()
    for held in itsm.outbox.claim(f"relay {number}", timedelta(minutes=1), limit=1):
        itsm.outbox.ack(held)
    itsm.outbox.claim(f"relay {number}", timedelta(minutes=1), limit=1)


@pytest.mark.parametrize("writer", ["the first", "the copy"])
def test_what_is_written_to_one_of_two_copies_is_not_in_the_other(writer: str) -> None:
    """Rows are shared and never changed; everything that holds them is each store's own."""
    store, clock = MemoryStore(), FrozenClock(START)
    lived_in(itil4.connect(store, clock=clock, outbox=True), 1)
    copy = store.copy()
    kept = contents(store)
    assert contents(copy) == kept
    one, other = (store, copy) if writer == "the first" else (copy, store)
    itsm = itil4.connect(one, clock=clock, outbox=True)
    for incident in itsm.incidents.each():
        itsm.incidents.comment(incident, "Meanwhile", by=AGENT)
    child, parent = (itsm.incidents.get(number) for number in ("INC0000002", "INC0000001"))
    itsm.unlink(child.id, "child_of", parent.id, by=AGENT)
    lived_in(itsm, 2)
    assert contents(other) == kept
    assert contents(one) != kept


def test_a_copy_is_open_or_closed_by_itself() -> None:
    """Closing one of them leaves the other as it is."""
    store = MemoryStore()
    itsm = itil4.connect(store)
    mine = itsm.incidents.log(summary="Mail", requester="ana", by=AGENT)
    copy = store.copy()
    store.close()
    assert [row.id for row in copy.load("", [mine.id])] == [mine.id]
    assert store._lock is not copy._lock
    with pytest.raises(itil4.StoreError):
        store.copy().load("", [mine.id])
