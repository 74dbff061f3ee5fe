"""INV-106 to INV-110: what holds for relationships, whoever tries what."""

from datetime import timedelta
from decimal import Decimal, localcontext
from itertools import product
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from relationship_kit import (
    AMY,
    ANA,
    DORA,
    EVE,
    EVERYBODY,
    OFFICER,
    REX,
    START,
    SUE,
    Ticking,
    account,
    codes,
    deal,
    qualified,
    tried,
)

import itil4
from itil4 import (
    Actor,
    DefinitionError,
    InvalidInput,
    ITIL4Error,
    Refused,
    Transition,
)
from itil4.practices.relationship.complaints import Complaint, Complaints
from itil4.practices.relationship.leads import LIFECYCLE as LEAD
from itil4.practices.relationship.opportunities import LIFECYCLE as OPPORTUNITY
from itil4.practices.relationship.policy import ENGAGEMENTS, RelationshipPolicy, SatisfactionScale, StakeholderGrid
from itil4.value import Amount

# INV-106: accounts and contacts


def test_inv_106_no_account_is_born_without_a_contact(itsm: Any) -> None:
    """INV-106: without one, or with one that cannot be, neither the account nor a contact is there."""
    for contact, code in (
        (None, "no_contact"), ((), "no_contact"), ([], "no_contact"), ({}, "blank"), ({"name": " "}, "blank"),
        ({"name": "Jo", "phon": "1"}, "unknown_field"), ({"name": "Jo", "email": "nowhere"}, "bad_email"),
        (7, "foreign_record"), ("CON0000009", "not_found"), (({"name": "Jo"}, {}), "blank"),
    ):  # fmt: skip
        with pytest.raises(ITIL4Error) as refused:
            itsm.accounts.log(name="Acme", contact=contact, by=AMY)
        assert code in codes(refused), contact
    with pytest.raises(InvalidInput):
        itsm.accounts.log(name="Acme", by=AMY)
    assert (itsm.accounts.count(), itsm.contacts.count()) == (0, 0)


def test_inv_106_the_last_contact_of_an_account_stays(itsm: Any) -> None:
    """INV-106: it neither leaves nor is unlinked while the relationship lasts, and stays linked afterwards."""
    acme = account(itsm)
    (jo,) = itsm.accounts.linked(acme, "has_contact")
    with pytest.raises(Refused, match="nobody else"):
        itsm.contacts.leave(jo, by=AMY)
    with pytest.raises(Refused) as refused:
        itsm.unlink(jo, "contact_of", acme, by=AMY)
    assert codes(refused) == ["last_contact"]
    with pytest.raises(Refused):
        itsm.unlink(acme, "has_contact", jo, by=AMY)
    kim = itsm.contacts.log(name="Kim", account=acme, by=DORA)
    jo = itsm.contacts.leave(jo, by=AMY)
    with pytest.raises(Refused):  # Jo has left, so Kim is the only one to talk to
        itsm.unlink(kim, "contact_of", acme, by=AMY)
    acme = itsm.accounts.end_relationship(acme.id, close_reason="They moved", by=AMY)
    kim = itsm.contacts.leave(kim, by=AMY)
    itsm.unlink(jo, "contact_of", acme, by=AMY)
    with pytest.raises(Refused) as refused:
        itsm.unlink(kim, "contact_of", acme.id, by=AMY)
    assert codes(refused) == ["last_contact"]
    assert itsm.accounts.linked(acme.id, "has_contact")[0].id == kim.id


def test_inv_106_who_has_left_is_no_contact_to_begin_with(itsm: Any) -> None:
    """INV-106: an account needs somebody to talk to, not somebody who was there once."""
    jo = itsm.contacts.log(name="Jo", by=AMY)
    assert account(itsm, contact=jo).name == "Acme"
    kim = itsm.contacts.leave(itsm.contacts.log(name="Kim", by=AMY), by=AMY)
    with pytest.raises(InvalidInput) as refused:
        account(itsm, contact=(kim, jo))
    assert codes(refused) == ["contact_left"]
    with pytest.raises(Refused) as linked:
        itsm.link(kim, "contact_of", "ACCT0000001", by=AMY)
    assert codes(linked) == ["contact_left"]
    assert itsm.accounts.count() == 1


class ContactsInAnyOrder(RuleBasedStateMachine):
    """Whatever is tried with contacts and accounts, an account has one."""

    def __init__(self) -> None:
        super().__init__()
        self.itsm: Any = itil4.connect(clock=Ticking())
        account(self.itsm)

    def attempt(self, call: Any, *args: Any, **options: Any) -> None:
        try:
            call(*args, by=REX, **options)
        except ITIL4Error:
            return

    @rule(place=st.integers(1, 4), of=st.integers(1, 3))
    def new_contact(self, place: int, of: int) -> None:
        self.attempt(self.itsm.contacts.log, name="Kim", account=f"ACCT{of:07}")

    @rule(place=st.integers(1, 4))
    def new_account(self, place: int) -> None:
        self.attempt(self.itsm.accounts.log, name="Lab", contact=f"CON{place:07}")

    @rule(place=st.integers(1, 4), event=st.sampled_from(["leave", "rejoin"]))
    def come_and_go(self, place: int, event: str) -> None:
        self.attempt(self.itsm.contacts.fire, f"CON{place:07}", event)

    @rule(place=st.integers(1, 4), of=st.integers(1, 3), op=st.sampled_from(["link", "unlink"]))
    def relink(self, place: int, of: int, op: str) -> None:
        self.attempt(getattr(self.itsm, op), f"CON{place:07}", "contact_of", f"ACCT{of:07}")

    @rule(of=st.integers(1, 3), event=st.sampled_from(["onboard", "end_relationship", "win_back"]))
    def move(self, of: int, event: str) -> None:
        given = {"close_reason": "over"} if event == "end_relationship" else {}
        self.attempt(self.itsm.accounts.fire, f"ACCT{of:07}", event, **given)

    @invariant()
    def each_account_has_somebody_to_talk_to(self) -> None:
        for each in self.itsm.accounts.each():
            known = self.itsm.accounts.linked(each, "has_contact")
            assert known, each.number
            assert each.state == "former" or any(one.state == "active" for one in known), each.number


def test_inv_106_in_whatever_order_people_come_and_go_an_account_has_a_contact() -> None:
    """INV-106: births, leaving, links and ends by anybody's hand."""
    run_state_machine_as_test(ContactsInAnyOrder, settings=settings(max_examples=40, stateful_step_count=30))


def test_inv_106_winning_back_needs_somebody_to_talk_to(itsm: Any) -> None:
    """INV-106: an account whose contacts have all left is won back through a contact who is there."""
    acme = account(itsm)
    acme = itsm.accounts.end_relationship(acme, close_reason="over", by=AMY)
    (jo,) = itsm.accounts.linked(acme, "has_contact")
    itsm.contacts.leave(jo, by=AMY)
    with pytest.raises(Refused, match="nobody"):
        itsm.accounts.win_back(acme, by=SUE)
    itsm.contacts.log(name="Kim", account=acme, by=AMY)
    assert itsm.accounts.win_back(acme.id, by=SUE).state == "prospect"


# INV-106: interactions


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=8))
def test_inv_106_a_timeline_is_in_the_order_of_time(told: list[tuple[int, int]]) -> None:
    """INV-106: in whatever order interactions are written down, they stand as they took place, each once."""
    clock = Ticking()
    with itil4.connect(clock=clock) as itsm:
        acme = account(itsm)
        for back, wait in told:
            clock.move(hours=wait)
            itsm.interactions.log(
                account=acme,
                channel="phone",
                summary="A call",
                occurred_at=clock.now() - timedelta(hours=back),
                by=DORA,
            )
        line = itsm.accounts.timeline(acme, by=AMY)
        assert [each.occurred_at for each in line] == sorted(each.occurred_at for each in line)
        assert len({each.id for each in line}) == len(line) == len(told)


def test_inv_106_nothing_is_recorded_before_it_happens_or_answered_before_it_is_said(itsm: Any, clock: Ticking) -> None:
    """INV-106: no interaction lies ahead, and no answer before what it answers, at birth or by a later link."""
    acme = account(itsm)
    log = itsm.interactions.log
    with pytest.raises(InvalidInput) as refused:
        log(account=acme, channel="phone", summary="x", occurred_at=START + timedelta(microseconds=1), by=DORA)
    assert codes(refused) == ["future"]
    asked = log(account=acme, channel="phone", summary="When?", by=DORA)
    early = {"channel": "email", "summary": "Soon", "occurred_at": START - timedelta(hours=1), "by": DORA}
    with pytest.raises(InvalidInput) as refused:
        log(account=acme, answers=asked, **early)
    assert codes(refused) == ["time_order"]
    answer = log(account=acme, **early)
    with pytest.raises(Refused):
        itsm.link(answer, "answers", asked, by=DORA)
    with pytest.raises(Refused):
        itsm.interactions.update(answer, occurred_at=START, by=DORA)
    assert itsm.interactions.linked(log(channel="email", summary="Now", answers=asked, by=DORA), "answers") == (asked,)


# INV-106: satisfaction


@given(scale=st.tuples(st.integers(-5, 5), st.integers(1, 10)), score=st.integers(-12, 20))
def test_inv_106_a_score_lies_on_the_scale_of_its_survey(scale: tuple[int, int], score: int) -> None:
    """INV-106: an answer is accepted exactly when it lies on the declared scale; a refusal leaves it unanswered."""
    low, high = scale[0], scale[0] + scale[1]
    policy = RelationshipPolicy(scales=[SatisfactionScale(name="own", lowest=low, highest=high, good_from=high)])
    with itil4.connect(policies={"account": policy}) as itsm:
        sent = itsm.satisfaction_surveys.log(question="How?", method="own", respondent="ana", by=DORA)
        done = tried(lambda: itsm.satisfaction_surveys.answer(sent, score=score, by=ANA))
        fits = low <= score <= high
        assert (done.score == score) if fits else (done == ["off_scale"])
        assert itsm.satisfaction_surveys.get(sent.id).score == (score if fits else None)


def test_inv_106_the_scale_of_a_survey_stays_as_it_was_asked(store: Any, clock: Ticking) -> None:
    """INV-106: another policy changes no scale of what is asked already, and neither does anybody's hand."""
    with itil4.connect(store, clock=clock) as itsm:
        box: Any = itsm.satisfaction_surveys
        sent = box.log(question="How?", method="csat", respondent="ana", by=DORA)
        short = SatisfactionScale(name="csat", lowest=1, highest=2, good_from=2, measure="csat")
        for values in ({"scale": short}, {"score": 9}, {"method": "nps"}):
            with pytest.raises(Refused):
                box.update(sent, by=DORA, **values)
        for wrong in ("5", 5.0, True, None, Decimal(5)):
            with pytest.raises(Refused):
                box.answer(sent, score=wrong, by=ANA)
        for brought in ({"scale": short}, {"score": 5}):
            assert tried(lambda given=brought: box.log(question="How?", method="csat", by=DORA, **given)) == [
                "field_rule"
            ]
        told = {"account": RelationshipPolicy(scales=[short])}
        other = itil4.ServiceManagement(attrs.evolve(itsm.house, policies=told, project=None))
        assert other.satisfaction_surveys.answer(sent.id, score=5, by=ANA).scale.highest == 5


# INV-107


def test_inv_107_a_lead_becomes_one_account_and_one_opportunity_once(itsm: Any) -> None:
    """INV-107: the second time is refused, and `once` gives the first result again; nothing is made twice."""
    lead = qualified(itsm)
    done = itsm.leads.convert(lead, opportunity={"amount": Amount(5, "EUR")}, once="k", by=SUE)
    assert (done.state, done.converted_at) == ("converted", START)
    assert itsm.leads.convert(lead.id, opportunity={"amount": Amount(5, "EUR")}, once="k", by=SUE) == done
    for held in (done, done.number):
        with pytest.raises(Refused) as refused:
            itsm.leads.convert(held, by=SUE)
        assert codes(refused) == ["wrong_state", "converted_already"]
    with pytest.raises(itil4.StaleRecord):
        itsm.leads.convert(lead, by=SUE)
    made = itsm.leads.linked(done, "converted_to")
    assert [each.number for each in made] == ["ACCT0000001", "OPP0000001"]
    assert (itsm.accounts.count(), itsm.opportunities.count(), itsm.contacts.count()) == (1, 1, 1)
    assert itsm.opportunities.linked(made[1], "for_account") == (made[0],)
    assert itsm.accounts.linked(made[0], "has_contact")[0].email == "jo@acme.example"


def test_inv_107_a_converted_lead_is_terminal(itsm: Any) -> None:
    """INV-107: no step leads on, nobody changes it, and what it became is neither unlinked nor added to by hand."""
    done = itsm.leads.convert(qualified(itsm), by=SUE)
    assert LEAD.by_name["converted"].final and not [each for each in LEAD.graph if each[1] == "converted"]
    for event, actor in product(LEAD.events, (*EVERYBODY, Actor("eve", {"sales"}))):
        with pytest.raises(ITIL4Error):
            itsm.leads.fire(done, event, close_reason="x", need="x", by=actor)
    other = account(itsm, "Lab")
    for call in (
        lambda: itsm.leads.update(done, summary="Mine", by=AMY),
        lambda: itsm.link(done, "converted_to", other, by=REX),
        lambda: itsm.unlink(done, "converted_to", "ACCT0000001", by=REX),
    ):
        with pytest.raises(Refused):
            call()
    assert len(itsm.leads.linked(done, "converted_to")) == 2


def test_inv_107_a_lead_that_a_correction_set_back_is_not_converted_again(itsm: Any) -> None:
    """INV-107: past the rules of steps as well, it has one account and one opportunity."""
    done = itsm.leads.convert(qualified(itsm), by=SUE)
    back = itsm.leads.correct(done, state="qualified", reason="Wrong lead", by=OFFICER)
    with pytest.raises(Refused) as refused:
        itsm.leads.convert(back, by=SUE)
    assert codes(refused) == ["converted_already"] and "ACCT0000001, OPP0000001" in str(refused.value)
    assert (itsm.accounts.count(), itsm.opportunities.count()) == (1, 1)


def test_inv_107_no_way_but_the_verb_converts(itsm: Any) -> None:
    """INV-107: the bare step, a link by hand, and a lead that is not qualified are refused, and make nothing."""
    lead = qualified(itsm)
    acme = account(itsm)
    with pytest.raises(Refused, match="verb"):
        itsm.leads.fire(lead, "convert", by=SUE)
    with pytest.raises(Refused) as refused:
        itsm.link(lead, "converted_to", acme, by=SUE)
    assert codes(refused) == ["lead_converts"]
    for actor in (DORA, EVE):
        with pytest.raises(ITIL4Error):
            itsm.leads.convert(lead, by=actor)
    with pytest.raises(Refused):
        itsm.leads.convert(itsm.leads.log(name="Kim", by=EVE), by=SUE)
    with pytest.raises(InvalidInput):
        itsm.leads.convert(lead, opportunity={"probability": 101}, by=SUE)
    assert (itsm.accounts.count(), itsm.opportunities.count(), itsm.contacts.count()) == (1, 0, 1)
    done = itsm.leads.convert(lead, account=acme, opportunity=None, by=SUE)
    assert [each.number for each in itsm.leads.linked(done, "converted_to")] == ["ACCT0000001"]
    assert {each.name for each in itsm.accounts.linked(acme, "has_contact")} == {"Jo Doe"}
    assert (itsm.accounts.count(), itsm.opportunities.count(), itsm.contacts.count()) == (1, 0, 2)


class LeadsInAnyOrder(RuleBasedStateMachine):
    """Whoever tries whatever with a lead, it becomes one account and one opportunity at most."""

    def __init__(self) -> None:
        super().__init__()
        self.itsm: Any = itil4.connect(clock=Ticking())
        self.lead = self.itsm.leads.log(name="Jo", email="jo@acme.example", need="20 TB", by=EVE)
        self.others = account(self.itsm)

    @rule(event=st.sampled_from(LEAD.events), actor=st.sampled_from(EVERYBODY))
    def step(self, event: str, actor: Actor) -> None:
        try:
            self.itsm.leads.fire(self.lead.id, event, by=actor, **({"close_reason": "no"} if "dis" in event else {}))
        except ITIL4Error:
            return

    @rule(into=st.booleans(), deal=st.booleans(), actor=st.sampled_from(EVERYBODY))
    def convert(self, into: bool, deal: bool, actor: Actor) -> None:
        given = {"account": self.others.id} if into else {}
        try:
            self.itsm.leads.convert(self.lead.id, opportunity={} if deal else None, by=actor, **given)
        except ITIL4Error:
            return

    @invariant()
    def it_is_one_account_and_one_opportunity_at_most(self) -> None:
        made = [type(each).__name__ for each in self.itsm.leads.linked(self.lead.id, "converted_to")]
        assert made.count("Account") == (self.itsm.leads.get(self.lead.id).state == "converted")
        assert made.count("Opportunity") <= made.count("Account")
        assert self.itsm.opportunities.count() == made.count("Opportunity")


def test_inv_107_in_whatever_order_people_try_a_lead_converts_once() -> None:
    """INV-107: by all steps and verbs, of everybody, into old accounts and new ones."""
    run_state_machine_as_test(LeadsInAnyOrder)


# INV-108


def test_inv_108_won_and_lost_are_terminal(itsm: Any) -> None:
    """INV-108: nothing leads on from them, for anybody, and nothing about them changes."""
    acme = account(itsm)
    won = itsm.opportunities.win(itsm.opportunities.propose(deal(itsm, acme), by=SUE), by=SUE)
    lost = itsm.opportunities.lose(deal(itsm, acme), close_reason="Too dear", by=SUE)
    assert (won.probability, lost.probability) == (100, 0)
    for held in (won, lost):
        assert OPPORTUNITY.by_name[held.state].final
        assert not [each for each in OPPORTUNITY.graph if each[1] == held.state]
        for event, actor in product(OPPORTUNITY.events, EVERYBODY):
            with pytest.raises(ITIL4Error):
                itsm.opportunities.fire(held, event, close_reason="x", amount=Amount(1, "EUR"), by=actor)
        for values in ({"probability": 50}, {"amount": Amount(1, "EUR")}, {"summary": "Mine"}):
            with pytest.raises(Refused):
                itsm.opportunities.update(held, by=AMY, **values)


@given(st.integers(-300, 300))
def test_inv_108_a_probability_is_a_whole_percent(percent: int) -> None:
    """INV-108: from 0 to 100, at birth, by a step and by an update; anything else is refused."""
    with itil4.connect() as itsm:
        acme = account(itsm)
        held = deal(itsm, acme)
        for call in (
            lambda: deal(itsm, acme, probability=percent),
            lambda: itsm.opportunities.update(held, probability=percent, by=SUE),
            lambda: itsm.opportunities.propose(held.id, probability=percent, by=SUE),
        ):
            done = tried(call)
            assert done.probability == percent if 0 <= percent <= 100 else done == ["out_of_bounds"]


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(min_value=0, max_value=10**16, places=5))
def test_inv_108_an_amount_lies_within_its_bounds(value: Decimal) -> None:
    """INV-108: from 0 on, less than 10^15, with four decimal places at most, whatever the host's decimal context."""
    numerator, denominator = abs(value).as_integer_ratio() if abs(value.adjusted()) < 60 else (1, 0)
    fits = denominator and 0 <= value < Decimal(10) ** 15 and (numerator * 10**4) % denominator == 0
    if value == 0:
        fits = True
    with localcontext() as context, itil4.connect() as itsm:
        context.prec = 5
        acme = account(itsm)
        done = tried(lambda: deal(itsm, acme, value))
        assert done.amount.value == value if fits else done == ["out_of_bounds"]


def test_inv_108_money_is_never_a_float_and_has_one_currency(itsm: Any) -> None:
    """INV-108: floats, bare numbers, currencies that are none, and a currency that differs from the amount's."""
    acme = account(itsm)
    for worth in (1.5, float("inf"), "12", Decimal("NaN"), True):
        with pytest.raises(InvalidInput):
            deal(itsm, acme, worth)
    for amount in (12, Decimal(12), "12 EUR", 1.5):
        with pytest.raises(InvalidInput):
            itsm.opportunities.log(account=acme, summary="Storage", amount=amount, by=SUE)
    for unit in ("eur", "EURO", "€", "EU", "ÄÖÜ", "E R"):
        with pytest.raises(InvalidInput) as refused:
            deal(itsm, acme, 1, unit)
        assert codes(refused) == ["bad_currency"]
    held = deal(itsm, acme)
    assert held.currency == "EUR"
    for call in (
        lambda: itsm.opportunities.update(held, currency="USD", by=SUE),
        lambda: itsm.opportunities.override(held, currency="USD", reason="I like it", by=SUE),
    ):
        with pytest.raises(Refused):
            call()
    assert itsm.opportunities.update(held, amount=Amount(3, "USD"), by=SUE).currency == "USD"


# INV-109


def test_inv_109_the_grid_answers_for_every_influence_and_interest() -> None:
    """INV-109: each pair of levels has one engagement, and the default grid is the usual one."""
    grid = StakeholderGrid.default()
    answers = {pair: grid(*pair) for pair in product(grid.levels, repeat=2)}
    assert answers == {
        ("high", "high"): "manage_closely", ("high", "low"): "keep_satisfied", ("low", "high"): "keep_informed",
        ("low", "low"): "monitor",
    }  # fmt: skip
    assert set(answers.values()) == set(ENGAGEMENTS)


@given(st.integers(1, 4), st.data())
def test_inv_109_a_grid_with_a_hole_or_too_much_is_none(size: int, data: st.DataObject) -> None:
    """INV-109: whatever levels there are; a total one is accepted, and answers for every pair."""
    levels = tuple(f"level {n}" for n in range(size))
    cells = dict.fromkeys(product(levels, repeat=2), "engage")
    grid = StakeholderGrid(levels, cells)
    assert all(grid(*pair) == "engage" for pair in product(levels, repeat=2))
    gone = data.draw(st.sampled_from(sorted(cells)))
    with pytest.raises(DefinitionError):
        StakeholderGrid(levels, {pair: cell for pair, cell in cells.items() if pair != gone})
    with pytest.raises(DefinitionError):
        StakeholderGrid(levels, {**cells, ("level 0", "none"): "engage"})
    with pytest.raises(DefinitionError):
        StakeholderGrid(levels, {**cells, gone: " "})


def test_inv_109_every_stakeholder_that_is_judged_is_engaged_as_the_grid_says(itsm: Any) -> None:
    """INV-109: for every pair; before both are known nothing is said, and no hand says otherwise."""
    box = itsm.stakeholders
    for influence, interest in product(("high", "low", None), repeat=2):
        held = box.log(name=f"{influence} {interest}", influence=influence, interest=interest, by=AMY)
        expected = None if None in (influence, interest) else StakeholderGrid.default()(influence, interest)
        assert held.engagement == expected
        with pytest.raises(Refused):
            box.update(held, engagement="monitor" if expected != "monitor" else "manage_closely", by=AMY)
    for wrong in ("medium", "High", "", 1):
        with pytest.raises(ITIL4Error):
            box.log(name="x", influence=wrong, by=AMY)
    shown = box.stakeholder_map(by=AMY)
    assert set(shown) == set(product(("high", "low"), repeat=2)) and all(len(each) == 1 for each in shown.values())


# INV-110


def test_inv_110_no_complaint_closes_before_a_response_and_a_follow_up(itsm: Any) -> None:
    """INV-110: from every state before that, for everybody, and by whichever values; then it closes."""
    box = itsm.complaints
    made = box.log(summary="Nobody called back", by=ANA)
    told = {"response": "Sorry", "follow_up": "Fine now", "is_settled": True}

    def refused_to_everybody(held: Any) -> None:
        for actor, values in product((*EVERYBODY, Actor("system", {"system"}, kind="system")), ({}, told)):
            for event in ("close", "ask_again") if held.state != "responded" else ("close",):
                with pytest.raises(ITIL4Error):
                    box.fire(held, event, by=actor, **values)
            with pytest.raises(ITIL4Error):
                box.update(held, by=actor, **told)

    refused_to_everybody(made)
    made = box.acknowledge(made, by=DORA)
    refused_to_everybody(made)
    for blank in (None, "", "  "):
        with pytest.raises(Refused):
            box.respond(made, response=blank, by=DORA)
    made = box.respond(made, response="Sorry", by=DORA)
    refused_to_everybody(made)
    with pytest.raises(Refused):
        box.follow_up(made, " ", is_settled=True, by=DORA)
    made = box.follow_up(made, "Fine now", is_settled=True, by=DORA)
    assert box.close(made, by=DORA).state == "closed"
    for values in (told, {"responded_at": START}):
        with pytest.raises(InvalidInput):
            box.log(summary="I brought the answer along", by=ANA, **values)


def test_inv_110_what_is_taken_up_again_needs_both_anew(itsm: Any, clock: Ticking) -> None:
    """INV-110: an earlier response closes nothing; the history keeps it."""
    box = itsm.complaints
    made = box.acknowledge(box.log(summary="Slow", by=ANA), by=DORA)
    made = box.close(
        box.follow_up(box.respond(made, response="Sorry", by=DORA), "ok", is_settled=True, by=DORA), by=DORA
    )
    made = box.take_up_again(made, by=ANA)
    assert (made.response, made.follow_up, made.is_settled, made.closed_at) == (None, None, None, None)
    with pytest.raises(Refused):
        box.respond(made, by=DORA)
    made = box.respond(made, response="Sorry again", by=DORA)
    assert [each.state for each in (made,)] == ["responded"] and not box.explain(made, "close", by=REX)
    assert "Sorry" in [each.changes["response"].new for each in box.history(made) if "response" in each.changes]


def test_inv_110_no_way_that_a_subclass_adds_leads_around_them() -> None:
    """INV-110: the closed state itself asks for a response and a follow-up."""

    class Hasty(Complaints[Complaint]):
        lifecycle = Complaints.lifecycle.extend(
            add=[
                Transition("wave_off", ["received", "acknowledged", "responded"], "closed", roles={"service_desk"}),
                Transition("judge", "acknowledged", "closed", roles={"service_desk"}, requires="is_settled"),
                Transition("settle", "responded", "closed", roles={"service_desk"}, requires="is_settled"),
            ]
        )

    with itil4.connect(practices=[Hasty]) as itsm:
        box: Any = itsm.complaints
        made = box.acknowledge(box.log(summary="Slow", by=ANA), by=DORA)
        assert not box.explain(made, "wave_off", by=DORA)
        lacking = box.explain(made, "judge", is_settled=True, by=DORA).reasons
        assert {name for each in lacking for name in _named(each)} == {"response", "follow_up"}
        made = box.respond(made, response="Sorry", by=DORA)
        with pytest.raises(Refused):
            box.fire(made, "wave_off", by=DORA)
        lacking = box.explain(made, "settle", is_settled=True, by=DORA).reasons
        assert {name for each in lacking for name in _named(each)} == {"follow_up"}


def _named(reason: Any) -> tuple[str, ...]:
    """Return the fields that a reason is about."""
    return tuple(reason.detail["fields"]) if "fields" in reason.detail else (reason.detail["field"],)


def test_inv_110_who_is_not_content_is_heard_or_a_manager_decides(itsm: Any) -> None:
    """INV-110: a follow-up that found them discontented closes nothing by the hand of the service desk."""
    box = itsm.complaints
    made = box.respond(box.acknowledge(box.log(summary="Slow", by=ANA), by=DORA), response="Sorry", by=DORA)
    made = box.follow_up(made, "Still slow", is_settled=False, by=DORA)
    with pytest.raises(Refused, match="not content"):
        box.close(made, by=DORA)
    assert box.close(made, by=REX).state == "closed"
    assert itsm.complaints.redact(made.id, "follow_up", "response", reason="Request 4", by=OFFICER).state == "closed"
