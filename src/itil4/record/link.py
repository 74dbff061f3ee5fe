"""Links: typed, directed, each with a name for the way back."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import attrs

from itil4.errors import DefinitionError, InvalidInput, nearest

SELF = "self"
"""In the ends of a relation: the kind of the practice that declares it, whatever a subclass calls it."""

PERSON = "person"
"""The kind of an end that is a person of the host's directory and no record."""


def _ends(value: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    return frozenset(value)


@attrs.frozen
class Relation:
    """A kind of link: its name, the name of the way back, and its rules.

    Attributes:
        name: read from the source: an incident is `caused_by` a problem.
        inverse: read from the target: the problem `causes` the incident.
        ends: pairs of (source kind, target kind) between which it may go; empty: any two records.
        acyclic: whether following it may never lead back.
        single: whether a source has one such link at most.
        lasting: whether it is never unlinked.
    """

    name: str
    inverse: str
    ends: frozenset[tuple[str, str]] = attrs.field(default=frozenset(), converter=_ends)
    acyclic: bool = False
    single: bool = False
    lasting: bool = False

    def of(self, kind: str) -> "Relation":
        """Return the relation with `SELF` replaced by a kind."""
        named = {(kind if a == SELF else a, kind if b == SELF else b) for a, b in self.ends}
        return attrs.evolve(self, ends=named)

    def allows(self, source: str, target: str) -> bool:
        """Whether it may go from a record of the kind `source` to one of the kind `target`."""
        if not self.ends:
            return PERSON not in (source, target)
        return (source, target) in self.ends


@attrs.frozen
class Link:
    """One link, as stored: on its source end, with when and by whom it was made."""

    source: str
    relation: str
    target: str
    at: datetime
    by: str


class Relations:
    """The relations that a service management knows, found by either name.

    >>> relations = Relations([Relation("caused_by", "causes"), Relation("relates_to", "relates_to")])
    >>> relations.directed("causes")
    (Relation(name='caused_by', inverse='causes', ends=frozenset(), acyclic=False, single=False, lasting=False), True)

    Raises:
        DefinitionError: two relations use one name.
    """

    def __init__(self, relations: Iterable[Relation] = ()) -> None:
        self._known: dict[str, tuple[Relation, bool]] = {}
        for relation in relations:
            self._add(relation)

    def _add(self, relation: Relation) -> None:
        for name, backwards in ((relation.name, False), (relation.inverse, True)):
            held = self._known.get(name)
            if held is None:
                self._known[name] = (relation, backwards)
            elif held[0].name == relation.name and held[0].inverse == relation.inverse:
                merged = attrs.evolve(held[0], ends=held[0].ends | relation.ends)
                self._known[name] = (merged, self._known[name][1])
            else:
                raise DefinitionError.of("duplicate", where="the relations", what="the name", name=name)

    def __iter__(self) -> Iterator[Relation]:
        return iter({relation.name: relation for relation, _ in self._known.values()}.values())

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def directed(self, name: str) -> tuple[Relation, bool]:
        """Return the relation of that name, and whether the name is that of the way back.

        Raises:
            InvalidInput: there is no such relation.
        """
        found = self._known.get(name) if isinstance(name, str) else None
        if found is None:
            names = tuple(self._known)
            raise InvalidInput.of(
                "unknown_relation", relation=name, nearest=nearest(name, names), relations=sorted(names)
            )
        return found

    def inverse(self, name: str) -> str:
        """Return the name of the same link read from its other end; the inverse of an inverse is itself."""
        relation, backwards = self.directed(name)
        return relation.name if backwards else relation.inverse


def person(identity: str) -> str:
    """Return the end of a link that stands for a person of the directory.

    >>> person("ana")
    'person:ana'
    """
    return f"{PERSON}:{identity}"
