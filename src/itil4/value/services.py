"""Services, products and offerings, and the organizations and people that stand on both sides of them."""

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import attrs

from itil4.errors import InvalidInput
from itil4.value.validators import a, flag, frozen_list, many, maybe, some, text, word

WarrantyAspect: TypeAlias = Literal["availability", "capacity", "security", "continuity"]
"""The four ways in which a service must be good enough to be fit for use."""

ComponentKind: TypeAlias = Literal["goods", "access", "action"]
"""What an offering is made of: things handed over, access to resources, and work done for the consumer."""

RelationshipKind: TypeAlias = Literal["basic", "cooperative", "partnership"]
"""How closely provider and consumer work together."""

ConsumerRole: TypeAlias = Literal["customer", "user", "sponsor"]
"""Who requires and answers for outcomes, who uses the service, who approves the money."""

Side: TypeAlias = Literal["consumer", "provider", "other"]
"""Where a stakeholder stands with regard to one service."""


@attrs.frozen
class Stakeholder:
    """A person or group with a stake in a service, and the side on which they stand.

    >>> Stakeholder("ana", "consumer").side
    'consumer'
    """

    id: str = attrs.field(validator=text)
    side: Side = attrs.field(validator=word(Side))


@attrs.frozen
class Output:
    """A thing that an activity delivers. It makes outcomes possible, and is none (INV-007)."""

    statement: str = attrs.field(validator=text)


@attrs.frozen(kw_only=True)
class Utility:
    """What a service does for its consumer: fit for purpose when it helps them perform or frees them (INV-008)."""

    statement: str = attrs.field(validator=text)
    supports_performance: bool = attrs.field(default=False, validator=flag)
    removes_constraints: bool = attrs.field(default=False, validator=flag)

    @property
    def fit_for_purpose(self) -> bool:
        """Whether the service supports performance or removes constraints."""
        return self.supports_performance or self.removes_constraints


@attrs.frozen
class Assurance:
    """What is promised in one aspect of warranty, and whether it is kept: True, False, or None when not known."""

    aspect: WarrantyAspect = attrs.field(validator=word(WarrantyAspect))
    promise: str = attrs.field(validator=text)
    kept: bool | None = attrs.field(default=None, validator=maybe(flag))


@attrs.frozen
class WarrantyReport:
    """How complete and how true a warranty is (INV-008).

    Attributes:
        stated: aspects that something is promised about; `missing` those without a promise.
        broken: aspects whose promise is not kept; `unknown` those where nobody knows.
    """

    stated: tuple[str, ...]
    missing: tuple[str, ...]
    broken: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether all four aspects have a promise."""
        return not self.missing

    @property
    def fit_for_use(self) -> bool | None:
        """True when all four promises are kept, False when one is broken, None while it is not known."""
        return False if self.broken else None if self.missing or self.unknown else True


@attrs.frozen(kw_only=True)
class Service:
    """A way of making value together with its consumers: the outcomes it helps with, what it does and how well.

    Args:
        id, name: how the service is known.
        outcomes: what consumers achieve with it, in their words; one or more (INV-007).
        utility: what it does.
        warranty: how well, one `Assurance` per aspect.
        outputs: what it delivers on the way.

    Raises:
        InvalidInput: no outcome, an `Output` in the place of one (`output_not_outcome`), or an aspect stated twice.

    >>> mail = Service(
    ...     id="mail", name="Mail", outcomes=["crew and office reach each other at sea"],
    ...     utility=Utility(statement="Carries messages over any link.", supports_performance=True),
    ...     warranty=[Assurance("availability", "99.5 % of each month", kept=True)],
    ... )
    >>> mail.fit_for_purpose, mail.warranty_report().missing, mail.warranty_report().fit_for_use
    (True, ('capacity', 'security', 'continuity'), None)
    """

    id: str = attrs.field(validator=text)
    name: str = attrs.field(validator=text)
    outcomes: tuple[str, ...] = attrs.field(converter=frozen_list)
    utility: Utility = attrs.field(validator=a(Utility))
    warranty: tuple[Assurance, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=many(a(Assurance)))
    outputs: tuple[Output, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=many(a(Output)))

    @outcomes.validator
    def _outcomes(self, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        for item in value if isinstance(value, tuple) else ():
            if isinstance(item, Output):
                raise InvalidInput.of("output_not_outcome", service=self.id, output=item.statement)
        some(text)(self, attribute, value)

    @warranty.validator
    def _each_aspect_once(self, attribute: "attrs.Attribute[Any]", value: tuple[Assurance, ...]) -> None:
        aspects = [assurance.aspect for assurance in value]
        for aspect in aspects:
            if aspects.count(aspect) > 1:
                raise InvalidInput.of(
                    "duplicate", where=f"The service {self.id!r}", what="warranty aspect", name=aspect
                )

    @property
    def fit_for_purpose(self) -> bool:
        """Whether its utility is."""
        return self.utility.fit_for_purpose

    def warranty_report(self) -> WarrantyReport:
        """Return which aspects of warranty are stated, missing, broken or unknown."""
        stated = {assurance.aspect: assurance.kept for assurance in self.warranty}
        aspects: tuple[WarrantyAspect, ...] = ("availability", "capacity", "security", "continuity")
        return WarrantyReport(
            stated=tuple(aspect for aspect in aspects if aspect in stated),
            missing=tuple(aspect for aspect in aspects if aspect not in stated),
            broken=tuple(aspect for aspect in aspects if stated.get(aspect, True) is False),
            unknown=tuple(aspect for aspect in aspects if stated.get(aspect, True) is None),
        )


@attrs.frozen(kw_only=True)
class Product:
    """Resources that an organization has put together so as to offer value; services are made from products."""

    id: str = attrs.field(validator=text)
    name: str = attrs.field(validator=text)
    resources: tuple[str, ...] = attrs.field(converter=frozen_list, validator=some(text))


@attrs.frozen
class OfferingComponent:
    """One part of an offering. Ownership moves with goods, and with nothing else (INV-009)."""

    name: str = attrs.field(validator=text)
    kind: ComponentKind = attrs.field(validator=word(ComponentKind))

    @property
    def ownership_moves(self) -> bool:
        """Whether the consumer owns it afterwards."""
        return self.kind == "goods"


@attrs.frozen(kw_only=True)
class ServiceOffering:
    """One or more services described for a group of consumers, with what they get (INV-009).

    >>> offering = ServiceOffering(
    ...     id="laptop", name="Laptop with care", services=["workplace"], target="office",
    ...     components=[OfferingComponent("laptop", "goods"), OfferingComponent("network", "access"),
    ...                 OfferingComponent("repair", "action")],
    ... )
    >>> [part.name for part in offering.handed_over]
    ['laptop']
    """

    id: str = attrs.field(validator=text)
    name: str = attrs.field(validator=text)
    services: tuple[str, ...] = attrs.field(converter=frozen_list, validator=some(text))
    target: str = attrs.field(validator=text)
    components: tuple[OfferingComponent, ...] = attrs.field(converter=frozen_list, validator=some(a(OfferingComponent)))

    @property
    def handed_over(self) -> tuple[OfferingComponent, ...]:
        """The parts that the consumer owns afterwards."""
        return tuple(part for part in self.components if part.ownership_moves)


@attrs.frozen(kw_only=True)
class ServiceRelationship:
    """Two organizational units, one providing and one consuming (INV-010).

    Raises:
        InvalidInput: both are the same unit (`same_unit`).
    """

    provider: str = attrs.field(validator=text)
    consumer: str = attrs.field(validator=text)
    services: tuple[str, ...] = attrs.field(converter=frozen_list, validator=some(text))
    kind: RelationshipKind = attrs.field(default="basic", validator=word(RelationshipKind))

    def __attrs_post_init__(self) -> None:
        if self.provider == self.consumer:
            raise InvalidInput.of("same_unit", unit=self.provider)


def roles_in(unit: str, relationships: Iterable[ServiceRelationship]) -> frozenset[str]:
    """Return the roles that a unit has over several relationships: `provider`, `consumer`, both or none (INV-010).

    >>> bought = ServiceRelationship(provider="cloud", consumer="it", services=["hosting"])
    >>> sold = ServiceRelationship(provider="it", consumer="sales", services=["mail"])
    >>> sorted(roles_in("it", [bought, sold]))
    ['consumer', 'provider']
    """
    known = tuple(relationships)
    provider = {"provider"} if any(unit == each.provider for each in known) else set()
    return frozenset(provider | ({"consumer"} if any(unit == each.consumer for each in known) else set()))


@attrs.frozen
class ConsumerSide:
    """A person on the consumer's side, with the roles they hold: one person may hold several (INV-011)."""

    person: str = attrs.field(validator=text)
    roles: tuple[ConsumerRole, ...] = attrs.field(converter=frozen_list, validator=some(word(ConsumerRole)))


@attrs.frozen(kw_only=True)
class ServiceAgreement:
    """Who agreed on services for the consumer: at least one customer and one sponsor, who may be one person (INV-011).

    Raises:
        InvalidInput: nobody is customer, or nobody is sponsor (`no_holder`).

    >>> agreement = ServiceAgreement(services=["mail"], people=[ConsumerSide("ana", ["customer", "sponsor"])])
    >>> agreement.holders("sponsor")
    ('ana',)
    """

    services: tuple[str, ...] = attrs.field(converter=frozen_list, validator=some(text))
    people: tuple[ConsumerSide, ...] = attrs.field(converter=frozen_list, validator=some(a(ConsumerSide)))

    def __attrs_post_init__(self) -> None:
        needed: tuple[ConsumerRole, ...] = ("customer", "sponsor")
        for role in needed:
            if not self.holders(role):
                raise InvalidInput.of("no_holder", role=role)

    def holders(self, role: ConsumerRole) -> tuple[str, ...]:
        """Return who holds a role."""
        return tuple(each.person for each in self.people if role in each.roles)
