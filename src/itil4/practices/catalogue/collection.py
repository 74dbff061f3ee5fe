"""All the practices of one organization: the 34 built in, and those it adds of its own."""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import Any

import attrs

from itil4.errors import InvalidInput, NotFound, nearest
from itil4.practices.catalogue.names import FORMER_NAMES
from itil4.practices.catalogue.profile import PracticeProfile
from itil4.vocabulary import PracticeGroup


@attrs.frozen(repr=False)
class PracticeCatalogue(Collection[PracticeProfile]):
    """The practices that an organization works with, looked up by id or by name.

    A catalogue is a value: adding a practice gives a new catalogue, and the 34 stay as they are.

    >>> known = catalogue()
    >>> len(known), known["incident_management"].name, known["Service desk"].id
    (34, 'Incident management', 'service_desk')
    >>> known["change management"]
    Traceback (most recent call last):
        ...
    itil4.errors.NotFound: There is no practice 'change management'. Did you mean 'change_enablement' \
(Change enablement)? Name one that is there, or give its class to connect(practices=...).
    >>> ours = known.extended(PracticeProfile(
    ...     id="fleet_management", name="Fleet management", category="technical",
    ...     purpose="Keep the vessels able to sail."))
    >>> len(ours), len(known), [practice.id for practice in ours.own]
    (35, 34, ['fleet_management'])
    """

    built_in: tuple[PracticeProfile, ...]
    own: tuple[PracticeProfile, ...] = ()
    _by_key: dict[str, PracticeProfile] = attrs.field(init=False, eq=False, hash=False)

    def __attrs_post_init__(self) -> None:
        found: dict[str, PracticeProfile] = {}
        for practice in self:
            for key in {practice.id, _key(practice.name)}:
                if key in found:
                    raise InvalidInput.of("practice_taken", name=practice.name, holder=found[key].id)
                found[key] = practice
        object.__setattr__(self, "_by_key", found)

    def __iter__(self) -> Iterator[PracticeProfile]:
        yield from self.built_in
        yield from self.own

    def __len__(self) -> int:
        return len(self.built_in) + len(self.own)

    def __contains__(self, item: object) -> bool:
        """Say whether a profile, or a practice of that id or name, is in the catalogue."""
        return item in tuple(self) if isinstance(item, PracticeProfile) else _key(item) in self._by_key

    def __getitem__(self, name: str) -> PracticeProfile:
        """Return the practice of that id or name; letter case, spaces, hyphens and underscores do not matter.

        Raises:
            NotFound: there is none (`unknown_practice`); the message offers the one that was probably meant.
        """
        found = self._by_key.get(_key(name))
        if found is None:
            raise NotFound.of("unknown_practice", name=name, nearest=self._meant(name))
        return found

    def __repr__(self) -> str:
        return f"<{len(self.built_in)} practices of ITIL 4 and {len(self.own)} of your own>"

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all practices, the built-in ones first."""
        return tuple(practice.id for practice in self)

    def of(self, category: PracticeGroup) -> tuple[PracticeProfile, ...]:
        """Return the practices of one category."""
        return tuple(practice for practice in self if practice.category == category)

    def extended(self, *practices: PracticeProfile) -> "PracticeCatalogue":
        """Return a catalogue with practices of your own beside those that are here.

        Raises:
            InvalidInput: an id or name is taken, or `related` names a practice that is in neither.
        """
        for practice in practices:
            if not isinstance(practice, PracticeProfile):
                raise InvalidInput.of("ill_typed", field="practices", expected="a PracticeProfile", value=practice)
        grown = PracticeCatalogue(self.built_in, (*self.own, *practices))
        for practice in practices:
            for name in practice.related:
                if name == practice.id or name not in grown.ids:
                    near = nearest(name, (known for known in grown.ids if known != practice.id))
                    where = f"The practice {practice.id!r}"
                    raise InvalidInput.of("unknown_name", where=where, what="related practice", name=name, nearest=near)
        return grown

    def without(self, name: str, streams: Iterable[Any] = ()) -> "PracticeCatalogue":
        """Return a catalogue without one practice of your own, given the value streams that you run.

        Args:
            name: id or name of the practice.
            streams: your `itil4.value.ValueStream` values; a practice that one of them uses stays.

        Raises:
            NotFound: there is no such practice.
            InvalidInput: it is one of the 34, a practice of yours relates to it, or a stream uses it.
        """
        practice = self[name]
        if practice in self.built_in:
            raise InvalidInput.of("practice_built_in", name=practice.id)
        users = [f"the practice {other.id}" for other in self.own if practice.id in other.related]
        users += [f"the stream {stream.id}" for stream in streams if practice.id in stream.practices]
        if users:
            raise InvalidInput.of("practice_in_use", name=practice.id, users=tuple(users))
        return PracticeCatalogue(self.built_in, tuple(other for other in self.own if other is not practice))

    def _meant(self, name: object) -> str | None:
        key = _key(name)
        keys = {**{old: self._by_key[new] for old, new in FORMER_NAMES.items()}, **self._by_key}
        close = nearest(key, keys)
        found = keys.get(key) or (keys[close[1:-1]] if close else None)
        if found is None and len(key) > 3:
            found = next((practice for known, practice in self._by_key.items() if key in known), None)
        return f"{found.id!r} ({found.name})" if found else None


@cache
def catalogue() -> PracticeCatalogue:
    """Return the 34 practices of ITIL 4: 14 general, 17 service and 3 technical management practices.

    They are read on the first call and are the same value ever after.

    >>> [len(catalogue().of(group)) for group in ("general", "service", "technical")]
    [14, 17, 3]
    """
    from itil4.practices.catalogue.general import GENERAL
    from itil4.practices.catalogue.service import SERVICE
    from itil4.practices.catalogue.technical import TECHNICAL

    return PracticeCatalogue((*GENERAL, *SERVICE, *TECHNICAL))


def _key(name: object) -> str:
    return re.sub(r"[\W_]+", "_", name.replace("&", " and ").casefold()).strip("_") if isinstance(name, str) else ""
