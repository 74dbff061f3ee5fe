"""The store protocol over any connection of Python's database interface: how it is got and ended is left open.

`itil4.storage.sqlalchemy` brings connections of a pool, `itil4.storage.joining` the one of a host's transaction.

A write first locks every record that it changes or rests on, in the order of their ids, and compares versions
then: what is read so cannot move before the commit, two writes wait for each other in one order only, and
whoever comes second finds the new version. A batch that changes one record and rests on no other needs no
lock before: the version stands in the condition of its update.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from itil4.errors import StoreError
from itil4.storage.capabilities import Capability
from itil4.storage.projections import DueKey, DueRow, Projected
from itil4.storage.protocols import Batch, Conflict, EntryRow, LinkRow, OnceRow, RecordRow
from itil4.storage.query import Query, unwritable
from itil4.storage.sql_outbox import SqlOutbox
from itil4.storage.sql_queries import Questions
from itil4.storage.sql_statements import Statements
from itil4.storage.sql_terms import Term, folded
from itil4.storage.tables import Names

T = TypeVar("T")
_FIRST: DueKey = (-(1 << 62), "", "", "")


class Taken(Exception):
    """A unique key is taken; the transaction is over, and what it was can be looked up."""


class Contended(Exception):
    """Others were writing at the same time, and the database made this transaction give way.

    `is_brief` when it was chosen at once, and not after it had waited as long as it may.
    """

    def __init__(self, text: str, is_brief: bool) -> None:
        super().__init__(text, is_brief)
        self.is_brief = is_brief


class _Held(NamedTuple):
    version: int
    links: int


class SqlStore(SqlOutbox, ABC):
    """All of the protocol but `migrate` and `close`, due times, and the outbox."""

    capabilities: frozenset[Capability] = frozenset(("gapless_numbers", "due_times", "outbox"))
    names: Names

    def _speak(self, names: Names) -> None:
        self.names = names
        self._sql = Statements(names)
        self._ask = Questions(names)
        self._speak_of_relays()

    @abstractmethod
    def _read(self, action: str, work: Callable[[Any], T]) -> T:
        """Return what `work` reads through a cursor; what the driver raises becomes a StoreError."""

    @abstractmethod
    def _write(self, action: str, work: Callable[[Any], T]) -> T:
        """Return what `work` returned, with all that it wrote through a cursor, or nothing of it.

        Raises:
            Taken: a unique key is.
            Contended: others were writing at the same time.
            StoreError: anything else.
        """

    @abstractmethod
    def _stream(self, action: str, text: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """Return rows as they stand now, read as they are asked for where that can be."""

    # reading

    def _rows(self, action: str, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        def work(cursor: Any) -> list[tuple[Any, ...]]:
            cursor.execute(text, values)
            return list(cursor.fetchall())

        return self._read(action, work)

    def _among(self, column: str, wanted: Iterable[str], values: list[Any]) -> str:
        words = self.names.words
        texts = [text for text in dict.fromkeys(wanted) if text.isascii() or not unwritable(text)]
        return words.among(Term(words.quote(column), "text", False), texts, values) if texts else "1 = 0"

    def load(self, tenant: str, ids: Sequence[str]) -> list[RecordRow]:
        """Return the rows with these ids."""
        if len(ids) == 1 and ids[0].isascii() and "\0" not in ids[0]:
            found = self._rows("load a record", self._sql.load_one, (tenant, ids[0]))
        else:
            values: list[Any] = [tenant]
            found = self._rows("load records", self._sql.load + self._among("id", ids, values), values)
        return [RecordRow(*row) for row in found]

    def find(self, tenant: str, query: Query) -> list[RecordRow]:
        """Return a page of rows."""
        return [RecordRow(*row) for row in self._rows("find records", *self._ask.select(tenant, query))]

    def count(self, tenant: str, query: Query) -> int:
        """Return how many rows meet the query."""
        return int(self._rows("count records", *self._ask.select_count(tenant, query))[0][0])

    def history(self, tenant: str, *, record_id: str | None = None, kind: str | None = None) -> Iterator[EntryRow]:
        """Return entries by record and seq; those of many records are read as they are asked for."""
        if record_id is not None:
            rows = self._rows("read history", self._sql.history_of, (tenant, record_id))
            return iter([EntryRow._make(row) for row in rows])
        if kind is not None:
            return map(EntryRow._make, self._stream("read history", self._sql.history_of_kind, (tenant, kind)))
        return map(EntryRow._make, self._stream("read history", self._sql.history_of_all, (tenant,)))

    def links(self, tenant: str, ids: Sequence[str], *, backwards: bool = False) -> list[LinkRow]:
        """Return the links at one end of these records, oldest first."""
        values: list[Any] = [tenant]
        text = self._sql.links + self._among("target" if backwards else "source", ids, values)
        rows = map(LinkRow._make, self._rows("read links", text, values))
        return sorted(rows, key=lambda row: (row.at, row.source, row.relation, row.target))

    def known(self, tenant: str, what: Literal["origin", "once"], keys: Sequence[tuple[str, ...]]) -> list[Any]:
        """Return what unique keys are known, in the order in which they are asked for."""
        if what == "once":
            values: list[Any] = [tenant]
            text = self._sql.once + self._among("key", [key for (key,) in keys], values)
            taken = {row[0]: OnceRow._make(row) for row in self._rows("look up keys", text, values)}
            return [taken[key] for (key,) in keys if key in taken]
        found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        for system in dict.fromkeys(key[0] for key in keys):
            values = [tenant, system]
            text = self._sql.origin + self._among("origin_key", [key[1] for key in keys if key[0] == system], values)
            for row in self._rows("look up origins", text, values):
                found.setdefault((row[0], row[1]), []).append(tuple(row))
        return [row for key in keys for row in found.get((key[0], key[1]), ())]

    # writing

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        """Write it all in one transaction, or nothing."""
        batch.check()
        numbers: dict[str, str] = {}

        def work(cursor: Any) -> None:
            numbers.clear()
            if batch.redactions:
                self.names.words.forgetting(cursor)
            self._put(cursor, tenant, batch, numbers)

        try:
            self._write("write", work)
        except Taken as taken:
            raise self._read(
                "look up what is taken", lambda cursor: self._clash(cursor, tenant, batch, numbers)
            ) from taken
        except Contended as contended:
            raise Conflict("contended", _first_of(batch)) from contended
        return numbers

    def _put(self, cursor: Any, tenant: str, batch: Batch, numbers: dict[str, str]) -> None:
        """Write a batch, in the order in which conflicts are looked for."""
        sql, run, run_each = self._sql, cursor.execute, cursor.executemany
        alone = len(batch.updates) == 1 and not (batch.births or batch.once or batch.checks or batch.bumps)
        held = {} if alone else self._hold(cursor, tenant, batch)
        if batch.once:
            run_each(sql.insert_once, [(tenant, *once) for once in sorted(batch.once)])
        for each, (version, links) in batch.checks.items():
            found = held.get(each)
            if found is None or found.version != version:
                raise Conflict("version", each, version, found and found.version)
            if found.links != links:
                raise Conflict("links", each, links, found.links)
        if batch.births:
            self._number(cursor, tenant, batch, numbers)
            rows = []
            for row, _ in batch.births:
                number = numbers.get(row.id, row.number)
                rows.append((tenant, *row[:2], number, *row[3:-1], folded(row, number)))
            _each(cursor, sql.insert_record, rows)
        for row, expected in () if alone else batch.updates:
            found = held.get(row.id)
            if found is None or found.version != expected:
                raise Conflict("version", row.id, expected, found and found.version)
        changed = [
            (row.state, row.category, row.version, row.updated_at, row.schema, row.body, folded(row, row.number),
             tenant, row.id, expected)
            for row, expected in batch.updates
        ]  # fmt: skip
        if changed:
            _each(cursor, sql.update_record, changed)
            if cursor.rowcount not in (len(changed), 1):  # some drivers count the last only; all are locked by now
                row, expected = batch.updates[0]
                run(sql.version, (tenant, row.id))
                now = cursor.fetchone()
                raise Conflict("version", row.id, expected, now and now[0])
        if batch.entries:
            entries = [(tenant, *_with_number(row, numbers), _place(row)) for row in batch.entries]
            _each(cursor, sql.insert_entry, entries)
        for gone in batch.redactions:
            run(sql.redact_entry, (gone.by, gone.details, tenant, gone.record_id, gone.seq))
            if cursor.rowcount != 1:
                raise StoreError.of("broken_batch", record=gone.record_id, found=gone.seq)
            if gone.seq == 1:
                run(sql.redact_author, (gone.by, tenant, gone.record_id))
        for link in batch.unlinks:
            run(sql.delete_link, (tenant, *link[:3]))
            if cursor.rowcount != 1:
                raise Conflict("link", link.source)
        if batch.links:
            _each(cursor, sql.insert_link, [(tenant, *link) for link in batch.links])
        if batch.bumps:
            _each(cursor, sql.bump_links, [(by, tenant, each) for each, by in sorted(batch.bumps.items())])
        if batch.due:
            self._put_due(cursor, tenant, batch.due)

    def _hold(self, cursor: Any, tenant: str, batch: Batch) -> dict[str, _Held]:
        """Lock what a batch changes or rests on, in the order of the ids, and return how it stands."""
        wanted = sorted({*batch.checks, *batch.bumps, *(row.id for row, _ in batch.updates)})
        if not wanted:
            return {}
        values: list[Any] = [tenant]
        cursor.execute(self._sql.held + self._among("id", wanted, values) + self._sql.held_order, values)
        return {row[0]: _Held(row[1], row[2]) for row in cursor.fetchall()}

    def _number(self, cursor: Any, tenant: str, batch: Batch, numbers: dict[str, str]) -> None:
        wanted: dict[str, list[str]] = {}
        for row, series in batch.births:
            if series is not None:
                wanted.setdefault(series, []).append(row.id)
        for series, ids in sorted(wanted.items()):
            cursor.execute(self._sql.next_numbers, (tenant, series, len(ids)))
            if self.names.words.dialect == "mysql":
                cursor.execute(self._sql.last_number, (tenant, series))
            first = cursor.fetchone()[0] - len(ids) + 1
            numbers.update({each: f"{series}{first + place:07d}" for place, each in enumerate(ids)})

    def _clash(self, cursor: Any, tenant: str, batch: Batch, numbers: dict[str, str]) -> Exception:
        """Say which unique key of a batch that failed is taken, and by whom."""
        sql = self._sql

        def first(text: str, *values: Any) -> Any:
            cursor.execute(text, (tenant, *values))
            return cursor.fetchone()

        def among(text: str, column: str, wanted: str, *before: Any) -> list[Any]:
            values: list[Any] = [tenant, *before]
            cursor.execute(text + self._among(column, [wanted], values), values)
            return list(cursor.fetchall())

        for once in batch.once:
            for row in among(sql.once, "key", once.key):
                return Conflict("once", once.key, None, row[1])
        for birth, _ in batch.births:
            if first(sql.version, birth.id):
                return Conflict("id", birth.id, None, birth.id)
        taken: set[str] = set()
        for birth, _ in batch.births:
            number = numbers.get(birth.id, birth.number)
            if number is None:
                continue
            owner = first(sql.by_number, number)
            if owner or number in taken:
                return Conflict("number", number, None, owner and owner[0])
            taken.add(number)
        for entry in batch.entries:
            if entry.origin_system is not None and entry.origin_key is not None:
                for row in among(sql.origin, "origin_key", entry.origin_key, entry.origin_system):
                    if row[2] == entry.origin_row:
                        return Conflict("origin", f"{entry.origin_system}:{entry.origin_key}", None, row[3])
        gone = {link[:3] for link in batch.unlinks}
        for link in batch.links:
            if link[:3] not in gone and first(sql.one_link, *link[:3]):
                return Conflict("link", link.source)
        for entry in batch.entries:  # the key of history is the second guard of versions
            newest = first(sql.newest, entry.record_id)
            if newest and newest[0] is not None and newest[0] >= entry.seq:
                return Conflict("version", entry.record_id, entry.seq - 1, newest[0])
        return Conflict("contended", _first_of(batch))  # whoever held the key has given it up since

    # due times

    def _put_due(self, cursor: Any, tenant: str, projected: Iterable[Projected]) -> None:
        for each in projected:
            cursor.execute(self._sql.drop_due, (tenant, each.record_id))
            rows = [(tenant, *row) for row in (*each.rows, *each.notices)]
            if rows:
                _each(cursor, self._sql.put_due, rows)

    def _settled(self, action: str, work: Callable[[Any], T]) -> T:
        """Write what stands beside the rows; there is nothing stale about it, so giving way is a failure."""
        try:
            return self._write(action, work)
        except (Taken, Contended) as error:
            remedy = "Others wrote at the same time; try again."
            raise StoreError.of("store_failed", action=action, error=str(error), remedy=remedy) from error

    def due_between(self, tenant: str, start: int, end: int, limit: int | None = None) -> list[DueRow]:
        """Return the clocks and timers that fall due in a period: one walk along an index."""
        text = self._sql.due_between + ("" if limit is None else f" LIMIT {int(limit)}")
        return [DueRow._make(row) for row in self._rows("read due times", text, (tenant, start, end))]

    def falling(self, tenant: str, until: int, after: DueKey | None = None, limit: int = 500) -> list[DueRow]:
        """Return the rows to look at up to an instant."""
        values = (tenant, until, *(after or _FIRST), limit)
        return [DueRow._make(row) for row in self._rows("read due times", self._sql.due_falling, values)]

    def due_of(self, tenant: str, record_id: str) -> list[DueRow]:
        """Return the rows of a record."""
        return [DueRow._make(row) for row in self._rows("read due times", self._sql.due_of, (tenant, record_id))]

    def differing(self, tenant: str, stamp: str, after: str = "", limit: int = 500) -> list[tuple[str, str]]:
        """Return records whose due times were computed from something else."""
        side = (tenant, stamp, after)
        rows = self._rows("read due times", self._sql.due_differing, (*side, *side, limit))
        return [(row[0], row[1]) for row in rows]

    def project(self, tenant: str, rows: Sequence[tuple[int, Projected]]) -> None:
        """Write due times of records that have not moved since."""

        def work(cursor: Any) -> None:
            values: list[Any] = [tenant]
            text = self._sql.held + self._among("id", sorted(each.record_id for _, each in rows), values)
            cursor.execute(text + self._sql.held_order, values)
            versions = {row[0]: row[1] for row in cursor.fetchall()}
            standing = [each for version, each in rows if versions.get(each.record_id) == version]
            self._put_due(cursor, tenant, standing)

        self._settled("write due times", work)

    def mark(self, tenant: str, row: DueRow) -> None:
        """Keep a mark."""
        self._settled("keep a mark", lambda cursor: cursor.execute(self._sql.put_due, (tenant, *row)))

    def settle(self, tenant: str, rows: Sequence[DueRow]) -> None:
        """Forget notices that were delivered."""
        gone = [(tenant, row.record_id, row.sort, row.name) for row in rows]
        if gone:
            self._settled("settle notices", lambda cursor: _each(cursor, self._sql.settle_due, gone))


def _each(cursor: Any, text: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement for each row; many at once cost drivers more than one, where there is only one."""
    if len(rows) == 1:
        cursor.execute(text, rows[0])
    else:
        cursor.executemany(text, rows)


def _with_number(row: EntryRow, numbers: dict[str, str]) -> tuple[Any, ...]:
    number = numbers.get(row.record_id) if row.seq == 1 else None
    return row if number is None else (*row[:-2], number, row.details)


def _place(row: EntryRow) -> str | None:
    """Return what makes an origin unique where a row of it may be missing: a text in any case, or None without one."""
    if row.origin_system is None or row.origin_key is None:
        return None
    return "" if row.origin_row is None else f"={row.origin_row}"


def _first_of(batch: Batch) -> str:
    """Return a record that a batch is about."""
    for each in (*(row.id for row, _ in batch.updates), *batch.checks, *batch.bumps):
        return each
    return next((row.id for row, _ in batch.births), "")
