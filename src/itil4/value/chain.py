"""The service value chain: activities that value streams combine in any order, as often as they need.

Which activities there are depends on the edition, so a scheme of activities is data.
"""

from typing import Literal, TypeAlias

import attrs

from itil4.errors import InvalidInput, nearest
from itil4.value.validators import a, frozen_list, many, some, text

ActivityId: TypeAlias = Literal[
    "plan", "improve", "engage", "design_and_transition", "obtain_build", "deliver_and_support"
]
"""The six value chain activities of ITIL 4."""


@attrs.frozen
class Activity:
    """One activity of a value chain: what it achieves, what it takes in and what it gives."""

    id: str = attrs.field(validator=text)
    name: str = attrs.field(validator=text)
    idea: str = attrs.field(validator=text)
    inputs: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=many(text))
    outputs: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=many(text))


@attrs.frozen
class ActivityScheme:
    """The activities of one edition.

    >>> len(ITIL_4), len(ITIL_5), ITIL_4["engage"].name
    (6, 8, 'Engage')
    >>> ITIL_4["delivery_and_support"]
    Traceback (most recent call last):
        ...
    itil4.errors.InvalidInput: activity cannot be 'delivery_and_support'. Did you mean 'deliver_and_support'? \
Choose one of: plan, improve, engage, design_and_transition, obtain_build, deliver_and_support.
    """

    id: str = attrs.field(validator=text)
    name: str = attrs.field(validator=text)
    activities: tuple[Activity, ...] = attrs.field(converter=frozen_list, validator=some(a(Activity)))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the activities, in the order of the scheme, which is not an order of work."""
        return tuple(activity.id for activity in self.activities)

    def __len__(self) -> int:
        return len(self.activities)

    def __contains__(self, name: object) -> bool:
        return name in self.ids

    def __getitem__(self, name: str) -> Activity:
        """Return the activity of that id.

        Raises:
            InvalidInput: the scheme has no such activity (`not_a_choice`).
        """
        for activity in self.activities:
            if activity.id == name:
                return activity
        near = nearest(name, self.ids)
        raise InvalidInput.of("not_a_choice", field="activity", value=name, nearest=near, choices=self.ids)


ACTIVITIES: tuple[Activity, ...] = (
    Activity(
        "plan",
        "Plan",
        "Shared view of the vision, present state and direction for all dimensions, products and services.",
        (
            "policies and constraints from the governing body",
            "consolidated demand, from engage",
            "improvement status",
            "value chain performance",
            "supplier knowledge",
        ),
        (
            "plans",
            "portfolio decisions",
            "architectures and policies",
            "improvement opportunities",
            "contract and agreement requirements",
        ),
    ),
    Activity(
        "improve",
        "Improve",
        "Ongoing betterment of products, services and practices across the chain.",
        ("performance data", "stakeholder feedback", "supplier knowledge", "improvement opportunities"),
        ("improvement initiatives and plans", "status reports", "performance information"),
    ),
    Activity(
        "engage",
        "Engage",
        "Understand stakeholders' needs, stay transparent and keep good relations.",
        (
            "portfolio",
            "demand and requests",
            "incidents and feedback",
            "marketing opportunities",
            "support information",
        ),
        (
            "consolidated demand",
            "requirements for design",
            "support tasks",
            "change and project requests",
            "performance reports",
        ),
    ),
    Activity(
        "design_and_transition",
        "Design and transition",
        "Products and services keep meeting expectations for quality, cost and time to market.",
        ("portfolio decisions", "architectures", "requirements", "components", "improvement initiatives"),
        ("new and changed products and services", "specifications for obtain/build", "contract requirements"),
    ),
    Activity(
        "obtain_build",
        "Obtain/build",
        "Components are there when and where needed and match the agreed specification.",
        ("architectures and policies", "contracts", "specifications", "change requests"),
        ("service components", "knowledge of components", "performance information"),
    ),
    Activity(
        "deliver_and_support",
        "Deliver and support",
        "Services are provided and supported as agreed and expected.",
        ("new and changed services", "components", "support tasks", "contracts"),
        ("services in use", "completed support tasks", "performance information", "change requests", "feedback"),
    ),
)
"""The six activities of ITIL 4."""

ITIL_4 = ActivityScheme("itil4", "ITIL 4 service value chain", ACTIVITIES)
"""The six activities of ITIL 4, which streams use unless they say otherwise."""

ITIL_5 = ActivityScheme(
    "itil5",
    "ITIL (Version 5) lifecycle activities",
    (
        Activity("discover", "Discover", "Learn what consumers and markets need and what is worth offering."),
        Activity("design", "Design", "Work out products and services that would meet the need."),
        Activity("acquire", "Acquire", "Get from others what will not be made in house."),
        Activity("build", "Build", "Make and assemble what was designed."),
        Activity("transition", "Transition", "Bring what is new or changed safely into use."),
        Activity("operate", "Operate", "Keep products running day by day."),
        Activity("deliver", "Deliver", "Let consumers have and use what was agreed."),
        Activity("support", "Support", "Help consumers when something is missing or goes wrong."),
    ),
)
"""The eight activities of ITIL (Version 5), as most published accounts have them."""

CHAIN_RULES: tuple[str, ...] = (
    "all contact with outside parties goes through engage",
    "new resources come through obtain/build",
    "planning at all levels is done in plan",
    "improvement at all levels is initiated and managed in improve",
    "activities run in any order and repeat; they are not a lifecycle",
)
"""How the six share the work (the first four recalled and unchecked). Guidance: no order is ever enforced."""
