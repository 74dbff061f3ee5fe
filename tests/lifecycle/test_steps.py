"""Steps: who may, what is missing, what holds them back, and what they leave behind."""

import pickle
import sys
import threading
from datetime import timedelta
from itertools import pairwise
from typing import Any, Literal

import attrs
import pytest

from itil4.errors import BrokenRule, DefinitionError, InvalidInput, Refused
from itil4.lifecycle import (
    Chosen,
    FieldRule,
    FollowUp,
    Guard,
    In,
    Lifecycle,
    State,
    Timer,
    Transition,
    guard,
    loads,
)

HOUR = timedelta(hours=1)


@attrs.frozen
class Ticket:
    id: str
    state: str
    version: int = 1
    summary: str = "Mail is down"
    solution: str | None = None
    risk: Literal["high", "low"] | None = None
    votes: tuple[str, ...] = ()


@guard(reads="solution", text="say a little more.", remedy="Use two words.")
def two_words(ticket: Any, ctx: Any) -> bool:
    return " " in ticket.solution


FLOW = Lifecycle(
    "ticket", "new",
    [State("new", "new"), State("solved", "resolved"), State("closed", "closed", final=True)],
    [
        Transition("solve", "new", "solved", roles="agent", denied="requester", guards=[two_words]),
        Transition("close", "solved", "closed", internal=True),
        Transition("note", "*", "solved", requires="solution"),
    ],
)  # fmt: skip


def test_reasons_come_in_a_fixed_order_whatever_the_rules_were_written_in(context: Any) -> None:
    """Role, denial, ill-typed, unknown, missing, guard: `explain` collects all of them, in that order."""
    decision = FLOW.explain(Ticket("t1", "new"), "solve", context("requester", summary=7, colour="red"))
    assert decision.codes == ("role", "denied", "ill_typed", "unknown_field", "missing")
    assert all(reason.detail["lifecycle"] == "ticket" for reason in decision.reasons)
    with pytest.raises(Refused) as caught:
        FLOW.fire(Ticket("t1", "new"), "solve", context("requester", summary=7, colour="red"))
    assert caught.value.decision == decision
    assert pickle.loads(pickle.dumps(caught.value)).reasons == decision.reasons


def test_a_refusal_says_from_where_the_step_is_possible_and_what_is_possible_now(context: Any) -> None:
    """A step from the wrong state names its sources; an unknown one offers the nearest."""
    wrong = FLOW.explain(Ticket("t1", "new"), "close", context()).reasons[0]
    assert (wrong.code, wrong.detail["sources"], wrong.detail["events"]) == (
        "wrong_state", ("solved",), ("solve", "note"),
    )  # fmt: skip
    assert "'solve'" in FLOW.explain(Ticket("t1", "new"), "slove", context()).reasons[0].remedy
    for event in (None, 7, ["solve"], {}):
        assert FLOW.explain(Ticket("t1", "new"), event, context()).codes == ("unknown_event",)  # type: ignore[arg-type]


def test_a_person_is_not_told_of_steps_that_only_a_system_takes(context: Any) -> None:
    """What is possible now is what somebody like them may do; a system reads of its own steps too."""
    solved = Ticket("t1", "solved", solution="x")
    for system, possible in ((False, ("note",)), (True, ("close", "note"))):
        with pytest.raises(Refused) as caught:
            FLOW.fire(solved, "solve", context("agent", system=system, solution="a b"))
        assert caught.value.reasons[0].detail["events"] == possible
    mixed = attrs.evolve(FLOW, transitions=[*FLOW.transitions, Transition("close", "solved", "closed", roles="agent")])
    assert mixed.explain(solved, "solve", context("agent")).reasons[0].detail["events"] == ("close", "note")


def test_a_guard_is_not_called_while_a_field_that_it_reads_is_missing(context: Any) -> None:
    """Fail closed: the step is refused with what is missing, and offered with what it asks for."""
    ticket = Ticket("t1", "new")
    assert FLOW.explain(ticket, "solve", context("agent")).codes == ("missing",)
    step = FLOW.available(ticket, context("agent"))[0]
    assert [(ask.field, ask.required) for ask in step.asks] == [("solution", True)]
    held = FLOW.explain(ticket, "solve", context("agent", solution="Restarted"))
    assert held.codes == ("guard",)
    assert str(held.reasons[0]) == "'solve' is held back by two_words: say a little more. Use two words."
    assert FLOW.fire(ticket, "solve", context("agent", solution="Relay restarted"))[0].state == "solved"


def test_a_guard_sees_the_proposed_record_in_its_old_state(context: Any) -> None:
    """Payload applied, state not yet."""
    seen = []
    watching = Guard("watching", lambda ticket, ctx: not seen.append((ticket.state, ticket.summary)))  # type: ignore[func-returns-value]
    flow = Lifecycle("t", "a", [State("a"), State("b")], [Transition("go", "a", "b", guards=[watching])])
    record = Ticket("t1", "a")
    flow.fire(record, "go", context(summary="New words"))
    assert seen == [("a", "New words")]
    assert record.summary == "Mail is down"


@pytest.mark.parametrize("answer", [None, 1, 0, [], ("no",)])
def test_a_guard_answers_true_false_or_a_sentence(answer: Any, context: Any) -> None:
    """Anything else is a mistake of the host, named with the guard and the record; nobody gets through by it."""
    flow = Lifecycle(
        "t", "a", [State("a"), State("b")], [Transition("go", "a", "b", guards=[Guard("odd", lambda *_: answer)])]
    )
    with pytest.raises(BrokenRule, match=r"the guard 'odd' failed for t1: .* or a sentence\. Mend") as caught:
        flow.fire(Ticket("t1", "a"), "go", context())
    assert caught.value.detail["record"] == "t1"


def test_a_guard_that_raises_is_named_and_the_record_untouched(context: Any) -> None:
    """The error says which guard failed for which record, and keeps what it raised."""

    def falling(ticket: Any, ctx: Any) -> bool:
        raise KeyError("port")

    flow = Lifecycle("t", "a", [State("a"), State("b")], [Transition("go", "a", "b", guards=[falling])])
    record = Ticket("t1", "a")
    for ask in (flow.fire, flow.explain):
        with pytest.raises(BrokenRule, match="falling") as caught:
            ask(record, "go", context())
        assert isinstance(caught.value.__cause__, KeyError)
    assert record == Ticket("t1", "a")


@pytest.mark.parametrize("delta", [{"state": "b"}, {"colour": "red"}, {"summary": 7}, "not a mapping", None], ids=repr)
def test_an_effect_goes_through_the_same_door_as_a_payload(delta: Any, context: Any) -> None:
    """An effect may not set the state, an unknown field, or a value of the wrong type."""
    flow = Lifecycle("t", "a", [State("a"), State("b")], [Transition("go", "a", "b", effects=lambda *_: delta)])
    with pytest.raises(BrokenRule):
        flow.fire(Ticket("t1", "a"), "go", context())


def test_effects_run_in_order_and_derive_has_the_last_word(context: Any) -> None:
    """Each effect sees what the one before it brought; computed fields follow."""
    flow = Lifecycle(
        "t", "a", [State("a"), State("b")],
        [
            Transition("go", "a", "b", effects=[
                lambda t, c: {"summary": t.summary + "1"},
                lambda t, c: {"summary": t.summary + "2"},
            ]),
        ],
    )  # fmt: skip
    ctx = context(summary="x")
    ctx.derive = lambda ticket: {"solution": ticket.summary + "!"}
    moved, entry = flow.fire(Ticket("t1", "a"), "go", ctx)
    assert (moved.summary, moved.solution) == ("x12", "x12!")
    assert set(entry.changes) == {"summary", "solution", "state"}


def test_only_steps_set_the_state(context: Any) -> None:
    """Neither the payload of a step nor an update reaches the field that the lifecycle owns."""
    for ask in (
        lambda ctx: FLOW.fire(Ticket("t1", "new"), "note", ctx),
        lambda ctx: FLOW.update(Ticket("t1", "new"), ctx),
    ):
        with pytest.raises(Refused) as caught:
            ask(context(state="closed", solution="x"))
        assert caught.value.code == "field_rule"


def test_an_internal_step_is_for_systems_only(context: Any) -> None:
    """A person cannot fire it, whatever their roles, and is not offered it."""
    solved = Ticket("t1", "solved", solution="x y")
    assert FLOW.explain(solved, "close", context("agent", "admin")).codes == ("internal",)
    assert [step.event for step in FLOW.available(solved, context("agent"))] == ["note"]
    assert FLOW.explain(solved, "close", context(system=True))


def test_alternatives_are_taken_in_order_and_the_target_depends_on_a_property(context: Any) -> None:
    """Closing a problem: as a risk that was accepted, or as solved, by what the record says."""
    flow = Lifecycle(
        "problem", "analysis", [State("analysis"), State("risk accepted", "closed"), State("closed", "closed")],
        [
            Transition("close", "analysis", "risk accepted",
                       guards=[Guard("high", lambda p, c: p.risk == "high", reads="risk")]),
            Transition("close", "analysis", "closed"),
        ],
    )  # fmt: skip
    for risk, target in (("high", "risk accepted"), ("low", "closed"), (None, "closed")):
        record = Ticket("p1", "analysis", risk=risk)
        assert flow.explain(record, "close", context()).target == target
        assert flow.fire(record, "close", context())[0].state == target
    step = flow.available(Ticket("p1", "analysis"), context())[0]
    assert [(ask.field, ask.required, ask.choices) for ask in step.asks] == [("risk", False, ("high", "low"))]


def test_the_actor_names_a_chosen_target(context: Any) -> None:
    """A missing choice is asked for; a wrong one is refused with the nearest; the choice is no field."""
    flow = Lifecycle(
        "t", "a", [State("a"), State("bee"), State("sea")], [Transition("go", "a", Chosen("to", among=["bee", "sea"]))]
    )
    record = Ticket("t1", "a")
    assert flow.explain(record, "go", context()).codes == ("missing",)
    assert flow.available(record, context())[0].asks[0].choices == ("bee", "sea")
    wrong = flow.explain(record, "go", context(to="be"))
    assert (wrong.codes, wrong.reasons[0].detail["nearest"]) == (("not_a_choice",), "'bee'")
    assert flow.explain(record, "go", context(to=["bee"])).codes == ("not_a_choice",)
    moved, entry = flow.fire(record, "go", context(to="sea"))
    assert (moved.state, set(entry.changes)) == ("sea", {"state"})


def test_a_chosen_target_asks_for_what_it_needs_once_it_is_chosen(context: Any) -> None:
    """The fields that only one of the targets demands are asked for when the choice is known."""
    flow = Lifecycle(
        "t", "a", [State("a"), State("b", fields={"solution": "mandatory"}), State("c")],
        [
            Transition("go", "a", Chosen("to", among=["b"])),
            Transition("go", "a", Chosen("to", among=["c"]), roles="lead"),
        ],
    )  # fmt: skip
    record = Ticket("t1", "a")
    (open_,) = flow.available(record, context("lead"))
    assert [(ask.field, ask.choices) for ask in open_.asks] == [("to", ("b", "c"))]
    (anybody,) = flow.available(record, context())
    assert anybody.asks[0].choices == ("b",)
    (chosen,) = flow.available(record, context(to="b"))
    assert (chosen.target, [ask.field for ask in chosen.asks]) == ("b", ["solution"])
    assert flow.explain(record, "go", context(to="c")).codes == ("role",)
    assert flow.explain(record, "go", context("lead", to="c"))


def test_a_self_loop_is_a_step(context: Any) -> None:
    """It has an entry, adds a version, and changes no state."""
    flow = Lifecycle("t", "a", [State("a")], [Transition("again", "a", "a")])
    moved, entry = flow.fire(Ticket("t1", "a"), "again", context())
    assert (moved.version, entry.from_state, entry.to_state, dict(entry.changes)) == (2, "a", "a", {})


def test_a_star_is_every_state_that_is_not_final_and_a_category_is_its_states() -> None:
    """Sources are written out once, each state once."""
    flow = Lifecycle(
        "t", "a", [State("a", "new"), State("b", "waiting"), State("c", "closed", final=True)],
        [Transition("star", ["*", "a"], "c"),
            Transition("wait", In("waiting"), "a"),
            Transition("open", In("open"), "c")],
    )  # fmt: skip
    assert [flow.sources_of(each) for each in flow.transitions] == [("a", "b"), ("b",), ("a", "b")]


def test_a_growing_collection_is_told_as_what_was_added(context: Any) -> None:
    """The entry holds the new elements, not the whole tuple again."""
    _, entry = FLOW.update(Ticket("t1", "new", votes=("ana",)), context(votes=("ana", "sam")))
    assert entry.changes["votes"].items == ("sam",)  # type: ignore[union-attr]


def test_two_threads_may_fire_on_one_lifecycle(context: Any) -> None:
    """The first use from many threads at once, and every later one, gives every thread its own right answer."""
    flow = attrs.evolve(FLOW, name="shared")
    found: list[Any] = []
    gate = threading.Barrier(8)

    def run(number: int) -> None:
        gate.wait()
        for _ in range(200):
            moved, entry = flow.fire(Ticket(f"t{number}", "new"), "note", context(solution=f"by {number}"))
            assert (moved.id, moved.solution, entry.record_id) == (f"t{number}", f"by {number}", f"t{number}")
        found.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(8))


def test_a_record_without_the_field_of_the_lifecycle_is_refused_by_name(context: Any) -> None:
    """The error is about the record, not about an attribute somewhere inside."""
    flow = attrs.evolve(FLOW, field="phase")
    with pytest.raises(InvalidInput, match="phase"):
        flow.fire(Ticket("t1", "new"), "solve", context())


def test_a_state_that_the_lifecycle_does_not_know_leads_nowhere(context: Any) -> None:
    """A record from an older lifecycle is refused with a reason, and offered nothing."""
    assert FLOW.explain(Ticket("t1", "gone"), "solve", context("agent")).codes == ("wrong_state",)
    assert FLOW.available(Ticket("t1", "gone"), context("agent")) == ()


def test_records_carry_nothing_of_a_lifecycle(context: Any) -> None:
    """No bytes are added to a record by moving it: the same slots hold values of the same sizes."""
    moved, _ = FLOW.fire(Ticket("t1", "new"), "note", context(solution="x"))
    made = Ticket("t1", "solved", 2, "Mail is down", "x")
    assert moved == made
    assert sys.getsizeof(moved) == sys.getsizeof(made)
    assert not hasattr(moved, "__dict__")


@pytest.mark.parametrize(
    "build",
    [
        lambda: Lifecycle("t", "a", [], []),
        lambda: Lifecycle("t", [], [State("a")], []),
        lambda: Lifecycle("", "a", [State("a")], []),
        lambda: Lifecycle("t", "a", [State("a"), State("a")], []),
        lambda: Lifecycle("t", "a", [State("a", "actve")], []),  # type: ignore[arg-type]
        lambda: Lifecycle("t", "a", [State("a\n")], []),
        lambda: Lifecycle("t", "a", ["a"], []),
        lambda: Lifecycle("t", "a", 7, []),
        lambda: Lifecycle("t", "b", [State("a")], []),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go\x07", "a", "a")]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("\ud800", "a", "a")]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", "b")]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", [], "a")]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", [["a"]], "a")]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", "a", roles=[])]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", "a", roles=[7])]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", "a", requires=7)]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", "a", guards=[7])]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", "a", effects=["x"])]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", In("opn"), "a")]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", Chosen("to", among=[]))]),
        lambda: Lifecycle("t", "a", [State("a", fields_from="b"), State("b", fields_from="a")], []),
        lambda: Lifecycle("t", "a", [State("a", fields_from="c")], []),
        lambda: Lifecycle("t", "a", [State("a", fields_from=["b"])], []),
        lambda: Lifecycle("t", "a", [State("a", final="no")], []),
        lambda: Lifecycle("t", "a", [State("a", timers=Timer(7, after=HOUR))], []),
        lambda: Lifecycle("t", "a", [State("a", timers=Timer("go", at=7))], []),
        lambda: Lifecycle("t", "a", [State("a", fields={"port": FieldRule("hidden", exempt=7)})], []),
        lambda: Lifecycle("t", "a", [State("a", fields={"port": FieldRule("hidden", when={7: "x"})})], []),
        lambda: Lifecycle("t", "a", [State("a", fields={"port": ()})], []),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", "a", roles=[["x"]])]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", "a", internal="no")]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", Chosen("to", 7))]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", "a", guards=Guard("", bool))]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", "a", guards=Guard("g", bool, reads=7))]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", "a", guards=Guard("g", bool, reads=[7]))]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", "a", follow_ups=FollowUp("go", "x", "may"))]),
        lambda: Lifecycle(
            "t", "a", [State("a")], [Transition("go", "a", "a", follow_ups=FollowUp("go", "x", payload=7))]
        ),
        lambda: loads(7),
        lambda: Lifecycle("t", "a", [State("a")]).diff(7),
        lambda: Lifecycle("t", "a", [State("a")]).refines(None),
    ],
)
def test_a_definition_that_cannot_work_is_refused_when_it_is_made(build: Any) -> None:
    """Empty, doubled, unknown, unprintable or ill-typed: a DefinitionError with a sentence and a remedy."""
    with pytest.raises(DefinitionError) as caught:
        build()
    assert str(caught.value).rstrip().endswith((".", "?"))


def test_any_printable_text_may_name_a_state_or_an_event(context: Any) -> None:
    """Names with spaces, dots, quotes and signs work from end to end."""
    flow = Lifecycle("t", "Zu prüfen…", [State("Zu prüfen…"), State("100 % \"ok\"")],
                     [Transition("aprovação / 承認", "Zu prüfen…", "100 % \"ok\"")])  # fmt: skip
    moved, entry = flow.fire(Ticket("t1", "Zu prüfen…"), "aprovação / 承認", context())
    assert moved.state == '100 % "ok"'
    assert entry.event == "aprovação / 承認"


def test_ten_thousand_states_are_built_checked_and_run(context: Any) -> None:
    """The work grows with the size of the definition: ten times the states take no more than forty times the work."""

    def chain(size: int) -> Lifecycle:
        names = [f"s{number}" for number in range(size)]
        return Lifecycle(
            "chain", names[0], [State(name, final=name == names[-1]) for name in names],
            [Transition("go", a, b) for a, b in pairwise(names)],
        )  # fmt: skip

    def calls(size: int) -> int:
        counted = 0

        def count(frame: Any, event: str, arg: Any) -> None:
            nonlocal counted
            counted += 1

        sys.setprofile(count)
        try:
            flow = chain(size)
            assert flow.verify() == ()
            flow.engine  # noqa: B018 - reading it compiles the lifecycle
        finally:
            sys.setprofile(None)
        return counted

    assert calls(2_000) < 40 * calls(200)
    big = chain(10_000)
    assert big.verify() == ()
    assert big.fire(Ticket("t1", "s9998"), "go", context())[0].state == "s9999"
