"""What a host's own row type holds: read off attrs and dataclasses, Django and SQLAlchemy models, or annotations.

No framework is imported; a class is asked for what its framework has put on it.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import attrs

from itil4.errors import DefinitionError
from itil4.record import FieldSet, FieldType, Shape, Text
from itil4.record.door import field_type

_DJANGO: Mapping[str, Any] = {
    **dict.fromkeys(("CharField", "TextField", "SlugField", "EmailField", "URLField", "FilePathField"), str),
    **dict.fromkeys(("AutoField", "BigAutoField", "SmallAutoField"), int),
    **dict.fromkeys(("IntegerField", "SmallIntegerField", "BigIntegerField"), int),
    **dict.fromkeys(("PositiveIntegerField", "PositiveSmallIntegerField", "PositiveBigIntegerField"), int),
    "FloatField": float,
    "DecimalField": Decimal,
    "BooleanField": bool,
    "DateTimeField": datetime,
    "DateField": date,
    "DurationField": timedelta,
}
_SIMPLE = (str, int, float, bool, Decimal, datetime, date, timedelta)


class View:
    """A row as a step would leave it: the payload laid over it, the row itself untouched.

    It answers to the lifecycle's names and to the host's; methods and properties of the host's
    class run on the view, so that they too see the proposed values.
    """

    __slots__ = ("_changes", "_names", "_row")

    def __init__(self, row: Any, changes: Mapping[str, Any], names: Mapping[str, str]) -> None:
        self._row = row
        self._changes = changes
        self._names = names

    def __getattr__(self, name: str) -> Any:
        name = self._names.get(name, name)
        if name in self._changes:
            return self._changes[name]
        found = getattr(type(self._row), name, None)
        if isinstance(found, property) and found.fget is not None:
            return found.fget(self)
        if isinstance(found, types.FunctionType):
            return types.MethodType(found, self)
        return getattr(self._row, name)

    def __repr__(self) -> str:
        return f"{self._row!r} with {dict(self._changes)!r}"


class HostShape(Shape):
    """The shape of a host's row type: fields by the lifecycle's names, stored under the host's."""

    __slots__ = ("names",)
    names: Mapping[str, str]

    @classmethod
    def of(
        cls, kind: type, fields: Mapping[str, FieldType], names: Mapping[str, str], locked: frozenset[str]
    ) -> "HostShape":
        """Return the shape of `kind`, whose proposed values are views and never copies."""

        def proposed(row: Any, changes: Mapping[str, Any]) -> Any:
            changes = {names.get(name, name): value for name, value in changes.items()}
            if isinstance(row, View):
                return View(row._row, {**row._changes, **changes}, names)
            return View(row, changes, names)

        made = cls(kind, fields, FieldSet(), locked, proposed)
        object.__setattr__(made, "names", names)
        object.__setattr__(made, "has_rules", False)  # those of a row run when it is set, not on a view of it
        return made

    def read(self, record: Any, name: str) -> Any:
        """Return the value of a field of a row or a view."""
        return getattr(record, self.names.get(name, name))


def host_fields(kind: type, names: Mapping[str, str], declared: Mapping[str, Any]) -> dict[str, FieldType]:
    """Return the fields of a row type by the lifecycle's names.

    Args:
        kind: the row type.
        names: the lifecycle's name of a field -> the host's.
        declared: field -> annotation, for what the class does not say; it wins over what it says.

    Raises:
        DefinitionError: a declared annotation is a type that fields cannot have.
    """
    known = {**_said_by(kind), **declared}
    backwards = {host: name for name, host in names.items()}
    made = {}
    for host, annotation in known.items():
        name = backwards.get(host, host)
        try:
            made[name] = field_type(kind.__name__, name, annotation)
        except DefinitionError:
            if host in declared:
                raise
            made[name] = field_type(kind.__name__, name, Any)
    for name in names:
        if name not in made:
            made[name] = field_type(kind.__name__, name, Any)
    return made


def identities(kind: type) -> frozenset[str]:
    """Return the attributes that identify a row of a Django or SQLAlchemy model, which no step may set."""
    meta: Any = getattr(kind, "_meta", None)
    if hasattr(meta, "concrete_fields"):
        return frozenset(("pk", meta.pk.name, meta.pk.attname))
    mapper: Any = getattr(kind, "__mapper__", None)
    if hasattr(mapper, "column_attrs"):
        keys = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
        return frozenset(keys)
    return frozenset()


def _said_by(kind: type) -> dict[str, Any]:
    meta: Any = getattr(kind, "_meta", None)
    if hasattr(meta, "concrete_fields"):
        return _django(meta)
    mapper: Any = getattr(kind, "__mapper__", None)
    if hasattr(mapper, "column_attrs"):
        return _sqlalchemy(mapper)
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except Exception:  # an annotation of the host that cannot be evaluated says nothing
        hints = {}
    if attrs.has(kind):
        return {field.name: hints.get(field.name, Any) for field in attrs.fields(kind)}
    if dataclasses.is_dataclass(kind):
        return {field.name: hints.get(field.name, Any) for field in dataclasses.fields(kind)}
    return {name: hint for name, hint in hints.items() if typing.get_origin(hint) is not typing.ClassVar}


def _django(meta: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in meta.concrete_fields:
        if field.is_relation:
            found[field.name] = found[field.attname] = Any
            continue
        annotation = _DJANGO.get(field.get_internal_type(), Any)
        values = tuple(value for value, _ in field.flatchoices or () if value is not None and value != "")
        if values and all(isinstance(value, (str, int, bool)) for value in values):
            annotation = Literal[(*values, "")] if field.blank and annotation is str else Literal[values]
        elif annotation is str and field.max_length:
            annotation = Annotated[str, Text(max=field.max_length)]
        found[field.name] = annotation | None if field.null and annotation is not Any else annotation
    return found


def _sqlalchemy(mapper: Any) -> dict[str, Any]:
    found: dict[str, Any] = {each.key: Any for each in getattr(mapper, "relationships", ())}
    for each in mapper.column_attrs:
        column = each.columns[0]
        try:
            annotation: Any = column.type.python_type
        except NotImplementedError:
            annotation = Any
        if annotation not in _SIMPLE:
            annotation = Any
        length = getattr(column.type, "length", None)
        if annotation is str and isinstance(length, int):
            annotation = Annotated[str, Text(max=length)]
        found[each.key] = annotation | None if column.nullable and annotation is not Any else annotation
    return found
