"""The first free window for planned work: exact, by taking away from an interval whatever stands against it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput, Reason
from itil4.practices.change_schedule.conflict import Scopes, Sides, windows_for
from itil4.practices.change_schedule.periods import Period, Place
from itil4.practices.change_schedule.planned import PlannedWork
from itil4.practices.change_schedule.when import Span, joined
from itil4.practices.configuration.graph import ConfigurationGraph

HORIZON = timedelta(days=90)
"""How far ahead a free window is looked for, unless somebody says otherwise."""


@attrs.frozen
class NextSlot:
    """A proposal: when work could be done without any conflict, or why there is no such time.

    It is true when there is a time.
    """

    start: datetime | None = None
    end: datetime | None = None
    reason: Reason | None = None

    def __bool__(self) -> bool:
        """Whether there is a free window."""
        return self.start is not None


def next_slot(
    work: PlannedWork,
    planned: Iterable[PlannedWork] = (),
    graph: ConfigurationGraph | None = None,
    periods: Iterable[Period] = (),
    *,
    places: Mapping[str, Place] | None = None,
    after: datetime | None = None,
    horizon: timedelta = HORIZON,
    duration: timedelta | None = None,
) -> NextSlot:
    """Return the earliest time at which work meets no conflict, neither of its own nor of others with it.

    Args:
        work: what is to be planned; its own times say how long it takes.
        planned: what is scheduled already; the work itself is passed over.
        graph, periods, places: as for `conflicts`.
        after: the earliest start; by default that of the work.
        horizon: how far ahead to look from there (calendar time); the work ends within it.
        duration: how long it takes, where that differs from its own times.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> held = PlannedWork(id="held", start=noon, end=noon + timedelta(hours=3), items={"server"})
    >>> mine = PlannedWork(id="mine", start=noon, end=noon + timedelta(hours=1), items={"server"})
    >>> next_slot(mine, [held]).start.isoformat()
    '2026-03-02T15:00:00+00:00'
    >>> next_slot(mine, [held], horizon=timedelta(hours=2)).reason.code
    'no_slot'

    Raises:
        InvalidInput: the duration or the horizon is not more than zero.
    """
    needs = work.end - work.start if duration is None else duration
    for name, length in (("duration", needs), ("horizon", horizon)):
        if not isinstance(length, timedelta):
            raise InvalidInput.of("ill_typed", field=name, expected="a timedelta", value=length)
        if length <= timedelta(0):
            raise InvalidInput.of("not_positive", field=name, value=length)
    begin = work.start if after is None else instant(after, "after")
    until = begin + horizon
    map_, known = graph or ConfigurationGraph(), tuple(periods)
    scopes = Scopes(known, places or {})
    sides = list(Sides([work], map_, scopes).of(work))
    open_spans: list[Span] = [(begin, until)]
    for _, other, _ in sides:
        windows = windows_for(work, other, scopes)
        if windows is not None:
            allowed = joined(span for number in windows for span in known[number].when.between(begin, until))
            open_spans = _common(open_spans, allowed)
    widest = max((end - start for start, end in open_spans), default=timedelta(0))
    taken = [(each.start, each.end) for each in _in_the_way(work, planned, map_)]
    for _, other, _ in sides:
        for number in scopes.of_work(work) if other is None else scopes.of(other):
            period = known[number]
            if period.kind != "maintenance" and not period.exempts(work.type, (work.id, work.number)):
                taken += period.when.between(begin, until)
    free = _without(open_spans, joined(taken))
    for start, end in free:
        if end - start >= needs:
            return NextSlot(start, start + needs)
    longest = max((end - start for start, end in free), default=timedelta(0))
    code = "no_slot_windows" if widest < needs else "no_slot"
    found = {"duration": needs, "until": until, "longest": widest if widest < needs else longest}
    return NextSlot(reason=Reason.of(code, work=work.label, **found))


def _in_the_way(work: PlannedWork, planned: Iterable[PlannedWork], graph: ConfigurationGraph) -> Iterable[PlannedWork]:
    """Yield other work that would be in conflict with this one at the same time."""
    there = [item for item in sorted(work.items) if item in graph]
    near = set(work.items)
    for item in there:
        near |= graph.wholes(item) | graph.parts(item)
    if there:
        near |= graph.dependencies(*there).came.keys()
        near |= graph.impact(*there, ignoring_redundancy=True).came.keys()
    for other in planned:
        if other.id == work.id:
            continue
        if not near.isdisjoint(other.items) or (work.assignee is not None and other.assignee == work.assignee):
            yield other


def _common(first: Sequence[Span], second: Sequence[Span]) -> list[Span]:
    """Return what lies in a span of both, each sorted and without overlaps."""
    found: list[Span] = []
    at = 0
    for start, end in first:
        while at < len(second) and second[at][1] <= start:
            at += 1
        ahead = at
        while ahead < len(second) and second[ahead][0] < end:
            found.append((max(start, second[ahead][0]), min(end, second[ahead][1])))
            ahead += 1
    return found


def _without(spans: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    """Return what is left of spans when others are taken away, each sorted and without overlaps."""
    found: list[Span] = []
    at = 0
    for start, end in spans:
        while at < len(taken) and taken[at][1] <= start:
            at += 1
        free, ahead = start, at
        while ahead < len(taken) and taken[ahead][0] < end:
            if taken[ahead][0] > free:
                found.append((free, taken[ahead][0]))
            free = max(free, taken[ahead][1])
            ahead += 1
        if free < end:
            found.append((free, end))
    return found


__all__ = ["HORIZON", "NextSlot", "next_slot"]
