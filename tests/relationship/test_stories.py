"""Relationships as people use them, on each store."""

import json
from datetime import timedelta
from typing import Any

import pytest
from relationship_kit import (
    AMY,
    ANA,
    DORA,
    EVE,
    OFFICER,
    REX,
    START,
    SUE,
    Ticking,
    account,
    codes,
    deal,
    qualified,
)

import itil4
from itil4 import Actor, DefinitionError, InvalidInput, NotFound, Refused
from itil4.practices.relationship.policy import RelationshipPolicy, StakeholderGrid
from itil4.practices.service_level_management import AgreedTarget
from itil4.record import REDACTED, Origin
from itil4.value import Amount

SOON = timedelta(hours=1)


def test_from_a_lead_to_a_satisfied_customer(itsm: Any, clock: Ticking) -> None:
    """Story: one lead through all of it; every history rebuilds its record, and nothing differs afterwards."""
    lead = itsm.leads.work(itsm.leads.log(name="Jo Doe", organization="Acme", phone="1", source="fair", by=EVE), by=SUE)
    assert (lead.owner, lead.summary) == ("sue", "Acme")
    itsm.interactions.log(involves=lead, channel="phone", direction="outbound", summary="First call", by=SUE)
    lead = itsm.leads.qualify(lead.id, need="20 TB", by=SUE)
    lead = itsm.leads.convert(lead, opportunity={"amount": Amount(12_000, "EUR"), "summary": "Archive"}, by=SUE)
    acme, held = itsm.leads.linked(lead, "converted_to")
    assert (held.source, held.customer, held.owner, held.probability) == ("fair", "Acme", "sue", 10)
    clock.move(days=1)
    itsm.interactions.log(account=acme, about=held, channel="meeting", summary="Needs", by=SUE)
    held = itsm.opportunities.analyse_needs(held.id, by=SUE)
    held = itsm.opportunities.negotiate(itsm.opportunities.propose(held, by=SUE), probability=90, by=SUE)
    held = itsm.opportunities.win(held, by=SUE)
    acme = itsm.accounts.get(acme.id)
    assert (acme.state, acme.customer_since) == ("customer", clock.now())
    entry = itsm.accounts.history(acme)[-1]
    assert (entry.event, entry.cause) == ("onboard", itsm.opportunities.history(held)[-1].id)
    sla = itsm.service_levels.log(
        title="Archive for Acme", provider="IT", customer="Acme", services=("archive",), starts_at=START,
        ends_at=START + timedelta(days=365), targets=(AgreedTarget(duration=timedelta(hours=8)),), by=REX,
    )  # fmt: skip
    held = itsm.link(held, "about", sla, by=SUE)
    seen = itsm.accounts.overview(acme, by=AMY)
    assert [each.summary for each in seen.interactions] == ["First call", "Needs"]
    assert (seen.opportunities, seen.agreements, len(seen.contacts)) == ((held,), (sla,), 1)
    for box in (itsm.leads, itsm.accounts, itsm.contacts, itsm.opportunities, itsm.interactions):
        for each in box.each():
            assert box.replayed(each) == each
    assert list(itsm.verify()) == []


def test_a_complaint_is_linked_to_what_it_is_about_and_found_from_there(itsm: Any) -> None:
    """An incident, problem, request, ... shows what people held against it; other kinds are refused."""
    acme = account(itsm)
    incident = itsm.incidents.log(summary="Slow", customer="Acme", by=ANA)
    problem = itsm.problems.log(summary="Disks are full", by=DORA)
    made = itsm.complaints.log(summary="Slow again", account=acme, about=[incident, problem.number], by=DORA)
    assert itsm.incidents.linked(incident, "subject_of") == (made,)
    assert itsm.problems.linked(problem, "subject_of") == (made,)
    assert itsm.accounts.overview(acme, by=AMY).complaints == (made,)
    assert [each.id for each in itsm.complaints.find(about=incident)] == [made.id]
    for about in (acme, made, Actor("ana")):
        with pytest.raises(InvalidInput) as refused:
            itsm.complaints.log(summary="x", about=about, by=DORA)
        assert codes(refused) == ["link_ends"]
    with pytest.raises(NotFound):
        itsm.complaints.log(summary="x", about="INC0000009", by=DORA)
    assert itsm.complaints.count() == 1


def test_who_sees_what(itsm: Any) -> None:
    """Sales sees sales, the service desk customers and complaints, a user what names them; the rest does not exist."""
    acme = account(itsm, contact={"name": "Ana", "person": "ana"})
    lead, business = qualified(itsm), deal(itsm, acme)
    council = itsm.stakeholders.log(name="Council", by=AMY)
    complaint = itsm.complaints.log(summary="Slow", by=ANA)
    sent = itsm.satisfaction_surveys.log(question="How?", method="csat", respondent="ana", account=acme, by=DORA)
    call = itsm.interactions.log(account=acme, channel="phone", summary="Hello", by=DORA)
    (ana,) = itsm.accounts.linked(acme, "has_contact")
    sales_only, all_staff = {lead, business, council}, {acme, complaint, sent, call, ana}
    seen = {
        AMY: sales_only | all_staff, SUE: sales_only | all_staff, REX: sales_only | all_staff, DORA: all_staff,
        ANA: {complaint, sent, ana}, EVE: {lead}, Actor("nobody"): set(), OFFICER: sales_only | all_staff,
    }  # fmt: skip
    for actor, may in seen.items():
        for each in sales_only | all_staff:
            box: Any = itsm.of_kind(next(kind for kind in itsm.house.kinds if itsm.of_kind(kind).record is type(each)))
            known = each in may
            assert (box.count(by=actor) > 0) == known, (actor.id, each.number)
            if known:
                assert box.get(each.number, by=actor).id == each.id
            else:
                with pytest.raises(NotFound):
                    box.get(each.number, by=actor)
                with pytest.raises(NotFound):
                    box.update(each, by=actor)
    assert itsm.accounts.linked(acme, "account_of", by=DORA) == (sent, call)
    assert itsm.accounts.overview(acme, by=DORA).opportunities == ()


def test_who_may_do_what(itsm: Any) -> None:
    """Each is refused for the role, and told which it needs."""
    acme = account(itsm)
    for call in (
        lambda: itsm.accounts.log(name="x", contact={"name": "y"}, by=ANA),
        lambda: itsm.contacts.log(name="x", by=ANA),
        lambda: itsm.interactions.log(channel="phone", summary="x", by=ANA),
        lambda: itsm.satisfaction_surveys.log(question="x", method="csat", by=ANA),
        lambda: itsm.stakeholders.log(name="x", by=DORA),
        lambda: itsm.accounts.end_relationship(acme, close_reason="x", by=SUE),
        lambda: itsm.accounts.update(acme, name="x", by=DORA),
        lambda: itsm.satisfaction_surveys.change_answer(
            itsm.satisfaction_surveys.answer(
                itsm.satisfaction_surveys.log(question="x", method="csat", by=DORA), score=5, by=DORA
            ),
            score=1,
            by=DORA,
        ),
    ):
        with pytest.raises((Refused, InvalidInput)) as refused:
            call()
        assert codes(refused) == ["role"]
    with pytest.raises(Refused):
        itsm.opportunities.update(deal(itsm, acme), customer="Lab", by=SUE)
    with pytest.raises(InvalidInput):
        deal(itsm, acme, customer="Lab")


def test_a_complaint_gets_its_account_afterwards_and_one_only(itsm: Any) -> None:
    """A user knows of no accounts; who looks into it links theirs, and no second one, nor that of another customer."""
    acme, lab = account(itsm), account(itsm, "Lab")
    made = itsm.complaints.log(summary="Slow", by=ANA)
    made = itsm.link(made, "for_account", acme, by=DORA)
    for call in (
        lambda: itsm.link(made, "for_account", lab, by=DORA),
        lambda: itsm.unlink(made, "for_account", acme, by=DORA),
        lambda: itsm.link(lab, "account_of", made, by=DORA),
    ):
        with pytest.raises(Refused):
            call()
    made = itsm.complaints.update(made, customer="Acme", by=DORA)
    assert itsm.accounts.overview(acme, by=AMY).complaints == (made,)
    other = itsm.complaints.log(summary="Loud", customer="Lab", by=DORA)
    with pytest.raises(Refused) as refused:
        itsm.link(other, "for_account", acme, by=DORA)
    assert codes(refused) == ["field_rule"]


def test_an_account_ends_over_nothing_open_and_is_won_back(itsm: Any) -> None:
    """Open business or complaints hold it back; a former customer gets no new business before that."""
    acme = itsm.accounts.onboard(account(itsm), by=SUE)
    business = deal(itsm, acme)
    with pytest.raises(Refused, match=business.number):
        itsm.accounts.end_relationship(acme, close_reason="They moved", by=AMY)
    itsm.opportunities.lose(business, close_reason="They moved", by=SUE)
    acme = itsm.accounts.end_relationship(acme, close_reason="They moved", by=AMY)
    with pytest.raises(Refused) as refused:
        deal(itsm, acme)
    assert codes(refused) == ["account_over"]
    assert itsm.complaints.log(summary="The last bill", account=acme, by=DORA).customer == "Acme"
    acme = itsm.accounts.win_back(acme.id, by=SUE)
    assert (acme.state, acme.ended_at, acme.close_reason) == ("prospect", None, None)


def test_an_earlier_copy_of_an_account_will_do_to_refer_to_it(itsm: Any) -> None:
    """Who logs something for an account changes nothing of the account."""
    acme = account(itsm)
    itsm.accounts.update(acme, industry="steel", by=AMY)
    assert deal(itsm, acme).customer == "Acme"
    with itsm.unit(by=AMY) as desk:
        lab = desk.accounts.log(name="Lab", contact={"name": "Kim"})
        desk.opportunities.log(account=lab, summary="Storage")
    assert itsm.opportunities.find(customer="Lab").items[0].number == "OPP0000002"


def test_what_was_taken_back_is_in_no_timeline_and_stays_readable(itsm: Any) -> None:
    """Its author or a manager takes it back, with the reason."""
    acme = account(itsm)
    call = itsm.interactions.log(account=acme, channel="phone", summary="Wrong customer", by=DORA)
    with pytest.raises(Refused):
        itsm.interactions.retract(call, close_reason="x", by=SUE)
    call = itsm.interactions.retract(call, close_reason="It was Lab", by=DORA)
    assert itsm.accounts.timeline(acme, by=AMY) == () and itsm.interactions.get(call.number) == call


def test_customers_one_has_not_heard_of(itsm: Any, clock: Ticking) -> None:
    """By the last interaction, or since they became known; prospects are none."""
    acme, lab = (itsm.accounts.onboard(account(itsm, name), by=SUE) for name in ("Acme", "Lab"))
    account(itsm, "Prospect")
    since = clock.move(days=30)
    assert itsm.accounts.out_of_touch(since, by=AMY) == (acme, lab)
    itsm.interactions.log(account=acme, channel="phone", summary="Hello", by=DORA)
    assert itsm.accounts.out_of_touch(since, by=AMY) == (lab,)
    with pytest.raises(InvalidInput):
        itsm.accounts.out_of_touch(since.replace(tzinfo=None), by=AMY)


def test_co_creation_is_told_by_interactions(itsm: Any) -> None:
    """Feedback of a customer that we answered is two-way; a claim of ours that nobody confirmed is not."""
    acme = account(itsm)
    log = itsm.interactions.log
    given = {"account": acme, "channel": "email", "service": "archive", "by": DORA}
    asked = log(summary="Slow", purpose="feedback", **given)
    reply = log(summary="We add disks", direction="outbound", answers=asked, **given)
    claim = log(summary="It is fast", direction="outbound", purpose="claim", **given)
    log(summary="Another service", **{**given, "service": "mail"})
    found = itsm.interactions.co_creation("archive", by=AMY)
    assert (found.answered, found.two_way) == ((asked.number,), (asked.number, reply.number))
    assert found.provider_only_claims == (claim.number,)


def test_a_person_is_taken_out_of_contacts_leads_and_surveys(itsm: Any) -> None:
    """Redaction leaves an account with a contact whom nobody can recognize, and a history that rebuilds it."""
    acme = account(itsm, contact={"name": "Jo Doe", "email": "jo@acme.example", "person": "jo"})
    (jo,) = itsm.accounts.linked(acme, "has_contact")
    jo = itsm.contacts.redact(jo, "name", "email", reason="Request 12", by=OFFICER)
    assert (jo.name, jo.email) == (REDACTED, REDACTED)
    assert itsm.contacts.update(jo, part="user", by=AMY).part == "user"
    lead = qualified(itsm)
    assert itsm.leads.redact(lead, "name", "email", "phone", reason="Request 12", by=OFFICER).name == REDACTED
    sent = itsm.satisfaction_surveys.log(question="How?", method="nps", respondent="jo", by=DORA)
    itsm.satisfaction_surveys.answer(sent, score=9, by=Actor("jo"))
    itsm.interactions.log(account=acme, channel="phone", summary="x", participants=("jo",), by=DORA)
    done = itsm.redact_person("jo", reason="Request 12", by=OFFICER, pseudonym="person-1")
    assert set(done.records) == {jo.number, sent.number, "INT0000001"}
    assert itsm.satisfaction_surveys.get(sent.id).respondent == "person-1"
    assert itsm.satisfaction_surveys.figures()["nps"].value == 100
    told = json.dumps(
        [str(entry) for box in (itsm.contacts, itsm.leads) for each in box.each() for entry in box.history(each)]
    )
    assert "jo@acme" not in told and "Jo Doe" not in told
    assert list(itsm.verify()) == []


def test_a_survey_expires_by_itself(itsm: Any, clock: Ticking) -> None:
    """A tick ends what nobody answered in time, and nothing else."""
    box = itsm.satisfaction_surveys
    sent = box.log(question="How?", method="csat", closes_at=START + timedelta(days=7), by=DORA)
    stays = box.log(question="How?", method="csat", by=DORA)
    clock.move(days=8)
    itsm.tick()
    assert (box.get(sent.id).state, box.get(stays.id).state) == ("expired", "sent")
    with pytest.raises(Refused):
        box.answer(sent.id, score=5, by=DORA)


def test_stakeholders_are_engaged_until_that_changes(itsm: Any) -> None:
    """Judged, engaged by a plan, looked at again; how far they are from where we want them is told."""
    box = itsm.stakeholders
    acme = account(itsm)
    held = box.log(name="The board", account=acme, stake_in=deal(itsm, acme), wanted_attitude="supportive", by=AMY)
    with pytest.raises(Refused):
        box.analyse(held, influence="high", by=AMY)
    held = box.analyse(held, influence="high", interest="high", attitude="neutral", by=AMY)
    assert (held.engagement, held.is_where_wanted) == ("manage_closely", False)
    held = box.engage(held, plan="Meet each month", attitude="leading", by=AMY)
    assert held.is_where_wanted and box.figures()["engaged"].value == 1
    held = box.retire(held, close_reason="New board", by=REX)
    assert box.stakeholder_map()["high", "high"] == ()
    assert itsm.accounts.linked(acme, "represented_by") == (held,)


def test_an_organization_has_its_own_channels_grid_and_odds(store: Any) -> None:
    """A policy replaces what the library suggests; what it gets wrong is refused when it is made."""
    grid = StakeholderGrid.of({"3": ("a", "b", "c"), "2": ("d", "e", "f"), "1": ("g", "h", "i")})
    policy = RelationshipPolicy(channels="kiosk", grid=grid, probabilities={"qualification": 33})
    with itil4.connect(store, policies={"account": policy}) as itsm:
        acme = account(itsm)
        assert itsm.interactions.log(account=acme, channel="kiosk", summary="x", by=DORA).channel == "kiosk"
        with pytest.raises(InvalidInput, match="kiosk"):
            itsm.interactions.log(account=acme, channel="phone", summary="x", by=DORA)
        assert itsm.stakeholders.log(name="x", influence="2", interest="1", by=AMY).engagement == "f"
        held = deal(itsm, acme)
        assert (held.probability, itsm.opportunities.propose(held, by=SUE).probability) == (33, 33)
        with pytest.raises(InvalidInput, match="csat"):
            itsm.satisfaction_surveys.log(question="x", method="cast", by=DORA)
    for wrong in (
        {"channels": ["phone", ""]}, {"channels": 7}, {"scales": ["csat"]}, {"probabilities": {"proposal": 101}},
        {"probabilities": {"proposal": 0.5}}, {"grid": {"high": "x"}}, {"default_owner": ""}, {"probabilities": 3},
    ):  # fmt: skip
        with pytest.raises(DefinitionError):
            RelationshipPolicy(**wrong)  # type: ignore[arg-type]  # what a user may get wrong
    with pytest.raises(InvalidInput, match="Give a RelationshipPolicy"):
        itil4.connect(policies={"account": {"channels": ["phone"]}})


def test_two_organizations_on_one_store_know_nothing_of_each_other(store: Any) -> None:
    """Accounts, contacts and numbers belong to a tenant."""
    first = itil4.connect(store, tenant="a")
    second = itil4.connect(first.house.store, tenant="b")
    mine, theirs = account(first), account(second, "Lab")
    assert mine.number == theirs.number == "ACCT0000001"
    with pytest.raises(NotFound):
        deal(second, mine)
    assert (first.contacts.count(), second.opportunities.count()) == (1, 0)


def test_what_another_system_knew_comes_without_a_contact_and_is_named(itsm: Any) -> None:
    """An import invents nobody; the accounts that lack somebody to talk to can be asked for."""
    with itsm.unit(by=AMY) as desk, desk.working() as unit:
        desk.accounts.arrive(
            unit, Origin("old", "A-1"), "customer", {"name": "Old", "customer": "Old"}, by=AMY, at=START
        )
    (old,) = itsm.accounts.without_contact(by=AMY)
    assert old.state == "customer"
    itsm.contacts.log(name="Jo", account="A-1", by=AMY)
    assert itsm.accounts.without_contact(by=AMY) == ()


def test_bad_input_says_what_and_what_now(itsm: Any) -> None:
    """Missing accounts, unknown words, wrong kinds and values, each in one error."""
    acme = account(itsm)
    incident = itsm.incidents.log(summary="x", by=ANA)
    for call, code in (
        (lambda: itsm.opportunities.log(summary="x", by=SUE), "blank"),
        (lambda: itsm.opportunities.log(account=None, summary="x", by=SUE), "blank"),
        (lambda: itsm.opportunities.log(account=(acme, acme), summary="x", by=SUE), "ill_typed"),
        (lambda: itsm.opportunities.log(account=incident, summary="x", by=SUE), "link_ends"),
        (lambda: itsm.opportunities.log(account=7, summary="x", by=SUE), "foreign_record"),
        (lambda: itsm.opportunities.log(acount=acme, account=acme, summary="x", by=SUE), "unknown_field"),
        (lambda: itsm.leads.log(by=EVE), "blank"),
        (lambda: itsm.leads.log(name="Jo", email="a@b@c", by=EVE), "bad_email"),
        (lambda: itsm.accounts.log(contact={"name": "Jo"}, by=AMY), "blank"),
        (lambda: itsm.interactions.log(channel="phone", summary="x", duration=-SOON, by=DORA), "negative_duration"),
        (lambda: itsm.interactions.log(summary="x", by=DORA), "blank"),
        (lambda: itsm.interactions.timeline(Actor("ana")), "foreign_record"),
        (lambda: itsm.leads.convert(qualified(itsm), opportunity=5, by=SUE), "ill_typed"),
        (lambda: itsm.leads.convert(qualified(itsm), account=incident, by=SUE), "several_kinds"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as refused:
            call()
        assert code in codes(refused)
        assert all(reason.message and reason.remedy for reason in refused.value.reasons)
    with pytest.raises(Refused) as refused_link:
        itsm.interactions.log(
            account=acme, involves=("CON0000001", "CON0000001"), channel="phone", summary="x", by=DORA
        )
    assert codes(refused_link) == ["link_exists"]
    assert itsm.interactions.count() == 0
