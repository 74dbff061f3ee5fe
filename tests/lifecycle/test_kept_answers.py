"""What is kept of a passed step depends on the roles alone, and never lets another one pass."""

from datetime import UTC, datetime

import attrs
import pytest

from itil4.errors import Refused
from itil4.lifecycle import Context, Lifecycle, State, Transition
from itil4.record import Actor

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@attrs.frozen
class Ticket:
    id: str = "t1"
    state: str = "open"
    version: int = 1
    note: str | None = None


class Row:
    id: int
    state: str
    note: str | None

    def __init__(self) -> None:
        self.id, self.state, self.note = 7, "open", None


def closing(**rules: object) -> Lifecycle:
    states = [State("open", "new"), State("done", "closed", final=True)]
    return Lifecycle("ticket", "open", states, [Transition("finish", "open", "done", **rules)])  # type: ignore[arg-type]


AGENT = Actor("sam", roles={"agent"})
CLERK = Actor("kim", roles={"clerk"})


def test_a_pass_of_one_actor_is_no_pass_for_another() -> None:
    """After an agent has passed, a clerk is refused by every door."""
    flow = closing(roles="agent")
    bound = flow.bind(Row)
    for _ in range(2):
        flow.fire(Ticket(), "finish", Context(AGENT, NOON))
        bound.fire_in_place(Row(), "finish", Context(AGENT, NOON))
        assert flow.explain(Ticket(), "finish", Context(CLERK, NOON)).codes == ("role",)
        with pytest.raises(Refused):
            flow.fire(Ticket(), "finish", Context(CLERK, NOON))
        with pytest.raises(Refused):
            bound.fire_in_place(Row(), "finish", Context(CLERK, NOON))


def test_an_internal_step_passes_for_a_system_only_however_often_it_has_passed() -> None:
    """Whether the actor is a system is no role, so that nothing of it is kept."""
    flow = closing(internal=True)
    timer, person = Actor("timer", roles={"agent"}, kind="system"), AGENT
    flow.fire(Ticket(), "finish", Context(timer, NOON))
    assert flow.explain(Ticket(), "finish", Context(person, NOON)).codes == ("internal",)


def test_a_payload_is_judged_although_the_step_has_passed_without_one() -> None:
    """A kept pass says nothing about values: an ill-typed one is refused, a good one is written."""
    flow = closing(roles="agent")
    bound = flow.bind(Row)
    flow.fire(Ticket(), "finish", Context(AGENT, NOON))
    bound.fire_in_place(Row(), "finish", Context(AGENT, NOON))
    assert flow.explain(Ticket(), "finish", Context(AGENT, NOON, {"note": 3})).codes == ("ill_typed",)
    with pytest.raises(Refused):
        bound.fire_in_place(Row(), "finish", Context(AGENT, NOON, {"note": 3}))
    new, entry = flow.fire(Ticket(), "finish", Context(AGENT, NOON, {"note": "by phone"}))
    assert new.note == "by phone"
    assert set(entry.changes) == {"note", "state"}


def test_computed_fields_follow_a_step_that_has_passed_before() -> None:
    """The rule for computed fields runs on each step, kept pass or not."""
    flow = closing(roles="agent")
    for _ in range(2):
        flow.fire(Ticket(), "finish", Context(AGENT, NOON))
        new, _entry = flow.fire(Ticket(), "finish", Context(AGENT, NOON, derive=lambda ticket: {"note": "derived"}))
        assert new.note == "derived"


def test_effects_follow_a_step_that_has_passed_before() -> None:
    """An effect runs on each step, however often the step was explained or taken, frozen or in place."""
    flow = closing(effects=lambda ticket, context: {"note": "by effect"})
    bound = flow.bind(Row)
    for _ in range(2):
        assert flow.explain(Ticket(), "finish", Context(AGENT, NOON))
        new, _entry = flow.fire(Ticket(), "finish", Context(AGENT, NOON))
        row = Row()
        bound.fire_in_place(row, "finish", Context(AGENT, NOON))
        assert new.note == row.note == "by effect"


def test_required_fields_are_judged_on_every_record() -> None:
    """A record that lacks a value is refused after one that has it has passed."""
    flow = closing(requires="note")
    flow.fire(Ticket(note="by phone"), "finish", Context(AGENT, NOON))
    assert flow.explain(Ticket(), "finish", Context(AGENT, NOON)).codes == ("missing",)
