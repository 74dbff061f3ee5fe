"""Draws a lifecycle as an SVG of its own: no program, font file, script or style sheet beside it is needed.

States stand in layers by how many steps they are from a birth, and within a layer near their
neighbours of the layer before. Arrows back bend aside. Positions are
whole numbers computed from the definition alone, so the same lifecycle gives the same picture.
"""

import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import attrs

from itil4.lifecycle.definition import Lifecycle, State
from itil4.lifecycle.findings import leaving_of
from itil4.lifecycle.pictures import Highlight, edges, highlight, wordings
from itil4.lifecycle.stories import Paths

if TYPE_CHECKING:
    from itil4.record import Entry

_HEIGHT, _ROW, _GAP, _CHAR, _MARGIN = 36, 120, 90, 7, 40
_LABEL_CHAR, _LABEL_LINE, _LONGEST = 6, 13, 44
_MOST_COMPARED = 400

_FILL = {
    "new": "#e3f2fd",
    "active": "#e8f5e9",
    "waiting": "#fff8e1",
    "resolved": "#ede7f6",
    "closed": "#eceff1",
    "cancelled": "#fbe9e7",
}


@attrs.frozen
class Box:
    """Where a state stands: its middle and its width."""

    x: int
    y: int
    width: int
    layer: int


def svg(
    lifecycle: Lifecycle,
    record: Any = None,
    history: Iterable["Entry"] = (),
    *,
    colours: Mapping[tuple[str, str], str] | None = None,
) -> str:
    """Return the lifecycle as SVG, the state and the path of a record highlighted.

    Args:
        lifecycle: what to draw.
        record: whose present state to mark.
        history: its entries, whose arrows are marked.
        colours: (source, target) -> the colour of that arrow, such as `#2e7d32`.
    """
    marked = highlight(lifecycle, record, history)
    boxes = _placed(lifecycle)
    drawn, labels, right = _arrows(lifecycle, boxes, marked, colours or {})
    width = max(right, *(box.x + box.width // 2 for box in boxes.values())) + _MARGIN
    height = max(box.y for box in boxes.values()) + _HEIGHT // 2 + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="Helvetica, Arial, sans-serif" font-size="12">',
        f"<title>{escape(lifecycle.name)}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="context-stroke"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *drawn,
        *(_birth(boxes[name]) for name in lifecycle.initial),
        *(_drawn_state(state, boxes[state.name], marked) for state in lifecycle.states),
        *labels,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _placed(lifecycle: Lifecycle) -> dict[str, Box]:
    """Return where every state stands."""
    leaving = leaving_of(lifecycle)
    depth: dict[str, int] = {}
    paths = Paths(lifecycle.initial, leaving)
    for name in paths.order:
        depth.setdefault(name, 0)
        for _, target in leaving.get(name, ()):
            depth.setdefault(target, depth[name] + 1)
    deepest = max(depth.values()) + 1
    layers: dict[int, list[str]] = {}
    for state in lifecycle.states:
        layers.setdefault(depth.get(state.name, deepest), []).append(state.name)
    into: dict[str, list[str]] = {}
    for source, ways in leaving.items():
        for _, target in ways:
            into.setdefault(target, []).append(source)
    widths = {state.name: max(80, len(state.title) * _CHAR + 28) for state in lifecycle.states}
    spans = {layer: sum(widths[name] + _GAP for name in names) - _GAP for layer, names in layers.items()}
    middle = _MARGIN + max(spans.values()) // 2
    boxes: dict[str, Box] = {}
    for row, layer in enumerate(sorted(layers)):
        places = {name: place for place, name in enumerate(layers[layer])}
        ordered = sorted(layers[layer], key=lambda name: (_pull(name, into, boxes, middle), places[name]))
        left = middle - spans[layer] // 2
        for name in ordered:
            x = left + widths[name] // 2
            boxes[name] = Box(x, _MARGIN + _HEIGHT + row * _ROW, widths[name], row)
            left += widths[name] + _GAP
    return boxes


def _pull(name: str, into: dict[str, list[str]], boxes: dict[str, Box], middle: int) -> float:
    near = [boxes[source].x for source in into.get(name, ()) if source in boxes]
    return sum(near) / len(near) if near else middle


def _arrows(
    lifecycle: Lifecycle, boxes: dict[str, Box], marked: Highlight, colours: Mapping[tuple[str, str], str]
) -> tuple[list[str], list[str], int]:
    """Return the arrows, their labels, and how far right they reach."""
    drawn, labels = [], []
    taken_places: list[tuple[int, int, int, int]] = []
    right = 0
    for number, ((source, target), steps) in enumerate(edges(lifecycle).items()):
        start, end = boxes[source], boxes[target]
        points = _curve(start, end, number)
        on_path = (source, target) in marked.path
        stroke = 'stroke="#e65100" stroke-width="2.5"' if on_path else 'stroke="#607d8b" stroke-width="1.2"'
        if (source, target) in colours:
            stroke = f'stroke="{escape(colours[source, target])}" stroke-width="2"'
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
        words = wordings(steps)
        told = escape(f"{source} -> {target}: " + "; ".join(words))
        drawn.append(
            f'<path d="M{ax},{ay} C{bx},{by} {cx},{cy} {dx},{dy}" fill="none" {stroke} marker-end="url(#tip)">'
            f"<title>{told}</title></path>"
        )
        lines = [line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…" for line in words]
        place = _free(points, lines, taken_places)
        if len(taken_places) < _MOST_COMPARED:
            taken_places.append(place)
        labels.append(_label(place, lines, on_path))
        right = max(right, place[2], bx, cx)
    return drawn, labels, right


def _curve(start: Box, end: Box, number: int) -> list[tuple[int, int]]:
    """Return the four points of the curve from one box to another."""
    half = _HEIGHT // 2
    if start is end:
        edge = start.x + start.width // 2
        return [(edge, start.y - 8), (edge + 50, start.y - 30), (edge + 50, start.y + 30), (edge, start.y + 8)]
    if end.layer == start.layer + 1:
        return [
            (start.x, start.y + half), (start.x, start.y + half + 40),
            (end.x, end.y - half - 40), (end.x, end.y - half),
        ]  # fmt: skip
    if end.layer == start.layer:
        side = 1 if end.x > start.x else -1
        a, d = start.x + side * start.width // 2, end.x - side * end.width // 2
        lift = 14 if side > 0 else -14
        return [
            (a, start.y + lift // 2),
            (a + side * 20, start.y + lift),
            (d - side * 20, end.y + lift),
            (d, end.y + lift // 2),
        ]
    # up, as no arrow down passes a layer
    a, d = start.x + start.width // 2, end.x + end.width // 2
    out = max(a, d) + 60 + 14 * (number % 5) + 12 * (start.layer - end.layer)
    return [(a, start.y), (out, start.y), (out, end.y), (d, end.y)]


def _free(
    points: list[tuple[int, int]], lines: list[str], taken: list[tuple[int, int, int, int]]
) -> tuple[int, int, int, int]:
    """Return the place of a label on its curve that overlaps the fewest other labels."""
    width = max(map(len, lines)) * _LABEL_CHAR
    height = len(lines) * _LABEL_LINE
    best = (len(taken) + 1, (0, 0, 0, 0))
    for t in (0.5, 0.38, 0.62, 0.28, 0.72):
        x, y = (round(sum(w * point[axis] for w, point in zip(_weights(t), points, strict=True))) for axis in (0, 1))
        left = max(4, x - math.ceil(width / 2))
        place = (left, y - height // 2, left + width, y - height // 2 + height)
        hits = sum(
            1 for other in taken
            if place[0] < other[2] and other[0] < place[2] and place[1] < other[3] and other[1] < place[3]
        )  # fmt: skip
        if hits < best[0]:
            best = (hits, place)
        if hits == 0:
            break
    return best[1]


def _weights(t: float) -> tuple[float, float, float, float]:
    """Return the weights of a cubic curve's four points."""
    s = 1 - t
    return s**3, 3 * s * s * t, 3 * s * t * t, t**3


def _label(place: tuple[int, int, int, int], lines: list[str], on_path: bool) -> str:
    x = (place[0] + place[2]) // 2
    fill = "#bf360c" if on_path else "#263238"
    spans = "".join(
        f'<tspan x="{x}" y="{place[1] + _LABEL_LINE * number + 10}">{escape(line)}</tspan>'
        for number, line in enumerate(lines)
    )
    return (
        f'<text text-anchor="middle" font-size="10.5" fill="{fill}" stroke="#ffffff" stroke-width="3" '
        f'paint-order="stroke">{spans}</text>'
    )


def _birth(box: Box) -> str:
    top = box.y - _HEIGHT // 2
    return (
        f'<circle cx="{box.x}" cy="{top - 26}" r="5" fill="#263238"/>'
        f'<path d="M{box.x},{top - 21} L{box.x},{top - 1}" stroke="#263238" stroke-width="1.2" marker-end="url(#tip)"/>'
    )


def _drawn_state(state: State, box: Box, marked: Highlight) -> str:
    x, y = box.x - box.width // 2, box.y - _HEIGHT // 2
    now, seen = state.name == marked.state, state.name in marked.seen
    fill = "#ffd54f" if now else _FILL[state.category]
    stroke, thick = ("#e65100", 3) if now else ("#e65100", 2) if seen else ("#455a64", 1)
    inner = (
        f'<rect x="{x + 3}" y="{y + 3}" width="{box.width - 6}" height="{_HEIGHT - 6}" rx="7" fill="none" '
        f'stroke="{stroke}" stroke-width="1"/>'
        if state.final
        else ""
    )
    told = escape(f"{state.name} ({state.category}{', ' + state.kind if state.kind else ''})")
    return (
        f'<g><title>{told}</title><rect x="{x}" y="{y}" width="{box.width}" height="{_HEIGHT}" rx="9" fill="{fill}" '
        f'stroke="{stroke}" stroke-width="{thick}"/>{inner}'
        f'<text x="{box.x}" y="{box.y + 4}" text-anchor="middle">{escape(state.title)}</text></g>'
    )
