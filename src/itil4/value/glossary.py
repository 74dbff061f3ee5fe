"""The words of service management, each defined in this project's own words."""

from functools import cache
from typing import Literal, TypeAlias

import attrs

from itil4.errors import NotFound, nearest
from itil4.value.validators import text, word

DefinitionConfidence: TypeAlias = Literal["seen", "recalled", "editorial"]
"""How sure we are of a definition: found in sources, from memory and unchecked, or a choice of this project."""


@attrs.frozen
class Term:
    """One word with its definition."""

    id: str = attrs.field(validator=text)
    name: str = attrs.field(validator=text)
    definition: str = attrs.field(validator=text)
    confidence: DefinitionConfidence = attrs.field(validator=word(DefinitionConfidence))


TERMS: tuple[Term, ...] = (
    Term(
        "practice",
        "practice",
        "Everything an organization brings together (people, tools, processes, partners) to get one kind of "
        "work done or reach one aim.",
        "seen",
    ),
    Term(
        "process",
        "process",
        "A linked set of activities that turns defined inputs into defined outputs, in an order with dependencies.",
        "seen",
    ),
    Term(
        "practice_success_factor",
        "practice success factor",
        "A compound capability a practice must have, drawing on all four dimensions, in order to serve its purpose.",
        "seen",
    ),
    Term(
        "service_management",
        "service management",
        "The organizational abilities that let value reach customers through services.",
        "seen",
    ),
    Term(
        "organization",
        "organization",
        "A person or group with its own functions, duties, authority and relations, pursuing objectives.",
        "seen",
    ),
    Term(
        "value",
        "value",
        "How beneficial, useful or important something seems to a stakeholder; it is perceived, so it "
        "differs by person and time.",
        "seen",
    ),
    Term("outcome", "outcome", "A result a stakeholder gets, made possible by outputs.", "seen"),
    Term("output", "output", "A thing delivered by an activity, tangible or not.", "seen"),
    Term(
        "cost",
        "cost",
        "Money spent on an activity or resource; a service can take costs away from the consumer and add others.",
        "seen",
    ),
    Term(
        "risk",
        "risk",
        "An uncertain event or condition that may harm, or help, reaching objectives; a service can remove "
        "some risks and bring others.",
        "seen",
    ),
    Term(
        "utility",
        "utility",
        "What the service does: it supports performance or removes a constraint (fit for purpose).",
        "seen",
    ),
    Term(
        "warranty",
        "warranty",
        "How well it does it: enough availability, capacity, security and continuity (fit for use).",
        "seen",
    ),
    Term(
        "service",
        "service",
        "A way of making value together with the consumer by helping with outcomes the consumer wants, while "
        "the consumer need not handle particular costs and risks.",
        "seen",
    ),
    Term("product", "product", "A set-up of an organization's resources made to offer value to consumers.", "seen"),
    Term(
        "service_offering",
        "service offering",
        "A described package of one or more services for a target group, made of goods, access to resources "
        "and service actions.",
        "seen",
    ),
    Term(
        "service_relationship",
        "service relationship",
        "Cooperation of provider and consumer: provision, consumption and joint relationship management.",
        "seen",
    ),
    Term(
        "service_provider",
        "service provider",
        "Role of an organization that offers services to consumers (outside or inside itself).",
        "seen",
    ),
    Term(
        "service_consumer",
        "service consumer",
        "Role of an organization that receives services; splits into customer, user and sponsor.",
        "seen",
    ),
    Term(
        "customer",
        "customer",
        "Role that sets requirements for a service and answers for the outcomes of using it.",
        "seen",
    ),
    Term("user", "user", "Role that uses the service.", "seen"),
    Term("sponsor", "sponsor", "Role that approves the budget for using the service.", "seen"),
    Term("supplier", "supplier", "Outside party that provides goods or services the provider depends on.", "seen"),
    Term(
        "value_co_creation",
        "value co-creation",
        "Value arises from provider and consumer acting together, not from one-way delivery.",
        "seen",
    ),
    Term(
        "value_stream",
        "value stream",
        "The concrete series of steps an organization takes to create and deliver products or services, from "
        "demand to value.",
        "seen",
    ),
    Term(
        "service_value_chain",
        "service value chain",
        "Operating model of six activities that can be combined in many orders; it is not a fixed sequence.",
        "seen",
    ),
    Term(
        "governance",
        "governance",
        "How an organization is directed and controlled: evaluate, direct, monitor.",
        "seen",
    ),
    Term("incident", "incident", "Unplanned stop of a service, or drop in its quality.", "seen"),
    Term(
        "major_incident",
        "major incident",
        "Incident with large business effect that needs immediate, coordinated handling.",
        "seen",
    ),
    Term("incident_model", "incident model", "Repeatable way to manage one type of incident.", "seen"),
    Term(
        "normal_operation",
        "normal operation",
        "State defined by SLA, by internal specification, or, lacking both, by expert judgement.",
        "seen",
    ),
    Term(
        "workaround",
        "workaround",
        "Something that lessens or removes the effect of an incident or problem while no full fix exists; "
        "some also lower the chance of incidents.",
        "seen",
    ),
    Term("problem", "problem", "Cause, known or possible, of one or more incidents.", "seen"),
    Term(
        "known_error",
        "known error",
        "Problem that has been analysed and not resolved; a state of a problem (some keep it as a separate record).",
        "seen",
    ),
    Term(
        "technical_debt",
        "technical debt",
        "Rework owed because of choosing workarounds over lasting solutions.",
        "seen",
    ),
    Term(
        "swarming",
        "swarming",
        "Many people with different skills work on a task together until it is clear who is needed.",
        "seen",
    ),
    Term(
        "functional_escalation",
        "functional escalation",
        "Handing work to a team with the needed expertise.",
        "seen",
    ),
    Term(
        "hierarchical_escalation",
        "hierarchical escalation",
        "Telling or involving a higher level of management.",
        "seen",
    ),
    Term(
        "change",
        "change",
        "Adding, modifying or removing anything that could affect services, directly or not.",
        "seen",
    ),
    Term(
        "standard_change",
        "standard change",
        "Low-risk, well-known, fully documented change authorized in advance; risk is assessed when its "
        "procedure is made or altered, not each time.",
        "seen",
    ),
    Term(
        "normal_change",
        "normal change",
        "Change that needs its own assessment and authorization, usually following a change model.",
        "seen",
    ),
    Term(
        "emergency_change",
        "emergency change",
        "Change that must happen as soon as possible; may skip or postpone steps, may have its own "
        "authority, yet stays under control.",
        "seen",
    ),
    Term(
        "change_authority",
        "change authority",
        "Person or group that authorizes a change; set per change type/model; can be a peer, a team, a "
        "board, an automated rule.",
        "seen",
    ),
    Term("change_model", "change model", "Repeatable way to manage one kind of change.", "seen"),
    Term(
        "request_for_change",
        "request for change",
        "Description of a proposed change that starts change enablement.",
        "seen",
    ),
    Term(
        "change_schedule",
        "change schedule",
        "Calendar of planned and past changes, used to plan, inform and avoid clashes.",
        "seen",
    ),
    Term(
        "freeze_window",
        "freeze window",
        "Period in which changes to a scope are blocked except those allowed by policy (e.g. emergency).",
        "editorial",
    ),
    Term(
        "post_implementation_review",
        "post implementation review",
        "Look back at a change against its goals after realization.",
        "recalled",
    ),
    Term(
        "service_request",
        "service request",
        "Ask from a user or their representative for something agreed as a normal part of service.",
        "seen",
    ),
    Term(
        "service_request_model",
        "service request model",
        "Pre-defined repeatable way to fulfil one kind of request: procedure, roles, automation, third parties.",
        "seen",
    ),
    Term(
        "request_catalogue",
        "request catalogue",
        "Users' view of the service catalogue showing what can be requested, on what terms.",
        "seen",
    ),
    Term("event", "event", "Change of state that matters for managing a service or CI.", "seen"),
    Term(
        "alert",
        "alert",
        "Notice that a threshold was passed, something changed or failed, or action is needed.",
        "seen",
    ),
    Term("threshold", "threshold", "Metric value that triggers a set response.", "seen"),
    Term(
        "configuration_item",
        "configuration item",
        "Component that must be managed in order to deliver a service.",
        "seen",
    ),
    Term(
        "it_asset",
        "IT asset",
        "Component with financial value that can contribute to delivering a product or service; some assets "
        "are not CIs and some CIs are not assets.",
        "seen",
    ),
    Term("cmdb", "CMDB", "Store of configuration records and their relationships through their life.", "seen"),
    Term(
        "cms",
        "CMS",
        "The tools, data and information supporting configuration management; usually larger than one CMDB.",
        "seen",
    ),
    Term(
        "ci_lifecycle_model",
        "CI lifecycle model",
        "Rules for a domain or type of CI: stages from creation to deletion, owners, naming, attributes, "
        "relations, checks.",
        "seen",
    ),
    Term(
        "asset_lifecycle",
        "asset lifecycle",
        "Stages of an asset from planning to disposal, expressed as statuses with permitted transitions per "
        "asset type.",
        "seen",
    ),
    Term("release", "release", "Version of a service or item (or set of them) made available for use.", "seen"),
    Term(
        "deployment",
        "deployment",
        "Moving a component into an environment; can happen without releasing it.",
        "seen",
    ),
    Term("sla", "SLA", "Documented agreement of provider and customer naming services and expected level.", "seen"),
    Term("ola", "OLA", "Agreement between internal groups of the provider that supports SLAs.", "seen"),
    Term(
        "underpinning_contract",
        "underpinning contract",
        "Contract with an outside supplier that supports SLAs.",
        "seen",
    ),
    Term("slr", "SLR", "Service level requirement: what the customer asks for before targets are agreed.", "seen"),
    Term(
        "xla",
        "XLA",
        "Experience level agreement: targets on how users feel about or experience the service.",
        "seen",
    ),
    Term(
        "watermelon_effect",
        "watermelon effect",
        "Targets look met (green outside) while customers are unhappy (red inside).",
        "seen",
    ),
    Term("availability", "availability", "Ability of a service or item to do its agreed job when needed.", "recalled"),
    Term("mtbf", "MTBF", "Mean time between failures: average up-time between failures.", "recalled"),
    Term("mtrs", "MTRS", "Mean time to restore service: average time from failure to restored service.", "recalled"),
    Term("rto", "RTO", "Longest acceptable time to restore after disruption.", "recalled"),
    Term("rpo", "RPO", "Point in time to which data must be restored, i.e. largest acceptable data loss.", "recalled"),
    Term(
        "disaster",
        "disaster",
        "Sudden unplanned event doing great damage or serious loss, handled by continuity plans.",
        "recalled",
    ),
)


@cache
def _by_id() -> dict[str, Term]:
    return {term.id: term for term in TERMS}


def define(name: str) -> Term:
    """Return the term of that id or name.

    Raises:
        NotFound: it is not in the glossary; the message offers the nearest.

    >>> define("known error").definition
    'Problem that has been analysed and not resolved; a state of a problem (some keep it as a separate record).'
    """
    terms = _by_id()
    key = "_".join(name.casefold().replace("-", " ").replace("_", " ").split()) if isinstance(name, str) else ""
    if key not in terms:
        raise NotFound.of("unknown_term", name=name, nearest=nearest(key, terms))
    return terms[key]
