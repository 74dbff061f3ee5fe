"""How records move. Useful alone: it knows no practice and no store.

The only room that imports `transitions`, and only when somebody asks for a machine. What a running
step does not need (checking, drawing, files, rows of a host) is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from itil4.lifecycle.context import Ask, Context, Step
from itil4.lifecycle.definition import Lifecycle, State, Transition
from itil4.lifecycle.fields import FieldRule
from itil4.lifecycle.rules import Chosen, FollowUp, Guard, In, guard
from itil4.lifecycle.timers import Due, Timer, deadlines, due

if TYPE_CHECKING:
    from itil4.lifecycle.aspects import Aspects
    from itil4.lifecycle.binding import Flow, bind
    from itil4.lifecycle.difference import Difference
    from itil4.lifecycle.findings import Finding, check, check_against, verify
    from itil4.lifecycle.pictures import draw
    from itil4.lifecycle.plain import Registry, to_dict
    from itil4.lifecycle.reading import from_dict, json_schema, load, loads
    from itil4.lifecycle.stories import Move, Story

_LATE = {
    "aspects": ("Aspects",),
    "binding": ("Flow", "bind"),
    "difference": ("Difference",),
    "findings": ("Finding", "check", "check_against", "verify"),
    "pictures": ("draw",),
    "plain": ("Registry", "to_dict"),
    "reading": ("from_dict", "json_schema", "load", "loads"),
    "stories": ("Move", "Story"),
}
_HOME = {name: module for module, names in _LATE.items() for name in names}

__all__ = [
    "Ask",
    "Aspects",
    "Chosen",
    "Context",
    "Difference",
    "Due",
    "FieldRule",
    "Finding",
    "Flow",
    "FollowUp",
    "Guard",
    "In",
    "Lifecycle",
    "Move",
    "Registry",
    "State",
    "Step",
    "Story",
    "Timer",
    "Transition",
    "bind",
    "check",
    "check_against",
    "deadlines",
    "draw",
    "due",
    "from_dict",
    "guard",
    "json_schema",
    "load",
    "loads",
    "to_dict",
    "verify",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
