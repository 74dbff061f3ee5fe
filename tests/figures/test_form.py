"""How figures are asked for and shown."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from figures_desk import ANA, MORNING, SAM, Desk, open_desk

from itil4 import DefinitionError, InvalidInput
from itil4.practices.figures import Figure, Spread, nearest_rank
from itil4.practices.incident_figures import INCIDENT_FIGURES

WORDS = ("boost efficiency", "improve quality", "prioritize", "reduce downtime", "learn and prevent")


@pytest.fixture
def desk() -> Desk:
    desk = open_desk()
    for impact in ("high", "medium", "low"):
        one = desk.incidents.assign(desk.log(impact=impact), to="sam", group=f"{impact} team", by=SAM)
        desk.after(hours=30).resolve(one, resolution="Restarted", by=SAM)
    desk.log(by=ANA)
    return desk


def test_each_word_of_the_notes_has_one_figure() -> None:
    """The notes say why incident management matters in five phrases; each is answered by one figure, in that order."""
    assert tuple(each.word for each in INCIDENT_FIGURES if each.word) == WORDS


def test_names_of_figures_are_unique_and_each_is_defined_in_one_sentence() -> None:
    """A figure without a definition is an opinion."""
    assert len({each.name for each in INCIDENT_FIGURES}) == len(INCIDENT_FIGURES)
    for each in INCIDENT_FIGURES:
        assert each.definition.endswith(".")
        assert ". " not in each.definition
        assert each.reads


def test_text_fits_into_80_columns(desk: Desk) -> None:
    """A terminal of 80 columns shows every line whole, also with groups and long titles."""
    figures = desk.incidents.figures(since=MORNING, split=("priority", "group"))
    for text in (figures.text(), *(figure.text() for figure in figures.values())):
        assert text
        assert max(map(len, text.splitlines())) <= 80
    assert "calendar time" in figures.text()
    assert "group low team" in figures.text()


def test_plain_data_goes_through_json_and_names_every_figure(desk: Desk) -> None:
    """`to_dict` holds durations in seconds, and references only where asked for."""
    figures = desk.incidents.figures(split="priority")
    plain = json.loads(json.dumps(figures.to_dict()))
    assert list(plain["figures"]) == [each.name for each in INCIDENT_FIGURES]
    assert plain["figures"]["time_to_resolve"]["value"] == 30 * 3600
    assert "records" not in plain["figures"]["logged"]
    assert [group["where"]["priority"] for group in plain["groups"]] == [1, 2, 3]
    assert len(figures.to_dict(records=True)["figures"]["logged"]["records"]) == 4


def test_rows_are_flat_and_all_alike(desk: Desk) -> None:
    """A CSV of the rows has one column per name, for the whole and for each group."""
    rows = list(desk.incidents.figures(split=("priority", "group")).rows())
    assert len({tuple(row) for row in rows}) == 1
    assert len(rows) == 5 * len(INCIDENT_FIGURES)
    assert rows[0]["scope"] == "all"
    assert rows[-1]["group"] == "low team"


def test_the_records_behind_a_figure_can_be_read(desk: Desk) -> None:
    """Every reference leads back to its record."""
    figures = desk.incidents.figures()
    for figure in figures.values():
        for reference in {*figure.records, *figure.hits, *figure.open_records}:
            assert desk.incidents.get(reference).reference == reference


def test_a_period_has_its_first_moment_and_not_its_last(desk: Desk) -> None:
    """What happens exactly at `since` is in the period; what happens exactly at `until` is in the next one."""
    figures = desk.incidents.figures
    later = MORNING + timedelta(hours=30)
    assert figures(since=MORNING, until=later)["logged"].value == 1
    assert figures(since=later)["logged"].value == 3
    assert figures(until=MORNING).records == 0


def test_an_end_in_the_future_lets_nothing_run_past_now(desk: Desk) -> None:
    """A report for the whole year, asked for in March, does not let open incidents age until December."""
    december = datetime(2026, 12, 31, tzinfo=UTC)
    desk.clock.move(hours=2)
    assert desk.incidents.figures(until=december)["backlog_age"].value == timedelta(hours=2)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"since": datetime(2026, 3, 2)}, "naive_datetime"),
        ({"until": "yesterday"}, "ill_typed"),
        ({"since": MORNING, "until": MORNING - timedelta(1)}, "bad_period"),
        ({"split": "prioritty"}, "bad_split"),
        ({"split": ("participants",)}, "bad_split"),
        ({"split": (3,)}, "bad_split"),
        ({"split": "number"}, "bad_split"),
        ({"excluding": "INC0000001"}, "ill_typed"),
    ],
)
def test_a_bad_question_is_answered_with_what_to_do(desk: Desk, asked: dict, code: str) -> None:
    """Each error names field, value and remedy."""
    with pytest.raises(InvalidInput) as caught:
        desk.incidents.figures(**asked)
    assert caught.value.code == code
    assert caught.value.reasons[0].remedy


def test_a_near_miss_is_offered(desk: Desk) -> None:
    """Who mistypes a field or a figure is told the nearest."""
    with pytest.raises(InvalidInput, match="Did you mean 'priority'"):
        desk.incidents.figures(split="prioritty")
    with pytest.raises(KeyError, match="Did you mean 'downtime'"):
        desk.incidents.figures()["downtimes"]


def test_an_extra_field_of_the_host_can_be_split_by() -> None:
    """Fields that a host declares at run time make groups like any other."""
    import itil4
    from itil4 import FieldSet

    itsm = itil4.connect(fields={"incident": FieldSet.from_dict({"site": {"type": "text"}})})
    for site in ("Oslo", "Oslo", "Bergen"):
        itsm.incidents.log(summary="Mail is down", site=site, by=ANA)
    groups = itsm.incidents.figures(split="site").groups
    assert [(group.where["site"], group.records) for group in groups] == [("Bergen", 1), ("Oslo", 2)]


@pytest.mark.parametrize(
    ("unit", "value"), [("share", 1.2), ("share", -0.1), ("count", -1), ("count", 0.5), ("seconds", 5), ("count", None)]
)
def test_a_figure_cannot_hold_what_its_unit_excludes(unit: str, value: object) -> None:
    """INV-102 at the door: a table of a host that folds to a ratio above 1 is refused, not shown."""
    with pytest.raises(DefinitionError, match="cannot be"):
        Figure(name="x", title="X", definition="X.", unit=unit, value=value)  # type: ignore[arg-type]


@pytest.mark.parametrize(("n", "percent", "place"), [(1, 50, 1), (2, 50, 1), (3, 50, 2), (10, 90, 9), (11, 90, 10)])
def test_percentiles_are_by_nearest_rank(n: int, percent: int, place: int) -> None:
    """The smallest value that at least that many per cent do not exceed; always one of the values."""
    assert nearest_rank([timedelta(each) for each in range(1, n + 1)], percent) == timedelta(place)


def test_the_spread_of_nothing_is_nothing() -> None:
    """INV-102: no mean of no durations."""
    assert Spread.of([]) is None
