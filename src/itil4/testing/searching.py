"""Finds who may take a step and with which values, and the shortest stories to every state and arrow."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs

from itil4.errors import DefinitionError, ITIL4Error, Reason
from itil4.lifecycle.definition import Lifecycle, Transition
from itil4.lifecycle.rules import Chosen
from itil4.record import Actor, blank
from itil4.testing.arrow_keys import ArrowKey, arrows_brought, arrows_of
from itil4.testing.births import people
from itil4.testing.oracle import Expected
from itil4.testing.rules_watched import Watch
from itil4.testing.story import Act, Who
from itil4.testing.subject import BIRTH, Subject
from itil4.testing.values import Later, Plain, Ref, told
from itil4.testing.worlds import Worlds

if TYPE_CHECKING:
    from itil4.testing.playing import Held, Player

_MOST_OPTIONS = 64
"""So many ways of taking one step are tried at most."""
_FEW_OPTIONS = 12
"""So many where a way is known already."""
_MOST_NODES = 400
"""So many combinations of states are looked at."""
_MOST_LOOKED = 40
"""So many different records are looked at for one arrow that depends on data."""
_DEEPEST = 3
"""So many steps that stay in a state are tried before one of these arrows."""
_DAY = timedelta(days=1)
_MOST_REFUSED = 12
"""So often a change of many fields is tried with fewer of them."""
WAITS = (timedelta(hours=1), _DAY, 8 * _DAY, 40 * _DAY, 400 * _DAY)
"""How long is waited, when nothing else helps."""


# steps


def needs(player: "Player", lifecycle: Lifecycle, step: Transition, target: str, record: Any) -> list[str]:
    """Return the fields that a step needs a value for, because the record has none or must have a new one."""
    read = player.subject.shape.read
    wanted = [*step.requires, *(name for rule in step.guards for name in rule.reads)]
    missing = [name for name in wanted if blank(read(record, name))]
    for rules in (step.fields, player.oracle.tables.rules(lifecycle, target)):
        for name, several in rules.items():
            words = {word for rule in several for word in rule.words}
            if name != "*" and ("must_change" in words or ("mandatory" in words and blank(read(record, name)))):
                missing.append(name)
    return list(dict.fromkeys(missing))


def options(
    player: "Player", lifecycle: Lifecycle, step: Transition, target: str, act: Act, record: Any
) -> Iterator[Act]:  # fmt: skip
    """Yield ways of taking a step, the plainest first; what the act names already stays."""
    subject = player.subject
    own = {step.target.field: target} if isinstance(step.target, Chosen) else {}
    whos = list(_takers(subject, step, act.who))
    if act.who is None and not step.internal:
        whos = [hand for hand in subject.hands.get(step.event, ()) if hand is not None] or whos
    for given, hand in subject.offers(step.event):
        for who in whos if hand is None or act.who is not None or step.internal else (hand,):
            yield attrs.evolve(act, payload={**own, **given, **act.payload}, who=who)
    needed = [name for name in needs(player, lifecycle, step, target, record) if name not in act.without]
    values = _guessed(player, step.event, [name for name in needed if name not in act.payload], record)
    first = {name: several[0] for name, several in values.items()}
    for who in (*whos, *_others(subject, step, whos if act.who is None else ())):
        yield attrs.evolve(act, payload={**own, **first, **act.payload}, who=who)
    names = list(values)
    for combination in itertools.islice(itertools.product(*values.values()), 1, 48):
        for who in whos[:3]:
            given = dict(zip(names, combination, strict=True))
            yield attrs.evolve(act, payload={**own, **given, **act.payload}, who=who)
    for name in _more(subject, step, values):
        for value in fresh(player, name, record):
            for who in whos[:2]:
                yield attrs.evolve(act, payload={**own, **first, name: value, **act.payload}, who=who)


def _guessed(player: "Player", event: str, names: Iterable[str], record: Any) -> dict[str, list[Plain]]:
    """Return values for the fields that a step needs; where the kit was told what it is given, it may know none."""
    found = {}
    for name in names:
        try:
            several = fresh(player, name, record)
        except DefinitionError:
            if not player.subject.offers(event):
                raise
            continue
        if several:
            found[name] = several
    return found


def _takers(subject: Subject, step: Transition, who: Who) -> Iterable[Who]:
    if who is not None:
        return (who,)
    if step.internal:
        return ("system",)
    if step.roles is None:
        return dict.fromkeys(("nobody", "user", *subject.roles))
    relative = subject.practice.relative_roles
    return sorted(step.roles, key=lambda role: (role in relative, role))


def _others(subject: Subject, step: Transition, whos: Iterable[Who]) -> Iterator[Actor]:
    """Yield somebody else with each role of a step with guards, which may want another person than before."""
    for who in whos if step.guards and step.roles is not None and not step.internal else ():
        if isinstance(who, str) and who not in subject.practice.relative_roles:
            yield Actor(f"another {who}", {who})


def _more(subject: Subject, step: Transition, known: Mapping[str, Any]) -> list[str]:
    """Return further fields whose values may decide: those that guards read, and those with few values."""
    read = [name for rule in step.guards for name in rule.reads]
    few = [name for name, field in subject.shape.fields.items() if field.choices and name not in subject.shape.locked]
    return [name for name in dict.fromkeys((*read, *(few if step.guards else ()))) if name not in known]


def fresh(player: "Player", name: str, record: Any) -> list[Plain]:
    """Return values for a field that differ from the one it has; a collection that has something grows."""
    old = player.subject.shape.read(record, name)
    offered = [value for value in player.subject.values(name) if not _is_same(player, value, old)]
    if isinstance(old, tuple) and old:
        return [(*old, *value) for value in offered if isinstance(value, tuple)] or offered
    return offered


def _is_same(player: "Player", value: Plain, old: Any) -> bool:
    if value in (old, told(old)):
        return True
    return isinstance(value, Later) and player.model.now() + value.by == old


def judged(
    player: "Player", act: Act, record: Any, wait: timedelta = timedelta(0), facts: dict[str, Any] | None = None,
    *, fully: bool = True,
) -> Expected | None:  # fmt: skip
    """Return what the definition says about an act, some time from now; None when a rule broke.

    Args:
        facts: what its facts are, where several ways of one step are judged at one moment.
        fully: whether all that is against it is wanted, and not only the first thing.
    """
    from itil4.testing.values import played

    at = player.model.now() + wait
    records = {label: held.reference for label, held in player.held.items()}
    payload: dict[str, Any] = {}
    name = ""
    try:
        for name, value in act.payload.items():
            payload[name] = played(value, at, player.subject.types, records)
        name = ""
        actor = player.actor(act.who, record)
        fields = player._fields(act, record, payload)
        return player.oracle.asked(record, act.event, fields, actor, at, facts, fully=fully)
    except (ITIL4Error, TypeError) as error:
        player.oracle.watch.error = f"{name}: {error}" if name else str(error)
        return None


def known_facts(player: "Player", record: Any, event: str) -> dict[str, Any] | None:
    """Return the facts of a step, or None where reading them fails: then each way is told why."""
    try:
        return player.oracle.facts(record, event)
    except ITIL4Error:
        return None


def filled(player: "Player", act: Act, held: "Held") -> Act:
    """Return an act with what it leaves open: somebody and values with which it ends as it says it must.

    Where there is no such way, it is played with what is there.
    """
    lifecycle = player.subject.of_event.get(act.event)
    if lifecycle is None:
        return act
    state = getattr(held.record, lifecycle.field)
    here = [(source, step) for source, step in lifecycle.arrows if step.event == act.event]
    own = [step for source, step in here if source == state] or [step for _, step in here]
    wanted = None if act.refused is None or "stale" in act.refused else frozenset(act.refused)
    given = judged(player, act, held.record) if act.who is not None else None
    if given is not None and (given.allowed if wanted is None else _fits(given, wanted)):
        return act
    spare: Act | None = None
    legal: Act | None = None
    facts = known_facts(player, held.record, act.event)
    for step in own:
        for target in step.targets:
            ways = options(player, lifecycle, step, target, act, held.record)
            if wanted is not None:
                ways = itertools.chain(_amiss(player, lifecycle, step, target, act, held.record), ways)
            for option in itertools.islice(ways, 2 * _MOST_OPTIONS):
                found = judged(player, option, held.record, facts=facts, fully=wanted is not None)
                if found is None:
                    continue
                spare = spare or option
                legal = legal or (option if found.allowed else None)
                if (wanted is None and found.allowed) or (wanted is not None and _fits(found, wanted)):
                    return option
    return legal or spare or act


def _amiss(
    player: "Player", lifecycle: Lifecycle, step: Transition, target: str, act: Act, record: Any
) -> Iterator[Act]:  # fmt: skip
    """Yield ways of taking a step that are likely refused: with nothing given, and by somebody else."""
    for who in list(_takers(player.subject, step, act.who))[:2]:
        yield attrs.evolve(act, who=who)
    for who in people(player.subject, act.who, ("nobody", "user")):
        yield from itertools.islice(
            options(player, lifecycle, step, target, attrs.evolve(act, who=who), record), 2
        )  # fmt: skip


def _fits(found: Expected, wanted: frozenset[str]) -> bool:
    return not found.allowed and (not wanted or wanted in found.codes)


# ways


class Explorer:
    """Finds the shortest stories: breadth first over states, and for what that leaves open over data as well.

    `arrows` has the shortest way found to each arrow, `states` that to each state of each lifecycle,
    and `lost` what held back an arrow that could not be taken.
    """

    def __init__(self, subject: Subject, watch: Watch) -> None:
        self.subject = subject
        self.watch = watch
        self.arrows: dict[ArrowKey, tuple[Act, ...]] = {}
        self.states: dict[tuple[str, str], tuple[Act, ...]] = {}
        self.lost: dict[ArrowKey, str] = {}
        self.steps = {key: step for each in subject.lifecycles for key, step in arrows_of(each)}
        self.keys = [key for key in self.steps if subject.accept.isdisjoint((key.place_in_words, key.way_in_words))]
        self.learned: dict[str, list[tuple[Act, ...]]] = {}
        self.by_source: dict[tuple[str, str], list[ArrowKey]] = {}
        self.by_target: dict[tuple[str, str], list[ArrowKey]] = {}
        for key in self.keys:
            self.by_source.setdefault((key.lifecycle, key.source), []).append(key)
            self.by_target.setdefault((key.lifecycle, key.target), []).append(key)
        self._seen: set[tuple[str, ...]] = set()
        self._tried: set[ArrowKey] = set()
        self._hopeless: set[str] = set()
        self._beside: list[tuple[Act, ...]] = []
        self.worlds = Worlds()

    def explore(self) -> None:
        """Search until every arrow is found, or nothing new comes up."""
        waiting: deque[tuple[Act, ...]] = deque([(Act(verb),) for verb in self.subject.births])
        others = self.subject.payloads.get(BIRTH, ())[1:]  # they may lead to states that the first one never sees
        waiting += [(Act(BIRTH, payload),) for payload in others]
        while waiting:
            while waiting and len(self._seen) < _MOST_NODES:
                waiting += self._visited(waiting.popleft())
            waiting.clear()
            for key in self.open():
                if key not in self._tried and (key.lifecycle, key.source) in self.states:
                    self._tried.add(key)
                    story = self._by_data(key)
                    waiting += self._beside
                    self._beside.clear()
                    if story is not None:
                        self.arrows[key] = story
                        waiting.append(story)
                        break

    def open(self) -> list[ArrowKey]:
        """Return the arrows that have no story yet."""
        return [key for key in self.keys if key not in self.arrows]

    def player(self, acts: Iterable[Act]) -> "Player":
        """Return a player that has played some acts, unchecked."""
        from itil4.testing.playing import Player

        acts = tuple(acts)
        player, known = self.worlds.at(acts) or (Player(self.subject, watch=self.watch, checks=False), 0)
        for place in range(known, len(acts)):
            player.play(acts[place])
            self.worlds.keep(acts[: place + 1], player)
        self.worlds.keep(player.acts, player)
        for key in arrows_brought(self.steps, player.brought):
            if key in self.keys and key not in self.arrows:
                self.arrows[key] = tuple(player.acts)
                self._beside.append(tuple(player.acts))
        return player

    def _visited(self, acts: tuple[Act, ...]) -> list[tuple[Act, ...]]:
        """Look at the record that a story makes, and return the stories that go on from there."""
        player = self.player(acts)
        held = player.held.get("")
        if held is None:
            return []
        acts, record = tuple(player.acts), held.record
        states = tuple(getattr(record, each.field) for each in self.subject.lifecycles)
        if states in self._seen:
            return []
        self._seen.add(states)
        found: list[tuple[Act, ...]] = []
        for lifecycle, state in zip(self.subject.lifecycles, states, strict=True):
            new = (lifecycle.name, state) not in self.states
            self.states.setdefault((lifecycle.name, state), acts)
            for key in self.by_source.get((lifecycle.name, state), ()):
                if not new and key in self.arrows:
                    continue
                story = self.taking(player, acts, key)
                if story is not None:
                    self.arrows.setdefault(key, story)
                    found.append(story)
        return found

    def taking(self, player: "Player", acts: tuple[Act, ...], key: ArrowKey) -> tuple[Act, ...] | None:
        """Return a story that goes on from where a player is by taking an arrow, or None."""
        record = player.held[""].record
        for act in self.acts_for(player, key, record):
            return (*acts, act)
        return self._prepared(acts, key) if self.steps[key].guards else None

    def _prepared(self, acts: tuple[Act, ...], key: ArrowKey) -> tuple[Act, ...] | None:
        """Try again after what the host says, after what helped elsewhere, and beside linked records."""
        told = [story.acts for story in self.subject.ways.get(key.event, ())]
        for prepared in (*told, *self.learned.get(key.event, ()), *self.companions(self.steps[key])):
            try:
                player = self.player((*acts, *prepared))
            except ITIL4Error:
                continue
            if key in self.arrows:
                return self.arrows[key]
            for act in self.acts_for(player, key, player.held[""].record):
                return (*player.acts, act)
        return None

    def companions(self, step: Transition) -> Iterator[tuple[Act, ...]]:
        """Yield the acts that make another record and link it, for each fact of a step that lists linked records."""
        rows = (*step.facts, *(row.over for row in step.follow_ups))
        for fact in dict.fromkeys(rows):
            first, _, relation = fact.partition(".")
            if first == "links" and relation:
                link = Act("link", {"relation": relation, "to": Ref("b")}, next(iter(self.subject.roles), "nobody"))
                yield (Act(BIRTH, on="b"), link)

    # what depends on data

    def _by_data(self, key: ArrowKey) -> tuple[Act, ...] | None:
        """Look for a way to an arrow by other values on the way in, by steps that stay in its state, and by waiting."""
        looked, seen = 0, set[Any]()
        waiting: deque[Iterator[tuple[tuple[Act, ...], int]]] = deque([((story, 0) for story in self._entrances(key))])
        stayed: list[tuple[Act, ...]] = []
        while waiting and looked < _MOST_LOOKED:
            following = next(waiting[0], None)  # what is never looked at need not be thought of
            if following is None:
                waiting.popleft()
                continue
            acts, depth = following
            player = self.player(acts)
            if "" not in player.held:
                continue
            if key in self.arrows:
                return self.arrows[key]
            record = player.held[""].record
            if getattr(record, self._of(key).field) != key.source or (data := self._data(record)) in seen:
                continue
            seen.add(data)
            looked += 1
            stayed.append(acts)
            story = self.taking(player, acts, key)
            if story is not None:
                if depth:
                    self.learned.setdefault(key.event, []).append(acts[-depth:])
                return story
            if depth < _DEEPEST and (key.event not in self._hopeless or looked == 1):
                waiting.append(self._further(player, acts, key, depth + 1))
        self._hopeless.add(key.event)
        return self._waited(stayed, key)

    def _waited(self, stories: list[tuple[Act, ...]], key: ArrowKey) -> tuple[Act, ...] | None:
        if not self.steps[key].guards:
            return None
        for acts in stories[:2]:
            player = self.player(acts)
            for wait in WAITS:
                for act in self.acts_for(player, key, player.held[""].record, wait):
                    return (*acts, attrs.evolve(act, after=wait))
        return None

    def _of(self, key: ArrowKey) -> Lifecycle:
        return next(each for each in self.subject.lifecycles if each.name == key.lifecycle)

    def _entrances(self, key: ArrowKey) -> Iterator[tuple[Act, ...]]:
        """Yield stories into the source of an arrow: the shortest one, then by every way in, with several values."""
        story = self.states[key.lifecycle, key.source]
        yield story
        for payload in self.subject.payloads.get(story[0].event, ())[1:]:
            yield (attrs.evolve(story[0], payload=payload), *story[1:])
        complete = self.completed(story)
        if complete is not None:
            yield (*story, complete)
        for way in self.by_target.get((key.lifecycle, key.source), ()):
            if way in self.arrows and way.source != way.target:
                prefix = self.arrows[way][:-1]
                player = self.player(prefix)
                for act in itertools.islice(self.acts_for(player, way, player.held[""].record), 6):
                    yield (*prefix, act)

    def completed(self, story: tuple[Act, ...]) -> Act | None:
        """Return a change that fills every field of a record that is empty and may be filled; None when none may."""
        player = self.player(story)
        held, shape = player.held[""], self.subject.shape
        given: dict[str, Plain] = {}
        for name in shape.checks:
            try:
                several = fresh(player, name, held.record) if blank(shape.read(held.record, name)) else ()
            except ITIL4Error:
                continue
            if several:
                given[name] = several[0]
        relative = self.subject.practice.relative_roles
        who = Actor("editor", {role for role in self.subject.roles if role not in relative})
        for _ in range(_MOST_REFUSED):
            act = Act("update", given, who)
            try:
                values = player.given(given)
                reasons = () if not given else self._against(player, held.reference, values, who)
            except ITIL4Error:
                return None
            if reasons is None:
                return act
            named = {str(reason.detail.get("field", "")) for reason in reasons}
            named |= {name for reason in reasons for name in given if repr(name) in repr(reason.detail)}
            if named.isdisjoint(given):
                return None
            given = {name: value for name, value in given.items() if name not in named}
        return None

    def _against(
        self, player: "Player", reference: str, values: Mapping[str, Any], who: Actor
    ) -> tuple[Reason, ...] | None:  # fmt: skip
        """Return the reasons against a change, or None when it was done."""
        try:
            player.model.desk.update(reference, by=who, **values)
        except ITIL4Error as error:
            return error.reasons
        return None

    def _further(
        self, player: "Player", acts: tuple[Act, ...], key: ArrowKey, depth: int
    ) -> Iterator[tuple[tuple[Act, ...], int]]:  # fmt: skip
        return ((more, depth) for more in self._stays(player, acts, key))

    def _stays(self, player: "Player", acts: tuple[Act, ...], key: ArrowKey) -> Iterator[tuple[Act, ...]]:
        """Yield stories that go on without leaving the state: loops, and steps of the other lifecycles."""
        record = player.held[""].record
        for lifecycle in self.subject.lifecycles:
            for way in self.by_source.get((lifecycle.name, getattr(record, lifecycle.field)), ()):
                if way != key and (way.source == way.target or way.lifecycle != key.lifecycle):
                    for act in itertools.islice(self.acts_for(player, way, record), 3):
                        yield (*acts, act)

    def _data(self, record: Any) -> tuple[Any, ...]:
        """Return what of a record may decide which steps it can take: small values, and whether others are there."""
        shape = self.subject.shape
        kept = [str(getattr(record, each.field)) for each in self.subject.lifecycles]
        for name, field in shape.fields.items():
            if name not in shape.checks:
                continue
            value = shape.read(record, name)
            if name in self.subject.values_of or field.kind in ("choice", "boolean", "number"):
                kept.append(repr(value))
            else:
                kept.append(str(len(value) if isinstance(value, tuple) else not blank(value)))
        return tuple(kept)

    def known(self, player: "Player", key: ArrowKey, record: Any) -> Iterator[Act]:
        """Yield acts that take an arrow now: the plainest few, or what took it when it was found."""
        found = tuple(itertools.islice(self.acts_for(player, key, record, most=_FEW_OPTIONS), 1))
        if not found and key in self.arrows:
            act = attrs.evolve(self.arrows[key][-1], after=timedelta(0), on="")
            taken = judged(player, act, record, fully=False) if act.event == key.event else None
            if taken is not None and taken.transition is self.steps[key] and taken.target == key.target:
                found = (act,)
        yield from found

    def acts_for(
        self, player: "Player", key: ArrowKey, record: Any, wait: timedelta = timedelta(0), most: int = _MOST_OPTIONS
    ) -> Iterator[Act]:  # fmt: skip
        """Yield acts that take exactly this arrow now, or after a wait, as the definition has it."""
        step = self.steps[key]
        told: set[str] = set()
        facts = known_facts(player, record, key.event)
        ways = options(player, self._of(key), step, key.target, Act(key.event), record)
        for option in itertools.islice(ways, most):
            hand = option.who if option.who in self.subject.hands.get(key.event, ()) else None
            mark = repr((sorted(option.payload.items()), hand))
            if mark in told:  # the same values by somebody else
                continue
            found = judged(player, option, record, wait, facts, fully=False)
            if found is None:
                self.lost.setdefault(key, self.watch.error)
            elif found.transition is step and found.target == key.target:
                told.add(mark)
                yield option
            elif not found.allowed:
                codes = " or ".join(", ".join(sorted(each)) for each in found.codes)
                self.lost[key] = ", ".join(dict.fromkeys(found.held)) or codes
