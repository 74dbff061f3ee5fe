"""What an organization decides about service requests: its request catalogue, and what holds for all of them."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any

import attrs

from itil4.errors import DefinitionError, nearest
from itil4.practices.defining import line, refuse, several
from itil4.practices.request_models import STATES, EntryState, RequestModel
from itil4.record import FieldSet, FieldSpec, Frozen

STAFF = frozenset({"request_manager", "fulfilment_agent", "service_desk"})
"""Roles of those who look after requests."""


def _models(value: Any) -> tuple[RequestModel, ...]:
    found = several("models", value)
    return tuple(each if isinstance(each, RequestModel) else RequestModel.from_dict(each) for each in found)


def _portfolio(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, Mapping):
        told: Mapping[Any, Any] = value
    else:
        told = dict.fromkeys(several("portfolio", value), "published")
    for name, state in told.items():
        if not isinstance(name, str) or not name or name.isspace():
            raise DefinitionError.of("ill_typed", field="portfolio", expected="names of services", value=name)
        if state not in STATES:
            near = nearest(state, STATES)
            raise DefinitionError.of(
                "not_a_choice", field=f"portfolio.{name}", value=state, choices=STATES, nearest=near
            )
    return Frozen(told)


def _roles(value: Any) -> Any:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise DefinitionError.of("ill_typed", field="customer_roles", expected="a set of names", value=value)
    return frozenset(value)


def _span(_: Any, attribute: Any, value: Any) -> None:
    if value is not None and (type(value) is not timedelta or value < timedelta()):
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a timedelta, or None", value=value)


@attrs.frozen(kw_only=True)
class RequestPolicy:
    """What an organization decides about its requests; given to `connect` as `policies={"service_request": ...}`.

    What the models ask for becomes extra fields of service requests, which are typed, stored and found by.

    >>> policy = RequestPolicy(models=[{"id": "vpn", "name": "Access from home", "service": "network"}])
    >>> policy.model("vpn").state
    'pipeline'

    Args:
        models: the entries of the request catalogue; plain data will do.
        portfolio: the services that there are, or service -> pipeline, published or retired; every model belongs to
            one of them, and is offered only while its service is (INV-077). None: the portfolio is kept elsewhere.
        reopen_within: how long after fulfilment a request may be reopened (calendar time); None: always.
        default_owner: the team that answers for requests.
        customer_roles: who sees the customer's view of the catalogue, besides those who look after requests.

    Raises:
        DefinitionError: two models have one id, a service is not in the portfolio, or two models ask for
            different things by one name.
    """

    models: tuple[RequestModel, ...] = attrs.field(default=(), converter=_models)
    portfolio: Mapping[str, EntryState] | None = attrs.field(default=None, converter=_portfolio, hash=False)
    reopen_within: timedelta | None = attrs.field(default=timedelta(days=14), validator=_span)
    default_owner: str = attrs.field(default="service desk", validator=line)
    customer_roles: frozenset[str] = attrs.field(
        default=frozenset({"customer", "service_level_manager", "relationship_manager"}), converter=_roles
    )

    def __attrs_post_init__(self) -> None:
        seen = set[str]()
        for model in self.models:
            if model.id in seen:
                raise DefinitionError.of("duplicate", where="the request catalogue", what="the model", name=model.id)
            seen.add(model.id)
            if self.portfolio is not None and model.service not in self.portfolio:
                raise DefinitionError.of(
                    "unknown_name", where=model.where, what="service of the portfolio", name=model.service,
                    nearest=nearest(model.service, self.portfolio),
                )  # fmt: skip
        self.fields  # noqa: B018 - what cannot be asked is refused when the policy is made

    @cached_property
    def by_id(self) -> Mapping[str, RequestModel]:
        """The models by their ids."""
        return {model.id: model for model in self.models}

    def model(self, name: str | None) -> RequestModel | None:
        """Return the model of that id, or else of that name where one alone has it."""
        if name is None:
            return None
        if name in self.by_id:
            return self.by_id[name]
        named = [model for model in self.models if model.name == name]
        return named[0] if len(named) == 1 else None

    def state(self, model: RequestModel) -> EntryState:
        """Return where an entry stands: as the model says, but offered only while its service is."""
        service = "published" if self.portfolio is None else self.portfolio[model.service]
        if "retired" in (model.state, service):
            return "retired"
        return "pipeline" if "pipeline" in (model.state, service) else "published"

    @cached_property
    def fields(self) -> FieldSet:
        """What the models ask for, as extra fields that no request of another model needs."""
        found: dict[str, FieldSpec] = {}
        for model in self.models:
            for name, spec in model.asks.items():
                held = found.get(name)
                if held is not None and held.type != spec.type:
                    raise refuse(
                        model.where, f"it asks for {name} as {spec.type}, and another model as {held.type}.",
                        "Give one of them another name.",
                    )  # fmt: skip
                choices = tuple(dict.fromkeys((*(held.choices if held else ()), *spec.choices)))
                found[name] = FieldSpec(spec.type, choices=choices, label=held.label if held else spec.label)
        return FieldSet(**found)


__all__ = ["STAFF", "RequestPolicy"]
