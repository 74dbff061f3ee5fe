"""The edges of definitions, steps and reports: what is said at them, each by an example."""

import json
from datetime import UTC, datetime
from typing import Any, Literal

import attrs
import pytest

from itil4.errors import DefinitionError, Refused
from itil4.lifecycle import (
    Aspects,
    Chosen,
    Context,
    FieldRule,
    In,
    Lifecycle,
    Registry,
    State,
    Timer,
    Transition,
    draw,
    from_dict,
    guard,
    load,
    loads,
)
from itil4.lifecycle.names import looks_like
from itil4.lifecycle.rules import as_guard
from itil4.lifecycle.stories import Paths
from itil4.lifecycle.timers import duration_of
from itil4.record import Actor, FieldSet, make_shape

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@attrs.frozen
class Ticket:
    id: str
    state: str
    version: int = 1
    risk: Literal["high", "low"] = "low"
    port: str | None = None
    urgent: bool = False


@attrs.frozen
class Bare:
    """A record of a host without an id and a version."""

    state: str
    port: str | None = None


FLOW = Lifecycle(
    "ticket", "a", [State("a", "new"), State("b"), State("c", "closed", final=True)],
    [Transition("go", "a", "b"), Transition("end", "b", "c")],
)  # fmt: skip


# what an entry says


def test_an_entry_says_why_for_whom_by_what_way_and_after_what() -> None:
    """Each is there when it was given, and only then; the lifecycle's digest is always there."""
    told = Context(Actor("sam", on_behalf_of="ana", via="chat"), NOON, reason="she asked", cause="e1", correlation="c1")
    _, entry = FLOW.fire(Ticket("t1", "a"), "go", told)
    assert (entry.reason, entry.on_behalf_of, entry.via, entry.cause, entry.correlation) == (
        "she asked", "ana", "chat", "e1", "c1",
    )  # fmt: skip
    assert entry.digest == FLOW.digest
    plain = FLOW.fire(Ticket("t1", "a"), "go", Context(Actor("sam"), NOON))[1].to_dict()
    for name in ("reason", "on_behalf_of", "via", "cause", "correlation"):
        assert plain.get(name) is None


def test_the_first_entry_of_a_fresh_lifecycle_has_its_digest() -> None:
    """The digest is worked out when it is first needed."""
    fresh = attrs.evolve(FLOW, name="fresh")
    assert fresh.engine.digest == fresh.digest
    assert isinstance(fresh.digest, str)


def test_an_update_names_its_record_and_counts_on(context: Any) -> None:
    """The entry has the record's id and the next number; a record without either is its first."""
    _, entry = FLOW.update(Ticket("t1", "a", 4), context(port="Genoa"))
    assert (entry.record_id, entry.seq) == ("t1", 5)
    _, entry = FLOW.update(Bare("a"), context(port="Genoa"))
    assert (entry.record_id, entry.seq) == ("", 1)


def test_an_update_is_computed_from_the_record_as_it_is_proposed() -> None:
    """The rule for computed fields sees the new values, also where a record has several lifecycles."""
    other = Lifecycle("risk", "low", [State("low"), State("high")], [Transition("rise", "low", "high")], field="risk")
    both, seen = Aspects(FLOW, other), []

    def compute(proposed: Any) -> dict[str, Any]:
        seen.append(proposed.port)
        return {"urgent": proposed.port == "Genoa"}

    told = Context(Actor("sam"), NOON, {"port": "Genoa"}, derive=compute)
    assert both.update(Ticket("t1", "a"), told)[0].urgent is True
    assert seen == ["Genoa"]


# refusals and buttons


def test_reasons_of_a_payload_are_ranked_and_not_in_its_order(context: Any) -> None:
    """What is of the wrong type comes before what is unknown and what is missing."""
    step = Transition("go", "a", "b", requires="port", roles="pilot")
    flow = Lifecycle("t", "a", [State("a"), State("b", fields={"urgent": "read_only"})], [step])
    given = context(urgent=True, colour="red", port=7)
    assert flow.explain(Ticket("t1", "a"), "go", given).codes == (
        "role", "ill_typed", "unknown_field", "missing", "field_rule",
    )  # fmt: skip
    update = Lifecycle("t", "a", [State("a", fields={"urgent": "read_only"})], [])
    with pytest.raises(Refused) as caught:
        update.update(Ticket("t1", "a"), given)
    assert [reason.code for reason in caught.value.reasons] == ["ill_typed", "unknown_field", "field_rule"]


def test_a_mandatory_field_may_be_given_another_value(context: Any) -> None:
    """Mandatory is not frozen."""
    flow = Lifecycle("t", "a", [State("a"), State("b", fields={"port": "mandatory"})], [Transition("go", "a", "b")])
    assert flow.fire(Ticket("t1", "a", port="Genoa"), "go", context(port="Nice"))[0].port == "Nice"


def test_a_button_asks_with_the_kind_and_the_choices_of_the_field(context: Any) -> None:
    """A form can be made of it without a look at the record type."""
    flow = Lifecycle("t", "a", [State("a"), State("b")], [Transition("go", "a", "b", requires=["port", "urgent"])])
    record: Any = attrs.make_class(
        "Unknown", {"id": attrs.field(type=str), "state": attrs.field(type=str),
                    "port": attrs.field(type=str | None, default=None),
                    "urgent": attrs.field(type=Literal["yes", "no"] | None, default=None)}, frozen=True,
    )("t1", "a")  # fmt: skip
    (step,) = flow.available(record, context())
    assert [(ask.field, ask.type, ask.required, ask.choices) for ask in step.asks] == [
        ("port", "text", True, ()), ("urgent", "choice", True, ("yes", "no")),
    ]  # fmt: skip


def test_a_choice_of_the_target_is_asked_first_and_is_required(context: Any) -> None:
    """The choices are those of every alternative over the same field, and of no other."""
    steps = [
        Transition("move", "a", Chosen("to", among=["b"]), requires="port"),
        Transition("move", "a", Chosen("place", among=["c"])),
        Transition("move", "a", Chosen("to", among=["c"])),
        Transition("move", "a", "b", requires="port"),
    ]
    flow = Lifecycle("t", "a", [State("a"), State("b"), State("c")], steps)
    (step,) = flow.available(Ticket("t1", "a"), context())
    first = step.asks[0]
    assert (first.field, first.type, first.required, first.choices) == ("to", "choice", True, ("b", "c"))


def test_a_chosen_target_that_is_given_is_not_asked_for_again(context: Any) -> None:
    """What is missing beside it is asked for, with its own choices."""
    steps = [Transition("move", "a", Chosen("to", among=["b", "c"]), requires="port")]
    flow = Lifecycle("t", "a", [State("a"), State("b"), State("c")], steps)
    (step,) = flow.available(Ticket("t1", "a"), context(to="b"))
    assert [(ask.field, ask.choices) for ask in step.asks] == [("port", ())]
    assert step.target == "b"


def test_a_step_may_need_a_field_that_the_desk_added(context: Any) -> None:
    """Extra fields are read like those of the class."""
    from itil4 import Incident

    shape = make_shape(Incident, FieldSet.from_dict({"vessel": {"type": "line", "label": "Ship"}}))
    flow = Lifecycle("t", "new", [State("new"), State("done")], [Transition("go", "new", "done", requires="vessel")])
    record = _incident()
    told = Context(Actor("sam"), NOON, shape=shape)
    (step,) = flow.available(record, told)
    assert [(ask.field, ask.label, ask.required) for ask in step.asks] == [("vessel", "Ship", True)]
    done, entry = flow.fire(record, "go", Context(Actor("sam"), NOON, {"vessel": "Aurora"}, shape=shape))
    assert (done.state, done.extra["vessel"], done.version) == ("done", "Aurora", record.version + 1)
    assert entry.changes["vessel"].new == "Aurora"


def _incident() -> Any:
    import itil4
    from itil4.clock import FrozenClock

    with itil4.connect(clock=FrozenClock(NOON)) as itsm:
        return itsm.incidents.log(summary="x", impact="low", urgency="low", by=Actor("sam", roles={"service_desk"}))


def test_an_event_that_no_lifecycle_has_is_refused(context: Any) -> None:
    """Of several lifecycles on one record as of one."""
    other = Lifecycle("risk", "low", [State("low"), State("high")], [Transition("rise", "low", "high")], field="risk")
    with pytest.raises(Refused) as caught:
        Aspects(FLOW, other).fire(Ticket("t1", "a"), "goo", context())
    assert caught.value.code == "unknown_event"


# reports


def test_a_picture_for_graphviz_marks_where_a_record_was(context: Any) -> None:
    """The state that it left has a thick border, the one where it stands is filled, the others are plain."""
    record, entry = FLOW.fire(Ticket("t1", "a"), "go", context())
    lines = {
        line.split("[")[1].split("]")[0] for line in draw(FLOW, "dot", record, [entry]).splitlines() if "=" in line
    }
    assert 'label="A", penwidth=2' in lines
    assert 'label="B", style="rounded,filled", fillcolor="#ffd54f", color="#e65100"' in lines
    assert 'label="C", peripheries=2' in lines


def test_an_error_of_a_definition_tells_the_story_that_shows_it() -> None:
    """Who gets the error need not look for the way there."""
    faulty = Lifecycle("t", "a", [State("a", "new"), State("b")], [Transition("go", "a", "b", requires="prot")])
    with pytest.raises(DefinitionError) as caught:
        faulty.check_against(Ticket)
    (reason,) = caught.value.reasons
    assert reason.remedy.startswith("Story: ")


def test_a_finding_is_plain_data_with_its_story_or_none() -> None:
    """Born in a state, and moves; a place that no way leads to has no story."""
    faulty = Lifecycle("t", "a", [State("a", "new"), State("lost"), State("b")],
                       [Transition("go", "a", "b"), Transition("back", "b", "a")])  # fmt: skip
    found = {each.code: each.to_dict() for each in faulty.verify()}
    assert found["unreachable_state"]["story"] is None
    told = json.loads(json.dumps(found["never_ends"]))
    assert told["story"] == {"born": "a", "moves": []}
    stuck = Lifecycle(
        "t",
        "a",
        [State("a"), State("b"), State("c", final=True)],
        [Transition("go", "a", "b"), Transition("x", "a", "c")],
    )
    (found_,) = stuck.verify()
    assert found_.to_dict()["story"]["moves"] == [{"event": "go", "source": "a", "target": "b"}]


def test_a_timer_that_leads_nowhere_offers_the_nearest_event_of_its_state() -> None:
    """Not the nearest of all events."""
    timed = State("b", timers=[Timer("edn", at="due_at")])
    flow = Lifecycle("t", "a", [State("a"), timed, State("c", final=True)],
                     [Transition("ednn", "a", "b"), Transition("end", "b", "c")])  # fmt: skip
    (found,) = [each for each in flow.verify() if each.code == "timer_never_fires"]
    assert "Did you mean 'end'?" in found.text


def test_the_field_that_says_the_kind_of_a_state_must_exist() -> None:
    """A record type without it is reported."""
    flow = Lifecycle("t", "a", [State("a", kind_from="risc"), State("c", final=True)], [Transition("end", "a", "c")])
    assert [each.code for each in flow.verify(Ticket)] == ["unknown_field"]


@guard(reads={"risk": ["high", "low"]})
def high(ticket: Any, ctx: Any) -> bool:
    return ticket.risk == "high"


def test_one_guarded_alternative_of_a_circle_of_people_is_no_gap() -> None:
    """Others are free to have no way; only alternatives of the same people are held against one another."""
    steps = [
        Transition("sort", "a", "b", guards=[high], roles="lead"), Transition("sort", "a", "c", guards=[high]),
        Transition("back", "b", "a"),
    ]  # fmt: skip
    flow = Lifecycle("t", "a", [State("a"), State("b"), State("c", final=True)], steps)
    assert flow.verify(Ticket) == ()


@pytest.mark.parametrize(("values", "found"), [(64, True), (65, False)])
def test_guards_over_many_values_are_not_compared(values: int, found: bool) -> None:
    """Up to 4,096 combinations are tried; beyond, nothing is said."""
    domain = {"risk": list(range(values)), "port": list(range(64))}
    one, two = (guard(reads=domain)(lambda ticket, ctx: ticket.risk == 1 and ticket.port == 1) for _ in range(2))
    steps = [
        Transition("sort", "a", "b", guards=[one]), Transition("sort", "a", "c", guards=[two]),
        Transition("back", "b", "a"),
    ]  # fmt: skip
    flow = Lifecycle("t", "a", [State("a"), State("b"), State("c", final=True)], steps)
    assert ("overlapping_guards" in [each.code for each in flow.verify()]) is found


def test_a_state_that_nothing_leads_to_has_no_story() -> None:
    """Nor has one that the definition does not know, and after its budget a teller falls silent."""
    paths = Paths(["a"], {"a": [("go", "b")]})
    assert paths.to("b") is not None
    assert paths.to("nowhere") is None
    assert "b" in paths and "nowhere" not in paths
    paths._left = 1
    assert paths.to("b") is not None, "the last one"
    assert paths.to("b") is None


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("service_desk", "service desk", True), ("ServiceDesk", "service_desk", True), ("desk", "desk", False),
        ("service_desk", "desk", False), ("level_1", "level_2", False), ("agent_x1", "agent_x2", False),
        ("asignee", "assignee", True), ("reader", "leader", False), ("team_lead", "lead_team", False),
        ("abc", "acb", False), ("abcd", "abdc", True),
        ("first_line", "second_line", False), ("agent1", "agent2", False),
    ],
)  # fmt: skip
def test_a_slip_of_the_finger_is_told_from_another_word(one: str, other: str, alike: bool) -> None:
    """One word differs by little, or the words are joined otherwise; short words and numbers are not guessed at."""
    assert looks_like(one, other) is alike
    assert looks_like(other, one) is alike


# definitions


@pytest.mark.parametrize(
    "make",
    [
        lambda: State("a", timers=["go"]),
        lambda: State("a", timers=[7]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", "a", follow_ups=["close"])]),
        lambda: Lifecycle("t", "a", [State("a")], [Transition("go", "a", "a", effects=["close"])]),
        lambda: from_dict(
            {"name": "t", "initial": "a", "states": [{"name": "a", "fields": {"x": {"rule": "hidden", "when": 7}}}]}
        ),
    ],
)
def test_a_part_of_the_wrong_type_is_named(make: Any) -> None:
    """The error says where, and what was expected there."""
    with pytest.raises(DefinitionError) as caught:
        make()
    assert {reason.code for reason in caught.value.reasons} == {"ill_typed"}


def test_the_error_of_a_broken_text_is_that_of_its_reader() -> None:
    """What the reader of JSON says, with the place; where it says nothing, what kind of error it was."""
    with pytest.raises(DefinitionError, match=r"Expecting value: line 1 column 2"):
        loads("[")
    with pytest.raises(DefinitionError, match=r"RecursionError|recursion"):
        loads("[" * 100_000)


def test_a_file_that_is_too_large_is_refused_by_its_size_alone(tmp_path: Any) -> None:
    """It is not read; one of just the largest size is."""
    path = tmp_path / "flow.json"
    text = b'{"name": "t", "initial": "a", "states": [{"name": "a"}]}'
    with path.open("wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)
    with pytest.raises(DefinitionError, match="too large") as caught:
        load(path)
    assert str(path) in str(caught.value)
    path.write_bytes(text.ljust(16 * 1024 * 1024))
    assert load(path).name == "t"


def test_a_definition_of_the_most_states_is_read() -> None:
    """The bound is the largest that is allowed."""
    names = [f"s{number}" for number in range(20_000)]
    assert len(from_dict({"name": "t", "initial": "s0", "states": [{"name": name} for name in names]}).states) == 20_000


def test_a_category_may_stand_for_its_states(context: Any) -> None:
    """A step from every waiting state is possible there and nowhere else."""
    flow = Lifecycle(
        "t",
        "a",
        [State("a"), State("w", "waiting")],
        [Transition("wait", "a", "w"), Transition("on", In("waiting"), "a")],
    )
    assert flow.fire(Ticket("t1", "w"), "on", context())[0].state == "a"
    assert flow.explain(Ticket("t1", "a"), "on", context()).codes == ("wrong_state",)


def stamp(ticket: Any, ctx: Any) -> dict[str, Any]:
    return {}


def another_stamp() -> Any:
    def stamp(ticket: Any, ctx: Any) -> dict[str, Any]:
        return {"port": "Genoa"}

    return stamp


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: as_guard(7), "ill_typed"),
        (lambda: Lifecycle("t", ["a", "a"], [State("a")]), "duplicate"),
        (lambda: Lifecycle("t", "a", [State("a")], ["go"]), "ill_typed"),
        (lambda: FLOW.extend(tighten={"go": ["roles"]}), "ill_typed"),
        (lambda: Registry(effects=[stamp, another_stamp()]), "duplicate"),
        (lambda: duration_of("P999999999999D"), "ill_typed"),
        (lambda: duration_of("P"), "ill_typed"),
        (lambda: loads('{"format": true, "name": "t", "initial": "a", "states": [{"name": "a"}]}'), "definition"),
    ],
)
def test_what_cannot_be_meant_is_refused_when_it_is_defined(make: Any, code: str) -> None:
    """A lifecycle that exists can be run."""
    with pytest.raises(DefinitionError) as caught:
        make()
    assert {reason.code for reason in caught.value.reasons} == {code}


def test_one_effect_may_be_registered_twice() -> None:
    """It is the same rule under the same name."""
    assert set(Registry(effects=[stamp, stamp]).effects) == {"stamp"}


def test_a_state_that_is_renamed_is_renamed_among_choices(context: Any) -> None:
    """Every place that names it follows, and no other name does."""
    steps = [Transition("move", "*", Chosen("to", among=["b", "c"])), Transition("go", "a", "b")]
    flow = Lifecycle("t", "a", [State("a"), State("b"), State("c")], steps).extend(replace={"b": State("berthed")})
    assert [each.targets for each in flow.transitions] == [("berthed", "c"), ("berthed",)]
    assert flow.fire(Ticket("t1", "a"), "move", context(to="berthed"))[0].state == "berthed"


def test_a_difference_in_a_field_rule_shows_its_words_and_that_it_has_a_condition() -> None:
    """Words in order; what the condition is, is in the definitions."""
    other = FLOW.extend(
        replace={"b": State("b", fields={"port": [FieldRule("read_only|mandatory", when=high), FieldRule("hidden")]})}
    )
    (found,) = other.diff(FLOW)
    assert (found.part, found.after) == ("fields", {"port": ("mandatory|read_only when ...", "hidden")})


def test_a_choice_over_a_field_of_the_record_is_reported_at_its_first_source() -> None:
    """The payload could mean either; the story leads to where the step is possible."""
    steps = [Transition("go", "a", "b"), Transition("move", ["b", "c"], Chosen("port", among=["c"]))]
    flow = Lifecycle("t", "a", [State("a"), State("b"), State("c")], steps)
    (found,) = [each for each in flow.verify(Ticket) if each.code == "field_rule_contradiction"]
    assert (found.place, found.story and found.story.events) == ("move@b", ("go",))


def test_a_field_that_looks_like_another_is_offered() -> None:
    """A name that looks like none has no hint."""
    flow = Lifecycle("t", "a", [State("a"), State("c", final=True)],
                     [Transition("end", "a", "c", requires=["prot", "zzzzzz"])])  # fmt: skip
    texts = [each.text for each in flow.verify(Ticket)]
    assert texts == ["Ticket has no field 'prot'. Did you mean 'port'?", "Ticket has no field 'zzzzzz'."]


def test_an_event_that_is_not_declared_is_reported_once_with_the_nearest() -> None:
    """However many states it leaves from; one that looks like none has no hint."""
    steps = [Transition("endd", ["a", "b"], "c"), Transition("go", "a", "b"), Transition("zzzzzz", "b", "a")]
    flow = Lifecycle("t", "a", [State("a"), State("b"), State("c", final=True)], steps, events=["go", "end"])
    found = [(each.place, each.text) for each in flow.verify() if each.code == "undeclared_event"]
    assert found == [
        ("endd@a", "its event is not among the declared ones. Did you mean 'end'?"),
        ("zzzzzz@b", "its event is not among the declared ones."),
    ]


def test_an_alternative_that_is_never_taken_is_named_by_its_number() -> None:
    """The first is 1, and the story ends with the one before it that is always taken."""
    steps = [Transition("go", "a", "b"), Transition("go", "a", "c"), Transition("end", "b", "c")]
    flow = Lifecycle("t", "a", [State("a"), State("b"), State("c", final=True)], steps)
    (found,) = flow.verify()
    assert found.text == "alternative 2, to 'c', is never taken: one before it always is."
    assert found.story is not None and found.story.events == ("go",)


def test_guards_that_are_given_their_values_need_none_of_the_record_type() -> None:
    """The values that a guard names win over those of the field; a gap names the value that it is about."""
    only = guard(reads={"risk": ["middling", "high"]})(lambda ticket, ctx: ticket.risk == "high")
    steps = [Transition("sort", "a", "b", guards=[only]), Transition("sort", "a", "c", guards=[only, high]),
             Transition("back", "b", "a")]  # fmt: skip
    flow = Lifecycle("t", "a", [State("a"), State("b"), State("c", final=True)], steps)
    texts = {each.code: each.text for each in flow.verify(Ticket)}
    assert texts["incomplete_guards"] == "for risk='middling' no alternative holds."
    assert texts["overlapping_guards"].startswith("for risk='high' the alternatives to 'b' and 'c' both hold")


def test_a_mermaid_picture_marks_where_a_record_was(context: Any) -> None:
    """The states that it left have a thick border; without a history there are none."""
    record, entry = FLOW.fire(Ticket("t1", "a"), "go", context())
    assert "    class s0 visited\n" in draw(FLOW, "mermaid", record, [entry])
    assert "    classDef visited stroke-width:3px\n" in draw(FLOW, "mermaid", record, [entry])
    assert "visited" not in draw(FLOW, "mermaid", record)


def test_the_field_rules_that_hold_are_told_for_every_field(context: Any) -> None:
    """A rule for all others is told for each of them; one with a condition only where it holds."""
    state = State("a", fields={"port": FieldRule("mandatory", when=high), "*": "read_only"})
    flow = Lifecycle("t", "a", [state], [])
    told = flow.rules(Ticket("t1", "a", risk="high"), context())
    assert told == {"port": {"mandatory"}, **{name: {"read_only"} for name in ("id", "version", "risk", "urgent")}}
    assert "port" not in flow.rules(Ticket("t1", "a"), context())
    named = Lifecycle("t", "a", [State("a", fields={"port": "mandatory"})], [])
    assert named.rules(Ticket("t1", "a"), context()) == {"port": {"mandatory"}}
