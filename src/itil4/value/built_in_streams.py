"""Three value streams to start from. Their steps are this project's own; adapt them with `attrs.evolve`.

The states named are those of this library's own lifecycles.
"""

from itil4.value.streams import Step, ValueStream

RESTORE_LIVE_SERVICE = ValueStream(
    id="restore_live_service",
    name="Restoration of a live service",
    trigger="user query or event",
    outcome="service restored, user confirms",
    consumer="the users of the service",
    steps=(
        Step(
            name="Take in and register the user's query",
            activity="engage",
            practices=("service_desk", "service_catalogue_management"),
            states={"incident_management": ["new"]},
        ),
        Step(
            name="Investigate the query, recognise it as an incident, try to fix",
            activity="deliver_and_support",
            practices=(
                "service_desk",
                "incident_management",
                "knowledge_management",
                "monitoring_and_event_management",
                "service_configuration_management",
            ),
            states={"incident_management": ["assigned", "in_progress", "on_hold"]},
        ),
        Step(
            name="Obtain a fix from a specialist team or supplier",
            activity="obtain_build",
            practices=(
                "incident_management",
                "problem_management",
                "supplier_management",
                "software_development_and_management",
            ),
            states={"change_enablement": ["new", "assess", "authorize"]},
        ),
        Step(
            name="Deploy the fix",
            activity="design_and_transition",
            practices=(
                "change_enablement",
                "deployment_management",
                "release_management",
                "service_configuration_management",
            ),
            states={"change_enablement": ["scheduled", "implement", "review"]},
        ),
        Step(
            name="Verify that the incident is resolved",
            activity="deliver_and_support",
            practices=("incident_management", "service_desk", "service_validation_and_testing"),
            states={"incident_management": ["resolved"]},
        ),
        Step(
            name="Ask for feedback from the user",
            activity="engage",
            practices=("service_desk", "service_level_management"),
            states={"incident_management": ["closed"]},
        ),
        Step(
            name="Find improvement opportunities",
            activity="improve",
            practices=("continual_improvement", "problem_management", "knowledge_management"),
            adds_value=False,
        ),
    ),
)
"""Something has stopped working, and works again."""

DEVELOP_NEW_SERVICE = ValueStream(
    id="develop_new_service",
    name="Development of a new or changed service",
    trigger="demand from customer, user or portfolio",
    outcome="new service in use and supported",
    consumer="the customer who asked",
    steps=(
        Step(
            name="Acknowledge and document the service requirements",
            activity="engage",
            practices=("relationship_management", "business_analysis", "service_level_management"),
            adds_value=False,
        ),
        Step(
            name="Decide whether to invest",
            activity="plan",
            practices=("portfolio_management", "business_analysis", "service_financial_management", "risk_management"),
            adds_value=False,
        ),
        Step(
            name="Design and architect the service",
            activity="design_and_transition",
            practices=(
                "service_design",
                "architecture_management",
                "availability_management",
                "capacity_and_performance_management",
                "information_security_management",
                "service_continuity_management",
            ),
        ),
        Step(
            name="Build, configure or buy components",
            activity="obtain_build",
            practices=(
                "software_development_and_management",
                "infrastructure_and_platform_management",
                "supplier_management",
                "service_validation_and_testing",
            ),
        ),
        Step(
            name="Deploy components in preparation for launch",
            activity="design_and_transition",
            practices=(
                "deployment_management",
                "release_management",
                "change_enablement",
                "service_configuration_management",
                "organizational_change_management",
            ),
            states={"change_enablement": ["new", "assess", "authorize", "scheduled"]},
        ),
        Step(
            name="Release the service to customers and users",
            activity="deliver_and_support",
            practices=(
                "release_management",
                "service_catalogue_management",
                "service_desk",
                "monitoring_and_event_management",
                "change_enablement",
            ),
            states={"change_enablement": ["implement", "review", "closed"]},
        ),
    ),
)
"""A need becomes a new or changed service in use."""

FULFIL_SERVICE_REQUEST = ValueStream(
    id="fulfil_service_request",
    name="Fulfil a service request",
    trigger="user submits request",
    outcome="requested item delivered",
    consumer="the user who asked",
    steps=(
        Step(
            name="Take the request through a channel",
            activity="engage",
            practices=("service_desk", "service_catalogue_management"),
            states={"service_request_management": ["submitted"]},
        ),
        Step(
            name="Check entitlement and approvals",
            activity="deliver_and_support",
            practices=("service_request_management", "information_security_management", "service_financial_management"),
            states={"service_request_management": ["awaiting_approval"]},
            adds_value=False,
        ),
        Step(
            name="Get components if not in stock",
            activity="obtain_build",
            practices=("it_asset_management", "supplier_management"),
        ),
        Step(
            name="Carry out fulfilment",
            activity="deliver_and_support",
            practices=(
                "service_request_management",
                "infrastructure_and_platform_management",
                "change_enablement",
                "release_management",
            ),
            states={
                "service_request_management": ["in_fulfilment", "on_hold"],
                "change_enablement": ["new", "assess", "authorize", "scheduled", "implement", "review"],
            },
        ),
        Step(
            name="Confirm and collect satisfaction",
            activity="engage",
            practices=("service_desk", "service_request_management"),
            states={"service_request_management": ["fulfilled", "closed"]},
        ),
    ),
)
"""Somebody asks for something that was agreed on, and has it.

It names no states, as this library has no records of service requests; `watching` gives it those of a host's own.
"""

BUILT_IN_STREAMS: tuple[ValueStream, ...] = (RESTORE_LIVE_SERVICE, DEVELOP_NEW_SERVICE, FULFIL_SERVICE_REQUEST)
