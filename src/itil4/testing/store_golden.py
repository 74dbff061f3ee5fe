"""Golden rows: values at the edges, and the one answer that every store gives."""

from collections.abc import Callable
from typing import Any

import pytest

from itil4.storage import Batch, Compare, EntryRow, LinkRow, OnceRow, Query, RecordRow, Store
from itil4.testing.store_base import StoreTest
from itil4.testing.store_rows import TICKET, plain

_LONG = "x" * 70_000


def _row(identity: str, number: str | None, body: str, fields: dict[str, Any], **more: Any) -> RecordRow:
    given = {"state": "new", "category": "new", "created_at": 0, "updated_at": 0, "created_by": "ana", "schema": 1}
    origin = {"origin_system": None, "origin_key": None}
    return RecordRow(
        id=identity, kind="ticket", number=number, version=1, links=0, body=body, fields=fields,
        **{**given, **origin, **more},
    )  # fmt: skip


RECORDS = (
    _row("A", "N-1", "{}", {}),
    _row(
        "a", "n-1", '{"priority":9223372036854775807,"group":"Ångström"}',
        {"priority": 9223372036854775807, "group": "Ångström"}, created_by="Ana", origin_system="old",
        origin_key="INC 0042'", created_at=-62_135_596_800_000_000, updated_at=253_402_300_799_999_999,
    ),
    _row(
        "ä-🚢", None, '{"priority":-0.5,"group":""}', {"priority": -0.5, "group": ""}, created_by="ä\u0301",
        state="wörk", category="active", created_at=1, schema=2_000_000, origin_system="old", origin_key="ü",
    ),
    _row(
        "z;--", "%_\\", f'{{"group":"{_LONG}","urgent":true}}', {"group": _LONG, "urgent": True},
        created_by="x' OR '1'='1", category="closed", created_at=2,
    ),
    _row(
        "~", None, '{"group":"tab\\t\\u2028","extra":{"deck":"B"}}', {"group": "tab\t\u2028", "extra.deck": "B"},
        created_by=" ", created_at=3,
    ),
)  # fmt: skip
"""Rows at the edges: case, accents, no number, far times, quotes, wildcards, long texts, large numbers, separators."""

_DETAILS = ("{}", '{"reason":"Ångström"}', '{"changes":{}}', f'{{"text":"{_LONG}"}}', '{"text":"\\t\\n\\u00e4"}')

ENTRIES = tuple(
    EntryRow(
        row.id, 1, "ticket", "birth", "incident", None, None, row.state, row.created_at, row.updated_at, row.created_by,
        "full", None, row.origin_system, row.origin_key, "7" if row.id == "ä-🚢" else None, row.number, details,
    )
    for row, details in zip(RECORDS, _DETAILS, strict=True)
)  # fmt: skip
LINKS = (
    LinkRow("A", "causes", "a", "ticket", "ticket", 5, "ana"),
    LinkRow("a", "causes", "A", "ticket", "ticket", 5, "ana"),
    LinkRow("ä-🚢", "about", "no such record", "ticket", "person", -1, "ä\u0301"),
)
ONCE = (OnceRow("key ü'", "A", 1, "mark"), OnceRow("KEY ü'", "a", 1, "mark"))

ANSWERS: tuple[tuple[Query, str], ...] = (
    (Query("ticket"), "A a z;-- ~ ä-🚢"),
    (Query("ticket", order=(("group", False),)), "A ä-🚢 ~ z;-- a"),
    (Query("ticket", order=(("group", True),)), "a z;-- ~ ä-🚢 A"),
    (Query("ticket", order=(("priority", False),)), "A z;-- ~ ä-🚢 a"),
    (Query("ticket", order=(("created_at", True),)), "~ z;-- ä-🚢 A a"),
    (Query("ticket", order=(("created_by", False),)), "~ a A z;-- ä-🚢"),
    (Query("ticket", order=(("number", False),)), "~ ä-🚢 z;-- A a"),
    (Query("ticket", Compare("number", "eq", "N-1")), "A"),
    (Query("ticket", Compare("number", "prefix", "%")), "z;--"),
    (Query("ticket", Compare("group", "contains", "ÅNGSTRÖM")), "a"),
    (Query("ticket", Compare("group", "contains", "\u2028")), "~"),
    (Query("ticket", Compare("priority", "ge", 2**63 - 1)), "a"),
    (Query("ticket", Compare("priority", "lt", 0)), "ä-🚢"),
    (Query("ticket", Compare("created_at", "lt", 0)), "a"),
    (Query("ticket", Compare("created_by", "eq", "x' OR '1'='1")), "z;--"),
    (Query("ticket", Compare("id", "gt", "a")), "z;-- ~ ä-🚢"),
    (Query("ticket", Compare("origin_key", "eq", "INC 0042'")), "a"),
)
"""Questions, with the ids of their answers in order."""


class GoldenPromises(StoreTest):
    """The golden rows come back to the letter, now and when the data are opened again."""

    @pytest.fixture
    def golden(self, store: Store) -> Store:
        """A store with the golden rows."""
        store.write(
            "tenant ü",
            Batch(births=[(row, None) for row in RECORDS], entries=list(ENTRIES), links=list(LINKS), once=list(ONCE)),
        )
        return store

    def test_golden_rows_come_back_to_the_letter(self, golden: Store) -> None:
        """Each text, number and nothing as it was written; ids and keys differ by case and accent."""
        _compare(golden)

    def test_golden_rows_are_the_same_when_they_are_opened_again(
        self, golden: Store, again: Callable[[], Store]
    ) -> None:
        """What is on the medium is what was given."""
        golden.close()
        opened = again()
        opened.migrate([TICKET])
        _compare(opened)
        opened.close()

    @pytest.mark.parametrize("place", range(len(ANSWERS)))
    def test_golden_questions_have_the_golden_answers(self, golden: Store, place: int) -> None:
        """By code point, nothing first, wildcards and quotes being letters like others."""
        query, expected = ANSWERS[place]
        assert " ".join(row.id for row in golden.find("tenant ü", query)) == expected


def _compare(store: Store) -> None:
    found: dict[str, Any] = {row.id: plain(row) for row in store.load("tenant ü", [row.id for row in RECORDS])}
    assert found == {row.id: plain(row) for row in RECORDS}
    assert list(store.history("tenant ü")) == sorted(ENTRIES, key=lambda line: line.record_id)
    assert store.links("tenant ü", [row.id for row in RECORDS]) == [LINKS[2], LINKS[0], LINKS[1]]
    assert store.known("tenant ü", "once", [(row.key,) for row in ONCE]) == list(ONCE)
    assert store.known("tenant ü", "origin", [("old", "ü")]) == [("old", "ü", "7", "ä-🚢")]
