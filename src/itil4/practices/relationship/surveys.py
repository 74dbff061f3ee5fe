"""Satisfaction surveys: how satisfied somebody is, on a scale that the survey itself declares (INV-106)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeVar

import attrs

from itil4.errors import InvalidInput, Reason, nearest
from itil4.lifecycle import Context, Lifecycle, State, Timer, Transition
from itil4.practices.relationship.policy import SatisfactionScale
from itil4.practices.relationship.relating import ABOUT, FOR_ACCOUNT, INVOLVES, STAFF, Relating
from itil4.record import SELF, Actor, Line, Note, Record, Relation


@attrs.frozen(kw_only=True)
class SatisfactionSurvey(Record):
    """A question to somebody about how satisfied they are, and their answer.

    Attributes:
        question: what is asked.
        method: the name of the scale: csat, nps, or another one of the policy.
        scale: the scale as it was when it was asked, so that an answer means the same for ever.
        respondent: who is asked, where the directory knows them; they see it, and answer it.
        score: their answer, on the scale; None while they say nothing.
        comment: what they say besides.
        service: the service that it is about.
        customer: the name of the account in other records.
        closes_at: until when it can be answered; None: it stays open.
        answered_at: when it was answered.
    """

    question: Line
    method: Line
    scale: SatisfactionScale
    respondent: Line | None = None
    score: int | None = None
    comment: Note | None = None
    service: Line | None = None
    customer: Line | None = None
    closes_at: datetime | None = None
    answered_at: datetime | None = None


def stamp_answered(survey: SatisfactionSurvey, context: Context) -> Mapping[str, Any]:
    """An answer has its time."""
    return {"answered_at": context.at}


_ASKED = {
    **dict.fromkeys(("score", "answered_at"), "read_only"),
    **dict.fromkeys(("question", "method", "scale"), "mandatory|read_only"),
}

LIFECYCLE = Lifecycle(
    "satisfaction survey",
    "sent",
    states=[
        State("sent", "active", fields=_ASKED, timers=[Timer("expire", at="closes_at")]),
        State("answered", "closed", fields={"*": "read_only"}),
        State("declined", "cancelled", final=True, fields={"*": "read_only"}),
        State("expired", "cancelled", final=True, fields={"*": "read_only"}),
    ],
    transitions=[
        Transition("answer", "sent", "answered", roles=STAFF | {"respondent"}, requires="score",
                   fields={"comment": "must_prompt"}, effects=[stamp_answered]),
        Transition("change_answer", "answered", "answered", roles={"respondent"}, requires="score",
                   effects=[stamp_answered]),
        Transition("decline", "sent", "declined", roles=STAFF | {"respondent"}),
        Transition("expire", "sent", "expired", internal=True),
    ],
)  # fmt: skip
"""Asked, and answered once; only who answered changes an answer."""

V = TypeVar("V", bound=SatisfactionSurvey)


class SatisfactionSurveys(Relating[V]):
    """How satisfied people are.

    >>> import itil4
    >>> itsm = itil4.connect()
    >>> dora, ana = Actor("dora", roles={"service_desk"}), Actor("ana", roles={"user"})
    >>> asked = itsm.satisfaction_surveys.log(question="How was it?", method="csat", respondent="ana", by=dora)
    >>> itsm.satisfaction_surveys.answer(asked, score=5, by=ana).state
    'answered'
    >>> itsm.satisfaction_surveys.figures()["csat"].value
    1.0
    """

    slot = "satisfaction_surveys"
    kind = "satisfaction_survey"
    prefix = "SAT"
    record = SatisfactionSurvey  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = LIFECYCLE
    relative_roles = Relating.relative_roles | {"respondent"}
    people = Relating.people | {"respondent"}
    relations = (
        FOR_ACCOUNT,
        Relation(*INVOLVES, {(SELF, "contact")}),
        Relation(*ABOUT, {(SELF, kind) for kind in (
            "incident", "change", "service_request", "service_level", "service_review", "complaint", "interaction",
        )}),
    )  # fmt: skip
    ends: ClassVar[Mapping[str, str]] = {"account": "for_account", "involves": "involves", "about": "about"}
    named_in: ClassVar[tuple[str, ...]] = ("respondent", "created_by")
    indexed: ClassVar[tuple[str, ...]] = (
        "method", "respondent", "score", "service", "customer", "closes_at", "answered_at",
    )  # fmt: skip
    measured: ClassVar[str] = "satisfaction_surveys"

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """The scale is that of the policy.

        Raises:
            InvalidInput: it has none of that name.
        """
        method = values.get("method")
        scale = self.rules.scale(method)
        if scale is None and isinstance(method, str):
            known = tuple(each.name for each in self.rules.scales)
            raise InvalidInput.of(
                "not_a_choice", field="method", value=method, choices=known, nearest=nearest(method, known)
            )
        return {} if scale is None else {"scale": scale}

    def roles_of(self, actor: Actor, record: V | None, at: datetime) -> frozenset[str]:
        """Besides the usual relative roles: the respondent."""
        roles = super().roles_of(actor, record, at)
        return roles | {"respondent"} if record is not None and record.respondent == actor.id else roles

    def objections(self, before: V | None, after: V, context: Context, event: str) -> Iterable[Reason]:
        """Nobody brings a scale of their own along."""
        yield from super().objections(before, after, context, event)
        if before is None and after.scale != self.rules.scale(after.method):
            remedy = "Leave it out, or let the policy have such a scale."
            yield Reason.of("field_rule", field="scale", rule="that of the policy", remedy=remedy)

    def inconsistencies(self, record: V) -> Iterable[Reason]:
        """A score lies on the scale of its survey (INV-106)."""
        scale, score = record.scale, record.score
        if score is not None and not scale.holds(score):
            yield Reason.of("off_scale", value=score, scale=scale.name, lowest=scale.lowest, highest=scale.highest)
        if scale.name != record.method:
            yield Reason.of("not_a_choice", field="scale", value=scale.name, choices=(record.method,), nearest=None)


__all__ = ["LIFECYCLE", "SatisfactionSurvey", "SatisfactionSurveys"]
