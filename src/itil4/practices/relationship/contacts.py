"""Contacts: the people through whom an account is known, and whom every account has at least one of (INV-106)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeVar

import attrs

from itil4.errors import Reason
from itil4.lifecycle import Context, Lifecycle, State, Transition, guard
from itil4.practices.relationship.relating import STAFF, Relating, address_problems
from itil4.record import SELF, Line, Note, Record, Relation
from itil4.storage.unit import Unit


@attrs.frozen(kw_only=True)
class Contact(Record):
    """A person through whom we deal with an account; the links `contact_of` say with which.

    All of it is personal data: `redact` and `redact_person` take it out (see `docs/how-to/personal-data.md`).

    Attributes:
        name: what they are called.
        job_title: what they do there.
        part: their part in decisions: decision maker, champion, user, ...
        email, phone: how they are reached.
        language: in which.
        person: their id, where the directory of the host knows them; they see their own record.
        left_at: when they left.
    """

    name: Line
    job_title: Line | None = None
    part: Line | None = None
    email: Line | None = None
    phone: Line | None = None
    language: Line | None = None
    person: Line | None = None
    note: Note = ""
    left_at: datetime | None = None


CONTACT_OF = Relation("contact_of", "has_contact", {(SELF, "account")})


@guard(remedy="Add another contact to it first, or end the account.")
def someone_remains(contact: Contact, context: Context) -> bool | str:
    """An account that is not over keeps somebody to talk to (INV-106)."""
    alone = context.facts["last_for"]
    return not alone or f"nobody else is left to talk to at {', '.join(alone)}."


def stamp_left(contact: Contact, context: Context) -> Mapping[str, Any]:
    """Leaving has its time."""
    return {"left_at": context.at}


def clear_left(contact: Contact, context: Context) -> Mapping[str, Any]:
    """Who is back has not left."""
    return {"left_at": None}


_STAMPED = {"left_at": "read_only"}

LIFECYCLE = Lifecycle(
    "contact",
    "active",
    states=[State("active", "resolved", fields=_STAMPED), State("left", "closed", fields=_STAMPED)],
    transitions=[
        Transition("leave", "active", "left", roles=STAFF, guards=[someone_remains], effects=[stamp_left],
                   facts="last_for"),
        Transition("rejoin", "left", "active", roles=STAFF, effects=[clear_left]),
    ],
)  # fmt: skip
"""A contact is a register's entry: nobody has work to do with it, so it is in no figure of open work."""

C = TypeVar("C", bound=Contact)


class Contacts(Relating[C]):
    """The people through whom accounts are known.

    >>> import itil4
    >>> from itil4 import Actor
    >>> itsm = itil4.connect()
    >>> amy = Actor("amy", roles={"account_manager"})
    >>> acme = itsm.accounts.log(name="Acme", contact={"name": "Jo Doe", "email": "jo@acme.example"}, by=amy)
    >>> itsm.contacts.explain(itsm.accounts.linked(acme, "has_contact")[0], "leave", by=amy).allowed
    False
    """

    slot = "contacts"
    kind = "contact"
    prefix = "CON"
    record = Contact  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = LIFECYCLE
    relations = (CONTACT_OF,)
    ends: ClassVar[Mapping[str, str]] = {"account": "contact_of"}
    named_in: ClassVar[tuple[str, ...]] = ("person", "created_by")
    indexed: ClassVar[tuple[str, ...]] = ("name", "email", "phone", "part", "person")
    measured: ClassVar[str] = "contacts"

    def inconsistencies(self, record: C) -> Iterable[Reason]:
        """An e-mail address looks like one."""
        return address_problems(record)

    def fact(self, name: str, record: C, unit: Unit) -> Any:
        """The accounts, not over, for which no other active contact remains."""
        if name != "last_for":
            return super().fact(name, record, unit)
        accounts = unit.get_all(self._ends(record, "contact_of", unit))
        unit.depend([record.id, *(each.id for each in accounts)])
        open_ones = (each for each in accounts if self._is_open(each))
        return tuple(each.reference for each in open_ones if not self._others(unit, each, record, active=True))

    def link_objections(
        self, unit: Unit, op: str, relation: Relation, source: Any, target: Any, context: Context
    ) -> Iterable[Reason]:
        """The last contact of an account stays its contact, and one that has left begins nothing (INV-106)."""
        yield from super().link_objections(unit, op, relation, source, target, context)
        if relation.name != "contact_of":
            return
        if op == "link" and source.state == "left":
            yield Reason.of("contact_left", contact=source.reference)
        if op == "unlink" and not self._others(unit, target, source, active=self._is_open(target)):
            yield Reason.of("last_contact", contact=source.reference, account=target.reference)

    def _is_open(self, account: Any) -> bool:
        return self.desk.of_kind("account").lifecycle.category(account.state) not in ("closed", "cancelled")

    def _others(self, unit: Unit, account: Any, contact: Any, *, active: bool) -> list[Any]:
        """Return the further contacts of an account; the commit rests on them, so that two cannot go at once."""
        rows = unit.links(account.id, backwards=True)
        ids = [row.source for row in rows if row.relation == "contact_of" and row.source != contact.id]
        unit.depend([account.id, *ids])
        return [each for each in unit.get_all(ids) if not active or each.state != "left"]


__all__ = ["CONTACT_OF", "LIFECYCLE", "Contact", "Contacts"]
