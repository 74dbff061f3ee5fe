"""Finding records by words: what a store may be able to do, the plain way that does the same, and SQLite's.

A word is what is left of a text after compatibility forms are unified, case is folded, characters
that nobody sees are dropped, and everything that is neither letter nor digit separates. So no mark,
quote or operator of a search language survives to mean anything. Words are compared whole.
"""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from itil4.record import REDACTED
from itil4.storage import statements as sql
from itil4.storage.capabilities import capabilities_of
from itil4.storage.connecting import Connecting
from itil4.storage.protocols import RecordRow, Store
from itil4.storage.query import Query

if TYPE_CHECKING:
    import sqlite3


class FindsWords(Protocol):
    """What a store promises whose `capabilities` have `text_search`: records by words, without reading all of them.

    The answers are those of `PlainWords`, in the same order.
    """

    def find_words(self, tenant: str, query: Query, fields: tuple[str, ...], words: Sequence[str]) -> list[RecordRow]:
        """Return the rows that meet the query and have every word in one of the fields, those born last first.

        Of the query, the order and `after` are not used.
        """
        ...

    def count_words(
        self, tenant: str, kind: str, fields: tuple[str, ...], words: Sequence[str], most: int
    ) -> Mapping[str, int]:
        """Return how many records of a kind have each word in one of the fields; `most` stands for more, too."""
        ...


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text, each once, in order.

    >>> words_of('Mail "down" OR NEAR(x*) \\u200bma\\u00adil')
    ('mail', 'down', 'or', 'near', 'x')
    """
    text = text.replace(REDACTED, " ")  # what was taken out of a text has no words
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

    def count_words(
        self, tenant: str, kind: str, fields: tuple[str, ...], words: Sequence[str], most: int
    ) -> Mapping[str, int]:
        """Return how many records of a kind have each word in one of the fields; `most` stands for more, too."""
        lines = [_line(row, fields) for row in self._rows(tenant, Query(kind))]
        return {word: min(most, sum(f" {word} " in line for line in lines)) for word in words}

    def _rows(self, tenant: str, query: Query) -> list[RecordRow]:
        return self._store.find(tenant, Query(query.kind, query.where))


def _line(row: RecordRow, fields: tuple[str, ...]) -> str:
    body = json.loads(row.body)
    return spelled(body.get(name) for name in fields)


def finds_words(store: object) -> TypeGuard[FindsWords]:
    """Say whether a store finds words itself."""
    return "text_search" in capabilities_of(store)


def store_of_words(store: Store) -> FindsWords:
    """Return what finds words in a store: the store itself where it can, else the plain way."""
    return store if finds_words(store) else PlainWords(store)


class SqliteWords(Connecting):
    """How the SQLite store finds words: a line of words per record, kept by triggers, and FTS5 over the lines.

    The tables of a kind are made when it is first searched, from what is stored by then; from then
    on every write keeps them, whoever writes. Where SQLite lacks FTS5, the lines alone give the same
    answers, by reading all of them.
    """

    uses_fts5: bool | None = None
    """Whether FTS5 is used; None until it is known, False to do without."""

    _ready: frozenset[tuple[str, tuple[str, ...]]] = frozenset()

    def find_words(self, tenant: str, query: Query, fields: tuple[str, ...], words: Sequence[str]) -> list[RecordRow]:
        """Return the rows that meet the query and have every word in one of the fields, those stored last first."""
        self._prepare(query.kind, fields)
        where, values = sql.condition(tenant, query)
        text, asked = self._having(query.kind, words)
        limit = "" if query.limit is None else f" LIMIT {int(query.limit)}"
        text = f"SELECT {sql.RECORD} {text} AND {where} ORDER BY found.rowid DESC{limit}"
        with self._doing("find words"):
            return [RecordRow(*row) for row in self._connection().execute(text, [*asked, *values])]

    def count_words(
        self, tenant: str, kind: str, fields: tuple[str, ...], words: Sequence[str], most: int
    ) -> Mapping[str, int]:
        """Return how many records of a kind have each word in one of the fields; `most` stands for more, too."""
        self._prepare(kind, fields)
        counts = {}
        with self._doing("count words"):
            for word in words:
                text, asked = self._having(kind, (word,))
                text = f"SELECT count(*) FROM (SELECT 1 {text} AND owner_tenant = ? LIMIT {int(most)})"
                counts[word] = int(self._connection().execute(text, [*asked, tenant]).fetchone()[0])
        return counts

    def _having(self, kind: str, words: Sequence[str]) -> tuple[str, list[str]]:
        lines = _named("words", kind)
        owner = "CROSS JOIN record ON record.tenant = owner_tenant AND record.id = owner"
        if self.uses_fts5:
            index = _named("found", kind)
            asked = [" AND ".join(f'"{word}"' for word in words)]
            found = f"{index} AS found CROSS JOIN {lines} AS line ON line.doc = found.rowid {owner}"
            return f"FROM {found} WHERE {index} MATCH ?", asked
        had = " AND ".join("instr(words, ?) > 0" for _ in words)
        return f"FROM {lines} AS found {owner} WHERE {had}", [f" {word} " for word in words]

    def _prepare(self, kind: str, fields: tuple[str, ...]) -> None:
        """Make the tables and triggers of a kind, unless they are there and about these fields."""
        if (kind, fields) in self._ready:
            return
        with self._doing("look at its words"):
            has_fts5 = bool(self._connection().execute(_HAS_FTS5).fetchone())
        self.uses_fts5 = has_fts5 and self.uses_fts5 is not False
        wanted = _lines(kind, fields)
        if not self._has(self._connection(), wanted):
            with self._writing("gather words") as connection:
                if not self._has(connection, wanted):
                    _gather(connection, kind, fields)
        index = _index(kind)
        if self.uses_fts5 and not self._has(self._connection(), index):
            with self._writing("index words") as connection:
                if not self._has(connection, index):
                    for statement in index:
                        connection.execute(statement)
                    connection.execute(_command(kind, "rebuild"))
        self._ready |= {(kind, fields)}

    @staticmethod
    def _has(connection: "sqlite3.Connection", statements: Sequence[str]) -> bool:
        there = {row[0] for row in connection.execute("SELECT sql FROM sqlite_master")}
        return there.issuperset(statements)


_HAS_FTS5 = "SELECT 1 FROM pragma_module_list WHERE name = 'fts5'"


def _named(what: str, kind: str) -> str:
    return '"' + f"{what}:{kind}".replace('"', '""') + '"'


def _command(kind: str, word: str) -> str:
    index = _named("found", kind)
    return f"INSERT INTO {index} ({index}) VALUES ('{word}')"


def _spelled(fields: tuple[str, ...], body: str) -> str:
    parts = ", ".join("json_extract({}, '$.{}')".format(body, name.replace("'", "''")) for name in fields)
    return f"spelled({parts})"


def _lines(kind: str, fields: tuple[str, ...]) -> tuple[str, ...]:
    """The lines of words of a kind, and the triggers on records that keep them."""
    lines, when = _named("words", kind), "WHEN new.kind = '{}'".format(kind.replace("'", "''"))
    line = _spelled(fields, "new.body")
    return (
        f"CREATE TABLE {lines} (doc INTEGER PRIMARY KEY, owner_tenant TEXT NOT NULL, owner TEXT NOT NULL, "
        "words TEXT NOT NULL, UNIQUE (owner_tenant, owner))",
        f"CREATE TRIGGER {_named('words born', kind)} AFTER INSERT ON record {when} BEGIN "
        f"INSERT INTO {lines} (owner_tenant, owner, words) VALUES (new.tenant, new.id, {line}); END",
        f"CREATE TRIGGER {_named('words changed', kind)} AFTER UPDATE OF body ON record {when} BEGIN "
        f"UPDATE {lines} SET words = {line} "
        f"WHERE owner_tenant = new.tenant AND owner = new.id AND words <> {line}; END",
    )


def _index(kind: str) -> tuple[str, ...]:
    """The index over the lines of a kind, and the triggers on lines that keep it; words are already as they compare."""
    lines, index = _named("words", kind), _named("found", kind)
    gone = f"INSERT INTO {index} ({index}, rowid, words) VALUES ('delete', old.doc, old.words);"
    new = f"INSERT INTO {index} (rowid, words) VALUES (new.doc, new.words);"
    return (
        f"CREATE VIRTUAL TABLE {index} USING fts5 (words, content={lines}, content_rowid='doc', tokenize='ascii', "
        "columnsize=0, detail=column)",
        f"CREATE TRIGGER {_named('found born', kind)} AFTER INSERT ON {lines} BEGIN {new} END",
        f"CREATE TRIGGER {_named('found changed', kind)} AFTER UPDATE ON {lines} BEGIN {gone} {new} END",
    )


def _gather(connection: "sqlite3.Connection", kind: str, fields: tuple[str, ...]) -> None:
    """Make the lines anew from what is stored; an older index over them goes with them."""
    for name in (_named("words born", kind), _named("words changed", kind)):
        connection.execute(f"DROP TRIGGER IF EXISTS {name}")
    for name in (_named("found", kind), _named("words", kind)):
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    for statement in _lines(kind, fields):
        connection.execute(statement)
    connection.execute(
        f"INSERT INTO {_named('words', kind)} (owner_tenant, owner, words) "
        f"SELECT tenant, id, {_spelled(fields, 'body')} FROM record WHERE kind = ? ORDER BY record.rowid",
        (kind,),
    )


def forget_words(connection: "sqlite3.Connection", kinds: Iterable[str]) -> None:
    """Drop from the indexes of these kinds what is no longer in their lines; FTS5 only marks it otherwise."""
    for kind in kinds:
        index = f"found:{kind}"
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (index,)).fetchone():
            connection.execute(_command(kind, "optimize"))


def spelled_row(*values: Any) -> str:
    """Return all words of the values as one line: the function that the triggers call."""
    return spelled(values)
