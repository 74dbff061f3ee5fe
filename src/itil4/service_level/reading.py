"""Reading a clock: a pure function of target, calendar and history.

Nothing ticks. What a clock says at an instant follows from the marks up to then, so a breach needs
no job, a change of priority loses no pause, and any figure can be explained from its history.
"""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, Literal, TypeAlias

import attrs

from itil4.errors import InvalidInput
from itil4.service_level.calendar import ALWAYS, ServiceCalendar
from itil4.service_level.explanation import Explanation, Spell, explanation
from itil4.service_level.mark import Entry, Goal, History, entries, goal_of
from itil4.service_level.target import Target
from itil4.service_level.timeline import Timeline
from itil4.service_level.zone import MICROSECOND, micro, moment

ClockState: TypeAlias = Literal["not_started", "running", "paused", "stopped", "cancelled"]


@attrs.frozen
class Crossing:
    """A warning threshold that the clock has reached: which fraction of the target, and when."""

    fraction: float
    at: datetime


@attrs.frozen(kw_only=True)
class Reading:
    """What a clock says at one instant. Durations are service time, instants are UTC."""

    target: Target
    calendar: ServiceCalendar
    asof: datetime
    state: ClockState
    promised: timedelta | None
    """The duration now in force, after any retarget; None for a deadline."""
    deadline: datetime | None = None
    """The deadline now in force; None for a duration."""
    consumed: timedelta
    remaining: timedelta
    """What is left until the target; negative when breached."""
    breached: bool
    """Consumption exceeds the target. Exactly the target is met."""
    reached_target_at: datetime | None = None
    """For a breached clock, when consumption reached the target now in force; None when it did so while stopped."""
    due_at: datetime | None = None
    """For a running clock that is not breached: when the target will be reached if nothing changes."""
    late_from: datetime | None = None
    """As `due_at`, but when it will be breached: after a closing time, the next opening."""
    if_resumed_at: datetime | None = None
    """For a paused clock that is not breached: the `due_at` that it would have if it were resumed now."""
    warnings: tuple[Crossing, ...] = ()
    """The warning thresholds that are crossed, lowest first."""
    next_warning_at: datetime | None = None
    """For a running clock: when the next threshold will be crossed if nothing changes."""
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    """When it was stopped or cancelled, if it is so now."""
    spells: tuple[Spell, ...] = attrs.field(default=(), repr=False)
    dropped: int = attrs.field(default=0, repr=False)

    @property
    def breached_at(self) -> datetime | None:
        """When a breached clock reached its target; see `reached_target_at`."""
        return self.reached_target_at

    @property
    def met(self) -> bool | None:
        """The verdict: False once breached, True when stopped in time, None while it is open or when cancelled."""
        if self.breached:
            return False
        return True if self.state == "stopped" else None

    def explain(self) -> Explanation:
        """Return every interval of the clock with why it counted or not; prints as text, draws itself as SVG."""
        due = self.due_at or self.reached_target_at
        return explanation(self.calendar, self.spells, self.dropped, self.target.label, self.asof, due)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that any JSON encoder takes: instants in ISO 8601, durations in minutes."""
        return {
            "metric": self.target.metric,
            "kind": self.target.kind,
            "name": self.target.name,
            "state": self.state,
            "asof": _text(self.asof),
            "target_minutes": None if self.promised is None else _minutes(self.promised),
            "deadline": _text(self.deadline),
            "consumed_minutes": _minutes(self.consumed),
            "remaining_minutes": _minutes(self.remaining),
            "breached": self.breached,
            "reached_target_at": _text(self.reached_target_at),
            "due_at": _text(self.due_at),
            "late_from": _text(self.late_from),
            "if_resumed_at": _text(self.if_resumed_at),
            "warnings": [{"fraction": item.fraction, "at": _text(item.at)} for item in self.warnings],
            "next_warning_at": _text(self.next_warning_at),
            "started_at": _text(self.started_at),
            "stopped_at": _text(self.stopped_at),
            "calendar_revision": self.calendar.revision,
        }


def clock(target: Target, calendar: ServiceCalendar | None, history: History, asof: datetime) -> Reading:
    """Read the clock of a target at an instant.

    Args:
        target: what was promised. Its conditions are only asked when the history has moments of a record.
        calendar: the service hours; None takes the target's own, or round the clock.
        history: pairs `(instant, mark)` in any order. A mark is `"start"`, `"pause"`, `"resume"`, `"stop"`, `"reopen"`,
            `"reset"` or `"cancel"`; `("retarget", duration)` or `(instant, "retarget", duration)`; a `Mark`; a
            `Moment` of a record; a mapping with `event`; or None for an entry without effect. A mark that does
            not fit the state of the clock (a second start, a resume while running) has no effect.
        asof: the instant to read it at. Later marks are left out, marks at the same instant apply.

    >>> office = ServiceCalendar(zone="UTC", weekly={"mon": [("09:00", "17:00")], "tue": [("09:00", "17:00")]})
    >>> nine, ten, four = (datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in (9, 10, 16))
    >>> history = [(nine, "start"), (ten, "pause"), (four, "resume")]
    >>> reading = clock(Target(duration=timedelta(hours=4)), office, history, asof=four)
    >>> reading.state, str(reading.consumed), reading.due_at.isoformat()
    ('running', '1:00:00', '2026-03-03T11:00:00+00:00')
    >>> print(reading.explain())
    resolve as of 2026-03-02T16:00+00:00
    2026-03-02T09:00+00:00  2026-03-02T10:00+00:00  1:00:00  counted: the clock ran in service hours
    2026-03-02T10:00+00:00  2026-03-02T16:00+00:00  6:00:00  not counted: paused
    consumed 1:00:00

    Raises:
        InvalidInput: an entry cannot be read, or an instant has no time zone.
    """
    if not isinstance(target, Target):
        raise InvalidInput.of("ill_typed", field="target", expected="a Target", value=target)
    calendar = calendar or target.calendar or ALWAYS
    if not isinstance(calendar, ServiceCalendar):
        raise InvalidInput.of("ill_typed", field="calendar", expected="a ServiceCalendar", value=calendar)
    now = micro(asof, "asof")
    fold = _Fold(goal_of(target))
    for entry in entries(history, target):
        if entry[0] > now:
            break
        fold.take(entry, target)
    fold.close(now)
    return _reading(target, calendar, now, asof if asof.tzinfo is UTC else moment(now), fold)


class _Fold:
    """The spells of a clock: what it was doing from when to when, and which of them still count."""

    __slots__ = ("dropped", "goal", "holders", "since", "spells", "started", "state")

    def __init__(self, goal: Goal) -> None:
        self.goal, self.state, self.since, self.started = goal, "not_started", 0, 0
        self.spells: list[Spell] = []
        self.dropped = 0
        self.holders: set[str] = set()

    def take(self, entry: Entry, target: Target) -> None:
        at, source, event, goal = entry
        state = self.state
        if event == "start" and state == "not_started":
            self.started = at
            self._turn(at, "running")
        elif event == "pause" and state in ("running", "paused"):
            self._turn(at, "paused", {*self.holders, source})
        elif event == "resume" and state == "paused":
            holders = self.holders - {source}
            self._turn(at, "paused" if holders else "running", holders)
        elif event == "stop" and state in ("running", "paused"):
            self._turn(at, "stopped")
        elif event == "cancel" and state not in ("not_started", "cancelled"):
            self._turn(at, "cancelled")
        elif event == "reopen" and state == "stopped":
            self._turn(at, "running")
            if target.reopen == "continue" and self.spells:
                begin, end, _, held = self.spells.pop()
                self.spells.append((begin, end, "continued", held))
            elif target.reopen == "restart":
                self.dropped = len(self.spells)
        elif event == "reset" and state in ("running", "paused"):
            self._turn(at, state, self.holders)
            self.dropped = len(self.spells)
        elif event == "retarget" and goal is not None:
            self.goal = goal
            if target.retarget == "from_change" and state != "not_started":
                self._turn(at, state, self.holders)
                self.dropped = len(self.spells)

    def close(self, now: int) -> None:
        """End the last spell where the reading is taken."""
        if self.state != "not_started":
            self.spells.append((self.since, now, self.state, tuple(sorted(self.holders))))

    def _turn(self, at: int, state: str, holders: set[str] | None = None) -> None:
        if self.state != "not_started":
            self.spells.append((self.since, at, self.state, tuple(sorted(self.holders))))
        self.state, self.since, self.holders = state, at, holders or set()


def _reading(target: Target, calendar: ServiceCalendar, now: int, asof: datetime, fold: _Fold) -> Reading:
    timeline, state = calendar.timeline, fold.state
    counted = [
        (a, b, kind == "running", timeline.elapsed(a, b))
        for a, b, kind, _ in fold.spells[fold.dropped :]
        if kind in ("running", "continued")
    ]
    consumed = sum(item[3] for item in counted)
    duration, deadline = fold.goal
    promised = duration or 0
    if deadline is not None:
        promised = sum(timeline.elapsed(a, min(b, deadline)) for a, b, _, _ in counted)
        if state in ("running", "paused"):
            promised += timeline.elapsed(now, deadline)
    remaining = promised - consumed
    breached = remaining < 0
    due = late = resumed = coming = None
    if state == "running" and not breached:
        due, late = _ahead(timeline, now, remaining, deadline)
    elif state == "paused" and not breached:
        resumed, _ = _ahead(timeline, now, remaining, deadline)
    crossed: tuple[Crossing, ...] = ()
    if target.warnings and deadline is None:
        amounts = [(fraction, round(promised * fraction)) for fraction in target.warnings]
        crossed = tuple(
            Crossing(fraction, moment(at))
            for fraction, amount in amounts
            if counted and consumed >= amount
            for at in (_reached(timeline, counted, amount)[0],)
        )
        if state == "running" and len(crossed) < len(amounts):
            coming, _ = _ahead(timeline, now, amounts[len(crossed)][1] - consumed, None)
    reached = None
    if breached:
        at, ran = _reached(timeline, counted, promised) if deadline is None else _passed(timeline, counted, deadline)
        reached = moment(at) if ran else None
    begun = state != "not_started"
    return Reading(
        target=target,
        calendar=calendar,
        asof=asof,
        state=state,  # type: ignore[arg-type]  # one of its words
        promised=None if deadline is not None else _delta(promised),
        deadline=None if deadline is None else moment(deadline),
        consumed=_delta(consumed),
        remaining=_delta(remaining),
        breached=breached,
        reached_target_at=reached,
        due_at=due,
        late_from=late,
        if_resumed_at=resumed,
        warnings=crossed,
        next_warning_at=coming,
        started_at=moment(fold.started) if begun else None,
        stopped_at=moment(fold.since) if state in ("stopped", "cancelled") else None,
        spells=tuple(fold.spells),
        dropped=fold.dropped,
    )


def _ahead(
    timeline: Timeline, now: int, remaining: int, deadline: int | None
) -> tuple[datetime | None, datetime | None]:
    """Return when what remains will have passed, and when more than that will; None where hours never suffice."""
    due = late = None
    since, left = (now, remaining) if deadline is None else (max(now, deadline), 0)
    try:
        due = moment(timeline.due(now, remaining) if deadline is None else deadline)
        late = moment(timeline.late_from(since, left))
    except InvalidInput:
        # no hours are left, or only after the year 2200: it will not fall due, or not be late
        return due, None
    return due, late


def _reached(timeline: Timeline, counted: list[tuple[int, int, bool, int]], amount: int) -> tuple[int, bool]:
    """Return when consumption reached an amount that it has reached, and whether the clock ran then.

    A stopped spell that counts was added as a whole when the record was reopened, at its end.
    """
    totals = list(accumulate(served for *_, served in counted))
    i = bisect_left(totals, amount)
    start, end, ran, served = counted[i]
    return (timeline.due(start, amount - (totals[i] - served)), True) if ran else (end, False)


def _passed(timeline: Timeline, counted: list[tuple[int, int, bool, int]], deadline: int) -> tuple[int, bool]:
    """Return when a clock ran on past its deadline, which is later where it was paused then, and whether it ran."""
    late = ((max(a, deadline), b, ran) for a, b, ran, _ in counted)
    at, end, ran = next((a, b, ran) for a, b, ran in late if timeline.elapsed(a, b))
    return at if ran else end, ran


def _delta(micros: int) -> timedelta:
    return MICROSECOND * micros


def _minutes(value: timedelta) -> int | float:
    micros = value // MICROSECOND
    return micros // 60_000_000 if micros % 60_000_000 == 0 else micros / 60_000_000


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
