"""A state machine of a workflow written by hand with plain Hypothesis, as its documentation shows: for comparison."""

from types import ModuleType
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import itil4
from itil4 import Actor, ITIL4Error

VALUES = {
    "vessels": {"port": st.sampled_from(["Oslo", "at sea"]), "resolution": st.text(max_size=5)},
    "defects": {"root_cause": st.text(max_size=5), "fix": st.text(max_size=5), "close_note": st.text(max_size=5)},
    "requests": {"purpose": st.text(max_size=5), "account": st.text(max_size=5), "note": st.text(max_size=5)},
}
BIRTH = {
    "vessels": {"summary": "A"}, "defects": {"summary": "A"}, "requests": {"summary": "A", "requester": "ana"},
}  # fmt: skip


def machine(module: ModuleType, workflow: str, store: str | None) -> Any:
    """Return the machine."""
    practice = module.PRACTICE
    lifecycles = practice.lifecycles()
    roles = sorted({role for each in lifecycles for step in each.transitions for role in step.roles or ()})
    events = [event for each in lifecycles for event in each.events]

    class Raw(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            self.desk = itil4.connect(practices=[practice], **module.SETTINGS)[practice]
            self.record = self.desk.log(by=Actor("ana", {"user"}), **BIRTH[workflow])

        @rule(
            event=st.sampled_from(events),
            who=st.sampled_from(["ana", "sam"]),
            role=st.sets(st.sampled_from(roles)),
            given=st.fixed_dictionaries({}, optional=VALUES[workflow]),
        )
        def step(self, event: str, who: str, role: set[str], given: dict[str, Any]) -> None:
            before = self.record.version
            try:
                self.record = self.desk.fire(self.record, event, by=Actor(who, role), **given)
            except ITIL4Error:
                assert self.desk.get(self.record.id) == self.record
            else:
                assert self.record.version == before + 1

        @invariant()
        def record_is_sound(self) -> None:
            if hasattr(self, "record"):
                assert self.record.state in practice.lifecycle.by_name
                assert self.desk.get(self.record.id) == self.record
                assert self.desk.replayed(self.record) == self.record

    return Raw
