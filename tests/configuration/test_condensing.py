"""Which of many items are reached from which: the one pass is compared with walking from each of them."""

from hypothesis import example, given
from hypothesis import strategies as st

from itil4.practices.configuration.condensing import condensed, numbers

ITEMS = [f"i{n}" for n in range(8)]
ways = st.dictionaries(
    st.sampled_from(ITEMS), st.lists(st.sampled_from(ITEMS), max_size=4, unique=True).map(tuple), max_size=8
)


def walked(item: str, ahead: dict[str, tuple[str, ...]]) -> set[str]:
    """Return what one step or more leads to, an item of a circle itself included."""
    found: set[str] = set()
    queue = list(ahead.get(item, ()))
    while queue:
        each = queue.pop()
        if each not in found:
            found.add(each)
            queue += ahead.get(each, ())
    return found


@given(ways, st.sets(st.sampled_from(ITEMS)))
@example({"i0": ("i1",), "i1": ("i0",)}, {"i0", "i1"})
@example({"i0": ("i0",)}, {"i0"})
def test_what_is_reached_is_what_walking_reaches_in_both_directions(
    ahead: dict[str, tuple[str, ...]], chosen: set[str]
) -> None:
    """For every numbered item, exactly the numbered items ahead of it and behind it; itself only by a circle."""
    names = sorted(chosen)
    bits = {item: 1 << place for place, item in enumerate(names)}
    graph = condensed(ahead)
    forward, backward = graph.ahead(bits), graph.behind(bits)
    for item in names:
        assert {names[place] for place in numbers(forward[item])} == walked(item, ahead) & chosen
        assert {names[place] for place in numbers(backward[item])} == {x for x in chosen if item in walked(x, ahead)}


@given(ways)
def test_groups_ahead_come_first(ahead: dict[str, tuple[str, ...]]) -> None:
    """The order that makes one pass enough."""
    graph = condensed(ahead)
    assert all(other < number for number, below in enumerate(graph.below) for other in below)
