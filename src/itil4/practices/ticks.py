"""Ticks: do what fell due. Nothing waits and no thread is started; a host calls `itsm.tick()` now and then.

Whatever a tick does is an entry with a key in the same unit of work as its effects, so it happens once: in several
processes, after a crash, and however often the tick runs. Notices are delivered after that, and forgotten once they
were: at least once, each with the same key every time.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from itil4.clock import FrozenClock, instant
from itil4.errors import InvalidInput, ITIL4Error, Reason, Refused, StaleRecord
from itil4.lifecycle.timers import Due
from itil4.practices.desk import Desk
from itil4.practices.due_times import clockwork_of
from itil4.practices.service_clockwork import EVENTS, FIRED, Threshold, thresholds
from itil4.practices.service_policy import BREACH, ServiceLevelPolicy
from itil4.record import Actor, Entry
from itil4.service_level.target import iso_duration
from itil4.service_level.zone import micro, moment
from itil4.storage.projections import DueRow, KeepsDueTimes
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.recurring import Recurrence

_log = logging.getLogger("itil4")

_TRIES = 5
_LONGEST_KEY = 255
_MOST = 100
"""So many things are done for one record in one tick; the rest waits for the next."""


@attrs.frozen(kw_only=True)
class Notice:
    """What somebody is told: that a record has reached a threshold.

    `key` is the same whenever this is delivered, so that a receiver can tell that it has been.
    """

    key: str
    record_id: str
    number: str | None
    kind: str
    event: str
    to: tuple[str, ...]
    at: datetime
    facts: Mapping[str, Any]


Notify: TypeAlias = Callable[[Notice], object]


@attrs.frozen(kw_only=True)
class Fired:
    """What a tick did: the record, the event, when it fell due, and the key that it is done once by."""

    record_id: str
    event: str
    at: datetime
    key: str


@attrs.frozen(kw_only=True)
class Ticked:
    """What a tick has done.

    Attributes:
        now: the moment that it acted at.
        fired: warnings, breaches and timers, in order.
        made: the references of the records that recurrences made.
        delivered: how many notices.
        refolded: how many records got new due times, because the policy or a calendar is another one.
        held_back: (record id, event, reasons) of what was refused and is tried again at the next tick, and of
            agreements that no longer fit the policy.
    """

    now: datetime
    fired: tuple[Fired, ...] = ()
    made: tuple[str, ...] = ()
    delivered: int = 0
    refolded: int = 0
    held_back: tuple[tuple[str, str, tuple[Reason, ...]], ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.now:%Y-%m-%d %H:%M:%S} UTC: {len(self.fired)} fired, {len(self.made)} made, "
            f"{self.delivered} delivered, {self.refolded} refolded, {len(self.held_back)} held back"
        )


def tick(desk: Desk, now: datetime | None = None, *, notify: Notify | None = None) -> Ticked:
    """Do what fell due up to `now`, the longest overdue first; safe to run at the same time in several processes.

    Args:
        desk: the service management.
        now: the moment to act at; by default that of the clock.
        notify: called with each notice. One that raises is logged, and called again at the next tick.

    Raises:
        StoreError: the store keeps no due times.
        InvalidInput: `now` has no time zone, or it is called inside a unit of work.
    """
    at = desk.house.now() if now is None else instant(now, "now")
    return _Ticking(desk, at, notify).run()


def _once(key: str) -> str:
    """Return the `once=` key of something that is done once; keys have an end, and names of metrics have none."""
    text = f"tick {key}"
    return text if len(text) <= _LONGEST_KEY else f"tick {hashlib.sha256(text.encode()).hexdigest()}"


class _Ticking:
    def __init__(self, desk: Desk, now: datetime, notify: Notify | None) -> None:
        if desk._unit is not None:
            raise InvalidInput.of("tick_in_unit")
        self.clockwork = clockwork = clockwork_of(desk.house)
        self.house = attrs.evolve(desk.house, clock=FrozenClock(now))
        self.kind_of_desk = type(desk)
        self.now, self.notify = now, notify
        self.store: KeepsDueTimes = clockwork.store()
        self.fired: list[Fired] = []
        self.held: list[tuple[str, str, tuple[Reason, ...]]] = []
        self.made: list[str] = []
        self.delivered = 0
        self.tried: set[str] = set()

    def run(self) -> Ticked:
        refolded = 0 if self.clockwork.is_current() else self.clockwork.refold()
        policy = self.clockwork.policy()
        self.held += self.clockwork.problems
        for recurrence in policy.recurring:
            self._make(recurrence, policy)
        after = None
        seen: set[str] = set()
        while rows := self.store.falling(self.house.tenant, micro(self.now), after):
            after = rows[-1].key
            for row in rows:
                if row.sort == "notice":
                    self._deliver(row)
                elif row.sort in ("clock", "timer") and row.record_id not in seen:
                    seen.add(row.record_id)
                    self._work_off(row, policy)
        return Ticked(
            now=self.now, fired=tuple(self.fired), made=tuple(self.made), delivered=self.delivered, refolded=refolded,
            held_back=tuple(self.held),
        )  # fmt: skip

    # one record

    def _work_off(self, row: DueRow, policy: ServiceLevelPolicy) -> None:
        """Do everything that is due on a record, each in a unit of its own, the longest overdue first."""
        refused: set[str] = set()
        for _ in range(_MOST):
            try:
                if not self._next(row.record_id, row.kind, policy, refused):
                    return
            except ITIL4Error as error:  # one record that cannot be worked off stops no other
                self.held.append((row.record_id, row.name, error.reasons))
                return

    def _next(self, record_id: str, kind: str, policy: ServiceLevelPolicy, refused: set[str]) -> bool:
        for _ in range(_TRIES):
            unit = self.kind_of_desk(self.house).new_unit()
            desk = self.kind_of_desk(self.house, policy.actor, unit)
            record: Any = unit.get(record_id)
            entries = desk.of_kind(kind)._entries(unit, record_id)
            pending = self._pending(kind, record, entries, policy, refused)
            if pending is None:
                if not refused:  # nothing is due any more: let its due times say so
                    self.store.project(
                        self.house.tenant,
                        [(record.version, self.clockwork.projected(policy, record, entries, kind))],
                    )
                return False
            at, key, what = pending
            try:
                if isinstance(what, Threshold):
                    event = self._reach(desk, unit, record, what, policy)
                else:
                    event = self._fire(desk, unit, record, kind, what, key, policy.actor)
                done = self.house.commit(unit)
            except Refused as error:
                refused.add(key)
                self.held.append((record_id, key, error.reasons))
                return True
            except StaleRecord:
                continue
            except InvalidInput as error:
                if error.code == "taken":  # another process has done it, so that it stands in the history now
                    continue
                raise
            self.fired.append(Fired(record_id=record_id, event=event, at=at, key=key))
            self._tell(done)
            return True
        return False

    def _pending(
        self, kind: str, record: Any, entries: tuple[Entry, ...], policy: ServiceLevelPolicy, refused: set[str]
    ) -> tuple[datetime, str, Threshold | Due] | None:
        """Return what fell due first: when, its key, and what it is."""
        found: list[tuple[datetime, int, str, Threshold | Due]] = []
        for clock in self.clockwork.clocks(kind, entries, self.now, policy=policy, strict=False):
            for place, threshold in enumerate(thresholds(clock, clock.read(self.now), entries)):
                if threshold.at <= self.now:
                    found.append((threshold.at, place, threshold.key, threshold))
        for due in self.clockwork.timers(kind, record, entries, policy):
            if due.at <= self.now:
                key = f"{record.id} {due.lifecycle}/{due.event} since {micro(due.at)}"
                found.append((due.at, _MOST, key, due))
        found = [each for each in found if each[2] not in refused]
        if not found:
            return None
        at, _, key, what = min(found, key=lambda each: each[:3])
        return at, key, what

    def _fire(self, desk: Desk, unit: Unit, record: Any, kind: str, due: Due, key: str, actor: Actor) -> str:
        """Take the step of a timer, as of when it fell due."""
        at = max(due.at, record.updated_at)
        new = desk.of_kind(kind).fire(record, due.event, by=actor, at=at, reason=f"due since {due.at.isoformat()}")
        unit.once(_once(key), new.id, new.version, "tick.timer")
        return due.event

    def _reach(self, desk: Desk, unit: Unit, record: Any, reached: Threshold, policy: ServiceLevelPolicy) -> str:
        """Write down that a threshold was reached, and do what its escalation rules say."""
        practice = desk.of_kind(unit.kind_of(record.id).name)
        rule, reading, which = reached.clock.rule, reached.reading, reached.threshold
        at = max(reached.at, record.updated_at)
        rules = [each for each in rule.escalations if each.at == which]
        event = "service_level_breach" if which == BREACH else "service_level_warning"
        facts: dict[str, Any] = {
            "key": reached.key, "slot": rule.slot, "target": rule.target.label, "threshold": which,
            "agreement": rule.agreement, "at": reached.at.isoformat(), "revision": reached.clock.calendar.revision,
            "promised": None if reading.promised is None else iso_duration(reading.promised),
            "deadline": None if reading.deadline is None else reading.deadline.isoformat(),
            "notify": [person for each in rules for person in each.notify],
        }  # fmt: skip
        told = rule.label if which == BREACH else f"{which:.0%} of {rule.label}"
        context = practice._context(unit, policy.actor, record, None, {}, at, f"{told} reached")
        new, entry = practice.lifecycle.engine.append(
            record, "update", context, event=event, details={FIRED: {k: v for k, v in facts.items() if v is not None}}
        )
        new = unit.add(new, entry)
        unit.once(_once(reached.key), new.id, new.version, "tick.threshold")
        if which == BREACH:
            new = self._keep_breach(desk, new, reached, at, policy.actor)
        for each in rules:
            new = self._escalate(practice, unit, new, each, policy.actor, at, entry)
        return event

    def _keep_breach(self, desk: Desk, record: Any, reached: Threshold, at: datetime, actor: Actor) -> Any:
        from itil4.practices.linking import link

        rule, reading = reached.clock.rule, reached.reading
        breach = desk.in_slot("service_level_breaches").log(
            about=record.reference, slot=rule.slot, target=rule.target.label, agreement=rule.agreement,
            promised=reading.promised, consumed=reading.consumed, breached_at=reached.at,
            revision=reached.clock.calendar.revision, by=actor, at=at,
        )  # fmt: skip
        link(desk, breach, "breach_of", record, actor, None, None, None, None)
        return desk.reading().get(record.id)

    def _escalate(
        self, practice: Any, unit: Unit, record: Any, rule: Any, actor: Actor, at: datetime, entry: Entry
    ) -> Any:
        """Escalate and rank; what the state of the record does not allow is noted and held back."""
        given = {"by": actor, "at": at, "reason": entry.reason, "cause": entry.id}
        try:
            with unit.savepoint():
                if rule.escalate is not None and rule.escalate not in getattr(record, "informed", (rule.escalate,)):
                    record = practice.fire(record, "escalate", informed=(*record.informed, rule.escalate), **given)
                if rule.rank is not None and getattr(record, "rank", rule.rank) != rule.rank:
                    record = practice.update(record, rank=rule.rank, by=actor, at=at, reason=entry.reason)
        except Refused as error:
            self.held.append((record.id, "escalate", error.reasons))
            return unit.get(record.id)
        return record

    # notices

    def _tell(self, entries: list[Entry]) -> None:
        """Deliver the notices of what was committed."""
        for record_id in dict.fromkeys(entry.record_id for entry in entries if entry.event in EVENTS):
            for row in self.store.due_of(self.house.tenant, record_id):
                if row.sort == "notice":
                    self._deliver(row, published=True)

    def _deliver(self, row: DueRow, *, published: bool = False) -> None:
        if row.name in self.tried:
            return
        self.tried.add(row.name)
        desk = self.kind_of_desk(self.house)
        practice = desk.of_kind(row.kind)
        entry = practice._entries(desk.reading(), row.record_id)[int(row.body) - 1]
        facts = entry.details[FIRED]
        if self.notify is None:
            if not published:
                self.house.publish([entry])
        else:
            row_of = next(iter(self.house.store.load(self.house.tenant, [row.record_id])), None)
            notice = Notice(
                key=row.name, record_id=row.record_id, number=row_of.number if row_of else None, kind=row.kind,
                event=entry.event or "", to=tuple(facts.get("notify", ())), at=entry.at, facts=facts,
            )  # fmt: skip
            try:
                self.notify(notice)
            except Exception:  # a host's callback may raise anything
                _log.exception("A notice was not delivered and is tried again: %s", row.name)
                return
        self.store.settle(self.house.tenant, [row])
        self.delivered += 1

    # recurring records

    def _make(self, recurrence: "Recurrence", policy: ServiceLevelPolicy) -> None:
        """Make the record of each occurrence since the last tick; those that were made already are only found again."""
        name = f"recurrence {recurrence.name}"
        mark = next((row for row in self.store.due_of(self.house.tenant, "") if row.name == name), None)
        if mark is not None and (mark.due_at is None or mark.due_at > micro(self.now)):
            return
        desk = self.kind_of_desk(self.house)
        practice = desk.of_kind(recurrence.records)
        since = moment(recurrence.reached(recurrence.start)) if mark is None else moment(mark.due_at or 0)
        for at in recurrence.between(since, self.now + timedelta(microseconds=1)):
            key = f"tick {name} {at.isoformat()}"
            known = self.house.store.known(self.house.tenant, "once", [(key,)])
            try:
                new = practice.log(by=policy.actor, at=at, once=key, **recurrence.values)
            except ITIL4Error as error:
                self.held.append((name, at.isoformat(), error.reasons))
                return
            if not known:
                self.made.append(new.reference)
        coming = recurrence.after(self.now)
        at_next = None if coming is None else micro(coming)
        self.store.mark(self.house.tenant, DueRow("", "mark", name, "", at_next, None, None, "", policy.stamp, 0))
