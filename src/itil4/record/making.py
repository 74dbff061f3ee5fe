"""New records several times faster than by their constructor, which converts and checks every field.

Who makes a record has looked at its values at the door already, and defaults were looked at when the
type was compiled. So a record is a copy of its type's *blank*, which has all defaults, with the values set.
"""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from itil4.errors import Reason
from itil4.record.base import Frozen, Record, freeze
from itil4.record.door import FieldType


def blank_of(cls: type, fields: Mapping[str, FieldType]) -> Any | None:
    """Return a `cls` with its defaults, and nothing in the fields that need a value.

    None where only the constructor makes a `cls` as it is meant to be: it has code, validators or
    converters of its own, or defaults that differ from record to record or are not valid.
    """
    if not _is_plain(cls):
        return None
    made: Any = object.__new__(cls)
    for field in attrs.fields(cls):
        known, default = fields[field.name], field.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class to isinstance, a function to mypy
            if default.takes_self or default.factory not in (Frozen, tuple, frozenset):
                return None
            default = default.factory()
        if not field.init or field.validator is not None or field.converter not in (None, freeze):
            return None
        if not known.required and known.check(field.name, default) is not None:
            return None
        value = None if known.required else freeze(default) if known.kind == "mapping" else default
        object.__setattr__(made, field.name, value)
    return made


def _is_plain(cls: type) -> bool:
    own: Any = vars(cls).get("__init__")
    return (
        issubclass(cls, Record)
        and getattr(getattr(own, "__code__", None), "co_filename", "").startswith("<attrs generated")
        and cls.__new__ is object.__new__
        and cls.__attrs_post_init__ is Record.__attrs_post_init__
        and not hasattr(cls, "__attrs_pre_init__")
    )


def needing_freeze(fields: Mapping[str, FieldType]) -> frozenset[str]:
    """Return the fields whose mappings are frozen, so that who gave one cannot change the record through it."""
    return frozenset(name for name, field in fields.items() if field.kind == "mapping")


def own_converters(cls: type) -> Mapping[str, Callable[[Any], Any]]:
    """Return field -> its converter, where the class brings one."""
    if not attrs.has(cls):
        return {}
    return {
        field.name: _plain_call(field)
        for field in attrs.fields(cls)
        if field.converter is not None and field.converter is not freeze
    }


def _plain_call(field: "attrs.Attribute[Any]") -> Callable[[Any], Any]:
    convert: Any = field.converter
    if not isinstance(convert, attrs.Converter):
        made: Callable[[Any], Any] = convert
        return made
    whole: Any = field.converter
    called = whole.__call__  # an attribute of each converter, which takes the record and the field, too
    return lambda value: called(value, None, field)


def has_own_rules(cls: type) -> bool:
    """Whether a class has validators, or code that runs when one is made."""
    if not attrs.has(cls):
        return hasattr(cls, "__post_init__")
    after = getattr(cls, "__attrs_post_init__", None)
    return (
        any(field.validator is not None for field in attrs.fields(cls))
        or after not in (None, Record.__attrs_post_init__)
        or hasattr(cls, "__attrs_pre_init__")
    )


def broken_value(error: Exception, field: str, value: Any) -> Reason:
    """Return what a rule of the class says about a value."""
    said = str(error.args[0]) if error.args else type(error).__name__
    return Reason.of("invalid_value", field=field, value=value, error=said)


def broken_values(error: Exception, cls: type, values: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Return which fields the validators of a class are against; where none is, what its own code said."""
    held: Any = object.__new__(cls)
    known = [field for field in (attrs.fields(cls) if attrs.has(cls) else ()) if field.name in values]
    for field in known:
        object.__setattr__(held, field.name, values[field.name])
    found = []
    for field in known:
        if field.validator is not None:
            try:
                field.validator(held, field, values[field.name])
            except Exception as said:  # a rule of the host may raise anything
                found.append(broken_value(said, field.name, values[field.name]))
    return tuple(found) or (broken_value(error, cls.__name__, values.get("id", "")),)
