"""INV-124, second half: whatever is written and asked, every store answers as the memory store does."""

import itertools
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from itil4.errors import StoreError
from itil4.storage import Batch, Compare, Conflict, Every, Linked, MemoryStore, Query, Some, Store
from itil4.storage.query import COLUMNS, OPERATORS

IDS = st.sampled_from("abcdef")
TEXTS = st.sampled_from(
    ["", "a", "A", "ab", "ß", "ss", "SS", "Ä", "ä", "z", "10", "9", "ﬁ", "🚢", "\uffff", "'", "%", "_"]
)
PRIORITIES = st.none() | st.integers(-2, 3) | st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, -(2**70), 0.5, 1.0, -0.0])
FIELDS = st.fixed_dictionaries(
    {}, optional={"priority": PRIORITIES, "group": TEXTS, "urgent": st.booleans(), "deck": st.sampled_from("AB")}
)
NAMES = (
    "id", "number", "state", "state_category", "version", "created_at", "updated_at", "created_by", "origin_key",
    "priority", "group", "urgent", "extra.deck", "unheard",
)  # fmt: skip
VALUES = PRIORITIES | TEXTS | st.booleans() | st.sampled_from(["TIC0000001", "1", "b", 1_001, "closed"])
LINKS = st.tuples(IDS, st.sampled_from(["r", "q"]), IDS, st.integers(0, 3))


@st.composite
def _batches(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "births": draw(st.lists(st.tuples(IDS, FIELDS, st.sampled_from(["TIC", "OTH", None])), max_size=3)),
        "numbers": draw(st.lists(st.none() | st.sampled_from(["TIC0000002", "N1"]), min_size=3, max_size=3)),
        "origins": draw(
            st.lists(st.none() | st.tuples(st.sampled_from("12"), st.none() | st.sampled_from("xy")), max_size=3)
        ),
        "updates": draw(st.lists(st.tuples(IDS, FIELDS, st.integers(1, 3), st.integers(1, 2)), max_size=2)),
        "links": draw(st.lists(LINKS, max_size=2)),
        "unlinks": draw(st.lists(LINKS, max_size=1)),
        "bumps": draw(st.dictionaries(IDS, st.integers(1, 2), max_size=2)),
        "checks": draw(st.dictionaries(IDS, st.tuples(st.integers(1, 2), st.integers(0, 2)), max_size=1)),
        "once": draw(st.lists(st.sampled_from("kmn"), max_size=1)),
        "broken": draw(st.booleans() | st.just(False)),
    }


def _built(plan: dict[str, Any], rows: SimpleNamespace) -> Batch:
    batch = Batch(bumps=dict(plan["bumps"]), checks=dict(plan["checks"]))
    for (identity, fields, series), number in zip(plan["births"], plan["numbers"], strict=False):
        given = _fields(fields)
        batch.births.append((rows.record(identity, number=None if series else number, **given), series))
        batch.entries.append(rows.entry(identity, 1))
    for identity, fields, expected, steps in plan["updates"]:
        row = rows.record(identity, version=expected + steps, category="closed", **_fields(fields))
        batch.updates.append((row, expected))
        batch.entries += [rows.entry(identity, expected + step) for step in range(1, steps + 1)]
    for place, origin in enumerate(plan["origins"][: len(batch.entries)]):
        if origin is not None:
            key, row = origin
            batch.entries[place] = batch.entries[place]._replace(
                origin_system="old", origin_key=key, origin_row=row
            )  # fmt: skip
    batch.links = [rows.link(*each) for each in plan["links"]]
    batch.unlinks = [rows.link(*each) for each in plan["unlinks"]]
    batch.once = [rows.once(key, "a") for key in plan["once"]]
    if plan["broken"] and batch.entries:
        batch.entries.pop()
    return batch


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    plain = dict(given)
    return {**plain, "extra": {"deck": plain.pop("deck")}} if "deck" in plain else plain


def _outcome(store: Store, tenant: str, batch: Batch) -> object:
    try:
        return store.write(tenant, batch)
    except Conflict as conflict:
        return (conflict.what, conflict.key, conflict.expected, conflict.found)
    except StoreError as error:
        return (error.code, error.detail)


def _everything(store: Store, tenant: str) -> object:
    found = store.find(tenant, Query("ticket"))
    origins = store.known(tenant, "origin", [("old", "1"), ("old", "2")])
    return (
        [row._replace(fields={}) for row in found],
        list(store.history(tenant)),
        store.links(tenant, list("abcdef")),
        store.links(tenant, list("abcdef"), backwards=True),
        store.known(tenant, "once", [(key,) for key in "kmn"]),
        sorted(origins, key=repr),
    )


@st.composite
def _compares(draw: st.DrawFn) -> Compare:
    name, operator = draw(st.sampled_from(NAMES)), draw(st.sampled_from(OPERATORS))
    if operator == "is_null":
        return Compare(name, operator, draw(st.booleans()))
    if operator == "in":
        return Compare(name, operator, tuple(draw(st.lists(st.none() | VALUES, max_size=3))))
    if operator in ("prefix", "contains"):
        return Compare(name, operator, draw(TEXTS))
    return Compare(name, operator, draw(st.none() | VALUES))


WHERES = st.recursive(
    _compares() | st.builds(Linked, st.sampled_from(["r", "q"]), IDS, st.booleans()),
    lambda parts: (
        st.builds(Every, st.lists(parts, max_size=3).map(tuple))
        | st.builds(Some, st.lists(parts, max_size=3).map(tuple))
    ),
    max_leaves=4,
)
ORDERS = st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=3, unique_by=lambda pair: pair[0]).map(
    lambda order: tuple(order[: 1 + next((place for place, pair in enumerate(order) if pair[0] == "id"), len(order))])
)
tenants = itertools.count()


@pytest.fixture(scope="module", params=["sqlite", "sqlalchemy_sqlite", "postgres"])
def other(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, rows: SimpleNamespace, make_store: Any
) -> Iterator[Store]:
    store: Store = make_store(request.param, request, tmp_path_factory.mktemp("agree"))()
    store.migrate([rows.TICKET])
    yield store
    store.close()


many = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(plans=st.lists(_batches(), max_size=5))
def test_batches_good_and_bad_lead_to_the_same(
    other: Store, rows: SimpleNamespace, plans: list[dict[str, Any]]
) -> None:
    """INV-124: the same numbers, the same conflicts with the same values, and the same contents after each batch."""
    memory, tenant = MemoryStore(), str(next(tenants))
    for plan in plans:
        before = _everything(memory, tenant)
        first = _outcome(memory, tenant, _built(plan, rows))
        assert _outcome(other, tenant, _built(plan, rows)) == first
        after = _everything(memory, tenant)
        assert _everything(other, tenant) == after
        assert isinstance(first, dict) or before == after


@many
@given(
    shelf=st.lists(st.tuples(FIELDS, st.integers(0, 3), st.booleans()), max_size=12),
    links=st.lists(LINKS, max_size=4, unique_by=lambda each: each[:3]),
    where=WHERES,
    order=ORDERS,
    limit=st.integers(1, 5),
)
def test_questions_have_the_same_answer(
    other: Store,
    rows: SimpleNamespace,
    shelf: list[Any],
    links: list[Any],
    where: Any,
    order: Any,
    limit: int,
) -> None:
    """INV-124: any condition in any order, page by page until the end; and the count is that of all pages."""
    memory, tenant = MemoryStore(), str(next(tenants))
    made = [
        rows.record("abcdefghijkl"[place], created_at=at, category="closed" if closed else "new", **_fields(fields))
        for place, (fields, at, closed) in enumerate(shelf)
    ]
    made = [row._replace(origin_system="old", origin_key=row.id) if row.version else row for row in made]
    for store in (memory, other):
        store.write(tenant, rows.births(*made, links=[rows.link(*each) for each in links]))
    query, total = Query("ticket", where, order, limit), 0
    while True:
        page = memory.find(tenant, query)
        same = other.find(tenant, query)
        assert [row.id for row in same] == [row.id for row in page]
        total += len(page)
        if not page:
            break
        mark = tuple(_read(page[-1], name) for name, _ in query.total_order)
        query = Query("ticket", where, order, limit, mark)
    assert memory.count(tenant, query) == other.count(tenant, query) == total


def _read(row: Any, name: str) -> Any:
    if name in COLUMNS:
        return getattr(row, COLUMNS[name])
    body = json.loads(row.body)
    return body.get("extra", {}).get("deck") if name == "extra.deck" else body.get(name)
