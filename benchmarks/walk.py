"""What a walk through each practice costs, and what a walk through a large lifecycle does.

    python benchmarks/walk.py            # a table, as docs/reference/testing.md has it
    python benchmarks/walk.py changes    # only some, by their places

Each figure is the CPU time (user and system) of `walk` as a test calls it, the best of some rounds, in this process
and with everything imported. `slow` is the same without worlds that stories go on from: every story is played from
the birth of its record, as it is on a store or beside a host of the caller. Both take turns.
"""

import argparse
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

import itil4
from itil4 import Lifecycle, Line, Practice, Record, State, Transition
from itil4.testing import Subject
from itil4.testing.playing import Player
from itil4.testing.walking import Walk


@attrs.frozen(kw_only=True)
class Errand(Record):
    """Something with a very long way."""

    summary: Line


def errands(states: int) -> type[Practice[Errand]]:
    """Return a practice whose records go through many states, one after the other."""
    names = [f"s{number}" for number in range(states)]
    flow = Lifecycle(
        "errand",
        "s0",
        [*map(State, names[:-1]), State(names[-1], "closed", final=True)],
        [Transition(f"to_{later}", name, later) for name, later in itertools.pairwise(names)],
    )
    body = {
        "__module__": __name__, "name": "errands", "slot": "errands", "kind": "errand", "prefix": "ERR",
        "record": Errand, "lifecycle": flow,
    }  # fmt: skip
    return type("Errands", (Practice,), body)


@contextmanager
def from_births() -> Iterator[None]:
    """Let every story begin at the birth of its record."""
    copy = Player.copy
    Player.copy = lambda self: None  # type: ignore[method-assign]  # for as long as the block runs
    try:
        yield
    finally:
        Player.copy = copy  # type: ignore[method-assign]  # what it was


def walked(practice: type[Practice[Any]]) -> tuple[Walk, float]:
    """Return a walk and the seconds of CPU that it took."""
    start = time.process_time()
    walk = Walk(Subject(practice))
    walk.run()
    return walk, time.process_time() - start


def row(practice: type[Practice[Any]], name: str, rounds: int, slowly: bool) -> str:
    """Return a line of the table."""
    walked(practice)
    quick, slow = [], []
    for _ in range(rounds):
        walk, seconds = walked(practice)
        quick.append(seconds)
        if slowly:
            with from_births():
                slow.append(walked(practice)[1])
    states = sum(len(each.states) for each in walk.subject.lifecycles)
    done = {what: f"{taken} of {every}" for what, taken, every in walk.coverage.rows()}
    told = f"{min(slow):.2f}" if slow else "-"
    return (
        f"| {name} | {states} | {done['transitions']} | {done['pairs of transitions']} | {walk.coverage.steps} "
        f"| {min(quick):.2f} | {told} |"
    )


def main() -> None:
    """Measure, and print the table."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("places", nargs="*", help="of practices, such as incidents; by default all")
    given.add_argument("--rounds", type=int, default=3)
    asked = given.parse_args()
    practices = itil4.connect().house.practices
    print("| practice | states | transitions | pairs | steps | seconds | from births |")
    print("|---|---|---|---|---|---|---|")
    for slot, practice in practices.items():
        if practice.lifecycle.transitions and (not asked.places or slot in asked.places):
            print(row(practice, slot, asked.rounds, slowly=True), flush=True)
    if not asked.places:
        print(row(errands(200), "200 states in a row", 1, slowly=False), flush=True)


if __name__ == "__main__":
    main()
