"""Incident management: when a service fails or falters, bring it back soon and limit the damage.

What an incident is and how it moves stands in `incident_lifecycle`, the rules of its steps in
`incident_rules`, and what an organization may decide about it in `incident_policy`; here is what
people do with it. The five steps of the process and where they are found:

- identification and logging: `log`
- categorization and prioritization: `update`, the priority matrix, `override`, `rank`
- investigation and diagnosis: `assign`, `start`, `hold`, `resume`, `hand_over`, `escalate`, `swarm`
- resolution and recovery: `restore`, `resolve`, `reopen`
- closure: `close`, `cancel`, `merge`
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from itil4.errors import InvalidInput, Reason, Refused, nearest
from itil4.lifecycle import Context, FollowUp
from itil4.lifecycle.rules import broken
from itil4.practices.base import Practice
from itil4.practices.directory import KnowsGroups
from itil4.practices.incident_lifecycle import (
    LIFECYCLE,
    MAJOR_INCIDENT,
    OF_THE_DESK,
    OPEN_STATES,
    Incident,
    reassignments,
    reopenings,
)
from itil4.practices.incident_policy import IncidentModel, IncidentPolicy
from itil4.practices.incident_rules import REOPENERS, STAFF, WORKERS, seen_by
from itil4.practices.linking import link, unlink
from itil4.practices.merging import merge, unmerge
from itil4.record import SELF, Actor, Relation
from itil4.storage.query import Where
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.figures import Figures

__all__ = [
    "LIFECYCLE", "MAJOR_INCIDENT", "OPEN_STATES", "STAFF", "WORKERS", "Incident", "IncidentManagement", "IncidentModel",
    "IncidentPolicy", "reassignments", "reopenings",
]  # fmt: skip

I = TypeVar("I", bound=Incident)  # noqa: E741 - I for Incident, as R for Record

_BEFORE = ("occurred_at", "detected_at")
_MORE_THAN_USERS = WORKERS | {"coordinator", "participant", "system"}
_EDITORS = _MORE_THAN_USERS | {"requester"}


class IncidentManagement(Practice[I]):
    """The practice of restoring service."""

    name = "incident_management"
    slot = "incidents"
    kind = "incident"
    prefix = "INC"
    record = Incident  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = LIFECYCLE
    aspects = (MAJOR_INCIDENT,)
    policy: ClassVar[IncidentPolicy] = IncidentPolicy()
    relative_roles = Practice.relative_roles | {"coordinator", "participant", "reopener", "system"}
    relations = (
        Relation("caused_by", "causes", {(SELF, "problem"), (SELF, "change")}),
        Relation("resolved_by", "resolves", {(SELF, "problem"), (SELF, "change")}),
        Relation("child_of", "parent_of", {(SELF, SELF)}, acyclic=True, single=True),
        Relation("duplicate_of", "duplicated_by", {(SELF, SELF)}, acyclic=True, single=True),
        Relation("watched_by", "watches", {(SELF, "person")}),
    )
    indexed = (
        "summary", "requester", "owner", "group", "assignee", "impact", "urgency", "priority", "rank", "category",
        "subcategory", "customer", "service", "item", "channel", "hold_kind", "confidential", "major",
        "resolution_code", "resolved_at", "closed_at", "coordinator",
    )  # fmt: skip

    # decisions

    @property
    def rules(self) -> IncidentPolicy:
        """The policy in force: the one given to `connect`, or that of the class."""
        given = self.desk.house.policies.get(self.kind, self.policy)
        if not isinstance(given, IncidentPolicy):
            raise InvalidInput.of("ill_typed", field=f"policies.{self.kind}", expected="an IncidentPolicy", value=given)
        return given

    def derive(self, proposed: I) -> Mapping[str, Any]:
        """Priority follows impact and urgency."""
        if proposed.impact is None or proposed.urgency is None:
            return {"priority": None}
        return {"priority": self.rules.matrix(proposed.impact, proposed.urgency)}

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """A new incident has an owner, who asked for help where a user logs it, and what its model presets."""
        given: dict[str, Any] = {}
        staff = self._is_staff(actor)
        people = self.desk.house.directory
        groups = people.groups(actor.id, at) if staff else ()
        alone = staff and not actor.is_system and people.active(actor.id, at)
        given["owner"] = groups[0] if groups else actor.id if alone else self.rules.default_owner
        if actor.on_behalf_of is not None or not staff:
            given["requester"] = actor.on_behalf_of or actor.id
        if actor.via is not None:
            given["channel"] = actor.via
        given |= self.preset(values)
        if actor.is_system and (name := self._outage(values, at)) is not None:
            raise Refused.of(
                "guard", event="log", guard="agreed_outage", text=f"the outage is agreed: {name}.",
                remedy="Nothing needs doing; a person may still log an incident.",
            )  # fmt: skip
        return given

    def _outage(self, values: Mapping[str, Any], at: datetime) -> str | None:
        agreed = self.rules.agreed_outage
        if agreed is None:
            return None
        try:
            return agreed(values, at)
        except Exception as error:  # a rule of the host may raise anything
            raise broken("the policy's agreed_outage", None, error) from error

    def _no_model(self, name: str) -> Reason:
        known = tuple(self.rules.models)
        return Reason.of("not_a_choice", field="model", value=name, choices=known, nearest=nearest(name, known))

    def preset(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fields that an incident model sets."""
        return {} if values.get("model") is None else self._presets(values["model"])

    def _presets(self, name: str) -> Mapping[str, Any]:
        model = self.rules.models.get(name)
        if model is None:
            raise InvalidInput(self._no_model(name))
        presets = self.shape.in_utc(model.fields)
        if wrong := self.shape.problems(presets):
            raise InvalidInput(*wrong)
        return presets

    @staticmethod
    def _is_staff(actor: Actor) -> bool:
        return actor.is_system or not STAFF.isdisjoint(actor.roles)

    def inconsistencies(self, record: I) -> Iterable[Reason]:
        """Occurred, detected, restored, in this order; nothing is detected after it was recorded (INV-038)."""
        told = [
            (name, moment)
            for name in ("occurred_at", "detected_at", "resolved_at", "closed_at")
            if (moment := getattr(record, name)) is not None
        ]
        if told:
            pairs = list(pairwise(told))
            pairs += [((name, when), ("created_at", record.created_at)) for name, when in told[:2] if name in _BEFORE]
            if record.occurred_at is not None and record.restored_at is not None:
                pairs.append((("occurred_at", record.occurred_at), ("restored_at", record.restored_at)))
            for (first, earlier), (second, later) in pairs:
                if earlier > later:
                    yield Reason.of("time_order", earlier=first, earlier_at=earlier, later=second, later_at=later)
        if record.rank is not None and record.rank < 1:
            yield Reason.of("not_positive", field="rank", value=record.rank)

    def objections(self, before: I | None, after: I, context: Context, event: str) -> Iterable[Reason]:
        """Users do not do the work of the desk; whoever answers for it or works on it is there; no time lies ahead."""
        yield from self._beyond_a_user(before, after, context, event)
        for name in ("owner", "assignee", "coordinator"):
            person = getattr(after, name)
            changed = person is not None and (before is None or person != getattr(before, name))
            if changed and not self._is_there(person, after, context, may_be_team=name == "owner"):
                yield Reason.of("not_active", field=name, person=person)
        if after.participants:
            joined = set(after.participants) - set(() if before is None else before.participants)
            for person in sorted(joined):
                if not self._is_there(person, after, context):
                    yield Reason.of("not_active", field="participants", person=person)
        for name in ("occurred_at", "detected_at", "restored_at"):
            told = getattr(after, name)
            if told is not None and told > context.now:
                yield Reason.of("future", event=name, at=told, now=context.now)
        by_hand = after.priority if event == "override" else None
        if by_hand is not None and by_hand < 1:
            yield Reason.of("not_positive", field="priority", value=by_hand)
        model = after.model
        if model is not None and (before is None or before.model != model) and model not in self.rules.models:
            yield self._no_model(model)

    def _is_there(self, name: str, record: I, context: Context, *, may_be_team: bool = False) -> bool:
        people = self.desk.house.directory
        if people.active(name, context.at):
            return True
        if not may_be_team:
            return False
        if name in (self.rules.default_owner, record.group) or name in people.groups(context.actor.id, context.at):
            return True
        return isinstance(people, KnowsGroups) and people.is_group(name, context.at)

    def _beyond_a_user(self, before: I | None, after: I, context: Context, event: str) -> Iterable[Reason]:
        if not _MORE_THAN_USERS.isdisjoint(context.roles):
            return
        if event in ("override", "release"):
            names: Iterable[str] = ("priority",)
        elif before is None:  # a user may say which team, but not make themselves one who works on it
            names = (
                name
                for name in ("owner", "assignee", "coordinator", "participants")
                if context.actor.id in ((value,) if isinstance(value := getattr(after, name), str) else value or ())
            )
        else:
            asked = {name for each in self.lifecycle.transitions if each.event == event for name in each.requires}
            names = (
                name
                for name in context.payload
                if name in OF_THE_DESK and name not in asked and getattr(before, name) != getattr(after, name)
            )
        for name in names:
            rule = f"not for {context.actor.id} to set"
            yield Reason.of("field_rule", field=name, rule=rule, remedy="Leave it to those who work on the incident.")

    def stays(self, record: I, row: FollowUp) -> str | None:
        """A major incident takes its own steps only."""
        return "major_incident" if record.major == "accepted" else None

    def stamps(self, source: str | None, target: str, at: datetime) -> Mapping[str, Any]:
        """Entering resolved or closed has its time, and leaving them takes it away."""
        if target == "resolved":
            return {"resolved_at": at, "closed_at": None}
        if target in ("closed", "cancelled"):
            return {"closed_at": at}
        return {"resolved_at": None, "closed_at": None} if source in ("resolved", "closed") else {}

    def visible(self, actor: Actor) -> Where | None:
        """Confidential incidents are seen by those whom the policy names, and by who works on them or watches them."""
        if not self.rules.confidential_roles.isdisjoint(actor.roles):
            return None
        return seen_by(actor.id, tuple(self.desk.house.directory.groups(actor.id, self.desk.house.now())))

    def staff(self, actor: Actor, record: I) -> bool:
        """Staff comments are for those who deliver the service and those who work on this incident."""
        roles = self.roles_of(actor, record, self.desk.house.now())
        return actor.is_system or not (WORKERS | {"coordinator", "participant"}).isdisjoint(roles)

    def roles_of(self, actor: Actor, record: I | None, at: datetime) -> frozenset[str]:
        """Besides the usual relative roles: coordinator, participant, reopener, and `system` for systems."""
        roles = set(super().roles_of(actor, record, at))
        if actor.is_system:
            roles.add("system")
        if REOPENERS.isdisjoint(roles) and not self.rules.reopen_roles.isdisjoint(roles):
            roles.add("reopener")
        if record is not None:
            if record.coordinator == actor.id:
                roles.add("coordinator")
            if actor.id in record.participants:
                roles.add("participant")
        return frozenset(roles)

    def editors(self) -> frozenset[str]:
        """Fields and links are changed by those who work on it, and by who asked for help."""
        return _EDITORS

    def fact(self, name: str, record: I, unit: Unit) -> Any:
        """The policy is a fact of its steps."""
        return self.rules if name == "policy" else super().fact(name, record, unit)

    def follow_ups(
        self, record: I, event: str, rows: tuple[FollowUp, ...], roles: frozenset[str]
    ) -> tuple[FollowUp, ...]:
        """The cascade table from parent to children.

        Nothing follows while a major incident runs; waiting for a user is between that user and the
        parent; what a requester reopens is theirs alone.
        """
        if record.major == "accepted" or (event == "hold" and record.hold_kind == "user"):
            return ()
        if event == "reopen" and WORKERS.isdisjoint(roles):
            return ()
        return rows

    # verbs

    def assign(
        self,
        record: str | I,
        *,
        to: str | None = None,
        group: str | None = None,
        by: Actor | None = None,
        **options: Any,
    ) -> I:
        """Give it to a person, a group, or both.

        Raises:
            Refused: nobody is named, or the person is not active in the directory.
        """
        return self.fire(record, "assign", by=by, **_given(assignee=to, group=group), **options)

    def hand_over(
        self, record: str | I, *, group: str, to: str | None = None, by: Actor | None = None, **options: Any
    ) -> I:
        """Escalate functionally: another team takes it; whoever had it has it no longer (INV-034).

        Raises:
            Refused: it is with that group already, or the person is not active in the directory.
        """
        return self.fire(record, "hand_over", by=by, **_given(assignee=to, group=group), **options)

    def start(self, record: str | I, *, by: Actor | None = None, **options: Any) -> I:
        """Begin to work on it; whoever starts what nobody has, has it."""
        return self.fire(record, "start", by=by, **options)

    def hold(self, record: str | I, *, kind: str, by: Actor | None = None, **options: Any) -> I:
        """Let it wait for a user, vendor, problem, change, evidence, ..., or for something else than before."""
        return self.fire(record, "hold", by=by, hold_kind=kind, **options)

    def resume(self, record: str | I, *, by: Actor | None = None, **options: Any) -> I:
        """Go on after waiting."""
        return self.fire(record, "resume", by=by, **options)

    def requeue(self, record: str | I, *, by: Actor | None = None, **options: Any) -> I:
        """Put it back for anybody of the group to take."""
        return self.fire(record, "requeue", by=by, **options)

    def escalate(self, record: str | I, *, to: str, by: Actor | None = None, **options: Any) -> I:
        """Escalate hierarchically: somebody more is informed; the team stays (INV-034)."""
        current = self._read(record, by, "escalate")
        informed = (*current.informed, *(() if to in current.informed else (to,)))
        return self.fire(current, "escalate", by=by, informed=informed, **options)

    def swarm(self, record: str | I, *people: str, by: Actor | None = None, **options: Any) -> I:
        """Let more people work on it together; its owner stays one (INV-035).

        Who joins a confidential incident watches it too, and so may see it.
        """
        current = self._read(record, by, "swarm")
        for each in people:
            if not isinstance(each, str):
                raise InvalidInput.of("ill_typed", field="people", expected="ids of people", value=each)
        more = tuple(each for each in dict.fromkeys(people) if each not in current.participants)
        together = (*current.participants, *more)
        if not current.confidential:
            return self.fire(current, "swarm", by=by, participants=together, **options)
        actor = self.desk.who(by, "swarm")
        with self.desk.working() as unit:
            own = self.desk.clone(unit=unit)[type(self)]
            new = own._shown_to(more, own.fire(current, "swarm", by=actor, participants=together, **options), actor)
        return unit.get(new.id) or new

    def _shown_to(self, people: Iterable[str], record: I, actor: Actor) -> I:
        """Let people watch an incident who do not yet: whoever watches it may see it."""
        for each in people:
            if each not in self.watchers(record, by=actor):
                record = self.watch(record, Actor(each), by=actor)
        return record

    def update(self, record: str | I, *, by: Actor | None = None, **options: Any) -> I:
        """Change fields without a step; who swarms on what becomes confidential watches it from then on.

        Raises:
            Refused: a field is unknown, ill-typed, or not to be changed in this state.
        """
        if options.get("confidential") is not True or not self._read(record, by, "update").participants:
            return super().update(record, by=by, **options)
        actor = self.desk.who(by, "update")
        with self.desk.working() as unit:
            own = self.desk.clone(unit=unit)[type(self)]
            held = own._held(unit, record, actor, options.pop("expected", None))
            held = held if held.confidential else own._shown_to(held.participants, held, actor)
            new = super(IncidentManagement, own).update(held, by=actor, **options)
        return unit.get(new.id) or new

    def restore(self, record: str | I, *, by: Actor | None = None, **options: Any) -> I:
        """Note that service is back, now or at `restored_at`; the incident may still need work."""
        return self.fire(record, "restore", by=by, **options)

    def resolve(
        self, record: str | I, *, resolution: str | None = None, code: str | None = None, by: Actor | None = None,
        **options: Any,
    ) -> I:  # fmt: skip
        """Record the fix or workaround. No cause needs to be known (INV-039), and no problem is closed (INV-030).

        Args:
            code: a word of the organization; `solved` where none is given.
        """
        given = _given(resolution=resolution, resolution_code=code)
        return self.fire(record, "resolve", by=by, **given, **options)

    def reopen(self, record: str | I, *, by: Actor | None = None, **options: Any) -> I:
        """Take it up again, as far as the policy allows; history and counts stay (INV-029)."""
        return self.fire(record, "reopen", by=by, **options)

    def close(self, record: str | I, *, by: Actor | None = None, **options: Any) -> I:
        """End it after its resolution."""
        return self.fire(record, "close", by=by, **options)

    def cancel(self, record: str | I, *, close_reason: str, by: Actor | None = None, **options: Any) -> I:
        """End what should not have been logged, or was withdrawn, with the reason."""
        return self.fire(record, "cancel", by=by, close_reason=close_reason, **options)

    def apply_model(self, record: str | I, name: str, *, by: Actor | None = None, **options: Any) -> I:
        """Preset what is still open by a model; it skips no guard (INV-037).

        Raises:
            InvalidInput: there is no such model, or it presets what the incident does not have.
        """
        current = self._read(record, by, "apply_model")
        default = {each: field.default for each, field in self.shape.fields.items()}
        presets = {
            each: value
            for each, value in self._presets(name).items()
            if self.shape.read(current, each) == default.get(each)
        }
        return self.update(current, by=by, model=name, **presets, **options)

    def _read(self, record: str | I, by: Actor | None, event: str) -> I:
        """Return the record that a verb reads before it writes: the one passed in, or the stored one."""
        actor = self.desk.who(by, event)
        return record if isinstance(record, Incident) else self.get(record, by=actor)

    # the queue

    def rank(self, record: str | I, place: int | None, *, by: Actor | None = None, **options: Any) -> I:
        """Put it at a place in the queue of its group by hand, 1 being the first; None takes the place back."""
        return self.update(record, by=by, rank=place, **options)

    def queue(self, group: str | None = None, *, by: Actor | None = None) -> tuple[I, ...]:
        """Return the open incidents of a group in the order of work.

        Those with a rank come first, by rank; then by priority, the unknown one last; then the oldest.
        """

        def order(incident: I) -> tuple[Any, ...]:
            rank, priority = incident.rank, incident.priority
            return (rank is None, rank or 0, priority is None, priority or 0, incident.created_at, incident.id)

        return tuple(sorted(self.each(is_open=True, group=group, by=by), key=order))

    # duplicates

    def merge(
        self, record: str | I, *, into: str | I, by: Actor | None = None, reason: str | None = None,
        once: str | None = None, expected: int | None = None,
    ) -> I:  # fmt: skip
        """End a duplicate and move its links to the incident that stays; both histories stay whole.

        Raises:
            Refused: the one that stays is closed or cancelled, or is itself a duplicate of this one.
        """
        payload = {"close_reason": "duplicate"}
        made: I = merge(self, record, into, "cancel", payload, by=by, reason=reason, once=once, expected=expected)
        return made

    def unmerge(
        self, record: str | I, *, by: Actor | None = None, reason: str | None = None, once: str | None = None,
        expected: int | None = None,
    ) -> I:  # fmt: skip
        """Undo a merge: the incident is new again and gets back those of its links that are still where they went."""
        made: I = unmerge(self, record, "unmerge", by=by, reason=reason, once=once, expected=expected)
        return made

    # figures

    def figures(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        split: str | Iterable[str] = (),
        by: Actor | None = None,
        excluding: Iterable[str] = (),
    ) -> "Figures":
        """Return the figures of a period: efficiency, quality, downtime and the rest, each with what stands behind it.

        Args:
            since, until: from `since` on and before `until`, as history stood then; by default all of it.
            split: fields such as `priority` and `group` whose values make groups.
            by: the reader; only what they may see is counted.
            excluding: ids or numbers of records to leave out, such as those with import problems.

        Raises:
            InvalidInput: a time has no zone, the period ends before it begins, or a field cannot be split by.
        """
        from itil4.practices.incident_figures import incident_figures  # read when first asked for

        return incident_figures(self, since=since, until=until, split=split, by=by, excluding=excluding)

    # watching

    def watch(
        self, record: str | I, person: Actor, *, by: Actor | None = None, reason: str | None = None,
        once: str | None = None, expected: int | None = None,
    ) -> I:  # fmt: skip
        """Let a person follow it: a link, not a role; whoever sees an incident may follow it themselves."""
        made: I = link(self.desk, record, "watched_by", person, by, reason, None, once, expected)
        return made

    def unwatch(
        self, record: str | I, person: Actor, *, by: Actor | None = None, reason: str | None = None,
        once: str | None = None, expected: int | None = None,
    ) -> I:  # fmt: skip
        """Let a person follow it no longer."""
        made: I = unlink(self.desk, record, "watched_by", person, by, reason, None, once, expected)
        return made

    def watchers(self, record: str | I, *, by: Actor | None = None) -> tuple[str, ...]:
        """Return the ids of those who follow it."""
        return tuple(
            each.target.partition(":")[2] for each in self.links(record, by=by) if each.relation == "watched_by"
        )


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
