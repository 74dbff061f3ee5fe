"""INV-124, second half: whatever is written and asked, a store answers as the memory store does."""

import contextlib
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from itil4.errors import ITIL4Error, StoreError
from itil4.itsm import ServiceManagement, connect
from itil4.record import Actor
from itil4.storage import Batch, Compare, Conflict, Every, Linked, MemoryStore, Query, Some, Store
from itil4.storage.capabilities import capabilities_of
from itil4.storage.query import OPERATORS
from itil4.testing.store_base import StoreTest
from itil4.testing.store_rows import after, births, entry, everything, ids, link, once, record

IDS = st.sampled_from("abcdef")
TEXTS = st.sampled_from(
    ["", "a", "A", "ab", "ß", "ss", "SS", "Ä", "ä", "z", "10", "9", "ﬁ", "🚢", "\uffff", "'", "%", "_", "\\"]
)
PRIORITIES = st.none() | st.integers(-2, 3) | st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, -(2**70), 0.5, 1.0, -0.0])
FIELDS = st.fixed_dictionaries(
    {}, optional={"priority": PRIORITIES, "group": TEXTS, "urgent": st.booleans(), "deck": st.sampled_from("AB")}
)
NAMES = (
    "id", "number", "state", "state_category", "version", "created_at", "updated_at", "created_by", "origin_key",
    "priority", "group", "urgent", "extra.deck", "unheard",
)  # fmt: skip
VALUES = PRIORITIES | TEXTS | st.booleans() | st.sampled_from(["N1", "1", "b", 1_001, "closed"])
LINKS = st.tuples(IDS, st.sampled_from(["r", "q"]), IDS, st.integers(0, 3))


@st.composite
def _batches(draw: st.DrawFn) -> dict[str, Any]:
    origins = st.none() | st.tuples(st.sampled_from("12"), st.none() | st.sampled_from("xy"))
    return {
        "births": draw(st.lists(st.tuples(IDS, FIELDS, st.sampled_from(["TIC", "OTH", None])), max_size=3)),
        "numbers": draw(st.lists(st.none() | st.sampled_from(["N1", "N2"]), min_size=3, max_size=3)),
        "origins": draw(st.lists(origins, max_size=3)),
        "updates": draw(st.lists(st.tuples(IDS, FIELDS, st.integers(1, 3), st.integers(1, 2)), max_size=2)),
        "links": draw(st.lists(LINKS, max_size=2)),
        "unlinks": draw(st.lists(LINKS, max_size=1)),
        "bumps": draw(st.dictionaries(IDS, st.integers(1, 2), max_size=2)),
        "checks": draw(st.dictionaries(IDS, st.tuples(st.integers(1, 2), st.integers(0, 2)), max_size=1)),
        "once": draw(st.lists(st.sampled_from("kmn"), max_size=1)),
        "broken": draw(st.booleans() | st.just(False)),
    }


def _built(plan: dict[str, Any]) -> Batch:
    batch = Batch(bumps=dict(plan["bumps"]), checks=dict(plan["checks"]))
    for (identity, fields, series), number in zip(plan["births"], plan["numbers"], strict=False):
        batch.births.append((record(identity, number=None if series else number, **_fields(fields)), series))
        batch.entries.append(entry(identity, 1))
    for identity, fields, expected, steps in plan["updates"]:
        row = record(identity, version=expected + steps, category="closed", **_fields(fields))
        batch.updates.append((row, expected))
        batch.entries += [entry(identity, expected + step) for step in range(1, steps + 1)]
    for place, origin in enumerate(plan["origins"][: len(batch.entries)]):
        if origin is not None:
            key, row = origin
            batch.entries[place] = batch.entries[place]._replace(origin_system="old", origin_key=key, origin_row=row)
    batch.links = [link(*each) for each in plan["links"]]
    batch.unlinks = [link(*each) for each in plan["unlinks"]]
    batch.once = [once(key, "a") for key in plan["once"]]
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

# units of work

_SAM = Actor("sam", roles={"service_desk", "admin", "problem_manager", "major_incident_manager"})
UNITS = st.integers(0, 2)
TARGETS = st.integers(0, 5)
STEPS = st.one_of(
    st.tuples(st.just("log"), UNITS, st.sampled_from(["mail", "radar", ""])),
    st.tuples(st.just("update"), UNITS, TARGETS, st.integers(-1, 5)),
    st.tuples(st.just("assign"), UNITS, TARGETS),
    st.tuples(st.just("resolve"), UNITS, TARGETS),
    st.tuples(st.just("link"), UNITS, TARGETS, TARGETS),
    st.tuples(st.just("unlink"), UNITS, TARGETS, TARGETS),
    st.tuples(st.just("once"), UNITS, st.sampled_from("kmn")),
    st.tuples(st.just("commit"), UNITS),
    st.tuples(st.just("commit"), UNITS),
    st.tuples(st.just("give up"), UNITS),
    st.tuples(st.just("bad batch"), UNITS, TARGETS),
)


class _Standing:
    """A clock that moves a second at each look."""

    def __init__(self) -> None:
        self._at = datetime(2026, 3, 2, tzinfo=UTC)

    def now(self) -> datetime:
        self._at += timedelta(seconds=1)
        return self._at


class _Interleaved:
    """Up to three units of work that are open at once on one store."""

    def __init__(self, store: Store, tenant: str) -> None:
        numbers = itertools.count(1)
        self.store, self.tenant = store, tenant
        self.itsm = connect(store, tenant=tenant, clock=_Standing(), ids=lambda: f"id-{next(numbers):04}")
        self.open: dict[int, tuple[Any, ServiceManagement]] = {}
        self.made: list[str] = []

    def do(self, step: tuple[Any, ...]) -> object:
        """Do a step and return what came of it, errors by their codes."""
        try:
            return self._do(*step)
        except Conflict as conflict:
            return (conflict.what, conflict.key, conflict.expected, conflict.found)
        except ITIL4Error as error:
            return (type(error).__name__, [reason.code for reason in error.reasons])

    def _do(self, what: str, place: int, *given: Any) -> object:
        if what == "bad batch":
            batch = births(record(f"torn{place}"), record(self._id(given[0])))
            return self.store.write(self.tenant, batch)
        if what in ("commit", "give up"):
            if place not in self.open:
                return "nothing"
            unit, _ = self.open.pop(place)
            if what == "commit":
                unit.__exit__(None, None, None)
            else:
                with contextlib.suppress(RuntimeError):
                    unit.__exit__(RuntimeError, RuntimeError("given up"), None)
            return what
        if place not in self.open:
            unit = self.itsm.unit(by=_SAM)
            self.open[place] = (unit, unit.__enter__())
        return self._step(what, self.open[place][1], *given)

    def _step(self, what: str, desk: ServiceManagement, *given: Any) -> object:
        incidents = desk.incidents
        if what in ("log", "once"):
            key = given[0] if what == "once" else None
            made = incidents.log(summary=given[0], impact="high", urgency="low", once=key)
            self.made.append(made.id)
            return made.id
        record_id = self._id(given[0])
        if what == "update":
            return incidents.update(record_id, rank=given[1]).version
        if what == "assign":
            return incidents.assign(record_id, to="sam").version
        if what == "resolve":
            return incidents.resolve(record_id, resolution="done").version
        call = desk.link if what == "link" else desk.unlink
        return call(record_id, "child_of", self._id(given[1])).version

    def _id(self, place: int) -> str:
        return self.made[place] if place < len(self.made) else "nobody"

    def state(self) -> object:
        """Return everything that is stored, as rows and as records."""
        found = self.store.find(self.tenant, Query("incident"))
        return (
            [row._replace(fields={}) for row in found],
            list(self.store.history(self.tenant)),
            self.store.links(self.tenant, ids(found)),
            sorted(self.store.known(self.tenant, "once", [(key,) for key in "kmn"])),
            list(self.itsm.incidents.each()),
        )


_tenants = itertools.count()
_many = settings(
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.differing_executors,
        HealthCheck.data_too_large,
    ],
)  # fmt: skip


class AgreementPromises(StoreTest):
    """Comparison with the memory store over generated batches, units of work and questions."""

    @pytest.fixture
    def pair(self, store: Store) -> Callable[[], tuple[Store, Store, str]]:
        """A function: the memory store, this one, and a tenant that nobody used; numbers of both begin alike."""
        if "gapless_numbers" not in capabilities_of(store):
            pytest.skip("numbers with gaps cannot be compared; gapless_numbers is not among the capabilities")
        return lambda: (MemoryStore(), store, f"t{next(_tenants)}")

    @_many
    @given(plans=st.lists(_batches(), max_size=5))
    def test_batches_good_and_bad_lead_to_the_same(
        self, pair: Callable[[], tuple[Store, Store, str]], plans: list[dict[str, Any]]
    ) -> None:
        """INV-124: the same numbers, the same conflicts with the same values, the same contents after each batch."""
        memory, store, tenant = pair()
        for plan in plans:
            before = everything(memory, tenant)
            first = _outcome(memory, tenant, _built(plan))
            assert _outcome(store, tenant, _built(plan)) == first
            now = everything(memory, tenant)
            assert everything(store, tenant) == now
            assert isinstance(first, dict) or before == now

    @_many
    @given(steps=st.lists(STEPS, max_size=25))
    def test_units_of_work_that_interleave_lead_to_the_same(
        self, pair: Callable[[], tuple[Store, Store, str]], steps: list[tuple[Any, ...]]
    ) -> None:
        """INV-124: three units open at once, some given up, and bad batches between: the same answers and contents."""
        memory, store, tenant = pair()
        first, second = _Interleaved(memory, tenant), _Interleaved(store, tenant)
        for step in (*steps, *(("commit", place) for place in range(3))):
            told = first.do(step)
            assert second.do(step) == told, step
            if step[0] in ("commit", "give up", "bad batch"):
                assert second.state() == first.state()

    @_many
    @given(
        shelf=st.lists(st.tuples(FIELDS, st.integers(0, 3), st.booleans()), max_size=12),
        links=st.lists(LINKS, max_size=4, unique_by=lambda each: each[:3]),
        where=WHERES,
        order=ORDERS,
        limit=st.integers(1, 5),
    )
    def test_questions_have_the_same_answer(
        self, pair: Callable[[], tuple[Store, Store, str]], shelf: list[Any], links: list[Any], where: Any, order: Any,
        limit: int,
    ) -> None:  # fmt: skip
        """INV-124: any condition in any order, page by page until the end; and the count is that of all pages."""
        memory, store, tenant = pair()
        made = []
        for place, (fields, at, closed) in enumerate(shelf):
            row = record(
                "abcdefghijkl"[place], created_at=at, category="closed" if closed else "new", **_fields(fields)
            )
            made.append(row._replace(origin_system="old", origin_key=row.id) if closed else row)
        for each in (memory, store):
            each.write(tenant, births(*made, links=[link(*one) for one in links]))
        query, total = Query("ticket", where, order, limit), 0
        while page := memory.find(tenant, query):
            assert ids(store.find(tenant, query)) == ids(page)
            total += len(page)
            query = Query("ticket", where, order, limit, after(query, page[-1]))
        assert store.find(tenant, query) == []
        assert memory.count(tenant, query) == store.count(tenant, query) == total
