"""ServiceNow: incident, the major incident beside it, changes and the requested item."""

from datetime import timedelta
from typing import Any

from itil4.lifecycle import FieldRule, Guard, Lifecycle, State, Timer, Transition

not_major = Guard(
    "not_major", lambda incident, ctx: incident.major_incident_state != "Accepted", text="it is a major incident."
)


def clear_reason(incident: Any, ctx: Any) -> dict[str, Any]:
    return {"on_hold_reason": None}


def count_reopening(incident: Any, ctx: Any) -> dict[str, Any]:
    return {"reopened_by": ctx.actor.id, "reopened_at": ctx.at.isoformat()}


CLOSED_RULES = {
    "*": FieldRule("read_only", exempt="itil_admin"),
    "subcategory": "editable",
    "caused_by": "editable",
}


def incident(rules: dict[str, Any]) -> Lifecycle:
    working = ["New", "In Progress", "On Hold"]
    return Lifecycle(
        "ServiceNow incident", "New",
        [
            State("New", "new"),
            State("In Progress"),
            State("On Hold", "waiting", kind_from="on_hold_reason", fields={
                "on_hold_reason": "mandatory",
                "comments": FieldRule("mandatory", when={"on_hold_reason": "Awaiting Caller"}),
            }),
            State("Resolved", "resolved", fields={"close_code": "mandatory", "close_notes": "mandatory"},
                  timers=[Timer("auto_close", after=timedelta(days=7))]),
            State("Closed", "closed", final=True, fields=CLOSED_RULES),
            State("Canceled", "cancelled", final=True, fields_from="Closed"),
        ],
        [
            Transition("assign/start", "New", "In Progress", roles="itil"),
            Transition("hold", "In Progress", "On Hold", roles="itil"),
            Transition("resume", "On Hold", "In Progress", roles="itil"),
            Transition("caller_update", "On Hold", "In Progress", roles="caller", effects=[clear_reason]),
            Transition("resolve", working, "Resolved", roles="itil"),
            Transition("reopen", "Resolved", "In Progress", roles="itil", effects=[count_reopening]),
            Transition("reopen", "Resolved", "In Progress", roles={"caller", "opened_by"}, guards=[not_major],
                       effects=[count_reopening]),
            Transition("close", "Resolved", "Closed", roles={"itil_admin", "admin", "caller"}),
            Transition("auto_close", "Resolved", "Closed", guards=[not_major], internal=True),
            Transition("cancel", working, "Canceled", roles="itil"),
        ],
    )  # fmt: skip


def major_incident(rules: dict[str, Any]) -> Lifecycle:
    return Lifecycle(
        "ServiceNow major incident", "(none)",
        [
            State("(none)", "new"),
            State("Proposed"),
            State("Accepted", fields={"business_impact": "must_prompt", "work_notes": "must_prompt"}),
            State("Rejected", "closed", final=True, fields={"reason": "must_prompt"}),
            State("Canceled", "cancelled", final=True),
        ],
        [
            Transition("propose", "(none)", "Proposed"),
            Transition("promote", "Proposed", "Accepted", roles="major_incident_manager"),
            Transition("promote_direct", "(none)", "Accepted", roles="major_incident_manager"),
            Transition("reject", "Proposed", "Rejected", roles="major_incident_manager"),
            Transition("demote", "Accepted", "Canceled", roles="major_incident_manager"),
            Transition("re-propose", "Rejected", "Proposed"),
        ],
        field="major_incident_state",
    )  # fmt: skip


def change_normal(rules: dict[str, Any]) -> Lifecycle:
    return Lifecycle(
        "ServiceNow normal change", "New",
        [
            State("New", "new"),
            State("Assess"),
            State("Authorize"),
            State("Scheduled", fields={"type": "read_only", "start_date": "read_only", "end_date": "read_only"}),
            State("Implement", fields={"type": "read_only"}),
            State("Review", "resolved", fields={"type": "read_only", "close_code": "must_prompt"}),
            State("Closed", "closed", final=True, fields={"close_code": "mandatory", "close_notes": "mandatory"}),
            State("Canceled", "cancelled", final=True),
        ],
        [
            Transition("assess", "New", "Assess"),
            Transition("approve", "Assess", "Authorize", roles="approver"),
            Transition("reject", ["Assess", "Authorize"], "New", roles="approver"),
            Transition("approve", "Authorize", "Scheduled", roles={"cab"}),
            Transition("implement", "Scheduled", "Implement"),
            Transition("review", "Implement", "Review"),
            Transition("close", "Review", "Closed"),
            Transition("revert_to_new", ["Assess", "Authorize"], "New"),
            Transition("cancel", ["New", "Assess", "Authorize", "Scheduled", "Implement"], "Canceled",
                       requires="reason_text"),
        ],
    )  # fmt: skip


def change_standard(rules: dict[str, Any]) -> Lifecycle:
    return Lifecycle(
        "ServiceNow standard change", "New",
        [
            State("New", "new", fields={"template": "read_only", "start_date": "mandatory", "end_date": "mandatory"}),
            State("Scheduled"),
            State("Implement"),
            State("Review", "resolved"),
            State("Closed", "closed", final=True, fields={"close_code": "mandatory", "close_notes": "mandatory"}),
            State("Canceled", "cancelled", final=True),
        ],
        [
            Transition("schedule", "New", "Scheduled"),
            Transition("implement", "Scheduled", "Implement"),
            Transition("review", "Implement", "Review"),
            Transition("close", "Review", "Closed"),
            Transition("cancel", ["New", "Scheduled", "Implement"], "Canceled", requires="reason_text"),
        ],
    )  # fmt: skip


def requested_item(rules: dict[str, Any]) -> Lifecycle:
    return Lifecycle(
        "ServiceNow requested item", ["Open", "Pending"],
        [
            State("Pending", "waiting", kind="approval"),
            State("Open", "new"),
            State("Work in Progress"),
            State("Closed Complete", "closed", final=True),
            State("Closed Incomplete", "closed", final=True),
            State("Closed Skipped", "closed", final=True),
        ],
        [
            Transition("approve", "Pending", "Open", roles="approver"),
            Transition("reject", "Pending", "Closed Incomplete", roles="approver"),
            Transition("start", "Open", "Work in Progress"),
            Transition("fulfil", "Work in Progress", "Closed Complete"),
            Transition("fail", "Work in Progress", "Closed Incomplete"),
            Transition("cancel", "Open", "Closed Incomplete"),
        ],
    )  # fmt: skip


PRESETS = {
    ("ServiceNow", "incident"): incident,
    ("ServiceNow", "major_incident (orthogonal state on incident)"): major_incident,
    ("ServiceNow", "change_normal"): change_normal,
    ("ServiceNow", "change_standard"): change_standard,
    ("ServiceNow", "sc_req_item"): requested_item,
}
