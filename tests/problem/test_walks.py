"""The same random walk in both modes of known errors ends alike, step by step."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from problem_kit import ANALYST, DESK, MANAGER, OWNER, START, USER, Ticking, keeper, opened

from itil4 import Actor, ITIL4Error, ServiceManagement
from itil4.practices.error_control import KNOWN_ERROR_STATES

ACTORS = (MANAGER, MANAGER, OWNER, ANALYST, DESK, USER)

OF_THE_PROBLEM = ("register", "categorize", "investigate", "conclude", "dismiss", "reanalyse")

LATER = START + timedelta(days=400)

STEPS: dict[str, tuple[dict[str, Any], ...]] = {
    "register": ({},),
    "categorize": ({"category": "software"}, {}),
    "investigate": ({},),
    "add_cause": ({"name": "leak", "text": "It leaks"}, {"name": "leak", "text": "No", "confidence": "ruled_out"}),
    "conclude": ({},),
    "dismiss": ({"close_reason": "mistaken", "close_note": "No"}, {"close_reason": "solved", "close_note": "No"}),
    "reanalyse": ({},),
    "add_workaround": (
        {"name": "w", "text": "Restart", "effect": "restored"},
        {"name": "w", "text": "For good", "effect": "restored", "permanent": True},
    ),
    "publish_workaround": ({"name": "w"},),
    "withdraw_workaround": ({"name": "w"},),
    "apply_workaround": ({},),
    "develop": ({},),
    "defer": ({"deferral": "No patch", "next_review_at": LATER}, {"deferral": "No", "next_review_at": START}),
    "recheck": ({"next_review_at": LATER},),
    "accept_risk": ({"accepted_by": "board"},),
    "resolve": ({"resolution": "Patched"},),
    "confirm": ({},),
    "reject_resolution": ({},),
    "close": (
        {}, {"close_reason": "solved"}, {"close_reason": "risk_accepted"}, {"close_reason": "permanent_workaround"},
        {"close_reason": "not_affecting", "close_note": "Retired"},
    ),
    "review": ({"review": "Learned"},),
    "close_duplicate": ({},),
    "unmerge": ({},),
}  # fmt: skip

Step = tuple[str, int, int]

steps = st.sampled_from(sorted(STEPS)).flatmap(
    lambda event: st.tuples(st.just(event), st.integers(0, len(STEPS[event]) - 1), st.integers(0, len(ACTORS) - 1))
)
"""An event, which of its payloads, and who."""

FORWARD: list[Step] = [
    ("categorize", 0, 0), ("investigate", 0, 0), ("add_cause", 0, 0), ("conclude", 0, 0), ("resolve", 0, 0),
    ("confirm", 0, 0), ("close", 0, 0), ("reanalyse", 0, 0), ("conclude", 0, 0),
]  # fmt: skip
"""The straight way, so that walks reach the late states too."""

KEPT = (
    "state", "is_known_error", "workaround", "close_reason", "close_note", "resolution", "resolved_at", "confirmed_at",
    "closed_at", "next_review_at", "analysed_at", "analyses", "deferral", "risk_accepted_by", "review",
)  # fmt: skip


def taken(itsm: ServiceManagement, problem: str, step: Step) -> tuple[str, ...]:
    """Take a step on what carries it; return how that went."""
    event, which, who = step
    given, actor = STEPS[event][which], ACTORS[who]
    held = itsm.problems.get(problem)
    carrier = held if event in OF_THE_PROBLEM else itsm.known_errors.of(held)
    practice = keeper(itsm, carrier)
    verb = getattr(practice, event, None)
    try:
        if event == "categorize" or verb is None:
            practice.fire(carrier.id, event, by=actor, **given)
        elif event == "unmerge":
            practice.unmerge(carrier.id, by=actor)
        else:
            verb(carrier.id, by=actor, **given)
    except ITIL4Error as error:
        return type(error).__name__, *(() if event == "reanalyse" else (reason.code for reason in error.reasons))
    return ("taken",)


def shown(itsm: ServiceManagement, problem: str) -> dict[str, Any]:
    """What a walk left behind, as both modes must show it."""
    held = itsm.known_errors.of(problem)
    values = {name: getattr(held, name) for name in KEPT}
    values["causes"] = [(each.name, each.text, each.confidence) for each in held.causes]
    values["workarounds"] = [(each.name, each.version, each.standing, each.permanent) for each in held.workarounds]
    values["debts"] = len(held.debts)
    values["found"] = [each.summary for each in itsm.known_errors.search("relay")]
    values["read"] = [each.summary for each in itsm.known_errors.search("relay", retired=True)]
    values["events"] = [entry.event for entry in itsm.incidents.history("INC0000001")]
    return values


def walked(mode: Any, walk: list[Step]) -> list[Any]:
    """Take a walk in one mode; return every outcome, and what was left after each step."""
    clock = Ticking()
    itsm = opened(mode, clock=clock)
    incident = itsm.incidents.log(summary="Mail is down", by=DESK)
    problem = itsm.problems.log(summary="The relay leaks", incidents=[incident], by=DESK).id
    told: list[Any] = []
    for step in walk:
        clock.move(hours=1)
        told.append((step, taken(itsm, problem, step), shown(itsm, problem)))
        held = itsm.known_errors.of(problem)
        assert held.is_known_error == (held.state in KNOWN_ERROR_STATES)
        if held.is_known_error:
            assert held.analysed_at is not None
            assert held.causes
            assert held.resolved_at is None
            assert held.closed_at is None
    for practice in (itsm.problems, itsm.known_errors):
        for record in practice.each():
            assert practice.replayed(record) == record
    return told


@settings(max_examples=120, deadline=None)
@given(st.integers(0, len(FORWARD)), st.lists(steps, max_size=14), st.integers(0, len(FORWARD)))
def test_inv_041_042_the_same_walk_ends_alike_in_both_modes(forward: int, walk: list[Step], more: int) -> None:
    """INV-041, INV-042: every step is taken or refused for the same reasons, and leaves the same behind."""
    whole = [*FORWARD[:forward], *walk, *FORWARD[forward:more], *walk]
    for one, other in zip(walked("state", whole), walked("record", whole), strict=True):
        assert one == other


def test_a_review_date_that_was_moved_is_forgotten_when_the_problem_is_analysed_anew() -> None:
    """What was planned for the known error of then says nothing about the next one; so in both modes."""
    whole = [*FORWARD[:4], ("recheck", 0, 0), *FORWARD[4:8]]
    left = [walked(mode, whole)[-1][2]["next_review_at"] for mode in ("state", "record")]
    assert left == [None, None]


def test_the_straight_way_reaches_every_late_state() -> None:
    """The walks are worth something: the way that they start with comes to a renewed known error, in both modes."""
    for mode in ("state", "record"):
        outcomes = walked(mode, FORWARD)
        assert [outcome for _, outcome, _ in outcomes] == [("taken",)] * len(FORWARD)
        assert outcomes[-1][2]["analyses"] == 2


def test_who_acts_matters_in_every_walk() -> None:
    """Of the actors of the walks, each may take some step and none may take all."""
    for actor in set(ACTORS) - {USER}:
        assert isinstance(actor, Actor)
    allowed = {actor.id: taken_by(actor) for actor in set(ACTORS)}
    assert allowed[USER.id] == set()
    assert allowed[MANAGER.id] > allowed[OWNER.id]


def taken_by(actor: Actor) -> set[str]:
    """Return the steps of a problem that somebody may take in some state."""
    from itil4.practices.problem_management import LIFECYCLE

    mine = [each for each in LIFECYCLE.transitions if not each.internal]
    return {each.event for each in mine if each.roles is None or each.roles & actor.roles}
