"""The drawing: where states, arrows and labels stand, and what each looks like."""

import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itil4.lifecycle import Context, Lifecycle, State, Transition
from itil4.lifecycle.svg import svg
from itil4.record import Actor

SVG = "{http://www.w3.org/2000/svg}"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PILOT = Actor("sam", roles={"pilot"})
PICTURE = Path(__file__).with_name("pictures") / "harbour.svg"


@attrs.frozen
class Call:
    id: str
    state: str


HARBOUR = Lifecycle(
    "harbour call", "expected",
    [
        State("expected", "new"), State("turned away", "cancelled", final=True), State("at anchor", "waiting"),
        State("berthed"), State("in the dry dock for a long repair", "waiting", kind="repair"),
        State("sailed", "closed", final=True),
    ],
    [
        Transition("anchor", "expected", "at anchor", roles={"agent", "bridge", "harbour_master", "pilot", "tug"}),
        Transition("turn away", "expected", "turned away"),
        Transition("berth", ["expected", "at anchor"], "berthed"),
        Transition("shift", "berthed", "berthed"),
        Transition("shift back", "berthed", "at anchor"),
        Transition("repair", ["at anchor", "berthed"], "in the dry dock for a long repair"),
        Transition("launch", "in the dry dock for a long repair", "berthed"),
        Transition("recall", "turned away", "expected"),
        Transition("sail", ["berthed", "at anchor", "expected"], "sailed"),
    ],
)  # fmt: skip


class Drawn(NamedTuple):
    """What stands where: boxes by title, arrows by theirs, labels as (left, top, right, bottom, lines), the size."""

    boxes: dict[str, tuple[int, int, int, int]]
    arrows: dict[str, list[tuple[int, int]]]
    labels: list[tuple[int, int, int, int, list[str]]]
    births: list[tuple[int, int]]
    size: tuple[int, int]
    root: Any


def drawn(picture: str) -> Drawn:
    """Read a picture again."""
    root = ElementTree.fromstring(picture)
    boxes, arrows, labels = {}, {}, []
    for group in root.iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        x, y, width, height = (int(rect.get(name, "")) for name in ("x", "y", "width", "height"))
        boxes[str(group.findtext(f"{SVG}title")).rpartition(" (")[0]] = (x, y, x + width, y + height)
    for path in root.findall(f"{SVG}path"):
        title = path.findtext(f"{SVG}title")
        if title is not None:
            words = path.get("d", "").replace("M", "").replace("C", "").split()
            arrows[title.partition(": ")[0]] = [(int(x), int(y)) for x, y in (each.split(",") for each in words)]
    for text in root.findall(f"{SVG}text"):
        lines = text.findall(f"{SVG}tspan")
        half = max(len(line.text or "") for line in lines) * 3
        middle, top = int(lines[0].get("x", "")), int(lines[0].get("y", "")) - 10
        told = [line.text or "" for line in lines]
        labels.append((middle - half, top, middle + half, top + 13 * len(lines), told))
    births = [(int(each.get("cx", "")), int(each.get("cy", ""))) for each in root.iter(f"{SVG}circle")]
    size = int(root.get("width", "")), int(root.get("height", ""))
    return Drawn(boxes, arrows, labels, births, size, root)


NAMES = [f"s{number}" for number in range(7)]
LIFECYCLES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), min_size=1, max_size=14, unique=True)


def lifecycle_of(pairs: list[tuple[str, str]]) -> Lifecycle:
    """Return a lifecycle with a step for each pair of states."""
    steps = [Transition(f"step {place}", *pair) for place, pair in enumerate(pairs)]
    return Lifecycle("random", NAMES[0], [State(name) for name in NAMES], steps)


@given(LIFECYCLES)
def test_an_arrow_goes_from_the_border_of_one_state_to_the_border_of_the_other(pairs: list[tuple[str, str]]) -> None:
    """Who follows an arrow with the finger starts at its source and ends at its target, and crosses neither box."""
    found = drawn(lifecycle_of(pairs).svg())
    assert len(found.arrows) == len(pairs)
    for source, target in pairs:
        points = found.arrows[f"{source} -> {target}"]
        for name, (x, y) in ((source, points[0]), (target, points[-1])):
            left, top, right, bottom = found.boxes[name]
            assert left <= x <= right and top <= y <= bottom, "it touches the box"
            assert x in (left, right) or y in (top, bottom), "at its border"
        for name, (x, y) in ((source, points[1]), (target, points[2])):
            left, top, right, bottom = found.boxes[name]
            assert not (left < x < right and top < y < bottom), "it leaves the box, not through it"


@given(LIFECYCLES)
def test_states_stand_in_rows_by_their_distance_from_the_birth(pairs: list[tuple[str, str]]) -> None:
    """A row for each number of steps; states that nothing leads to stand below; the gaps in a row are alike."""
    found = drawn(lifecycle_of(pairs).svg())
    depth, waiting = {NAMES[0]: 0}, [NAMES[0]]
    for name in waiting:
        for source, target in pairs:
            if source == name and target not in depth:
                depth[target] = depth[name] + 1
                waiting.append(target)
    last = max(depth.values()) + 1
    rows: dict[int, list[tuple[int, int, int, int]]] = {}
    for name in NAMES:
        rows.setdefault(depth.get(name, last), []).append(found.boxes[name])
    tops = [{box[1] for box in rows[row]} for row in sorted(rows)]
    assert all(len(each) == 1 for each in tops), "one height for a row"
    heights = [each.pop() for each in tops]
    assert {below - above for above, below in pairwise(heights)} <= {120}
    middles = set()
    for boxes in rows.values():
        boxes.sort()
        assert {right[0] - left[2] for left, right in pairwise(boxes)} <= {90}
        middles.add((boxes[0][0] + boxes[-1][2]) // 2)
    assert max(middles) - min(middles) <= 1, "every row is centred"


@given(LIFECYCLES)
def test_a_picture_holds_all_that_is_drawn_with_a_margin(pairs: list[tuple[str, str]]) -> None:
    """Nothing is cut off: boxes, the points of arrows and labels stay within the picture, and the margin is even."""
    found = drawn(lifecycle_of(pairs).svg())
    width, height = found.size
    rights = [box[2] for box in found.boxes.values()]
    for points in found.arrows.values():
        assert all(0 <= x <= width - 40 and 0 <= y <= height for x, y in points)
        rights += [x for x, _ in points]
    for left, top, right, bottom, _ in found.labels:
        assert left >= 0 and right <= width - 39 and top >= 0 and bottom <= height
        rights.append(right)
    assert min(box[0] for box in found.boxes.values()) == 40
    assert abs(width - 40 - max(rights)) <= 1
    assert height - 40 == max(box[3] for box in found.boxes.values())
    assert min(box[1] for box in found.boxes.values()) == 58, "room for the dot of a birth"
    backing = found.root.find(f"{SVG}rect")
    assert (backing.get("width"), backing.get("height"), backing.get("fill")) == (str(width), str(height), "#ffffff")


def test_the_dot_of_a_birth_stands_above_its_state_and_points_at_it() -> None:
    """Where a record may begin is seen; other states have no dot."""
    lifecycle = Lifecycle("two", ["a", "b"], [State(name) for name in "abc"], [Transition("end", ["a", "b"], "c")])
    found = drawn(lifecycle.svg())
    wanted = {((left + right) // 2, top - 26) for left, top, right, _ in (found.boxes["a"], found.boxes["b"])}
    assert set(found.births) == wanted
    stems = [path.get("d") for path in found.root.findall(f"{SVG}path") if path.find(f"{SVG}title") is None]
    assert sorted(stems) == sorted(f"M{x},{y + 5} L{x},{y + 25}" for x, y in wanted)


def test_a_state_stands_below_the_states_that_lead_to_it() -> None:
    """Within a row, states are ordered by their neighbours above, so that arrows cross less."""
    names = ["start", "left", "right", "under right", "under left"]
    steps = [
        Transition("l", "start", "left"), Transition("r", "start", "right"),
        Transition("rr", "right", "under right"), Transition("ll", "left", "under left"),
    ]  # fmt: skip
    boxes = drawn(Lifecycle("no crossing", "start", [State(name) for name in names], steps).svg()).boxes
    assert boxes["left"] < boxes["right"]
    assert boxes["under left"] < boxes["under right"], "although it is declared after it"


def test_labels_of_arrows_side_by_side_do_not_cover_one_another() -> None:
    """Of five places on the curve the first is taken that no other label covers."""
    steps = [Transition(f"step number {number}", "a", f"b{number}") for number in range(4)]
    steps += [Transition(f"step back {number}", f"b{number}", "a") for number in range(4)]
    states = [State("a"), *(State(f"b{number}") for number in range(4))]
    labels = drawn(Lifecycle("fan", "a", states, steps).svg()).labels
    assert len(labels) == 8
    for place, (left, top, right, bottom, told) in enumerate(labels):
        for a, b, c, d, other in labels[:place]:
            assert right <= a or c <= left or bottom <= b or d <= top, (told, other)


def test_a_label_stands_on_its_curve() -> None:
    """The middle of the words is the middle of the curve when nothing is in the way."""
    found = drawn(Lifecycle("pair", "a", [State("a"), State("b")], [Transition("go", "a", "b")]).svg())
    (ax, ay), *_, (dx, dy) = found.arrows["a -> b"]
    left, top, right, bottom, _ = found.labels[0]
    assert abs((left + right) - (ax + dx)) <= 2
    assert abs((top + bottom) - (ay + dy)) <= 2


@pytest.mark.parametrize(("letters", "shown"), [(33, "e" * 33 + " [system]"), (35, "e" * 35 + " [system]")])
def test_a_label_that_fits_is_whole(letters: int, shown: str) -> None:
    """Up to 44 letters a line is shown as it is."""
    step = Transition("e" * letters, "a", "a", internal=True)
    labels = drawn(Lifecycle("long", "a", [State("a")], [step]).svg()).labels
    assert labels[0][4] == [shown]


def test_a_label_that_is_too_long_is_cut_and_the_arrow_says_all() -> None:
    """A line of more than 44 letters ends with dots at the 44th; the title of the arrow is whole."""
    step = Transition("e" * 36, "a", "a", internal=True)
    found = drawn(Lifecycle("long", "a", [State("a")], [step]).svg())
    assert found.labels[0][4] == ["e" * 36 + " [syste…"]
    assert len(found.labels[0][4][0]) == 44
    assert f"a -&gt; a: {'e' * 36} [system]" in Lifecycle("long", "a", [State("a")], [step]).svg()


def test_a_record_is_marked_by_the_weight_of_lines() -> None:
    """Where it stands is thickest, where it was is thick, elsewhere thin; the same for the arrows it took."""
    record, entry = HARBOUR.fire(Call("c1", "expected"), "anchor", Context(PILOT, NOON))
    root = ElementTree.fromstring(svg(HARBOUR, record, [entry], colours={("expected", "berthed"): "#2e7d32"}))
    weights = {}
    for group in root.iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        name = str(group.findtext(f"{SVG}title")).rpartition(" (")[0]
        weights[name] = (rect.get("stroke"), rect.get("stroke-width"))
    assert weights.pop("at anchor") == ("#e65100", "3")
    assert weights.pop("expected") == ("#e65100", "2")
    assert set(weights.values()) == {("#455a64", "1")}
    arrows = {
        str(path.findtext(f"{SVG}title")).partition(": ")[0]: (path.get("stroke"), path.get("stroke-width"))
        for path in root.findall(f"{SVG}path")
        if path.find(f"{SVG}title") is not None
    }
    assert arrows.pop("expected -> at anchor") == ("#e65100", "2.5")
    assert arrows.pop("expected -> berthed") == ("#2e7d32", "2")
    assert set(arrows.values()) == {("#607d8b", "1.2")}


def test_a_picture_that_was_looked_at_stays_as_it_is() -> None:
    """A change to the drawing shows here: look at the new picture, and if it is good, keep it beside the tests."""
    assert HARBOUR.svg() == PICTURE.read_text(encoding="utf-8")


def test_the_lines_of_a_label_stand_below_one_another() -> None:
    """Steps between the same states share an arrow, each on a line of its own, from the top."""
    steps = [Transition(name, "a", "b", internal=True) for name in ("first", "second", "third")]
    root = ElementTree.fromstring(Lifecycle("lines", "a", [State("a"), State("b")], steps).svg())
    lines = [(str(line.text).split()[0], int(line.get("y", "0"))) for line in root.iter(f"{SVG}tspan")]
    top = lines[0][1]
    assert lines == [("first", top), ("second", top + 13), ("third", top + 26)]


@given(LIFECYCLES)
def test_arrows_up_bend_aside_on_the_right_and_further_the_more_rows_they_pass(pairs: list[tuple[str, str]]) -> None:
    """No arrow down passes a row, because a row is as far as its nearest way; so all that passes rows goes up."""
    found = drawn(lifecycle_of(pairs).svg())
    for number, arrow in enumerate(found.arrows):
        source, target = (found.boxes[name] for name in arrow.split(" -> "))
        rows = (source[1] - target[1]) // 120
        assert rows >= -1
        if rows > 0:
            (ax, ay), (bx, by), (cx, cy), (dx, dy) = found.arrows[arrow]
            assert bx == cx == max(source[2], target[2]) + 60 + 14 * (number % 5) + 12 * rows
            assert (ax, dx) == (source[2], target[2]) and (ay, dy) == (by, cy)
