"""The unit of work that all stores share: collect, check, write once.

It never trusts the record that a caller holds: it starts from the stored row, folds the new
entries over it, and refuses what differs. One entry is one version.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import attrs

from itil4.errors import InvalidInput, NotFound, Reason, StaleRecord, StoreError
from itil4.record import Entry, Link, Relations
from itil4.storage.kinds import Kind
from itil4.storage.protocols import Batch, Conflict, LinkRow, OnceRow, RecordRow, Store
from itil4.storage.query import microseconds, moment


@attrs.define
class _Working:
    """A record that the unit has read or changed."""

    kind: Kind
    row: RecordRow | None
    record: Any
    entries: list[Entry] = attrs.Factory(list)


class Unit:
    """Steps, updates and links that happen together or not at all.

    Not for sharing between threads. Reads inside it see what it has collected; searches see what
    is stored.
    """

    def __init__(self, store: Store, tenant: str, kinds: Mapping[str, Kind], relations: Relations, name: str) -> None:
        self.name = name
        self.store = store
        self.tenant = tenant
        self.kinds = kinds
        self.relations = relations
        self.entries: list[Entry] = []
        self.ended = False
        self._working: dict[str, _Working] = {}
        self._links: dict[tuple[str, str, str], LinkRow] = {}
        self._unlinks: dict[tuple[str, str, str], LinkRow] = {}
        self._checks: dict[str, tuple[int, int]] = {}
        self._once: list[OnceRow] = []
        self._undo: list[Callable[[], object]] = []

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what was collected inside when it ends in an error, and nothing else."""
        mark = len(self._undo)
        try:
            yield
        except BaseException:
            while len(self._undo) > mark:
                self._undo.pop()()
            raise

    # reading

    def get(self, record_id: str) -> Any | None:
        """Return the record as this unit sees it, or None."""
        return next(iter(self.get_all([record_id])), None)

    def get_all(self, ids: Iterable[str]) -> list[Any]:
        """Return the records with these ids, in their order; unknown ones are left out."""
        wanted = list(dict.fromkeys(ids))
        lacking = [each for each in wanted if each not in self._working]
        if lacking:
            for row in self.store.load(self.tenant, lacking):
                kind = self.kind(row.kind)
                self._working[row.id] = _Working(kind, row, kind.codec.record(row))
        return [self._working[each].record for each in wanted if each in self._working]

    def kind_of(self, record_id: str) -> Kind:
        """Return the kind of a record that this unit has read."""
        return self._working[record_id].kind

    def kind(self, name: str) -> Kind:
        """Return the kind of that name.

        Raises:
            StoreError: the store holds a kind that no practice here knows.
        """
        known = self.kinds.get(name)
        if known is None:
            raise StoreError.of("unknown_kind", kind=name)
        return known

    def current(self, held: Any, expected: int | None = None) -> Any:
        """Return the stored form of a record that a caller holds.

        Raises:
            NotFound: there is none.
            StaleRecord: it has moved on.
            InvalidInput: the caller's copy was doctored.
        """
        stored = self.get(held.id)
        if stored is None:
            raise NotFound.of("not_found", record=type(held).__name__, value=held.reference, actor="anybody")
        if stored.version != held.version:
            raise self._stale(stored.id, held.version)
        if stored.number is not None and held.number is None:  # it was given when the unit that made it ended
            held = self.kind_of(stored.id).shape.copy(held, {"number": stored.number})
        if stored != held:
            differing = [name for name in _fields(stored) if getattr(stored, name) != getattr(held, name, None)]
            raise InvalidInput.of("tampered", record=stored.reference, fields=differing or ["its type"])
        self.expect(stored, expected)
        return stored

    def expect(self, stored: Any, expected: int | None) -> None:
        """Refuse when the stored version is not the expected one."""
        if expected is not None and stored.version != expected:
            raise self._stale(stored.id, expected)

    def depend(self, ids: Iterable[str]) -> None:
        """Remember that what happens here rests on these records as they are: none may move before commit."""
        for each in ids:
            working = self._working.get(each)
            if working is not None and working.row is not None:
                self._checks[each] = (working.row.version, working.row.links)

    # links

    def links(self, record_id: str, *, backwards: bool = False) -> list[LinkRow]:
        """Return the links at one end of a record, with what this unit adds and removes."""
        return self.links_of([record_id], backwards=backwards)

    def links_of(self, ids: list[str], *, backwards: bool = False) -> list[LinkRow]:
        """Return the links at one end of several records, oldest first."""
        stored = [
            row for row in self.store.links(self.tenant, ids, backwards=backwards) if row[:3] not in self._unlinks
        ]
        new = [row for row in self._links.values() if (row.target if backwards else row.source) in ids]
        return [*stored, *new]

    def add_link(self, link: LinkRow) -> None:
        """Add a link; its entry is added like any other."""
        self._swap(link, self._unlinks, self._links)

    def remove_link(self, link: LinkRow) -> None:
        """Remove a link; its entry is added like any other."""
        self._swap(link, self._links, self._unlinks)

    def _swap(self, link: LinkRow, undone: dict[Any, LinkRow], done: dict[Any, LinkRow]) -> None:
        key = link[:3]
        gone = undone.pop(key, None)
        if gone is not None:
            self._undo.append(partial(undone.__setitem__, key, gone))
        else:
            done[key] = link
            self._undo.append(partial(done.pop, key))

    def trail(self, start: str, relation: str) -> list[str]:
        """Return every record that following `relation` from `start` reaches, and rest on them (see `depend`)."""
        reached: dict[str, None] = {}
        wave = [start]
        while wave:
            self.get_all(wave)
            self.depend(wave)
            ahead = [row.target for row in self.links_of(wave) if row.relation == relation]
            reached.update(dict.fromkeys(wave))
            wave = [each for each in dict.fromkeys(ahead) if each not in reached]
        return list(reached)

    # writing

    def born(self, kind: Kind, record: Any, entry: Entry) -> None:
        """Add a new record with its first entry."""
        self._working[record.id] = _Working(kind, None, record, [entry])
        self.entries.append(entry)
        self._undo += [partial(self._working.pop, record.id), self.entries.pop]

    def add(self, record: Any, entry: Entry) -> Any:
        """Add what an entry changes; the result must be `record`, folded from what is stored."""
        working = self._working[entry.record_id]
        shape = working.kind.shape
        changes = {name: change.apply(shape.read(working.record, name)) for name, change in entry.changes.items()}
        folded = shape.copy(working.record, {**changes, "version": entry.seq, "updated_at": entry.at})
        if folded != record or entry.seq != working.record.version + 1:
            differing = [name for name in _fields(folded) if getattr(folded, name) != getattr(record, name, None)]
            raise InvalidInput.of("tampered", record=folded.reference, fields=differing or ["version"])
        self._undo += [partial(setattr, working, "record", working.record), working.entries.pop, self.entries.pop]
        working.record = record
        working.entries.append(entry)
        self.entries.append(entry)
        return record

    def once(self, key: str, record_id: str, seq: int, mark: str) -> None:
        """Take a `once=` key for an entry of this unit."""
        self._once.append(OnceRow(key, record_id, seq, mark))
        self._undo.append(self._once.pop)

    def taken(self, key: str) -> OnceRow | None:
        """Return what a `once=` key led to in this unit, or None."""
        return next((row for row in self._once if row.key == key), None)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.entries

    def commit(self) -> list[Entry]:
        """Write everything in one transaction and return the entries, numbers included.

        Raises:
            StaleRecord: a record, or one that a fact was read from, has moved.
            StoreError: the medium failed.
        """
        if self.is_empty:
            return []
        batch = Batch(once=self._once)
        for working in self._working.values():
            self._collect(working, batch)
        batch.links = list(self._links.values())
        batch.unlinks = list(self._unlinks.values())
        for link in (*batch.links, *batch.unlinks):
            for end, kind in ((link.source, link.source_kind), (link.target, link.target_kind)):
                if kind in self.kinds:
                    batch.bumps[end] = batch.bumps.get(end, 0) + 1
        own = {row.id for row, _ in batch.births}
        batch.checks = {each: held for each, held in self._checks.items() if each not in own}
        try:
            numbers = self.store.write(self.tenant, batch)
        except Conflict as conflict:
            raise self._explained(conflict) from conflict
        return self._numbered(numbers)

    def _collect(self, working: _Working, batch: Batch) -> None:
        if not working.entries:
            return
        codec, row = working.kind.codec, working.row
        if working.record.version != (row.version if row else 0) + len(working.entries):
            raise StoreError.of(
                "store_failed", action="write", error=f"{working.record.reference} skips a version",
                remedy="Take every change through the practice.",
            )  # fmt: skip
        made = codec.row(working.record, row.number if row else None, row.links if row else 0)
        if row is None:
            imported = working.record.origin is not None
            batch.births.append((made, None if imported else working.kind.prefix))
        else:
            batch.updates.append((made, row.version))
        batch.entries += [codec.entry_row(entry) for entry in working.entries]

    def _numbered(self, numbers: Mapping[str, str]) -> list[Entry]:
        if not numbers:
            return self.entries
        for each, number in numbers.items():
            working = self._working[each]
            working.record = working.kind.shape.copy(working.record, {"number": number})
        return [
            attrs.evolve(entry, details=type(entry.details)({**entry.details.data, "number": numbers[entry.record_id]}))
            if entry.seq == 1 and entry.record_id in numbers
            else entry
            for entry in self.entries
        ]

    def _explained(self, conflict: Conflict) -> Exception:
        if conflict.what in ("version", "link"):
            return self._stale(conflict.key, conflict.expected)
        holder = str(conflict.found or "another record")
        return InvalidInput.of("taken", what=conflict.what, value=conflict.key, holder=holder)

    def _stale(self, record_id: str, expected: Any) -> StaleRecord:
        last = None
        for last in self.store.history(self.tenant, record_id=record_id):  # noqa: B007 - the last one is wanted
            pass
        row = next(iter(self.store.load(self.tenant, [record_id])), None)
        return StaleRecord(
            Reason.of(
                "stale",
                record=(row.number or row.origin_key if row else None) or record_id,
                expected=expected,
                found=row.version if row else None,
                changed_by=last.by if last else "somebody",
                changed=(last.event or last.op) if last else "something",
            )
        )


def _fields(record: Any) -> list[str]:
    return [field.name for field in attrs.fields(type(record))]


def link_of(row: LinkRow) -> Link:
    """Return the link of a row."""
    return Link(row.source, row.relation, row.target, moment(row.at), row.by)


def link_row(link: Link, source_kind: str, target_kind: str) -> LinkRow:
    """Return the row of a link."""
    return LinkRow(link.source, link.relation, link.target, source_kind, target_kind, microseconds(link.at), link.by)
