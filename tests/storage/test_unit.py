# ruff: noqa: PT012 - what is raised is raised at the end of a block
"""The unit of work: it starts from what is stored, folds entries over it, and writes all or nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import itil4
from itil4 import Actor, Incident, InvalidInput, ITIL4Error, MemoryStore, Refused, SqliteStore, StaleRecord
from itil4.record import Added, Change, Details, Entry, replay
from itil4.storage import Query
from itil4.storage.unit import Unit

SAM = Actor("sam", roles={"service_desk", "incident_manager"})
EVE = Actor("eve", roles={"service_desk"})


@pytest.fixture(params=["memory", "sqlite", "sqlalchemy_sqlite", "postgres"])
def itsm(request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any) -> Iterator[itil4.ServiceManagement]:
    with itil4.connect(make_stores(request.param, request, tmp_path)()) as made:
        yield made


def log(itsm: Any, summary: str = "Mail is down", **values: Any) -> Incident:
    made: Incident = itsm.incidents.log(summary=summary, impact="high", urgency="low", **{"by": SAM, **values})
    return made


# what is trusted


@pytest.mark.parametrize("field", ["state", "summary", "created_at", "priority", "version"])
def test_a_doctored_copy_is_refused_by_the_field_that_differs(itsm: itil4.ServiceManagement, field: str) -> None:
    """A verb works on the stored record; a copy that differs from it is told which field."""
    incident = log(itsm)
    other = {"state": "closed", "summary": "x", "created_at": incident.created_at.replace(year=2020), "priority": 1}
    doctored = attrs.evolve(incident, **{field: other.get(field, 9)})
    with pytest.raises((InvalidInput, StaleRecord)) as caught:
        itsm.incidents.assign(doctored, to="sam", by=SAM)
    assert caught.value.code == ("stale" if field == "version" else "tampered")
    assert field == "version" or caught.value.detail["fields"] == (field,)
    assert itsm.incidents.get(incident) == incident


def _unit(itsm: itil4.ServiceManagement) -> Unit:
    return itsm.new_unit()


def _entry(incident: Incident, seq: int, changes: dict[str, Any]) -> Entry:
    return Entry(
        record_id=incident.id, kind="incident", seq=seq, op="update", at=incident.updated_at,
        recorded_at=incident.updated_at, by="eve", details=Details({"changes": changes} if changes else {}),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "given", "seq", "told"),
    [
        ({"summary": Change("Mail is down", "x")}, {"summary": "y"}, 2, "summary"),
        ({}, {"summary": "y"}, 2, "summary"),
        ({"summary": Change("Calendar is down", "x")}, {"summary": "x"}, 2, "summary"),
        ({"created_by": Change("sam", "eve")}, {"created_by": "eve"}, 2, "created_by"),
        ({"number": Change("INC0000001", "INC9")}, {"number": "INC9"}, 2, "number"),
        ({"id": Change(None, "x")}, {"id": "x"}, 2, "id"),
        ({"summary": Change("Mail is down", "x")}, {"summary": "x"}, 3, "version"),
        ({"participants": Added(("eve",))}, {"participants": ("eve", "sam")}, 2, "participants"),
    ],
)
def test_an_entry_must_explain_every_difference(
    itsm: itil4.ServiceManagement, changes: dict[str, Any], given: dict[str, Any], seq: int, told: str
) -> None:
    """The new record is the stored one with the entry's changes, one version on, no more (INV-118, INV-119)."""
    incident = log(itsm)
    unit = _unit(itsm)
    unit.get(incident.id)
    with pytest.raises(InvalidInput) as caught:
        unit.add(attrs.evolve(incident, version=seq, **given), _entry(incident, seq, changes))
    assert (caught.value.code, caught.value.detail["fields"]) == ("tampered", (told,))
    assert unit.commit() == []


def test_a_birth_with_an_id_that_the_unit_knows_is_refused(itsm: itil4.ServiceManagement) -> None:
    """INV-118: an id stands for one record, in a unit as in a store."""
    with pytest.raises(InvalidInput) as caught, itil4.connect(MemoryStore(), ids=lambda: "same").unit(by=SAM) as desk:
        log(desk, by=None)
        log(desk, by=None)
    assert (caught.value.code, caught.value.detail["what"]) == ("taken", "id")
    twice = itil4.connect(itsm.house.store, ids=lambda: "same")
    first = log(twice)
    with pytest.raises(InvalidInput) as again:
        log(twice)
    assert (again.value.code, again.value.detail["holder"]) == ("taken", "same")
    assert itsm.incidents.find().items == (first,)


# all or nothing


def test_a_refused_step_changes_neither_record_nor_history(itsm: itil4.ServiceManagement) -> None:
    """INV-121: what is not allowed leaves no trace, in a unit of its own or in a larger one."""
    incident = log(itsm)
    with pytest.raises(Refused):
        itsm.incidents.close(incident, by=SAM)
    with itsm.unit(by=SAM) as desk:
        with pytest.raises(Refused):
            desk.incidents.close(incident)
        changed = desk.incidents.update(incident, summary="Mail and calendar are down")
    assert itsm.incidents.get(incident) == changed
    assert [entry.op for entry in itsm.incidents.history(incident)] == ["birth", "update"]


def test_an_error_in_a_unit_leaves_nothing_of_it(itsm: itil4.ServiceManagement) -> None:
    """Records, links and numbers of the unit are gone; the next number has no gap."""
    incident = log(itsm)
    with pytest.raises(RuntimeError), itsm.unit(by=SAM) as desk:
        child = log(desk, by=None)
        desk.link(child, "child_of", incident)
        raise RuntimeError
    assert itsm.incidents.find().items == (incident,)
    assert itsm.incidents.links(incident) == ()
    assert log(itsm).number == "INC0000002"


def test_a_unit_that_is_over_takes_nothing_more(itsm: itil4.ServiceManagement) -> None:
    """A desk that is kept after its block says so, instead of collecting what nobody will commit."""
    with itsm.unit(by=SAM) as kept:
        incident = log(kept, by=None)
    with pytest.raises(RuntimeError), itsm.unit(by=SAM) as failed:
        raise RuntimeError
    for desk in (kept, failed):
        with pytest.raises(InvalidInput) as caught:
            log(desk, by=None)
        assert caught.value.code == "unit_over"
    assert itsm.incidents.count() == 1
    assert itsm.incidents.assign(incident, to="sam", by=SAM).number == "INC0000001"


def test_what_cannot_be_stored_stops_the_unit_before_it_writes(itsm: itil4.ServiceManagement) -> None:
    """A reason without a UTF-8 form, which no verb lets in, is told; neither store keeps any of the unit."""
    incident = log(itsm)
    with pytest.raises(InvalidInput) as caught, itsm.unit(by=SAM) as desk:
        log(desk, by=None)
        unit = desk.reading()
        said = attrs.evolve(_entry(incident, 2, {}), details=Details({"reason": "\ud800"}))
        unit.add(attrs.evolve(unit.get(incident.id), version=2), said)
    assert caught.value.code == "unstorable"
    assert itsm.incidents.find().items == (incident,)


# stale


def test_a_stale_error_tells_both_versions_and_who_did_what(itsm: itil4.ServiceManagement) -> None:
    """Whoever comes second learns what to look at; the record is as the first one left it."""
    incident = log(itsm)
    newer = itsm.incidents.assign(incident, to="eve", by=EVE)
    for late in (
        lambda: itsm.incidents.update(incident, summary="x", by=SAM),
        lambda: itsm.incidents.update(incident.id, summary="x", expected=1, by=SAM),
    ):
        with pytest.raises(StaleRecord) as caught:
            late()
        detail = caught.value.detail
        assert (detail["record"], detail["expected"], detail["found"]) == ("INC0000001", 1, 2)
        assert (detail["changed_by"], detail["changed"]) == ("eve", "assign")
    assert itsm.incidents.get(incident) == newer


def test_a_record_that_moves_between_reading_and_commit_is_stale(itsm: itil4.ServiceManagement) -> None:
    """The version is compared in the write itself; nothing of the unit is written."""
    incident = log(itsm)
    with pytest.raises(StaleRecord) as caught, itsm.unit(by=SAM) as desk:
        log(desk, by=None)
        desk.incidents.update(incident, summary="mine")
        itsm.incidents.update(incident, summary="theirs", by=EVE)
    assert caught.value.detail["changed_by"] == "eve"
    assert [(each.summary, each.version) for each in itsm.incidents.find()] == [("theirs", 2)]


def test_in_a_unit_a_stale_copy_is_told_what_the_unit_did(itsm: itil4.ServiceManagement) -> None:
    """What a unit has collected is newer than what is stored."""
    incident = log(itsm)
    with pytest.raises(StaleRecord) as caught, itsm.unit(by=EVE) as desk:
        desk.incidents.update(incident, summary="x")
        desk.incidents.update(incident, summary="y")
    assert (caught.value.detail["found"], caught.value.detail["changed_by"]) == (2, "eve")


def test_a_link_that_appears_under_a_fact_makes_it_stale(itsm: itil4.ServiceManagement) -> None:
    """A single parent is a fact about links: the link counter is compared, and the error tells of the link."""
    child, first, second = log(itsm), log(itsm), log(itsm)
    with pytest.raises(StaleRecord) as caught, itsm.unit(by=SAM) as desk:
        desk.link(first, "child_of", second)
        itsm.link(second.id, "relates_to", child.id, by=EVE)
    assert (caught.value.code, caught.value.detail["changed_by"]) == ("stale", "eve")
    assert itsm.incidents.links(first) == ()
    with pytest.raises(StaleRecord) as links, itsm.unit(by=SAM) as desk:
        desk.link(child, "child_of", first)
        itsm.link(second.id, "relates_to", first.id, by=EVE)
    assert links.value.code == "stale_links"
    assert (links.value.detail["changed_by"], links.value.detail["changed"]) == ("eve", "link relates_to")


def test_resting_on_a_record_reads_it(itsm: itil4.ServiceManagement) -> None:
    """`depend` protects records that the unit had not read yet, too."""
    incident, other = log(itsm), log(itsm)
    unit = _unit(itsm)
    unit.depend([other.id])
    current = unit.get(incident.id)
    unit.add(
        attrs.evolve(current, summary="x", version=2),
        _entry(current, 2, {"summary": Change(current.summary, "x")}),
    )  # fmt: skip
    itsm.incidents.update(other, summary="moved", by=EVE)
    with pytest.raises(StaleRecord):
        unit.commit()


def test_resting_on_a_record_means_as_it_was_when_it_was_read(itsm: itil4.ServiceManagement) -> None:
    """A link that was made after the record was read, and before the unit rests on it, still counts."""
    incident, other = log(itsm), log(itsm)
    unit = _unit(itsm)
    current = unit.get(incident.id)
    itsm.link(other, "relates_to", incident, by=EVE)
    unit.depend([incident.id])
    second = unit.get_all([log(itsm).id])[0]
    unit.add(
        attrs.evolve(second, summary="x", version=2),
        _entry(second, 2, {"summary": Change(current.summary, "x")}),
    )  # fmt: skip
    with pytest.raises(StaleRecord) as caught:
        unit.commit()
    assert caught.value.code == "stale_links"


# once


def test_the_same_key_leads_to_the_first_result(itsm: itil4.ServiceManagement) -> None:
    """In one unit, in a later one, and after the record has moved on."""
    with itsm.unit(by=SAM) as desk:
        first = log(desk, by=None, once="k")
        assert log(desk, by=None, once="k") is first
    stored = itsm.incidents.get(first.id)
    moved = itsm.incidents.assign(stored, to="sam", by=SAM, once="a")
    itsm.incidents.start(moved, by=SAM)
    assert log(itsm, once="k") == stored
    assert itsm.incidents.assign(stored, to="sam", by=SAM, once="a") == moved
    assert itsm.incidents.count() == 1
    with pytest.raises(InvalidInput) as caught:
        itsm.incidents.update(stored, summary="x", by=SAM, once="k")
    assert caught.value.code == "once_differs"


def test_a_key_of_a_step_that_failed_is_free(itsm: itil4.ServiceManagement) -> None:
    """Only what was written counts as done."""
    incident = log(itsm)
    with pytest.raises(Refused):
        itsm.incidents.close(incident, by=SAM, once="k")
    assert itsm.incidents.assign(incident, to="sam", by=SAM, once="k").state == "assigned"


# laws over random stories

EVENTS = st.sampled_from(
    ["assign", "start", "hold", "resume", "requeue", "restore", "resolve", "close", "reopen", "cancel", "escalate"]
)
ACTIONS = st.tuples(
    EVENTS | st.sampled_from(["update", "comment", "link", "override", "nonsense"]),
    st.integers(0, 2),
    st.booleans(),
)
PAYLOAD: dict[str, dict[str, Any]] = {
    "assign": {"assignee": "sam"}, "hold": {"hold_kind": "vendor"}, "resolve": {"resolution": "done"},
    "cancel": {"close_reason": "none"}, "escalate": {"informed": ("eve",)},
}  # fmt: skip


def _act(itsm: Any, name: str, target: Incident, other: Incident) -> None:
    if name == "update":
        itsm.incidents.update(target.id, summary=f"after {target.version}", by=SAM)
    elif name == "comment":
        itsm.incidents.comment(target.id, "hm", by=SAM)
    elif name == "link":
        itsm.link(target.id, "child_of", other.id, by=SAM)
    elif name == "override":
        itsm.incidents.override(target.id, priority=1, reason="boss", by=SAM)
    else:
        itsm.incidents.fire(target.id, name, by=SAM, **PAYLOAD.get(name, {}))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(ACTIONS, max_size=15))
def test_histories_only_grow_and_replay_to_the_rows(
    story: list[tuple[str, int, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever is tried, in either store: refusals leave no trace (INV-121), each change is one entry (INV-119),
    id and birth stay (INV-118), and replay gives the row (INV-120)."""
    path = tmp_path_factory.mktemp("law") / "law.db"
    with itil4.connect() as memory, itil4.connect(SqliteStore(path)) as sqlite:
        for itsm in (memory, sqlite):
            made = [log(itsm) for _ in range(3)]
            for name, place, whole in story:
                target, other = itsm.incidents.get(made[place].id), made[(place + 1) % 3]
                before = [itsm.incidents.history(each) for each in made]
                try:
                    if whole:
                        with itsm.unit():
                            _act(itsm, name, target, other)
                    else:
                        _act(itsm, name, target, other)
                    grew = True
                except ITIL4Error:
                    grew = False
                after = [itsm.incidents.history(each) for each in made]
                assert all(new[: len(old)] == old for old, new in zip(before, after, strict=True))
                assert grew or after == before
                for birth, history in zip(made, after, strict=True):
                    now = itsm.incidents.get(birth.id)
                    assert (now.id, now.number, now.created_at, now.created_by) == (
                        birth.id, birth.number, birth.created_at, birth.created_by
                    )  # fmt: skip
                    assert [entry.seq for entry in history] == list(range(1, now.version + 1))
                    assert replay(history, itsm.incidents.shape) == now
                    assert all(entry.by and entry.at for entry in history)
        states = [[(row.state, row.version, row.number) for row in itsm.house.store.find("", Query("incident"))]
                  for itsm in (memory, sqlite)]  # fmt: skip
        assert states[0] == states[1]
