"""What a step costs, against a hand-written dict table and the raw `transitions` machine.

    python benchmarks/lifecycle.py [--rounds 9] [--markdown]

Each row compares two ways side by side in one process: they are timed in turn, round after round
(interleaved), by CPU time, and the median of the rounds is taken. A ratio says more than a time,
which depends on the machine. Nothing here asserts anything.

The hand-written table is what a team writes before it knows better: a dict from (state, event) to
target, roles and required fields; a step checks role and required fields, makes the new record with
its class and appends a plain tuple as history. It has no reasons, no typed payload, no guards and no
digest: it is the lower bound. With 15 and 30 fields it uses `attrs.evolve`, as nobody writes out
thirty fields by hand. The raw machine does the whole job: it judges role, required and typed
fields as conditions, makes the same entry, and a frozen record is moved by way of a model.
"""

import argparse
import gc
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import attrs

from itil4.lifecycle import Context, FieldRule, Lifecycle, State, Transition, guard
from itil4.record import Actor, Change, Details, Entry

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AGENT = Actor("sam", roles={"agent"})


@attrs.frozen
class Ticket:
    id: str
    state: str
    version: int
    title: str
    solution: str | None = None


def wide(count: int) -> Any:
    names = {f"field_{number}": attrs.field(default="text", type=str) for number in range(count - 4)}
    head = {
        "id": attrs.field(type=str),
        "state": attrs.field(type=str),
        "version": attrs.field(type=int),
        "solution": attrs.field(default=None, type=str | None),
    }
    return attrs.make_class(f"Wide{count}", {**head, **names}, frozen=True, slots=True)


def lifecycle(states: int = 4, **more: Any) -> Lifecycle:
    names = ["new", "assigned", "resolved", "closed", *(f"extra_{number}" for number in range(states - 4))]
    return Lifecycle(
        "ticket", "new",
        [State(name, "closed" if name == "closed" else "active", **more.get(name, {})) for name in names],
        [
            Transition("assign", ["new", "resolved", *names[4:]], "assigned", roles={"agent", "lead"}),
            Transition("resolve", ["assigned", *names[4:]], "resolved", roles={"agent"}, requires=["solution"]),
            Transition("reopen", ["resolved"], "assigned", roles={"agent"}),
            Transition("close", ["resolved"], "closed", roles={"agent", "user"}, **more.get("close_rules", {})),
            *(Transition(f"park_{name}", ["assigned"], name, roles={"agent"}) for name in names[4:]),
        ],
    )  # fmt: skip


class Said(NamedTuple):
    record_id: str
    seq: int
    event: str
    source: str
    target: str
    at: datetime
    by: str
    changes: dict[str, tuple[Any, Any]]


class Answer(NamedTuple):
    allowed: bool
    event: str
    reasons: tuple[Any, ...]
    target: str | None


class Button(NamedTuple):
    event: str
    label: str
    target: str


TABLE: dict[tuple[str, str], tuple[str, frozenset[str], tuple[str, ...]]] = {
    ("new", "assign"): ("assigned", frozenset(("agent", "lead")), ()),
    ("resolved", "assign"): ("assigned", frozenset(("agent", "lead")), ()),
    ("assigned", "resolve"): ("resolved", frozenset(("agent",)), ("solution",)),
    ("resolved", "reopen"): ("assigned", frozenset(("agent",)), ()),
    ("resolved", "close"): ("closed", frozenset(("agent", "user")), ()),
}
EVENTS: dict[str, tuple[str, ...]] = {}
for _state, _event in TABLE:
    EVENTS[_state] = (*EVENTS.get(_state, ()), _event)


def table_fire(ticket: Ticket, event: str, roles: frozenset[str], payload: dict[str, Any], by: str) -> Any:
    found = TABLE.get((ticket.state, event))
    if found is None:
        raise ValueError(event)
    target, allowed, required = found
    if allowed.isdisjoint(roles):
        raise ValueError(event)
    for name in required:
        if not (payload.get(name) or getattr(ticket, name)):
            raise ValueError(name)
    changes = {name: (getattr(ticket, name), value) for name, value in payload.items()}
    new = Ticket(ticket.id, target, ticket.version + 1, ticket.title, payload.get("solution", ticket.solution))
    return new, Said(ticket.id, ticket.version + 1, event, ticket.state, target, NOON, by, changes)


def evolve_fire(ticket: Any, event: str, roles: frozenset[str], payload: dict[str, Any], by: str) -> Any:
    found = TABLE.get((ticket.state, event))
    if found is None:
        raise ValueError(event)
    target, allowed, required = found
    if allowed.isdisjoint(roles):
        raise ValueError(event)
    for name in required:
        if not (payload.get(name) or getattr(ticket, name)):
            raise ValueError(name)
    changes = {name: (getattr(ticket, name), value) for name, value in payload.items()}
    new = attrs.evolve(ticket, state=target, version=ticket.version + 1, **payload)
    return new, Said(ticket.id, ticket.version + 1, event, ticket.state, target, NOON, by, changes)


def table_explain(ticket: Ticket, event: str, roles: frozenset[str]) -> Answer:
    found = TABLE.get((ticket.state, event))
    if found is None:
        return Answer(False, event, ("wrong state",), None)
    target, allowed, required = found
    if allowed.isdisjoint(roles):
        return Answer(False, event, ("role",), None)
    for name in required:
        if not getattr(ticket, name):
            return Answer(False, event, ("missing",), None)
    return Answer(True, event, (), target)


def table_available(ticket: Ticket, roles: frozenset[str]) -> list[Button]:
    buttons = []
    for event in EVENTS.get(ticket.state, ()):
        target, allowed, required = TABLE[ticket.state, event]
        if allowed.isdisjoint(roles):
            continue
        if all(getattr(ticket, name) for name in required):
            buttons.append(Button(event, event.capitalize(), target))
    return buttons


class Row:
    id: int
    state: str
    title: str
    solution: str | None

    def __init__(self) -> None:
        self.id, self.state, self.title, self.solution = 1, "new", "Mail is down", None


class Model:
    """What the raw machine moves: it needs an attribute `state` that it may set."""

    __slots__ = ("entry", "id", "solution", "state")

    def __init__(self, state: str = "new", solution: str | None = None) -> None:
        self.id, self.state, self.solution = "t1", state, solution
        self.entry: Any = None


def raw_machine() -> Callable[[Model, str, dict[str, Any]], Any]:
    """The shared machine of `transitions` doing the same job: role, required and typed fields, an entry.

    One machine serves all models and nothing is added to them, which is the fastest way to use it.
    """
    from transitions import Machine

    def role(event: Any) -> bool:
        return not event.kwargs["allowed"].isdisjoint(event.kwargs["roles"])

    def typed(event: Any) -> bool:
        return all(type(value) is str and value.isprintable() for value in event.kwargs["payload"].values())

    def solved(event: Any) -> bool:
        return bool(event.kwargs["payload"].get("solution") or event.model.solution)

    def log(event: Any) -> None:
        model, moved, payload = event.model, event.transition, event.kwargs["payload"]
        changes = {name: Change(getattr(model, name), value) for name, value in payload.items()}
        for name, value in payload.items():
            setattr(model, name, value)
        changes["state"] = Change(moved.source, moved.dest)
        model.entry = Entry(
            record_id=model.id, seq=1, op="step", lifecycle="ticket", event=event.event.name, from_state=moved.source,
            to_state=moved.dest, at=NOON, recorded_at=NOON, by="sam",
            details=Details({"changes": changes, "roles": ("agent",)}),
        )  # fmt: skip

    machine = Machine(
        model=None, states=["new", "assigned", "resolved", "closed"], initial="new", auto_transitions=False,
        send_event=True, after_state_change=log,
    )  # fmt: skip
    machine.add_transition("assign", ["new", "resolved"], "assigned", conditions=[role, typed])
    machine.add_transition("resolve", "assigned", "resolved", conditions=[role, typed, solved])
    machine.add_transition("reopen", "resolved", "assigned", conditions=[role, typed])
    machine.add_transition("close", "resolved", "closed", conditions=[role, typed])
    agents = frozenset(("agent",))

    def fire(model: Model, event: str, payload: dict[str, Any]) -> Any:
        return machine.events[event].trigger(model, roles=AGENT.roles, allowed=agents, payload=payload)

    return fire


Way = Callable[[], Any]


def measure(ours: Way, theirs: Way, rounds: int, budget: float) -> tuple[float, float]:
    """Return the median CPU seconds of one call of each, timed in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    counts = []
    for way in (ours, theirs):
        way()
        number, spent = 1, 0.0
        while spent < budget:
            number *= 2
            spent = timed(way, number)
        counts.append(number)
    for _ in range(rounds):
        for place, way in enumerate((ours, theirs)):
            times[place].append(timed(way, counts[place]) / counts[place])
    return statistics.median(times[0]), statistics.median(times[1])


def timed(way: Way, number: int) -> float:
    gc.collect()
    gc.disable()
    start = time.process_time()
    for _ in range(number):
        way()
    spent = time.process_time() - start
    gc.enable()
    return spent


def rows() -> list[tuple[str, str, Way, str, Way]]:
    """Return (what, at most, ours, the other's name, theirs)."""
    flow = lifecycle()
    roles, by, payload = AGENT.roles, AGENT.id, {"solution": "Restarted"}
    given, plain = Context(AGENT, NOON, payload), Context(AGENT, NOON)
    new, assigned = Ticket("t1", "new", 1, "Mail is down"), Ticket("t1", "assigned", 2, "Mail is down")
    resolved = Ticket("t1", "resolved", 3, "Mail is down", "Restarted")
    raw = raw_machine()
    bound = flow.bind(Row)

    def raw_walk() -> None:
        model.state, model.solution = "new", None
        raw(model, "assign", {})
        raw(model, "resolve", payload)
        raw(model, "close", {})

    def raw_step(ticket: Ticket, event: str, given: dict[str, Any]) -> Ticket:
        moved = Model(ticket.state, ticket.solution)
        raw(moved, event, given)
        return attrs.evolve(ticket, state=moved.state, version=ticket.version + 1, **given)

    def raw_frozen_walk() -> None:
        raw_step(raw_step(raw_step(new, "assign", {}), "resolve", payload), "close", {})

    def frozen_walk() -> None:
        one, _ = flow.fire(new, "assign", plain)
        two, _ = flow.fire(one, "resolve", given)
        flow.fire(two, "close", plain)

    def row_walk() -> None:
        row.state, row.solution = "new", None
        bound.fire_in_place(row, "assign", plain)
        bound.fire_in_place(row, "resolve", given)
        bound.fire_in_place(row, "close", plain)

    def table_walk() -> None:
        one, _ = table_fire(new, "assign", roles, {}, by)
        two, _ = table_fire(one, "resolve", roles, payload, by)
        table_fire(two, "close", roles, {}, by)

    model, row = Model(), Row()
    found: list[tuple[str, str, Way, str, Way]] = [
        ("fire, 5-field frozen record, with entry", "5.0", frozen_walk, "dict table", table_walk),
    ]
    for count, limit in ((15, "0.40"), (30, "0.30")):
        kind = wide(count)
        start = kind("t1", "new", 1)
        found.append(
            (
                f"fire, {count} fields", limit,
                lambda start=start: flow.fire(start, "assign", plain),  # type: ignore[misc]
                "dict + attrs.evolve",
                lambda start=start: evolve_fire(start, "assign", roles, {}, by),  # type: ignore[misc]
            )
        )  # fmt: skip
    found += [
        ("fire, against the raw shared machine", "0.125", frozen_walk, "transitions", raw_frozen_walk),
        ("fire_in_place, against the same", "0.071", row_walk, "transitions", raw_walk),
        ("explain, allowed", "1.2", lambda: flow.explain(resolved, "close", plain), "dict table",
         lambda: table_explain(resolved, "close", roles)),
        ("list available", "1.5", lambda: flow.available(resolved, plain), "dict table",
         lambda: table_available(resolved, roles)),
    ]  # fmt: skip

    @guard(reads="solution", text="say more.")
    def two_words(ticket: Any, _: Any) -> bool:
        return " " in ticket.solution

    frozen = lifecycle(resolved={"fields": {"solution": "mandatory|must_prompt|read_only", "title": "read_only"}})
    several = lifecycle(resolved={"fields": {"solution": FieldRule("mandatory", when={"title": ["Mail is down"]})}})
    guarded = lifecycle(close_rules={"guards": [two_words], "facts": ["links.parent_of"]})
    told = Ticket("t1", "resolved", 3, "Mail is down", "Restarted it")
    facts = Context(AGENT, NOON, facts={"links.parent_of": ()})
    found += [
        ("fire, typed payload of one field", "-", lambda: flow.fire(assigned, "resolve", given), "dict table",
         lambda: table_fire(assigned, "resolve", roles, payload, by)),
        ("fire, field rules of the target", "-", lambda: frozen.fire(assigned, "resolve", given), "dict table",
         lambda: table_fire(assigned, "resolve", roles, payload, by)),
        ("fire, conditional field rule", "-", lambda: several.fire(assigned, "resolve", given), "dict table",
         lambda: table_fire(assigned, "resolve", roles, payload, by)),
        ("fire, a guard and a fact", "-", lambda: guarded.fire(told, "close", facts), "dict table",
         lambda: table_fire(told, "close", roles, {}, by)),
        ("fire, context made each time", "-", lambda: flow.fire(new, "assign", Context(AGENT, NOON)), "dict table",
         lambda: table_fire(new, "assign", roles, {}, by)),
        ("update of one field", "-",
         lambda: flow.update(assigned, Context(AGENT, NOON, payload)), "attrs.evolve",
         lambda: attrs.evolve(assigned, version=3, solution="Restarted")),
    ]  # fmt: skip
    return found


def others() -> list[tuple[str, str, Way, str, Way]]:
    """Return the same three steps in libraries that happen to be installed."""
    found: list[tuple[str, str, Way, str, Way]] = []
    flow, start = lifecycle(), Ticket("t1", "new", 1, "Mail is down")
    plain, given = Context(AGENT, NOON), Context(AGENT, NOON, {"solution": "Restarted"})

    def walk() -> None:
        one, _ = flow.fire(start, "assign", plain)
        two, _ = flow.fire(one, "resolve", given)
        flow.fire(two, "close", plain)

    try:
        import statemachine
    except ImportError:
        pass
    else:

        class Flow(statemachine.StateMachine):
            new = statemachine.State(initial=True)
            assigned = statemachine.State()
            resolved = statemachine.State()
            closed = statemachine.State(final=True)
            assign = new.to(assigned) | resolved.to(assigned)
            resolve = assigned.to(resolved)
            reopen = resolved.to(assigned)
            close = resolved.to(closed)

        def run() -> None:
            machine = Flow()
            machine.assign()
            machine.resolve()
            machine.close()

        found.append(("three steps", "-", walk, "python-statemachine", run))
    try:
        import automat
    except ImportError:
        pass
    else:

        class Machine:
            machine = automat.MethodicalMachine()

            @machine.state(initial=True)
            def new(self) -> None: ...
            @machine.state()
            def assigned(self) -> None: ...
            @machine.state()
            def resolved(self) -> None: ...
            @machine.state()
            def closed(self) -> None: ...
            @machine.input()
            def assign(self) -> None: ...
            @machine.input()
            def resolve(self) -> None: ...
            @machine.input()
            def close(self) -> None: ...

            new.upon(assign, enter=assigned, outputs=[])
            assigned.upon(resolve, enter=resolved, outputs=[])
            resolved.upon(close, enter=closed, outputs=[])

        def go() -> None:
            one = Machine()
            one.assign()
            one.resolve()
            one.close()

        found.append(("three steps", "-", walk, "automat", go))
    try:
        import django
        from django.conf import settings

        if not settings.configured:
            settings.configure(INSTALLED_APPS=[], USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.AutoField")
            django.setup()
        from django.db import models
        from django_fsm import FSMField, transition
    except ImportError:
        pass
    else:

        class Fsm(models.Model):
            state = FSMField(default="new")

            class Meta:
                app_label = "bench"

            @transition(field=state, source=["new", "resolved"], target="assigned")
            def assign(self) -> None: ...
            @transition(field=state, source="assigned", target="resolved")
            def resolve(self) -> None: ...
            @transition(field=state, source="resolved", target="closed")
            def close(self) -> None: ...

        def step() -> None:
            one.state = "new"
            one.assign()
            one.resolve()
            one.close()

        one = Fsm()
        found.append(("three steps", "-", walk, "django-fsm-2", step))
    return found


def bytes_per_record(count: int = 10_000) -> float:
    """Return what a lifecycle adds to each record that has passed a step of it."""
    flow, plain = lifecycle(), Context(AGENT, NOON)
    kind = wide(15)
    flow.fire(kind("t", "new", 1), "assign", plain)

    def size(make: Callable[[int], Any]) -> int:
        gc.collect()
        tracemalloc.start()
        kept = [make(number) for number in range(count)]
        gc.collect()
        used = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        del kept
        return used

    one = "t1"
    bare = size(lambda _: attrs.evolve(kind(one, "new", 1), state="assigned", version=2))
    moved = size(lambda _: flow.fire(kind(one, "new", 1), "assign", plain)[0])
    return (moved - bare) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--budget", type=float, default=0.05, help="CPU seconds per timing")
    wanted = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, medians of {wanted.rounds} interleaved rounds, CPU time\n")
    print("| what | against | ours, us | theirs, us | ratio | at most |")
    print("|---|---|---|---|---|---|")
    for what, limit, ours, name, theirs in (*rows(), *others()):
        a, b = measure(ours, theirs, max(7, wanted.rounds), wanted.budget)
        print(f"| {what} | {name} | {a * 1e6:.2f} | {b * 1e6:.2f} | {a / b:.3g} | {limit} |")
    print(f"| attach 10,000 records, bytes each | - | {bytes_per_record():.1f} | - | - | 0 |")
    build, verify = measure(lambda: lifecycle(12).engine, checked.verify, wanted.rounds, wanted.budget)
    print(f"| build a 12-state lifecycle with its engine, ms | - | {build * 1e3:.3f} | - | - | 1 |")
    print(f"| verify its structure, ms | - | {verify * 1e3:.3f} | - | - | 0.2 |")


checked = lifecycle(12)

if __name__ == "__main__":
    main()
