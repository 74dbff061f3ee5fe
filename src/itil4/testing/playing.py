"""Plays stories: on the library itself, and on a host beside it, and looks whether every promise is kept.

A player resolves what a story leaves open (who, and with which values), so that what it has played is
complete and plays the same again.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from datetime import timedelta
from functools import cache
from typing import Any

import attrs

from itil4.errors import InvalidInput, ITIL4Error, nearest
from itil4.record import Actor, Entry
from itil4.testing.births import births
from itil4.testing.checking import Finding
from itil4.testing.doors import beside
from itil4.testing.driver import Answer, Driver
from itil4.testing.local import seen
from itil4.testing.oracle import Expected, Oracle
from itil4.testing.policies import Policy
from itil4.testing.promises import Promises
from itil4.testing.recorder import Recorder
from itil4.testing.rules_watched import Watch
from itil4.testing.story import Act, Story
from itil4.testing.subject import OTHERS, Subject
from itil4.testing.timing import due_wrong, timers_due
from itil4.testing.values import played

SYSTEM, NOBODY = "system", "nobody"


@attrs.define
class Held:
    """A record of a story: how the drivers call it, as it is and as it was before; the same at a host.

    `hosted_version` and `hosted_older` are the versions at the host, now and before its last step;
    `drifted` says that the library has done something that no driver can, so that versions differ.
    """

    reference: str
    record: Any
    older: Any = None
    hosted: str | None = None
    hosted_version: int | None = None
    hosted_older: int | None = None
    drifted: bool = False


@attrs.frozen
class Played:
    """One step that was played.

    Attributes:
        act: it, with everything that the story left open.
        expected: what the definition says; None for what is no step of a lifecycle.
        answer: how it ended.
        before, after: the record; `before` is None at a birth.
        brought: the steps of the same record that it brought with it, as entries.
        findings: the promises that it broke.
    """

    act: Act
    expected: Expected | None
    answer: Answer
    before: Any
    after: Any
    findings: tuple[Finding, ...] = ()
    brought: tuple[Entry, ...] = ()


@cache
def _named(who: str) -> Actor:
    """Return who has the role of that name and is called like it; nobody has none."""
    return Actor(who, () if who == NOBODY else {who})


class _GivenUp(Exception):
    """Ends a block that is given up; never seen outside."""


class Player:
    """Plays one story from its beginning.

    Args:
        subject: the practice and its values.
        driver: a host to play on as well; what it does is compared with the library.
        policies: what must hold in every history.
        watch: looks over guards and effects; shared by the players of one walk.
        checks: whether promises are looked at; without, a player only gets somewhere.
        thorough: whether searches, subscribers and the records beside are looked at as well, after each step.
        sparing: whether steps that are possible in one way, in the same states, are explained once for all players.
    """

    def __init__(
        self,
        subject: Subject,
        driver: Driver | None = None,
        policies: Sequence[Policy] = (),
        watch: Watch | None = None,
        *,
        checks: bool = True,
        thorough: bool = False,
        sparing: bool = False,
    ) -> None:
        self.subject = subject
        self.model = subject.opened()
        self.thorough = thorough
        if thorough:
            self.heard = Recorder(self.model.itsm)
            """What subscribers were told."""
        self.host = driver
        self.oracle = Oracle(self.model.desk, watch or Watch(), subject.tables)
        self.policies = tuple(policies)
        self.held: dict[str, Held] = {}
        self.acts: list[Act] = []
        self.brought: tuple[Entry, ...] = ()
        """What the last step brought with it."""
        self.read: dict[Any, Any] = {}
        """The last reading of every service clock."""
        self.checks = checks
        self.sparing = sparing
        self.promises = Promises(self)

    def copy(self) -> "Player | None":
        """Return a player at the same place, which goes its own way from here; None where there can be none.

        Beside a host there is none: it has no second world.
        """
        model = self.model.copy() if self.host is None else None
        if model is None:
            return None
        made = object.__new__(type(self))
        made.subject, made.model, made.host = self.subject, model, None
        made.oracle = Oracle(model.desk, self.oracle.watch, self.subject.tables)
        made.policies, made.checks, made.sparing, made.brought = self.policies, self.checks, self.sparing, self.brought
        made.thorough = self.thorough
        if made.thorough:
            made.heard = Recorder(model.itsm)
        made.held = {label: copy(held) for label, held in self.held.items()}
        made.acts, made.read = list(self.acts), dict(self.read)
        made.promises = self.promises.copy(made)
        return made

    @property
    def story(self) -> Story:
        """What was played, complete."""
        return Story(self.acts)

    @property
    def given_besides(self) -> tuple[str, ...]:
        """What `check_story` must be given to play its story again in the same surroundings."""
        host = (f"driver={type(self.host).__name__}",) if self.host is not None else ()
        return (*self.subject.given, *host)

    def on(self, label: str) -> Held:
        """Return the record that a story calls `label`.

        Raises:
            InvalidInput: the story has no such record yet.
        """
        held = self.held.get(label)
        if held is None:
            known = ", ".join(repr(each) for each in self.held) or "none: it has to begin with log"
            raise InvalidInput.of("bad_story", text=str(self.story), place=f"record {label!r}", expected=known)
        return held

    def play(self, act: Act) -> Played:
        """Play one step. Whatever breaks on the way, but for what the story itself says wrong, is a finding.

        Raises:
            InvalidInput: the step names a record, type or event that is not there.
        """
        try:
            before = {label: held.record for label, held in self.held.items()}
            played = self._play(act)
            if played.answer.done or act.stale or act.late:
                self.oracle.forget()
            if not self.thorough or len(before) < 2 or played.findings or act.event == "tick":
                return played
            return attrs.evolve(played, findings=tuple(beside(self.promises, act, before, self.held.get(act.on))))
        except InvalidInput:
            raise
        except Exception as error:  # a store that fails, a rule that raises, a record that cannot be read
            held = self.held.get(act.on)
            found = self.promises.told("crash", f"{type(error).__name__}: {error}", act, held)
            record = held.record if held is not None else None
            return Played(act, None, Answer.failed(error), record, record, (found,))

    def _play(self, act: Act) -> Played:
        self.brought = ()
        if act.after:
            self.advance(act.after)
        if act.event in self.subject.births:
            return self._born(act)
        if not self.knows(act.event) and act.refused is None:
            near = nearest(act.event, self._events)
            where = f"a story of {self.subject.name}"
            raise InvalidInput.of("unknown_name", where=where, what="step", name=act.event, nearest=near)
        held = self.on(act.on)
        if act.stale and held.older is None:
            self._other(Act("comment", {"text": "Meanwhile"}, self._passer_by(held), on=act.on), held)
        if act.event in OTHERS:
            return self._other(act, held)
        return self._step(act, held)

    @property
    def _events(self) -> tuple[str, ...]:
        return (*self.subject.of_event, *self.subject.births, *OTHERS)

    def knows(self, event: str) -> bool:
        """Whether the practice has such a step, or a story such a word."""
        return event in self._events

    def advance(self, by: timedelta) -> None:
        """Let time pass, for the library and for the host."""
        self.model.advance(by)
        if self.host is not None:
            self.host.advance(by)

    def actor(self, who: Any, record: Any) -> Actor:
        """Return the actor that a story means: a role, one relative to the record, or somebody named."""
        if isinstance(who, Actor):
            return who
        if who is None or who == NOBODY:
            return _named(NOBODY)
        if who == SYSTEM:
            return Actor(SYSTEM, {SYSTEM}, kind="system")
        if record is not None and who in self.subject.practice.relative_roles:
            person = getattr(record, who, None)
            if isinstance(person, str) and person:
                return Actor(person)
        return _named(who)

    def given(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return values as the library takes them."""
        records = {label: held.reference for label, held in self.held.items()}
        now = self.model.now()
        return {name: played(value, now, self.subject.types, records) for name, value in payload.items()}

    # what a step is

    def _born(self, act: Act) -> Played:
        if act.on in self.held:
            expected = "a name for the second record, as in b: log"
            raise InvalidInput.of("bad_story", text=str(act), place=act.event, expected=expected)
        done = self._first(act) if act.who is None or not act.payload else None
        if done is None:
            done = act, self.model.open(self.given(act.payload), self.actor(act.who, None), act.event)
        resolved, answer = done
        self.acts.append(attrs.evolve(resolved, after=act.after, refused=act.refused))
        found: list[Finding] = []
        record = None
        if answer.seen is not None:
            record = self.model.record(answer.seen.reference)
            held = self.held[act.on] = Held(answer.seen.reference, record)
            if self.host is not None:
                found += self.promises.hosted_birth(resolved, held)
            if self.checks:
                found += self.promises.after_birth(resolved, held, answer)
        elif self.checks:
            found += self.promises.unborn(act, answer)
        return Played(self.acts[-1], None, answer, None, record, tuple(found))

    def _first(self, act: Act) -> tuple[Act, Answer] | None:
        """Return the first way in which a record can be born, and what came of it; None when there is none."""
        last: tuple[Act, Answer] | None = None
        for way in births(self, act):
            try:
                given = self.given(way.payload)
            except ITIL4Error as error:
                last = way, Answer.refused(*(reason.code for reason in error.reasons), text=str(error))
                continue
            answer = self.model.open(given, self.actor(way.who, None), way.event)
            last = way, answer
            if answer.done or answer.error:
                break
        return last

    def _step(self, act: Act, held: Held) -> Played:
        if act.who is None or act.refused is not None or not act.payload:
            from itil4.testing.searching import filled

            act = filled(self, act, held)
        actor = self.actor(act.who, held.record)
        payload = self.given(act.payload)
        self.acts.append(act)
        before = held.record
        if not self.model.sees(before, actor):
            return self._hidden(act, held, payload, actor)
        if act.undone:
            return self._undone(act, held, payload, actor)
        expected, broken = self._expected(act, before, payload, actor) if self.checks else (None, None)
        if broken is not None and self.checks:  # a rule that waits or asks the clock is not asked again
            told = self.promises.told("crash", broken, act, held)
            return Played(act, None, Answer.failed(broken), before, before, (told,))
        probe = self.promises.before_step(act, held, payload, actor) if self.checks else None
        if act.stale:
            answer = self._stale(act, held, payload, actor)
        elif act.late:
            answer = self.model.attempt(lambda: self._late(act, held, payload, actor))
        else:
            answer = self.model.fire(held.reference, act.event, payload, actor)
        found: list[Finding] = []
        after = self.model.record(held.reference)
        self.brought = self._brought(held, before, after) if answer.done else ()
        if probe is not None:
            found += self.promises.after_step(probe, expected, answer, after)
        if self.host is not None:
            found += self.promises.hosted_step(act, held, payload, actor, answer, after)
        if after.version != before.version:
            held.older, held.record = before, after
        self._refresh(held)
        return Played(act, expected, answer, before, after, tuple(found), self.brought)

    def _hidden(self, act: Act, held: Held, payload: Mapping[str, Any], actor: Actor) -> Played:
        """Take a step of a record that the practice does not show to who takes it: they must not learn of it."""
        if act.refused is not None:
            act = self.acts[-1] = attrs.evolve(act, refused=("not_found",))
        before, contents = held.record, self.model.contents()
        answer = self.model.fire(held.reference, act.event, payload, actor)
        after = self.model.record(held.reference)
        found: list[Finding] = []
        if self.checks and (answer.done or set(answer.codes) != {"not_found"}):
            text = "it is hidden from who takes the step, which must be refused for not_found."
            found.append(self.promises.told("wrong_reason" if not answer.done else "not_refused", text, act, held))
        elif self.checks and self.model.contents() != contents:
            found.append(self.promises.told("refusal_changes", "the refusal left something in the store.", act, held))
        return Played(act, None, answer, before, after, tuple(found))

    def _brought(self, held: Held, before: Any, after: Any) -> tuple[Entry, ...]:
        if after.version <= before.version + 1:
            return ()
        history = self.model.history(held.reference)
        return tuple(entry for entry in history if entry.seq > before.version + 1 and entry.op == "step")

    def _expected(
        self, act: Act, before: Any, payload: Mapping[str, Any], actor: Actor
    ) -> tuple[Expected | None, str | None]:
        try:
            verb = self._fields(act, before, payload)
            expected = self.oracle.asked(before, act.event, verb, actor, self.model.now())
            return (expected if verb is payload else attrs.evolve(expected, sure=False)), None
        except ITIL4Error as error:
            return None, str(error)

    def _fields(self, act: Act, before: Any, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields that a verb gives to its step, so that the definition can be asked about them."""
        shape, own = self.subject.shape, self._choices(act.event)
        if not all(name in shape.fields or name in shape.extra.types or name in own for name in payload):
            return self.model.handed(before, act.event, payload, self.actor(act.who, before))
        return payload

    def _choices(self, event: str) -> Iterable[str]:
        lifecycle = self.subject.of_event.get(event)
        return () if lifecycle is None else self.subject.tables.choices[lifecycle.name]

    def _stale(self, act: Act, held: Held, payload: Mapping[str, Any], actor: Actor) -> Answer:
        return self.model.fire_held(held.older, act.event, self._fields(act, held.older, payload), actor)

    def _late(self, act: Act, held: Held, payload: Mapping[str, Any], actor: Actor) -> Any:
        """Take a step in a unit of work, and let somebody else write before it commits."""
        with self.model.itsm.unit(by=actor) as desk:
            desk[self.subject.practice].fire(held.reference, act.event, **self._fields(act, held.record, payload))
            self._meddle(act, held)
        return self.model.record(held.reference)

    def _undone(self, act: Act, held: Held, payload: Mapping[str, Any], actor: Actor) -> Played:
        """Take a step and give it up, in a unit of work that commits a comment: only the comment may be there."""
        before, links = held.record, self.model.desk.links(held.reference)

        def work() -> Any:
            with self.model.itsm.unit(by=actor) as desk:
                try:
                    with desk.unit():
                        if act.event in OTHERS:
                            self._written(desk, act, held.reference, payload, actor)
                        else:
                            fields = self._fields(act, before, payload)
                            desk[self.subject.practice].fire(held.reference, act.event, **fields)
                        raise _GivenUp
                except _GivenUp:
                    desk[self.subject.practice].comment(held.reference, "Given up")
            return self.model.record(held.reference)

        answer = self.model.attempt(work)
        after = self.model.record(held.reference)
        found = list(self.promises.after_undone(act, held, links, answer, after)) if self.checks else []
        if after.version != before.version:
            held.older, held.record, held.drifted = before, after, True
        self._refresh(held)
        return Played(act, None, answer, before, after, tuple(found))

    def _meddle(self, act: Act, held: Held) -> None:
        """Write to what a late step rests on: a new link, a record that its facts list, or its own."""
        lifecycle = self.subject.of_event.get(act.event)
        steps = [step for step in lifecycle.transitions if step.event == act.event] if lifecycle else []
        unit = self.model.desk.desk.reading()
        others = [each.reference for each in self.held.values() if each is not held]
        target = held.reference
        for fact in sorted({fact for step in steps for fact in step.facts if fact.startswith("links.")}):
            listed = {other.id for other in self.model.desk.fact(fact, held.record, unit)}
            for other in others:
                if other not in listed:
                    try:
                        self.model.itsm.link(held.reference, fact.partition(".")[2], other, by=self._editor())
                    except ITIL4Error:
                        continue  # the relation goes between other kinds, or has one such link already
                    return
                target = other
        self.model.desk.comment(target, "Meanwhile", by=self._passer_by(held))

    def _editor(self) -> Actor:
        """Return somebody with every role that does not depend on a record."""
        return Actor("editor", set(self.subject.roles) - self.subject.practice.relative_roles)

    def _passer_by(self, held: Held) -> Actor:
        """Return who writes in between: somebody without any role, if the practice shows them the record."""
        nobody = Actor(NOBODY)
        return nobody if self.model.sees(held.record, nobody) else self._editor()

    def _refresh(self, done: Held) -> None:
        """Read the other records of the story again: a step may have brought steps of theirs with it."""
        for held in self.held.values():
            if held is not done:
                record = self.model.record(held.reference)
                if record.version != held.record.version:
                    held.older, held.record = held.record, record

    def _other(self, act: Act, held: Held) -> Played:
        """Play what is no step: a change of fields, a comment, a link, or only time."""
        actor = self.actor(act.who, held.record)
        before = held.record
        self.acts.append(act)
        if act.event == "wait":
            return Played(act, None, Answer(seen(before)), before, before)
        if act.event == "tick":
            return self._ticked(act, held)
        held.drifted = held.drifted or act.event != "update" or act.late or act.undone
        payload = self.given(act.payload)
        if act.undone:
            return self._undone(act, held, payload, actor)
        state = self.promises.before_other() if self.checks else None
        answer = self.model.attempt(lambda: self._done(act, held, payload, actor))
        after = self.model.record(held.reference)
        found: list[Finding] = []
        if state is not None:
            found += self.promises.after_other(act, held, state, answer, after)
        if self.host is not None and act.event == "update" and not act.late:
            found += self.promises.hosted_step(act, held, payload, actor, answer, after)
        if act.event in ("link", "unlink") and answer.done:  # a driver has no word for links: the host lacks it
            for each in self.held.values():
                if each is held or each.reference == payload.get("to"):
                    each.hosted = None
        if after.version != before.version:
            held.older, held.record = before, after
        self._refresh(held)
        return Played(act, None, answer, before, after, tuple(found))

    def _ticked(self, act: Act, held: Held) -> Played:
        """Do what fell due, and see whether it was that and nothing else."""
        before, every = held.record, list(self.held.values())
        due = [timers_due(self, each) for each in every]
        wrong = [(each, text) for each in every for text in due_wrong(self, each)]
        answer = self.model.attempt(lambda: (self.model.itsm.tick(), self.model.record(held.reference))[1])
        found = [self.promises.told("due", text, act, each) for each, text in wrong]
        for each, moments in zip(every, due, strict=True):
            after = self.model.record(each.reference)
            found += self.promises.after_tick(act, each, moments, answer, after) if self.checks else []
            each.drifted = True
            if after.version != each.record.version:
                each.older, each.record = each.record, after
        return Played(act, None, answer, before, held.record, tuple(found))

    def _done(self, act: Act, held: Held, payload: dict[str, Any], actor: Actor) -> Any:
        reference: Any = held.older if act.stale else held.reference
        if act.late:
            with self.model.itsm.unit(by=actor) as desk:
                self._written(desk, act, reference, payload, actor)
                self._meddle(act, held)
            return self.model.record(held.reference)
        done = self._written(self.model.itsm, act, reference, payload, actor)
        return self.model.record(held.reference) if act.event in ("link", "unlink") else done

    def _written(self, desk: Any, act: Act, reference: Any, payload: Mapping[str, Any], actor: Actor) -> Any:
        """Change fields, say something, link or unlink, on a desk or inside a unit of work."""
        if act.event in ("link", "unlink"):
            return getattr(desk, act.event)(reference, payload["relation"], payload["to"], by=actor)
        return getattr(desk[self.subject.practice], act.event)(reference, by=actor, **payload)
