"""Service levels: when a service is delivered, what was promised, and what the clock says.

A calendar, a target and a history give a reading, and nothing else is needed: no record, no store,
no job that has to run.
"""

from itil4.service_level.calendar import ALWAYS, ServiceCalendar
from itil4.service_level.condition import Condition, Moment
from itil4.service_level.explanation import Explanation, Interval
from itil4.service_level.mark import Mark
from itil4.service_level.reading import Crossing, Reading, clock
from itil4.service_level.target import Target
from itil4.service_level.timeline import NeverOpen

__all__ = [
    "ALWAYS",
    "Condition",
    "Crossing",
    "Explanation",
    "Interval",
    "Mark",
    "Moment",
    "NeverOpen",
    "Reading",
    "ServiceCalendar",
    "Target",
    "clock",
]
