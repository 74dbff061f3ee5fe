"""What was submitted as the wrong kind of record becomes one of the right kind, with a link between them (INV-074)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from itil4.errors import InvalidInput, nearest
from itil4.practices.linking import locate, put
from itil4.practices.request_lifecycle import REROUTED
from itil4.record import Actor, Record
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.base import Practice
    from itil4.practices.service_request_management import ServiceRequestManagement

TARGETS = ("incident", "change")
"""What a request may turn out to be."""

_CARRIED = ("summary", "description", "requester", "customer", "service", "channel")


def reroute(
    practice: "ServiceRequestManagement[Any]", record: Any, to: str, model: Any, actor: Actor, reason: str | None,
    once: str | None, expected: int | None, values: Mapping[str, Any],
) -> Any:  # fmt: skip
    """Make the record that it should have been, link it, and end the one that it is; return the service request.

    Raises:
        InvalidInput: a request does not become such a record, or there is no such model.
        Refused: it is over, or not for this actor to do.
    """
    held = locate(practice.desk, practice.desk.reading(), record, actor) if isinstance(record, str) else record
    if isinstance(held, practice.record):
        if to not in TARGETS:
            near = nearest(to, TARGETS)
            raise InvalidInput.of("not_a_choice", field="to", value=to, choices=TARGETS, nearest=near)
        return _outwards(practice, record, to, actor, reason, once, expected, values)
    incidents = practice.desk.of_kind("incident")
    if not isinstance(held, Record) or not isinstance(held, incidents.record):
        raise InvalidInput.of(
            "ill_typed", field="record", expected="a service request or an incident, or the number of one", value=record
        )
    return _inwards(practice, incidents, record, model, actor, reason, once, expected, values)


def _outwards(
    practice: "ServiceRequestManagement[Any]", record: Any, to: str, actor: Actor, reason: str | None,
    once: str | None, expected: int | None, values: Mapping[str, Any],
) -> Any:  # fmt: skip
    def work(unit: Unit) -> Any:
        current = practice._held(unit, record, actor, expected)
        desk: Any = practice.desk.clone(actor=actor, unit=unit)
        other = desk.of_kind(to)
        given = {**_carried(current, other), "description": _told(practice, current)}
        if "detected_at" in other.shape.fields:
            given["detected_at"] = current.created_at
        made = other.log(by=actor, reason=reason, **{**given, **values})
        relation, _ = desk.house.relations.directed("rerouted_to")
        put(desk, unit, "link", relation, current, made, actor, reason)
        return practice._step(
            unit, unit.get(current.id), "reroute", actor, {"close_reason": REROUTED}, None, reason, None
        )

    return practice._run("reroute", once, work, record, actor)


def _inwards(
    practice: "ServiceRequestManagement[Any]", incidents: "Practice[Any]", record: Any, model: Any, actor: Actor,
    reason: str | None, once: str | None, expected: int | None, values: Mapping[str, Any],
) -> Any:  # fmt: skip
    def work(unit: Unit) -> Any:
        current = incidents._held(unit, record, actor, expected)
        desk: Any = practice.desk.clone(actor=actor, unit=unit)
        given = {name: value for name, value in _carried(current, practice).items() if name != "service"}
        given.setdefault("requester", current.created_by)
        made = desk.of_kind(practice.kind).log(model=model, by=actor, reason=reason, **{**given, **values})
        relation, _ = desk.house.relations.directed("rerouted_to")
        put(desk, unit, "link", relation, current, made, actor, reason)
        incidents._step(unit, unit.get(current.id), "cancel", actor, {"close_reason": REROUTED}, None, reason, None)
        return unit.get(made.id)

    return practice._run("reroute", once, work, None, actor)


def _carried(current: Any, other: "Practice[Any]") -> dict[str, Any]:
    """Return what both kinds of record hold, as far as it is told."""
    found = {name: getattr(current, name, None) for name in _CARRIED if name in other.shape.fields}
    return {name: value for name, value in found.items() if value}


def _told(practice: "ServiceRequestManagement[Any]", current: Any) -> str:
    """Return the description, with the information that no other kind of record has a field for."""
    specs = practice.shape.extra.specs
    lines = [
        f"{(specs[name].label if name in specs else None) or name}: {value}" for name, value in current.extra.items()
    ]
    return "\n".join(filter(None, (current.description, *lines)))


__all__ = ["TARGETS", "reroute"]
