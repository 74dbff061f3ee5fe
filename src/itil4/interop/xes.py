"""Case-centric event logs: a value stream in the form of XES (IEEE 1849), which tools for process mining read.

A trace is a case, an event its coming to a step: exactly the visits that a map counts, so that what another tool
discovers from the file can be compared with the map. A case that was finished without coming to another step has the
moment as an attribute of its trace.
"""

from collections.abc import Iterable, Iterator
from typing import get_args
from xml.etree import ElementTree

from itil4.errors import InvalidInput
from itil4.interop.ocel import read_moment, written
from itil4.value import Observation, ValueStream
from itil4.value.cases import Row, by_case
from itil4.value.drawing import clean
from itil4.value.traces import reader_of, traced
from itil4.vocabulary import Category

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
<extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
<global scope="trace"><string key="concept:name" value=""/></global>
<global scope="event"><string key="concept:name" value=""/><date key="time:timestamp" value="1970-01-01T00:00:00Z"/>\
</global>
<classifier name="Step" keys="concept:name"/>
"""
_FINISHED_AT, _FINISHED = "itil4:finished_at", "itil4:finished"
_PARTS = (("itil4:state", 1), ("itil4:category", 3), ("itil4:kind", 4), ("org:group", 5), ("itil4:practice", 7))


def xes(stream: ValueStream | None, observations: Iterable[Row]) -> str:
    """Return observations as an XES log.

    Args:
        stream: the stream whose steps the events are called by; None to take places as they are.
        observations: as `itil4.value.observe` and `itil4.practices.streams.observations` have them.

    Raises:
        InvalidInput: as in `observe`.

    >>> from datetime import UTC, datetime
    >>> at = lambda hour: datetime(2026, 3, 2, hour, tzinfo=UTC)
    >>> text = xes(None, [("INC1", "new", at(8)), ("INC1", "closed", at(9))])
    >>> [(each.case, each.place, each.at.hour) for each in read_xes(text)]
    [('INC1', 'new', 8), ('INC1', 'closed', 9)]
    """
    return "".join(_lines(stream, observations))


def _lines(stream: ValueStream | None, observations: Iterable[Row]) -> Iterator[str]:
    seen = by_case(observations)
    reader = reader_of(stream, seen, None, {}, ())
    yield _HEAD
    for rows, times, recorded in traced(seen, reader):
        yield f"<trace>{_string('concept:name', rows[0][0])}\n"
        last = None
        places, ending = list(recorded.places()), recorded.ending
        if ending and not seen.silent and places[ending] == places[ending - 1]:
            # it was finished where it was, which is no coming to a step
            finished = _string(_FINISHED, rows[ending][3])
            yield f'<date key="{_FINISHED_AT}" value="{written(times[ending])}"/>{finished}\n'
        for place, row, at in zip(places, rows, times, strict=True):
            if place == last:
                continue
            last = place
            told = "".join(
                _string(key, row[number]) for key, number in _PARTS if len(row) > number and row[number] is not None
            )
            date = f'<date key="time:timestamp" value="{written(at)}"/>'
            yield f"<event>{_string('concept:name', place)}{date}{told}</event>\n"
        yield "</trace>\n"
    yield "</log>\n"


def read_xes(text: str) -> list[Observation]:
    """Read an XES log as observations: cases by `concept:name`, places and times of their events.

    Raises:
        InvalidInput: it is no XES log, or an event has no name or time (`unreadable`).
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise _unreadable("it defines entities")
    try:
        root = ElementTree.fromstring(text.encode())
    except ElementTree.ParseError as error:
        raise _unreadable(error) from error
    found: list[Observation] = []
    for number, trace in enumerate(each for each in root if _tag(each) == "trace"):
        about = _values(trace)
        case, before = about.get("concept:name", str(number)), len(found)
        for event in (each for each in trace if _tag(each) == "event"):
            values = _values(event)
            try:
                place, at = values["concept:name"], read_moment(values["time:timestamp"])
            except (KeyError, ValueError) as error:
                raise _unreadable(f"an event of {case}: {error!r}") from error
            found.append(
                Observation(
                    case, place, at, _category(values.get("itil4:category")), values.get("itil4:kind"),
                    values.get("org:group"), practice=values.get("itil4:practice"),
                )
            )  # fmt: skip
        if _FINISHED_AT in about and len(found) > before:
            try:
                at = read_moment(about[_FINISHED_AT])
            except ValueError as error:
                raise _unreadable(f"the end of {case}: {error!r}") from error
            where = [each for each in found[before:] if each.at <= at] or found[before:]
            found.append(where[-1]._replace(at=at, category=_category(about.get(_FINISHED)), kind=None))
    return found


def _category(told: str | None) -> Category | None:
    return next((known for known in get_args(Category) if known == told), None)


def _string(key: str, value: object) -> str:
    return f'<string key="{key}" value="{clean(value)}"/>'


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _values(element: ElementTree.Element) -> dict[str, str]:
    return {each.attrib["key"]: each.attrib.get("value", "") for each in element if "key" in each.attrib}


def _unreadable(error: object) -> InvalidInput:
    return InvalidInput.of("unreadable", field="text", format="XES", error=error)
