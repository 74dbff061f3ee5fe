"""Why a clock says what it says: every interval with the reason why it counted or not."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from itil4.errors import Reason
from itil4.service_level.timeline import number
from itil4.service_level.zone import DAY, find_zone, micro, moment

if TYPE_CHECKING:
    from itil4.service_level.calendar import ServiceCalendar

Spell: TypeAlias = tuple[int, int, str, tuple[str, ...]]
"""From when, to when, what the clock was doing, and who held it."""

_COLOUR = {
    "counted": "#2f6f4f",
    "continued": "#7fb69a",
    "closed": "#d9d9d9",
    "closed_date": "#bfbfbf",
    "paused": "#e0b04c",
    "held": "#e0b04c",
    "stopped": "#9db4d0",
    "cancelled": "#c9a3a3",
    "dropped": "#f0e6d6",
}


@attrs.frozen(kw_only=True)
class Interval:
    """A stretch of a clock's life, `[start, end)`, and why it counted or not."""

    start: datetime
    end: datetime
    counted: bool
    reason: Reason

    @property
    def why(self) -> str:
        """The reason as one word, such as counted, continued, closed, paused, held, stopped or dropped."""
        return self.reason.code.removeprefix("interval_")

    @property
    def length(self) -> timedelta:
        """Its length in elapsed time."""
        return self.end - self.start

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that any JSON encoder takes."""
        return {
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "counted": self.counted,
            "why": self.why,
            "reason": self.reason.to_dict(),
        }


@attrs.frozen(kw_only=True)
class Explanation:
    """The intervals of a clock in the order of time. What counted adds up to what was consumed.

    Prints as text in the local time of the calendar; `svg()` draws a timeline.
    """

    label: str
    zone: str
    asof: datetime
    intervals: tuple[Interval, ...]
    due: datetime | None = None

    @property
    def consumed(self) -> timedelta:
        """The service time that counted."""
        return sum((item.length for item in self.intervals if item.counted), timedelta())

    def __str__(self) -> str:
        lines = [f"{self.label} as of {self._local(self.asof)}"]
        for item in self.intervals:
            ends = f"{self._local(item.start)}  {self._local(item.end)}"
            lines.append(f"{ends}  {item.length}  {item.reason.message}")
        return "\n".join([*lines, f"consumed {self.consumed}"])

    def svg(self, width: int = 720) -> str:
        """Return a small SVG timeline: a bar with one block per interval, and a line where the target falls due.

        Args:
            width: in pixels. Each block names its interval when pointed at.
        """
        size = f'width="{width}" height="72"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="sans-serif">'
        title = escape(f"{self.label}: consumed {self.consumed}")
        parts = [head, f"<title>{title}</title>", f'<text x="4" y="14" font-size="12">{title}</text>']
        if self.intervals:
            first = self.intervals[0].start
            last = max(self.intervals[-1].end, self.due or self.asof)
            whole = (last - first) / timedelta(seconds=1) or 1.0

            def place(at: datetime) -> float:
                return round(4 + (width - 8) * ((at - first) / timedelta(seconds=1)) / whole, 2)

            for item in self.intervals:
                x, end = place(item.start), place(item.end)
                words = escape(f"{self._local(item.start)} to {self._local(item.end)}: {item.reason.message}")
                parts.append(
                    f'<rect x="{x}" y="22" width="{round(end - x, 2)}" height="24" fill="{_COLOUR[item.why]}">'
                    f"<title>{words}</title></rect>"
                )
            if self.due is not None:
                x = place(self.due)
                parts.append(f'<line x1="{x}" y1="18" x2="{x}" y2="50" stroke="#b00020" stroke-width="2"/>')
            parts.append(f'<text x="4" y="64" font-size="11">{escape(self._local(first))}</text>')
            parts.append(
                f'<text x="{width - 4}" y="64" font-size="11" text-anchor="end">{escape(self._local(last))}</text>'
            )
        return "\n".join([*parts, "</svg>"])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that any JSON encoder takes."""
        return {
            "label": self.label,
            "zone": self.zone,
            "asof": self.asof.isoformat(),
            "due": None if self.due is None else self.due.isoformat(),
            "consumed_seconds": self.consumed.total_seconds(),
            "intervals": [item.to_dict() for item in self.intervals],
        }

    def _local(self, at: datetime) -> str:
        local = at.astimezone(find_zone(self.zone))
        return local.isoformat(timespec="seconds" if local.second or local.microsecond else "minutes")


def explanation(
    calendar: "ServiceCalendar",
    spells: Sequence[Spell],
    dropped: int,
    label: str,
    asof: datetime,
    due: datetime | None,
) -> Explanation:
    """Cut the spells of a clock at the opening hours and say of each piece why it counted or not."""
    found: list[Interval] = []
    wall = calendar.timeline.wall
    special = [(day, number(day)) for day in sorted({*calendar.holidays, *calendar.exceptions})]
    for index, (start, end, kind, holders) in enumerate(spells):
        if start == end:
            continue
        if index < dropped:
            found.append(_interval(start, end, False, "dropped"))
        elif kind in ("running", "continued"):
            why = "counted" if kind == "running" else "continued"
            at = start
            for opened, closed in [*calendar.timeline.windows(start, end), (end, end)]:
                if at < opened:
                    dates = tuple(
                        day.isoformat()
                        for day, n in special
                        # most dates are far away, and the exact test has to look at the zone
                        if (n - 2) * DAY < opened and at < (n + 3) * DAY and wall(n, 0) < opened and at < wall(n, DAY)
                    )
                    if dates:
                        found.append(_interval(at, opened, False, "closed_date", dates=dates))
                    else:
                        found.append(_interval(at, opened, False, "closed"))
                if opened < closed:
                    found.append(_interval(opened, closed, True, why))
                at = closed
        elif kind == "paused" and any(holders):
            found.append(_interval(start, end, False, "held", sources=tuple(filter(None, holders))))
        else:
            found.append(_interval(start, end, False, kind))
    return Explanation(label=label, zone=calendar.zone, asof=asof, intervals=tuple(found), due=due)


def counted_between(intervals: Iterable[Interval], start: datetime, end: datetime) -> timedelta:
    """Return the time that counted within a period, for figures that are cut at month ends."""
    first, last = micro(start, "start"), micro(end, "end")
    total = 0
    for item in intervals:
        if item.counted:
            total += max(min(micro(item.end), last) - max(micro(item.start), first), 0)
    return timedelta(microseconds=total)


def _interval(start: int, end: int, counted: bool, why: str, **detail: Any) -> Interval:
    reason = Reason.of(f"interval_{why}", **detail)
    return Interval(start=moment(start), end=moment(end), counted=counted, reason=reason)
