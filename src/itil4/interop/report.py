"""The report of a store: its figures as plain data, as text, and as a table."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from itil4.errors import InvalidInput, nearest
from itil4.interop.cells import cell
from itil4.interop.history_figures import history_figures
from itil4.itsm import ServiceManagement


@attrs.frozen
class Selection:
    """Which records a report is about, and how it tells them apart.

    Attributes:
        since, until: the period in which their first entry lies; `until` is left out.
        by: fields whose last value parts the report.
    """

    since: datetime | None = None
    until: datetime | None = None
    by: tuple[str, ...] = ()


def report(itsm: ServiceManagement, selection: Selection | None = None) -> dict[str, Any]:
    """Return the figures on the incidents of a store: one mapping, or with `by` one for each part under `parts`.

    Everything is folded from the stored histories and import runs, so it is the same again at any time.

    Raises:
        InvalidInput: incidents have no field of a name in `by`.
    """
    selection = selection or Selection()
    practice = itsm.incidents
    for name in selection.by:
        if practice.shape.get(name) is None:
            near = nearest(name, [*practice.shape.fields, *practice.shape.extra])
            raise InvalidInput.of("unknown_field", record=practice.record.__name__, field=name, nearest=near)
    parts = history_figures(
        practice.histories(), practice.lifecycle, itsm.import_runs.problems(),
        since=selection.since, until=selection.until, by=selection.by,
    )  # fmt: skip
    if not selection.by:
        return parts[()]
    named = [dict(zip(selection.by, key, strict=True)) for key in parts]
    return {
        "by": list(selection.by),
        "parts": [{**name, **part} for name, part in zip(named, parts.values(), strict=True)],
    }


def problems(itsm: ServiceManagement) -> list[dict[str, Any]]:
    """Return the rows that could not be imported, as plain data."""
    return [each.to_dict() for each in itsm.import_runs.problems()]


def as_csv(data: Mapping[str, Any]) -> str:
    """Return a report as a table of figure, item and value, with a column for each field in `by` before them.

    A text that a spreadsheet would take for a formula has an apostrophe before it; see `cell`.
    """
    by = data.get("by", [])
    made = io.StringIO()
    write = csv.writer(made, lineterminator="\n").writerow
    write([*map(cell, by), "figure", "item", "value"])
    for part in data.get("parts", [data]):
        mark = [part[name] for name in by]
        for name, item, value in _flat(part, by):
            write(map(cell, (*mark, name, item, value)))
    return made.getvalue()


def as_text(data: Mapping[str, Any]) -> str:
    """Return a report as people read it, at most 80 columns wide."""
    if "parts" not in data:
        return "\n".join(_lines(data))
    lines: list[str] = []
    for part in data["parts"]:
        title = ", ".join(f"{name} {'none' if part[name] is None else part[name]}" for name in data["by"])
        lines += [title, *("  " + line for line in _lines(part, data["by"])), ""]
    return "\n".join(lines[:-1])


def _flat(part: Mapping[str, Any], by: Sequence[str]) -> Iterator[tuple[str, str, Any]]:
    for name, value in part.items():
        if name in by or name == "problems":
            continue
        if isinstance(value, Mapping):
            yield from ((name, item, each) for item, each in value.items())
        elif isinstance(value, list):
            yield from ((name, "", each) for each in value)
        else:
            yield name, "", value


def _lines(part: Mapping[str, Any], by: Sequence[str] = ()) -> Iterator[str]:
    for name, value in part.items():
        shown = name.replace("_", " ")
        if name in by or name == "problems":
            continue
        if isinstance(value, Mapping):
            if value:
                yield shown
            yield from (f"  {item:<30}{_number(each):>14}" for item, each in value.items())
        elif isinstance(value, list):
            if value:
                some = ", ".join(map(str, value[:3])) + (f" and {len(value) - 3:,} more" if len(value) > 3 else "")
                yield f"{shown:<32}{len(value):>14,}  {some}"[:80]
        else:
            yield f"{shown:<32}{_number(value):>14}"


def _number(value: Any) -> str:
    return f"{value:,.3f}" if isinstance(value, float) else f"{value:,}"
