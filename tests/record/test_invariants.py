"""INV-118 to INV-123: what is true of every record, whoever does what to it in which store."""

import contextlib
import random
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

import itil4
from itil4 import (
    Actor,
    Entry,
    Incident,
    IncidentPolicy,
    InvalidInput,
    ITIL4Error,
    NotFound,
    Refused,
    Relation,
    ServiceManagement,
    StaleRecord,
    TimeOrderedIds,
)
from itil4.itsm import RELATIONS
from itil4.practices.built_in import BUILT_IN
from itil4.practices.incident_management import LIFECYCLE, MAJOR_INCIDENT
from itil4.record import Relations

SAM = Actor("sam", roles={"service_desk"})
ACTORS = (
    SAM,
    Actor("ida", roles={"incident_manager"}),
    Actor("ana", roles={"user"}),
    Actor("eve", roles={"user", "requester", "assignee", "owner", "system"}),
    Actor("timer", kind="system"),
)
EVENTS = (*LIFECYCLE.events, *MAJOR_INCIDENT.events, "to_closed", "delete")
PAYLOADS: tuple[Mapping[str, Any], ...] = (
    {},
    {},
    {"hold_kind": "vendor"},
    {"resolution": "Restarted"},
    {"close_reason": "withdrawn"},
    {"group": "mail team"},
    {"group": "network team", "assignee": "kim"},
    {"assignee": "sam"},
    {"informed": ("head",)},
    {"coordinator": "ida", "communication_plan": "Hourly", "review": "Fine"},
    {"state": "closed"},
    {"version": 99},
    {"owner": None},
    {"priority": 1},
    {"impact": "hgih"},
    {"foo": 1},
    {"occurred_at": datetime(2026, 1, 1)},
)
POLICY = IncidentPolicy(reopen_closed=True)
GRAPH = {"incident": LIFECYCLE.graph, "major incident": MAJOR_INCIDENT.graph}


class Moving:
    """A clock that goes where it is sent, also back."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 8, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class Histories(RuleBasedStateMachine):
    """Incidents in both stores side by side, with everybody doing everything, also what is not allowed."""

    records = Bundle("records")
    copies = Bundle("copies")

    @initialize()
    def open_both(self) -> None:
        self.clock = Moving()
        self.folder = tempfile.TemporaryDirectory()
        self.desks: list[ServiceManagement] = []
        for store in (None, f"sqlite:///{self.folder.name}/desk.db"):
            ids = TimeOrderedIds(self.clock, random.Random(3))
            self.desks.append(
                itil4.connect(store, clock=self.clock, ids=ids, policies={"incident": POLICY}, practices=[Watched])
            )
        self.before: dict[str, tuple[Incident, tuple[Entry, ...]]] = {}

    def teardown(self) -> None:
        for desk in getattr(self, "desks", ()):
            desk.close()
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def both(self, call: Any) -> Any:
        """Do the same in both stores and compare what comes of it: the result or the error."""
        told = []
        for desk in self.desks:
            unchanged = self.seen(desk)
            try:
                told.append(("done", call(desk)))
            except ITIL4Error as error:
                told.append(("not done", error.to_dict()))
                assert self.seen(desk) == unchanged, "a refusal changed something (INV-121)"
        assert told[0] == told[1], "the stores disagree"
        return told[0]

    @staticmethod
    def seen(desk: ServiceManagement) -> tuple[Any, ...]:
        practice = desk.incidents
        return tuple((each, practice.history(each), practice.links(each)) for each in practice.each())

    # what people do

    @rule(target=records, by=st.sampled_from(ACTORS), impact=st.sampled_from(["high", "low", None]))
    def log(self, by: Actor, impact: str | None) -> Any:
        done, made = self.both(lambda desk: desk.incidents.log(summary="A", impact=impact, urgency="low", by=by))
        return made.id if done == "done" else multiple()

    @rule(
        record=records,
        event=st.sampled_from(EVENTS),
        by=st.sampled_from(ACTORS),
        payload=st.sampled_from(PAYLOADS),
        reason=st.sampled_from([None, "because"]),
    )
    def fire(self, record: str, event: str, by: Actor, payload: Mapping[str, Any], reason: str | None) -> None:
        allowed, decision = self.both(
            lambda desk: desk.incidents.explain(record, event, by=by, reason=reason, **payload)
        )
        done, _ = self.both(lambda desk: desk.incidents.fire(record, event, by=by, reason=reason, **payload))
        assert allowed == "not done" or bool(decision) == (done == "done"), "explain and fire disagree"

    @rule(record=records, by=st.sampled_from(ACTORS))
    def press_a_button(self, record: str, by: Actor) -> None:
        """What is available without an ask can be done."""
        desk = self.desks[0].incidents
        for step in desk.available(record, by=by):
            decision = desk.explain(record, step.event, by=by)
            assert bool(decision) or any(ask.required for ask in step.asks), (step, decision)

    @rule(record=records, by=st.sampled_from(ACTORS), values=st.sampled_from(PAYLOADS))
    def update(self, record: str, by: Actor, values: Mapping[str, Any]) -> None:
        self.both(lambda desk: desk.incidents.update(record, by=by, **values))

    @rule(record=records, by=st.sampled_from(ACTORS), audience=st.sampled_from(["user", "staff", "all"]))
    def comment(self, record: str, by: Actor, audience: Any) -> None:
        self.both(lambda desk: desk.incidents.comment(record, "Looking", audience=audience, by=by))

    @rule(one=records, other=records, relation=st.sampled_from(["child_of", "parent_of", "relates_to", "duplicate_of"]))
    def link(self, one: str, other: str, relation: str) -> None:
        done, _ = self.both(lambda desk: desk.link(one, relation, other, by=SAM) and None)
        assert one != other or done == "not done"

    @rule(one=records, other=records, relation=st.sampled_from(["child_of", "relates_to"]))
    def unlink(self, one: str, other: str, relation: str) -> None:
        self.both(lambda desk: desk.unlink(one, relation, other, by=SAM) and None)

    @rule(one=records, into=records, by=st.sampled_from(ACTORS))
    def merge(self, one: str, into: str, by: Actor) -> None:
        self.both(lambda desk: desk.incidents.merge(one, into=into, by=by))

    @rule(one=records, by=st.sampled_from(ACTORS))
    def unmerge(self, one: str, by: Actor) -> None:
        self.both(lambda desk: desk.incidents.unmerge(one, by=by))

    @rule(minutes=st.integers(-30, 600))
    def move_the_clock(self, minutes: int) -> None:
        self.clock.time += timedelta(minutes=minutes)

    # what accidents and enemies do

    @rule(target=copies, record=records)
    def hold_a_copy(self, record: str) -> tuple[Incident, ...]:
        return tuple(desk.incidents.get(record) for desk in self.desks)

    @rule(copy=consumes(copies), event=st.sampled_from(EVENTS))
    def fire_a_copy(self, copy: tuple[Incident, ...], event: str) -> None:
        """A copy that has been overtaken is stale; another one is as good as the number."""
        fresh = all(desk.incidents.get(held.id) == held for desk, held in zip(self.desks, copy, strict=True))
        held = dict(zip(map(id, self.desks), copy, strict=True))
        done, told = self.both(lambda desk: desk.incidents.fire(held[id(desk)], event, by=SAM))
        assert fresh or (done == "not done" and told["error"] == "StaleRecord")

    @rule(
        record=records,
        lie=st.sampled_from([{"state": "closed"}, {"owner": "eve"}, {"created_by": "eve"}, {"number": "INC0000099"}]),
        by_force=st.booleans(),
    )
    def fire_a_doctored_copy(self, record: str, lie: Mapping[str, Any], by_force: bool) -> None:
        def doctored(desk: ServiceManagement) -> Any:
            held = attrs.evolve(desk.incidents.get(record))
            for name, value in lie.items():
                if by_force:
                    object.__setattr__(held, name, value)
            return desk.incidents.fire(held if by_force else attrs.evolve(held, **lie), "start", by=SAM)

        honest = all(getattr(self.desks[0].incidents.get(record), name) == value for name, value in lie.items())
        done, told = self.both(doctored)
        assert honest or (done == "not done" and told["reasons"][0]["code"] == "tampered")

    @rule(record=records, broken=st.booleans())
    def work_in_a_unit(self, record: str, broken: bool) -> None:
        """A unit that fails half way leaves nothing, and one that ends well everything."""

        def work(desk: ServiceManagement) -> Any:
            with desk.unit(by=SAM) as inner:
                child = inner.incidents.log(summary="child")
                inner.link(child, "child_of", record)
                with contextlib.suppress(Refused):
                    inner.incidents.close(child)
                inner.incidents.comment(record, "in a unit")
                if broken:
                    inner.incidents.fire(record, "delete")
            return child.id

        self.both(work)

    # what is true all the time

    @invariant()
    def every_record_is_sound(self) -> None:
        if not hasattr(self, "desks"):
            return
        for desk in self.desks:
            practice = desk.incidents
            ids = [each.id for each in practice.each()]
            assert len(ids) == len(set(ids))
            for each in practice.each():
                self.is_sound(each, practice.history(each), practice.replayed(each))
        for each, entries, _ in self.seen(self.desks[0]):
            held = self.before.get(each.id)
            if held is not None:
                kept, past = held
                assert (each.id, each.created_at, each.created_by) == (kept.id, kept.created_at, kept.created_by)
                assert entries[: len(past)] == past, "history was changed (INV-119)"
            self.before[each.id] = (each, entries)
        assert self.seen(self.desks[0]) == self.seen(self.desks[1])

    @staticmethod
    def is_sound(record: Incident, entries: tuple[Entry, ...], replayed: Incident) -> None:
        assert record.state in LIFECYCLE.by_name
        assert record.major in MAJOR_INCIDENT.by_name
        assert replayed == record, "replay differs from the row (INV-120)"
        assert type(record.owner) is str
        assert record.owner.strip()
        assert [entry.seq for entry in entries] == list(range(1, record.version + 1))
        times = [entry.at for entry in entries]
        assert times == sorted(times)
        assert (record.created_at, record.updated_at) == (times[0], times[-1])
        assert all(entry.recorded_at >= entry.at for entry in entries)
        assert record.state != "closed" or record.resolution
        assert (record.state == "on_hold") == (record.hold_kind is not None)
        for entry in entries:
            if entry.op == "step":
                assert (entry.event, entry.from_state, entry.to_state) in GRAPH[str(entry.lifecycle)]
                assert entry.by


class Watched(itil4.IncidentManagement[Incident]):
    """The default practice, read without a reader: what each actor may see is tested elsewhere."""

    def visible(self, actor: Actor) -> None:
        return None


Histories.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
test_inv_118_119_120_121_in_both_stores_whatever_anybody_does = Histories.TestCase
"""Identity, append-only history, replay and refusals without a trace, over random work in two stores."""


@pytest.fixture(params=["memory", "sqlite"])
def itsm(request: pytest.FixtureRequest, tmp_path: Path) -> ServiceManagement:
    return itil4.connect(None if request.param == "memory" else f"sqlite:///{tmp_path}/desk.db")


def test_inv_118_id_and_birth_of_a_record_never_change(itsm: ServiceManagement) -> None:
    """Ids are unique in a store; neither a verb nor a step sets id, number, or when and by whom it was made."""
    desk = itsm.incidents
    made = [desk.log(summary="A", by=SAM) for _ in range(20)]
    assert len({each.id for each in made}) == len({each.number for each in made}) == 20
    held = made[0]
    for name, value in {
        "id": made[1].id, "number": "INC0000002", "created_at": held.created_at, "created_by": "eve",
        "version": 7, "updated_at": held.created_at, "origin": None,
    }.items():  # fmt: skip
        with pytest.raises((Refused, TypeError, InvalidInput)):
            desk.update(held, by=SAM, **{name: value})
        with pytest.raises((Refused, TypeError, InvalidInput)):
            desk.fire(held, "start", by=SAM, **{name: value})
        with pytest.raises((InvalidInput, TypeError)):
            desk.log(summary="B", by=SAM, **{name: value})
    assert desk.get(held.id) == held

    same = itil4.connect(ids=lambda: "always-the-same").incidents
    same.log(summary="A", by=SAM)
    with pytest.raises(InvalidInput, match="taken"):
        same.log(summary="B", by=SAM)
    assert same.count() == 1


def test_inv_119_every_step_adds_one_entry_that_says_who_when_from_where_to_where_and_why(
    itsm: ServiceManagement,
) -> None:
    """Actor, roles used, time, states and reason; and neither a store nor an entry lets it be changed."""
    desk = itsm.incidents
    held = desk.start(desk.log(summary="A", by=SAM), by=SAM, reason="It is urgent")
    entries = desk.history(held)
    step = entries[-1]
    assert len(entries) == held.version == 2
    assert (step.op, step.event, step.from_state, step.to_state) == ("step", "start", "new", "in_progress")
    assert (step.by, step.reason, step.at) == ("sam", "It is urgent", held.updated_at)
    assert step.roles == ("owner", "service_desk")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        step.by = "eve"  # type: ignore[misc]
    assert not [name for name in dir(itsm.house.store) if "delete" in name or "remove" in name]
    assert desk.history(held) == entries


def test_inv_120_a_record_is_its_history(itsm: ServiceManagement) -> None:
    """Births with models and extra things, updates, steps, links, comments and overrides all replay to the row."""
    desk = itsm.incidents
    other = desk.log(summary="B", by=SAM)
    held = desk.log(summary="A", impact="high", urgency="low", participants=("kim",), by=SAM)
    held = desk.swarm(held, "lee", by=SAM)
    held = desk.override(held, priority=1, reason="So says the board", by=SAM)
    held = itsm.link(held, "child_of", other, by=SAM)
    held = desk.resolve(desk.comment(held, "Found it", by=SAM), resolution="x", by=SAM)
    assert desk.replayed(held) == held == desk.get(held.id)
    for place, entry in enumerate(desk.history(held), 1):
        assert desk.rebuilt(desk.history(held)[:place]).version == entry.seq


def test_inv_121_a_refused_step_leaves_no_trace(itsm: ServiceManagement) -> None:
    """Every step that is not allowed leaves record, history, links and counts as they were."""
    desk = itsm.incidents
    held = desk.log(summary="A", by=SAM)
    before = (desk.get(held.id), desk.history(held), desk.count())
    for event in EVENTS:
        if not desk.explain(held, event, by=SAM):
            with pytest.raises(Refused):
                desk.fire(held, event, by=SAM)
    with pytest.raises(StaleRecord):
        desk.fire(held.id, "start", expected=9, by=SAM)
    with pytest.raises(NotFound):
        desk.fire("INC0000099", "start", by=SAM)
    assert (desk.get(held.id), desk.history(held), desk.count()) == before


LIFECYCLES = [lifecycle for place in BUILT_IN for lifecycle in place.practice.lifecycles()]


@pytest.mark.parametrize("lifecycle", LIFECYCLES, ids=lambda each: each.name)
def test_inv_122_every_state_is_reached_and_leads_to_an_end(lifecycle: itil4.Lifecycle) -> None:
    """In every built-in lifecycle each state can be reached from a birth, and leads to one with which it ends."""
    ends = {state.name for state in lifecycle.states if state.category in ("closed", "cancelled", "resolved")}
    after: dict[str, set[str]] = {state.name: set() for state in lifecycle.states}
    for _, source, target in lifecycle.graph:
        after[source].add(target)

    def reached(start: set[str]) -> set[str]:
        found, wave = set(start), set(start)
        while wave := {target for source in wave for target in after[source]} - found:
            found |= wave
        return found

    assert reached(set(lifecycle.initial)) == set(after)
    for state in after:
        assert reached({state}) & ends, state
    assert not [found for found in lifecycle.verify() if found.severity == "error"]


RELATION_NAMES = [*RELATIONS, *(each.of(place.kind) for place in BUILT_IN for each in place.practice.relations)]


@given(st.sampled_from(RELATION_NAMES))
def test_inv_123_the_inverse_of_an_inverse_is_the_relation(relation: Relation) -> None:
    """Both names know each other."""
    known = Relations(RELATION_NAMES)
    for name in (relation.name, relation.inverse):
        assert known.inverse(known.inverse(name)) == name


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["child_of", "parent_of", "relates_to"]), st.integers(0, 3)))
)
def test_inv_123_a_link_reads_the_same_from_both_ends_and_never_leads_to_itself(
    attempts: list[tuple[int, str, int]],
) -> None:
    """Whatever is linked from whichever end: both ends show it, each by its own name, and no record itself."""
    itsm = itil4.connect()
    ids = [itsm.incidents.log(summary=str(place), by=SAM).id for place in range(4)]
    for one, relation, other in attempts:
        try:
            itsm.link(ids[one], relation, ids[other], by=SAM)
        except Refused:
            continue
        assert one != other
    seen = {(link.source, link.relation, link.target) for each in ids for link in itsm.incidents.links(each)}
    relations = itsm.house.relations
    for source, relation, target in seen:
        assert source != target
        assert (target, relations.inverse(relation), source) in seen


def test_inv_123_a_link_has_ends_of_the_right_kind(itsm: ServiceManagement) -> None:
    """Neither a kind that the relation does not know, nor a person, nor what is not there."""
    held = itsm.incidents.log(summary="A", by=SAM)
    run = itsm.import_runs.log(system="x", file="x", format="x", zone="UTC", mapping="x", by=SAM)
    with pytest.raises(InvalidInput, match="does not go from incident to import_run"):
        itsm.link(held, "child_of", run, by=SAM)
    with pytest.raises(InvalidInput, match="does not go from incident to person"):
        itsm.link(held, "child_of", SAM, by=SAM)
    with pytest.raises(InvalidInput, match="Did you mean 'child_of'"):
        itsm.link(held, "chlid_of", run, by=SAM)
    with pytest.raises(NotFound):
        itsm.link(held, "relates_to", "INC0000099", by=SAM)
    assert itsm.link(held, "relates_to", run, by=SAM).version == 2
