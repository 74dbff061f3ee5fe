"""Outcomes, co-creation and the value ledger: evidence first, and nothing added that is unlike."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itil4.errors import InvalidInput
from itil4.value import (
    Amount,
    Budget,
    Evidence,
    Interaction,
    Outcome,
    Posting,
    Spending,
    Stakeholder,
    ValueLedger,
    co_creation,
    count_outcomes,
)

DAY = datetime(2026, 3, 2, tzinfo=UTC)
ANA, SAM = Stakeholder("ana", "consumer"), Stakeholder("sam", "provider")
FEWER = Outcome(
    stakeholder=ANA, statement="We sail on time.", measure="delays a month", target=2, better="lower",
    by=DAY + timedelta(30),
)  # fmt: skip


def seen(value: int, day: int) -> Evidence:
    return Evidence(value, DAY + timedelta(day), f"REP{day}")


def test_a_verdict_needs_evidence_and_unknown_is_never_reached():
    """Story: nothing is known, then it is not there yet, then it is; what comes too late does not count."""
    assert FEWER.verdict([]) == "unknown"
    assert FEWER.verdict([seen(5, 10)], asof=DAY + timedelta(11)) == "unknown"
    assert FEWER.verdict([seen(5, 10)]) == "not_reached"
    assert FEWER.verdict([seen(5, 10), seen(2, 20)]) == "reached"
    assert FEWER.verdict([seen(2, 20), seen(5, 25)]) == "not_reached"
    assert FEWER.verdict([seen(5, 10), seen(1, 40)]) == "not_reached"
    assert FEWER.verdict([seen(1, 40)]) == "unknown"
    assert attrs.evolve(FEWER, better="higher").verdict([seen(5, 10)]) == "reached"


def test_only_the_consumers_side_confirms():
    """A provider cannot confirm that a consumer has what they wanted."""
    assert FEWER.confirm(ANA, DAY).confirmed.by == ANA
    for by in (SAM, Stakeholder("press", "other")):
        with pytest.raises(InvalidInput) as caught:
            FEWER.confirm(by, DAY)
        assert caught.value.code == "not_consumer_side"


def test_outcomes_are_counted_with_the_unknown_ones_beside():
    """The share reached is over all, so that what is not known does not make it better."""
    counted = count_outcomes([(FEWER, [seen(1, 3)]), (FEWER.confirm(ANA, DAY), []), (FEWER, [seen(9, 3)]), (FEWER, [])])
    assert (counted.reached, counted.not_reached, counted.unknown, counted.confirmed) == (1, 1, 2, 1)
    assert counted.share_reached == 0.25 and count_outcomes([]).share_reached is None
    with pytest.raises(InvalidInput):
        count_outcomes([("sail", [])])


@pytest.mark.parametrize("wrong", [{"target": 2.5}, {"target": Decimal("nan")}, {"by": datetime(2026, 1, 1)},
                                   {"stakeholder": "ana"}, {"better": "more"}, {"measure": ""}])  # fmt: skip
def test_an_outcome_refuses_what_cannot_be_judged(wrong):
    """Targets are exact, times have a zone, and somebody wants it."""
    with pytest.raises(InvalidInput):
        attrs.evolve(FEWER, **wrong)


def said(number: int, side: str, kind: str = "exchange", answers: str | None = None, day: int = 0) -> Interaction:
    return Interaction(id=str(number), service="mail", side=side, kind=kind, at=DAY + timedelta(day),
                       record=f"R{number}", answers=answers)  # fmt: skip


def test_co_creation_tells_dialogue_from_one_sided_claims():
    """Story: feedback answered and not, a claim that the consumer met with an answer, and one that nobody met."""
    found = co_creation("mail", [
        said(1, "consumer", "feedback"), said(2, "provider", answers="1"),
        said(3, "consumer", "feedback"), said(4, "consumer", answers="3"),
        said(5, "provider", "claim"), said(6, "consumer", answers="5"),
        said(7, "provider", "claim"), attrs.evolve(said(8, "consumer"), service="phone"),
    ])  # fmt: skip
    assert found.answered == ("R1",) and found.unanswered == ("R3",)
    assert found.confirmed_claims == ("R5",) and found.provider_only_claims == ("R7",)
    assert found.two_way == ("R1", "R2", "R5", "R6") and found.one_way == ("R3", "R4", "R7")
    assert found.answered_share == 0.5 and found.two_way_share == pytest.approx(4 / 7)


def test_co_creation_of_a_period_counts_late_answers():
    """An answer after the period still answers, and is not judged itself; nothing said gives None."""
    rows = [said(1, "consumer", "feedback", day=1), said(2, "provider", answers="1", day=9)]
    found = co_creation("mail", rows, (DAY, DAY + timedelta(5)))
    assert found.answered == ("R1",) and found.two_way == ("R1",)
    empty = co_creation("mail", rows, (DAY + timedelta(20), DAY + timedelta(30)))
    assert empty.two_way_share is None and empty.answered_share is None
    with pytest.raises(InvalidInput):
        co_creation("mail", rows, (DAY, DAY))
    with pytest.raises(InvalidInput):
        co_creation("mail", [rows[0], rows[0]])


amounts = st.decimals(0, 10_000, places=2)
postings = st.lists(
    st.builds(
        lambda who, kind, value, unit, day: {
            "stakeholder": who, "kind": kind, "amount": Amount(value, unit), "at": DAY + timedelta(day),
        },
        st.sampled_from(["sales", "crew"]),
        st.sampled_from(["benefit", "cost_removed", "cost_imposed", "risk_removed", "risk_imposed"]),
        amounts, st.sampled_from(["EUR", "hours"]), st.integers(0, 59),
    ),
    max_size=15,
).map(lambda rows: [Posting(id=str(n), evidence=[f"R{n}"], **row) for n, row in enumerate(rows)])  # fmt: skip


def _totals(lines) -> dict[tuple[str, str, str], Decimal]:
    return {(line.stakeholder, line.kind, line.total.unit): line.total.value for line in lines}


@given(postings)
def test_the_sum_of_lines_is_the_sum_of_postings(rows):
    """Law: lines lose nothing, per unit; every posting's evidence is in its line."""
    ledger = ValueLedger(rows)
    for unit in ("EUR", "hours"):
        assert sum((line.total.value for line in ledger.lines() if line.total.unit == unit), Decimal(0)) == sum(
            (row.amount.value for row in rows if row.amount.unit == unit), Decimal(0)
        )
    assert sorted(record for line in ledger.lines() for record in line.evidence) == sorted(
        f"R{n}" for n in range(len(rows))
    )
    assert sum(line.postings for line in ledger.lines()) == len(rows)


@given(postings, st.integers(1, 59))
def test_statements_of_adjoining_periods_add_up_to_the_lines(rows, cut):
    """Law: a posting is in exactly one of two adjoining statements."""
    ledger = ValueLedger(rows)
    middle = DAY + timedelta(cut)
    both = [ledger.statement(DAY, middle), ledger.statement(middle, DAY + timedelta(60))]
    summed: dict[tuple[str, str, str], Decimal] = {}
    for lines in both:
        for key, total in _totals(lines).items():
            summed[key] = summed.get(key, Decimal(0)) + total
    assert summed == _totals(ledger.lines())


def test_a_posting_is_taken_back_once_and_entirely():
    """Story: a mistake is reversed, not edited; the line forgets the amount and keeps the evidence."""
    first = Posting(
        id="1", stakeholder="sales", kind="cost_removed", amount=Amount(9, "EUR"), at=DAY, evidence=["INV1"]
    )
    back = attrs.evolve(first, id="2", reverses="1", evidence=["NOTE1"])
    ledger = ValueLedger([first]).post(back)
    assert ledger.lines()[0].total.value == 0 and ledger.lines()[0].evidence == ("INV1", "NOTE1")
    assert ledger.net("sales", "EUR").value == 0
    for wrong in (
        attrs.evolve(back, id="3"),
        attrs.evolve(back, id="3", reverses="2"),
        attrs.evolve(back, id="3", reverses="9"),
    ):
        with pytest.raises(InvalidInput) as caught:
            ledger.post(wrong)
        assert caught.value.code == "not_reversible"
    with pytest.raises(InvalidInput):
        ledger.post(first)
    with pytest.raises(InvalidInput):
        ValueLedger([first]).post(attrs.evolve(back, amount=Amount(8, "EUR")))


def test_costs_and_risks_imposed_count_against_what_was_removed():
    """A service takes costs away and brings others; the net shows both."""
    kinds = {"benefit": 10, "cost_removed": 5, "cost_imposed": 3, "risk_removed": 2, "risk_imposed": 1}
    rows = [
        Posting(id=kind, stakeholder="sales", kind=kind, amount=Amount(value, "EUR"), at=DAY, evidence=["R"])
        for kind, value in kinds.items()
    ]
    assert ValueLedger(rows).net("sales", "EUR").value == 13
    assert ValueLedger(rows).net("sales", "hours").value == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: Amount(1, "EUR") + Amount(1, "USD"),
        lambda: Amount(1, "EUR") - Amount(1, "hours"),
        lambda: Amount(1, "EUR") + 1,
        lambda: Amount(1.5, "EUR"),
        lambda: Amount(Decimal("inf"), "EUR"),
        lambda: Amount(1, ""),
        lambda: Posting(id="1", stakeholder="s", kind="benefit", amount=Amount(-1, "EUR"), at=DAY, evidence=["R"]),
        lambda: Posting(id="1", stakeholder="s", kind="benefit", amount=Amount(1, "EUR"), at=DAY, evidence=[]),
        lambda: ValueLedger().statement(DAY, DAY),
        lambda: Budget(subject="s", kind="person", planned=Amount(1, "EUR"), start=DAY, end=DAY),
        lambda: Budget(subject="s", kind="project", planned=Amount(1, "EUR"), start=DAY, end=DAY + timedelta(1)),
    ],
)
def test_unlike_units_floats_and_claims_without_evidence_are_refused(call):
    """Currencies do not mix, money is exact, and a posting needs a record."""
    with pytest.raises(InvalidInput):
        call()


def test_a_budget_is_for_an_activity_or_a_resource():
    """Story: only spending on its subject in its period counts; another currency is refused, not converted."""
    budget = Budget(
        subject="relay vendor", kind="supplier", planned=Amount(1_000, "EUR"), start=DAY, end=DAY + timedelta(31)
    )
    first = Spending(subject="relay vendor", amount=Amount(400, "EUR"), at=DAY, record="INV1")
    others = [attrs.evolve(first, at=DAY + timedelta(31)), attrs.evolve(first, subject="cloud")]
    status = budget.status([first, *others])
    assert (status.spent.value, status.left.value, status.share, status.records) == (400, 600, 0.4, ("INV1",))
    assert not status.overspent and budget.status([first] * 3).overspent
    assert attrs.evolve(budget, planned=Amount(0, "EUR")).status([]).share is None
    with pytest.raises(InvalidInput) as caught:
        budget.status([attrs.evolve(first, amount=Amount(1, "USD"))])
    assert caught.value.code == "unlike_units"


def test_what_was_said_before_the_question_is_no_answer_to_it():
    """An earlier time shows that the two were linked by mistake; one at the same moment may be an answer."""
    early = co_creation("mail", [said(1, "consumer", "feedback", day=5), said(2, "provider", answers="1", day=4)])
    assert (early.answered, early.unanswered, early.two_way_share) == ((), ("R1",), 0.0)
    at_once = co_creation("mail", [said(1, "consumer", "feedback", day=5), said(2, "provider", answers="1", day=5)])
    assert at_once.answered == ("R1",)
