"""An impact as a picture: what failed, what is hit and how far away it is. The same input gives the same text."""

from html import escape
from typing import Any

from itil4.errors import InvalidInput, nearest
from itil4.practices.configuration.graph import ConfigurationGraph, Reach

FORMATS = ("mermaid", "dot", "svg")
_WIDE, _HIGH, _GAP, _LAYER, _MARGIN, _LONGEST, _ACROSS = 150, 34, 20, 92, 30, 20, 8
_FILL = {"start": "#ffcdd2", "hit": "#ffe0b2", "at risk": "#fff9c4"}
_LINE = {"start": "#b71c1c", "hit": "#e65100", "at risk": "#f9a825"}


def draw(
    graph: ConfigurationGraph,
    reach: Reach,
    format: str = "mermaid",  # noqa: A002 - what pictures of lifecycles call it
    *,
    only: frozenset[str] | None = None,
) -> str:
    """Return the items that a walk reached and the relations between them: `mermaid`, `dot` or `svg`.

    Args:
        graph: where the walk went.
        reach: the walk, as `impact` or `dependencies` return it.
        format: how to draw it.
        only: the items to show; by default all that were reached or are at risk.

    >>> graph = ConfigurationGraph([("shop", "database")])
    >>> print(draw(graph, graph.impact("database")))
    flowchart BT
        i0["database"]:::start
        i1["shop"]:::hit
        i1 -->|"depends on"| i0
        classDef start fill:#ffcdd2,stroke:#b71c1c
        classDef hit fill:#ffe0b2,stroke:#e65100
        classDef risk fill:#fff9c4,stroke:#f9a825
    <BLANKLINE>

    Raises:
        InvalidInput: the format is another one.
    """
    if format not in FORMATS:
        raise InvalidInput.of(
            "not_a_choice", field="format", value=format, choices=FORMATS, nearest=nearest(format, FORMATS)
        )
    roles: dict[str, str] = {each: "start" if each in reach.start else "hit" for each in reach.came}
    roles |= dict.fromkeys(reach.at_risk, "at risk")
    shown = {each: role for each, role in roles.items() if only is None or each in only}
    edges = [edge for edge in graph.edges if edge[0] in shown and edge[2] in shown]
    label = {each: graph.labels.get(each, each) for each in shown}
    return {"mermaid": _mermaid, "dot": _dot, "svg": _svg}[format](shown, edges, label, reach)


def _mermaid(shown: dict[str, str], edges: list[Any], label: dict[str, str], reach: Reach) -> str:
    ids = {each: f"i{place}" for place, each in enumerate(shown)}
    lines = ["flowchart BT"]
    lines += [
        f'    {ids[each]}["{_literal(label[each])}"]:::{"risk" if role == "at risk" else role}'
        for each, role in shown.items()
    ]
    lines += [
        f'    {ids[source]} -->|"{_literal(name.replace("_", " "))}"| {ids[target]}' for source, name, target in edges
    ]
    for name, role in (("start", "start"), ("hit", "hit"), ("risk", "at risk")):
        lines.append(f"    classDef {name} fill:{_FILL[role]},stroke:{_LINE[role]}")
    return "\n".join(lines) + "\n"


def _literal(text: str) -> str:
    """Return a text that Mermaid shows as it is: what it could read as markup goes in as numbers of characters."""
    return "".join(c if c.isalnum() or c in " .,-_/" else f"#{ord(c)};" for c in " ".join(text.split()))


def _dot(shown: dict[str, str], edges: list[Any], label: dict[str, str], reach: Reach) -> str:
    ids = {each: f"i{place}" for place, each in enumerate(shown)}
    lines = ["digraph impact {", '    rankdir=BT; node [shape=box, style="rounded,filled"];']
    for each, role in shown.items():
        dashed = ', style="rounded,filled,dashed"' if role == "at risk" else ""
        style = f'fillcolor="{_FILL[role]}", color="{_LINE[role]}"{dashed}'
        lines.append(f"    {ids[each]} [label={_quoted(label[each])}, {style}];")
    lines += [
        f"    {ids[source]} -> {ids[target]} [label={_quoted(name.replace('_', ' '))}];"
        for source, name, target in edges
    ]
    return "\n".join((*lines, "}")) + "\n"


def _quoted(text: str) -> str:
    return '"' + " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _svg(shown: dict[str, str], edges: list[Any], label: dict[str, str], reach: Reach) -> str:
    rows = _rows(shown, reach)
    across = max(len(row) for row in rows)
    width = 2 * _MARGIN + across * (_WIDE + _GAP) - _GAP
    height = 2 * _MARGIN + len(rows) * _LAYER - (_LAYER - _HIGH)
    places: dict[str, tuple[int, int]] = {}
    for down, row in enumerate(rows):
        left = (width - (len(row) * (_WIDE + _GAP) - _GAP)) // 2
        for along, each in enumerate(row):
            places[each] = (left + along * (_WIDE + _GAP), _MARGIN + down * _LAYER)
    title = "Impact of " + ", ".join(label[each] for each in reach.start if each in label)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" font-family="Helvetica, Arial, sans-serif" font-size="12">',
        f"<title>{_text(title)}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#607d8b"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    taken = {(reach.came[each], each) for each in shown if reach.came.get(each)}
    for source, name, target in edges:
        parts.append(_arrow(places[source], places[target], f"{label[source]} {name.replace('_', ' ')} {label[target]}",
                            (source, target) in taken or (target, source) in taken))  # fmt: skip
    parts += [_box(places[each], label[each], role) for each, role in shown.items()]
    return "\n".join((*parts, "</svg>")) + "\n"


def _rows(shown: dict[str, str], reach: Reach) -> list[list[str]]:
    """Return the items in rows by distance, each row broken where it would be too wide; those at risk come last."""
    depth: dict[str, int] = {}
    for each in reach.came:
        before = reach.came[each]
        depth[each] = 0 if before is None else depth[before] + 1
    layers: dict[int, list[str]] = {}
    deepest = max(depth.values(), default=0) + 1
    for each in shown:
        layers.setdefault(depth.get(each, deepest), []).append(each)
    return [
        layers[layer][at : at + _ACROSS] for layer in sorted(layers) for at in range(0, len(layers[layer]), _ACROSS)
    ] or [[]]


def _arrow(start: tuple[int, int], end: tuple[int, int], told: str, on_way: bool) -> str:
    (ax, ay), (bx, by) = ((x + _WIDE // 2, y) for x, y in (start, end))
    if ay == by:
        a, b = (ax, ay + _HIGH), (bx, by + _HIGH)
        bend = f"C{a[0]},{a[1] + 26} {b[0]},{b[1] + 26} {b[0]},{b[1]}"
    else:
        a, b = ((ax, ay), (bx, by + _HIGH)) if ay > by else ((ax, ay + _HIGH), (bx, by))
        middle = (a[1] + b[1]) // 2
        bend = f"C{a[0]},{middle} {b[0]},{middle} {b[0]},{b[1]}"
    stroke = 'stroke="#e65100" stroke-width="2"' if on_way else 'stroke="#607d8b" stroke-width="1.2"'
    return (
        f'<path d="M{a[0]},{a[1]} {bend}" fill="none" {stroke} marker-end="url(#tip)">'
        f"<title>{_text(told)}</title></path>"
    )


def _box(place: tuple[int, int], text: str, role: str) -> str:
    x, y = place
    shown = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    dashed = ' stroke-dasharray="4 3"' if role == "at risk" else ""
    return (
        f'<g><title>{_text(f"{text}: {role}")}</title><rect x="{x}" y="{y}" width="{_WIDE}" height="{_HIGH}" rx="6" '
        f'fill="{_FILL[role]}" stroke="{_LINE[role]}"{dashed}/>'
        f'<text x="{x + _WIDE // 2}" y="{y + _HIGH // 2 + 4}" text-anchor="middle">{_text(shown)}</text></g>'
    )


def _text(text: str) -> str:
    """Return a text that XML shows as it is; characters that XML cannot hold are left out."""
    return escape("".join(c for c in text if c.isprintable() or c == " "))


__all__ = ["FORMATS", "draw"]
