"""The outbox in a SQL database; what it promises stands in `itil4.storage.outbox`.

A trigger keeps it, so that every process that writes entries does so, whatever it knows of relays; where no outbox
is kept, there is no trigger, and nothing is paid for it. A claim passes over rows that a writer or another claim
holds at this moment: they are there the next time.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol, TypeVar

from itil4.errors import StoreError
from itil4.storage.outbox import Held
from itil4.storage.protocols import EntryRow
from itil4.storage.sql_terms import Term
from itil4.storage.tables import Names, outbox_trigger

T = TypeVar("T")


class Speaking(Protocol):
    """A store in a SQL database, which abilities extend."""

    names: Names

    def _read(self, action: str, work: Callable[[Any], T]) -> T: ...

    def _settled(self, action: str, work: Callable[[Any], T]) -> T: ...


class SqlOutbox(Speaking):
    """The outbox of a store in a SQL database."""

    def keep_outbox(self, keep: bool) -> None:
        """Keep entries for relays from now on, or do so no more; it is the database that remembers."""
        if self._read("look at its outbox", self._keeps) == keep:
            return

        def work(cursor: Any) -> None:
            making, ending = outbox_trigger(self.names)
            for statement in making if keep else ending:
                cursor.execute(statement)
            if not keep:
                cursor.execute(f"DELETE FROM {self.names('outbox')}")

        self._settled("make its outbox" if keep else "end its outbox", work)

    def claim(
        self, tenant: str, worker: str, lease: int, limit: int, now: int, kinds: Collection[str] | None = None
    ) -> list[EntryRow]:
        """Lease entries to a worker; where nothing waits, nothing is written."""
        words, quote = self.names.words, self.names.words.quote
        until, mark = quote("until"), words.mark
        values: list[Any] = [tenant, now]
        text = f"FROM {self.names('outbox')} WHERE tenant = {mark} AND ({until} IS NULL OR {until} <= {mark})"
        if kinds is not None:
            of_kind = words.among(Term(quote("kind"), "text", False), sorted(kinds), values) if kinds else "1 = 0"
            text = f"{text} AND {of_kind}"

        def look(cursor: Any) -> bool:
            self._must_keep(cursor)
            cursor.execute(f"SELECT 1 {text} LIMIT 1", values)
            return cursor.fetchone() is not None

        def work(cursor: Any) -> list[EntryRow]:
            self._must_keep(cursor)
            some = f"SELECT record_id, seq {text} ORDER BY since, record_id LIMIT {mark}{words.free}"
            cursor.execute(some, [*values, limit])
            places = cursor.fetchall()
            end, found = now + lease, []
            for record_id, seq in places:
                cursor.execute(self._lease, (worker, end, end, tenant, record_id))
                cursor.execute(self._entry, (tenant, record_id, seq))
                found.append(EntryRow._make(cursor.fetchone()))
            return found

        if not self._read("look for entries to hand out", look):
            return []
        return self._settled("hand out entries", work)

    def ack(self, tenant: str, held: Sequence[Held], now: int) -> list[Held]:
        """Let the next entries of these records be handed out."""

        def work(cursor: Any) -> list[Held]:
            self._must_keep(cursor)
            counted = []
            for each in sorted(held):
                cursor.execute(self._done, (tenant, *each))
                if cursor.rowcount == 0:  # in this order: the newest entry may get a successor while this waits
                    cursor.execute(self._go_on, (now, tenant, *each))
                if cursor.rowcount:
                    counted.append(each)
            return [each for each in held if each in counted]

        return self._settled("acknowledge entries", work)

    def _speak_of_relays(self) -> None:
        quote, mark, outbox = self.names.words.quote, self.names.words.mark, self.names("outbox")
        columns = ", ".join(map(quote, EntryRow._fields))
        until = quote("until")
        holds = " AND ".join(
            f"{quote(each)} = {mark}" for each in ("tenant", "record_id", "seq", "worker", "until")
        )  # fmt: skip
        last = quote("last")
        of = f"WHERE tenant = {mark} AND record_id = {mark}"
        self._lease = f"UPDATE {outbox} SET worker = {mark}, {until} = {mark}, since = {mark} {of}"
        self._entry = f"SELECT {columns} FROM {self.names('entry')} {of} AND seq = {mark}"
        self._done = f"DELETE FROM {outbox} WHERE {holds} AND {last} = seq"
        self._go_on = (
            f"UPDATE {outbox} SET seq = seq + 1, worker = NULL, {until} = NULL, since = {mark} "
            f"WHERE {holds} AND {last} > seq"
        )

    def _must_keep(self, cursor: Any) -> None:
        if not self._keeps(cursor):
            raise StoreError.of("outbox_off")

    def _keeps(self, cursor: Any) -> bool:
        names, dialect = self.names, self.names.words.dialect
        name = names.plain("entry_goes_out")
        if dialect == "postgresql":
            cursor.execute(
                "SELECT 1 FROM pg_trigger WHERE tgname = %s AND tgrelid = to_regclass(%s)", (name, names("entry"))
            )
        elif dialect == "sqlite":
            of = "" if names.schema is None else f"{names.words.quote(names.schema)}."
            cursor.execute(f"SELECT 1 FROM {of}sqlite_master WHERE type = 'trigger' AND name = ?", (name,))
        else:
            cursor.execute(
                "SELECT 1 FROM information_schema.triggers "
                "WHERE trigger_schema = coalesce(%s, database()) AND trigger_name = %s",
                (names.schema, name),
            )
        return cursor.fetchone() is not None
