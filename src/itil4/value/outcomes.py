"""Outcomes judged by evidence: reached, not reached, or unknown, which is never read as reached."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput
from itil4.value.services import Stakeholder
from itil4.value.validators import a, maybe, moment, must, number, text, word

Verdict: TypeAlias = Literal["reached", "not_reached", "unknown"]
Better: TypeAlias = Literal["higher", "lower"]


@attrs.frozen
class Evidence:
    """A value of an outcome's measure, when it was so, and the record that shows it."""

    value: Decimal | int = attrs.field(validator=number)
    at: datetime = attrs.field(validator=moment)
    record: str = attrs.field(validator=text)


@attrs.frozen
class Confirmation:
    """A consumer-side stakeholder said that an outcome was reached."""

    by: Stakeholder = attrs.field(validator=a(Stakeholder))
    at: datetime = attrs.field(validator=moment)


@attrs.frozen(kw_only=True)
class Outcome:
    """A result that a stakeholder wants, made measurable.

    Args:
        stakeholder: whose result it is.
        statement: what will be so, in their words.
        measure: what is measured, with its unit.
        target: the value to reach, a Decimal or a whole number.
        better: whether `higher` or `lower` values are better; the target itself counts as reached.
        by: the moment by which it is to be so.
        confirmed: who of the consumer's side said that it is so, if anybody.

    >>> from datetime import UTC
    >>> ana = Stakeholder("ana", "consumer")
    >>> outcome = Outcome(stakeholder=ana, statement="We sail on time.", measure="delays a month", target=2,
    ...                   better="lower", by=datetime(2026, 6, 30, tzinfo=UTC))
    >>> seen = Evidence(Decimal("1"), datetime(2026, 6, 1, tzinfo=UTC), "REP0007")
    >>> outcome.verdict([seen]), outcome.verdict([])
    ('reached', 'unknown')
    """

    stakeholder: Stakeholder = attrs.field(validator=a(Stakeholder))
    statement: str = attrs.field(validator=text)
    measure: str = attrs.field(validator=text)
    target: Decimal | int = attrs.field(validator=number)
    better: Better = attrs.field(default="higher", validator=word(Better))
    by: datetime = attrs.field(validator=moment)
    confirmed: Confirmation | None = attrs.field(default=None, validator=maybe(a(Confirmation)))

    def __attrs_post_init__(self) -> None:
        if self.confirmed is not None and self.confirmed.by.side != "consumer":
            raise InvalidInput.of("not_consumer_side", stakeholder=self.confirmed.by.id, side=self.confirmed.by.side)

    def verdict(self, evidence: Iterable[Evidence], asof: datetime | None = None) -> Verdict:
        """Return whether the outcome is reached, from the latest evidence up to its `by` (and to `asof`, if given).

        Before `by`, a value short of the target is `unknown`: there is still time. Without evidence it is `unknown`.
        """
        by = instant(self.by)
        limit = by if asof is None else min(by, instant(asof, "asof"))
        seen = [item for item in evidence if instant(item.at) <= limit]
        if not seen:
            return "unknown"
        value = max(seen, key=lambda item: instant(item.at)).value
        if value >= self.target if self.better == "higher" else value <= self.target:
            return "reached"
        return "not_reached" if limit == by else "unknown"

    def confirm(self, by: Stakeholder, at: datetime) -> "Outcome":
        """Return the outcome with the word of somebody on the consumer's side.

        Raises:
            InvalidInput: they stand on another side (`not_consumer_side`).
        """
        return attrs.evolve(self, confirmed=Confirmation(by, at))


@attrs.frozen
class OutcomeCount:
    """How many outcomes are reached, not reached and unknown; and how many somebody confirmed."""

    reached: int
    not_reached: int
    unknown: int
    confirmed: int

    @property
    def share_reached(self) -> float | None:
        """Reached by all, the unknown ones included; None when there are no outcomes."""
        total = self.reached + self.not_reached + self.unknown
        return self.reached / total if total else None


def count_outcomes(judged: Iterable[tuple[Outcome, Iterable[Evidence]]], asof: datetime | None = None) -> OutcomeCount:
    """Return the count of verdicts over outcomes, each given with its evidence.

    Raises:
        InvalidInput: an item does not begin with an `Outcome`.
    """
    verdicts: list[Verdict] = []
    confirmed = 0
    for outcome, evidence in judged:
        must(Outcome, "judged", outcome)
        verdicts.append(outcome.verdict(evidence, asof))
        confirmed += outcome.confirmed is not None
    return OutcomeCount(verdicts.count("reached"), verdicts.count("not_reached"), verdicts.count("unknown"), confirmed)
