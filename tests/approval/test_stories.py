"""Approvals as people live through them, through the public door, in memory and on SQLite."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from approval_kit import ANA, LIFECYCLE, NOON, Hand, Staff, asked, codes, opened

import itil4
from itil4 import Actor, InvalidInput, Refused, Transition
from itil4.practices.approval import (
    ApprovalPolicy,
    Ballot,
    InParallel,
    InSequence,
    field,
    group,
    manager_of,
    owners_of,
    person,
    role,
    rule,
)

BEN, CEM, DIA, EVE = Actor("ben"), Actor("cem"), Actor("dia"), Actor("eve")
BOARD = group("cab")


def events(itsm: itil4.ServiceManagement, held: Any) -> list[str | None]:
    """Return the steps of a record."""
    return [entry.event for entry in itsm.proposals.history(held)]


def test_the_vote_that_decides_brings_the_outcome_in_the_same_unit_and_is_its_cause(url: str | None) -> None:
    """Two of three are enough; the third is not waited for, and every vote is an entry."""
    itsm = opened(ApprovalPolicy.of("board", BOARD, needs={"count": 2}), url=url)
    held = asked(itsm)
    held = itsm.proposals.approve(held, by=BEN, reason="It is due")
    assert (held.state, held.approval_state) == ("waiting", "requested")
    held = itsm.proposals.approve(held, by=DIA)
    assert (held.state, held.approval_state) == ("planned", "approved")
    vote, outcome = itsm.proposals.history(held)[-2:]
    assert (vote.event, vote.to_state, outcome.event) == ("approve", "approved", "authorize")
    assert (outcome.cause, outcome.unit, outcome.by) == (vote.id, vote.unit, "dia")
    assert [each.reason for each in held.approval_votes] == ["It is due", None]
    assert itsm.proposals.replayed(held) == itsm.proposals.get(held.number)
    with pytest.raises(Refused):
        itsm.proposals.approve(held, by=CEM)


def test_a_refusal_is_an_outcome_too(url: str | None) -> None:
    """One of the board is asked to speak for it; when all have refused, it is refused."""
    itsm = opened(ApprovalPolicy.of("board", BOARD, needs="all"), url=url)
    held = itsm.proposals.reject(asked(itsm), by=CEM)
    assert (held.state, held.approval_state) == ("refused", "rejected")


def test_only_those_who_are_asked_may_vote(url: str | None) -> None:
    """A stranger is refused with who is asked, the requester because it is their own, a leaver as one."""
    staff = Staff({"cab": ["ben", "cem", "ana"]})
    itsm = opened(ApprovalPolicy.of("board", BOARD), staff=staff, url=url)
    held = asked(itsm)
    assert itsm.proposals.approval(held).asked == ("ben", "cem")
    with pytest.raises(Refused, match="asked are: ben") as error:
        itsm.proposals.approve(held, by=EVE)
    assert codes(error) == ["is_asked"]
    with pytest.raises(Refused) as error:
        itsm.proposals.approve(held, by=ANA)
    assert codes(error) == ["is_independent", "is_asked"]
    staff.gone.add("ben")
    with pytest.raises(Refused) as error:
        itsm.proposals.approve(held, by=BEN)
    assert codes(error) == ["is_active", "is_asked"]
    assert itsm.proposals.approval(held).asked == ("cem",)
    assert [each.code for each in itsm.proposals.approval(held).problems] == ["no_longer_asked"]
    assert [step.event for step in itsm.proposals.available(held, by=EVE)] == ["rework", "drop"]


def test_an_authority_that_leads_to_nobody_is_an_error_and_never_an_approval() -> None:
    """INV-059: whoever asks is told which authority finds nobody, and nothing is written."""
    linked = {"lead": manager_of("requester"), "services": owners_of("relates_to"), "crew": group("crew"),
              "boss": role("boss"), "own": field("owner")}  # fmt: skip
    for name, authority in linked.items():
        staff = Staff({"cab": ["ben"], "crew": []}, {"boss": []})
        itsm = opened(ApprovalPolicy("p", Ballot(name, [BOARD, authority])), staff=staff)
        with pytest.raises(Refused, match="leads to nobody") as error:
            asked(itsm)
        assert codes(error) == ["empty_authority"], name
        assert events(itsm, "PRO0000001") == ["log", "submit"]


def test_who_asks_cannot_be_the_only_authority_but_a_policy_may_say_so() -> None:
    """INV-060: excluded by default, not alone where the policy says so, allowed where it says that."""
    staff = Staff({"cab": ["ana"]})
    with pytest.raises(Refused) as error:
        asked(opened(ApprovalPolicy.of("board", BOARD), staff=staff))
    assert codes(error) == ["own_authority"]
    with pytest.raises(Refused) as error:
        asked(opened(ApprovalPolicy.of("board", BOARD, initiators="not_alone"), staff=staff))
    assert codes(error) == ["authority_too_small"]
    itsm = opened(ApprovalPolicy.of("board", BOARD, initiators="allowed"), staff=staff)
    assert itsm.proposals.approve(asked(itsm), by=ANA).state == "planned"
    itsm = opened(
        ApprovalPolicy.of("board", BOARD, needs={"count": 1}, initiators="not_alone"),
        staff=Staff({"cab": ["ana", "ben"]}),
    )
    held = itsm.proposals.approve(asked(itsm), by=ANA)
    assert held.approval_state == "requested"
    assert itsm.proposals.approve(held, by=BEN).state == "planned"


def test_handing_the_request_to_somebody_else_does_not_make_it_their_own_no_more() -> None:
    """INV-060: everybody whom the record was ever for, and who recorded it, are those who asked."""
    itsm = opened(ApprovalPolicy.of("board", BOARD), staff=Staff({"cab": ["ana", "ben", "cem", "dia"]}))
    held = itsm.proposals.log(summary="A relay", requester="ana", by=CEM)
    held = itsm.proposals.update(held, requester="dia", by=CEM)
    held = itsm.proposals.request_approval(itsm.proposals.submit(held, by=CEM), by=DIA)
    assert itsm.proposals.approval(held).asked == ("ben",)


def test_what_could_never_carry_is_not_asked() -> None:
    """Two approvals from one person, a weight that nobody has, a quorum larger than the board: refused at once."""
    staff = Staff({"cab": ["ben"]})
    for more in ({"needs": {"count": 2}}, {"needs": {"weight": 3}}):
        with pytest.raises(Refused) as error:
            asked(opened(ApprovalPolicy.of("board", BOARD, **more), staff=staff))
        assert codes(error) == ["authority_too_small"]
    with pytest.raises(Refused) as error:
        asked(opened(ApprovalPolicy("p", Ballot("board", BOARD, quorum=2)), staff=staff))
    assert codes(error) == ["authority_too_small"]


def test_steps_in_sequence_wait_for_each_other(url: str | None) -> None:
    """The manager first, then the board; who is asked later is refused now, and the turn passes with the vote."""
    policy = ApprovalPolicy("two steps", InSequence([Ballot("line", manager_of("requester")), Ballot("board", BOARD)]))
    staff = Staff({"cab": ["ben"]}, managers={"ana": "ida"})
    itsm = opened(policy, staff=staff, url=url)
    held = asked(itsm)
    with pytest.raises(Refused, match=r"ida \(line\)"):
        itsm.proposals.approve(held, by=BEN)
    assert "its turn comes later" in itsm.proposals.approval(held).explain()
    staff.by_group["cab"] = ["cem"]  # the board is asked when its turn comes
    held = itsm.proposals.approve(held, by=Actor("ida"))
    assert itsm.proposals.approval(held).asked == ("cem",)
    held = itsm.proposals.approve(held, by=CEM)
    assert held.state == "planned"


def test_steps_in_parallel_are_asked_together_and_one_vote_counts_in_all_of_them() -> None:
    """Who sits on two ballots votes once for both; one ballot of two is enough where the policy says so."""
    two = [Ballot("line", person("ben")), Ballot("board", [person("ben"), person("cem")], needs="all")]
    itsm = opened(ApprovalPolicy("both", InParallel(two)))
    held = itsm.proposals.approve(asked(itsm), by=BEN)
    assert [each.ballot for each in held.approval_votes] == ["line", "board"]
    assert itsm.proposals.approve(held, by=CEM).state == "planned"
    itsm = opened(ApprovalPolicy("either", InParallel(two, needs="one")))
    assert itsm.proposals.approve(asked(itsm), by=BEN).state == "planned"


def test_a_changed_vote_counts_until_the_round_is_decided(url: str | None) -> None:
    """The last word of each counts, and what they said before stays on record."""
    itsm = opened(ApprovalPolicy.of("board", BOARD, needs={"count": 2}), url=url)
    held = itsm.proposals.reject(asked(itsm), by=BEN)
    held = itsm.proposals.approve(held, by=BEN)
    held = itsm.proposals.abstain(held, by=CEM)
    held = itsm.proposals.approve(held, by=CEM)
    assert held.state == "planned"
    assert [each.choice for each in held.approval_votes] == ["reject", "approve", "abstain", "approve"]
    assert [each.choice for each in itsm.proposals.approval(held).voted] == ["approve", "approve"]


def test_a_vote_on_a_decided_ballot_may_be_changed_while_the_round_is_open(url: str | None) -> None:
    """Ben agreed for his service and changes his mind before the other owner has said anything."""
    two = [Ballot("mail", person("ben")), Ballot("web", [person("cem"), person("dia")])]
    policy = ApprovalPolicy("p", InParallel(two, needs={"count": 2}))
    itsm = opened(policy, url=url)
    held = itsm.proposals.approve(asked(itsm), by=BEN)
    assert [each.status for each in itsm.proposals.approval(held).ballots] == ["approved", "open"]
    assert itsm.proposals.awaiting(by=BEN) == ()
    held = itsm.proposals.abstain(itsm.proposals.reject(held, by=DIA), by=DIA)
    assert itsm.proposals.reject(held, by=BEN).state == "refused"
    either = ApprovalPolicy("p", InParallel([Ballot("mail", person("ben")), Ballot("web", person("cem"))], needs="one"))
    itsm = opened(either, url=url)
    held = itsm.proposals.reject(asked(itsm), by=BEN)
    assert held.approval_state == "requested"
    assert itsm.proposals.approve(held, by=BEN).state == "planned"


def test_a_changed_vote_opens_a_decided_ballot_again(url: str | None) -> None:
    """Two of three had agreed; when one of them turns round, the third is asked again, and the round goes on."""
    board = Ballot("board", BOARD, needs={"count": 2})
    itsm = opened(ApprovalPolicy("p", InParallel([board, Ballot("eve", person("eve"))])), url=url)
    held = asked(itsm)
    for who in (BEN, CEM):
        held = itsm.proposals.approve(held, by=who)
    with pytest.raises(Refused) as error:
        itsm.proposals.reject(held, by=DIA)
    assert codes(error) == ["is_asked"], "who had not voted when it was decided adds nothing"
    held = itsm.proposals.reject(held, by=BEN)
    assert [each.status for each in itsm.proposals.approval(held).ballots] == ["open", "open"]
    assert itsm.proposals.approval(held).asked == ("dia", "eve")
    held = itsm.proposals.approve(held, by=EVE)
    assert held.approval_state == "requested"
    assert itsm.proposals.approve(held, by=DIA).state == "planned"


def test_a_group_that_the_directory_does_not_have_leads_to_nobody() -> None:
    """INV-059: also where it lists no members, so that a group is an office."""

    class Names:
        """A directory that knows which groups there are, and lists nobody's members."""

        def groups(self, person: str, at: Any, /) -> tuple[str, ...]:
            return ("cab",) if person == "ben" else ()

        def manager(self, person: str, at: Any, /) -> None:
            return None

        def active(self, person: str, at: Any, /) -> bool:
            return True

        def is_group(self, name: str, at: Any, /) -> bool:
            return name == "cab"

    itsm = opened(ApprovalPolicy.of("board", BOARD), staff=Names())
    assert itsm.proposals.approve(asked(itsm), by=BEN).state == "planned"
    with pytest.raises(Refused) as error:
        asked(opened(ApprovalPolicy.of("board", group("cabb")), staff=Names()))
    assert codes(error) == ["empty_authority"]


def test_what_a_step_decided_stands_once_the_next_one_has_begun() -> None:
    """The manager's word was the ground on which the board was asked."""
    policy = ApprovalPolicy("p", InSequence([Ballot("line", person("ida")), Ballot("board", BOARD, needs="all")]))
    itsm = opened(policy)
    held = itsm.proposals.approve(asked(itsm), by=Actor("ida"))
    with pytest.raises(Refused) as error:
        itsm.proposals.reject(held, by=Actor("ida"))
    assert codes(error) == ["is_asked"]


def test_only_the_current_round_counts(url: str | None) -> None:
    """A vote of an earlier round is history: after a withdrawal everybody is asked anew."""
    itsm = opened(ApprovalPolicy.of("board", BOARD, needs={"count": 2}), url=url)
    held = itsm.proposals.approve(asked(itsm), by=BEN)
    held = itsm.proposals.withdraw_approval(held, by=ANA)
    assert (held.state, held.approval_state) == ("waiting", "withdrawn")
    with pytest.raises(Refused):
        itsm.proposals.approve(held, by=CEM)
    held = itsm.proposals.request_approval(held, by=ANA)
    held = itsm.proposals.approve(held, by=CEM)
    reading = itsm.proposals.approval(held)
    assert (held.approval_state, reading.round and reading.round.number, reading.asked) == (
        "requested", 2, ("ben", "dia"),
    )  # fmt: skip
    assert itsm.proposals.approve(held, by=BEN).state == "planned"


@pytest.mark.parametrize(("step", "state"), [("drop", "dropped"), ("rework", "draft")])
def test_what_was_asked_is_withdrawn_when_the_record_is_cancelled_or_sent_back(
    url: str | None, step: str, state: str
) -> None:
    """The withdrawal is an entry of the same unit, caused by that step."""
    itsm = opened(ApprovalPolicy.of("board", BOARD), url=url)
    held = itsm.proposals.fire(asked(itsm), step, by=ANA)
    assert (held.state, held.approval_state, held.approval_expires_at) == (state, "withdrawn", None)
    cause, void = itsm.proposals.history(held)[-2:]
    assert (void.event, void.cause, void.unit) == ("void_approval", cause.id, cause.unit)


def test_an_approval_that_was_given_does_not_outlive_being_sent_back() -> None:
    """It is asked for anew, however much the same the record looks."""
    itsm = opened(ApprovalPolicy.of("board", BOARD))
    held = itsm.proposals.approve(asked(itsm), by=BEN)
    held = itsm.proposals.rework(held, by=ANA)
    assert (held.state, held.approval_state) == ("draft", "withdrawn")
    held = itsm.proposals.submit(held, by=ANA)
    assert not itsm.proposals.explain(held, "authorize", by=Actor("bot", kind="system"))


def test_what_was_approved_does_not_change_afterwards() -> None:
    """The text that the board saw is the text that is carried out."""
    itsm = opened(ApprovalPolicy.of("board", BOARD))
    held = asked(itsm, text="One relay")
    with pytest.raises(Refused, match="does not change"):
        itsm.proposals.update(held, text="Two relays", by=ANA)
    held = itsm.proposals.approve(held, by=BEN)
    with pytest.raises(Refused, match="does not change"):
        itsm.proposals.fire(held, "finish", text="Two relays", by=ANA)
    held = itsm.proposals.finish(held, by=ANA)
    assert itsm.proposals.update(held, text="One relay, done", by=ANA).text == "One relay, done"


def test_the_step_that_sends_a_record_back_may_change_what_was_approved() -> None:
    """The approval ends with that very step, asked for or given."""
    itsm = opened(ApprovalPolicy.of("board", BOARD))
    held = itsm.proposals.fire(asked(itsm, text="One relay"), "rework", text="Two relays", by=ANA)
    assert (held.text, held.approval_state) == ("Two relays", "withdrawn")
    held = itsm.proposals.approve(asked(itsm, text="One relay"), by=BEN)
    held = itsm.proposals.fire(held, "rework", text="Two relays", by=ANA)
    assert (held.text, held.approval_state) == ("Two relays", "withdrawn")


def test_offices_are_filled_by_whoever_holds_them_where_the_directory_lists_nobody() -> None:
    """With the default directory a role has one vote; who has the role gives it, and only they change it."""
    itsm = itil4.connect(practices=[_under(ApprovalPolicy.of("authority", role("change_authority")))])
    held = asked(itsm)
    assert itsm.proposals.approval(held).asked == ("role change_authority #1",)
    with pytest.raises(Refused):
        itsm.proposals.approve(held, by=BEN)
    boss = Actor("ben", roles={"change_authority"})
    assert itsm.proposals.awaiting(by=boss) == (held,)
    assert itsm.proposals.reject(held, by=boss).state == "refused"
    itsm = itil4.connect(practices=[_under(ApprovalPolicy.of("two", role("ca", seats=2), needs={"count": 2}))])
    held, boss = asked(itsm), Actor("ben", roles={"ca"})
    held = itsm.proposals.approve(held, by=boss)
    held = itsm.proposals.approve(held, by=boss)
    assert held.approval_state == "requested", "one person is not two"
    assert itsm.proposals.approve(held, by=Actor("cem", roles={"ca"})).state == "planned"


def _under(policy: ApprovalPolicy) -> Any:
    from approval_kit import practice

    return practice(policy)


def test_a_system_decides_nothing_whatever_roles_it_brings() -> None:
    """Neither as itself nor in the name of a person; a person who votes through a system says so with `via`."""
    itsm = opened(ApprovalPolicy.of("boss", role("boss")))
    held = asked(itsm)
    for bot in (Actor("bot", roles={"boss"}, kind="system"), Actor("ben", roles={"boss"}, kind="system")):
        with pytest.raises(Refused) as error:
            itsm.proposals.approve(held, by=bot)
        assert codes(error) == ["is_person"]
        assert itsm.proposals.awaiting(by=bot) == ()
    held = itsm.proposals.approve(held, by=Actor("ben", roles={"boss"}, via="chat"))
    assert (held.state, itsm.proposals.history(held)[-2].via) == ("planned", "chat")


def test_an_outcome_that_the_record_is_not_ready_for_holds_the_deciding_vote_back() -> None:
    """The vote is refused with what the record lacks, and may be given when it is there; nothing is half done."""
    ready = LIFECYCLE.extend(replace={"authorize": Transition("authorize", "waiting", "planned", internal=True,
                                                              requires="owner")})  # fmt: skip
    itsm = opened(ApprovalPolicy.of("board", BOARD), lifecycle=ready)
    held = asked(itsm)
    assert itsm.proposals.explain(held, "approve", by=BEN).codes == ("missing",)
    with pytest.raises(Refused, match="owner"):
        itsm.proposals.approve(held, by=BEN)
    assert itsm.proposals.get(held.number or "") == held
    held = itsm.proposals.update(held, owner="mail team", by=ANA)
    assert itsm.proposals.approve(held, by=BEN).state == "planned"


def test_authority_by_field_by_team_by_rule_and_by_what_is_linked() -> None:
    """The owner, the owning team, a rule of the practice, and the owners of linked records."""
    from approval_kit import Proposals

    class Ruled(Proposals):
        def approvers(self, rule: str, record: Any, unit: Any, at: Any) -> tuple[str, ...]:
            return ("eve",) if rule == "duty officer" else tuple(super().approvers(rule, record, unit, at))

    steps = [Ballot("owner", field("owner")), Ballot("duty", rule("duty officer"))]
    Ruled.rules = ApprovalPolicy("p", InParallel([*steps, Ballot("other", owners_of("relates_to"))]))
    staff = Staff({"crew": ["cem", "dia"]})
    itsm = itil4.connect(practices=[Ruled], directory=staff)
    other = itsm.proposals.log(summary="Another", owner="dia", by=EVE)
    held = itsm.proposals.log(summary="A relay", owner="crew", by=ANA)
    held = itsm.link(held, "relates_to", other, by=ANA)
    held = itsm.proposals.request_approval(itsm.proposals.submit(held, by=ANA), by=Actor("cem"))
    reading = itsm.proposals.approval(held)
    shown = {each.ballot.name: [seat.key for seat in each.seats] for each in reading.ballots}
    assert shown == {"owner": ["cem", "dia"], "duty": ["eve"], "other": ["dia"]}
    Ruled.rules = ApprovalPolicy.of("unknown", rule("nobody's"))
    with pytest.raises(Exception, match="knows no rule"):
        itsm.proposals.request_approval(itsm.proposals.withdraw_approval(held, by=CEM), by=CEM)


def test_nobody_asks_without_a_policy() -> None:
    """Nothing says how it is approved: refused, not approved."""
    itsm = opened(None)  # type: ignore[arg-type]  # a practice whose hook answers nothing
    with pytest.raises(Refused) as error:
        asked(itsm)
    assert codes(error) == ["has_policy"]


def test_approval_comes_with_the_step_that_needs_it_where_the_practice_says_so() -> None:
    """`approval_steps` ask in the same unit; when nobody can be asked, the step is refused as well."""
    staff = Staff({"cab": ["ben"]})
    itsm = opened(ApprovalPolicy.of("board", BOARD), staff=staff, approval_steps=("submit",))
    held = itsm.proposals.log(summary="A relay", by=ANA)
    held = itsm.proposals.submit(held, by=ANA)
    assert (held.state, held.approval_state) == ("waiting", "requested")
    submit, request = itsm.proposals.history(held)[-2:]
    assert (request.event, request.cause, request.unit) == ("request_approval", submit.id, submit.unit)
    staff.by_group["cab"] = []
    again = itsm.proposals.log(summary="A relay", by=ANA)
    assert not itsm.proposals.explain(again, "submit", by=ANA)
    with pytest.raises(Refused):
        itsm.proposals.submit(again, by=ANA)


def test_the_fields_of_an_approval_are_closed_to_everything_but_its_steps() -> None:
    """Neither at birth, nor by an update, nor with a step of the record, nor with a vote is anything slipped in."""
    itsm = opened(ApprovalPolicy.of("board", BOARD))
    approved = itsm.proposals.approve(asked(itsm), by=BEN)
    forged = approved.approval_votes
    with pytest.raises(InvalidInput):
        itsm.proposals.log(summary="A relay", approval_state="approved", by=ANA)
    with pytest.raises(InvalidInput):
        itsm.proposals.log(summary="A relay", approval_votes=forged, by=ANA)
    held = asked(itsm)
    attempts: tuple[Callable[[], object], ...] = (
        lambda: itsm.proposals.update(held, approval_votes=forged, by=ANA),
        lambda: itsm.proposals.update(held, approval_state="approved", by=ANA),
        lambda: itsm.proposals.fire(held, "rework", approval_votes=forged, by=ANA),
        lambda: itsm.proposals.fire(held, "approve", approval_votes=forged, by=CEM),
        lambda: itsm.proposals.override(held, approval_state="approved", reason="so", by=ANA),
    )
    for call in attempts:
        with pytest.raises((Refused, InvalidInput)):
            call()


def test_a_system_cannot_take_the_step_that_an_approval_brings_whatever_cause_it_names(url: str | None) -> None:
    """Neither before, nor with the id of an old decision, nor in the unit of the decision itself."""
    itsm = opened(ApprovalPolicy.of("board", BOARD), url=url)
    bot = Actor("bot", kind="system", roles={"system"})
    held = asked(itsm)
    for event in ("authorize", "refuse"):
        with pytest.raises(Refused) as error:
            itsm.proposals.fire(held, event, by=bot, cause=f"{held.id}:{held.version}")
        assert codes(error) == ["approval_decides"]
    held = itsm.proposals.approve(held, by=BEN)
    decision = itsm.proposals.history(held)[-2]
    held = itsm.proposals.submit(itsm.proposals.rework(held, by=ANA), by=ANA)
    with pytest.raises(Refused):
        itsm.proposals.fire(held, "authorize", by=bot, cause=decision.id)


def test_a_round_expires_and_reminds_through_the_tick(url: str | None) -> None:
    """Reminders every two days, expiry after five, both seen firing; a late vote is refused before the tick has run."""
    clock = Hand()
    policy = ApprovalPolicy.of("board", BOARD, expires_after=timedelta(days=5), remind_every=timedelta(days=2))
    itsm = opened(policy, url=url, clock=clock)
    held = asked(itsm)
    assert held.approval_expires_at == NOON + timedelta(days=5)
    assert [each.event for each in itsm.tick().fired] == []
    clock.on(days=2)
    assert [each.event for each in itsm.tick().fired] == ["remind_approval"]
    assert [each.event for each in itsm.tick().fired] == []
    clock.on(days=3)
    with pytest.raises(Refused, match="ended") as error:
        itsm.proposals.approve(held.number or "", by=BEN)
    assert codes(error) == ["is_in_time"]
    assert itsm.proposals.awaiting(by=BEN) == ()
    assert [each.code for each in itsm.proposals.approval(held.number or "").problems] == ["approval_overdue"]
    assert [each.event for each in itsm.tick().fired] == ["remind_approval", "expire_approval"]
    held = itsm.proposals.get(held.number or "")
    assert (held.state, held.approval_state, held.approval_remind_at) == ("waiting", "expired", None)
    assert events(itsm, held)[-1] == "expire_approval"
    clock.on(days=30)
    assert itsm.tick().fired == ()


def test_an_expiry_may_have_an_outcome() -> None:
    """A practice may refuse what nobody decided about in time."""
    clock = Hand()
    outcomes = {"approved": "authorize", "rejected": "refuse", "expired": "refuse"}
    policy = ApprovalPolicy.of("board", BOARD, expires_after=timedelta(days=5))
    itsm = opened(policy, clock=clock, approval_outcomes=outcomes)
    held = asked(itsm)
    clock.on(days=6)
    itsm.tick()
    assert itsm.proposals.get(held.number or "").state == "refused"


def test_deadlines_count_service_time_where_the_policy_says_so(url: str | None) -> None:
    """Sixteen service hours from Monday noon, at eight hours a day, end on Wednesday noon."""
    from itil4.practices.service_policy import ServiceLevelPolicy
    from itil4.service_level import ServiceCalendar

    hours = ServiceCalendar.from_dict(
        {"zone": "UTC", "weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed")}}
    )
    policy = ApprovalPolicy.of("board", BOARD, expires_after=timedelta(hours=16), time="service")
    from approval_kit import practice

    clock = Hand()
    itsm = itil4.connect(
        url, practices=[practice(policy)], clock=clock, directory=Staff({"cab": ["ben"]}),
        policies={"service_level": ServiceLevelPolicy(calendar=hours)},
    )  # fmt: skip
    held = asked(itsm)
    assert held.approval_expires_at == NOON + timedelta(days=2)
    clock.on(days=2)
    assert [each.event for each in itsm.tick().fired] == ["expire_approval"]


def test_a_timer_of_the_service_level_policy_lets_an_approval_expire(url: str | None) -> None:
    """The expiry may also be agreed with the service levels, in service time: a weekend counts nothing."""
    from approval_kit import practice

    from itil4.practices.service_policy import ServiceLevelPolicy
    from itil4.practices.service_timers import approval_expiry
    from itil4.service_level import ServiceCalendar

    days = ("mon", "tue", "wed", "thu", "fri")
    hours = ServiceCalendar.from_dict({"zone": "UTC", "weekly": {day: [["09:00", "17:00"]] for day in days}})
    expiry = approval_expiry(timedelta(hours=8), kind="proposal", time="service")
    clock = Hand(NOON + timedelta(days=4))  # a Friday
    itsm = itil4.connect(
        url, practices=[practice(ApprovalPolicy.of("board", BOARD))], clock=clock, directory=Staff({"cab": ["ben"]}),
        policies={"service_level": ServiceLevelPolicy(calendar=hours, timers=[expiry])},
    )  # fmt: skip
    held = asked(itsm)
    clock.on(days=2, hours=23)
    assert itsm.tick().fired == ()
    clock.on(hours=1)
    (fired,) = itsm.tick().fired
    assert (fired.event, fired.at) == ("expire_approval", NOON + timedelta(days=7))
    assert itsm.proposals.get(held.number or "").approval_state == "expired"


def test_awaiting_obeys_what_an_actor_may_see() -> None:
    """What somebody may not see waits for nobody's eyes."""
    from approval_kit import Proposals

    from itil4.storage.query import Compare

    class Private(Proposals):
        rules = ApprovalPolicy.of("board", BOARD)

        def visible(self, actor: Actor) -> Any:
            return Compare("summary", "ne", "Secret") if actor.id == "ben" else None

    itsm = itil4.connect(practices=[Private], directory=Staff({"cab": ["ben", "cem"]}))
    asked(itsm), asked(itsm, summary="Secret")
    assert [each.number for each in itsm.proposals.awaiting(by=BEN)] == ["PRO0000001"]
    assert [each.number for each in itsm.proposals.awaiting(by=CEM)] == ["PRO0000001", "PRO0000002"]
    itsm.proposals.approve("PRO0000001", by=CEM)
    assert itsm.proposals.awaiting(by=BEN) == ()
    with pytest.raises(itil4.NotFound):
        itsm.proposals.approve("PRO0000002", by=BEN)
    with pytest.raises(itil4.NotFound):
        itsm.proposals.approval("PRO0000002", by=BEN)


def test_a_departure_decides_nothing_and_is_reported() -> None:
    """Two of three must agree: when two leave nobody can, and the round stays open until people put it right."""
    staff = Staff({"cab": ["ben", "cem", "dia"]})
    itsm = opened(ApprovalPolicy.of("board", BOARD, needs={"count": 2}), staff=staff)
    held = asked(itsm)
    staff.gone |= {"cem", "dia"}
    reading = itsm.proposals.approval(held)
    assert [each.code for each in reading.problems] == ["no_longer_asked", "authority_too_small"]
    held = itsm.proposals.approve(held, by=BEN)
    assert (held.state, held.approval_state) == ("waiting", "requested")
    staff.gone |= {"ben"}
    assert itsm.proposals.approval(held).ballots[0].status == "open"
    staff.gone.clear()
    assert itsm.proposals.approve(held, by=CEM).state == "planned"


def test_no_refusal_approves_whoever_has_left() -> None:
    """Half of four are needed: one agrees, two leave, and the refusal of the last one carries nothing."""
    staff = Staff({"cab": ["ben", "cem", "dia", "eve"]})
    itsm = opened(ApprovalPolicy.of("board", BOARD, needs={"percentage": 50}), staff=staff)
    held = itsm.proposals.approve(asked(itsm), by=BEN)
    staff.gone |= {"dia", "eve"}
    held = itsm.proposals.reject(held, by=CEM)
    assert (held.state, held.approval_state) == ("waiting", "requested")
    assert [each.code for each in itsm.proposals.approval(held).problems] == ["no_longer_asked", "votes_settled"]
    assert itsm.proposals.approve(held, by=BEN).state == "planned"


def test_an_owner_who_is_not_known_is_not_left_out() -> None:
    """INV-059: of two services one has no owner, and then nobody can be asked for all of them."""
    itsm = opened(ApprovalPolicy.of("services", owners_of("relates_to"), needs="all"))
    held = itsm.proposals.log(summary="A relay", by=ANA)
    for owner in ("ben", None):
        other = itsm.proposals.log(summary="A service", owner=owner, by=EVE)
        held = itsm.link(held, "relates_to", other, by=ANA)
    held = itsm.proposals.submit(held, by=ANA)
    with pytest.raises(Refused) as error:
        itsm.proposals.request_approval(held, by=Actor("sys", roles={"system"}))
    assert codes(error) == ["empty_authority"]


def test_a_person_who_is_redacted_is_gone_from_the_approval_and_their_vote_still_counts(url: str | None) -> None:
    """Votes, seats, delegations and the policy itself call them by the pseudonym, and the history still replays."""
    itsm = opened(ApprovalPolicy.of("board", person("ben"), person("cem"), person("dia"), needs="all"), url=url)
    held = itsm.proposals.delegate(asked(itsm), to="eve", by=BEN)
    held = itsm.proposals.approve(itsm.proposals.approve(held, by=EVE), by=CEM)
    officer = Actor("olga", roles={"data_protection_officer"})
    for who in ("ben", "eve", "cem"):
        itsm.redact_person(who, reason="They asked for it", by=officer, pseudonym=f"person-{len(who)}{who[0]}")
    held = itsm.proposals.get(held.number or "")
    told = [*map(repr, itsm.proposals.history(held)), repr(held), itsm.proposals.approval(held).explain()]
    assert not [found for text in told for found in re.findall(r"\b(?:ben|eve|cem)\b", text)]
    assert itsm.proposals.replayed(held) == held
    assert itsm.proposals.approval(held).asked == ("dia",)
    assert itsm.proposals.approve(held, by=DIA).state == "planned"


def test_when_all_are_needed_a_departure_leaves_the_last_word_to_a_vote() -> None:
    """Ben agreed, Cem left: that all who remain agree is reported, and Ben's own vote, given again, decides."""
    staff = Staff({"cab": ["ben", "cem"]})
    itsm = opened(ApprovalPolicy.of("board", BOARD, needs="all"), staff=staff)
    held = itsm.proposals.approve(asked(itsm), by=BEN)
    staff.gone.add("cem")
    reading = itsm.proposals.approval(held)
    assert (held.approval_state, reading.ballots[0].status) == ("requested", "open")
    assert [each.code for each in reading.problems] == ["no_longer_asked", "votes_settled"]
    assert itsm.proposals.approve(held, by=BEN).state == "planned"


def test_who_lost_the_authority_since_they_were_asked_votes_no_more() -> None:
    """Authority is judged when the vote is given; who joined the board later was not asked."""
    staff = Staff({"cab": ["ben", "cem"]})
    itsm = opened(ApprovalPolicy.of("board", BOARD), staff=staff)
    held = asked(itsm)
    staff.by_group["cab"] = ["cem", "eve"]
    for actor in (BEN, EVE):
        with pytest.raises(Refused) as error:
            itsm.proposals.approve(held, by=actor)
        assert codes(error) == ["is_asked"]
    assert itsm.proposals.approve(held, by=CEM).state == "planned"


def test_a_reading_says_it_in_words_and_as_plain_data() -> None:
    """Who voted, who is asked, and what it lacks; as text for people and as JSON for screens."""
    import json

    policy = ApprovalPolicy.of("board", BOARD, needs={"percentage": 60}, expires_after=timedelta(days=1))
    itsm = opened(policy)
    draft = itsm.proposals.log(summary="A relay", by=ANA)
    assert itsm.proposals.approval(draft).explain() == "Nobody was asked to approve it yet."
    held = itsm.proposals.approve(asked(itsm), by=BEN, reason="Fine")
    reading = itsm.proposals.approval(held)
    assert reading.explain().splitlines() == [
        "Requested in round 1, under 'board'.",
        "board: needs 60 % of approvals; open; ben approved; asked: cem, dia; it lacks 1.",
        "It expires at 2026-03-03 12:00 UTC.",
    ]
    plain = json.loads(json.dumps(reading.to_dict()))
    assert plain["asked"] == ["cem", "dia"]
    assert plain["ballots"][0]["votes"][0]["reason"] == "Fine"
    assert ApprovalPolicy.from_dict(plain["policy"]) == policy
