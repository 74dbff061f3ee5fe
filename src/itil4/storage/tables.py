"""The tables of a SQL database that belongs to a host: their columns, indexes and triggers, as data and as statements.

A host that owns its migrations takes the statements of `ddl`, or the `MetaData` of
`itil4.storage.metadata`, which is made from the same columns.

Texts compare by code point: the collation is said where a database has another one by default. Each name
begins with a prefix, since a host has tables of its own beside these.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import blake2s
from typing import Literal, NamedTuple, TypeAlias, get_args

from itil4.errors import InvalidInput, nearest
from itil4.storage.projections import DueRow
from itil4.storage.protocols import EntryRow, KindRow, LinkRow, RecordRow
from itil4.storage.sql_terms import WORDS, Dialect, Words

LAYOUT = 1
"""The version of these tables; a database with a later one is refused."""

PREFIX = "itil4_"
"""What the names of the tables begin with, unless the host says otherwise."""

Type: TypeAlias = Literal["key", "text", "long", "int", "big", "document"]
"""A text in keys or outside them, JSON text of any length, whole numbers, the body as the database's own JSON."""

_TYPES: dict[Dialect, dict[str, str]] = {
    "postgresql": {
        "key": 'TEXT COLLATE "C"', "text": 'TEXT COLLATE "C"', "long": 'TEXT COLLATE "C"', "int": "INTEGER",
        "big": "BIGINT", "document": "JSONB GENERATED ALWAYS AS (CAST(body AS jsonb)) STORED",
    },
    "sqlite": {"key": "TEXT", "text": "TEXT", "long": "TEXT", "int": "INTEGER", "big": "INTEGER"},
    "mysql": {
        "key": "VARCHAR(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        "text": "VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        "long": "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin", "int": "INTEGER", "big": "BIGINT",
    },
}  # fmt: skip


class Column(NamedTuple):
    """A column: its name, its type, and whether it may be empty."""

    name: str
    type: Type
    nullable: bool = False


class Index(NamedTuple):
    """An index: its name, its columns, whether it is unique; `where` names a column whose empty rows are left out."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    where: str | None = None


class Table(NamedTuple):
    """A table: its name without the prefix, its columns, how many of them are the primary key, its indexes."""

    name: str
    columns: tuple[Column, ...]
    key: int
    indexes: tuple[Index, ...] = ()


_KEYS = frozenset(
    ("id", "kind", "number", "category", "origin_key", "record_id", "seq", "origin_system", "origin_row", "source",
     "relation", "target", "sort", "name", "stamp")
)  # fmt: skip
_BIG = frozenset(("created_at", "updated_at", "at", "recorded_at", "due_at", "late_from", "next_at"))
_INT = frozenset(("version", "links", "schema", "seq"))
_LONG = frozenset(("body", "details"))
_NULLABLE = frozenset(
    ("number", "origin_system", "origin_key", "origin_row", "lifecycle", "event", "from_state", "to_state", "unit",
     "due_at", "late_from", "next_at")
)  # fmt: skip


def _columns(names: Iterable[str]) -> tuple[Column, ...]:
    def kind(name: str) -> Type:
        if name in _INT:
            return "int"
        return "big" if name in _BIG else "long" if name in _LONG else "key" if name in _KEYS else "text"

    return tuple(Column(name, kind(name), name in _NULLABLE) for name in names)


_TENANT = Column("tenant", "key")
_FOLDED = Column("folded", "long", nullable=True)
_PLACE = "origin_place"
TABLES = (
    Table(
        "record",
        (_TENANT, *_columns(RecordRow._fields[:-1]), _FOLDED, Column("document", "document", True)),
        2,
        (
            Index("number", ("tenant", "number"), unique=True, where="number"),
            Index("origin", ("tenant", "origin_key"), where="origin_key"),
            Index("category", ("tenant", "kind", "category", "id")),
            Index("created", ("tenant", "kind", "created_at", "id")),
        ),
    ),
    Table(
        "entry",
        (_TENANT, *_columns(EntryRow._fields), Column(_PLACE, "key", nullable=True)),
        3,
        (
            Index("origin", ("tenant", "origin_system", "origin_key", _PLACE), unique=True, where=_PLACE),
            Index("kind", ("tenant", "kind", "record_id", "seq")),
        ),
    ),
    Table("link", (_TENANT, *_columns(LinkRow._fields)), 4, (Index("target", ("tenant", "target", "relation")),)),
    Table("series", (_TENANT, Column("prefix", "key"), Column("last", "big")), 2),
    Table(
        "once",
        (_TENANT, Column("key", "key"), Column("record_id", "key"), Column("seq", "int"), Column("mark", "text")),
        2,
    ),
    Table(
        "due",
        (_TENANT, *_columns(DueRow._fields)),
        4,
        (
            Index("time", ("tenant", "due_at", "record_id"), where="due_at"),
            Index("next", ("tenant", "next_at", "record_id", "sort", "name"), where="next_at"),
            Index("stamp", ("tenant", "stamp", "record_id")),
        ),
    ),
    Table(
        "outbox",
        (
            _TENANT, Column("record_id", "key"), Column("kind", "key"), Column("seq", "int"), Column("last", "int"),
            Column("since", "big"), Column("worker", "text", True), Column("until", "big", True),
        ),
        2,
        (Index("since", ("tenant", "since", "record_id")),),
    ),
    Table("layout", (Column("layout", "int"),), 1),
)  # fmt: skip
"""All tables. `folded` has what ignoring case needs, where it is more than the letters A to Z (see `sql_terms`)."""


class Names:
    """The names of the tables in one database, quoted: a schema, or None for the database's own, and a prefix.

    >>> Names(WORDS["postgresql"], "desk", "itil4_")("record")
    '"desk"."itil4_record"'
    """

    def __init__(self, words: Words, schema: str | None, prefix: str) -> None:
        self.words = words
        self.schema = schema
        self.prefix = prefix

    def __call__(self, name: str) -> str:
        """Return the quoted name of a table, with its schema."""
        return self.qualified(f"{self.prefix}{name}")

    def plain(self, name: str) -> str:
        """Return the name of a table without its schema and unquoted, as the catalogues of databases list it."""
        return f"{self.prefix}{name}"

    def qualified(self, name: str) -> str:
        """Return a name, quoted, with its schema."""
        quote = self.words.quote
        return quote(name) if self.schema is None else f"{quote(self.schema)}.{quote(name)}"


def columns(table: Table, dialect: Dialect) -> tuple[Column, ...]:
    """Return the columns that a table has in a dialect; only PostgreSQL keeps the body as a document too."""
    return tuple(each for each in table.columns if each.type in _TYPES[dialect])


def ddl(
    dialect: str,
    *,
    schema: str | None = None,
    prefix: str = PREFIX,
    kinds: Iterable[KindRow] = (),
    outbox: bool = False,
) -> list[str]:
    """Return the statements that make the tables, for a host whose migrations make them.

    Args:
        dialect: `postgresql`, `sqlite`, or `mysql` for MariaDB.
        schema: the schema to make them in, which must exist; by default the connection's own.
        prefix: what every name begins with.
        kinds: kinds whose declared fields get indexes: `[kind.row for kind in itsm.house.kinds.values()]`.
        outbox: whether entries are kept for relays from the beginning, as with `connect(..., outbox=True)`.

    Raises:
        InvalidInput: the dialect is unknown.

    >>> ddl("sqlite", prefix="desk_")[-1]
    'INSERT INTO "desk_layout" (layout) VALUES (1)'
    """
    names = names_of(dialect, schema, prefix)
    made = [statement for _, statement in (*tables(names), *field_indexes(names, kinds))]
    made += [*triggers(names), *(outbox_trigger(names)[0] if outbox else ())]
    return [*made, f"INSERT INTO {names('layout')} (layout) VALUES ({LAYOUT})"]


def names_of(dialect: str, schema: str | None, prefix: str) -> Names:
    """Return the names of the tables in a dialect.

    Raises:
        InvalidInput: the dialect is unknown, or no name may begin with such a prefix.
    """
    known = get_args(Dialect)
    found: str = "mysql" if dialect == "mariadb" else dialect
    if found not in known:
        raise InvalidInput.of("unknown_dialect", dialect=dialect, dialects=known, nearest=nearest(dialect, known))
    for name in (prefix, schema or ""):
        if not isinstance(name, str) or len(name) > 30 or not all(each.isalnum() or each == "_" for each in name):
            raise InvalidInput.of("bad_prefix", value=name)
    return Names(next(words for words in WORDS.values() if words.dialect == found), schema, prefix)


def tables(names: Names) -> list[tuple[str, str]]:
    """Return the tables and their indexes, each by its plain name and the statement that makes it."""
    words, made = names.words, []
    for table in TABLES:
        lines = [
            f"{words.quote(each.name)} {_TYPES[words.dialect][each.type]}"
            f"{'' if each.nullable or each.type == 'document' else ' NOT NULL'}"
            for each in columns(table, words.dialect)
        ]
        key = ", ".join(words.quote(each.name) for each in table.columns[: table.key])
        made.append(
            (names.plain(table.name), f"CREATE TABLE {names(table.name)} ({', '.join(lines)}, PRIMARY KEY ({key}))")
        )
        made += [_index(names, table, each) for each in table.indexes]
    return made


def needed(names: Names) -> list[str]:
    """Return the plain names of what no store can do without: the tables, and the indexes that keep keys unique."""
    made = [names.plain(table.name) for table in TABLES]
    return made + [
        names.plain(f"{table.name}_{index.name}") for table in TABLES for index in table.indexes if index.unique
    ]


def _index(names: Names, table: Table, index: Index) -> tuple[str, str]:
    quote = names.words.quote
    name = names.plain(f"{table.name}_{index.name}")
    text = ", ".join(map(quote, index.columns))
    where = f" WHERE {quote(index.where)} IS NOT NULL" if index.where and names.words.partial_indexes else ""
    return name, _on(names, name, table.name, text, unique=index.unique) + where


def _on(names: Names, name: str, table: str, text: str, *, unique: bool = False) -> str:
    """Say that an index is made; SQLite wants the schema before the index, others before the table."""
    words = names.words
    inside = words.dialect == "sqlite" and names.schema is not None
    index = names.qualified(name) if inside else words.quote(name)
    on = words.quote(names.plain(table)) if inside else names(table)
    return f"CREATE {'UNIQUE ' if unique else ''}INDEX {index} ON {on} ({text})"


def field_indexes(names: Names, kinds: Iterable[KindRow]) -> list[tuple[str, str]]:
    """Return the indexes of the declared fields of kinds, each by its plain name and its statement.

    MariaDB has no indexes over expressions, and so has none of these.
    """
    words = names.words
    if not words.expression_indexes:
        return []
    made = []
    for kind in kinds:
        for path in kind.indexed:
            name = index_name(names.prefix, kind.kind, path)
            terms = ", ".join((words.quote("tenant"), *words.index_terms(".".join(path)), words.quote("id")))
            where = f" WHERE {words.quote('kind')} = {words.literal(kind.kind)}"
            statement = _on(names, name, "record", terms) + where
            made.append((name, statement.replace("%%", "%") if words.mark == "%s" else statement))
    return made


def index_name(prefix: str, kind: str, path: Sequence[str]) -> str:
    """Return the name of a field's index: readable, its own, and short enough for every database."""
    field = ".".join(path)
    mark = blake2s(f"{kind} {field}".encode(), digest_size=4).hexdigest()
    plain = "".join(each if each.isascii() and each.isalnum() else "_" for each in f"{kind}_{field}")
    return f"{prefix}{plain[: 54 - len(prefix)]}_{mark}"


def triggers(names: Names) -> list[str]:
    """Return the triggers that keep history append-only and the identity of records, whoever writes."""
    return _TRIGGERS[names.words.dialect](names)


def outbox_trigger(names: Names) -> tuple[list[str], list[str]]:
    """Return the statements that make the trigger that keeps the outbox, and those that remove it."""
    words, quote = names.words, names.words.quote
    name = names.plain("entry_goes_out")
    table = _alone(names, "outbox") if words.dialect == "sqlite" else names("outbox")
    columns = ", ".join(map(quote, ("tenant", "record_id", "kind", "seq", "last", "since")))
    row = f"INSERT INTO {table} ({columns}) VALUES " + (
        "(new.tenant, new.record_id, new.kind, new.seq, new.seq, new.recorded_at)"
    )
    upsert = f"{row} ON CONFLICT (tenant, record_id) DO UPDATE SET {quote('last')} = excluded.{quote('last')}"
    if words.dialect == "sqlite":
        made = _sqlite_trigger(names, "entry_goes_out", f"AFTER INSERT ON {_alone(names, 'entry')} BEGIN {upsert}; END")
        return [made], [f"DROP TRIGGER IF EXISTS {names.qualified(name)}"]
    on = f"AFTER INSERT ON {names('entry')} FOR EACH ROW"
    if words.dialect == "mysql":
        upsert = f"{row} ON DUPLICATE KEY UPDATE {quote('last')} = VALUES({quote('last')})"
        made = f"CREATE TRIGGER IF NOT EXISTS {names.qualified(name)} {on} {upsert}"
        return [made], [f"DROP TRIGGER IF EXISTS {names.qualified(name)}"]
    function = names.qualified(name)
    body = f"BEGIN {upsert}; RETURN NULL; END"
    return [
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
        f"CREATE OR REPLACE TRIGGER {quote(name)} {on} EXECUTE FUNCTION {function}()",
    ], [f"DROP TRIGGER IF EXISTS {quote(name)} ON {names('entry')}"]


_SAME = (
    "tenant", "record_id", "seq", "kind", "op", "lifecycle", "event", "from_state", "to_state", "at", "recorded_at",
    "judged", "unit", "origin_system", "origin_key", "origin_row", "number", "origin_place",
)  # fmt: skip
_IDENTITY = ("tenant", "id", "kind", "number", "created_at", "origin_system", "origin_key")


def _postgresql(names: Names) -> list[str]:
    entry, record, quote = names("entry"), names("record"), names.words.quote
    door = (
        f"EXISTS (SELECT 1 FROM {entry} AS told WHERE told.tenant = old.tenant AND told.record_id = old.record_id "
        "AND told.op = 'redaction' AND (CAST(told.details AS jsonb) #> '{redacted,entries}') @> to_jsonb(old.seq) "
        f"AND told.seq = (SELECT max(seq) FROM {entry} WHERE tenant = old.tenant AND record_id = old.record_id))"
    )
    same = _alike(_SAME, "IS NOT DISTINCT FROM", quote)
    itself = _alike(_IDENTITY, "IS NOT DISTINCT FROM", quote)
    author = (
        f"(old.created_by = new.created_by OR EXISTS (SELECT 1 FROM {entry} AS first WHERE first.tenant = old.tenant "
        'AND first.record_id = old.id AND first.seq = 1 AND first."by" = new.created_by))'
    )
    made = []
    for table, passes, says in (
        ("entry", f"{same} AND {door}", "history is append-only"),
        ("record", f"{itself} AND {author}", "records are never removed, and their identity never changes"),
    ):
        function = names.qualified(names.plain(f"{table}_stays"))
        made.append(
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF TG_OP = 'UPDATE' THEN IF {passes} THEN RETURN new; END IF; END IF; "
            f"RAISE EXCEPTION '{says}'; END $$"
        )
        on = record if table == "record" else entry
        of = "UPDATE OF " + ", ".join(map(quote, (*_IDENTITY, "created_by"))) if table == "record" else "UPDATE"
        stays, whole = quote(names.plain(f"{table}_stays")), quote(names.plain(f"{table}_stays_whole"))
        made += [
            f"CREATE OR REPLACE TRIGGER {stays} BEFORE DELETE OR {of} ON {on} "
            f"FOR EACH ROW EXECUTE FUNCTION {function}()",
            f"CREATE OR REPLACE TRIGGER {whole} BEFORE TRUNCATE ON {on} EXECUTE FUNCTION {function}()",
        ]
    return made


def _sqlite(names: Names) -> list[str]:
    entry, quote = _alone(names, "entry"), names.words.quote
    record = _alone(names, "record")
    door = (
        f"EXISTS (SELECT 1 FROM {entry} AS told, json_each(told.details, '$.redacted.entries') AS named "
        "WHERE told.tenant = old.tenant AND told.record_id = old.record_id AND told.op = 'redaction' "
        "AND named.value = old.seq AND told.seq = "
        f"(SELECT max(seq) FROM {entry} WHERE tenant = old.tenant AND record_id = old.record_id))"
    )
    author = f"SELECT 1 FROM {entry} WHERE tenant = old.tenant AND record_id = old.id AND seq = 1"
    append = "BEGIN SELECT RAISE(ABORT, 'history is append-only'); END"
    itself = "BEGIN SELECT RAISE(ABORT, 'the identity of a record never changes'); END"
    make = partial(_sqlite_trigger, names)
    identity = ", ".join(map(quote, _IDENTITY))
    return [
        make("entry_stays", f"BEFORE DELETE ON {entry} {append}"),
        make("entry_keeps", f"BEFORE UPDATE ON {entry} WHEN NOT ({_alike(_SAME, 'IS', quote)} AND {door}) {append}"),
        make("record_stays", f"BEFORE DELETE ON {record} BEGIN SELECT RAISE(ABORT, 'records are never removed'); END"),
        make("record_keeps", f"BEFORE UPDATE OF {identity} ON {record} {itself}"),
        make(
            "record_author",
            f'BEFORE UPDATE OF created_by ON {record} WHEN NOT EXISTS ({author} AND "by" = new.created_by) {itself}',
        ),
    ]


def _alone(names: Names, table: str) -> str:
    """Return the quoted name of a table without its schema: inside a trigger, SQLite allows no other."""
    return names.words.quote(names.plain(table))


def _sqlite_trigger(names: Names, name: str, rest: str) -> str:
    return f"CREATE TRIGGER IF NOT EXISTS {names.qualified(names.plain(name))} {rest}"


def _mysql(names: Names) -> list[str]:
    quote = names.words.quote
    entry = names("entry")
    door = (
        f"EXISTS (SELECT 1 FROM {entry} AS told WHERE told.tenant = old.tenant AND told.record_id = old.record_id "
        "AND told.op = 'redaction' AND JSON_CONTAINS(told.details, CAST(old.seq AS CHAR), '$.redacted.entries'))"
    )
    author = (
        f"EXISTS (SELECT 1 FROM {entry} AS first WHERE first.tenant = old.tenant AND first.record_id = old.id "
        "AND first.seq = 1 AND first.`by` = new.created_by)"
    )

    def refuse(name: str, when: str, table: str, unless: str, says: str) -> str:
        signal = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{says}'"
        body = f"IF NOT ({unless}) THEN {signal}; END IF" if unless else signal
        return (
            f"CREATE TRIGGER IF NOT EXISTS {names.qualified(names.plain(name))} BEFORE {when} ON {names(table)} "
            f"FOR EACH ROW BEGIN {body}; END"
        )

    itself = f"{_alike(_IDENTITY, '<=>', quote)} AND (old.created_by = new.created_by OR {author})"
    return [
        refuse("entry_stays", "DELETE", "entry", "", "history is append-only"),
        refuse("entry_keeps", "UPDATE", "entry", f"{_alike(_SAME, '<=>', quote)} AND {door}", "history is append-only"),
        refuse("record_stays", "DELETE", "record", "", "records are never removed"),
        refuse("record_keeps", "UPDATE", "record", itself, "the identity of a record never changes"),
    ]


_TRIGGERS = {"postgresql": _postgresql, "sqlite": _sqlite, "mysql": _mysql}


def _alike(names: Iterable[str], operator: str, quote: Callable[[str], str]) -> str:
    return " AND ".join(f"old.{quote(name)} {operator} new.{quote(name)}" for name in names)
