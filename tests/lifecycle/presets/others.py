"""Zammad, incident.io and PagerDuty."""

from datetime import timedelta
from typing import Any

from itil4.lifecycle import Chosen, Guard, Lifecycle, State, Timer, Transition

review_wanted = Guard("review_wanted", lambda incident, ctx: incident.review == "yes")


def zammad(rules: dict[str, Any]) -> Lifecycle:
    categories: Any = {
        "new": "new", "open": "active", "pending reminder": "waiting", "pending close": "waiting", "merged": "closed",
        "closed": "closed",
    }  # fmt: skip
    return Lifecycle(
        "Zammad ticket", "new",
        [
            State(name, category, kind="time" if category == "waiting" else None, final=category == "closed")
            for name, category in categories.items()
        ],
        [Transition("any", "*", Chosen("to", among=list(categories)))],
    )  # fmt: skip


def incident_io(rules: dict[str, Any]) -> Lifecycle:
    return Lifecycle(
        "incident.io incident", "Triage",
        [State("Triage", "new"), State("Investigating"), State("Fixing"), State("Monitoring"),
         State("Post-incident", "resolved"), State("Closed", "closed", final=True)],
        [
            Transition("accept", "Triage", "Investigating"),
            Transition("set", "Investigating", "Fixing"),
            Transition("set", "Fixing", "Monitoring"),
            Transition("set", "Monitoring", "Post-incident", guards=[review_wanted]),
            Transition("set", "Monitoring", "Closed"),
            Transition("complete", "Post-incident", "Closed"),
        ],
    )  # fmt: skip


def pagerduty(rules: dict[str, Any]) -> Lifecycle:
    return Lifecycle(
        "PagerDuty incident", "Triggered",
        [
            State("Triggered", "new"),
            State("Acknowledged", timers=[Timer("ack_timeout", after=timedelta(minutes=30))]),
            State("Resolved", "resolved", final=True),
        ],
        [
            Transition("acknowledge", "Triggered", "Acknowledged"),
            Transition("ack_timeout", "Acknowledged", "Triggered", internal=True),
            Transition("resolve", ["Triggered", "Acknowledged"], "Resolved"),
            Transition("trigger", "Triggered", "Triggered", internal=True),
            Transition("trigger", "Acknowledged", "Acknowledged", internal=True),
        ],
    )  # fmt: skip


PRESETS = {
    ("Zammad", "Ticket"): zammad,
    ("incident.io", "incident"): incident_io,
    ("PagerDuty", "incident"): pagerduty,
}
