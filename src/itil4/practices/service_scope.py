"""What a target or a calendar applies to, and which of several is meant: the most specific one."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import attrs

from itil4.clock import instant
from itil4.errors import DefinitionError
from itil4.record import Frozen

S = TypeVar("S", bound="Scope")

NAMED = ("service", "customer", "priority")
"""What most agreements speak about, besides the kind of record; more fields go into `where`."""


def _several(value: object) -> tuple[Any, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, (tuple, list, set, frozenset)) else (value,)


def _where(value: Mapping[str, Any]) -> Frozen:
    if not isinstance(value, Mapping):
        raise DefinitionError.of(
            "ill_typed", field="where", expected="a mapping from fields to their values", value=value
        )
    return Frozen({name: _several(each) for name, each in value.items()})


def _moment(value: datetime | None) -> datetime | None:
    return None if value is None else instant(value, "starts_at or ends_at")


@attrs.frozen(kw_only=True)
class Scope:
    """Which records something is about. What is not named does not matter; of several values one is enough.

    >>> mail = Scope(service="mail")
    >>> urgent_mail = Scope(service="mail", priority=(1, 2))
    >>> urgent_mail.covers({"kind": "incident", "service": "mail", "priority": 2}), urgent_mail.is_narrower(mail)
    (True, True)
    """

    kind: tuple[str, ...] = attrs.field(default=("incident",), converter=_several)
    """The kinds of record, which stand for the type of work."""
    service: tuple[str, ...] = attrs.field(default=(), converter=_several)
    customer: tuple[str, ...] = attrs.field(default=(), converter=_several)
    priority: tuple[int, ...] = attrs.field(default=(), converter=_several)
    where: Mapping[str, tuple[Any, ...]] = attrs.field(factory=Frozen, converter=_where, hash=False)
    """Further fields and their values."""
    starts_at: datetime | None = attrs.field(default=None, converter=_moment)
    ends_at: datetime | None = attrs.field(default=None, converter=_moment)
    """It is about records that were recorded from `starts_at` on and before `ends_at`."""

    @cached_property
    def named(self) -> Mapping[str, frozenset[Any]]:
        """Field -> the values that are meant, for each field that is named."""
        own = {name: frozenset(getattr(self, name)) for name in NAMED if getattr(self, name)}
        return own | {name: frozenset(values) for name, values in self.where.items()}

    def covers(self, values: Mapping[str, Any], created_at: datetime | None = None) -> bool:
        """Say whether a record with these values is meant; `values["kind"]` is its kind."""
        if self.kind and values.get("kind") not in self.kind:
            return False
        if created_at is not None and self.starts_at is not None and created_at < self.starts_at:
            return False
        if created_at is not None and self.ends_at is not None and created_at >= self.ends_at:
            return False
        return all(values.get(name) in wanted for name, wanted in self.named.items())

    def is_narrower(self, other: "Scope") -> bool:
        """Say whether every record that is meant here is meant there too, and not the other way round."""
        return self._lies_in(other) and not other._lies_in(self)

    def _lies_in(self, other: "Scope") -> bool:
        if other.kind and not (self.kind and set(self.kind) <= set(other.kind)):
            return False
        mine = self.named
        return all(name in mine and mine[name] <= values for name, values in other.named.items())

    def overlap(self, other: "Scope") -> Mapping[str, frozenset[Any]] | None:
        """Return what a record has to have to be meant by both, or None when none can be."""
        if self.kind and other.kind and set(self.kind).isdisjoint(other.kind):
            return None
        for first, second in ((self, other), (other, self)):
            if first.ends_at is not None and second.starts_at is not None and first.ends_at <= second.starts_at:
                return None
        both = dict(self.named)
        for name, values in other.named.items():
            both[name] = both[name] & values if name in both else values
        return both if all(both.values()) else None


def most_specific(scopes: Iterable[S], values: Mapping[str, Any], created_at: datetime | None = None) -> tuple[S, ...]:
    """Return what covers a record and gives way to nothing else: one, or several that tie.

    What names more fields goes before what names fewer; with equally many, the narrower one does.
    """
    found = [each for each in scopes if each.covers(values, created_at)]
    return tuple(each for each in found if not any(_goes_before(other, each) for other in found))


def _goes_before(first: Scope, second: Scope) -> bool:
    return len(first.named) > len(second.named) or (len(first.named) == len(second.named) and first.is_narrower(second))


def certain_tie(scopes: Sequence[S]) -> tuple[S, S] | None:
    """Return two that tie for every record that both cover, or None.

    Two that name the same fields tie where their values overlap, unless one of them, or a third, is
    more specific there. Two that name different fields may never meet, so they are judged when they do.
    """
    for place, first in enumerate(scopes):
        for second in scopes[place + 1 :]:
            if first.named.keys() != second.named.keys() or _goes_before(first, second) or _goes_before(second, first):
                continue
            both = first.overlap(second)
            if both is None:
                continue
            if not any(
                _goes_before(third, first) and _goes_before(third, second)
                and all(name in both and both[name] <= wanted for name, wanted in third.named.items())
                for third in scopes
            ):  # fmt: skip
                return first, second
    return None
