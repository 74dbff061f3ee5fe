"""What mutants are made of: one operator, constant or statement of a module, changed in its syntax tree.

Used by `mutation.py`. Lines stay what they were, so that what ran a line before says who can tell the mutant.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "itil4"

_SWAPPED: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}  # fmt: skip
_FUNCTION = 0x1  # CO_OPTIMIZED: code with fast locals, that is of a function, and not of a module or class

Swaps = dict[CodeType, CodeType]


class Mutant(NamedTuple):
    """One change: the module, where it is, what it was and is, the lines of its statement, and how it is loaded.

    `swaps` are the functions' code before and after; it is None when what runs at import changes as well.
    """

    room: str
    module: str
    path: Path
    line: int
    column: int
    was: str
    now: str
    lines: range
    code: CodeType
    swaps: Swaps | None

    @property
    def mark(self) -> tuple[str, int, int, str, str]:
        """What tells it from other mutants."""
        return self.module, self.line, self.column, self.was, self.now


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


def module_of(path: Path) -> str:
    """Return the name of the module of a file of the library."""
    return ".".join(("itil4", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


def mutant_at(place: Place) -> Mutant:
    """Return the mutant of a place; its `swaps` are empty when the compiler makes the same code of it."""
    tree = ast.parse(place.path.read_text(encoding="utf-8"))
    target: Any = next(each for number, each in enumerate(ast.walk(tree)) if number == place.number)
    was, line, column, lines = ast.unparse(target), target.lineno, target.col_offset, _statement(tree, target)
    now = _change(tree, target, place.choice)
    code = compile(ast.fix_missing_locations(tree), str(place.path), "exec", dont_inherit=True)
    swaps: Swaps = {}
    at_import = _compare(_as_it_is(place.path), code, swaps)
    module = module_of(place.path)
    told = _short(was), _short(now)
    return Mutant(place.room, module, place.path, line, column, *told, lines, code, None if at_import else swaps)


@cache
def _as_it_is(path: Path) -> CodeType:
    return compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True)


def _compare(old: CodeType, new: CodeType, swaps: Swaps) -> bool:
    """Collect the functions that differ, each with all within it, and say whether module or class bodies do."""
    inside = list(zip(_nested(old), _nested(new), strict=False))
    if old.co_flags & _FUNCTION:
        if not _same(old, new):
            swaps[old] = new
            for was, now in inside:
                _compare(was, now, swaps)
        return False
    differs = _own(old) != _own(new)
    return any([differs, *(_compare(was, now, swaps) for was, now in inside)])


def _same(old: CodeType, new: CodeType) -> bool:
    inside = zip(_nested(old), _nested(new), strict=False)
    return _own(old) == _own(new) and all(_same(was, now) for was, now in inside)


def _own(code: CodeType) -> tuple[Any, ...]:
    """Return what a code does, without the lines it comes from and the codes within it."""
    constants = [(type(each), repr(each)) for each in code.co_consts if not isinstance(each, CodeType)]
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return code.co_code, constants, names, len(_nested(code))


def _nested(code: CodeType) -> list[CodeType]:
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def _statement(tree: ast.Module, target: ast.AST) -> range:
    """Return the lines of the innermost statement around a node; of one with a body, those before the body."""
    found: Any = None
    waiting: list[tuple[ast.AST, Any]] = [(tree, None)]
    while waiting:
        node, around = waiting.pop()
        around = node if isinstance(node, ast.stmt) else around
        if node is target:
            found = around
        waiting += [(child, around) for child in ast.iter_child_nodes(node)]
    first = min([found.lineno, *(each.lineno for each in getattr(found, "decorator_list", ()))])
    body = getattr(found, "body", None)
    return range(first, max(first + 1, body[0].lineno) if body else found.end_lineno + 1)


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
        value: Any = node.value
        node.value = (not value) if isinstance(value, bool) else value + 1
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        node.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
        return f"not: {ast.unparse(node.test)}"
    elif isinstance(node, ast.UnaryOp):
        return _put(tree, node, node.operand)
    else:
        return _put(tree, node, ast.copy_location(ast.Pass(), node))
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
