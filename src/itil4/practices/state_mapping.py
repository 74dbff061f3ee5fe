"""States that a lifecycle no longer has: the records that are in them are corrected, or stand in the way.

Looked at when a service management is opened, for the practices that the host brings and those that
it names a mapping for. The store remembers which states there were when it was last looked at.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from itil4.errors import DefinitionError, StaleRecord, nearest
from itil4.practices.correcting import put_right
from itil4.record import Actor
from itil4.storage.protocols import Batch, Conflict, OnceRow
from itil4.storage.query import Compare, Every, Query

if TYPE_CHECKING:
    from itil4.practices.amending import Amending
    from itil4.practices.desk import Desk

MAPPER = Actor("state_mapping", kind="system")
"""Who corrects the states of records when a mapping says so."""

_AT_ONCE = 100
_SHOWN = 5
_TRIES = 20


def settle_states(desk: "Desk", kind: str, mapping: Mapping[str, str]) -> int:
    """Bring the records of a kind into states that its lifecycle has, and return how many were corrected.

    Safe to run again and from several processes: a record is corrected by whoever comes first.

    Raises:
        DefinitionError: records are in states that the lifecycle lacks and the mapping does not name, or the
            mapping itself cannot be.
    """
    practice = desk.of_kind(kind)
    states = practice.lifecycle.by_name
    _check(practice, mapping)
    store, tenant = desk.house.store, desk.house.tenant
    mark = hashlib.sha256("\n".join(sorted(states)).encode()).hexdigest()[:16]
    looks, last = _looks(desk, kind)
    if last == mark or not store.find(tenant, Query(kind, limit=1)):
        return 0
    gone = Every(tuple(Compare("state", "ne", name) for name in states))
    _refuse(practice, Every((gone, *(Compare("state", "ne", name) for name in mapping))))
    done = 0
    while some := _corrected(practice, gone, mapping):
        done += some
    with suppress(Conflict):  # another process has looked, too
        store.write(tenant, Batch(once=[OnceRow(_key(kind, looks + 1), "", 0, mark)]))
    return done


def _check(practice: "Amending[Any]", mapping: Mapping[str, str]) -> None:
    states = practice.lifecycle.by_name
    for old, new in mapping.items():
        where = f"the state mapping of {practice.kind}"
        if new not in states:
            raise DefinitionError.of("unknown_name", where=where, what="state", name=new, nearest=nearest(new, states))
        if old in states:
            text, remedy = f"{old!r} is still a state of {practice.lifecycle.name!r}.", "Map states that are gone only."
            raise DefinitionError.of("definition", where=where, text=text, remedy=remedy)


def _key(kind: str, look: int) -> str:
    return f"itil4 looked at the states of {kind} {look}"


def _looks(desk: "Desk", kind: str) -> tuple[int, str | None]:
    """Return how often the states of a kind were looked at, and the mark of those at the last time.

    Each look has the next number, so that a lifecycle which comes back after another one is looked at again.
    """
    known: dict[int, str] = {}

    def was(look: int) -> bool:
        for row in desk.house.store.known(desk.house.tenant, "once", [(_key(kind, look),)]):
            known[look] = row.mark
        return look in known

    most = 1
    while was(most):
        most *= 2
    least = most // 2
    while least + 1 < most:
        middle = (least + most) // 2
        least, most = (middle, most) if was(middle) else (least, middle)
    return least, known.get(least)


def _refuse(practice: "Amending[Any]", where: Every) -> None:
    """Refuse to go on over records in states that nothing is known of."""
    store, tenant = practice.desk.house.store, practice.desk.house.tenant
    rows = store.find(tenant, Query(practice.kind, where, limit=_SHOWN))
    if rows:
        raise DefinitionError.of(
            "states_in_the_way", lifecycle=practice.lifecycle.name, kind=practice.kind,
            count=store.count(tenant, Query(practice.kind, where)),
            states=sorted({row.state for row in rows}),
            records=[row.number or row.origin_key or row.id for row in rows],
        )  # fmt: skip


def _corrected(practice: "Amending[Any]", gone: Every, mapping: Mapping[str, str]) -> int:
    """Correct some records in one unit of work; return how many. Again, when somebody else was quicker."""
    desk = practice.desk
    for left in reversed(range(_TRIES)):
        rows = desk.house.store.find(desk.house.tenant, Query(practice.kind, gone, limit=_AT_ONCE))
        try:
            with desk.working() as unit:
                for record in unit.get_all([row.id for row in rows]):
                    if record.state in mapping:
                        new = mapping[record.state]
                        reason = f"The lifecycle has no state {record.state!r} any more; {new!r} takes its place."
                        put_right(practice, unit, record, MAPPER, new, {}, reason, None)
            return len(rows)
        except StaleRecord:
            if not left:
                raise
    raise AssertionError  # the last try returns or raises
