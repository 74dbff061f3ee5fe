"""Proposing known errors for an incident: by what both say, with a score and the reasons.

Counting only, nothing learned: the same incident and the same database give the same answer.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from itil4.practices.error_control import Fault
from itil4.practices.wording import telling
from itil4.record import Actor
from itil4.storage.query import Compare, Every, Query
from itil4.storage.text_search import store_of_words, words_of

if TYPE_CHECKING:
    from itil4.practices.known_errors import KnownErrors

WEIGHTS: Mapping[str, float] = {"item": 0.25, "service": 0.15, "category": 0.1}
"""What the same value of a field adds to a score; the words add the rest, at most a half."""

_WORDS = 0.5
_COMMON = 200
_ASKED = 60


@attrs.frozen
class Match:
    """A known error that an incident may be one of.

    Attributes:
        known_error: the problem or known error.
        incident: the incident's id.
        score: from 0 to 1: a half for the words, weighed by how rare they are among the known errors,
            and the `WEIGHTS` of the fields in which both agree.
        reasons: what they share, in words.
    """

    known_error: Fault
    incident: str
    score: float
    reasons: tuple[str, ...]


def match(base: "KnownErrors[Any]", incident: Any, limit: int, by: Actor | None) -> tuple[Match, ...]:
    """Return the known errors whose score reaches the policy's threshold, the best first, then those stored last.

    Looked at are those with the same item or service, and those that share a word which fewer than
    200 known errors have: words that all have tell nothing.
    """
    from itil4.practices.known_errors import TEXTS, known_error_view

    keeper = base.keeper
    store, tenant = base.desk.house.store, base.desk.house.tenant
    finder = store_of_words(store)
    words = telling(incident.summary, incident.description, incident.symptom)[:_ASKED]
    counts = finder.count_words(tenant, keeper.kind, TEXTS, words, _COMMON)
    worth = {word: 1 / (1 + math.log2(count)) for word, count in counts.items() if count}
    view = keeper._may_see(known_error_view(retired=False), keeper._reader(by))
    rows = {}
    for word, count in counts.items():
        if 0 < count < _COMMON:
            found = finder.find_words(tenant, Query(keeper.kind, view), TEXTS, (word,))
            rows.update({row.id: row for row in found})
    for name in ("item", "service"):
        value = getattr(incident, name)
        if value is not None:
            where = Every((Compare(name, "eq", value), view))
            found = store.find(tenant, Query(keeper.kind, where, (("id", True),), _COMMON))
            rows.update({row.id: row for row in found})
    judged = {each.target for each in base.judged(incident, by=by)}
    faults = (keeper.stored.codec.record(row) for each, row in rows.items() if each not in judged)
    matches = [_scored(fault, incident, worth) for fault in faults]
    good = [each for each in matches if each.score >= base.rules.match_threshold]
    good.sort(key=lambda each: (each.score, each.known_error.id), reverse=True)
    return tuple(good[:limit])


def _scored(fault: Fault, incident: Any, worth: Mapping[str, float]) -> Match:
    reasons = []
    score = 0.0
    for name, weight in WEIGHTS.items():
        value = getattr(incident, name)
        if value is not None and value == getattr(fault, name):
            score += weight
            reasons.append(f"same {name}: {value}")
    own = set(words_of(f"{fault.summary} {fault.description} {fault.symptoms}"))
    shared = [word for word in worth if word in own]
    if shared:
        score += _WORDS * sum(worth[word] for word in shared) / sum(worth.values())
        reasons.append(f"words: {', '.join(shared)}")
    return Match(fault, incident.id, round(score, 4), tuple(reasons))
