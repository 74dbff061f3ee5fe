"""What is known about a practice: one immutable value per practice."""

import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias

import attrs

from itil4.errors import InvalidInput
from itil4.value.chain import ActivityId
from itil4.value.validators import a, frozen_list, many, maybe, text, word
from itil4.vocabulary import PracticeGroup

ContributionLevel: TypeAlias = Literal["none", "low", "medium", "high"]
"""How much a practice gives to a value chain activity."""

Confidence: TypeAlias = Literal["seen", "seen second-hand", "recalled, unchecked"]
"""How sure we are of a list of success factors: seen in a source, in a retelling of one, or from memory only."""

Edition5Group: TypeAlias = Literal["general", "product_and_service", "disputed"]
"""Where ITIL (Version 5) puts a practice; `disputed` where published accounts differ."""

EDITORIAL = "our editorial default"
"""What every contribution is: a starting point chosen by this project, not a statement of ITIL."""


@attrs.frozen(kw_only=True)
class Contribution(Mapping[ActivityId, ContributionLevel]):
    """How much a practice gives to each of the six value chain activities.

    The levels of the built-in practices are our editorial default, for you to overrule with
    `attrs.evolve`; ITIL's own heat maps are not reproduced.

    >>> given = Contribution(deliver_and_support="high", engage="medium")
    >>> given["engage"], given["plan"], len(given)
    ('medium', 'none', 6)
    >>> given.strongest
    ('deliver_and_support',)
    """

    plan: ContributionLevel = attrs.field(default="none", validator=word(ContributionLevel))
    improve: ContributionLevel = attrs.field(default="none", validator=word(ContributionLevel))
    engage: ContributionLevel = attrs.field(default="none", validator=word(ContributionLevel))
    design_and_transition: ContributionLevel = attrs.field(default="none", validator=word(ContributionLevel))
    obtain_build: ContributionLevel = attrs.field(default="none", validator=word(ContributionLevel))
    deliver_and_support: ContributionLevel = attrs.field(default="none", validator=word(ContributionLevel))

    def __getitem__(self, activity: str) -> ContributionLevel:
        if activity not in _ACTIVITIES:
            raise KeyError(activity)
        level: ContributionLevel = getattr(self, activity)
        return level

    def __iter__(self) -> Iterator[ActivityId]:
        return iter(_ACTIVITIES)

    def __len__(self) -> int:
        return len(_ACTIVITIES)

    @property
    def strongest(self) -> tuple[ActivityId, ...]:
        """The activities with the highest level that is not `none`, in the order of the value chain."""
        for level in ("high", "medium", "low"):
            if found := tuple(activity for activity in _ACTIVITIES if self[activity] == level):
                return found
        return ()


_ACTIVITIES: tuple[ActivityId, ...] = (
    "plan", "improve", "engage", "design_and_transition", "obtain_build", "deliver_and_support",
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Edition5:
    """What ITIL (Version 5) calls a practice, and the group in which it puts it."""

    name: str = attrs.field(validator=text)
    group: Edition5Group = attrs.field(validator=word(Edition5Group))


def _identifier(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", value):
        expected = "lower-case words joined by underscores, such as 'fleet_management'"
        raise InvalidInput.of("ill_typed", field=attribute.name, expected=expected, value=value)


_short_texts = many(text)


@attrs.frozen(kw_only=True)
class PracticeProfile:
    """One practice as the catalogue describes it: what it is for, who does it, what it takes and gives.

    All sentences are this project's own words. A practice of your own needs an id, a name, a
    category and a purpose; the rest is as rich as you make it.

    Args:
        id: lower-case words joined by underscores; also the name of its module, where it has one.
        name: the name that people read.
        category: `general`, `service` or `technical`.
        purpose: one sentence, why the practice exists.
        key_terms, roles, inputs, outputs, metrics, record_types, model_types: short texts.
        success_factors: what the practice must be able to do; `success_factors_confidence` says how sure
            we are of the list.
        related: ids of practices that it works with most.
        contribution: its level for each value chain activity; for the built-in ones our editorial default.
        edition_5: name and group in ITIL (Version 5), None for a practice of your own.

    Raises:
        InvalidInput: a field has the wrong type or an unknown word.

    >>> fleet = PracticeProfile(
    ...     id="fleet_management", name="Fleet management", category="technical",
    ...     purpose="Keep the vessels able to sail.", related=["incident_management"],
    ... )
    >>> fleet.name, fleet.contribution["plan"]
    ('Fleet management', 'none')
    """

    id: str = attrs.field(validator=_identifier)
    name: str = attrs.field(validator=text)
    category: PracticeGroup = attrs.field(validator=word(PracticeGroup))
    purpose: str = attrs.field(validator=text)
    key_terms: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=_short_texts)
    roles: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=_short_texts)
    inputs: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=_short_texts)
    outputs: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=_short_texts)
    success_factors: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=_short_texts)
    success_factors_confidence: Confidence | None = attrs.field(default=None, validator=maybe(word(Confidence)))
    metrics: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=_short_texts)
    record_types: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=_short_texts)
    model_types: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=_short_texts)
    related: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=_short_texts)
    contribution: Contribution = attrs.field(factory=Contribution, validator=a(Contribution))
    edition_5: Edition5 | None = attrs.field(default=None, validator=maybe(a(Edition5)))

    @property
    def module(self) -> str | None:
        """The module that does the practice's work, such as `itil4.practices.problem_management`, or None so far."""
        name = f"itil4.practices.{self.id}"
        return name if find_spec(name) else None
