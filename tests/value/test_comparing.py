"""Comparing designed, observed and simulated streams, and the four keys of delivery."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from itil4.errors import InvalidInput
from itil4.value import Deployment, Fixed, Step, ValueStream, compare, dora, observe, simulate

MINUTE = timedelta(minutes=1)
DESK = ValueStream(
    id="desk", name="Desk", trigger="a call", outcome="an answer",
    steps=[Step(name="Answer", activity="engage", practices=["service_desk"], work=5 * MINUTE, wait=0 * MINUTE)],
)  # fmt: skip
DAY = datetime(2026, 3, 2, tzinfo=UTC)


def test_a_simulation_of_the_design_agrees_with_the_design():
    """Story: as many minutes of work as agreed and nobody waits, so that nothing differs."""
    simulated = observe(DESK, simulate(DESK, Fixed(10 * MINUTE), {"Answer": Fixed(5 * MINUTE)}, seed=1, items=20))
    found = {(each.step, each.figure): each for each in compare(DESK, simulated)}
    for key in ((None, "lead_time"), (None, "work"), (None, "wait"), ("Answer", "work"), ("Answer", "wait")):
        assert found[key].change == timedelta(0)
    assert found[None, "flow_efficiency"].change == 0
    assert found[None, "load"].before is None and found[None, "load"].change is None
    assert all(each.change in (0, timedelta(0)) for each in compare(simulated, simulated))


def test_what_one_side_does_not_know_has_no_change():
    """Story: a history without categories says nothing of work; the comparison does not invent it."""
    seen = observe(DESK, [("1", "Answer", DAY), ("1", "Answer", DAY + MINUTE)])
    found = {(each.step, each.figure): each for each in compare(DESK, seen)}
    assert found[None, "work"].after is None and found["Answer", "work"].change is None
    assert found[None, "lead_time"].change == -4 * MINUTE
    with pytest.raises(InvalidInput):
        compare(DESK, "desk")


def test_the_four_keys_count_what_is_known():
    """Story: three deployments in ten days, one failed and is not restored; an earlier one is left out."""
    first = Deployment(record="CHG1", at=DAY + timedelta(2), begun_at=DAY)
    keys = dora(
        [first, attrs.evolve(first, record="CHG2", failed=True), attrs.evolve(first, record="CHG3", begun_at=None),
         attrs.evolve(first, record="CHG0", at=DAY, begun_at=None)],
        (DAY + timedelta(1), DAY + timedelta(11)),
    )  # fmt: skip
    assert (keys.deployments, keys.per_day, keys.lead_time.count) == (3, 0.3, 2)
    assert keys.failure_rate == pytest.approx(1 / 3) and keys.recovery_time is None and keys.unrestored == ("CHG2",)
    nothing = dora([], (DAY, DAY + timedelta(1)))
    assert nothing.failure_rate is None and nothing.lead_time is None and nothing.per_day == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: dora([], (DAY, DAY)),
        lambda: dora(["CHG1"], (DAY, DAY + timedelta(1))),
        lambda: Deployment(record="CHG1", at=DAY, begun_at=DAY + timedelta(1)),
        lambda: Deployment(record="CHG1", at=DAY, failed=True, restored_at=DAY - timedelta(1)),
        lambda: Deployment(record="CHG1", at=datetime(2026, 3, 2)),
    ],
)
def test_impossible_times_are_refused(call):
    """Nothing is deployed before it began or restored before it failed."""
    with pytest.raises(InvalidInput):
        call()
