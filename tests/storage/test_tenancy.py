"""No leak: what another tenant has, and what an actor may not see, is in no answer and in no message of an error."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import itil4
from itil4 import Actor, MemoryStore, NotFound, ServiceManagement, SqliteStore
from itil4.clock import FrozenClock
from itil4.errors import ITIL4Error
from itil4.interop.ocel import object_log
from itil4.interop.report import report
from itil4.practices.built_in import BUILT_IN
from itil4.value import RESTORE_LIVE_SERVICE

SECRET = "Xylophone"
SAM = Actor("sam", roles={"service_desk", "problem_manager", "incident_manager"})
ANA = Actor("ana", roles={"user"})
OFFICER = Actor("olga", roles={"corrector", "data_protection_officer"})
T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY = {"targets": [{"metric": "resolve", "duration": "PT4H", "warnings": [0.5]}]}


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "desk.db")
    yield made
    made.close()


def opened(store: Any, tenant: str, **options: Any) -> ServiceManagement:
    from itil4.practices.service_policy import ServiceLevelPolicy

    policies = {"service_level": ServiceLevelPolicy.from_dict(POLICY)}
    return itil4.connect(store, tenant=tenant, clock=FrozenClock(T0), policies=policies, **options)


def work(itsm: ServiceManagement, word: str, *, confidential: bool = False) -> tuple[Any, Any]:
    """Leave a word in everything that can hold one; return the incident and its problem."""
    given: dict[str, Any] = {"impact": "high", "urgency": "high", "by": SAM}
    incident = itsm.incidents.log(
        summary=f"{word} is down", description=word, service=word, item=word, group=word, category=word,
        customer=word, confidential=confidential, once=f"{word} key", **given,
    )  # fmt: skip
    incident = itsm.incidents.comment(incident, f"{word} said", audience="user", by=SAM)
    incident = itsm.incidents.start(incident, reason=word, by=SAM)
    problem = itsm.problems.log(summary=f"{word} breaks", service=word, item=word, category=word, **given)
    problem = itsm.problems.investigate(itsm.problems.categorize(problem, category=word, by=SAM), by=SAM)
    problem = itsm.problems.add_cause(problem, word, word, by=SAM)
    incident = itsm.link(incident, "caused_by", problem, by=SAM)
    incident = itsm.incidents.escalate(incident, to=word, by=SAM)
    return incident, problem


def every_read(itsm: ServiceManagement, by: Actor | None) -> dict[str, Callable[[], Any]]:
    """Return every question that is about no record in particular."""
    incidents, problems, levels = itsm.incidents, itsm.problems, itsm.service_levels
    now = itsm.house.now()
    stream = RESTORE_LIVE_SERVICE
    every = [itsm.in_slot(place.slot) for place in BUILT_IN]
    reads: dict[str, Callable[[], Any]] = {
        "every practice": lambda: [
            (each.find(by=by).items, list(each.each(by=by)), each.count(by=by), list(each.histories(by=by)))
            for each in every
        ],
        "find": lambda: (incidents.find(by=by).items, problems.find(by=by).items),
        "find by": lambda: incidents.find(service=SECRET, by=by).items,
        "find contains": lambda: incidents.find(summary__contains=SECRET, order_by="-priority", by=by).items,
        "each": lambda: [*incidents.each(by=by), *problems.each(by=by)],
        "count": lambda: (incidents.count(by=by), incidents.count(service=SECRET, by=by)),
        "histories": lambda: [
            [e.to_dict() for e in h] for h in (*incidents.histories(by=by), *problems.histories(by=by))
        ],
        "links": lambda: [incidents.links(each, by=by) for each in incidents.each(by=by)],
        "linked": lambda: [
            [problems.linked(each, "causes", by=by) for each in problems.each(by=by)],
            [
                incidents.linked(each, name, by=by)
                for each in incidents.each(by=by)
                for name in ("caused_by", "child_of")
            ],
        ],
        "history": lambda: [incidents.history(each, by=by) for each in incidents.each(by=by)],
        "queue": lambda: incidents.queue(SECRET, by=by),
        "figures": lambda: [incidents.figures(by=by, split="service"), problems.figures(by=by)],
        "incidents of problems": lambda: [problems.incidents(each, by=by) for each in problems.each(by=by)],
        "candidates": lambda: problems.candidates(since=T0 - HOUR, until=now + HOUR, by=by),
        "search": lambda: itsm.known_errors.search(SECRET, by=by),
        "match": lambda: [itsm.known_errors.match(each, by=by) for each in incidents.each(by=by)],
        "readings": lambda: [levels.readings(each, by=by) for each in incidents.each(by=by)],
        "due": lambda: levels.due_between(T0, now + 100 * HOUR, by=by),
        "level figures": lambda: levels.figures(by=by),
        "observed": lambda: itsm.observed(stream, by=by),
        "delivery": lambda: itsm.delivery((T0, now + HOUR), by=by),
        "object log": lambda: object_log(itsm, by=by),
        "available": lambda: [incidents.available(each, by=by) for each in incidents.each(by=by)] if by else (),
    }
    return reads


def answers(reads: dict[str, Callable[[], Any]]) -> Iterable[tuple[str, str]]:
    for name, read in reads.items():
        try:
            yield name, repr(read())
        except ITIL4Error as error:
            yield name, repr((error, str(error), error.to_dict()))


# tenants


def test_no_read_of_one_tenant_shows_anything_of_another(store: Any) -> None:
    """Lists, counts, figures, search, service levels, streams, exports, the past and the outbox: nothing of theirs."""
    theirs, ours = opened(store, "theirs"), opened(store, "ours")
    incident, problem = work(theirs, SECRET)
    mine, _ = work(ours, "Mail")
    hidden = {SECRET, incident.id, problem.id}
    for itsm in (ours, ours.as_of(ours.house.now()), ours.as_of(ours.house.now(), view="happened")):
        for name, answer in answers(every_read(itsm, None)):
            assert not any(word in answer for word in hidden), (name, answer)
    assert ours.incidents.count() == 1
    assert ours.incidents.get("INC0000001") == mine
    assert SECRET not in repr((report(ours), list(ours.verify()), ours.verify(kind="incident")))
    heard: list[Any] = []
    ours.subscribe(heard.append)
    theirs.incidents.comment(incident, "x", by=SAM)
    assert heard == []
    assert list(ours.verify()) == list(theirs.verify()) == []


def test_no_name_of_another_tenants_record_finds_it(store: Any) -> None:
    """By id, by a once key, as an end of a link or as a record in hand: as if it were not there."""
    theirs, ours = opened(store, "theirs"), opened(store, "ours")
    incident, _ = work(theirs, SECRET)
    mine, _ = work(ours, "Mail")
    nobody = incident.id[:-4] + "beef"
    for call in by_name(ours, SAM, mine):
        assert said(call, incident.id) == said(call, nobody)
    with pytest.raises(NotFound):
        ours.incidents.comment(incident, "x", by=SAM)
    again = ours.incidents.log(summary="new", impact="low", urgency="low", once=f"{SECRET} key", by=SAM)
    assert again.number == "INC0000002"
    assert ours.redact_person("sam", reason="r", by=OFFICER).records
    assert theirs.incidents.get(incident.id).created_by == "sam"
    theirs.incidents.correct(incident.id, state="closed", reason="r", by=OFFICER)
    assert ours.incidents.count(is_open=True) == 2


def test_the_outbox_hands_out_what_is_ones_own(store: Any) -> None:
    """A worker of one tenant claims nothing of another."""
    theirs, ours = opened(store, "theirs", outbox=True), opened(store, "ours", outbox=True)
    work(theirs, SECRET)
    work(ours, "Mail")
    claimed = ours.outbox.claim("worker", lease=HOUR)
    assert claimed and SECRET not in repr(claimed)


# actors


def by_name(itsm: ServiceManagement, by: Actor, mine: Any) -> list[Callable[[str], Any]]:
    """Return everything that can be asked of or done to one record, as functions of its name."""
    incidents, now = itsm.incidents, itsm.house.now()
    past = itsm.as_of(now)
    return [
        lambda ref: itsm.get(ref, by=by),
        lambda ref: incidents.get(ref, by=by),
        lambda ref: past.incidents.get(ref, by=by),
        lambda ref: incidents.history(ref, by=by),
        lambda ref: past.incidents.history(ref, by=by),
        lambda ref: incidents.links(ref, by=by),
        lambda ref: incidents.linked(ref, "caused_by", by=by),
        lambda ref: incidents.find(child_of=ref, by=by),
        lambda ref: incidents.count(child_of=ref, by=by),
        lambda ref: incidents.available(ref, by=by),
        lambda ref: incidents.explain(ref, "start", by=by),
        lambda ref: incidents.explain(ref, "start", by=by, expected=99),
        lambda ref: incidents.fire(ref, "close", by=by),
        lambda ref: incidents.fire(ref, "close", by=by, expected=99),
        lambda ref: incidents.fire(ref, "close", by=by, at=T0 - HOUR),
        lambda ref: incidents.fire_each([ref], "close", by=by)[0].reasons,
        lambda ref: incidents.update(ref, summary="x", by=by),
        lambda ref: incidents.comment(ref, "x", by=by),
        lambda ref: incidents.override(ref, priority=4, reason="x", by=by),
        lambda ref: incidents.release(ref, by=by),
        lambda ref: incidents.redact(ref, "summary", reason="x", by=by),
        lambda ref: incidents.correct(ref, state="closed", reason="x", by=by),
        lambda ref: incidents.merge(ref, into=mine.id, by=by),
        lambda ref: incidents.merge(mine.id, into=ref, by=by),
        lambda ref: incidents.watchers(ref, by=by),
        lambda ref: incidents.watch(ref, by, by=by),
        lambda ref: itsm.link(ref, "child_of", mine.id, by=by),
        lambda ref: itsm.link(mine.id, "child_of", ref, by=by),
        lambda ref: itsm.unlink(mine.id, "child_of", ref, by=by),
        lambda ref: itsm.service_levels.readings(ref, by=by),
        lambda ref: itsm.known_errors.match(ref, by=by),
        lambda ref: itsm.known_errors.offered(ref, by=by),
    ]


def said(call: Callable[[str], Any], reference: str) -> str:
    """Return what a call answers, with the name that it was called with taken out."""
    try:
        answer = repr(call(reference))
    except ITIL4Error as error:
        answer = repr((type(error).__name__, [each.to_dict() for each in error.reasons]))
    return answer.replace(reference, "<it>")


@pytest.fixture
def watched(store: Any) -> tuple[ServiceManagement, Any, Any]:
    """A desk with an incident that became confidential, and one that Ana may see and that was resolved with it."""
    itsm = opened(store, "")
    hidden, problem = work(itsm, SECRET)
    seen = itsm.incidents.log(summary="Mail", impact="low", urgency="low", by=ANA)
    itsm.link(seen, "child_of", hidden, by=SAM)
    itsm.incidents.resolve(hidden.id, resolution="Restarted", by=SAM)
    itsm.incidents.update(hidden.id, confidential=True, by=SAM)
    itsm.problems.redact(
        problem.id, "summary", "service", "item", "category", "causes.text", "causes.name", reason="r", by=OFFICER
    )
    itsm.problems.redact(problem.id, reasons=True, reason="r", by=OFFICER)
    return itsm, itsm.incidents.get(hidden.id), itsm.incidents.get(seen.id)


def test_no_read_of_an_actor_shows_what_they_may_not_see(watched: Any) -> None:
    """Neither its words nor its id nor its number: in lists, links, histories, figures, streams, and in the past."""
    itsm, hidden, seen = watched
    assert seen.state == "resolved"
    for desk in (itsm, itsm.as_of(itsm.house.now()), itsm.acting(ANA)):
        for name, answer in answers(every_read(desk, ANA)):
            if name == "count":
                assert answer == "(1, 0)"
            leaked = [word for word in (SECRET, hidden.id, hidden.number) if word in answer]
            assert not leaked, (name, leaked, answer)
        assert desk.incidents.count(by=ANA) == 1
        assert desk.incidents.find(child_of=seen.id, by=ANA).items == ()


@pytest.mark.parametrize("which", ["id", "number"])
def test_what_may_not_be_seen_is_refused_as_if_it_were_not_there(watched: Any, which: str) -> None:
    """Every question and verb answers alike for a hidden record and for none: no error tells them apart."""
    itsm, hidden, seen = watched
    reference = getattr(hidden, which)
    nobody = hidden.id[:-4] + "beef" if which == "id" else "INC0000099"
    for place, call in enumerate(by_name(itsm, ANA, seen)):
        assert said(call, reference) == said(call, nobody), place
        assert SECRET not in said(call, reference), place
    assert itsm.incidents.get(hidden.id) == hidden


def test_a_record_in_hand_helps_nobody_who_may_not_see_it(watched: Any) -> None:
    """The value itself, stale or not, is no key."""
    itsm, hidden, _ = watched
    for call in (itsm.incidents.history, itsm.incidents.links, itsm.incidents.get, itsm.service_levels.readings):
        with pytest.raises(NotFound) as caught:
            call(hidden, by=ANA)
        assert SECRET not in str(caught.value)


def test_a_once_key_of_a_hidden_record_does_not_show_it(watched: Any) -> None:
    """A key that was used for it is taken, and says no more."""
    itsm, hidden, _ = watched
    with pytest.raises(NotFound) as caught:
        itsm.incidents.log(summary="x", impact="low", urgency="low", once=f"{SECRET} key", by=ANA)
    assert hidden.number not in str(caught.value)
