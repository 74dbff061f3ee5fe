"""A Hypothesis state machine of a practice: one rule per event, several records, time that passes, hostile hands.

    TestVesselIncidents = lifecycle_machine(VesselIncidents).TestCase

Every rule plays a step of a story, so that every promise of a walk is looked at here as well. A
failure is made short by the kit, in seconds, before Hypothesis shows it.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import timedelta
from keyword import iskeyword
from typing import Any

import attrs

from itil4.errors import InvalidInput, ITIL4Error, MissingExtra
from itil4.practices.base import Practice
from itil4.record import Actor
from itil4.storage.protocols import Store
from itil4.testing.checking import Finding, Found
from itil4.testing.driver import Driver
from itil4.testing.playing import Player
from itil4.testing.policies import Policy, as_policies
from itil4.testing.showing import one_person
from itil4.testing.shrinking import shrunk
from itil4.testing.story import Act
from itil4.testing.subject import Subject
from itil4.testing.values import Plain, Ref
from itil4.testing.walking import Walk

try:
    from hypothesis import HealthCheck, Phase
    from hypothesis import settings as hypothesis_settings
    from hypothesis import strategies as st
    from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
except ImportError as missing:
    raise MissingExtra.of(
        "missing_extra", package="hypothesis", what="a lifecycle machine", extra="testing"
    ) from missing

_LABELS = ("", "b", "c", "d")
_HANDS = ("able", "able", "able", "one", "anybody", "anybody", "hostile", "stale", "late", "undone")
"""Who takes a step: mostly somebody who may, with what it needs."""
_HOSTILE: tuple[Plain, ...] = (
    None, "", "  blanks  ", "Größe 漢字 😀", "'; DROP TABLE --", 0, -1, 17, 1.5, True, (), ("",), "x" * 300,
)  # fmt: skip
_SPANS = tuple(timedelta(minutes=minutes) for minutes in (1, 45, 240, 1_500, 4_400, 60_000))
_EXAMPLES, _STEPS = 60, 20
_ALONE = 3
"""Which of four beginnings is made by one person who may do everything: nobody who must be separate is kept apart."""


class LifecycleMachine(RuleBasedStateMachine):
    """The base of all machines; `lifecycle_machine` makes one for a practice."""

    subject: Subject
    policies: tuple[Policy, ...] = ()
    driver: Callable[[], Driver] | None = None
    walk: Walk
    short: dict[tuple[str, str | None, tuple[str, ...]], Finding]

    def __init__(self) -> None:
        super().__init__()
        self.walk = _explored(type(self))
        self.player = self._player()

    def _player(self) -> Player:
        driver = type(self).driver
        return Player(self.subject, driver() if driver else None, self.policies, self.walk.watch)

    def _play(self, act: Act) -> None:
        """Play a step; a promise that it breaks ends the example with the shortest story."""
        try:
            played = self.player.play(act)
        except InvalidInput:
            return  # the step names a record that was not born, or a value that does not exist
        if played.findings:
            found = played.findings[0]
            mark = (found.code, found.event, found.given)
            if mark not in self.short:
                self.short[mark] = shrunk(found, self._player)
            raise Found([self.short[mark]], self.subject.name)

    def _label(self, which: int) -> str:
        return list(self.player.held)[which % len(self.player.held)] if self.player.held else ""

    def _warm(self, which: int, label: str) -> None:
        """Play a short prefix that leads a record somewhere."""
        ways = list(self.walk.explorer.states.values())
        prefix = ways[which % len(ways)]
        if any(act.on for act in prefix):
            prefix = prefix[:1]
        one = one_person(self.subject) if which % 4 == _ALONE else None
        for act in prefix:
            self._play(attrs.evolve(act, on=label, who=act.who if one is None else one))

    def _event(self, event: str, which: int, hand: str, choice: int, value: Any) -> None:
        if not self.player.held:
            return
        label = self._label(which)
        if choice % 4:
            self._lead(event, label)
        record = self.player.held[label].record
        act = self._able(event, label, record, choice)
        if hand in ("stale", "late", "undone"):
            act = attrs.evolve(
                act, stale=hand == "stale", late=hand == "late", undone=hand == "undone", refused=None
            )  # fmt: skip
        elif hand == "one":
            act = attrs.evolve(act, who=one_person(self.subject))
        elif hand != "able":
            roles = (*self.subject.roles, "user")
            people = [Actor(f"some {role}", {role}) for role in roles] + [
                Actor("nobody"),
                Actor("robot", kind="system"),
            ]
            act = attrs.evolve(act, who=people[choice % len(people)])
            if hand == "hostile" and act.payload:
                name = list(act.payload)[choice % len(act.payload)]
                act = attrs.evolve(act, payload={**act.payload, name: value})
        self._play(act)

    def _lead(self, event: str, label: str) -> None:
        """Lead a record to where a step can be taken, on a shortest way; where there is none it stays."""
        explorer, lifecycle = self.walk.explorer, self.subject.of_event[event]
        state = getattr(self.player.held[label].record, lifecycle.field)
        ways = [
            way for key in explorer.keys
            if key.event == event and (way := self.walk.way(lifecycle.name, state, key.source)) is not None
        ]  # fmt: skip
        for key in min(ways, key=len, default=[]):
            record = self.player.held[label].record
            act = next(explorer.acts_for(self.player, key, record), None)
            if act is None:
                return
            self._play(attrs.evolve(act, on=label))

    def _able(self, event: str, label: str, record: Any, choice: int) -> Act:
        """Return an act of somebody who may take a step now; where nobody may, as it would be taken elsewhere."""
        explorer, lifecycle = self.walk.explorer, self.subject.of_event[event]
        state = getattr(record, lifecycle.field)
        found: list[Act] = []
        for key in explorer.by_source.get((lifecycle.name, state), ()):
            if key.event == event:
                for act in explorer.acts_for(self.player, key, record):
                    found.append(act)
                    if len(found) > choice % 4:
                        break
        if found:
            return attrs.evolve(found[choice % len(found)], on=label)
        known = next((acts[-1] for key, acts in explorer.arrows.items() if key.event == event), Act(event))
        return attrs.evolve(known, on=label, who=known.who or "nobody")


def lifecycle_machine(
    practice: type[Practice[Any]],
    store: Store | str | None = None,
    policies: Sequence[Policy] | Policy = (),
    *,
    domains: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    driver: Callable[[], Driver] | None = None,
    accept: Iterable[str] = (),
) -> type[LifecycleMachine]:
    """Return a state machine of a practice; its `TestCase` is a test.

    Set other numbers of examples with `machine.TestCase.settings = hypothesis.settings(...)`.

    Args:
        practice: the class.
        store, policies, domains, settings, driver, accept: as for `walk`.

    Raises:
        InvalidInput: it is no practice class.
        MissingExtra: hypothesis is not installed.
    """
    subject = Subject(practice, domains, settings, store, accept)
    made: dict[str, Any] = {
        "__doc__": f"Whatever is done to records of {practice.__name__}, the promises of the library hold.",
        "__module__": practice.__module__,
        "subject": subject,
        "policies": as_policies(policies),
        "driver": None if driver is None else staticmethod(driver),
        "short": {},
    }
    made |= _rules(subject)
    machine: type[LifecycleMachine] = type(f"{practice.__name__}Machine", (LifecycleMachine,), made)
    machine.TestCase.settings = hypothesis_settings(
        max_examples=_EXAMPLES, stateful_step_count=_STEPS, deadline=None, report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),  # the kit makes stories short itself, and faster
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    _calmed(machine)
    return machine


def _calmed(machine: type[LifecycleMachine]) -> None:
    """Let its test keep to a user's own settings, but for what would end in a riddle instead of a finding.

    Exploring comes before the first example, which Hypothesis would call slow generation; and the kit makes
    stories short itself, in seconds.
    """

    def runTest(case: Any) -> None:  # noqa: N802 - the name that unittest looks for
        own = case.settings
        run_state_machine_as_test(
            machine,
            settings=hypothesis_settings(
                own, deadline=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
                phases=[each for each in own.phases if each not in (Phase.shrink, Phase.explain)],
            ),
        )  # fmt: skip

    runTest.is_hypothesis_test = True  # type: ignore[attr-defined]  # by these two Hypothesis and pytest know its tests
    runTest._hypothesis_state_machine_class = machine  # type: ignore[attr-defined]  # as above
    machine.TestCase.runTest = runTest  # type: ignore[assignment]  # the class is made for this machine alone


def _free(name: str, taken: Container[str]) -> str:
    """Return a name for the rule of an event that no attribute of the machine has, and no other rule."""
    plain = "".join(sign if sign.isalnum() else "_" for sign in name)
    plain = plain if plain.isidentifier() and not iskeyword(plain) else f"step_{plain}"
    while hasattr(LifecycleMachine, plain) or plain in taken:
        plain += "_"
    return plain


_which = st.integers(0, len(_LABELS) - 1)
_choice = st.integers(0, 11)


def _rules(subject: Subject) -> dict[str, Any]:
    """Return the rules of a machine by their names: one for each event, and what else happens to records."""
    found: dict[str, Any] = {}
    found["record_another"] = rule(which=_which, warm=st.integers(0, 30))(_another)
    found["let_time_pass"] = rule(span=st.sampled_from(_SPANS), ticks=st.booleans())(_pass)
    found["change_fields"] = rule(which=_which, choice=_choice, value=st.sampled_from(_HOSTILE), hand=_hands)(_update)
    found["say_something"] = rule(which=_which, text=st.text(max_size=20))(_comment)
    if any(relation.ends for relation in subject.practice.relations):
        found["link_records"] = rule(which=_which, other=_which, choice=_choice, undo=st.booleans())(_link)
    found["begin"] = initialize(warm=st.integers(0, 30))(_begin)
    for event in subject.of_event:
        name = _free(event, found)
        found[name] = _step(event, name)
    return found


_hands = st.sampled_from(_HANDS)


def _step(event: str, name: str) -> Any:
    def take(self: LifecycleMachine, which: int, hand: str, choice: int, value: Any) -> None:
        self._event(event, which, hand, choice, value)

    take.__name__ = take.__qualname__ = name
    return rule(which=_which, hand=_hands, choice=_choice, value=st.sampled_from(_HOSTILE))(take)


def _begin(self: LifecycleMachine, warm: int) -> None:
    self._warm(warm, "")


def _another(self: LifecycleMachine, which: int, warm: int) -> None:
    label = _LABELS[which]
    if label not in self.player.held:
        self._warm(warm, label)


def _pass(self: LifecycleMachine, span: timedelta, ticks: bool) -> None:
    if self.player.held:
        self._play(Act("tick" if ticks else "wait", after=span))


def _comment(self: LifecycleMachine, which: int, text: str) -> None:
    if self.player.held:
        self._play(Act("comment", {"text": text}, "nobody", on=self._label(which)))


def _update(self: LifecycleMachine, which: int, choice: int, value: Any, hand: str) -> None:
    if not self.player.held:
        return
    names = list(self.subject.shape.checks)
    name = names[choice * 7 % len(names)]
    try:
        values = self.subject.values(name)
    except ITIL4Error:
        values = ()
    given = value if hand == "hostile" or not values else values[choice % len(values)]
    roles = [role for role in self.subject.roles if role not in self.subject.practice.relative_roles]
    who = Actor("nobody") if hand == "anybody" else Actor("editor", roles)
    self._play(Act("update", {name: given}, who, on=self._label(which), stale=hand == "stale"))


def _link(self: LifecycleMachine, which: int, other: int, choice: int, undo: bool) -> None:
    if not self.player.held:
        return
    names = [name for each in self.subject.practice.relations for name in (each.name, each.inverse)]
    roles = [role for role in self.subject.roles if role not in self.subject.practice.relative_roles]
    payload = {"relation": names[choice % len(names)], "to": Ref(self._label(other))}
    self._play(Act("unlink" if undo else "link", payload, Actor("editor", roles), on=self._label(which)))


def _explored(machine: type[LifecycleMachine]) -> Walk:
    """Return what is known about ways through the practice, found once for each machine.

    Raises:
        Found: nothing can be recorded, no step can be taken by anybody, or a rule is none that can be trusted.
    """
    known = vars(machine).get("walk")
    if isinstance(known, Walk):
        return known
    walk = Walk(machine.subject, machine.policies)
    walk._explore()
    walk._rules()
    fatal = [each for each in walk.found if each.severity == "error"]
    if fatal:
        raise Found(fatal, machine.subject.name)
    machine.walk = walk
    return walk
