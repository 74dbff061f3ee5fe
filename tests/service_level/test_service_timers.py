"""Timers ready to use: what waits is looked at again, once for each time that it is due."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from desk import ANA, MONDAY, SAM, clock_of, entries, logged, opened

from itil4 import Actor
from itil4.practices.problem_policy import ProblemPolicy
from itil4.practices.service_policy import ServiceLevelPolicy
from itil4.practices.service_timers import auto_close, hold_review, known_error_reviews

REVIEWS = ServiceLevelPolicy(timers=[auto_close(), hold_review(timedelta(days=3)), *known_error_reviews()])
DAY = timedelta(days=1)

MIA = Actor("mia", roles={"problem_manager"})
TOM = Actor("tom", roles={"technical_analyst"})


@pytest.fixture(params=["memory", "sqlite"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path / "desk.db"


def fired(itsm: Any) -> list[tuple[str, Any]]:
    return [(each.event, each.at) for each in itsm.tick().fired]


def test_what_is_on_hold_is_reminded_of_again_and_again(where: Path | None) -> None:
    """Every three days since it was put on hold or reminded of; subscribers hear of it; it stays on hold."""
    itsm = opened(where, REVIEWS)
    heard: list[str] = []
    itsm.subscribe(lambda entry: heard.append(entry.event or entry.op), practice="incident_management")
    incident = itsm.incidents.hold(logged(itsm), kind="vendor", by=SAM)
    clock_of(itsm).tick(3 * DAY - timedelta(seconds=1))
    assert fired(itsm) == []
    clock_of(itsm).tick(timedelta(seconds=1))
    assert fired(itsm) == [("remind", MONDAY + 3 * DAY)]
    assert fired(itsm) == []
    clock_of(itsm).tick(3 * DAY)
    assert fired(itsm) == [("remind", MONDAY + 6 * DAY)]
    assert heard.count("remind") == 2
    held = itsm.incidents.get(incident.id)
    assert (held.state, held.hold_kind) == ("on_hold", "vendor")
    itsm.incidents.resume(held, by=SAM)
    clock_of(itsm).tick(30 * DAY)
    assert fired(itsm) == []


def test_reminders_that_were_missed_come_one_after_another_and_end_at_now(where: Path | None) -> None:
    """No tick for a week: each reminder is an entry with its own time, and the clock of the waiting is untouched."""
    itsm = opened(where, REVIEWS)
    incident = itsm.incidents.hold(logged(itsm), kind="user", by=SAM)
    clock_of(itsm).tick(7 * DAY)
    assert [at for _, at in fired(itsm)] == [MONDAY + 3 * DAY, MONDAY + 6 * DAY]
    assert [each.at for each in entries(itsm, incident.id, "remind")] == [MONDAY + 3 * DAY, MONDAY + 6 * DAY]


def test_nobody_reminds_by_hand(where: Path | None) -> None:
    """Only time does: a person is refused, whatever their roles, and sees no button for it."""
    itsm = opened(where, REVIEWS)
    incident = itsm.incidents.hold(logged(itsm), kind="vendor", by=SAM)
    codes = {each.code for each in itsm.incidents.explain(incident, "remind", by=SAM).reasons}
    assert codes == {"internal"}
    assert "remind" not in {each.event for each in itsm.incidents.available(incident, by=SAM)}


@pytest.mark.parametrize("mode", ["state", "record"])
def test_an_open_known_error_is_reminded_of_when_its_review_is_due(where: Path | None, mode: Any) -> None:
    """Once for each date, in both modes; looking at it sets the next date, and resolving it ends the reminders."""
    itsm = opened(where, REVIEWS, policies_of_problems=ProblemPolicy(known_errors=mode, review_every=30 * DAY))
    problem = itsm.problems.log(summary="The relay leaks", by=MIA)
    problem = itsm.problems.categorize(problem, category="software", by=MIA)
    problem = itsm.problems.investigate(problem, by=TOM)
    problem = itsm.problems.add_cause(problem, "leak", "Two kB each", technique="5 whys", by=TOM)
    fault = itsm.known_errors.of(itsm.problems.conclude(problem, by=MIA))
    keeper = itsm.problems if type(fault).__name__ == "Problem" else itsm.known_errors
    clock_of(itsm).tick(31 * DAY)
    assert fired(itsm) == [("remind", MONDAY + 30 * DAY)]
    clock_of(itsm).tick(31 * DAY)
    assert fired(itsm) == []
    fault = keeper.recheck(fault.id, next_review_at=MONDAY + 70 * DAY, by=MIA)
    clock_of(itsm).set(MONDAY + 71 * DAY)
    assert fired(itsm) == [("remind", MONDAY + 70 * DAY)]
    fault = keeper.recheck(fault.id, next_review_at=MONDAY + 80 * DAY, by=MIA)
    keeper.resolve(fault, resolution="New relay", by=TOM)
    clock_of(itsm).tick(30 * DAY)
    assert fired(itsm) == []


def test_the_same_timers_as_text(where: Path | None) -> None:
    """What the ready ones say can be written as TOML."""
    read = ServiceLevelPolicy.from_toml("""
    [[timers]]
    state = "resolved"
    event = "close"
    after = "P5D"

    [[timers]]
    state = "on_hold"
    event = "remind"
    after = "P3D"
    since = "step"

    [[timers]]
    kind = "problem"
    state = "known_error"
    event = "remind"
    at = "next_review_at"
    """)
    assert set(read.timers) <= set(REVIEWS.timers)
    itsm = opened(where, read)
    itsm.incidents.hold(logged(itsm, by=ANA), kind="vendor", by=SAM)
    clock_of(itsm).tick(3 * DAY)
    assert fired(itsm) == [("remind", MONDAY + 3 * DAY)]
