"""The service value system: how everything in an organization works together so that demand becomes value."""

from typing import Literal, TypeAlias

import attrs

from itil4.errors import InvalidInput, nearest
from itil4.value.chain import ITIL_4, ActivityScheme
from itil4.value.principles import GUIDING_PRINCIPLES, GuidingPrinciple
from itil4.value.validators import a, frozen_list, some, text

ComponentId: TypeAlias = Literal[
    "guiding_principles", "governance", "service_value_chain", "practices", "continual_improvement"
]
GovernanceActId: TypeAlias = Literal["evaluate", "direct", "monitor"]
DimensionId: TypeAlias = Literal[
    "organizations_and_people",
    "information_and_technology",
    "partners_and_suppliers",
    "value_streams_and_processes",
]
TriggerKind: TypeAlias = Literal["demand", "opportunity"]
"""What sets the system in motion: a need for products and services, or a chance to add value or do better."""


@attrs.frozen
class Component:
    """One of the five parts of the service value system."""

    id: str = attrs.field(validator=text)
    name: str = attrs.field(validator=text)
    idea: str = attrs.field(validator=text)


@attrs.frozen
class Dimension:
    """One of the four sides from which every service is to be looked at."""

    id: str = attrs.field(validator=text)
    name: str = attrs.field(validator=text)
    idea: str = attrs.field(validator=text)
    covers: tuple[str, ...] = attrs.field(converter=frozen_list, validator=some(text))


@attrs.frozen
class ExternalFactor:
    """A kind of outside influence that constrains the whole system and that the provider does not control."""

    id: str = attrs.field(validator=text)
    name: str = attrs.field(validator=text)
    idea: str = attrs.field(validator=text)


@attrs.frozen
class GovernanceAct:
    """One of the three things that a governing body does."""

    id: str = attrs.field(validator=text)
    name: str = attrs.field(validator=text)
    idea: str = attrs.field(validator=text)


COMPONENTS: tuple[Component, ...] = (
    Component(
        "guiding_principles", "Guiding principles", "Advice that holds in every circumstance and at every level."
    ),
    Component("governance", "Governance", "How the organization is directed and controlled."),
    Component("service_value_chain", "Service value chain", "The activities that value streams are put together from."),
    Component("practices", "Practices", "Sets of resources brought together to do a kind of work."),
    Component("continual_improvement", "Continual improvement", "Getting better, everywhere and all the time."),
)

DIMENSIONS: tuple[Dimension, ...] = (
    Dimension(
        "organizations_and_people",
        "Organizations and people",
        "Who does the work, how they are organized, and what they hold dear.",
        ("structure", "culture", "roles", "skills", "leadership"),
    ),
    Dimension(
        "information_and_technology",
        "Information and technology",
        "What must be known to deliver the service, and the technology that the service and its management use.",
        ("information and knowledge", "technologies", "protection and quality of data"),
    ),
    Dimension(
        "partners_and_suppliers",
        "Partners and suppliers",
        "Which other organizations take part, and on what terms.",
        ("other organizations in design, delivery, support", "contracts", "integration strategy"),
    ),
    Dimension(
        "value_streams_and_processes",
        "Value streams and processes",
        "How the parts work together so that something useful comes out.",
        ("flows of work", "processes", "procedures", "controls"),
    ),
)

EXTERNAL_FACTORS: tuple[ExternalFactor, ...] = (
    ExternalFactor("political", "Political", "What governments want, allow and support."),
    ExternalFactor("economic", "Economic", "Prices, wages, currencies and the state of markets."),
    ExternalFactor("social", "Social", "What people expect, how they live and what they find fair."),
    ExternalFactor("technological", "Technological", "What technology makes possible, cheap or obsolete."),
    ExternalFactor("legal", "Legal", "Laws, regulations and contracts that bind."),
    ExternalFactor("environmental", "Environmental", "Climate, energy, materials and waste."),
)

GOVERNANCE_ACTS: tuple[GovernanceAct, ...] = (
    GovernanceAct(
        "evaluate",
        "Evaluate",
        "Review the organization, its strategy, portfolios and relationships as conditions change.",
    ),
    GovernanceAct("direct", "Direct", "Give responsibility for, and steer, strategy and policies."),
    GovernanceAct("monitor", "Monitor", "Check performance and practices against the direction given."),
)


@attrs.frozen(kw_only=True)
class ServiceValueSystem:
    """The system as a value: what comes in, the five components, the four dimensions, and value coming out.

    The dimensions and the external factors apply to every component, not to one of them.

    Args:
        activities: the scheme of the value chain; the edition is data.
        practices: ids of the practices that the organization works with. Empty where they are not known here.

    >>> system = SERVICE_VALUE_SYSTEM
    >>> len(system.principles), len(system.dimensions), len(system.activities), len(system.components)
    (7, 4, 6, 5)
    >>> system.unconsidered(["organizations_and_people", "partners_and_suppliers"])
    ('information_and_technology', 'value_streams_and_processes')
    """

    inputs: tuple[TriggerKind, ...] = ("opportunity", "demand")
    output: str = "value"
    components: tuple[Component, ...] = COMPONENTS
    principles: tuple[GuidingPrinciple, ...] = GUIDING_PRINCIPLES
    governance: tuple[GovernanceAct, ...] = GOVERNANCE_ACTS
    activities: ActivityScheme = attrs.field(default=ITIL_4, validator=a(ActivityScheme))
    practices: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list)
    dimensions: tuple[Dimension, ...] = DIMENSIONS
    external_factors: tuple[ExternalFactor, ...] = EXTERNAL_FACTORS

    def unconsidered(self, dimensions: "tuple[str, ...] | list[str]") -> tuple[str, ...]:
        """Return the dimensions that were left out, given those that were looked at.

        Raises:
            InvalidInput: a name is not one of the dimensions (`not_a_choice`).
        """
        known = tuple(dimension.id for dimension in self.dimensions)
        for name in dimensions:
            if name not in known:
                near = nearest(name, known)
                raise InvalidInput.of("not_a_choice", field="dimension", value=name, nearest=near, choices=known)
        return tuple(name for name in known if name not in dimensions)


SERVICE_VALUE_SYSTEM = ServiceValueSystem()
"""The system as ITIL 4 draws it, before an organization has put its own practices in."""
