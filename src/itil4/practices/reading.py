"""What a practice answers: one record, a page of them, their history and links; to those who may see it."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeVar

import attrs

from itil4.errors import InvalidInput, NotFound, nearest
from itil4.practices.desk import Desk
from itil4.record import Actor, Entry, Link, Record, Shape, replay
from itil4.storage.kinds import Kind
from itil4.storage.query import OPERATORS, Compare, Every, Linked, Operator, Query, Some, Where, holds, microseconds
from itil4.storage.unit import Unit, link_of
from itil4.vocabulary import OPEN

R = TypeVar("R", bound=Record)

_MOST = 1_000


@attrs.frozen
class Page(Generic[R]):
    """A page of records. `next` and `previous` go to `find(after=...)`; None where the list ends."""

    items: tuple[R, ...]
    next: str | None = None
    previous: str | None = None

    def __iter__(self) -> Iterator[R]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class Reading(Generic[R]):
    """The questions that every practice answers."""

    name: ClassVar[str]
    kind: ClassVar[str]
    record: type[R]

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @property
    def stored(self) -> Kind:
        """The kind as storage sees it."""
        return self.desk.house.kinds[self.kind]

    @property
    def shape(self) -> Shape:
        """The record type, compiled, with the extra fields of this service management."""
        return self.stored.shape

    # who may see what

    def visible(self, actor: Actor) -> Where | None:
        """Return the condition on the records that an actor may see, or None for all.

        The store applies it to get, find, history, links, counts and figures alike, and to the
        records that verbs are called with. Override it; the default shows everything.
        """
        return None

    def staff(self, actor: Actor, record: R) -> bool:
        """Say whether an actor may read what is said among staff about a record; by default everybody may."""
        return True

    def _reader(self, by: Actor | None) -> Actor | None:
        return self.desk.actor if by is None else by

    def _may_see(self, where: Where, by: Actor | None) -> Where:
        seen = self.visible(by) if by is not None else None
        return where if seen is None else Every((where, seen))

    # one record

    def get(self, reference: str | R, *, by: Actor | None = None) -> R:
        """Return the record of that number, id, or number in the system that it was imported from.

        `system:number` names an imported record where a bare number would name two.

        Raises:
            NotFound: there is none, or none that this actor may see.
            InvalidInput: a bare number names two records.
        """
        return self._get(self.desk.reading(), reference, self._reader(by))

    def _get(self, unit: Unit, reference: str | R, by: Actor | None) -> R:
        if isinstance(reference, Record):
            if not isinstance(reference, self.record):
                raise InvalidInput.of("several_kinds", found=type(reference).__name__, expected=self.record.__name__)
            identity = reference.id
        elif isinstance(reference, str):
            identity = self._identity(reference, by)
        else:
            raise InvalidInput.of("foreign_record", value=reference, record=self.record.__name__)
        found = unit.get(identity)
        if found is None or unit.kind_of(identity).name != self.kind or not self._sees(found, by):
            raise self._not_found(reference if isinstance(reference, str) else reference.reference, by)
        return found  # type: ignore[no-any-return]

    def _identity(self, reference: str, by: Actor | None) -> str:
        store, tenant = self.desk.house.store, self.desk.house.tenant
        system, colon, key = reference.partition(":")
        if colon:
            for *_, owner in store.known(tenant, "origin", [(system, key)]):
                return str(owner)
        if reference.count("-") == 4 and len(reference) == 36:
            return reference
        names = Some((Compare("number", "eq", reference), Compare("origin_key", "eq", reference)))
        rows = store.find(tenant, Query(self.kind, self._may_see(names, by), limit=3))
        if len(rows) > 1:
            own = next((row.number for row in rows if row.number == reference), rows[0].id)
            other = next(row for row in rows if row.number != reference)
            raise InvalidInput.of(
                "ambiguous_number", value=reference, own=own, foreign=other.id, system=other.origin_system
            )
        if not rows:
            raise self._not_found(reference, by)
        return rows[0].id

    def _sees(self, found: R, by: Actor | None) -> bool:
        seen = self.visible(by) if by is not None else None
        if seen is None:
            return True
        return holds(seen, lambda name: self._plain(name, found), lambda each: self._linked(each, found))

    def _linked(self, where: Linked, found: R) -> bool:
        rows = self.desk.reading().links(found.id, backwards=where.backwards)
        ends = ((row.relation, row.source if where.backwards else row.target) for row in rows)
        return (where.relation, where.other) in ends

    def _not_found(self, reference: object, by: Actor | None) -> NotFound:
        return NotFound.of("not_found", record=self.kind, value=reference, actor=by.id if by else "anybody")

    # several records

    def find(
        self,
        *,
        is_open: bool | None = None,
        order_by: str = "created_at",
        limit: int = 50,
        after: str | None = None,
        by: Actor | None = None,
        **fields: Any,
    ) -> Page[R]:
        """Return a page of records that meet all conditions.

        Conditions are indexed fields, with `__` and an operator (ne, lt, le, gt, ge, in, is_null,
        prefix, contains) or without for equality, and relations (`caused_by=problem`).

        Args:
            is_open: by category: open is new, active and waiting.
            order_by: an indexed field; with `-` in front, descending. The id decides ties.
            limit: records on the page, at most 1,000.
            after: `next` or `previous` of a page of the same list.

        Raises:
            InvalidInput: a field is not indexed, or a value has the wrong type.
        """
        if type(limit) is not int or not 1 <= limit <= _MOST:
            raise InvalidInput.of("bad_limit", most=_MOST, value=limit)
        by = self._reader(by)
        descending = order_by.startswith("-")
        key = self._field(order_by.removeprefix("-"))
        where = self._may_see(self._where(is_open, fields), by)
        backwards, mark = (False, None) if after is None else _read_mark(after, order_by)
        order = ((key, descending != backwards),) if key != "id" else ()
        store, tenant = self.desk.house.store, self.desk.house.tenant
        if backwards and key == "id":
            raise InvalidInput.of("bad_cursor", value=after)
        rows = store.find(tenant, Query(self.kind, where, order, limit + 1, mark))
        more, rows = len(rows) > limit, rows[:limit]
        if backwards:
            rows.reverse()
        items = tuple(map(self.stored.codec.record, rows))

        def mark_of(item: R, back: bool) -> str:
            return _write_mark(order_by, back, (*([self._plain(key, item)] if order else []), item.id))

        ahead = bool(items) and (more if not backwards else True)
        behind = bool(items) and (after is not None if not backwards else more)
        return Page(
            items,
            mark_of(items[-1], False) if ahead else None,
            mark_of(items[0], True) if behind and order else None,
        )

    def each(self, *, is_open: bool | None = None, by: Actor | None = None, **fields: Any) -> Iterator[R]:
        """Go through all records that meet the conditions, in the order of their ids, a page at a time."""
        where = self._may_see(self._where(is_open, fields), self._reader(by))
        store, tenant, mark = self.desk.house.store, self.desk.house.tenant, None
        while rows := store.find(tenant, Query(self.kind, where, (), _MOST, mark)):
            yield from map(self.stored.codec.record, rows)
            mark = (rows[-1].id,)

    def count(self, *, is_open: bool | None = None, by: Actor | None = None, **fields: Any) -> int:
        """Return how many records meet the conditions."""
        where = self._may_see(self._where(is_open, fields), self._reader(by))
        return self.desk.house.store.count(self.desk.house.tenant, Query(self.kind, where))

    def _where(self, is_open: bool | None, fields: Mapping[str, Any]) -> Where:
        parts: list[Where] = []
        if is_open is not None:
            closed = ("resolved", "closed", "cancelled")
            parts.append(Compare("category", "in", OPEN if is_open else closed))
        for key, value in fields.items():
            if key in self.desk.house.relations:
                relation, backwards = self.desk.house.relations.directed(key)
                other = value.id if isinstance(value, Record) else value
                parts.append(Linked(relation.name, other, backwards))
                continue
            name, _, operator = key.partition("__")
            parts.append(self._compare(name, operator or "eq", value))
        return Every(tuple(parts))

    def _compare(self, name: str, operator: str, value: Any) -> Compare:
        field = self._field(name)
        if operator not in OPERATORS:
            raise InvalidInput.of("bad_operator", field=name, operator=operator, operators=OPERATORS)
        known: Operator = operator  # type: ignore[assignment]  # just checked
        if known == "is_null":
            return Compare(field, known, bool(value))
        if known == "in":
            return Compare(field, known, tuple(self._checked(name, each) for each in value))
        if known in ("prefix", "contains"):
            if not isinstance(value, str):
                raise InvalidInput.of("ill_typed", field=name, expected="a text", value=value)
            return Compare(field, known, value)
        return Compare(field, known, self._checked(name, value))

    def _field(self, name: str) -> str:
        if name not in self.stored.searchable:
            known = sorted(self.stored.searchable)
            raise InvalidInput.of(
                "not_indexed", record=self.kind, field=name, indexed=known, nearest=nearest(name, known)
            )
        return f"extra.{name}" if name in self.shape.extra else name

    def _checked(self, name: str, value: Any) -> Any:
        field = self.shape.get(name)
        if value is None or field is None:
            return value
        if field.kind == "moment":
            reason = field.check(name, value)
            if reason:
                raise InvalidInput(reason)
            return microseconds(value) if name in ("created_at", "updated_at") else self.stored.codec.plain(name, value)
        if field.kind != "text" and (reason := field.check(name, value)):
            raise InvalidInput(reason)
        if field.kind == "text" and not isinstance(value, str):
            raise InvalidInput.of("ill_typed", field=name, expected=field.says, value=value)
        return self.stored.codec.plain(name, value)

    def _plain(self, field: str, item: R) -> Any:
        if field in ("created_at", "updated_at"):
            return microseconds(getattr(item, field))
        if field == "category":
            return self.stored.category(item.state)
        if field == "origin_key":
            return item.origin.key if item.origin else None
        name = field.removeprefix("extra.")
        return self.stored.codec.plain(name, self.shape.read(item, name))

    # history and links

    def history(self, record: str | R, *, by: Actor | None = None) -> tuple[Entry, ...]:
        """Return the entries of a record, oldest first.

        What is said among staff is left out for those who are not (see `staff`).

        Raises:
            NotFound: there is no such record, or none that this actor may see.
        """
        by = self._reader(by)
        found = self._get(self.desk.reading(), record, by)
        house = self.desk.house
        entries = [
            self.stored.codec.entry(row, house.tenant) for row in house.store.history(house.tenant, record_id=found.id)
        ]
        if by is not None and not self.staff(by, found):
            entries = [entry for entry in entries if entry.comment is None or entry.comment.audience == "user"]
        return tuple(entries)

    def histories(self, *, by: Actor | None = None) -> Iterator[tuple[Entry, ...]]:
        """Go through the histories of all records that an actor may see, one record at a time."""
        house, by = self.desk.house, self._reader(by)
        seen = self.visible(by) if by is not None else None
        allowed = None
        if seen is not None:
            allowed = {row.id for row in house.store.find(house.tenant, Query(self.kind, seen))}
        held: list[Entry] = []
        for row in house.store.history(house.tenant, kind=self.kind):
            if held and held[0].record_id != row.record_id:
                if allowed is None or held[0].record_id in allowed:
                    yield tuple(held)
                held = []
            held.append(self.stored.codec.entry(row, house.tenant))
        if held and (allowed is None or held[0].record_id in allowed):
            yield tuple(held)

    def replayed(self, record: str | R) -> R:
        """Rebuild a record from its history alone (INV-120)."""
        found = self._get(self.desk.reading(), record, None)
        return self.rebuilt(self.history(found))

    def rebuilt(self, entries: tuple[Entry, ...]) -> R:
        """Rebuild a record from entries of its history."""
        made: R = replay(entries, self.shape)
        return made

    def links(self, record: str | R, *, by: Actor | None = None) -> tuple[Link, ...]:
        """Return the links of a record, each read from this record's end, with the relation's name from here.

        Links to records that the actor may not see are left out.
        """
        by = self._reader(by)
        unit = self.desk.reading()
        found = self._get(unit, record, by)
        relations = self.desk.house.relations
        seen = []
        for backwards in (False, True):
            for row in unit.links(found.id, backwards=backwards):
                other, kind = (row.source, row.source_kind) if backwards else (row.target, row.target_kind)
                if by is not None and kind in self.desk.house.kinds:
                    practice = self.desk.of_kind(kind)
                    end = unit.get(other)
                    if end is None or not practice._sees(end, by):
                        continue
                link = link_of(row)
                relation = relations.inverse(row.relation) if backwards else row.relation
                seen.append(Link(found.id, relation, other, link.at, link.by))
        return tuple(seen)

    def linked(self, record: str | R, relation: str, *, by: Actor | None = None) -> tuple[Any, ...]:
        """Return the records at the other end of a relation (or of its way back), oldest link first."""
        unit = self.desk.reading()
        ids = [link.target for link in self.links(record, by=by) if link.relation == relation]
        return tuple(unit.get_all(ids))


def _write_mark(order_by: str, back: bool, values: tuple[Any, ...]) -> str:
    text = json.dumps([order_by, back, *values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_mark(after: str, order_by: str) -> tuple[bool, tuple[Any, ...]]:
    try:
        order, back, *values = json.loads(base64.urlsafe_b64decode(after.encode()))
    except (ValueError, binascii.Error, AttributeError) as error:
        raise InvalidInput.of("bad_cursor", value=after) from error
    if order != order_by or type(back) is not bool or not 1 <= len(values) <= 2:
        raise InvalidInput.of("bad_cursor", value=after)
    return back, tuple(values)
