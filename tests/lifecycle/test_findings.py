"""verify(): every code has a definition that shows it, a story that leads there, and one without it."""

from datetime import timedelta
from typing import Any, Literal

import attrs
import pytest

from itil4.errors import DefinitionError
from itil4.lifecycle import Chosen, FieldRule, Guard, Lifecycle, State, Timer, Transition, check, guard


@attrs.frozen
class Ticket:
    id: str
    state: str
    risk: Literal["high", "medium", "low"] = "low"
    port: str | None = None
    urgent: bool = False


A, B, C = State("a", "new"), State("b"), State("c", "closed", final=True)
WANTS_PORT = State("b", fields={"port": "mandatory"})
STUCK = [Transition("go", "a", "b"), Transition("end", "b", "c"), Transition("stick", "b", "stuck")]
GO = [Transition("go", "a", "b"), Transition("end", "b", "c")]


def flow(states: Any = (A, B, C), steps: Any = GO, **more: Any) -> Lifecycle:
    return Lifecycle("t", "a", states, steps, **more)


@guard(reads={"risk": ["high", "medium", "low"]})
def high(ticket: Any, ctx: Any) -> bool:
    return ticket.risk == "high"


@guard(reads="risk")
def not_low(ticket: Any, ctx: Any) -> bool:
    return ticket.risk != "low"


@guard(reads="risk")
def looks_further(ticket: Any, ctx: Any) -> bool:
    return ticket.port is not None and ticket.risk == "high"


FAULTY = {
    "unreachable_state": (flow((A, B, C, State("lost"))), "lost", None),
    "no_way_to_final": (flow((A, B, C, State("stuck")), STUCK), "stuck", ("go", "stick")),
    "never_ends": (flow((A, B), [Transition("go", "a", "b"), Transition("back", "b", "a")]), "t", ()),
    "final_with_exits": (flow(steps=[*GO, Transition("reopen", "c", "b")]), "c", ("go", "end", "reopen")),
    "shadowed_alternative": (flow(steps=[*GO, Transition("go", "a", "c", roles="lead")]), "go@a", ("go",)),
    "unused_event": (flow(events=["go", "end", "pause"]), "pause", None),
    "undeclared_event": (flow(events=["go", "ending"]), "end@b", ("go",)),
    "overlapping_guards": (
        flow(steps=[*GO, Transition("sort", "b", "a", guards=[high]), Transition("sort", "b", "c", guards=[not_low])]),
        "sort@b", ("go",),
    ),
    "incomplete_guards": (
        flow(steps=[*GO, Transition("sort", "b", "a", guards=[high]), Transition("sort", "b", "c", guards=[high])]),
        "sort@b", ("go",),
    ),
    "unknown_field": (flow(steps=[*GO, Transition("sail", "b", "a", requires="prot")]), "sail@b", ("go",)),
    "near_miss_role": (flow(steps=[*GO, Transition("sail", "b", "a", roles="asignee")]), "sail@b", ("go",)),
    "field_rule_contradiction": (
        flow((A, WANTS_PORT, C), [Transition("go", "a", "b", fields={"port": "hidden"}), GO[1]]),
        "go@a", (),
    ),
    "timer_never_fires": (flow((A, State("b", timers=[Timer("go", after=timedelta(1))]), C)), "b", ("go",)),
    "waiting_without_return": (flow((A, State("b", "waiting"), C)), "b", ("go",)),
}  # fmt: skip


def test_a_sound_lifecycle_has_no_findings() -> None:
    """Nothing is reported that is not wrong."""
    assert flow().verify(Ticket, roles=["agent"]) == ()
    assert check(flow(), Ticket) == ("t: 3 states, 2 arrows, 0 findings\n", 0)


@pytest.mark.parametrize("code", FAULTY)
def test_each_fault_is_found_where_it_is_with_a_story_that_shows_it(code: str) -> None:
    """The story is a shortest one: fired event by event it leads to the place."""
    faulty, place, events = FAULTY[code]
    found = [each for each in faulty.verify(Ticket) if each.code == code]
    assert [each.place for each in found] == [place]
    assert (None if found[0].story is None else found[0].story.events) == events
    text, exit_code = check(faulty, Ticket)
    assert exit_code == 1
    assert f"{code} at {place}" in text


def test_the_story_of_a_finding_can_be_walked() -> None:
    """Every move of a story is an arrow, and each begins where the last one ended."""
    for faulty, _, _ in FAULTY.values():
        for each in faulty.verify(Ticket):
            state = each.story.born if each.story else ""
            for move in each.story or ():
                assert (move.event, move.source, move.target) in faulty.graph
                assert move.source == state
                state = move.target


def test_a_closed_set_of_roles_makes_an_unknown_one_an_error() -> None:
    """Where the practice closes the set, the nearest role is offered; where it is open, only a slip is reported."""
    made = flow(steps=[*GO, Transition("sail", "b", "a", roles="brigde")])
    (found,) = made.verify(roles=["bridge", "agent"])
    assert (found.code, found.severity) == ("unknown_role", "error")
    assert "'bridge'" in found.text
    assert made.verify() == ()
    with pytest.raises(DefinitionError, match="brigde"):
        made.check_against(Ticket, roles=["bridge"])


def test_roles_that_are_meant_to_differ_are_left_alone() -> None:
    """Short words, numbers and other words are no slips."""
    roles = ("level_1", "level_2", "it_agent", "hr_agent", "owner", "reader", "leader")
    made = flow(steps=[*GO, *(Transition(f"x{role}", "b", "a", roles=role) for role in roles)])
    assert made.verify() == ()


def test_guards_are_compared_over_the_values_of_the_record_type() -> None:
    """A choice or a flag of the type gives the values; a guard that looks further is left alone."""
    low = Guard("low", lambda ticket, ctx: ticket.risk == "low", reads="risk")
    urgent = Guard("urgent", lambda ticket, ctx: ticket.urgent, reads="urgent")
    also = Guard("also", lambda ticket, ctx: ticket.urgent, reads="urgent")

    def codes(first: Guard, second: Guard) -> list[str]:
        pair = [Transition("sort", "b", "a", guards=[first]), Transition("sort", "b", "c", guards=[second])]
        return [each.code for each in flow(steps=[*GO, *pair]).verify(Ticket)]

    assert codes(not_low, low) == []
    assert codes(not_low, looks_further) == []
    assert codes(urgent, also) == ["overlapping_guards", "incomplete_guards"]


def test_alternatives_that_may_all_be_taken_are_not_shadowed() -> None:
    """Another role, a guard, a requirement or another choice keeps the next alternative alive."""
    for first in (
        Transition("sort", "b", "a", roles="lead"),
        Transition("sort", "b", "a", guards=[looks_further]),
        Transition("sort", "b", "a", requires="port"),
        Transition("sort", "b", "a", internal=True),
        Transition("sort", "b", "a", denied="agent"),
        Transition("sort", "b", Chosen("to", among=["a"])),
        Transition("sort", "b", "a", fields={"port": "must_change"}),
    ):
        assert flow(steps=[*GO, first, Transition("sort", "b", "c")]).verify(Ticket) == ()


def test_alternatives_with_the_same_field_rules_are_shadowed_all_the_same() -> None:
    """What both ask of the fields keeps nobody from taking the first one; what only one asks does."""
    asked = {"fields": {"port": "must_change"}}
    twice = [Transition("sort", "b", "c", **asked), Transition("sort", "b", "c", roles="lead", **asked)]
    assert [each.code for each in flow(steps=[*GO, *twice]).verify(Ticket)] == ["shadowed_alternative"]
    other = [twice[0], Transition("sort", "b", "c", roles="lead")]
    assert flow(steps=[*GO, *other]).verify(Ticket) == ()


def test_check_against_raises_for_errors_and_returns_warnings() -> None:
    """One reason per error, each with its code, place and story; warnings come back as values."""
    with pytest.raises(DefinitionError) as caught:
        FAULTY["unknown_field"][0].check_against(Ticket)
    assert caught.value.detail["finding"] == "unknown_field"
    assert "Did you mean 'port'?" in str(caught.value)
    assert [each.code for each in FAULTY["unreachable_state"][0].check_against(Ticket)] == ["unreachable_state"]


def test_a_choice_that_is_also_a_field_and_conditions_that_may_collide_are_found() -> None:
    """`to` cannot be both; hidden and mandatory under conditions may meet."""
    clash = flow(steps=[*GO, Transition("move", "b", Chosen("port", among=["a", "c"]))])
    assert [each.code for each in clash.verify(Ticket)] == ["field_rule_contradiction"]
    rules = {"port": [FieldRule("mandatory", when={"risk": "high"}), FieldRule("hidden", when={"urgent": True})]}
    assert [each.severity for each in flow((A, State("b", fields=rules), C)).verify(Ticket)] == ["warning"]
