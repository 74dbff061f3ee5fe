"""Makes stories short: delta debugging over their steps, in seconds."""

from collections.abc import Callable, Iterable, Sequence
from time import monotonic

import attrs

from itil4.errors import ITIL4Error
from itil4.testing.checking import Finding
from itil4.testing.driver import Answer
from itil4.testing.playing import Played, Player
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

    Played anew with everything looked at, the story may show something else first: then it is about that.

    Args:
        found: with the story as it was played.
        player: makes a new player on the same subject and host.
    """
    if found.story is None:
        return found
    acts = found.story.acts
    whole = first_finding(player(), found.story) or first_finding(player(), Story(_taken(player(), acts)))
    if whole is None:
        return attrs.evolve(found, text=f"{found.text} (It did not show again when the story was played anew.)")
    best = [whole]

    def fails(acts: Sequence[Act]) -> bool:
        anew = player()
        anew.oracle.watch.asked.clear()  # what was looked at once is looked at again
        again = first_finding(anew, Story(acts))
        if again is None or (again.code, again.event, again.state) != (whole.code, whole.event, whole.state):
            return False
        best[0] = again
        return True

    shortest(whole.story.acts if whole.story is not None else acts, fails)
    return best[0]


def _taken(player: Player, acts: Sequence[Act]) -> list[Act]:
    """Return the acts up to the first that breaks a promise, without those that were refused on the way."""
    taken = []
    for act in acts:
        try:
            played = player.play(act)
        except ITIL4Error:
            continue
        if played.answer.done or played.findings:
            taken.append(act)
        if played.findings:
            break
    return taken


def first_finding(player: Player, story: Story) -> Finding | None:
    """Return the first promise that a story breaks, or None.

    One that cannot be played, or in which a step does not end as it says, breaks none: what it shows would be
    something else than it tells.
    """
    try:
        for act in story:
            played = player.play(act)
            if played.findings:
                return played.findings[0]
            if not is_as_told(act, played):
                return None
    except ITIL4Error:
        return None
    return None


_KIN = {"stale": "stale_links"}
"""What a refusal for one thing may say instead: links have moved, and not the record."""


def lacking_codes(wanted: Iterable[str], answer: Answer) -> list[str]:
    """Return the codes with which something must be refused, and was not."""
    return [code for code in wanted if code not in answer.codes and _KIN.get(code) not in answer.codes]


def is_refusal(played: Played) -> bool:
    """Whether a step was refused, as something that can happen, and nothing broke."""
    return not played.answer.done and played.answer.error is None


def is_as_told(act: Act, played: Played) -> bool:
    """Whether a step ended as its story says."""
    if act.refused is None:
        return played.answer.done
    return not played.answer.done and not lacking_codes(act.refused, played.answer)
