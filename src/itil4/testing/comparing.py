"""How one record differs from another, to the last sign: what a finding shows, a line per field."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import attrs

_MOVING = frozenset(("version", "updated_at"))
_LONGEST = 120


def differences(wanted: Any, found: Any, moving: frozenset[str] = _MOVING) -> Iterator[str]:
    """Yield how a record differs from what it must be, a line per field; version and time aside.

    Args:
        moving: the fields that may differ.
    """
    if type(wanted) is not type(found):
        yield f"it must be a {type(wanted).__name__} and is a {type(found).__name__}"
        return
    for each in attrs.fields(type(wanted)):
        one, other = getattr(wanted, each.name), getattr(found, each.name)
        if each.name not in moving and not is_same(one, other):
            yield f"{each.name}: must be {shown(one)}, is {shown(other)}"


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of one type, numbers to their sign and their last digit.

    >>> is_same(0, False), is_same(0.0, -0.0), is_same("a", "a")
    (False, False, True)
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return dict(one) == dict(other)
    if type(one) is not type(other) or one != other:
        return False
    return not isinstance(one, (float, Decimal)) or repr(one) == repr(other)


def shown(value: Any) -> str:
    """Write a value for people, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
