"""Questions in SQL, for any of the dialects: conditions, orders, and pages that begin at one place of an index."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from itil4.storage.protocols import RecordRow
from itil4.storage.query import Compare, Every, Linked, Query, Some, Where
from itil4.storage.sql_terms import Term, Words
from itil4.storage.tables import Names

_NEVER, _ALWAYS = "1 = 0", "1 = 1"
_NAMES = ("number", "origin_key", "id")
_MOST_SIDE_BY_SIDE = 200
_SQL = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}


class _Beyond:
    """A value of another type than a term can hold: below all of them, or above."""

    def __init__(self, above: bool) -> None:
        self.above = above


_Placed: TypeAlias = tuple[Term, bool, Any]
"""A term of an order, whether it descends, and where the page before it ended."""


class Questions:
    """Turns queries into statements on the tables of one database."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._words: Words = names.words
        quote = self._words.quote
        self._columns = ", ".join(map(quote, RecordRow._fields[:-1]))

    def select(self, tenant: str, query: Query) -> tuple[str, list[Any]]:
        """Return the statement whose rows are the answer to a query.

        A page behind a mark is asked for in parts, each a walk along an index from one place: those that share
        all of the mark's values but the last, then those that share one less, and so on.
        """
        where, values = self.condition(tenant, query)
        order = [(term, down) for name, down in query.total_order for term in self._words.terms(name)]
        limit = "" if query.limit is None else f" LIMIT {int(query.limit)}"
        by = ", ".join(self._words.ordered(term, down) for term, down in order)
        start = f"FROM {self._names('record')} WHERE {where}"
        if query.after is None:
            return f"SELECT {self._columns} {start} ORDER BY {by}{limit}", values
        parts = self._parts(self._placed(query))
        if not parts:
            return f"SELECT {self._columns} {start} AND {_NEVER}", values
        if len(parts) == 1:
            text, more = parts[0]
            return f"SELECT {self._columns} {start} AND {text} ORDER BY {by}{limit}", values + more
        keys = ", ".join(f"{term.text} AS k{place}" for place, (term, _) in enumerate(order))
        texts, given = [], []
        for place, (text, more) in enumerate(parts):
            inner = f"SELECT {place} AS part, {self._columns}, {keys} {start} AND {text} ORDER BY {by}{limit}"
            texts.append(f"SELECT * FROM ({inner}) AS part{place}")
            given += [*values, *more]
        outer = ", ".join(self._words.ordered(term, down, f"k{place}") for place, (term, down) in enumerate(order))
        union = " UNION ALL ".join(texts)
        return f"SELECT {self._columns} FROM ({union}) AS parts ORDER BY part, {outer}{limit}", given

    def select_count(self, tenant: str, query: Query) -> tuple[str, list[Any]]:
        """Return the statement that counts what a query finds."""
        where, values = self.condition(tenant, query)
        return f"SELECT count(*) FROM {self._names('record')} WHERE {where}", values

    def condition(self, tenant: str, query: Query) -> tuple[str, list[Any]]:
        """Return what a record meets that a query finds, and the values in it."""
        values: list[Any] = [tenant]
        kind = f"{self._words.quote('kind')} = {self._words.literal(query.kind)}"
        return f"tenant = {self._words.mark} AND {kind} AND {self._where(query.where, values)}", values

    # conditions

    def _where(self, where: Where, values: list[Any]) -> str:
        if isinstance(where, Compare):
            return self._compare(where, values)
        if isinstance(where, Every):
            return self._joined(" AND ", where.parts, values) or _ALWAYS
        if isinstance(where, Some):
            if len(where.parts) > 1 and all(map(_is_name, where.parts)):
                return self._named(where.parts, values)
            return f"({self._joined(' OR ', where.parts, values) or _NEVER})"
        return self._linked(where, values)

    def _joined(self, word: str, parts: Sequence[Where], values: list[Any]) -> str:
        """Join conditions in halves: databases limit how deep a condition may be."""
        if len(parts) > _MOST_SIDE_BY_SIDE:
            half = len(parts) // 2
            return f"({self._joined(word, parts[:half], values)}){word}({self._joined(word, parts[half:], values)})"
        return word.join(self._where(part, values) for part in parts)

    def _named(self, parts: Sequence[Where], values: list[Any]) -> str:
        """Find by one name or another, each by its own index."""
        texts = []
        for part in parts:
            values.append(values[0])
            mark, record = self._words.mark, self._names("record")
            texts.append(f"SELECT id FROM {record} WHERE tenant = {mark} AND {self._where(part, values)}")
        return f"id IN ({' UNION '.join(texts)})"

    def _linked(self, where: Linked, values: list[Any]) -> str:
        own, other = ("target", "source") if where.backwards else ("source", "target")
        values += (values[0], self._words.text(where.relation), self._words.text(where.other))
        mark = self._words.mark
        return (
            f"id IN (SELECT {own} FROM {self._names('link')} "
            f"WHERE tenant = {mark} AND relation = {mark} AND {other} = {mark})"
        )

    def _compare(self, where: Compare, values: list[Any]) -> str:
        terms, operator, value = self._words.terms(where.field), where.operator, where.value
        if operator == "is_null":
            return _empty(terms) if value else _filled(terms)
        if operator == "in":
            return self._among(terms, value, values)
        if value is None:
            return {"eq": _empty(terms), "ne": _filled(terms)}.get(operator, _NEVER)
        if operator in ("prefix", "contains"):
            return self._part_of(where.field, terms[0], operator, value, values)
        term, held = self._fitting(terms, value)
        if isinstance(held, _Beyond):
            if operator in ("eq", "ne"):
                return _ALWAYS if operator == "ne" else _NEVER
            return _filled(terms) if (operator in ("lt", "le")) == held.above else _NEVER
        if operator in ("eq", "ne"):
            return self._equal(terms, term, value, held, operator, values)
        values.append(held)
        sign = _SQL[operator]
        if isinstance(value, str) and held != value:  # cut short: all that is stored is at most it, or beyond
            sign = "<=" if operator in ("lt", "le") else ">"
        text = f"{term.text} {sign} {self._words.mark}"
        other = next((each for each in terms if each is not term), None)
        if other is not None and (other.holds == "text") == (operator in ("gt", "ge")):
            return f"({text} OR {other.text} IS NOT NULL)"
        return text

    def _equal(
        self, terms: tuple[Term, ...], term: Term, value: Any, held: Any, operator: str, values: list[Any]
    ) -> str:
        if isinstance(value, str) and held != value:
            return _ALWAYS if operator == "ne" else _NEVER
        values.append(held)
        if operator == "ne":
            if self._words.dialect == "mysql":
                return f"NOT ({term.text} <=> {self._words.mark})"
            return f"{term.text} {self._words.distinct} {self._words.mark}"
        before = [f"{each.text} IS NULL" for each in terms[: terms.index(term)]]  # the beginning of an index
        return f"({' AND '.join([*before, f'{term.text} = {self._words.mark}'])})"

    def _part_of(self, field: str, term: Term, operator: str, value: Any, values: list[Any]) -> str:
        if term.holds == "number" or not isinstance(value, str) or self._words.text(value) != value:
            return _NEVER
        if operator == "contains":
            values.append(value.casefold())
            return self._words.contains(field, term)
        values += (value, len(value), value)
        mark = self._words.mark
        return f"({term.text} >= {mark} AND substr({term.text}, 1, {mark}) = {mark})"

    def _among(self, terms: tuple[Term, ...], wanted: Sequence[Any], values: list[Any]) -> str:
        texts, some = [], [each for each in wanted if each is not None]
        for term in terms:
            fitting = [held for each in some for owner, held in (self._fitting(terms, each),) if owner is term]
            fitting = [each for each in fitting if not isinstance(each, _Beyond)]
            if fitting:
                texts.append(self._words.among(term, fitting, values))
        if len(some) < len(wanted):
            texts.append(_empty(terms))
        return f"({' OR '.join(texts)})" if texts else _NEVER

    def _fitting(self, terms: tuple[Term, ...], value: Any) -> tuple[Term, Any]:
        """Return the term that can hold a value, and the value as a parameter."""
        is_text = isinstance(value, str)
        for term in terms:
            if term.holds == "any" or (term.holds == "text") == is_text:
                return term, self._words.text(value) if is_text else self._words.number(value)
        return terms[0], _Beyond(above=is_text)

    # pages

    def _placed(self, query: Query) -> list[_Placed]:
        placed: list[_Placed] = []
        for (name, down), value in zip(query.total_order, query.after or (), strict=True):
            terms = self._words.terms(name)
            owner, held = (None, None) if value is None else self._fitting(terms, value)
            placed += [(term, down, held if term is owner else None) for term in terms]
        return placed

    def _parts(self, placed: list[_Placed]) -> list[tuple[str, list[Any]]]:
        parts: list[tuple[str, list[Any]]] = []
        for place in reversed(range(len(placed))):
            same, values = self._same(placed[:place])
            if same is None:
                continue
            for text, more in self._behind(*placed[place]):
                parts.append((" AND ".join([*same, text]), values + more))
        return parts

    def _same(self, placed: list[_Placed]) -> tuple[list[str] | None, list[Any]]:
        texts, values = [], []
        for term, _, value in placed:
            if isinstance(value, _Beyond):
                return None, []
            if value is None:
                texts.append(f"{term.text} IS NULL")
            else:
                texts.append(f"{term.text} = {self._words.mark}")
                values.append(value)
        return texts, values

    def _behind(self, term: Term, down: bool, value: Any) -> list[tuple[str, list[Any]]]:
        """Return what comes behind a value, nothing being smaller than anything, in the order of the page."""
        filled: tuple[str, list[Any]] = (f"{term.text} IS NOT NULL", [])
        empty: list[tuple[str, list[Any]]] = [(f"{term.text} IS NULL", [])] if term.nullable else []
        if value is None:
            return [] if down else [filled]
        if isinstance(value, _Beyond):
            if down:
                return [filled, *empty] if value.above else [*empty]
            return [] if value.above else [filled]
        beyond = (f"{term.text} {'<' if down else '>'} {self._words.mark}", [value])
        return [beyond, *empty] if down else [beyond]


def _is_name(where: Where) -> bool:
    return isinstance(where, Compare) and where.operator == "eq" and where.field in _NAMES and type(where.value) is str


def _empty(terms: tuple[Term, ...]) -> str:
    return f"({' AND '.join(f'{term.text} IS NULL' for term in terms)})"


def _filled(terms: tuple[Term, ...]) -> str:
    return f"({' OR '.join(f'{term.text} IS NOT NULL' for term in terms)})"
