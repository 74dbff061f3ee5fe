"""Proposals for problems: counted, named, and right about a real log."""

import csv
import gzip
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from problem_kit import DESK, START, Ticking, opened

from itil4 import Actor, Incident, InvalidInput, Origin
from itil4.practices.recurrence import DIMENSIONS, candidates, pareto, wordings

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "uci_incidents_dev.csv.gz"


def incident(number: int, summary: str = "x", **fields: Any) -> Incident:
    """An incident as history has it."""
    at = START + timedelta(hours=number)
    named = {"created_by": "sam", "updated_at": at, "owner": "desk", "state": "new", "summary": summary}
    return Incident(id=f"{number:08}", number=f"INC{number:07}", created_at=at, **named, **fields)


def test_incidents_that_share_their_values_are_proposed_with_those_behind_them(clock: Ticking) -> None:
    """Category, service, item and wording make a group; its incidents are named, oldest first."""
    itsm = opened("state", clock=clock)
    for text in ("Mail is down", "The mail was down again", "Printer jams", "mail down!"):
        itsm.incidents.log(summary=text, category="software", service="mail" if "ail" in text else "print", by=DESK)
        clock.move(hours=20)
    known = itsm.incidents.log(summary="Mail down", category="software", service="mail", by=DESK)
    clock.move(minutes=1)
    problem = itsm.problems.log(summary="Relay", incidents=[known], by=DESK)
    (found,) = itsm.problems.candidates(START, clock.now(), by=DESK)
    assert found.key == {"category": "software", "service": "mail"}
    (found, *_) = itsm.problems.candidates(START, clock.now(), fields=["service", "wording"], by=DESK)
    assert found.incidents == ("INC0000001", "INC0000002", "INC0000004", "INC0000005")
    assert (found.count, found.traced, found.untraced, found.days, found.share) == (4, 1, 3, 4, 0.8)
    assert problem.number == "PRB0000001"
    reactive = itsm.problems.identify(summary="Mail again", incidents=found.ids[:2], by=DESK)
    assert len(itsm.problems.incidents(reactive)) == 2
    assert itsm.problems.candidates(START, START, by=DESK) == ()


def test_words_that_recur_make_a_wording_and_ordinary_ones_do_not() -> None:
    """Words that more than half of the incidents use, or only one, and digits, do not tell a group."""
    texts = ["Disk 71 full on node", "disk full", "Fan 9 loud on node", "fan loud", "the user has an issue", "odd"]
    found = wordings([incident(number, text) for number, text in enumerate(texts)])
    assert found["00000000"] == "disk full node"
    assert found["00000001"] == "disk full"
    assert found["00000003"] == "fan loud"
    assert "00000004" not in found
    assert "00000005" not in found


def test_what_cannot_be_grouped_by_is_refused_with_the_nearest_name() -> None:
    """A field that makes no group, and a group of one, are refused."""
    with pytest.raises(InvalidInput, match="service"):
        candidates([], fields=["servce"])
    with pytest.raises(InvalidInput, match="from 2"):
        candidates([], least=1)
    assert candidates([]) == ()
    assert pareto(()) == ()


fields = st.fixed_dictionaries(
    {name: st.sampled_from([None, "a", "b", "c"]) for name in ("category", "service", "item")}
)


@given(st.lists(fields, max_size=40), st.integers(2, 4))
def test_groups_share_nothing_and_lose_nothing(given_: list[dict[str, Any]], least: int) -> None:
    """Each incident is in one group at most, groups are exactly the counts of equal values, and shares add up."""
    held = [incident(number, **values) for number, values in enumerate(given_)]
    found = candidates(held, fields=("category", "service", "item"), least=least)
    ids = [each for group in found for each in group.ids]
    assert len(ids) == len(set(ids))
    counted = Counter(tuple(sorted((k, v) for k, v in values.items() if v)) for values in given_)
    wanted = {key: count for key, count in counted.items() if key and count >= least}
    assert {tuple(sorted(group.key.items())): group.count for group in found} == wanted
    counts = [group.count for group in found]
    assert counts == sorted(counts, reverse=True)
    table = pareto(found)
    assert [row.count for row in table] == counts
    if table:
        assert table[-1].cumulative == 1
        assert [row.cumulative for row in table] == sorted(row.cumulative for row in table)
        vital = sum(row.count for row in table if row.is_vital)
        assert vital >= 0.8 * sum(counts)
        assert vital - [row.count for row in table if row.is_vital][-1] < 0.8 * sum(counts)


@pytest.fixture(scope="module")
def real() -> tuple[Any, list[dict[str, str]]]:
    """The real incidents, as first recorded."""
    if not REAL.exists():
        pytest.skip("the real log is not beside the repository (../shared/data)")
    first: dict[str, dict[str, str]] = {}
    with gzip.open(REAL, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            first.setdefault(row["number"], row)
    itsm = opened("state")
    itsm.house.clock.move(days=999)  # type: ignore[attr-defined]  # the clock of the kit
    importer = Actor("importer", kind="system")
    with itsm.unit(by=importer) as desk:
        practice: Any = desk.incidents
        unit = practice.desk._unit
        for number, row in first.items():
            at = datetime.strptime(row["sys_updated_at"], "%d/%m/%Y %H:%M").replace(tzinfo=UTC)
            told = {"category": row["category"], "subcategory": row["subcategory"], "symptom": row["u_symptom"]}
            known = {name: value for name, value in told.items() if value != "?"}
            values = {"summary": f"Incident {number}", "owner": row["assignment_group"], **known}
            practice.arrive(unit, Origin("uci", number, "1"), "new", values, by=importer, at=at)
    return itsm, list(first.values())


@pytest.mark.parametrize(
    "columns", [("category",), ("category", "subcategory"), ("category", "subcategory", "u_symptom")]
)
def test_the_most_recurrent_groups_of_a_real_log_are_found(real: Any, columns: tuple[str, ...]) -> None:
    """On 10,044 real incidents the first groups are the most frequent ones, counted apart from the library."""
    itsm, rows = real
    counted = Counter(
        tuple(row[name] for name in columns) for row in rows if "?" not in [row[name] for name in columns]
    )
    names = [name.removeprefix("u_") for name in columns]
    year = (datetime(2016, 1, 1, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC))
    found = itsm.problems.candidates(*year, fields=names, by=DESK)
    complete = [each for each in found if len(each.key) == len(names)]
    assert len(rows) == 10_044
    top = counted.most_common(10)
    assert [each.count for each in complete[:10]] == [count for _, count in top]
    kept = {tuple(each.key[name] for name in names): each.count for each in complete}
    assert all(kept[key] == count for key, count in top)
    assert all(len(set(each.ids)) == each.count for each in complete[:10])
    table = pareto(complete)
    assert table[0].count == top[0][1]
    assert sum(row.is_vital for row in table) < len(table) / 2


def test_the_dimensions_are_those_of_the_words_of_the_practice() -> None:
    """By category, service, item and wording, where nothing else is asked for."""
    assert DIMENSIONS == ("category", "service", "item", "wording")
