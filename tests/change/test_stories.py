"""Changes as people live them: each built-in model from new to closed, and what changes have to do with the rest."""

from datetime import timedelta
from typing import Any

import pytest
from change_kit import (
    ANSWERS,
    ASSESSOR,
    AUTHORITY,
    DESK,
    IMPLEMENTER,
    MANAGER,
    PLANNED,
    PLANS,
    PROBLEM_MANAGER,
    REQUESTER,
    RESTART,
    Ticking,
    active_model,
    closed,
    codes,
    done,
    guards,
    normal,
    opened,
    scheduled,
    standard,
    submitted,
)

import itil4
from itil4 import Actor, InvalidInput, Origin, People, ProblemPolicy, Reason, Refused, ServiceCalendar, StaleRecord
from itil4.practices.configuration.policy import ConfigurationPolicy, ItemType
from itil4.value import DEVELOP_NEW_SERVICE


def buttons(itsm: Any, change: Any, who: Actor) -> set[str]:
    """Return the main steps that an actor could take now."""
    return {step.event for step in itsm.changes.available(change, by=who) if step.lifecycle == "change"}


def test_a_normal_change_goes_from_new_to_closed(itsm: Any, clock: Ticking) -> None:
    """Requester, assessor, authority and implementer, each with the obvious call, and the right buttons."""
    change = itsm.changes.log(summary="Swap the relay", type="normal", by=REQUESTER, **PLANNED)
    assert (change.number, change.requester, change.owner) == ("CHG0000001", "ana", "change enablement")
    assert buttons(itsm, change, REQUESTER) == {"reclassify", "assess", "plan_tasks", "cancel"}
    change = itsm.changes.assess(change, by=ASSESSOR)
    change = itsm.changes.assess_risk(change, ANSWERS, by=ASSESSOR)
    change = itsm.changes.update(change, by=REQUESTER, **PLANS)
    change = itsm.changes.submit(change, by=ASSESSOR)
    assert [each.id for each in itsm.changes.awaiting(by=AUTHORITY)] == [change.id]
    assert buttons(itsm, change, IMPLEMENTER) == {"revert_to_new"}
    change = itsm.changes.approve(change, reason="Go.", by=AUTHORITY)
    assert change.state == "scheduled"
    clock.move(days=1)
    change = itsm.changes.implement(change, by=IMPLEMENTER)
    clock.move(hours=1)
    change = itsm.changes.review(change, close_code="successful", by=IMPLEMENTER)
    change = itsm.changes.close(change, by=IMPLEMENTER)
    change = itsm.changes.record_review(change, "As planned.", by=ASSESSOR)
    assert change.succeeded and not change.review_pending
    assert change.actual_end - change.actual_start == timedelta(hours=1)
    assert itsm.changes.replayed(change) == itsm.changes.get(change.number)


def test_a_standard_change_goes_from_new_to_closed_without_asking_anybody(itsm: Any) -> None:
    """Its model was authorized once."""
    active_model(itsm)
    change = itsm.changes.log(summary="Restart", model=RESTART["name"], by=REQUESTER, **PLANNED)
    assert buttons(itsm, change, REQUESTER) == {"reclassify", "schedule", "cancel"}
    change = itsm.changes.schedule(change, by=REQUESTER)
    change = itsm.changes.implement(change, by=IMPLEMENTER)
    change = itsm.changes.review(change, by=IMPLEMENTER)
    change = itsm.changes.close(change, close_code="successful", by=IMPLEMENTER)
    assert change.succeeded
    assert itsm.changes.replayed(change) == itsm.changes.get(change.number)


def test_an_emergency_change_is_raised_from_a_major_incident(itsm: Any) -> None:
    """The incident stays where it is, linked to the change that mends it, in one unit."""
    boss = Actor("max", {"major_incident_manager", "change_coordinator"})
    incident = itsm.incidents.log(summary="Mail is down", impact="high", urgency="high", by=DESK)
    incident = itsm.incidents.accept_major(incident, coordinator="max", communication_plan="Every hour.", by=boss)
    change = itsm.changes.log(
        summary="Fail over to the second relay", type="emergency", resolves=[incident], by=boss,
        implementation_plan="Switch the record.",
    )  # fmt: skip
    assert [each.number for each in itsm.incidents.linked(incident.number, "resolved_by")] == [change.number]
    change = itsm.changes.submit(change, by=boss)
    change = itsm.changes.approve(change, by=AUTHORITY)
    change = itsm.changes.review(itsm.changes.implement(change, by=boss), close_code="successful", by=boss)
    change = itsm.changes.record_review(change, "Ten minutes.", by=boss)
    assert itsm.changes.close(change, by=boss).succeeded
    assert itsm.incidents.get(incident.number).state == "new"
    with pytest.raises(Refused):
        itsm.changes.log(summary="No right to link", type="emergency", resolves=[incident.number], by=REQUESTER)
    assert itsm.changes.count() == 1


def test_an_incident_is_caused_by_a_change(itsm: Any, clock: Ticking) -> None:
    """The change shows it, the figures count it, and the four keys of delivery call it a failure."""
    change = done(itsm)
    clock.move(hours=1)
    incident = itsm.incidents.log(summary="Mail bounces", by=DESK)
    incident = itsm.link(incident, "caused_by", change.number, by=DESK)
    clock.move(hours=2)
    itsm.incidents.resolve(incident, resolution="Rule mended.", by=DESK)
    closed_one = itsm.changes.close(change, close_code="successful_with_issues", close_notes="A rule.", by=IMPLEMENTER)
    assert [each.number for each in itsm.changes.incidents(closed_one)] == [incident.number]
    figures = itsm.changes.figures()
    assert (figures["caused_incidents"].value, figures["change_failure_rate"].value) == (1, 1.0)
    assert figures["success_rate"].value == 1.0
    keys = itsm.delivery((clock.at - timedelta(days=1), clock.at + timedelta(days=1)))
    assert (keys.deployments, keys.failure_rate, keys.recovery_time.median) == (1, 1.0, timedelta(hours=3))


def test_the_four_keys_read_how_changes_ended(itsm: Any, clock: Ticking) -> None:
    """A change that was rolled back failed, though no incident tells of it, and mended nothing afterwards."""
    closed(itsm)
    closed(itsm, "rolled_back")
    closed(itsm, "unsuccessful")
    itsm.changes.cancel(itsm.changes.implement(scheduled(itsm), by=IMPLEMENTER), close_reason="Not today.", by=MANAGER)
    keys = itsm.delivery((clock.at - timedelta(days=1), clock.at + timedelta(days=1)))
    assert (keys.deployments, keys.failure_rate, keys.unrestored) == (3, 2 / 3, ("CHG0000003",))
    assert keys.recovery_time.median == timedelta()


def known_error(itsm: Any, **more: Any) -> Any:
    """Return a problem whose analysis is done."""
    problem = itsm.problems.log(summary="The relay leaks", by=PROBLEM_MANAGER, **more)
    problem = itsm.problems.categorize(problem, category="software", by=PROBLEM_MANAGER)
    problem = itsm.problems.investigate(problem, by=PROBLEM_MANAGER)
    problem = itsm.problems.add_cause(problem, "leak", "Each connection leaks.", by=PROBLEM_MANAGER)
    return itsm.problems.conclude(problem, by=PROBLEM_MANAGER)


BOTH = Actor("pia", {"problem_manager", "change_coordinator"})


def test_a_problem_is_resolved_only_when_its_change_succeeded(itsm: Any) -> None:
    """Done is not enough, nor is a failure; a change that is closed and went well is."""
    problem = known_error(itsm)
    change = scheduled(itsm, resolves=[problem], by=BOTH)
    assert [each.number for each in itsm.problems.linked(problem.number, "resolved_by")] == [change.number]

    def refused() -> bool:
        decision = itsm.problems.explain(problem.number, "resolve", resolution="New relay.", by=PROBLEM_MANAGER)
        return guards(decision.reasons) == ["changes_succeeded"]

    assert refused()
    change = itsm.changes.implement(change, by=IMPLEMENTER)
    assert refused()
    change = itsm.changes.review(change, close_code="successful", by=IMPLEMENTER)
    assert refused()
    itsm.changes.close(change, by=IMPLEMENTER)
    assert itsm.problems.resolve(problem.number, resolution="New relay.", by=PROBLEM_MANAGER).state == "resolved"


def test_a_problem_does_not_resolve_on_a_success_that_was_taken_back_meanwhile(itsm: Any) -> None:
    """The commit rests on the change as it was read: a review that finds a failure in between refuses it."""
    problem = known_error(itsm)
    change = closed(itsm, resolves=[problem], by=BOTH)

    def meanwhile() -> None:
        with itsm.unit(by=PROBLEM_MANAGER) as desk:
            desk.problems.resolve(problem.number, resolution="New relay.")
            itsm.changes.record_review(change, "It leaks.", close_code="unsuccessful", close_notes="x", by=ASSESSOR)

    with pytest.raises(StaleRecord):
        meanwhile()
    assert itsm.problems.get(problem.number).state == "known_error"


def test_a_failed_change_reopens_its_problem(itsm: Any) -> None:
    """A review after closure finds that it failed: what it resolved is not resolved, and says why."""
    resolved, finished, open_one = known_error(itsm), known_error(itsm), known_error(itsm)
    change = closed(itsm, resolves=[resolved, finished, open_one], by=BOTH)
    for problem in (resolved, finished):
        problem = itsm.problems.resolve(problem.number, resolution="New relay.", by=PROBLEM_MANAGER)
    problem = itsm.problems.confirm(problem, by=PROBLEM_MANAGER)
    itsm.problems.close(problem, by=PROBLEM_MANAGER)
    change = itsm.changes.record_review(
        change, "It leaks again.", close_code="unsuccessful", close_notes="Same leak.", by=ASSESSOR
    )
    states = [itsm.problems.get(each.number).state for each in (resolved, finished, open_one)]
    assert states == ["developing", "investigating", "known_error"]
    entry = itsm.problems.history(resolved.number)[-1]
    assert (entry.event, entry.on_behalf_of) == ("reject_resolution", "tom")
    assert change.number in entry.reason and entry.cause == f"{change.id}:{change.version}"
    assert change.number in itsm.problems.history(open_one.number)[-1].comment.text


@pytest.mark.parametrize("linked", ["problem", "known_error"])
def test_a_failed_change_reopens_a_known_error_that_is_a_record_of_its_own(url: str | None, linked: str) -> None:
    """Whichever of the two the change was to resolve."""
    policies = {"problem": ProblemPolicy(known_errors="record")}
    with itil4.connect(url, clock=Ticking(), policies=policies) as made:
        itsm: Any = made
        problem = known_error(itsm)
        fault = itsm.known_errors.of(problem)
        change = closed(itsm, resolves=[problem if linked == "problem" else fault], by=BOTH)
        itsm.known_errors.resolve(fault.number, resolution="New relay.", by=PROBLEM_MANAGER)
        itsm.changes.record_review(change, "No.", close_code="rolled_back", close_notes="x", by=ASSESSOR)
        assert itsm.known_errors.get(fault.number).state == "developing"
        assert itsm.problems.get(problem.number).state == "closed"


def test_a_retried_step_counts_once(itsm: Any) -> None:
    """A key of the host makes logging, submitting, voting and closing happen once, with all that follows."""
    held = active_model(itsm)
    change = itsm.changes.log(summary="R", model=held, once="log", by=REQUESTER, **PLANNED)
    assert itsm.changes.log(summary="R", model=held.id, once="log", by=REQUESTER, **PLANNED) == change
    change = done(itsm, itsm.changes.schedule(change, by=REQUESTER))
    change = itsm.changes.close(change, close_code="successful", once="close", by=IMPLEMENTER)
    assert itsm.changes.close(change.id, close_code="successful", once="close", by=IMPLEMENTER) == change
    assert itsm.change_models.get(held.id).completed == 1
    asked = itsm.changes.assess_risk(itsm.changes.assess(normal(itsm), by=ASSESSOR), ANSWERS, by=ASSESSOR)
    sent = itsm.changes.submit(asked, once="submit", by=ASSESSOR)
    assert len(itsm.changes.submit(asked.id, once="submit", by=ASSESSOR).approval_rounds) == 1
    assert itsm.changes.approve(sent, once="vote", by=AUTHORITY) == itsm.changes.approve(
        sent.id, once="vote", by=AUTHORITY
    )


def test_foreign_changes_are_imported_as_they_are(itsm: Any) -> None:
    """Nothing is judged or invented: a closed change of another tool has no authorization here."""
    unit, by = itsm.new_unit(), Actor("import", kind="system")
    at = itsm.house.now() - timedelta(days=9)
    values = {"summary": "Old swap", "type": "normal", "close_code": "successful"}
    change = itsm.changes.arrive(unit, Origin("tool", "RFC7"), "closed", values, by=by, at=at)
    first = itsm.changes.arrive(unit, Origin("tool", "RFC8"), "new", {"summary": "Two"}, by=by, at=at)
    moved, ordinary = itsm.changes.follow(unit, first, Origin("tool", "RFC8", "2"), "assess", {}, by=by, at=at)
    assert ordinary and (moved.type, moved.model) == ("normal", "normal")
    unit.commit()
    held = itsm.changes.get("RFC7")
    assert (held.state, held.authorized_at, held.approval_state, held.succeeded) == (
        "closed", None, "not_requested", True,
    )  # fmt: skip
    assert itsm.changes.replayed(held) == held
    assert change.id == held.id


def test_changes_and_models_belong_to_their_tenant(url: str | None) -> None:
    """What one organization pre-authorized says nothing to another on the same store."""
    with itil4.connect(url, clock=Ticking(), tenant="one") as one:
        active_model(one)
        two: Any = itil4.connect(one.house.store, clock=Ticking(), tenant="two")
        with pytest.raises(InvalidInput):
            two.changes.log(summary="R", model=RESTART["name"], by=REQUESTER)


def test_two_authorities_who_decide_at_once_decide_once(itsm: Any) -> None:
    """Two who hold the record as it was before either voted: one outcome, one entry."""
    change = submitted(itsm)
    other = Actor("dan", {"change_authority"})
    assert itsm.changes.approve(change, by=AUTHORITY).state == "scheduled"
    with pytest.raises((Refused, StaleRecord)):
        itsm.changes.reject(change, by=other)
    events = [entry.event for entry in itsm.changes.history(change.id)]
    assert events.count("authorize") == 1 and "refuse" not in events


def test_a_failed_change_leaves_its_problem_alone_where_the_policy_says_so() -> None:
    """Reopening is a policy."""
    with opened(reopen_problems=False) as itsm:
        problem = known_error(itsm)
        change = closed(itsm, resolves=[problem], by=BOTH)
        itsm.problems.resolve(problem.number, resolution="New relay.", by=PROBLEM_MANAGER)
        itsm.changes.record_review(change, "x", close_code="unsuccessful", close_notes="y", by=ASSESSOR)
        assert itsm.problems.get(problem.number).state == "resolved"


def test_a_new_service_is_observed_through_its_changes(itsm: Any, clock: Ticking) -> None:
    """The stream from an idea to a service in use names the states of changes."""
    change = scheduled(itsm)
    clock.move(hours=2)
    closed_one = itsm.changes.review(itsm.changes.implement(change, by=IMPLEMENTER), by=IMPLEMENTER)
    clock.move(hours=1)
    itsm.changes.close(closed_one, close_code="successful", by=IMPLEMENTER)
    assert itsm.observed(DEVELOP_NEW_SERVICE).cases == 1


def test_tasks_go_in_their_order_and_a_change_waits_for_them(itsm: Any) -> None:
    """A task waits for those before it; a change succeeds when none is left, and may fail with some."""
    change = itsm.changes.plan_tasks(
        normal(itsm), {"name": "copy"}, {"name": "swap", "after": ["copy"]}, {"name": "tell", "after": "swap"},
        by=REQUESTER,
    )  # fmt: skip
    change = itsm.changes.approve(itsm.changes.submit(
        itsm.changes.assess_risk(itsm.changes.assess(change, by=ASSESSOR), ANSWERS, by=ASSESSOR), by=ASSESSOR
    ), by=AUTHORITY)  # fmt: skip
    with pytest.raises(Refused):
        itsm.changes.finish_task(change, "copy", by=IMPLEMENTER)
    change = itsm.changes.implement(change, by=IMPLEMENTER)
    for name, code in (("swap", "task_waits"), ("cpy", "unknown_name")):
        with pytest.raises(Refused) as caught:
            itsm.changes.finish_task(change, name, by=IMPLEMENTER)
        assert codes(caught) == [code]
    change = itsm.changes.finish_task(change, "copy", note="4 GB", by=IMPLEMENTER)
    with pytest.raises(Refused) as caught:
        itsm.changes.finish_task(change, "copy", by=IMPLEMENTER)
    assert codes(caught) == ["task_over"]
    with pytest.raises(Refused) as caught:
        itsm.changes.fire(change, "finish_task", tasks=change.tasks[:1], by=IMPLEMENTER)
    assert codes(caught) == ["field_rule"]
    change = itsm.changes.finish_task(change, "swap", skip=True, by=IMPLEMENTER)
    assert [(each.state, each.by) for each in change.tasks] == [("done", "sam"), ("skipped", "sam"), ("open", None)]
    decision = itsm.changes.explain(change, "review", close_code="successful", by=IMPLEMENTER)
    assert guards(decision.reasons) == ["tasks_are_over"]
    assert itsm.changes.review(change, close_code="rolled_back", by=IMPLEMENTER).state == "review"


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ([{"name": "a", "after": "b"}, {"name": "b", "after": "c"}, {"name": "c", "after": "a"}], "a -> c -> b -> a"),
        ([{"name": "a", "after": "a"}], "a -> a"),
        ([{"name": "a"}, {"name": "a"}], "twice"),
        ([{"name": "copy"}, {"name": "swap", "after": "cpy"}], "Did you mean 'copy'"),
    ],
)
def test_a_plan_of_tasks_that_cannot_be_carried_out_is_refused(itsm: Any, tasks: Any, said: str) -> None:
    """A circle is named in the order of the work, an unknown task has its nearest."""
    with pytest.raises(Refused) as caught:
        itsm.changes.plan_tasks(normal(itsm), *tasks, by=REQUESTER)
    assert said in str(caught.value)


def test_a_chain_of_a_thousand_tasks_is_planned(itsm: Any) -> None:
    """Neither depth nor number is a matter of recursion."""
    tasks = [{"name": f"t{n}", "after": [f"t{n - 1}"] if n else []} for n in range(1000)]
    assert len(itsm.changes.plan_tasks(normal(itsm), *tasks, by=REQUESTER).tasks) == 1000


def test_the_authority_follows_the_window_of_the_change() -> None:
    """Within the maintenance window the team lead decides, at any other time the board."""
    window = ServiceCalendar.from_dict({"zone": "UTC", "weekly": {"tue": [["08:00", "12:00"]]}})
    rules = [{"authority": "team lead", "within": "maintenance"}, "board"]
    model = {"name": "normal", "type": "normal", "authorities": rules}
    with opened(models=[model], windows={"maintenance": window}) as itsm:
        change = scheduled_by(itsm, "team lead")
        start = change.planned_start
        with pytest.raises(Refused) as caught:
            itsm.changes.reschedule(
                change, planned_start=start, planned_end=start + timedelta(hours=4), by=MANAGER
            )  # fmt: skip
        assert guards(caught.value.reasons) == ["same_authority"]
        moved = itsm.changes.reschedule(change, planned_start=start, planned_end=start + timedelta(hours=1), by=MANAGER)
        assert moved.state == "scheduled"
        late = {name: each + timedelta(hours=8) for name, each in PLANNED.items()}
        assert scheduled_by(itsm, "board", **late).state == "scheduled"


def test_a_model_of_the_register_brings_its_own_board(url: str | None) -> None:
    """Two of three members of the board decide, as the model itself says, also when it was stored in between."""
    board = {"name": "board", "step": {"name": "cab", "authority": {"group": "cab", "seats": 3}, "needs": {"count": 2}}}
    people = People(dict.fromkeys(("bea", "bob", "ben"), ("cab",)) | {"cat": (), "ana": (), "tom": (), "mia": ()})
    with itil4.connect(url, clock=Ticking(), directory=people) as made:
        itsm: Any = made
        model = {"name": "big", "type": "big", "authorities": [{"authority": "board", "approval": board}]}
        held = active_model(itsm, model)
        change = itsm.changes.assess(normal(itsm, type="big", model=held), by=ASSESSOR)
        change = itsm.changes.submit(itsm.changes.assess_risk(change, ANSWERS, by=ASSESSOR), by=ASSESSOR)
        with pytest.raises(Refused):
            itsm.changes.approve(change, by=AUTHORITY)
        for name, state in (("bea", "authorize"), ("bob", "scheduled")):
            change = itsm.changes.approve(change.id, by=Actor(name))
            assert change.state == state


def scheduled_by(itsm: Any, name: str, **values: Any) -> Any:
    """Return a change that somebody with this role authorized."""
    change = itsm.changes.assess(normal(itsm, **values), by=ASSESSOR)
    change = itsm.changes.submit(itsm.changes.assess_risk(change, ANSWERS, by=ASSESSOR), by=ASSESSOR)
    return itsm.changes.approve(change, by=Actor("lee", {name}))


def test_a_policy_may_object_to_the_time_of_a_change() -> None:
    """The hook for freezes and conflicts is asked where the time counts, and its reasons refuse the step."""
    asked: list[str] = []

    def frozen(change: Any, at: Any, desk: Any) -> Any:
        asked.append(change.state)
        assert desk.changes.get(change.id) == change  # it reads what the step is about to write
        if change.planned_start is not None and change.planned_start.day == 3:
            yield Reason.of("field_rule", field="planned_start", rule="inside a freeze", remedy="Take another day.")

    with opened(schedule=frozen) as itsm:
        change = itsm.changes.assess_risk(itsm.changes.assess(normal(itsm), by=ASSESSOR), ANSWERS, by=ASSESSOR)
        with pytest.raises(Refused) as caught:
            itsm.changes.submit(change, by=ASSESSOR)
        assert codes(caught) == ["field_rule"]
        assert not itsm.changes.explain(change, "submit", by=ASSESSOR)
        days: dict[str, Any] = {name: each + timedelta(days=1) for name, each in PLANNED.items()}
        change = itsm.changes.submit(itsm.changes.update(change, **days, by=ASSESSOR), by=ASSESSOR)
        asked.clear()
        itsm.changes.implement(itsm.changes.approve(change, by=AUTHORITY), by=IMPLEMENTER)
        assert asked == ["implement"]


def test_the_conditions_of_a_model_are_met_before_it_counts(itsm: Any) -> None:
    """A model for one service is no way to change another; roles may be asked for as well."""
    active_model(itsm, conditions={"service": ["mail"]}, requesters=["mail team"])
    with pytest.raises(Refused) as caught:
        itsm.changes.log(summary="Restart", model=RESTART["name"], by=REQUESTER)
    assert codes(caught) == ["role"]
    mailer = Actor("mel", {"mail team"})
    change = itsm.changes.log(summary="Restart", model=RESTART["name"], service="web", by=mailer, **PLANNED)
    with pytest.raises(Refused) as caught:
        itsm.changes.schedule(change, by=mailer)
    assert guards(caught.value.reasons) == ["meets_conditions"]
    change = itsm.changes.update(change, service="mail", by=mailer)
    assert itsm.changes.schedule(change, by=mailer).state == "scheduled"


def test_two_models_do_not_share_a_name(itsm: Any) -> None:
    """Not with each other, and not with one that is built in."""
    held = active_model(itsm)
    for name in (RESTART["name"], "normal"):
        with pytest.raises(InvalidInput) as caught:
            itsm.change_models.log(model={**RESTART, "name": name}, by=MANAGER)
        assert codes(caught) == ["taken"]
    itsm.change_models.withdraw(held, withdrawal="There is no relay any more.", by=MANAGER)
    assert itsm.change_models.log(model=RESTART, by=MANAGER).state == "draft"


def test_what_a_withdrawn_model_authorized_does_not_begin(itsm: Any) -> None:
    """A standard change that is under way by it can still be ended."""
    held = active_model(itsm)
    begun, waiting = itsm.changes.implement(standard(itsm), by=IMPLEMENTER), standard(itsm)
    itsm.change_models.withdraw(held, withdrawal="Replaced.", by=MANAGER)
    with pytest.raises(Refused):
        itsm.changes.implement(waiting, by=IMPLEMENTER)
    ended = itsm.changes.review(begun, close_code="successful", by=IMPLEMENTER)
    assert itsm.changes.close(ended, by=IMPLEMENTER).succeeded
    assert itsm.changes.cancel(waiting, close_reason="Replaced.", by=REQUESTER).state == "cancelled"


def test_a_standard_change_does_not_begin_on_a_preauthorization_that_is_withdrawn_meanwhile(itsm: Any) -> None:
    """The commit rests on the model as it was read."""
    held = active_model(itsm)
    change = standard(itsm)

    def meanwhile() -> None:
        with itsm.unit(by=IMPLEMENTER) as desk:
            desk.changes.implement(change)
            itsm.change_models.alter(held, review="before_closure", by=MANAGER)

    with pytest.raises(StaleRecord):
        meanwhile()
    assert itsm.changes.get(change.number).state == "scheduled"


def test_inv_069_a_change_updates_the_items_of_its_scope_and_no_others(url: str | None) -> None:
    """INV-069: scope is settled before the authority decides; the item's history names the change."""
    keeper = Actor("cora", {"configuration_manager"})
    policy = ConfigurationPolicy(types=[ItemType(name="server", controlled=True)])
    with itil4.connect(url, clock=Ticking(), policies={"configuration_item": policy}) as made:
        itsm: Any = made
        relay, other = (itsm.configuration_items.register(name=name, type="server", by=keeper) for name in ("r1", "r2"))
        change = itsm.link(normal(itsm), "affects", relay, by=REQUESTER)
        with pytest.raises(Refused):
            itsm.configuration_items.update(relay.id, vendor="acme", change=change, by=keeper)
        change = submitted(itsm, change)
        with pytest.raises(Refused) as caught:
            itsm.link(change, "affects", other, by=MANAGER)
        assert "change_scope_fixed" in codes(caught)
        change = itsm.changes.implement(itsm.changes.approve(change, by=AUTHORITY), by=IMPLEMENTER)
        held = itsm.configuration_items.update(relay.id, vendor="acme", change=change, by=keeper)
        assert itsm.configuration_items.history(held)[-1].cause.startswith(change.id)
        with pytest.raises(Refused):
            itsm.configuration_items.update(other.id, vendor="acme", change=change, by=keeper)
        with pytest.raises(Refused):
            itsm.unlink(change, "affects", relay.id, by=MANAGER)
        done_one = itsm.changes.review(change.id, close_code="successful", by=IMPLEMENTER)
        with pytest.raises(Refused):
            itsm.configuration_items.update(relay.id, vendor="other", change=done_one, by=keeper)
        assert itsm.changes.success_rate(item=relay.number).open == 1
