"""A Hypothesis state machine of a practice: one rule per event, several records, time that passes, hostile hands.

    TestVesselIncidents = lifecycle_machine(VesselIncidents).TestCase

Every rule plays a step of a story, so that every promise of a walk is looked at here as well. A
failure is made short by the kit, in seconds, before Hypothesis shows it.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from keyword import iskeyword
from typing import Any, ClassVar, NoReturn, TypeAlias

import attrs

from itil4.errors import InvalidInput, ITIL4Error, MissingExtra
from itil4.lifecycle.definition import Lifecycle
from itil4.practices.base import Practice
from itil4.record import Actor, Note, blank
from itil4.record.door import field_type
from itil4.storage.protocols import Store
from itil4.testing.arrow_keys import ArrowKey
from itil4.testing.checking import Finding, Found
from itil4.testing.driver import Driver
from itil4.testing.edge_values import edges
from itil4.testing.playing import Player
from itil4.testing.policies import Policy, as_policies
from itil4.testing.showing import one_person
from itil4.testing.shrinking import shrunk
from itil4.testing.story import Act
from itil4.testing.subject import Subject
from itil4.testing.timing import moments_ahead, timers_due
from itil4.testing.values import Plain, Ref
from itil4.testing.walking import Walk

try:
    from hypothesis import HealthCheck, Phase
    from hypothesis import settings as hypothesis_settings
    from hypothesis import strategies as st
    from hypothesis.control import current_build_context
    from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
except ImportError as missing:
    raise MissingExtra.of(
        "missing_extra", package="hypothesis", what="a lifecycle machine", extra="testing"
    ) from missing

_LABELS = ("", "b", "c", "d")
_HANDS = ("able", "able", "able", "one", "anybody", "anybody", "hostile", "stale", "late", "undone")
"""Who takes a step: mostly somebody who may, with what it needs."""
_HELD = ("stale", "late", "undone")
_MOMENT = timedelta(microseconds=1)
_NEXT = 12
"""One of so many moments to come is waited for."""
_HOSTILE: tuple[Plain, ...] = (
    None, "", "  blanks  ", "Größe 漢字 😀", "'; DROP TABLE --", 0, -1, 17, 1.5, True, (), ("",), "x" * 300,
)  # fmt: skip
_SPANS = tuple(timedelta(minutes=minutes) for minutes in (1, 45, 240, 1_500, 4_400, 60_000))
_EXAMPLES, _STEPS = 60, 20

Call: TypeAlias = tuple[str, tuple[tuple[str, Any], ...]]
"""A rule that was called, and what was drawn for it."""

_ALONE = 3
"""Which of four beginnings is made by one person who may do everything: nobody who must be separate is kept apart."""


class LifecycleMachine(RuleBasedStateMachine):
    """The base of all machines; `lifecycle_machine` makes one for a practice."""

    subject: Subject
    policies: tuple[Policy, ...] = ()
    driver: Callable[[], Driver] | None = None
    walk: Walk
    short: dict[tuple[str, str | None, tuple[str, ...]], Finding]
    edges: dict[str, tuple[Plain, ...]]

    player: Player
    failed: ClassVar[tuple[object, tuple[Call, ...], Finding] | None] = None
    """The run that has found something, the rules that led there, and what it was."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.ended = False

    def _goes_on(self, call: Call) -> bool:
        """Whether a rule is played; after a finding none is, and every example ends with what was found.

        So Hypothesis, which looks for something shorter, is done in moments: the kit has made it short.
        """
        self.calls.append(call)
        found = self._found()
        if found is not None and found[1] == tuple(self.calls):
            self._end(found[2])
        return found is None

    def teardown(self) -> None:
        """End an example that came after a finding."""
        found = self._found()
        if found is not None and not self.ended:
            self._end(found[2])

    def _found(self) -> tuple[object, tuple[Call, ...], Finding] | None:
        """Return what this run of Hypothesis has found already."""
        return self.failed if self.failed is not None and self.failed[0] is _run() is not None else None

    def _end(self, found: Finding) -> NoReturn:
        """End the example; always at this line, by which Hypothesis knows a failure again."""
        self.ended = True
        raise Found([found], self.subject.name)

    def _open(self) -> None:
        """Get to know the practice and begin with nothing: in a rule, whose time Hypothesis holds against nobody."""
        self.walk = _explored(type(self))
        self.player = self._player()

    def _player(self) -> Player:
        driver = type(self).driver
        return Player(self.subject, driver() if driver else None, self.policies, self.walk.watch, thorough=True)

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
            type(self).failed = (_run(), tuple(self.calls), self.short[mark])
            self._end(self.short[mark])

    def _label(self, which: int) -> str:
        return list(self.player.held)[which % len(self.player.held)] if self.player.held else ""

    def _warm(self, which: int, label: str, pick: int) -> None:
        """Play a short prefix that leads a record somewhere; it may be born with values at the edges."""
        ways = list(self.walk.explorer.states.values())
        prefix = ways[which % len(ways)]
        if any(act.on for act in prefix):
            prefix = prefix[:1]
        one = one_person(self.subject) if which % 4 == _ALONE else None
        acts = [attrs.evolve(act, on=label, who=act.who if one is None else one) for act in prefix]
        if pick % 2:
            self._play(attrs.evolve(acts[0], payload={**acts[0].payload, **self._edge(pick // 2)}))
        rest = acts[1:] if label in self.player.held else acts
        for place, act in enumerate(rest):
            late = pick % 3 == 0 and place == len(rest) - 1  # its last state is entered some time after its birth
            self._play(attrs.evolve(act, after=act.after + _SPANS[pick % len(_SPANS)]) if late else act)

    def _edge(self, pick: int, names: Sequence[str] = ()) -> dict[str, Plain]:
        """Return a field, one of `names` or any, with a value at the edges of what it lets in."""
        names = names or list(self.subject.shape.checks)
        name = names[pick % len(names)]
        if name not in self.edges:
            field = self.subject.shape.get(name)
            try:
                known = self.subject.values(name)
            except ITIL4Error:  # nothing is known of its type, and it can stay empty
                known = ()
            self.edges[name] = edges(field, known) if field is not None else ()
        values = self.edges[name]
        return {name: values[pick // len(names) % len(values)]} if values else {}

    def _event(self, event: str, which: int, hand: str, choice: int, pick: int) -> None:
        if not self.player.held:
            return
        label = self._label(which)
        if choice % 4:
            self._lead(event, label)
        record = self.player.held[label].record
        act = self._able(event, label, record, choice)
        if hand in _HELD:
            act = _held_so(act, hand)
        elif hand == "one":
            act = attrs.evolve(act, who=one_person(self.subject))
        elif hand != "able":
            roles = (*self.subject.roles, "user")
            people = [Actor(f"some {role}", {role}) for role in roles] + [
                Actor("nobody"),
                Actor("robot", kind="system"),
            ]
            act = attrs.evolve(act, who=people[choice % len(people)])
        given = dict(act.payload)
        if hand == "hostile" and given:
            given[list(given)[choice % len(given)]] = _HOSTILE[pick % len(_HOSTILE)]
        elif pick % 3:
            fields = [name for name in given if self.subject.shape.get(name) is not None]
            if fields or not given:  # a verb with words of its own fills fields itself
                given |= self._edge(pick // 3, fields if pick % 3 == 1 or len(fields) < len(given) else ())
        self._play(attrs.evolve(act, payload=given))

    def _lead(self, event: str, label: str) -> None:
        """Lead a record to where a step can be taken, on a shortest way; where there is none it stays."""
        lifecycle = self.subject.of_event[event]
        state = getattr(self.player.held[label].record, lifecycle.field)
        ways: list[list[ArrowKey]] = [
            way for key in self.walk.explorer.keys
            if key.event == event and (way := self.walk.way(lifecycle.name, state, key.source)) is not None
        ]  # fmt: skip
        shortest: list[ArrowKey] = min(ways, key=len, default=[])
        self._follow(label, shortest)

    def _lead_to(self, label: str, lifecycle: Lifecycle, state: str) -> None:
        """Lead a record into a state, on a shortest way; where there is none it stays."""
        here = getattr(self.player.held[label].record, lifecycle.field)
        self._follow(label, self.walk.way(lifecycle.name, here, state) or ())

    def _follow(self, label: str, way: Iterable[ArrowKey]) -> None:
        for key in way:
            record = self.player.held[label].record
            act = next(self.walk.explorer.acts_for(self.player, key, record), None)
            if act is None:
                return
            self._play(attrs.evolve(act, on=label))

    def _pass_across(self, at: datetime, *, ticks: bool) -> None:
        for moment in (at - _MOMENT, at, at + _MOMENT):
            if moment >= self.player.model.now():
                self._pass_by(moment - self.player.model.now(), ticks=ticks)

    def _pass_by(self, span: timedelta, *, ticks: bool) -> None:
        self._play(Act("tick" if ticks else "wait", after=span, on=self._label(0)))

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
        "failed": None,
        "edges": {},
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

    The kit makes stories short itself, in seconds, and how long an example takes is no fault of the workflow.
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


def _run() -> object:
    """Return what stands for the present run of Hypothesis; None where it does not tell."""
    return getattr(current_build_context(), "wrapped_test", None)


def _quiet(name: str, function: Any) -> Any:
    """Return the function of a rule that does nothing where nothing can be found any more."""

    def played(self: LifecycleMachine, **drawn: Any) -> None:
        if self._goes_on((name, tuple(drawn.items()))):
            function(self, **drawn)

    played.__name__ = played.__qualname__ = name
    return played


_which = st.integers(0, len(_LABELS) - 1)
_choice = st.integers(0, 11)
_pick = st.integers(0, 2**16 - 1)
_warmth = st.integers(0, 30)
_hands = st.sampled_from(_HANDS)
_mostly = st.sampled_from((True, True, True, False))
_SAID = field_type("comment", "text", Note)


def _rules(subject: Subject) -> dict[str, Any]:
    """Return the rules of a machine by their names: one for each event, and what else happens to records."""
    found: dict[str, Any] = {}
    found["record_another"] = rule(which=_which, warm=_warmth, pick=_pick)(_quiet("record_another", _another))
    found["let_time_pass"] = rule(span=st.sampled_from(_SPANS), ticks=st.booleans())(_quiet("let_time_pass", _pass))
    found["reach_a_moment"] = rule(pick=_pick, ticks=_mostly)(_quiet("reach_a_moment", _reach))
    if any(state.timers for each in subject.lifecycles for state in each.states):
        found["run_out_a_timer"] = rule(which=_which, pick=_pick, ticks=_mostly)(_quiet("run_out_a_timer", _run_out))
    found["change_fields"] = rule(which=_which, pick=_pick, hand=_hands)(_quiet("change_fields", _update))
    found["say_something"] = rule(which=_which, pick=_pick, hand=_hands)(_quiet("say_something", _comment))
    found["link_records"] = rule(which=_which, pick=_pick, undo=st.booleans(), hand=_hands)(
        _quiet("link_records", _link)
    )
    found["unlink_records"] = rule(which=_which, pick=_pick, hand=_hands)(_quiet("unlink_records", _unlink))
    if subject.of_event:
        found["interfere"] = rule(which=_which, choice=_choice, pick=_pick)(_quiet("interfere", _interfere))
    found["begin"] = initialize(warm=_warmth, pick=_pick)(_quiet("begin", _begin))
    for event in subject.of_event:
        name = _free(event, found)
        found[name] = _step(event, name)
    return found


def _held_so(act: Act, hand: str) -> Act:
    return attrs.evolve(act, stale=hand == "stale", late=hand == "late", undone=hand == "undone", refused=None)


def _step(event: str, name: str) -> Any:
    def take(self: LifecycleMachine, which: int, hand: str, choice: int, pick: int) -> None:
        self._event(event, which, hand, choice, pick)

    return rule(which=_which, hand=_hands, choice=_choice, pick=_pick)(_quiet(name, take))


def _begin(self: LifecycleMachine, warm: int, pick: int) -> None:
    self._open()
    self._warm(warm, "", pick)


def _another(self: LifecycleMachine, which: int, warm: int, pick: int) -> None:
    label = _LABELS[which]
    if label not in self.player.held:
        self._warm(warm, label, pick)


def _pass(self: LifecycleMachine, span: timedelta, ticks: bool) -> None:
    if self.player.held:
        self._play(Act("tick" if ticks else "wait", after=span, on=self._label(0)))


def _reach(self: LifecycleMachine, pick: int, ticks: bool) -> None:
    """Let time pass to a moment before something happens of its own accord, to exactly then, and to a moment after."""
    ahead = moments_ahead(self.player)
    if ahead:
        self._pass_across(ahead[pick % min(len(ahead), _NEXT)], ticks=ticks)


def _run_out(self: LifecycleMachine, which: int, pick: int, ticks: bool) -> None:
    """Lead a record into a state that has a timer, some time after its birth, and let that time run out."""
    if not self.player.held:
        return
    label = self._label(which)
    timed = [(each, state.name) for each in self.subject.lifecycles for state in each.states if state.timers]
    if not timers_due(self.player, self.player.held[label]):
        self._pass_by(_SPANS[pick % len(_SPANS)], ticks=False)
        self._lead_to(label, *timed[pick // len(_SPANS) % len(timed)])
    due = [at for at in timers_due(self.player, self.player.held[label]).values() if at > self.player.model.now()]
    if due:
        self._pass_across(min(due), ticks=ticks)


def _comment(self: LifecycleMachine, which: int, pick: int, hand: str) -> None:
    if self.player.held:
        texts = [text for text in edges(_SAID) if not blank(text)]
        given: dict[str, Plain] = {"text": texts[pick % len(texts)]}
        if pick % 3:
            given["audience"] = ("staff", "user")[pick % 2]
        self._play(_held_so(Act("comment", given, "nobody", on=self._label(which)), hand))


def _editor(self: LifecycleMachine) -> Actor:
    return Actor("editor", one_person(self.subject).roles)


def _update(self: LifecycleMachine, which: int, pick: int, hand: str) -> None:
    if not self.player.held:
        return
    given = self._edge(pick)
    if pick % 5 == 0:
        given |= self._edge(pick // 5)
    if hand == "hostile":
        given = dict.fromkeys(given, _HOSTILE[pick % len(_HOSTILE)])
    who = Actor("nobody") if hand == "anybody" else _editor(self)
    self._play(_held_so(Act("update", given, who, on=self._label(which)), hand))


def _link(self: LifecycleMachine, which: int, pick: int, undo: bool, hand: str) -> None:
    """Link two records by a relation that may go between them, or by any, and perhaps take the link back."""
    if not self.player.held:
        return
    kind, relations = self.subject.practice.kind, self.player.model.itsm.house.relations
    able = [each for each in relations if each.allows(kind, kind)]
    names = [name for each in able or relations for name in dict.fromkeys((each.name, each.inverse))]
    label = self._label(which)
    other = next((each for each in _LABELS if each not in self.player.held), _LABELS[pick % len(_LABELS)])
    if pick % 4 == 0 or len(self.player.held) == 1:
        self._warm(pick, other, 0)
    elif pick % 8 != 1:  # else it may be linked with itself
        other = next((each for each in list(self.player.held)[pick % len(self.player.held) :] if each != label), label)
    if other not in self.player.held:
        return
    relation = names[pick % len(names)]
    given = {"relation": relation, "to": Ref(other)}
    who = _editor(self)
    self._play(_held_so(Act("link", given, who, on=label), hand))
    if undo:
        back = {"relation": relations.inverse(relation), "to": Ref(label)}
        turned = pick % 3 == 0
        self._play(Act("unlink", back if turned else given, who, on=other if turned else label))


def _unlink(self: LifecycleMachine, which: int, pick: int, hand: str) -> None:
    """Take back a link that is there, from the one end or the other."""
    desk, labels = self.player.model.desk, {held.reference: label for label, held in self.player.held.items()}
    links = [
        (label, link.relation, labels[link.target])
        for reference, label in labels.items()
        for link in desk.links(reference)
        if link.target in labels
    ]
    if links:
        label, relation, other = links[pick % len(links)]
        act = Act("unlink", {"relation": relation, "to": Ref(other)}, _editor(self), on=label)
        self._play(_held_so(act, hand))


def _interfere(self: LifecycleMachine, which: int, choice: int, pick: int) -> None:
    """Take a step that rests on other records, or any, while somebody else writes to what it rests on."""
    if not self.player.held:
        return
    resting = [event for event, facts in self.subject.tables.facts.items() if facts]
    events = resting if resting and choice % 3 else list(self.subject.of_event)
    event = events[pick % len(events)]
    if len(self.player.held) == 1:
        self._warm(pick, _LABELS[1], 0)
    label = self._label(which)
    self._lead(event, label)
    act = self._able(event, label, self.player.held[label].record, choice)
    self._play(_held_so(act, "late"))


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
