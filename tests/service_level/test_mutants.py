"""Ten ways to break the calendar that people have broken theirs: the checks catch each of them."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from agreement import check_all

from itil4.service_level import calendar as calendar_room
from itil4.service_level import hours, timeline, zone
from itil4.service_level.timeline import EVER, Table, Timeline, pieces
from itil4.service_level.zone import DAY, Zone

Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def fresh_zones() -> Any:
    """No mutant may see a zone that another one has read."""
    zone.zone_between.cache_clear()
    yield
    zone.zone_between.cache_clear()


def fixed_offset(patch: Patch) -> None:
    first = zone._offset
    patch.setattr(zone, "_offset", lambda tz, at: first(tz, 0))


def hours_in_utc(patch: Patch) -> None:
    patch.setattr(zone, "_offset", lambda tz, at: 0)


def no_overnight_tail(patch: Patch) -> None:
    patch.setattr(timeline, "pieces", lambda week: pieces([[(a, min(b, DAY)) for a, b in day] for day in week]))


def no_holidays(patch: Patch) -> None:
    original = Timeline.__init__

    def init(self: Any, tz: str, week: Any, closed: Any, extra: Any, label: str) -> None:
        original(self, tz, week, [day for day, _ in extra], extra, label)

    patch.setattr(Timeline, "__init__", init)


def exceptions_add_to_the_week(patch: Patch) -> None:
    original = Timeline.__init__

    def init(self: Any, tz: str, week: Any, closed: Any, extra: Any, label: str) -> None:
        dates: set[date] = {day for day, _ in extra}
        original(self, tz, week, [day for day in closed if day not in dates], extra, label)

    patch.setattr(Timeline, "__init__", init)


def due_rolls_to_the_next_opening(patch: Patch) -> None:
    patch.setattr(Timeline, "due", Timeline.late_from)


def late_from_is_due(patch: Patch) -> None:
    patch.setattr(Timeline, "late_from", Timeline.due)


def closing_time_is_open(patch: Patch) -> None:
    original = Timeline.is_open
    patch.setattr(Timeline, "is_open", lambda self, at: original(self, at) or original(self, at - 1))


def overlaps_count_twice(patch: Patch) -> None:
    def joined(spans: Any) -> Any:
        return sorted((a, b) for a, b in spans if a < b)

    patch.setattr(timeline, "merged", joined)


def second_pass_of_a_fold(patch: Patch) -> None:
    original = Zone.reach

    def reach(self: Any, wall: int) -> int:
        at = original(self, wall)
        for changed, offset in zip(self._at, self._offset, strict=True):
            if at < changed <= wall - offset:
                return wall - offset
        return at

    patch.setattr(Zone, "reach", reach)
    patch.setattr(Zone, "steady", lambda self, wall: (0, wall))


def gap_pushes_an_hour_on(patch: Patch) -> None:
    def reach(self: Any, wall: int) -> int:
        i = max(n for n, after in enumerate(self._after) if n == 0 or after <= wall)
        gap = wall - self._offset[i] < self._at[i]
        return wall - self._offset[i - 1 if gap else i]

    patch.setattr(Zone, "reach", reach)


def a_night_shift_stops_at_midnight_of_its_own_holiday(patch: Patch) -> None:
    original = Timeline._part

    def part(self: Any, first: int, last: int) -> Table:
        late = {day + 1 for day in self._closed if self._week[timeline.weekday(day + 1)][:1] == ((0, 6 * DAY // 24),)}
        self._closed = self._closed | late
        return original(self, first, last)

    patch.setattr(Timeline, "_part", part)


def the_end_of_a_day_is_lost(patch: Patch) -> None:
    original = hours.spans
    patch.setattr(calendar_room.hours, "spans", lambda windows: [(a, b) for a, b in original(windows) if b != DAY])


def before_looks_one_closing_too_far(patch: Patch) -> None:
    original = Timeline.before

    def before(self: Any, end: int, duration: int) -> int:
        at = original(self, end, duration)
        return at if self.windows(at - 1, at) or duration == 0 or at <= -EVER else self.last_close(at)

    patch.setattr(Timeline, "before", before)


MUTANTS: list[Callable[[Patch], None]] = [
    fixed_offset,
    hours_in_utc,
    no_overnight_tail,
    no_holidays,
    exceptions_add_to_the_week,
    due_rolls_to_the_next_opening,
    late_from_is_due,
    closing_time_is_open,
    overlaps_count_twice,
    second_pass_of_a_fold,
    gap_pushes_an_hour_on,
    a_night_shift_stops_at_midnight_of_its_own_holiday,
    the_end_of_a_day_is_lost,
    before_looks_one_closing_too_far,
]


def test_the_calendar_as_it_is_passes_every_check() -> None:
    """Library and oracle agree on a dozen calendars, over clock changes, holidays, night shifts and a lost day."""
    check_all()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_broken_calendar_is_caught(mutant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    """Each way to break the calendar fails at least one check."""
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        check_all()
