"""The narrow door to the past: what a batch may change of earlier lines of history, and what no store lets happen."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from itil4.errors import StoreError
from itil4.storage import Batch, Conflict, Query, RedactedRow, Store
from itil4.storage.sqlite import SqliteStore

SECRET = "Grandmother-of-Ana"


@pytest.fixture(params=["memory", "sqlite", "sqlalchemy_sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path, rows: SimpleNamespace, make_stores: Any) -> Iterator[Store]:
    made: Store = make_stores(request.param, request, tmp_path)()
    made.migrate([rows.TICKET])
    yield made
    made.close()


def redaction(rows: SimpleNamespace, seq: int = 3, *, named: tuple[int, ...] = (1, 2), **more: Any) -> Batch:
    """Return a batch that takes a name out of the first two lines of the history of "a"."""
    told = rows.entry("a", seq, op="redaction", details=json.dumps({"redacted": {"entries": named}}))
    gone = [RedactedRow("a", 1, "nobody", "{}"), RedactedRow("a", 2, "ana", '{"reason":"-"}')]
    given = {"redactions": gone, "entries": [told], "updates": [(rows.record("a", version=seq), seq - 1)]}
    return Batch(**{**given, **more})


def begin(store: Store, rows: SimpleNamespace) -> None:
    store.write("", _first(rows))
    second = rows.record("a", version=2, note=SECRET)
    store.write("", Batch(updates=[(second, 1)], entries=[rows.entry("a", 2, details=json.dumps({"x": SECRET}))]))


def _first(rows: SimpleNamespace) -> Batch:
    first = rows.entry("a", 1, details=json.dumps({"changes": {"note": [None, SECRET]}}))
    return Batch(births=[(rows.record("a", note=SECRET), "TIC")], entries=[first])


def test_earlier_lines_and_the_author_change_with_the_entry_that_says_so(store: Store, rows: SimpleNamespace) -> None:
    """Only who and the details of the named lines; the record's author follows its first line."""
    begin(store, rows)
    before = list(store.history("", record_id="a"))
    store.write("", redaction(rows))
    after = list(store.history("", record_id="a"))
    assert [row.details for row in after[:2]] == ["{}", '{"reason":"-"}']
    assert [row.by for row in after] == ["nobody", "ana", "ana"]
    assert [row._replace(by="", details="") for row in after[:2]] == [row._replace(by="", details="") for row in before]
    assert store.load("", ["a"])[0].created_by == "nobody"
    assert SECRET not in repr((after, store.find("", Query("ticket"))))


@pytest.mark.parametrize(
    "broken",
    [
        {"updates": [], "entries": []},
        {"redactions": [RedactedRow("a", 1, "x", "{}"), RedactedRow("a", 1, "y", "{}")]},
        {"redactions": [RedactedRow("a", 3, "x", "{}")]},
        {"redactions": [RedactedRow("a", 0, "x", "{}")]},
        {"redactions": [RedactedRow("b", 1, "x", "{}")]},
    ],
)
def test_a_redaction_that_no_entry_accounts_for_is_refused(
    store: Store, rows: SimpleNamespace, broken: dict[str, Any]
) -> None:
    """Without a redaction entry, twice, of itself, of no line, or of another record: nothing is written."""
    begin(store, rows)
    before = list(store.history(""))
    with pytest.raises(StoreError) as caught:
        store.write("", redaction(rows, **broken))
    assert caught.value.code == "broken_batch"
    assert list(store.history("")) == before


def test_another_entry_is_no_door(store: Store, rows: SimpleNamespace) -> None:
    """Neither an update nor a redaction that is followed by one lets the past be changed."""
    begin(store, rows)
    told = rows.entry("a", 3, op="redaction", details='{"redacted":{"entries":[1]}}')
    for entries, version in (([rows.entry("a", 3)], 3), ([told, rows.entry("a", 4)], 4)):
        with pytest.raises(StoreError):
            store.write(
                "",
                Batch(
                    entries=entries,
                    updates=[(rows.record("a", version=version), 2)],
                    redactions=[RedactedRow("a", 1, "x", "{}")],
                ),
            )


def test_a_redaction_that_comes_too_late_changes_nothing(store: Store, rows: SimpleNamespace) -> None:
    """The version guards it like any other write: all or nothing."""
    begin(store, rows)
    store.write("", rows.update(rows.record("a", version=3)))
    before = list(store.history(""))
    with pytest.raises(Conflict):
        store.write("", redaction(rows))
    assert list(store.history("")) == before


def test_plain_sql_finds_the_door_shut(tmp_path: Path, rows: SimpleNamespace) -> None:
    """Other columns never; who and details only of lines that the newest entry names, while it is a redaction."""
    store = SqliteStore(tmp_path / "desk.db")
    store.migrate([rows.TICKET])
    begin(store, rows)
    store.write("", redaction(rows, named=(1, 2)))
    raw = sqlite3.connect(tmp_path / "desk.db", isolation_level=None)
    for change in ("op = 'step'", "at = 5", "seq = 9", "number = 'TIC0000009'", "kind = 'x'", "judged = 'x'"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute(f"UPDATE entry SET {change} WHERE seq = 1")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute("UPDATE entry SET details = '{}' WHERE seq = 3")
    with pytest.raises(sqlite3.IntegrityError, match="identity"):
        raw.execute("UPDATE record SET created_by = 'somebody'")
    store.write("", rows.update(rows.record("a", version=4)))
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute("UPDATE entry SET details = '{}' WHERE seq = 1")
    raw.close()
    store.close()


def test_no_byte_of_it_is_left_in_the_files(tmp_path: Path, rows: SimpleNamespace) -> None:
    """Neither in the database nor in the file written ahead, in an index, or in the words of a search."""
    store = SqliteStore(tmp_path / "desk.db")
    store.migrate([rows.TICKET])
    store.find_words("", Query("ticket"), ("note",), ("anything",))
    begin(store, rows)
    assert store.find_words("", Query("ticket"), ("note",), ("grandmother",))
    assert SECRET.encode() in _bytes(tmp_path)
    store.write("", redaction(rows))
    assert not store.find_words("", Query("ticket"), ("note",), ("grandmother",))
    assert SECRET.encode() not in _bytes(tmp_path)
    assert b"grandmother" not in _bytes(tmp_path)
    store.close()


def _bytes(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in sorted(folder.iterdir()))


def test_a_file_of_before_gets_the_door(tmp_path: Path, rows: SimpleNamespace) -> None:
    """The triggers of the first layout go, and the file says that it needs this version from now on."""
    store = SqliteStore(tmp_path / "desk.db")
    store.migrate([rows.TICKET])
    begin(store, rows)
    store.close()
    raw = sqlite3.connect(tmp_path / "desk.db", isolation_level=None)
    for name in ("entry_is_redacted_only", "record_is_itself", "record_has_its_author"):
        raw.execute(f"DROP TRIGGER {name}")
    raw.execute(
        "CREATE TRIGGER entry_keeps BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'history is append-only'); END"
    )
    raw.execute("PRAGMA user_version=1")
    raw.close()
    store = SqliteStore(tmp_path / "desk.db")
    store.migrate([rows.TICKET])
    store.write("", redaction(rows))
    store.close()
    raw = sqlite3.connect(tmp_path / "desk.db", isolation_level=None)
    assert raw.execute("PRAGMA user_version").fetchone()[0] > 1
    raw.close()
