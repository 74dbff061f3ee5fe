"""Redaction: personal data goes out of a record and out of its history, and what remains says so.

A redaction is an entry of its own, which keeps who did it, why, and what was taken out, and never
the value. The lines that held it are rewritten in the same transaction; the history without it
still rebuilds the row.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from itil4.errors import InvalidInput, Reason, Refused, StaleRecord, StoreError, nearest
from itil4.practices.desk import Desk
from itil4.practices.work import NOTHING
from itil4.record import Actor, Record, person
from itil4.record.door import text_problem
from itil4.storage.plain import dumps
from itil4.storage.protocols import EntryRow, LinkRow
from itil4.storage.redaction import Cut, cut_of_fields, cut_of_person, left_of, redacted_rows
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.amending import Amending

_TRIES = 5


@attrs.frozen
class Redaction:
    """What became of a person's data.

    Attributes:
        pseudonym: what stands where the person stood.
        records: the references of the records that were changed, in the order of their ids.
    """

    pseudonym: str
    records: tuple[str, ...]


def redact(
    practice: "Amending[Any]", record: str | Record, fields: tuple[str, ...], *, comments: Iterable[int] | bool,
    reasons: Iterable[int] | bool, reason: str, by: Actor | None, once: str | None, expected: int | None,
) -> Any:  # fmt: skip
    """Take fields, comments and reasons out of a record and its history; see `Amending.redact`."""
    actor = practice.desk.who(by, "redact")
    must_say("reason", reason)
    said = {"comments": _places("comments", comments), "reasons": _places("reasons", reasons)}
    _known_fields(practice, fields)
    what = (*fields, *(name for name, wanted in said.items() if wanted))
    if not what:
        raise InvalidInput.of("nothing_named", event="redact", choices=("a field", "comments", "reasons"))

    def work(unit: Unit) -> Any:
        current = practice._held(unit, record, actor, expected)
        practice._may_amend(practice.redactors, actor, current, "redact")
        cut = cut_of_fields(practice.stored.codec, fields, **said)
        return _take_out(practice, unit, current, actor, reason, cut, {"what": what})

    return practice._run("redact", once, work, record, actor)


def redact_person(desk: Desk, identity: str, *, reason: str, by: Actor | None, pseudonym: str | None) -> Redaction:
    """Call a person by a pseudonym wherever records and history say who; see `ServiceManagement.redact_person`."""
    actor = desk.who(by, "redact_person")
    must_say("reason", reason)
    must_say("identity", identity, lines=False, longest=255)
    if pseudonym is not None:
        must_say("pseudonym", pseudonym, lines=False, longest=255)
    other = pseudonym or f"person-{desk.house.ids()[-12:]}"
    if other == identity:
        raise InvalidInput.of("taken", what="pseudonym", value=other, holder="that very person")
    held = [(desk.of_kind(kind), ids) for kind, ids in _records_of(desk, identity).items()]
    for practice, _ in held:
        practice._may_amend(practice.redactors, actor, None, "redact_person")
    changed = [
        reference
        for practice, ids in held
        for each in sorted(ids)
        if (reference := _renamed(practice, each, actor, reason, identity, other)) is not None
    ]
    return Redaction(other, tuple(changed))


def _renamed(
    practice: "Amending[Any]", record_id: str, actor: Actor, reason: str, identity: str, other: str
) -> str | None:
    """Rename a person in one record, in a unit of its own unless one is open; who comes in between is waited for."""
    cut = cut_of_person(identity, other, practice.people, link_end=person)
    told = {"what": ["person"], "pseudonym": other}
    for left in reversed(range(_TRIES)):
        try:
            with practice.desk.working() as unit:
                current = unit.get(record_id)
                new = _take_out(practice, unit, current, actor, reason, cut, told)
                for old in unit.links(record_id):
                    link = _link_without(old, identity, other)
                    if link != old:
                        unit.replace_link(old, link)
            return None if new is current else str(new.reference)
        except StaleRecord:
            if not left:
                raise
    raise AssertionError  # the last try returns or raises


def _link_without(link: LinkRow, identity: str, other: str) -> LinkRow:
    target = person(other) if link.target == person(identity) else link.target
    return link._replace(target=target, by=other if link.by == identity else link.by)


def _records_of(desk: Desk, identity: str) -> dict[str, list[str]]:
    """Return kind -> ids of the records whose history may name a person, by walking through all of it once.

    Raises:
        StoreError: a kind that no practice here knows names them.
    """
    house, unit = desk.house, desk.reading()
    marks = (dumps(identity), dumps(person(identity)))
    found: dict[str, dict[str, None]] = {}
    for row in house.store.history(house.tenant):
        if row.by == identity or any(mark in row.details for mark in marks):
            unit.kind(row.kind)
            found.setdefault(row.kind, {})[row.record_id] = None
    return {kind: list(ids) for kind, ids in found.items()}


def _take_out(
    practice: "Amending[Any]", unit: Unit, current: Any, actor: Actor, reason: str, cut: Cut, told: Mapping[str, Any]
) -> Any:
    """Cut something out of a record's history, in a unit; return the record as the rest of it rebuilds it."""
    house, kind = practice.desk.house, practice.stored
    codec = kind.codec
    stored = list(house.store.history(house.tenant, record_id=current.id))[: current.version]
    if len(stored) < current.version:
        raise InvalidInput.of("redaction_alone", record=current.reference)
    before = practice.rebuilt(tuple(codec.entries(stored, house.tenant)))
    if not kind.same(before, current):
        differing = [each.name for each in attrs.fields(type(current)) if _differs(before, current, each.name)]
        raise StoreError.of("not_the_replay", record=current.reference, fields=differing)
    rows = redacted_rows(codec, stored, cut)
    if not rows:
        return current
    left = _rebuilt(practice, left_of(stored, rows), told)
    context = practice._context(unit, actor, current, None, NOTHING, None, reason)
    details = {"redacted": {**told, "entries": [row.seq for row in rows]}}
    new, entry = practice.lifecycle.engine.append(
        left, "redaction", context, changes=practice._derived(left), details=details
    )
    known = [each.code for each in practice.inconsistencies(current)]
    if gained := [each for each in practice.inconsistencies(new) if each.code not in known]:
        raise Refused(*gained)
    return unit.redact(new, entry, rows, stored)


def _rebuilt(practice: "Amending[Any]", rows: list[EntryRow], told: Mapping[str, Any]) -> Any:
    try:
        return practice.rebuilt(tuple(practice.stored.codec.entries(rows, practice.desk.house.tenant)))
    except (StoreError, InvalidInput) as error:  # a value inside a field has checks of its own
        kind = "part of a value that cannot be without it"
        raise Refused.of("not_redactable", field=", ".join(told["what"]), type=kind) from error


def _differs(one: Any, other: Any, name: str) -> bool:
    return bool(getattr(one, name) != getattr(other, name))


def _known_fields(practice: "Amending[Any]", fields: tuple[str, ...]) -> None:
    """Refuse what cannot be taken out: unknown fields, and those that only the library sets."""
    shape = practice.shape
    for name in fields:
        first = name.partition(".")[0] if isinstance(name, str) else name
        field = shape.get(first) if isinstance(first, str) and first != "extra" else None
        if field is None:
            near = nearest(first, [*shape.fields, *shape.extra])
            raise InvalidInput.of("unknown_field", record=practice.record.__name__, field=name, nearest=near)
        if first in shape.locked and name != "overrides.reason":
            remedy = "A person's id goes with redact_person."
            raise Refused.of("field_rule", field=name, rule="set by the library only", remedy=remedy)


def _places(field: str, wanted: Iterable[int] | bool) -> frozenset[int] | bool:
    if isinstance(wanted, bool):
        return wanted
    if isinstance(wanted, str) or not isinstance(wanted, Iterable):
        raise InvalidInput.of("ill_typed", field=field, expected="True, or places in the history", value=wanted)
    found = frozenset(wanted)
    for each in found:
        if type(each) is not int:
            raise InvalidInput.of("ill_typed", field=field, expected="True, or places in the history", value=each)
    return found


def must_say(field: str, text: object, **limits: Any) -> None:
    """Refuse a text that is none, or blank.

    Raises:
        InvalidInput: naming the field.
    """
    reason: Reason | None
    if type(text) is not str:
        reason = Reason.of("ill_typed", field=field, expected="a text", value=text)
    else:
        reason = text_problem(field, text, **{"may_be_blank": False, **limits})
    if reason is not None:
        raise InvalidInput(reason)
