"""The outbox: entries handed to relays outside this process, at least once, and in order for each record.

An entry is the event, and history keeps it; the outbox keeps only where each record's delivery stands: one
row for a record with entries that no relay has acknowledged, none for a record whose entries all are. The row
names the next entry to hand out, so a later one cannot go before it, and since every record has a row of its
own there is no cursor over all of them that a late commit could be behind.

The row knows the newest entry too, so an acknowledgement decides by its own row alone whether another one
waits: where transactions overlap, a look at the history could miss one that is being committed. Entries are read
when they are handed out, so what was redacted since is not in them.

A claim leases what it returns. Until the lease ends nobody else gets it; afterwards it is handed out again.
An acknowledgement counts for whoever holds the lease, which `until` proves: a worker that was away for
too long, and whose entry another one has by now, cannot let the entry after it overtake.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol, TypeGuard

from itil4.errors import StoreError
from itil4.storage.capabilities import capabilities_of
from itil4.storage.connecting import Connecting, Remembering
from itil4.storage.protocols import EntryRow


class Held(NamedTuple):
    """An entry that a worker holds until an instant, in whole microseconds since 1970 in UTC."""

    record_id: str
    seq: int
    worker: str
    until: int


class KeepsOutbox(Protocol):
    """What a store promises whose `capabilities` have `outbox`.

    Instants are whole microseconds since 1970 in UTC, and a lease is a duration in microseconds.
    """

    def keep_outbox(self, keep: bool) -> None:
        """Keep entries for relays from now on, whoever writes them; or do so no more, and forget what waits."""
        ...

    def claim(
        self, tenant: str, worker: str, lease: int, limit: int, now: int, kinds: Collection[str] | None = None
    ) -> list[EntryRow]:
        """Lease entries to a worker until `now + lease`: of each record the first that nobody acknowledged.

        Records that are leased at `now` are left out, and kinds that are not asked for. Those that wait the
        longest come first; a lease that ended waits from its end.

        Raises:
            StoreError: no outbox is kept.
        """
        ...

    def ack(self, tenant: str, held: Sequence[Held], now: int) -> list[Held]:
        """Let the next entries of these records be handed out; return those that counted.

        What another worker has leased since, or has acknowledged, does not count.

        Raises:
            StoreError: no outbox is kept.
        """
        ...


def keeps_outbox(store: object) -> TypeGuard[KeepsOutbox]:
    """Say whether a store can keep an outbox."""
    return "outbox" in capabilities_of(store)


class Waiting:
    """Where the delivery of a record stands: its next entry, the newest, since when, and who holds it until when."""

    __slots__ = ("kind", "last", "seq", "since", "until", "worker")

    def __init__(self, entry: EntryRow) -> None:
        self.kind = entry.kind
        self.seq = self.last = entry.seq
        self.since = entry.recorded_at
        self.worker: str | None = None
        self.until: int | None = None


class MemoryOutbox(Remembering):
    """The outbox in memory; tenants have `outbox` and `histories`."""

    _tenants: dict[str, Any]
    _keeps_outbox = False

    def keep_outbox(self, keep: bool) -> None:
        """Keep entries for relays from now on, or do so no more."""
        with self._lock:
            self._of("")
            self._keeps_outbox = keep
            if not keep:
                for data in self._tenants.values():
                    data.outbox.clear()

    def _put_out(self, data: Any, entry: EntryRow) -> None:
        waiting = data.outbox.get(entry.record_id)
        if waiting is None:
            data.outbox[entry.record_id] = Waiting(entry)
        else:
            waiting.last = entry.seq

    def _outbox(self, tenant: str) -> Any:
        data = self._of(tenant)
        if not self._keeps_outbox:
            raise StoreError.of("outbox_off")
        return data

    def claim(
        self, tenant: str, worker: str, lease: int, limit: int, now: int, kinds: Collection[str] | None = None
    ) -> list[EntryRow]:
        """Lease entries to a worker."""
        with self._lock:
            data = self._outbox(tenant)
            free = [
                (each.since, record_id, each)
                for record_id, each in data.outbox.items()
                if (each.until is None or each.until <= now) and (kinds is None or each.kind in kinds)
            ]
            found = []
            for _, record_id, each in sorted(free, key=lambda item: item[:2])[:limit]:
                each.worker, each.until, each.since = worker, now + lease, now + lease
                found.append(data.histories[record_id][each.seq - 1])
            return found

    def ack(self, tenant: str, held: Sequence[Held], now: int) -> list[Held]:
        """Let the next entries of these records be handed out."""
        with self._lock:
            data = self._outbox(tenant)
            counted = []
            for each in held:
                waiting = data.outbox.get(each.record_id)
                if waiting is None or (waiting.seq, waiting.worker, waiting.until) != each[1:]:
                    continue
                counted.append(each)
                if waiting.last == each.seq:
                    del data.outbox[each.record_id]
                else:
                    waiting.seq, waiting.worker, waiting.until, waiting.since = each.seq + 1, None, None, now
            return counted


TABLES = (
    """CREATE TABLE IF NOT EXISTS outbox (
        tenant TEXT NOT NULL, record_id TEXT NOT NULL, kind TEXT NOT NULL, seq INTEGER NOT NULL, last INTEGER NOT NULL,
        since INTEGER NOT NULL, worker TEXT, until INTEGER, PRIMARY KEY (tenant, record_id)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS outbox_since ON outbox (tenant, since, record_id)",
    """CREATE TRIGGER IF NOT EXISTS entry_goes_out AFTER INSERT ON entry BEGIN
        INSERT INTO outbox VALUES (
            new.tenant, new.record_id, new.kind, new.seq, new.seq, new.recorded_at, NULL, NULL
        ) ON CONFLICT (tenant, record_id) DO UPDATE SET last = excluded.last; END""",
)
"""The outbox in SQLite; the trigger lets every process that writes to the file keep it."""

_GONE = ("DROP TRIGGER IF EXISTS entry_goes_out", "DROP TABLE IF EXISTS outbox")
_IS_KEPT = "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = 'entry_goes_out'"
_FREE = "FROM outbox WHERE tenant = ? AND (until IS NULL OR until <= ?)"
_ENTRY = f"SELECT {', '.join(EntryRow._fields)} FROM entry WHERE tenant = ? AND record_id = ? AND seq = ?"
_LEASE = "UPDATE outbox SET worker = ?, until = ?, since = ? WHERE tenant = ? AND record_id = ?"
_HOLDS = "tenant = ? AND record_id = ? AND seq = ? AND worker = ? AND until = ?"
_GO_ON = f"UPDATE outbox SET seq = seq + 1, worker = NULL, until = NULL, since = ? WHERE {_HOLDS} AND last > seq"
_DONE = f"DELETE FROM outbox WHERE {_HOLDS} AND last = seq"


class SqliteOutbox(Connecting):
    """The outbox in the file of a SQLite store."""

    def keep_outbox(self, keep: bool) -> None:
        """Keep entries for relays from now on, or do so no more; it is the file that remembers."""
        with self._doing("look at its outbox"):
            if bool(self._connection().execute(_IS_KEPT).fetchone()) == keep:
                return
        with self._writing("make its outbox" if keep else "end its outbox") as connection:
            for statement in TABLES if keep else _GONE:
                connection.execute(statement)

    def claim(
        self, tenant: str, worker: str, lease: int, limit: int, now: int, kinds: Collection[str] | None = None
    ) -> list[EntryRow]:
        """Lease entries to a worker; where nothing waits, no writer is kept from its turn."""
        free, values = _FREE, [tenant, now]
        if kinds is not None:
            free += " AND kind IN (SELECT value FROM json_each(?))"
            values.append(_listed(kinds))
        with self._doing("look for entries to hand out"):
            connection = self._connection()
            self._check_outbox(connection)
            if connection.execute(f"SELECT 1 {free} LIMIT 1", values).fetchone() is None:
                return []
        with self._writing("hand out entries") as connection:
            self._check_outbox(connection)
            found = connection.execute(
                f"SELECT record_id, seq {free} ORDER BY since, record_id LIMIT ?", [*values, limit]
            )
            places = found.fetchall()
            until = now + lease
            connection.executemany(_LEASE, [(worker, until, until, tenant, record_id) for record_id, _ in places])
            return [EntryRow._make(connection.execute(_ENTRY, (tenant, *place)).fetchone()) for place in places]

    def ack(self, tenant: str, held: Sequence[Held], now: int) -> list[Held]:
        """Let the next entries of these records be handed out."""
        with self._writing("acknowledge entries") as connection:
            self._check_outbox(connection)
            return [
                each
                for each in held
                if connection.execute(_GO_ON, (now, tenant, *each)).rowcount
                or connection.execute(_DONE, (tenant, *each)).rowcount
            ]

    @staticmethod
    def _check_outbox(connection: Any) -> None:
        if connection.execute(_IS_KEPT).fetchone() is None:
            raise StoreError.of("outbox_off")


def _listed(kinds: Collection[str]) -> str:
    import json

    return json.dumps(sorted(kinds))
