"""Corrections: one door for what is stuck or wrong; it says what it waived, and clocks and figures read it in time."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import itil4
from itil4 import (
    Actor,
    Incident,
    IncidentManagement,
    InvalidInput,
    MemoryStore,
    Refused,
    ServiceManagement,
    SqliteStore,
    State,
    Transition,
)
from itil4.clock import FrozenClock
from itil4.practices.service_policy import ServiceLevelPolicy
from itil4.record.happened import as_happened

SAM = Actor("sam", roles={"service_desk"})
COR = Actor("cora", roles={"corrector"})
T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite"])
def opened(request: pytest.FixtureRequest, new_desk: Callable[..., Any]) -> tuple[ServiceManagement, FrozenClock]:
    made: tuple[ServiceManagement, FrozenClock] = new_desk(request.param)
    return made


def log(itsm: ServiceManagement, **values: Any) -> Any:
    return itsm.incidents.log(**{"summary": "Mail", "impact": "low", "urgency": "low", "by": SAM, **values})


def test_a_state_that_no_step_reaches_is_set_and_the_entry_says_what_was_waived(opened: Any) -> None:
    """Closed straight from new: judged override, the arrow waived, the stamps of the state set, replay is the row."""
    itsm, _ = opened
    incident = itsm.incidents.correct(log(itsm), state="closed", reason="Lost in the migration", by=COR)
    assert (incident.state, incident.closed_at) == ("closed", T0)
    last = itsm.incidents.history(incident)[-1]
    assert (last.op, last.event, last.from_state, last.to_state) == ("correction", "correct", "new", "closed")
    assert (last.judged, last.by, last.reason) == ("override", "cora", "Lost in the migration")
    assert "wrong_state" in last.waived
    assert itsm.incidents.replayed(incident) == itsm.incidents.get(incident.id) == incident


def test_where_a_step_exists_its_own_reasons_are_named(opened: Any) -> None:
    """Resolved without a resolution by somebody without the role: both codes stand in the entry."""
    itsm, _ = opened
    incident = itsm.incidents.correct(log(itsm), state="resolved", reason="r", by=COR)
    assert set(itsm.incidents.history(incident)[-1].waived) >= {"role", "missing"}


def test_fields_that_steps_own_are_set_and_computed_ones_follow(opened: Any) -> None:
    """A read-only field and the state of an aspect, with the codes of their rules; priority is computed anew."""
    itsm, _ = opened
    incident = itsm.incidents.correct(log(itsm), reason="r", by=COR, major="accepted", impact="high", urgency="high")
    assert (incident.major, incident.priority) == ("accepted", 1)
    assert "field_rule" in itsm.incidents.history(incident)[-1].waived
    incident = itsm.incidents.correct(incident, reason="r", by=COR, closed_at=T0)
    assert incident.closed_at == T0


@pytest.mark.parametrize(
    ("given", "error", "code"),
    [
        ({"state": "closd"}, InvalidInput, "unknown_name"),
        ({"state": 5}, InvalidInput, "unknown_name"),
        ({"summery": "x"}, InvalidInput, "unknown_field"),
        ({"summary": 5}, InvalidInput, "ill_typed"),
        ({"major": "huge"}, InvalidInput, "not_a_choice"),
        ({"created_by": "me"}, InvalidInput, "field_rule"),
        ({"version": 9}, InvalidInput, "field_rule"),
        ({"priority": 1}, Refused, "field_rule"),
        ({"occurred_at": T0 + timedelta(days=1)}, Refused, "time_order"),
        ({"restored_at": T0 + timedelta(days=1)}, Refused, "future"),
        ({"summary": "x", "at": T0 + timedelta(days=1)}, InvalidInput, "future"),
        ({"summary": "x", "at": T0 - timedelta(days=1)}, InvalidInput, "out_of_order"),
        ({"summary": "x", "at": T0.replace(tzinfo=None)}, InvalidInput, "naive_datetime"),
        ({"summary": "x", "reason": ""}, InvalidInput, "blank"),
        ({}, InvalidInput, "nothing_named"),
    ],
)
def test_what_makes_no_sense_stays_refused(opened: Any, given: Any, error: type[Exception], code: str) -> None:
    """Unknown names, wrong types, identity, contradictions and the future: no role waives them."""
    itsm, _ = opened
    incident = log(itsm)
    with pytest.raises(error) as caught:
        itsm.incidents.correct(incident, **{"reason": "r", "by": COR, **given})
    assert code in {each.code for each in caught.value.reasons}  # type: ignore[attr-defined]  # all of ours have them
    assert itsm.incidents.get(incident) == incident


def test_only_the_role_opens_the_door(opened: Any) -> None:
    """Neither the desk nor a system; a correction that changes nothing writes nothing."""
    itsm, _ = opened
    incident = log(itsm)
    for actor in (SAM, Actor("bot", kind="system")):
        with pytest.raises(Refused) as caught:
            itsm.incidents.correct(incident, state="closed", reason="r", by=actor)
        assert caught.value.code == "role"
    assert itsm.incidents.correct(incident, state="new", summary="Mail", reason="r", by=COR) == incident


def test_what_contradicted_itself_before_may_be_set_right_bit_by_bit(opened: Any) -> None:
    """A correction is refused for what it adds, and not for what was wrong already."""
    itsm, clock = opened
    incident = log(itsm)
    clock.tick(timedelta(hours=3))
    incident = itsm.incidents.correct(incident, reason="r", by=COR, detected_at=T0)
    with pytest.raises(Refused):
        itsm.incidents.correct(incident, reason="r", by=COR, occurred_at=T0 + timedelta(hours=1))


def test_a_clock_reads_when_it_was_really_resolved(new_desk: Callable[..., Any]) -> None:
    """Noted at 14, done at 10: the clock of two hours is kept; and what happened in between counts no more."""
    policy = ServiceLevelPolicy.from_dict({"targets": [{"metric": "resolve", "duration": "PT3H"}]})
    itsm, clock = new_desk("memory", policies={"service_level": policy})
    incident = itsm.incidents.start(log(itsm), by=SAM)
    clock.tick(timedelta(hours=4))
    incident = itsm.incidents.hold(incident, kind="user", by=SAM)
    clock.tick(timedelta(hours=2))
    incident = itsm.incidents.resolve(incident, resolution="Restarted", by=SAM)
    (before,) = itsm.service_levels.readings(incident)
    done_at = T0 + timedelta(hours=2)
    incident = itsm.incidents.correct(incident, state="resolved", at=done_at, reason="Told by phone", by=COR)
    (after,) = itsm.service_levels.readings(incident)
    assert (before.breached, before.consumed) == (True, timedelta(hours=4))
    assert (after.breached, after.consumed) == (False, timedelta(hours=2))
    assert incident.resolved_at == done_at
    assert itsm.incidents.replayed(incident) == incident
    (told,) = itsm.incidents.histories()
    assert [(each.to_state, each.details.get("written")) for each in told] == [
        ("new", None), ("in_progress", None), ("resolved", 5), (None, 3), (None, 4),
    ]  # fmt: skip
    assert [each.to_state for each in itsm.incidents.history(incident)] == [
        "new", "in_progress", "on_hold", "resolved", "resolved",
    ]  # fmt: skip
    figures = itsm.incidents.figures()
    assert figures["time_to_resolve"].value == timedelta(hours=2)


def test_later_steps_go_on_from_a_correction(opened: Any) -> None:
    """Its moment is earlier than the last entry; the next step still cannot lie before what was written."""
    itsm, clock = opened
    incident = itsm.incidents.start(log(itsm), by=SAM)
    clock.tick(timedelta(hours=4))
    incident = itsm.incidents.comment(incident, "x", by=SAM)
    incident = itsm.incidents.correct(incident, impact="high", at=T0 + timedelta(hours=1), reason="r", by=COR)
    assert incident.updated_at == T0 + timedelta(hours=4)
    with pytest.raises(InvalidInput) as caught:
        itsm.incidents.resolve(incident, resolution="x", at=T0 + timedelta(hours=2), by=SAM)
    assert caught.value.code == "out_of_order"
    assert itsm.incidents.resolve(incident, resolution="x", by=SAM).state == "resolved"


_STATES = st.sampled_from(sorted(IncidentManagement.lifecycle.by_name))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_what_happened_ends_where_the_record_stands(
    store: str, data: st.DataObject, new_desk: Callable[..., Any], work: SimpleNamespace
) -> None:
    """Replay is the row after any corrections; read in the order of time, history leads to the same record."""
    itsm, clock = new_desk(store)
    busy = work.RandomWork(itsm, clock)
    busy.do(("log", "Mail", "A", 3))
    for _ in range(data.draw(st.integers(1, 3))):
        for step in data.draw(st.lists(work.STEPS, max_size=6)):
            busy.do(step)
        record = itsm.incidents.get(data.draw(st.sampled_from(busy.ids)))
        hours = data.draw(st.integers(0, int((clock.now() - record.created_at) / timedelta(hours=1))))
        since = data.draw(st.sampled_from([None, record.created_at + timedelta(hours=hours)]))
        given = {
            "state": data.draw(st.none() | _STATES), "at": since,
            "group": data.draw(st.sampled_from(["mail", "net"])), "crew": data.draw(st.none() | st.integers(0, 3)),
        }  # fmt: skip
        with suppress(Refused):  # where resolved would lie after closed, or before occurred
            itsm.incidents.correct(record, reason="r", by=work.WHO["officer"], **given)
    for record in itsm.incidents.each():
        history = itsm.incidents.history(record)
        assert itsm.incidents.replayed(record) == record
        told = as_happened(history)
        assert [each.at for each in told] == sorted(each.at for each in told)
        assert [each.seq for each in told] == list(range(1, len(told) + 1))
        values: dict[str, Any] = {}
        for entry in told:
            for name, change in entry.changes.items():
                values[name] = change.apply(values.get(name))
        assert {name: itsm.incidents.shape.read(record, name) for name in values} == values
        moved = [each.to_state for each in told if each.to_state]
        assert moved[-1] == record.state


# states that are gone


@attrs.frozen(kw_only=True)
class PortIncident(Incident):
    port: str | None = None


class Before(IncidentManagement[PortIncident]):
    record = PortIncident
    lifecycle = IncidentManagement.lifecycle.extend(
        states=[State("at_sea", "waiting", kind="port"), State("docked", "active")],
        add=[Transition("sail", ["new", "assigned"], "at_sea"), Transition("dock", ["at_sea"], "docked")],
    )


class After(IncidentManagement[PortIncident]):
    record = PortIncident


class Mapped(After):
    state_mapping = {"at_sea": "on_hold", "docked": "in_progress"}  # noqa: RUF012 - as a practice declares it


def sailed(store: Any) -> None:
    """Leave three incidents in states that `After` lacks, and one in a state that it has."""
    old = itil4.connect(store, practices=[Before])
    for summary in "abc":
        old[Before].fire(log(old, summary=summary), "sail", by=SAM)
    old[Before].fire("INC0000003", "dock", by=SAM)
    log(old, summary="d")


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "desk.db")
    yield made
    made.close()


def test_records_in_states_that_are_gone_stand_in_the_way_by_number(store: Any) -> None:
    """Opening refuses, with how many there are, where they are and the first numbers; nothing is changed."""
    sailed(store)
    with pytest.raises(itil4.DefinitionError) as caught:
        itil4.connect(store, practices=[After])
    assert caught.value.code == "states_in_the_way"
    assert (caught.value.detail["count"], caught.value.detail["states"]) == (3, ("at_sea", "docked"))
    assert set(caught.value.detail["records"]) == {"INC0000001", "INC0000002", "INC0000003"}
    assert "INC0000001" in str(caught.value) and "state_mapping" in str(caught.value)
    with pytest.raises(itil4.DefinitionError):
        itil4.connect(store, practices=[After], state_mapping={"incident": {"at_sea": "on_hold"}})
    assert itil4.connect(store, practices=[Before]).incidents.count(state="at_sea") == 2


@pytest.mark.parametrize("declared", [True, False])
def test_a_mapping_corrects_them_once(store: Any, declared: bool) -> None:
    """By a system, as corrections; opened again, nothing more is written, with the mapping or without."""
    sailed(store)
    given: Any = {"practices": [Mapped]} if declared else {
        "practices": [After], "state_mapping": {"incident": Mapped.state_mapping},
    }  # fmt: skip
    new = itil4.connect(store, **given)
    assert [each.state for each in new.incidents.find()] == ["on_hold", "on_hold", "in_progress", "new"]
    last = new.incidents.history("INC0000001")[-1]
    assert (last.op, last.by, last.from_state, last.to_state) == ("correction", "state_mapping", "at_sea", "on_hold")
    assert last.waived[0] == "wrong_state"
    versions = [each.version for each in new.incidents.each()]
    itil4.connect(store, **given)
    again = itil4.connect(store, practices=[After])
    assert [each.version for each in again.incidents.each()] == versions
    assert all(again.incidents.replayed(each) == each for each in again.incidents.each())
    assert again.incidents.resolve("INC0000001", resolution="x", by=SAM).state == "resolved"


def test_a_lifecycle_that_comes_back_is_looked_at_again(store: Any) -> None:
    """After: clean. Before: records sail. After again: they stand in the way, however often this goes on."""
    log(itil4.connect(store, practices=[After]))
    itil4.connect(store, practices=[After])
    for _ in range(5):
        old = itil4.connect(store, practices=[Before])
        old[Before].fire(log(old), "sail", by=SAM)
        with pytest.raises(itil4.DefinitionError):
            itil4.connect(store, practices=[After])
        new = itil4.connect(store, practices=[Mapped])
        assert new.incidents.count(state="at_sea") == 0
    assert new.incidents.count(state="on_hold") == 5


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        ({"incident": {"at_sea": "onhold"}}, "unknown_name"),
        ({"incident": {"new": "on_hold"}}, "definition"),
        ({"incidnet": {"at_sea": "on_hold"}}, "unknown_name"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(mapping: Any, code: str) -> None:
    """To a state that is not there, from one that still is, or of a kind that nobody knows."""
    with pytest.raises(itil4.DefinitionError) as caught:
        itil4.connect(practices=[After], state_mapping=mapping)
    assert caught.value.code == code


def test_two_processes_map_the_same_records_once(tmp_path: Path) -> None:
    """Both open the file at the same moment; each record has one correction."""
    path = tmp_path / "desk.db"
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import itil4
from test_correction import Mapped
sys.stdin.readline()
itil4.connect("sqlite:///{path}", practices=[Mapped]).close()
"""
    store = SqliteStore(path)
    old = itil4.connect(store, practices=[Before])
    with old.unit(by=SAM) as desk:
        for _ in range(150):
            desk[Before].fire(log(desk, by=None), "sail")
    processes = [subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, text=True) for _ in range(2)]
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in processes:
        assert each.wait(60) == 0
        each.stdin.close()  # type: ignore[union-attr]  # it was given
    new = itil4.connect(store, practices=[After])
    assert new.incidents.count(state="on_hold") == 150
    assert {each.version for each in new.incidents.each()} == {3}
    store.close()
