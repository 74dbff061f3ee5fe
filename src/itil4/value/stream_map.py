"""A value stream map as figures: what was designed, observed or simulated, in the same words."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from itil4.errors import Reason
from itil4.value.flow import DirectlyFollows, Distribution
from itil4.vocabulary import Category

if TYPE_CHECKING:
    from itil4.value.comparing import Difference
    from itil4.value.streams import ValueStream

Source: TypeAlias = Literal["observed", "simulated"]

Wait: TypeAlias = tuple[Category, str]
"""How a case waited: the category of its place, and what it waited for (`queue`, `user`, `unspecified`, ...)."""


@attrs.frozen(kw_only=True)
class StepFigures:
    """What happened in one step (or in a place that belongs to no step), over the finished cases.

    Attributes:
        step: its name.
        visits: how often cases came here; `cases` how many different ones; `rework` the visits after the first.
        time: all time spent here, which is `work` + waits + time that nothing is known about.
        work: time in places of the category `active`.
        waits: time in other places, by category and kind.
        touched: hands-on time that was recorded.
        complete_and_accurate: share of its results that the receiver could use as they came; None when nobody judged.
        utilization: work by capacity and window; None where the capacity is not known.
    """

    step: str
    visits: int
    cases: int
    time: timedelta
    work: timedelta
    waits: Mapping[Wait, timedelta]
    touched: timedelta
    complete_and_accurate: float | None
    utilization: float | None

    @property
    def rework(self) -> int:
        """Visits of cases that had been here before."""
        return self.visits - self.cases

    @property
    def wait(self) -> timedelta:
        """All waiting time here."""
        return sum(self.waits.values(), timedelta(0))

    @property
    def queue(self) -> timedelta:
        """The waiting time that more hands here would shorten: nothing else was missing."""
        return sum((time for (_, kind), time in self.waits.items() if kind == "queue"), timedelta(0))


@attrs.frozen
class Variant:
    """One way through the stream, with how many finished cases took it and their share."""

    path: tuple[str, ...]
    cases: int
    share: float


@attrs.frozen
class LittleCheck:
    """Little's law as a check of the data: over a closed window, load = velocity x time.

    Attributes:
        load: mean number of cases in the stream over the window.
        velocity: cases finished per hour of the window.
        time: mean lead time of those cases, in hours; None when there are none.
        gap: load - velocity x time, in cases: zero when all cases start and end inside the window. A large gap says
            that the window is not typical, so that its mean lead time foretells little.
    """

    load: float
    velocity: float
    time: float | None

    @property
    def gap(self) -> float:
        """Load that the finished cases do not account for."""
        return self.load - self.velocity * (self.time or 0.0)


@attrs.frozen
class Bottleneck:
    """The step to look at first, and why."""

    step: str
    reason: Reason


@attrs.frozen(kw_only=True)
class StreamMap:
    """All figures of a stream over a window. Durations are service time where a calendar was given.

    A case is finished from the moment after which it is never open again. Only cases that finished inside the
    window count for lead time, steps and variants; open ones are reported beside them, with their age.

    Attributes:
        stream: id of the stream; None for a history without one.
        source: whether it was observed or simulated.
        start, end: the window, `[start, end)`.
        cases: all cases seen; `finished` inside the window; `arrived` inside it; `open` at its end.
        lead: lead times of the finished cases; `ages` of the open ones.
        work, waits, touched: totals over the finished cases.
        steps: figures per step, in the order of the stream, then places of no step.
        flow_efficiency: time in active places by lead time.
        activity_ratio: hands-on time by lead time.
        value_added_ratio: time in active places of the steps that add value, by lead time.
        rolled_complete_and_accurate: product over the steps that were judged.
        takt: window by arrivals.
        little: Little's law as a check.
        follows: what follows what, over all cases; stays in one place and waits inside a step count once.
        follow_times: mean time from coming to the first place of a pair to coming to the second.
        variants: ways through, most frequent first; shares sum to 1.
        handoffs: changes of `by`, over the finished cases.
        bottleneck: where to look first.
        problems: what is odd about the history.
        unknown: figure -> why it is None.
        finished_cases: ids of the cases behind the figures.
    """

    stream: str | None
    source: Source
    start: datetime
    end: datetime
    cases: int
    arrived: int
    finished: int
    open: int
    lead: Distribution | None
    ages: Distribution | None
    work: timedelta
    waits: Mapping[Wait, timedelta]
    touched: timedelta
    steps: tuple[StepFigures, ...]
    flow_efficiency: float | None
    activity_ratio: float | None
    value_added_ratio: float | None
    rolled_complete_and_accurate: float | None
    takt: timedelta | None
    little: LittleCheck
    follows: DirectlyFollows
    follow_times: Mapping[tuple[str, str], timedelta]
    variants: tuple[Variant, ...]
    handoffs: int
    bottleneck: Bottleneck | None
    problems: tuple[Reason, ...]
    unknown: Mapping[str, Reason]
    finished_cases: tuple[str, ...] = attrs.field(repr=False)

    def step(self, name: str) -> StepFigures | None:
        """Return the figures of one step, None when no finished case was there."""
        return next((figures for figures in self.steps if figures.step == name), None)

    @property
    def wait(self) -> timedelta:
        """All waiting time of the finished cases."""
        return sum(self.waits.values(), timedelta(0))

    def diff(self, other: "ValueStream | StreamMap") -> "tuple[Difference, ...]":
        """Return the differences from this map to another, or to the design; see `itil4.value.compare`."""
        from itil4.value.comparing import compare  # maps are read without it

        return compare(self, other)

    def svg(self, *, columns: int | None = None) -> str:
        """Return the value stream map as a self-contained SVG; see `itil4.value.map_svg`."""
        from itil4.value.map_picture import map_svg  # figures are read without pictures

        return map_svg(self, columns=columns)

    def mermaid(self) -> str:
        """Return what follows what as a Mermaid flow chart."""
        from itil4.value.diagrams import mermaid

        return mermaid(self)

    def dot(self) -> str:
        """Return what follows what in the language of Graphviz."""
        from itil4.value.diagrams import dot

        return dot(self)

    def _repr_svg_(self) -> str:
        return self.svg()
