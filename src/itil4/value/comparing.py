"""Compare a stream as it was designed, observed or simulated with another: figure by figure, in the same words."""

from datetime import timedelta
from typing import TypeAlias

import attrs

from itil4.errors import InvalidInput
from itil4.value.stream_map import StreamMap
from itil4.value.streams import ValueStream

Figure: TypeAlias = timedelta | float | None


@attrs.frozen
class Difference:
    """One figure of two maps. `step` is None for the whole stream; times are means per finished case.

    A figure that one of the two does not know is None there, and so is the change.
    """

    figure: str
    step: str | None
    before: Figure
    after: Figure

    @property
    def change(self) -> Figure:
        """After less before."""
        if isinstance(self.before, timedelta) and isinstance(self.after, timedelta):
            return self.after - self.before
        if isinstance(self.before, (int, float)) and isinstance(self.after, (int, float)):
            return self.after - self.before
        return None


def compare(before: ValueStream | StreamMap, after: ValueStream | StreamMap) -> tuple[Difference, ...]:
    """Return the differences of two maps, or of a design and a map: the whole stream first, then each step.

    Args:
        before, after: a `ValueStream` (its agreed times), or a `StreamMap` from `observe` or `simulate`.

    Raises:
        InvalidInput: one of them is something else.

    >>> from datetime import UTC, datetime
    >>> from itil4.value.observing import observe
    >>> from itil4.value.streams import Step
    >>> desk = ValueStream(id="desk", name="Desk", trigger="a call", outcome="an answer", steps=[
    ...     Step(name="Answer", activity="engage", practices=["service_desk"],
    ...          work=timedelta(minutes=5), wait=timedelta(minutes=1))])
    >>> at = lambda minute: datetime(2026, 3, 2, 8, minute, tzinfo=UTC)
    >>> seen = observe(desk, [("1", "Answer", at(0), "new"), ("1", "Answer", at(4), "active"),
    ...                       ("1", "Answer", at(9), "closed")])
    >>> [(each.figure, str(each.change)) for each in compare(desk, seen)[:3]]
    [('lead_time', '0:03:00'), ('work', '0:00:00'), ('wait', '0:03:00')]
    """
    first, second = _figures(before), _figures(after)
    keys = sorted({**first, **second}, key=lambda key: key[0] is not None)
    return tuple(
        Difference(figure, step, first.get((step, figure)), second.get((step, figure))) for step, figure in keys
    )


def _figures(source: ValueStream | StreamMap) -> dict[tuple[str | None, str], Figure]:
    if isinstance(source, ValueStream):
        found: dict[tuple[str | None, str], Figure] = {
            (None, "lead_time"): source.lead_time,
            (None, "work"): source.work_time,
            (None, "wait"): source.wait_time,
            (None, "flow_efficiency"): source.flow_efficiency,
        }
        for step in source.steps:
            found |= {(step.name, "work"): step.work, (step.name, "wait"): step.wait}
        return found
    if not isinstance(source, StreamMap):
        expected = "a ValueStream or a StreamMap"
        raise InvalidInput.of("ill_typed", field="compare", expected=expected, value=source)
    cases = source.finished
    known = cases > 0 and "no_categories" not in {reason.code for reason in source.unknown.values()}
    found = {
        (None, "lead_time"): source.lead.mean if source.lead else None,
        (None, "work"): source.work / cases if known else None,
        (None, "wait"): source.wait / cases if known else None,
        (None, "flow_efficiency"): source.flow_efficiency,
        (None, "load"): source.little.load,
        (None, "velocity"): source.little.velocity,
    }
    for each in source.steps:
        found |= {
            (each.step, "work"): each.work / cases if known else None,
            (each.step, "wait"): each.wait / cases if known else None,
            (each.step, "rework"): each.rework / cases,
        }
    return found
