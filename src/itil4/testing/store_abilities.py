"""What the other abilities promise: due times beside the rows, and finding records by words."""

from typing import Any

import pytest

from itil4.storage import Compare, Query, Store
from itil4.storage.projections import DueRow, Projected
from itil4.storage.text_search import PlainWords
from itil4.testing.store_base import StoreTest, need
from itil4.testing.store_rows import births, ids, record, update

FIELDS = ("summary", "group")
WORDS = (("mail",), ("mail", "down"), ("nothing",), ("straße",), ("strasse",), ("ma",), ("or",), ("10",))


def due(identity: str, at: int | None, name: str = "resolve", **more: Any) -> DueRow:
    """Return a due time of a ticket."""
    given = {"sort": "clock", "kind": "ticket", "late_from": at, "next_at": at, "revision": "r", "stamp": "s"}
    return DueRow(record_id=identity, name=name, due_at=at, **{**given, "version": 1, **more})


class AbilityPromises(StoreTest):
    """Due times and words, by examples."""

    @pytest.fixture
    def timed(self, store: Store) -> Any:
        """A store with three tickets and their due times."""
        kept = need(store, "due_times")
        rows = [Projected(name, (due(name, at),)) for name, at in (("a", 30), ("b", 10), ("c", None))]
        kept.write("", births(record("a"), record("b"), record("c"), due=rows))
        return kept

    def test_due_times_are_found_by_time(self, timed: Any) -> None:
        """From the start on and before the end; the earliest first."""
        assert [row.record_id for row in timed.due_between("", 0, 100)] == ["b", "a"]
        assert [row.record_id for row in timed.due_between("", 10, 30)] == ["b"]
        assert timed.due_between("", 11, 30) == []
        assert [row.record_id for row in timed.due_between("", 0, 100, limit=1)] == ["b"]
        assert timed.due_between("other", 0, 100) == timed.due_of("other", "a") == []

    def test_due_times_are_worked_off_in_order_from_a_place_on(self, timed: Any) -> None:
        """Up to and with the instant, each once."""
        first, second = timed.falling("", 30)
        assert (first.record_id, second.record_id) == ("b", "a")
        assert timed.falling("", 30, after=first.key) == [second]
        assert timed.falling("", 29) == [first]
        assert timed.falling("", 30, limit=1) == [first]
        assert timed.falling("", 30, after=second.key) == timed.falling("other", 30) == []

    def test_due_times_follow_the_record_in_one_write(self, timed: Any) -> None:
        """Clocks and timers are replaced, notices wait until they are settled."""
        notice = due("a", None, "told", sort="notice", next_at=5, body="2")
        batch = update(record("a", version=2), due=[Projected("a", (due("a", 70, version=2),), (notice,))])
        timed.write("", batch)
        assert [(row.sort, row.due_at) for row in timed.due_of("", "a")] == [("clock", 70), ("notice", None)]
        timed.write("", update(record("a", version=3), due=[Projected("a", ())]))
        assert timed.due_of("", "a") == [notice]
        timed.settle("", [notice])
        assert timed.due_of("", "a") == []

    def test_due_times_of_a_write_that_fails_are_not_there(self, timed: Any) -> None:
        """They are part of the batch."""
        before = timed.due_of("", "a")
        with pytest.raises(Exception, match="version"):
            timed.write("", update(record("a", version=9), due=[Projected("a", (due("a", 99),))]))
        assert timed.due_of("", "a") == before

    def test_due_times_of_a_record_that_has_moved_are_not_written(self, timed: Any) -> None:
        """Whoever computes them beside others never overwrites what follows from a later entry."""
        timed.write("", update(record("a", version=2), due=[Projected("a", (due("a", 70, version=2),))]))
        timed.project("", [(1, Projected("a", (due("a", 99),))), (1, Projected("b", (due("b", 50, stamp="t"),)))])
        assert [row.due_at for row in timed.due_of("", "a")] == [70]
        assert [row.due_at for row in timed.due_of("", "b")] == [50]
        assert timed.differing("", "t") == [("a", "ticket"), ("c", "ticket")]
        assert timed.differing("", "s") == [("b", "ticket")]
        assert timed.differing("", "t", after="a") == [("c", "ticket")]
        assert timed.differing("", "t", limit=1) == [("a", "ticket")]

    def test_a_mark_stands_until_the_next_of_its_name(self, timed: Any) -> None:
        """What ran last is kept beside the rows."""
        for at in (5, 8):
            timed.mark("", due("", at, "nightly", sort="mark", kind=""))
        assert [row.due_at for row in timed.due_of("", "")] == [8]

    def test_words_are_found_as_the_plain_way_finds_them(self, store: Store) -> None:
        """Whole words, whatever their case and form; every word in one of the fields; those born last first."""
        finder = need(store, "text_search")
        texts = ["Mail is DOWN", "mail", "ﬁle or mail", "Straße", "10 mails", None, 'a "quoted" OR down']
        rows = [record(f"r{place}", summary=text, group="mail down") for place, text in enumerate(texts)]
        rows.append(record("zz", kind="other", summary="mail"))
        store.write("", births(*[row._replace(number=None) for row in rows], series=None))
        store.write("two", births(record("a", summary="mail")))
        kept = Compare("state_category", "eq", "new")
        for words in WORDS:
            for where in (Query("ticket"), Query("ticket", kept), Query("ticket", kept, limit=2)):
                found = finder.find_words("", where, FIELDS[:1], words)
                assert ids(found) == ids(PlainWords(store).find_words("", where, FIELDS[:1], words)), words
            assert finder.count_words("", "ticket", FIELDS[:1], words, 2) == PlainWords(store).count_words(
                "", "ticket", FIELDS[:1], words, 2
            )
        store.write("", update(record("r1", version=2, summary="printer")))
        assert ids(finder.find_words("", Query("ticket"), FIELDS[:1], ("printer",))) == ["r1"]
        assert "r1" not in ids(finder.find_words("", Query("ticket"), FIELDS[:1], ("mail",)))
