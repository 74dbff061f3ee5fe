"""Planned work as a plain value: when, on what, and by whom."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import attrs

from itil4.errors import InvalidInput
from itil4.practices.change_schedule.when import told


def _items(value: str | Iterable[str]) -> frozenset[str]:
    return frozenset((value,) if isinstance(value, str) else value)


@attrs.frozen(kw_only=True)
class PlannedWork:
    """A piece of planned work, such as a scheduled change.

    Args:
        id: unique in a schedule.
        start, end: aware datetimes; it holds from the one up to, and without, the other.
        items: the items that are worked on.
        assignee: who carries it out.
        type: normal, standard or emergency, or a word of yours.
        service, location: where it is planned for, beside its items.
        title, number: what people call it.
        state: where its record stands.

    >>> from datetime import UTC, timedelta
    >>> evening = datetime(2026, 3, 2, 20, tzinfo=UTC)
    >>> work = PlannedWork(id="CHG1", start=evening, end=evening + timedelta(hours=2), items={"server 7"})
    >>> work.label
    'CHG1'

    Raises:
        InvalidInput: it has no end, ends before it starts, or an end of it lies in a time that the clocks skip.
    """

    id: str
    start: datetime
    end: datetime
    items: frozenset[str] = attrs.field(default=frozenset(), converter=_items)
    assignee: str | None = None
    type: str = "normal"
    service: str | None = None
    location: str | None = None
    title: str = ""
    number: str | None = None
    state: str = "scheduled"

    def __attrs_post_init__(self) -> None:
        given: Any = self.end
        if given is None:
            raise InvalidInput.of("window_endless", start=self.start)
        start, end = told(self.start, None, "start"), told(self.end, None, "end")
        if end <= start:
            raise InvalidInput.of("window_backwards", start=start, end=end)
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "end", end)

    @property
    def label(self) -> str:
        """What people call it."""
        return self.number or self.id


__all__ = ["PlannedWork"]
