"""Runs a lifecycle: a table compiled once from its definition, shared by all records and threads.

One function judges an arrow, for `fire`, `explain` and `available` alike, so that they cannot
disagree. It builds reasons only when there is something to refuse.
"""

from collections.abc import Mapping
from typing import Any

from itil4.errors import Decision, InvalidInput, Reason, Refused, nearest
from itil4.lifecycle.context import NOTHING, Ask, Context, Step
from itil4.lifecycle.definition import Lifecycle, Transition, name_of
from itil4.lifecycle.rules import Chosen, broken
from itil4.record import Added, Change, Details, Entry, Shape, blank, shape_of
from itil4.record.copying import twin_of
from itil4.record.history import Judged, Op

ORDER = (
    ("unknown_event", "wrong_state", "internal", "role", "denied")
    + ("ill_typed", "naive_datetime", "not_a_choice", "too_long", "control_character", "several_lines", "blank")
    + ("unknown_field", "missing", "guard", "field_rule", "stale")
)
"""The order in which reasons are given."""

_RANK = {code: place for place, code in enumerate(ORDER)}


class Arrow:
    """One transition from one source state, ready to be judged."""

    __slots__ = ("denied", "effects", "event", "guards", "internal", "requires", "roles", "target", "transition")

    def __init__(self, transition: Transition) -> None:
        reads = [field for rule in transition.guards for field in rule.reads]
        self.transition = transition
        self.event = transition.event
        self.target = transition.target
        self.roles = transition.roles
        self.denied = transition.denied
        self.internal = transition.internal
        self.requires = tuple(dict.fromkeys((*transition.requires, *reads)))
        self.guards = transition.guards
        self.effects = transition.effects


class Engine:
    """The compiled form of a lifecycle."""

    __slots__ = ("_by_arrow", "_from", "_table", "field", "lifecycle", "name")

    def __init__(self, lifecycle: Lifecycle) -> None:
        self.lifecycle = lifecycle
        self.name = lifecycle.name
        self.field = lifecycle.field
        table: dict[tuple[str, str], tuple[Arrow, ...]] = {}
        leading: dict[str, list[str]] = {}
        between: dict[tuple[str, str], str] = {}
        compiled = {id(each): Arrow(each) for each in lifecycle.transitions}
        for source, each in lifecycle.arrows:
            if (source, each.event) not in table:
                leading.setdefault(source, []).append(each.event)
            table[source, each.event] = (*table.get((source, each.event), ()), compiled[id(each)])
            for target in each.targets:
                between.setdefault((source, target), each.event)
        self._table = table
        self._from = leading
        self._by_arrow = between

    def arrows(self, state: str, event: str) -> tuple[Arrow, ...]:
        """Return the alternatives of a step from a state, in order."""
        return self._table.get((state, event), ())

    def event_between(self, source: str, target: str) -> str | None:
        """Return the first event that leads straight from one state to another, or None."""
        return self._by_arrow.get((source, target))

    # the four questions

    def fire(self, record: Any, event: str, context: Context) -> tuple[Any, Entry]:
        """Take a step; see `Lifecycle.fire`."""
        shape = context.shape or shape_of(type(record))
        arrows = self._table.get((getattr(record, self.field), event))
        if arrows is not None:
            for arrow in arrows:
                proposed, target, reasons = self._judge(arrow, record, context, shape)
                if reasons is None:
                    return self._take(arrow, record, proposed, target, context, shape)
        raise Refused(*self._reasons(record, event, context, shape))

    def explain(self, record: Any, event: str, context: Context) -> Decision:
        """Say whether the step is possible now, and if not, every reason why."""
        shape = context.shape or shape_of(type(record))
        for arrow in self._table.get((getattr(record, self.field), event), ()):
            _, target, reasons = self._judge(arrow, record, context, shape)
            if reasons is None:
                return Decision(True, event, (), target, self.name, self._used(arrow, context))
        return Decision(False, event, self._reasons(record, event, context, shape), None, self.name)

    def available(self, record: Any, context: Context) -> tuple[Step, ...]:
        """Return the steps that this actor could take now, with what each still asks for."""
        shape = context.shape or shape_of(type(record))
        steps = []
        state = getattr(record, self.field)
        for event in self._from.get(state, ()):
            for arrow in self._table[state, event]:
                _, target, reasons = self._judge(arrow, record, context, shape)
                if reasons is None or all(reason.code == "missing" for reason in reasons):
                    steps.append(self._step(arrow, record, context, shape))
                    break
        return tuple(steps)

    def update(self, record: Any, context: Context) -> tuple[Any, Entry]:
        """Change fields without a step."""
        shape = context.shape or shape_of(type(record))
        reasons = self._payload_problems(context.payload, shape)
        if reasons:
            raise Refused(*_ordered(reasons))
        changes = self._derived(shape.copy(record, context.payload), dict(context.payload), context, shape)
        return self.append(record, "update", context, changes=changes)

    # judging

    def _judge(
        self, arrow: Arrow, record: Any, context: Context, shape: Shape
    ) -> tuple[Any, str | None, list[Reason] | None]:
        """Return the proposed record, the target, and the reasons against it, in their order; None for none."""
        reasons: list[Reason] | None = None
        event = arrow.event
        if arrow.internal and context.actor.kind != "system":
            reasons = [Reason.of("internal", event=event, actor=context.actor.id, lifecycle=self.name)]
        if arrow.roles is not None and arrow.roles.isdisjoint(context.roles):
            reasons = [*(reasons or ()), self._role_reason(arrow, context)]
        if arrow.denied is not None and not arrow.denied.isdisjoint(context.roles):
            denied = sorted(arrow.denied & context.roles)
            reason = Reason.of("denied", event=event, actor=context.actor.id, denied=denied, lifecycle=self.name)
            reasons = [*(reasons or ()), reason]
        payload = context.payload
        proposed = record
        target = arrow.target
        if type(target) is Chosen:
            target, payload, reason_ = self._choose(target, event, payload)
            if reason_:
                reasons = [*(reasons or ()), reason_]
        if payload:
            wrong = self._payload_problems(payload, shape)
            if wrong:
                reasons = [*(reasons or ()), *wrong]
                known = {
                    name: value for name, value in payload.items() if not self._payload_problems({name: value}, shape)
                }
                proposed = shape.copy(record, known)
            else:
                proposed = shape.copy(record, payload)
        if arrow.requires:
            gone = [name for name in arrow.requires if blank(self._read(shape, proposed, name))]
            if gone:
                reasons = [*(reasons or ()), Reason.of("missing", event=event, fields=gone, lifecycle=self.name)]
        for rule in arrow.guards:
            if rule.reads and any(blank(self._read(shape, proposed, name)) for name in rule.reads):
                continue
            held = rule.judge(proposed, context, event)
            if held is not None:
                reasons = [held] if reasons is None else [*reasons, held]
        return proposed, target, None if reasons is None else _ordered(reasons)  # type: ignore[return-value]

    def _read(self, shape: Shape, record: Any, name: str) -> Any:
        if shape.get(name) is None:
            raise InvalidInput.of(
                "unknown_field", record=shape.record.__name__, field=name, nearest=nearest(name, shape.fields)
            )
        return shape.read(record, name)

    def _payload_problems(self, payload: Mapping[str, Any], shape: Shape) -> list[Reason] | None:
        reasons = shape.problems(payload)
        if self.field in payload and self.field not in shape.locked:
            rule = Reason.of("field_rule", field=self.field, rule="set by steps only", remedy="Fire the step you mean.")
            reasons = [*(reasons or ()), rule]
        return reasons

    def _choose(
        self, chosen: Chosen, event: str, payload: Mapping[str, Any]
    ) -> tuple[str | None, Mapping[str, Any], Reason | None]:
        rest = {name: value for name, value in payload.items() if name != chosen.field}
        if chosen.field not in payload:
            return None, rest, Reason.of("missing", event=event, fields=[chosen.field], lifecycle=self.name)
        wanted = payload[chosen.field]
        if wanted not in chosen.among:
            near = nearest(wanted, chosen.among)
            return (
                None,
                rest,
                Reason.of("not_a_choice", field=chosen.field, value=wanted, choices=chosen.among, nearest=near),
            )
        return wanted, rest, None

    def _role_reason(self, arrow: Arrow, context: Context) -> Reason:
        return Reason.of(
            "role", event=arrow.event, actor=context.actor.id, has=sorted(context.roles),
            needs=sorted(arrow.roles or ()), lifecycle=self.name,
        )  # fmt: skip

    def _reasons(self, record: Any, event: str, context: Context, shape: Shape) -> tuple[Reason, ...]:
        """Return every reason against a step that is not possible: those of its nearest alternative."""
        state = getattr(record, self.field)
        arrows = self._table.get((state, event))
        now = self._from.get(state, [])
        if arrows is None:
            known = self.lifecycle.events
            if event not in known:
                near = nearest(event, known)
                return (Reason.of("unknown_event", lifecycle=self.name, event=event, events=known, nearest=near),)
            sources = tuple(dict.fromkeys(source for source, each in self.lifecycle.arrows if each.event == event))
            return (
                Reason.of(
                    "wrong_state", lifecycle=self.name, event=event, state=state, sources=sources, events=tuple(now)
                ),
            )
        refusals = [self._judge(arrow, record, context, shape)[2] or [] for arrow in arrows]
        return tuple(min(refusals, key=len))

    def _step(self, arrow: Arrow, record: Any, context: Context, shape: Shape) -> Step:
        asks = []
        if isinstance(arrow.target, Chosen):
            asks.append(Ask(arrow.target.field, "choice", True, arrow.target.among))
        for name in arrow.requires:
            if blank(shape.read(record, name)):
                field = shape.get(name)
                spec = shape.extra.specs.get(name)
                label = (spec.label if spec else None) or name.replace("_", " ").capitalize()
                asks.append(Ask(name, field.kind if field else "value", True, field.choices if field else (), label))
        target = arrow.target if isinstance(arrow.target, str) else None
        return Step(arrow.event, arrow.transition.title, target, tuple(asks), self.name)

    # taking

    def _take(
        self, arrow: Arrow, record: Any, proposed: Any, target: str | None, context: Context, shape: Shape
    ) -> tuple[Any, Entry]:
        changes = dict(context.payload)
        if type(arrow.target) is Chosen:
            changes.pop(arrow.target.field, None)
        for effect in arrow.effects:
            delta = self._delta(effect, proposed, context, shape)
            changes.update(delta)
            proposed = shape.copy(proposed, delta)
        changes = self._derived(proposed, changes, context, shape)
        return self.append(
            record, "step", context, changes=changes, event=arrow.event, target=target, roles=self._used(arrow, context)
        )

    def _delta(self, rule: Any, proposed: Any, context: Context, shape: Shape) -> Mapping[str, Any]:
        """Run an effect or derive rule of the host and check what it answers."""
        what = f"the rule {name_of(rule)!r}"
        try:
            delta = rule(proposed, context) if rule is not context.derive else rule(proposed)
        except Exception as error:
            raise broken(what, proposed, error) from error
        if not isinstance(delta, Mapping):
            raise broken(what, proposed, f"it answered {delta!r}, not a mapping of fields")
        wrong = self._payload_problems(delta, shape)
        if wrong:
            raise broken(what, proposed, str(wrong[0]))
        return delta

    def _derived(self, proposed: Any, changes: dict[str, Any], context: Context, shape: Shape) -> dict[str, Any]:
        if context.derive is not None:
            changes.update(self._delta(context.derive, proposed, context, shape))
        return changes

    @staticmethod
    def _used(arrow: Arrow, context: Context) -> tuple[str, ...]:
        return () if arrow.roles is None else tuple(sorted(arrow.roles & context.roles))

    def append(
        self,
        record: Any,
        op: Op,
        context: Context,
        *,
        changes: Mapping[str, Any] = NOTHING,
        event: str | None = None,
        target: str | None = None,
        roles: tuple[str, ...] = (),
        judged: Judged = "full",
        details: Mapping[str, Any] = NOTHING,
    ) -> tuple[Any, Entry]:
        """Return the record with checked `changes` and one more version, and the entry that says so.

        Every entry but the first of a history is made here, whatever it is about.
        """
        shape = context.shape or shape_of(type(record))
        fields = shape.fields
        said: dict[str, Change | Added] = {}
        new: dict[str, Any] = {}
        for name, value in changes.items():
            old = shape.read(record, name)
            if old is not value and old != value:
                new[name] = value
                if type(value) is tuple and type(old) is tuple and value[: len(old)] == old:
                    said[name] = Added(value[len(old) :])
                else:
                    said[name] = Change(old, value)
        source = getattr(record, self.field)
        if target is not None and target != source:
            new[self.field] = target
            said[self.field] = Change(source, target)
        seq = getattr(record, "version", 0) + 1
        if "version" in fields:
            new["version"] = seq
        if "updated_at" in fields:
            new["updated_at"] = context.at
        entry = self.entry(
            op, context, getattr(record, "id", ""), seq, event=event, source=source if target else None, target=target,
            changes=said, roles=roles, judged=judged, details=details,
        )  # fmt: skip
        return shape.copy(record, new), entry

    def entry(
        self,
        op: Op,
        context: Context,
        record_id: str,
        seq: int,
        *,
        event: str | None = None,
        source: str | None = None,
        target: str | None = None,
        changes: Mapping[str, Change | Added] = NOTHING,
        roles: tuple[str, ...] = (),
        judged: Judged = "full",
        details: Mapping[str, Any] = NOTHING,
    ) -> Entry:
        """Return one line of a history."""
        actor = context.actor
        data: dict[str, Any] = {"changes": changes} if changes else {}
        if context.reason is not None:
            data["reason"] = context.reason
        if roles:
            data["roles"] = roles
        if actor.on_behalf_of is not None:
            data["on_behalf_of"] = actor.on_behalf_of
        if actor.via is not None:
            data["via"] = actor.via
        if context.cause is not None:
            data["cause"] = context.cause
        if context.correlation is not None:
            data["correlation"] = context.correlation
        if target is not None:
            data["digest"] = self.lifecycle.digest
        if details:
            data.update(details)
        new: Any = _make(_ENTRY)
        new.record_id = record_id
        new.kind = context.kind
        new.seq = seq
        new.op = op
        new.lifecycle = self.name if target is not None else None
        new.event = event
        new.from_state = source
        new.to_state = target
        new.at = context.at
        new.recorded_at = context.now
        new.by = actor.id
        new.judged = judged
        new.unit = context.unit
        new.origin = context.origin
        new.tenant = context.tenant
        new.details = Details(data)
        new.__class__ = Entry
        made: Entry = new
        return made


_ENTRY = twin_of(Entry)
_make = object.__new__


def _ordered(reasons: list[Reason]) -> list[Reason]:
    return reasons if len(reasons) == 1 else sorted(reasons, key=lambda reason: _RANK.get(reason.code, len(_RANK)))
