"""Import runs: what was read from another system, when, and which rows of it could not be used."""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import attrs

from itil4.lifecycle import Lifecycle, State, Transition
from itil4.practices.base import Practice
from itil4.record import Line, Note, Record


@attrs.frozen
class RowProblem:
    """Why one row of a file was not used, or only in part: a value, kept with the run.

    `row` counts the data rows of the file from 1; `record` is the number in the other system.
    """

    file: str
    row: int
    record: str | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return attrs.asdict(self)


@attrs.frozen(kw_only=True)
class ImportRun(Record):
    """One run over one file of another system.

    Attributes:
        system: the other system's name, as origins have it.
        file, format, zone: what was read, and the zone that its times without one were taken in.
        rows, added, repeated: data rows read, rows that became entries, rows that were there already.
        problems: those of its rows that had one; figures can leave out the records behind them.
        unrecorded: fields that the source never fills, with in how many rows.
    """

    system: Line
    file: Line
    format: Line
    zone: Line
    rows: int = 0
    added: int = 0
    repeated: int = 0
    problems: tuple[RowProblem, ...] = ()
    unrecorded: Mapping[str, int] = attrs.field(factory=dict, hash=False)
    note: Note = ""


X = TypeVar("X", bound=ImportRun)

IMPORT_RUN = Lifecycle(
    "import run",
    "running",
    states=[State("running", "active"), State("finished", "closed", final=True), State("interrupted", "waiting")],
    transitions=[
        Transition("read_on", "running", "running", internal=True),
        Transition("interrupt", "running", "interrupted", internal=True),
        Transition("take_up", ["running", "interrupted"], "running", internal=True),
        Transition("finish", "running", "finished", internal=True),
    ],
)


class ImportRuns(Practice[X]):
    """The runs of a store; `python -m itil4 import` makes them."""

    name: ClassVar[str] = "import_run"
    slot: ClassVar[str] = "import_runs"
    kind: ClassVar[str] = "import_run"
    prefix: ClassVar[str] = "IMP"
    record = ImportRun  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = IMPORT_RUN
    indexed = ("system", "file")
