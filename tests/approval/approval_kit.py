"""A small practice whose records need approval, its people, and a clock in the hands of the test."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import attrs

import itil4
from itil4 import Actor, Lifecycle, State, Transition
from itil4.practices.approval import Approvable, ApprovalPolicy, Approving, group

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Hand:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        """Return where it stands."""
        return self.at

    def on(self, **span: float) -> datetime:
        """Move it on."""
        self.at += timedelta(**span)
        return self.at


class Staff:
    """A directory that lists its groups and roles, and whose people may leave."""

    def __init__(
        self, groups: Mapping[str, Iterable[str]] | None = None, roles: Mapping[str, Iterable[str]] | None = None,
        managers: Mapping[str, str] | None = None, delegates: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.by_group = {name: list(people) for name, people in (groups or {}).items()}
        self.by_role = {name: list(people) for name, people in (roles or {}).items()}
        self.managers, self.standing = dict(managers or {}), dict(delegates or {})
        self.gone: set[str] = set()

    def groups(self, person: str, at: datetime, /) -> tuple[str, ...]:
        """Return the groups of a person."""
        return tuple(name for name, people in self.by_group.items() if person in people)

    def manager(self, person: str, at: datetime, /) -> str | None:
        """Return the manager of a person."""
        return self.managers.get(person)

    def active(self, person: str, at: datetime, /) -> bool:
        """Everybody works here who has not left."""
        return person not in self.gone

    def is_group(self, name: str, at: datetime, /) -> bool:
        """Say whether it is a group."""
        return name in self.by_group

    def members(self, group: str, at: datetime, /) -> tuple[str, ...] | None:
        """Return the members of a group."""
        found = self.by_group.get(group)
        return None if found is None else tuple(found)

    def holders(self, role: str, at: datetime, /) -> tuple[str, ...] | None:
        """Return who has a role, where that is known."""
        found = self.by_role.get(role)
        return None if found is None else tuple(found)

    def delegate(self, person: str, at: datetime, /) -> str | None:
        """Return who stands in for a person."""
        return self.standing.get(person)


@attrs.frozen(kw_only=True)
class Proposal(Approvable):
    """Something that needs approval before it is done."""

    summary: str
    requester: str | None = None
    owner: str | None = None
    text: str = ""


LIFECYCLE = Lifecycle(
    "proposal",
    "draft",
    states=[
        State("draft", "new"),
        State("waiting", "waiting", kind="approval"),
        State("planned", "active"),
        State("refused", "cancelled"),
        State("done", "closed"),
        State("dropped", "cancelled"),
    ],
    transitions=[
        Transition("submit", "draft", "waiting"),
        Transition("authorize", "waiting", "planned", internal=True),
        Transition("refuse", "waiting", "refused", internal=True),
        Transition("rework", ["waiting", "planned", "refused"], "draft"),
        Transition("finish", "planned", "done"),
        Transition("drop", ["draft", "waiting", "planned"], "dropped"),
    ],
)


class Proposals(Approving[Proposal]):
    """The practice of proposals."""

    name, slot, kind, prefix = "proposing", "proposals", "proposal", "PRO"
    record = Proposal
    lifecycle = LIFECYCLE
    indexed = ("summary",)
    approval_outcomes: ClassVar[Mapping[str, str]] = {"approved": "authorize", "rejected": "refuse"}
    approval_states = ("waiting",)
    approval_covers = ("text",)
    rules: ClassVar[ApprovalPolicy] = ApprovalPolicy.of("board", group("cab"))

    def approval_policy(self, record: Proposal) -> ApprovalPolicy | None:
        """Return the policy of the test."""
        return self.rules


ANA = Actor("ana", roles={"user"})


def practice(policy: ApprovalPolicy, **attributes: Any) -> type[Proposals]:
    """Return the practice under a policy."""
    return type("Proposals", (Proposals,), {"rules": policy, **attributes})


def opened(
    policy: ApprovalPolicy, *, url: str | None = None, clock: Hand | None = None, staff: Any = None, **attributes: Any
) -> itil4.ServiceManagement:
    """Return a service management with proposals under a policy."""
    staff = staff if staff is not None else Staff({"cab": ["ben", "cem", "dia"]})
    made = practice(policy, **attributes)
    return itil4.connect(url, practices=[made], clock=clock or Hand(), directory=staff)


def asked(itsm: itil4.ServiceManagement, by: Actor = ANA, **values: Any) -> Proposal:
    """Return a proposal for which approval is asked."""
    held = itsm.proposals.log(**{"summary": "A new relay", "requester": by.id, **values}, by=by)
    held = itsm.proposals.submit(held, by=by)
    made: Proposal = itsm.proposals.request_approval(held, by=by)
    return made


def codes(error: Any) -> list[str]:
    """Return the codes of a refusal, guards by their names."""
    return [str(reason.detail.get("guard", reason.code)) for reason in error.value.reasons]
