"""Several lifecycles on one record, each over its own field."""

from typing import Any

import attrs
import pytest

from itil4.errors import BrokenRule, DefinitionError, Refused
from itil4.lifecycle import Aspects, Lifecycle, State, Timer, Transition, guard


@attrs.frozen
class Incident:
    id: str
    state: str = "open"
    major: str = "no"
    version: int = 1
    impact: str | None = None


@guard(reads="state", text="it is closed.")
def is_open(incident: Any, ctx: Any) -> bool:
    return incident.state == "open"


WORK = Lifecycle(
    "incident", "open", [State("open"), State("closed", "closed", fields={"impact": "read_only"})],
    [Transition("close", "open", "closed"), Transition("cheat", "open", "closed", effects=lambda *_: {"major": "yes"})],
)  # fmt: skip
MAJOR = Lifecycle(
    "major incident", "no", [State("no", "new"), State("yes", fields={"impact": "mandatory"})],
    [Transition("promote", "no", "yes", roles="manager", guards=[is_open]), Transition("demote", "yes", "no")],
    field="major",
)  # fmt: skip
BOTH = Aspects(WORK, MAJOR)


def test_each_event_moves_the_field_of_its_own_lifecycle(context: Any) -> None:
    """Steps of one leave the other where it is, in any order, and the entry says whose step it was."""
    one, entry = BOTH.fire(Incident("i1"), "promote", context("manager", impact="all of Genoa"))
    assert (one.state, one.major, entry.lifecycle, entry.from_state, entry.to_state) == (
        "open", "yes", "major incident", "no", "yes",
    )  # fmt: skip
    two, entry = BOTH.fire(one, "close", context())
    assert (two.state, two.major, two.version, entry.lifecycle) == ("closed", "yes", 3, "incident")


def test_a_refusal_says_which_lifecycle_refused_and_guards_see_the_others(context: Any) -> None:
    """A closed incident cannot be promoted, and it is the aspect that says so."""
    decision = BOTH.explain(Incident("i1", "closed"), "promote", context("manager", impact="x"))
    assert (decision.codes, decision.lifecycle) == (("guard",), "major incident")
    with pytest.raises(Refused) as caught:
        BOTH.fire(Incident("i1", "closed"), "promote", context("manager", impact="x"))
    assert caught.value.decision.lifecycle == "major incident"
    unknown = BOTH.explain(Incident("i1"), "promot", context())
    assert (unknown.codes, unknown.reasons[0].detail["nearest"]) == (("unknown_event",), "'promote'")


@pytest.mark.parametrize("field", ["state", "major"])
@pytest.mark.parametrize("event", ["close", "promote", None])
def test_only_its_own_steps_set_the_field_of_a_lifecycle(event: str | None, field: str, context: Any) -> None:
    """Not the payload of any step, and not an update, sets either field."""
    given = context("manager", **{field: "yes", "impact": "x"})
    with pytest.raises(Refused) as caught:
        BOTH.update(Incident("i1"), given) if event is None else BOTH.fire(Incident("i1"), event, given)
    assert field in [reason.detail["field"] for reason in caught.value.reasons if reason.code == "field_rule"]


def test_an_effect_of_one_cannot_set_the_field_of_another(context: Any) -> None:
    """That is a mistake of the host, and nothing happens."""
    with pytest.raises(BrokenRule, match="the rule"):
        BOTH.fire(Incident("i1"), "cheat", context())


def test_an_update_obeys_the_field_rules_of_every_lifecycle(context: Any) -> None:
    """The aspect wants an impact while the main lifecycle freezes it once closed."""
    with pytest.raises(Refused) as caught:
        BOTH.update(Incident("i1", "open", "yes", impact="x"), context(impact=None))
    assert [(each.code, each.detail["lifecycle"]) for each in caught.value.reasons] == [("missing", "major incident")]
    with pytest.raises(Refused) as caught:
        BOTH.update(Incident("i1", "closed", "yes", impact="x"), context(impact="y"))
    assert [each.detail["lifecycle"] for each in caught.value.reasons] == ["incident"]
    assert BOTH.update(Incident("i1"), context(impact="y"))[0].impact == "y"


def test_the_buttons_of_all_lifecycles_stand_side_by_side(context: Any) -> None:
    """The main one first, each with its lifecycle."""
    steps = BOTH.available(Incident("i1"), context("manager"))
    assert [(step.event, step.lifecycle) for step in steps] == [
        ("close", "incident"), ("cheat", "incident"), ("promote", "major incident"),
    ]  # fmt: skip
    assert [each.allowed for each in BOTH.decisions(Incident("i1"), context("manager"))] == [True, True, False, False]


@pytest.mark.parametrize(
    "other",
    [
        WORK,
        attrs.evolve(WORK, name="x", field="major"),
        attrs.evolve(MAJOR, field="state"),
        attrs.evolve(MAJOR, name="incident"),
    ],
)
def test_two_lifecycles_share_neither_name_nor_field_nor_event(other: Lifecycle) -> None:
    """What is shared is named in the error."""
    with pytest.raises(DefinitionError, match="twice"):
        Aspects(WORK, other)


def test_timers_of_every_lifecycle_are_found(context: Any) -> None:
    """Each runs from the birth of the record, or from the steps of its own lifecycle."""
    from datetime import timedelta

    timed = Aspects(
        WORK.extend(replace={"open": State("open", timers=[Timer("close", after=timedelta(hours=2))])}),
        MAJOR.extend(replace={"no": State("no", "new", timers=[Timer("promote", after=timedelta(hours=1))])}),
    )
    birth = timed.main.engine.entry("birth", context(), "i1", 1, target="open")
    now = birth.at + timedelta(hours=3)
    assert [each.event for each in timed.due(Incident("i1"), [birth], now)] == ["promote", "close"]
