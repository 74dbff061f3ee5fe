"""Whatever people do, in whatever order: without the authority no change is carried out."""

from datetime import timedelta
from typing import Any

import pytest
from change_kit import (
    ANSWERS,
    ASSESSOR,
    AUTHORITY,
    IMPLEMENTER,
    MANAGER,
    PLANNED,
    PLANS,
    REQUESTER,
    RESTART,
    START,
    active_model,
    opened,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from itil4 import Actor, ChangeEnablement, ChangeModel, ChangePolicy, InvalidInput, ITIL4Error
from itil4.practices.approval import ApprovalPolicy, role
from itil4.practices.change_models import BUILT_IN, NORMAL_WAYS
from itil4.testing import check_story, walk

EVERYTHING = Actor("eve", {
    "change_manager", "change_coordinator", "change_assessor", "change_implementer", "technical_specialist", "admin",
    "service_owner", "requester", "owner", "assignee", "team_member", "incident_manager",
})  # fmt: skip
ROBOT = Actor("bot", EVERYTHING.roles | {"system", "change_authority"}, kind="system")
"""A system that takes internal steps; it is asked for nothing, so it decides nothing."""
ACTORS = (REQUESTER, ASSESSOR, MANAGER, IMPLEMENTER, EVERYTHING)

FAST = ChangeModel(
    name="fast", type="fast", assessed=False, authorities="change_authority", after_the_fact=True,
    lifecycle={**NORMAL_WAYS, "new": {**NORMAL_WAYS["new"], "submit": "authorize"}},
)  # fmt: skip
MODELS = (*(model.name for model in BUILT_IN), "fast")

PAYLOADS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"answers": ANSWERS},
    {**PLANS, **PLANNED},
    {"close_code": "successful"},
    {"close_reason": "x"},
    {"review": "x"},
    {"type": "emergency"},
    {"model": "fast"},
    {"model": RESTART["name"]},
    {"actual_start": START, "actual_end": START + timedelta(hours=1)},
    {"approval_state": "approved"},
    {"authorized_at": START},
    {"state": "scheduled"},
    {"on_behalf_of": "cat"},
    {"to": "eve"},
)

OPENED = opened(models=[FAST])
EVENTS = tuple(dict.fromkeys(event for lifecycle in type(OPENED.changes).lifecycles() for event in lifecycle.events))
VERBS = ("update", "delegate", "reschedule", "override")

calls = st.tuples(
    st.sampled_from((*EVENTS, *EVENTS, *VERBS)),
    st.sampled_from(PAYLOADS),
    st.sampled_from(ACTORS),
    st.booleans(),
)


def call(practice: Any, record: Any, event: str, payload: Any, actor: Actor, late: bool) -> Any:
    """Do what somebody tries, by the verb or by `fire`; return the record as it is then."""
    at = {"at": START} if late else {}
    for way in (getattr(practice, event, None), None):
        try:
            if way is not None:
                way(record, by=actor, **payload, **at)
            else:
                practice.fire(record, event, by=actor, **payload, **at)
        except (ITIL4Error, TypeError):  # refused, or not the arguments of that verb
            continue
    return practice.get(record.id)


FORWARD = [
    ("assess", {}, ASSESSOR, False), ("assess_risk", {"answers": ANSWERS}, ASSESSOR, False),
    ("submit", {**PLANS, **PLANNED}, ASSESSOR, False), ("approve", {}, EVERYTHING, False),
    ("implement", {}, IMPLEMENTER, False), ("schedule", {}, MANAGER, False),
]  # fmt: skip
"""The way that would work with an authority; walks begin with some of it, so that they get somewhere."""


@settings(max_examples=120, deadline=None)
@given(
    model=st.sampled_from(MODELS), begun=st.integers(0, len(FORWARD)), tried=st.lists(calls, max_size=25),
    own=st.booleans(),
)  # fmt: skip
def test_inv_057_no_order_of_steps_without_the_authority_carries_a_change_out(
    model: str, begun: int, tried: Any, own: bool
) -> None:
    """INV-057: any steps, by anybody but the authority, of any model: never scheduled, never implemented."""
    with opened(models=[FAST]) as itsm:
        change = itsm.changes.log(summary="Swap", model=model, by=EVERYTHING if own else REQUESTER)
        for step in [*FORWARD[:begun], *tried]:
            change = call(itsm.changes, change, *step)
            assert change.state not in ("scheduled", "implement"), step
            for event in ("authorize", "schedule", "implement", "approve"):
                change = call(itsm.changes, change, event, {}, ROBOT if event != "approve" else MANAGER, False)
                assert change.state not in ("scheduled", "implement"), event
        assert "authorize" not in {entry.event for entry in itsm.changes.history(change)}
        assert itsm.changes.replayed(change) == change


MODEL_STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("alter", {"review": "before_closure"}), ("alter", {"template": {}}), ("submit", {}),
    ("withdraw", {"withdrawal": "x"}),
    ("assess_risk", {"risk": "low", "risk_note": "x"}), ("authorize", {}), ("approve", {}), ("count_result", {}),
    ("count_result", {"completed": 9}), ("request_approval", {}), ("revert_to_draft", {}), ("refuse", {}),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from(MODEL_STEPS), st.sampled_from((*ACTORS, ROBOT))), max_size=20),
    active=st.booleans(),
)
def test_inv_055_only_an_authorized_version_of_a_model_schedules_a_change(steps: Any, active: bool) -> None:
    """INV-055: by no steps of anybody but the authority does a version become pre-authorized that it has not seen."""
    with opened() as made:
        itsm: Any = made
        held = active_model(itsm) if active else itsm.change_models.log(model=RESTART, by=MANAGER)
        approved = {1} if active else set()
        for (event, payload), actor in steps:
            if event == "approve" and actor is ROBOT:
                continue  # it has the role, so it is the authority
            held = call(itsm.change_models, held, event, payload, actor, False)
            assert not held.is_preauthorized or held.model_version in approved
            try:
                change = itsm.changes.log(summary="Restart", model=held, by=REQUESTER, **PLANNED)
                change = itsm.changes.schedule(change, by=REQUESTER)
            except ITIL4Error:
                assert not held.is_preauthorized
            else:
                assert held.is_preauthorized and change.model_version in approved


def test_the_walks_would_see_an_authorization() -> None:
    """With the authority among the actors the same way leads to scheduled: the walks are not blind."""
    with opened(models=[FAST]) as itsm:
        change = itsm.changes.log(summary="Swap", model="normal", by=REQUESTER)
        for event, payload, actor, late in FORWARD[:4]:
            change = call(itsm.changes, change, event, payload, AUTHORITY if event == "approve" else actor, late)
        assert change.state == "scheduled"


BORN = {
    "normal": "log(summary='Swap') as user -> assess -> assess_risk -> submit",
    "emergency": "log(summary='Swap', type='emergency', implementation_plan='Swap it') as user -> submit",
    "of the host, as data": (
        "log(summary='Swap', model='quick', planned_start=later('1d'), planned_end=later('2d')) as user -> submit"
    ),
}
VOTED = "approve as cat[change_authority] -> approve as dan[change_authority]"
DONE = "implement -> review -> record_review(review='As planned') -> close(close_code='successful')"
QUICK = {
    "name": "quick", "type": "quick", "assessed": False, "authorities": "change_authority",
    "lifecycle": {**NORMAL_WAYS, "new": {"submit": "authorize", "cancel": "cancelled"}},
}  # fmt: skip
BOARD = ApprovalPolicy.of("change_authority", role("change_authority", seats=2), needs="all")
SETTINGS = {"policies": {"change": ChangePolicy(models=[QUICK], authorities={"change_authority": BOARD})}}


@pytest.mark.parametrize("begun", BORN.values(), ids=BORN)
def test_the_test_kit_brings_each_model_to_its_end_through_real_votes(begun: str) -> None:
    """Every promise of the kit holds on the way; with one vote of two it is not scheduled."""
    voted = check_story(ChangeEnablement, f"{begun} -> {VOTED}", settings=SETTINGS)
    assert voted.state == "scheduled" and len(voted.approval_votes) == 2
    half = check_story(ChangeEnablement, f"{begun} -> {VOTED.partition(' ->')[0]}", settings=SETTINGS)
    assert half.state == "authorize"
    own = f"{begun} -> approve as user[change_authority] refused for guard"
    assert check_story(ChangeEnablement, own, settings=SETTINGS).state == "authorize"
    assert check_story(ChangeEnablement, f"{begun} -> {VOTED} -> {DONE}", settings=SETTINGS).state == "closed"


def test_the_test_kit_brings_a_standard_change_to_its_end_without_a_vote() -> None:
    """What has to be there before, an active model of the register, is prepared before each story."""
    born = "log(summary='Restart', model='restart', planned_start=later('1d'), planned_end=later('2d')) as user"
    ended = check_story(ChangeEnablement, f"{born} -> schedule as requester -> {DONE}")
    assert (ended.state, ended.type, ended.approval_state) == ("closed", "standard", "not_requested")


def test_a_voter_that_is_no_role_is_refused() -> None:
    """`by` of a payload is a role or an actor."""
    with pytest.raises(InvalidInput, match="a role or an Actor"):
        walk(ChangeEnablement, domains={"approve": [{"by": 3}]})
