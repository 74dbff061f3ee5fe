"""Nobody approves by the back door: whatever people without the authority do, in whatever order."""

from typing import Any

import pytest
from approval_kit import ANA, NOON, Hand, Staff, asked, practice
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import itil4
from itil4 import Actor, ITIL4Error, Refused
from itil4.practices.approval import ApprovalPolicy, Ballot, Delegation, InSequence, Vote, group, manager_of, role

ROLES = frozenset({"user", "owner", "requester", "assignee", "team_member", "system", "service_desk", "change_manager"})
BOARD = ("ben", "cem", "dia")
OUTSIDERS = (
    ANA,
    Actor("ana", roles=ROLES, on_behalf_of="ben"),
    Actor("eve", roles=ROLES),
    Actor("eve", on_behalf_of="ida"),
    Actor("gone", roles=ROLES),
    Actor("bot", kind="system", roles=ROLES),
    Actor("bot", kind="system", on_behalf_of="ben"),
)
"""Who asked, a stranger with every other role, a former member of the board, and systems; also in others' names."""

POLICY = ApprovalPolicy(
    "strict",
    InSequence(
        [
            Ballot("line", manager_of("requester")),
            Ballot("board", [group("cab"), role("boss")], needs={"count": 2}),
        ]
    ),
)

FORGED: dict[str, Any] = {
    "approval_votes": tuple(Vote(1, "board", who, "approve", who, NOON) for who in BOARD),
    "approval_delegations": (Delegation("ben", "eve", NOON),),
    "approval_state": "approved",
    "approval_rounds": (),
    "approval_asked": (),
    "state": "planned",
    "requester": "eve",
    "owner": "eve",
    "text": "Something else",
}

EVENTS = (*practice(POLICY).lifecycle.events, *practice(POLICY).aspects[0].events)

acts = st.tuples(
    st.sampled_from(OUTSIDERS),
    st.sampled_from(("fire", "fire", "fire", "update", "delegate", "vote", "override", "link", "tick", "log")),
    st.sampled_from(EVENTS),
    st.dictionaries(st.sampled_from(sorted(FORGED)), st.none(), max_size=2).map(
        lambda names: {n: FORGED[n] for n in names}
    ),
    st.integers(0, 12),
)


def attempt(itsm: itil4.ServiceManagement, held: Any, act: Any) -> None:
    """Do one thing, and take a refusal as an answer."""
    actor, how, event, values, place = act
    practice, reference = itsm.proposals, held.number
    history = practice.history(reference)
    cause = history[min(place, len(history) - 1)].id
    try:
        if how == "fire":
            practice.fire(reference, event, by=actor, cause=cause, **values)
        elif how == "update":
            practice.update(reference, by=actor, **values)
        elif how == "delegate":
            practice.delegate(reference, to=("eve", "ana", "ben")[place % 3], by=actor)
        elif how == "vote":
            practice.approve(reference, on_behalf_of=(*BOARD, "ida")[place % 4], by=actor)
        elif how == "override":
            practice.override(reference, reason="so", by=actor, **(values or {"approval_state": "approved"}))
        elif how == "link":
            itsm.link(held.id, "relates_to", practice.log(summary="Another", by=actor), by=actor)
        elif how == "tick":
            itsm.tick()
        else:
            practice.log(summary="Another", by=actor, **values)
    except ITIL4Error:
        pass


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(acts, min_size=1, max_size=25), st.booleans(), st.booleans())
def test_no_order_of_steps_by_people_without_the_authority_decides_anything(
    tried: list[Any], begun: bool, half: bool
) -> None:
    """Whether nobody was asked yet, the manager has agreed, or one of the board as well: it takes the board itself."""
    staff = Staff({"cab": BOARD}, managers={"ana": "ida", "eve": "ida"}, roles={"boss": ["ben"]})
    staff.gone.add("gone")
    itsm = itil4.connect(practices=[practice(POLICY)], clock=Hand(), directory=staff)
    held = itsm.proposals.log(summary="A relay", requester="ana", by=ANA)
    if begun:
        held = asked(itsm)
        if half:
            held = itsm.proposals.approve(held, by=Actor("ida"))
            held = itsm.proposals.approve(held, by=Actor("ben"))
    for act in tried:
        attempt(itsm, held, act)
        for each in itsm.proposals.each():
            assert each.approval_state not in ("approved", "rejected"), act
            assert each.state not in ("planned", "refused", "done"), act
            assert {vote.by for vote in each.approval_votes} <= {"ida", "ben"}


def test_the_same_steps_by_those_who_are_asked_do_decide() -> None:
    """The property above is about people, not about a lock that nobody opens."""
    staff = Staff({"cab": BOARD}, managers={"ana": "ida"}, roles={"boss": ["ben"]})
    itsm = itil4.connect(practices=[practice(POLICY)], clock=Hand(), directory=staff)
    held = asked(itsm)
    for who in ("ida", "ben", "cem"):
        held = itsm.proposals.approve(held, by=Actor(who))
    assert held.state == "planned"


def test_inside_one_unit_nothing_is_decided_either() -> None:
    """A system that names the right cause in the unit of a vote still finds the outcome taken, or not due."""
    itsm = itil4.connect(
        practices=[practice(ApprovalPolicy.of("board", group("cab"), needs={"count": 2}))],
        directory=Staff({"cab": BOARD}),
    )
    bot = Actor("bot", kind="system")
    held = asked(itsm)
    with itsm.unit(by=Actor("ben")) as desk:
        held = desk.proposals.approve(held)
        for event in ("authorize", "refuse"):
            decision = desk.proposals.explain(held, event, by=bot)
            assert decision.codes == ("approval_decides",)
    with itsm.unit(by=Actor("cem")) as desk:
        held = desk.proposals.approve(held)
        assert held.state == "planned"
        assert not desk.proposals.explain(held, "authorize", by=bot)
    assert [entry.event for entry in itsm.proposals.history(held)].count("authorize") == 1


def test_a_vote_that_brings_rounds_of_its_own_is_refused_and_breaks_no_rule() -> None:
    """What only an approval sets is refused with the vote, whichever step brings it; no guard stumbles over it."""
    itsm = itil4.connect(
        practices=[practice(ApprovalPolicy.of("board", group("cab"), needs={"count": 2}))],
        directory=Staff({"cab": BOARD}),
    )
    held = asked(itsm)
    forged = {"approval_rounds": (), "approval_votes": (), "approval_asked": ()}
    for event in ("approve", "reject", "abstain", "delegate", "remind_approval"):
        for name, value in forged.items():
            for by in (Actor("ben"), Actor("ben", kind="system")):
                decision = itsm.proposals.explain(held, event, by=by, **{name: value})
                assert not decision.allowed
                with pytest.raises(Refused) as caught:
                    itsm.proposals.fire(held, event, by=by, **{name: value})
                assert tuple(each.code for each in caught.value.reasons) == decision.codes
    assert itsm.proposals.get(held.id) == held
