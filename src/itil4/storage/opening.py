"""From an address to a store: which backend opens `sqlite:///desk.db`, found by its scheme and loaded when it is used.

Backends of others register under the entry point group `itil4.backends`: the name is the scheme of the
address, the object a function that is given the whole address and returns a `Store`::

    [project.entry-points."itil4.backends"]
    couch = "itil4_couch:open_store"
"""

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from itil4.errors import DefinitionError, InvalidInput, ITIL4Error, nearest
from itil4.storage.address import shown
from itil4.storage.protocols import Store

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "itil4.backends"
"""The entry point group under which other packages register stores."""

Loader = Callable[[str], Store]

_METHODS = ("migrate", "close", "load", "find", "count", "history", "links", "known", "write")

_ALCHEMY = "itil4.storage.sqlalchemy:open_url"
BUILT_IN: Mapping[str, str] = {
    "memory": "itil4.storage.opening:open_memory",
    "sqlite": "itil4.storage.opening:open_sqlite",
    "sqlite+pysqlite": _ALCHEMY,
    "postgresql": _ALCHEMY,
    "postgresql+psycopg": _ALCHEMY,
    "mysql+pymysql": _ALCHEMY,
    "mariadb+pymysql": _ALCHEMY,
}
"""Scheme -> loader of the backends that come with the library; they need no metadata of an installation."""


def opened(store: str | Store | None) -> Store:
    """Return the store that `connect` was given: by its address, as an object, or one in memory.

    Raises:
        InvalidInput: it is neither an address nor a store, or no backend here knows the scheme.
        DefinitionError: a registered backend cannot be loaded, or opens something that is no store.
        MissingExtra: the driver that it needs is not installed.
    """
    if store is None:
        return open_memory("memory://")
    if not isinstance(store, str):
        if lacks := _lacking(store):
            raise InvalidInput.of("not_a_store", value=store, lacks=lacks)
        return store
    scheme, separator, _ = store.partition("://")
    if not separator:
        raise InvalidInput.of("bad_url", value=shown(store))
    return _loader(scheme)(store)


def schemes() -> tuple[str, ...]:
    """Return the schemes of addresses that can be opened here, sorted; packages of others included.

    >>> "sqlite" in schemes()
    True
    """
    return tuple(sorted({*BUILT_IN, *(each.name for each in _registered())}))


def _registered() -> tuple["EntryPoint", ...]:
    from importlib.metadata import entry_points  # late: only an address with a scheme of others needs it

    return tuple(entry_points(group=GROUP))


def _loader(scheme: str) -> Loader:
    home = BUILT_IN.get(scheme)
    if home is not None:
        module, _, name = home.partition(":")
        found: Loader = getattr(importlib.import_module(module), name)
        return found
    for each in _registered():
        if each.name == scheme:
            return _foreign(each)
    known = schemes()
    raise InvalidInput.of("unknown_scheme", scheme=scheme, schemes=known, nearest=nearest(scheme, known))


def _foreign(entry: "EntryPoint") -> Loader:
    try:
        loaded: Any = entry.load()
    except ITIL4Error:
        raise
    except Exception as error:  # whatever the package of somebody else raises while it is imported
        raise _broken(entry, repr(error)) from error

    def open_it(url: str) -> Store:
        if not callable(loaded):
            raise _broken(entry, f"{loaded!r} cannot be called with an address")
        made: Store = loaded(url)
        if lacks := _lacking(made):
            raise _broken(entry, f"it opens {made!r}, which lacks {', '.join(lacks)}")
        return made

    return open_it


def _broken(entry: "EntryPoint", error: str) -> DefinitionError:
    return DefinitionError.of("broken_backend", scheme=entry.name, home=entry.value, error=error)


def _lacking(store: object) -> list[str]:
    """Return the methods of the protocol that something which was given as a store has not."""
    return [name for name in _METHODS if not callable(getattr(store, name, None))]


def open_memory(url: str) -> Store:
    """Open `memory://`: an empty store in this process."""
    from itil4.storage.memory import MemoryStore

    if url.partition("://")[2].strip("/"):
        raise InvalidInput.of("bad_url", value=shown(url))
    return MemoryStore()


def open_sqlite(url: str) -> Store:
    """Open `sqlite:///desk.db`: a file with a path relative to here; four slashes for an absolute one."""
    from itil4.storage.sqlite import SqliteStore

    rest = url.partition("://")[2]
    if not rest.startswith("/") or len(rest) < 2:
        raise InvalidInput.of("bad_url", value=shown(url))
    return SqliteStore(rest[1:])
