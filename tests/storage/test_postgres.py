"""What only a server can do to a store: refuse, deadlock, restart, die; and what its tables look like to others."""

import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import itil4
from itil4 import Actor, InvalidInput, MemoryStore, SchemaTooNew, StaleRecord, StoreError
from itil4.storage import Batch, Compare, Conflict, Query, ddl
from itil4.storage.projections import DueRow, Projected
from itil4.storage.tables import LAYOUT

sqlalchemy = pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")

SAM = Actor("sam", roles={"service_desk"})
ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(postgres_stores: Callable[[], Any], rows: SimpleNamespace) -> Iterator[Any]:
    made = postgres_stores()
    made.migrate([rows.TICKET])
    yield made
    made.close()


def raw(store: Any) -> Any:
    """Return a connection of the driver to the tables of a store."""
    import psycopg

    url = store.engine.url
    made = psycopg.connect(host=url.query["host"], user=url.username, dbname=url.database, autocommit=True)
    made.execute(f'SET search_path TO "{store.names.schema}"')
    return made


def log(itsm: Any, **more: Any) -> Any:
    return itsm.incidents.log(summary="Mail is down", impact="high", urgency="low", by=SAM, **more)


# what the database itself refuses


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE itil4_entry SET details = '{}'",
        "UPDATE itil4_entry SET seq = seq + 1",
        "DELETE FROM itil4_entry",
        "TRUNCATE itil4_entry",
        "DELETE FROM itil4_record",
        "TRUNCATE itil4_record",
        "UPDATE itil4_record SET created_by = 'eve'",
        "UPDATE itil4_record SET number = 'X'",
        "UPDATE itil4_record SET id = 'b'",
    ],
)
def test_plain_sql_can_neither_change_history_nor_remove_records(
    store: Any, rows: SimpleNamespace, statement: str
) -> None:
    """INV-119: what the protocol has no words for, whoever has a password may not do either."""
    import psycopg

    store.write("", rows.births(rows.record("a")))
    with raw(store) as other, pytest.raises(psycopg.Error):
        other.execute(statement)
    assert len(list(store.history(""))) == 1


def test_the_tables_order_text_by_code_point_whatever_the_database_does(store: Any, rows: SimpleNamespace) -> None:
    """The server of these tests orders as English dictionaries do; the tables do not."""
    texts = ["a", "B", "b", "A", "é", "z", "_", "10", "9"]
    store.write("", rows.births(*(rows.record(f"r{place}", group=text) for place, text in enumerate(texts))))
    found = store.find("", Query("ticket", order=(("group", False),)))
    assert [json.loads(row.body)["group"] for row in found] == sorted(texts)
    with raw(store) as other:
        assert other.execute("SELECT 'a' < 'B'").fetchone() == (True,)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (Query("ticket", order=(("priority", False),), limit=50), "ticket_priority"),
        (Query("ticket", order=(("priority", True),), limit=50), "ticket_priority"),
        (Query("ticket", order=(("priority", False),), limit=50, after=(2, "r00999")), "ticket_priority"),
        (Query("ticket", Compare("group", "eq", "g7")), "ticket_group"),
        (Query("ticket", Compare("extra.deck", "eq", "A"), (("extra.deck", False),), 50), "ticket_extra_deck"),
        (Query("ticket", order=(("created_at", True),), limit=50), "record_created"),
        (Query("ticket", Compare("number", "eq", "TIC0000007")), "record_number"),
    ],
)
def test_questions_are_answered_from_an_index(
    postgres: Any, rows: SimpleNamespace, query: Query, index: str, shelf: Any
) -> None:
    """A page is a walk along the index of its field; nothing is sorted and nothing is passed over."""
    text, values = shelf._ask.select("", query)
    with raw(shelf) as other:
        plan = "\n".join(row[0] for row in other.execute(f"EXPLAIN {text}", values))
    assert index in plan, plan
    assert "Seq Scan" not in plan, plan


@pytest.fixture(scope="module")
def shelf(postgres: Any, rows: SimpleNamespace, make_stores: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A store with 3,000 tickets."""
    made = make_stores("postgres", request, Path())()
    made.migrate([rows.TICKET])
    many = [
        rows.record(
            f"r{place:05}", priority=place % 4 or None, group=f"g{place % 100}", extra={"deck": "ABC"[place % 3]}
        )
        for place in range(3_000)
    ]
    made.write("", rows.births(*many))
    with raw(made) as other:
        other.execute("ANALYZE itil4_record")
    yield made
    made.close()


# others at the same time


def test_a_fact_that_is_moving_is_waited_for(store: Any, rows: SimpleNamespace) -> None:
    """A batch that rests on a record which another transaction is changing waits, and meets the new version."""
    store.write("", rows.births(rows.record("a"), rows.record("b")))
    with raw(store) as other:
        other.execute("BEGIN")
        other.execute("UPDATE itil4_record SET version = 2 WHERE id = 'a'")
        caught: list[Any] = []

        def work() -> None:
            try:
                store.write("", rows.births(rows.record("c"), checks={"a": (1, 0)}))
            except Conflict as conflict:
                caught.append((conflict.what, conflict.expected, conflict.found))

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.2)
        assert thread.is_alive()
        other.execute("COMMIT")
        thread.join()
    assert caught == [("version", 1, 2)]
    assert store.load("", ["c"]) == []


def test_a_wait_that_takes_too_long_is_a_stale_record(postgres: Any, store: Any) -> None:
    """Who cannot get a lock in time is told so as one whom others preceded, and may try again."""
    from itil4.storage import SqlAlchemyStore

    hasty = SqlAlchemyStore(postgres.url, schema=store.names.schema, timeout=0.1)
    with itil4.connect(hasty) as itsm:
        incident = log(itsm)
        with raw(store) as other:
            other.execute("BEGIN")
            other.execute("SELECT 1 FROM itil4_record FOR UPDATE")
            with pytest.raises(StaleRecord) as caught:
                itsm.incidents.assign(incident, to="sam", by=SAM)
            assert caught.value.code == "contended"
            assert (caught.value.detail["expected"], caught.value.detail["found"]) == (1, 1)
            other.execute("ROLLBACK")
        assert itsm.incidents.assign(incident, to="sam", by=SAM).version == 2


def test_tables_that_are_being_changed_are_a_store_error_for_readers(postgres: Any, store: Any) -> None:
    """Reads wait for nobody but for who changes the tables themselves; when that takes too long, they say so."""
    from itil4.storage import SqlAlchemyStore

    hasty = SqlAlchemyStore(postgres.url, schema=store.names.schema, timeout=0.1)
    with itil4.connect(hasty) as itsm:
        incident = log(itsm)
        with raw(store) as other:
            other.execute("BEGIN")
            other.execute("LOCK TABLE itil4_record, itil4_entry IN ACCESS EXCLUSIVE MODE")
            for read in (lambda: itsm.incidents.get(incident.id), lambda: list(itsm.incidents.histories())):
                with pytest.raises(StoreError) as caught:
                    read()
                assert caught.value.code == "store_failed"
            other.execute("ROLLBACK")
        assert itsm.incidents.get(incident.id).version == 1


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_no_update_is_lost_at_any_isolation_of_a_host(postgres: Any, store: Any, level: str) -> None:
    """An engine of the host keeps its isolation; what the database gives up is tried again, or stale."""
    from itil4.storage import SqlAlchemyStore

    engine = sqlalchemy.create_engine(postgres.url, isolation_level=level)
    with itil4.connect(SqlAlchemyStore(engine, schema=store.names.schema)) as itsm:
        incident, failed = log(itsm), []

        def add(desk: Any) -> None:
            held = desk.incidents.get(incident.id)
            desk.incidents.update(held, rank=(held.rank or 0) + 1)

        def work() -> None:
            try:
                for _ in range(10):
                    itsm.retry(add, attempts=100, by=SAM)
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert not failed
        assert itsm.incidents.get(incident.id).rank == 40
    engine.dispose()


def test_batches_that_lock_each_other_out_give_way_and_lose_nothing(store: Any, rows: SimpleNamespace) -> None:
    """Threads that change pairs of records in every order: each change is made once, or is a conflict."""
    names = "abcd"
    store.write("", rows.births(*map(rows.record, names)))
    won, failed = [], []

    def work(mine: int) -> None:
        try:
            for turn in range(30):
                first, second = names[(mine + turn) % 4], names[(mine * 3 + turn * 2 + 1) % 4]
                pair = dict.fromkeys((first, second))
                held = {row.id: row for row in store.load("", list(pair))}
                batch = Batch(checks={names[turn % 4]: (store.load("", [names[turn % 4]])[0].version, 0)})
                for each in pair:
                    version = held[each].version + 1
                    batch.updates.append((rows.record(each, version=version), version - 1))
                    batch.entries.append(rows.entry(each, version))
                try:
                    store.write("", batch)
                except Conflict as conflict:
                    if conflict.what != "version":
                        raise
                else:
                    won.extend(pair)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failed
    for name in names:
        assert store.load("", [name])[0].version == 1 + won.count(name)
        assert len(list(store.history("", record_id=name))) == 1 + won.count(name)


WORKER = """
import sys, itil4
from itil4 import Actor
from itil4.storage import SqlAlchemyStore
url, schema, name, what, count, target = sys.argv[1:]
sam = Actor(name, roles={"service_desk"})
itsm = itil4.connect(SqlAlchemyStore(url, schema=schema or None))
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
for _ in range(int(count)):
    if what == "log":
        itsm.incidents.log(summary=name, impact="high", urgency="low", by=sam)
    else:
        def add(desk):
            held = desk.incidents.get(target)
            desk.incidents.update(held, rank=(held.rank or 0) + 1)
        itsm.retry(add, attempts=1_000, by=sam)
itsm.close()
"""


def _processes(store: Any, what: str, total: int, target: str = "", workers: int = 3) -> None:
    url = store.engine.url.render_as_string(hide_password=False)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, url, store.names.schema or "", f"w{place}", what, str(total), target],
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


@pytest.mark.parametrize("name", ["postgres", "sqlalchemy_sqlite"])
def test_processes_that_open_an_empty_database_at_once_all_get_it(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any
) -> None:
    """Making tables and indexes is safe from several processes; numbers have no gap."""
    made = make_stores(name, request, tmp_path)()
    _processes(made, "log", 15, workers=4)
    with itil4.connect(made) as itsm:
        assert sorted(each.number or "" for each in itsm.incidents.each()) == [
            f"INC{number:07d}" for number in range(1, 61)
        ]


@pytest.mark.parametrize("name", ["postgres", "sqlalchemy_sqlite"])
def test_processes_lose_no_update(name: str, request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any) -> None:
    """Each of three processes adds 20 to one field of one record: it ends at 60."""
    made = make_stores(name, request, tmp_path)()
    with itil4.connect(made) as itsm:
        incident = log(itsm)
        _processes(made, "update", 20, incident.id)
        now = itsm.incidents.get(incident.id)
        assert (now.rank, now.version) == (60, 61)
        assert itsm.incidents.replayed(now) == now


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("name", ["postgres", "sqlalchemy_sqlite"])
def test_a_forked_child_has_a_pool_of_its_own(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any
) -> None:
    """The child writes, closes and ends in order; the parent's connections, one of them reading, go on."""
    made = make_stores(name, request, tmp_path)()
    url = made.engine.url.render_as_string(hide_password=False)
    script = f"""
import os, sys, itil4
from itil4 import Actor
from itil4.storage import SqlAlchemyStore
sam = Actor("sam", roles={{"service_desk"}})
itsm = itil4.connect(SqlAlchemyStore({url!r}, schema={made.names.schema!r}))
made = [itsm.incidents.log(summary=str(n), impact="high", urgency="low", by=sam) for n in range(5)]
reading = itsm.incidents.histories()
next(reading)
child = os.fork()
if child == 0:
    itsm.incidents.update(made[0], summary="child", by=sam)
    itsm.close()
    sys.exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert len(list(reading)) == 4
assert itsm.incidents.get(made[0].id).summary == "child"
itsm.incidents.update(made[1], summary="parent", by=sam)
itsm.close()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    made.close()
    assert (done.returncode, done.stderr) == (0, "")


# a server that goes and comes


def test_a_server_that_restarts_is_found_again(postgres: Any, store: Any, rows: SimpleNamespace) -> None:
    """Connections that the pool holds are gone then; the next call takes a new one, reading or writing."""
    store.write("", rows.births(rows.record("a")))
    postgres.restart()
    assert len(store.load("", ["a"])) == 1
    postgres.restart()
    assert store.write("", rows.births(rows.record("b"))) == {"b": "TIC0000002"}


def test_a_server_that_is_away_is_a_store_error(postgres: Any, store: Any, rows: SimpleNamespace) -> None:
    """The error says what to look at; afterwards everything goes on."""
    store.write("", rows.births(rows.record("a")))
    postgres.stop()
    try:
        for call in (lambda: store.load("", ["a"]), lambda: store.write("", rows.births(rows.record("b")))):
            with pytest.raises(StoreError) as caught:
                call()
            assert caught.value.code == "store_failed"
            assert "can be reached" in str(caught.value)
    finally:
        postgres.start()
    assert store.write("", rows.births(rows.record("b"))) == {"b": "TIC0000002"}


def test_a_connection_that_breaks_while_it_commits_leaves_the_outcome_open(store: Any, rows: SimpleNamespace) -> None:
    """Nobody can know then; the error says so, and does not claim that nothing was written."""

    class Breaking:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def commit(self) -> None:
            self._inner.close()
            raise self._inner.OperationalError("server closed the connection unexpectedly")

    class Held:
        def __init__(self, inner: Any) -> None:
            self.driver_connection = Breaking(inner.driver_connection)
            self.close, self.rollback = inner.close, inner.rollback

    inner = store.engine.raw_connection
    store.engine.raw_connection = lambda: Held(inner())
    with pytest.raises(StoreError) as caught:
        store.write("", rows.births(rows.record("a")))
    assert caught.value.code == "commit_unknown"
    store.engine.raw_connection = inner
    assert store.load("", ["a"]) == []


# tables of a host


@pytest.mark.parametrize("name", ["postgres", "sqlalchemy_sqlite"])
@pytest.mark.parametrize("way", ["ddl", "metadata"])
def test_tables_that_a_host_makes_are_the_ones_that_a_store_makes(
    name: str, way: str, request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any, rows: SimpleNamespace
) -> None:
    """A store opens on them, makes nothing, and does its work; schema and prefix are the host's."""
    from itil4.storage import SqlAlchemyStore, metadata

    bare = make_stores(name, request, tmp_path)()
    dialect = bare.engine.dialect.name
    given = {"schema": bare.names.schema, "prefix": "desk_", "kinds": [rows.TICKET]}
    engine = sqlalchemy.create_engine(bare.engine.url)
    with pytest.raises(StoreError) as missing:
        SqlAlchemyStore(engine, schema=bare.names.schema, prefix="desk_", owned_by_host=True).migrate(())
    assert missing.value.code == "tables_missing"
    if way == "metadata":
        metadata(dialect, **given).create_all(engine)
    else:
        with engine.begin() as connection:
            for statement in ddl(dialect, **given):
                connection.exec_driver_sql(statement)
    owned = SqlAlchemyStore(engine, schema=bare.names.schema, prefix="desk_", owned_by_host=True)
    before = owned._read("look", owned._there)
    owned.migrate([rows.TICKET])
    SqlAlchemyStore(engine, schema=bare.names.schema, prefix="desk_").migrate([rows.TICKET])
    assert owned._read("look", owned._there) == before
    assert owned.write("", rows.births(rows.record("a", group="Ärger"))) == {"a": "TIC0000001"}
    assert [row.id for row in owned.find("", Query("ticket", Compare("group", "contains", "ÄRG")))] == ["a"]
    engine.dispose()
    bare.close()


@pytest.mark.parametrize("name", ["postgres", "sqlalchemy_sqlite"])
def test_alembic_finds_nothing_to_change(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any, rows: SimpleNamespace
) -> None:
    """A migration that runs the statements of `ddl` leaves no difference to `metadata`.

    Indexes over expressions are left out, which Alembic cannot compare.
    """
    migration = pytest.importorskip("alembic.migration", reason="Alembic is not installed")
    from alembic.autogenerate import compare_metadata
    from alembic.operations import Operations

    from itil4.storage import metadata

    bare = make_stores(name, request, tmp_path)()
    dialect, schema = bare.engine.dialect.name, bare.names.schema
    engine = sqlalchemy.create_engine(bare.engine.url)
    with engine.begin() as connection:
        given = {
            "include_schemas": True,
            "include_name": lambda name, kind, _: kind != "schema" or name == schema,
            "include_object": lambda _, name, kind, *__: kind != "index" or not name.startswith("itil4_ticket"),
        }
        context = migration.MigrationContext.configure(connection, opts=given)
        for statement in ddl(dialect, schema=schema, kinds=[rows.TICKET]):
            Operations(context).get_bind().exec_driver_sql(statement)
        wanted = metadata(dialect, schema=schema, kinds=[rows.TICKET])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*(expression|reflect|Computed).*")  # what it cannot compare
            assert compare_metadata(context, wanted) == []
    engine.dispose()
    bare.close()


def test_a_later_layout_is_refused(store: Any, rows: SimpleNamespace) -> None:
    """An older library leaves the tables of a newer one alone."""
    with raw(store) as other:
        other.execute("UPDATE itil4_layout SET layout = %s", (LAYOUT + 1,))
    with pytest.raises(SchemaTooNew):
        store.migrate([rows.TICKET])


@pytest.mark.parametrize("given", [{"prefix": 'x"; DROP'}, {"schema": "a.b"}, {"prefix": "x" * 31}])
def test_names_of_tables_are_plain(given: dict[str, str]) -> None:
    """Nothing that would have to be quoted gets into a statement."""
    with pytest.raises(InvalidInput):
        ddl("postgresql", **given)  # type: ignore[arg-type]  # each case gives one of two texts
    with pytest.raises(InvalidInput):
        ddl("oracle")


# due times

_tenants = count()
_DUE = st.builds(
    DueRow,
    st.sampled_from("abc"), st.sampled_from(["clock", "timer", "notice", "mark"]), st.sampled_from(["x", "Y", "é"]),
    st.just("ticket"), st.none() | st.integers(0, 5), st.none() | st.integers(0, 5), st.none() | st.integers(0, 5),
    st.just("r"), st.sampled_from(["s1", "s2"]), st.integers(1, 2), st.sampled_from(["", "text"]),
)  # fmt: skip


@pytest.mark.parametrize("name", ["sqlite", "sqlalchemy_sqlite", "postgres"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    work=st.lists(
        st.tuples(st.sampled_from(["project", "mark", "settle"]), st.lists(_DUE, min_size=1, max_size=4)), max_size=5
    )
)
def test_due_times_are_the_same_in_every_store(
    name: str, work: Any, rows: SimpleNamespace, due_stores: dict[str, Any]
) -> None:
    """INV-124: whatever is projected, marked and settled, every question about it has the same answer."""
    tenant = f"t{next(_tenants)}"
    stores = [MemoryStore(), due_stores[name]]
    for each in stores:
        each.write(tenant, rows.births(*map(rows.record, "abc")))
        for what, lines in work:
            if what == "project":
                by = {row.record_id: row for row in lines}
                each.project(tenant, [(row.version, Projected(row.record_id, (row,))) for row in by.values()])
            elif what == "mark":
                for row in lines:
                    each.mark(tenant, row)
            else:
                each.settle(tenant, lines)
    for question in (
        lambda store: sorted(store.due_between(tenant, 1, 4), key=repr),
        lambda store: [row.due_at for row in store.due_between(tenant, 0, 9, 3)],
        lambda store: store.falling(tenant, 3),
        lambda store: store.falling(tenant, 9, (2, "b", "clock", "x"), 2),
        lambda store: sorted(store.due_of(tenant, "a")),
        lambda store: store.differing(tenant, "s1"),
        lambda store: store.differing(tenant, "s2", "a", 1),
    ):
        assert question(stores[1]) == question(stores[0])


@pytest.fixture(scope="module")
def due_stores(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, make_stores: Any, rows: SimpleNamespace
) -> Iterator[dict[str, Any]]:
    made = {}
    for name in ("sqlite", "sqlalchemy_sqlite", "postgres"):
        made[name] = make_stores(name, request, tmp_path_factory.mktemp("due"))()
        made[name].migrate([rows.TICKET])
    yield made
    for store in made.values():
        store.close()
