"""The graph alone: laws that hold for every graph, and the walks that must not fall."""

import pickle
import random
from itertools import pairwise
from typing import Any

import pytest
from configuration_kit import brute_force, chain
from hypothesis import given
from hypothesis import strategies as st

from itil4 import InvalidInput
from itil4.errors import DefinitionError
from itil4.practices.configuration import ConfigurationGraph, ItemRelation, Redundancy

ITEMS = [f"i{n}" for n in range(9)]
edges = st.lists(
    st.tuples(
        st.sampled_from(ITEMS),
        st.sampled_from(["depends_on", "runs_on", "part_of", "connected_to"]),
        st.sampled_from(ITEMS),
    ).filter(lambda edge: edge[0] != edge[2]),
    max_size=24,
)


@st.composite
def groups(draw: st.DrawFn) -> dict[str, list[Redundancy]]:
    """Draw groups of redundancy for some items; members need not be related to them."""
    found: dict[str, list[Redundancy]] = {}
    for number, item in enumerate(draw(st.lists(st.sampled_from(ITEMS), max_size=5))):
        members = draw(st.lists(st.sampled_from(ITEMS), min_size=1, max_size=4, unique=True))
        needs = draw(st.integers(1, len(members)))
        found.setdefault(item, []).append(Redundancy(f"g{number}", needs, members))
    return found


def graph_of(links: Any, redundancy: Any = None) -> ConfigurationGraph:
    return ConfigurationGraph(links, items=ITEMS, redundancy=redundancy or {})


@given(edges, groups(), st.sets(st.sampled_from(ITEMS), min_size=1, max_size=3))
def test_inv_087_an_impact_equals_a_search_that_looks_at_everything(links: Any, redundancy: Any, failed: Any) -> None:
    """INV-087: what is hit is exactly what must fall, redundancy included."""
    reach = graph_of(links, redundancy).impact(*failed)
    assert set(reach.came) == brute_force(links, redundancy, failed)
    assert set(reach.items) == set(reach.came) - failed


@given(edges, groups(), st.sampled_from(ITEMS), edges)
def test_inv_087_another_edge_never_makes_an_impact_smaller(links: Any, redundancy: Any, item: str, more: Any) -> None:
    """INV-087: monotone in edges, also where the new edge leads to a member of a redundant group."""
    before = graph_of(links, redundancy).impact(item)
    after = graph_of([*links, *more], redundancy).impact(item)
    assert set(before.came) <= set(after.came)


@given(edges, st.sampled_from(ITEMS))
def test_inv_087_without_redundancy_everything_that_rests_on_an_item_is_hit(links: Any, item: str) -> None:
    """INV-087: every item from which a way of dependence leads to it, and nothing else."""
    graph = graph_of(links)
    hit = set(graph.impact(item).came)
    assert hit == {each for each in ITEMS if item in graph.dependencies(each)}


@given(edges, groups(), st.sampled_from(ITEMS))
def test_what_stands_by_redundancy_rests_on_what_failed_and_is_not_hit(links: Any, redundancy: Any, item: str) -> None:
    """An item at risk has lost a member; ignoring redundancy it would be hit."""
    graph = graph_of(links, redundancy)
    reach = graph.impact(item)
    wide = graph.impact(item, ignoring_redundancy=True)
    assert set(reach.came) | set(reach.at_risk) <= set(wide.came)
    for each, named in reach.at_risk.items():
        assert each not in reach.came
        lost = {name for group in redundancy[each] for name in [group.name] if set(group.members) & set(reach.came)}
        assert set(named) <= lost


@given(edges, groups(), st.sampled_from(ITEMS))
def test_each_path_is_a_way_of_items_that_rest_on_each_other(links: Any, redundancy: Any, item: str) -> None:
    """A path starts at what failed, ends at what is hit, and each step of it is an edge."""
    graph = graph_of(links, redundancy)
    reach = graph.impact(item)
    for each in reach:
        way = reach.path(each)
        assert (way[0], way[-1]) == (item, each)
        assert all(before in graph.supporters[after] for before, after in pairwise(way))


@given(edges, groups(), st.randoms(use_true_random=False))
def test_the_order_of_edges_does_not_matter(links: Any, redundancy: Any, chance: random.Random) -> None:
    """The same edges in any order, or twice, are the same graph with the same answers."""
    mixed = [*links, *links]
    chance.shuffle(mixed)
    first, second = graph_of(links, redundancy), graph_of(mixed, redundancy)
    assert first == second
    assert first.impact("i0") == second.impact("i0")
    assert list(first.impact("i0").came) == list(second.impact("i0").came)


@given(edges, groups(), st.sampled_from(ITEMS))
def test_single_points_of_failure_are_those_whose_failure_alone_is_enough(
    links: Any, redundancy: Any, item: str
) -> None:
    """Exactly the items that hit this one when they fail alone."""
    graph = graph_of(links, redundancy)
    alone = {each for each in ITEMS if each != item and item in graph.impact(each)}
    assert set(graph.single_points_of_failure(item)) == alone


@given(edges)
def test_inv_085_a_circle_is_found_when_there_is_one(links: Any) -> None:
    """INV-085: what is named leads round; where nothing is named, peeling off what has no way in leaves nothing."""
    graph = graph_of(links)
    for relation in ("depends_on", "part_of"):
        ways = {(source, target) for source, name, target in links if name == relation}
        found = graph.circle(relation)
        if found:
            assert all(pair in ways for pair in zip(found, (*found[1:], found[0]), strict=True))
        else:
            while ways:
                ends = {target for _, target in ways}
                kept = {pair for pair in ways if pair[0] in ends}
                assert kept != ways
                ways = kept


@given(edges, st.sampled_from(ITEMS))
def test_wholes_and_parts_are_two_sides_of_one_thing(links: Any, item: str) -> None:
    """An item is among the parts of exactly its wholes, over circles too."""
    graph = graph_of(links)
    assert graph.wholes(item) == {each for each in ITEMS if each != item and item in graph.parts(each)}


def test_inv_085_a_circle_of_dependence_ends() -> None:
    """INV-085: items that depend on each other are hit together, once each."""
    graph = ConfigurationGraph([("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")])
    assert graph.impact("b").items == ("a", "c", "d")
    assert set(graph.dependencies("a").items) == {"b", "c"}
    assert set(graph.circle("depends_on")) == {"a", "b", "c"}


def test_a_chain_of_a_hundred_thousand_items_is_walked_without_recursion() -> None:
    """Depth costs nothing but memory: impact, dependencies, path and circle are loops."""
    graph = chain(100_000)
    reach = graph.impact("i100000")
    assert len(reach) == 100_000
    assert len(reach.path("i0")) == 100_001
    assert len(graph.dependencies("i0")) == 100_000
    assert graph.circle("depends_on") == ()
    assert len(chain(100_000, "part_of").wholes("i0")) == 100_000


def test_k_of_n_must_stand() -> None:
    """Two of three nodes are needed: one may fail, two may not; a node counts once, however it is related."""
    nodes = ["n1", "n2", "n3"]
    graph = ConfigurationGraph(
        [*((node, "part_of", "cluster") for node in nodes), ("cluster", "n1"), ("app", "cluster")],
        redundancy={"cluster": [Redundancy("nodes", needs=2, members=nodes)]},
    )
    assert graph.impact("n1").items == ()
    assert graph.impact("n1").at_risk == {"cluster": ("nodes",)}
    assert graph.impact("n1", "n3").items == ("cluster", "app")
    assert graph.impact("n1", "n3").path("app") == ("n3", "cluster", "app")


@pytest.mark.parametrize("needs", [0, 3, -1, True, "1", 1.0])
def test_a_group_needs_from_one_to_all_of_its_members(needs: Any) -> None:
    """Anything else is refused, with the size of the group."""
    with pytest.raises(InvalidInput) as caught:
        Redundancy("relays", needs, ["a", "b"])
    assert caught.value.code == "bad_needs"


def test_what_is_no_graph_is_refused() -> None:
    """Unknown relations and items name the nearest; an edge needs its ends; a group has each member once."""
    with pytest.raises(InvalidInput, match="Did you mean 'depends_on'"):
        ConfigurationGraph([("a", "depend_on", "b")])
    with pytest.raises(InvalidInput, match="Did you mean 'database'"):
        ConfigurationGraph([("shop", "database")]).impact("databse")
    with pytest.raises(InvalidInput, match=r"\(source, relation, target\)"):
        ConfigurationGraph([("shop", "depends_on", "")])
    with pytest.raises(InvalidInput, match="twice"):
        Redundancy("relays", 1, ["a", "a"])
    with pytest.raises(InvalidInput, match="several items"):
        Redundancy("relays", 1, "ab")
    with pytest.raises(InvalidInput):
        ConfigurationGraph([("shop", "database")]).impact()
    with pytest.raises(InvalidInput, match="no way"):
        ConfigurationGraph([("shop", "database")]).impact("shop").path("database")
    with pytest.raises(DefinitionError, match="Did you mean 'source'"):
        ItemRelation("cools", "cooled_by", hit="sorce")  # type: ignore[arg-type]  # the test is that it is refused


def test_a_graph_survives_pickling() -> None:
    """It is a value: a copy answers the same."""
    graph = ConfigurationGraph([("shop", "database")], redundancy={"shop": [Redundancy("g", 1, ["database"])]})
    graph.impact("database")
    again = pickle.loads(pickle.dumps(graph))
    assert again == graph
    assert again.impact("database") == graph.impact("database")
