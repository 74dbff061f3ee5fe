"""What people get wrong: each error names field, value and remedy, and nothing is written."""

import copy
import json
import pickle
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import itil4
from itil4 import (
    Actor,
    Attachment,
    FieldSet,
    Incident,
    InvalidInput,
    ITIL4Error,
    NotFound,
    Refused,
    ServiceManagement,
    StaleRecord,
)

NAIVE = datetime(2026, 3, 2, 8)
LATER = datetime(2099, 1, 1, tzinfo=UTC)
SAM = Actor("sam", roles={"service_desk"})

FIELDS: list[tuple[str, Any, str]] = [
    ("summary", None, "ill_typed"),
    ("summary", "", "blank"),
    ("summary", " \t ", "blank"),
    ("summary", 5, "ill_typed"),
    ("summary", b"Mail", "ill_typed"),
    ("summary", "x" * 256, "too_long"),
    ("summary", "Mail\nis down", "several_lines"),
    ("summary", "Mail\x00", "control_character"),
    ("summary", "Mail\x1b[31m", "control_character"),
    ("summary", "\u202email", "control_character"),
    ("summary", "\ud800", "control_character"),
    ("description", "x" * 100_001, "too_long"),
    ("description", None, "ill_typed"),
    ("impact", "hgih", "not_a_choice"),
    ("impact", "High", "not_a_choice"),
    ("impact", 1, "not_a_choice"),
    ("urgency", ["high"], "not_a_choice"),
    ("confidential", 1, "ill_typed"),
    ("confidential", "yes", "ill_typed"),
    ("rank", "1", "ill_typed"),
    ("rank", True, "ill_typed"),
    ("rank", 1.0, "ill_typed"),
    ("rank", 2**70, "ill_typed"),
    ("rank", 0, "not_positive"),
    ("participants", "kim", "ill_typed"),
    ("participants", ["kim"], "ill_typed"),
    ("participants", ("kim", ""), "blank"),
    ("occurred_at", NAIVE, "naive_datetime"),
    ("occurred_at", "2026-03-02T08:00:00Z", "ill_typed"),
    ("occurred_at", date(2026, 3, 2), "ill_typed"),
    ("occurred_at", datetime.max.replace(tzinfo=ZoneInfo("America/New_York")), "out_of_time"),
    ("detected_at", LATER, "time_order"),
    ("targets", {"restore": 4}, "ill_typed"),
    ("targets", {4: timedelta(1)}, "ill_typed"),
    ("priority", 1, "field_rule"),
    ("state", "closed", "field_rule"),
    ("major", "accepted", "field_rule"),
    ("version", 3, "field_rule"),
    ("id", "an-id", "field_rule"),
    ("number", "INC0000001", "field_rule"),
    ("created_by", "eve", "field_rule"),
    ("overrides", {}, "field_rule"),
    ("resolved_at", datetime(2026, 3, 2, tzinfo=UTC), "field_rule"),
    ("extra", {"a": 1}, "unknown_field"),
    ("sumary", "x", "unknown_field"),
    ("facts", {}, "unknown_field"),
    ("__class__", "x", "unknown_field"),
]


def everything(itsm: ServiceManagement) -> tuple[Any, ...]:
    desk = itsm.incidents
    return tuple((each, desk.history(each), desk.links(each)) for each in desk.each())


def told(error: ITIL4Error, *, field: str | None = None) -> str:
    """Check that an error says what, why and what now, and can be taken along; return its text."""
    for reason in error.reasons:
        assert reason.message.endswith((".", ":", "'")), reason.message
        assert not re.search(r"<\w+>", reason.message), "a value is missing in the sentence"
        assert reason.remedy or reason.code in ("unknown_field", "field_rule"), reason
    if field is not None:
        assert field in str(error)
        named = [str(reason.detail.get("field") or reason.detail.get("later")) for reason in error.reasons]
        assert any(name.partition(".")[0] == field for name in named) or error.code == "time_order"
    again = pickle.loads(pickle.dumps(error))
    assert again.reasons == error.reasons == copy.deepcopy(error).reasons
    json.dumps(error.to_dict(), allow_nan=False)
    return str(error)


@pytest.mark.parametrize(("field", "value", "code"), FIELDS, ids=lambda part: repr(part)[:24])
def test_a_bad_value_is_refused_by_name_at_birth_update_and_step(field: str, value: Any, code: str) -> None:
    """At each of the three doors the same code, with the field and its value, and nothing is written."""
    itsm = itil4.connect()
    desk = itsm.incidents
    held = desk.log(summary="A", by=SAM)
    before = everything(itsm)
    with pytest.raises(InvalidInput) as born:
        desk.log(**{"summary": "B", field: value}, by=SAM)
    errors: list[ITIL4Error] = [born.value]
    for call in (
        lambda: desk.update(held, by=SAM, **{field: value}),
        lambda: desk.fire(held, "start", by=SAM, **{field: value}),
    ):
        with pytest.raises(Refused) as refused:
            call()
        errors.append(refused.value)
    assert not desk.explain(held, "start", by=SAM, **{field: value})
    for error in errors:
        assert code in [reason.code for reason in error.reasons], error.reasons
        told(error, field=field)
    assert everything(itsm) == before


@pytest.mark.parametrize("field", ["by", "reason", "at", "event", "record", "cause", "origin", "expected", "once"])
def test_names_of_the_verbs_are_no_fields(field: str) -> None:
    """A declared extra field of that name is refused when it is declared, and told why."""
    with pytest.raises(itil4.DefinitionError, match=f"cannot have a field '{field}': the verbs use that name"):
        FieldSet.from_dict({field: {"type": "line"}})


def test_every_problem_of_a_birth_is_told_at_once(itsm: ServiceManagement) -> None:
    """Not one after the other; near misses are offered."""
    with pytest.raises(InvalidInput) as caught:
        itsm.incidents.log(summary="", impact="hgih", sumary="x", by=SAM)
    assert [reason.code for reason in caught.value.reasons] == ["blank", "not_a_choice", "unknown_field"]
    assert "Did you mean 'high'" in str(caught.value)
    assert "Did you mean 'summary'" in str(caught.value)
    with pytest.raises(InvalidInput, match="summary is required"):
        itsm.incidents.log(by=SAM)


CALLS: dict[str, tuple[Callable[[ServiceManagement, Incident], object], type[ITIL4Error], str]] = {
    "naive at": (lambda itsm, held: itsm.incidents.start(held, at=NAIVE, by=SAM), InvalidInput, "at has no time zone"),
    "at of text": (lambda itsm, held: itsm.incidents.start(held, at="now", by=SAM), InvalidInput, "at is a datetime"),
    "future at": (lambda itsm, held: itsm.incidents.start(held, at=LATER, by=SAM), InvalidInput, "lies in the future"),
    "future birth": (lambda itsm, held: itsm.incidents.log(summary="B", at=LATER, by=SAM), InvalidInput, "future"),
    "early at": (
        lambda itsm, held: itsm.incidents.start(held, at=held.created_at - timedelta(seconds=1), by=SAM),
        InvalidInput, "before the last entry",
    ),
    "nobody": (lambda itsm, held: itsm.incidents.start(held), InvalidInput, "Nobody stands behind 'start'"),
    "a name for an actor": (lambda itsm, held: itsm.incidents.start(held, by="sam"), InvalidInput, "by is an Actor"),
    "a name for a reader": (lambda itsm, held: itsm.incidents.find(by="sam"), InvalidInput, "by is an Actor"),
    "a name for a unit": (lambda itsm, held: itsm.unit(by="sam").__enter__(), InvalidInput, "by is an Actor"),
    "a name for acting": (lambda itsm, held: itsm.acting("sam"), InvalidInput, "by is an Actor"),
    "unknown step": (lambda itsm, held: itsm.incidents.fire(held, "resolv", by=SAM), Refused, "Did you mean 'resolve'"),
    "step of a number": (lambda itsm, held: itsm.incidents.fire(held, 5, by=SAM), InvalidInput, "event is the name"),
    "step of a list": (lambda itsm, held: itsm.incidents.explain(held, [], by=SAM), InvalidInput, "event is the name"),
    "reason of a number": (lambda itsm, held: itsm.incidents.start(held, reason=5, by=SAM), InvalidInput, "reason is"),
    "reason with NUL": (lambda itsm, held: itsm.incidents.start(held, reason="\0", by=SAM), InvalidInput, r"U\+0000"),
    "cause of a thing": (lambda itsm, held: itsm.incidents.start(held, cause=held, by=SAM), InvalidInput, "cause is a"),
    "expected of text": (
        lambda itsm, held: itsm.incidents.start(held, expected="1", by=SAM), InvalidInput, "expected is the number",
    ),
    "unexpected version": (lambda itsm, held: itsm.incidents.start(held, expected=4, by=SAM), StaleRecord, "4 was"),
    "once of a number": (lambda itsm, held: itsm.incidents.start(held, once=4, by=SAM), InvalidInput, "once is a text"),
    "absent number": (lambda itsm, held: itsm.incidents.get("INC0009999"), NotFound, "INC0009999"),
    "absent id": (lambda itsm, held: itsm.incidents.get(held.id[:-1] + "x"), NotFound, "no incident"),
    "a number for a number": (lambda itsm, held: itsm.incidents.get(5), InvalidInput, "5 is no Incident"),
    "nothing for a record": (lambda itsm, held: itsm.incidents.start(None, by=SAM), InvalidInput, "None is no"),
    "a surrogate for a number": (lambda itsm, held: itsm.incidents.get("\ud800"), NotFound, "no incident"),
    "a foreign id": (
        lambda itsm, held: itsm.incidents.start(_run(itsm).id, by=SAM), NotFound, "There is no incident",
    ),
    "a record of another type": (
        lambda itsm, held: itsm.incidents.start(_run(itsm), by=SAM), InvalidInput, "ImportRun.*Incident",
    ),
    "a doctored state": (
        lambda itsm, held: itsm.incidents.start(attrs.evolve(held, state="closed"), by=SAM), InvalidInput, "state",
    ),
    "a forced assignee": (
        lambda itsm, held: itsm.incidents.start(_forced(held, "assignee", "eve"), by=SAM), InvalidInput, "assignee",
    ),
    "a forced id": (
        lambda itsm, held: itsm.incidents.start(_forced(held, "id", 7), by=SAM), InvalidInput, "no Incident",
    ),
    "a stale version": (lambda itsm, held: itsm.incidents.start(_moved(itsm, held), by=SAM), StaleRecord, "Read it"),
    "audience": (
        lambda itsm, held: itsm.incidents.comment(held, "x", audience="suer", by=SAM), InvalidInput, "mean 'user'",
    ),
    "blank comment": (lambda itsm, held: itsm.incidents.comment(held, " ", by=SAM), InvalidInput, "text is required"),
    "comment of a number": (lambda itsm, held: itsm.incidents.comment(held, 7, by=SAM), InvalidInput, "text is a text"),
    "long comment": (
        lambda itsm, held: itsm.incidents.comment(held, "x" * 100_001, by=SAM), InvalidInput, "100000 fit",
    ),
    "attachment of text": (
        lambda itsm, held: itsm.incidents.comment(held, "x", attachments=["a.txt"], by=SAM), InvalidInput, "Attachment",
    ),
    "attachment of no size": (
        lambda itsm, held: itsm.incidents.comment(held, "x", attachments=[Attachment("a", "b", -1, "c", "d")], by=SAM),
        InvalidInput, "attachments.size",
    ),
    "override of no computed field": (
        lambda itsm, held: itsm.incidents.override(held, summary="x", reason="y", by=SAM), Refused, "summary",
    ),
    "override without a reason": (
        lambda itsm, held: itsm.incidents.override(held, priority=1, reason="", by=SAM), InvalidInput, "reason is req",
    ),
    "override of nothing": (lambda itsm, held: itsm.incidents.override(held, reason="y", by=SAM), InvalidInput, "need"),
    "release of what was not set": (
        lambda itsm, held: itsm.incidents.release(held, "priority", by=SAM), Refused, "priority",
    ),
    "unknown field to find by": (lambda itsm, held: itsm.incidents.find(sumary="x"), InvalidInput, "'sumary'"),
    "not indexed": (lambda itsm, held: itsm.incidents.find(description="x"), InvalidInput, "Indexed:"),
    "unknown operator": (lambda itsm, held: itsm.incidents.find(rank__above=1), InvalidInput, "'above'"),
    "ill-typed condition": (lambda itsm, held: itsm.incidents.find(rank="1"), InvalidInput, "rank is a whole"),
    "text operator on a number": (lambda itsm, held: itsm.incidents.find(rank__contains="1"), InvalidInput, "rank"),
    "one for several": (lambda itsm, held: itsm.incidents.find(state__in="new"), InvalidInput, "several values"),
    "nothing to compare": (lambda itsm, held: itsm.incidents.find(rank__gt=None), InvalidInput, "rank is a value"),
    "is_open of text": (lambda itsm, held: itsm.incidents.find(is_open="yes"), InvalidInput, "is_open is True"),
    "order by nothing": (lambda itsm, held: itsm.incidents.find(order_by="sumary"), InvalidInput, "'sumary'"),
    "order by a number": (lambda itsm, held: itsm.incidents.find(order_by=5), InvalidInput, "order_by"),
    "no limit": (lambda itsm, held: itsm.incidents.find(limit=0), InvalidInput, "from 1 to 1000"),
    "a foreign page mark": (lambda itsm, held: itsm.incidents.find(after="WzFd"), InvalidInput, "page mark"),
    "a number for a page mark": (lambda itsm, held: itsm.incidents.find(after=5), InvalidInput, "page mark"),
    "a page mark of another order": (
        lambda itsm, held: itsm.incidents.find(
            order_by="id", after=_marked(itsm)
        ), InvalidInput, "page mark",
    ),
    "link to a thing": (lambda itsm, held: itsm.link(held, "relates_to", 7, by=SAM), InvalidInput, "7 is no record"),
    "link from a person": (lambda itsm, held: itsm.link(SAM, "watches", 7, by=SAM), InvalidInput, "person"),
    "unknown relation": (lambda itsm, held: itsm.link(held, "chid_of", held, by=SAM), InvalidInput, "'child_of'"),
    "unknown relation to read": (lambda itsm, held: itsm.incidents.linked(held, "chid_of"), InvalidInput, "'child_of'"),
    "self-link": (lambda itsm, held: itsm.link(held, "relates_to", held, by=SAM), Refused, "to itself"),
    "absent link": (lambda itsm, held: itsm.unlink(held, "child_of", _other(itsm), by=SAM), Refused, "no link"),
    "a dangling link": (lambda itsm, held: itsm.link(held, "child_of", "INC0009999", by=SAM), NotFound, "INC0009999"),
    "unmerge of what was not merged": (lambda itsm, held: itsm.incidents.unmerge(held, by=SAM), Refused, "unmerge"),
    "merge into itself": (lambda itsm, held: itsm.incidents.merge(held, into=held, by=SAM), Refused, "itself"),
    "hand over to nobody": (
        lambda itsm, held: itsm.incidents.hand_over(itsm.incidents.start(held, by=SAM), group=None, by=SAM),  # type: ignore[arg-type]
        Refused, "group",
    ),
    "assign to nobody": (lambda itsm, held: itsm.incidents.assign(held, by=SAM), Refused, "still needs"),
}  # fmt: skip


def _run(itsm: ServiceManagement) -> Any:
    return itsm.import_runs.log(system="x", file="x", format="x", zone="UTC", mapping="x", by=SAM)


def _forced(held: Incident, field: str, value: object) -> Incident:
    object.__setattr__(held, field, value)
    return held


def _moved(itsm: ServiceManagement, held: Incident) -> Incident:
    itsm.incidents.comment(held, "x", by=SAM)
    return held


def _other(itsm: ServiceManagement) -> str:
    return itsm.incidents.log(summary="Other", by=SAM).id


def _marked(itsm: ServiceManagement) -> str | None:
    _other(itsm)
    return itsm.incidents.find(limit=1).next


@pytest.mark.parametrize("case", CALLS)
def test_a_bad_call_says_what_why_and_what_now(itsm: ServiceManagement, case: str) -> None:
    """A clear error of the library, never one of Python's own; the record is as it was."""
    call, kind, text = CALLS[case]
    held = itsm.incidents.log(summary="A", by=SAM)
    stored = itsm.incidents.get(held.id)
    with pytest.raises(kind, match=text) as caught:
        call(itsm, held)
    told(caught.value)
    if case not in ("a stale version", "hand over to nobody"):
        assert itsm.incidents.get(stored.id) == stored
        assert len(itsm.incidents.history(stored.id)) == 1


def test_an_id_that_is_taken_is_refused_and_nothing_is_written(opened: Callable[..., ServiceManagement]) -> None:
    """Whoever makes the ids made one twice: the first record stays, the second is not there."""
    desk = opened(ids=lambda: "019cae6b-6600-7000-8000-000000000000").incidents
    held = desk.log(summary="A", by=SAM)
    with pytest.raises(InvalidInput, match="taken") as caught:
        desk.log(summary="B", by=SAM)
    told(caught.value)
    assert tuple(desk.each()) == (held,)


def test_a_clock_of_the_host_without_a_zone_is_refused() -> None:
    """It is named, so that the host knows what to mend."""

    class Naive:
        def now(self) -> datetime:
            return NAIVE

    itsm = itil4.connect(clock=Naive())
    with pytest.raises(InvalidInput, match=r"clock\.now\(\) has no time zone"):
        itsm.incidents.log(summary="A", by=SAM)


@pytest.mark.parametrize(
    "given",
    [
        {"id": ""}, {"id": 5}, {"id": "a\nb"}, {"id": "a" * 256}, {"roles": "user"}, {"roles": 5}, {"roles": None},
        {"roles": [[]]}, {"roles": {""}}, {"roles": {5}}, {"kind": "robot"}, {"kind": None}, {"via": ""},
        {"on_behalf_of": 5},
    ],
)  # fmt: skip
def test_an_actor_that_is_none_is_refused_when_it_is_made(given: dict[str, Any]) -> None:
    """Id, roles, kind, channel and principal are checked, and named."""
    with pytest.raises(InvalidInput) as caught:
        Actor(**{"id": "ana", **given})
    told(caught.value, field=next(iter(given)))


@given(st.text(max_size=300))
def test_any_text_is_either_kept_as_it_is_or_refused_by_name(text: str) -> None:
    """No text is changed on the way, and none makes a store fail."""
    desk = itil4.connect().incidents
    try:
        held = desk.log(summary=text, by=SAM)
    except InvalidInput as error:
        assert error.detail["field"] == "summary"  # noqa: PT017
        assert desk.count() == 0
    else:
        assert desk.get(held.id).summary == text


JUNK = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
    | st.datetimes() | st.lists(st.integers(), max_size=2) | st.dictionaries(st.text(max_size=2), st.none(), max_size=2)
    | st.sampled_from([object(), SAM, int, NotImplemented])
)  # fmt: skip


@given(st.sampled_from(sorted(attrs.fields_dict(Incident))), JUNK)
def test_any_value_in_any_field_is_taken_or_refused_by_the_library(field: str, value: Any) -> None:
    """Never an error of Python's own, never half a record, and what is taken comes back equal."""
    if field == "origin":
        return
    desk = itil4.connect().incidents
    try:
        held = desk.log(**{"summary": "A", field: value}, by=SAM)
    except InvalidInput as error:
        told(error)
        assert desk.count() == 0
    else:
        assert desk.get(held.id) == held == desk.replayed(held)
