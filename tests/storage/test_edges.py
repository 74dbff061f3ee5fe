"""The edges of units, batches and rows, in every store that needs no server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import itil4
from itil4 import Actor, Incident, InvalidInput, ITIL4Error
from itil4.record import Details, Entry
from itil4.storage import Batch, Conflict, KindRow, LinkRow, Query
from itil4.storage.memory import behind

SAM = Actor("sam", roles={"service_desk", "incident_manager"})
STORES = ("memory", "sqlite", "sqlalchemy_sqlite")


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any, rows: Any) -> Iterator[Any]:
    made = make_stores(request.param, request, tmp_path)()
    made.migrate([rows.TICKET])
    yield made
    made.close()


@pytest.fixture(params=STORES)
def itsm(request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any) -> Iterator[itil4.ServiceManagement]:
    with itil4.connect(make_stores(request.param, request, tmp_path)()) as made:
        yield made


def log(itsm: Any, **values: Any) -> Incident:
    made: Incident = itsm.incidents.log(summary="Mail is down", impact="high", urgency="low", **{"by": SAM, **values})
    return made


# batches


def test_a_number_is_given_once_within_a_batch_too(store: Any, rows: Any) -> None:
    """Two births of one batch cannot bear the same number."""
    twice = rows.births(rows.record("a", number="TIC1"), rows.record("b", number="TIC1"), series=None)
    with pytest.raises(Conflict) as caught:
        store.write("", twice)
    assert (caught.value.what, list(store.find("", Query("ticket")))) == ("number", [])


def test_a_record_stands_once_in_a_batch(store: Any, rows: Any) -> None:
    """Born twice, updated twice, or both at once: nothing of it is written."""
    store.write("", rows.births(rows.record("a")))
    born = rows.births(rows.record("b"), rows.record("b"))
    twice = Batch(
        updates=[(rows.record("a", version=2), 1), (rows.record("a", version=3), 2)],
        entries=[rows.entry("a", 2), rows.entry("a", 3)],
    )
    both = Batch(
        births=[(rows.record("c"), "TIC")], updates=[(rows.record("c", version=2), 1)],
        entries=[rows.entry("c", 1), rows.entry("c", 2)],
    )  # fmt: skip
    for batch in (born, twice, both):
        with pytest.raises(Conflict) as caught:
            store.write("", batch)
        assert caught.value.what == "id"
        assert [(row.id, row.version) for row in store.find("", Query("ticket"))] == [("a", 1)]


def test_a_key_in_an_order_comes_behind_a_mark_or_does_not() -> None:
    """The first value that differs decides, by its own direction; an equal key is not behind."""
    up_down = (("priority", False), ("id", True))
    assert behind((2, "a"), (1, "z"), up_down) and not behind((1, "a"), (2, "z"), up_down)
    assert behind((1, "a"), (1, "b"), up_down) and not behind((1, "b"), (1, "a"), up_down)
    assert not behind((1, "a"), (1, "a"), up_down)


def test_a_list_of_many_values_means_what_a_short_one_means(store: Any, rows: Any) -> None:
    """However the question is put to the database, with an empty list, and with nothing among its values."""
    from itil4.storage.query import Compare

    store.write("", rows.births(*(rows.record(f"r{n}", priority=n % 3) for n in range(9)), rows.record("none")))
    for wanted in ([], [1], [1, 2], [*range(1, 2000)], [None, 1], [None]):
        found = store.find("", Query("ticket", where=Compare("priority", "in", tuple(wanted))))
        expected = {f"r{n}" for n in range(9) if n % 3 in wanted} | ({"none"} if None in wanted else set())
        assert {row.id for row in found} == expected, wanted


def test_a_page_of_several_questions_ends_at_its_limit(store: Any, rows: Any) -> None:
    """An order with a field that some lack is read in parts: the parts together keep the limit and the order."""
    store.write("", rows.births(*(rows.record(f"r{n}", priority=None if n < 3 else n) for n in range(8))))
    for limit in (1, 3, 4, 8, None):
        found = store.find("", Query("ticket", order=(("priority", False),), limit=limit))
        assert [row.id for row in found] == [f"r{n}" for n in range(8)][:limit]


# units


def test_what_a_savepoint_takes_back_is_as_if_it_never_was(itsm: itil4.ServiceManagement) -> None:
    """A birth, a change and a link of the inner part are gone, and the id may be born again."""
    outer = log(itsm)
    unit = itsm.new_unit()
    unit.get(outer.id)
    kind = unit.kind("incident")
    inner = attrs.evolve(outer, id="inner", number=None)
    birth = _birth(inner)
    for _ in range(2):
        with pytest.raises(RuntimeError), unit.savepoint():  # noqa: PT012 - the error ends the savepoint
            unit.born(kind, inner, birth)
            assert unit.get("inner") == inner
            raise RuntimeError
        assert unit.get("inner") is None
    assert unit.is_empty
    unit.born(kind, inner, birth)
    assert [entry.record_id for entry in unit.commit()] == ["inner"]
    assert itsm.incidents.get("inner").summary == "Mail is down"


def _birth(record: Incident) -> Entry:
    return Entry(
        record_id=record.id, kind="incident", seq=1, op="birth", to_state=record.state, lifecycle="incident",
        at=record.created_at, recorded_at=record.created_at, by="sam", details=Details({}),
    )  # fmt: skip


def test_links_of_a_unit_are_seen_from_both_of_their_ends(itsm: itil4.ServiceManagement) -> None:
    """Those that it adds beside those that are stored, and not those of others."""
    parent, child, other = log(itsm), log(itsm), log(itsm)
    itsm.link(child, "child_of", parent, by=SAM)
    unit = itsm.new_unit()
    unit.add_link(LinkRow(child.id, "relates_to", other.id, "incident", "incident", 5, "sam"))
    ends = {
        (name, way): sorted((row.relation, row.source, row.target) for row in unit.links(each.id, backwards=way))
        for name, each in (("parent", parent), ("child", child), ("other", other))
        for way in (False, True)
    }
    of_child, of_other = ("child_of", child.id, parent.id), ("relates_to", child.id, other.id)
    assert ends == {
        ("parent", False): [], ("parent", True): [of_child], ("child", False): [of_child, of_other],
        ("child", True): [], ("other", False): [], ("other", True): [of_other],
    }  # fmt: skip


def test_a_unit_without_a_change_writes_and_tells_nothing(itsm: itil4.ServiceManagement) -> None:
    """What was only read is not among what will be written."""
    incident = log(itsm)
    unit = itsm.new_unit()
    unit.get(incident.id)
    assert list(unit.changed()) == []
    assert unit.is_empty and unit.commit() == []


def test_a_unit_that_has_ended_takes_no_redaction(itsm: itil4.ServiceManagement) -> None:
    """Nothing happens after the end."""
    incident = log(itsm)
    unit = itsm.new_unit()
    unit.get(incident.id)
    unit.commit()
    with pytest.raises(ITIL4Error) as caught:
        unit.redact(incident, _birth(incident), [], [])
    assert "a redaction" in str(caught.value)


def test_a_redaction_must_rebuild_the_record(itsm: itil4.ServiceManagement) -> None:
    """What else the record would lose is named by its field."""
    incident = log(itsm)
    unit = itsm.new_unit()
    unit.get(incident.id)
    stored = list(itsm.house.store.history(""))
    entry = Entry(
        record_id=incident.id, kind="incident", seq=2, op="redact", at=incident.updated_at,
        recorded_at=incident.updated_at, by="sam", details=Details({}),
    )  # fmt: skip
    doctored = attrs.evolve(incident, summary="x", version=2)
    with pytest.raises(InvalidInput) as caught:
        unit.redact(doctored, entry, [], stored)
    assert caught.value.code == "tampered"
    assert "summary" in caught.value.detail["fields"] and "urgency" not in caught.value.detail["fields"]


def test_a_stale_link_tells_the_newest_link_and_both_versions(itsm: itil4.ServiceManagement) -> None:
    """Also where the unit rests on a record that was born since, or that nobody linked."""
    parent, child = log(itsm), log(itsm)
    unit = itsm.new_unit()
    unit.links(parent.id, backwards=True)
    unit.depend([parent.id])
    itsm.link(child, "child_of", parent, by=Actor("eve", roles={"service_desk"}))
    changed = unit.get(child.id)
    told = unit._stale_links(parent.id).reasons[0]
    assert (told.detail["changed_by"], told.detail["changed"]) == ("eve", "link child_of")
    assert (told.detail["expected"], told.detail["found"]) == (parent.version, itsm.incidents.get(parent.id).version)
    lonely = itsm.new_unit()._stale_links("nobody").reasons[0]
    assert (lonely.detail["expected"], lonely.detail["found"], lonely.detail["changed_by"]) == (None, None, "somebody")
    assert changed.id == child.id


# outbox and kinds


def test_an_outbox_that_is_closed_is_empty_when_it_is_opened_again() -> None:
    """In memory: what was kept for relays goes when it is no longer kept, and stays while it is."""
    store = itil4.MemoryStore()
    with itil4.connect(store) as itsm:
        store.keep_outbox(True)
        log(itsm)
        store.keep_outbox(True)
        assert len(store._of("").outbox) == 1
        store.keep_outbox(False)
        assert len(store._of("").outbox) == 0
        log(itsm)
        assert len(store._of("").outbox) == 0


def test_the_fields_of_a_row_are_found_by_their_names_in_questions(store: Any) -> None:
    """Those of the class and the extra ones, each once; what a row lacks is not there."""
    from itil4.storage.codec import _Found

    found = _Found({"summary": "x", "extra": {"deck": "A"}})
    assert sorted(found) == ["extra.deck", "summary"]
    assert (len(found), found["extra.deck"], found.get("crew"), found.get("extra.crew", 7)) == (2, "A", None, 7)


def test_a_kind_that_nothing_was_written_of_has_no_rows(store: Any) -> None:
    """Asking is not writing."""
    store.migrate([KindRow("ship", (("deck",),))])
    assert list(store.find("", Query("ship"))) == []
