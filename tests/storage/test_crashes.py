"""SQLite stopped in the middle of a statement, and killed writers through the public door.

Faults at every statement are part of the shipped contract, which `test_contract.py` runs.
"""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from itil4.errors import StoreError
from itil4.storage.sqlite import SqliteStore
from itil4.testing.store_faults import batch
from itil4.testing.store_rows import everything

ROOT = Path(__file__).parents[2]


def _shelf(path: Path, rows: SimpleNamespace) -> SqliteStore:
    store = SqliteStore(path)
    store.migrate([rows.TICKET])
    store.write("", rows.births(rows.record("a"), rows.record("b"), links=[rows.link("a", "r", "b")]))
    return store


def test_a_write_that_is_interrupted_inside_a_statement_leaves_nothing(tmp_path: Path, rows: SimpleNamespace) -> None:
    """SQLite stops in the middle of its work, at every 7th step of its machine."""
    store = _shelf(tmp_path / "store.db", rows)
    before = everything(store)
    twin = _shelf(tmp_path / "twin.db", rows)
    twin.write("", batch())
    whole = everything(twin)
    twin.close()
    given_up = 0
    for limit in range(1, 100_000, 7):
        steps = iter(range(limit))
        connection = store._connection()
        connection.set_progress_handler(lambda steps=steps: next(steps, None) is None, 1)
        try:
            store.write("", batch())
        except StoreError:
            given_up += store._local.held is None
            store._connection().set_progress_handler(None, 0)
            if everything(store) == whole:  # SQLite may tell of the interruption when its COMMIT is done
                break
            assert everything(store) == before
        else:
            connection.set_progress_handler(None, 0)
            break
    assert limit > 200
    assert given_up > 20, "a roll-back that is interrupted too ends by giving up the connection"
    assert everything(store) != before
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
