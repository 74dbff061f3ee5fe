"""What a practice class must get right, said when the class is made and not when the first user meets it."""

from typing import TYPE_CHECKING, Any

import attrs

from itil4.errors import DefinitionError, nearest
from itil4.lifecycle import Lifecycle
from itil4.lifecycle.structure import named_fields
from itil4.record import Record, Shape, make_shape

if TYPE_CHECKING:
    from itil4.practices.base import Practice


def check_class(cls: "type[Practice[Any]]") -> None:
    """Check names, record type, lifecycles and steps of a practice class.

    Raises:
        DefinitionError: with the nearest name where one is unknown.
    """
    for what in ("name", "slot", "kind", "prefix"):
        text = getattr(cls, what)
        if not isinstance(text, str) or not text.isidentifier():
            raise DefinitionError.of(
                "definition", where=f"{cls.__name__}.{what}", text=f"{text!r} is no identifier.",
                remedy=f"Set {what} to one, such as 'incident'.",
            )  # fmt: skip
    for each in cls.lifecycles():
        if not isinstance(each, Lifecycle):
            where = f"{cls.__name__}.lifecycle or aspects"
            raise DefinitionError.of("ill_typed", field=where, expected="a Lifecycle", value=each)
    _check_record(cls)
    shape = make_shape(cls.record, cls.fields, cls.locked())
    for lifecycle in cls.lifecycles():
        if lifecycle.field not in shape.fields:
            _unknown(f"the lifecycle {lifecycle.name!r} of {cls.__name__}", lifecycle.field, shape)
        for name, place, _ in named_fields(lifecycle):
            if shape.get(name) is None:
                _unknown(f"{place!r} of {cls.__name__}", name, shape)
        for event in lifecycle.events:
            _check_event(cls, event)
    if cls.closed_roles is not None:
        _check_roles(cls, shape, cls.closed_roles)


def _check_roles(cls: "type[Practice[Any]]", shape: Shape, known: Any) -> None:
    """Refuse steps for roles that are not there, where the practice closes the set."""
    if not isinstance(known, (set, frozenset, tuple, list)) or not all(isinstance(role, str) for role in known):
        where = f"{cls.__name__}.closed_roles"
        raise DefinitionError.of("ill_typed", field=where, expected="a set of names", value=known)
    from itil4.lifecycle.findings import check_against  # read where somebody closes the set: a first record does not

    for lifecycle in cls.lifecycles():
        check_against(lifecycle, shape, (*known, *cls.relative_roles, "system"), only=("unknown_role",))


def _check_record(cls: "type[Practice[Any]]") -> None:
    record = cls.record
    if not (isinstance(record, type) and issubclass(record, Record)):
        raise DefinitionError.of("ill_typed", field=f"{cls.__name__}.record", expected="a Record class", value=record)
    if "__attrs_attrs__" not in vars(record):
        raise DefinitionError.of(
            "definition", where=f"{cls.__name__}.record",
            text=f"{record.__name__} is no attrs class, so it adds no fields.",
            remedy="Decorate it with @attrs.frozen(kw_only=True).",
        )  # fmt: skip
    inherited: type = next((vars(base)["record"] for base in cls.__mro__[1:] if "record" in vars(base)), Record)
    if not issubclass(record, inherited):
        raise DefinitionError.of(
            "definition", where=f"{cls.__name__}.record",
            text=f"{record.__name__} does not extend {inherited.__name__}, whose fields the practice uses.",
            remedy=f"Let it inherit from {inherited.__name__}.",
        )  # fmt: skip
    needed = [each.name for each in attrs.fields(record) if not each.init]
    if needed:
        raise DefinitionError.of(
            "definition", where=f"{record.__name__}.{needed[0]}", text="a field with init=False is not stored.",
            remedy="Make it a property, or an ordinary field with a default.",
        )  # fmt: skip


def _check_event(cls: "type[Practice[Any]]", event: str) -> None:
    """Refuse a step whose verb would hide something else that the practice can do."""
    for base in cls.__mro__[1:]:
        moves = vars(base).get("_moves")
        if moves is not None and event in moves.events:
            return
        if event in vars(base) and not event.startswith("_"):
            raise DefinitionError.of(
                "definition", where=f"the step {event!r} of {cls.__name__}",
                text=f"{base.__name__}.{event} is something else.", remedy="Give the step another name.",
            )  # fmt: skip


def _unknown(where: str, name: str, shape: Shape) -> None:
    known = [*shape.fields, *shape.extra]
    raise DefinitionError.of("unknown_name", where=where, what="field", name=name, nearest=nearest(name, known))
