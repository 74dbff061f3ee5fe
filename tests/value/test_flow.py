"""The arithmetic of flow and of queues: laws, edges and refusals."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itil4 import value
from itil4.errors import InvalidInput

positive = st.floats(0.001, 1_000)
times = st.timedeltas(timedelta(0), timedelta(days=400))


@given(st.floats(0, 0.98), positive, st.integers(1, 60))
def test_a_queue_obeys_littles_law_and_its_own_shares(load, services, servers):
    """Law: items = arrivals x lead time, queued = arrivals x wait time, and shares lie in [0, 1]."""
    arrivals = load * services * servers
    queue = value.mmc(arrivals, services, servers)
    assert queue.items == pytest.approx(arrivals * queue.lead_time, abs=1e-9)
    assert queue.queued == pytest.approx(arrivals * queue.wait_time, abs=1e-9)
    assert queue.lead_time == pytest.approx(queue.wait_time + 1 / services)
    assert 0 <= queue.must_wait <= 1 and 0 <= queue.idle <= 1 and queue.utilization == pytest.approx(load)


def test_servers_that_are_just_busy_all_the_time_are_overloaded():
    """0.3 / 0.1 is a rounding less than 3: three servers that are never idle are refused, and four are enough."""
    with pytest.raises(InvalidInput) as caught:
        value.mmc(0.3, 0.1, 3)
    assert caught.value.code == "overloaded" and "at least 4" in str(caught.value)
    assert value.mmc(0.3, 0.1, 4).utilization == pytest.approx(0.75)


@given(st.floats(0.01, 0.95), st.integers(1, 30))
def test_one_more_server_never_makes_anybody_wait_longer(load, servers):
    """Law: waiting falls with every server."""
    fewer, more = value.mmc(load * servers, 1, servers), value.mmc(load * servers, 1, servers + 1)
    assert more.wait_time <= fewer.wait_time and more.must_wait <= fewer.must_wait


@given(st.floats(0.01, 0.95))
def test_one_server_has_the_textbook_figures(load):
    """Example as a law: M/M/1 is idle 1 - rho, and holds rho / (1 - rho) items."""
    queue = value.mmc(load, 1, 1)
    assert queue.idle == pytest.approx(1 - load) and queue.must_wait == pytest.approx(load)
    assert queue.items == pytest.approx(load / (1 - load))


def test_a_thousand_servers_do_not_overflow():
    """The sums are scaled: large systems have figures too."""
    queue = value.mmc(950, 1, 1_000)
    assert 0 < queue.must_wait < 0.2 and math.isfinite(queue.wait_time) and 0 <= queue.idle < 1
    assert value.mmc(0, 3, 2).items == 0 and value.mmc(0, 3, 2).idle == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((24, 12, 2), "overloaded"),
        ((-1, 12, 2), "negative"),
        ((1, 0, 2), "not_positive"),
        ((1, 12, 0), "not_positive"),
        ((1, 12, -2), "not_positive"),
        ((1, 12, 1.5), "ill_typed"),
        ((1, 12, True), "ill_typed"),
        ((math.nan, 12, 2), "ill_typed"),
        ((1, math.inf, 2), "ill_typed"),
        (("1", 12, 2), "ill_typed"),
    ],
)
def test_a_queue_without_long_run_figures_is_refused(arguments, code):
    """An overloaded queue, negative capacity and what is not a number are refused with a code."""
    with pytest.raises(InvalidInput) as caught:
        value.mmc(*arguments)
    assert caught.value.code == code and str(caught.value).endswith(".")


@given(positive, positive)
def test_any_two_figures_of_littles_law_give_the_third(throughput, flow_time):
    """Law: the three ways of asking agree."""
    wip = value.littles_law(throughput=throughput, flow_time=flow_time).wip
    assert value.littles_law(wip=wip, throughput=throughput).flow_time == pytest.approx(flow_time)
    assert value.littles_law(wip=wip, flow_time=flow_time).throughput == pytest.approx(throughput)


@pytest.mark.parametrize(
    ("given_figures", "code"),
    [
        ({"wip": 1}, "two_of_three"),
        ({"wip": 1, "throughput": 1, "flow_time": 1}, "two_of_three"),
        ({"wip": 1, "throughput": 0}, "undefined"),
        ({"wip": 1, "flow_time": 0}, "undefined"),
        ({"wip": -1, "flow_time": 1}, "negative"),
        ({"wip": "3", "flow_time": 1}, "ill_typed"),
    ],
)
def test_littles_law_refuses_what_it_cannot_tell(given_figures, code):
    """Exactly two figures, none negative, and no division by zero."""
    with pytest.raises(InvalidInput) as caught:
        value.littles_law(**given_figures)
    assert caught.value.code == code


@given(times, times)
def test_inv_016_flow_efficiency_lies_in_0_to_1_or_is_none(work, wait):
    """INV-016: work by lead lies in [0, 1], and is None at a lead time of zero."""
    share = value.flow_efficiency(work, work + wait)
    assert share is None if not work + wait else 0 <= share <= 1


@pytest.mark.parametrize(
    ("work", "lead", "code"),
    [
        (2, 1, "part_exceeds"),
        (-1, 1, "negative"),
        (timedelta(-1), timedelta(1), "negative"),
        (1, timedelta(1), "ill_typed"),
        ("1", 2, "ill_typed"),
    ],
)
def test_a_share_refuses_what_is_no_part(work, lead, code):
    """A part is not longer than the whole, and both are of one kind."""
    with pytest.raises(InvalidInput) as caught:
        value.flow_efficiency(work, lead)
    assert caught.value.code == code


def test_takt_ladder_and_queue_take_timedeltas_and_refuse_nonsense():
    """Times keep their kind; demand is more than zero; nothing is negative."""
    assert value.takt(timedelta(hours=8), 16) == timedelta(minutes=30)
    for call in (
        lambda: value.takt(10, 0),
        lambda: value.takt(-10, 5),
        lambda: value.ladder(0, [1], [1]),
        lambda: value.ladder(1, [-1], [1]),
        lambda: value.queue_ahead(timedelta(-1), 1, 1),
        lambda: value.queue_ahead(1, -1, 1),
        lambda: value.rolled_complete_and_accurate([0.5, 1.5]),
        lambda: value.directly_follows(["register"]),
    ):
        with pytest.raises(InvalidInput):
            call()


@given(st.lists(times, min_size=1, max_size=50))
def test_a_distribution_is_ordered(durations):
    """Law: shortest <= median <= p85 <= p95 <= longest, and the mean lies between the ends."""
    spread = value.Distribution.of(durations)
    ordered = [spread.shortest, spread.median, spread.p85, spread.p95, spread.longest]
    assert ordered == sorted(ordered) and spread.shortest <= spread.mean <= spread.longest
    assert value.Distribution.of([]) is None


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=6).map(tuple), max_size=20))
def test_a_directly_follows_graph_counts_every_neighbour_once(traces):
    """Law: edges sum to the lengths less one; starts and ends to the number of traces that are not empty."""
    graph = value.directly_follows(traces)
    full = [trace for trace in traces if trace]
    assert sum(graph.edges.values()) == sum(len(trace) - 1 for trace in full)
    assert sum(graph.starts.values()) == sum(graph.ends.values()) == len(full)
    assert graph.rework == {place: count for place in "abc" if (count := sum(trace.count(place) > 1 for trace in full))}
