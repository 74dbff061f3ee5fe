"""How a record differs from what it must be, a line per field."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
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
    names, values = _compared(type(wanted))  # type: ignore[arg-type]  # mypy does not take a class for hashable
    for name, one, other in zip(names, values(wanted), values(found), strict=True):
        if not is_same(one, other):
            yield f"{name}: must be {shown(one)}, is {shown(other)}"


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of one type, numbers to their sign and their last digit.

    >>> is_same(0, False), is_same(0.0, -0.0), is_same("a", "a")
    (False, False, True)
    """
    if one is other:
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return dict(one) == dict(other)
    if type(one) is not type(other) or one != other:
        return False
    return not isinstance(one, (float, Decimal)) or repr(one) == repr(other)


@cache
def _compared(kind: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """Return the fields of a record type that are compared, and what reads all of them at once."""
    names = tuple(each.name for each in attrs.fields(kind) if each.name not in _MOVING)
    return names, attrgetter(*names)


def shown(value: Any) -> str:
    """Write a value for people, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 120 else text[:119] + "…"
