"""The figures of problem management: one for each word of why it matters, and those that managers ask for.

Incident reduction, minimize downtime, reliability, customer satisfaction, optimization: each word has
a figure. They are folded from the histories of problems and known errors, and of the incidents that
are linked to them as `caused_by`; durations are calendar time. A fix is the last resolution of a
problem (or of its known error) that was not rejected.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from itil4.practices.figures import Figures, Period
from itil4.practices.incident_figures import interruption
from itil4.practices.measuring import Answer, Definition, Tally, averaged, counted, measure, shared, summed
from itil4.practices.problem_values import published
from itil4.practices.stories import Story, tell
from itil4.record import Actor

if TYPE_CHECKING:
    from itil4.practices.problem_management import ProblemManagement

WINDOW = timedelta(days=90)
"""How long before and after a fix incidents are counted, where nothing else is asked for (calendar time)."""

_NO_TIME = timedelta()
_Z = 1.959963984540054  # of the normal distribution at 97.5 %


@attrs.frozen
class Evidence:
    """What lies behind one problem: its known error's story where that is a record, and its incidents' stories."""

    known_error: list[Story] = attrs.Factory(list)
    incidents: list[Story] = attrs.Factory(list)

    def control(self, problem: Story) -> Story:
        """Return the story that tells how the error is controlled."""
        return self.known_error[-1] if self.known_error else problem

    def fixed_at(self, problem: Story) -> datetime | None:
        """Return when it was fixed for good, as far as history tells."""
        story = self.control(problem)
        resolved = story.last("resolved")
        return resolved.at if resolved is not None and story.is_over else None


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share by Wilson's method, which also holds for few cases.

    >>> wilson(9, 10)
    (0.5958..., 0.9821...)
    """
    share, z = hits / count, _Z * _Z / count
    middle, width = share + z / 2, _Z * math.sqrt(share * (1 - share) / count + z / (4 * count))
    return max((middle - width) / (1 + z), 0.0), min((middle + width) / (1 + z), 1.0)


class _Around:
    """What happened in equal spans before and after a fix."""

    def __init__(self, evidence: Evidence, fixed_at: datetime, period: Period, window: timedelta) -> None:
        self.span = min(window, period.end - fixed_at)
        began = [(each, interruption(each)) for each in evidence.incidents]
        starts = [broken.start if broken else each.born.at for each, broken in began]
        self.before = sum(fixed_at - self.span <= start < fixed_at for start in starts)
        self.after = sum(fixed_at <= start < fixed_at + self.span for start in starts)


def _before_share(tally: Tally, bound: int | None = None) -> Answer:
    before = sum(each.before for each in tally.values)
    count = before + sum(each.after for each in tally.values)
    basis = {"incidents before": before, "incidents after": count - before}
    if not count:
        return None, {"basis": basis}
    return (before / count if bound is None else wilson(before, count)[bound]), {"basis": basis}


def _low(tally: Tally) -> Answer:
    return _before_share(tally, 0)


def _high(tally: Tally) -> Answer:
    return _before_share(tally, 1)


def _between(side: str) -> Any:
    def fold(tally: Tally) -> Answer:
        count = sum(getattr(each, side) for each in tally.values)
        time = sum((each.span for each in tally.values), _NO_TIME)
        return (time / count if count else None), {"basis": {f"incidents {side}": count}}

    return fold


def _per_problem(tally: Tally) -> Answer:
    return sum(tally.values), {"n": len(tally.values)}


class _Measures:
    """How each figure takes in one problem, with what lies behind it."""

    def __init__(self, behind: dict[str, Evidence], judged: dict[str, list[tuple[datetime, bool]]], window: timedelta):
        self.behind = behind
        self.judged = judged
        self.window = window

    def of(self, story: Story) -> Evidence:
        return self.behind.get(story.born.record_id) or Evidence()

    def around(self, story: Story, period: Period, tally: Tally) -> None:
        evidence = self.of(story)
        fixed_at = evidence.fixed_at(story)
        if fixed_at is None:
            if evidence.control(story).is_open:
                tally.wait(story)
        elif period.holds(fixed_at) and period.end > fixed_at:
            tally.add(story, _Around(evidence, fixed_at, period, self.window))

    def downtime(self, story: Story, period: Period, tally: Tally) -> None:
        time, lasts = _NO_TIME, False
        for each in self.of(story).incidents:
            broken = interruption(each)
            if broken is not None and period.touches(broken.start, broken.stop):
                time += period.part(broken.start, broken.stop or period.end)
                lasts |= broken.stop is None
        if time:
            tally.add(story, time)
        if lasts:
            tally.wait(story)

    def satisfied(self, story: Story, period: Period, tally: Tally) -> None:
        for each in self.of(story).incidents:
            if each.is_open:
                tally.wait(each)
            elif each.ending is not None and period.holds(each.ending.at):
                tally.add(each, not each.returns)

    def effort(self, story: Story, period: Period, tally: Tally) -> None:
        again = sorted(self.of(story).incidents, key=lambda each: (each.born.at, each.born.record_id))[1:]
        time = sum((_active(each, period) for each in again), _NO_TIME)
        if time:
            tally.add(story, time)

    def recurring(self, story: Story, period: Period, tally: Tally) -> None:
        born = sorted(each.born.at for each in self.of(story).incidents)
        if born:
            tally.add(story, sum(period.holds(at) for at in born[1:]))

    def helped(self, story: Story, period: Period, tally: Tally) -> None:
        control = self.of(story).control(story)
        if control.is_open:
            tally.add(story, bool(published(control.value("workarounds") or ())))

    def age(self, story: Story, period: Period, tally: Tally) -> None:
        control = self.of(story).control(story)
        since = control.value("analysed_at")
        if control.is_open and since is not None:
            tally.add(story, period.end - since)
            tally.wait(story)

    def overdue(self, story: Story, period: Period, tally: Tally) -> None:
        control = self.of(story).control(story)
        due = control.value("next_review_at")
        if control.is_open and control.value("analysed_at") is not None and due is not None and due < period.end:
            tally.add(story, 1)

    def matched(self, story: Story, period: Period, tally: Tally) -> None:
        ids = [story.born.record_id, *(each.born.record_id for each in self.of(story).known_error)]
        for at, accepted in (each for identity in ids for each in self.judged.get(identity, ())):
            if period.holds(at):
                tally.add(story, accepted)


def _active(story: Story, period: Period) -> timedelta:
    """Return the time in the period in which somebody had an incident in hand."""
    time = _NO_TIME
    for place, move in enumerate(story.moves):
        if move.category == "active":
            stop = story.moves[place + 1].at if place + 1 < len(story.moves) else period.end
            time += period.part(move.at, max(stop, move.at))
    return time


def definitions(measures: _Measures) -> tuple[Definition, ...]:
    """Return the table of the figures: the five words first."""
    around = "resolutions of problems and known errors; when linked incidents occurred, were detected or logged"
    linked = "histories of the incidents that are linked as caused_by"
    state = "the last state, causes, workarounds and dates before the end of the period"
    fixed = "Of the incidents in equal spans before and after the problems that were fixed in the period, the share "
    return (
        Definition(
            name="incident_reduction", word="incident reduction", title="Incidents that a fix ended", unit="share",
            definition=fixed + "that came before the fix: 50 % means that it made no difference, 100 % that none "
            "came again. A span is as long as the window, or as the time since the fix.",
            reads=around, measure=measures.around, fold=_before_share,
        ),
        Definition(
            name="incident_reduction_low", title="Incidents that a fix ended, at least", unit="share",
            definition=fixed + "before the fix, lower end of its 95 % interval (Wilson).",
            reads=around, measure=measures.around, fold=_low,
        ),
        Definition(
            name="incident_reduction_high", title="Incidents that a fix ended, at most", unit="share",
            definition=fixed + "before the fix, upper end of its 95 % interval (Wilson).",
            reads=around, measure=measures.around, fold=_high,
        ),
        Definition(
            name="downtime", word="minimize downtime", title="Downtime from known problems", unit="seconds",
            definition="All interruptions by incidents linked to problems added up, as far as they lie in the period.",
            reads=linked, measure=measures.downtime, fold=summed,
        ),
        Definition(
            name="reliability", word="reliability", title="Mean time between incidents after the fix", unit="seconds",
            definition="The spans after the fixes of the period, divided by the incidents in them.",
            reads=around, measure=measures.around, fold=_between("after"),
        ),
        Definition(
            name="reliability_before", title="Mean time between incidents before the fix", unit="seconds",
            definition="Spans as long before the same fixes, divided by the incidents in them.",
            reads=around, measure=measures.around, fold=_between("before"),
        ),
        Definition(
            name="customer_satisfaction", word="customer satisfaction", title="Linked incidents not reopened",
            unit="share",
            definition="Of the incidents linked to problems that ended in the period, the share that nobody reopened: "
            "a stand-in, as history holds no answer of customers.",
            reads=linked, measure=measures.satisfied, fold=shared,
        ),
        Definition(
            name="optimization", word="optimization", title="Time spent on recurrences", unit="seconds",
            definition="How long, in the period, somebody had those incidents in hand that came after the first one "
            "of their problem.",
            reads=linked, measure=measures.effort, fold=summed,
        ),
        Definition(
            name="recurring_incidents", title="Recurring incidents", unit="count",
            definition="Incidents logged in the period after the first one of their problem; n counts the problems "
            "that have incidents, so that value by n is the number per problem.",
            reads=linked, measure=measures.recurring, fold=_per_problem, steps=False,
        ),
        Definition(
            name="with_workaround", title="Open problems with a workaround", unit="share",
            definition="Of the problems (or known errors) open at the end of the period, the share with a published "
            "workaround.",
            reads=state, measure=measures.helped, fold=shared,
        ),
        Definition(
            name="known_error_age", title="Age of open known errors", unit="seconds",
            definition="Mean time since the analysis of the known errors that were open at the end of the period.",
            reads=state, measure=measures.age, fold=averaged,
        ),
        Definition(
            name="review_overdue", title="Reviews overdue", unit="count",
            definition="Open known errors whose next review lay before the end of the period.",
            reads=state, measure=measures.overdue, fold=counted,
        ),
        Definition(
            name="matches_accepted", title="Proposals accepted", unit="share",
            definition="Of the known errors that were proposed for incidents and judged in the period, the share that "
            "was accepted; the last word on each counts.",
            reads="link and unlink of incidents: matches, differs_from", measure=measures.matched, fold=shared,
            steps=False,
        ),
    )  # fmt: skip


def problem_figures(
    practice: "ProblemManagement[Any]", *, since: datetime | None = None, until: datetime | None = None,
    split: str | Iterable[str] = (), by: Actor | None = None, excluding: Iterable[str] = (),
    window: timedelta = WINDOW,
) -> Figures:  # fmt: skip
    """Return the figures of problem management.

    Args:
        practice, since, until, split, by, excluding: as for `itil4.practices.measuring.measure`.
        window: how long before and after a fix incidents are counted (calendar time).
    """
    behind: dict[str, Evidence] = defaultdict(Evidence)
    judged: dict[str, list[tuple[datetime, bool]]] = defaultdict(list)
    for story in _stories(practice.desk.in_slot("known_errors"), by, until):
        for relation, target in story.links:
            if relation == "known_error_of" and story.value("close_reason") != "duplicate":
                behind[target].known_error.append(story)
    for story in _stories(practice.desk.in_slot("incidents"), by, until):
        for relation, target in story.links:
            if relation == "caused_by":
                behind[target].incidents.append(story)
            elif relation in ("matches", "differs_from"):
                at = max(entry.at for entry in story.entries if entry.op == "link" and entry.link == (relation, target))
                judged[target].append((at, relation == "matches"))
    table = definitions(_Measures(behind, judged, window))
    return measure(practice, table, since=since, until=until, split=split, by=by, excluding=excluding)


def _stories(practice: Any, by: Actor | None, until: datetime | None) -> Iterator[Story]:
    aspects = frozenset(each.name for each in practice.aspects)
    for entries in practice.histories(by=by):
        story = tell(entries, practice.lifecycle, aspects, until)
        if story is not None and story.moves:
            yield story


def figure_table() -> Iterator[str]:
    """Return the table of the figures as lines of Markdown: word, figure, unit, definition."""
    yield "| word | figure | unit | definition |"
    yield "|---|---|---|---|"
    for each in definitions(_Measures({}, {}, WINDOW)):
        unit = {"seconds": "calendar time"}.get(each.unit, each.unit)
        yield f"| {each.word or ''} | `{each.name}`: {each.title} | {unit} | {each.definition} |"
