"""Ticks: what falls due happens once, whoever asks and whatever crashes; notices come at least once."""

import argparse
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from desk import IDA, MONDAY, SAM, USUAL, clock_of, entries, hours, logged, opened, reading, rule

import itil4
from itil4.errors import DefinitionError, InvalidInput, StoreError
from itil4.interop.tick_command import add_arguments, run
from itil4.lifecycle import Timer
from itil4.practices.recurring import Recurrence
from itil4.practices.service_policy import EscalationRule, ServiceLevelPolicy, StateTimer
from itil4.service_level import ServiceCalendar
from itil4.storage.memory import MemoryStore
from itil4.storage.sqlite import SqliteStore

AUTO_CLOSE = ServiceLevelPolicy(timers=(StateTimer(state="resolved", timer=Timer("close", after=timedelta(days=5))),))


@pytest.fixture(params=["memory", "sqlite"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path / "desk.db"


def test_each_threshold_is_fired_once_however_often_the_tick_runs(where: Path | None) -> None:
    """Half of the time, three quarters, and the breach: one entry each, at the moment it was reached."""
    itsm = opened(where)
    incident = logged(itsm)
    itsm.incidents.comment(incident, "Looking", audience="user", by=SAM)
    for _ in range(40):
        clock_of(itsm).tick(timedelta(minutes=15))
        itsm.tick()
        itsm.tick()
    warned = entries(itsm, incident, "service_level_warning")
    assert [each.details["service_level"]["threshold"] for each in warned] == [0.5, 0.75]
    assert [each.at for each in warned] == [MONDAY + hours(4), MONDAY + hours(6)]
    assert all(each.by == "service level management" for each in warned)
    assert len(entries(itsm, incident, "service_level_breach")) == 1


def test_a_late_tick_tells_when_a_threshold_was_reached_and_not_when_it_ran(where: Path | None) -> None:
    """Nothing has to run for a breach to happen: a tick a week later writes the same moments."""
    itsm = opened(where)
    incident = logged(itsm)
    clock_of(itsm).tick(timedelta(days=7))
    fired = itsm.tick().fired
    assert [each.at - MONDAY for each in fired] == [hours(1), hours(4), hours(6), hours(8)]
    assert itsm.incidents.history(incident)[-1].recorded_at == MONDAY + timedelta(days=7)


def test_exactly_the_target_is_no_breach(where: Path | None) -> None:
    """At the moment the promised time has passed the target is still met; a microsecond later it is not."""
    itsm = opened(where, ServiceLevelPolicy(targets=(rule(1),)))
    incident = logged(itsm)
    clock_of(itsm).tick(hours(1))
    assert itsm.tick().fired == () and not reading(itsm, incident).breached
    clock_of(itsm).tick(timedelta(microseconds=1))
    assert [each.event for each in itsm.tick().fired] == ["service_level_breach"]


def test_a_breach_is_recorded_though_it_was_resolved_before_the_tick(where: Path | None) -> None:
    """A promise that was not kept is kept as a record, with a link, whenever the tick runs."""
    itsm = opened(where)
    incident = logged(itsm)
    clock_of(itsm).tick(hours(9))
    itsm.incidents.resolve(incident, resolution="Restarted", by=SAM)
    clock_of(itsm).tick(hours(9))
    itsm.tick()
    found = {each.slot: each for each in itsm.service_level_breaches.find()}
    assert found["sla/resolve"].breached_at == MONDAY + hours(8)
    assert found["sla/resolve"].promised == hours(8) and found["sla/resolve"].about == incident.number
    assert [each.id for each in itsm.service_level_breaches.linked(found["sla/resolve"], "breach_of")] == [incident.id]


def test_a_new_priority_does_not_warn_again_of_what_was_said(where: Path | None) -> None:
    """Back at a priority whose half was told of, it is not told again; a new promise has thresholds of its own."""
    itsm = opened(where)
    incident = logged(itsm)
    clock_of(itsm).tick(hours(4))
    itsm.tick()
    for impact in ("high", "low"):
        incident = itsm.incidents.get(incident.id)
        itsm.incidents.update(incident, impact=impact, urgency=impact, by=SAM)
        clock_of(itsm).tick(timedelta(minutes=5))
        itsm.tick()
    told = [each.details["service_level"] for each in entries(itsm, incident, "service_level_warning")]
    assert [(each["promised"], each["threshold"]) for each in told] == [("PT8H", 0.5), ("PT4H", 0.5)]


def test_escalation_rules_run_as_entries_by_a_system(where: Path | None) -> None:
    """At the breach of a priority 1 somebody is informed and the rank changes, once, each with its cause or reason."""
    itsm = opened(where)
    incident = logged(itsm, impact="high", urgency="high")
    clock_of(itsm).tick(hours(5))
    itsm.tick()
    itsm.tick()
    now = itsm.incidents.get(incident.id)
    assert (now.informed, now.rank) == (("ida",), 1)
    escalated = entries(itsm, incident, "escalate")
    assert len(escalated) == 1 and escalated[0].by == "service level management"
    assert escalated[0].cause == entries(itsm, incident, "service_level_breach")[-1].id


def test_an_escalation_that_the_state_does_not_allow_is_reported(where: Path | None) -> None:
    """The breach stays written; what could not follow is told, and not tried for ever."""
    itsm = opened(where)
    incident = logged(itsm, impact="high", urgency="high")
    clock_of(itsm).tick(hours(5))
    itsm.incidents.resolve(incident, resolution="Restarted", by=SAM)
    assert [event for _, event, _ in itsm.tick().held_back] == ["escalate"]
    assert itsm.tick().held_back == ()


def test_notices_come_at_least_once_with_one_key(where: Path | None) -> None:
    """A callback that fails is called again at the next tick, with the same key; one that succeeded is not."""
    itsm = opened(where)
    logged(itsm)
    clock_of(itsm).tick(hours(6))
    keys: list[str] = []

    def fails(notice: Any) -> None:
        keys.append(notice.key)
        raise OSError("the mail server is down")

    assert itsm.tick(notify=fails).delivered == 0
    again: list[Any] = []
    assert itsm.tick(notify=again.append).delivered == 3
    assert sorted(each.key for each in again) == sorted(keys) and len(set(keys)) == 3
    assert [each.to for each in again if each.facts["threshold"] == 0.75] == [("lead",)]
    assert itsm.tick(notify=again.append).delivered == 0


def test_subscribers_hear_of_thresholds(where: Path | None) -> None:
    """Without a callback the entries go to the subscribers, as all entries do."""
    itsm = opened(where)
    heard: list[Any] = []
    itsm.subscribe(heard.append, practice="incident_management")
    logged(itsm)
    clock_of(itsm).tick(hours(5))
    itsm.tick()
    assert [each.event for each in heard] == ["log", "service_level_breach", "service_level_warning"]


CRASH = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from datetime import timedelta
from pathlib import Path
from desk import MONDAY, hours, opened
from itil4.storage import sqlite
itsm = opened(Path({path!r}), at=MONDAY + hours(6))
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
if {point!r} == "before the commit":
    put = sqlite._put
    def half(connection, tenant, batch, numbers):
        put(connection, tenant, batch, numbers)
        if batch.once: die()
    sqlite._put = half
    itsm.tick()
elif {point!r} == "before the notice":
    itsm.tick(notify=die)
else:
    itsm.subscribe(die)
    itsm.tick()
"""


@pytest.mark.parametrize("point", ["before the commit", "before the notice", "after the commit"])
def test_a_threshold_fires_once_after_a_crash(tmp_path: Path, point: str) -> None:
    """Killed in the middle of the transaction, or between commit and notice: one entry, and the notice comes."""
    path = tmp_path / "desk.db"
    with opened(path) as itsm:
        incident = logged(itsm)
        itsm.incidents.comment(incident, "Looking", audience="user", by=SAM)
    script = CRASH.format(tests=str(Path(__file__).parent), path=str(path), point=point)
    died = subprocess.run([sys.executable, "-c", script], timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL
    with opened(path, at=MONDAY + hours(6)) as itsm:
        notices: list[Any] = []
        itsm.tick(notify=notices.append)
        itsm.tick(notify=notices.append)
        told = [each.details["service_level"]["threshold"] for each in entries(itsm, incident, "service_level_warning")]
        assert told == [0.5, 0.75]
        assert [each.facts["threshold"] for each in notices] == [0.5, 0.75]
        assert itsm.incidents.replayed(incident.id) == itsm.incidents.get(incident.id)


def test_several_processes_fire_each_threshold_once(tmp_path: Path) -> None:
    """Four that tick at the same moment write the entries of one."""
    path = tmp_path / "desk.db"
    with opened(path) as itsm:
        incidents = [logged(itsm) for _ in range(6)]
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path; from desk import MONDAY, hours, opened\n"
        f"print(len(opened(Path({str(path)!r}), at=MONDAY + hours(9)).tick().fired))"
    )
    running = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) for _ in range(4)]
    counts = [int(each.communicate(timeout=100)[0]) for each in running]
    with opened(path, at=MONDAY + hours(9)) as itsm:
        itsm.tick()
        for incident in incidents:
            assert len(entries(itsm, incident, "service_level_warning")) == 2
            assert len(entries(itsm, incident, "service_level_breach")) == 2
        assert sum(counts) <= 24 and len(itsm.service_level_breaches.find()) == 12


def test_several_threads_fire_each_threshold_once() -> None:
    """The same in one process, on the store in memory."""
    itsm = opened(None)
    incident = logged(itsm)
    clock_of(itsm).tick(hours(9))
    with ThreadPoolExecutor(4) as pool:
        ticked = list(pool.map(lambda _: itsm.tick(), range(8)))
    assert sum(len(each.fired) for each in ticked) == 4
    assert len(entries(itsm, incident, "service_level_breach")) == 2


# timers


def test_what_was_resolved_five_days_ago_is_closed(where: Path | None) -> None:
    """An opt-in of the organization; closed by a system, as of the moment at which it fell due."""
    itsm = opened(where, AUTO_CLOSE)
    incident = itsm.incidents.resolve(logged(itsm), resolution="Restarted", by=SAM)
    clock_of(itsm).tick(timedelta(days=5) - timedelta(seconds=1))
    itsm.tick()
    assert itsm.incidents.get(incident).state == "resolved"
    clock_of(itsm).tick(hours(3))
    assert [each.event for each in itsm.tick().fired] == ["close"]
    closed = itsm.incidents.get(incident.id)
    assert (closed.state, closed.closed_at) == ("closed", MONDAY + timedelta(days=5))
    assert itsm.tick().fired == ()


def test_reopening_starts_a_timer_anew(where: Path | None) -> None:
    """Five days from the last time that it was resolved."""
    itsm = opened(where, AUTO_CLOSE)
    incident = itsm.incidents.resolve(logged(itsm), resolution="Restarted", by=SAM)
    clock_of(itsm).tick(timedelta(days=4))
    incident = itsm.incidents.reopen(incident, by=SAM)
    incident = itsm.incidents.resolve(incident, resolution="Replaced", by=SAM)
    clock_of(itsm).tick(timedelta(days=4))
    itsm.tick()
    assert itsm.incidents.get(incident.id).state == "resolved"
    clock_of(itsm).tick(timedelta(days=1))
    itsm.tick()
    assert itsm.incidents.get(incident.id).state == "closed"


def test_a_timer_whose_step_is_refused_waits_and_says_why(where: Path | None) -> None:
    """A major incident without a review is not closed by time; once reviewed, it is."""
    itsm = opened(where, AUTO_CLOSE)
    major = {"coordinator": "ida", "communication_plan": "Hourly mails"}
    incident = itsm.incidents.fire(logged(itsm), "accept_major", by=IDA, **major)
    incident = itsm.incidents.fire(incident, "end_major", by=IDA)
    incident = itsm.incidents.resolve(incident, resolution="Restarted", by=SAM)
    clock_of(itsm).tick(timedelta(days=6))
    for _ in range(2):
        assert [reasons[0].code for _, _, reasons in itsm.tick().held_back] == ["guard"]
    itsm.incidents.fire(incident.id, "review_major", by=IDA, review="Two relays")
    assert [each.event for each in itsm.tick().fired] == ["close"]


def test_a_timer_that_joins_the_policy_holds_for_what_is_there(where: Path | None) -> None:
    """Due times of another policy are found and computed anew by the tick itself."""
    store: Any = MemoryStore() if where is None else SqliteStore(where)
    with_none = itil4.connect(store, clock=(clock := itil4.clock.FrozenClock(MONDAY)))
    incident = with_none.incidents.resolve(logged(with_none), resolution="Restarted", by=SAM)
    clock.tick(timedelta(days=6))
    itsm = itil4.connect(store, clock=clock, policies={"service_level": AUTO_CLOSE})
    assert [each.event for each in itsm.tick().fired] == ["close"]
    assert itsm.incidents.get(incident.id).state == "closed"


def test_a_timer_on_hours_that_never_open_again_stops_no_work(caplog: pytest.LogCaptureFixture) -> None:
    """The step that starts it is taken; that the timer stands still is logged."""
    timer = StateTimer(state="resolved", timer=Timer("close", after=hours(1), time="service"))
    itsm = opened(None, ServiceLevelPolicy(timers=(timer,), calendar=ServiceCalendar(zone="UTC")))
    incident = itsm.incidents.resolve(logged(itsm), resolution="Restarted", by=SAM)
    assert incident.state == "resolved" and "stand still" in caplog.text
    assert itsm.tick().fired == ()


# recurring records


def test_month_ends_do_not_drift() -> None:
    """Anchored on the 31st: the last day of shorter months, and the 31st again after them."""
    ends = Recurrence(name="books", rule="FREQ=MONTHLY", start=datetime(2024, 1, 31, 9))
    found = list(ends.between(datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC)))
    assert [each.day for each in found] == [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28, 31]
    leap = Recurrence(name="leap", rule="FREQ=YEARLY", start=datetime(2024, 2, 29, 9))
    years = leap.between(MONDAY - timedelta(days=1_000), MONDAY + timedelta(days=900))
    days = [(each.month, each.day) for each in years]
    assert days == [(2, 29), (2, 28), (2, 28), (2, 28), (2, 29)]


def test_recurrences_keep_their_wall_time_over_clock_changes() -> None:
    """Half past two each night: once also on the day that skips it, and on the day that has it twice."""
    nightly = Recurrence(name="n", rule="FREQ=DAILY", start=datetime(2026, 3, 27, 2, 30), zone="Europe/Paris")
    spring = list(nightly.between(datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)))
    assert [f"{each:%d %H:%M}" for each in spring] == ["27 01:30", "28 01:30", "29 01:00", "30 00:30"]
    autumn = list(nightly.between(datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 26, 12, tzinfo=UTC)))
    assert [f"{each:%d %H:%M}" for each in autumn] == ["25 00:30", "26 01:30"]


def test_each_occurrence_makes_one_record(where: Path | None) -> None:
    """However often it ticks, also when the marks are lost, and with what was missed while nothing ran."""
    weekly = Recurrence(
        name="backup check", rule="FREQ=WEEKLY;BYDAY=MO", start=datetime(2026, 3, 2, 9), records="incident",
        values={"summary": "Check the backup", "requester": "ops"},
    )  # fmt: skip
    itsm = opened(where, ServiceLevelPolicy(recurring=(weekly,)))
    assert itsm.tick().made == ("INC0000001",)
    assert itsm.tick().made == ()
    clock_of(itsm).tick(timedelta(days=21))
    assert itsm.tick().made == ("INC0000002", "INC0000003", "INC0000004")
    store: Any = itsm.house.store
    store.settle("", [row for row in store.due_of("", "") if row.name.startswith("recurrence")])
    assert itsm.tick().made == ()
    assert [each.created_at.day for each in itsm.incidents.find(order_by="created_at")] == [2, 9, 16, 23]


def test_a_recurrence_that_cannot_be_read_is_refused() -> None:
    """With what is wrong about it, when it is defined."""
    with pytest.raises(DefinitionError, match="RRULE"):
        Recurrence(name="x", rule="FREQ=SOMETIMES", start=datetime(2026, 1, 1))
    with pytest.raises(DefinitionError, match="wall time"):
        Recurrence(name="x", rule="FREQ=DAILY", start=MONDAY)
    with pytest.raises(DefinitionError, match="twice"):
        ServiceLevelPolicy(recurring=[Recurrence(name="x", rule="FREQ=DAILY", start=datetime(2026, 1, 1))] * 2)


# the loop


def test_the_loop_ticks_again_and_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`tick --store URL --every 60`: it goes on after an error, and ends when it is told to."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    policy = tmp_path / "policy.toml"
    policy.write_text('[[targets]]\nmetric = "resolve"\nduration = "PT1H"\n')
    url = f"sqlite:///{tmp_path / 'desk.db'}"
    options = parser.parse_args(["--store", url, "--policy", str(policy), "--every", "60"])
    with pytest.raises(InvalidInput, match="no store"):  # a path with a slip in it makes no empty store
        run(options)
    assert not (tmp_path / "desk.db").exists()
    itil4.connect(url).close()
    waited: list[float] = []
    assert run(options, lambda seconds: waited.append(seconds) or len(waited) == 3) == 0
    assert waited == [60, 60, 60] and capsys.readouterr().out.count("0 fired") == 3
    assert run(parser.parse_args(["--store", url])) == 0
    with pytest.raises(InvalidInput, match="--every"):
        run(parser.parse_args(["--store", url, "--every", "0"]))


def test_a_tick_has_its_own_units_and_needs_a_store_that_keeps_due_times() -> None:
    """Inside a unit of work, or on a store without the ability, it says so."""
    itsm = opened(None)
    with itsm.unit(by=SAM) as desk, pytest.raises(InvalidInput, match="unit of work"):
        desk.tick()

    class Plain:
        """Has what every store has, and no due times."""

        def __init__(self) -> None:
            held = MemoryStore()
            for name in ("migrate", "close", "load", "find", "count", "history", "links", "known", "write"):
                setattr(self, name, getattr(held, name))

    plain = itil4.connect(Plain(), policies={"service_level": USUAL})
    incident = logged(plain)
    assert len(plain.service_levels.readings(incident)) == 2
    with pytest.raises(StoreError, match="keeps no due times"):
        plain.tick()


def test_a_rule_that_does_nothing_is_refused() -> None:
    """An escalation rule notifies, escalates or ranks."""
    with pytest.raises(DefinitionError, match="does nothing"):
        EscalationRule(at=0.5)


@pytest.mark.parametrize(
    ("until", "last"),
    [("20260302T080000Z", 2), ("20260302T075959Z", 1), ("20260302T090000", 2)],
)
def test_a_recurrence_ends_where_its_rule_says_in_utc_or_in_wall_time(until: str, last: int) -> None:
    """Calendars write UNTIL in UTC; the occurrence at that very moment is the last one."""
    pytest.importorskip("dateutil")
    daily = Recurrence(
        name="daily", rule=f"FREQ=DAILY;UNTIL={until}", start=datetime(2026, 3, 1, 9), zone="Europe/Paris"
    )
    found = list(daily.between(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)))
    assert [each.day for each in found] == list(range(1, last + 1))
    with pytest.raises(DefinitionError):
        Recurrence(name="never", rule="FREQ=DAILY;UNTIL=20261399T080000Z", start=datetime(2026, 3, 1, 9))
