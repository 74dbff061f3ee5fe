"""The past: a desk that shows how things stood, and verification that rows are what history says."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from itil4 import Actor, InvalidInput, ITIL4Error, NotFound, Refused, ServiceManagement
from itil4.clock import FrozenClock
from itil4.practices.verifying import Difference

SAM = Actor("sam", roles={"service_desk"})
ANA = Actor("ana", roles={"user"})
COR = Actor("cora", roles={"corrector"})
T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["memory", "sqlite"])
def opened(request: pytest.FixtureRequest, new_desk: Callable[..., Any]) -> tuple[ServiceManagement, FrozenClock]:
    made: tuple[ServiceManagement, FrozenClock] = new_desk(request.param)
    return made


def log(itsm: ServiceManagement, **values: Any) -> Any:
    return itsm.incidents.log(**{"summary": "Mail", "impact": "low", "urgency": "low", "by": SAM, **values})


def seen(itsm: ServiceManagement, by: Actor | None = None) -> dict[str, Any]:
    """Return all that can be read on a desk."""
    incidents = itsm.incidents
    records = list(incidents.each(by=by))
    return {
        "records": records,
        "pages": [incidents.find(order_by=name, limit=3, by=by).items for name in ("priority", "-summary", "vessel")],
        "counts": [incidents.count(is_open=True, by=by), incidents.count(state="closed", by=by)],
        "histories": [incidents.history(each, by=by) for each in records],
        "all histories": list(incidents.histories(by=by)),
        "links": [sorted(incidents.links(each, by=by), key=repr) for each in records],
        "linked": [incidents.linked(each, "parent_of", by=by) for each in records],
        "by link": [incidents.find(child_of=each, by=by).items for each in records],
        "gets": [incidents.get(each.reference, by=by) for each in records],
    }


def test_a_record_and_its_list_are_shown_as_they_stood(opened: Any) -> None:
    """State, fields, lists, counts, links at both ends and history of an hour ago; what came later is not there."""
    itsm, clock = opened
    incident, other = log(itsm), log(itsm, summary="Printer")
    incident = itsm.incidents.assign(incident, to="sam", group="mail", by=SAM)
    clock.tick(HOUR)
    incident = itsm.incidents.start(incident, by=SAM)
    itsm.link(incident, "child_of", other, by=SAM)
    third = log(itsm)
    past = itsm.as_of(T0)
    assert past.incidents.get("INC0000001").state == "assigned"
    assert past.incidents.count(state="assigned") == 1
    assert [entry.event for entry in past.incidents.history("INC0000001")] == ["log", "assign"]
    assert past.incidents.links("INC0000001") == past.incidents.links("INC0000002") == ()
    with pytest.raises(NotFound):
        past.incidents.get(third.id)
    now = itsm.as_of(T0 + HOUR)
    assert [each.number for each in now.incidents.linked("INC0000002", "parent_of")] == ["INC0000001"]


def test_a_list_of_the_past_costs_the_history_of_its_kind_once(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of other kinds is read for it; ways back along links, which come from everywhere, are looked up once."""
    itsm, clock = opened
    incident = log(itsm)
    problem = itsm.problems.log(summary="Relay loses power", impact="low", urgency="low", by=SAM)
    itsm.link(incident, "caused_by", problem, by=SAM)
    clock.tick(HOUR)
    read: list[Any] = []
    history = itsm.house.store.history

    def noted(tenant: str, **which: Any) -> Any:
        if "record_id" not in which:
            read.append(which.get("kind"))
        return history(tenant, **which)

    monkeypatch.setattr(itsm.house.store, "history", noted)
    past = itsm.as_of(T0)
    for _ in range(2):
        assert past.problems.count() == len(past.problems.find().items) == 1
        assert past.incidents.get(incident.id).number == "INC0000001"
    assert read == ["problem"]
    for _ in range(2):
        assert [each.relation for each in past.problems.links(problem)] == ["causes"]
        assert [each.id for each in past.problems.find(causes=incident).items] == [problem.id]
        assert [each.id for each in itsm.problems.find(causes=incident).items] == [problem.id], (
            "with an earlier copy, too"
        )
    assert read == ["problem", None]
    assert [each.id for each in past.incidents.find(caused_by=problem).items] == [incident.id]
    assert read == ["problem", None, "incident"]


def test_verbs_are_refused_and_say_why(opened: Any) -> None:
    """No verb, unit, link, redaction or correction of the past; questions about steps are answered as of then."""
    itsm, clock = opened
    incident = log(itsm)
    clock.tick(HOUR)
    past = itsm.as_of(T0)
    officer = Actor("o", roles={"corrector", "data_protection_officer", "service_desk"})

    def in_a_unit() -> None:
        with past.unit(by=SAM) as desk:
            log(desk, by=None)

    calls: list[Callable[[], Any]] = [
        lambda: log(past), lambda: past.incidents.start(incident, by=SAM), in_a_unit,
        lambda: past.incidents.comment(incident, "x", by=SAM),
        lambda: past.link(incident, "relates_to", incident, by=SAM),
        lambda: past.incidents.correct(incident, state="closed", reason="r", by=officer),
        lambda: past.incidents.redact(incident, "summary", reason="r", by=officer),
        lambda: past.redact_person("sam", reason="r", by=officer),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(Refused) as caught:
            call()
        assert caught.value.code == "past" and "2026-03-02" in str(caught.value)
    with pytest.raises(ITIL4Error):
        past.tick()
    assert past.incidents.explain(incident, "start", by=SAM)
    assert "start" in {step.event for step in past.incidents.available(incident, by=SAM)}
    past.close()
    assert len(itsm.incidents.history(incident)) == 1


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"moment": T0 + HOUR}, "bad_moment"),
        ({"moment": T0.replace(tzinfo=None)}, "naive_datetime"),
        ({"moment": "yesterday"}, "ill_typed"),
        ({"moment": T0, "view": "knwon"}, "not_a_choice"),
    ],
)
def test_a_moment_that_cannot_be_is_refused(opened: Any, given: dict[str, Any], code: str) -> None:
    """The future, a time without a zone, and a view that is none."""
    with pytest.raises(InvalidInput) as caught:
        opened[0].as_of(**given)
    assert caught.value.code == code


def test_what_was_known_differs_from_what_had_happened(opened: Any) -> None:
    """A phone-reported resolution: at ten it was known as open, and had been resolved since nine."""
    itsm, clock = opened
    incident = itsm.incidents.start(log(itsm), by=SAM)
    clock.tick(4 * HOUR)
    incident = itsm.incidents.comment(incident, "x", by=SAM)
    itsm.incidents.correct(incident, state="resolved", at=T0 + HOUR, reason="By phone", by=COR)
    known, happened = (itsm.as_of(T0 + 2 * HOUR, view=view) for view in ("known", "happened"))
    assert known.incidents.get(incident.id).state == "in_progress"
    assert happened.incidents.get(incident.id).state == "resolved"
    assert (known.incidents.count(is_open=True), happened.incidents.count(is_open=True)) == (1, 0)
    assert [each.op for each in happened.incidents.history(incident.id)] == ["birth", "step", "correction"]
    assert itsm.as_of(clock.now(), view="happened").incidents.get(incident.id).state == "resolved"


def test_visibility_holds_for_the_past(opened: Any) -> None:
    """Who may not see a confidential record today does not see how it was, in get, lists, counts or histories."""
    itsm, clock = opened
    log(itsm, confidential=True)
    open_one = log(itsm, by=ANA)
    clock.tick(HOUR)
    past = itsm.as_of(T0)
    assert [each.number for each in past.incidents.find(by=ANA)] == [open_one.number]
    assert past.incidents.count(by=ANA) == 1
    assert len(list(past.incidents.histories(by=ANA))) == 1
    with pytest.raises(NotFound):
        past.incidents.get("INC0000001", by=ANA)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_the_past_is_what_was_seen_then(
    store: str, data: st.DataObject, new_desk: Callable[..., Any], work: SimpleNamespace
) -> None:
    """as_of(t) shows what was seen at t, whatever happened since; as_of(now) shows now; and nothing differs."""
    itsm, clock = new_desk(store)
    busy = work.RandomWork(itsm, clock)
    by = data.draw(st.sampled_from([None, SAM, ANA]))
    snapshots = []
    for _ in range(data.draw(st.integers(1, 3))):
        for step in data.draw(st.lists(work.STEPS, max_size=7)):
            busy.do(step)
        if busy.ids and data.draw(st.booleans()):
            record = itsm.incidents.get(data.draw(st.sampled_from(busy.ids)))
            state = data.draw(st.sampled_from(["new", "on_hold", "in_progress"]))
            itsm.incidents.correct(record, reason="r", by=work.WHO["officer"], state=state, crew=7)
        snapshots.append((clock.now(), seen(itsm, by)))
        clock.tick(timedelta(microseconds=1))
    for moment, then in snapshots:
        assert seen(itsm.as_of(moment), by) == then
    assert seen(itsm.as_of(clock.now()), by) == seen(itsm, by)
    happened = itsm.as_of(clock.now(), view="happened")
    assert [each.state for each in happened.incidents.each()] == [each.state for each in itsm.incidents.each()]
    assert list(itsm.verify()) == []


# verification


def forged(tmp_path: Path, *statements: str) -> None:
    """Do to the file what the library would not, past its triggers."""
    raw = sqlite3.connect(tmp_path / "work0.db", isolation_level=None)
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f'DROP TRIGGER "{name}"')
    for statement in statements:
        raw.execute(statement)
    raw.close()


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        (
            "UPDATE record SET body = json_set(body, '$.summary', 'Fax') WHERE number = 'INC0000001'",
            [("INC0000001", "field", "summary", "Fax", "Mail")],
        ),
        (
            "UPDATE record SET state = 'closed' WHERE number = 'INC0000002'",
            [("INC0000002", "field", "state", "closed", "new")],
        ),
        (
            "UPDATE record SET version = 9 WHERE number = 'INC0000002'",
            [("INC0000002", "field", "version", 9, 1)],
        ),
        ("DELETE FROM record WHERE number = 'INC0000002'", [("INC0000002", "row", "missing", None, None)]),
        ("DELETE FROM entry WHERE number = 'INC0000002'", [("INC0000002", "history", "missing", None, None)]),
        ("UPDATE record SET body = '[]' WHERE number = 'INC0000001'", [("INC0000001", "unreadable", "broken_row")]),
        ("UPDATE entry SET kind = 'rocket' WHERE number = 'INC0000002'", [("INC0000002", "kind", "rocket")]),
        ("DELETE FROM link", [("INC0000001", "links", "")]),
    ],
)
def test_verification_tells_every_difference_by_record(
    statement: str, wanted: list[tuple[Any, ...]], new_desk: Callable[..., Any], tmp_path: Path
) -> None:
    """A changed field, state or version, a lost row, history or link, a damaged body, and a kind that is unknown."""
    itsm, _ = new_desk("sqlite")
    first = log(itsm)
    itsm.link(first, "relates_to", log(itsm), by=SAM)
    assert list(itsm.verify()) == []
    forged(tmp_path, statement)
    found = [(each.record, each.what, each.name, each.stored, each.rebuilt) for each in itsm.verify()]
    assert all(isinstance(each, Difference) for each in itsm.verify())
    for expected in wanted:
        assert expected in [each[: len(expected)] for each in found]
    assert {each[0] for each in found} == {each[0] for each in wanted}
    assert list(itsm.verify(kind="problem")) == []


def test_a_gap_in_a_history_is_told(new_desk: Callable[..., Any], tmp_path: Path) -> None:
    """A line that was removed from the middle."""
    itsm, _ = new_desk("sqlite")
    incident = itsm.incidents.comment(itsm.incidents.comment(log(itsm), "a", by=SAM), "b", by=SAM)
    forged(tmp_path, "DELETE FROM entry WHERE seq = 2")
    assert [(each.record, each.what) for each in itsm.verify()] == [(incident.number, "history")]
