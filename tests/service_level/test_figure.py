"""Figures over plain data: their definitions, by small worked examples."""

from datetime import UTC, datetime, timedelta

import pytest

from itil4.errors import InvalidInput
from itil4.service_level import ALWAYS, ServiceCalendar, Target, clock
from itil4.service_level.figure import (
    availability,
    compliance,
    is_watermelon,
    mtbf,
    mtbsi,
    mtrs,
    percentile,
    share,
)

HOUR = timedelta(hours=1)


def at(day: int, hour: float = 0) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day - 1, hours=hour)


def test_means_over_merged_outages() -> None:
    """Two overlapping outages are one failure; what is still down is censored."""
    outages = [(at(2), at(2, 2)), (at(2, 1), at(2, 4)), (at(5), at(5, 6)), (at(9), None)]
    month = at(1), at(32)
    restore, between, incidents = (fold(outages, *month) for fold in (mtrs, mtbf, mtbsi))
    assert (restore.value, restore.n, restore.censored) == (5 * HOUR, 2, 1)
    assert (between.value, between.n) == ((68 * HOUR + 90 * HOUR) / 2, 2)
    assert (incidents.value, incidents.n, incidents.censored) == (84 * HOUR, 2, 1)
    assert restore.to_dict() == {"name": "MTRS", "value": 18000.0, "n": 2, "censored": 1}
    up = availability(outages, at(1), at(11))
    assert up.value == pytest.approx(1 - (4 + 6 + 48) / 240) and up.censored == 1
    assert up.items[0] == (at(2), at(2, 4))


def test_an_open_outage_swallows_those_that_it_overlaps() -> None:
    """A failure that is not over yet and began before another one ended is the same failure."""
    figure = mtrs([(at(2), at(4)), (at(3), None), (at(5), at(6))], at(1), at(9))
    assert (figure.value, figure.n, figure.censored) == (None, 0, 1)


def test_only_agreed_hours_count() -> None:
    """An outage at night costs a day service nothing; without agreed time there is no availability."""
    days = ServiceCalendar(zone="UTC", weekly={"mon": [("08:00", "18:00")]})
    assert availability([(at(2, 18), at(3))], at(2), at(3), days).value == 1
    assert availability([(at(2, 17), at(3))], at(2), at(3), days).value == 0.9
    assert availability([], at(3), at(4), days).value is None


def test_outages_that_end_before_they_begin_are_refused() -> None:
    """Times in the wrong order are an error of the data, not a negative downtime."""
    with pytest.raises(InvalidInput) as raised:
        availability([(at(3), at(2))], at(1), at(9))
    assert raised.value.code == "time_order"


def test_compliance_by_due_and_by_stopped_differ() -> None:
    """An open breach is missing from what was stopped, and not from what fell due: that is why both are named."""
    target = Target(duration=8 * HOUR)
    histories = [
        [(at(2), "start"), (at(2, 4), "stop")],
        [(at(2), "start"), (at(2, 9), "stop")],
        [(at(3), "start")],
        [(at(8, 20), "start")],
        [(at(2), "start"), (at(2, 1), "cancel")],
        [(at(2), "start"), (at(2, 1), "pause")],
    ]
    readings = [clock(target, ALWAYS, history, at(9)) for history in histories]
    stopped = compliance(readings, at(1), at(9))
    due = compliance(readings, at(1), at(10), by="due")
    assert (stopped.value, stopped.n, stopped.censored) == (0.5, 2, 0)
    assert (due.value, due.n, due.censored) == (pytest.approx(1 / 3), 3, 1)
    assert stopped.items == (readings[0],)
    with pytest.raises(InvalidInput):
        compliance(readings, at(1), at(9), by="closed")  # type: ignore[arg-type]


def test_a_watermelon_is_green_outside_and_red_inside() -> None:
    """INV-100: all targets met and satisfaction below its threshold."""
    assert is_watermelon(share("c", [1, 2], 2), 0.5, 0.7)
    assert not is_watermelon(share("c", [1], 2), 0.5, 0.7)
    assert not is_watermelon(share("c", [1, 2], 2), 0.7, 0.7)
    assert not is_watermelon(share("c", [1, 2], 2), None, 0.7)
    assert not is_watermelon(share("c", [], 0), 0.5, 0.7)


@pytest.mark.parametrize("percent", [0, -1, 101, "90", True, float("nan")])
def test_percentiles_outside_0_to_100_are_refused(percent: object) -> None:
    """The 0th percentile has no nearest rank, and values of different kinds have no order."""
    with pytest.raises(InvalidInput):
        percentile([1], percent)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        percentile([1, "a"], 50)


def test_a_figure_explains_itself_down_to_what_it_was_made_of() -> None:
    """Of a percentile all values, of downtime each outage, of compliance each clock that was met."""
    eight = Target(duration=8 * HOUR)
    readings = [
        clock(eight, ALWAYS, [(at(2, 9), "start"), (at(2, 12), "stop")], at(9)),
        clock(eight, ALWAYS, [(at(2, 9), "start")], at(9)),
    ]
    told = compliance(readings, at(2), at(8), by="due").explain()
    assert told.splitlines()[0] == "compliance by due: 0.5 (n 2, censored 0)"
    assert told.splitlines()[1:] == [f"  resolve from {at(2, 9).isoformat()}: stopped, consumed 3:00:00, met"]
    down = availability([(at(2), at(3))], at(1), at(9)).explain()
    assert f"{at(2).isoformat()} to {at(3).isoformat()}" in down
    assert percentile([], 50).explain() == "p50: None (n 0, censored 0)"
