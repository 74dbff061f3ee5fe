"""Due times beside the rows: always what a recomputation gives, on every store, and edited with the calendar."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from desk import ANA, MONDAY, OFFICE, SAM, USUAL, clock_of, hours, logged, opened, reading, rule
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import itil4
from itil4.clock import FrozenClock
from itil4.errors import Refused
from itil4.lifecycle import Timer
from itil4.practices.service_policy import ServiceHours, ServiceLevelPolicy, StateTimer
from itil4.service_level import ServiceCalendar, clock
from itil4.storage.memory import MemoryStore
from itil4.storage.projections import DueRow, Projected, keeps_due_times
from itil4.storage.sqlite import SqliteStore

RICH = ServiceLevelPolicy(
    targets=(
        rule(8, at={"warnings": (0.5, 0.75)}, calendar="office"), rule(4, priority=1, at={"retarget": "from_change"}),
        rule(6, service="mail", at={"reopen": "restart"}), rule(5, service="mail", priority=1),
        rule(1, "respond"), rule(2, "update"), rule(3, at={"kind": "ola"}),
    ),
    calendars={"office": OFFICE},
    hours=(ServiceHours(service="mail", calendar="office"),),
    timers=(StateTimer(state="resolved", timer=Timer("close", after=timedelta(days=5))),),
)  # fmt: skip

STEPS = st.sampled_from(
    ["hold", "resume", "urgent", "calm", "mail", "print", "resolve", "reopen", "say", "ask", "tick", "wait", "cancel"]
)
WAITS = st.integers(min_value=0, max_value=60 * 30)


def act(itsm: Any, record_id: str, step: str) -> None:
    """Do something on a desk; what the state does not allow is refused, and nothing happens."""
    incidents = itsm.incidents
    levels = {"urgent": "high", "calm": "low"}
    try:
        if step in levels:
            incidents.update(record_id, impact=levels[step], urgency=levels[step], by=SAM)
        elif step in ("mail", "print"):
            incidents.update(record_id, service=step, by=SAM)
        elif step == "hold":
            incidents.hold(record_id, kind="user", by=SAM)
        elif step == "resolve":
            incidents.resolve(record_id, resolution="Restarted", by=SAM)
        elif step == "say":
            incidents.comment(record_id, "Looking", audience="user", by=SAM)
        elif step == "ask":
            incidents.comment(record_id, "Which one?", audience="staff", by=SAM)
        elif step == "tick":
            itsm.tick()
        elif step == "cancel":
            incidents.cancel(record_id, close_reason="withdrawn", by=SAM)
        elif step != "wait":
            incidents.fire(record_id, step, by=SAM)
    except Refused:
        pass


def rows(itsm: Any, record_id: str) -> list[Any]:
    found = itsm.house.store.due_of("", record_id)
    return sorted((row for row in found if row.sort in ("clock", "timer")), key=lambda row: (row.sort, row.name))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(STEPS, WAITS), max_size=14))
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_due_times_are_what_a_recomputation_gives(kind: str, tmp_path: Path, work: list[tuple[str, int]]) -> None:
    """After any work, through the verbs, refolding changes nothing; and no verdict is lost or told twice."""
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
    store: Any = MemoryStore() if kind == "memory" else SqliteStore(path)
    itsm = itil4.connect(store, clock=FrozenClock(MONDAY), policies={"service_level": RICH})
    incident = logged(itsm)
    for step, minutes in work:
        clock_of(itsm).tick(timedelta(minutes=minutes))
        act(itsm, incident.id, step)
    written = rows(itsm, incident.id)
    itsm.service_levels.refold()
    assert rows(itsm, incident.id) == written
    _agrees_with_the_clocks(itsm, incident.id)
    itsm.tick()
    told = [each.details["service_level"]["key"] for each in itsm.incidents.history(incident.id)
            if (each.event or "").startswith("service_level")]  # fmt: skip
    assert len(told) == len(set(told))
    breached = {each.target.kind + "/" + each.target.metric for each in itsm.service_levels.readings(incident.id)
                if each.breached and each.state != "cancelled"}  # fmt: skip
    assert breached <= {each.slot for each in itsm.service_level_breaches.find()}
    assert itsm.tick().fired == ()
    store.close()


def _agrees_with_the_clocks(itsm: Any, record_id: str) -> None:
    """Compare with the readings at the last entry, and read each clock twice, directly."""
    record = itsm.incidents.get(record_id)
    held = {row.name: row for row in rows(itsm, record_id) if row.sort == "clock"}
    for each in itsm.service_levels.readings(record_id, record.updated_at):
        slot = f"{each.target.kind}/{each.target.metric}"
        if each.state == "running":
            due = each.due_at or each.breached_at
            assert (held[slot].due_at is None) == (due is None)
            if due is not None:
                assert held[slot].due_at == int((due.timestamp()) * 1_000_000)
        elif slot in held:
            assert held[slot].due_at is None or each.breached
    work = itsm.service_levels._clockwork
    for found in work.clocks("incident", itsm.incidents.history(record_id)):
        again = clock(found.rule.watched, found.calendar, reversed(list(found.marks)), record.updated_at)
        assert found.read(record.updated_at).started_at == again.started_at


def test_a_due_time_is_written_with_the_entry_that_changes_it(tmp_path: Path) -> None:
    """In one transaction: where the entry is not written, neither is the due time."""
    path = tmp_path / "desk.db"
    itsm = opened(path)
    incident = logged(itsm)
    before = rows(itsm, incident.id)
    with pytest.raises(Refused), itsm.unit(by=SAM) as desk:
        desk.incidents.close(desk.incidents.hold(incident, kind="user"), by=ANA)
    assert rows(itsm, incident.id) == before
    with closing(sqlite3.connect(path)) as beside:
        beside.execute("CREATE TRIGGER no BEFORE INSERT ON due BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(itil4.errors.StoreError):
        itsm.incidents.hold(incident, kind="user", by=SAM)
    assert itsm.incidents.get(incident.id).state == "new"


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_what_falls_due_is_found_in_order(kind: str, tmp_path: Path) -> None:
    """From the beginning of a period up to, and without, its end; what is paused or done is not due."""
    itsm = opened(None if kind == "memory" else tmp_path / "desk.db", ServiceLevelPolicy(targets=(rule(8),)))
    made = []
    for _ in range(5):
        made.append(logged(itsm))
        clock_of(itsm).tick(hours(1))
    itsm.incidents.hold(made[1], kind="user", by=SAM)
    itsm.incidents.resolve(made[2], resolution="x", by=SAM)
    found = itsm.service_levels.due_between(MONDAY + hours(8), MONDAY + hours(12))
    assert [each.record_id for each in found] == [made[0].id, made[3].id]
    assert len(itsm.service_levels.due_between(MONDAY, MONDAY + hours(99), limit=2)) == 2


def test_finding_what_falls_due_is_one_walk_along_an_index(tmp_path: Path) -> None:
    """Neither the question of a dispatcher nor that of a tick reads a table or sorts."""
    itsm = opened(tmp_path / "desk.db")
    logged(itsm)
    store: Any = itsm.house.store
    from itil4.storage import projections

    for text, values, index in (
        (projections._BETWEEN, ("", 0, 9, 5), "due_time"),
        (projections._FALLING, ("", 9, 0, "", "", "", 5), "due_next"),
        (projections._DIFFERING, ("", "s", "", "", "s", "", 5), "due_stamp"),
    ):
        plan = " ".join(row[3] for row in store._connection().execute(f"EXPLAIN QUERY PLAN {text}", values))
        assert f"USING INDEX {index}" in plan and "SCAN" not in plan, plan
        assert index == "due_stamp" or "TEMP B-TREE" not in plan, plan


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_an_edited_calendar_is_a_new_revision_and_lists_whose_verdict_flips(kind: str, tmp_path: Path) -> None:
    """What an edit would do is seen before it is published; then the due times are computed anew."""
    store: Any = MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "desk.db")
    policy = ServiceLevelPolicy(targets=(rule(6),), calendar=OFFICE)
    itsm = itil4.connect(store, clock=FrozenClock(MONDAY), policies={"service_level": policy})
    early, late = logged(itsm), None
    clock_of(itsm).tick(timedelta(days=1))
    late = logged(itsm)
    edited: ServiceCalendar = OFFICE.revise(holidays=["2026-03-02"])
    flipped = itsm.service_levels.impact(OFFICE, edited)
    assert {key: (a.breached, b.breached) for key, (a, b) in flipped.items()} == {
        (early.number, "sla/resolve"): (True, False)
    }
    again = itil4.connect(
        store, clock=clock_of(itsm), policies={"service_level": attrs.evolve(policy, calendar=edited)}
    )
    assert again.tick().refolded == 2 and again.tick().refolded == 0
    for record in (early, late):
        (row,) = rows(again, record.id)
        assert row.revision == edited.revision
        now = reading(again, record)
        assert row.due_at == int((now.due_at or now.breached_at).timestamp() * 1_000_000)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_due_times_of_a_record_that_has_moved_are_not_written(kind: str, tmp_path: Path) -> None:
    """Whoever computes due times beside others never overwrites what follows from a later entry."""
    store: Any = MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "desk.db")
    assert keeps_due_times(store)
    itsm = itil4.connect(store, clock=FrozenClock(MONDAY), policies={"service_level": USUAL})
    incident = logged(itsm)
    now = itsm.incidents.hold(incident, kind="user", by=SAM)
    held = rows(itsm, incident.id)
    old = DueRow(incident.id, "clock", "sla/resolve", "incident", 1, 1, 1, "r", "s", incident.version)
    store.project("", [(incident.version, Projected(incident.id, (old,)))])
    assert rows(itsm, incident.id) == held
    store.project("", [(now.version, Projected(incident.id, (old,)))])
    assert rows(itsm, incident.id) == [old]
