"""Plants one fault: replaces a line of a module, of a function, or of a text, and takes it back afterwards.

A function keeps its identity and gets other code, so whoever imported it by name has the fault too.
"""

import importlib
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, reduce
from itertools import count
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

WORKFLOWS = Path(__file__).parent / "sample_workflows"

_numbers = count(1)


def replaced(text: str, old: str, new: str, where: str) -> str:
    """Replace what must be there exactly once: a patch that no longer fits is an error, not a fault that hides."""
    found = text.count(old)
    if found != 1:
        raise ValueError(f"{where} has {found} times {old!r}, and a patch needs it once.")
    return text.replace(old, new)


@contextmanager
def workflow(name: str, old: str = "", new: str = "") -> Iterator[ModuleType]:
    """Yield a sample workflow, made afresh so that nothing compiled before is used, with one line of it replaced."""
    path = WORKFLOWS / f"{name}.py"
    text = path.read_text(encoding="utf-8")
    if old:
        text = replaced(text, old, new, path.name)
    module = ModuleType(f"sample_workflows.{name}_{next(_numbers)}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)
        yield module
    finally:
        del sys.modules[module.__name__]


@contextmanager
def planted(where: str, old: str, new: str) -> Iterator[None]:
    """Plant a fault in `module:name` of the library while the block runs; the name is a function or a text."""
    module_name, _, name = where.partition(":")
    module = importlib.import_module(module_name)
    *path, last = name.split(".")
    owner: Any = reduce(getattr, path, module)
    target = vars(owner)[last]
    if isinstance(target, str):
        setattr(owner, last, replaced(target, old, new, where))
        try:
            yield
        finally:
            setattr(owner, last, target)
        return
    target = getattr(target, "__func__", target)
    function = inspect.unwrap(target)
    assert isinstance(function, FunctionType), where
    kept = function.__code__
    function.__code__ = _code(module, name, kept, old, new)
    try:
        yield
    finally:
        function.__code__ = kept


def _code(module: ModuleType, name: str, kept: CodeType, old: str, new: str) -> CodeType:
    """Return the code of a function of a module after one line of it was replaced."""
    lines, first = _source(module), kept.co_firstlineno - 1
    length = len(inspect.getblock(lines[first:]))
    body = replaced("".join(lines[first : first + length]), old, new, f"{module.__name__}:{name}")
    text = "".join([*lines[:first], body, *lines[first + length :]])
    found = [each for each in _codes(compile(text, str(module.__file__), "exec")) if each.co_qualname == name]
    return next(each for each in found if each.co_firstlineno == kept.co_firstlineno)


@cache
def _source(module: ModuleType) -> list[str]:
    return Path(str(module.__file__)).read_text(encoding="utf-8").splitlines(keepends=True)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)
