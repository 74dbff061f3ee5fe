"""Co-creation: whether provider and consumer make value together, or one of them only says so."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, TypeAlias

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput
from itil4.value.services import Side
from itil4.value.validators import maybe, moment, must, text, word

InteractionKind: TypeAlias = Literal["exchange", "feedback", "claim"]
"""Anything said or done; an opinion of the service; a statement that value was delivered."""


@attrs.frozen(kw_only=True)
class Interaction:
    """One thing that one side said or did towards the other.

    Args:
        id: unique among the interactions.
        service: the id of the service that it is about.
        side: who did it.
        kind: an exchange, feedback, or a claim.
        at: when.
        answers: id of the interaction that it replies to.
        record: the record that shows it.
    """

    id: str = attrs.field(validator=text)
    service: str = attrs.field(validator=text)
    side: Side = attrs.field(validator=word(Side))
    at: datetime = attrs.field(validator=moment)
    record: str = attrs.field(validator=text)
    kind: InteractionKind = attrs.field(default="exchange", validator=word(InteractionKind))
    answers: str | None = attrs.field(default=None, validator=maybe(text))


@attrs.frozen(kw_only=True)
class CoCreation:
    """What the interactions of a period show, each finding with its records.

    Attributes:
        two_way: records of interactions that the other side answered, and of the answers.
        one_way: records of all others.
        answered, unanswered: records of consumer-side feedback that the provider did or did not reply to.
        confirmed_claims, provider_only_claims: records of the provider's claims that the consumer's side did or did
            not reply to.
    """

    service: str
    two_way: tuple[str, ...]
    one_way: tuple[str, ...]
    answered: tuple[str, ...]
    unanswered: tuple[str, ...]
    confirmed_claims: tuple[str, ...]
    provider_only_claims: tuple[str, ...]

    @property
    def two_way_share(self) -> float | None:
        """Share of the interactions that were two-way; None without interactions."""
        total = len(self.two_way) + len(self.one_way)
        return len(self.two_way) / total if total else None

    @property
    def answered_share(self) -> float | None:
        """Share of the feedback that was answered; None without feedback."""
        total = len(self.answered) + len(self.unanswered)
        return len(self.answered) / total if total else None


def co_creation(
    service: str, interactions: Iterable[Interaction], period: tuple[datetime, datetime] | None = None
) -> CoCreation:
    """Return how two-sided the work on a service was in a period.

    An answer counts when it comes from the other of provider and consumer, and not before what it answers. Interactions
    of the period are judged; an answer may come after its end, and is then not judged itself.

    Args:
        service: the id of the service; interactions about others are left out.
        interactions: any, in any order.
        period: `[start, end)`; without it, all of them.

    Raises:
        InvalidInput: two interactions have one id, or the period is empty.

    >>> from datetime import UTC
    >>> at = datetime(2026, 3, 2, tzinfo=UTC)
    >>> seen = co_creation("mail", [
    ...     Interaction(id="1", service="mail", side="consumer", kind="feedback", at=at, record="FB1"),
    ...     Interaction(id="2", service="mail", side="provider", at=at, record="MSG1", answers="1"),
    ...     Interaction(id="3", service="mail", side="provider", kind="claim", at=at, record="REP1"),
    ... ])
    >>> seen.answered, seen.provider_only_claims, round(seen.two_way_share, 2)
    (('FB1',), ('REP1',), 0.67)
    """
    known: dict[str, Interaction] = {}
    for item in interactions:
        must(Interaction, "interactions", item)
        if item.id in known:
            raise InvalidInput.of("duplicate", where="The list", what="interaction", name=item.id)
        if item.service == service:
            known[item.id] = item
    judged = tuple(known.values())
    if period is not None:
        start, end = (instant(moment, "period") for moment in period)
        if start >= end:
            raise InvalidInput.of("empty_window", start=start, end=end)
        judged = tuple(item for item in judged if start <= item.at < end)
    replied: set[str] = set()
    replies: set[str] = set()
    for item in known.values():
        asked = known.get(item.answers or "")
        if (
            asked is not None
            and instant(asked.at) <= instant(item.at)
            and {asked.side, item.side} == {"provider", "consumer"}
        ):
            replied.add(asked.id)
            replies.add(item.id)

    def records(kind: str | None, side: str | None, met: bool) -> tuple[str, ...]:
        both = replied if kind else replied | replies
        return tuple(
            item.record
            for item in judged
            if kind in (None, item.kind) and side in (None, item.side) and (item.id in both) is met
        )

    return CoCreation(
        service=service,
        two_way=records(None, None, True),
        one_way=records(None, None, False),
        answered=records("feedback", "consumer", True),
        unanswered=records("feedback", "consumer", False),
        confirmed_claims=records("claim", "provider", True),
        provider_only_claims=records("claim", "provider", False),
    )
