"""Incidents on board of ships: incident management with a port, a survey beside it, and crews that wait together."""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from itil4 import FollowUp, Incident, IncidentManagement, Lifecycle, State, Transition, guard
from itil4.lifecycle import Context
from itil4.practices.incident_lifecycle import MAJOR_INCIDENT
from itil4.record import Line


@attrs.frozen(kw_only=True)
class VesselIncident(Incident):
    """An incident on board of a vessel."""

    vessel: Line = "unknown"
    port: Line | None = None
    berthed: int = 0
    surveyor: Line | None = None
    survey: str = "none"


@guard(reads={"port": ["Bergen", "Oslo", "at sea"]}, text="the vessel is still at sea.", remedy="Name the port.")
def in_port(incident: VesselIncident, context: Context) -> bool:
    """A vessel berths in a port."""
    return incident.port != "at sea"


@guard(text="it has berthed twice for this.", remedy="Log a new incident.")
def seldom_berthed(incident: VesselIncident, context: Context) -> bool:
    """Nobody waits for a port a third time."""
    return incident.berthed < 2


def count_berth(incident: VesselIncident, context: Context) -> Mapping[str, Any]:
    """Every berth counts."""
    return {"berthed": incident.berthed + 1}


CREWS = "links.parent_of"

SURVEY = Lifecycle(
    "survey",
    "none",
    field="survey",
    states=[State("none", "new"), State("asked", "waiting", kind="surveyor"), State("passed", "closed", final=True)],
    transitions=[
        Transition("ask_survey", "none", "asked", roles={"service_desk", "bridge"}),
        Transition("pass_survey", "asked", "passed", roles={"surveyor"}, requires="surveyor"),
        Transition("fail_survey", "asked", "none", roles={"surveyor"}),
    ],
)


class VesselIncidents(IncidentManagement[VesselIncident]):
    """Incident management on board."""

    record = VesselIncident
    lifecycle = IncidentManagement.lifecycle.extend(
        name="vessel incident",
        states=[
            State("awaiting_port", "waiting", kind="port", fields={"vessel": "read_only", "hold_kind": "read_only"}),
        ],
        add=[
            Transition(
                "wait_for_port", ["in_progress"], "awaiting_port", roles={"service_desk", "bridge"},
                requires=["port"], guards=[seldom_berthed],
                follow_ups=[FollowUp("wait_for_port", CREWS, payload={"port": "port"}, states=("in_progress",))],
            ),
            Transition(
                "berth", ["awaiting_port"], "in_progress", roles={"bridge", "assignee"},
                guards=[in_port], effects=[count_berth],
                follow_ups=[FollowUp("berth", CREWS, states=("awaiting_port",))],
            ),
            Transition("rename_vessel", ["new"], "new", roles={"bridge"}, fields={"vessel": "must_change"}),
        ],
        tighten={
            "resolve": {"requires": ["port"]},
            "cancel": {"denied": {"passenger"}},
        },
    )  # fmt: skip
    aspects: ClassVar[tuple[Lifecycle, ...]] = (MAJOR_INCIDENT, SURVEY)


PRACTICE = VesselIncidents

SETTINGS: Mapping[str, Any] = {}
"""What `connect` is given besides the practice."""

INTENTS = (
    ("precedence", "resolve", "close"),
    ("only_roles", "berth", ("bridge", "assignee")),
    ("only_roles", "pass_survey", ("surveyor",)),
    ("at_most", "berth", 2),
    ("precedence", "ask_survey", "pass_survey"),
    ("precedence", "wait_for_port", "berth"),
)
"""What its owner would say of it, a line each: the word of a policy, and what it is about."""
