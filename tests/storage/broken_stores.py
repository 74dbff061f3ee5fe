"""Stores with a planted fault each, and the contract on every one of them; `test_planted_faults.py` runs this file.

Each class says its fault in its docstring, and FAULTS names the promise that finds it.
"""

import itertools
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

# that one fails is what counts, so few examples and no search for the smallest; before the contract is read
settings.register_profile("planted", max_examples=3, derandomize=True, deadline=None, phases=(Phase.generate,))
settings.load_profile("planted")

from itil4.storage import Batch, Compare, MemoryStore, Query, Store  # noqa: E402
from itil4.storage.outbox import Held  # noqa: E402
from itil4.storage.protocols import EntryRow  # noqa: E402
from itil4.storage.query import COLUMNS  # noqa: E402
from itil4.storage.sqlite import SqliteStore  # noqa: E402
from itil4.testing import StoreContract, store_base  # noqa: E402
from itil4.testing.store_base import Fault  # noqa: E402

store_base.PATIENCE = 2.0


def without(batch: Batch, **instead: Any) -> Batch:
    """Return the batch with other parts in it."""
    return Batch(**{name: instead.get(name, getattr(batch, name)) for name in Batch.__slots__})


class LosesUpdates(MemoryStore):
    """The last writer wins, whatever version was expected."""

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        with self._lock:
            records = self._of(tenant).records
            for row, expected in batch.updates:
                if row.id in records:
                    records[row.id] = records[row.id]._replace(version=expected)
            return super().write(tenant, batch)


def in_two(write: Callable[[str, Batch], dict[str, str]], tenant: str, batch: Batch) -> dict[str, str]:
    """Write what is born first, and the rest afterwards."""
    born = {row.id for row, _ in batch.births}
    first = [entry for entry in batch.entries if entry.record_id in born]
    rest = [entry for entry in batch.entries if entry.record_id not in born]
    batch.check()
    numbers = write(tenant, Batch(births=batch.births, entries=first, due=batch.due))
    write(tenant, without(batch, births=[], entries=rest, due=[]))
    return numbers


class WritesInTwo(MemoryStore):
    """What is born is committed before the rest of its batch."""

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        return in_two(super().write, tenant, batch)


class WritesInTwoTransactions(SqliteStore):
    """The same on a medium that can fail in between."""

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        return in_two(super().write, tenant, batch)


class SkipsInTheOutbox(MemoryStore):
    """An acknowledgement stands for all entries that the record has by then."""

    def ack(self, tenant: str, held: Any, now: int) -> list[Held]:
        for each in held:
            waiting = self._of(tenant).outbox.get(each.record_id)
            if waiting is not None:
                waiting.last = waiting.seq
        return super().ack(tenant, held, now)


class HandsOutTwice(MemoryStore):
    """A claim takes no notice of leases."""

    def claim(self, tenant: str, *given: Any) -> list[EntryRow]:
        for waiting in self._of(tenant).outbox.values():
            waiting.until = None
        return super().claim(tenant, *given)


class LetsOthersAcknowledge(MemoryStore):
    """Whoever names the entry may acknowledge it."""

    def ack(self, tenant: str, held: Any, now: int) -> list[Held]:
        outbox = self._of(tenant).outbox
        taken = []
        for each in held:
            waiting = outbox.get(each.record_id)
            if waiting is not None and waiting.until is not None:
                taken.append(Held(each.record_id, each.seq, waiting.worker, waiting.until))
        return super().ack(tenant, taken, now)


class HandsOutLaterOnesFirst(MemoryStore):
    """The newest entry of a record is handed out first."""

    def claim(self, tenant: str, *given: Any) -> list[EntryRow]:
        rows = super().claim(tenant, *given)
        return [self._of(tenant).histories[row.record_id][-1] for row in rows]


class Sorted(MemoryStore):
    """A store that sorts by itself; broken ones say how."""

    def key(self, values: list[Any], query: Query) -> list[Any]:
        return values

    def find(self, tenant: str, query: Query) -> list[Any]:
        rows = super().find(tenant, Query(query.kind, query.where, query.order))
        rows = self.key(rows, query)
        if query.after is not None:
            rows = self.behind(rows, query)
        return rows[: query.limit]

    def behind(self, rows: list[Any], query: Query) -> list[Any]:
        places = [place for place, row in enumerate(rows) if row.id == query.after[-1]]
        return rows[places[0] + 1 :] if places else rows


class PutsNothingLast(Sorted):
    """Nothing is greater than anything."""

    def key(self, rows: list[Any], query: Query) -> list[Any]:
        if not query.order or query.order[0][0] == "id":
            return rows
        name, descending = query.order[0]
        empty = [row for row in rows if _value(row, name) is None]
        full = [row for row in rows if _value(row, name) is not None]
        return empty + full if descending else full + empty


class SkipsTies(Sorted):
    """A page begins behind all rows that share the first field of the one before it."""

    def behind(self, rows: list[Any], query: Query) -> list[Any]:
        rest = super().behind(rows, query)
        if len(query.total_order) == 1:
            return rest
        return [row for row in rest if _value(row, query.order[0][0]) != query.after[0]]


def _value(row: Any, name: str) -> Any:
    return getattr(row, COLUMNS[name]) if name in COLUMNS else row.fields.get(name)


class ContainsIsCaseSensitive(MemoryStore):
    """Text is found in the case that it has."""

    def find(self, tenant: str, query: Query) -> list[Any]:
        rows, where = super().find(tenant, query), query.where
        if isinstance(where, Compare) and where.operator == "contains":
            rows = [row for row in rows if where.value in str(_value(row, where.field))]
        return rows


class GivesNumbersTwice(MemoryStore):
    """A series forgets the last number of each batch, and nobody looks whether one is taken."""

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        numbers = super().write(tenant, batch)
        data = self._of(tenant)
        data.numbers.clear()
        for _, series in batch.births:
            if series is not None and data.series[series] > 1:
                data.series[series] -= 1
        return numbers


class LeavesGaps(MemoryStore):
    """A number that was given to a batch that failed is gone."""

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        try:
            return super().write(tenant, batch)
        except Exception:
            for _, series in batch.births:
                if series is not None and not self._closed:
                    known = self._of(tenant).series
                    known[series] = known.get(series, 0) + 1
            raise


class LeaksBetweenTenants(MemoryStore):
    """An id that is unknown here is looked up everywhere."""

    def load(self, tenant: str, ids: Any) -> list[Any]:
        found = super().load(tenant, ids)
        lacking = set(ids) - {row.id for row in found}
        return found + [data.records[each] for data in self._tenants.values() for each in lacking & data.records.keys()]


class SkipsChecks(MemoryStore):
    """Facts that have moved stop nothing."""

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        return super().write(tenant, without(batch, checks={}))


class TakesKeysTwice(MemoryStore):
    """A once key may be taken again."""

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        for row in batch.once:
            self._of(tenant).once.pop(row.key, None)
        return super().write(tenant, batch)


class TakesOriginsTwice(MemoryStore):
    """A foreign row may be imported again."""

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        self._of(tenant).origins.clear()
        return super().write(tenant, batch)


class LosesLinks(MemoryStore):
    """What a batch links again after unlinking it is gone."""

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        gone = {row[:3] for row in batch.unlinks}
        return super().write(tenant, without(batch, links=[row for row in batch.links if row[:3] not in gone]))


class CountsNoLinks(MemoryStore):
    """The link counters stand still."""

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        return super().write(tenant, without(batch, bumps={}))


class ReadsHistoryBackwards(MemoryStore):
    """The newest entry comes first."""

    def history(self, tenant: str, **given: Any) -> Iterator[EntryRow]:
        return iter(list(super().history(tenant, **given))[::-1])


class ReadsHistoryLive(MemoryStore):
    """Whoever reads histories sees what is written meanwhile."""

    def history(self, tenant: str, **given: Any) -> Iterator[EntryRow]:
        rows = list(super().history(tenant, **given))
        ids = list(dict.fromkeys(row.record_id for row in rows))
        return (row for each in ids for row in self._of(tenant).histories[each])


class ChangesIdentity(MemoryStore):
    """An update may change number, author and origin."""

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        numbers, records = super().write(tenant, batch), self._of(tenant).records
        for row, _ in batch.updates:
            records[row.id] = records[row.id]._replace(number=row.number, created_by=row.created_by)
        return numbers


class CountsAPage(MemoryStore):
    """A count obeys the limit."""

    def count(self, tenant: str, query: Query) -> int:
        return len(self.find(tenant, query))


class ForgetsWhenItMigrates(MemoryStore):
    """Migrating again begins anew."""

    def migrate(self, kinds: Any) -> None:
        super().migrate(kinds)
        self._tenants.clear()


class AnswersWhenClosed(MemoryStore):
    """A closed store has no records, instead of saying that it is closed."""

    def load(self, tenant: str, ids: Any) -> list[Any]:
        return [] if self._closed else super().load(tenant, ids)


class LocksNothing(MemoryStore):
    """Threads come in between the checks of a write and its end."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = nullcontext()  # type: ignore[assignment]  # the fault


class WritesOldDueTimes(MemoryStore):
    """Due times are written whatever version they were computed from."""

    def project(self, tenant: str, rows: Any) -> None:
        self._of(tenant).due.put(each for _, each in rows)


class KeepsWhatIsRedacted(MemoryStore):
    """The entry says that a name is gone, and the earlier lines keep it."""

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        batch.check()
        return super().write(tenant, without(batch, redactions=[]))


class FindsPartsOfWords(SqliteStore):
    """A word is found within another."""

    def find_words(self, tenant: str, query: Query, fields: tuple[str, ...], words: Any) -> list[Any]:
        rows = self.find(tenant, Query(query.kind, query.where))
        texts = {row.id: " ".join(str(json.loads(row.body).get(name)) for name in fields).lower() for row in rows}
        found = [row for row in rows if all(word in texts[row.id] for word in words)]
        return sorted(found, key=lambda row: row.id, reverse=True)[: query.limit]


class TakesAccentsApart(SqliteStore):
    """Texts come back with their accents apart."""

    def load(self, tenant: str, ids: Any) -> list[Any]:
        import unicodedata

        rows = super().load(tenant, ids)
        return [row._replace(created_by=unicodedata.normalize("NFD", row.created_by)) for row in rows]


class LivesInMemory(SqliteStore):
    """What is written is in the file when the store is closed, and not before."""

    def __init__(self, path: Any) -> None:
        super().__init__(path)
        self._held: list[tuple[str, Batch]] = []

    def write(self, tenant: str, batch: Batch) -> dict[str, str]:
        if any(series is not None for _, series in batch.births):
            self._flush()
            return super().write(tenant, batch)
        batch.check()
        self._held.append((tenant, batch))
        return {}

    def _flush(self) -> None:
        held, self._held = self._held, []
        for tenant, batch in held:
            super().write(tenant, batch)


# fmt: off
FAULTS: dict[type[Any], str] = {
    # store:                  the promise that finds it
    LosesUpdates:             "test_an_update_needs_the_version_that_is_stored",
    WritesInTwo:              "test_a_taken_key_is_a_conflict_and_nothing_is_written",
    WritesInTwoTransactions:  "test_a_fault_at_any_statement_leaves_all_or_nothing",
    SkipsInTheOutbox:         "test_an_outbox_has_no_gap_in_a_history",
    HandsOutTwice:            "test_two_workers_never_hold_one_entry_while_the_lease_lives",
    LetsOthersAcknowledge:    "test_an_acknowledgement_counts_for_the_lease_in_force_only",
    HandsOutLaterOnesFirst:   "test_an_outbox_has_no_gap_in_a_history",
    PutsNothingLast:          "test_pages_go_through_everything_once_in_both_directions",
    SkipsTies:                "test_pages_go_through_everything_once_in_both_directions",
    ContainsIsCaseSensitive:  "test_conditions_mean_the_same_everywhere",
    GivesNumbersTwice:        "test_numbers_increase_within_their_series",
    LeavesGaps:               "test_numbers_run_on_within_their_series",
    LeaksBetweenTenants:      "test_no_call_crosses_tenants",
    SkipsChecks:              "test_a_fact_that_moved_is_a_conflict",
    TakesKeysTwice:           "test_a_key_that_threads_take_at_once_is_taken_once",
    TakesOriginsTwice:        "test_a_taken_key_is_a_conflict_and_nothing_is_written",
    LosesLinks:               "test_links_are_read_from_both_ends_oldest_first",
    CountsNoLinks:            "test_a_fact_that_moved_is_a_conflict",
    ReadsHistoryBackwards:    "test_a_history_is_in_order",
    ReadsHistoryLive:         "test_a_history_stands_as_it_stood_when_reading_began",
    ChangesIdentity:          "test_identity_never_changes",
    CountsAPage:              "test_conditions_mean_the_same_everywhere",
    ForgetsWhenItMigrates:    "test_migrating_again_keeps_everything",
    AnswersWhenClosed:        "test_a_closed_store_says_so",
    LocksNothing:             "test_a_write_lets_no_other_in_between_its_check_and_its_end",
    WritesOldDueTimes:        "test_due_times_of_a_record_that_has_moved_are_not_written",
    KeepsWhatIsRedacted:      "test_a_redaction_takes_a_name_out_of_earlier_lines",
    FindsPartsOfWords:        "test_words_are_found_as_the_plain_way_finds_them",
    TakesAccentsApart:        "test_golden_rows_come_back_to_the_letter",
    LivesInMemory:            "test_an_update_needs_the_version_that_is_stored",
}
# fmt: on


class _Broken(StoreContract):
    store_class: type[Any]

    @pytest.fixture
    def make_store(self, request: pytest.FixtureRequest) -> Callable[[], Store]:
        if not issubclass(self.store_class, SqliteStore):
            return self.store_class
        folder: Path = request.getfixturevalue("tmp_path")
        numbers = itertools.count()
        return lambda: self.store_class(folder / f"{next(numbers)}.db")

    def open_again(self, store: Any) -> Callable[[], Store] | None:
        return (lambda: self.store_class(store.path)) if isinstance(store, SqliteStore) else None

    def break_statements(self, store: Any, fault: Fault) -> Any:
        return _failing(store, fault) if isinstance(store, SqliteStore) else None


def _disk_error() -> Exception:
    return sqlite3.OperationalError("disk I/O error")


@contextmanager
def _failing(store: SqliteStore, fault: Fault) -> Iterator[None]:
    held = store._local.held
    inner = held.connection

    class Connection:
        def __getattr__(self, name: str) -> Any:
            found = getattr(inner, name)
            if name not in ("execute", "executemany"):
                return found
            return lambda *given: fault.run(found, *given, error=_disk_error)

    held.connection = Connection()
    try:
        yield
    finally:
        held.connection = inner


for _store in FAULTS:
    globals()[f"Test{_store.__name__}"] = type(f"Test{_store.__name__}", (_Broken,), {"store_class": _store})
