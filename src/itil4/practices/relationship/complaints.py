"""Complaints: what somebody holds against us, answered and followed up before anybody calls it closed (INV-110)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeVar

import attrs

from itil4.errors import Reason, Refused
from itil4.lifecycle import Context, Lifecycle, State, Transition, guard
from itil4.practices.relationship.relating import ABOUT, FOR_ACCOUNT, INVOLVES, MANAGERS, STAFF, Relating
from itil4.record import SELF, Actor, Line, Note, Record, Relation


@attrs.frozen(kw_only=True)
class Complaint(Record):
    """An expression of dissatisfaction with a service, or with how somebody was dealt with.

    Attributes:
        requester: who complains, where the directory knows them; they see it, and may withdraw it.
        owner: who is accountable; never empty.
        group, assignee: who looks into it.
        severity: minor, major or critical.
        service: the service that it is about; the link `about` leads to the incident, request, ...
        channel: how it came: one of the policy's channels.
        customer: the name of the account in other records.
        findings: what was found out.
        response: what was answered; what was done about it: `remedy`.
        follow_up: what came of asking again afterwards; `is_settled` whether they are content with it.
        acknowledged_at, responded_at, followed_up_at, closed_at: when each was last.
        close_reason: why it was withdrawn.
    """

    summary: Line
    description: Note = ""
    requester: Line | None = None
    owner: Line
    group: Line | None = None
    assignee: Line | None = None
    severity: Literal["minor", "major", "critical"] = "minor"
    service: Line | None = None
    channel: Line | None = None
    customer: Line | None = None
    findings: Note | None = None
    response: Note | None = None
    remedy: Line | None = None
    follow_up: Note | None = None
    is_settled: bool | None = None
    acknowledged_at: datetime | None = None
    responded_at: datetime | None = None
    followed_up_at: datetime | None = None
    closed_at: datetime | None = None
    close_reason: Line | None = None


@guard(
    reads="is_settled",
    text="they are not content with the response.",
    remedy="Take it up again, or let a manager close it.",
)
def is_settled_or_decided(complaint: Complaint, context: Context) -> bool:
    """Who complained is content, or a manager says that no more can be done."""
    return bool(complaint.is_settled) or not MANAGERS.isdisjoint(context.roles)


def take(complaint: Complaint, context: Context) -> Mapping[str, Any]:
    """Whoever acknowledges what nobody has, has it."""
    taken = {} if complaint.assignee or context.actor.is_system else {"assignee": context.actor.id}
    return {**taken, "acknowledged_at": context.at}


def stamp_response(complaint: Complaint, context: Context) -> Mapping[str, Any]:
    """A response has its time, and what was asked before it is history."""
    return {"responded_at": context.at, "follow_up": None, "is_settled": None, "followed_up_at": None}


def stamp_follow_up(complaint: Complaint, context: Context) -> Mapping[str, Any]:
    """Asking again has its time."""
    return {"followed_up_at": context.at}


def stamp_closed(complaint: Complaint, context: Context) -> Mapping[str, Any]:
    """An end has its time."""
    return {"closed_at": context.at}


def begin_anew(complaint: Complaint, context: Context) -> Mapping[str, Any]:
    """What is taken up again needs another response, and another follow-up; history keeps those before."""
    return dict.fromkeys(
        ("response", "remedy", "follow_up", "is_settled", "responded_at", "followed_up_at", "closed_at")
    )


_HANDLERS = STAFF | {"owner", "assignee", "team_member"}
_OPEN = ("received", "acknowledged", "responded", "followed_up")
_SETTLED = dict.fromkeys(
    ("response", "remedy", "follow_up", "is_settled", "acknowledged_at", "responded_at", "followed_up_at", "closed_at"),
    "read_only",
)
_ANSWERED = {**_SETTLED, "response": "mandatory|read_only"}
_FOLLOWED = {**_ANSWERED, "follow_up": "mandatory|read_only", "is_settled": "mandatory|read_only"}

LIFECYCLE = Lifecycle(
    "complaint",
    "received",
    states=[
        State("received", "new", fields=_SETTLED),
        State("acknowledged", "active", fields=_SETTLED),
        State("responded", "waiting", kind="user", fields=_ANSWERED),
        State("followed_up", "resolved", fields=_FOLLOWED),
        State("closed", "closed", fields=_FOLLOWED),
        State("withdrawn", "cancelled", final=True, fields={"*": "read_only"}),
    ],
    transitions=[
        Transition("acknowledge", "received", "acknowledged", roles=_HANDLERS, effects=[take]),
        *(Transition("assign", state, state, roles=_HANDLERS,
                     fields={"assignee": "must_prompt", "group": "must_prompt"})
          for state in ("received", "acknowledged", "responded")),
        Transition("respond", "acknowledged", "responded", roles=_HANDLERS, requires="response",
                   fields={"remedy": "must_prompt"}, effects=[stamp_response]),
        Transition("ask_again", "responded", "followed_up", roles=_HANDLERS, requires=["follow_up", "is_settled"],
                   effects=[stamp_follow_up], label="Follow up"),
        Transition("close", "followed_up", "closed", roles=_HANDLERS, guards=[is_settled_or_decided],
                   effects=[stamp_closed]),
        Transition("take_up_again", ["responded", "followed_up", "closed"], "acknowledged",
                   roles=_HANDLERS | {"requester"}, effects=[begin_anew]),
        Transition("withdraw", ["received", "acknowledged", "responded"], "withdrawn", roles=MANAGERS | {"requester"},
                   requires="close_reason", effects=[stamp_closed]),
    ],
)  # fmt: skip
"""Acknowledge, respond, follow up, close. No way to closed leads around a response and a follow-up: the state asks
for both, whichever step leads there (INV-110)."""

C = TypeVar("C", bound=Complaint)


class Complaints(Relating[C]):
    """What people hold against us.

    >>> import itil4
    >>> itsm = itil4.connect()
    >>> ana, dora = Actor("ana", roles={"user"}), Actor("dora", roles={"service_desk"})
    >>> found = itsm.complaints.log(summary="Nobody called me back", by=ana)
    >>> found = itsm.complaints.respond(itsm.complaints.acknowledge(found, by=dora), response="Sorry", by=dora)
    >>> itsm.complaints.explain(found, "close", by=dora).allowed
    False
    """

    slot = "complaints"
    kind = "complaint"
    prefix = "CPL"
    record = Complaint  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = LIFECYCLE
    relations = (
        FOR_ACCOUNT,
        Relation(*INVOLVES, {(SELF, "contact")}),
        Relation(*ABOUT, {(SELF, kind) for kind in (
            "incident", "problem", "change", "service_request", "service_level", "service_level_breach",
        )}),
    )  # fmt: skip
    ends: ClassVar[Mapping[str, str]] = {"account": "for_account", "involves": "involves", "about": "about"}
    named_in: ClassVar[tuple[str, ...]] = ("requester", "owner", "assignee", "group", "created_by")
    writers: ClassVar[frozenset[str]] = _HANDLERS
    openers: ClassVar[frozenset[str] | None] = None
    indexed: ClassVar[tuple[str, ...]] = (
        "summary", "requester", "owner", "group", "assignee", "severity", "service", "channel", "customer",
        "is_settled", "responded_at", "closed_at",
    )  # fmt: skip
    measured: ClassVar[str] = "complaints"

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """Somebody answers for it from the beginning, and a user complains for themselves."""
        given: dict[str, Any] = {"owner": self.rules.default_owner}
        whom = actor.on_behalf_of or (None if actor.is_system or STAFF.intersection(actor.roles) else actor.id)
        if whom is not None:
            given["requester"] = whom
        return given if actor.via is None else {**given, "channel": actor.via}

    def staff(self, actor: Actor, record: C) -> bool:
        """Staff comments are for those who look into it."""
        roles = self.roles_of(actor, record, self.desk.house.now())
        return actor.is_system or not _HANDLERS.isdisjoint(roles)

    def objections(self, before: C | None, after: C, context: Context, event: str) -> Iterable[Reason]:
        """It came over a channel that there is."""
        yield from super().objections(before, after, context, event)
        told = before is None or before.channel != after.channel
        if told and (reason := self.rules.channel_problem(after.channel)) is not None:
            yield reason

    def follow_up(
        self, record: str | C, follow_up: str, *, is_settled: bool, by: Actor | None = None, **options: Any
    ) -> C:  # fmt: skip
        """Say what came of asking again, and whether they are content with the response."""
        return self.fire(record, "ask_again", by=by, follow_up=follow_up, is_settled=is_settled, **options)

    def assign(
        self, record: str | C, *, to: str | None = None, group: str | None = None, by: Actor | None = None,
        **options: Any,
    ) -> C:  # fmt: skip
        """Give it to a person, a group, or both."""
        named = {"assignee": to, "group": group}
        given: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        if not given:
            raise Refused.of("missing", event="assign", fields=("to", "group"))
        return self.fire(record, "assign", by=by, **given, **options)


__all__ = ["LIFECYCLE", "Complaint", "Complaints"]
