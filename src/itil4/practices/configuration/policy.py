"""What an organization decides about its configuration items: their types, and what may be related to what."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

import attrs

from itil4.errors import DefinitionError, Reason, nearest
from itil4.record import FieldSet, blank

ANY = "*"
"""In pairs of types: every type."""


def _field_set(value: Any) -> FieldSet:
    return value if isinstance(value, FieldSet) else FieldSet.from_dict(value)


def _steps(value: Iterable[str] | None) -> frozenset[str] | None:
    return None if value is None else frozenset((value,) if isinstance(value, str) else value)


@attrs.frozen(kw_only=True)
class ItemType:
    """A type of configuration items, as data.

    Args:
        name: such as `server`.
        fields: attributes of its own, as a `FieldSet` or the plain data that makes one.
        controlled: whether its items in service are changed only in scope of an authorized change (INV-069).
        steps: the steps of the lifecycle that its items have; None means all.

    >>> ItemType(name="server", fields={"memory": {"type": "integer", "required": True}}).fields.specs["memory"].type
    'integer'
    """

    name: str
    fields: FieldSet = attrs.field(factory=FieldSet, converter=_field_set)
    controlled: bool = False
    steps: frozenset[str] | None = attrs.field(default=None, converter=_steps)

    def problems(self, values: Mapping[str, Any], known: Iterable[str]) -> Iterable[Reason]:
        """Yield what is wrong with the attributes of an item: those that other types have, and those that lack."""
        for name in values:
            if name not in self.fields and name in known and not blank(values[name]):
                yield Reason.of(
                    "unknown_field", record=f"The type {self.name}", field=name, nearest=nearest(name, self.fields)
                )
        for name, spec in self.fields.specs.items():
            if spec.required and blank(values.get(name)):
                yield Reason.of("blank", field=name)


def _types(value: Any) -> Mapping[str, ItemType]:
    found: dict[str, ItemType] = {}
    for each in value.values() if isinstance(value, Mapping) else value:
        if not isinstance(each, ItemType):
            raise DefinitionError.of("ill_typed", field="types", expected="ItemType values", value=each)
        if each.name in found:
            raise DefinitionError.of("duplicate", where="the item types", what="the type", name=each.name)
        found[each.name] = each
    return found


def _names(value: Iterable[str]) -> frozenset[str]:
    return frozenset(value)


def _pairs(value: Mapping[str, Iterable[tuple[str, str]]]) -> Mapping[str, frozenset[tuple[str, str]]]:
    return {name: frozenset((str(a), str(b)) for a, b in pairs) for name, pairs in value.items()}


@attrs.frozen(kw_only=True)
class ConfigurationPolicy:
    """What an organization decides about its items; given to `connect` as `policies={"configuration_item": ...}`.

    Args:
        types: the types that items may have; with none, any name will do.
        between: relation -> the pairs of types (source, target) that it may connect, `*` for every type. A relation
            that is not named connects any two.
        authorizing: the states in which a change lets items in its scope be changed.

    >>> policy = ConfigurationPolicy(
    ...     types=[ItemType(name="server"), ItemType(name="application", controlled=True)],
    ...     between={"runs_on": [("application", "server")]},
    ... )
    >>> policy.may("runs_on", "application", "server"), policy.may("runs_on", "server", "application")
    (True, False)

    Raises:
        DefinitionError: a type stands in it twice or is unknown, or two types declare one field differently.
    """

    types: Mapping[str, ItemType] = attrs.field(factory=dict, converter=_types, hash=False)
    between: Mapping[str, frozenset[tuple[str, str]]] = attrs.field(factory=dict, converter=_pairs, hash=False)
    authorizing: frozenset[str] = attrs.field(default=frozenset({"scheduled", "implement"}), converter=_names)
    fields: FieldSet = attrs.field(init=False)
    """The attributes of all types; every item has room for them, and its type says which it may fill."""

    def __attrs_post_init__(self) -> None:
        for name, pairs in self.between.items():
            for each in sorted({each for pair in pairs for each in pair} - {ANY}):
                if self.types and each not in self.types:
                    near = nearest(each, self.types)
                    raise DefinitionError.of(
                        "unknown_name", where=f"between.{name}", what="type", name=each, nearest=near
                    )
        merged: dict[str, Any] = {}
        for kind in self.types.values():
            for name, spec in kind.fields.specs.items():
                room = attrs.evolve(spec, required=False, default=None)
                if merged.setdefault(name, room) != room:
                    raise DefinitionError.of(
                        "definition", where=f"the field {name!r} of the item types",
                        text="two types declare it differently.", remedy="Give one of the two another name.",
                    )  # fmt: skip
        object.__setattr__(self, "fields", FieldSet(**merged))

    def may(self, relation: str, source: str, target: str) -> bool:
        """Whether a relation may go from an item of one type to one of another."""
        pairs = self.between.get(relation)
        if pairs is None:
            return True
        return any(a in (ANY, source) and b in (ANY, target) for a, b in pairs)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build the policy from plain data, as from a TOML file: `types` by their names, `between`, `authorizing`.

        >>> policy = ConfigurationPolicy.from_dict({
        ...     "types": {"server": {"fields": {"memory": {"type": "integer"}}, "controlled": True}},
        ...     "between": {"runs_on": [["*", "server"]]},
        ... })
        >>> policy.types["server"].controlled
        True
        """
        _only("the policy", data, ("types", "between", "authorizing"))
        types = []
        for name, said in data.get("types", {}).items():
            _only(f"types.{name}", said, ("fields", "controlled", "steps"))
            types.append(ItemType(name=name, **said))
        rest = {name: data[name] for name in ("between", "authorizing") if name in data}
        return cls(types=types, **rest)


def _only(where: str, data: Any, known: tuple[str, ...]) -> None:
    if not isinstance(data, Mapping):
        raise DefinitionError.of("ill_typed", field=where, expected="a mapping", value=data)
    for key in data:
        if key not in known:
            raise DefinitionError.of("unknown_name", where=where, what="key", name=key, nearest=nearest(key, known))


__all__ = ["ANY", "ConfigurationPolicy", "ItemType"]
