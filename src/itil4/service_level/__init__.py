"""Service levels: when a service is delivered, what was promised, and what the clock says.

A calendar, a target and a history give a reading, and nothing else is needed: no record, no store,
no job that has to run.
"""

from itil4.service_level.calendar import ALWAYS, ServiceCalendar
from itil4.service_level.condition import Condition, Moment
from itil4.service_level.explanation import Explanation, Interval, counted_between
from itil4.service_level.figure import (
    Figure,
    availability,
    compliance,
    impact,
    is_watermelon,
    mtbf,
    mtbsi,
    mtrs,
    percentile,
)
from itil4.service_level.holiday import ical_holidays, public_holidays
from itil4.service_level.mark import Mark
from itil4.service_level.reading import Crossing, Reading, clock
from itil4.service_level.support import weakness
from itil4.service_level.target import Target
from itil4.service_level.timeline import NeverOpen

__all__ = [
    "ALWAYS",
    "Condition",
    "Crossing",
    "Explanation",
    "Figure",
    "Interval",
    "Mark",
    "Moment",
    "NeverOpen",
    "Reading",
    "ServiceCalendar",
    "Target",
    "availability",
    "clock",
    "compliance",
    "counted_between",
    "ical_holidays",
    "impact",
    "is_watermelon",
    "mtbf",
    "mtbsi",
    "mtrs",
    "percentile",
    "public_holidays",
    "weakness",
]
