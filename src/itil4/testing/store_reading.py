"""What questions promise: the same answers from every store, in the same order, page by page."""

from typing import Any

import pytest

from itil4.errors import InvalidInput
from itil4.storage import Compare, Every, Linked, Query, Some, Store
from itil4.testing.store_base import StoreTest
from itil4.testing.store_rows import after, births, ids, record


class ReadingPromises(StoreTest):
    """Conditions, orders and pages, by examples."""

    # finding

    @pytest.fixture
    def shelf(self, store: Store) -> Store:
        """Seven tickets: priority 1, 2, 2, none, 3; groups in both cases; an extra field."""
        rows = (
            record("a", number="N1", priority=2, group="Mail", urgent=True, created_at=5),
            record("b", number="N2", priority=1, group="mail team", urgent=False, created_at=4),
            record("c", number="N3", group="Straße", extra={"deck": "A"}, created_at=3),
            record("d", number="N4", priority=2, extra={"deck": "B"}, created_at=2, category="closed"),
            record("e", number="N5", priority=3, group="", created_at=1, origin_system="old", origin_key="42"),
            record("f", number="N6", group="mail", extra={"deck": "b"}, created_at=5, created_by="42"),
            record("g", number="N7", kind="other", priority=1, group="mail"),
        )
        store.write("", births(*rows, series=None))
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
            (Compare("number", "eq", "N2"), "b"),
            (Compare("number", "eq", "N7"), ""),
            (Compare("origin_key", "eq", "42"), "e"),
            (Every(()), "abcdef"),
            (Some(()), ""),
            (Every((Compare("priority", "eq", 2), Compare("group", "eq", "Mail"))), "a"),
            (Some((Compare("number", "eq", "N1"), Compare("origin_key", "eq", "42"))), "ae"),
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
                    assert len(found) <= len(expected), "pages go round in a circle"
                    found += ids(page)
                    query = Query("ticket", order=way, limit=limit, after=after(query, page[-1]))
                assert "".join(found) == wanted

    def test_a_mark_that_does_not_fit_is_refused(self) -> None:
        """A page begins after values, as many as the order has, that a store can compare."""
        for mark in ((), ("a", "b"), (["a"],), ("\ud800",)):
            with pytest.raises(InvalidInput):
                Query("ticket", after=mark)

    def test_text_without_a_written_form_is_refused_or_unknown(self, shelf: Store) -> None:
        """A lone surrogate can be in no store: asking for it is bad input, not a failure of the store."""
        with pytest.raises(InvalidInput):
            Compare("group", "eq", "\ud800")
        assert shelf.load("", ["\ud800", "a"]) == shelf.load("", ["a"])
        assert shelf.links("", ["\ud800"]) == []
