"""GLPI: every status may follow every other unless the matrix of a profile says no, and named steps beside that."""

from typing import Any

from itil4.lifecycle import Chosen, Guard, Lifecycle, State, Transition

Matrix = dict[str, set[tuple[str, str]]]
"""Profile -> the (old, new) pairs that its matrix denies. A profile without a matrix may set nothing."""

MATRIX: Matrix = {
    "super-admin": set(),
    "technician": {("SOLVED", "CLOSED"), ("CLOSED", "INCOMING"), ("INCOMING", "SOLVED")},
    "observer": {(old, new) for old in ("INCOMING", "WAITING", "EVALUATION") for new in ("CLOSED", "SOLVED", "TEST")},
}

has_assignee = Guard("has_assignee", lambda ticket, ctx: ticket.assignee is not None)
no_assignee = Guard("no_assignee", lambda ticket, ctx: ticket.assignee is None)


def set_status(names: tuple[str, ...], matrix: Matrix) -> list[Transition]:
    """One arrow per pair, so that each can be denied to some; the actor names the status as `status`."""
    return [
        Transition(
            "set_status", old, Chosen("status", among=[new]),
            roles=set(matrix), denied={profile for profile, pairs in matrix.items() if (old, new) in pairs} or None,
        )
        for old in names
        for new in names
        if old != new
    ]  # fmt: skip


def ticket(rules: dict[str, Any]) -> Lifecycle:
    names = ("INCOMING", "ASSIGNED", "PLANNED", "WAITING", "SOLVED", "CLOSED")
    categories: Any = ("new", "active", "active", "waiting", "resolved", "closed")
    return Lifecycle(
        "GLPI ticket", "INCOMING",
        [State(name, category, final=name == "CLOSED") for name, category in zip(names, categories, strict=True)],
        [
            Transition("assign (implicit)", "INCOMING", "ASSIGNED"),
            Transition("plan_task (implicit)", "ASSIGNED", "PLANNED"),
            Transition("put_pending", ["ASSIGNED", "PLANNED"], "WAITING"),
            Transition("resume", "WAITING", "ASSIGNED"),
            Transition("add_solution (implicit)", ["ASSIGNED", "PLANNED"], "SOLVED"),
            Transition("approve_solution", "SOLVED", "CLOSED"),
            Transition("refuse_solution", "SOLVED", "ASSIGNED"),
            Transition("reopen", "CLOSED", "ASSIGNED", guards=[has_assignee]),
            Transition("reopen", "CLOSED", "INCOMING", guards=[no_assignee]),
            *set_status(names, MATRIX),
        ],
    )  # fmt: skip


def change(rules: dict[str, Any]) -> Lifecycle:
    categories: Any = {
        "INCOMING": "new", "EVALUATION": "active", "APPROVAL": "active", "ACCEPTED": "active", "WAITING": "waiting",
        "TEST": "active", "QUALIFICATION": "active", "SOLVED": "resolved", "OBSERVED": "resolved", "CLOSED": "closed",
        "CANCELED": "cancelled", "REFUSED": "cancelled",
    }  # fmt: skip
    ends = ("CLOSED", "CANCELED", "REFUSED")
    return Lifecycle(
        "GLPI change", "INCOMING",
        [State(name, category, final=name in ends) for name, category in categories.items()],
        [
            Transition("reopen", "CLOSED", Chosen("status", among=["INCOMING", "EVALUATION"])),
            Transition("reopen", ["CANCELED", "REFUSED"], "EVALUATION"),
            *set_status(tuple(categories), MATRIX),
        ],
    )  # fmt: skip


PRESETS = {("GLPI", "Ticket"): ticket, ("GLPI", "Change"): change}
