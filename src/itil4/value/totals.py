"""Add up traces: figures per step, ratios and the bottleneck, from the sums that `observe` collected."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import attrs

from itil4.errors import Reason
from itil4.value.stream_map import Bottleneck, StepFigures, Wait
from itil4.value.streams import ValueStream
from itil4.value.traces import Trace

_ZERO = timedelta(0)


@attrs.define
class Handling:
    """What only the single observations tell: who had the case, what the receiver thought, hands-on time."""

    handoffs: int = 0
    touches: int = 0
    touched: dict[str, timedelta] = attrs.Factory(dict)
    judged: Counter[str] = attrs.Factory(Counter)
    accepted: Counter[str] = attrs.Factory(Counter)

    def add(self, rows: Iterable[tuple[Any, ...]], places: Iterable[str]) -> None:
        """Add one finished case. A judgement is about the place that the case came from."""
        holder = sender = here = None
        for place, row in zip(places, rows, strict=True):
            if place != here:
                sender, here = here, place
            by, accepted, touched = row[5], row[6], row[8]
            if by is not None:
                self.handoffs += holder is not None and by != holder
                holder = by
            if accepted is not None and sender is not None:
                self.judged[sender] += 1
                self.accepted[sender] += bool(accepted)
            if touched is not None:
                self.touches += 1
                self.touched[place] = self.touched.get(place, _ZERO) + touched


class Totals:
    """Sums per place over the finished cases of all traces."""

    def __init__(self, traces: Iterable[Trace], handling: Handling) -> None:
        self.handling = handling
        self.visits: Counter[str] = Counter()
        self.cases: Counter[str] = Counter()
        self.time: dict[str, timedelta] = {}
        self.work: dict[str, timedelta] = {}
        self.waits: dict[str, dict[Wait, timedelta]] = {}
        self.unclassified = _ZERO
        for trace in traces:
            for place, visits in Counter(trace.path).items():
                self.visits[place] += visits * trace.finished
                self.cases[place] += trace.finished
            for stay, time in zip(trace.stays, trace.finished_times, strict=True):
                if not stay.counts:
                    continue
                self.time[stay.place] = self.time.get(stay.place, _ZERO) + time
                if stay.category == "active":
                    self.work[stay.place] = self.work.get(stay.place, _ZERO) + time
                elif stay.wait is None:
                    self.unclassified += time
                else:
                    waits = self.waits.setdefault(stay.place, {})
                    waits[stay.wait] = waits.get(stay.wait, _ZERO) + time

    def all_waits(self) -> dict[Wait, timedelta]:
        """Return the waits of all places together."""
        found: dict[Wait, timedelta] = {}
        for waits in self.waits.values():
            for wait, time in waits.items():
                found[wait] = found.get(wait, _ZERO) + time
        return found

    def figures(self, stream: ValueStream | None, span: timedelta) -> tuple[StepFigures, ...]:
        """Return the figures of every place that a finished case visited, the steps of the stream first."""
        steps = {step.name: step for step in stream.steps} if stream is not None else {}
        seen = [name for name, visits in self.visits.items() if visits]
        names = [name for name in steps if name in seen] + sorted(name for name in seen if name not in steps)
        return tuple(self._figures(name, steps[name].capacity if name in steps else None, span) for name in names)

    def _figures(self, name: str, capacity: int | None, span: timedelta) -> StepFigures:
        judged, work = self.handling.judged[name], self.work.get(name, _ZERO)
        return StepFigures(
            step=name,
            visits=self.visits[name],
            cases=self.cases[name],
            time=self.time.get(name, _ZERO),
            work=work,
            waits=self.waits.get(name, {}),
            touched=self.handling.touched.get(name, _ZERO),
            complete_and_accurate=self.handling.accepted[name] / judged if judged else None,
            utilization=work / (capacity * span) if capacity and span else None,
        )


def total(times: Iterable[timedelta]) -> timedelta:
    """Return the sum of the times."""
    return sum(times, _ZERO)


def ratios(
    stream: ValueStream | None, totals: Totals, lead: timedelta
) -> tuple[dict[str, float | None], dict[str, Reason]]:
    """Return the shares of the lead time by name, and why those that are None cannot be known."""
    unknown: dict[str, Reason] = {}

    def share(figure: str, part: timedelta, why: str) -> float | None:
        if not lead:
            why = "no_lead_time"
        elif not why and part > lead:
            why = "more_than_lead"
        if why:
            unknown[figure] = Reason.of(why, figure=figure)
            return None
        return part / lead

    blind = "no_categories" if totals.unclassified else ""
    adding = {step.name for step in stream.steps if step.adds_value} if stream is not None else set()
    rolled: float | None = None
    for place, judged in totals.handling.judged.items():
        rolled = (1.0 if rolled is None else rolled) * totals.handling.accepted[place] / judged
    if rolled is None:
        unknown["rolled_complete_and_accurate"] = Reason.of("nobody_judged", figure="rolled_complete_and_accurate")
    return {
        "flow_efficiency": share("flow_efficiency", total(totals.work.values()), blind),
        "activity_ratio": share(
            "activity_ratio", total(totals.handling.touched.values()), "" if totals.handling.touches else "no_touches"
        ),
        "value_added_ratio": share(
            "value_added_ratio",
            total(time for place, time in totals.work.items() if place in adding),
            "no_stream" if stream is None else blind,
        ),
        "rolled_complete_and_accurate": rolled,
    }, unknown


def bottleneck(steps: tuple[StepFigures, ...]) -> Bottleneck | None:
    """Return the step with the longest queue; without queues the busiest one; without either the longest stay."""
    queues, time = total(figures.queue for figures in steps), total(figures.time for figures in steps)
    busy = {figures.step: figures.utilization for figures in steps if figures.utilization is not None}
    if queues:
        worst = max(steps, key=lambda figures: figures.queue)
        return Bottleneck(worst.step, Reason.of("bottleneck_queue", step=worst.step, share=worst.queue / queues))
    if busy:
        step = max(busy, key=lambda name: busy[name])
        return Bottleneck(step, Reason.of("bottleneck_busy", step=step, share=busy[step]))
    if time:
        worst = max(steps, key=lambda figures: figures.time)
        return Bottleneck(worst.step, Reason.of("bottleneck_time", step=worst.step, share=worst.time / time))
    return None


def follow_times(traces: Iterable[Trace]) -> Mapping[tuple[str, str], timedelta]:
    """Return the mean time from coming to the first place of each pair to coming to the second, over all cases."""
    times: dict[tuple[str, str], timedelta] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for trace in traces:
        held = _ZERO
        for number, stay in enumerate(trace.stays):
            held += trace.held(number)
            if number + 1 < len(trace.stays) and trace.stays[number + 1].place != stay.place:
                pair = (stay.place, trace.stays[number + 1].place)
                times[pair] = times.get(pair, _ZERO) + held
                counts[pair] += trace.finished + trace.others
                held = _ZERO
    return {pair: time / counts[pair] for pair, time in times.items()}
