"""The importer: what another system did becomes history here, row by row, in units of a few hundred.

Rows come in the order in which things happened. Each becomes one entry, so that the rows can be
counted again from the store; a row that came before adds nothing; a row that cannot be used is a
problem of the run and stops nobody. A run that was killed goes on where its last unit ended.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import attrs

from itil4.errors import InvalidInput, Reason, Refused, StaleRecord
from itil4.interop.mapping import HistoryMapping
from itil4.interop.rows import Row, RowReader
from itil4.interop.table import Table
from itil4.itsm import ServiceManagement
from itil4.practices.base import Practice
from itil4.practices.import_run import IMPLIED, ImportRun, RowProblem, problem_origin
from itil4.practices.linking import link
from itil4.record import Actor, Origin
from itil4.service_level.zone import find_zone
from itil4.storage.unit import Unit

BATCH = 500
"""Rows in one unit of work."""

IMPORTER = Actor("import", kind="system")
"""Who keeps the runs; what happened there is told by those who did it."""

_COUNTS = ("rows", "added", "repeated", "twofold", "unlinked")


@attrs.frozen
class Imported:
    """What a run did.

    Attributes:
        file, zone, zone_was_given: what was read, and how its times were understood.
        rows, added, repeated, faulty: data rows read; those that became entries, were there already, or had a problem.
        twofold: times that the clocks showed twice.
        unlinked: links to records that are not in this store.
        resumed_after: the rows that an interrupted run had read before this one.
        run: the number of the run; None where nothing was added.
    """

    file: str
    zone: str
    zone_was_given: bool
    rows: int = 0
    added: int = 0
    repeated: int = 0
    faulty: int = 0
    twofold: int = 0
    unlinked: int = 0
    resumed_after: int = 0
    run: str | None = None


def import_history(
    itsm: ServiceManagement,
    path: str | Path,
    mapping: HistoryMapping | None = None,
    *,
    zone: str | None = None,
    batch: int = BATCH,
    progress: Callable[[int, int], object] | None = None,
) -> Imported:
    """Bring the history in a CSV file into a store; see the module for what that means.

    Args:
        itsm: where to.
        path: a `.csv` or `.csv.gz` file; it is checked from end to end before anything is added.
        mapping: how to read it; by default the one for the incident log of ServiceNow.
        zone: of times without one; by default that of the mapping, or UTC.
        batch: rows in one unit of work.
        progress: is called with the rows read and all rows, after each unit.

    Raises:
        InvalidInput: the file, the mapping or the zone cannot be used; nothing was added.
        StoreError: the store failed; what was committed stays, and the same call goes on from there.
    """
    if type(batch) is not int or batch < 1:
        raise InvalidInput.of("not_positive", field="batch", value=batch)
    mapping = HistoryMapping.shipped("servicenow") if mapping is None else mapping
    return prepare(path, mapping, zone).into(itsm, batch=batch, progress=progress)


def prepare(path: str | Path, mapping: HistoryMapping, zone: str | None = None) -> "Prepared":
    """Check the file and the zone, without any store; see `import_history`."""
    if not isinstance(path, (str, Path)):
        raise InvalidInput.of("ill_typed", field="path", expected="the path of a file", value=path)
    if not isinstance(mapping, HistoryMapping):
        raise InvalidInput.of("ill_typed", field="mapping", expected="a HistoryMapping", value=mapping)
    named = zone or mapping.zone
    find_zone(named or "UTC")
    table = Table(Path(path), mapping.encoding, mapping.delimiter)
    header, total = table.check()
    places = table.columns(header, mapping.file_columns)
    return Prepared(table, mapping, named or "UTC", named is not None, header, places, total)


@attrs.frozen
class Prepared:
    """A file that can be read, with how to read it."""

    table: Table
    mapping: HistoryMapping
    zone: str
    zone_was_given: bool
    header: tuple[str, ...]
    places: tuple[int, ...]
    total: int

    def into(
        self,
        itsm: ServiceManagement,
        *,
        batch: int = BATCH,
        progress: Callable[[int, int], object] | None = None,
    ) -> Imported:
        """Bring it into a store; see `import_history`."""
        practice = itsm.in_slot(self.mapping.practice)
        self.mapping.check(practice, itsm.house.relations)
        reader = RowReader(self.mapping, practice, self.zone, self.header, self.places)
        return _Run(itsm, practice, self, batch).over(reader, progress)

    def rows(self, reader: RowReader) -> Iterator[Row]:
        """Go through the file from its first row."""
        return (reader(number, cells) for number, cells in enumerate(self.table.rows(), 1))


class _Run:
    """One pass over the rows."""

    def __init__(self, itsm: ServiceManagement, practice: Practice[Any], file: Prepared, batch: int) -> None:
        self.itsm = itsm
        self.practice = practice
        self.file = file
        self.batch = batch
        self.system = file.mapping.system
        self.run_id: str | None = None
        self.version = 0
        self.counts = dict.fromkeys(_COUNTS, 0)
        self.head = blake2b(digest_size=16)
        self.stand_ins = {
            name: each.stand_in for name, each in file.mapping.fields.items() if each.stand_in is not None
        }
        self.identity = {
            "system": self.system, "file": file.table.path.name, "zone": file.zone, "mapping": file.mapping.digest,
        }  # fmt: skip

    def over(self, reader: RowReader, progress: Callable[[int, int], object] | None) -> Imported:
        rows = self.file.rows(reader)
        try:
            if not self._takes_up(rows):
                rows = self.file.rows(reader)
            resumed = self.counts["rows"]
            while some := list(islice(rows, self.batch)):
                self._add(some)
                if progress is not None:
                    progress(self.counts["rows"], self.file.total)
            run = self._finished()
        except (StaleRecord, InvalidInput) as error:
            if isinstance(error, InvalidInput) and error.code != "taken":
                raise
            raise InvalidInput.of("import_elsewhere", file=self.identity["file"]) from error
        return Imported(
            self.identity["file"], self.file.zone, self.file.zone_was_given, resumed_after=resumed,
            faulty=run.faulty if run else 0, run=run.number if run else None, **self.counts,
        )  # fmt: skip

    # the run

    def _takes_up(self, rows: Iterator[Row]) -> bool:
        """Skip what an interrupted run of this very file has read; False when rows were read that are others."""
        runs = self.itsm.import_runs
        fields: Mapping[str, Any] = self.identity
        held = list(runs.each(state="running", **fields))
        if not held:
            return True
        run = held[-1]
        for row in islice(rows, run.rows):
            self.head.update(row.digest.encode())
        if self.head.hexdigest() == run.head:
            self.run_id, self.version = run.id, run.version
            self.counts = {name: getattr(run, name) for name in _COUNTS}
            return True
        self.head = blake2b(digest_size=16)
        with runs.desk.working() as unit:
            runs.move(unit, unit.current(run), "abandon", {}, by=IMPORTER)
        return False

    def _moved(self, unit: Unit, event: str) -> None:
        values = {**self.counts, "head": self.head.hexdigest()}
        run = self.itsm.import_runs.move(unit, self._run_in(unit), event, values, by=IMPORTER)
        self.version = run.version

    @contextmanager
    def _unit(self) -> Iterator[Unit]:
        """Yield a unit in which the run stands where this import left it.

        Raises:
            InvalidInput: another import has gone on with it.
        """
        with self.practice.desk.working() as unit:
            held = unit.get(self.run_id) if self.run_id is not None else None
            if held is not None and held.version != self.version:
                raise InvalidInput.of("import_elsewhere", file=self.identity["file"])
            yield unit

    def _run_in(self, unit: Unit) -> ImportRun:
        if self.run_id is None:
            values = {**self.identity, "format": self.file.mapping.shape}
            run = self.itsm.import_runs.begin(unit, values, by=IMPORTER)
            self.run_id = run.id
            return run
        return unit.get(self.run_id)  # type: ignore[return-value]  # it was found, or begun in this unit

    def _finished(self) -> ImportRun | None:
        if self.run_id is None:
            return None
        with self._unit() as unit:
            self._moved(unit, "finish")
        return self.itsm.import_runs.get(self.run_id)

    # rows

    def _add(self, some: list[Row]) -> None:
        """Add a batch of rows, and what the run says of them, in one unit."""
        with self._unit() as unit:
            owners, seen = self._known(unit, some)
            faulty: list[tuple[Row, Reason]] = []
            added = 0
            for row in some:
                self.counts["rows"] += 1
                self.head.update(row.digest.encode())
                if row.problem is not None or row.key is None:
                    faulty.append((row, row.problem or Reason.of("no_key", column="key")))
                elif (row.key, row.digest) in seen:
                    self.counts["repeated"] += 1
                else:
                    try:
                        with unit.savepoint():
                            record = self._taken(unit, row, row.key, owners.get(row.key))
                    except (InvalidInput, Refused) as error:
                        faulty.append((row, error.reasons[0]))
                        continue
                    owners[row.key] = record.id
                    seen.add((row.key, row.digest))
                    added += 1
                    if row.links:
                        self._link(unit, row, record, owners)
            self.counts["added"] += added
            if self._noted(unit, faulty) or added:
                self._moved(unit, "read_on")

    def _known(self, unit: Unit, some: list[Row]) -> tuple[dict[str, str], set[tuple[str, str | None]]]:
        """Return the records that the rows belong to, by number, and the rows that are there already."""
        keys = [(self.system, key) for key in dict.fromkeys(row.key for row in some) if key is not None]
        house = self.itsm.house
        owners: dict[str, str] = {}
        seen: set[tuple[str, str | None]] = set()
        for _, key, digest, owner in house.store.known(house.tenant, "origin", keys):
            owners[key] = owner
            seen.add((key, digest))
        unit.get_all(owners.values())
        return {key: owner for key, owner in owners.items() if unit.kind_of(owner).name == self.practice.kind}, seen

    def _taken(self, unit: Unit, row: Row, key: str, owner: str | None) -> Any:
        """Add a row to its record, which is born with its first one."""
        practice, by = self.practice, row.by or IMPORTER
        origin = Origin(self.system, key, row.digest)
        current = unit.get(owner) if owner is not None else None
        if current is None:
            state = row.state
            if self.file.mapping.shape == "final-rows":
                unstamped = dict.fromkeys(practice.stamps(None, state or "", row.at))
                values = {**unstamped, **row.values}
                return self._arrive(unit, origin, state, values, row, key, by, history="none")
            if self.file.mapping.shape == "snapshots" or (state is not None and row.before is None):
                return self._arrive(unit, origin, state, row.values, row, key, by)
            before = Origin(self.system, key, IMPLIED)
            current = self._arrive(unit, before, row.before or practice.lifecycle.initial[0], {}, row, key, by)
        at = row.at
        if row.moment is not None and row.moment.second is not None:
            self.counts["twofold"] += 1
            at = at if at >= current.updated_at else row.moment.second
        read = practice.shape.read
        changed = {
            name: value
            for name, value in row.values.items()
            if read(current, name) != value and (value is not None or name not in self.stand_ins)
        }
        if changed:  # what is computed must be told again, or it would be computed from what changed
            changed.update({name: row.values[name] for name in practice.derive(current) if name in row.values})
        return practice.follow(unit, current, origin, row.state or current.state, changed, by=by, at=at)[0]

    def _arrive(
        self,
        unit: Unit,
        origin: Origin,
        state: str | None,
        values: dict[str, Any],
        row: Row,
        key: str,
        by: Actor,
        **details: Any,
    ) -> Any:
        stand_ins = {
            name: text.replace("{key}", key) for name, text in self.stand_ins.items() if values.get(name) is None
        }
        if stand_ins:
            details["unrecorded"] = list(stand_ins)
        given = {name: value for name, value in values.items() if value is not None}
        if "history" in details:
            given = {**values, **given}
        return self.practice.arrive(
            unit, origin, state or "", {**given, **stand_ins}, by=by, at=row.at, details=details
        )

    def _noted(self, unit: Unit, faulty: list[tuple[Row, Reason]]) -> bool:
        """Note the rows that could not be used and were not noted before; say whether there were any."""
        house, runs = self.itsm.house, self.itsm.import_runs
        keys = [(self.system, problem_origin(row.digest)[0]) for row, _ in faulty]
        noted = {key for _, key, *_ in house.store.known(house.tenant, "origin", keys)} if keys else set()
        fresh = False
        for row, reason in faulty:
            key = problem_origin(row.digest)[0]
            if key in noted:
                self.counts["repeated"] += 1
                continue
            noted.add(key)
            problem = RowProblem(self.identity["file"], row.number, row.key, str(reason), reason.code, self.system)
            runs.note(unit, self._run_in(unit), problem, row.digest, by=IMPORTER)
            fresh = True
        return fresh

    def _link(self, unit: Unit, row: Row, record: Any, owners: Mapping[str, str]) -> None:
        """Link a record to those that the row names, where they are in the store."""
        house, desk = self.itsm.house, self.itsm.clone(unit=unit)
        for relation, other in row.links:
            there = owners.get(other) or next(
                (owner for *_, owner in house.store.known(house.tenant, "origin", [(self.system, other)])), None
            )
            try:
                if there is None:
                    self.counts["unlinked"] += 1
                else:
                    record = link(desk, record, relation, there, IMPORTER, None, record.updated_at)
            except Refused as error:
                if error.code not in ("link_exists", "link_single"):
                    self.counts["unlinked"] += 1
            except InvalidInput:
                self.counts["unlinked"] += 1
