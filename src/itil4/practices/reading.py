"""What a practice answers: one record, a page of them, their history and links; to those who may see it."""

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import groupby
from typing import Any, ClassVar, Generic, TypeVar

import attrs

from itil4.errors import InvalidInput, NotFound, StoreError, nearest
from itil4.practices.desk import Desk
from itil4.record import Actor, Details, Entry, Link, Record, Shape, replay
from itil4.record.door import text_problem
from itil4.record.happened import as_happened
from itil4.storage import earlier
from itil4.storage.kinds import Kind
from itil4.storage.protocols import RecordRow
from itil4.storage.query import OPERATORS, Compare, Every, Linked, Operator, Query, Some, Where, holds, microseconds
from itil4.storage.unit import Unit, link_of
from itil4.vocabulary import OPEN

R = TypeVar("R", bound=Record)

_MOST = 1_000
_NAMING = frozenset(("skipped", "moved", "cause"))
"""What the details of an entry may say about other records."""


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

    @cached_property
    def stored(self) -> Kind:
        """The kind as storage sees it."""
        return self.desk.house.kinds[self.kind]

    @cached_property
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

    def delivers(self, actor: Actor, record: R) -> bool:
        """Say whether what an actor tells the user counts as a response: people of the staff who did not ask for help.

        Comments keep the answer, so that clocks can be read when roles have changed since.
        """
        asked = getattr(record, "requester", None) == actor.id
        return not asked and not actor.is_system and self.staff(actor, record)

    def _reader(self, by: Actor | None) -> Actor | None:
        actor = self.desk.actor if by is None else by
        if actor is not None and not isinstance(actor, Actor):
            raise InvalidInput.of("ill_typed", field="by", expected="an Actor", value=actor)
        return actor

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
            if type(identity) is not str:
                raise InvalidInput.of("foreign_record", value=reference, record=self.record.__name__)
        elif isinstance(reference, str):
            identity = self._identity(unit, reference, by)
        else:
            raise InvalidInput.of("foreign_record", value=reference, record=self.record.__name__)
        found = unit.get(identity)
        if found is None or unit.kind_of(identity).name != self.kind or not self._sees(found, by, unit):
            raise self._not_found(reference if isinstance(reference, str) else reference.reference, by)
        held: R = found
        return held

    def _identity(self, unit: Unit, reference: str, by: Actor | None) -> str:
        store, tenant = self.desk.house.store, self.desk.house.tenant
        if text_problem("record", reference, longest=1_000):
            raise self._not_found(reference, by)
        system, colon, key = reference.partition(":")
        if colon:
            for *_, owner in store.known(tenant, "origin", [(system, key)]):
                return str(owner)
        if reference.count("-") == 4 and len(reference) == 36:
            return reference
        names = Some(tuple(Compare(name, "eq", reference) for name in ("number", "origin_key", "id")))
        rows = earlier.found(store, tenant, self.stored, Query(self.kind, self._may_see(names, by), limit=3))
        if len(rows) > 1:
            own = next((row.number for row in rows if row.number == reference), rows[0].id)
            other = next(row for row in rows if row.number != reference)
            raise InvalidInput.of(
                "ambiguous_number", value=reference, own=own, foreign=other.id, system=other.origin_system
            )
        if not rows and unit.get(reference) is None:
            raise self._not_found(reference, by)
        return rows[0].id if rows else reference

    def _sees(self, found: R, by: Actor | None, unit: Unit) -> bool:
        """Judge `visible` on a record as a unit has it, as the store judges it on what is stored."""
        seen = self.visible(by) if by is not None else None
        if seen is None:
            return True

        def linked(where: Linked) -> bool:
            rows = unit.links(found.id, backwards=where.backwards)
            return any(
                row.relation == where.relation and (row.source if where.backwards else row.target) == where.other
                for row in rows
            )

        return holds(seen, lambda name: self._plain(name, found), linked)

    def _end_is_seen(self, unit: Unit, identity: str, by: Actor) -> bool:
        """Whether an actor may see the other end of a link; persons and kinds that nobody knows here are no secret."""
        try:
            end = unit.get(identity)
        except StoreError as error:
            if error.code == "unknown_kind":
                return True
            raise
        return end is None or self.desk.of_kind(unit.kind_of(identity).name)._sees(end, by, unit)

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
        prefix, contains) or without for equality, and relations by either name (`caused_by=problem`,
        `causes=incident`).

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
        if not isinstance(order_by, str):
            raise InvalidInput.of("ill_typed", field="order_by", expected="the name of a field", value=order_by)
        descending = order_by.startswith("-")
        key = self._field(order_by.removeprefix("-"))
        where = self._may_see(self._where(is_open, fields, by), by)
        backwards, mark = (False, None) if after is None else _read_mark(after, order_by, 1 if key == "id" else 2)
        order = ((key, descending != backwards),) if key != "id" else ()
        store, tenant = self.desk.house.store, self.desk.house.tenant
        if backwards and key == "id":
            raise InvalidInput.of("bad_cursor", value=after)
        rows = earlier.found(store, tenant, self.stored, Query(self.kind, where, order, limit + 1, mark))
        more, rows = len(rows) > limit, rows[:limit]
        if backwards:
            rows.reverse()
        items = tuple(map(self.stored.codec.record, rows))

        def mark_of(row: RecordRow, back: bool) -> str:
            return _write_mark(order_by, back, (*([earlier.value_of(row, key)] if order else []), row.id))

        ahead = bool(items) and (more if not backwards else True)
        behind = bool(items) and (after is not None if not backwards else more)
        return Page(
            items,
            mark_of(rows[-1], False) if ahead else None,
            mark_of(rows[0], True) if behind and order else None,
        )

    def each(self, *, is_open: bool | None = None, by: Actor | None = None, **fields: Any) -> Iterator[R]:
        """Go through all records that meet the conditions, in the order of their ids, a page at a time."""
        by = self._reader(by)
        where = self._may_see(self._where(is_open, fields, by), by)
        store, tenant, mark = self.desk.house.store, self.desk.house.tenant, None
        while rows := earlier.found(store, tenant, self.stored, Query(self.kind, where, (), _MOST, mark)):
            yield from map(self.stored.codec.record, rows)
            mark = (rows[-1].id,)

    def count(self, *, is_open: bool | None = None, by: Actor | None = None, **fields: Any) -> int:
        """Return how many records meet the conditions."""
        by = self._reader(by)
        where = self._may_see(self._where(is_open, fields, by), by)
        return earlier.counted(self.desk.house.store, self.desk.house.tenant, self.stored, where)

    def _where(self, is_open: bool | None, fields: Mapping[str, Any], by: Actor | None) -> Where:
        parts: list[Where] = []
        if is_open is not None:
            if type(is_open) is not bool:
                raise InvalidInput.of("ill_typed", field="is_open", expected="True or False", value=is_open)
            closed = ("resolved", "closed", "cancelled")
            parts.append(Compare("state_category", "in", OPEN if is_open else closed))
        for key, value in fields.items():
            if key in self.desk.house.relations and key not in self.stored.searchable:
                relation, backwards = self.desk.house.relations.directed(key)
                other = self._other_end(value, by)
                ways = (False, True) if relation.name == relation.inverse else (backwards,)
                found = tuple(Linked(relation.name, other, way) for way in ways)
                parts.append(found[0] if len(found) == 1 else Some(found))
                continue
            name, mark, operator = key.rpartition("__")  # the last one: a name may end with _
            name, operator = (name, operator) if mark else (key, "")
            parts.append(self._compare(name, operator or "eq", value))
        return Every(tuple(parts))

    def _other_end(self, value: Any, by: Actor | None) -> str:
        from itil4.practices.linking import end_of  # linking stands on this module

        asked = value.id if isinstance(value, Record) else value  # a question may be asked with an earlier copy
        end = end_of(self.desk, self.desk.reading(), asked, by)[0]
        return end if isinstance(end, str) else str(end.id)

    def _compare(self, name: str, operator: str, value: Any) -> Compare:
        field = self._field(name)
        if operator not in OPERATORS:
            raise InvalidInput.of("bad_operator", field=name, operator=operator, operators=OPERATORS)
        known: Operator = operator
        if known == "is_null":
            if type(value) is not bool:
                raise InvalidInput.of("ill_typed", field=name, expected="True or False", value=value)
            return Compare(field, known, value)
        if known == "in":
            if isinstance(value, str) or not isinstance(value, Iterable):
                raise InvalidInput.of("ill_typed", field=name, expected="several values", value=value)
            return Compare(field, known, tuple(self._checked(name, each) for each in value))
        if known in ("prefix", "contains"):
            kind = self.shape.get(name)
            if kind is not None and kind.kind not in ("text", "choice"):
                raise InvalidInput.of("bad_operator", field=name, operator=operator, operators=OPERATORS[:-2])
            return Compare(field, known, self._text(name, value))
        if value is None and known not in ("eq", "ne"):
            raise InvalidInput.of("ill_typed", field=name, expected="a value to compare with", value=value)
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
        if value is None:
            return value
        if field is None:
            return self._text(name, value)
        if field.kind == "moment":
            reason = field.check(name, value)
            if reason:
                raise InvalidInput(reason)
            return microseconds(value) if name in ("created_at", "updated_at") else self.stored.codec.plain(name, value)
        if field.kind != "text" and (reason := field.check(name, value)):
            raise InvalidInput(reason)
        return self.stored.codec.plain(name, self._text(name, value) if field.kind == "text" else value)

    @staticmethod
    def _text(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise InvalidInput.of("ill_typed", field=name, expected="a text", value=value)
        if reason := text_problem(name, value):
            raise InvalidInput(reason)
        return value

    def _plain(self, field: str, item: R) -> Any:
        if field in ("created_at", "updated_at"):
            return microseconds(getattr(item, field))
        if field == "state_category":
            return self.stored.category(item.state)
        if field == "origin_key":
            return item.origin.key if item.origin else None
        name = field.removeprefix("extra.")
        if self.shape.get(name) is None:
            return None
        return self.stored.codec.plain(name, self.shape.read(item, name))

    # history and links

    def history(self, record: str | R, *, by: Actor | None = None) -> tuple[Entry, ...]:
        """Return the entries of a record, oldest first.

        What is said among staff is left out for those who are not (see `staff`).

        Raises:
            NotFound: there is no such record, or none that this actor may see.
        """
        by, unit = self._reader(by), self.desk.reading()
        found = self._get(unit, record, by)
        return self._shown(self._entries(unit, found.id), found, by, unit)

    def _entries(self, unit: Unit, record_id: str) -> tuple[Entry, ...]:
        """Return the whole history of a record, with what an open unit has collected."""
        house = self.desk.house
        rows = house.store.history(house.tenant, record_id=record_id)
        stored = self.stored.codec.entries(rows, house.tenant)
        return (*stored, *(entry for entry in unit.entries if entry.record_id == record_id))

    def _shown(self, entries: tuple[Entry, ...], found: R, by: Actor | None, unit: Unit) -> tuple[Entry, ...]:
        """Return what an actor may read of a history: no staff talk, and no trace of records that they may not see."""
        if by is None:
            return entries
        staff = self.staff(by, found)
        shown = []
        for entry in entries:
            if entry.op == "comment" and not staff and entry.by != by.id:
                if entry.comment is not None and entry.comment.audience != "user":
                    continue
            elif entry.op in ("link", "unlink"):
                if entry.link is not None and not self._end_is_seen(unit, entry.link[1], by):
                    continue
            elif not _NAMING.isdisjoint(entry.details):
                entry = self._veiled(entry, by, unit)  # noqa: PLW2901 - the same entry, with less in it
            shown.append(entry)
        return tuple(shown)

    def _veiled(self, entry: Entry, by: Actor, unit: Unit) -> Entry:
        """Leave out what the details of an entry say about records that an actor may not see."""
        from itil4.practices.linking import locate  # linking stands on this module

        def is_known(reference: str) -> bool:
            try:
                return locate(self.desk, unit, reference, by) is not None
            except NotFound:
                return False
            except InvalidInput:  # the number of several records, all of which they may see
                return True

        def is_seen(link: list[str]) -> bool:
            return all(self._end_is_seen(unit, end, by) for end in (link[0], link[2]))

        data = dict(entry.details.data)
        data["skipped"] = [each for each in data.get("skipped", ()) if is_known(each[0])]
        data["moved"] = [each for each in data.get("moved", ()) if is_seen(each)]
        if "cause" in data and not self._end_is_seen(unit, data["cause"].rpartition(":")[0], by):
            del data["cause"]
        return attrs.evolve(entry, details=Details({key: value for key, value in data.items() if value != []}))

    def histories(self, *, by: Actor | None = None) -> Iterator[tuple[Entry, ...]]:
        """Go through the histories of all records that an actor may see, one record at a time.

        They are told as things are now known to have happened, back-dated corrections in their places
        (see `itil4.record.happened`); `history` tells what was written when.
        """
        house, by = self.desk.house, self._reader(by)
        seen = self.visible(by) if by is not None else None
        allowed = None
        if seen is not None:
            allowed = {row.id for row in earlier.found(house.store, house.tenant, self.stored, Query(self.kind, seen))}
        rows = house.store.history(house.tenant, kind=self.kind)
        for record_id, some in groupby(rows, key=lambda row: row.record_id):
            entries = as_happened(self.stored.codec.entries(some, house.tenant))
            if allowed is not None and record_id not in allowed:
                continue
            if by is None:
                yield entries
            elif (found := (unit := self.desk.new_unit()).get(record_id)) is not None:
                yield self._shown(entries, found, by, unit)

    def replayed(self, record: str | R) -> R:
        """Rebuild a record from its history alone (INV-120)."""
        unit = self.desk.reading()
        return self.rebuilt(self._entries(unit, self._get(unit, record, self._reader(None)).id))

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
                other = row.source if backwards else row.target
                if by is not None and not self._end_is_seen(unit, other, by):
                    continue
                link = link_of(row)
                relation = relations.inverse(row.relation) if backwards else row.relation
                seen.append(Link(found.id, relation, other, link.at, link.by))
        return tuple(seen)

    def linked(self, record: str | R, relation: str, *, by: Actor | None = None) -> tuple[Any, ...]:
        """Return the records at the other end of a relation (or of its way back), oldest link first.

        Raises:
            InvalidInput: there is no such relation.
        """
        self.desk.house.relations.directed(relation)
        unit = self.desk.reading()
        ids = [link.target for link in self.links(record, by=by) if link.relation == relation]
        return tuple(unit.get_all(ids))


def _write_mark(order_by: str, back: bool, values: tuple[Any, ...]) -> str:
    import base64  # late, as json: not every process asks for pages
    import json

    text = json.dumps([order_by, back, *values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_mark(after: str, order_by: str, length: int) -> tuple[bool, tuple[Any, ...]]:
    import base64
    import json

    try:
        order, back, *values = json.loads(base64.urlsafe_b64decode(after.encode()))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput.of("bad_cursor", value=after) from error
    plain = all(type(each) in (str, int, bool, type(None)) or _is_finite(each) for each in values)
    if order != order_by or type(back) is not bool or len(values) != length or not plain or type(values[-1]) is not str:
        raise InvalidInput.of("bad_cursor", value=after)
    return back, tuple(values)


def _is_finite(value: object) -> bool:
    return type(value) is float and math.isfinite(value)
