"""Tools to test what is built on this library: each name is read when it is first used."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from itil4.testing.recorder import Recorder as Recorder
    from itil4.testing.store_contract import StoreContract as StoreContract

_HOME = {
    # name: module, one a line
    "Recorder": "itil4.testing.recorder",
    "StoreContract": "itil4.testing.store_contract",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the table is the list


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'itil4.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
