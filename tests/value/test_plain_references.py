"""What is computed by columns and batches equals what plain code, one case and one event at a time, computes."""

import heapq
import random
from collections import Counter, deque
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itil4.value import Exponential, Fixed, Measured, Observation, Step, ValueStream, observe, simulate

ZERO, MINUTE = timedelta(0), timedelta(minutes=1)
BEGAN = datetime(2026, 3, 28, 22, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
MEANINGS = {"new": "new", "work": "active", "hold": "waiting", "done": "closed"}
OVER = {"resolved", "closed", "cancelled"}


def by_hand(rows, window=None):
    """Observe without a stream, as one would on paper: case by case, stay by stay."""
    cases = {}
    for row in rows:
        cases.setdefault(row[0], []).append((row[2].astimezone(UTC), row[1], (*row, None)[3] or MEANINGS[row[1]]))
    whole = [at for seen in cases.values() for at, _, _ in seen]
    start, end = window or (min(whole), max(whole))
    found = {
        "leads": [], "ages": [], "arrived": 0, "load": ZERO, "work": ZERO, "waits": Counter(), "time": Counter(),
        "visits": Counter(), "follows": Counter(), "between": {}, "variants": Counter(), "finished": [],
    }  # fmt: skip
    for case, seen in cases.items():
        seen.sort(key=lambda each: each[0])
        first, over = seen[0][0], None
        for at, _, category in seen:
            over = (over or at) if category in OVER else None
        inside = lambda at: start <= at and (at < end if window else at <= end)  # noqa: E731
        visits = [seen[0], *(each for before, each in pairwise(seen) if each[1] != before[1])]
        path = tuple(place for _, place, _ in visits)
        found["arrived"] += inside(first)
        for (came, place, _), (went, onward, _) in pairwise(visits):
            found["follows"][place, onward] += 1
            found["between"].setdefault((place, onward), []).append(went - came)
        if over is not None and inside(over):
            found["finished"].append(case)
            found["leads"].append(over - first)
            found["load"] += over - max(first, start)
            found["variants"][path] += 1
            found["visits"].update(path)
            for (came, place, category), (went, _, _) in pairwise(seen):
                if went <= over:
                    found["time"][place] += (went - came) // MINUTE
                    if category == "active":
                        found["work"] += went - came
                    else:  # closed and reopened later, too
                        found["waits"][category] += (went - came) // MINUTE
        elif (first < end if window else first <= end) and (over is None or over >= end):
            found["ages"].append(end - first)
            found["load"] += end - max(first, start)
    return start, end, found


minutes = st.integers(0, 40).map(lambda number: BEGAN + number * MINUTE)
moments = st.builds(lambda at, zone: at.astimezone(zone), minutes, st.sampled_from([UTC, PARIS]))
plain = st.tuples(st.sampled_from(["1", "2", "3", "4"]), st.sampled_from([*MEANINGS, "done"]), moments)
told = st.builds(
    Observation, st.sampled_from(["1", "2", "5"]), st.just("work"), moments, st.just("active"), touched=st.none()
)
windows = st.none() | st.builds(
    lambda start, length: (BEGAN + start * MINUTE, BEGAN + (start + length) * MINUTE),
    st.integers(5, 20),
    st.integers(1, 30),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(plain | told, min_size=1, max_size=30) | st.lists(plain, min_size=12, max_size=30),
    windows,
    st.sampled_from([list, iter, tuple]),
)
def test_columns_add_up_to_what_single_cases_do(rows, window, form):
    """Law: the figures of any history (interleaved, unsorted, in several zones) are those of its cases one by one."""
    start, end, plainly = by_hand(rows, window)
    seen = observe(None, form(rows), categories=MEANINGS, window=window)
    assert (seen.start, seen.end, seen.arrived) == (start, end, plainly["arrived"])
    assert seen.finished_cases == tuple(plainly["finished"]) and seen.open == len(plainly["ages"])
    leads, ages = plainly["leads"], plainly["ages"]
    assert (seen.lead.mean if seen.lead else None) == (sum(leads, ZERO) / len(leads) if leads else None)
    assert (seen.ages.longest if seen.ages else None) == (max(ages) if ages else None)
    assert seen.work == plainly["work"]
    assert {kind: time // MINUTE for (kind, _), time in seen.waits.items() if time} == +plainly["waits"]
    assert {each.step: each.visits for each in seen.steps} == plainly["visits"]
    assert {each.step: each.time // MINUTE for each in seen.steps if each.time} == +plainly["time"]
    assert seen.follows.edges == plainly["follows"]
    assert seen.follow_times == {
        pair: pytest.approx(sum(times, ZERO) / len(times), abs=timedelta(microseconds=1))
        for pair, times in plainly["between"].items()
    }
    assert {each.path: each.cases for each in seen.variants} == plainly["variants"]
    assert seen.little.load == pytest.approx(plainly["load"] / (end - start) if end > start else 0.0)


def test_given_rows_are_left_as_they_are():
    """Observing sorts what it sees, never the list of the caller."""
    rows = [("1", "done", BEGAN + MINUTE), ("2", "new", BEGAN), ("1", "new", BEGAN)]
    before = list(rows)
    observe(None, rows, categories=MEANINGS)
    assert rows == before


def event_by_event(stream, arrivals, service, capacity, routes, seed, items):
    """Simulate as the description says it: a calendar of events, a queue per step, one draw at a time."""
    names = [step.name for step in stream.steps]
    sources = {name: random.Random(f"{seed}:time:{name}") for name in names}
    lots = {name: random.Random(f"{seed}:turn:{name}") for name in names}
    free, queues = dict(capacity), {name: deque() for name in names}
    onward = dict(zip(names, [*names[1:], None], strict=True))
    history, calendar, serial, now = [], [], 0, 0.0
    gaps = random.Random(f"{seed}:arrivals")
    for number in range(items):
        now += arrivals(gaps)
        heapq.heappush(calendar, (now, 0, number, None, f"case-{number + 1}"))

    def note(case, name, category, kind=None):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=now)
        history.append(Observation(case, name, at, category, kind))

    def begin(case, name, work):
        nonlocal serial
        serial += 1
        note(case, name, "active")
        heapq.heappush(calendar, (now + work, 1, serial, name, case))

    def come(case, name):
        work = service[name](sources[name])
        if free[name]:
            free[name] -= 1
            begin(case, name, work)
        else:
            queues[name].append((case, work))
            note(case, name, "waiting", "queue")

    def leave(name):
        if not routes.get(name):
            return onward[name]
        lot = lots[name].random()
        for target, odds in routes[name].items():
            if lot < odds:
                return target
            lot -= odds
        return onward[name]

    while calendar:
        now, _, _, name, case = heapq.heappop(calendar)
        if name is None:
            come(case, names[0])
            continue
        if queues[name]:
            waiting, work = queues[name].popleft()
            begin(waiting, name, work)
        else:
            free[name] += 1
        target = leave(name)
        if target is None:
            note(case, name, "closed")
        else:
            come(case, target)
    return history


draws = st.sampled_from(
    [Exponential(7 * MINUTE), Exponential(2 * MINUTE), Fixed(3 * MINUTE), Fixed(ZERO), Measured([MINUTE, 9 * MINUTE])]
)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(0, 99), st.integers(1, 3), st.integers(1, 200))
def test_batches_and_columns_tell_the_same_history_as_single_events(data, seed, length, items):
    """Law: a simulated history is the one that a plain calendar of events gives, draw for draw."""
    names = "ABC"[:length]
    steps = [Step(name=name, activity="engage", practices=["service_desk"]) for name in names]
    line = ValueStream(id="line", name="Line", trigger="a call", outcome="an answer", steps=steps)
    service = {name: data.draw(draws) for name in names}
    capacity = {name: data.draw(st.integers(1, 3)) for name in names}
    turns = st.sampled_from([{}, {"A": 0.25}, {None: 0.5}, {"A": 0.25, None: 0.25}])
    routes = {name: data.draw(turns) for name in names}
    arrivals = data.draw(draws)
    history = simulate(line, arrivals, service, capacity, seed=seed, items=items, routes=routes)
    expected = event_by_event(line, arrivals, service, capacity, routes, seed, items)
    assert list(history) == expected and history == expected and len(history) == len(expected)
    assert history[0] == expected[0] and history[-1] == expected[-1] and history[1::2] == expected[1::2]
