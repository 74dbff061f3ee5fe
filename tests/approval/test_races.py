"""Authorities that decide at the same moment: no vote is lost, and nothing is decided twice."""

import subprocess
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from approval_kit import ANA, Hand, Proposal, Staff, asked, opened

import itil4
from itil4 import Actor, Refused, StaleRecord
from itil4.practices.approval import ApprovalPolicy, group
from itil4.testing.store_base import together

BOARD = ["ben", "cem", "dia", "eve"]


def boarded(needs: Any, url: str | None, **options: Any) -> itil4.ServiceManagement:
    """Return a service management whose board of four decides."""
    policy = ApprovalPolicy.of("board", group("cab"), needs=needs, **options)
    return opened(policy, url=url, staff=Staff({"cab": BOARD}), clock=options.get("clock"))


@pytest.mark.parametrize("by_number", [False, True], ids=["as a value", "by its number"])
def test_votes_at_the_same_moment_are_all_counted(url: str | None, by_number: bool) -> None:
    """All four hold the same version and vote at once: four votes, one decision, one outcome."""
    itsm = boarded("all", url)
    for _ in range(8):
        held = asked(itsm)
        given: str | Proposal = held.number or "" if by_number else held
        results = together(*[partial(itsm.proposals.approve, given, by=Actor(who)) for who in BOARD])
        assert not [each for each in results if isinstance(each, Exception)]
        latest = itsm.proposals.get(held.number or "")
        assert sorted(each.by for each in latest.approval_votes) == BOARD
        assert (latest.state, latest.approval_state) == ("planned", "approved")
        steps = [entry.event for entry in itsm.proposals.history(latest)]
        assert (steps.count("approve"), steps.count("authorize"), steps[-1]) == (4, 1, "authorize")
        assert itsm.proposals.replayed(latest) == latest


def test_of_two_who_decide_at_once_the_first_decides_and_the_other_is_told(url: str | None) -> None:
    """One approves and one rejects, where one is enough for either: one outcome, and a refusal or a stale record."""
    policy = ApprovalPolicy.of("board", group("cab"), needs={"percentage": 100})
    itsm = opened(policy, url=url, staff=Staff({"cab": ["ben"]}))
    for _ in range(15):
        held = asked(itsm)
        results = together(
            partial(itsm.proposals.approve, held, by=Actor("ben")),
            partial(itsm.proposals.reject, held, by=Actor("ben")),
        )
        failed = [each for each in results if isinstance(each, Exception)]
        assert len(failed) == 1
        assert isinstance(failed[0], (StaleRecord, Refused)), failed
        latest = itsm.proposals.get(held.number or "")
        assert (latest.state, latest.approval_state) in (("planned", "approved"), ("refused", "rejected"))
        assert len(latest.approval_votes) == 1


def test_a_vote_on_what_has_changed_since_it_was_read_is_stale(url: str | None) -> None:
    """Votes of others may have come in between; a new summary, or a new round, may not."""
    itsm = boarded("all", url)
    held = asked(itsm)
    itsm.proposals.approve(held, by=Actor("ben"))
    itsm.proposals.comment(held.number or "", "I agree", by=Actor("cem"))
    assert itsm.proposals.approve(held, by=Actor("cem")).approval_state == "requested"
    itsm.proposals.update(held.number or "", summary="Two relays", by=ANA)
    with pytest.raises(StaleRecord):
        itsm.proposals.approve(held, by=Actor("dia"))
    again = itsm.proposals.get(held.number or "")
    itsm.proposals.request_approval(itsm.proposals.withdraw_approval(again, by=ANA), by=ANA)
    with pytest.raises(StaleRecord):
        itsm.proposals.approve(again, by=Actor("dia"))
    with pytest.raises(StaleRecord):
        itsm.proposals.approve(held.number or "", expected=held.version, by=Actor("dia"))


def test_a_decision_and_a_withdrawal_at_once_leave_one_of_them(url: str | None) -> None:
    """Sent back and authorized at the same moment: never authorized and withdrawn."""
    itsm = boarded("one", url)
    for _ in range(15):
        held = asked(itsm)
        together(
            partial(itsm.proposals.approve, held, by=Actor("ben")),
            partial(itsm.proposals.rework, held, by=ANA),
        )
        latest = itsm.proposals.get(held.number or "")
        assert (latest.state, latest.approval_state) in (("planned", "approved"), ("draft", "withdrawn"))


def test_a_vote_and_an_expiry_at_once_leave_one_of_them(tmp_path: Path) -> None:
    """The tick of one process meets the vote of another: approved or expired, not both, and not twice."""
    clock = Hand()
    policy = ApprovalPolicy.of("board", group("cab"), expires_after=timedelta(days=1))
    itsm = opened(policy, url=f"sqlite:///{tmp_path}/desk.db", staff=Staff({"cab": BOARD}), clock=clock)
    for _ in range(8):
        held = asked(itsm)
        due = clock.at + timedelta(days=1)
        together(
            partial(itsm.proposals.approve, held, by=Actor("ben")),
            partial(itsm.tick, due),
            partial(itsm.tick, due),
        )
        steps = [entry.event for entry in itsm.proposals.history(held.number or "")]
        assert steps.count("authorize") + steps.count("expire_approval") == 1


VOTER = """
import sys
sys.path.insert(0, {kit!r})
from approval_kit import Staff, opened
from itil4 import Actor, Refused
from itil4.practices.approval import ApprovalPolicy, group

policy = ApprovalPolicy.of("board", group("cab"), needs="all")
itsm = opened(policy, url={url!r}, staff=Staff({{"cab": {board!r}}}))
for number in {numbers!r}:
    itsm.proposals.approve(number, by=Actor({who!r}))
"""


def test_voters_in_processes_of_their_own_lose_no_vote(tmp_path: Path) -> None:
    """Three processes vote on the same ten records in one SQLite file."""
    url, board = f"sqlite:///{tmp_path}/desk.db", BOARD[:3]
    itsm = opened(ApprovalPolicy.of("board", group("cab"), needs="all"), url=url, staff=Staff({"cab": board}))
    numbers = [asked(itsm).number or "" for _ in range(10)]
    kit = str(Path(__file__).parent)
    running = [
        subprocess.Popen([sys.executable, "-c", VOTER.format(kit=kit, url=url, board=board, numbers=numbers, who=who)])
        for who in board
    ]
    assert [each.wait(120) for each in running] == [0, 0, 0]
    for number in numbers:
        latest = itsm.proposals.get(number)
        assert (latest.state, sorted(each.by for each in latest.approval_votes)) == ("planned", board)
        assert itsm.proposals.replayed(latest) == latest
