"""The store in memory: the reference that every other backend is compared with."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from itil4.errors import StoreError
from itil4.storage.protocols import Batch, Conflict, EntryRow, KindRow, LinkRow, OnceRow, RecordRow
from itil4.storage.query import COLUMNS, Linked, Query, holds, sort_key


class _Tenant:
    def __init__(self) -> None:
        self.records: dict[str, RecordRow] = {}
        self.histories: dict[str, list[EntryRow]] = {}
        self.kinds: dict[str, dict[str, None]] = defaultdict(dict)
        self.links: dict[tuple[str, str, str], LinkRow] = {}
        self.forwards: dict[str, dict[tuple[str, str, str], None]] = defaultdict(dict)
        self.backwards: dict[str, dict[tuple[str, str, str], None]] = defaultdict(dict)
        self.series: dict[str, int] = defaultdict(int)
        self.origins: dict[tuple[str, str], dict[str | None, str]] = defaultdict(dict)
        self.once: dict[str, OnceRow] = {}


class MemoryStore:
    """Keeps everything in this process; made for tests, short scripts and as the reference.

    Rows are the same plain rows that a database gets, so what it answers is what a database answers.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._tenants: dict[str, _Tenant] = defaultdict(_Tenant)
        self._paths: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._closed = False

    def migrate(self, kinds: Iterable[KindRow]) -> None:
        """Remember by what the kinds are found."""
        with self._lock:
            self._paths.update({kind.kind: kind.indexed for kind in kinds})

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._closed = True
            self._tenants.clear()

    def _of(self, tenant: str) -> _Tenant:
        if self._closed:
            raise StoreError.of("store_closed")
        return self._tenants[tenant]

    def load(self, tenant: str, ids: Sequence[str]) -> list[RecordRow]:
        """Return the rows with these ids."""
        with self._lock:
            records = self._of(tenant).records
            return [records[each] for each in ids if each in records]

    def find(self, tenant: str, query: Query) -> list[RecordRow]:
        """Return a page of rows."""
        with self._lock:
            rows = self._matching(tenant, query)
        order = (*query.order, ("id", False))
        keyed = [(tuple(sort_key(fields[name]) for name, _ in order), row) for row, fields in rows]
        if query.after is not None:
            mark = tuple(sort_key(value) for value in query.after)
            keyed = [pair for pair in keyed if _behind(pair[0], mark, order)]
        for place in reversed(range(len(order))):
            keyed.sort(key=lambda pair: pair[0][place], reverse=order[place][1])  # noqa: B023 - used at once
        return [row for _, row in keyed][: query.limit]

    def count(self, tenant: str, query: Query) -> int:
        """Return how many rows meet the query."""
        with self._lock:
            return len(self._matching(tenant, query))

    def _matching(self, tenant: str, query: Query) -> list[tuple[RecordRow, Mapping[str, Any]]]:
        data = self._of(tenant)
        names = [".".join(path) for path in self._paths.get(query.kind, ())]
        found = []
        for each in data.kinds.get(query.kind, ()):
            row = data.records[each]
            fields = {**dict.fromkeys(names), **row.fields, **{name: getattr(row, own) for name, own in COLUMNS.items()}}

            def linked(where: Linked, each: str = each) -> bool:
                side = data.backwards if where.backwards else data.forwards
                ends = (0, 2) if where.backwards else (2, 0)
                return any(key[1] == where.relation and key[ends[0]] == where.other for key in side.get(each, ()))

            if holds(query.where, fields, linked):
                found.append((row, fields))
        return found

    def history(self, tenant: str, *, record_id: str | None = None, kind: str | None = None) -> Iterator[EntryRow]:
        """Return entries by record and seq."""
        with self._lock:
            data = self._of(tenant)
            if record_id is not None:
                return iter(list(data.histories.get(record_id, ())))
            ids = sorted(data.kinds.get(kind, ()) if kind else data.records)
            return iter([row for each in ids for row in data.histories[each]])

    def links(self, tenant: str, ids: Sequence[str], *, backwards: bool = False) -> list[LinkRow]:
        """Return the links at one end of these records, oldest first."""
        with self._lock:
            data = self._of(tenant)
            side = data.backwards if backwards else data.forwards
            rows = [data.links[key] for each in ids for key in side.get(each, ())]
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

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        """Check everything, then apply everything."""
        with self._lock:
            data = self._of(tenant)
            self._check(data, batch)
            numbers = {}
            for row, series in batch.births:
                if series is not None:
                    data.series[series] += 1
                    numbers[row.id] = f"{series}{data.series[series]:07d}"
                    row = row._replace(number=numbers[row.id])  # noqa: PLW2901 - the same row, numbered
                data.records[row.id] = row
                data.kinds[row.kind][row.id] = None
                data.histories[row.id] = []
            for row, _ in batch.updates:
                data.records[row.id] = row._replace(links=data.records[row.id].links)
            for entry in batch.entries:
                if entry.seq == 1 and entry.record_id in numbers:
                    entry = entry._replace(number=numbers[entry.record_id])  # noqa: PLW2901
                data.histories[entry.record_id].append(entry)
                if entry.origin_system is not None and entry.origin_key is not None:
                    data.origins[entry.origin_system, entry.origin_key][entry.origin_row] = entry.record_id
            for link in batch.unlinks:
                key = link[:3]
                del data.links[key], data.forwards[link.source][key], data.backwards[link.target][key]
            for link in batch.links:
                key = link[:3]
                data.links[key] = link
                data.forwards[link.source][key] = data.backwards[link.target][key] = None
            for each, by in batch.bumps.items():
                if each in data.records:
                    data.records[each] = data.records[each]._replace(links=data.records[each].links + by)
            data.once.update({row.key: row for row in batch.once})
            return numbers

    @staticmethod
    def _check(data: _Tenant, batch: Batch) -> None:
        for row, _ in batch.births:
            if row.id in data.records:
                raise Conflict("id", row.id)
        for row, expected in batch.updates:
            stored = data.records.get(row.id)
            if stored is None or stored.version != expected:
                raise Conflict("version", row.id, expected, stored and stored.version)
        for each, (version, links) in batch.checks.items():
            stored = data.records.get(each)
            if stored is None or (stored.version, stored.links) != (version, links):
                raise Conflict("version", each, version, stored and stored.version)
        for entry in batch.entries:
            known = data.origins.get((entry.origin_system or "", entry.origin_key or ""), {})
            if entry.origin_system is not None and entry.origin_row in known:
                raise Conflict("origin", f"{entry.origin_system}:{entry.origin_key}", None, known[entry.origin_row])
        for link in batch.links:
            if link[:3] in data.links:
                raise Conflict("link", link.source)
        for link in batch.unlinks:
            if link[:3] not in data.links:
                raise Conflict("link", link.source)
        for once in batch.once:
            if once.key in data.once:
                raise Conflict("once", once.key)


def _behind(key: tuple[Any, ...], mark: tuple[Any, ...], order: tuple[tuple[str, bool], ...]) -> bool:
    for value, bound, (_, descending) in zip(key, mark, order, strict=True):
        if value != bound:
            return bool(value < bound if descending else value > bound)
    return False
