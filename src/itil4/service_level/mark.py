"""The entries that a clock reads: plain marks, or moments of a record's history.

However an entry is written, it becomes `(instant, source, event, goal)`: the instant in microseconds,
who sent it, what it does to the clock, and for a retarget the new target. Entries are read in
the order of time; at one instant each source keeps its own order, and sources go by name, so that
it does not matter in which order histories from several sources were put together.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import attrs

from itil4.errors import InvalidInput, nearest
from itil4.service_level.condition import Condition, Moment
from itil4.service_level.target import Target, iso_instant, minutes
from itil4.service_level.timeline import EVER
from itil4.service_level.zone import micro, span
from itil4.vocabulary import choices

Event: TypeAlias = Literal["start", "pause", "resume", "stop", "reopen", "retarget", "reset", "cancel"]
"""What an entry does to a clock."""

EVENTS = frozenset(choices(Event))

Goal: TypeAlias = tuple[int | None, int | None]
"""A promised duration, or a deadline, in microseconds."""

Entry: TypeAlias = tuple[int, str, str, Goal | None]

_KEYS = ("at", "event", "minutes", "duration", "source")


@attrs.frozen(kw_only=True)
class Mark:
    """What an entry does to a clock, with the source it comes from; a retarget has its new duration or target.

    While any source pauses a clock it does not run: two systems may hold it for overlapping times.
    """

    event: Event
    to: timedelta | Target | None = None
    source: str = ""


History: TypeAlias = Iterable[Any]
"""`(instant, mark)` pairs, where a mark is the name of an event, a `Mark`, a mapping, a `Moment`, or nothing."""


def goal_of(target: object) -> Goal:
    """Return what a target, or a new duration, promises."""
    if isinstance(target, Target):
        if target.deadline is not None:
            return None, micro(target.deadline, "deadline")
        target = target.duration
    return span(target, "target"), None


def entries(history: History, target: Target) -> list[Entry]:
    """Return what a history does to the clock of a target, in the order in which it counts.

    Raises:
        InvalidInput: an entry cannot be read; an instant is naive.
    """
    found: list[Entry] = []
    moments: list[tuple[int, Moment]] = []
    last, ordered = -EVER, True
    if not isinstance(history, Iterable):
        raise InvalidInput.of("ill_typed", field="history", expected="a list of (instant, mark)", value=history)
    for item in history:
        at, mark, to = (*item, None) if type(item) is tuple and len(item) == 2 else _parts(item)
        if type(mark) is str and mark in EVENTS and mark != "retarget":
            entry: Entry = (micro(at), "", mark, None)
        elif isinstance(mark, Moment):
            moments.append((micro(at), mark))
            continue
        elif mark is None or mark == "":
            micro(at)
            continue
        else:
            entry = _read(item, at, mark, to)
        found.append(entry)
        ordered = ordered and entry[0] >= last and not entry[1]
        last = entry[0]
    if moments:
        moments.sort(key=_instant)
        found += marks(moments, target)
    if moments or not ordered:
        found.sort(key=_order)
    return found


def marks(moments: Sequence[tuple[int, Moment]], target: Target) -> list[Entry]:
    """Return the marks that a target's conditions make of a history, which is in the order of time."""
    met = next((i for i, (_, moment) in enumerate(moments) if _any(target.start, moment)), None)
    if met is None:
        return []
    early = target.retroactive_start
    found: list[Entry] = [(moments[0 if early else met][0], "", "start", None)]
    state, lasting = "running", False
    for i in range(0 if early and target.retroactive_pause else met, len(moments)):
        at, moment = moments[i]
        before = state
        if i >= met:
            if state == "stopped":
                if lasting and not _any(target.stop, moment) and _any(target.start, moment):
                    state = "running"
                    found.append((at, "", "reopen", None))
            elif stopping := [item for item in target.stop if item.holds(moment)]:
                state, lasting = "stopped", any(item.lasts for item in stopping)
                found.append((at, "", "stop", None))
            if _any(target.cancel, moment):
                found.append((at, "", "cancel", None))
                break
            if before != "stopped" and state != "stopped" and _any(target.reset, moment):
                found.append((at, "", "reset", None))
        if state == "running" and _any(target.pause, moment) and not _any(target.resume, moment):
            state = "paused"
            found.append((at, "", "pause", None))
        elif state == "paused" and (_any(target.resume, moment) if target.resume else not _any(target.pause, moment)):
            state = "running"
            found.append((at, "", "resume", None))
    return found


def _any(conditions: tuple[Condition, ...], moment: Moment) -> bool:
    return any(condition.holds(moment) for condition in conditions)


def _instant(entry: tuple[int, Moment]) -> int:
    return entry[0]


def _order(entry: Entry) -> tuple[int, str]:
    return entry[:2]


def _parts(item: object) -> tuple[Any, Any, Any]:
    if isinstance(item, (tuple, list)):
        if len(item) == 2:
            return item[0], item[1], None
        if len(item) == 3:
            return item[0], item[1], item[2]
    elif isinstance(item, Mapping) and "at" in item:
        at = item["at"]
        return (at if isinstance(at, datetime) else iso_instant(at, "at")), item, None
    raise _bad(item)


def _read(item: object, at: object, mark: Any, to: Any) -> Entry:
    source = ""
    if isinstance(mark, Mark):
        mark, to, source = mark.event, mark.to, mark.source
    elif isinstance(mark, (tuple, list)) and len(mark) == 2 and to is None:
        mark, to = mark
    elif isinstance(mark, Mapping):
        if unknown := [key for key in mark if key not in _KEYS]:
            near = nearest(unknown[0], _KEYS)
            raise InvalidInput.of("unknown_field", record="Mark", field=unknown[0], nearest=near)
        source, to = str(mark.get("source", "")), mark.get("duration")
        if "minutes" in mark:
            to = minutes(mark["minutes"])
        mark = mark.get("event")
        if mark is None or mark == "":
            # an entry that does nothing stands before everything else of its instant, and does nothing there
            return micro(at), source, "", None
    if isinstance(to, Mapping):
        to = Target.from_dict(to)
    if not isinstance(mark, str) or mark not in EVENTS or not isinstance(source, str):
        raise _bad(mark if isinstance(mark, str) else item)
    if mark != "retarget":
        return micro(at), source, mark, None
    if to is None:
        raise InvalidInput.of("retarget_without", at=str(at))
    return micro(at), source, mark, goal_of(to)


def _bad(value: object) -> InvalidInput:
    known = choices(Event)
    return InvalidInput.of("bad_mark", value=value, nearest=nearest(value, known), choices=known)
