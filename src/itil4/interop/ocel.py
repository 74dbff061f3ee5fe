"""Object-centric event logs: a history in the form of OCEL 2.0, which tools for process mining read.

Every record is an object, every entry of its history an event of that object; links are relations between objects,
and the people who acted are objects of the type `person`. Comments are events without their text.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import attrs

from itil4.errors import InvalidInput
from itil4.itsm import ServiceManagement
from itil4.practices.base import Practice
from itil4.record import Actor

Plain: TypeAlias = str | int | float | bool | datetime
"""What an attribute may be: the five types of OCEL 2.0."""

TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "float", str: "string", datetime: "time"}
PERSON = "person"


class Attribute(NamedTuple):
    """A value of an object from a moment on."""

    name: str
    at: datetime
    value: Plain


class Reference(NamedTuple):
    """To which object something is related, and as what."""

    object: str
    qualifier: str


@attrs.frozen
class LogObject:
    """An object: a record, by its number, or a person."""

    id: str
    type: str
    attributes: tuple[Attribute, ...] = ()
    relations: tuple[Reference, ...] = ()


@attrs.frozen
class LogEvent:
    """Something that happened to objects."""

    id: str
    type: str
    at: datetime
    attributes: tuple[tuple[str, Plain], ...] = ()
    relations: tuple[Reference, ...] = ()


@attrs.frozen
class ObjectLog:
    """An object-centric event log: objects and events, in the order in which they were recorded.

    >>> import itil4
    >>> itsm = itil4.connect()
    >>> mail = itsm.incidents.log(summary="Mail is down", by=Actor("ana", roles={"user"}))
    >>> log = object_log(itsm)
    >>> [event.type for event in log.events], [each.id for each in log.objects]
    (['log incident'], ['INC0000001', 'person:ana'])
    >>> ObjectLog.from_json(log.to_json()) == log
    True
    """

    objects: tuple[LogObject, ...]
    events: tuple[LogEvent, ...]

    def to_json(self) -> str:
        """Return the log as OCEL 2.0 in JSON."""
        return json.dumps(
            {
                "objectTypes": _types(
                    (each.type, [(a.name, a.value) for a in each.attributes]) for each in self.objects
                ),
                "eventTypes": _types((each.type, each.attributes) for each in self.events),
                "objects": [
                    {
                        "id": each.id,
                        "type": each.type,
                        "attributes": [
                            {"name": name, "time": written(at), "value": _plain(value)}
                            for name, at, value in each.attributes
                        ],
                        "relationships": [_relation(relation) for relation in each.relations],
                    }
                    for each in self.objects
                ],
                "events": [
                    {
                        "id": each.id,
                        "type": each.type,
                        "time": written(each.at),
                        "attributes": [{"name": name, "value": _plain(value)} for name, value in each.attributes],
                        "relationships": [_relation(relation) for relation in each.relations],
                    }
                    for each in self.events
                ],
            },
            ensure_ascii=False,
            indent=1,
        )

    @classmethod
    def from_json(cls, text: str) -> "ObjectLog":
        """Read OCEL 2.0 in JSON.

        Raises:
            InvalidInput: it is not such a log (`unreadable`).
        """
        try:
            plain = json.loads(text)
            kinds = {
                (where, each["name"], attribute["name"]): attribute["type"]
                for where in ("objectTypes", "eventTypes")
                for each in plain[where]
                for attribute in each.get("attributes", ())
            }
            objects = tuple(
                LogObject(
                    each["id"],
                    each["type"],
                    tuple(
                        Attribute(
                            held["name"],
                            read_moment(held["time"]),
                            _typed(held["value"], kinds.get(("objectTypes", each["type"], held["name"]))),
                        )
                        for held in each.get("attributes", ())
                    ),
                    _relations(each),
                )
                for each in plain["objects"]
            )
            events = tuple(
                LogEvent(
                    each["id"],
                    each["type"],
                    read_moment(each["time"]),
                    tuple(
                        (held["name"], _typed(held["value"], kinds.get(("eventTypes", each["type"], held["name"]))))
                        for held in each.get("attributes", ())
                    ),
                    _relations(each),
                )
                for each in plain["events"]
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInput.of("unreadable", field="text", format="OCEL 2.0 in JSON", error=repr(error)) from error
        return cls(objects, events)

    def write(self, path: str | Path) -> None:
        """Write the log to a file, whose name decides: `.sqlite` or `.db` for SQLite, anything else for JSON."""
        if Path(path).suffix in (".sqlite", ".db"):
            from itil4.interop.ocel_sqlite import write_sqlite  # SQLite is loaded when it is asked for

            write_sqlite(self, path)
        else:
            Path(path).write_text(self.to_json(), encoding="utf-8")


def object_log(itsm: ServiceManagement, *, by: Actor | None = None) -> ObjectLog:
    """Return the histories of all practices as an object-centric event log.

    Events are called by step and kind (`resolve incident`), entries without a step by what they are (`update change`,
    `comment incident`). Attributes of an object are its state and its indexed fields, from when on they held.

    Args:
        itsm: whose histories.
        by: the reader; only records that they may see are in it.
    """
    by = itsm.actor if by is None else by
    made = _Log()
    for cls in itsm.house.practices.values():
        made.add(itsm[cls], by)
    return made.log()


class _Log:
    """The log in the making. Links may lead to records that come later, so they are resolved at the end."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()
        self._objects: dict[str, LogObject] = {}
        self._links: dict[str, list[Reference]] = {}
        self._events: list[tuple[LogEvent, tuple[str, str] | None]] = []

    def add(self, practice: Practice[Any], by: Actor | None) -> None:
        """Add the histories of a practice."""
        wanted = {*practice.indexed, *(each.field for each in practice.lifecycles())}
        for entries in practice.histories(by=by):
            born = entries[0]
            name = born.number or (born.origin.key if born.origin else born.record_id)
            name = born.record_id if name in self._taken else name
            self._taken.add(name)
            self._names[born.record_id] = name
            found: list[Attribute] = []
            for entry in entries:
                if entry.to_state is not None and entry.lifecycle in (None, practice.lifecycle.name):
                    found.append(Attribute("state", entry.at, entry.to_state))
                for field, change in entry.changes.items():
                    value = change.apply(None) if field in wanted and field != "state" else None
                    if value is not None and type(value) in TYPES:
                        found.append(Attribute(field, entry.at, value))
                link = entry.link if entry.op in ("link", "unlink") else None
                if link is not None:
                    linked = self._links.setdefault(name, [])
                    (linked.append if entry.op == "link" else linked.remove)(Reference(link[1], link[0]))
                told: list[tuple[str, Plain]] = [("by", entry.by), ("judged", entry.judged)]
                told += [(key, state) for key, state in (("from", entry.from_state), ("to", entry.to_state)) if state]
                person = f"{PERSON}:{entry.by}"
                relations = (Reference(name, practice.kind), Reference(person, "by"))
                event = LogEvent(
                    entry.id, f"{entry.event or entry.op} {practice.kind}", entry.at, tuple(told), relations
                )
                self._events.append((event, link))
                self._objects.setdefault(person, LogObject(person, PERSON))
            self._objects[name] = LogObject(name, practice.kind, tuple(found))

    def log(self) -> ObjectLog:
        """Return the whole, records before people and events in the order of time."""
        known = self._names
        objects = [
            attrs.evolve(each, relations=tuple(
                Reference(known[target], relation)
                for target, relation in self._links.get(each.id, ()) if target in known
            ))
            for each in sorted(self._objects.values(), key=lambda each: each.type == PERSON)
        ]  # fmt: skip
        events = [
            attrs.evolve(event, relations=(*event.relations, Reference(known[link[1]], link[0])))
            if link is not None and link[1] in known and known[link[1]] != event.relations[0].object
            else event
            for event, link in sorted(self._events, key=lambda pair: pair[0].at)
        ]
        return ObjectLog(tuple(objects), tuple(events))


def written(at: datetime) -> str:
    """Return a moment in ISO 8601, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_moment(text: str) -> datetime:
    """Read a moment in ISO 8601; one without a zone is UTC, as the standard has it."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def type_names(rows: Iterable[tuple[str, Iterable[tuple[str, Plain]]]]) -> dict[str, dict[str, str]]:
    """Return the attributes of each type, with their types; one that has values of several types is text."""
    found: dict[str, dict[str, str]] = {}
    for kind, values in rows:
        held = found.setdefault(kind, {})
        for name, value in values:
            told = TYPES[type(value)]
            held[name] = told if held.get(name, told) == told else "string"
    return found


def _types(rows: Iterable[tuple[str, Iterable[tuple[str, Plain]]]]) -> list[dict[str, Any]]:
    return [
        {"name": kind, "attributes": [{"name": name, "type": told} for name, told in held.items()]}
        for kind, held in type_names(rows).items()
    ]


def _plain(value: Plain) -> str | int | float | bool:
    return written(value) if isinstance(value, datetime) else value


def _typed(value: Any, told: str | None) -> Plain:
    if told == "time":
        return read_moment(value)
    if type(value) not in TYPES:
        raise ValueError(f"{value!r} is no value of an attribute")
    found: Plain = value
    return found


def _relation(relation: Reference) -> dict[str, str]:
    return {"objectId": relation.object, "qualifier": relation.qualifier}


def _relations(each: Mapping[str, Any]) -> tuple[Reference, ...]:
    return tuple(Reference(held["objectId"], held["qualifier"]) for held in each.get("relationships", ()))
