"""INV-069 and INV-084 to INV-086 on a desk, in memory and in SQLite; INV-087 is a law of the graph."""

from datetime import timedelta
from typing import Any

import pytest
from configuration_kit import DESK, KEEPER, PlainChanges, Ticking, names, network, opened
from hypothesis import given
from hypothesis import strategies as st

from itil4 import Actor, NotFound, Refused, ServiceManagement, StaleRecord
from itil4.practices.configuration import ITEM_RELATIONS, ItemRelation
from itil4.practices.configuration.policy import ConfigurationPolicy, ItemType
from itil4.practices.configuration.relations import links_of
from itil4.record import Relations

MAKER = Actor("ida", {"configuration_librarian"})
POLICY = ConfigurationPolicy(types=[ItemType(name="server", controlled=True), ItemType(name="part")])

words = st.text("abcdefgh_", min_size=1, max_size=8)


@given(st.lists(st.tuples(words, words), max_size=6))
def test_inv_084_the_inverse_of_an_inverse_is_the_relation_itself(pairs: list[tuple[str, str]]) -> None:
    """INV-084: whatever relations a host declares, each name leads to the other one and back."""
    taken: set[str] = set()
    declared = []
    for name, inverse in pairs:
        if taken.isdisjoint({name, inverse}):
            declared.append(ItemRelation(name, inverse))
            taken |= {name, inverse}
    relations = Relations(each.of("configuration_item") for each in links_of(declared))
    for each in relations:
        for name in (each.name, each.inverse):
            assert relations.inverse(relations.inverse(name)) == name
        assert relations.directed(each.inverse)[1] == (each.name != each.inverse)


def test_inv_084_a_relation_is_directed_and_read_from_both_ends(itsm: ServiceManagement) -> None:
    """INV-084: linked from either end it is the same link, and each end reads its own name."""
    items = itsm.configuration_items
    shop, database = (items.register(name=name, by=KEEPER) for name in ("shop", "database"))
    items.relate(database, "required_by", shop, by=KEEPER)
    assert [link.relation for link in items.links(shop)] == ["depends_on"]
    assert [link.relation for link in items.links(database)] == ["required_by"]
    assert names(items.linked(shop, "depends_on")) == ["database"]
    assert [each.name for each in ITEM_RELATIONS if each.acyclic] == ["part_of"]


def test_inv_085_part_of_has_no_circle_and_depends_on_may(itsm: ServiceManagement) -> None:
    """INV-085: the third part_of of a circle is refused; the third depends_on is not, and its impact ends."""
    items = itsm.configuration_items
    made = [items.register(name=f"i{n}", by=KEEPER).id for n in range(3)]
    for a, b in ((0, 1), (1, 2)):
        items.relate(made[a], "part_of", made[b], by=KEEPER)
        items.relate(made[a], "depends_on", made[b], by=KEEPER)
    with pytest.raises(Refused, match="closes a circle"):
        items.relate(made[2], "part_of", made[0], by=KEEPER)
    items.relate(made[2], "depends_on", made[0], by=KEEPER)
    assert len(items.impact(made[0])) == 2
    assert len(items.dependencies(made[0])) == 2


def test_inv_086_nothing_is_related_to_what_is_missing_or_gone(itsm: ServiceManagement) -> None:
    """INV-086: a missing end is not found; a retired or withdrawn one is refused, at either end and for incidents."""
    items = itsm.configuration_items
    shop = items.register(name="shop", by=KEEPER)
    with pytest.raises(NotFound):
        items.relate(shop, "depends_on", "CI0009999", by=KEEPER)
    old = items.retire(items.register(name="old", by=KEEPER), by=KEEPER)
    never = items.withdraw(items.log(name="never", by=KEEPER), by=KEEPER)
    incident = itsm.incidents.log(summary="It is slow", by=DESK)
    for gone in (old, never):
        calls: tuple[Any, ...] = (
            lambda gone=gone: items.relate(shop, "depends_on", gone, by=KEEPER),
            lambda gone=gone: items.relate(gone, "depends_on", shop, by=KEEPER),
            lambda gone=gone: itsm.link(incident, "affects", gone, by=DESK),
        )
        for call in calls:
            with pytest.raises(Refused) as caught:
                call()
            assert caught.value.code == "item_over"
    assert items.links(shop) == ()


def test_inv_086_retiring_reports_what_still_rests_on_an_item(itsm: ServiceManagement) -> None:
    """INV-086: the refusal names the live dependants; with a reason it goes, and the audit names what is left over."""
    items, made = itsm.configuration_items, network(itsm)
    database = made["database"]
    assert names(items.dependants(database)) == ["shop"]
    decision = items.explain(database, "retire", by=KEEPER)
    assert decision.codes == ("guard",)
    assert f"shop ({made['shop'].number})" in decision.reasons[0].message
    with pytest.raises(Refused):
        items.retire(database, by=KEEPER)
    assert items.audit() == ()
    gone = items.retire(database, retirement_note="It burned down", by=KEEPER)
    assert (gone.state, gone.retirement_note) == ("retired", "It burned down")
    assert [each.code for each in items.audit()] == ["rests_on_gone"]
    assert items.audit()[0].detail["item"] == made["shop"].number
    items.unrelate(made["shop"].id, "depends_on", gone.id, by=KEEPER)
    assert items.audit() == ()
    assert "retire" in [step.event for step in items.available(items.get(made["shop"].id), by=KEEPER)]
    assert items.retire(items.get(made["shop"].id), by=KEEPER).state == "retired"


def test_inv_086_what_is_gone_itself_holds_nothing_back(itsm: ServiceManagement) -> None:
    """INV-086: only live dependants are reported."""
    items, made = itsm.configuration_items, network(itsm)
    items.retire(made["shop"].id, by=KEEPER)
    assert items.dependants(made["database"]) == ()
    assert items.retire(made["database"].id, by=KEEPER).state == "retired"


def controlled(url: str | None, clock: Any = None) -> ServiceManagement:
    return opened(url, clock, policies={"configuration_item": POLICY})


@pytest.fixture
def desk(url: str | None, clock: Ticking) -> Any:
    """A desk where servers are under change control."""
    with controlled(url, clock) as made:
        yield made


def authorized(desk: ServiceManagement, *scope: Any) -> Any:
    """Return a scheduled change that affects these items."""
    changes: Any = desk[PlainChanges]
    change = changes.log(summary="Swap memory", by=DESK)
    for each in scope:
        change = desk.link(change, "affects", each, by=DESK)
    return changes.to_scheduled(change, by=DESK)


def test_inv_069_a_controlled_item_changes_in_scope_of_an_authorized_change_only(desk: ServiceManagement) -> None:
    """INV-069: without a change, out of its scope, and in a state that authorizes nothing it is refused."""
    items: Any = desk.configuration_items
    changes: Any = desk[PlainChanges]
    server, other = (items.register(name=name, type="server", by=MAKER) for name in ("s1", "s2"))

    def code(**given: Any) -> str:
        with pytest.raises(Refused) as caught:
            items.update(server.id, vendor="acme", by=MAKER, **given)
        return caught.value.code

    assert code() == "needs_change"
    change = changes.log(summary="Swap memory", by=DESK)
    assert code(change=change) == "not_authorized"
    change = changes.to_scheduled(change, by=DESK)
    assert code(change=change) == "out_of_scope"
    change = authorized(desk, other)
    assert code(change=change) == "out_of_scope"
    change = authorized(desk, other, server)
    done = items.update(server.id, vendor="acme", by=MAKER, change=change)
    assert done.vendor == "acme"
    change = changes.to_closed(change, by=DESK)
    with pytest.raises(Refused) as caught:
        items.update(done, vendor="other", by=MAKER, change=change)
    assert caught.value.code == "not_authorized"


def test_inv_069_every_update_of_an_item_records_the_change(desk: ServiceManagement) -> None:
    """INV-069: the entry names the change, by record, number or id; the item tells its changes."""
    items: Any = desk.configuration_items
    server = items.register(name="s1", type="server", by=MAKER)
    change = authorized(desk, server)
    server = items.get(server.id)
    for number, named in enumerate((change, change.number, change.id)):
        server = items.update(server, vendor=f"v{number}", by=MAKER, change=named)
        entry = items.history(server)[-1]
        assert entry.cause is not None
        assert entry.cause.startswith(change.id)
    assert items.changes_of(server) == (change,)
    incident = desk.incidents.log(summary="x", by=DESK)
    with pytest.raises(Refused) as caught:
        items.update(server, vendor="v9", by=MAKER, change=incident)
    assert caught.value.code == "several_kinds"


def test_inv_069_relations_and_retirement_are_changes_too(desk: ServiceManagement) -> None:
    """INV-069: what rests on what, and going out of service, are under control; maintenance is not."""
    items: Any = desk.configuration_items
    server, other = (items.register(name=name, type="server", by=MAKER) for name in ("s1", "s2"))
    part = items.register(name="p", type="part", by=MAKER)
    calls: tuple[Any, ...] = (
        lambda: items.relate(server.id, "depends_on", other.id, by=MAKER),
        lambda: items.relate(part.id, "part_of", server.id, by=MAKER),
        lambda: items.retire(server.id, by=MAKER),
        lambda: items.set_redundancy(server.id, "g", needs=1, members=[other], by=MAKER),
    )
    for call in calls:
        with pytest.raises(Refused) as caught:
            call()
        assert caught.value.code == "needs_change"
    server = items.end_maintenance(items.start_maintenance(server.id, by=MAKER), by=MAKER)
    change = authorized(desk, server)
    bound = items.under(change)
    bound.relate(server.id, "depends_on", other.id, by=MAKER)
    bound.relate(part.id, "part_of", server.id, by=MAKER)
    assert items.explain(server.id, "retire", by=MAKER).codes == ("needs_change",)
    assert bound.explain(server.id, "retire", by=MAKER).allowed
    items.unrelate(server.id, "depends_on", other.id, change=change, by=MAKER)
    assert items.fire(server.id, "retire", change=change.number, by=MAKER).state == "retired"


def test_inv_069_what_is_planned_is_not_under_control_yet(desk: ServiceManagement) -> None:
    """INV-069: an item is drawn up and taken into service freely; from then on it is under control."""
    items: Any = desk.configuration_items
    server = items.update(items.log(name="s1", type="server", by=MAKER), vendor="acme", by=MAKER)
    assert items.is_controlled(server) is False
    assert items.go_live(server, by=MAKER).state == "live"
    part = items.update(items.register(name="p", type="part", by=MAKER), vendor="acme", by=MAKER)
    assert part.vendor == "acme"


@pytest.mark.parametrize("what", ["state", "scope"])
def test_inv_069_a_change_that_loses_its_authority_meanwhile_lets_nothing_pass(
    desk: ServiceManagement, what: str
) -> None:
    """INV-069: judged and written are one moment: the commit is refused when the change or its scope has moved."""
    items: Any = desk.configuration_items
    changes: Any = desk[PlainChanges]
    server = items.register(name="s1", type="server", by=MAKER)
    change = authorized(desk, server)

    def act() -> None:
        with desk.unit(by=MAKER) as inside:
            mine: Any = inside.configuration_items
            mine.update(server.id, vendor="acme", change=change.id)
            if what == "state":
                changes.to_cancelled(change.id, by=DESK)
            else:
                desk.unlink(change.id, "affects", server.id, by=DESK)

    with pytest.raises(StaleRecord):
        act()
    assert items.get(server.id).vendor is None


def test_inv_086_an_item_that_retires_meanwhile_gets_no_relation(desk: ServiceManagement, clock: Ticking) -> None:
    """INV-086: a relation and a retirement at the same time do not both happen, whichever is first."""
    items: Any = desk.configuration_items
    clock.move(minutes=1)
    shop, old = (items.register(name=name, type="part", by=MAKER) for name in ("shop", "old"))

    def relating() -> None:
        with desk.unit(by=MAKER) as inside:
            inside.configuration_items.relate(shop.id, "depends_on", old.id)
            items.retire(old.id, by=MAKER)

    with pytest.raises(StaleRecord):
        relating()
    items.reinstate(old.id, by=KEEPER)

    def retiring() -> None:
        with desk.unit(by=MAKER) as inside:
            inside.configuration_items.retire(old.id)
            items.relate(shop.id, "depends_on", old.id, by=MAKER)

    with pytest.raises(StaleRecord):
        retiring()
    assert items.get(old.id).state == "live"
    assert clock.now() - items.get(old.id).created_at == timedelta(0)
