"""What definitions are checked by: words, texts, flags and tables, read from plain data."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import attrs

from itil4.errors import DefinitionError, nearest
from itil4.record import Frozen, blank
from itil4.record.door import text_problem


def refuse(where: str, text: str, remedy: str) -> DefinitionError:
    """Return the error that says what a definition got wrong."""
    return DefinitionError.of("definition", where=where, text=text, remedy=remedy)


def words(value: Any) -> Any:
    """Return a word or several as a tuple; anything else is left for the check that follows."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, (list, tuple, set, frozenset)) else value


def frozen_words(value: Any) -> Any:
    """Return field -> words, frozen."""
    return Frozen({name: words(each) for name, each in value.items()}) if isinstance(value, Mapping) else value


def several(what: str, value: Any) -> tuple[Any, ...]:
    """Return a list or tuple as a tuple.

    Raises:
        DefinitionError: it is something else.
    """
    if isinstance(value, (list, tuple)):
        return tuple(value)
    raise DefinitionError.of("ill_typed", field=what, expected="several values", value=value)


def each_a(kind: type) -> Any:
    """Return the check that a tuple holds values of one class."""

    def check(_: Any, attribute: Any, value: Any) -> None:
        for each in several(attribute.name, value):
            if not isinstance(each, kind):
                raise DefinitionError.of(
                    "ill_typed", field=attribute.name, expected=f"{kind.__name__} values", value=each
                )

    return check


def flag(_: Any, attribute: Any, value: Any) -> None:
    """Check that it is True or False."""
    if type(value) is not bool:
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="True or False", value=value)


def line(_: Any, attribute: Any, value: Any) -> None:
    """Check that it is one line of text."""
    if type(value) is not str:
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a text", value=value)
    if reason := text_problem(attribute.name, value, longest=255, lines=False, may_be_blank=False):
        raise DefinitionError(reason)


def note(_: Any, attribute: Any, value: Any) -> None:
    """Check that it is a text."""
    if type(value) is not str:
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a text", value=value)
    if reason := text_problem(attribute.name, value, longest=100_000):
        raise DefinitionError(reason)


def lines(_: Any, attribute: Any, value: Any) -> None:
    """Check that they are lines of text."""
    if type(value) is not tuple:
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="several texts", value=value)
    for each in value:
        line(None, attribute, each)


def table(_: Any, attribute: Any, value: Any) -> None:
    """Check that it is a mapping from texts to several texts."""
    if not isinstance(value, Mapping):
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a mapping of texts", value=value)
    for name, several in value.items():
        line(None, attribute, name)
        lines(None, attribute, several)


def role_names(value: Any) -> Any:
    """Return a set of names of roles or people.

    Raises:
        DefinitionError: it is something else.
    """
    given = None if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
    if given is None or not all(isinstance(name, str) and not blank(name) for name in given):
        raise DefinitionError.of("ill_typed", field="roles", expected="a set of names", value=value)
    return frozenset(given)


def function(_: Any, attribute: Any, value: Any) -> None:
    """Check that it is a function, or nothing."""
    if value is not None and not callable(value):
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a function", value=value)


def priorities(_: Any, attribute: Any, value: Any) -> None:
    """Check that it turns impact and urgency into a priority."""
    if not callable(value):
        expected = "a PriorityMatrix, or a function of impact and urgency"
        raise DefinitionError.of("ill_typed", field=attribute.name, expected=expected, value=value)


def span(_: Any, attribute: Any, value: Any) -> None:
    """Check that it is a duration that is not negative, or nothing."""
    if value is not None and (not isinstance(value, timedelta) or value < timedelta(0)):
        expected = "a timedelta that is not negative, or nothing"
        raise DefinitionError.of("ill_typed", field=attribute.name, expected=expected, value=value)


def one_of(*known: str) -> Any:
    """Return the check that it is one of these words."""

    def check(_: Any, attribute: Any, value: Any) -> None:
        if value not in known:
            raise DefinitionError.of(
                "not_a_choice", field=attribute.name, value=value, choices=known, nearest=nearest(value, known)
            )

    return check


def made(kind: Any, value: Any) -> Any:
    """Return a value of that class: itself, or what plain data says."""
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise DefinitionError.of("ill_typed", field=kind.__name__, expected=f"a {kind.__name__}", value=value)
    return kind(**known(value, kind, f"a {kind.__name__}"))


def known(data: Mapping[str, Any], kind: Any, where: str) -> dict[str, Any]:
    """Return plain data for a class whose fields it names.

    Raises:
        DefinitionError: a name is unknown, with the nearest one, or one is missing.
    """
    names = attrs.fields_dict(kind)
    for name in data:
        if name not in names:
            raise DefinitionError.of("unknown_name", where=where, what="field", name=name, nearest=nearest(name, names))
    gone = [name for name, each in names.items() if each.default is attrs.NOTHING and name not in data]
    if gone:
        raise refuse(where, f"it has no {', '.join(gone)}.", "Give it.")
    return dict(data)


def plain(value: Any) -> Any:
    """Return a definition, or a part of it, as plain data that any JSON encoder takes."""
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if attrs.has(type(value)):
        held = attrs.asdict(value, recurse=False)
        defaults = {each.name: each.default for each in attrs.fields(type(value))}
        return {name: plain(each) for name, each in held.items() if each is not None or defaults[name] is not None}
    return value


__all__ = [
    "each_a", "flag", "frozen_words", "function", "known", "line", "lines", "made", "note", "one_of", "plain",
    "priorities", "refuse", "role_names", "several", "span", "table", "words",
]  # fmt: skip
