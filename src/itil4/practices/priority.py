"""Priority from impact and urgency, by a matrix that an organization may replace."""

from collections.abc import Mapping
from typing import Any, NoReturn, Self

import attrs

from itil4.errors import DefinitionError, InvalidInput
from itil4.record import Frozen
from itil4.vocabulary import Level, choices

_LEVELS: tuple[Level, ...] = choices(Level)  # type: ignore[assignment]  # the values of that very type


def _must_map(value: object, expected: str) -> None:
    if not isinstance(value, Mapping):
        raise DefinitionError.of("ill_typed", field="the priority matrix", expected=expected, value=value)


def _refuse(pair: Any, text: str, remedy: str) -> NoReturn:
    where = "the priority matrix"
    if isinstance(pair, tuple) and len(pair) == 2:
        where += f" at impact {pair[0]}, urgency {pair[1]}"
    raise DefinitionError.of("definition", where=where, text=text, remedy=remedy)


def _kept(value: Mapping[tuple[Level, Level], int]) -> Mapping[tuple[Level, Level], int]:
    _must_map(value, "a mapping of (impact, urgency) to priorities")
    kept: Any = Frozen(value)
    return kept  # type: ignore[no-any-return]


@attrs.frozen
class PriorityMatrix:
    """A total function from (impact, urgency) to a priority, 1 being the highest (INV-024, INV-025).

    >>> PriorityMatrix.default()("high", "medium")
    2

    Raises:
        DefinitionError: a pair is missing, a priority is no whole number from 1, or more impact or
            urgency would lower the priority.
    """

    cells: Mapping[tuple[Level, Level], int] = attrs.field(hash=False, converter=_kept)

    @classmethod
    def default(cls) -> Self:
        """Return the matrix with four priorities: 1 only for high impact at high urgency."""
        return cls.of({"high": (1, 2, 3), "medium": (2, 3, 4), "low": (3, 4, 4)})

    @classmethod
    def of(cls, rows: Mapping[str, tuple[int, ...]]) -> Self:
        """Build it from rows: impact -> the priorities at high, medium and low urgency."""
        _must_map(rows, "a mapping of impacts to rows of priorities")
        cells: dict[Any, int] = {}
        for impact, row in rows.items():
            if not isinstance(row, (tuple, list)) or len(row) > len(_LEVELS):
                _refuse(impact, f"the row of impact {impact!r} is {row!r}.", f"Give {len(_LEVELS)} priorities.")
            cells |= {(impact, urgency): cell for urgency, cell in zip(_LEVELS, row, strict=False)}
        return cls(cells)

    def __attrs_post_init__(self) -> None:
        pairs = [(impact, urgency) for impact in _LEVELS for urgency in _LEVELS]
        for extra in self.cells.keys() - set(pairs):
            _refuse(extra, "no such pair of impact and urgency is known.", f"Use {', '.join(_LEVELS)}.")
        for pair in pairs:
            cell = self.cells.get(pair)
            if type(cell) is not int or cell < 1:
                _refuse(pair, f"{cell!r} is no priority.", "Give a whole number from 1.")
        for impact, urgency in pairs:
            for other in (self._next(impact, urgency), self._next(urgency, impact, swap=True)):
                if other is not None and self.cells[other] < self.cells[impact, urgency]:
                    _refuse(
                        (impact, urgency), f"less of it, {other}, has a higher priority.",
                        "Never let more impact or urgency lower a priority.",
                    )  # fmt: skip

    @staticmethod
    def _next(level: Level, kept: Level, *, swap: bool = False) -> tuple[Level, Level] | None:
        place = _LEVELS.index(level) + 1
        if place == len(_LEVELS):
            return None
        return (kept, _LEVELS[place]) if swap else (_LEVELS[place], kept)

    def __call__(self, impact: Level, urgency: Level) -> int:
        """Return the priority of a pair.

        Raises:
            InvalidInput: there is no such pair.
        """
        try:
            return self.cells[impact, urgency]
        except (KeyError, TypeError):
            pair = (impact, urgency)
            raise InvalidInput.of("not_a_choice", field="(impact, urgency)", value=pair, choices=_LEVELS) from None
