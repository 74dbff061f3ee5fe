"""Which of many items are reached from which, for all of them in one pass over the graph.

Each item gets a number, and what is reached is one whole number with a bit for each. Circles are found first
(Tarjan's algorithm, as a loop), so the pass ends, and a chain of any length fits.
"""

from collections.abc import Iterable, Mapping


def closures(starts: Iterable[str], ahead: Mapping[str, tuple[str, ...]], bits: Mapping[str, int]) -> dict[str, int]:
    """Return for every item that is visited the bits of the numbered items that following `ahead` from it reaches.

    An item reaches itself only by a circle.

    >>> closures(["a"], {"a": ("b",), "b": ("c",)}, {"b": 0b01, "c": 0b10})["a"]
    3
    """
    found: dict[str, int] = {}
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    open_items: list[str] = []
    is_open: set[str] = set()
    for start in starts:
        if start in order:
            continue
        order[start] = low[start] = len(order)
        open_items.append(start)
        is_open.add(start)
        work = [(start, iter(ahead.get(start, ())))]
        while work:
            item, others = work[-1]
            for other in others:
                if other not in order:
                    order[other] = low[other] = len(order)
                    open_items.append(other)
                    is_open.add(other)
                    work.append((other, iter(ahead.get(other, ()))))
                    break
                if other in is_open and order[other] < low[item]:
                    low[item] = order[other]
            else:
                work.pop()
                if work and low[item] < low[work[-1][0]]:
                    low[work[-1][0]] = low[item]
                if low[item] == order[item]:
                    _settle(item, open_items, is_open, ahead, bits, found)
    return found


def _settle(
    item: str, open_items: list[str], is_open: set[str], ahead: Mapping[str, tuple[str, ...]],
    bits: Mapping[str, int], found: dict[str, int],
) -> None:  # fmt: skip
    """Give all members of a circle (often one item alone) what they reach together."""
    members: list[str] = []
    while True:
        each = open_items.pop()
        is_open.discard(each)
        members.append(each)
        if each == item:
            break
    inside = set(members)
    reached = 0
    for each in members:
        if len(members) > 1:
            reached |= bits.get(each, 0)
        for other in ahead.get(each, ()):
            reached |= bits.get(other, 0)
            if other not in inside:
                reached |= found[other]
    for each in members:
        found[each] = reached


def numbers(bits: int) -> Iterable[int]:
    """Yield the places of the bits that are set, the lowest first.

    >>> list(numbers(0b1010))
    [1, 3]
    """
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


__all__ = ["closures", "numbers"]
