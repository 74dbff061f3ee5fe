"""Continual improvement: a register of what could be better, and the seven steps that make it so.

Every item of a register walks through the improvement model: the vision, where we are, where we want to be, how to
get there, action, whether we got there, and how it lasts. Whether an item reached what was wanted is computed from
its baseline, target and result, and told as unknown while one of them is.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeVar

import attrs

from itil4.errors import Reason
from itil4.lifecycle import Context, Lifecycle, State, Transition, guard
from itil4.practices.base import Practice
from itil4.practices.figures import Figures, Period
from itil4.practices.measuring import Definition, Tally, averaged, counted, measure, shared
from itil4.practices.stories import Story
from itil4.record import SELF, Actor, Line, Note, Record, Relation
from itil4.value.improvement import IMPROVEMENT_STEPS, ImprovementStep


@attrs.frozen(kw_only=True)
class Improvement(Record):
    """An item of an improvement register: something that could be better, and what is done about it.

    Attributes:
        register: which register it stands in; there may be many, at different levels.
        source: where the idea came from: a review, feedback, a figure, the number of a record.
        owner: who answers for it.
        benefit: what it is expected to bring, and to whom.
        priority: 1 comes first; None while nobody has judged it.
        vision: the direction that it serves.
        measure, unit: what is measured, and in what.
        baseline, target, result: the measure before, as wanted, and as found afterwards.
        target_at: by when the target is to be reached.
        plan: how to get there.
        reached: computed: whether the result is as good as the target; None while it cannot be told.
        evaluation: what was learned.
        embedding: how the result is kept, and what comes next.
        cycle: how many times it has come to action; 0 before the first.
        ended_at: when it was embedded or rejected.
    """

    summary: Line
    description: Note = ""
    register: Line = "service"
    source: Line | None = None
    owner: Line | None = None
    benefit: Note | None = None
    priority: int | None = None
    vision: Note | None = None
    measure: Line | None = None
    unit: Line | None = None
    baseline: float | None = None
    target: float | None = None
    result: float | None = None
    target_at: datetime | None = None
    plan: Note | None = None
    reached: bool | None = None
    evaluation: Note | None = None
    embedding: Note | None = None
    close_reason: Line | None = None
    cycle: int = 0
    ended_at: datetime | None = None

    @property
    def step(self) -> ImprovementStep | None:
        """The step of the improvement model that it is at; None for what was rejected or put off."""
        number = _STEPS.get(self.state)
        return None if number is None else IMPROVEMENT_STEPS[number - 1]


_STEPS = {
    "proposed": 1, "assessed": 2, "targeted": 3, "planned": 4, "approved": 4, "in_progress": 5, "evaluated": 6,
    "embedded": 7,
}  # fmt: skip
"""State -> the number of its step in the improvement model."""

_BY_STEPS = {"cycle": ("start",), "ended_at": ("embed", "reject")}
_AT_BIRTH = {"cycle": 0, "ended_at": None}

MANAGER = frozenset({"improvement_manager"})
PEOPLE = MANAGER | {"owner", "team_member"}

_BEFORE_ACTION = ("proposed", "assessed", "targeted", "planned", "approved")


@guard(text="an item needs an owner, a source and an expected benefit before it is approved.", remedy="Update it.")
def is_accounted_for(item: Improvement, context: Context) -> bool:
    """Nothing is approved that nobody answers for, or of which nobody says what it brings (INV-021)."""
    return bool(item.owner and item.source and item.benefit)


@guard(text="there is no baseline and target to judge it by.", remedy="Record both; go back to replan if need be.")
def can_be_judged(item: Improvement, context: Context) -> bool:
    """Whether we got there is asked against where we were and where we wanted to be (INV-020)."""
    return item.baseline is not None and item.target is not None


def next_cycle(item: Improvement, context: Context) -> Mapping[str, Any]:
    """Coming to action begins a cycle; what an earlier one found is history."""
    return {"cycle": item.cycle + 1, "result": None, "evaluation": None}


def note_end(item: Improvement, context: Context) -> Mapping[str, Any]:
    """An end has its time."""
    return {"ended_at": context.at}


LIFECYCLE = Lifecycle(
    "improvement",
    "proposed",
    states=[
        State("proposed", "new", label="What is the vision?"),
        State("assessed", "active", label="Where are we now?"),
        State("targeted", "active", label="Where do we want to be?"),
        State("planned", "waiting", kind="approval", label="How do we get there?"),
        State("approved", "active"),
        State("in_progress", "active", label="Take action"),
        State("evaluated", "active", label="Did we get there?"),
        State("embedded", "closed", label="How do we keep the momentum going?"),
        State("deferred", "waiting", kind="decision"),
        State("rejected", "cancelled", final=True),
    ],
    transitions=[
        Transition("assess", "proposed", "assessed", roles=PEOPLE, requires=["vision", "measure", "baseline"]),
        Transition("set_target", "assessed", "targeted", roles=PEOPLE, requires=["target", "target_at"]),
        Transition("prepare", "targeted", "planned", roles=PEOPLE, requires="plan"),
        Transition("approve", "planned", "approved", roles=MANAGER, guards=[is_accounted_for]),
        Transition("start", "approved", "in_progress", roles=PEOPLE, effects=[next_cycle]),
        Transition("evaluate", "in_progress", "evaluated", roles=PEOPLE, requires=["result", "evaluation"],
                   guards=[can_be_judged]),
        Transition("embed", "evaluated", "embedded", roles=PEOPLE, requires="embedding", effects=[note_end]),
        Transition("rethink", "evaluated", "proposed", roles=PEOPLE, label="Back to the vision"),
        Transition("reassess", "evaluated", "assessed", roles=PEOPLE, label="Back to where we are"),
        Transition("replan", "evaluated", "targeted", roles=PEOPLE, label="Back to the plan"),
        Transition("act_again", "evaluated", "approved", roles=PEOPLE, label="Go on as planned"),
        Transition("defer", _BEFORE_ACTION, "deferred", roles=MANAGER, requires="close_reason"),
        Transition("reconsider", "deferred", "proposed", roles=PEOPLE),
        Transition("reject", [*_BEFORE_ACTION, "deferred"], "rejected", roles=MANAGER, requires="close_reason",
                   effects=[note_end]),
    ],
)  # fmt: skip
"""The seven steps in order, with ways back once it was asked whether we got there (INV-019)."""

M = TypeVar("M", bound=Improvement)


class ContinualImprovement(Practice[M]):
    """The practice of finding and making things better.

    >>> import itil4
    >>> itsm = itil4.connect()
    >>> ida = Actor("ida", roles={"improvement_manager"})
    >>> item = itsm.improvements.log(summary="Answer sooner", source="review in May", owner="ida", by=ida,
    ...     benefit="Users wait less", vision="Help at once", measure="first answer", unit="minutes", baseline=50.0)
    >>> item = itsm.improvements.assess(item, by=ida)
    >>> item.step.name
    'Where are we now?'
    """

    name = "continual_improvement"
    slot = "improvements"
    kind = "improvement"
    prefix = "CIR"
    category = "general"
    record = Improvement  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = LIFECYCLE
    relations = (
        Relation("arises_from", "gave_rise_to"),
        Relation("continues", "continued_by", {(SELF, SELF)}, acyclic=True),
    )
    indexed: ClassVar[tuple[str, ...]] = ("register", "owner", "priority", "target_at", "source")

    def derive(self, proposed: M) -> Mapping[str, Any]:
        """Whether the target was reached: in the direction in which the target lies from the baseline."""
        before, wanted, found = proposed.baseline, proposed.target, proposed.result
        if before is None or wanted is None or found is None:
            return {"reached": None}
        return {
            "reached": found >= wanted if wanted > before else found <= wanted if wanted < before else found == wanted
        }

    def inconsistencies(self, record: M) -> Iterable[Reason]:
        """A priority counts from 1."""
        if record.priority is not None and record.priority < 1:
            yield Reason.of("ill_typed", field="priority", expected="a number from 1 on", value=record.priority)

    def objections(self, before: M | None, after: M, context: Context, event: str) -> Iterable[Reason]:
        """What steps count and stamp is set by them alone."""
        yield from super().objections(before, after, context, event)
        for name, value in context.payload.items():
            if name in _BY_STEPS and value != (_AT_BIRTH[name] if before is None else getattr(before, name)):
                yield Reason.of("own_step", event=event, field=name, steps=_BY_STEPS[name])

    def editors(self) -> frozenset[str]:
        """Items are changed by who answers for them, who works on them, and who keeps the register."""
        return PEOPLE

    def figures(
        self, *, since: datetime | None = None, until: datetime | None = None, split: str | Iterable[str] = (),
        by: Actor | None = None, excluding: Iterable[str] = (),
    ) -> Figures:  # fmt: skip
        """Return the figures of the register; see `itil4.practices.measuring.measure` for the arguments."""
        return measure(self, FIGURES, since=since, until=until, split=split, by=by, excluding=excluding)


# figures


def _logged(story: Story, period: Period, tally: Tally) -> None:
    if period.holds(story.born.at):
        tally.add(story, 1)


def _on_time(story: Story, period: Period, tally: Tally) -> None:
    end = story.last("closed")
    if story.is_over and end is not None and period.holds(end.at):
        due = story.value("target_at", seq=end.seq)
        if due is None:
            tally.leave(story, period, "without a target date")
        else:
            tally.add(story, end.at <= due)
    elif story.is_open:
        tally.wait(story)


def _reached(story: Story, period: Period, tally: Tally) -> None:
    asked = [move for move in story.moves if move.state == "evaluated" and move.before_state != "evaluated"]
    if asked and period.holds(asked[-1].at):
        verdict = story.value("reached", seq=asked[-1].seq)
        if verdict is None:
            tally.leave(story, period, "without a verdict")
        else:
            tally.add(story, verdict)
    elif story.is_open:
        tally.wait(story)


def _age(story: Story, period: Period, tally: Tally) -> None:
    if story.is_open:
        tally.add(story, max(period.end, story.born.at) - story.born.at)


FIGURES = (
    Definition(name="logged", title="Logged", unit="count", fold=counted, measure=_logged, steps=False,
               definition="How many items came into the register in the period.", reads="birth or import"),
    Definition(name="on_time", title="Embedded on time", unit="share", fold=shared, measure=_on_time,
               definition="Of the items embedded in the period, the share that was by its target date.",
               reads="the step to embedded, target_at"),
    Definition(name="reached", title="Target reached", unit="share", fold=shared, measure=_reached,
               definition="Of the items last evaluated in the period, the share whose result was as good as wanted.",
               reads="the last step to evaluated; baseline, target, result"),
    Definition(name="register_age", title="Age of open items", unit="seconds", fold=averaged, measure=_age, steps=False,
               definition="Mean calendar time since logging of the items that were open at the end of the period.",
               reads="birth and the last step"),
)  # fmt: skip
"""The table of the figures."""

__all__ = ["FIGURES", "LIFECYCLE", "MANAGER", "PEOPLE", "ContinualImprovement", "Improvement"]
