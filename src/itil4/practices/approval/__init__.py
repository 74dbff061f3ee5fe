"""Approvals, for every practice whose records need them: policies as data, rounds, votes and their outcome."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from itil4.practices.approval.approving import Approving
    from itil4.practices.approval.authority import Hearing
    from itil4.practices.approval.counting import Tally, tally
    from itil4.practices.approval.policy import (
        ApprovalPolicy,
        Authority,
        Ballot,
        InParallel,
        InSequence,
        Needs,
        field,
        group,
        manager_of,
        owners_of,
        person,
        role,
        rule,
    )
    from itil4.practices.approval.rounds import (
        Approvable,
        Asked,
        BallotStanding,
        Decided,
        Delegation,
        Round,
        Seat,
        Vote,
    )
    from itil4.practices.approval.standing import ApprovalReading
    from itil4.practices.approval.steps import APPROVAL, approval_lifecycle

_AT = {
    "approving": ("Approving",),
    "authority": ("Hearing",),
    "counting": ("Tally", "tally"),
    "policy": (
        "ApprovalPolicy", "Authority", "Ballot", "InParallel", "InSequence", "Needs", "field", "group", "manager_of",
        "owners_of", "person", "role", "rule",
    ),
    "rounds": ("Approvable", "Asked", "BallotStanding", "Decided", "Delegation", "Round", "Seat", "Vote"),
    "standing": ("ApprovalReading",),
    "steps": ("APPROVAL", "approval_lifecycle"),
}  # fmt: skip
_HOME = {name: module for module, names in _AT.items() for name in names}

__all__ = [
    "APPROVAL",
    "ApprovalPolicy",
    "ApprovalReading",
    "Approvable",
    "Approving",
    "Asked",
    "Authority",
    "Ballot",
    "BallotStanding",
    "Decided",
    "Delegation",
    "Hearing",
    "InParallel",
    "InSequence",
    "Needs",
    "Round",
    "Seat",
    "Tally",
    "Vote",
    "approval_lifecycle",
    "field",
    "group",
    "manager_of",
    "owners_of",
    "person",
    "role",
    "rule",
    "tally",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
