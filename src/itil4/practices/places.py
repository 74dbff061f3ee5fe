"""The practices of a service management by their places, each read when somebody first asks for it."""

import importlib
from collections.abc import Iterator, Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any

import attrs

from itil4.record import FieldSet, Relation, Relations
from itil4.storage.kinds import Kind
from itil4.storage.protocols import Store

if TYPE_CHECKING:
    from itil4.practices.base import Practice


@attrs.frozen
class Place:
    """What a desk knows of a practice before its module is read.

    `home` is where its class is: `package.module:Class`.
    """

    slot: str
    kind: str
    prefix: str
    name: str
    home: str
    held: "type[Practice[Any]] | None" = attrs.field(default=None, repr=False)

    @classmethod
    def of(cls, practice: "type[Practice[Any]]") -> "Place":
        """Return the place of a class that is there already."""
        home = f"{practice.__module__}:{practice.__qualname__}"
        return cls(practice.slot, practice.kind, practice.prefix, practice.name, home, practice)

    @property
    def practice(self) -> "type[Practice[Any]]":
        """The class that fills it."""
        if self.held is not None:
            return self.held
        module, _, name = self.home.partition(":")
        found: type[Practice[Any]] = getattr(importlib.import_module(module), name)
        return found


class Practices(Mapping[str, "type[Practice[Any]]"]):
    """Slot -> practice class. Going through `values()` reads all of them, looking one up only that one."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self.places = places
        self.by_kind = {place.kind: place for place in places.values()}
        self._read: dict[str, type[Practice[Any]]] = {}
        self._related: tuple[tuple[Relation, ...], Relations] | None = None

    def __getitem__(self, slot: str) -> "type[Practice[Any]]":
        found = self._read.get(slot)
        if found is None:
            found = self._read[slot] = self.places[slot].practice
        return found

    def __contains__(self, slot: object) -> bool:
        return slot in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def relations(self, general: tuple[Relation, ...]) -> Relations:
        """Return the general relations and those that the practices declare."""
        if self._related is None or self._related[0] is not general:
            own = (each.of(cls.kind) for cls in self.values() for each in cls.relations)
            self._related = (general, Relations([*general, *own]))
        return self._related[1]


class Kinds(Mapping[str, Kind]):
    """Kind -> how storage sees it; compiled, and made ready in the store, when it is first needed."""

    def __init__(self, practices: Practices, fields: Mapping[str, FieldSet], store: Store) -> None:
        self._practices = practices
        self._fields = fields
        self._store = store
        self._made: dict[str, Kind] = {}
        self._compiled: dict[str, Kind] = {}
        self._lock = RLock()

    def __getitem__(self, kind: str) -> Kind:
        made = self._made.get(kind)
        if made is None:
            with self._lock:
                made = self.compiled(kind)
                self._store.migrate([made.row])
                made = self._made.setdefault(kind, made)
        return made

    def compiled(self, kind: str) -> Kind:
        """Return a kind, whether or not the store has been made ready for it."""
        made = self._compiled.get(kind)
        if made is None:
            place = self._practices.by_kind[kind]
            with self._lock:
                cls = place.practice
                made = cls.stored_kind(cls.fields | self._fields.get(kind, FieldSet()))
                made = self._compiled.setdefault(kind, made)
        return made

    def as_they_are(self) -> "Kinds":
        """Return the same kinds for use inside a host's transaction, where nothing is made ready."""
        return _AsTheyAre(self)

    def __contains__(self, kind: object) -> bool:
        return kind in self._practices.by_kind

    def __iter__(self) -> Iterator[str]:
        return iter(self._practices.by_kind)

    def __len__(self) -> int:
        return len(self._practices.by_kind)


class _AsTheyAre(Kinds):
    """Kinds that are only compiled: making an index would wait for the very transaction that asks for it."""

    def __init__(self, kinds: Kinds) -> None:
        self._practices = kinds._practices
        self._all = kinds

    def __getitem__(self, kind: str) -> Kind:
        return self._all.compiled(kind)
