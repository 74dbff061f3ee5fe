"""What an organization decides about its relationships: channels, scales, the stakeholder grid, odds of stages."""

from collections.abc import Mapping
from typing import Any, Literal, Self, TypeAlias

import attrs

from itil4.errors import DefinitionError, Reason, nearest
from itil4.practices.defining import line, lines, refuse, words
from itil4.record import Frozen

SurveyMeasure: TypeAlias = Literal["csat", "nps", "other"]
"""Which figure the answers on a scale add to: satisfied customers, net promoter score, or neither of the two."""


def _whole(_: Any, attribute: Any, value: Any) -> None:
    if type(value) is not int:
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a whole number", value=value)


def _measure(_: Any, attribute: Any, value: Any) -> None:
    known = ("csat", "nps", "other")
    if value not in known:
        near = nearest(value, known)
        raise DefinitionError.of("not_a_choice", field=attribute.name, value=value, choices=known, nearest=near)


@attrs.frozen(kw_only=True)
class SatisfactionScale:
    """A scale that scores are given on, both ends included.

    Args:
        name: by which surveys ask for it.
        lowest, highest: its ends.
        good_from: from here on a score speaks for us: the customer is satisfied, or a promoter.
        bad_to: up to here it speaks against us; a promoter's opposite is a detractor. None: only `good_from` counts.
        measure: the figure that it adds to.

    >>> SatisfactionScale(name="ces", lowest=1, highest=7, good_from=5).holds(8)
    False

    Raises:
        DefinitionError: it ends before it begins, or its parts overlap or lie outside.
    """

    name: str = attrs.field(validator=line)
    lowest: int = attrs.field(validator=_whole)
    highest: int = attrs.field(validator=_whole)
    good_from: int = attrs.field(validator=_whole)
    bad_to: int | None = attrs.field(default=None, validator=attrs.validators.optional(_whole))
    measure: SurveyMeasure = attrs.field(default="other", validator=_measure)

    def __attrs_post_init__(self) -> None:
        where = f"the satisfaction scale {self.name!r}"
        if self.lowest >= self.highest:
            raise refuse(where, f"it goes from {self.lowest} to {self.highest}.", "Let it end after it begins.")
        if not self.lowest <= self.good_from <= self.highest:
            raise refuse(where, f"good_from {self.good_from} lies outside.", "Give a score of the scale.")
        if self.bad_to is not None and not self.lowest <= self.bad_to < self.good_from:
            raise refuse(
                where, f"bad_to {self.bad_to} lies outside, or reaches into the good scores.", "Give a lower score."
            )
        if self.measure == "nps" and self.bad_to is None:
            raise refuse(where, "a net promoter score needs detractors.", "Give bad_to as well.")

    def holds(self, score: int) -> bool:
        """Say whether a score lies on it."""
        return self.lowest <= score <= self.highest


CSAT = SatisfactionScale(name="csat", lowest=1, highest=5, good_from=4, measure="csat")
"""Customer satisfaction: 1 (very dissatisfied) to 5 (very satisfied); the upper two are satisfied."""

NPS = SatisfactionScale(name="nps", lowest=0, highest=10, good_from=9, bad_to=6, measure="nps")
"""Would you recommend us: 0 (not at all) to 10; promoters from 9 on, detractors up to 6."""

CHANNELS = ("phone", "email", "chat", "portal", "meeting", "social_media", "letter")
"""The channels that people use unless a policy names others."""

ENGAGEMENTS = ("manage_closely", "keep_satisfied", "keep_informed", "monitor")
"""What the default grid answers, from the stakeholders who matter most on."""


def _cells(value: Any) -> Any:
    return Frozen(value) if isinstance(value, Mapping) else value


@attrs.frozen
class StakeholderGrid:
    """A total function from (influence, interest) to how a stakeholder is engaged (INV-109).

    Args:
        levels: the words for influence and interest, the most first.
        cells: (influence, interest) -> the engagement.

    >>> StakeholderGrid.default()("high", "low")
    'keep_satisfied'

    Raises:
        DefinitionError: a pair has no engagement, or an engagement is for a pair that is none.
    """

    levels: tuple[str, ...] = attrs.field(converter=words, validator=lines)
    cells: Mapping[tuple[str, str], str] = attrs.field(converter=_cells, hash=False)

    @classmethod
    def default(cls) -> Self:
        """Return the usual grid of four: influence and interest are high or low."""
        return cls.of({"high": ("manage_closely", "keep_satisfied"), "low": ("keep_informed", "monitor")})

    @classmethod
    def of(cls, rows: Mapping[str, tuple[str, ...]]) -> Self:
        """Build it from rows: influence -> the engagements at each interest, both in the order of the rows."""
        levels = tuple(rows)
        if any(len(row) != len(levels) for row in rows.values()):
            raise refuse("the stakeholder grid", "its rows are not as long as it has rows.", "Give one word per pair.")
        return cls(levels, {(a, b): cell for a, row in rows.items() for b, cell in zip(levels, row, strict=True)})

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.cells, Mapping):
            raise DefinitionError.of("ill_typed", field="cells", expected="a mapping of pairs", value=self.cells)
        pairs = {(influence, interest) for influence in self.levels for interest in self.levels}
        if not pairs:
            raise refuse("the stakeholder grid", "it has no levels.", "Give some, such as high and low.")
        for pair in pairs ^ self.cells.keys():
            text = "no engagement is given." if pair in pairs else "no such pair is known."
            raise refuse(
                f"the stakeholder grid at {pair}", text, f"Give one for each pair of {', '.join(self.levels)}."
            )
        for cell in self.cells.values():
            line(None, attrs.fields(StakeholderGrid).cells, cell)

    def __call__(self, influence: str, interest: str) -> str:
        """Return how a stakeholder of that influence and interest is engaged."""
        return self.cells[influence, interest]

    def problem(self, name: str, value: str | None) -> Reason | None:
        """Say why a field cannot hold a level, or None."""
        if value is None or value in self.levels:
            return None
        return Reason.of(
            "not_a_choice", field=name, value=value, choices=self.levels, nearest=nearest(value, self.levels)
        )


def _scales(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _each_a_scale(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, tuple) or not all(isinstance(each, SatisfactionScale) for each in value):
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="SatisfactionScale values", value=value)
    names = [each.name for each in value]
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError.of("duplicate", where="the satisfaction scales", what="the scale", name=name)


def _a_grid(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, StakeholderGrid):
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a StakeholderGrid", value=value)


def percent(value: Any) -> bool:
    """Say whether it is a whole number from 0 to 100."""
    return type(value) is int and 0 <= value <= 100


def _percents(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a mapping of stages", value=value)
    for stage, each in value.items():
        if not percent(each):
            expected = "a whole number from 0 to 100"
            raise DefinitionError.of("ill_typed", field=f"probabilities[{stage!r}]", expected=expected, value=each)


STAGES: Mapping[str, int] = Frozen({"qualification": 10, "needs_analysis": 25, "proposal": 50, "negotiation": 75})
"""How likely, in percent, an opportunity in each open stage is won, unless somebody knows better."""


@attrs.frozen(kw_only=True)
class RelationshipPolicy:
    """What an organization decides about its relationships; given to `connect` as `policies={"account": ...}`.

    It holds for all records of the practice.

    >>> RelationshipPolicy(channels=["phone", "kiosk"]).channels
    ('phone', 'kiosk')

    Args:
        channels: the ways in which people are in touch.
        scales: the scales that satisfaction is asked on.
        grid: how stakeholders are engaged, by influence and interest.
        probabilities: stage of an opportunity -> how likely it is won, in percent.
        default_owner: the team that answers for complaints that nobody owns.

    Raises:
        DefinitionError: a value is none of these.
    """

    channels: tuple[str, ...] = attrs.field(default=CHANNELS, converter=words, validator=lines)
    scales: tuple[SatisfactionScale, ...] = attrs.field(default=(CSAT, NPS), converter=_scales, validator=_each_a_scale)
    grid: StakeholderGrid = attrs.field(factory=StakeholderGrid.default, validator=_a_grid)
    probabilities: Mapping[str, int] = attrs.field(default=STAGES, validator=_percents, hash=False)
    default_owner: str = attrs.field(default="service desk", validator=line)

    def scale(self, name: object) -> SatisfactionScale | None:
        """Return the scale of that name."""
        return next((each for each in self.scales if each.name == name), None)

    def channel_problem(self, value: str | None) -> Reason | None:
        """Say why a record cannot have come by a channel, or None."""
        if value is None or value in self.channels:
            return None
        near = nearest(value, self.channels)
        return Reason.of("not_a_choice", field="channel", value=value, choices=self.channels, nearest=near)


DEFAULT = RelationshipPolicy()
"""The policy where `connect` is given none."""

__all__ = [
    "CHANNELS", "CSAT", "DEFAULT", "ENGAGEMENTS", "NPS", "STAGES", "RelationshipPolicy", "SatisfactionScale",
    "StakeholderGrid", "SurveyMeasure", "percent",
]  # fmt: skip
