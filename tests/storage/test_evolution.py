"""Stored data follows its types: upcasters without gaps, rows and history alike, and nothing is guessed or dropped."""

import importlib.util
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import itil4
from itil4 import (
    Actor,
    DefinitionError,
    Incident,
    IncidentManagement,
    MemoryStore,
    SchemaTooNew,
    ServiceManagement,
    SqliteStore,
)
from itil4.errors import ITIL4Error, StoreError
from itil4.record import REDACTED, make_shape, stored_as
from itil4.storage.kinds import Kind
from itil4.storage.query import Compare

SAM = Actor("sam", roles={"service_desk"})
OFFICER = Actor("officer", roles={"data_protection_officer"})
GOLDEN = Path(__file__).parent / "golden"


@attrs.frozen(kw_only=True)
class First(Incident):
    boat: str | None = None
    crew: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Second(Incident):
    schema: ClassVar[int] = 2
    vessel: str | None = None
    crew: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Third(Incident):
    schema: ClassVar[int] = 3
    vessel: str | None = None
    sailors: tuple[str, ...] = ()
    heads: int = 0


def boat_to_vessel(body: dict[str, Any]) -> dict[str, Any]:
    boat = body.pop("boat", None)
    return body if boat is None else {**body, "vessel": boat.upper()}


def crew_to_sailors(body: dict[str, Any]) -> dict[str, Any]:
    crew = body.pop("crew", [])
    return {**body, "sailors": crew, "heads": len(crew)}


class One(IncidentManagement[First]):
    record = First


class Two(IncidentManagement[Second]):
    record = Second
    upcasters = {1: boat_to_vessel}  # noqa: RUF012 - as a practice declares it


class Three(IncidentManagement[Third]):
    record = Third
    upcasters = {1: boat_to_vessel, 2: crew_to_sailors}  # noqa: RUF012 - as a practice declares it


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "desk.db")
    yield made
    made.close()


def log(itsm: ServiceManagement, **values: Any) -> Any:
    return itsm.incidents.log(**{"summary": "Mail", "impact": "low", "urgency": "low", "by": SAM, **values})


# the way from schema to schema


@pytest.mark.parametrize(
    ("schema", "upcasters"),
    [(2, {}), (3, {2: dict}), (3, {1: dict}), (1, {1: dict}), (2, {1: dict, 2: dict}), (2, {1: dict, "x": dict}),
     (2, {1: "dict"}), (0, {}), (True, {}), ("2", {1: dict})],
)  # fmt: skip
def test_a_gap_is_refused_when_the_class_is_made(schema: Any, upcasters: Any) -> None:
    """Every schema before the present one has its upcaster, and nothing else has."""

    def make() -> None:
        kind = attrs.frozen(kw_only=True)(type("Odd", (Incident,), {"schema": schema, "__annotations__": {}}))
        type("Odds", (IncidentManagement,), {"record": kind, "upcasters": upcasters})

    with pytest.raises(DefinitionError) as caught:
        make()
    assert caught.value.code in ("definition", "ill_typed")


def test_a_row_and_its_history_are_read_in_the_present_schema(store: Any) -> None:
    """A renamed field, one that is computed from another, and elements that were added one by one."""
    old = itil4.connect(store, practices=[One])
    incident = log(old, boat="aurora", crew=("ana",))
    incident = old.incidents.update(incident, crew=("ana", "sam"), by=SAM)
    old.incidents.update(incident, boat="bounty", by=SAM)
    new = itil4.connect(store, practices=[Three])
    read = new.incidents.get("INC0000001")
    assert (read.vessel, read.sailors, read.heads) == ("BOUNTY", ("ana", "sam"), 2)  # type: ignore[attr-defined]
    history = new.incidents.history(read)
    assert [each.changes.get("vessel") for each in history] == [(None, "AURORA"), None, ("AURORA", "BOUNTY")]
    assert [each.changes["heads"] for each in history if "heads" in each.changes] == [(None, 1), (1, 2)]
    assert {each.schema for each in history} == {3}
    assert not any("boat" in each.changes or "crew" in each.changes for each in history)
    assert new.incidents.replayed(read) == read
    assert list(new.verify()) == []
    then: Any = new.as_of(history[0].recorded_at).incidents.get(read.id)
    assert then.vessel == "AURORA"


def test_rows_are_rewritten_when_they_are_written_and_not_before(store: Any) -> None:
    """Reading leaves a row as it is; the next change writes it in the present schema, and old code refuses it."""
    old = itil4.connect(store, practices=[One])
    incident = log(old, boat="aurora")
    new = itil4.connect(store, practices=[Three])
    assert new[Three].get(incident.id).vessel == "AURORA"
    assert store.load("", [incident.id])[0].schema == 1
    new.incidents.comment(incident.id, "x", by=SAM)
    row = store.load("", [incident.id])[0]
    assert row.schema == 3
    assert json.loads(row.body)["vessel"] == "AURORA" and "boat" not in json.loads(row.body)
    with pytest.raises(SchemaTooNew) as caught:
        old.incidents.get(incident.id)
    assert (caught.value.detail["found"], caught.value.detail["known"]) == (3, 1)
    assert isinstance(caught.value, StoreError)
    with pytest.raises(SchemaTooNew):
        _ = [each.changes for each in One(old)._entries(old.reading(), incident.id)]


DECK = itil4.FieldSet.from_dict({"deck": {"type": "line"}})


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_histories_over_three_schemas_rebuild_their_rows(data: st.DataObject) -> None:
    """INV-120 over upcasters: whatever was done under which version, and a redaction in the last one."""
    store = MemoryStore()
    boats = st.none() | st.sampled_from(["aurora", "bounty"])
    crews = st.lists(st.sampled_from(["ana", "sam", "ida"]), max_size=3).map(tuple)
    names = [("boat", "crew"), ("vessel", "crew"), ("vessel", "sailors")]
    ids: list[str] = []
    practices: tuple[Any, ...] = (One, Two, Three)
    for practice, (boat, crew) in zip(practices, names, strict=True):
        itsm = itil4.connect(store, practices=[practice], fields={"incident": DECK})
        if data.draw(st.booleans()) or not ids:
            ids.append(log(itsm, **{boat: data.draw(boats), crew: data.draw(crews)}, deck="A").id)
        for each in ids:
            for _ in range(data.draw(st.integers(0, 2))):
                held = itsm.incidents.get(each)
                more = (*getattr(held, crew), "eve") if data.draw(st.booleans()) else data.draw(crews)
                given: dict[str, Any] = {
                    boat: data.draw(boats),
                    crew: more,
                    "deck": data.draw(st.sampled_from(["A", "B", None])),
                }
                heads: dict[str, Any] = {"heads": len(more)} if practice is Three else {}
                itsm.incidents.update(each, by=SAM, **given, **heads)
        for record in itsm.incidents.each():
            assert itsm.incidents.replayed(record) == record
        assert list(itsm.verify()) == []
    redacted = itsm.incidents.redact(ids[0], "vessel", reason="r", by=OFFICER)
    assert redacted.vessel in (None, REDACTED)  # type: ignore[attr-defined]  # a field of the subclass
    assert "AURORA" not in repr(itsm.incidents.history(ids[0]))
    assert "aurora" not in repr(list(store.history("", record_id=ids[0])))
    assert list(itsm.verify()) == []


def test_an_upcaster_that_fails_names_the_record(store: Any) -> None:
    """What a host's upcaster raises is told with the record, from a row and from a history."""

    class Strict(IncidentManagement[Second]):
        record = Second
        upcasters = {1: lambda body: {**body, "vessel": body["boat"]}}  # noqa: RUF012 - as a practice declares it

    log(itil4.connect(store, practices=[One]))
    new = itil4.connect(store, practices=[Strict])
    with pytest.raises(StoreError) as caught:
        new.incidents.get("INC0000001")
    assert caught.value.code == "broken_row" and "INC0000001" in str(caught.value)
    with pytest.raises(StoreError) as caught:
        list(new.incidents.histories())
    assert caught.value.code == "broken_history"


# what another version knows


def test_what_a_newer_minor_version_knows_survives_this_one(store: Any) -> None:
    """Unknown keys in a row and in its extra fields are written again with it, and history with them still replays."""

    @attrs.frozen(kw_only=True)
    class Richer(Incident):
        anchor: str | None = None
        knots: tuple[int, ...] = ()

    class Richers(IncidentManagement[Richer]):
        record = Richer

    fields = itil4.FieldSet.from_dict({"vessel": {"type": "line"}, "seen": {"type": "moment"}})
    richer = itil4.connect(store, practices=[Richers], fields={"incident": fields})
    made = log(richer, anchor="bow", knots=(1, 2), vessel="Aurora")
    plain = itil4.connect(store)
    read = plain.incidents.comment(made.id, "x", by=SAM)
    read = plain.incidents.update(read, summary="Printer", by=SAM)
    assert plain.incidents.replayed(read).summary == "Printer"
    with pytest.raises(ITIL4Error):
        plain.incidents.update(read, anchor="stern", by=SAM)
    again = richer.incidents.get(made.id)
    assert (again.anchor, again.knots, again.summary) == ("bow", (1, 2), "Printer")  # type: ignore[attr-defined]
    assert again.extra["vessel"] == "Aurora"
    assert richer.incidents.replayed(again) == again


@stored_as("berth", "Dock")
@attrs.frozen
class Berth:
    name: str


@attrs.frozen(kw_only=True)
class Tagged(Incident):
    where: Berth | str | None = None


def test_a_type_is_stored_by_its_registered_word_and_read_by_earlier_ones() -> None:
    """Never by where its class is: renaming or moving it changes no row."""
    codec = Kind("incident", "INC", make_shape(Tagged), (), lambda state: "new").codec
    assert codec.plain("where", Berth("A")) == ["berth", {"name": "A"}]
    assert codec.value("where", ["Dock", {"name": "B"}]) == Berth("B")
    assert codec.value("where", ["text", "x"]) == "x"
    assert "test_evolution" not in json.dumps(codec.plain("where", Berth("A")))
    with pytest.raises(DefinitionError):
        stored_as("")
    same = attrs.frozen(type("Other", (), {"__annotations__": {"name": str}}))
    stored_as("berth")(same)
    both = type("Twice", (Incident,), {"__annotations__": {"x": Berth | same | None}, "x": None})
    shape = make_shape(attrs.frozen(kw_only=True)(both))
    with pytest.raises(DefinitionError) as caught:
        _ = Kind("incident", "INC", shape, (), lambda state: "new").codec
    assert caught.value.code == "duplicate"


# golden files


def _make() -> Any:
    spec = importlib.util.spec_from_file_location("golden_make", GOLDEN / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _restored(name: str, path: Path) -> None:
    raw = sqlite3.connect(path)
    raw.executescript((GOLDEN / f"{name}.sql").read_text(encoding="utf-8"))
    raw.close()


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.sql")))
def test_a_file_of_an_earlier_version_is_read_and_written(name: str, tmp_path: Path) -> None:
    """Everything is read as it was then; replay is the row; steps, links, retries and redactions go on."""
    make = _make()
    _restored(name, tmp_path / "desk.db")
    wanted = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    with itil4.connect(f"sqlite:///{tmp_path}/desk.db", fields={"incident": make.EXTRA}) as itsm:
        found = make.told(itsm)
        assert found.keys() == wanted.keys()
        for reference, then in wanted.items():
            now = found[reference]
            assert then["fields"].items() <= now["fields"].items()
            assert (then["history"], then["links"]) == (now["history"], now["links"])
        assert list(itsm.verify()) == []
        assert itsm.incidents.log(summary="x", impact="low", urgency="low", once="k", by=SAM).number == "INC0000001"
        assert log(itsm).number == "INC0000003"
        itsm.incidents.start("INC0000003", by=SAM)
        itsm.link("INC0000003", "child_of", "INC0000001", by=SAM)
        assert itsm.incidents.redact("INC0000001", "summary", reason="r", by=OFFICER).summary == REDACTED
        assert list(itsm.verify()) == []


def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """With what it is and what this version knows; the file stays as it is."""
    _restored("layout-2", tmp_path / "desk.db")
    raw = sqlite3.connect(tmp_path / "desk.db")
    raw.execute("PRAGMA user_version=99")
    raw.close()
    before = (tmp_path / "desk.db").read_bytes()
    with pytest.raises(SchemaTooNew) as caught:
        itil4.connect(f"sqlite:///{tmp_path}/desk.db")
    assert caught.value.detail["found"] == 99
    assert (tmp_path / "desk.db").read_bytes() == before


@pytest.mark.parametrize("name", [None, "layout-1"])
def test_processes_that_migrate_at_the_same_moment_all_succeed(name: str | None, tmp_path: Path) -> None:
    """A new file, and one of an earlier version: four processes open it, make what is lacking, and log a record."""
    path = tmp_path / "desk.db"
    if name is not None:
        _restored(name, path)
    script = f"""
import sys, itil4
sys.stdin.readline()
fields = itil4.FieldSet.from_dict({{"vessel": {{"type": "line"}}}})
itsm = itil4.connect("sqlite:///{path}", fields={{"incident": fields}})
itsm.incidents.log(summary="x", impact="low", urgency="low", by=itil4.Actor("sam", roles={{"service_desk"}}))
itsm.house.store.migrate([itsm.house.kinds["incident"].row])
itsm.close()
"""
    running = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", script], stdin=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for each in running:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in running:
        assert each.wait(60) == 0
        each.stdin.close()  # type: ignore[union-attr]  # it was given
    with itil4.connect(f"sqlite:///{path}") as itsm:
        assert itsm.incidents.count() == 4 + (2 if name else 0)
        assert list(itsm.verify()) == []
        before = sqlite3.connect(path)
        tables = before.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
        itsm.house.store.migrate([itsm.house.kinds["incident"].row])
        assert before.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == tables
        before.close()


# questions about rows of before


@attrs.frozen(kw_only=True)
class Shipped(Incident):
    ship: str = "unknown"


class ShippedIncidents(IncidentManagement[Shipped]):
    record = Shipped
    indexed: ClassVar[Any] = (*IncidentManagement.indexed, "ship")


@attrs.frozen(kw_only=True)
class Sailed(Incident):
    schema: ClassVar[int] = 2
    vessel: str | None = None


def _ship_to_vessel(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "vessel": body.pop("ship", "unknown")}


class SailedIncidents(IncidentManagement[Sailed]):
    record = Sailed
    indexed: ClassVar[Any] = (*IncidentManagement.indexed, "vessel")
    upcasters: ClassVar[Any] = {1: _ship_to_vessel}

    def visible(self, actor: Actor) -> Any:
        return Compare("vessel", "eq", actor.id) if actor.id.islower() and len(actor.id) == 1 else None


def _logged(itsm: itil4.ServiceManagement, **values: Any) -> Any:
    return itsm.incidents.log(summary="Radar", impact="low", urgency="low", by=SAM, **values)


@pytest.fixture(params=["memory", "sqlite", "sqlalchemy_sqlite", "postgres"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any) -> Iterator[Any]:
    made = make_stores(request.param, request, tmp_path)()
    yield made
    made.close()


def test_a_field_that_has_come_since_is_found_by_its_default(any_store: Any) -> None:
    """Rows from before a subclass are read with its default, so every operator finds and counts them by it."""
    _logged(itil4.connect(any_store))
    itsm: Any = itil4.connect(any_store, practices=[ShippedIncidents])
    _logged(itsm, ship="zephyr")
    every = list(itsm.incidents.each())
    assert [each.ship for each in every] == ["unknown", "zephyr"]
    asked: dict[str, tuple[Any, Callable[[str], bool]]] = {
        "ship": ("unknown", lambda ship: ship == "unknown"),
        "ship__ne": ("unknown", lambda ship: ship != "unknown"),
        "ship__eq": ("zephyr", lambda ship: ship == "zephyr"),
        "ship__in": (["unknown", "x"], lambda ship: ship in ("unknown", "x")),
        "ship__lt": ("v", lambda ship: ship < "v"),
        "ship__ge": ("v", lambda ship: ship >= "v"),
        "ship__prefix": ("unk", lambda ship: ship.startswith("unk")),
        "ship__contains": ("NOW", lambda ship: "now" in ship),
        "ship__is_null": (True, lambda _: False),
    }
    for name, (value, holds) in asked.items():
        wanted = [each.id for each in every if holds(each.ship)]
        assert [each.id for each in itsm.incidents.find(**{name: value}).items] == wanted, name
        assert itsm.incidents.count(**{name: value}) == len(wanted), name


@pytest.mark.parametrize("order", ["vessel", "-vessel"])
def test_rows_of_earlier_schemas_are_found_in_the_present_one(any_store: Any, order: str) -> None:
    """Found, counted, ordered, paged and hidden by what upcasters make of them, before any of them is rewritten."""
    old = itil4.connect(any_store, practices=[ShippedIncidents])
    for ship in "cadb":
        last = _logged(old, ship=ship).id
    itsm: Any = itil4.connect(any_store, practices=[SailedIncidents])
    itsm.link(_logged(itsm, vessel="bb"), "child_of", last, by=SAM)
    itsm.link(itsm.incidents.find(vessel="c").items[0], "child_of", last, by=SAM)
    paged: list[str | None] = []
    page = itsm.incidents.find(order_by=order, limit=2)
    while page.items:
        paged += [each.vessel for each in page.items]
        if page.next is None:
            break
        page = itsm.incidents.find(order_by=order, limit=2, after=page.next)
    assert paged == sorted(["a", "b", "bb", "c", "d"], reverse=order[0] == "-")
    assert [each.vessel for each in itsm.incidents.find(vessel__prefix="b", order_by=order).items] == [
        each for each in paged if each and each[0] == "b"
    ]
    assert (itsm.incidents.count(vessel="a"), itsm.incidents.count(vessel__is_null=True)) == (1, 0)
    assert [each.vessel for each in itsm.incidents.find(child_of=last, vessel__ne="bb").items] == ["c"]
    assert [each.vessel for each in itsm.incidents.each(by=Actor("a"))] == ["a"]
    assert len(list(itsm.incidents.histories(by=Actor("d")))) == 1
    for each in list(itsm.incidents.each()):
        itsm.incidents.update(each, rank=1, by=SAM)
    assert [each.vessel for each in itsm.incidents.find(order_by=order).items] == paged
