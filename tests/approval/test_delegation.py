"""Voting on somebody's behalf: with dates, on one record or by the directory, and never in a circle."""

from datetime import timedelta
from typing import Any

import pytest
from approval_kit import ANA, NOON, Hand, Staff, asked, codes, opened

import itil4
from itil4 import Actor, Refused
from itil4.practices.approval import ApprovalPolicy, group, person, role

BEN, CEM, DIA, EVE = Actor("ben"), Actor("cem"), Actor("dia"), Actor("eve")
ALL = ApprovalPolicy.of("board", person("ben"), person("cem"), needs="all")


def test_a_delegate_votes_on_behalf_of_who_gave_them_the_vote(url: str | None) -> None:
    """Eve is asked nothing herself; her vote is Ben's, and the history says both."""
    itsm = opened(ALL, url=url)
    held = itsm.proposals.delegate(asked(itsm), to="eve", by=BEN)
    assert itsm.proposals.awaiting(by=EVE) == (held,)
    held = itsm.proposals.approve(held, by=EVE)
    (vote,) = held.approval_votes
    assert (vote.seat, vote.by, vote.on_behalf_of, vote.person) == ("ben", "eve", "ben", "ben")
    assert itsm.proposals.approval(held).explain().count("ben approved (by eve)") == 1
    assert itsm.proposals.awaiting(by=BEN) == ()
    assert itsm.proposals.approve(held, by=CEM).state == "planned"


def test_a_delegation_holds_from_its_first_moment_and_before_its_last() -> None:
    """Since and until: what begins tomorrow and ends the day after gives nothing today nor then."""
    clock = Hand()
    itsm = opened(ALL, clock=clock)
    day = timedelta(days=1)
    held = itsm.proposals.delegate(asked(itsm), to="eve", since=NOON + day, until=NOON + 2 * day, by=BEN)
    for moment, may in ((NOON, False), (NOON + day, True), (NOON + 2 * day, False)):
        clock.at = moment
        assert bool(itsm.proposals.explain(held, "approve", by=EVE)) is may


def test_a_delegation_is_taken_back_and_replaced() -> None:
    """The last one that somebody gave holds."""
    itsm = opened(ALL)
    held = itsm.proposals.delegate(asked(itsm), to="eve", by=BEN)
    held = itsm.proposals.delegate(held, to="dia", by=BEN)
    assert not itsm.proposals.explain(held, "approve", by=EVE)
    assert itsm.proposals.explain(held, "approve", by=DIA)
    held = itsm.proposals.delegate(held, to=None, by=BEN)
    assert not itsm.proposals.explain(held, "approve", by=DIA)


def test_what_somebody_said_themselves_a_delegate_does_not_change() -> None:
    """The person may take over from their delegate, and not the other way round."""
    itsm = opened(ALL)
    held = itsm.proposals.delegate(asked(itsm), to="eve", by=BEN)
    held = itsm.proposals.abstain(held, by=EVE)
    held = itsm.proposals.approve(held, by=BEN)
    with pytest.raises(Refused) as error:
        itsm.proposals.reject(held, by=EVE)
    assert codes(error) == ["is_asked"]


def test_own_votes_come_first_and_on_behalf_of_says_otherwise() -> None:
    """Cem is asked himself and stands in for Ben: two votes, one at a time."""
    itsm = opened(ALL)
    held = itsm.proposals.delegate(asked(itsm), to="cem", by=BEN)
    held = itsm.proposals.approve(held, by=CEM)
    assert [each.person for each in held.approval_votes] == ["cem"]
    held = itsm.proposals.approve(held, on_behalf_of="ben", by=CEM)
    assert [(each.person, each.by) for each in held.approval_votes] == [("cem", "cem"), ("ben", "cem")]
    assert held.state == "planned"


def test_saying_on_whose_behalf_gives_no_vote() -> None:
    """Only a delegation does."""
    itsm = opened(ALL)
    held = asked(itsm)
    with pytest.raises(Refused, match="on behalf of 'ben'"):
        itsm.proposals.approve(held, on_behalf_of="ben", by=EVE)
    with pytest.raises(Refused):
        itsm.proposals.approve(held, by=Actor("eve", on_behalf_of="ben"))


def test_a_circle_is_an_error_that_names_it(url: str | None) -> None:
    """Ben to Cem, Cem to Dia, Dia to Ben: refused, whether at once or on a day to come."""
    people = [person(name) for name in ("ben", "cem", "dia")]
    itsm = opened(ApprovalPolicy.of("board", *people, needs="all"), url=url)
    held = itsm.proposals.delegate(asked(itsm), to="cem", by=BEN)
    held = itsm.proposals.delegate(held, to="dia", since=NOON + timedelta(days=3), by=CEM)
    with pytest.raises(Refused, match="dia, ben, cem, dia") as error:
        itsm.proposals.delegate(held, to="ben", by=DIA)
    assert codes(error) == ["delegation_loop"]
    held = itsm.proposals.delegate(held, to="ben", until=NOON + timedelta(days=3), by=DIA)
    with pytest.raises(Refused, match="cem, cem"):
        itsm.proposals.delegate(held, to="cem", by=CEM)


def test_a_circle_in_the_directory_is_reported_and_gives_nobody_a_vote() -> None:
    """Ben and Cem stand in for each other: each has their own vote, and no more."""
    itsm = opened(ALL, staff=Staff(delegates={"ben": "cem", "cem": "ben"}))
    held = asked(itsm)
    problems = itsm.proposals.approval(held).problems
    assert [each.detail["people"] for each in problems] == [("ben", "cem", "ben"), ("cem", "ben", "cem")]
    assert not itsm.proposals.explain(held, "approve", by=Actor("cem", on_behalf_of="ben"))
    held = itsm.proposals.approve(held, by=BEN)
    assert itsm.proposals.approve(held, by=CEM).state == "planned"


def test_the_directory_may_say_who_stands_in() -> None:
    """A standing deputy votes; what the person says on the record goes before what the directory says."""
    itsm = opened(ApprovalPolicy.of("board", person("ben")), staff=Staff(delegates={"ben": "dia"}))
    held = asked(itsm)
    assert itsm.proposals.explain(held, "approve", by=DIA)
    held = itsm.proposals.delegate(held, to="eve", by=BEN)
    assert not itsm.proposals.explain(held, "approve", by=DIA)
    assert itsm.proposals.approve(held, by=EVE).state == "planned"


def test_a_vote_is_not_handed_to_who_asked_nor_to_who_has_left() -> None:
    """INV-060 holds for delegates as well, and so does working here."""
    staff = Staff()
    itsm = opened(ALL, staff=staff)
    held = asked(itsm)
    with pytest.raises(Refused, match="request of 'ana'"):
        itsm.proposals.delegate(held, to="ana", by=BEN)
    staff.gone.add("eve")
    with pytest.raises(Refused, match="'eve' is not active"):
        itsm.proposals.delegate(held, to="eve", by=BEN)
    staff.standing["ben"] = "ana"
    with pytest.raises(Refused) as error:
        itsm.proposals.approve(held, by=ANA)
    assert codes(error) == ["is_independent"]


def test_who_asked_does_not_make_two_of_themselves_by_a_delegation() -> None:
    """Where they may vote, but not alone, a vote that they give for somebody else is theirs as well."""
    policy = ApprovalPolicy.of("board", person("ana"), person("ben"), needs={"count": 1}, initiators="not_alone")
    itsm = opened(policy)
    held = itsm.proposals.delegate(asked(itsm), to="ana", by=BEN)
    held = itsm.proposals.approve(itsm.proposals.approve(held, by=ANA), on_behalf_of="ben", by=ANA)
    assert held.approval_state == "requested"
    assert itsm.proposals.approve(held, by=BEN).state == "planned"


def test_who_has_no_vote_gives_none_away() -> None:
    """A delegation from somebody who is not asked moves nothing, and the vote of others is not theirs to give."""
    from itil4.practices.approval import Delegation

    itsm = opened(ALL)
    held = itsm.proposals.delegate(asked(itsm), to="dia", by=EVE)
    assert not itsm.proposals.explain(held, "approve", by=DIA)
    stolen = (*held.approval_delegations, Delegation("ben", "eve", NOON))
    with pytest.raises(Refused, match="vote of 'ben'"):
        itsm.proposals.fire(held, "delegate", approval_delegations=stolen, by=EVE)
    with pytest.raises(Refused, match="exactly one"):
        itsm.proposals.fire(held, "delegate", approval_delegations=(Delegation("eve", None, NOON),), by=EVE)
    office = (*held.approval_delegations, Delegation("eve", "dia", NOON, None, ("role boss",)))
    with pytest.raises(Refused, match="does not hold role boss"):
        itsm.proposals.fire(held, "delegate", approval_delegations=office, by=EVE)


def test_a_delegation_that_ends_before_it_begins_is_refused() -> None:
    """Also one that is over already."""
    itsm = opened(ALL)
    held = asked(itsm)
    for since, until in ((NOON, NOON), (NOON - timedelta(days=2), NOON - timedelta(days=1))):
        with pytest.raises(Refused, match="ends before it begins"):
            itsm.proposals.delegate(held, to="eve", since=since, until=until, by=BEN)


@pytest.mark.parametrize("authority", [role("boss"), group("bosses")], ids=lambda each: each.source)
def test_an_office_is_handed_on_like_a_vote(authority: Any) -> None:
    """Who holds it says who may fill it; the delegate needs no role of their own."""
    from approval_kit import practice

    class Groups:
        """A directory that knows the groups of people, and lists nobody's members."""

        def groups(self, person: str, at: Any, /) -> tuple[str, ...]:
            return ("bosses",) if person == "ben" else ()

        def manager(self, person: str, at: Any, /) -> None:
            return None

        def active(self, person: str, at: Any, /) -> bool:
            return True

    boss = Actor("ben", roles={"boss"})
    itsm = itil4.connect(practices=[practice(ApprovalPolicy.of("boss", authority))], directory=Groups())
    held = itsm.proposals.delegate(asked(itsm), to="eve", by=boss)
    assert itsm.proposals.awaiting(by=EVE) == (held,)
    held = itsm.proposals.approve(held, by=EVE)
    assert (held.state, held.approval_votes[0].person) == ("planned", "ben")
