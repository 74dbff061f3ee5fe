"""The arrows of lifecycles, each with a key by which a walk counts what it has taken."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from itil4.lifecycle.definition import Lifecycle, Transition
from itil4.record import Entry


class ArrowKey(NamedTuple):
    """One arrow of one lifecycle: a step from one state into another, by one of its alternatives."""

    lifecycle: str
    event: str
    source: str
    target: str
    place: int

    def __str__(self) -> str:
        return f"{self.event} ({self.source} -> {self.target})"

    @property
    def place_in_words(self) -> str:
        """The event and its source, as findings and `accept` write it."""
        return f"{self.event}@{self.source}"

    @property
    def way_in_words(self) -> str:
        """The same with the target."""
        return f"{self.event}@{self.source}->{self.target}"


def arrows_of(lifecycle: Lifecycle) -> list[tuple[ArrowKey, Transition]]:
    """Return every arrow with its key, in the order of the definition."""
    found = []
    for place, each in enumerate(lifecycle.transitions):
        for source in lifecycle.sources_of(each):
            for target in each.targets:
                found.append((ArrowKey(lifecycle.name, each.event, source, target, place), each))  # noqa: PERF401 - three loops read better
    return found


def arrows_brought(steps: Mapping[ArrowKey, Transition], entries: Iterable[Entry]) -> list[ArrowKey]:
    """Return the arrows that entries took; of several the one that is internal, since nobody asked for it."""
    found = []
    for entry in entries:
        taken = (entry.lifecycle, entry.event, entry.from_state, entry.to_state)
        fitting = [key for key in steps if key[:4] == taken]
        found += sorted(fitting, key=lambda key: not steps[key].internal)[:1]
    return found
