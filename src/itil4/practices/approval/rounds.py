"""What a record keeps of its approval: rounds, whom each ballot asked, votes, and delegations.

Each is a frozen value in a collection that only grows, so that every vote is an entry of the record and
nothing is lost when somebody changes their mind: the last vote of a seat in the current round counts.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import attrs

from itil4.practices.approval.counting import Choice, Status, Tally, combined, tally
from itil4.practices.approval.policy import ApprovalPolicy, Ballot, InParallel, Step, policy_of
from itil4.record import Frozen, Record


@attrs.frozen
class Seat:
    """One vote that a ballot asks for.

    Attributes:
        key: what the seat is called: a person's id, or an office with a number, such as `role cab #1`.
        weight: what the vote weighs.
        via: the authority that led here, such as `group cab`.
        person: whose it is; None for an office, which whoever holds it fills.
    """

    key: str
    weight: int
    via: str
    person: str | None = None


def frozen_plain(value: Any) -> Any:
    """Return plain data that cannot be changed, in the form in which a store gives it back.

    >>> frozen_plain({"needs": ["one"]})
    {'needs': ('one',)}
    """
    if isinstance(value, Mapping):
        return Frozen({name: frozen_plain(each) for name, each in value.items()})
    return tuple(map(frozen_plain, value)) if isinstance(value, (list, tuple)) else value


@attrs.frozen
class Round:
    """One time that approval was asked for.

    Attributes:
        number: rounds count from 1; only the last one counts.
        policy: the policy that it was asked under, as plain data, so that a later one changes nothing about it.
        by, at: who asked, and when.
        initiators: those whose own request it is.
    """

    number: int
    policy: Mapping[str, Any] = attrs.field(converter=frozen_plain, hash=False)
    by: str
    at: datetime
    initiators: tuple[str, ...] = ()

    @property
    def rules(self) -> ApprovalPolicy:
        """The policy, as a value."""
        return policy_of(json.dumps(self.policy, sort_keys=True))


@attrs.frozen
class Asked:
    """Whom a ballot asks, from the moment that its turn came."""

    round: int
    ballot: str
    seats: tuple[Seat, ...]
    at: datetime


@attrs.frozen
class Vote:
    """One vote: for which seat, how, by whom and when.

    Attributes:
        on_behalf_of: the person whose vote a delegate gave.
        reason: why, in their words.
    """

    round: int
    ballot: str
    seat: str
    choice: Choice
    by: str
    at: datetime
    on_behalf_of: str | None = None
    reason: str | None = None

    @property
    def person(self) -> str:
        """Whose vote it is, whoever gave it."""
        return self.on_behalf_of or self.by


@attrs.frozen
class Decided:
    """That a vote decided a ballot, or opened it again because somebody changed theirs.

    Nothing but a vote does: nobody's departure carries or loses anything.
    """

    round: int
    ballot: str
    status: Status
    at: datetime


@attrs.frozen
class Delegation:
    """That somebody else may vote for a person on this record, from `since` on and before `until`.

    A later one replaces it; one `to` nobody takes it back. `offices` are those that the person held when they gave it.
    """

    person: str
    to: str | None
    since: datetime
    until: datetime | None = None
    offices: tuple[str, ...] = ()

    def covers(self, at: datetime) -> bool:
        """Say whether it holds at a moment."""
        return self.since <= at and (self.until is None or at < self.until)


@attrs.frozen(kw_only=True)
class Approvable(Record):
    """A record that can be approved: extend it, and let its practice extend `Approving`.

    All of its fields are set by the steps of the approval only.

    Attributes:
        approval_state: not_requested, requested, approved, rejected, withdrawn or expired.
        approval_rounds, approval_asked, approval_votes, approval_decided: what was asked and answered, in order.
        approval_delegations: who may vote for whom on this record.
        approval_expires_at, approval_remind_at: when the round expires, and when those who are asked are reminded next.
    """

    approval_state: str = "not_requested"
    approval_rounds: tuple[Round, ...] = ()
    approval_asked: tuple[Asked, ...] = ()
    approval_votes: tuple[Vote, ...] = ()
    approval_decided: tuple[Decided, ...] = ()
    approval_delegations: tuple[Delegation, ...] = ()
    approval_expires_at: datetime | None = None
    approval_remind_at: datetime | None = None


OWN_FIELDS = tuple(name for name in attrs.fields_dict(Approvable) if name not in attrs.fields_dict(Record))[1:]
"""The fields that only the approval itself sets, beside its state."""


# delegations


def delegation_at(delegations: Iterable[Delegation], person: str, at: datetime) -> Delegation | None:
    """Return the delegation of a person that holds at a moment: the last one that they gave."""
    held = None
    for each in delegations:
        if each.person == person and each.covers(at):
            held = each
    return held if held is not None and held.to is not None else None


def chain(start: str, delegate: Callable[[str], str | None]) -> tuple[tuple[str, ...], bool]:
    """Return who may vote for a person, one after the other, beginning with themselves; and whether it is a circle.

    >>> chain("ana", {"ana": "ben", "ben": "cem"}.get)
    (('ana', 'ben', 'cem'), False)
    >>> chain("ana", {"ana": "ben", "ben": "ana"}.get)
    (('ana', 'ben', 'ana'), True)
    """
    trail = [start]
    while (following := delegate(trail[-1])) is not None:
        trail.append(following)
        if following in trail[:-1]:
            return tuple(trail), True
    return tuple(trail), False


# reading


@attrs.frozen
class BallotStanding:
    """How one ballot stands.

    Attributes:
        ballot: the question.
        turn: `now`, `later` (what comes before it has not carried), or `over`.
        status: open, approved or rejected, as a vote has decided it.
        tally: the count, by those who are asked at this moment; None while its turn has not come.
        seats: the seats that count, with how each voted (None: not yet).
        gone: seats that count no longer, because their person has left or no longer has the authority.
    """

    ballot: Ballot
    turn: str
    status: Status = "open"
    tally: Tally | None = None
    seats: Mapping[Seat, Vote | None] = attrs.field(factory=dict, hash=False)
    gone: tuple[Seat, ...] = ()

    @property
    def outstanding(self) -> tuple[Seat, ...]:
        """The seats that are still asked."""
        is_asked = self.turn == "now" and self.status == "open"
        return tuple(seat for seat, vote in self.seats.items() if vote is None) if is_asked else ()


def votes_of(record: Approvable, number: int, ballot: str) -> dict[str, Vote]:
    """Return the last vote of every seat of a ballot in a round."""
    return {each.seat: each for each in record.approval_votes if each.round == number and each.ballot == ballot}


def opened(record: Approvable, number: int) -> dict[str, Asked]:
    """Return what was asked in a round, by ballot."""
    return {each.ballot: each for each in record.approval_asked if each.round == number}


def decided(record: Approvable, number: int) -> dict[str, Status]:
    """Return how votes have left the ballots of a round."""
    return {each.ballot: each.status for each in record.approval_decided if each.round == number}


def count(ballot: Ballot, seats: Mapping[Seat, Vote | None], dependent: Iterable[str]) -> Tally:
    """Count a ballot over the seats that count."""
    lean = frozenset(dependent)
    return tally(
        ballot.needs,
        {seat.key: seat.weight for seat in seats},
        {seat.key: vote.choice for seat, vote in seats.items() if vote is not None},
        quorum=ballot.quorum,
        abstentions=ballot.abstentions,
        dependent=[seat.key for seat, vote in seats.items() if not lean.isdisjoint(_people(seat, vote))],
    )


def _people(seat: Seat, vote: Vote | None) -> set[str | None]:
    return {seat.person} if vote is None else {seat.person, vote.person, vote.by}


def outcome(step: Step, standings: Mapping[str, Status]) -> Status:
    """Return how a step stands, from how its ballots stand; those that are not in `standings` are open.

    >>> from itil4.practices.approval.policy import InSequence, group, manager_of
    >>> first, second = Ballot("line", manager_of("requester")), Ballot("board", group("cab"))
    >>> outcome(InSequence([first, second]), {"line": "approved"})
    'open'
    """
    if isinstance(step, Ballot):
        return standings.get(step.name, "open")
    found = [outcome(each, standings) for each in step.steps]
    if isinstance(step, InParallel):
        return combined(found, step.needs)
    if "rejected" in found:
        return "rejected"
    return "approved" if all(each == "approved" for each in found) else "open"


def at_turn(step: Step, standings: Mapping[str, Status]) -> Iterator[Ballot]:
    """Yield the ballots whose turn it is: all of those in parallel, and of a sequence those of its present step.

    Those that are decided are among them, while nothing that comes after them has begun: a vote may be changed.
    """
    if isinstance(step, Ballot):
        yield step
    elif isinstance(step, InParallel):
        for each in step.steps:
            yield from at_turn(each, standings)
    else:
        ahead = (each for each in step.steps if outcome(each, standings) != "approved")
        yield from at_turn(next(ahead, step.steps[-1]), standings)


__all__ = [
    "OWN_FIELDS", "Approvable", "Asked", "BallotStanding", "Decided", "Delegation", "Round", "Seat", "Vote", "at_turn",
    "chain", "count", "decided", "delegation_at", "opened", "outcome", "votes_of",
]  # fmt: skip
