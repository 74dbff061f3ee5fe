"""Runs a lifecycle: a table compiled once from its definition, shared by all records and threads.

One function judges an arrow, for `fire`, `explain`, `available` and bound rows alike, so that they
cannot disagree. It builds reasons only when there is something to refuse, and what it answers by
the actor's roles alone is kept and not judged again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs

from itil4.errors import Decision, InvalidInput, Reason, Refused, nearest
from itil4.lifecycle.arrows import Arrow, Table
from itil4.lifecycle.buttons import button, read_field
from itil4.lifecycle.context import NOTHING, Context, Step
from itil4.lifecycle.definition import Lifecycle, name_of
from itil4.lifecycle.fields import ASKED, HIDDEN, LOCKED, MANDATORY, MUST_CHANGE, WORDS, Plan, rule_word
from itil4.lifecycle.rules import Chosen, broken
from itil4.lifecycle.writing import line, write, write_step
from itil4.record import Added, Change, Entry, Shape, blank, shape_of
from itil4.record.history import Judged, Op

ORDER = (
    *("unknown_event", "wrong_state", "internal", "role", "denied"),
    *("ill_typed", "naive_datetime", "not_a_choice", "too_long", "control_character", "several_lines", "blank"),
    "invalid_value",
    *("unknown_field", "missing", "guard", "field_rule", "stale"),
)
"""The order in which reasons are given."""

_shape_of: Callable[[Any], Shape] = shape_of
_RANK = {code: place for place, code in enumerate(ORDER)}
_WHO = frozenset(("internal", "role", "denied"))

Verdict = tuple[Any, Mapping[str, Any], str | None, list[Reason] | None]
"""The proposed record, the payload without the chosen target, the target, and the reasons against it."""


class Engine:
    """The compiled form of a lifecycle.

    Args:
        lifecycle: what it runs.
        owned: further fields that other lifecycles of the same record own, and no step here may set.
    """

    __slots__ = (
        "_between",
        "_digest",
        "_rules",
        "_shapes",
        "_table",
        "field",
        "lifecycle",
        "moves",
        "name",
        "owned",
        "steppers",
    )

    def __init__(self, lifecycle: Lifecycle, owned: Iterable[str] = ()) -> None:
        table = Table(lifecycle)
        self.lifecycle = lifecycle
        self.name = lifecycle.name
        self.field = lifecycle.field
        self.owned = frozenset((lifecycle.field, *owned))
        self._table = table.by_state
        self._between = table.between
        self._rules = table.rules
        self._digest: str | None = None
        self._shapes: dict[type, Shape] = {}
        self.steppers: dict[Any, Any] = {}
        self.moves = table.moves

    def arrows(self, state: str, event: str) -> tuple[Arrow, ...]:
        """Return the alternatives of a step from a state, in order."""
        return self._table.get(state, {}).get(event, ())

    def event_between(self, source: str, target: str) -> str | None:
        """Return the first event that leads straight from one state to another, or None."""
        return self._between.get((source, target))

    # the questions

    def fire(self, record: Any, event: str, context: Context) -> tuple[Any, Entry]:
        """Take a step; see `Lifecycle.fire`."""
        shape = context.shape or self._shapes.get(type(record)) or self._shape(record)
        try:
            source = getattr(record, self.field)
            arrows = self._table[source][event]
        except (KeyError, TypeError, AttributeError):
            raise self.refusal(self._state(record), record, event, context, shape) from None
        payload = context.payload
        for arrow in arrows:
            if not payload and context.derive is None:
                made = arrow.settled.get(context.roles)
                if made is not None:
                    return write_step(self, record, context, shape, payload, event, source, made.target, made.roles)
            proposed, changes, target, reasons = self.judge(arrow, record, context, shape)
            if reasons is None:
                if arrow.effects or context.derive is not None:
                    changes = self.brought(arrow, record, proposed, changes, context, shape)
                used = arrow.used.get(context.roles) or arrow.used_roles(context.roles)
                return write_step(self, record, context, shape, changes, event, source, target, used)
        raise self.refusal(source, record, event, context, shape)

    def explain(self, record: Any, event: str, context: Context) -> Decision:
        """Say whether the step is possible now, and if not, every reason why."""
        shape = context.shape or self._shapes.get(type(record)) or self._shape(record)
        try:
            first = self._table[getattr(record, self.field)][event][0]
        except (KeyError, TypeError, AttributeError):
            pass
        else:
            if not context.payload:
                made = first.settled.get(context.roles)
                if made is not None:
                    return made
        return self.decide(self._state(record), record, event, context, shape)

    def decide(self, state: str, record: Any, event: str, context: Context, shape: Shape) -> Decision:
        """Explain a step from `state`, wherever the record keeps it; see `explain`."""
        try:
            arrows = self._table[state][event]
        except (KeyError, TypeError):
            arrows = ()
        for arrow in arrows:
            _, _, target, reasons = self.judge(arrow, record, context, shape)
            if reasons is None:
                return arrow.allowed(target, context.roles, self.name)
        return Decision(False, event, self.reasons(state, record, event, context, shape), None, self.name)

    def available(self, record: Any, context: Context) -> tuple[Step, ...]:
        """Return the steps that this actor could take now, with what each still asks for."""
        return self.steps(self._state(record), record, context, context.shape or _shape_of(type(record)))

    def update(self, record: Any, context: Context) -> tuple[Any, Entry]:
        """Change fields without a step; see `Lifecycle.update`."""
        shape = context.shape or _shape_of(type(record))
        proposed, reasons = self.judge_update(self._state(record), record, context, shape)
        if reasons:
            raise Refused(*reasons)
        return self.updated(record, proposed, context, shape)

    def updated(self, record: Any, proposed: Any, context: Context, shape: Shape) -> tuple[Any, Entry]:
        """Return the record after an update that nothing is against, and its entry."""
        changes: Mapping[str, Any] = context.payload
        if context.derive is not None:
            changes = {**changes, **self._delta(context.derive, shape, proposed)}
        return write(self, record, "update", context, shape, changes, None, None, None, (), "full", None)

    def rules(self, record: Any, context: Context) -> Mapping[str, frozenset[str]]:
        """Return field -> the words of its rules in the present state; see `Lifecycle.rules`."""
        return {
            name: frozenset(word for word, flag in WORDS.items() if flags & flag)
            for name, flags in self.flags(record, context)
        }

    def flags(self, record: Any, context: Context) -> Iterator[tuple[str, int]]:
        """Yield the fields that have rules in the present state, with the flags that hold (see `fields.WORDS`)."""
        plan = self._rules.get(self._state(record))
        if plan is None:
            return
        shape = context.shape or _shape_of(type(record))
        for name in (*shape.fields, *shape.extra.types) if plan.default else plan.entries:
            entry = plan.entry(name)
            if entry is None or name in self.owned:
                continue
            flags = entry.flags(record, context, shape.read) if entry.conditional else entry.plain
            if flags:
                yield name, flags

    # judging

    def judge(self, arrow: Arrow, record: Any, context: Context, shape: Shape) -> Verdict:
        """Judge one arrow: the only place where it is decided whether a step may be taken.

        A pass that depends on nothing but the roles is kept, in `Arrow.settled`.
        """
        reasons: list[Reason] | None = None
        if arrow.roles is not None and arrow.roles.isdisjoint(context.roles):
            reasons = [self._role_reason(arrow, context)]
        if arrow.internal and context.actor.kind != "system":
            reasons = [*(reasons or ()), Reason.of("internal", event=arrow.event, actor=context.actor.id)]
        if arrow.denied is not None and not arrow.denied.isdisjoint(context.roles):
            denied = sorted(arrow.denied & context.roles)
            reasons = [*(reasons or ()), Reason.of("denied", event=arrow.event, actor=context.actor.id, denied=denied)]
        payload = context.payload
        target = arrow.target
        proposed = record
        if payload or not arrow.simple:
            gone: list[str] = []
            if arrow.chosen is not None:
                target, payload, held = _choose(arrow.chosen, payload)
                if held is not None:
                    reasons = [*(reasons or ()), held]
                elif target is None:
                    gone.append(arrow.chosen.field)
            if payload:
                wrong = self._payload_problems(payload, shape, record)
                if wrong is not None:
                    reasons = [*(reasons or ()), *wrong]
                    payload = self._fitting(payload, shape)
                if arrow.sees:
                    proposed = shape.copy(record, payload)
            for name in arrow.requires:
                if blank(payload[name] if name in payload else read_field(shape, record, name)):
                    gone.append(name)  # noqa: PERF401 - a comprehension costs a frame on the hot path
            plan = arrow.plan if arrow.chosen is None else arrow.plan_for(target)
            locked: list[Reason] | None = None
            if plan is not None:
                locked = self._field_problems(plan, arrow.asked, gone, record, proposed, payload, context, shape)
            if gone:
                reasons = [*(reasons or ()), Reason.of("missing", event=arrow.event, fields=list(dict.fromkeys(gone)))]
            for rule in arrow.guards:
                if gone and not set(gone).isdisjoint(rule.reads):
                    continue
                held = rule.judge(proposed, context, arrow.event)
                if held is not None:
                    reasons = [*(reasons or ()), held]
            if locked:
                reasons = [*(reasons or ()), *locked]
        if reasons is None:
            if arrow.settles and not payload:
                arrow.allowed(target, context.roles, self.name)
        elif len(reasons) > 1:
            reasons.sort(key=lambda reason: _RANK.get(reason.code, len(_RANK)))
        return proposed, payload, target, reasons

    def judge_update(self, state: str, record: Any, context: Context, shape: Shape) -> tuple[Any, tuple[Reason, ...]]:
        """Return the proposed record of an update without a step, and every reason against it."""
        payload = context.payload
        reasons = self._payload_problems(payload, shape, record)
        if reasons is None:
            proposed = shape.copy(record, payload)
            return proposed, self.judge_rules(state, record, proposed, context, shape)
        payload = self._fitting(payload, shape)
        proposed = shape.copy(record, payload)
        plan = self._rules.get(state)
        if plan is not None:
            reasons += self._update_problems(plan, record, proposed, payload, context, shape)
        reasons.sort(key=lambda reason: _RANK.get(reason.code, len(_RANK)))
        return proposed, self._said(reasons, "update")

    def judge_rules(self, state: str, record: Any, proposed: Any, context: Context, shape: Shape) -> tuple[Reason, ...]:
        """Return every reason that the field rules of a state give against an update whose values are right."""
        plan = self._rules.get(state)
        if plan is None:
            return ()
        reasons = self._update_problems(plan, record, proposed, context.payload, context, shape)
        reasons.sort(key=lambda reason: _RANK.get(reason.code, len(_RANK)))
        return self._said(reasons, "update") if reasons else ()

    def _payload_problems(
        self, payload: Mapping[str, Any], shape: Shape, record: Any = None
    ) -> list[Reason] | None:  # fmt: skip
        reasons = shape.problems(payload)
        if reasons is None and shape.has_rules and record is not None:
            reasons = shape.invalid(shape.copy(record, payload)) or None
        if self.owned.isdisjoint(payload):
            return reasons
        for name in payload:
            if name in self.owned and name not in shape.locked:
                rule = Reason.of("field_rule", field=name, rule="set by steps only", remedy="Fire the step you mean.")
                reasons = [*(reasons or ()), rule]
        return reasons

    def _fitting(self, payload: Mapping[str, Any], shape: Shape) -> Mapping[str, Any]:
        """Return the part of a payload that nothing is wrong with."""
        return {name: value for name, value in payload.items() if not self._payload_problems({name: value}, shape)}

    def _field_problems(
        self, plan: Plan, asked: frozenset[str], gone: list[str], record: Any, proposed: Any,
        payload: Mapping[str, Any], context: Context, shape: Shape,
    ) -> list[Reason]:  # fmt: skip
        """Judge the field rules of a step; adds to `gone` what is missing and returns what is not allowed."""
        found: list[Reason] = []
        read = shape.read
        for entry in plan.demands:
            flags = entry.flags(proposed, context, read) if entry.conditional else entry.plain
            name = entry.field
            if flags & MUST_CHANGE:
                if name not in payload:
                    gone.append(name)
                elif payload[name] == read_field(shape, record, name):
                    found.append(Reason.of("field_rule", field=name, rule="to be changed", remedy="Give a new value."))
            if flags & MANDATORY and blank(payload[name] if name in payload else read_field(shape, record, name)):
                gone.append(name)
        for name, value in payload.items():
            ruling = plan.entry(name)
            if ruling is None or name in asked:
                continue
            flags = ruling.flags(proposed, context, read) if ruling.conditional else ruling.plain
            if not flags & LOCKED or flags & ASKED:
                continue
            old = read(record, name)
            if value != old and not (flags & MANDATORY and blank(old)):
                found.append(_locked(name, flags))
        return found

    def _update_problems(
        self, plan: Plan, record: Any, proposed: Any, payload: Mapping[str, Any], context: Context, shape: Shape
    ) -> list[Reason]:
        """Judge the field rules of a state on an update. What was missing before may stay missing."""
        found: list[Reason] = []
        read = shape.read
        for name, value in payload.items():
            ruling = plan.entry(name)
            flags = ruling.flags(proposed, context, read) if ruling else 0
            if flags & LOCKED and value != read(record, name):
                found.append(_locked(name, flags))
        gone = [
            each.field
            for each in plan.demands
            if blank(read_field(shape, proposed, each.field))
            and each.flags(proposed, context, read) & MANDATORY
            and not (blank(read(record, each.field)) and each.flags(record, context, read) & MANDATORY)
        ]
        return [*found, Reason.of("missing", event="update", fields=gone)] if gone else found

    # saying why not

    def refusal(self, state: str, record: Any, event: str, context: Context, shape: Shape) -> Refused:
        """Return the refusal of a step from `state`, with every reason."""
        return Refused(*self.reasons(state, record, event, context, shape))

    def reasons(self, state: str, record: Any, event: str, context: Context, shape: Shape) -> tuple[Reason, ...]:
        """Return every reason against a step that is not possible: those of its nearest alternative."""
        now = self._table.get(state, {}) if isinstance(state, str) else {}
        known = self.lifecycle.events
        arrows = now.get(event) if isinstance(event, str) else None
        if arrows is None:
            if event not in known:
                near = nearest(event, known)
                return (Reason.of("unknown_event", lifecycle=self.name, event=event, events=known, nearest=near),)
            sources = [source for source, events in self._table.items() if event in events]
            possible = tuple(name for name, ways in now.items() if _is_for(ways, context))
            return (
                Reason.of(
                    "wrong_state", lifecycle=self.name, event=event, state=state, sources=sources, events=possible
                ),
            )
        arrows = _meant(arrows, context.payload)
        refusals = [self.judge(arrow, record, context, shape)[3] or [] for arrow in arrows]
        closest = min(refusals, key=lambda found: (any(each.code in _WHO for each in found), len(found)))
        return self._said(closest, event)

    def _said(self, reasons: Iterable[Reason], event: str) -> tuple[Reason, ...]:
        """Let every reason say which step and which lifecycle it is about."""
        return tuple(
            attrs.evolve(each, detail={**each.detail, "event": event, "lifecycle": self.name}) for each in reasons
        )

    def _role_reason(self, arrow: Arrow, context: Context) -> Reason:
        return Reason.of(
            "role",
            event=arrow.event,
            actor=context.actor.id,
            has=sorted(context.roles),
            needs=sorted(arrow.roles or ()),
        )

    def _shape(self, record: Any) -> Shape:
        shape = self._shapes[type(record)] = _shape_of(type(record))
        return shape

    def _state(self, record: Any) -> str:
        try:
            state: str = getattr(record, self.field)
        except AttributeError:
            raise InvalidInput.of(
                "unknown_field", record=type(record).__name__, field=self.field, nearest=None
            ) from None
        return state

    def steps(self, state: str, record: Any, context: Context, shape: Shape) -> tuple[Step, ...]:
        """Return the steps that an actor could take from `state`; see `Lifecycle.available`."""
        found = []
        for arrows in (self._table.get(state, {}) if isinstance(state, str) else {}).values():
            step = button(self, arrows, record, context, shape)
            if step is not None:
                found.append(step)
        return tuple(found)

    # taking

    def brought(
        self, arrow: Arrow, record: Any, proposed: Any, changes: Mapping[str, Any], context: Context, shape: Shape
    ) -> Mapping[str, Any]:
        """Return the changes of a step with those that its effects and computed fields bring."""
        made = dict(changes)
        if proposed is record and made:
            proposed = shape.copy(record, made)
        for effect in arrow.effects:
            delta = self._delta(effect, shape, proposed, context)
            made.update(delta)
            proposed = shape.copy(proposed, delta)
        if context.derive is not None:
            made.update(self._delta(context.derive, shape, proposed))
        return made

    def _delta(self, rule: Callable[..., Any], shape: Shape, proposed: Any, *more: Any) -> Mapping[str, Any]:
        """Run an effect or derive rule of the host and check what it answers."""
        try:
            delta = rule(proposed, *more)
        except Exception as error:
            raise broken(_rule(rule), proposed, error) from error
        if not isinstance(delta, Mapping):
            raise broken(_rule(rule), proposed, f"it answered {delta!r}, not a mapping of fields")
        wrong = self._payload_problems(delta, shape, proposed)
        if wrong:
            raise broken(_rule(rule), proposed, str(wrong[0]))
        return delta

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

        Every entry but the first of a history is made this way, whatever it is about.
        """
        shape = context.shape or _shape_of(type(record))
        source = getattr(record, self.field)
        return write(self, record, op, context, shape, changes, event, source, target, roles, judged, details)

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
        return line(self, op, context, record_id, seq, event, source, target, changes, roles, judged, details)

    @property
    def table(self) -> Mapping[str, Mapping[str, tuple[Arrow, ...]]]:
        """State -> event -> the alternatives, in order."""
        return self._table

    @property
    def digest(self) -> str:
        """The digest of the lifecycle."""
        if self._digest is None:
            self._digest = self.lifecycle.digest
        return self._digest


def _rule(rule: Callable[..., Any]) -> str:
    return f"the rule {name_of(rule)!r}"


def _choose(chosen: Chosen, payload: Mapping[str, Any]) -> tuple[str | None, Mapping[str, Any], Reason | None]:
    """Return the target that the payload names, the rest of the payload, and what is wrong with the choice."""
    if chosen.field not in payload:
        return None, payload, None
    rest = {name: value for name, value in payload.items() if name != chosen.field}
    wanted = payload[chosen.field]
    if isinstance(wanted, str) and wanted in chosen.among:
        return wanted, rest, None
    near = nearest(wanted, chosen.among)
    return None, rest, Reason.of("not_a_choice", field=chosen.field, value=wanted, choices=chosen.among, nearest=near)


def _meant(arrows: tuple[Arrow, ...], payload: Mapping[str, Any]) -> tuple[Arrow, ...]:
    """Return the alternatives that lead where the payload says, where it says so; otherwise all of them."""
    meant = tuple(
        arrow for arrow in arrows if arrow.chosen is not None and payload.get(arrow.chosen.field) in arrow.chosen.among
    )
    return meant or arrows


def _is_for(arrows: tuple[Arrow, ...], context: Context) -> bool:
    """Whether a step is one for people, or whoever acts is a system: what only a system takes helps nobody else."""
    return context.actor.kind == "system" or not all(arrow.internal for arrow in arrows)


def _locked(name: str, flags: int) -> Reason:
    remedy = "Leave it out." if flags & HIDDEN else "Leave it as it is."
    return Reason.of("field_rule", field=name, rule=rule_word(flags), remedy=remedy)
