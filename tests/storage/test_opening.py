"""Addresses of stores: found by their scheme, loaded when they are used, and refused in words that help."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import itil4
from itil4 import DefinitionError, InvalidInput, MemoryStore, MissingExtra
from itil4.storage import opening
from itil4.storage.address import shown

ROOT = Path(__file__).parents[2]


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of somebody else that registers two backends, one of which cannot be loaded."""
    (tmp_path / "couch_store.py").write_text("import itil4\ndef load(url):\n    return itil4.MemoryStore()\n")
    info = tmp_path / "couch_store-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: couch-store\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[itil4.backends]\ncouch = couch_store:load\nbroken = couch_store:nothing\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("foreign")
def test_a_backend_of_others_opens_its_addresses() -> None:
    """A package registers a scheme under `itil4.backends`, and `connect` knows it without being told."""
    with itil4.connect("couch://somewhere/desk") as itsm:
        assert isinstance(itsm.house.store, MemoryStore)
    assert {"couch", "broken", "sqlite", "memory"} <= set(opening.schemes())


@pytest.mark.usefixtures("foreign")
def test_a_backend_that_cannot_be_loaded_is_named() -> None:
    """Which package's which object failed, and how."""
    with pytest.raises(DefinitionError) as caught:
        itil4.connect("broken://x")
    assert caught.value.code == "broken_backend"
    assert caught.value.detail["home"] == "couch_store:nothing"


def test_built_in_backends_need_no_metadata(tmp_path: Path) -> None:
    """SQLite and memory are found where nothing is installed, and importing them waits until they are used."""
    with itil4.connect("memory://") as itsm:
        assert isinstance(itsm.house.store, MemoryStore)
    with itil4.connect(f"sqlite:///{tmp_path}/desk.db") as itsm:
        assert isinstance(itsm.house.store, itil4.SqliteStore)
    code = "import sys, itil4; itil4.connect('memory://'); print('sqlite3' in sys.modules, 'sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("desk.db", "bad_url"), ("", "bad_url"), ("sqlite://", "bad_url"), ("sqlite:///", "bad_url"),
        ("sqlite:///:memory:", "bad_url"), ("memory://else", "bad_url"), ("oracle://x", "unknown_scheme"),
        ("sqllite:///x.db", "unknown_scheme"),
    ],
)  # fmt: skip
def test_an_address_that_nobody_opens_is_refused(url: str, code: str) -> None:
    """The refusal names the schemes that are known, and the nearest."""
    with pytest.raises(InvalidInput) as caught:
        itil4.connect(url)
    assert caught.value.code == code
    if url.startswith("sqllite"):
        assert "Did you mean 'sqlite'?" in str(caught.value)
    if code == "unknown_scheme":
        assert "postgresql+psycopg" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "module", "command"),
    [
        ("postgresql+psycopg://desk:secret@localhost/desk", "psycopg", "pip install 'itil4[postgres]'"),
        ("postgresql://localhost/desk", "psycopg", "pip install 'itil4[postgres]'"),
        ("mariadb+pymysql://localhost/desk", "pymysql", "pip install 'itil4[mariadb]'"),
        ("sqlite+pysqlite:///desk.db", "sqlalchemy", "pip install 'itil4[sqlalchemy]'"),
        ("postgresql+psycopg://localhost/desk", "sqlalchemy", "pip install 'itil4[postgres]'"),
    ],
)
def test_a_missing_driver_says_what_to_install(url: str, module: str, command: str) -> None:
    """The error names the pip command, and never the password of the address."""
    if module != "sqlalchemy":
        pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    code = (
        f"import sys; sys.modules[{module!r}] = None\nimport itil4\n"
        f"try:\n    itil4.connect({url!r})\nexcept itil4.MissingExtra as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert command in done.stdout
    assert "secret" not in done.stdout
    assert issubclass(MissingExtra, ImportError)


def test_passwords_are_never_shown() -> None:
    """A refused address is shown without its password."""
    with pytest.raises(InvalidInput) as caught:
        itil4.connect("sqlite://ana:secret@host")
    assert "secret" not in str(caught.value)
    assert shown("x://ana:a:b@host/db") == "x://ana:***@host/db"


def test_what_is_built_in_is_registered_too() -> None:
    """Tools that look at the metadata of an installation see the same backends as the library does."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][opening.GROUP] == dict(opening.BUILT_IN)


@pytest.mark.parametrize("given", [5, b"sqlite:///x.db", Path("desk.db"), print])
def test_what_is_neither_an_address_nor_a_store_is_refused(given: Any) -> None:
    """The message says what an object lacks to be a store."""
    with pytest.raises(InvalidInput) as caught:
        itil4.connect(given)
    assert caught.value.code == "not_a_store"
    assert "write" in caught.value.detail["lacks"]


@pytest.mark.parametrize("made", ["", "def open_store(url): return 5", "open_store = 5"])
def test_a_package_whose_backend_opens_no_store_is_named(made: str, tmp_path: Path) -> None:
    """A distribution of its own, installed beside: what its entry point gives is looked at before it is used."""
    (tmp_path / "other_backend.py").write_text(made)
    info = tmp_path / "other_backend-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-backend\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[itil4.backends]\nother = other_backend:open_store\n")
    script = "import itil4\ntry:\n  itil4.connect('other://x')\nexcept itil4.DefinitionError as error:\n  print(error)"
    path = os.pathsep.join([str(tmp_path), str(Path(itil4.__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("The backend other_backend:open_store of other:// cannot be loaded:"), done.stderr
