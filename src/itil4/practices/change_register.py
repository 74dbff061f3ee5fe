"""The register of change models: which of them stand, and which pre-authorize their changes.

A model of the register is a record: its versions, who assessed and authorized it, and when it lost its
pre-authorization are entries of its history.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeVar

import attrs

from itil4.errors import DefinitionError, InvalidInput, Reason, Refused
from itil4.lifecycle import Context, Lifecycle, State, Transition, guard
from itil4.practices.approval import Approvable, ApprovalPolicy, Approving, approval_lifecycle
from itil4.practices.change_models import ChangeModel
from itil4.practices.change_policy import ChangePolicy
from itil4.practices.change_rules import ASSESSORS, COORDINATOR, MANAGER, policy_of
from itil4.record import Actor, Line, Note
from itil4.storage.unit import Unit
from itil4.vocabulary import Level

MODELLERS = frozenset({MANAGER, COORDINATOR, "service_owner", "owner"})
"""Who keeps models."""


@attrs.frozen(kw_only=True)
class RegisteredModel(Approvable):
    """A change model of an organization, with all its versions.

    Attributes:
        name, type: those of the last version.
        owner: who is accountable for it.
        definitions: its versions, the first one first; only the last one can be active.
        risk, risk_note, assessed_at, assessed_by: how risky its changes are, by whom and why.
        authorized_at: since when it is active; None while it is not.
        completed, failed: how its changes went since then; see `ChangePolicy.failures`.
        withdrawal: why it is used no longer.
    """

    name: Line
    type: Line
    owner: Line
    note: Note = ""
    definitions: tuple[ChangeModel, ...]
    risk: Level | None = None
    risk_note: Note | None = None
    assessed_at: datetime | None = None
    assessed_by: Line | None = None
    authorized_at: datetime | None = None
    completed: int = 0
    failed: int = 0
    withdrawal: Line | None = None

    @property
    def model(self) -> ChangeModel:
        """The last version."""
        return self.definitions[-1]

    @property
    def model_version(self) -> int:
        """Its number, from 1 on."""
        return len(self.definitions)

    @property
    def is_preauthorized(self) -> bool:
        """Whether changes by it need no authorization of their own now (INV-055)."""
        return self.state == "active" and self.model.preauthorized


def unauthorized(model: RegisteredModel, context: Context) -> Mapping[str, Any]:
    """An altered model, and one that changes failed by, is assessed and authorized again (INV-056)."""
    return dict.fromkeys(("risk", "risk_note", "assessed_at", "assessed_by", "authorized_at"))


def stamp_assessed(model: RegisteredModel, context: Context) -> Mapping[str, Any]:
    """An assessment has its time, and who made it."""
    return {"assessed_at": context.at, "assessed_by": context.actor.id}


def stamp_active(model: RegisteredModel, context: Context) -> Mapping[str, Any]:
    """From now on it counts, and how its changes go is counted."""
    return {"authorized_at": context.at, "completed": 0, "failed": 0}


@guard(text="it still has the trust of the policy.")
def is_distrusted(model: RegisteredModel, context: Context) -> bool:
    """A pre-authorization ends when too many changes by it failed."""
    return model.model.preauthorized and policy_of(context).distrusts(model.completed, model.failed)


LIFECYCLE = Lifecycle(
    "change model",
    "draft",
    states=[
        State("draft", "new"),
        State("authorize", "waiting", kind="approval"),
        State("active", "resolved"),
        State("withdrawn", "cancelled", final=True),
    ],
    transitions=[
        Transition("alter", ["draft", "authorize", "active"], "draft", roles=MODELLERS, requires="definitions",
                   fields={"definitions": "must_change"}, effects=[unauthorized]),
        Transition("assess_risk", "draft", "draft", roles=ASSESSORS, requires=["risk", "risk_note"],
                   fields={"risk": "must_prompt", "risk_note": "must_prompt"}, effects=[stamp_assessed]),
        Transition("submit", "draft", "authorize", roles=MODELLERS, requires="risk"),
        Transition("authorize", "authorize", "active", internal=True, effects=[stamp_active]),
        Transition("refuse", "authorize", "draft", internal=True),
        Transition("count_result", "active", "draft", internal=True, guards=[is_distrusted], effects=[unauthorized],
                   facts="policy"),
        Transition("count_result", "active", "active", internal=True),
        Transition("revert_to_draft", "authorize", "draft", roles=MODELLERS),
        Transition("withdraw", ["draft", "authorize", "active"], "withdrawn", roles=MODELLERS, requires="withdrawal",
                   effects=[unauthorized]),
    ],
)  # fmt: skip
"""The lifecycle of a model of the register."""

SET_BY: Mapping[str, tuple[str, ...]] = {
    "name": ("log", "alter"),
    "type": ("log", "alter"),
    "definitions": ("log", "alter"),
    "risk": ("assess_risk",),
    "risk_note": ("assess_risk",),
    "assessed_at": (),
    "assessed_by": (),
    "authorized_at": (),
    "completed": ("count_result",),
    "failed": ("count_result",),
    "withdrawal": ("withdraw",),
}
"""Fields that only these steps may be given."""

M = TypeVar("M", bound=RegisteredModel)


class ChangeModels(Approving[M]):
    """The register of change models: `itsm.change_models`."""

    name = "change_models"
    slot = "change_models"
    kind = "change_model"
    prefix = "CHM"
    record = RegisteredModel  # type: ignore[assignment]  # a subclass brings its own type
    lifecycle: ClassVar[Lifecycle] = LIFECYCLE
    aspects: ClassVar[tuple[Lifecycle, ...]] = (approval_lifecycle(MODELLERS),)
    approval_outcomes: ClassVar[Mapping[str, str]] = {"approved": "authorize", "rejected": "refuse"}
    approval_states: ClassVar[tuple[str, ...]] = ("authorize",)
    approval_steps: ClassVar[tuple[str, ...]] = ("submit",)
    approval_covers: ClassVar[tuple[str, ...]] = ("definitions", "risk", "risk_note")
    indexed: ClassVar[tuple[str, ...]] = ("name", "type", "owner", "risk", "authorized_at")

    @property
    def rules(self) -> ChangePolicy:
        """The policy in force: that of the changes."""
        changes: Any = self.desk.in_slot("changes")
        found: ChangePolicy = changes.rules
        return found

    # where models come from

    def log(  # type: ignore[override]  # a model is born from its definition
        self, *, model: ChangeModel | Mapping[str, Any], by: Actor | None = None, at: datetime | None = None,
        reason: str | None = None, once: str | None = None, **values: Any,
    ) -> M:  # fmt: skip
        """Put a model into the register, as a draft.

        Args:
            model: the model, or plain data that describes one.
            **values: `owner`, `note`, and fields of the host.

        Raises:
            DefinitionError: it cannot work, or skips authorization.
            InvalidInput: another model has its name.
            Refused: the actor keeps no models.
        """
        definition = self._defined(model)
        given = {**values, "definitions": (definition,), "name": definition.name, "type": definition.type}
        return super().log(by=by, at=at, reason=reason, once=once, **given)

    def _defined(self, model: ChangeModel | Mapping[str, Any]) -> ChangeModel:
        made = ChangeModel.from_dict(model) if isinstance(model, Mapping) else model
        if type(made) is not ChangeModel:
            raise InvalidInput.of("ill_typed", field="model", expected="a ChangeModel, or plain data", value=model)
        changes: Any = self.desk.in_slot("changes")
        changes.check_model(made, changes.shape)
        return made

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """A model is kept by somebody who keeps models, and owned by them where nobody else is named."""
        if not actor.is_system and MODELLERS.isdisjoint(actor.roles):
            raise Refused.of("role", event="log", actor=actor.id, has=sorted(actor.roles), needs=sorted(MODELLERS))
        return {"owner": actor.id}

    def alter(
        self, record: str | M, model: ChangeModel | Mapping[str, Any] | None = None, *, by: Actor | None = None,
        **changes: Any,
    ) -> M:  # fmt: skip
        """Make a further version of a model: a whole one, or only what is different.

        It is a draft then, whatever it was: a pre-authorization holds for what was authorized (INV-056).

        >>> import itil4
        >>> itsm, mia = itil4.connect(), itil4.Actor("mia", roles={"change_manager"})
        >>> held = itsm.change_models.log(model={"name": "patches", "type": "normal", "authorities": "board"}, by=mia)
        >>> held = itsm.change_models.alter(held, review="before_closure", by=mia)
        >>> held.model_version, held.model.review, held.state
        (2, 'before_closure', 'draft')
        """
        options = {name: changes.pop(name) for name in _OPTIONS if name in changes}
        current = self.get(record, by=by) if isinstance(record, str) else record
        if model is None:
            model = {**current.model.to_dict(), **changes}
        elif changes:
            raise InvalidInput.of("unknown_field", record="alter", field=next(iter(changes)), nearest=None)
        made = self._defined(model)
        given: dict[str, Any] = {"definitions": (*current.definitions, made), "name": made.name, "type": made.type}
        return self.fire(current, "alter", by=by, **given, **options)

    def assess_risk(
        self, record: str | M, *, risk: Level, risk_note: str, by: Actor | None = None, **options: Any
    ) -> M:
        """Say how risky the changes of a model are, and why; it is submitted after that only."""
        return self.fire(record, "assess_risk", by=by, risk=risk, risk_note=risk_note, **options)

    def submit(self, record: str | M, *, by: Actor | None = None, **options: Any) -> M:
        """Ask the authority to activate a model, and so to pre-authorize its changes where it says so."""
        return self.fire(record, "submit", by=by, **options)

    def withdraw(self, record: str | M, *, withdrawal: str, by: Actor | None = None, **options: Any) -> M:
        """Let a model be used no longer; what is under way by it can still be ended."""
        return self.fire(record, "withdraw", by=by, withdrawal=withdrawal, **options)

    # rules

    def approval_policy(self, record: M) -> ApprovalPolicy:
        """Models are authorized by the authority that the policy names for them."""
        return self.rules.authority(self.rules.model_authority)

    def editors(self) -> frozenset[str]:
        """Models are changed by those who keep them."""
        return MODELLERS | {"system"}

    def fact(self, name: str, record: M, unit: Unit) -> Any:
        """The policy is a fact of its steps."""
        return self.rules if name == "policy" else super().fact(name, record, unit)

    def inconsistencies(self, record: M) -> Iterable[Reason]:
        """The name and the type are those of the last version."""
        if not record.definitions:
            yield Reason.of("blank", field="definitions")
        elif (record.name, record.type) != (record.model.name, record.model.type):
            yield Reason.of("field_rule", field="name", rule="that of the model", remedy="Alter the model.")

    def objections(self, before: M | None, after: M, context: Context, event: str) -> Iterable[Reason]:
        """Versions only grow, and two models that are used do not share a name."""
        yield from super().objections(before, after, context, event)
        for name in context.payload:
            if name in SET_BY and event not in SET_BY[name]:
                yield Reason.of("own_step", event=event, field=name, steps=SET_BY[name] or ("the library alone",))
        if before is not None and after.definitions[: len(before.definitions)] != before.definitions:
            yield Reason.of(
                "only_grows", event=event, field="definitions", count=len(before.definitions), steps=("alter",)
            )
        if before is not None and after.definitions and before.definitions != after.definitions:
            changes: Any = self.desk.in_slot("changes")
            try:
                changes.check_model(after.model, changes.shape)
            except DefinitionError as error:
                yield from error.reasons
        if (before is None or before.name != after.name) and (taken := self._holder(after)) is not None:
            yield Reason.of("taken", what="change model", value=after.name, holder=taken)

    def _holder(self, model: M) -> str | None:
        changes: Any = self.desk.in_slot("changes")
        if model.name in changes.known_models:
            return "a model that is built in or given by the policy"
        for each in self.each(name=model.name):
            if each.id != model.id and each.state != "withdrawn":
                return each.reference
        return None

    # how their changes went

    def record_result(self, unit: Unit, record: M, *, completed: int, failed: int, actor: Actor, cause: str) -> M:
        """Count how a change by an active model went; too many failures end its pre-authorization."""
        system = Actor("change_enablement", kind="system", on_behalf_of=actor.on_behalf_of or actor.id)
        given = {"completed": record.completed + completed, "failed": record.failed + failed}
        return self._step(unit, record, "count_result", system, given, None, f"{cause} ended", cause)

    def active(self, type: str | None = None, *, by: Actor | None = None) -> tuple[M, ...]:  # noqa: A002 - ITIL's word
        """Return the models that can be used now, of a type or of all, in the order of their names."""
        found = self.each(state="active", by=by) if type is None else self.each(state="active", type=type, by=by)
        return tuple(sorted(found, key=lambda each: each.name))


_OPTIONS = ("at", "reason", "once", "expected", "cause")

__all__ = ["LIFECYCLE", "MODELLERS", "ChangeModels", "M", "RegisteredModel"]
