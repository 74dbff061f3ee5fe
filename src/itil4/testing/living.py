"""Lets a record live: it is born by `log`, and every state that it reaches it reaches by steps.

So whatever a test draws has a history that explains it. What a step asks for is found by asking
`explain` until it is content; a way that turns out to be closed is left for another one.
"""

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from hypothesis import strategies as st

from itil4.clock import FrozenClock, TimeOrderedIds
from itil4.errors import InvalidInput, ITIL4Error, Reason, Refused
from itil4.itsm import connect
from itil4.lifecycle import Lifecycle, Transition
from itil4.practices.base import Practice
from itil4.record import Actor, Entry, blank
from itil4.testing.field_strategies import texts, values_of

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""When lives begin: a Monday morning."""

_TRIES = 8
_WAYS = 25
_WHO = frozenset(("role", "internal", "denied", "wrong_state", "unknown_event"))
"""Codes against which no value helps."""

Connect = Callable[..., Any]
"""How the host opens its service management: `connect(practices=, clock=, ids=)`."""


@attrs.frozen
class Life:
    """A record and the whole of its history, oldest entry first."""

    record: Any
    history: tuple[Entry, ...] = attrs.field(repr=False)

    @property
    def events(self) -> tuple[str, ...]:
        """What happened, by event, or by what it was where it was no event."""
        return tuple(entry.event or entry.op for entry in self.history)


Values = Mapping[str, st.SearchStrategy[Any]]


@attrs.define
class Living:
    """One record while it lives, on a desk of its own."""

    practice: type[Practice[Any]]
    draw: st.DrawFn
    values: Values
    roles: frozenset[str]
    connect: Connect = connect
    closed: set[tuple[str, str, str]] = attrs.field(factory=set)
    """Arrows that were tried in vain, (event, from, to); ways go round them."""
    clock: FrozenClock = attrs.field(factory=lambda: FrozenClock(BEGIN))
    desk: Any = attrs.field(init=False)
    record: Any = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        ids = TimeOrderedIds(self.clock, random.Random(7))
        self.desk = self.connect(practices=[self.practice], clock=self.clock, ids=ids)[self.practice]
        self.roles = self.roles or roles_of(self.desk)
        self.record = self._born()

    @property
    def life(self) -> Life:
        """What became of it."""
        return Life(self.record, self.desk.history(self.record))

    # birth

    def _born(self) -> Any:
        shape = self.desk.shape
        error: Exception | None = None
        for actor in self._people(None, None):
            given = {name: self.value(name) for name in shape.missing({})}
            given |= {name: self.value(name) for name in self.draw(self._optional(shape, given))}
            for _ in range(_TRIES):
                try:
                    return self.desk.log(by=actor, **given)
                except (InvalidInput, Refused) as refusal:
                    error = refusal
                    if not self._mended(given, refusal.reasons, shape.missing({})):
                        break
        name = self.practice.record.__name__
        raise InvalidInput.of("no_birth", record=name, practice=self.practice.__name__, error=str(error)) from error

    def _optional(self, shape: Any, given: Mapping[str, Any]) -> st.SearchStrategy[list[str]]:
        chosen = [name for name in self.values if name not in given]
        if chosen:
            return st.just(chosen)
        names = [name for name in shape.checks if name not in given and name != "extra"]
        return st.lists(st.sampled_from(names), max_size=4, unique=True) if names else st.just([])

    def _mended(self, given: dict[str, Any], reasons: Iterable[Reason], needed: Iterable[str]) -> bool:
        """Change what was refused; say whether there was anything to change."""
        moved = False
        for reason in reasons:
            names = reason.detail.get("fields") or (reason.detail.get("field"),)
            for name in names:
                if not isinstance(name, str) or self.desk.shape.get(name) is None:
                    continue
                if name in given and name not in needed:
                    del given[name]
                else:
                    given[name] = self.value(name)
                moved = True
        optional = [name for name in given if name not in needed and name not in self.values]
        if not moved and optional:  # the reasons name no field: try with less
            del given[optional[-1]]
            moved = True
        return moved

    def value(self, name: str) -> Any:
        """Draw a value of a field: as the caller said, or among those that a guard names, or of its type."""
        if name in self.values:
            return self.draw(self.values[name])
        for lifecycle in self.practice.lifecycles():
            for transition in lifecycle.transitions:
                for rule in transition.guards:
                    if name in rule.domains:
                        return self.draw(st.sampled_from(rule.domains[name]))
        field = attrs.evolve(self.desk.shape.get(name), optional=False)
        made = values_of(field, self.practice.record.__name__)
        if field.kind in ("text", "list", "set", "mapping"):
            made = made.filter(lambda value: not blank(value))
        return self.draw(made)

    # steps

    def pause(self) -> None:
        """Let some time pass."""
        self.clock.tick(self.draw(st.sampled_from((0, 1, 60, 3_600, 90_000)).map(lambda n: timedelta(seconds=n))))

    def aside(self) -> None:
        """Do something that moves nothing, perhaps: a comment, or a change of a field."""
        what = self.draw(st.sampled_from(("", "", "", "comment", "update")))
        if not what:
            return
        actor = next(self._people(None, None))
        try:
            if what == "comment":
                self.record = self.desk.comment(self.record, self.draw(texts().filter(str.strip)), by=actor)
            else:
                names = [name for name in self.desk.shape.checks if name != "extra"]
                name = self.draw(st.sampled_from(names))
                self.record = self.desk.update(self.record, by=actor, **{name: self.value(name)})
        except ITIL4Error:
            return  # not allowed here: then it does not happen

    def take(self, lifecycle: Lifecycle, event: str, target: str) -> bool:
        """Take a step that leads to `target`, if anybody may and what it asks for can be found."""
        state = getattr(self.record, lifecycle.field)
        steps = [
            each for each in lifecycle.transitions
            if each.event == event and target in each.targets and state in lifecycle.sources_of(each)
        ]  # fmt: skip
        people = [(step, actor) for step in steps for actor in self._people(step, self.record)]
        return any(self._taken(lifecycle, step, target, actor) for step, actor in people)

    def _taken(self, lifecycle: Lifecycle, step: Transition, target: str, actor: Actor) -> bool:
        given = {name: self.value(name) for name in step.requires}
        if not isinstance(step.target, str):
            given[step.target.field] = target
        for _ in range(_TRIES):
            decision = self.desk.explain(self.record, step.event, by=actor, **given)
            if decision.allowed:
                if decision.target != target:
                    return False
                try:
                    self.record = self.desk.fire(self.record, step.event, by=actor, **given)
                except Refused:  # it was allowed a moment ago: two answers to one question, which the walk reports
                    return False
                return True
            prepared = self._prepared(lifecycle, step, given, decision.reasons)
            if not self._asked(step, given, decision.reasons) and not prepared:
                return False
        return False

    def _prepared(
        self, lifecycle: Lifecycle, step: Transition, given: dict[str, Any], reasons: Iterable[Reason]
    ) -> bool:  # fmt: skip
        """Take the steps that alone set a field, where the reasons say so; say whether one was taken."""
        taken = False
        for reason in reasons:
            name, steps = reason.detail.get("field"), reason.detail.get("steps") or ()
            if reason.code != "own_step" or name not in given:
                continue
            del given[name]
            state = getattr(self.record, lifecycle.field)
            loops = [event for event, to in arrows_from(lifecycle, state) if to == state and event in steps]
            taken = any(self.take(lifecycle, event, state) for event in loops if event != step.event) or taken
        return taken

    def _asked(self, step: Transition, given: dict[str, Any], reasons: Iterable[Reason]) -> bool:
        """Give what the reasons ask for; say whether asking again may help."""
        moved = False
        for reason in reasons:
            detail = reason.detail
            if reason.code in _WHO:
                return False
            if reason.code == "own_step":
                continue
            if reason.code == "missing":
                names: Iterable[Any] = detail.get("fields", ())
            elif reason.code == "guard":
                named = detail.get("guard")
                names = [name for rule in step.guards if rule.name == named for name in rule.reads]
            else:
                names = (detail.get("field"),)
            for name in names:
                if not isinstance(name, str) or self.desk.shape.get(name) is None or name in self.desk.shape.locked:
                    continue
                if reason.code == "field_rule" and name in given and name not in step.requires:
                    del given[name]
                else:
                    given[name] = self.value(name)
                moved = True
        return moved

    def _people(self, step: Transition | None, record: Any) -> Iterator[Actor]:
        """Yield who might take a step: two people with every role, those whom the record names, a system."""
        denied = (step.denied or frozenset()) if step is not None else frozenset()
        roles = self.roles - denied
        if step is None or not step.internal:
            for name in ("sam", "kim"):
                yield Actor(name, roles)
            for role in sorted(self.practice.relative_roles):
                known = getattr(record, role, None)
                if isinstance(known, str) and known.isprintable():
                    yield Actor(known, roles)
        yield Actor("clock", roles, kind="system")

    # ways

    def wander(self, lifecycle: Lifecycle, towards: str) -> None:
        """Take a step of any sort from which `towards` can still be reached, perhaps."""
        state = getattr(self.record, lifecycle.field)
        near = reaching(lifecycle, towards)
        open_ones = [arrow for arrow in arrows_from(lifecycle, state) if arrow[1] in near]
        if not open_ones or not self.draw(st.booleans()):
            return
        event, target = self.draw(st.sampled_from(open_ones))
        self.take(lifecycle, event, target)

    def go(self, lifecycle: Lifecycle, target: str) -> bool:
        """Go to a state by the shortest way that is not closed; say whether it was reached."""
        for _ in range(_WAYS):
            state = getattr(self.record, lifecycle.field)
            if state == target:
                return True
            way = first_step(lifecycle, state, target, self.closed)
            if way is None:
                return False
            self.pause()
            event, to = way
            if not self.take(lifecycle, event, to):
                self.closed.add((event, state, to))
        return False


def roles_of(desk: Practice[Any]) -> frozenset[str]:
    """Return every role that some step, or an edit, is for; those that only a record gives are left out."""
    found = set(desk.editors() or ())
    for lifecycle in desk.lifecycles():
        for transition in lifecycle.transitions:
            found |= transition.roles or frozenset()
    return frozenset(found - desk.relative_roles)


def arrows_from(lifecycle: Lifecycle, state: str) -> list[tuple[str, str]]:
    """Return the (event, target) pairs that leave a state, in the order of the definition."""
    found = [(each.event, to) for source, each in lifecycle.arrows if source == state for to in each.targets]
    return list(dict.fromkeys(found))


def reachable(lifecycle: Lifecycle) -> tuple[str, ...]:
    """Return the states that a record born by `log` may reach, the nearest first."""
    found, waiting = {lifecycle.initial[0]: None}, deque([lifecycle.initial[0]])
    while waiting:
        for _, target in arrows_from(lifecycle, waiting.popleft()):
            if target not in found:
                found[target] = None
                waiting.append(target)
    return tuple(found)


def reaching(lifecycle: Lifecycle, target: str) -> frozenset[str]:
    """Return the states from which `target` can be reached, itself included."""
    found, waiting = {target}, deque([target])
    while waiting:
        to = waiting.popleft()
        for _, source, end in lifecycle.graph:
            if end == to and source not in found:
                found.add(source)
                waiting.append(source)
    return frozenset(found)


def first_step(
    lifecycle: Lifecycle, state: str, target: str, closed: Iterable[tuple[str, str, str]]
) -> tuple[str, str] | None:
    """Return the first step of a shortest way that uses none of the `closed` arrows, or None."""
    shut = frozenset(closed)
    seen, waiting = {state}, deque([(state, ())])
    while waiting:
        at, way = waiting.popleft()
        for event, to in arrows_from(lifecycle, at):
            if to in seen or (event, at, to) in shut:
                continue
            taken: Any = way or (event, to)
            if to == target:
                return taken  # type: ignore[no-any-return]  # an event and a state
            seen.add(to)
            waiting.append((to, taken))
    return None
