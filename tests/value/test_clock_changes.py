"""The hour that a clock change repeats: what came first in time comes first, whatever the clock on the wall said."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from itil4.errors import InvalidInput
from itil4.value import (
    Amount,
    Budget,
    Deployment,
    Directive,
    Evaluation,
    Evidence,
    GovernanceTrace,
    Interaction,
    Monitoring,
    Outcome,
    Spending,
    Stakeholder,
    co_creation,
)

PARIS = ZoneInfo("Europe/Paris")
FIRST = datetime(2026, 10, 25, 2, 50, tzinfo=PARIS)  # summer time, 00:50 UTC
SECOND = datetime(2026, 10, 25, 2, 10, tzinfo=PARIS, fold=1)  # 20 minutes later, in winter time
ANA = Stakeholder("ana", "consumer")


def test_a_change_may_begin_before_the_clock_is_put_back_and_reach_users_after():
    """Begun at 2:50, live at 2:10 twenty minutes later; the other way round it is refused."""
    assert Deployment(record="CHG1", at=SECOND, begun_at=FIRST).failed is False
    with pytest.raises(InvalidInput):
        Deployment(record="CHG1", at=FIRST, begun_at=SECOND)


def test_an_answer_after_the_clock_was_put_back_is_an_answer():
    """An answer counts when it does not come before what it answers, in time."""
    asked = Interaction(id="1", service="mail", side="consumer", kind="feedback", at=FIRST, record="FB1")
    told = Interaction(id="2", service="mail", side="provider", at=SECOND, record="MSG1", answers="1")
    assert co_creation("mail", [asked, told]).answered == ("FB1",)


def test_evidence_of_the_repeated_hour_is_late_when_it_comes_after_the_moment():
    """An outcome is judged by what was so at its moment, and by the latest of that."""
    outcome = Outcome(stakeholder=ANA, statement="Mail works.", measure="mails", target=5, by=FIRST)
    assert outcome.verdict([Evidence(Decimal(9), SECOND, "REP1")]) == "unknown"
    later = Outcome(stakeholder=ANA, statement="Mail works.", measure="mails", target=5, by=SECOND + timedelta(hours=1))
    assert later.verdict([Evidence(9, FIRST, "REP1"), Evidence(1, SECOND, "REP2")]) == "not_reached"


def test_a_budget_of_the_repeated_hour_holds_what_is_spent_in_it():
    """A period is an interval of time: it may end at an earlier hour of the wall than it began."""
    budget = Budget(subject="relay", kind="item", planned=Amount(10, "EUR"), start=FIRST, end=SECOND)
    between = datetime(2026, 10, 25, 1, tzinfo=UTC)
    assert budget.status([Spending(subject="relay", amount=Amount(4, "EUR"), at=between, record="INV1")]).share == 0.4


def test_governance_counts_real_time_between_looks():
    """A directive follows its evaluation, and monitoring is overdue by the time that has passed."""
    trace = GovernanceTrace(
        evaluations=[Evaluation(id="E1", about="the desk", finding="too slow", at=FIRST, by="board")],
        directives=[
            Directive(id="D1", statement="faster", evaluation="E1", monitors=["lead time"], at=SECOND, by="board")
        ],
        monitoring=[Monitoring(directive="D1", monitor="lead time", seen="fine", at=SECOND)],
    )
    hour = timedelta(hours=1)
    assert trace.gaps(asof=SECOND + timedelta(minutes=50), every=hour) == ()
    assert [each.code for each in trace.gaps(asof=SECOND + timedelta(minutes=70), every=hour)] == ["not_monitored"]
