"""What people do with items, in memory and in SQLite."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from configuration_kit import DESK, KEEPER, START, USER, Ticking, names, network, opened

import itil4
from itil4 import Actor, DefinitionError, InvalidInput, Line, Refused, ServiceManagement
from itil4.practices.configuration import ITEM_RELATIONS, ItemRelation
from itil4.practices.configuration.item import ConfigurationItem
from itil4.practices.configuration.items import ConfigurationItems
from itil4.practices.configuration.policy import ConfigurationPolicy, ItemType
from itil4.practices.service_agreements import AgreedTarget
from itil4.value.services import Service, Utility

SLM = Actor("lea", {"service_level_manager"})
POLICY = ConfigurationPolicy.from_dict(
    {
        "types": {
            "server": {"fields": {"memory": {"type": "integer", "required": True}, "rack": {"type": "line"}}},
            "application": {"fields": {"release": {"type": "line", "default": "1.0"}}, "steps": ["go_live", "retire"]},
            "service": {},
        },
        "between": {"runs_on": [["application", "server"]], "depends_on": [["*", "application"], ["service", "*"]]},
    }
)


def test_a_register_is_no_backlog(itsm: ServiceManagement) -> None:
    """Live and retired items are in no figure of open work; planned items and those under maintenance are."""
    items = itsm.configuration_items
    planned = items.log(name="planned", by=KEEPER)
    live = items.register(name="live", by=KEEPER)
    down = items.start_maintenance(items.register(name="down", by=KEEPER), by=KEEPER)
    items.retire(items.register(name="gone", by=KEEPER), by=KEEPER)
    assert {each.id for each in items.each(is_open=True)} == {planned.id, down.id}
    assert items.count(is_open=True) == 2
    assert items.count(is_open=False) == 2
    assert live.live_since == START
    assert items.find(state="live").items == (live,)


def test_an_item_lives_from_plan_to_retirement(itsm: ServiceManagement, clock: Ticking) -> None:
    """The obvious calls bring an item all the way; times are kept; what is retired is not edited."""
    items = itsm.configuration_items
    item = items.log(name="server 7", type="server", by=KEEPER)
    clock.move(days=1)
    item = items.go_live(item, by=KEEPER)
    assert item.live_since == clock.now()
    item = items.update(item, location="Brest", by=KEEPER)
    item = items.end_maintenance(items.start_maintenance(item, by=KEEPER), by=KEEPER)
    clock.move(days=1)
    item = items.retire(item, by=KEEPER)
    assert (item.number, item.state, item.retired_at) == ("CI0000001", "retired", clock.now())
    with pytest.raises(Refused) as caught:
        items.update(item, location="Nice", by=KEEPER)
    assert caught.value.code == "field_rule"
    item = items.reinstate(item, by=KEEPER)
    assert (item.state, item.retired_at) == ("live", None)
    assert items.replayed(item) == item


def test_only_those_who_keep_the_register_record_items(itsm: ServiceManagement) -> None:
    """Users and the service desk read; an owner may change what they answer for."""
    items = itsm.configuration_items
    for by in (USER, DESK):
        with pytest.raises((Refused, InvalidInput)) as caught:
            items.log(name="x", by=by)
        assert caught.value.code == "role"
    item = items.register(name="x", owner="ana", by=KEEPER)
    assert items.update(item, location="Brest", by=USER).location == "Brest"
    with pytest.raises(Refused, match="not for 'sam'"):
        items.update(item.id, location="Nice", by=DESK)


@pytest.fixture
def typed(url: str | None) -> Any:
    """A desk with types of items as data."""
    with opened(url, policies={"configuration_item": POLICY}) as made:
        yield made


def test_a_type_as_data_brings_its_own_attributes(typed: ServiceManagement) -> None:
    """They are checked, stored, found by, and belong to items of that type only."""
    items = typed.configuration_items
    server = items.register(name="s1", type="server", memory=64, rack="R7", by=KEEPER)
    assert server.extra["memory"] == 64
    assert items.find(memory__ge=32).items == (server,)
    application = items.register(name="a1", type="application", by=KEEPER)
    assert application.extra == {"release": "1.0"}

    def code(call: Any) -> tuple[str, Any]:
        with pytest.raises((InvalidInput, Refused)) as caught:
            call()
        return caught.value.code, caught.value.detail.get("field")

    assert code(lambda: items.register(name="s2", type="server", by=KEEPER)) == ("blank", "memory")
    assert code(lambda: items.register(name="s2", type="server", memory="64", by=KEEPER)) == ("ill_typed", "memory")
    told: Any = {"name": "a2", "type": "application", "memory": 64, "by": KEEPER}
    assert code(lambda: items.register(**told)) == ("unknown_field", "memory")
    assert code(lambda: items.register(name="x", type="srever", by=KEEPER)) == ("not_a_choice", "type")
    assert code(lambda: items.update(server, memory=None, by=KEEPER)) == ("blank", "memory")
    assert code(lambda: items.update(application, rack="R1", by=KEEPER)) == ("unknown_field", "rack")
    assert items.replayed(server.id) == items.get(server.id)


def test_a_type_says_which_steps_its_items_have(typed: ServiceManagement) -> None:
    """What a type leaves out is no button, and is refused with the steps that it has."""
    items = typed.configuration_items
    application = items.register(name="a1", type="application", by=KEEPER)
    server = items.register(name="s1", type="server", memory=1, by=KEEPER)
    assert [step.event for step in items.available(application, by=KEEPER)] == ["retire"]
    assert "start_maintenance" in [step.event for step in items.available(server, by=KEEPER)]
    decision = items.explain(application, "start_maintenance", by=KEEPER)
    assert decision.codes == ("type_lacks_step",)
    assert items.retire(application, by=KEEPER).state == "retired"


def test_a_policy_says_which_types_may_be_related(typed: ServiceManagement) -> None:
    """In that direction only; a relation that it does not name connects any two."""
    items = typed.configuration_items
    server = items.register(name="s1", type="server", memory=1, by=KEEPER).id
    application = items.register(name="a1", type="application", by=KEEPER).id
    service = items.register(name="shop", type="service", by=KEEPER).id
    items.relate(application, "runs_on", server, by=KEEPER)
    items.relate(service, "depends_on", server, by=KEEPER)
    items.relate(service, "depends_on", application, by=KEEPER)
    items.relate(server, "connected_to", service, by=KEEPER)
    for source, name, target in ((server, "runs_on", application), (application, "depends_on", server)):
        with pytest.raises(Refused) as caught:
            items.relate(source, name, target, by=KEEPER)
        assert caught.value.code == "types_unrelated"
    assert names(items.impact(server)) == ["a1", "shop"] or names(items.impact(server)) == ["shop", "a1"]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (lambda: ConfigurationPolicy(types=[ItemType(name="a"), ItemType(name="a")]), "twice"),
        (
            lambda: ConfigurationPolicy(types=[ItemType(name="server")], between={"runs_on": [("a", "sever")]}),
            "the type 'a'",
        ),
        (
            lambda: ConfigurationPolicy(
                types=[
                    ItemType(name="a", fields={"size": {"type": "integer"}}),
                    ItemType(name="b", fields={"size": {"type": "line"}}),
                ]
            ),
            "differently",
        ),
        (lambda: ConfigurationPolicy.from_dict({"type": {}}), "Did you mean 'types'"),
        (lambda: ConfigurationPolicy.from_dict({"types": {"a": {"feilds": {}}}}), "Did you mean 'fields'"),
        (lambda: ConfigurationPolicy(types=["server"]), "ItemType"),
    ],
)
def test_a_policy_that_cannot_work_is_refused_when_it_is_made(policy: Any, said: str) -> None:
    """With what is wrong with it, and the nearest name."""
    with pytest.raises(DefinitionError, match=said):
        policy()


def test_a_policy_about_a_relation_that_items_lack_is_refused() -> None:
    """The nearest name is offered."""
    policy = ConfigurationPolicy(between={"run_on": [("*", "*")]})
    with opened(policies={"configuration_item": policy}) as desk, pytest.raises(DefinitionError, match="'runs_on'"):
        desk.configuration_items.register(name="x", by=KEEPER)


@attrs.frozen(kw_only=True)
class Vessel(ConfigurationItem):
    """An item of a host, with a field of its own."""

    port: Line = "unknown"


class Vessels(ConfigurationItems[Vessel]):
    """A second kind of items, with relations of its own to the first."""

    slot, kind, prefix = "vessels", "vessel", "VSL"
    record = Vessel
    item_relations = (*ITEM_RELATIONS, ItemRelation("aboard", "carries", hit="source", single=True))


def test_a_host_adds_a_kind_of_items_that_is_related_to_the_others(url: str | None) -> None:
    """A subclass with its own record, numbers and relations; one graph holds both kinds."""
    with opened(url, practices=[Vessels]) as desk:
        vessels: Any = desk[Vessels]
        ship = vessels.register(name="Aurora", port="Brest", by=KEEPER)
        radar = desk.configuration_items.register(name="radar", by=KEEPER)
        bridge = vessels.register(name="bridge", by=KEEPER)
        desk.link(radar, "depends_on", ship, by=KEEPER)
        desk.link(bridge, "aboard", ship.id, by=KEEPER)
        assert ship.number == "VSL0000001"
        assert set(names(vessels.impact(ship.id))) == {"radar", "bridge"}
        assert names(desk.configuration_items.impact(ship.id)) == ["radar"]
        with pytest.raises(Refused, match="one only"):
            desk.link(bridge.id, "aboard", vessels.register(name="Boreas", by=KEEPER), by=KEEPER)


def test_impact_names_services_agreements_and_customers(itsm: ServiceManagement) -> None:
    """Agreements in force that are about a service that is hit, and the customers of those with customers."""
    made = network(itsm)

    def agree(customer: str, service: str, kind: str = "sla", *, active: bool = True, days: int = 300) -> Any:
        draft = itsm.service_levels.log(
            title=f"{service} for {customer}", provider="it", customer=customer, services=(service,), type=kind,
            targets=(AgreedTarget(duration=timedelta(hours=8), priority=(len(customer),)),),
            starts_at=START - timedelta(days=1), ends_at=START + timedelta(days=days), by=SLM,
        )  # fmt: skip
        if not active:
            return draft
        levels: Any = itsm.service_levels
        return levels.activate(levels.negotiate(draft, by=SLM), by=SLM)

    acme = agree("acme", "shop")
    agree("sales", "mail")
    agree("draft co", "shop", active=False)
    desk = agree("network team", "shop", kind="ola")
    impact = itsm.configuration_items.impact(made["disk"])
    assert impact.services == ("shop",)
    assert {each.id for each in impact.agreements} == {acme.id, desk.id}
    assert impact.customers == ("acme",)
    assert names(impact) == ["server", "database", "shop"]
    assert names(impact.path(made["shop"])) == ["disk", "server", "database", "shop"]
    assert impact.paths[made["shop"].number] == impact.path(made["shop"].number)
    shop = Service(id="shop", name="Shop", outcomes=["crews buy spares"], utility=Utility(statement="Sells."))
    mail = Service(id="mail", name="Mail", outcomes=["crews write"], utility=Utility(statement="Carries."))
    assert impact.outcomes([shop, mail]) == {"Shop": ("crews buy spares",)}
    calm = itsm.configuration_items.impact(made["relay 1"])
    assert (calm.items, calm.services, calm.customers) == ((), (), ())
    assert [(item.name, groups) for item, groups in calm.at_risk] == [("shop", ("relays",))]
    assert itsm.configuration_items.impact(made["relay 1"], made["relay 2"]).customers == ("acme",)


def test_an_impact_answers_only_about_items_that_are_there(itsm: ServiceManagement) -> None:
    """A retired item fails no more; what was not reached has no path."""
    items, made = itsm.configuration_items, network(itsm)
    with pytest.raises(InvalidInput, match="no way"):
        items.impact(made["relay 1"]).path(made["disk"])
    gone = items.retire(made["shop"].id, by=KEEPER)
    with pytest.raises(InvalidInput, match="is retired"):
        items.impact(gone)
    assert "shop" not in names(items.impact(made["database"]))
    assert len(items.graph()) == 5


def test_dependencies_tell_what_an_item_rests_on(itsm: ServiceManagement) -> None:
    """Redundant items included, the nearest first, with the way to each of them."""
    items, made = itsm.configuration_items, network(itsm)
    found = items.dependencies(made["shop"])
    assert set(names(found)) == {"database", "relay 1", "relay 2", "server", "disk"}
    assert names(found.path(made["disk"])) == ["shop", "database", "server", "disk"]
    assert made["disk"] in found
    graph = items.graph()
    weak = graph.single_points_of_failure(made["shop"].id)
    assert [graph.labels[each] for each in weak] == ["database", "server", "disk"]


def test_affected_and_impacted_are_kept_apart_and_refreshed_on_demand(itsm: ServiceManagement, clock: Ticking) -> None:
    """Affected is what people linked; impacted is computed, with when and by whom, and stays until asked again."""
    items, made = itsm.configuration_items, network(itsm)
    incident = itsm.incidents.log(summary="Noise from the rack", by=DESK)
    assert items.impacted(incident) is None
    incident = itsm.link(incident, "affects", made["disk"], by=DESK)
    assert names(items.affected(incident)) == ["disk"]
    first = items.refresh_impacted(incident, by=DESK)
    assert names(itsm.impact_assessments.items(first)) == ["server", "database", "shop"]
    assert names(itsm.impact_assessments.items(first, "affected")) == ["disk"]
    assert (first.services, first.created_at, first.created_by) == (("shop",), START, "sam")
    clock.move(hours=1)
    items.retire(made["shop"].id, by=KEEPER)
    assert items.impacted(incident) == first
    second = items.refresh_impacted(incident, by=DESK)
    assert names(itsm.impact_assessments.items(second)) == ["server", "database"]
    assert items.impacted(incident.number) == second
    assert items.affected(incident) == (items.get(made["disk"].id),)
    assert itsm.incidents.get(incident.id).version == incident.version
    with pytest.raises(InvalidInput, match="is not logged"):
        itsm.impact_assessments.log(about=incident.id, impacted=(), by=KEEPER)
    with pytest.raises(Refused):
        itsm.impact_assessments.update(first, services=(), by=KEEPER)
    problem = itsm.problems.log(summary="Disks fail", by=DESK)
    assert items.refresh_impacted(problem, by=DESK).impacted == ()


def test_what_an_open_unit_has_collected_is_part_of_the_graph(itsm: ServiceManagement) -> None:
    """Inside a unit of work the answers count what it has done so far; outside nothing is seen of it."""
    with itsm.unit(by=KEEPER) as desk:
        shop = desk.configuration_items.register(name="shop")
        database = desk.configuration_items.register(name="database")
        shop = desk.configuration_items.relate(shop, "depends_on", database)
        assert names(desk.configuration_items.impact(database)) == ["shop"]
        assert len(itsm.configuration_items.graph()) == 0
        desk.configuration_items.set_redundancy(shop, "one of one", needs=1, members=[database])
    assert names(itsm.configuration_items.impact(database.id)) == ["shop"]


def test_a_reader_sees_only_items_that_they_may_see(url: str | None) -> None:
    """A hidden item passes an impact on, but is not shown, nor on a path."""
    from itil4.storage.query import Compare, Every

    class Hiding(ConfigurationItems[ConfigurationItem]):
        """Users do not see part numbers."""

        def visible(self, actor: Actor) -> Any:
            return Compare("type", "ne", "server") if actor.id == "ana" else Every(())

    with opened(url, practices=[Hiding]) as desk:
        made = network(desk)
        items = desk.configuration_items
        seen = items.impact(made["disk"], by=USER)
        assert names(seen) == ["database", "shop"]
        assert names(seen.path(made["shop"])) == ["disk", "database", "shop"]
        assert "server" not in seen.svg() + seen.mermaid() + seen.dot()
        with pytest.raises(itil4.NotFound):
            items.impact(made["server"], by=USER)


def test_a_member_that_is_gone_stands_in_for_nothing(itsm: ServiceManagement) -> None:
    """When one of two relays is retired, the other one is needed; the baseline taken then says the same."""
    items, made = itsm.configuration_items, network(itsm)
    items.retire(made["relay 1"].id, retirement_note="Worn out", by=KEEPER)
    assert names(items.impact(made["relay 2"].id)) == ["shop"]
    assert items.snapshot().graph() == items.graph()
    items.retire(made["relay 2"].id, retirement_note="Worn out", by=KEEPER)
    assert items.graph().redundancy == {}


def test_members_of_a_group_that_are_not_related_are_found_by_the_audit(itsm: ServiceManagement) -> None:
    """They do not count, so the audit names them."""
    items, made = itsm.configuration_items, network(itsm)
    items.set_redundancy(made["shop"].id, "stores", needs=1, members=[made["database"], made["disk"].number], by=KEEPER)
    (found,) = items.audit()
    assert found.code == "idle_members"
    assert found.detail["members"] == (made["disk"].number,)
    with pytest.raises(InvalidInput):
        items.set_redundancy(made["shop"].id, "none", needs=0, members=[made["disk"]], by=KEEPER)
    with pytest.raises(itil4.NotFound):
        items.set_redundancy(made["shop"].id, "none", needs=1, members=["CI0000999"], by=KEEPER)


def test_times_of_imported_items_follow_from_their_states(itsm: ServiceManagement) -> None:
    """Another register's item arrives in whatever state it was, and is found by the number that people know."""
    items = itsm.configuration_items
    unit, system = items.desk.new_unit(), Actor("import", kind="system")
    at = datetime(2025, 1, 1, tzinfo=UTC)
    items.arrive(unit, itil4.Origin("cmdb", "SRV-7"), "live", {"name": "seven"}, by=system, at=at)
    unit.commit()
    assert items.get("SRV-7").live_since == at
