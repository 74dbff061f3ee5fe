"""Copies of frozen values, several times faster than `attrs.evolve`, which re-runs every check.

A frozen class refuses assignment. Its *twin* has the same layout and does not, so a copy is filled
in as a twin and then becomes the frozen class. Nothing is checked here: callers check the changed
values at the door first.
"""

import dataclasses
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import attrs

from itil4.errors import InvalidInput

Copier = Callable[[Any, Mapping[str, Any]], Any]


@lru_cache(maxsize=1024)
def copier(cls: type) -> Copier:
    """Return the function that copies a frozen `cls` with some fields changed.

    Raises:
        InvalidInput: `cls` is neither an attrs class nor a dataclass.
    """
    names = _names(cls)
    if "__slots__" not in vars(cls):
        return _with_dict
    lines = [f"    new.{name} = old.{name}" for name in names]
    made: Copier = _compiled("old, changes", lines, _SET, "new", cls)
    return made


Stepper = Callable[[Any, Mapping[str, Any], Any, Any, dict[str, Any]], tuple[Any, str, int]]
"""`step(old, changes, state, at, said)`: the copy after a step, with the id and version that its entry names.

What differs among `changes` is set, and told in `said`.
"""


def stepper(cls: type, state: str, change_of: Callable[[Any, Any], Any]) -> Stepper | None:
    """Return the function that copies a frozen `cls` for a step, whose state is in the field `state`.

    `change_of` says what turns an old value into a new one. `version` and `updated_at` are set
    where `cls` has such fields; a class without `id` and `version` gives "" and 1. None for a class
    without slots.
    """
    if "__slots__" not in vars(cls):
        return None
    names = _names(cls)
    given = {"version": "version", "updated_at": "at", state: "state"}
    lines = [f"    version = {'old.version + 1' if 'version' in names else '1'}"]
    lines += [f"    new.{name} = {given.get(name, f'old.{name}')}" for name in names]
    told = f"new, {'old.id' if 'id' in names else repr('')}, version"
    made: Stepper = _compiled("old, changes, state, at, said", lines, _SET_AND_TELL, told, cls, change_of)
    return made


_SET = ["        put(new, name, changes[name])"]
_SET_AND_TELL = [
    "        value, was = changes[name], get(old, name)",
    "        if was is not value and was != value:",
    "            put(new, name, value)",
    "            said[name] = change_of(was, value)",
]


def _names(cls: type) -> tuple[str, ...]:
    if dataclasses.is_dataclass(cls):
        return tuple(field.name for field in dataclasses.fields(cls))
    if attrs.has(cls):
        return tuple(field.name for field in attrs.fields(cls))
    raise InvalidInput.of("ill_typed", field="record", expected="a frozen attrs class or dataclass", value=cls.__name__)


def _compiled(takes: str, lines: list[str], each: list[str], told: str, cls: type, change_of: Any = None) -> Any:
    """Compile a copier; the names in its body are identifiers, those of the class's own fields."""
    body = [
        f"def copy({takes}):", "    new = twin()", *lines, "    for name in changes:", *each,
        "    new.__class__ = cls", f"    return {told}",
    ]  # fmt: skip
    scope = {"get": getattr, "put": setattr, "twin": twin_of(cls), "cls": cls, "change_of": change_of}
    exec("\n".join(body), scope)
    return scope["copy"]


@lru_cache(maxsize=1024)
def twin_of(cls: type) -> type:
    """Return the class with the layout of the frozen `cls` that lets its fields be assigned.

    It is a subclass without slots of its own, which the interpreter sees at once to have the same
    layout. What makes it and sets its fields is that of `object` itself, called without a detour:
    `twin()` is an empty value to be filled.
    """
    free = {name: vars(object)[name] for name in ("__new__", "__init__", "__setattr__", "__delattr__")}
    twin: type = type(cls)(f"_{cls.__name__}Twin", (cls,), {"__slots__": (), **free})
    return twin


def _with_dict(old: Any, changes: Mapping[str, Any]) -> Any:
    new = object.__new__(type(old))
    vars(new).update(vars(old))
    vars(new).update(changes)
    return new
