"""Records that are made again and again: a rule, an anchor and a zone say when.

The rule is an RRULE of RFC 5545, read by python-dateutil (`pip install 'itil4[recurring]'`). Occurrences are wall
times of the zone, so a nine o'clock check stays at nine when the clocks change; a wall time that is skipped is the
change itself, and one that comes twice is its first pass.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Self

import attrs

from itil4.errors import DefinitionError, InvalidInput, MissingExtra, nearest
from itil4.record import Frozen
from itil4.service_level.zone import find_zone, micro, moment, zone_between

_LONGEST_MONTHS = 28
_UNTIL = re.compile(r"(UNTIL=)(\d{8}T\d{6})Z", re.IGNORECASE)


def _zone(value: object) -> str:
    find_zone(value)
    return str(value)


@attrs.frozen(kw_only=True)
class Recurrence:
    """A record that is made at each occurrence of a rule: exactly one for each, however often it is asked for.

    Args:
        name: unique in a policy, and never used for another rule later.
        rule: an RRULE such as `FREQ=WEEKLY;BYDAY=MO`, without DTSTART. UNTIL may be a wall time or UTC.
        start: the anchor, as a wall time of the zone (no time zone of its own); also the first occurrence.
            A monthly rule that is anchored on a day that some months lack falls on the last day of those.
        zone: the IANA name of the zone.
        records: the kind of the records that are made, such as `incident`.
        values: their fields.
        not_before: occurrences before this instant make nothing.

    >>> ends = Recurrence(name="books", rule="FREQ=MONTHLY", start=datetime(2026, 1, 31, 9), zone="Europe/Paris")
    >>> [each.isoformat() for each in ends.between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))]
    ['2026-01-31T08:00:00+00:00', '2026-02-28T08:00:00+00:00', '2026-03-31T07:00:00+00:00']

    Raises:
        DefinitionError: the rule or the start cannot be read.
        MissingExtra: python-dateutil is not installed.
    """

    name: str
    rule: str
    start: datetime
    zone: str = attrs.field(default="UTC", converter=_zone)
    records: str = "incident"
    values: Mapping[str, Any] = attrs.field(factory=Frozen, converter=Frozen, hash=False)
    not_before: datetime | None = None

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or len(self.name) > 100:
            raise DefinitionError.of(
                "ill_typed", field="name", expected="a name of up to 100 characters", value=self.name
            )
        if not isinstance(self.start, datetime) or self.start.tzinfo is not None:
            raise DefinitionError.of(
                "ill_typed", field="start", expected=f"a wall time of {self.zone}, without a zone", value=self.start
            )
        if "DTSTART" in str(self.rule).upper():
            raise DefinitionError.of("ill_typed", field="rule", expected="an RRULE without DTSTART", value=self.rule)
        self._compiled  # noqa: B018 - read here, so that a rule that cannot be read is refused here

    @cached_property
    def _compiled(self) -> Any:
        try:
            from dateutil.rrule import rrulestr
        except ImportError as error:
            raise MissingExtra.of(
                "missing_extra", what="a recurrence", package="python-dateutil", extra="recurring"
            ) from error
        try:
            return rrulestr(self._anchored(), dtstart=self.start)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise DefinitionError.of("unreadable", field="rule", format="an RRULE", error=str(error)) from None

    def _anchored(self) -> str:
        """Return the rule with the last day of short months where the anchor's day is lacking.

        Left alone, an RRULE would leave those months out; adding months one by one would stay at the 28th for ever.
        """
        rule = _UNTIL.sub(self._until, self.rule.removeprefix("RRULE:"))
        parts = dict(part.split("=", 1) for part in rule.upper().split(";") if "=" in part)
        days = {"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "BYEASTER"}
        if self.start.day <= _LONGEST_MONTHS or not days.isdisjoint(parts):
            return rule
        last = ",".join(str(day) for day in range(_LONGEST_MONTHS, self.start.day + 1))
        if parts.get("FREQ") == "MONTHLY":
            return f"{rule};BYMONTHDAY={last};BYSETPOS=-1"
        if parts.get("FREQ") == "YEARLY" and "BYMONTH" not in parts:
            return f"{rule};BYMONTH={self.start.month};BYMONTHDAY={last};BYSETPOS=-1"
        return rule

    def _until(self, found: re.Match[str]) -> str:
        """Return the end of a rule, which calendars write in UTC, as a wall time of the zone like all else."""
        until = datetime.strptime(found[2], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).astimezone(find_zone(self.zone))
        return f"{found[1]}{until:%Y%m%dT%H%M%S}"

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the occurrences from `start` on and before `end`, in UTC."""
        low = micro(start if self.not_before is None else max(start, self.not_before), "start")
        high = micro(end, "end")
        # a day earlier and a look at each: the zone's offset is not known before the wall time is
        wall = moment(low).replace(tzinfo=None) - timedelta(days=2)
        for local in self._compiled.xafter(wall, inc=True):
            at = self.reached(local)
            if at >= high:
                return
            if at >= low:
                yield moment(at)

    def after(self, at: datetime) -> datetime | None:
        """Return the first occurrence after an instant, or None when there is none."""
        end = datetime(9998, 1, 1, tzinfo=UTC)
        return next(self.between(at + timedelta(microseconds=1), end), None)

    def reached(self, local: datetime) -> int:
        """Return when the zone's clock first shows a wall time, in microseconds since 1970."""
        year = local.year
        return zone_between(self.zone, year - 1, year + 1).reach(micro(local.replace(tzinfo=UTC)))

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Self:
        """Read the plain form; `start` may be text such as `2026-01-31T09:00`."""
        known = [field.name for field in attrs.fields(cls)]
        for key in form:
            if key not in known:
                raise DefinitionError.of("unknown_field", record="Recurrence", field=key, nearest=nearest(key, known))
        values = dict(form)
        if isinstance(values.get("start"), str):
            try:
                values["start"] = datetime.fromisoformat(values["start"])
            except ValueError as error:
                raise InvalidInput.of(
                    "unreadable", field="start", format="a wall time such as 2026-01-31T09:00", error=str(error)
                ) from None
        return cls(**values)
