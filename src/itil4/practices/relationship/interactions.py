"""Interactions: everything said and done between us and current or possible customers, in order of time (INV-106)."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import attrs

from itil4.errors import InvalidInput, Reason
from itil4.lifecycle import Context, Lifecycle, State, Transition
from itil4.practices.linking import end_of
from itil4.practices.relationship.relating import ABOUT, FOR_ACCOUNT, INVOLVES, MANAGERS, Relating, as_stored
from itil4.record import SELF, Actor, Line, Note, Record, Relation
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.value.cocreation import CoCreation


@attrs.frozen(kw_only=True)
class Interaction(Record):
    """One thing that was said or done between us and a customer, or somebody who may become one.

    Attributes:
        channel: how: one of the policy's channels.
        direction: inbound: they came to us; outbound: we came to them.
        purpose: an exchange, feedback on a service, or our claim that value was delivered; as in
            `itil4.value.co_creation`.
        occurred_at: when it began; not in the future.
        duration: how long it took (calendar time).
        participants: who of us took part.
        service: the service that it was about.
        customer: the name of the account in other records.
        close_reason: why it was taken back.
    """

    summary: Line
    note: Note = ""
    channel: Line
    direction: Literal["inbound", "outbound"] = "inbound"
    purpose: Literal["exchange", "feedback", "claim"] = "exchange"
    occurred_at: datetime
    duration: timedelta | None = None
    participants: tuple[Line, ...] = ()
    service: Line | None = None
    customer: Line | None = None
    close_reason: Line | None = None

    @property
    def place(self) -> tuple[datetime, datetime, str]:
        """Where it stands in a timeline: by when it took place, then by when it was recorded."""
        return self.occurred_at, self.created_at, self.id


LIFECYCLE = Lifecycle(
    "interaction",
    "recorded",
    states=[
        State("recorded", "closed", fields={"occurred_at": "mandatory|read_only"}),
        State("retracted", "cancelled", final=True, fields={"*": "read_only"}),
    ],
    transitions=[
        Transition("retract", "recorded", "retracted", roles=MANAGERS | {"author"}, requires="close_reason",
                   label="It was not so"),
    ],
)  # fmt: skip
"""What took place does not move; what was recorded by mistake is taken back, and stays readable."""

I = TypeVar("I", bound=Interaction)  # noqa: E741 - the letter of the record, as in the other practices


class Interactions(Relating[I]):
    """Everything said and done between us and current or possible customers.

    >>> import itil4
    >>> itsm = itil4.connect()
    >>> amy = Actor("amy", roles={"account_manager"})
    >>> acme = itsm.accounts.log(name="Acme", contact={"name": "Jo Doe"}, by=amy)
    >>> itsm.interactions.log(account=acme, channel="phone", summary="Asked about storage", by=amy).customer
    'Acme'
    >>> [each.summary for each in itsm.accounts.timeline(acme, by=amy)]
    ['Asked about storage']
    """

    slot = "interactions"
    kind = "interaction"
    prefix = "INT"
    record = Interaction  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = LIFECYCLE
    relative_roles = Relating.relative_roles | {"author"}
    relations = (
        FOR_ACCOUNT,
        Relation(*INVOLVES, {(SELF, "contact"), (SELF, "lead"), (SELF, "stakeholder")}),
        Relation(*ABOUT, {(SELF, kind) for kind in (
            "opportunity", "complaint", "incident", "problem", "change", "service_request", "service_level",
            "service_level_requirement", "service_review",
        )}),
        Relation("answers", "answered_by", {(SELF, SELF)}, acyclic=True, single=True),
    )  # fmt: skip
    ends: ClassVar[Mapping[str, str]] = {
        "account": "for_account", "involves": "involves", "about": "about", "answers": "answers",
    }  # fmt: skip
    writers: ClassVar[frozenset[str]] = MANAGERS | {"author"}
    indexed: ClassVar[tuple[str, ...]] = (
        "channel", "direction", "purpose", "occurred_at", "service", "customer",
    )  # fmt: skip
    measured: ClassVar[str] = "interactions"

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """Unless another time is told it took place now, and whoever records it took part."""
        took_part = {} if actor.is_system else {"participants": (actor.on_behalf_of or actor.id,)}
        return {"occurred_at": at, **took_part, **({} if actor.via is None else {"channel": actor.via})}

    def roles_of(self, actor: Actor, record: I | None, at: datetime) -> frozenset[str]:
        """Besides the usual relative roles: the author, who recorded it."""
        roles = super().roles_of(actor, record, at)
        return roles | {"author"} if record is not None and record.created_by == actor.id else roles

    def inconsistencies(self, record: I) -> Iterable[Reason]:
        """No interaction takes less than no time."""
        if record.duration is not None and record.duration < timedelta():
            yield Reason.of("negative_duration", field="duration", value=record.duration)

    def objections(self, before: I | None, after: I, context: Context, event: str) -> Iterable[Reason]:
        """What is recorded has taken place, over a channel that there is."""
        yield from super().objections(before, after, context, event)
        if before is None and after.occurred_at > context.now:
            yield Reason.of("future", event=event, at=after.occurred_at, now=context.now)
        told = before is None or before.channel != after.channel
        if told and (reason := self.rules.channel_problem(after.channel)) is not None:
            yield reason

    def joined(self, unit: Unit, record: I, ends: Mapping[str, tuple[Any, ...]]) -> None:
        """Refuse an answer that was given before what it answers."""
        if wrong := [reason for each in ends["answers"] if (reason := _too_early(record, each)) is not None]:
            raise InvalidInput(*wrong)

    def link_objections(
        self, unit: Unit, op: str, relation: Relation, source: Any, target: Any, context: Context
    ) -> Iterable[Reason]:
        """An answer does not lie before what it answers."""
        yield from super().link_objections(unit, op, relation, source, target, context)
        if op == "link" and relation.name == "answers" and (reason := _too_early(source, target)) is not None:
            yield reason

    def timeline(self, record: Any, *, by: Actor | None = None) -> tuple[I, ...]:
        """Return the interactions with somebody, or about something, in the order in which they took place (INV-106).

        Those that were taken back are left out, and so is what the reader may not see. An account has those of the
        leads that it came from as well.

        Args:
            record: an account, contact, lead or stakeholder, or what interactions are about; a record, number or id.
            by: the reader.
        """
        if isinstance(record, Actor):
            raise InvalidInput.of("foreign_record", value=record, record="record")
        held, kind = end_of(self.desk, self.desk.reading(), as_stored(self.desk.reading(), record), self._reader(by))
        practice, leads = self.desk.of_kind(kind), self.desk.of_kind("lead")
        places = [(practice, held)]
        if kind == "account":
            places += [(leads, each) for each in practice.linked(held, "converted_from", by=by)]
        found: dict[str, Any] = {
            each.id: each
            for place, end in places
            for relation in ("account_of", "involved_in", "subject_of")
            for each in place.linked(end, relation, by=by)
            if isinstance(each, self.record) and each.state != "retracted"
        }
        return tuple(sorted(found.values(), key=lambda each: each.place))

    def co_creation(
        self, service: str, period: tuple[datetime, datetime] | None = None, *, by: Actor | None = None
    ) -> "CoCreation":
        """Return how two-sided the work with customers on a service was; see `itil4.value.co_creation`.

        Args:
            service: the name of the service.
            period: `[start, end)`; without it, all interactions.
            by: the reader; only what they may see counts.
        """
        from itil4.value import cocreation

        seen = []
        for each in self.each(service=service, state="recorded", by=by):
            asked = self.linked(each, "answers", by=by)
            seen.append(
                cocreation.Interaction(
                    id=each.id, service=service, side="consumer" if each.direction == "inbound" else "provider",
                    kind=each.purpose, at=each.occurred_at, record=each.reference,
                    answers=asked[0].id if asked else None,
                )
            )  # fmt: skip
        return cocreation.co_creation(service, seen, period)


def _too_early(answer: Any, asked: Any) -> Reason | None:
    first, second = getattr(asked, "occurred_at", None), answer.occurred_at
    if first is None or first <= second:
        return None
    return Reason.of(
        "time_order", earlier="occurred_at of what is answered", earlier_at=first, later="occurred_at", later_at=second
    )


__all__ = ["LIFECYCLE", "Interaction", "Interactions"]
