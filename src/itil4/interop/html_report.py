"""The report of a store as one HTML file: what was done, how long it took, and what stands behind each figure.

A section is there where records are: incidents and every other practice, service clocks, value streams with their
pictures, delivery, improvements, and the guiding principles with the figures that speak to them. Every figure opens
to its definition and to the records that it was made of. The file needs no network and holds nothing foreign.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from itil4.clock import instant
from itil4.errors import InvalidInput
from itil4.interop.html_page import Page, Told
from itil4.interop.html_streams import add_streams
from itil4.itsm import ServiceManagement
from itil4.practices.base import Practice
from itil4.practices.figures import Figure, Period, Spread
from itil4.practices.import_run import ImportRuns
from itil4.practices.stories import Story, tell
from itil4.practices.streams import deployments
from itil4.record import Actor, Record
from itil4.service_level import ServiceCalendar
from itil4.value import BUILT_IN_STREAMS, GUIDING_PRINCIPLES, ValueStream, dora
from itil4.value.drawing import short

_LISTED = 25

_SPEAKING = {
    "focus_on_value": "Resolved for good; value-added ratio of a stream.",
    "start_where_you_are": "All of this report: it is folded from what was recorded, and says what was not.",
    "progress_iteratively_with_feedback": "Reopened; complete and accurate, as the receiver judged it.",
    "collaborate_and_promote_visibility": "Hand-offs and reassignments; the records behind each figure.",
    "think_and_work_holistically": "Streams, whose cases span linked records of practices; traced to a cause.",
    "keep_it_simple_and_practical": "The number of ways through a stream; rework.",
    "optimize_and_automate": "The bottleneck of a stream: what to improve before it is automated.",
}


def html_report(
    itsm: ServiceManagement,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    streams: Iterable[ValueStream] = BUILT_IN_STREAMS,
    calendar: ServiceCalendar | None = None,
    by: Actor | None = None,
    title: str = "Service report",
) -> str:
    """Return the report of a service management as one HTML page that opens offline.

    Args:
        itsm: whose records.
        since, until: from `since` on and before `until`; without them, all of the history.
        streams: the value streams to map; those of which nothing is recorded are left out.
        calendar: when the service is delivered, for streams; without it they run in calendar time.
        by: the reader; only what they may see is in it.
        title: what the page is called.

    Raises:
        InvalidInput: a time has no zone, the period ends before it begins, or a stream is not sound.

    >>> import itil4
    >>> itsm = itil4.connect()
    >>> mail = itsm.incidents.log(summary="Mail is <b>down</b>", by=Actor("ana", roles={"user"}))
    >>> page = html_report(itsm)
    >>> mail.number in page, "Mail is &lt;b&gt;down&lt;/b&gt;" in page, "<b>down" in page
    (True, True, False)
    """
    since = None if since is None else instant(since, "since")
    until = None if until is None else instant(until, "until")
    if since is not None and until is not None and since >= until:
        raise InvalidInput.of("empty_window", start=since, end=until)
    by = itsm.actor if by is None else by
    now = itsm.house.clock.now()
    period = Period(now, since, until)
    page = Page(title, _about(period))
    held = [
        itsm[cls] for cls in itsm.house.practices.values() if not issubclass(cls, ImportRuns) and itsm[cls].count(by=by)
    ]
    if held:
        page.section("At a glance")
        page.table(
            ["Practice", "Records", "Open now"],
            [(_name(each), f"{each.count(by=by):,}", f"{each.count(by=by, is_open=True):,}") for each in held],
        )
    behind = frozenset(f"{each.system}:{each.record}" for each in itsm.import_runs.problems() if each.record)
    for practice in held:
        _add_practice(page, practice, period, behind, by)
    window = _window(held, period, by)
    if window is not None:
        _add_clocks(page, itsm, held, period, behind, by)
        add_streams(page, itsm, streams, window if since or until else None, calendar, behind, by)
        _add_delivery(page, itsm, window, by)
        _add_principles(page)
    _add_imports(page, itsm, by)
    if page.is_empty:
        page.section("Nothing is recorded yet", "The store has no records that this reader may see.")
    return page.html


def _about(period: Period) -> str:
    since = f"from {period.since:%Y-%m-%d %H:%M} " if period.since else ""
    return (
        f"History {since}up to {period.end:%Y-%m-%d %H:%M} {period.end.tzname() or ''}. Durations are calendar time "
        "unless a figure says otherwise. Each figure opens to its definition and its records."
    )


def _name(practice: Practice[Any]) -> str:
    return practice.name.replace("_", " ").capitalize()


def _window(practices: Sequence[Practice[Any]], period: Period, by: Actor | None) -> tuple[datetime, datetime] | None:
    """Return the period as a window with two ends; without them, from the first record to what happened just now."""
    firsts = [page.items[0].created_at for each in practices if (page := each.find(limit=1, by=by)).items]
    start = period.since or min(firsts, default=None)
    end = period.end if period.end == period.until else period.end + timedelta.resolution
    return (start, end) if start is not None and start < end else None


# practices


def _add_practice(
    page: Page, practice: Practice[Any], period: Period, behind: Collection[str], by: Actor | None
) -> None:
    page.section(_name(practice))
    ask = getattr(practice, "figures", None)
    if ask is not None:
        figures: Mapping[str, Figure] = ask(since=period.since, until=period.until, excluding=behind, by=by)
        for figure in figures.values():
            page.figure(_told(figure))
    else:
        for told in _plain_figures(practice, period, by):
            page.figure(told)
    open_ones = practice.find(is_open=True, limit=_LISTED, by=by).items
    if open_ones:
        total = practice.count(is_open=True, by=by)
        page.heading("Open now, oldest first")
        if total > len(open_ones):
            page.text(f"{len(open_ones):,} of {total:,}.")
        page.table(
            ["Number", "State", "Age", "Summary"],
            [
                (each.reference, each.state.replace("_", " "), short(period.now - each.created_at), _headline(each))
                for each in open_ones
            ],
        )  # fmt: skip


def _headline(record: Record) -> str:
    """Return what a record is called, or what it is about, in the first of the fields that say so."""
    said = (getattr(record, name, None) for name in ("summary", "title", "name", "statement", "about", "agreement"))
    return next((text for text in said if isinstance(text, str) and text), "")


def _told(figure: Figure) -> Told:
    notes = []
    if figure.spread is not None:
        spread = figure.spread.to_dict(plain=False)
        notes.append("; ".join(f"{name} {short(time)}" for name, time in spread.items()))
    if figure.reason is not None:
        notes.append(str(figure.reason))
    notes += [f"{name}: {count:,}" for name, count in figure.basis.items()]
    notes += [f"Left out, {name}: {count:,}" for name, count in figure.left_out.items()]
    return Told(
        title=figure.title,
        value=figure.shown,
        definition=figure.definition,
        n=f"n {figure.n:,}, open {figure.open:,}",
        notes=notes,
        records=[
            ("Records", figure.records), ("Of these, counted as yes", figure.hits),
            ("Outcome still to come", figure.open_records),
        ],
    )  # fmt: skip


def _plain_figures(practice: Practice[Any], period: Period, by: Actor | None) -> list[Told]:
    """Return what can be told of every practice, by the categories of its states."""
    logged: list[str] = []
    ended: list[tuple[str, timedelta]] = []
    cancelled: list[str] = []
    still: list[str] = []
    ages: list[timedelta] = []
    aspects = frozenset(each.name for each in practice.aspects)
    for entries in practice.histories(by=by):
        story = tell(entries, practice.lifecycle, aspects, period.until)
        if story is None or not story.moves:
            continue
        if period.holds(story.born.at):
            logged.append(story.reference)
        if story.is_open:
            still.append(story.reference)
            ages.append(period.end - story.born.at)
        elif (end := _end_of(story)) is not None and period.holds(end):
            if story.is_over:
                ended.append((story.reference, end - story.born.at))
            else:
                cancelled.append(story.reference)
    return [
        Told(title="Logged", value=f"{len(logged):,}", definition="How many were logged in the period.",
             records=[("Records", logged)]),
        Told(title="Ended", value=f"{len(ended):,}",
             definition="How many were resolved or closed in the period and are not open again.",
             records=[("Records", [reference for reference, _ in ended])]),
        Told(title="Time to end", value=_mean([time for _, time in ended]),
             definition="Mean time from logging until the record was last resolved or closed, for those that ended.",
             notes=_spread([time for _, time in ended]), records=[("Records", [name for name, _ in ended])]),
        Told(title="Cancelled", value=f"{len(cancelled):,}", definition="How many were cancelled in the period.",
             records=[("Records", cancelled)]),
        Told(title="Open at the end", value=f"{len(still):,}",
             definition="How many were open at the end of the period.", records=[("Records", still)]),
        Told(title="Age of the open ones", value=_mean(ages),
             definition="Mean time since logging of those that were open at the end of the period.",
             notes=_spread(ages), records=[("Records", still)]),
    ]  # fmt: skip


def _end_of(story: Story) -> datetime | None:
    """Return when it was over for good: resolved, closed or cancelled."""
    if story.is_over:
        return story.ending.at if story.ending else story.moves[-1].at
    return story.moves[-1].at


def _mean(times: Sequence[timedelta]) -> str:
    return short(sum(times, timedelta()) / len(times)) if times else "-"


def _spread(times: Sequence[timedelta]) -> list[str]:
    spread = Spread.of(times)
    if spread is None:
        return ["Nothing was measured."]
    return ["; ".join(f"{name} {short(time)}" for name, time in spread.to_dict(plain=False).items())]


# service clocks

_OF_A_TARGET = ("compliance_stopped", "compliance_due", "consumed_p50", "consumed_p90")
_OF_A_SERVICE = ("availability", "mtbf", "mtbsi", "waiting")


def _add_clocks(
    page: Page,
    itsm: ServiceManagement,
    held: Sequence[Practice[Any]],
    period: Period,
    behind: Collection[str],
    by: Actor | None,
) -> None:
    """Add what became of the promises: those of the policy, and of agreements in force."""
    policy = itsm.service_levels.policy
    for practice in held:
        slots = dict.fromkeys(rule.slot for rule in policy.targets if practice.kind in rule.kind)
        if not slots:
            continue
        page.section(
            f"Service clocks: {_name(practice)}", "Read from the history of each record, in the hours that were agreed."
        )
        for slot in slots:
            figures = itsm.service_levels.figures(
                practice.slot, since=period.since, until=period.until, target=slot, excluding=behind, by=by
            )
            page.heading(slot)
            for name in _OF_A_TARGET:
                page.figure(_told(figures[name]))
        page.heading("Of the services")
        for name in _OF_A_SERVICE:
            page.figure(_told(figures[name]))


# delivery, principles, imports


def _add_delivery(page: Page, itsm: ServiceManagement, window: tuple[datetime, datetime], by: Actor | None) -> None:
    found = [each for each in deployments(itsm, by=by) if window[0] <= each.at < window[1]]
    if not found:
        return
    keys = dora(found, window)
    records = [each.record for each in found]
    page.section("Delivery of changes", "The four keys, from changes and the incidents that they caused.")
    for told in (
        Told(title="Deployments per day", value=f"{keys.per_day:.2f}", n=f"n {keys.deployments:,}",
             definition="Changes that reached users, by the days of the period.", records=[("Records", records)]),
        Told(title="Lead time for changes", value=short(keys.lead_time.median if keys.lead_time else None),
             definition="Median time from when a change was recorded until it reached users.",
             records=[("Records", records)]),
        Told(title="Change failure rate", value="-" if keys.failure_rate is None else f"{keys.failure_rate:.1%}",
             definition="Of the changes that reached users, the share that caused an incident or has a close code that "
                        "says it failed.",
             records=[("Failed", [each.record for each in found if each.failed])]),
        Told(title="Recovery time", value=short(keys.recovery_time.median if keys.recovery_time else None),
             definition="Median time from a failed change until the last incident that it caused was restored; zero "
                        "where it was rolled back and caused no incident.",
             notes=[f"Not restored yet: {len(keys.unrestored):,}"], records=[("Not restored yet", keys.unrestored)]),
    ):  # fmt: skip
        page.figure(told)


def _add_principles(page: Page) -> None:
    page.section("Guiding principles", "A question to hold the work against, and the figures here that speak to it.")
    page.table(
        ["Principle", "Question", "Look at"],
        [(each.name, each.question, _SPEAKING.get(each.id, "")) for each in GUIDING_PRINCIPLES],
    )


def _add_imports(page: Page, itsm: ServiceManagement, by: Actor | None) -> None:
    runs = itsm.import_runs.find(limit=_LISTED, by=by).items
    if runs:
        page.section(
            "Imported history",
            "Rows that could not be used are kept with their run; figures and streams leave their records out.",
        )
        page.table(
            ["Run", "From", "File", "Rows", "Problems"],
            [(each.reference, each.system, each.file, f"{each.rows:,}", f"{each.faulty:,}") for each in runs],
        )


__all__ = ["html_report"]
