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
    made: Copier = _compiled("old, changes", lines, cls)
    return made


Stepper = Callable[[Any, Mapping[str, Any], Any, int, Any], Any]
"""`step(old, changes, state, version, at)`: what every step changes, given apart from the rest."""


def stepper(cls: type, state: str) -> Stepper | None:
    """Return the function that copies a frozen `cls` for a step, whose state is in the field `state`.

    `version` and `updated_at` are set where `cls` has such fields. None for a class without slots.
    """
    if "__slots__" not in vars(cls):
        return None
    given = {"version": "version", "updated_at": "at", state: "state"}
    lines = [f"    new.{name} = {given.get(name, f'old.{name}')}" for name in _names(cls)]
    made: Stepper = _compiled("old, changes, state, version, at", lines, cls)
    return made


def _names(cls: type) -> tuple[str, ...]:
    if dataclasses.is_dataclass(cls):
        return tuple(field.name for field in dataclasses.fields(cls))
    if attrs.has(cls):
        return tuple(field.name for field in attrs.fields(cls))
    raise InvalidInput.of("ill_typed", field="record", expected="a frozen attrs class or dataclass", value=cls.__name__)


def _compiled(takes: str, lines: list[str], cls: type) -> Any:
    """Compile a copier; the names in its body are identifiers, those of the class's own fields."""
    body = [
        f"def copy({takes}):", "    new = make(twin)", *lines, "    for name, value in changes.items():",
        "        put(new, name, value)", "    new.__class__ = cls", "    return new",
    ]  # fmt: skip
    scope = {"make": object.__new__, "put": setattr, "twin": twin_of(cls), "cls": cls}
    exec("\n".join(body), scope)
    return scope["copy"]


@lru_cache(maxsize=1024)
def twin_of(cls: type) -> type:
    """Return the class with the layout of the frozen `cls` that lets its fields be assigned.

    It stands beside `cls`, with the same slots over the same bases. Where `cls` adds the slot for
    weak references to its fields, only a subclass without slots of its own has the same layout.
    Both setters are those of `object` itself, which the interpreter then calls without a detour.
    """
    slots = vars(cls)["__slots__"]
    own = (slots,) if isinstance(slots, str) else tuple(slots)
    free = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    beneath = "__weakref__" in own
    bases, slots = ((cls,), ()) if beneath else (cls.__bases__, own)
    twin: type = type(cls)(f"_{cls.__name__}Twin", bases, {"__slots__": slots, **free})
    return twin


def _with_dict(old: Any, changes: Mapping[str, Any]) -> Any:
    new = object.__new__(type(old))
    vars(new).update(vars(old))
    vars(new).update(changes)
    return new
