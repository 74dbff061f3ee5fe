"""Baselines: named snapshots of the register that are kept as they are, to compare with."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeVar

import attrs

from itil4.clock import instant
from itil4.errors import Reason
from itil4.lifecycle import Context, Lifecycle, State, Transition
from itil4.practices.base import Practice
from itil4.practices.configuration.item import MANAGERS
from itil4.practices.configuration.snapshots import Snapshot, SnapshotDiff
from itil4.practices.work import NOTHING
from itil4.record import Actor, Line, Note, Record


@attrs.frozen(kw_only=True)
class ConfigurationBaseline(Record):
    """How items and relations stood at a moment, under a name; it never changes.

    Attributes:
        name: such as `before the move`.
        asof: the moment.
        snapshot: the items and relations.
        note: what it is for.
    """

    name: Line
    asof: datetime
    snapshot: Snapshot
    note: Note = ""


BASELINE = Lifecycle(
    "configuration baseline",
    "kept",
    states=[
        State("kept", "closed", fields={"snapshot": "mandatory|read_only", "asof": "mandatory|read_only"}),
        State("superseded", "closed", fields={"*": "read_only"}),
    ],
    transitions=[Transition("supersede", "kept", "superseded", roles=MANAGERS)],
)

B = TypeVar("B", bound=ConfigurationBaseline)


class ConfigurationBaselines(Practice[B]):
    """Named snapshots of the register."""

    name = "service_configuration_management"
    slot = "configuration_baselines"
    kind = "configuration_baseline"
    prefix = "CBL"
    record = ConfigurationBaseline  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = BASELINE
    indexed: ClassVar[tuple[str, ...]] = ("name", "asof")

    def editors(self) -> frozenset[str]:
        """Those who keep the register."""
        return MANAGERS

    def objections(self, before: B | None, after: B, context: Context, event: str) -> Iterable[Reason]:
        """Only they take one."""
        if before is None and MANAGERS.isdisjoint(context.roles):
            has, needs = sorted(context.actor.roles), sorted(MANAGERS)
            yield Reason.of("role", event="take", actor=context.actor.id, has=has, needs=needs)

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """Without a snapshot of its own, it is of the moment when it is taken."""
        if "snapshot" in values:
            return {"asof": at} if "asof" not in values else NOTHING
        asof = values.get("asof")
        items: Any = self.desk.in_slot("configuration_items")
        return {"asof": at, "snapshot": items.snapshot(None if asof is None else instant(asof, "asof"))}

    def take(self, name: str, *, asof: datetime | None = None, by: Actor | None = None, **values: Any) -> B:
        """Keep the items and relations as they are now, or as they were at a moment, under a name.

        Args:
            name: by which it is spoken of.
            asof: the moment; by default now.
            by, values: as for `log`.
        """
        given: dict[str, Any] = {} if asof is None else {"asof": asof}
        return self.log(name=name, by=by, **given, **values)

    def diff(self, later: Any, earlier: Any = None, *, by: Actor | None = None) -> SnapshotDiff:
        """Return what became different between two baselines, or since one: `diff(first)` compares today with it.

        Args:
            later: the later baseline, by record, number or id; or the earlier one, where it is compared with today.
            earlier: the earlier baseline.
            by: the reader.
        """
        if earlier is None:
            items: Any = self.desk.in_slot("configuration_items")
            now: Snapshot = items.snapshot()
            return now.diff(self.get(later, by=by).snapshot)
        return self.get(later, by=by).snapshot.diff(self.get(earlier, by=by).snapshot)


__all__ = ["BASELINE", "ConfigurationBaseline", "ConfigurationBaselines"]
