"""The machine: one line per practice, and it finds what only many records, hands and hours bring to light."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import kit_workflows as kit
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from itil4 import Actor, InvalidInput, Transition
from itil4.storage import memory
from itil4.storage.unit import Unit
from itil4.testing import Answer, Found, InProcess, Seen, at_most, check_story, lifecycle_machine, walk

TestPermits = lifecycle_machine(kit.Permits).TestCase
TestPermits.settings = settings(TestPermits.settings, max_examples=25)
"""The line that a host writes, run as it stands."""


def broken(machine: type[Any], examples: int = 200) -> Any:
    """Run a machine until it fails; return its finding."""
    with pytest.raises(Found) as caught:
        run_state_machine_as_test(
            machine, settings=settings(machine.TestCase.settings, max_examples=examples, database=None)
        )
    return caught.value.findings[0]


@contextmanager
def changed(owner: Any, name: str, value: Any) -> Iterator[None]:
    kept = vars(owner)[name] if isinstance(owner, type) else getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, kept)


def test_a_machine_has_one_rule_for_each_event_named_by_its_verb() -> None:
    """So that what Hypothesis prints reads as what people do."""
    machine = lifecycle_machine(kit.Permits)
    assert issubclass(machine, RuleBasedStateMachine)
    names = {each.function.__name__ for each in machine.rules()} if hasattr(machine, "rules") else set(dir(machine))
    assert {"approve", "deny", "open", "pause", "expire", "close"} <= names


def test_two_people_who_write_at_once_are_found_when_the_store_lets_the_last_one_win() -> None:
    """A lost update is found, and the story that shows it is short."""
    check = memory._check

    def careless(data: Any, batch: Any, numbers: Any) -> None:
        kept = [(row, data.records[row.id].version if row.id in data.records else held) for row, held in batch.updates]
        batch.updates, wanted = kept, batch.updates
        try:
            check(data, batch, numbers)
        finally:
            batch.updates = wanted

    machine = lifecycle_machine(kit.Permits)
    with changed(memory, "_check", careless):
        finding = broken(machine)
    assert finding.code in ("lost_update", "version", "replay")
    assert len(finding.story) <= 4


def test_a_policy_is_judged_after_every_step_of_a_machine() -> None:
    """The story is made short by the kit, not by minutes of shrinking."""
    finding = broken(lifecycle_machine(kit.Permits, policies=[at_most("pause", 1)]))
    assert (finding.code, finding.event) == ("policy", "pause")
    assert [act.event for act in finding.story] == ["log", "approve", "open", "pause", "open", "pause"]


def test_a_fault_of_the_unit_of_work_is_found() -> None:
    """A copy that is older than what is stored must be refused as stale."""
    current = Unit.current

    def trusting(self: Unit, held: Any, expected: int | None = None) -> Any:
        return current(self, self.get(held.id), expected)

    with changed(Unit, "current", trusting):
        assert broken(lifecycle_machine(kit.Permits)).code in ("lost_update", "wrong_reason")


def test_settings_of_the_user_are_taken_as_they_are() -> None:
    """With Hypothesis's own shrinking on, and few examples."""
    machine = lifecycle_machine(kit.Permits)
    machine.TestCase.settings = settings(max_examples=5, stateful_step_count=5, deadline=None, phases=list(Phase))
    machine.TestCase().runTest()


def test_a_workflow_that_cannot_be_fired_ends_with_a_message_and_not_with_a_riddle() -> None:
    """Neither a health check nor an empty machine."""
    from itil4 import Lifecycle, State, Transition

    flow = Lifecycle(
        "stuck", "asked", [State("asked", "new"), State("closed", "closed")],
        [Transition("close", "asked", "closed", guards=[kit.refuses])],
    )  # fmt: skip
    assert broken(lifecycle_machine(kit.permits(flow))).code == "nothing_fireable"
    finding = broken(lifecycle_machine(kit.permits(kit.lifecycle(kit.sleeps))))
    assert (finding.code, finding.event) == ("unsteady", "open")
    with pytest.raises(InvalidInput, match="a practice class"):
        lifecycle_machine(int)  # type: ignore[type-var]  # what a user may mistype


class Host:
    """A host with rows of its own, driven by its own words: a driver in forty lines."""

    def __init__(self, *, forgets_roles: bool = False) -> None:
        self.kept = InProcess(kit.Permits)
        self.forgets_roles = forgets_roles

    def open(self, payload: Mapping[str, Any], actor: Actor) -> Answer:
        return self.kept.open(payload, actor)

    def fire(
        self, reference: str, event: str, payload: Mapping[str, Any], actor: Actor, expected: int | None = None
    ) -> Answer:
        if self.forgets_roles:
            actor = Actor(actor.id, {*actor.roles, "chief"}, kind=actor.kind)
        answer = self.kept.fire(reference, event, payload, actor, expected)
        return answer if answer.done else Answer.refused(*answer.codes)

    def get(self, reference: str) -> Seen:
        return self.kept.get(reference)

    def now(self) -> datetime:
        return self.kept.now()

    def advance(self, by: timedelta) -> None:
        self.kept.advance(by)


def test_a_host_is_driven_through_its_own_interface_by_walks_machines_and_stories() -> None:
    """A host that is right passes, and one that skips a rule is found faulty by each of them."""
    walk(kit.Permits, driver=Host)
    check_story(kit.Permits, "log -> approve -> open as worker", driver=Host)
    careless = lambda: Host(forgets_roles=True)  # noqa: E731 - a factory in one line, as users write it
    with pytest.raises(Found) as caught:
        walk(kit.Permits, driver=careless)
    assert {each.code for each in caught.value.findings} == {"not_refused"}
    assert "the host took" in str(caught.value)
    assert broken(lifecycle_machine(kit.Permits, driver=careless)).code in ("not_refused", "wrong_reason")
    with pytest.raises(Found):
        check_story(kit.Permits, "log -> approve as worker refused for role", driver=careless)


def test_a_machine_and_a_walk_run_on_a_store_by_its_url(tmp_path: Any) -> None:
    """Each example is a tenant of its own, so that they do not meet."""
    url = f"sqlite:///{tmp_path}/desk.db"
    assert not walk(kit.Permits, store=url).lacking()
    machine = lifecycle_machine(kit.Permits, store=url)
    run_state_machine_as_test(machine, settings=settings(machine.TestCase.settings, max_examples=5, database=None))


def test_settings_of_a_user_never_end_in_a_riddle_about_health() -> None:
    """Slow drawing, a deadline and shrinking are Hypothesis's own concerns; a test of a machine tells of findings."""
    machine = lifecycle_machine(kit.Permits)
    first = machine.__init__

    def late(self: Any) -> None:
        time.sleep(0.3)
        first(self)

    machine.__init__ = late  # type: ignore[method-assign]  # as slow as a machine that is busy elsewhere
    case = machine.TestCase
    case.settings = settings(max_examples=8, deadline=1, stateful_step_count=2, database=None)
    case("runTest").debug()


def test_every_event_has_a_rule_of_its_own_whatever_it_is_called() -> None:
    """Words of Python, names that the machine has itself, and two that are one when they are written as names."""
    events = ("class", "begin", "change_fields", "teardown", "put on hold", "put_on_hold", "größe")
    steps = [Transition(event, "asked", "asked", roles="chief") for event in events]
    machine = lifecycle_machine(kit.permits(kit.lifecycle().extend(add=steps)))
    fired: set[str] = set()

    class Told(machine):  # type: ignore[misc]  # the machine is made at run time
        def _event(self, event: str, *given: Any) -> None:
            fired.add(event)
            super()._event(event, *given)

    run_state_machine_as_test(Told, settings=settings(machine.TestCase.settings, max_examples=120, derandomize=True))
    assert fired >= set(events)


def test_a_machine_that_is_run_straight_with_plain_settings_ends_with_its_finding() -> None:
    """Deadlines, health checks and all phases on: exploring and what rules do is held against nobody."""
    run_state_machine_as_test(lifecycle_machine(kit.Permits), settings=settings(max_examples=10, database=None))
    with pytest.raises(Found) as caught:
        run_state_machine_as_test(
            lifecycle_machine(kit.Permits, policies=[at_most("pause", 1)]),
            settings=settings(max_examples=60, database=None, phases=list(Phase), print_blob=True),
        )
    assert caught.value.findings[0].code == "policy"
