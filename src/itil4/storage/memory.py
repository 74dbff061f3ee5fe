"""The store in memory: the reference that every other backend is compared with."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from operator import attrgetter
from typing import Any, Literal

from itil4.errors import StoreError
from itil4.storage.capabilities import Capability
from itil4.storage.outbox import MemoryOutbox, Waiting
from itil4.storage.projections import DueTimes, MemoryDueTimes
from itil4.storage.protocols import Batch, Conflict, EntryRow, KindRow, LinkRow, OnceRow, RecordRow
from itil4.storage.query import COLUMNS, Compare, Every, Linked, Query, Where, behind, holds, sort_key

_LinkKey = tuple[str, str, str]

_COLUMN: dict[str, Callable[[RecordRow], Any]] = {name: attrgetter(own) for name, own in COLUMNS.items()}


class _Tenant:
    def __init__(self) -> None:
        self.records: dict[str, RecordRow] = {}
        self.histories: dict[str, list[EntryRow]] = {}
        self.kinds: dict[str, dict[str, None]] = {}
        self.links: dict[_LinkKey, LinkRow] = {}
        self.forwards: dict[str, dict[_LinkKey, None]] = {}
        self.backwards: dict[str, dict[_LinkKey, None]] = {}
        self.series: dict[str, int] = {}
        self.numbers: dict[str, str] = {}
        self.foreign: dict[str, list[str]] = {}
        self.origins: dict[tuple[str, str], dict[str | None, str]] = {}
        self.once: dict[str, OnceRow] = {}
        self.due = DueTimes()
        self.outbox: dict[str, Waiting] = {}

    def copy(self) -> "_Tenant":
        """Return the same data in containers of its own; rows are never changed, so they are shared."""
        made = _Tenant()
        for name in ("records", "links", "series", "numbers", "once"):
            setattr(made, name, getattr(self, name).copy())
        for name in ("histories", "kinds", "forwards", "backwards", "foreign", "origins"):
            setattr(made, name, {key: inner.copy() for key, inner in getattr(self, name).items()})
        made.due.rows = {key: inner.copy() for key, inner in self.due.rows.items()}
        made.outbox = {key: copy(waiting) for key, waiting in self.outbox.items()}
        return made

    def candidates(self, where: Where) -> set[str] | None:
        """Return ids among which all records are that meet the condition, or None where no index helps."""
        if isinstance(where, Compare):
            return self._named(where)
        if isinstance(where, Linked):
            side, end = (self.forwards, 2) if where.backwards else (self.backwards, 0)
            return {key[end] for key in side.get(where.other, ()) if key[1] == where.relation}
        parts = [self.candidates(part) for part in where.parts]
        if isinstance(where, Every):
            return min((part for part in parts if part is not None), key=len, default=None)
        return None if None in parts else set().union(*(part for part in parts if part is not None))

    def _named(self, where: Compare) -> set[str] | None:
        if where.operator not in ("eq", "in") or where.field not in ("id", "number", "origin_key"):
            return None
        wanted = where.value if where.operator == "in" else (where.value,)
        if None in wanted:
            return None
        wanted = [each for each in wanted if isinstance(each, str)]
        if where.field == "id":
            return {each for each in wanted if each in self.records}
        if where.field == "number":
            return {self.numbers[each] for each in wanted if each in self.numbers}
        return {owner for each in wanted for owner in self.foreign.get(each, ())}


class MemoryStore(MemoryDueTimes, MemoryOutbox):
    """Keeps everything in this process; made for tests, short scripts and as the reference.

    Rows are the same plain rows that a database gets, so what it answers is what a database answers.

    >>> store = MemoryStore()
    >>> store.load("", ["no such id"])
    []
    """

    capabilities: frozenset[Capability] = frozenset(("gapless_numbers", "due_times", "outbox"))

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._tenants: dict[str, _Tenant] = {}
        self._closed = False

    def copy(self) -> "MemoryStore":
        """Return another store with the same data; from here on each goes its own way.

        Rows are shared and only what holds them is copied, so it costs a walk over keys and histories.

        >>> store = MemoryStore()
        >>> other = store.copy()
        >>> other.close()
        >>> store.load("", ["no such id"])
        []
        """
        made = copy(self)
        made._lock = threading.RLock()
        with self._lock:
            made._tenants = {tenant: data.copy() for tenant, data in self._tenants.items()}
            made._closed = self._closed
        return made

    def migrate(self, kinds: Iterable[KindRow]) -> None:
        """Make nothing: rows bring the fields that they are found by."""
        self._of("")

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._closed = True
            self._tenants.clear()

    def _of(self, tenant: str) -> _Tenant:
        if self._closed:
            raise StoreError.of("store_closed")
        found = self._tenants.get(tenant)
        return self._tenants.setdefault(tenant, _Tenant()) if found is None else found

    # reading

    def load(self, tenant: str, ids: Sequence[str]) -> list[RecordRow]:
        """Return the rows with these ids."""
        if len(ids) == 1:
            try:
                return [self._tenants[tenant].records[ids[0]]]
            except KeyError:
                self._of(tenant)  # which says so where the store is closed
                return []
        with self._lock:
            records = self._of(tenant).records
            return [records[each] for each in dict.fromkeys(ids) if each in records]

    def find(self, tenant: str, query: Query) -> list[RecordRow]:
        """Return a page of rows."""
        with self._lock:
            rows = self._matching(tenant, query)
        order = query.total_order
        keyed = [(tuple(sort_key(_read(row, name)) for name, _ in order), row) for row in rows]
        if query.after is not None:
            mark = tuple(map(sort_key, query.after))
            keyed = [pair for pair in keyed if behind(pair[0], mark, order)]
        for place in reversed(range(len(order))):
            keyed.sort(key=lambda pair: pair[0][place], reverse=order[place][1])
        return [row for _, row in keyed][: query.limit]

    def count(self, tenant: str, query: Query) -> int:
        """Return how many rows meet the query."""
        with self._lock:
            return len(self._matching(tenant, query))

    def _matching(self, tenant: str, query: Query) -> list[RecordRow]:
        data = self._of(tenant)
        ids: Iterable[str] | None = data.candidates(query.where)
        if ids is None:
            ids = data.kinds.get(query.kind, ())
        rows = (data.records[each] for each in ids if each in data.records)
        return [row for row in rows if row.kind == query.kind and _meets(data, query.where, row)]

    def history(self, tenant: str, *, record_id: str | None = None, kind: str | None = None) -> Iterator[EntryRow]:
        """Return entries by record and seq, as they stand now."""
        with self._lock:
            data = self._of(tenant)
            if record_id is not None:
                return iter(tuple(data.histories.get(record_id, ())))
            ids = sorted(data.records if kind is None else data.kinds.get(kind, ()))
            return iter([row for each in ids for row in data.histories[each]])

    def links(self, tenant: str, ids: Sequence[str], *, backwards: bool = False) -> list[LinkRow]:
        """Return the links at one end of these records, oldest first."""
        with self._lock:
            data = self._of(tenant)
            side = data.backwards if backwards else data.forwards
            rows = [data.links[key] for each in dict.fromkeys(ids) for key in side.get(each, ())]
        return sorted(rows, key=lambda row: (row.at, row.source, row.relation, row.target))

    def known(self, tenant: str, what: Literal["origin", "once"], keys: Sequence[tuple[str, ...]]) -> list[Any]:
        """Return what unique keys are known."""
        with self._lock:
            data = self._of(tenant)
            if what == "once":
                return [data.once[key] for (key,) in keys if key in data.once]
            return [
                (system, key, row, owner)
                for system, key in keys
                for row, owner in data.origins.get((system, key), {}).items()
            ]

    # writing

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        """Check everything, then apply everything."""
        batch.check()
        with self._lock:
            data = self._of(tenant)
            numbers, series = _numbered(data, batch)
            _check(data, batch, numbers)
            if series:
                data.series.update(series)
            for row, _ in batch.births:
                self._born(data, row, numbers.get(row.id, row.number))
            for row, _ in batch.updates:
                data.records[row.id] = data.records[row.id]._replace(
                    state=row.state, category=row.category, version=row.version, updated_at=row.updated_at,
                    schema=row.schema, body=row.body, fields=row.fields,
                )  # fmt: skip
            for entry in batch.entries:
                if entry.seq == 1 and entry.record_id in numbers:
                    entry = entry._replace(number=numbers[entry.record_id])  # noqa: PLW2901 - the same, numbered
                data.histories[entry.record_id].append(entry)
                if self._keeps_outbox:
                    self._put_out(data, entry)
                if entry.origin_system is not None and entry.origin_key is not None:
                    known = data.origins.setdefault((entry.origin_system, entry.origin_key), {})
                    known[entry.origin_row] = entry.record_id
            for gone in batch.redactions:
                history = data.histories[gone.record_id]
                history[gone.seq - 1] = history[gone.seq - 1]._replace(by=gone.by, details=gone.details)
                if gone.seq == 1:
                    data.records[gone.record_id] = data.records[gone.record_id]._replace(created_by=gone.by)
            for link in batch.unlinks:
                key = link[:3]
                del data.links[key], data.forwards[link.source][key], data.backwards[link.target][key]
            for link in batch.links:
                key = link[:3]
                data.links[key] = link
                data.forwards.setdefault(link.source, {})[key] = None
                data.backwards.setdefault(link.target, {})[key] = None
            for each, by in batch.bumps.items():
                if each in data.records:
                    data.records[each] = data.records[each]._replace(links=data.records[each].links + by)
            for once in batch.once:
                data.once[once.key] = once
            if batch.due:
                data.due.put(batch.due)
            return numbers

    @staticmethod
    def _born(data: _Tenant, row: RecordRow, number: str | None) -> None:
        data.records[row.id] = row if row.number == number else row._replace(number=number)
        kind = data.kinds.get(row.kind)
        if kind is None:
            kind = data.kinds[row.kind] = {}
        kind[row.id] = None
        data.histories[row.id] = []
        if number is not None:
            data.numbers[number] = row.id
        if row.origin_key is not None:
            data.foreign.setdefault(row.origin_key, []).append(row.id)


def _numbered(data: _Tenant, batch: Batch) -> tuple[dict[str, str], dict[str, int]]:
    numbers: dict[str, str] = {}
    series: dict[str, int] = {}
    for row, prefix in batch.births:
        if prefix is not None:
            series[prefix] = series.get(prefix, data.series.get(prefix, 0)) + 1
            numbers[row.id] = f"{prefix}{series[prefix]:07d}"
    return numbers, series


def _check(data: _Tenant, batch: Batch, numbers: dict[str, str]) -> None:
    for once in batch.once:
        if once.key in data.once:
            raise Conflict("once", once.key, None, data.once[once.key].record_id)
    for each, (version, links) in batch.checks.items():
        stored = data.records.get(each)
        if stored is None or stored.version != version:
            raise Conflict("version", each, version, stored and stored.version)
        if stored.links != links:
            raise Conflict("links", each, links, stored.links)
    for row, _ in batch.births:
        if row.id in data.records:
            raise Conflict("id", row.id, None, row.id)
    taken = set()
    for row, _ in batch.births:
        number = numbers.get(row.id, row.number)
        if number in data.numbers or number in taken:
            raise Conflict("number", str(number), None, data.numbers.get(str(number)))
        if number is not None:
            taken.add(number)
    for row, expected in batch.updates:
        stored = data.records.get(row.id)
        if stored is None or stored.version != expected:
            raise Conflict("version", row.id, expected, stored and stored.version)
    for entry in batch.entries:
        if entry.origin_system is None or entry.origin_key is None:
            continue
        known = data.origins.get((entry.origin_system, entry.origin_key), {})
        if entry.origin_row in known:
            raise Conflict("origin", f"{entry.origin_system}:{entry.origin_key}", None, known[entry.origin_row])
    if not batch.unlinks and not batch.links:
        return
    gone = {link[:3] for link in batch.unlinks}
    for link in batch.unlinks:
        if link[:3] not in data.links:
            raise Conflict("link", link.source)
    for link in batch.links:
        if link[:3] in data.links and link[:3] not in gone:
            raise Conflict("link", link.source)


def _read(row: RecordRow, name: str) -> Any:
    column = _COLUMN.get(name)
    return row.fields.get(name) if column is None else column(row)


def _meets(data: _Tenant, where: Where, row: RecordRow) -> bool:
    def linked(where: Linked) -> bool:
        key = (where.other, where.relation, row.id) if where.backwards else (row.id, where.relation, where.other)
        return key in data.links

    return holds(where, lambda name: _read(row, name), linked)
