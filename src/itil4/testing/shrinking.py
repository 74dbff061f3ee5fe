"""Makes stories short: delta debugging over their steps, in seconds."""

from collections.abc import Callable, Sequence
from time import monotonic

import attrs

from itil4.errors import ITIL4Error
from itil4.testing.checking import Finding
from itil4.testing.playing import Player
from itil4.testing.story import Act, Story

_SECONDS = 5.0
"""After so long the shortest story so far is good enough."""


def shortest(acts: Sequence[Act], fails: Callable[[Sequence[Act]], bool], seconds: float = _SECONDS) -> list[Act]:
    """Return as few of the acts as still fail, in their order; halves first, single steps last.

    >>> shortest([Act(name) for name in "abcdefgh"], lambda acts: {"c", "g"} <= {act.event for act in acts})
    [Act(event='c', ...), Act(event='g', ...)]
    """
    kept, size, until = list(acts), max(1, len(acts) // 2), monotonic() + seconds
    while size and monotonic() < until:
        place, removed = 0, False
        while place < len(kept) and monotonic() < until:
            fewer = kept[:place] + kept[place + size :]
            if fewer and fails(fewer):
                kept, removed = fewer, True
            else:
                place += size
        if not removed or size > len(kept):
            size = size // 2 if not removed else min(size, len(kept))
    return kept


def shrunk(found: Finding, player: Callable[[], Player]) -> Finding:
    """Return the finding with the shortest story that still shows it.

    Args:
        found: with the story as it was played.
        player: makes a new player on the same subject and host.
    """
    if found.story is None:
        return found
    best = [found]

    def fails(acts: Sequence[Act]) -> bool:
        anew = player()
        anew.oracle.watch.asked.clear()  # what was looked at once is looked at again
        again = first_finding(anew, Story(acts))
        if again is None or (again.code, again.event, again.state) != (found.code, found.event, found.state):
            return False
        best[0] = again
        return True

    if not fails(found.story.acts):
        return attrs.evolve(found, text=f"{found.text} (It did not show again when the story was played anew.)")
    shortest(found.story.acts, fails)
    return best[0]


def first_finding(player: Player, story: Story) -> Finding | None:
    """Return the first promise that a story breaks, or None; one that cannot be played breaks none."""
    try:
        for act in story:
            played = player.play(act)
            if played.findings:
                return played.findings[0]
    except ITIL4Error:
        return None
    return None
