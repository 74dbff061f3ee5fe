"""Lets a record live: it is born, and every state that it reaches it reaches by the steps of a story.

The stories are those that a walk finds, looked for once for each practice. What a test draws varies them:
further fields at birth, other texts, comments and time between the steps. So whatever is drawn has a
history that explains it, and every state can be had.
"""

from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

import attrs
from hypothesis import strategies as st

from itil4.errors import InvalidInput, ITIL4Error
from itil4.practices.base import Practice
from itil4.record import Entry, blank
from itil4.record.door import FieldType
from itil4.testing.field_strategies import texts, values_of
from itil4.testing.playing import NOBODY, Played, Player
from itil4.testing.rules_watched import Watch
from itil4.testing.searching import Explorer
from itil4.testing.story import Act
from itil4.testing.subject import Subject

Values = Mapping[str, st.SearchStrategy[Any]]

_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0, 0.000_001, 1, 60, 3_600, 90_000))


@attrs.frozen
class Life:
    """A record and the whole of its history, oldest entry first."""

    record: Any
    history: tuple[Entry, ...] = attrs.field(repr=False)

    @property
    def events(self) -> tuple[str, ...]:
        """What happened, by event, or by what it was where it was no event."""
        return tuple(entry.event or entry.op for entry in self.history)


@attrs.frozen(eq=False)
class Ways:
    """The shortest stories of a practice: (lifecycle, state) -> how a record gets there."""

    subject: Subject
    stories: Mapping[tuple[str, str], tuple[Act, ...]]

    def to(self, state: str | None) -> list[tuple[Act, ...]]:
        """Return the stories that end in a state of the main lifecycle; without one, all stories.

        Raises:
            InvalidInput: there is none.
        """
        main = self.subject.practice.lifecycle.name
        if state is None:
            return list(self.stories.values())
        found = self.stories.get((main, state))
        if found is None:
            states = tuple(name for lifecycle, name in self.stories if lifecycle == main)
            record = self.subject.practice.record.__name__
            raise InvalidInput.of("no_story", record=record, state=state, states=states)
        return [found]


_KNOWN: "WeakKeyDictionary[type[Any], Ways]" = WeakKeyDictionary()
"""The ways of the practices that were asked for without settings."""


def ways_of(
    practice: type[Practice[Any]], settings: Mapping[str, Any] | None = None, domains: Mapping[str, Any] | None = None
) -> Ways:  # fmt: skip
    """Return the ways of a practice, looked for when they are first asked for; arguments as for `walk`.

    Raises:
        InvalidInput: no record can be born.
    """
    plain = not settings and not domains
    found = _KNOWN.get(practice) if plain else None
    if found is None:
        found = _explored(Subject(practice, domains, settings))
        if plain:
            _KNOWN[practice] = found
    return found


def _explored(subject: Subject) -> Ways:
    explorer = Explorer(subject, Watch())
    wanted = {(subject.practice.lifecycle.name, name) for name in subject.practice.lifecycle.by_name}
    waiting: deque[tuple[Act, ...]] = deque((Act(verb),) for verb in subject.births)
    try:
        while waiting and not wanted <= explorer.states.keys():
            waiting += explorer._visited(waiting.popleft())
        if explorer.states and not wanted <= explorer.states.keys():
            explorer.explore()
        if not explorer.states:
            answer = Player(subject, checks=False).play(Act(next(iter(subject.births)))).answer
            raise _unborn(subject, answer.text or answer.error)
    except (TypeError, ValueError) as error:  # a type of the host refuses what the kit makes of it
        if isinstance(error, ITIL4Error):
            raise
        raise _unborn(subject, error) from error
    return Ways(subject, dict(explorer.states))


def _unborn(subject: Subject, error: object) -> InvalidInput:
    record = subject.practice.record.__name__
    return InvalidInput.of("no_birth", record=record, practice=subject.name, error=str(error))


class Living:
    """One record while it lives, along a story that what is drawn varies."""

    def __init__(self, ways: Ways, draw: st.DrawFn, values: Values) -> None:
        self.subject = ways.subject
        self.draw = draw
        self.values = values
        self.player = Player(self.subject, checks=False)

    @property
    def life(self) -> Life:
        """What became of it."""
        held = self.player.on("")
        return Life(held.record, self.player.model.history(held.reference))

    def live(self, story: tuple[Act, ...]) -> Life:
        """Play the story, with variations, and return what became of the record."""
        for act in story:
            if act.on == "" and self.player.held:
                self.aside()
            pause = act.after + self.draw(st.sampled_from(_PAUSES))
            if act.event not in self.subject.births:
                self.play(attrs.evolve(act, after=pause), self.varied(act))
            elif not self.played(attrs.evolve(act, after=pause, payload={**act.payload, **self.more(act)})):
                self.play(act, {name: self.draw(each) for name, each in self.values.items()})
        self.aside()
        return self.life

    def play(self, act: Act, varied: Mapping[str, Any]) -> None:
        """Play one act with other values, or as it is where those are refused.

        Raises:
            InvalidInput: it is refused either way.
        """
        if varied and self.played(attrs.evolve(act, payload={**act.payload, **varied})):
            return
        done = self._play(attrs.evolve(act, after=timedelta(0)) if varied else act)
        if not done.answer.done and act.event in self.subject.births:
            raise _unborn(self.subject, done.answer.text or done.answer.error)

    def played(self, act: Act) -> bool:
        """Play one act, and say whether it was taken."""
        return self._play(act).answer.done

    def _play(self, act: Act) -> Played:
        return self.player.play(act)

    # what is varied

    def more(self, act: Act) -> dict[str, Any]:
        """Draw further fields for a birth, and other texts for those that it has."""
        chosen = {name: self.draw(each) for name, each in self.values.items()}
        shape = self.subject.shape
        free = [name for name in shape.checks if name not in (*act.payload, *chosen, "extra")]
        names = self.draw(st.lists(st.sampled_from(free), max_size=3, unique=True)) if free else []
        return {**self.varied(act), **{name: self.value(name) for name in names}, **chosen}

    def varied(self, act: Act) -> dict[str, Any]:
        """Draw other values for the texts that an act gives, as far as they are free."""
        shape, subject = self.subject.shape, self.subject
        varied = {}
        for name in act.payload:
            field = shape.get(name)
            if name in self.values:
                varied[name] = self.draw(self.values[name])
            elif field is not None and field.kind == "text" and self._is_free(name) and self.draw(st.booleans()):
                varied[name] = self.value(name)
        return varied if subject.payloads.get(act.event) is None else {}

    def _is_free(self, name: str) -> bool:
        """Whether any text will do: nothing that a guard, a rule or the host names among its values."""
        subject = self.subject
        relative = name in subject.practice.relative_roles
        guarded = any(
            name in rule.reads for each in subject.lifecycles for step in each.transitions for rule in step.guards
        )
        return not relative and not guarded and len(subject.values(name)) == 2

    def value(self, name: str) -> Any:
        """Draw a value of a field that is not blank."""
        known = self.subject.shape.get(name)
        assert known is not None, name
        field: FieldType = attrs.evolve(known, optional=False)
        made = values_of(field, self.subject.practice.record.__name__)
        if field.kind in ("text", "list", "set", "mapping"):
            made = made.filter(lambda value: not blank(value))
        return self.draw(made)

    def aside(self) -> None:
        """Do something that moves nothing, perhaps: a comment, or a change of a field by whoever may."""
        what = self.draw(st.sampled_from(("", "", "", "comment", "update")))
        if not what:
            return
        desk, reference = self.player.model.desk, self.player.on("").reference
        actor = self.player.actor(next(iter(sorted(desk.editors() or ())), NOBODY), None)
        try:
            if what == "comment":
                desk.comment(reference, self.draw(texts().filter(str.strip)), by=actor)
            else:
                name = self.draw(st.sampled_from([each for each in self.subject.shape.checks if each != "extra"]))
                if self._is_free(name):
                    desk.update(reference, by=actor, **{name: self.value(name)})
        except ITIL4Error:
            return  # not allowed here: then it does not happen
        held = self.player.on("")
        held.older, held.record = held.record, desk.get(reference)
