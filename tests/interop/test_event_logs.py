"""Event logs: what is exported comes back, and another tool finds in it what the map says."""

import json
import sqlite3
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import itil4
from itil4 import Actor
from itil4.clock import FrozenClock
from itil4.errors import InvalidInput
from itil4.interop.ocel import Attribute, LogEvent, LogObject, ObjectLog, Reference, object_log
from itil4.interop.ocel_sqlite import read_sqlite, write_sqlite
from itil4.interop.xes import read_xes, xes
from itil4.practices.streams import observations
from itil4.value import RESTORE_LIVE_SERVICE, Observation, Step, ValueStream, observe

SAM = Actor("sam", roles={"service_desk", "technical_specialist"})
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOSTILE = '"; DROP TABLE event; -- <x a="1"> & \''


def desk():
    """Twelve incidents on their way, two of them linked, one reopened, texts that mean no good."""
    clock = FrozenClock(START)
    itsm = itil4.connect(clock=clock)
    made = []
    for number in range(12):
        incident = itsm.incidents.log(summary=HOSTILE, group=f"team {number % 3}", by=SAM)
        made.append(incident)
        for event, payload in (
            ("start", {}), ("hold", {"hold_kind": "user"}), ("resume", {}), ("resolve", {"resolution": HOSTILE}),
            ("reopen", {}), ("resolve", {"resolution": "Done."}), ("close", {}),
        )[: number % 8]:  # fmt: skip
            clock.tick(timedelta(minutes=7 + number))
            incident = itsm.incidents.fire(incident, event, by=SAM, **payload)
        clock.tick(timedelta(minutes=1))
    itsm.incidents.comment(made[0].id, "Nobody else needs to read this.", by=SAM)
    clock.tick(timedelta(minutes=1))
    itsm.link(made[8].id, "child_of", made[0].id, by=SAM)
    clock.tick(timedelta(minutes=1))
    itsm.link(made[9].id, "relates_to", made[8].id, by=SAM)
    clock.tick(timedelta(minutes=1))
    itsm.unlink(made[9].id, "relates_to", made[8].id, by=SAM)
    return itsm


def counts(log):
    return (
        Counter(each.type for each in log.objects),
        Counter(each.type for each in log.events),
        sum(len(each.relations) for each in log.events),
        sum(len(each.relations) for each in log.objects),
        sum(len(each.attributes) for each in log.objects),
    )


def test_an_object_log_has_every_record_every_entry_and_every_link():
    """Objects are records and people, events are entries, relations are links that still are; comments stay unread."""
    itsm = desk()
    log = object_log(itsm)
    entries = [entry for each in itsm.incidents.histories() for entry in each]
    assert Counter(each.type for each in log.objects) == {"incident": 12, "person": 1}
    assert sorted(each.id for each in log.events) == sorted(entry.id for entry in entries)
    assert Counter(each.type for each in log.events)["reopen incident"] == 3
    assert [(each.id, each.relations) for each in log.objects if each.relations] == [
        ("INC0000009", (Reference("INC0000001", "child_of"),))
    ]
    linking = [each for each in log.events if each.type in ("link incident", "unlink incident")]
    assert [len(each.relations) for each in linking] == [3, 3, 3]
    assert "Nobody else" not in log.to_json()
    states = [value for name, _, value in log.objects[7].attributes if name == "state"]
    assert states == [
        "new", "in_progress", "on_hold", "in_progress", "resolved", "in_progress", "resolved", "closed",
    ]  # fmt: skip


def test_json_and_sqlite_come_back_as_they_were(tmp_path):
    """Export and re-import keep every count, and in JSON every value."""
    log = object_log(desk())
    assert ObjectLog.from_json(log.to_json()) == log
    log.write(tmp_path / "log.sqlite")
    again = read_sqlite(tmp_path / "log.sqlite")
    assert counts(again) == counts(log)
    assert again.events == log.events
    assert {each.id: set(each.attributes) for each in again.objects} == {
        each.id: set(each.attributes) for each in log.objects
    }
    log.write(tmp_path / "log.json")
    assert ObjectLog.from_json((tmp_path / "log.json").read_text(encoding="utf-8")) == log
    with pytest.raises(InvalidInput, match="taken"):
        write_sqlite(log, tmp_path / "log.sqlite")


def test_the_files_have_the_form_of_the_standard(tmp_path):
    """The keys of OCEL 2.0 in JSON, its tables in SQLite."""
    log = object_log(desk())
    plain = json.loads(log.to_json())
    assert set(plain) == {"objectTypes", "eventTypes", "objects", "events"}
    assert set(plain["events"][0]) == {"id", "type", "time", "attributes", "relationships"}
    assert set(plain["objects"][0]["attributes"][0]) == {"name", "time", "value"}
    assert {each["name"] for each in plain["eventTypes"]} == {each.type for each in log.events}
    log.write(tmp_path / "log.db")
    with sqlite3.connect(tmp_path / "log.db") as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        mapped = dict(connection.execute("SELECT ocel_type, ocel_type_map FROM event_map_type"))
    connection.close()
    assert {"event", "object", "event_object", "object_object", "event_map_type", "object_map_type"} <= tables
    assert {f"event_{name}" for name in mapped.values()} <= tables and set(mapped) == {each.type for each in log.events}


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
MOMENT = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
VALUE = st.one_of(TEXT, st.integers(-(2**53), 2**53), st.booleans(), MOMENT)


@st.composite
def logs(draw):
    names = draw(st.lists(TEXT, min_size=1, max_size=4, unique=True))
    kinds = draw(st.lists(TEXT, min_size=1, max_size=3, unique=True))
    fields = draw(st.dictionaries(st.sampled_from(["a", "b", "c d"]), VALUE, max_size=3))
    attribute = st.sampled_from(sorted(fields)) if fields else None
    objects = tuple(
        LogObject(
            name,
            draw(st.sampled_from(kinds)),
            tuple(Attribute(each, draw(MOMENT), fields[each]) for each in draw(st.lists(attribute, max_size=2)))
            if attribute is not None else (),
            tuple(Reference(draw(st.sampled_from(names)), draw(TEXT)) for _ in range(draw(st.integers(0, 2)))),
        )
        for name in names
    )  # fmt: skip
    events = tuple(
        LogEvent(str(number), draw(st.sampled_from(kinds)), draw(MOMENT), tuple(fields.items()),
                 tuple(Reference(draw(st.sampled_from(names)), draw(TEXT)) for _ in range(draw(st.integers(0, 2)))))
        for number in range(draw(st.integers(0, 4)))
    )  # fmt: skip
    return ObjectLog(objects, events)


@settings(deadline=None)
@given(log=logs())
def test_any_log_survives_export_and_import(log, tmp_path_factory):
    """Law: whatever types, fields and relations are called, JSON gives back the log and SQLite all its counts."""
    assert ObjectLog.from_json(log.to_json()) == log
    path = tmp_path_factory.mktemp("log") / "log.sqlite"
    write_sqlite(log, path)
    again = read_sqlite(path)
    assert counts(again) == counts(log) and again.events == log.events


def test_a_map_of_the_exported_stream_is_the_map_of_the_store():
    """XES keeps cases, visits, categories and holders, so that a map of the file is the same one."""
    itsm = desk()
    told = list(observations(itsm, RESTORE_LIVE_SERVICE))
    again = read_xes(xes(RESTORE_LIVE_SERVICE, told))
    seen = observe(RESTORE_LIVE_SERVICE, told)
    assert {each.case for each in again} == {each.case for each in told}
    assert len(again) == sum(seen.follows.edges.values()) + seen.cases
    assert observe(None, again).follows == seen.follows
    states = read_xes(xes(None, told))
    assert observe(None, states).follows == observe(None, told).follows
    assert observe(None, states).waits == observe(None, told).waits


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=6), st.text(min_size=1, max_size=6), st.integers(0, 90)), min_size=1))
def test_any_texts_survive_as_xes(rows):
    """Law: whatever cases and places are called, as many events come back as the map counts visits."""
    told = [(case, place, START + timedelta(minutes=minute)) for case, place, minute in rows]
    seen = observe(None, told)
    again = read_xes(xes(None, told))
    assert len(again) == sum(seen.follows.edges.values()) + seen.cases


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"objects": []}', '{"objectTypes": [], "eventTypes": [], "objects": [{"id": 1}], "events": []}',
     '{"objectTypes": [], "eventTypes": [], "objects": [], "events": '
     '[{"id": "1", "type": "x", "time": "yesterday"}]}'],
)  # fmt: skip
def test_what_is_no_object_log_is_refused(text, tmp_path):
    """The error says which form was expected; a file that is no database is refused alike."""
    with pytest.raises(InvalidInput) as caught:
        ObjectLog.from_json(text)
    assert caught.value.code == "unreadable"
    (tmp_path / "x.sqlite").write_text(text or "x")
    for path in (tmp_path / "x.sqlite", tmp_path / "nothing.sqlite"):
        with pytest.raises(InvalidInput) as caught:
            read_sqlite(path)
        assert caught.value.code == "unreadable"


@pytest.mark.parametrize(
    "text",
    ["", "<log", '<!DOCTYPE x [<!ENTITY a "b">]><log/>', "<log><trace><event/></trace></log>",
     '<log><trace><event><string key="concept:name" value="x"/><date key="time:timestamp" value="?"/></event></trace>'
     "</log>"],
)  # fmt: skip
def test_what_is_no_case_log_is_refused(text):
    """Entities of a file's own are refused too: they can grow without bounds."""
    with pytest.raises(InvalidInput) as caught:
        read_xes(text)
    assert caught.value.code == "unreadable"


@pytest.mark.parametrize("name", ["ocel_id", "OCEL_TIME"])
def test_an_attribute_cannot_have_a_name_of_the_standard(name, tmp_path):
    """In SQLite it would be the same column; names that differ in case only are one name there."""
    log = ObjectLog((LogObject("1", "x", (Attribute(name, START, "y"),)),), ())
    with pytest.raises(InvalidInput, match=name):
        write_sqlite(log, tmp_path / "log.sqlite")


# compared with an independent tool; it is AGPL, so it is in no extra and never imported by the library


@pytest.fixture(scope="module")
def miner():
    """The independent tool; what it warns of is its own affair."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("pm4py", reason="pm4py is not installed")


@pytest.mark.filterwarnings("ignore")
def test_an_independent_tool_finds_the_same_map(miner, tmp_path):
    """From the exported file: the same pairs with the same counts and mean times, the same starts, ends and ways."""
    told = list(observations(desk(), RESTORE_LIVE_SERVICE))
    seen = observe(RESTORE_LIVE_SERVICE, told)
    (tmp_path / "log.xes").write_text(xes(RESTORE_LIVE_SERVICE, told), encoding="utf-8")
    log = miner.read_xes(str(tmp_path / "log.xes"))
    edges, starts, ends = miner.discover_dfg(log)
    assert (dict(edges), dict(starts), dict(ends)) == (seen.follows.edges, seen.follows.starts, seen.follows.ends)
    times, _, _ = miner.discover_performance_dfg(log)
    for pair, mean in seen.follow_times.items():
        assert times[pair]["mean"] == pytest.approx(mean.total_seconds())
    ways = {tuple(path): count for path, count in miner.get_variants(log).items()}
    assert sum(ways.values()) == seen.cases
    for variant in seen.variants:
        assert ways[variant.path] >= variant.cases


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", ["json", "sqlite"])
def test_an_independent_tool_reads_the_object_log(miner, tmp_path, suffix):
    """As many objects, events and relations, and among the incidents the same pairs of events in a row."""
    log = object_log(desk())
    log.write(tmp_path / f"log.{suffix}")
    read = miner.read_ocel2_json if suffix == "json" else miner.read_ocel2_sqlite
    found = read(str(tmp_path / f"log.{suffix}"))
    assert Counter(found.objects["ocel:type"]) == Counter(each.type for each in log.objects)
    assert Counter(found.events["ocel:activity"]) == Counter(each.type for each in log.events)
    assert len(found.relations) == sum(len(each.relations) for each in log.events)
    assert len(found.o2o) == sum(len(each.relations) for each in log.objects)
    flat = miner.ocel_flattening(found, "incident")
    edges, _, _ = miner.discover_dfg(flat)
    rows = [
        (relation.object, event.type, event.at)
        for event in log.events
        for relation in event.relations
        if relation.object.startswith("INC")
    ]
    pairs: Counter[tuple[str, str]] = Counter()
    paths: dict[str, list[str]] = {}
    for case, place, _ in rows:
        paths.setdefault(case, []).append(place)
    for path in paths.values():
        pairs.update(pairwise(path))
    assert dict(edges) == pairs


@pytest.mark.filterwarnings("ignore")
def test_an_independent_tool_finds_the_map_of_the_real_log(miner, real_desk, tmp_path):
    """On 10,041 real cases: the same pairs with the same counts, where many events share their minute."""
    told = list(observations(real_desk, RESTORE_LIVE_SERVICE))
    seen = observe(RESTORE_LIVE_SERVICE, told)
    (tmp_path / "log.xes").write_text(xes(RESTORE_LIVE_SERVICE, told), encoding="utf-8")
    edges, starts, ends = miner.discover_dfg(miner.read_xes(str(tmp_path / "log.xes")))
    assert (dict(edges), dict(starts), dict(ends)) == (seen.follows.edges, seen.follows.starts, seen.follows.ends)


def test_a_case_that_is_finished_within_a_step_is_finished_in_the_file_too():
    """The export has one event for each visit, and review and closure of a change are no further visit to its step."""
    stream = ValueStream(
        id="change", name="Change", trigger="a wish", outcome="a change",
        steps=[Step(name="Do", activity="engage", practices=["change_enablement"],
                    states={"change_enablement": ["implement", "review"]})],
    )  # fmt: skip
    told = [Observation("1", "implement", START, "active"),
            Observation("1", "review", START + timedelta(hours=2), "resolved"),
            Observation("2", "implement", START, "active")]  # fmt: skip
    again = read_xes(xes(stream, told))
    before, after = observe(stream, told), observe(stream, again)
    assert (
        (after.finished, after.open, after.lead) == (before.finished, before.open, before.lead) == (1, 1, before.lead)
    )
    assert after.follows == before.follows and after.variants == before.variants
    with pytest.raises(InvalidInput, match="the end of 1"):
        read_xes(xes(stream, told).replace('finished_at" value="', 'finished_at" value="x'))
