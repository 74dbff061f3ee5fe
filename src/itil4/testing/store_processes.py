"""What survives: a second look at the data, several processes at once, and writers that are killed."""

import contextlib
import itertools
import os
import random
import signal
import time
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from itil4.storage import Batch, Conflict, Query, Store
from itil4.storage.capabilities import capabilities_of
from itil4.testing.store_base import StoreTest, patience
from itil4.testing.store_rows import TICKET, births, entry, everything, link, once, record, update


def fork(work: Callable[[], object]) -> tuple[int, int]:
    """Run it in a child process; return its process id, and where to read what it wrote or failed with."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads; the child uses none of theirs
        child = os.fork()
    if child:
        os.close(write)
        return child, read
    try:
        os.close(read)
        os.dup2(write, 1)
        work()
    except BaseException:
        os.write(write, traceback.format_exc().encode())
        os._exit(1)
    os._exit(0)


def end(child: int, read: int) -> bytes:
    """Wait for a child and return what it wrote.

    Raises:
        AssertionError: it failed; with its traceback.
    """
    with open(read, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, said.decode()
    return said


class ProcessPromises(StoreTest):
    """Reopening, processes at once, and SIGKILL in the middle of the work."""

    @pytest.fixture
    def elsewhere(self, again: Callable[[], Store], store: Store) -> Callable[[], Store]:
        """How other processes open the data; this one has let go of them."""
        if not hasattr(os, "fork"):
            pytest.skip("this system has no fork")
        store.close()
        return again

    @pytest.fixture
    def shared(self, elsewhere: Callable[[], Store]) -> Callable[[], Store]:
        """How several processes open the data at once."""
        if not self.is_shared:
            pytest.skip("is_shared says that one process at a time may have the data open")
        return elsewhere

    def test_what_was_written_is_there_when_it_is_opened_again(self, store: Store, again: Callable[[], Store]) -> None:
        """Rows, histories, links, keys, numbers and indexes; and the series go on where they were."""
        batch = births(record("a", priority=1), record("b"), links=[link("a", "r", "b")], once=[once("k", "a")])
        batch.entries[0] = entry("a", 1, origin_system="old", origin_key="1", details='{"text":"dök\\u2028"}')
        store.write("", batch)
        store.write("", update(record("a", version=2, priority=2)))
        store.write("other", births(record("a")))
        before, number = everything(store), store.write("", births(record("c")))["c"]
        before = everything(store)
        store.close()
        opened = again()
        opened.migrate([TICKET])
        assert everything(opened) == before
        assert len(everything(opened, "other")[0]) == 1
        assert opened.write("", births(record("d")))["d"] > number
        with pytest.raises(Conflict):
            opened.write("", births(record("e"), once=[once("k", "e")]))
        opened.close()

    def test_processes_lose_no_update(self, store: Store, shared: Callable[[], Store]) -> None:
        """Each of three processes adds 20 to one record: it ends at version 61, each written once."""
        first = shared()
        first.write("", births(record("a")))
        first.close()

        def work() -> None:
            opened, done = shared(), 0
            for _ in patience():
                if done == 20:
                    break
                version = opened.load("", ["a"])[0].version + 1
                with contextlib.suppress(Conflict):
                    opened.write("", update(record("a", version=version)))
                    done += 1
            opened.close()

        for child in [fork(work) for _ in range(3)]:
            end(*child)
        opened = shared()
        assert opened.load("", ["a"])[0].version == 61
        assert [each.seq for each in opened.history("", record_id="a")] == list(range(1, 62))
        opened.close()

    def test_processes_that_open_at_once_all_get_it_and_share_the_numbers(
        self, store: Store, shared: Callable[[], Store]
    ) -> None:
        """Migrating is safe from several processes, and no number is given twice."""

        def work(name: str) -> None:
            opened = shared()
            opened.migrate([TICKET, TICKET._replace(kind="other")])
            for turn in range(10):
                opened.write("", births(record(f"{name}{turn}")))
            opened.close()

        for child in [fork(partial(work, name)) for name in "abc"]:
            end(*child)
        opened = shared()
        numbers = [row.number for row in opened.find("", Query("ticket"))]
        assert len(set(numbers)) == len(numbers) == 30
        opened.close()

    def test_nothing_acknowledged_is_lost_and_nothing_is_torn_by_kill_9(
        self, store: Store, elsewhere: Callable[[], Store]
    ) -> None:
        """Writers die at a random moment; every batch that was acknowledged is there, and each is whole."""
        acknowledged: set[str] = set()
        chance = random.Random(self.crash_rounds)
        for turn in range(self.crash_rounds):
            child, read = fork(partial(_write_on, elsewhere, f"{turn}"))
            with open(read, "rb") as pipe:
                first = pipe.readline()
                time.sleep(chance.uniform(0.0, 0.2))
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                said = first + pipe.read()
            assert b"Traceback" not in said, said.decode()
            acknowledged |= {line.decode() for line in said.split(b"\n")[:-1]}
            opened = elsewhere()
            opened.migrate([TICKET])
            _check(opened, acknowledged)
            opened.close()
        assert len(acknowledged) >= self.crash_rounds


def _write_on(elsewhere: Callable[[], Store], name: str) -> None:
    """Write batches until killed, and say the name of each when it is written."""
    store = elsewhere()
    store.migrate([TICKET])
    if not store.load("", ["counter"]):
        store.write("", births(record("counter")))
    for turn in itertools.count(1):
        key = f"{name}-{turn}"
        store.write("", _batch(key, store.load("", ["counter"])[0].version + 1))
        os.write(1, f"{key}\n".encode())


def _batch(key: str, version: int) -> Batch:
    batch = births(record(f"{key}a"), record(f"{key}b"), once=[once(key, f"{key}a")])
    batch.links.append(link(f"{key}a", "r", f"{key}b"))
    batch.bumps.update({f"{key}a": 1, f"{key}b": 1})
    batch.updates.append((record("counter", version=version, last=key), version - 1))
    batch.entries.append(entry("counter", version))
    return batch


def _check(store: Store, acknowledged: set[str]) -> None:
    rows: dict[str, Any] = {row.id: row for row in store.find("", Query("ticket"))}
    counter = rows.pop("counter")
    keys = {each[:-1] for each in rows}
    assert acknowledged <= keys, f"acknowledged and lost: {sorted(acknowledged - keys)}"
    torn = [key for key in keys if not {f"{key}a", f"{key}b"} <= rows.keys()]
    assert torn == []
    assert {each.source for each in store.links("", list(rows))} == {f"{key}a" for key in keys}
    assert all(row.links == 1 for row in rows.values())
    assert len(store.known("", "once", [(key,) for key in keys])) == len(keys)
    assert counter.version == len(keys) + 1
    assert [each.seq for each in store.history("", record_id="counter")] == list(range(1, counter.version + 1))
    assert len(list(store.history(""))) == len(rows) + counter.version
    numbers = sorted(row.number for row in (*rows.values(), counter))
    assert len(set(numbers)) == len(numbers)
    if "gapless_numbers" in capabilities_of(store):
        assert numbers == [f"TIC{number:07d}" for number in range(1, len(numbers) + 1)]
