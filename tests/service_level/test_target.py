"""Targets: what can be promised, and what is refused before it can do harm."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from agreement import OFFICE, form

from itil4.errors import DefinitionError, InvalidInput
from itil4.service_level import Condition, ServiceCalendar, Target
from itil4.service_level.support import weakness
from itil4.service_level.target import duration, iso_duration

HOUR = timedelta(hours=1)
STATES = {"new": "new", "doing": "active", "on_hold": "waiting", "done": "resolved", "void": "cancelled"}


def test_a_target_survives_its_plain_form() -> None:
    """All it says is written, and read back as an equal value."""
    calendar = ServiceCalendar.from_dict(form("Europe/Paris", OFFICE))
    targets = [
        Target(duration=8 * HOUR),
        Target(deadline=datetime(2026, 3, 2, 9, tzinfo=UTC), kind="contract", name="supplier"),
        Target(
            metric="update", duration=timedelta(microseconds=1), calendar=calendar, warnings=(0.9, 0.5),
            reopen="restart",
            retarget="from_change", retroactive_start=True, pause=Condition(states=("on_hold",), kinds=("user",)),
            stop=[{"fields": {"priority": [1, 2]}}, {"comment": "user", "events": "answer"}],  # type: ignore[list-item]
        ),
    ]  # fmt: skip
    for target in targets:
        again = Target.from_dict(target.to_dict())
        assert again == target and hash(again) == hash(target)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({}, "one_promise"),
        ({"duration": HOUR, "deadline": datetime(2026, 1, 1, tzinfo=UTC)}, "one_promise"),
        ({"duration": HOUR, "minutes": 5}, "one_promise"),
        ({"duration": -HOUR}, "negative_duration"),
        ({"duration": 8}, "ill_typed"),
        ({"duration": "8h"}, "ill_typed"),
        ({"duration": "P" + "9" * 90 + "D"}, "ill_typed"),
        ({"minutes": True}, "ill_typed"),
        ({"minutes": float("nan")}, "ill_typed"),
        ({"deadline": datetime(2026, 1, 1)}, "naive_datetime"),
        ({"deadline": "tomorrow"}, "ill_typed"),
        ({"minutes": 5, "kind": "SLA"}, "not_a_choice"),
        ({"minutes": 5, "reopen": "resum"}, "not_a_choice"),
        ({"minutes": 5, "retarget": None}, "not_a_choice"),
        ({"minutes": 5, "metric": ""}, "ill_typed"),
        ({"minutes": 5, "warnings": [0]}, "ill_typed"),
        ({"minutes": 5, "warnings": "75%"}, "ill_typed"),
        ({"minutes": 5, "calendar": "office"}, "ill_typed"),
        ({"minutes": 5, "retroactive_start": 1}, "ill_typed"),
        ({"minutes": 5, "durration": 1}, "unknown_field"),
        ({"minutes": 5, "stop": []}, "target_endless"),
        ({"minutes": 5, "stop": "done"}, "ill_typed"),
        ({"minutes": 5, "stop": [{}]}, "condition_empty"),
        ({"minutes": 5, "stop": [{"categories": "done"}]}, "not_a_choice"),
        ({"minutes": 5, "stop": [{"state": "done"}]}, "unknown_field"),
        ({"minutes": 5, "stop": [{"comment": "everyone"}]}, "not_a_choice"),
        ({"minutes": 5, "pause": [{"states": [1]}]}, "ill_typed"),
        ({"minutes": 5, "pause": [{"fields": ["priority"]}]}, "ill_typed"),
    ],
)  # fmt: skip
def test_promises_that_make_no_sense_are_refused(values: dict[str, Any], code: str) -> None:
    """The error names the field and what would do."""
    with pytest.raises(InvalidInput) as raised:
        Target.from_dict(values)
    assert raised.value.code == code, str(raised.value)


def test_conditions_are_checked_against_the_lifecycle() -> None:
    """A name that is not there, or a target that can never start or stop, is an error when it is defined."""
    assert Target(duration=HOUR).check(STATES)
    wrong = Target(
        duration=HOUR,
        pause=Condition(states=("on_hodl",)),
        stop=Condition(categories=("closed",)),
        reset=Condition(fields={"urgncy": ("high",)}, events=("bump",)),  # type: ignore[arg-type]
    )
    with pytest.raises(DefinitionError) as raised:
        wrong.check(STATES, fields=("urgency",), events=("resolve",))
    assert [reason.code for reason in raised.value.reasons] == [
        "unknown_name",
        "target_endless",
        "unknown_name",
        "unknown_name",
    ]
    assert "Did you mean 'on_hold'?" in str(raised.value) and "Did you mean 'urgency'?" in str(raised.value)
    with pytest.raises(DefinitionError, match="can never start"):
        Target(duration=HOUR).check({"done": "resolved"})


def test_a_weaker_support_is_a_warning() -> None:
    """INV-097: what supports a target must be at least as strict, in the hours in which it is delivered."""
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    office = ServiceCalendar.from_dict(form("Europe/Paris", OFFICE))
    longer = ServiceCalendar.from_dict(form("Europe/Paris", {day: [["08:00", "18:00"]] for day in OFFICE}))
    sla = Target(duration=8 * HOUR, calendar=office)
    assert weakness(Target(duration=8 * HOUR, kind="ola", calendar=office), sla, start, end) is None
    assert weakness(Target(duration=8 * HOUR, kind="ola", calendar=longer), sla, start, end) is None
    weak = weakness(Target(duration=9 * HOUR, kind="ola", name="db team", calendar=office), sla, start, end)
    assert weak is not None and weak.code == "weaker_target" and weak.detail["target"] == "db team"
    assert weakness(Target(duration=9 * HOUR, kind="ola", calendar=longer), sla, start, end) is not None
    assert weakness(Target(duration=6 * HOUR, kind="contract"), Target(duration=8 * HOUR), start, end) is None
    never = weakness(Target(duration=HOUR, calendar=ServiceCalendar(zone="UTC")), sla, start, end)
    assert never is not None


@pytest.mark.parametrize("text", ["PT8H", "P1DT2H", "PT0S", "P2W", "PT1.5S", "PT0.000001S", "P1DT30M"])
def test_durations_are_read_and_written_exactly(text: str) -> None:
    """ISO 8601 in, ISO 8601 out, the same to the microsecond."""
    assert duration(iso_duration(duration(text))) == duration(text)


def test_a_condition_that_is_no_mapping_says_what_it_should_be() -> None:
    """A list or a word in its place is told apart from a wrong key."""
    for told in ("waiting", ["waiting"], None):
        with pytest.raises(DefinitionError, match="a mapping"):
            Condition.from_dict(told)  # type: ignore[arg-type]  # what is tried
