"""Redaction: a person's data goes out of record, history, search and files, and the rest still adds up."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from itil4 import Actor, FieldSet, InvalidInput, NotFound, Refused, ServiceManagement, StaleRecord
from itil4.record import REDACTED, Attachment

SECRET = "Grandmother of Ana"
OFFICER = Actor("officer", roles={"data_protection_officer"})
SAM = Actor("sam", roles={"service_desk"})
ANA = Actor("ana", roles={"user"})
IDA = Actor("ida", roles={"service_desk", "problem_manager"})


@pytest.fixture(params=["memory", "sqlite"])
def itsm(request: pytest.FixtureRequest, new_desk: Callable[..., Any]) -> ServiceManagement:
    made: ServiceManagement = new_desk(request.param)[0]
    return made


def log(itsm: ServiceManagement, **values: Any) -> Any:
    given = {"summary": f"{SECRET} cannot read mail", "impact": "low", "urgency": "low", "by": ANA}
    return itsm.incidents.log(**{**given, **values})


def investigated(itsm: ServiceManagement, summary: str) -> Any:
    problem = itsm.problems.log(summary=summary, impact="low", urgency="low", by=IDA)
    return itsm.problems.investigate(itsm.problems.categorize(problem, category="x", by=IDA), by=IDA)


def all_of(itsm: ServiceManagement, number: str) -> str:
    """Return all that can be read of an incident, as text."""
    practice = itsm.incidents
    rows = list(itsm.house.store.history("", record_id=practice.get(number).id))
    return repr((practice.get(number), [each.to_dict() for each in practice.history(number)], rows))


def test_a_field_goes_from_the_row_and_from_every_line_of_history(itsm: ServiceManagement) -> None:
    """What was, what it became and what it is now; the entry says who, why and which, and replay is the row."""
    incident = log(itsm)
    incident = itsm.incidents.update(incident, summary=f"Mail of {SECRET}", by=SAM)
    incident = itsm.incidents.redact(incident, "summary", reason="request 12", by=OFFICER)
    assert incident.summary == REDACTED
    assert SECRET not in all_of(itsm, "INC0000001")
    last = itsm.incidents.history(incident)[-1]
    assert (last.op, last.by, last.reason, last.redacted) == ("redaction", "officer", "request 12", ("summary",))
    assert last.details["redacted"]["entries"] == [1, 2]
    assert incident.version == 3
    assert itsm.incidents.replayed(incident) == itsm.incidents.get("INC0000001") == incident


def test_doing_it_twice_changes_nothing_more(itsm: ServiceManagement) -> None:
    """The second time there is nothing left to take out, so nothing is written."""
    incident = itsm.incidents.redact(log(itsm), "summary", reason="r", by=OFFICER)
    assert itsm.incidents.redact(incident, "summary", reason="r", by=OFFICER) == incident
    assert len(itsm.incidents.history(incident)) == 2


def test_comments_reasons_and_attachments_go_where_they_are_named(itsm: ServiceManagement) -> None:
    """By the places of their entries, or all of them; what was said among others stays."""
    incident = log(itsm, summary="Mail")
    file = Attachment(f"{SECRET}.png", "image/png", 1, "sha256:00", f"file:///{SECRET}.png")
    incident = itsm.incidents.comment(incident, f"{SECRET} called", attachments=[file], by=SAM)
    incident = itsm.incidents.comment(incident, "Nothing personal", by=SAM)
    incident = itsm.incidents.start(incident, reason=f"{SECRET} waits", by=SAM)
    incident = itsm.incidents.redact(incident, comments=[2], reasons=True, reason="r", by=OFFICER)
    history = itsm.incidents.history(incident)
    assert [each.comment.text for each in history if each.comment] == [REDACTED, "Nothing personal"]
    assert history[1].comment is not None and not history[1].comment.attachments
    assert SECRET not in all_of(itsm, "INC0000001")
    assert history[-1].redacted == ("comments", "reasons")


def test_only_the_role_opens_the_door(itsm: ServiceManagement) -> None:
    """Not the desk, not the requester; the host may name another role on its practice."""
    incident = log(itsm)
    for actor in (SAM, ANA, Actor("bot", kind="system")):
        with pytest.raises(Refused) as caught:
            itsm.incidents.redact(incident, "summary", reason="r", by=actor)
        assert caught.value.code == "role"
        with pytest.raises(Refused):
            itsm.redact_person("ana", reason="r", by=actor)
    assert itsm.incidents.get(incident).summary == incident.summary
    assert itsm.incidents.get(incident).created_by == "ana"


@pytest.mark.parametrize(
    ("fields", "more", "error", "code"),
    [
        (("summery",), {}, InvalidInput, "unknown_field"),
        (("extra",), {}, InvalidInput, "unknown_field"),
        ((5,), {}, InvalidInput, "unknown_field"),
        ((), {}, InvalidInput, "nothing_named"),
        (("state",), {}, Refused, "field_rule"),
        (("created_by",), {}, Refused, "field_rule"),
        (("summary",), {"reason": " "}, InvalidInput, "blank"),
        (("summary",), {"reason": None}, InvalidInput, "ill_typed"),
        ((), {"comments": "all"}, InvalidInput, "ill_typed"),
        ((), {"comments": [1.5]}, InvalidInput, "ill_typed"),
        ((), {"reasons": 5}, InvalidInput, "ill_typed"),
    ],
)
def test_what_cannot_be_taken_out_is_refused_by_its_name(
    itsm: ServiceManagement, fields: tuple[Any, ...], more: dict[str, Any], error: type[Exception], code: str
) -> None:
    """Unknown names, the library's own fields, and what must hold something that is no text; nothing is written."""
    incident = log(itsm)
    with pytest.raises(error) as caught:
        itsm.incidents.redact(incident, *fields, **{"reason": "r", "by": OFFICER, **more})
    assert caught.value.code == code  # type: ignore[attr-defined]  # every error of the library has one
    assert itsm.incidents.get(incident) == incident


def test_what_has_to_hold_something_and_is_no_text_stays(new_desk: Callable[..., Any]) -> None:
    """A number that every record needs has no form that says nothing; the refusal says so."""
    fields = FieldSet.from_dict({"crew": {"type": "integer", "required": True}})
    itsm, _ = new_desk("memory", fields={"incident": fields})
    incident = log(itsm, crew=4)
    with pytest.raises(Refused) as caught:
        itsm.incidents.redact(incident, "crew", reason="r", by=OFFICER)
    assert caught.value.code == "not_redactable"
    assert itsm.incidents.get(incident) == incident


def test_a_redacted_text_counts_as_given(itsm: ServiceManagement) -> None:
    """A resolution that was redacted was there: the incident closes; and no search or match finds the mark."""
    incident = itsm.incidents.start(log(itsm), by=SAM)
    incident = itsm.incidents.resolve(incident, resolution=f"Talked to {SECRET}", by=SAM)
    incident = itsm.incidents.redact(incident, "resolution", "summary", reason="r", by=OFFICER)
    assert itsm.incidents.close(incident, by=SAM).state == "closed"
    problem = itsm.problems.log(summary="redacted words", by=IDA)
    problem = itsm.problems.redact(problem, "summary", reason="r", by=OFFICER)
    assert not itsm.known_errors.search("redacted")


def test_a_part_of_each_value_goes_by_its_path(itsm: ServiceManagement) -> None:
    """The text of causes goes and their names stay, so that what was analysed stays analysed."""
    problem = investigated(itsm, "Relay")
    problem = itsm.problems.add_cause(problem, "valve", f"{SECRET} turned it", by=IDA)
    problem = itsm.problems.redact(problem, "causes.text", reason="r", by=OFFICER)
    assert [(each.name, each.text) for each in problem.causes] == [("valve", REDACTED)]
    assert itsm.problems.replayed(problem) == problem
    with pytest.raises(Refused) as caught:
        itsm.problems.redact(problem, "causes.confidence", reason="r", by=OFFICER)
    assert caught.value.code == "not_redactable"


def test_collections_that_grew_become_empty(itsm: ServiceManagement) -> None:
    """Elements that were added one by one are in several lines; the row and its replay end without any."""
    incident = itsm.incidents.swarm(log(itsm), "zed", by=SAM)
    incident = itsm.incidents.swarm(incident, "ida", by=SAM)
    incident = itsm.incidents.redact(incident, "participants", reason="r", by=OFFICER)
    assert incident.participants == ()
    assert "zed" not in all_of(itsm, "INC0000001")
    assert itsm.incidents.swarm(incident, "eve", by=SAM).participants == ("eve",)
    assert itsm.incidents.replayed(incident.id) == itsm.incidents.get(incident.id)


def test_extra_fields_and_what_a_once_key_led_to(itsm: ServiceManagement) -> None:
    """A retry returns the first result as it is now told, without what was taken out."""
    incident = log(itsm, vessel=SECRET, crew=4, once="k")
    itsm.incidents.redact(incident, "vessel", "crew", "summary", reason="r", by=OFFICER)
    again = log(itsm, vessel=SECRET, crew=4, once="k")
    assert again.extra["vessel"] == REDACTED
    assert again.extra.get("crew") is None
    assert itsm.incidents.find(crew=None).items == (itsm.incidents.get(incident.id),)
    assert itsm.incidents.replayed(incident.id) == itsm.incidents.get(incident.id)


def test_a_redaction_is_alone_in_its_unit_and_loses_to_nobody(itsm: ServiceManagement) -> None:
    """With another change of the same record it is refused; a version that has moved is stale."""
    incident = log(itsm)
    both = Actor("o", roles=OFFICER.roles | SAM.roles)

    def two_changes(first: str, second: str) -> None:
        with itsm.unit(by=both) as desk:
            for each in (first, second):
                if each == "redact":
                    desk.incidents.redact(incident.id, "summary", reason="r")
                else:
                    desk.incidents.comment(incident.id, "x")

    for order in (("redact", "comment"), ("comment", "redact"), ("redact", "redact")):
        with pytest.raises(InvalidInput) as caught:
            two_changes(*order)
        assert caught.value.code == "redaction_alone"
    assert itsm.incidents.get(incident.id) == incident
    itsm.incidents.comment(incident, "x", by=SAM)
    with pytest.raises(StaleRecord):
        itsm.incidents.redact(incident, "summary", reason="r", by=OFFICER)


def test_who_may_not_see_a_record_does_not_learn_of_it(itsm: ServiceManagement) -> None:
    """Redaction obeys visibility like every verb."""
    incident = log(itsm, confidential=True)
    blind = Actor("blind", roles={"data_protection_officer"})
    with pytest.raises(NotFound):
        itsm.incidents.redact(incident, "summary", reason="r", by=blind)


def test_a_person_becomes_a_pseudonym_everywhere(itsm: ServiceManagement) -> None:
    """Who logged it, for whom, in every field of people, in values, comments' authors and at the ends of links."""
    zed = Actor("zed", roles={"service_desk"})
    incident = log(itsm, by=Actor("zed", roles={"service_desk"}, on_behalf_of="ana"))
    incident = itsm.incidents.assign(incident, to="zed", by=zed)
    incident = itsm.incidents.watch(incident, zed, by=zed)
    incident = itsm.incidents.swarm(incident, "ida", "zed", by=SAM)
    incident = itsm.incidents.override(incident, priority=1, reason="important", by=zed)
    problem = investigated(itsm, "zed")
    problem = itsm.problems.add_cause(problem, "valve", "x", by=Actor("zed", roles={"problem_manager"}))
    itsm.link(incident, "caused_by", problem, by=zed)
    other = log(itsm, by=ANA)
    done = itsm.redact_person("zed", reason="left", by=OFFICER)
    assert done.records == ("INC0000001", "PRB0000001")
    said = all_of(itsm, "INC0000001") + repr(itsm.problems.history("PRB0000001"))
    assert "'zed'" not in said.replace("summary='zed'", "").replace("Change(old=None, new='zed')", "")
    held = itsm.incidents.get("INC0000001")
    assert {held.created_by, held.assignee, held.overrides["priority"].by} == {done.pseudonym}
    assert held.participants == ("ida", done.pseudonym)
    assert {each.by for each in itsm.incidents.links(held)} == {done.pseudonym}
    assert f"person:{done.pseudonym}" in {each.target for each in itsm.incidents.links(held)}
    assert itsm.problems.get("PRB0000001").summary == "zed"
    assert itsm.incidents.replayed(held) == held
    assert itsm.problems.replayed("PRB0000001") == itsm.problems.get("PRB0000001")
    assert itsm.incidents.get(other.id) == other
    assert itsm.redact_person("zed", reason="left", by=OFFICER, pseudonym=done.pseudonym).records == ()


def test_no_byte_is_left_in_the_file(tmp_path: Path, new_desk: Callable[..., Any]) -> None:
    """Row, entries, indexes, words and the file written ahead; other records lose nothing."""
    itsm, _ = new_desk("sqlite")
    problem = itsm.problems.log(summary=f"{SECRET} again", by=IDA)
    itsm.known_errors.search("anything")
    incident = itsm.incidents.comment(log(itsm), f"{SECRET} said", by=SAM)
    itsm.incidents.redact(incident, "summary", comments=True, reason="r", by=OFFICER)
    itsm.problems.redact(problem, "summary", reason="r", by=OFFICER)
    found = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert SECRET.encode() not in found
    assert b"grandmother" not in found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_replay_is_the_row_after_any_history_and_any_redaction(
    store: str, data: st.DataObject, new_desk: Callable[..., Any], work: SimpleNamespace
) -> None:
    """INV-120 with redactions: whatever happened and whatever is taken out, before and after more work."""
    itsm, clock = new_desk(store)
    busy = work.RandomWork(itsm, clock)
    names = st.sampled_from(["summary", "description", "resolution", "vessel", "crew", "participants", "assignee"])
    busy.do(("log", "Mail of Ana", "A", 3))
    busy.do(("log", "Printer", "B", None))
    for step in data.draw(st.lists(work.STEPS, min_size=5, max_size=14)):
        busy.do(step)
    for _ in range(2):
        for record in list(itsm.incidents.each()):
            fields = data.draw(st.lists(names, unique=True, min_size=1, max_size=3))
            redacted = itsm.incidents.redact(record, *fields, comments=data.draw(st.booleans()), reason="r", by=OFFICER)
            for name in fields:
                gone = redacted.extra.get(name) if name in ("vessel", "crew") else getattr(redacted, name)
                assert gone in (REDACTED, None, (), ""), name
        itsm.redact_person(data.draw(st.sampled_from(["ana", "sam", "ida"])), reason="r", by=OFFICER)
        for record in itsm.incidents.each():
            assert itsm.incidents.replayed(record) == record
            assert attrs.evolve(record) == record
        for step in data.draw(st.lists(work.STEPS, max_size=5)):
            busy.do(step)
