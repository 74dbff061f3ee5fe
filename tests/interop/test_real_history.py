"""The incident log of a real ServiceNow instance, imported whole: 56,671 saved updates of 10,044 incidents."""

import gc
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import itil4
from itil4 import ServiceManagement
from itil4.interop.importing import Imported, import_history
from itil4.interop.report import report

FINAL = ("opened_at", "resolved_at", "closed_at", "resolved_by", "closed_code")


class Imports:
    """The log in memory and in a file, imported with the same ids and the same clock."""

    def __init__(self, memory: ServiceManagement, sqlite: ServiceManagement, done: list[Imported]) -> None:
        self.memory, self.sqlite, self.done = memory, sqlite, done


@pytest.fixture(scope="module")
def imports(real_log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Imports]:
    from datetime import UTC, datetime

    class Noon:
        def now(self) -> datetime:
            return datetime(2026, 3, 2, 12, tzinfo=UTC)

    path = tmp_path_factory.mktemp("real") / "real.db"
    desks = [
        itil4.connect(store, clock=Noon(), ids=itil4.TimeOrderedIds(Noon(), random.Random(3)))
        for store in (None, f"sqlite:///{path}")
    ]
    yield Imports(*desks, done=[import_history(each, real_log) for each in desks])
    for each in desks:
        each.close()


def test_the_figures_over_good_cases_equal_the_facts_exactly(imports: Imports, facts: dict[str, Any]) -> None:
    """Every count, step, percentile and list, folded from the stored histories, is that of the independent file."""
    for itsm in (imports.memory, imports.sqlite):
        figures = report(itsm)
        assert {name: figures[name] for name in facts} == facts


def test_nearly_all_cases_go_by_ordinary_steps(imports: Imports) -> None:
    """The default lifecycle has the arrows that real incidents take: 99.8 % of the cases need no other."""
    figures = report(imports.sqlite)
    assert figures["by_ordinary_steps"] + figures["by_override"] == figures["good_cases"]
    assert figures["by_ordinary_steps"] / figures["cases"] >= 0.998


def test_both_stores_hold_identical_histories_and_rows(imports: Imports) -> None:
    """With the same ids and clock, the file and the memory hold the same entries and the same records."""
    for name in ("incidents", "import_runs"):
        ours, theirs = getattr(imports.memory, name), getattr(imports.sqlite, name)
        for one, other in zip(ours.histories(), theirs.histories(), strict=True):
            assert one == other
        assert list(ours.each()) == list(theirs.each())


def test_replaying_every_history_gives_the_stored_record(imports: Imports) -> None:
    """History alone rebuilds each record (INV-120)."""
    practice = imports.sqlite.incidents
    stored = {record.id: record for record in practice.each()}
    for history in practice.histories():
        assert practice.rebuilt(history) == stored.pop(history[0].record_id)
    assert stored == {}


def test_the_bad_rows_are_named_and_the_good_ones_of_their_records_kept(imports: Imports) -> None:
    """Two records with unknown states and one out of time order: seven rows are problems, the others entries."""
    problems = list(imports.sqlite.import_runs.problems())
    assert [(each.record, each.row) for each in problems] == [
        ("INC0000137", 121), ("INC0000137", 122), ("INC0028089", 46263), ("INC0028089", 46264), ("INC0030413", 49628),
        ("INC0030413", 49629), ("INC0030413", 49630),
    ]  # fmt: skip
    assert "'-100' is not in the mapping" in problems[-1].reason
    assert imports.done[1] == imports.done[0]
    assert (imports.done[0].rows, imports.done[0].added, imports.done[0].faulty) == (56671, 56664, 7)
    assert len(imports.sqlite.incidents.history("INC0030413")) > 3


def test_importing_the_same_file_again_adds_nothing(imports: Imports, real_log: Path) -> None:
    """Every row is known by its content, the bad ones too; not even a run is written."""
    before = len(list(imports.sqlite.house.store.history("")))
    again = import_history(imports.sqlite, real_log)
    assert (again.added, again.repeated, again.faulty, again.run) == (0, 56671, 0, None)
    assert len(list(imports.sqlite.house.store.history(""))) == before


def test_no_file_handle_is_left_open(real_log: Path) -> None:
    """An import closes what it opens."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("open files are counted in /proc")
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(RuntimeError), itil4.connect() as itsm:
        import_history(itsm, real_log, progress=_stop)
    gc.collect()
    assert set(os.listdir("/proc/self/fd")) <= before


def _stop(done: int, total: int) -> None:
    raise RuntimeError


Cases = tuple[list[str], list[list[list[str]]]]
Writer = Callable[..., Path]


def _ordinary_share(itsm: ServiceManagement, path: Path) -> float:
    import_history(itsm, path)
    figures = report(itsm)
    return float(figures["by_ordinary_steps"] / figures["cases"])


def _reordered(header: list[str], case: list[list[str]], order: Callable[[list[Any]], list[Any]]) -> list[list[str]]:
    """Return the rows of a case in another order, each at the time of the row whose place it takes."""
    time = header.index("sys_updated_at")
    times = [row[time] for row in case]
    return [[*row[:time], at, *row[time + 1 :]] for row, at in zip(order(case), times, strict=True)]


def test_the_lifecycle_is_no_rubber_stamp(desk: Callable[..., Any], some_cases: Cases, real_rows: Writer) -> None:
    """With the rows of each case shuffled at most 25 % of the cases pass by ordinary steps; reversed, at most 1 %."""
    header, cases = some_cases
    cases = [case for case in cases if case[0][0] != "INC0000137"]
    source = random.Random(11)
    mixed = [row for case in cases for row in _reordered(header, case, lambda rows: source.sample(rows, len(rows)))]
    assert _ordinary_share(desk(), real_rows(header, mixed)) <= 0.25
    turned = [row for case in cases for row in _reordered(header, case, lambda rows: rows[::-1])]
    assert _ordinary_share(desk(), real_rows(header, turned)) <= 0.01
    moved = [row for case in cases for row in source.sample(case, len(case))]
    assert _ordinary_share(desk(), real_rows(header, moved)) <= 0.25, "with the times of the rows mixed, too"
    straight = [row for case in cases for row in _reordered(header, case, list)]
    assert _ordinary_share(desk(), real_rows(header, straight)) >= 0.998


def test_the_repeated_final_columns_say_nothing(desk: Callable[..., Any], some_cases: Cases, real_rows: Writer) -> None:
    """The log repeats how a case ended on each of its rows; with other endings the rows are the same rows."""
    header, cases = some_cases
    itsm = desk()
    rows = [row for case in cases[:200] for row in case]
    first = import_history(itsm, real_rows(header, rows))
    others = [
        [("1/1/2030 00:00" if name in FINAL else cell) for name, cell in zip(header, row, strict=True)] for row in rows
    ]
    again = import_history(itsm, real_rows(header, others))
    assert (first.added, again.added, again.repeated) == (len(rows), 0, len(rows))


def test_rows_of_many_cases_may_be_interleaved(
    desk: Callable[..., Any], some_cases: Cases, real_rows: Writer, content: Callable[..., Any]
) -> None:
    """What counts is the order of the rows of a case; the log may as well be sorted by time."""
    header, cases = some_cases
    chosen = cases[:150]
    together, apart = desk(), desk()
    import_history(together, real_rows(header, [row for case in chosen for row in case]))
    longest = max(map(len, chosen))
    rows = [case[place] for place in range(longest) for case in chosen if place < len(case)]
    import_history(apart, real_rows(header, rows), batch=37)

    def incidents(itsm: ServiceManagement) -> list[Any]:
        return [pair for pair in content(itsm) if pair[1][0]["kind"] == "incident"]

    assert incidents(apart) == incidents(together)
