"""A subscriber that remembers: what a host's code would have heard, in order, and questions about it."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from itil4.practices.desk import Desk
from itil4.record import Entry, Record


class Recorder:
    """Hears the entries of a service management after each commit, and keeps them.

    >>> import itil4
    >>> itsm = itil4.connect()
    >>> sam = itil4.Actor("sam", roles={"service_desk"})
    >>> with Recorder(itsm) as heard:
    ...     incident = itsm.incidents.log(summary="Mail is down", by=sam)
    ...     incident = itsm.incidents.start(incident, by=sam)
    >>> heard.events
    ('log', 'start')
    >>> itsm.incidents.comment(incident, "Nobody hears this", by=sam).version
    3
    >>> len(heard)
    2

    Args:
        itsm: the service management, or a desk of it.
        practice: the name of the practice that it listens to; by default all.
    """

    def __init__(self, itsm: Desk, practice: str | None = None) -> None:
        self.entries: list[Entry] = []
        subscribers = itsm.house.subscribers
        held = (practice, self.entries.append)
        subscribers.append(held)
        self._held, self._subscribers = held, subscribers

    @property
    def events(self) -> tuple[str, ...]:
        """What was heard, by event, or by what it was (`comment`, `link`, ...) where it was no event."""
        return tuple(entry.event or entry.op for entry in self.entries)

    def of(self, record: Record | str) -> tuple[Entry, ...]:
        """Return what was heard of one record, by the record or its id."""
        wanted = record if isinstance(record, str) else record.id
        return tuple(entry for entry in self.entries if entry.record_id == wanted)

    def clear(self) -> None:
        """Forget what was heard, and go on listening."""
        self.entries.clear()

    def stop(self) -> None:
        """Listen no longer; what was heard stays."""
        if self._held in self._subscribers:
            self._subscribers.remove(self._held)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
