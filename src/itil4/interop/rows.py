"""Rows of another system, translated by a mapping: which record, what it became, when and by whom."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from itil4.errors import InvalidInput, ITIL4Error, Reason, nearest
from itil4.interop.mapping import FieldMap, HistoryMapping, StateMap
from itil4.interop.times import Moment, TimeReader
from itil4.practices.base import Practice
from itil4.record import Actor, FieldType

_ABSENT = object()


class Row:
    """What one row says. A row with a `problem` says nothing that could be used.

    Attributes:
        number: its place among the data rows of the file, from 1.
        digest: a mark of its content, by which it is known when it comes again.
        key: the record's number in the other system.
        moment: when it was saved there.
        state: ours; None where the row tells of something else.
        before: the state that a field change says it left.
        values: fields of ours.
        links: relation -> the other record's number there.
    """

    __slots__ = ("before", "by", "digest", "key", "links", "moment", "number", "problem", "state", "values")

    def __init__(self, number: int, digest: str, key: str | None) -> None:
        self.number = number
        self.digest = digest
        self.key = key
        self.moment: Moment | None = None
        self.state: str | None = None
        self.before: str | None = None
        self.by: Actor | None = None
        self.values: dict[str, Any] = {}
        self.links: list[tuple[str, str]] = []
        self.problem: Reason | None = None

    @property
    def at(self) -> datetime:
        """When it was saved there, at the earliest."""
        if self.moment is None:
            raise InvalidInput.of("blank", field="time")
        return self.moment.first


class RowReader:
    """Translates the rows of one file.

    Args:
        header: the file's columns.
        places: where those of `mapping.file_columns` stand in it.
    """

    def __init__(
        self,
        mapping: HistoryMapping,
        practice: Practice[Any],
        zone: str,
        header: Sequence[str],
        places: Sequence[int],
    ) -> None:
        self.mapping = mapping
        self._width = len(header)
        self._places = tuple(places)
        at = dict(zip(mapping.file_columns, places, strict=True))
        columns = mapping.columns
        self._key = at[columns["key"]]
        self._time = at[columns["time"]]
        self._by = at.get(columns.get("by", ""))
        self._missing = frozenset(mapping.missing) | {""}
        self._read_time = TimeReader(mapping.time_format, zone)
        self._actor = lru_cache(10_000)(Actor)
        self._nobody = Actor(mapping.system, kind="system")
        told = {name: None for each in mapping.states.values() for name in each.values}
        self._states = {word: StateMap(each.state, {**told, **each.values}) for word, each in mapping.states.items()}
        self._fields = {
            name: (at.get(each.column or ""), self._converter(name, each, practice.shape.get(name)))
            for name, each in mapping.fields.items()
            if each.column
        }
        self._by_column = {each.column: name for name, each in mapping.fields.items() if each.column}
        self._links = [(at[column], relation) for column, relation in mapping.links.items()]
        self._changes = mapping.shape == "field-changes"
        if self._changes:
            self._field, self._new = at[columns["field"]], at[columns["new"]]
            self._old = at.get(columns.get("old", ""))
        else:
            self._state = at[columns["state"]]

    def __call__(self, number: int, cells: Sequence[str]) -> Row:
        """Return what a row says; whatever is wrong with it is its `problem`."""
        if len(cells) != self._width:
            row = Row(number, _digest(cells), cells[self._key] if len(cells) > self._key else None)
            row.problem = Reason.of("bad_columns", found=len(cells), wanted=self._width)
            return row
        key = cells[self._key]
        row = Row(number, _digest([cells[place] for place in self._places]), key if key not in self._missing else None)
        try:
            self._translate(row, cells)
        except ITIL4Error as error:
            row.problem = error.reasons[0]
        return row

    def _translate(self, row: Row, cells: Sequence[str]) -> None:
        if row.key is None:
            raise InvalidInput.of("no_key", column=self.mapping.columns["key"])
        row.moment = self._read_time(cells[self._time])
        who = cells[self._by] if self._by is not None else ""
        row.by = self._nobody if who in self._missing else self._actor(who)
        if self._changes:
            self._translate_change(row, cells)
            return
        state = self._state_of(cells[self._state])
        row.state = state.state
        values = row.values
        for name, (place, convert) in self._fields.items():
            values[name] = convert(cells[place])  # type: ignore[index]  # every mapped column has a place here
        values.update(state.values)
        for place, relation in self._links:
            if cells[place] not in self._missing:
                row.links.append((relation, cells[place]))

    def _translate_change(self, row: Row, cells: Sequence[str]) -> None:
        column, new = cells[self._field], cells[self._new]
        if column == self.mapping.columns["state"]:
            state = self._state_of(new)
            row.state = state.state
            row.values.update(state.values)
            old = cells[self._old] if self._old is not None else ""
            if old not in self._missing:
                row.before = self._state_of(old).state
            return
        name = self._by_column.get(column)
        if name is not None:
            row.values[name] = self._fields[name][1](new)

    def _state_of(self, word: str) -> StateMap:
        state = self._states.get(word)
        if state is None:
            raise InvalidInput.of("foreign_state", value=word, nearest=nearest(word, self._states))
        return state

    def _converter(self, name: str, field: FieldMap, known: FieldType | None) -> Callable[[str], Any]:
        missing, kind = self._missing, known.kind if known else "text"
        nothing = None if known is None or known.optional else known.default
        if field.values is not None:
            return _by_words(name, field.column or name, field.values, missing, nothing)
        if kind == "text":
            return lambda text: nothing if text in missing else text
        read = self._read_time

        def convert(text: str) -> Any:
            if text in missing:
                return nothing
            if kind == "moment":
                return read(text).first
            if kind == "choice":
                return text
            value = _plain(kind, text)
            if value is _ABSENT:
                raise InvalidInput.of("ill_typed", field=name, expected=known.says if known else "a value", value=text)
            return value

        return convert


def _by_words(
    name: str, column: str, words: Mapping[str, Any], missing: frozenset[str], nothing: Any
) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        value = words.get(text, _ABSENT)
        if value is not _ABSENT:
            return value
        if text in missing:
            return nothing
        raise InvalidInput.of("foreign_word", column=column, value=text, field=name)

    return convert


def _plain(kind: str, text: str) -> Any:
    if kind == "boolean":
        return {"true": True, "false": False, "1": True, "0": False}.get(text.lower(), _ABSENT)
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return _ABSENT


def _digest(cells: Sequence[str]) -> str:
    return blake2b("\x1f".join(cells).encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()
