"""Subscribers in this process: after the commit, and each record in the order of its history."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import itil4
from itil4 import Actor, MemoryStore, SqliteStore, StaleRecord

SAM = Actor("sam", roles={"service_desk"})


@pytest.fixture(params=["memory", "sqlite"])
def itsm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[itil4.ServiceManagement]:
    with itil4.connect(MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "desk.db")) as made:
        yield made


def log(itsm: itil4.ServiceManagement) -> itil4.Incident:
    return itsm.incidents.log(summary="Mail is down", impact="high", urgency="low", by=SAM)


def test_subscribers_hear_only_what_was_committed(itsm: itil4.ServiceManagement) -> None:
    """Nothing before the commit of a unit, all of it afterwards, and nothing of one that fails."""
    incident, heard = log(itsm), []
    itsm.subscribe(lambda entry: heard.append(entry.seq))
    with itsm.unit(by=SAM) as desk:
        desk.incidents.update(incident.id, rank=1)
        desk.incidents.update(incident.id, rank=2)
        assert heard == []
    assert heard == [2, 3]
    with pytest.raises(StaleRecord):
        itsm.incidents.update(incident, rank=3, by=SAM)
    assert heard == [2, 3]


def test_each_record_is_heard_in_order_whichever_threads_change_it(itsm: itil4.ServiceManagement) -> None:
    """A thread that committed later never tells its entry first, and every entry is told once."""
    incident = log(itsm)
    heard: list[int] = []
    failed: list[BaseException] = []
    itsm.subscribe(lambda entry: heard.append(entry.seq))

    def work() -> None:
        done = 0
        while done < 25:
            try:
                itsm.incidents.comment(incident.id, "so", by=SAM)
            except StaleRecord:
                continue
            except BaseException as error:
                failed.append(error)
                return
            done += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert failed == []
    assert heard == list(range(2, 102))
    assert itsm.house.publishing._ahead == {}


def test_a_subscriber_may_change_the_record_that_it_hears_of(itsm: itil4.ServiceManagement) -> None:
    """What it commits is told when all have heard of what came before; on another record, at once."""
    told: list[tuple[str, str]] = []

    def first(entry: itil4.Entry) -> None:
        told.append(("first", entry.op))
        if entry.op == "birth" and entry.kind == "incident":
            itsm.incidents.comment(entry.record_id, "seen", by=SAM)

    itsm.subscribe(first)
    itsm.subscribe(lambda entry: told.append(("second", entry.op)))
    log(itsm)
    assert told == [("first", "birth"), ("second", "birth"), ("first", "comment"), ("second", "comment")]


def test_a_subscriber_may_wait_for_another_thread_that_changes_the_same_record(itsm: itil4.ServiceManagement) -> None:
    """Nobody waits for a turn: whoever comes too early leaves the entries to the one who is telling."""
    heard: list[int] = []

    def other(record_id: str) -> None:
        itsm.incidents.comment(record_id, "from elsewhere", by=SAM)

    def call(entry: itil4.Entry) -> None:
        heard.append(entry.seq)
        if entry.seq == 1:
            thread = threading.Thread(target=other, args=(entry.record_id,))
            thread.start()
            thread.join(20)
            assert not thread.is_alive()
            heard.append(-1)

    itsm.subscribe(call)
    log(itsm)
    assert heard == [1, -1, 2]


def test_an_interruption_in_a_subscriber_stops_nobody_else(itsm: itil4.ServiceManagement) -> None:
    """It ends the call that it came into, and later entries of the record are told all the same."""
    heard: list[int] = []

    def call(entry: itil4.Entry) -> None:
        heard.append(entry.seq)
        if entry.seq == 1:
            raise KeyboardInterrupt

    itsm.subscribe(call)
    with pytest.raises(KeyboardInterrupt):
        log(itsm)
    itsm.incidents.comment("INC0000001", "so", by=SAM)
    assert heard == [1, 2]
