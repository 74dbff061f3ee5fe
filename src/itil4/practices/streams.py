"""Where practices and value meet: the histories of records, told as observations of a value stream.

One case of a stream may span several records. It begins with a record of the practice that the stream's first
step watches (an incident, say) and takes in what is linked to it, directly or over others: the problem behind it,
the change that mends it. Records of other practices that lead to no such beginning belong to no case.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from itil4.clock import Calendar
from itil4.errors import InvalidInput
from itil4.practices.change_values import FAILED
from itil4.practices.desk import Desk
from itil4.record import Actor, Entry
from itil4.value import Deployment, Dora, Observation, StreamMap, ValueStream, dora, observe
from itil4.value.validators import must
from itil4.vocabulary import OPEN

if TYPE_CHECKING:
    from itil4.practices.base import Practice

_CAUSED = "caused_by"
_CHANGES = "change_enablement"
_OVER = ("resolved", "closed")


def observations(
    desk: Desk,
    stream: ValueStream,
    *,
    relations: Collection[str] | None = None,
    excluding: Collection[str] = (),
    by: Actor | None = None,
) -> Iterator[Observation]:
    """Yield what the histories of a service management show of a stream, case by case.

    A case is where the record is that moved last and is not over; when a linked record is over, it is back where the
    others are. It is finished when the record that it began with is over: what a problem or a change does after
    that is no part of it. Linked records count in the states that the stream names, from the beginning of the case on.

    What is told of each place: the category of the state, and what is waited for; `by`, the group that has the
    record, or else its assignee; and, where a record is resolved, `accepted`: True when it was closed after that,
    False when it was reopened, None while nobody knows.

    Args:
        desk: the service management, or a desk of it.
        stream: its steps name practices and their states.
        relations: names of the links to follow; without it, all but those that may lie between any two records
            (`relates_to`), and never from a record to the change that caused it.
        excluding: numbers, ids, or `system:number` of imported records, that begin no case: those of which an import
            could not use every row, say.
        by: the reader; only what they may see is told.

    Raises:
        InvalidInput: the stream is not sound, names no states of a practice that is here (`no_states`), or a
            relation is unknown.
    """
    must(ValueStream, "stream", stream)
    stream.check({*stream.practices, *stream.watched})
    watched = {name: frozenset(_states(stream, name)) for name in stream.watched}
    classes = list(desk.house.practices.values())
    here = {cls.name for cls in classes}
    beginning = next((name for name in watched if name in here), None)
    if beginning is None:
        raise InvalidInput.of("no_states", stream=stream.id)
    follow = _followed(desk, relations)
    names = {*stream.practices, *watched}
    linked: dict[str, _Told] = {}
    pointing: dict[str, list[tuple[str, str]]] = {}
    for cls in classes:
        if cls.name in names and cls.name != beginning:
            for entries in desk[cls].histories(by=by):
                told = linked[entries[0].record_id] = _told(desk[cls], entries)
                for relation, target in told.links:
                    pointing.setdefault(target, []).append((relation, told.id))
    used, gone = set[str](), frozenset(excluding)
    for cls in classes:
        if cls.name == beginning:
            for entries in desk[cls].histories(by=by):
                if entries[0].op == "import" and entries[0].details.get("history") == "none":
                    continue  # imported in its last state alone: nobody knows when it was where
                told = _told(desk[cls], entries)
                if gone and not gone.isdisjoint(told.names):
                    continue
                others = _reached(told, linked, pointing, follow)
                case = told.reference if told.reference not in used else told.id
                used.add(case)
                yield from _case(case, told, others, watched)


def observed(
    desk: Desk,
    stream: ValueStream,
    *,
    window: tuple[datetime, datetime] | None = None,
    calendar: Calendar | None = None,
    relations: Collection[str] | None = None,
    excluding: Collection[str] = (),
    by: Actor | None = None,
) -> StreamMap:
    """Return the map of a stream as the records of a service management show it.

    The arguments are those of `observations` and `itil4.value.observe`, which also say what is raised.
    """
    told = observations(desk, stream, relations=relations, excluding=excluding, by=by)
    return observe(stream, told, calendar=calendar, window=window)


def deployments(desk: Desk, *, implemented: str = "implement", by: Actor | None = None) -> Iterator[Deployment]:
    """Yield the changes that reached users, with the harm that incidents show.

    A change reached users when it last went on from the state `implemented` without being cancelled; work on it began
    when it was recorded. It failed when an incident is `caused_by` it, or when its close code says so. Service was as
    it should be again when the last of the incidents was restored (or, where nobody told, resolved); a change that was
    rolled back and caused none left it as it was.

    Args:
        desk: the service management, or a desk of it.
        implemented: the state of a change in which it is carried out.
        by: the reader; only what they may see is counted.
    """
    caused: dict[str, list[datetime | None]] = {}
    classes = list(desk.house.practices.values())
    for cls in classes:
        if cls.name != _CHANGES:
            for entries in desk[cls].histories(by=by):
                told = _told(desk[cls], entries)
                for relation, target in told.links:
                    if relation == _CAUSED:
                        caused.setdefault(target, []).append(told.restored_at)
    for cls in classes:
        if cls.name == _CHANGES:
            for entries in desk[cls].histories(by=by):
                told = _told(desk[cls], entries)
                if (at := told.left(implemented)) is not None:
                    ends = caused.get(told.id, [])
                    if not ends and told.close_code in FAILED:
                        ends = [at if told.close_code == "rolled_back" else None]
                    known = [max(end, at) for end in ends if end is not None]
                    yield Deployment(
                        record=told.reference,
                        at=at,
                        begun_at=told.moments[0].at,
                        failed=bool(ends),
                        restored_at=max(known) if known and len(known) == len(ends) else None,
                    )


def delivery(desk: Desk, window: tuple[datetime, datetime], *, by: Actor | None = None) -> Dora:
    """Return the four keys of delivery over a window, from the changes and incidents of a service management.

    Raises:
        InvalidInput: the window is empty.
    """
    return dora(deployments(desk, by=by), window)


@attrs.frozen
class _Told:
    """What one history tells: where the record was, and what it is linked to."""

    id: str
    reference: str
    names: tuple[str, ...]
    practice: str
    moments: list[Observation]
    links: set[tuple[str, str]]
    restored_at: datetime | None
    close_code: str | None

    def left(self, state: str) -> datetime | None:
        """Return when it last went on from a state, unless it was cancelled there; None when it never did."""
        for before, after in zip(self.moments[-2::-1], self.moments[:0:-1], strict=True):
            if before.place == state != after.place:
                return None if after.category == "cancelled" else after.at
        return None


def _told(practice: "Practice[Any]", entries: tuple[Entry, ...]) -> _Told:
    states, aspects = practice.lifecycle.by_name, {each.name for each in practice.aspects}
    born = entries[0]
    reference = born.number or (born.origin.key if born.origin else born.record_id)
    values: dict[str, Any] = {}
    links: set[tuple[str, str]] = set()
    moments: list[Observation] = []
    resolved: int | None = None
    over_at: datetime | None = None
    for entry in entries:
        if entry.op in ("link", "unlink"):
            if entry.link:
                (links.add if entry.op == "link" else links.discard)(entry.link)
            continue
        if entry.op == "comment":
            continue
        for name, change in entry.changes.items():
            values[name] = change.apply(values.get(name))
        last = moments[-1] if moments else None
        moved = entry.to_state is not None and entry.lifecycle not in aspects
        place = entry.to_state if moved and entry.to_state is not None else last.place if last else ""
        state = states.get(place)
        kind = (values.get(state.kind_from) if state.kind_from else state.kind) if state else None
        category, holder = state.category if state else None, values.get("group") or values.get("assignee")
        if last and (place, kind, holder) == (last.place, last.kind, last.by):
            continue
        if moved and last:
            if resolved is not None and (category in OPEN or category == "closed"):
                moments[resolved] = moments[resolved]._replace(accepted=category == "closed")
            resolved = len(moments) if category in _OVER and last.category in OPEN else None
        if category in OPEN:
            over_at = None
        elif over_at is None:
            over_at = entry.at
        moments.append(Observation(reference, place, entry.at, category, kind, holder, practice=practice.name))
    if resolved is not None and moments[-1].category == "closed":
        moments[resolved] = moments[resolved]._replace(accepted=True)
    restored = values.get("restored_at") or over_at
    names = (born.record_id, reference, *((f"{born.origin.system}:{born.origin.key}",) if born.origin else ()))
    return _Told(born.record_id, reference, names, practice.name, moments, links, restored, values.get("close_code"))


def _states(stream: ValueStream, practice: str) -> Iterator[str]:
    for step in stream.steps:
        yield from dict(step.states).get(practice, ())


def _followed(desk: Desk, relations: Collection[str] | None) -> frozenset[str]:
    known = desk.house.relations
    if relations is None:
        return frozenset(relation.name for relation in known if relation.ends)
    return frozenset(known.directed(name)[0].name for name in relations)


def _reached(
    told: _Told,
    linked: Mapping[str, _Told],
    pointing: Mapping[str, list[tuple[str, str]]],
    follow: frozenset[str],
) -> list[_Told]:
    """Return the records that belong to the case of this one, over links in either direction."""
    found: dict[str, _Told] = {}
    todo = [told]
    while todo:
        here = todo.pop()
        for relation, other in (*here.links, *pointing.get(here.id, ())):
            record = linked.get(other)
            if record is None or other in found or relation not in follow:
                continue
            if relation == _CAUSED and record.practice == _CHANGES:
                continue
            found[other] = record
            todo.append(record)
    return list(found.values())


def _case(
    case: str, first: _Told, others: Iterable[_Told], watched: Mapping[str, Collection[str]]
) -> Iterator[Observation]:
    begin = first.moments[0].at
    moves = [(each, first) for each in first.moments]
    for other in others:
        states = watched.get(other.practice)
        if states is None:
            continue
        moves += [(each, other) for each in other.moments if each.at >= begin and _counts(each, states)]
    if len(moves) > len(first.moments):
        moves.sort(key=lambda move: (move[0].at, move[1] is not first))
    standing: dict[str, Observation] = {}
    for moment, record in moves:
        standing.pop(record.id, None)
        is_open = moment.category is None or moment.category in OPEN
        if is_open:
            standing[record.id] = moment
        if record is first:
            yield moment if moment.case == case else moment._replace(case=case)
        elif first.id in standing:
            place = next(reversed(standing.values()))
            yield place._replace(case=case, at=moment.at, accepted=None)


def _counts(moment: Observation, states: Collection[str]) -> bool:
    """Say whether a linked record is then in a state that the stream names, or over."""
    return moment.place in states or (moment.category is not None and moment.category not in OPEN)


__all__ = ["delivery", "deployments", "observations", "observed"]
