"""Problem management: find and remove the causes of incidents, and live well with those that stay.

An incident is the effect, a problem the cause: a problem is a cause, known or possible, of one or
more incidents. From top to bottom: what a problem is, how it moves, and what people do with it. The
eight stages of the notes and the three phases of the practice are in `STAGES`; what follows the
analysis is in `error_control`, and what an organization may decide in `problem_policy`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, TypeVar

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput
from itil4.lifecycle import Context, FollowUp, Lifecycle, State, Transition, guard
from itil4.practices.controlling import ErrorControl
from itil4.practices.error_control import (
    ANALYSTS,
    DECIDERS,
    ERROR_STATES,
    EVERYBODY,
    HANDED_ON,
    MANAGER,
    RENEWED,
    Fault,
    clear_ends,
    error_control,
    not_analysed,
    plan_review,
    policy_of,
    was_merged,
)
from itil4.practices.linking import link
from itil4.practices.problem_values import DISMISSALS, Dismissal, standing
from itil4.record import Actor, Note, Record
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.figures import Figures
    from itil4.practices.recurrence import Candidate

# what a problem is

Source: TypeAlias = Literal["incidents", "trend", "event", "supplier", "testing", "other"]
"""What a problem was found by; all but `incidents` are proactive."""


@attrs.frozen(kw_only=True)
class Problem(Fault):
    """A cause, known or possible, of one or more incidents; a proactive one has none yet (INV-040).

    Attributes:
        source: what it was found by: incidents, a trend, an event, a supplier's notice, testing, or other.
    """

    source: Source = "other"

    @property
    def is_proactive(self) -> bool:
        """Whether it was found before it showed in incidents."""
        return self.source != "incidents"


Q = TypeVar("Q", bound=Problem)

# how a problem moves


@guard(text="every cause was ruled out.", remedy="Record a cause that holds, or dismiss the problem.")
def knows_cause(problem: Problem, context: Context) -> bool:
    """An analysis is complete when at least one cause holds; there may be several (INV-041, INV-051)."""
    return not problem.causes or bool(standing(problem.causes))


@guard(text="known errors are records of their own here.")
def stays_one(problem: Problem, context: Context) -> bool:
    """In the one mode the problem becomes the known error (INV-042)."""
    return policy_of(context).known_errors == "state"


@guard(text="known errors are states of their problems here.")
def goes_apart(problem: Problem, context: Context) -> bool:
    """In the other mode the problem closes, and its known error goes on (INV-042)."""
    return policy_of(context).known_errors == "record"


@guard(reads="close_reason", remedy=f"Dismiss it as one of: {', '.join(DISMISSALS)}.")
def is_dismissal(problem: Problem, context: Context) -> bool | str:
    """In problem control it ends only because it is none, or none that matters (INV-045)."""
    return problem.close_reason in DISMISSALS or f"{problem.close_reason!r} is no reason to dismiss a problem."


@guard(text="its known error is still open.", remedy="Close the known error first.")
def known_error_is_over(problem: Problem, context: Context) -> bool:
    """What is analysed anew is no known error meanwhile (INV-041)."""
    return not any(each.is_known_error or each.state == "resolved" for each in context.facts["links.known_error"])


def stamp_analysed(problem: Problem, context: Context) -> Mapping[str, Any]:
    """Problem control ends here."""
    return {"analysed_at": context.at, "analyses": problem.analyses + 1}


def stamp_apart(problem: Problem, context: Context) -> Mapping[str, Any]:
    """The problem is closed because its known error goes on."""
    return {"closed_at": context.at, "close_reason": "analysed"}


def stamp_dismissed(problem: Problem, context: Context) -> Mapping[str, Any]:
    """A dismissal has its time."""
    return {"closed_at": context.at}


def begin_anew(problem: Problem, context: Context) -> Mapping[str, Any]:
    """The analysis is open again, with all that is known by now, also by a known error of its own."""
    known = [each for each in context.facts.get("links.known_error", ()) if each.analyses == problem.analyses]
    held = {name: getattr(known[0], name) for name in ("causes", "workarounds", "debts")} if known else {}
    return {**clear_ends(problem, context), **held, "analysed_at": None, "target_at": None, "next_review_at": None}


_CONTROL = ("identified", "logged", "categorized", "investigating")

LIFECYCLE = Lifecycle(
    "problem",
    ("logged", "identified"),
    states=[
        State("identified", "new"),
        State("logged", "new"),
        State("categorized", "active"),
        State("investigating", "active"),
        *ERROR_STATES,
    ],
    transitions=[
        Transition("register", "identified", "logged", roles=EVERYBODY),
        Transition("categorize", ["logged", "categorized"], "categorized", roles=EVERYBODY, requires="category"),
        Transition("investigate", "categorized", "investigating", roles=ANALYSTS),
        Transition(
            "conclude", "investigating", "known_error", roles=DECIDERS, requires="causes",
            guards=[knows_cause, stays_one], effects=[stamp_analysed, plan_review], facts="policy",
        ),
        Transition(
            "conclude", "investigating", "closed", roles=DECIDERS, requires="causes",
            guards=[knows_cause, goes_apart], effects=[stamp_analysed, plan_review, stamp_apart], facts="policy",
            follow_ups=[
                FollowUp("renew", "links.known_error", on_refusal="refuse", states=("closed", "reviewed"),
                         payload={name: name for name in RENEWED})
            ],
        ),
        Transition(
            "dismiss", _CONTROL, "dismissed", roles=MANAGER, requires=["close_reason", "close_note"],
            guards=[is_dismissal], effects=[stamp_dismissed],
        ),
        Transition(
            "reanalyse", ["closed", "reviewed"], "investigating", roles=MANAGER, guards=[known_error_is_over],
            effects=[begin_anew], facts="links.known_error",
        ),
        *error_control(analysing=["investigating"], helping=["categorized", "investigating"], opened=_CONTROL),
        Transition(
            "unmerge", "dismissed", "logged", roles=DECIDERS, guards=[was_merged, not_analysed], effects=[clear_ends]
        ),
    ],
)  # fmt: skip
"""The default lifecycle of a problem, in both modes; extend it with `LIFECYCLE.extend(...)`."""

RETURNS = frozenset({"reanalyse", "unmerge", "reject_resolution"})
"""The steps that may lead back to an earlier stage."""


@attrs.frozen
class Stage:
    """One of the eight stages of the notes: its phase, its states, and what is done in it."""

    name: str
    phase: str
    states: tuple[str, ...]
    verbs: tuple[str, ...]


IDENTIFICATION, CONTROL, ERROR_CONTROL = "problem identification", "problem control", "error control"

PHASES = (IDENTIFICATION, CONTROL, ERROR_CONTROL)

STAGES = (
    Stage("identification", IDENTIFICATION, ("identified",), ("candidates", "identify")),
    Stage("logging", IDENTIFICATION, ("logged",), ("log", "register", "assign", "merge", "unmerge")),
    Stage("categorization", CONTROL, ("categorized",), ("categorize",)),
    Stage(
        "investigation", CONTROL, ("investigating",), ("investigate", "add_cause", "conclude", "dismiss", "reanalyse"),
    ),
    Stage(
        "workaround", CONTROL, (),
        ("add_workaround", "publish_workaround", "withdraw_workaround", "apply_workaround", "use_workaround"),
    ),
    Stage(
        "resolution", ERROR_CONTROL, ("known_error", "developing", "deferred", "resolved"),
        ("develop", "defer", "recheck", "remind", "accept_risk", "resolve", "confirm",
         "reject_resolution"),
    ),
    Stage("closure", ERROR_CONTROL, ("closed", "dismissed"), ("close", "close_duplicate")),
    Stage("review", ERROR_CONTROL, ("reviewed",), ("review",)),
)  # fmt: skip
"""The eight stages, in order, each in its phase (INV-049)."""

# what people do


class ProblemManagement(ErrorControl[Q]):
    """The practice of finding and removing the causes of incidents."""

    name = "problem_management"
    slot = "problems"
    kind = "problem"
    prefix = "PRB"
    record = Problem
    lifecycle = LIFECYCLE
    indexed: ClassVar[tuple[str, ...]] = (*ErrorControl.indexed, "source")

    # identification and logging

    def log(
        self, *, incidents: Iterable[Any] = (), by: Actor | None = None, at: datetime | None = None,
        reason: str | None = None, once: str | None = None, **values: Any,
    ) -> Q:  # fmt: skip
        """Record a problem, with the incidents that it causes, where there are some (INV-040).

        Raises:
            InvalidInput: a field is missing, unknown, ill-typed or contradicts another.
            Refused: the actor has no role in problem management.
        """
        return self._found("log", "logged", incidents, by, at, reason, once, values)

    def identify(
        self, *, incidents: Iterable[Any] = (), by: Actor | None = None, at: datetime | None = None,
        reason: str | None = None, once: str | None = None, **values: Any,
    ) -> Q:  # fmt: skip
        """Note what may be a problem before anybody takes it up: from a trend, an event, a supplier, a test."""
        return self._found("identify", "identified", incidents, by, at, reason, once, values)

    def _found(
        self, event: str, state: str, incidents: Iterable[Any], by: Actor | None, at: datetime | None,
        reason: str | None, once: str | None, values: Mapping[str, Any],
    ) -> Q:  # fmt: skip
        actor = self.desk.who(by, event)
        if isinstance(incidents, (str, Record)) or not isinstance(incidents, Iterable):
            expected = "several incidents, or their numbers"
            raise InvalidInput.of("ill_typed", field="incidents", expected=expected, value=incidents)
        known = tuple(incidents)
        given = {"source": "incidents", **values} if known else values

        def work(unit: Unit) -> Q:
            context = self._context(unit, actor, None, "log", given, at, reason)
            record, entry = self._newborn(context, given, state)
            unit.born(self.stored, record, entry)
            desk = self.desk.clone(actor=actor, unit=unit)
            for incident in known:
                link(desk, incident, "caused_by", record, actor, reason, None)
            return record

        return self._run(event, once, work, None, actor)

    def incidents(self, record: str | Q, *, by: Actor | None = None) -> tuple[Any, ...]:
        """Return the incidents that the problem causes, oldest link first."""
        return self.linked(record, "causes", by=by)

    def candidates(
        self, since: datetime, until: datetime, *, by: Actor | None = None, fields: Iterable[str] | None = None,
        least: int = 2,
    ) -> "tuple[Candidate, ...]":  # fmt: skip
        """Propose problems from the incidents that were logged from `since` on and before `until`.

        Groups with the most incidents that no problem explains come first; see `recurrence.candidates`
        for the measure and `recurrence.pareto` for the table. Only what the actor may see is counted.

        Raises:
            InvalidInput: a time has no zone, the period ends before it begins, a field is none that incidents are
                grouped by, or `least` is less than 2.
        """
        from itil4.practices.recurrence import DIMENSIONS, candidates

        since, until = instant(since, "since"), instant(until, "until")
        if since > until:
            raise InvalidInput.of("bad_period", since=since, until=until)
        practice = self.desk.in_slot("incidents")
        held = list(practice.each(created_at__ge=since, created_at__lt=until, by=by))
        links = self.desk.reading().links_of([each.id for each in held])
        traced = {row.source for row in links if row.relation == "caused_by" and row.target_kind == self.kind}
        return candidates(held, fields=DIMENSIONS if fields is None else fields, least=least, traced=traced)

    # problem control

    def categorize(self, record: str | Q, *, category: str, by: Actor | None = None, **options: Any) -> Q:
        """Say what kind of problem it is; impact and urgency may come with it."""
        return self.fire(record, "categorize", by=by, category=category, **options)

    def investigate(self, record: str | Q, *, by: Actor | None = None, **options: Any) -> Q:
        """Begin to analyse it."""
        return self.fire(record, "investigate", by=by, **options)

    def conclude(self, record: str | Q, *, by: Actor | None = None, **options: Any) -> Q:
        """End the analysis: from now on there is a known error (INV-041, INV-042).

        Where known errors are records of their own, the problem closes as `analysed`, and
        `itsm.known_errors.of(problem)` is what goes on.
        """
        return self.fire(record, "conclude", by=by, **options)

    def dismiss(
        self, record: str | Q, *, close_reason: Dismissal, close_note: Note, by: Actor | None = None, **options: Any
    ) -> Q:
        """End it in problem control: it was mistaken, negligible or irrelevant (INV-045)."""
        return self.fire(record, "dismiss", by=by, close_reason=close_reason, close_note=close_note, **options)

    def reanalyse(self, record: str | Q, *, by: Actor | None = None, **options: Any) -> Q:
        """Take up the analysis of a closed problem again; for the problem manager."""
        return self.fire(record, "reanalyse", by=by, **options)

    # figures

    def figures(
        self, *, since: datetime | None = None, until: datetime | None = None, split: str | Iterable[str] = (),
        by: Actor | None = None, excluding: Iterable[str] = (), window: timedelta | None = None,
    ) -> "Figures":  # fmt: skip
        """Return the figures of a period: incident reduction, downtime, reliability and the rest.

        Args:
            since, until, split, by, excluding: as for the figures of incidents.
            window: how long before and after a fix incidents are counted (calendar time); by default 90 days.
        """
        from itil4.practices.problem_figures import WINDOW, problem_figures  # read when first asked for

        span = WINDOW if window is None else window
        if not isinstance(span, timedelta) or span < timedelta(0):
            raise InvalidInput.of(
                "ill_typed", field="window", expected="a timedelta that is not negative", value=window
            )
        return problem_figures(self, since=since, until=until, split=split, by=by, excluding=excluding, window=span)

    # where known errors are records of their own

    def follow_ups(
        self, record: Q, event: str, rows: tuple[FollowUp, ...], roles: frozenset[str]
    ) -> tuple[FollowUp, ...]:
        """A known error of its own is renewed only when its problem closed as analysed."""
        return () if event == "conclude" and record.state != "closed" else rows

    def _step(
        self, unit: Unit, current: Q, event: str, actor: Actor, payload: Mapping[str, Any], at: datetime | None,
        reason: str | None, cause: str | None, seen: frozenset[str] = frozenset(),
    ) -> Q:  # fmt: skip
        new = super()._step(unit, current, event, actor, payload, at, reason, cause, seen)
        if event == "conclude" and new.state == "closed" and not self._ends(new, "known_error", unit):
            handed = {name: getattr(new, name) for name in HANDED_ON}
            known_errors: Any = self.desk.in_slot("known_errors")
            known_errors.come_from(unit, new, handed, actor, at, reason)
        return new


def phase_of(state: str) -> str:
    """Return the phase that a state belongs to."""
    return next(stage.phase for stage in STAGES if state in stage.states)


__all__ = [
    "LIFECYCLE", "PHASES", "RETURNS", "STAGES", "Problem", "ProblemManagement", "Source", "Stage", "phase_of",
]  # fmt: skip
