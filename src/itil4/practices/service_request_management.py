"""Service request management: what users are entitled to, they get quickly and without fuss.

What a request is and how it moves stands in `request_lifecycle`, what may be asked for in `request_models`, the
views of it in `request_catalogue`, and what an organization decides in `request_policy`; here is what people do:

- submission: `catalogue`, `request`
- approval: `approve`, `reject`; what the approvers decide leads on, and nothing else does
- fulfilment: `assign`, `start`, `done`, `hold`, `resume`, `raise_change`, `fulfil`
- closure: `confirm` (or `close`), `rate`, `reopen`, `cancel`
- what was submitted as the wrong kind of record: `reroute`
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import attrs

from itil4.errors import InvalidInput, Reason, Refused, nearest
from itil4.lifecycle import Context
from itil4.practices.approval import ApprovalPolicy, Approving, approval_lifecycle
from itil4.practices.linking import put
from itil4.practices.measuring import measure
from itil4.practices.request_catalogue import CatalogueEntry, View, entries
from itil4.practices.request_lifecycle import (
    BROUGHT,
    COVERED,
    LIFECYCLE,
    OF_THE_DESK,
    SET_BY,
    STAFF,
    WORKERS,
    ServiceRequest,
    is_approved,
)
from itil4.practices.request_models import Audience, FulfilmentTask, RequestModel
from itil4.practices.request_policy import RequestPolicy
from itil4.practices.tasks import task_problem, tasks_told, with_told
from itil4.practices.work import NOTHING
from itil4.record import SELF, Actor, Relation, blank
from itil4.storage.unit import Unit
from itil4.vocabulary import OPEN

if TYPE_CHECKING:
    from itil4.practices.figures import Figures

S = TypeVar("S", bound=ServiceRequest)

_IN_HAND = ("in_fulfilment", "on_hold")
_DEFAULT = RequestPolicy()


class ServiceRequestManagement(Approving[S]):
    """The practice of fulfilling what users ask for.

    >>> import itil4
    >>> itsm = itil4.connect(policies={"service_request": RequestPolicy(models=[
    ...     {"id": "vpn", "name": "Access from home", "service": "network", "state": "published"}])})
    >>> ana = Actor("ana", roles={"user"})
    >>> [entry.name for entry in itsm.service_requests.catalogue(by=ana)]
    ['Access from home']
    >>> itsm.service_requests.request("vpn", by=ana).state
    'submitted'
    """

    name = "service_request_management"
    slot = "service_requests"
    kind = "service_request"
    prefix = "REQ"
    record = ServiceRequest  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = LIFECYCLE
    aspects = (approval_lifecycle(STAFF | {"requester"}),)
    approval_outcomes: ClassVar[Mapping[str, str]] = {"approved": "admit", "rejected": "refuse"}
    approval_states: ClassVar[tuple[str, ...]] = ("awaiting_approval",)
    approval_steps: ClassVar[tuple[str, ...]] = ("await_approval",)
    approval_covers: ClassVar[tuple[str, ...]] = COVERED
    relative_roles = Approving.relative_roles | {"system"}
    own_steps: ClassVar[Mapping[str, tuple[str, ...]]] = SET_BY
    relations = (
        Relation("raises", "raised_by", {(SELF, "change")}, lasting=True),
        Relation("rerouted_to", "rerouted_from", {(SELF, "incident"), (SELF, "change"), ("incident", SELF)},
                 single=True, lasting=True),
    )  # fmt: skip
    indexed = (
        "summary", "model", "service", "requester", "customer", "owner", "group", "assignee", "channel", "hold_kind",
        "automated", "satisfaction", "started_at", "fulfilled_at", "closed_at",
    )  # fmt: skip

    # decisions

    @property
    def rules(self) -> RequestPolicy:
        """The policy in force: the one given to `connect`, or an empty catalogue."""
        given = self.desk.house.policies.get(self.kind, _DEFAULT)
        if not isinstance(given, RequestPolicy):
            raise InvalidInput.of("ill_typed", field=f"policies.{self.kind}", expected="a RequestPolicy", value=given)
        return given

    def model_of(self, record: str | S, *, by: Actor | None = None) -> RequestModel | None:
        """Return the model of a request as it is now; None: the catalogue has it no longer."""
        return self.rules.by_id.get(self.get(record, by=by).model)

    def is_staff(self, actor: Actor) -> bool:
        """Say whether an actor looks after requests."""
        return actor.is_system or not STAFF.isdisjoint(actor.roles)

    def customers_of(self, person: str, at: datetime) -> Iterable[str]:
        """Return the customers that a person belongs to: the hook to a host's directory; by default their groups."""
        return self.desk.house.directory.groups(person, at)

    def admits(self, model: RequestModel, actor: Actor, requester: str | None = None) -> bool:
        """Say whether an actor belongs to the audience of a model, for themselves or for somebody else.

        Who asks for another belongs to it by their role, or both do by groups or customers; for those who
        look after requests it is enough that the other does.
        """
        audience: Audience = model.audience
        if audience.admits(roles=actor.roles):
            return True
        now = self.desk.house.now()
        whom = requester or actor.on_behalf_of or actor.id
        people = {whom} if self.is_staff(actor) else {whom, actor.id}
        groups = self.desk.house.directory.groups
        return all(audience.admits(groups=groups(each, now), customers=self.customers_of(each, now)) for each in people)

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """A new request is called as its model, and has somebody who answers for it and somebody whom it is for."""
        name = values.get("model", "unknown")
        model = self.rules.by_id.get(name) if isinstance(name, str) else None
        given = {"model": name, "summary": model.name if model else str(name), "owner": self.rules.default_owner}
        if actor.on_behalf_of is not None or not actor.is_system:
            given["requester"] = actor.on_behalf_of or actor.id
        return given if actor.via is None else {**given, "channel": actor.via}

    def roles_of(self, actor: Actor, record: S | None, at: datetime) -> frozenset[str]:
        """Besides the usual relative roles: `system` for systems."""
        roles = super().roles_of(actor, record, at)
        return roles | {"system"} if actor.is_system else roles

    def editors(self) -> frozenset[str]:
        """Fields and links are changed by those who look after it, and by who asked for it."""
        return WORKERS | {"requester", "system"}

    def approval_policy(self, record: S) -> ApprovalPolicy | None:
        """Return how a request is approved: as its model says."""
        model = self.rules.by_id.get(record.model)
        return None if model is None else model.approval

    def fact(self, name: str, record: S, unit: Unit) -> Any:
        """The policy is a fact of its steps, and so are the changes that it raised and that are not done."""
        if name == "policy":
            return self.rules
        if name != "open_changes":
            return super().fact(name, record, unit)
        ids = self._ends(record, "raises", unit)
        unit.depend([record.id, *ids])
        lifecycle = self.desk.of_kind("change").lifecycle
        return tuple(each.reference for each in unit.get_all(ids) if lifecycle.category(each.state) in OPEN)

    def inconsistencies(self, record: S) -> Iterable[Reason]:
        """Satisfaction is a number from 1 to 5, and tasks wait for no circle."""
        if record.satisfaction is not None and not 1 <= record.satisfaction <= 5:
            yield Reason.of("ill_typed", field="satisfaction", expected="1 to 5", value=record.satisfaction)
        if record.tasks and (reason := task_problem(record.tasks)) is not None:
            yield reason

    def objections(self, before: S | None, after: S, context: Context, event: str) -> Iterable[Reason]:
        """Fields with steps of their own are set by these only; the model says what is asked and what is done."""
        yield from super().objections(before, after, context, event)
        for name, value in context.payload.items():
            steps = self.own_steps.get(name)
            if steps is None or event in steps or event == "log":  # `log` has seen to it
                continue
            if getattr(before, name, None) != value:
                yield Reason.of("own_step", event=event, field=name, steps=steps or ("the library alone",))
        if before is not None and (WORKERS | {"system"}).isdisjoint(context.roles):
            altered = [name for name in OF_THE_DESK if getattr(before, name) != getattr(after, name)]
            yield from (_not_theirs(name, context.actor) for name in altered)
        if before is None and after.model not in self.rules.by_id:
            yield self._unknown(after.model, context.actor, after.model)
        named = after.assignee if before is None or before.assignee != after.assignee else None
        if named is not None and not self.desk.house.directory.active(named, context.at):
            yield Reason.of("not_active", field="assignee", person=named)
        for name in ("satisfaction", "feedback"):
            told = getattr(after, name)
            if told is not None and name in context.payload and "requester" not in context.roles:
                remedy = "Leave it to the requester, who can still rate it when it is closed."
                yield Reason.of("field_rule", field=name, rule="told by the requester", remedy=remedy)
        if before is not None:
            works = self.lifecycle.category(after.state) in ("active", "resolved") and before.state != after.state
            if works and (reason := is_approved.judge(after, context, event)) is not None:
                yield reason  # also for the ways that a subclass adds (INV-073)
            if event == "done":
                yield from tasks_told(before.tasks, after.tasks)
            yield from self._information(before, after, context.payload)

    def _information(self, before: S, after: S, payload: Mapping[str, Any]) -> Iterable[Reason]:
        """Yield what speaks against information that is altered: it is what the model asks for, and was approved."""
        altered = {name: value for name, value in payload.items() if name in self.rules.fields}
        altered = {name: value for name, value in altered.items() if before.extra.get(name) != value}
        model = self.rules.by_id.get(after.model)
        if altered and model is not None:
            yield from self._faults(model, altered)
            yield from (Reason.of("blank", field=name) for name in _gaps(model, after.extra) if name in altered)
            if before.approval_state in ("requested", "approved"):
                for name in altered:
                    yield Reason.of("under_approval", field=name, state=before.approval_state)

    def _faults(self, model: RequestModel, values: Mapping[str, Any]) -> Iterable[Reason]:
        types = model.fields.types
        for name, value in values.items():
            if name not in types:
                if name in self.rules.fields and not blank(value):
                    yield Reason.of("not_asked", model=model.id, field=name, asks=tuple(types))
            elif value is not None and (reason := types[name].check(name, value)) is not None:
                yield reason

    def link_objections(
        self, unit: Unit, op: str, relation: Relation, source: Any, target: Any, context: Context
    ) -> Iterable[Reason]:
        """A change is raised by a request that is being fulfilled, by a change model that its model names."""
        yield from super().link_objections(unit, op, relation, source, target, context)
        if relation.name == "raises" and isinstance(source, self.record):
            request: Any = source
            yield from self._not_raised(request, target.model)

    @staticmethod
    def _not_raised(request: Any, model: str) -> Iterable[Reason]:
        if request.state not in _IN_HAND:
            yield Reason.of("not_in_fulfilment", record=request.reference, state=request.state)
        if model not in request.changes:
            yield Reason.of("change_not_foreseen", model=request.model, value=model, changes=request.changes)

    # the catalogue

    def catalogue(self, view: View = "user", *, by: Actor | None = None) -> tuple[CatalogueEntry, ...]:
        """Return the entries of the request catalogue that a view shows to an actor (INV-076).

        Args:
            view: `user` shows what they can request; `customer` what is promised, and what it costs; `it` shows
                those who look after requests every entry, in whatever state, and how it is delivered.
            by: the reader; the entries are those for their roles, groups and customers.

        Raises:
            InvalidInput: there is no such view, or nobody reads.
        """
        return entries(self, self.desk.who(by, "catalogue"), view)

    def _offered(self, wanted: Any, actor: Actor, requester: str | None, text: Any) -> RequestModel:
        """Return the model that is meant, if this actor can request it.

        Raises:
            InvalidInput: there is none that they may see, or it is not published (INV-071, INV-076, INV-077).
        """
        if isinstance(wanted, RequestModel):
            wanted = wanted.id
        if wanted is not None and not isinstance(wanted, str):
            raise InvalidInput.of("ill_typed", field="model", expected="the id of a request model", value=wanted)
        model = self.rules.model(wanted)
        if model is None or not self.admits(model, actor, requester):
            raise InvalidInput(self._unknown(wanted, actor, wanted or text, requester))
        if (state := self.rules.state(model)) != "published":
            raise InvalidInput.of("not_requestable", model=model.id, state=state)
        return model

    def _unknown(self, value: Any, actor: Actor, text: Any, requester: str | None = None) -> Reason:
        """Return the reason with the nearest entry that the actor can request."""
        rules = self.rules
        offered = [each for each in rules.models if rules.state(each) == "published"]
        names: dict[str, str] = {}
        for each in offered:
            if self.admits(each, actor, requester):
                names |= {each.id.casefold(): each.id, each.name.casefold(): each.id}
        near = None
        if isinstance(text, str):
            close = nearest(text.casefold(), names)
            near = names[close[1:-1]] if close and close[1:-1] in names else _sharing(text, names)
        return Reason.of(
            "no_request_model", value=value if value is not None else text or "", actor=actor.id,
            nearest=None if near is None else repr(near),
        )  # fmt: skip

    # birth

    def log(
        self, *, by: Actor | None = None, at: datetime | None = None, reason: str | None = None,
        once: str | None = None, **values: Any,
    ) -> S:  # fmt: skip
        """Submit a request for an entry of the catalogue; those who approve it are asked at once.

        Args:
            at: when it was submitted elsewhere.
            **values: `model`, and the information that it asks for; `requester` where it is for somebody else.

        Raises:
            InvalidInput: there is no such entry for this actor, it is not published, or information is missing or
                ill-typed, or not asked for.
            Refused: nobody can be asked for the approval that it needs (INV-059).
        """
        actor = self.desk.who(by, "log")

        def work(unit: Unit) -> S:
            given = self._taken_up(values, actor)
            context = self._context(unit, actor, None, "log", given, at, reason)
            record, entry = self._newborn(context, given)
            unit.born(self.stored, record, entry)
            if not record.needs_approval:
                return record
            system = attrs.evolve(actor, kind="system")
            return self._step(unit, record, "await_approval", system, NOTHING, at, reason, f"{record.id}:1")

        return self._run("log", once, work, None, actor)

    def request(self, model: str | RequestModel, *, by: Actor | None = None, **information: Any) -> S:
        """Ask for an entry of the catalogue, with the information that it asks for; see `log`."""
        return self.log(model=model, by=by, **information)

    def _taken_up(self, values: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        for name, steps in self.own_steps.items():
            if name in values and ("log" not in steps or name in BROUGHT) and not blank(values[name]):
                raise InvalidInput.of("own_step", event="log", field=name, steps=steps or ("the library alone",))
        named = () if self.is_staff(actor) else [name for name in OF_THE_DESK if not blank(values.get(name))]
        if named:
            raise InvalidInput(*(_not_theirs(name, actor) for name in named))
        told = values.get("requester")
        requester = told if isinstance(told, str) else None
        model = self._offered(values.get("model"), actor, requester, values.get("summary"))
        asked = model.asks
        filled = {name: spec.default for name, spec in asked.items() if spec.default is not None}
        given = {**filled, **values}
        wrong = [*self._faults(model, values), *(Reason.of("blank", field=name) for name in _gaps(model, given))]
        if wrong:
            raise InvalidInput(*wrong)
        brings: dict[str, Any] = {
            "model": model.id, "service": model.service, "needs_approval": model.needs_approval,
            "target": model.target, "tasks": model.tasks, "changes": model.changes,
        }  # fmt: skip
        team = {} if model.group is None else {"group": model.group}
        return {**team, **given, **{name: value for name, value in brings.items() if not blank(value)}}

    # verbs

    def assign(
        self, record: str | S, *, to: str | None = None, group: str | None = None, by: Actor | None = None,
        **options: Any,
    ) -> S:  # fmt: skip
        """Give it to a person, a group, or both."""
        named = {"assignee": to, "group": group}
        given: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        if not given:
            raise Refused.of("missing", event="assign", fields=("to", "group"))
        return self.fire(record, "assign", by=by, **given, **options)

    def start(self, record: str | S, *, by: Actor | None = None, **options: Any) -> S:
        """Begin to fulfil it; whoever starts what nobody has, has it.

        Raises:
            Refused: it has not been approved (INV-073), or somebody has it.
        """
        return self.fire(record, "start", by=by, **options)

    def done(
        self, record: str | S, task: str, *, skip: bool = False, note: str = "", by: Actor | None = None, **options: Any
    ) -> S:
        """Say that a task is done, or left out; those that come before it are over by then.

        Raises:
            Refused: the model has no such task (INV-072), it is over already, or waits for another one.
        """
        actor = self.desk.who(by, "done")
        held = self.get(record, by=actor) if isinstance(record, str) else record
        at = options.get("at") or self.desk.house.now()
        tasks = with_told(held, task, skip=skip, remark=note, by=actor.id, at=at)
        return self.fire(held, "done", by=actor, tasks=tasks, **options)

    def hold(self, record: str | S, *, kind: str, by: Actor | None = None, **options: Any) -> S:
        """Let it wait for a user, vendor, stock, ..."""
        return self.fire(record, "hold", by=by, hold_kind=kind, **options)

    def resume(self, record: str | S, *, by: Actor | None = None, **options: Any) -> S:
        """Go on with it."""
        return self.fire(record, "resume", by=by, **options)

    def raise_change(
        self, record: str | S, model: str | None = None, *, by: Actor | None = None, reason: str | None = None,
        once: str | None = None, expected: int | None = None, **values: Any,
    ) -> S:  # fmt: skip
        """Log a change that the fulfilment needs, linked as `raises`; `linked(request, "raises")` shows them (INV-075).

        Args:
            model: the change model, one of those that the request model names; needed where it names several.
            **values: fields of the change, such as `planned_start` and `planned_end`.

        Raises:
            Refused: it is not being fulfilled, its model names no such change model, or it is not for this actor.
        """
        actor = self.desk.who(by, "raise_change")

        def work(unit: Unit) -> S:
            current = self._held(unit, record, actor, expected)
            has = self.roles_of(actor, current, self.desk.house.now())
            if WORKERS.isdisjoint(has):
                raise Refused.of("role", event="raise_change", actor=actor.id, has=sorted(has), needs=sorted(WORKERS))
            only = current.changes[0] if model is None and len(current.changes) == 1 else model
            if wrong := tuple(self._not_raised(current, only or "none")):
                raise Refused(*wrong)
            desk: Any = self.desk.clone(actor=actor, unit=unit)
            handed = {name: getattr(current, name) for name in ("summary", "requester", "service")}
            given = {name: value for name, value in handed.items() if value is not None} | values
            made = desk.changes.log(model=only, by=actor, reason=reason, **given)
            relation, _ = desk.house.relations.directed("raises")
            put(desk, unit, "link", relation, current, made, actor, reason)
            return unit.get(current.id) or current

        return self._run("raise_change", once, work, record, actor)

    def fulfil(self, record: str | S, *, outcome: str | None = None, by: Actor | None = None, **options: Any) -> S:
        """End the work: all tasks are over, and so are the changes that it raised."""
        given: dict[str, Any] = {} if outcome is None else {"outcome": outcome}
        return self.fire(record, "fulfil", by=by, **given, **options)

    def confirm(
        self, record: str | S, *, satisfaction: int | None = None, feedback: str | None = None,
        by: Actor | None = None, **options: Any,
    ) -> S:  # fmt: skip
        """Close it: the requester has what was asked for, and may say how satisfied they are, from 1 to 5."""
        named = {"satisfaction": satisfaction, "feedback": feedback}
        given: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        return self.fire(record, "close", by=by, **given, **options)

    def reopen(self, record: str | S, *, by: Actor | None = None, **options: Any) -> S:
        """Take it up again, within the time that the policy gives; all of its tasks are open again."""
        return self.fire(record, "reopen", by=by, **options)

    def cancel(self, record: str | S, *, close_reason: str, by: Actor | None = None, **options: Any) -> S:
        """End what nobody needs any more, with the reason."""
        return self.fire(record, "cancel", by=by, close_reason=close_reason, **options)

    def reroute(
        self, record: Any, *, to: str = "incident", model: str | None = None, by: Actor | None = None,
        reason: str | None = None, once: str | None = None, expected: int | None = None, **values: Any,
    ) -> S:  # fmt: skip
        """Make the right kind of record of what was submitted as the wrong one; a link joins them (INV-074).

        Args:
            record: a service request, or an incident that is a request.
            to: what a request becomes: `incident` or `change`.
            model: the entry of the catalogue that an incident is a request for.
            **values: more fields of the new record, or the information that the model asks for.

        Returns:
            The service request; `linked(request, "rerouted_to")` (or `"rerouted_from"`) is the other record.
        """
        from itil4.practices.request_rerouting import reroute  # read when first asked for

        actor = self.desk.who(by, "reroute")
        made: S = reroute(self, record, to, model, actor, reason, once, expected, values)
        return made

    # afterwards

    def figures(
        self, *, since: datetime | None = None, until: datetime | None = None, split: str | Iterable[str] = (),
        by: Actor | None = None, excluding: Iterable[str] = (),
    ) -> "Figures":  # fmt: skip
        """Return the figures of a period: within target, automation, satisfaction, backlog.

        The arguments are those of `itil4.practices.measuring.measure`.
        """
        from itil4.practices.request_figures import FIGURES  # read when first asked for

        return measure(self, FIGURES, since=since, until=until, split=split, by=by, excluding=excluding)


def _not_theirs(name: str, actor: Actor) -> Reason:
    rule = f"not for {actor.id} to set"
    return Reason.of("field_rule", field=name, rule=rule, remedy="Leave it to those who look after requests.")


def _gaps(model: RequestModel, values: Mapping[str, Any]) -> list[str]:
    """Return what the model needs to know and nobody said."""
    return [name for name, spec in model.asks.items() if spec.required and blank(values.get(name))]


def _sharing(text: str, names: Mapping[str, str]) -> str | None:
    """Return the entry whose name shares most words with a text; None where none shares any."""
    said = frozenset(word for word in text.casefold().split() if len(word) > 2)
    best = max(names, key=lambda name: len(said.intersection(name.split())), default=None)
    return names[best] if best is not None and not said.isdisjoint(best.split()) else None


__all__ = [
    "LIFECYCLE", "STAFF", "WORKERS", "Audience", "CatalogueEntry", "FulfilmentTask", "RequestModel", "RequestPolicy",
    "ServiceRequest", "ServiceRequestManagement",
]  # fmt: skip
