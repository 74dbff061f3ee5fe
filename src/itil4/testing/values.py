"""Values inside a story: what a step gives, in a form that can be written down and read back.

A plain value is a Python literal. What a literal cannot say is a call: `moment('2026-03-02T09:00:00+00:00')`,
`duration('2h')`, `later('1d')` (so long after the step), `decimal('1.5')`, `date('2026-03-02')`,
`number('inf')`, `ref('b')` (the record that the story calls b), or a value of the record's own types
such as `Cause(name='leak', text='It leaks')` and `Colour.RED`.
"""

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from keyword import iskeyword
from math import isfinite
from typing import Any, TypeAlias
from unicodedata import normalize

import attrs

from itil4.errors import InvalidInput
from itil4.record import Frozen

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_SPAN = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6}(?:\.\d{1,6})?)s)?")


def span_text(value: timedelta) -> str:
    """Write a length of time as stories do.

    >>> span_text(timedelta(hours=50, minutes=5))
    '2d2h5m'
    """
    seconds, parts = value.days * 86_400 + value.seconds, []
    for unit, size in _UNITS[:-1]:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    if value.microseconds:
        parts.append(f"{seconds}.{value.microseconds:06d}s")
    elif seconds or not parts:
        parts.append(f"{seconds}s")
    return "".join(parts)


def span_of(text: str) -> timedelta:
    """Read a length of time such as `2h30m`.

    Raises:
        InvalidInput: it is none.
    """
    found = _SPAN.fullmatch(text)
    try:
        if found is not None and any(found.groups()):
            days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
            return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        pass  # longer than any: said below
    raise InvalidInput.of("bad_story", text=text, place="a length of time", expected="one such as 2h30m or 3d")


@attrs.frozen
class Later:
    """A moment that lies `by` after the step that gives it; before it, where `by` is negative."""

    by: timedelta

    def __repr__(self) -> str:
        if self.by < timedelta(0):
            return f"earlier({span_text(-self.by)!r})"
        return f"later({span_text(self.by)!r})"


@attrs.frozen
class Ref:
    """Another record of the story, by the name that the story gives it."""

    label: str

    def __repr__(self) -> str:
        return f"ref({self.label!r})"


@attrs.frozen
class Member:
    """A member of one of the record's own enumerations, by its name."""

    kind: str
    name: str

    def __repr__(self) -> str:
        return f"{self.kind}.{self.name}"


def _member(value: Enum) -> "Member | Made":
    """Return a member by its name, or by its value where it has no plain name, as flags that are joined."""
    name = value.name
    if isinstance(name, str) and _is_spoken(name):
        return Member(type(value).__name__, name)
    return Made(type(value).__name__, {"value": value.value})


def _parts(value: Mapping[str, Any]) -> Frozen:
    return Frozen({name: told(each) for name, each in value.items()})


@attrs.frozen
class Made:
    """A value of one of the record's own types, by the type's name and its parts."""

    kind: str
    parts: Mapping[str, Any] = attrs.field(converter=_parts, hash=False)

    def __repr__(self) -> str:
        return f"{self.kind}({', '.join(f'{name}={written(value)}' for name, value in self.parts.items())})"


Plain: TypeAlias = Any
"""A literal, a moment, date, duration or decimal, `Later`, `Ref`, `Made`, `Member`, or a collection of those."""


def told(value: Any) -> Plain:
    """Return a value in the form that a story keeps: values of own types become `Made` or `Member`, lists tuples."""
    if isinstance(value, (Later, Ref, Made, Member)):
        return value
    if isinstance(value, Enum):
        return _member(value)
    if attrs.has(type(value)):
        parts = {
            str(each.alias): told(getattr(value, each.name))
            for each in attrs.fields(type(value))
            if each.init and getattr(value, each.name) != _default(each)
        }
        return Made(type(value).__name__, parts)
    if isinstance(value, Mapping):
        return Frozen({name: told(each) for name, each in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(told(each) for each in value)
    if isinstance(value, (set, frozenset)):
        return frozenset(told(each) for each in value)
    return value


def _default(each: "attrs.Attribute[Any]") -> Any:
    default: Any = each.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # the type is a function to checkers only
        return attrs.NOTHING if default.takes_self else default.factory()
    return default


def written(value: Plain) -> str:
    """Write a value so that `read` gives it back."""
    if isinstance(value, Enum):
        return repr(_member(value))
    if isinstance(value, datetime):
        return f"moment({value.isoformat()!r})"
    if isinstance(value, date):
        return f"date({value.isoformat()!r})"
    if isinstance(value, timedelta):
        return f"duration({span_text(value)!r})" if value >= timedelta(0) else f"duration('-{span_text(-value)}')"
    if isinstance(value, Decimal):
        return f"decimal({str(value)!r})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name!r}: {written(each)}" for name, each in value.items()) + "}"
    if isinstance(value, tuple):
        return f"({', '.join(map(written, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, frozenset):
        return f"set({written(tuple(sorted(value, key=repr)))})"
    if isinstance(value, float) and not isfinite(value):
        return f"number({str(value)!r})"
    return repr(value)


def arguments_text(values: Mapping[str, Plain]) -> str:
    """Write what a step gives, as `read_arguments` reads it; names that Python keeps for itself stand in a mapping.

    >>> arguments_text({"to": "sam", "class": 2})
    "to='sam', **{'class': 2}"
    """
    spoken = {name: value for name, value in values.items() if _is_spoken(name)}
    rest = {name: value for name, value in values.items() if name not in spoken}
    parts = [f"{name}={written(value)}" for name, value in spoken.items()]
    return ", ".join([*parts, f"**{written(rest)}"] if rest else parts)


def _is_spoken(name: str) -> bool:
    """Whether Python reads the name as it stands."""
    return name.isidentifier() and not iskeyword(name) and normalize("NFKC", name) == name


def _duration(text: str) -> timedelta:
    return -span_of(text[1:]) if text.startswith("-") else span_of(text)


_CALLS: Mapping[str, Callable[[Any], Any]] = {
    "moment": datetime.fromisoformat,
    "date": date.fromisoformat,
    "duration": _duration,
    "number": float,
    "decimal": Decimal,
    "later": lambda text: Later(span_of(text)),
    "earlier": lambda text: Later(-span_of(text)),
    "ref": Ref,
    "set": frozenset,
}


def read_arguments(text: str) -> dict[str, Plain]:
    """Read `name=value, name=value`.

    Raises:
        InvalidInput: it is something else.

    >>> read_arguments("to='sam', after=duration('2h')")
    {'to': 'sam', 'after': datetime.timedelta(seconds=7200)}
    """
    try:
        tree = ast.parse(f"f({text})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidInput.of("bad_story", text=text, place="the values of a step", expected="name='value'") from error
    found: dict[str, Plain] = {}
    for each in tree.keywords if isinstance(tree, ast.Call) and not tree.args else (None,):
        value = None if each is None else _read(each.value, text)
        if each is not None and each.arg is not None:
            found[each.arg] = value
        elif isinstance(value, Mapping) and value and all(isinstance(name, str) for name in value):
            found |= value
        else:
            raise InvalidInput.of("bad_story", text=text, place="the values of a step", expected="name='value'")
    return found


def _read(node: ast.expr, text: str) -> Plain:
    match node:
        case ast.Constant(value=value) if value is not Ellipsis:
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(_read(each, text) for each in items)
        case ast.Set(elts=items):
            return frozenset(_read(each, text) for each in items)
        case ast.Dict(keys=keys, values=values) if all(key is not None for key in keys):
            pairs: Iterable[tuple[Any, ast.expr]] = zip(keys, values, strict=True)
            return Frozen({_read(key, text): _read(each, text) for key, each in pairs})
        case ast.Call(func=ast.Name(id=name), args=[only], keywords=[]) if name in _CALLS:
            try:
                return _CALLS[name](_read(only, text))
            except (ValueError, TypeError, InvalidOperation) as error:
                raise InvalidInput.of("bad_story", text=text, place=f"{name}(...)", expected=str(error)) from error
        case ast.Call(func=ast.Name(id=name), args=[], keywords=words) if all(each.arg for each in words):
            return Made(name, {str(each.arg): _read(each.value, text) for each in words})
        case ast.Attribute(value=ast.Name(id=name), attr=member):
            return Member(name, member)
    expected = f"a literal, or one of {', '.join(f'{name}(...)' for name in _CALLS)}"
    raise InvalidInput.of("bad_story", text=text, place="the values of a step", expected=expected)


def played(value: Plain, at: datetime, types: Mapping[str, type], records: Mapping[str, Any]) -> Any:
    """Return the value as the library takes it, at the moment of its step.

    Args:
        types: the record's own types, by their names.
        records: the records of the story, by the names that it gives them.

    Raises:
        InvalidInput: it names a type or a record that is not there.
    """
    if isinstance(value, Later):
        return at + value.by
    if isinstance(value, Ref):
        if value.label not in records:
            raise InvalidInput.of("bad_story", text=repr(value), place="ref(...)", expected=_among(records))
        return records[value.label]
    if isinstance(value, Made):
        if value.kind not in types:
            raise InvalidInput.of("bad_story", text=repr(value), place="a value", expected=_among(types))
        parts = {name: played(each, at, types, records) for name, each in value.parts.items()}
        try:
            return types[value.kind](**parts)
        except Exception as error:  # whatever a type of the host says against what it is given
            raise InvalidInput.of("bad_story", text=repr(value), place="a value", expected=str(error)) from error
    if isinstance(value, Member):
        return _meant(value, types)
    if isinstance(value, Mapping):
        return {name: played(each, at, types, records) for name, each in value.items()}
    if isinstance(value, tuple):
        return tuple(played(each, at, types, records) for each in value)
    if isinstance(value, frozenset):
        return frozenset(played(each, at, types, records) for each in value)
    return value


def _meant(value: Member, types: Mapping[str, type]) -> Any:
    kind = types.get(value.kind)
    if kind is None or not issubclass(kind, Enum):
        enums = [name for name, each in types.items() if issubclass(each, Enum)]
        raise InvalidInput.of("bad_story", text=repr(value), place="a value", expected=_among(enums))
    try:
        return kind[value.name]
    except KeyError as error:
        names = (f"{value.kind}.{each}" for each in kind.__members__)
        raise InvalidInput.of("bad_story", text=repr(value), place="a value", expected=_among(names)) from error


def _among(names: Iterable[str]) -> str:
    return f"one of {', '.join(sorted(names)) or 'none'}"
