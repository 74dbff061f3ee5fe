"""The rules of an incident's steps: what holds one back, and what it changes besides."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from itil4.lifecycle import Context, guard
from itil4.practices.incident_policy import IncidentPolicy
from itil4.record import person
from itil4.storage.query import Compare, Linked, Some, Where

if TYPE_CHECKING:
    from itil4.practices.incident_management import Incident

STAFF = frozenset({"service_desk", "technical_specialist", "incident_manager", "major_incident_manager"})
"""Roles that deliver the service."""

WORKERS = STAFF | {"assignee", "team_member", "owner"}
"""Those, and whoever works on this incident or answers for it."""

REOPENERS = WORKERS | {"requester"}
"""Who may reopen where the policy does not say otherwise; whom it names beside them has the role `reopener` then."""


def _policy(context: Context) -> IncidentPolicy:
    found = context.facts.get("policy")
    return found if isinstance(found, IncidentPolicy) else IncidentPolicy()


@guard(remedy="Log a new incident and relate it to this one.")
def may_reopen(incident: "Incident", context: Context) -> bool | str:
    """Reopening follows the policy: by whom, how long after, and whether at all once closed."""
    policy = _policy(context)
    if policy.reopen_roles.isdisjoint(context.roles):
        return f"the policy lets only these reopen: {', '.join(sorted(policy.reopen_roles)) or 'nobody'}."
    if incident.state == "closed" and not policy.reopen_closed:
        return "the policy does not reopen closed incidents."
    since = context.at - incident.resolved_at if incident.resolved_at is not None else None
    if policy.reopen_within is not None and since is not None and since > policy.reopen_within:
        return f"it was resolved more than {policy.reopen_within} ago."
    return True


@guard(remedy="Move the major incident on first: end it and record its review.")
def major_is_done(incident: "Incident", context: Context) -> bool | str:
    """A major incident is over, and reviewed where the policy wants it, before the incident closes."""
    if incident.major == "accepted":
        return "it runs as a major incident."
    if incident.major == "ended" and not incident.review and _policy(context).review_major:
        return "the major incident has no review yet."
    return True


@guard(text="the incident itself has ended.", remedy="Reopen it first, or log a new one.")
def is_not_over(incident: "Incident", context: Context) -> bool:
    """What is closed or cancelled does not become a major incident."""
    return incident.state not in ("closed", "cancelled")


@guard(text="it was cancelled for another reason.", remedy="Log a new incident.")
def was_merged(incident: "Incident", context: Context) -> bool:
    """Only what was merged can be taken apart again."""
    return incident.close_reason == "duplicate"


def default_code(incident: "Incident", context: Context) -> Mapping[str, Any]:
    """A resolution without a code of its own counts as solved."""
    return {"resolution_code": incident.resolution_code or "solved", "resolved_at": context.at, "hold_kind": None}


def stamp_closed(incident: "Incident", context: Context) -> Mapping[str, Any]:
    """Closing has its own time, and a reason."""
    return {"closed_at": context.at, "close_reason": incident.close_reason or "resolved"}


def stamp_cancelled(incident: "Incident", context: Context) -> Mapping[str, Any]:
    """Cancelling has its own time and ends any waiting."""
    return {"closed_at": context.at, "hold_kind": None}


def clear_end(incident: "Incident", context: Context) -> Mapping[str, Any]:
    """What is open again is not resolved, closed or restored; the history keeps what was."""
    gone = ("resolved_at", "closed_at", "restored_at", "close_reason", "resolution", "resolution_code")
    return dict.fromkeys(gone)


def clear_hold(incident: "Incident", context: Context) -> Mapping[str, Any]:
    """It waits for nothing any more."""
    return {"hold_kind": None}


def join_queue(incident: "Incident", context: Context) -> Mapping[str, Any]:
    """The place in one queue says nothing in another, and whoever had it has it no longer."""
    if "group" not in context.payload:
        return {}
    return {"rank": None} if "assignee" in context.payload else {"rank": None, "assignee": None}


def clear_people(incident: "Incident", context: Context) -> Mapping[str, Any]:
    """Back in the queue it belongs to nobody in particular."""
    return {"assignee": None, "hold_kind": None}


def take(incident: "Incident", context: Context) -> Mapping[str, Any]:
    """Who starts to work on what nobody has, has it; a user who lets it go on does not."""
    works = context.actor.kind == "human" and not WORKERS.isdisjoint(context.roles)
    return {"assignee": incident.assignee or (context.actor.id if works else None), "hold_kind": None}


def mark_restored(incident: "Incident", context: Context) -> Mapping[str, Any]:
    """Service is back, told with its time or at the time of the step."""
    return {"restored_at": incident.restored_at or context.at}


@lru_cache(maxsize=256)
def seen_by(actor: str, teams: tuple[str, ...]) -> Where:
    """Return the condition on what somebody sees who may not see every confidential incident."""
    mine = [Compare(name, "eq", actor) for name in ("requester", "owner", "assignee", "coordinator", "created_by")]
    ours = [Compare(name, "in", teams) for name in ("group", "owner")]
    return Some((Compare("confidential", "eq", False), *mine, *ours, Linked("watched_by", person(actor))))
