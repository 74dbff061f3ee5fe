"""Times of other systems: text in some form, often without a zone, as instants in UTC."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from itil4.errors import InvalidInput
from itil4.service_level.zone import find_zone

_NUMBERS = {
    "%d": ("day", r"\d{1,2}"), "%m": ("month", r"\d{1,2}"), "%Y": ("year", r"\d{4}"), "%H": ("hour", r"\d{1,2}"),
    "%M": ("minute", r"\d{1,2}"), "%S": ("second", r"\d{1,2}"),
}  # fmt: skip
_DISTINCT = 20_000


class Moment(NamedTuple):
    """An instant; where the clocks went back and the text fits two, `second` is the later one."""

    first: datetime
    second: datetime | None = None


class TimeReader:
    """Reads times of one form in one zone.

    >>> read = TimeReader("%d/%m/%Y %H:%M", "Europe/Paris")
    >>> read("9/3/2016 08:57").first.isoformat()
    '2016-03-09T07:57:00+00:00'

    Args:
        form: as `strptime` has it, or `iso`.
        zone: of texts that name none.

    Raises:
        InvalidInput: the zone is unknown.
    """

    def __init__(self, form: str, zone: str) -> None:
        self.form = form
        self.zone_name = zone
        self.zone = find_zone(zone)
        self._parse = _parser(form)
        self._known = lru_cache(_DISTINCT)(self._read)

    def __call__(self, text: str) -> Moment:
        """Return the instant that a text names.

        Raises:
            InvalidInput: it has another form, or names an hour that the zone skipped.
        """
        return self._known(text)

    def _read(self, text: str) -> Moment:
        try:
            return self._moment(self._parse(text), text)
        except (ValueError, OverflowError) as error:  # the latter at either end of the calendar
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput.of("bad_time", value=text, form=self.form) from error

    def _moment(self, told: datetime, text: str) -> Moment:
        if told.tzinfo is not None:
            return Moment(told.astimezone(UTC))
        if self.zone is UTC:
            return Moment(told.replace(tzinfo=UTC))
        first = told.replace(tzinfo=self.zone).astimezone(UTC)
        second = told.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        if first == second:
            return Moment(first)
        if first > second:  # a gap: the two readings cross
            raise InvalidInput.of("skipped_time", value=text, zone=self.zone_name)
        return Moment(first, second)


def _parser(form: str) -> Callable[[str], datetime]:
    """Return the fastest reader of a form; forms of plain numbers need no strptime."""
    if form == "iso":
        return datetime.fromisoformat
    pattern, names = "", []
    for part in re.findall(r"%.|[^%]+", form):
        if part in _NUMBERS:
            name, digits = _NUMBERS[part]
            names.append(name)
            pattern += f"({digits})"
        elif part.startswith("%"):
            return lambda text: datetime.strptime(text, form)
        else:
            pattern += re.escape(part)
    if {"year", "month", "day"} - set(names) or len(set(names)) < len(names):
        return lambda text: datetime.strptime(text, form)
    match = re.compile(pattern, re.ASCII).fullmatch

    def parse(text: str) -> datetime:
        found = match(text)
        if found is None:
            raise ValueError(text)
        return datetime(**dict(zip(names, map(int, found.groups()), strict=True)))  # type: ignore[arg-type]  # all are numbers

    return parse
