"""What an organization decides about its service levels: which targets apply to which records, and on which hours.

A policy is a value, or plain data: `ServiceLevelPolicy.from_dict` reads what TOML or JSON says. It is given
to `connect(policies={"service_level": policy})`, which checks it against the lifecycles it is about.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Self

import attrs

from itil4.errors import DefinitionError, Reason, nearest
from itil4.lifecycle import Timer
from itil4.practices.recurring import Recurrence
from itil4.practices.service_scope import Scope, certain_tie, most_specific
from itil4.record import Actor, Frozen
from itil4.service_level import ALWAYS, Condition, ServiceCalendar, Target, weakness
from itil4.service_level.target import duration as read_duration
from itil4.service_level.target import iso_instant

BREACH = "breach"
"""The threshold at which more has passed than was promised; the others are fractions of what was promised."""


def _people(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]


def _threshold(value: object) -> float | str:
    if value == BREACH:
        return BREACH
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 100:
        raise DefinitionError.of("ill_typed", field="at", expected="a fraction such as 0.75, or 'breach'", value=value)
    return float(value)


@attrs.frozen(kw_only=True)
class EscalationRule:
    """What happens when a clock reaches a threshold; it runs once, as entries by a system actor.

    Args:
        at: a fraction of the promised time, such as 0.75, or `breach`.
        notify: whom a notification is for, in names that the host's callback understands.
        escalate: who is informed by a hierarchical escalation: the step `escalate` of the practice.
        rank: the place that the record takes in its queue.

    >>> EscalationRule(at=0.75, notify="mail lead").notify
    ('mail lead',)
    """

    at: float | str = attrs.field(converter=_threshold)
    notify: tuple[str, ...] = attrs.field(default=(), converter=_people)
    escalate: str | None = None
    rank: int | None = None

    def __attrs_post_init__(self) -> None:
        if not self.notify and self.escalate is None and self.rank is None:
            raise DefinitionError.of("rule_does_nothing", at=self.at)


def _target(value: object) -> Target:
    if isinstance(value, Mapping):
        value = Target.from_dict(value)
    if not isinstance(value, Target):
        raise DefinitionError.of("ill_typed", field="target", expected="a Target", value=value)
    return value


def _rules(value: Iterable[Any]) -> tuple[EscalationRule, ...]:
    return tuple(each if isinstance(each, EscalationRule) else EscalationRule(**each) for each in value)


@attrs.frozen(kw_only=True)
class TargetRule(Scope):
    """A target, and the records that it applies to.

    Args:
        target: what is promised.
        calendar: its service hours, or the name that they have in the policy. Without it, those of
            the target, else those of the customer and service, else those of the policy.
        escalations: what happens at its thresholds.
        agreement: the number of the agreement that it comes from.
        kind, service, customer, priority, where, starts_at, ends_at: see `Scope`.
    """

    target: Target = attrs.field(converter=_target)
    calendar: ServiceCalendar | str | None = None
    escalations: tuple[EscalationRule, ...] = attrs.field(default=(), converter=_rules)
    agreement: str | None = None

    def __attrs_post_init__(self) -> None:
        if not self.kind:
            raise DefinitionError.of("blank", field=f"kind of the target {self.label}")

    @property
    def slot(self) -> str:
        """What competes: one target of a sort of promise and a metric applies to a record, such as `sla/resolve`."""
        return f"{self.target.kind}/{self.target.metric}"

    @property
    def label(self) -> str:
        """How errors and entries call it."""
        named = {name: "|".join(map(str, sorted(values, key=str))) for name, values in self.named.items()}
        scope = ", ".join(f"{name} {values}" for name, values in named.items())
        own = f"{self.target.label} ({scope})" if scope else self.target.label
        return f"{own} of {self.agreement}" if self.agreement else own

    @cached_property
    def watched(self) -> Target:
        """The target with the thresholds of its escalation rules among its warnings."""
        more = {float(each.at) for each in self.escalations if each.at != BREACH}
        return attrs.evolve(self.target, warnings=(*self.target.warnings, *more)) if more else self.target

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields of a record that decide whether it applies and what its clock does."""
        target = self.target
        every = (target.start, target.pause, target.resume, target.stop, target.cancel, target.reset)
        conditions = [each for several in every for each in several]
        return frozenset(self.named) | {name for each in conditions for name, _ in each.fields}


@attrs.frozen(kw_only=True)
class ServiceHours(Scope):
    """The service hours of a customer or a service: a calendar, or its name in the policy."""

    calendar: ServiceCalendar | str
    kind: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class StateTimer:
    """A timer that an organization adds to a state of a lifecycle, such as closing what was resolved five days ago.

    >>> StateTimer(kind="incident", state="resolved", timer=Timer("close", after=timedelta(days=5))).timer.event
    'close'
    """

    state: str
    timer: Timer
    kind: str = "incident"


def _listed(value: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(value)


def _values(policy: object, field: "attrs.Attribute[Any]", value: tuple[Any, ...]) -> None:
    kind = _KINDS[field.name]
    for each in value:
        if not isinstance(each, kind):
            raise DefinitionError.of("ill_typed", field=field.name, expected=f"{kind.__name__} values", value=each)


_KINDS: Mapping[str, type] = {
    "targets": TargetRule, "hours": ServiceHours, "timers": StateTimer, "recurring": Recurrence
}  # fmt: skip

CLOCKWORK = Actor("service level management", roles={"incident_manager"}, kind="system")
"""Who acts when time does, unless the policy names another."""


@attrs.frozen(kw_only=True)
class ServiceLevelPolicy:
    """Which targets apply to which records, on which hours, and what the passing of time asks for.

    Args:
        targets: each with what it applies to. The most specific one of a slot (`sla/resolve`) wins.
        calendars: service hours by name.
        hours: the hours of customers and services; the most specific ones win.
        calendar: the hours where nothing else says any; by default round the clock.
        timers: timers that states have besides those of their lifecycle.
        recurring: records that are made again and again.
        actor: who acts when time does: a system.
        customer_field: the field of a record that holds its customer.
        agreements: whether the targets of agreement records apply too.

    >>> policy = ServiceLevelPolicy.from_dict({
    ...     "calendars": {"office": {"zone": "Europe/Paris", "weekly": {"mon": [["09:00", "17:00"]]}}},
    ...     "targets": [
    ...         {"metric": "resolve", "duration": "PT8H", "calendar": "office"},
    ...         {"metric": "resolve", "duration": "PT4H", "priority": 1, "warnings": [0.5]},
    ...     ],
    ... })
    >>> [rule.label for rule in policy.applying({"kind": "incident", "priority": 1})]
    ['resolve (priority 1)']

    Raises:
        DefinitionError: two targets, or hours, tie wherever both apply; a name is not there.
    """

    targets: tuple[TargetRule, ...] = attrs.field(default=(), converter=_listed, validator=_values)
    calendars: Mapping[str, ServiceCalendar] = attrs.field(factory=Frozen, converter=Frozen, hash=False)
    hours: tuple[ServiceHours, ...] = attrs.field(default=(), converter=_listed, validator=_values)
    calendar: ServiceCalendar = ALWAYS
    timers: tuple[StateTimer, ...] = attrs.field(default=(), converter=_listed, validator=_values)
    recurring: tuple[Recurrence, ...] = attrs.field(default=(), converter=_listed, validator=_values)
    actor: Actor = CLOCKWORK
    customer_field: str = "customer"
    agreements: bool = True

    def __attrs_post_init__(self) -> None:
        for calendar in (*(rule.calendar for rule in self.targets), *(each.calendar for each in self.hours)):
            self._named(calendar)
        for slot in self.slots:
            if tie := certain_tie([rule for rule in self.targets if rule.slot == slot]):
                raise DefinitionError.of("target_tie", slot=slot, first=tie[0].label, second=tie[1].label)
        if hours := certain_tie(self.hours):
            first, second = (f"the hours of {dict(each.named)}" for each in hours)
            raise DefinitionError.of("target_tie", slot="hours", first=first, second=second)
        names = [each.name for each in self.recurring]
        for name in names:
            if names.count(name) > 1:
                raise DefinitionError.of("duplicate", where="the policy", what="the recurrence", name=name)
        if not isinstance(self.actor, Actor) or not self.actor.is_system:
            raise DefinitionError.of(
                "ill_typed", field="actor", expected="an Actor of the kind 'system'", value=self.actor
            )

    def _named(self, calendar: ServiceCalendar | str | None) -> ServiceCalendar | None:
        if not isinstance(calendar, str):
            return calendar
        found = self.calendars.get(calendar)
        if found is None:
            near = nearest(calendar, self.calendars)
            raise DefinitionError.of(
                "unknown_name", where="the service level policy", what="calendar", name=calendar, nearest=near
            )
        return found

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """The sorts of promise that it has targets for, each once."""
        return tuple(dict.fromkeys(rule.slot for rule in self.targets))

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of record that targets or timers are about."""
        return frozenset(kind for rule in self.targets for kind in rule.kind) | {each.kind for each in self.timers}

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields of records that it looks at; the customer by that name."""
        rules = frozenset(name for rule in self.targets for name in rule.fields)
        return rules | {name for each in self.hours for name in each.named}

    @cached_property
    def stamp(self) -> str:
        """A fingerprint of everything that due times depend on; agreements and an edited calendar change it."""
        text = json.dumps(self._form(), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def _form(self) -> dict[str, Any]:
        return {
            "targets": [
                [rule.watched.to_dict(), rule.agreement, self._revision(rule.calendar), *_scope(rule)]
                for rule in self.targets
            ],
            "hours": [[self._revision(each.calendar), *_scope(each)] for each in self.hours],
            "calendar": self.calendar.revision,
            "timers": [str(each) for each in self.timers],
            "customer": self.customer_field,
        }

    def _revision(self, calendar: ServiceCalendar | str | None) -> str | None:
        found = self._named(calendar)
        return found.revision if found else None

    def applying(self, values: Mapping[str, Any], created_at: datetime | None = None) -> tuple[TargetRule, ...]:
        """Return the targets of a record, one of each slot.

        Raises:
            DefinitionError: two tie, which could not be seen before; it names both.
        """
        chosen = []
        for slot in self.slots:
            found = self.best(slot, values, created_at)
            if found is not None:
                chosen.append(found)
        return tuple(chosen)

    def best(self, slot: str, values: Mapping[str, Any], created_at: datetime | None = None) -> TargetRule | None:
        """Return the most specific target of a slot, or None where none applies; see `applying`."""
        found = most_specific([rule for rule in self.targets if rule.slot == slot], values, created_at)
        if len(found) > 1:
            raise DefinitionError.of("target_tie", slot=slot, first=found[0].label, second=found[1].label)
        return found[0] if found else None

    def calendar_of(self, values: Mapping[str, Any], rule: TargetRule | None = None) -> ServiceCalendar:
        """Return the service hours of a target on a record, or of the record itself.

        Raises:
            DefinitionError: the hours of two scopes tie.
        """
        if rule is not None and (own := self._named(rule.calendar) or rule.target.calendar):
            return own
        found = most_specific(self.hours, values)
        if len(found) > 1:
            first, second = (f"the hours of {dict(each.named)}" for each in found[:2])
            raise DefinitionError.of("target_tie", slot="hours", first=first, second=second)
        return (self._named(found[0].calendar) if found else None) or self.calendar

    def weaknesses(self, start: datetime, end: datetime) -> tuple[Reason, ...]:
        """Return why OLAs and contracts are weaker than the SLA targets that they support (INV-097).

        What applies to the same records and measures the same supports each other.
        """
        found = []
        for supporting in self.targets:
            for supported in self.targets:
                if supporting.target.kind == "sla" or supported.target.kind != "sla":
                    continue
                if supporting.target.metric != supported.target.metric:
                    continue
                both = supporting.overlap(supported)
                if both is None:
                    continue
                values = {"kind": next(iter(supported.kind), None), **{k: next(iter(v)) for k, v in both.items()}}
                pair = [
                    attrs.evolve(rule.target, calendar=self.calendar_of(values, rule))
                    for rule in (supporting, supported)
                ]
                if reason := weakness(pair[0], pair[1], start, end):
                    found.append(reason)
        return tuple(found)

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Self:
        """Read the plain form: targets, calendars, hours, timers and recurring records as TOML or JSON says them.

        A target has the fields of `Target` and `Scope` side by side, and `escalations`.
        """
        if not isinstance(form, Mapping):
            raise DefinitionError.of("ill_typed", field="policy", expected="a mapping", value=form)
        known = [*(field.name for field in attrs.fields(cls))]
        for key in form:
            if key not in known or key == "actor":
                raise DefinitionError.of(
                    "unknown_name", where="the service level policy", what="key", name=key, nearest=nearest(key, known)
                )
        values = dict(form)
        read = {name: ServiceCalendar.from_dict(each) for name, each in values.get("calendars", {}).items()}
        values["calendars"] = read
        values["targets"] = [_read_target(each) for each in values.get("targets", ())]
        values["hours"] = [ServiceHours(**_known(each, ServiceHours)) for each in values.get("hours", ())]
        values["timers"] = [_read_timer(each) for each in values.get("timers", ())]
        values["recurring"] = [Recurrence.from_dict(each) for each in values.get("recurring", ())]
        if isinstance(values.get("calendar"), str):
            name = values["calendar"]
            if name not in read:
                raise DefinitionError.of(
                    "unknown_name", where="calendar", what="calendar", name=name, nearest=nearest(name, read)
                )
            values["calendar"] = read[name]
        elif isinstance(values.get("calendar"), Mapping):
            values["calendar"] = ServiceCalendar.from_dict(values["calendar"])
        return cls(**values)

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read the plain form as TOML."""
        import tomllib

        try:
            return cls.from_dict(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise DefinitionError.of("unreadable", field="policy", format="TOML", error=str(error)) from None


_SCOPE = ("kind", "service", "customer", "priority", "where", "starts_at", "ends_at")
_OF_A_RULE = (*_SCOPE, "calendar", "escalations", "agreement")


def _scope(scope: Scope) -> list[Any]:
    return [sorted(map(str, scope.kind)), {name: sorted(map(str, values)) for name, values in scope.named.items()},
            str(scope.starts_at), str(scope.ends_at)]  # fmt: skip


def _known(form: Mapping[str, Any], cls: type) -> dict[str, Any]:
    known = [field.name for field in attrs.fields(cls)]
    for key in form:
        if key not in known:
            raise DefinitionError.of("unknown_field", record=cls.__name__, field=key, nearest=nearest(key, known))
    return dict(form)


def _read_target(form: Mapping[str, Any]) -> TargetRule:
    own = {name: form[name] for name in _OF_A_RULE if name in form}
    # `kind` says both what sort of promise it is and, in a scope, of which records: a target calls the former so
    if "kind" in own and own["kind"] in ("sla", "ola", "contract"):
        del own["kind"]
    target = {name: value for name, value in form.items() if name not in own and name != "records"}
    if "records" in form:
        own["kind"] = form["records"]
    for name in ("starts_at", "ends_at"):
        if isinstance(own.get(name), str):
            own[name] = iso_instant(own[name], name)
    if isinstance(own.get("calendar"), Mapping):
        own["calendar"] = ServiceCalendar.from_dict(own["calendar"])
    return TargetRule(target=Target.from_dict(target), **own)


def _read_timer(form: Mapping[str, Any]) -> StateTimer:
    values = dict(form)
    own = {name: values.pop(name) for name in ("state", "kind") if name in values}
    if isinstance(values.get("after"), str):
        values["after"] = read_duration(values["after"], "after")
    for key in values:
        if key not in ("event", "after", "at", "time", "since"):
            near = nearest(key, ("event", "after", "at", "time", "since", "state", "kind"))
            raise DefinitionError.of("unknown_field", record="StateTimer", field=key, nearest=near)
    return StateTimer(timer=Timer(values.pop("event"), **values), **own)


def year_from(start: datetime) -> tuple[datetime, datetime]:
    """Return the year that begins at an instant: long enough to see every difference between two promises."""
    return start.astimezone(UTC), start.astimezone(UTC) + timedelta(days=366)


__all__ = [
    "BREACH", "CLOCKWORK", "Condition", "EscalationRule", "ServiceHours", "ServiceLevelPolicy", "StateTimer",
    "TargetRule", "year_from",
]  # fmt: skip
