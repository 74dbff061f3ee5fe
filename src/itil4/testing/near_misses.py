"""Steps that are legal but for one thing: the wrong state, role, field, value, guard, or an older copy."""

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import attrs

from itil4.errors import ITIL4Error
from itil4.lifecycle.definition import Lifecycle, Transition
from itil4.practices.approval import APPROVAL, Approving
from itil4.practices.base import Practice
from itil4.record import Actor, blank
from itil4.testing.arrow_keys import ArrowKey
from itil4.testing.oracle import rules_of
from itil4.testing.searching import Explorer, fresh, judged, options
from itil4.testing.story import Act

if TYPE_CHECKING:
    from itil4.testing.playing import Player


_MOST_ELSEWHERE = 4_000
"""So often a step is tried in a state that it cannot be taken in; beyond, every n-th time, in every state."""
_FEW = 5
"""From so many near-misses of a step one is chosen, where they were tried in full before."""
_OFTEN = 3
"""So often a field that a state locks is tried on the way into that state."""


class NearMisses:
    """Finds them for the record that a player is at; each names the one code for which it must be refused."""

    def __init__(self, explorer: Explorer, player: "Player") -> None:
        self.explorer = explorer
        self.player = player
        self.subject = explorer.subject
        self.record = player.held[""].record

    def of(self, event: str, told: set[tuple[str, str]]) -> Iterator[Act]:
        """Yield the near-misses of one step that can be taken here."""
        lifecycle = self.subject.of_event[event]
        state = getattr(self.record, lifecycle.field)
        keys = [key for key in self.explorer.by_source.get((lifecycle.name, state), ()) if key.event == event]
        legal = self.legal(keys)
        plain = None if legal is None else self.plain(legal)
        if plain is not None:
            yield from self._beside(lifecycle, keys, plain, told)

    def held_back(self, key: ArrowKey) -> Iterator[Act]:
        """Yield what a guard of an arrow that can be taken here holds back, if anything does."""
        legal = self.legal([key])
        lifecycle = next(each for each in self.subject.lifecycles if each.name == key.lifecycle)
        yield from self._held(lifecycle, [key], None if legal is None else self.plain(legal))

    def all(self, told: set[tuple[str, str]]) -> Iterator[Act]:
        """Yield every near-miss; those that do not depend on the state only until `told` has them.

        What one lifecycle refuses in one of its states is tried in full once. Beside each further state of the
        other lifecycles one of these is tried again, each time another one, and everything that guards hold back.
        """
        for lifecycle in self.subject.lifecycles:
            state = getattr(self.record, lifecycle.field)
            apart = max(1, len(lifecycle.states) * len(lifecycle.events) // _MOST_ELSEWHERE)
            here = list(lifecycle.by_name).index(state)
            again = self._again(told, lifecycle.name, state)
            for place, event in enumerate(lifecycle.events):
                if event in self.player.oracle.outcomes:
                    yield from self.only("approval_decides", Act(event, who="system"))
                    continue
                keys = [key for key in self.explorer.by_source.get((lifecycle.name, state), ()) if key.event == event]
                if not keys:
                    if (place + here) % apart == 0 and not again:
                        yield from self._elsewhere(event)
                    continue
                legal = self.legal(keys)
                legal = None if legal is None else self.plain(legal)
                if legal is not None:
                    yield from self._some(self._beside(lifecycle, keys, legal, told), again)
                yield from self._held(lifecycle, keys, legal)
            if not again:
                yield from self._updates(lifecycle)
        if not again:
            yield Act("no such step", who="nobody", refused="unknown_event")
        yield from self._approved()

    @staticmethod
    def _again(told: set[tuple[str, str]], where: str, what: str) -> int:
        """Return how often something was looked at before, such as a state of a lifecycle, and remember this time."""
        times = next(number for number in itertools.count() if (where, f"{what}, time {number}") not in told)
        told.add((where, f"{what}, time {times}"))
        return times

    @staticmethod
    def _some(acts: Iterable[Act], again: int) -> Iterable[Act]:
        """Return all of the acts the first time, and one of the first few every further time."""
        if not again:
            return acts
        few = list(itertools.islice(acts, 1 + again % _FEW))
        return few[-1:]

    def legal(self, keys: Iterable[ArrowKey]) -> Act | None:
        """Return an act that takes one of some arrows now."""
        for key in keys:
            for act in self.explorer.known(self.player, key, self.record):
                return act
        return None

    def plain(self, act: Act) -> Act | None:
        """Return an act with fields instead of the words of its verb; None where the verb itself is against it."""
        words = self.player.given(act.payload)
        fields = self.player._fields(act, self.record, words)
        if fields is words or fields == words:
            return act
        return attrs.evolve(act, payload=fields) if fields else None

    def only(self, code: str, act: Act) -> Iterator[Act]:
        """Yield the act when the definition refuses it for nothing but one code."""
        found = judged(self.player, act, self.record)
        if found is not None and not found.allowed and frozenset((code,)) in found.codes:
            yield attrs.evolve(act, refused=(code,))

    def first(self, code: str, acts: Iterable[Act]) -> Iterator[Act]:
        """Yield the first of some acts that the definition refuses for nothing but one code."""
        yield from itertools.islice((near for act in acts for near in self.only(code, act)), 1)

    def _elsewhere(self, event: str) -> Iterator[Act]:
        """A step that leads on from other states, by somebody who may there, with what it needs there."""
        story = next((acts for key, acts in self.explorer.arrows.items() if key.event == event), None)
        act = None if story is None else self.plain(attrs.evolve(story[-1], after=story[-1].after * 0, on=""))
        if act is not None:
            yield from self.only("wrong_state", act)

    def _beside(
        self, lifecycle: Lifecycle, keys: list[ArrowKey], legal: Act, told: set[tuple[str, str]]
    ) -> Iterator[Act]:  # fmt: skip
        steps = list(dict.fromkeys(self.explorer.steps[key] for key in keys))
        asked = frozenset[str]().union(*(step.roles or () for step in steps))
        places = sorted({key.place for key in keys})  # a step with many sources asks for the same roles in each
        again = self._again(told, f"the people of {lifecycle.name}", repr(places))
        yield from self._some(self._people(steps, asked, legal), again)
        for name in list(legal.payload):
            rest = {other: value for other, value in legal.payload.items() if other != name}
            yield from self.only("missing", attrs.evolve(legal, payload=rest, without=(name,)))
        for name in dict.fromkeys(name for step in steps for name in step.requires):
            field = self.subject.shape.get(name)
            if field is not None and field.optional and name not in legal.payload:
                yield from self.only("missing", attrs.evolve(legal, payload={**legal.payload, name: None}))
        yield from self._locked(lifecycle, steps, legal, told)
        if (legal.event, "types") not in told:
            told.add((legal.event, "types"))
            if self._again(told, "types", "unknown") < _FEW:  # what a record has does not depend on the step
                unknown = attrs.evolve(legal, payload={**legal.payload, "no_such_field": 1})
                yield from self.only("unknown_field", unknown)
            for name in list(legal.payload)[:2]:
                wrong = [attrs.evolve(legal, payload={**legal.payload, name: value}) for value in (17, "not that", ())]
                yield from self.first("ill_typed", wrong)
        if (str(self.record.state), "stale") not in told:
            told.add((str(self.record.state), "stale"))
            yield attrs.evolve(legal, stale=True, refused=("stale",))
        if (legal.event, "late") not in told:
            told.add((legal.event, "late"))
            yield attrs.evolve(legal, late=True, refused=("stale",))
            yield attrs.evolve(legal, undone=True)

    def _people(self, steps: list[Transition], asked: frozenset[str], legal: Act) -> Iterator[Act]:
        who = self.player.actor(legal.who, self.record)
        if all(step.roles is not None for step in steps):
            yield from self.only("role", attrs.evolve(legal, who="nobody"))
            relative = self.subject.practice.relative_roles
            others = [role for role in ("user", *self.subject.roles) if role not in asked]
            absolute = [Actor(f"other {role}", {role}) for role in others if role not in relative]
            yield from itertools.islice((act for each in absolute for act in self._as("role", legal, each)), 2)
        if any(step.internal for step in steps):
            yield from self._as("internal", legal, Actor("somebody", {*asked, "system", "user"}))
        for step in steps:
            for role in sorted(step.denied or ()):
                yield from self._as("denied", legal, Actor(who.id, {*who.roles, *asked, role}, kind=who.kind))

    def _as(self, code: str, legal: Act, actor: Actor) -> Iterator[Act]:
        yield from self.only(code, attrs.evolve(legal, who=actor))

    def _locked(
        self, lifecycle: Lifecycle, steps: list[Transition], legal: Act, told: set[tuple[str, str]]
    ) -> Iterator[Act]:  # fmt: skip
        """Values for fields that the step, or the state that it leads to, does not let anybody change."""
        shape, seen = self.subject.shape, 0
        for step in steps:
            for target in step.targets:
                rules = {**rules_of(lifecycle, target), **step.fields}
                names = [name for name in rules if name != "*"]
                names += [name for name in shape.checks if "*" in rules and name not in rules][:1]
                for name in names:
                    into = (f"locked in {target}", name)
                    if name not in shape.checks or seen >= 4 or (into in told and name not in step.fields):
                        continue
                    offered = [*self._values(name), shape.read(self.record, name)]
                    found = list(self.first("field_rule", (
                        attrs.evolve(legal, payload={**legal.payload, name: value}) for value in offered[:3]
                    )))  # fmt: skip
                    seen += len(found)
                    if found and self._again(told, *into) + 1 >= _OFTEN:
                        told.add(into)
                    yield from found

    def _values(self, name: str) -> list[Any]:
        try:
            return fresh(self.player, name, self.record)
        except ITIL4Error:
            return []

    def _held(self, lifecycle: Lifecycle, keys: list[ArrowKey], legal: Act | None) -> Iterator[Act]:
        """Somebody or something that a guard holds back, when everything else is as it must be."""
        for key in keys:
            step = self.explorer.steps[key]
            if not step.guards:
                continue
            tried = options(self.player, lifecycle, step, key.target, Act(key.event), self.record)
            more = itertools.chain(self._varied(step, legal), itertools.islice(tried, 24))
            yield from self.first("guard", more)

    def _varied(self, step: Transition, legal: Act | None) -> Iterator[Act]:
        if legal is None:
            return
        history = self.player.model.history(self.player.held[""].reference)
        roles = {role for role in step.roles or () if role not in self.subject.practice.relative_roles}
        known = [entry.by for entry in history] + self._named()
        for person in dict.fromkeys([*known, *(f"another {role}" for role in sorted(roles))]):
            yield attrs.evolve(legal, who=Actor(person, roles))
        for name in dict.fromkeys(name for rule in step.guards for name in rule.reads):
            for value in (*self._values(name), *self._said(name)):
                yield attrs.evolve(legal, payload={**legal.payload, name: value})

    def _said(self, name: str) -> list[str]:
        """Return what other fields of the record say, for a guard that compares two of them."""
        shape = self.subject.shape
        field = shape.get(name)
        if field is None or field.kind != "text":
            return []
        said = [shape.read(self.record, other) for other in shape.checks if other != name]
        return list(dict.fromkeys(each for each in said if isinstance(each, str) and each))[:8]

    def _named(self) -> list[str]:
        found = [getattr(self.record, role, None) for role in sorted(self.subject.practice.relative_roles)]
        return [each for each in found if isinstance(each, str) and not blank(each)]

    def _updates(self, lifecycle: Lifecycle) -> Iterator[Act]:
        """Changes of fields that the present state of a lifecycle locks, and of the state itself."""
        state = getattr(self.record, lifecycle.field)
        other = next((each.name for each in lifecycle.states if each.name != state), None)
        if other is not None:
            yield Act("update", {lifecycle.field: other}, self._editor(), refused=("field_rule",))
        for name, rules in rules_of(lifecycle, state).items() if not self._updates_itself() else ():
            if any(rule.is_plain and rule.words & {"read_only", "hidden"} for rule in rules):
                for value in self._values(name)[:1] if name != "*" else ():
                    yield Act("update", {name: value}, self._editor(), refused=())

    def _approved(self) -> Iterator[Act]:
        """Changes of what somebody is just asked to approve."""
        desk = self.player.model.desk
        if isinstance(desk, Approving) and getattr(self.record, APPROVAL.field) == "requested":
            for name in desk.approval_covers:
                for value in self._made(name)[:1]:
                    yield Act("update", {name: value}, self._editor(), refused=())

    def _updates_itself(self) -> bool:
        """Whether the practice has a say of its own in changes of fields."""
        return self.subject.practice.update is not Practice.update

    def _made(self, name: str) -> list[Any]:
        """Return the values of a field that can be made; a type of the host may refuse what the kit guesses."""
        try:
            return [value for value in self._values(name) if self.player.given({name: value})]
        except ITIL4Error:
            return []

    def _editor(self) -> Actor:
        relative = self.subject.practice.relative_roles
        return Actor("editor", {role for role in self.subject.roles if role not in relative})
