"""A private PostgreSQL server for the tests, and stores on databases; `tests/storage/conftest.py` brings them.

The server lives in a temporary folder, listens on a socket there and nowhere else, and ends with the tests. Where
there is no PostgreSQL, the tests that need it are skipped; where `ITIL4_DATABASES=required` is set, they fail.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest


def binaries() -> Path | None:
    """Return the folder with PostgreSQL's programs, or None where there is none."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    return Path(found).parent if found else next(iter(folders), None)


class Server:
    """A PostgreSQL server of its own, run by somebody else than root, on a socket in its folder."""

    def __init__(self, *, durable: bool = False) -> None:
        found = binaries()
        assert found is not None
        self.bin = found
        self.durable = durable
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            names = {each.pw_name for each in pwd.getpwall()}
            user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        version = int(self._run("initdb", "--version").split()[2].split(".")[0])
        locale = ["--locale-provider=icu", "--icu-locale=en-US"] if version >= 15 else []  # no order by code point
        sync = [] if durable else ["--no-sync"]
        self._run("initdb", "-D", f"{self.folder}/data", "-A", "trust", "-U", "desk", "-E", "UTF8", "--locale=C.UTF-8",
                  *locale, *sync)  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def _run(self, program: str, *arguments: str) -> str:
        given = [str(self.bin / program), *arguments]
        done = subprocess.run(given, capture_output=True, text=True, cwd=self.folder, check=False, **self._as)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def url(self) -> str:
        """The address of its database, as SQLAlchemy has it."""
        return f"postgresql+psycopg://desk@/postgres?host={self.folder}"

    @property
    def dsn(self) -> str:
        """The address of its database, as the driver has it."""
        return f"host={self.folder} user=desk dbname=postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        import psycopg

        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=60"]
        if not self.durable:
            settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        given = [str(self.bin / "postgres"), "-D", f"{self.folder}/data"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*given, *(part for each in settings for part in ("-c", each))],
                stdout=log, stderr=log, cwd=self.folder, **self._as,
            )  # fmt: skip
        until = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.dsn).close()
                return
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < until, "PostgreSQL does not answer"
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it as a machine that loses its process would; its children end when they notice."""
        assert self.process is not None
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        children = listed.read_text().split() if listed.exists() else []
        self.process.send_signal(signal.SIGKILL)
        for each in children:
            try:
                os.kill(int(each), signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def restart(self) -> None:
        """Stop it in order, which cuts every connection, and start it again."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Stop it, and cut every connection."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=60)
            self.process = None

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server, started when the first test asks for it."""
    required = os.environ.get("ITIL4_DATABASES") == "required"
    missing = None
    for module in ("sqlalchemy", "psycopg"):
        try:
            __import__(module)
        except ImportError:
            missing = f"{module} is not installed"
    if binaries() is None:
        missing = "there is no PostgreSQL on this machine"
    if missing:
        assert not required, missing
        pytest.skip(missing)
    server = Server()
    yield server
    server.remove()


_schemas = count()


def new_schema(server: Server) -> str:
    """Make an empty schema in the server's database and return its name."""
    import psycopg

    name = f"s{os.getpid()}_{next(_schemas)}"
    with psycopg.connect(server.dsn, autocommit=True) as raw:
        raw.execute(f'CREATE SCHEMA "{name}"')
    return name


def make_store(name: str, request: pytest.FixtureRequest, folder: Path) -> Callable[[], Any]:
    """Return what makes fresh stores of a name of `STORES`; whoever calls it closes them."""
    from itil4 import MemoryStore, SqliteStore

    numbers = count()
    if name == "memory":
        return MemoryStore
    if name == "sqlite":
        return lambda: SqliteStore(folder / f"{next(numbers)}.db")
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    from itil4.storage import SqlAlchemyStore

    if name == "sqlalchemy_sqlite":
        return lambda: SqlAlchemyStore(f"sqlite+pysqlite:///{folder}/{next(numbers)}.db")
    if name == "mariadb":
        return lambda: SqlAlchemyStore(new_mariadb())
    server = request.getfixturevalue("postgres")
    return lambda: SqlAlchemyStore(server.url, schema=new_schema(server))


def new_mariadb() -> str:
    """Make an empty database on the server that `mariadb.py` runs, and return its address."""
    import pymysql

    socket, name = os.environ["ITIL4_MARIADB"], f"d{os.getpid()}_{next(_schemas)}"
    with pymysql.connect(unix_socket=socket, user="root") as raw, raw.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    return f"mariadb+pymysql://root@/{name}?unix_socket={socket}"


STORES = ("memory", "sqlite", "sqlalchemy_sqlite", "postgres")
"""The names of all stores; `make_store` makes each."""


@pytest.fixture
def sqlalchemy_sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """What makes fresh stores on SQLite through SQLAlchemy."""
    return make_store("sqlalchemy_sqlite", request, tmp_path)


@pytest.fixture
def postgres_stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """What makes fresh stores on PostgreSQL, each in a schema of its own."""
    return make_store("postgres", request, tmp_path)
