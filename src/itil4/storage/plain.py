"""How a value is written in JSON and read again: the one door to cattrs.

Datetimes are written as UTC in ISO 8601 with six decimals (so that text order is time order),
durations in whole microseconds, dates in ISO 8601, Decimals as text, enums by their values, tuples
and sets as lists (sets sorted). Where a field may hold one of several types that JSON cannot tell
apart, the value stands behind a word for its type (see `itil4.record.stored_as`).
"""

import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs

from itil4.errors import DefinitionError
from itil4.record import FieldType, Frozen
from itil4.record.door import field_type
from itil4.record.tags import tags_of
from itil4.storage.json_text import fastest

if TYPE_CHECKING:
    from cattrs import Converter

Hook = Callable[[Any], Any]

_MICROSECOND = timedelta(microseconds=1)
_SCALARS = (str, int, float, bool, type(None))

dumps, loads = fastest()


def write_moment(value: datetime) -> str:
    """Return an aware datetime as UTC text whose order is the order of time."""
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat(timespec="microseconds")


def writer(field: FieldType) -> Hook | None:
    """Return what turns a field's value, which is not None, into plain JSON; or None when it is plain already."""
    return _hooks(field)[0]


def reader(field: FieldType) -> Hook | None:
    """Return what turns plain JSON into a field's value, which is not None; or None when it is the value already."""
    return _hooks(field)[1]


def _hooks(field: FieldType) -> tuple[Hook | None, Hook | None]:
    kind = field.kind
    if kind in ("text", "number", "boolean"):
        return None, None
    if kind in _SCALAR_HOOKS:
        return _SCALAR_HOOKS[kind]
    if kind == "choice":
        return _choice(field)
    if field.items is not None:
        write, read = (_past_none(hook, field.items.optional) for hook in _hooks(field.items))
        return _MANY[kind](write, read)
    return _value(field)


_SCALAR_HOOKS: Mapping[str, tuple[Hook, Hook]] = {
    "moment": (write_moment, datetime.fromisoformat),
    "date": (date.isoformat, date.fromisoformat),
    "duration": (lambda value: value // _MICROSECOND, lambda plain: timedelta(microseconds=plain)),
    "decimal": (str, Decimal),
}


def _past_none(hook: Hook | None, optional: bool) -> Hook | None:
    if hook is None or not optional:
        return hook
    return lambda value: None if value is None else hook(value)


def _choice(field: FieldType) -> tuple[Hook | None, Hook | None]:
    members = field.choices
    if not any(isinstance(each, Enum) for each in members):
        return None, None
    if all(type(each.value) in _SCALARS for each in members):
        return lambda value: value.value, {each.value: each for each in members}.__getitem__
    return lambda value: value.name, {each.name: each for each in members}.__getitem__


def _list(write: Hook | None, read: Hook | None) -> tuple[Hook, Hook]:
    return (
        list if write is None else lambda value: [write(each) for each in value],
        tuple if read is None else lambda plain: tuple([read(each) for each in plain]),
    )


def _set(write: Hook | None, read: Hook | None) -> tuple[Hook, Hook]:
    return (
        _ordered if write is None else lambda value: _ordered(write(each) for each in value),
        frozenset if read is None else lambda plain: frozenset([read(each) for each in plain]),
    )


def _ordered(values: Iterable[Any]) -> list[Any]:
    """Return the elements of a set in an order of their own, so that equal sets are equal text."""
    return sorted(values, key=dumps)


def _mapping(write: Hook | None, read: Hook | None) -> tuple[Hook, Hook]:
    return (
        dict if write is None else lambda value: {name: write(each) for name, each in value.items()},
        Frozen if read is None else lambda plain: Frozen({name: read(each) for name, each in plain.items()}),
    )


_MANY = {"list": _list, "set": _set, "mapping": _mapping}


def _value(field: FieldType) -> tuple[Hook | None, Hook | None]:
    kind = field.python
    if kind is Any:
        return _write_anything, _read_anything
    if _is_union(kind):
        return _union(field)
    return lambda value: converter().unstructure(value, kind), lambda plain: converter().structure(plain, kind)


def _write_anything(value: Any) -> Any:
    if type(value) in _SCALARS:
        return _finite(value) if type(value) is float else value
    if type(value) is tuple:
        return [_write_anything(each) for each in value]
    if isinstance(value, Mapping):
        for name in value:
            if type(name) is not str:
                raise TypeError(f"{name!r} is the name of a part, and no text")
        return {name: _write_anything(each) for name, each in value.items()}
    raise TypeError(f"{value!r} is neither text, number, True, False, nothing, nor a tuple or mapping of these")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value!r} has no form in JSON")
    return value


def _read_anything(plain: Any) -> Any:
    if type(plain) is list:
        return tuple([_read_anything(each) for each in plain])
    if type(plain) is dict:
        return Frozen({name: _read_anything(each) for name, each in plain.items()})
    return plain


def _is_union(kind: Any) -> bool:
    return typing.get_origin(kind) in (typing.Union, types.UnionType)


def members_of(field: FieldType) -> Mapping[str, FieldType] | None:
    """Return word -> type of a field that may hold one of several which JSON cannot tell apart; None of any other."""
    if field.kind != "value" or not _is_union(field.python):
        return None
    members = [field_type("a union", field.name, each) for each in typing.get_args(field.python)]
    if all(_hooks(each) == (None, None) for each in members):
        return None
    return {tag: each for each in members for tag in _tags(each)}


def _union(field: FieldType) -> tuple[Hook | None, Hook | None]:
    members = [field_type("a union", field.name, each) for each in typing.get_args(field.python)]
    hooks = [_hooks(each) for each in members]
    if all(pair == (None, None) for pair in hooks):
        return None, None
    tags = [_tags(each) for each in members]
    written = [words[0] for words in tags]
    checked = tuple(zip((each.check for each in members), written, (pair[0] for pair in hooks), strict=True))
    reading: dict[str, Hook | None] = {}
    for words, pair in zip(tags, hooks, strict=True):
        for tag in words:
            if tag in reading:
                raise DefinitionError.of("duplicate", where=f"the types of {field.name}", what="the tag", name=tag)
            reading[tag] = pair[1]

    def write(value: Any) -> Any:
        for check, tag, hook in checked:
            if check(field.name, value) is None:
                return [tag, value if hook is None else hook(value)]
        raise TypeError(f"{value!r} is not {field.says}")

    def read(plain: Any) -> Any:
        tag, inner = plain
        hook = reading[tag]
        return inner if hook is None else hook(inner)

    return write, read


def _tags(member: FieldType) -> tuple[str, ...]:
    """Return the words by which a member of a union is stored: registered ones, or the sort of a plain type."""
    if member.kind == "value" or (member.kind == "choice" and isinstance(member.python, type)):
        return tags_of(member.python)
    return ("Literal",) if member.kind == "choice" else (member.kind,)


@cache
def converter() -> "Converter":
    """Return the converter for attrs values inside records; cattrs is imported when the first one is met."""
    from cattrs import Converter
    from cattrs.gen import make_dict_structure_fn

    made = Converter(forbid_extra_keys=True)
    for python, kind in ((datetime, "moment"), (date, "date"), (timedelta, "duration"), (Decimal, "decimal")):
        write, read = _SCALAR_HOOKS[kind]
        made.register_unstructure_hook(python, write)
        made.register_structure_hook(python, lambda plain, _, read=read: read(plain))
    made.register_unstructure_hook(float, _finite)
    made.register_structure_hook_func(lambda kind: kind in (str, int, float, bool), lambda plain, _: plain)
    made.register_unstructure_hook_factory(_is_ours, lambda kind: _of(kind)[0])
    made.register_structure_hook_factory(_is_ours, lambda kind: _structure(_of(kind)[1]))
    made.register_structure_hook_factory(attrs.has, lambda kind: make_dict_structure_fn(kind, made))
    return made


def _is_ours(kind: Any) -> bool:
    """Whether a type inside an attrs value is written as it is in a record."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return True
    return _is_union(kind) or typing.get_origin(kind) in (tuple, frozenset, Mapping)


def _of(kind: Any) -> tuple[Hook, Hook]:
    field = field_type("a value", "field", kind)
    write, read = (_past_none(hook, field.optional) or _same for hook in _hooks(field))
    return write, read


def _same(value: Any) -> Any:
    return value


def _structure(read: Hook) -> Callable[[Any, Any], Any]:
    return lambda plain, _: read(plain)
