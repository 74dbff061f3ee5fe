"""What a store promises: plain rows in, plain rows out, and one atomic write.

A backend keeps rows and knows nothing of practices. Times are whole microseconds since 1970 in
UTC, bodies and details are JSON text. The tenant comes first in every key, and no call crosses it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from itil4.errors import StoreError
from itil4.storage.projections import Projected
from itil4.storage.query import Query

_NO_FIELDS: Mapping[str, Any] = MappingProxyType({})


class RecordRow(NamedTuple):
    """A record as stored: what every kind has, and the rest as JSON in `body`.

    `links` counts the links made and unmade at either end. `fields` gives the plain
    fields of the body by their names in queries (`priority`, `extra.deck`), for backends that cannot
    look into JSON; a backend that can may return it empty.
    """

    id: str
    kind: str
    number: str | None
    state: str
    category: str
    version: int
    links: int
    created_at: int
    updated_at: int
    created_by: str
    schema: int
    origin_system: str | None
    origin_key: str | None
    body: str
    fields: Mapping[str, Any] = _NO_FIELDS


class EntryRow(NamedTuple):
    """A line of history as stored: its headers, and the rest as JSON in `details`."""

    record_id: str
    seq: int
    kind: str
    op: str
    lifecycle: str | None
    event: str | None
    from_state: str | None
    to_state: str | None
    at: int
    recorded_at: int
    by: str
    judged: str
    unit: str | None
    origin_system: str | None
    origin_key: str | None
    origin_row: str | None
    number: str | None
    details: str


class LinkRow(NamedTuple):
    """A link as stored, on its source end."""

    source: str
    relation: str
    target: str
    source_kind: str
    target_kind: str
    at: int
    by: str


class OnceRow(NamedTuple):
    """What a `once=` key led to: the entry (record and place), and a mark of what was asked."""

    key: str
    record_id: str
    seq: int
    mark: str


class RedactedRow(NamedTuple):
    """What an earlier line of history becomes when personal data is taken out of it: the narrow door to the past.

    Only who did it and the details change; place, time, step and origin stay. `created_by` of the
    record follows `by` of its first entry.
    """

    record_id: str
    seq: int
    by: str
    details: str


class Batch:
    """One atomic write: all of it happens, or nothing.

    Attributes:
        births: new rows; with a series (the number's prefix) when they are to be numbered.
        updates: rows with the version that must be stored now.
        entries: new lines of history.
        links, unlinks: links to add and to remove.
        bumps: ids whose link counter goes up, with by how much.
        checks: rows that facts were read from: id -> (version, link counter) that must still hold.
        once: keys to be taken.
        due: due times beside the rows, for a store that keeps them (see `itil4.storage.projections`).
        redactions: earlier lines of history without the personal data that they held, each of a record
            whose last entry in this batch has the op `redaction` and names the places of these lines in
            its details, under `redacted.entries`. A store overwrites what stood
            there and keeps it nowhere, be it in an index over words, an outbox or a copy of its own.
    """

    __slots__ = ("births", "bumps", "checks", "due", "entries", "links", "once", "redactions", "unlinks", "updates")

    def __init__(
        self,
        *,
        births: list[tuple[RecordRow, str | None]] | None = None,
        updates: list[tuple[RecordRow, int]] | None = None,
        entries: list[EntryRow] | None = None,
        links: list[LinkRow] | None = None,
        unlinks: list[LinkRow] | None = None,
        bumps: dict[str, int] | None = None,
        checks: dict[str, tuple[int, int]] | None = None,
        once: list[OnceRow] | None = None,
        due: list[Projected] | None = None,
        redactions: list[RedactedRow] | None = None,
    ) -> None:
        self.births = [] if births is None else births
        self.updates = [] if updates is None else updates
        self.entries = [] if entries is None else entries
        self.links = [] if links is None else links
        self.unlinks = [] if unlinks is None else unlinks
        self.bumps = {} if bumps is None else bumps
        self.checks = {} if checks is None else checks
        self.once = [] if once is None else once
        self.due = [] if due is None else due
        self.redactions = [] if redactions is None else redactions

    def check(self) -> None:
        """Refuse a batch that contradicts itself, in the same words whatever the store is.

        Every entry belongs to a birth or an update, and together they lead from the version that
        must be stored to the new one without a gap.

        Raises:
            Conflict: an id, an origin, a link or a once key stands in it twice.
            StoreError: the entries do not lead to the versions, or lines of history are to be
                redacted that no entry of this batch accounts for.
        """
        if self.once:
            _unique("once", [(row.key, row.key) for row in self.once])
        places: dict[str, int] = {}
        for row, _ in self.births:
            if row.id in places:
                raise Conflict("id", row.id)
            places[row.id] = 0
        for row, expected in self.updates:
            if row.id in places:
                raise Conflict("id", row.id)
            places[row.id] = expected
        for entry in self.entries:
            if places.get(entry.record_id) != entry.seq - 1:
                raise StoreError.of("broken_batch", record=entry.record_id, found=entry.seq)
            places[entry.record_id] = entry.seq
        for rows in (self.births, self.updates):
            for row, _ in rows:
                if places[row.id] != row.version:
                    raise StoreError.of("broken_batch", record=row.id, found=row.version)
        if self.redactions:
            self._check_redactions()
        origins = [
            (f"{entry.origin_system}:{entry.origin_key}", (entry.origin_system, entry.origin_key, entry.origin_row))
            for entry in self.entries
            if entry.origin_system is not None
        ]
        if origins:
            _unique("origin", origins)
        for links in (self.unlinks, self.links):
            if links:
                _unique("link", [(row.source, row[:3]) for row in links])

    def _check_redactions(self) -> None:
        """Refuse to touch a line of history without an entry that says so, or one that this batch itself writes."""
        last = {entry.record_id: entry for entry in self.entries}
        first = {entry.record_id: entry.seq for entry in reversed(self.entries)}
        seen: set[tuple[str, int]] = set()
        for row in self.redactions:
            told, place = last.get(row.record_id), (row.record_id, row.seq)
            if told is None or told.op != "redaction" or not 1 <= row.seq < first[row.record_id] or place in seen:
                raise StoreError.of("broken_batch", record=row.record_id, found=row.seq)
            seen.add(place)


def _unique(what: "ConflictKind", named: Sequence[tuple[str, object]]) -> None:
    seen = set()
    for name, key in named:
        if key in seen:
            raise Conflict(what, name)
        seen.add(key)


class Conflict(Exception):
    """The batch met something else than it expected; nothing was written. A signal to the unit of work.

    `what` is `version` (of the record `key`), `links` (its link counter), `origin`, `once`, `id`,
    `number` or `link` (of the source `key`). Stores look for them in this order: once keys, checks,
    births, updates, origins, links to be removed, links to be added. `contended` says that the database
    made this write give way to others at the same time, about `key` among other records.
    """

    def __init__(self, what: "ConflictKind", key: str, expected: object = None, found: object = None) -> None:
        super().__init__(what, key, expected, found)
        self.what, self.key, self.expected, self.found = what, key, expected, found


ConflictKind: TypeAlias = Literal["version", "links", "origin", "once", "id", "number", "link", "contended"]


class KindRow(NamedTuple):
    """What a store learns of a kind: its name, and the body's fields that records are found by.

    A path has one name, or two where the field is a declared extra field.
    """

    kind: str
    indexed: tuple[tuple[str, ...], ...]


class Store(Protocol):
    """Where records live. Nine methods; every call is safe from any thread.

    A store that can do more says so in `capabilities` (see `itil4.storage.capabilities`).
    """

    def migrate(self, kinds: Iterable[KindRow]) -> None:
        """Make or complete what the kinds need; safe to run again, and from two processes."""
        ...

    def close(self) -> None:
        """Let go of files and connections; later calls raise StoreError."""
        ...

    def load(self, tenant: str, ids: Sequence[str]) -> list[RecordRow]:
        """Return the rows with these ids, in no particular order; unknown ids are left out."""
        ...

    def find(self, tenant: str, query: Query) -> list[RecordRow]:
        """Return a page of rows."""
        ...

    def count(self, tenant: str, query: Query) -> int:
        """Return how many rows meet the query, whatever its limit."""
        ...

    def history(self, tenant: str, *, record_id: str | None = None, kind: str | None = None) -> Iterator[EntryRow]:
        """Return entries: of a record by seq, or of a whole kind by record and seq, without holding all of them."""
        ...

    def links(self, tenant: str, ids: Sequence[str], *, backwards: bool = False) -> list[LinkRow]:
        """Return the links whose source (or target, `backwards`) is one of these ids, oldest first."""
        ...

    def known(self, tenant: str, what: Literal["origin", "once"], keys: Sequence[tuple[str, ...]]) -> list[Any]:
        """Return what unique keys are known: OnceRows, or (system, key, row, record id) of origins.

        Origins are asked for by (system, key), and found for every row of it; once keys by (key,).
        """
        ...

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        """Write it all and return the numbers given: record id -> number. Or write nothing.

        Raises:
            Conflict: a row, key or fact has moved.
            StoreError: the medium failed, or a line to be redacted is not there.
        """
        ...
