"""What every store promises, as examples; each store runs all of them."""

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from itil4.errors import InvalidInput, StoreError
from itil4.storage import Batch, Compare, Conflict, Every, Linked, MemoryStore, Query, Some, Store
from itil4.storage.sqlite import SqliteStore


def ids(rows: Any) -> list[str]:
    return [row.id for row in rows]


def everything(store: Store, tenant: str = "") -> tuple[Any, ...]:
    """Return all that a tenant has, to compare before and after."""
    found = store.find(tenant, Query("ticket"))
    return (
        [row._replace(fields={}) for row in found],
        list(store.history(tenant)),
        store.links(tenant, ids(found)),
        store.known(tenant, "once", [(key,) for key in "kmn"]),
        store.known(tenant, "origin", [("old", key) for key in "123"]),
    )


class StoreContract:
    """Subclass it with a `make_store` fixture that returns a function: a fresh store at each call."""

    @pytest.fixture
    def store(self, make_store: Callable[[], Store], rows: SimpleNamespace) -> Iterator[Store]:
        made = make_store()
        made.migrate([rows.TICKET])
        yield made
        made.close()

    # writing and loading

    def test_an_empty_store_knows_nothing(self, store: Store) -> None:
        """Unknown ids are left out, and nothing raises."""
        assert everything(store) == ([], [], [], [], [])
        assert store.load("", ["nobody"]) == []
        assert store.count("", Query("ticket")) == 0

    def test_what_is_written_is_loaded(self, store: Store, rows: SimpleNamespace) -> None:
        """A row comes back as it was written, with its number."""
        row = rows.record("a", summary="Mail is döwn 🚢", priority=1)
        assert store.write("", rows.births(row)) == {"a": "TIC0000001"}
        (found,) = store.load("", ["a", "a", "b"])
        assert found._replace(fields={}) == row._replace(number="TIC0000001", fields={})
        assert [each.number for each in store.history("", record_id="a")] == ["TIC0000001"]

    def test_numbers_run_on_within_their_series(self, store: Store, rows: SimpleNamespace) -> None:
        """Each series counts for itself, and a batch that fails leaves no gap."""
        store.write("", rows.births(rows.record("a"), rows.record("b")))
        store.write("", rows.births(rows.record("c"), series="OTH"))
        with pytest.raises(Conflict):
            store.write("", rows.births(rows.record("d"), rows.record("a")))
        store.write("", rows.births(rows.record("e")))
        numbers = {row.id: row.number for row in store.load("", list("abcde"))}
        assert numbers == {"a": "TIC0000001", "b": "TIC0000002", "c": "OTH0000001", "e": "TIC0000003"}

    def test_an_update_needs_the_version_that_is_stored(self, store: Store, rows: SimpleNamespace) -> None:
        """A lost update is impossible: the second writer of one version meets a conflict that tells both versions."""
        store.write("", rows.births(rows.record("a")))
        store.write("", rows.update(rows.record("a", version=2, priority=1)))
        before = everything(store)
        with pytest.raises(Conflict) as caught:
            store.write("", rows.update(rows.record("a", version=2, priority=2)))
        assert (caught.value.what, caught.value.key) == ("version", "a")
        assert (caught.value.expected, caught.value.found) == (1, 2)
        with pytest.raises(Conflict) as ahead:
            store.write("", rows.update(rows.record("a", version=4)))
        assert (ahead.value.expected, ahead.value.found) == (3, 2)
        assert everything(store) == before

    def test_an_update_of_nothing_is_a_conflict(self, store: Store, rows: SimpleNamespace) -> None:
        """Found is None where no such record is stored."""
        with pytest.raises(Conflict) as caught:
            store.write("", rows.update(rows.record("a", version=2)))
        assert (caught.value.expected, caught.value.found) == (1, None)

    def test_identity_never_changes(self, store: Store, rows: SimpleNamespace) -> None:
        """INV-118: id, number, kind, birth and origin stay whatever an update says."""
        store.write("", rows.births(rows.record("a", origin_system="old", origin_key="1")))
        forged = rows.record("a", version=2, number="X", created_at=7, created_by="eve", origin_key="2", kind="other")
        store.write("", rows.update(forged))
        (found,) = store.load("", ["a"])
        assert (found.number, found.created_at, found.created_by) == ("TIC0000001", 1_000, "ana")
        assert (found.origin_key, found.kind, found.version) == ("1", "ticket", 2)

    # conflicts

    @pytest.mark.parametrize("what", ["id", "number", "origin", "origin without a row", "once", "link", "unlink"])
    def test_a_taken_key_is_a_conflict_and_nothing_is_written(
        self, store: Store, rows: SimpleNamespace, what: str
    ) -> None:
        """Keys are unique, and a batch that meets a taken one is undone as a whole."""
        store.write("", rows.births(rows.record("a"), rows.record("b"), once=[rows.once("k", "a")]))
        store.write("", rows.births(rows.record("i", number="N1"), series=None, links=[rows.link("a", "r", "b")]))
        for identity, row in (("x", "7"), ("y", None)):
            batch = rows.births(rows.record(identity))
            batch.entries[0] = rows.entry(identity, 1, origin_system="old", origin_key="1", origin_row=row)
            store.write("", batch)
        before = everything(store)
        batch = rows.births(rows.record("new"))
        key, holder = "a", None
        if what == "id":
            batch, holder = rows.births(rows.record("new"), rows.record("a")), "a"
        elif what == "number":
            batch, key, holder = rows.births(rows.record("new", number="N1"), series=None), "N1", "i"
        elif what.startswith("origin"):
            given, holder = (None, "y") if "without" in what else ("7", "x")
            batch.entries[0] = rows.entry("new", 1, origin_system="old", origin_key="1", origin_row=given)
            key = "old:1"
        elif what == "once":
            batch.once.append(rows.once("k", "new"))
            key, holder = "k", "a"
        elif what == "link":
            batch.links.append(rows.link("a", "r", "b", at=9))
        else:
            batch.unlinks.append(rows.link("a", "r", "nobody"))
        with pytest.raises(Conflict) as caught:
            store.write("", batch)
        assert caught.value.what == {"unlink": "link", "origin without a row": "origin"}.get(what, what)
        assert (caught.value.key, caught.value.found) == (key, holder)
        assert everything(store) == before

    def test_a_number_that_somebody_else_took_is_a_conflict(self, store: Store, rows: SimpleNamespace) -> None:
        """A series never gives a number twice, even where a record was written with that number by hand."""
        store.write("", rows.births(rows.record("a", number="TIC0000001"), series=None))
        with pytest.raises(Conflict) as caught:
            store.write("", rows.births(rows.record("b")))
        assert (caught.value.what, caught.value.key) == ("number", "TIC0000001")

    def test_a_fact_that_moved_is_a_conflict(self, store: Store, rows: SimpleNamespace) -> None:
        """A batch rests on the versions and link counters of the records that it names."""
        store.write("", rows.births(rows.record("a"), rows.record("b")))
        store.write("", rows.births(rows.record("c"), checks={"a": (1, 0), "b": (1, 0)}))
        store.write("", rows.update(rows.record("a", version=2)))
        store.write("", Batch(bumps={"b": 2}))
        before = everything(store)
        for checks, what, expected, found in (
            ({"a": (1, 0)}, "version", 1, 2),
            ({"b": (1, 0)}, "links", 0, 2),
            ({"nobody": (1, 0)}, "version", 1, None),
        ):
            with pytest.raises(Conflict) as caught:
                store.write("", rows.births(rows.record("d"), checks=checks))
            assert (caught.value.what, caught.value.expected, caught.value.found) == (what, expected, found)
        assert everything(store) == before

    def test_a_batch_that_contradicts_itself_is_refused(self, store: Store, rows: SimpleNamespace) -> None:
        """Twice the same key in one batch, or entries that do not lead to the version, write nothing."""
        store.write("", rows.births(rows.record("a")))
        before = everything(store)
        twice = [rows.once("m", "b"), rows.once("m", "b")]
        pair = [rows.link("a", "r", "b"), rows.link("a", "r", "b")]
        origin = {"origin_system": "old", "origin_key": "1"}
        doubled = rows.births(rows.record("b"), rows.record("c"))
        doubled.entries = [rows.entry("b", 1, **origin), rows.entry("c", 1, **origin)]
        for batch, what in (
            (rows.births(rows.record("b"), rows.record("b")), "id"),
            (rows.births(rows.record("b"), once=twice), "once"),
            (rows.births(rows.record("b"), links=pair), "link"),
            (doubled, "origin"),
        ):
            with pytest.raises(Conflict) as caught:
                store.write("", batch)
            assert caught.value.what == what
        for batch in (
            Batch(births=[(rows.record("b"), None)]),
            Batch(entries=[rows.entry("a", 2)]),
            Batch(updates=[(rows.record("a", version=3), 1)], entries=[rows.entry("a", 3)]),
            Batch(updates=[(rows.record("a", version=2), 1)], entries=[rows.entry("a", 2), rows.entry("a", 3)]),
        ):
            with pytest.raises(StoreError) as broken:
                store.write("", batch)
            assert broken.value.code == "broken_batch"
        assert everything(store) == before

    # links

    def test_links_are_read_from_both_ends_oldest_first(self, store: Store, rows: SimpleNamespace) -> None:
        """Ties of time are decided by the ends, so that every store gives the same order."""
        links = [rows.link("a", "r", "c", 2), rows.link("b", "r", "c", 1), rows.link("a", "q", "b", 1)]
        store.write("", rows.births(*map(rows.record, "abc"), links=links, bumps={"a": 2, "b": 2, "c": 2}))
        assert store.links("", ["a", "b", "a"]) == [links[2], links[1], links[0]]
        assert store.links("", ["c"], backwards=True) == [links[1], links[0]]
        assert [row.links for row in store.load("", list("abc"))] == [2, 2, 2]
        assert ids(store.find("", Query("ticket", Linked("r", "c")))) == ["a", "b"]
        assert ids(store.find("", Query("ticket", Linked("r", "b", backwards=True)))) == ["c"]
        store.write("", Batch(unlinks=[links[0]], links=[links[0]._replace(at=9)], bumps={"a": 2, "nobody": 1}))
        assert [each.at for each in store.links("", ["a"])] == [1, 9]

    # history

    def test_a_history_stands_as_it_stood_when_reading_began(self, store: Store, rows: SimpleNamespace) -> None:
        """Whoever reads the histories of a kind may write meanwhile, and does not see it in this reading."""
        store.write("", rows.births(*(rows.record(f"r{number:03}") for number in range(300))))
        seen = []
        for each in store.history("", kind="ticket"):
            seen.append((each.record_id, each.seq))
            if len(seen) <= 50:
                store.write("", rows.update(rows.record(f"r{299 - len(seen):03}", version=2)))
        assert seen == [(f"r{number:03}", 1) for number in range(300)]
        assert sum(1 for _ in store.history("")) == 350
        assert list(store.history("", kind="nothing")) == []

    def test_a_history_is_in_order(self, store: Store, rows: SimpleNamespace) -> None:
        """By record, then by seq."""
        store.write("", rows.births(rows.record("b"), rows.record("a")))
        for version in range(2, 12):
            store.write("", rows.update(rows.record("b", version=version)))
        assert [each.seq for each in store.history("", record_id="b")] == list(range(1, 12))
        assert [each.record_id for each in store.history("")] == ["a"] + ["b"] * 11

    # finding

    @pytest.fixture
    def shelf(self, store: Store, rows: SimpleNamespace) -> Store:
        """Seven tickets: priority 1, 2, 2, none, 3; groups in both cases; an extra field."""
        store.write(
            "",
            rows.births(
                rows.record("a", priority=2, group="Mail", urgent=True, created_at=5),
                rows.record("b", priority=1, group="mail team", urgent=False, created_at=4),
                rows.record("c", group="Straße", extra={"deck": "A"}, created_at=3),
                rows.record("d", priority=2, extra={"deck": "B"}, created_at=2, category="closed"),
                rows.record("e", priority=3, group="", created_at=1, origin_system="old", origin_key="42"),
                rows.record("f", group="mail", extra={"deck": "b"}, created_at=5, created_by="42"),
                rows.record("g", kind="other", priority=1, group="mail"),
            ),
        )
        return store

    @pytest.mark.parametrize(
        ("where", "expected"),
        [
            (Compare("priority", "eq", 2), "ad"),
            (Compare("priority", "eq", None), "cf"),
            (Compare("priority", "ne", 2), "bcef"),
            (Compare("priority", "ne", None), "abde"),
            (Compare("priority", "lt", 2), "b"),
            (Compare("priority", "le", 2), "abd"),
            (Compare("priority", "gt", 1), "ade"),
            (Compare("priority", "ge", 3), "e"),
            (Compare("priority", "lt", None), ""),
            (Compare("priority", "in", (1, 3)), "be"),
            (Compare("priority", "in", (1, None)), "bcf"),
            (Compare("priority", "in", (None,)), "cf"),
            (Compare("priority", "in", ()), ""),
            (Compare("priority", "in", tuple(range(2, 40_000))), "ade"),
            (Compare("priority", "is_null", True), "cf"),
            (Compare("priority", "is_null", False), "abde"),
            (Compare("priority", "eq", "2"), ""),
            (Compare("priority", "lt", "2"), "abde"),
            (Compare("priority", "prefix", "2"), ""),
            (Compare("priority", "contains", "2"), ""),
            (Compare("priority", "lt", 2**70), "abde"),
            (Compare("priority", "gt", -(2**70)), "abde"),
            (Compare("urgent", "eq", True), "a"),
            (Compare("urgent", "eq", 0), "b"),
            (Compare("group", "prefix", "mail"), "bf"),
            (Compare("group", "prefix", ""), "abcef"),
            (Compare("group", "contains", "MAIL"), "abf"),
            (Compare("group", "contains", "STRASSE"), "c"),
            (Compare("group", "contains", ""), "abcef"),
            (Compare("group", "gt", "mail"), "b"),
            (Compare("group", "lt", "a"), "ace"),
            (Compare("group", "eq", "x' OR '1'='1"), ""),
            (Compare("extra.deck", "eq", "B"), "d"),
            (Compare("extra.deck", "is_null", True), "abe"),
            (Compare("unheard", "is_null", True), "abcdef"),
            (Compare("created_at", "le", 2), "de"),
            (Compare("created_at", "eq", "5"), ""),
            (Compare("version", "prefix", "1"), ""),
            (Compare("created_by", "eq", 42), ""),
            (Compare("created_by", "in", (42, "ana")), "abcde"),
            (Compare("created_by", "gt", 99), "abcdef"),
            (Compare("state_category", "in", ("closed", "new")), "abcdef"),
            (Compare("id", "in", ("a", "g", "zz")), "a"),
            (Compare("number", "eq", "TIC0000002"), "b"),
            (Compare("number", "eq", "TIC0000007"), ""),
            (Compare("origin_key", "eq", "42"), "e"),
            (Every(()), "abcdef"),
            (Some(()), ""),
            (Every((Compare("priority", "eq", 2), Compare("group", "eq", "Mail"))), "a"),
            (Some((Compare("number", "eq", "TIC0000001"), Compare("origin_key", "eq", "42"))), "ae"),
            (Every((Some((Compare("id", "eq", "a"), Compare("id", "eq", "b"))), Compare("priority", "lt", 2))), "b"),
            (Some(tuple(Compare("priority", "eq", number) for number in range(1_500))), "abde"),
            (Every((Compare("priority", "ge", 1), Some((Compare("group", "eq", ""), Linked("r", "a"))))), "e"),
        ],
    )  # fmt: skip
    def test_conditions_mean_the_same_everywhere(self, shelf: Store, where: Any, expected: str) -> None:
        """Nothing is smaller than anything and equals itself; numbers come before text; contains ignores case."""
        assert "".join(ids(shelf.find("", Query("ticket", where)))) == expected
        assert shelf.count("", Query("ticket", where, limit=1)) == len(expected)

    @pytest.mark.parametrize(
        ("order", "expected"),
        [
            ((), "abcdef"),
            ((("id", True),), "fedcba"),
            ((("priority", False),), "cfbade"),
            ((("priority", True),), "edabfc"),
            ((("priority", False), ("created_at", False)), "cfbdae"),
            ((("priority", False), ("created_at", True)), "fcbade"),
            ((("group", False),), "deacfb"),
            ((("created_at", True),), "fabcde"),
            ((("extra.deck", False), ("priority", True)), "eabcdf"),
        ],
    )
    def test_pages_go_through_everything_once_in_both_directions(
        self, shelf: Store, order: tuple[tuple[str, bool], ...], expected: str
    ) -> None:
        """The id decides last, in the direction of the field before; nothing comes first; the reverse is exact."""
        reverse = tuple((name, not descending) for name, descending in order) or (("id", True),)
        for limit in (1, 2, 4, 10):
            for way, wanted in ((order, expected), (reverse, expected[::-1])):
                found: list[str] = []
                query = Query("ticket", order=way, limit=limit)
                while page := shelf.find("", query):
                    assert len(page) <= limit
                    found += ids(page)
                    mark = tuple(_value(page[-1], name) for name, _ in query.total_order)
                    query = Query("ticket", order=way, limit=limit, after=mark)
                assert "".join(found) == wanted

    def test_a_mark_that_does_not_fit_is_refused(self) -> None:
        """A page begins after values, as many as the order has, that a store can compare."""
        for after in ((), ("a", "b"), (["a"],), ("\ud800",)):
            with pytest.raises(InvalidInput):
                Query("ticket", after=after)

    def test_text_without_a_written_form_is_refused_or_unknown(self, shelf: Store) -> None:
        """A lone surrogate can be in no store: asking for it is bad input, not a failure of the store."""
        with pytest.raises(InvalidInput):
            Compare("group", "eq", "\ud800")
        assert shelf.load("", ["\ud800", "a"]) == shelf.load("", ["a"])
        assert shelf.links("", ["\ud800"]) == []

    # tenants

    def test_no_call_crosses_tenants(self, store: Store, rows: SimpleNamespace) -> None:
        """Two tenants may use the same ids, numbers, origins and once keys, and never see each other."""
        origin = {"origin_system": "old", "origin_key": "1", "origin_row": "r"}
        for tenant, summary in (("one", "x"), ("two", "y")):
            batch = rows.births(rows.record("a", summary=summary), rows.record("b"), once=[rows.once("k", "a")])
            batch.entries[0] = rows.entry("a", 1, by=tenant, **origin)
            batch.links.append(rows.link("a", tenant, "b"))
            assert store.write(tenant, batch)["a"] == "TIC0000001"
        alone = everything(store, "one")
        store.write("two", rows.update(rows.record("a", version=2)))
        store.write("two", rows.births(rows.record("z")))
        assert everything(store, "one") == alone
        assert [each.by for each in store.history("one", record_id="a")] == ["one"]
        assert store.load("", ["a"]) == store.load("One", ["a"]) == []
        assert store.links("one", ["a"])[0].relation == "one"
        assert store.find("one", Query("ticket", Linked("two", "b"))) == []
        assert store.find("one", Query("ticket", Compare("id", "eq", "z"))) == []
        assert store.count("two", Query("ticket")) == 3
        store.write("two", Batch(unlinks=store.links("two", ["a"]), bumps={"a": 1, "b": 1}))
        assert everything(store, "one") == alone
        with pytest.raises(Conflict):
            store.write("two", Batch(unlinks=[rows.link("a", "one", "b")]))
        with pytest.raises(Conflict):
            store.write("one", rows.update(rows.record("z", version=2)))
        with pytest.raises(Conflict):
            store.write("one", rows.births(rows.record("c"), checks={"z": (1, 0)}))

    # threads and the end

    def test_threads_lose_nothing(self, store: Store, rows: SimpleNamespace) -> None:
        """Four threads on one record: every version is written by exactly one of them."""
        store.write("", rows.births(rows.record("a")))
        won: list[int] = []

        def work() -> None:
            for _ in range(25):
                while True:
                    version = store.load("", ["a"])[0].version + 1
                    try:
                        store.write("", rows.update(rows.record("a", version=version)))
                    except Conflict:
                        continue
                    won.append(version)
                    break

        _together(4, work)
        assert sorted(won) == list(range(2, 102))
        assert [each.seq for each in store.history("", record_id="a")] == list(range(1, 102))

    def test_numbers_from_threads_are_unique_and_without_a_gap(self, store: Store, rows: SimpleNamespace) -> None:
        """Also where some of the batches fail."""
        store.write("", rows.births(rows.record("taken"), series=None))
        turn = iter(range(10_000))

        def work() -> None:
            for _ in range(20):
                store.write("", rows.births(rows.record(f"r{next(turn)}"), rows.record(f"r{next(turn)}")))
                with pytest.raises(Conflict):
                    store.write("", rows.births(rows.record(f"r{next(turn)}"), rows.record("taken")))

        _together(4, work)
        numbers = sorted(row.number for row in store.find("", Query("ticket")) if row.number)
        assert numbers == [f"TIC{number:07d}" for number in range(1, 161)]

    def test_migrating_again_keeps_everything(self, shelf: Store, rows: SimpleNamespace) -> None:
        """Connecting a second time, or with more kinds, is safe."""
        before = everything(shelf)
        shelf.migrate([rows.TICKET])
        shelf.migrate([rows.TICKET._replace(indexed=(("group",),)), rows.TICKET._replace(kind="other")])
        assert everything(shelf) == before

    def test_a_closed_store_says_so(self, shelf: Store, rows: SimpleNamespace) -> None:
        """Every call; and closing again is no error."""
        shelf.close()
        shelf.close()
        calls: list[Callable[[], Any]] = [
            lambda: shelf.migrate([rows.TICKET]), lambda: shelf.load("", ["a"]), lambda: shelf.links("", ["a"]),
            lambda: shelf.find("", Query("ticket")), lambda: shelf.count("", Query("ticket")),
            lambda: list(shelf.history("")), lambda: list(shelf.history("", record_id="a")),
            lambda: shelf.known("", "once", [("k",)]), lambda: shelf.write("", rows.births(rows.record("new"))),
        ]  # fmt: skip
        for call in calls:
            with pytest.raises(StoreError) as caught:
                call()
            assert caught.value.code == "store_closed"


def _value(row: Any, name: str) -> Any:
    import json

    if name in row._fields:
        return getattr(row, name)
    body = json.loads(row.body)
    return body.get("extra", {}).get("deck") if name == "extra.deck" else body.get(name)


def _together(count: int, work: Callable[[], None]) -> None:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # so that threads meet in the middle of a call
    try:
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    finally:
        sys.setswitchinterval(interval)
    assert not failed, failed


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def make_store(self) -> Callable[[], Store]:
        return MemoryStore

    def test_a_write_lets_no_other_in_between_its_check_and_its_end(self, rows: SimpleNamespace) -> None:
        """A second write that begins while the first one is checked waits for it, and gets the next number."""
        store = MemoryStore()
        numbers: list[dict[str, str]] = []
        other = threading.Thread(target=lambda: numbers.append(store.write("", rows.births(rows.record("b")))))

        class Slow(dict[str, tuple[int, int]]):
            def items(self) -> Any:
                other.start()
                other.join(0.2)
                return super().items()

        numbers.append(store.write("", rows.births(rows.record("a"), checks=Slow())))
        other.join()
        assert numbers == [{"a": "TIC0000001"}, {"b": "TIC0000002"}]


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> Callable[[], Store]:
        numbers = iter(range(100))
        return lambda: SqliteStore(tmp_path / f"{next(numbers)}.db")


class TestSqlAlchemyOnSqlite(StoreContract):
    @pytest.fixture
    def make_store(self, sqlalchemy_sqlite: Callable[[], Store]) -> Callable[[], Store]:
        return sqlalchemy_sqlite


class TestSqlAlchemyOnPostgres(StoreContract):
    @pytest.fixture
    def make_store(self, postgres_stores: Callable[[], Store]) -> Callable[[], Store]:
        return postgres_stores
