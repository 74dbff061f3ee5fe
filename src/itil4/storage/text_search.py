"""Finding records by words: what a store may be able to do, the plain way that does the same, and SQLite's.

A word is what is left of a text after compatibility forms are unified, case is folded, characters
that nobody sees are dropped, and everything that is neither letter nor digit separates. So no mark,
quote or operator of a search language survives to mean anything. Words are compared whole.
"""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

from itil4.storage.protocols import RecordRow, Store
from itil4.storage.query import Query


@runtime_checkable
class FindsWords(Protocol):
    """A store that finds records by words itself, faster than by reading all of them.

    `finds_words` is the capability; the answers are those of `PlainWords`, in the same order.
    """

    finds_words: bool

    def find_words(self, tenant: str, query: Query, fields: tuple[str, ...], words: Sequence[str]) -> list[RecordRow]:
        """Return the rows that meet the query and have every word in one of the fields, those born last first.

        Of the query, the order and `after` are not used.
        """
        ...

    def count_words(self, tenant: str, kind: str, fields: tuple[str, ...], words: Sequence[str]) -> Mapping[str, int]:
        """Return how many records of a kind have each word in one of the fields."""
        ...


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text, each once, in order.

    >>> words_of('Mail "down" OR NEAR(x*) \\u200bma\\u00adil')
    ('mail', 'down', 'or', 'near', 'x')
    """
    if text.isascii():
        parted = "".join(each if each.isalnum() else " " for each in text.lower())
    else:
        unified = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        parted = "".join(map(_kept, unified))
    return tuple(dict.fromkeys(parted.split()))


@lru_cache(maxsize=4096)
def _kept(character: str) -> str:
    """Return a letter, digit or mark as it is, nothing for what nobody sees, and a space for all else."""
    category = unicodedata.category(character)
    if category == "Cf" or "\ufe00" <= character <= "\ufe0f":
        return ""
    return character if character.isalnum() or category.startswith("M") else " "


def spelled(values: Iterable[Any]) -> str:
    """Return all words of several texts as one line, each between two spaces."""
    return f" {' '.join(words_of(' '.join(str(each) for each in values if each is not None)))} "


class PlainWords:
    """Finds records by words in any store, by reading all that meet the rest of the query."""

    finds_words = False

    def __init__(self, store: Store) -> None:
        self._store = store

    def find_words(self, tenant: str, query: Query, fields: tuple[str, ...], words: Sequence[str]) -> list[RecordRow]:
        """Return the rows that meet the query and have every word in one of the fields, those born last first."""
        found = []
        for row in self._rows(tenant, query):
            line = _line(row, fields)
            if all(f" {word} " in line for word in words):
                found.append(row)
        found.sort(key=lambda row: row.id, reverse=True)
        return found[: query.limit]

    def count_words(self, tenant: str, kind: str, fields: tuple[str, ...], words: Sequence[str]) -> Mapping[str, int]:
        """Return how many records of a kind have each word in one of the fields."""
        counts = dict.fromkeys(words, 0)
        for row in self._rows(tenant, Query(kind)):
            line = _line(row, fields)
            for word in counts:
                counts[word] += f" {word} " in line
        return counts

    def _rows(self, tenant: str, query: Query) -> list[RecordRow]:
        return self._store.find(tenant, Query(query.kind, query.where))


def _line(row: RecordRow, fields: tuple[str, ...]) -> str:
    body = json.loads(row.body)
    return spelled(body.get(name) for name in fields)


def store_of_words(store: Store) -> FindsWords:
    """Return what finds words in a store: the store itself where it can, else the plain way."""
    if isinstance(store, FindsWords) and store.finds_words:
        return store
    return PlainWords(store)
