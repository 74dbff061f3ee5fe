"""The request catalogue as people see it: one view for users, one for customers, one for those who deliver."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from itil4.errors import InvalidInput, nearest
from itil4.practices.request_models import EntryState, FulfilmentTask, RequestModel
from itil4.record import Actor, FieldSpec, Frozen
from itil4.service_level.target import iso_duration
from itil4.vocabulary import choices

if TYPE_CHECKING:
    from itil4.practices.service_request_management import ServiceRequestManagement

View: TypeAlias = Literal["user", "customer", "it"]
"""user: what can be requested; customer: what is promised, and what it costs; it: how it is delivered."""


@attrs.frozen(kw_only=True)
class CatalogueEntry:
    """What one view shows of an entry of the request catalogue; what it does not show is None, or empty.

    Attributes:
        model, name, service, description: what it is; `model` is the id to request it by.
        view: whose view it is.
        is_requestable: whether it can be requested now.
        asks: what a request brings along (user, it).
        needs_approval: whether somebody approves it first.
        target: how long fulfilment may take, in calendar time.
        cost: what it costs (customer).
        state, tasks, changes, group: how it is delivered (it).
    """

    model: str
    name: str
    service: str
    description: str
    view: View
    is_requestable: bool
    needs_approval: bool
    target: timedelta | None
    asks: Mapping[str, FieldSpec] = attrs.field(factory=Frozen, hash=False)
    cost: str | None = None
    state: EntryState | None = None
    tasks: tuple[FulfilmentTask, ...] = ()
    changes: tuple[str, ...] = ()
    group: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that any JSON encoder takes; what the view does not show is left out."""
        told = {name: value for name, value in attrs.asdict(self, recurse=False).items() if value not in (None, (), {})}
        told["asks"] = {name: attrs.asdict(spec) for name, spec in self.asks.items()}
        told["tasks"] = [{"name": each.name, "text": each.text, "after": list(each.after)} for each in self.tasks]
        told["changes"] = list(self.changes)
        told["target"] = None if self.target is None else iso_duration(self.target)
        return {name: value for name, value in told.items() if value not in (None, [], {})}


def entries(practice: "ServiceRequestManagement[Any]", reader: Actor, view: View) -> tuple[CatalogueEntry, ...]:
    """Return what a view shows to a reader: nothing but what its audience may see (INV-076).

    Raises:
        InvalidInput: there is no such view.
    """
    known = choices(View)
    if view not in known:
        raise InvalidInput.of("not_a_choice", field="view", value=view, choices=known, nearest=nearest(view, known))
    return tuple(_seen(practice, reader, view))


def _seen(practice: "ServiceRequestManagement[Any]", reader: Actor, view: View) -> Iterator[CatalogueEntry]:
    rules = practice.rules
    staff = practice.is_staff(reader)
    if view == "it" and not staff:
        return
    if view == "customer" and not staff and rules.customer_roles.isdisjoint(reader.roles):
        return
    for model in rules.models:
        state = rules.state(model)
        admitted = practice.admits(model, reader)
        if view == "it" or (state == "published" and admitted):
            yield _entry(model, view, state, admitted)


def _entry(model: RequestModel, view: View, state: EntryState, admitted: bool) -> CatalogueEntry:
    shown: dict[str, Any] = {}
    if view in ("user", "it"):
        shown["asks"] = model.asks
    if view in ("customer", "it"):
        shown["cost"] = model.cost
    if view == "it":
        shown |= {"state": state, "tasks": model.tasks, "changes": model.changes, "group": model.group}
    return CatalogueEntry(
        model=model.id, name=model.name, service=model.service, description=model.description, view=view,
        is_requestable=state == "published" and admitted, needs_approval=model.needs_approval, target=model.target,
        **shown,
    )  # fmt: skip


__all__ = ["CatalogueEntry", "View", "entries"]
