"""The one door to cattrs, and between values and rows.

How a value is written in JSON: datetimes as UTC in ISO 8601 with six decimals (so that text order
is time order), durations in whole microseconds, dates in ISO 8601, Decimals and enum values as
text, tuples and sets as lists (sets sorted).
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn

from itil4.errors import SchemaTooNew, StoreError
from itil4.record import Added, Change, Comment, Details, Entry, FieldType, Frozen, Origin, Shape
from itil4.record.copying import twin_of
from itil4.storage.protocols import EntryRow, RecordRow
from itil4.storage.query import microseconds, moment

Hook = Callable[[Any], Any]

_HEADERS = ("id", "number", "state", "version", "created_at", "created_by", "updated_at", "origin", "extra")
_EMPTY = Frozen()
_PLAIN_KINDS = ("text", "number", "boolean")

dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
loads = json.JSONDecoder().decode


@cache
def converter() -> Converter:
    """Return the converter that knows how the library writes each type."""
    made = Converter(forbid_extra_keys=True)
    made.register_unstructure_hook(datetime, write_moment)
    made.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    made.register_unstructure_hook(date, date.isoformat)
    made.register_structure_hook(date, lambda value, _: date.fromisoformat(value))
    made.register_unstructure_hook(timedelta, lambda value: value // timedelta(microseconds=1))
    made.register_structure_hook(timedelta, lambda value, _: timedelta(microseconds=value))
    made.register_unstructure_hook(Decimal, str)
    made.register_structure_hook(Decimal, lambda value, _: Decimal(value))
    made.register_structure_hook_func(lambda kind: kind in (str, int, float, bool), lambda value, _: value)
    made.register_unstructure_hook_func(_is_set, lambda value: sorted(made.unstructure(item) for item in value))
    made.register_unstructure_hook_func(_is_tuple, lambda value: [made.unstructure(item) for item in value])
    made.register_structure_hook_factory(attrs.has, lambda kind: make_dict_structure_fn(kind, made))
    return made


def _is_set(kind: Any) -> bool:
    return getattr(kind, "__origin__", kind) is frozenset


def _is_tuple(kind: Any) -> bool:
    return getattr(kind, "__origin__", kind) is tuple


def write_moment(value: datetime) -> str:
    """Return an aware datetime as UTC text whose order is the order of time."""
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat(timespec="microseconds")


def writer(field: FieldType) -> Hook | None:
    """Return what turns a field's value into plain JSON, or None when it is plain already."""
    if field.kind in _PLAIN_KINDS or (field.kind == "choice" and not _enums(field)):
        return None
    if field.kind == "moment":
        return write_moment
    if field.kind in ("list", "set") and field.items and writer(field.items) is None:
        return sorted if field.kind == "set" else list
    return converter().unstructure


def reader(field: FieldType) -> Hook | None:
    """Return what turns plain JSON into a field's value, or None when it is the value already."""
    if field.kind in _PLAIN_KINDS or (field.kind == "choice" and not _enums(field)):
        return None
    if field.kind == "moment":
        return datetime.fromisoformat
    if field.kind in ("list", "set") and field.items and reader(field.items) is None:
        return frozenset if field.kind == "set" else tuple
    if field.kind == "mapping":
        inner = reader(field.items) if field.items else None
        return lambda value: Frozen({key: inner(item) if inner else item for key, item in value.items()})
    kind = field.python
    return lambda value: converter().structure(value, kind)


def _enums(field: FieldType) -> bool:
    return any(isinstance(choice, Enum) for choice in field.choices)


class RecordCodec:
    """Turns the records and entries of one kind into rows and back."""

    def __init__(
        self,
        kind: str,
        shape: Shape,
        indexed: tuple[str, ...],
        category: Callable[[str], str],
        schema: int,
        upcasters: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]],
    ) -> None:
        self.kind = kind
        self.shape = shape
        self.indexed = indexed
        self.category = category
        self.schema = schema
        self.upcasters = upcasters
        own = {name: field for name, field in shape.fields.items() if name not in _HEADERS}
        everything = {**shape.fields, **shape.extra.types}
        self._body = tuple((name, writer(field), field.default in (None, _EMPTY)) for name, field in own.items())
        self._read = {name: hook for name, field in everything.items() if (hook := reader(field))}
        self._write = {name: hook for name, field in everything.items() if (hook := writer(field))}
        self._defaults = tuple(
            (name, field.default) for name, field in own.items() if name not in _HEADERS and not field.required
        )
        self._required = tuple(name for name, field in own.items() if field.required)
        self._slotted = "__weakref__" not in vars(shape.record).get("__slots__", ("__weakref__",))
        self._twin = twin_of(shape.record) if self._slotted else None

    # records

    def row(self, record: Any, number: str | None, links: int) -> RecordRow:
        """Return the row of a record."""
        body: dict[str, Any] = {}
        for name, hook, may_go in self._body:
            value = getattr(record, name)
            if value is None or (type(value) is Frozen and not value):
                if not may_go:
                    body[name] = None
            else:
                body[name] = value if hook is None else hook(value)
        extra = record.extra
        if extra:
            body["extra"] = {name: self.plain(name, value) for name, value in extra.items() if value is not None}
        inner = body.get("extra", _EMPTY)
        fields = {
            name if name in body or name in self.shape.fields else f"extra.{name}": body.get(name, inner.get(name))
            for name in self.indexed
        }
        origin = record.origin
        return RecordRow(
            record.id, self.kind, number, record.state, self.category(record.state), record.version, links,
            microseconds(record.created_at), microseconds(record.updated_at), record.created_by, self.schema,
            origin.system if origin else None, origin.key if origin else None, dumps(body), fields,
        )  # fmt: skip

    def record(self, row: RecordRow) -> Any:
        """Return the record of a row.

        Raises:
            SchemaTooNew: a later version of the record type wrote it.
            StoreError: the body cannot be read as that type.
        """
        try:
            values = self._values(row)
            if self._twin is None:
                return self.shape.record(**values)
            new = object.__new__(self._twin)
            for name, value in values.items():
                setattr(new, name, value)
            new.__class__ = self.shape.record
        except (SchemaTooNew, StoreError):
            raise
        except Exception as error:  # whatever a damaged body makes the hooks raise
            raise StoreError.of("broken_row", record=row.number or row.id, error=repr(error)) from error
        return new

    def _values(self, row: RecordRow) -> dict[str, Any]:
        body = self._upcast(loads(row.body), row.schema, row.number or row.id)
        system, key = row.origin_system, row.origin_key
        values: dict[str, Any] = {
            "id": row.id, "number": row.number, "state": row.state, "version": row.version,
            "created_at": moment(row.created_at), "created_by": row.created_by, "updated_at": moment(row.updated_at),
            "origin": Origin(system, key) if system and key else None,
        }  # fmt: skip
        values.update(self._defaults)
        extra = body.pop("extra", None)
        known = self.shape.fields
        read = self._read
        for name, value in body.items():
            if name not in known:
                raise StoreError.of("broken_row", record=row.number or row.id, error=f"unknown field {name!r}")
            hook = read.get(name)
            values[name] = value if hook is None or value is None else hook(value)
        for name in self._required:
            values[name]  # noqa: B018 - a missing required field is a broken row
        values["extra"] = Frozen({name: self.value(name, value) for name, value in extra.items()}) if extra else _EMPTY
        return values

    def _upcast(self, body: dict[str, Any], schema: int, reference: str) -> dict[str, Any]:
        if schema > self.schema:
            raise SchemaTooNew.of("schema_too_new", what=reference, found=schema, known=self.schema)
        for number in range(schema, self.schema):
            if number in self.upcasters:
                body = self.upcasters[number](body)
        return body

    def plain(self, name: str, value: Any) -> Any:
        """Return a field's value as plain JSON."""
        hook = self._write.get(name)
        return value if hook is None or value is None else hook(value)

    def value(self, name: str, plain: Any) -> Any:
        """Return the value of a field from plain JSON."""
        hook = self._read.get(name)
        return plain if hook is None or plain is None else hook(plain)

    # entries

    def entry_row(self, entry: Entry) -> EntryRow:
        """Return the row of an entry."""
        origin = entry.origin
        return EntryRow(
            entry.record_id, entry.seq, entry.kind, entry.op, entry.lifecycle, entry.event, entry.from_state,
            entry.to_state, microseconds(entry.at), microseconds(entry.recorded_at), entry.by, entry.judged, entry.unit,
            origin.system if origin else None, origin.key if origin else None, origin.row if origin else None,
            entry.number, self._details(entry.details.data),
        )  # fmt: skip

    def entry(self, row: EntryRow, tenant: str) -> Entry:
        """Return the entry of a row; its details are decoded when they are looked at."""
        system, key = row.origin_system, row.origin_key
        new: Any = object.__new__(_ENTRY)
        new.record_id = row.record_id
        new.kind = row.kind
        new.seq = row.seq
        new.op = row.op
        new.lifecycle = row.lifecycle
        new.event = row.event
        new.from_state = row.from_state
        new.to_state = row.to_state
        new.at = moment(row.at)
        new.recorded_at = moment(row.recorded_at)
        new.by = row.by
        new.judged = row.judged
        new.unit = row.unit
        new.origin = Origin(system, key, row.origin_row) if system and key else None
        new.tenant = tenant
        new.details = Details(load=lambda: self._decoded(row.details, row.number))
        new.__class__ = Entry
        made: Entry = new
        return made

    def _details(self, data: Mapping[str, Any]) -> str:
        plain: dict[str, Any] = {}
        for key, value in data.items():
            if key == "changes":
                plain[key] = {name: self._change(name, change) for name, change in value.items()}
            elif key == "comment":
                plain[key] = converter().unstructure(value)
            elif key != "number":
                plain[key] = value
        return dumps(plain)

    def _change(self, name: str, change: Change | Added) -> Any:
        hook = self._write.get(name)
        if type(change) is Added:
            return {"+": hook(change.items) if hook else list(change.items)}
        if hook is None:
            return list(change)
        old, new = change
        return [None if old is None else hook(old), None if new is None else hook(new)]

    def _decoded(self, text: str, number: str | None) -> Mapping[str, Any]:
        data: dict[str, Any] = loads(text)
        changes = data.get("changes")
        if changes is not None:
            data["changes"] = {name: self._changed(name, plain) for name, plain in changes.items()}
        if "comment" in data:
            data["comment"] = converter().structure(data["comment"], Comment)
        for name in ("roles", "waived"):
            if name in data:
                data[name] = tuple(data[name])
        if "link" in data:
            data["link"] = (data["link"][0], data["link"][1])
        if number is not None:
            data["number"] = number
        return data

    def _changed(self, name: str, plain: Any) -> Change | Added:
        hook = self._read.get(name)
        if isinstance(plain, dict):
            return Added(tuple(hook(plain["+"]) if hook else plain["+"]))
        old, new = plain
        if hook is None:
            return Change(old, new)
        return Change(None if old is None else hook(old), None if new is None else hook(new))


_ENTRY = twin_of(Entry)
