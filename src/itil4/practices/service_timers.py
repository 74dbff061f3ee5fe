"""Timers that most organizations want, ready for the `timers` of a `ServiceLevelPolicy`.

>>> from itil4.practices.service_policy import ServiceLevelPolicy
>>> policy = ServiceLevelPolicy(timers=[auto_close(), hold_review(), *known_error_reviews()])
>>> sorted({(each.kind, each.timer.event) for each in policy.timers})
[('incident', 'close'), ('incident', 'remind'), ('known_error', 'remind'), ('problem', 'remind')]
"""

from datetime import timedelta
from typing import Literal

from itil4.lifecycle import Timer
from itil4.practices.error_control import KNOWN_ERROR_STATES
from itil4.practices.service_policy import StateTimer


def auto_close(
    after: timedelta = timedelta(days=5), *, kind: str = "incident", time: Literal["calendar", "service"] = "calendar"
) -> StateTimer:
    """Close what nobody has objected to.

    Args:
        after: how long after it was resolved; a reopening starts it anew.
        kind: the kind of record; its lifecycle has a state `resolved` and a step `close`.
        time: whether `after` counts calendar time, or service time only.
    """
    return StateTimer(kind=kind, state="resolved", timer=Timer("close", after=after, time=time))


def hold_review(
    every: timedelta = timedelta(days=7), *, kind: str = "incident", time: Literal["calendar", "service"] = "calendar"
) -> StateTimer:
    """Remind of what is on hold, again and again, so that nothing waits unseen.

    Args:
        every: how long after it was put on hold, held again, or reminded of.
        kind: the kind of record; its lifecycle has a state `on_hold` and a step `remind`.
        time: whether `every` counts calendar time, or service time only.
    """
    return StateTimer(kind=kind, state="on_hold", timer=Timer("remind", after=every, since="step", time=time))


def approval_expiry(after: timedelta, *, kind: str, time: Literal["calendar", "service"] = "calendar") -> StateTimer:
    """End an approval that nobody decides about; a policy of approvals may say so for its own rounds as well.

    Args:
        after: how long after it was asked for.
        kind: the kind of record; its practice extends `itil4.practices.approval.Approving`.
        time: whether `after` counts calendar time, or service time only.
    """
    return StateTimer(kind=kind, state="requested", timer=Timer("expire_approval", after=after, time=time))


def known_error_reviews() -> tuple[StateTimer, ...]:
    """Remind of open known errors whose next review is due: does the workaround still hold, is there a solution now?

    Once for each date; `recheck` sets the next one (INV-044). It holds whichever records keep the known errors.
    """
    return tuple(
        StateTimer(kind=kind, state=state, timer=Timer("remind", at="next_review_at"))
        for kind in ("problem", "known_error")
        for state in KNOWN_ERROR_STATES
    )
