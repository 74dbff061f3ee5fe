"""Timers as data: which step the passing of time asks for, and when. Nothing here waits or starts a thread.

A host asks `due` now and then, and fires what it names as a system actor:

>>> from datetime import UTC, datetime, timedelta
>>> from itil4.lifecycle import Context, Lifecycle, State, Timer, Transition
>>> from itil4.record import Actor
>>> import attrs
>>> @attrs.frozen
... class Alert:
...     id: str
...     state: str
>>> flow = Lifecycle("alert", "open", [
...     State("open", "new"),
...     State("seen", timers=[Timer("forget", after=timedelta(hours=1))]),
... ], [Transition("see", "open", "seen"), Transition("forget", "seen", "open", internal=True)])
>>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
>>> alert, entry = flow.fire(Alert("a1", "open"), "see", Context(Actor("sam"), noon))
>>> flow.due(alert, [entry], noon + timedelta(minutes=59))
()
>>> [(each.event, each.at.hour) for each in flow.due(alert, [entry], noon + timedelta(minutes=60))]
[('forget', 13)]
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import attrs

from itil4.clock import Calendar, instant
from itil4.errors import DefinitionError, InvalidInput
from itil4.record.happened import as_happened

if TYPE_CHECKING:
    from itil4.lifecycle.definition import Lifecycle
    from itil4.record import Entry

_DURATION = re.compile(r"P(?:(\d{1,9})D)?(?:T(?=\d)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,6})?)S)?)?")


def duration_text(value: timedelta) -> str:
    """Write a duration as ISO 8601 does, such as `PT4H` or `P2DT30M`.

    >>> duration_text(timedelta(days=2, minutes=30))
    'P2DT30M'
    """
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    last = f"{seconds}.{value.microseconds:06d}" if value.microseconds else seconds
    time = "".join(f"{part}{unit}" for part, unit in ((hours, "H"), (minutes, "M"), (last, "S")) if part)
    return f"P{f'{value.days}D' if value.days else ''}{'T' + time if time else ''}"


def duration_of(text: object) -> timedelta:
    """Read a duration as ISO 8601 writes it, in days, hours, minutes and seconds.

    Raises:
        DefinitionError: it is none.
    """
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None or not any(found.groups()):
        raise DefinitionError.of("ill_typed", field="after", expected="a duration such as 'PT4H'", value=text)
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise DefinitionError.of("ill_typed", field="after", expected="a duration", value=text) from None


@attrs.frozen
class Timer:
    """A step that the passing of time asks for, while a record is in a state.

    Args:
        event: the step, normally an internal one.
        after: how long after `since`, in calendar time or in service time.
        time: `calendar` (it runs day and night) or `service` (only while the service is delivered).
        since: `entered`, when the record came into the state (steps that stay in it do not count);
            `step`, the last step, also one that stayed; `entry`, the last entry of any sort.
        at: instead of `after`: the field that holds the moment.

    Raises:
        DefinitionError: it has both or neither of `after` and `at`, or a duration that is not positive.
    """

    event: str
    after: timedelta | None = attrs.field(default=None, kw_only=True)
    at: str | None = attrs.field(default=None, kw_only=True)
    time: Literal["calendar", "service"] = attrs.field(default="calendar", kw_only=True)
    since: Literal["entered", "step", "entry"] = attrs.field(default="entered", kw_only=True)

    def __attrs_post_init__(self) -> None:
        where = f"the timer of {self.event!r}"
        if (self.after is None) == (self.at is None):
            raise DefinitionError.of(
                "definition", where=where, text="it needs one of after= and at=.", remedy="Give one of them."
            )
        if self.after is not None and (not isinstance(self.after, timedelta) or self.after <= timedelta(0)):
            raise DefinitionError.of(
                "ill_typed", field=f"{where}: after", expected="a positive timedelta", value=self.after
            )
        for name, value, allowed in (
            ("time", self.time, ("calendar", "service")),
            ("since", self.since, ("entered", "step", "entry")),
        ):
            if value not in allowed:
                raise DefinitionError.of("not_a_choice", field=f"{where}: {name}", value=value, choices=allowed)


@attrs.frozen
class Due:
    """A step that time asks for: the event, since when it is due, and the state that has the timer."""

    event: str
    at: datetime
    state: str
    lifecycle: str


def deadlines(
    lifecycle: "Lifecycle", record: Any, history: Iterable["Entry"], calendar: Calendar | None = None
) -> tuple[Due, ...]:
    """Return every timer that runs for `record`, due or not yet, the earliest first.

    A timer whose step was taken since it fell due has done its work. One whose start the history
    does not tell does not run: what is unknown stays unknown.

    Raises:
        InvalidInput: a timer counts service time and no calendar is given, or its field holds no moment.
    """
    state = lifecycle.by_name.get(getattr(record, lifecycle.field))
    if state is None or not state.timers:
        return ()
    starts: dict[str, datetime] = {}
    taken: list[tuple[str, datetime]] = []
    for entry in as_happened(tuple(history)):
        starts["entry"] = entry.at
        own = entry.lifecycle == lifecycle.name
        if entry.op in ("birth", "import"):
            starts.setdefault("entered", entry.at)
            starts.setdefault("step", entry.at)
        if own and entry.to_state is not None:
            starts["step"] = entry.at
            if entry.to_state != entry.from_state:
                starts["entered"] = entry.at
                taken = []
            elif entry.event is not None:
                taken.append((entry.event, entry.at))
    made = []
    for timer in state.timers:
        moment = _moment(timer, record, starts, calendar)
        if moment is None or any(event == timer.event and at >= moment for event, at in taken):
            continue
        made.append(Due(timer.event, moment, state.name, lifecycle.name))
    return tuple(sorted(made, key=lambda each: each.at))


def _moment(timer: Timer, record: Any, starts: dict[str, datetime], calendar: Calendar | None) -> datetime | None:
    if timer.at is not None:
        more = getattr(record, "extra", None) or {}  # of fields that a host declared at run time
        value = getattr(record, timer.at, more.get(timer.at))
        return None if value is None else instant(value, timer.at)
    start = starts.get(timer.since)
    if start is None or timer.after is None:
        return None
    if timer.time == "calendar":
        try:
            return start + timer.after
        except OverflowError:  # after the year 9999, which is never
            return None
    if calendar is None:
        raise InvalidInput.of(
            "ill_typed", field="calendar", expected=f"a calendar, as {timer.event!r} counts service time", value=None
        )
    return calendar.due(start, timer.after)


def due(
    lifecycle: "Lifecycle", record: Any, history: Iterable["Entry"], now: datetime, calendar: Calendar | None = None
) -> tuple[Due, ...]:
    """Return the timers of `record` that are due at `now`, the earliest first; see `Lifecycle.due`."""
    now = instant(now, "now")
    return tuple(each for each in deadlines(lifecycle, record, history, calendar) if each.at <= now)
