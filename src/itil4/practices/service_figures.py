"""The figures of service levels: how promises were kept, and how long things take in service time.

All are folded from history, like the figures of a practice, with what stands behind each. What a clock says is
read at the end of the period, so that the figures of a month stay what they were.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from itil4.errors import InvalidInput, nearest
from itil4.practices.figures import Figures, Period, nearest_rank
from itil4.practices.incident_figures import interruption
from itil4.practices.measuring import Answer, Definition, Tally, averaged, measure, shared
from itil4.practices.service_agreements import ServiceReview
from itil4.practices.service_clocks import RecordClock
from itil4.practices.service_scope import most_specific
from itil4.practices.stories import Story
from itil4.record import Actor
from itil4.service_level import Reading, ServiceCalendar, Target, availability, clock, mtbf, mtbsi
from itil4.service_level.figure import Outage, fell_due
from itil4.vocabulary import OPEN, Category

if TYPE_CHECKING:
    from itil4.practices.base import Practice
    from itil4.practices.service_clockwork import Clockwork
    from itil4.practices.service_policy import ServiceLevelPolicy


class _Clocks:
    """Reads the clocks of one story after another; each story is read once for all figures."""

    def __init__(
        self, practice: "Practice[Any]", clockwork: "Clockwork", policy: "ServiceLevelPolicy", target: str | None
    ) -> None:
        self.kind, self.clockwork, self.policy, self.target = practice.kind, clockwork, policy, target
        self._of: tuple[Story | None, list[tuple[RecordClock, Reading]], ServiceCalendar | None] = None, [], None

    def of(self, story: Story, period: Period) -> list[tuple[RecordClock, Reading]]:
        """Return the clocks of a record that are asked for, read at the end of the period."""
        if self._of[0] is not story:
            clocks = self.clockwork.clocks(self.kind, story.entries, policy=self.policy, strict=False)
            found = [(each, each.read(period.end)) for each in clocks if self._asked(each)]
            self._of = story, found, None
        return self._of[1]

    def _asked(self, each: RecordClock) -> bool:
        rule = each.rule
        names = (rule.slot, rule.target.metric, rule.target.name, rule.label, rule.agreement)
        return self.target is None or self.target in names

    def hours(self, story: Story, period: Period) -> ServiceCalendar:
        """Return the service hours of a record: those of its first clock, or of its customer and service."""
        found = self.of(story, period)
        return found[0][0].calendar if found else self.policy.calendar_of(self._values(story))

    def agreed(self, story: Story, period: Period) -> ServiceCalendar:
        """Return the service hours that were agreed with a customer, whatever a single promise is kept on."""
        values = self._values(story)
        return (
            self.policy.calendar_of(values) if most_specific(self.policy.hours, values) else self.hours(story, period)
        )

    def customer(self, story: Story) -> Any:
        """Return whose record it is, or None."""
        return story.value(self.policy.customer_field)

    def _values(self, story: Story) -> dict[str, Any]:
        values = {name: story.value(name) for name in self.policy.fields}
        return values | {"kind": self.kind, "customer": self.customer(story)}


def _compliance(clocks: _Clocks, by: str, story: Story, period: Period, tally: Tally) -> None:
    for _, reading in clocks.of(story, period):
        if reading.state == "cancelled" or reading.started_at is None:
            continue
        at = reading.stopped_at if by == "stopped" else fell_due(reading)
        if at is None or not period.holds(at):
            if at is None and reading.state in ("running", "paused"):
                tally.wait(story)
        elif reading.met is None:
            tally.wait(story)
        else:
            hours = reading.calendar.name or reading.calendar.zone
            tally.add(story, reading.met, f"hours: {hours} ({reading.calendar.revision})")


def _consumed(clocks: _Clocks, story: Story, period: Period, tally: Tally) -> None:
    for _, reading in clocks.of(story, period):
        if reading.state == "stopped" and reading.stopped_at is not None and period.holds(reading.stopped_at):
            tally.add(story, reading.consumed)
        elif reading.state in ("running", "paused"):
            tally.wait(story)


_TIMES = {
    "acknowledge": Target(duration=timedelta(), metric="respond"),
    "own": Target(duration=timedelta(), metric="own"),
    "restore": Target(duration=timedelta(), metric="resolve", pause=()),
}
"""What people want to know the time to, as clocks that nothing was promised on."""


def _time_to(clocks: _Clocks, what: str, in_service: bool, story: Story, period: Period, tally: Tally) -> None:
    asked = _TIMES[what]
    moments = clocks.clockwork.moments(clocks.kind, story.entries, clocks.policy)
    calendar = clocks.hours(story, period) if in_service else None
    start = story.born.at
    reading = clock(asked, calendar, moments, period.end)
    if reading.state in ("running", "paused"):
        tally.wait(story)
        return
    stop = reading.stopped_at
    if what == "restore" and reading.state != "cancelled":
        broken = interruption(story)
        if broken is not None and broken.stop is not None:
            start, stop = broken.start, broken.stop
    if reading.state == "cancelled" or stop is None or not period.holds(stop):
        return
    if stop < start:
        tally.leave(story, period, "over before it began")
        return
    tally.add(story, calendar.elapsed(start, stop) if calendar is not None else stop - start)


def _time_in(category: Category, story: Story, period: Period, tally: Tally) -> None:
    spent = timedelta()
    for place, move in enumerate(story.moves):
        if move.category == category:
            stop = story.moves[place + 1].at if place + 1 < len(story.moves) else max(period.end, move.at)
            spent += period.part(move.at, stop)
    if spent:
        tally.add(story, spent)
        if story.category == category:
            tally.wait(story)


def _waiting(clocks: _Clocks, story: Story, period: Period, tally: Tally) -> None:
    """Add up how long it waited in the period; the basis says for what."""
    moments = clocks.clockwork.moments(clocks.kind, story.entries, clocks.policy)
    spent: dict[str, timedelta] = {}
    for place, (at, moment) in enumerate(moments):
        if moment.category == "waiting":
            stop = moments[place + 1][0] if place + 1 < len(moments) else max(period.end, at)
            kind = moment.kind or "unknown"
            spent[kind] = spent.get(kind, timedelta()) + period.part(at, stop)
    whole = sum(spent.values(), timedelta())
    if whole:
        tally.add(story, whole)
        for kind, time in spent.items():
            seconds = f"seconds waiting for: {kind}"
            tally.basis[seconds] = tally.basis.get(seconds, 0) + round(time.total_seconds())
        if story.category == "waiting":
            tally.wait(story)


def _outage(clocks: _Clocks, story: Story, period: Period, tally: Tally) -> None:
    broken = interruption(story)
    if broken is None or (broken.stop is not None and broken.stop < broken.start):
        tally.leave(story, period, "without an interruption that can be told")
    elif period.touches(broken.start, broken.stop):
        hours = clocks.agreed(story, period)
        tally.add(story, _Outage(story.value("service"), clocks.customer(story), broken.start, broken.stop, hours))
        if broken.stop is None:
            tally.wait(story)


class _Outage(NamedTuple):
    service: Any
    customer: Any
    start: datetime
    stop: datetime | None
    hours: ServiceCalendar


def _as_seen(tally: Tally) -> Iterator[tuple[ServiceCalendar, list[Outage]]]:
    """Yield the outages of each service on each of the hours that its customers agreed.

    An outage counts for the hours of the customer who had it. One of nobody in particular counts for all who have
    the service, or on its own hours where nobody else had any.
    """
    services: dict[Any, list[_Outage]] = {}
    for value in tally.values:
        services.setdefault(value.service, []).append(value)
    for outages in services.values():
        told = [each for each in outages if each.customer is not None]
        for hours in {each.hours.revision: each.hours for each in told or outages}.values():
            yield (
                hours,
                [
                    (each.start, each.stop)
                    for each in outages
                    if each.hours.revision == hours.revision or (told and each.customer is None)
                ],
            )


def _available(period: Callable[[], Period], tally: Tally) -> Answer:
    """Return agreed time without outages over agreed time, over the services that had one; see `availability`."""
    agreed = up = 0.0
    spells = 0
    for hours, outages in _as_seen(tally):
        start, end = period().since or min(begun for begun, _ in outages), period().end
        if start >= end:
            continue
        served = hours.elapsed(start, end).total_seconds()
        share = availability(outages, start, end, hours)
        agreed += served
        up += served * (share.value or 0)
        spells += share.n
    return (up / agreed if agreed else None), {"basis": {"outages, overlaps merged": spells}}


def _mean_of(period: Callable[[], Period], what: Callable[..., Any], tally: Tally) -> Answer:
    lengths: list[timedelta] = []
    for hours, outages in _as_seen(tally):
        start = period().since or min(begun for begun, _ in outages)
        lengths += what(outages, start, max(period().end, start), hours).items
    mean = sum(lengths, timedelta()) / len(lengths) if lengths else None
    return mean, {"n": len(lengths)}


def percentile_of(percent: int, tally: Tally) -> Answer:
    """Return the nearest-rank percentile of durations."""
    ranked = sorted(tally.values)
    return (nearest_rank(ranked, percent) if ranked else None), {}


def _definitions(clocks: _Clocks, period: Callable[[], Period]) -> list[Definition]:
    """Return the table of figures."""
    said = partial(Definition, reads="clocks of targets")
    rows = [
        said(
            name=f"compliance_{by}",
            title=f"Targets met ({by} in the period)",
            unit="share",
            fold=shared,
            definition=f"The share of clocks that met their target, of those that {text} in the period.",
            measure=partial(_compliance, clocks, by),
        )
        for by, text in (("due", "fell due"), ("stopped", "were stopped"))
    ]
    rows += [
        said(
            name=f"consumed_p{percent}",
            title=f"Service time, {percent}th percentile",
            unit="seconds",
            definition="Service time that clocks stopped in the period had used, by nearest rank.",
            measure=partial(_consumed, clocks),
            fold=partial(percentile_of, percent),
        )
        for percent in (50, 90, 95)
    ]
    rows += [
        said(
            name=f"time_to_{what}_{'service' if served else 'calendar'}", unit="seconds", fold=averaged,
            title=f"Time to {what}, {'service' if served else 'calendar'} time",
            definition=f"Mean time from the start to {text}, of what got there in the period; pauses count.",
            measure=partial(_time_to, clocks, what, served),
        )
        for what, text in (
            ("acknowledge", "the first answer by staff that the user can read"),
            ("own", "somebody having it"),
            ("restore", "service being restored (MTRS)"),
        )
        for served in (False, True)
    ]  # fmt: skip
    rows += [
        Definition(
            name=f"time_in_{category}", title=f"Time in {category} states", unit="seconds", fold=averaged,
            definition=f"Mean calendar time of the period in {category} states, of what was in one.",
            reads="steps", measure=partial(_time_in, category),
        )
        for category in OPEN
    ]  # fmt: skip
    rows += [
        said(
            name="waiting", title="Time waiting, by kind", unit="seconds", fold=averaged,
            definition="Mean calendar time of the period spent waiting; the basis has the seconds for each kind.",
            measure=partial(_waiting, clocks),
        ),
        said(
            name="availability", title="Availability", unit="share", fold=partial(_available, period),
            definition="Agreed time without outages over agreed time, of services that had one; hours by customer.",
            measure=partial(_outage, clocks),
        ),
        said(
            name="mtbf", title="Time between failures (MTBF)", unit="seconds", fold=partial(_mean_of, period, mtbf),
            definition="Mean service time from a restoration to the next failure of the same service.",
            measure=partial(_outage, clocks),
        ),
        said(
            name="mtbsi", title="Time between incidents (MTBSI)", unit="seconds", fold=partial(_mean_of, period, mtbsi),
            definition="Mean service time from a failure to the next failure of the same service.",
            measure=partial(_outage, clocks),
        ),
    ]  # fmt: skip
    return rows


def service_level_figures(
    practice: "Practice[Any]",
    clockwork: "Clockwork",
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    split: str | Iterable[str] = (),
    by: Actor | None = None,
    target: str | None = None,
    excluding: Iterable[str] = (),
) -> Figures:
    """Return the service level figures of a practice; see `ServiceLevelManagement.figures`."""
    policy = clockwork.policy()
    known = [
        name
        for rule in policy.targets
        for name in (rule.slot, rule.target.metric, rule.target.name, rule.label, rule.agreement)
        if name
    ]
    if target is not None and target not in known:
        near = nearest(target, known)
        raise InvalidInput.of("unknown_name", where="figures", what="target", name=target, nearest=near)
    clocks = _Clocks(practice, clockwork, policy, target)
    now = practice.desk.house.now()
    period = Period(now, since, until)
    return measure(
        practice, _definitions(clocks, lambda: period), since=since, until=until, split=split, by=by,
        excluding=excluding,
    )  # fmt: skip


@attrs.frozen(kw_only=True)
class WatermelonShare:
    """How many agreements are watermelons: all targets met, and the customer not satisfied (INV-100).

    `n` counts the agreements that both can be told of.
    """

    value: float | None
    n: int
    agreements: tuple[str, ...]


def watermelons(
    reviews: Sequence[ServiceReview], met: Callable[[str], float | None], threshold: float = 0.7
) -> WatermelonShare:
    """Return the share of agreements whose targets are met while their customers are not satisfied.

    Args:
        reviews: meetings that were held; the last word on each agreement counts.
        met: the number of an agreement -> the share of its clocks that met their target.
        threshold: from which satisfaction on a customer counts as satisfied.
    """
    last: dict[str, float] = {}
    for each in sorted(reviews, key=lambda review: review.held_at or review.planned_at):
        if each.satisfaction is not None and each.held_at is not None:
            last[each.agreement] = each.satisfaction
    told = [(name, share, said) for name, said in last.items() if (share := met(name)) is not None]
    found = tuple(name for name, share, said in told if share == 1 and said < threshold)
    return WatermelonShare(value=len(found) / len(told) if told else None, n=len(told), agreements=found)
