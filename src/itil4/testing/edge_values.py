"""Values at the edges of what a field lets in: those that stores and hosts lose, trim, round or mistake for others.

They are values of a story, so that a finding can be written down with them.
"""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from itil4.record import Frozen
from itil4.record.door import FieldType, Text
from itil4.testing.values import Later, Plain

_LONGEST = 2_000
"""A text at the limit of its field is no longer than this, so that a machine stays quick."""

_DEEPEST = 2

_TEXTS = (
    "  blanks at both ends  ", "", "Größe 漢字 العربية 😀", "'; DROP TABLE -- \\ \" %s {0}", "\u00a0no-break\u00a0",
    "0", "null", "e\u0301 is not \u00e9", "lower UPPER İstanbul ß", "%_*?", "2026-03-02T09:00:00+00:00", '{"a": [1]}',
    "-1.50", "ends with a break\n", "\ttab\r\nand lines\n\n", "a  b", "\ufeffmark first", "zero\u200bwidth",
    "<b>&amp;</b>", "True",
)  # fmt: skip

_MOMENTS: tuple[Plain, ...] = (
    Later(timedelta(microseconds=1)), Later(-timedelta(microseconds=1)), Later(timedelta(0)),
    datetime(2026, 3, 2, 9, 0, 0, 123_457, timezone(timedelta(hours=5, minutes=45))),
    datetime(2026, 3, 2, 0, 30, tzinfo=timezone(-timedelta(hours=9, minutes=30))),
    datetime(2024, 2, 29, 23, 59, 59, 999_999, UTC), datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(1900, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, 12, 0, 0, 1, UTC), Later(timedelta(days=1)),
)  # fmt: skip

_DURATIONS = (
    timedelta(0), timedelta(microseconds=1), -timedelta(microseconds=1), timedelta(days=1, microseconds=999_999),
    timedelta(days=-3, hours=5), timedelta(days=40_000), timedelta(milliseconds=1, hours=25),
)  # fmt: skip

_NUMBERS = (
    0, -1, 1, 2**53 + 1, -(2**63), 2**63 - 1, 0.0, -0.0, 1.5, -2.0, 0.1, 1e-320, 1.7e308, 10**15,
    Decimal(0), Decimal("-0"), Decimal("1.10"), Decimal("1E+3"), Decimal("0.1"), Decimal("-1E-30"),
    Decimal("12345678901234567890.123456789012345678901"),
)  # fmt: skip

_DATES = (date(2024, 2, 29), date(1969, 12, 31), date(2199, 12, 31), date(1, 1, 1), date(9999, 12, 31))


def edges(field: FieldType, known: tuple[Plain, ...] = ()) -> tuple[Plain, ...]:
    """Return values of a field at the edges of its type, each of which its door lets in.

    Args:
        field: the compiled field.
        known: values that are known for it; all there is where its type has no edges of its own.

    >>> from itil4.record.door import field_type
    >>> edges(field_type("Ticket", "urgent", bool | None))
    (True, False, None)
    """
    made = [value for value in (*_edges(field, 0), *known) if isinstance(value, Later) or _fits(field, value)]
    if field.optional:
        made.append(None)
    return tuple({repr(value): value for value in made}.values())  # 0, 0.0 and False are equal, and not the same


def _fits(field: FieldType, value: Plain) -> bool:
    return field.kind == "value" or field.check(field.name, value) is None


def _edges(field: FieldType, depth: int) -> tuple[Plain, ...]:
    if field.choices:
        return tuple(field.choices)
    match field.kind:
        case "text":
            longest = (field.limits or Text()).max
            return (*_TEXTS, "ß" * longest) if longest <= _LONGEST else (*_TEXTS, "long " * (_LONGEST // 5))
        case "number" | "decimal":
            return tuple(value for value in _NUMBERS if field.check(field.name, value) is None)
        case "moment":
            return _MOMENTS
        case "duration":
            return _DURATIONS
        case "date":
            return _DATES
        case "boolean":
            return (True, False)
        case "list" | "set" | "mapping":
            return _several(field, depth)
        case _:
            return (*_TEXTS[:3], 0, -0.0, True, None, (), Frozen({})) if field.python is Any else ()


def _several(field: FieldType, depth: int) -> tuple[Plain, ...]:
    """Return collections: empty ones, of one, and of several whose order and copies count."""
    item = field.items
    inner = () if item is None or depth >= _DEEPEST else _edges(item, depth + 1)
    inner = tuple(value for value in inner if isinstance(value, Later) or (item is not None and _fits(item, value)))
    if field.kind == "mapping":
        names = ("a name", "Größe.with.dots", "  blank  ")
        return (Frozen({}), *(Frozen({name: value}) for name, value in zip(names, inner, strict=False)))
    if field.kind == "set":
        return (frozenset(), *(frozenset((value,)) for value in inner[:4]), frozenset(inner[:3]))
    several = (tuple(reversed(inner[:3])), inner[:1] * 2) if inner else ()
    return ((), *((value,) for value in inner[:4]), *several)
