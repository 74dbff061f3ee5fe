"""Stories: what happens to a record, step by step, as a value that can be written down and read back.

>>> story = Story.parse("log(summary='Mail is down') -> assign(to='sam') -> resolve as service_desk after 2h")
>>> [act.event for act in story]
['log', 'assign', 'resolve']
>>> print(story)
log(summary='Mail is down') -> assign(to='sam') -> resolve as service_desk after 2h

A step is, in this order, and all but the event may be left out:

| part | example | says |
|---|---|---|
| record | `b:` | which record, where a story has several; the first one has no name |
| event | `resolve`, `'put on hold'` | `log`, a step, `update`, `comment`, `link`, `unlink`, `wait` or `tick` |
| values | `(resolution='Restarted')` | what it gives; what else it needs, the player finds |
| without | `without resolution, code` | what it must not give, although it is needed |
| who | `as service_desk` | a role; also `as sam[service_desk]`, `as nobody`, `as system` |
| time | `after 2h30m` | how much time passes before it |
| held | `stale` | its actor has an older copy of the record in hand |
| held | `late` | between its decision and its commit somebody else writes to what it rests on |
| held | `undone` | it is taken in a block that is given up, inside a unit of work that commits something else |
| outcome | `refused for role` | it must be refused, with (at least) these codes; without codes: for whatever reason |
| outcome | `if possible` | it may be refused, or a step before it: then the story ends there |
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, TypeAlias

import attrs

from itil4.errors import InvalidInput
from itil4.record import Actor, Frozen
from itil4.testing.values import arguments_text, read_arguments, span_of, span_text, told

ARROW = " -> "

Who: TypeAlias = str | Actor | None
"""A role, `nobody`, `system`, one actor, or None for whoever may."""


def _told(values: Mapping[str, Any]) -> Frozen:
    return Frozen({name: told(value) for name, value in values.items()})


def _words(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _acts(value: Iterable["Act"]) -> tuple["Act", ...]:
    return tuple(value)


def _codes(value: str | Iterable[str] | None) -> tuple[str, ...] | None:
    return None if value is None else _words(value)


@attrs.frozen
class Act:
    """One step of a story: what is done to which record, by whom, and how it must end.

    Args:
        event: `log`, a step of a lifecycle, or one of `update`, `comment`, `link`, `unlink`, `wait`, `tick`.
        payload: what the step gives; what else it needs, the player finds.
        who: a role, `nobody`, `system`, an actor, or None for whoever may.
        after: how much time passes before it (calendar time).
        on: the name of the record in the story; the first one is "".
        without: what the step must not give, although it is needed.
        refused: codes with which it must be refused; () for whatever reason; None: it must be done.
        stale: whether its actor holds an older copy of the record.
        late: whether somebody else writes to the record, or to those that its facts come from, before it commits.
        undone: whether it is taken in a block that is given up, inside a unit that commits a comment.
        if_possible: whether it may be refused, and what comes before it: what matters is that nothing is broken.
    """

    event: str
    payload: Mapping[str, Any] = attrs.field(factory=Frozen, converter=_told, hash=False)
    who: Who = None
    after: timedelta = timedelta(0)
    on: str = attrs.field(default="", kw_only=True)
    without: tuple[str, ...] = attrs.field(default=(), converter=_words, kw_only=True)
    refused: tuple[str, ...] | None = attrs.field(default=None, converter=_codes, kw_only=True)
    stale: bool = attrs.field(default=False, kw_only=True)
    late: bool = attrs.field(default=False, kw_only=True)
    undone: bool = attrs.field(default=False, kw_only=True)
    if_possible: bool = attrs.field(default=False, kw_only=True)

    def __str__(self) -> str:
        parts = [f"{_name(self.on)}: " if self.on else "", _name(self.event)]
        if self.payload:
            parts.append(f"({arguments_text(self.payload)})")
        if self.without:
            parts.append(f" without {', '.join(map(_name, self.without))}")
        if self.who is not None:
            parts.append(f" as {_who_text(self.who)}")
        if self.after:
            parts.append(f" after {span_text(self.after)}")
        if self.stale:
            parts.append(" stale")
        if self.late:
            parts.append(" late")
        if self.undone:
            parts.append(" undone")
        if self.if_possible:
            parts.append(" if possible")
        if self.refused is not None:
            parts.append(" refused" + (f" for {', '.join(map(_name, self.refused))}" if self.refused else ""))
        return "".join(parts)

    @classmethod
    def parse(cls, text: str) -> "Act":
        """Read one step; see the table of this module.

        Raises:
            InvalidInput: it is written in another way; the message names the place.
        """
        return _Reader(text).act()


@attrs.frozen
class Story:
    """A sequence of steps, from the birth of a record on.

    >>> Story.parse("log -> close as user refused for role").acts[1].refused
    ('role',)
    """

    acts: tuple[Act, ...] = attrs.field(converter=_acts)

    @classmethod
    def parse(cls, text: "str | Story") -> "Story":
        """Read a story: its steps, joined by `->`.

        Raises:
            InvalidInput: a step cannot be read.
        """
        if isinstance(text, Story):
            return text
        if not isinstance(text, str):
            raise InvalidInput.of("ill_typed", field="story", expected="a story, or the text of one", value=text)
        return cls(Act.parse(part) for part in _split(text))

    @classmethod
    def of(cls, *acts: Act | str) -> "Story":
        """Return the story of these steps, by their names where that is enough."""
        return cls(act if isinstance(act, Act) else Act(act) for act in acts)

    def then(self, *acts: Act) -> "Story":
        """Return the story with more steps."""
        return Story((*self.acts, *acts))

    def if_possible(self) -> "Story":
        """Return the story that need not be possible to its end.

        >>> print(Story.of("log", "resolve").if_possible())
        log -> resolve if possible
        """
        return Story((*self.acts[:-1], *(attrs.evolve(act, refused=None, if_possible=True) for act in self.acts[-1:])))

    @property
    def events(self) -> tuple[str, ...]:
        """The events, in their order."""
        return tuple(act.event for act in self.acts)

    @property
    def id(self) -> str:
        """A short name for the id of a parametrized test: the events, and what the last one is refused for."""
        shown = [f"{act.on + ':' if act.on else ''}{act.event}" for act in self.acts]
        last = self.acts[-1] if self.acts else None
        if last is not None and last.refused is not None:
            shown.append(f"refused-{'-'.join(last.refused) or 'somehow'}")
        return "-".join(shown)

    def __str__(self) -> str:
        return ARROW.join(map(str, self.acts))

    def __iter__(self) -> Iterator[Act]:
        return iter(self.acts)

    def __len__(self) -> int:
        return len(self.acts)


def _name(event: str) -> str:
    return event if _PLAIN.fullmatch(event) else repr(event)


def _who_text(who: str | Actor) -> str:
    if isinstance(who, str):
        return _name(who)
    kind = "system:" if who.is_system else ""
    return f"{kind}{_name(who.id)}[{', '.join(_name(role) for role in sorted(who.roles))}]"


_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_CLAUSES = ("as", "after", "without", "stale", "late", "undone", "if", "refused")
_OUTCOMES = frozenset(("if_possible", "refused"))
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(rf"\s*(?:({_PLAIN.pattern})|({_QUOTED}))")
_AFTER = re.compile(r"\s*([\dhdms.]+)")
_WORD = re.compile(r"\s*([a-z]+)\b")


def _split(text: str) -> list[str]:
    """Cut a story at its arrows, but not inside quotes and brackets."""
    parts, start, place, depth, quote = [], 0, 0, 0, ""
    while place < len(text):
        sign = text[place]
        if quote:
            place += sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif depth == 0 and text.startswith("->", place):
            parts.append(text[start:place])
            place += 1
            start = place + 1
        place += 1
    return [*parts, text[start:]]


class _Reader:
    """Reads one step from left to right."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    def fail(self, expected: str) -> InvalidInput:
        place = f"{self.text[self.place :].strip() or 'its end'!r}"
        return InvalidInput.of("bad_story", text=self.text.strip(), place=place, expected=expected)

    def name(self) -> str:
        found = _NAME.match(self.text, self.place)
        if found is None:
            raise self.fail("a name")
        self.place = found.end()
        if found[1]:
            return found[1]
        return str(read_arguments(f"a={found[2]}")["a"])

    def sign(self, sign: str) -> bool:
        rest = self.text[self.place :]
        if not rest.lstrip().startswith(sign):
            return False
        self.place += len(rest) - len(rest.lstrip()) + len(sign)
        return True

    def names(self) -> tuple[str, ...]:
        found = [self.name()]
        while self.sign(","):
            found.append(self.name())
        return tuple(found)

    def arguments(self) -> dict[str, Any]:
        start, depth, quote = self.place, 1, ""
        while self.place < len(self.text) and depth:
            sign = self.text[self.place]
            if quote:
                self.place += sign == "\\"
                quote = "" if sign == quote else quote
            elif sign in "'\"":
                quote = sign
            else:
                depth += (sign in "([{") - (sign in ")]}")
            self.place += 1
        if depth:
            raise self.fail("a closing bracket")
        return read_arguments(self.text[start : self.place - 1])

    def who(self) -> str | Actor:
        name = self.name()
        system = name == "system" and self.sign(":")
        if system:
            name = self.name()
        if not self.sign("["):
            return Actor(name, kind="system") if system else name
        roles = () if self.sign("]") else self.names()
        if roles and not self.sign("]"):
            raise self.fail("a closing bracket")
        return Actor(name, roles, kind="system" if system else "human")

    def act(self) -> Act:
        values: dict[str, Any] = {"event": self.name()}
        if self.sign(":"):
            values = {"on": values["event"], "event": self.name()}
        if self.sign("("):
            values["payload"] = self.arguments()
        while self.text[self.place :].strip():
            self.clause(values)
        return Act(**values)

    def clause(self, values: dict[str, Any]) -> None:
        found = _WORD.match(self.text, self.place)
        word = found[1] if found else ""
        key = {"as": "who", "if": "if_possible"}.get(word, word)
        again = key in values or (key in _OUTCOMES and not _OUTCOMES.isdisjoint(values))
        if found is None or word not in _CLAUSES or again:
            raise self.fail("as, after, without, stale, late, undone, and if possible or refused, each at most once")
        self.place = found.end()
        if key == "who":
            values[key] = self.who()
        elif key == "after":
            span = _AFTER.match(self.text, self.place)
            if span is None:
                raise self.fail("a length of time such as 2h30m")
            self.place = span.end()
            values[key] = span_of(span[1])
        elif key == "without":
            values[key] = self.names()
        elif key in ("stale", "late", "undone"):
            values[key] = True
        elif key == "if_possible":
            if self.name() != "possible":
                raise self.fail("if possible")
            values[key] = True
        else:
            said = _WORD.match(self.text, self.place)
            if said is not None and said[1] == "for":
                self.place = said.end()
                values[key] = self.names()
            else:
                values[key] = ()
