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
    """

    def __init__(self, groups: dict[str, tuple[str, ...]], managers: dict[str, str] | None = None) -> None:
        self._groups = dict(groups)
        self._managers = dict(managers or {})

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
