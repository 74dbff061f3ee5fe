"""What the SQLite store says: its tables, its statements, and questions in SQLite's words."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from itil4.storage.protocols import EntryRow, KindRow, LinkRow, RecordRow
from itil4.storage.query import COLUMNS, Compare, Every, Linked, Query, Some, Where, bounded

LAYOUT = 2
"""The version of the tables; a file with a later one is refused."""

APPLICATION = 0x4954494C
"""The mark in the head of the file that says whose tables these are."""

TABLES = (
    """CREATE TABLE IF NOT EXISTS record (
        tenant TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, number TEXT, state TEXT NOT NULL,
        category TEXT NOT NULL, version INTEGER NOT NULL, links INTEGER NOT NULL, created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL, created_by TEXT NOT NULL, schema INTEGER NOT NULL, origin_system TEXT,
        origin_key TEXT, body TEXT NOT NULL, PRIMARY KEY (tenant, id))""",
    "CREATE UNIQUE INDEX IF NOT EXISTS record_number ON record (tenant, number) WHERE number IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS record_origin ON record (tenant, origin_key) WHERE origin_key IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS record_category ON record (tenant, kind, category, id)",
    "CREATE INDEX IF NOT EXISTS record_created ON record (tenant, kind, created_at, id)",
    """CREATE TABLE IF NOT EXISTS entry (
        tenant TEXT NOT NULL, record_id TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, op TEXT NOT NULL,
        lifecycle TEXT, event TEXT, from_state TEXT, to_state TEXT, at INTEGER NOT NULL, recorded_at INTEGER NOT NULL,
        by TEXT NOT NULL, judged TEXT NOT NULL, unit TEXT, origin_system TEXT, origin_key TEXT, origin_row TEXT,
        number TEXT, details TEXT NOT NULL, PRIMARY KEY (tenant, record_id, seq)) WITHOUT ROWID""",
    """CREATE UNIQUE INDEX IF NOT EXISTS entry_origin
        ON entry (tenant, origin_system, origin_key, ifnull(origin_row, x'00')) WHERE origin_system IS NOT NULL""",
    """CREATE TABLE IF NOT EXISTS link (
        tenant TEXT NOT NULL, source TEXT NOT NULL, relation TEXT NOT NULL, target TEXT NOT NULL,
        source_kind TEXT NOT NULL, target_kind TEXT NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL,
        PRIMARY KEY (tenant, source, relation, target)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS link_target ON link (tenant, target, relation)",
    """CREATE TABLE IF NOT EXISTS series (
        tenant TEXT NOT NULL, prefix TEXT NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY (tenant, prefix)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS once (
        tenant TEXT NOT NULL, key TEXT NOT NULL, record_id TEXT NOT NULL, seq INTEGER NOT NULL, mark TEXT NOT NULL,
        PRIMARY KEY (tenant, key)) WITHOUT ROWID""",
    """CREATE TRIGGER IF NOT EXISTS entry_stays BEFORE DELETE ON entry
        BEGIN SELECT RAISE(ABORT, 'history is append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS entry_is_redacted_only BEFORE UPDATE ON entry
        WHEN old.tenant <> new.tenant OR old.record_id <> new.record_id OR old.seq <> new.seq OR old.kind <> new.kind
            OR old.op <> new.op OR old.lifecycle IS NOT new.lifecycle OR old.event IS NOT new.event
            OR old.from_state IS NOT new.from_state OR old.to_state IS NOT new.to_state OR old.at <> new.at
            OR old.recorded_at <> new.recorded_at OR old.judged <> new.judged OR old.unit IS NOT new.unit
            OR old.origin_system IS NOT new.origin_system OR old.origin_key IS NOT new.origin_key
            OR old.origin_row IS NOT new.origin_row OR old.number IS NOT new.number
            OR NOT EXISTS (
                SELECT 1 FROM entry AS last, json_each(last.details, '$.redacted.entries') AS named
                WHERE last.tenant = old.tenant AND last.record_id = old.record_id AND last.op = 'redaction'
                    AND named.value = old.seq AND last.seq = (
                        SELECT max(seq) FROM entry WHERE tenant = old.tenant AND record_id = old.record_id))
        BEGIN SELECT RAISE(ABORT, 'history is append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS record_stays BEFORE DELETE ON record
        BEGIN SELECT RAISE(ABORT, 'records are never removed'); END""",
    """CREATE TRIGGER IF NOT EXISTS record_is_itself
        BEFORE UPDATE OF tenant, id, kind, number, created_at, origin_system, origin_key ON record
        BEGIN SELECT RAISE(ABORT, 'the identity of a record never changes'); END""",
    """CREATE TRIGGER IF NOT EXISTS record_has_its_author BEFORE UPDATE OF created_by ON record
        WHEN NOT EXISTS (
            SELECT 1 FROM entry WHERE tenant = old.tenant AND record_id = old.id AND seq = 1 AND by = new.created_by)
        BEGIN SELECT RAISE(ABORT, 'the identity of a record never changes'); END""",
)

RETIRED = ("entry_keeps", "record_keeps")
"""Triggers of earlier layouts, which go when the tables are completed."""


@lru_cache(maxsize=64)
def marks(count: int) -> str:
    """Return that many parameter marks."""
    return ", ".join("?" * count)


RECORD = ", ".join(RecordRow._fields[:-1])
ENTRY = ", ".join(EntryRow._fields)
LINK = ", ".join(LinkRow._fields)

INSERT_RECORD = f"INSERT INTO record (tenant, {RECORD}) VALUES ({marks(len(RecordRow._fields))})"
INSERT_ENTRY = f"INSERT INTO entry (tenant, {ENTRY}) VALUES ({marks(len(EntryRow._fields) + 1)})"
INSERT_LINK = f"INSERT INTO link (tenant, {LINK}) VALUES ({marks(len(LinkRow._fields) + 1)})"
INSERT_ONCE = "INSERT INTO once (tenant, key, record_id, seq, mark) VALUES (?, ?, ?, ?, ?)"
UPDATE_RECORD = (
    "UPDATE record SET state = ?, category = ?, version = ?, updated_at = ?, schema = ?, body = ? "
    "WHERE tenant = ? AND id = ? AND version = ?"
)
REDACT_ENTRY = "UPDATE entry SET by = ?, details = ? WHERE tenant = ? AND record_id = ? AND seq = ?"
REDACT_AUTHOR = "UPDATE record SET created_by = ? WHERE tenant = ? AND id = ?"
DELETE_LINK = "DELETE FROM link WHERE tenant = ? AND source = ? AND relation = ? AND target = ?"
BUMP_LINKS = "UPDATE record SET links = links + ? WHERE tenant = ? AND id = ?"
NEXT_NUMBERS = (
    "INSERT INTO series VALUES (?, ?, ?) "
    "ON CONFLICT (tenant, prefix) DO UPDATE SET last = last + excluded.last RETURNING last"
)
SELECT_ORIGIN = (
    # SQLite reckons that walking all entries of the tenant is cheaper, until it has looked at the data
    "SELECT origin_system, origin_key, origin_row, record_id FROM entry INDEXED BY entry_origin "
    "WHERE tenant = ? AND origin_system = ? AND origin_key = ?"
)
SELECT_ONCE = "SELECT key, record_id, seq, mark FROM once WHERE tenant = ? AND key = ?"
SELECT_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
SELECT_LINK = "SELECT 1 FROM link WHERE tenant = ? AND source = ? AND relation = ? AND target = ?"
LOAD_ONE = f"SELECT {RECORD} FROM record WHERE tenant = ? AND id = ?"
SELECT_VERSION = "SELECT version, links FROM record WHERE tenant = ? AND id = ?"

_SQL = {"eq": "=", "ne": "IS NOT", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_WHOLE = frozenset(("version", "created_at", "updated_at", "schema"))
_NEVER_NULL = frozenset(COLUMNS) - {"number", "origin_key"}
_NAMES = ("number", "origin_key", "id")
_LISTED = 200


def indexes(kind: KindRow) -> list[tuple[str, str]]:
    """Return the indexes that a kind needs, each by its name and statement."""
    made = []
    for path in kind.indexed:
        name = f"record:{kind.kind}:{'.'.join(path)}"
        on = f"ON record (tenant, {_json(path)}, id) WHERE kind = {_quoted(kind.kind)}"
        made.append((name, f'CREATE INDEX IF NOT EXISTS "{name}" {on}'))
    return made


def select(tenant: str, query: Query) -> list[tuple[str, list[Any]]]:
    """Return the statements whose rows, one after the other, are the answer to a query.

    A page that begins behind a mark has several: first those that share the mark's first field,
    then those beyond it, then those without it. Each is a plain walk along an index from one place,
    which all of them together are not.
    """
    made = []
    for text, more, order in _parts(query.total_order, query.after):
        where, values = condition(tenant, query)
        by = ", ".join(f"{_term(name)} {'DESC' if descending else 'ASC'}" for name, descending in order)
        sql = f"SELECT {RECORD} FROM record WHERE {where}{text} ORDER BY {by}"
        made.append((sql if query.limit is None else f"{sql} LIMIT {int(query.limit)}", values + more))
    return made


def select_count(tenant: str, query: Query) -> tuple[str, list[Any]]:
    """Return the statement that counts what a query finds."""
    where, values = condition(tenant, query)
    return f"SELECT count(*) FROM record WHERE {where}", values


def condition(tenant: str, query: Query) -> tuple[str, list[Any]]:
    """Return what a record meets that a query finds, and the values in it."""
    values: list[Any] = [tenant]
    return f"tenant = ? AND kind = {_quoted(query.kind)} AND {_where(query.where, values)}", values


def _where(where: Where, values: list[Any]) -> str:
    if isinstance(where, Compare):
        return _compare(where, values)
    if isinstance(where, Every):
        return _joined(" AND ", where.parts, values) or "1"
    if isinstance(where, Some):
        if where.parts and all(map(_is_name, where.parts)):
            return _named(where.parts, values)
        return f"({_joined(' OR ', where.parts, values) or '0'})"
    return _linked(where, values)


def _is_name(where: Where) -> bool:
    return isinstance(where, Compare) and where.operator == "eq" and where.field in _NAMES and type(where.value) is str


def _named(parts: Sequence[Where], values: list[Any]) -> str:
    """Find by one name or another, each by its own index; as one condition with OR, SQLite walks along all ids."""
    texts = []
    for part in parts:
        values.append(values[0])
        texts.append(f"SELECT id FROM record WHERE tenant = ? AND {_where(part, values)}")
    return f"id IN ({' UNION '.join(texts)})"


def _joined(word: str, parts: Sequence[Where], values: list[Any]) -> str:
    """Join conditions in halves: SQLite allows no condition a thousand levels deep."""
    if len(parts) > _LISTED:
        half = len(parts) // 2
        return f"({_joined(word, parts[:half], values)}){word}({_joined(word, parts[half:], values)})"
    return word.join(_where(part, values) for part in parts)


def _linked(where: Linked, values: list[Any]) -> str:
    own, other = ("target", "source") if where.backwards else ("source", "target")
    values += (values[0], where.relation, where.other)
    return f"id IN (SELECT {own} FROM link WHERE tenant = ? AND relation = ? AND {other} = ?)"


def _compare(where: Compare, values: list[Any]) -> str:
    name, operator, value = where.field, where.operator, where.value
    if operator == "is_null":
        return f"{_term(name)} IS {'' if value else 'NOT '}NULL"
    if operator == "in":
        return _among(name, [bounded(each) for each in value], values)
    if value is None:
        term = _term(name)
        return {"eq": f"{term} IS NULL", "ne": f"{term} IS NOT NULL"}.get(operator, "0")
    if operator in ("prefix", "contains"):
        if name in _WHOLE or not isinstance(value, str):
            return "0"
        if operator == "contains":
            values.append(value.casefold())
            return f"instr(folded({_term(name)}), ?) > 0"
        values += (value, len(value), value)
        return f"({_term(name)} >= ? AND substr({_term(name)}, 1, ?) = ?)"
    values.append(bounded(value))
    return f"{_term(name, value)} {_SQL[operator]} ?"


def _among(name: str, wanted: list[Any], values: list[Any]) -> str:
    some = [each for each in wanted if each is not None]
    term = _term(name, *some)
    if not some:
        listed = "0"
    elif len(some) > _LISTED:
        values.append(json_list(some))
        listed = f"{term} IN (SELECT value FROM json_each(?))"
    else:
        values += some
        listed = f"{term} IN ({marks(len(some))})"
    return listed if len(some) == len(wanted) else f"({listed} OR {_term(name)} IS NULL)"


def json_list(values: Iterable[Any]) -> str:
    """Return plain values as a JSON array."""
    import json

    return json.dumps(list(values))


_Order: TypeAlias = tuple[tuple[str, bool], ...]


def _parts(order: _Order, mark: tuple[Any, ...] | None) -> list[tuple[str, list[Any], _Order]]:
    """Say "behind the mark" in parts, each with the order that is left to it, that begin at one place of an index."""
    if mark is None:
        return [("", [], order)]
    (name, descending), value = order[0], bounded(mark[0])
    term = _term(name) if value is None else _term(name, value)
    rest, values = _behind(order[1:], mark[1:])
    if value is None:
        same = (f" AND {term} IS NULL AND {rest}", values, order[1:])
        return [same] if descending else [same, (f" AND {term} IS NOT NULL", [], order)]
    parts = [] if rest == "0" else [(f" AND {term} = ? AND {rest}", [value, *values], order[1:])]
    parts.append((f" AND {term} {'<' if descending else '>'} ?", [value], order))
    if descending and name not in _NEVER_NULL:
        parts.append((f" AND {term} IS NULL", [], order[1:]))
    return parts


def _behind(order: _Order, mark: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Say "behind the mark" for fields of any direction, nothing being smaller than anything."""
    if not order:
        return "0", []
    (name, descending), value = order[0], bounded(mark[0])
    term = _term(name) if value is None else _term(name, value)
    rest, values = _behind(order[1:], mark[1:])
    same = "" if rest == "0" else f" OR ({term} IS ? AND {rest})"
    kept = [] if rest == "0" else [value, *values]
    if value is None:
        return f"({'0' if descending else f'{term} IS NOT NULL'}{same})", kept
    if descending:
        return f"({term} < ? OR {term} IS NULL{same})", [value, *kept]
    return f"({term} > ?{same})", [value, *kept]


def _term(name: str, *values: Any) -> str:
    """Return the field in SQL; a column loses its type before values of another type, which it would convert."""
    if name not in COLUMNS:
        return _json(tuple(name.split(".")))
    whole, column = name in _WHOLE, COLUMNS[name]
    return f"+{column}" if any(isinstance(value, str) == whole for value in values) else column


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _json(path: tuple[str, ...]) -> str:
    return f"json_extract(body, {_quoted('$.' + '.'.join(path))})"
