"""Values for the practices that come with the library, where the kit could not guess them.

Practice class -> field -> values, or event -> payloads; classes that extend one of them have its values too.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from itil4.errors import ITIL4Error
from itil4.itsm import ServiceManagement
from itil4.practices.approval import ApprovalPolicy, Ballot, InParallel, role
from itil4.practices.change_policy import ChangePolicy
from itil4.practices.problem_policy import ProblemPolicy
from itil4.practices.request_policy import RequestPolicy
from itil4.record import Actor
from itil4.testing.values import Later, Made

Birth: TypeAlias = Callable[[ServiceManagement, Mapping[str, Any], Actor], Any]
"""How a record comes to be where `log` is not the way."""

_SOON = Later(timedelta(days=30))
_SOON_AFTER = Later(timedelta(days=31))

_FAULT: Mapping[str, Sequence[Any]] = {
    "assign": [{"to": "tom"}, {"group": "mail team"}],
    "add_cause": [
        {"name": "leak", "text": "It leaks", "evidence": ("heap.prof",)},
        {"name": "leak", "text": "It does not", "confidence": "ruled_out"},
    ],
    "add_workaround": [
        {"name": "restart", "text": "Restart it", "effect": "service restored"},
        {"name": "bypass", "text": "Leave it out for good", "effect": "service restored", "permanent": True},
    ],
    "publish_workaround": [{"name": "restart"}, {"name": "bypass"}],
    "withdraw_workaround": [{"name": "restart"}, {"name": "bypass"}],
    "apply_workaround": [
        "add_workaround(name='restart', text='Restart it', effect='helps') -> publish_workaround(name='restart')"
    ],
    "defer": [{"deferral": "The maker has no patch", "next_review_at": _SOON}],
    "recheck": [{"next_review_at": _SOON}],
    "accept_risk": [{"accepted_by": "board"}],
}

_TARGET = Made("AgreedTarget", {"duration": timedelta(hours=8)})

_BOARD = tuple(Actor(each, {"change_authority"}) for each in ("cat", "dan", "eve"))
_VOTES: Mapping[str, Sequence[Any]] = {
    **{event: [{"by": each} for each in _BOARD] for event in ("approve", "reject")},
    "abstain": [
        *({"by": each} for each in _BOARD),
        "abstain as cat[change_authority] -> abstain as dan[change_authority]",
    ],
    "delegate": [{"by": _BOARD[0], "to": "fay"}, {"by": _BOARD[1], "to": "fay"}],
}
_AUTHORITY = ApprovalPolicy.of(
    "change_authority", role("change_authority", seats=3), needs={"percentage": 50},
    expires_after=timedelta(days=5), remind_every=timedelta(days=2),
)  # fmt: skip
"""An authority of several, so that one vote decides nothing."""

_PLANNED = {
    "planned_start": _SOON, "planned_end": _SOON_AFTER, "implementation_plan": "Swap it",
    "backout_plan": "Swap it back", "test_plan": "Send a mail",
}  # fmt: skip

_RESTART = {
    "name": "restart", "type": "standard", "preauthorized": True, "review": "on_failure",
    "requires": ["planned_start", "planned_end"],
}  # fmt: skip


def pre_authorized(itsm: ServiceManagement) -> None:
    """Put a standard change into the register, as its authority does, or as far as that goes."""
    keeper, models = Actor("mia", {"change_manager"}), itsm.change_models
    authority = models.rules.model_authority
    try:
        held = models.log(model=_RESTART, by=keeper)
        held = models.assess_risk(held, risk="low", risk_note="Done each week", by=keeper)
        held = models.submit(held, by=keeper)
        for voter in ("kim", "lea", "max"):
            if held.state == "authorize":
                held = models.approve(held, by=Actor(voter, {authority}))
    except ITIL4Error:
        return  # then no story has a standard change, and the walk says so


_WORTH = {"value": Decimal(12_000), "unit": "EUR"}
_CRM = "itil4.practices.relationship."


def with_account(itsm: ServiceManagement) -> None:
    """Put an account with a contact there, which other records of relationships belong to."""
    itsm.accounts.log(name="Acme", contact={"name": "Jo Doe"}, by=Actor("mia", {"relationship_manager"}))


_DEAL = {"account": "ACCT0000001", "summary": "Storage", "owner": "sue", "amount": Made("Amount", _WORTH)}

EXAMPLES: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "itil4.practices.incident_management:IncidentManagement": {
        "close_reason": ["withdrawn", "duplicate"],
        "hold_kind": ["user", "vendor"],
    },
    "itil4.practices.controlling:ErrorControl": _FAULT,
    "itil4.practices.service_level_management:ServiceLevelManagement": {
        "log": [
            {
                "title": "Mail for sales",
                "provider": "IT",
                "customer": "sales",
                "services": ("mail",),
                "targets": (_TARGET,),
                "starts_at": Later(timedelta(0)),
                "ends_at": Later(timedelta(days=365)),
            }
        ],
        "ends_at": [Later(timedelta(days=365)), Later(timedelta(days=730))],
    },
    "itil4.practices.change_enablement:ChangeEnablement": {
        "log": [
            {"summary": "Swap the relay"},
            {"summary": "Swap the relay", "type": "emergency", "implementation_plan": "Swap it"},
            {
                "summary": "Swap the relay",
                "type": "emergency",
                "implementation_plan": "It was swapped",
                "actual_start": Later(-timedelta(hours=1)),
                "tasks": (Made("ChangeTask", {"name": "swap"}),),
            },
            {"summary": "Restart the relay", "model": "restart", "planned_start": _SOON, "planned_end": _SOON_AFTER},
        ],
        **_VOTES,
        "finish_task": [{"name": "swap"}],
        "plan_tasks": [{"tasks": (Made("ChangeTask", {"name": "swap"}),)}],
        "submit": [{}, _PLANNED],
        "schedule": [{}],
        "authorize": ["approve as cat[change_authority] -> approve as dan[change_authority]"],
        "refuse": ["reject as cat[change_authority] -> reject as dan[change_authority]"],
        "reclassify": [{"type": "emergency"}, {"type": "normal"}],
        "assess_risk": [{"answers": {"reach": "nobody", "experience": "often", "undo": "at once"}}],
        "planned_start": [_SOON],
        "planned_end": [_SOON_AFTER],
    },
    "itil4.practices.change_register:ChangeModels": {
        "log": [
            {"model": {**_RESTART, "name": "swap"}},
            {"model": {"name": "patches", "type": "normal", "authorities": "board"}},
        ],
        "count_result": [{"completed": 1, "failed": 0}, {"completed": 2, "failed": 2}],
        "alter": [{"review": "before_closure"}, {"review": "after_closure"}],
        "assess_risk": [{"risk": "low", "risk_note": "Done each week"}],
        **_VOTES,
    },
    "itil4.practices.service_request_management:ServiceRequestManagement": {
        "log": [{"model": "access"}, {"model": "laptop"}],
        "fulfil": ["done(task='grant')"],
        "satisfaction": [4],
    },
    "itil4.practices.problem_management:ProblemManagement": {
        "dismiss": [{"close_reason": "mistaken", "close_note": "A test"}],
    },
    f"{_CRM}accounts:Accounts": {
        "log": [{"name": "Lab", "contact": {"name": "Kim Roe"}}],
    },
    f"{_CRM}contacts:Contacts": {
        "email": ["kim@acme.example"],
    },
    f"{_CRM}interactions:Interactions": {
        "log": [{"account": "ACCT0000001", "channel": "phone", "summary": "Asked about storage"}],
        "channel": ["phone", "email"],
    },
    f"{_CRM}stakeholders:Stakeholders": {
        "influence": ["high", "low"],
        "interest": ["high", "low"],
        "email": ["kim@acme.example"],
    },
    f"{_CRM}leads:Leads": {
        "log": [{"summary": "Storage", "name": "Kim Roe", "email": "kim@lab.example"}],
        "email": ["kim@lab.example"],
    },
    f"{_CRM}opportunities:Opportunities": {
        "log": [_DEAL],
        "amount": [Made("Amount", _WORTH)],
        "currency": ["EUR"],
        "probability": [0, 40, 100],
    },
    f"{_CRM}complaints:Complaints": {
        "assign": [{"to": "tom"}, {"group": "mail team"}],
        "channel": ["phone", "email"],
    },
    f"{_CRM}surveys:SatisfactionSurveys": {
        "log": [{"question": "How was it?", "method": "csat", "respondent": "ana", "account": "ACCT0000001"}],
        "method": ["csat"],
        "scale": [Made("SatisfactionScale", {"name": "csat", "lowest": 1, "highest": 5, "good_from": 4})],
        "score": [5, 1],
        "closes_at": [_SOON],
    },
}
"""What the kit is told about them."""

_ENTRIES = (
    {"id": "access", "name": "Access", "service": "network", "state": "published", "tasks": [{"name": "grant"}]},
    {
        "id": "laptop",
        "name": "A laptop",
        "service": "workplace",
        "state": "published",
        "approval": ApprovalPolicy(
            "two", InParallel([Ballot(each, [role(each)]) for each in ("request_manager", "service_desk")])
        ),
    },
)
"""A request catalogue: one entry with a task, one that two people have to approve."""

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    **{
        f"{_CRM}{home}": {"prepare": with_account}
        for home in (
            "interactions:Interactions",
            "opportunities:Opportunities",
            "surveys:SatisfactionSurveys",
        )
    },
    "itil4.practices.service_request_management:ServiceRequestManagement": {
        "policies": {"service_request": RequestPolicy(models=_ENTRIES)},
    },
    "itil4.practices.known_errors:KnownErrors": {"policies": {"problem": ProblemPolicy(known_errors="record")}},
    "itil4.practices.change_enablement:ChangeEnablement": {
        "policies": {
            "change": ChangePolicy(authorities={"change_authority": _AUTHORITY}, model_authority="model_authority")
        },
        "prepare": pre_authorized,
    },
    "itil4.practices.change_register:ChangeModels": {
        "policies": {"change": ChangePolicy(authorities={"change_authority": _AUTHORITY}, failures=1)},
    },
}
"""What `connect` is given so that they have records of their own."""


def analysed(itsm: ServiceManagement, values: Mapping[str, Any], actor: Actor) -> Any:
    """Return a new known error: the analysis of a problem is concluded."""
    desk = itsm.acting(actor)
    found = desk.problems.log(**{"summary": "The relay leaks memory", **values})
    found = desk.problems.categorize(found, category="software")
    found = desk.problems.investigate(found)
    found = desk.problems.add_cause(found, "leak", "Each connection leaks 2 kB", evidence=("heap.prof",))
    return desk.known_errors.of(desk.problems.conclude(found))


def requested(itsm: ServiceManagement, values: Mapping[str, Any], actor: Actor) -> Any:
    """Return a new service request: those who have to approve it are asked at once."""
    return itsm.service_requests.log(by=actor, **values)


BIRTHS: Mapping[str, Birth] = {
    "itil4.practices.known_errors:KnownErrors": analysed,
    "itil4.practices.service_request_management:ServiceRequestManagement": requested,
}
"""Those whose records do not come from `log`."""

BIRTH_VERBS: Mapping[str, Mapping[str, Any]] = {
    "itil4.practices.problem_management:ProblemManagement": {"identify": True},
}
"""Further verbs by which records are born."""

_ASKED_BY_SUBMIT = {
    "request_approval@not_requested": "submit asks, and until then it is not the time for it",
    "request_approval@rejected": "a refusal sends it back, and submit asks again",
}

ACCEPTED: Mapping[str, Mapping[str, Any]] = {
    "itil4.practices.change_enablement:ChangeEnablement": {
        **_ASKED_BY_SUBMIT,
        "void_approval@approved": "nothing leads back from where an approval was obeyed",
    },
    "itil4.practices.change_register:ChangeModels": _ASKED_BY_SUBMIT,
    "itil4.practices.incident_management:IncidentManagement": {"reopen@closed": "IncidentPolicy.reopen_closed"},
    "itil4.practices.service_request_management:ServiceRequestManagement": {
        "await_approval@submitted": "it follows from log",
        "request_approval@not_requested": "it follows from log",
        "request_approval@rejected": "what was rejected is over",
        "void_approval@approved": "what was approved never goes back to where approval is asked for",
        "delegate@requested": "the verb says for whom",
        "reject@requested->requested": "its approval policy lets one rejection decide",
        "abstain@requested->approved": "its approval policy needs a vote of both",
        "abstain@requested->requested": "its approval policy needs a vote of both",
        **dict.fromkeys(
            (f"reroute@{state}" for state in ("submitted", "awaiting_approval", "in_fulfilment", "on_hold")),
            "its verb makes the record of another practice that it leads to",
        ),
    },
    f"{_CRM}leads:Leads": {"convert@qualified": "its verb makes the account and the opportunity that it leads to"},
    "itil4.practices.problem_management:ProblemManagement": {
        "conclude@investigating->closed": "ProblemPolicy.known_errors",
    },
    "itil4.practices.known_errors:KnownErrors": {
        "renew@closed": "it follows from the problem's conclude",
        "renew@reviewed": "it follows from the problem's conclude",
    },
}
"""Arrows that nobody takes by default, and why: a policy, or a step of another practice that brings them."""
