"""What a configuration item is, and how it moves.

The items are a register: what is live is no work that somebody has still to do, so its state counts as resolved
and appears in no figure of open work. Planned items and items under maintenance do.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from itil4.lifecycle import Context, Lifecycle, State, Transition, guard
from itil4.practices.configuration.graph import Redundancy
from itil4.record import Line, Note, Record

MANAGERS = frozenset({"configuration_manager", "configuration_librarian"})
EDITORS = MANAGERS | {"owner", "service_owner", "discovery"}
"""Who may record and change items: those who keep the register, who answers for the item, and what discovers items."""


@attrs.frozen(kw_only=True)
class ConfigurationItem(Record):
    """A component that has to be managed in order to deliver a service.

    Attributes:
        name: what people call it.
        type: such as server, application or service; the types of an organization are in its `ConfigurationPolicy`.
        service: the name by which agreements and records know the service that this item is; None for other items.
        environment, location, vendor: where it stands and who made it.
        owner: who answers for it: a person or a team.
        group: who works on it.
        redundancy: the groups of items of which so many must stand for it, by the ids of the items.
        live_since, retired_at: when it came into service last, and when it left.
        retirement_note: why it goes although other items rest on it.
    """

    name: Line
    type: Line = "item"
    description: Note = ""
    service: Line | None = None
    environment: Line | None = None
    location: Line | None = None
    vendor: Line | None = None
    owner: Line | None = None
    group: Line | None = None
    redundancy: tuple[Redundancy, ...] = ()
    live_since: datetime | None = None
    retired_at: datetime | None = None
    retirement_note: Note | None = None

    @property
    def provides(self) -> str | None:
        """The name of the service that it is: as told, or its own name where its type is `service`."""
        return self.service or (self.name if self.type == "service" else None)


@guard(remedy="Relate them to something else first, or say in retirement_note why it goes all the same.")
def nothing_rests_on_it(item: ConfigurationItem, context: Context) -> bool | str:
    """What others rest on does not go unnoticed (INV-086)."""
    names = context.facts["dependants"]
    return not names or bool(item.retirement_note) or f"it is needed by {', '.join(names)}."


def stamp_live(item: ConfigurationItem, context: Context) -> Mapping[str, Any]:
    """It is in service from now on."""
    return {"live_since": context.at, "retired_at": None, "retirement_note": None}


def stamp_over(item: ConfigurationItem, context: Context) -> Mapping[str, Any]:
    """It has left."""
    return {"retired_at": context.at}


_OVER = {"retirement_note": "must_prompt|read_only", "*": "read_only"}

LIFECYCLE = Lifecycle(
    "configuration item",
    ("planned", "live"),
    states=[
        State("planned", "new"),
        State("live", "resolved"),
        State("under_maintenance", "active"),
        State("retired", "closed", fields=_OVER),
        State("withdrawn", "cancelled", fields=_OVER),
    ],
    transitions=[
        Transition("go_live", "planned", "live", roles=EDITORS, effects=[stamp_live]),
        Transition("start_maintenance", "live", "under_maintenance", roles=EDITORS),
        Transition("end_maintenance", "under_maintenance", "live", roles=EDITORS),
        Transition(
            "retire", ["live", "under_maintenance"], "retired", roles=EDITORS, guards=[nothing_rests_on_it],
            effects=[stamp_over], facts="dependants",
        ),
        Transition(
            "withdraw", "planned", "withdrawn", roles=EDITORS, guards=[nothing_rests_on_it], effects=[stamp_over],
            facts="dependants",
        ),
        Transition("reinstate", "retired", "live", roles=MANAGERS, effects=[stamp_live]),
    ],
)  # fmt: skip
"""The default lifecycle of an item; extend it with `LIFECYCLE.extend(...)`, or leave steps out per type."""

OVER = ("closed", "cancelled")
"""The categories of items that are there no more: nothing may be related to them."""

__all__ = ["EDITORS", "LIFECYCLE", "MANAGERS", "OVER", "ConfigurationItem"]
