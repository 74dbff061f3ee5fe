"""Figures of service levels: worked by hand, down to the records, and the same whoever asks."""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from desk import ANA, MONDAY, OFFICE, SAM, clock_of, hours, logged, opened, rule

from itil4.errors import InvalidInput
from itil4.interop.service_level_options import add_target_arguments, policies, target_figures
from itil4.practices.service_policy import ServiceHours, ServiceLevelPolicy

POLICY = ServiceLevelPolicy(
    targets=(rule(8, at={"name": "repair"}), rule(4, priority=1, at={"name": "urgent repair"}), rule(1, "respond")),
    calendars={"office": OFFICE},
    hours=(ServiceHours(customer="acme", calendar="office"),),
)


@pytest.fixture(params=["memory", "sqlite"])
def itsm(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Four incidents: met, breached, waiting now, and cancelled."""
    desk = opened(None if request.param == "memory" else tmp_path / "desk.db", POLICY)
    met = logged(desk, service="mail", customer="acme")
    desk.incidents.comment(met, "Looking", audience="user", by=SAM)
    breached = logged(desk, service="mail", impact="high", urgency="high")
    waits = logged(desk, service="print")
    gone = logged(desk, service="print")
    clock_of(desk).tick(hours(2))
    desk.incidents.hold(waits, kind="vendor", by=SAM)
    desk.incidents.cancel(gone, close_reason="withdrawn", by=SAM)
    clock_of(desk).tick(hours(4))
    desk.incidents.resolve(met.id, resolution="Restarted", by=SAM)
    desk.incidents.resolve(breached, resolution="Restarted", by=SAM)
    clock_of(desk).tick(hours(18))
    return desk


def test_compliance_counts_what_stopped_or_fell_due_in_the_period(itsm: Any) -> None:
    """One met and one missed; what waits has no verdict yet; what was cancelled is in no figure."""
    figures = itsm.service_levels.figures(target="sla/resolve")
    for name in ("compliance_stopped", "compliance_due"):
        assert (figures[name].value, figures[name].n) == (0.5, 2)
        assert figures[name].hits == ("INC0000001",)
    assert figures["compliance_stopped"].open_records == ("INC0000003",)
    earlier = itsm.service_levels.figures(target="sla/resolve", since=MONDAY, until=MONDAY + hours(5))
    assert earlier["compliance_stopped"].n == 0
    assert (earlier["compliance_due"].value, earlier["compliance_due"].n) == (0.0, 1)


def test_a_provider_reads_a_month_by_customer_with_their_hours(itsm: Any) -> None:
    """Split by customer, each on the service hours that were agreed with them."""
    figures = itsm.service_levels.figures(split="customer", target="resolve")
    by_customer = {each.where["customer"]: each["compliance_stopped"] for each in figures.groups}
    assert (by_customer["acme"].value, by_customer[None].value) == (1.0, 0.0)
    assert next(iter(by_customer["acme"].basis)).startswith("hours: office (")
    rows = [each for each in figures.rows() if each["name"] == "compliance_stopped"]
    assert [each["scope"] for each in rows] == ["all", "group", "group"]


def test_times_are_told_in_calendar_and_in_service_time(itsm: Any) -> None:
    """Six hours on the clock are six of calendar time, and fewer where the service closes."""
    clock_of(itsm).set(datetime(2026, 3, 9, 15, tzinfo=UTC))
    late = logged(itsm, customer="acme", service="mail")
    clock_of(itsm).set(datetime(2026, 3, 10, 9, tzinfo=UTC))
    itsm.incidents.resolve(late, resolution="Restarted", by=SAM)
    figures = itsm.service_levels.figures(since=datetime(2026, 3, 9, tzinfo=UTC))
    assert figures["time_to_restore_calendar"].value == hours(18)
    assert figures["time_to_restore_service"].value == hours(2)
    assert figures["time_to_acknowledge_calendar"].records == ("INC0000005",)


def test_percentiles_are_values_by_nearest_rank(itsm: Any) -> None:
    """Each is one of the values, never a mean of two."""
    figures = itsm.service_levels.figures(target="sla/resolve")
    assert figures["consumed_p50"].value == figures["consumed_p95"].value == hours(6)
    assert figures["consumed_p50"].n == 2


def test_waiting_is_told_by_kind(itsm: Any) -> None:
    """How long, and for whom; what waits still is counted up to now."""
    figure = itsm.service_levels.figures()["waiting"]
    assert figure.value == hours(22) and dict(figure.basis) == {"seconds waiting for: vendor": 22 * 3600}
    assert figure.open_records == ("INC0000003",)


def test_availability_merges_overlapping_outages_of_a_service(itsm: Any) -> None:
    """Two incidents of one service at the same time are one outage of six hours, of eight that were agreed."""
    mail = itsm.service_levels.figures(split="service", since=MONDAY, until=MONDAY + hours(24))
    found = next(each for each in mail.groups if each.where["service"] == "mail")["availability"]
    assert found.n == 2 and dict(found.basis) == {"outages, overlaps merged": 1}
    assert found.value == pytest.approx(1 - 6 / 8)  # 10:00 to 16:00 of the hours 9 to 17, from 10:00 on
    clock_of(itsm).tick(timedelta(days=1))
    logged(itsm, service="mail")
    clock_of(itsm).tick(hours(1))
    again = itsm.service_levels.figures()
    assert again["mtbsi"].n == 1 and again["mtbf"].n == 1


def test_every_figure_leads_down_to_records(itsm: Any) -> None:
    """What counts is named, and nothing is counted that is not there."""
    numbers = {each.number for each in itsm.incidents.find()}
    for figure in itsm.service_levels.figures().values():
        assert {*figure.records, *figure.hits, *figure.open_records} <= numbers
        assert set(figure.hits) <= set(figure.records)


def test_a_target_that_is_not_there_is_refused_with_the_nearest(itsm: Any) -> None:
    """By slot, metric, name or agreement."""
    for name in ("sla/resolve", "resolve", "repair"):
        assert itsm.service_levels.figures(target=name)["compliance_stopped"].n > 0
    with pytest.raises(InvalidInput, match="Did you mean 'repair'"):
        itsm.service_levels.figures(target="repiar")


def test_a_figure_of_the_past_stays_what_it_was(itsm: Any) -> None:
    """Read again a month later, after more work, the same period says the same."""
    until = MONDAY + hours(12)

    def told() -> Any:
        return {name: (each.value, each.n, each.hits) for name, each in
                itsm.service_levels.figures(since=MONDAY, until=until).items()}  # fmt: skip

    before = told()
    clock_of(itsm).tick(timedelta(days=30))
    itsm.incidents.resume("INC0000003", by=SAM)
    itsm.incidents.reopen("INC0000001", by=ANA)
    itsm.tick()
    assert told() == before


def test_a_report_asks_for_a_target_and_a_policy(itsm: Any, tmp_path: Path) -> None:
    """`report --target NAME --policy FILE`: the same figures, from the command line."""
    parser = argparse.ArgumentParser()
    add_target_arguments(parser)
    file = tmp_path / "policy.toml"
    file.write_text('[[targets]]\nmetric = "resolve"\nduration = "PT1H"\n')
    asked = parser.parse_args(["--target", "sla/resolve", "--policy", str(file)])
    assert policies(asked.policy)["service_level"].targets[0].target.duration == hours(1)
    assert policies(None) == {}
    with pytest.raises(InvalidInput, match="cannot be read"):
        policies(tmp_path / "missing.toml")
    assert target_figures(itsm, asked.target)["compliance_stopped"].n == 2
    assert target_figures(itsm, "all", by=("priority",))["compliance_stopped"].n == 4


def test_availability_is_told_on_the_hours_of_each_customer() -> None:
    """One service, two customers with different hours: each outage counts on the hours of the one who had it."""
    day = ServiceHours(customer="acme", calendar="office")
    itsm = opened(None, ServiceLevelPolicy(calendars={"office": OFFICE}, hours=(day,)), at=MONDAY)
    for customer in ("acme", "zeta"):  # zeta is served round the clock
        logged(itsm, service="mail", customer=customer)
    clock_of(itsm).tick(hours(4))
    for number in ("INC0000001", "INC0000002"):
        itsm.incidents.resolve(number, resolution="Restarted", by=SAM)
    clock_of(itsm).set(MONDAY + timedelta(days=1))
    whole = itsm.service_levels.figures(since=MONDAY, until=MONDAY + timedelta(days=1))["availability"]
    # 9 to 17 in Paris are 8 to 16 UTC: seven hours of acme from 9 on and one more the next day, 24 of zeta
    assert whole.value == pytest.approx(((8 - 4) + (24 - 4)) / (8 + 24))
    parts = itsm.service_levels.figures(since=MONDAY, until=MONDAY + timedelta(days=1), split="customer").groups
    assert {each.where["customer"]: each["availability"].value for each in parts} == {
        "acme": pytest.approx(4 / 8), "zeta": pytest.approx(20 / 24),
    }  # fmt: skip


def test_an_outage_of_nobody_in_particular_is_one_for_all_who_have_the_service() -> None:
    """Without a customer it counts on the hours of every customer that the service had an outage for."""
    day = ServiceHours(customer="acme", calendar="office")
    itsm = opened(None, ServiceLevelPolicy(calendars={"office": OFFICE}, hours=(day,)), at=MONDAY)
    logged(itsm, service="mail", customer="acme")
    clock_of(itsm).tick(hours(1))
    itsm.incidents.resolve("INC0000001", resolution="Restarted", by=SAM)
    logged(itsm, service="mail")
    clock_of(itsm).tick(hours(2))
    itsm.incidents.resolve("INC0000002", resolution="Restarted", by=SAM)
    clock_of(itsm).set(MONDAY + timedelta(days=1))
    figure = itsm.service_levels.figures(since=MONDAY, until=MONDAY + timedelta(days=1))["availability"]
    assert figure.value == pytest.approx(1 - 3 / 8)


def test_a_figure_explains_itself_down_to_the_records(itsm: Any) -> None:
    """Each record behind the figure is named, those that made the share again, in 80 columns."""
    figure = itsm.service_levels.figures(target="sla/resolve")["compliance_stopped"]
    told = " ".join(figure.explain().split())
    assert f"Targets met (stopped in the period): {figure.shown} (n 2, open 1)" in told
    assert f"Records: {', '.join(figure.records)} Of these, counted as yes: {', '.join(figure.hits)}" in told
    assert f"Still to come: {figure.open_records[0]}" in told and len(figure.records) == 2
    assert max(map(len, figure.explain().splitlines())) <= 80
