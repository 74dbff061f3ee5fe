"""A story from the public API alone: an outage, its problem, a workaround, a change, closure and review."""

from datetime import timedelta
from typing import Any

import pytest
from problem_kit import START, Changes, Ticking

import itil4
from itil4 import Actor
from itil4.practices.problem_policy import ProblemPolicy

ANA = Actor("ana", {"user"})
SAM = Actor("sam", {"service_desk"})
TOM = Actor("tom", {"technical_analyst"})
MIA = Actor("mia", {"problem_manager"})


def told(mode: Any, url: str | None = None) -> list[str]:
    """Tell the story in one mode of known errors; return what happened, line by line."""
    clock = Ticking()
    rules = ProblemPolicy(known_errors=mode)
    itsm = itil4.connect(url, practices=[Changes], clock=clock, policies={"problem": rules})
    lines: list[str] = []

    def say(text: str) -> None:
        minutes = (clock.now() - START) // timedelta(minutes=1)
        lines.append(f"{minutes:>5}  {text}")
        clock.move(minutes=10)

    outage = itsm.incidents.log(
        summary="Mail relay drops connections", service="mail", impact="high", urgency="high", by=ANA
    )
    itsm.incidents.start(outage, by=SAM)
    clock.move(minutes=20)
    outage = itsm.incidents.resolve(outage.number, resolution="Relay restarted", by=SAM)
    say(f"{outage.number} is {outage.state}: {outage.resolution}. Nobody knows why it broke.")

    problem = itsm.problems.log(
        summary="Mail relay drops connections", symptoms="Connections time out at noon", service="mail",
        incidents=[outage], by=SAM,
    )  # fmt: skip
    problem = itsm.problems.categorize(problem, category="software", impact="high", urgency="medium", by=SAM)
    problem = itsm.problems.investigate(problem, by=TOM)
    problem = itsm.problems.add_cause(
        problem, "leak", "The relay leaks 2 kB a connection", technique="5 whys", confidence="confirmed",
        evidence=["heap.prof", outage.number], by=TOM,
    )  # fmt: skip
    say(f"{problem.number}, priority {problem.priority}, has a {problem.causes[0].confidence} cause.")

    problem = itsm.problems.conclude(problem, by=MIA)
    known = itsm.known_errors.of(problem)
    errors = itsm.known_errors if mode == "record" else itsm.problems
    known = errors.add_workaround(known, "restart", "Restart the relay at noon", effect="service restored", by=TOM)
    known = errors.publish_workaround(known, "restart", by=MIA)
    say(f"It is a known error with a workaround: {known.workaround}.")

    second = itsm.incidents.log(summary="The relay drops connections again", service="mail", by=ANA)
    (match,) = itsm.known_errors.match(second, by=SAM)
    itsm.known_errors.accept(match, by=SAM)
    second = errors.use_workaround(known.id, second.number, by=SAM)
    say(f"{second.number} is one of it ({match.reasons[0]}) and {second.state} by {second.resolution_code}.")

    change = itsm.changes.log(summary="Patch the relay", by=TOM)
    known = errors.develop(known.id, by=TOM)
    known = itsm.link(known, "resolved_by", change, by=TOM)
    why = errors.explain(known, "resolve", resolution="Patched", by=TOM).reasons[0]
    say(f"Not resolved yet: {why.detail['text']}")
    itsm.changes.fire(change, "close", close_code="successful", by=TOM)
    known = errors.resolve(known, resolution="Relay patched to 2.4", by=TOM)
    known = errors.confirm(known, by=SAM)
    clock.move(days=30)
    known = errors.close(known, by=MIA)
    say(f"{known.state}: {known.close_reason}.")
    known = errors.review(known, review="Watch memory from the start", by=MIA)
    figures = itsm.problems.figures()
    reduction = figures["incident_reduction"]
    say(f"{known.state}. Of {sum(reduction.basis.values())} incidents, {reduction.shown} came before the fix.")
    assert errors.replayed(known) == known
    itsm.close()
    return lines


EXPECTED = [
    "   20  INC0000001 is resolved: Relay restarted. Nobody knows why it broke.",
    "   30  PRB0000001, priority 2, has a confirmed cause.",
    "   40  It is a known error with a workaround: Restart the relay at noon.",
    "   50  INC0000002 is one of it (same service: mail) and resolved by workaround.",
    "   60  Not resolved yet: these changes have not succeeded: CHG0000001.",
    "43270  closed: solved.",
    "43280  reviewed. Of 2 incidents, 100.0% came before the fix.",
]


@pytest.mark.parametrize("mode", ["state", "record"])
def test_an_outage_leads_to_a_problem_that_is_solved_and_reviewed(mode: Any, url: str | None) -> None:
    """Outage, problem, known error, workaround in a second incident, change, closure, review: alike in both modes."""
    assert told(mode, url) == EXPECTED
