"""How SQL databases differ: quoting, parameter marks, and fields of a record as terms that order as everywhere.

A declared field lives in the body. Where SQL compares any two values (SQLite), it is one term; elsewhere it is
two of which at most one has a value, first its text and then its number: in this order, nothing before
anything, they sort as `itil4.storage.query` says. In PostgreSQL both are expressions on the body as JSONB, with
an index on the pair, so that fields may come and go without a change of the tables.

Ignoring case is Python's `casefold`, which no database knows. SQL lowers A to Z; where that is not the whole truth,
`folded` keeps what is.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from itil4.storage.protocols import RecordRow
from itil4.storage.query import COLUMNS, bounded

if TYPE_CHECKING:
    from collections.abc import Iterator

Dialect: TypeAlias = Literal["postgresql", "sqlite", "mysql"]
"""The kinds of databases; MariaDB is spoken to as `mysql`."""

Failure: TypeAlias = Literal["taken", "contended", "waited", "other"]
"""A unique key is taken; others were writing and this one gave way at once, or after a long wait; anything else."""

_WHOLE = frozenset(("version", "created_at", "updated_at", "schema"))
_NULLABLE = frozenset(("number", "origin_key"))


class Term(NamedTuple):
    """An expression of SQL that a field is compared by, what it can hold, and whether it may be empty."""

    text: str
    holds: Literal["text", "number", "any"]
    nullable: bool


class Words(ABC):
    """What a dialect says in its own words."""

    dialect: Dialect
    mark = "%s"
    partial_indexes = True
    expression_indexes = True
    distinct = "IS DISTINCT FROM"
    locking = ""
    """What follows a SELECT of records that are going to be written."""
    free = ""
    """What follows a SELECT of rows that are going to be taken, of which others are passed over."""

    def quote(self, name: str) -> str:
        """Return a name in quotes."""
        return f'"{name}"'

    def literal(self, text: str) -> str:
        """Return a text in quotes, to stand in a statement that has parameters."""
        return "'" + text.replace("'", "''") + "'"

    def terms(self, field: str) -> tuple[Term, ...]:
        """Return the terms of a field, in the order in which they sort."""
        if field in COLUMNS:
            holds: Literal["text", "number"] = "number" if field in _WHOLE else "text"
            return (Term(self.quote(COLUMNS[field]), holds, field in _NULLABLE),)
        return self.body_terms(tuple(field.split(".")))

    @abstractmethod
    def body_terms(self, path: tuple[str, ...]) -> tuple[Term, ...]:
        """Return the terms of a field of the body."""

    def index_terms(self, field: str) -> tuple[str, ...]:
        """Return what an index on a field is over."""
        return tuple(term.text for term in self.terms(field))

    def ordered(self, term: Term, descending: bool, name: str | None = None) -> str:
        """Return a term to order by, or a name that it has; nothing is smaller than anything."""
        return f"{name or term.text} {'DESC' if descending else 'ASC'}"

    @abstractmethod
    def contains(self, field: str, term: Term) -> str:
        """Return the condition that a text, its case ignored, contains a folded one."""

    def number(self, value: Any) -> Any:
        """Return a number as a parameter."""
        return bounded(int(value) if isinstance(value, bool) else value)

    def text(self, value: str) -> str:
        """Return a text as a parameter."""
        return value

    def among(self, term: Term, values: Sequence[Any], into: list[Any]) -> str:
        """Return the condition that a term is one of some values of its own type."""
        into += values
        return f"{term.text} IN ({', '.join([self.mark] * len(values))})"

    def forgetting(self, cursor: Any) -> None:
        """Let what is overwritten in this transaction be gone, as far as the database can be told so."""
        return

    @abstractmethod
    def failure(self, error: Exception) -> Failure:
        """Return what kind of failure an error of the driver is."""

    @contextmanager
    def writing(self, raw: Any) -> "Iterator[None]":
        """Hold a connection in a transaction; commit and roll back are its own."""
        yield

    def reading(self, raw: Any) -> AbstractContextManager[None]:
        """Hold a connection so that single statements need no transaction around them, where that saves a round."""
        return nullcontext()

    def streamed(self, raw: Any, text: str, values: Sequence[Any]) -> Any:
        """Run a question with a long answer that is read as it is asked for."""
        return _asked(raw.cursor(), text, values)


def _asked(cursor: Any, text: str, values: Sequence[Any]) -> Any:
    try:
        cursor.execute(text, values)
    except BaseException:
        cursor.close()
        raise
    return cursor


class PostgreSQL(Words):
    """PostgreSQL 14 and later."""

    dialect: Dialect = "postgresql"
    locking = " FOR NO KEY UPDATE"
    free = " FOR UPDATE SKIP LOCKED"

    def literal(self, text: str) -> str:
        """Return a text in quotes; the sign of parameters is doubled."""
        return super().literal(text).replace("%", "%%")

    def body_terms(self, path: tuple[str, ...]) -> tuple[Term, ...]:
        """Return the text and the number of a field."""
        *above, last = (self.literal(name) for name in path)
        at = " -> ".join(("document", *above))
        type_of, text = f"jsonb_typeof({at} -> {last})", f"({at} ->> {last})"
        number = f"CAST({text} AS numeric)"
        whole = (  # beyond 64 bits, numbers compare as floating ones do everywhere
            f"CASE WHEN {number} >= -9223372036854775808 AND {number} < 9223372036854775808 THEN {number} "
            f"WHEN abs({number}) < 1.7976931348623159e308 THEN CAST(CAST(CAST({number} AS float8) AS text) AS numeric) "
            f"ELSE sign({number}) * 1e400 END"
        )
        truth = f"CASE {text} WHEN 'true' THEN 1 ELSE 0 END"
        return (
            Term(f"(CASE {type_of} WHEN 'string' THEN {text} END COLLATE \"C\")", "text", True),
            Term(f"(CASE {type_of} WHEN 'number' THEN {whole} WHEN 'boolean' THEN {truth} END)", "number", True),
        )

    def index_terms(self, field: str) -> tuple[str, ...]:
        """Return the terms, those without a value first."""
        return tuple(f"{term.text} NULLS FIRST" for term in self.terms(field))

    def ordered(self, term: Term, descending: bool, name: str | None = None) -> str:
        """Say where nothing stands, which is last in PostgreSQL unless it is told."""
        text = super().ordered(term, descending, name)
        return text if not term.nullable else f"{text} NULLS {'LAST' if descending else 'FIRST'}"

    def contains(self, field: str, term: Term) -> str:
        """Look into what was folded, else into the lowered text."""
        folded = f"CAST(folded AS json) ->> {self.literal(field)}"
        return f'position(%s in coalesce({folded}, lower({term.text} COLLATE "C"))) > 0'

    def number(self, value: Any) -> Any:
        """Return a number that compares exactly; a floating one would turn what it is compared with into its like."""
        value = super().number(value)
        if isinstance(value, int):
            return value
        if value in (float("inf"), float("-inf")):
            return Decimal("1e400") if value > 0 else Decimal("-1e400")
        return Decimal(repr(value))

    def text(self, value: str) -> str:
        """Return a text as far as PostgreSQL can hold it: it ends before U+0000."""
        return value.partition("\0")[0]

    def among(self, term: Term, values: Sequence[Any], into: list[Any]) -> str:
        """Give all values as one parameter, so that the statement is the same however many they are."""
        if term.holds == "text":
            into.append([each for each in values if "\0" not in each])
            return f"{term.text} = ANY(CAST(%s AS text[]))"
        into.append([Decimal(each) for each in values])
        return f"{term.text} = ANY(CAST(%s AS numeric[]))"

    def failure(self, error: Exception) -> Failure:
        """Read SQLSTATE: deadlocks, serialization failures and waits for locks that were given up."""
        state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
        if state == "23505":
            return "taken"
        return "contended" if state in ("40001", "40P01") else "waited" if state == "55P03" else "other"

    @contextmanager
    def writing(self, raw: Any) -> "Iterator[None]":
        """The driver begins with the first statement."""
        held = raw.autocommit
        if held:
            raw.autocommit = False
        try:
            yield
        finally:
            if held and not raw.closed:
                raw.autocommit = True

    @contextmanager
    def reading(self, raw: Any) -> "Iterator[None]":
        """A single statement sees one state of everything without a transaction, and takes one round, not three."""
        held = raw.autocommit
        if not held:
            raw.autocommit = True
        try:
            yield
        finally:
            if not held and not raw.closed:
                raw.autocommit = False

    def streamed(self, raw: Any, text: str, values: Sequence[Any]) -> Any:
        """Use a cursor of the server, which sees everything as it stood when it was opened."""
        return _asked(raw.cursor(name="itil4_history"), text, values)


class Sqlite(Words):
    """SQLite 3.35 and later."""

    dialect: Dialect = "sqlite"
    mark = "?"
    distinct = "IS NOT"

    def body_terms(self, path: tuple[str, ...]) -> tuple[Term, ...]:
        """Return the one term of a field: SQLite compares any two values as all stores do."""
        return (Term(f"json_extract(body, {self.literal(_json_path(path))})", "any", True),)

    def contains(self, field: str, term: Term) -> str:
        """Look into what was folded, else into the lowered text."""
        folded = f"json_extract(folded, {self.literal(_json_path((field,)))})"
        lowered = f"CASE typeof({term.text}) WHEN 'text' THEN lower({term.text}) END"
        return f"instr(coalesce({folded}, {lowered}), ?) > 0"

    def among(self, term: Term, values: Sequence[Any], into: list[Any]) -> str:
        """Give many values as one parameter; their number is limited."""
        if len(values) <= 200:
            return super().among(term, values, into)
        into.append(json.dumps(list(values)))
        return f"{term.text} IN (SELECT value FROM json_each(?))"

    def forgetting(self, cursor: Any) -> None:
        """Let SQLite overwrite what it removes with zeros, on this connection from now on."""
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.fetchall()

    def failure(self, error: Exception) -> Failure:
        """Tell a unique key that is taken from a trigger that refused; a file that stays locked made us give way."""
        if type(error).__name__ == "IntegrityError":
            return "taken" if "UNIQUE" in str(error) else "other"
        return "waited" if "locked" in str(error) else "other"

    @contextmanager
    def writing(self, raw: Any) -> "Iterator[None]":
        """Begin with the right to write, so that what is read cannot move; the driver would begin too late."""
        level, mode = raw.isolation_level, getattr(raw, "autocommit", -1)
        if mode is False:
            raw.autocommit = True
        if level is not None:
            raw.isolation_level = None
        try:
            raw.execute("BEGIN IMMEDIATE")
            yield
        finally:
            if level is not None:
                raw.isolation_level = level
            if mode is False:
                raw.autocommit = False


class MySQL(Words):
    """MariaDB 10.6 and later, which has no index over an expression and no partial one."""

    dialect: Dialect = "mysql"
    partial_indexes = False
    expression_indexes = False
    locking = " FOR UPDATE"
    free = " FOR UPDATE SKIP LOCKED"

    def quote(self, name: str) -> str:
        """Return a name in its quotes."""
        return f"`{name}`"

    def literal(self, text: str) -> str:
        """Return a text in quotes; backslashes and the sign of parameters are doubled."""
        return super().literal(text.replace("\\", "\\\\")).replace("%", "%%")

    def body_terms(self, path: tuple[str, ...]) -> tuple[Term, ...]:
        """Return the text and the number of a field."""
        at = f"JSON_EXTRACT(body, {self.literal(_json_path(path))})"
        collated = "COLLATE utf8mb4_nopad_bin"
        text = f"CASE JSON_TYPE({at}) WHEN 'STRING' THEN CONVERT(JSON_UNQUOTE({at}) USING utf8mb4) END {collated}"
        exact = f"CAST({at} AS DECIMAL(65,20))"
        number = (
            f"CASE JSON_TYPE({at}) WHEN 'INTEGER' THEN {exact} WHEN 'DOUBLE' THEN {exact} "
            f"WHEN 'BOOLEAN' THEN CASE {at} WHEN 'true' THEN 1 ELSE 0 END END"
        )
        return Term(f"({text})", "text", True), Term(f"({number})", "number", True)

    def contains(self, field: str, term: Term) -> str:
        """Look into what was folded, else into the lowered text."""
        folded = f"JSON_VALUE(folded, {self.literal(_json_path((field,)))})"
        return f"INSTR(coalesce({folded}, LOWER({term.text})) COLLATE utf8mb4_nopad_bin, %s) > 0"

    def number(self, value: Any) -> Any:
        """Return a number that compares exactly."""
        value = super().number(value)
        if isinstance(value, int):
            return value
        most = Decimal(10) ** 45 - 1
        exact = Decimal(repr(value))
        return max(-most, min(most, exact))

    def failure(self, error: Exception) -> Failure:
        """Read the error's number: deadlocks, and waits for locks that were given up."""
        number = error.args[0] if error.args else None
        if number == 1062:
            return "taken"
        return "contended" if number in (1213, 1020) else "waited" if number == 1205 else "other"


WORDS: Mapping[str, Words] = {"postgresql": PostgreSQL(), "sqlite": Sqlite(), "mysql": MySQL()}


def _json_path(path: Iterable[str]) -> str:
    return "$" + "".join(f'."{name}"' for name in path)


_LOWERED = {capital: capital + 32 for capital in range(ord("A"), ord("Z") + 1)}


def folded(row: RecordRow, number: str | None) -> str | None:
    """Return the texts of a record by their fields, without case, where SQL does not know what Python does; or None.

    >>> body = '{"name": "Ärger", "group": "MAIL"}'
    >>> folded(RecordRow("a", "ticket", None, "new", "new", 1, 0, 0, 0, "ana", 1, None, None, body), None)
    '{"name": "ärger"}'
    """
    columns = (
        row.id, number or "", row.state, row.category, row.created_by, row.origin_key or "", row.body
    )  # fmt: skip
    if all(each.isascii() for each in columns) and "\\u" not in row.body:
        return None
    found: dict[str, str] = {}
    for name in ("id", "state", "state_category", "created_by", "origin_key"):
        _fold(name, getattr(row, COLUMNS[name]), found)
    _fold("number", number, found)
    body = json.loads(row.body)
    for name, value in body.items():
        _fold(name, value, found)
    extra = body.get("extra")
    if isinstance(extra, dict):
        for name, value in extra.items():
            _fold(f"extra.{name}", value, found)
    return json.dumps(found, ensure_ascii=False) if found else None


def _fold(name: str, value: Any, into: dict[str, str]) -> None:
    if isinstance(value, str) and not value.isascii():
        without_case = value.casefold()
        if without_case != value.translate(_LOWERED):
            into[name] = without_case
