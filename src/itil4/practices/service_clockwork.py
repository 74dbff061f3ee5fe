"""Due times of records: computed from history when an entry changes it, and kept beside the row.

What is pending on a record is a pure function of its history and the policy: thresholds that its clocks have
reached or will reach, and the timers of its state. What was done about a threshold stands in the history as an entry
with the key of that threshold, so nothing is done twice and no run has to remember anything.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from itil4.errors import DefinitionError, InvalidInput, Reason, StoreError
from itil4.lifecycle import Lifecycle
from itil4.lifecycle.timers import Due, deadlines
from itil4.practices.desk import House
from itil4.practices.service_clocks import RecordClock, Telling, record_clocks, scope_values
from itil4.practices.service_policy import BREACH, ServiceLevelPolicy
from itil4.record import Entry
from itil4.service_level import Moment, Reading, ServiceCalendar
from itil4.service_level.zone import MICROSECOND, micro
from itil4.storage.projections import DueRow, KeepsDueTimes, Projected, keeps_due_times
from itil4.storage.query import Compare, Every, Query, Some, Where
from itil4.storage.unit import Unit
from itil4.vocabulary import OPEN

if TYPE_CHECKING:
    from itil4.practices.base import Practice

_log = logging.getLogger("itil4")

FIRED = "service_level"
"""Under this name an entry keeps which threshold it is about."""


@attrs.frozen
class Threshold:
    """A threshold of a clock on a record: which, when it was or will be reached, and the key that it has for ever."""

    clock: RecordClock
    reading: Reading
    at: datetime
    threshold: float | str
    key: str


def thresholds(clock: RecordClock, reading: Reading, entries: Sequence[Entry]) -> Iterator[Threshold]:
    """Yield the thresholds that nothing was done about yet: those that were reached, then the next ones to come."""
    asof = reading.asof
    if reading.state in ("not_started", "cancelled") or reading.started_at is None:
        return
    done = _done(entries)
    begun = reading.spells[reading.dropped][0] if reading.dropped < len(reading.spells) else micro(reading.started_at)

    def threshold(which: float | str, at: datetime) -> Threshold:
        return Threshold(clock, reading, at, which, f"{entries[0].record_id} {clock.promise} {which} since {begun}")

    reached = [(each.fraction, each.at) for each in reading.warnings]
    if reading.breached:
        reached.append((BREACH, reading.breached_at or asof))  # type: ignore[arg-type]
    for which, at in reached:
        if (found := threshold(which, at)).key not in done:
            yield found
    if reading.state != "running":
        return
    promised = reading.promised
    for fraction in reading.target.warnings[len(reading.warnings) :] if promised is not None else ():
        due = _due(clock.calendar, asof, promised * fraction - reading.consumed) if promised is not None else None
        if due is not None and (found := threshold(fraction, due)).key not in done:
            yield found
    if reading.late_from is not None and (found := threshold(BREACH, reading.late_from + MICROSECOND)).key not in done:
        yield found


def _done(entries: Sequence[Entry]) -> frozenset[str]:
    """Return the keys of the thresholds that the history has entries of."""
    found = (entry.details.get(FIRED) for entry in entries if entry.event in EVENTS)
    return frozenset(each["key"] for each in found if each)


EVENTS = frozenset({"service_level_warning", "service_level_breach"})
"""What the entries of thresholds are called."""


def _due(calendar: ServiceCalendar, start: datetime, duration: timedelta) -> datetime | None:
    try:
        return calendar.due(start, max(duration, timedelta()))
    except InvalidInput:
        return None


class Clockwork:
    """Keeps the due times of one service management: called with a unit of work before it is written."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._tellings: dict[tuple[str, str], Telling] = {}
        self._held: tuple[Any, ServiceLevelPolicy] | None = None
        self.problems: tuple[tuple[str, str, tuple[Reason, ...]], ...] = ()
        """(id, number, reasons) of agreements that no longer fit the policy, such as one on hours that are gone."""
        self._lifecycles: dict[str, tuple[Lifecycle, ...]] = {}
        given = house.policies.get("service_level", ServiceLevelPolicy())
        if not isinstance(given, ServiceLevelPolicy):
            raise InvalidInput.of(
                "ill_typed", field="policies.service_level", expected="a ServiceLevelPolicy", value=given
            )
        self.given = given
        self._keeps = keeps_due_times(house.store)
        self.check(given)

    # the policy

    def check(self, policy: ServiceLevelPolicy) -> None:
        """Check the conditions of targets against the lifecycles that they are about (see `Target.check`).

        Raises:
            DefinitionError: a target can never start or stop, or names something that is not there.
        """
        from itil4.practices.service_checking import check_policy

        check_policy(policy, self._house)

    def lifecycles(self, kind: str) -> tuple[Lifecycle, ...]:
        """Return the lifecycles of a kind, with the timers that the policy adds."""
        found = self._lifecycles.get(kind)
        if found is None:
            found = self._lifecycles[kind] = _with_timers(self._practice(kind), self.given)
        return found

    def _practice(self, kind: str) -> "type[Practice[Any]]":
        return self._house.practices.by_kind[kind].practice

    def _has_timers(self, kind: str) -> bool:
        return any(state.timers for lifecycle in self.lifecycles(kind) for state in lifecycle.states)

    def policy(self) -> ServiceLevelPolicy:
        """Return the policy in force: the given one, and what agreement records add."""
        if not self.given.agreements or "service_level" not in self._house.kinds:
            return self.given
        from itil4.practices.service_agreements import rules_of

        in_force = Compare("state", "in", ("active", "under_review", "expired", "terminated"))
        by_time = (("created_at", False),)  # in the order of an index that begins with the kind
        rows = self._house.store.find(self._house.tenant, Query("service_level", in_force, by_time))
        if not rows:
            return self.given
        mark = tuple((row.id, row.version) for row in rows)
        if self._held is not None and self._held[0] == mark:
            return self._held[1]
        codec = self._house.kinds["service_level"].codec
        records = [codec.record(row) for row in rows if row.state != "terminated" or self._was_active(row.id)]
        made, problems = self.given, []
        for each in records:
            try:
                more = tuple(rules_of(each, self.given, self.has_customer(each)))
                made = attrs.evolve(made, targets=(*made.targets, *more))
            except DefinitionError as error:  # it fitted when it came into force, and work goes on without it
                problems.append((each.id, each.reference, error.reasons))
                _log.error("The agreement %s governs nothing: %s", each.reference, error)
        self.problems = tuple(problems)
        self._held = mark, made
        return made

    def _was_active(self, record_id: str) -> bool:
        """Say whether an agreement that was terminated has ever been in force."""
        rows = self._house.store.history(self._house.tenant, record_id=record_id)
        return any(row.to_state == "active" for row in rows)

    def has_customer(self, agreement: Any) -> bool:
        """Say whether the records that an agreement is about know their customer."""
        kinds = {kind for agreed in agreement.targets for kind in agreed.records} & self._house.kinds.keys()
        return all(self._house.kinds[kind].shape.get(self.given.customer_field) is not None for kind in kinds)

    def store(self) -> KeepsDueTimes:
        """Return the store, where it keeps due times.

        Raises:
            StoreError: it does not.
        """
        store = self._house.store
        if keeps_due_times(store):
            return store
        raise StoreError.of("no_projections", store=type(store).__name__)

    # due times

    def __call__(self, unit: Unit) -> list[Projected]:
        """Return the due times of what a unit is about to write."""
        if not self._keeps:
            return []
        policy = self.policy()
        about = policy.kinds
        made = []
        for kind, record, entries, born in unit.changed():
            if kind.name in about or self._has_timers(kind.name):
                whole = tuple(entries) if born else (*self._stored(kind.name, record.id), *entries)
                made.append(self.projected(policy, record, whole, kind.name, entries))
        return made

    def _stored(self, kind: str, record_id: str) -> tuple[Entry, ...]:
        house, codec = self._house, self._house.kinds[kind].codec
        return tuple(codec.entries(house.store.history(house.tenant, record_id=record_id), house.tenant))

    def clocks(
        self, kind: str, entries: Sequence[Entry], asof: datetime | None = None,
        *, policy: ServiceLevelPolicy | None = None, strict: bool = True,
    ) -> list[RecordClock]:  # fmt: skip
        """Return the clocks of a record."""
        policy = policy or self.policy()
        return record_clocks(policy, self._telling(kind, policy), kind, entries, asof, strict=strict)

    def moments(self, kind: str, entries: Sequence[Entry], policy: ServiceLevelPolicy) -> list[tuple[datetime, Moment]]:
        """Return how a record stood after each entry, as clocks read it."""
        return self._telling(kind, policy).moments(entries)

    def _telling(self, kind: str, policy: ServiceLevelPolicy) -> Telling:
        key = kind, policy.stamp
        found = self._tellings.get(key)
        if found is None:
            fields = {policy.customer_field if name == "customer" else name for name in policy.fields} | {"assignee"}
            made = Telling(self._practice(kind), self._house.kinds[kind].shape, fields)
            found = self._tellings[key] = made
        return found

    def timers(self, kind: str, record: Any, entries: Sequence[Entry], policy: ServiceLevelPolicy) -> tuple[Due, ...]:
        """Return the timers that run for a record, the earliest first; those of its lifecycles and of the policy."""
        if not self._has_timers(kind):
            return ()
        shape = self._house.kinds[kind].shape
        fields = {name: shape.read(record, name) for name in policy.fields if shape.get(name) is not None}
        if shape.get(policy.customer_field) is not None:
            fields[policy.customer_field] = shape.read(record, policy.customer_field)
        try:
            hours = policy.calendar_of(scope_values(policy, kind, fields))
            found = [due for lifecycle in self.lifecycles(kind) for due in deadlines(lifecycle, record, entries, hours)]
        except InvalidInput as error:  # hours that tie or never open again are no reason to stop work on the record
            _log.error("The timers of %s stand still: %s", record.reference, error)
            return ()
        return tuple(sorted(found, key=lambda each: each.at))

    def projected(
        self, policy: ServiceLevelPolicy, record: Any, entries: Sequence[Entry], kind: str, new: Sequence[Entry] = ()
    ) -> Projected:
        """Return the due times of a record, as they follow from its history up to its last entry.

        They do not depend on when they are computed, so computing them again changes nothing.
        """
        asof = record.updated_at
        rows = []
        for clock in self.clocks(kind, entries, policy=policy, strict=False):
            reading = clock.read(asof)
            pending = min((each.at for each in thresholds(clock, reading, entries)), default=None)
            if pending is None and reading.state not in ("running", "paused"):
                continue
            late = reading.late_from
            if reading.breached and reading.state in ("running", "paused"):
                late = _due_late(clock.calendar, reading.breached_at) or asof
            due = reading.due_at or (reading.breached_at if reading.state in ("running", "paused") else None)
            rows.append(
                DueRow(
                    record.id, "clock", clock.rule.slot, kind, _micro(due), _micro(late), _micro(pending),
                    clock.calendar.revision, policy.stamp, record.version,
                )
            )  # fmt: skip
        for timer in self.timers(kind, record, entries, policy):
            at = _micro(timer.at)
            name = f"{timer.lifecycle}/{timer.event}"
            rows.append(DueRow(record.id, "timer", name, kind, at, None, at, "", policy.stamp, record.version))
        return Projected(record.id, tuple(rows), tuple(_notices(new, record.version, policy.stamp)))

    def refold(self, *, chunk: int = 200) -> int:
        """Compute the due times of all open records anew, where the policy or a calendar has changed; return how many.

        It may be interrupted and run again, and others may write meanwhile.
        """
        policy, store, count = self.policy(), self.store(), 0
        for kind in sorted(kind for kind in self._house.kinds if kind in policy.kinds or self._has_timers(kind)):
            for rows in self._pages(kind, chunk):
                count += self._again(kind, [row.id for row in rows], policy, store)
        after = ""
        while found := store.differing(self._house.tenant, policy.stamp, after, chunk):
            after = found[-1][0]
            for kind in {kind for _, kind in found}:
                count += self._again(kind, [each for each, of in found if of == kind], policy, store)
        mark = DueRow("", "mark", "policy", "", None, None, None, "", policy.stamp, 0)
        store.mark(self._house.tenant, mark)
        return count

    def is_current(self) -> bool:
        """Say whether the due times were computed from the policy that is in force."""
        stamp, store, tenant = self.policy().stamp, self.store(), self._house.tenant
        marks = [row for row in store.due_of(tenant, "") if row.name == "policy"]
        return bool(marks) and marks[0].stamp == stamp and not store.differing(tenant, stamp, "", 1)

    def _pages(self, kind: str, chunk: int) -> Iterator[list[Any]]:
        categories = {*OPEN}
        for lifecycle in self.lifecycles(kind)[:1]:
            categories |= {state.category for state in lifecycle.states if state.timers}
        where: Where = Some(tuple(Compare("state_category", "eq", each) for each in sorted(categories)))
        last = None
        while True:
            behind = where if last is None else Every((where, Compare("id", "gt", last)))
            rows = self._house.store.find(self._house.tenant, Query(kind, behind, limit=chunk))
            if not rows:
                return
            yield rows
            last = max(row.id for row in rows)

    def _again(self, kind: str, ids: Sequence[str], policy: ServiceLevelPolicy, store: KeepsDueTimes) -> int:
        codec = self._house.kinds[kind].codec
        rows = self._house.store.load(self._house.tenant, ids)
        made = []
        for row in rows:
            entries = self._stored(kind, row.id)
            if len(entries) == row.version:  # otherwise it moves at this moment, and its writer projects it
                made.append((row.version, self.projected(policy, codec.record(row), entries, kind)))
        store.project(self._house.tenant, made)
        return len(made)


def _with_timers(cls: "type[Practice[Any]]", policy: ServiceLevelPolicy) -> tuple[Lifecycle, ...]:
    """Return the lifecycles of a practice with the timers that the policy adds."""
    made = []
    for lifecycle in cls.lifecycles():
        states = list(lifecycle.states)
        for more in policy.timers:
            if more.kind == cls.kind and more.state in lifecycle.by_name and more.timer.event in lifecycle.events:
                place = next(i for i, state in enumerate(states) if state.name == more.state)
                states[place] = attrs.evolve(states[place], timers=(*states[place].timers, more.timer))
        made.append(lifecycle if states == list(lifecycle.states) else attrs.evolve(lifecycle, states=states))
    return tuple(made)


def _notices(entries: Sequence[Entry], version: int, stamp: str) -> Iterator[DueRow]:
    """Yield a notice for each new entry of a threshold that somebody wants to hear of."""
    for entry in entries:
        told: Mapping[str, Any] | None = entry.details.get(FIRED) if entry.event in EVENTS else None
        if told:
            at = micro(entry.at)
            yield DueRow(
                entry.record_id, "notice", told["key"], entry.kind, None, None, at, "", stamp, version, str(entry.seq)
            )


def _due_late(calendar: ServiceCalendar, reached: datetime | None) -> datetime | None:
    if reached is None:
        return None
    try:
        return calendar.late_from(reached, timedelta())
    except InvalidInput:
        return None


def _micro(at: datetime | None) -> int | None:
    return None if at is None else micro(at)
