"""Rows to write: builders that the storage tests share."""

import json
import random
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
from itil4.storage import Batch, EntryRow, KindRow, LinkRow, OnceRow, RecordRow

TICKET = KindRow("ticket", (("priority",), ("group",), ("urgent",), ("extra", "deck")))


def record(identity: str, *, version: int = 1, number: str | None = None, **fields: Any) -> RecordRow:
    """Return a row; fields of RecordRow go there, the rest is its body."""
    own = {name: fields.pop(name) for name in RecordRow._fields if name in fields}
    body = {name: value for name, value in fields.items() if value is not None}
    plain = {".".join(path): _at(fields, path) for path in TICKET.indexed}
    given = {
        "id": identity, "kind": "ticket", "number": number, "state": "new", "category": "new", "version": version,
        "links": 0, "created_at": 1_000, "updated_at": 1_000 + version, "created_by": "ana", "schema": 1,
        "origin_system": None, "origin_key": None, "body": json.dumps(body, ensure_ascii=False), "fields": plain,
    }  # fmt: skip
    return RecordRow(**{**given, **own})


def _at(fields: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = fields
    for name in path:
        value = (value or {}).get(name)
    return value


def entry(identity: str, seq: int, **headers: Any) -> EntryRow:
    """Return a line of history."""
    given = {
        "record_id": identity, "seq": seq, "kind": "ticket", "op": "birth" if seq == 1 else "update",
        "lifecycle": None, "event": None, "from_state": None, "to_state": None, "at": 1_000 + seq,
        "recorded_at": 1_000 + seq, "by": "ana", "judged": "full", "unit": "u", "origin_system": None,
        "origin_key": None, "origin_row": None, "number": None, "details": "{}",
    }  # fmt: skip
    return EntryRow(**{**given, **headers})


def link(source: str, relation: str, target: str, at: int = 5) -> LinkRow:
    """Return a link between two tickets."""
    return LinkRow(source, relation, target, "ticket", "ticket", at, "ana")


def births(*rows: RecordRow, series: str | None = "TIC", **more: Any) -> Batch:
    """Return a batch of new records, each with its first entry."""
    return Batch(births=[(row, series) for row in rows], entries=[entry(row.id, 1) for row in rows], **more)


def update(row: RecordRow, **more: Any) -> Batch:
    """Return a batch that takes a record to the row's version, one version on."""
    return Batch(updates=[(row, row.version - 1)], entries=[entry(row.id, row.version)], **more)


def once(key: str, identity: str) -> OnceRow:
    """Return a once key."""
    return OnceRow(key, identity, 1, "ticket.log")


@pytest.fixture(scope="session")
def rows() -> SimpleNamespace:
    """The builders: record, entry, link, births, update, once, and the kind TICKET."""
    return SimpleNamespace(
        TICKET=TICKET, record=record, entry=entry, link=link, births=births, update=update, once=once
    )


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
