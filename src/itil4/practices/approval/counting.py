"""The count: from votes to open, approved or rejected, decided as soon as nothing can change it any more.

Pure functions of who is asked and how they voted. A ballot is approved once it would carry though
everybody else refused or kept silent, and rejected once it would fail though everybody else approved:

>>> tally(Needs("count", 2), {"ana": 1, "ben": 1, "cem": 1}, {"ana": "approve", "ben": "approve"}).status
'approved'
>>> tally(Needs("percentage", 60), {"ana": 1, "ben": 1}, {"ana": "reject"}).status  # 50 % and 60 % exceed 100 %
'rejected'

Silence never approves. What cannot carry because too few are asked is not rejected but `short`: it
stays open, and has to be put right by people.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Literal, TypeAlias

import attrs

from itil4.practices.approval.policy import Abstentions, Needs

Choice: TypeAlias = Literal["approve", "reject", "abstain"]
CHOICES: tuple[Choice, ...] = ("approve", "reject", "abstain")

Status: TypeAlias = Literal["open", "approved", "rejected"]


@attrs.frozen
class Tally:
    """How a ballot stands.

    Attributes:
        status: open, approved or rejected.
        short: whether it cannot carry although nobody is against it: too few are asked.
        approvals, refusals, abstentions, outstanding: how many of those who are asked.
        lacking: how many more approvals (or how much more weight) it takes at least, at the least favourable
            course of the rest; 0 once it is decided.
    """

    status: Status
    short: bool
    approvals: int
    refusals: int
    abstentions: int
    outstanding: int
    lacking: int = 0


def tally(
    needs: Needs,
    seats: Mapping[str, int],
    votes: Mapping[str, Choice],
    *,
    quorum: int | None = None,
    abstentions: Abstentions = "set_aside",
    dependent: Iterable[str] = (),
) -> Tally:
    """Count a ballot.

    Args:
        needs: what it takes to carry.
        seats: who is asked -> what their vote weighs.
        votes: who voted -> how; votes of others than those who are asked do not count.
        quorum: how many must have voted, abstentions included.
        abstentions: whether shares are of those who do not abstain (`set_aside`) or of all (`count`).
        dependent: those whose approval is not enough without that of somebody else.
    """
    cast = {seat: choice for seat, choice in votes.items() if seat in seats}
    rest = [seat for seat in seats if seat not in cast]
    lean = frozenset(dependent)

    def carries(more: Mapping[str, Choice], voted: int) -> bool:
        return _carries(needs, seats, {**cast, **more}, voted, quorum, abstentions, lean)

    everybody: dict[str, Choice] = dict.fromkeys(seats, "approve")
    short = not _carries(needs, seats, everybody, len(seats), quorum, abstentions, lean)
    counts = [sum(choice == each for choice in cast.values()) for each in CHOICES]
    status: Status = "open"
    lacking = 0
    if short:
        pass
    elif carries(dict.fromkeys(rest, "reject"), len(cast)):
        status = "approved"
    elif not carries(dict.fromkeys(rest, "approve"), len(seats)):
        status = "rejected"
    else:
        lacking = _lacking(needs, seats, cast, abstentions)
    return Tally(status, short, counts[0], counts[1], counts[2], len(rest), lacking)


def _carries(
    needs: Needs, seats: Mapping[str, int], votes: Mapping[str, Choice], voted: int, quorum: int | None,
    abstentions: Abstentions, dependent: frozenset[str],
) -> bool:  # fmt: skip
    """Say whether a ballot carries when these are all the votes; whoever is missing among them was against it."""
    approving = [seat for seat, choice in votes.items() if choice == "approve"]
    if dependent.issuperset(approving) or voted < (quorum or 0):  # nobody, or nobody who counts alone
        return False
    if needs.measure == "one":
        return True
    if needs.measure == "count":
        return len(approving) >= needs.amount
    weight = sum(seats[seat] for seat in approving)
    if needs.measure == "weight":
        return weight >= needs.amount
    counted = [seat for seat in seats if abstentions == "count" or votes.get(seat) != "abstain"]
    if needs.measure == "all":
        return len(approving) == len(counted)
    return weight >= needs.share * sum(seats[seat] for seat in counted)


def _lacking(needs: Needs, seats: Mapping[str, int], cast: Mapping[str, Choice], abstentions: Abstentions) -> int:
    approving = [seat for seat, choice in cast.items() if choice == "approve"]
    weight = sum(seats[seat] for seat in approving)
    counted = [seat for seat in seats if abstentions == "count" or cast.get(seat) != "abstain"]
    wanted: Fraction | int | float
    if needs.measure == "percentage":
        wanted = needs.share * sum(seats[seat] for seat in counted) - weight
    elif needs.measure == "weight":
        wanted = needs.amount - weight
    else:
        wanted = {"one": 1, "count": needs.amount, "all": len(counted)}[needs.measure] - len(approving)
    return max(1, -int(-wanted // 1))


def combined(outcomes: Iterable[Status], needs: Needs) -> Status:
    """Return how steps in parallel stand together.

    >>> combined(["approved", "open", "rejected"], Needs("one")), combined(["open", "rejected"], Needs("all"))
    ('approved', 'rejected')
    """
    held = list(outcomes)
    wanted = len(held) if needs.measure == "all" else needs.amount
    approved, lost = held.count("approved"), held.count("rejected")
    if approved >= wanted:
        return "approved"
    return "rejected" if len(held) - lost < wanted else "open"
