"""Where stories have led to, so that one that goes on from there need not begin at its birth again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from itil4.testing.story import Act

if TYPE_CHECKING:
    from itil4.testing.playing import Player

_MOST = 512
"""So many are kept; the one that was not asked for the longest goes first."""


class Worlds:
    """Players that stand at the end of stories; whoever asks is given a copy, and goes on with that.

    A player that cannot be copied, because its story touches what is not in this process or not the kit's own, is
    not kept: such stories are played from their birth each time.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._kept: dict[tuple[Act, ...], Player] = {}

    def keep(self, acts: Sequence[Act], player: "Player") -> None:
        """Keep where a player is, as the end of a story."""
        place = tuple(acts)
        if not place or place in self._kept or (copy := player.copy()) is None:
            return
        if len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[place] = copy

    def at(self, acts: Sequence[Act]) -> "tuple[Player, int] | None":
        """Return a player at the end of the longest beginning of a story that is known, and how long that is."""
        if not self._kept:
            return None
        for length in range(len(acts), 0, -1):
            place = tuple(acts[:length])
            found = self._kept.pop(place, None)
            if found is not None:
                self._kept[place] = found
                copy = found.copy()
                return None if copy is None else (copy, length)
        return None
