# ruff: noqa: PT012 - what is raised is raised at the end of a block
"""Inside a transaction of the host: what is written there is the host's to commit, and to take back."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import itil4
from itil4 import Actor, InvalidInput, MemoryStore, Refused, SqliteStore, StaleRecord

sqlalchemy = pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")

SAM = Actor("sam", roles={"service_desk"})
_aliases = count()


class Host:
    """A host with a table of its own and a connection that it commits."""

    def __init__(self, itsm: Any, begin: Callable[[], Any], run: Callable[[Any, str], list[Any]]) -> None:
        self.itsm, self.begin, self.run = itsm, begin, run

    def orders(self) -> list[Any]:
        """Return what the host has committed."""
        with self.begin() as connection:
            return self.run(connection, "SELECT item FROM shop_order ORDER BY item")


def _cursor(connection: Any, text: str) -> list[Any]:
    with closing(connection.cursor()) as cursor:
        cursor.execute(text)
        return [row[0] for row in cursor.fetchall()] if cursor.description else []


def _alchemy(connection: Any, text: str) -> list[Any]:
    answer = connection.exec_driver_sql(text)
    return [row[0] for row in answer] if answer.returns_rows else []


@contextmanager
def _plain(made: Any) -> Iterator[Any]:
    """Commit a connection of a driver at the end of a block, or roll it back."""
    try:
        yield made
    except BaseException:
        made.rollback()
        raise
    else:
        made.commit()
    finally:
        made.close()


def _django(url: Any) -> tuple[Callable[[], Any], str]:
    """Return how a Django project begins a transaction on a database, and the alias that it has there."""
    django = pytest.importorskip("django", reason="Django is not installed")
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            INSTALLED_APPS=[], USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        )  # fmt: skip
        django.setup()
    from django.db import connections, transaction

    alias = f"desk{next(_aliases)}"
    engine = "postgresql" if url.drivername.startswith("postgresql") else "sqlite3"
    given = {"ENGINE": f"django.db.backends.{engine}", "NAME": url.database}
    if engine == "postgresql":
        given |= {"HOST": url.query["host"], "USER": url.username}
    known = connections.databases
    filled = connections.configure_settings({"default": dict(known["default"]), alias: given})
    known[alias] = filled[alias]

    @contextmanager
    def begin() -> Iterator[Any]:
        with transaction.atomic(using=alias):
            yield connections[alias]

    return begin, alias


WAYS = [
    "sqlite3", "sqlalchemy on SQLite", "Django on SQLite",
    "psycopg", "sqlalchemy on PostgreSQL", "Django on PostgreSQL",
]  # fmt: skip


@pytest.fixture(params=WAYS)
def host(request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any) -> Iterator[Host]:
    """A host in each of the ways, whose tables and ours are in one database."""
    way = request.param
    name = "postgres" if way.endswith("PostgreSQL") or way == "psycopg" else "sqlalchemy_sqlite"
    store = make_stores(name, request, tmp_path)()
    engine = store.engine
    end: Callable[[], Any] = lambda: None  # noqa: E731 - what Django alone needs
    begin: Callable[[], Any]
    run = _cursor
    if way.startswith("sqlalchemy"):
        own = sqlalchemy.create_engine(engine.url)
        begin, run, end = own.begin, _alchemy, own.dispose
    elif way.startswith("Django"):
        begin, alias = _django(engine.url)

        def end() -> None:
            from django.db import connections

            connections[alias].close()
            del connections[alias]
            del connections.databases[alias]
    elif way == "psycopg":
        import psycopg

        dsn = request.getfixturevalue("postgres").dsn
        begin = lambda: _plain(psycopg.connect(dsn))  # noqa: E731 - one of four forms of one thing
    else:
        begin = lambda: _plain(sqlite3.connect(engine.url.database))  # noqa: E731 - one of four forms of one thing
    with itil4.connect(store) as itsm:
        itsm.incidents.count()  # the indexes of its kind are made before a transaction holds the tables
        made = Host(itsm, begin, run)
        with begin() as connection:
            run(connection, "DROP TABLE IF EXISTS shop_order")
            run(connection, "CREATE TABLE shop_order (item VARCHAR(20) PRIMARY KEY)")
        yield made
        end()


def log(desk: Any, summary: str = "Mail is down", **more: Any) -> itil4.Incident:
    made: itil4.Incident = desk.incidents.log(summary=summary, impact="high", urgency="low", **more)
    return made


def test_what_is_written_is_committed_with_what_the_host_writes(host: Host) -> None:
    """One commit, the host's, makes both visible; numbers are given inside, and subscribers wait to be told."""
    heard: list[Any] = []
    host.itsm.subscribe(heard.append)
    with host.begin() as connection:
        host.run(connection, "INSERT INTO shop_order VALUES ('relay')")
        with host.itsm.join(connection, by=SAM) as unit:
            incident = log(unit)
            unit.incidents.assign(incident, to="sam")
        assert host.itsm.incidents.count() == 0
        assert not heard
    assert host.orders() == ["relay"]
    stored = host.itsm.incidents.get(incident.id)
    assert (stored.number, stored.state, stored.version) == ("INC0000001", "assigned", 2)
    unit.committed()
    unit.committed()
    assert [(entry.seq, entry.details.get("number")) for entry in heard] == [(1, "INC0000001"), (2, None)]


def test_a_rollback_of_the_host_takes_everything_back(host: Host) -> None:
    """Records, entries, links, keys and numbers: afterwards the next number is the one that was taken back."""
    with pytest.raises(ZeroDivisionError), host.begin() as connection:
        host.run(connection, "INSERT INTO shop_order VALUES ('relay')")
        with host.itsm.join(connection, by=SAM) as unit:
            parent, child = log(unit, once="k"), log(unit)
            unit.link(child, "child_of", parent)
        raise ZeroDivisionError
    assert host.orders() == []
    assert host.itsm.incidents.count() == 0
    assert list(host.itsm.house.store.history("")) == []
    made = log(host.itsm, once="k", by=SAM)
    assert made.number == "INC0000001"


def test_an_error_takes_back_the_block_and_nothing_of_the_host(host: Host) -> None:
    """The host's own writes, before and after, and those of other blocks stand; its transaction goes on."""
    with host.begin() as connection:
        host.run(connection, "INSERT INTO shop_order VALUES ('one')")
        with host.itsm.join(connection, by=SAM) as first:
            kept = log(first)
        with pytest.raises(Refused), host.itsm.join(connection, by=SAM) as second:
            log(second, "lost")
            second.incidents.fire(kept, "close")
        second.committed()
        host.run(connection, "INSERT INTO shop_order VALUES ('two')")
    assert host.orders() == ["one", "two"]
    assert [each.id for each in host.itsm.incidents.each()] == [kept.id]


def test_a_stale_record_is_told_inside_and_the_transaction_goes_on(host: Host) -> None:
    """Expected and found versions, and who was first, as everywhere; the host may go on or give up."""
    incident = log(host.itsm, by=SAM)
    moved = host.itsm.incidents.assign(incident, to="sam", by=Actor("eve", roles={"service_desk"}))
    with host.begin() as connection:
        with pytest.raises(StaleRecord) as caught, host.itsm.join(connection, by=SAM) as unit:
            unit.incidents.update(incident, summary="other")
        host.run(connection, "INSERT INTO shop_order VALUES ('one')")
    assert (caught.value.detail["expected"], caught.value.detail["found"]) == (1, 2)
    assert caught.value.detail["changed_by"] == "eve"
    assert host.orders() == ["one"]
    assert host.itsm.incidents.get(incident.id) == moved


def test_a_write_that_meets_a_taken_key_leaves_the_transaction_usable(host: Host) -> None:
    """The database refuses a key in the middle of the write; the savepoint takes that write back alone."""
    taken = log(host.itsm, by=SAM)
    with host.begin() as connection:
        with host.itsm.join(connection, by=SAM) as unit:
            row = unit.house.kinds["incident"].codec.row(taken, None, 0)
            from itil4.storage import Batch, Conflict

            entry = next(unit.house.store.history("", record_id=taken.id))
            with pytest.raises(Conflict) as caught:
                unit.house.store.write("", Batch(births=[(row, "INC")], entries=[entry]))
            assert (caught.value.what, caught.value.found) == ("id", taken.id)
            made = log(unit)
        host.run(connection, "INSERT INTO shop_order VALUES ('one')")
    assert host.itsm.incidents.get(made.id).number == "INC0000002"


def test_blocks_of_one_transaction_see_each_other(host: Host) -> None:
    """A second block finds, counts and changes what the first one wrote; nobody outside does."""
    with host.begin() as connection:
        with host.itsm.join(connection, by=SAM) as first:
            made = log(first)
        with host.itsm.join(connection, by=SAM) as second:
            assert second.incidents.count() == 1
            held = second.incidents.get("INC0000001")
            assert held.id == made.id
            assert len(second.incidents.history(held)) == 1
            assert len(list(second.incidents.histories())) == 1
            with second.unit() as inner:
                inner.incidents.assign(held, to="sam")
        assert host.itsm.incidents.count() == 0
    assert host.itsm.incidents.get("INC0000001").state == "assigned"


def test_a_unit_is_told_of_when_it_has_ended(host: Host) -> None:
    """Inside the block it is too early; after it, the block takes no more."""
    with host.begin() as connection:
        with host.itsm.join(connection, by=SAM) as unit:
            log(unit)
            with pytest.raises(InvalidInput) as caught:
                unit.committed()
            assert caught.value.code == "committed_early"
            with pytest.raises(InvalidInput):
                unit.retry(lambda desk: None)
            with pytest.raises(InvalidInput) as nested, unit.join(connection):
                pass
            assert nested.value.code == "join_in_unit"
        with pytest.raises(InvalidInput) as over:
            log(unit)
        assert over.value.code == "unit_over"


def test_a_kind_that_nobody_used_before_needs_no_change_of_tables_inside(host: Host) -> None:
    """Indexes are made outside of transactions of hosts; inside, kinds are read as they are."""
    with host.begin() as connection:
        host.run(connection, "INSERT INTO shop_order VALUES ('one')")
        with host.itsm.join(connection, by=SAM) as unit:
            problem = unit.problems.log(summary="Relay loses power", impact="high", urgency="low")
    assert host.itsm.problems.get(problem.id).number == "PRB0000001"


@pytest.mark.parametrize("name", ["sqlalchemy_sqlite", "postgres"])
def test_a_transaction_of_a_host_keeps_nobody_from_reading_a_kind_for_the_first_time(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any
) -> None:
    """An index cannot be made while the host's transaction writes, so the question goes without; later, it is made."""
    from itil4.storage import SqlAlchemyStore

    made = make_stores(name, request, tmp_path)()
    url, schema = made.engine.url.render_as_string(hide_password=False), made.names.schema
    itil4.connect(made).close()

    def indexes(store: Any) -> int:
        return len(store._read("look", store._there)[0])

    store = SqlAlchemyStore(url, schema=schema, timeout=0.1)
    with itil4.connect(store) as itsm:
        before = indexes(store)
        with store.engine.begin() as connection:
            with itsm.join(connection, by=SAM) as unit:
                incident = log(unit)
            assert itsm.incidents.count() == 0
            assert indexes(store) == before
        assert itsm.incidents.find(state="new").items[0].id == incident.id
    again = SqlAlchemyStore(url, schema=schema)
    with itil4.connect(again) as itsm:
        assert itsm.incidents.count() == 1
        assert indexes(again) > before


def test_django_tells_subscribers_on_commit(request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any) -> None:
    """`transaction.on_commit(unit.committed)` tells of what was committed, and of nothing that was rolled back."""
    store = make_stores("sqlalchemy_sqlite", request, tmp_path)()
    begin, alias = _django(store.engine.url)
    from django.db import connections, transaction

    heard: list[str] = []
    with itil4.connect(store) as itsm:
        itsm.subscribe(lambda entry: heard.append(entry.details["number"]))
        with begin() as connection, itsm.join(connection, by=SAM) as unit:
            transaction.on_commit(unit.committed, using=alias)
            log(unit)
            assert heard == []
        assert heard == ["INC0000001"]
        with pytest.raises(ZeroDivisionError), begin() as connection:
            with itsm.join(connection, by=SAM) as unit:
                log(unit)
            transaction.on_commit(unit.committed, using=alias)
            raise ZeroDivisionError
        assert heard == ["INC0000001"]
        connections[alias].close()
        del connections[alias]
        del connections.databases[alias]


def test_what_cannot_be_joined_is_refused(request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any) -> None:
    """No transaction, no connection, another database, or a store without tables of a host."""
    store = make_stores("sqlalchemy_sqlite", request, tmp_path)()

    def code(itsm: Any, connection: Any) -> str:
        with pytest.raises(InvalidInput) as caught, itsm.join(connection, by=SAM):
            pass
        return caught.value.code

    with itil4.connect(store) as itsm:
        free = sqlite3.connect(tmp_path / "0.db", isolation_level=None)
        assert code(itsm, free) == "join_no_transaction"
        assert code(itsm, "desk.db") == "join_what"
        for own in (MemoryStore(), SqliteStore(tmp_path / "own.db")):
            with itil4.connect(own) as other:
                assert code(other, free) == "join_nothing"
        free.close()
        alias = _django(store.engine.url)[1]
        from django.db import connections

        assert code(itsm, connections[alias]) == "join_no_transaction"
        connections[alias].close()
        del connections[alias]
        del connections.databases[alias]


def test_a_connection_to_another_database_is_refused(
    postgres: Any, tmp_path: Path, make_stores: Any, request: pytest.FixtureRequest
) -> None:
    """A store on SQLite cannot write through PostgreSQL; a connection that commits each statement holds nothing."""
    import psycopg

    with itil4.connect(make_stores("sqlalchemy_sqlite", request, tmp_path)()) as itsm:
        with psycopg.connect(postgres.dsn) as raw, pytest.raises(InvalidInput) as caught, itsm.join(raw, by=SAM):
            pass
        assert caught.value.code == "join_elsewhere"
    with itil4.connect(make_stores("postgres", request, tmp_path)()) as itsm:
        with psycopg.connect(postgres.dsn, autocommit=True) as raw:
            with pytest.raises(InvalidInput) as free, itsm.join(raw, by=SAM):
                pass
            assert free.value.code == "join_no_transaction"
            with raw.transaction(), itsm.join(raw, by=SAM) as unit:
                made = log(unit)
        assert itsm.incidents.get(made.id).number == "INC0000001"
