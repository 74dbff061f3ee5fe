"""Copies of frozen values, several times faster than `attrs.evolve`, which re-runs every check.

A frozen class refuses assignment. Its *twin* has the same slots and does not, so a copy is filled
in as a twin and then becomes the frozen class; both have the same layout. A class that adds a slot
for weak references beside its fields has a layout of its own, so its fields are set one by one
through their slots. Nothing is checked here: callers check the changed values at the door first.
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
    if dataclasses.is_dataclass(cls):
        names = tuple(field.name for field in dataclasses.fields(cls))
    elif attrs.has(cls):
        names = tuple(field.name for field in attrs.fields(cls))
    else:
        raise InvalidInput.of(
            "ill_typed", field="record", expected="a frozen attrs class or dataclass", value=cls.__name__
        )
    if "__slots__" not in vars(cls):
        return _with_dict
    if "__weakref__" in vars(cls)["__slots__"]:
        return _by_slots(cls, names)
    lines = [f"    new.{name} = old.{name}" for name in names]
    body = ["    new = make(twin)", *lines, "    for name, value in changes.items():", "        put(new, name, value)"]
    return _compiled([*body, "    new.__class__ = cls"], twin=twin_of(cls), cls=cls, put=setattr)


def _by_slots(cls: type, names: tuple[str, ...]) -> Copier:
    setters = {f"set_{name}": getattr(cls, name).__set__ for name in names}
    lines = [f"    set_{name}(new, changes['{name}'] if '{name}' in changes else old.{name})" for name in names]
    return _compiled(["    new = make(cls)", *lines], cls=cls, **setters)


def _compiled(body: list[str], **scope: Any) -> Copier:
    """Compile a copier; the names in its body are identifiers, those of the class's own fields."""
    scope["make"] = object.__new__
    exec("\n".join(["def copy(old, changes):", *body, "    return new"]), scope)
    made: Copier = scope["copy"]
    return made


@lru_cache(maxsize=1024)
def twin_of(cls: type) -> type:
    """Return the class with the slots of the frozen `cls` that lets its fields be assigned."""
    slots = vars(cls)["__slots__"]
    body = {"__slots__": (slots,) if isinstance(slots, str) else tuple(slots), "__setattr__": object.__setattr__}
    twin: type = type(cls)(f"_{cls.__name__}Twin", cls.__bases__, body)
    return twin


def _with_dict(old: Any, changes: Mapping[str, Any]) -> Any:
    new = object.__new__(type(old))
    vars(new).update(vars(old))
    vars(new).update(changes)
    return new
