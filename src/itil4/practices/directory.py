"""The people: who they are is the host's business, so the host says it."""

from datetime import datetime
from typing import Protocol, runtime_checkable


@runtime_checkable
class Directory(Protocol):
    """What the library asks a host about people, each time at a moment."""

    def groups(self, person: str, at: datetime, /) -> tuple[str, ...]:
        """Return the groups of a person; the first one is their home team."""
        ...

    def manager(self, person: str, at: datetime, /) -> str | None:
        """Return the manager of a person."""
        ...

    def active(self, person: str, at: datetime, /) -> bool:
        """Say whether a person exists and works here."""
        ...


@runtime_checkable
class KnowsGroups(Protocol):
    """What a directory may add: which names are groups, so that a team can own a record."""

    def is_group(self, name: str, at: datetime, /) -> bool:
        """Say whether a group of that name exists."""
        ...


@runtime_checkable
class KnowsMembers(Protocol):
    """What a directory may add: who belongs to a group, so that each of them can be asked for their vote."""

    def members(self, group: str, at: datetime, /) -> tuple[str, ...] | None:
        """Return the members of a group; None where the directory does not list them."""
        ...


@runtime_checkable
class KnowsRoles(Protocol):
    """What a directory may add: who has a role, so that each of them can be asked for their vote."""

    def holders(self, role: str, at: datetime, /) -> tuple[str, ...] | None:
        """Return who has a role; None where the directory does not list them."""
        ...


@runtime_checkable
class KnowsDelegates(Protocol):
    """What a directory may add: who votes for somebody while they are away."""

    def delegate(self, person: str, at: datetime, /) -> str | None:
        """Return who may vote on a person's behalf at a moment."""
        ...


class Anybody:
    """The default directory: everybody exists, is active, and has neither group nor manager."""

    def groups(self, person: str, at: datetime, /) -> tuple[str, ...]:
        """Return no group."""
        return ()

    def manager(self, person: str, at: datetime, /) -> str | None:
        """Return nobody."""
        return None

    def active(self, person: str, at: datetime, /) -> bool:
        """Say yes."""
        return True


class People:
    """A directory of a handful of people, for scripts and tests.

    >>> people = People({"sam": ("mail team",)}, managers={"sam": "ida"})
    >>> people.groups("sam", None), people.active("eve", None)
    (('mail team',), False)
    >>> people.members("mail team", None), people.holders("change_manager", None)
    (('sam',), None)

    Args:
        groups: person -> their groups; whoever is listed works here.
        managers: person -> their manager.
        roles: role -> who has it, where that is to be known beyond what actors bring along.
    """

    def __init__(
        self,
        groups: dict[str, tuple[str, ...]],
        managers: dict[str, str] | None = None,
        *,
        roles: dict[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._groups = dict(groups)
        self._managers = dict(managers or {})
        self._roles = None if roles is None else dict(roles)

    def groups(self, person: str, at: datetime | None, /) -> tuple[str, ...]:
        """Return the groups of a person."""
        return self._groups.get(person, ())

    def manager(self, person: str, at: datetime | None, /) -> str | None:
        """Return the manager of a person."""
        return self._managers.get(person)

    def active(self, person: str, at: datetime | None, /) -> bool:
        """Say whether the person is listed."""
        return person in self._groups

    def is_group(self, name: str, at: datetime | None, /) -> bool:
        """Say whether anybody belongs to that group."""
        return any(name in groups for groups in self._groups.values())

    def members(self, group: str, at: datetime | None, /) -> tuple[str, ...] | None:
        """Return who belongs to a group."""
        return tuple(person for person, groups in self._groups.items() if group in groups)

    def holders(self, role: str, at: datetime | None, /) -> tuple[str, ...] | None:
        """Return who has a role, where roles were listed: then a role that is not listed has nobody."""
        return None if self._roles is None else self._roles.get(role, ())
