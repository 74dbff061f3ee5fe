"""Lifecycles made from others: more, replaced, removed and tightened; what differs; what a host can still follow."""

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itil4.errors import DefinitionError
from itil4.lifecycle import Chosen, Context, Guard, Lifecycle, State, Transition
from itil4.record import Actor


@attrs.frozen
class Ticket:
    id: str
    state: str
    port: str | None = None
    deck: str | None = None


BASE = Lifecycle(
    "ticket", "new",
    [State("new", "new"), State("working"), State("solved", "resolved"), State("closed", "closed", final=True)],
    [
        Transition("start", "new", "working", roles={"agent", "lead"}),
        Transition("solve", ["new", "working"], "solved", roles={"agent", "lead"}),
        Transition("close", "*", "closed"),
    ],
)  # fmt: skip


def test_extension_adds_states_and_steps_and_leaves_the_base_alone() -> None:
    """A lifecycle is a value: what is made from it is another one."""
    more = BASE.extend(
        [State("awaiting port", "waiting", kind="port")],
        [
            Transition("wait", "working", "awaiting port", requires="port"),
            Transition("berth", "awaiting port", "working"),
        ],
        name="vessel ticket",
    )  # fmt: skip
    assert more.events == ("start", "solve", "close", "wait", "berth")
    assert more.sources_of(more.transitions[2]) == ("new", "working", "solved", "awaiting port")
    assert "wait" not in BASE.events
    assert more.digest != BASE.digest


def test_one_source_of_a_step_can_be_replaced_removed_or_tightened() -> None:
    """`event@source` names one arrow; the others stay as they are."""
    changed = BASE.extend(
        replace={"solve@new": Transition("solve", "new", "closed")}, remove=["close@solved"],
        tighten={"close@new": {"roles": "lead"}},
    )  # fmt: skip
    arrows = {(source, each.event): each for source, each in changed.arrows}
    assert arrows["new", "solve"].target == "closed"
    assert arrows["working", "solve"].target == "solved"
    assert ("solved", "close") not in arrows
    assert arrows["new", "close"].roles == {"lead"}
    assert arrows["working", "close"].roles is None


def test_a_state_can_be_replaced_renamed_or_removed() -> None:
    """Arrows follow a rename and vanish with a removal."""
    renamed = BASE.extend(replace={"working": State("in work", label="At work")})
    assert ("start", "new", "in work") in renamed.graph
    born = BASE.extend(replace={"new": State("fresh", "new")})
    assert (born.initial, born.refines(BASE) is None) == (("fresh",), False)
    removed = BASE.extend(remove=["working"])
    assert removed.graph == {("solve", "new", "solved"), ("close", "new", "closed"), ("close", "solved", "closed")}
    chosen = Lifecycle(
        "c", "a", [State("a"), State("b"), State("c")], [Transition("go", "a", Chosen("to", among=["b", "c"]))]
    )
    assert chosen.extend(remove=["b"]).graph == {("go", "a", "c")}


def test_one_source_of_a_star_is_named_beside_the_states_that_the_same_extension_makes() -> None:
    """`*` is written out over the states that there will be: more, fewer, renamed or final by then."""
    one = {"close@new": {"roles": "lead"}}
    more = BASE.extend([State("parked", "waiting", kind="port")], tighten=one)
    assert {source for source, each in more.arrows if each.event == "close"} == {"new", "working", "solved", "parked"}
    fewer = BASE.extend(remove=["solved"], tighten=one)
    assert {source for source, each in fewer.arrows if each.event == "close"} == {"new", "working"}
    renamed = BASE.extend(replace={"working": State("in work")}, tighten=one)
    assert {source for source, each in renamed.arrows if each.event == "close"} == {"new", "in work", "solved"}
    ended = BASE.extend(replace={"solved": State("solved", "resolved", final=True)}, tighten=one)
    assert {source for source, each in ended.arrows if each.event == "close"} == {"new", "working"}
    added = BASE.extend([State("parked")], tighten={"close@parked": {"roles": "lead"}})
    assert {(source, each.roles) for source, each in added.arrows if source == "parked"} == {
        ("parked", frozenset({"lead"}))
    }


def test_tightening_looks_at_the_states_that_the_same_extension_makes() -> None:
    """A replaced state has its own field rules, not those of the state that it replaces."""
    locked = {"closed": State("closed", "closed", final=True, fields={"port": "read_only"})}
    with pytest.raises(DefinitionError, match="must_prompt"):
        BASE.extend(replace=locked, tighten={"close": {"requires": "port"}})


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"states": 3}, "one or several"),
        ({"states": ["parked"]}, "State values"),
        ({"add": [State("parked")]}, "Transition values"),
        ({"replace": ["start"]}, "replace is a mapping"),
        ({"replace": {"start": None}}, "one or several"),
        ({"replace": {"start": "stop"}}, "Transition values"),
        ({"tighten": ["start"]}, "tighten is a mapping"),
        ({"tighten": {"start": {"roles": [["lead"]]}}}, "role"),
    ],
)
def test_what_is_no_state_step_or_mapping_is_refused_by_name(how: Any, says: str) -> None:
    """A wrong type is told as an error of the definition, with what would be right."""
    with pytest.raises(DefinitionError, match=says):
        BASE.extend(**how)


def test_one_state_or_step_may_stand_alone() -> None:
    """Where several are asked for, one is enough."""
    parked = State("parked", "waiting", kind="port")
    alone = BASE.extend(parked, Transition("park", "working", "parked"))
    assert alone == BASE.extend([parked], [Transition("park", "working", "parked")])


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"remove": ["strat"]}, "Did you mean 'start'"),
        ({"remove": ["start@nwe"]}, "Did you mean 'new'"),
        ({"tighten": {"start": {"role": "lead"}}}, "Did you mean 'roles'"),
        ({"tighten": {"start": {"roles": "user"}}}, "nobody is left"),
        ({"tighten": {"start": {"denied": ["agent", "lead"]}}}, "nobody is left"),
        ({"replace": {"colse": Transition("close", "*", "closed")}}, "Did you mean 'close'"),
        ({"add": [Transition("x", "wroking", "closed")]}, "Did you mean 'working'"),
        ({"states": [State("new")]}, "twice"),
        ({"remove": [7]}, "is an event"),
    ],
)
def test_a_key_that_names_nothing_is_refused_with_the_nearest(how: Any, says: str) -> None:
    """Extension fails where it is written, not when somebody fires."""
    with pytest.raises(DefinitionError, match=says):
        BASE.extend(**how)


def test_tightening_cannot_ask_for_a_field_that_the_target_does_not_let_anybody_give() -> None:
    """Asking would open the field, which would be looser and not tighter."""
    base = Lifecycle("t", "a", [State("a"), State("b", fields={"port": "read_only"})], [Transition("go", "a", "b")])
    with pytest.raises(DefinitionError, match="must_prompt"):
        base.extend(tighten={"go": {"requires": "port"}})


ROLES = ("agent", "lead", "user")
never = Guard("never", lambda ticket, ctx: False)
deck_a = Guard("deck_a", lambda ticket, ctx: ticket.deck == "A", reads="deck")
rules = st.fixed_dictionaries(
    {},
    optional={
        "roles": st.sets(st.sampled_from(ROLES), min_size=1),
        "denied": st.sets(st.sampled_from(ROLES), max_size=1),
        "requires": st.lists(st.sampled_from(("port", "deck")), max_size=2, unique=True),
        "guards": st.lists(st.sampled_from((never, deck_a)), max_size=2, unique=True),
        "internal": st.booleans(),
    },
)
keys = st.sampled_from(("start", "solve", "solve@new", "solve@working", "close", "close@solved"))
tickets = st.builds(
    Ticket, st.just("t1"), st.sampled_from(("new", "working", "solved", "closed")),
    st.none() | st.just("Genoa"), st.none() | st.sampled_from("AB"),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(keys, rules, min_size=1, max_size=2), tickets, st.sets(st.sampled_from(ROLES)), st.booleans(),
       st.dictionaries(st.sampled_from(("port", "deck")), st.sampled_from(("A", "Genoa", None))))  # fmt: skip
def test_tightening_only_narrows(how: Any, ticket: Ticket, roles: Any, system: bool, payload: Any) -> None:
    """Whatever a tightened lifecycle allows, its base allows too; and a host of the base can follow it."""
    try:
        tight = BASE.extend(tighten=how)
    except DefinitionError as error:
        assert "nobody is left" in str(error)  # noqa: PT017 - any other error fails the test
        return
    context = Context(
        Actor("sam", roles=roles, kind="system" if system else "human"), datetime(2026, 3, 2, tzinfo=UTC), payload
    )
    for event in BASE.events:
        if tight.explain(ticket, event, context):
            assert BASE.explain(ticket, event, context)
    assert tight.refines(BASE) is None


def test_diff_lists_every_difference_and_nothing_of_equals() -> None:
    """States, steps per source, their parts, and the lifecycle's own."""
    assert BASE.diff(BASE) == ()
    changed = BASE.extend(
        [State("parked", "waiting")], [Transition("park", "working", "parked")], tighten={"start": {"roles": "lead"}},
        remove=["solve@new"], name="other", replace={"solved": State("solved", "resolved", label="Done")},
    )  # fmt: skip
    assert [str(each) for each in changed.diff(BASE)] == [
        "lifecycle other: name changed from 'ticket' to 'other'",
        "state solved: label changed from None to 'Done'",
        "state parked: added",
        "step start@new: roles changed from ('agent', 'lead') to ('lead',)",
        "step close@parked: added",
        "step park@working: added",
        "step solve@new: removed",
    ]


def test_a_host_of_the_base_follows_until_the_shortest_story_that_it_cannot() -> None:
    """`refines` finds the shortest sequence whose last step the base does not have."""
    more = BASE.extend(
        [State("parked", "waiting")], [Transition("park", "working", "parked"), Transition("go", "parked", "new")]
    )
    story = more.refines(BASE)
    assert story is not None
    assert [tuple(move) for move in story] == [("start", "new", "working"), ("park", "working", "parked")]
    assert BASE.refines(more) is None
    born = BASE.extend(initial=["new", "solved"]).refines(BASE)
    assert born is not None
    assert (born.born, len(born)) == ("solved", 0)
