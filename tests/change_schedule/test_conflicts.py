"""Conflicts: complete against a search of everything, symmetric where they should be, independent of order."""

import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_kit import PLACES, at, every_conflict, graphs, periods, work, works

from itil4 import InvalidInput
from itil4.practices.change_schedule import KINDS, Conflict, Fixed, Period, PlannedWork, conflict, conflicts
from itil4.practices.change_schedule.conflict import MIRRORED
from itil4.practices.configuration import ConfigurationGraph, Redundancy

MANY = settings(max_examples=120)


@MANY
@given(works(), graphs(), periods())
def test_all_conflicts_are_found_and_nothing_else(planned: Any, graph: Any, given_periods: Any) -> None:
    """Exactly what looking at every pair, item and period finds, each once."""
    found = conflicts(planned, graph, given_periods, places=PLACES)
    assert set(found) == every_conflict(planned, graph, given_periods, PLACES)
    assert len(found) == len(set(found))


@given(works(), graphs(), periods())
def test_inv_064_a_conflict_of_two_is_seen_from_both_sides(planned: Any, graph: Any, given_periods: Any) -> None:
    """INV-064: symmetric in the way that fits the kind, and never with itself."""
    found = set(conflicts(planned, graph, given_periods, places=PLACES))
    for each in found:
        assert each.other != each.work
        if each.other is not None and each.kind in MIRRORED:
            mirrored = Conflict(
                MIRRORED[each.kind], each.other, each.work, each.other_item, each.item, each.assignee,
                start=each.start, end=each.end,
            )  # fmt: skip
            assert mirrored in found


@given(st.integers(0, 20), st.integers(1, 8), st.integers(0, 20), st.integers(1, 8), st.booleans())
def test_inv_064_work_that_shares_an_item_conflicts_exactly_when_the_times_overlap(
    a: int, long: int, b: int, short: int, shared: bool
) -> None:
    """INV-064: overlapping in time and sharing an item is reported; touching in time, or another item, is not."""
    first, second = work("a", a, a + long, "i0"), work("b", b, b + short, "i0" if shared else "i1")
    found = {(each.work, each.other) for each in conflicts([first, second])}
    overlap = shared and a < b + short and b < a + long
    assert found == ({("a", "b"), ("b", "a")} if overlap else set())


@given(works(), graphs(), periods(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_given_does_not_matter(
    planned: Any, graph: Any, given_periods: Any, chance: random.Random
) -> None:
    """The same work and periods in any order give the same tuple."""
    first = conflicts(planned, graph, given_periods, places=PLACES)
    mixed, others = list(planned), list(given_periods)
    chance.shuffle(mixed)
    chance.shuffle(others)
    assert conflicts(mixed, graph, others, places=PLACES) == first


@given(works(), graphs(), periods())
def test_one_work_against_the_others_has_the_conflicts_that_it_has_among_all(
    planned: Any, graph: Any, given_periods: Any
) -> None:
    """Asking for one is asking for all and keeping those of one."""
    everything = conflicts(planned, graph, given_periods, places=PLACES)
    for mine in planned:
        own = conflicts([mine], graph, given_periods, places=PLACES, against=planned)
        assert own == tuple(each for each in everything if each.work == mine.id)


@given(works(most=12), graphs())
def test_work_in_batches_is_work_at_once(planned: Any, graph: Any) -> None:
    """However many pieces are looked at together, the conflicts are the same."""
    whole = conflicts(planned, graph)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conflict, "_BATCH", 2)
        assert conflicts(planned, graph) == whole


def test_each_of_the_eleven_kinds_is_told_with_both_sides_and_the_window() -> None:
    """Each kind happens in one story: a host, the room that it stands in, its disk, and the shop that needs it."""
    graph = ConfigurationGraph(
        [("disk", "part_of", "host"), ("host", "part_of", "room"), ("shop", "depends_on", "host")]
    )
    planned = [
        work("host", 2, 6, "host", assignee="sam"),
        work("again", 5, 7, "host"),
        work("room", 3, 4, "room"),
        work("disk", 5, 6, "disk"),
        work("shop", 5, 9, "shop", assignee="sam"),
    ]
    given_periods = [
        Period(name=f"{kind} of {item}", kind=kind, when=Fixed(at(start), at(end)), items=item)  # type: ignore[arg-type]  # both are kinds
        for kind, start, end in (("maintenance", 2, 5), ("blackout", 5, 6))
        for item in ("host", "room", "disk")
    ]
    found = [each for each in conflicts(planned, graph, given_periods) if each.work in ("host", "shop")]
    assert {each.kind for each in found} == set(KINDS)
    told = {(each.work, each.kind, each.other, each.item, each.other_item, each.start, each.end) for each in found}
    assert ("host", "item_already_scheduled", "again", "host", "host", at(5), at(6)) in told
    assert ("host", "parent_already_scheduled", "room", "host", "room", at(3), at(4)) in told
    assert ("host", "child_already_scheduled", "disk", "host", "disk", at(5), at(6)) in told
    assert ("host", "assignee_already_scheduled", "shop", None, None, at(5), at(6)) in told
    assert ("shop", "dependency_changing", "host", "shop", "host", at(5), at(6)) in told
    assert ("host", "child_outside_maintenance", None, "host", "disk", at(5), at(6)) in told
    assert ("host", "parent_in_blackout", None, "host", "room", at(5), at(6)) in told


def test_a_dependency_has_one_direction() -> None:
    """The shop waits for its database; the database does not wait for the shop."""
    graph = ConfigurationGraph([("shop", "app"), ("app", "database")])
    found = conflicts([work("a", 0, 2, "shop"), work("b", 1, 3, "database")], graph)
    assert [(each.work, each.kind, each.item, each.other_item) for each in found] == [
        ("a", "dependency_changing", "shop", "database")
    ]
    assert (found[0].start, found[0].end, found[0].spared) == (at(1), at(2), False)


def test_a_dependency_that_redundancy_spares_is_told_as_such() -> None:
    """One relay of two may be changed; both at once may not."""
    graph = ConfigurationGraph(
        [("shop", "r1"), ("shop", "r2")], redundancy={"shop": [Redundancy("relays", 1, ["r1", "r2"])]}
    )
    mine = work("a", 0, 2, "shop")
    (one,) = conflicts([mine, work("b", 0, 2, "r1")], graph)[:1]
    assert one.spared
    assert not any(each.spared for each in conflicts([mine, work("b", 0, 2, "r1", "r2")], graph))


def test_windows_add_up_and_a_general_one_is_told_once() -> None:
    """Work may lie over two windows that touch; without a window of an item, the general one binds the work once."""
    general = Period(name="sunday", kind="maintenance", when=Fixed(at(0), at(4)))
    own = Period(name="host", kind="maintenance", when=Fixed(at(4), at(8)), items="host")
    assert conflicts([work("a", 2, 6, "host")], periods=[general, own]) == ()
    late = conflicts([work("a", 6, 10, "i1", "i2", "i3")], periods=[general])
    assert [(each.kind, each.item, each.periods, each.start, each.end) for each in late] == [
        ("item_outside_maintenance", None, ("sunday",), at(6), at(10))
    ]
    assert conflicts([work("a", 20, 21, "i1")], periods=[own]) == ()


def test_who_is_exempt_is_not_in_conflict() -> None:
    """Emergencies are exempt from freezes unless it says otherwise, from blackouts only where it says so."""
    freeze = Period(name="f", kind="freeze", when=Fixed(at(0), at(9)), exempt_changes="CHG0000007")
    blackout = Period(name="b", kind="blackout", when=Fixed(at(0), at(9)))
    hard = Period(name="h", kind="freeze", when=Fixed(at(0), at(9)), exempt_types=())

    def hit(*given_periods: Period, **more: Any) -> set[str]:
        return {name for each in conflicts([work("w", 1, 2, **more)], periods=given_periods) for name in each.periods}

    assert hit(freeze, blackout, hard) == {"f", "b", "h"}
    assert hit(freeze, blackout, hard, type="emergency") == {"b", "h"}
    assert hit(freeze, blackout, number="CHG0000007") == {"b"}


def test_bad_work_is_refused() -> None:
    """Two of one id, and work that ends before it starts or never."""
    with pytest.raises(InvalidInput, match="twice"):
        conflicts([work("a", 0, 1), work("a", 2, 3)])
    for start, end, code in ((1, 1, "window_backwards"), (2, 1, "window_backwards")):
        with pytest.raises(InvalidInput) as caught:
            work("a", start, end)
        assert caught.value.code == code
    with pytest.raises(InvalidInput) as caught:
        PlannedWork(id="a", start=at(0), end=None)  # type: ignore[arg-type]  # the test is that it is refused
    assert caught.value.code == "window_endless"
    with pytest.raises(InvalidInput) as caught:
        PlannedWork(id="a", start=at(0).replace(tzinfo=None), end=at(1))
    assert caught.value.code == "naive_datetime"


def test_a_chain_of_a_hundred_thousand_items_has_its_conflicts() -> None:
    """Depth is no recursion, also where all conflicts of long chains are asked for."""
    for relation, kinds in (
        ("depends_on", {"dependency_changing"}),
        ("part_of", {"parent_already_scheduled", "child_already_scheduled"}),
    ):
        graph = ConfigurationGraph([(f"i{n}", relation, f"i{n + 1}") for n in range(100_000)])
        found = conflicts([work("a", 0, 2, "i0"), work("b", 1, 3, "i100000")], graph)
        assert {each.kind for each in found} == kinds
        blackout = Period(name="b", kind="blackout", when=Fixed(at(0), at(9)), items="i50000")
        assert conflicts([work("a", 0, 2, "i0")], graph, [blackout]) or relation == "depends_on"
    assert timedelta(0) < found[0].end - found[0].start
