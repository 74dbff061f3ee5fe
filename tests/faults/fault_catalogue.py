"""The catalogue of planted faults: each a line replaced, and the finding that a good test kit has for it.

The faults stand as data in `first_half/*.toml` and `second_half/*.toml`. The first half was written down before the
walk and the machine of the kit, so that these could not be made to measure.

    [[fault]]
    name = "..."            what is wrong, in words
    workflow = "vessels"    the sample workflow that it shows in
    where = "module:name"   the function or text with the fault; left out: the workflow itself
    old, new                one line, and what stands there instead
    finding = "not_refused" what the finding says; see KINDS, or a code of the static check
    event, state            what it names, where there is one thing to name
    by = "walk"             the method that is expected to find it: static, policies, walk or machine
    store = "sqlite"        where it needs that store; left out: memory
"""

import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType

import attrs
from fault_patching import planted, workflow

HERE = Path(__file__).parent

AREAS = ("definition", "engine", "guard", "store", "clock", "concurrency")

METHODS = ("static", "policies", "walk", "machine")

KINDS = {
    "not_refused": "a step that must be refused was taken",
    "wrongly_refused": "a step that must be possible was refused",
    "wrong_reason": "it was refused, and not for what is wrong",
    "refusal_changes": "a refusal left a trace",
    "wrong_target": "the step led elsewhere",
    "wrong_change": "the step set other fields than its definition says",
    "crash": "something raised that is no refusal",
    "policy": "what the owner says of the workflow does not hold",
    "replay": "the history does not rebuild the record",
    "round_trip": "what is read is not what was stored",
    "version": "a version does not grow by one",
    "time": "a time goes back",
    "final": "what is final went on",
    "clock": "a service clock is wrong",
    "due": "what is due is not done, or too early",
    "disagree": "explain, available and fire do not say the same",
    "unsteady": "a rule answers in two ways, reads a clock, waits, or changes what it is given",
    "lost_update": "what somebody wrote is gone",
    "link": "a link is there from one end only, or not to be",
    "search": "a search says otherwise than the record does",
    "number": "numbers repeat or leave gaps",
    "follow_up": "a step that must follow does not",
}
"""What a finding may say, besides the codes of the static check."""


@attrs.frozen(kw_only=True)
class Fault:
    """One planted fault and what is expected of whoever looks for it."""

    name: str
    half: str
    area: str
    workflow: str
    where: str = ""
    old: str
    new: str
    finding: str
    event: str | None = None
    state: str | None = None
    by: str
    store: str = "memory"

    @contextmanager
    def plant(self) -> Iterator[ModuleType]:
        """Yield the workflow with the fault in it, or in what it runs on."""
        with ExitStack() as stack:
            if self.where:
                stack.enter_context(planted(self.where, self.old, self.new))
                yield stack.enter_context(workflow(self.workflow))
            else:
                yield stack.enter_context(workflow(self.workflow, self.old, self.new))


def catalogue() -> list[Fault]:
    """Return all faults, by half and area."""
    return [
        Fault(half=half, area=area, **each)
        for half in ("first_half", "second_half")
        for area in AREAS
        if (path := HERE / half / f"{area}.toml").exists()
        for each in tomllib.loads(path.read_text(encoding="utf-8"))["fault"]
    ]
