"""Questions to a store, as plain values that every backend answers alike.

Semantics that all backends share: text compares by code point; `contains` ignores case; nothing
(None) is smaller than anything, equals only itself, and no other comparison is true of it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

import attrs

Operator: TypeAlias = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "is_null", "prefix", "contains"]
OPERATORS: tuple[Operator, ...] = ("eq", "ne", "lt", "le", "gt", "ge", "in", "is_null", "prefix", "contains")

COLUMNS: Mapping[str, str] = {
    name: "category" if name == "state_category" else name
    for name in (
        "id", "number", "state", "state_category", "version", "created_at", "updated_at", "created_by", "origin_key"
    )
}  # fmt: skip
"""Fields that every kind has and every store keeps apart from the body -> their names in a `RecordRow`.

A kind may have a field `category` of its own, so that of the state has a longer name in questions.
"""


@attrs.frozen
class Compare:
    """A field compared with a plain value (datetimes as the codec writes them)."""

    field: str
    operator: Operator
    value: Any


@attrs.frozen
class Every:
    """All of the conditions hold."""

    parts: tuple["Where", ...]


@attrs.frozen
class Some:
    """At least one of the conditions holds; with none, nothing is found."""

    parts: tuple["Where", ...]


@attrs.frozen
class Linked:
    """The record has a link of a relation to `other`; `backwards` when `other` is its source."""

    relation: str
    other: str
    backwards: bool = False


Where: TypeAlias = Compare | Every | Some | Linked


@attrs.frozen
class Query:
    """Records of a kind that meet a condition, in a total order (`id` decides last), a page at a time.

    `after` holds the values of the order's fields, and the id, of the record before the page.
    """

    kind: str
    where: Where = Every(())
    order: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None
    after: tuple[Any, ...] | None = None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Return an aware datetime as whole microseconds since 1970 in UTC, without going through a float."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment(value: int) -> datetime:
    """Return whole microseconds since 1970 as a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def holds(where: Where, fields: Mapping[str, Any], linked: Any) -> bool:
    """Judge a condition on a record's plain field values; `linked(Linked)` answers about links."""
    if isinstance(where, Compare):
        return _compare(fields.get(where.field), where.operator, where.value)
    if isinstance(where, Every):
        return all(holds(part, fields, linked) for part in where.parts)
    if isinstance(where, Some):
        return any(holds(part, fields, linked) for part in where.parts)
    return bool(linked(where))


def _compare(found: Any, operator: Operator, value: Any) -> bool:
    if operator == "is_null":
        return (found is None) == value
    if operator == "in":
        return found in value
    if operator == "eq":
        return bool(found == value)
    if operator == "ne":
        return bool(found != value)
    if found is None or value is None:
        return False
    if operator == "prefix":
        return str(found).startswith(value)
    if operator == "contains":
        return value.casefold() in str(found).casefold()
    return bool(_ORDER[operator](found, value))


_ORDER: Mapping[str, Any] = {
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}


def sort_key(value: Any) -> tuple[bool, Any]:
    """Return the key by which a plain value is ordered: nothing comes first."""
    return (value is not None, value)
