"""Files that cannot be used: a clear error with what to do, and nothing written."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

import itil4
from itil4 import Actor, InvalidInput, SchemaTooNew, SqliteStore, StoreError
from itil4.storage import Query

SAM = Actor("sam", roles={"service_desk"})


def log(itsm: itil4.ServiceManagement, summary: str = "Mail is down") -> itil4.Incident:
    return itsm.incidents.log(summary=summary, impact="high", urgency="low", by=SAM)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with one incident, closed."""
    path = tmp_path / "desk.db"
    with itil4.connect(SqliteStore(path)) as itsm:
        log(itsm)
    return path


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """The folder is the host's to make."""
    with pytest.raises(StoreError) as caught:
        itil4.connect(f"sqlite:///{tmp_path}/none/desk.db")
    assert "Check that the folder exists" in str(caught.value)
    with pytest.raises(StoreError):
        SqliteStore(tmp_path)


@pytest.mark.parametrize("name", ["", ":memory:"])
def test_a_path_that_is_no_file_is_refused(name: str) -> None:
    """SQLite would keep another database per thread under these names."""
    with pytest.raises(InvalidInput):
        SqliteStore(name)


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    """Whatever it is, it stays as it is."""
    path = tmp_path / "letter.txt"
    path.write_text("Dear all, " * 500)
    with pytest.raises(StoreError) as caught:
        SqliteStore(path)
    assert "restore a copy, or give another path" in str(caught.value)
    assert path.read_text() == "Dear all, " * 500


def test_the_database_of_something_else_is_refused_and_kept(tmp_path: Path) -> None:
    """No tables are added to a file that belongs to another program."""
    path = tmp_path / "books.db"
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE book (title)")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        SqliteStore(path)
    assert (caught.value.code, caught.value.detail["tables"]) == ("foreign_file", ("book",))
    assert path.read_bytes() == before


def test_a_later_layout_is_refused(path: Path) -> None:
    """An older library does not guess at newer tables."""
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version=99")
    raw.close()
    with pytest.raises(SchemaTooNew) as caught:
        itil4.connect(SqliteStore(path))
    assert "Upgrade" in str(caught.value)


def test_a_damaged_file_is_told(path: Path) -> None:
    """Pages that are overwritten are noticed when they are read, and named as damage."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    with pytest.raises(StoreError) as caught:
        itil4.connect(SqliteStore(path)).incidents.find()
    assert "damaged" in str(caught.value)


def test_a_truncated_file_is_told(path: Path) -> None:
    """So is a file of which only a part was copied."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(StoreError) as caught:
        itil4.connect(SqliteStore(path)).incidents.find(summary__contains="mail")
    assert "damaged" in str(caught.value)


def test_damage_in_the_middle_of_a_history_is_told(path: Path) -> None:
    """Rows are read as they are asked for, and the error of any of them is a StoreError."""
    with itil4.connect(SqliteStore(path)) as itsm:
        for number in range(300):
            itsm.incidents.comment("INC0000001", f"comment {number} " * 50, by=SAM)
    raw = sqlite3.connect(path)
    pages = [row[0] for row in raw.execute("SELECT pageno FROM dbstat WHERE name = 'entry'")] if _dbstat(raw) else []
    raw.close()
    with path.open("r+b") as file:
        for page in pages[5:] or range(60, path.stat().st_size // 4096 - 1):
            file.seek(4096 * (page - 1))
            file.write(b"\xa5" * 4096)
    with pytest.raises(StoreError) as caught, itil4.connect(SqliteStore(path)) as itsm:
        sum(1 for _ in itsm.house.store.history(""))
    assert "damaged" in str(caught.value)


def _dbstat(raw: sqlite3.Connection) -> bool:
    try:
        raw.execute("SELECT 1 FROM dbstat LIMIT 1")
    except sqlite3.Error:
        return False
    return True


def test_a_locked_file_is_told_after_the_timeout(path: Path) -> None:
    """Reading goes on meanwhile, and nothing of the write is kept."""
    other = sqlite3.connect(path, isolation_level=None)
    with itil4.connect(SqliteStore(path, timeout=0.1)) as itsm:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            log(itsm)
        assert "Another writer holds the file" in str(caught.value)
        assert itsm.incidents.count() == 1
        other.execute("ROLLBACK")
        assert log(itsm).number == "INC0000002"
    other.close()


READ_ONLY = """
import os, sys
import itil4
from itil4 import Actor, SqliteStore, StoreError
itil4.connect().incidents.log(summary="x", impact="high", urgency="low", by=Actor("sam"))  # all modules are loaded
os.setgid(65534); os.setuid(65534)
try:
    itsm = itil4.connect(SqliteStore(sys.argv[1]))
    itsm.incidents.log(summary="x", impact="high", urgency="low", by=Actor("sam"))
except StoreError as error:
    print(error)
"""


@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can become somebody without rights"
)
@pytest.mark.parametrize("folder", [0o555, 0o777])
def test_a_read_only_file_is_told(path: Path, folder: int) -> None:
    """For somebody who may read and not write, the file and its folder."""
    place = path.parent
    while place != place.parent and place.stat().st_uid == 0 and place.name.startswith(("pytest-", "test_")):
        place.chmod(0o755)
        place = place.parent
    path.chmod(0o444)
    path.parent.chmod(folder)
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "writable" in done.stdout or "read and written" in done.stdout, done
    assert path.read_bytes() == before


def test_a_full_disk_is_told_and_the_store_is_intact(path: Path) -> None:
    """SQLite is told that its file may not grow; what was there stays, and the store goes on when there is room."""
    with itil4.connect(SqliteStore(path)) as itsm:
        store = itsm.house.store
        assert isinstance(store, SqliteStore)
        connection = store._connection()
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(StoreError) as caught:
            _fill(itsm)
        assert "Free some space; the store is intact." in str(caught.value)
        there = itsm.incidents.count()
        for each in itsm.incidents.each():
            assert itsm.incidents.replayed(each) == each
        connection.execute("PRAGMA max_page_count=1073741823")
        assert log(itsm).number == f"INC{there + 1:07d}"


def _fill(itsm: itil4.ServiceManagement) -> None:
    for number in range(500):
        log(itsm, f"{number} " + "x" * 200)


FULL = """
import resource, signal, sys
import itil4
from itil4 import Actor, SqliteStore, StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
itsm = itil4.connect(SqliteStore(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
done = 0
try:
    while True:
        itsm.incidents.log(summary="x" * 200, impact="high", urgency="low", by=Actor("sam"))
        done += 1
except StoreError as error:
    print(done, error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="this system limits no file sizes")
def test_a_file_that_the_system_lets_grow_no_more_is_told(path: Path) -> None:
    """The error of the system, in the middle of a write; what was acknowledged is there afterwards."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    count, message = done.stdout.split(" ", 1)
    assert "The store could not write" in message
    with itil4.connect(SqliteStore(path)) as itsm:
        assert itsm.incidents.count() == int(count) + 1
        for each in itsm.incidents.each():
            assert itsm.incidents.replayed(each) == each


def test_history_and_identity_cannot_be_changed_with_plain_sql(path: Path) -> None:
    """Triggers refuse what the protocol has no words for (INV-118, INV-119)."""
    raw = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "DELETE FROM entry", "UPDATE entry SET by = 'eve'", "UPDATE entry SET details = '{}'", "DELETE FROM record",
        "UPDATE record SET created_at = 0", "UPDATE record SET id = 'x'", "UPDATE record SET number = 'INC9'",
    ):  # fmt: skip
        with pytest.raises(sqlite3.IntegrityError):
            raw.execute(statement)
    raw.close()


def test_the_file_is_found_again_after_a_change_of_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the folder of the moment when the store was opened, in every thread."""
    monkeypatch.chdir(tmp_path)
    with itil4.connect("sqlite:///desk.db") as itsm:
        log(itsm)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        counts: list[int] = []
        thread = threading.Thread(target=lambda: counts.append(itsm.incidents.count()))
        thread.start()
        thread.join()
    assert counts == [1]


def test_connections_end_with_their_threads(tmp_path: Path, rows: SimpleNamespace) -> None:
    """A server that starts a thread per request does not pile up open files."""
    store = SqliteStore(tmp_path / "store.db")
    store.migrate([rows.TICKET])
    for _ in range(30):
        thread = threading.Thread(target=lambda: store.count("", Query("ticket")))
        thread.start()
        thread.join()
    assert len(store._connections) <= 2
    store.close()
    copy = tmp_path / "copy.db"
    shutil.copy(tmp_path / "store.db", copy)
    assert not (tmp_path / "store.db-wal").exists(), "closing the last connection leaves one file"


def test_a_store_that_nobody_closes_leaves_no_warning(tmp_path: Path) -> None:
    """Its connections are closed when it goes, also one that was reading a history."""
    script = f"""
import itil4, gc
itsm = itil4.connect("sqlite:///{tmp_path}/desk.db")
itsm.incidents.log(summary="x", impact="high", urgency="low", by=itil4.Actor("sam"))
reading = itsm.house.store.history("")
next(reading)
del itsm, reading
gc.collect()
kept = itil4.connect("sqlite:///{tmp_path}/desk.db")
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_index_of_another_form_is_made_again(tmp_path: Path, rows: SimpleNamespace) -> None:
    """A kind whose extra field became one of its own is found by it; connecting again then writes nothing."""
    store = SqliteStore(tmp_path / "store.db")
    store.migrate([rows.TICKET._replace(indexed=(("deck",),))])
    raw = store._connection()
    raw.execute('DROP INDEX "record:ticket:deck"')
    raw.execute('CREATE INDEX "record:ticket:deck" ON record (tenant)')
    store.migrate([rows.TICKET._replace(indexed=(("deck",),))])
    text = raw.execute("SELECT sql FROM sqlite_master WHERE name = 'record:ticket:deck'").fetchone()[0]
    assert "json_extract" in text
    changes = raw.execute("PRAGMA data_version").fetchone(), raw.total_changes
    store.migrate([rows.TICKET._replace(indexed=(("deck",),))])
    assert changes == (raw.execute("PRAGMA data_version").fetchone(), raw.total_changes)
    store.close()
