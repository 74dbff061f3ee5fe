"""Figures: named answers that are folded from history, with what stands behind each.

The values that every practice answers with. Nothing is divided by nothing: a figure that cannot be
told is None, with the reason. How they are made is in `measuring`, what they read in `stories`; see
`incident_figures` for a practice that has some.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import attrs

from itil4.errors import DefinitionError, Reason, nearest
from itil4.practices.stories import Movements
from itil4.record import Frozen
from itil4.value.ledger import Amount

FigureUnit: TypeAlias = Literal["count", "share", "seconds", "points", "money"]
"""Counts are whole and never negative, shares lie in [0, 1], seconds are a timedelta in calendar time, points lie in
[-100, 100], and money is an `Amount` of one currency.
"""

WIDTH = 80
WITHOUT_HISTORY = "imported without history"


@attrs.frozen
class Period:
    """What happened from `since` on and before `until`, so that periods in a row miss and share nothing.

    `until` also cuts history: the figures are those that would have been told at that moment.
    `now` is when they are told; `end` is the earlier of the two.
    """

    now: datetime
    since: datetime | None = None
    until: datetime | None = None

    @property
    def end(self) -> datetime:
        """The moment up to which what is still running has run."""
        return self.now if self.until is None else min(self.now, self.until)

    def holds(self, at: datetime) -> bool:
        """Say whether a moment lies in the period."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)

    def touches(self, start: datetime, stop: datetime | None) -> bool:
        """Say whether an interval, or a moment, has anything in the period; one without a stop goes on."""
        if self.until is not None and start >= self.until:
            return False
        return self.since is None or stop is None or stop > self.since or start >= self.since

    def part(self, start: datetime, stop: datetime) -> timedelta:
        """Return how much of an interval lies in the period."""
        start = start if self.since is None else max(start, self.since)
        return max(min(stop, self.end) - start, timedelta())


@attrs.frozen
class Spread:
    """How durations are spread: calendar time; percentiles by nearest rank, so that each is one of them.

    >>> Spread.of([timedelta(hours=each) for each in (1, 2, 3, 10)]).p50
    datetime.timedelta(seconds=7200)
    """

    mean: timedelta
    p50: timedelta
    p90: timedelta
    max: timedelta

    @classmethod
    def of(cls, durations: Iterable[timedelta]) -> "Spread | None":
        """Return the spread, or None of nothing."""
        ranked = sorted(durations)
        if not ranked:
            return None
        return cls(sum(ranked, timedelta()) / len(ranked), *(nearest_rank(ranked, each) for each in (50, 90, 100)))

    def hours(self) -> dict[str, float]:
        """Return it in hours, rounded to three places."""
        return {name: round(value / _HOUR, 3) for name, value in self.to_dict(plain=False).items()}

    def to_dict(self, *, plain: bool = True) -> dict[str, Any]:
        """Return mean, p50, p90 and max, in seconds or as they are."""
        held = {"mean": self.mean, "p50": self.p50, "p90": self.p90, "max": self.max}
        return {name: value.total_seconds() for name, value in held.items()} if plain else held


_HOUR = timedelta(hours=1)


def nearest_rank(ranked: Sequence[timedelta], percent: int) -> timedelta:
    """Return the smallest value that at least `percent` of the ranked values do not exceed."""
    return ranked[max(-(-percent * len(ranked) // 100) - 1, 0)]


@attrs.frozen(kw_only=True)
class Figure:
    """One figure, and what stands behind it.

    Attributes:
        name, title, definition, unit: what it is.
        value: a whole number, a share, a timedelta in calendar time, points or an amount of money; None where it cannot
            be told.
        reason: why it cannot be told, where it cannot.
        n: how many records (or entries, where the definition says so) stand behind it.
        spread: mean, median, 90th percentile and maximum, where it is about durations.
        basis: which times or roles were used and how often, told ones apart from implied ones.
        left_out: why records could not be measured, and how many.
        records: the references of those that were; `hits` of those that made the share.
        open_records: of those whose outcome is still to come.
    """

    name: str
    title: str
    definition: str
    unit: FigureUnit
    value: int | float | timedelta | Amount | None
    reason: Reason | None = None
    n: int = 0
    spread: Spread | None = None
    basis: Mapping[str, int] = attrs.field(factory=Frozen, converter=Frozen)
    left_out: Mapping[str, int] = attrs.field(factory=Frozen, converter=Frozen)
    records: tuple[str, ...] = attrs.field(default=(), repr=False)
    hits: tuple[str, ...] = attrs.field(default=(), repr=False)
    open_records: tuple[str, ...] = attrs.field(default=(), repr=False)

    def __attrs_post_init__(self) -> None:
        wrong = (
            (self.value is None) != (self.reason is not None)
            or (self.unit == "share" and self.value is not None and not 0 <= self.value <= 1)  # type: ignore[operator]
            or (self.unit == "count" and (type(self.value) is not int or self.value < 0))
            or (self.unit == "seconds" and self.value is not None and not isinstance(self.value, timedelta))
            or (self.unit == "points" and self.value is not None and not -100 <= self.value <= 100)  # type: ignore[operator]
            or (self.unit == "money" and self.value is not None and not isinstance(self.value, Amount))
        )
        if wrong:
            raise DefinitionError.of("bad_figure", figure=self.name, unit=self.unit, value=self.value)

    @property
    def open(self) -> int:
        """How many records have their outcome still to come; a good figure with many of them says little."""
        return len(self.open_records)

    @property
    def shown(self) -> str:
        """The value for people."""
        if self.value is None:
            return "-"
        if isinstance(self.value, timedelta):
            return shown_duration(self.value)
        if isinstance(self.value, Amount):
            return f"{self.value.value:,.2f} {self.value.unit}"
        if self.unit == "points":
            return f"{self.value:+.0f}"
        return f"{self.value:.1%}" if self.unit == "share" else f"{self.value:,}"

    def to_dict(self, *, records: bool = False) -> dict[str, Any]:
        """Return plain data, with the references behind it where `records` asks for them.

        Durations are seconds, and money is a text such as `1200.00 EUR`, so that no digit is lost.
        """
        plain: dict[str, Any] = {
            "name": self.name,
            "title": self.title,
            "unit": self.unit,
            "value": _told(self.value),
            "reason": self.reason.message if self.reason else None,
            "n": self.n,
            "open": self.open,
            "hits": len(self.hits),
            "spread": self.spread.to_dict() if self.spread else None,
            "basis": dict(self.basis),
            "left_out": dict(self.left_out),
            "definition": self.definition,
        }
        if records:
            plain |= {"records": [*self.records], "hit_records": [*self.hits], "open_records": [*self.open_records]}
        return plain

    def text(self) -> str:
        """Return all of it but the records as lines of at most 80 columns."""
        lines = [f"{self.title}: {self.shown}  (n {self.n:,}, open {self.open:,})"]
        if self.spread is not None:
            held = self.spread.to_dict(plain=False)
            lines.append("  " + ", ".join(f"{name} {shown_duration(value)}" for name, value in held.items()))
        parts = [self.definition, *([str(self.reason)] if self.reason else [])]
        parts += [f"{name}: {count:,}" for name, count in self.basis.items()]
        parts += [f"left out, {name}: {count:,}" for name, count in self.left_out.items()]
        return "\n".join(lines[:1] + [each for part in (*lines[1:], *parts) for each in _wrapped(part.strip())])

    def explain(self) -> str:
        """Return all of it, down to the references of the records, as lines of at most 80 columns."""
        known = (
            ("Records", self.records), ("Of these, counted as yes", self.hits), ("Still to come", self.open_records),
        )  # fmt: skip
        told = [_wrapped(f"{name}: {', '.join(found)}") for name, found in known if found]
        return "\n".join([self.text(), *(line for lines in told for line in lines)])

    def __str__(self) -> str:
        return f"{self.title}: {self.shown} (n {self.n}, open {self.open})"


def _told(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return f"{value.value:f} {value.unit}" if isinstance(value, Amount) else value


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")


def shown_duration(duration: timedelta) -> str:
    """Return calendar time in its two largest units.

    >>> shown_duration(timedelta(hours=50, minutes=7)), shown_duration(timedelta(minutes=90))
    ('2 d 2 h', '1 h 30 min')
    """
    seconds = round(duration.total_seconds())
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days:
        return f"{days:,} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


@attrs.frozen(kw_only=True)
class Figures(Mapping[str, Figure]):
    """The figures of a practice over a period: a mapping from names to figures, in the order of their table.

    Attributes:
        period: what they are about.
        records, entries: how many were read, after what was left out.
        excluded: records left out because the caller said so.
        unreadable: records left out because they were in a state that the lifecycle no longer has.
        without_history: records that came in their last state; they are in no duration.
        movements: the steps behind the figures, by state names.
        where: the values that the records of a group share; empty for the whole.
        groups: the same figures for each combination of values of the fields to split by.
    """

    period: Period
    records: int
    entries: int
    excluded: int = 0
    unreadable: int = 0
    without_history: int = 0
    movements: Movements
    by_name: Mapping[str, Figure] = attrs.field(converter=Frozen)
    where: Mapping[str, Any] = attrs.field(factory=Frozen, converter=Frozen)
    groups: tuple["Figures", ...] = ()

    def __getitem__(self, name: str) -> Figure:
        try:
            return self.by_name[name]
        except KeyError:
            near = nearest(name, self.by_name)
            raise KeyError(f"There is no figure {name!r}." + (f" Did you mean {near}?" if near else "")) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)

    def to_dict(self, *, records: bool = False) -> dict[str, Any]:
        """Return plain data that any JSON encoder takes."""
        since, until = self.period.since, self.period.until
        plain: dict[str, Any] = {
            "since": since.isoformat() if since else None,
            "until": until.isoformat() if until else None,
            "told_at": self.period.end.isoformat(),
            "time": "calendar",
            "records": self.records,
            "entries": self.entries,
            "excluded": self.excluded,
            "unreadable": self.unreadable,
            "without_history": self.without_history,
            "where": {name: _plain(value) for name, value in self.where.items()},
            "figures": {name: figure.to_dict(records=records) for name, figure in self.items()},
            **self.movements.to_dict(),
        }
        if self.groups:
            plain["groups"] = [group.to_dict(records=records) for group in self.groups]
        return plain

    def rows(self) -> Iterator[dict[str, Any]]:
        """Return one flat row per figure, and per group and figure, for tables and CSV; durations in seconds."""
        fields = self.groups[0].where if self.groups else self.where
        for part in (self, *self.groups):
            for figure in part.values():
                told = figure.to_dict()
                spread = told["spread"] or dict.fromkeys(("mean", "p50", "p90", "max"))
                shown = {name: _plain(part.where.get(name)) for name in fields}
                scope = {"scope": "group" if part.where else "all", **shown}
                yield {**scope, **{name: told[name] for name in _COLUMNS}, **spread, "reason": told["reason"]}

    def text(self) -> str:
        """Return a table of 80 columns, group by group."""
        lines = []
        if not self.where:
            since, until = self.period.since, self.period.end
            begin = f"from {since:%Y-%m-%d %H:%M} " if since else ""
            lines.append(f"Figures {begin}to {until:%Y-%m-%d %H:%M} UTC, in calendar time")
            counts = {
                "records": self.records,
                "entries": self.entries,
                "excluded": self.excluded,
                "in unknown states": self.unreadable,
                WITHOUT_HISTORY: self.without_history,
            }
            told = "; ".join(f"{what}: {n:,}" for what, n in counts.items() if n or what == "records")
            lines += textwrap.wrap(told, WIDTH)
        else:
            told = ", ".join(f"{name} {'-' if value is None else value}" for name, value in self.where.items())
            lines += ["", _cut(f"{told}; records: {self.records:,}", WIDTH)]
        lines.append(f"{'':35}{'value':>13}{'median':>13}{'n':>10}{'open':>9}")
        for figure in self.values():
            median = shown_duration(figure.spread.p50) if figure.spread else ""
            lines.append(f"{_cut(figure.title, 34):35}{figure.shown:>13}{median:>13}{figure.n:>10,}{figure.open:>9,}")
        return "\n".join([*lines, *(group.text() for group in self.groups)])

    def __str__(self) -> str:
        return self.text()


_COLUMNS = ("name", "title", "unit", "value", "n", "open", "hits")


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
