"""A desk with a clock that the test sets, people, and scripts of what they do."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from hypothesis import strategies as st

import itil4
from itil4 import Actor, Incident, IncidentManagement, IncidentPolicy, Practice, Record, State, Transition
from itil4.errors import ITIL4Error
from itil4.lifecycle import Lifecycle
from itil4.practices.incident_management import LIFECYCLE

MORNING = datetime(2026, 3, 2, 8, tzinfo=UTC)

ANA = Actor("ana", roles={"user"})
SAM = Actor("sam", roles={"service_desk"})
TOM = Actor("tom", roles={"technical_specialist"})
IDA = Actor("ida", roles={"incident_manager"})
TIMER = Actor("timer", kind="system")


class SetClock:
    """A clock that stands still until the test moves it."""

    def __init__(self, at: datetime = MORNING) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, **duration: float) -> datetime:
        self.at += timedelta(**duration)
        return self.at


@attrs.frozen(kw_only=True)
class Cause(Record):
    """The least of a problem: something that incidents are linked to."""


class Causes(Practice[Cause]):
    """Stands in for problem management."""

    name, slot, kind, prefix = "problem_management", "problems", "problem", "PRB"
    record = Cause
    lifecycle = Lifecycle("problem", "open", [State("open", "new"), State("done", "closed")],
                          [Transition("finish", "open", "done")])  # fmt: skip


@attrs.frozen
class Desk:
    itsm: Any
    clock: SetClock

    @property
    def incidents(self) -> IncidentManagement[Incident]:
        return self.itsm.incidents

    def log(self, **values: Any) -> Incident:
        """Log an incident of a user, high at high urgency unless said otherwise."""
        given = {"summary": "Mail is down", "impact": "high", "urgency": "high", "by": ANA, **values}
        return self.incidents.log(**given)

    def after(self, **duration: float) -> IncidentManagement[Incident]:
        """Let time pass, and return the practice."""
        self.clock.move(**duration)
        return self.incidents


def open_desk(store: Any = None, practices: Any = (), **policy: Any) -> Desk:
    clock = SetClock()
    itsm = itil4.connect(
        store,
        practices=[Causes, *practices],
        clock=clock,
        ids=itil4.TimeOrderedIds(clock, random.Random(7)),
        policies={"incident": IncidentPolicy(reopen_closed=True, **policy)},
    )
    return Desk(itsm, clock)


# scripts of what people do, for laws

_STEPS = (
    "assign", "assign", "start", "start", "hold", "hold", "resume", "requeue", "hand_over", "resolve", "resolve",
    "resolve", "resolve", "resolve", "reopen", "reopen", "close", "close", "cancel", "restore", "restore", "escalate",
    "judge", "comment", "link", "link", "unlink", "major",
)  # fmt: skip

actions = st.tuples(
    st.sampled_from(_STEPS),
    st.sampled_from([SAM, SAM, SAM, TOM, IDA, ANA, TIMER]),
    st.integers(0, 5),
    st.sampled_from([0, 1, 7, 20, 60, 60, 333]),
)
births = st.tuples(
    st.sampled_from([ANA, SAM, TIMER]),
    st.sampled_from([None, "high", "medium", "low"]),
    st.sampled_from(["high", "low"]),
    st.sampled_from([None, "mail team", "network"]),
    st.sampled_from([0, 5, 60]),
    st.sampled_from(["", "", "occurred", "detected", "both"]),
)
_birth, _step = births.map(lambda told: ("birth", told)), actions.map(lambda told: ("step", told))
scripts = st.tuples(
    st.lists(_birth, min_size=0, max_size=4),
    st.lists(st.one_of(_step, _step, _step, _step, _step, _birth), min_size=0, max_size=50).flatmap(
        lambda some: st.lists(_step, min_size=10, max_size=30).map(lambda more: [*some, *more])
    ),
).map(lambda parts: [*parts[0], *parts[1]])


def play(desk: Desk, script: Any) -> list[str]:
    """Let people do what the script says, as far as the rules allow; return the ids of the incidents."""
    ids: list[str] = []
    cause = desk.itsm.problems.log(by=IDA)
    for what, told in script:
        if what == "birth":
            by, impact, urgency, group, minutes, known = told
            now = desk.clock.move(minutes=minutes)
            values: dict[str, Any] = {"impact": impact, "urgency": urgency, "group": group}
            if known in ("occurred", "both"):
                values["occurred_at"] = now - timedelta(minutes=minutes + 9)
            if known in ("detected", "both"):
                values["detected_at"] = now - timedelta(minutes=3)
            ids.append(desk.log(**{name: value for name, value in values.items() if value is not None}, by=by).id)
        elif ids:
            name, by, choice, minutes = told
            now = desk.clock.move(minutes=minutes)
            try:
                _act(desk, ids[(choice * 7 + minutes) % len(ids)], name, by, choice, now, cause)
            except ITIL4Error:
                continue
    return ids


def _act(desk: Desk, one: str, name: str, by: Actor, choice: int, now: datetime, cause: Any) -> None:
    incidents, group = desk.incidents, ("mail team", "network", "desk")[choice % 3]
    match name:
        case "assign":
            incidents.assign(one, to=("sam", "tom", None)[choice % 3], group=group, by=by)
        case "hand_over":
            incidents.hand_over(one, group=group, by=by)
        case "hold":
            incidents.hold(one, kind=("user", "vendor")[choice % 2], by=by)
        case "resolve":
            incidents.resolve(one, resolution="Restarted", by=by)
        case "cancel":
            incidents.cancel(one, close_reason="withdrawn", by=by)
        case "restore":
            told = {"restored_at": now - timedelta(minutes=choice * 30)} if choice % 2 else {}
            incidents.restore(one, by=by, **told)
        case "escalate":
            incidents.escalate(one, to="ida", by=by)
        case "judge":
            incidents.update(one, impact=("high", "medium", "low")[choice % 3], by=by)
        case "comment":
            incidents.comment(one, "Looking at it", by=by)
        case "link":
            desk.itsm.link(incidents.get(one), "caused_by", cause, by=by)
        case "unlink":
            desk.itsm.unlink(incidents.get(one), "caused_by", cause, by=by)
        case "major":
            incidents.fire(one, "propose_major", by=by)
        case _:
            incidents.fire(one, name, by=by)


# the same lifecycle under other names

_OTHER = {"new": "neu", "assigned": "zugewiesen", "in_progress": "in Arbeit", "on_hold": "wartet",
          "resolved": "behoben", "closed": "geschlossen", "cancelled": "verworfen"}  # fmt: skip


def renamed(lifecycle: Lifecycle = LIFECYCLE) -> Lifecycle:
    """Return the default lifecycle of incidents with other state names and the same categories."""
    return attrs.evolve(
        lifecycle,
        initial=tuple(_OTHER[name] for name in lifecycle.initial),
        states=[attrs.evolve(state, name=_OTHER[state.name]) for state in lifecycle.states],
        transitions=[
            attrs.evolve(
                each,
                sources=[_OTHER[source] for source in each.sources],
                target=_OTHER[each.target],
                follow_ups=[attrs.evolve(row, states=tuple(_OTHER[name] for name in row.states))
                            for row in each.follow_ups],
            )
            for each in lifecycle.transitions
        ],
    )  # fmt: skip


class German(IncidentManagement[Incident]):
    """Incident management with other state names."""

    lifecycle = renamed()
