"""How the approval of a record stands, for people: who voted, who is still asked, and what it takes to decide."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import attrs

from itil4.errors import Reason
from itil4.practices.approval.authority import Hearing
from itil4.practices.approval.rounds import Approvable, BallotStanding, Round, Vote
from itil4.practices.approval.steps import REQUESTED


@attrs.frozen
class ApprovalReading:
    """How an approval stands at a moment.

    Attributes:
        state: not_requested, requested, approved, rejected, withdrawn or expired.
        round: the current round; None before anybody was asked.
        ballots: how each of its ballots stands, in the order of the policy.
        problems: what keeps it from being decided, such as an authority that has become too small.
        expires_at: when the round ends without a decision.
    """

    state: str
    asof: datetime
    round: Round | None = None
    ballots: tuple[BallotStanding, ...] = ()
    problems: tuple[Reason, ...] = ()
    expires_at: datetime | None = None

    @property
    def voted(self) -> tuple[Vote, ...]:
        """The votes that count, oldest first."""
        held = (vote for each in self.ballots for vote in each.seats.values() if vote is not None)
        return tuple(sorted(held, key=lambda vote: vote.at))

    @property
    def asked(self) -> tuple[str, ...]:
        """Who is asked and has not voted, each once: people by their ids, and offices such as `role cab #1`."""
        if self.state != REQUESTED:
            return ()
        return tuple(dict.fromkeys(seat.key for each in self.ballots for seat in each.outstanding))

    def explain(self) -> str:
        """Return it in words, a line for each ballot, problem and deadline."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        if self.round is None:
            yield "Nobody was asked to approve it yet."
            return
        yield f"{self.state.capitalize()} in round {self.round.number}, under {self.round.rules.name!r}."
        for each in self.ballots:
            yield _line_of(each)
        for problem in self.problems:
            yield str(problem)
        if self.state == REQUESTED and self.expires_at is not None:
            yield f"It expires at {self.expires_at:%Y-%m-%d %H:%M} UTC."

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that any JSON encoder takes."""
        return {
            "state": self.state,
            "asof": self.asof.isoformat(),
            "round": None if self.round is None else self.round.number,
            "policy": None if self.round is None else self.round.rules.to_dict(),
            "asked": list(self.asked),
            "ballots": [_plain(each) for each in self.ballots],
            "problems": [each.to_dict() for each in self.problems],
            "expires_at": None if self.expires_at is None else self.expires_at.isoformat(),
        }


def read(hearing: Hearing, record: Approvable, at: datetime) -> ApprovalReading:
    """Return how the approval of a record stands at a moment."""
    if not record.approval_rounds:
        return ApprovalReading(record.approval_state, at)
    standings = hearing.standings(record, at)
    now = record.approval_rounds[-1]
    problems: tuple[Reason, ...] = ()
    if record.approval_state == REQUESTED:
        problems = tuple(_problems(hearing, record, standings, at))
    return ApprovalReading(record.approval_state, at, now, standings, problems, record.approval_expires_at)


def _problems(
    hearing: Hearing, record: Approvable, standings: tuple[BallotStanding, ...], at: datetime
) -> Iterator[Reason]:
    for each in standings:
        if each.turn != "now" or each.status != "open":
            continue
        if each.gone:
            yield Reason.of("no_longer_asked", ballot=each.ballot.name, people=[seat.key for seat in each.gone])
        if each.tally is not None and each.tally.short:
            asked = [seat.key for seat in each.seats]
            yield Reason.of(
                "authority_too_small", ballot=each.ballot.name, needs=str(each.ballot.needs), quorum=each.ballot.quorum,
                asked=asked,
            )  # fmt: skip
        elif each.tally is not None and each.tally.status != "open":
            yield Reason.of("votes_settled", ballot=each.ballot.name, result=each.tally.status)
        for seat in each.outstanding:
            if seat.person is not None:
                trail, circular = hearing.delegates(record, seat.person, at)
                if circular:
                    yield Reason.of("delegation_loop", people=trail)
    if record.approval_expires_at is not None and record.approval_expires_at <= at:
        yield Reason.of("approval_overdue", at=record.approval_expires_at)


def _line_of(standing: BallotStanding) -> str:
    ballot, held = standing.ballot, standing.tally
    said = f"{ballot.name}: needs {ballot.needs}" + (f" and {ballot.quorum} votes" if ballot.quorum else "")
    if held is None:
        return f"{said}; its turn comes later."
    votes = [
        f"{vote.person} {_SAID[vote.choice]}" + (f" (by {vote.by})" if vote.on_behalf_of else "")
        for vote in standing.seats.values()
        if vote is not None
    ]
    said += f"; {standing.status}; {', '.join(votes) or 'nobody has voted'}"
    waiting = [seat.key for seat in standing.outstanding]
    if waiting and held.lacking:
        said += f"; asked: {', '.join(waiting)}; it lacks {held.lacking}"
    elif waiting:
        said += f"; asked: {', '.join(waiting)}"
    return f"{said}."


_SAID = {"approve": "approved", "reject": "rejected", "abstain": "abstained"}


def _plain(standing: BallotStanding) -> dict[str, Any]:
    held = standing.tally
    return {
        "name": standing.ballot.name,
        "turn": standing.turn,
        "status": standing.status,
        "short": held is not None and held.short,
        "lacking": 0 if held is None else held.lacking,
        "asked": [seat.key for seat in standing.outstanding],
        "votes": [
            {
                "seat": vote.seat, "choice": vote.choice, "by": vote.by, "on_behalf_of": vote.on_behalf_of,
                "at": vote.at.isoformat(), "reason": vote.reason,
            }
            for vote in standing.seats.values()
            if vote is not None
        ],
        "gone": [seat.key for seat in standing.gone],
    }  # fmt: skip


__all__ = ["ApprovalReading", "read"]
