"""The figures of problem management, worked out by hand, and alike in both modes of known errors."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from problem_kit import ANALYST, DESK, MANAGER, Ticking, investigating, keeper, opened

from itil4.practices.problem_figures import wilson

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def told(mode: Any, clock: Ticking) -> Any:
    """Six incidents of an hour each before a fix, on six days; the fix; two after it; and what was judged of them."""
    itsm = opened(mode, clock=clock)

    def happens() -> Any:
        incident = itsm.incidents.start(itsm.incidents.log(summary="The relay leaks", service="mail", by=DESK), by=DESK)
        clock.move(hours=1)
        done = itsm.incidents.resolve(incident, resolution="Restarted", by=DESK)
        clock.move(hours=23)
        return done

    before = [happens() for _ in range(6)]
    problem = investigating(itsm, incidents=before, service="mail")
    found = itsm.known_errors.of(itsm.problems.conclude(problem, by=MANAGER))
    practice = keeper(itsm, found)
    found = practice.add_workaround(found, "restart", "Restart it", effect="restored", by=DESK)
    found = practice.publish_workaround(found, "restart", by=MANAGER)
    odd = itsm.incidents.log(summary="The relay is odd", service="mail", by=DESK)
    (match,) = itsm.known_errors.match(odd)
    itsm.known_errors.reject(match, by=DESK)
    itsm.incidents.cancel(odd.id, close_reason="nothing found", by=DESK)
    open_ = itsm.problems.figures()
    found = practice.resolve(found, resolution="Patched", by=ANALYST)
    practice.close(practice.confirm(found, by=DESK), by=MANAGER)
    for _ in range(2):
        itsm.link(happens(), "caused_by", itsm.problems.get(problem.id), by=DESK)
    clock.move(days=4)
    return open_, itsm.problems.figures(), itsm


def test_each_word_of_the_notes_has_a_figure(told: Any) -> None:
    """Incident reduction with its uncertainty, downtime, reliability before and after, satisfaction, optimization."""
    _, figures, _ = told
    reduction = figures["incident_reduction"]
    assert reduction.value == 6 / 8
    assert dict(reduction.basis) == {"incidents before": 6, "incidents after": 2}
    low, high = figures["incident_reduction_low"].value, figures["incident_reduction_high"].value
    assert low < 0.75 < high
    assert (round(low, 4), round(high, 4)) == (0.4093, 0.9285)
    assert figures["downtime"].value == 8 * HOUR
    assert figures["reliability_before"].value == DAY
    assert figures["reliability"].value == 3 * DAY
    assert figures["customer_satisfaction"].value == 1
    assert figures["customer_satisfaction"].n == 8
    assert figures["optimization"].value == 7 * HOUR
    assert (figures["recurring_incidents"].value, figures["recurring_incidents"].n) == (7, 1)


def test_what_managers_ask_for_is_told_while_it_is_open(told: Any) -> None:
    """Workarounds, age and overdue reviews of open known errors; of closed ones there is nothing to tell."""
    before, after, itsm = told
    assert before["with_workaround"].value == 1
    assert before["known_error_age"].value == timedelta()
    assert before["review_overdue"].value == 0
    assert before["incident_reduction"].value is None
    assert before["incident_reduction"].open == 1
    assert after["with_workaround"].value is None
    assert after["matches_accepted"].value == 0
    assert after["matches_accepted"].n == 1
    assert itsm.problems.figures(split="service").groups[0].where == {"service": "mail"}


def test_a_review_is_overdue_after_its_date(mode: Any, clock: Ticking) -> None:
    """An open known error whose next review has passed is counted, until it is reviewed."""
    itsm = opened(mode, clock=clock)
    found = itsm.known_errors.of(itsm.problems.conclude(investigating(itsm), by=MANAGER))
    clock.move(days=91)
    assert itsm.problems.figures()["review_overdue"].value == 1
    assert itsm.problems.figures()["known_error_age"].value == 91 * DAY
    keeper(itsm, found).recheck(found, next_review_at=clock.now() + DAY, by=MANAGER)
    assert itsm.problems.figures()["review_overdue"].value == 0


@given(st.integers(1, 500).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_an_interval_holds_its_share_and_stays_a_share(pair: tuple[int, int]) -> None:
    """Whatever was counted, the interval lies in [0, 1], holds the share, and mirrors the opposite share."""
    hits, count = pair
    low, high = wilson(hits, count)
    assert 0 <= low <= hits / count + 1e-12
    assert hits / count - 1e-12 <= high <= 1
    other = wilson(count - hits, count)
    assert (1 - other[1], 1 - other[0]) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))
