"""The timeline of an explanation: where blocks, line and words stand."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from itil4.service_level import ALWAYS, Target, clock

SVG = "{http://www.w3.org/2000/svg}"
START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def drawn(hours_promised: float, width: int) -> ElementTree.Element:
    """A clock that runs for two hours, is held for one and runs for one more."""
    history = [(START, "start"), (START + 2 * HOUR, "pause"), (START + 3 * HOUR, "resume")]
    reading = clock(Target(duration=hours_promised * HOUR), ALWAYS, history, START + 4 * HOUR)
    return ElementTree.fromstring(reading.explain().svg(width))


@pytest.mark.parametrize("width", [720, 208])
def test_blocks_follow_one_another_from_margin_to_margin(width: int) -> None:
    """Each is as long as its share of the time that is shown, and four pixels are free on either side."""
    root = drawn(3.5, width)
    blocks = [(float(each.get("x", "")), float(each.get("width", ""))) for each in root.iter(f"{SVG}rect")]
    share = (width - 8) / 4.5
    assert blocks == [
        pytest.approx((4, 2 * share), abs=0.02),
        pytest.approx((4 + 2 * share, share), abs=0.02),
        pytest.approx((4 + 3 * share, share), abs=0.02),
    ]
    (line,) = root.iter(f"{SVG}line")
    assert float(line.get("x1", "")) == float(line.get("x2", "")) == width - 4, "due half an hour after the last block"


def test_a_due_time_that_has_passed_stands_within_the_bar() -> None:
    """The bar ends with what happened; the line of the target stands where it fell due."""
    root = drawn(2.5, 408)
    (line,) = root.iter(f"{SVG}line")
    assert float(line.get("x1", "")) == pytest.approx(4 + 400 * 3.5 / 4, abs=0.02)
    *_, last = root.iter(f"{SVG}rect")
    assert float(last.get("x", "")) + float(last.get("width", "")) == pytest.approx(404, abs=0.02)


def test_the_first_and_the_last_moment_stand_at_the_ends_of_the_bar() -> None:
    """Words stand at the margins: the beginning at the left, the end at the right, aligned to it."""
    texts = drawn(3.5, 720).findall(f"{SVG}text")
    assert [(each.get("x"), each.get("text-anchor")) for each in texts[1:]] == [("4", None), ("716", "end")]
    assert [str(each.text)[:16] for each in texts[1:]] == ["2026-03-02T00:00", "2026-03-02T04:30"]
