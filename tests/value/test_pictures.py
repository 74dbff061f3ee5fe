"""Pictures: what they show is what the figures say, and no text in them is ever markup."""

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itil4.errors import InvalidInput
from itil4.value import (
    BUILT_IN_STREAMS,
    Step,
    ValueStream,
    ageing,
    compare,
    cumulative_flow,
    dot,
    map_svg,
    mermaid,
    observe,
)

DAY = datetime(2026, 3, 2, tzinfo=UTC)
CATEGORIES = {"new": "new", "work": "active", "hold": "waiting", "closed": "closed"}
HOSTILE = '<script>alert(1)</script> "]; x --> y & \\ \x00 #quot;'


def at(hours):
    return DAY + timedelta(hours=hours)


def desk(first="Take", second="Mend"):
    return ValueStream(
        id="desk", name=f"Desk of {first}", trigger=f"a call {first}", outcome=f"an answer {first}",
        steps=[
            Step(name=first, activity="engage", practices=["service_desk"], work=timedelta(minutes=3),
                 wait=timedelta(minutes=2), states={"incident_management": ["new"]}),
            Step(name=second, activity="deliver_and_support", practices=["incident_management"], capacity=2,
                 work=timedelta(minutes=20), wait=timedelta(minutes=55), states={"incident_management": ["work"]}),
        ],
    )  # fmt: skip


ROWS = [("1", "new", at(0)), ("1", "work", at(1)), ("1", "hold", at(2)), ("1", "work", at(4)), ("1", "closed", at(6)),
        ("2", "new", at(3)), ("2", "work", at(5))]  # fmt: skip


def texts(svg):
    """Return the texts that a drawing shows, having parsed it as XML."""
    return [element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_the_picture_of_a_map_shows_its_figures_and_where_to_look_first():
    """Boxes, waits and work are the means per finished case; the rungs of the ladder sum to the lead time."""
    seen = observe(desk(), ROWS, categories=CATEGORIES, kinds={"hold": "user"})
    shown = texts(seen.svg())
    for expected in ("Take", "Mend", "1 h", "2 h", "3 h", "look here first", "work 3 h", "waits 100%: user"):
        assert expected in shown, expected
    assert any("Lead time 6 h: work 3 h, wait 3 h, flow efficiency 50.0%" in line for line in shown)
    waits, work = sum((each.wait for each in seen.steps), timedelta(0)), seen.work
    assert waits + work == seen.lead.mean


@pytest.mark.parametrize("stream", BUILT_IN_STREAMS, ids=lambda stream: stream.id)
def test_a_designed_stream_is_drawn_like_an_observed_one(stream):
    """Each step has a box, in as many rows as are asked for; times that nobody agreed are dashes."""
    shown = " ".join(texts(stream.svg(columns=3)))
    for step in stream.steps:
        assert step.name.split()[0] in shown
    assert "work -" in shown and "Lead time -" in shown
    assert stream._repr_svg_() == map_svg(stream)


def test_a_map_without_finished_cases_is_drawn_all_the_same():
    """There is nothing to divide by; the picture says so and does not fail."""
    seen = observe(desk(), [("2", "new", at(3))], categories=CATEGORIES)
    assert any("0 finished cases, 1 open" in line for line in texts(seen.svg()))
    assert "begin" in seen.mermaid() and "begin" in seen.dot()


def test_pictures_stand_on_their_own():
    """No font, script, style sheet, image or link from elsewhere."""
    rows = (
        observe(desk(), ROWS, categories=CATEGORIES).svg() + cumulative_flow(desk(), ROWS, categories=CATEGORIES).svg()
    )
    assert not re.search(r"(href|src)=|<style|<script|<image|<use|url\(|@import", rows)
    assert re.findall(r"https?://[^\"]+", rows) == ["http://www.w3.org/2000/svg"] * 2


def test_hostile_text_stays_text_in_every_picture():
    """A step may be named anything; no picture or diagram lets it become markup."""
    hostile = desk(HOSTILE.replace("\x00", ""), "Mend")
    rows = [(HOSTILE, place, moment) for _, place, moment in ROWS]
    seen = observe(hostile, rows, categories=CATEGORIES)
    old = ageing(hostile, rows, categories=CATEGORIES, window=(at(0), at(5)))
    for svg in (seen.svg(), hostile.svg(), cumulative_flow(hostile, rows, categories=CATEGORIES).svg(), old.svg()):
        assert "<script" not in svg
        assert not [each for each in ElementTree.fromstring(svg).iter() if each.tag.endswith("script")]
    for source in (seen, hostile):
        for line in mermaid(source).splitlines()[1:]:
            assert "<script" not in line and re.fullmatch(
                r'    (\w+(\(\["[^"]*"\]\)|\["[^"]*"\])|\w+ -->(\|"[^"]*"\|)? \w+)', line
            ), line
        for line in dot(source).splitlines()[3:-1]:
            assert re.fullmatch(r'    \w+( -> \w+)?( \[label="([^"\\]|\\.)*"(, shape=\w+)?\])?', line), line


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_gives_well_formed_svg(text):
    """Law: whatever a case is called, also with characters that XML cannot hold, its picture can be parsed."""
    rows = [(text, "new", at(0)), ("other", "new", at(1)), ("other", "closed", at(2))]
    ElementTree.fromstring(ageing(None, rows, categories=CATEGORIES).svg())
    ElementTree.fromstring(cumulative_flow(None, [("1", text, at(0)), ("1", "x", at(1))], points=2).svg())


@st.composite
def histories(draw):
    rows = []
    for case in range(draw(st.integers(1, 5))):
        minute = draw(st.integers(0, 100))
        for place in draw(st.lists(st.sampled_from([*CATEGORIES]), min_size=1, max_size=6)):
            rows.append((str(case), place, DAY + timedelta(minutes=minute)))
            minute += draw(st.integers(0, 60))
    return rows


@settings(deadline=None)
@given(histories(), st.integers(2, 9))
def test_the_bands_of_cumulative_flow_sum_to_what_arrived(rows, points):
    """Law: at every moment finished and inside together are the cases that have come, none is counted twice,
    and at the end they agree with the map."""
    flow, seen = (
        cumulative_flow(desk(), rows, categories=CATEGORIES, points=points),
        observe(desk(), rows, categories=CATEGORIES),
    )
    first: dict[str, datetime] = {}
    for case, _, moment in rows:
        first[case] = min(moment, first.get(case, moment))
    assert flow.arrived == tuple(sum(moment >= each for each in first.values()) for moment in flow.at)
    assert flow.finished[-1] == seen.finished and sum(counts[-1] for counts in flow.inside.values()) == seen.open
    assert all(count >= 0 for counts in flow.inside.values() for count in counts)


@settings(deadline=None)
@given(histories())
def test_the_ageing_chart_has_the_open_cases_of_the_map(rows):
    """Law: as many as the map counts, with the same ages."""
    old, seen = ageing(desk(), rows, categories=CATEGORIES), observe(desk(), rows, categories=CATEGORIES)
    assert len(old.open) == seen.open and old.lead == seen.lead
    if seen.ages:
        assert old.open[0].age == seen.ages.longest and old.open[-1].age == seen.ages.shortest


def test_the_ageing_chart_says_where_the_open_cases_are_and_which_are_late():
    """Story: one case has waited far longer than the finished ones took; the chart names it."""
    rows = [
        ("a", "new", at(4)),
        ("a", "closed", at(5)),
        ("b", "new", at(0)),
        ("b", "work", at(6)),
        ("c", "new", at(5.5)),
    ]
    old = ageing(desk(), rows, categories=CATEGORIES)
    assert [(each.case, each.place) for each in old.open] == [("b", "Mend"), ("c", "Take")]
    assert [each.case for each in old.late] == ["b"]
    assert "b: 6 h in Mend" in old.svg() and old._repr_svg_() == old.svg()


def test_maps_are_compared_with_each_other_and_with_the_design():
    """`diff` is `compare`, from the map's side."""
    seen = observe(desk(), ROWS, categories=CATEGORIES)
    assert seen.diff(desk()) == compare(seen, desk()) and not any(each.change for each in seen.diff(seen))


def test_what_is_no_stream_cannot_be_drawn():
    """A wrong source is refused by name, and so is a picture without columns."""
    for draw in (map_svg, mermaid, dot):
        with pytest.raises(InvalidInput, match="ValueStream or a StreamMap"):
            draw("desk")
    with pytest.raises(InvalidInput, match="columns"):
        desk().svg(columns=0)
    with pytest.raises(InvalidInput, match="points"):
        cumulative_flow(None, ROWS, points=1)


def test_the_marks_of_the_ageing_chart_never_cover_each_other():
    """When half of the finished cases took as long as nearly all of them, both lines are still named legibly."""
    rows = [*((str(n), place, at(hour)) for n in range(9) for place, hour in (("new", 0), ("closed", 5))),
            ("open", "new", at(2))]  # fmt: skip
    drawn = ageing(desk(), rows, categories=CATEGORIES).svg()
    half, most = (re.search(rf'<text x="([^"]+)"[^>]*text-anchor="([a-z]+)"[^>]*>{name} % took', drawn).groups()
                  for name in (50, 85))  # fmt: skip
    assert half[1] == "start" and most[1] == "end" and float(most[0]) - float(half[0]) > 400
