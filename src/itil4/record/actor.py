"""Who does it."""

from collections.abc import Iterable
from typing import Any

import attrs

from itil4.errors import InvalidInput, Reason, nearest
from itil4.record.door import text_problem
from itil4.vocabulary import ActorKind, choices


def _roles(value: Iterable[str]) -> frozenset[str]:
    try:
        if isinstance(value, str):
            raise TypeError
        return frozenset(value)
    except TypeError:  # also for what cannot be walked through, or holds what cannot be in a set
        raise InvalidInput.of("ill_typed", field="roles", expected="a set of names", value=value) from None


def _must_be_a_name(field: str, value: Any) -> None:
    reason: Reason | None
    if type(value) is not str:
        reason = Reason.of("ill_typed", field=field, expected="a line of text", value=value)
    else:
        reason = text_problem(field, value, longest=255, lines=False, may_be_blank=False)
    if reason:
        raise InvalidInput(reason)


def _name(_: Any, attribute: "attrs.Attribute[str]", value: Any) -> None:
    _must_be_a_name(attribute.name, value)


def _role_names(_: Any, attribute: "attrs.Attribute[frozenset[str]]", value: frozenset[str]) -> None:
    for role in value:
        _must_be_a_name(attribute.name, role)


def _known_kind(_: Any, attribute: "attrs.Attribute[ActorKind]", value: Any) -> None:
    words = choices(ActorKind)
    if value not in words:
        raise InvalidInput.of(
            "not_a_choice", field=attribute.name, value=value, choices=words, nearest=nearest(value, words)
        )


@attrs.frozen
class Actor:
    """A person or a system that acts, with the roles that the host gives them.

    Roles relative to a record (requester, owner, assignee, ...) are added by the practice.

    Args:
        id: how the host knows them.
        roles: names such as `service_desk`.
        kind: `human`, or `system` for timers, imports and integrations, which alone fire internal steps.
        on_behalf_of: the id of the person for whom they act.
        via: the channel through which they act, such as `email` or `api`.

    Raises:
        InvalidInput: a name is blank, too long or no text, or the kind is unknown.

    >>> sam = Actor("sam", roles={"service_desk"})
    >>> sam.is_system
    False
    """

    id: str = attrs.field(validator=_name)
    roles: frozenset[str] = attrs.field(default=frozenset(), converter=_roles, validator=_role_names)
    kind: ActorKind = attrs.field(default="human", validator=_known_kind, kw_only=True)
    on_behalf_of: str | None = attrs.field(default=None, validator=attrs.validators.optional(_name), kw_only=True)
    via: str | None = attrs.field(default=None, validator=attrs.validators.optional(_name), kw_only=True)

    @property
    def is_system(self) -> bool:
        """Whether this is a system and not a person."""
        return self.kind == "system"
