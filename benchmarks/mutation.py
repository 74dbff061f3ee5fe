"""Mutation testing: change one operator, constant or statement, run the tests of the room, and see whether one fails.

    nice python benchmarks/mutation.py                          # a sample of 40 mutants for each room
    nice python benchmarks/mutation.py --rooms lifecycle --sample 0      # all of one room
    nice python benchmarks/mutation.py --log results.jsonl --minutes 60      # goes on where it was

Mutants are made of the syntax tree, drawn with a seed, and loaded instead of the module in a child of this
process; no file is changed. A mutant whose tests run far longer than without it counts as killed.
"""

import argparse
import ast
import importlib.abc
import importlib.util
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "itil4"

ROOMS = {
    "lifecycle": ("tests/lifecycle",),
    "service_level": ("tests/service_level",),
    "storage": ("tests/storage", "tests/record"),
}
"""The rooms, each with the tests that are run for its mutants, the most telling first."""

SLOW = ("crashes", "races", "processes", "golden", "outbox_crash", "browser", "real_history")
"""Tests of whole processes, left out: they look at what no single line decides, and take minutes."""

_SWAPPED: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}  # fmt: skip


class Mutant(NamedTuple):
    """One change: the module, the line, what it was and what it is, and the changed source."""

    room: str
    module: str
    line: int
    was: str
    now: str
    text: str


class Place(NamedTuple):
    """Where something can be changed: the file, the node by its number in the tree, and which of its operators."""

    room: str
    path: Path
    number: int
    choice: int


def places(room: str) -> Iterator[Place]:
    """Yield every place of a room where something can be changed."""
    for path in sorted((SOURCE / room).glob("**/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        skipped = _unmeant(tree)
        for number, node in enumerate(ast.walk(tree)):
            if number not in skipped:
                for choice in range(_choices(node)):
                    yield Place(room, path, number, choice)


def mutant_at(place: Place) -> Mutant:
    """Return the mutant of a place."""
    tree = ast.parse(place.path.read_text(encoding="utf-8"))
    target: Any = next(each for number, each in enumerate(ast.walk(tree)) if number == place.number)
    was, line = ast.unparse(target), getattr(target, "lineno", 0)
    now = _change(tree, target, place.choice)
    module = ".".join(("itil4", *place.path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
    return Mutant(place.room, module, line, _short(was), _short(now), ast.unparse(ast.fix_missing_locations(tree)))


def _unmeant(tree: ast.AST) -> set[int]:
    """Return the nodes that are no behaviour: docstrings, annotations, and what only type checkers run."""
    hidden: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            hidden |= {id(each) for each in ast.walk(node.body[0])}
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            hidden |= {id(each) for each in ast.walk(node)}
        for name in ("annotation", "returns"):
            part = getattr(node, name, None)
            hidden |= {id(each) for each in ast.walk(part)} if part is not None else set()
    return {number for number, node in enumerate(ast.walk(tree)) if id(node) in hidden}


def _choices(node: ast.AST) -> int:
    if isinstance(node, ast.Compare):
        return sum(type(each) in _SWAPPED for each in node.ops)
    if isinstance(node, (ast.BoolOp, ast.BinOp)):
        return int(type(node.op) in _SWAPPED)
    if isinstance(node, ast.Constant):
        return int(isinstance(node.value, (bool, int)))
    if isinstance(node, (ast.If, ast.IfExp, ast.While)):
        return 1
    if isinstance(node, (ast.Raise, ast.AugAssign, ast.Continue, ast.Break)):
        return 1
    if isinstance(node, ast.Expr):
        return int(isinstance(node.value, ast.Call))
    return int(isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not))


def _change(tree: ast.AST, node: Any, choice: int) -> str:
    """Change one node, and return how it reads now."""
    if isinstance(node, ast.Compare):
        places = [place for place, each in enumerate(node.ops) if type(each) in _SWAPPED]
        node.ops[places[choice]] = _SWAPPED[type(node.ops[places[choice]])]()
    elif isinstance(node, (ast.BoolOp, ast.BinOp)):
        node.op = _SWAPPED[type(node.op)]()
    elif isinstance(node, ast.Constant):
        node.value = (not node.value) if isinstance(node.value, bool) else node.value + 1
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        node.test = ast.UnaryOp(ast.Not(), node.test)
        return f"not: {ast.unparse(node.test)}"
    elif isinstance(node, ast.UnaryOp):
        return _put(tree, node, node.operand)
    else:
        return _put(tree, node, ast.Pass())
    return ast.unparse(node)


def _put(tree: ast.AST, old: ast.AST, new: ast.AST) -> str:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
                return ast.unparse(new)
            if isinstance(value, list) and any(each is old for each in value):
                value[next(place for place, each in enumerate(value) if each is old)] = new
                return ast.unparse(new)
    raise LookupError(ast.unparse(old))


def _short(text: str) -> str:
    line = text.splitlines()[0]
    return line if len(line) <= 90 else line[:89] + "…"


class _Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from changed source."""

    def __init__(self, module: str, text: str) -> None:
        self.module, self.text = module, text

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != self.module:
            return None
        file = SOURCE.parent / Path(*name.split("."))
        is_package = file.is_dir()
        origin = str(file / "__init__.py" if is_package else file.with_suffix(".py"))
        spec = importlib.util.spec_from_loader(name, self, origin=origin, is_package=is_package)
        if spec is not None and is_package:
            spec.submodule_search_locations = [str(file)]
        return spec

    def exec_module(self, module: Any) -> None:
        module.__file__ = str(module.__spec__.origin)
        exec(compile(self.text, module.__file__, "exec"), module.__dict__)


def run(room: str, mutant: Mutant | None, limit: float) -> tuple[str, float]:
    """Run the tests of a room in a child; return `killed`, `survived` or `timeout`, and the seconds."""
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.setsid()
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        os.chdir(ROOT)
        os.environ["ITIL4_LIFECYCLES"] = "60"
        if mutant is not None:
            sys.meta_path.insert(0, _Loader(mutant.module, mutant.text))
        import pytest

        left_out = " and ".join(f"not {word}" for word in SLOW)
        paths = [path for path in ROOMS[room] if (ROOT / path).exists()]
        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-k", left_out, *paths])
        os._exit(int(code))
    while time.perf_counter() - started < limit:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return ("survived" if code == 0 else "killed"), time.perf_counter() - started
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout", time.perf_counter() - started


def main() -> None:
    """Run a sample and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", nargs="*", default=list(ROOMS), choices=list(ROOMS))
    parser.add_argument("--sample", type=int, default=40, help="mutants for each room; 0: all")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--log", type=Path, help="where each result is kept as a line of JSON, and read from again")
    parser.add_argument("--seconds", type=float, help="how long the tests of a room take; by default they are timed")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no mutant after so long")
    chosen = parser.parse_args()
    begun = time.perf_counter()
    known = _known(chosen.log)
    for room in chosen.rooms:
        every = list(places(room))
        picked = every if not chosen.sample else random.Random(chosen.seed).sample(every, chosen.sample)
        outcome, seconds = ("survived", chosen.seconds) if chosen.seconds else run(room, None, 1_800)
        print(
            f"{room}: {len(every)} mutants, {len(picked)} picked; tests without one: {outcome}, {seconds:.0f} s",
            flush=True,
        )
        if outcome != "survived":
            raise SystemExit("the tests fail without a mutant")
        for mutant in map(mutant_at, picked):
            if time.perf_counter() - begun > chosen.minutes * 60:
                break
            mark = (mutant.module, mutant.line, mutant.was, mutant.now)
            if mark in known:
                continue
            verdict, took = run(room, mutant, 4 * seconds + 20)
            told = {**mutant._asdict(), "verdict": verdict, "seconds": round(took, 1)}
            del told["text"]
            print(
                f"{verdict:9} {took:5.0f} s  {mutant.module}:{mutant.line}  {mutant.was}  ->  {mutant.now}", flush=True
            )
            if chosen.log:
                with chosen.log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(told) + "\n")


def _known(log: Path | None) -> set[tuple[str, int, str, str]]:
    if log is None or not log.exists():
        return set()
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return {(each["module"], each["line"], each["was"], each["now"]) for each in lines}


if __name__ == "__main__":
    main()
