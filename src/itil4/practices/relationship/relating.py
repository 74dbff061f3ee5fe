"""What all records of relationships share: who sees and changes them, and the records that they are born linked to."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from itil4.errors import InvalidInput, Reason
from itil4.lifecycle import Context
from itil4.practices.base import Practice
from itil4.practices.linking import end_of, put
from itil4.practices.measuring import measure
from itil4.practices.reading import R
from itil4.practices.relationship.policy import DEFAULT, RelationshipPolicy
from itil4.record import REDACTED, SELF, Actor, Record, Relation
from itil4.storage.query import Compare, Some, Where
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.desk import Desk
    from itil4.practices.figures import Figures

MANAGERS = frozenset({"relationship_manager", "account_manager"})
"""Those who answer for relationships."""

SALES = MANAGERS | {"sales"}
"""Those who also sell."""

STAFF = SALES | {"service_desk"}
"""Those who are in touch with customers."""

FOR_ACCOUNT = Relation("for_account", "account_of", {(SELF, "account")}, lasting=True)
"""The account that a record belongs to, one at most.

It is no `single` relation: that would let a new link rest on the account, and of two people who log something for the
same account at once one would have to give way. The record's own version guards it (see `Relating.link_objections`).
"""

INVOLVES = "involves", "involved_in"
"""The people that a record is about: contacts, and leads or stakeholders where it says so."""

ABOUT = "about", "subject_of"
"""What a record is about: an incident, a request, an agreement, ..."""


class Relating(Practice[R]):
    """A practice of relationships; each is one kind of record of relationship management.

    Class attributes:
        readers: the roles that see all records; others see those that name them.
        named_in: the fields that name people who see a record for that.
        writers: the roles that change fields and links.
        openers: the roles that may log one; None: anybody.
        ends: word of `log` -> the relation that it makes.
        needed: the words of `log` that have to be given.
        measured: the name of their table of figures.
    """

    name = "relationship_management"
    slot = kind = prefix = ""
    category = "general"
    readers: ClassVar[frozenset[str]] = STAFF
    named_in: ClassVar[tuple[str, ...]] = ("created_by",)
    writers: ClassVar[frozenset[str]] = STAFF
    openers: ClassVar[frozenset[str] | None] = STAFF
    ends: ClassVar[Mapping[str, str]] = {}
    needed: ClassVar[tuple[str, ...]] = ()
    measured: ClassVar[str] = ""

    # decisions

    @property
    def rules(self) -> RelationshipPolicy:
        """The policy in force: the one given to `connect`, or the default."""
        given = self.desk.house.policies.get("account", DEFAULT)
        if not isinstance(given, RelationshipPolicy):
            raise InvalidInput.of("ill_typed", field="policies.account", expected="a RelationshipPolicy", value=given)
        return given

    def visible(self, actor: Actor) -> Where | None:
        """Relationships are seen by those who look after them or amend them, and otherwise by whom a record names."""
        if actor.is_system or not (self.readers | self.redactors | self.correctors).isdisjoint(actor.roles):
            return None
        mine = (actor.id, *self.desk.house.directory.groups(actor.id, self.desk.house.now()))
        return Some(tuple(Compare(name, "in", mine) for name in self.named_in))

    def editors(self) -> frozenset[str]:
        """Those who look after such records."""
        return self.writers

    def fact(self, name: str, record: R, unit: Unit) -> Any:
        """The policy is a fact of steps."""
        return self.rules if name == "policy" else super().fact(name, record, unit)

    def objections(self, before: R | None, after: R, context: Context, event: str) -> Iterable[Reason]:
        """Not everybody logs; and whose record it is stays as it was at its birth."""
        yield from super().objections(before, after, context, event)
        if before is None:
            openers = self.openers
            if openers is not None and openers.isdisjoint(context.roles) and not context.actor.is_system:
                has = sorted(context.actor.roles)
                yield Reason.of("role", event="log", actor=context.actor.id, has=has, needs=sorted(openers))
        elif (settled := getattr(before, "customer", None)) not in (None, getattr(after, "customer", None)):
            yield _settled(settled)

    def link_objections(
        self, unit: Unit, op: str, relation: Relation, source: Any, target: Any, context: Context
    ) -> Iterable[Reason]:
        """A record belongs to one account at most, and to none but that of its customer."""
        yield from super().link_objections(unit, op, relation, source, target, context)
        if op != "link" or relation.name != FOR_ACCOUNT.name or not isinstance(source, self.record):
            return
        if any(row.relation == relation.name for row in unit.links(source.id)):
            yield Reason.of("account_settled", record=source.reference)
        customer = getattr(source, "customer", None)
        if customer not in (None, target.customer):
            yield _settled(customer)

    # birth

    def log(
        self, *, by: Actor | None = None, at: datetime | None = None, reason: str | None = None,
        once: str | None = None, **values: Any,
    ) -> R:  # fmt: skip
        """Record something new, linked to what it belongs to; `ends` names the words for that.

        Args:
            by, at, reason, once: as for every practice.
            **values: the fields; and one record, number or id, or several, for each word of `ends`.

        Raises:
            InvalidInput: a field or a word of `needed` is missing, or a value does not fit.
            NotFound: a record is not there, or not for this actor to see.
        """
        actor = self.desk.who(by, "log")
        return self._run("log", once, lambda unit: self.bear(unit, actor, values, at, reason), None, actor)

    def bear(
        self, unit: Unit, actor: Actor, values: Mapping[str, Any], at: datetime | None, reason: str | None
    ) -> R:  # fmt: skip
        """Add a new record with its links in a unit that is open; `log` calls it, and whoever makes several at once."""
        desk = self.desk.clone(actor=actor, unit=unit)
        given = {name: value for name, value in values.items() if name not in self.ends}
        found = {word: self._told(desk, unit, word, values.get(word), actor) for word in self.ends}
        if gone := [word for word in self.needed if not found[word]]:
            raise InvalidInput(*(Reason.of("blank", field=word) for word in gone))
        context = self._context(unit, actor, None, "log", self._brought(given, found), at, reason)
        record, entry = self._newborn(context, context.payload)
        unit.born(self.stored, record, entry)
        self.joined(unit, record, found)
        for word, several in found.items():
            relation, _ = desk.house.relations.directed(self.ends[word])
            for each in several:
                put(desk, unit, "link", relation, unit.get(record.id), each, actor, reason, context.at)
        return unit.get(record.id) or record

    def joined(self, unit: Unit, record: R, ends: Mapping[str, tuple[Any, ...]]) -> None:
        """Refuse ends that a new record cannot have; what is depended on joins the commit."""

    def _told(self, desk: "Desk", unit: Unit, word: str, value: Any, actor: Actor) -> tuple[Any, ...]:
        several = value if isinstance(value, (list, tuple)) else () if value is None else (value,)
        found = tuple(end_of(desk, unit, as_stored(unit, each), actor)[0] for each in several)
        if len(found) > 1 and word == "account":
            raise InvalidInput.of("ill_typed", field="account", expected="one account", value=value)
        return found

    def _brought(self, given: Mapping[str, Any], found: Mapping[str, tuple[Any, ...]]) -> Mapping[str, Any]:
        """Return the fields with what the account says: the name by which other records know the customer."""
        account = next(iter(found.get("account", ())), None)
        customer = getattr(account, "customer", None)
        if customer is None or "customer" not in self.shape.fields:
            return given
        if given.get("customer") not in (None, customer):
            raise InvalidInput.of(
                "field_rule", field="customer", rule=f"{customer!r}, as its account says", remedy="Leave it out."
            )
        return {**given, "customer": customer}

    # afterwards

    def figures(
        self, *, since: datetime | None = None, until: datetime | None = None, split: str | Iterable[str] = (),
        by: Actor | None = None, excluding: Iterable[str] = (),
    ) -> "Figures":  # fmt: skip
        """Return the figures of these records; the arguments are those of `itil4.practices.measuring.measure`."""
        from itil4.practices.relationship.figures import TABLES  # read when first asked for

        return measure(self, TABLES[self.measured], since=since, until=until, split=split, by=by, excluding=excluding)


def _settled(customer: str | None) -> Reason:
    remedy = "Leave it as it is, or log a new record for the other account."
    return Reason.of("field_rule", field="customer", rule=f"settled as {customer!r}", remedy=remedy)


def as_stored(unit: Unit, value: Any) -> Any:
    """Return a record as it is stored: who only refers to it may hold an earlier copy. Other values stay."""
    return (unit.get(value.id) or value) if isinstance(value, Record) else value


def address_problems(record: Any) -> Iterable[Reason]:
    """Yield what is wrong with the e-mail address of a person; what was redacted is nothing to complain about."""
    email = record.email
    if email is None or email == REDACTED:
        return
    name, _, host = email.partition("@")
    if not name or not host or "@" in host or any(each.isspace() for each in email):
        yield Reason.of("bad_email", value=email)


__all__ = [
    "ABOUT", "FOR_ACCOUNT", "INVOLVES", "MANAGERS", "SALES", "STAFF", "Relating", "address_problems", "as_stored",
]  # fmt: skip
