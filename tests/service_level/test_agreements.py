"""Agreements as records, and the invariants of service levels (INV-096 to INV-103)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from desk import ANA, IDA, MONDAY, OFFICE, SAM, clock_of, hours, logged, opened, reading, rule
from hypothesis import given
from hypothesis import strategies as st

import itil4
from itil4.errors import InvalidInput, Refused
from itil4.practices.service_agreements import AgreedTarget, ServiceLevel
from itil4.practices.service_figures import watermelons
from itil4.practices.service_policy import ServiceLevelPolicy, TargetRule
from itil4.service_level import (
    ALWAYS,
    ServiceCalendar,
    Target,
    availability,
    clock,
    compliance,
    is_watermelon,
    mtbf,
    mtbsi,
    mtrs,
    percentile,
    weakness,
)
from itil4.service_level.figure import share

BARE = ServiceLevelPolicy(calendars={"office": OFFICE})
YEAR = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
HOURS = st.integers(min_value=0, max_value=2_000)


@pytest.fixture(params=["memory", "sqlite"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path / "desk.db"


def drafted(itsm: Any, **values: Any) -> Any:
    given = {
        "title": "Mail for Acme", "provider": "it", "customer": "acme", "services": ("mail",),
        "targets": (AgreedTarget(duration=hours(8), warnings=(0.5,)),), "starts_at": YEAR[0], "ends_at": YEAR[1],
    }  # fmt: skip
    return itsm.service_levels.log(**{**given, **values}, by=IDA)


def activated(itsm: Any, **values: Any) -> Any:
    return itsm.service_levels.activate(itsm.service_levels.negotiate(drafted(itsm, **values), by=IDA), by=IDA)


@pytest.mark.parametrize(
    "wrong",
    [
        {"provider": ""}, {"customer": "  "}, {"services": ()}, {"targets": ()},
        {"ends_at": YEAR[0]}, {"ends_at": YEAR[0] - hours(1)},
    ],
)  # fmt: skip
def test_inv_096_an_agreement_has_parties_a_service_a_target_and_an_end_after_its_start(wrong: dict[str, Any]) -> None:
    """None of them may be lacking, not even in a draft."""
    itsm = opened(None, BARE)
    with pytest.raises(InvalidInput):
        drafted(itsm, **wrong)
    needed = ("provider", "customer", "services", "targets", "starts_at", "ends_at")
    for name in needed:
        values = {key: getattr(drafted(itsm), key) for key in ("title", *needed) if key != name}
        with pytest.raises(InvalidInput, match=name):
            itsm.service_levels.log(**values, by=IDA)


@given(st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_inv_097_what_supports_a_promise_is_at_least_as_strict(own: int, promised: int, office: bool) -> None:
    """On the same hours it is weaker exactly when it is longer; on fewer hours, whenever it can be due later."""
    calendar = OFFICE if office else ALWAYS
    supporting = Target(duration=hours(own), kind="ola", calendar=calendar)
    sla = Target(duration=hours(promised), calendar=ALWAYS)
    found = weakness(supporting, sla, MONDAY, MONDAY + timedelta(days=14))
    seen = [MONDAY + timedelta(minutes=30 * step) for step in range(14 * 48)]
    late = [at for at in seen if calendar.due(at, hours(own)) > ALWAYS.due(at, hours(promised))]
    assert (found is not None) == bool(late)


def test_inv_097_a_weaker_agreement_is_a_warning_and_no_refusal(where: Path | None) -> None:
    """An OLA that is linked to the SLA it supports says how it is weaker, and may still come into force."""
    itsm = opened(where, BARE)
    sla = activated(itsm)
    ola = drafted(itsm, type="ola", title="Relay team", targets=(AgreedTarget(duration=hours(9)),))
    ola = itsm.link(ola, "supports", sla, by=IDA)
    (warning,) = itsm.service_levels.weaknesses(ola)
    assert warning.code == "weaker_target" and "1:00:00 later" in warning.message
    ola = itsm.service_levels.activate(itsm.service_levels.negotiate(ola, by=IDA), by=IDA)
    strict = drafted(itsm, type="contract", title="Line", targets=(AgreedTarget(duration=hours(8)),))
    assert itsm.service_levels.weaknesses(itsm.link(strict, "supports", sla, by=IDA)) == ()


MARKS = st.lists(st.tuples(HOURS, st.sampled_from(["pause", "resume", "stop", "reopen"])), max_size=8)


@given(MARKS, HOURS, HOURS)
def test_inv_098_clock_time_leaves_out_pauses_and_closed_hours_and_never_decreases(
    marks: list[tuple[int, Any]], first: int, second: int
) -> None:
    """Never below zero, never more than the open time, and never less than it was."""
    history = [(MONDAY, "start"), *((MONDAY + timedelta(minutes=10 * at), mark) for at, mark in sorted(marks))]
    early, late = sorted((first, second))
    before, after = (
        clock(Target(duration=hours(8)), OFFICE, history, MONDAY + timedelta(minutes=10 * at)) for at in (early, late)
    )
    assert timedelta() <= before.consumed <= after.consumed
    assert after.consumed <= OFFICE.elapsed(MONDAY, after.asof)
    if after.state == "paused":
        again = clock(Target(duration=hours(8)), OFFICE, history, after.asof)
        assert again.consumed == after.consumed


@given(MARKS, HOURS, HOURS)
def test_inv_099_a_breach_stays_for_a_fixed_target_calendar_and_history(
    marks: list[tuple[int, Any]], first: int, second: int
) -> None:
    """Read later, what was breached still is."""
    history = [(MONDAY, "start"), *((MONDAY + timedelta(minutes=10 * at), mark) for at, mark in sorted(marks))]
    early, late = sorted((first, second))
    before, after = (
        clock(Target(duration=hours(5)), ALWAYS, history, MONDAY + timedelta(minutes=10 * at)) for at in (early, late)
    )
    assert not before.breached or after.breached


def test_inv_099_a_retarget_folds_anew_and_the_old_verdict_stays_in_history(where: Path | None) -> None:
    """What was breached under one promise may be met under another; that it was breached is still written."""
    itsm = opened(where, ServiceLevelPolicy(targets=(rule(8), rule(2, priority=1))))
    incident = logged(itsm, impact="high", urgency="high")
    clock_of(itsm).tick(hours(3))
    itsm.tick()
    incident = itsm.incidents.get(incident.id)
    incident = itsm.incidents.update(incident, impact="low", urgency="low", reason="one user", by=SAM)
    assert not reading(itsm, incident).breached
    (breach,) = itsm.service_level_breaches.find()
    assert breach.promised == hours(2)
    assert [e.reason for e in itsm.incidents.history(incident)][-2:] == ["resolve (priority 1) reached", "one user"]


def test_inv_100_a_watermelon_has_all_targets_met_and_a_customer_who_is_not_satisfied(where: Path | None) -> None:
    """Green outside, red inside: a flag of one agreement, and the share of all of them."""
    assert is_watermelon(share("compliance", ["a"], 1), 0.4, 0.7)
    assert not is_watermelon(share("compliance", ["a"], 2), 0.4, 0.7)
    assert not is_watermelon(share("compliance", ["a"], 1), 0.7, 0.7)
    assert not is_watermelon(share("compliance", [], 0), 0.4, 0.7)
    itsm = opened(where, BARE)
    agreement = activated(itsm)
    incident = logged(itsm, service="mail", customer="acme")
    itsm.incidents.resolve(incident, resolution="Restarted", by=SAM)
    clock_of(itsm).tick(hours(1))
    meeting = itsm.service_reviews.log(agreement=agreement.number, planned_at=MONDAY, satisfaction=0.4, by=IDA)
    assert itsm.service_levels.watermelons().value is None
    itsm.service_reviews.hold_meeting(meeting, decisions="Ask users more often", by=IDA)
    found = itsm.service_levels.watermelons()
    assert (found.value, found.n, found.agreements) == (1.0, 1, (agreement.number,))
    assert itsm.service_levels.watermelons(threshold=0.3).value == 0
    assert watermelons([], lambda _: 1.0).value is None


@pytest.mark.parametrize("kind", ["event", "alert"])
def test_inv_101_an_agreement_is_about_services_and_not_about_single_events(kind: str) -> None:
    """It has services, no event; a target about events is refused in records and in the policy."""
    assert "services" in attrs.fields_dict(ServiceLevel) and "event" not in attrs.fields_dict(ServiceLevel)
    itsm = opened(None, BARE)
    with pytest.raises(InvalidInput, match="parameter of its rule"):
        drafted(itsm, targets=(AgreedTarget(duration=hours(1), records=(kind,)),))
    with pytest.raises(InvalidInput, match="parameter of its rule"):
        opened(None, ServiceLevelPolicy(targets=(TargetRule(target=Target(duration=hours(1)), kind=kind),)))


OUTAGES = st.lists(st.tuples(HOURS, st.one_of(st.none(), HOURS)), max_size=6)


def spells(outages: list[tuple[int, int | None]]) -> list[tuple[datetime, datetime | None]]:
    return [(MONDAY + hours(a), None if b is None else MONDAY + hours(a + b)) for a, b in outages]


@given(OUTAGES, HOURS, st.lists(st.one_of(st.none(), HOURS), max_size=6), st.integers(1, 100))
def test_inv_102_ratios_lie_in_0_to_1_or_are_none_and_nothing_is_divided_by_nothing(
    outages: list[tuple[int, int | None]], length: int, values: list[int | None], percent: int
) -> None:
    """Whatever the data, also when there is none at all."""
    known, end = spells(outages), MONDAY + hours(length)
    for calendar in (ALWAYS, OFFICE, ServiceCalendar(zone="UTC")):
        found = availability(known, MONDAY, end, calendar)
        assert found.value is None or 0 <= found.value <= 1
        for figure in (mtrs, mtbf, mtbsi):
            told = figure(known, MONDAY, end, calendar)
            assert told.n >= 0 and told.censored >= 0
            assert (told.value is None) == (told.n == 0)
            assert told.value is None or told.value >= timedelta()
    ranked = percentile(values, percent)
    assert (ranked.value is None) == (ranked.n == 0) and ranked.n + ranked.censored == len(values)
    assert compliance([], MONDAY, end).value is None


def test_inv_102_figures_of_an_empty_store_are_none_with_the_reason() -> None:
    """No figure of service levels divides by nothing."""
    figures = opened(None, BARE).service_levels.figures()
    assert len(figures) > 15
    for figure in figures.values():
        assert figure.value is None and figure.reason is not None and figure.n == 0


@given(OUTAGES, st.integers(1, 2_000))
def test_inv_103_availability_is_agreed_time_without_downtime_and_overlaps_are_merged(
    outages: list[tuple[int, int | None]], length: int
) -> None:
    """Against a count of hours in which the service was down at all."""
    down = set()
    for start, lasts in outages:
        down |= set(range(start, length if lasts is None else min(start + lasts, length)))
    found = availability(spells(outages), MONDAY, MONDAY + hours(length))
    assert found.value == pytest.approx((length - len(down)) / length)


# life of an agreement


def test_an_agreement_governs_what_was_recorded_between_its_dates(where: Path | None) -> None:
    """Only once it is active, for its customer and service, with the number of the agreement on the breach."""
    itsm = opened(where, BARE)
    agreement = itsm.service_levels.negotiate(drafted(itsm, calendar="office"), by=IDA)
    ours, theirs = logged(itsm, service="mail", customer="acme"), logged(itsm, service="mail", customer="other")
    assert itsm.service_levels.readings(ours) == ()
    agreement = itsm.service_levels.activate(agreement, by=IDA)
    assert itsm.service_levels.readings(theirs) == ()
    assert reading(itsm, ours).calendar == OFFICE
    clock_of(itsm).tick(timedelta(days=2))
    itsm.tick()
    (breach,) = itsm.service_level_breaches.find()
    assert (breach.agreement, breach.about) == (agreement.number, ours.number)
    clock_of(itsm).set(YEAR[1] + hours(1))
    itsm.tick()
    assert itsm.service_levels.get(agreement.id).state == "expired"
    assert itsm.service_levels.readings(logged(itsm, service="mail", customer="acme")) == ()
    assert len(itsm.service_levels.readings(ours)) == 1


def test_what_is_agreed_changes_under_review_only(where: Path | None) -> None:
    """An active agreement is read-only; after the review it is confirmed, and clocks follow it."""
    itsm = opened(where, BARE)
    agreement = activated(itsm)
    incident = logged(itsm, service="mail", customer="acme")
    shorter = (AgreedTarget(duration=hours(4)),)
    with pytest.raises(Refused):
        itsm.service_levels.update(agreement, targets=shorter, by=IDA)
    with pytest.raises(Refused):
        itsm.service_levels.terminate(agreement, by=ANA)
    agreement = itsm.service_levels.review(agreement, by=IDA)
    agreement = itsm.service_levels.update(agreement, targets=shorter, by=IDA)
    agreement = itsm.service_levels.confirm(agreement, by=IDA)
    assert reading(itsm, incident).promised == hours(4)
    clock_of(itsm).tick(hours(1))
    agreement = itsm.service_levels.terminate(agreement, by=IDA)
    assert (agreement.state, agreement.ends_at) == ("terminated", MONDAY + hours(1))
    assert len(itsm.service_levels.readings(incident)) == 1
    assert itsm.service_levels.readings(logged(itsm, service="mail", customer="acme")) == ()


def test_an_agreement_that_ties_with_another_does_not_come_into_force(where: Path | None) -> None:
    """The refusal names both; an agreement of other dates is no tie."""
    itsm = opened(where, BARE)
    first = activated(itsm)
    second = itsm.service_levels.negotiate(drafted(itsm), by=IDA)
    with pytest.raises(Refused, match=f"of {first.number} and .* of SLA0000002|of SLA0000002 and .* of {first.number}"):
        itsm.service_levels.activate(second, by=IDA)
    activated(itsm, starts_at=YEAR[1], ends_at=YEAR[1] + timedelta(days=365))


def test_an_agreement_on_hours_that_nobody_knows_does_not_come_into_force() -> None:
    """The name of its calendar has to be in the policy."""
    itsm = opened(None, BARE)
    agreement = itsm.service_levels.negotiate(drafted(itsm, calendar="ofice"), by=IDA)
    with pytest.raises(Refused, match="Did you mean 'office'"):
        itsm.service_levels.activate(agreement, by=IDA)


def test_an_agreement_whose_hours_are_gone_stops_no_work(tmp_path: Path) -> None:
    """It governs nothing then, and every tick says so; incidents are logged all the same."""
    with opened(tmp_path / "desk.db", BARE) as itsm:
        agreement = activated(itsm, calendar="office")
    with opened(tmp_path / "desk.db", ServiceLevelPolicy()) as itsm:
        incident = logged(itsm, service="mail", customer="acme")
        assert itsm.service_levels.readings(incident) == ()
        for _ in range(2):
            assert [each[1] for each in itsm.tick().held_back] == [agreement.number]


def test_agreements_come_back_from_a_store_as_they_were(where: Path | None) -> None:
    """Targets with conditions of their own round-trip, and the history rebuilds the record."""
    itsm = opened(where, BARE)
    pause = {"pause": [{"categories": ["waiting"], "kinds": ["user"]}]}
    made = drafted(itsm, targets=(AgreedTarget(duration=hours(8), priority=(1, 2), conditions=pause),))
    assert itsm.service_levels.get(made.id) == made == itsm.service_levels.replayed(made.id)
    assert made.targets[0].target("sla").pause[0].kinds == ("user",)
    with pytest.raises(InvalidInput, match="Did you mean"):
        AgreedTarget(duration=hours(8), reopen="resum")


def test_a_requirement_is_agreed_and_met_by_an_agreement() -> None:
    """What a customer needs stands before what is promised."""
    itsm = opened(None, BARE)
    need = itsm.service_level_requirements.log(statement="Mail back in a day", customer="acme", service="mail", by=IDA)
    need = itsm.service_level_requirements.agree(need, by=IDA)
    agreement = itsm.link(activated(itsm), "meets", need, by=IDA)
    assert itsm.service_levels.linked(agreement, "meets") == (need,)


def test_a_breach_is_explained_and_closed() -> None:
    """By who answers for it; not closed without an explanation."""
    itsm = opened(None, ServiceLevelPolicy(targets=(rule(1),)))
    logged(itsm)
    clock_of(itsm).tick(hours(2))
    itsm.tick()
    (breach,) = itsm.service_level_breaches.find()
    with pytest.raises(Refused):
        itsm.service_level_breaches.close(breach, by=IDA)
    breach = itsm.service_level_breaches.account_for(breach, explanation="Nobody was on call", by=IDA)
    assert itsm.service_level_breaches.close(breach, by=IDA).state == "closed"


def test_where_records_know_no_customer_agreements_apply_by_service() -> None:
    """Without the field that is to name it nothing could match a customer, so the service decides."""
    nameless = ServiceLevelPolicy(customer_field="client")
    itsm = itil4.connect(clock=itil4.clock.FrozenClock(MONDAY), policies={"service_level": nameless})
    activated(itsm)
    assert len(itsm.service_levels.readings(logged(itsm, service="mail"))) == 1
    assert itsm.service_levels.readings(logged(itsm, service="print")) == ()
