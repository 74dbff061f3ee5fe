"""The figures of service request management: in time, by machines, to satisfaction, and what is left to do.

Folded from the histories of service requests. A request is fulfilled when it last entered a state of category
resolved, or closed without that; durations are calendar time. Each figure names the records behind it.
"""

from collections.abc import Iterator
from datetime import timedelta

from itil4.practices.figures import Period
from itil4.practices.measuring import Definition, Tally, averaged, counted, shared
from itil4.practices.request_lifecycle import REROUTED
from itil4.practices.stories import Move, Story
from itil4.vocabulary import OPEN

_SATISFIED = 4


def _fulfilment(story: Story, period: Period) -> Move | None:
    """Return where it was fulfilled, if that lies in the period and still holds."""
    done = story.ending
    return done if done is not None and story.is_over and period.holds(done.at) else None


def _taken(story: Story, done: Move) -> timedelta:
    """Return the time up to fulfilment in which it was open and nobody waited for the requester."""
    time = timedelta()
    for place, move in enumerate(story.moves[:-1]):
        if move.seq >= done.seq:
            break
        asked = move.category == "waiting" and story.value("hold_kind", seq=move.seq) == "user"
        if move.category in OPEN and not asked:
            time += story.moves[place + 1].at - move.at
    return time


def _submitted(story: Story, period: Period, tally: Tally) -> None:
    if period.holds(story.born.at):
        tally.add(story, 1)


def _within_target(story: Story, period: Period, tally: Tally) -> None:
    done = _fulfilment(story, period)
    target = story.value("target")
    if done is not None:
        if target is None:
            tally.leave(story, period, "without a target")
        else:
            tally.add(story, _taken(story, done) <= target)
    elif story.is_open:
        tally.wait(story)


def _time(story: Story, period: Period, tally: Tally) -> None:
    done = _fulfilment(story, period)
    if done is not None:
        tally.add(story, done.at - story.born.at)
    elif story.is_open:
        tally.wait(story)


def _automated(story: Story, period: Period, tally: Tally) -> None:
    if _fulfilment(story, period) is not None:
        verdict = story.value("automated")
        if verdict is None:
            tally.leave(story, period, "nobody knows who fulfilled it")
        else:
            tally.add(story, verdict)


def _satisfied(story: Story, period: Period, tally: Tally) -> None:
    if _fulfilment(story, period) is not None:
        told = story.value("satisfaction")
        if told is not None:
            tally.add(story, told >= _SATISFIED, str(told))
        elif story.category == "closed":
            tally.leave(story, period, "nobody said")
        else:
            tally.wait(story)


def _age(story: Story, period: Period, tally: Tally) -> None:
    if story.is_open:
        tally.add(story, max(period.end, story.born.at) - story.born.at)


def _approval(story: Story, period: Period, tally: Tally) -> None:
    asked = None
    for move in story.moves:
        if move.state == "awaiting_approval" != move.before_state:
            asked = move.at
        elif asked is not None and move.before_state == "awaiting_approval" != move.state:
            if period.holds(move.at) and move.entry.event in ("admit", "refuse"):
                tally.add(story, move.at - asked)
            asked = None
    if asked is not None:
        tally.wait(story)


def _reopened(story: Story, period: Period, tally: Tally) -> None:
    if story.ending is not None and any(each.ends and period.holds(each.at) for each in story.moves):
        tally.add(story, bool(story.returns))


def _rerouted(story: Story, period: Period, tally: Tally) -> None:
    if period.holds(story.born.at):
        tally.add(story, story.category == "cancelled" and story.value("close_reason") == REROUTED)


_MOVES = "births and steps of service requests"

FIGURES = (
    Definition(name="submitted", title="Requests submitted", unit="count", fold=counted, measure=_submitted,
               definition="How many requests were submitted in the period.", reads="births", steps=False),
    Definition(name="fulfilment_within_target", word="quickly", title="Fulfilled within target", unit="share",
               fold=shared, measure=_within_target, reads=f"{_MOVES}, target, hold_kind",
               definition="Of the requests fulfilled in the period, the share that was open, without waiting "
               "for the requester, no longer than the target of their model."),
    Definition(name="time_to_fulfil", title="Time to fulfil", unit="seconds", fold=averaged, measure=_time,
               definition="Mean time from submission to the last fulfilment, of those fulfilled in the period.",
               reads=_MOVES),
    Definition(name="automation_share", word="without fuss", title="Fulfilled by systems alone", unit="share",
               fold=shared, measure=_automated, reads="who did the tasks and the step to fulfilled",
               definition="Of the requests fulfilled in the period, the share in which no person did a task, nor the "
               "last step."),
    Definition(name="satisfaction", title="Satisfied requesters", unit="share", fold=shared, measure=_satisfied,
               definition="Of the requests fulfilled in the period whose requester said, the share with 4 or 5 of 5.",
               reads="satisfaction"),
    Definition(name="backlog_age", title="Age of open requests", unit="seconds", fold=averaged, measure=_age,
               definition="Mean time since submission of the requests that were open at the end of the period.",
               reads="births and the last steps", steps=False),
    Definition(name="approval_time", title="Time to approval", unit="seconds", fold=averaged, measure=_approval,
               definition="Mean time from asking for approval to the decision, of decisions in the period.",
               reads=_MOVES),
    Definition(name="reopened", title="Requests reopened", unit="share", fold=shared, measure=_reopened,
               definition="Of the requests that were fulfilled in the period, the share that was ever reopened.",
               reads=_MOVES),
    Definition(name="rerouted", title="Requests that were something else", unit="share", fold=shared,
               measure=_rerouted, reads="births, close_reason",
               definition="Of the requests submitted in the period, the share that became another kind of record."),
)  # fmt: skip
"""The table of the figures."""


def figure_table() -> Iterator[str]:
    """Return the table of the figures as lines of Markdown."""
    yield "| figure | unit | definition |"
    yield "|---|---|---|"
    for each in FIGURES:
        unit = {"seconds": "calendar time"}.get(each.unit, each.unit)
        yield f"| `{each.name}`: {each.title} | {unit} | {each.definition} |"


__all__ = ["FIGURES", "figure_table"]
