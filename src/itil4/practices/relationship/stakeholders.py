"""Stakeholders: who has influence on what we do, or an interest in it, and how each is engaged (INV-109)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

import attrs

from itil4.errors import Reason
from itil4.lifecycle import Lifecycle, State, Transition
from itil4.practices.relationship.relating import MANAGERS, SALES, Relating, address_problems
from itil4.record import SELF, Actor, Line, Note, Record, Relation
from itil4.vocabulary import choices

Attitude: TypeAlias = Literal["unaware", "resistant", "neutral", "supportive", "leading"]
"""How a stakeholder stands to what we do, from knowing nothing of it to leading it."""


@attrs.frozen(kw_only=True)
class Stakeholder(Record):
    """A person, group or organization with influence on what we do, or an interest in it.

    Attributes:
        name, organization: who they are.
        group: what they are to us: customer, user, sponsor, supplier, regulator, ...
        influence, interest: levels of the policy's grid; None while nobody has judged them.
        engagement: computed from both: how they are engaged; None while one is unknown.
        attitude, wanted_attitude: how they stand to it, and how we would like them to.
        plan: how they are engaged, in words.
        owner: who keeps the relationship.
        close_reason: why they are no stakeholder any more.
    """

    name: Line
    organization: Line | None = None
    group: Line | None = None
    email: Line | None = None
    phone: Line | None = None
    person: Line | None = None
    influence: Line | None = None
    interest: Line | None = None
    engagement: Line | None = None
    attitude: Attitude | None = None
    wanted_attitude: Attitude | None = None
    plan: Note | None = None
    owner: Line
    close_reason: Line | None = None

    @property
    def is_where_wanted(self) -> bool | None:
        """Whether they stand to it at least as well as we would like; None while that cannot be told."""
        if self.attitude is None or self.wanted_attitude is None:
            return None
        order = choices(Attitude)
        return order.index(self.attitude) >= order.index(self.wanted_attitude)


_KEEPERS = SALES | {"owner"}
_JUDGED = {"influence": "mandatory", "interest": "mandatory"}

LIFECYCLE = Lifecycle(
    "stakeholder",
    "identified",
    states=[
        State("identified", "new"),
        State("analysed", "active", fields=_JUDGED),
        State("engaged", "resolved", fields={**_JUDGED, "plan": "mandatory"}),
        State("retired", "closed", fields={"*": "read_only"}),
    ],
    transitions=[
        Transition("analyse", ["identified", "engaged"], "analysed", roles=_KEEPERS,
                   requires=["influence", "interest"]),
        Transition("engage", "analysed", "engaged", roles=_KEEPERS, requires="plan"),
        Transition("retire", ["identified", "analysed", "engaged"], "retired", roles=MANAGERS,
                   requires="close_reason"),
        Transition("reinstate", "retired", "identified", roles=MANAGERS),
    ],
)  # fmt: skip
"""Identify, analyse, engage, and look at it again: who is engaged is a register's entry until that changes."""

S = TypeVar("S", bound=Stakeholder)


class Stakeholders(Relating[S]):
    """Who has a stake in what we do.

    >>> import itil4
    >>> itsm = itil4.connect()
    >>> amy = Actor("amy", roles={"account_manager"})
    >>> found = itsm.stakeholders.log(name="The works council", group="employees", by=amy)
    >>> itsm.stakeholders.analyse(found, influence="high", interest="low", by=amy).engagement
    'keep_satisfied'
    """

    slot = "stakeholders"
    kind = "stakeholder"
    prefix = "STK"
    record = Stakeholder  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = LIFECYCLE
    relations = (Relation("has_stake_in", "stake_of"), Relation("represents", "represented_by", {(SELF, "account")}))
    ends: ClassVar[Mapping[str, str]] = {"account": "represents", "stake_in": "has_stake_in"}
    readers: ClassVar[frozenset[str]] = SALES
    named_in: ClassVar[tuple[str, ...]] = ("owner", "created_by")
    writers: ClassVar[frozenset[str]] = _KEEPERS
    openers: ClassVar[frozenset[str] | None] = SALES
    indexed: ClassVar[tuple[str, ...]] = (
        "name", "organization", "group", "influence", "interest", "engagement", "attitude", "owner",
    )  # fmt: skip
    measured: ClassVar[str] = "stakeholders"

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """Whoever identifies a stakeholder keeps the relationship."""
        return {"owner": actor.on_behalf_of or actor.id}

    def derive(self, proposed: S) -> Mapping[str, Any]:
        """How they are engaged: what the grid says of influence and interest."""
        grid, influence, interest = self.rules.grid, proposed.influence, proposed.interest
        known = influence in grid.levels and interest in grid.levels
        return {"engagement": grid(influence, interest) if known else None}  # type: ignore[arg-type]  # None is no level

    def inconsistencies(self, record: S) -> Iterable[Reason]:
        """Influence and interest are levels of the grid, and an e-mail address looks like one."""
        grid = self.rules.grid
        found = (grid.problem(name, getattr(record, name)) for name in ("influence", "interest"))
        yield from (reason for reason in found if reason is not None)
        yield from address_problems(record)

    def stakeholder_map(self, *, by: Actor | None = None) -> Mapping[tuple[str, str], tuple[S, ...]]:
        """Return (influence, interest) -> the stakeholders that are not retired, for every pair of the grid."""
        levels = self.rules.grid.levels
        held: dict[tuple[str, str], list[S]] = {(a, b): [] for a in levels for b in levels}
        for each in self.each(by=by, state__in=("identified", "analysed", "engaged")):
            place: Any = (each.influence, each.interest)
            if place in held:
                held[place].append(each)
        return {pair: tuple(found) for pair, found in held.items()}


__all__ = ["LIFECYCLE", "Attitude", "Stakeholder", "Stakeholders"]
