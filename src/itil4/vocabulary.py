"""The closed words of ITIL 4, as types. Words that editions dispute are data elsewhere.

A closed word is a `Literal`: the type checker knows its values, and `choices(Level)` lists them.
"""

from typing import Any, Literal, TypeAlias, get_args

Level: TypeAlias = Literal["high", "medium", "low"]
"""How much (impact) or how soon (urgency); high first."""

Category: TypeAlias = Literal["new", "active", "waiting", "resolved", "closed", "cancelled"]
"""What a state means to clocks, queues and figures, whatever its name."""

OPEN: tuple[Category, ...] = ("new", "active", "waiting")
"""The categories in which somebody still has work to do."""

Audience: TypeAlias = Literal["user", "staff"]
"""Who may read a comment: everybody concerned, or only those who deliver the service."""

ActorKind: TypeAlias = Literal["human", "system"]

PracticeGroup: TypeAlias = Literal["general", "service", "technical"]
"""The three groups of the 34 practices."""


def choices(words: Any) -> tuple[str, ...]:
    """Return the values of a closed word, in their order.

    >>> choices(Level)
    ('high', 'medium', 'low')
    """
    return get_args(words)
