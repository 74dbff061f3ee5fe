"""How items may be related: names in both directions, rules, and which end is hit when the other fails."""

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import attrs

from itil4.errors import DefinitionError, nearest
from itil4.record import SELF, Relation
from itil4.vocabulary import choices

Hit: TypeAlias = Literal["source", "target", "both", "none"]
"""Which end of a relation is hit when the item at its other end fails."""


def _hit(_: Any, attribute: "attrs.Attribute[str]", value: Any) -> None:
    words = choices(Hit)
    if value not in words:
        raise DefinitionError.of(
            "not_a_choice", field=attribute.name, value=value, choices=words, nearest=nearest(value, words)
        )


@attrs.frozen
class ItemRelation:
    """A kind of relation between configuration items; directed, with a name for the way back (INV-084).

    Args:
        name: read from its source: a shop `depends_on` a database.
        inverse: read from its target: the database is `required_by` the shop.
        hit: which end is hit when the item at the other end fails: `source`, `target`, `both` or `none`.
        acyclic: whether following it may never lead back (INV-085).
        single: whether a source has one of it at most.

    >>> ItemRelation("cooled_by", "cools", hit="source").inverse
    'cools'
    """

    name: str
    inverse: str
    hit: Hit = attrs.field(default="none", validator=_hit)
    acyclic: bool = False
    single: bool = False

    @property
    def link(self) -> Relation:
        """The relation as links of records know it."""
        ends = {(SELF, SELF), (SELF, BASE_KIND), (BASE_KIND, SELF)}
        return Relation(self.name, self.inverse, ends, acyclic=self.acyclic, single=self.single)


BASE_KIND = "configuration_item"

ITEM_RELATIONS = (
    ItemRelation("depends_on", "required_by", hit="source"),
    ItemRelation("runs_on", "runs", hit="source"),
    ItemRelation("part_of", "has_part", hit="target", acyclic=True),
    ItemRelation("connected_to", "connected_to"),
)
"""The relations that configuration items have unless a host says otherwise."""

CONCERNS = Relation("affects", "affected_by", {("incident", SELF), ("problem", SELF), ("change", SELF)})
"""From what happens to the items that it is about; what follows from it is computed, and kept apart."""


def links_of(relations: Iterable[ItemRelation]) -> tuple[Relation, ...]:
    """Return relations of items as a practice declares them, with the one from incidents, problems and changes."""
    return (*(each.link for each in relations), CONCERNS)
