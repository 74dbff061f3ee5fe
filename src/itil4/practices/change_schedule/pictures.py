"""The schedule as a picture by week: work in lanes, blackouts and windows behind it, conflicts marked.

An SVG or HTML page of its own: no script, style sheet or font beside it. Positions are instants, so the week in which
the clocks change is an hour shorter or longer. The same input gives the same text.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from html import escape

from itil4.errors import InvalidInput
from itil4.practices.change_schedule.conflict import Conflict
from itil4.practices.change_schedule.ical import told
from itil4.practices.change_schedule.periods import Period
from itil4.practices.change_schedule.planned import PlannedWork
from itil4.service_level.zone import find_zone

_WIDTH, _LEFT, _TOP, _LANE, _BAR, _SHADE = 1120, 20, 46, 30, 24, 16
_CHAR, _SPACE, _LONGEST = 7, 6, 40
_MOST_WEEKS = 520
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TYPE = {"standard": "#c8e6c9", "normal": "#bbdefb", "emergency": "#ffccbc"}
_PERIOD = {"maintenance": "#a5d6a7", "blackout": "#78909c", "freeze": "#81d4fa"}


def week_svg(
    planned: Iterable[PlannedWork],
    day: date,
    *,
    conflicts: Iterable[Conflict] = (),
    periods: Iterable[Period] = (),
    zone: str = "UTC",
    items: Mapping[str, str] | None = None,
) -> str:
    """Return the week of a day, Monday to Sunday of a zone, as an SVG that needs nothing beside it.

    Args:
        planned: the work; what does not touch the week is left out.
        day: a date in the week.
        conflicts: what `conflicts` returned; work with one has a red edge and says which.
        periods: drawn above the work.
        zone: the IANA name of the zone of days.
        items: item -> what people call it.
    """
    where = find_zone(zone)
    monday = day - timedelta(days=day.weekday())
    starts = [_midnight(monday + timedelta(days=n), where) for n in range(8)]
    begin, end = starts[0], starts[-1]
    works = sorted((each for each in planned if each.start < end and each.end > begin), key=lambda w: (w.start, w.id))
    labels = {each.id: each.label for each in works}
    against: dict[str, list[str]] = {}
    for each in conflicts:
        against.setdefault(each.work, []).append(told(each, labels, items))
    bars = [_Bar(work, against.get(work.id, ()), begin, end) for work in works]
    lanes, count = _lanes(bars)
    shaded = [(each, each.when.between(begin, end)) for each in periods]
    shaded = [(each, spans) for each, spans in shaded if spans]
    top = _TOP + len(shaded) * _SHADE + (8 if shaded else 0)
    height = top + max(count, 1) * _LANE + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'role="img" font-family="Helvetica, Arial, sans-serif" font-size="12">',
        f"<title>{_text(f'Changes in the week from {monday.isoformat()}, times of {zone}')}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for number, at in enumerate(starts):
        x = _x(at, begin, end)
        parts.append(f'<path d="M{x},{_TOP - 6} V{height - 8}" stroke="#cfd8dc"/>')
        if number < 7:
            shown = monday + timedelta(days=number)
            parts.append(f'<text x="{x + 4}" y="{_TOP - 14}" fill="#455a64">{_DAYS[number]} {shown.isoformat()}</text>')
    for row, (period, spans) in enumerate(shaded):
        parts += _shade(period, spans, _TOP + row * _SHADE, begin, end)
    parts += [bar.svg(top + lanes[bar.work.id] * _LANE, where) for bar in bars]
    return "\n".join((*parts, "</svg>")) + "\n"


def schedule_html(
    planned: Iterable[PlannedWork],
    *,
    conflicts: Iterable[Conflict] = (),
    periods: Iterable[Period] = (),
    zone: str = "UTC",
    items: Mapping[str, str] | None = None,
    title: str = "Forward schedule of change",
) -> str:
    """Return planned work as a page that opens offline: a picture for each week that has work, and all in a list.

    Args:
        planned, conflicts, periods, zone, items: as for `week_svg`.
        title: the heading of the page.

    Raises:
        InvalidInput: the work lies in more than ten years of weeks.
    """
    where, works = find_zone(zone), sorted(planned, key=lambda each: (each.start, each.id))
    found, known = tuple(conflicts), tuple(periods)
    weeks: set[date] = set()
    for work in works:
        day = work.start.astimezone(where).date()
        day -= timedelta(days=day.weekday())
        while _midnight(day, where) < work.end:
            weeks.add(day)
            if len(weeks) > _MOST_WEEKS:
                raise InvalidInput.of("bad_limit", most=_MOST_WEEKS, value=len(weeks))
            day += timedelta(days=7)
    pictures = [
        f"<h2>Week from {day.isoformat()}</h2>\n"
        + week_svg(works, day, conflicts=found, periods=known, zone=zone, items=items)
        for day in sorted(weeks)
    ]
    labels = {each.id: each.label for each in works}
    against: dict[str, list[str]] = {}
    for each in found:
        against.setdefault(each.work, []).append(told(each, labels, items))
    rows = [_row(work, against.get(work.id, ()), where, items or {}) for work in works]
    head = "".join(f"<th>{name}</th>" for name in ("change", "type", "from", "to", "items", "assignee", "conflicts"))
    body = "\n".join((*pictures, f"<h2>All of it</h2>\n<table><tr>{head}</tr>", *rows, "</table>"))
    none = "<p>Nothing is planned.</p>" if not works else ""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>\n{_STYLE}</head>\n'
        f"<body><h1>{_text(title)}</h1>\n<p>Times of {_text(zone)}. A red edge marks conflicts.</p>\n{none}{body}\n"
        "</body></html>\n"
    )


_STYLE = """<style>
body { font-family: Helvetica, Arial, sans-serif; margin: 2em; color: #263238 }
svg { max-width: 100%; height: auto; border: 1px solid #cfd8dc }
table { border-collapse: collapse } td, th { border: 1px solid #cfd8dc; padding: 4px 8px; text-align: left }
.conflict { color: #b71c1c }
</style>"""


def _row(work: PlannedWork, against: Sequence[str], where: tzinfo, items: Mapping[str, str]) -> str:
    cells = [
        " ".join(part for part in (work.label, work.title) if part), work.type, _shown(work.start, where),
        _shown(work.end, where), ", ".join(sorted(items.get(each, each) for each in work.items)), work.assignee or "",
    ]  # fmt: skip
    told_cells = "".join(f"<td>{_text(each)}</td>" for each in cells)
    listed = "".join(f"<li>{_text(each)}</li>" for each in against)
    return f'<tr>{told_cells}<td class="conflict">{f"<ul>{listed}</ul>" if listed else ""}</td></tr>'


def _midnight(day: date, where: tzinfo) -> datetime:
    return datetime.combine(day, time(0), where).astimezone(UTC)


def _shown(at: datetime, where: tzinfo) -> str:
    return at.astimezone(where).strftime("%Y-%m-%d %H:%M")


def _x(at: datetime, begin: datetime, end: datetime) -> int:
    share = (min(max(at, begin), end) - begin) / (end - begin)
    return _LEFT + round(share * (_WIDTH - 2 * _LEFT))


def _lanes(bars: Sequence["_Bar"]) -> tuple[dict[str, int], int]:
    """Return the lane of each bar, as few as there can be: neither bars nor what is written on them overlap in one."""
    free: list[int] = []
    lanes: dict[str, int] = {}
    for bar in sorted(bars, key=lambda bar: (bar.left, bar.work.id)):
        lane = next((number for number, until in enumerate(free) if until <= bar.left), len(free))
        if lane == len(free):
            free.append(0)
        free[lane] = bar.right + _SPACE
        lanes[bar.work.id] = lane
    return lanes, len(free)


def _shade(
    period: Period, spans: Sequence[tuple[datetime, datetime]], y: int, begin: datetime, end: datetime
) -> list[str]:
    parts = []
    for start, over in spans:
        x, right = _x(start, begin, end), _x(over, begin, end)
        parts.append(
            f'<rect x="{x}" y="{y}" width="{max(right - x, 2)}" height="{_SHADE - 4}" fill="{_PERIOD[period.kind]}">'
            f"<title>{_text(f'{period.kind}: {period.name}')}</title></rect>"
        )
    x = _x(spans[0][0], begin, end)
    parts.append(f'<text x="{x + 3}" y="{y + 10}" font-size="10">{_text(f"{period.kind}: {period.name}"[:60])}</text>')
    return parts


class _Bar:
    """Where a piece of work stands in a week, with what is written on it."""

    def __init__(self, work: PlannedWork, against: Sequence[str], begin: datetime, end: datetime) -> None:
        self.work = work
        self.against = against
        self.x = _x(work.start, begin, end)
        self.width = max(_x(work.end, begin, end) - self.x, 4)
        shown = ("! " if against else "") + " ".join(part for part in (work.label, work.title) if part)
        self.shown = shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
        written = len(self.shown) * _CHAR + 8
        self.is_late = self.x + written > _WIDTH - _LEFT
        """Whether what is written ends with the bar, as there is no room to the right."""
        self.left = min(self.x, self.x + self.width - written) if self.is_late else self.x
        self.right = self.x + (self.width if self.is_late else max(self.width, written))

    def svg(self, y: int, where: tzinfo) -> str:
        """Return it as SVG, at a height."""
        work, against = self.work, self.against
        fill = _TYPE.get(work.type, "#e1bee7")
        edge = 'stroke="#b71c1c" stroke-width="2"' if against else 'stroke="#546e7a"'
        lines = [f"{work.label} {work.title}", f"{_shown(work.start, where)} to {_shown(work.end, where)}", *against]
        anchor = f'x="{self.x + self.width - 4}" text-anchor="end"' if self.is_late else f'x="{self.x + 4}"'
        return (
            f'<g class="{"conflict" if against else "planned"}"><title>{_text(chr(10).join(lines))}</title>'
            f'<rect x="{self.x}" y="{y}" width="{self.width}" height="{_BAR}" rx="4" fill="{fill}" {edge}/>'
            f'<text {anchor} y="{y + 16}">{_text(self.shown)}</text></g>'
        )


def _text(text: str) -> str:
    """Return a text that HTML and XML show as it is; characters that they cannot hold are left out."""
    return escape("".join(c for c in text if c.isprintable() or c in " \n"))


__all__ = ["schedule_html", "week_svg"]
