"""What is tested: a practice, the values that its fields may have, and how it is opened."""

import typing
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any
from uuid import uuid4

import attrs

from itil4.errors import DefinitionError, InvalidInput, nearest
from itil4.lifecycle.definition import Lifecycle
from itil4.lifecycle.fields import Rules
from itil4.practices.base import Practice
from itil4.record import Actor, Frozen, Shape
from itil4.record.door import FieldType, field_type
from itil4.storage.protocols import Store
from itil4.testing.built_in import ACCEPTED, BIRTH_VERBS, BIRTHS, EXAMPLES, SETTINGS, Birth
from itil4.testing.local import InProcess
from itil4.testing.oracle import Tables
from itil4.testing.story import Story, Who
from itil4.testing.values import Later, Made, Plain, played, told

BIRTH = "log"
OTHERS = ("update", "comment", "link", "unlink", "wait", "tick")
"""What a story can do besides the steps of the lifecycles."""

_MOST_CHOICES = 12
_DEEPEST = 4
_DAY = timedelta(days=1)
_SOMETIME = datetime(2026, 3, 2, 9, tzinfo=UTC)
_NOBODY: frozenset[str] = frozenset()

_SCALARS: Mapping[str, tuple[Any, ...]] = {
    "boolean": (True, False),
    "moment": (Later(_DAY), Later(timedelta(0)), Later(400 * _DAY), Later(-_DAY)),
    "duration": (timedelta(hours=1), timedelta(days=3)),
}


class Subject:
    """A practice class with everything that a story of it needs.

    Args:
        practice: the class.
        domains: what the kit cannot guess: field -> values, or event -> payloads (`log` for births), or
            stories of what has to be done before the event. A payload of an event may say `by`: the role, or
            the `Actor`, that takes it so. A practice may have the same as a class attribute `examples`, and
            `births`, the names of further verbs by which its records are born.
        settings: what `itil4.connect` is given besides the practice: policies, a directory, other practices;
            and `prepare`, a function that is given the service management before each story, to put there
            what stories need.
        store: a URL or a store; by default each story has a memory of its own.
        accept: arrows that nobody can take, such as `reopen@closed`: switched off by a policy, say.

    Raises:
        InvalidInput: it is no practice class, or a domain names neither a field nor an event.
    """

    def __init__(
        self,
        practice: type[Practice[Any]],
        domains: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        store: Store | str | None = None,
        accept: Iterable[str] = (),
    ) -> None:
        if not (isinstance(practice, type) and issubclass(practice, Practice) and hasattr(practice, "lifecycle")):
            raise InvalidInput.of("ill_typed", field="practice", expected="a practice class", value=practice)
        self.practice = practice
        self.lifecycles: tuple[Lifecycle, ...] = practice.lifecycles()
        self.settings = Frozen({**built_in(practice, SETTINGS), **(settings or {})})
        named = (("settings", settings), ("store", store), ("domains", domains))
        self.given = tuple(f"{name}={name.upper()}" for name, value in named if value)
        """What a line that plays one of its stories must be given, by the names that a host has for it."""
        self.birth: Birth | None = next((BIRTHS[home] for home in homes(practice) if home in BIRTHS), None)
        self.store = _shared(store)
        self.of_event: Mapping[str, Lifecycle] = {
            event: each for each in self.lifecycles for event in each.events
        }  # fmt: skip
        self.tables = Tables(self.lifecycles)
        self._first: InProcess | None = None
        self._first = self.opened()
        self.shape: Shape = self._first.desk.shape
        self.types = own_types(self.shape)
        self.values_of: dict[str, tuple[Plain, ...]] = {}
        self.payloads: dict[str, tuple[Mapping[str, Plain], ...]] = {}
        self.hands: dict[str, tuple[Who, ...]] = {}
        self.ways: dict[str, tuple[Story, ...]] = {}
        self.accept = frozenset((*accept, *built_in(practice, ACCEPTED)))
        self.births = tuple(dict.fromkeys((BIRTH, *built_in(practice, BIRTH_VERBS), *getattr(practice, "births", ()))))
        for verb in self.births:
            if not callable(getattr(practice, verb, None)):
                raise InvalidInput.of(
                    "unknown_name", where=f"births of {self.name}", what="verb", name=verb,
                    nearest=nearest(verb, dir(practice)),
                )  # fmt: skip
        for given in (built_in(practice, EXAMPLES), getattr(practice, "examples", {}), domains or {}):
            self._take(given)

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.practice.__name__

    def opened(self) -> InProcess:
        """Return the practice, opened anew and empty."""
        tenant = "" if self.store is None else f"story {uuid4().hex[:12]}"
        return InProcess(
            self.practice, self.store, tenant=tenant, settings=self.settings, birth=self.birth, like=self._first
        )

    def _take(self, given: Mapping[str, Any]) -> None:
        known = (*self.shape.fields, *self.shape.extra.types, *self.of_event, *self.births, *OTHERS)
        for name, several in given.items():
            values = several
            if name not in known:
                near = nearest(name, known)
                raise InvalidInput.of(
                    "unknown_name", where=f"the domains of {self.name}", what="field or event", name=name, nearest=near
                )
            if isinstance(values, (str, Mapping)) or not isinstance(values, Iterable):
                raise InvalidInput.of(
                    "ill_typed", field=f"domains[{name!r}]", expected="a list of values or of payloads", value=values
                )
            if name in self.of_event:
                values = tuple(several)
                given_by = [value.get("by") for value in values if isinstance(value, Mapping)]
                self.hands[name] = tuple(_hand(each, f"domains[{name!r}]") for each in given_by)
                values = [_without_hand(value) for value in values]
            stories = [value for value in values if isinstance(value, (str, Story))]
            if stories and (name in self.of_event):
                self.ways[name] = tuple(Story.parse(each) for each in stories)
            listed = [told(value) for value in values if name not in self.of_event or value not in stories]
            if stories and not listed:
                continue
            is_payload = all(isinstance(value, Mapping) for value in listed) and (
                name in self.of_event or name in (*self.births, *OTHERS)
            )
            if is_payload:
                self.payloads[name] = tuple(listed)
            else:
                self.values_of[name] = tuple(listed)

    @property
    def policies(self) -> Mapping[str, Any]:
        """What `connect` is given as policies."""
        given: Mapping[str, Any] = self.settings.get("policies") or {}
        return given

    # who

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role that a lifecycle names, in order."""
        steps = [step for each in self.lifecycles for step in each.transitions]
        named = [sorted((step.roles or _NOBODY) | (step.denied or _NOBODY)) for step in steps]
        named += [sorted(hand.roles) if isinstance(hand, Actor) else [hand] for hand in self._named_hands]
        return tuple(dict.fromkeys(role for roles in named for role in roles))

    @property
    def _named_hands(self) -> tuple[str | Actor, ...]:
        hands = (hand for several in self.hands.values() for hand in several)
        return tuple(hand for hand in hands if isinstance(hand, Actor) or (hand and hand not in ("nobody", "system")))

    def offers(self, event: str) -> list[tuple[Mapping[str, Plain], Who]]:
        """Return the payloads that are told for an event, and who takes it so, where that is told."""
        payloads = self.payloads.get(event, ())
        return list(zip(payloads, self.hands.get(event) or (None,) * len(payloads), strict=True))

    # values

    def values(self, name: str) -> tuple[Plain, ...]:
        """Return values that a field may have, the plainest first.

        Raises:
            DefinitionError: nothing is known about its type; the message names field and remedy.
        """
        known = self.values_of.get(name)
        if known is None:
            field = self.shape.get(name)
            if field is None:
                return ()
            known = self.values_of[name] = self._made(field, name)
        return known

    def _made(self, field: FieldType, name: str) -> tuple[Plain, ...]:
        rules = [rule for each in self.lifecycles for step in each.transitions for rule in step.guards]
        guarded = [value for rule in rules for value in rule.domains.get(name, ())]
        conditions = [value for each in self.lifecycles for value in _conditions(each, name)]
        made = _values(field, name, 0)
        if made is None:
            raise DefinitionError.of("no_values", record=self.shape.record.__name__, field=name)
        said = [told(value) for value in (*guarded, *conditions) if field.check(name, value) is None]
        every = tuple(dict.fromkeys([*said, *made]))
        return tuple(filter(self._is_made, every)) or every

    def needed(self, name: str) -> Plain:
        """Return the plainest value of a field without which no record can be made.

        Raises:
            DefinitionError: nothing is known about its type, or the type refuses all that is; the message names
                field and remedy.
        """
        value = self.values(name)[0]
        if not self._is_made(value):
            raise DefinitionError.of("no_values", record=self.shape.record.__name__, field=name)
        return value

    def _is_made(self, value: Plain) -> bool:
        """Whether the types of the host let a value be made: their own rules may refuse what the kit guesses."""
        try:
            played(value, _SOMETIME, self.types, {})
        except InvalidInput:
            return False
        return True


def _without_hand(value: Any) -> Any:
    return {name: each for name, each in value.items() if name != "by"} if isinstance(value, Mapping) else value


def _hand(who: Any, where: str) -> Who:
    if who is None or (isinstance(who, (str, Actor)) and who):
        return who
    raise InvalidInput.of("ill_typed", field=f"{where}['by']", expected="a role or an Actor", value=who)


def _conditions(lifecycle: Lifecycle, name: str) -> list[Any]:
    """Return the values of a field on which field rules depend."""
    held: list[Rules] = [*(each.fields for each in lifecycle.states), *(each.fields for each in lifecycle.transitions)]
    conditions = [rule.when for rules in held for several in rules.values() for rule in several]
    pairs = [pair for when in conditions if isinstance(when, tuple) for pair in when]
    return [value for field, values in pairs if field == name for value in values]


def _values(field: FieldType, name: str, depth: int) -> tuple[Plain, ...] | None:
    """Return values of a type, or None where it has none that could be guessed."""
    if field.choices:
        return tuple(told(each) for each in field.choices[:_MOST_CHOICES])
    if field.kind in _SCALARS:
        return _SCALARS[field.kind]
    match field.kind:
        case "text":
            limits = field.limits
            said = name if limits is not None and not limits.lines else f"some {name.replace('_', ' ')}"
            longest = limits.max if limits is not None else len(said)
            return (said[:longest], f"other {name}"[:longest])
        case "decimal" | "number" | "date":
            return _numbers(field, name)
        case "list" | "set":
            if field.items is None or depth > _DEEPEST:
                return ((),)
            inner = _values(field.items, name, depth + 1)
            if inner is None:
                return None
            kind = tuple if field.kind == "list" else frozenset
            return tuple(kind((value,)) for value in inner[:2])
        case "mapping":
            inner = _values(field.items, name, depth + 1) if field.items is not None and depth < _DEEPEST else None
            return (Frozen({name: inner[0]}) if inner else Frozen({}),)
        case _:
            return _of_own_type(field, name, depth)


def _numbers(field: FieldType, name: str) -> tuple[Plain, ...]:
    from datetime import date
    from decimal import Decimal

    offered = (1, 0, 2, 1.0, 2.5, Decimal(1), Decimal("0.5"), date(2026, 3, 3))
    return tuple(value for value in offered if field.check(name, value) is None)


def _of_own_type(field: FieldType, name: str, depth: int) -> tuple[Plain, ...] | None:
    """Return values of an attrs class of the host: of its required parts, and with one part after the other changed."""
    kind = typing.get_origin(field.python) or field.python
    if field.check(name, f"some {name}") is None:
        return (f"some {name}",)
    if not (isinstance(kind, type) and attrs.has(kind)) or depth > _DEEPEST:
        return None
    hints = typing.get_type_hints(kind, include_extras=True)
    parts, others = {}, []
    for each in attrs.fields(kind):
        required = each.default is attrs.NOTHING
        if not each.init or (each.name not in hints and not required):
            continue
        try:
            inner = _values(field_type(kind.__name__, each.name, hints[each.name]), each.name, depth + 1)
        except DefinitionError:  # a type that records cannot hold, in a part that need not be given
            if required:
                raise
            continue
        if inner is None and required:
            return None
        if required and inner is not None:
            parts[str(each.alias)] = inner[0]
        others += [(str(each.alias), value) for value in (inner or ())[int(required) :]]
    made = [Made(kind.__name__, parts), *(Made(kind.__name__, {**parts, name: value}) for name, value in others)]
    return tuple(made[:_MOST_CHOICES])


def own_types(shape: Shape) -> Mapping[str, type]:
    """Return the attrs classes and enumerations that a record type is made of, by their names."""
    found: dict[str, type] = {}
    waiting: list[Any] = [field.python for field in (*shape.fields.values(), *shape.extra.types.values())]
    while waiting:
        hint = waiting.pop()
        waiting += typing.get_args(hint)
        if not isinstance(hint, type) or hint.__name__ in found:
            continue
        if issubclass(hint, Enum):
            found[hint.__name__] = hint
        elif attrs.has(hint):
            found[hint.__name__] = hint
            waiting += typing.get_type_hints(hint, include_extras=True).values()
    return found


def homes(practice: type[Any]) -> Iterator[str]:
    """Yield the names of a class and of all that it extends, its own first."""
    return (f"{base.__module__}:{base.__qualname__}" for base in practice.__mro__)


def built_in(practice: type[Any], table: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return what a table says about a practice that comes with the library, or about those that it extends."""
    merged: dict[str, Any] = {}
    for home in reversed(list(homes(practice))):
        merged |= table.get(home, {})
    return merged


def _shared(store: Store | str | None) -> Store | None:
    """Return the store that all stories share, opened once; None where each has a memory of its own."""
    if store is None or not isinstance(store, str):
        return store
    from itil4.itsm import connect

    return connect(store).house.store
