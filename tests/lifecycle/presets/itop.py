"""The four lifecycles of iTop, with its field flags word for word."""

from typing import Any

from itil4.lifecycle import FieldRule, Lifecycle, State, Transition

CATEGORIES = {"new": "new", "escalated_tto": "new", "pending": "waiting", "resolved": "resolved", "closed": "closed"}


def states(rules: dict[str, dict[str, str]], names: tuple[str, ...]) -> list[State]:
    return [
        State(name, CATEGORIES.get(name, "active"), final=name == "closed", fields=rules.get(name, {}))  # type: ignore[arg-type]
        for name in names
    ]


def incident(rules: dict[str, Any]) -> Lifecycle:
    working = ["new", "assigned", "escalated_ttr", "pending", "resolved"]
    return Lifecycle(
        "iTop incident", "new",
        states(rules, ("new", "escalated_tto", "assigned", "escalated_ttr", "pending", "resolved", "closed")),
        [
            Transition("ev_assign", ["new", "escalated_tto", "pending"], "assigned"),
            Transition("ev_timeout", "new", "escalated_tto", internal=True),
            Transition("ev_timeout", "assigned", "escalated_ttr", internal=True),
            Transition("ev_autoresolve", working, "resolved", internal=True),
            Transition("ev_pending", ["assigned", "escalated_ttr"], "pending"),
            Transition("ev_resolve", ["assigned", "escalated_ttr"], "resolved"),
            Transition("ev_reassign", "assigned", "assigned",
                       fields={"agent_id": "must_change", "team_id": FieldRule("must_prompt")}),
            Transition("ev_reassign", "escalated_ttr", "assigned"),
            Transition("ev_close", "resolved", "closed"),
            Transition("ev_reopen", "resolved", "assigned"),
        ],
        events=["ev_assign", "ev_timeout", "ev_autoresolve", "ev_pending", "ev_resolve", "ev_reassign", "ev_close",
                "ev_reopen", "ev_autoclose"],
    )  # fmt: skip


def problem(rules: dict[str, Any]) -> Lifecycle:
    return Lifecycle(
        "iTop problem", "new", states(rules, ("new", "assigned", "resolved", "closed")),
        [
            Transition("ev_assign", "new", "assigned"),
            Transition("ev_reassign", ["assigned", "resolved"], "assigned"),
            Transition("ev_resolve", "assigned", "resolved"),
            Transition("ev_close", "resolved", "closed"),
        ],
        events=["ev_assign", "ev_reassign", "ev_resolve", "ev_close"],
    )  # fmt: skip


CHANGE = (
    "new", "validated", "rejected", "assigned", "plannedscheduled", "approved", "notapproved", "implemented",
    "monitored", "closed",
)  # fmt: skip
CHANGE_EVENTS = (
    "ev_validate", "ev_reject", "ev_assign", "ev_reopen", "ev_plan", "ev_approve", "ev_notapprove", "ev_implement",
    "ev_replan", "ev_monitor", "ev_finish",
)  # fmt: skip


def normal_change(rules: dict[str, Any]) -> Lifecycle:
    return Lifecycle(
        "iTop normal change", "new", states(rules, CHANGE),
        [
            Transition("ev_validate", "new", "validated"),
            Transition("ev_reject", "new", "rejected"),
            Transition("ev_assign", "validated", "assigned"),
            Transition("ev_reopen", "rejected", "new"),
            Transition("ev_plan", "assigned", "plannedscheduled"),
            Transition("ev_approve", "plannedscheduled", "approved"),
            Transition("ev_notapprove", "plannedscheduled", "notapproved"),
            Transition("ev_implement", "approved", "implemented"),
            Transition("ev_replan", "notapproved", "plannedscheduled"),
            Transition("ev_monitor", "implemented", "monitored"),
            Transition("ev_finish", ["implemented", "monitored"], "closed"),
        ],
        events=CHANGE_EVENTS,
    )  # fmt: skip


def routine_change(rules: dict[str, Any]) -> Lifecycle:
    """As iTop makes it: the normal change with authorization left out, and what only that led to left behind."""
    own = {name: State(name, base.category, final=base.final, fields=rules.get(name, {}))
           for name, base in normal_change({}).by_name.items()}  # fmt: skip
    return normal_change({}).extend(
        name="iTop routine change",
        remove=["ev_validate", "ev_reject", "ev_reopen", "ev_approve", "ev_notapprove", "ev_replan"],
        replace={
            **own,
            "ev_assign": Transition("ev_assign", "new", "assigned"),
            "ev_implement": Transition("ev_implement", "plannedscheduled", "implemented"),
        },
        events=["ev_assign", "ev_reopen", "ev_plan", "ev_approve", "ev_notapprove", "ev_implement", "ev_replan",
                "ev_monitor", "ev_finish"],
    )  # fmt: skip


PRESETS = {
    ("iTop", "Incident"): incident,
    ("iTop", "Problem"): problem,
    ("iTop", "NormalChange"): normal_change,
    ("iTop", "RoutineChange"): routine_change,
}
