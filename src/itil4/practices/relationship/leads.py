"""Leads: who may become a customer, until that is known; how one becomes an account with an opportunity (INV-107)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeVar

import attrs

from itil4.errors import InvalidInput, Reason, Refused
from itil4.lifecycle import Context, Lifecycle, State, Transition, guard
from itil4.practices.linking import put
from itil4.practices.relationship.relating import SALES, Relating, address_problems, as_stored
from itil4.practices.work import NOTHING
from itil4.record import SELF, Actor, Line, Note, Record, Relation
from itil4.storage.unit import Unit


@attrs.frozen(kw_only=True)
class Lead(Record):
    """Somebody who may be interested, before anybody knows whether they are.

    Attributes:
        name, job_title, email, phone: the person; personal data, as of a contact.
        organization: for whom they ask; None: for themselves.
        source: where the lead came from: a referral, a fair, the web site, ...
        campaign: the campaign that brought it.
        need: what they look for.
        owner: who follows it up.
        converted_at: when it became an account.
        close_reason: why nothing came of it.
    """

    summary: Line
    name: Line
    organization: Line | None = None
    job_title: Line | None = None
    email: Line | None = None
    phone: Line | None = None
    source: Line | None = None
    campaign: Line | None = None
    need: Note | None = None
    owner: Line | None = None
    group: Line | None = None
    converted_at: datetime | None = None
    close_reason: Line | None = None


@guard(text="nobody can be reached: it has neither e-mail address nor phone number.", remedy="Update it with one.")
def can_be_reached(lead: Lead, context: Context) -> bool:
    """A lead is qualified when there is somebody to talk to."""
    return bool(lead.email or lead.phone)


@guard(text="it has not become an account.", remedy="Use the verb: itsm.leads.convert(lead).")
def has_become_an_account(lead: Lead, context: Context) -> bool:
    """The step ends what the verb has done: one account, and one opportunity at most (INV-107)."""
    return len(context.facts["links.converted_to"]) > 0


def take(lead: Lead, context: Context) -> Mapping[str, Any]:
    """Whoever works on what nobody has, has it."""
    return {} if lead.owner or context.actor.is_system else {"owner": context.actor.id}


def stamp_converted(lead: Lead, context: Context) -> Mapping[str, Any]:
    """Conversion has its time."""
    return {"converted_at": context.at}


def begin_anew(lead: Lead, context: Context) -> Mapping[str, Any]:
    """What is taken up again has no reason for its end."""
    return {"close_reason": None}


_SELLERS = SALES | {"owner"}

_SETTLED = dict.fromkeys(("converted_at", "close_reason"), "read_only")
"""Fields that steps alone set."""

LIFECYCLE = Lifecycle(
    "lead",
    "new",
    states=[
        State("new", "new", fields=_SETTLED),
        State("working", "active", fields=_SETTLED),
        State("qualified", "active", fields=_SETTLED),
        State("converted", "closed", final=True, fields={"*": "read_only"}),
        State("disqualified", "cancelled", fields=_SETTLED),
    ],
    transitions=[
        Transition("work", "new", "working", roles=_SELLERS, effects=[take], label="Get in touch"),
        Transition("qualify", ["new", "working"], "qualified", roles=_SELLERS, requires="need",
                   guards=[can_be_reached], effects=[take]),
        Transition("convert", "qualified", "converted", roles=_SELLERS, guards=[has_become_an_account],
                   effects=[stamp_converted], facts="links.converted_to"),
        Transition("disqualify", ["new", "working", "qualified"], "disqualified", roles=_SELLERS,
                   requires="close_reason"),
        Transition("recycle", "disqualified", "working", roles=_SELLERS, effects=[begin_anew],
                   label="Take it up again"),
    ],
)  # fmt: skip
"""A converted lead is over for good; one that was disqualified may be taken up again."""

L = TypeVar("L", bound=Lead)


class Leads(Relating[L]):
    """Who may become a customer.

    >>> import itil4
    >>> itsm = itil4.connect()
    >>> sue = Actor("sue", roles={"sales"})
    >>> lead = itsm.leads.log(summary="Storage for a lab", name="Jo Doe", email="jo@acme.example", by=sue)
    >>> lead = itsm.leads.qualify(lead, need="20 TB, kept for ten years", by=sue)
    >>> lead = itsm.leads.convert(lead, account={"name": "Acme"}, by=sue)
    >>> [each.number for each in itsm.leads.linked(lead, "converted_to")]
    ['ACCT0000001', 'OPP0000001']
    """

    slot = "leads"
    kind = "lead"
    prefix = "LEAD"
    record = Lead  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = LIFECYCLE
    relations = (Relation("converted_to", "converted_from", {(SELF, "account"), (SELF, "opportunity")}, lasting=True),)
    readers: ClassVar[frozenset[str]] = SALES
    named_in: ClassVar[tuple[str, ...]] = ("owner", "created_by")
    writers: ClassVar[frozenset[str]] = _SELLERS
    openers: ClassVar[frozenset[str] | None] = None
    indexed: ClassVar[tuple[str, ...]] = (
        "summary", "name", "organization", "email", "source", "campaign", "owner", "group", "converted_at",
    )  # fmt: skip
    measured: ClassVar[str] = "leads"

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """A lead is spoken of by its organization until it has a summary, and never by the name of the person."""
        return {"summary": values.get("organization") or "A lead"}

    def inconsistencies(self, record: L) -> Iterable[Reason]:
        """An e-mail address looks like one."""
        return address_problems(record)

    def link_objections(
        self, unit: Unit, op: str, relation: Relation, source: Any, target: Any, context: Context
    ) -> Iterable[Reason]:
        """What a lead becomes is made by its conversion, and linked by nobody's hand (INV-107)."""
        yield from super().link_objections(unit, op, relation, source, target, context)
        if relation.name == "converted_to":
            yield Reason.of("lead_converts", lead=source.reference)

    def convert(
        self, record: str | L, *, account: Any = None, opportunity: Mapping[str, Any] | None = NOTHING,
        by: Actor | None = None, at: datetime | None = None, reason: str | None = None, once: str | None = None,
        expected: int | None = None,
    ) -> L:  # fmt: skip
        """Make an account and an opportunity of a qualified lead, all or nothing, and once only (INV-107).

        `linked(lead, "converted_to")` shows both. Who converts it a second time, or at the same time as somebody
        else, is refused, and nothing is made twice.

        Args:
            account: an account that is there already, or the fields of a new one; without it, a new one is named after
                the organization, or the person. The person becomes a contact of it.
            opportunity: the fields of the opportunity, such as `amount`; None makes none.
            by, at, reason, once, expected: as for `fire`.

        Raises:
            Refused: it is not qualified, or not for this actor to do.
            StaleRecord: somebody else was first.
            InvalidInput: a field does not fit.
        """
        actor = self.desk.who(by, "convert")
        if opportunity is not None and not isinstance(opportunity, Mapping):
            raise InvalidInput.of("ill_typed", field="opportunity", expected="fields, or None", value=opportunity)

        def work(unit: Unit) -> L:
            lead = self._held(unit, record, actor, expected)
            self._may_convert(unit, lead, actor, at, reason)
            made = [self._account(unit, lead, account, actor, at, reason)]
            if opportunity is not None:
                given = {"summary": lead.summary, "source": lead.source, **opportunity, "account": made[0]}
                told = {name: value for name, value in given.items() if value is not None}
                opportunities: Any = self.desk.clone(actor=actor, unit=unit).in_slot("opportunities")
                made.append(opportunities.bear(unit, actor, told, at, reason))
            relation, _ = self.desk.house.relations.directed("converted_to")
            for each in made:
                put(self.desk, unit, "link", relation, unit.get(lead.id), unit.get(each.id), actor, reason, at)
            return self._step(unit, unit.get(lead.id) or lead, "convert", actor, NOTHING, at, reason, None)

        return self._run("convert", once, work, record, actor)

    def _may_convert(self, unit: Unit, lead: L, actor: Actor, at: datetime | None, reason: str | None) -> None:
        """Refuse what the step would refuse anyway, before anything is made."""
        context = self._context(unit, actor, lead, "convert", NOTHING, at, reason)
        reasons = self._moves.explain(lead, "convert", context).reasons
        wrong = [each for each in reasons if each.code != "guard"]
        if made := unit.get_all(self._ends(lead, "converted_to", unit)):  # though a correction set it back
            wrong.append(Reason.of("converted_already", lead=lead.reference, records=self._seen(unit, made, actor)))
        if wrong:
            raise Refused(*wrong)

    def _seen(self, unit: Unit, records: Iterable[Any], actor: Actor) -> list[str]:
        """Return how the records are called, to somebody who may not see all of them."""
        return [each.reference if self._end_is_seen(unit, each.id, actor) else "a hidden record" for each in records]

    def _account(
        self, unit: Unit, lead: L, told: Any, actor: Actor, at: datetime | None, reason: str | None
    ) -> Any:  # fmt: skip
        """Return the account that the lead becomes, with the person as a contact."""
        desk: Any = self.desk.clone(actor=actor, unit=unit)
        accounts, contacts = desk.in_slot("accounts"), desk.in_slot("contacts")
        held = {name: getattr(lead, name) for name in ("name", "job_title", "email", "phone")}
        person = {name: value for name, value in held.items() if value is not None}
        if told is None or isinstance(told, Mapping):
            named = {"name": lead.organization or lead.name, "contact": (person,), **(told or {})}
            return accounts.bear(unit, actor, named, at, reason)
        account = accounts._held(unit, as_stored(unit, told), actor, None)
        contacts.bear(unit, actor, {**person, "account": account}, at, reason)
        return unit.get(account.id)


__all__ = ["LIFECYCLE", "Lead", "Leads"]
