"""The unit of work that all stores share: collect, check, write once.

It never trusts the record that a caller holds: it starts from the stored row, folds the new
entries over it, and refuses what differs. One entry is one version.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import attrs

from itil4.errors import InvalidInput, NotFound, Reason, StaleRecord, StoreError
from itil4.record import Change, Entry, Link, replay
from itil4.storage.kinds import Kind
from itil4.storage.projections import Projected
from itil4.storage.protocols import Batch, Conflict, EntryRow, LinkRow, OnceRow, RecordRow, RedactedRow, Store
from itil4.storage.query import microseconds, moment
from itil4.storage.redaction import left_of


class _Working:
    """A record that the unit has read or changed."""

    __slots__ = ("entries", "kind", "more", "number", "record", "row")

    def __init__(
        self, kind: Kind, row: RecordRow | None, record: Any, entries: list[Entry], more: dict[str, Any] | None = None
    ) -> None:
        self.kind = kind
        self.row = row
        self.record = record
        self.entries = entries
        self.more = more
        self.number: str | None = None

    @property
    def latest(self) -> Any:
        """The record as it is now; a number that it was given at commit is filled in when somebody looks."""
        if self.number is not None:
            self.record = self.kind.shape.copy(self.record, {"number": self.number})
            self.number = None
        return self.record


class _Savepoint:
    """A part of a unit that is undone when it ends in an error, or in any case.

    A class, because every call passes through one.
    """

    __slots__ = ("_always", "_mark", "_undo", "_unit")

    def __init__(self, unit: "Unit", undo: list[Callable[[], object]], *, always: bool = False) -> None:
        self._unit = unit
        self._undo = undo
        self._always = always

    def __enter__(self) -> "Unit":
        self._mark = len(self._undo)
        return self._unit

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._always or kind is not None:
            while len(self._undo) > self._mark:
                self._undo.pop()()


class Unit:
    """Steps, updates and links that happen together or not at all.

    Not for sharing between threads. Reads inside it see what it has collected; searches see what
    is stored.
    """

    def __init__(self, store: Store, tenant: str, kinds: Mapping[str, Kind], ids: Callable[[], str]) -> None:
        self.project: Callable[[Unit], list[Projected]] | None = None
        self.store = store
        self.tenant = tenant
        self.kinds = kinds
        self.entries: list[Entry] = []
        self._working: dict[str, _Working] = {}
        self._links: dict[tuple[str, str, str], LinkRow] = {}
        self._unlinks: dict[tuple[str, str, str], LinkRow] = {}
        self._checks: dict[str, tuple[int, int]] = {}
        self._claims: set[str] = set()
        self._once: dict[str, tuple[OnceRow, Any]] = {}
        self._redactions: dict[str, list[RedactedRow]] = {}
        self._undo: list[Callable[[], object]] = []
        self._over = False
        self._ids = ids
        self._name: str | None = None

    @property
    def name(self) -> str:
        """The id that the entries of this unit share; made when the first one asks for it."""
        if self._name is None:
            self._name = self._ids()
        return self._name

    def savepoint(self) -> AbstractContextManager["Unit"]:
        """Undo what was collected inside when it ends in an error, and nothing else."""
        return _Savepoint(self, self._undo)

    def trial(self) -> AbstractContextManager["Unit"]:
        """Undo what was collected inside, however it ends."""
        return _Savepoint(self, self._undo, always=True)

    # reading

    def get(self, record_id: str) -> Any | None:
        """Return the record as this unit sees it, or None."""
        held = self._working.get(record_id)
        return held.latest if held is not None else next(iter(self.get_all([record_id])), None)

    def get_all(self, ids: Iterable[str]) -> list[Any]:
        """Return the records with these ids, in their order; unknown ones are left out."""
        wanted = list(dict.fromkeys(ids))
        lacking = [each for each in wanted if each not in self._working]
        if lacking:
            for row in self.store.load(self.tenant, lacking):
                kind = self.kind(row.kind)
                record, more = kind.codec.read(row)
                self._working[row.id] = _Working(kind, row, record, [], more)
        return [self._working[each].latest for each in wanted if each in self._working]

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
        if type(held) is not type(stored) or not self._working[stored.id].kind.same(stored, held):
            differing = [name for name in _fields(stored) if getattr(stored, name) != getattr(held, name, None)]
            if differing == ["number"] and held.number is None and type(held) is type(stored):
                return self._expected(stored, expected)  # it was born in a unit that has given it a number since
            raise InvalidInput.of("tampered", record=stored.reference, fields=differing or ["its type"])
        return self._expected(stored, expected)

    def _expected(self, stored: Any, expected: int | None) -> Any:
        self.expect(stored, expected)
        return stored

    def expect(self, stored: Any, expected: int | None) -> None:
        """Refuse when the stored version is not the expected one.

        Raises:
            StaleRecord: with who changed it last, and what.
        """
        if expected is not None and stored.version != expected:
            raise self._stale(stored.id, expected)

    def depend(self, ids: Iterable[str]) -> None:
        """Remember that what happens here rests on these records as they are: none may move before commit."""
        for record in self.get_all(ids):
            row = self._working[record.id].row
            if row is not None:
                self._checks[row.id] = (row.version, row.links)

    def claim(self, ids: Iterable[str]) -> None:
        """Depend on these records, and let every other unit that depends on them see that this one was committed.

        It is for rules over several records, such as that no two changes take one item at the same time: of
        two units that claim a record, one commits and the other is told that it is stale.
        """
        wanted = list(ids)
        self.depend(wanted)
        self._claims.update(each for each in wanted if each in self._checks)

    # links

    def links(self, record_id: str, *, backwards: bool = False) -> list[LinkRow]:
        """Return the links at one end of a record, with what this unit adds and removes."""
        return self.links_of([record_id], backwards=backwards)

    def links_of(self, ids: list[str], *, backwards: bool = False) -> list[LinkRow]:
        """Return the links at one end of several records, oldest first.

        Their rows are read before their links, so that whoever rests on the links (`depend`) rests
        on link counters that are no younger than they.
        """
        self.get_all(ids)
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
        self._open("a link")
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
        """Add a new record with its first entry.

        Raises:
            InvalidInput: its id is taken, or the entry is not that of its birth.
        """
        self._open("a birth")
        if record.id in self._working:
            raise InvalidInput.of("taken", what="id", value=record.id, holder=self._working[record.id].record.reference)
        if (entry.record_id, entry.seq, entry.to_state) != (record.id, record.version, record.state):
            raise InvalidInput.of("tampered", record=record.reference, fields=["id", "version", "state"])
        self._working[record.id] = _Working(kind, None, record, [entry])
        self.entries.append(entry)
        self._undo += [partial(self._working.pop, record.id), self.entries.pop]

    def add(self, record: Any, entry: Entry) -> Any:
        """Add what an entry changes; the result must be `record`, folded from what is stored.

        Raises:
            InvalidInput: the entry does not fit what is stored, or the record is something else.
        """
        self._open("an entry")
        working = self._working[entry.record_id]
        if self._redactions and entry.record_id in self._redactions:
            raise InvalidInput.of("redaction_alone", record=working.record.reference)
        stored, shape = working.record, working.kind.shape
        changes = {"version": entry.seq, "updated_at": entry.at if entry.at > stored.updated_at else stored.updated_at}
        for name, change in entry.changes.items():
            before = shape.read(stored, name)
            if name in _FIXED or (type(change) is Change and change.old is not before and change.old != before):
                raise InvalidInput.of("tampered", record=stored.reference, fields=[name])
            changes[name] = change.apply(before)
        if entry.seq != stored.version + 1:
            raise InvalidInput.of("tampered", record=stored.reference, fields=["version"])
        if type(record) is not type(stored) or not working.kind.same(shape.copy(stored, changes), record):
            folded = shape.copy(stored, changes)
            differing = [name for name in _fields(folded) if getattr(folded, name) != getattr(record, name, None)]
            raise InvalidInput.of("tampered", record=folded.reference, fields=differing or ["its type"])
        self._undo += [partial(setattr, working, "record", working.record), working.entries.pop, self.entries.pop]
        working.record = record
        working.entries.append(entry)
        self.entries.append(entry)
        return record

    def redact(self, record: Any, entry: Entry, rows: list[RedactedRow], stored: list[EntryRow]) -> Any:
        """Add an entry that takes personal data out of earlier ones; `stored` is the history of now.

        What is left of that history and the entry must rebuild `record`. Nothing else may happen to
        the record in the same unit.

        Raises:
            InvalidInput: something else happens to it here, or the history rebuilds another record.
        """
        self._open("a redaction")
        working = self._working[entry.record_id]
        if working.entries:
            raise InvalidInput.of("redaction_alone", record=working.record.reference)
        codec, kind = working.kind.codec, working.kind
        history = codec.entries(left_of(stored, rows), self.tenant)
        rebuilt = replay([*history, entry], kind.shape)
        if len(history) != working.record.version or not kind.same(rebuilt, record):
            differing = [name for name in _fields(rebuilt) if getattr(rebuilt, name) != getattr(record, name, None)]
            raise InvalidInput.of("tampered", record=rebuilt.reference, fields=differing or ["its history"])
        self._undo += [
            partial(setattr, working, "record", working.record), working.entries.pop, self.entries.pop,
            partial(self._redactions.pop, entry.record_id),
        ]  # fmt: skip
        working.record = record
        working.entries.append(entry)
        self.entries.append(entry)
        self._redactions[entry.record_id] = rows
        return record

    def replace_link(self, old: LinkRow, new: LinkRow) -> None:
        """Store a link with another maker or another person at its end, as part of a redaction."""
        self._open("a link")
        self._unlinks[old[:3]] = old
        self._links[new[:3]] = new
        self._undo += [partial(self._unlinks.pop, old[:3]), partial(self._links.pop, new[:3])]

    def once(self, key: str, record_id: str, seq: int, mark: str) -> None:
        """Take a `once=` key for an entry of this unit."""
        self._open("a once key")
        self._once[key] = (OnceRow(key, record_id, seq, mark), self._working[record_id].record)
        self._undo.append(partial(self._once.pop, key))

    def taken(self, key: str) -> tuple[OnceRow, Any] | None:
        """Return what a `once=` key of this unit led to, and the record as it was then; or None."""
        return self._once.get(key)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.entries

    def end(self) -> None:
        """Take nothing more; what was collected and not committed is gone."""
        self._over = True

    @property
    def is_over(self) -> bool:
        """Whether it was committed or given up."""
        return self._over

    def _open(self, action: str) -> None:
        if self._over:
            raise InvalidInput.of("unit_over", action=action)

    def commit(self) -> list[Entry]:
        """Write everything in one transaction and return the entries, numbers included; the unit is over then.

        Raises:
            StaleRecord: a record, or one that a fact was read from, has moved.
            InvalidInput: an id, number, origin or once key is taken, or a value cannot be stored.
            StoreError: the medium failed.
        """
        self._open("a second commit")
        self.end()
        if self.is_empty:
            return []
        batch = Batch(once=[row for row, _ in self._once.values()])
        for working in self._working.values():
            self._collect(working, batch)
        batch.redactions = [row for rows in self._redactions.values() for row in rows]
        batch.links = list(self._links.values())
        batch.unlinks = list(self._unlinks.values())
        for link in (*batch.links, *batch.unlinks):
            for end, kind in ((link.source, link.source_kind), (link.target, link.target_kind)):
                if kind in self.kinds:
                    batch.bumps[end] = batch.bumps.get(end, 0) + 1
        for each in self._claims:
            batch.bumps[each] = batch.bumps.get(each, 0) + 1
        own = {row.id for row, _ in batch.births}
        batch.checks = {each: held for each, held in self._checks.items() if each not in own}
        if self.project is not None:
            batch.due = self.project(self)
        try:
            numbers = self.store.write(self.tenant, batch)
        except Conflict as conflict:
            raise self._explained(conflict) from conflict
        return self._numbered(numbers)

    def changed(self) -> Iterator[tuple[Kind, Any, list[Entry], bool]]:
        """Yield what will be written: kind, record, its new entries, and whether it is born here."""
        for working in self._working.values():
            if working.entries:
                yield working.kind, working.record, working.entries, working.row is None

    def _collect(self, working: _Working, batch: Batch) -> None:
        if not working.entries:
            return
        codec, row = working.kind.codec, working.row
        made = codec.row(working.record, row.number if row else None, row.links if row else 0, more=working.more)
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
            self._working[each].number = number
        for entry in self.entries:
            if entry.seq == 1 and entry.record_id in numbers:
                entry.details.data["number"] = numbers[entry.record_id]  # type: ignore[index]  # nobody has it yet
        return self.entries

    def _explained(self, conflict: Conflict) -> Exception:
        if conflict.what == "version":
            return self._stale(conflict.key, conflict.expected)
        if conflict.what in ("link", "links"):
            return self._stale_links(conflict.key)
        if conflict.what == "contended":
            return self._gave_way(conflict)
        holder = str(conflict.found or "another record")
        return InvalidInput.of("taken", what=conflict.what, value=conflict.key, holder=holder)

    def _stale(self, record_id: str, expected: Any) -> StaleRecord:
        working = self._working.get(record_id)
        pending = working.entries[-1:] if working and not self._over else []
        last = next(iter(pending), None) or self._last(record_id)
        row = next(iter(self.store.load(self.tenant, [record_id])), None)
        found = pending[0].seq if pending else row.version if row else None
        return StaleRecord(
            Reason.of(
                "stale",
                record=self._named(record_id, row),
                expected=expected,
                found=found,
                changed_by=last.by if last else "somebody",
                changed=(last.event or last.op) if last else "something",
            )
        )

    def _stale_links(self, record_id: str) -> StaleRecord:
        """Say that links have moved, and tell the newest one; one that was removed is not there to be told."""
        rows = [row for way in (False, True) for row in self.store.links(self.tenant, [record_id], backwards=way)]
        row = next(iter(self.store.load(self.tenant, [record_id])), None)
        newest = max(rows, key=lambda each: each.at, default=None)
        held = self._working.get(record_id)
        return StaleRecord(
            Reason.of(
                "stale_links",
                record=self._named(record_id, row),
                expected=held.row.version if held and held.row else None,
                found=row.version if row else None,
                changed_by=newest.by if newest else "somebody",
                changed=f"link {newest.relation}" if newest else "unlink",
            )
        )

    def _gave_way(self, conflict: Conflict) -> StaleRecord:
        """Say that the database made this write give way; what it rests on may have moved, or may not."""
        row = next(iter(self.store.load(self.tenant, [conflict.key])), None)
        last, held = self._last(conflict.key), self._working.get(conflict.key)
        return StaleRecord(
            Reason.of(
                "contended",
                record=self._named(conflict.key, row),
                expected=held.row.version if held and held.row else None,
                found=row.version if row else None,
                changed_by=last.by if last else "somebody",
                changed=(last.event or last.op) if last else "something",
                error=str(conflict.__cause__ or ""),
            )
        )

    def _last(self, record_id: str) -> EntryRow | None:
        last = None
        for last in self.store.history(self.tenant, record_id=record_id):  # noqa: B007 - the last one is wanted
            pass
        return last

    @staticmethod
    def _named(record_id: str, row: RecordRow | None) -> str:
        return (row.number or row.origin_key if row else None) or record_id


_FIXED = frozenset(("id", "number", "version", "created_at", "created_by", "updated_at", "origin"))
"""What no entry after the first may change (INV-118); version and time follow from the entry itself."""


def _fields(record: Any) -> list[str]:
    return [field.name for field in attrs.fields(type(record))]


def link_of(row: LinkRow) -> Link:
    """Return the link of a row."""
    return Link(row.source, row.relation, row.target, moment(row.at), row.by)


def link_row(link: Link, source_kind: str, target_kind: str) -> LinkRow:
    """Return the row of a link."""
    return LinkRow(link.source, link.relation, link.target, source_kind, target_kind, microseconds(link.at), link.by)
