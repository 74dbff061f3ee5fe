"""Free windows: the first that is free, not a minute later, and none where there is none."""

from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_kit import HOUR, PLACES, at, graphs, periods, work, works

from itil4 import InvalidInput
from itil4.practices.change_schedule import Fixed, Period, conflicts, next_slot
from itil4.practices.configuration import ConfigurationGraph


def touches(mine: Any, planned: Any, graph: Any, given_periods: Any) -> bool:
    """Whether a work has any conflict, or another one has one with it."""
    rest = [each for each in planned if each.id != mine.id]
    found = conflicts([*rest, mine], graph, given_periods, places=PLACES)
    return any(mine.id in (each.work, each.other) for each in found)


@settings(max_examples=50)
@given(works(most=6), graphs(), periods(), st.integers(0, 12), st.integers(1, 4))
def test_the_proposal_is_the_first_hour_at_which_nothing_is_in_conflict(
    planned: Any, graph: Any, given_periods: Any, after: int, hours: int
) -> None:
    """What a search hour by hour finds first, and nothing where it finds nothing."""
    for base in planned[:1]:
        mine = attrs.evolve(base, start=at(after), end=at(after + hours))
        horizon = 40
        wanted = None
        for start in range(after, after + horizon - hours + 1):
            tried = attrs.evolve(mine, start=at(start), end=at(start + hours))
            if not touches(tried, planned, graph, given_periods):
                wanted = at(start)
                break
        found = next_slot(mine, planned, graph, given_periods, places=PLACES, horizon=horizon * HOUR)
        assert found.start == wanted
        assert bool(found) is (wanted is not None)
        assert (found.reason is None) is bool(found)
        if found:
            assert found.end == wanted + hours * HOUR  # type: ignore[operator]  # it is a time where something was found


def test_work_that_rests_on_mine_is_in_the_way_too() -> None:
    """What is placed makes no conflict for others: neither for what rests on it nor for its whole and its parts."""
    graph = ConfigurationGraph([("shop", "database"), ("disk", "part_of", "server")])
    for mine, other in (("database", "shop"), ("shop", "database"), ("disk", "server"), ("server", "disk")):
        found = next_slot(work("mine", 0, 1, mine), [work("held", 0, 3, other)], graph)
        assert found.start == at(3), (mine, other)


def test_a_slot_may_begin_between_the_hours() -> None:
    """It begins when the last thing in its way ends."""
    held = work("held", 0, 1.25, "i0")
    found = next_slot(work("mine", 0.5, 1, "i0"), [held])
    assert (found.start, found.end) == (at(1.25), at(1.75))


def test_the_reason_says_whether_windows_or_other_work_are_in_the_way() -> None:
    """The longest time that was left is named."""
    short = Period(name="short", kind="maintenance", when=Fixed(at(1), at(2)), items="i0")
    found = next_slot(work("mine", 0, 3, "i0"), periods=[short])
    assert found.reason is not None
    assert (found.reason.code, found.reason.detail["longest"]) == ("no_slot_windows", HOUR)
    wide = Period(name="wide", kind="maintenance", when=Fixed(at(1), at(9)), items="i0")
    busy = [work("busy", 3, 8, "i0")]
    found = next_slot(work("mine", 0, 3, "i0"), busy, periods=[wide])
    assert found.reason is not None
    assert (found.reason.code, found.reason.detail["longest"]) == ("no_slot", 2 * HOUR)
    assert str(found.reason).startswith("There is no free window of 3:00:00 for mine")


def test_the_start_horizon_and_length_can_be_told() -> None:
    """It looks from `after`, as far as `horizon`, for as long as `duration`."""
    mine = work("mine", 0, 1)
    assert next_slot(mine, after=at(5)).start == at(5)
    assert next_slot(mine, duration=4 * HOUR).end == at(4)
    assert not next_slot(mine, [work("w", 0, 9, assignee="sam")], horizon=HOUR / 2)
    assert next_slot(mine, [mine]).start == at(0)
    for given_time in ({"duration": timedelta(0)}, {"horizon": -HOUR}, {"duration": 3}):
        with pytest.raises(InvalidInput):
            next_slot(mine, **given_time)
