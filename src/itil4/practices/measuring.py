"""From histories to figures: what a practice measures is a table, and `measure` folds it.

A practice says what it measures as a table of `Definition` values and answers with
`measure(self, TABLE, ...)`. Histories are read one at a time, and a few words are kept of each.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput, Reason, nearest
from itil4.practices.figures import WITHOUT_HISTORY, Figure, Figures, FigureUnit, Period, Spread
from itil4.practices.stories import Movements, Story, tell
from itil4.record import PROTECTED, Actor
from itil4.value.ledger import Amount

if TYPE_CHECKING:
    from itil4.practices.base import Practice


class Tally:
    """What one figure gathers from one story after another: a few words per record, never its history."""

    __slots__ = ("basis", "left_out", "records", "values", "waiting")

    def __init__(self) -> None:
        self.records: list[str] = []
        self.values: list[Any] = []
        self.waiting: list[str] = []
        self.basis: dict[str, int] = {}
        self.left_out: dict[str, int] = {}

    def add(self, story: Story, value: Any, *basis: str) -> None:
        """Take a record in with its value, and say which times or roles it rests on."""
        self.records.append(story.reference)
        self.values.append(value)
        for each in basis:
            self.basis[each] = self.basis.get(each, 0) + 1

    def wait(self, story: Story) -> None:
        """Count a record whose outcome is still to come."""
        self.waiting.append(story.reference)

    def leave(self, story: Story, period: Period, why: str) -> None:
        """Count a record that cannot be measured, in the period of its last move."""
        if period.holds(story.moves[-1].at):
            self.left_out[why] = self.left_out.get(why, 0) + 1


Answer: TypeAlias = tuple[int | float | timedelta | Amount | None, Mapping[str, Any]]
"""The value of a figure, and further fields of it; a `reason` among them says why there is no value."""


def _hits(tally: Tally) -> tuple[str, ...]:
    return tuple(record for record, value in zip(tally.records, tally.values, strict=True) if value)


def counted(tally: Tally) -> Answer:
    """Add up whole numbers; `n` is the sum."""
    total = sum(tally.values)
    return total, {"n": total, "records": _hits(tally)}


def shared(tally: Tally) -> Answer:
    """Return the share of those that are true; they are the hits."""
    hits = _hits(tally)
    return (len(hits) / len(tally.values) if tally.values else None), {"hits": hits}


def averaged(tally: Tally) -> Answer:
    """Return the mean duration, with its spread."""
    spread = Spread.of(tally.values)
    return (spread.mean if spread else None), {"spread": spread}


def summed(tally: Tally) -> Answer:
    """Add up durations; nothing adds up to no time at all."""
    return sum(tally.values, timedelta()), {}


def weighed(tally: Tally) -> Answer:
    """Return the sum of the first durations over the sum of the second ones, each first being a part of its second."""
    whole = sum((value[1] for value in tally.values), timedelta())
    return (sum((value[0] for value in tally.values), timedelta()) / whole if whole else None), {}


Measure: TypeAlias = Callable[[Story, Period, Tally], None]


@attrs.frozen(kw_only=True)
class Definition:
    """What a figure is: how it is told to people, and how it is folded.

    Args:
        name, title, unit: as on the figure.
        definition: one sentence.
        reads: which entries and fields it looks at.
        measure: `(story, period, tally)` takes one story in.
        fold: what becomes of the tally, such as `shared`.
        word: the word of the practice's purpose that it answers to, where it does.
        steps: whether it reads steps, so that records imported without history are left out.
    """

    name: str
    title: str
    unit: FigureUnit
    definition: str
    reads: str
    measure: Measure
    fold: Callable[[Tally], Answer]
    word: str | None = None
    steps: bool = True

    def take(self, story: Story, period: Period, tally: Tally) -> None:
        """Take one story in."""
        if self.steps and not story.has_history:
            tally.leave(story, period, WITHOUT_HISTORY)
        else:
            self.measure(story, period, tally)

    def figure(self, tally: Tally) -> Figure:
        """Return the figure of what was gathered."""
        value, more = self.fold(tally)
        reason = Reason.of("nothing_measured", figure=self.title) if value is None else None
        given: dict[str, Any] = {
            "reason": reason, "n": len(tally.records), "basis": tally.basis, "left_out": tally.left_out,
            "records": tuple(tally.records), "open_records": tuple(tally.waiting), **more,
        }  # fmt: skip
        return Figure(
            name=self.name, title=self.title, definition=self.definition, unit=self.unit, value=value, **given
        )


class _Gathering:
    """The tallies of one group, or of the whole."""

    def __init__(self, definitions: Sequence[Definition]) -> None:
        self.pairs = [(each, Tally()) for each in definitions]
        self.movements = Movements()
        self.records = self.entries = self.without_history = 0

    def take(self, story: Story, period: Period) -> None:
        self.records += 1
        self.entries += len(story.entries)
        self.without_history += not story.has_history
        self.movements.take(story)
        for definition, tally in self.pairs:
            definition.take(story, period, tally)

    def figures(self, period: Period, **more: Any) -> Figures:
        return Figures(
            period=period, records=self.records, entries=self.entries, without_history=self.without_history,
            movements=self.movements, by_name={each.name: each.figure(tally) for each, tally in self.pairs}, **more,
        )  # fmt: skip


def measure(
    practice: "Practice[Any]",
    definitions: Sequence[Definition],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    split: str | Iterable[str] = (),
    by: Actor | None = None,
    excluding: Iterable[str] = (),
) -> Figures:
    """Fold the histories of a practice into its figures, one history at a time.

    Args:
        practice: whose histories, and whose lifecycle says what a state means.
        definitions: the table of figures.
        since, until: the period; see `Period`.
        split: fields whose values make groups, as they stood at the end of the period.
        by: the reader; only what they may see is counted.
        excluding: ids, numbers, or numbers in another system, of records to leave out.

    Raises:
        InvalidInput: a time has no zone, the period ends before it begins, or a field cannot be split by.
    """
    since = None if since is None else instant(since, "since")
    until = None if until is None else instant(until, "until")
    if since is not None and until is not None and since > until:
        raise InvalidInput.of("bad_period", since=since, until=until)
    if isinstance(excluding, str) or not isinstance(excluding, Iterable):
        raise InvalidInput.of("ill_typed", field="excluding", expected="a collection of references", value=excluding)
    if not isinstance(split, Iterable):
        raise InvalidInput.of("ill_typed", field="split", expected="names of fields", value=split)
    fields = _fields(practice, (split,) if isinstance(split, str) else tuple(split))
    gone = frozenset(excluding)
    period = Period(practice.desk.house.clock.now(), since, until)
    everything, groups = _Gathering(definitions), dict[tuple[Any, ...], _Gathering]()
    defaults = {name: practice.shape.fields[name].default for name in fields if name in practice.shape.fields}
    aspects = frozenset(each.name for each in practice.aspects)
    excluded = unreadable = 0
    for entries in practice.histories(by=by):
        story = tell(entries, practice.lifecycle, aspects, until)
        if story is None:
            continue
        if gone and not gone.isdisjoint(story.names):
            excluded += 1
        elif not story.moves:
            unreadable += 1
        else:
            everything.take(story, period)
            if fields:
                key = tuple(story.value(name, defaults.get(name)) for name in fields)
                groups.setdefault(key, _Gathering(definitions)).take(story, period)
    parts = tuple(
        groups[key].figures(period, where=dict(zip(fields, key, strict=True))) for key in sorted(groups, key=_order)
    )
    return everything.figures(period, excluded=excluded, unreadable=unreadable, groups=parts)


_KEYS = PROTECTED - {"state"}
"""Fields that tell one record from another, and so make no groups."""


def _fields(practice: "Practice[Any]", names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        field = practice.shape.get(name) if isinstance(name, str) else None
        if field is None or not field.sortable or name in _KEYS:
            known = sorted(each for each, held in practice.shape.fields.items() if held.sortable and each not in _KEYS)
            raise InvalidInput.of("bad_split", record=practice.kind, field=name, nearest=nearest(name, known))
    return tuple(dict.fromkeys(names))


def _order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((value is not None, value) for value in key)
