"""The figures of relationship management: satisfaction, the pipeline, what became of leads and complaints.

Folded from the histories of its records, so that each figure names the records behind it and can be told for any
period that has passed. Money is added up exactly, and never across currencies.
"""

from collections.abc import Iterator, Mapping
from decimal import Context, Decimal, localcontext

from itil4.errors import Reason
from itil4.practices.figures import Period
from itil4.practices.measuring import Answer, Definition, Measure, Tally, averaged, counted, shared
from itil4.practices.stories import Move, Story
from itil4.record import Frozen
from itil4.value.ledger import Amount

_EXACT = Context(prec=200)
"""Enough digits for every sum of amounts, whatever the host's own decimal context rounds to."""

# folds


def net_promoter(tally: Tally) -> Answer:
    """Return the share of promoters less that of detractors, in points; each value is 1, 0 or -1."""
    if not tally.values:
        return None, {}
    hits = tuple(record for record, value in zip(tally.records, tally.values, strict=True) if value > 0)
    return 100 * sum(tally.values) / len(tally.values), {"hits": hits}


def added_up(tally: Tally) -> Answer:
    """Add up amounts of one currency; several have no sum, and the reason names them."""
    currencies = sorted({amount.unit for amount in tally.values})
    if len(currencies) > 1:
        return None, {"reason": Reason.of("several_currencies", currencies=", ".join(currencies))}
    if not currencies:
        return None, {}
    with localcontext(_EXACT):
        return Amount(sum((amount.value for amount in tally.values), Decimal(0)), currencies[0]), {}


# what several kinds of record have in common


def _logged(story: Story, period: Period, tally: Tally) -> None:
    if period.holds(story.born.at):
        tally.add(story, 1)


def _entered(story: Story, state: str, period: Period) -> Move | None:
    """Return the step by which a record came into the state in which it is, if that lies in the period."""
    if story.moves[-1].state != state:
        return None
    move = next(each for each in reversed(story.moves) if each.state == state != each.before_state)
    return move if period.holds(move.at) else None


def _won_of(good: str, *bad: str) -> Measure:
    """Of what ended in the period, whether it ended well."""

    def measure(story: Story, period: Period, tally: Tally) -> None:
        if _entered(story, good, period) is not None:
            tally.add(story, True)
        elif any(_entered(story, each, period) is not None for each in bad):
            tally.add(story, False)
        elif story.is_open:
            tally.wait(story)

    return measure


def _time_to(state: str) -> Measure:
    """The calendar time from birth to the state in which it ended."""

    def measure(story: Story, period: Period, tally: Tally) -> None:
        move = _entered(story, state, period)
        if move is not None:
            tally.add(story, move.at - story.born.at)
        elif story.is_open:
            tally.wait(story)

    return measure


# accounts


def _customers(story: Story, period: Period, tally: Tally) -> None:
    if story.moves[-1].state == "customer":
        tally.add(story, 1)


def _retained(story: Story, period: Period, tally: Tally) -> None:
    if period.since is None:
        return
    before = [move for move in story.moves if move.at < period.since]
    if before and before[-1].state == "customer":
        tally.add(story, story.moves[-1].state == "customer")


# satisfaction


def _scores(measure: str) -> Measure:
    """What the answers on one kind of scale say: 1 for us, -1 against us, 0 neither."""

    def fold(story: Story, period: Period, tally: Tally) -> None:
        scale, score = story.value("scale"), story.value("score")
        if scale is None or scale.measure != measure:
            return
        if score is None:
            if story.is_open:
                tally.wait(story)
            elif story.category == "cancelled":
                tally.leave(story, period, "without an answer")
            return
        answered = story.last("closed")
        if answered is None or not period.holds(story.value("answered_at") or answered.at):
            return
        good, bad = score >= scale.good_from, scale.bad_to is not None and score <= scale.bad_to
        value = 1 if good else -1 if bad else 0
        tally.add(story, value > 0 if measure == "csat" else value, f"score {score}")

    return fold


def _answered(story: Story, period: Period, tally: Tally) -> None:
    if period.holds(story.born.at):
        if story.is_open:
            tally.wait(story)
        else:
            tally.add(story, story.moves[-1].state == "answered")


# interactions and stakeholders


def _occurred(story: Story, period: Period, tally: Tally) -> None:
    at = story.value("occurred_at")
    if at is not None and story.category != "cancelled" and period.holds(at):
        tally.add(story, 1, story.value("channel"))


def _engaged(story: Story, period: Period, tally: Tally) -> None:
    if story.value("influence") is not None and story.value("interest") is not None and story.category != "closed":
        tally.add(story, story.moves[-1].state == "engaged", story.value("engagement") or "unknown")


# opportunities


def _amount(story: Story, tally: Tally, period: Period) -> Amount | None:
    amount: Amount | None = story.value("amount")
    if amount is None:
        tally.leave(story, period, "without an amount")
    return amount


def _pipeline(story: Story, period: Period, tally: Tally) -> None:
    if story.is_open and (amount := _amount(story, tally, period)) is not None:
        tally.add(story, amount)


def _weighted(story: Story, period: Period, tally: Tally) -> None:
    if story.is_open and (amount := _amount(story, tally, period)) is not None:
        with localcontext(_EXACT):
            worth = amount.value * story.value("probability", 0) / 100
        tally.add(story, Amount(worth, amount.unit))


def _won_value(story: Story, period: Period, tally: Tally) -> None:
    if _entered(story, "won", period) is not None and (amount := _amount(story, tally, period)) is not None:
        tally.add(story, amount)


# complaints


def _response_time(story: Story, period: Period, tally: Tally) -> None:
    first = next((move for move in story.moves if move.state == "responded"), None)
    if first is None:
        if story.is_open:
            tally.wait(story)
    elif period.holds(first.at):
        tally.add(story, first.at - story.born.at)


def _settled(story: Story, period: Period, tally: Tally) -> None:
    if _entered(story, "closed", period) is not None:
        tally.add(story, story.value("is_settled") is True)
    elif story.category != "cancelled":
        tally.wait(story)


def _again(story: Story, period: Period, tally: Tally) -> None:
    if any(move.state == "closed" and period.holds(move.at) for move in story.moves):
        tally.add(story, any(move.before_state == "closed" != move.state for move in story.moves))


_SURVEYS = "the answer of each survey, and its scale"

TABLES: Mapping[str, tuple[Definition, ...]] = Frozen({
    "accounts": (
        Definition(name="logged", title="Accounts opened", unit="count", fold=counted, measure=_logged, steps=False,
                   definition="How many accounts were opened in the period.", reads="birth or import"),
        Definition(name="customers", title="Customers", unit="count", fold=counted, measure=_customers, steps=False,
                   definition="How many accounts were customers at the end of the period.", reads="the last step"),
        Definition(name="retention", title="Customers retained", unit="share", fold=shared, measure=_retained,
                   definition="Of the accounts that were customers when the period began (it needs `since`), the share "
                              "that still were when it ended.", reads="steps to and from customer"),
        Definition(name="time_to_customer", title="Time to customer", unit="seconds", fold=averaged,
                   measure=_time_to("customer"), reads="birth, the step to customer",
                   definition="Mean calendar time from opening to customer, of accounts that became so in the period."),
    ),
    "contacts": (
        Definition(name="logged", title="Contacts added", unit="count", fold=counted, measure=_logged, steps=False,
                   definition="How many contacts were added in the period.", reads="birth or import"),
    ),
    "interactions": (
        Definition(name="occurred", title="Interactions", unit="count", fold=counted, measure=_occurred, steps=False,
                   definition="How many interactions took place in the period, by channel, those taken back left out.",
                   reads="occurred_at, channel"),
    ),
    "stakeholders": (
        Definition(name="engaged", title="Stakeholders engaged", unit="share", fold=shared, measure=_engaged,
                   definition="Of the stakeholders judged and not retired at the end of the period, the share that is "
                              "engaged.", reads="influence, interest, the last step"),
    ),
    "leads": (
        Definition(name="logged", title="Leads", unit="count", fold=counted, measure=_logged, steps=False,
                   definition="How many leads came in the period.", reads="birth or import"),
        Definition(name="conversion_rate", title="Leads converted", unit="share", fold=shared,
                   measure=_won_of("converted", "disqualified"), reads="the step to converted or disqualified",
                   definition="Of the leads that ended in the period, the share that became an account."),
        Definition(name="time_to_convert", title="Time to conversion", unit="seconds", fold=averaged,
                   measure=_time_to("converted"), reads="birth, the step to converted",
                   definition="Mean calendar time from lead to account, of those converted in the period."),
    ),
    "opportunities": (
        Definition(name="logged", title="Opportunities", unit="count", fold=counted, measure=_logged, steps=False,
                   definition="How many opportunities came in the period.", reads="birth or import"),
        Definition(name="win_rate", title="Opportunities won", unit="share", fold=shared,
                   measure=_won_of("won", "lost"), reads="the step to won or lost",
                   definition="Of the opportunities that were won or lost in the period, the share that was won."),
        Definition(name="sales_cycle", title="Sales cycle", unit="seconds", fold=averaged, measure=_time_to("won"),
                   definition="Mean calendar time from opportunity to won, of those won in the period.",
                   reads="birth, the step to won"),
        Definition(name="won_value", title="Value won", unit="money", fold=added_up, measure=_won_value,
                   definition="The amounts of the opportunities won in the period.", reads="amount, the step to won"),
        Definition(name="pipeline", title="Pipeline", unit="money", fold=added_up, measure=_pipeline, steps=False,
                   definition="The amounts of the opportunities open at the end of the period.",
                   reads="amount, the last step"),
        Definition(name="weighted_pipeline", title="Weighted pipeline", unit="money", fold=added_up, measure=_weighted,
                   definition="The same, each amount times its probability.", steps=False,
                   reads="amount, probability, the last step"),
    ),
    "complaints": (
        Definition(name="logged", title="Complaints", unit="count", fold=counted, measure=_logged, steps=False,
                   definition="How many complaints were received in the period.", reads="birth or import"),
        Definition(name="response_time", title="Time to response", unit="seconds", fold=averaged,
                   measure=_response_time, reads="birth, the first step to responded",
                   definition="Mean calendar time from complaint to the first response, of those given in the period."),
        Definition(name="resolution_time", title="Time to closure", unit="seconds", fold=averaged,
                   measure=_time_to("closed"), reads="birth, the step to closed",
                   definition="Mean calendar time from complaint to closure, of those closed in the period."),
        Definition(name="settled", title="Complaints settled", unit="share", fold=shared, measure=_settled,
                   definition="Of the complaints closed in the period, the share whose author was content.",
                   reads="is_settled, the step to closed"),
        Definition(name="taken_up_again", title="Complaints taken up again", unit="share", fold=shared, measure=_again,
                   definition="Of the complaints closed in the period, the share that was taken up again since.",
                   reads="steps to and from closed"),
    ),
    "satisfaction_surveys": (
        Definition(name="csat", word="customer satisfaction", title="Customer satisfaction (CSAT)", unit="share",
                   fold=shared, measure=_scores("csat"), reads=_SURVEYS, steps=False,
                   definition="Of the answers of the period on such a scale (1 to 5), the share that is satisfied "
                              "(4 or 5)."),
        Definition(name="nps", title="Net promoter score (NPS)", unit="points", fold=net_promoter,
                   measure=_scores("nps"), reads=_SURVEYS, steps=False,
                   definition="Of the answers of the period on such a scale (0 to 10), the percentage of promoters "
                              "(9 or 10) less that of detractors (0 to 6), from -100 to 100."),
        Definition(name="response_rate", title="Surveys answered", unit="share", fold=shared, measure=_answered,
                   definition="Of the surveys sent in the period that are over, the share that was answered.",
                   reads="birth, the last step"),
    ),
})  # fmt: skip
"""Their tables, by the places of their records."""


def figure_table(measured: str) -> Iterator[str]:
    """Return one table as lines of Markdown."""
    yield "| figure | unit | definition | read from |"
    yield "|---|---|---|---|"
    for each in TABLES[measured]:
        unit = {"seconds": "calendar time"}.get(each.unit, each.unit)
        yield f"| `{each.name}`: {each.title} | {unit} | {each.definition} | {each.reads} |"


__all__ = ["TABLES", "added_up", "figure_table", "net_promoter"]
