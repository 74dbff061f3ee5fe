"""Recurrence: which incidents come again and again, so that a problem is worth logging.

The measure is a count: how many incidents of a period share the same values. Counting methods, in
the core, and nothing learned; each proposal names the incidents behind it.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from itil4.errors import InvalidInput, nearest
from itil4.practices.wording import lasting, telling

DIMENSIONS = ("category", "service", "item", "wording")
"""What incidents are grouped by; `wording` is made of their words, the others are fields."""

_KNOWN = ("category", "subcategory", "symptom", "service", "item", "location", "group", "wording")
_WORDS = 3


@attrs.frozen
class Candidate:
    """A group of incidents that may have one cause.

    Attributes:
        key: what they have in common: field -> value; what is unknown is left out.
        incidents: their references, the oldest first; `ids` are their ids.
        traced: how many of them are linked to a problem already.
        first_at, last_at: when the first and the last of them were logged.
        days: on how many days (in UTC) one of them was logged.
        share: their part of all incidents of the period, from 0 to 1.
    """

    key: Mapping[str, str]
    incidents: tuple[str, ...] = attrs.field(repr=False)
    ids: tuple[str, ...] = attrs.field(repr=False)
    traced: int
    first_at: datetime
    last_at: datetime
    days: int
    share: float

    @property
    def count(self) -> int:
        """How many incidents stand behind it: the measure of recurrence."""
        return len(self.ids)

    @property
    def untraced(self) -> int:
        """How many of them no problem explains yet."""
        return self.count - self.traced


@attrs.frozen
class ParetoRow:
    """One line of a Pareto table: a group, its count, its part, and that of all groups up to it.

    `is_vital` marks the groups that together make up the wanted part, the smallest number of them.
    """

    rank: int
    key: Mapping[str, str]
    count: int
    share: float
    cumulative: float
    is_vital: bool


def candidates(
    incidents: Sequence[Any],
    *,
    fields: Iterable[str] = DIMENSIONS,
    least: int = 2,
    traced: Collection[str] = (),
) -> tuple[Candidate, ...]:
    """Return the groups of incidents that recur, those with the most incidents that no problem explains first.

    Ties go to the greater group, then to the one that was seen last, then by the values.

    Args:
        incidents: those of a period.
        fields: what makes a group; an incident of which none is known is in no group.
        least: the smallest group that is proposed.
        traced: ids of incidents that are linked to a problem already.

    Raises:
        InvalidInput: a field is none that incidents are grouped by, or `least` is less than 2.
    """
    if not isinstance(fields, Iterable):
        raise InvalidInput.of("ill_typed", field="fields", expected="names of fields", value=fields)
    names = (fields,) if isinstance(fields, str) else tuple(dict.fromkeys(fields))
    for name in names:
        if name not in _KNOWN:
            raise InvalidInput.of("bad_split", record="incident", field=name, nearest=nearest(name, _KNOWN))
    if type(least) is not int or least < 2:
        raise InvalidInput.of("ill_typed", field="least", expected="a whole number from 2", value=least)
    worded = wordings(incidents, least) if "wording" in names else {}
    groups: dict[tuple[tuple[str, str], ...], list[Any]] = defaultdict(list)
    for incident in incidents:
        known = ((name, worded.get(incident.id) if name == "wording" else getattr(incident, name)) for name in names)
        key = tuple((name, value) for name, value in known if value is not None)
        if key:
            groups[key].append(incident)
    found = [_made(key, held, traced, len(incidents)) for key, held in groups.items() if len(held) >= least]
    found.sort(key=lambda each: sorted(each.key.items()))
    found.sort(key=lambda each: (each.untraced, each.count, each.last_at), reverse=True)
    return tuple(found)


def _made(key: tuple[tuple[str, str], ...], held: list[Any], traced: Collection[str], all_: int) -> Candidate:
    held.sort(key=lambda each: (each.created_at, each.id))
    return Candidate(
        dict(key),
        tuple(each.reference for each in held),
        tuple(each.id for each in held),
        sum(each.id in traced for each in held),
        held[0].created_at,
        held[-1].created_at,
        len({each.created_at.date() for each in held}),
        len(held) / all_,
    )


def wordings(incidents: Sequence[Any], least: int = 2) -> Mapping[str, str]:
    """Return the wording of each incident that has one: id -> its words that recur most, at most three.

    A word recurs when at least `least` incidents use it in summary or symptom and not more than half of
    them do; words of digits only name one event. Two incidents have the same wording when the same
    words stand out in both.
    """
    told = {each.id: lasting(telling(each.summary, each.symptom)) for each in incidents}
    used = Counter(word for words in told.values() for word in words)
    most = max(len(told) // 2, least)
    found = {}
    for identity, words in told.items():
        kept = sorted((word for word in words if least <= used[word] <= most), key=lambda word: (-used[word], word))
        if kept:
            found[identity] = " ".join(sorted(kept[:_WORDS]))
    return found


def pareto(groups: Sequence[Candidate], *, total: int | None = None, part: float = 0.8) -> tuple[ParetoRow, ...]:
    """Return the Pareto table of groups: the few that make up most of the incidents stand first.

    Args:
        groups: of one call, so that no incident counts twice.
        total: of how many incidents; by default of those in the groups.
        part: how much the vital few make up together.
    """
    ranked = sorted(groups, key=lambda each: -each.count)
    whole = sum(each.count for each in ranked) if total is None else total
    rows, before = [], 0
    for rank, each in enumerate(ranked, 1):
        vital = before < part * whole
        before += each.count
        rows.append(ParetoRow(rank, each.key, each.count, each.count / whole, before / whole, vital))
    return tuple(rows)
