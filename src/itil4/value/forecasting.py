"""Forecast from how much was finished in the past: Monte Carlo over throughput, with no estimate of single items."""

import math
import random
from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

from itil4.errors import InvalidInput
from itil4.value.validators import counted, frozen_list, must

LEAST_SAMPLES = 8
"""Fewer periods than these say too little about how throughput varies."""

Question: TypeAlias = Literal["periods", "items"]


@attrs.frozen
class Forecast:
    """The answers of many imagined futures, sorted.

    Attributes:
        question: `periods` (how many until so many items are finished) or `items` (how many in so many periods).
        outcomes: one answer per run, smallest first.
    """

    question: Question
    outcomes: tuple[int, ...] = attrs.field(repr=False)

    def at(self, confidence: float) -> int:
        """Return the answer that holds with a confidence from 0 to 1.

        For periods: in that share of the futures so many periods were enough. For items: in that share of the
        futures at least so many items were finished.

        Raises:
            InvalidInput: the confidence lies outside 0 to 1.
        """
        if not isinstance(confidence, (int, float)) or not 0 < confidence < 1:
            expected = "a number between 0 and 1"
            raise InvalidInput.of("ill_typed", field="confidence", expected=expected, value=confidence)
        runs = len(self.outcomes)
        # nearest rank: the smallest with at least that share below or at it; 0.55 * 100 is a little more than 55
        rank = max(1, math.ceil(round(confidence * runs, 6)))
        return self.outcomes[rank - 1] if self.question == "periods" else self.outcomes[runs - rank]

    @property
    def p50(self) -> int:
        """As likely to do better as to do worse."""
        return self.at(0.5)

    @property
    def p85(self) -> int:
        """A promise to make to somebody who minds."""
        return self.at(0.85)

    @property
    def p95(self) -> int:
        """A promise to make to somebody who minds a lot."""
        return self.at(0.95)


def forecast(
    throughput: Sequence[int],
    *,
    items: int | None = None,
    periods: int | None = None,
    seed: int,
    runs: int = 10_000,
) -> Forecast:
    """Return how long so many items take, or how many items so much time brings, if the past is a guide.

    Each run draws a past period at random for each coming one.

    Args:
        throughput: items finished in each past period (day, week), zeros included; at least 8.
        items: ask for the periods until this many are finished; or
        periods: ask for the items finished in this many.
        seed: decides all randomness.
        runs: how many futures are imagined.

    Raises:
        InvalidInput: fewer than 8 periods (`few_samples`), nothing was ever finished (`no_throughput`), or not
            exactly one question is asked.

    >>> weeks = [3, 5, 4, 0, 6, 4, 5, 2, 4, 3]
    >>> done = forecast(weeks, items=40, seed=1)
    >>> done.p50, done.p85
    (11, 13)
    >>> forecast(weeks, periods=4, seed=1).p85
    11
    >>> forecast([3, 5, 4], items=40, seed=1)
    Traceback (most recent call last):
        ...
    itil4.errors.InvalidInput: 3 periods are too few to forecast from; 8 are needed. Count finished items over more \
periods, or over shorter ones.
    """
    past: tuple[int, ...] = frozen_list(throughput)
    must(tuple, "throughput", past)
    for count in past:
        counted("throughput", count, least=0)
    if len(past) < LEAST_SAMPLES:
        raise InvalidInput.of("few_samples", count=len(past), least=LEAST_SAMPLES)
    if not any(past):
        raise InvalidInput.of("no_throughput", count=len(past))
    if (items is None) == (periods is None):
        given = tuple(name for name, value in (("items", items), ("periods", periods)) if value is not None)
        raise InvalidInput.of("one_question", given=given)
    must(int, "seed", seed)
    counted("runs", runs)
    source = random.Random(f"{seed}:forecast")
    if periods is not None:
        counted("periods", periods)
        return Forecast("items", tuple(sorted(sum(source.choices(past, k=periods)) for _ in range(runs))))
    counted("items", items)
    return Forecast("periods", tuple(sorted(_periods(source, past, items or 0) for _ in range(runs))))


def _periods(source: random.Random, past: Sequence[int], items: int) -> int:
    periods = done = 0
    while done < items:
        done += past[int(source.random() * len(past))]
        periods += 1
    return periods
