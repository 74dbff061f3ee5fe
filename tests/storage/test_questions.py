"""Questions through the public door: `find` answers what a plain look at every record answers, in every store."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import itil4
from itil4 import Actor, FieldSet, Incident, IncidentManagement, InvalidInput
from itil4.storage.query import Compare

SAM = Actor("sam", roles={"service_desk"})
PAM = Actor("pam", roles={"problem_manager"})


@attrs.frozen(kw_only=True)
class VesselIncident(Incident):
    """An incident on board."""

    vessel: str = "unknown"
    crew: int | None = None
    seen_at: datetime | None = None


class VesselIncidents(IncidentManagement[VesselIncident]):
    """Incidents on board, found by ship, crew and time."""

    record = VesselIncident
    indexed = (*IncidentManagement.indexed, "vessel", "crew", "seen_at")

    def visible(self, actor: Actor) -> Compare | None:
        """Guests see their own ship only."""
        return Compare("vessel", "eq", "Aurora") if "guest" in actor.roles else None


EXTRA = FieldSet.from_dict({"deck": {"type": "choice", "choices": ["A", "B"]}, "berth": {"type": "integer"}})
START = datetime(2026, 3, 2, tzinfo=UTC)


class Ticking:
    """A clock that goes on by an hour at every third look, so that some records are born at the same moment."""

    def __init__(self) -> None:
        self._looks = itertools.count()

    def now(self) -> datetime:
        return START + timedelta(hours=next(self._looks) // 3)


def desks(folder: Path) -> list[Any]:
    """Return the same desk in every store, with the same ids."""
    made = []
    for url in (None, f"sqlite:///{folder}/desk.db"):
        numbers = itertools.count()
        made.append(
            itil4.connect(
                url, practices=[VesselIncidents], fields={"incident": EXTRA}, clock=Ticking(),
                ids=lambda numbers=numbers: f"{next(numbers):08}",
            )
        )  # fmt: skip
    return made


FLEET = [
    {"vessel": "Aurora", "crew": 12, "deck": "A", "rank": 1},
    {"vessel": "aurora", "crew": None, "deck": "B", "group": "Mail"},
    {"vessel": "Ägir", "crew": 0, "berth": 7, "rank": 3, "group": "mail team"},
    {"vessel": "Zebra", "crew": -3, "deck": "A", "berth": 7, "group": "Straße"},
    {"vessel": "100% sure_", "crew": 12, "seen_at": START, "rank": 2},
    {"crew": 2**40, "deck": "B", "berth": -1, "seen_at": START + timedelta(microseconds=1), "rank": 2},
    {"vessel": "🚢", "seen_at": START - timedelta(days=400), "group": "", "rank": 5},
    {"vessel": "Aurora II", "crew": 12, "berth": None, "group": "MAIL"},
]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    """The same eight incidents, two of them resolved and one cancelled, and their problems, in every store."""
    made = desks(tmp_path_factory.mktemp("fleet"))
    for itsm in made:
        for values in FLEET:
            extra = {name: value for name, value in values.items() if value not in (None, "")}
            itsm.incidents.log(
                summary=f"Radar of {values.get('vessel')}", impact="high", urgency="low", by=SAM, **extra
            )
        for number in (2, 5):
            itsm.incidents.resolve(f"INC{number:07d}", resolution="Restarted", by=SAM)
        itsm.incidents.cancel("INC0000007", close_reason="duplicate", reason="logged twice", by=SAM)
        for number in (1, 2):
            itsm.problems.log(summary=f"Cause {number}", by=PAM)
        for incident, problem in ((1, 1), (2, 1), (3, 2), (5, 1)):
            itsm.link(f"INC{incident:07d}", "caused_by", f"PRB{problem:07d}", by=SAM)
    yield made
    for itsm in made:
        itsm.close()


def numbers(found: Any) -> list[str]:
    return [each.number for each in found]


NAMES = (
    "vessel", "crew", "seen_at", "deck", "berth", "rank", "group", "priority", "state", "state_category", "created_at",
    "updated_at", "number", "id", "version", "created_by",
)  # fmt: skip
TEXTS = st.sampled_from(
    ["Aurora", "aurora", "a", "A", "", "mail", "MAIL", "straße", "STRASSE", "%", "_", "🚢", "ä", "new"]
)
MOMENTS = st.sampled_from([START + timedelta(hours=hours) for hours in (-1, 0, 1, 2, 5)] + [FLEET[5]["seen_at"]])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "crew": st.sampled_from([0, 12, -3, 2**40, 5]),
    "berth": st.sampled_from([7, -1, 0]),
    "rank": st.integers(1, 5),
    "priority": st.integers(1, 4),
    "version": st.integers(1, 3),
    "deck": st.sampled_from(["A", "B"]),
    "state": st.sampled_from(["new", "resolved", "closed"]),
    "seen_at": MOMENTS,
    "created_at": MOMENTS,
    "updated_at": MOMENTS,
}
PLAIN = ("crew", "berth", "rank", "priority", "version", "seen_at", "created_at", "updated_at")


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    """One to three conditions on fields, each with an operator."""
    found = {}
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)):
        values = VALUES.get(name, TEXTS)
        operators = ["eq", "ne", "lt", "le", "gt", "ge", "in", "is_null"]
        operator = draw(st.sampled_from(operators if name in PLAIN else [*operators, "prefix", "contains"]))
        if operator == "in":
            value: Any = draw(st.lists(values | st.none(), max_size=3))
        elif operator == "is_null":
            value = draw(st.booleans())
        elif operator in ("eq", "ne"):
            value = draw(values | st.none())
        else:
            value = draw(values)
        found[f"{name}__{operator}" if operator != "eq" or draw(st.booleans()) else name] = value
    return found


def read(itsm: Any, record: Any, name: str) -> Any:
    if name == "state_category":
        return itsm.incidents.lifecycle.state(record.state).category
    return record.extra.get(name) if name in ("deck", "berth") else getattr(record, name)


def meets(found: Any, operator: str, value: Any) -> bool:
    """Judge a condition in the plainest words that there are."""
    if operator == "is_null":
        return (found is None) == value
    if operator == "in":
        return found in value
    if operator in ("eq", "ne"):
        return (found == value) == (operator == "eq")
    if found is None:
        return False
    if operator == "prefix":
        return bool(found.startswith(value))
    if operator == "contains":
        return value.casefold() in found.casefold()
    return bool({"lt": found < value, "le": found <= value, "gt": found > value, "ge": found >= value}[operator])


def plainly(itsm: Any, asked: dict[str, Any]) -> list[Any]:
    return [
        record
        for record in itsm.incidents.each()
        if all(
            meets(read(itsm, record, key.partition("__")[0]), key.partition("__")[2] or "eq", value)
            for key, value in asked.items()
        )
    ]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=conditions(), order=st.sampled_from(NAMES), descending=st.booleans(), limit=st.integers(1, 9),
    is_open=st.none() | st.booleans(),
)  # fmt: skip
def test_every_operator_order_and_page_is_that_of_a_plain_look_at_all(
    fleet: list[Any], asked: dict[str, Any], order: str, descending: bool, limit: int, is_open: bool | None
) -> None:
    """INV-124: conditions over built-in, subclass and extra fields; nothing comes first, the id decides last."""
    answers = []
    for itsm in fleet:
        wanted = plainly(itsm, asked)
        if is_open is not None:
            categories = ("new", "active", "waiting") if is_open else ("resolved", "closed", "cancelled")
            wanted = [each for each in wanted if read(itsm, each, "state_category") in categories]

        def key(record: Any, itsm: Any = itsm) -> tuple[Any, ...]:
            value = read(itsm, record, order)
            return (value is not None, value) if value is not None else (False,), record.id

        wanted.sort(key=key, reverse=descending)
        by = f"-{order}" if descending else order
        assert itsm.incidents.count(is_open=is_open, **asked) == len(wanted)
        pages, mark = [], None
        while True:
            page = itsm.incidents.find(is_open=is_open, order_by=by, limit=limit, after=mark, **asked)
            pages.append(page)
            if (mark := page.next) is None:
                break
        found = [each for page in pages for each in page]
        assert numbers(found) == numbers(wanted)
        if order != "id":
            for before, page in itertools.pairwise(pages):
                back = itsm.incidents.find(is_open=is_open, order_by=by, limit=limit, after=page.previous, **asked)
                assert numbers(back) == numbers(before)
        answers.append((numbers(found), [page.next for page in pages]))
    assert answers[0] == answers[1], "the same pages, and the same marks, in every store"


def test_records_are_found_by_their_links_from_both_ends(fleet: list[Any]) -> None:
    """Incidents caused by this problem, problems of this incident, together with conditions, orders and counts."""
    for itsm in fleet:
        problem = itsm.problems.get("PRB0000001")
        assert numbers(itsm.incidents.find(caused_by=problem)) == ["INC0000001", "INC0000002", "INC0000005"]
        assert numbers(itsm.incidents.find(caused_by="PRB0000001", is_open=True)) == ["INC0000001"]
        assert numbers(itsm.incidents.find(caused_by=problem.id, order_by="-vessel")) == [
            "INC0000002", "INC0000001", "INC0000005",
        ]  # fmt: skip
        assert itsm.incidents.count(caused_by=problem, crew__ge=12) == 2
        assert numbers(itsm.problems.find(causes="INC0000003")) == ["PRB0000002"]
        assert numbers(itsm.problems.find(causes=itsm.incidents.get("INC0000004"))) == []
        assert numbers(itsm.incidents.each(caused_by=problem)) == ["INC0000001", "INC0000002", "INC0000005"]
        page = itsm.incidents.find(caused_by=problem, limit=2)
        assert numbers(itsm.incidents.find(caused_by=problem, limit=2, after=page.next)) == ["INC0000005"]
        with pytest.raises(itil4.NotFound):
            itsm.incidents.find(caused_by="PRB0000009")


def test_a_condition_on_links_shows_nobody_what_they_may_not_see(fleet: list[Any]) -> None:
    """Who may see one ship only finds and counts one ship only, whatever the question is."""
    guest = Actor("gus", roles={"guest"})
    for itsm in fleet:
        assert numbers(itsm.incidents.find(caused_by="PRB0000001", by=guest)) == ["INC0000001"]
        assert itsm.incidents.count(caused_by="PRB0000001", by=guest) == 1
        assert itsm.incidents.count(vessel__ne="Aurora", by=guest) == 0


NOT_A_NUMBER = "WyJ2ZXNzZWwiLCBmYWxzZSwgTmFOLCAieCJd"
"""["vessel", false, NaN, "x"], which is smaller than everything in one database and greater in another."""


@pytest.mark.parametrize("mark", ["", "x", "bnVsbA==", "WyJjcmV3IiwgZmFsc2UsIDEsICJhIl0=", NOT_A_NUMBER])
def test_a_mark_of_something_else_is_refused(fleet: list[Any], mark: str) -> None:
    """A cursor is opaque: one that `find` did not give for this order is no place in it."""
    for itsm in fleet:
        with pytest.raises(InvalidInput):
            itsm.incidents.find(order_by="vessel", after=mark)


def test_a_page_goes_on_where_it_ended_whatever_happens_between(tmp_path: Path) -> None:
    """New, changed and resolved records neither repeat nor hide those that were there all the time."""
    for itsm in desks(tmp_path):
        for values in FLEET:
            extra = {name: value for name, value in values.items() if value not in (None, "")}
            itsm.incidents.log(summary="Radar", impact="high", urgency="low", by=SAM, **extra)
        first = itsm.incidents.find(order_by="crew", limit=3)
        itsm.incidents.log(summary="New", impact="high", urgency="low", crew=-5, by=SAM)
        itsm.incidents.log(summary="New", impact="high", urgency="low", crew=3, by=SAM)
        itsm.incidents.update(first.items[-1].id, crew=1, by=SAM)
        rest = itsm.incidents.find(order_by="crew", limit=50, after=first.next)
        old = {f"INC{number:07d}" for number in range(1, 9)}
        seen = [*numbers(first), *(number for number in numbers(rest) if number != first.items[-1].number)]
        assert old <= set(seen)
        assert len(seen) == len(set(seen))
        itsm.close()


def test_a_relation_that_reads_the_same_both_ways_finds_both_of_its_ends(tmp_path: Path) -> None:
    """Whoever is seen among the links of a record is found by that record, whichever end the link was made from."""
    for itsm in desks(tmp_path):
        one, other, third = (itsm.incidents.log(summary=f"Radar {each}", by=SAM) for each in "abc")
        itsm.link(one, "relates_to", other, by=SAM)
        for here, there in ((one, other), (other, one)):
            assert [each.id for each in itsm.incidents.linked(here.id, "relates_to")] == [there.id]
            assert [each.id for each in itsm.incidents.find(relates_to=there.id)] == [here.id]
            assert itsm.incidents.count(relates_to=there.id) == 1
        assert itsm.incidents.count(relates_to=third.id) == 0
        itsm.close()
