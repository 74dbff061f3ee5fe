"""A value stream as text that other tools draw: Mermaid and Graphviz DOT."""

from itertools import pairwise
from typing import NamedTuple

from itil4.value.drawing import short
from itil4.value.map_picture import boxes_of
from itil4.value.stream_map import StreamMap
from itil4.value.streams import ValueStream


class _Node(NamedTuple):
    lines: tuple[str, ...]
    is_end: bool


class _Edge(NamedTuple):
    before: str
    after: str
    label: str


def mermaid(source: ValueStream | StreamMap) -> str:
    """Return the stream as a Mermaid flow chart: steps with their times, and what follows what.

    Raises:
        InvalidInput: the source is neither a `ValueStream` nor a `StreamMap`.

    >>> from itil4.value.streams import Step
    >>> desk = ValueStream(id="desk", name="Desk", trigger="a call", outcome="an answer", steps=[
    ...     Step(name="Answer", activity="engage", practices=["service_desk"])])
    >>> print(mermaid(desk))
    flowchart LR
        begin(["a call"])
        finish(["an answer"])
        step0["Answer<br/>work -, wait -"]
        begin --> step0
        step0 --> finish
    """
    nodes, edges = _graph(source)
    lines = ["flowchart LR"]
    for name, node in nodes.items():
        text = "<br/>".join(map(_mermaid_text, node.lines))
        lines.append(f'    {name}(["{text}"])' if node.is_end else f'    {name}["{text}"]')
    for edge in edges:
        label = f'|"{_mermaid_text(edge.label)}"|' if edge.label else ""
        lines.append(f"    {edge.before} -->{label} {edge.after}")
    return "\n".join(lines)


def dot(source: ValueStream | StreamMap) -> str:
    """Return the stream in the language of Graphviz: steps with their times, and what follows what.

    Raises:
        InvalidInput: the source is neither a `ValueStream` nor a `StreamMap`.
    """
    nodes, edges = _graph(source)
    lines = ["digraph stream {", '    rankdir="LR"']
    for name, node in nodes.items():
        text = "\\n".join(map(_dot_text, node.lines))
        lines.append(f'    {name} [label="{text}", shape={"oval" if node.is_end else "box"}]')
    for edge in edges:
        label = f' [label="{_dot_text(edge.label)}"]' if edge.label else ""
        lines.append(f"    {edge.before} -> {edge.after}{label}")
    return "\n".join([*lines, "}"])


def _graph(source: ValueStream | StreamMap) -> tuple[dict[str, _Node], list[_Edge]]:
    boxes = boxes_of(source)
    ends = (source.trigger, source.outcome) if isinstance(source, ValueStream) else ("start", "end")
    nodes = {"begin": _Node((ends[0],), True), "finish": _Node((ends[1],), True)}
    ids: dict[str, str] = {}
    for box in boxes:
        ids[box.name] = f"step{len(ids)}"
        nodes[ids[box.name]] = _Node((box.name, f"work {short(box.work)}, wait {short(box.wait)}"), False)
    if isinstance(source, ValueStream):
        way = ["begin", *ids.values(), "finish"]
        return nodes, [_Edge(before, after, "") for before, after in pairwise(way)]
    follows = source.follows
    for place in (*follows.starts, *(place for edge in follows.edges for place in edge)):
        if place not in ids:
            ids[place] = f"step{len(ids)}"
            nodes[ids[place]] = _Node((place,), False)
    edges = [_Edge("begin", ids[place], f"{count:,}") for place, count in follows.starts.items()]
    for pair, count in follows.edges.items():
        time = source.follow_times.get(pair)
        label = f"{count:,}" if time is None else f"{count:,}, {short(time)}"
        edges.append(_Edge(ids[pair[0]], ids[pair[1]], label))
    edges += [_Edge(ids[place], "finish", f"{count:,}") for place, count in follows.ends.items()]
    return nodes, edges


def _mermaid_text(text: str) -> str:
    """Return a text that Mermaid shows literally: what it could read as markup goes in as numbers of characters."""
    return "".join(c if c.isalnum() or c in " .,:%-_/" else f"#{ord(c)};" for c in " ".join(text.split()))


def _dot_text(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
