"""What lets a controlled item be changed: an authorized change that has it in its scope (INV-069)."""

from typing import TYPE_CHECKING, Any

from itil4.errors import Reason
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.configuration.items import ConfigurationItems


def authority(items: "ConfigurationItems[Any]", unit: Unit, item: Any, change: Any) -> Reason | None:
    """Say why an item may not be changed here and now, or None.

    The commit rests on the change and its links: when its state or its scope moves meanwhile, nothing is written.
    """
    if not items.is_controlled(item):
        return None
    if change is None:
        return Reason.of("needs_change", item=item.reference, type=item.type)
    kind = unit.kind_of(change.id).name
    if kind != "change":
        return Reason.of("several_kinds", found=kind, expected="change")
    rows = unit.links(change.id)
    unit.depend([change.id])
    authorizing = items.policy.authorizing
    if change.state not in authorizing:
        return Reason.of("not_authorized", change=change.reference, state=change.state, states=sorted(authorizing))
    if not any(row.relation == "affects" and row.target == item.id for row in rows):
        return Reason.of("out_of_scope", change=change.reference, item=item.reference)
    return None
