"""The commands `import` and `report` of `python -m itil4`.

Each is a `Command`: what it adds to a parser, and what it does with the arguments. It returns the
exit code; what a user can mend is raised as an error of the library, for the caller to print.
"""

import csv
import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple

import attrs

from itil4.errors import InvalidInput, StoreError
from itil4.interop.cells import cell
from itil4.interop.importing import Imported, Prepared, prepare
from itil4.interop.mapping import HistoryMapping, shipped_names
from itil4.interop.report import Selection, as_csv, as_text, problems, report
from itil4.interop.service_level_options import add_target_arguments, policies, target_figures
from itil4.itsm import ServiceManagement, connect
from itil4.practices.figures import Figures

_WIDTH = 80
_BAR = 30
_SHOWN = 5
_INTERRUPTED = 130


class Command(NamedTuple):
    """A subcommand: `parser = subparsers.add_parser(name, help=command.help)`, then both functions."""

    help: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]


# import


def add_import_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `import`."""
    parser.add_argument("file", metavar="FILE", help="a .csv or .csv.gz file of another system")
    _add_reading_arguments(parser)
    parser.add_argument("--store", required=True, metavar="URL", help="such as sqlite:///desk.db")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _add_reading_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--format", default="servicenow", choices=shipped_names(), help="a mapping that comes with itil4"
    )
    parser.add_argument("--mapping", metavar="FILE.toml", help="a mapping of your own, instead of --format")
    parser.add_argument("--zone", metavar="ZONE", help="of times without one, such as Europe/Paris (default: UTC)")


def run_import(args: Namespace) -> int:
    """Import a file and print what came of it."""
    prepared = _prepared(args)
    with connect(args.store) as itsm:
        try:
            imported = prepared.into(itsm, progress=_bar if sys.stderr.isatty() else None)
        except KeyboardInterrupt:
            print("\nInterrupted. The same command goes on after the last rows that were kept.", file=sys.stderr)
            return _INTERRUPTED
        figures = report(itsm)
        if args.json:
            print(_json({**figures, "problems": problems(itsm), "import": attrs.asdict(imported)}))
        else:
            print("\n".join(_summary(imported, figures, args.store)))
            _show_problems(itsm)
    return 0


def _prepared(args: Namespace) -> Prepared:
    mapping = HistoryMapping.read(args.mapping) if args.mapping else HistoryMapping.shipped(args.format)
    with connect() as nowhere:  # so that a mapping that cannot work leaves no store behind
        mapping.check(nowhere.in_slot(mapping.practice), nowhere.house.relations)
    return prepare(args.file, mapping, args.zone)


def _show_problems(itsm: ServiceManagement) -> None:
    for place, each in enumerate(itsm.import_runs.problems()):
        if place == _SHOWN:
            print("The other problems: `report --json` has all of them.")
            break
        told = f"{each.file} row {each.row}, {each.record or 'no record'}: {each.reason}"
        print("\n".join(wrap(told, _WIDTH, initial_indent="- ", subsequent_indent="  ")))


def _bar(done: int, total: int) -> None:
    filled = _BAR * done // total if total else _BAR
    end = "\n" if done >= total else ""
    bar = "#" * filled + "." * (_BAR - filled)
    print(f"\r[{bar}] {done:,} of {total:,} rows", end=end, file=sys.stderr, flush=True)


def _summary(done: Imported, figures: Mapping[str, Any], store: str) -> Iterator[str]:
    named = "" if done.zone_was_given else ", because none was named; --zone names one"
    lines = [
        f"{done.file} into {store}" + (f" (run {done.run})." if done.run else "."),
        f"Times without a zone were taken as {done.zone}{named}.",
        f"{done.rows:,} rows read: {done.added:,} added, {done.repeated:,} there before, "
        f"{done.faulty:,} with a problem.",
    ]
    if done.resumed_after:
        lines.append(f"An interrupted run had read {done.resumed_after:,} of them; this one went on from there.")
    if not done.added:
        lines.append("Nothing was added.")
    if done.twofold:
        lines.append(f"The clocks of {done.zone} showed {done.twofold:,} of the times twice; the first was taken.")
    if done.unlinked:
        lines.append(f"{done.unlinked:,} times a row names a record that is not in this store; it was not linked.")
    lines.append(
        f"The store now has {figures['cases']:,} incidents with {figures['rows']:,} rows. Of the "
        f"{figures['good_cases']:,} without a problem {figures['by_ordinary_steps']:,} went by ordinary steps, "
        f"{figures['by_override']:,} by one that the lifecycle does not have."
    )
    if figures["unrecorded"]:
        fields = ", ".join(f"{field} ({count:,} times)" for field, count in figures["unrecorded"].items())
        lines.append(f"Needed here and not recorded there: {fields}.")
    return (part for line in lines for part in wrap(line, _WIDTH, subsequent_indent="  "))


# report


def add_report_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `report`."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--store", metavar="URL", help="such as sqlite:///desk.db")
    source.add_argument("--file", metavar="FILE", help="an export of another system, read into no store")
    _add_reading_arguments(parser)
    parser.add_argument("--from", dest="since", type=_moment, metavar="TIME", help="first entries from here on (UTC)")
    parser.add_argument("--to", dest="until", type=_moment, metavar="TIME", help="first entries before this (UTC)")
    parser.add_argument("--by", default="", metavar="FIELDS", help="a report for each value, such as priority,group")
    add_target_arguments(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print a table of figure, item and value")
    form.add_argument("--html", type=Path, metavar="FILE", help="write one page that opens offline")


def run_report(args: Namespace) -> int:
    """Print the figures of a store, or of an export file."""
    if args.html is not None and (args.target is not None or args.by):
        raise InvalidInput.of("page_of_all")
    if args.store is not None:
        must_exist(args.store)
    by = tuple(name.strip() for name in args.by.split(",") if name.strip())
    with connect(args.store, policies=policies(args.policy)) as itsm:
        if args.file is not None:
            _prepared(args).into(itsm)
        if args.html is not None:
            _write_page(itsm, args)
            return 0
        behind = {f"{each.system}:{each.record}" for each in itsm.import_runs.problems() if each.record}
        if args.target is not None:
            period = {"since": args.since, "until": args.until}
            _show(target_figures(itsm, args.target, **period, by=by, excluding=behind), args)
            return 0
        data = report(itsm, Selection(args.since, args.until, by))
        named = itsm.incidents.figures(since=args.since, until=args.until, split=by, excluding=behind)
        if args.json:
            print(_json({**data, "problems": problems(itsm), "figures": named.to_dict()}))
        elif args.csv:
            print(as_csv(data), end="")
        else:
            print(f"{as_text(data)}\n\n{named.text()}")
    return 0


def _show(figures: Figures, args: Namespace) -> None:
    if args.json:
        print(_json(figures.to_dict()))
    elif args.csv:
        rows = list(figures.rows())
        written = csv.DictWriter(sys.stdout, list(dict.fromkeys(name for row in rows for name in row)))
        written.writeheader()
        written.writerows({name: cell(value) for name, value in row.items()} for row in rows)
    else:
        print(figures.text())


def _write_page(itsm: ServiceManagement, args: Namespace) -> None:
    from itil4.interop.html_report import html_report  # late: it reads the rooms of value and service levels

    page = html_report(itsm, since=args.since, until=args.until)
    try:
        args.html.write_text(page, encoding="utf-8")
    except OSError as error:
        remedy = "Give another file with --html."
        raise StoreError.of("store_failed", action="write the page", error=str(error), remedy=remedy) from error
    print(f"Written to {args.html}; open it in a browser.")


def must_exist(url: str) -> None:
    """Refuse to make an empty store only to say that it is empty."""
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


COMMANDS = {
    "import": Command("bring in the history of another system", add_import_arguments, run_import),
    "report": Command("print the figures of a store", add_report_arguments, run_report),
}
"""Subcommand -> how to run it."""
