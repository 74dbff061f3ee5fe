"""A graph with its circles drawn together, in an order in which what is ahead comes first: made once, asked often.

Tarjan's algorithm as a loop, so a chain of any length fits. On the condensed graph, which of many items are reached
from which is one pass: each item has a number, and what is reached is one whole number with a bit for each.
"""

from collections.abc import Iterator, Mapping

import attrs


@attrs.frozen(eq=False)
class Condensed:
    """Groups of items that reach each other (often one item alone), those ahead first.

    >>> ways = condensed({"a": ("b",), "b": ("a", "c")})
    >>> ways.ahead({"a": 0b001, "b": 0b010, "c": 0b100})["a"], ways.behind({"a": 0b001, "b": 0b010, "c": 0b100})["c"]
    (7, 3)
    """

    group: Mapping[str, int]
    """Item -> the number of its group."""
    below: tuple[tuple[int, ...], ...]
    """Group -> the groups ahead of it, one step away; all of them have lower numbers."""
    looped: tuple[bool, ...]
    """Group -> whether its items lie on a circle, so that each reaches itself."""

    def ahead(self, bits: Mapping[str, int]) -> dict[str, int]:
        """Return for each numbered item the bits of those that it reaches; itself only by a circle."""
        own = self._own(bits)
        whole: list[int] = []
        reached: list[int] = []
        for number, below in enumerate(self.below):
            found = own[number] if self.looped[number] else 0
            for other in below:
                found |= whole[other]
            reached.append(found)
            whole.append(found | own[number])
        return {item: reached[self.group[item]] if item in self.group else 0 for item in bits}

    def behind(self, bits: Mapping[str, int]) -> dict[str, int]:
        """Return for each numbered item the bits of those that reach it; itself only by a circle."""
        own = self._own(bits)
        reached = [own[number] if looped else 0 for number, looped in enumerate(self.looped)]
        for number in range(len(self.below) - 1, -1, -1):
            whole = reached[number] | own[number]
            if whole:
                for other in self.below[number]:
                    reached[other] |= whole
        return {item: reached[self.group[item]] if item in self.group else 0 for item in bits}

    def _own(self, bits: Mapping[str, int]) -> list[int]:
        own = [0] * len(self.below)
        for item, bit in bits.items():
            if item in self.group:
                own[self.group[item]] |= bit
        return own


def condensed(ahead: Mapping[str, tuple[str, ...]]) -> Condensed:
    """Return the groups of a graph; `ahead` says what is one step away from each item."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    group: dict[str, int] = {}
    members: list[list[str]] = []
    path: list[str] = []
    for start in ahead:
        if start in order:
            continue
        order[start] = low[start] = len(order)
        path.append(start)
        work = [(start, iter(ahead[start]))]
        while work:
            item, others = work[-1]
            for other in others:
                if other not in order:
                    order[other] = low[other] = len(order)
                    path.append(other)
                    work.append((other, iter(ahead.get(other, ()))))
                    break
                if other not in group and order[other] < low[item]:
                    low[item] = order[other]
            else:
                work.pop()
                if work and low[item] < low[work[-1][0]]:
                    low[work[-1][0]] = low[item]
                if low[item] == order[item]:
                    together: list[str] = []
                    while not together or together[-1] != item:
                        together.append(path.pop())
                        group[together[-1]] = len(members)
                    members.append(together)
    below, looped = [], []
    for number, together in enumerate(members):
        found = {group[other] for item in together for other in ahead.get(item, ())}
        looped.append(number in found)
        below.append(tuple(found - {number}))
    return Condensed(group, tuple(below), tuple(looped))


def numbers(bits: int) -> Iterator[int]:
    """Yield the places of the bits that are set, the lowest first.

    >>> list(numbers(0b1010))
    [1, 3]
    """
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


__all__ = ["Condensed", "condensed", "numbers"]
