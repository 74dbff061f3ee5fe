"""An embeddable ITIL 4 domain library.

Records cannot skip their workflow, refusals say why, and a history explains every figure.

    >>> import itil4
    >>> itsm = itil4.connect()
    >>> ana = itil4.Actor("ana", roles={"user"})
    >>> itsm.incidents.log(summary="Mail is down", impact="high", urgency="high", by=ana).priority
    1

The names below are loaded when they are first used; importing the package does nothing else.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from itil4.clock import Clock, SystemClock, TimeOrderedIds
    from itil4.errors import (
        BrokenRule,
        Decision,
        DefinitionError,
        InvalidInput,
        ITIL4Error,
        MissingExtra,
        NotFound,
        Reason,
        Refused,
        SchemaTooNew,
        StaleRecord,
        StoreError,
    )
    from itil4.itsm import ServiceManagement, connect
    from itil4.lifecycle import Context, FollowUp, Guard, In, Lifecycle, State, Transition, guard
    from itil4.practices.base import Outcome, Practice
    from itil4.practices.change_enablement import Change, ChangeEnablement
    from itil4.practices.change_models import ChangeModel
    from itil4.practices.change_policy import ChangePolicy
    from itil4.practices.change_schedule.desk import ChangeSchedule
    from itil4.practices.change_values import ChangeTask
    from itil4.practices.configuration.item import ConfigurationItem
    from itil4.practices.configuration.items import ConfigurationItems
    from itil4.practices.configuration.policy import ConfigurationPolicy
    from itil4.practices.directory import Directory, People
    from itil4.practices.incident_management import Incident, IncidentManagement, IncidentModel, IncidentPolicy
    from itil4.practices.known_errors import KnownError, KnownErrors
    from itil4.practices.priority import PriorityMatrix
    from itil4.practices.problem_management import Problem, ProblemManagement
    from itil4.practices.problem_policy import ProblemPolicy
    from itil4.practices.reading import Page
    from itil4.practices.request_lifecycle import ServiceRequest
    from itil4.practices.request_models import RequestModel
    from itil4.practices.request_policy import RequestPolicy
    from itil4.practices.running import CancelledAfterCommit
    from itil4.practices.service_policy import ServiceLevelPolicy
    from itil4.practices.service_request_management import ServiceRequestManagement
    from itil4.record import (
        Actor,
        Attachment,
        Comment,
        Entry,
        FieldSet,
        Line,
        Link,
        Note,
        Origin,
        Record,
        Relation,
    )
    from itil4.service_level import ServiceCalendar, Target
    from itil4.storage.memory import MemoryStore
    from itil4.storage.sqlite import SqliteStore

__version__ = "0.1.0"

_HOMES = {
    "itil4.clock": ("Clock", "SystemClock", "TimeOrderedIds"),
    "itil4.errors": (
        "BrokenRule", "Decision", "DefinitionError", "ITIL4Error", "InvalidInput", "MissingExtra", "NotFound", "Reason",
        "Refused", "SchemaTooNew", "StaleRecord", "StoreError",
    ),
    "itil4.itsm": ("ServiceManagement", "connect"),
    "itil4.lifecycle": ("Context", "FollowUp", "Guard", "In", "Lifecycle", "State", "Transition", "guard"),
    "itil4.practices.base": ("Outcome", "Practice"),
    "itil4.practices.change_enablement": ("Change", "ChangeEnablement"),
    "itil4.practices.change_models": ("ChangeModel",),
    "itil4.practices.change_policy": ("ChangePolicy",),
    "itil4.practices.change_schedule.desk": ("ChangeSchedule",),
    "itil4.practices.change_values": ("ChangeTask",),
    "itil4.practices.configuration.item": ("ConfigurationItem",),
    "itil4.practices.configuration.items": ("ConfigurationItems",),
    "itil4.practices.configuration.policy": ("ConfigurationPolicy",),
    "itil4.practices.directory": ("Directory", "People"),
    "itil4.practices.incident_management": ("Incident", "IncidentManagement", "IncidentModel", "IncidentPolicy"),
    "itil4.practices.known_errors": ("KnownError", "KnownErrors"),
    "itil4.practices.priority": ("PriorityMatrix",),
    "itil4.practices.problem_management": ("Problem", "ProblemManagement"),
    "itil4.practices.problem_policy": ("ProblemPolicy",),
    "itil4.practices.reading": ("Page",),
    "itil4.practices.request_lifecycle": ("ServiceRequest",),
    "itil4.practices.request_models": ("RequestModel",),
    "itil4.practices.request_policy": ("RequestPolicy",),
    "itil4.practices.running": ("CancelledAfterCommit",),
    "itil4.practices.service_request_management": ("ServiceRequestManagement",),
    "itil4.record": (
        "Actor", "Attachment", "Comment", "Entry", "FieldSet", "Line", "Link", "Note", "Origin", "Record",
        "Relation",
    ),
    "itil4.practices.service_policy": ("ServiceLevelPolicy",),
    "itil4.service_level": ("ServiceCalendar", "Target"),
    "itil4.storage.memory": ("MemoryStore",),
    "itil4.storage.sqlite": ("SqliteStore",),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Actor",
    "Attachment",
    "BrokenRule",
    "CancelledAfterCommit",
    "Change",
    "ChangeEnablement",
    "ChangeModel",
    "ChangePolicy",
    "ChangeSchedule",
    "ChangeTask",
    "Clock",
    "Comment",
    "ConfigurationItem",
    "ConfigurationItems",
    "ConfigurationPolicy",
    "Context",
    "Decision",
    "DefinitionError",
    "Directory",
    "Entry",
    "FieldSet",
    "FollowUp",
    "Guard",
    "ITIL4Error",
    "In",
    "Incident",
    "IncidentManagement",
    "IncidentModel",
    "IncidentPolicy",
    "InvalidInput",
    "KnownError",
    "KnownErrors",
    "Lifecycle",
    "Line",
    "Link",
    "MemoryStore",
    "MissingExtra",
    "NotFound",
    "Note",
    "Origin",
    "Outcome",
    "Page",
    "People",
    "Practice",
    "PriorityMatrix",
    "Problem",
    "ProblemManagement",
    "ProblemPolicy",
    "Reason",
    "Record",
    "Refused",
    "Relation",
    "RequestModel",
    "RequestPolicy",
    "SchemaTooNew",
    "ServiceCalendar",
    "ServiceLevelPolicy",
    "ServiceManagement",
    "ServiceRequest",
    "ServiceRequestManagement",
    "SqliteStore",
    "StaleRecord",
    "State",
    "StoreError",
    "SystemClock",
    "Target",
    "TimeOrderedIds",
    "Transition",
    "connect",
    "guard",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'itil4' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
