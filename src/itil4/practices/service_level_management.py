"""Service level management: agree with customers on what services deliver, and see whether they do.

What an agreement is stands in `service_agreements`, which targets apply in `service_policy`, how clocks read a
history in `service_clocks`, what time asks for in `ticks`; here is what people do with it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import attrs

from itil4.clock import instant
from itil4.errors import Reason
from itil4.practices.base import Practice
from itil4.practices.due_times import clockwork_of
from itil4.practices.service_agreements import (
    BREACH_RECORD,
    REQUIREMENT,
    REVIEW,
    SERVICE_LEVEL,
    SLM,
    AgreedTarget,
    ServiceLevel,
    ServiceLevelBreach,
    ServiceLevelRequirement,
    ServiceReview,
)
from itil4.record import SELF, Actor, Record, Relation
from itil4.service_level.zone import micro, moment

if TYPE_CHECKING:
    from itil4.practices.figures import Figures
    from itil4.practices.service_clockwork import Clockwork
    from itil4.practices.service_figures import WatermelonShare
    from itil4.practices.service_policy import ServiceLevelPolicy
    from itil4.service_level import Reading, ServiceCalendar

L = TypeVar("L", bound=ServiceLevel)
Q = TypeVar("Q", bound=ServiceLevelRequirement)
V = TypeVar("V", bound=ServiceReview)
B = TypeVar("B", bound=ServiceLevelBreach)


@attrs.frozen(kw_only=True)
class FallsDue:
    """When a clock or timer of a record falls due; instants are UTC.

    `name` is the slot of the target, such as `sla/resolve`, or `lifecycle/step` of a timer; `revision` is that of the
    service hours behind it.
    """

    record_id: str
    kind: str
    name: str
    due_at: datetime
    late_from: datetime | None
    revision: str


class ServiceLevelManagement(Practice[L]):
    """The practice of agreeing on service levels and watching them; its records are agreements."""

    name = "service_level_management"
    slot = "service_levels"
    kind = "service_level"
    prefix = "SLA"
    record = ServiceLevel  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = SERVICE_LEVEL
    relations = (
        Relation("supports", "supported_by", {(SELF, SELF)}, acyclic=True),
        Relation("meets", "met_by", {(SELF, "service_level_requirement")}),
    )
    indexed: ClassVar[tuple[str, ...]] = ("title", "type", "provider", "customer", "starts_at", "ends_at", "owner")

    # agreements

    def inconsistencies(self, record: L) -> Iterable[Reason]:
        """An agreement has both parties, a service, a target, and ends after it starts (INV-096)."""
        lacking = [name for name in ("services", "targets") if not getattr(record, name)]
        if lacking:
            yield Reason.of("agreement_lacks", record=record.title, fields=lacking)
        if record.starts_at >= record.ends_at:
            yield Reason.of(
                "time_order", earlier="starts_at", earlier_at=record.starts_at, later="ends_at",
                later_at=record.ends_at,
            )  # fmt: skip

    def objections(self, before: L | None, after: L, context: Any, event: str) -> Iterable[Reason]:
        """What comes into force fits the lifecycles and hours that it is about, and ties with nothing."""
        from itil4.errors import DefinitionError
        from itil4.practices.service_agreements import rules_of
        from itil4.practices.service_checking import NOT_ON_SERVICES

        for agreed in after.targets:
            for kind in agreed.records:
                if kind in NOT_ON_SERVICES:
                    yield Reason.of("not_on_services", record=after.title, found=kind)
        if event not in ("activate", "confirm", "renew"):
            return
        clockwork = self._clockwork
        try:
            rules = tuple(rules_of(after, clockwork.given, clockwork.has_customer(after)))
            held = [rule for rule in clockwork.policy().targets if rule.agreement != (after.number or after.id)]
            clockwork.check(attrs.evolve(clockwork.given, targets=(*held, *rules)))
        except DefinitionError as error:
            yield from error.reasons

    def weaknesses(self, agreement: str | L, *, by: Actor | None = None) -> tuple[Reason, ...]:
        """Return why targets of an OLA or contract are weaker than those of the SLA that it supports (INV-097).

        It supports what it is linked to: `itsm.link(ola, "supports", sla)`. Nothing is refused for that; people
        may know what they do.
        """
        from itil4.practices.service_agreements import rules_of
        from itil4.practices.service_policy import year_from

        found = self.get(agreement, by=by)
        given = self._clockwork.given
        reasons: list[Reason] = []
        for supported in self.linked(found, "supports", by=by):
            both = (*rules_of(found, given, False), *(rules_of(supported, given, False)))
            start = max(found.starts_at, supported.starts_at)
            reasons += attrs.evolve(given, targets=both).weaknesses(*year_from(start))
        return tuple(reasons)

    # clocks

    @property
    def _clockwork(self) -> "Clockwork":
        return clockwork_of(self.desk.house)

    @property
    def policy(self) -> "ServiceLevelPolicy":
        """The policy in force: the one given to `connect`, and the targets of agreements."""
        return self._clockwork.policy()

    def readings(
        self, record: str | Record, at: datetime | None = None, by: Actor | None = None
    ) -> "tuple[Reading, ...]":
        """Return what each clock of a record says: one for each target that applies to it.

        Args:
            record: an incident or another record, its number or id.
            at: the instant to read them at; by default now. Later entries are left out.
            by: the reader, who has to see the record.

        Raises:
            NotFound: there is no such record, or none that this actor may see.
            DefinitionError: two targets apply, and neither is more specific.
        """
        from itil4.practices.linking import locate

        asof = self.desk.house.now() if at is None else instant(at)
        unit = self.desk.reading()
        reference = record.id if isinstance(record, Record) else record
        found = locate(self.desk, unit, reference, self._reader(by))
        practice = self.desk.of_kind(unit.kind_of(found.id).name)
        entries = practice._entries(unit, found.id)
        return tuple(clock.read(asof) for clock in self._clockwork.clocks(practice.kind, entries, asof))

    def due_between(
        self, start: datetime, end: datetime, *, by: Actor | None = None, limit: int | None = None
    ) -> tuple[FallsDue, ...]:
        """Return what falls due from `start` on and before `end` if nothing changes, the earliest first.

        One query along an index; what is paused has no due time.

        Args:
            start, end: the period.
            by: the reader: records that they may not see are left out.
            limit: at most so many.

        Raises:
            StoreError: the store keeps no due times.
        """
        house, by = self.desk.house, self._reader(by)
        rows = self._clockwork.store().due_between(
            house.tenant, micro(instant(start, "start")), micro(instant(end, "end")), limit
        )
        if by is not None:
            unit = self.desk.reading()
            unit.get_all(row.record_id for row in rows)
            rows = [row for row in rows if self.desk.of_kind(row.kind)._sees(unit.get(row.record_id), by, unit)]
        return tuple(
            FallsDue(
                record_id=row.record_id, kind=row.kind, name=row.name, due_at=moment(row.due_at or 0),
                late_from=None if row.late_from is None else moment(row.late_from), revision=row.revision,
            )
            for row in rows
        )  # fmt: skip

    def refold(self) -> int:
        """Compute the due times of all open records anew, after a calendar or target was edited; return how many.

        `itsm.tick` does it by itself where it finds due times of another policy.
        """
        return self._clockwork.refold()

    def impact(
        self, old: "ServiceCalendar", new: "ServiceCalendar", *, at: datetime | None = None, by: Actor | None = None
    ) -> "Mapping[tuple[str, str], tuple[Reading, Reading]]":
        """Return the clocks whose verdict flips when service hours are edited.

        Args:
            old: the hours in force.
            new: their next revision.
            at: the instant to read the clocks at; by default now.
            by: the reader.

        Returns:
            (number, slot) -> (reading before, reading after).
        """
        from itil4.service_level import impact

        asof = self.desk.house.now() if at is None else instant(at)
        clockwork, policy = self._clockwork, self.policy

        def clocks() -> Iterable[tuple[Any, Any, Any]]:
            for kind in sorted(policy.kinds):
                for entries in self.desk.of_kind(kind).histories(by=by):
                    born = entries[0]
                    name = born.number or (born.origin.key if born.origin else born.record_id)
                    for clock in clockwork.clocks(kind, entries, asof, policy=policy, strict=False):
                        if clock.calendar.revision == old.revision:
                            yield (name, clock.rule.slot), clock.rule.watched, clock.marks

        return impact(old, new, clocks(), asof)

    def figures(
        self, practice: str = "incidents", *, since: datetime | None = None, until: datetime | None = None,
        split: str | Iterable[str] = (), by: Actor | None = None, target: str | None = None,
        excluding: Iterable[str] = (),
    ) -> "Figures":  # fmt: skip
        """Return the service level figures of a practice over a period, each with what stands behind it.

        Args:
            practice: the place of the practice, such as `incidents`.
            since, until, split, by, excluding: as for the figures of incidents.
            target: only targets of that slot (`sla/resolve`), metric, name or agreement; by default all.

        Raises:
            InvalidInput: there is no such target.
        """
        from itil4.practices.service_figures import service_level_figures

        return service_level_figures(
            self.desk.in_slot(practice), self._clockwork, since=since, until=until, split=split, by=by, target=target,
            excluding=excluding,
        )  # fmt: skip

    def watermelons(self, *, threshold: float = 0.7, since: datetime | None = None, until: datetime | None = None,
                    practice: str = "incidents", by: Actor | None = None) -> "WatermelonShare":  # fmt: skip
        """Return the share of agreements whose targets are all met while the customer is not satisfied.

        What the customer said stands in the reviews (`itsm.service_reviews`).
        """
        from itil4.practices.service_figures import watermelons

        reviews: list[Any] = []
        page = self.desk.in_slot("service_reviews").find(state="held", by=by, limit=1_000)
        while True:
            reviews += page.items
            if page.next is None:
                break
            page = self.desk.in_slot("service_reviews").find(state="held", by=by, limit=1_000, after=page.next)
        known = {rule.agreement for rule in self.policy.targets}

        def met(agreement: str) -> float | None:
            if agreement not in known:
                return None
            told = self.figures(practice, since=since, until=until, target=agreement, by=by)["compliance_stopped"].value
            return None if told is None else float(told)  # type: ignore[arg-type]  # a share is a number

        return watermelons(reviews, met, threshold)


class ServiceLevelRequirements(Practice[Q]):
    """What customers need of services."""

    name = "service_level_requirement"
    slot = "service_level_requirements"
    kind = "service_level_requirement"
    prefix = "SLR"
    record = ServiceLevelRequirement  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = REQUIREMENT
    indexed = ("customer", "service")


class ServiceReviews(Practice[V]):
    """Meetings about agreements."""

    name = "service_review"
    slot = "service_reviews"
    kind = "service_review"
    prefix = "REV"
    record = ServiceReview  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = REVIEW
    indexed = ("agreement", "planned_at", "held_at")

    def inconsistencies(self, record: V) -> Iterable[Reason]:
        """Satisfaction is a share."""
        if record.satisfaction is not None and not 0 <= record.satisfaction <= 1:
            yield Reason.of(
                "ill_typed", field="satisfaction", expected="a number from 0 to 1", value=record.satisfaction
            )


class ServiceLevelBreaches(Practice[B]):
    """Promises that were not kept; `itsm.tick` records them."""

    name = "service_level_breach"
    slot = "service_level_breaches"
    kind = "service_level_breach"
    prefix = "BRE"
    record = ServiceLevelBreach  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = BREACH_RECORD
    relations = (Relation("breach_of", "breached_in"),)
    indexed = ("about", "slot", "target", "agreement", "breached_at")


__all__ = [
    "SLM", "AgreedTarget", "FallsDue", "ServiceLevel", "ServiceLevelBreach", "ServiceLevelBreaches",
    "ServiceLevelManagement", "ServiceLevelRequirement", "ServiceLevelRequirements", "ServiceReview", "ServiceReviews",
]  # fmt: skip
