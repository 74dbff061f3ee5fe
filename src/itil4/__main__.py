"""`python -m itil4`: a short story to see the library at work, and the commands."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from itil4.errors import ITIL4Error


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
    from itil4.interop.commands import COMMANDS

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


if __name__ == "__main__":
    sys.exit(main())
