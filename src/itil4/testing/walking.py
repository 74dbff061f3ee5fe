"""A tour without chance: every transition, every pair, every refusal, and loops to their bounds.

>>> from itil4 import IncidentManagement
>>> print(walk(IncidentManagement).table().splitlines()[1])
  transitions                51 of   52
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from time import perf_counter
from typing import Any

import attrs

from itil4.errors import ITIL4Error
from itil4.practices.base import Practice
from itil4.record import Actor
from itil4.storage.protocols import Store
from itil4.testing.arrow_keys import ArrowKey, arrows_brought
from itil4.testing.candidates import candidates
from itil4.testing.checking import Finding, Found
from itil4.testing.coverage import Coverage
from itil4.testing.driver import Driver
from itil4.testing.near_misses import NearMisses
from itil4.testing.playing import Played, Player
from itil4.testing.policies import Policy, as_policies
from itil4.testing.rules_watched import Watch, rules_in_words
from itil4.testing.searching import Explorer
from itil4.testing.showing import one_person
from itil4.testing.shrinking import shrunk
from itil4.testing.story import Act, Story
from itil4.testing.subject import BIRTH, Subject
from itil4.testing.untaken import Untaken
from itil4.testing.values import Ref
from itil4.testing.worlds import Worlds

_LONGEST = 14
"""After so many steps a tour begins again with a new record."""
_LONG_TOURS = 8
"""So many tours are led on to where pairs are still open, for long histories; the others end, and a new one begins."""
_ROUNDS = 4
"""So often a loop is gone round, to find the bound that a guard may set."""
_MOST_FINDINGS = 5
_MOST_ROUNDS = 12
"""So often a tour sets out from one arrow."""

_TEXTS = ("  blanks at both ends  ", "Größe 漢字 العربية 😀", "'; DROP TABLE -- \\ \" %s {0}")
_NEAR = frozenset(("role", "internal", "denied", "missing", "guard", "field_rule"))
_MOMENT = timedelta(minutes=1)

MakeDriver = Callable[[], Driver]


def walk(
    practice: type[Practice[Any]],
    store: Store | str | None = None,
    policies: Sequence[Policy] | Policy = (),
    *,
    domains: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    driver: MakeDriver | None = None,
    accept: Iterable[str] = (),
) -> Coverage:
    """Walk through everything that a practice can do, and return what was exercised.

    After each step the kit asks whether it was what the definition says, whether the history rebuilds
    the record, whether versions and times grow, whether explain, available and fire agree, and whether
    the record is read as it was written; after each refusal, whether everything is as it was.

    Args:
        practice: the class.
        store: where stories are kept; by default each in a memory of its own. Other data is not touched.
        policies: what must hold in every history.
        domains: what the kit cannot guess: field -> values, event -> payloads.
        settings: what `itil4.connect` is given besides: policies, a directory, further practices.
        driver: makes a new driver of a host, on which every story is played as well.
        accept: arrows that nobody can take, such as `reopen@closed`.

    Raises:
        Found: with what was wrong, each with the shortest story that shows it.
        DefinitionError: a field has a type of which no value can be guessed.
    """
    walked = Walk(Subject(practice, domains, settings, store, accept), as_policies(policies), driver)
    walked.run()
    if walked.found:
        raise Found(walked.found, practice.__name__)
    return walked.coverage


class Walk(Untaken):
    """One walk; `found` has what was wrong, `coverage` what was exercised."""

    def __init__(self, subject: Subject, policies: Sequence[Policy] = (), driver: MakeDriver | None = None) -> None:
        self.subject = subject
        self.policies = tuple(policies)
        self.driver = driver
        self.watch = Watch()
        self.explorer = Explorer(subject, self.watch)
        self.coverage = Coverage(subject)
        self.found: list[Finding] = []
        self._told: set[tuple[str, str | None, tuple[str, ...]]] = set()
        self._long_tours = 0
        self._longest: tuple[Act, ...] = ()
        self._sound: set[tuple[Act, ...]] = set()
        """Stories that were played with everything looked at, and kept every promise."""
        self.worlds = Worlds()
        """Where they led to, as far as that can be kept."""
        self._pace = timedelta(minutes=20) if "service_level" in subject.policies else timedelta(0)

    def run(self) -> None:
        """Walk until everything was exercised, or enough was found."""
        started = perf_counter()
        try:
            rest = (
                self._births,
                self._follow_ups,
                self._facts,
                self._links,
                self._timers,
                self._texts,
                self._candidates,
            )
            for part in (self._explore, self._pairs, self._misses, self._loops, *rest):
                part()
                self._rules()
                if len(self.found) >= _MOST_FINDINGS or (self.found and part == self._explore):
                    break
        finally:
            self.coverage.seconds = perf_counter() - started

    def player(self) -> Player:
        """Return a player with everything looked at."""
        return Player(self.subject, self.driver() if self.driver else None, self.policies, self.watch)

    def _walker(self) -> Player:
        """Return a player that does not ask again what the walk has asked; findings are played with one that does."""
        player = self.player()
        player.sparing = True
        return player

    # what is found

    def note(self, findings: Iterable[Finding]) -> bool:
        """Keep what is new among findings, with its shortest story; say whether there was anything."""
        several = list(findings)
        for each in several[:1]:
            mark = (each.code, each.event, each.given)
            if mark not in self._told and len(self.found) < _MOST_FINDINGS:
                self._told.add(mark)
                short = shrunk(each, self.player)
                if (short.code, short.event, short.story) not in [
                    (own.code, own.event, own.story) for own in self.found
                ]:
                    self.found.append(short)
        return bool(several)

    def _rules(self) -> None:
        for each in self.watch.found.values():
            if (each.code, each.rule, ()) in self._told:
                continue
            self._told.add((each.code, each.rule, ()))
            key = next((key for key, step in self.explorer.steps.items() if each.rule in rules_in_words(step)), None)
            event = None if key is None else key.event
            if not any(found.code == each.code and found.event == event for found in self.found):
                self.found.append(
                    Finding(each.code, f"{each.rule}: {each.text}", event=event, story=self._story_before(event),
                            lifecycle=key and key.lifecycle, state=key and key.source,
                            practice=self.subject.name, given=self.subject.given)
                )  # fmt: skip

    def _story_before(self, event: str | None) -> Story | None:
        keys = [key for key in self.explorer.keys if key.event == event]
        for key in keys:
            acts = self.explorer.arrows.get(key) or self.explorer.states.get((key.lifecycle, key.source))
            if acts is not None:
                return Story(acts if key in self.explorer.arrows else (*acts, Act(key.event)))
        return None

    # the parts of a walk

    def _explore(self) -> None:
        """Find a way to every arrow; nothing can be born, or an arrow that nobody can take, is a finding."""
        self.explorer.explore()
        if not self.explorer.states:
            player = self.player()
            played = player.play(Act("log"))
            self.note(played.findings)
            text = f"nothing can be recorded: {played.answer.text or played.answer.error}"
            remedy = "Give domains={'log': [{...}]} with the values that it needs."
            self._none(f"{text} {remedy}", Story((Act(BIRTH),)))
            return
        if not self.explorer.arrows and self.explorer.keys:
            self._nothing()
            return
        for key in self.explorer.open():
            if (key.lifecycle, key.source) in self.explorer.states and not self._is_told(key):
                self._unreached(key)
        for lifecycle in self.subject.lifecycles:
            for state in lifecycle.initial:
                reached = (lifecycle.name, state) in self.explorer.states
                if not reached and f"{BIRTH}@{state}" not in self.subject.accept:
                    self._unborn(lifecycle.name, state)

    def _births(self) -> None:
        """Let records be born by every verb that makes them."""
        for verb in self.subject.births[1:]:
            player = self.player()
            self.coverage.stories += 1
            played = player.play(Act(verb))
            self.coverage.note(played)
            if not self.note(played.findings) and not played.answer.done:
                text = (
                    f"nothing can be recorded by {verb!r}: {played.answer.text} Give domains={{{verb!r}: [{{...}}]}}."
                )
                self._not_taken(text, verb, story=Story((Act(verb),)))

    def _pairs(self) -> None:
        """Go on from every arrow by every other one that its end allows, in tours that are as long as they may be."""
        open_: dict[ArrowKey, list[ArrowKey]] = {}
        for first, then in self.coverage.possible_pairs():
            if first in self.explorer.arrows and then in self.explorer.arrows:
                open_.setdefault(first, []).append(then)
        for key, acts in sorted(self.explorer.arrows.items(), key=lambda item: -len(item[1])):
            rounds = 0
            while rounds < _MOST_ROUNDS and (open_.get(key) or not (rounds or self.coverage.arrows[key])):
                rounds += 1
                if not self._tour(key, acts, open_):
                    break
            if len(self.found) >= _MOST_FINDINGS:
                return

    def _tour(self, aim: ArrowKey, acts: Sequence[Act], open_: dict[ArrowKey, list[ArrowKey]]) -> bool:
        """Play a story to an arrow, and from there as many pairs as possible; say whether that went well."""
        player, known = self._begun(acts)
        last = aim if known == len(acts) else None
        for place in range(known, len(acts)):
            played = player.play(acts[place])
            key = self.coverage.note(played, last)
            if last is not None and key is not None and key in open_.get(last, ()):
                open_[last].remove(key)
            last = key or last
            if self.note(played.findings) or not played.answer.done:
                return False
            self._keep(acts[: place + 1], player)
        if aim in arrows_brought(self.explorer.steps, player.brought):
            last = aim
        while last is not None and len(player.acts) < len(acts) + _LONGEST:
            further = self._next(player, last, open_)
            if further is None and self._long_tours < _LONG_TOURS:
                further = self._nearer(player, last, open_)
            if further is None:
                break
            if self.note(further.findings):
                return False
            last = self.coverage.note(further, last)
            goes_on = last is not None and (last.lifecycle, last.target) in self.explorer.by_source
            if goes_on and len(player.acts) > len(self._longest):
                self._longest = tuple(player.acts)
        self._long_tours += 1
        return True

    def _nearer(self, player: Player, last: ArrowKey, open_: dict[ArrowKey, list[ArrowKey]]) -> Played | None:
        """Take a step towards the nearest arrow from which pairs are still open; None where none leads there."""
        came: dict[ArrowKey, ArrowKey] = {}
        waiting = [last]
        for key in waiting:
            for then in self.explorer.by_source.get((key.lifecycle, key.target), ()):
                if then in came or then not in self.explorer.arrows:
                    continue
                came[then] = came.get(key, then)
                if open_.get(then):
                    for act in self.explorer.known(player, came[then], player.held[""].record):
                        return player.play(act)
                    return None
                waiting.append(then)
        return None

    def _next(self, player: Player, last: ArrowKey, open_: dict[ArrowKey, list[ArrowKey]]) -> Played | None:
        """Take a step that makes a new pair with the last one; None where no such step is possible."""
        thens = open_.get(last, [])
        record = player.held[""].record
        while thens:
            then = thens.pop(0)
            for act in self.explorer.known(player, then, record):
                return player.play(attrs.evolve(act, after=act.after + self._pace))
            self.coverage.impossible.add((last, then))
        return None

    def _misses(self) -> None:
        """In every state, everything that must be refused, each time for one reason alone."""
        told: set[tuple[str, str]] = set()
        played: set[tuple[Act, ...]] = set()
        for acts in self.explorer.states.values():
            if acts in played:
                continue
            played.add(acts)
            if not self._missed(acts, told):
                return
        for key, story in self.explorer.arrows.items():
            missed = {event for event, code in self.coverage.refusals if code in _NEAR}
            if key.event not in missed:  # the shortest story to its state has not what the step needs
                self._missed(story[:-1], told, key.event)
        for key, story in self.explorer.arrows.items():
            if any(not self.coverage.held[rule.name] for rule in self.explorer.steps[key].guards):
                self._beside_others(key, story)
        self._late_misses(told)

    def _late_misses(self, told: set[tuple[str, str]]) -> None:
        """Near-misses of what can be done at the end of the longest tour: a record has many entries by then."""
        player = self._at(self._longest) if self._longest else None
        if player is None:
            return
        record = player.held[""].record
        here = [
            key for each in self.subject.lifecycles
            for key in self.explorer.by_source.get((each.name, getattr(record, each.field)), ())
        ]  # fmt: skip
        for event in dict.fromkeys(key.event for key in here if key in self.explorer.arrows):
            if event not in player.oracle.outcomes and not self._missed(self._longest, told, event):
                return

    def _missed(self, acts: Sequence[Act], told: set[tuple[str, str]], event: str | None = None) -> bool:
        player = self._at(acts)
        if player is None:
            return True
        near = NearMisses(self.explorer, player)
        for act in list(near.all(told) if event is None else near.of(event, told)):
            done = player.play(act)
            self.coverage.note(done)
            changed = done.answer.done
            if self.note(done.findings) or changed:
                player = self._at(acts)
                if player is None or len(self.found) >= _MOST_FINDINGS:
                    return False
        return True

    def _at(self, acts: Sequence[Act]) -> Player | None:
        """Return a player that is at the end of a story, or None where a promise broke on the way."""
        player, known = self._begun(acts)
        for place in range(known, len(acts)):
            if self.note(player.play(acts[place]).findings):
                return None
            self._keep(acts[: place + 1], player)
        return player

    def _keep(self, acts: Sequence[Act], player: Player) -> None:
        """Remember that a story is sound, and the world that it led to."""
        self._sound.add(tuple(acts))
        self.worlds.keep(acts, player)

    def _begun(self, acts: Sequence[Act]) -> tuple[Player, int]:
        """Return a player that has played the beginning of a story that is known to be sound, and how much that is."""
        self.coverage.stories += 1
        known = self.worlds.at(acts)
        if known is not None:
            return known
        player = self._walker()
        return player, self._resumed(player, acts)

    def _resumed(self, player: Player, acts: Sequence[Act]) -> int:
        """Play the beginning of a story that is known to be sound, without looking again; say how much.

        Its last step is looked at again, so that what follows is compared with what was there. Beside a host
        everything is: it may answer otherwise a second time.
        """
        if self.driver is not None:
            return 0
        known = next((place for place in range(len(acts), 0, -1) if tuple(acts[:place]) in self._sound), 0)
        player.checks = False
        for act in acts[: known - 1] if known else ():
            player.play(act)
        player.checks = True
        return max(0, known - 1)

    def _beside_others(self, key: ArrowKey, story: Sequence[Act]) -> None:
        """A guard that looks at linked records: with one that is new, it may hold the step back."""
        for prepared in self.explorer.companions(self.explorer.steps[key]):
            player = self._at(story[:-1])
            if player is None or "b" in player.held:
                return
            try:
                linked = [player.play(act) for act in prepared]
            except ITIL4Error:
                return
            if any(self.note(each.findings) for each in linked) or not all(each.answer.done for each in linked):
                continue
            played = player.play(attrs.evolve(story[-1], on=""))
            self.coverage.note(played)
            self.note(played.findings)

    def _facts(self) -> None:
        """What a step rests on may not move before it commits: a linked record that its facts list."""
        for key, story in self.explorer.arrows.items():
            if not any(fact.startswith("links.") for fact in self.explorer.steps[key].facts):
                continue
            unlinked = [*story[:-1], *self._another(), story[-1]]
            for acts in (story, unlinked, *self._with_ended(key, story)):
                self._played([*acts[:-1], attrs.evolve(acts[-1], late=True, refused=("stale",))])

    def _follow_ups(self) -> None:
        """What follows on a linked record, in each state in which it must."""
        for key, story in self.explorer.arrows.items():
            states = [state for row in self.explorer.steps[key].follow_ups for state in row.states or (key.source,)]
            for acts in self._beside_one_in(key, story, dict.fromkeys(states)):
                self._played(acts)

    def _with_ended(self, key: ArrowKey, story: Sequence[Act]) -> Iterator[list[Act]]:
        """Yield the story beside a linked record that was led into each end."""
        ends = [state.name for each in self.subject.lifecycles[:1] for state in each.states if not state.is_open]
        yield from self._beside_one_in(key, story, ends)

    def _beside_one_in(self, key: ArrowKey, story: Sequence[Act], states: Iterable[str]) -> Iterator[list[Act]]:
        """Yield the story beside a linked record that was led into each of some states."""
        for prepared in self.explorer.companions(self.explorer.steps[key]):
            for end in states:
                way = self.explorer.states.get((self.subject.lifecycles[0].name, end))
                if way is not None:
                    others = [attrs.evolve(act, on="b") for act in way if not act.on]
                    yield [*story[:-1], *others, *prepared[1:], story[-1]]

    def _another(self) -> list[Act]:
        """Return the birth of another record, which is linked to nothing."""
        return [attrs.evolve(act, on="b") for act in self._born()]

    def _links(self) -> None:
        """Records of the practice are linked and unlinked, and both ends see it."""
        for relation in self.subject.practice.relations:
            between = relation.of(self.subject.practice.kind)
            if between.allows(self.subject.practice.kind, self.subject.practice.kind):
                given = {"relation": relation.name, "to": Ref("b")}
                linked = [Act(event, given, self._everybody()) for event in ("link", "unlink")]
                self._played([*self._born(), *self._another(), *linked])

    def _texts(self) -> None:
        """Texts come back as they were given, with blanks at their ends and in any script."""
        shape = self.subject.shape
        names = [name for name in shape.checks if shape.checks and (field := shape.get(name)) and field.kind == "text"]
        for value in _TEXTS:
            self._played([*self._born(), *(Act("update", {name: value}, self._everybody()) for name in names[:3])])

    def _born(self) -> list[Act]:
        return list(next(iter(self.explorer.states.values())))[:1]

    def _everybody(self) -> Actor:
        return one_person(self.subject)

    def _loops(self) -> None:
        """Go round every loop with a guard until the guard, or a policy, ends it."""
        for key, story in self.explorer.arrows.items():
            step = self.explorer.steps[key]
            if not step.guards or all(self.coverage.held[rule.name] for rule in step.guards):
                continue
            back = self.way(key.lifecycle, key.target, key.source)
            if back is not None:
                self._pumped(story, [*back, key])

    def _pumped(self, story: Sequence[Act], loop: Sequence[ArrowKey]) -> None:
        player = self._at(story)
        for key in [*loop] * _ROUNDS if player is not None else ():
            assert player is not None
            for act in NearMisses(self.explorer, player).held_back(key) if key == loop[-1] else ():
                near = player.play(act)
                self.coverage.note(near)
                if self.note(near.findings) or near.answer.done:
                    return
            played = player.play(Act(key.event))
            self.coverage.note(played)
            if self.note(played.findings) or not played.answer.done:
                return

    def _timers(self) -> None:
        """Before its time a timer does nothing, and when it is due it does its step."""
        for lifecycle in self.subject.lifecycles:
            for state in lifecycle.states:
                acts = self.explorer.states.get((lifecycle.name, state.name))
                for timer in state.timers if acts is not None else ():
                    assert acts is not None
                    span = timer.after or timedelta(days=400)
                    entered = [*acts[:-1], attrs.evolve(acts[-1], after=span - _MOMENT)]
                    ticks = (Act("tick", after=span - _MOMENT), Act("tick", after=_MOMENT))
                    self._played([*entered, *ticks])

    def _played(self, acts: Iterable[Act]) -> None:
        """Play a story to its end, or to the first promise that it breaks."""
        story = tuple(acts)
        player, known = self._begun(story)
        for act in story[known:]:
            try:
                played = player.play(act)
            except ITIL4Error:
                return
            self.coverage.note(played)
            if self.note(played.findings) or not played.answer.done:
                return

    def way(self, lifecycle: str, source: str, target: str) -> list[ArrowKey] | None:
        """Return a shortest way of known arrows from one state to another; None when there is none."""
        came: dict[str, list[ArrowKey]] = {source: []}
        waiting = [source]
        for state in waiting:
            if state == target:
                return came[state]
            for key in self.explorer.by_source.get((lifecycle, state), ()):
                if key in self.explorer.arrows and key.target not in came:
                    came[key.target] = [*came[state], key]
                    waiting.append(key.target)
        return None

    def _candidates(self) -> None:
        """Try what the graph could not tell: stories that would break a policy, if no guard held them back."""
        known = [Story(acts) for acts in self.explorer.arrows.values()]
        for policy in self.policies:
            late = (story for each in known for story in policy.candidates(each))
            for story in (*candidates([policy], self.subject), *itertools.islice(late, 1)):
                self._played(story)
