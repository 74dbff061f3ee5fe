"""Service levels: when a service is delivered, what was promised, and what the clock says."""

from itil4.service_level.calendar import ALWAYS, ServiceCalendar
from itil4.service_level.timeline import NeverOpen

__all__ = ["ALWAYS", "NeverOpen", "ServiceCalendar"]
