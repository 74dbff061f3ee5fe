"""Governance as a trace: what was evaluated, what was directed because of it, and what is monitored since (INV-117)."""

from datetime import datetime, timedelta

import attrs

from itil4.clock import instant
from itil4.errors import Reason, nearest
from itil4.value.validators import a, frozen_list, many, moment, some, text


@attrs.frozen(kw_only=True)
class Evaluation:
    """A look at the organization, its strategy or its relationships, and what was found."""

    id: str = attrs.field(validator=text)
    about: str = attrs.field(validator=text)
    finding: str = attrs.field(validator=text)
    at: datetime = attrs.field(validator=moment)
    by: str = attrs.field(validator=text)


@attrs.frozen(kw_only=True)
class Directive:
    """A direction given: it names the evaluation that it follows from, and what will be monitored (INV-117).

    Raises:
        InvalidInput: no evaluation, or nothing to monitor.
    """

    id: str = attrs.field(validator=text)
    statement: str = attrs.field(validator=text)
    evaluation: str = attrs.field(validator=text)
    monitors: tuple[str, ...] = attrs.field(converter=frozen_list, validator=some(text))
    at: datetime = attrs.field(validator=moment)
    by: str = attrs.field(validator=text)


@attrs.frozen(kw_only=True)
class Monitoring:
    """A check of one thing that a directive named, and what was seen."""

    directive: str = attrs.field(validator=text)
    monitor: str = attrs.field(validator=text)
    seen: str = attrs.field(validator=text)
    at: datetime = attrs.field(validator=moment)


@attrs.frozen(kw_only=True)
class GovernanceTrace:
    """Evaluations, directives and monitoring together; `gaps` tells where the trace is broken.

    >>> from datetime import UTC
    >>> day = lambda number: datetime(2026, 3, number, tzinfo=UTC)
    >>> trace = GovernanceTrace(
    ...     evaluations=[
    ...         Evaluation(id="E1", about="mail", finding="outages cost us port calls", at=day(1), by="board")],
    ...     directives=[Directive(id="D1", statement="Mail survives the loss of one link.", evaluation="E1",
    ...                           monitors=["outages a month"], at=day(2), by="board")],
    ... )
    >>> [gap.message for gap in trace.gaps(asof=day(20), every=timedelta(days=7))]
    ["'outages a month' of the directive 'D1' has not been monitored since 2026-03-02 00:00:00+00:00."]
    """

    evaluations: tuple[Evaluation, ...] = attrs.field(
        factory=tuple, converter=frozen_list, validator=many(a(Evaluation))
    )
    directives: tuple[Directive, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=many(a(Directive)))
    monitoring: tuple[Monitoring, ...] = attrs.field(
        factory=tuple, converter=frozen_list, validator=many(a(Monitoring))
    )

    def gaps(self, asof: datetime | None = None, every: timedelta | None = None) -> tuple[Reason, ...]:
        """Return where the trace is broken: one reason per finding.

        Found are directives whose evaluation is not here or came later than they did, monitoring of what no
        directive named, and, with `asof` and `every`, things to monitor that were not looked at for longer.

        Args:
            asof: the moment to judge at.
            every: how often each thing is to be looked at, in calendar time.
        """
        evaluations = {evaluation.id: evaluation for evaluation in self.evaluations}
        directives = {directive.id: directive for directive in self.directives}
        found: list[Reason] = []
        for directive in self.directives:
            where = f"The directive {directive.id!r}"
            evaluation = evaluations.get(directive.evaluation)
            if evaluation is None:
                near = nearest(directive.evaluation, evaluations)
                found.append(
                    Reason.of("unknown_name", where=where, what="evaluation", name=directive.evaluation, nearest=near)
                )
            elif instant(evaluation.at) > instant(directive.at):
                found.append(
                    Reason.of(
                        "time_order",
                        earlier=f"evaluation {evaluation.id}",
                        earlier_at=evaluation.at,
                        later=f"directive {directive.id}",
                        later_at=directive.at,
                    )
                )
        for check in self.monitoring:
            where = f"The monitoring at {check.at}"
            if check.directive not in directives:
                near = nearest(check.directive, directives)
                found.append(
                    Reason.of("unknown_name", where=where, what="directive", name=check.directive, nearest=near)
                )
            elif check.monitor not in directives[check.directive].monitors:
                near = nearest(check.monitor, directives[check.directive].monitors)
                found.append(Reason.of("unknown_name", where=where, what="monitor", name=check.monitor, nearest=near))
        if asof is not None and every is not None:
            found += self._overdue(instant(asof, "asof"), every)
        return tuple(found)

    def _overdue(self, asof: datetime, every: timedelta) -> list[Reason]:
        found = []
        for directive in self.directives:
            for monitor in directive.monitors:
                looks = [c.at for c in self.monitoring if (c.directive, c.monitor) == (directive.id, monitor)]
                since = max((look for look in looks if instant(look) <= asof), key=instant, default=directive.at)
                if asof - instant(since) > every:
                    found.append(Reason.of("not_monitored", monitor=monitor, directive=directive.id, since=since))
        return found
