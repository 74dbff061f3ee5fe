"""The compiled engine and the raw `transitions` machine agree on random lifecycles.

The machine is built here from a plain description, with conditions that are worked out by an oracle
on dicts. Neither shares a line with the engine: the engine gets its guards as functions on records.
"""

import os
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transitions import Machine, MachineError

from itil4.errors import Refused
from itil4.lifecycle import Context, Guard, Lifecycle, State, Transition
from itil4.record import Actor

EXAMPLES = int(os.environ.get("ITIL4_LIFECYCLES", "1000"))
"""How many random lifecycles are driven; less for a quick look."""

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FIELDS = ("red", "green", "blue")
ROLES = ("agent", "lead", "user")
WORDS = ("", "yes", "no")
EVENTS = ("go", "stop", "turn", "drop")


@attrs.frozen
class Thing:
    id: str
    state: str
    version: int = 1
    red: str | None = None
    green: str | None = None
    blue: str | None = None


@st.composite
def descriptions(draw: st.DrawFn) -> dict[str, Any]:
    """Describe a lifecycle in plain data."""
    names = [f"s{number}" for number in range(draw(st.integers(2, 5)))]
    finals = draw(st.sets(st.sampled_from(names[1:]), max_size=1))
    tests = st.tuples(st.sampled_from(FIELDS), st.sampled_from(("is", "is not")), st.sampled_from(WORDS[1:]))
    row = st.fixed_dictionaries(
        {
            "event": st.sampled_from(EVENTS),
            "sources": st.just("*") | st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True),
            "target": st.sampled_from(names),
            "roles": st.none() | st.sets(st.sampled_from(ROLES), min_size=1, max_size=2),
            "denied": st.none() | st.sets(st.sampled_from(ROLES), min_size=1, max_size=1),
            "requires": st.lists(st.sampled_from(FIELDS), max_size=2, unique=True),
            "tests": st.lists(tests, max_size=2, unique=True),
            "sets": st.none() | st.tuples(st.sampled_from(FIELDS), st.sampled_from(FIELDS)),
            "internal": st.sampled_from((False, False, False, True)),
        }
    )
    return {"states": names, "finals": finals, "rows": draw(st.lists(row, min_size=1, max_size=8))}


acts = st.lists(
    st.tuples(
        st.sampled_from((*EVENTS, "fly")),
        st.sets(st.sampled_from(ROLES), max_size=2),
        st.booleans(),
        st.dictionaries(
            st.sampled_from((*FIELDS, "colour")), st.sampled_from((*WORDS, None, 7, "bad\x00")), max_size=2
        ),
    ),
    min_size=1,
    max_size=12,
)  # fmt: skip


def engine_side(description: dict[str, Any]) -> Lifecycle:
    """Make the lifecycle through the public API."""

    def guard(field: str, how: str, word: str) -> Guard:
        if how == "is":
            return Guard(f"{field} is {word}", lambda thing, ctx: getattr(thing, field) == word, reads=field)
        return Guard(f"{field} is not {word}", lambda thing, ctx: getattr(thing, field) != word, reads=field)

    def effect(target: str, source: str) -> Any:
        return lambda thing, ctx: {target: getattr(thing, source)}

    return Lifecycle(
        "random", description["states"][0],
        [State(name, final=name in description["finals"]) for name in description["states"]],
        [
            Transition(
                row["event"], row["sources"], row["target"], roles=row["roles"], denied=row["denied"],
                requires=row["requires"], guards=[guard(*each) for each in row["tests"]],
                effects=[effect(*row["sets"])] if row["sets"] else [], internal=row["internal"],
            )
            for row in description["rows"]
        ],
    )  # fmt: skip


class Model:
    def __init__(self, state: str) -> None:
        self.state = state
        self.values: dict[str, Any] = dict.fromkeys(FIELDS)
        self.fired: Any = None


def oracle(row: dict[str, Any], values: dict[str, Any], act: Any) -> bool:
    """Say by hand whether the row lets the act through."""
    _, roles, system, payload = act
    for name, value in payload.items():
        if name not in FIELDS or not (value is None or (isinstance(value, str) and "\x00" not in value)):
            return False
    after = {**values, **payload}
    if row["internal"] and not system:
        return False
    if row["roles"] is not None and not row["roles"] & roles:
        return False
    if row["denied"] is not None and row["denied"] & roles:
        return False
    if not all(after[name] for name in row["requires"]):
        return False
    return all(after[field] and (after[field] == word) == (how == "is") for field, how, word in row["tests"])


def machine_side(description: dict[str, Any]) -> Machine:
    """Make the raw machine, with the oracle as its conditions."""
    machine = Machine(
        model=None, states=description["states"], initial=description["states"][0], auto_transitions=False,
        send_event=True,
    )  # fmt: skip
    for row in description["rows"]:
        sources = row["sources"]
        if sources == "*":
            sources = [name for name in description["states"] if name not in description["finals"]]

        def condition(event: Any, row: dict[str, Any] = row) -> bool:
            return oracle(row, event.model.values, event.kwargs["act"])

        def after(event: Any, row: dict[str, Any] = row) -> None:
            values = {**event.model.values, **event.kwargs["act"][3]}
            if row["sets"]:
                values[row["sets"][0]] = values[row["sets"][1]]
            event.model.values = values

        machine.add_transition(row["event"], sources, row["target"], conditions=condition, after=after)
    return machine


def machine_fires(machine: Machine, model: Model, act: Any) -> bool:
    if act[0] not in machine.events:
        return False
    try:
        return bool(machine.events[act[0]].trigger(model, act=act))
    except MachineError:
        return False


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(descriptions(), acts)
def test_the_engine_agrees_with_the_machine_on_state_entry_and_decision(description: Any, sequence: Any) -> None:
    """On every step of every sequence both take it or both refuse, reach one state, and changed the same fields."""
    flow, machine = engine_side(description), machine_side(description)
    model = Model(description["states"][0])
    thing = Thing("t1", description["states"][0])
    for act in sequence:
        event, roles, system, payload = act
        context = Context(Actor("sam", roles=roles, kind="system" if system else "human"), NOON, payload)
        before = {"state": model.state, **model.values}
        decision = flow.explain(thing, event, context)
        offered = event in {step.event for step in flow.available(thing, context)}
        taken = machine_fires(machine, model, act)
        assert decision.allowed == taken, (act, decision)
        if not taken:
            assert decision.reasons
            with pytest.raises(Refused) as caught:
                flow.fire(thing, event, context)
            assert caught.value.reasons == decision.reasons
            assert {"state": model.state, **model.values} == before
            assert not offered or set(decision.codes) == {"missing"}
            continue
        assert offered
        assert decision.target == model.state
        moved, entry = flow.fire(thing, event, context)
        after = {"state": model.state, **model.values}
        assert {name: getattr(moved, name) for name in after} == after
        assert (entry.event, entry.from_state, entry.to_state) == (event, before["state"], after["state"])
        changed = {name: (before[name], after[name]) for name in after if before[name] != after[name]}
        assert {name: tuple(change) for name, change in entry.changes.items()} == changed
        assert (entry.seq, moved.version, entry.by) == (thing.version + 1, thing.version + 1, "sam")
        thing = moved


@settings(max_examples=100, deadline=None)
@given(descriptions())
def test_the_machine_that_a_lifecycle_gives_has_exactly_its_arrows(description: Any) -> None:
    """`machine()` is the reference: the same (event, from, to), and no transition of its own."""
    flow = engine_side(description)
    machine = flow.machine()
    arrows = {(each.event, source, each.target) for source, each in flow.arrows}
    found = {
        (event.name, transition.source, transition.dest)
        for event in machine.events.values()
        for several in event.transitions.values()
        for transition in several
    }
    assert found == arrows == flow.graph
    assert machine.models == []
