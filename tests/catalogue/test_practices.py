"""The 34 practices: complete, consistent, and never altered by what an organization adds."""

import copy
import json
import pickle
import re
from collections import Counter
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itil4.errors import InvalidInput, NotFound
from itil4.practices.catalogue import (
    Contribution,
    ContributionLevel,
    PracticeCatalogue,
    PracticeProfile,
    catalogue,
    list_practices,
    show_practices,
)
from itil4.value.chain import ITIL_4
from itil4.vocabulary import choices

ROOT = Path(__file__).parents[2]
FACTS = ROOT.parent / "shared" / "facts" / "practices.json"
FLEET = PracticeProfile(
    id="fleet_management",
    name="Fleet management",
    category="technical",
    purpose="Keep the vessels able to sail.",
    related=["incident_management"],
)


def test_inv_001_there_are_14_general_17_service_and_3_technical_practices():
    """INV-001: exactly 34 practices, in three groups; ids are unique."""
    assert Counter(practice.category for practice in catalogue()) == {"general": 14, "service": 17, "technical": 3}
    assert len(set(catalogue().ids)) == 34


@pytest.mark.parametrize("practice", catalogue(), ids=lambda practice: practice.id)
def test_inv_002_every_practice_says_what_it_is_for_and_what_it_takes(practice):
    """INV-002: a purpose, and at least one success factor, metric, role and record type."""
    assert practice.purpose.endswith(".")
    assert practice.success_factors and practice.metrics and practice.roles and practice.record_types
    assert practice.success_factors_confidence and practice.inputs and practice.outputs and practice.key_terms
    assert practice.edition_5.name == practice.name


def test_inv_003_related_practices_exist_and_are_others():
    """INV-003: every related practice is in the catalogue, and is not the practice itself."""
    for practice in catalogue():
        assert practice.related
        assert set(practice.related) <= set(catalogue().ids) - {practice.id}


def test_inv_004_contributions_name_all_six_activities():
    """INV-004: every practice has a level of the closed list for each of the six activities."""
    for practice in catalogue():
        assert set(practice.contribution) == set(ITIL_4.ids)
        assert set(practice.contribution.values()) <= set(choices(ContributionLevel))
        assert practice.contribution.strongest


def test_inv_005_practices_of_your_own_never_alter_the_34():
    """INV-005: a catalogue is a value; extending it gives another one."""
    before = pickle.dumps(tuple(catalogue()))
    ours = catalogue().extended(FLEET)
    assert ours["Fleet Management"] is FLEET and len(ours) == 35 and ours.own == (FLEET,)
    assert len(catalogue()) == 34 and "fleet_management" not in catalogue()
    assert pickle.dumps(tuple(catalogue())) == before
    assert ours.built_in == catalogue().built_in
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        catalogue()["service_desk"].purpose = "Something else."
    with pytest.raises((attrs.exceptions.FrozenInstanceError, TypeError)):
        catalogue()["service_desk"].contribution["plan"] = "high"


@pytest.mark.parametrize("taken", ["incident_management", "service_desk"])
def test_a_practice_of_your_own_cannot_take_the_place_of_a_built_in_one(taken):
    """An id or a name that is taken is refused with the holder's id."""
    with pytest.raises(InvalidInput, match="stay as they are") as caught:
        catalogue().extended(attrs.evolve(FLEET, id=taken))
    assert caught.value.code == "practice_taken" and caught.value.detail["holder"] == taken
    with pytest.raises(InvalidInput):
        catalogue().extended(attrs.evolve(FLEET, name=catalogue()[taken].name.upper()))


def test_a_practice_of_your_own_may_relate_to_another_new_one_but_not_to_nothing():
    """Related names are judged against the whole catalogue that results."""
    port = attrs.evolve(FLEET, id="port_management", name="Port management", related=["fleet_management"])
    assert len(catalogue().extended(FLEET, port)) == 36
    with pytest.raises(InvalidInput) as caught:
        catalogue().extended(attrs.evolve(port, related=["flet_management"]))
    assert caught.value.code == "unknown_name"
    with pytest.raises(InvalidInput):
        catalogue().extended(attrs.evolve(FLEET, related=["fleet_management"]))
    with pytest.raises(InvalidInput):
        catalogue().extended("fleet_management")


def test_only_unused_practices_of_your_own_can_be_taken_out():
    """The 34 stay, and so does a practice that another one names."""
    port = attrs.evolve(FLEET, id="port_management", name="Port management", related=["fleet_management"])
    ours = catalogue().extended(FLEET, port)
    assert ours.without("port management").own == (FLEET,)
    for name, code in (("incident_management", "practice_built_in"), ("fleet_management", "practice_in_use")):
        with pytest.raises(InvalidInput) as caught:
            ours.without(name)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("asked", "offered"),
    [
        ("change management", "change_enablement"),
        ("Change Control", "change_enablement"),
        ("incident", "incident_management"),
        ("problem mangement", "problem_management"),
        ("request fulfilment", "service_request_management"),
        ("event management", "monitoring_and_event_management"),
        ("CRM", "relationship_management"),
        ("configuration management", "service_configuration_management"),
    ],
)
def test_a_near_miss_offers_the_practice_that_was_meant(asked, offered):
    """An unknown name is refused with the nearest practice, by former name, spelling or part of the name."""
    with pytest.raises(NotFound) as caught:
        catalogue()[asked]
    assert caught.value.code == "unknown_practice"
    assert offered in str(caught.value) and catalogue()[offered].name in str(caught.value)


@pytest.mark.parametrize("nothing", ["", "zzzz", 3, None, "x" * 10_000, "{name}"])
def test_a_name_that_is_like_nothing_gets_no_offer(nothing):
    """No guess is better than a wild one; any value can be asked for without harm."""
    with pytest.raises(NotFound) as caught:
        catalogue()[nothing]
    assert "Did you mean" not in str(caught.value)
    assert nothing not in catalogue()


@given(st.sampled_from(catalogue().ids), st.data())
def test_letter_case_spaces_and_hyphens_do_not_matter(name, data):
    """Law: every spelling of an id or a name by case and separator finds the same practice."""
    separator = data.draw(st.sampled_from([" ", "-", "_", "  "]))
    spelled = separator.join(name.split("_"))
    spelled = data.draw(st.sampled_from([spelled, spelled.upper(), spelled.title()]))
    assert catalogue()[spelled].id == name and spelled in catalogue()


def test_profiles_survive_pickling_and_copying_and_hash():
    """A profile is a plain value."""
    for practice in catalogue():
        assert pickle.loads(pickle.dumps(practice)) == copy.deepcopy(practice) == practice
        assert practice in catalogue() and hash(practice) == hash(copy.copy(practice))
    assert pickle.loads(pickle.dumps(catalogue()))["service desk"].id == "service_desk"
    assert repr(catalogue().extended(FLEET)) == "<34 practices of ITIL 4 and 1 of your own>"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": "Fleet Management"}, "ill_typed"),
        ({"name": " "}, "blank"),
        ({"purpose": None}, "ill_typed"),
        ({"category": "sevice"}, "not_a_choice"),
        ({"roles": "fleet manager"}, "ill_typed"),
        ({"metrics": [1]}, "ill_typed"),
        ({"contribution": {"plan": "high"}}, "ill_typed"),
        ({"success_factors_confidence": "sure"}, "not_a_choice"),
    ],
)
def test_a_profile_refuses_what_is_not_a_practice(change, code):
    """Wrong types and unknown words are refused at the door, with a code."""
    with pytest.raises(InvalidInput) as caught:
        attrs.evolve(FLEET, **change)
    assert caught.value.code == code


def test_a_contribution_refuses_unknown_levels_and_activities():
    """Levels are a closed list, and so are the activities."""
    with pytest.raises(InvalidInput):
        Contribution(plan="huge")
    with pytest.raises(KeyError):
        Contribution()["delivery"]
    assert Contribution().strongest == ()


def test_a_practice_with_a_module_of_its_own_names_it():
    """The link to the module is there exactly when the module is."""
    for practice in catalogue():
        assert practice.module in (None, f"itil4.practices.{practice.id}")
    assert FLEET.module is None


def test_the_built_in_data_says_what_the_facts_say():
    """The catalogue carries the project's facts, none lost."""
    if not FACTS.exists():
        pytest.skip("the shared folder with facts/practices.json is not beside this repository")
    for fact in json.loads(FACTS.read_text(encoding="utf-8")):
        practice = catalogue()[fact["id"]]
        assert dict(practice.contribution) == fact["contribution_suggested"]
        assert attrs.asdict(practice.edition_5) == fact["edition_5"]
        assert practice.related == tuple(fact["related_practices"])
        for name in ("name", "category", "purpose", "success_factors_confidence"):
            assert getattr(practice, name) == fact[name]
        for name in (
            "key_terms",
            "record_types",
            "model_types",
            "inputs",
            "outputs",
            "roles",
            "success_factors",
            "metrics",
        ):
            assert getattr(practice, name) == tuple(fact[name])


@pytest.mark.parametrize("name", [None, *catalogue().ids])
@pytest.mark.parametrize("width", [40, 80])
def test_the_text_fits_its_columns(name, width):
    """No line of the list or of a practice is wider than asked, and contributions are shown as ours."""
    shown = show_practices(name, width=width)
    assert max(len(line) for line in shown.splitlines()) <= max(width, 58)
    assert shown == shown.rstrip() and not re.search(r"[ \t]$", shown, re.MULTILINE)
    assert name is None or "our editorial default" in shown


def test_the_list_shows_every_practice_and_marks_your_own():
    """All names appear; a practice of your own carries a mark."""
    shown = list_practices(catalogue().extended(FLEET))
    assert all(practice.name in shown for practice in catalogue())
    assert "Fleet management *" in shown and "a practice of your own" in shown
    assert "our editorial default" not in show_practices("fleet management", catalogue().extended(FLEET))


def test_the_reference_page_lists_the_34_as_the_data_has_them():
    """docs/reference/practices.md is a table of the catalogue; this test keeps it true."""
    page = (ROOT / "docs" / "reference" / "practices.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{practice.id}` | {practice.name} | {practice.category} | {practice.purpose} "
        f"| {', '.join(practice.contribution.strongest)} | {practice.success_factors_confidence} "
        f"| {practice.edition_5.group.replace('_', ' ')} |"
        for practice in catalogue()
    ]


def test_a_catalogue_of_nothing_is_possible():
    """A host may build a catalogue from its own practices alone."""
    assert list(PracticeCatalogue((), (FLEET,))) == [FLEET]
