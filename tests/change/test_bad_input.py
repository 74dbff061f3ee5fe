"""What cannot be is refused where it is written, with the nearest thing that can."""

import json
from datetime import datetime
from typing import Any

import pytest
from change_kit import (
    ANSWERS,
    ASSESSOR,
    MANAGER,
    REQUESTER,
    RESTART,
    START,
    active_model,
    codes,
    normal,
    opened,
    scheduled,
    submitted,
)

import itil4
from itil4 import Actor, ChangeModel, ChangePolicy, InvalidInput, Refused
from itil4.errors import DefinitionError
from itil4.practices.change_models import BUILT_IN, NORMAL_WAYS
from itil4.practices.change_values import AuthorityRule, Question, RiskCase, RiskRule
from itil4.record import Relation

GOOD: dict[str, Any] = {"name": "m", "type": "m", "authorities": ["board"]}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({**GOOD, "autorities": []}, "Did you mean 'authorities'"),
        ({"type": "m", "authorities": "a"}, "it has no name"),
        ({**GOOD, "name": ""}, "name is required"),
        ({**GOOD, "name": 3}, "name is a text"),
        ({**GOOD, "template": "x"}, "template"), ({**GOOD, "template": {"summary": 3}}, "template"),
        ({**GOOD, "requires": [3]}, "requires"), ({**GOOD, "requesters": [{}]}, "requesters"),
        ({**GOOD, "risk": 3}, "risk"), ({**GOOD, "risk": {"cases": 3}}, "cases"),
        ({**GOOD, "tasks": 3}, "tasks"), ({**GOOD, "authorities": 3}, "authorities"),
        ({**GOOD, "lifecycle": {"new": {"assess": 3}}}, "lifecycle"), ({**GOOD, "lifecycle": 3}, "lifecycle"),
        ({**GOOD, "review": "after"}, "review"),
        ({**GOOD, "preauthorized": "yes"}, "preauthorized"),
        ({**GOOD, "conditions": ["mail"]}, "conditions"),
        ({**GOOD, "authorities": [{"authority": "a", "risk": "hihg"}]}, "Did you mean 'high'"),
        ({**GOOD, "authorities": [{"authorty": "a"}]}, "Did you mean 'authority'"),
        ({**GOOD, "authorities": [{"authority": "a", "approval": {"nam": "a"}}]}, "Did you mean 'name'"),
        ({**GOOD, "authorities": [{"authority": "a", "approval": "board"}]}, "a mapping"),
        ({**GOOD, "lifecycle": {"new": ["assess"]}}, "lifecycle"),
        ({**GOOD, "lifecycle": {"assess": {"submit": "authorize"}}}, "begin at 'new'"),
        ({**GOOD, "lifecycle": {"new": {"cancel": "cancelled"}}}, "never close"),
        ({**GOOD, "lifecycle": {**NORMAL_WAYS, "assess": {"submit": "limbo"}, "new": {
            "assess": "assess", "submit": "authorize"}}}, "nothing leads on from 'limbo'"),
        ({**GOOD, "tasks": [{"name": "a", "after": "a"}]}, "a -> a"),
        ({**GOOD, "tasks": [{"name": "a", "sate": "done"}]}, "Did you mean 'state'"),
        ({**GOOD, "risk": {"questions": [{"name": "q", "text": "?", "choices": ["one"]}]}}, "two answers"),
        ({**GOOD, "risk": {"questions": [{"name": "q", "text": "?", "choices": ["yes", "no"]}],
                           "cases": [{"risk": "low", "when": {"q": "yse"}}]}}, "Did you mean 'yes'"),
        ([], "a mapping"),
    ],
)  # fmt: skip
def test_a_model_that_cannot_work_is_refused(data: Any, said: str) -> None:
    """With what is wrong, and the nearest name that is right."""
    with pytest.raises(DefinitionError) as caught:
        ChangeModel.from_dict(data)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({**GOOD, "requires": ["backot_plan"]}, "Did you mean 'backout_plan'"),
        ({**GOOD, "template": {"state": "closed"}}, "state"),
        ({**GOOD, "conditions": {"servce": ["mail"]}}, "Did you mean 'service'"),
        ({**GOOD, "lifecycle": {**NORMAL_WAYS, "new": {"assses": "assess"}}}, "Did you mean 'assess'"),
        (RESTART, "register"),
    ],
)
def test_a_model_that_does_not_fit_the_practice_is_refused(model: Any, said: str) -> None:
    """In a policy and in the register alike."""
    with pytest.raises(DefinitionError) as caught:
        opened(models=[model]).changes.log(summary="x", by=REQUESTER)
    assert said in str(caught.value)
    if model is not RESTART:
        with pytest.raises(DefinitionError):
            opened().change_models.log(model=model, by=MANAGER)


BOARD = {"name": "board", "step": {"name": "board", "authority": [{"group": "cab", "seats": 3}], "needs": {"count": 2}}}


@pytest.mark.parametrize("model", [
    *BUILT_IN, ChangeModel.from_dict(RESTART),
    ChangeModel.from_dict({**GOOD, "authorities": [{"authority": "board", "risk": "high", "approval": BOARD}, "lead"]}),
])  # fmt: skip
def test_a_model_is_the_same_as_data(model: ChangeModel) -> None:
    """There and back again, through what JSON can hold."""
    assert ChangeModel.from_dict(json.loads(json.dumps(model.to_dict()))) == model


@pytest.mark.parametrize(
    "policy",
    [
        {"failures": 0}, {"least_success": 2}, {"enough": 0}, {"authorities": {"a": "b"}}, {"authorities": []},
        {"models": RESTART}, {"initiators": "never"}, {"models": 3}, {"windows": 3}, {"windows": {"night": 3}},
        {"model_authority": ""}, {"default_owner": []}, {"schedule": "never"}, {"reopen_problems": "yes"},
    ],
)  # fmt: skip
def test_a_policy_that_cannot_be_is_refused(policy: Any) -> None:
    """When it is made, not when the first change comes."""
    with pytest.raises(DefinitionError):
        ChangePolicy(**policy)


def test_the_wrong_policy_is_said_to_be_one() -> None:
    """A policy of another practice is no policy of changes, and that is told when it is given."""
    with pytest.raises(InvalidInput, match="a ChangePolicy"):
        itil4.connect(policies={"change": itil4.ProblemPolicy()})


@pytest.mark.parametrize(
    "values",
    [
        {"summary": " "}, {"planned_start": datetime(2026, 1, 1)}, {"planned_start": "soon"}, {"risk": "low"},
        {"answers": ANSWERS}, {"model": "nomral"}, {"model": 3}, {"model_record": "x"}, {"colour": "red"},
        {"closed_at": START}, {"review": "fine"}, {"approval_state": "approved"}, {"authorized_at": START},
        {"close_code": "great"}, {"items": "CI1"}, {"state": "scheduled"},
    ],
)  # fmt: skip
def test_a_change_is_not_born_with_what_only_steps_say(itsm: Any, values: Any) -> None:
    """Wrong types, unknown names and results of later steps are refused at the door."""
    with pytest.raises(InvalidInput):
        normal(itsm, **values)
    assert itsm.changes.count() == 0


def test_updates_touch_no_field_that_steps_set(itsm: Any) -> None:
    """The door to how a change went is its steps."""
    change = scheduled(itsm)
    for values in (
        {"authorized_at": None}, {"approval_state": "rejected"}, {"close_code": "successful"}, {"model": "emergency"},
        {"actual_start": change.created_at}, {"tasks": ()}, {"review_pending": True}, {"risk": "low"},
    ):  # fmt: skip
        before = itsm.changes.get(change.id)
        try:
            after = itsm.changes.update(before, by=MANAGER, **values)
        except Refused:
            continue
        assert after == before, values


def test_a_change_whose_model_is_gone_can_still_be_cancelled() -> None:
    """A model that the policy lets go of leaves no change stuck."""
    store = itil4.MemoryStore()
    with_model = itil4.connect(store, policies={"change": ChangePolicy(models=[{**GOOD, "name": "gone"}])})
    change = with_model.changes.log(summary="x", model="gone", by=REQUESTER)
    without: Any = itil4.connect(store)
    steps = {
        step.event for step in without.changes.available(change.number, by=REQUESTER) if step.lifecycle == "change"
    }
    assert "assess" not in steps and "cancel" in steps
    assert without.changes.cancel(change.number, close_reason="No model.", by=REQUESTER).state == "cancelled"


def test_a_model_of_the_register_is_altered_by_sound_versions_only(itsm: Any) -> None:
    """Also by the step itself: versions are added, never taken away, and each one fits."""
    held = active_model(itsm)
    bad = ChangeModel.from_dict({**RESTART, "template": {"servce": "mail"}})
    for definitions in ((), held.definitions, (bad,), (*held.definitions, bad)):
        with pytest.raises(Refused):
            itsm.change_models.fire(held, "alter", definitions=definitions, by=MANAGER)
    with pytest.raises(InvalidInput):
        itsm.change_models.alter(held, ChangeModel.from_dict(RESTART), review="on_failure", by=MANAGER)
    with pytest.raises(DefinitionError):
        itsm.change_models.alter(held, revew="on_failure", by=MANAGER)
    with pytest.raises(Refused):
        itsm.change_models.log(model={**RESTART, "name": "mine"}, by=REQUESTER)
    for by_hand in ({"failed": 0}, {"definitions": ()}):
        with pytest.raises(Refused):
            itsm.change_models.update(held, by=MANAGER, **by_hand)
    assert itsm.change_models.get(held.id).is_preauthorized


def test_what_the_authority_is_asked_about_is_not_relinked(itsm: Any) -> None:
    """The scope of a change is settled when it is submitted (INV-069)."""
    change = submitted(itsm)
    affects = Relation("affects", "affected_by", {("change", "configuration_item")})
    unit = itsm.new_unit()
    context = itsm.changes._context(unit, MANAGER, change, None, {}, None, None)

    def said(record: Any, op: str) -> list[str]:
        return [each.code for each in itsm.changes.link_objections(unit, op, affects, record, None, context)]

    assert said(change, "link") == ["change_scope_fixed"]
    assert said(normal(itsm), "link") == []
    emergency = itsm.changes.log(summary="x", type="emergency", implementation_plan="y", by=REQUESTER)
    emergency = itsm.changes.submit(emergency, by=REQUESTER)
    assert (said(emergency, "link"), said(emergency, "unlink")) == ([], ["change_scope_fixed"])


def test_values_say_what_they_are_made_of() -> None:
    """The parts of a model check themselves, too."""
    for make in (
        lambda: Question(name="", text="?", choices=("a", "b")),
        lambda: RiskCase(risk="extreme"),  # type: ignore[arg-type]  # the wrong word is the point
        lambda: RiskRule(cases=(RiskCase(risk="low", when={"q": "yes"}),)),
        lambda: AuthorityRule(authority=""),
    ):
        with pytest.raises(DefinitionError):
            make()


def test_a_failed_assessment_says_which_answers_there_are(itsm: Any) -> None:
    """Nothing is guessed."""
    change = itsm.changes.assess(normal(itsm), by=ASSESSOR)
    with pytest.raises(Refused) as caught:
        itsm.changes.assess_risk(change, {"reach": "one service"}, by=ASSESSOR)
    assert "experience (often, once, never)" in str(caught.value)
    with pytest.raises(Refused) as caught:
        itsm.changes.assess_risk(change, by=ASSESSOR)
    assert codes(caught) == ["missing"]


@pytest.mark.parametrize("wanted", [{"type": "nonsense"}, {"model": "no such model"}, {"type": "standard"}])
def test_who_may_not_reclassify_hears_nothing_of_models(itsm: Any, wanted: dict[str, str]) -> None:
    """Who may not take the step is told that, whatever else is wrong, and explain says the same."""
    change = itsm.changes.log(summary="Swap the relay", by=REQUESTER)
    stranger = Actor("eve", {"visitor"})
    with pytest.raises(Refused) as caught:
        itsm.changes.reclassify(change, by=stranger, **wanted)
    assert codes(caught) == ["role"]
    assert itsm.changes.explain(change, "reclassify", by=stranger, **wanted).codes == ("role",)
    with pytest.raises(InvalidInput):
        itsm.changes.reclassify(change, by=REQUESTER, **wanted)
