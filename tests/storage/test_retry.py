"""Trying again on fresh data: how often, how long it waits, and what the end says."""

import threading
from typing import Any

import pytest

import itil4
from itil4 import Actor, InvalidInput, Refused, StaleRecord
from itil4.storage.retrying import retry

SAM = Actor("sam", roles={"service_desk"})
EVE = Actor("eve", roles={"service_desk"})


def log(itsm: Any) -> itil4.Incident:
    made: itil4.Incident = itsm.incidents.log(summary="Mail is down", impact="high", urgency="low", by=SAM)
    return made


def meddling(itsm: Any, incident: Any, times: int) -> Any:
    """Return a function that changes a record, and whom somebody else precedes that many times."""
    left = iter(range(times))

    def change(desk: Any) -> Any:
        held = desk.incidents.get(incident.id)
        if next(left, None) is not None:
            itsm.incidents.update(incident.id, rank=(held.rank or 0) + 10, by=EVE)
        return desk.incidents.update(held, rank=(held.rank or 0) + 1)

    return change


def test_a_function_runs_anew_on_fresh_data_until_nobody_is_first() -> None:
    """Each repetition is a unit of its own that reads what is stored by then; what it returns is returned."""
    with itil4.connect() as itsm:
        incident = log(itsm)
        waited: list[float] = []
        made = itsm.retry(meddling(itsm, incident, 3), by=SAM, sleep=waited.append, random=lambda: 0.5)
        assert made.rank == 31
        assert itsm.incidents.get(incident).rank == 31
        assert waited == [0.005, 0.01, 0.02]


def test_the_last_failure_says_how_often_it_was_tried() -> None:
    """It is the StaleRecord of the last attempt, with who was first; nothing of any attempt is kept."""
    with itil4.connect() as itsm:
        incident = log(itsm)
        with pytest.raises(StaleRecord) as caught:
            itsm.retry(meddling(itsm, incident, 9), attempts=3, by=SAM, sleep=lambda _: None)
        assert [reason.code for reason in caught.value.reasons] == ["stale", "gave_up"]
        assert caught.value.detail["changed_by"] == "eve"
        assert "It was tried 3 times." in str(caught.value)
        assert itsm.incidents.get(incident).rank == 30
        assert isinstance(caught.value.__cause__, StaleRecord)


def test_waits_double_up_to_a_second_and_are_drawn_by_chance() -> None:
    """Those who met once are not to meet again at the same moment."""
    waited: list[float] = []

    def never() -> None:
        raise StaleRecord

    with pytest.raises(StaleRecord):
        retry(never, attempts=11, sleep=waited.append, random=lambda: 1.0)
    assert waited == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0, 1.0]
    drawn: list[float] = []
    with pytest.raises(StaleRecord):
        retry(never, attempts=40, sleep=drawn.append)
    assert len(set(drawn)) == 39
    assert all(0 <= each <= 1 for each in drawn)


def test_nothing_else_is_tried_again() -> None:
    """A refusal stays one, whatever time passes."""
    with itil4.connect() as itsm:
        incident, calls = log(itsm), []
        with pytest.raises(Refused):
            itsm.retry(lambda desk: calls.append(1) or desk.incidents.fire(incident, "close"), by=SAM)
        assert calls == [1]


@pytest.mark.parametrize("attempts", [0, -1, True, "3", 1.0])
def test_it_is_tried_at_least_once(attempts: Any) -> None:
    """A number below 1, or none, is refused."""
    with itil4.connect() as itsm, pytest.raises(InvalidInput):
        itsm.retry(lambda desk: None, attempts=attempts, by=SAM)


def test_inside_a_unit_it_would_see_the_same_again() -> None:
    """A repetition needs a unit of its own."""
    with itil4.connect() as itsm, itsm.unit(by=SAM) as desk:
        with pytest.raises(InvalidInput) as caught:
            desk.retry(lambda inner: None)
        assert caught.value.code == "retry_in_unit"


@pytest.mark.parametrize("name", ["memory", "sqlite", "sqlalchemy_sqlite", "postgres"])
def test_threads_that_retry_lose_nothing(name: str, request: Any, tmp_path: Any, make_stores: Any) -> None:
    """Four threads add 10 each to one field of one record, on every store."""
    with itil4.connect(make_stores(name, request, tmp_path)()) as itsm:
        incident, failed = log(itsm), []

        def add(desk: Any) -> None:
            held = desk.incidents.get(incident.id)
            desk.incidents.update(held, rank=(held.rank or 0) + 1)

        def work() -> None:
            try:
                for _ in range(10):
                    itsm.retry(add, attempts=50, by=SAM)
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert not failed
        assert itsm.incidents.get(incident.id).rank == 40
