"""INV-071 to INV-077: what holds for service requests and the request catalogue."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from request_kit import (
    ANA,
    BOB,
    DORA,
    EVERYBODY,
    MODELS,
    SAL,
    SAM,
    START,
    Ticking,
    begun,
    codes,
    fulfilled,
    opened,
)

from itil4 import (
    Actor,
    DefinitionError,
    InvalidInput,
    ITIL4Error,
    People,
    Refused,
    RequestModel,
    RequestPolicy,
    ServiceRequest,
    ServiceRequestManagement,
    State,
    Transition,
    connect,
)
from itil4.practices.request_models import STATES


def test_inv_071_a_request_is_for_a_published_model(itsm: Any) -> None:
    """INV-071: without a model it is refused, with the nearest entry and the advice to ask the service desk."""
    for values in ({"summary": "please give me a new laptop"}, {"model": "laptpo"}, {"model": "a new laptop!"}):
        with pytest.raises(InvalidInput, match="'laptop'") as refused:
            itsm.service_requests.log(by=ANA, **values)
        assert codes(refused) == ["no_request_model"] and "service desk" in str(refused.value)
    with pytest.raises(InvalidInput) as refused:
        itsm.service_requests.log(summary="Everything is slow", by=ANA)
    assert codes(refused) == ["no_request_model"] and "Did you mean" not in str(refused.value)
    assert itsm.service_requests.request("A new laptop", size="13", by=ANA).model == "laptop"


def test_inv_071_what_the_model_asks_for_is_there_and_nothing_else(itsm: Any) -> None:
    """INV-071: information that is missing, ill-typed, or that another model asks for, is refused."""
    box = itsm.service_requests
    for information, code in (
        ({}, "blank"),
        ({"size": " "}, "not_a_choice"),
        ({"size": "team"}, "not_a_choice"),
        ({"size": "13", "reason_why": "I travel"}, "not_asked"),
        ({"size": "13", "weight": 2}, "unknown_field"),
    ):
        with pytest.raises(InvalidInput) as refused:
            box.request("laptop", by=ANA, **information)
        assert code in codes(refused), information
    made = box.request("laptop", size="15", by=ANA)
    assert dict(made.extra) == {"size": "15", "colour": "grey"}
    assert [each.id for each in box.find(size="15")] == [made.id]


def test_inv_072_every_task_is_laid_down_by_the_model(itsm: Any) -> None:
    """INV-072: no task is brought along, added, taken away, or done before those that it waits for."""
    box = itsm.service_requests
    with pytest.raises(InvalidInput, match="tasks"):
        box.request("vpn", tasks=MODELS[0]["tasks"], by=ANA)
    made = box.approve(box.request("laptop", size="13", by=ANA), by=BOB)
    with pytest.raises(Refused) as refused:
        box.done(made, "paint it", by=SAM)
    assert codes(refused) == ["unknown_name"]
    with pytest.raises(Refused) as refused:
        box.done(made, "set up", by=SAM)
    assert codes(refused) == ["task_waits"]
    for tasks in ((), made.tasks[:1]):
        with pytest.raises(Refused):
            box.fire(made, "done", tasks=tasks, by=SAM)
        with pytest.raises(Refused):
            box.update(made, tasks=tasks, by=SAM)
    with pytest.raises(Refused, match="order, set up"):
        box.fulfil(made, by=SAM)
    assert fulfilled(itsm, made).state == "fulfilled"


def test_inv_073_fulfilment_starts_after_the_approval_and_rejection_ends_it(itsm: Any) -> None:
    """INV-073: nobody starts what waits for approval; the decision leads on, a rejection for good."""
    box = itsm.service_requests
    made = box.request("laptop", size="13", by=ANA)
    assert (made.state, box.awaiting(by=BOB)) == ("awaiting_approval", (made,))
    for event in ("start", "admit", "done", "fulfil", "refuse"):
        for actor in EVERYBODY:
            with pytest.raises(Refused):
                box.fire(made, event, by=actor)
    with pytest.raises(Refused):
        box.approve(made, by=Actor("ana", {"budget_holder"}))
    assert box.approve(made, by=BOB).state == "in_fulfilment"
    other = box.reject(box.request("laptop", size="13", by=ANA), by=BOB, reason="Too dear")
    assert other.state == "rejected" and box.available(other, by=SAM) == ()


def test_inv_073_what_was_approved_does_not_change_afterwards(itsm: Any) -> None:
    """INV-073: the approval is about what was asked for; another size is another request."""
    box = itsm.service_requests
    made = box.request("laptop", size="13", by=ANA)
    for values in ({"size": "15"}, {"summary": "Two laptops"}, {"customer": "acme"}):
        with pytest.raises(Refused) as refused:
            box.update(made, by=ANA, **values)
        assert codes(refused) == ["under_approval"]
    made = box.approve(made, by=BOB)
    with pytest.raises(Refused):
        box.update(made, size="15", by=SAM)


def test_inv_073_an_approval_that_was_withdrawn_is_asked_for_anew(itsm: Any) -> None:
    """INV-073: without it nothing starts; another round may bring it."""
    box = itsm.service_requests
    made = box.withdraw_approval(box.request("laptop", size="13", by=ANA), by=ANA)
    assert made.state == "awaiting_approval" and not box.explain(made, "start", by=SAM)
    assert box.approve(box.request_approval(made, by=DORA), by=BOB).state == "in_fulfilment"


def test_inv_073_a_way_that_a_subclass_adds_leads_round_no_approval() -> None:
    """INV-073: a state of work is not entered without the approval, whichever step leads there."""

    class Hasty(ServiceRequestManagement[ServiceRequest]):
        lifecycle = ServiceRequestManagement.lifecycle.extend(
            states=[State("packing", "active")],
            add=[Transition("pack", ["awaiting_approval", "in_fulfilment"], "packing", roles={"fulfilment_agent"}),
                 Transition("deliver", "packing", "fulfilled", roles={"fulfilment_agent"})],
        )  # fmt: skip

    rules = RequestPolicy(models=MODELS)
    with connect(practices=[Hasty], policies={"service_request": rules}) as itsm:
        box: Any = itsm.service_requests
        made = box.request("laptop", size="13", by=ANA)
        with pytest.raises(Refused, match="not been approved"):
            box.fire(made, "pack", by=SAM)
        assert not box.explain(made, "pack", by=SAM)
        assert box.fire(box.approve(made, by=BOB), "pack", by=SAM).state == "packing"


STEPS = ("start", "admit", "done", "fulfil", "hold", "resume", "close", "request_approval", "withdraw_approval",
         "await_approval", "void_approval", "update", "reopen")  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(EVERYBODY)), max_size=12))
def test_inv_073_no_order_of_steps_without_the_approver_starts_fulfilment(tried: Any) -> None:
    """INV-073: whatever is tried by whomever, as long as nobody approves, no work is done."""
    with opened() as itsm:
        box: Any = itsm.service_requests
        made = box.request("laptop", size="13", by=ANA)
        for event, actor in tried:
            try:
                made = box.update(made, needs_approval=False, by=actor) if event == "update" else box.fire(
                    made, event, by=actor
                )  # fmt: skip
            except ITIL4Error:
                continue
        assert made.state == "awaiting_approval" and made.started_at is None


def test_inv_074_a_request_that_is_an_incident_becomes_one_and_is_linked(itsm: Any, clock: Ticking) -> None:
    """INV-074: the incident has what the request told, also what it has no field for, and since when."""
    box = itsm.service_requests
    made = box.request("laptop", size="13", description="The old one is dead", by=ANA)
    clock.move(hours=1)
    with pytest.raises(Refused):
        box.fire(made, "reroute", close_reason="rerouted", by=DORA)
    with pytest.raises(Refused):
        box.reroute(made, to="incident", by=SAL)
    assert itsm.incidents.find().items == ()
    made = box.reroute(made, to="incident", reason="It is broken", impact="low", by=DORA)
    (incident,) = box.linked(made, "rerouted_to")
    assert (made.state, made.close_reason, made.approval_state) == ("cancelled", "rerouted", "withdrawn")
    assert (incident.requester, incident.detected_at, incident.impact) == ("ana", START, "low")
    assert "The old one is dead" in incident.description and "size: 13" in incident.description
    assert itsm.incidents.linked(incident, "rerouted_from") == (made,)
    with pytest.raises(Refused):
        box.reroute(made, by=DORA)
    with pytest.raises(Refused):
        itsm.unlink(made, "rerouted_to", incident, by=DORA)


def test_inv_074_an_incident_that_is_a_request_becomes_one_and_is_linked(itsm: Any) -> None:
    """INV-074: the reverse: the incident ends, and nothing of it does where the request is refused."""
    box = itsm.service_requests
    incident = itsm.incidents.log(summary="I cannot work from home", description="No access", by=ANA)
    with pytest.raises(InvalidInput):
        box.reroute(incident, model="nothing", by=DORA)
    assert itsm.incidents.get(incident.id).state == "new"
    made = box.reroute(incident.number, model="vpn", reason_why="I travel", by=DORA)
    assert (made.model, made.requester, made.description) == ("vpn", "ana", "No access")
    (old,) = box.linked(made, "rerouted_from")
    assert (old.id, old.state, old.close_reason) == (incident.id, "cancelled", "rerouted")


def test_inv_075_a_request_raises_the_changes_that_its_model_names(itsm: Any) -> None:
    """INV-075: none, one or several, while it is being fulfilled; it is not fulfilled before they are done."""
    box = itsm.service_requests
    assert fulfilled(itsm).state == "fulfilled", "none is needed"
    waiting = box.request("laptop", size="13", by=ANA)
    with pytest.raises(Refused) as refused:
        box.raise_change(waiting, "normal", by=SAM)
    assert codes(refused) == ["not_in_fulfilment"]
    made = box.approve(waiting, by=BOB)
    for model in (None, "nothing"):
        with pytest.raises(Refused) as refused:
            box.raise_change(made, model, by=SAM)
        assert codes(refused) == ["change_not_foreseen"]
    with pytest.raises(Refused):
        box.raise_change(made, "normal", by=ANA)
    for model in ("normal", "emergency"):
        made = box.raise_change(made, model, by=SAM)
    assert [each.model for each in box.linked(made, "raises")] == ["normal", "emergency"]
    for task in made.tasks:
        made = box.done(made, task.name, by=SAM)
    with pytest.raises(Refused, match="changes are not done"):
        box.fulfil(made, by=SAM)
    manager = Actor("cat", {"change_manager"})
    for change in box.linked(made, "raises"):
        itsm.changes.cancel(change, close_reason="in stock", by=manager)
    assert box.fulfil(made, by=SAM).state == "fulfilled"


def test_inv_075_a_change_by_a_model_that_one_alone_is_named_needs_no_name(itsm: Any) -> None:
    """INV-075: where the request model names one change model, that is meant; others are not linked by hand either."""
    made = itsm.service_requests.raise_change(begun(itsm), by=SAM)
    assert itsm.service_requests.linked(made, "raises")[0].model == "normal"
    other = itsm.changes.log(summary="x", model="emergency", by=SAM)
    with pytest.raises(Refused) as refused:
        itsm.link(made, "raises", other, by=SAM)
    assert codes(refused) == ["change_not_foreseen"]


names = st.sampled_from(["a", "b"])
models = st.builds(
    dict,
    state=st.sampled_from(STATES),
    service=st.sampled_from(["mail", "network", "old"]),
    audience=st.fixed_dictionaries({"roles": st.lists(names, max_size=1), "groups": st.lists(names, max_size=1)}),
)
PORTFOLIO = {"mail": "published", "network": "pipeline", "old": "retired"}


@given(
    st.lists(models, max_size=5), st.sets(names), st.sampled_from(["ana", "sal"]),
    st.sampled_from(["user", "customer", "it"]), st.booleans(), st.booleans(),
)  # fmt: skip
def test_inv_076_a_view_shows_what_its_audience_may_see_and_what_can_be_requested(
    told: Any, roles: Any, who: str, view: Any, staff: bool, kept: bool
) -> None:
    """INV-076: entries for others, and retired ones, never appear as requestable, and what appears can be requested."""
    made = [{"id": f"m{n}", "name": f"Model {n}", **each} for n, each in enumerate(told)]
    groups = {"ana": {"a"}, "sal": {"sales"}}
    actor = Actor(who, {*roles, *(["service_desk"] if staff else ["user"])})
    people = People({each: tuple(held) for each, held in groups.items()})
    with opened(people=people, models=made, portfolio=PORTFOLIO if kept else None) as itsm:
        box: Any = itsm.service_requests
        shown = {each.model: each for each in box.catalogue(view, by=actor)}
        for each in made:
            audience = each["audience"]
            open_to_all = not (audience["roles"] or audience["groups"])
            mine = open_to_all or bool(roles & {*audience["roles"]}) or bool(groups[who] & {*audience["groups"]})
            offered = each["state"] == "published" and (not kept or PORTFOLIO[each["service"]] == "published")
            expected = {"user": mine and offered, "customer": mine and offered and staff, "it": staff}[view]
            assert (each["id"] in shown) == expected
            if each["id"] in shown:
                assert shown[each["id"]].is_requestable == (mine and offered)
            if mine and offered:
                assert box.request(each["id"], by=actor).state == "submitted"
            else:
                with pytest.raises(InvalidInput):
                    box.request(each["id"], by=actor)


def test_inv_076_nobody_learns_of_entries_that_are_not_for_them(itsm: Any) -> None:
    """INV-076: an entry for sales is as unknown to others as one that is not there, in refusals too."""
    for name in ("crm", "crn", "Access to the sales system"):
        with pytest.raises(InvalidInput) as refused:
            itsm.service_requests.request(name, by=ANA)
        assert codes(refused) == ["no_request_model"] and "'crm'" not in str(refused.value).replace(repr(name), "")
    with pytest.raises(InvalidInput):
        itsm.service_requests.request("crm", requester="sal", by=ANA)
    assert itsm.service_requests.request("crm", by=SAL).state == "submitted"
    assert itsm.service_requests.request("crm", requester="sal", by=DORA).requester == "sal"


def test_inv_077_only_published_entries_of_published_services_are_requestable(itsm: Any) -> None:
    """INV-077: entries that are prepared or retired say so; a model without a known service is no model."""
    for name, state in (("phone", "pipeline"), ("fax", "retired")):
        with pytest.raises(InvalidInput, match=state) as refused:
            itsm.service_requests.request(name, by=ANA)
        assert codes(refused) == ["not_requestable"]
    with pytest.raises(DefinitionError, match="service"):
        RequestModel.from_dict({"id": "x", "name": "X"})
    with pytest.raises(DefinitionError, match="'networks'"):
        RequestPolicy(models=MODELS, portfolio=["workplace", "networks", "crm"])
    policy = RequestPolicy(models=MODELS, portfolio={"workplace": "pipeline", "network": "retired", "crm": "published"})
    assert [policy.state(each) for each in policy.models] == ["pipeline", "retired", "published", "pipeline", "retired"]
