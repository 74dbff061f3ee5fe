"""Continual improvement: the register and the seven steps, as people use them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import itil4
from itil4 import Actor, InvalidInput, ITIL4Error, Refused
from itil4.clock import FrozenClock
from itil4.practices.continual_improvement import LIFECYCLE, ContinualImprovement, Improvement
from itil4.value.improvement import IMPROVEMENT_STEPS

IDA = Actor("ida", roles={"improvement_manager"})
OLE = Actor("ole")  # owns what he owns, nothing else
EVE = Actor("eve", roles={"user"})
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
WANTED = {
    "source": "review in May", "owner": "ole", "benefit": "Users wait less", "vision": "Help at once",
    "measure": "median first answer", "unit": "minutes", "baseline": 50.0,
}  # fmt: skip


@pytest.fixture(params=["memory", "sqlite"])
def itsm(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    url = None if request.param == "memory" else f"sqlite:///{tmp_path}/desk.db"
    return itil4.connect(url, clock=FrozenClock(MONDAY))


def acting(itsm: Any, **values: Any) -> Any:
    """Return an item that has come to action."""
    box = itsm.improvements
    item = box.log(summary="Answer sooner", by=EVE, **{**WANTED, **values})
    item = box.assess(item, by=OLE)
    item = box.set_target(item, target=20.0, target_at=MONDAY + timedelta(days=30), by=OLE)
    item = box.prepare(item, plan="Two more agents in the morning", by=OLE)
    return box.start(box.approve(item, by=IDA), by=OLE)


def test_inv_019_the_seven_steps_go_forward_in_order(itsm: Any) -> None:
    """INV-019: no step is left out on the way; the model's seven steps are passed one after another."""
    item = acting(itsm)
    item = itsm.improvements.evaluate(item, result=18.0, evaluation="Mornings are calm", by=OLE)
    item = itsm.improvements.embed(item, embedding="Kept in the roster", by=OLE)
    states = [entry.to_state for entry in itsm.improvements.history(item) if entry.to_state]
    numbers = [attrs_step(state) for state in states]
    assert sorted(set(numbers)) == [1, 2, 3, 4, 5, 6, 7] and numbers == sorted(numbers)
    assert item.step == IMPROVEMENT_STEPS[6] and item.reached is True


def attrs_step(state: str) -> int:
    from itil4.practices.continual_improvement import _STEPS

    return _STEPS[state]


def test_inv_019_only_whether_we_got_there_leads_back() -> None:
    """INV-019: every arrow to an earlier step starts from 'did we get there', or from what was put off."""
    for _, source, target in LIFECYCLE.graph:
        if "rejected" in (source, target) or "deferred" in (source, target):
            continue
        before, after = attrs_step(source), attrs_step(target)
        assert after in (before, before + 1) or source == "evaluated"


def test_a_second_cycle_counts_and_forgets_the_first_result(itsm: Any) -> None:
    """What was found before stays in the history; whether we got there is open again."""
    item = itsm.improvements.evaluate(acting(itsm), result=35.0, evaluation="Better, not enough", by=OLE)
    assert item.reached is False
    item = itsm.improvements.start(itsm.improvements.act_again(item, by=OLE), by=OLE)
    assert (item.cycle, item.result, item.reached) == (2, None, None)


def test_inv_020_nothing_is_judged_without_baseline_and_target(itsm: Any) -> None:
    """INV-020: where one was taken away, 'did we get there' is refused."""
    item = itsm.improvements.update(acting(itsm), baseline=None, by=OLE)
    with pytest.raises(Refused) as refused:
        itsm.improvements.evaluate(item, result=18.0, evaluation="Calm", by=OLE)
    assert [each.code for each in refused.value.reasons] == ["guard"]
    item = itsm.improvements.log(summary="No baseline", by=EVE, owner="ole")
    with pytest.raises(Refused) as refused:
        itsm.improvements.assess(item, vision="Help", measure="calls", by=OLE)
    assert refused.value.reasons[0].detail["fields"] == ("baseline",)


@pytest.mark.parametrize("lacking", ["owner", "source", "benefit"])
def test_inv_021_nothing_is_approved_that_nobody_answers_for(itsm: Any, lacking: str) -> None:
    """INV-021: owner, source and expected benefit come before approval."""
    box = itsm.improvements
    item = box.log(summary="Answer sooner", by=EVE, **{name: WANTED[name] for name in WANTED if name != lacking})
    item = box.assess(item, by=IDA)
    item = box.set_target(item, target=20.0, target_at=MONDAY, by=IDA)
    item = box.prepare(item, plan="More agents", by=IDA)
    assert not box.explain(item, "approve", by=IDA).allowed
    item = box.update(item, **{lacking: WANTED[lacking]}, by=IDA)
    assert box.approve(item, by=IDA).state == "approved"


def test_only_the_keeper_of_the_register_approves(itsm: Any) -> None:
    """Who owns an item does not approve it, and a user moves nothing."""
    box = itsm.improvements
    item = box.log(summary="Answer sooner", by=EVE, **WANTED)
    assert [each.code for each in box.explain(item, "assess", by=EVE).reasons] == ["role"]
    with pytest.raises(Refused):
        box.update(item, summary="Mine", by=EVE)
    item = box.prepare(
        box.set_target(box.assess(item, by=OLE), target=20.0, target_at=MONDAY, by=OLE), plan="Agents", by=OLE
    )
    assert [each.code for each in box.explain(item, "approve", by=OLE).reasons] == ["role"]


@settings(max_examples=60, deadline=None)
@given(*[st.integers(-9, 9).map(float)] * 3)
def test_reached_lies_in_the_direction_of_the_target(baseline: float, target: float, result: float) -> None:
    """Going all the way is enough, staying at the baseline is not unless that was wanted, and unknown stays unknown."""
    judge = itil4.connect().improvements
    item = Improvement(id="a", created_at=MONDAY, updated_at=MONDAY, created_by="a", state="evaluated", version=1,
                       summary="x", baseline=baseline, target=target, result=result)  # fmt: skip
    reached = judge.derive(item)["reached"]
    far_enough = (target - baseline) * (result - target) >= 0 if target != baseline else result == target
    assert reached is far_enough
    for name in ("baseline", "target", "result"):
        assert judge.derive(judge.shape.copy(item, {name: None}))["reached"] is None


def test_the_register_has_figures_down_to_its_items(itsm: Any) -> None:
    """On time, reached, and how old the open ones are; what is still to come is counted apart."""
    good = itsm.improvements.evaluate(acting(itsm), result=18.0, evaluation="Calm", by=OLE)
    itsm.house.clock.tick(timedelta(days=40))
    good = itsm.improvements.embed(good, embedding="In the roster", by=OLE)
    acting(itsm)
    itsm.house.clock.tick(timedelta(days=2))
    figures = itsm.improvements.figures()
    assert (figures["on_time"].value, figures["on_time"].open) == (0.0, 1)
    assert (figures["reached"].value, figures["reached"].hits) == (1.0, (good.number,))
    assert figures["register_age"].value == timedelta(days=2)
    assert figures["logged"].value == 2


def test_what_was_found_leads_to_where_it_came_from(itsm: Any) -> None:
    """An item arises from any record, and goes on in another item."""
    incident = itsm.incidents.log(summary="Mail is down", by=EVE)
    item = itsm.improvements.log(summary="Two relays", by=EVE, **WANTED)
    item = itsm.link(item, "arises_from", incident, by=IDA)
    assert [each.id for each in itsm.improvements.linked(item, "arises_from", by=IDA)] == [incident.id]
    following = itsm.improvements.log(summary="Three relays", by=EVE, **WANTED)
    following = itsm.link(following, "continues", item, by=IDA)
    with pytest.raises((Refused, InvalidInput)):
        itsm.link(itsm.improvements.get(item.id), "continues", following, by=IDA)


def test_the_lifecycle_has_no_hole() -> None:
    """Every state is reached and left, every rule names fields that there are."""
    roles = {"improvement_manager", "owner", "team_member"}
    assert [str(each) for each in ContinualImprovement.lifecycle.verify(Improvement, roles)] == []


def test_what_steps_count_and_stamp_is_set_by_them_alone(itsm: Any) -> None:
    """Nobody writes down a cycle that nobody went through, or an end before it; the same again is no change."""
    for name, value in (("cycle", 2**63 - 1), ("ended_at", MONDAY)):
        with pytest.raises(ITIL4Error, match="It is set by") as caught:
            itsm.improvements.log(summary="Answer faster", by=IDA, **{name: value})
        assert caught.value.code == "own_step"
    item = itsm.improvements.log(summary="Answer faster", by=IDA, **WANTED)
    for name, value in (("cycle", 3), ("ended_at", MONDAY)):
        with pytest.raises(ITIL4Error, match="It is set by"):
            itsm.improvements.update(item, by=IDA, **{name: value})
    assert itsm.improvements.update(item, cycle=0, ended_at=None, by=IDA) == item
