"""The value ledger: what a service gives to whom and takes from whom, with evidence and without mixing units."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput
from itil4.value.validators import a, frozen_list, many, maybe, moment, must, number, some, text, word

PostingKind: TypeAlias = Literal["benefit", "cost_removed", "cost_imposed", "risk_removed", "risk_imposed"]
"""A gain; and costs and risks that a service takes from a stakeholder, or brings to them."""

SubjectKind: TypeAlias = Literal["activity", "person", "item", "supplier"]
"""What a budget is for: an activity, or a resource that is a person, an item or a supplier."""

_ADVERSE: tuple[PostingKind, ...] = ("cost_imposed", "risk_imposed")


def _decimal(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


@attrs.frozen
class Amount:
    """A number of some unit: `EUR`, `hours`, `expected EUR a year`. Only like units add.

    >>> Amount(Decimal("2.50"), "EUR") + Amount(1, "EUR")
    Amount(value=Decimal('3.50'), unit='EUR')
    >>> Amount(1, "EUR") + Amount(1, "USD")
    Traceback (most recent call last):
        ...
    itil4.errors.InvalidInput: EUR and USD cannot be added. Convert one of them first, at a rate that you state.
    """

    value: Decimal = attrs.field(converter=_decimal, validator=number)
    unit: str = attrs.field(validator=text)

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.value + self._like(other), self.unit)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.value - self._like(other), self.unit)

    def __neg__(self) -> "Amount":
        return Amount(-self.value, self.unit)

    def _like(self, other: object) -> Decimal:
        if not isinstance(other, Amount):
            raise InvalidInput.of("ill_typed", field="amount", expected="an Amount", value=other)
        if other.unit != self.unit:
            raise InvalidInput.of("unlike_units", first=self.unit, second=other.unit)
        return other.value


def _magnitude(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    a(Amount)(_, attribute, value)
    if value.value < 0:
        raise InvalidInput.of("negative", field=attribute.name, value=value.value)


@attrs.frozen(kw_only=True)
class Posting:
    """One entry of the ledger: what, for whom, how much, when, and the records that show it.

    The amount is never negative; the kind says which way it goes. A mistake is posted back with `reverses`.
    """

    id: str = attrs.field(validator=text)
    stakeholder: str = attrs.field(validator=text)
    kind: PostingKind = attrs.field(validator=word(PostingKind))
    amount: Amount = attrs.field(validator=_magnitude)
    at: datetime = attrs.field(validator=moment)
    evidence: tuple[str, ...] = attrs.field(converter=frozen_list, validator=some(text))
    service: str | None = attrs.field(default=None, validator=maybe(text))
    reverses: str | None = attrs.field(default=None, validator=maybe(text))

    @property
    def signed(self) -> Amount:
        """The amount as the line counts it: negative when it takes another posting back."""
        return -self.amount if self.reverses else self.amount


@attrs.frozen
class LedgerLine:
    """The sum of the postings of one stakeholder, kind and unit, with all their evidence."""

    stakeholder: str
    kind: PostingKind
    total: Amount
    postings: int
    evidence: tuple[str, ...]


@attrs.frozen
class ValueLedger:
    """Postings, and the lines that sum them per stakeholder, kind and unit.

    A ledger is a value: `post` returns another one.

    Raises:
        InvalidInput: two postings have one id, or one reverses a posting that is not there or does not match it.

    >>> from datetime import UTC
    >>> at = datetime(2026, 3, 2, tzinfo=UTC)
    >>> ledger = ValueLedger().post(
    ...     Posting(id="1", stakeholder="sales", kind="cost_removed", amount=Amount(900, "EUR"), at=at,
    ...             evidence=["INV7"]),
    ...     Posting(id="2", stakeholder="sales", kind="cost_imposed", amount=Amount(250, "EUR"), at=at,
    ...             evidence=["INV8"]),
    ... )
    >>> [(line.kind, str(line.total.value)) for line in ledger.lines()], str(ledger.net("sales", "EUR").value)
    ([('cost_removed', '900'), ('cost_imposed', '250')], '650')
    """

    postings: tuple[Posting, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=many(a(Posting)))

    def __attrs_post_init__(self) -> None:
        known: dict[str, Posting] = {}
        undone: set[str] = set()
        for posting in self.postings:
            if posting.id in known:
                raise InvalidInput.of("duplicate", where="The ledger", what="posting", name=posting.id)
            if posting.reverses is not None:
                first = known.get(posting.reverses)
                same = first is not None and (first.stakeholder, first.kind, first.amount, first.service) == (
                    posting.stakeholder, posting.kind, posting.amount, posting.service,
                )  # fmt: skip
                if first is None or not same or first.reverses or first.id in undone:
                    raise InvalidInput.of("not_reversible", posting=posting.id, reverses=posting.reverses)
                undone.add(first.id)
            known[posting.id] = posting

    def post(self, *postings: Posting) -> "ValueLedger":
        """Return the ledger with further postings."""
        return ValueLedger((*self.postings, *postings))

    def lines(self) -> tuple[LedgerLine, ...]:
        """Return one line per stakeholder, kind and unit, in the order of their first posting."""
        return _lines(self.postings)

    def statement(self, start: datetime, end: datetime) -> tuple[LedgerLine, ...]:
        """Return the lines of a period, `[start, end)`: statements of adjoining periods add up to `lines()`.

        Raises:
            InvalidInput: the period is empty.
        """
        first, last = instant(start, "start"), instant(end, "end")
        if first >= last:
            raise InvalidInput.of("empty_window", start=first, end=last)
        return _lines(posting for posting in self.postings if first <= posting.at < last)

    def net(self, stakeholder: str, unit: str) -> Amount:
        """Return what a stakeholder gained in one unit: benefits and what was removed, less what was imposed."""
        total = Decimal(0)
        for line in self.lines():
            if (line.stakeholder, line.total.unit) == (stakeholder, unit):
                total += -line.total.value if line.kind in _ADVERSE else line.total.value
        return Amount(total, unit)


def _lines(postings: Iterable[Posting]) -> tuple[LedgerLine, ...]:
    groups: dict[tuple[str, PostingKind, str], list[Posting]] = {}
    for posting in postings:
        groups.setdefault((posting.stakeholder, posting.kind, posting.amount.unit), []).append(posting)
    return tuple(
        LedgerLine(
            stakeholder,
            kind,
            Amount(sum((posting.signed.value for posting in group), Decimal(0)), unit),
            len(group),
            tuple(dict.fromkeys(record for posting in group for record in posting.evidence)),
        )
        for (stakeholder, kind, unit), group in groups.items()
    )


@attrs.frozen(kw_only=True)
class Spending:
    """Money spent on an activity or a resource, with the record that shows it."""

    subject: str = attrs.field(validator=text)
    amount: Amount = attrs.field(validator=a(Amount))
    at: datetime = attrs.field(validator=moment)
    record: str = attrs.field(validator=text)


@attrs.frozen(kw_only=True)
class BudgetStatus:
    """How a budget stands: spent, left (negative when overspent), the share used, and the records."""

    spent: Amount
    left: Amount
    share: float | None
    records: tuple[str, ...]

    @property
    def overspent(self) -> bool:
        """Whether more was spent than planned."""
        return self.left.value < 0


@attrs.frozen(kw_only=True)
class Budget:
    """Money set aside for one activity or one resource over a period, `[start, end)`.

    >>> from datetime import UTC
    >>> march = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    >>> budget = Budget(
    ...     subject="relay vendor", kind="supplier", planned=Amount(1000, "EUR"), start=march[0], end=march[1])
    >>> status = budget.status([
    ...     Spending(subject="relay vendor", amount=Amount(1200, "EUR"), at=march[0], record="INV9")])
    >>> status.overspent, status.share
    (True, 1.2)
    """

    subject: str = attrs.field(validator=text)
    kind: SubjectKind = attrs.field(validator=word(SubjectKind))
    planned: Amount = attrs.field(validator=_magnitude)
    start: datetime = attrs.field(validator=moment)
    end: datetime = attrs.field(validator=moment)

    def __attrs_post_init__(self) -> None:
        if instant(self.start) >= instant(self.end):
            raise InvalidInput.of("empty_window", start=self.start, end=self.end)

    def status(self, spendings: Iterable[Spending]) -> BudgetStatus:
        """Return how the budget stands after the spendings on its subject in its period; others are left out.

        Raises:
            InvalidInput: one of them is in another unit (`unlike_units`).
        """
        start, end = instant(self.start), instant(self.end)
        spent = Amount(0, self.planned.unit)
        records = []
        for spending in spendings:
            must(Spending, "spendings", spending)
            if spending.subject == self.subject and start <= instant(spending.at) < end:
                spent += spending.amount
                records.append(spending.record)
        planned = self.planned.value
        return BudgetStatus(
            spent=spent,
            left=self.planned - spent,
            share=float(spent.value / planned) if planned else None,
            records=tuple(records),
        )
