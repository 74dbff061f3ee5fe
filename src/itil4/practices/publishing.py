"""Subscribers hear of each record in the order of its history, also where threads change it at once."""

import threading
from collections.abc import Callable, Iterable

from itil4.record import Entry
from itil4.storage.unit import Unit


class _Publication:
    """A unit that is being committed, or was and is not told yet: the first place it has in each history."""

    __slots__ = ("entries", "first", "is_told")

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.first: dict[str, int] = {}
        for entry in entries:
            self.first.setdefault(entry.record_id, entry.seq)
        self.entries: list[Entry] | None = None
        self.is_told = False


class Publishing:
    """Lets one thread wait its turn where another has committed an earlier entry of the same record.

    A thread that would have to wait leaves its entries to the one it would wait for, so nobody blocks, and a
    subscriber may change the very record that it is told of: what it commits is told when it has returned.
    """

    def __init__(self, tell: Callable[[list[Entry]], object]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._ahead: dict[str, list[_Publication]] = {}

    def commit(self, unit: Unit) -> list[Entry]:
        """Commit a unit of work, tell its entries and those that waited for them, and return its own."""
        one = _Publication(unit.entries)
        with self._lock:
            for record_id in one.first:
                self._ahead.setdefault(record_id, []).append(one)
        try:
            one.entries = entries = unit.commit()
        except BaseException:
            self._tell_next(self._finished(one))
            raise
        self._tell_next([one])
        return entries

    def _tell_next(self, candidates: list[_Publication]) -> None:
        stop: BaseException | None = None
        while candidates:
            one = candidates.pop(0)
            with self._lock:
                if one.is_told or one.entries is None or self._waits(one):
                    continue
                one.is_told = True
            try:
                self._tell(one.entries)
            except BaseException as error:  # an interruption ends this call, when nobody waits for it any more
                stop = error
            candidates += self._finished(one)
        if stop is not None:
            raise stop

    def _waits(self, one: _Publication) -> bool:
        return any(other.first[each] < first for each, first in one.first.items() for other in self._ahead[each])

    def _finished(self, one: _Publication) -> list[_Publication]:
        """Take one out of the way, and return those that it may have been in the way of."""
        waiting: dict[int, _Publication] = {}
        with self._lock:
            for record_id in one.first:
                ahead = self._ahead[record_id]
                ahead.remove(one)
                waiting |= {id(other): other for other in ahead}
                if not ahead:
                    del self._ahead[record_id]
        return sorted(waiting.values(), key=lambda other: min(other.first.values()))
