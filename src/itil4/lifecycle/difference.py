"""What sets two lifecycles apart, for people (`diff`) and for hosts that know only one of them (`refines`)."""

from collections.abc import Iterator
from typing import Any, Literal

import attrs

from itil4.errors import DefinitionError
from itil4.lifecycle.definition import Lifecycle, State, Transition, name_of
from itil4.lifecycle.fields import FieldRule
from itil4.lifecycle.findings import leaving_of
from itil4.lifecycle.rules import Chosen
from itil4.lifecycle.stories import Move, Paths, Story


@attrs.frozen
class Difference:
    """One thing that a lifecycle has, lacks or says otherwise than its base.

    >>> print(Difference("changed", "step", "close@resolved", "roles", ("agent",), ("manager",)))
    step close@resolved: roles changed from ('agent',) to ('manager',)
    """

    kind: Literal["added", "removed", "changed"]
    what: str
    place: str
    part: str | None = None
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        if self.kind != "changed":
            return f"{self.what} {self.place}: {self.kind}"
        return f"{self.what} {self.place}: {self.part} changed from {self.before!r} to {self.after!r}"


def differences(lifecycle: Lifecycle, base: Lifecycle) -> tuple[Difference, ...]:
    """Return every difference of `lifecycle` from `base`, steps per `event@source`."""
    _must_be_one(base)
    return tuple(_differences(lifecycle, base))


def _differences(lifecycle: Lifecycle, base: Lifecycle) -> Iterator[Difference]:
    for part, now, before in (
        ("name", lifecycle.name, base.name), ("field", lifecycle.field, base.field),
        ("initial", lifecycle.initial, base.initial), ("events", lifecycle.declared, base.declared),
    ):  # fmt: skip
        if now != before:
            yield Difference("changed", "lifecycle", lifecycle.name, part, before, now)
    for state in lifecycle.states:
        old = base.by_name.get(state.name)
        if old is None:
            yield Difference("added", "state", state.name)
        else:
            yield from _parts("state", state.name, old, state)
    for state in base.states:
        if state.name not in lifecycle.by_name:
            yield Difference("removed", "state", state.name)
    steps, steps_before = _alternatives(lifecycle), _alternatives(base)
    for key in dict.fromkeys((*steps, *steps_before)):
        now_, before_ = steps.get(key, []), steps_before.get(key, [])
        for place in range(max(len(now_), len(before_))):
            shown = f"{key[0]}@{key[1]}" + (f" (alternative {place + 1})" if place else "")
            if place >= len(before_):
                yield Difference("added", "step", shown)
            elif place >= len(now_):
                yield Difference("removed", "step", shown)
            else:
                yield from _parts("step", shown, before_[place], now_[place])


def _alternatives(lifecycle: Lifecycle) -> dict[tuple[str, str], list[Transition]]:
    found: dict[tuple[str, str], list[Transition]] = {}
    for source, each in lifecycle.arrows:
        found.setdefault((each.event, source), []).append(each)
    return found


def _parts(what: str, place: str, before: State | Transition, after: State | Transition) -> Iterator[Difference]:
    for field in attrs.fields(type(after)):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if field.name != "sources" and old != new:
            yield Difference("changed", what, place, field.name, _shown(old), _shown(new))


def _shown(value: Any) -> Any:
    """Show parts by name, sets in order."""
    if isinstance(value, frozenset):
        return tuple(sorted(value))
    if isinstance(value, tuple):
        return tuple(_shown(each) for each in value)
    if isinstance(value, dict):
        return {name: _shown(each) for name, each in value.items()}
    if isinstance(value, FieldRule):
        return "|".join(sorted(value.words)) + (" when ..." if value.when is not None else "")
    if isinstance(value, Chosen):
        return f"one of {', '.join(value.among)}"
    return name_of(value) if callable(value) else value


def departure(lifecycle: Lifecycle, base: Lifecycle) -> Story | None:
    """Return the shortest story of `lifecycle` whose last step `base` does not have; None when there is none.

    A story without a step means that records may be born where the base knows no birth.
    """
    _must_be_one(base)
    for name in lifecycle.initial:
        if name not in base.initial:
            return Story(name)
    known = base.graph
    leaving = leaving_of(lifecycle)
    paths = Paths(lifecycle.initial, leaving)
    for source in paths.order:
        for event, target in leaving.get(source, ()):
            story = None if (event, source, target) in known else paths.to(source)
            if story is not None:
                return story.then(Move(event, source, target))
    return None


def _must_be_one(base: object) -> None:
    if not isinstance(base, Lifecycle):
        raise DefinitionError.of("ill_typed", field="base", expected="a Lifecycle", value=base)
