"""How fast calendars and clocks are, as ratios measured side by side in one run.

Run: python benchmarks/service_levels.py [--quick]

Each contender gets the same questions in turn, round after round, and its median CPU time counts. The
per-day loop is the code that most tools have; businesstimedelta and pandas take part where they are installed.
Absolute figures depend on the machine, ratios hardly do.
"""

import argparse
import importlib
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as wall
from typing import Any
from zoneinfo import ZoneInfo

import attrs

import itil4
from itil4 import Actor
from itil4.clock import FrozenClock
from itil4.practices.service_policy import ServiceLevelPolicy, TargetRule
from itil4.service_level import ServiceCalendar, Target, clock

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
ZONE = ZoneInfo("Europe/Paris")
FIXED_DAYS = ("01-01", "05-01", "05-08", "07-14", "11-11", "12-25")
HOLIDAYS = [f"{year}-{day}" for year in (2023, 2024, 2025) for day in FIXED_DAYS]
FORM = {"zone": "Europe/Paris", "weekly": {day: [["09:00", "17:00"]] for day in WEEKDAYS}, "holidays": HOLIDAYS}
START = datetime(2024, 1, 3, 10, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROUNDS = 9


class PerDayLoop:
    """What most tools do: walk over the days and cut each one's window."""

    def __init__(self) -> None:
        self.holidays = {datetime.fromisoformat(day).date() for day in HOLIDAYS}

    def window(self, day: datetime) -> tuple[datetime, datetime] | None:
        if day.weekday() > 4 or day.date() in self.holidays:
            return None
        return (
            day.replace(hour=9, minute=0, second=0).astimezone(UTC),
            day.replace(hour=17, minute=0, second=0).astimezone(UTC),
        )

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        day, total = start.astimezone(ZONE), timedelta(0)
        last = end.astimezone(ZONE).date()
        while day.date() <= last:
            if window := self.window(day):
                total += max(min(window[1], end) - max(window[0], start), timedelta(0))
            day += timedelta(days=1)
        return total

    def due(self, start: datetime, duration: timedelta) -> datetime:
        day = start.astimezone(ZONE)
        while True:
            if window := self.window(day):
                begin = max(window[0], start)
                if begin + duration <= window[1]:
                    return begin + duration
                duration -= max(window[1] - begin, timedelta(0))
            day += timedelta(days=1)


def optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"({name} is not installed and takes no part)", file=sys.stderr)
        return None


def measure(contenders: dict[str, tuple[Callable[[], Any], int]]) -> dict[str, float]:
    """Return the median CPU seconds of one call of each contender; they take turns in each round."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for call, _ in contenders.values():
        call()
    for _ in range(ROUNDS):
        for name, (call, repeat) in contenders.items():
            begun = time.process_time()
            for _ in range(repeat):
                call()
            times[name].append((time.process_time() - begun) / repeat)
    return {name: statistics.median(values) for name, values in times.items()}


def report(title: str, found: dict[str, float]) -> None:
    own = next(iter(found.values()))
    print(f"\n{title}")
    for name, seconds in found.items():
        print(f"  {name:<34}{seconds * 1e6:>14,.1f} us{seconds / own:>12,.1f} x")


def answers(quick: bool) -> None:
    calendar, loop = ServiceCalendar.from_dict(FORM), PerDayLoop()
    many, few = (2_000, 3) if quick else (20_000, 10)
    year = START + timedelta(days=365)
    for title, duration in (("due, 8 h ahead", 8 * HOUR), ("due, one year of hours ahead", 2_000 * HOUR)):
        assert calendar.due(START, duration) == loop.due(START, duration)
        found: dict[str, tuple[Callable[[], Any], int]] = {
            "itil4": (lambda d=duration: calendar.due(START, d), many),  # type: ignore[misc]
            "per-day loop": (lambda d=duration: loop.due(START, d), few),  # type: ignore[misc]
        }
        found |= peers_due(duration, few)
        report(title, measure(found))
    assert calendar.elapsed(START, year) == loop.elapsed(START, year)
    found = {
        "itil4": (lambda: calendar.elapsed(START, year), many),
        "per-day loop": (lambda: loop.elapsed(START, year), few),
    }
    report("elapsed, over one year", measure(found | peers_elapsed(year, few)))


def peers_due(duration: timedelta, few: int) -> dict[str, tuple[Callable[[], Any], int]]:
    found: dict[str, tuple[Callable[[], Any], int]] = {}
    if rules := businesstimedelta_rules():
        module, hours = rules
        delta = module.BusinessTimeDelta(hours, hours=duration / HOUR)
        found["businesstimedelta"] = (lambda: START + delta, few)
    if pandas := optional("pandas"):
        offset = pandas.tseries.offsets.CustomBusinessHour(
            n=int(duration / HOUR), start="09:00", end="17:00", holidays=HOLIDAYS
        )
        # the same question: an aware datetime in, an instant out
        found["pandas CustomBusinessHour"] = (lambda: pandas.Timestamp(START).tz_convert(ZONE) + offset, few)
    return found


def peers_elapsed(end: datetime, few: int) -> dict[str, tuple[Callable[[], Any], int]]:
    found: dict[str, tuple[Callable[[], Any], int]] = {}
    if rules := businesstimedelta_rules():
        _, hours = rules
        found["businesstimedelta"] = (lambda: hours.difference(START, end), few)
    return found


def businesstimedelta_rules() -> tuple[Any, Any] | None:
    module = optional("businesstimedelta")
    if module is None:
        return None
    # it takes zones of pytz only; it is spared the holidays
    zone = importlib.import_module("pytz").timezone("Europe/Paris")
    working = module.WorkDayRule(start_time=wall(9), end_time=wall(17), working_days=[0, 1, 2, 3, 4], tz=zone)
    return module, module.Rules([working])


def building(quick: bool) -> None:
    def build() -> None:
        ServiceCalendar.from_dict(FORM).due(START, 8 * HOUR)

    calendar = ServiceCalendar.from_dict(FORM)
    history = [
        (START, "start"),
        (START + HOUR, "pause"),
        (START + 5 * HOUR, "resume"),
        (START + 22 * HOUR, "pause"),
        (START + 29 * HOUR, "resume"),
        (START + 30 * HOUR, "stop"),
    ]
    target, now = Target(duration=8 * HOUR, warnings=(0.75,)), START + 31 * HOUR
    found = measure(
        {
            "build of three years, first due": (build, 20 if quick else 100),
            "clock of six entries": (lambda: clock(target, calendar, history, now), 500 if quick else 5_000),
        }
    )
    print("\nin itself")
    for name, seconds in found.items():
        print(f"  {name:<34}{seconds * 1e6:>14,.1f} us")


def reread(quick: bool) -> None:
    """Read all clocks of many open incidents again after a calendar edit."""
    size = 10_000 if quick else 100_000
    target = Target(duration=40 * HOUR)
    now = START + timedelta(days=60)
    histories = [
        [(START + timedelta(minutes=i % 80_000), "start"), (START + timedelta(minutes=i % 80_000 + 500), "pause"),
         (START + timedelta(minutes=i % 80_000 + 900), "resume")]
        for i in range(size)
    ]  # fmt: skip
    edited = ServiceCalendar.from_dict(FORM).revise(holidays=[*HOLIDAYS, "2024-01-15"])
    tracemalloc.start()
    held = [clock(target, edited, history, now) for history in histories[: size // 10]]
    memory = tracemalloc.get_traced_memory()[0] / len(held)
    tracemalloc.stop()
    begun = time.process_time()
    breached = sum(clock(target, edited, history, now).breached for history in histories)
    seconds = time.process_time() - begun
    print(f"\n{size:,} open incidents after a calendar edit: {seconds:.2f} s, {seconds / size * 1e6:.1f} us each,")
    print(f"  {breached:,} breached; a reading that is kept takes {memory:,.0f} bytes, one that is not none")


def reread_store(quick: bool) -> None:
    """Compute the due times of all open incidents in a file again after a calendar edit, and ask what falls due."""
    size, at_once = (5_000 if quick else 100_000), 1_000
    by, now = Actor("sam", roles={"service_desk"}), FrozenClock(START)
    calendar = ServiceCalendar.from_dict(FORM)
    edited = calendar.revise(holidays=[*HOLIDAYS, "2024-01-15"])
    rules = (TargetRule(target=Target(duration=40 * HOUR, warnings=(0.5,))),
             TargetRule(target=Target(duration=8 * HOUR), priority=(1, 2)),
             TargetRule(target=Target(duration=HOUR, metric="respond")))  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/desk.db"
        policy = ServiceLevelPolicy(targets=rules, calendar=calendar)
        with itil4.connect(url, clock=now, policies={"service_level": policy}) as itsm:
            for start in range(0, size, at_once):
                now.tick(timedelta(minutes=20))
                with itsm.unit(by=by) as desk:
                    for i in range(start, min(start + at_once, size)):
                        levels = {"impact": ("high", "low")[i % 2], "urgency": ("high", "medium", "low")[i % 3]}
                        incident = desk.incidents.log(summary=f"Number {i}", requester="ana", **levels)
                        if i % 3 == 0:
                            desk.incidents.hold(incident, kind="user")
        again = attrs.evolve(policy, calendar=edited)
        with itil4.connect(url, clock=now, policies={"service_level": again}) as itsm:
            tracemalloc.start()
            begun = time.process_time()
            count = itsm.service_levels.refold()
            seconds, memory = time.process_time() - begun, tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            begun = time.process_time()
            itsm.service_levels.refold()
            plain = time.process_time() - begun
            begun = time.process_time()
            due = itsm.service_levels.due_between(now.now(), now.now() + timedelta(days=3650), limit=100)
            asked = time.process_time() - begun
        print(f"\n{count:,} open incidents in SQLite, two clocks each, after a calendar edit: {plain:.1f} s,")
        print(f"  {plain / count * 1e6:,.0f} us each, at most {memory / 1e6:.1f} MB (traced in {seconds:.1f} s);")
        print(f"  the next {len(due)} to fall due: {asked * 1e3:.2f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure calendars and clocks against what is usual.")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    chosen = parser.parse_args().quick
    answers(chosen)
    building(chosen)
    reread(chosen)
    reread_store(chosen)
