"""Mutation testing: change one operator, constant or statement, run the tests of the room, and see whether one fails.

    nice python benchmarks/mutation.py --rooms lifecycle --log lifecycle.jsonl        # all of one room
    nice python benchmarks/mutation.py --sample 300 --minutes 60 --log sample.jsonl   # goes on where it was
    nice python benchmarks/mutation.py --rooms lifecycle --again --log lifecycle.jsonl      # only what survived
    nice python benchmarks/mutation.py --rooms storage --again --tests tests/storage/test_unit.py --log storage.jsonl
    python benchmarks/mutation.py --rooms lifecycle --report --log lifecycle.jsonl    # figures and survivors

Mutants are made of the syntax tree, drawn with a seed, and put into the running functions of a fork, or loaded
instead of the module when they change what runs at import; no file is changed. Needs `coverage` beside the tests'
packages. A mutant is

| verdict | when |
|---|---|
| same | the compiler makes the same code of it: it is no mutant, and is not counted |
| killed | a test fails, or the process ends |
| timeout | a test takes five times its usual time and two seconds more; counts as killed |
| uncovered | no test runs its lines; counts as survived |
| survived | no test fails |

`--afresh` loads each mutant instead of its module and runs all tests of the room: slow, and a check of the fast way.
"""

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mutants import Mutant, Place, mutant_at, places
from mutation_runs import ROOMS, Room, Told, run_afresh

KILLED = ("killed", "timeout")
SURVIVED = ("survived", "uncovered")
Known = dict[tuple[Any, ...], dict[str, Any]]


def judge(room: Room, place: Place, mutant: Mutant, chosen: argparse.Namespace) -> tuple[Told, str]:
    """Run the tests that can tell a mutant, and return what became of it and how it was put in."""
    tests, at_import = room.map.telling(mutant), room.map.runs_at_import(mutant)
    if mutant.swaps == {}:
        return Told("same", "", 0), "compiled"
    if mutant.swaps is not None and not tests and not at_import:
        return Told("uncovered", "", 0), "measured"
    if mutant.swaps is not None and tests and not chosen.afresh:
        told = room.run(place, room.map.within(tests, chosen.budget))
        if told is not None and (told.verdict != "survived" or not at_import):
            return told, "in place"
    return run_afresh(mutant, room.map.within(room.map.every_test(mutant), chosen.budget), room.map.seconds), "afresh"


def campaign(room: Room, picked: list[Place], known: Known, chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield what became of each mutant that is not known, until the time is over."""
    begun = time.perf_counter()
    for place in picked:
        if time.perf_counter() - begun > chosen.minutes * 60:
            return
        mutant = mutant_at(place)
        before = known.get(mutant.mark)
        if before is not None and not (chosen.again and before["verdict"] in SURVIVED):
            continue
        started = time.perf_counter()
        told, way = judge(room, place, mutant, chosen)
        if chosen.tests and told.verdict not in KILLED:
            continue
        keys = ("room", "module", "line", "column", "was", "now")
        about = dict(zip(keys, (mutant.room, *mutant.mark), strict=True))
        yield {**about, **told._asdict(), "way": way, "seconds": round(time.perf_counter() - started, 2)}


def report(room: str, picked: list[Place], known: Known) -> None:
    """Print the figures of a room and what survived."""
    found = [known[mark] for mark in (mutant_at(place).mark for place in picked) if mark in known]
    count = Counter(each["verdict"] for each in found)
    killed, survived = (sum(count[verdict] for verdict in verdicts) for verdicts in (KILLED, SURVIVED))
    score = f"{killed / (killed + survived):.1%}" if killed + survived else "none"
    print(f"{room}: {len(picked)} picked, {len(found)} run, {dict(count)}, score {score}")
    for each in sorted((each for each in found if each["verdict"] in SURVIVED), key=lambda each: each["line"]):
        print(f"  {each['verdict']:9}  {each['module']}:{each['line']}  {each['was']}  ->  {each['now']}")


def main() -> None:
    """Run what was chosen and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", nargs="*", default=["lifecycle", "service_level", "storage"], choices=list(ROOMS))
    parser.add_argument("--sample", type=int, default=0, help="mutants for each room; 0: all, in random order")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", default="", help="only modules whose name has this")
    parser.add_argument("--without", nargs="*", default=[], help="modules that are left out, by their file names")
    parser.add_argument("--log", type=Path, help="where each result is kept as a line of JSON, and read from again")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no mutant of a room after so long")
    parser.add_argument("--budget", type=float, default=1e9, help="seconds of tests, fastest first, for a mutant")
    parser.add_argument("--tests", nargs="*", help="with --again: only these files of tests, and only what they kill")
    parser.add_argument("--again", action="store_true", help="run those again that survived, and those not yet run")
    parser.add_argument("--afresh", action="store_true", help="put in every mutant by importing it, and run all tests")
    parser.add_argument("--report", action="store_true", help="run nothing and report what the log has")
    chosen = parser.parse_args()
    known = _known(chosen.log)
    for name in chosen.rooms:
        every = [place for place in places(name) if chosen.only in place.path.name]
        every = [place for place in every if place.path.name not in chosen.without]
        picked = random.Random(chosen.seed).sample(every, min(chosen.sample or len(every), len(every)))
        if not chosen.report:
            started = time.perf_counter()
            ROOMS[name] = chosen.tests or ROOMS[name]
            room = Room(name)
            tests, took = room.map.seconds, time.perf_counter() - started
            print(f"{name}: {len(tests)} tests take {sum(tests.values()):.0f} s; measured in {took:.0f} s", flush=True)
            print(*(f"  left out: {each}" for each in room.map.troubled), sep="\n", flush=True)
            for each in campaign(room, picked, known, chosen):
                print("{verdict:9} {seconds:6.2f} s  {module}:{line}  {was}  ->  {now}".format(**each), flush=True)
                known[_mark(each)] = each
                if chosen.log:
                    with chosen.log.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(each) + "\n")
            room.close()
        report(name, picked, known)


def _known(log: Path | None) -> Known:
    if log is None or not log.exists():
        return {}
    return {_mark(each): each for each in map(json.loads, log.read_text(encoding="utf-8").splitlines())}


def _mark(each: dict[str, Any]) -> tuple[Any, ...]:
    return each["module"], each["line"], each["column"], each["was"], each["now"]


if __name__ == "__main__":
    main()
