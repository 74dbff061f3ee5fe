"""What happened to simulated cases: read like a list of observations, held as two columns of numbers."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import overload

import attrs

from itil4.value.observations import Observation, Sign


@attrs.frozen(eq=False, repr=False)
class SimulatedHistory(Sequence[Observation]):
    """The observations of a simulation in the order of time, each made when it is read.

    It equals any sequence of the same observations; `list(history)` makes them all at once.

    Args:
        began: when the clock of the simulation stood at zero.
        sights: what can be seen of a case: place, category, kind and practice.
        seen: for each observation the number of the case, from 0, times the number of sights, plus the sight.
        seconds: when each observation was, from `began`.

    >>> from datetime import UTC
    >>> sights = (("Answer", "active", None, None),)
    >>> history = SimulatedHistory(datetime(2026, 1, 1, tzinfo=UTC), sights, [0, 1], [60, 90])
    >>> len(history), history[0].case, history[-1].at.isoformat()
    (2, 'case-1', '2026-01-01T00:01:30+00:00')
    """

    began: datetime
    sights: tuple[Sign, ...]
    seen: Sequence[int]
    seconds: Sequence[float]

    def __len__(self) -> int:
        return len(self.seen)

    def columns(self) -> tuple[list[str], list[datetime], list[int], list[Sign]]:
        """Return the case of each observation, when it was, and the number of its sight; and the sights."""
        width, began = len(self.sights), self.began
        names = [f"case-{number}" for number in range(1, max(self.seen, default=-1) // width + 2)]
        times: list[datetime] = []
        before, at = -1.0, began
        for now in self.seconds:
            if now != before:
                before, at = now, began + timedelta(0, now)
            times.append(at)
        return [names[seen // width] for seen in self.seen], times, [seen % width for seen in self.seen], [*self.sights]

    def __iter__(self) -> Iterator[Observation]:
        new = tuple.__new__
        cases, times, ways, sights = self.columns()
        for case, at, way in zip(cases, times, ways, strict=True):
            place, category, kind, practice = sights[way]
            yield new(Observation, (case, place, at, category, kind, None, None, practice, None))

    @overload
    def __getitem__(self, index: int) -> Observation: ...

    @overload
    def __getitem__(self, index: slice) -> list[Observation]: ...

    def __getitem__(self, index: int | slice) -> Observation | list[Observation]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        case, sight = divmod(self.seen[index], len(self.sights))
        place, category, kind, practice = self.sights[sight]
        at = self.began + timedelta(0, self.seconds[index])
        return Observation(f"case-{case + 1}", place, at, category, kind, practice=practice)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have none

    def __repr__(self) -> str:
        return f"<SimulatedHistory of {len(self)} observations from {self.began.isoformat()}>"
