"""A record that is filled as a copy of its type's blank is the one that its constructor makes."""

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from itil4.errors import InvalidInput
from itil4.record import Frozen, Record, make_shape
from itil4.record.door import Line

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HEAD: dict[str, Any] = {"id": "i1", "state": "new", "created_at": NOON, "created_by": "sam", "updated_at": NOON}


@attrs.frozen(kw_only=True)
class Plain(Record):
    title: Line
    note: str | None = None
    tags: tuple[str, ...] = ()
    sizes: dict[str, int] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True)
class Ticket(Record):
    title: Line
    note: str | None = None
    tags: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Strict(Ticket):
    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.title == "nothing":
            raise ValueError("a rule of its own")


@attrs.frozen(kw_only=True)
class Validated(Ticket):
    size: int = attrs.field(default=1, validator=attrs.validators.lt(9))


def _stripped(value: str) -> str:
    return value.strip()


@attrs.frozen(kw_only=True)
class Converted(Ticket):
    name: str = attrs.field(default="", converter=_stripped)


def test_the_filled_record_equals_the_constructed_one() -> None:
    """Defaults, given values and mappings are those of the constructor."""
    values = {**HEAD, "title": "Mail", "tags": ("a",), "overrides": {}, "extra": {"deck": 1}}
    made = make_shape(Ticket).made(values)
    assert made == Ticket(**values)
    assert type(made) is Ticket
    assert type(made.extra) is Frozen
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.title = "x"  # type: ignore[misc]  # that it is refused is the point


def test_two_records_share_no_mapping_that_could_change() -> None:
    """A default that each record has for its own is made anew for each."""
    first, second = (make_shape(Plain).made({**HEAD, "title": "Mail"}) for _ in range(2))
    assert first.sizes is not second.sizes


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Strict, {"title": "nothing"}),
        (Validated, {"title": "Mail", "size": 10}),
        (Ticket, {"title": "Mail", "note": 3}),
        (Ticket, {"title": ""}),
        (Ticket, {}),
        (Ticket, {"title": "Mail", "unknown": 1}),
    ],
)
def test_what_the_constructor_refuses_is_refused_in_its_words(kind: type[Record], values: dict[str, Any]) -> None:
    """A rule of the class, a validator, the door, and what lacks or is unknown speak as they would."""
    given = {**HEAD, **values}
    with pytest.raises(Exception) as expected:  # noqa: PT011 - whichever it is
        kind(**given)
    with pytest.raises(type(expected.value)) as found:
        make_shape(kind).made(given)
    assert str(expected.value) in str(found.value)  # with the field and a remedy, where the class said neither


def test_a_converter_of_the_class_is_used() -> None:
    """A class that converts its values gets them converted."""
    assert make_shape(Converted).made({**HEAD, "title": "Mail", "name": " sam "}).name == "sam"


def test_only_names_that_were_looked_at_are_not_looked_at_again() -> None:
    """`checked` vouches for its names alone."""
    with pytest.raises(InvalidInput):
        make_shape(Ticket).made({**HEAD, "title": "Mail", "note": 3}, checked={"title"})


@attrs.frozen(kw_only=True)
class Computing(Ticket):
    short: str | None = None

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        object.__setattr__(self, "short", self.title[:2])


def test_what_the_constructor_sets_itself_is_told_besides_what_was_given() -> None:
    """A field beyond its default is found whoever set it, in the order of the class."""
    shape, given = make_shape(Computing), {**HEAD, "note": "n", "title": "Mail"}
    told = shape.beyond_defaults(shape.made(given), ("note", "title"))
    assert list(told.items())[-3:] == [("title", "Mail"), ("note", "n"), ("short", "Ma")]
    plain = make_shape(Ticket)
    assert list(plain.beyond_defaults(plain.made(given), ("note", "tags", "title"))) == ["title", "note"]
