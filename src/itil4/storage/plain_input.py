"""Plain JSON from outside as values of fields: nothing unknown is let in, and errors name the place."""

import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any

import attrs

from itil4.errors import InvalidInput, Reason, nearest
from itil4.record import FieldType, Frozen, Shape
from itil4.record.door import field_type
from itil4.storage.plain import members_of, reader

_FORM: Mapping[str, type] = {"moment": str, "date": str, "decimal": str, "duration": int}


def values_from(shape: Shape, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain JSON as the values of fields, as verbs take them.

    Raises:
        InvalidInput: with a reason for every name that is unknown and every value that does not fit, each
            with its place, such as `berths[0].anchor`.
    """
    if not isinstance(data, Mapping):
        raise InvalidInput.of("ill_typed", field="data", expected="a mapping of fields", value=data)
    values: dict[str, Any] = {}
    reasons: list[Reason] = []
    for name, plain in data.items():
        field = shape.get(name) if isinstance(name, str) and name != "extra" else None
        if field is None:
            near = nearest(name, [*shape.fields, *shape.extra])
            reasons.append(Reason.of("unknown_field", record=shape.record.__name__, field=name, nearest=near))
            continue
        before = len(reasons)
        value = _read(field, plain, name, reasons)
        if len(reasons) == before and (wrong := field.check(name, value)) is not None:
            reasons.append(wrong)
        values[name] = value
    if reasons:
        raise InvalidInput(*reasons)
    return values


def _read(field: FieldType, plain: Any, path: str, reasons: list[Reason]) -> Any:
    """Return a value, or note why there is none."""
    if plain is None or field.kind in ("text", "number", "boolean"):
        return plain
    if field.items is not None:
        return _several(field, field.items, plain, path, reasons)
    if field.kind == "value" and isinstance(field.python, type) and attrs.has(field.python):
        return _own(field.python, plain, path, reasons)
    if (members := members_of(field)) is not None:
        return _one_of(members, plain, path, reasons)
    if field.kind == "choice" and not any(isinstance(each, Enum) for each in field.choices):
        return plain
    hook = reader(field)
    try:
        if type(plain) is not _FORM.get(field.kind, type(plain)):
            raise TypeError(field.kind)
        return plain if hook is None else hook(plain)
    except (TypeError, ValueError, KeyError, ArithmeticError, InvalidInput):
        reasons.append(Reason.of("ill_typed", field=path, expected=field.says, value=plain))
        return None


def _one_of(members: Mapping[str, FieldType], plain: Any, path: str, reasons: list[Reason]) -> Any:
    """Return the value of a pair `[type, value]`, which says what JSON alone does not."""
    if not isinstance(plain, (list, tuple)) or len(plain) != 2 or not isinstance(plain[0], str):
        expected = f"a pair [type, value], where the type is one of {', '.join(members)}"
        reasons.append(Reason.of("ill_typed", field=path, expected=expected, value=plain))
        return None
    tag, inner = plain
    if tag not in members:
        near = nearest(tag, members)
        reasons.append(Reason.of("not_a_choice", field=f"{path}[0]", value=tag, choices=list(members), nearest=near))
        return None
    before = len(reasons)
    value = _read(members[tag], inner, f"{path}[1]", reasons)
    if len(reasons) == before and (wrong := members[tag].check(f"{path}[1]", value)) is not None:
        reasons.append(wrong)
    return value


def _several(field: FieldType, item: FieldType, plain: Any, path: str, reasons: list[Reason]) -> Any:
    if field.kind == "mapping":
        if not isinstance(plain, Mapping):
            reasons.append(Reason.of("ill_typed", field=path, expected=field.says, value=plain))
            return None
        return Frozen({name: _read(item, each, f"{path}.{name}", reasons) for name, each in plain.items()})
    if not isinstance(plain, (list, tuple)):
        reasons.append(Reason.of("ill_typed", field=path, expected=field.says, value=plain))
        return None
    found = [_read(item, each, f"{path}[{place}]", reasons) for place, each in enumerate(plain)]
    return tuple(found) if field.kind == "list" else frozenset(found)


def _own(cls: type, plain: Any, path: str, reasons: list[Reason]) -> Any:
    if not isinstance(plain, Mapping):
        expected = f"a mapping of the parts of a {cls.__name__}"
        reasons.append(Reason.of("ill_typed", field=path, expected=expected, value=plain))
        return None
    hints = typing.get_type_hints(cls, include_extras=True)
    known = {each.name: each for each in attrs.fields(cls) if each.init}
    before, parts = len(reasons), {}
    for name, inner in plain.items():
        if name not in known:
            near = nearest(name, known)
            reasons.append(Reason.of("unknown_field", record=cls.__name__, field=f"{path}.{name}", nearest=near))
            continue
        field = field_type(cls.__name__, name, hints[name])
        before_part = len(reasons)
        parts[name] = _read(field, inner, f"{path}.{name}", reasons)
        if len(reasons) == before_part and (wrong := field.check(f"{path}.{name}", parts[name])) is not None:
            reasons.append(wrong)
    for name, each in known.items():
        if each.default is attrs.NOTHING and name not in plain:
            reasons.append(Reason.of("blank", field=f"{path}.{name}"))
    if len(reasons) > before:
        return None
    try:
        return cls(**parts)
    except InvalidInput as error:  # a value has rules of its own
        reasons += [attrs.evolve(each, detail={**each.detail, "path": path}) for each in error.reasons]
        return None
