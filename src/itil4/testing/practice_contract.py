"""What every practice promises, built in or written by a host, as tests that run by subclassing one class.

    from itil4.testing import PracticeContract

    class TestVesselIncidents(PracticeContract):
        practice = VesselIncidents
        policies = [precedence("resolve", "close")]

Each promise is a test of its own, so that a failure says which one is broken, with the shortest story.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from keyword import iskeyword
from pathlib import Path
from typing import Any, ClassVar

import pytest

from itil4.lifecycle import Transition
from itil4.practices.base import Practice
from itil4.practices.built_in import BUILT_IN
from itil4.record import Actor
from itil4.testing.checking import check_lifecycle
from itil4.testing.living import Ways, ways_of
from itil4.testing.playing import Player
from itil4.testing.policies import Policy
from itil4.testing.subject import Subject
from itil4.testing.walking import Walk
from itil4.vocabulary import OPEN

_REFUSALS = frozenset(("role", "internal", "denied", "guard", "approval_decides", "not_found"))
"""Codes of a refusal by who acts or may see, by a guard, or because only an approval brings the step."""


_ALIKE = 0.9
"""Names that are so much alike are taken for one, mistyped."""


class PracticeContract:
    """Every promise of a practice; subclass it and name the practice.

    Class attributes:
        practice: the class that is examined.
        policies: what must hold in every history, as for `walk`.
        domains, settings, accept: as for `walk`.
        unguarded: events that are meant to be open to everybody and never refused to anybody.
        machine_examples: how many stories the state machine plays; 0 leaves it out.
    """

    practice: ClassVar[type[Practice[Any]]]
    policies: ClassVar[Sequence[Policy] | Policy] = ()
    domains: ClassVar[Mapping[str, Any] | None] = None
    settings: ClassVar[Mapping[str, Any] | None] = None
    accept: ClassVar[Iterable[str]] = ()
    unguarded: ClassVar[Iterable[str]] = ()
    machine_examples: ClassVar[int] = 10

    @pytest.fixture(scope="class")
    @classmethod
    def walked(cls) -> Walk:
        """The walk that several promises look at, taken once."""
        subject = Subject(cls.practice, cls.domains, cls.settings, None, cls.accept)
        policies = (cls.policies,) if isinstance(cls.policies, Policy) else tuple(cls.policies)
        walk = Walk(subject, policies)
        walk.run()
        return walk

    @pytest.fixture(scope="class")
    @classmethod
    def ways(cls) -> Ways:
        """The shortest stories to every state."""
        return ways_of(cls.practice, cls.settings, cls.domains)

    # what the class says

    def test_its_name_is_one_of_the_catalogue_or_its_own(self) -> None:
        """A name that looks like one of the 34 practices is that one; slot, kind and prefix belong to nobody else."""
        from itil4.practices.catalogue import catalogue

        cls, known = self.practice, [profile.id for profile in catalogue()]
        near = [] if cls.name in known else get_close_matches(cls.name, known, n=1, cutoff=_ALIKE)
        assert near == [], f"{cls.name!r} is not in the catalogue of practices. Did you mean {near[0]!r}?"
        for place in BUILT_IN:
            if place.slot != cls.slot:
                assert cls.kind != place.kind, f"the kind {cls.kind!r} is that of the slot {place.slot!r}"
                assert cls.prefix != place.prefix, f"the prefix {cls.prefix!r} is that of the slot {place.slot!r}"

    def test_every_event_that_is_an_identifier_has_a_verb(self) -> None:
        """`practice.resolve(...)` is there for the event `resolve`, and says what it does."""
        for lifecycle in self.practice.lifecycles():
            for event in lifecycle.events:
                if event.isidentifier() and not iskeyword(event):
                    verb = getattr(self.practice, event, None)
                    assert callable(verb), f"{self.practice.__name__} has no verb {event!r}"
                    assert verb.__doc__, f"the verb {event!r} does not say what it does"

    def test_its_records_are_values(self) -> None:
        """They are frozen and have slots, and every schema up to the present one leads to it."""
        record = self.practice.record
        assert "__slots__" in vars(record), f"{record.__name__} has no slots; decorate it with @attrs.frozen"
        with pytest.raises(AttributeError):
            setattr(object.__new__(record), "state", "anything")  # noqa: B010 - a frozen class refuses exactly this
        unknown = [number for number in self.practice.upcasters if not 1 <= number < record.schema]
        assert unknown == [], f"upcasters for schemas that never were: {unknown}; {record.__name__} is {record.schema}"

    def test_nothing_is_found_in_its_lifecycles(self) -> None:
        """What can be seen without running it, policies on the graph included, is sound."""
        cls = type(self)
        check_lifecycle(cls.practice, domains=cls.domains, policies=cls.policies, accept=cls.accept)

    # what it does

    def test_a_walk_finds_nothing(self, walked: Walk) -> None:
        """Every step, pair and refusal is as the definition says; the history always rebuilds the record."""
        assert walked.found == [], "\n\n".join(map(str, walked.found))

    def test_every_guarded_event_is_refused_to_somebody(self, walked: Walk) -> None:
        """A role or guard that nobody was ever refused for protects nothing; and something is protected."""
        steps = [step for lifecycle in self.practice.lifecycles() for step in lifecycle.transitions]
        taken = {key.event for key, times in walked.coverage.arrows.items() if times}
        guarded = dict.fromkeys(step.event for step in steps if _guards(step) and step.event in taken)
        refused = {event for event, code in walked.coverage.refusals if code in _REFUSALS}
        assert guarded, f"anybody may do everything in {self.practice.__name__}: no role, no guard"
        loose = [
            event for event in guarded
            if event not in refused and event not in self.unguarded and not _refuses_whoever_has_no_role(walked, event)
        ]  # fmt: skip
        assert loose == [], f"refused to nobody, whatever was tried: {', '.join(loose)}"

    @pytest.mark.parametrize("kept", ["memory", "sqlite"])
    def test_records_of_every_state_are_found_as_they_are(self, ways: Ways, kept: str, tmp_path: Path) -> None:
        """What is read, rebuilt, found and counted is what was done, in every state and in both stores."""
        for (name, state), record, player in self._lived(ways, None if kept == "memory" else tmp_path):
            desk, where = player.model.desk, f"{name} {state!r}"
            assert desk.get(record.id) == record, f"{where}: what is read is not what was stored"
            assert desk.replayed(record) == record, f"{where}: the history rebuilds another record"
            is_open = self.practice.lifecycle.category(record.state) in OPEN
            held = {each.id for each in desk.find(is_open=is_open).items}
            assert record.id in held, f"{where}: not found among those that are {'open' if is_open else 'over'}"
            wrong = {each.id for each in desk.find(is_open=not is_open).items}
            assert record.id not in wrong, f"{where}: found among those that are {'over' if is_open else 'open'}"
            assert desk.count(state=record.state) == len(desk.find(state=record.state).items), where
            assert record.id in {each.id for each in desk.find(state=record.state).items}, where

    def test_figures_can_be_computed_over_records_of_every_state(self, ways: Ways) -> None:
        """Whatever states the records are in, figures raise nothing, and repeat."""
        if not hasattr(self.practice, "figures"):
            pytest.skip(f"{self.practice.__name__} has no figures")
        for (name, state), _, player in self._lived(ways, None):
            figures = player.model.desk.figures  # type: ignore[attr-defined]  # asked above
            assert figures() == figures(), f"{name} {state!r}: the same question has two answers"

    def test_random_stories_break_no_promise(self) -> None:
        """Several records, hostile hands and time that passes: the state machine of the practice, for a short while."""
        cls = type(self)
        if not cls.machine_examples:
            pytest.skip("machine_examples is 0")
        hypothesis = pytest.importorskip("hypothesis", reason="the state machine needs hypothesis")
        from hypothesis.stateful import run_state_machine_as_test

        from itil4.testing.machine import lifecycle_machine

        machine = lifecycle_machine(
            cls.practice, policies=cls.policies, domains=cls.domains, settings=cls.settings, accept=cls.accept
        )  # fmt: skip
        chosen = hypothesis.settings(machine.TestCase.settings, max_examples=cls.machine_examples, derandomize=True)
        run_state_machine_as_test(machine, settings=chosen)

    def _lived(self, ways: Ways, folder: Path | None) -> Iterator[tuple[tuple[str, str], Any, Player]]:
        """Yield each state with a record that has lived up to it, on a desk of its own."""
        cls = type(self)
        for number, (place, story) in enumerate(ways.stories.items()):
            store = None if folder is None else f"sqlite:///{folder / f'{number}.db'}"
            subject = ways.subject if store is None else Subject(cls.practice, cls.domains, cls.settings, store)
            player = Player(subject, checks=False)
            for act in story:
                player.play(act)
            yield place, player.on("").record, player


def _refuses_whoever_has_no_role(walked: Walk, event: str) -> bool:
    """Whether a step that is possible for somebody is refused to an actor without a role."""
    for key, story in walked.explorer.arrows.items():
        if key.event == event:
            player = walked.explorer.player(story[:-1])
            given = player.given(story[-1].payload)
            answer = player.model.fire(player.on("").reference, event, given, Actor("nobody"))
            return not _REFUSALS.isdisjoint(answer.codes)
    return False


def _guards(step: Transition) -> bool:
    return bool(step.roles or step.denied or step.guards or step.internal)
