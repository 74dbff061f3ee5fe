"""Threads and processes at once: nothing is lost, doubled or torn."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import itil4
from itil4 import Actor, Refused, SqliteStore, StaleRecord
from itil4.record import Relation
from itil4.testing.store_base import together

SAM = Actor("sam", roles={"service_desk"})
ROOT = Path(__file__).parents[2]


STORES = ["memory", "sqlite", "sqlalchemy_sqlite", "postgres", *(["mariadb"] if "ITIL4_MARIADB" in os.environ else [])]


@pytest.fixture(params=STORES)
def itsm(request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any) -> Iterator[itil4.ServiceManagement]:
    with itil4.connect(make_stores(request.param, request, tmp_path)()) as made:
        yield made


def log(itsm: Any, **values: Any) -> Any:
    return itsm.incidents.log(summary="Mail is down", impact="high", urgency="low", by=SAM, **values)


def test_one_key_from_many_threads_is_one_record_and_one_result(itsm: itil4.ServiceManagement) -> None:
    """A retried birth or step, however it races, happens once; everybody gets what the first one got."""
    for turn in range(15):
        made = together(*[lambda turn=turn: log(itsm, once=f"log{turn}")] * 4)
        assert made == [made[0]] * 4
        assert itsm.incidents.count() == turn + 1
        steps = together(
            *[lambda made=made, turn=turn: itsm.incidents.assign(made[0], to="sam", by=SAM, once=f"assign{turn}")] * 4
        )
        assert steps == [steps[0]] * 4
        assert steps[0].version == 2
        assert len(itsm.incidents.history(made[0])) == 2


def test_two_links_that_would_close_a_circle_never_both_succeed(itsm: itil4.ServiceManagement) -> None:
    """INV-123: acyclic holds also where two units race, over one step or over several."""
    for length in (2, 3):
        for _ in range(10):
            ring = [log(itsm) for _ in range(length)]
            for child, parent in pairwise(ring[1:]):
                itsm.link(child.id, "child_of", parent.id, by=SAM)
            first, second, last = ring[0].id, ring[1].id, ring[-1].id
            results = together(
                lambda first=first, second=second: itsm.link(first, "child_of", second, by=SAM),
                lambda first=first, last=last: itsm.link(last, "child_of", first, by=SAM),
            )
            failed = [each for each in results if isinstance(each, Exception)]
            assert len(failed) == 1
            assert isinstance(failed[0], (StaleRecord, Refused)), failed
            links = [link.target for each in ring for link in itsm.incidents.links(each) if link.relation == "child_of"]
            assert len(links) == length - 1


def test_a_single_link_stays_single(itsm: itil4.ServiceManagement) -> None:
    """Two parents offered at once: one is taken."""
    for _ in range(15):
        child, *parents = (log(itsm) for _ in range(3))
        results = together(
            *(
                lambda child=child, parent=parent: itsm.link(child.id, "child_of", parent.id, by=SAM)
                for parent in parents
            )
        )
        assert sum(isinstance(each, (StaleRecord, Refused)) for each in results) == 1
        assert len(itsm.incidents.links(child)) == 1


def test_a_relation_that_reads_the_same_both_ways_is_linked_once(itsm: itil4.ServiceManagement) -> None:
    """Two people link one pair, each from the other end: one link is made."""
    one, other = log(itsm), log(itsm)
    unit = itsm.unit(by=SAM)
    unit.__enter__().link(one.id, "relates_to", other.id)
    itsm.link(other.id, "relates_to", one.id, by=SAM)
    with pytest.raises(StaleRecord):
        unit.__exit__(None, None, None)
    assert len(itsm.incidents.links(one.id)) == 1


def test_a_cascade_sees_every_child_or_none_of_its_work_is_kept(itsm: itil4.ServiceManagement) -> None:
    """The children are a fact of the parent's step: one that is linked meanwhile makes the step stale."""
    relation = next(each for each in itsm.house.relations if each.name == "child_of")
    assert isinstance(relation, Relation)
    for _ in range(15):
        parent, child = log(itsm), log(itsm)
        results = together(
            lambda parent=parent: itsm.incidents.resolve(parent.id, resolution="done", by=SAM),
            lambda parent=parent, child=child: itsm.link(child.id, "child_of", parent.id, by=SAM),
        )
        stale = [isinstance(each, StaleRecord) for each in results]
        assert not [each for each in results if isinstance(each, Exception) and not isinstance(each, StaleRecord)]
        parent_entries = itsm.incidents.history(parent)
        if not stale[0] and not stale[1]:
            resolved = itsm.incidents.get(child).state == "resolved"
            born_first = parent_entries[-1].recorded_at
            link = itsm.incidents.links(child)[0]
            assert resolved or link.at >= born_first or parent_entries[-1].details.get("skipped")


WORKER = """
import sys, itil4
from itil4 import Actor, SqliteStore
path, name, count = sys.argv[1:]
itsm = itil4.connect(SqliteStore(path))
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
for _ in range(int(count)):
    itsm.incidents.log(summary=name, impact="high", urgency="low", by=Actor(name, roles={"service_desk"}))
itsm.close()
"""


def _log_in_processes(path: Path, count: int, workers: int) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path), f"w{place}", str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for place in range(workers)
    ]  # fmt: skip
    for each in running:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in running:  # only now, so that all of them are at it together
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in running:
        each.communicate(timeout=120)
        assert each.returncode == 0


def test_processes_that_open_a_fresh_file_at_once_all_get_it(tmp_path: Path) -> None:
    """Making the file, its tables and its indexes is safe from several processes; numbers have no gap."""
    path = tmp_path / "desk.db"
    _log_in_processes(path, 20, workers=4)
    with itil4.connect(SqliteStore(path)) as itsm:
        numbers = sorted(each.number or "" for each in itsm.incidents.each())
        assert numbers == [f"INC{number:07d}" for number in range(1, 81)]
        for each in itsm.incidents.each():
            assert itsm.incidents.replayed(each) == each


def test_processes_lose_no_update() -> None:
    """Whoever reads, changes and tries again when it was stale gets each of its updates in, and nobody else's out.

    The long form: `python benchmarks/lost_updates.py --processes 8 --updates 2000`.
    """
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "lost_updates.py"), "--processes", "3", "--updates", "91", "--json"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    figures = json.loads(done.stdout)
    assert (figures["processes"], figures["acknowledged"]) == (3, 91)
    assert {name: figures[name] for name in ("lost", "missing", "doubled", "torn")} == dict.fromkeys(
        ("lost", "missing", "doubled", "torn"), 0
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_connections_of_its_own(tmp_path: Path) -> None:
    """The child writes and closes; the parent's connections, one of them in the middle of reading, go on."""
    script = f"""
import os, sys, itil4, sqlite3
from itil4 import Actor, SqliteStore
from itil4.storage import sqlite as room
sam = Actor("sam", roles={{"service_desk"}})
store = SqliteStore({str(tmp_path / "desk.db")!r})
itsm = itil4.connect(store)
made = [itsm.incidents.log(summary=str(n), impact="high", urgency="low", by=sam) for n in range(5)]
reading = itsm.incidents.histories()
next(reading)
store._lock.acquire()                       # as another thread may hold it at the moment of the fork
own = store._local.held
child = os.fork()
if child == 0:
    assert store._local.__dict__ == {{}} and len(store._connections) == 0
    itsm.incidents.update(made[0], summary="child", by=sam)
    assert store._local.held is not own
    own.close()
    own.connection.total_changes            # raises where the connection is closed; touches no file
    del reading, own
    itsm.close()
    sys.exit(0)                             # with the clean-up of an ordinary end
store._lock.release()
_, status = os.waitpid(child, 0)
assert status == 0, status
assert len(list(reading)) == 4
assert itsm.incidents.get(made[0].id).summary == "child"
itsm.incidents.update(made[1], summary="parent", by=sam)
assert os.path.exists({str(tmp_path / "desk.db-wal")!r}), "the child removed the log that the parent uses"
itsm.close()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
