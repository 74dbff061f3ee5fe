"""Names that people bring along from earlier editions and from daily speech, and the practice they mean.

They are offered in a message, never resolved silently: "change management" may mean the people side
(organizational change management) as well as change enablement, and the reader should choose.
"""

from collections.abc import Mapping

FORMER_NAMES: Mapping[str, str] = {
    "access_management": "information_security_management",
    "application_management": "software_development_and_management",
    "asset_management": "it_asset_management",
    "business_relationship_management": "relationship_management",
    "capacity_management": "capacity_and_performance_management",
    "change_control": "change_enablement",
    "change_evaluation": "change_enablement",
    "change_management": "change_enablement",
    "configuration_management": "service_configuration_management",
    "continual_service_improvement": "continual_improvement",
    "continuous_improvement": "continual_improvement",
    "crm": "relationship_management",
    "customer_relationship_management": "relationship_management",
    "demand_management": "capacity_and_performance_management",
    "design_coordination": "service_design",
    "event_management": "monitoring_and_event_management",
    "financial_management": "service_financial_management",
    "financial_management_for_it_services": "service_financial_management",
    "help_desk": "service_desk",
    "it_operations": "infrastructure_and_platform_management",
    "it_operations_management": "infrastructure_and_platform_management",
    "it_service_continuity_management": "service_continuity_management",
    "major_incident_management": "incident_management",
    "monitoring": "monitoring_and_event_management",
    "performance_management": "capacity_and_performance_management",
    "release_and_deployment_management": "release_management",
    "reporting": "measurement_and_reporting",
    "request_fulfilment": "service_request_management",
    "request_management": "service_request_management",
    "requirements_engineering": "business_analysis",
    "security": "information_security_management",
    "security_management": "information_security_management",
    "service_asset_and_configuration_management": "service_configuration_management",
    "service_measurement": "measurement_and_reporting",
    "service_portfolio_management": "portfolio_management",
    "service_reporting": "measurement_and_reporting",
    "sla_management": "service_level_management",
    "software_development": "software_development_and_management",
    "technical_management": "infrastructure_and_platform_management",
    "testing": "service_validation_and_testing",
    "transition_planning_and_support": "project_management",
    "vendor_management": "supplier_management",
    "workforce_management": "workforce_and_talent_management",
}
"""Former or everyday name -> id of the practice that is meant most often."""
