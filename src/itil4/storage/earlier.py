"""Questions about rows that an earlier form of their record type wrote, answered as the records are read today.

A store looks at bodies as they were written. So a row without a field that has come since counts as one that holds
the field's default, and rows of earlier schemas are led up and judged here, beside those that the store judges.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from itil4.storage.kinds import Kind
from itil4.storage.plain import loads
from itil4.storage.protocols import RecordRow, Store
from itil4.storage.query import COLUMNS, Compare, Every, Linked, Query, Some, Where, behind, holds, sort_key

_AT_ONCE = 1_000


def found(store: Store, tenant: str, kind: Kind, query: Query) -> list[RecordRow]:
    """Return a page of rows of a kind, as `Store.find` does."""
    query = Query(query.kind, _with_defaults(kind, query.where), query.order, query.limit, query.after)
    if not _has_earlier(store, tenant, kind, query):
        return store.find(tenant, query)
    present = Every((query.where, Compare("schema", "ge", kind.schema)))
    rows = store.find(tenant, Query(query.kind, present, query.order, query.limit, query.after))
    order, mark = query.total_order, None if query.after is None else tuple(map(sort_key, query.after))
    keyed = [
        (tuple(sort_key(value_of(row, name)) for name, _ in order), row)
        for row in (*rows, *_earlier(store, tenant, kind, query.where))
    ]
    if mark is not None:
        keyed = [pair for pair in keyed if behind(pair[0], mark, order)]
    for place in reversed(range(len(order))):
        keyed.sort(key=lambda pair: pair[0][place], reverse=order[place][1])
    return [row for _, row in keyed][: query.limit]


def counted(store: Store, tenant: str, kind: Kind, where: Where) -> int:
    """Return how many rows of a kind meet a condition, as `Store.count` does."""
    where = _with_defaults(kind, where)
    if not _has_earlier(store, tenant, kind, Query(kind.name, where)):
        return store.count(tenant, Query(kind.name, where))
    present = store.count(tenant, Query(kind.name, Every((where, Compare("schema", "ge", kind.schema)))))
    return present + sum(1 for _ in _earlier(store, tenant, kind, where))


def value_of(row: RecordRow, field: str) -> Any:
    """Return the plain value that a row holds of a field, None where its body lacks it."""
    if field in COLUMNS:
        return getattr(row, COLUMNS[field])
    first, _, second = field.partition(".")
    held = loads(row.body).get(first)
    return held if not second else (held or {}).get(second)


def _has_earlier(store: Store, tenant: str, kind: Kind, query: Query) -> bool:
    """Say whether rows of earlier schemas may answer otherwise; once there are none, it is not asked again."""
    if kind.schema == 1 or tenant in kind.caught_up:
        return False
    from itil4.storage.past import PastStore  # late: nobody needs it before the first change of a schema

    if isinstance(store, PastStore):
        return False
    if {name for name, _ in query.order} | _fields(query.where) <= COLUMNS.keys():
        return False
    if store.find(tenant, Query(kind.name, _before(kind), limit=1)):
        return True
    kind.caught_up.add(tenant)
    return False


def _before(kind: Kind) -> Compare:
    return Compare("schema", "lt", kind.schema)


def _fields(where: Where) -> set[str]:
    if isinstance(where, Compare):
        return {where.field}
    return set() if isinstance(where, Linked) else {name for part in where.parts for name in _fields(part)}


def _earlier(store: Store, tenant: str, kind: Kind, where: Where) -> Iterator[RecordRow]:
    """Yield the rows of earlier schemas that meet a condition, led up to the present one."""

    @cache
    def ends(relation: str, other: str, backwards: bool) -> set[str]:
        rows = store.links(tenant, [other], backwards=not backwards)
        return {row.target if backwards else row.source for row in rows if row.relation == relation}

    mark = None
    while rows := store.find(tenant, Query(kind.name, _before(kind), (), _AT_ONCE, mark)):
        for old in rows:
            record, more = kind.codec.read(old)
            row = kind.codec.row(record, old.number, old.links, category=old.category, more=more)
            if holds(where, _reader(row), lambda asked, row=row: row.id in ends(*_parts(asked))):  # type: ignore[misc]  # a default binds the row
                yield row
        mark = (rows[-1].id,)


def _reader(row: RecordRow) -> Callable[[str], Any]:
    return lambda name: value_of(row, name)


def _parts(where: Linked) -> tuple[str, str, bool]:
    return where.relation, where.other, where.backwards


def _with_defaults(kind: Kind, where: Where) -> Where:
    """Let rows without a field meet what its default meets, where nothing else can be meant by its absence."""
    defaults = kind.late_defaults
    if not defaults or defaults.keys().isdisjoint(_fields(where)):
        return where
    if isinstance(where, (Every, Some)):
        return type(where)(tuple(_with_defaults(kind, part) for part in where.parts))
    if isinstance(where, Compare) and where.field in defaults:
        absent = Compare(where.field, "is_null", True)
        if holds(where, defaults.get, lambda _: False):
            return Every(()) if where.operator == "is_null" else Some((where, absent))
        return Some(()) if where.operator == "is_null" else Every((where, Compare(where.field, "is_null", False)))
    return where
