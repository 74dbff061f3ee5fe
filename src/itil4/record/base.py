"""Records: frozen values with an identity, a state and a version."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, NoReturn

import attrs

from itil4.errors import DefinitionError, InvalidInput

RESERVED = frozenset((
    *("by", "reason", "at", "event", "record", "cause", "origin", "facts", "expected", "once", "self"),  # of the verbs
    *("is_open", "order_by", "limit", "after", "state_category"),  # of find
    *("schema", "reference"),  # of the record itself
))  # fmt: skip
"""Names that the verbs and records use for themselves, so that no field may have them."""


class Frozen(dict[str, Any]):
    """A mapping that refuses to be changed, so that a record that holds one stays a value.

    >>> vessel = Frozen(name="Aurora")
    >>> vessel["name"]
    'Aurora'
    """

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("This mapping belongs to a frozen value. Change the record with update or a step.")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return Frozen, (dict(self),)

    def __copy__(self) -> "Frozen":
        return self

    def __deepcopy__(self, _: Any) -> "Frozen":
        return self

    def __hash__(self) -> int:  # type: ignore[override]  # a dict is unhashable only because it can change
        return hash(frozenset((key, repr(value)) for key, value in self.items()))


def freeze(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `value` as a frozen mapping; anything else is left for the type check to refuse."""
    return value if type(value) is Frozen or not isinstance(value, Mapping) else Frozen(value)


@attrs.frozen
class Origin:
    """Where something came from: another system, its key there, and which of its rows.

    No two entries of a store have the same origin, so importing the same thing twice adds nothing.
    """

    system: str
    key: str
    row: str | None = None


@attrs.frozen
class Override:
    """A computed field that somebody set by hand: who, when and why."""

    by: str
    at: datetime
    reason: str | None = None


@attrs.frozen(kw_only=True)
class Record:
    """What every record of every practice has.

    Records are made by a practice (`log`, ...), changed by its verbs, and never by hand: each
    change returns a new value. Subclass with `@attrs.frozen(kw_only=True)`; a field that is added
    to records that are already stored needs a default.

    Attributes:
        id: a time-ordered UUID made by the client; never changes.
        number: such as INC0000042, given at commit, gapless per kind; None before, and for records
            of another system, which keep their own number as `origin`.
        state: changed by steps only.
        version: 1 at birth, and one more with every entry of its history.
        created_at: when it was born; never changes.
        created_by: the actor's id.
        updated_at: when the last entry happened.
        origin: the other system and its number, for a record that was imported.
        overrides: computed fields set by hand, with who and why.
        extra: the values of fields that the host declared at run time (`FieldSet`).

    Raises:
        InvalidInput: a field has the wrong type, is blank and required, too long, or holds control characters.
        DefinitionError: a subclass uses a reserved name for a field.
    """

    schema: ClassVar[int] = 1

    id: str
    number: str | None = None
    state: str
    version: int = 1
    created_at: datetime
    created_by: str
    updated_at: datetime
    origin: Origin | None = None
    overrides: Mapping[str, Override] = attrs.field(factory=Frozen, converter=freeze, hash=False)
    extra: Mapping[str, Any] = attrs.field(factory=Frozen, converter=freeze, hash=False)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, annotation in vars(cls).get("__annotations__", {}).items():
            said = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
            if "ClassVar" in said:
                continue
            if name in RESERVED or name in _OWN:
                raise DefinitionError.of("reserved_name", record=cls.__name__, field=name)
            if name.startswith("_") or "__" in name:
                raise DefinitionError.of(
                    "definition", where=f"{cls.__name__}.{name}", text="the name begins with _ or has two of them.",
                    remedy="Rename it; find reads what follows two underscores as an operator.",
                )  # fmt: skip

    def __attrs_post_init__(self) -> None:
        from itil4.record.shape import shape_of  # a record type is compiled when its first record is made

        kind: Any = type(self)
        shape = shape_of(kind)
        for name in shape.mappings:
            object.__setattr__(self, name, freeze(getattr(self, name)))
        reasons = [
            reason
            for name, check, default in shape.doors
            if (value := getattr(self, name)) is not default and (reason := check(name, value))
        ]
        if reasons:
            raise InvalidInput(*reasons)

    @property
    def reference(self) -> str:
        """How people call it: its number, the one of the system that it came from, or its id."""
        return self.number or (self.origin.key if self.origin else self.id)


_OWN = frozenset(attrs.fields_dict(Record))
PROTECTED = _OWN - {"extra"}
"""Fields that only the library sets: identity, state, version and times."""
