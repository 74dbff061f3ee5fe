"""Import runs: what was read from another system, when, and which rows of it could not be used."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import attrs

from itil4.lifecycle import Lifecycle, State, Transition
from itil4.practices.base import Practice
from itil4.practices.work import NOTHING
from itil4.record import Actor, Entry, Line, Origin, Record
from itil4.storage.unit import Unit

IMPLIED = "implied"
"""The origin row of an entry that no row of a file stands for: the birth that a first field change implies."""


@attrs.frozen
class RowProblem:
    """Why one row of a file was not used: a value, kept in the history of its run.

    Attributes:
        file: the file's name.
        row: counts the data rows of the file from 1.
        record: the number in the other system; None where the row has none.
        reason: the sentence, with what to do.
        code: of the reason, such as `foreign_state` or `out_of_order`.
        system: the other system's name.
    """

    file: str
    row: int
    record: str | None
    reason: str
    code: str = ""
    system: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return what people read of it, as plain data."""
        return {"file": self.file, "row": self.row, "record": self.record, "reason": self.reason}


@attrs.frozen(kw_only=True)
class ImportRun(Record):
    """One run over one file of another system.

    Its problems are not a field: there may be millions. Each is an entry of the run's history, see
    `ImportRuns.problems`.

    Attributes:
        system: the other system's name, as origins have it.
        file, format, zone: what was read, and the zone that its times without one were taken in.
        mapping: a mark of the mapping that was used.
        rows, added, repeated, faulty: data rows read; those that became entries, were there already, or had a problem.
        twofold: times that the clocks showed twice; the first was taken, unless the record had passed it.
        unlinked: links to records that are not in this store.
        head: a mark of the rows read so far, by which an interrupted run is taken up again.
    """

    system: Line
    file: Line
    format: Line
    zone: Line
    mapping: Line
    rows: int = 0
    added: int = 0
    repeated: int = 0
    faulty: int = 0
    twofold: int = 0
    unlinked: int = 0
    head: str = ""


X = TypeVar("X", bound=ImportRun)

IMPORT_RUN = Lifecycle(
    "import run",
    "running",
    states=[State("running", "active"), State("finished", "closed", final=True), State("abandoned", "cancelled")],
    transitions=[
        Transition("read_on", "running", "running", internal=True),
        Transition("abandon", "running", "abandoned", internal=True),
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
    indexed = ("system", "file", "mapping", "zone")

    def begin(self, unit: Unit, values: Mapping[str, Any], *, by: Actor) -> X:
        """Add a run in the unit in which its first rows are added."""
        context = self._context(unit, by, None, "log", values, None, None)
        record, entry = self._newborn(context, values)
        unit.born(self.stored, record, entry)
        return record

    def move(self, unit: Unit, run: X, event: str, values: Mapping[str, Any], *, by: Actor) -> X:
        """Take a step of the run in the unit of the rows that it tells about."""
        return self._step(unit, run, event, by, values, None, None, None)

    def note(self, unit: Unit, run: X, problem: RowProblem, digest: str, *, by: Actor) -> X:
        """Add a problem to the run's history; the same row of the same system can be noted once only."""
        context = self._context(
            unit, by, run, None, NOTHING, None, None, origin=Origin(problem.system, *problem_origin(digest))
        )
        new, entry = self.lifecycle.engine.append(
            run, "update", context, changes={"faulty": run.faulty + 1}, event="note",
            details={"problem": attrs.asdict(problem)},
        )  # fmt: skip
        return unit.add(new, entry)  # type: ignore[no-any-return]

    def problems(self) -> Iterator[RowProblem]:
        """Go through the problems of all runs, oldest run first, without holding them."""
        house = self.desk.house
        for row in house.store.history(house.tenant, kind=self.kind):
            problem = problem_of(self.stored.codec.entry(row, house.tenant))
            if problem is not None:
                yield problem


def problem_origin(digest: str) -> tuple[str, str]:
    """Return the key and row of the origin under which the problem of a row is kept."""
    return f"row {digest}", "problem"


def problem_of(entry: Entry) -> RowProblem | None:
    """Return the problem that an entry of a run tells, or None."""
    said = entry.details.get("problem") if entry.event == "note" else None
    return RowProblem(**said) if said else None


def without_history(history: Sequence[Entry]) -> bool:
    """Say whether a record came in its last state, so that nothing is known of its way there.

    Such records count, and are kept out of every duration.
    """
    return bool(history) and history[0].op == "import" and history[0].details.get("history") == "none"
