"""Entries for relays outside this process: webhooks, message brokers, search indexes.

A relay is a loop of the host: claim, deliver, acknowledge. Entries are handed out at least once, so that whoever
receives them needs an eye for repetition; `entry.id` is the same each time.

    >>> import itil4
    >>> from datetime import timedelta
    >>> itsm = itil4.connect(outbox=True)
    >>> incident = itsm.incidents.log(summary="Mail is down", impact="high", urgency="high", by=itil4.Actor("ana"))
    >>> claimed = itsm.outbox.claim("webhooks 1", timedelta(minutes=1))
    >>> [(entry.kind, entry.op, entry.worker) for entry in claimed]
    [('incident', 'birth', 'webhooks 1')]
    >>> itsm.outbox.claim("webhooks 2", timedelta(minutes=1))
    ()
    >>> itsm.outbox.ack(claimed)
    ()

Subscribers (`itsm.subscribe`) are called in this process after the commit, and hear nothing of what happened while
it was not running. A relay misses nothing that was committed since the outbox was switched on.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs

from itil4.errors import InvalidInput, Refused, StoreError, nearest
from itil4.practices.desk import House
from itil4.record import Entry
from itil4.record.door import text_problem
from itil4.storage.outbox import Held, KeepsOutbox, keeps_outbox
from itil4.storage.protocols import EntryRow
from itil4.storage.query import microseconds, moment

_MICROSECOND = timedelta(microseconds=1)
_MOST = 1_000
_LONGEST = timedelta(days=366)


@attrs.frozen(kw_only=True, weakref_slot=False)
class ClaimedEntry(Entry):
    """An entry that a worker holds until an instant; when it is not acknowledged by then, it is handed out again."""

    worker: str
    until: datetime


class Outbox:
    """The outbox of a service management: `itsm.outbox`."""

    def __init__(self, house: House) -> None:
        self._house = house

    def claim(
        self, worker: str, lease: timedelta = timedelta(minutes=1), *, limit: int = 100, practice: str | None = None
    ) -> tuple[ClaimedEntry, ...]:
        """Lease entries to a worker: of each record the first that nobody has acknowledged.

        While the lease lasts nobody else gets them, and no later entry of the same records is handed out.
        Those that wait the longest come first. Entries of kinds that no practice here knows wait for a relay
        that knows them.

        Args:
            worker: who delivers; shown on the entries.
            lease: how long the worker may take, by the clock; up to 366 days.
            limit: entries at most, 1 to 1,000.
            practice: only entries of this practice, or of this kind of record.

        Raises:
            StoreError: no outbox is kept (`connect(..., outbox=True)`), or the store cannot.
            Refused: this desk shows the past.
            InvalidInput: the worker, lease, limit or practice is none.
        """
        house, store = self._house, self._store()
        if not isinstance(worker, str):
            raise InvalidInput.of("ill_typed", field="worker", expected="the name of a worker", value=worker)
        if reason := text_problem("worker", worker, longest=1_000, lines=False, may_be_blank=False):
            raise InvalidInput(reason)
        if not isinstance(lease, timedelta):
            raise InvalidInput.of("ill_typed", field="lease", expected="a timedelta", value=lease)
        if not timedelta(0) < lease <= _LONGEST:
            raise InvalidInput.of("bad_lease", value=lease)
        if type(limit) is not int or not 1 <= limit <= _MOST:
            raise InvalidInput.of("bad_limit", most=_MOST, value=limit)
        kinds, now = self._kinds(practice), microseconds(house.now())
        rows = store.claim(house.tenant, worker, lease // _MICROSECOND, limit, now, kinds)
        until = moment(now + lease // _MICROSECOND)
        return tuple(self._claimed(row, worker, until) for row in rows)

    def ack(self, claimed: Iterable[ClaimedEntry] | ClaimedEntry) -> tuple[ClaimedEntry, ...]:
        """Say that entries were delivered, so that the next ones of their records can go out.

        Returns:
            Those that did not count, because the lease had ended and another worker has them by now (it will
            deliver them again), or because they were acknowledged already.

        Raises:
            StoreError: no outbox is kept.
            InvalidInput: something else is among them than `claim` returns.
        """
        if not isinstance(claimed, Iterable):
            claimed = (claimed,)
        given = tuple(claimed)
        held: dict[Held, ClaimedEntry] = {}
        for each in given:
            if not isinstance(each, ClaimedEntry):
                raise InvalidInput.of(
                    "ill_typed", field="claimed", expected="entries that claim() returned", value=each
                )
            held[Held(each.record_id, each.seq, each.worker, microseconds(each.until))] = each
        house, store = self._house, self._store()
        counted = set(store.ack(house.tenant, list(held), microseconds(house.now())))
        return tuple(each for key, each in held.items() if key not in counted)

    def _store(self) -> KeepsOutbox:
        store, past = self._house.store, self._house.past
        if past is not None:
            raise Refused.of("past", event="a delivery", moment=past)
        if keeps_outbox(store):
            return store
        raise StoreError.of("no_outbox", store=type(store).__name__)

    def _kinds(self, practice: str | None) -> list[str]:
        if practice is None:
            return sorted(self._house.kinds)
        names = {place.kind: place.name for place in self._house.practices.places.values()}
        kinds = [kind for kind, name in names.items() if practice in (kind, name)]
        if not kinds:
            near = nearest(practice, {*names, *names.values()})
            raise InvalidInput.of("unknown_practice", name=practice, nearest=near)
        return kinds

    def _claimed(self, row: EntryRow, worker: str, until: datetime) -> ClaimedEntry:
        entry = self._house.kinds[row.kind].codec.entry(row, self._house.tenant)
        headers = {field.name: getattr(entry, field.name) for field in attrs.fields(Entry)}
        return ClaimedEntry(**headers, worker=worker, until=until)
