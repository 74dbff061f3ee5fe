"""The practices that every service management has, each in its place, and how those of a host join them."""

from collections.abc import Iterable
from itertools import combinations
from typing import Any

from itil4.errors import DefinitionError
from itil4.practices.base import Practice
from itil4.practices.places import Place

_IN = "itil4.practices."
_CI = "continual_improvement"
_SLM = "service_level_management"
_LEVELS = f"{_IN}{_SLM}:"
_SRM = "service_request_management"
_SCM = "service_configuration_management"
_PARTS = f"{_IN}configuration."
_RM = "relationship_management"
_CRM = f"{_IN}relationship."

# fmt: off
BUILT_IN = (
    #     slot           kind           prefix  name                   home
    Place("incidents",    "incident",    "INC", "incident_management", _IN + "incident_management:IncidentManagement"),
    Place("problems",     "problem",     "PRB", "problem_management",  _IN + "problem_management:ProblemManagement"),
    Place("known_errors", "known_error", "KE",  "problem_management",  _IN + "known_errors:KnownErrors"),
    Place("improvements", "improvement", "CIR", _CI,                   _IN + f"{_CI}:ContinualImprovement"),
    Place("changes",      "change",      "CHG", "change_enablement",   _IN + "change_enablement:ChangeEnablement"),
    Place("change_models", "change_model", "CHM", "change_enablement", _IN + "change_register:ChangeModels"),
    Place("service_requests", "service_request", "REQ", _SRM,          _IN + f"{_SRM}:ServiceRequestManagement"),
    Place("import_runs",  "import_run",  "IMP", "import_run",          _IN + "import_run:ImportRuns"),
    Place("service_levels",             "service_level",             "SLA", _SLM, _LEVELS + "ServiceLevelManagement"),
    Place("service_level_requirements", "service_level_requirement", "SLR", _SLM, _LEVELS + "ServiceLevelRequirements"),
    Place("service_reviews",            "service_review",            "REV", _SLM, _LEVELS + "ServiceReviews"),
    Place("service_level_breaches",     "service_level_breach",      "BRE", _SLM, _LEVELS + "ServiceLevelBreaches"),
    Place("configuration_items",     "configuration_item",     "CI",  _SCM, _PARTS + "items:ConfigurationItems"),
    Place("configuration_baselines", "configuration_baseline", "CBL", _SCM,
          _PARTS + "baselines:ConfigurationBaselines"),
    Place("impact_assessments",      "impact_assessment",      "IA",  _SCM, _PARTS + "assessments:ImpactAssessments"),
    Place("accounts",             "account",             "ACCT", _RM, _CRM + "accounts:Accounts"),
    Place("contacts",             "contact",             "CON",  _RM, _CRM + "contacts:Contacts"),
    Place("interactions",         "interaction",         "INT",  _RM, _CRM + "interactions:Interactions"),
    Place("stakeholders",         "stakeholder",         "STK",  _RM, _CRM + "stakeholders:Stakeholders"),
    Place("leads",                "lead",                "LEAD", _RM, _CRM + "leads:Leads"),
    Place("opportunities",        "opportunity",         "OPP",  _RM, _CRM + "opportunities:Opportunities"),
    Place("complaints",           "complaint",           "CPL",  _RM, _CRM + "complaints:Complaints"),
    Place("satisfaction_surveys", "satisfaction_survey", "SAT",  _RM, _CRM + "surveys:SatisfactionSurveys"),
)
# fmt: on
"""The practices that every service management has, unless another class fills their place."""


def placed_with(practices: Iterable[type[Practice[Any]]]) -> dict[str, Place]:
    """Give each class its place; a class of the host replaces the built-in one that it extends."""
    own: dict[str, type[Practice[Any]]] = {}
    for cls in practices:
        if not (isinstance(cls, type) and issubclass(cls, Practice)):
            raise DefinitionError.of("ill_typed", field="practices", expected="subclasses of Practice", value=cls)
        for held in own.values():
            shared = next((key for key in ("slot", "kind", "prefix") if getattr(held, key) == getattr(cls, key)), None)
            if shared and held is not cls:
                raise DefinitionError.of(
                    "slot_taken", first=held.__name__, second=cls.__name__, slot=getattr(cls, shared)
                )
        own[cls.slot] = cls
    placed = {place.slot: place for place in BUILT_IN} | {slot: Place.of(cls) for slot, cls in own.items()}
    for first, second in combinations(placed.values(), 2):
        if first.kind == second.kind or first.prefix == second.prefix:
            names = [each.home.partition(":")[2] for each in (first, second)]
            raise DefinitionError.of("slot_taken", first=names[0], second=names[1], slot=first.kind)
    return placed
