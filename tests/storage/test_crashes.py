"""Whatever breaks, and whenever: the state is the one before or the one after, and nothing between."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from itil4.errors import StoreError
from itil4.storage import Batch, Query
from itil4.storage.sqlite import SqliteStore

ROOT = Path(__file__).parents[2]


class Faulty:
    """A connection that fails at its nth statement, before or after SQLite has run it."""

    def __init__(self, inner: sqlite3.Connection, at: int, after: bool) -> None:
        self._inner, self._left, self._after = inner, at, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _run(self, call: Callable[..., Any], *given: Any) -> Any:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise sqlite3.OperationalError("disk I/O error")
        answer = call(*given)
        if self._left == 0:
            answer.close()  # or the traceback would keep the statement running
            raise sqlite3.OperationalError("disk I/O error")
        return answer

    def execute(self, *given: Any) -> Any:
        return self._run(self._inner.execute, *given)

    def executemany(self, *given: Any) -> Any:
        return self._run(self._inner.executemany, *given)


def _state(store: SqliteStore) -> object:
    found = [row.id for row in store.find("", Query("ticket"))]
    return store.load("", found), list(store.history("")), store.links("", found), store.known("", "once", [("k",)])


def _batch(rows: SimpleNamespace) -> Batch:
    batch: Batch = rows.births(rows.record("c"), rows.record("d"), once=[rows.once("k", "c")], checks={"b": (1, 0)})
    batch.updates.append((rows.record("a", version=2, priority=9), 1))
    batch.entries.append(rows.entry("a", 2))
    batch.unlinks.append(rows.link("a", "r", "b"))
    batch.links.append(rows.link("c", "r", "d"))
    batch.bumps.update({"a": 1, "b": 1, "c": 1, "d": 1})
    return batch


def _shelf(path: Path, rows: SimpleNamespace) -> SqliteStore:
    store = SqliteStore(path)
    store.migrate([rows.TICKET])
    store.write("", rows.births(rows.record("a"), rows.record("b"), links=[rows.link("a", "r", "b")]))
    return store


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_fault_at_any_statement_leaves_all_or_nothing(tmp_path: Path, rows: SimpleNamespace, after: bool) -> None:
    """Before or after each statement of a write; the store goes on afterwards, and numbers have no gap."""
    reached = 0
    for at in range(1, 50):
        store = _shelf(tmp_path / f"{at}.db", rows)
        before = _state(store)
        held = store._local.held
        inner = held.connection
        held.connection = Faulty(inner, at, after)
        try:
            store.write("", _batch(rows))
            failed = False
        except StoreError:
            failed = True
        held.connection = inner
        assert not failed or not inner.in_transaction
        now = _state(store)
        if not failed:
            assert now != before
            store.close()
            break
        reached = at
        if now == before:
            assert store.write("", _batch(rows)) == {"c": "TIC0000003", "d": "TIC0000004"}
        else:
            assert after
            assert [row.number for row in store.load("", ["c", "d"])] == ["TIC0000003", "TIC0000004"]
        wanted = store.load("", ["a"])[0]
        assert (wanted.version, wanted.links) == (2, 1)
        store.close()
    assert reached >= 10, "a write has at least ten statements, BEGIN and COMMIT included"


def test_a_write_that_is_interrupted_inside_a_statement_leaves_nothing(tmp_path: Path, rows: SimpleNamespace) -> None:
    """SQLite stops in the middle of its work, at every 7th step of its machine."""
    store = _shelf(tmp_path / "store.db", rows)
    before = _state(store)
    twin = _shelf(tmp_path / "twin.db", rows)
    twin.write("", _batch(rows))
    whole = _state(twin)
    twin.close()
    given_up = 0
    for limit in range(1, 100_000, 7):
        steps = iter(range(limit))
        connection = store._connection()
        connection.set_progress_handler(lambda steps=steps: next(steps, None) is None, 1)
        try:
            store.write("", _batch(rows))
        except StoreError:
            given_up += store._local.held is None
            store._connection().set_progress_handler(None, 0)
            if _state(store) == whole:  # SQLite may tell of the interruption when its COMMIT is done
                break
            assert _state(store) == before
        else:
            connection.set_progress_handler(None, 0)
            break
    assert limit > 200
    assert given_up > 20, "a roll-back that is interrupted too ends by giving up the connection"
    assert _state(store) != before
    store.close()


def test_nothing_acknowledged_is_lost_by_kill_9() -> None:
    """Writers die in the middle of their work; every acknowledged unit is there, none is torn, numbers have no gap.

    The long form: `python benchmarks/crashes.py --rounds 200`.
    """
    script = ROOT / "benchmarks" / "crashes.py"
    done = subprocess.run(
        [sys.executable, str(script), "--rounds", "3", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    figures = json.loads(done.stdout)
    assert figures.pop("acknowledged") >= 3
    assert figures == {"rounds": 3, "lost": 0, "torn": 0, "number_gaps": 0, "damaged": 0}
