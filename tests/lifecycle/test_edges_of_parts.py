"""The parts of a lifecycle at their edges: rules, timers, stories, extension, and what a record's own type brings."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from itil4.errors import BrokenRule, DefinitionError, InvalidInput, Refused
from itil4.lifecycle import (
    Aspects,
    Chosen,
    Context,
    FieldRule,
    FollowUp,
    Guard,
    Lifecycle,
    State,
    Timer,
    Transition,
    draw,
    from_dict,
    loads,
)
from itil4.lifecycle.stories import Move, Story
from itil4.record import Actor

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@attrs.frozen
class Ticket:
    id: str
    state: str
    version: int = 1
    port: str | None = None
    crew: tuple[str, ...] = ()
    urgent: bool = False


A, B, C = State("a", "new"), State("b"), State("c", "closed", final=True)
FLOW = Lifecycle("ticket", "a", [A, B, C], [Transition("go", "a", "b"), Transition("end", "b", "c")])
RISK = Lifecycle("risk", "low", [State("low"), State("high")], [Transition("rise", "low", "high")], field="port")


# steps


def test_a_computed_field_of_a_step_sees_what_the_step_brings() -> None:
    """Also where no guard and no effect looked at the proposed record before."""
    seen = []

    def compute(proposed: Any) -> dict[str, Any]:
        seen.append(proposed.port)
        return {"urgent": proposed.port == "Genoa"}

    told = Context(Actor("sam"), NOON, {"port": "Genoa"}, derive=compute)
    after, entry = FLOW.fire(Ticket("t1", "a"), "go", told)
    assert (after.urgent, seen, sorted(entry.changes)) == (True, ["Genoa"], ["port", "state", "urgent"])
    FLOW.fire(Ticket("t1", "a", port="Nice"), "go", Context(Actor("sam"), NOON, derive=compute))
    assert seen == ["Genoa", "Nice"]


def test_a_computed_field_is_computed_although_somebody_passed_the_step_before() -> None:
    """What is kept of an earlier decision stands in for judging alone."""
    plain = Context(Actor("sam"), NOON)
    assert FLOW.fire(Ticket("t1", "a"), "go", plain)[0].urgent is False
    told = Context(Actor("sam"), NOON, derive=lambda proposed: {"urgent": True})
    assert FLOW.fire(Ticket("t1", "a"), "go", told)[0].urgent is True
    brought = Context(Actor("sam"), NOON, {"port": "Genoa"})
    assert FLOW.fire(Ticket("t1", "a"), "go", brought)[0].port == "Genoa"


def test_a_rule_for_computed_fields_that_raises_is_named() -> None:
    """Nothing is written, and the error says which rule it was."""

    def falling(proposed: Any) -> dict[str, Any]:
        raise KeyError("port")

    with pytest.raises(BrokenRule, match="falling"):
        FLOW.fire(Ticket("t1", "a"), "go", Context(Actor("sam"), NOON, derive=falling))


def test_a_collection_that_grows_is_told_by_what_was_added(context: Any) -> None:
    """One that shrinks, or changes in the middle, is told whole; one that is equal is not told."""
    record = Ticket("t1", "a", crew=("ana", "sam"))
    for act in (lambda ctx: FLOW.update(record, ctx), lambda ctx: FLOW.fire(record, "go", ctx)):
        changes = act(context(crew=("ana", "sam", "ida")))[1].to_dict()["changes"]
        assert changes["crew"] == {"items": ["ida"]}
        changes = act(context(crew=("ana",)))[1].to_dict()["changes"]
        assert changes["crew"] == {"old": ["ana", "sam"], "new": ["ana"]}
        changes = act(context(crew=("ana", "tom", "sam")))[1].to_dict()["changes"]
        assert changes["crew"]["new"] == ["ana", "tom", "sam"]
        assert "crew" not in act(context(crew=tuple(["ana", "sam"])))[1].changes  # noqa: C409 - another object
    assert FLOW.update(record, context(port="".join(["Ge", "noa"])))[0].port == "Genoa"


def test_an_update_of_a_value_to_itself_says_nothing(context: Any) -> None:
    """Equal is equal, whether it is one object or two; the version still counts the update."""
    record = Ticket("t1", "a", port="Genoa")
    after, entry = FLOW.update(record, context(port="".join(["Gen", "oa"])))
    assert (dict(entry.changes), after.port, after.version) == ({}, "Genoa", 2)


def test_an_update_with_a_wrong_value_still_tells_what_the_state_holds_against_the_others(context: Any) -> None:
    """All reasons at once: the ill-typed value, and the frozen field."""
    flow = Lifecycle("t", "a", [State("a", fields={"port": "read_only"})], [])
    with pytest.raises(Refused) as caught:
        flow.update(Ticket("t1", "a", port="Genoa"), context(port="Nice", urgent=7))
    assert [(each.code, each.detail.get("field")) for each in caught.value.reasons] == [
        ("ill_typed", "urgent"), ("field_rule", "port"),
    ]  # fmt: skip
    asks = Lifecycle("t", "a", [State("a", fields={"port": "mandatory", "urgent": "read_only"})], [])
    with pytest.raises(Refused) as caught:
        asks.update(Ticket("t1", "a", port="Genoa"), context(urgent=True, port=None))
    assert [each.code for each in caught.value.reasons] == ["missing", "field_rule"]


def test_a_denial_names_the_roles_that_deny_and_no_others(context: Any) -> None:
    """Of the roles of the actor, those that the step denies, in order."""
    flow = Lifecycle("t", "a", [A, B], [Transition("go", "a", "b", denied={"user", "guest", "tug"})])
    (reason,) = flow.explain(Ticket("t1", "a"), "go", context("user", "guest", "agent")).reasons
    assert reason.detail["denied"] == ("guest", "user")


def test_only_an_actor_acts() -> None:
    """A name alone has no roles."""
    with pytest.raises(InvalidInput) as caught:
        Context("sam", NOON)  # type: ignore[arg-type]
    assert caught.value.code == "ill_typed"


def test_each_event_belongs_to_its_lifecycle() -> None:
    """One that no lifecycle has belongs to none."""
    both = Aspects(FLOW, RISK)
    assert both.lifecycle_of("go") == FLOW
    assert both.lifecycle_of("rise") == RISK
    assert both.lifecycle_of("goo") is None


@pytest.mark.parametrize("people", [300])
def test_any_number_of_sets_of_roles_may_pass(people: int, context: Any) -> None:
    """Answers are kept for some hundred sets of roles; those beyond are answered the same."""
    steps = [Transition("go", "a", "b", roles={"agent"}), Transition("move", "a", Chosen("to", among=["b", "c"]))]
    flow = Lifecycle("t", "a", [A, B, C], steps)
    for _ in range(2):
        for number in range(people):
            told = context("agent", f"r{number}")
            assert flow.explain(Ticket("t1", "a"), "go", told).roles == ("agent",)
            assert flow.fire(Ticket("t1", "a"), "go", told)[1].roles == ("agent",)
            for target in ("b", "c"):
                decision = flow.explain(Ticket("t1", "a"), "move", context("agent", f"r{number}", to=target))
                assert (decision.allowed, decision.target) == (True, target)
    assert len(flow.engine.table["a"]["go"][0].used) == 256
    assert len(flow.engine.table["a"]["go"][0].decided) == 256


def test_a_row_without_a_version_moves_too(context: Any) -> None:
    """The state alone is set; an update that changes nothing sets nothing."""

    class Row:
        state: str
        port: str | None

        def __init__(self) -> None:
            object.__setattr__(self, "state", "a")
            object.__setattr__(self, "port", None)
            object.__setattr__(self, "sets", [])

        def __setattr__(self, name: str, value: Any) -> None:
            self.sets.append((name, value))  # type: ignore[attr-defined]
            object.__setattr__(self, name, value)

    row, flow = Row(), FLOW.bind(Row)
    entry = flow.fire_in_place(row, "go", context())
    assert (row.state, entry.seq, row.sets) == ("b", 1, [("state", "b")])  # type: ignore[attr-defined]
    flow.update_in_place(row, context(port=None))
    assert row.sets == [("state", "b")]  # type: ignore[attr-defined]
    flow.fire_in_place(row, "end", context(port="Genoa"))
    assert row.sets[1:] == [("port", "Genoa"), ("state", "c")]  # type: ignore[attr-defined]


def test_a_button_asks_by_the_name_of_the_field_in_words(context: Any) -> None:
    """A field of the class has no label of its own."""
    flow = Lifecycle("t", "a", [A, B], [Transition("go", "a", "b", requires="port")])
    assert [ask.label for step in flow.available(Ticket("t1", "a"), context()) for ask in step.asks] == ["Port"]


def test_an_entry_names_the_roles_that_let_the_actor_do_it(context: Any) -> None:
    """Those of the step that the actor has, in order: not the others of either; none where anybody may."""
    steps = [Transition("go", "a", "b", roles={"pilot", "agent", "tug"}), Transition("back", "b", "a")]
    flow = Lifecycle("t", "a", [State("a"), State("b")], steps)
    there, entry = flow.fire(Ticket("t1", "a"), "go", context("pilot", "reader", "agent"))
    assert entry.roles == ("agent", "pilot")
    assert flow.explain(Ticket("t1", "a"), "go", context("pilot", "reader", "agent")).roles == ("agent", "pilot")
    assert flow.fire(there, "back", context("pilot"))[1].roles == ()


def test_a_step_with_its_own_words_is_offered_with_them(context: Any) -> None:
    """A label wins over the words that are made of the event."""
    flow = Lifecycle("t", "a", [State("a"), State("b")],
                     [Transition("go_on", "a", "b"), Transition("end", "a", "b", label="That is all")])  # fmt: skip
    assert [step.label for step in flow.available(Ticket("t1", "a"), context())] == ["Go on", "That is all"]


def test_an_entry_without_a_step_leads_nowhere(context: Any) -> None:
    """An update has neither a state it came from nor one it went to."""
    _, entry = FLOW.update(Ticket("t1", "a"), context(port="Genoa"))
    assert (entry.from_state, entry.to_state) == (None, None)


def test_a_timer_is_done_when_its_own_step_was_taken_after_it_was_due(context: Any) -> None:
    """A step of another name after the moment, or of the same before it, leaves it due."""
    steps = [Transition("ping", "a", "a"), Transition("look", "a", "a")]
    flow = Lifecycle("t", "a", [State("a", timers=[Timer("ping", after=timedelta(hours=1))])], steps)
    birth = flow.engine.entry("birth", context(), "t1", 1, target="a")
    record, entries = Ticket("t1", "a"), [birth]
    for event, minutes, due in (("ping", 30, True), ("look", 90, True), ("ping", 60, False)):
        at = NOON + timedelta(minutes=minutes)
        entry = flow.fire(record, event, Context(Actor("sam"), at))[1]
        assert [each.event for each in flow.due(record, [*entries, entry], NOON + timedelta(hours=2))] == (
            ["ping"] if due else []
        )


# timers and stories


def test_a_step_timer_runs_from_the_birth_until_a_step_of_its_own_lifecycle(context: Any) -> None:
    """A step of another lifecycle, or an update, does not start it again."""
    timed = Lifecycle("t", "a", [State("a", timers=[Timer("end", after=timedelta(hours=1), since="step")]), C],
                      [Transition("end", "a", "c"), Transition("stay", "a", "a")])  # fmt: skip
    record = Ticket("t1", "a")
    birth = timed.engine.entry("birth", context(), "t1", 1, target="a")
    assert [each.at for each in timed.due(record, [birth], NOON + timedelta(hours=2))] == [NOON + timedelta(hours=1)]
    later = Context(Actor("sam"), NOON + timedelta(minutes=30))
    foreign = RISK.fire(Ticket("t1", "a", port="low"), "rise", later)[1]
    update = timed.update(record, attrs_context(later, port="Genoa"))[1]
    due = timed.due(record, [birth, foreign, update], NOON + timedelta(hours=2))
    assert [each.at for each in due] == [NOON + timedelta(hours=1)]
    stay = timed.fire(record, "stay", later)[1]
    due = timed.due(record, [birth, stay], NOON + timedelta(hours=2))
    assert [each.at for each in due] == [NOON + timedelta(minutes=90)]


def attrs_context(context: Context, **payload: Any) -> Context:
    return Context(context.actor, context.at, payload)


def test_a_story_ends_where_its_last_move_leads() -> None:
    """One without moves ends where it was born."""
    story = Story("a", (Move("go", "a", "b"), Move("end", "b", "c")))
    assert (story.state, Story("a").state, story.events) == ("c", "a", ("go", "end"))


# definitions


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: FieldRule("mandatory|hidden"), "definition"),
        (lambda: State("a", fields={"port": ["mandatory", FieldRule("hidden")]}), "definition"),
        (lambda: Guard(7, lambda ticket, ctx: True), "ill_typed"),
        (lambda: Guard("seven", 7), "ill_typed"),
        (lambda: Lifecycle("t", "a", [A, State("*")]), "definition"),
        (lambda: FLOW.state("d"), "unknown_name"),
        (lambda: FLOW.extend(replace={"d": State("d")}), "unknown_name"),
        (lambda: loads('{"name": NaN}'), "ill_typed"),
        (lambda: loads(" " * (16 * 1024 * 1024 + 1)), "definition"),
        (lambda: from_dict({"name": "t", "initial": "a", "states": [{"name": "a"}], "transitions": [
            {"event": "go", "from": "a", "to": "a", "follow_ups": [{"event": "x", "over": "y", "payload": []}]}]}),
         "ill_typed"),
    ],
)  # fmt: skip
def test_a_definition_that_cannot_work_is_refused(make: Any, code: str) -> None:
    """At once, and by what is wrong with it."""
    with pytest.raises(DefinitionError) as caught:
        make()
    assert {reason.code for reason in caught.value.reasons} == {code}


def test_a_rule_with_a_condition_may_contradict_one_without() -> None:
    """The two need not hold at once."""
    hidden = FieldRule("hidden", when={"urgent": [True]})
    assert len(State("a", fields={"port": [FieldRule("mandatory"), hidden]}).fields["port"]) == 2


def test_a_text_of_just_the_largest_size_is_read() -> None:
    """The bound is the largest that is allowed."""
    text = '{"name": "t", "initial": "a", "states": [{"name": "a"}]}'
    assert loads(text.ljust(16 * 1024 * 1024)).name == "t"


@pytest.mark.parametrize("category", ["new", "active", "waiting", "resolved", "closed", "cancelled"])
def test_work_is_open_until_it_is_closed_or_cancelled(category: Any) -> None:
    """Resolved work may come back, and somebody has still to confirm it."""
    assert State("a", category).is_open is (category in ("new", "active", "waiting"))


@pytest.mark.parametrize(
    ("later", "found"),
    [
        (Chosen("to", among=["b", "c"]), True), (Chosen("to", among=["b"]), True),
        (Chosen("to", among=["b", "c", "a"]), False), (Chosen("place", among=["b"]), False), ("b", False),
    ],
)  # fmt: skip
def test_a_choice_is_shadowed_by_an_earlier_one_with_all_its_targets(later: Any, found: bool) -> None:
    """Over the same field, and with at least the same targets."""
    steps = [Transition("move", "a", Chosen("to", among=["b", "c"])), Transition("move", "a", later),
             Transition("back", "b", "a")]  # fmt: skip
    flow = Lifecycle("t", "a", [A, B, C], steps)
    assert ("shadowed_alternative" in [each.code for each in flow.verify()]) is found


def test_a_closed_set_of_roles_is_compared_with_nothing_else() -> None:
    """A known role that looks like a relative one is meant as it is written."""
    flow = Lifecycle("t", "a", [A, B, C], [Transition("go", "a", "b", roles="asignee"), Transition("end", "b", "c")])
    assert [each.code for each in flow.verify(roles=["asignee"])] == []
    assert [each.code for each in flow.verify()] == ["near_miss_role"]


def test_a_finding_without_a_story_is_told_without_one() -> None:
    """The text of a finding ends with its story, where there is one."""
    flow = Lifecycle("t", "a", [A, B, C, State("lost")], [Transition("go", "a", "b"), Transition("end", "b", "c")])
    assert str(flow.verify()[0]) == "warning: unreachable_state at lost: no sequence of steps leads into it."
    stuck = Lifecycle("t", "a", [A, B, C], [Transition("go", "a", "b"), Transition("end", "a", "c")])
    assert str(stuck.verify()[0]).endswith("no step leads from it to an end. Story: born 'a', 'go' -> 'b'.")


def test_a_difference_counts_alternatives_from_two() -> None:
    """The first has the name of the step alone."""
    more = FLOW.extend(add=[Transition("go", "a", "c", roles="lead"), Transition("go", "a", "c")])
    assert [(each.kind, each.place) for each in more.diff(FLOW)] == [
        ("added", "go@a (alternative 2)"), ("added", "go@a (alternative 3)"),
    ]  # fmt: skip


def test_a_picture_marks_only_the_steps_of_its_own_lifecycle(context: Any) -> None:
    """Steps of another one, births and updates are no arrows of it."""
    record = Ticket("t1", "a", port="low")
    birth = FLOW.engine.entry("birth", context(), "t1", 1, target="a")
    update, foreign = FLOW.update(record, context(urgent=True))[1], RISK.fire(record, "rise", context())[1]
    for form in ("mermaid", "dot", "svg"):
        assert draw(FLOW, form, record, [birth, update, foreign]) == draw(FLOW, form, record)


# extension


def test_what_tightens_is_added_to_what_was_there() -> None:
    """Denials are joined, an internal step stays internal, and what nothing was said about stays as it was."""
    step = Transition("go", "a", "b", denied="user", internal=True, roles={"agent", "lead"})
    base = Lifecycle("t", "a", [A, B], [step, Transition("back", "b", "a")])
    tight = base.extend(tighten={"go": {"denied": "guest"}, "back": {"internal": True}})
    assert tight.transitions[0].denied == {"user", "guest"}
    assert [each.internal for each in tight.transitions] == [True, True]
    assert tight.transitions[1].denied is None
    assert base.extend(tighten={"go": {"denied": "lead"}}).transitions[0].internal is True


def test_the_error_of_tightening_too_far_names_the_roles_to_keep() -> None:
    """Those that the step lets take it and does not deny; of a step without any, it asks for one."""
    base = Lifecycle("t", "a", [A, B], [Transition("go", "a", "b", roles={"lead", "agent", "user"}, denied="user")])
    with pytest.raises(DefinitionError, match=r"Keep one of: agent, lead\."):
        base.extend(tighten={"go": {"roles": {"user"}}})
    open_to_all = Lifecycle("t", "a", [A, B], [Transition("go", "a", "b", denied="user")])
    with pytest.raises(DefinitionError, match=r"Keep one of: a role\."):
        open_to_all.extend(tighten={"go": {"roles": {"user"}}})


def test_a_field_that_the_target_asks_for_may_be_required() -> None:
    """Mandatory there, or asked for there although it is frozen."""
    for words in ("mandatory", "read_only|must_prompt"):
        base = Lifecycle("t", "a", [A, State("b", fields={"port": words})], [Transition("go", "a", "b")])
        assert base.extend(tighten={"go": {"requires": "port"}}).transitions[0].requires == ("port",)
    frozen = Lifecycle("t", "a", [A, State("b", fields={"port": "read_only"})], [Transition("go", "a", "b")])
    with pytest.raises(DefinitionError, match="does not let anybody give"):
        frozen.extend(tighten={"go": {"requires": "port"}})


def test_a_follow_up_keeps_what_it_was_given() -> None:
    """Plain data and back."""
    follow_up = FollowUp("close", "links.parent_of", "skip", {"port": "port"})
    flow = Lifecycle("t", "a", [A, B], [Transition("go", "a", "b", follow_ups=[follow_up])])
    assert from_dict(flow.to_dict()).transitions[0].follow_ups == (follow_up,)


# rules of the host, and types of its rows


class Odd:
    """A value whose equality fails."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("odd")

    __hash__ = object.__hash__


def test_a_rule_of_the_host_that_fails_says_how() -> None:
    """The kind of the error and its words; an answer of the wrong kind as it is."""
    flow = Lifecycle("t", "a", [A, B], [Transition("go", "a", "b", guards=[Guard("odd", lambda *_: {}["port"])])])  # type: ignore[index]
    with pytest.raises(BrokenRule, match="KeyError: 'port'"):
        flow.fire(Ticket("t1", "a"), "go", Context(Actor("sam"), NOON))
    state = State("a", fields={"urgent": FieldRule("read_only", when={"port": ["Genoa"]})})
    record = Ticket("t1", "a", port=Odd())  # type: ignore[arg-type]
    with pytest.raises(BrokenRule, match=r"the condition on 'port'.*ValueError: odd"):
        Lifecycle("t", "a", [state], []).rules(record, Context(Actor("sam"), NOON))


def test_who_may_not_is_told_who_may(context: Any) -> None:
    """The roles that the actor has and those that the step needs, in order."""
    flow = Lifecycle("t", "a", [A, B], [Transition("go", "a", "b", roles={"tug", "pilot"})])
    (reason,) = flow.explain(Ticket("t1", "a"), "go", context("user", "guest")).reasons
    assert (reason.detail["has"], reason.detail["needs"]) == (("guest", "user"), ("pilot", "tug"))


def test_an_event_of_no_lifecycle_is_explained_as_impossible(context: Any) -> None:
    """Whoever asks."""
    decision = Aspects(FLOW, RISK).explain(Ticket("t1", "a"), "goo", context("agent"))
    assert (decision.allowed, decision.event, decision.target) == (False, "goo", None)


def test_a_field_that_the_record_type_lacks_is_named_when_a_step_reads_it(context: Any) -> None:
    """A definition that nobody checked against the type."""
    flow = Lifecycle("t", "a", [A, B], [Transition("go", "a", "b", requires="prot")])
    with pytest.raises(InvalidInput, match="'port'"):
        flow.explain(Ticket("t1", "a"), "go", context())


def test_a_guard_that_answers_a_sentence_does_not_hold() -> None:
    """For the comparison of alternatives, as for a step."""
    from itil4.lifecycle import guard

    says = guard(reads={"port": ["Genoa", "Nice"]})(lambda ticket, ctx: ticket.port == "Genoa" or "not Genoa.")
    other = guard(reads={"port": ["Genoa", "Nice"]})(lambda ticket, ctx: ticket.port == "Nice")
    steps = [Transition("sort", "a", "b", guards=[says]), Transition("sort", "a", "c", guards=[other]),
             Transition("back", "b", "a")]  # fmt: skip
    assert Lifecycle("t", "a", [A, B, C], steps).verify() == ()


@pytest.mark.parametrize(
    ("fields", "requires", "found"),
    [
        ("read_only|must_change", (), True), ("read_only", "port", True), ("read_only", (), False),
        ("must_change", "port", False), ("hidden", "port", True),
    ],
)  # fmt: skip
def test_a_step_that_asks_for_a_field_and_locks_it_is_reported(fields: str, requires: Any, found: bool) -> None:
    """Locked, and to be changed or required."""
    steps = [Transition("go", "a", "c", fields={"port": fields}, requires=requires)]
    flow = Lifecycle("t", "a", [A, C], steps)
    assert ("field_rule_contradiction" in [each.code for each in flow.verify()]) is found


def test_the_same_roles_shadow_and_fewer_do_not() -> None:
    """An alternative for the same people as an earlier one is never taken."""

    def flow(later: Any) -> Lifecycle:
        steps = [Transition("go", "a", "b", roles={"x", "y"}), Transition("go", "a", "c", roles=later),
                 Transition("end", "b", "c")]  # fmt: skip
        return Lifecycle("t", "a", [A, B, C], steps)

    assert [each.code for each in flow({"x", "y"}).verify()] == ["shadowed_alternative"]
    assert [each.code for each in flow({"x"}).verify()] == ["shadowed_alternative"]
    assert flow({"x", "z"}).verify() == flow(None).verify() == ()


def test_a_format_that_is_unknown_is_no_choice() -> None:
    """The two that there are are offered."""
    with pytest.raises(DefinitionError) as caught:
        loads("{}", "xml")  # type: ignore[arg-type]
    assert caught.value.code == "not_a_choice"


@pytest.mark.parametrize("among", [250, 251])
def test_a_definition_of_the_most_arrows_is_read(among: int) -> None:
    """Half a million is allowed, and not more: they are counted before any is made."""
    names = [f"s{number}" for number in range(2_000)]
    data = {
        "name": "t", "initial": "s0", "states": [{"name": name} for name in names],
        "transitions": [{"event": "move", "from": "*", "to": {"chosen": "to", "among": names[:among]}}],
    }  # fmt: skip
    if among == 250:
        assert len(from_dict(data).transitions) == 1
    else:
        with pytest.raises(DefinitionError, match="too large"):
            from_dict(data)


def test_one_source_counts_once(context: Any) -> None:
    """A step from one state, named alone or in a list, or from a category, makes no more arrows than it may."""
    names = [f"s{number}" for number in range(1_000)]
    steps = [{"event": f"e{number}", "from": source, "to": "s1"} for number in range(300) for source in ("s0", ["s0"])]
    data = {"name": "t", "initial": "s0", "states": [{"name": name} for name in names], "transitions": steps}
    assert len(from_dict(data).transitions) == 600


def test_fields_that_are_no_mapping_are_refused() -> None:
    """Of a state as of a step."""
    with pytest.raises(DefinitionError) as caught:
        from_dict({"name": "t", "initial": "a", "states": [{"name": "a", "fields": []}]})
    assert caught.value.code == "ill_typed"


def test_a_bound_row_has_computed_fields_too() -> None:
    """Computed from the row as it is proposed, with a payload and without."""

    class Row:
        state: str
        port: str | None
        urgent: bool

        def __init__(self) -> None:
            self.state, self.port, self.urgent = "a", None, False

    def compute(proposed: Any) -> dict[str, Any]:
        return {"urgent": proposed.port == "Genoa"}

    row, flow = Row(), FLOW.bind(Row)
    flow.fire_in_place(row, "go", Context(Actor("sam"), NOON, {"port": "Genoa"}, derive=compute))
    assert (row.state, row.urgent) == ("b", True)
    row.port = "Nice"
    flow.fire_in_place(row, "end", Context(Actor("sam"), NOON, derive=compute))
    assert (row.state, row.urgent) == ("c", False)


def test_a_type_that_the_host_declares_must_be_one_that_fields_can_have(context: Any) -> None:
    """What its class happens to say instead is taken for any value."""

    class Row:
        state: str
        callback: "type[int]"

        def __init__(self) -> None:
            self.state, self.callback = "a", int

    row = Row()
    FLOW.bind(Row).update_in_place(row, context(callback="anything"))
    assert row.callback == "anything"
    with pytest.raises(DefinitionError):
        FLOW.bind(Row, fields={"callback": type[int]})


def test_only_texts_of_a_column_have_a_length(context: Any) -> None:
    """The length of other columns is that of something else."""
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    from sqlalchemy import LargeBinary, String
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

    class Base(DeclarativeBase):
        pass

    class Row(Base):
        __tablename__ = "ticket"
        id: Mapped[int] = mapped_column(primary_key=True)
        state: Mapped[str] = mapped_column(String)
        title: Mapped[str] = mapped_column(String)
        picture: Mapped[bytes] = mapped_column(LargeBinary(3))

    row = Row(id=1, state="a", title="x", picture=b"")
    FLOW.bind(Row).update_in_place(row, context(picture=b"12345", title="x" * 300))
    assert (row.picture, len(row.title)) == (b"12345", 300)


def test_the_digest_of_a_definition_never_changes() -> None:
    """It is written into histories, so every version of the library must find the same; the order of rules is none."""
    assert FLOW.digest == "35d7ac419be2"
    one, other = ({"port": "mandatory", "urgent": "read_only"}, {"urgent": "read_only", "port": "mandatory"})
    assert Lifecycle("t", "a", [State("a", fields=one)], []).digest == (
        Lifecycle("t", "a", [State("a", fields=other)], []).digest
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: State("a", "new", "vendor"),
        lambda: Timer("go", timedelta(1)),
        lambda: FieldRule("hidden", {"port": ["x"]}),
        lambda: Guard("g", lambda ticket, ctx: True, (), "", "", {}),
    ],
)
def test_what_is_seldom_said_is_said_by_name(make: Any) -> None:
    """A definition can be read without the reference beside it."""
    with pytest.raises(TypeError):
        make()


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (State("a", timers=[Timer("end", at="prot")]), {}),
        (State("a", fields={"prot": "hidden"}), {}),
        (State("a", fields={"port": FieldRule("hidden", when={"prot": ["x"]})}), {}),
        (A, {"requires": "prot"}),
        (A, {"guards": [Guard("g", lambda ticket, ctx: True, reads=("prot",))]}),
        (A, {"fields": {"prot": "must_prompt"}}),
        (A, {"fields": {"port": FieldRule("hidden", when={"prot": ["x"]})}}),
    ],
)
def test_every_field_that_a_definition_names_must_exist(state: State, step: dict[str, Any]) -> None:
    """Wherever it is named: by a timer, a rule, a condition, a guard or a step."""
    found = Lifecycle("t", "a", [state, C], [Transition("end", "a", "c", **step)]).verify(Ticket)
    assert [each.text for each in found] == ["Ticket has no field 'prot'. Did you mean 'port'?"]


@pytest.mark.parametrize("roles", [200, 201])
def test_many_roles_are_not_compared_with_one_another(roles: int) -> None:
    """Up to two hundred are; beyond, slips are not looked for."""
    names = {f"r{number}" for number in range(roles - 1)} | {"asignee"}
    flow = Lifecycle("t", "a", [A, C], [Transition("end", "a", "c", roles=names)])
    assert [each.code for each in flow.verify()] == (["near_miss_role"] if roles == 200 else [])


@pytest.mark.parametrize(
    "make",
    [
        lambda name: Lifecycle("t", name, [State(name)]),
        lambda name: Lifecycle(name, "a", [A]),
        lambda name: Lifecycle("t", "a", [A], events=[name]),
        lambda name: Lifecycle("t", "a", [A, B], [Transition(name, "a", "b")]),
        lambda name: Lifecycle("t", "a", [A, B], [Transition("go", "a", "b", roles={name})]),
        lambda name: Lifecycle("t", "a", [A, B], [Transition("go", "a", "b", denied={name})]),
    ],
)
def test_every_name_can_be_printed_and_has_up_to_255_letters(make: Any) -> None:
    """Of lifecycles, states, events and roles; an empty one, and one with a line's end, names nothing."""
    assert make("n" * 255)
    for name in ("", "n" * 256, "a\nb", "a\x00"):
        with pytest.raises(DefinitionError):
            make(name)


@pytest.mark.parametrize(
    "make",
    [
        lambda: State("a", "new", None, None),
        lambda: Transition("go", "a", "b", None),
        lambda: FieldRule("hidden", None),
    ],
)
def test_a_definition_names_its_parts(make: Any) -> None:
    """What stands after the name, the category, the source and the target is given by name."""
    with pytest.raises(TypeError):
        make()


def test_nothing_is_said_of_alternatives_that_nobody_reaches() -> None:
    """A single one has no other to be held against, and those of a lost state are not looked at."""
    steps = [Transition("go", "a", "c"), Transition("on", "lost", "a"), Transition("on", "lost", "c")]
    flow = Lifecycle("t", "a", [A, State("lost"), C], steps)
    assert [each.code for each in flow.verify()] == ["unreachable_state"]
