"""How often, how fast and how safely changes reach users: the four keys of software delivery."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput
from itil4.value.flow import Distribution
from itil4.value.validators import flag, maybe, moment, must, text


@attrs.frozen(kw_only=True)
class Deployment:
    """One change that reached users.

    Args:
        record: the change that shows it.
        at: when it reached users.
        begun_at: when work on it was committed; None when nobody knows.
        failed: whether it had to be mended or taken back: an incident that it caused, say.
        restored_at: when service was as it should be again; None while it is not, or when nobody knows.

    Raises:
        InvalidInput: it began after it reached users, or service was restored before.
    """

    record: str = attrs.field(validator=text)
    at: datetime = attrs.field(validator=moment)
    begun_at: datetime | None = attrs.field(default=None, validator=maybe(moment))
    failed: bool = attrs.field(default=False, validator=flag)
    restored_at: datetime | None = attrs.field(default=None, validator=maybe(moment))

    def __attrs_post_init__(self) -> None:
        for earlier, later in (("begun_at", "at"), ("at", "restored_at")):
            first, second = getattr(self, earlier), getattr(self, later)
            if first is not None and second is not None and instant(first) > instant(second):
                raise InvalidInput.of("time_order", earlier=earlier, earlier_at=first, later=later, later_at=second)


@attrs.frozen(kw_only=True)
class Dora:
    """The four keys over a window, in calendar time, with what they were computed from.

    Attributes:
        deployments: how many there were; `per_day` of the window.
        lead_time: from begun to reaching users, where both are known; None when none are.
        failure_rate: share of the deployments that failed; None without deployments.
        recovery_time: from a failed deployment to service restored; None when there was none to measure.
        unrestored: records of failed deployments without a time of restoration.
    """

    deployments: int
    per_day: float
    lead_time: Distribution | None
    failure_rate: float | None
    recovery_time: Distribution | None
    unrestored: tuple[str, ...]


def dora(deployments: Iterable[Deployment], window: tuple[datetime, datetime]) -> Dora:
    """Return deployment frequency, lead time for changes, change failure rate and recovery time.

    Args:
        deployments: any; those outside the window are left out.
        window: `[start, end)`.

    Raises:
        InvalidInput: the window is empty, or an item is not a `Deployment`.

    >>> from datetime import UTC
    >>> day = lambda number: datetime(2026, 3, number, tzinfo=UTC)
    >>> keys = dora([
    ...     Deployment(record="CHG1", at=day(3), begun_at=day(1)),
    ...     Deployment(record="CHG2", at=day(5), begun_at=day(4), failed=True, restored_at=day(6)),
    ... ], (day(1), day(11)))
    >>> keys.per_day, keys.failure_rate, keys.lead_time.median, keys.recovery_time.median
    (0.2, 0.5, datetime.timedelta(days=1, seconds=43200), datetime.timedelta(days=1))
    """
    start, end = (instant(moment, "window") for moment in window)
    if start >= end:
        raise InvalidInput.of("empty_window", start=start, end=end)
    inside: list[Deployment] = []
    for each in deployments:
        must(Deployment, "deployments", each)
        if start <= each.at < end:
            inside.append(each)
    failed = [each for each in inside if each.failed]
    return Dora(
        deployments=len(inside),
        per_day=len(inside) / ((end - start) / timedelta(days=1)),
        lead_time=Distribution.of(_between(each.begun_at, each.at) for each in inside if each.begun_at is not None),
        failure_rate=len(failed) / len(inside) if inside else None,
        recovery_time=Distribution.of(
            _between(each.at, each.restored_at) for each in failed if each.restored_at is not None
        ),
        unrestored=tuple(each.record for each in failed if each.restored_at is None),
    )


def _between(start: datetime, end: datetime) -> timedelta:
    return instant(end) - instant(start)
