"""How a record differs from what it must be, a line per field."""

from collections.abc import Callable, Iterator
from functools import cache
from operator import attrgetter
from typing import Any

import attrs

_MOVING = frozenset(("version", "updated_at"))


def differences(wanted: Any, found: Any) -> Iterator[str]:
    """Yield how a record differs from what it must be, a line per field; version and time aside."""
    if wanted is found:
        return
    if type(wanted) is not type(found):
        yield f"it must be a {type(wanted).__name__} and is a {type(found).__name__}"
        return
    names, values = _compared(type(wanted))
    for name, one, other in zip(names, values(wanted), values(found), strict=True):
        if one is not other and (type(one) is not type(other) or one != other):
            yield f"{name}: must be {_shown(one)}, is {_shown(other)}"


@cache
def _compared(kind: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """Return the fields of a record type that are compared, and what reads all of them at once."""
    names = tuple(each.name for each in attrs.fields(kind) if each.name not in _MOVING)
    return names, attrgetter(*names)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:119] + "…"
