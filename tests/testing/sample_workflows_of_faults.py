"""The sound workflows of hosts on which nothing may be found, with what each is opened with."""

from typing import Any

import kit_workflows as kit

from itil4 import IncidentManagement, Transition

CLEAN: list[tuple[Any, dict[str, Any]]] = [
    (kit.Permits, {}),
    (IncidentManagement, {}),
    (kit.permits(kit.lifecycle().extend(add=[Transition("reopen", "open", "asked", roles="chief")])), {}),
]
