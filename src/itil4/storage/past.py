"""A store as it stood: the rows that history rebuilds for an earlier moment, to be read and never written."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Literal, NamedTuple, TypeAlias

import attrs

from itil4.errors import DefinitionError, Refused
from itil4.record import PERSON, Entry, replay
from itil4.record.happened import as_happened
from itil4.storage.kinds import Kind
from itil4.storage.memory import MemoryStore
from itil4.storage.protocols import Batch, EntryRow, KindRow, LinkRow, RecordRow, Store
from itil4.storage.query import Compare, Every, Linked, Query, Some, Where, microseconds

View: TypeAlias = Literal["known", "happened"]
"""What had been written down by then; or what had happened by then, as it is known today."""

_NAMES = ("id", "number", "origin_key")


class _Was(NamedTuple):
    """A record as it was: its row, its history up to then, and the links that it was the source of."""

    row: RecordRow
    entries: list[EntryRow]
    links: list[LinkRow]


class PastStore:
    """What a store held at a moment. One record is rebuilt from its own history; lists from that of their kind, once.

    Args:
        store: the store of now.
        kinds: how its records are read.
        moment: the moment.
        view: by when an entry was written (`known`), or by when it happened.
    """

    def __init__(self, store: Store, kinds: Mapping[str, Kind], moment: datetime, view: View) -> None:
        self._store = store
        self._kinds = kinds
        self._moment = microseconds(moment)
        self._at = moment
        self._view = view
        self._lists: dict[tuple[str, str], MemoryStore] = {}
        self._ways_back: dict[str, dict[str, list[LinkRow]]] = {}
        self._with_ways_back: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def migrate(self, kinds: Iterable[KindRow]) -> None:
        """Make nothing."""

    def close(self) -> None:
        """Close nothing: the store of now stays open."""

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        """Refuse.

        Raises:
            Refused: always.
        """
        raise Refused.of("past", event="write", moment=self._at)

    # reading

    def load(self, tenant: str, ids: Sequence[str]) -> list[RecordRow]:
        """Return the rows with these ids, of records that were there."""
        return [was.row for each in dict.fromkeys(ids) if (was := self._was(tenant, each)) is not None]

    def find(self, tenant: str, query: Query) -> list[RecordRow]:
        """Return a page of rows; records asked for by name are found without the others."""
        named = _named(query.where)
        if named is None or query.order or query.after:
            return self._listed(tenant, query).find(tenant, query)
        ids = [row.id for row in self._store.find(tenant, Query(query.kind, named))]
        held = MemoryStore()
        _fill(held, tenant, [was for each in ids if (was := self._was(tenant, each)) is not None])
        return held.find(tenant, query)

    def count(self, tenant: str, query: Query) -> int:
        """Return how many rows meet the query."""
        return self._listed(tenant, query).count(tenant, query)

    def history(self, tenant: str, *, record_id: str | None = None, kind: str | None = None) -> Iterator[EntryRow]:
        """Return entries up to the moment."""
        if record_id is not None:
            was = self._was(tenant, record_id)
            return iter(was.entries if was is not None else ())
        rows = self._store.history(tenant, kind=kind)
        return (row for was in self._each(rows, tenant) for row in was.entries)

    def links(self, tenant: str, ids: Sequence[str], *, backwards: bool = False) -> list[LinkRow]:
        """Return the links at one end of these records, as they were."""
        if backwards:
            ways = self._back(tenant)
            found = [row for each in dict.fromkeys(ids) for row in ways.get(each, ())]
        else:
            found = [row for each in dict.fromkeys(ids) if (was := self._was(tenant, each)) for row in was.links]
        return sorted(found, key=lambda row: (row.at, row.source, row.relation, row.target))

    def known(self, tenant: str, what: Literal["origin", "once"], keys: Sequence[tuple[str, ...]]) -> list[Any]:
        """Return what unique keys were known."""
        found = []
        for row in self._store.known(tenant, what, keys):
            was = self._was(tenant, row.record_id if what == "once" else row[3])
            if was is None:
                continue
            if what == "once":
                there = row.seq <= len(was.entries)
            else:
                there = any((each.origin_system, each.origin_key, each.origin_row) == row[:3] for each in was.entries)
            if there:
                found.append(row)
        return found

    # rebuilding

    def _was(self, tenant: str, record_id: str) -> _Was | None:
        rows = self._store.history(tenant, record_id=record_id)
        return next(iter(self._each(rows, tenant)), None)

    def _each(self, rows: Iterable[EntryRow], tenant: str) -> Iterator[_Was]:
        """Yield the records of a history as they were; those of kinds that nobody here knows are passed over."""
        for _, some in groupby(rows, key=lambda row: row.record_id):
            whole = list(some)
            if whole[0].kind in self._kinds and (was := self._rebuilt(whole, tenant)) is not None:
                yield was

    def _rebuilt(self, rows: list[EntryRow], tenant: str) -> _Was | None:
        kind = self._kinds[rows[0].kind]
        if self._view == "known":
            later = next((place for place, row in enumerate(rows) if row.recorded_at > self._moment), len(rows))
            rows = rows[:later]
            entries: Sequence[Entry] = kind.codec.entries(rows, tenant)
        else:
            stored = kind.codec.entries(rows, tenant)
            told = as_happened(stored)
            entries = [each for each in told if microseconds(each.at) <= self._moment]
            if all(one is other for one, other in zip(entries, stored, strict=False)):
                rows = rows[: len(entries)]
            else:
                entries = [attrs.evolve(each, seq=seq) for seq, each in enumerate(entries, 1)]
                rows = [kind.codec.entry_row(each) for each in entries]
        if not rows:
            return None
        record = replay(entries, kind.shape)
        links = links_of(entries, self._kind_of(tenant))
        row = kind.codec.row(record, rows[0].number, 0, category=_category(kind, record.state))
        return _Was(row, rows, links)

    def _kind_of(self, tenant: str) -> Callable[[str], str]:
        def kind_of(end: str) -> str:
            if end.startswith(f"{PERSON}:"):
                return PERSON
            return next((row.kind for row in self._store.load(tenant, [end])), "")

        return kind_of

    def _listed(self, tenant: str, query: Query) -> MemoryStore:
        """Return what a query asks among: the records of its kind, rebuilt when they are first asked for."""
        place = (tenant, query.kind)
        ways = self._back(tenant) if _looks_back(query.where) else None
        with self._lock:
            held = self._lists.get(place)
            if held is None:
                held = MemoryStore()
                _fill(held, tenant, self._each(self._store.history(tenant, kind=query.kind), tenant))
                self._lists[place] = held
            if ways is not None and place not in self._with_ways_back:
                others = [row for rows in ways.values() for row in rows if row.source_kind != query.kind]
                held.write(tenant, Batch(links=others))
                self._with_ways_back.add(place)
            return held

    def _back(self, tenant: str) -> dict[str, list[LinkRow]]:
        """Return target -> the links to it; only records whose history speaks of links are rebuilt for that."""
        with self._lock:
            held = self._ways_back.get(tenant)
            if held is None:
                held = {}
                for _, some in groupby(self._store.history(tenant), key=lambda row: row.record_id):
                    whole = list(some)
                    if any(row.op == "link" for row in whole):
                        for was in self._each(whole, tenant):
                            for link in was.links:
                                held.setdefault(link.target, []).append(link)
                self._ways_back[tenant] = held
            return held


def _fill(held: MemoryStore, tenant: str, each: Iterable[_Was]) -> None:
    """Put records with their histories into a store in memory, each as one birth that leads to its row."""
    links: list[LinkRow] = []
    for was in each:
        held.write(tenant, Batch(births=[(was.row, None)], entries=was.entries))
        links += was.links
    if links:
        held.write(tenant, Batch(links=links))


def links_of(entries: Iterable[Entry], kind_of: Callable[[str], str]) -> list[LinkRow]:
    """Return the links that stand after these entries of their source."""
    standing: dict[tuple[str, str], LinkRow] = {}
    for entry in entries:
        if entry.op in ("link", "unlink") and entry.link is not None:
            standing.pop(entry.link, None)
            if entry.op == "link":
                relation, target = entry.link
                standing[entry.link] = LinkRow(
                    entry.record_id, relation, target, entry.kind, kind_of(target), microseconds(entry.at), entry.by
                )
    return list(standing.values())


def _category(kind: Kind, state: str) -> str:
    """Return the category of a state; of one that the lifecycle has lost since, nobody knows it any more."""
    try:
        return kind.category(state)
    except DefinitionError:
        return "unknown"


def _named(where: Where) -> Where | None:
    """Return the part of a condition that names records by what never changes, where that alone finds them."""
    if isinstance(where, Some) and where.parts and all(map(_is_name, where.parts)):
        return where
    if isinstance(where, Every):
        named = next((found for part in where.parts if (found := _named(part)) is not None), None)
        return None if named is None or any(map(_looks_back, where.parts)) else named
    return where if _is_name(where) else None


def _is_name(where: Where) -> bool:
    return isinstance(where, Compare) and where.operator in ("eq", "in") and where.field in _NAMES


def _looks_back(where: Where) -> bool:
    if isinstance(where, Linked):
        return where.backwards
    return isinstance(where, (Every, Some)) and any(map(_looks_back, where.parts))
