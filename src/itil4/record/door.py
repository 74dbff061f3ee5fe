"""The door: what a field may hold, compiled once per type from its annotations.

A value of the wrong type is refused, never coerced: `True` is no number, `"1"` neither, a datetime
needs its time zone, text holds no control characters. `FieldType` also describes a field to
people: `available` turns it into what a form asks for.
"""

import enum
import math
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeAlias, Union

import attrs

from itil4.errors import DefinitionError, Reason, nearest

Check: TypeAlias = Callable[[str, Any], Reason | None]
"""Says why a value may not stand in the named field, or None."""


@attrs.frozen
class Text:
    """Limits of a text: `max` characters, several `lines` or one, may be `blank` or not."""

    max: int = 32_000
    lines: bool = True
    blank: bool = True


Line: TypeAlias = Annotated[str, Text(max=255, lines=False, blank=False)]
"""One line of at most 255 characters that is not blank: summaries, names, codes."""

Note: TypeAlias = Annotated[str, Text(max=100_000)]
"""Text of several lines, at most 100,000 characters; may be empty."""

SUPPORTED = (
    "str, int, float, bool, Decimal, datetime, date, timedelta, an Enum, a Literal, another attrs class, "
    "tuple[X, ...], frozenset[X], Mapping[str, X], and X | None"
)
_SORTABLE = ("text", "number", "boolean", "moment", "date", "duration", "choice")


@attrs.frozen
class FieldType:
    """What a field holds, to machines (`check`) and to people (`kind`, `choices`).

    Attributes:
        kind: text, number, decimal, boolean, moment, date, duration, choice, list, set, mapping or value.
        says: the kind in words, as a message completes "... is".
        optional: whether None may stand there.
        required: whether a record cannot be made without it (it has no default).
        items: the type of the elements of a list, set or mapping.
        limits: those of a text.
    """

    name: str
    kind: str
    says: str
    check: Check = attrs.field(repr=False, eq=False)
    choices: tuple[Any, ...] = ()
    optional: bool = False
    required: bool = False
    default: Any = attrs.field(default=None, repr=False, eq=False)
    items: "FieldType | None" = None
    limits: Text | None = None
    python: Any = attrs.field(default=None, repr=False, eq=False)

    @property
    def sortable(self) -> bool:
        """Whether records can be found and ordered by it."""
        return self.kind in _SORTABLE


def field_type(owner: str, name: str, annotation: Any, *, required: bool = False, default: Any = None) -> FieldType:
    """Compile the type of one field of `owner`.

    Raises:
        DefinitionError: the annotation is a type that records cannot hold.
    """
    limits = None
    if typing.get_origin(annotation) is Annotated:
        annotation, *extras = typing.get_args(annotation)
        limits = next((extra for extra in extras if isinstance(extra, Text)), None)
    optional, annotation = _optional(annotation)
    if typing.get_origin(annotation) is Annotated:
        annotation, *extras = typing.get_args(annotation)
        limits = limits or next((extra for extra in extras if isinstance(extra, Text)), None)
    kind, says, check, more = _compile(owner, name, annotation, limits, required, optional)
    if optional:
        says += ", or nothing"
        check = check if check(name, None) is None else _or_none(check)
    return FieldType(
        name, kind, says, check, optional=optional, required=required, default=default, python=annotation, **more
    )


def blank(value: Any) -> bool:
    """Whether a value counts as missing: None, blank text, or an empty collection; never 0 or False."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace() or (not value.isprintable() and _shows_nothing(value))
    return isinstance(value, (tuple, frozenset, Mapping)) and not value


def _shows_nothing(value: str) -> bool:
    """Whether a text is made of spaces and of marks that have no look of their own, such as U+200B."""
    from unicodedata import category  # late: hardly any text has such marks

    return all(character.isspace() or category(character) == "Cf" for character in value)


def _optional(annotation: Any) -> tuple[bool, Any]:
    if typing.get_origin(annotation) in (Union, types.UnionType):
        rest = tuple(arg for arg in typing.get_args(annotation) if arg is not type(None))
        if len(rest) < len(typing.get_args(annotation)):
            return True, rest[0] if len(rest) == 1 else Union[rest]  # noqa: UP007 - built from a tuple
    return False, annotation


def _or_none(check: Check) -> Check:
    def accept(name: str, value: Any) -> Reason | None:
        return None if value is None else check(name, value)

    return accept


def _compile(
    owner: str, name: str, annotation: Any, limits: Text | None, required: bool, optional: bool
) -> tuple[str, str, Check, dict[str, Any]]:
    if isinstance(annotation, typing.NewType):
        annotation = annotation.__supertype__
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return "value", "any value", lambda name, value: None, {}
    if annotation is str:
        limits = limits or Text(blank=not required)
        says = "a text" if limits.lines else "a line of text"
        return "text", says, _text(says, limits, optional), {"limits": limits}
    if annotation in _SCALARS:
        kind, says, check = _SCALARS[annotation]
        return kind, says, check, {}
    if origin is Literal:
        return "choice", "one of " + ", ".join(map(repr, args)), _choice(args, optional), {"choices": args}
    if origin in (Union, types.UnionType):
        return _union(owner, name, args)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        item = field_type(owner, name, args[0])
        says = f"a tuple of {item.says}"
        return "list", says, _collection(tuple, says, item.check), {"items": item}
    if origin is frozenset and len(args) == 1:
        item = field_type(owner, name, args[0])
        says = f"a frozenset of {item.says}"
        return "set", says, _collection(frozenset, says, item.check), {"items": item}
    if origin in (Mapping, dict) and args and args[0] is str:
        item = field_type(owner, name, args[1])
        return "mapping", f"a mapping of names to {item.says}", _mapping(item.check), {"items": item}
    plain = origin or annotation
    if isinstance(plain, type):
        if issubclass(plain, enum.Enum):
            members = tuple(plain)
            return "choice", f"a {plain.__name__}", _instance(plain, f"a {plain.__name__}"), {"choices": members}
        if attrs.has(plain):
            return "value", f"a {plain.__name__}", _value_of(plain, f"a {plain.__name__}"), {}
    raise DefinitionError.of("unsupported_type", record=owner, field=name, type=str(annotation), supported=SUPPORTED)


def _ill(name: str, says: str, value: Any) -> Reason:
    return Reason.of("ill_typed", field=name, expected=says, value=value)


def _exactly(kind: type, says: str) -> Check:
    def check(name: str, value: Any) -> Reason | None:
        return None if type(value) is kind else _ill(name, says, value)

    return check


def _instance(kind: type, says: str) -> Check:
    def check(name: str, value: Any) -> Reason | None:
        return None if isinstance(value, kind) else _ill(name, says, value)

    return check


def _value_of(kind: type, says: str) -> Check:
    def check(name: str, value: Any) -> Reason | None:
        if not isinstance(value, kind):
            return _ill(name, says, value)
        own: Any = type(value)
        for inner, accepts in _inner(own):
            reason = accepts(f"{name}.{inner}", getattr(value, inner))
            if reason is not None:
                return reason
        return None

    return check


@lru_cache(maxsize=1024)
def _inner(kind: type[Any]) -> tuple[tuple[str, Check], ...]:
    """Return the checks of the fields of a value, as far as their types are told and known.

    A text is looked at for its type alone: how long it may be is for its own class to say.
    """
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except Exception:  # whatever an annotation raises when it is evaluated: the value is then taken as it is
        return ()
    found = []
    for field in attrs.fields(kind):
        try:
            told = field_type(kind.__name__, field.name, hints[field.name])
        except (DefinitionError, KeyError):
            continue
        check = told.check
        if told.kind == "text":
            check = _exactly(str, "a text")
            check = _or_none(check) if told.optional else check
        found.append((field.name, check))
    return tuple(found)


def _number(name: str, value: Any) -> Reason | None:
    if type(value) is float and math.isfinite(value):
        return None
    return None if type(value) is int else _ill(name, "a finite number", value)


def _whole(name: str, value: Any) -> Reason | None:
    if type(value) is int and -(2**63) <= value < 2**63:
        return None
    return _ill(name, "a whole number of at most 63 bits", value)


def _decimal(name: str, value: Any) -> Reason | None:
    if type(value) is Decimal and value.is_finite():
        return None
    return _ill(name, "a finite Decimal", value)


def _moment(name: str, value: Any) -> Reason | None:
    if not isinstance(value, datetime):
        return _ill(name, "a datetime with a time zone", value)
    if value.tzinfo is UTC:
        return None
    if value.tzinfo is None or value.utcoffset() is None:
        return Reason.of("naive_datetime", field=name, value=value)
    try:
        value.astimezone(UTC)
    except OverflowError:
        return Reason.of("out_of_time", field=name, value=value)
    return None


_SCALARS: dict[Any, tuple[str, str, Check]] = {
    int: ("number", "a whole number", _whole),
    float: ("number", "a number", _number),
    bool: ("boolean", "True or False", _exactly(bool, "True or False")),
    Decimal: ("decimal", "a Decimal", _decimal),
    datetime: ("moment", "a datetime with a time zone", _moment),
    date: ("date", "a date", _exactly(date, "a date without a time")),
    timedelta: ("duration", "a timedelta", _exactly(timedelta, "a timedelta")),
}


def _text(says: str, limits: Text, optional: bool) -> Check:
    longest, lines, may_be_blank = limits.max, limits.lines, limits.blank

    def check(name: str, value: Any) -> Reason | None:
        if type(value) is not str:
            return None if optional and value is None else _ill(name, says, value)
        if value.isprintable() and len(value) <= longest and (may_be_blank or (value and not value.isspace())):
            return None
        return text_problem(name, value, longest=longest, lines=lines, may_be_blank=may_be_blank)

    return check


def text_problem(
    name: str, value: str, *, longest: int = 32_000, lines: bool = True, may_be_blank: bool = True
) -> Reason | None:
    """Say why a text may not stand in a field, or None.

    Refused are control characters other than tab and line breaks, lone surrogates (they have no
    UTF-8 form), the marks that turn the direction of text, and whatever passes the limits.
    """
    if len(value) > longest:
        return Reason.of("too_long", field=name, length=len(value), limit=longest)
    for character in () if value.isprintable() else value:
        if character.isprintable() or character in "\t\n\r":
            continue
        code = ord(character)
        if code < 0x20 or 0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF or code in _DIRECTION:
            return Reason.of("control_character", field=name, character=f"U+{code:04X}")
    if not lines and not _BREAKS.isdisjoint(value):
        return Reason.of("several_lines", field=name)
    if not may_be_blank and blank(value):
        return Reason.of("blank", field=name)
    return None


_BREAKS = frozenset("\n\r\u2028\u2029")
_DIRECTION = frozenset((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))


def _choice(args: tuple[Any, ...], optional: bool) -> Check:
    words = [str(word) for word in args]
    texts = frozenset(word for word in args if type(word) is str)

    def check(name: str, value: Any) -> Reason | None:
        if type(value) is str and value in texts:
            return None
        if (optional and value is None) or any(type(value) is type(word) and value == word for word in args):
            return None
        return Reason.of("not_a_choice", field=name, value=value, choices=words, nearest=nearest(value, words))

    return check


def _collection(kind: type[tuple[Any, ...]] | type[frozenset[Any]], says: str, item: Check) -> Check:
    def check(name: str, value: Any) -> Reason | None:
        if type(value) is not kind:
            return _ill(name, says, value)
        return next((reason for each in value if (reason := item(name, each))), None)

    return check


def _mapping(item: Check) -> Check:
    def check(name: str, value: Any) -> Reason | None:
        if isinstance(value, dict) and not value:
            return None
        if not isinstance(value, Mapping) or any(type(key) is not str for key in value):
            return _ill(name, "a mapping with text keys", value)
        return next((reason for key, each in value.items() if (reason := item(f"{name}.{key}", each))), None)

    return check


def _union(owner: str, name: str, args: tuple[Any, ...]) -> tuple[str, str, Check, dict[str, Any]]:
    members = [field_type(owner, name, arg) for arg in args]
    says = " or ".join(member.says for member in members)

    def check(name: str, value: Any) -> Reason | None:
        return None if any(member.check(name, value) is None for member in members) else _ill(name, says, value)

    return "value", says, check, {}
