"""Services, offerings, relationships, agreements and governance: what must hold by construction."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itil4.errors import InvalidInput
from itil4.value import (
    Assurance,
    ConsumerSide,
    Directive,
    Evaluation,
    GovernanceTrace,
    Monitoring,
    OfferingComponent,
    Output,
    Product,
    Service,
    ServiceAgreement,
    ServiceOffering,
    ServiceRelationship,
    Utility,
    roles_in,
)

MAIL = Service(
    id="mail",
    name="Mail",
    outcomes=["crew and office reach each other"],
    utility=Utility(statement="Carries messages.", supports_performance=True),
    outputs=[Output("a mailbox")],
)
FULL = [Assurance(aspect, "as agreed", True) for aspect in ("availability", "capacity", "security", "continuity")]


@pytest.mark.parametrize("outcomes", [[], [" "], "reach", [Output("a mailbox")], ["reach", Output("a mailbox")], None])
def test_inv_007_a_service_supports_an_outcome_and_an_output_is_none(outcomes):
    """INV-007: a service has at least one outcome; an output alone is not an outcome."""
    with pytest.raises(InvalidInput) as caught:
        attrs.evolve(MAIL, outcomes=outcomes)
    if outcomes and isinstance(outcomes[-1], Output):
        assert caught.value.code == "output_not_outcome"


def test_inv_008_purpose_is_utility_use_is_warranty_and_gaps_are_flagged():
    """INV-008: fit for purpose is utility, fit for use is warranty; missing aspects are named."""
    assert MAIL.fit_for_purpose and not MAIL.warranty_report().complete
    assert MAIL.warranty_report().missing == ("availability", "capacity", "security", "continuity")
    assert MAIL.warranty_report().fit_for_use is None
    full = attrs.evolve(MAIL, warranty=FULL).warranty_report()
    assert full.complete and full.fit_for_use is True
    broken = attrs.evolve(MAIL, warranty=[*FULL[:3], Assurance("continuity", "within a day", False)]).warranty_report()
    assert broken.complete and broken.fit_for_use is False and broken.broken == ("continuity",)
    unknown = attrs.evolve(MAIL, warranty=[*FULL[:3], Assurance("continuity", "within a day")]).warranty_report()
    assert unknown.fit_for_use is None and unknown.unknown == ("continuity",)
    assert not attrs.evolve(MAIL, utility=Utility(statement="Nothing.")).fit_for_purpose
    with pytest.raises(InvalidInput):
        attrs.evolve(MAIL, warranty=[FULL[0], FULL[0]])


@given(st.lists(st.sampled_from(["goods", "access", "action"]), min_size=1, max_size=8))
def test_inv_009_ownership_moves_with_goods_only(kinds):
    """INV-009: an offering has one or more components, each goods, access or action; only goods change owners."""
    parts = [OfferingComponent(f"part {number}", kind) for number, kind in enumerate(kinds)]
    offering = ServiceOffering(id="o", name="O", services=["mail"], target="office", components=parts)
    assert [part.kind for part in offering.handed_over] == ["goods"] * kinds.count("goods")
    with pytest.raises(InvalidInput):
        attrs.evolve(offering, components=[])
    with pytest.raises(InvalidInput):
        OfferingComponent("part", "lease")


def test_inv_010_a_unit_may_be_on_both_sides_but_not_of_one_relationship():
    """INV-010: provider and consumer of one relationship differ; over several a unit may be both."""
    bought = ServiceRelationship(provider="cloud", consumer="it", services=["hosting"], kind="partnership")
    sold = ServiceRelationship(provider="it", consumer="sales", services=["mail"])
    assert roles_in("it", [bought, sold]) == {"provider", "consumer"} and roles_in("hr", [bought]) == set()
    with pytest.raises(InvalidInput) as caught:
        attrs.evolve(sold, consumer="it")
    assert caught.value.code == "same_unit"


def test_inv_011_customer_user_and_sponsor_are_roles():
    """INV-011: one person may hold several; an agreement needs a customer and a sponsor, who may be the same."""
    agreement = ServiceAgreement(services=["mail"], people=[ConsumerSide("ana", {"customer", "sponsor", "user"})])
    assert agreement.holders("customer") == agreement.holders("sponsor") == agreement.holders("user") == ("ana",)
    for roles in (["customer"], ["sponsor"], ["user"]):
        with pytest.raises(InvalidInput) as caught:
            attrs.evolve(agreement, people=[ConsumerSide("ana", roles)])
        assert caught.value.code == "no_holder"
    with pytest.raises(InvalidInput):
        ConsumerSide("ana", ["payer"])
    with pytest.raises(InvalidInput):
        Product(id="p", name="P", resources=[])


DAY = datetime(2026, 3, 2, tzinfo=UTC)
SEEN = Evaluation(id="E1", about="mail", finding="outages cost port calls", at=DAY, by="board")
TOLD = Directive(
    id="D1", statement="Mail survives a lost link.", evaluation="E1", monitors=["outages"], at=DAY, by="board"
)


def test_inv_117_a_directive_traces_to_an_evaluation_and_names_what_is_monitored():
    """INV-117: every directive traces to an evaluation and names what will be monitored."""
    with pytest.raises(InvalidInput):
        attrs.evolve(TOLD, monitors=[])
    with pytest.raises(InvalidInput):
        attrs.evolve(TOLD, evaluation="")
    assert GovernanceTrace(evaluations=[SEEN], directives=[TOLD]).gaps() == ()
    (gap,) = GovernanceTrace(directives=[TOLD]).gaps()
    assert gap.code == "unknown_name" and gap.detail["what"] == "evaluation"
    (gap,) = GovernanceTrace(evaluations=[attrs.evolve(SEEN, at=DAY + timedelta(1))], directives=[TOLD]).gaps()
    assert gap.code == "time_order"


def test_monitoring_is_traced_too():
    """Checks of what nobody directed are found, and so is what nobody checked for too long."""
    check = Monitoring(directive="D1", monitor="outages", seen="one", at=DAY + timedelta(5))
    trace = GovernanceTrace(evaluations=[SEEN], directives=[TOLD], monitoring=[check])
    assert trace.gaps(asof=DAY + timedelta(8), every=timedelta(7)) == ()
    assert [gap.code for gap in trace.gaps(asof=DAY + timedelta(13), every=timedelta(7))] == ["not_monitored"]
    wrong = [attrs.evolve(check, directive="D2"), attrs.evolve(check, monitor="outage")]
    gaps = attrs.evolve(trace, monitoring=wrong).gaps()
    assert [gap.detail["what"] for gap in gaps] == ["directive", "monitor"] and "'outages'" in str(gaps[1])
    with pytest.raises(InvalidInput):
        attrs.evolve(SEEN, at=datetime(2026, 3, 2))
