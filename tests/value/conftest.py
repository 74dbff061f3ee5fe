"""What several tests of value stand on: a desk with incidents, problems and changes."""

from datetime import UTC, datetime

import attrs
import pytest

import itil4
from itil4 import Lifecycle, Practice, Record, Relation, State, Transition
from itil4.record import SELF, Line


@attrs.frozen(kw_only=True)
class Problem(Record):
    summary: Line


@attrs.frozen(kw_only=True)
class Change(Record):
    summary: Line


class Problems(Practice[Problem]):
    name, slot, kind, prefix = "problem_management", "problems", "problem", "PRB"
    record = Problem
    relations = (Relation("resolved_by", "resolves", {(SELF, "change")}),)
    lifecycle = Lifecycle(
        "problem",
        "new",
        [State("new", "new"), State("analysis", "active"), State("closed", "closed")],
        [Transition("analyse", "new", "analysis"), Transition("close", "analysis", "closed")],
    )


class Changes(Practice[Change]):
    name, slot, kind, prefix = "change_enablement", "changes", "change", "CHG"
    record = Change
    lifecycle = Lifecycle(
        "change",
        "new",
        [
            State("new", "new"),
            State("authorize", "waiting", kind="approval"),
            State("implement", "active"),
            State("review", "active"),
            State("closed", "closed"),
            State("cancelled", "cancelled"),
        ],
        [
            Transition("ask", "new", "authorize"),
            Transition("implement", "authorize", "implement"),
            Transition("review", "implement", "review"),
            Transition("cancel", ["authorize", "implement"], "cancelled"),
            Transition("close", "review", "closed"),
        ],
    )


@pytest.fixture
def wide_desk():
    """A desk with incidents, problems and changes, on a clock that the test moves."""
    from itil4.clock import FrozenClock

    clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
    itsm = itil4.connect(practices=[Problems, Changes], clock=clock)
    itsm.ticks = clock
    return itsm
