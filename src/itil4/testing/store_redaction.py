"""What holds of the narrow door to the past: an entry may take personal data out of earlier lines, and nothing else."""

import json
from typing import Any

import pytest

from itil4.errors import StoreError
from itil4.storage import Batch, Conflict, Query, RedactedRow, Store
from itil4.storage.capabilities import capabilities_of
from itil4.testing.store_base import StoreTest
from itil4.testing.store_rows import births, entry, everything, record, update

SECRET = "Grandmother-of-Ana"
GONE = (RedactedRow("a", 1, "nobody", "{}"), RedactedRow("a", 2, "ana", '{"reason":"-"}'))


def redaction(seq: int = 3, **more: Any) -> Batch:
    """Return a batch that takes a name out of the first two lines of the history of "a"."""
    told = entry("a", seq, op="redaction", details=json.dumps({"redacted": {"entries": [1, 2]}}))
    given = {"redactions": list(GONE), "entries": [told], "updates": [(record("a", version=seq), seq - 1)]}
    return Batch(**{**given, **more})


class RedactionPromises(StoreTest):
    """Earlier lines change with an entry that says so, or not at all."""

    @pytest.fixture
    def told(self, store: Store) -> Store:
        """A store with two lines of history that name somebody."""
        kept: Any = store
        if "outbox" in capabilities_of(store):
            kept.keep_outbox(True)
        first = births(record("a", summary=SECRET), record("b"))
        first.entries[0] = entry("a", 1, details=json.dumps({"changes": {"summary": [None, SECRET]}}))
        store.write("", first)
        second = update(record("a", version=2, summary=SECRET))
        second.entries[0] = second.entries[0]._replace(details=json.dumps({"reason": SECRET}))
        store.write("", second)
        return store

    def test_a_redaction_takes_a_name_out_of_earlier_lines(self, told: Store) -> None:
        """Only who and the details of the named lines change; the record's author follows its first line."""
        before = list(told.history("", record_id="a"))
        told.write("", redaction())
        now = list(told.history("", record_id="a"))
        assert [row.by for row in now] == ["nobody", "ana", "ana"]
        assert [row.details for row in now[:2]] == ["{}", '{"reason":"-"}']
        assert [row._replace(by="", details="") for row in now[:2]] == [
            row._replace(by="", details="") for row in before
        ]
        assert told.load("", ["a"])[0].created_by == "nobody"
        assert SECRET not in repr((now, told.find("", Query("ticket")), list(told.history(""))))

    def test_a_name_that_was_taken_out_is_not_handed_out_or_found(self, told: Store) -> None:
        """Neither an outbox nor an index over words has a copy of its own."""
        kept: Any = told
        capabilities = capabilities_of(told)
        if not capabilities & {"outbox", "text_search"}:
            pytest.skip("the store lists neither outbox nor text_search among its capabilities")
        if "text_search" in capabilities:
            assert kept.find_words("", Query("ticket"), ("summary",), ("grandmother",))
        kept.write("", redaction())
        if "outbox" in capabilities:
            handed = kept.claim("", "w", 100, 10, 10_000)
            assert [(row.record_id, row.by) for row in handed] == [("a", "nobody"), ("b", "ana")]
            assert SECRET not in repr(handed)
        if "text_search" in capabilities:
            assert kept.find_words("", Query("ticket"), ("summary",), ("grandmother",)) == []

    @pytest.mark.parametrize(
        "broken",
        [
            {"updates": [], "entries": []}, {"redactions": [GONE[0], GONE[0]]},
            {"redactions": [RedactedRow("a", 3, "x", "{}")]}, {"redactions": [RedactedRow("a", 0, "x", "{}")]},
            {"redactions": [RedactedRow("b", 1, "x", "{}")]},
        ],
        ids=["without an entry", "twice", "of itself", "of no line", "of another record"],
    )  # fmt: skip
    def test_a_redaction_that_no_entry_accounts_for_is_refused(self, told: Store, broken: dict[str, Any]) -> None:
        """And nothing is written."""
        before = everything(told)
        with pytest.raises(StoreError) as caught:
            told.write("", redaction(**broken))
        assert caught.value.code == "broken_batch"
        assert everything(told) == before

    def test_a_redaction_that_comes_too_late_changes_nothing(self, told: Store) -> None:
        """The version guards it like any other write: all or nothing."""
        told.write("", update(record("a", version=3)))
        before = everything(told)
        with pytest.raises(Conflict):
            told.write("", redaction())
        assert everything(told) == before
