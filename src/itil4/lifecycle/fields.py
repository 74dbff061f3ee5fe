"""Field rules: what a state or a step says about single fields, and how those words combine.

A rule of a state holds for whoever leads a record into it, and for updates while it is there.
`mandatory|must_prompt|read_only` reads as it works: asked for during the step, frozen afterwards.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from itil4.errors import DefinitionError, nearest
from itil4.lifecycle.rules import Guard, as_guard, broken
from itil4.record import blank

if TYPE_CHECKING:
    from itil4.lifecycle.context import Context
    from itil4.lifecycle.definition import State

HIDDEN, READ_ONLY, MANDATORY, MUST_PROMPT, MUST_CHANGE = 1, 2, 4, 8, 16
LOCKED = HIDDEN | READ_ONLY
ASKED = MUST_PROMPT | MUST_CHANGE
DEMANDED = MANDATORY | ASKED

WORDS = {
    "editable": 0,
    "hidden": HIDDEN,
    "read_only": READ_ONLY,
    "mandatory": MANDATORY,
    "must_prompt": MUST_PROMPT,
    "must_change": MUST_CHANGE,
}
"""The words of a rule. `editable` says nothing, which is how a state takes back what it inherits."""

_SPELLED = {
    "normal": "editable",
    "readonly": "read_only",
    "read-only": "read_only",
    "must-prompt": "must_prompt",
    "must-change": "must_change",
}

Read: TypeAlias = Callable[[Any, str], Any]
Condition: TypeAlias = Guard | tuple[tuple[str, tuple[Any, ...]], ...] | None


def _words(value: str | Iterable[str]) -> frozenset[str]:
    parts = value.split("|") if isinstance(value, str) else value
    try:
        words = [_SPELLED.get(part.strip(), part.strip()) for part in parts]
    except (AttributeError, TypeError):
        raise DefinitionError.of("ill_typed", field="a field rule", expected="words", value=value) from None
    if not words:
        raise DefinitionError.of("ill_typed", field="a field rule", expected="words", value=value)
    for word in words:
        if word not in WORDS:
            raise DefinitionError.of(
                "not_a_choice", field="a field rule", value=word, choices=tuple(WORDS), nearest=nearest(word, WORDS)
            )
    return frozenset(words)


def _condition(value: Any) -> Condition:
    if value is None or isinstance(value, (Guard, tuple)):
        return value
    if isinstance(value, Mapping):
        if not value:  # which holds always
            return None
        for name in value:
            if not isinstance(name, str):
                raise DefinitionError.of("ill_typed", field="when", expected="names of fields", value=name)
        return tuple(
            (name, tuple(wanted) if isinstance(wanted, (list, tuple, set, frozenset)) else (wanted,))
            for name, wanted in value.items()
        )
    return as_guard(value)


def _exempt(value: str | Iterable[str]) -> frozenset[str]:
    try:
        roles = frozenset((value,) if isinstance(value, str) else value)
    except TypeError:
        roles = frozenset(("",))
    if not all(isinstance(role, str) and role.isprintable() and not blank(role) for role in roles):
        raise DefinitionError.of("ill_typed", field="exempt", expected="names of roles", value=value)
    return roles


@attrs.frozen
class FieldRule:
    """What holds for one field: words joined by `|`, perhaps under a condition.

    Args:
        words: `hidden`, `read_only`, `mandatory`, `must_prompt` (offer it during the step), `must_change`
            (the step needs a new value), or `editable` for no rule at all.
        when: other fields -> the value or values under which the rule holds, or a guard.
        exempt: roles that the rule does not bind.

    >>> FieldRule("mandatory", when={"hold_reason": ["caller"]}).reads
    ('hold_reason',)

    Raises:
        DefinitionError: a word is unknown, or a field would be mandatory and hidden at once.
    """

    words: frozenset[str] = attrs.field(converter=_words)
    when: Condition = attrs.field(default=None, converter=_condition, kw_only=True)
    exempt: frozenset[str] = attrs.field(default=frozenset(), converter=_exempt, kw_only=True)
    flags: int = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        flags = 0
        for word in self.words:
            flags |= WORDS[word]
        if flags & MANDATORY and flags & HIDDEN:
            raise DefinitionError.of(
                "definition", where="a field rule", text="the field is mandatory and hidden at once.",
                remedy="Nobody could fill it; keep one of the two.",
            )  # fmt: skip
        object.__setattr__(self, "flags", flags)

    @property
    def is_plain(self) -> bool:
        """Whether it holds always and for everybody."""
        return self.when is None and not self.exempt

    @property
    def reads(self) -> tuple[str, ...]:
        """The fields that its condition looks at."""
        if isinstance(self.when, Guard):
            return self.when.reads
        return tuple(name for name, _ in self.when or ())

    def holds(self, proposed: Any, context: "Context", read: Read) -> bool:
        """Whether it binds this actor on this proposed record. A condition that lacks a value does not hold."""
        if self.exempt and not self.exempt.isdisjoint(context.roles):
            return False
        when = self.when
        if when is None:
            return True
        if isinstance(when, Guard):
            if any(blank(read(proposed, name)) for name in when.reads):
                return False
            return when.judge(proposed, context, "a field rule") is None
        for name, wanted in when:
            value = read(proposed, name)
            try:
                if value not in wanted:
                    return False
            except Exception as error:  # a host's own equality may fail
                raise broken(f"the condition on {name!r}", proposed, error) from error
        return True


Rules: TypeAlias = Mapping[str, tuple[FieldRule, ...]]


def field_rules(value: Any) -> Rules:
    """Return field -> rules, from rules, words or lists of either; `"*"` is every field without one of its own."""
    if not isinstance(value, Mapping):
        raise DefinitionError.of("ill_typed", field="fields", expected="a mapping of fields to rules", value=value)
    made: dict[str, tuple[FieldRule, ...]] = {}
    for name, said in value.items():
        if not isinstance(name, str):
            raise DefinitionError.of("ill_typed", field="fields", expected="names of fields", value=name)
        several = isinstance(said, (list, tuple)) and any(isinstance(each, FieldRule) for each in said)
        parts = tuple(said) if several else (said,)
        rules = tuple(each if isinstance(each, FieldRule) else FieldRule(each) for each in parts)
        plain = 0
        for rule in rules:
            plain |= rule.flags if rule.is_plain else 0
        if plain & MANDATORY and plain & HIDDEN:
            raise DefinitionError.of(
                "definition", where=f"the rules of the field {name!r}", text="it is mandatory and hidden at once.",
                remedy="Nobody could fill it; keep one of the two.",
            )  # fmt: skip
        made[name] = rules
    return made


def inherited(states: Mapping[str, "State"], where: str) -> Mapping[str, Rules]:
    """Return the rules of every state, those of `fields_from` included; a state's own rules of a field win.

    Raises:
        DefinitionError: a state inherits from one that is not there, or from itself in the end.
    """
    done: dict[str, Rules] = {}
    for name in states:
        chain: list[str] = []
        at: str | None = name
        while at is not None and at not in done:
            if at in chain:
                circle = " -> ".join((*chain[chain.index(at) :], at))
                raise DefinitionError.of(
                    "definition", where=where, text=f"field rules inherit in a circle: {circle}.", remedy="Break it."
                )
            chain.append(at)
            parent = states[at].fields_from
            if parent is not None and parent not in states:
                raise DefinitionError.of(
                    "unknown_name", where=f"{where}, fields_from of {at!r},", what="state", name=parent,
                    nearest=nearest(parent, states),
                )  # fmt: skip
            at = parent
        for each in reversed(chain):
            parent = states[each].fields_from
            own = states[each].fields
            done[each] = {**done[parent], **own} if parent is not None and done[parent] else own
    return done


class Ruling:
    """The rules of one field, ready to be judged: what always holds, and what may hold."""

    __slots__ = ("conditional", "field", "plain")

    def __init__(self, field: str, rules: Iterable[FieldRule]) -> None:
        self.field = field
        self.plain = 0
        conditional = []
        for rule in rules:
            if rule.is_plain:
                self.plain |= rule.flags
            else:
                conditional.append(rule)
        self.conditional = tuple(conditional)

    @property
    def possible(self) -> int:
        """Every flag that may hold."""
        flags = self.plain
        for rule in self.conditional:
            flags |= rule.flags
        return flags

    def flags(self, proposed: Any, context: "Context", read: Read) -> int:
        """Return the flags that hold now."""
        flags = self.plain
        for rule in self.conditional:
            if rule.holds(proposed, context, read):
                flags |= rule.flags
        return flags


class Plan:
    """The field rules of a state, or of a step into one, compiled.

    `demands` are looked at each time, `locks` only for fields of the payload.
    """

    __slots__ = ("conditional", "default", "demands", "entries")

    def __init__(self, *sources: Rules) -> None:
        names = dict.fromkeys(name for rules in sources for name in rules)
        self.entries = {
            name: Ruling(name, [rule for rules in sources for rule in rules.get(name, rules.get("*", ()))])
            for name in names
            if name != "*"
        }
        stars = [rule for rules in sources for rule in rules.get("*", ())]
        self.default = Ruling("*", stars) if stars else None
        self.demands = tuple(each for each in self.entries.values() if each.possible & DEMANDED)
        self.conditional = any(each.conditional for each in (*self.entries.values(), *filter(None, (self.default,))))

    def __bool__(self) -> bool:
        return bool(self.entries) or self.default is not None

    def entry(self, name: str) -> Ruling | None:
        """Return the rules of a field, its own or those of `*`."""
        return self.entries.get(name, self.default)


def rule_word(flags: int) -> str:
    """Return the word that a refusal uses for a field which may not be written."""
    return "hidden" if flags & HIDDEN else "read-only"
