"""Incident management: when a service fails or falters, bring it back soon and limit the damage.

From top to bottom: what an incident is, what an organization may decide about it, how it moves,
and what people do with it. The five steps of the process and where they are found:

- identification and logging: `log`
- categorization and prioritization: `update`, the priority matrix, `override`, `rank`
- investigation and diagnosis: `assign`, `start`, `hold`, `resume`, `hand_over`, `escalate`, `swarm`
- resolution and recovery: `restore`, `resolve`, `reopen`
- closure: `close`, `cancel`, `merge`
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import attrs

from itil4.errors import InvalidInput, Reason, Refused, nearest
from itil4.lifecycle import Context, FollowUp, Lifecycle, State, Transition, guard
from itil4.practices import linking
from itil4.practices.base import Practice
from itil4.practices.merging import merge, unmerge
from itil4.practices.priority import PriorityMatrix
from itil4.record import SELF, Actor, Entry, Frozen, Line, Note, Record, Relation
from itil4.storage.query import Compare, Some, Where
from itil4.storage.unit import Unit
from itil4.vocabulary import Level

if TYPE_CHECKING:
    from itil4.practices.figures import Figures

# what an incident is


@attrs.frozen(kw_only=True)
class Incident(Record):
    """An unplanned interruption of a service, or a drop in its quality: the effect, not its cause.

    Attributes:
        requester: who is affected and asked for help.
        owner: who is accountable; never empty, by default the team that logged it.
        group, assignee: who works on it; both may be empty.
        impact, urgency: None while nobody has judged them.
        priority: computed from both, 1 the highest; None while one is unknown.
        rank: its place in the queue of its group, when somebody put it in order by hand; 1 comes first.
        hold_kind: what it waits for: user, vendor, problem, change, evidence, ...
        occurred_at, detected_at, restored_at: when told; unknown stays unknown.
        resolved_at, closed_at: when it entered those states last.
        resolution, resolution_code: what was done, as a fix or a workaround.
        close_reason: why it was closed or cancelled, apart from the state.
        major: none, proposed, accepted, rejected or ended; moves by its own steps.
    """

    summary: Line
    description: Note = ""
    requester: Line | None = None
    owner: Line
    group: Line | None = None
    assignee: Line | None = None
    impact: Level | None = None
    urgency: Level | None = None
    priority: int | None = None
    rank: int | None = None
    category: Line | None = None
    subcategory: Line | None = None
    symptom: Line | None = None
    service: Line | None = None
    item: Line | None = None
    location: Line | None = None
    channel: Line | None = None
    model: Line | None = None
    steps: tuple[Line, ...] = ()
    hold_kind: Line | None = None
    resolution: Note | None = None
    resolution_code: Line | None = None
    close_reason: Line | None = None
    confidential: bool = False
    participants: tuple[Line, ...] = ()
    informed: tuple[Line, ...] = ()
    occurred_at: datetime | None = None
    detected_at: datetime | None = None
    restored_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    major: str = "none"
    coordinator: Line | None = None
    communication_plan: Note | None = None
    business_impact: Note | None = None
    review: Note | None = None


I = TypeVar("I", bound=Incident)  # noqa: E741 - I for Incident, as R for Record


# what an organization may decide


def _roles(value: Iterable[str]) -> frozenset[str]:
    return frozenset(value)


def _steps(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(value)


@attrs.frozen
class IncidentModel:
    """A prepared way to handle a known kind of incident: fields, team and steps set in advance.

    It presets what the caller left open and never lets a guard be skipped (INV-037).
    """

    name: str
    presets: Mapping[str, Any] = attrs.field(factory=Frozen, hash=False)
    steps: tuple[str, ...] = attrs.field(default=(), converter=_steps)


@attrs.frozen(kw_only=True)
class IncidentPolicy:
    """What an organization decides about its incidents.

    Args:
        matrix: priority from impact and urgency.
        reopen_within: how long after its resolution an incident may be reopened (calendar time); None: always.
        reopen_closed: whether a closed incident may be reopened at all.
        reopen_roles: who may reopen.
        default_owner: the team that owns what users log.
        confidential_roles: who sees confidential incidents besides those who work on them.
        review_major: whether a major incident must be reviewed before it is closed.
        models: by name.
        agreed_outage: `(values, at)` -> the name of an agreed outage that explains what monitoring saw, or None.
    """

    matrix: PriorityMatrix = attrs.field(factory=PriorityMatrix.default)
    reopen_within: timedelta | None = None
    reopen_closed: bool = False
    reopen_roles: frozenset[str] = attrs.field(
        default=frozenset({"service_desk", "technical_specialist", "incident_manager", "requester"}),
        converter=_roles,
    )
    default_owner: str = "service desk"
    confidential_roles: frozenset[str] = attrs.field(
        default=frozenset({"incident_manager", "major_incident_manager", "security"}), converter=_roles
    )
    review_major: bool = True
    models: Mapping[str, IncidentModel] = attrs.field(factory=Frozen, hash=False)
    agreed_outage: Callable[[Mapping[str, Any], datetime], str | None] | None = None


# how an incident moves

STAFF = frozenset({"service_desk", "technical_specialist", "incident_manager", "major_incident_manager"})
"""Roles that deliver the service."""

WORKERS = STAFF | {"assignee", "team_member"}
"""Those, and whoever works on this incident."""

OPEN_STATES = ("new", "assigned", "in_progress", "on_hold")


def _policy(context: Context) -> IncidentPolicy:
    found = context.facts.get("policy")
    return found if isinstance(found, IncidentPolicy) else IncidentPolicy()


@guard(text="nobody is named.", remedy="Give a group or a person.")
def has_somebody(incident: Incident, context: Context) -> bool:
    """Assigning names a group or a person."""
    return bool(incident.group or incident.assignee)


@guard(remedy="Log a new incident and relate it to this one.")
def may_reopen(incident: Incident, context: Context) -> bool | str:
    """Reopening follows the policy: by whom, how long after, and whether at all once closed."""
    policy = _policy(context)
    if policy.reopen_roles.isdisjoint(context.roles):
        return f"the policy lets only these reopen: {', '.join(sorted(policy.reopen_roles))}."
    if incident.state == "closed" and not policy.reopen_closed:
        return "the policy does not reopen closed incidents."
    if policy.reopen_within is not None and incident.resolved_at is not None:
        if context.at - incident.resolved_at > policy.reopen_within:
            return f"it was resolved more than {policy.reopen_within} ago."
    return True


@guard(remedy="Move the major incident on first: end it and record its review.")
def major_is_done(incident: Incident, context: Context) -> bool | str:
    """A major incident is over, and reviewed where the policy wants it, before the incident closes."""
    if incident.major == "accepted":
        return "it runs as a major incident."
    if incident.major == "ended" and not incident.review and _policy(context).review_major:
        return "the major incident has no review yet."
    return True


@guard(text="it was cancelled for another reason.", remedy="Log a new incident.")
def was_merged(incident: Incident, context: Context) -> bool:
    """Only what was merged can be taken apart again."""
    return incident.close_reason == "duplicate"


def default_code(incident: Incident, context: Context) -> Mapping[str, Any]:
    """A resolution without a code of its own counts as solved."""
    return {"resolution_code": incident.resolution_code or "solved", "resolved_at": context.at, "hold_kind": None}


def stamp_closed(incident: Incident, context: Context) -> Mapping[str, Any]:
    """Closing has its own time, and a reason."""
    return {"closed_at": context.at, "close_reason": incident.close_reason or "resolved"}


def stamp_cancelled(incident: Incident, context: Context) -> Mapping[str, Any]:
    """Cancelling has its own time and ends any waiting."""
    return {"closed_at": context.at, "hold_kind": None}


def clear_end(incident: Incident, context: Context) -> Mapping[str, Any]:
    """What is open again is neither resolved nor closed; the history keeps what was."""
    return {"resolved_at": None, "closed_at": None, "close_reason": None, "resolution": None, "resolution_code": None}


def clear_hold(incident: Incident, context: Context) -> Mapping[str, Any]:
    """It waits for nothing any more."""
    return {"hold_kind": None}


def clear_people(incident: Incident, context: Context) -> Mapping[str, Any]:
    """Back in the queue it belongs to nobody in particular."""
    return {"assignee": None, "hold_kind": None}


def take(incident: Incident, context: Context) -> Mapping[str, Any]:
    """Who starts to work on what nobody has, has it."""
    human = context.actor.kind == "human"
    return {"assignee": incident.assignee or (context.actor.id if human else None), "hold_kind": None}


def mark_restored(incident: Incident, context: Context) -> Mapping[str, Any]:
    """Service is back, told with its time or at the time of the step."""
    return {"restored_at": incident.restored_at or context.at}


_CHILDREN = "links.parent_of"


def _loops(event: str, states: Iterable[str], **rules: Any) -> list[Transition]:
    """A step that changes fields in several states and leaves the state alone."""
    return [Transition(event, state, state, **rules) for state in states]


LIFECYCLE = Lifecycle(
    "incident",
    "new",
    states=[
        State("new", "new"),
        State("assigned", "active"),
        State("in_progress", "active"),
        State("on_hold", "waiting", kind_from="hold_kind"),
        State("resolved", "resolved"),
        State("closed", "closed"),
        State("cancelled", "cancelled"),
    ],
    transitions=[
        Transition("assign", ["new", "assigned"], "assigned", roles=WORKERS, guards=[has_somebody]),
        Transition("start", ["new", "assigned"], "in_progress", roles=WORKERS, effects=[take]),
        Transition(
            "hand_over", ["assigned", "in_progress", "on_hold"], "assigned", roles=WORKERS, requires="group",
            effects=[clear_hold],
        ),
        Transition("requeue", ["assigned", "in_progress", "on_hold"], "new", roles=WORKERS, effects=[clear_people]),
        Transition(
            "hold", OPEN_STATES, "on_hold", roles=WORKERS, requires="hold_kind",
            follow_ups=[FollowUp("hold", _CHILDREN, payload={"hold_kind": "hold_kind"}, states=OPEN_STATES)],
        ),
        Transition(
            "resume", "on_hold", "in_progress", roles=WORKERS | {"requester"}, effects=[take],
            follow_ups=[FollowUp("resume", _CHILDREN, states="on_hold")],
        ),
        *_loops("restore", (*OPEN_STATES, "resolved"), roles=WORKERS, effects=[mark_restored], label="Service is back"),
        *_loops("escalate", OPEN_STATES, roles=WORKERS, requires="informed"),
        *_loops("swarm", OPEN_STATES, roles=WORKERS, requires="participants"),
        Transition(
            "resolve", OPEN_STATES, "resolved", roles=WORKERS, requires="resolution", effects=[default_code],
            follow_ups=[
                FollowUp(
                    "resolve", _CHILDREN, states=OPEN_STATES,
                    payload={"resolution": "resolution", "resolution_code": "resolution_code"},
                )
            ],
        ),
        Transition(
            "reopen", ["resolved", "closed"], "in_progress", roles=WORKERS | {"requester"}, guards=[may_reopen],
            effects=[clear_end], facts="policy", follow_ups=[FollowUp("reopen", _CHILDREN, states="resolved")],
        ),
        Transition(
            "close", "resolved", "closed", roles=WORKERS | {"requester", "system"}, guards=[major_is_done],
            effects=[stamp_closed], facts="policy",
        ),
        Transition(
            "cancel", OPEN_STATES, "cancelled", roles=STAFF | {"requester"}, requires="close_reason",
            guards=[major_is_done], effects=[stamp_cancelled], facts="policy",
        ),
        Transition(
            "unmerge", "cancelled", "new", roles=STAFF, guards=[was_merged], effects=[clear_end],
        ),
    ],
)  # fmt: skip
"""The default lifecycle of an incident; extend it with `LIFECYCLE.extend(...)`."""

_MAJOR = frozenset({"incident_manager", "major_incident_manager"})

MAJOR_INCIDENT = Lifecycle(
    "major incident",
    "none",
    field="major",
    states=[
        State("none", "new"),
        State("proposed", "active"),
        State("accepted", "active"),
        State("rejected", "cancelled"),
        State("ended", "closed"),
    ],
    transitions=[
        Transition("propose_major", ["none", "rejected", "ended"], "proposed", roles=WORKERS),
        Transition(
            "accept_major",
            ["none", "proposed"],
            "accepted",
            roles=_MAJOR,
            requires=["coordinator", "communication_plan"],
        ),
        Transition("reject_major", "proposed", "rejected", roles=_MAJOR),
        Transition("demote_major", "accepted", "rejected", roles=_MAJOR),
        Transition("end_major", "accepted", "ended", roles=_MAJOR | {"coordinator"}),
        Transition("review_major", "ended", "ended", roles=_MAJOR | {"coordinator"}, requires="review"),
    ],
)
"""The major incident, beside the incident's own state: the record keeps its id and history (INV-032)."""


# what people do


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
    relations = (
        Relation("caused_by", "causes", {(SELF, "problem"), (SELF, "change")}),
        Relation("resolved_by", "resolves", {(SELF, "problem"), (SELF, "change")}),
        Relation("child_of", "parent_of", {(SELF, SELF)}, acyclic=True, single=True),
        Relation("duplicate_of", "duplicated_by", {(SELF, SELF)}, acyclic=True, single=True),
        Relation("watched_by", "watches", {(SELF, "person")}),
    )
    indexed = (
        "summary", "requester", "owner", "group", "assignee", "impact", "urgency", "priority", "rank", "category",
        "subcategory", "service", "item", "channel", "hold_kind", "confidential", "major", "resolution_code",
        "resolved_at", "closed_at", "coordinator",
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
        model = values.get("model")
        if model is not None:
            given |= self._presets(model)
        staff = actor.is_system or not STAFF.isdisjoint(actor.roles)
        groups = self.desk.house.directory.groups(actor.id, at) if staff else ()
        given["owner"] = (
            groups[0] if groups else actor.id if staff and not actor.is_system else self.rules.default_owner
        )
        if not staff:
            given["requester"] = actor.on_behalf_of or actor.id
        if actor.via is not None:
            given["channel"] = actor.via
        outage = self.rules.agreed_outage
        if actor.is_system and outage is not None and (name := outage(values, at)) is not None:
            raise Refused.of(
                "guard", event="log", guard="agreed_outage", text=f"the outage is agreed: {name}.",
                remedy="Nothing needs doing; a person may still log an incident.",
            )  # fmt: skip
        return given

    def _presets(self, name: str) -> Mapping[str, Any]:
        model = self.rules.models.get(name)
        if model is None:
            raise InvalidInput.of(
                "unknown_name",
                where="model",
                what="incident model",
                name=name,
                nearest=nearest(name, self.rules.models),
            )
        wrong = self.shape.problems(model.presets)
        if wrong:
            raise InvalidInput(*wrong)
        return {**model.presets, "steps": model.steps} if model.steps else model.presets

    def inconsistencies(self, record: I) -> Iterable[Reason]:
        """Occurred, detected, restored, in this order; nothing is detected after it was recorded (INV-038)."""
        told = [
            (name, moment)
            for name in ("occurred_at", "detected_at", "resolved_at", "closed_at")
            if (moment := getattr(record, name)) is not None
        ]
        pairs = list(zip(told, told[1:], strict=False))
        if record.detected_at is not None:
            pairs.append((("detected_at", record.detected_at), ("created_at", record.created_at)))
        if record.occurred_at is not None and record.restored_at is not None:
            pairs.append((("occurred_at", record.occurred_at), ("restored_at", record.restored_at)))
        for (first, earlier), (second, later) in pairs:
            if earlier > later:
                yield Reason.of("time_order", earlier=first, earlier_at=earlier, later=second, later_at=later)

    def stamps(self, source: str | None, target: str, at: datetime) -> Mapping[str, Any]:
        """Entering resolved or closed has its time, and leaving them takes it away."""
        if target == "resolved":
            return {"resolved_at": at, "closed_at": None}
        if target in ("closed", "cancelled"):
            return {"closed_at": at}
        return {"resolved_at": None, "closed_at": None} if source in ("resolved", "closed") else {}

    def visible(self, actor: Actor) -> Where | None:
        """Confidential incidents are seen by those whom the policy names and those who work on them."""
        if not self.rules.confidential_roles.isdisjoint(actor.roles):
            return None
        own = ("requester", "owner", "assignee", "coordinator", "created_by")
        teams = self.desk.house.directory.groups(actor.id, self.desk.house.clock.now())
        mine = [Compare(name, "eq", actor.id) for name in own]
        return Some((Compare("confidential", "eq", False), *mine, Compare("group", "in", teams)))

    def staff(self, actor: Actor, record: I) -> bool:
        """Staff comments are for those who deliver the service and those who work on this incident."""
        roles = self.roles_of(actor, record, self.desk.house.clock.now())
        return actor.is_system or not (WORKERS | {"coordinator", "participant"}).isdisjoint(roles)

    def roles_of(self, actor: Actor, record: I | None, at: datetime) -> frozenset[str]:
        """Besides the usual relative roles: coordinator, participant, and `system` for systems."""
        roles = set(super().roles_of(actor, record, at))
        if actor.is_system:
            roles.add("system")
        if record is not None:
            if record.coordinator == actor.id:
                roles.add("coordinator")
            if actor.id in record.participants:
                roles.add("participant")
        return frozenset(roles)

    def editors(self) -> frozenset[str]:
        """Fields and links are changed by those who work on it, and by who asked for help."""
        return WORKERS | {"owner", "requester", "coordinator", "participant", "system"}

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
        return self.fire(record, "assign", by=by, **self._people(to, group), **options)

    def hand_over(
        self, record: str | I, *, group: str, to: str | None = None, by: Actor | None = None, **options: Any
    ) -> I:
        """Escalate functionally: another team takes it; whoever had it has it no longer (INV-034)."""
        return self.fire(record, "hand_over", by=by, **{"assignee": None, **self._people(to, group)}, **options)

    def _people(self, to: str | None, group: str | None) -> dict[str, Any]:
        if to is not None and not self.desk.house.directory.active(to, self.desk.house.clock.now()):
            raise Refused.of("not_active", person=to)
        named = {"assignee": to, "group": group}
        return {name: value for name, value in named.items() if value is not None}

    def start(self, record: str | I, *, by: Actor | None = None, **options: Any) -> I:
        """Begin to work on it; whoever starts what nobody has, has it."""
        return self.fire(record, "start", by=by, **options)

    def hold(self, record: str | I, *, kind: str, by: Actor | None = None, **options: Any) -> I:
        """Let it wait for something (user, vendor, problem, change, evidence, ...), or for something else than before."""
        return self.fire(record, "hold", by=by, hold_kind=kind, **options)

    def resume(self, record: str | I, *, by: Actor | None = None, **options: Any) -> I:
        """Go on after waiting."""
        return self.fire(record, "resume", by=by, **options)

    def requeue(self, record: str | I, *, by: Actor | None = None, **options: Any) -> I:
        """Put it back for anybody of the group to take."""
        return self.fire(record, "requeue", by=by, **options)

    def escalate(self, record: str | I, *, to: str, by: Actor | None = None, **options: Any) -> I:
        """Escalate hierarchically: somebody more is informed; the team stays (INV-034)."""
        current = self.get(record, by=by) if isinstance(record, str) else record
        informed = (*current.informed, *(() if to in current.informed else (to,)))
        return self.fire(current, "escalate", by=by, informed=informed, **options)

    def swarm(self, record: str | I, *people: str, by: Actor | None = None, **options: Any) -> I:
        """Let more people work on it together; its owner stays one (INV-035)."""
        current = self.get(record, by=by) if isinstance(record, str) else record
        more = tuple(each for each in dict.fromkeys(people) if each not in current.participants)
        return self.fire(current, "swarm", by=by, participants=(*current.participants, *more), **options)

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
        given = {"resolution": resolution, "resolution_code": code}
        return self.fire(
            record, "resolve", by=by, **{name: value for name, value in given.items() if value is not None}, **options
        )

    def reopen(self, record: str | I, *, by: Actor | None = None, **options: Any) -> I:
        """Take it up again, as far as the policy allows; history and counts stay (INV-029)."""
        return self.fire(record, "reopen", by=by, **options)

    def close(self, record: str | I, *, by: Actor | None = None, **options: Any) -> I:
        """End it after its resolution."""
        return self.fire(record, "close", by=by, **options)

    def cancel(self, record: str | I, *, close_reason: str, by: Actor | None = None, **options: Any) -> I:
        """End what should not have been logged, or was withdrawn, with the reason."""
        return self.fire(record, "cancel", by=by, close_reason=close_reason, **options)

    def apply_model(self, record: str | I, name: str, *, by: Actor | None = None) -> I:
        """Preset what is still open by a model; it skips no guard (INV-037)."""
        current = self.get(record, by=by) if isinstance(record, str) else record
        default = {each: field.default for each, field in self.shape.fields.items()}
        presets = {
            each: value
            for each, value in self._presets(name).items()
            if self.shape.read(current, each) == default.get(each)
        }
        return self.update(current, by=by, model=name, **presets)

    def merge(self, record: str | I, *, into: str | I, by: Actor | None = None, reason: str | None = None) -> I:
        """End a duplicate and move its links to the incident that stays; both histories stay whole.

        Raises:
            Refused: the one that stays is closed or cancelled, or is itself a duplicate of this one.
        """
        return merge(self, record, into, "cancel", {"close_reason": "duplicate"}, by=by, reason=reason)

    def unmerge(self, record: str | I, *, by: Actor | None = None, reason: str | None = None) -> I:
        """Undo a merge: the incident is new again and gets back those of its links that are still where they went."""
        return unmerge(self, record, "unmerge", by=by, reason=reason)

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

    def watch(self, record: str | I, person: Actor, *, by: Actor | None = None) -> I:
        """Let a person follow it: a link, not a role."""
        return linking.link(self.desk, record, "watched_by", person, by, None, None)  # type: ignore[no-any-return]

    def watchers(self, record: str | I, *, by: Actor | None = None) -> tuple[str, ...]:
        """Return the ids of those who follow it."""
        return tuple(
            each.target.partition(":")[2] for each in self.links(record, by=by) if each.relation == "watched_by"
        )


def reassignments(history: Iterable[Entry]) -> int:
    """Count how often the group changed after it was first known: a fold over history."""
    changes = (entry.changes.get("group") for entry in history if entry.seq > 1)
    return sum(1 for change in changes if change is not None and change.old is not None)  # type: ignore[union-attr]


def reopenings(history: Iterable[Entry]) -> int:
    """Count how often it went from resolved or closed back to an open state: a fold over history."""
    return sum(
        1
        for entry in history
        if entry.lifecycle == LIFECYCLE.name
        and entry.from_state in ("resolved", "closed")
        and entry.to_state in OPEN_STATES
    )
