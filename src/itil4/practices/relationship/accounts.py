"""Accounts: organizations that are our customers, may become so, or were; each with somebody to talk to (INV-106)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeVar

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput
from itil4.lifecycle import Context, Lifecycle, State, Transition, guard
from itil4.practices.linking import put
from itil4.practices.relationship.relating import MANAGERS, SALES, STAFF, Relating, as_stored
from itil4.record import Actor, Line, Note, Record
from itil4.storage.unit import Unit
from itil4.vocabulary import OPEN


@attrs.frozen(kw_only=True)
class Account(Record):
    """An organization that we have a relationship with: a customer, a prospect, or a former customer.

    Attributes:
        name: what it is called.
        customer: the name by which agreements, requests and incidents know it (their field `customer`); by default
            its name at birth. It stays, so that what was recorded for the customer is found again.
        type: how close the relationship is: basic, cooperative or partnership.
        industry, segment, region: what customers are told apart by.
        owner: the account manager, or the team, who answers for the relationship.
        website, address: where it is found.
        customer_since, ended_at: when it became a customer last, and when that ended.
        close_reason: why it ended.
    """

    name: Line
    customer: Line
    type: Literal["basic", "cooperative", "partnership"] = "basic"
    description: Note = ""
    industry: Line | None = None
    segment: Line | None = None
    region: Line | None = None
    owner: Line
    group: Line | None = None
    website: Line | None = None
    address: Note | None = None
    customer_since: datetime | None = None
    ended_at: datetime | None = None
    close_reason: Line | None = None


@attrs.frozen(kw_only=True)
class AccountOverview:
    """Everything about an account that a reader may see, in one place; within each part the oldest first.

    `interactions` stand in the order in which they took place. Agreements, incidents and requests are those that
    name the customer.
    """

    account: Account
    contacts: tuple[Any, ...]
    interactions: tuple[Any, ...]
    opportunities: tuple[Any, ...]
    complaints: tuple[Any, ...]
    surveys: tuple[Any, ...]
    agreements: tuple[Any, ...]
    incidents: tuple[Any, ...]
    service_requests: tuple[Any, ...]


@guard(remedy="Close them first.")
def nothing_is_open(account: Account, context: Context) -> bool | str:
    """A relationship does not end over open opportunities or complaints."""
    left = context.facts["open_records"]
    return not left or f"these are still open: {', '.join(left)}."


@guard(text="nobody is there to talk to.", remedy="Add a contact, or let one rejoin.")
def someone_is_there(account: Account, context: Context) -> bool:
    """What is won back has an active contact (INV-106)."""
    return any(each.state != "left" for each in context.facts["links.has_contact"])


def stamp_customer(account: Account, context: Context) -> Mapping[str, Any]:
    """Becoming a customer has its time."""
    return {"customer_since": context.at}


def stamp_ended(account: Account, context: Context) -> Mapping[str, Any]:
    """An end has its time."""
    return {"ended_at": context.at}


def begin_anew(account: Account, context: Context) -> Mapping[str, Any]:
    """What is won back has not ended."""
    return {"ended_at": None, "close_reason": None}


_SETTLED = dict.fromkeys(("customer_since", "ended_at", "close_reason"), "read_only")
"""Fields that steps alone set."""

LIFECYCLE = Lifecycle(
    "account",
    "prospect",
    states=[
        State("prospect", "new", fields=_SETTLED),
        State("customer", "resolved", fields=_SETTLED),
        State("former", "closed", fields=_SETTLED),
    ],
    transitions=[
        Transition("onboard", "prospect", "customer", roles=SALES, effects=[stamp_customer]),
        Transition("end_relationship", ["prospect", "customer"], "former", roles=MANAGERS, requires="close_reason",
                   guards=[nothing_is_open], effects=[stamp_ended], facts="open_records"),
        Transition("win_back", "former", "prospect", roles=SALES, guards=[someone_is_there], effects=[begin_anew],
                   facts="links.has_contact"),
    ],
)  # fmt: skip
"""A customer is a register's entry and counts as resolved: open work are prospects, opportunities and complaints."""

A = TypeVar("A", bound=Account)


class Accounts(Relating[A]):
    """The organizations that we have a relationship with.

    >>> import itil4
    >>> itsm = itil4.connect()
    >>> amy = Actor("amy", roles={"account_manager"})
    >>> acme = itsm.accounts.log(name="Acme", contact={"name": "Jo Doe"}, by=amy)
    >>> acme.state, acme.customer, acme.owner
    ('prospect', 'Acme', 'amy')
    """

    slot = "accounts"
    kind = "account"
    prefix = "ACCT"
    record = Account  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = LIFECYCLE
    named_in: ClassVar[tuple[str, ...]] = ("owner", "created_by")
    writers: ClassVar[frozenset[str]] = SALES | {"owner"}
    openers: ClassVar[frozenset[str] | None] = STAFF
    indexed: ClassVar[tuple[str, ...]] = (
        "name", "customer", "type", "industry", "segment", "region", "owner", "group", "customer_since", "ended_at",
    )  # fmt: skip
    measured: ClassVar[str] = "accounts"

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """A new account is known by its name, and whoever logs it answers for it."""
        named = {} if values.get("name") is None else {"customer": values["name"]}
        return {**named, "owner": actor.on_behalf_of or actor.id}

    def bear(
        self, unit: Unit, actor: Actor, values: Mapping[str, Any], at: datetime | None, reason: str | None
    ) -> A:  # fmt: skip
        """Add a new account with its contacts: one or several, known ones or the fields of new ones.

        Raises:
            InvalidInput: no contact is given (INV-106).
            Refused: one of them has left.
        """
        told = values.get("contact")
        people = tuple(told) if isinstance(told, (list, tuple)) else () if told is None else (told,)
        if not people:
            raise InvalidInput.of("no_contact")
        own = {name: each for name, each in values.items() if name != "contact"}
        account = super().bear(unit, actor, own, at, reason)
        desk: Any = self.desk.clone(actor=actor, unit=unit)
        for each in people:
            if isinstance(each, Mapping):
                desk.in_slot("contacts").bear(unit, actor, {**each, "account": account}, at, reason)
            else:
                self._introduce(desk, unit, each, account, actor, reason)
        return unit.get(account.id) or account

    def _introduce(self, desk: Any, unit: Unit, told: Any, account: A, actor: Actor, reason: str | None) -> None:
        contacts = desk.in_slot("contacts")
        contact = contacts._held(unit, as_stored(unit, told), actor, None)
        if contact.state == "left":
            raise InvalidInput.of("contact_left", contact=contact.reference)
        unit.depend([contact.id])
        relation, _ = desk.house.relations.directed("contact_of")
        put(desk, unit, "link", relation, contact, account, actor, reason)

    def fact(self, name: str, record: A, unit: Unit) -> Any:
        """The opportunities and complaints of an account that are open."""
        if name != "open_records":
            return super().fact(name, record, unit)
        ids = self._ends(record, "account_of", unit)
        unit.depend([record.id, *ids])
        found = ((each, self.desk.of_kind(unit.kind_of(each.id).name)) for each in unit.get_all(ids))
        counted = [(each, practice) for each, practice in found if practice.slot in ("opportunities", "complaints")]
        return tuple(each.reference for each, practice in counted if practice.lifecycle.category(each.state) in OPEN)

    # what is known

    def timeline(self, account: str | A, *, by: Actor | None = None) -> tuple[Any, ...]:
        """Return the interactions with an account in the order of time; see `Interactions.timeline`."""
        interactions: Any = self.desk.in_slot("interactions")
        found: tuple[Any, ...] = interactions.timeline(self.get(account, by=by), by=by)
        return found

    def overview(self, account: str | A, *, by: Actor | None = None) -> AccountOverview:
        """Return everything about an account that the reader may see: the view from all sides."""
        held = self.get(account, by=by)

        def named(slot: str) -> tuple[Any, ...]:
            return tuple(self.desk.in_slot(slot).each(customer=held.customer, by=by))

        return AccountOverview(
            account=held,
            contacts=self.linked(held, "has_contact", by=by),
            interactions=self.timeline(held, by=by),
            opportunities=self._of(held, "opportunities", by),
            complaints=self._of(held, "complaints", by),
            surveys=self._of(held, "satisfaction_surveys", by),
            agreements=named("service_levels"),
            incidents=named("incidents"),
            service_requests=named("service_requests"),
        )

    def out_of_touch(self, since: datetime, *, by: Actor | None = None) -> tuple[A, ...]:
        """Return the customers with whom nothing took place from `since` on, those longest unheard of first.

        Raises:
            InvalidInput: the moment has no zone.
        """
        since = instant(since, "since")
        quiet = []
        for account in self.each(state="customer", by=by):
            last = next((each.occurred_at for each in reversed(self.timeline(account, by=by))), account.created_at)
            if last < since:
                quiet.append((last, account.id, account))
        return tuple(account for _, _, account in sorted(quiet, key=lambda each: each[:2]))

    def without_contact(self, *, by: Actor | None = None) -> tuple[A, ...]:
        """Return the accounts that no contact is linked to: those of another system, whose import brought none."""
        return tuple(each for each in self.each(by=by) if not self.linked(each, "has_contact"))

    def _of(self, account: str | A, slot: str, by: Actor | None) -> tuple[Any, ...]:
        kind = self.desk.in_slot(slot).record
        return tuple(each for each in self.linked(account, "account_of", by=by) if isinstance(each, kind))


__all__ = ["LIFECYCLE", "Account", "AccountOverview", "Accounts"]
