"""What is seen of a record through other doors than its own: searches, subscribers, links, and the records beside it.

A store that keeps a row right and answers a search wrong is found here.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from itil4.record import Entry
from itil4.testing.checking import Finding
from itil4.testing.story import Act
from itil4.vocabulary import OPEN

if TYPE_CHECKING:
    from itil4.testing.playing import Held, Player
    from itil4.testing.promises import Promises

_PAGE = 1_000


def doors_wrong(player: "Player", record: Any, history: tuple[Entry, ...]) -> Iterator[tuple[str, str]]:
    """Yield what searches, subscribers and links say otherwise than the record does: its code, and it in words."""
    for code, said in (
        ("round_trip", _heard(player, record, history)),
        ("link", _from_both_ends(player, record)),
        ("search", _searched(player, record)),
    ):
        yield from ((code, text) for text in said)


def _searched(player: "Player", record: Any) -> Iterator[str]:
    """A record is found by what it is, and not by what it was."""
    desk = player.model.desk
    if record.number is not None and desk.get(record.number).id != record.id:
        yield f"the number {record.number} leads to another record."
    is_open = desk.stored.category(record.state) in OPEN
    asked: dict[str, Any] = {"state": record.state}
    shape = player.subject.shape
    for name in desk.stored.indexed:
        value = shape.read(record, name) if shape.get(name) is not None else None
        if value is not None:
            asked[name] = value
    for name, value in asked.items():
        if desk.count(id=record.id, **{name: value}) != 1:
            yield f"it is not found by {name} = {value!r}."
    if desk.count(id=record.id, is_open=is_open) != 1 or desk.count(id=record.id, is_open=not is_open):
        yield f"it is {record.state!r}, and a search for what is open says otherwise."
    if desk.count(id=record.id, state__ne=record.state):
        yield f"it is {record.state!r}, and is found among those that are not."
    found = [each.id for each in desk.find(order_by="-updated_at", limit=_PAGE, updated_at__ge=record.updated_at)]
    if record.id not in found:
        yield "it is not found by the time of its last change."


def _heard(player: "Player", record: Any, history: tuple[Entry, ...]) -> Iterator[str]:
    """What subscribers were told of a record is what its history says."""
    if any(entry.op == "redaction" for entry in history):
        return
    told = {entry.seq: entry for entry in player.heard.of(record.id)}
    if not told:
        return
    for entry in history:
        if entry.seq >= min(told) and told.get(entry.seq) != entry:
            yield f"entry {entry.seq} is read otherwise than subscribers were told: {entry.event or entry.op!r}."
            return


def _from_both_ends(player: "Player", record: Any) -> Iterator[str]:
    """A link is seen from both of its ends, under the name that it has there, and made by the same hand."""
    desk, relations = player.model.desk, player.model.itsm.house.relations
    others = {held.reference: held.record for held in player.held.values()}
    here = {(link.relation, link.target, link.at, link.by) for link in desk.links(record.id) if link.target in others}
    for other in others:
        there = {
            (relations.inverse(link.relation), link.source, link.at, link.by)
            for link in desk.links(other)
            if link.target == record.id
        }
        if there != {(name, other, at, by) for name, target, at, by in here if target == other} and other != record.id:
            yield f"its links with {others[other].reference} are not the same from both ends."
    for name in sorted({name for name, *_ in here}):
        linked = {each.id for each in desk.linked(record.id, name)}
        ends = {target for other, target, *_ in here if other == name}
        if not ends <= linked:
            yield f"what is linked by {name!r} does not come with it."
        for target in sorted(ends):
            asked: dict[str, Any] = {"id": record.id, name: target}
            if desk.count(**asked) != 1:
                yield f"it is not found by {name} = {others[target].reference}."


def beside(promises: "Promises", act: Act, before: Mapping[str, Any], told_of: "Held | None") -> Iterator[Finding]:
    """Yield what a step did to the records beside its own: nothing, or what their own histories say."""
    player = promises.player
    for label, held in player.held.items():
        was = before.get(label)
        if was is None or held is told_of:
            continue
        record = player.model.record(held.reference)
        if record.version == was.version:
            differing = tuple(promises.differing(was, record))
            if differing:
                text = f"{was.reference}, a record beside it, is another one, and nothing was done to it."
                yield promises.told("wrong_change", text, act, held, differing)
        else:
            yield from promises.kept(act, held, record, player.model.history(held.reference))
