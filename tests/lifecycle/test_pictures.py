"""Pictures: Mermaid, DOT and SVG of a lifecycle, a record highlighted, the same every time."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from typing import Any

import attrs
import pytest

from itil4.errors import InvalidInput
from itil4.lifecycle import Guard, Lifecycle, State, Transition, draw


@attrs.frozen
class Ticket:
    id: str
    state: str
    port: str | None = None


IN_PORT = Guard("in_port", lambda ticket, ctx: True)
FLOW = Lifecycle(
    'vessel <ticket> & "more"', "new",
    [
        State("new", "new"), State("at work"), State('<b>&"quoted"', "waiting"), State("done", "closed", final=True),
        State("lost"),
    ],
    [
        Transition("start", "new", "at work", roles={"bridge", "agent"}, requires="port", guards=[IN_PORT]),
        Transition("wait; drop", "at work", '<b>&"quoted"', denied="user"),
        Transition("back", '<b>&"quoted"', "at work"),
        Transition("again", "at work", "at work", internal=True),
        Transition("end", ["at work", "new"], "done"),
    ],
)  # fmt: skip


def walked(context: Any) -> tuple[Ticket, list[Any]]:
    record, entry = FLOW.fire(Ticket("t1", "new"), "start", context("agent", port="Genoa"))
    return record, [entry]


@pytest.mark.parametrize("format_", ["mermaid", "dot", "svg"])
def test_a_picture_says_who_may_and_what_a_step_needs(format_: str) -> None:
    """Roles, required fields, guards and every state are in each form."""
    picture = draw(FLOW, format_)
    for words in ("start [agent, bridge] needs port if in_port", "again [system]", "[not user]", "Lost"):
        assert words in picture, words


def test_a_final_state_has_a_double_border_and_no_other_one_has() -> None:
    """In the language of Graphviz an end is seen at once."""
    doubled = [line for line in FLOW.dot().splitlines() if "peripheries=2" in line]
    assert len(doubled) == 1 and "Done" in doubled[0]


@pytest.mark.parametrize("format_", ["mermaid", "dot", "svg"])
def test_the_state_and_path_of_a_record_are_highlighted(format_: str, context: Any) -> None:
    """With a record the picture differs from the one without, by its state and by the arrows it took."""
    record, history = walked(context)
    plain, marked, with_path = draw(FLOW, format_), draw(FLOW, format_, record), draw(FLOW, format_, record, history)
    assert len({plain, marked, with_path}) == 3
    assert "ffd54f" not in plain
    assert marked.count("ffd54f") == 1


def test_the_svg_is_whole_well_formed_and_safe(context: Any) -> None:
    """XML that parses, no script, nothing loaded from elsewhere, every name as text."""
    record, history = walked(context)
    root = ElementTree.fromstring(FLOW.svg(record, history))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    titles = [each.text for each in root.iter("{http://www.w3.org/2000/svg}title")]
    assert 'vessel <ticket> & "more"' in titles
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    assert "href" not in FLOW.svg()
    width, height = int(root.get("width") or 0), int(root.get("height") or 0)
    for box in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert 0 <= int(box.get("x", "0")) <= width
        assert 0 <= int(box.get("y", "0")) <= height


def test_states_do_not_cover_one_another() -> None:
    """No two boxes of the SVG overlap."""
    root = ElementTree.fromstring(FLOW.svg())
    boxes = []
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        rect = group.find("{http://www.w3.org/2000/svg}rect")
        assert rect is not None
        boxes.append([int(rect.get(name, "0")) for name in ("x", "y", "width", "height")])
    assert len(boxes) == len(FLOW.states)
    for number, (x, y, width, height) in enumerate(boxes):
        for a, b, c, d in boxes[:number]:
            assert x + width <= a or a + c <= x or y + height <= b or b + d <= y


def test_the_same_lifecycle_gives_the_same_picture_in_every_process() -> None:
    """No order of a set, no address and no time is in the output."""
    script = (
        "from itil4.lifecycle import *; import hashlib;"
        "f = Lifecycle('t','a',[State('a'),State('b')],[Transition('go','a','b',roles={'x','y','z','w'})]);"
        "print(hashlib.sha256((f.svg()+f.dot()+f.mermaid()+f.digest).encode()).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_notebooks_show_the_picture() -> None:
    """The display hooks give the SVG."""
    assert FLOW._repr_svg_() == FLOW.svg()
    assert FLOW._repr_mimebundle_()["image/svg+xml"] == FLOW.svg()


def test_an_unknown_format_offers_the_nearest() -> None:
    """`draw` knows three."""
    with pytest.raises(InvalidInput, match="'svg'"):
        draw(FLOW, "svgg")


def test_importing_the_room_does_not_import_transitions_and_building_needs_no_machine() -> None:
    """The machine is made when somebody asks for it."""
    script = (
        "import sys, itil4.lifecycle as room; assert 'transitions' not in sys.modules;"
        "f = room.Lifecycle('t','a',[room.State('a')],[room.Transition('go','a','a')]); f.engine; f.verify(); f.svg();"
        "assert 'transitions' not in sys.modules; f.machine(); assert 'transitions' in sys.modules;"
        "assert not [name for name in sys.modules if name.startswith(('itil4.storage', 'itil4.practices', 'sqlite3'))]"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_names_of_the_room_are_a_sorted_list_of_real_objects() -> None:
    """What is loaded late is the object itself."""
    import itil4.lifecycle as room

    assert room.__all__[:-1] == sorted(room.__all__, key=lambda name: (name[0].islower(), name))[:-1]
    for name in room.__all__:
        assert getattr(room, name).__module__.startswith("itil4.lifecycle")
        assert name in dir(room)
    with pytest.raises(AttributeError):
        room.nothing  # noqa: B018 - reading it is the test
