"""A kind of record as storage sees it: its shape, its number series and what it is found by."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import attrs

from itil4.errors import DefinitionError, nearest
from itil4.record import Shape
from itil4.storage.codec import RecordCodec
from itil4.storage.evolution import check_upcasters
from itil4.storage.protocols import KindRow
from itil4.storage.query import COLUMNS


class Kind:
    """A kind of record.

    Attributes:
        name: the type tag in rows, such as `incident`; never a class path.
        prefix: that of its numbers, which are the prefix and seven digits.
        shape: its compiled record type.
        indexed: the fields that records are found and ordered by, besides those that all have.
        category: the category of a state.
        schema: the number of the record type's schema.
        upcasters: schema number -> function on the plain body that leads to the next one; none may be missing.
    """

    def __init__(
        self,
        name: str,
        prefix: str,
        shape: Shape,
        indexed: tuple[str, ...],
        category: Callable[[str], str],
        schema: int = 1,
        upcasters: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] | None = None,
    ) -> None:
        self.name = name
        self.prefix = prefix
        self.shape = shape
        self.indexed = indexed
        self.category = category
        self.schema = schema
        self.upcasters = upcasters or {}
        self.caught_up: set[str] = set()
        """The tenants of which a store was seen to hold no rows of earlier schemas."""
        check_upcasters(self.name, schema, self.upcasters)
        for name in self.indexed:
            field = self.shape.get(name)
            if field is None:
                raise DefinitionError.of(
                    "unknown_name",
                    where=f"the indexed fields of {self.name}",
                    what="field",
                    name=name,
                    nearest=nearest(name, self.shape.fields),
                )
            if not field.sortable:
                raise DefinitionError.of(
                    "definition",
                    where=f"the indexed fields of {self.name}",
                    text=f"{name!r} is {field.says}, which has no order that all stores agree on.",
                    remedy="Leave it out.",
                )

    @cached_property
    def codec(self) -> RecordCodec:
        """Turns its records and entries into rows and back."""
        return RecordCodec(self.name, self.shape, self.indexed, self.category, self.schema, self.upcasters)

    @cached_property
    def same(self) -> Callable[[Any, Any], bool]:
        """Says whether two of its records are equal; most of their fields are the very same object."""
        parts = [f"(a.{name} is b.{name} or a.{name} == b.{name})" for name in self.shape.fields]
        scope: dict[str, Any] = {}
        exec(f"def same(a, b):\n    return {' and '.join(parts)}", scope)
        made: Callable[[Any, Any], bool] = scope["same"]
        return made

    @cached_property
    def searchable(self) -> frozenset[str]:
        """Every field that its records can be found by."""
        return frozenset((*COLUMNS, *self.indexed)) - {"schema"}

    @cached_property
    def late_defaults(self) -> Mapping[str, Any]:
        """Fields of a host that rows may lack, having been written before -> the plain value that they are read as.

        Of a field that may hold nothing, nothing may have been said, so only those count that hold something.
        """
        extra = {f"extra.{name}": (name, field) for name, field in self.shape.extra.types.items()}
        own = {name: (name, field) for name, field in self.shape.fields.items() if self._is_of_host(name)}
        return {
            asked: self.codec.plain(name, field.default)
            for asked, (name, field) in {**own, **extra}.items()
            if name in self.indexed and _is_plain(field.default) and (asked in extra or not field.optional)
        }

    def _is_of_host(self, name: str) -> bool:
        """Whether a class of a host brings a field, and not one of the library."""
        home = next(cls for cls in self.shape.record.__mro__ if name in vars(cls).get("__annotations__", ()))
        return home.__module__.partition(".")[0] != "itil4"

    @cached_property
    def row(self) -> KindRow:
        """What the store learns of it."""
        extra = self.shape.extra
        return KindRow(self.name, tuple(("extra", name) if name in extra else (name,) for name in self.indexed))


def _is_plain(default: Any) -> bool:
    return default is not None and not isinstance(default, attrs.Factory)  # type: ignore[arg-type]  # a class to attrs
