"""Clocks of records: which target applies, and what the verbs of a desk do to it. Stories on both stores."""

from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from desk import ANA, IDA, MONDAY, OFFICE, SAM, USUAL, clock_of, entries, hours, logged, opened, reading, rule

from itil4 import Actor
from itil4.errors import DefinitionError
from itil4.lifecycle import Timer
from itil4.practices.service_policy import ServiceHours, ServiceLevelPolicy, StateTimer
from itil4.service_level import ALWAYS, Condition, Target


@pytest.fixture(params=["memory", "sqlite"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path / "desk.db"


def test_a_pause_is_kept_over_a_change_of_priority(where: Path | None) -> None:
    """What was paused before the target changed stays paused time under the new target."""
    itsm = opened(where)
    incident = logged(itsm)
    clock_of(itsm).tick(hours(1))
    incident = itsm.incidents.hold(incident, kind="user", by=SAM)
    clock_of(itsm).tick(hours(20))
    incident = itsm.incidents.resume(incident, by=SAM)
    clock_of(itsm).tick(hours(1))
    incident = itsm.incidents.update(incident, impact="high", urgency="high", by=SAM)
    now = reading(itsm, incident)
    assert now.promised == hours(4) and now.consumed == hours(2) and not now.breached
    assert now.due_at == clock_of(itsm).now() + hours(2)


def test_nothing_is_breached_while_it_waits(where: Path | None) -> None:
    """A paused clock cannot breach, however long the user takes to answer."""
    itsm = opened(where)
    incident = logged(itsm)
    incident = itsm.incidents.hold(incident, kind="user", by=SAM)
    clock_of(itsm).tick(timedelta(days=90))
    itsm.tick()
    now = reading(itsm, incident)
    assert (now.state, now.breached, now.due_at) == ("paused", False, None)
    assert all(
        each.details["service_level"]["slot"] == "sla/respond"
        for each in entries(itsm, incident, "service_level_breach")
    )


def test_overlapping_targets_both_run(where: Path | None) -> None:
    """An SLA and an OLA on one record each have a clock, and each a due time."""
    policy = ServiceLevelPolicy(targets=(rule(8), rule(6, at={"kind": "ola", "name": "mail team"}), rule(1, "respond")))
    itsm = opened(where, policy)
    incident = logged(itsm)
    found = {(each.target.kind, each.target.metric): each.due_at for each in itsm.service_levels.readings(incident)}
    assert found == {
        ("sla", "resolve"): MONDAY + hours(8), ("ola", "resolve"): MONDAY + hours(6),
        ("sla", "respond"): MONDAY + hours(1),
    }  # fmt: skip
    due = itsm.service_levels.due_between(MONDAY, MONDAY + hours(24))
    assert [each.name for each in due] == ["sla/respond", "ola/resolve", "sla/resolve"]


@pytest.mark.parametrize(
    ("by", "audience", "answers"),
    [
        (SAM, "user", True),
        (SAM, "staff", False),
        (ANA, "user", False),
        (Actor("mailer", kind="system"), "user", False),
    ],
)
def test_staff_respond_with_a_comment_that_the_user_can_read(
    where: Path | None, by: Actor, audience: str, answers: bool
) -> None:
    """Neither a staff note, nor the user themselves, nor an automatic reply is a response."""
    itsm = opened(where)
    incident = logged(itsm)
    clock_of(itsm).tick(timedelta(minutes=20))
    itsm.incidents.comment(incident, "We are looking at it", audience=audience, by=by)  # type: ignore[arg-type]
    assert (reading(itsm, incident.id, "respond").state == "stopped") is answers


def test_a_response_stays_one_when_its_author_has_left_the_desk(where: Path | None) -> None:
    """Whether it was staff who answered is kept with the comment, and not judged by the roles of today."""
    itsm = opened(where)
    incident = logged(itsm)
    incident = itsm.incidents.assign(incident, to="eve", by=SAM)
    itsm.incidents.comment(incident, "Mine", audience="user", by=Actor("eve"))
    itsm.incidents.assign(itsm.incidents.get(incident), to="sam", by=SAM)
    assert reading(itsm, incident.id, "respond").met


def test_a_target_that_counts_from_the_change_does_so(where: Path | None) -> None:
    """`retarget="from_change"`: only what follows the change of priority is compared with the new target."""
    fresh = {"retarget": "from_change"}
    itsm = opened(where, ServiceLevelPolicy(targets=(rule(8, at=fresh), rule(4, priority=1, at=fresh))))
    incident = logged(itsm)
    clock_of(itsm).tick(hours(6))
    incident = itsm.incidents.update(incident, impact="high", urgency="high", by=SAM)
    clock_of(itsm).tick(hours(1))
    assert (reading(itsm, incident).consumed, reading(itsm, incident).promised) == (hours(1), hours(4))


def test_each_customer_has_hours_of_their_own(where: Path | None) -> None:
    """The calendar follows the customer; a change of customer reads the whole clock on the new hours."""
    policy = ServiceLevelPolicy(
        targets=(rule(8),), calendars={"office": OFFICE}, hours=(ServiceHours(customer="acme", calendar="office"),)
    )
    itsm = opened(where, policy)
    incident = logged(itsm, customer="acme")
    clock_of(itsm).tick(timedelta(days=1))
    assert reading(itsm, incident).calendar == OFFICE
    assert reading(itsm, incident).consumed == hours(8)  # 10:00 to 17:00 in Paris, and 9:00 to 10:00 the next day
    incident = itsm.incidents.update(incident, customer="other", by=SAM)
    assert (reading(itsm, incident).calendar, reading(itsm, incident).consumed) == (ALWAYS, hours(24))


def test_reopening_resumes(where: Path | None) -> None:
    """The spell in which it was resolved is left out."""
    itsm = opened(where)
    incident = logged(itsm)
    clock_of(itsm).tick(hours(3))
    incident = itsm.incidents.resolve(incident, resolution="Restarted", by=SAM)
    clock_of(itsm).tick(hours(30))
    incident = itsm.incidents.reopen(incident, by=SAM)
    clock_of(itsm).tick(hours(1))
    assert reading(itsm, incident).consumed == hours(4)


def test_a_clock_is_read_as_of_any_moment(where: Path | None) -> None:
    """What happened later is not known then: neither the change of priority nor the pause."""
    itsm = opened(where)
    incident = logged(itsm)
    clock_of(itsm).tick(hours(2))
    incident = itsm.incidents.update(incident, impact="high", urgency="high", by=SAM)
    incident = itsm.incidents.hold(incident, kind="user", by=SAM)
    then = reading(itsm, incident, at=MONDAY + hours(1))
    assert (then.state, then.promised, then.consumed) == ("running", hours(8), hours(1))


def test_who_may_not_see_a_record_reads_no_clock_of_it(where: Path | None) -> None:
    """Readings and due times obey `visible`."""
    itsm = opened(where)
    incident = logged(itsm, confidential=True)
    with pytest.raises(LookupError):
        itsm.service_levels.readings(incident, by=Actor("eve"))
    everything = (MONDAY, MONDAY + timedelta(days=9))
    assert itsm.service_levels.due_between(*everything, by=Actor("eve")) == ()
    assert len(itsm.service_levels.due_between(*everything, by=IDA)) == 2


# the policy


def test_the_most_specific_target_wins() -> None:
    """More fields go before fewer; with equally many, the narrower one."""
    policy = ServiceLevelPolicy(
        targets=(
            rule(9), rule(8, priority=(1, 2)), rule(7, priority=1), rule(6, service="mail"),
            rule(5, service="mail", customer="acme"),
        )
    )  # fmt: skip

    def wins(**values: object) -> object:
        return next(iter(policy.applying({"kind": "incident", **values}))).target.duration

    assert wins() == hours(9)
    assert wins(priority=2) == hours(8) and wins(priority=1) == hours(7)
    assert wins(service="mail", priority=3) == hours(6)
    assert wins(service="mail", customer="acme", priority=1) == hours(5)
    assert policy.applying({"kind": "problem"}) == ()


def test_a_tie_that_can_be_seen_is_an_error_that_names_both() -> None:
    """Two that name the same field and overlap tie for what they share, unless a third is more specific there."""
    with pytest.raises(DefinitionError, match=r"resolve \(priority 1\|2\) and resolve \(priority 2\|3\)"):
        ServiceLevelPolicy(targets=(rule(8, priority=(1, 2)), rule(4, priority=(2, 3))))
    ServiceLevelPolicy(targets=(rule(8, priority=(1, 2)), rule(4, priority=(2, 3)), rule(5, priority=2)))
    ServiceLevelPolicy(targets=(rule(8, priority=(1, 2)), rule(4, "respond", priority=(2, 3))))


def test_a_tie_that_is_met_is_an_error_that_names_both_and_stops_no_work(where: Path | None) -> None:
    """Two that name different fields may never meet; where they do, reading says so, and logging still works."""
    itsm = opened(where, ServiceLevelPolicy(targets=(rule(8, service="mail"), rule(4, customer="acme"))))
    incident = logged(itsm, service="mail", customer="acme")
    with pytest.raises(DefinitionError, match=r"resolve \(service mail\) and resolve \(customer acme\)"):
        itsm.service_levels.readings(incident)
    assert itsm.service_levels.due_between(MONDAY, MONDAY + hours(99)) == ()


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"targets": [rule(8, at={"stop": Condition(states="solved")})]}, "names the state 'solved'"),
        ({"targets": [rule(8, at={"pause": Condition(fields={"hold_kin": ["x"]})})]}, "Did you mean 'hold_kind'"),
        ({"targets": [rule(8, kind="incidnet")]}, "Did you mean 'incident'"),
        ({"targets": [rule(8, where={"colour": "red"})]}, "names the field 'colour'"),
        ({"targets": [rule(8, kind="event")]}, "no work for a customer"),
        ({"timers": [StateTimer(state="resolvd", timer=Timer("close", after=hours(1)))]}, "Did you mean 'resolved'"),
        ({"timers": [StateTimer(state="resolved", timer=Timer("clsoe", after=hours(1)))]}, "Did you mean 'close'"),
        ({"targets": [rule(8, calendar="ofice")], "calendars": {"office": OFFICE}}, "Did you mean 'office'"),
    ],
)  # fmt: skip
def test_a_policy_is_checked_when_it_is_connected(policy: dict[str, object], message: str) -> None:
    """A target that can never stop, or anything that names what is not there, is refused with the nearest name."""
    with pytest.raises(DefinitionError, match=message):
        opened(None, ServiceLevelPolicy(**policy))  # type: ignore[arg-type]


def test_a_policy_is_read_from_toml() -> None:
    """The plain form says the same as the values."""
    text = """
    [calendars.office]
    zone = "Europe/Paris"
    name = "office"
    [calendars.office.weekly]
    mon = [["09:00", "17:00"]]
    tue = [["09:00", "17:00"]]
    wed = [["09:00", "17:00"]]
    thu = [["09:00", "17:00"]]
    fri = [["09:00", "17:00"]]
    [[targets]]
    metric = "resolve"
    duration = "PT8H"
    calendar = "office"
    warnings = [0.5]
    [[targets]]
    metric = "resolve"
    minutes = 240
    priority = 1
    service = "mail"
    escalations = [{at = "breach", notify = ["lead"], rank = 1}]
    [[hours]]
    customer = "acme"
    calendar = "office"
    [[timers]]
    state = "resolved"
    event = "close"
    after = "P5D"
    """
    read = ServiceLevelPolicy.from_toml(text)
    assert read.targets[0].target == Target(duration=hours(8), warnings=(0.5,))
    assert read.calendar_of({"customer": "acme"}) == OFFICE
    assert read.applying({"kind": "incident", "service": "mail", "priority": 1})[0].escalations[0].rank == 1
    assert read.timers[0].timer.after == timedelta(days=5)
    assert read.stamp == ServiceLevelPolicy.from_toml(text).stamp
    assert read.stamp != attrs.evolve(read, targets=USUAL.targets).stamp
    with pytest.raises(DefinitionError, match="Did you mean 'targets'"):
        ServiceLevelPolicy.from_toml("target = []")
