"""What must happen, read from the definition and nothing else: a second, slow and simple interpreter.

The engine compiles a lifecycle, keeps answers and takes short cuts; this module goes through the
transitions one by one. A walk compares the two after every step.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from itil4.errors import Reason
from itil4.lifecycle.context import Context
from itil4.lifecycle.definition import Lifecycle, State, Transition
from itil4.lifecycle.fields import FieldRule, Rules
from itil4.lifecycle.rules import Chosen, Guard
from itil4.practices.approval import Approving
from itil4.practices.base import Practice
from itil4.record import Actor, blank
from itil4.testing.rules_watched import Watch

Codes = frozenset[str]

_MOST_ANSWERS = 2_000
"""So many answers are kept; then it begins anew."""
_PLAIN = frozenset((str, bool, int, datetime, timedelta, type(None)))
"""Types whose values are alike when they are equal; others only when they are the same object."""


@attrs.frozen
class Expected:
    """What the definition says about one step.

    Attributes:
        lifecycle, transition, target: the one that is taken; None where the step must be refused.
        codes: the codes of every alternative that is refused; one of them is what a refusal says.
        held: the guards that hold it back, by name.
        changes: the fields that the step sets, effects and computed fields included.
        sure: whether the practice itself has no further say, so that what is allowed must be done, and what is
            refused must be refused for one of the codes.
    """

    lifecycle: Lifecycle | None
    transition: Transition | None = None
    target: str | None = None
    codes: tuple[Codes, ...] = ()
    held: tuple[str, ...] = ()
    changes: Mapping[str, Any] = attrs.field(factory=dict)
    sure: bool = True

    @property
    def allowed(self) -> bool:
        """Whether the step must be possible."""
        return self.transition is not None


class Tables:
    """What a definition says at a place, looked up once for all the stories of a practice."""

    def __init__(self, lifecycles: tuple[Lifecycle, ...]) -> None:
        self._rules: dict[tuple[str, str], Rules] = {}
        self._leaving: dict[tuple[str, str, str], list[Transition]] = {}
        self.facts: dict[str, list[str]] = {}
        """Event -> the facts that its transitions declare, in order."""
        self.choices: dict[str, frozenset[str]] = {
            each.name: frozenset(step.target.field for step in each.transitions if isinstance(step.target, Chosen))
            for each in lifecycles
        }
        """Lifecycle -> the fields by which its steps are told where to lead."""
        for lifecycle in lifecycles:
            for source, each in lifecycle.arrows:
                self._leaving.setdefault((lifecycle.name, source, each.event), []).append(each)
            for each in lifecycle.transitions:
                self.facts[each.event] = sorted({*self.facts.get(each.event, ()), *each.facts})

    def rules(self, lifecycle: Lifecycle, state: str) -> Rules:
        """Return the field rules of a state, as `rules_of` does."""
        place = (lifecycle.name, state)
        if place not in self._rules:
            self._rules[place] = rules_of(lifecycle, state)
        return self._rules[place]

    def leaving(self, lifecycle: Lifecycle, state: str, event: str) -> list[Transition]:
        """Return the alternatives of a step in a state, in the order of the definition."""
        return self._leaving.get((lifecycle.name, state, event), [])


class Oracle:
    """The definition of one practice, read as it is written.

    Args:
        desk: the practice, for what the host decides: roles, facts, computed fields, objections.
        watch: looks over guards and effects while they run.
        tables: of the lifecycles of the practice.
    """

    def __init__(self, desk: Practice[Any], watch: Watch, tables: Tables) -> None:
        self.desk = desk
        self.watch = watch
        self.tables = tables
        self.lifecycles = type(desk).lifecycles()
        self.owned = frozenset(each.field for each in self.lifecycles)
        kind = type(desk)
        self.overridden = kind._step is not Practice._step or kind.fire is not Practice.fire
        """Whether the practice itself has a say in steps, before or after its lifecycle."""
        self._answers: dict[Any, list[tuple[Any, Mapping[str, Any], Mapping[str, Any], Expected]]] = {}
        self.outcomes = frozenset(desk.approval_outcomes.values() if isinstance(desk, Approving) else ())

    def facts(self, record: Any, event: str) -> dict[str, Any]:
        """Return the facts that the transitions of a step declare, as they are now."""
        names = self.tables.facts.get(event)
        if not names:
            return {}
        unit = self.desk.desk.reading()
        return {name: self.desk.fact(name, record, unit) for name in names}

    def context(
        self, record: Any, event: str, payload: Mapping[str, Any], actor: Actor, at: datetime,
        facts: Mapping[str, Any] | None = None,
    ) -> Context:  # fmt: skip
        """Return what surrounds a step; its facts are read where they are not given."""
        known = self.facts(record, event) if facts is None else dict(facts)
        return Context(
            actor, at, self.desk.shape.in_utc(payload), None, known, roles=self.desk.roles_of(actor, record, at),
            now=at, shape=self.desk.shape, derive=self.desk._derived, kind=self.desk.kind,
        )  # fmt: skip

    def asked(
        self, record: Any, event: str, payload: Mapping[str, Any], actor: Actor, at: datetime,
        facts: Mapping[str, Any] | None = None, *, fully: bool = True,
    ) -> Expected:  # fmt: skip
        """Return what must come of a step; the same question about the same record and facts is answered once.

        Args:
            facts: what the facts of the step are, where they are known.
            fully: whether all that is against it is wanted, and not only the first thing.

        Raises:
            BrokenRule: a guard or an effect raised.
        """
        known = self.facts(record, event) if facts is None else facts
        answers = self._answers.setdefault((id(record), event, actor, at), [])
        for of, given, then, answer in answers:
            if of is record and _alike(given, payload) and _same_facts(then, known):
                return answer
        made = self.expected(record, event, self.context(record, event, payload, actor, at, known), fully=fully)
        if not fully and not made.allowed:
            return made
        if len(self._answers) > _MOST_ANSWERS:
            self._answers.clear()
        answers.append((record, payload, known, made))
        return made

    def forget(self) -> None:
        """Answer anew from here on: something was written, on which what a host decides may rest."""
        self._answers.clear()

    def expected(self, record: Any, event: str, context: Context, *, fully: bool = True) -> Expected:
        """Return what must come of a step.

        Args:
            record: as it is.
            event: the step.
            context: who takes it, when, and with which values.
            fully: whether all that is against it is wanted, and not only the first thing.

        Raises:
            BrokenRule: a guard or an effect raised.
        """
        lifecycle = next((each for each in self.lifecycles if event in each.events), None)
        if lifecycle is None:
            return Expected(None, codes=(frozenset(("unknown_event",)),))
        if event in self.outcomes:  # it comes with a vote, and nobody takes it
            return Expected(lifecycle, codes=(frozenset(("approval_decides",)),), sure=False)
        state = getattr(record, lifecycle.field)
        alternatives = self.tables.leaving(lifecycle, state, event)
        if not alternatives:
            return Expected(lifecycle, codes=(frozenset(("wrong_state",)),), sure=not self.overridden)
        refused: list[Codes] = []
        held: list[str] = []
        for each in alternatives:
            target, payload, codes, guards = self.judged(lifecycle, each, record, context, fully=fully)
            held += guards
            if not codes and target is not None:
                return self._taken(lifecycle, each, target, record, payload, context, event)
            refused.append(codes)
        return Expected(lifecycle, codes=tuple(refused), held=tuple(held), sure=not self.overridden)

    def judged(
        self, lifecycle: Lifecycle, step: Transition, record: Any, context: Context, *, fully: bool = True
    ) -> tuple[str | None, Mapping[str, Any], Codes, list[str]]:
        """Return the target, the values that fit, the codes against it, and the guards that hold it back.

        Guards are asked last; where not everything is wanted, only as long as nothing is against it.
        """
        shape, codes = self.desk.shape, set[str]()
        if step.roles is not None and not step.roles & context.roles:
            codes.add("role")
        if step.internal and context.actor.kind != "system":
            codes.add("internal")
        if step.denied is not None and step.denied & context.roles:
            codes.add("denied")
        payload, gone = dict(context.payload), set[str]()
        target = step.target if isinstance(step.target, str) else None
        if isinstance(step.target, Chosen):
            target = payload.pop(step.target.field, None)
            if target is None:
                codes.add("missing")
            elif target not in step.target.among:
                codes.add("not_a_choice")
                target = None
        for name in list(payload):
            wrong = [reason.code for reason in shape.problems({name: payload[name]}) or ()]
            wrong += ["field_rule"] if name in self.owned and not wrong else []
            if wrong:
                codes.update(wrong)
                del payload[name]
        proposed = shape.copy(record, payload)
        needed = {*step.requires, *(name for rule in step.guards for name in rule.reads)}
        gone |= {name for name in needed if blank(shape.read(proposed, name))}
        if target is not None:
            gone |= self._fields(lifecycle, step, target, record, proposed, payload, context, codes)
        held = []
        for rule in step.guards:
            if not fully and (codes or gone):
                break
            if gone.isdisjoint(rule.reads) and self.watch.guard(rule, proposed, context) is not True:
                codes.add("guard")
                held.append(rule.name)
        if gone:
            codes.add("missing")
        return target, payload, frozenset(codes), held

    def _fields(
        self, lifecycle: Lifecycle, step: Transition, target: str, record: Any, proposed: Any,
        payload: Mapping[str, Any], context: Context, codes: set[str],
    ) -> set[str]:  # fmt: skip
        """Judge the field rules; adds to `codes`, and returns the fields that are missing."""
        gone = set[str]()
        read = self.desk.shape.read
        sources: tuple[Rules, ...] = (step.fields, self.tables.rules(lifecycle, target))
        for name in {name for rules in sources for name in rules if name != "*"} | set(payload):
            words = self._words(sources, name, proposed, context)
            starred = not any(name in rules for rules in sources)
            old, new = read(record, name), read(proposed, name)
            if not starred:
                if "must_change" in words and name not in payload:
                    gone.add(name)
                elif "must_change" in words and new == old:
                    codes.add("field_rule")
                if "mandatory" in words and blank(new):
                    gone.add(name)
            if name not in payload or name in step.requires or not words & {"hidden", "read_only"}:
                continue
            asked = words & {"must_prompt", "must_change"} or ("mandatory" in words and blank(old))
            if not asked and new != old:
                codes.add("field_rule")
        return gone

    def _words(self, sources: tuple[Rules, ...], name: str, proposed: Any, context: Context) -> set[str]:
        words = set[str]()
        for rules in sources:
            for rule in rules.get(name, rules.get("*", ())):
                if self._holds(rule, proposed, context):
                    words |= rule.words
        return words

    def _holds(self, rule: FieldRule, proposed: Any, context: Context) -> bool:
        if rule.exempt & context.roles:
            return False
        if rule.when is None:
            return True
        read = self.desk.shape.read
        if isinstance(rule.when, Guard):
            if any(blank(read(proposed, name)) for name in rule.when.reads):
                return False
            return self.watch.guard(rule.when, proposed, context) is True
        return all(read(proposed, name) in wanted for name, wanted in rule.when)

    def _taken(
        self, lifecycle: Lifecycle, step: Transition, target: str, record: Any, payload: Mapping[str, Any],
        context: Context, event: str,
    ) -> Expected:  # fmt: skip
        shape = self.desk.shape
        changes, proposed = dict(payload), shape.copy(record, payload)
        for effect in step.effects:
            delta = self.watch.effect(effect, proposed, context, shape)
            changes |= delta
            proposed = shape.copy(proposed, delta)
        changes |= self.desk._derived(proposed)
        after = shape.copy(record, {**changes, lifecycle.field: target})
        refusing = any(row.on_refusal == "refuse" for row in step.follow_ups)
        objections = tuple(self._objections(record, after, context, event))
        if objections:
            codes = frozenset(reason.code for reason in objections)
            return Expected(lifecycle, codes=(codes,), sure=False)
        sure = not self.overridden and not refusing
        return Expected(lifecycle, step, target, changes={**changes, lifecycle.field: target}, sure=sure)

    def _objections(self, record: Any, after: Any, context: Context, event: str) -> Iterator[Reason]:
        """Yield what the practice itself has against a change: its own code, not the engine's."""
        yield from self.desk.inconsistencies(after)
        yield from self.desk._set_by_hand(record, after, context.payload)
        yield from self.desk.objections(record, after, context, event)


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two payloads have the same values, and of the same types: True is not 1 here."""
    return len(one) == len(other) and all(
        name in other and (value is other[name] or (type(value) in _PLAIN and type(other[name]) is type(value)
        and value == other[name]))
        for name, value in one.items()
    )  # fmt: skip


def _same_facts(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two sets of facts are the very same objects."""
    return len(one) == len(other) and all(
        name in other and (value is other[name] or (type(value) is tuple is type(other[name]) and len(value) ==
        len(other[name]) and all(each is its for each, its in zip(value, other[name], strict=True))))
        for name, value in one.items()
    )  # fmt: skip


def rules_of(lifecycle: Lifecycle, state: str) -> Rules:
    """Return the field rules of a state, those that it takes over included; its own of a field win."""
    chain: list[State] = []
    at: str | None = state
    while at is not None:
        chain.append(lifecycle.state(at))
        at = chain[-1].fields_from
    merged: dict[str, tuple[FieldRule, ...]] = {}
    for each in reversed(chain):
        merged |= each.fields
    return merged
