"""The schedule of real changes, in memory and in SQLite: conflicts, freezes, free windows and the forward schedule."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from desk_kit import (
    ASSESSOR,
    HOUR,
    IMPLEMENTER,
    KEEPER,
    MANAGER,
    REQUESTER,
    START,
    Ticking,
    at,
    item,
    new,
    opened,
    scheduled,
    standard_model,
    submitted,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

import itil4
from itil4 import Actor, DefinitionError, InvalidInput, Refused, StaleRecord
from itil4.practices.change_schedule import Fixed, Period
from itil4.practices.change_schedule.desk import ChangeSchedule

FREEZE = Period(name="end of quarter", kind="freeze", when=Fixed(at(10), at(20)))


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """Where records are kept."""
    return None if request.param == "memory" else f"sqlite:///{tmp_path}/desk.db"


def kinds(itsm: Any, change: Any, **options: Any) -> list[str]:
    return [each.kind for each in itsm.changes.conflicts(change, **options)]


def test_inv_064_two_scheduled_changes_that_share_an_item_are_in_conflict(url: str | None) -> None:
    """INV-064: at overlapping times each sees the other; at others, on other items, or not scheduled yet, none does."""
    with opened(url) as itsm:
        host, other = item(itsm, "host"), item(itsm, "other")
        first = scheduled(itsm, host, start=10)
        second = scheduled(itsm, host, other, start=11)
        draft = new(itsm, host, start=11)
        scheduled(itsm, host, start=12.5, hours=0.5)
        (seen,) = itsm.changes.conflicts(first)
        assert (seen.kind, seen.other, seen.item, seen.start, seen.end) == (
            "item_already_scheduled", second.id, host.id, at(11), at(12)
        )  # fmt: skip
        assert {each.other for each in itsm.changes.conflicts(second)} >= {first.id}
        assert len(itsm.changes.conflicts(draft)) == 3
        itsm.changes.cancel(second, close_reason="Not needed", by=Actor("mia", {"change_manager"}))
        assert itsm.changes.conflicts(first) == ()


def test_kin_dependencies_and_people_are_in_conflict_too(url: str | None) -> None:
    """The whole, the part, what the item rests on, and who carries it out."""
    with opened(url) as itsm:
        items = itsm.configuration_items
        room, host, disk, shop = (item(itsm, name) for name in ("room", "host", "disk", "shop"))
        for source, name, target in (
            (disk, "part_of", host), (host, "part_of", room), (shop, "depends_on", host)
        ):  # fmt: skip
            items.relate(source.id, name, target.id, by=KEEPER)
        mine = scheduled(itsm, host.id, start=10, assignee="sam")
        for each in (room, disk, shop):
            scheduled(itsm, each.id, start=11)
        scheduled(itsm, start=11, assignee="sam")
        assert sorted(kinds(itsm, mine)) == [
            "assignee_already_scheduled", "child_already_scheduled", "parent_already_scheduled"
        ]  # fmt: skip
        theirs = next(each for each in itsm.changes.each(state="scheduled") if each.id not in (mine.id,)
                      and items.affected(each) and items.affected(each)[0].name == "shop")  # fmt: skip
        assert "dependency_changing" in kinds(itsm, theirs)


def test_items_that_a_change_names_only_count_as_well(url: str | None) -> None:
    """By the number or name of an item, or by a name that the register does not know."""
    with opened(url) as itsm:
        host = item(itsm, "host")
        linked = scheduled(itsm, host, start=10)
        assert kinds(itsm, new(itsm, start=10, items=(host.number,))) == ["item_already_scheduled"]
        assert kinds(itsm, new(itsm, start=10, items=("host",))) == ["item_already_scheduled"]
        assert kinds(itsm, new(itsm, start=10, items=("another",))) == []
        scheduled(itsm, start=10, items=("another",))
        assert kinds(itsm, new(itsm, start=10, items=("another",))) == ["item_already_scheduled"]
        assert kinds(itsm, linked) == []


@pytest.mark.parametrize("kind", ["normal", "standard", "emergency"])
def test_inv_065_normal_and_standard_changes_do_not_start_inside_a_freeze(url: str | None, kind: str) -> None:
    """INV-065: neither planned into it nor begun in it; an emergency may, and nothing else is held back."""
    clock = Ticking()
    with opened(url, clock, periods=[FREEZE]) as itsm:
        given_values: dict[str, Any] = {"model": standard_model(itsm)} if kind == "standard" else {"type": kind}
        change = new(itsm, start=15, **given_values)
        if kind == "emergency":
            assert submitted(itsm, change).state == "authorize"
        else:
            with pytest.raises(Refused) as caught:
                itsm.changes.schedule(change, by=REQUESTER) if kind == "standard" else submitted(itsm, change)
            assert caught.value.code == "change_freeze"
            assert caught.value.detail["period"] == "end of quarter"
        early = scheduled(itsm, start=8, **given_values)
        clock.set(at(10))
        decision = itsm.changes.explain(early, "implement", by=IMPLEMENTER)
        assert decision.allowed is (kind == "emergency")
        assert kind == "emergency" or decision.codes == ("change_freeze",)
        clock.set(at(20))
        assert itsm.changes.implement(early, by=IMPLEMENTER).state == "implement"


@settings(max_examples=20)
@example(11.0, False, "normal", "in")
@example(11.0, False, "normal", "part")
@example(11.0, False, "normal", "out")
@example(11.0, True, "normal", "part")
@example(9.0, False, "normal", "in")
@example(19.0, False, "normal", "in")
@given(
    st.floats(0, 30), st.booleans(), st.sampled_from(["normal", "emergency"]), st.sampled_from(["in", "part", "out"])
)
def test_inv_065_a_freeze_holds_for_its_scope_and_its_time_unless_exempt(
    start: float, exempt: bool, kind: str, where: str
) -> None:
    """INV-065: when the start lies in it, it is about the item or what that is part of, and it exempts nobody."""
    with opened() as probe:
        number = new(probe, start=1).number
    period = Period(
        name="freeze", kind="freeze", when=Fixed(at(10), at(20)), items="room",
        exempt_changes=[number] if exempt else [],
    )  # fmt: skip
    with opened(periods=[period]) as itsm:
        room, host, far = (item(itsm, name) for name in ("room", "host", "far"))
        itsm.configuration_items.relate(host, "part_of", room, by=KEEPER)
        change = new(itsm, {"in": room, "part": host, "out": far}[where].id, start=1 + start, type=kind)
        assert change.number == number
        held = 10 <= 1 + start < 20 and where != "out" and not exempt and kind == "normal"
        if held:
            with pytest.raises(Refused, match="may not start"):
                submitted(itsm, change)
        else:
            assert submitted(itsm, change).state == "authorize"


def test_inv_065_a_freeze_of_a_service_is_about_what_the_service_rests_on(url: str | None) -> None:
    """INV-065: the database of the books is frozen with the books; so is a change that names the service."""
    period = {
        "name": "books", "kind": "freeze", "services": ["books"], "start": at(10), "end": at(20),
    }  # fmt: skip
    with opened(url, periods=[period]) as itsm:
        books, database, mail = item(itsm, "books", type="service"), item(itsm, "db"), item(itsm, "mail")
        itsm.configuration_items.relate(books, "depends_on", database, by=KEEPER)
        for change, held in (
            (new(itsm, database.id, start=12), True),
            (new(itsm, mail.id, start=12), False),
            (new(itsm, start=12, service="books"), True),
        ):
            codes = [each.kind for each in itsm.changes.conflicts(change)]
            assert ("item_in_blackout" in codes) is held
            if held:
                with pytest.raises(Refused, match="may not start"):
                    submitted(itsm, change)
            else:
                submitted(itsm, change)


def test_inv_065_moving_a_scheduled_change_into_a_freeze_is_refused(url: str | None) -> None:
    """INV-065: rescheduling is judged like scheduling."""
    with opened(url, periods=[FREEZE]) as itsm:
        change = scheduled(itsm, start=2)
        with pytest.raises(Refused, match="end of quarter"):
            itsm.changes.reschedule(change, planned_start=at(12), planned_end=at(13), by=REQUESTER)
        assert itsm.changes.reschedule(change, planned_start=at(20), planned_end=at(21), by=REQUESTER).version > 1


def test_conflicts_hold_a_change_back_where_the_organization_says_so(url: str | None) -> None:
    """By default they are told; kinds in `refuse` are refused, in words."""
    with opened(url, refuse={"item_already_scheduled"}) as itsm:
        host = item(itsm, "host")
        first = scheduled(itsm, host, start=10)
        change = new(itsm, host, start=11)
        with pytest.raises(Refused) as caught:
            submitted(itsm, change)
        assert caught.value.code == "schedule_conflict"
        assert first.number in str(caught.value)
        assert "host" in str(caught.value)
        change = itsm.changes.get(change.id)
        slot = itsm.changes.next_slot(change)
        assert slot.start == at(12)
        change = itsm.changes.update(change, planned_start=slot.start, planned_end=slot.end, by=REQUESTER)
        assert itsm.changes.submit(change, by=ASSESSOR).state == "authorize"


def test_two_changes_that_wait_for_authorization_do_not_both_get_one_item(url: str | None) -> None:
    """A time is taken from the submission on, so that an authorization cannot bring two changes to one item."""
    with opened(url, refuse={"item_already_scheduled"}) as itsm:
        host = item(itsm, "host")
        first = submitted(itsm, new(itsm, host, start=10))
        second = new(itsm, host, start=11)
        with pytest.raises(Refused, match=first.number):
            submitted(itsm, second)
        itsm.changes.cancel(first, close_reason="Not needed", by=MANAGER)
        assert itsm.changes.submit(second.id, by=ASSESSOR).state == "authorize"


def test_two_changes_in_one_unit_are_held_against_each_other(url: str | None) -> None:
    """What a unit has collected counts before it is stored."""
    with opened(url, refuse={"item_already_scheduled"}) as itsm:
        standard_model(itsm)
        host = item(itsm, "host")
        one, other = (new(itsm, host, start=start, model="restart") for start in (10, 11))
        with itsm.unit(by=REQUESTER) as desk:
            desk.changes.schedule(one)
            with pytest.raises(Refused, match=one.number):
                desk.changes.schedule(other)
        assert [itsm.changes.get(each.id).state for each in (one, other)] == ["scheduled", "new"]


@pytest.mark.parametrize(
    ("mine", "theirs", "kind"),
    [
        (("host",), ("host",), "item_already_scheduled"),
        (("disk",), ("host",), "parent_already_scheduled"),
        (("host",), ("disk",), "parent_already_scheduled"),
        (("mail",), ("host",), "dependency_changing"),
        ((), (), "assignee_already_scheduled"),
    ],
)
@pytest.mark.parametrize("step", ["schedule", "reschedule"])
def test_of_two_changes_scheduled_at_the_same_instant_one_is_told(
    url: str | None, mine: tuple[str, ...], theirs: tuple[str, ...], kind: str, step: str
) -> None:
    """Neither sees the other when it is judged; the commit of the second finds that the first was there."""
    with opened(url, refuse={kind, "child_already_scheduled"} if "parent" in kind else {kind}) as itsm:
        standard_model(itsm)
        items = {name: item(itsm, name) for name in ("host", "disk", "mail")}
        itsm.link(items["disk"].id, "part_of", items["host"].id, by=KEEPER)
        itsm.link(items["mail"].id, "depends_on", items["host"].id, by=KEEPER)
        worker: dict[str, Any] = {"assignee": "sam"} if kind.startswith("assignee") else {}
        one, other = (
            new(itsm, *(items[name].id for name in names), start=start, model="restart", **worker)
            for names, start in ((mine, 10), (theirs, 10 if step == "schedule" else 20))
        )
        moved = {"planned_start": at(30), "planned_end": at(32)} if step == "reschedule" else {}
        if moved:
            one, other = (itsm.changes.schedule(each, by=REQUESTER) for each in (one, other))
        by = MANAGER if moved else REQUESTER
        unit = itsm.unit(by=by)
        getattr(unit.__enter__().changes, step)(one, **moved)
        getattr(itsm.changes, step)(other, by=by, **moved)
        with pytest.raises(StaleRecord):
            unit.__exit__(None, None, None)
        with pytest.raises(Refused, match=other.number):
            getattr(itsm.changes, step)(itsm.changes.get(one.id), by=by, **moved)


def test_changes_on_items_apart_do_not_meet(url: str | None) -> None:
    """Only what could be in conflict is told that it is stale."""
    with opened(url, refuse={"item_already_scheduled"}) as itsm:
        standard_model(itsm)
        one, other = (new(itsm, item(itsm, name), start=10, model="restart") for name in ("host", "other"))
        with itsm.unit(by=REQUESTER) as desk:
            desk.changes.schedule(one)
            itsm.changes.schedule(other, by=REQUESTER)
        assert {itsm.changes.get(each.id).state for each in (one, other)} == {"scheduled"}


def test_a_free_window_is_proposed_or_the_reason_is_told(url: str | None) -> None:
    """Outside what is scheduled and frozen, inside the maintenance windows, not in the past."""
    clock = Ticking()
    nights = Period.from_dict(
        {"name": "nights", "kind": "maintenance", "zone": "UTC", "items": ["host"],
         "weekly": {day: [["22:00", "02:00"]] for day in ("mon", "tue", "wed")}}
    )  # fmt: skip
    with opened(url, clock, periods=[nights, FREEZE]) as itsm:
        host = item(itsm, "host")
        change = new(itsm, host, start=3)
        assert itsm.changes.next_slot(change).start == START.replace(day=3, hour=22)
        scheduled(itsm, host, start=37, hours=3)
        assert itsm.changes.next_slot(change, by=REQUESTER).start == START.replace(day=4, hour=22)
        clock.set(at(24 * 5))
        assert itsm.changes.next_slot(change).start == START.replace(day=9, hour=22)
        none = itsm.changes.next_slot(change, horizon=timedelta(days=1))
        assert not none
        assert none.reason is not None
        assert none.reason.code == "no_slot_windows"
        longer = itsm.changes.next_slot(change, duration=5 * HOUR).reason
        assert longer is not None
        assert longer.code == "no_slot_windows"
        bare = itsm.changes.log(summary="x", by=REQUESTER)
        with pytest.raises(InvalidInput, match="no planned start"):
            itsm.changes.next_slot(bare)
        with pytest.raises(InvalidInput, match="no planned start"):
            itsm.changes.conflicts(bare)
        assert itsm.changes.next_slot(bare, duration=HOUR).start == clock.now()


def test_the_forward_schedule_is_a_list_a_calendar_and_a_page(url: str | None) -> None:
    """What is planned in the interval, by its start, with its conflicts; hidden items and times are told by name."""
    with opened(url, periods=[FREEZE]) as itsm:
        host = item(itsm, "host <7>")
        first = scheduled(itsm, host, start=30, summary="Swap & test")
        second = scheduled(itsm, host, start=31)
        scheduled(itsm, host, start=24 * 40)
        new(itsm, host, start=30)
        forward = itsm.changes.forward_schedule()
        assert [each.work.number for each in forward] == [first.number, second.number]
        assert [each.kind for each in forward.conflicts] == ["item_already_scheduled"] * 2
        assert forward.told(forward.conflicts[0]) == f"item already scheduled host <7> with {second.number}"
        page, calendar = forward.html(zone="Europe/Paris"), forward.icalendar()
        assert "Swap &amp; test" in page
        assert "host &lt;7&gt;" in page
        assert calendar.count("BEGIN:VEVENT") == 2
        assert "freeze: end of quarter" in forward.week(date(2026, 3, 2))
        assert len(itsm.changes.forward_schedule(at(0), at(5))) == 0
        assert len(itsm.changes.forward_schedule(at(31.5), at(40))) == 2
        assert len(itsm.changes.forward_schedule(states=["new"])) == 1
        with pytest.raises(InvalidInput):
            itsm.changes.forward_schedule(at(5), at(5))


def test_a_conflict_that_begins_before_the_interval_is_told(url: str | None) -> None:
    """The schedule of an interval knows what overlaps its changes outside it."""
    with opened(url) as itsm:
        host = item(itsm, "host")
        scheduled(itsm, host, start=1, hours=3)
        late = scheduled(itsm, host, start=3, hours=9)
        forward = itsm.changes.forward_schedule(at(5), at(6))
        assert [each.work.id for each in forward] == [late.id]
        assert len(forward.conflicts) == 1


def test_a_reader_sees_no_conflict_with_changes_that_they_may_not_see() -> None:
    """What is hidden is left out, in the schedule and in conflicts."""
    from itil4.practices.change_enablement import Change, ChangeEnablement
    from itil4.storage.query import Compare, Every

    class Secret(ChangeEnablement[Change]):
        """Users do not see the category `security`."""

        def visible(self, actor: Actor) -> Any:
            return Compare("category", "ne", "security") if actor.id == "ana" else Every(())

    with opened(practices=[Secret]) as itsm:
        host = item(itsm, "host")
        mine = scheduled(itsm, host, start=10)
        scheduled(itsm, host, start=10, category="security", by=Actor("tom", {"change_assessor"}))
        assert len(itsm.changes.conflicts(mine)) == 1
        assert itsm.changes.conflicts(mine, by=REQUESTER) == ()
        assert len(itsm.changes.forward_schedule(by=REQUESTER)) == 1
        assert len(itsm.changes.forward_schedule()) == 2


def test_a_reader_sees_nothing_of_items_that_they_may_not_see() -> None:
    """Hidden items are in no conflict and on no page; those who see them are told."""
    from itil4.practices.configuration.item import ConfigurationItem
    from itil4.practices.configuration.items import ConfigurationItems
    from itil4.storage.query import Compare, Every

    class Hiding(ConfigurationItems[ConfigurationItem]):
        """Users do not see vaults."""

        def visible(self, actor: Actor) -> Any:
            return Compare("type", "ne", "vault") if actor.id == "ana" else Every(())

    with opened(practices=[Hiding]) as itsm:
        host, vault = item(itsm, "host"), item(itsm, "the vault", type="vault")
        itsm.configuration_items.relate(host, "part_of", vault, by=KEEPER)
        mine = scheduled(itsm, host.id, start=10)
        scheduled(itsm, vault.id, start=10)
        assert kinds(itsm, mine) == ["parent_already_scheduled"]
        assert kinds(itsm, mine, by=REQUESTER) == []
        assert "the vault" in itsm.changes.forward_schedule().html()
        assert "the vault" not in itsm.changes.forward_schedule(by=REQUESTER).html()


def test_inv_069_a_change_of_the_desk_lets_its_items_be_changed(url: str | None) -> None:
    """INV-069: a change that was authorized with its scope; not before, not for others, and not once it is over."""
    from itil4.practices.configuration.policy import ConfigurationPolicy, ItemType

    policy = ConfigurationPolicy(types=[ItemType(name="server", controlled=True)])
    with itil4.connect(url, clock=Ticking(), policies={"configuration_item": policy}) as itsm:
        items = itsm.configuration_items
        host, other = (item(itsm, name, type="server") for name in ("host", "other"))
        change = new(itsm, host, start=1)
        with pytest.raises(Refused) as caught:
            items.update(host.id, vendor="acme", change=change, by=KEEPER)
        assert caught.value.code == "not_authorized"
        change = scheduled(itsm, host, start=2)
        assert items.update(host.id, vendor="acme", change=change.number, by=KEEPER).vendor == "acme"
        change = itsm.changes.implement(change, by=IMPLEMENTER)
        items.under(change).relate(host.id, "depends_on", other.id, by=KEEPER)
        for held, code in ((other, "out_of_scope"), (host, "not_authorized")):
            if held is host:
                change = itsm.changes.review(change, close_code="successful", by=IMPLEMENTER)
            with pytest.raises(Refused) as caught:
                items.update(held.id, location="Brest", change=change, by=KEEPER)
            assert caught.value.code == code
        assert [each.number for each in items.changes_of(host.id)] == [change.number]
        assert items.refresh_impacted(change, by=IMPLEMENTER).affected == (host.id,)


def test_a_schedule_that_cannot_be_is_refused_when_it_is_made() -> None:
    """Unknown kinds and keys, and periods that are none."""
    with pytest.raises(DefinitionError, match="Did you mean 'item_in_blackout'"):
        ChangeSchedule(refuse={"item_in_blackuot"})
    with pytest.raises(DefinitionError, match="Did you mean 'periods'"):
        ChangeSchedule.from_dict({"period": []})
    with pytest.raises(DefinitionError):
        ChangeSchedule(periods="freeze")
    with pytest.raises(InvalidInput) as caught:
        ChangeSchedule.from_dict({"periods": [{"name": "x", "kind": "freeze", "start": at(0)}]})
    assert caught.value.code == "window_endless"


def test_without_a_schedule_there_are_conflicts_and_no_periods() -> None:
    """A desk with no policy tells conflicts between changes all the same."""
    with itil4.connect(clock=Ticking()) as itsm:
        host = item(itsm, "host")
        first = scheduled(itsm, host, start=10)
        scheduled(itsm, host, start=10)
        assert kinds(itsm, first) == ["item_already_scheduled"]
