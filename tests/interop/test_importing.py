"""What importing promises, on logs of a few rows."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from itil4 import InvalidInput
from itil4.interop.importing import import_history
from itil4.interop.mapping import FieldMap, HistoryMapping
from itil4.interop.report import report
from itil4.practices.import_run import without_history

Desk = Callable[..., Any]
Log = Callable[..., Path]
STORY = ("T1 Open 08:00", "T2 Open 08:05", "T1 Working 09:00", "T2 Done 09:30", "T1 Waiting 10:00", "T1 Done 11:00")


def test_each_row_is_one_entry_and_an_empty_update_is_one_too(desk: Desk, log: Log, mapping: HistoryMapping) -> None:
    """Rows can be counted again from the store, so a saved update without changes is an entry."""
    itsm = desk()
    import_history(itsm, log("T1 Open 08:00", "T1 Open 08:10 saved=2", "T1 Open 08:20 saved=3"), mapping)
    history = itsm.incidents.history("T1")
    assert [(entry.op, dict(entry.changes)) for entry in history[1:]] == [("update", {}), ("update", {})]
    assert report(itsm)["rows"] == 3


def test_a_foreign_number_finds_the_record_and_joins_no_series(desk: Desk, log: Log, mapping: HistoryMapping) -> None:
    """Imported records keep the number of their system; ours go on without a gap."""
    itsm = desk()
    import_history(itsm, log(*STORY), mapping)
    found = itsm.incidents.get("T1")
    assert (found.number, found.reference, found.state, found.hold_kind) == (None, "T1", "resolved", None)
    import itil4

    assert itsm.incidents.log(summary="Ours", by=itil4.Actor("ana")).number == "INC0000001"


def test_nothing_is_invented_and_what_was_needed_is_named(desk: Desk, log: Log, mapping: HistoryMapping) -> None:
    """No requester, no resolution: fields that the source never recorded stay empty, and the entry says so."""
    itsm = desk()
    import_history(itsm, log(*STORY), mapping)
    record = itsm.incidents.get("T2")
    assert (record.requester, record.resolution, record.impact, record.priority) == (None, None, None, None)
    born, step = itsm.incidents.history("T2")
    assert (born.details["unrecorded"], step.details["unrecorded"]) == (["summary", "owner"], ["resolution"])
    assert report(itsm)["unrecorded"] == {"owner": 2, "resolution": 2, "summary": 2}


def test_a_step_that_the_lifecycle_lacks_is_kept_as_an_override(desk: Desk, log: Log, mapping: HistoryMapping) -> None:
    """What happened there happened; the entry says that no arrow stands behind it."""
    itsm = desk()
    import_history(itsm, log("T1 Open 08:00", "T1 Closed 09:00"), mapping)
    _, step = itsm.incidents.history("T1")
    assert (step.judged, step.event, step.waived) == ("override", None, ("wrong_state",))
    assert "tracker went from new to closed" in (step.reason or "")
    assert (report(itsm)["by_ordinary_steps"], report(itsm)["by_override"]) == (0, 1)


def test_a_priority_that_was_recorded_otherwise_counts_as_set_by_hand(
    desk: Desk, log: Log, mapping: HistoryMapping
) -> None:
    """The source's word stands beside what the matrix says, with who and why, also when the impact moves later."""
    itsm = desk()
    fields = {**mapping.fields, "priority": FieldMap("place")}
    told = attrs.evolve(mapping, fields={name: each for name, each in fields.items() if name != "rank"})
    import_history(
        itsm, log("T1 Open 08:00 impact=big urgency=now place=1", "T1 Open 09:00 impact=some urgency=now place=1"), told
    )
    record = itsm.incidents.get("T1")
    assert (record.priority, record.overrides["priority"].by) == (1, "Ida")
    assert "as tracker recorded it" in (record.overrides["priority"].reason or "")


PROBLEMS = {
    "foreign_state": "T1 Odd 09:00",
    "bad_time": "T1 Working 9am",
    "future": "T1 Working 2031-01-01T08:00",
    "out_of_order": "T1 Working 07:59",
    "no_key": "- Working 09:00",
    "foreign_word": "T1 Working 09:00 impact=huge",
    "ill_typed": "T1 Working 09:00 place=first",
    "too_long": "T1 Working 09:00 team=" + "x" * 300,
    "control_character": "T1 Working 09:00 team=a\x07b",
}


@pytest.mark.parametrize(("code", "row"), PROBLEMS.items())
def test_a_bad_row_is_a_problem_and_stops_nobody(
    code: str, row: str, desk: Desk, log: Log, mapping: HistoryMapping
) -> None:
    """Each kind of bad row is one value that names file, row and record; the rows around it are kept."""
    itsm = desk()
    done = import_history(itsm, log("T1 Open 08:00", row, "T1 Working 10:00", "T2 Open 10:00"), mapping)
    (problem,) = itsm.import_runs.problems()
    assert (problem.code, problem.row, problem.file) == (code, 2, "log.csv")
    assert problem.record == (None if code == "no_key" else "T1")
    assert (done.added, done.faulty) == (3, 1)
    assert itsm.incidents.get("T1").state == "in_progress"
    figures = report(itsm)
    assert (figures["rows"], figures["cases"]) == (4, 2)
    assert figures["good_cases"] == (2 if code == "no_key" else 1)


def test_a_row_with_a_column_too_many_is_a_problem(desk: Desk, log: Log, mapping: HistoryMapping) -> None:
    """A stray comma spoils its row and no other."""
    path = log("T1 Open 08:00")
    path.write_text(path.read_text() + "T1,Working,2026-01-05 09:00\nT2,Open\n", encoding="utf-8")
    itsm = desk()
    assert import_history(itsm, path, mapping).faulty == 2
    assert [each.code for each in itsm.import_runs.problems()] == ["bad_columns", "bad_columns"]


def test_a_record_with_bad_rows_only_counts_as_a_case(desk: Desk, log: Log, mapping: HistoryMapping) -> None:
    """It is no record here, and the figures do not forget it."""
    itsm = desk()
    import_history(itsm, log("T1 Odd 08:00", "T2 Open 08:00"), mapping)
    figures = report(itsm)
    assert (figures["cases"], figures["good_cases"], figures["cases_with_unknown_state"]) == (2, 1, ["T1"])


def test_the_same_row_twice_is_repeated_and_never_new(desk: Desk, log: Log, mapping: HistoryMapping) -> None:
    """Exact duplicates add nothing, whether good or bad, in one file or in two."""
    itsm = desk()
    rows = ("T1 Open 08:00", "T1 Open 08:00", "T1 Odd 09:00", "T1 Odd 09:00", "T1 Open 08:00 saved=2")
    first = import_history(itsm, log(*rows), mapping)
    assert (first.added, first.repeated, first.faulty) == (2, 2, 1)
    again = import_history(itsm, log(*rows, name="other.csv"), mapping)
    assert (again.added, again.repeated, again.faulty, again.run) == (0, 5, 0, None)


def test_a_longer_export_adds_only_what_is_new(
    desk: Desk, log: Log, mapping: HistoryMapping, content: Callable[..., Any]
) -> None:
    """Tomorrow's export of the same file holds today's rows again."""
    grown, whole = desk(), desk()
    import_history(grown, log(*STORY[:3]), mapping)
    done = import_history(grown, log(*STORY), mapping)
    assert (done.added, done.repeated) == (3, 3)
    import_history(whole, log(*STORY), mapping)
    assert report(grown) == report(whole)


class Killed(BaseException):
    """Stands for the end of the process."""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["T1", "T2", "T3"]), st.sampled_from(["Open", "Working", "Done", "Odd"]),
            st.integers(0, 59),
        ),
        min_size=1, max_size=20,
    ),
    batch=st.integers(1, 5),
    stops=st.lists(st.integers(1, 6), max_size=3),
)  # fmt: skip
def test_an_interrupted_import_ends_as_one_that_was_not(
    rows: list[tuple[str, str, int]],
    batch: int,
    stops: list[int],
    desk: Desk,
    log: Log,
    mapping: HistoryMapping,
    content: Callable[..., Any],
) -> None:
    """Wherever it is stopped, and however often, the same command leads to the same store."""
    path = log(*(f"{number} {state} 08:{minute:02d}" for number, state, minute in rows))
    broken, whole = desk(), desk()
    import_history(whole, path, mapping, batch=batch)
    for stop in stops:
        left = stop

        def progress(done: int, total: int) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed

        try:
            import_history(broken, path, mapping, batch=batch, progress=progress)
        except Killed:
            continue
    import_history(broken, path, mapping, batch=batch)
    assert content(broken) == content(whole)


def test_a_killed_process_leaves_what_the_next_one_completes(
    desk: Desk, log: Log, mapping_file: Path, content: Callable[..., Any], tmp_path: Path
) -> None:
    """SIGKILL in the middle of the run, then the same command: the store is that of an undisturbed run."""
    rows = [f"T{n % 700} {'Open' if n < 700 else 'Working'} {8 + n // 700:02d}:00 saved={n}" for n in range(6_000)]
    path = log(*rows)
    stores = {name: tmp_path / f"{name}.db" for name in ("killed", "whole")}
    command = [sys.executable, "-m", "itil4", "import", str(path), "--mapping", str(mapping_file), "--store"]
    with subprocess.Popen([*command, f"sqlite:///{stores['killed']}"], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and _entries(stores["killed"]) == 0:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    assert 0 < _entries(stores["killed"]) < 6_000
    outputs = [subprocess.check_output([*command, f"sqlite:///{path}"], text=True) for path in stores.values()]
    assert "An interrupted run had read" in outputs[0]
    killed, whole = (desk(f"sqlite:///{path}") for path in stores.values())
    assert content(killed) == content(whole)


def _entries(path: Path) -> int:
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM entry WHERE kind = 'incident'").fetchone()[0])
        except sqlite3.OperationalError:  # it has no tables yet
            return 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"batch": 0}, "batch"), ({"batch": True}, "batch"), ({"batch": "500"}, "batch"), ({"path": None}, "path"),
        ({"mapping": {"system": "tracker"}}, "a HistoryMapping"), ({"zone": 3}, "zone"),
    ],
)  # fmt: skip
def test_what_an_import_can_do_nothing_with_is_refused_by_name(
    given: dict[str, Any], says: str, desk: Desk, log: Log, mapping: HistoryMapping
) -> None:
    """Rows in units of none would have been an import of nothing without a word."""
    itsm = desk()
    with pytest.raises(InvalidInput, match=says):
        import_history(itsm, **{"path": log("T1 Open 08:00"), "mapping": mapping, **given})
    assert itsm.incidents.count() == 0


def test_a_link_to_nothing_that_is_known_names_the_relations(desk: Desk, log: Log, mapping: HistoryMapping) -> None:
    """A mapping is checked completely before a row is read."""
    odd = attrs.evolve(mapping, links={"parent": "zzz"})
    with pytest.raises(InvalidInput, match=r"Known: .*caused_by"):
        import_history(desk(), log("T1 Open 08:00"), odd)


def test_text_that_is_not_in_the_encoding_of_the_mapping_is_refused(
    desk: Desk, log: Log, mapping: HistoryMapping
) -> None:
    """Also where the whole stream is to begin with a mark that it lacks."""
    with pytest.raises(InvalidInput, match="not utf-16 text"):
        import_history(desk(), log("T1 Open 08:00"), attrs.evolve(mapping, encoding="utf-16"))


def test_a_file_of_the_same_name_with_other_rows_is_another_run(desk: Desk, log: Log, mapping: HistoryMapping) -> None:
    """An interrupted run is taken up only by the very rows that it read; otherwise it is given up, and says so."""
    itsm = desk()

    def stop(done: int, total: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        import_history(itsm, log("T1 Open 08:00", "T1 Working 09:00"), mapping, batch=1, progress=stop)
    done = import_history(itsm, log("T2 Open 08:00", "T2 Working 09:00"), mapping)
    assert (done.added, done.resumed_after) == (2, 0)
    assert sorted(run.state for run in itsm.import_runs.each()) == ["abandoned", "finished"]


def test_two_imports_at_once_do_not_mix(desk: Desk, log: Log, mapping: HistoryMapping, tmp_path: Path) -> None:
    """The second one is refused when it meets rows of the first; nothing is there twice."""
    path, store = log(*STORY), f"sqlite:///{tmp_path / 'both.db'}"
    one, other = desk(store), desk(store)

    def overtake(done: int, total: int) -> None:
        if done == 2:
            import_history(other, path, mapping, batch=2)

    with pytest.raises(InvalidInput) as caught:
        import_history(one, path, mapping, batch=2, progress=overtake)
    assert caught.value.code == "import_elsewhere"
    assert report(one)["rows"] == len(STORY)


def test_hours_that_the_clocks_skipped_or_showed_twice(desk: Desk, log: Log, mapping: HistoryMapping) -> None:
    """Paris, 2025: 02:30 on 30 March does not exist; 02:30 on 26 October is taken by the order of the rows."""
    rows = (
        "T1 Open 2025-03-30T02:30", "T2 Open 2025-10-26T02:10", "T2 Open 2025-10-26T02:50",
        "T2 Working 2025-10-26T02:05", "T2 Done 2025-10-26T03:30",
    )  # fmt: skip
    itsm = desk()
    done = import_history(itsm, log(*rows), mapping, zone="Europe/Paris")
    assert [each.code for each in itsm.import_runs.problems()] == ["skipped_time"]
    assert (done.twofold, done.added) == (2, 4)
    told = [entry.at.strftime("%H:%M") for entry in itsm.incidents.history("T2")]
    assert told == ["00:10", "00:50", "01:05", "02:30"]


def test_links_are_made_to_what_is_in_the_store(desk: Desk, log: Log, mapping: HistoryMapping) -> None:
    """A link goes to the record of the same system with that number, and is made once."""
    itsm = desk()
    rows = ("T1 Open 08:00", "T2 Open 08:05 parent=T1", "T2 Working 08:06 parent=T1", "T3 Open 08:07 parent=T9")
    done = import_history(itsm, log(*rows), mapping)
    (link,) = itsm.incidents.links("T2")
    assert (link.relation, itsm.incidents.get(link.target).reference, done.unlinked) == ("child_of", "T1", 1)
    assert report(itsm)["rows"] == 4


CHANGES = """
system = "audit"
shape = "field-changes"
[columns]
key = "doc"
time = "at"
by = "user"
field = "field"
old = "old"
new = "new"
state = "status"
[states]
Open = "new"
Working = "in_progress"
Done = "resolved"
[fields]
summary = { column = "title", stand_in = "{key}" }
group = "team"
"""


def test_field_changes_become_the_updates_and_steps_that_they_tell_of(desk: Desk, tmp_path: Path) -> None:
    """One row is one changed field. What the first change left behind is the birth, which no row stands for."""
    path = tmp_path / "audit.csv"
    path.write_text(
        "doc,at,user,field,old,new\n"
        "A1,2026-01-05T08:00Z,ida,status,Open,Working\n"
        "A1,2026-01-05T08:10Z,ida,team,,mail\n"
        "A1,2026-01-05T08:20Z,ida,colour,,red\n"
        "A1,2026-01-05T09:00Z,sam,status,Working,Done\n"
        "A2,2026-01-05T09:00Z,sam,status,,Open\n"
        "A3,2026-01-05T09:00Z,sam,team,,mail\n"
    )
    itsm = desk()
    done = import_history(itsm, path, HistoryMapping.parsed(CHANGES, "audit.toml"))
    history = itsm.incidents.history("A1")
    assert [(entry.op, entry.from_state, entry.to_state) for entry in history] == [
        ("import", None, "new"), ("step", "new", "in_progress"), ("update", None, None), ("update", None, None),
        ("step", "in_progress", "resolved"),
    ]  # fmt: skip
    assert itsm.incidents.get("A1").group == "mail"
    assert (itsm.incidents.get("A2").state, itsm.incidents.get("A3").state) == ("new", "new")
    assert (done.added, report(itsm)["rows"]) == (6, 6)
    assert import_history(itsm, path, HistoryMapping.parsed(CHANGES, "audit.toml")).added == 0


def test_final_rows_are_marked_and_kept_out_of_durations(desk: Desk, log: Log, mapping: HistoryMapping) -> None:
    """A list of records as they ended tells no durations, and when they ended is not made up."""
    itsm = desk()
    final = attrs.evolve(mapping, shape="final-rows")
    import_history(itsm, log("T1 Done 08:00", "T2 Open 08:00"), final)
    assert itsm.incidents.get("T1").resolved_at is None
    assert all(map(without_history, itsm.incidents.histories()))
    figures = report(itsm)
    assert (figures["cases"], figures["hours_first_row_to_last_resolution"]) == (2, {"n": 0})
    assert itsm.incidents.figures()["time_to_resolve"].n == 0
    assert itsm.incidents.figures().without_history == 2


def _peak(desk: Desk, log: Log, mapping: HistoryMapping, store: str, rows: int) -> int:
    path = log(*(f"T{n // 3} {('Open', 'Working', 'Done')[n % 3]} 08:00 saved={n}" for n in range(rows)))
    with desk(store) as itsm:
        tracemalloc.start()
        import_history(itsm, path, mapping, batch=200)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_file(desk: Desk, log: Log, mapping: HistoryMapping, tmp_path: Path) -> None:
    """Four times the rows need no more memory; benchmarks/import_history.py shows the same at millions."""
    few = _peak(desk, log, mapping, f"sqlite:///{tmp_path / 'few.db'}", 2_000)
    many = _peak(desk, log, mapping, f"sqlite:///{tmp_path / 'many.db'}", 8_000)
    assert many < 1.25 * few
