"""The observed map: what a history says about a stream, and what it does not say."""

import csv
import gzip
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itil4 import value
from itil4.errors import InvalidInput
from itil4.value import Observation, Step, ValueStream, observe

DATA = Path(__file__).parents[3] / "shared" / "data"
DAY = datetime(2026, 3, 2, tzinfo=UTC)
CATEGORIES = {"new": "new", "work": "active", "hold": "waiting", "fixed": "resolved", "closed": "closed"}
DESK = ValueStream(
    id="desk",
    name="Desk",
    trigger="a call",
    outcome="an answer",
    steps=[
        Step(name="Take", activity="engage", practices=["service_desk"], states={"incident_management": ["new"]},
             adds_value=False),
        Step(name="Mend", activity="deliver_and_support", practices=["incident_management"], capacity=2,
             states={"incident_management": ["work"]}),
        Step(name="Check", activity="engage", practices=["service_desk"], states={"incident_management": ["fixed"]}),
    ],
)  # fmt: skip


def at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


def hours(time: timedelta) -> float:
    return time / timedelta(hours=1)


ONE = [("1", "new", at(0)), ("1", "work", at(1)), ("1", "hold", at(2)), ("1", "work", at(5)), ("1", "fixed", at(6)),
       ("1", "closed", at(9))]  # fmt: skip


@st.composite
def histories(draw):
    """Cases that move through places at whole minutes; some end open, some share times, none is in order."""
    rows = []
    for case in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, 300))
        moves = draw(st.lists(st.tuples(st.sampled_from(list(CATEGORIES)), st.integers(0, 90)), min_size=1, max_size=8))
        for place, minutes in moves:
            start += minutes
            rows.append((str(case), place, DAY + timedelta(minutes=start)))
    return rows


def test_a_waiting_state_of_no_step_belongs_to_the_step_that_it_interrupts():
    """Story: on hold interrupts mending; coming back is no rework, and the wait is told by category and kind."""
    seen = observe(DESK, ONE, categories=CATEGORIES, kinds={"hold": "user"})
    mend = seen.step("Mend")
    assert (mend.visits, mend.rework, hours(mend.work), mend.waits) == (
        1,
        0,
        2,
        {("waiting", "user"): timedelta(hours=3)},
    )
    assert hours(seen.step("Take").queue) == 1 and seen.step("Check").time == timedelta(0)
    assert hours(seen.lead.mean) == 6 and seen.variants[0].path == ("Take", "Mend", "Check", "closed")
    assert seen.flow_efficiency == pytest.approx(2 / 6) and seen.value_added_ratio == pytest.approx(2 / 6)
    assert seen.bottleneck.step == "Take" and seen.bottleneck.reason.code == "bottleneck_queue"
    assert seen.follow_times["Take", "Mend"] == timedelta(hours=1)
    assert seen.follow_times["Mend", "Check"] == timedelta(hours=5)
    assert seen.problems[0].code == "no_step" and seen.problems[0].detail["places"] == ("closed",)


def test_reopening_moves_the_end_and_is_rework():
    """Story: a case resolved and reopened is finished when it was resolved for good; the time between is wait."""
    again = [*ONE[:5], ("1", "work", at(8)), ("1", "fixed", at(9)), ("1", "closed", at(30))]
    seen = observe(DESK, again, categories=CATEGORIES)
    assert hours(seen.lead.mean) == 9 and seen.step("Mend").rework == 1 and seen.step("Check").rework == 1
    assert seen.waits["resolved", "unspecified"] == timedelta(hours=2)
    assert seen.follows.rework == {"Mend": 1, "Check": 1}


def test_open_cases_are_counted_and_aged_never_averaged():
    """Story: what is still open has no lead time; its age is told beside."""
    seen = observe(DESK, [*ONE, ("2", "new", at(1)), ("2", "work", at(4))], categories=CATEGORIES)
    assert (seen.cases, seen.finished, seen.open, hours(seen.ages.mean)) == (2, 1, 1, 8)
    assert seen.lead.count == 1 and sum(variant.cases for variant in seen.variants) == 1
    assert seen.follows.edges["Take", "Mend"] == 2
    nothing = observe(DESK, [("2", "new", at(1)), ("2", "work", at(4))], categories=CATEGORIES)
    assert nothing.lead is None and nothing.flow_efficiency is None and nothing.little.time is None
    assert nothing.unknown["flow_efficiency"].code == "no_lead_time"


def test_a_window_takes_what_finishes_inside_it():
    """Story: the window is half-open; cases that finish before or after it count as arrived or open only."""
    rows = [*ONE, ("2", "work", at(5)), ("2", "closed", at(7)), ("3", "work", at(6.5)), ("3", "closed", at(20))]
    seen = observe(None, rows, categories=CATEGORIES, window=(at(6), at(10)))
    assert (seen.finished, seen.arrived, seen.open) == (2, 1, 1)
    assert observe(None, rows, categories=CATEGORIES, window=(at(0), at(6))).finished == 0
    assert hours(seen.takt) == 4 and seen.little.velocity == 0.5
    assert seen.little.load == pytest.approx((0 + 1 + 3.5) / 4)
    with pytest.raises(InvalidInput) as caught:
        observe(None, rows, window=(at(6), at(6)))
    assert caught.value.code == "empty_window"


def test_people_judgements_and_hands_on_time_are_read_where_they_are_told():
    """Story: hand-offs, complete and accurate (judged by the receiver, of the sender) and the activity ratio."""
    rows = [
        Observation("1", "Take", at(0), "active", by="ana", touched=timedelta(minutes=6)),
        Observation("1", "Mend", at(1), "active", by="sam", accepted=False),
        Observation("1", "Take", at(2), "active", by="ana"),
        Observation("1", "Mend", at(3), "active", by="sam", accepted=True, touched=timedelta(minutes=24)),
        Observation("1", "Check", at(4), "closed", by="sam", accepted=True),
    ]
    seen = observe(DESK, rows)
    assert seen.handoffs == 3 and seen.activity_ratio == pytest.approx(0.5 / 4)
    assert seen.step("Take").complete_and_accurate == 0.5 and seen.step("Mend").complete_and_accurate == 1
    assert seen.rolled_complete_and_accurate == 0.5 and seen.step("Check").complete_and_accurate is None
    assert seen.step("Mend").utilization == pytest.approx(2 / (2 * 4))
    assert seen.bottleneck.reason.code == "bottleneck_busy"


def test_linked_records_of_two_practices_are_one_case():
    """Story: an incident that needs a change; both have a state `new`, told apart by the practice."""
    rows = [
        Observation("1", "new", at(0), "new", practice="incident_management"),
        Observation("1", "new", at(2), "active", practice="change_enablement"),
        Observation("1", "closed", at(3), "closed", practice="incident_management"),
    ]
    seen = observe(value.RESTORE_LIVE_SERVICE, rows)
    assert [figures.step for figures in seen.steps] == [
        value.RESTORE_LIVE_SERVICE.steps[0].name,
        value.RESTORE_LIVE_SERVICE.steps[2].name,
        value.RESTORE_LIVE_SERVICE.steps[5].name,
    ]


def test_what_is_not_known_is_none_with_a_reason():
    """Without categories nobody can say what was work; the map says so instead of guessing."""
    seen = observe(None, [("1", "a", at(0)), ("1", "b", at(1)), ("1", "a", at(2)), ("2", "a", at(0))])
    assert seen.finished == 2 and seen.flow_efficiency is None
    assert {name: reason.code for name, reason in seen.unknown.items()} == {
        "flow_efficiency": "no_categories",
        "activity_ratio": "no_touches",
        "value_added_ratio": "no_stream",
        "rolled_complete_and_accurate": "nobody_judged",
    }
    assert all(str(reason).endswith(".") for reason in seen.unknown.values())
    assert seen.bottleneck.reason.code == "bottleneck_time"
    still = observe(None, [("1", "a", at(0))])
    assert still.bottleneck is None and still.little.load == 0 and still.lead.mean == timedelta(0)


def test_named_ends_finish_a_case():
    """A host without categories may name the places that end a case."""
    seen = observe(None, [("1", "a", at(0)), ("1", "paid", at(1)), ("2", "a", at(0))], ends=["paid"])
    assert (seen.finished, seen.open) == (1, 1)


def test_times_of_any_zone_are_instants():
    """Two local times across a change of the clock are as far apart as the instants are."""
    paris = ZoneInfo("Europe/Paris")
    rows = [("1", "a", datetime(2026, 3, 29, 1, tzinfo=paris)), ("1", "b", datetime(2026, 3, 29, 4, tzinfo=paris))]
    assert observe(None, rows).lead.mean == timedelta(hours=2)


def test_entries_out_of_order_and_equal_times_are_reported():
    """A history with faults is measured, and its faults are told."""
    seen = observe(None, [*reversed(ONE), ("1", "closed", at(9))], categories=CATEGORIES)
    assert [reason.code for reason in seen.problems] == ["out_of_time_order", "equal_times"]
    assert hours(seen.lead.mean) == 6


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([], "none_given"),
        ([("1", "a", datetime(2026, 3, 2))], "naive_datetime"),
        ([("1", "a", "2026-03-02")], "ill_typed"),
        ([("1", "a")], "ill_typed"),
        ([["1", "a", DAY]], "ill_typed"),
        ([("1", "a", DAY, "doing")], "not_a_choice"),
    ],
)
def test_what_is_no_observation_is_refused(rows, code):
    """Times have a zone, categories are of the closed list, and there is something to observe."""
    with pytest.raises(InvalidInput) as caught:
        observe(None, rows)
    assert caught.value.code == code


def test_an_unsound_stream_and_unknown_categories_are_refused():
    """A map of a stream that contradicts itself would mislead."""
    twice = ValueStream(id="x", name="x", trigger="t", outcome="o", steps=[
        Step(name=name, activity="engage", practices=["p"], states={"p": ["new"]}) for name in "ab"])  # fmt: skip
    with pytest.raises(InvalidInput, match="two steps"):
        observe(twice, ONE)
    with pytest.raises(InvalidInput):
        observe("desk", ONE)
    with pytest.raises(InvalidInput):
        observe(DESK, ONE, categories={"new": "fresh"})


class _Weekdays:
    """Open from 8 to 16 each day, for the tests."""

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        return self._since(end) - self._since(start)

    def due(self, start: datetime, duration: timedelta) -> datetime:
        raise NotImplementedError

    def _since(self, moment: datetime) -> timedelta:
        days, rest = divmod(moment - DAY, timedelta(days=1))
        return days * timedelta(hours=8) + min(max(rest - timedelta(hours=8), timedelta(0)), timedelta(hours=8))


class _Never(_Weekdays):
    def _since(self, moment: datetime) -> timedelta:
        return timedelta(0)


def test_a_calendar_counts_service_time_only():
    """Story: over night nobody works, and the lead time does not run."""
    rows = [("1", "new", at(9)), ("1", "work", at(15)), ("1", "closed", at(33))]
    seen = observe(None, rows, categories=CATEGORIES, calendar=_Weekdays())
    assert hours(seen.lead.mean) == 8 and seen.flow_efficiency == pytest.approx(2 / 8)
    shut = observe(None, rows, categories=CATEGORIES, calendar=_Never())
    assert shut.flow_efficiency is None and shut.little.load == 0 and shut.takt == timedelta(0)


@given(histories(), st.booleans())
def test_visits_sum_to_lead_time_and_shares_to_one(rows, with_stream):
    """Laws: step times sum to all lead times, work + waits to step times, shares to 1; ratios lie in [0, 1]."""
    seen = observe(DESK if with_stream else None, rows, categories=CATEGORIES)
    lead = seen.lead.mean * seen.lead.count if seen.lead else timedelta(0)
    assert abs(sum((figures.time for figures in seen.steps), timedelta(0)) - lead) <= timedelta(microseconds=len(rows))
    for figures in seen.steps:
        assert figures.time == figures.work + figures.wait and figures.rework >= 0
    assert seen.work + seen.wait == sum((figures.time for figures in seen.steps), timedelta(0))
    assert not seen.variants or sum(variant.share for variant in seen.variants) == pytest.approx(1)
    for ratio in (seen.flow_efficiency, seen.value_added_ratio):
        assert ratio is None or 0 <= ratio <= 1
    assert seen.finished + seen.open == seen.cases


@given(histories())
def test_load_is_velocity_times_time_on_closed_windows(rows):
    """Law (Little): when every case starts and finishes inside the window, the gap is zero."""
    ends = [(case, "closed", DAY + timedelta(days=2)) for case in {row[0] for row in rows}]
    window = (DAY - timedelta(hours=1), DAY + timedelta(days=3))
    seen = observe(None, rows + ends, categories=CATEGORIES, window=window)
    assert seen.open == 0 and seen.little.gap == pytest.approx(0, abs=1e-9)


@given(histories(), st.randoms())
def test_the_order_of_entries_of_different_cases_does_not_matter(rows, random):
    """Law: a history is a set of cases; how they are interleaved says nothing."""
    cases = list({row[0] for row in rows})
    random.shuffle(cases)
    regrouped = [row for case in cases for row in rows if row[0] == case]
    one, other = (observe(DESK, each, categories=CATEGORIES) for each in (rows, regrouped))
    assert one.steps == other.steps and one.lead == other.lead and one.little == other.little
    assert one.follows == other.follows


def _real_rows():
    places = {"New": "new", "Active": "in_progress", "Resolved": "resolved", "Closed": "closed"}
    with gzip.open(DATA / "uci_incidents_dev.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            state = row["incident_state"]
            place = places.get(state, "on_hold" if state.startswith("Awaiting") else "unknown")
            moment = datetime.strptime(row["sys_updated_at"], "%d/%m/%Y %H:%M").replace(tzinfo=UTC)
            yield row["number"], place, moment


@pytest.fixture(scope="module")
def real():
    if not (DATA / "uci_incidents_dev.csv.gz").exists():
        pytest.skip("the shared folder with data/uci_incidents_dev.csv.gz is not beside this repository")
    facts = json.loads((DATA / "uci_incidents_dev.facts.json").read_text(encoding="utf-8"))
    left_out = {*facts["cases_with_unknown_state"], *facts["cases_out_of_time_order"]}
    return facts, [row for row in _real_rows() if row[0] not in left_out]


def test_the_real_incidents_come_out_as_their_facts_say(real):
    """10,041 real incidents: steps, births, ends, reopenings and lead times equal an independent count."""
    facts, rows = real
    meanings = {"new": "new", "in_progress": "active", "on_hold": "waiting", "resolved": "resolved", "closed": "closed"}
    seen = observe(None, rows, categories=meanings)
    assert seen.cases == seen.finished == facts["good_cases"]
    assert {">".join(pair): count for pair, count in seen.follows.edges.items()} == facts["steps"]
    assert seen.follows.starts == facts["birth_states"] and seen.follows.ends == facts["end_states"]
    plain = Counter()
    last: dict[str, str] = {}
    for case, place, _ in rows:
        plain[last.get(case), place] += 1
        last[case] = place
    edges = {pair: count for pair, count in plain.items() if pair[0] not in (None, pair[1])}
    assert edges == seen.follows.edges
    done = {"resolved", "closed"}
    back = [way for way in seen.variants if any(one in done and two not in done for one, two in pairwise(way.path))]
    reopened = sum(way.cases for way in back)
    assert reopened == facts["cases_reopened"]
    assert seen.little.gap == pytest.approx(0, abs=1e-6)
    through_steps = observe(value.RESTORE_LIVE_SERVICE, rows, categories=meanings)
    assert through_steps.problems[-1].code == "equal_times" and through_steps.lead == seen.lead
    assert (
        through_steps.step("Verify that the incident is resolved").visits
        == sum(count for step, count in facts["steps"].items() if step.endswith(">resolved"))
        + facts["birth_states"]["resolved"]
    )


def test_being_cancelled_is_the_end_of_a_case_and_no_step_that_a_stream_forgot():
    """A cancelled case shows in its way through, and nobody is asked to name that state in a step."""
    stream = ValueStream(
        id="desk", name="Desk", trigger="a call", outcome="an answer",
        steps=[Step(name="Take", activity="engage", practices=["service_desk"],
                    states={"incident_management": ["new", "closed"]})],
    )  # fmt: skip
    rows = [("1", "new", at(0)), ("1", "cancelled", at(1)), ("2", "new", at(0)), ("2", "closed", at(1))]
    seen = observe(stream, rows, categories={"new": "new", "cancelled": "cancelled", "closed": "closed"})
    assert seen.problems == ()
    assert {variant.path for variant in seen.variants} == {("Take", "cancelled"), ("Take",)}
