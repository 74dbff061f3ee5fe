"""Opportunities: business that may come of an account, stage by stage, until it is won or lost (INV-108)."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final, TypeVar

import attrs

from itil4.errors import Reason, Refused
from itil4.lifecycle import Context, FollowUp, Lifecycle, State, Transition
from itil4.practices.relationship.policy import percent
from itil4.practices.relationship.relating import ABOUT, FOR_ACCOUNT, INVOLVES, SALES, Relating
from itil4.record import SELF, Actor, Line, Note, Record, Relation
from itil4.storage.unit import Unit
from itil4.value.ledger import Amount

LARGEST: Final = Decimal(10) ** 15
"""An opportunity is worth less than this, in any currency."""

PLACES: Final = 4
"""An amount has at most so many decimal places."""


@attrs.frozen(kw_only=True)
class Opportunity(Record):
    """Business that may come of an account; its state is its stage.

    Attributes:
        amount: what it would bring: an exact number and the code of its currency, such as `Amount(12_000, "EUR")`.
        currency: computed: that of the amount.
        probability: how likely it is won, in whole percent; by default as the policy has it for the stage.
        expected_close: the day on which it is expected to be won.
        next_step: what is to be done next.
        source: where it came from.
        competitor: who else is after it.
        owner: who answers for it.
        customer: the name of the account in other records.
        closed_at, close_reason: when and why it was won or lost.
    """

    summary: Line
    description: Note = ""
    amount: Amount | None = None
    currency: Line | None = None
    probability: int = 0
    expected_close: date | None = None
    next_step: Line | None = None
    source: Line | None = None
    competitor: Line | None = None
    owner: Line
    group: Line | None = None
    customer: Line | None = None
    closed_at: datetime | None = None
    close_reason: Line | None = None


def likely(stage: str) -> Callable[[Opportunity, Context], Mapping[str, Any]]:
    """Return the effect that an opportunity is as likely as its new stage, unless somebody says otherwise."""

    def weigh(opportunity: Opportunity, context: Context) -> Mapping[str, Any]:
        if "probability" in context.payload:
            return {}
        return {"probability": context.facts["policy"].probabilities.get(stage, opportunity.probability)}

    weigh.__name__ = weigh.__qualname__ = f"likely_{stage}"
    return weigh


def settle_won(opportunity: Opportunity, context: Context) -> Mapping[str, Any]:
    """What is won is certain."""
    return {"probability": 100, "closed_at": context.at}


def settle_lost(opportunity: Opportunity, context: Context) -> Mapping[str, Any]:
    """What is lost is out of the question."""
    return {"probability": 0, "closed_at": context.at}


_SELLERS = SALES | {"owner"}
_STAGES = ("qualification", "needs_analysis", "proposal", "negotiation")
_SETTLED = {"closed_at": "read_only"}
_OFFERED = {**_SETTLED, "amount": "mandatory"}
_OVER = {"close_reason": "must_prompt|read_only", "*": "read_only"}


def _on(event: str, sources: Iterable[str], stage: str, **rules: Any) -> Transition:
    """A step to a stage, which is as likely as that stage."""
    return Transition(event, [*sources], stage, roles=_SELLERS, effects=[likely(stage)], facts="policy", **rules)


LIFECYCLE = Lifecycle(
    "opportunity",
    "qualification",
    states=[
        State("qualification", "new", fields=_SETTLED),
        State("needs_analysis", "active", fields=_SETTLED),
        State("proposal", "active", fields=_OFFERED),
        State("negotiation", "active", fields=_OFFERED),
        State("won", "closed", final=True, fields=_OVER),
        State("lost", "cancelled", final=True, fields=_OVER),
    ],
    transitions=[
        _on("analyse_needs", ["qualification", "proposal"], "needs_analysis"),
        _on("propose", ["qualification", "needs_analysis", "negotiation"], "proposal", requires="amount"),
        _on("negotiate", ["proposal"], "negotiation"),
        Transition("win", ["proposal", "negotiation"], "won", roles=_SELLERS, requires="amount", effects=[settle_won],
                   follow_ups=[FollowUp("onboard", over="links.for_account", states=("prospect",))]),
        Transition("lose", _STAGES, "lost", roles=_SELLERS, requires="close_reason", effects=[settle_lost]),
    ],
)  # fmt: skip
"""The stages in order, with ways back; won and lost are final. The account of what is won becomes a customer."""


def _places(value: Decimal) -> int:
    """Return how many decimal places a number needs, exactly, whatever the host's decimal context rounds to."""
    _, digits, exponent = value.as_tuple()
    shown = "".join(map(str, digits)).rstrip("0")
    return -int(exponent) - (len(digits) - len(shown)) if shown else 0


O = TypeVar("O", bound=Opportunity)  # noqa: E741 - the letter of the record, as in the other practices


class Opportunities(Relating[O]):
    """Business that may come of accounts.

    >>> import itil4
    >>> itsm = itil4.connect()
    >>> amy = Actor("amy", roles={"account_manager"})
    >>> acme = itsm.accounts.log(name="Acme", contact={"name": "Jo Doe"}, by=amy)
    >>> deal = itsm.opportunities.log(account=acme, summary="Storage", amount=Amount(12_000, "EUR"), by=amy)
    >>> deal = itsm.opportunities.propose(deal, by=amy)
    >>> deal.probability, itsm.opportunities.figures()["weighted_pipeline"].shown
    (50, '6,000.00 EUR')
    """

    slot = "opportunities"
    kind = "opportunity"
    prefix = "OPP"
    record = Opportunity  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = LIFECYCLE
    relations = (
        FOR_ACCOUNT,
        Relation(*INVOLVES, {(SELF, "contact"), (SELF, "stakeholder")}),
        Relation(*ABOUT, {(SELF, kind) for kind in (
            "service_level", "service_level_requirement", "service_request", "change",
        )}),
    )  # fmt: skip
    ends: ClassVar[Mapping[str, str]] = {"account": "for_account", "involves": "involves", "about": "about"}
    needed: ClassVar[tuple[str, ...]] = ("account",)
    readers: ClassVar[frozenset[str]] = SALES
    named_in: ClassVar[tuple[str, ...]] = ("owner", "created_by")
    writers: ClassVar[frozenset[str]] = _SELLERS
    openers: ClassVar[frozenset[str] | None] = SALES
    indexed: ClassVar[tuple[str, ...]] = (
        "summary", "currency", "probability", "expected_close", "source", "owner", "group", "customer", "closed_at",
    )  # fmt: skip
    measured: ClassVar[str] = "opportunities"

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """A new opportunity is as likely as its first stage, and belongs to whoever found it."""
        likely = self.rules.probabilities.get(self.lifecycle.initial[0], 0)
        return {"probability": likely, "owner": actor.on_behalf_of or actor.id}

    def derive(self, proposed: O) -> Mapping[str, Any]:
        """The currency is that of the amount: what figures are split by."""
        return {"currency": None if proposed.amount is None else proposed.amount.unit}

    def inconsistencies(self, record: O) -> Iterable[Reason]:
        """Amount and probability lie within their bounds (INV-108)."""
        if not percent(record.probability):
            yield Reason.of(
                "out_of_bounds", field="probability", value=record.probability, lowest=0, highest="100 percent"
            )
        if record.amount is None:
            if record.currency is not None:
                yield Reason.of("bad_currency", value=record.currency)
            return
        value, unit = record.amount.value, record.amount.unit
        if not 0 <= value < LARGEST or _places(value) > PLACES:
            highest = f"less than {LARGEST:,}, with at most {PLACES} decimal places"
            yield Reason.of("out_of_bounds", field="amount", value=str(value), lowest=0, highest=highest)
        if not (len(unit) == 3 and unit.isascii() and unit.isalpha() and unit.isupper()) or record.currency != unit:
            yield Reason.of("bad_currency", value=unit if record.currency == unit else record.currency)

    def joined(self, unit: Unit, record: O, ends: Mapping[str, tuple[Any, ...]]) -> None:
        """Refuse business with an account that is over; it is won back first."""
        account = ends["account"][0]
        unit.depend([account.id])
        if account.state == "former":
            raise Refused.of("account_over", account=account.reference, state=account.state)

    def pipeline(self, *, by: Actor | None = None) -> Mapping[str, tuple[O, ...]]:
        """Return stage -> the open opportunities in it that the reader may see, in the order of the stages."""
        stages = [each.name for each in self.lifecycle.states if each.category in ("new", "active", "waiting")]
        held: dict[str, list[O]] = {stage: [] for stage in stages}
        for each in self.each(is_open=True, by=by):
            held[each.state].append(each)
        return {stage: tuple(found) for stage, found in held.items()}


__all__ = ["LARGEST", "LIFECYCLE", "PLACES", "Opportunities", "Opportunity"]
