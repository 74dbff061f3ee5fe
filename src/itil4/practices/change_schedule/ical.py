"""A forward schedule as an iCalendar file (RFC 5545), which calendars of any maker read. No package is needed."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from itil4.clock import instant
from itil4.practices.change_schedule.conflict import Conflict
from itil4.practices.change_schedule.planned import PlannedWork

_OCTETS = 75
_TRANSPARENT = {"cancelled": "CANCELLED", "new": "TENTATIVE", "assess": "TENTATIVE", "authorize": "TENTATIVE"}


def icalendar(
    planned: Iterable[PlannedWork],
    conflicts: Iterable[Conflict] = (),
    *,
    stamp: datetime,
    name: str = "Forward schedule of change",
    domain: str = "changes",
) -> str:
    """Return planned work as an iCalendar file, one event for each, with its conflicts in the description.

    Args:
        planned: the work.
        conflicts: what `conflicts` returned for it.
        stamp: when the file is made; no clock is read.
        name: what calendars show it as.
        domain: stands behind the ids of the events, so that they are unique among calendars.

    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> until = noon + timedelta(hours=1)
    >>> work = PlannedWork(id="1", number="CHG0000001", title="Swap; then test", start=noon, end=until)
    >>> print("\\n".join(icalendar([work], stamp=noon).splitlines()[6:12]))
    BEGIN:VEVENT
    UID:1@changes
    DTSTAMP:20260302T120000Z
    DTSTART:20260302T120000Z
    DTEND:20260302T130000Z
    SUMMARY:CHG0000001 Swap\\; then test

    Raises:
        InvalidInput: the stamp is no aware datetime.
    """
    made = _time(instant(stamp, "stamp"))
    works = sorted(planned, key=lambda each: (each.start, each.id))
    labels = {each.id: each.label for each in works}
    against: dict[str, list[str]] = {}
    for each in conflicts:
        against.setdefault(each.work, []).append(told(each, labels))
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//itil4//change schedule//EN", "CALSCALE:GREGORIAN"]
    lines += ["METHOD:PUBLISH", f"X-WR-CALNAME:{_text(name)}"]
    for work in works:
        lines += _event(work, against.get(work.id, ()), made, domain)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line))


def told(conflict: Conflict, labels: Mapping[str, str], items: Mapping[str, str] | None = None) -> str:
    """Return a conflict in words, with what people call the other work and the items."""
    names = items or {}
    parts = [conflict.kind.replace("_", " ")]
    if conflict.item is not None:
        parts.append(names.get(conflict.item, conflict.item))
    if conflict.other_item is not None and conflict.other_item != conflict.item:
        parts.append(f"and {names.get(conflict.other_item, conflict.other_item)}")
    if conflict.assignee is not None:
        parts.append(conflict.assignee)
    if conflict.other is not None:
        parts.append(f"with {labels.get(conflict.other, conflict.other)}")
    if conflict.periods:
        parts.append(f"({', '.join(conflict.periods)})")
    return " ".join(parts)


def _event(work: PlannedWork, against: Iterable[str], made: str, domain: str) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{_text(work.id)}@{_text(domain)}"
    yield f"DTSTAMP:{made}"
    yield f"DTSTART:{_time(work.start)}"
    yield f"DTEND:{_time(work.end, up=True)}"
    yield f"SUMMARY:{_text(' '.join(part for part in (work.label, work.title) if part))}"
    notes = [*(f"Conflict: {each}" for each in against)]
    if notes:
        yield f"DESCRIPTION:{_text(chr(10).join(notes))}"
    if work.location:
        yield f"LOCATION:{_text(work.location)}"
    categories = [_text(work.type), *(["conflict"] if notes else [])]
    yield f"CATEGORIES:{','.join(categories)}"
    yield f"STATUS:{_TRANSPARENT.get(work.state, 'CONFIRMED')}"
    yield "END:VEVENT"


def _time(at: datetime, *, up: bool = False) -> str:
    """Return an instant to the second, as iCalendar knows no parts of one; an end is rounded up, so as to stay one."""
    shown = at.astimezone(UTC)
    if up and shown.microsecond:
        shown = shown.replace(microsecond=0) + timedelta(seconds=1)
    return shown.strftime("%Y%m%dT%H%M%SZ").rjust(16, "0")


def _text(text: str) -> str:
    """Return a text as RFC 5545 escapes it; control characters have no place in a file and are left out."""
    told_lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in told_lines if c == "\n" or c == "\t" or (c.isprintable() or ord(c) > 0x9F))
    kept = kept.encode("utf-8", "ignore").decode()
    return kept.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Yield a line in parts of at most 75 octets, none of which breaks a character."""
    part, size, limit = "", 0, _OCTETS
    for character in line:
        octets = len(character.encode())
        if size + octets > limit:
            yield part
            part, size = " ", 1
        part += character
        size += octets
    yield part


__all__ = ["icalendar", "told"]
