"""`python -m itil4`: a short story to see the library at work, and the commands."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itil4.errors import InvalidInput, ITIL4Error, StoreError, nearest

if TYPE_CHECKING:
    from itil4.practices.base import Practice


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 findings, 2 wrong input."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ITIL4Error as error:
        print(f"itil4: {error}", file=sys.stderr)
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="itil4", description="An embeddable ITIL 4 domain library.")
    parser.set_defaults(run=_story, into=Path("itil4-demo"))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    story = commands.add_parser("story", help="the story that runs without a command")
    story.add_argument(
        "--into", type=Path, default=Path("itil4-demo"), metavar="FOLDER", help="where it keeps its store"
    )
    story.set_defaults(run=_story)
    practices = commands.add_parser("practices", help="the 34 practices, or one of them, in 80 columns")
    practices.add_argument("name", nargs="?", help="id or name, such as 'incident management'")
    practices.set_defaults(run=_practices)
    draw = commands.add_parser("draw", help="a lifecycle as a picture")
    draw.add_argument("what", help="a kind such as incident, or package.module:Practice")
    draw.add_argument("--aspect", metavar="NAME", help="one of its further lifecycles, such as 'major incident'")
    draw.add_argument("--format", default="mermaid", choices=("mermaid", "dot", "svg"))
    draw.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write it; by default here")
    draw.set_defaults(run=_draw)
    check = commands.add_parser("check", help="what is wrong with a workflow, each finding with a story")
    check.add_argument("what", help="a kind such as incident, or package.module:Practice")
    check.add_argument("--walk", action="store_true", help="also run through everything that the practice can do")
    check.add_argument(
        "--policies", type=Path, metavar="FILE.py",
        help="a Python file with POLICIES, and where it is needed DOMAINS, SETTINGS and ACCEPT",
    )  # fmt: skip
    check.add_argument("--store", metavar="URL", help="where the walk keeps its records (default: in memory)")
    check.add_argument("--pictures", type=Path, metavar="FOLDER", help="write pictures of what the walk exercised")
    check.set_defaults(run=_check)
    from itil4.interop import tick_command
    from itil4.interop.commands import COMMANDS  # late: the story needs none of what they load

    tick = commands.add_parser("tick", help="do what fell due, once or again and again")
    tick_command.add_arguments(tick)
    tick.set_defaults(run=_tick)
    for name, command in COMMANDS.items():
        added = commands.add_parser(name, help=command.help, description=f"{command.help.capitalize()}.")
        command.add_arguments(added)
        added.set_defaults(run=command.run)
    return parser


def _story(options: argparse.Namespace) -> int:
    from itil4.story import tell

    for line in tell(options.into):
        print(line)
    return 0


def _practices(options: argparse.Namespace) -> int:
    from itil4.practices.catalogue import show_practices

    print(show_practices(options.name))
    return 0


def _tick(options: argparse.Namespace) -> int:
    from itil4.interop import tick_command

    return tick_command.run(options)


def _draw(options: argparse.Namespace) -> int:
    from itil4.lifecycle.pictures import draw

    practice = _practice(options.what)
    lifecycles = {each.name: each for each in practice.lifecycles()}
    name = options.aspect or practice.lifecycle.name
    if name not in lifecycles:
        near = nearest(name, lifecycles)
        raise InvalidInput.of("unknown_name", where=options.what, what="lifecycle", name=name, nearest=near)
    picture = draw(lifecycles[name], options.format)
    if options.output is None:
        print(picture, end="")
        return 0
    try:
        options.output.write_text(picture, encoding="utf-8")
    except OSError as error:
        remedy = "Give another file with -o."
        raise StoreError.of("store_failed", action="write the picture", error=str(error), remedy=remedy) from error
    return 0


def _check(options: argparse.Namespace) -> int:
    from itil4.testing import check_command

    return check_command.run(_practice(options.what), options)


def _practice(what: str) -> "type[Practice[Any]]":
    """Return the practice of a kind, or the class that a host's module has."""
    from itil4.practices.base import Practice
    from itil4.practices.built_in import BUILT_IN

    known = {place.kind: place for place in BUILT_IN}
    if what in known:
        return known[what].practice
    module, colon, name = what.partition(":")
    if not colon:
        raise InvalidInput.of("unknown_practice", name=what, nearest=nearest(what, known))
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), name)
    except ITIL4Error:  # a class that cannot work says so itself
        raise
    except Exception as error:  # whatever a module of the host raises when it is run
        said = str(error) if isinstance(error, (ImportError, AttributeError)) else f"{type(error).__name__}: {error}"
        raise InvalidInput.of("cannot_import", what=what, error=said) from error
    if not (isinstance(found, type) and issubclass(found, Practice)):
        raise InvalidInput.of("ill_typed", field=what, expected="a subclass of Practice", value=found)
    return found


if __name__ == "__main__":
    sys.exit(main())
