"""Between the records and entries of one kind, and the rows that stores keep."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import groupby
from typing import Any

import attrs

from itil4.errors import InvalidInput, SchemaTooNew, StoreError
from itil4.record import PROTECTED, Added, Change, Comment, Details, Entry, Frozen, Origin, Shape
from itil4.record.copying import twin_of
from itil4.storage.evolution import Evolution
from itil4.storage.plain import converter, dumps, loads, reader, writer
from itil4.storage.protocols import EntryRow, RecordRow
from itil4.storage.query import microseconds, moment

_HEADERS = ("id", "number", "state", "version", "created_at", "created_by", "updated_at", "origin", "extra")
_EMPTY = Frozen()


class _Found(Mapping[str, Any]):
    """The plain fields of a body by their names in queries, looked up when somebody asks for one."""

    __slots__ = ("_body",)

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body

    def __getitem__(self, name: str) -> Any:
        first, _, second = name.partition(".")
        return self._body[first][second] if second else self._body[first]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the field, or the default where the body lacks it."""
        try:
            return self[name]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        inner = self._body.get("extra", _EMPTY)
        return iter([*(name for name in self._body if name != "extra"), *(f"extra.{name}" for name in inner)])

    def __len__(self) -> int:
        return len(list(iter(self)))


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
        self.evolution = Evolution(schema, upcasters, {*_HEADERS, *PROTECTED} - {"extra"}, shape.extra)
        own = {name: field for name, field in shape.fields.items() if name not in _HEADERS}
        everything = {**shape.fields, **shape.extra.types}
        self._body = tuple((name, writer(field), field.default) for name, field in own.items())
        self._read = {name: hook for name, field in everything.items() if (hook := reader(field))}
        self._write = {name: hook for name, field in everything.items() if (hook := writer(field))}
        optional = {name: field for name, field in own.items() if not field.required}
        self._defaults = tuple(
            (name, field.default)
            for name, field in optional.items()
            if not isinstance(field.default, attrs.Factory)  # type: ignore[arg-type]  # a class at run time
        )
        self._required = tuple(name for name in own if name not in dict(self._defaults))
        slotted = "__weakref__" not in vars(shape.record).get("__slots__", ("__weakref__",))
        self._twin = twin_of(shape.record) if slotted else None
        self._known = frozenset((*own, "extra"))
        self._extras = frozenset(shape.extra)

    # records

    def row(
        self, record: Any, number: str | None, links: int, *, category: str | None = None,
        more: dict[str, Any] | None = None,
    ) -> RecordRow:  # fmt: skip
        """Return the row of a record.

        Args:
            category: that of its state, where the lifecycle cannot say it.
            more: what else its body had when it was read (see `read`).

        Raises:
            InvalidInput: a field holds what no row can.
        """
        try:
            body = self._plain_body(record)
            if more:
                body = _merged(body, more)
            text = dumps(body)
            if not text.isascii():
                text.encode()
        except (TypeError, ValueError, OverflowError) as error:
            raise self._unstorable(record, error) from error
        origin, created = record.origin, microseconds(record.created_at)
        return RecordRow(
            record.id, self.kind, number, record.state, category or self.category(record.state), record.version,
            links,
            created, created if record.updated_at is record.created_at else microseconds(record.updated_at),
            record.created_by, self.schema,
            origin.system if origin else None, origin.key if origin else None, text, _Found(body),
        )  # fmt: skip

    def _plain_body(self, record: Any) -> dict[str, Any]:
        body = self._encode(record)
        if record.extra:
            body["extra"] = {name: self.plain(name, value) for name, value in record.extra.items() if value is not None}
        return body

    def _unstorable(self, record: Any, error: Exception) -> InvalidInput:
        for name, hook, _ in self._body:
            value = getattr(record, name)
            try:
                dumps(value if hook is None or value is None else hook(value)).encode()
            except (TypeError, ValueError, OverflowError) as found:
                return InvalidInput.of("unstorable", record=record.reference, field=name, error=f"{name}: {found}")
        return InvalidInput.of("unstorable", record=record.reference, field="extra", error=str(error))

    def record(self, row: RecordRow) -> Any:
        """Return the record of a row.

        Raises:
            SchemaTooNew: a later version of the record type wrote it.
            StoreError: the body cannot be read as that type.
        """
        return self.read(row)[0]

    def read(self, row: RecordRow) -> tuple[Any, dict[str, Any] | None]:
        """Return the record of a row, and what its body has besides, which is to be written again with it.

        Raises:
            SchemaTooNew: a later version of the record type wrote it.
            StoreError: the body cannot be read as that type.
        """
        try:
            body = loads(row.body)
            if row.schema != self.schema:
                body = self.evolution.body(body, row.schema, row.number or row.id)
            record = self._decode(row, body)
            inner = body.get("extra")
            if self._known.issuperset(body) and (not inner or self._extras.issuperset(inner)):
                return record, None
            return record, self._unknown(body)
        except SchemaTooNew:
            raise
        except Exception as error:  # whatever a damaged body makes the hooks raise
            raise StoreError.of("broken_row", record=row.number or row.id, error=repr(error)) from error

    def _unknown(self, body: dict[str, Any]) -> dict[str, Any]:
        more = {name: value for name, value in body.items() if name not in self._known}
        inner = {name: value for name, value in body.get("extra", {}).items() if name not in self._extras}
        return {**more, "extra": inner} if inner else more

    def _extra(self, plain: dict[str, Any] | None) -> Frozen:
        if not plain:
            return _EMPTY
        known = self._extras
        return Frozen({name: self.value(name, value) for name, value in plain.items() if name in known})

    def _checked(self, values: dict[str, Any]) -> Any:
        return self.shape.record(**values)

    @cached_property
    def _decode(self) -> Callable[[RecordRow, dict[str, Any]], Any]:
        """The function that fills a record from its row and body, a line for each field; compiled at first use.

        A class without slots of its own is made by its constructor instead.
        """
        scope: dict[str, Any] = {
            "make": object.__new__, "twin": self._twin, "cls": self.shape.record, "moment": moment, "Origin": Origin,
            "extra": self._extra, "made": self._checked,
        }  # fmt: skip
        defaults = dict(self._defaults)
        lines = []
        for name, _, _ in self._body:
            hook = self._read.get(name)
            found = f"body['{name}']" if name in self._required else f"get('{name}', default_{name})"
            scope[f"default_{name}"] = defaults.get(name)
            if hook is None:
                lines.append((name, found))
            else:
                scope[f"read_{name}"] = hook
                shown = f"None if (value := body['{name}']) is None else read_{name}(value)"
                lines.append(
                    (name, shown if name in self._required else f"({shown}) if '{name}' in body else default_{name}")
                )
        heads = [
            ("id", "row[0]"), ("number", "row[2]"), ("state", "row[3]"), ("version", "row[5]"),
            ("created_at", "moment(row[7])"), ("created_by", "row[9]"), ("updated_at", "moment(row[8])"),
            ("origin", "Origin(row[11], row[12]) if row[11] and row[12] else None"), ("extra", "extra(get('extra'))"),
        ]  # fmt: skip
        code = ["def decode(row, body):", "    get = body.get"]
        if self._twin is not None:
            code += ["    new = make(twin)", *(f"    new.{name} = {text}" for name, text in (*heads, *lines))]
            code += ["    new.__class__ = cls", "    return new"]
        else:
            code.append(f"    return made({{{', '.join(f'{name!r}: {text}' for name, text in (*heads, *lines))}}})")
        exec("\n".join(code), scope)
        decode: Callable[[RecordRow, dict[str, Any]], Any] = scope["decode"]
        return decode

    @cached_property
    def _encode(self) -> Callable[[Any], dict[str, Any]]:
        """The function that gives the plain body of a record, a line or two for each field; compiled at first use.

        Nothing is written for a field that is empty and empty by default.
        """
        scope: dict[str, Any] = {"Frozen": Frozen}
        code = ["def encode(record):", "    body = {}"]
        for name, hook, default in self._body:
            scope[f"write_{name}"] = hook
            shown = "value" if hook is None else f"write_{name}(value)"
            kept = hook is not None and default == _EMPTY
            code.append(f"    if (value := record.{name}) is not None:")
            if kept:
                code.append("        if value or type(value) is not Frozen:")
            code.append(f"        {'    ' if kept else ''}body['{name}'] = {shown}")
            if default is not None:
                code += ["    else:", f"        body['{name}'] = None"]
        exec("\n".join((*code, "    return body")), scope)
        encode: Callable[[Any], dict[str, Any]] = scope["encode"]
        return encode

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
        """Return the row of an entry.

        Raises:
            InvalidInput: its details hold what no row can.
        """
        origin = entry.origin
        try:
            details = self._details(entry.details.data)
            if not details.isascii():
                details.encode()
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidInput.of("unstorable", record=entry.id, field="its details", error=str(error)) from error
        at = microseconds(entry.at)
        return EntryRow(
            entry.record_id, entry.seq, entry.kind, entry.op, entry.lifecycle, entry.event, entry.from_state,
            entry.to_state, at, at if entry.recorded_at is entry.at else microseconds(entry.recorded_at),
            entry.by, entry.judged, entry.unit,
            origin.system if origin else None, origin.key if origin else None, origin.row if origin else None,
            entry.number, details,
        )  # fmt: skip

    def entry(self, row: EntryRow, tenant: str) -> Entry:
        """Return the entry of a row; its details are decoded when they are looked at.

        Raises:
            StoreError: the row is damaged, now or when the details are looked at.
        """
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
        try:
            new.at = moment(row.at)
            new.recorded_at = moment(row.recorded_at)
        except (TypeError, OverflowError) as error:
            raise _broken(row, error) from error
        new.by = row.by
        new.judged = row.judged
        new.unit = row.unit
        new.origin = Origin(system, key, row.origin_row) if system and key else None
        new.tenant = tenant
        new.details = Details(load=lambda: self._decoded(row))
        new.__class__ = Entry
        made: Entry = new
        return made

    def entries(self, rows: Iterable[EntryRow], tenant: str) -> list[Entry]:
        """Return the entries of whole histories, of one record after the other.

        Raises:
            SchemaTooNew: a later version wrote one of them.
            StoreError: a row is damaged.
        """
        if self.schema == 1:
            return [self.entry(row, tenant) for row in rows]
        found = []
        for _, some in groupby(rows, key=lambda row: row.record_id):
            whole = list(some)
            for row, details in zip(whole, self.plain_details(whole), strict=True):
                entry: Any = self.entry(row, tenant)
                entry.details._load = partial(self._looked_at, row, details)
                found.append(entry)
        return found

    def plain_details(self, rows: Sequence[EntryRow]) -> list[dict[str, Any]]:
        """Return the details of a record's whole history as plain data in the present schema.

        Raises:
            SchemaTooNew: a later version wrote one of them.
            StoreError: a line is damaged, or an upcaster fails on it.
        """
        found = []
        for row in rows:
            try:
                found.append(loads(row.details))
            except ValueError as error:
                raise _broken(row, error) from error
        if self.schema == 1 or not rows:
            return found
        try:
            return self.evolution.history(found, rows[0].record_id)
        except SchemaTooNew:
            raise
        except Exception as error:  # an upcaster is the host's, and a damaged line may be anything
            raise StoreError.of("broken_history", record=rows[0].record_id, error=repr(error)) from error

    def _details(self, data: Mapping[str, Any]) -> str:
        plain: dict[str, Any] = {} if self.schema == 1 else {"schema": self.schema}
        for key, value in data.items():
            if key == "changes":
                hooks = self._write
                plain[key] = {
                    name: [change[0], change[1]]
                    if name not in hooks and type(change) is Change
                    else self._change(name, change)
                    for name, change in value.items()
                }
            elif key == "comment":
                plain[key] = converter().unstructure(value, Comment)
            elif key != "number":
                plain[key] = value
        return dumps(plain)

    def _change(self, name: str, change: Change | Added) -> Any:
        hook = self._write.get(name)
        if isinstance(change, Added):
            return {"+": hook(change.items) if hook else list(change.items)}
        old, new = change.old, change.new
        if hook is None:
            return [old, new]
        return [None if old is None else hook(old), None if new is None else hook(new)]

    def _decoded(self, row: EntryRow) -> Mapping[str, Any]:
        try:
            details = loads(row.details)
        except ValueError as error:
            raise _broken(row, error) from error
        return self._looked_at(row, details)

    def _looked_at(self, row: EntryRow, details: dict[str, Any]) -> Mapping[str, Any]:
        try:
            found = int(details.get("schema") or 1)
            if found > self.schema:
                what = f"entry {row.record_id}:{row.seq}"
                raise SchemaTooNew.of("schema_too_new", what=what, found=found, known=self.schema)
            return self._read_details(details, row.number)
        except SchemaTooNew:
            raise
        except Exception as error:  # whatever damaged details make the hooks raise
            raise _broken(row, error) from error

    def _read_details(self, data: dict[str, Any], number: str | None) -> Mapping[str, Any]:
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
        old, new = plain[0], plain[1]
        if hook is None:
            return Change(old, new)
        return Change(None if old is None else hook(old), None if new is None else hook(new))


def _merged(body: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return a body with what is unknown here, extra fields among the others."""
    inner = {**body.get("extra", {}), **more.get("extra", {})}
    return {**body, **more, "extra": inner} if inner else {**body, **more}


def _broken(row: EntryRow, error: Exception) -> StoreError:
    return StoreError.of("broken_row", record=f"entry {row.record_id}:{row.seq}", error=repr(error))


_ENTRY = twin_of(Entry)
