"""The shared cases, as they are written: an independent oracle and the test vectors of other tools."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from shared_cases import shared_cases

from itil4.service_level import ALWAYS, ServiceCalendar, Target, clock
from itil4.service_level.explanation import counted_between
from itil4.service_level.zone import SECOND, Zone, micro, moment


def parsed(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def cases() -> dict[str, Any]:
    return shared_cases("service_hours.json")


@pytest.fixture(scope="module")
def calendars(cases: dict[str, Any]) -> dict[str, ServiceCalendar]:
    return {name: ServiceCalendar.from_dict(form) for name, form in cases["calendars"].items()}


def test_every_due_time_agrees(cases: dict[str, Any], calendars: dict[str, ServiceCalendar]) -> None:
    """`due` is the earliest instant with enough service time, `late_from` the latest with not too much."""
    for case in cases["due"]:
        start, duration = parsed(case["start"]), timedelta(minutes=case["duration_minutes"])
        calendar = calendars[case["calendar"]]
        assert calendar.due(start, duration) == parsed(case["expect_due"]), case
        assert calendar.late_from(start, duration) == parsed(case["expect_late_from"]), case


def test_every_elapsed_time_agrees(cases: dict[str, Any], calendars: dict[str, ServiceCalendar]) -> None:
    """Service time is elapsed time inside open windows, to the second."""
    for case in cases["elapsed"]:
        found = calendars[case["calendar"]].elapsed(parsed(case["start"]), parsed(case["end"]))
        assert found == timedelta(seconds=case["expect_elapsed_seconds"]), case


@pytest.mark.parametrize("spelling", ["mappings", "pairs", "reversed"])
def test_every_clock_agrees(cases: dict[str, Any], calendars: dict[str, ServiceCalendar], spelling: str) -> None:
    """Histories run as written, as plain pairs, and in any order."""
    for case in cases["clocks"]:
        target = Target.from_dict({"target_minutes": case["target_minutes"], "reopen": case["reopen"]})
        history = list(case["history"])
        if spelling == "pairs":
            history = [
                (parsed(h["at"]), ("retarget", timedelta(minutes=h["minutes"])) if "minutes" in h else h["event"])
                for h in history
            ]
        if spelling == "reversed":
            history.reverse()
        reading = clock(target, calendars[case["calendar"]], history, asof=parsed(case["asof"]))
        expect, found = case["expect"], reading.to_dict()
        for key in ("state", "target_minutes", "consumed_minutes", "remaining_minutes", "breached"):
            assert found[key] == expect[key], (key, case)
        assert reading.due_at == parsed(expect["due"]), case
        assert reading.late_from == parsed(expect["late_from"]), case
        assert reading.reached_target_at == parsed(expect["reached_target_at"]), case
        assert reading.explain().consumed == reading.consumed, case


def test_published_vectors_agree_or_differ_by_choice() -> None:
    """Vectors from the tests of other tools. Where we differ, the branch says why."""
    kinds = {"due": 0, "before": 0, "elapsed": 0, "is_open": 0}
    for vector in shared_cases("service_hours_published.json")["vectors"]:
        kind = vector["kind"]
        if kind not in kinds:
            continue
        kinds[kind] += 1
        calendar, zone = ServiceCalendar.from_dict(vector["calendar"]), ZoneInfo(vector["local_zone"])
        start = datetime.fromisoformat(vector["start"]).replace(tzinfo=zone)
        if kind == "elapsed":
            end = datetime.fromisoformat(vector["end"]).replace(tzinfo=zone)
            assert calendar.elapsed(start, end) == timedelta(seconds=vector["expect_seconds"]), vector
        elif kind == "is_open":
            assert calendar.is_open(start) == vector["expect"], vector
        else:
            answer = getattr(calendar, kind)(start, timedelta(seconds=vector["duration_seconds"]))
            if "differs" in vector:
                # biz moves a duration of zero to the next opening (or last closing); with us no time
                # passes in no time: `due(start, 0)` is the start, and next_open is a question of its own
                assert answer == start != datetime.fromisoformat(vector["expect"]).replace(tzinfo=zone), vector
            else:
                assert answer == datetime.fromisoformat(vector["expect"]).replace(tzinfo=zone), vector
    assert all(kinds.values()), kinds


def test_published_day_rules_agree() -> None:
    """Working days are counted by `due_days`: biz's days, and GLPI's with and without the end of the day."""
    count = 0
    for vector in shared_cases("service_hours_published.json")["vectors"]:
        if vector["kind"] in ("days_after", "days_before", "days_glpi"):
            count += 1
            calendar, zone = ServiceCalendar.from_dict(vector["calendar"]), ZoneInfo(vector["local_zone"])
            start = datetime.fromisoformat(vector["start"]).replace(tzinfo=zone)
            days = -vector["days"] if vector["kind"] == "days_before" else vector["days"]
            found = calendar.due_days(start, days, end_of_day=vector.get("end_of_working_day", False))
            assert found == datetime.fromisoformat(vector["expect"]).replace(tzinfo=zone), vector
    assert count == 15


def test_published_clocks_agree() -> None:
    """Zammad's clocks round the clock: consumption cut to a period, and a due time that skips the pause."""
    opened = datetime(2026, 3, 2, tzinfo=UTC)

    def at(minute: int) -> datetime:
        return opened + timedelta(minutes=minute)

    for vector in shared_cases("service_hours_published.json")["vectors"]:
        if "history" not in vector:
            continue
        history = [(at(h["min"]), h["event"]) for h in vector["history"]]
        if vector["kind"] == "clock_minutes_in_period":
            reading = clock(Target(duration=timedelta(days=9)), ALWAYS, history, asof=at(240))
            counted = counted_between(reading.explain().intervals, at(vector["from_min"]), at(vector["to_min"]))
            assert counted == timedelta(minutes=vector["expect_minutes"]), vector
        else:
            # Zammad counts on after the last stop: the same as a clock that was never stopped
            start, pause = vector["start_min"], next(when for when, event in history if event == "pause")
            marks = [(at(start), "start")]
            if pause > at(start):
                marks += [(pause, "pause"), (at(120), "resume")]
            asof = at(120) if at(start + vector["span_min"]) > pause >= at(start) else at(start)
            reading = clock(Target(duration=timedelta(minutes=vector["span_min"])), ALWAYS, marks, asof=asof)
            assert reading.due_at == at(vector["expect_min"]), vector


def test_published_wall_times_differ_in_the_gap_only() -> None:
    """A skipped wall time is the change itself (03:00), where biz goes an hour on (03:30)."""
    expect = {"2014-03-09 02:30:00": "2014-03-09T10:00:00", "2015-10-17 24:00": "2015-10-18T03:00:00"}
    expect["2014-11-02 01:30:00"] = "2014-11-02T08:30:00"
    count = 0
    for vector in shared_cases("service_hours_published.json")["vectors"]:
        if vector["kind"] == "wall_to_instant":
            count += 1
            day, _, clock_time = vector["wall"].partition(" ")
            hour, minute = (int(part) for part in clock_time.split(":")[:2])
            wall = micro(datetime.fromisoformat(f"{day}T00:00+00:00")) + (hour * 60 + minute) * 60 * SECOND
            reached = moment(Zone(vector["local_zone"], 2014, 2015).reach(wall))
            assert reached.isoformat()[:19] == expect[vector["wall"]], vector
    assert count == 3


def test_pauses_over_midnight_are_one_interval() -> None:
    """Zammad splits a pause at local midnights to count it; intervals of instants need no such split."""
    splits = [v for v in shared_cases("service_hours_published.json")["vectors"] if v["kind"] == "pause_split"]
    assert len(splits) == 3
    start = datetime(2026, 3, 2, tzinfo=UTC)
    for hours in (0.25, 1, 120):
        pause, resume = start + timedelta(hours=23.75), start + timedelta(hours=23.75 + hours)
        history = [(start, "start"), (pause, "pause"), (resume, "resume")]
        reading = clock(Target(duration=timedelta(days=9)), ALWAYS, history, asof=resume)
        assert [item.why for item in reading.explain().intervals] == ["counted", "paused"]
        assert reading.consumed == timedelta(hours=23.75)
