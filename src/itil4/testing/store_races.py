"""What holds when threads meet, and at the end of a store."""

import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import pytest

from itil4.errors import StoreError
from itil4.storage import Conflict, Query, Store
from itil4.testing.store_base import StoreTest, all_right, need, patience, together
from itil4.testing.store_rows import TICKET, births, everything, link, once, record, update


class RacePromises(StoreTest):
    """Threads, migrations and closing."""

    def test_threads_lose_no_update(self, store: Store) -> None:
        """Four threads on one record: every version is written by exactly one of them."""
        store.write("", births(record("a")))
        won: list[int] = []

        def work() -> None:
            for _ in range(25):
                for _ in patience():
                    version = store.load("", ["a"])[0].version + 1
                    try:
                        store.write("", update(record("a", version=version)))
                    except Conflict:
                        continue
                    won.append(version)
                    break

        all_right(together(*[work] * 4))
        assert sorted(won) == list(range(2, 102))
        assert [each.seq for each in store.history("", record_id="a")] == list(range(1, 102))

    def test_numbers_from_threads_are_unique(self, store: Store) -> None:
        """Also where some of the batches fail; without a gap where the store says so."""
        store.write("", births(record("taken"), series=None))
        turn = count()

        def work() -> None:
            for _ in range(20):
                store.write("", births(record(f"r{next(turn)}"), record(f"r{next(turn)}")))
                with pytest.raises(Conflict):
                    store.write("", births(record(f"r{next(turn)}"), record("taken")))

        all_right(together(*[work] * 4))
        numbers = [row.number for row in store.find("", Query("ticket")) if row.number]
        assert len(numbers) == len(set(numbers)) == 160

    def test_numbers_from_threads_have_no_gap(self, store: Store) -> None:
        """What is committed counts from 1 on, whoever else failed in between."""
        need(store, "gapless_numbers")
        self.test_numbers_from_threads_are_unique(store)
        numbers = sorted(row.number for row in store.find("", Query("ticket")) if row.number)
        assert numbers == [f"TIC{number:07d}" for number in range(1, 161)]

    def test_a_key_that_threads_take_at_once_is_taken_once(self, store: Store) -> None:
        """The others meet a conflict that names the record of the first, and write nothing."""
        for turn in range(10):
            names = [f"{turn}{each}" for each in "abcd"]
            results = together(*(partial(self._take, store, name, f"k{turn}") for name in names))
            (winner,) = [name for name, result in zip(names, results, strict=True) if isinstance(result, dict)]
            for result in results:
                if not isinstance(result, dict):
                    assert isinstance(result, Conflict), result
                    assert (result.what, result.key, result.found) == ("once", f"k{turn}", winner)
            assert [row.id for row in store.load("", names)] == [winner]

    @staticmethod
    def _take(store: Store, name: str, key: str) -> dict[str, str]:
        return store.write("", births(record(name), once=[once(key, name)]))

    def test_facts_that_move_at_the_same_moment_stop_one_of_two(self, store: Store) -> None:
        """Two batches that each rest on what the other changes never both commit."""
        store.write("", births(record("a"), record("b")))
        for turn in range(1, 11):
            one = update(record("a", version=turn + 1), checks={"b": (turn, 0)})
            two = update(record("b", version=turn + 1), checks={"a": (turn, 0)})
            results = together(partial(store.write, "", one), partial(store.write, "", two))
            failed = [each for each in results if isinstance(each, BaseException)]
            assert failed, "both committed"
            assert all(isinstance(each, Conflict) for each in failed), failed
            behind = [row.id for row in store.load("", ["a", "b"]) if row.version == turn]
            assert len(behind) == len(failed)
            for name in behind:
                store.write("", update(record(name, version=turn + 1)))

    def test_a_write_lets_no_other_in_between_its_check_and_its_end(self, store: Store) -> None:
        """A second write that begins while the first one is checked shares no number with it, and both are there."""
        numbers: list[dict[str, str]] = []
        other = threading.Thread(target=lambda: numbers.append(store.write("", births(record("b")))))
        store.write("", births(record("base")))

        class Slow(dict[str, tuple[int, int]]):
            def items(self) -> Any:
                if other.ident is None:
                    other.start()
                    other.join(0.2)  # where writers take turns, it waits for this one
                return super().items()

        numbers.append(store.write("", births(record("a"), checks=Slow(base=(1, 0)))))
        if other.ident is None:
            other.start()  # the store has looked at the facts another way
        other.join()
        given = {name: number for each in numbers for name, number in each.items()}
        assert given.keys() == {"a", "b"}
        assert given["a"] != given["b"]
        assert {row.id: row.number for row in store.load("", ["a", "b"])} == given

    def test_readers_see_whole_batches_only(self, store: Store) -> None:
        """While pairs of records are written, nobody finds one without the other, or a row without its entry."""
        done: list[int] = []

        def write() -> None:
            for turn in range(30):
                pair = record(f"{turn}a"), record(f"{turn}b")
                store.write("", births(*pair, links=[link(f"{turn}a", "r", f"{turn}b")]))

        def read() -> None:
            for _ in patience():
                if done:
                    break
                found = [row.id for row in store.find("", Query("ticket"))]
                assert len(found) % 2 == 0, found
                assert len(list(store.history(""))) % 2 == 0
                links = store.links("", found)
                ends = [end for each in links for end in (each.source, each.target)]
                assert len(store.load("", ends)) == len(ends)

        def write_and_end() -> None:
            try:
                write()
            finally:
                done.append(1)

        all_right(together(write_and_end, read, read))

    def test_migrating_again_keeps_everything(self, store: Store) -> None:
        """Connecting a second time, or with more kinds, is safe."""
        pair = record("a", priority=1), record("b")
        store.write("", births(*pair, links=[link("a", "r", "b")], once=[once("k", "a")]))
        before = everything(store)
        store.migrate([TICKET])
        store.migrate([TICKET._replace(indexed=(("group",),)), TICKET._replace(kind="other")])
        assert everything(store) == before

    def test_threads_may_migrate_at_once(self, make_store: Callable[[], Store]) -> None:
        """Whoever comes first makes what is needed, and nobody fails."""
        store = make_store()
        all_right(together(*[lambda: store.migrate([TICKET])] * 3))
        store.write("", births(record("a")))
        store.close()

    def test_a_closed_store_says_so(self, store: Store) -> None:
        """Every call; and closing again is no error."""
        store.write("", births(record("a")))
        store.close()
        store.close()
        calls: list[Callable[[], Any]] = [
            lambda: store.migrate([TICKET]), lambda: store.load("", ["a"]), lambda: store.links("", ["a"]),
            lambda: store.find("", Query("ticket")), lambda: store.count("", Query("ticket")),
            lambda: list(store.history("")), lambda: list(store.history("", record_id="a")),
            lambda: store.known("", "once", [("k",)]), lambda: store.write("", births(record("new"))),
        ]  # fmt: skip
        for call in calls:
            with pytest.raises(StoreError) as caught:
                call()
            assert caught.value.code == "store_closed"
