"""New records several times faster than by their constructor, which converts and checks every field.

Who makes a record has looked at its values at the door already, and defaults were looked at when the
type was compiled. So a record is a copy of its type's *blank*, which has all defaults, with the values set.
"""

from collections.abc import Mapping
from typing import Any

import attrs

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
