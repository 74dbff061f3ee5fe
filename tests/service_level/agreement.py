"""Where library and oracle must agree, as one list of checks: the mutants have to fail some of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from oracle import WEEKDAYS, Oracle

from itil4.service_level import ServiceCalendar


def every_day(*windows: tuple[str, str]) -> dict[str, Any]:
    return {day: [list(window) for window in windows] for day in WEEKDAYS}


def form(zone: str, weekly: dict[str, Any], holidays: tuple[str, ...] = (), **exceptions: Any) -> dict[str, Any]:
    dates = {key.removeprefix("on_").replace("_", "-"): windows for key, windows in exceptions.items()}
    return {"zone": zone, "weekly": weekly, "holidays": list(holidays), "exceptions": dates}


OFFICE = {day: [["09:00", "17:00"]] for day in WEEKDAYS[:5]}

JUNE = datetime(2024, 6, 2, tzinfo=UTC)

FIXED = [
    # form of the calendar, the UTC midnight before the interesting days
    (form("Europe/Paris", OFFICE, ("2024-04-01",)), datetime(2024, 3, 27, tzinfo=UTC)),
    (form("Europe/Paris", every_day(("22:00", "06:00")), ("2024-03-30",)), datetime(2024, 3, 26, tzinfo=UTC)),
    (
        form("Europe/Paris", every_day(("22:00", "06:00")), ("2024-10-27",), on_2024_10_26=[["21:00", "05:00"]]),
        datetime(2024, 10, 22, tzinfo=UTC),
    ),
    (form("Europe/Paris", every_day(("02:00", "03:00"), ("23:30", "00:15"))), datetime(2024, 3, 28, tzinfo=UTC)),
    (form("Europe/Paris", every_day(("02:30", "04:00"), ("23:00", "02:15"))), datetime(2024, 3, 28, tzinfo=UTC)),
    (form("America/New_York", every_day(("01:30", "02:30"))), datetime(2024, 10, 31, tzinfo=UTC)),
    (form("America/New_York", every_day(("00:30", "01:30"))), datetime(2024, 10, 31, tzinfo=UTC)),
    (form("Australia/Lord_Howe", every_day(("01:45", "02:15"))), datetime(2024, 4, 4, tzinfo=UTC)),
    (form("America/St_Johns", every_day(("23:00", "24:00"), ("00:00", "00:30"))), datetime(2010, 11, 4, tzinfo=UTC)),
    (form("Pacific/Apia", every_day(("20:00", "04:00"))), datetime(2011, 12, 27, tzinfo=UTC)),
    (form("Asia/Kathmandu", OFFICE, on_2024_06_05=[], on_2024_06_06=[["08:00", "10:00"]]), JUNE),
    (form("UTC", every_day(("08:00", "16:00"), ("14:00", "18:00"), ("22:00", "09:00"))), JUNE),
]  # fmt: skip

DAYS = 9


def check(definition: dict[str, Any], start: datetime, *, step: int = 97) -> None:
    """Compare all answers of a calendar with the oracle's, at minutes spread over the days after `start`."""
    calendar, oracle = ServiceCalendar.from_dict(definition), Oracle(definition, start - timedelta(days=3), DAYS + 6)
    instants = [start + timedelta(minutes=minute) for minute in range(0, DAYS * 1440, step)]
    edges = [oracle.at(m) for m in range(1, oracle.size) if oracle.open[m] != oracle.open[m - 1]]
    inside = [edge for edge in edges if start <= edge < start + timedelta(days=DAYS - 3)]
    for at in (*instants[: len(instants) * 2 // 3], *inside):
        assert calendar.is_open(at) == oracle.is_open(at), at
        for minutes in (0, 1, 60, 480, 555):
            duration = timedelta(minutes=minutes)
            for word in ("due", "late_from", "before"):
                expected = getattr(oracle, word)(at, duration)
                if expected is not None:
                    assert getattr(calendar, word)(at, duration) == expected, (word, at, minutes)
    for first, last in zip(instants, instants[7:], strict=False):
        assert calendar.elapsed(first, last) == oracle.elapsed(first, last), (first, last)
    inner = start + timedelta(days=DAYS)
    for opened, closed in calendar.windows(start, inner):
        assert oracle.elapsed(opened, closed) == closed - opened, opened
        assert opened == start or not oracle.is_open(opened - timedelta(minutes=1)), opened
        assert closed == inner or not oracle.is_open(closed), closed


def check_all() -> None:
    for definition, start in FIXED:
        check(definition, start)
