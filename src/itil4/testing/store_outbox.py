"""What an outbox promises: every committed entry is handed out, in order for each record, and held by one worker."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from itil4.errors import StoreError
from itil4.storage import Batch, Conflict, Store
from itil4.storage.outbox import Held, KeepsOutbox
from itil4.testing.store_base import StoreTest, all_right, need, patience, together
from itil4.testing.store_rows import TICKET, births, entry, record, update

NOW = 10_000
LEASE = 100


def claimed(store: KeepsOutbox, worker: str, now: int, **more: Any) -> list[Held]:
    """Claim, and return what is held, to be acknowledged."""
    limit, tenant = more.pop("limit", 100), more.pop("tenant", "")
    rows = store.claim(tenant, worker, LEASE, limit, now, **more)
    return [Held(row.record_id, row.seq, worker, now + LEASE) for row in rows]


def places(held: list[Held]) -> list[tuple[str, int]]:
    """Return records and places of what is held."""
    return [each[:2] for each in held]


def drained(store: KeepsOutbox, now: int = NOW, worker: str = "drain") -> list[tuple[str, int]]:
    """Claim and acknowledge until nothing is left, and return the records and places in that order."""
    found: list[tuple[str, int]] = []
    for _ in patience():
        held = claimed(store, worker, now)
        if not held:
            break
        assert store.ack("", held, now) == held
        found += places(held)
    return found


class OutboxPromises(StoreTest):
    """Claims, leases and acknowledgements, by examples and races."""

    @pytest.fixture
    def outbox(self, store: Store) -> Any:
        """The store, keeping an outbox."""
        kept = need(store, "outbox")
        kept.keep_outbox(True)
        return kept

    def test_an_outbox_has_no_gap_in_a_history(self, outbox: Any) -> None:
        """Every entry is handed out once it is acknowledged, and each record's in order, those of one batch too."""
        outbox.write("", births(record("a"), record("b")))
        outbox.write("", update(record("a", version=2)))
        steps = [entry("b", seq) for seq in (2, 3, 4)]
        outbox.write("", Batch(updates=[(record("b", version=4), 1)], entries=steps))
        with pytest.raises(Conflict):
            outbox.write("", update(record("a", version=2)))
        outbox.write("", update(record("a", version=3)))
        found = drained(outbox)
        assert [seq for each, seq in found if each == "a"] == [1, 2, 3]
        assert [seq for each, seq in found if each == "b"] == [1, 2, 3, 4]
        outbox.write("", update(record("a", version=4)))
        assert drained(outbox) == [("a", 4)]
        assert drained(outbox) == []

    def test_what_is_handed_out_is_the_entry_as_history_has_it(self, outbox: Any) -> None:
        """With the number that the record was given."""
        outbox.write("", births(record("a")))
        (row,) = outbox.claim("", "w", LEASE, 10, NOW)
        assert [row] == list(outbox.history("", record_id="a"))
        assert row.number is not None

    def test_a_later_entry_waits_for_an_earlier_one(self, outbox: Any) -> None:
        """While it is leased, and when the lease ended without an acknowledgement; other records do not wait."""
        outbox.write("", births(record("a"), record("b")))
        outbox.write("", update(record("a", version=2)))
        assert places(claimed(outbox, "one", NOW, limit=1)) == [("a", 1)]
        assert places(claimed(outbox, "two", NOW)) == [("b", 1)]
        assert claimed(outbox, "three", NOW + LEASE - 1) == []
        held = claimed(outbox, "three", NOW + LEASE)
        assert sorted(places(held)) == [("a", 1), ("b", 1)]
        assert outbox.ack("", held[:1], NOW) == held[:1]

    def test_two_workers_never_hold_one_entry_while_the_lease_lives(self, outbox: Any) -> None:
        """Up to its last microsecond; from its end on it is handed out again, also to the same worker."""
        outbox.write("", births(record("a")))
        assert places(claimed(outbox, "one", NOW)) == [("a", 1)]
        for now in (NOW, NOW + 1, NOW + LEASE - 1):
            assert claimed(outbox, "one", now) == claimed(outbox, "two", now) == []
        assert places(claimed(outbox, "one", NOW + LEASE)) == [("a", 1)]
        assert claimed(outbox, "two", NOW + LEASE) == []
        assert places(claimed(outbox, "two", NOW + 2 * LEASE)) == [("a", 1)]

    def test_an_acknowledgement_counts_for_the_lease_in_force_only(self, outbox: Any) -> None:
        """Not for one that another worker, or the same one, has taken over; nor for another place; nor twice."""
        outbox.write("", births(record("a")))
        outbox.write("", update(record("a", version=2)))
        late = claimed(outbox, "one", NOW)
        again = claimed(outbox, "one", NOW + LEASE)
        (held,) = again
        for wrong in (late[0], held._replace(worker="two"), held._replace(seq=2), held._replace(record_id="b")):
            assert outbox.ack("", [wrong], NOW + LEASE) == []
        assert claimed(outbox, "two", NOW + LEASE) == []
        assert outbox.ack("", again, NOW + LEASE) == again
        assert outbox.ack("", again, NOW + LEASE) == []
        assert places(claimed(outbox, "two", NOW + LEASE)) == [("a", 2)]

    def test_an_acknowledgement_after_the_lease_counts_while_nobody_else_has_it(self, outbox: Any) -> None:
        """It was delivered."""
        outbox.write("", births(record("a")))
        held = claimed(outbox, "one", NOW)
        assert outbox.ack("", held, NOW + 5 * LEASE) == held
        assert claimed(outbox, "two", NOW + 5 * LEASE) == []

    def test_those_that_wait_the_longest_come_first(self, outbox: Any) -> None:
        """By when they were recorded; after a lease that ended, by its end, so that nothing stands in the way."""
        for place, name in enumerate("cab"):
            made = births(record(name))
            made.entries[0] = made.entries[0]._replace(recorded_at=NOW - 30 + place)
            outbox.write("", made)
        assert places(claimed(outbox, "w", NOW, limit=2)) == [("c", 1), ("a", 1)]
        made = births(record("d"))
        made.entries[0] = made.entries[0]._replace(recorded_at=NOW + LEASE - 1)
        outbox.write("", made)
        assert places(claimed(outbox, "w", NOW + LEASE)) == [("b", 1), ("d", 1), ("a", 1), ("c", 1)]

    def test_a_claim_may_ask_for_kinds(self, outbox: Any) -> None:
        """The others wait for whoever asks for them."""
        outbox.write("", births(record("a"), record("b", kind="other")))
        outbox.write("", Batch(updates=[(record("a", version=2), 1)], entries=[entry("a", 2)]))
        found = outbox.claim("", "w", LEASE, 10, NOW, ["nothing", "o'ther"])
        assert found == []
        assert places(claimed(outbox, "w", NOW, kinds=["ticket"])) == [("a", 1), ("b", 1)]

    def test_an_outbox_is_kept_from_when_it_is_switched_on(self, store: Store) -> None:
        """Not before; switching it off forgets what waits; each is safe to say twice."""
        kept = need(store, "outbox")
        store.write("", births(record("a")))
        calls: list[Callable[[], Any]] = [
            lambda: kept.claim("", "w", LEASE, 1, NOW),
            lambda: kept.ack("", [Held("a", 1, "w", NOW)], NOW),
        ]
        for turn in range(2):
            for call in calls:
                with pytest.raises(StoreError) as caught:
                    call()
                assert caught.value.code == "outbox_off"
            kept.keep_outbox(True)
            kept.keep_outbox(True)
            assert kept.claim("", "w", LEASE, 10, NOW) == []
            store.write("", update(record("a", version=turn + 2)))
            assert places(claimed(kept, "w", NOW)) == [("a", turn + 2)]
            kept.keep_outbox(False)
            kept.keep_outbox(False)

    def test_outboxes_of_tenants_are_apart(self, outbox: Any) -> None:
        """One's relay neither gets nor acknowledges what is another's."""
        outbox.write("one", births(record("a")))
        outbox.write("two", births(record("a"), record("b")))
        held = claimed(outbox, "w", NOW, tenant="one")
        assert places(held) == [("a", 1)]
        assert outbox.ack("two", held, NOW) == []
        assert places(claimed(outbox, "w", NOW, tenant="two")) == [("a", 1), ("b", 1)]
        assert outbox.ack("one", held, NOW) == held

    def test_threads_share_the_work_and_never_an_entry(self, outbox: Any) -> None:
        """Each entry goes to one of three workers, once, and each record's in order."""
        for number in range(12):
            outbox.write("", births(record(f"r{number}")))
            outbox.write("", update(record(f"r{number}", version=2)))
        found: list[tuple[str, int]] = []

        def work(worker: str) -> None:
            for _ in patience():
                if len(found) >= 24:
                    break
                for held in claimed(outbox, worker, NOW, limit=3):
                    found.append(held[:2])  # before the acknowledgement, which lets the next one go
                    assert outbox.ack("", [held], NOW) == [held]

        all_right(together(*(partial(work, name) for name in "abc")))
        assert sorted(found) == sorted((f"r{number}", seq) for number in range(12) for seq in (1, 2))
        for number in range(12):
            assert [seq for name, seq in found if name == f"r{number}"] == [1, 2]

    def test_a_late_commit_is_never_skipped(self, outbox: Any) -> None:
        """A batch that began first and is committed last is handed out, whatever was claimed meanwhile."""
        outbox.write("", births(record("base")))
        drained(outbox)
        begun, go_on = threading.Event(), threading.Event()

        class Slow(dict[str, tuple[int, int]]):
            def items(self) -> Any:
                begun.set()
                go_on.wait(0.3)  # where writers take turns, the other one cannot come in between
                return super().items()

        late = births(record("late"), checks=Slow(base=(1, 0)))
        late.entries[0] = late.entries[0]._replace(recorded_at=1)
        writer = threading.Thread(target=lambda: outbox.write("", late))
        writer.start()
        begun.wait(5)
        outbox.write("", births(record("early")))
        found = drained(outbox)
        go_on.set()
        writer.join()
        found += drained(outbox)
        assert sorted(found) == [("early", 1), ("late", 1)]

    def test_whatever_is_committed_while_a_relay_runs_is_delivered(self, outbox: Any) -> None:
        """Writers and a relay at once: in the end each history was delivered, in order, and nothing waits."""
        done: list[int] = []
        found: list[tuple[str, int]] = []

        def write(name: str) -> None:
            try:
                outbox.write("", births(record(name)))
                for version in range(2, 16):
                    outbox.write("", update(record(name, version=version)))
            finally:
                done.append(1)

        def relay() -> None:
            for _ in patience():
                found.extend(drained(outbox))
                if len(done) == 2:
                    break

        all_right(together(lambda: write("a"), lambda: write("b"), relay))
        found += drained(outbox)
        for name in "ab":
            assert [seq for each, seq in found if each == name] == list(range(1, 16))

    def test_what_waits_survives(self, outbox: Any, again: Callable[[], Any]) -> None:
        """Leases and acknowledgements too; and a store that is opened without a word of an outbox keeps it."""
        outbox.write("", births(record("a"), record("b")))
        held = claimed(outbox, "w", NOW, limit=1)
        outbox.ack("", held, NOW)
        outbox.write("", update(record("a", version=2)))
        claimed(outbox, "w", NOW, limit=1)
        outbox.close()
        opened = again()
        opened.migrate([TICKET])
        opened.write("", births(record("c")))
        first = claimed(opened, "w", NOW + 1)
        assert len(first) == 2
        assert ("c", 1) in places(first)
        assert sorted(places(claimed(opened, "w", NOW + 2 * LEASE))) == [("a", 2), ("b", 1), ("c", 1)]
        opened.close()
