"""The 3 technical management practices: from the care of technology, widened to services.

All sentences are this project's own words. Contributions are our editorial default.
"""

from itil4.practices.catalogue.profile import Contribution, Edition5, PracticeProfile

TECHNICAL: tuple[PracticeProfile, ...] = (
    PracticeProfile(
        id="deployment_management",
        name="Deployment management",
        category="technical",
        purpose="Carry components of any kind safely into the live environment or another one.",
        key_terms=(
            "deployment",
            "environment",
            "phased",
            "big bang",
            "pull",
            "continuous delivery",
            "deployment model",
            "back-out",
        ),
        roles=("deployment manager", "DevOps engineer"),
        inputs=("built and tested components", "authorized changes", "release plans"),
        outputs=("deployed components", "updated configuration data"),
        success_factors=("effective approaches to deployment exist", "deployments work within the value streams"),
        success_factors_confidence="seen",
        metrics=(
            "deployment success rate",
            "deployment lead time",
            "deployment frequency",
            "deployment-related incidents",
        ),
        record_types=("deployment", "deployment_model"),
        model_types=("deployment model",),
        related=(
            "release_management",
            "change_enablement",
            "service_configuration_management",
            "software_development_and_management",
            "infrastructure_and_platform_management",
        ),
        contribution=Contribution(
            plan="none",
            improve="medium",
            engage="low",
            design_and_transition="high",
            obtain_build="high",
            deliver_and_support="medium",
        ),
        edition_5=Edition5(name="Deployment management", group="product_and_service"),
    ),
    PracticeProfile(
        id="infrastructure_and_platform_management",
        name="Infrastructure and platform management",
        category="technical",
        purpose="Run the technical foundations that services stand on, and scout for better ones.",
        key_terms=("infrastructure", "platform", "IaaS/PaaS/SaaS", "cloud", "virtualization", "environment"),
        roles=("infrastructure engineer", "platform engineer", "operator"),
        inputs=("architecture", "capacity plans", "changes", "events"),
        outputs=("running infrastructure", "environments", "operations records"),
        success_factors=(
            "there is an infrastructure and platform approach that follows evolving needs",
            "solutions meet present and expected needs",
        ),
        success_factors_confidence="recalled, unchecked",
        metrics=("platform availability", "provisioning time", "unsupported components"),
        record_types=("infrastructure_component", "operations_task"),
        related=(
            "architecture_management",
            "capacity_and_performance_management",
            "monitoring_and_event_management",
            "deployment_management",
            "software_development_and_management",
        ),
        contribution=Contribution(
            plan="medium",
            improve="medium",
            engage="low",
            design_and_transition="high",
            obtain_build="high",
            deliver_and_support="high",
        ),
        edition_5=Edition5(name="Infrastructure and platform management", group="product_and_service"),
    ),
    PracticeProfile(
        id="software_development_and_management",
        name="Software development and management",
        category="technical",
        purpose=(
            "Build and look after applications so that they do their job, can be relied on, maintained and inspected."
        ),
        key_terms=("SDLC", "waterfall", "agile", "DevOps", "source control", "package", "backlog", "technical debt"),
        roles=("developer", "product owner", "software architect"),
        inputs=("requirements", "designs", "problem and change records"),
        outputs=("software", "documentation", "tests"),
        success_factors=(
            "the way software is built and managed is agreed and improved",
            "software meets needs and quality criteria for life",
        ),
        success_factors_confidence="seen",
        metrics=("lead time", "change failure rate", "defect density", "technical debt"),
        record_types=("software_component", "backlog_item", "build"),
        related=(
            "deployment_management",
            "service_validation_and_testing",
            "architecture_management",
            "release_management",
            "business_analysis",
        ),
        contribution=Contribution(
            plan="low",
            improve="medium",
            engage="low",
            design_and_transition="medium",
            obtain_build="high",
            deliver_and_support="medium",
        ),
        edition_5=Edition5(name="Software development and management", group="product_and_service"),
    ),
)
