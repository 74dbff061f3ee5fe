"""Several lifecycles on one record, each over a field of its own: an incident's state, and whether it is major.

Each event belongs to one of them, a refusal says to which, and no step of one sets the field of
another. Guards see the whole record, so they may look at the others:

>>> import attrs
>>> from datetime import UTC, datetime
>>> from itil4.lifecycle import Context, Lifecycle, State, Transition, guard
>>> from itil4.record import Actor
>>> @attrs.frozen
... class Incident:
...     id: str
...     state: str = "open"
...     major: str = "no"
>>> @guard(reads="state", text="only an open incident can be major.")
... def is_open(incident, ctx):
...     return incident.state == "open"
>>> work = Lifecycle("incident", "open", [State("open"), State("closed", "closed")],
...                  [Transition("close", "open", "closed")])
>>> major = Lifecycle("major incident", "no", [State("no", "new"), State("yes")],
...                   [Transition("promote", "no", "yes", guards=[is_open])], field="major")
>>> both = Aspects(work, major)
>>> ctx = Context(Actor("sam"), datetime(2026, 3, 2, tzinfo=UTC))
>>> closed, _ = both.fire(Incident("i1"), "close", ctx)
>>> decision = both.explain(closed, "promote", ctx)
>>> decision.codes, decision.lifecycle
(('guard',), 'major incident')
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from itil4.errors import Decision, DefinitionError, Reason, Refused, nearest
from itil4.lifecycle.context import Context, Step
from itil4.lifecycle.definition import Lifecycle
from itil4.lifecycle.engine import Engine
from itil4.lifecycle.timers import Due, due
from itil4.record import Entry, shape_of

if TYPE_CHECKING:
    from itil4.clock import Calendar


class Aspects:
    """The lifecycles of one record: the main one, which alone drives clocks, and its aspects.

    Raises:
        DefinitionError: two of them share a name, a field or an event.
    """

    def __init__(self, main: Lifecycle, *others: Lifecycle) -> None:
        self.main = main
        self.lifecycles = (main, *others)
        where = f"the aspects of {main.name!r}"
        seen: set[tuple[str, str]] = set()
        for lifecycle in self.lifecycles:
            marks = [("the lifecycle", lifecycle.name), ("the field", lifecycle.field)]
            for what, name in (*marks, *(("the event", event) for event in lifecycle.events)):
                if (what, name) in seen:
                    raise DefinitionError.of("duplicate", where=where, what=what, name=name)
                seen.add((what, name))
        fields = [lifecycle.field for lifecycle in self.lifecycles]
        self.engines: Mapping[str, Engine] = {each.name: Engine(each, fields) for each in self.lifecycles}
        self._by_event = {event: self.engines[each.name] for each in self.lifecycles for event in each.events}

    @property
    def events(self) -> tuple[str, ...]:
        """Every event of every lifecycle."""
        return tuple(self._by_event)

    def lifecycle_of(self, event: str) -> Lifecycle | None:
        """Return the lifecycle that an event belongs to, or None."""
        engine = self._by_event.get(event)
        return engine.lifecycle if engine else None

    def fire(self, record: Any, event: str, context: Context) -> tuple[Any, Entry]:
        """Take a step of whichever lifecycle has it; see `Lifecycle.fire`."""
        engine = self._by_event.get(event)
        if engine is None:
            raise Refused(self._unknown(event))
        return engine.fire(record, event, context)

    def explain(self, record: Any, event: str, context: Context) -> Decision:
        """Say whether the step is possible now, and if not, every reason why."""
        engine = self._by_event.get(event)
        if engine is None:
            return Decision(False, event, (self._unknown(event),), None, self.main.name)
        return engine.explain(record, event, context)

    def decisions(self, record: Any, context: Context) -> tuple[Decision, ...]:
        """Explain every event, in their order."""
        return tuple(self.explain(record, event, context) for event in self._by_event)

    def available(self, record: Any, context: Context) -> tuple[Step, ...]:
        """Return the steps that this actor could take now, those of the main lifecycle first."""
        return tuple(step for engine in self.engines.values() for step in engine.available(record, context))

    def update(self, record: Any, context: Context) -> tuple[Any, Entry]:
        """Change fields without a step, as the states of all lifecycles allow.

        Raises:
            Refused: with the reasons of every lifecycle that is against it.
        """
        kind: Any = type(record)
        shape = context.shape or shape_of(kind)
        found: dict[tuple[str, Any], Reason] = {}
        proposed = None  # of the main lifecycle, which comes first, and then of all: they differ in rules alone
        for engine in self.engines.values():
            state = getattr(record, engine.field)
            if proposed is None or found:
                made, reasons = engine.judge_update(state, record, context, shape)
                proposed = made if proposed is None else proposed
            else:
                reasons = engine.judge_rules(state, record, proposed, context, shape)
            for reason in reasons:
                found.setdefault((reason.code, reason.detail.get("field", reason.detail.get("fields"))), reason)
        if found:
            raise Refused(*found.values())
        return self.engines[self.main.name].updated(record, proposed, context, shape)

    def due(
        self, record: Any, history: Iterable[Entry], now: datetime, calendar: "Calendar | None" = None
    ) -> tuple[Due, ...]:
        """Return the steps that time asks for, of every lifecycle, the longest overdue first."""
        entries = tuple(history)
        every = (each for lifecycle in self.lifecycles for each in due(lifecycle, record, entries, now, calendar))
        return tuple(sorted(every, key=lambda each: each.at))

    def _unknown(self, event: str) -> Reason:
        names = ", ".join(lifecycle.name for lifecycle in self.lifecycles)
        near = nearest(event, self._by_event)
        return Reason.of("unknown_event", lifecycle=names, event=event, events=self.events, nearest=near)
