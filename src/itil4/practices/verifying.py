"""Verification: rows against histories, one record at a time, every difference a value."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Literal, TypeAlias

import attrs

from itil4.errors import ITIL4Error
from itil4.practices.desk import Desk
from itil4.record import replay
from itil4.storage.kinds import Kind
from itil4.storage.past import links_of
from itil4.storage.protocols import EntryRow, LinkRow, RecordRow
from itil4.storage.query import Query

What: TypeAlias = Literal["field", "history", "row", "links", "kind", "unreadable"]

_MOST = 500


@attrs.frozen
class Difference:
    """Where what is stored is not what history says.

    Attributes:
        record: the record's reference.
        kind: its kind.
        what: `field` (its value differs), `history` (has a gap, or does not begin with a birth), `row` (there
            is none), `links` (differ), `kind` (nobody here knows it), or `unreadable`.
        name: of the field, or what is wrong.
        stored, rebuilt: what is stored, and what history says instead.
    """

    record: str
    kind: str
    what: What
    name: str = ""
    stored: Any = None
    rebuilt: Any = None


def differences(desk: Desk, kind: str | None) -> Iterator[Difference]:
    """Yield every difference; see `ServiceManagement.verify`."""
    house = desk.house
    histories = groupby(house.store.history(house.tenant, kind=kind), key=lambda row: row.record_id)
    page: dict[str, list[EntryRow]] = {}
    told: Counter[str] = Counter()
    for record_id, rows in histories:
        page[record_id] = list(rows)
        told[page[record_id][0].kind] += 1
        if len(page) == _MOST:
            yield from _of_page(desk, page)
            page = {}
    yield from _of_page(desk, page)
    for name in [kind] if kind is not None else list(house.kinds):
        if house.store.count(house.tenant, Query(name)) != told[name]:
            yield from _without_history(desk, name)


def _of_page(desk: Desk, page: dict[str, list[EntryRow]]) -> Iterator[Difference]:
    store, tenant = desk.house.store, desk.house.tenant
    rows = {row.id: row for row in store.load(tenant, list(page))}
    links: dict[str, list[LinkRow]] = {}
    for link in store.links(tenant, list(page)):
        links.setdefault(link.source, []).append(link)
    for record_id, history in page.items():
        found = list(_compared(desk, history, rows.get(record_id), links.get(record_id, [])))
        if found:  # or it has changed while it was read
            again = list(store.history(tenant, record_id=record_id))
            row = next(iter(store.load(tenant, [record_id])), None)
            yield from _compared(desk, again, row, store.links(tenant, [record_id]))


def _compared(
    desk: Desk, history: Sequence[EntryRow], row: RecordRow | None, links: Sequence[LinkRow]
) -> Iterator[Difference]:
    first = history[0]
    told = first.number or first.origin_key or first.record_id
    if first.kind not in desk.house.kinds:
        yield Difference(told, first.kind, "kind", first.kind)
        return
    kind = desk.house.kinds[first.kind]
    if row is None:
        yield Difference(told, kind.name, "row", "missing")
        return
    try:
        stored = kind.codec.record(row)
        entries = kind.codec.entries(history, desk.house.tenant)
        wanted = links_of(entries, lambda _: "")
    except ITIL4Error as error:
        yield Difference(told, kind.name, "unreadable", error.code, stored=str(error))
        return
    try:
        rebuilt = replay(entries, kind.shape)
    except (ITIL4Error, TypeError) as error:  # a birth without what a record needs is refused by its class
        yield Difference(told, kind.name, "history", str(error))
        return
    yield from _fields(told, kind, stored, rebuilt)
    if row.kind != first.kind:
        yield Difference(told, kind.name, "field", "kind", row.kind, first.kind)
    ours, theirs = ({(*each[:3], *each[5:]) for each in some} for some in (links, wanted))
    if ours != theirs:
        yield Difference(told, kind.name, "links", "", tuple(sorted(ours - theirs)), tuple(sorted(theirs - ours)))


def _fields(told: str, kind: Kind, stored: Any, rebuilt: Any) -> Iterator[Difference]:
    if kind.same(stored, rebuilt):
        return
    for field in attrs.fields(kind.shape.record):
        ours, theirs = getattr(stored, field.name), getattr(rebuilt, field.name)
        if ours != theirs:
            yield Difference(told, kind.name, "field", field.name, ours, theirs)


def _without_history(desk: Desk, kind: str) -> Iterator[Difference]:
    """Yield the rows of a kind that no history tells of."""
    store, tenant, mark = desk.house.store, desk.house.tenant, None
    while rows := store.find(tenant, Query(kind, limit=_MOST, after=mark)):
        for row in rows:
            if next(iter(store.history(tenant, record_id=row.id)), None) is None:
                yield Difference(row.number or row.origin_key or row.id, kind, "history", "missing")
        mark = (rows[-1].id,)
