"""Buttons: what an actor could do now, and what a form would have to ask for."""

from typing import TYPE_CHECKING, Any

import attrs

from itil4.errors import InvalidInput, nearest
from itil4.lifecycle.arrows import Arrow
from itil4.lifecycle.context import Ask, Context, Step
from itil4.lifecycle.fields import ASKED, MANDATORY, MUST_CHANGE
from itil4.record import Shape, blank

if TYPE_CHECKING:
    from itil4.lifecycle.engine import Engine


def button(engine: "Engine", arrows: tuple[Arrow, ...], record: Any, context: Context, shape: Shape) -> Step | None:
    """Return the step that alternatives offer: the first that passes, or the first that only lacks values.

    What alternatives before it would have asked is asked too, and not required. Where the actor
    names the target, the choices are those of every alternative that could be taken.
    """
    lacking: list[tuple[Arrow, str | None]] | None = None
    for arrow in arrows:
        _, _, target, reasons = engine.judge(arrow, record, context, shape)
        if reasons is None:
            if arrow.simple and lacking is None:
                return arrow.step or _plain(engine, arrow)
            asks = _asks(arrow, target, record, context, shape)
            for other, aim in lacking or ():
                known = {ask.field for ask in asks}
                more = _asks(other, aim, record, context, shape)
                asks += [attrs.evolve(ask, required=False) for ask in more if ask.field not in known]
            return Step(arrow.event, arrow.transition.title, target, tuple(asks), engine.name)
        if all(reason.code == "missing" for reason in reasons):
            lacking = [*(lacking or ()), (arrow, target)]
    if lacking is None:
        return None
    first, target = lacking[0]
    asks = _asks(first, target, record, context, shape)
    if first.chosen is not None and target is None:
        field = first.chosen.field
        among = [
            name for other, _ in lacking if other.chosen and other.chosen.field == field for name in other.chosen.among
        ]
        asks[0] = attrs.evolve(asks[0], choices=tuple(dict.fromkeys(among)))
    return Step(first.event, first.transition.title, target, tuple(asks), engine.name)


def _plain(engine: "Engine", arrow: Arrow) -> Step:
    """Return the step of an arrow that asks for nothing, made once."""
    arrow.step = Step(arrow.event, arrow.transition.title, arrow.target, (), engine.name)
    return arrow.step


def _asks(arrow: Arrow, target: str | None, record: Any, context: Context, shape: Shape) -> list[Ask]:
    """Return what a form asks for, the choice of the target first."""
    asks = []
    if arrow.chosen is not None and target is None:
        asks.append(Ask(arrow.chosen.field, "choice", True, arrow.chosen.among))
    plan = arrow.plan_for(target)
    wanted = dict.fromkeys((name for name in arrow.requires if blank(read_field(shape, record, name))), True)
    for ruling in plan.demands if plan else ():
        flags = ruling.flags(record, context, shape.read)
        empty = blank(read_field(shape, record, ruling.field))
        if flags & ASKED or (flags & MANDATORY and empty):
            wanted[ruling.field] = wanted.get(ruling.field, False) or bool(flags & (MANDATORY | MUST_CHANGE))
    for name, required in wanted.items():
        field: Any = shape.get(name)  # never None: its value was read above
        spec = shape.extra.specs.get(name)
        label = (spec.label if spec else None) or name.replace("_", " ").capitalize()
        asks.append(Ask(name, field.kind, required, field.choices, label))
    return asks


def read_field(shape: Shape, record: Any, name: str) -> Any:
    """Return the value of a field that a rule names.

    Raises:
        InvalidInput: the record type has no such field.
    """
    if shape.get(name) is not None:
        return shape.read(record, name)
    raise InvalidInput.of(
        "unknown_field", record=shape.record.__name__, field=name, nearest=nearest(name, shape.fields)
    )
