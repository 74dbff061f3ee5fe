"""Value: the service value system, services and outcomes, the value ledger, and value streams with their figures.

This is the door of the room; its modules load when a name is first used:

>>> from itil4 import value
>>> round(value.mmc(10, 12, 2).lead_time, 3)
0.101
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from itil4.value.built_in_streams import (
        BUILT_IN_STREAMS,
        DEVELOP_NEW_SERVICE,
        FULFIL_SERVICE_REQUEST,
        RESTORE_LIVE_SERVICE,
    )
    from itil4.value.chain import (
        ACTIVITIES,
        CHAIN_RULES,
        ITIL_4,
        ITIL_5,
        Activity,
        ActivityId,
        ActivityScheme,
    )
    from itil4.value.charts import Ageing, CumulativeFlow, OpenCase, ageing, cumulative_flow
    from itil4.value.cocreation import (
        CoCreation,
        Interaction,
        co_creation,
    )
    from itil4.value.comparing import Difference, compare
    from itil4.value.delivery import Deployment, Dora, dora
    from itil4.value.diagrams import dot, mermaid
    from itil4.value.flow import (
        DirectlyFollows,
        Distribution,
        Ladder,
        LittlesLaw,
        QueueAhead,
        directly_follows,
        flow_efficiency,
        ladder,
        littles_law,
        queue_ahead,
        rolled_complete_and_accurate,
        takt,
        value_added_ratio,
    )
    from itil4.value.forecasting import (
        Forecast,
        forecast,
    )
    from itil4.value.glossary import (
        TERMS,
        Term,
        define,
    )
    from itil4.value.governing import (
        Directive,
        Evaluation,
        GovernanceTrace,
        Monitoring,
    )
    from itil4.value.improvement import (
        IMPROVEMENT_STEPS,
        ImprovementStep,
    )
    from itil4.value.journey import (
        JOURNEY_STEPS,
        JourneyStep,
    )
    from itil4.value.ledger import (
        Amount,
        Budget,
        BudgetStatus,
        LedgerLine,
        Posting,
        Spending,
        ValueLedger,
    )
    from itil4.value.map_picture import map_svg
    from itil4.value.observations import (
        Observation,
    )
    from itil4.value.observing import (
        observe,
    )
    from itil4.value.outcomes import (
        Confirmation,
        Evidence,
        Outcome,
        OutcomeCount,
        count_outcomes,
    )
    from itil4.value.principles import (
        GUIDING_PRINCIPLES,
        GuidingPrinciple,
    )
    from itil4.value.queueing import (
        Queue,
        mmc,
    )
    from itil4.value.services import (
        Assurance,
        ConsumerSide,
        OfferingComponent,
        Output,
        Product,
        Service,
        ServiceAgreement,
        ServiceOffering,
        ServiceRelationship,
        Stakeholder,
        Utility,
        WarrantyReport,
        roles_in,
    )
    from itil4.value.simulated_history import SimulatedHistory
    from itil4.value.simulating import (
        Exponential,
        Fixed,
        Measured,
        WhatIf,
        simulate,
        what_if,
    )
    from itil4.value.stream_map import (
        Bottleneck,
        LittleCheck,
        StepFigures,
        StreamMap,
        Variant,
    )
    from itil4.value.streams import (
        PRACTICE_IDS,
        ImprovementOpportunity,
        Step,
        ValueStream,
    )
    from itil4.value.system import (
        COMPONENTS,
        DIMENSIONS,
        EXTERNAL_FACTORS,
        GOVERNANCE_ACTS,
        SERVICE_VALUE_SYSTEM,
        Component,
        Dimension,
        ExternalFactor,
        GovernanceAct,
        ServiceValueSystem,
    )

_HOMES = {
    "built_in_streams": "BUILT_IN_STREAMS DEVELOP_NEW_SERVICE FULFIL_SERVICE_REQUEST RESTORE_LIVE_SERVICE",
    "chain": "ACTIVITIES Activity ActivityId ActivityScheme CHAIN_RULES ITIL_4 ITIL_5",
    "charts": "Ageing CumulativeFlow OpenCase ageing cumulative_flow",
    "cocreation": "CoCreation Interaction co_creation",
    "comparing": "Difference compare",
    "delivery": "Deployment Dora dora",
    "diagrams": "dot mermaid",
    "flow": (
        "DirectlyFollows Distribution Ladder LittlesLaw QueueAhead directly_follows flow_efficiency "
        "ladder littles_law queue_ahead rolled_complete_and_accurate takt value_added_ratio"
    ),
    "forecasting": "Forecast forecast",
    "glossary": "TERMS Term define",
    "governing": "Directive Evaluation GovernanceTrace Monitoring",
    "improvement": "IMPROVEMENT_STEPS ImprovementStep",
    "journey": "JOURNEY_STEPS JourneyStep",
    "ledger": "Amount Budget BudgetStatus LedgerLine Posting Spending ValueLedger",
    "map_picture": "map_svg",
    "observations": "Observation",
    "observing": "observe",
    "outcomes": "Confirmation Evidence Outcome OutcomeCount count_outcomes",
    "principles": "GUIDING_PRINCIPLES GuidingPrinciple",
    "queueing": "Queue mmc",
    "services": (
        "Assurance ConsumerSide OfferingComponent Output Product Service ServiceAgreement "
        "ServiceOffering ServiceRelationship Stakeholder Utility WarrantyReport roles_in"
    ),
    "simulated_history": "SimulatedHistory",
    "simulating": "Exponential Fixed Measured WhatIf simulate what_if",
    "stream_map": "Bottleneck LittleCheck StepFigures StreamMap Variant",
    "streams": "ImprovementOpportunity PRACTICE_IDS Step ValueStream",
    "system": (
        "COMPONENTS Component DIMENSIONS Dimension EXTERNAL_FACTORS ExternalFactor GOVERNANCE_ACTS "
        "GovernanceAct SERVICE_VALUE_SYSTEM ServiceValueSystem"
    ),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "ACTIVITIES",
    "BUILT_IN_STREAMS",
    "CHAIN_RULES",
    "COMPONENTS",
    "DEVELOP_NEW_SERVICE",
    "DIMENSIONS",
    "EXTERNAL_FACTORS",
    "FULFIL_SERVICE_REQUEST",
    "GOVERNANCE_ACTS",
    "GUIDING_PRINCIPLES",
    "IMPROVEMENT_STEPS",
    "ITIL_4",
    "ITIL_5",
    "JOURNEY_STEPS",
    "PRACTICE_IDS",
    "RESTORE_LIVE_SERVICE",
    "SERVICE_VALUE_SYSTEM",
    "TERMS",
    "Activity",
    "ActivityId",
    "ActivityScheme",
    "Ageing",
    "Amount",
    "Assurance",
    "Bottleneck",
    "Budget",
    "BudgetStatus",
    "CoCreation",
    "Component",
    "Confirmation",
    "ConsumerSide",
    "CumulativeFlow",
    "Deployment",
    "Difference",
    "Dimension",
    "Directive",
    "DirectlyFollows",
    "Distribution",
    "Dora",
    "Evaluation",
    "Evidence",
    "Exponential",
    "ExternalFactor",
    "Fixed",
    "Forecast",
    "GovernanceAct",
    "GovernanceTrace",
    "GuidingPrinciple",
    "ImprovementOpportunity",
    "ImprovementStep",
    "Interaction",
    "JourneyStep",
    "Ladder",
    "LedgerLine",
    "LittleCheck",
    "LittlesLaw",
    "Measured",
    "Monitoring",
    "Observation",
    "OfferingComponent",
    "OpenCase",
    "Outcome",
    "OutcomeCount",
    "Output",
    "Posting",
    "Product",
    "Queue",
    "QueueAhead",
    "Service",
    "ServiceAgreement",
    "ServiceOffering",
    "ServiceRelationship",
    "ServiceValueSystem",
    "SimulatedHistory",
    "Spending",
    "Stakeholder",
    "Step",
    "StepFigures",
    "StreamMap",
    "Term",
    "Utility",
    "ValueLedger",
    "ValueStream",
    "Variant",
    "WarrantyReport",
    "WhatIf",
    "ageing",
    "co_creation",
    "compare",
    "count_outcomes",
    "cumulative_flow",
    "define",
    "directly_follows",
    "dora",
    "dot",
    "flow_efficiency",
    "forecast",
    "ladder",
    "littles_law",
    "map_svg",
    "mermaid",
    "mmc",
    "observe",
    "queue_ahead",
    "roles_in",
    "rolled_complete_and_accurate",
    "simulate",
    "takt",
    "value_added_ratio",
    "what_if",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"itil4.value.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
