"""People, a clock, a stand-in for changes, a small network, and the slow truth about impacts."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

import itil4
from itil4 import Actor, Lifecycle, Line, Practice, Record, State, Transition
from itil4.practices.configuration import ITEM_RELATIONS, ConfigurationGraph, Redundancy

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEEPER = Actor("kim", {"configuration_manager"})
DESK = Actor("sam", {"service_desk"})
USER = Actor("ana", {"user"})


class Ticking:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


@attrs.frozen(kw_only=True)
class PlainChange(Record):
    """The least that a change is."""

    summary: Line


class PlainChanges(Practice[PlainChange]):
    """A stand-in with the states of a change, all of them within a step."""

    name, slot, kind, prefix = "change_enablement", "changes", "change", "CHG"
    record = PlainChange
    lifecycle = Lifecycle(
        "change",
        "new",
        [
            State("new", "new"),
            State("assess"),
            State("authorize"),
            State("scheduled"),
            State("implement"),
            State("review", "resolved"),
            State("closed", "closed"),
            State("cancelled", "cancelled"),
        ],
        [
            Transition(f"to_{name}", "*", name)
            for name in ("assess", "authorize", "scheduled", "implement", "review", "closed", "cancelled")
        ],
    )


def opened(url: str | None = None, clock: Any = None, **options: Any) -> itil4.ServiceManagement:
    """Return a service management with items and stand-in changes."""
    practices = [PlainChanges, *options.pop("practices", ())]
    return itil4.connect(url, practices=practices, clock=clock or Ticking(), **options)


def network(itsm: itil4.ServiceManagement) -> dict[str, Any]:
    """Return a shop that depends on a database on a server with a disk, and on one of two relays."""
    items = itsm.configuration_items
    made = {
        name: items.register(name=name, type=kind, by=KEEPER)
        for name, kind in [
            ("shop", "service"), ("database", "application"), ("server", "server"), ("disk", "part"),
            ("relay 1", "server"), ("relay 2", "server"),
        ]
    }  # fmt: skip
    for source, name, target in [
        ("shop", "depends_on", "database"), ("database", "runs_on", "server"), ("disk", "part_of", "server"),
        ("shop", "depends_on", "relay 1"), ("shop", "depends_on", "relay 2"),
    ]:  # fmt: skip
        items.relate(made[source].id, name, made[target].id, by=KEEPER)
    members = [made["relay 1"], made["relay 2"]]
    items.set_redundancy(made["shop"].id, "relays", needs=1, members=members, by=KEEPER)
    return {name: items.get(each.id) for name, each in made.items()}


def names(items: Iterable[Any]) -> list[str]:
    return [each.name for each in items]


def brute_force(
    edges: Iterable[tuple[str, str, str]], redundancy: Mapping[str, Iterable[Redundancy]], failed: Iterable[str]
) -> set[str]:
    """Return what has failed in the end, by looking at every item again until nothing changes any more."""
    hit = {each.name: each.hit for each in ITEM_RELATIONS}
    rests: set[tuple[str, str]] = set()
    for source, name, target in edges:
        if hit[name] == "source":
            rests.add((source, target))
        if hit[name] == "target":
            rests.add((target, source))
    down = set(failed)
    while True:
        more = set()
        for item in {item for item, _ in rests} - down:
            lost = {other for one, other in rests if one == item and other in down}
            groups = tuple(redundancy.get(item, ()))
            alone = lost - {member for group in groups for member in group.members}
            standing = [len(group.members) - len(lost & set(group.members)) >= group.needs for group in groups]
            if alone or not all(standing):
                more.add(item)
        if not more:
            return down
        down |= more


def chain(length: int, relation: str = "depends_on") -> ConfigurationGraph:
    """Return items in a row, each resting on the next one."""
    return ConfigurationGraph([(f"i{n}", relation, f"i{n + 1}") for n in range(length)])
