"""Values for fields, as their types allow them: what Hypothesis draws for one field of a record.

Every value passes the door of its field. A type of the host may have a strategy of its own, registered
with `st.register_type_strategy`, which is then used wherever that type stands.
"""

import string
import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from weakref import WeakKeyDictionary

import attrs
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException, InvalidArgument

from itil4.errors import DefinitionError, InvalidInput, ITIL4Error
from itil4.record import Frozen
from itil4.record.door import _DIRECTION, FieldType, Text, blank, field_type

SINCE, UNTIL = datetime(2000, 1, 1), datetime(2100, 1, 1)
"""Between these the usual moments lie."""

_LONGEST = 60
_TRIES = 10
_HOPELESS = 15
_REFUSED = "".join(map(chr, _DIRECTION))

ZONES = st.just(UTC) | st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def _writable(*, lines: bool) -> st.SearchStrategy[str]:
    gone, more = (_REFUSED, "\t\n\r") if lines else (_REFUSED + "\u2028\u2029", "")
    return st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=gone, include_characters=more)


def texts(limits: Text | None = None) -> st.SearchStrategy[str]:
    """Return texts that a field with these limits takes: plain words first, then any script and sign."""
    limits = limits or Text()
    signs = _writable(lines=limits.lines)
    least, most = 0 if limits.blank else 1, min(limits.max, _LONGEST)
    plain = st.text(string.ascii_letters + " ", min_size=least, max_size=most)
    every = plain | st.text(signs, min_size=least, max_size=most)
    return every if limits.blank else every.filter(lambda text: not blank(text))


def moments() -> st.SearchStrategy[datetime]:
    """Return aware moments of this century, in UTC and other zones."""
    return st.datetimes(SINCE, UNTIL, timezones=ZONES)


_BY_KIND: Mapping[str, st.SearchStrategy[Any]] = {
    "decimal": st.decimals(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "moment": moments(),
    "date": st.dates(SINCE.date(), UNTIL.date()),
    "duration": st.timedeltas(timedelta(days=-1_000), timedelta(days=1_000)),
}

_WHOLE = st.integers(-100, 100) | st.integers(-(2**63), 2**63 - 1)

_PLAIN = st.none() | st.booleans() | _WHOLE | st.floats(allow_nan=False, allow_infinity=False) | texts()
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(texts(), inner, max_size=3).map(Frozen),
    max_leaves=5,
)
"""Values for a field that takes any."""


def values_of(field: FieldType, owner: str) -> st.SearchStrategy[Any]:
    """Return the values of a field that its door lets in.

    Args:
        field: the compiled field.
        owner: the name of the record type, for messages.

    Raises:
        InvalidInput: its type, or a part of it, has no strategy; the message names field and remedy.
    """
    made = _values(field, owner, ())
    return st.none() | made if field.optional else made


def _values(field: FieldType, owner: str, within: tuple[type, ...]) -> st.SearchStrategy[Any]:
    kind = field.kind
    if kind == "text":
        return texts(field.limits)
    if kind == "choice":
        return _chosen(field, owner)
    if kind == "number":
        return _WHOLE if field.python is int else st.floats(allow_nan=False, allow_infinity=False, width=64)
    if kind in ("list", "set", "mapping"):
        return _several(field, owner, within)
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    return _of_type(field.python, owner, field.name, within)


def _chosen(field: FieldType, owner: str) -> st.SearchStrategy[Any]:
    if not field.choices:
        raise _lacking(owner, field.name, field.python)
    return st.sampled_from(field.choices)


def _several(field: FieldType, owner: str, within: tuple[type, ...]) -> st.SearchStrategy[Any]:
    item = field.items
    if item is None:
        raise _lacking(owner, field.name, field.python)
    inner = _values(item, owner, within)
    if item.optional:
        inner = st.none() | inner
    if field.kind == "list":
        return st.lists(inner, max_size=3).map(tuple)
    if field.kind == "set":
        return st.frozensets(inner, max_size=3)
    names = texts(Text(max=20, lines=False, blank=False))
    return st.dictionaries(names, inner, max_size=3).map(Frozen)


def _of_type(annotation: Any, owner: str, name: str, within: tuple[type, ...]) -> st.SearchStrategy[Any]:
    if annotation is Any:
        return ANYTHING
    members = typing.get_args(annotation)
    if members and not isinstance(annotation, type) and typing.get_origin(annotation) is not None:
        return st.one_of([_compiled(each, owner, name, within) for each in members])
    if is_registered(annotation):
        return _found(annotation, owner, name)
    if isinstance(annotation, type) and attrs.has(annotation):
        return _own(annotation, owner, name, within)
    return _found(annotation, owner, name)


def _compiled(annotation: Any, owner: str, name: str, within: tuple[type, ...]) -> st.SearchStrategy[Any]:
    try:
        made = field_type(owner, name, annotation)
    except DefinitionError:
        return _found(annotation, owner, name)
    inner = _values(made, owner, within)
    return st.none() | inner if made.optional else inner


def _own(cls: type, owner: str, name: str, within: tuple[type, ...]) -> st.SearchStrategy[Any]:
    """Return values of an attrs class of the host, each part by its own type, as far as its own rules let them in."""
    if cls in within:  # a type that holds itself ends here
        raise _lacking(owner, name, cls)
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except Exception as error:  # whatever an annotation raises when it is evaluated
        raise _lacking(owner, name, cls) from error
    parts: dict[str, st.SearchStrategy[Any]] = {}
    spare: set[str] = set()
    for part in attrs.fields(cls):
        if not part.init:
            continue
        optional = part.default is not attrs.NOTHING
        if part.name not in hints:
            if optional:
                continue
            raise _lacking(owner, f"{name}.{part.name}", "a part without an annotation")
        given = part.alias or part.name
        if optional:
            spare.add(given)
        try:
            parts[given] = _compiled(hints[part.name], owner, f"{name}.{part.name}", (*within, cls))
        except InvalidInput:
            if not optional:
                raise
    return _built(cls, owner, name, parts, frozenset(spare))


_TALLIES: "WeakKeyDictionary[type, dict[str, int]]" = WeakKeyDictionary()
"""How often values of a class could be made, and how often its own rules refused whatever was tried."""


def _built(
    cls: type, owner: str, name: str, parts: Mapping[str, st.SearchStrategy[Any]], spare: frozenset[str]
) -> st.SearchStrategy[Any]:
    """Return values of a class; of its parts that may be left out all, some, or at last none are given."""
    chosen = st.frozensets(st.sampled_from(sorted(spare))) if spare else st.just(spare)

    tally = _TALLIES.setdefault(cls, {"made": 0, "refused": 0})

    @st.composite
    def made(draw: st.DrawFn) -> Any:
        refused: Exception | None = None
        for attempt in range(_TRIES):
            wanted = draw(chosen) if attempt < _TRIES // 2 else frozenset()
            given = {part: draw(each) for part, each in parts.items() if part not in spare or part in wanted}
            try:
                value = cls(**given)
            except (ITIL4Error, ValueError, TypeError) as error:  # its own rules refuse this one; others may pass
                refused = error
            else:
                tally["made"] += 1
                return value
        tally["refused"] += 1
        if not tally["made"] and tally["refused"] > _HOPELESS:  # before Hypothesis would complain of filtering
            raise _lacking(owner, name, cls) from refused
        return reject()  # raises

    return made()


def own_values(cls: type) -> st.SearchStrategy[Any]:
    """Return values of an attrs class, each part by its own type.

    Raises:
        InvalidInput: a part that it needs has no strategy.
    """
    return _own(cls, cls.__name__, "it", ())


def is_registered(annotation: Any) -> bool:
    """Whether somebody registered a strategy for exactly this type."""
    from hypothesis.strategies._internal import types

    try:
        return annotation in types._global_type_lookup
    except TypeError:  # not hashable
        return False


def _found(annotation: Any, owner: str, name: str) -> st.SearchStrategy[Any]:
    """Return what Hypothesis itself knows of a type."""
    try:
        made = st.from_type(annotation)
        made.validate()
    except (HypothesisException, InvalidArgument, TypeError) as error:
        raise _lacking(owner, name, annotation) from error
    return made


def _lacking(owner: str, name: str, annotation: Any) -> InvalidInput:
    shown = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return InvalidInput.of("no_strategy", record=owner, field=name, type=shown)


# what people and systems really send

_HOSTILE = (
    "' OR 1=1 --", '"; DROP TABLE record; --', "%", "_%", "\\", "null", "None", "0", "-1", "NaN", "1e309", "true",
    "{}", "[]", "${7*7}", "{{7*7}}", "<script>alert(1)</script>", "../../etc/passwd", "=1+1", "a\tb", "line\nline",
    " padded ", "İstanbul", "ﬀ", "Ⅳ", "e\u0301", "é", "\u00a0", "\u200b", "\ufeff", "👩‍👩‍👧", "\U0001d504", "مرحبا",
    "שלום", "Z͑͗a̸l̛g͙o", "ßẞ", "\U000e0001", "A" * 255, "A" * 256, "\u0085", "\x00", "\x1b[31m", "\ud800", "\u202egnp.exe",
)  # fmt: skip


def hostile_text() -> st.SearchStrategy[str]:
    """Return texts that break software: quotes, other scripts, signs without form, and what no field may hold.

    Some of them must be refused, and the others must be kept as they are.
    """
    return st.sampled_from(_HOSTILE) | st.text(st.characters(), max_size=_LONGEST)


_EDGES = (
    datetime(1, 1, 1, tzinfo=UTC), datetime(1900, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(1970, 1, 1, tzinfo=UTC), datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
    datetime(2024, 3, 31, 1, tzinfo=UTC), datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC), datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12))),
)  # fmt: skip


def hostile_moments() -> st.SearchStrategy[datetime]:
    """Return aware moments at the edges of time, of zones and of clock changes; some lie outside what UTC can show."""
    every = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES | st.timezones())
    return st.sampled_from(_EDGES) | every


def hostile_values() -> st.SearchStrategy[Any]:
    """Return values of every sort, most of which a given field must refuse."""
    odd = st.sampled_from((float("nan"), float("inf"), 2**64, -(2**63) - 1, b"bytes", 1j, (), [], {}, True, 0, ""))
    naive = st.datetimes(SINCE, UNTIL)
    rest = _PLAIN | naive | st.dates() | st.timedeltas() | st.decimals()
    return hostile_text() | hostile_moments() | odd | rest


__all__ = [
    "ANYTHING", "hostile_moments", "hostile_text", "hostile_values", "is_registered", "moments",
    "own_values", "texts", "values_of",
]  # fmt: skip
