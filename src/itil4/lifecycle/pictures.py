"""A lifecycle as a picture."""

from itil4.lifecycle.definition import Lifecycle


def mermaid(lifecycle: Lifecycle) -> str:
    """Return a Mermaid state diagram; the same lifecycle gives the same text.

    >>> from itil4.lifecycle import State, Transition
    >>> print(mermaid(Lifecycle("door", "open", [State("open"), State("shut")], [Transition("close", "open", "shut")])))
    stateDiagram-v2
        state "Open" as s0
        state "Shut" as s1
        [*] --> s0
        s0 --> s1: close
    <BLANKLINE>
    """
    ids = {state.name: f"s{place}" for place, state in enumerate(lifecycle.states)}
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{_safe(state.title)}" as {ids[state.name]}' for state in lifecycle.states]
    lines += [f"    [*] --> {ids[name]}" for name in lifecycle.initial]
    labels: dict[tuple[str, str], list[str]] = {}
    for source, each in lifecycle.arrows:
        for target in each.targets:
            events = labels.setdefault((source, target), [])
            if each.event not in events:
                events.append(each.event)
    lines += [f"    {ids[a]} --> {ids[b]}: {_safe(', '.join(events))}" for (a, b), events in labels.items()]
    leaving = {source for source, _ in labels}
    lines += [f"    {ids[state.name]} --> [*]" for state in lifecycle.states if state.name not in leaving]
    return "\n".join(lines) + "\n"


def _safe(text: str) -> str:
    return text.replace('"', "'").replace(":", " ").replace(";", " ")
