"""Holidays from the package `holidays` and from iCalendar files, both optional."""

import sys
from datetime import date

import pytest
from shared_cases import SHARED

from itil4.errors import InvalidInput, MissingExtra
from itil4.service_level.holiday import ical_holidays, public_holidays

ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VEVENT
UID:1@example
DTSTART;VALUE=DATE:20200101
SUMMARY:New Year
RRULE:FREQ=YEARLY
EXDATE;VALUE=DATE:20270101
END:VEVENT
BEGIN:VEVENT
UID:2@example
DTSTART;VALUE=DATE:20261224
DTEND;VALUE=DATE:20261227
SUMMARY:Christmas
END:VEVENT
BEGIN:VEVENT
UID:3@example
DTSTART:20260310T090000Z
SUMMARY:A meeting closes nothing
END:VEVENT
BEGIN:VEVENT
UID:4@example
DTSTART;VALUE=DATE:20260501
STATUS:CANCELLED
END:VEVENT
BEGIN:VEVENT
UID:5@example
DTSTART;VALUE=DATE:20260701
DURATION:P2D
RDATE;VALUE=DATE:20260901
END:VEVENT
END:VCALENDAR
"""


def test_all_day_events_are_holidays() -> None:
    """Several days, yearly rules, extra and excepted dates are followed; times of day and cancelled events are not."""
    pytest.importorskip("icalendar")
    assert ical_holidays(ICS, date(2026, 1, 1), date(2028, 12, 31)) == (
        date(2026, 1, 1),
        date(2026, 7, 1),
        date(2026, 7, 2),
        date(2026, 9, 1),
        date(2026, 9, 2),
        date(2026, 12, 24),
        date(2026, 12, 25),
        date(2026, 12, 26),
        date(2028, 1, 1),
    )


def test_rules_without_end_and_files_that_are_none_do_not_hang() -> None:
    """A rule that recurs for ever is followed to the last date asked for; other text is refused."""
    pytest.importorskip("icalendar")
    daily = ICS.replace("FREQ=YEARLY", "FREQ=DAILY")
    assert len(ical_holidays(daily, date(2026, 1, 1), date(2026, 12, 31))) == 365
    bounded = ICS.replace("FREQ=YEARLY", "FREQ=YEARLY;UNTIL=20271231T230000Z")
    assert ical_holidays(bounded, date(2028, 1, 1), date(2028, 12, 31)) == ()
    for text in ("", "no calendar", ICS.replace("FREQ=YEARLY", "FREQ=SOMETIMES"), ICS.replace("20200101", "2020")):
        with pytest.raises(InvalidInput):
            ical_holidays(text, date(2026, 1, 1), date(2026, 1, 2))
    sample = SHARED / "data" / "samples" / "change_freeze.ics"
    if sample.exists():
        assert ical_holidays(sample.read_bytes(), date(2026, 1, 1), date(2027, 12, 31)) == ()


def test_public_holidays_come_from_the_package() -> None:
    """Countries and their parts; what the package does not know is refused."""
    pytest.importorskip("holidays")
    france = public_holidays("FR", [2026])
    assert date(2026, 7, 14) in france and list(france) == sorted(france)
    assert date(2026, 1, 6) in public_holidays("DE", [2026], subdivision="BY")
    for country, part in (("XX", None), ("DE", "QQ")):
        with pytest.raises(InvalidInput, match="ISO 3166"):
            public_holidays(country, [2026], subdivision=part)


def test_a_missing_package_names_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install, and importing the room needs neither package."""
    for package, call in (
        ("holidays", lambda: public_holidays("FR", [2026])),
        ("icalendar", lambda: ical_holidays(ICS, date(2026, 1, 1), date(2026, 1, 2))),
    ):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingExtra, match="pip install 'itil4"):
            call()
