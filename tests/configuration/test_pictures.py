"""Pictures of an impact: the same input gives the same text, and hostile text stays text."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itil4 import InvalidInput
from itil4.practices.configuration import ConfigurationGraph, Redundancy
from itil4.practices.configuration.pictures import FORMATS, draw

GRAPH = ConfigurationGraph(
    [("shop", "database"), ("shop", "relay 1"), ("shop", "relay 2"), ("disk", "part_of", "database"), ("web", "shop")],
    redundancy={"shop": [Redundancy("relays", 1, ["relay 1", "relay 2"])]},
)


def test_a_picture_shows_what_failed_what_is_hit_and_what_is_at_risk() -> None:
    """Every item once, in its role, with the relations between them."""
    text = draw(GRAPH, GRAPH.impact("disk"))
    assert '["disk"]:::start' in text
    assert '["shop"]:::hit' in text
    assert "relay" not in text
    risk = draw(GRAPH, GRAPH.impact("relay 1"), "dot")
    assert 'label="shop"' in risk
    assert "dashed" in risk
    drawn = ElementTree.fromstring(draw(GRAPH, GRAPH.impact("disk"), "svg"))
    told = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert told == ["disk", "database", "shop", "web"]
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}path"))) == 1 + 3


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40), st.sampled_from(FORMATS))
def test_hostile_names_stay_text(first: str, second: str, form: str) -> None:
    """Whatever an item is called, the picture has the same structure as with harmless names."""
    graph = ConfigurationGraph([("a", "b")], labels={"a": first, "b": second})
    text = draw(graph, graph.impact("b"), form)
    assert text == draw(graph, graph.impact("b"), form)
    if form == "svg":
        root = ElementTree.fromstring(text)
        assert {each.tag.rpartition("}")[2] for each in root.iter()} <= {
            "svg", "title", "defs", "marker", "path", "rect", "g", "text",
        }  # fmt: skip
    else:
        plain = ConfigurationGraph([("a", "b")], labels={"a": "x", "b": "y"})
        assert text.count("\n") == draw(plain, plain.impact("b"), form).count("\n")
    if form == "mermaid":
        assert text.count('"') == 6
        assert "<" not in text


def test_a_wide_and_a_deep_impact_are_drawn() -> None:
    """Rows break where they would be too wide; depth is rows."""
    wide = ConfigurationGraph([(f"i{n}", "hub") for n in range(200)])
    deep = ConfigurationGraph([(f"i{n + 1}", f"i{n}") for n in range(300)])
    for graph, failed in ((wide, "hub"), (deep, "i0")):
        root = ElementTree.fromstring(draw(graph, graph.impact(failed), "svg"))
        assert len(list(root.iter("{http://www.w3.org/2000/svg}g"))) == len(graph)
        assert int(root.attrib["width"]) < 2_000


def test_an_unknown_format_is_refused() -> None:
    """With the nearest one."""
    with pytest.raises(InvalidInput, match="Did you mean 'svg'"):
        draw(GRAPH, GRAPH.impact("disk"), "svgg")
