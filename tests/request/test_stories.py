"""Service requests as people use them: on memory and SQLite."""

from datetime import timedelta
from typing import Any

import pytest
from request_kit import (
    ANA,
    BOB,
    CARL,
    DORA,
    EVERYBODY,
    MODELS,
    ROBOT,
    SAM,
    START,
    Ticking,
    begun,
    codes,
    fulfilled,
    opened,
)

import itil4
from itil4 import Actor, DefinitionError, InvalidInput, Refused, RequestModel, RequestPolicy, ServiceLevelPolicy, value
from itil4.interop.html_report import html_report
from itil4.practices.request_figures import FIGURES


def test_a_laptop_is_requested_approved_prepared_delivered_and_rated(itsm: Any, clock: Ticking) -> None:
    """Story: from the catalogue to the requester's satisfaction; the history rebuilds the record."""
    box = itsm.service_requests
    entry = box.catalogue(by=ANA)[0]
    assert (entry.name, entry.needs_approval, entry.target) == ("A new laptop", True, timedelta(days=3))
    made = box.request(entry.model, size="15", colour="blue", by=ANA)
    assert (made.number, made.summary, made.group, made.requester) == ("REQ0000001", "A new laptop", "hardware", "ana")
    clock.move(hours=2)
    made = box.approve(made, by=BOB)
    assert (made.state, made.started_at) == ("in_fulfilment", clock.now())
    made = box.start(made, by=SAM)
    assert made.assignee == "sam"
    with pytest.raises(Refused):
        box.start(made, by=DORA)
    made = box.hold(box.done(made, "order", note="PO 17", by=SAM), kind="vendor", by=SAM)
    with pytest.raises(Refused):
        box.fulfil(made, by=SAM)
    clock.move(days=1)
    made = box.done(box.resume(made, by=SAM), "set up", by=SAM)
    assert [(each.state, each.by, each.at) for each in made.tasks][1] == ("done", "sam", clock.now())
    made = box.fulfil(made, outcome="On your desk", by=SAM)
    for who, satisfaction in ((SAM, 5), (ANA, 6)):
        with pytest.raises(Refused):
            box.confirm(made, satisfaction=satisfaction, by=who)
    made = box.confirm(made, satisfaction=5, feedback="Fast", by=ANA)
    assert (made.state, made.satisfaction, made.automated) == ("closed", 5, False)
    assert box.replayed(made) == box.get(made.number) == made
    assert list(itsm.verify()) == []


def test_what_came_back_is_done_again_within_the_time_of_the_policy(itsm: Any, clock: Ticking) -> None:
    """Story: the requester reopens; all tasks are open again; a fortnight later it is too late."""
    box = itsm.service_requests
    made = box.confirm(fulfilled(itsm), satisfaction=2, by=ANA)
    clock.move(days=14)
    made = box.reopen(made, by=ANA)
    assert (made.state, made.satisfaction, made.fulfilled_at) == ("in_fulfilment", None, None)
    assert {each.state for each in made.tasks} == {"open"}
    made = fulfilled(itsm, made)
    clock.move(days=14, seconds=1)
    with pytest.raises(Refused, match="more than"):
        box.reopen(made, by=ANA)
    with pytest.raises(Refused):
        box.reopen(fulfilled(itsm), by=CARL)


def test_what_was_closed_by_itself_can_still_be_rated_by_the_requester_alone(itsm: Any) -> None:
    """Story: the desk closes it; afterwards the requester says how it was."""
    box = itsm.service_requests
    made = box.close(fulfilled(itsm), by=DORA)
    with pytest.raises(Refused):
        box.rate(made, satisfaction=4, by=DORA)
    assert box.rate(made, satisfaction=4, by=ANA).satisfaction == 4


def test_who_asked_may_cancel_and_others_may_not(itsm: Any) -> None:
    """A requester takes a request back in every open state; the approval that was asked for ends with it."""
    box = itsm.service_requests
    made = box.request("laptop", size="13", by=ANA)
    with pytest.raises(Refused):
        box.cancel(made, close_reason="mine", by=CARL)
    made = box.cancel(made, close_reason="not needed", by=ANA)
    assert (made.state, made.approval_state) == ("cancelled", "withdrawn")
    assert box.awaiting(by=BOB) == ()


def test_the_fields_that_steps_set_are_set_by_nothing_else(itsm: Any) -> None:
    """No update and no birth says that work was done, how good it was, or that no approval is needed."""
    box = itsm.service_requests
    made = begun(itsm)
    given = {
        "model": "crm", "service": "x", "needs_approval": True, "target": timedelta(1), "tasks": (), "automated": True,
        "started_at": START + timedelta(1), "fulfilled_at": START, "closed_at": START, "satisfaction": 5,
        "feedback": "x", "outcome": "x", "close_reason": "x", "changes": (),
    }  # fmt: skip
    for name, what in given.items():
        with pytest.raises(Refused):
            box.update(made, by=SAM, **{name: what})
        if name not in ("model", "tasks", "changes"):
            with pytest.raises(InvalidInput):
                box.request("vpn", by=ANA, **{name: what})
    assert box.get(made.id) == made


def test_a_user_makes_nobody_a_worker_on_their_own_request(itsm: Any) -> None:
    """Who asks says neither who fulfils it nor who answers for it, and hands it to nobody else."""
    box = itsm.service_requests
    made = box.request("vpn", by=ANA)
    for name in ("owner", "group", "assignee"):
        with pytest.raises(InvalidInput, match=name):
            box.request("vpn", by=ANA, **{name: "ana"})
        with pytest.raises(Refused, match=name):
            box.update(made, by=ANA, **{name: "ana"})
    with pytest.raises(Refused) as refused:
        box.update(made, requester="sal", by=ANA)
    assert codes(refused) == ["own_step"]
    with pytest.raises(Refused):
        box.start(made, by=ANA)
    assert box.assign(made, to="sam", group="network", by=DORA).assignee == "sam"


def test_an_audience_may_be_customers_that_the_host_knows() -> None:
    """The hook says which customers a person belongs to."""

    class Requests(itil4.ServiceRequestManagement[itil4.ServiceRequest]):
        def customers_of(self, person: str, at: Any) -> tuple[str, ...]:
            return ("acme",) if person == "ana" else ()

    rules = RequestPolicy(
        models=[{"id": "a", "name": "A", "service": "s", "state": "published", "audience": {"customers": "acme"}}]
    )
    with itil4.connect(practices=[Requests], policies={"service_request": rules}) as itsm:
        assert [each.model for each in itsm.service_requests.catalogue(by=ANA)] == ["a"]
        assert itsm.service_requests.catalogue(by=CARL) == ()


def test_a_unit_takes_a_request_and_what_follows_together_or_not_at_all(itsm: Any) -> None:
    """One error takes back the request, its approval round and its change."""

    def both() -> None:
        with itsm.unit(by=ANA) as desk:
            desk.service_requests.request("laptop", size="13")
            desk.service_requests.request("nothing")

    with pytest.raises(InvalidInput):
        both()
    assert itsm.service_requests.find().items == ()
    first = itsm.service_requests.log(model="vpn", once="form 7", by=ANA)
    assert itsm.service_requests.log(model="vpn", once="form 7", by=ANA) == first


def test_each_view_of_the_catalogue_shows_what_it_is_for(itsm: Any) -> None:
    """Users see what to request, customers what is promised and what it costs, IT how it is delivered."""
    box = itsm.service_requests
    assert [each.model for each in box.catalogue(by=ANA)] == ["laptop", "vpn"]
    user, customer, it = (box.catalogue(view, by=who)[0].to_dict() for view, who in (
        ("user", ANA), ("customer", CARL), ("it", SAM)))  # fmt: skip
    assert "size" in user["asks"] and "cost" not in user and "tasks" not in user
    assert customer["cost"] == "900 EUR" and customer["target"] == "PT72H" and "tasks" not in customer
    assert [each["name"] for each in it["tasks"]] == ["order", "set up"] and it["state"] == "published"
    assert [each.model for each in box.catalogue("it", by=SAM)] == [each["id"] for each in MODELS]
    assert box.catalogue("it", by=ANA) == box.catalogue("customer", by=ANA) == ()
    with pytest.raises(InvalidInput, match="'user'"):
        box.catalogue("users", by=ANA)


def test_models_and_policies_that_cannot_be_are_refused_when_they_are_made() -> None:
    """Circles of tasks, doubled ids, unknown words, one name asked for as two types."""
    base = {"id": "a", "name": "A", "service": "s"}
    for more in (
        {"tasks": [{"name": "x", "after": ["y"]}, {"name": "y", "after": ["x"]}]},
        {"tasks": [{"name": "x", "state": "done"}]},
        {"state": "publishd"}, {"audience": {"role": "x"}}, {"audience": "sales"}, {"target": "PT0S"}, {"target": 3},
        {"asks": {"size": {"type": "colour"}}}, {"asks": {"by": {"type": "line"}}}, {"asks": ["size"]},
        {"approval": 7}, {"nam": "x"}, {"name": " "}, {"changes": [1]},
    ):  # fmt: skip
        with pytest.raises((DefinitionError, InvalidInput)):
            RequestModel.from_dict({**base, **more})
    for models in (
        [base, base], ["a"], base,
        [{**base, "asks": {"n": {"type": "line"}}}, {**base, "id": "b", "asks": {"n": {"type": "integer"}}}],
    ):  # fmt: skip
        with pytest.raises(DefinitionError):
            RequestPolicy(models=models)
    with pytest.raises(DefinitionError):
        opened(models=[{**base, "asks": {"summary": {"type": "line"}}}])
    for each in MODELS:
        made = RequestModel.from_dict(each)
        assert RequestModel.from_dict(made.to_dict()) == made


def test_the_figures_name_the_records_behind_them(itsm: Any, clock: Ticking) -> None:
    """Within target (waiting for the requester apart), by systems alone, satisfaction, backlog and time."""
    box = itsm.service_requests
    late = box.hold(begun(itsm), kind="vendor", by=SAM)
    asked = box.hold(begun(itsm), kind="user", by=SAM)
    clock.move(hours=5)
    late = box.confirm(fulfilled(itsm, box.resume(late, by=SAM)), satisfaction=3, by=ANA)
    asked = box.confirm(fulfilled(itsm, box.resume(asked, by=SAM)), satisfaction=4, by=ANA)
    quick = box.close(fulfilled(itsm, box.start(box.request("vpn", by=ANA), by=ROBOT), by=ROBOT), by=ROBOT)
    plain = box.request("laptop", size="13", by=ANA)
    gone = box.reroute(box.request("vpn", by=ANA), by=DORA)
    clock.move(hours=1)
    figures = box.figures()
    assert tuple(figures) == tuple(each.name for each in FIGURES)
    told = {name: (figure.value, figure.hits) for name, figure in figures.items()}
    assert told["fulfilment_within_target"] == (2 / 3, (asked.number, quick.number))
    assert told["automation_share"] == (1 / 3, (quick.number,))
    assert told["satisfaction"] == (1 / 2, (asked.number,)) and figures["satisfaction"].left_out == {"nobody said": 1}
    assert told["rerouted"] == (1 / 5, (gone.number,))
    assert (figures["backlog_age"].value, figures["backlog_age"].records) == (timedelta(hours=1), (plain.number,))
    assert figures["time_to_fulfil"].value == timedelta(hours=10) / 3
    assert figures["submitted"].value == 5 and figures["approval_time"].open_records == (plain.number,)
    assert figures["automation_share"].records == (late.number, asked.number, quick.number)
    groups = {each.where["model"]: each for each in box.figures(split="model").groups}
    assert groups["vpn"]["submitted"].value == 4


def test_a_reopened_request_counts_with_its_last_fulfilment(itsm: Any, clock: Ticking) -> None:
    """While it is open again it is not fulfilled; afterwards the whole time counts."""
    box = itsm.service_requests
    made = fulfilled(itsm)
    clock.move(hours=2)
    made = box.reopen(made, by=ANA)
    assert box.figures()["time_to_fulfil"].n == 0
    clock.move(hours=3)
    fulfilled(itsm, made)
    figures = box.figures()
    assert figures["time_to_fulfil"].value == timedelta(hours=5) and figures["reopened"].value == 1
    assert figures["fulfilment_within_target"].value == 1, "of four hours it was open for three"


def test_the_stream_of_fulfilment_is_seen_in_real_records(itsm: Any, clock: Ticking) -> None:
    """Story: an hour for approval, two at work, one in a change; the report has a section on it."""
    box = itsm.service_requests
    made = box.request("laptop", size="13", by=ANA)
    clock.move(hours=1)
    made = box.approve(made, by=BOB)
    clock.move(hours=2)
    made = box.raise_change(made, "normal", by=SAM)
    clock.move(hours=1)
    itsm.changes.cancel(box.linked(made, "raises")[0], close_reason="in stock", by=Actor("cat", {"change_manager"}))
    made = fulfilled(itsm, made)
    clock.move(hours=3)
    box.confirm(made, by=ANA)
    fulfilled(itsm)
    seen = itsm.observed(value.FULFIL_SERVICE_REQUEST)
    assert (seen.cases, seen.finished) == (2, 2)
    _, check, _, carry_out, confirm = (step.name for step in value.FULFIL_SERVICE_REQUEST.steps)
    assert (check, carry_out, confirm) in {each.path[-3:] for each in seen.variants}
    assert seen.step(check).waits == {("waiting", "approval"): timedelta(hours=1)}
    assert value.FULFIL_SERVICE_REQUEST.name in html_report(itsm)


def test_a_service_level_target_may_be_about_service_requests(clock: Ticking) -> None:
    """A target of the policy applies to the kind: due times, and a clock that a wait for the requester pauses."""
    policy = ServiceLevelPolicy.from_dict({
        "targets": [{"metric": "resolve", "duration": "PT4H", "records": ["service_request"]}],
    })  # fmt: skip
    rules = RequestPolicy(models=MODELS)
    with itil4.connect(clock=clock, policies={"service_level": policy, "service_request": rules}) as itsm:
        made = itsm.service_requests.start(itsm.service_requests.request("vpn", by=ANA), by=SAM)
        (reading,) = itsm.service_levels.readings(made)
        assert reading.due_at == START + timedelta(hours=4)
        made = itsm.service_requests.hold(made, kind="user", by=SAM)
        clock.move(hours=9)
        made = itsm.service_requests.resume(made, by=ANA)
        (reading,) = itsm.service_levels.readings(made)
        assert reading.due_at == START + timedelta(hours=13)


def test_a_request_is_recorded_for_somebody_else_and_through_a_channel(itsm: Any) -> None:
    """The desk asks for those who phone; each of the two is an initiator, so neither approves it."""
    phoned = Actor("dora", {"service_desk", "budget_holder"}, on_behalf_of="ana", via="phone")
    made = itsm.service_requests.request("laptop", size="13", by=phoned)
    assert (made.requester, made.channel, made.created_by) == ("ana", "phone", "dora")
    with pytest.raises(Refused) as refused:
        itsm.service_requests.approve(made, by=Actor("dora", {"budget_holder"}))
    assert codes(refused)
    assert {each.id for each in EVERYBODY if itsm.service_requests.explain(made, "approve", by=each)} == {"bob"}
