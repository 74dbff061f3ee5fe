"""Known errors proposed for incidents: scored by counting, explained, judged, and kept."""

from typing import Any

import pytest
from problem_kit import ANALYST, DESK, MANAGER, keeper, known_error

from itil4 import Actor, Refused, ServiceManagement


def test_the_best_known_error_comes_first_with_its_reasons(itsm: ServiceManagement) -> None:
    """Rare words weigh more than common ones, the same item more than the same service, and each reason is told."""
    leak = known_error(itsm, summary="Relay leaks memory", service="mail", item="relay-1")
    known_error(itsm, summary="Relay refuses senders", service="mail")
    known_error(itsm, summary="Printer jams", service="print")
    incident = itsm.incidents.log(
        summary="The RELAY leaks again", description="It swaps", service="mail", item="relay-1", by=DESK
    )
    found = itsm.known_errors.match(incident)
    assert [each.known_error.summary for each in found] == ["Relay leaks memory", "Relay refuses senders"]
    assert found[0].known_error.id == leak.id
    assert found[0].reasons == ("same item: relay-1", "same service: mail", "words: relay, leaks")
    assert found[0].score > found[1].score >= 0.3
    assert all(0 <= each.score <= 1 for each in found)
    assert itsm.known_errors.match(incident) == found
    assert len(itsm.known_errors.match(incident, limit=1)) == 1


def test_nothing_in_common_proposes_nothing(itsm: ServiceManagement) -> None:
    """Ordinary words are no likeness, and an incident without any telling word is matched by its fields alone."""
    known_error(itsm, summary="The mail is not working")
    incident = itsm.incidents.log(summary="It is not the error that you have", by=DESK)
    assert itsm.known_errors.match(incident) == ()


def test_what_was_judged_is_an_entry_and_is_not_proposed_again(itsm: ServiceManagement) -> None:
    """Accepting links incident, known error and problem, with the score as the reason; a later word replaces it."""
    fault = known_error(itsm, summary="Relay leaks", service="mail")
    incident = itsm.incidents.log(summary="Relay leaks", service="mail", by=DESK)
    (match,) = itsm.known_errors.match(incident)
    incident = itsm.known_errors.reject(match, by=DESK)
    assert [each.relation for each in itsm.known_errors.judged(incident)] == ["differs_from"]
    assert itsm.known_errors.match(incident) == ()
    incident = itsm.known_errors.accept(match, by=DESK)
    assert [each.relation for each in itsm.known_errors.judged(incident)] == ["matches"]
    problem = itsm.known_errors.problem_of(fault)
    assert [each.id for each in itsm.problems.incidents(problem)] == [incident.id]
    entry = next(each for each in itsm.incidents.history(incident) if each.link == ("matches", fault.id))
    assert entry.reason is not None
    assert entry.reason.startswith(f"score {match.score:.2f}: same service: mail")
    with pytest.raises(Refused, match="already has the link"):
        itsm.known_errors.accept(match, by=DESK)


def test_the_workarounds_of_what_an_incident_is_one_of_are_offered(itsm: ServiceManagement) -> None:
    """Published ones only, from the problem's known error, whichever record keeps it."""
    incident = itsm.incidents.log(summary="Relay leaks", by=DESK)
    fault = known_error(itsm, summary="Relay leaks", incidents=[incident])
    practice: Any = keeper(itsm, fault)
    fault = practice.add_workaround(fault, "restart", "Restart it", effect="restored", by=ANALYST)
    assert itsm.known_errors.offered(incident.id) == ()
    fault = practice.publish_workaround(fault, "restart", by=MANAGER)
    assert [(each.id, work.text) for each, work in itsm.known_errors.offered(incident.id)] == [(fault.id, "Restart it")]
    practice.withdraw_workaround(fault, "restart", by=MANAGER)
    assert itsm.known_errors.offered(incident.id) == ()


def test_a_rejection_takes_back_what_the_acceptance_linked_and_nothing_else(itsm: ServiceManagement) -> None:
    """An incident that is none of a known error is not caused by its problem, unless somebody said so on their own."""
    known_error(itsm, summary="Mail relay leaks", service="mail")
    taken, traced = (itsm.incidents.log(summary="The relay leaks again", service="mail", by=DESK) for _ in range(2))
    (match,) = itsm.known_errors.match(traced)
    problem = itsm.known_errors.problem_of(match.known_error)
    itsm.link(traced, "caused_by", problem, by=Actor("sue", roles={"service_desk"}))
    for incident, left in ((taken, {"differs_from"}), (traced, {"differs_from", "caused_by"})):
        (match,) = itsm.known_errors.match(incident.id)
        itsm.known_errors.accept(match, by=DESK)
        itsm.known_errors.reject(match, by=DESK)
        assert {each.relation for each in itsm.incidents.links(incident.id)} == left
