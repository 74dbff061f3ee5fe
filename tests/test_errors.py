"""Every error says what, why and what now, and can be taken along."""

import copy
import json
import math
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itil4 import errors
from itil4.errors import Decision, InvalidInput, ITIL4Error, NotFound, Reason, Refused, nearest
from itil4.messages import ENGLISH, practices, records, render, stores, tools


def tree(cls: type[ITIL4Error] = ITIL4Error) -> Iterator[type[ITIL4Error]]:
    yield cls
    for sub in cls.__subclasses__():
        yield from tree(sub)


class Colour(Enum):
    RED = "red"


class Touchy:
    def __repr__(self) -> str:
        raise RuntimeError("not today")


VALUES = [
    None, True, 7, 10**5000, math.nan, math.inf, "x" * 1000, "\ud800", "\x1b[31m", datetime(2026, 3, 2, tzinfo=UTC),
    {"b", "a"}, ["a", ["b"]], {"a": object()}, Colour.RED, Touchy(), object, b"x", Decimal("sNaN"), Decimal("Infinity"),
]  # fmt: skip


@pytest.mark.parametrize("cls", sorted(set(tree()), key=lambda cls: cls.__name__), ids=lambda cls: cls.__name__)
def test_every_error_pickles_copies_and_turns_into_plain_data(cls: type[ITIL4Error]) -> None:
    """Of each class, with whatever values: the same class and reasons come back, and JSON takes them."""
    error = cls.of("ill_typed", field="summary", expected="a text", value=VALUES)
    error.add_note("seen on a Monday")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is cls
        assert again.reasons == error.reasons
        assert str(again) == str(error)
    plain = error.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["error"] == cls.__name__
    assert (plain["reasons"][0]["code"], plain["reasons"][0]["message"]) == ("ill_typed", error.reasons[0].message)
    str(error).encode()


def test_the_tree_is_the_one_that_is_drawn() -> None:
    """Every class stands in the docstring, under its parent, with the builtin that a host already catches."""
    drawn = errors.__doc__ or ""
    for cls in tree():
        if cls.__module__ == "itil4.errors":
            assert cls.__name__ in drawn
            assert (cls.__doc__ or "").strip()
    for cls, builtin in ((NotFound, LookupError), (InvalidInput, ValueError), (errors.BrokenRule, RuntimeError),
                         (errors.MissingExtra, ImportError)):  # fmt: skip
        assert issubclass(cls, builtin)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_any_value_can_be_shown(value: Any) -> None:
    """Also one that is long, secretive or no text: at most about a line of it, and never an error instead."""
    reason = Reason.of("ill_typed", field="x", expected="y", value=value)
    assert len(reason.message) < 400
    json.dumps(reason.to_dict(), allow_nan=False)
    pickle.dumps(reason)
    reason.message.encode()


def test_a_value_that_holds_itself_is_shown() -> None:
    """And is cut where it begins again."""
    ring: list[Any] = []
    ring.append(ring)
    assert "x" in Reason.of("ill_typed", field="x", expected="y", value=ring).message


REFUSING = sorted(code for code in ENGLISH if code != "equal_times" and not code.startswith("interval_"))
"""Codes of what was refused; the others explain a figure, and ask for nothing."""


@pytest.mark.parametrize("code", REFUSING)
def test_every_message_ends_with_a_full_stop_and_says_what_now(code: str) -> None:
    """What and why in the first part, and what now in the second."""
    text, remedy = ENGLISH[code]
    assert text.endswith((".", "}", "?")), text
    assert remedy.endswith((".", "}", "?", "'")) or "pip install" in remedy, remedy


def test_no_code_stands_in_two_tables() -> None:
    """A code has one message: of two, the later table would win and nobody would notice."""
    tables = [records.RECORDS, stores.STORES, practices.PRACTICES, tools.TOOLS]
    assert sum(map(len, tables)) == len(ENGLISH)


def test_a_remedy_leaves_out_what_it_cannot_say() -> None:
    """No near miss, no question; the rest stays. A code that nobody knows stays readable."""
    assert "Did you mean" not in Reason.of("not_a_choice", field="x", value="y", choices=("a",), nearest=None).remedy
    assert Reason.of("not_a_choice", field="x", value="y", choices=("a",), nearest=None).remedy == "Choose one of: a."
    assert render("own_code", {}) == ("own_code", "")
    assert Reason.of("blank", field="x").worded({"blank": ("{field} fehlt.", "")}) == "x fehlt."
    told = Reason.of("no_values", record="Sale", field="seal")
    assert told.remedy.startswith("Give some: domains={'seal': [...]}"), "a bracket that is meant is no name"


@given(st.text(), st.lists(st.text(), max_size=20))
def test_the_nearest_name_is_one_of_the_known_ones(name: str, known: list[str]) -> None:
    """Or none at all; a huge list or name is no reason to wait."""
    found = nearest(name, known)
    assert found is None or found in map(repr, known)
    assert nearest("x" * 10_000, known) is None
    assert nearest(5, known) is None


def test_a_refusal_is_a_decision_and_a_decision_is_a_truth() -> None:
    """Both carry the same reasons, in the same order."""
    error = Refused.of("role", event="close", actor="eve", has=["user"], needs=["agent"], lifecycle="incident")
    assert (error.decision.event, error.decision.codes, error.decision.lifecycle) == ("close", ("role",), "incident")
    assert not error.decision
    assert Decision(True, "close")
    assert error.decision.to_dict()["reasons"] == error.to_dict()["reasons"]
    assert pickle.loads(pickle.dumps(error.decision)) == error.decision


def test_an_error_keeps_what_caused_it() -> None:
    """Chained like any other, also without reasons."""
    with pytest.raises(InvalidInput) as caught:
        _wrap()
    assert isinstance(caught.value.__cause__, KeyError)
    assert (ITIL4Error().code, dict(ITIL4Error().detail), str(ITIL4Error())) == ("", {}, "")


def _wrap() -> None:
    try:
        {}["x"]
    except KeyError as error:
        raise InvalidInput.of("blank", field="x") from error


def test_a_sentence_that_ends_with_what_somebody_else_said_ends_with_a_full_stop() -> None:
    """What a database or a parser says has none, and the remedy follows."""
    said = Reason.of("store_failed", action="open its file", error="disk full", remedy="Make room.")
    assert str(said) == "The store could not open its file: disk full. Make room."
    asked = Reason.of("store_failed", action="open its file", error="is it there?", remedy="Look.")
    assert asked.message.endswith("is it there?")


@pytest.mark.parametrize("code", [code for code, (_, remedy) in ENGLISH.items() if "nearest" in remedy])
def test_an_unknown_name_says_what_to_do_also_where_none_is_near(code: str) -> None:
    """Without a near miss the question is left out, and something must still be left to do."""
    names = {name for part in ENGLISH[code] for _, name, _, _ in Formatter().parse(part) if name}
    _, remedy = render(code, {**dict.fromkeys(names, "x"), "nearest": None})
    assert remedy
    assert "None" not in remedy
