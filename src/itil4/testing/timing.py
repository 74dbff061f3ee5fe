"""Clocks and timers, computed a second time from history: what was consumed, and what is due."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from itil4.lifecycle.definition import Lifecycle
from itil4.lifecycle.timers import Timer
from itil4.record import Entry
from itil4.service_level import Reading, Target

if TYPE_CHECKING:
    from itil4.testing.playing import Held, Player

_RUNS = ("new", "active")
_AHEAD = timedelta(days=8)
"""So far ahead the opening and closing times of a service are moments to come."""
_FARTHEST = timedelta(days=800)
"""What lies farther away is not waited for."""


def clocks_wrong(player: "Player", held: "Held", history: Sequence[Entry]) -> Iterator[str]:
    """Yield what is wrong with the service clocks of a record, in words.

    Only targets with the usual conditions are computed anew; of others it is asked whether they go
    back or are breached while they wait.
    """
    itsm = player.model.itsm
    if "service_level" not in itsm.house.policies:
        return
    lifecycle: Lifecycle = player.subject.practice.lifecycle
    now = player.model.now()
    for reading in itsm.service_levels.readings(held.reference):
        target = reading.target
        where = f"the clock of {target.label!r}"
        if _is_usual(target):
            consumed = _consumed(lifecycle, history, reading.calendar, now)
            if consumed != reading.consumed:
                yield f"{where} has consumed {reading.consumed}, and its history says {consumed}."
            elif target.duration is not None and reading.breached != (consumed > target.duration):
                yield f"{where} is {'' if reading.breached else 'not '}breached after {consumed} of {target.duration}."
        mark = (held.reference, repr(target))
        before = player.read.get(mark)
        if before is not None and reading.promised == before.promised:
            if reading.consumed < before.consumed:
                yield f"{where} went back from {before.consumed} to {reading.consumed}."
            if reading.breached and not before.breached and before.state == reading.state == "paused":
                yield f"{where} was breached while it waited."
        player.read[mark] = reading


def _is_usual(target: Target) -> bool:
    plain = Target(duration=target.duration, deadline=target.deadline, metric="resolve")
    names = ("start", "pause", "resume", "stop", "cancel", "reset", "reopen", "retroactive_start")
    return target.metric == "resolve" and all(getattr(target, name) == getattr(plain, name) for name in names)


def _consumed(lifecycle: Lifecycle, history: Sequence[Entry], calendar: Any, now: datetime) -> timedelta:
    """Return the service time during which the record was open and did not wait."""
    total, state, since = timedelta(0), None, now
    for entry in history:
        if entry.lifecycle != lifecycle.name or entry.to_state is None:
            continue
        if state is not None and lifecycle.category(state) in _RUNS:
            total += calendar.elapsed(since, entry.at)
        state, since = entry.to_state, entry.at
    if state is not None and lifecycle.category(state) in _RUNS:
        total += calendar.elapsed(since, now)
    return total


def timers_due(player: "Player", held: "Held") -> dict[str, datetime]:
    """Return event -> when a timer of the record's states asks for it."""
    found: dict[str, datetime] = {}
    history = player.model.history(held.reference)
    for lifecycle in player.subject.lifecycles:
        state = lifecycle.by_name[getattr(held.record, lifecycle.field)]
        entered = _entered(lifecycle, state.name, history)
        for timer in state.timers:
            at = _asked(player, held, lifecycle, timer, history)
            taken = [entry.at for entry in history if entry.event == timer.event and entry.at >= entered]
            if isinstance(at, datetime) and not any(each >= at for each in taken):
                found[timer.event] = at
    return found


def _asked(
    player: "Player", held: "Held", lifecycle: Lifecycle, timer: Timer, history: Sequence[Entry]
) -> datetime | None:  # fmt: skip
    """Return when a timer falls due, by its definition; None where it does not run, or its hours are not known."""
    if timer.at is not None:
        moment = player.subject.shape.read(held.record, timer.at)
        return moment if isinstance(moment, datetime) else None
    assert timer.after is not None, "a timer has one of both"
    start = _since(lifecycle, timer, getattr(held.record, lifecycle.field), history)
    if timer.time == "calendar":
        return start + timer.after
    calendars = {reading.calendar for reading in _readings(player, held)}
    return calendars.pop().due(start, timer.after) if len(calendars) == 1 else None


def _since(lifecycle: Lifecycle, timer: Timer, state: str, history: Sequence[Entry]) -> datetime:
    if timer.since == "entered":
        return _entered(lifecycle, state, history)
    if timer.since == "entry":
        return history[-1].at
    steps = [entry.at for entry in history if entry.lifecycle == lifecycle.name and entry.to_state is not None]
    return steps[-1] if steps else history[0].at


def _readings(player: "Player", held: "Held") -> tuple[Reading, ...]:
    itsm = player.model.itsm
    if "service_level" not in itsm.house.policies:
        return ()
    return itsm.service_levels.readings(held.reference)


def moments_ahead(player: "Player") -> list[datetime]:
    """Return the moments to come at which something may change of its own accord, the next one first.

    They are when a timer is due, when a service clock reaches its target or a warning, when its hours begin or
    end, and the moments that the records themselves hold.
    """
    now, found = player.model.now(), set[datetime]()
    for held in player.held.values():
        found.update(timers_due(player, held).values())
        for reading in _readings(player, held):
            found.update(
                each for each in (reading.due_at, reading.late_from, reading.next_warning_at, reading.deadline) if each
            )
            found.update(each for window in reading.calendar.windows(now, now + _AHEAD) for each in window)
        values = (player.subject.shape.read(held.record, name) for name in player.subject.shape.checks)
        found.update(value for value in values if isinstance(value, datetime))
    return sorted(each for each in found if now < each <= now + _FARTHEST)


def due_wrong(player: "Player", held: "Held") -> Iterator[str]:
    """Yield, in words, what the lifecycle says is due and is not, or the other way round."""
    now, history = player.model.now(), player.model.history(held.reference)
    asked = timers_due(player, held)
    for lifecycle in player.subject.lifecycles:
        state = lifecycle.by_name[getattr(held.record, lifecycle.field)]
        if any(timer.time != "calendar" for timer in state.timers):
            continue  # the lifecycle alone knows no hours
        said = {each.event for each in lifecycle.due(held.record, history, now)}
        for timer in state.timers:
            wanted = timer.event in asked and asked[timer.event] <= now
            if (timer.event in said) != wanted:
                yield f"the lifecycle says that {timer.event!r} is {'' if not wanted else 'not '}due at {now}."


def _entered(lifecycle: Lifecycle, state: str, history: Sequence[Entry]) -> datetime:
    at = history[0].at
    for entry in history:
        if entry.lifecycle == lifecycle.name and entry.to_state == state != entry.from_state:
            at = entry.at
    return at
