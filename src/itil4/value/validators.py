"""What the values of this room accept in their fields: wrong types are refused at the door, never coerced.

Each check is an attrs validator and raises `InvalidInput` with a code, the field and the value.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput, nearest
from itil4.vocabulary import choices

Check: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def text(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    """Accept a text that is not empty."""
    if not isinstance(value, str):
        raise InvalidInput.of("ill_typed", field=attribute.name, expected="a text", value=value)
    if not value.strip():
        raise InvalidInput.of("blank", field=attribute.name)


def word(words: Any) -> Check:
    """Accept one of the values of a closed word (a `Literal`)."""
    known = choices(words)

    def check(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if value not in known:
            near = nearest(value, known)
            raise InvalidInput.of("not_a_choice", field=attribute.name, value=value, nearest=near, choices=known)

    return check


def moment(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    """Accept a datetime with a time zone."""
    instant(value, attribute.name)


def duration(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    """Accept a timedelta of zero or more."""
    if not isinstance(value, timedelta):
        raise InvalidInput.of("ill_typed", field=attribute.name, expected="a timedelta", value=value)
    if value < timedelta(0):
        raise InvalidInput.of("negative", field=attribute.name, value=value)


def flag(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    """Accept True or False."""
    if not isinstance(value, bool):
        raise InvalidInput.of("ill_typed", field=attribute.name, expected="True or False", value=value)


def at_least_one(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    """Accept a whole number of one or more."""
    counted(attribute.name, value)


def number(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    """Accept an exact number: a finite Decimal or an int, never a float (money does not survive floats)."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise InvalidInput.of("ill_typed", field=attribute.name, expected="a Decimal or a whole number", value=value)
    if isinstance(value, Decimal) and not value.is_finite():
        raise InvalidInput.of("ill_typed", field=attribute.name, expected="a finite number", value=value)


def some(check: Check) -> Check:
    """Accept a tuple with one item or more, each of which passes `check`."""
    each = many(check)

    def checked(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        each(instance, attribute, value)
        if not value:
            raise InvalidInput.of("none_given", field=attribute.name)

    return checked


def many(check: Check) -> Check:
    """Accept a tuple, empty or not, of items that pass `check`."""

    def checked(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if not isinstance(value, tuple):
            raise InvalidInput.of("ill_typed", field=attribute.name, expected="a list or tuple", value=value)
        for item in value:
            check(instance, attribute, item)

    return checked


def a(kind: type) -> Check:
    """Accept an instance of `kind`."""

    def check(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if not isinstance(value, kind):
            raise InvalidInput.of("ill_typed", field=attribute.name, expected=f"a {kind.__name__}", value=value)

    return check


def maybe(check: Check) -> Check:
    """Accept None, or what `check` accepts."""

    def checked(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if value is not None:
            check(instance, attribute, value)

    return checked


def frozen_list(value: Any) -> Any:
    """Turn a list, set or other iterable into a tuple, and leave texts and anything else for the check to refuse."""
    if isinstance(value, (set, frozenset)):
        return tuple(sorted(value, key=str))
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes, dict)) else value


def must(kind: type, field: str, value: Any) -> None:
    """Refuse an argument that is not a `kind`."""
    if not isinstance(value, kind):
        raise InvalidInput.of("ill_typed", field=field, expected=f"a {kind.__name__}", value=value)


def counted(field: str, value: Any, least: int = 1) -> None:
    """Refuse an argument that is not a whole number of `least` or more."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput.of("ill_typed", field=field, expected="a whole number", value=value)
    if value < least:
        raise InvalidInput.of("not_positive" if least else "negative", field=field, value=value)
