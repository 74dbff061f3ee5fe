"""Tools to test what is built on this library: each name is read when it is first used."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from itil4.clock import FrozenClock as FrozenClock
    from itil4.testing.driver import Answer as Answer
    from itil4.testing.driver import Driver as Driver
    from itil4.testing.driver import Seen as Seen
    from itil4.testing.local import InProcess as InProcess
    from itil4.testing.story import Act as Act
    from itil4.testing.story import Story as Story

_HOME = {
    # name: module, one a line
    "Act": "itil4.testing.story",
    "Answer": "itil4.testing.driver",
    "Driver": "itil4.testing.driver",
    "FrozenClock": "itil4.clock",
    "InProcess": "itil4.testing.local",
    "Seen": "itil4.testing.driver",
    "Story": "itil4.testing.story",
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
