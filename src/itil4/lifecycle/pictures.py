"""A lifecycle as a picture, with who may take each step and what it needs. The same input gives the same text."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from itil4.errors import InvalidInput, nearest
from itil4.lifecycle.definition import Lifecycle, Transition

if TYPE_CHECKING:
    from itil4.record import Entry

FORMATS = ("mermaid", "dot", "svg")


@attrs.frozen
class Highlight:
    """Where a record is, and which arrows it has taken."""

    state: str | None = None
    path: frozenset[tuple[str, str]] = frozenset()

    @property
    def seen(self) -> frozenset[str]:
        """Every state on the path."""
        return frozenset(name for pair in self.path for name in pair)


def highlight(lifecycle: Lifecycle, record: Any, history: Iterable["Entry"]) -> Highlight:
    """Return what to highlight for a record and its history."""
    state = None if record is None else getattr(record, lifecycle.field, None)
    path = frozenset(
        (entry.from_state, entry.to_state)
        for entry in history
        if entry.lifecycle == lifecycle.name and entry.from_state is not None and entry.to_state is not None
    )
    return Highlight(state, path)


def edges(lifecycle: Lifecycle) -> Mapping[tuple[str, str], tuple[Transition, ...]]:
    """Return (from, to) -> the transitions between them, in their order."""
    found: dict[tuple[str, str], list[Transition]] = {}
    for source, each in lifecycle.arrows:
        for target in each.targets:
            known = found.setdefault((source, target), [])
            if each not in known:
                known.append(each)
    return {pair: tuple(steps) for pair, steps in found.items()}


def wording(each: Transition) -> str:
    """Return a step in words: its event, who may, and what it needs.

    >>> wording(Transition("close", "open", "shut", roles={"owner", "agent"}, requires="key"))
    'close [agent, owner] needs key'
    """
    parts = [each.event]
    if each.roles is not None:
        parts.append(f"[{', '.join(sorted(each.roles))}]")
    elif each.internal:
        parts.append("[system]")
    if each.denied:
        parts.append(f"[not {', '.join(sorted(each.denied))}]")
    if each.requires:
        parts.append(f"needs {', '.join(each.requires)}")
    if each.guards:
        parts.append(f"if {', '.join(rule.name for rule in each.guards)}")
    return " ".join(parts)


def wordings(steps: Iterable[Transition]) -> list[str]:
    """Return several steps in words, each once."""
    return list(dict.fromkeys(wording(each) for each in steps))


def mermaid(lifecycle: Lifecycle, record: Any = None, history: Iterable["Entry"] = ()) -> str:
    """Return a Mermaid state diagram.

    Args:
        lifecycle: what to draw.
        record: whose present state to mark.
        history: its entries, whose arrows are marked as taken.

    >>> from itil4.lifecycle import State, Transition
    >>> print(mermaid(Lifecycle("door", "open", [State("open"), State("shut")], [Transition("close", "open", "shut")])))
    stateDiagram-v2
        state "Open" as s0
        state "Shut" as s1
        [*] --> s0
        s0 --> s1: close
        s1 --> [*]
    <BLANKLINE>
    """
    marked = highlight(lifecycle, record, history)
    ids = {state.name: f"s{place}" for place, state in enumerate(lifecycle.states)}
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{_safe(state.title)}" as {ids[state.name]}' for state in lifecycle.states]
    lines += [f"    [*] --> {ids[name]}" for name in lifecycle.initial]
    found = edges(lifecycle)
    for (source, target), steps in found.items():
        taken = " (taken)" if (source, target) in marked.path else ""
        lines.append(f"    {ids[source]} --> {ids[target]}: {_safe(', '.join(wordings(steps)))}{taken}")
    leaving = {source for source, _ in found}
    lines += [f"    {ids[state.name]} --> [*]" for state in lifecycle.states if state.name not in leaving]
    visited = [ids[state.name] for state in lifecycle.states if state.name in marked.seen - {marked.state}]
    if visited:
        lines += ["    classDef visited stroke-width:3px", f"    class {','.join(visited)} visited"]
    if marked.state in ids:
        lines += [
            "    classDef current fill:#ffd54f,stroke:#e65100,color:#000",
            f"    class {ids[marked.state]} current",
        ]
    return "\n".join(lines) + "\n"


def _safe(text: str) -> str:
    """Take out what Mermaid would read as its own language."""
    for sign, instead in (('"', "'"), (":", " "), (";", " "), ("#", "＃"), ("%%", "% %"), ("<", "‹"), (">", "›")):  # noqa: RUF001
        text = text.replace(sign, instead)
    return text


def dot(lifecycle: Lifecycle, record: Any = None, history: Iterable["Entry"] = ()) -> str:
    """Return the lifecycle in the language of Graphviz; arguments as for `mermaid`.

    >>> from itil4.lifecycle import State, Transition
    >>> print(dot(Lifecycle("door", "open", [State("open"), State("shut")], [Transition("close", "open", "shut")])))
    digraph "door" {
        rankdir=LR; node [shape=box, style=rounded];
        born [shape=point];
        s0 [label="Open"];
        s1 [label="Shut"];
        born -> s0;
        s0 -> s1 [label="close"];
    }
    <BLANKLINE>
    """
    marked = highlight(lifecycle, record, history)
    ids = {state.name: f"s{place}" for place, state in enumerate(lifecycle.states)}
    lines = [f"digraph {_quoted(lifecycle.name)} {{", "    rankdir=LR; node [shape=box, style=rounded];"]
    lines.append("    born [shape=point];")
    for state in lifecycle.states:
        more = ", peripheries=2" if state.final else ""
        if state.name == marked.state:
            more += ', style="rounded,filled", fillcolor="#ffd54f", color="#e65100"'
        elif state.name in marked.seen:
            more += ", penwidth=2"
        lines.append(f"    {ids[state.name]} [label={_quoted(state.title)}{more}];")
    lines += [f"    born -> {ids[name]};" for name in lifecycle.initial]
    for (source, target), steps in edges(lifecycle).items():
        more = ', color="#e65100", penwidth=2' if (source, target) in marked.path else ""
        label = "\\n".join(_quoted(words)[1:-1] for words in wordings(steps))
        lines.append(f'    {ids[source]} -> {ids[target]} [label="{label}"{more}];')
    return "\n".join((*lines, "}")) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def draw(lifecycle: Lifecycle, format: str = "mermaid", record: Any = None, history: Iterable["Entry"] = ()) -> str:  # noqa: A002
    """Return the picture of a lifecycle as text: `mermaid`, `dot` or `svg`.

    Raises:
        InvalidInput: the format is another one.
    """
    if format == "mermaid":
        return mermaid(lifecycle, record, history)
    if format == "dot":
        return dot(lifecycle, record, history)
    if format == "svg":
        from itil4.lifecycle.svg import svg

        return svg(lifecycle, record, history)
    raise InvalidInput.of(
        "not_a_choice", field="format", value=format, choices=FORMATS, nearest=nearest(format, FORMATS)
    )
