"""Impact assessments: what followed from the items that a change, incident or problem is about, and when that was seen.

Affected items are what people said; impacted items are computed. An assessment keeps both apart, as they were when
somebody asked, so that a later reader knows on what a decision rested.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import attrs

from itil4.errors import InvalidInput
from itil4.lifecycle import Lifecycle, State
from itil4.practices.base import Practice
from itil4.practices.linking import end_of
from itil4.record import Actor, Line, Record
from itil4.storage.unit import Unit


@attrs.frozen(kw_only=True)
class ImpactAssessment(Record):
    """What followed from the items that a record affects, when it was asked for; `created_at` is when that was.

    Attributes:
        about: the id of the incident, problem or change.
        affected: the ids of the items that people had linked to it.
        impacted: the ids of the items that are hit besides, the nearest first.
        at_risk: the ids of items that redundancy would keep standing.
        services, customers: whose service would be hit.
        agreements: the numbers of the agreements that promise it.
    """

    about: Line
    affected: tuple[Line, ...] = ()
    impacted: tuple[Line, ...] = ()
    at_risk: tuple[Line, ...] = ()
    services: tuple[Line, ...] = ()
    agreements: tuple[Line, ...] = ()
    customers: tuple[Line, ...] = ()


ASSESSMENT = Lifecycle("impact assessment", "kept", states=[State("kept", "closed", final=True)])

A = TypeVar("A", bound=ImpactAssessment)


class ImpactAssessments(Practice[A]):
    """What was known about the impact of records, each time that somebody asked."""

    name = "service_configuration_management"
    slot = "impact_assessments"
    kind = "impact_assessment"
    prefix = "IA"
    record = ImpactAssessment  # type: ignore[assignment]  # a subclass of the practice brings its own type
    lifecycle = ASSESSMENT
    indexed: ClassVar[tuple[str, ...]] = ("about",)

    def editors(self) -> frozenset[str]:
        """An assessment stays as it was: nobody edits it."""
        return frozenset()

    def log(self, **values: Any) -> A:
        """Refuse: an assessment is computed, by `itsm.configuration_items.refresh_impacted(record)`.

        Raises:
            InvalidInput: always.
        """
        raise InvalidInput.of("assessment_birth")

    def keep(self, actor: Actor, values: Mapping[str, Any]) -> A:
        """Keep what was computed; called by `refresh_impacted` only."""

        def work(unit: Unit) -> A:
            record, entry = self._newborn(self._context(unit, actor, None, "log", values, None, None), values)
            unit.born(self.stored, record, entry)
            return record

        return self._run("refresh_impacted", None, work, None, actor)

    def items(self, assessment: str | A, part: str = "impacted", *, by: Actor | None = None) -> tuple[Any, ...]:
        """Return the items that an assessment names, as they are today: `affected`, `impacted` or `at_risk`."""
        reader, unit = self._reader(by), self.desk.reading()
        found = unit.get_all(getattr(self.get(assessment, by=by), part))
        return tuple(each for each in found if reader is None or self._end_is_seen(unit, each.id, reader))


def assess(items: Any, record: Any, actor: Actor) -> Any:
    """Compute and keep what follows from the items that a record affects."""
    found = end_of(items.desk, items.desk.reading(), record, actor)[0]
    affected = items.affected(found.id)
    register = items._register()
    there = [each for each in affected if each.id in register.graph]
    values: dict[str, Any] = {"about": found.id, "affected": tuple(each.id for each in affected)}
    if there:
        from itil4.practices.configuration.answers import impact_of

        impact = impact_of(items, register, [each.id for each in there], None)
        values |= {
            "impacted": tuple(each.id for each in impact.items),
            "at_risk": tuple(each.id for each, _ in impact.at_risk),
            "services": impact.services,
            "agreements": tuple(each.reference for each in impact.agreements),
            "customers": impact.customers,
        }
    return items.desk.in_slot("impact_assessments").keep(actor, values)


def latest(items: Any, record: Any, reader: Actor | None) -> Any:
    """Return the latest assessment of a record, or None."""
    found = end_of(items.desk, items.desk.reading(), record, reader)[0]
    practice = items.desk.in_slot("impact_assessments")
    held = practice.find(about=found.id, order_by="-created_at", limit=1, by=reader)
    return next(iter(held), None)


__all__ = ["ASSESSMENT", "ImpactAssessment", "ImpactAssessments"]
