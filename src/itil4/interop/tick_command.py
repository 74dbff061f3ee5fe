"""`python -m itil4 tick`: the loop that does what fell due, for hosts without a scheduler of their own."""

import argparse
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from itil4.errors import InvalidInput, ITIL4Error
from itil4.interop.service_level_options import add_policy_argument, policies

if TYPE_CHECKING:
    from itil4.itsm import ServiceManagement
    from itil4.practices.ticks import Ticked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--store", required=True, metavar="URL", help="such as sqlite:///desk.db")
    add_policy_argument(parser)
    parser.add_argument("--tenant", default="", help="whose data, where the store holds several organizations")
    parser.add_argument("--every", type=float, metavar="SECONDS", help="go on, with so many seconds in between")
    parser.add_argument("--quiet", action="store_true", help="say nothing where nothing fell due")


def run(options: argparse.Namespace, wait: Callable[[float], object] | None = None) -> int:
    """Tick once, or again and again; return the exit code: 0 done, 1 something was held back.

    Args:
        options: as `add_arguments` has them.
        wait: waits so many seconds, and returns something true to end the loop; by default until it is interrupted.
    """
    from itil4.interop.commands import must_exist
    from itil4.itsm import connect

    must_exist(options.store)
    if options.every is not None and options.every < 1:
        raise InvalidInput.of("bad_every", value=options.every)
    with connect(options.store, tenant=options.tenant, policies=policies(options.policy)) as itsm:
        if options.every is None:
            return _told(itsm.tick(), quiet=options.quiet)
        return _loop(itsm, options, wait or threading.Event().wait)


def _loop(itsm: "ServiceManagement", options: argparse.Namespace, wait: Callable[[float], object]) -> int:
    code = 0
    try:
        while True:
            try:
                code = _told(itsm.tick(), quiet=options.quiet)
            except ITIL4Error as error:  # a store that is busy now may answer the next time
                print(f"itil4: {error}", file=sys.stderr)
                code = 1
            if wait(options.every):
                return code
    except KeyboardInterrupt:
        return code


def _told(ticked: "Ticked", *, quiet: bool) -> int:
    if not quiet or ticked.fired or ticked.made or ticked.held_back:
        print(ticked, flush=True)
    for record_id, event, reasons in ticked.held_back:
        told = " ".join(str(reason) for reason in reasons)
        print(f"held back: {event} of {record_id}: {told}", file=sys.stderr)
    return 1 if ticked.held_back else 0
