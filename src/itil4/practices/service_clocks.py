"""Clocks of records: what a history means to the targets that apply to it.

History says how a record stood after each entry; the policy says which target applied then. Where priority,
service or customer change the target in force, the clock is read anew over the whole history, so a pause before
the change is still a pause after it.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from itil4.errors import DefinitionError
from itil4.practices.service_policy import ServiceLevelPolicy, TargetRule
from itil4.record import Entry, Shape
from itil4.record.happened import as_happened
from itil4.service_level import Moment, Reading, ServiceCalendar, Target, clock

if TYPE_CHECKING:
    from itil4.practices.base import Practice

_log = logging.getLogger("itil4")

_NOT_STAFF = frozenset({"requester", "system"})


class Telling:
    """Turns entries into what a clock reads, for the records of one practice."""

    def __init__(self, practice: "type[Practice[Any]]", shape: Shape, fields: Iterable[str]) -> None:
        self._kind = practice.kind
        self._states = practice.lifecycle.by_name
        self._aspects = frozenset(each.name for each in practice.aspects)
        self._has_requester = "requester" in shape.fields
        sources = {state.kind_from for state in practice.lifecycle.states if state.kind_from}
        known = {name: shape.get(name) for name in {*fields, *sources}}
        self._defaults = {name: field.default for name, field in known.items() if field is not None}

    def moments(self, entries: Iterable[Entry]) -> list[tuple[datetime, Moment]]:
        """Return how the record stood after each entry, and when that was, as it is known to have happened."""
        found = []
        values, requester, state, waits = dict(self._defaults), None, None, None
        for entry in as_happened(tuple(entries)):
            changed = False
            for name, change in entry.changes.items():
                if name in values:
                    if not changed:
                        values, changed = dict(values), True
                    values[name] = change.apply(values[name])
                if name == "requester":
                    requester = change.apply(requester)
            if entry.to_state is not None and entry.lifecycle not in self._aspects:
                state = self._states.get(entry.to_state)
            if state is not None:
                waits = values.get(state.kind_from) if state.kind_from else state.kind
            said = entry.comment
            found.append(
                (
                    entry.at,
                    Moment(
                        category=state.category if state else None, state=state.name if state else entry.to_state,
                        kind=waits if state is not None and state.category == "waiting" else None, fields=values,
                        event=entry.event, comment=said.audience if said else None,
                        by_staff=said is not None and self._by_staff(entry, requester),
                    ),
                )
            )  # fmt: skip
        return found

    def _by_staff(self, entry: Entry, requester: str | None) -> bool:
        """Say whether a comment is a response: as was kept with it; of what was imported, as far as it shows."""
        told = entry.details.get("by_staff")
        if told is not None or entry.op != "import":
            return bool(told)
        if entry.roles:
            return not _NOT_STAFF.issuperset(entry.roles)
        return self._has_requester and requester is not None and entry.by != requester


@attrs.frozen
class RecordClock:
    """The clock of one target on one record: the rule in force, its hours, and the history as the clock reads it."""

    rule: TargetRule
    calendar: ServiceCalendar
    marks: Sequence[tuple[Any, ...]] = attrs.field(repr=False)

    def read(self, at: datetime) -> Reading:
        """Read it at an instant."""
        return clock(self.rule.watched, self.calendar, self.marks, at)

    @property
    def promise(self) -> str:
        """What is promised, apart from to whom and in which words: warnings of one promise are given once."""
        target = self.rule.target
        amount = target.duration if target.duration is not None else target.deadline
        return f"{self.rule.slot} {amount}"


def record_clocks(
    policy: ServiceLevelPolicy,
    telling: Telling,
    kind: str,
    entries: Sequence[Entry],
    asof: datetime | None = None,
    *,
    strict: bool = True,
) -> list[RecordClock]:
    """Return the clocks of a record, one for each slot that a target applies in as of an instant.

    Args:
        policy: the targets.
        telling: made for the practice and the fields that the policy looks at.
        kind: the kind of the record.
        entries: its whole history.
        asof: later entries are left out; None: none is.
        strict: whether two targets that tie are an error, or logged and passed over.

    Raises:
        DefinitionError: two targets tie, and it is strict.
    """
    if not entries:
        return []
    moments = telling.moments(entries)
    if asof is not None:
        moments = [each for each in moments if each[0] <= asof]
        if not moments:
            return []
    born = entries[0].at
    turns = _turns(policy, kind, moments)
    found = []
    for slot in policy.slots:
        try:
            made = _clock(policy, slot, turns, born, moments)
        except DefinitionError as error:
            if strict:
                raise
            _log.error("%s has no due time: %s", entries[0].record_id, error)
            continue
        if made is not None:
            found.append(made)
    return found


def scope_values(policy: ServiceLevelPolicy, kind: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a scope looks at: the fields, the kind, and the customer by that name."""
    values = {**fields, "kind": kind}
    values["customer"] = fields.get(policy.customer_field)
    return values


def _turns(
    policy: ServiceLevelPolicy, kind: str, moments: list[tuple[datetime, Moment]]
) -> list[tuple[datetime, Mapping[str, Any]]]:
    """Return from when on the record had which values, each time that they changed."""
    found: list[tuple[datetime, Mapping[str, Any]]] = []
    last: Mapping[str, Any] | None = None
    for at, moment in moments:
        if moment.fields is not last:
            last = moment.fields
            found.append((at, scope_values(policy, kind, last)))
    return found


def _clock(
    policy: ServiceLevelPolicy,
    slot: str,
    turns: list[tuple[datetime, Mapping[str, Any]]],
    born: datetime,
    moments: list[tuple[datetime, Moment]],
) -> RecordClock | None:
    rule = policy.best(slot, turns[-1][1], born)
    if rule is None:
        return None
    calendar = policy.calendar_of(turns[-1][1], rule)
    if len(turns) == 1:
        return RecordClock(rule, calendar, moments)
    retargets: list[tuple[datetime, str, Target]] = []
    before: TargetRule | None = None
    for at, values in turns:
        # whatever tied in the past ties no more: only what is in force now has to be one
        try:
            now = policy.best(slot, values, born)
        except DefinitionError:
            now = None
        if now is not None and now is not before:
            if before is not None:
                retargets.append((at, "retarget", now.watched))
            before = now
    return RecordClock(rule, calendar, [*moments, *retargets] if retargets else moments)
