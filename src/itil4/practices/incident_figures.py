"""The figures of incident management: one for each word of why it matters, and those that desks ask for.

Boost efficiency, improve quality, prioritize, reduce downtime, learn and prevent: each word has one
figure of that name. All are folded from history, by categories of states; durations are calendar
time (service time belongs to service levels).
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from itil4.practices.figures import Figures, Period
from itil4.practices.measuring import Answer, Definition, Tally, averaged, counted, measure, shared, summed, weighed
from itil4.practices.stories import Move, Story
from itil4.record import Actor, Entry
from itil4.vocabulary import OPEN

if TYPE_CHECKING:
    from itil4.practices.incident_management import IncidentManagement

_NO_TIME = timedelta()
_NOT_STAFF = frozenset({"requester", "system"})
_CAUSES = ("caused_by", "resolved_by")


class Interruption(NamedTuple):
    """From when to when a service was interrupted, and which times say so; `stop` is None while it lasts."""

    start: datetime
    started: str
    stop: datetime | None
    stopped: str


def interruption(story: Story) -> Interruption | None:
    """Return the interruption behind an incident, or None when it was cancelled and nobody said when it was over.

    It starts when the incident occurred, where that was told; else when it was detected; else when
    it was logged. It stops when service was restored, where that was told and the incident was not
    reopened since; else when it was resolved (or closed without that).
    """
    start, started = story.born.at, "from: logged (implied)"
    for name in ("occurred_at", "detected_at"):
        told = story.value(name)
        if told is not None:
            start, started = told, f"from: {name.removesuffix('_at')} (told)"
            break
    restored = story.value("restored_at")
    if restored is not None and (not story.returns or restored >= story.returns[-1].at):
        return Interruption(start, started, restored, "to: restored (told)")
    if story.is_over and story.ending is not None:
        return Interruption(start, started, story.ending.at, f"to: {story.ending.category} (implied)")
    return Interruption(start, started, None, "to: the end of the period") if story.is_open else None


def _ended_in(story: Story, period: Period) -> Move | None:
    """Return the last ending of an incident that is over, where it lies in the period."""
    ending = story.ending
    return ending if ending is not None and story.is_over and period.holds(ending.at) else None


def _by_staff(entry: Entry, story: Story) -> tuple[bool, str]:
    """Say whether a step was taken by those who deliver the service, and how that is known."""
    if entry.roles:
        return not _NOT_STAFF.issuperset(entry.roles), "by: roles (told)"
    return entry.by != story.value("requester", seq=entry.seq), "by: not the requester (implied)"


def _given_up(changes: Iterable[tuple[Entry, Any, Any]], until: int) -> int:
    """Count how often something known was given up or replaced."""
    return sum(1 for entry, old, _ in changes if old is not None and entry.seq <= until)


# one for each word


def _efficiency(story: Story, period: Period, tally: Tally) -> None:
    if story.is_open:
        tally.wait(story)
    elif _ended_in(story, period):
        spent = story.spent(period.end)
        whole = sum((spent.get(each, _NO_TIME) for each in OPEN), _NO_TIME)
        if whole:
            tally.add(story, (spent.get("active", _NO_TIME), whole))
        else:
            tally.leave(story, period, "resolved at the moment it was logged")


def _quality(story: Story, period: Period, tally: Tally) -> None:
    if (reopened := _reopened_after(story, period)) is not None:
        tally.add(story, not reopened)
        if story.category == "resolved":
            tally.wait(story)


def _reopened_after(story: Story, period: Period) -> bool | None:
    """Say whether it was reopened after an ending in the period; None where it has none."""
    endings = [move for move in story.moves if move.ends and period.holds(move.at)]
    return any(move.seq > endings[0].seq for move in story.returns) if endings else None


def _prioritize(story: Story, period: Period, tally: Tally) -> None:
    if story.is_open:
        tally.wait(story)
    elif ending := _ended_in(story, period):
        priority = story.value("priority", seq=ending.seq)
        if priority is None:
            tally.leave(story, period, "without a priority")
            return
        broken = interruption(story)
        stop = broken.stop if broken and broken.stop else ending.at
        tally.add(story, (priority, max(stop - story.born.at, _NO_TIME)), broken.stopped if broken else "")


def _in_order(tally: Tally) -> Answer:
    """Return the share of pairs of different priority in which the higher one took less time; a tie counts half."""
    levels: dict[int, list[timedelta]] = {}
    for priority, duration in tally.values:
        levels.setdefault(priority, []).append(duration)
    ranked = [sorted(levels[priority]) for priority in sorted(levels)]
    pairs = halves = 0
    for place, higher in enumerate(ranked):
        for lower in ranked[place + 1 :]:
            pairs += len(higher) * len(lower)
            halves += sum(2 * len(lower) - bisect_left(lower, each) - bisect_right(lower, each) for each in higher)
    basis = {**tally.basis, "pairs of different priority": pairs}
    return (halves / (2 * pairs) if pairs else None), {"basis": basis}


def _downtime(story: Story, period: Period, tally: Tally) -> None:
    broken = interruption(story)
    if broken is None:
        tally.leave(story, period, "cancelled")
    elif broken.stop is not None and broken.stop < broken.start:
        tally.leave(story, period, "restored before it was logged, and nobody told when it occurred")
    elif period.touches(broken.start, broken.stop):
        tally.add(story, period.part(broken.start, broken.stop or period.end), broken.started, broken.stopped)
        if broken.stop is None:
            tally.wait(story)


def _learn(story: Story, period: Period, tally: Tally) -> None:
    if story.is_open:
        tally.wait(story)
    elif _ended_in(story, period):
        kinds = sorted({relation for relation, _ in story.links if relation in _CAUSES})
        tally.add(story, bool(kinds), *(f"linked: {kind}" for kind in kinds))


# what desks ask for


def _acknowledge(story: Story, period: Period, tally: Tally) -> None:
    if story.moves[0].category != "new":
        tally.leave(story, period, "logged when work had begun")
        return
    for move in story.moves[1:]:
        staff, how = _by_staff(move.entry, story)
        if staff:
            if period.holds(move.at):
                tally.add(story, move.at - story.born.at, how)
            return
    if story.is_open:
        tally.wait(story)
    else:
        tally.leave(story, period, "ended without a step by staff")


def _restore(story: Story, period: Period, tally: Tally) -> None:
    broken = interruption(story)
    if broken is None:
        tally.leave(story, period, "cancelled")
    elif broken.stop is None:
        tally.wait(story)
    elif broken.stop < broken.start:
        tally.leave(story, period, "restored before it was logged, and nobody told when it occurred")
    elif period.holds(broken.stop):
        tally.add(story, broken.stop - broken.start, broken.started, broken.stopped)


def _resolve(story: Story, period: Period, tally: Tally) -> None:
    resolution = story.last("resolved")
    if story.is_open:
        tally.wait(story)
    elif story.category == "cancelled":
        tally.leave(story, period, "cancelled")
    elif resolution is None:
        tally.leave(story, period, "closed without being resolved")
    elif period.holds(resolution.at):
        tally.add(story, resolution.at - story.born.at)


def _close(story: Story, period: Period, tally: Tally) -> None:
    closure = story.last("closed")
    if story.category == "cancelled":
        tally.leave(story, period, "cancelled")
    elif closure is None or story.category != "closed":
        tally.wait(story)
    elif period.holds(closure.at):
        tally.add(story, closure.at - story.born.at)


def _reopen(story: Story, period: Period, tally: Tally) -> None:
    if (reopened := _reopened_after(story, period)) is not None:
        tally.add(story, reopened)
        if story.category == "resolved":
            tally.wait(story)


def _reopenings(story: Story, period: Period, tally: Tally) -> None:
    if number := sum(period.holds(move.at) for move in story.returns):
        tally.add(story, number)


def _first_contact(story: Story, period: Period, tally: Tally) -> None:
    if story.is_open:
        tally.wait(story)
    elif ending := _ended_in(story, period):
        changed = sum(_given_up(story.changes(name), ending.seq) for name in ("group", "assignee"))
        waited = any(move.category == "waiting" for move in story.moves)
        tally.add(story, not changed and not waited and not story.returns)


def _waited(story: Story, period: Period, tally: Tally) -> None:
    if period.holds(story.born.at):
        waited = any(move.category == "waiting" for move in story.moves)
        tally.add(story, waited)
        if story.is_open and not waited:
            tally.wait(story)


def _group_changes(story: Story, period: Period, tally: Tally) -> None:
    if number := sum(period.holds(entry.at) for entry, _, _ in story.changes("group")):
        tally.add(story, number)


def _reassignments(story: Story, period: Period, tally: Tally) -> None:
    if number := sum(old is not None and period.holds(entry.at) for entry, old, _ in story.changes("group")):
        tally.add(story, number)


def _logged(story: Story, period: Period, tally: Tally) -> None:
    if period.holds(story.born.at):
        tally.add(story, 1)


def _ended(story: Story, period: Period, tally: Tally) -> None:
    if _ended_in(story, period):
        tally.add(story, 1)


def _backlog(story: Story, period: Period, tally: Tally) -> None:
    if story.is_open:
        tally.add(story, 1)
        tally.wait(story)


def _backlog_now(story: Story, period: Period, tally: Tally) -> None:
    if story.latest in OPEN:
        tally.add(story, 1)
        tally.wait(story)


def _backlog_age(story: Story, period: Period, tally: Tally) -> None:
    if story.is_open:
        tally.add(story, period.end - story.born.at)
        tally.wait(story)


INCIDENT_FIGURES: tuple[Definition, ...] = (
    Definition(
        name="efficiency", word="boost efficiency", title="Flow efficiency", unit="share",
        definition="Of the time for which the incidents that ended in the period were open, the share in which "
        "somebody had them in hand, and they neither lay new nor waited.",
        reads="birth and steps: time in states of the categories new, active and waiting",
        measure=_efficiency, fold=weighed,
    ),
    Definition(
        name="quality", word="improve quality", title="Resolved for good", unit="share",
        definition="Of the incidents that were resolved or closed in the period, the share that was not reopened "
        "after that; those not closed yet are counted as they stand, and as open.",
        reads="birth and steps: from open to resolved or closed, and back",
        measure=_quality, fold=shared,
    ),
    Definition(
        name="prioritize", word="prioritize", title="Higher priority restored sooner", unit="share",
        definition="Over all pairs of incidents of different priority that ended in the period, the share in which "
        "the one of higher priority took less time from its logging until service was restored; a tie counts half, "
        "so 50 % means that priority made no difference.",
        reads="birth, steps to resolved or closed, changes of priority up to then, restored_at where told",
        measure=_prioritize, fold=_in_order,
    ),
    Definition(
        name="downtime", word="reduce downtime", title="Downtime", unit="seconds",
        definition="All interruptions added up, as far as they lie in the period, overlapping ones twice: from when "
        "an incident occurred (else was detected, else was logged) until service was restored (else it was resolved, "
        "else closed); what still lasts counts up to the end of the period, and as open.",
        reads="birth, steps to resolved or closed and back; occurred_at, detected_at, restored_at where told",
        measure=_downtime, fold=summed,
    ),
    Definition(
        name="learn_and_prevent", word="learn and prevent", title="Traced to a cause", unit="share",
        definition="Of the incidents that ended in the period, the share that is linked to the problem or change "
        "that caused or resolved it, so that recurrence can be prevented.",
        reads="link and unlink: caused_by, resolved_by; steps to resolved or closed",
        measure=_learn, fold=shared, steps=False,
    ),
    Definition(
        name="time_to_acknowledge", title="Time to acknowledge", unit="seconds",
        definition="Mean time from logging to the first step by somebody who delivers the service, for incidents "
        "that were acknowledged in the period and were logged as new.",
        reads="birth and the first step by another role than requester or system (told); where an entry names no "
        "role, by another person than the requester (implied)",
        measure=_acknowledge, fold=averaged,
    ),
    Definition(
        name="time_to_restore", title="Time to restore service", unit="seconds",
        definition="Mean length of the interruptions that were over in the period: from occurred (else detected, else "
        "logged) to restored (else resolved, else closed).",
        reads="as downtime",
        measure=_restore, fold=averaged,
    ),
    Definition(
        name="time_to_resolve", title="Time to resolve", unit="seconds",
        definition="Mean time from logging to the last resolution, for incidents that were last resolved in the "
        "period and are not open again.",
        reads="birth, and the last step into the category resolved",
        measure=_resolve, fold=averaged,
    ),
    Definition(
        name="time_to_close", title="Time to close", unit="seconds",
        definition="Mean time from logging to the last closure, for incidents that were closed in the period; those "
        "that are resolved and not closed yet are open here.",
        reads="birth, and the last step into the category closed",
        measure=_close, fold=averaged,
    ),
    Definition(
        name="reopen_share", title="Reopened", unit="share",
        definition="Of the incidents that were resolved or closed in the period, the share that was reopened after "
        "that; the rest of quality.",
        reads="as quality",
        measure=_reopen, fold=shared,
    ),
    Definition(
        name="reopenings", title="Reopenings", unit="count",
        definition="How often incidents went from resolved or closed back to open in the period; n counts the steps.",
        reads="steps from resolved or closed to new, active or waiting",
        measure=_reopenings, fold=counted,
    ),
    Definition(
        name="first_contact_share", title="Resolved at first contact", unit="share",
        definition="Of the incidents that ended in the period, the share that never waited, never left the first "
        "group and the first person that had it, and was never reopened.",
        reads="steps into waiting, steps back to open, changes of group and assignee up to the resolution",
        measure=_first_contact, fold=shared,
    ),
    Definition(
        name="waited_share", title="Had to wait", unit="share",
        definition="Of the incidents that were logged in the period, the share that has waited at least once, for "
        "whatever reason.",
        reads="birth, and steps into the category waiting",
        measure=_waited, fold=shared,
    ),
    Definition(
        name="reassignments", title="Reassignments", unit="count",
        definition="How often the group changed in the period after it was first known; n counts the changes.",
        reads="changes of group after birth, from a known group",
        measure=_reassignments, fold=counted,
    ),
    Definition(
        name="group_changes", title="Changes of group", unit="count",
        definition="How often the group changed in the period, the first one to be named after birth included; n "
        "counts the changes.",
        reads="changes of group after birth",
        measure=_group_changes, fold=counted,
    ),
    Definition(
        name="logged", title="Logged", unit="count",
        definition="How many incidents were logged in the period.",
        reads="birth or import",
        measure=_logged, fold=counted, steps=False,
    ),
    Definition(
        name="ended", title="Ended", unit="count",
        definition="How many incidents were last resolved (or closed without that) in the period and are not open "
        "again; cancelled ones are not counted.",
        reads="birth and steps to resolved or closed",
        measure=_ended, fold=counted, steps=False,
    ),
    Definition(
        name="backlog", title="Backlog at the end", unit="count",
        definition="How many incidents were open at the end of the period.",
        reads="the last step before the end of the period",
        measure=_backlog, fold=counted, steps=False,
    ),
    Definition(
        name="backlog_now", title="Backlog now", unit="count",
        definition="How many of the incidents that were logged before the end of the period are open now, whatever "
        "they were at its end.",
        reads="the last step",
        measure=_backlog_now, fold=counted, steps=False,
    ),
    Definition(
        name="backlog_age", title="Age of the backlog", unit="seconds",
        definition="Mean time since logging of the incidents that were open at the end of the period.",
        reads="birth, and the last step before the end of the period",
        measure=_backlog_age, fold=averaged,
    ),
)  # fmt: skip
"""The table of the figures: the five words first."""


def incident_figures(
    practice: "IncidentManagement[Any]",
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    split: str | Iterable[str] = (),
    by: Actor | None = None,
    excluding: Iterable[str] = (),
) -> Figures:
    """Return the figures of incident management; see `itil4.practices.measuring.measure` for the arguments."""
    return measure(practice, INCIDENT_FIGURES, since=since, until=until, split=split, by=by, excluding=excluding)


def figure_table() -> Iterator[str]:
    """Return the table of the figures as lines of Markdown: word, figure, definition, what it reads."""
    yield "| word | figure | unit | definition | reads |"
    yield "|---|---|---|---|---|"
    for each in INCIDENT_FIGURES:
        unit = {"seconds": "calendar time"}.get(each.unit, each.unit)
        yield f"| {each.word or ''} | `{each.name}`: {each.title} | {unit} | {each.definition} | {each.reads} |"


def log_facts(figures: Figures) -> dict[str, Any]:
    """Return the figures as the facts of an event log: counts of cases, rows, steps and changes, and hours.

    `final_priority` is there where the figures are split by priority.
    """
    changes = figures["group_changes"]
    facts: dict[str, Any] = {
        "good_cases": figures.records,
        "good_rows": figures.entries,
        **figures.movements.to_dict(),
        "cases_reopened": len(set(figures["reopenings"].records)),
        "reopenings": figures["reopenings"].value,
        "cases_ever_on_hold": len(figures["waited_share"].hits),
        "cases_with_group_change": len(set(changes.records)),
        "group_changes": changes.value,
    }
    if any("priority" in group.where for group in figures.groups):
        final: Counter[str] = Counter()
        for group in figures.groups:
            final[str(group.where["priority"])] += group.records
        facts["final_priority"] = dict(final.most_common())
    for name, figure in (("resolution", figures["time_to_resolve"]), ("closure", figures["time_to_close"])):
        spread = figure.spread.hours() if figure.spread else {}
        facts[f"hours_first_row_to_last_{name}"] = {"n": figure.n, **spread}
    return facts
