"""The schedule of a service management: its changes as planned work, its items as the graph, and the freeze guard."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import attrs

from itil4.clock import instant
from itil4.errors import DefinitionError, InvalidInput, Reason, nearest
from itil4.practices.change_schedule.conflict import KINDS, Conflict, Scopes, Sides, conflicts
from itil4.practices.change_schedule.ical import icalendar, told
from itil4.practices.change_schedule.periods import Period, Place
from itil4.practices.change_schedule.pictures import schedule_html, week_svg
from itil4.practices.change_schedule.planned import PlannedWork
from itil4.practices.change_schedule.slots import HORIZON, NextSlot, next_slot
from itil4.practices.configuration.graph import ConfigurationGraph
from itil4.record import Actor

if TYPE_CHECKING:
    from itil4.practices.configuration.register import Register
    from itil4.practices.desk import Desk

_TAKEN = ("authorize", "scheduled", "implement")
"""In these states the time of a change is taken, for those that come later."""

AHEAD = timedelta(days=30)
"""How far a forward schedule looks, unless somebody says otherwise."""


def _periods(value: Iterable[Any]) -> tuple[Period, ...]:
    if isinstance(value, (str, Mapping)):
        raise DefinitionError.of("ill_typed", field="periods", expected="several periods", value=value)
    return tuple(each if isinstance(each, Period) else Period.from_dict(each) for each in value)


def _names(value: Iterable[str]) -> frozenset[str]:
    return frozenset(value)


def _kinds(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    for each in value:
        if each not in KINDS:
            raise DefinitionError.of(
                "not_a_choice", field=attribute.name, value=each, choices=KINDS, nearest=nearest(each, KINDS)
            )


@attrs.frozen(kw_only=True)
class ChangeSchedule:
    """When changes may be made; given to `connect` in a policy: `ChangePolicy(schedule=ChangeSchedule(...))`.

    The policy asks it before a change is submitted, scheduled, rescheduled or begun: no normal or standard change may
    start inside a freeze of its scope unless it is exempt, and emergency changes may (INV-065). Conflicts are reported
    by `itsm.changes.conflicts(change)`; those of the kinds in `refuse` hold a change back as well: from the moment a
    change waits for its authorization, its time is taken, and of two that ask for one item or person at the same
    instant, one is told that it is stale.

    Args:
        periods: maintenance windows, blackouts and freezes, as `Period` values or plain data. They name items by
            number, name or id. A blackout or freeze of a service is about every item that it rests on, too.
        refuse: kinds of conflict that hold a change back.

    >>> schedule = ChangeSchedule(periods=[{
    ...     "name": "end of year", "kind": "freeze", "zone": "Europe/Paris",
    ...     "start": "2026-12-20T18:00", "end": "2027-01-02T06:00",
    ... }])
    >>> schedule.periods[0].kind
    'freeze'

    Raises:
        InvalidInput: a period cannot be.
        DefinitionError: a kind of conflict is unknown.
    """

    periods: tuple[Period, ...] = attrs.field(default=(), converter=_periods)
    refuse: frozenset[str] = attrs.field(default=frozenset(), converter=_names, validator=_kinds)

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Self:
        """Read plain data: `periods` and `refuse`."""
        known = [each.name for each in attrs.fields(cls)]
        for key in form:
            if key not in known:
                raise DefinitionError.of(
                    "unknown_field", record="ChangeSchedule", field=key, nearest=nearest(key, known)
                )
        return cls(**form)

    def __call__(self, change: Any, at: datetime, desk: "Desk") -> Iterator[Reason]:
        """Yield what speaks against the time of a change: its planned start, or `at` where the work has just begun."""
        begins = change.state == "implement"
        start, end = (change.actual_start or at if begins else change.planned_start), change.planned_end
        if start is None or not (self.periods or self.refuse):
            return
        if end is None or end <= start:
            end = start + timedelta(microseconds=1)
        setting = Setting(self, desk)
        desk.reading().depend([change.id])  # its scope stays as it is until the step is written
        (work,) = setting.works([change], start=start, end=end)
        yield from frozen(work, setting)
        if self.refuse and not begins:
            desk.reading().claim(setting.contended(work))
            others = setting.scheduled(start, end, None, _TAKEN)
            for each in conflicts([work], setting.graph, setting.periods, places=setting.places, against=others):
                if each.kind in self.refuse:
                    yield setting.reason(each, [work, *others])


def frozen(work: PlannedWork, setting: "Setting") -> Iterator[Reason]:
    """Yield a reason for each freeze in which a work starts: its own, of its items, or of what they are part of."""
    scopes = Scopes(setting.periods, setting.places)
    moment = work.start, work.start + timedelta(microseconds=1)
    seen: set[tuple[int, str | None]] = set()
    for item, other, side in Sides([work], setting.graph, scopes).of(work):
        if side == "child":
            continue
        for number in scopes.of_work(work) if other is None else scopes.of(other):
            period = setting.periods[number]
            if period.kind != "freeze" or period.exempts(work.type, (work.id, work.number)) or (number, item) in seen:
                continue
            for start, end in period.when.between(*moment):
                seen.add((number, item))
                yield Reason.of(
                    "change_freeze", change=work.label, at=work.start, period=period.name, start=start, end=end,
                    item=setting.labels.get(item or "", "everything in its scope"), type=work.type,
                )  # fmt: skip


class Setting:
    """What conflicts are judged against: the items of a service management, and its periods with items by their ids."""

    def __init__(self, schedule: ChangeSchedule, desk: "Desk", by: Actor | None = None) -> None:
        self.desk = desk
        items: Any = desk.in_slot("configuration_items")
        self.register: Register = items._register()
        self.graph: ConfigurationGraph = self.register.graph
        self.ids: dict[str, list[str]] = {}
        self.labels: dict[str, str] = {}
        self.places: dict[str, Place] = {}
        for identity, (record, _) in self.register.held.items():
            for name in {identity, record.number, record.name} - {None}:
                self.ids.setdefault(name, []).append(identity)
            self.labels[identity] = record.name
            if record.provides is not None or record.location is not None:
                self.places[identity] = Place(record.provides, record.location)
        self.periods = tuple(self._by_ids(each) for each in schedule.periods)
        self.hidden = self._hidden(by)

    def _hidden(self, by: Actor | None) -> frozenset[str]:
        """Return the items that a reader may not see."""
        if by is None or all(
            self.desk.of_kind(each.name).visible(by) is None for each in self.register.stored.values()
        ):
            return frozenset()
        items: Any = self.desk.in_slot("configuration_items")
        unit = self.desk.reading()
        unit.get_all(self.register.held)
        return frozenset(each for each in self.register.held if not items._end_is_seen(unit, each, by))

    def shown(self, found: Iterable[Conflict]) -> tuple[Conflict, ...]:
        """Return the conflicts that tell nothing of items that the reader may not see."""
        return tuple(each for each in found if self.hidden.isdisjoint((each.item, each.other_item)))

    def _by_ids(self, period: Period) -> Period:
        items = {identity for name in period.items for identity in self.ids.get(name, [name])}
        if period.kind != "maintenance" and period.services:
            serving = [each for each, place in self.places.items() if place.service in period.services]
            serving = [each for each in serving if each in self.graph]
            if serving:
                items |= self.graph.dependencies(*serving).came.keys()
        return attrs.evolve(period, items=frozenset(items))

    def works(
        self, changes: Iterable[Any], *, start: datetime | None = None, end: datetime | None = None
    ) -> list[PlannedWork]:
        """Return changes as planned work, with the items that they affect; `start` and `end` replace their own."""
        records = list(changes)
        unit, scope = self.desk.reading(), dict[str, list[str]]()
        for row in unit.links_of([each.id for each in records]):
            if row.relation == "affects":
                scope.setdefault(row.source, []).append(row.target)
        return [
            PlannedWork(
                id=each.id, number=each.number, title=each.summary, type=each.type, state=each.state,
                start=each.planned_start if start is None else start, end=each.planned_end if end is None else end,
                assignee=each.assignee, service=each.service,
                items=[
                    *scope.get(each.id, ()),
                    *(identity for name in each.items for identity in self.ids.get(name, [name])),
                ],
            )
            for each in records
        ]  # fmt: skip

    def scheduled(
        self, since: datetime, until: datetime, by: Actor | None, states: Iterable[str] = ("scheduled", "implement")
    ) -> list[PlannedWork]:
        """Return the changes in these states that touch an interval, of those that a reader may see.

        What the unit of a step has collected counts as if it were stored.
        """
        changes: Any = self.desk.in_slot("changes")
        wanted = frozenset(states)
        held = changes.each(state__in=tuple(wanted), planned_start__lt=until, planned_end__gt=since, by=by)
        new = {each.id: each for _, each, _, _ in self.desk.reading().changed() if isinstance(each, changes.record)}
        moved = (
            each for each in new.values()
            if each.state in wanted and each.planned_start and each.planned_end
            and each.planned_start < until and each.planned_end > since
        )  # fmt: skip
        return self.works([*(each for each in held if each.id not in new), *moved])

    def contended(self, work: PlannedWork) -> list[str]:
        """Return the records that every change which could be in conflict with a work has in common with it.

        These are its items, the wholes of these and what they rest on (of two related items one is above the
        other), and the other open changes of its assignee.
        """
        own = [item for item in work.items if item in self.graph]
        rests_on = self.graph.dependencies(*own).came if own else ()
        found = set(rests_on).union(*(self.graph.wholes(item) for item in own))
        changes: Any = self.desk.in_slot("changes")
        others = changes.each(is_open=True, assignee=work.assignee) if work.assignee is not None else ()
        return [*sorted(found), *(each.id for each in others if each.id != work.id)]

    def told(self, conflict: Conflict, works: Iterable[PlannedWork]) -> str:
        """Return a conflict in words."""
        return told(conflict, {each.id: each.label for each in works}, self.labels)

    def reason(self, conflict: Conflict, works: Iterable[PlannedWork]) -> Reason:
        """Return a conflict as what holds a change back."""
        known = list(works)
        label = next(each.label for each in known if each.id == conflict.work)
        return Reason.of(
            "schedule_conflict", change=label, kind=conflict.kind, text=self.told(conflict, known),
            start=conflict.start, end=conflict.end,
        )  # fmt: skip


def schedule_of(changes: Any) -> ChangeSchedule:
    """Return the schedule of a policy of changes; without one, no periods."""
    given = changes.rules.schedule
    return given if isinstance(given, ChangeSchedule) else ChangeSchedule()


def _planned(changes: Any, change: Any, by: Actor | None) -> Any:
    record = changes.get(change, by=by)
    if record.planned_start is None or record.planned_end is None:
        raise InvalidInput.of("not_planned", change=record.reference)
    return record


def conflicts_of(changes: Any, change: Any, by: Actor | None) -> tuple[Conflict, ...]:
    """Return the conflicts of one change as it is planned."""
    record = _planned(changes, change, by)
    setting = Setting(schedule_of(changes), changes.desk, by)
    others = setting.scheduled(record.planned_start, record.planned_end, by)
    work = setting.works([record])
    return setting.shown(conflicts(work, setting.graph, setting.periods, places=setting.places, against=others))


def next_slot_of(
    changes: Any, change: Any, by: Actor | None, after: datetime | None, horizon: timedelta | None,
    duration: timedelta | None,
) -> NextSlot:  # fmt: skip
    """Return the first free window for one change."""
    now = changes.desk.house.now()
    if duration is None:
        record = _planned(changes, change, by)
        start, end = record.planned_start, record.planned_end
    else:
        record = changes.get(change, by=by)
        start = record.planned_start or now
        end = start + max(duration, timedelta(microseconds=1))
    begin = max(start, now) if after is None else instant(after, "after")
    far = HORIZON if horizon is None else horizon
    setting = Setting(schedule_of(changes), changes.desk)
    (work,) = setting.works([record], start=start, end=end)
    others = setting.scheduled(begin, begin + far, by)
    return next_slot(
        work, others, setting.graph, setting.periods, places=setting.places, after=begin, horizon=far,
        duration=duration,
    )  # fmt: skip


@attrs.frozen
class ScheduledChange:
    """One line of a forward schedule: the change as planned work, and its conflicts."""

    work: PlannedWork
    conflicts: tuple[Conflict, ...]


@attrs.frozen(eq=False)
class ForwardSchedule:
    """The changes that are planned in an interval, by their start: the forward schedule of change."""

    since: datetime
    until: datetime
    entries: tuple[ScheduledChange, ...]
    made_at: datetime
    periods: tuple[Period, ...] = attrs.field(default=(), repr=False)
    labels: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """Item id -> its name."""

    @property
    def works(self) -> tuple[PlannedWork, ...]:
        """The planned work alone."""
        return tuple(each.work for each in self.entries)

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """All conflicts."""
        return tuple(found for each in self.entries for found in each.conflicts)

    def icalendar(self, name: str = "Forward schedule of change") -> str:
        """Return it as an iCalendar file, which calendars subscribe to."""
        return icalendar(self.works, self.conflicts, stamp=self.made_at, name=name)

    def html(self, zone: str = "UTC", title: str = "Forward schedule of change") -> str:
        """Return it as a page that opens offline: a picture for each week, and a list."""
        return schedule_html(
            self.works, conflicts=self.conflicts, periods=self.periods, zone=zone, items=self.labels, title=title
        )

    def week(self, day: date, zone: str = "UTC") -> str:
        """Return the week of a day as an SVG."""
        return week_svg(self.works, day, conflicts=self.conflicts, periods=self.periods, zone=zone, items=self.labels)

    def told(self, conflict: Conflict) -> str:
        """Return one of its conflicts in words."""
        return told(conflict, {each.id: each.label for each in self.works}, self.labels)

    def __iter__(self) -> Iterator[ScheduledChange]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def forward_schedule_of(
    changes: Any, since: datetime | None, until: datetime | None, by: Actor | None, states: Iterable[str]
) -> ForwardSchedule:
    """Return the forward schedule of change."""
    now = changes.desk.house.now()
    begin = now if since is None else instant(since, "since")
    end = begin + AHEAD if until is None else instant(until, "until")
    if end <= begin:
        raise InvalidInput.of("bad_period", since=begin, until=end)
    setting = Setting(schedule_of(changes), changes.desk, by)
    works = setting.scheduled(begin, end, by, states)
    whole = min((each.start for each in works), default=begin), max((each.end for each in works), default=end)
    around = setting.scheduled(*whole, by, states)
    found: dict[str, list[Conflict]] = {}
    everything = conflicts(works, setting.graph, setting.periods, places=setting.places, against=around)
    for each in setting.shown(everything):
        found.setdefault(each.work, []).append(each)
    entries = [
        ScheduledChange(attrs.evolve(work, items=work.items - setting.hidden), tuple(found.get(work.id, ())))
        for work in sorted(works, key=lambda work: (work.start, work.id))
    ]
    return ForwardSchedule(begin, end, tuple(entries), now, setting.periods, setting.labels)


__all__ = ["AHEAD", "ChangeSchedule", "ForwardSchedule", "ScheduledChange"]
