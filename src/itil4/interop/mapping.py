"""Mapping files: how the columns and words of another system become ours, as checked values.

A mapping is read from TOML and checked completely before a row is read; what is wrong is refused
with its place and the nearest known name. `docs/reference/mapping-file.md` lists every key.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NoReturn, Self, TypeAlias

import attrs

from itil4.errors import InvalidInput, Reason, nearest
from itil4.practices.base import Practice
from itil4.record import Frozen, Relations
from itil4.vocabulary import choices

RowShape: TypeAlias = Literal["snapshots", "field-changes", "final-rows"]
"""What a row is: a saved update, one changed field, or a record as it stands in the end."""

_KEYS = {
    "system": str, "practice": str, "shape": str, "zone": str, "missing": list, "time_format": str, "encoding": str,
    "delimiter": str, "identity": list, "columns": dict, "states": dict, "fields": dict, "links": dict,
}  # fmt: skip
_TIME_PARTS = frozenset("dmYyjbBaAHIpMSfz%")
_COLUMNS: Mapping[RowShape, tuple[str, ...]] = {
    "snapshots": ("key", "state", "time", "by"),
    "field-changes": ("key", "time", "by", "field", "old", "new", "state"),
    "final-rows": ("key", "state", "time", "by"),
}
_NEEDED: Mapping[RowShape, tuple[str, ...]] = {
    "snapshots": ("key", "state", "time"),
    "field-changes": ("key", "time", "field", "new", "state"),
    "final-rows": ("key", "state", "time"),
}


@attrs.frozen
class FieldMap:
    """Where a field of ours comes from.

    Attributes:
        column: the column of the file; for field changes, the name in the field column.
        values: the other system's words -> our values; None takes the text as it is.
        stand_in: a text for what no record can lack and the source does not have; `{key}` is the number there.
    """

    column: str | None = None
    values: Mapping[str, Any] | None = attrs.field(default=None, hash=False)
    stand_in: str | None = None


@attrs.frozen
class StateMap:
    """What a state of the other system is here, with the fields that it tells something about."""

    state: str
    values: Mapping[str, Any] = attrs.field(factory=Frozen, hash=False)


@attrs.frozen(kw_only=True)
class HistoryMapping:
    """How to read one kind of file of another system.

    Attributes:
        name: the file that it was read from, for messages.
        system: the other system's name, as origins have it.
        practice: the place on the desk whose records the rows are about, such as `incidents`.
        shape: what a row is.
        zone: the zone of times without one; None leaves it to the caller.
        missing: texts that stand for nothing.
        time_format: as `strptime` has it, or `iso`.
        columns: key, state, time, by (who did it), and for field changes field, old and new.
        states, fields, links: the other system's words and columns for ours.
        identity: further columns that tell one row from another.
        digest: changes when anything above does, but its name.
    """

    name: str
    system: str
    practice: str = "incidents"
    shape: RowShape = "snapshots"
    zone: str | None = None
    missing: tuple[str, ...] = ("",)
    time_format: str = "iso"
    encoding: str = "utf-8"
    delimiter: str = ","
    identity: tuple[str, ...] = ()
    columns: Mapping[str, str] = attrs.field(hash=False)
    states: Mapping[str, StateMap] = attrs.field(hash=False)
    fields: Mapping[str, FieldMap] = attrs.field(factory=Frozen, hash=False)
    links: Mapping[str, str] = attrs.field(factory=Frozen, hash=False)

    @property
    def digest(self) -> str:
        """A short mark of what the mapping says."""
        said = attrs.asdict(attrs.evolve(self, name=""), recurse=True)
        return blake2b(repr(sorted(said.items())).encode(), digest_size=8).hexdigest()

    @property
    def file_columns(self) -> tuple[str, ...]:
        """The columns that the file must have, in the order in which they identify a row."""
        wanted = list(self.columns.values())
        if self.shape == "field-changes":
            wanted.remove(self.columns["state"])  # a word in the field column, not a column
        else:
            wanted += [each.column for each in self.fields.values() if each.column]
            wanted += self.links
        return tuple(dict.fromkeys((*wanted, *self.identity)))

    @classmethod
    def shipped(cls, name: str) -> Self:
        """Return a mapping that comes with the library.

        >>> HistoryMapping.shipped("servicenow").columns["time"]
        'sys_updated_at'

        Raises:
            InvalidInput: there is none of that name.
        """
        known = shipped_names()
        if name not in known:
            raise InvalidInput.of(
                "not_a_choice", field="format", value=name, choices=known, nearest=nearest(name, known)
            )
        text = (resources.files("itil4.interop") / "mappings" / f"{name}.toml").read_text(encoding="utf-8")
        return cls.parsed(text, f"{name}.toml")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Return the mapping of a TOML file.

        Raises:
            InvalidInput: the file cannot be read, is no TOML, or says something unknown.
        """
        try:
            text = Path(path).read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise _bad(path, f"it cannot be read ({error}).", "Give a TOML file in UTF-8.") from error
        return cls.parsed(text, str(path))

    @classmethod
    def parsed(cls, text: str, name: str) -> Self:
        """Return the mapping that a TOML text says; `name` is for messages.

        Raises:
            InvalidInput: it is no TOML, or says something unknown.
        """
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise _bad(name, f"it is no TOML ({error}).", "Mend the line.") from error
        return cls(name=name, **_Reader(name).mapping(data))

    def check(self, practice: Practice[Any], relations: Relations) -> None:
        """Refuse states, fields, values and relations that the practice does not know.

        Raises:
            InvalidInput: with every such place.
        """
        wrong: list[Reason] = []
        states = {state.name for state in practice.lifecycle.states}
        for word, each in self.states.items():
            if each.state not in states:
                wrong.append(self._unknown(f"states.{word}", "state", each.state, states))
            wrong += self._ill(practice, f"states.{word}", each.values)
        settable = [name for name in practice.shape.fields if name not in practice.shape.locked]
        settable += practice.shape.extra
        for name, field in self.fields.items():
            if name not in settable:
                wrong.append(self._unknown("fields", "field", name, settable))
                continue
            known = practice.shape.get(name)
            if known is not None and known.kind not in _READABLE:
                text = f"fields.{name}: {name} is {known.says}, which no column can hold."
                wrong.append(Reason.of("bad_mapping", file=self.name, text=text, remedy="Leave it out."))
            for value in (field.values or {}).values():
                wrong += self._ill(practice, f"fields.{name}", {name: value})
        for column, relation in self.links.items():
            if relation not in relations:
                known_relations = [name for each in relations for name in (each.name, each.inverse)]
                wrong.append(self._unknown(f"links.{column}", "relation", relation, known_relations))
        if wrong:
            raise InvalidInput(*wrong)

    def _unknown(self, where: str, what: str, name: str, known: Iterable[str]) -> Reason:
        near = nearest(name, known)
        hint = f"Did you mean {near}?" if near else f"Known: {', '.join(sorted(known))}."
        text = f"{where} names the {what} {name!r}, which is not there."
        return Reason.of("bad_mapping", file=self.name, text=text, remedy=hint)

    def _ill(self, practice: Practice[Any], where: str, values: Mapping[str, Any]) -> list[Reason]:
        return [
            Reason.of("bad_mapping", file=self.name, text=f"{where}: {reason.message}", remedy=reason.remedy)
            for reason in practice.shape.problems(values) or ()
        ]


_READABLE = ("text", "number", "boolean", "moment", "choice")


def shipped_names() -> tuple[str, ...]:
    """Return the names of the mappings that come with the library."""
    files = (resources.files("itil4.interop") / "mappings").iterdir()
    return tuple(sorted(each.name.removesuffix(".toml") for each in files if each.name.endswith(".toml")))


class _Reader:
    """Checks the form of a mapping: which keys there are, and what they hold."""

    def __init__(self, name: str) -> None:
        self.name = name

    def refuse(self, text: str, remedy: str) -> NoReturn:
        raise _bad(self.name, text, remedy)

    def known(self, where: str, data: Mapping[str, Any], known: Iterable[str]) -> None:
        names = tuple(known)
        for key in data:
            if key not in names:
                near = nearest(key, names)
                hint = f"Did you mean {near}?" if near else f"Known here: {', '.join(names)}."
                self.refuse(f"{where} has the unknown key {key!r}.", hint)

    def text(self, where: str, value: object) -> str:
        if not isinstance(value, str):
            self.refuse(f"{where} is {value!r}.", "Give a text.")
        return value

    def texts(self, where: str, value: Mapping[str, Any]) -> Mapping[str, str]:
        return Frozen({key: self.text(f"{where}.{key}", each) for key, each in value.items()})

    def mapping(self, data: Mapping[str, Any]) -> dict[str, Any]:
        self.known("it", data, _KEYS)
        for key, kind in _KEYS.items():
            if key in data and not isinstance(data[key], kind):
                self.refuse(f"{key} is {data[key]!r}.", f"Give a {_NAMES[kind]}.")
        for key in ("system", "columns", "states"):
            if not data.get(key):
                self.refuse(f"it lacks {key}.", f"Add {key}.")
        shape = data.get("shape", "snapshots")
        if shape not in choices(RowShape):
            near = nearest(shape, choices(RowShape))
            hint = f"Did you mean {near}?" if near else f"Choose one of: {', '.join(choices(RowShape))}."
            self.refuse(f"shape is {shape!r}.", hint)
        made: dict[str, Any] = {key: data[key] for key, kind in _KEYS.items() if kind is str and key in data}
        for key in ("missing", "identity"):
            if key in data:
                made[key] = tuple(self.text(key, each) for each in data[key])
        if len(data.get("delimiter", ",")) != 1 or data.get("delimiter") in _NO_DELIMITERS:
            self.refuse(f"delimiter is {data['delimiter']!r}.", "Give one character that is no quote or line break.")
        self.time_format(data.get("time_format", "iso"))
        made["columns"] = self.columns(data["columns"], shape)
        made["states"] = Frozen({word: self.state(word, each) for word, each in data["states"].items()})
        made["fields"] = Frozen({name: self.field(name, each) for name, each in data.get("fields", {}).items()})
        made["links"] = self.texts("links", data.get("links", {}))
        if shape == "field-changes" and made["links"]:
            self.refuse("links are for rows that hold whole records.", "Leave links out.")
        return made

    def time_format(self, form: str) -> None:
        if form == "iso":
            return
        parts = set(re.findall(r"%(.)", form))
        if unknown := parts - _TIME_PARTS:
            self.refuse(f"time_format has the part %{min(unknown)}.", f"Known: %{', %'.join(sorted(_TIME_PARTS))}.")
        if parts.isdisjoint("Yy") or ("j" not in parts and ("d" not in parts or parts.isdisjoint("mbB"))):
            self.refuse(f"time_format is {form!r}.", "Give the year, month and day, as strptime has it, or iso.")

    def columns(self, data: Mapping[str, Any], shape: RowShape) -> Mapping[str, str]:
        self.known("columns", data, _COLUMNS[shape])
        for key in _NEEDED[shape]:
            if key not in data:
                self.refuse(f"columns lacks {key}.", f"Name the column of {key}.")
        return self.texts("columns", data)

    def state(self, word: str, value: object) -> StateMap:
        if isinstance(value, str):
            return StateMap(value)
        if not isinstance(value, dict) or not isinstance(value.get("state"), str):
            self.refuse(f"states.{word} is {value!r}.", "Give a state, or { state = ..., field = ... }.")
        return StateMap(value["state"], Frozen({name: each for name, each in value.items() if name != "state"}))

    def field(self, name: str, value: object) -> FieldMap:
        if isinstance(value, str):
            return FieldMap(value)
        if not isinstance(value, dict):
            self.refuse(f"fields.{name} is {value!r}.", "Give a column, or { column = ..., values = ... }.")
        self.known(f"fields.{name}", value, attrs.fields_dict(FieldMap))
        for key in ("column", "stand_in"):
            if key in value:
                self.text(f"fields.{name}.{key}", value[key])
        if not {"column", "stand_in"} & value.keys():
            self.refuse(f"fields.{name} has neither column nor stand_in.", "Name the column.")
        words = value.get("values")
        if words is not None and not isinstance(words, dict):
            self.refuse(f"fields.{name}.values is {words!r}.", "Give a table: their word = our value.")
        return FieldMap(value.get("column"), None if words is None else Frozen(words), value.get("stand_in"))


_NO_DELIMITERS = frozenset('"\r\n\0')
_NAMES = {str: "text", list: "list of texts", dict: "table"}


def _bad(name: str | Path, text: str, remedy: str) -> InvalidInput:
    return InvalidInput.of("bad_mapping", file=str(name), text=text, remedy=remedy)
