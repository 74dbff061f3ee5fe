"""Field rules: hidden, read-only, mandatory, prompted and changed fields, per state and per step."""

from typing import Any

import attrs
import pytest

from itil4.errors import DefinitionError, Refused
from itil4.lifecycle import FieldRule, Guard, Lifecycle, State, Transition


@attrs.frozen
class Ticket:
    id: str
    state: str
    team: str | None = None
    agent: str | None = None
    reason: str | None = None
    comments: str | None = None


FLOW = Lifecycle(
    "ticket", "new",
    [
        State("new", "new", fields={"agent": "hidden"}),
        State("assigned", fields=dict.fromkeys(("team", "agent"), "mandatory|must_prompt|read_only")),
        State("escalated", fields_from="assigned", fields={"agent": "editable"}),
        State("pending", "waiting", fields_from="assigned", fields={
            "reason": "mandatory",
            "comments": FieldRule("mandatory", when={"reason": ["caller"]}),
        }),
        State("closed", "closed", fields={"*": FieldRule("read_only", exempt="admin"), "comments": "editable"}),
    ],
    [
        Transition("assign", ["new", "pending"], "assigned"),
        Transition("reassign", "assigned", "assigned", fields={"agent": "must_change"}),
        Transition("escalate", "assigned", "escalated"),
        Transition("hold", "assigned", "pending"),
        Transition("close", "assigned", "closed"),
        Transition("hand_over", "assigned", "assigned", fields={"team": "read_only", "reason": "hidden"}),
    ],
)  # fmt: skip
ASSIGNED = Ticket("t1", "assigned", "net", "sam")


def codes(record: Any, event: str, ctx: Any) -> tuple[str, ...]:
    return FLOW.explain(record, event, ctx).codes


def test_ask_for_it_during_the_step_then_freeze_it_works_as_it_reads(context: Any) -> None:
    """Mandatory, prompted and read-only: needed on the way in, writable on the way in, frozen afterwards."""
    new = Ticket("t1", "new")
    assert FLOW.explain(new, "assign", context()).reasons[0].detail["fields"] == ("team", "agent")
    moved, _ = FLOW.fire(new, "assign", context(team="net", agent="sam"))
    assert (moved.team, moved.agent) == ("net", "sam")
    with pytest.raises(Refused) as caught:
        FLOW.update(moved, context(agent="ana"))
    assert str(caught.value) == "agent is read-only here. Leave it as it is."


def test_what_a_form_shows_is_told_for_the_state_and_for_the_step(context: Any) -> None:
    """`rules` says what holds now, `available` what each step asks for, filled or not."""
    assert FLOW.rules(ASSIGNED, context())["agent"] == {"mandatory", "must_prompt", "read_only"}
    asks = {step.event: {ask.field: ask.required for ask in step.asks} for step in FLOW.available(ASSIGNED, context())}
    assert asks["reassign"] == {"team": True, "agent": True}
    assert asks["hold"] == {"team": True, "agent": True, "reason": True}
    assert asks["close"] == {}


def test_a_field_that_must_change_needs_a_new_value(context: Any) -> None:
    """Not given is missing, the same value is refused, another one passes."""
    assert codes(ASSIGNED, "reassign", context()) == ("missing",)
    assert codes(ASSIGNED, "reassign", context(agent="sam")) == ("field_rule",)
    assert FLOW.fire(ASSIGNED, "reassign", context(agent="ana"))[0].agent == "ana"


def test_a_state_inherits_rules_and_its_own_word_wins(context: Any) -> None:
    """`fields_from` brings the rules of another state; `editable` takes one back."""
    escalated = Ticket("t1", "escalated", "net", "sam")
    assert FLOW.update(escalated, context(agent="ana"))[0].agent == "ana"
    with pytest.raises(Refused):
        FLOW.update(escalated, context(team="ops"))


def test_a_rule_may_hold_under_a_condition_on_other_fields(context: Any) -> None:
    """Comments are needed only while the caller is waited for, in the step and in an update."""
    assert codes(ASSIGNED, "hold", context(reason="vendor")) == ()
    missing = FLOW.explain(ASSIGNED, "hold", context(reason="caller"))
    assert missing.reasons[0].detail["fields"] == ("comments",)
    pending = FLOW.fire(ASSIGNED, "hold", context(reason="vendor"))[0]
    with pytest.raises(Refused) as caught:
        FLOW.update(pending, context(reason="caller"))
    assert caught.value.code == "missing"
    assert FLOW.update(pending, context(reason="caller", comments="Which relay?"))[0].reason == "caller"


def test_a_condition_may_be_a_guard_and_holds_only_when_it_can_be_judged(context: Any) -> None:
    """A guard that lacks a value is not called, and the rule does not hold."""
    asked = []
    is_net = Guard("is_net", lambda ticket, ctx: bool(asked.append(ticket.team)) or ticket.team == "net", reads="team")  # type: ignore[func-returns-value]
    flow = Lifecycle(
        "t", "a", [State("a"), State("b", fields={"reason": FieldRule("mandatory", when=is_net)})],
        [Transition("go", "a", "b")],
    )  # fmt: skip
    assert flow.explain(Ticket("t1", "a"), "go", context()).allowed
    assert asked == []
    assert flow.explain(Ticket("t1", "a", team="net"), "go", context()).codes == ("missing",)
    assert flow.explain(Ticket("t1", "a", team="ops"), "go", context()).allowed


def test_a_star_is_every_field_without_a_rule_of_its_own_and_roles_may_be_exempt(context: Any) -> None:
    """Closed records are frozen but for one field, and for administrators."""
    closed = Ticket("t1", "closed")
    with pytest.raises(Refused):
        FLOW.update(closed, context(team="ops"))
    assert FLOW.update(closed, context(comments="Thanks"))[0].comments == "Thanks"
    assert FLOW.update(closed, context("admin", team="ops"))[0].team == "ops"


def test_a_step_may_freeze_a_field_and_no_refusal_touches_the_record(context: Any) -> None:
    """The step's own rules stand beside those of the target; `must_prompt` of the target still lets it be given."""
    assert codes(ASSIGNED, "hand_over", context(reason="x")) == ("field_rule",)
    assert codes(ASSIGNED, "close", context(team="ops")) == ("field_rule",)
    assert Ticket("t1", "assigned", "net", "sam") == ASSIGNED


def test_what_is_missing_already_does_not_stop_an_update_of_something_else(context: Any) -> None:
    """A record that was imported without a mandatory field can still be worked on, and cannot be made worse."""
    imported = Ticket("t1", "pending", None, None, None)
    assert FLOW.update(imported, context(comments="hello"))[0].comments == "hello"
    held = Ticket("t1", "pending", "net", "sam", "vendor")
    with pytest.raises(Refused) as caught:
        FLOW.update(held, context(reason=" "))
    assert caught.value.reasons[0].detail["fields"] == ("reason",)


def test_a_required_field_may_be_given_though_its_target_freezes_it(context: Any) -> None:
    """`requires` asks for the field, so that the step can be taken at all."""
    flow = Lifecycle(
        "t",
        "a",
        [State("a"), State("b", fields={"reason": "read_only"})],
        [Transition("go", "a", "b", requires="reason")],
    )
    assert flow.fire(Ticket("t1", "a"), "go", context(reason="x"))[0].reason == "x"


@pytest.mark.parametrize(
    "rules",
    [
        {"team": "mandatory|hidden"},
        {"team": [FieldRule("mandatory"), FieldRule("hidden")]},
        {"team": "mandtory"},
        {"team": 7},
        {7: "hidden"},
        "hidden",
    ],
)
def test_rules_that_cannot_hold_are_refused_at_once(rules: Any) -> None:
    """Mandatory and hidden at once, an unknown word, a wrong type."""
    with pytest.raises(DefinitionError):
        State("a", fields=rules)


def test_a_step_may_bring_along_a_locked_field_as_it_is(context: Any) -> None:
    """A form sends all of its fields back: what is the same is no change, what differs is refused."""
    assert codes(ASSIGNED, "close", context(team="net")) == ()
    assert codes(ASSIGNED, "close", context(team="web")) == ("field_rule",)
