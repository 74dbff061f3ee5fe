"""The closed lists of ITIL 4 as data."""

import json
from pathlib import Path

import attrs
import pytest

from itil4.errors import InvalidInput, NotFound
from itil4.value.chain import ACTIVITIES, ITIL_4, ITIL_5
from itil4.value.glossary import TERMS, define
from itil4.value.improvement import IMPROVEMENT_STEPS
from itil4.value.journey import JOURNEY_STEPS
from itil4.value.principles import GUIDING_PRINCIPLES
from itil4.value.system import (
    COMPONENTS,
    DIMENSIONS,
    EXTERNAL_FACTORS,
    GOVERNANCE_ACTS,
    SERVICE_VALUE_SYSTEM,
    ServiceValueSystem,
)

FACTS = Path(__file__).parents[3] / "shared" / "facts" / "concepts.json"


def test_inv_006_the_closed_lists_have_their_numbers():
    """INV-006: 7 principles, 4 dimensions, 6 activities, 5 parts, 7 steps, 3 governance acts, 7 journey steps."""
    lists = (
        GUIDING_PRINCIPLES,
        DIMENSIONS,
        ACTIVITIES,
        COMPONENTS,
        IMPROVEMENT_STEPS,
        GOVERNANCE_ACTS,
        JOURNEY_STEPS,
        EXTERNAL_FACTORS,
    )
    assert [len(items) for items in lists] == [7, 4, 6, 5, 7, 3, 7, 6]
    for items in lists:
        assert len({item.id for item in items}) == len(items)
    assert [step.number for step in IMPROVEMENT_STEPS] == [step.number for step in JOURNEY_STEPS] == list(range(1, 8))


def test_the_edition_of_the_value_chain_is_data():
    """A system with the activities of another edition is one argument away."""
    assert len(ITIL_5) == 8 and ServiceValueSystem(activities=ITIL_5).activities["operate"].name == "Operate"
    assert "engage" in ITIL_4 and "engage" not in ITIL_5
    with pytest.raises(InvalidInput, match="Did you mean 'engage'"):
        ITIL_4["engaged"]


def test_the_system_names_the_dimensions_that_nobody_looked_at():
    """The four dimensions apply to everything; what was left out is named."""
    assert SERVICE_VALUE_SYSTEM.unconsidered([d.id for d in DIMENSIONS]) == ()
    with pytest.raises(InvalidInput):
        SERVICE_VALUE_SYSTEM.unconsidered(["people"])


def test_the_glossary_defines_the_words_and_offers_the_nearest():
    """Every term is found by id and by name; a near miss is offered."""
    for term in TERMS:
        assert define(term.id) is define(term.name) is term
    with pytest.raises(NotFound, match="'warranty'"):
        define("waranty")
    with pytest.raises(NotFound):
        define(None)


def test_the_lists_say_what_the_facts_say():
    """Meaning and membership come from the project's facts, none lost."""
    if not FACTS.exists():
        pytest.skip("the shared folder with facts/concepts.json is not beside this repository")
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    assert [(p.id, p.name, p.idea, list(p.apply)) for p in GUIDING_PRINCIPLES] == [
        (f["id"], f["name"], f["idea"], f["apply"]) for f in facts["guiding_principles"]
    ]
    assert [(a.id, a.name, a.idea, len(a.inputs), len(a.outputs)) for a in ACTIVITIES] == [
        (f["id"], f["name"], f["idea"], len(f["inputs"]), len(f["outputs"])) for f in facts["value_chain_activities"]
    ]
    assert [(d.id, d.name, list(d.covers)) for d in DIMENSIONS] == [
        (f["id"], f["name"], f["covers"]) for f in facts["dimensions"]
    ]
    assert [(g.id, g.idea) for g in GOVERNANCE_ACTS] == [(f["id"], f["idea"]) for f in facts["governance"]]
    assert [c.id for c in COMPONENTS] == facts["svs"]["components"]
    assert [f.id for f in EXTERNAL_FACTORS] == facts["external_factors_pestle"]
    assert [(s.id, s.name, s.output) for s in IMPROVEMENT_STEPS] == [
        (f["id"], f["name"], f["output"]) for f in facts["continual_improvement_model"]
    ]
    assert [(s.id, s.idea) for s in JOURNEY_STEPS] == [(f["id"], f["idea"]) for f in facts["customer_journey"]]
    assert list(ITIL_5.ids) == facts["version_5"]["lifecycle"]
    words = {name: fact["definition"] for name, fact in facts["terms"].items() if name != "technical_terms_v5"}
    assert {term.id: term.definition for term in TERMS} == words


def test_the_lists_are_immutable():
    """Nobody rewrites a principle by accident."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        GUIDING_PRINCIPLES[0].name = "Focus on price"
