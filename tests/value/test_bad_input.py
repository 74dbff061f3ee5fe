"""The bad input that a user of streams may give: each is refused or reported, by code, and nothing is guessed."""

from datetime import UTC, datetime, timedelta

import pytest

from itil4.errors import InvalidInput
from itil4.service_level import ServiceCalendar
from itil4.value import Amount, Observation, Step, ValueStream, compare, forecast, mmc, observe, simulate, what_if

DAY = datetime(2026, 3, 2, tzinfo=UTC)
CATEGORIES = {"new": "new", "work": "active", "closed": "closed"}


def at(hours):
    return DAY + timedelta(hours=hours)


def stream(*steps, **values):
    given = {"id": "desk", "name": "Desk", "trigger": "a call", "outcome": "an answer"}
    return ValueStream(**{**given, **values}, steps=list(steps) or [step()])


def step(name="Take", **values):
    given = {"activity": "engage", "practices": ["service_desk"], "states": {"incident_management": ["new"]}}
    return Step(name=name, **{**given, **values})


@pytest.mark.parametrize(
    ("unsound", "code", "text"),
    [
        (lambda: stream(step(practices=["service_desks"])), "unknown_name", "Did you mean service_desk"),
        (lambda: stream(step(activity="engaging")), "unknown_name", "Did you mean engage"),
        (lambda: stream(step(states={"incident_managment": ["new"]})), "unknown_name", "incident_management"),
        (lambda: stream(step("Take"), step("Take it")), "two_steps", "'Take' and 'Take it'"),
    ],
)
def test_an_unsound_stream_is_reported_by_validate_and_refused_by_check(unsound, code, text):
    """An unknown practice or activity, or one state in two steps: one reason each, with the nearest name."""
    (reason,) = unsound().validate()
    assert reason.code == code and text in str(reason).replace("'service_desk'", "service_desk").replace(
        "'engage'", "engage"
    )
    with pytest.raises(InvalidInput):
        unsound().check()


@pytest.mark.parametrize("outcome", ["", "  ", None, 3])
def test_a_stream_has_an_outcome(outcome):
    """Without one there is no value at its end, and no stream."""
    with pytest.raises(InvalidInput) as caught:
        stream(outcome=outcome)
    assert caught.value.code in ("blank", "ill_typed")


def test_a_history_with_gaps_is_measured_as_it_is():
    """A case that was never seen in a step went another way; the time in between stays where it was last seen."""
    two = stream(step(), step("Mend", states={"incident_management": ["work"]}))
    seen = observe(two, [("1", "new", at(0)), ("1", "closed", at(50))], categories=CATEGORIES)
    assert seen.step("Mend") is None and seen.variants[0].path == ("Take", "closed")
    assert seen.step("Take").time == seen.lead.mean == timedelta(hours=50)


def test_equal_times_and_entries_out_of_order_are_measured_and_told():
    """Equal times keep their given order and take no time; what was out of order is sorted; both are problems."""
    rows = [("1", "closed", at(2)), ("1", "new", at(0)), ("1", "work", at(0))]
    seen = observe(None, rows, categories=CATEGORIES)
    assert {problem.code for problem in seen.problems} == {"out_of_time_order", "equal_times"}
    assert seen.variants[0].path == ("new", "work", "closed") and seen.step("new").time == timedelta(0)


def test_a_record_in_no_step_is_a_place_of_its_own_and_told():
    """It is neither dropped nor put into a step that did not ask for it."""
    seen = observe(stream(), [("1", "new", at(0)), ("1", "lost", at(1)), ("1", "closed", at(3))],
                   categories={**CATEGORIES, "lost": "active"})  # fmt: skip
    (problem,) = seen.problems
    assert problem.code == "no_step" and problem.detail["places"] == ("closed", "lost")
    assert seen.step("lost").time == timedelta(hours=2)


def test_a_calendar_that_is_never_open_leaves_nothing_to_divide_by():
    """No service time passes: times are zero, shares are None with the reason, and nothing fails."""
    never = ServiceCalendar.from_dict({"zone": "UTC", "weekly": {}, "holidays": [], "exceptions": {}})
    rows = [("1", "new", at(0)), ("1", "work", at(5)), ("1", "closed", at(9)), ("2", "new", at(1))]
    seen = observe(stream(), rows, categories=CATEGORIES, calendar=never)
    assert seen.lead.mean == timedelta(0) and seen.flow_efficiency is None and seen.little.load == 0
    assert seen.unknown["flow_efficiency"].code == "no_lead_time" and seen.bottleneck is None
    assert "Lead time 0 s" in seen.svg() and all(each.change is None or not each.change for each in compare(seen, seen))


@pytest.mark.parametrize("capacity", [-1, 0, 1.5, True])
def test_a_capacity_is_a_whole_number_of_at_least_one(capacity):
    """In a step, a simulation, a what-if and a queue alike."""
    times = {"Take": timedelta(minutes=5)}
    for refused in (
        lambda: step(capacity=capacity),
        lambda: simulate(stream(), timedelta(minutes=6), times, {"Take": capacity}, seed=1, items=5),
        lambda: what_if(stream(), timedelta(minutes=6), times, {"Take": capacity}, seed=1, items=5),
        lambda: mmc(1, 2, capacity),
    ):
        with pytest.raises(InvalidInput) as caught:
            refused()
        assert caught.value.code in ("negative", "not_positive", "ill_typed")


@pytest.mark.parametrize("samples", range(8))
def test_a_forecast_from_fewer_than_eight_samples_is_refused_with_the_reason(samples):
    """The error names how many there are and how many it takes; eight are enough."""
    with pytest.raises(InvalidInput) as caught:
        forecast([3] * samples, items=10, seed=1)
    assert caught.value.code == "few_samples" and f"{samples} periods" in str(caught.value)
    assert forecast([3] * 8, items=10, seed=1).p85 == 4


def test_currencies_do_not_mix():
    """Adding euros to pounds has no answer without a rate that somebody states."""
    with pytest.raises(InvalidInput) as caught:
        Amount(1, "EUR") + Amount(1, "GBP")
    assert caught.value.code == "unlike_units"


@pytest.mark.parametrize("drawn", [float("nan"), float("inf"), -5.0, True, "5", timedelta(minutes=5), None])
def test_a_draw_that_returns_no_number_of_seconds_is_refused_before_it_gets_into_a_history(drawn):
    """A draw is the caller's own code, so what it gives is looked at: for arrivals and for working times."""
    for arrivals, work in ((lambda source: drawn, timedelta(1)), (timedelta(1), lambda source: drawn)):
        with pytest.raises(InvalidInput, match="a draw of seconds"):
            simulate(stream(step()), arrivals, {"Take": work}, seed=1, items=3)


@pytest.mark.parametrize("place", [5, None, ("a", "b")])
def test_a_place_that_is_no_text_is_refused(place):
    """For a plain tuple and for an observation alike."""
    for row in (("1", place, at(0)), Observation("1", place, at(0), "active")):
        with pytest.raises(InvalidInput, match="place is a text"):
            observe(None, [row])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"accepted": "no"}, "accepted"),
        ({"touched": 5}, "touched"),
        ({"touched": timedelta(minutes=-1)}, "touched"),
        ({"place": ["new"]}, "place"),
        ({"place": 7}, "place"),
    ],
)
def test_what_an_observation_tells_is_checked_before_it_is_counted(wrong, field):
    """A "no" is no acceptance, hands-on time is never negative, and a place is a text: refused with the field."""
    at = datetime(2026, 3, 2, tzinfo=UTC)
    right = {"case": "1", "place": "new", "at": at, "category": "active"}
    with pytest.raises(InvalidInput) as caught:
        observe(None, [Observation(**right), Observation(**{**right, **wrong})])
    assert caught.value.detail["field"] == field


def test_the_ends_of_a_stream_are_several_places_not_one_text():
    """`ends="Closed"` would be six places of one letter each, in which nothing ever ends: refused."""
    with pytest.raises(InvalidInput) as caught:
        observe(None, [("1", "Closed", datetime(2026, 3, 2, tzinfo=UTC))], ends="Closed")
    assert caught.value.code == "ill_typed"
