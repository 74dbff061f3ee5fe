"""The practice of what needs approval: a practice that extends `Approving` asks, counts votes, and obeys them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeVar

import attrs

from itil4.clock import instant
from itil4.errors import Decision, DefinitionError, InvalidInput, ITIL4Error, Reason, Refused, StaleRecord, nearest
from itil4.lifecycle import Context, Lifecycle, State
from itil4.practices.approval.authority import Hearing
from itil4.practices.approval.policy import ApprovalPolicy
from itil4.practices.approval.rounds import OWN_FIELDS, Approvable, Delegation
from itil4.practices.approval.standing import ApprovalReading, read
from itil4.practices.approval.steps import (
    APPROVAL,
    APPROVED,
    EXPIRED,
    FACT,
    REJECTED,
    REQUESTED,
    VOTES,
    WITHDRAWN,
)
from itil4.practices.base import Practice
from itil4.practices.work import NOTHING
from itil4.record import Actor, Record
from itil4.storage.unit import Unit
from itil4.vocabulary import OPEN

A = TypeVar("A", bound=Approvable)

_TRIES = 40
_COMPATIBLE = frozenset((*VOTES, "delegate", "remind_approval"))
_STARTING = Lifecycle("approvable", "open", [State("open", "new")])


class Approving(Practice[A]):
    """What a practice adds whose records need approval; no place on a desk by itself.

    Class attributes that a practice sets:
        approval_outcomes: state of the approval -> the internal step of the main lifecycle that it brings, in the
            same unit, with the deciding vote as its cause; no other way leads to that step.
        approval_states: the states of the record in which approval is asked for; leaving them otherwise than by the
            outcome withdraws what was asked. Empty: every open state.
        approval_voids: further states in which an approval that was given holds no longer (besides `approval_states`
            and those of category new).
        approval_steps: steps of the main lifecycle that ask for approval in the same unit.
        approval_covers: fields that do not change while approval is asked for, or given and the record is open, but
            with the step that sends the record back.
        default_approval_policy: what `approval_policy` answers unless it is overridden.
    """

    name, slot, kind, prefix = "approving", "approvables", "approvable", "APV"
    record: type[A] = Approvable  # type: ignore[assignment]  # each practice brings its own type
    lifecycle: ClassVar[Lifecycle] = _STARTING
    aspects: ClassVar[tuple[Lifecycle, ...]] = (APPROVAL,)
    indexed: ClassVar[tuple[str, ...]] = ("approval_state", "approval_expires_at")
    people: ClassVar[frozenset[str]] = Practice.people | {"person", "to", "key", "seat", "on_behalf_of", "initiators"}
    approval_outcomes: ClassVar[Mapping[str, str]] = {}
    approval_states: ClassVar[tuple[str, ...]] = ()
    approval_voids: ClassVar[tuple[str, ...]] = ()
    approval_steps: ClassVar[tuple[str, ...]] = ()
    approval_covers: ClassVar[tuple[str, ...]] = ()
    default_approval_policy: ClassVar[ApprovalPolicy | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        if all(getattr(each, "field", None) != APPROVAL.field for each in cls.aspects):
            cls.aspects = (*cls.aspects, APPROVAL)
        cls.indexed = tuple(dict.fromkeys((*cls.indexed, *Approving.indexed)))
        super().__init_subclass__(**options)
        _check(cls)

    # what a practice may decide otherwise

    def approval_policy(self, record: A) -> ApprovalPolicy | None:
        """Return how a record is approved; None where nothing says so, and then nobody can be asked."""
        return self.default_approval_policy

    def initiators(self, record: A, unit: Unit) -> frozenset[str]:
        """Return those whose own request a record is (INV-060): who recorded it, and everybody it was ever for."""
        named = {record.created_by, getattr(record, "requester", None)}
        for entry in self._entries(unit, record.id):
            if (change := entry.changes.get("requester")) is not None:
                named.add(change.apply(None))
        return frozenset(filter(None, named))

    def approvers(self, rule: str, record: A, unit: Unit, at: datetime) -> Iterable[str]:
        """Return the people, or groups, that a rule of the practice finds; what `unit` reads joins the commit.

        Raises:
            InvalidInput: the practice knows no such rule.
        """
        raise InvalidInput.of("unknown_rule", rule=rule, practice=type(self).__name__)

    def may_hear(self, record: A) -> bool:
        """Say whether the state of a record is one in which approval is asked for."""
        if self.approval_states:
            return record.state in self.approval_states
        return self.lifecycle.category(record.state) in OPEN

    # verbs

    def request_approval(self, record: str | A, *, by: Actor | None = None, **options: Any) -> A:
        """Ask for approval: a round begins, under the policy as it is now.

        Raises:
            Refused: it is not the time for it, an authority finds nobody (INV-059), or it could never carry.
        """
        return self.fire(record, "request_approval", by=by, **options)

    def approve(
        self, record: str | A, *, on_behalf_of: str | None = None, by: Actor | None = None, **options: Any
    ) -> A:
        """Vote for it; the vote that decides brings the outcome with it.

        A vote is added to those that others have cast since `record` was read; anything else that has
        happened to it since makes it stale.

        Args:
            on_behalf_of: whose delegate votes; without it, own votes come first.
            **options: as for `fire`; `reason` is kept with the vote.

        Raises:
            Refused: the actor is not asked, not active, or it is their own request.
            StaleRecord: it is not what they have seen any more.
        """
        return self._vote(record, "approve", on_behalf_of, by, options)

    def reject(self, record: str | A, *, on_behalf_of: str | None = None, by: Actor | None = None, **options: Any) -> A:
        """Vote against it; see `approve`."""
        return self._vote(record, "reject", on_behalf_of, by, options)

    def abstain(
        self, record: str | A, *, on_behalf_of: str | None = None, by: Actor | None = None, **options: Any
    ) -> A:
        """Leave it to the others; see `approve`."""
        return self._vote(record, "abstain", on_behalf_of, by, options)

    def withdraw_approval(self, record: str | A, *, by: Actor | None = None, **options: Any) -> A:
        """Take back that approval was asked for; the votes stay on record and count no more."""
        return self.fire(record, "withdraw_approval", by=by, **options)

    def delegate(
        self, record: str | A, *, to: str | None, since: datetime | None = None, until: datetime | None = None,
        by: Actor | None = None, **options: Any,
    ) -> A:  # fmt: skip
        """Let somebody else vote on one's behalf on this record; `to=None` takes it back.

        Args:
            since: from when on; by default at once.
            until: until when (exclusive); by default for as long as the record is approved.

        Raises:
            Refused: it would go in a circle, or to somebody who may not vote.
        """
        actor = self.desk.who(by, "delegate")
        held = self.get(record, by=actor) if isinstance(record, str) else record
        now = self.desk.house.now()
        offices = Hearing(self, self.desk.reading()).offices(actor, self.roles_of(actor, held, now), now)
        begins = now if since is None else instant(since, "since")
        ends = None if until is None else instant(until, "until")
        wanted = {seat.via for each in held.approval_asked for seat in each.seats if seat.person is None}
        given = Delegation(actor.id, to, begins, ends, tuple(sorted(offices & (wanted | self._office_labels(held)))))
        return self.fire(
            held, "delegate", by=actor, approval_delegations=(*held.approval_delegations, given), **options
        )

    @staticmethod
    def _office_labels(held: Approvable) -> set[str]:
        rounds = held.approval_rounds[-1:]
        named = (each for now in rounds for ballot in now.rules.ballots for each in ballot.authority)
        return {each.label for each in named if each.source in ("role", "group")}

    def _vote(
        self, record: str | A, event: str, on_behalf_of: str | None, by: Actor | None, options: Mapping[str, Any]
    ) -> A:
        actor = self.desk.who(by, event)
        if on_behalf_of is not None:
            actor = attrs.evolve(actor, on_behalf_of=on_behalf_of)
        strict = options.get("expected") is not None
        for last in range(_TRIES):
            try:
                return self.fire(record, event, by=actor, **options)
            except StaleRecord:
                if strict or last == _TRIES - 1:
                    raise
                record = self._with_votes_since(record, actor)
        raise AssertionError  # the last try returned or raised

    def _with_votes_since(self, record: str | A, actor: Actor) -> str | A:
        """Return the record as it is now, where nothing but votes has happened since it was read; or raise again."""
        if not isinstance(record, Record):
            return record
        unit = self.desk.reading()
        stored = self._get(unit, record, actor)
        news = self._entries(unit, stored.id)[record.version :]
        if not news or not all(each.op == "comment" or _is_vote(each) for each in news):
            unit.expect(stored, record.version)
        return stored

    # questions

    def approval(self, record: str | A, *, by: Actor | None = None) -> ApprovalReading:
        """Return how the approval of a record stands: who voted, who is still asked, and what it takes."""
        unit, reader = self.desk.reading(), self._reader(by)
        held = self._get(unit, record, reader)
        return read(Hearing(self, unit), held, self.desk.house.now())

    def awaiting(self, *, by: Actor | None = None) -> tuple[A, ...]:
        """Return the records that wait for the vote of an actor, also as a delegate, oldest first."""
        actor = self.desk.who(by, "awaiting")
        unit = self.desk.reading()
        now = self.desk.house.now()
        hearing = Hearing(self, unit)
        return tuple(
            each for each in self.each(approval_state=REQUESTED, by=actor) if self._awaits(hearing, each, actor, now)
        )

    def _awaits(self, hearing: Hearing, record: A, actor: Actor, now: datetime) -> bool:
        round_now = record.approval_rounds[-1]
        barred = round_now.initiators if round_now.rules.initiators == "excluded" else ()
        late = record.approval_expires_at is not None and record.approval_expires_at <= now
        if late or actor.is_system or actor.id in barred or not hearing.active(actor.id, now):
            return False
        papers = hearing.ballot_papers(record, actor, self.roles_of(actor, record, now), now)
        voted = {(each.ballot, each.seat) for each in record.approval_votes if each.round == round_now.number}
        return any((ballot, seat.key) not in voted for ballot, seat, _ in papers)

    # the way of a step

    def explain(
        self, record: str | A, event: str, *, by: Actor | None = None, at: datetime | None = None,
        reason: str | None = None, expected: int | None = None, **payload: Any,
    ) -> Decision:  # fmt: skip
        """Say whether `fire` would take the step now; of one that only an approval brings, that it would not."""
        decision = super().explain(record, event, by=by, at=at, reason=reason, expected=expected, **payload)
        if decision or event not in self.approval_outcomes.values() or "stale" in decision.codes:
            return decision
        held = self.get(record, by=by) if isinstance(record, str) else record
        return attrs.evolve(decision, reasons=(self._brought_only(held, event),))

    @staticmethod
    def _brought_only(record: Approvable, event: str) -> Reason:
        return Reason.of("approval_decides", event=event, record=record.reference, state=record.approval_state)

    def fact(self, name: str, record: A, unit: Unit) -> Any:
        """What approvals are judged by is a fact of their steps."""
        return Hearing(self, unit) if name == FACT else super().fact(name, record, unit)

    def _consistent(self, before: A | None, after: A, error: type[ITIL4Error], context: Context, event: str) -> None:
        super()._consistent(before, after, error, context, event)
        if context.origin is None and (reasons := tuple(self._approval_faults(before, after, context, event))):
            raise error(*reasons)

    def _approval_faults(self, before: A | None, after: A, context: Context, event: str) -> Iterable[Reason]:
        for name in context.payload:
            if name in OWN_FIELDS and not (name == "approval_delegations" and event == "delegate"):
                yield Reason.of(
                    "field_rule", field=name, rule="set by the approval only", remedy="Vote, or ask for approval."
                )
        if before is None:
            return
        used_up = self.lifecycle.category(before.state) not in OPEN
        held = before.approval_state == APPROVED and not used_up
        ends = self._following(before, after, event) == "void_approval"
        if not ends and (held or before.approval_state == REQUESTED == after.approval_state):
            for name in self.approval_covers:
                if self.shape.read(before, name) != self.shape.read(after, name):
                    yield Reason.of("under_approval", field=name, state=before.approval_state)
        if event == "request_approval":
            yield from context.facts[FACT].faults(after, context.at)
        if event == "delegate":
            yield from self._circles(context.facts[FACT], after, context)

    @staticmethod
    def _circles(hearing: Hearing, record: A, context: Context) -> Iterable[Reason]:
        """Yield the circle that a delegation makes, now or at any moment at which another begins or ends."""
        ends = (each for given in record.approval_delegations for each in (given.since, given.until))
        for moment in sorted({context.at, *(each for each in ends if each is not None and each > context.at)}):
            trail, circular = hearing.delegates(record, context.actor.id, moment)
            if circular:
                yield Reason.of("delegation_loop", people=trail)
                return

    def _step(
        self, unit: Unit, current: A, event: str, actor: Actor, payload: Mapping[str, Any], at: datetime | None,
        reason: str | None, cause: str | None, seen: frozenset[str] = frozenset(),
    ) -> A:  # fmt: skip
        if event in self.approval_outcomes.values() and not self._is_outcome(unit, current, event):
            raise Refused(self._brought_only(current, event))
        new: Any = super()._step(unit, current, event, actor, payload, at, reason, cause, seen)
        system = attrs.evolve(actor, kind="system")
        entry_id = f"{new.id}:{new.version}"
        following = self._following(current, new, event)
        if following is not None:
            self._step(unit, new, following, system, NOTHING, at, reason, entry_id, seen)
            new = unit.get(new.id)
        if event in self.approval_steps and new.approval_state != REQUESTED:
            self._step(unit, new, "request_approval", system, NOTHING, at, reason, entry_id, seen)
        latest: A = unit.get(new.id) or new
        return latest

    def _following(self, before: A, after: A, event: str) -> str | None:
        """Return the step that this one brings with it: the outcome of a decision, or the end of an approval."""
        lifecycle = self._moves.lifecycle_of(event)
        if lifecycle is not None and lifecycle.field == APPROVAL.field:
            changed = before.approval_state != after.approval_state
            return self.approval_outcomes.get(after.approval_state) if changed else None
        if lifecycle is not self.lifecycle or event in self.approval_outcomes.values():
            return None
        if after.approval_state == REQUESTED:
            return None if self.may_hear(after) else "void_approval"
        if after.approval_state == APPROVED and before.state != after.state and self.is_void_in(after.state):
            return "void_approval"
        return None

    def is_void_in(self, state: str) -> bool:
        """Say whether a state is one in which an approval that was given holds no longer."""
        return state in (*self.approval_states, *self.approval_voids) or self.lifecycle.category(state) == "new"

    def _is_outcome(self, unit: Unit, record: A, event: str) -> bool:
        """Say whether the step follows from a decision that this unit has just added, and that nothing followed yet."""
        decided = next((each for each in reversed(unit.entries) if each.record_id == record.id), None)
        if decided is None:
            return False
        changed = decided.from_state != decided.to_state and decided.lifecycle is not None
        lifecycle = next((each for each in self.aspects if each.name == decided.lifecycle), None)
        return (
            changed
            and lifecycle is not None
            and lifecycle.field == APPROVAL.field
            and self.approval_outcomes.get(decided.to_state or "") == event
        )


def _is_vote(entry: Any) -> bool:
    return entry.op == "step" and entry.event in _COMPATIBLE and entry.to_state == REQUESTED


def _check(cls: type[Approving[Any]]) -> None:
    """Check what a practice says about its approvals, when its class is made.

    Raises:
        DefinitionError: a state or step is unknown, or people could take a step that only an approval brings.
    """
    events = cls.lifecycle.events
    for state, event in cls.approval_outcomes.items():
        where = f"{cls.__name__}.approval_outcomes"
        outcomes = (APPROVED, REJECTED, WITHDRAWN, EXPIRED)
        if state not in outcomes:
            raise DefinitionError.of("not_a_choice", field=where, value=state, choices=outcomes)
        if event not in events:
            raise DefinitionError.of(
                "unknown_name", where=where, what="step", name=event, nearest=nearest(event, events)
            )
        if any(each.event == event and not each.internal for each in cls.lifecycle.transitions):
            raise DefinitionError.of(
                "definition", where=where, text=f"people can take the step {event!r} without approval.",
                remedy="Make its transitions internal.",
            )  # fmt: skip
    for attribute, names, known in (
        ("approval_states", cls.approval_states, tuple(cls.lifecycle.by_name)),
        ("approval_voids", cls.approval_voids, tuple(cls.lifecycle.by_name)),
        ("approval_steps", cls.approval_steps, events),
        ("approval_covers", cls.approval_covers, (*(each.name for each in attrs.fields(cls.record)), *cls.fields)),
    ):
        for name in names:
            if name not in known:
                raise DefinitionError.of(
                    "unknown_name", where=f"{cls.__name__}.{attribute}", what="name", name=name,
                    nearest=nearest(name, known),
                )  # fmt: skip


__all__ = ["A", "Approving"]
