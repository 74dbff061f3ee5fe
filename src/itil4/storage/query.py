"""Questions to a store, as plain values that every backend answers alike.

Semantics that all backends share: text compares by code point; numbers come before text, and True
and False are 1 and 0; `prefix` and `contains` are true of text only, and `contains` ignores case;
nothing (None) is smaller than anything, equals only itself, and no other comparison is true of it.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from itil4.errors import InvalidInput

Operator: TypeAlias = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "is_null", "prefix", "contains"]
OPERATORS: tuple[Operator, ...] = ("eq", "ne", "lt", "le", "gt", "ge", "in", "is_null", "prefix", "contains")

COLUMNS: Mapping[str, str] = {
    name: "category" if name == "state_category" else name
    for name in (
        "id", "number", "state", "state_category", "version", "created_at", "updated_at", "created_by", "origin_key",
        "schema",
    )
}  # fmt: skip
"""Fields that every kind has and every store keeps apart from the body -> their names in a `RecordRow`.

A kind may have a field `category` of its own, so that of the state has a longer name in questions.
"""


class _Value:
    """A plain value: equal when its parts are. Written by hand, because a search makes many of them."""

    __slots__: tuple[str, ...] = ()

    def _parts(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in type(self).__slots__)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((type(self), self._parts()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._parts()))})"


class Compare(_Value):
    """A field compared with a plain value (datetimes as the codec writes them).

    >>> Compare("priority", "le", 2)
    Compare('priority', 'le', 2)

    Raises:
        InvalidInput: a text has no UTF-8 form, so that no store can hold it.
    """

    __slots__ = ("field", "operator", "value")

    def __init__(self, field: str, operator: Operator, value: Any) -> None:
        self.field = field
        self.operator = operator
        self.value = value
        for each in value if operator == "in" else (value,):
            if type(each) is str and not each.isascii() and (found := unwritable(each)):
                raise InvalidInput.of("control_character", field=field, character=found)


class Every(_Value):
    """All of the conditions hold."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple["Where", ...]) -> None:
        self.parts = parts


class Some(_Value):
    """At least one of the conditions holds; with none, nothing is found."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple["Where", ...]) -> None:
        self.parts = parts


class Linked(_Value):
    """The record has a link of a relation to `other`; `backwards` when `other` is its source."""

    __slots__ = ("backwards", "other", "relation")

    def __init__(self, relation: str, other: str, backwards: bool = False) -> None:
        self.relation = relation
        self.other = other
        self.backwards = backwards


Where: TypeAlias = Compare | Every | Some | Linked


class Query(_Value):
    """Records of a kind that meet a condition, in a total order, a page at a time.

    The id decides last, in the direction of the field before it, so that the reverse of an order
    is the order with every direction turned.

    Args:
        order: fields, each with whether it descends.
        limit: how many rows at most; None for all.
        after: the values of the order's fields, and the id, of the record before the page.

    Raises:
        InvalidInput: `after` does not fit the order.
    """

    __slots__ = ("after", "kind", "limit", "order", "where")

    def __init__(
        self,
        kind: str,
        where: Where = Every(()),  # noqa: B008 - a value that nobody changes
        order: tuple[tuple[str, bool], ...] = (),
        limit: int | None = None,
        after: tuple[Any, ...] | None = None,
    ) -> None:
        self.kind = kind
        self.where = where
        self.order = order
        self.limit = limit
        self.after = after
        if after is None:
            return
        if len(after) != len(self.total_order) or any(type(each) not in _SCALARS for each in after):
            raise InvalidInput.of("bad_cursor", value=after)
        for each in after:
            if type(each) is str and unwritable(each):
                raise InvalidInput.of("bad_cursor", value=after)

    @property
    def total_order(self) -> tuple[tuple[str, bool], ...]:
        """The order with the id last; each field with whether it descends."""
        if not self.order:
            return _BY_ID
        last, descending = self.order[-1]
        return self.order if last == "id" else (*self.order, ("id", descending))


_BY_ID = (("id", False),)
_SCALARS = (str, int, float, bool, type(None))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unwritable(text: str) -> str | None:
    """Return the first character of a text that has no UTF-8 form, as U+XXXX, or None."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"U+{ord(text[error.start]):04X}"
    return None


def microseconds(moment: datetime) -> int:
    """Return an aware datetime as whole microseconds since 1970 in UTC, without going through a float."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment(value: int) -> datetime:
    """Return whole microseconds since 1970 as a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def holds(where: Where, read: Callable[[str], Any], linked: Callable[[Linked], bool]) -> bool:
    """Judge a condition on a record: `read(field)` gives its plain values, `linked` answers about links."""
    if isinstance(where, Compare):
        return _compare(read(where.field), where.operator, where.value)
    if isinstance(where, Linked):
        return bool(linked(where))
    enough = isinstance(where, Some)
    for part in where.parts:
        if holds(part, read, linked) is enough:
            return enough
    return not enough


def _compare(found: Any, operator: Operator, value: Any) -> bool:
    if operator == "is_null":
        return (found is None) == bool(value)
    if operator == "in":
        return sort_key(found) in map(sort_key, value)
    if operator == "eq":
        return sort_key(found) == sort_key(value)
    if operator == "ne":
        return sort_key(found) != sort_key(value)
    if found is None or value is None:
        return False
    if operator in ("prefix", "contains"):
        if type(found) is not str or type(value) is not str:
            return False
        return found.startswith(value) if operator == "prefix" else value.casefold() in found.casefold()
    return bool(_ORDER[operator](sort_key(found), sort_key(value)))


_ORDER: Mapping[str, Any] = {
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}


def sort_key(value: Any) -> tuple[int, Any]:
    """Return the key by which a plain value is ordered: nothing comes first, then numbers, then text."""
    if value is None:
        return (0, 0)
    return (2, value) if isinstance(value, str) else (1, bounded(value))


def behind(key: tuple[Any, ...], mark: tuple[Any, ...], order: tuple[tuple[str, bool], ...]) -> bool:
    """Say whether a row comes behind a mark, both as keys in an order."""
    for value, bound, (_, descending) in zip(key, mark, order, strict=True):
        if value != bound:
            return bool(value < bound if descending else value > bound)
    return False


def bounded(value: Any) -> Any:
    """Return a number as databases compare it: a whole number beyond 64 bits as a floating one."""
    if type(value) is int and not -(2**63) <= value < 2**63:
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    return value
