"""OCEL 2.0 as an SQLite file: one table for each type of object and event, and the relations between them."""

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from itil4.errors import InvalidInput
from itil4.interop.ocel import Attribute, LogEvent, LogObject, ObjectLog, Plain, Reference, read_moment, type_names

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
"""The standard's moment for values that an object has from the beginning."""

_COLUMNS = {"string": "TEXT", "integer": "INTEGER", "float": "REAL", "boolean": "BOOLEAN", "time": "TIMESTAMP"}
_OWN = ("ocel_id", "ocel_time", "ocel_changed_field")


def write_sqlite(log: ObjectLog, path: str | Path) -> None:
    """Write a log to an SQLite file that is not there yet.

    Raises:
        InvalidInput: the file is there already, or an attribute has a name that is used already.
    """
    if Path(path).exists():
        raise InvalidInput.of("taken", what="file", value=str(path), holder="another file")
    objects = type_names((each.type, [(a.name, a.value) for a in each.attributes]) for each in log.objects)
    events = type_names((each.type, each.attributes) for each in log.events)
    connection = sqlite3.connect(path)
    try:
        with connection:
            run = connection.execute
            run("CREATE TABLE event (ocel_id TEXT PRIMARY KEY, ocel_type TEXT)")
            run("CREATE TABLE object (ocel_id TEXT PRIMARY KEY, ocel_type TEXT)")
            run("CREATE TABLE event_object (ocel_event_id TEXT, ocel_object_id TEXT, ocel_qualifier TEXT)")
            run("CREATE TABLE object_object (ocel_source_id TEXT, ocel_target_id TEXT, ocel_qualifier TEXT)")
            event_tables = _type_tables(connection, "event", events, ("ocel_time TIMESTAMP",))
            object_tables = _type_tables(
                connection, "object", objects, ("ocel_time TIMESTAMP", "ocel_changed_field TEXT")
            )
            many = connection.executemany
            many("INSERT INTO event VALUES (?, ?)", [(each.id, each.type) for each in log.events])
            many("INSERT INTO object VALUES (?, ?)", [(each.id, each.type) for each in log.objects])
            many(
                "INSERT INTO event_object VALUES (?, ?, ?)",
                [(each.id, *relation) for each in log.events for relation in each.relations],
            )
            many(
                "INSERT INTO object_object VALUES (?, ?, ?)",
                [(each.id, *relation) for each in log.objects for relation in each.relations],
            )
            for event in log.events:
                _insert(connection, event_tables[event.type], {"ocel_id": event.id, "ocel_time": event.at},
                        event.attributes)  # fmt: skip
            for each in log.objects:
                _insert(connection, object_tables[each.type], {"ocel_id": each.id, "ocel_time": _FIRST}, ())
                for name, at, value in each.attributes:
                    row = {"ocel_id": each.id, "ocel_time": at, "ocel_changed_field": name}
                    _insert(connection, object_tables[each.type], row, [(name, value)])
    finally:
        connection.close()


def read_sqlite(path: str | Path) -> ObjectLog:
    """Read OCEL 2.0 from an SQLite file.

    Raises:
        InvalidInput: it is not such a log (`unreadable`).
    """
    if not Path(path).is_file():
        raise InvalidInput.of("unreadable", field=str(path), format="OCEL 2.0 in SQLite", error="there is no such file")
    connection = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)
    try:
        related: dict[tuple[str, str], list[Reference]] = {}
        for what, source, target in (("event", "event", "object"), ("object", "source", "target")):
            sql = f"SELECT ocel_{source}_id, ocel_{target}_id, ocel_qualifier FROM {what}_object ORDER BY rowid"
            for owner, other, qualifier in connection.execute(sql):
                related.setdefault((what, owner), []).append(Reference(other, qualifier))
        events = _rows(connection, "event")
        objects = _rows(connection, "object")
        made_events = []
        for identity, kind in connection.execute("SELECT ocel_id, ocel_type FROM event ORDER BY rowid"):
            (at, _, values), *_ = events[identity]
            relations = tuple(related.get(("event", identity), ()))
            made_events.append(LogEvent(identity, kind, at, tuple(values), relations))
        made_objects = []
        for identity, kind in connection.execute("SELECT ocel_id, ocel_type FROM object ORDER BY rowid"):
            attributes = tuple(
                Attribute(name, at, value) for at, _, values in objects.get(identity, ()) for name, value in values
            )
            made_objects.append(LogObject(identity, kind, attributes, tuple(related.get(("object", identity), ()))))
    except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
        raise InvalidInput.of("unreadable", field=str(path), format="OCEL 2.0 in SQLite", error=error) from error
    finally:
        connection.close()
    return ObjectLog(tuple(made_objects), tuple(made_events))


def _type_tables(
    connection: sqlite3.Connection, what: str, types: Mapping[str, Mapping[str, str]], own: Iterable[str]
) -> dict[str, str]:
    """Make a table for each type, and the table that maps the types to them."""
    connection.execute(f"CREATE TABLE {what}_map_type (ocel_type TEXT PRIMARY KEY, ocel_type_map TEXT)")
    tables: dict[str, str] = {}
    taken: set[str] = set()
    for kind, attributes in types.items():
        base = "".join(part.capitalize() for part in "".join(c if c.isalnum() else " " for c in kind).split()) or "Type"
        name, number = base, 2
        while name.casefold() in taken or name.casefold() in ("map_type", "object"):
            name, number = f"{base}{number}", number + 1
        taken.add(name.casefold())
        tables[kind] = f"{what}_{name}"
        connection.execute(f"INSERT INTO {what}_map_type VALUES (?, ?)", (kind, name))
        columns = ["ocel_id TEXT", *own]
        known = {*_OWN}
        for attribute, told in attributes.items():
            if attribute.casefold() in known:  # SQLite takes names that differ in case only for one
                raise InvalidInput.of("reserved_name", record=kind, field=attribute)
            known.add(attribute.casefold())
            columns.append(f"{_quoted(attribute)} {_COLUMNS[told]}")
        connection.execute(f"CREATE TABLE {_quoted(tables[kind])} ({', '.join(columns)})")
    return tables


def _insert(
    connection: sqlite3.Connection, table: str, own: Mapping[str, Any], values: Iterable[tuple[str, Plain]]
) -> None:
    row = {**own, **dict(values)}
    marks = ", ".join("?" * len(row))
    held = [_stored(value) for value in row.values()]
    connection.execute(f"INSERT INTO {_quoted(table)} ({', '.join(map(_quoted, row))}) VALUES ({marks})", held)


def _rows(
    connection: sqlite3.Connection, what: str
) -> dict[str, list[tuple[datetime, str | None, list[tuple[str, Plain]]]]]:
    """Return what the tables of all types say: id -> (time, changed field, values)."""
    found: dict[str, list[tuple[datetime, str | None, list[tuple[str, Plain]]]]] = {}
    for (name,) in connection.execute(f"SELECT ocel_type_map FROM {what}_map_type").fetchall():
        table = _quoted(f"{what}_{name}")
        columns = [(row[1], row[2].upper()) for row in connection.execute(f"PRAGMA table_info({table})")]
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY rowid"):
            held = {column: value for (column, _), value in zip(columns, row, strict=True)}
            values = [
                (column, _read(value, told))
                for (column, told), value in zip(columns, row, strict=True)
                if column not in _OWN and value is not None
            ]
            changed = held.get("ocel_changed_field")
            found.setdefault(held["ocel_id"], []).append((read_moment(held["ocel_time"]), changed, values))
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return int(value) if isinstance(value, bool) else value


def _read(value: Any, told: str) -> Plain:
    if told == "BOOLEAN":
        return bool(value)
    found: Plain = read_moment(value) if told == "TIMESTAMP" else value
    return found
