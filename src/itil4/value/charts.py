"""What is in the stream over time, and how old it is now: cumulative flow and ageing, as figures and as SVG."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

import attrs

from itil4.clock import Calendar
from itil4.value.cases import Row, by_case, window_of
from itil4.value.drawing import BANDS, FAINT, LINE, Drawing, lines_of, short
from itil4.value.flow import Distribution
from itil4.value.streams import ValueStream
from itil4.value.traces import reader_of, traced
from itil4.value.validators import counted
from itil4.vocabulary import Category

_LEFT, _TOP, _HEIGHT = 56, 34, 220
_DRAWN = 300
"""More dots than these cannot be told apart; the oldest are drawn."""


@attrs.frozen(kw_only=True)
class CumulativeFlow:
    """How many cases were where, at moments of equal distance.

    Attributes:
        stream: id of the stream; None for a history without one.
        at: the moments.
        finished: how many cases were finished by then.
        inside: per step or place, how many cases were there then; in the order of the stream.
    """

    stream: str | None
    at: tuple[datetime, ...]
    finished: tuple[int, ...]
    inside: Mapping[str, tuple[int, ...]]

    @property
    def arrived(self) -> tuple[int, ...]:
        """How many cases had arrived by then: finished and inside together."""
        return tuple(map(sum, zip(self.finished, *self.inside.values(), strict=True)))

    def svg(self, *, width: int = 720) -> str:
        """Return the cumulative flow diagram: bands on top of each other, finished at the bottom.

        The upper edge of all is what arrived; the height of the bands above `finished` is the work in progress, and
        their width the time that it takes.
        """
        top = max(self.arrived) or 1
        bands = [("finished", self.finished), *reversed(list(self.inside.items()))]
        across = max(1, width // 240)
        drawing = Drawing(
            width,
            _TOP + _HEIGHT + 30 + 18 * -(-len(bands) // across),
            f"Cumulative flow from {self.at[0]:%Y-%m-%d} to {self.at[-1]:%Y-%m-%d}: {self.arrived[-1]:,} cases "
            f"arrived, {self.finished[-1]:,} are finished.",
        )
        drawing.text(0, 14, "Cumulative flow", size=15, bold=True)
        steps = max(len(self.at) - 1, 1)

        def point(number: int, count: float) -> tuple[float, float]:
            return _LEFT + number * (width - _LEFT) / steps, _TOP + _HEIGHT * (1 - count / top)

        below = [0] * len(self.at)
        for number, (name, counts) in enumerate(bands):
            above = [a + b for a, b in zip(below, counts, strict=True)]
            edge = [point(place, count) for place, count in enumerate(above)]
            back = [point(place, count) for place, count in enumerate(below)]
            fill = BANDS[number % len(BANDS)]
            drawing.polygon([*edge, *reversed(back)], fill=fill, title=f"{name}: {counts[-1]:,} at the end")
            x, y = (number % across) * (width / across), _TOP + _HEIGHT + 36 + 18 * (number // across)
            drawing.rect(x, y - 9, 10, 10, fill=fill, stroke=None)
            drawing.text(x + 15, y, lines_of(name, max(int(width / across / 7.5), 8), 1)[0])
            below = above
        _axes(drawing, width, [(f"{top:,}", 1.0), ("0", 0.0)])
        drawing.text(_LEFT, _TOP + _HEIGHT + 15, f"{self.at[0]:%Y-%m-%d}", size=11, fill=FAINT)
        drawing.text(width, _TOP + _HEIGHT + 15, f"{self.at[-1]:%Y-%m-%d}", size=11, anchor="end", fill=FAINT)
        return drawing.svg

    def _repr_svg_(self) -> str:
        return self.svg()


@attrs.frozen
class OpenCase:
    """A case that is open at the end of the window: where it is, and since when it is in the stream."""

    case: str
    place: str
    age: timedelta


@attrs.frozen(kw_only=True)
class Ageing:
    """How old the open cases are, beside how long the finished ones took.

    Attributes:
        stream: id of the stream; None for a history without one.
        end: when it is looked at.
        open: the open cases, oldest first.
        lead: how long the cases took that finished inside the window; None when there are none.
    """

    stream: str | None
    end: datetime
    open: tuple[OpenCase, ...]
    lead: Distribution | None

    @property
    def late(self) -> tuple[OpenCase, ...]:
        """Those that are older already than 85 % of the finished cases ever were."""
        limit = self.lead.p85 if self.lead else None
        return tuple(each for each in self.open if limit is not None and each.age > limit)

    def svg(self, *, width: int = 720) -> str:
        """Return the ageing chart: a dot per open case by its place, with lines where the finished ones ended."""
        places = list(dict.fromkeys(each.place for each in self.open))
        drawing = Drawing(
            width,
            _TOP + _HEIGHT + 30 + 15 * 3,
            f"Age of the open cases on {self.end:%Y-%m-%d}: {len(self.open):,} open, {len(self.late):,} of them older "
            "than 85 % of the finished cases were.",
        )
        drawing.text(0, 14, "Age of the open cases", size=15, bold=True)
        most = max([each.age for each in self.open] + ([self.lead.p95] if self.lead else []), default=timedelta(0))
        most = most or timedelta(seconds=1)
        late = self.lead.p85 if self.lead else None
        column = (width - _LEFT) / max(len(places), 1)
        seen = dict.fromkeys(places, 0)
        for each in self.open[:_DRAWN]:
            seen[each.place] += 1
            spread = (seen[each.place] * 0.618) % 1  # the golden ratio spreads them evenly and always alike
            x = _LEFT + column * (places.index(each.place) + 0.1 + 0.8 * spread)
            fill = BANDS[3] if late is not None and each.age > late else BANDS[0]
            told = f"{each.case}: {short(each.age)} in {each.place}"
            drawing.dot(x, _TOP + _HEIGHT * (1 - each.age / most), fill=fill, title=told)
        for number, place in enumerate(places):
            lines = lines_of(place, max(int(column / 7), 6), 3)
            drawing.lines(_LEFT + column * (number + 0.5), _TOP + _HEIGHT + 15, lines, size=11, anchor="middle")
        if self.lead is not None:
            # one at each end, for the two lines may lie close together, or on one another
            for name, time, x, anchor in (
                ("50 %", self.lead.median, _LEFT + 5, "start"), ("85 %", self.lead.p85, width, "end"),
            ):  # fmt: skip
                y = _TOP + _HEIGHT * (1 - time / most)
                drawing.line([(_LEFT, y), (width, y)], stroke=FAINT, dash=True)
                drawing.text(x, y - 3, f"{name} took {short(time)}", size=11, anchor=anchor)
        _axes(drawing, width, [(short(most), 1.0), ("0", 0.0)])
        if len(self.open) > _DRAWN:
            drawing.text(width, 14, f"the oldest {_DRAWN:,} of {len(self.open):,}", size=11, anchor="end", fill=FAINT)
        return drawing.svg

    def _repr_svg_(self) -> str:
        return self.svg()


def cumulative_flow(
    stream: ValueStream | None,
    observations: Iterable[Row],
    *,
    window: tuple[datetime, datetime] | None = None,
    categories: Mapping[str, Category] | None = None,
    ends: Collection[str] = (),
    points: int = 60,
) -> CumulativeFlow:
    """Return how many cases were in which step over time; a case is finished as in `observe`.

    Args:
        stream, observations, window, categories, ends: as in `observe`.
        points: at how many moments to look, two or more.

    Raises:
        InvalidInput: as in `observe`, or there are fewer than two points.

    >>> from datetime import UTC
    >>> at = lambda hour: datetime(2026, 3, 2, hour, tzinfo=UTC)
    >>> flow = cumulative_flow(None, [("1", "new", at(8)), ("1", "done", at(10)), ("2", "new", at(9))],
    ...                        ends=["done"], points=3)
    >>> flow.finished, flow.inside, flow.arrived
    ((0, 0, 1), {'new': (1, 2, 1)}, (1, 2, 2))
    """
    counted("points", points, least=2)
    seen = by_case(observations)
    reader = reader_of(stream, seen, categories, {}, ends)
    start, end, last = window_of(window, seen)
    entered: dict[str, list[datetime]] = {step.name: [] for step in stream.steps} if stream is not None else {}
    left: dict[str, list[datetime]] = {}
    done: list[datetime] = []
    for _, times, recorded in traced(seen, reader):
        over = recorded.over(times)
        if over is not None:
            done.append(over)
        stays = recorded.trace.stays
        for number, cut in enumerate(recorded.cuts[: len(stays)]):
            if over is not None and times[cut] >= over:
                break
            place = stays[number].place
            entered.setdefault(place, []).append(times[cut])
            if number + 1 < len(stays):
                left.setdefault(place, []).append(times[recorded.cuts[number + 1]])
            elif over is not None:
                left.setdefault(place, []).append(over)
    done.sort()
    step = (end - start) / (points - 1)
    moments = tuple(min(start + step * number, last) if number < points - 1 else last for number in range(points))
    inside: dict[str, tuple[int, ...]] = {}
    for place, came in entered.items():
        came.sort()
        went = sorted(left.get(place, ()))
        counts = tuple(bisect_right(came, moment) - bisect_right(went, moment) for moment in moments)
        if any(counts):
            inside[place] = counts
    finished = tuple(bisect_right(done, moment) for moment in moments)
    return CumulativeFlow(
        stream=stream.id if stream is not None else None, at=moments, finished=finished, inside=inside
    )


def ageing(
    stream: ValueStream | None,
    observations: Iterable[Row],
    *,
    calendar: Calendar | None = None,
    window: tuple[datetime, datetime] | None = None,
    categories: Mapping[str, Category] | None = None,
    ends: Collection[str] = (),
) -> Ageing:
    """Return how old the cases are that are open at the end of the window, and where they are.

    The arguments are those of `observe`, which also says what is raised.
    """
    seen = by_case(observations)
    reader = reader_of(stream, seen, categories, {}, ends)
    start, end, last = window_of(window, seen)
    leads: list[timedelta] = []
    still: list[OpenCase] = []
    for rows, times, recorded in traced(seen, reader):
        over, first = recorded.over(times), times[0]
        if over is not None and over <= last:
            if over >= start:
                leads.append(calendar.elapsed(first, over) if calendar is not None else over - first)
        elif first <= last:
            begun = max(number for number, cut in enumerate(recorded.cuts[:-1]) if times[cut] <= last)
            age = calendar.elapsed(first, end) if calendar is not None else end - first
            still.append(OpenCase(str(rows[0][0]), recorded.trace.stays[begun].place, age))
    still.sort(key=lambda each: (-each.age, each.case))
    return Ageing(
        stream=stream.id if stream is not None else None, end=end, open=tuple(still), lead=Distribution.of(leads)
    )


def _axes(drawing: Drawing, width: float, marks: Iterable[tuple[str, float]]) -> None:
    drawing.line([(_LEFT, _TOP), (_LEFT, _TOP + _HEIGHT), (width, _TOP + _HEIGHT)], stroke=LINE)
    for text, share in marks:
        drawing.text(_LEFT - 5, _TOP + _HEIGHT * (1 - share) + 4, text, size=11, anchor="end", fill=FAINT)


__all__ = ["Ageing", "CumulativeFlow", "OpenCase", "ageing", "cumulative_flow"]
