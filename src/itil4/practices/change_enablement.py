"""Change enablement: judge the risk of changes, get the right go-ahead for each, and learn from how they went.

What a change is and how it moves stands in `change_lifecycle`, the rules of its steps in `change_rules`, what a
kind of change wants in `change_models`, the register of models in `change_register`, and what an organization
decides in `change_policy`; here is what people do with changes. The states, and where they are entered:

- new: `log`, `revert_to_new`; `reclassify` while nothing is assessed
- assess: `assess`, with `assess_risk` and `plan_tasks`
- authorize: `submit`; what the authority decides leads on, and nothing else does
- scheduled: an authorization, or `schedule` where an active model pre-authorizes the change
- implement: `implement`, with `finish_task`
- review: `review`, with `record_review`
- closed, cancelled: `close`, `cancel`
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from itil4.errors import InvalidInput, ITIL4Error, Reason, Refused
from itil4.lifecycle import Context
from itil4.practices.approval import ApprovalPolicy, Approving, approval_lifecycle
from itil4.practices.change_lifecycle import COMPUTED_BY_STEPS, COVERED, LIFECYCLE, SET_BY, Change
from itil4.practices.change_models import BUILT_IN, CARRIED_OUT, EMERGENCY, NORMAL, ChangeModel
from itil4.practices.change_outcomes import follow_outcome
from itil4.practices.change_policy import ChangePolicy
from itil4.practices.change_rules import REQUESTERS, Applied, opened_by_models, within
from itil4.practices.change_taking import against_model, check_lifecycle, check_model, sound, taken_up
from itil4.practices.change_values import FAILED, ChangeTask, CloseCode, Question
from itil4.practices.defining import made
from itil4.practices.linking import link
from itil4.practices.tasks import task_problem, tasks_told, with_told
from itil4.record import SELF, Actor, Line, Note, Relation, blank
from itil4.record.shape import Shape
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.change_schedule.conflict import Conflict
    from itil4.practices.change_schedule.desk import ForwardSchedule
    from itil4.practices.change_schedule.slots import NextSlot
    from itil4.practices.figures import Figure, Figures

C = TypeVar("C", bound=Change)


class ChangeEnablement(Approving[C]):
    """The practice of making changes go well."""

    name = "change_enablement"
    slot = "changes"
    kind = "change"
    prefix = "CHG"
    record = Change  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = LIFECYCLE
    aspects = (approval_lifecycle(REQUESTERS),)
    approval_outcomes: ClassVar[Mapping[str, str]] = {"approved": "authorize", "rejected": "refuse"}
    approval_states: ClassVar[tuple[str, ...]] = ("authorize",)
    approval_steps: ClassVar[tuple[str, ...]] = ("submit",)
    approval_covers: ClassVar[tuple[str, ...]] = COVERED
    models: ClassVar[tuple[ChangeModel, ...]] = BUILT_IN
    """The models that stand without a register; a subclass adds to them, or to those of the policy or the register."""
    carried_out: ClassVar[frozenset[str]] = CARRIED_OUT
    """The states that no change enters without authorization; a subclass adds its own, and takes none away."""
    own_steps: ClassVar[Mapping[str, tuple[str, ...]]] = SET_BY
    relations = (Relation("duplicate_of", "duplicated_by", {(SELF, SELF)}, acyclic=True, single=True),)
    indexed = (
        "summary", "type", "model", "model_record", "requester", "owner", "group", "assignee", "service", "category",
        "planned_start", "planned_end", "actual_start", "actual_end", "risk", "authorized_at", "close_code",
        "closed_at", "review_pending",
    )  # fmt: skip

    def __init_subclass__(cls, **options: Any) -> None:
        cls.lifecycle = opened_by_models(cls.lifecycle)
        super().__init_subclass__(**options)
        check_lifecycle(cls)
        for model in cls.models:
            check_model(cls, model, cls.stored_kind(cls.fields).shape)

    # decisions

    @property
    def rules(self) -> ChangePolicy:
        """The policy in force: the one given to `connect`, or the default."""
        given = self.desk.house.policies.get(self.kind, _DEFAULT)
        if not isinstance(given, ChangePolicy):
            raise InvalidInput.of("ill_typed", field=f"policies.{self.kind}", expected="a ChangePolicy", value=given)
        return given

    @property
    def known_models(self) -> Mapping[str, ChangeModel]:
        """The models that stand without a register, by their names: built in, of the class, and of the policy."""
        cls: Any = type(self)
        return sound(cls, self.rules, self.shape)

    @classmethod
    def check_model(cls, model: ChangeModel, shape: Shape | None = None) -> None:
        """Refuse a model that does not fit this practice.

        Raises:
            DefinitionError: it opens a way that the lifecycle does not have, skips authorization, or names
                a field that changes do not have.
        """
        check_model(cls, model, shape or cls.stored_kind(cls.fields).shape)

    def derive(self, proposed: C) -> Mapping[str, Any]:
        """A review is owed once the work is done, until it is written; where nothing failed, only if the model says."""
        wants = proposed.review_rule != "on_failure" or proposed.close_code in FAILED
        return {"review_pending": proposed.actual_end is not None and proposed.review is None and wants}

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """A new change has an owner, and somebody who asked for it; an imported one a model by its type."""
        staff = not REQUESTERS.isdisjoint(actor.roles)
        groups = self.desk.house.directory.groups(actor.id, at) if staff else ()
        kind = values.get("type", "normal")
        return {
            "owner": groups[0] if groups else self.rules.default_owner,
            "type": kind, "model": values.get("model", kind),
            "requester": actor.on_behalf_of or (None if actor.is_system else actor.id),
        }  # fmt: skip

    def editors(self) -> frozenset[str]:
        """Fields and links are changed by those who take part in the change."""
        return REQUESTERS | {"system"}

    def inconsistencies(self, record: C) -> Iterable[Reason]:
        """What was planned and what happened begin before they end (INV-063), and tasks wait for no circle."""
        for first, second in (("planned_start", "planned_end"), ("actual_start", "actual_end")):
            start, end = getattr(record, first), getattr(record, second)
            if start is None or end is None or start < end:
                continue
            if start > end:
                yield Reason.of("time_order", earlier=first, earlier_at=start, later=second, later_at=end)
            elif first == "planned_start":
                yield Reason.of("no_duration", earlier=first, later=second, value=start)
        if record.actual_start is None and record.actual_end is not None:
            yield Reason.of("blank", field="actual_start")
        if record.tasks and (reason := task_problem(record.tasks)) is not None:
            yield reason

    def objections(self, before: C | None, after: C, context: Context, event: str) -> Iterable[Reason]:
        """Fields with steps of their own are set by these only, and a pre-authorized procedure is not altered."""
        yield from super().objections(before, after, context, event)
        for name, value in context.payload.items():
            steps = self.own_steps.get(name)
            if steps is None or (blank(value) if before is None else getattr(before, name) == value):
                continue  # nothing is said by it
            if event not in steps or (name in COMPUTED_BY_STEPS and not blank(value)):
                yield Reason.of("own_step", event=event, field=name, steps=steps or ("the library alone",))
        named = after.assignee if before is None or before.assignee != after.assignee else None
        if named is not None and not self.desk.house.directory.active(named, context.at):
            yield Reason.of("not_active", field="assignee", person=named)
        for name in ("actual_start", "actual_end"):
            told = getattr(after, name)
            if told is not None and told > context.now and (before is None or getattr(before, name) != told):
                yield Reason.of("future", event=event, at=told, now=context.now)
        if event == "finish_task" and before is not None:
            yield from tasks_told(before.tasks, after.tasks)
        yield from against_model(self, before, after, context, event)

    def link_objections(
        self, unit: Unit, op: str, relation: Relation, source: Any, target: Any, context: Context
    ) -> Iterable[Reason]:
        """What a change affects is part of what the authority decides on, so it stays as it was (INV-069).

        An emergency change may find out more while it is carried out.
        """
        yield from super().link_objections(unit, op, relation, source, target, context)
        if relation.name == "affects" and isinstance(source, self.record) and source.state not in _DRAFTED:
            change: Any = source
            model = self.applied(change, unit).model
            if model is None or not model.after_the_fact or op == "unlink":
                yield Reason.of("change_scope_fixed", record=source.reference, state=source.state)

    def schedule_objections(self, record: C, unit: Unit) -> Iterable[Reason]:
        """Yield what speaks against the time of a change, after each of the steps of `TIMED`: what the policy finds.

        The desk that the policy is given acts in the unit of the step: what it reads and depends on joins the commit.
        """
        if self.rules.schedule is not None:
            yield from self.rules.schedule(record, record.updated_at, self.desk.clone(unit=unit))

    # models

    def applied(self, record: C, unit: Unit) -> Applied:
        """Return the model by which a change goes, as it was when the change took it up, and how it stands now."""
        if record.model_record is None:
            model = self.known_models.get(record.model)
            return Applied(model, record.model, model is not None, True)
        unit.depend([record.model_record])
        held: Any = unit.get(record.model_record)
        if held is None or not 1 <= record.model_version <= len(held.definitions):
            return Applied(None, record.model)
        return Applied(
            held.definitions[record.model_version - 1], record.model, held.state == "active",
            record.model_version == held.model_version, held.authorized_at,
        )  # fmt: skip

    def model_of(self, record: str | C, *, by: Actor | None = None) -> ChangeModel | None:
        """Return the model by which a change goes, in the version that it took up; None: it is not known here."""
        return self.applied(self.get(record, by=by), self.desk.reading()).model

    def questions(self, record: str | C, *, by: Actor | None = None) -> tuple[Question, ...]:
        """Return the questions of the risk assessment of a change.

        >>> import itil4
        >>> itsm, ana = itil4.connect(), itil4.Actor("ana", roles={"user"})
        >>> [each.name for each in itsm.changes.questions(itsm.changes.log(summary="Swap the relay", by=ana))]
        ['reach', 'experience', 'undo']
        """
        model = self.model_of(record, by=by)
        return model.risk.questions if model is not None else ()

    def authority_of(self, record: C, unit: Unit | None = None) -> str | None:
        """Return the name of the authority for a change as it is now, by model, risk and window (INV-059)."""
        model = self.applied(record, unit or self.desk.reading()).model
        return None if model is None else model.authority(record.risk, within(record, self.rules.windows))

    def approval_policy(self, record: C) -> ApprovalPolicy | None:
        """Return how the authority for a change decides; None where the model names none, and nobody can be asked."""
        model = self.applied(record, self.desk.reading()).model
        rule = None if model is None else model.rule_for(record.risk, within(record, self.rules.windows))
        return None if rule is None else rule.decides or self.rules.authority(rule.authority)

    def fact(self, name: str, record: C, unit: Unit) -> Any:
        """The policy, and the model by which a change goes, are facts of its steps."""
        if name == "policy":
            return self.rules
        return self.applied(record, unit) if name == "model" else super().fact(name, record, unit)

    # birth

    def log(
        self, *, resolves: Iterable[Any] = (), by: Actor | None = None, at: datetime | None = None,
        reason: str | None = None, once: str | None = None, **values: Any,
    ) -> C:  # fmt: skip
        """Record a change, by a model or by a type that names one; `normal` where neither is given.

        Args:
            resolves: the incidents, problems and known errors that it is to resolve; each is linked as `resolved_by`.
            at: when it was recorded elsewhere; an emergency change may be recorded after the fact (INV-058).
            **values: `model` (a name, or a record of the register), `type`, `planned_start`, `planned_end`, ...

        Raises:
            InvalidInput: a field is missing, unknown, ill-typed or contradicts another, or there is no such model.
            Refused: the model is not active, or not for this actor.
        """
        actor = self.desk.who(by, "log")
        if isinstance(resolves, str) or not isinstance(resolves, Iterable):
            raise InvalidInput.of("ill_typed", field="resolves", expected="several records or numbers", value=resolves)
        targets = tuple(resolves)

        def work(unit: Unit) -> C:
            given = taken_up(self, unit, values, actor, None)
            context = self._context(unit, actor, None, "log", given, at, reason)
            record, entry = self._newborn(context, given)
            unit.born(self.stored, record, entry)
            desk = self.desk.clone(actor=actor, unit=unit)
            for target in targets:
                link(desk, target, "resolved_by", record, actor, reason, None)
            return record

        return self._run("log", once, work, None, actor)

    def _step(
        self, unit: Unit, current: C, event: str, actor: Actor, payload: Mapping[str, Any], at: datetime | None,
        reason: str | None, cause: str | None, seen: frozenset[str] = frozenset(),
    ) -> C:  # fmt: skip
        if event == "reclassify" and any(
            each.event == event and source == current.state for source, each in self.lifecycle.arrows
        ):
            try:
                payload = taken_up(self, unit, payload, actor, current)
            except ITIL4Error:  # who may not take the step at all is told that, and nothing about models
                context = self._context(unit, actor, current, event, payload, at, reason, cause)
                decision = self._moves.explain(current, event, context)
                if not decision:
                    raise Refused(*decision.reasons) from None
                raise
        new = super()._step(unit, current, event, actor, payload, at, reason, cause, seen)
        if event in TIMED and (against := tuple(self.schedule_objections(new, unit))):
            raise Refused(*against)
        if event in ("close", "record_review"):
            follow_outcome(self, unit, current, new, actor)
        return new

    # verbs

    def reclassify(
        self, record: str | C, *, type: Line | None = None, model: Any = None, by: Actor | None = None,  # noqa: A002
        **options: Any,
    ) -> C:  # fmt: skip
        """Take up another type or model, as long as nothing is assessed; what was assessed or asked before is void."""
        named = {"type": type, "model": model}
        given: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        if not given:
            raise Refused.of("missing", event="reclassify", fields=("type", "model"))
        return self.fire(record, "reclassify", by=by, **given, **options)

    def assign(
        self, record: str | C, *, to: str | None = None, group: str | None = None, owner: str | None = None,
        by: Actor | None = None, **options: Any,
    ) -> C:  # fmt: skip
        """Say who carries it out, or who is accountable for it."""
        named = {"assignee": to, "group": group, "owner": owner}
        given: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        if not given:
            raise Refused.of("missing", event="assign", fields=("to", "group", "owner"))
        return self.fire(record, "assign", by=by, **given, **options)

    def assess(self, record: str | C, *, by: Actor | None = None, **options: Any) -> C:
        """Begin to assess it: risk, plans, times."""
        return self.fire(record, "assess", by=by, **options)

    def assess_risk(
        self, record: str | C, answers: Mapping[str, str] | None = None, *, by: Actor | None = None, **options: Any
    ) -> C:
        """Answer the questions of the model; its rules make the risk of the answers, which stay on record (INV-062).

        Raises:
            Refused: a question has no answer, or one that it does not know.
        """
        given: dict[str, Any] = {} if answers is None else {"answers": answers}
        return self.fire(record, "assess_risk", by=by, **given, **options)

    def plan_tasks(
        self, record: str | C, *tasks: ChangeTask | Mapping[str, Any], by: Actor | None = None, **options: Any
    ) -> C:
        """Say which tasks there are, instead of those that were planned before.

        Raises:
            Refused: a task waits for one that is not there, or several wait for each other in a circle, which is told.
        """
        planned = tuple(made(ChangeTask, each) for each in tasks)
        return self.fire(record, "plan_tasks", by=by, tasks=planned, **options)

    def submit(self, record: str | C, *, by: Actor | None = None, **options: Any) -> C:
        """Ask the authority; what it decides on cannot be altered from now on."""
        return self.fire(record, "submit", by=by, **options)

    def schedule(self, record: str | C, *, by: Actor | None = None, **options: Any) -> C:
        """Schedule a change that an active model pre-authorizes (INV-055)."""
        return self.fire(record, "schedule", by=by, **options)

    def reschedule(
        self,
        record: str | C,
        *,
        planned_start: datetime,
        planned_end: datetime,
        by: Actor | None = None,
        **options: Any,
    ) -> C:
        """Move a scheduled change to a time at which the same authority would have decided."""
        given: dict[str, Any] = {"planned_start": planned_start, "planned_end": planned_end}
        return self.fire(record, "reschedule", by=by, **given, **options)

    def implement(self, record: str | C, *, by: Actor | None = None, **options: Any) -> C:
        """Begin the work."""
        return self.fire(record, "implement", by=by, **options)

    def finish_task(
        self, record: str | C, name: str, *, skip: bool = False, note: str = "", by: Actor | None = None, **options: Any
    ) -> C:
        """Say that a task is done, or left out; those that come before it are over by then.

        Raises:
            Refused: there is no such task, it is over already, or waits for another one.
        """
        actor = self.desk.who(by, "finish_task")
        held = self.get(record, by=actor) if isinstance(record, str) else record
        at = options.get("at") or self.desk.house.now()
        tasks = with_told(held, name, skip=skip, remark=note, by=actor.id, at=at)
        return self.fire(held, "finish_task", by=actor, tasks=tasks, **options)

    def review(
        self, record: str | C, *, close_code: CloseCode | None = None, close_notes: Note | None = None,
        by: Actor | None = None, **options: Any,
    ) -> C:  # fmt: skip
        """End the work, and say how it went where that is known already."""
        return self.fire(record, "review", by=by, **_given(close_code, close_notes), **options)

    def record_review(
        self, record: str | C, review: Note | None = None, *, close_code: CloseCode | None = None,
        close_notes: Note | None = None, by: Actor | None = None, **options: Any,
    ) -> C:  # fmt: skip
        """Write down the post-implementation review, before or after closure (INV-068).

        A review after closure may find that the change failed after all, by another `close_code`.
        """
        given = {**_given(close_code, close_notes), **({} if review is None else {"review": review})}
        return self.fire(record, "record_review", by=by, **given, **options)

    def close(
        self, record: str | C, *, close_code: CloseCode | None = None, close_notes: Note | None = None,
        by: Actor | None = None, **options: Any,
    ) -> C:  # fmt: skip
        """End it with how it went. What failed is reviewed first (INV-066)."""
        return self.fire(record, "close", by=by, **_given(close_code, close_notes), **options)

    def revert_to_new(self, record: str | C, *, by: Actor | None = None, **options: Any) -> C:
        """Send it back to the beginning; an authority that was asked is asked no longer."""
        return self.fire(record, "revert_to_new", by=by, **options)

    def cancel(self, record: str | C, *, close_reason: str, by: Actor | None = None, **options: Any) -> C:
        """End what will not be done, with the reason."""
        return self.fire(record, "cancel", by=by, close_reason=close_reason, **options)

    # the schedule; see `itil4.practices.change_schedule`

    def conflicts(self, record: str | C, *, by: Actor | None = None) -> "tuple[Conflict, ...]":
        """Return all conflicts of a change as it is planned: with other work, maintenance windows and blackouts.

        Args:
            record: the change, its number or its id.
            by: the reader: conflicts with changes that they may not see are left out.

        Raises:
            InvalidInput: it has no planned start and end.
        """
        from itil4.practices.change_schedule.desk import conflicts_of  # read when first asked for

        return conflicts_of(self, record, self._reader(by))

    def next_slot(
        self, record: str | C, *, after: datetime | None = None, horizon: timedelta | None = None,
        duration: timedelta | None = None, by: Actor | None = None,
    ) -> "NextSlot":  # fmt: skip
        """Propose the first window in which a change has no conflict; without one, the reason.

        Args:
            record: the change, its number or its id.
            after: the earliest start; by default its planned start, or now where that is over.
            horizon: how far ahead to look from there (calendar time); by default 90 days.
            duration: how long it takes; by default as long as it is planned for.
            by: the reader.
        """
        from itil4.practices.change_schedule.desk import next_slot_of  # read when first asked for

        return next_slot_of(self, record, self._reader(by), after, horizon, duration)

    def forward_schedule(
        self, since: datetime | None = None, until: datetime | None = None, *, by: Actor | None = None,
        states: Iterable[str] = ("scheduled", "implement"),
    ) -> "ForwardSchedule":  # fmt: skip
        """Return the forward schedule of change: what is planned in an interval, with its conflicts.

        Args:
            since, until: the interval; by default from now on for 30 days.
            by: the reader, who has to see the changes.
            states: the states of the changes in it.
        """
        from itil4.practices.change_schedule.desk import forward_schedule_of  # read when first asked for

        return forward_schedule_of(self, since, until, self._reader(by), states)

    # afterwards

    def incidents(self, record: str | C, *, by: Actor | None = None) -> tuple[Any, ...]:
        """Return the incidents that a change caused, oldest link first."""
        return self.linked(record, "causes", by=by)

    def figures(
        self, *, since: datetime | None = None, until: datetime | None = None, split: str | Iterable[str] = (),
        by: Actor | None = None, excluding: Iterable[str] = (),
    ) -> "Figures":  # fmt: skip
        """Return the figures of a period: success rate, realization time, incidents caused, reviews owed.

        The arguments are those of the figures of incidents; `split="model"` and `split="group"` tell models and
        teams apart.
        """
        from itil4.practices.change_figures import change_figures  # read when first asked for

        return change_figures(self, since=since, until=until, split=split, by=by, excluding=excluding)

    def success_rate(
        self, *, since: datetime | None = None, until: datetime | None = None, by: Actor | None = None, **only: Any
    ) -> "Figure":
        """Return the share of completed changes that succeeded, of a `model`, `group`, `item`, ... or of all (INV-070).

        >>> import itil4
        >>> itil4.connect().changes.success_rate(model="normal").value is None  # nothing is completed yet
        True
        """
        from itil4.practices.change_figures import success_rate  # read when first asked for

        return success_rate(self, since=since, until=until, by=by, only=only)


_DEFAULT = ChangePolicy()
_DRAFTED = frozenset({"new", "assess"})
TIMED = frozenset({"submit", "schedule", "reschedule", "implement"})
"""The steps at which the time of a change counts."""


def _given(close_code: CloseCode | None, close_notes: Note | None) -> dict[str, Any]:
    named = {"close_code": close_code, "close_notes": close_notes}
    return {name: value for name, value in named.items() if value is not None}


__all__ = [
    "BUILT_IN", "EMERGENCY", "LIFECYCLE", "NORMAL", "C", "Change", "ChangeEnablement", "ChangeModel", "ChangePolicy",
    "TIMED",
]  # fmt: skip
