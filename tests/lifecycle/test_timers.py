"""Timers: what time asks for, as a pure function of record, history and the moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from itil4 import Incident, IncidentManagement, connect
from itil4.clock import FrozenClock
from itil4.errors import DefinitionError, InvalidInput
from itil4.lifecycle import Context, Lifecycle, State, Timer, Transition, deadlines
from itil4.record import Actor, FieldSet, FieldSpec

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@attrs.frozen
class Alert:
    id: str
    state: str
    version: int = 1
    wake_at: datetime | None = None
    note: str | None = None


FLOW = Lifecycle(
    "alert", "open",
    [
        State("open", "new", timers=[Timer("escalate", after=2 * HOUR)]),
        State("seen", timers=[Timer("forget", after=HOUR), Timer("nag", after=HOUR, since="step"),
                              Timer("hush", after=HOUR, since="entry")]),
        State("asleep", "waiting", timers=[Timer("wake", at="wake_at"), Timer("worry", after=HOUR, time="service")]),
    ],
    [
        Transition("see", ["open", "asleep"], "seen"),
        *(Transition(event, "seen", "seen", internal=True) for event in ("touch", "nag", "hush")),
        Transition("forget", "seen", "open", internal=True),
        Transition("sleep", "seen", "asleep"),
        Transition("wake", "asleep", "seen", internal=True),
        Transition("worry", "asleep", "asleep", internal=True),
        Transition("escalate", "open", "open", internal=True),
    ],
)  # fmt: skip
CLOCK = Actor("clock", kind="system")


class Told:
    """A record with its history, moved at given hours after noon."""

    def __init__(self) -> None:
        self.record = Alert("a1", "open")
        self.history = [FLOW.engine.entry("birth", Context(CLOCK, NOON), "a1", 1, target="open")]

    def fire(self, event: str, hours: float, **payload: Any) -> None:
        self.record, entry = FLOW.fire(self.record, event, Context(CLOCK, NOON + hours * HOUR, payload))
        self.history.append(entry)

    def note(self, hours: float) -> None:
        self.record, entry = FLOW.update(self.record, Context(CLOCK, NOON + hours * HOUR, {"note": str(hours)}))
        self.history.append(entry)

    def due(self, hours: float, calendar: Any = None) -> list[tuple[str, float]]:
        found = FLOW.due(self.record, self.history, NOON + hours * HOUR, calendar)
        return [(each.event, (each.at - NOON) / HOUR) for each in found]


class Nine:
    """A calendar whose service hours run at a third of the time."""

    def due(self, start: datetime, duration: timedelta) -> datetime:
        return start + 3 * duration

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        return (end - start) / 3


def test_a_timer_runs_from_the_birth_and_falls_due_at_its_moment() -> None:
    """Not a microsecond before, and at the moment itself."""
    told = Told()
    assert told.due(2 - 1e-6) == []
    assert told.due(2) == [("escalate", 2)]


def test_each_timer_counts_from_its_own_start() -> None:
    """`entered` ignores steps that stay, `step` counts from them, `entry` from anything that was written."""
    told = Told()
    told.fire("see", 1)
    told.fire("touch", 1.5)
    told.note(1.75)
    assert told.due(9) == [("forget", 2), ("nag", 2.5), ("hush", 2.75)]


def test_a_timer_whose_step_was_taken_has_done_its_work() -> None:
    """A self-loop that a timer fired is not fired again during the same stay, and is after the next one."""
    told = Told()
    told.fire("escalate", 2)
    assert told.due(9) == []
    told.fire("see", 3)
    told.fire("forget", 4)
    assert told.due(9) == [("escalate", 6)]


def test_a_timer_at_a_field_waits_for_the_field() -> None:
    """Without a moment there is none; with one it falls due then."""
    told = Told()
    told.fire("see", 1)
    told.fire("sleep", 1)
    assert told.due(9, Nine()) == [("worry", 4)]
    told.record = attrs.evolve(told.record, wake_at=NOON + 3 * HOUR)
    assert told.due(9, Nine()) == [("wake", 3), ("worry", 4)]
    assert [each.event for each in deadlines(FLOW, told.record, told.history, Nine())] == ["wake", "worry"]


def test_service_time_needs_a_calendar() -> None:
    """Nobody guesses when a service is delivered."""
    told = Told()
    told.fire("see", 1)
    told.fire("sleep", 1)
    with pytest.raises(InvalidInput, match="counts service time"):
        told.due(9)


def test_without_a_history_nothing_is_known_and_nothing_is_due() -> None:
    """A stay whose start nobody recorded has no end."""
    assert FLOW.due(Alert("a1", "open"), [], NOON) == ()
    assert FLOW.due(Alert("a1", "unknown"), [], NOON) == ()
    with pytest.raises(InvalidInput):
        FLOW.due(Alert("a1", "open"), [], datetime(2026, 3, 2))


@pytest.mark.parametrize(
    "how",
    [{}, {"after": HOUR, "at": "wake_at"}, {"after": timedelta(0)}, {"after": -HOUR}, {"after": 7},
     {"after": HOUR, "time": "lunch"}, {"after": HOUR, "since": "ever"}],
)  # fmt: skip
def test_a_timer_that_cannot_run_is_refused(how: Any) -> None:
    """One of `after` and `at`, a positive duration, a known time and start."""
    with pytest.raises(DefinitionError):
        Timer("wake", **how)


def test_what_would_fall_due_after_the_last_year_never_does() -> None:
    """A timer may be as long as a duration can be; it breaks no tick."""
    timer = Timer("wake", after=timedelta.max)
    flow = Lifecycle("t", "a", [State("a", timers=timer)], [Transition("wake", "a", "a", internal=True)])
    born = flow.engine.entry("birth", Context(CLOCK, NOON), "a1", 1, target="a")
    assert deadlines(flow, Alert("a1", "a"), [born]) == ()


def test_a_timer_at_a_field_that_was_declared_at_run_time_reads_it() -> None:
    """What a practice adds by a field set stands beside the fields of the class."""

    class Again(IncidentManagement[Incident]):
        fields = FieldSet(again_at=FieldSpec("moment"))
        lifecycle = IncidentManagement.lifecycle.extend(
            replace={"new": State("new", "new", timers=Timer("remind", at="again_at"))},
            add=[Transition("remind", "new", "new", internal=True)],
        )

    clock = FrozenClock(NOON)
    itsm = connect(practices=[Again], clock=clock)
    incident = itsm.incidents.log(summary="Mail is down", again_at=NOON + HOUR, by=Actor("sam", {"service_desk"}))
    clock.tick(HOUR)
    itsm.tick()
    assert [each.event for each in itsm.incidents.history(incident)] == ["log", "remind"]


def test_a_timer_at_a_field_that_holds_no_moment_is_found() -> None:
    """Neither a text nor a date says when."""
    flow = Lifecycle("t", "a", [State("a", timers=Timer("wake", at="note"))], [Transition("wake", "a", "a")])
    assert "timer_never_fires" in [each.code for each in flow.verify(Alert)]
    assert "timer_never_fires" not in [each.code for each in FLOW.verify(Alert)]
