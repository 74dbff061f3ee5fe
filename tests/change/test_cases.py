"""The published lifecycles of changes, driven through the practice, and those of other tools as models of a host."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import pytest
from change_kit import ANSWERS, ASSESSOR, AUTHORITY, IMPLEMENTER, MANAGER, PLANNED, PLANS, RESTART, active_model, opened

from itil4 import Actor, Change, ChangeEnablement, ChangeModel, InvalidInput, Lifecycle, Refused, State, Transition
from itil4.errors import DefinitionError
from itil4.practices.change_values import AuthorityRule, RiskRule

CASES = Path(__file__).parents[3] / "shared" / "cases" / "lifecycles.json"

ALL = Actor("max", {"change_manager", "change_assessor", "change_implementer"})
GIVEN: dict[str, dict[str, Any]] = {
    "submit": {**PLANS, **PLANNED}, "schedule": {}, "close": {"close_code": "successful"},
    "cancel": {"close_reason": "Not needed."},
}  # fmt: skip


def published(record: str) -> dict[str, Any]:
    """Return a published case, or skip where the cases are not beside the repository."""
    if not CASES.exists():
        pytest.skip("the published cases are not beside the repository")
    cases = json.loads(CASES.read_text(encoding="utf-8"))
    found: dict[str, Any] = next(each for each in cases if (each["system"], each["record"]) == ("ServiceNow", record))
    return found


def ours(case: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the moves of a case, by our names of its states."""
    name = {"Canceled": "cancelled"}
    moves = ([name.get(each[end], each[end].lower()) for end in ("source", "target")] for each in case["transitions"])
    return {(source, target) for source, target in moves}


def brought(itsm: Any, kind: str, state: str) -> Any:
    """Return a change of that kind in a state, by the shortest way."""
    values = {"model": RESTART["name"]} if kind == "standard" else {"type": "normal"}
    change = itsm.changes.log(summary="Swap", by=Actor("ana", {"user"}), **values, **PLANNED)
    changes = itsm.changes

    def go(it: Any, state: str) -> Any:
        if state == "assess":
            return changes.assess(it, by=ASSESSOR)
        if state == "authorize":
            return changes.submit(changes.assess_risk(it, ANSWERS, by=ASSESSOR), **PLANS, by=ASSESSOR)
        if state == "scheduled":
            return changes.schedule(it, by=MANAGER) if kind == "standard" else changes.approve(it, by=AUTHORITY)
        if state == "implement":
            return changes.implement(it, by=IMPLEMENTER)
        if state == "review":
            return changes.review(it, by=IMPLEMENTER)
        return changes.close(it, close_code="successful", by=IMPLEMENTER)

    ways = ["scheduled", "implement", "review", "closed"]
    if state == "cancelled":
        return changes.cancel(change, close_reason="x", by=MANAGER)
    for name in ways if kind == "standard" else ["assess", "authorize", *ways]:
        if change.state == state:
            break
        change = go(change, name)
        assert change.state == name
    return change


@pytest.mark.parametrize("kind", ["normal", "standard"])
def test_every_move_of_a_published_change_is_possible_and_no_other(kind: str) -> None:
    """State by state: what the table has can be done by those who may, and nothing else leads on."""
    case = published(f"change_{kind}")
    moves = ours(case)
    states = [state.lower() if state != "Canceled" else "cancelled" for state in case["states"]]
    seen = set()
    for state in states:
        with opened() as itsm:
            active_model(itsm)
            start = brought(itsm, kind, state)
            assert start.state == state
        for event in (*type(itsm.changes).lifecycle.events, "approve", "reject"):
            with opened() as desk:
                active_model(desk)
                change = brought(desk, kind, state)
                if event == "submit" and state == "assess":
                    change = desk.changes.assess_risk(change, ANSWERS, by=ASSESSOR)
                who = AUTHORITY if event in ("approve", "reject") else ALL
                try:
                    after = desk.changes.fire(change, event, by=who, **GIVEN.get(event, {}))
                except Refused:
                    continue
                if after.state != state:
                    seen.add((state, after.state))
    assert seen == moves


def test_a_host_brings_the_lifecycle_of_another_tool_as_a_model() -> None:
    """By subclass: other states and steps, the same authority, the same refusal of a way around it."""

    class Changes(ChangeEnablement[Change]):
        carried_out = ChangeEnablement.carried_out | {"pilot"}
        lifecycle = ChangeEnablement.lifecycle.extend(
            states=[State("pilot")],
            add=[
                Transition("try_out", "scheduled", "pilot", roles="change_implementer"),
                Transition("roll_out", "pilot", "implement", roles="change_implementer"),
            ],
        )
        models = (*ChangeEnablement.models, ChangeModel(
            name="piloted", type="normal", authorities="change_authority", assessed=False,
            lifecycle={
                "new": {"submit": "authorize", "cancel": "cancelled"},
                "authorize": {"authorize": "scheduled", "refuse": "new"},
                "scheduled": {"try_out": "pilot"}, "pilot": {"roll_out": "implement"},
                "implement": {"review": "review"}, "review": {"close": "closed"},
            },
        ))  # fmt: skip

    with opened(practices=[Changes]) as made:
        itsm: Any = made
        change = itsm.changes.log(summary="Swap", model="piloted", by=MANAGER, **PLANNED)
        change = itsm.changes.approve(itsm.changes.submit(change, by=MANAGER), by=AUTHORITY)
        steps = {step.event for step in itsm.changes.available(change, by=IMPLEMENTER)}
        assert "try_out" in steps and "implement" not in steps
        change = itsm.changes.try_out(change, by=IMPLEMENTER)
        assert itsm.changes.roll_out(change, by=IMPLEMENTER).state == "implement"
        plain = itsm.changes.log(summary="Swap", by=MANAGER)
        with pytest.raises(Refused):
            itsm.changes.try_out(plain, by=IMPLEMENTER)

    ways = {"new": {"jump": "pilot"}, "pilot": {"roll_out": "implement"}, "implement": {"review": "review"},
            "review": {"close": "closed"}}  # fmt: skip
    with pytest.raises(DefinitionError, match="'jump' -> 'pilot'"):
        ChangeModel(name="jumpy", type="normal", authorities="a", lifecycle=ways)


def test_a_published_lifecycle_that_authorizes_after_the_work_is_refused_as_a_model() -> None:
    """A `Lifecycle` value is read as a model's ways, and judged like any other."""
    flow = Lifecycle(
        "late", "new", [State("new", "new"), State("implement"), State("authorize"), State("closed", "closed")],
        [Transition("implement", "new", "implement"), Transition("ask", "implement", "authorize"),
         Transition("authorize", "authorize", "closed")],
    )  # fmt: skip
    with pytest.raises(DefinitionError, match="born 'new', 'implement' -> 'implement'"):
        ChangeModel(name="late", type="late", authorities="board", lifecycle=flow)


def test_a_subclass_with_fields_of_its_own_may_require_them() -> None:
    """A model names any field of the host's record; an unknown one is refused with the nearest."""

    @attrs.frozen(kw_only=True)
    class VesselChange(Change):
        vessel: str | None = None

    model = ChangeModel(
        name="vessel", type="normal", authorities="change_authority", assessed=False, requires="vessel",
        lifecycle={**ChangeEnablement.models[1].lifecycle, "new": {"submit": "authorize"}},
        conditions={"vessel": ["Aurora", "Borealis"]},
    )  # fmt: skip

    class VesselChanges(ChangeEnablement[VesselChange]):
        record = VesselChange
        models = (*ChangeEnablement.models, model)

    with opened(practices=[VesselChanges]) as itsm:
        change = itsm.changes.log(summary="Swap", model="vessel", by=MANAGER)
        for vessel in (None, "Titanic"):
            change = itsm.changes.update(change, vessel=vessel, by=MANAGER)
            with pytest.raises(Refused):
                itsm.changes.submit(change, by=MANAGER)
        assert itsm.changes.submit(change, vessel="Aurora", by=MANAGER).state == "authorize"
    with pytest.raises(DefinitionError, match="vessel"):
        opened(models=[model]).changes.log(summary="Swap", by=MANAGER)


@attrs.frozen(kw_only=True)
class QuarterModel(ChangeModel):
    """A model of a host, by subclass: its authority is who keeps the quarter, and it wants a service."""

    keeper: str = "quarter keeper"

    def rule_for(self, risk: str | None, within: Iterable[str] = ()) -> AuthorityRule | None:
        return AuthorityRule(authority=self.keeper)

    def unmet(self, change: Any) -> str | None:
        return super().unmet(change) or (None if change.service else "it names no service.")


def test_a_host_brings_a_model_by_subclass() -> None:
    """What a subclass decides otherwise is asked wherever the model is; it stands on the class, not in the register."""
    quarter = QuarterModel(name="quarter", type="normal", authorities="board", risk=RiskRule(otherwise="low"))

    class Changes(ChangeEnablement[Change]):
        models = (*ChangeEnablement.models, quarter)

    with opened(practices=[Changes]) as itsm:
        change = itsm.changes.assess(itsm.changes.log(summary="Swap", model="quarter", by=MANAGER), by=ASSESSOR)
        change = itsm.changes.assess_risk(change, by=ASSESSOR)
        with pytest.raises(Refused):
            itsm.changes.submit(change, **PLANNED, by=MANAGER)
        change = itsm.changes.submit(itsm.changes.update(change, service="mail", by=MANAGER), **PLANNED, by=MANAGER)
        with pytest.raises(Refused):
            itsm.changes.approve(change, by=AUTHORITY)
        assert itsm.changes.approve(change, by=Actor("kim", {"quarter keeper"})).state == "scheduled"
        with pytest.raises(InvalidInput):
            itsm.change_models.log(model=quarter, by=MANAGER)
