"""What the histories of incidents add up to: a pure fold, one history at a time.

The same figures come out of an import and, later, of the store alone. How each is counted:

- rows: saved states, one for each entry; what was only linked or implied is none.
- steps: entries whose state differs from the one before.
- reopening: a step from a resolved or closed state to an open one (by category).
- group change: an entry that changes the group; nobody counts as a group.
- hours to the last resolution (closure): calendar time from a record's first row to the last row that
  enters a resolved (closed) state; percentiles by nearest rank. Records that came without history have none.
- good: everything from `birth_states` on leaves out the records behind a problem, except `unrecorded`.
- by ordinary steps, by override: the good records all of whose steps the lifecycle has, and the others.
- unrecorded: how often a field was needed, at birth or by a step, that the source did not record.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any

from itil4.lifecycle import Lifecycle
from itil4.practices.import_run import IMPLIED, RowProblem, without_history
from itil4.record import Entry
from itil4.vocabulary import OPEN

PRIORITY_NAMES = {1: "1 - Critical", 2: "2 - High", 3: "3 - Moderate", 4: "4 - Low", 5: "5 - Planning"}
"""The words of ServiceNow for priorities."""

_HOUR = 3600.0


class BadRows:
    """The rows that could not be used, counted by the record that they belong to."""

    def __init__(self, problems: Iterable[RowProblem] = ()) -> None:
        self.behind: dict[tuple[str, str], Counter[str]] = {}
        self.nameless = 0
        for each in problems:
            if each.record is None:
                self.nameless += 1
            else:
                self.behind.setdefault((each.system, each.record), Counter())[each.code] += 1


class HistoryFigures:
    """Counts histories, each of them once.

    Args:
        lifecycle: the main one, for the categories of states.
        bad: the rows that could not be used; their records stay out of the figures on good ones.
    """

    def __init__(self, lifecycle: Lifecycle, bad: BadRows | None = None) -> None:
        self._category = {state.name: state.category for state in lifecycle.states}
        self._behind = bad.behind if bad else {}
        self.cases = self.rows = self.good_cases = self.good_rows = 0
        self.rows_with_unknown_state = 0
        self.cases_with_unknown_state: list[str] = []
        self.cases_out_of_time_order: list[str] = []
        self.by_ordinary_steps = self.by_override = 0
        self.birth_states: Counter[str] = Counter()
        self.end_states: Counter[str] = Counter()
        self.steps: Counter[str] = Counter()
        self.cases_reopened = self.reopenings = 0
        self.cases_ever_on_hold = self.cases_with_group_change = self.group_changes = 0
        self.final_priority: Counter[str] = Counter()
        self.unrecorded: Counter[str] = Counter()
        self._to_resolution = array("d")
        self._to_closure = array("d")

    def add(self, history: Sequence[Entry]) -> None:
        """Count one history."""
        saved = sum(map(_is_row, history))
        self.cases += 1
        self.rows += saved
        for entry in history:
            self.unrecorded.update(entry.details.get("unrecorded", ()))
        origin = history[0].origin
        if origin is not None and (bad := self._behind.get((origin.system, origin.key))):
            self._add_bad(origin.key, bad)
            return
        self.good_cases += 1
        self.good_rows += saved
        if any(entry.judged == "override" for entry in history):
            self.by_override += 1
        else:
            self.by_ordinary_steps += 1
        self._add_good(history)

    def add_unborn(self, record: str, bad: Counter[str]) -> None:
        """Count a record that has nothing but bad rows."""
        self.cases += 1
        self._add_bad(record, bad)

    def _add_bad(self, record: str, bad: Counter[str]) -> None:
        self.rows += bad.total()
        self.rows_with_unknown_state += bad["foreign_state"]
        if bad["foreign_state"]:
            self.cases_with_unknown_state.append(record)
        if bad["out_of_order"]:
            self.cases_out_of_time_order.append(record)

    def _add_good(self, history: Sequence[Entry]) -> None:
        category = self._category
        first = history[0]
        state = first.to_state or ""
        entered: dict[str, datetime] = {category.get(state, ""): first.at}
        on_hold = category.get(state) == "waiting"
        group_changes = reopenings = 0
        priority = first.changes.get("priority")
        self.birth_states[state] += 1
        for entry in history[1:]:
            changes = entry.changes
            if "group" in changes:
                group_changes += 1
            priority = changes.get("priority", priority)
            target = entry.to_state
            if target is None or target == entry.from_state or target not in category:
                continue
            self.steps[f"{entry.from_state}>{target}"] += 1
            into = category[target]
            if category.get(entry.from_state or "") in ("resolved", "closed") and into in OPEN:
                reopenings += 1
            on_hold = on_hold or into == "waiting"
            entered[into] = entry.at
            state = target
        self.end_states[state] += 1
        self.reopenings += reopenings
        self.cases_reopened += reopenings > 0
        self.cases_ever_on_hold += on_hold
        self.group_changes += group_changes
        self.cases_with_group_change += group_changes > 0
        number = priority.apply(None) if priority is not None else None
        self.final_priority[PRIORITY_NAMES.get(number, str(number)) if number is not None else "none"] += 1
        if not without_history(history):
            for into, hours in (("resolved", self._to_resolution), ("closed", self._to_closure)):
                if into in entered:
                    hours.append((entered[into] - first.at).total_seconds() / _HOUR)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain data, by their names."""
        return {
            "cases": self.cases,
            "rows": self.rows,
            "rows_with_unknown_state": self.rows_with_unknown_state,
            "cases_with_unknown_state": sorted(self.cases_with_unknown_state),
            "cases_out_of_time_order": sorted(self.cases_out_of_time_order),
            "good_cases": self.good_cases,
            "good_rows": self.good_rows,
            "birth_states": _ranked(self.birth_states),
            "end_states": _ranked(self.end_states),
            "steps": _ranked(self.steps),
            "cases_reopened": self.cases_reopened,
            "reopenings": self.reopenings,
            "cases_ever_on_hold": self.cases_ever_on_hold,
            "cases_with_group_change": self.cases_with_group_change,
            "group_changes": self.group_changes,
            "final_priority": _ranked(self.final_priority),
            "hours_first_row_to_last_resolution": _spread(self._to_resolution),
            "hours_first_row_to_last_closure": _spread(self._to_closure),
            "by_ordinary_steps": self.by_ordinary_steps,
            "by_override": self.by_override,
            "unrecorded": _ranked(self.unrecorded),
        }


def history_figures(
    histories: Iterable[Sequence[Entry]],
    lifecycle: Lifecycle,
    problems: Iterable[RowProblem] = (),
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    by: Sequence[str] = (),
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Fold histories into figures: value of the fields in `by` -> figures; without `by`, of `()` alone.

    Args:
        histories: of all records, each from its first entry on.
        problems: of the imports that they come from. Rows that belong to no record count without a period only.
        since, until: keeps the records whose first row lies in this period; `until` is left out.
        by: fields whose last value tells the records apart.
    """
    bad = BadRows(problems)
    whole = since is None and until is None
    unborn = dict(bad.behind) if whole and not by else {}
    parts: dict[tuple[Any, ...], HistoryFigures] = {} if by else {(): HistoryFigures(lifecycle, bad)}
    for history in histories:
        first = history[0]
        if first.origin is not None:
            unborn.pop((first.origin.system, first.origin.key), None)
        if (since is not None and first.at < since) or (until is not None and first.at >= until):
            continue
        key = tuple(_last(history, name) for name in by)
        part = parts.get(key)
        if part is None:
            part = parts[key] = HistoryFigures(lifecycle, bad)
        part.add(history)
    for (_, record), counted in unborn.items():
        parts[()].add_unborn(record, counted)
    if whole and not by:
        parts[()].rows += bad.nameless
    return {key: parts[key].to_dict() for key in sorted(parts, key=_order)}


def _last(history: Sequence[Entry], field: str) -> Any:
    value = None
    for entry in history:
        change = entry.changes.get(field)
        if change is not None:
            value = change.apply(value)
    return value


def _order(key: tuple[Any, ...]) -> tuple[tuple[bool, Any], ...]:
    return tuple((value is None, value if isinstance(value, (int, float)) else str(value)) for value in key)


def _is_row(entry: Entry) -> bool:
    if entry.op in ("link", "unlink"):
        return False
    return entry.origin is None or entry.origin.row != IMPLIED


def _ranked(counted: Counter[str]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))


def _spread(values: "array[float]") -> Mapping[str, float | int]:
    if not values:
        return {"n": 0}
    ranked = sorted(values)
    n = len(ranked)

    def rank(share: float) -> float:
        return round(ranked[max(0, ceil(share * n) - 1)], 3)

    return {"n": n, "mean": round(sum(ranked) / n, 3), "p50": rank(0.5), "p90": rank(0.9), "max": round(ranked[-1], 3)}
