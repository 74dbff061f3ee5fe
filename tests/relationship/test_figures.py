"""What is measured about relationships, against the definitions, by counting naively."""

from datetime import timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from relationship_kit import AMY, ANA, DORA, REX, SUE, Ticking, account, deal, qualified

import itil4
from itil4 import Actor
from itil4.practices.relationship.figures import TABLES
from itil4.practices.relationship.policy import RelationshipPolicy, SatisfactionScale
from itil4.value import Amount


def asked(itsm: Any, method: str, scores: list[int | None], **values: Any) -> None:
    """Ask as many people as there are scores; who says None says nothing."""
    for score in scores:
        sent = itsm.satisfaction_surveys.log(question="How?", method=method, respondent="ana", by=DORA, **values)
        if score is not None:
            itsm.satisfaction_surveys.answer(sent, score=score, by=ANA)


@given(st.lists(st.integers(0, 10), min_size=1, max_size=9), st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_nps_and_csat_are_what_their_definitions_say(likely: list[int], content: list[int]) -> None:
    """NPS: % of 9 and 10 less % of 0 to 6. CSAT: share of 4 and 5. Neither counts the other's answers."""
    with itil4.connect() as itsm:
        asked(itsm, "nps", [*likely, None])
        asked(itsm, "csat", content)
        figures = itsm.satisfaction_surveys.figures()
    promoters, detractors = sum(each >= 9 for each in likely), sum(each <= 6 for each in likely)
    assert figures["nps"].value == pytest.approx(100 * promoters / len(likely) - 100 * detractors / len(likely))
    assert figures["csat"].value == sum(each >= 4 for each in content) / len(content)
    assert (figures["nps"].n, figures["nps"].open, figures["csat"].n) == (len(likely), 1, len(content))
    assert len(figures["nps"].hits) == promoters
    assert figures["nps"].basis == {f"score {each}": likely.count(each) for each in likely}


def test_satisfaction_without_answers_is_unknown_and_says_so(itsm: Any) -> None:
    """Nothing is divided by nothing; what was declined is left out by name."""
    asked(itsm, "nps", [None])
    sent = itsm.satisfaction_surveys.log(question="How?", method="nps", respondent="ana", by=DORA)
    itsm.satisfaction_surveys.decline(sent, by=ANA)
    figures = itsm.satisfaction_surveys.figures()
    for name in ("nps", "csat"):
        assert figures[name].value is None and figures[name].reason.code == "nothing_measured"
        assert figures[name].shown == "-"
    assert figures["nps"].left_out == {"without an answer": 1}
    assert figures["response_rate"].value == 0


def test_an_answer_counts_in_the_period_in_which_it_was_given(itsm: Any, clock: Ticking) -> None:
    """Neither when it was asked, nor before it was known; what was told of a past period is told again."""
    asked(itsm, "csat", [5])
    sent = itsm.satisfaction_surveys.log(question="How?", method="csat", respondent="ana", by=DORA)
    day = clock.move(days=1)
    clock.move(hours=1)
    sent = itsm.satisfaction_surveys.answer(sent, score=2, by=ANA)
    assert itsm.satisfaction_surveys.figures(until=day)["csat"].value == 1
    assert itsm.satisfaction_surveys.figures(since=day)["csat"].value == 0
    clock.move(hours=1)
    later = clock.move(hours=1)
    itsm.satisfaction_surveys.change_answer(sent, score=4, by=ANA)
    assert itsm.satisfaction_surveys.figures(until=later)["csat"].value == 0.5
    assert itsm.satisfaction_surveys.figures()["csat"].value == 1


def test_satisfaction_is_split_by_customer_and_service(itsm: Any) -> None:
    """The groups add up to the whole; a customer is the name of the account."""
    acme, lab = account(itsm), account(itsm, "Lab")
    asked(itsm, "nps", [10, 10], account=acme)
    asked(itsm, "nps", [0], account=lab)
    figures = itsm.satisfaction_surveys.figures(split="customer")
    assert {part.where["customer"]: part["nps"].value for part in figures.groups} == {"Acme": 100, "Lab": -100}
    assert figures["nps"].value == pytest.approx(100 / 3)


def test_other_scales_add_to_the_figure_that_they_name() -> None:
    """Satisfaction on seven steps joins that on five; effort joins neither."""
    seven = SatisfactionScale(name="seven", lowest=1, highest=7, good_from=6, measure="csat")
    effort = SatisfactionScale(name="ces", lowest=1, highest=7, good_from=5)
    with itil4.connect(policies={"account": RelationshipPolicy(scales=[seven, effort])}) as itsm:
        asked(itsm, "seven", [5, 6])
        asked(itsm, "ces", [7])
        figures = itsm.satisfaction_surveys.figures()
    assert (figures["csat"].value, figures["csat"].n, figures["nps"].n) == (0.5, 2, 0)


_AMOUNTS = st.decimals(min_value=0, max_value=Decimal("999999999999999"), places=4)


@given(st.lists(st.tuples(_AMOUNTS, st.integers(0, 100)), min_size=1, max_size=6))
def test_the_weighted_pipeline_is_exact(told: list[tuple[Decimal, int]]) -> None:
    """It is the sum of amount times probability over the open ones, to the last digit, in any decimal context."""
    with localcontext() as context, itil4.connect() as itsm:
        context.prec = 4
        acme = account(itsm)
        for amount, probability in told:
            deal(itsm, acme, amount, probability=probability)
        itsm.opportunities.lose(deal(itsm, acme, 7), close_reason="no", by=SUE)
        figures = itsm.opportunities.figures()
    weighted = sum(Fraction(amount) * probability / 100 for amount, probability in told)
    assert Fraction(figures["weighted_pipeline"].value.value) == weighted
    assert Fraction(figures["pipeline"].value.value) == sum(Fraction(amount) for amount, _ in told)
    assert figures["pipeline"].n == len(told)


def test_amounts_of_several_currencies_have_no_sum(itsm: Any) -> None:
    """The whole is unknown, for a reason that says what to do; each currency has its sum."""
    acme = account(itsm)
    deal(itsm, acme, 100, "EUR")
    deal(itsm, acme, 300, "USD")
    deal(itsm, acme, None)
    figures = itsm.opportunities.figures(split="currency")
    whole = figures["pipeline"]
    assert whole.value is None and whole.reason.code == "several_currencies" and "EUR, USD" in str(whole.reason)
    assert whole.left_out == {"without an amount": 1}
    sums = {part.where["currency"]: part["weighted_pipeline"].value for part in figures.groups}
    assert sums == {"EUR": Amount(10, "EUR"), "USD": Amount(30, "USD"), None: None}
    assert figures.groups[1]["pipeline"].to_dict()["value"] == "100 EUR"
    assert "100.00 EUR" in figures.text()


def test_the_pipeline_of_a_past_moment_is_told_from_history(itsm: Any, clock: Ticking) -> None:
    """As it stood then: with the amounts and probabilities of then, and what has been won since."""
    acme = account(itsm)
    held = itsm.opportunities.propose(deal(itsm, acme, 100), by=SUE)
    then = clock.move(days=1)
    clock.move(days=1)
    held = itsm.opportunities.update(held, amount=Amount(400, "EUR"), by=SUE)
    itsm.opportunities.win(held, by=SUE)
    past, now = itsm.opportunities.figures(until=then), itsm.opportunities.figures(since=then)
    assert past["weighted_pipeline"].value == Amount(50, "EUR") and past["win_rate"].value is None
    assert (now["won_value"].value, now["win_rate"].value) == (Amount(400, "EUR"), 1)
    assert now["sales_cycle"].value == timedelta(days=2) and now["pipeline"].value is None


def test_leads_conversion_and_retention(itsm: Any, clock: Ticking) -> None:
    """Of what ended, what became something; of the customers at the beginning, who still is one."""
    itsm.leads.convert(qualified(itsm), by=SUE)
    itsm.leads.disqualify(qualified(itsm), close_reason="No need", by=SUE)
    qualified(itsm)
    rate = itsm.leads.figures()["conversion_rate"]
    assert (rate.value, rate.n, rate.open, rate.hits) == (0.5, 2, 1, ("LEAD0000001",))
    acme, lab = itsm.accounts.onboard("ACCT0000001", by=SUE), itsm.accounts.onboard(account(itsm, "Lab"), by=SUE)
    since = clock.move(days=1)
    itsm.accounts.onboard(account(itsm, "New"), by=SUE)
    itsm.opportunities.lose("OPP0000001", close_reason="Too dear", by=SUE)
    itsm.accounts.end_relationship(acme, close_reason="Bankrupt", by=REX)
    figures = itsm.accounts.figures(since=since)
    assert (figures["retention"].value, figures["retention"].hits) == (0.5, (lab.number,))
    assert figures["customers"].value == 2
    assert itsm.accounts.figures()["retention"].value is None


def test_complaints_are_measured_from_birth_to_response_and_closure(itsm: Any, clock: Ticking) -> None:
    """The first response counts, the last closure, and whether they were content."""
    box = itsm.complaints
    made = box.acknowledge(box.log(summary="Slow", by=ANA), by=DORA)
    clock.move(hours=2)
    made = box.respond(made, response="Sorry", by=DORA)
    clock.move(hours=1)
    made = box.close(box.follow_up(made, "ok", is_settled=True, by=DORA), by=DORA)
    box.withdraw(box.log(summary="Never mind", by=ANA), close_reason="mistaken", by=ANA)
    figures = box.figures()
    assert (figures["logged"].value, figures["settled"].value, figures["settled"].n) == (2, 1, 1)
    assert figures["response_time"].value == timedelta(hours=2)
    assert figures["resolution_time"].value == timedelta(hours=3)
    box.take_up_again(made, by=ANA)
    assert (box.figures()["taken_up_again"].value, box.figures()["resolution_time"].value) == (1, None)


def test_every_table_has_its_records_and_reads_what_it_may(itsm: Any) -> None:
    """Each practice answers with its own table; a reader who may see nothing counts nothing."""
    acme = account(itsm)
    deal(itsm, acme)
    itsm.interactions.log(account=acme, channel="phone", summary="Hello", by=DORA)
    itsm.stakeholders.log(name="Council", influence="low", interest="low", by=AMY)
    itsm.stakeholders.log(name="Press", interest="low", by=AMY)
    itsm.stakeholders.log(name="Bank", influence="low", by=AMY)
    for name, table in TABLES.items():
        box = getattr(itsm, name)
        assert box.measured == name and set(box.figures()) == {each.name for each in table}
        hidden = box.figures(by=Actor("nobody"))
        assert hidden.records == 0 and hidden.to_dict() == hidden.to_dict()
    assert itsm.interactions.figures()["occurred"].basis == {"phone": 1}
    assert (itsm.stakeholders.figures()["engaged"].value, itsm.stakeholders.figures()["engaged"].n) == (0, 1)
