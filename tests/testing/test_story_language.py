"""The story language: every story can be written down, and what is written down is read back as the same story."""

import enum
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itil4 import Actor, InvalidInput
from itil4.practices.problem_values import Cause
from itil4.testing import Act, Story, strategies
from itil4.testing.values import Later, Made, Ref, played, read_arguments, span_of, span_text, told, written


class Colour(enum.Enum):
    """An enumeration of a host."""

    RED = "red"
    SEA_GREEN = ("sea", "green")


class Perm(enum.Flag):
    """One whose values may be joined."""

    READ = 1
    WRITE = 2


names = st.one_of(st.sampled_from(["resolve", "log", "as", "refused"]), st.text(min_size=1, max_size=12))
people = st.builds(
    Actor,
    st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=8),
    st.frozensets(st.text(st.characters(categories=["L", "P"]), min_size=1, max_size=6), max_size=2),
    kind=st.sampled_from(["human", "system"]),
)
spans = st.timedeltas(timedelta(0), timedelta(days=900))
values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(),
        st.datetimes(timezones=st.just(UTC)), st.dates(), spans, spans.map(Later), spans.map(lambda by: Later(-by)),
        st.decimals(allow_nan=False, allow_infinity=False), st.builds(Ref, st.text(max_size=5)),
        st.timedeltas(timedelta(days=-900), timedelta(0)), st.sampled_from([float("inf"), -float("inf")]),
        st.sampled_from([*Colour, *Perm, Perm.READ | Perm.WRITE]).map(told),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=2),
        st.builds(Made, st.just("Cause"), st.dictionaries(st.sampled_from(["name", "text"]), inner)),
    ),
    max_leaves=5,
)  # fmt: skip
identifiers = st.from_regex(r"[a-z_]{1,6}", fullmatch=True) | st.sampled_from(["class", "größe", "ﬁeld", "as"])
acts = st.builds(
    Act, names, st.dictionaries(identifiers, values, max_size=3), st.one_of(st.none(), names, people), spans,
    on=st.one_of(st.just(""), names), without=st.lists(names, max_size=2), stale=st.booleans(),
    late=st.booleans(), undone=st.booleans(),
    refused=st.one_of(st.none(), st.lists(st.sampled_from(["role", "missing", "guard"]), max_size=2)),
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(acts, min_size=1, max_size=4))
def test_what_is_written_down_is_read_back_as_the_same_story(steps: list[Act]) -> None:
    """A failure that prints a story can be pasted as a test, whatever is in it."""
    story = Story(steps)
    assert Story.parse(str(story)) == story


@given(spans)
def test_a_length_of_time_is_read_back(span: timedelta) -> None:
    assert span_of(span_text(span)) == span


@settings(max_examples=200)
@given(strategies.hostile_values())
def test_whatever_the_kit_sends_can_be_written_down(value: object) -> None:
    """Hostile values too: the line that shows what they break is one to paste."""
    act = Act("update", {"summary": value})
    assert str(Act.parse(str(act))) == str(act)


@pytest.mark.parametrize("member", [Colour.RED, Colour.SEA_GREEN, Perm.WRITE, Perm.READ | Perm.WRITE])
def test_a_member_of_an_enumeration_is_read_back_as_itself(member: enum.Enum) -> None:
    """By its name, or where it has none by its value."""
    (again,) = read_arguments(f"a={written(member)}").values()
    assert played(again, datetime(2026, 3, 2, tzinfo=UTC), {"Colour": Colour, "Perm": Perm}, {}) is member
    with pytest.raises(InvalidInput, match=r"Colour\.RED"):
        played(read_arguments("a=Colour.PINK")["a"], datetime(2026, 3, 2, tzinfo=UTC), {"Colour": Colour}, {})


def test_the_example_of_the_issue_reads_as_it_is_meant() -> None:
    """Events alone, values, roles and near misses."""
    story = Story.parse("log -> assign(to='sam') -> resolve as service_desk -> close as user refused for role")
    assert story.events == ("log", "assign", "resolve", "close")
    assert story.acts[1].payload == {"to": "sam"}
    assert story.acts[2].who == "service_desk"
    assert story.acts[3].refused == ("role",)
    assert story.id == "log-assign-resolve-close-refused-role"


def test_values_of_own_types_are_written_by_their_names() -> None:
    """What equals its default is left out, so that a line stays short."""
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert written(told(Cause("leak", "It leaks", at=at))) == (
        "Cause(name='leak', text='It leaks', at=moment('2026-03-02T09:00:00+00:00'))"
    )
    assert written((date(2026, 3, 2), Decimal("1.50"))) == "(date('2026-03-02'), decimal('1.50'))"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("log ->", "its end"),
        ("log(summary=open('x'))", "the values of a step"),
        ("log('x')", "the values of a step"),
        ("log(**{})", "the values of a step"),
        ("log(a=1", "its end"),
        ("log as", "its end"),
        ("log as a as b", "as b"),
        ("log after noon", "noon"),
        ("log for role", "for role"),
        ("log refused for", "its end"),
        ("log(at=moment('noon'))", "moment(...)"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(text: str, place: str) -> None:
    """Nothing is guessed, and nothing is ever evaluated."""
    with pytest.raises(InvalidInput) as caught:
        Story.parse(text)
    assert caught.value.code == "bad_story"
    assert place in caught.value.detail["place"]
