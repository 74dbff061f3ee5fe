"""The picture of a value stream: process boxes, wait triangles and the lead-time ladder, as SVG.

A designed stream and an observed or simulated one are drawn alike, so that they can be laid side by side.
"""

from collections.abc import Sequence
from datetime import timedelta

import attrs

from itil4.errors import InvalidInput
from itil4.value.drawing import FAINT, INK, LINE, Drawing, lines_of, short
from itil4.value.stream_map import StepFigures, StreamMap
from itil4.value.streams import ValueStream
from itil4.value.validators import counted

_ZERO = timedelta(0)
_BOX, _GAP, _HEAD, _FACT = 150, 74, 64, 16
_LADDER, _TOP = 90, 20


@attrs.frozen
class Box:
    """One process box: its times are means per finished case where they were measured."""

    name: str
    wait: timedelta | None
    work: timedelta | None
    facts: tuple[str, ...]
    bottleneck: bool = False


def boxes_of(source: ValueStream | StreamMap) -> tuple[Box, ...]:
    """Return the process boxes of a stream or a map, in their order.

    Raises:
        InvalidInput: it is neither.
    """
    if isinstance(source, ValueStream):
        return tuple(
            Box(step.name, step.wait, step.work, (step.activity.replace("_", " "), *_capacity(step.capacity)))
            for step in source.steps
        )
    if not isinstance(source, StreamMap):
        raise InvalidInput.of("ill_typed", field="source", expected="a ValueStream or a StreamMap", value=source)
    worst = source.bottleneck.step if source.bottleneck else None
    return tuple(_measured(figures, source.finished, figures.step == worst) for figures in source.steps)


def _capacity(capacity: int | None) -> tuple[str, ...]:
    return () if capacity is None else (f"capacity {capacity}",)


def _measured(figures: StepFigures, finished: int, bottleneck: bool) -> Box:
    facts = [f"{figures.visits:,} visits", f"{figures.rework:,} of them rework"]
    if figures.complete_and_accurate is not None:
        facts.append(f"C&A {figures.complete_and_accurate:.1%}")
    if figures.utilization is not None:
        facts.append(f"busy {figures.utilization:.0%}")
    if figures.wait:
        (category, kind), longest = max(figures.waits.items(), key=lambda item: item[1])
        told = category if kind == "unspecified" else kind
        facts.append(f"waits {longest / figures.wait:.0%}: {told}")
    unknown = figures.time - figures.work - figures.wait
    if unknown:
        facts.append(f"{short(unknown / finished)} of no category")
    return Box(figures.step, figures.wait / finished, figures.work / finished, tuple(facts), bottleneck)


def map_svg(source: ValueStream | StreamMap, *, columns: int | None = None, title: str | None = None) -> str:
    """Return the map as a self-contained SVG.

    Upper rungs of the ladder are waits, lower rungs work. Of a map that was observed or simulated, they are means
    per finished case over all its visits, and their sum is the mean lead time.

    Args:
        source: a `ValueStream` (its agreed times), or a `StreamMap`.
        columns: steps in a row; without it, all in one.
        title: what it is called; by default, what the source is called.

    Raises:
        InvalidInput: the source is neither, or there is no column.
    """
    boxes = boxes_of(source)
    counted("columns", columns if columns is not None else 1)
    across = min(columns or len(boxes) or 1, len(boxes) or 1)
    rows = [boxes[start : start + across] for start in range(0, len(boxes), across)] or [()]
    named, deep = title or _title(source), 1 + max((len(box.facts) for box in boxes), default=0)
    names, height = lines_of(named, across * 26, 2), _TOP + _HEAD + deep * _FACT + _LADDER
    below = lines_of(_summary(source), across * 34, 4)
    top = 18 * len(names) + 12
    bottom = top + len(rows) * height
    drawing = Drawing(across * (_BOX + _GAP), bottom + 14 * len(below), f"{named}. {_summary(source)}")
    for number, line in enumerate(names):
        drawing.text(0, 14 + 18 * number, line, size=15, bold=True)
    for number, row in enumerate(rows):
        _draw_row(drawing, top + number * height, row, deep)
    drawing.lines(0, bottom, below)
    return drawing.svg


def _title(source: ValueStream | StreamMap) -> str:
    if isinstance(source, ValueStream):
        return f"{source.name} (designed)"
    name = (source.stream or "history without a stream").replace("_", " ")
    return f"{name[:1].upper()}{name[1:]} ({source.source})"


def _summary(source: ValueStream | StreamMap) -> str:
    if isinstance(source, ValueStream):
        lead, work, wait = source.lead_time, source.work_time, source.wait_time
        cases = f"From {source.trigger} to {source.outcome}"
    else:
        finished = source.finished
        lead = source.lead.mean if source.lead else None
        work, wait = (source.work / finished, source.wait / finished) if finished else (None, None)
        cases = f"{source.finished:,} finished cases, {source.open:,} open"
    efficiency = source.flow_efficiency
    share = "" if efficiency is None else f", flow efficiency {efficiency:.1%}"
    return f"{cases}. Lead time {short(lead)}: work {short(work)}, wait {short(wait)}{share}."


def _draw_row(drawing: Drawing, top: float, boxes: Sequence[Box], deep: int) -> None:
    rung = top + _TOP + _HEAD + deep * _FACT + 22
    points: list[tuple[float, float]] = []
    for number, box in enumerate(boxes):
        left = number * (_BOX + _GAP)
        _draw_wait(drawing, left, top + _TOP, box.wait)
        _draw_box(drawing, left + _GAP, top, box, deep)
        points += [(left, rung), (left + _GAP, rung), (left + _GAP, rung + 24), (left + _GAP + _BOX, rung + 24)]
        drawing.text(left + _GAP / 2, rung - 5, short(box.wait), size=11, anchor="middle")
        drawing.text(left + _GAP + _BOX / 2, rung + 38, short(box.work), size=11, anchor="middle")
    drawing.line(points)


def _draw_wait(drawing: Drawing, left: float, top: float, wait: timedelta | None) -> None:
    middle = left + _GAP / 2
    if wait is None or wait > _ZERO:
        drawing.polygon(
            [(middle, top + 8), (middle + 20, top + 44), (middle - 20, top + 44)],
            fill="#fdf3d7", stroke="#8a5a00", title=f"wait: {short(wait)}",
        )  # fmt: skip
        drawing.text(middle, top + 39, "W", size=13, anchor="middle", fill="#6b4500", bold=True)
    drawing.line([(left + 4, top + 54), (left + _GAP - 8, top + 54)], stroke=FAINT)
    drawing.polygon([(left + _GAP - 10, top + 50), (left + _GAP - 2, top + 54), (left + _GAP - 10, top + 58)],
                    fill=FAINT)  # fmt: skip


def _draw_box(drawing: Drawing, left: float, top: float, box: Box, deep: int) -> None:
    y = top + _TOP
    if box.bottleneck:
        drawing.text(left + _BOX / 2, y - 6, "look here first", size=12, anchor="middle", fill="#9a3412", bold=True)
    drawing.rect(left, y, _BOX, _HEAD, fill="#ffe8d6" if box.bottleneck else "#e3edf7",
                 stroke="#9a3412" if box.bottleneck else INK, title=box.name)  # fmt: skip
    drawing.lines(left + _BOX / 2, y + 17, lines_of(box.name, 22, 4), anchor="middle")
    facts = [f"work {short(box.work)}", *box.facts]
    drawing.rect(left, y + _HEAD, _BOX, deep * _FACT, stroke=LINE)
    for number, fact in enumerate(facts):
        drawing.text(left + 6, y + _HEAD + 12 + number * _FACT, fact, size=11)
