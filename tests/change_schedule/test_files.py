"""The schedule as a calendar file and as a page: readable by others, and hostile text stays text."""

from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedule_kit import HOUR, START, at, work, works

from itil4 import InvalidInput, ServiceCalendar
from itil4.practices.change_schedule import Fixed, Period, PlannedWork, Weekly, conflicts
from itil4.practices.change_schedule.ical import icalendar
from itil4.practices.change_schedule.pictures import schedule_html, week_svg

SVG = "{http://www.w3.org/2000/svg}"
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t;,\\:<>&\"'"), max_size=90)


def parsed(text: str) -> Any:
    reader = pytest.importorskip("icalendar", reason="icalendar comes with the extra `tests`")
    return reader.Calendar.from_ical(text)


@given(works())
def test_a_calendar_file_holds_the_schedule_as_others_read_it(planned: list[PlannedWork]) -> None:
    """The icalendar package reads the same events, times and conflicts."""
    found = conflicts(planned)
    calendar = parsed(icalendar(planned, found, stamp=START))
    assert calendar.errors == []
    events = calendar.walk("VEVENT")
    assert {str(each["UID"]) for each in events} == {f"{each.id}@changes" for each in planned}
    for event in events:
        assert event.errors == []
        mine = next(each for each in planned if str(event["UID"]) == f"{each.id}@changes")
        assert (event.start, event.end) == (mine.start, mine.end)
        assert event["DTSTAMP"].dt == START
        told = str(event.get("DESCRIPTION", ""))
        assert told.count("Conflict:") == sum(each.work == mine.id for each in found)


@given(texts, texts)
def test_any_text_survives_escaping_and_folding(title: str, location: str) -> None:
    """No line is longer than 75 octets, none breaks a character, and what is read is what was written."""
    text = icalendar([work("a", 0, 1, title=title, location=location)], stamp=START)
    lines = text.split("\r\n")
    assert all(len(line.encode()) <= 75 for line in lines)
    assert "\n" not in "".join(lines)
    assert sum(line.startswith("BEGIN:VEVENT") for line in lines) == 1
    (event,) = parsed(text).walk("VEVENT")
    assert str(event["SUMMARY"]) == " ".join(part for part in ("a", title) if part)
    assert str(event.get("LOCATION", "")) == location


def test_control_characters_have_no_place_in_a_file() -> None:
    """They are left out, and a lone half of a character too."""
    text = icalendar([work("a", 0, 1, title="x\x00\x07\x1by\ud800z\r\nw")], stamp=START, name="a;b")
    assert "SUMMARY:a xyz\\nw" in text
    assert "X-WR-CALNAME:a\\;b" in text
    text.encode()


def test_states_and_parts_of_seconds_are_told_as_calendars_know_them() -> None:
    """An end is rounded up; what is not authorized yet is tentative."""
    half = timedelta(microseconds=500)
    made = PlannedWork(id="a", start=START + half, end=START + 2 * half, state="assess")
    (event,) = parsed(icalendar([made], stamp=START)).walk("VEVENT")
    assert (event.start, event.end) == (START, START + timedelta(seconds=1))
    assert event["STATUS"] == "TENTATIVE"
    with pytest.raises(InvalidInput):
        icalendar([], stamp=datetime(2026, 1, 1))


def test_a_week_shows_its_work_its_periods_and_its_conflicts() -> None:
    """Bars in lanes that do not overlap; a red edge and the reason where there is a conflict."""
    planned = [work("a", 1, 9, "i0"), work("b", 4, 12, "i0"), work("c", 13, 20, "i1"), work("far", 400, 401)]
    sundays = Weekly(ServiceCalendar(zone="UTC", weekly={"sun": [("02:00", "06:00")]}))
    given_periods = [
        Period(name="nights", kind="maintenance", when=sundays, items="i9"),
        Period(name="quarter", kind="freeze", when=Fixed(at(400), at(500)), items="i9"),
    ]
    root = ElementTree.fromstring(
        week_svg(planned, date(2026, 3, 4), conflicts=conflicts(planned), periods=given_periods)
    )
    bars = {each.find(f"{SVG}title").text.split()[0]: each for each in root.iter(f"{SVG}g")}  # type: ignore[union-attr]  # each has a title
    assert set(bars) == {"a", "b", "c"}
    assert [bars[name].attrib["class"] for name in "abc"] == ["conflict", "conflict", "planned"]
    assert "item already scheduled i0 with b" in bars["a"].find(f"{SVG}title").text  # type: ignore[union-attr,operator]  # it has one
    place = {name: bars[name].find(f"{SVG}rect").attrib for name in "abc"}  # type: ignore[union-attr]  # it has one
    assert place["a"]["y"] != place["b"]["y"]
    assert place["c"]["y"] == place["a"]["y"]
    assert int(place["a"]["x"]) < int(place["b"]["x"]) < int(place["c"]["x"])
    told = "".join(root.itertext())
    assert "maintenance: nights" in told
    assert "quarter" not in told


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 167), (date(2026, 10, 25), 169), (date(2026, 5, 1), 168)]
)
def test_a_week_in_which_the_clocks_change_is_as_long_as_it_is(day: date, hours: int) -> None:
    """Positions are instants: the last day of the week ends where the week ends."""
    monday = datetime.combine(day - timedelta(days=day.weekday()), datetime.min.time(), UTC)
    whole = PlannedWork(id="w", start=monday - 3 * HOUR, end=monday + 200 * HOUR)
    part = PlannedWork(id="p", start=monday - 2 * HOUR + hours * HOUR - HOUR, end=monday + 200 * HOUR)
    if hours == 168:
        part = PlannedWork(id="p", start=monday - 2 * HOUR + 167 * HOUR, end=monday + 200 * HOUR)
    root = ElementTree.fromstring(week_svg([whole, part], day, zone="Europe/Paris"))
    rects = [each.find(f"{SVG}rect").attrib for each in root.iter(f"{SVG}g")]  # type: ignore[union-attr]  # each has one
    assert (int(rects[0]["x"]), int(rects[0]["width"])) == (20, 1080)
    assert int(rects[1]["x"]) + int(rects[1]["width"]) == 1100


class Tags(HTMLParser):
    """Collects what a browser would take for tags and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>' &amp; ]]> --> \x00"


def test_hostile_text_stays_text_on_the_page() -> None:
    """Whatever titles, people, items and periods are called, the page has the tags of a harmless one."""

    def page(text: str) -> str:
        planned = [
            PlannedWork(
                id=f"{n}", number=text, title=text, start=at(0), end=at(3), items={text}, assignee=text, type=text
            )
            for n in range(2)
        ]
        given_periods = [Period(name=text, kind="blackout", when=Fixed(at(1), at(2)))]
        return schedule_html(
            planned, conflicts=conflicts(planned, periods=given_periods), periods=given_periods,
            items={text: text}, title=text,
        )  # fmt: skip

    harmless, hostile = Tags(), Tags()
    harmless.feed(page("x"))
    hostile.feed(page(HOSTILE))
    assert hostile.found == harmless.found
    assert "script" not in {tag for tag, _ in hostile.found}
    assert "http" not in page("x").replace("http://www.w3.org/2000/svg", "")


def test_a_page_has_the_weeks_that_have_work_and_all_of_it_in_a_list() -> None:
    """Weeks without work are not drawn; nothing planned is said; too much is refused."""
    planned = [work("a", 1, 2), work("b", 400, 600), work("c", 24 * 70, 24 * 70 + 1)]
    page = schedule_html(planned, zone="Europe/Paris")
    assert page.count("<svg") == 4
    assert page.count("<tr>") == 4
    assert "Nothing is planned" in schedule_html([])
    with pytest.raises(InvalidInput):
        schedule_html([PlannedWork(id="long", start=START, end=START + timedelta(days=7 * 600))])


@given(works())
def test_the_same_schedule_gives_the_same_files(planned: list[PlannedWork]) -> None:
    """In whatever order the work comes."""
    assert schedule_html(planned) == schedule_html(reversed(planned))
    assert icalendar(planned, stamp=START) == icalendar(reversed(planned), stamp=START)
