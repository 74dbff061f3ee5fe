"""By which word a type is stored, where a field may hold one of several: never by where its class is."""

from collections.abc import Callable
from typing import TypeVar

from itil4.errors import DefinitionError

T = TypeVar("T", bound=type)

_TAGS: dict[type, tuple[str, ...]] = {}


def stored_as(tag: str, *earlier: str) -> Callable[[T], T]:
    """Say by which word values of a class or enum are stored in a field that may hold others, too.

    Without it the name of the class is that word, so that renaming the class needs `stored_as` with the old name.

    Args:
        tag: the word that is written and read.
        *earlier: words of before, which are read.

    >>> import attrs
    >>> @stored_as("berth", "Dock")
    ... @attrs.frozen
    ... class Berth:
    ...     name: str
    >>> tags_of(Berth)
    ('berth', 'Dock')
    """
    for each in (tag, *earlier):
        if not isinstance(each, str) or not each or each.isspace():
            raise DefinitionError.of("ill_typed", field="the tag of a type", expected="a word", value=each)

    def mark(cls: T) -> T:
        _TAGS[cls] = (tag, *earlier)
        return cls

    return mark


def tags_of(cls: type) -> tuple[str, ...]:
    """Return the words by which a type is stored, the one that is written first."""
    return _TAGS.get(cls, (cls.__name__,))
