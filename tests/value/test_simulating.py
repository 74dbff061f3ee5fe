"""Simulated streams and forecasts: decided by the seed, true to their parameters, paired between capacities."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itil4 import value
from itil4.errors import InvalidInput
from itil4.interop.xes import xes
from itil4.value import Exponential, Fixed, Measured, Step, ValueStream, forecast, observe, simulate, what_if

HOUR = timedelta(hours=1)


def line(*names: str) -> ValueStream:
    steps = [Step(name=name, activity="deliver_and_support", practices=["service_desk"]) for name in names]
    return ValueStream(id="line", name="Line", trigger="a call", outcome="an answer", steps=steps)


def test_observing_a_simulated_queue_recovers_what_theory_says():
    """An M/M/2 desk simulated and observed agrees with Erlang C within the spread of so many cases."""
    history = simulate(line("Answer"), HOUR / 10, {"Answer": HOUR / 12}, {"Answer": 2}, seed=3, items=40_000)
    seen, theory = observe(line("Answer"), history), value.mmc(10, 12, 2)
    assert seen.finished == 40_000 and seen.open == 0
    assert seen.lead.mean / HOUR == pytest.approx(theory.lead_time, rel=0.03)
    assert seen.wait / seen.finished / HOUR == pytest.approx(theory.wait_time, rel=0.1)
    assert seen.work / seen.finished / HOUR == pytest.approx(1 / 12, rel=0.02)
    assert seen.little.load == pytest.approx(theory.items, rel=0.04)
    assert seen.arrived / ((seen.end - seen.start) / HOUR) == pytest.approx(10, rel=0.02)


def test_one_seed_gives_one_history_and_another_seed_another():
    """Everything is decided by the seed."""
    runs = [simulate(line("A", "B"), HOUR, {"A": HOUR / 2, "B": HOUR / 2}, seed=seed, items=50) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert all(later.at >= earlier.at for earlier, later in zip(runs[0], runs[0][1:], strict=False))


def test_a_history_reads_like_the_list_of_its_observations():
    """A simulated history is a sequence: counted, sliced, indexed, compared, and measured the same as its list."""
    stream = line("A", "B")
    history = simulate(stream, HOUR, {"A": HOUR / 2, "B": HOUR / 2}, seed=1, items=20)
    told = list(history)
    assert isinstance(history, value.SimulatedHistory) and all(type(each) is value.Observation for each in told)
    assert len(history) == len(told) and history[-1] == told[-1] and history[3:9:2] == told[3:9:2]
    assert history == told and told == history and history != told[:-1] and history != "history" and told[4] in history
    assert observe(stream, history) == observe(stream, told) and xes(stream, history) == xes(stream, told)
    assert repr(history) == f"<SimulatedHistory of {len(told)} observations from 2026-01-01T00:00:00+00:00>"
    with pytest.raises(IndexError):
        history[len(told)]


def test_a_simulation_that_leaves_the_calendar_is_refused():
    """Cases that come once in a thousand years soon lie outside the years that a datetime knows."""
    with pytest.raises(InvalidInput) as caught:
        simulate(line("A"), Fixed(timedelta(days=365_000)), {"A": HOUR}, seed=1, items=20)
    assert caught.value.code == "out_of_time"


def test_fixed_times_run_like_clockwork():
    """Story: every hour a case, 90 minutes of work, one pair of hands: the third case waits an hour."""
    start = datetime(2026, 3, 2, 8, tzinfo=UTC)
    history = simulate(line("A"), Fixed(HOUR), {"A": Fixed(HOUR * 1.5)}, seed=1, items=3, start=start)
    seen = observe(line("A"), history)
    assert history[0].at == start + HOUR and seen.lead.longest == HOUR * 2.5 and seen.wait == HOUR * 1.5


def test_rework_comes_back_as_often_as_the_odds_say():
    """A quarter of what is checked goes back: each step is visited 4/3 times on average."""
    history = simulate(
        line("Fix", "Check"), HOUR, {"Fix": Measured([HOUR / 6, HOUR / 3]), "Check": Exponential(HOUR / 9)}, seed=5,
        items=8_000, routes={"Check": {"Fix": 0.25}},
    )  # fmt: skip
    seen = observe(line("Fix", "Check"), history)
    assert seen.step("Fix").visits / seen.finished == pytest.approx(4 / 3, rel=0.03)
    assert seen.step("Fix").cases == seen.finished and seen.follows.edges["Check", "Fix"] == seen.step("Fix").rework


def test_a_case_may_leave_early():
    """None among the routes ends a case: what is answered at once never reaches the second step."""
    services = {"A": HOUR / 4, "B": HOUR / 4}
    history = simulate(line("A", "B"), HOUR, services, seed=5, items=200, routes={"A": {None: 1.0}})
    seen = observe(line("A", "B"), history)
    assert seen.finished == 200 and seen.step("B") is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 2), st.lists(st.integers(1, 3), min_size=3, max_size=3))
def test_more_hands_never_raise_total_wait_in_a_tandem(seed, where, hands):
    """Law: under common random numbers, in a tandem without rework, adding capacity never raises total wait."""
    stream, names = line("A", "B", "C"), "ABC"
    services = dict.fromkeys(names, HOUR / 3)
    before = dict(zip(names, hands, strict=True))
    after = {**before, names[where]: before[names[where]] + 1}
    waits = [
        observe(stream, simulate(stream, HOUR / 2, services, capacity, seed=seed, items=60)).wait
        for capacity in (before, after)
    ]
    assert waits[1] <= waits[0] + timedelta(milliseconds=1)  # rounding to microseconds, 240 times


def test_one_more_agent_is_compared_with_the_same_luck():
    """what_if differs in capacity alone, and says what is saved."""
    compared = what_if(line("A"), HOUR, {"A": HOUR * 0.9}, {"A": 2}, seed=11, items=2_000)
    assert compared.before.work == pytest.approx(compared.after.work, abs=timedelta(seconds=1))
    assert compared.saved > HOUR and compared.waiting_saved == compared.before.wait - compared.after.wait
    assert compared.before.source == "simulated"


@pytest.mark.parametrize(
    "change",
    [
        {"service": {}},
        {"service": {"A": timedelta(0)}},
        {"service": {"A": 5}},
        {"service": {"A": HOUR, "Z": HOUR}},
        {"arrivals": timedelta(-1)},
        {"capacity": {"A": 0}},
        {"capacity": {"A": -2}},
        {"capacity": {"Z": 1}},
        {"items": 0},
        {"seed": "one"},
        {"routes": {"A": {"Z": 0.5}}},
        {"routes": {"A": {"A": 1.5}}},
        {"routes": {"A": {"A": 0.6, None: 0.6}}},
        {"routes": {"A": {"A": -0.5}}},
        {"start": datetime(2026, 1, 1)},
    ],
)
def test_a_simulation_refuses_what_cannot_run(change):
    """Negative capacity, unknown steps, impossible odds and missing times are refused before anything runs."""
    whole = {"arrivals": HOUR, "service": {"A": HOUR}, "seed": 1, **change}
    with pytest.raises(InvalidInput) as caught:
        simulate(line("A"), **whole)
    assert str(caught.value).endswith((".", "?"))


def test_a_simulation_refuses_an_unsound_stream():
    """A step in no activity cannot be run."""
    wrong = attrs.evolve(line("A"), steps=[attrs.evolve(line("A").steps[0], activity="think")])
    with pytest.raises(InvalidInput):
        simulate(wrong, HOUR, {"A": HOUR}, seed=1)


WEEKS = [3, 5, 4, 0, 6, 4, 5, 2, 4, 3]


def test_a_forecast_is_decided_by_its_seed_and_ordered_by_confidence():
    """More confidence means a later date, or fewer items."""
    when, how_many = forecast(WEEKS, items=40, seed=1), forecast(WEEKS, periods=4, seed=1)
    assert when == forecast(WEEKS, items=40, seed=1) and when.outcomes != forecast(WEEKS, items=40, seed=2).outcomes
    assert when.p50 <= when.p85 <= when.p95 and how_many.p50 >= how_many.p85 >= how_many.p95
    assert when.p50 == pytest.approx(40 / 3.6, abs=1.5)
    assert forecast([2] * 8, items=7, seed=1).p95 == 4 and forecast([2] * 8, periods=3, seed=1).p50 == 6


@given(st.lists(st.integers(0, 9), min_size=8, max_size=20).filter(any), st.integers(1, 20), st.integers(0, 99))
@settings(deadline=None)
def test_a_forecast_stays_within_the_best_and_worst_past(past, periods, seed):
    """Law: so many periods never bring more than the best past period each, nor less than the worst."""
    found = forecast(past, periods=periods, seed=seed, runs=50)
    assert min(past) * periods <= found.outcomes[0] <= found.outcomes[-1] <= max(past) * periods


@pytest.mark.parametrize(
    ("past", "asked", "code"),
    [
        (WEEKS[:7], {"items": 3}, "few_samples"),
        ([0] * 9, {"items": 3}, "no_throughput"),
        (WEEKS, {}, "one_question"),
        (WEEKS, {"items": 3, "periods": 3}, "one_question"),
        (WEEKS, {"items": 0}, "not_positive"),
        (WEEKS, {"periods": -1}, "not_positive"),
        ([*WEEKS, -1], {"items": 3}, "negative"),
        ([*WEEKS, 1.5], {"items": 3}, "ill_typed"),
        (7, {"items": 3}, "ill_typed"),
    ],
)
def test_a_forecast_refuses_to_guess_from_too_little(past, asked, code):
    """Fewer than eight periods, nothing ever finished, or no clear question: refused with the reason."""
    with pytest.raises(InvalidInput) as caught:
        forecast(past, **asked, seed=1)
    assert caught.value.code == code


def test_a_confidence_is_the_nearest_rank_of_its_share():
    """0.55 * 100 is a little more than 55 in floats: still the 55th of a hundred futures answers."""
    found = value.Forecast("periods", tuple(range(1, 101)))
    assert [found.at(share / 100) for share in range(1, 100)] == list(range(1, 100))
    assert (
        value.Forecast("items", tuple(range(1, 101))).at(0.55) == 46 and value.Forecast("periods", (7,)).at(0.01) == 7
    )


def test_a_confidence_lies_between_zero_and_one():
    """Certainty is not on offer."""
    for confidence in (0, 1, 2, "0.5"):
        with pytest.raises(InvalidInput):
            forecast(WEEKS, items=4, seed=1).at(confidence)
