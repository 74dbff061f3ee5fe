"""Rows to write, as the shipped contract has them."""

import importlib.util
import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import strategies as st

import itil4
from itil4 import Actor, FieldSet, ITIL4Error, ServiceManagement, TimeOrderedIds
from itil4.clock import FrozenClock
from itil4.testing import store_rows


@pytest.fixture(scope="session")
def rows() -> SimpleNamespace:
    """The builders: record, entry, link, births, update, once, and the kind TICKET."""
    names = ("TICKET", "record", "entry", "link", "births", "update", "once")
    return SimpleNamespace(**{name: getattr(store_rows, name) for name in names})


# whole desks, and random work on them

EXTRA = FieldSet.from_dict(
    {"vessel": {"type": "line"}, "deck": {"type": "choice", "choices": ["A", "B"]}, "crew": {"type": "integer"}}
)
WHO = {
    "ana": Actor("ana", roles={"user"}),
    "sam": Actor("sam", roles={"service_desk"}, on_behalf_of="ana"),
    "officer": Actor("officer", roles={"data_protection_officer", "corrector", "service_desk"}),
}
_PLACES = st.integers(0, 3)
_TEXTS = st.sampled_from(["Mail is down", "Printer of Ana burns", "[redacted]", "x"])
STEPS = st.one_of(
    st.tuples(st.just("log"), _TEXTS, st.sampled_from("AB"), st.none() | st.integers(0, 9)),
    st.tuples(st.just("assign"), _PLACES, st.sampled_from(["sam", "ana", "ida"])),
    st.tuples(st.just("start"), _PLACES),
    st.tuples(st.just("hold"), _PLACES),
    st.tuples(st.just("resolve"), _PLACES, _TEXTS),
    st.tuples(st.just("close"), _PLACES),
    st.tuples(st.just("reopen"), _PLACES),
    st.tuples(st.just("update"), _PLACES, st.sampled_from(["summary", "description", "vessel"]), _TEXTS),
    st.tuples(st.just("update"), _PLACES, st.just("crew"), st.none() | st.integers(0, 9)),
    st.tuples(st.just("swarm"), _PLACES, st.sampled_from(["ida", "ana", "tom"])),
    st.tuples(st.just("comment"), _PLACES, _TEXTS),
    st.tuples(st.just("link"), _PLACES, st.sampled_from(["child_of", "relates_to"]), _PLACES),
    st.tuples(st.just("unlink"), _PLACES, st.sampled_from(["child_of", "relates_to"]), _PLACES),
    st.tuples(st.just("watch"), _PLACES, st.sampled_from(["ana", "sam"])),
    st.tuples(st.just("pass"), st.integers(0, 3)),
)


class RandomWork:
    """Does steps on a desk, each or not at all, as rules allow; `clock` is the desk's."""

    def __init__(self, itsm: ServiceManagement, clock: FrozenClock) -> None:
        self.itsm, self.clock = itsm, clock
        self.ids: list[str] = []

    def do(self, step: tuple[Any, ...]) -> bool:
        """Take one step and say whether it was possible."""
        try:
            return self._do(*step)
        except ITIL4Error:
            return False

    def _do(self, what: str, *args: Any) -> bool:
        practice, by = self.itsm.incidents, WHO["sam"]
        if what == "log":
            summary, deck, crew = args
            more = {} if crew is None else {"crew": crew}
            made = practice.log(summary=summary, impact="high", urgency="low", deck=deck, by=by, **more)
            self.ids.append(made.id)
            return True
        if what == "pass":
            self.clock.tick(timedelta(hours=args[0]))
            return True
        if len(self.ids) <= args[0]:
            return False
        first = self.ids[args[0]]
        given: dict[str, Callable[[], Any]] = {
            "assign": lambda: practice.assign(first, to=args[1], group="mail", reason="she asked", by=by),
            "start": lambda: practice.start(first, by=by),
            "hold": lambda: practice.hold(first, kind="user", by=by),
            "resolve": lambda: practice.resolve(first, resolution=args[1], by=by),
            "close": lambda: practice.close(first, by=by),
            "reopen": lambda: practice.reopen(first, by=by, reason="still there"),
            "update": lambda: practice.update(first, by=by, **{args[1]: args[2]}),
            "swarm": lambda: practice.swarm(first, args[1], by=by),
            "comment": lambda: practice.comment(first, args[1], by=by),
            "watch": lambda: practice.watch(first, WHO[args[1]], by=by),
            "link": lambda: self.itsm.link(first, args[1], self.ids[args[2]], by=by),
            "unlink": lambda: self.itsm.unlink(first, args[1], self.ids[args[2]], by=by),
        }
        if what in ("link", "unlink") and len(self.ids) <= args[2]:
            return False
        given[what]()
        return True


@pytest.fixture
def new_desk(tmp_path: Path) -> Iterator[Callable[..., tuple[ServiceManagement, FrozenClock]]]:
    """Open a desk with its clock in a store of that name, new at each call; options go to `connect`."""
    opened: list[ServiceManagement] = []

    def make(store: str, **options: Any) -> tuple[ServiceManagement, FrozenClock]:
        clock = FrozenClock(datetime(2026, 3, 2, 8, tzinfo=UTC))
        url = None if store == "memory" else f"sqlite:///{tmp_path}/work{len(opened)}.db"
        ids = TimeOrderedIds(clock, random.Random(len(opened)))
        opened.append(itil4.connect(url, **{"clock": clock, "ids": ids, "fields": {"incident": EXTRA}, **options}))
        return opened[-1], clock

    yield make
    for itsm in opened:
        itsm.close()


@pytest.fixture(scope="session")
def work() -> SimpleNamespace:
    """Random work on a desk: the strategy STEPS, what takes them (RandomWork), the people WHO, the fields EXTRA."""
    return SimpleNamespace(STEPS=STEPS, RandomWork=RandomWork, WHO=WHO, EXTRA=EXTRA)


# every store of ours

_home = Path(__file__).with_name("postgres.py")
_spec = importlib.util.spec_from_file_location("itil4_tests_postgres", _home)
assert _spec is not None and _spec.loader is not None
databases = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = databases
_spec.loader.exec_module(databases)

postgres = databases.postgres
sqlalchemy_sqlite = databases.sqlalchemy_sqlite
postgres_stores = databases.postgres_stores
"""The fixtures of `tests/storage/postgres.py`, for every test of this folder."""


@pytest.fixture(scope="session")
def make_stores() -> Callable[..., Callable[[], Any]]:
    """`make_stores(name, request, folder)`: what makes fresh stores of a name (see `databases.STORES`)."""
    made: Callable[..., Callable[[], Any]] = databases.make_store
    return made
