"""How a change takes up a model: which one a type or a name means, and what the model brings along."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from itil4.errors import DefinitionError, InvalidInput, Reason, Refused, nearest
from itil4.lifecycle import Context
from itil4.practices.change_models import AUTHORIZING, PREAUTHORIZED, ChangeModel
from itil4.practices.change_policy import ChangePolicy
from itil4.practices.defining import refuse
from itil4.record import Actor, Frozen, Record, blank
from itil4.record.shape import Shape
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.change_enablement import ChangeEnablement

_BY_THE_LIBRARY = ("model_version", "model_record", "review_rule")

# what a practice and its models must get right


def check_lifecycle(cls: "type[ChangeEnablement[Any]]") -> None:
    """Refuse a practice in which a change could be scheduled without its pre-authorization.

    Raises:
        DefinitionError: the step does not ask for it.
    """
    for each in cls.lifecycle.transitions:
        where = f"the step {each.event!r} of {cls.__name__}"
        if each.event == PREAUTHORIZED and not any(rule.name == "is_preauthorized" for rule in each.guards):
            raise refuse(where, "it could be taken without a pre-authorization.", "Keep its guard is_preauthorized.")


def check_model(cls: "type[ChangeEnablement[Any]]", model: ChangeModel, shape: Shape) -> None:
    """Refuse a model that does not fit a practice; see `ChangeEnablement.check_model`."""
    model.check()
    graph = cls.lifecycle.graph
    for state, into in model.lifecycle.items():
        for event, targets in into.items():
            for target in targets:
                if (event, state, target) not in graph:
                    near = nearest(event, [each for each, source, _ in graph if source == state])
                    raise DefinitionError.of(
                        "unknown_name", where=model.where, what="step", name=f"{state} -{event}-> {target}",
                        nearest=near,
                    )  # fmt: skip
    if (story := model.skips(cls.carried_out)) is not None:
        raise refuse(model.where, f"it skips authorization: {story}.", f"Let every way there go by {AUTHORIZING!r}.")
    for what in ("requires", "conditions", "template"):
        for name in getattr(model, what):
            if shape.get(name) is None or (what == "template" and name in shape.locked):
                known = [*shape.fields, *shape.extra]
                raise DefinitionError.of(
                    "unknown_name",
                    where=f"{model.where}, {what}",
                    what="field",
                    name=name,
                    nearest=nearest(name, known),
                )


@lru_cache(maxsize=64)
def sound(cls: "type[ChangeEnablement[Any]]", policy: ChangePolicy, shape: Shape) -> Mapping[str, ChangeModel]:
    """Return the models of a practice and a policy by their names; those of the policy win.

    Raises:
        DefinitionError: one of them does not fit, or would be pre-authorized without the register.
    """
    found = {}
    for model in (*cls.models, *policy.models):
        if model.preauthorized:
            raise refuse(
                model.where, "only the register can pre-authorize.", "Log it with itsm.change_models.log(model=...)."
            )
        check_model(cls, model, shape)
        found[model.name] = model
    return Frozen(found)


# what a model says against a change


def against_model(
    practice: "ChangeEnablement[Any]", before: Any | None, after: Any, context: Context, event: str
) -> Iterable[Reason]:
    """Yield what speaks against a change by its model: a procedure altered, or something recorded after the fact."""
    held = practice.applied(after, practice.desk.reading())
    model = held.model
    if model is None:
        if before is None:
            known = practice.known_models
            near = nearest(after.model, known)
            yield Reason.of("not_a_choice", field="model", value=after.model, choices=tuple(known), nearest=near)
        return
    if model.preauthorized:
        fixed = {"rule": f"fixed by the model {model.name!r}", "remedy": "Leave it out, or log a normal change."}
        for name, value in model.template.items():
            if practice.shape.read(after, name) != value:
                yield Reason.of("field_rule", field=name, **fixed)
        if [each.plan for each in after.tasks] != [each.plan for each in model.tasks]:
            yield Reason.of("field_rule", field="tasks", **fixed)
    if model.after_the_fact:
        return
    told = before is None and (after.actual_start is not None or after.actual_end is not None)
    since = held.since if model.preauthorized else after.authorized_at
    begun = after.actual_start if event in ("implement", "review") else None
    early = begun is not None and since is not None and begun < since
    if told or early or (event == AUTHORIZING and context.at < context.now):
        yield Reason.of("after_the_fact", model=model.name, event=event)


# taking one up


def taken_up(
    practice: "ChangeEnablement[Any]", unit: Unit, values: Mapping[str, Any], actor: Actor, current: Any | None
) -> dict[str, Any]:
    """Return the values of a birth, or of another choice, with the model that they mean and what it brings.

    Raises:
        InvalidInput: there is no such model or type, or two models fit.
        Refused: the model is not active, or not for this actor.
    """
    event = "log" if current is None else "reclassify"
    for name in _BY_THE_LIBRARY:
        if name in values:
            raise InvalidInput.of("own_step", event=event, field=name, steps=("the library alone",))
    wanted, kind = values.get("model"), values.get("type")
    if kind is not None and not isinstance(kind, str):
        raise InvalidInput.of("ill_typed", field="type", expected="a text", value=kind)
    if wanted is None and kind is None:
        if current is not None:
            raise Refused.of("missing", event=event, fields=("type", "model"))
        kind = "normal"
    model, held = _found(practice, unit, wanted, kind)
    if kind is not None and model.type != kind:
        raise InvalidInput.of("model_type", model=model.name, type=model.type, value=kind)
    if held is not None and held.state != "active":
        raise Refused.of("model_not_active", model=model.name, state=held.state, type=model.type)
    if model.requesters and frozenset(model.requesters).isdisjoint(actor.roles):
        raise Refused.of("role", event=event, actor=actor.id, has=sorted(actor.roles), needs=sorted(model.requesters))
    if held is not None:
        unit.depend([held.id])
    brings: dict[str, Any] = {**model.template, **({"tasks": model.tasks} if model.tasks else {})}
    if current is not None:
        read = practice.shape.read
        keeps = () if model.preauthorized else [name for name in brings if not blank(read(current, name))]
        brings = {name: value for name, value in brings.items() if name not in keeps}
        if model.preauthorized and not model.tasks and current.tasks:
            brings["tasks"] = ()
    return {
        **brings, **values, "type": model.type, "model": model.name,
        "model_version": 1 if held is None else held.model_version,
        "model_record": None if held is None else held.id, "review_rule": model.review,
    }  # fmt: skip


def _found(practice: "ChangeEnablement[Any]", unit: Unit, wanted: Any, kind: str | None) -> tuple[ChangeModel, Any]:
    """Return the model that is meant, and its record where it is one of the register."""
    known = practice.known_models
    register: Any = practice.desk.in_slot("change_models")
    if wanted is None:
        return _of_type(known, register, kind)
    if isinstance(wanted, Record):
        held = register._held(unit, wanted, None, None)
        return held.model, held
    if not isinstance(wanted, str):
        raise InvalidInput.of("ill_typed", field="model", expected="the name of a change model", value=wanted)
    if wanted in known:
        return known[wanted], None
    named = list(register.each(name=wanted))
    living = [each for each in named if each.state != "withdrawn"] or named
    if not living:
        living = [each for each in register.each() if wanted in (each.number, each.id)]
    if not living:
        names = [*known, *(each.name for each in register.active())]
        raise InvalidInput.of(
            "not_a_choice", field="model", value=wanted, choices=tuple(names), nearest=nearest(wanted, names)
        )
    if len(living) > 1:
        raise InvalidInput.of("several_models", type=wanted, models=[each.reference for each in living])
    held = register._held(unit, living[0].id, None, None)
    return held.model, held


def _of_type(known: Mapping[str, ChangeModel], register: Any, kind: str | None) -> tuple[ChangeModel, Any]:
    if kind is not None and kind in known and known[kind].type == kind:
        return known[kind], None
    active = register.active()
    own = [(each, None) for each in known.values() if each.type == kind]
    own += [(each.model, each) for each in active if each.type == kind]
    if not own:
        types = tuple(dict.fromkeys(("standard", *(each.type for each in (*known.values(), *active)))))
        if kind == "standard":
            raise InvalidInput.of("no_standard_model")
        raise InvalidInput.of("not_a_choice", field="type", value=kind, choices=types, nearest=nearest(kind, types))
    if len(own) > 1 or kind == "standard":
        raise InvalidInput.of("several_models", type=kind, models=[model.name for model, _ in own])
    return own[0]


__all__ = ["against_model", "check_lifecycle", "check_model", "sound", "taken_up"]
