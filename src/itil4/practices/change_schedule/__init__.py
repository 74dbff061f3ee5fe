"""The change schedule: maintenance windows, blackouts and freezes, the conflicts of planned work, and free windows.

All of it is pure functions over plain values; `desk` asks them about the changes of a service management.
"""

from itil4.practices.change_schedule.conflict import KINDS, Conflict, conflicts
from itil4.practices.change_schedule.periods import Period, Place
from itil4.practices.change_schedule.planned import PlannedWork
from itil4.practices.change_schedule.slots import NextSlot, next_slot
from itil4.practices.change_schedule.when import Fixed, Recurring, Weekly

__all__ = [
    "KINDS", "Conflict", "Fixed", "NextSlot", "Period", "Place", "PlannedWork", "Recurring", "Weekly", "conflicts",
    "next_slot",
]  # fmt: skip
