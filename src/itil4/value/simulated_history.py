"""What happened to simulated cases: read like a list of observations, held as two columns of numbers."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias, overload

import attrs

from itil4.value.observations import Observation
from itil4.vocabulary import Category

Sight: TypeAlias = tuple[str, Category, str | None]
"""A place, what it means, and what is waited for there."""


@attrs.frozen(eq=False, repr=False)
class SimulatedHistory(Sequence[Observation]):
    """The observations of a simulation in the order of time, each made when it is read.

    It equals any sequence of the same observations; `list(history)` makes them all at once.

    Args:
        began: when the clock of the simulation stood at zero.
        sights: what can be seen of a case.
        seen: for each observation the number of the case, from 0, times the number of sights, plus the sight.
        seconds: when each observation was, from `began`.

    >>> from datetime import UTC
    >>> history = SimulatedHistory(datetime(2026, 1, 1, tzinfo=UTC), (("Answer", "active", None),), [0, 1], [60, 90])
    >>> len(history), history[0].case, history[-1].at.isoformat()
    (2, 'case-1', '2026-01-01T00:01:30+00:00')
    """

    began: datetime
    sights: tuple[Sight, ...]
    seen: Sequence[int]
    seconds: Sequence[float]

    def __len__(self) -> int:
        return len(self.seen)

    def __iter__(self) -> Iterator[Observation]:
        new, began, width, sights = tuple.__new__, self.began, len(self.sights), self.sights
        names = [f"case-{number}" for number in range(1, max(self.seen, default=-1) // width + 2)]
        before, at = -1.0, began
        for seen, now in zip(self.seen, self.seconds, strict=True):
            if now != before:
                before, at = now, began + timedelta(0, now)
            place, category, kind = sights[seen % width]
            yield new(Observation, (names[seen // width], place, at, category, kind, None, None, None, None))

    @overload
    def __getitem__(self, index: int) -> Observation: ...

    @overload
    def __getitem__(self, index: slice) -> list[Observation]: ...

    def __getitem__(self, index: int | slice) -> Observation | list[Observation]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        case, sight = divmod(self.seen[index], len(self.sights))
        place, category, kind = self.sights[sight]
        at = self.began + timedelta(0, self.seconds[index])
        return Observation(f"case-{case + 1}", place, at, category, kind)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have none

    def __repr__(self) -> str:
        return f"<SimulatedHistory of {len(self)} observations from {self.began.isoformat()}>"
