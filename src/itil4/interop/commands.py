"""The commands `import` and `report` of `python -m itil4`.

Each is a `Command`: what it adds to a parser, and what it does with the arguments. It returns the
exit code: 0, or 2 with one message when something it was given cannot be used.
"""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

from itil4.errors import InvalidInput, ITIL4Error
from itil4.interop.importing import Imported, prepare
from itil4.interop.mapping import HistoryMapping, shipped_names
from itil4.interop.report import Selection, as_csv, as_text, problems, report
from itil4.itsm import connect

_WIDTH = 30


class Command(NamedTuple):
    """A subcommand: `parser = subparsers.add_parser(name, help=command.help)`, then both functions."""

    help: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]


def _explained(run: Callable[[Namespace], int]) -> Callable[[Namespace], int]:
    """Print what a user can mend as one message, and end with 2; with 130 on an interrupt."""

    @wraps(run)
    def explained(args: Namespace) -> int:
        try:
            return run(args)
        except ITIL4Error as error:
            print(error, file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("\nInterrupted. The same command goes on where the last unit ended.", file=sys.stderr)
            return 130
        except BrokenPipeError:  # the reader of our output has gone
            sys.stderr.close()
            return 0

    return explained


# import


def add_import_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `import`."""
    parser.add_argument("file", metavar="FILE", help="a .csv or .csv.gz file of another system")
    parser.add_argument(
        "--format", default="servicenow", choices=shipped_names(), help="a mapping that comes with itil4"
    )
    parser.add_argument("--mapping", metavar="FILE.toml", help="a mapping of your own, instead of --format")
    parser.add_argument("--store", required=True, metavar="URL", help="such as sqlite:///desk.db")
    parser.add_argument("--zone", metavar="ZONE", help="of times without one, such as Europe/Paris (default: UTC)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


@_explained
def run_import(args: Namespace) -> int:
    """Import a file and print what came of it."""
    mapping = HistoryMapping.read(args.mapping) if args.mapping else HistoryMapping.shipped(args.format)
    with connect() as nowhere:  # so that a mapping that cannot work leaves no store behind
        mapping.check(nowhere.in_slot(mapping.practice), nowhere.house.relations)
    prepared = prepare(args.file, mapping, args.zone)
    with connect(args.store) as itsm:
        imported = prepared.into(itsm, progress=_bar if sys.stderr.isatty() else None)
        figures = report(itsm)
        if args.json:
            print(_json({**figures, "problems": problems(itsm), "import": _plain(imported)}))
            return 0
        print("\n".join(_summary(imported, figures, args.store)))
        for problem in _first(problems(itsm), 5):
            print(f"  row {problem['row']}, {problem['record'] or 'no record'}: {problem['reason']}"[:200])
    return 0


def _bar(done: int, total: int) -> None:
    share = done / total if total else 1.0
    filled = int(_WIDTH * share)
    end = "\n" if done >= total else ""
    print(
        f"\r[{'#' * filled}{'.' * (_WIDTH - filled)}] {done:,} of {total:,} rows", end=end, file=sys.stderr, flush=True
    )


def _summary(imported: Imported, figures: dict[str, Any], store: str) -> list[str]:
    run = f" (run {imported.run})" if imported.run else ""
    zone = f"Times without a zone were taken as {imported.zone}"
    lines = [
        f"{imported.file} into {store}{run}",
        f"{zone}." if imported.zone_was_given else f"{zone}, because none was named; --zone names one.",
        f"{imported.rows:,} rows read: {imported.added:,} added, {imported.repeated:,} there before, "
        f"{imported.faulty:,} with a problem.",
    ]
    if imported.resumed_after:
        lines.append(f"An interrupted run had read {imported.resumed_after:,} of them; this one went on from there.")
    if not imported.added:
        lines.append("Nothing was added.")
    if imported.twofold:
        lines.append(
            f"{imported.twofold:,} times were shown twice by the clocks of {imported.zone}; the first was taken."
        )
    if imported.unlinked:
        lines.append(
            f"{imported.unlinked:,} rows name records that are not in this store, and were not linked to them."
        )
    lines += [
        f"The store has {figures['cases']:,} incidents with {figures['rows']:,} rows now; "
        f"{figures['by_ordinary_steps']:,} went",
        f"by ordinary steps, {figures['by_override']:,} by a step that the lifecycle does not have.",
    ]
    if figures["unrecorded"]:
        named = ", ".join(f"{field} {count:,}" for field, count in figures["unrecorded"].items())
        lines.append(f"Needed, and never recorded by the source: {named}.")
    return lines


def _plain(imported: Imported) -> dict[str, Any]:
    import attrs

    return attrs.asdict(imported)


# report


def add_report_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `report`."""
    parser.add_argument("--store", required=True, metavar="URL", help="such as sqlite:///desk.db")
    parser.add_argument("--from", dest="since", type=_moment, metavar="TIME", help="first entries from here on (UTC)")
    parser.add_argument("--to", dest="until", type=_moment, metavar="TIME", help="first entries before this (UTC)")
    parser.add_argument("--by", default="", metavar="FIELDS", help="a report for each value, such as priority,group")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print a table of figure, item and value")


@_explained
def run_report(args: Namespace) -> int:
    """Print the figures of a store."""
    _must_exist(args.store)
    by = tuple(name.strip() for name in args.by.split(",") if name.strip())
    with connect(args.store) as itsm:
        data = report(itsm, Selection(args.since, args.until, by))
        if args.json:
            print(_json({**data, "problems": problems(itsm)}))
        elif args.csv:
            print(as_csv(data), end="")
        else:
            print(as_text(data))
    return 0


def _must_exist(url: str) -> None:
    """Refuse to make an empty store only to report that it is empty."""
    path = url.removeprefix("sqlite:///")
    if path != url and path and not Path(path).exists():
        raise InvalidInput.of("no_store", url=url)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no date or time such as 2016-05-31 or 2016-05-31T08:00+02:00") from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=1, ensure_ascii=False)


def _first(items: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    return items[:most]


COMMANDS = {
    "import": Command("bring in the history of another system", add_import_arguments, run_import),
    "report": Command("print the figures of a store", add_report_arguments, run_report),
}
"""Subcommand -> how to run it."""
