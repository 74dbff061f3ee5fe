"""What a write promises: all of it or nothing, and nobody's work is lost by it."""

import pytest

from itil4.errors import StoreError
from itil4.storage import Batch, Compare, Conflict, Linked, Query, Store
from itil4.testing.store_base import StoreTest, need
from itil4.testing.store_rows import births, entry, everything, ids, link, once, plain, record, update


class WritingPromises(StoreTest):
    """Rows, versions, conflicts, links, histories and tenants, by examples."""

    # writing and loading

    def test_an_empty_store_knows_nothing(self, store: Store) -> None:
        """Unknown ids are left out, and nothing raises."""
        assert everything(store) == ([], [], [], [], [], [])
        assert store.load("", ["nobody"]) == []
        assert store.count("", Query("ticket")) == 0

    def test_what_is_written_is_loaded(self, store: Store) -> None:
        """A row comes back as it was written, with its number."""
        row = record("a", summary="Mail is döwn 🚢", priority=1)
        numbers = store.write("", births(row))
        assert numbers.keys() == {"a"}
        (found,) = store.load("", ["a", "a", "b"])
        assert plain(found) == plain(row._replace(number=numbers["a"]))
        (line,) = store.history("", record_id="a")
        assert line == entry("a", 1, number=numbers["a"])

    def test_numbers_increase_within_their_series(self, store: Store) -> None:
        """No number is given twice, and each is the prefix and seven figures or more."""
        given: list[str] = []
        for name in "abc":
            made = store.write("", births(record(name), record(f"{name}{name}")))
            given += [made[name], made[f"{name}{name}"]]
            with pytest.raises(Conflict):
                store.write("", births(record("z"), record("a")))
        other = store.write("", births(record("o"), series="OTH"))["o"]
        assert given == sorted(set(given))
        assert all(each.startswith("TIC") and each[3:].isdigit() and len(each) >= 10 for each in given)
        assert other.startswith("OTH")

    def test_numbers_run_on_within_their_series(self, store: Store) -> None:
        """Each series counts for itself from 1 on, and a batch that fails leaves no gap."""
        need(store, "gapless_numbers")
        store.write("", births(record("a"), record("b")))
        store.write("", births(record("c"), series="OTH"))
        with pytest.raises(Conflict):
            store.write("", births(record("d"), record("a")))
        store.write("", births(record("e")))
        numbers = {row.id: row.number for row in store.load("", list("abcde"))}
        assert numbers == {"a": "TIC0000001", "b": "TIC0000002", "c": "OTH0000001", "e": "TIC0000003"}

    def test_an_update_needs_the_version_that_is_stored(self, store: Store) -> None:
        """A lost update is impossible: the second writer of one version meets a conflict that tells both versions."""
        store.write("", births(record("a")))
        store.write("", update(record("a", version=2, priority=1)))
        before = everything(store)
        with pytest.raises(Conflict) as caught:
            store.write("", update(record("a", version=2, priority=2)))
        assert (caught.value.what, caught.value.key) == ("version", "a")
        assert (caught.value.expected, caught.value.found) == (1, 2)
        with pytest.raises(Conflict) as ahead:
            store.write("", update(record("a", version=4)))
        assert (ahead.value.expected, ahead.value.found) == (3, 2)
        assert everything(store) == before

    def test_an_update_of_nothing_is_a_conflict(self, store: Store) -> None:
        """Found is None where no such record is stored."""
        with pytest.raises(Conflict) as caught:
            store.write("", update(record("a", version=2)))
        assert (caught.value.expected, caught.value.found) == (1, None)

    def test_identity_never_changes(self, store: Store) -> None:
        """INV-118: id, number, kind, birth and origin stay whatever an update says."""
        number = store.write("", births(record("a", origin_system="old", origin_key="1")))["a"]
        forged = record("a", version=2, number="X", created_at=7, created_by="eve", origin_key="2", kind="other")
        store.write("", update(forged))
        (found,) = store.load("", ["a"])
        assert (found.number, found.created_at, found.created_by) == (number, 1_000, "ana")
        assert (found.origin_key, found.kind, found.version) == ("1", "ticket", 2)

    # conflicts

    @pytest.mark.parametrize("what", ["id", "number", "origin", "origin without a row", "once", "link", "unlink"])
    def test_a_taken_key_is_a_conflict_and_nothing_is_written(self, store: Store, what: str) -> None:
        """Keys are unique, and a batch that meets a taken one is undone as a whole."""
        store.write("", births(record("a"), record("b"), once=[once("k", "a")]))
        store.write("", births(record("i", number="N1"), series=None, links=[link("a", "r", "b")]))
        for identity, row in (("x", "7"), ("y", None)):
            batch = births(record(identity))
            batch.entries[0] = entry(identity, 1, origin_system="old", origin_key="1", origin_row=row)
            store.write("", batch)
        before = everything(store)
        batch = births(record("new"))
        key, holder = "a", None
        if what == "id":
            batch, holder = births(record("new"), record("a")), "a"
        elif what == "number":
            batch, key, holder = births(record("new", number="N1"), series=None), "N1", "i"
        elif what.startswith("origin"):
            given, holder = (None, "y") if "without" in what else ("7", "x")
            batch.entries[0] = entry("new", 1, origin_system="old", origin_key="1", origin_row=given)
            key = "old:1"
        elif what == "once":
            batch.once.append(once("k", "new"))
            key, holder = "k", "a"
        elif what == "link":
            batch.links.append(link("a", "r", "b", at=9))
        else:
            batch.unlinks.append(link("a", "r", "nobody"))
        with pytest.raises(Conflict) as caught:
            store.write("", batch)
        assert caught.value.what == {"unlink": "link", "origin without a row": "origin"}.get(what, what)
        assert (caught.value.key, caught.value.found) == (key, holder)
        assert everything(store) == before

    def test_a_number_that_somebody_else_took_is_a_conflict(self, store: Store) -> None:
        """A series never gives a number twice, even where a record was written with that number by hand."""
        need(store, "gapless_numbers")
        store.write("", births(record("a", number="TIC0000001"), series=None))
        with pytest.raises(Conflict) as caught:
            store.write("", births(record("b")))
        assert (caught.value.what, caught.value.key) == ("number", "TIC0000001")

    def test_a_fact_that_moved_is_a_conflict(self, store: Store) -> None:
        """A batch rests on the versions and link counters of the records that it names."""
        store.write("", births(record("a"), record("b")))
        store.write("", births(record("c"), checks={"a": (1, 0), "b": (1, 0)}))
        store.write("", update(record("a", version=2)))
        store.write("", Batch(bumps={"b": 2}))
        before = everything(store)
        for checks, what, expected, found in (
            ({"a": (1, 0)}, "version", 1, 2),
            ({"b": (1, 0)}, "links", 0, 2),
            ({"nobody": (1, 0)}, "version", 1, None),
        ):
            with pytest.raises(Conflict) as caught:
                store.write("", births(record("d"), checks=checks))
            assert (caught.value.what, caught.value.expected, caught.value.found) == (what, expected, found)
        assert everything(store) == before

    def test_a_batch_that_contradicts_itself_is_refused(self, store: Store) -> None:
        """Twice the same key in one batch, or entries that do not lead to the version, write nothing."""
        store.write("", births(record("a")))
        before = everything(store)
        twice = [once("m", "b"), once("m", "b")]
        pair = [link("a", "r", "b"), link("a", "r", "b")]
        origin = {"origin_system": "old", "origin_key": "1"}
        doubled = births(record("b"), record("c"))
        doubled.entries = [entry("b", 1, **origin), entry("c", 1, **origin)]
        for batch, what in (
            (births(record("b"), record("b")), "id"),
            (births(record("b"), once=twice), "once"),
            (births(record("b"), links=pair), "link"),
            (doubled, "origin"),
        ):
            with pytest.raises(Conflict) as caught:
                store.write("", batch)
            assert caught.value.what == what
        for batch in (
            Batch(births=[(record("b"), None)]),
            Batch(entries=[entry("a", 2)]),
            Batch(updates=[(record("a", version=3), 1)], entries=[entry("a", 3)]),
            Batch(updates=[(record("a", version=2), 1)], entries=[entry("a", 2), entry("a", 3)]),
        ):
            with pytest.raises(StoreError) as broken:
                store.write("", batch)
            assert broken.value.code == "broken_batch"
        assert everything(store) == before

    # links

    def test_links_are_read_from_both_ends_oldest_first(self, store: Store) -> None:
        """Ties of time are decided by the ends, so that every store gives the same order."""
        links = [link("a", "r", "c", 2), link("b", "r", "c", 1), link("a", "q", "b", 1)]
        store.write("", births(*map(record, "abc"), links=links, bumps={"a": 2, "b": 2, "c": 2}))
        assert store.links("", ["a", "b", "a"]) == [links[2], links[1], links[0]]
        assert store.links("", ["c"], backwards=True) == [links[1], links[0]]
        assert [row.links for row in store.load("", list("abc"))] == [2, 2, 2]
        assert ids(store.find("", Query("ticket", Linked("r", "c")))) == ["a", "b"]
        assert ids(store.find("", Query("ticket", Linked("r", "b", backwards=True)))) == ["c"]
        store.write("", Batch(unlinks=[links[0]], links=[links[0]._replace(at=9)], bumps={"a": 2, "nobody": 1}))
        assert [each.at for each in store.links("", ["a"])] == [1, 9]

    # history

    def test_a_history_stands_as_it_stood_when_reading_began(self, store: Store) -> None:
        """Whoever reads the histories of a kind may write meanwhile, and does not see it in this reading."""
        store.write("", births(*(record(f"r{number:03}") for number in range(300))))
        seen = []
        for each in store.history("", kind="ticket"):
            seen.append((each.record_id, each.seq))
            if len(seen) <= 50:
                store.write("", update(record(f"r{299 - len(seen):03}", version=2)))
        assert seen == [(f"r{number:03}", 1) for number in range(300)]
        assert sum(1 for _ in store.history("")) == 350
        assert list(store.history("", kind="nothing")) == []

    def test_a_history_is_in_order(self, store: Store) -> None:
        """By record, then by seq."""
        store.write("", births(record("b"), record("a")))
        for version in range(2, 12):
            store.write("", update(record("b", version=version)))
        assert [each.seq for each in store.history("", record_id="b")] == list(range(1, 12))
        assert [each.record_id for each in store.history("")] == ["a"] + ["b"] * 11

    # tenants

    def test_no_call_crosses_tenants(self, store: Store) -> None:
        """Two tenants may use the same ids, numbers, origins and once keys, and never see each other."""
        origin = {"origin_system": "old", "origin_key": "1", "origin_row": "r"}
        for tenant, summary in (("one", "x"), ("two", "y")):
            batch = births(record("a", summary=summary), record("b"), once=[once("k", "a")])
            batch.entries[0] = entry("a", 1, by=tenant, **origin)
            batch.links.append(link("a", tenant, "b"))
            store.write(tenant, batch)
        alone = everything(store, "one")
        store.write("two", update(record("a", version=2)))
        store.write("two", births(record("z")))
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
            store.write("two", Batch(unlinks=[link("a", "one", "b")]))
        with pytest.raises(Conflict):
            store.write("one", update(record("z", version=2)))
        with pytest.raises(Conflict):
            store.write("one", births(record("c"), checks={"z": (1, 0)}))
