"""How the register stood: snapshots, baselines, and the graph as of a moment."""

import random
from datetime import timedelta

import pytest
from configuration_kit import DESK, KEEPER, START, Ticking, names, network, opened

from itil4 import Actor, InvalidInput, Link, Refused, ServiceManagement
from itil4.practices.configuration import Redundancy


def test_the_graph_as_of_a_moment_is_the_one_that_was_stored_then(itsm: ServiceManagement, clock: Ticking) -> None:
    """After random changes, the graph of each moment as histories tell it is the graph that was read at that moment."""
    chance, items = random.Random(7), itsm.configuration_items
    made = [items.register(name=f"i{n}", by=KEEPER).id for n in range(6)]
    seen, gone = [(clock.now(), items.graph(), items.snapshot())], 0
    for step in range(40):
        clock.move(minutes=1)
        a, b = chance.sample(made, 2)
        act = chance.choice(["relate", "relate", "unrelate", "group", "birth", "retire"])
        try:
            if act == "relate":
                items.relate(a, chance.choice(["depends_on", "part_of", "connected_to"]), b, by=KEEPER)
            elif act == "unrelate":
                held = [link for each in made for link in items.links(each) if link.relation == "depends_on"]
                link = chance.choice(held or [Link(a, "depends_on", b, clock.now(), "kim")])
                items.unrelate(link.source, "depends_on", link.target, by=KEEPER)
                gone += bool(held)
            elif act == "group":
                items.set_redundancy(a, "g", needs=1, members=[b], by=KEEPER)
            elif act == "birth":
                made.append(items.register(name=f"n{step}", by=KEEPER).id)
            else:
                items.retire(a, retirement_note="old", by=KEEPER)
        except Refused:
            pass
        seen.append((clock.now(), items.graph(), items.snapshot()))
    assert gone > 1
    assert items.graph(at=START.replace(year=2020)).items == ()
    for at, graph, snapshot in seen:
        assert items.graph(at=at) == graph
        assert items.snapshot(at=at) == snapshot
        assert snapshot.graph() == graph


def test_an_impact_is_answered_for_a_moment_in_the_past(itsm: ServiceManagement, clock: Ticking) -> None:
    """What was hit then, although the relation is gone today; an item that was not there yet cannot fail."""
    items, made = itsm.configuration_items, network(itsm)
    then = clock.now()
    clock.move(days=1)
    items.unrelate(made["shop"].id, "depends_on", made["database"].id, by=KEEPER)
    new = items.register(name="new", by=KEEPER)
    assert "shop" not in names(items.impact(made["disk"]))
    assert "shop" in names(items.impact(made["disk"], at=then))
    with pytest.raises(InvalidInput):
        items.impact(new, at=then)
    assert "database" in names(items.dependencies(made["shop"].id, at=then))


def test_a_baseline_stays_as_it_was_and_can_be_compared(itsm: ServiceManagement, clock: Ticking) -> None:
    """Named, frozen, and compared with a later one or with today: what came, went and changed."""
    items, baselines, made = itsm.configuration_items, itsm.configuration_baselines, network(itsm)
    first = baselines.take("before the move", by=KEEPER)
    assert (first.number, first.asof, len(first.snapshot.items)) == ("CBL0000001", START, 6)
    assert not baselines.diff(first)
    clock.move(days=1)
    items.update(made["server"].id, location="Brest", by=KEEPER)
    items.unrelate(made["disk"].id, "part_of", made["server"].id, by=KEEPER)
    items.relate(made["disk"].id, "part_of", made["database"].id, by=KEEPER)
    items.register(name="relay 3", by=KEEPER)
    second = baselines.take("after the move", note="All went well", by=KEEPER)
    diff = baselines.diff(second, first)
    assert diff == baselines.diff(first)
    assert names(diff.added) == ["relay 3"]
    assert diff.removed == ()
    assert [(each.item.name, each.field, each.old, each.new) for each in diff.changed] == [
        ("server", "location", None, "Brest")
    ]
    assert [each.target for each in diff.related] == [made["database"].id]
    assert [each.target for each in diff.unrelated] == [made["server"].id]
    back = baselines.diff(first, second)
    assert (names(back.removed), back.related, back.unrelated) == (["relay 3"], diff.unrelated, diff.related)
    late = baselines.take("as it was", asof=START, by=KEEPER)
    assert late.snapshot == first.snapshot
    assert baselines.get(first.id).snapshot.graph() == items.graph(at=START)
    with pytest.raises(Refused):
        baselines.update(first, snapshot=second.snapshot, by=KEEPER)
    with pytest.raises(Refused):
        baselines.take("mine", by=KEEPER) and baselines.update(first, name="other", by=DESK)


def test_a_back_dated_correction_counts_from_the_moment_that_it_is_about(
    itsm: ServiceManagement, clock: Ticking
) -> None:
    """What is now known to have been so then is what the register tells of then; today it is the same."""
    items = itsm.configuration_items
    host = items.register(name="host", type="server", location="Brest", by=KEEPER)
    clock.move(hours=2)
    host = items.update(host, vendor="acme", by=KEEPER)
    clock.move(hours=2)
    corrector = Actor("cora", {"corrector"})
    moved = clock.now() - timedelta(hours=3)
    items.correct(host, location="Nice", reason="It was moved that morning", at=moved, by=corrector)

    def location(hours: float) -> str:
        (held,) = items.snapshot(at=START + timedelta(hours=hours)).items
        return str(held.values["location"])

    assert [location(hours) for hours in (0, 0.9, 1, 2, 4)] == ["Brest", "Brest", "Nice", "Nice", "Nice"]
    assert items.snapshot(at=clock.now()) == items.snapshot()


def test_redundancy_is_part_of_a_snapshot(itsm: ServiceManagement) -> None:
    """The groups survive, so that a baseline answers as the register did."""
    made = network(itsm)
    baseline = itsm.configuration_baselines.take("now", by=KEEPER)
    graph = itsm.configuration_baselines.get(baseline.id).snapshot.graph()
    relays = (made["relay 1"].id, made["relay 2"].id)
    assert graph.redundancy == {made["shop"].id: (Redundancy("relays", 1, relays),)}
    assert graph.impact(made["relay 1"].id).items == ()


def test_a_baseline_is_taken_by_those_who_keep_the_register() -> None:
    """Nobody else names one."""
    with opened() as desk, pytest.raises((Refused, InvalidInput)):
        desk.configuration_baselines.take("mine", by=DESK)
