"""Policies: what must hold in every workflow of a practice, said in one line and checked in three ways.

A policy is checked on the lifecycle's graph (`policy.on`), on every history that a walk or a machine
makes, and on recorded histories (`policy.violations`). All three run the same monitor, so that they
cannot disagree about what the policy means.

>>> from itil4 import IncidentManagement
>>> print(precedence("resolve", "close").on(IncidentManagement.lifecycle))
holds
>>> print(precedence("assign", "resolve").on(IncidentManagement.lifecycle))
broken: log -> resolve

Events are those of the lifecycles; `log` is the birth of a record.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import attrs

from itil4.errors import InvalidInput
from itil4.lifecycle.definition import Lifecycle
from itil4.record import Entry
from itil4.testing.story import Act, Story
from itil4.testing.values import span_of, span_text

LOG = "log"

Memory = Hashable
"""What a monitor remembers of the steps so far."""


class Happened(NamedTuple):
    """One step, as a monitor sees it: taken in a history, or possible in a graph."""

    event: str
    source: str | None
    target: str | None
    roles: frozenset[str]
    by: str
    at: datetime | None


@attrs.frozen
class Verdict:
    """What the graph of a lifecycle says about a policy.

    Attributes:
        holds: True: no sequence of steps breaks it. False: `story` does. None: it cannot be told from
            the graph, for the reason in `why`; `story` is then a candidate that a walk has to try.
        story: a shortest sequence of steps that breaks it.
    """

    holds: bool | None
    story: Story | None = None
    why: str = ""

    def __str__(self) -> str:
        if self.holds:
            return "holds"
        if self.holds is False:
            return f"broken: {self.story}"
        return f"cannot be told from the graph: {self.why}" + (f" Candidate: {self.story}" if self.story else "")


@attrs.frozen
class Violation:
    """Where a history breaks a policy: the entry at which it became so."""

    policy: "Policy"
    entry: Entry
    text: str

    def __str__(self) -> str:
        entry = self.entry
        roles = f" as {', '.join(entry.roles)}" if entry.roles else ""
        return (
            f"{self.policy}: {self.text} Entry {entry.seq} of {entry.record_id}: {entry.event!r} by {entry.by}{roles}."
        )


@attrs.frozen
class Policy:
    """The base of all policies; a new one is a monitor: what it remembers, and when it is broken."""

    @property
    def events(self) -> tuple[str, ...]:
        """The events that it speaks of, each of which the lifecycle has to have."""
        return ()

    def begin(self) -> Memory:
        """Return what it remembers before the birth of a record."""
        return None

    def after(self, memory: Memory, step: Happened) -> Memory:
        """Return what it remembers after a step."""
        return memory

    def broken(self, memory: Memory, step: Happened) -> str | None:
        """Say how the step broke it, or None; `memory` is that from before the step."""
        return None

    def owes(self, memory: Memory) -> str | None:
        """Return the event that must still come, or None."""
        return None

    untold: str = attrs.field(default="", init=False, repr=False)
    """Why the graph alone cannot break it, where that is so."""
    names_roles: bool = attrs.field(default=False, init=False, repr=False)
    """Whether it matters as whom a step is taken, so that a story has to say it."""

    names_people: bool = attrs.field(default=False, init=False, repr=False)
    """Whether it matters who takes a step, so that one person has to play the story."""

    def candidates(self, story: Story) -> Iterator[Story]:
        """Yield stories that could break it, made of one in which its events come; beside what the graph says."""
        return iter(())

    # on the graph

    def on(self, lifecycle: Lifecycle) -> Verdict:
        """Check it on the graph of a lifecycle.

        Raises:
            InvalidInput: it speaks of an event that the lifecycle does not have.
        """
        from itil4.testing.graphs import verdict

        return verdict(self, lifecycle)

    # on histories

    def violations(
        self, history: Iterable[Entry], lifecycle: Lifecycle | Sequence[Lifecycle] = ()
    ) -> tuple[Violation, ...]:  # fmt: skip
        """Return where the history of one record breaks it.

        Args:
            history: its entries, oldest first.
            lifecycle: the main lifecycle, or all of them, the main one first; with it, what can never come any
                more counts as broken too.
        """
        lifecycles = (lifecycle,) if isinstance(lifecycle, Lifecycle) else tuple(lifecycle)
        found = self.watched(history, lifecycles).violation
        return () if found is None else (found,)

    def watched(
        self, entries: Iterable[Entry], lifecycles: tuple[Lifecycle, ...], before: "Watched | None" = None
    ) -> "Watched":
        """Return what it remembers of the history of a record up to its first violation.

        Args:
            entries: the entries that are not looked at yet, oldest first.
            lifecycles: all of them, the main one first; without any, nothing is said of what can never come.
            before: what it remembers of the entries before these.
        """
        seen = Watched(self.begin()) if before is None else before
        for entry in entries:
            step = happened(entry)
            if step is None or seen.violation is not None:
                continue
            text = self.broken(seen.memory, step)
            memory, states = self.after(seen.memory, step), {**seen.states, **_moved(entry, lifecycles)}
            if text is None and (owed := self.owes(memory)) is not None:
                text = _stuck(states, lifecycles, owed)
            seen = Watched(memory, states, None if text is None else Violation(self, entry, text))
        return seen


@attrs.frozen
class Watched:
    """What a policy remembers of the history of one record.

    Attributes:
        memory: what its monitor remembers.
        states: lifecycle -> the state that the record is in; None where no entry told it.
        violation: where the history broke it first.
    """

    memory: Memory
    states: Mapping[str, str | None] = attrs.field(factory=dict)
    violation: Violation | None = None


def happened(entry: Entry) -> Happened | None:
    """Return the step that an entry is, or None for comments, links and changes of fields."""
    if entry.op in ("birth", "import"):
        return Happened(LOG, None, entry.to_state, frozenset(entry.roles), entry.by, entry.at)
    if entry.op != "step" or entry.event is None:
        return None
    return Happened(entry.event, entry.from_state, entry.to_state, frozenset(entry.roles), entry.by, entry.at)


def _moved(entry: Entry, lifecycles: tuple[Lifecycle, ...]) -> dict[str, str | None]:
    """Return the states that a record is in since an entry, by lifecycle; None where the entry cannot tell."""
    if entry.op == "step":
        return {each.name: entry.to_state for each in lifecycles if entry.event in each.events}
    born = {each.name: each.initial[0] if len(each.initial) == 1 else None for each in lifecycles[1:]}
    return {**{each.name: entry.to_state for each in lifecycles[:1]}, **born}


def _stuck(states: Mapping[str, str | None], lifecycles: tuple[Lifecycle, ...], owed: str) -> str | None:
    """Say that an event can never come any more from where a record is, or return None."""
    from itil4.testing.graphs import still_comes

    for each in lifecycles:
        state = states.get(each.name)
        if owed in each.events and state in each.by_name and not still_comes(each, str(state), owed):
            return f"{owed!r} can never come any more."
    return None


@attrs.frozen
class _Never(Policy):
    """No such step is ever taken; see `never`."""

    event: str | None
    source: str | None
    target: str | None
    behind: str | None

    @property
    def events(self) -> tuple[str, ...]:
        return tuple(each for each in (self.event, self.behind) if each is not None)

    def begin(self) -> Memory:
        return self.behind is None

    def after(self, memory: Memory, step: Happened) -> Memory:
        return memory or step.event == self.behind

    def broken(self, memory: Memory, step: Happened) -> str | None:
        if not memory:
            return None
        for wanted, found in ((self.event, step.event), (self.source, step.source), (self.target, step.target)):
            if wanted is not None and wanted != found:
                return None
        return f"{step.event!r} was taken from {step.source!r} to {step.target!r}."

    def __str__(self) -> str:
        said = [repr(self.event)] if self.event else []
        named = (("source", self.source), ("target", self.target), ("after", self.behind))
        said += [f"{name}={value!r}" for name, value in named if value is not None]
        return f"never({', '.join(said)})"


@attrs.frozen
class _OnlyRoles(Policy):
    """Only some take a step; see `only_roles`."""

    event: str
    roles: frozenset[str]
    names_roles: bool = attrs.field(default=True, init=False, repr=False)

    @property
    def events(self) -> tuple[str, ...]:
        return (self.event,)

    def broken(self, memory: Memory, step: Happened) -> str | None:
        if step.event != self.event or not self.roles.isdisjoint(step.roles):
            return None
        used = f"only as {', '.join(sorted(step.roles))}" if step.roles else "without a role"
        return f"{step.event!r} was taken {used}."

    def __str__(self) -> str:
        return f"only_roles({self.event!r}, {', '.join(map(repr, sorted(self.roles)))})"


@attrs.frozen
class _OfTwo(Policy):
    """A policy about two steps."""

    first: str
    then: str

    @property
    def events(self) -> tuple[str, ...]:
        return (self.first, self.then)


@attrs.frozen
class _Precedence(_OfTwo):
    """One step comes before another; see `precedence`."""

    def begin(self) -> Memory:
        return False

    def after(self, memory: Memory, step: Happened) -> Memory:
        return memory or step.event == self.first

    def broken(self, memory: Memory, step: Happened) -> str | None:
        return f"{self.then!r} was taken before any {self.first!r}." if step.event == self.then and not memory else None

    def __str__(self) -> str:
        return f"precedence({self.first!r}, {self.then!r})"


@attrs.frozen
class _Response(_OfTwo):
    """One step is answered by another; see `response`."""

    def begin(self) -> Memory:
        return False

    def after(self, memory: Memory, step: Happened) -> Memory:
        if step.event == self.then:
            return step.event == self.first
        return memory or step.event == self.first

    def owes(self, memory: Memory) -> str | None:
        return self.then if memory else None

    def __str__(self) -> str:
        return f"response({self.first!r}, {self.then!r})"


@attrs.frozen
class _AtMost(Policy):
    """A step is taken only so often; see `at_most`."""

    event: str
    times: int

    @property
    def events(self) -> tuple[str, ...]:
        return (self.event,)

    def begin(self) -> Memory:
        return 0

    def after(self, memory: Memory, step: Happened) -> Memory:
        count = memory if isinstance(memory, int) else 0
        return min(count + (step.event == self.event), self.times)

    def broken(self, memory: Memory, step: Happened) -> str | None:
        if step.event != self.event or memory != self.times:
            return None
        return f"{self.event!r} was taken more than {self.times} times."

    def __str__(self) -> str:
        return f"at_most({self.event!r}, {self.times})"


@attrs.frozen
class _AlwaysWithin(_OfTwo):
    """One step follows another in time; see `always_within`."""

    within: timedelta
    untold: str = attrs.field(default="time is not in the graph.", init=False, repr=False)

    def after(self, memory: Memory, step: Happened) -> Memory:
        if step.event == self.then:
            return step.at if step.event == self.first else None
        return step.at if memory is None and step.event == self.first else memory

    def broken(self, memory: Memory, step: Happened) -> str | None:
        if not isinstance(memory, datetime) or step.at is None or step.at - memory <= self.within:
            return None
        late = f"came {step.at - memory} after" if step.event == self.then else f"had not come {step.at - memory} after"
        return f"{self.then!r} {late} {self.first!r}."

    def owes(self, memory: Memory) -> str | None:
        return None if memory is None else self.then

    def candidates(self, story: Story) -> Iterator[Story]:
        for place, act in enumerate(story):
            if act.event == self.then and self.first in story.events[:place]:
                in_time = Act("tick", after=act.after + self.within)  # so that what timers do is done in time
                yield Story((*story.acts[:place], in_time, attrs.evolve(act, after=timedelta(minutes=1))))
                return

    def __str__(self) -> str:
        return f"always_within({self.first!r}, {self.then!r}, {span_text(self.within)!r})"


@attrs.frozen
class _Separation(Policy):
    """Nobody takes two of these steps; see `separation`."""

    among: tuple[str, ...]
    names_people: bool = attrs.field(default=True, init=False, repr=False)

    @property
    def events(self) -> tuple[str, ...]:
        return self.among

    def begin(self) -> Memory:
        return frozenset()

    def after(self, memory: Memory, step: Happened) -> Memory:
        if step.event not in self.among or not isinstance(memory, frozenset):
            return memory
        return memory | {(step.event, step.by)}

    def broken(self, memory: Memory, step: Happened) -> str | None:
        if step.event not in self.among or not isinstance(memory, frozenset):
            return None
        taken = sorted(event for event, by in memory if by == step.by and event != step.event)
        return f"{step.by} took {taken[0]!r} and {step.event!r}." if taken else None

    def __str__(self) -> str:
        return f"separation({', '.join(map(repr, self.among))})"


# in one line each


def never(
    event: str | None = None, *, source: str | None = None, target: str | None = None, after: str | None = None
) -> Policy:
    """No step that fits everything named is ever taken.

    Args:
        event: the step.
        source, target: states that it leads from and to.
        after: only once this event has happened.

    >>> print(never("reopen", source="closed"))
    never('reopen', source='closed')
    """
    if event is None and source is None and target is None:
        raise InvalidInput.of(
            "bad_policy", policy="never", text="it names no step", remedy="Give event, source or target."
        )
    return _Never(_event("never", event) if event is not None else None, source, target, after)


def only_roles(event: str, *roles: str) -> Policy:
    """Only who has one of these roles takes the step; a step that asks for no role breaks it."""
    if not roles:
        raise InvalidInput.of("bad_policy", policy="only_roles", text="it names no role", remedy="Give at least one.")
    return _OnlyRoles(_event("only_roles", event), frozenset(roles))


def precedence(first: str, then: str) -> Policy:
    """`then` is never taken before `first` was."""
    return _Precedence(_event("precedence", first), _event("precedence", then))


def response(first: str, then: str) -> Policy:
    """After `first`, `then` can always still come: no record ends, or gets stuck, without it."""
    return _Response(_event("response", first), _event("response", then))


def at_most(event: str, times: int) -> Policy:
    """A record takes the step at most so often."""
    if type(times) is not int or not 0 <= times <= 1_000:
        raise InvalidInput.of("bad_policy", policy="at_most", text=f"{times!r} is no count", remedy="Give 0 to 1000.")
    return _AtMost(_event("at_most", event), times)


def always_within(first: str, then: str, within: timedelta | str) -> Policy:
    """Once `first` was taken, `then` follows within a duration (calendar time), and nothing else comes later.

    Args:
        within: a timedelta, or its text as in stories, such as `4h` or `1d12h`.
    """
    if isinstance(within, str):
        within = span_of(within)
    if not isinstance(within, timedelta) or within <= timedelta(0):
        raise InvalidInput.of(
            "bad_policy", policy="always_within", text=f"{within!r} is no duration", remedy="Give a positive timedelta."
        )
    return _AlwaysWithin(_event("always_within", first), _event("always_within", then), within)


def separation(*events: str) -> Policy:
    """Nobody takes two of these steps on one record: who asks does not approve."""
    if len(set(events)) < 2:
        remedy = "Give two different events."
        raise InvalidInput.of("bad_policy", policy="separation", text="it separates nothing", remedy=remedy)
    return _Separation(tuple(_event("separation", each) for each in events))


def _event(policy: str, event: object) -> str:
    if not isinstance(event, str):
        remedy = "Give the name of an event."
        raise InvalidInput.of("bad_policy", policy=policy, text=f"{event!r} is no event", remedy=remedy)
    return event


def as_policies(value: Sequence[Policy] | Policy) -> tuple[Policy, ...]:
    """Return policies as a tuple.

    Raises:
        InvalidInput: something else is among them.
    """
    found = (value,) if isinstance(value, Policy) else tuple(value)
    for each in found:
        if not isinstance(each, Policy):
            raise InvalidInput.of("ill_typed", field="policies", expected="policies such as never(...)", value=each)
    return found
