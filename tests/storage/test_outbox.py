"""Relays outside the process: everything that was committed is delivered, in order for each record, at least once."""

import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

import itil4
from itil4 import Actor, InvalidInput, MemoryStore, Practice, Record, Refused, SqliteStore, StoreError
from itil4.lifecycle import Lifecycle, State, Transition
from itil4.storage.capabilities import CAPABILITIES, capabilities_of

SAM = Actor("sam", roles={"service_desk"})
MINUTE = timedelta(minutes=1)


class Hand:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture(params=["memory", "sqlite", "sqlalchemy_sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path, make_stores: Any) -> Any:
    return make_stores(request.param, request, tmp_path)()


@pytest.fixture
def itsm(store: Any, clock: Hand) -> Iterator[itil4.ServiceManagement]:
    with itil4.connect(store, clock=clock, outbox=True) as made:
        yield made


def log(itsm: itil4.ServiceManagement, summary: str = "Mail is down") -> itil4.Incident:
    return itsm.incidents.log(summary=summary, impact="high", urgency="low", by=SAM)


def test_a_relay_gets_every_entry_once_it_acknowledges_and_in_order(itsm: itil4.ServiceManagement) -> None:
    """Whatever the interleaving of records, the entries that a relay delivers are the histories."""
    first, second = log(itsm), log(itsm)
    for number in range(3):
        itsm.incidents.update(first.id, rank=number + 1, by=SAM)
        itsm.incidents.comment(second.id, f"{number}", by=SAM)
    delivered: list[itil4.Entry] = []
    while claimed := itsm.outbox.claim("relay", MINUTE):
        assert len({entry.record_id for entry in claimed}) == len(claimed)
        delivered += claimed
        assert itsm.outbox.ack(claimed) == ()
    for record in (first, second):
        own = [entry.to_dict() for entry in delivered if entry.record_id == record.id]
        assert own == [entry.to_dict() for entry in itsm.incidents.history(record.id)]
    assert itsm.outbox.claim("relay", MINUTE) == ()


def test_a_later_entry_never_goes_before_an_earlier_one(itsm: itil4.ServiceManagement, clock: Hand) -> None:
    """While one is leased or was not acknowledged, the next ones of the record wait; others do not."""
    incident = log(itsm)
    itsm.incidents.update(incident.id, rank=1, by=SAM)
    (birth,) = itsm.outbox.claim("a", MINUTE)
    other = log(itsm)
    assert [entry.record_id for entry in itsm.outbox.claim("b", MINUTE)] == [other.id]
    clock.at += MINUTE - timedelta(microseconds=1)
    assert itsm.outbox.claim("b", MINUTE) == ()
    clock.at += timedelta(microseconds=1)
    again = itsm.outbox.claim("b", MINUTE)
    assert [entry.id for entry in again] == [birth.id, f"{other.id}:1"]
    assert itsm.outbox.ack(again[0]) == ()
    (update,) = itsm.outbox.claim("c", MINUTE)
    assert (update.id, update.op) == (f"{incident.id}:2", "update")


def test_whoever_was_away_for_too_long_lets_nobody_overtake(itsm: itil4.ServiceManagement, clock: Hand) -> None:
    """An acknowledgement counts for the lease that is in force, even between two workers of one name."""
    incident = log(itsm)
    itsm.incidents.update(incident.id, rank=1, by=SAM)
    (late,) = itsm.outbox.claim("a", MINUTE)
    clock.at += MINUTE
    (held,) = itsm.outbox.claim("a", MINUTE)
    assert itsm.outbox.ack([late]) == (late,)
    assert itsm.outbox.claim("b", MINUTE) == ()
    assert itsm.outbox.ack([held]) == ()
    assert itsm.outbox.ack([held]) == (held,)
    assert [entry.seq for entry in itsm.outbox.claim("b", MINUTE)] == [2]


def test_an_acknowledgement_after_the_lease_counts_while_nobody_else_has_it(
    itsm: itil4.ServiceManagement, clock: Hand
) -> None:
    """It was delivered, so there is no reason to deliver it again."""
    log(itsm)
    claimed = itsm.outbox.claim("a", MINUTE)
    clock.at += 5 * MINUTE
    assert itsm.outbox.ack(claimed) == ()
    assert itsm.outbox.claim("b", MINUTE) == ()


def test_those_that_fail_do_not_stand_in_the_way_of_the_others(itsm: itil4.ServiceManagement, clock: Hand) -> None:
    """An entry that no relay can deliver waits from the end of its lease on, behind those that came meanwhile."""
    poison = log(itsm)
    for _ in range(3):
        assert [entry.record_id for entry in itsm.outbox.claim("a", MINUTE, limit=1)] == [poison.id]
        fresh = log(itsm)
        clock.at += 2 * MINUTE
        (first,) = itsm.outbox.claim("a", MINUTE, limit=1)
        assert first.record_id == fresh.id
        itsm.outbox.ack(first)


def test_workers_that_claim_at_once_never_hold_the_same(itsm: itil4.ServiceManagement) -> None:
    """Each entry goes to exactly one of four threads, and each record's in order."""
    made = [log(itsm) for _ in range(20)]
    for each in made:
        itsm.incidents.update(each.id, rank=1, by=SAM)
    delivered: list[tuple[str, int]] = []
    lock, failed = threading.Lock(), []

    def work(name: str) -> None:
        try:
            while len(delivered) < 40:
                for entry in itsm.outbox.claim(name, MINUTE, limit=3):
                    with lock:
                        delivered.append((entry.record_id, entry.seq))
                    assert itsm.outbox.ack(entry) == ()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"w{place}",)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert sorted(delivered) == sorted((each.id, seq) for each in made for seq in (1, 2))
    for each in made:
        assert [seq for record, seq in delivered if record == each.id] == [1, 2]


def test_the_store_remembers_that_it_keeps_an_outbox_whoever_writes(tmp_path: Path) -> None:
    """A script that connects without a word of the outbox must not commit behind the back of the relay."""
    url = f"sqlite:///{tmp_path}/desk.db"
    script, relay = itil4.connect(url), itil4.connect(url, outbox=True)
    incident = log(script)
    assert [entry.record_id for entry in relay.outbox.claim("relay")] == [incident.id]
    with itil4.connect(url) as later:
        itsm = log(later)
        assert [entry.record_id for entry in later.outbox.claim("relay")] == [itsm.id]
    script.close()
    relay.close()


def test_an_outbox_is_only_kept_where_somebody_asked_for_one(store: Any) -> None:
    """A store without relays must not grow for ever; and claiming in vain says how to switch it on."""
    with itil4.connect(store) as itsm:
        old = log(itsm)
        for call in (lambda: itsm.outbox.claim("relay"), lambda: itsm.outbox.ack(())):
            with pytest.raises(StoreError) as caught:
                call()
            assert (caught.value.code, "outbox=True" in str(caught.value)) == ("outbox_off", True)
        again = itil4.connect(store, outbox=True)
        assert again.outbox.claim("relay") == (), "what was committed before is history, and is read there"
        itsm.incidents.update(old.id, rank=1, by=SAM)
        assert [entry.seq for entry in itsm.outbox.claim("relay", timedelta(microseconds=1))] == [2]
        itil4.connect(store, outbox=False)
        with pytest.raises(StoreError):
            itsm.outbox.claim("relay")
        itil4.connect(store, outbox=True)
        assert itsm.outbox.claim("relay") == (), "switching it off forgets what waited"


def test_entries_of_a_unit_that_fails_are_not_handed_out(itsm: itil4.ServiceManagement) -> None:
    """What was not committed did not happen."""
    incident = log(itsm)
    itsm.outbox.ack(itsm.outbox.claim("relay"))

    def work() -> None:
        with itsm.unit(by=SAM) as desk:
            desk.incidents.log(summary="Mail is down", impact="high", urgency="low")
            desk.incidents.update(incident.id, rank=0)

    with pytest.raises(Refused):
        work()
    assert itsm.outbox.claim("relay") == ()


def test_a_relay_may_ask_for_one_practice(itsm: itil4.ServiceManagement) -> None:
    """By the name of the practice or the kind of record; the rest waits for somebody else."""
    incident = log(itsm)
    problem = itsm.problems.log(summary="The relay is old", by=Actor("pam", roles={"problem_manager"}))
    assert [entry.record_id for entry in itsm.outbox.claim("a", practice="problem_management")] == [problem.id]
    assert [entry.record_id for entry in itsm.outbox.claim("a", practice="incident")] == [incident.id]
    with pytest.raises(InvalidInput) as caught:
        itsm.outbox.claim("a", practice="incident_managment")
    assert "incident_management" in str(caught.value)


@attrs.frozen(kw_only=True)
class Radio(Record):
    """A record of a practice that not every process knows."""


class Radios(Practice[Radio]):
    """A practice of a host."""

    name, slot, kind, prefix = "radio_management", "radios", "radio", "RAD"
    record = Radio
    lifecycle = Lifecycle(
        "radio", states=[State("new", category="new"), State("gone", category="closed")], initial="new",
        transitions=[Transition("scrap", ["new"], "gone")],
    )  # fmt: skip


def test_entries_of_an_unknown_kind_wait_for_a_relay_that_knows_it(store: Any, clock: Hand) -> None:
    """A process with fewer practices neither fails on them nor lets them be lost."""
    fewer, more = itil4.connect(store, clock=clock, outbox=True), itil4.connect(store, practices=[Radios], clock=clock)
    radio = more.radios.log(by=SAM)
    incident = log(fewer)
    assert [entry.record_id for entry in fewer.outbox.claim("a")] == [incident.id]
    assert [entry.record_id for entry in more.outbox.claim("b")] == [radio.id]
    fewer.close()


def test_tenants_have_outboxes_of_their_own(store: Any) -> None:
    """One organization's relay neither gets nor acknowledges what is another's."""
    ours, theirs = (itil4.connect(store, tenant=name, outbox=True) for name in ("ours", "theirs"))
    incident = log(ours)
    assert theirs.outbox.claim("a") == ()
    claimed = ours.outbox.claim("a", MINUTE)
    assert [(entry.record_id, entry.tenant) for entry in claimed] == [(incident.id, "ours")]
    assert theirs.outbox.ack(claimed) == claimed
    assert ours.outbox.ack(claimed) == ()
    ours.close()


@pytest.mark.parametrize(
    "given",
    [
        {"worker": ""}, {"worker": 7}, {"worker": "a\x00"}, {"lease": 60}, {"lease": timedelta(0)},
        {"lease": timedelta(days=-1)}, {"lease": timedelta.max}, {"limit": 0}, {"limit": True}, {"limit": 1_001},
    ],
)  # fmt: skip
def test_a_claim_that_makes_no_sense_is_refused(itsm: itil4.ServiceManagement, given: dict[str, Any]) -> None:
    """And leases nothing."""
    log(itsm)
    with pytest.raises(InvalidInput):
        itsm.outbox.claim(**{"worker": "a", **given})
    with pytest.raises(InvalidInput):
        itsm.outbox.ack(itsm.incidents.history("INC0000001"))  # type: ignore[arg-type]  # what claim did not return
    assert len(itsm.outbox.claim("a")) == 1


def test_what_was_claimed_can_be_handed_on(itsm: itil4.ServiceManagement) -> None:
    """To another process, say, which acknowledges it: it is a plain value with the store's key of the entry."""
    incident = log(itsm)
    (claimed,) = itsm.outbox.claim("a", MINUTE)
    assert (claimed.id, claimed.worker, claimed.number) == (f"{incident.id}:1", "a", "INC0000001")
    copy = pickle.loads(pickle.dumps(claimed))
    assert copy == claimed
    assert itsm.outbox.ack(copy) == ()


def test_a_store_that_cannot_says_so(tmp_path: Path) -> None:
    """An ability is asked for by its word among the capabilities; without it, connecting says what is lacking."""

    class Plain(MemoryStore):
        capabilities = frozenset()

    with pytest.raises(StoreError) as caught:
        itil4.connect(Plain(), outbox=True)
    assert caught.value.code == "no_outbox"
    itsm = itil4.connect(Plain(), outbox=False)
    with pytest.raises(StoreError) as claimed:
        itsm.outbox.claim("a")
    assert claimed.value.code == "no_outbox"
    for store in (MemoryStore(), SqliteStore(tmp_path / "s.db")):
        assert capabilities_of(store) <= CAPABILITIES.keys()
        store.close()


def test_relays_that_are_killed_lose_nothing_and_let_nothing_overtake() -> None:
    """Whatever a relay was doing when it died, its entries go to another one, in order for each record.

    The long form: `python benchmarks/outbox.py --units 2000 --kills 50`.
    """
    script = Path(__file__).parents[2] / "benchmarks" / "outbox.py"
    done = subprocess.run(
        [sys.executable, str(script), "--units", "150", "--kills", "3", "--json"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    figures = json.loads(done.stdout)
    assert {name: figures[name] for name in ("entries", "lost", "overtaken")} == {
        "entries": 150, "lost": 0, "overtaken": 0,
    }  # fmt: skip


def test_an_acknowledgement_of_nothing_that_was_claimed_is_refused(itsm: itil4.ServiceManagement) -> None:
    """Neither nothing nor one foreign value is taken for entries."""
    for given in (None, 5, [None], "w"):
        with pytest.raises(InvalidInput) as caught:
            itsm.outbox.ack(given)  # type: ignore[arg-type]  # that is what is refused
        assert caught.value.code == "ill_typed"


def test_a_desk_of_the_past_delivers_nothing(itsm: itil4.ServiceManagement, clock: Hand) -> None:
    """What waited then says nothing about what waits now, so the outbox of the past is closed."""
    log(itsm)
    with pytest.raises(Refused) as caught:
        itsm.as_of(clock.now()).outbox.claim("w")
    assert caught.value.code == "past"
    assert len(itsm.outbox.claim("w")) == 1
