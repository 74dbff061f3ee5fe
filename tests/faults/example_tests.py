"""Example tests of the three workflows, as a careful developer writes them by hand: what the kit is compared with."""

from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

import itil4
from itil4 import Actor, Refused
from itil4.clock import FrozenClock


def opened(module: ModuleType, store: str | None) -> tuple[Any, Any, FrozenClock]:
    clock = FrozenClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    itsm = itil4.connect(store, practices=[module.PRACTICE], clock=clock, **module.SETTINGS)
    return itsm, itsm[module.PRACTICE], clock


def refused(work: Any, *codes: str) -> None:
    with pytest.raises(Refused) as caught:
        work()
    assert set(codes) <= {reason.code for reason in caught.value.reasons}


ANA, SAM, EVE = Actor("ana", {"user"}), Actor("sam", {"service_desk"}), Actor("eve", {"engineer"})
LEO, BEA = Actor("leo", {"lead"}), Actor("bea", {"bridge"})
APP = Actor("app", {"approver"})


def vessels_happy(module: ModuleType, store: str | None) -> None:
    _, desk, _ = opened(module, store)
    held = desk.log(summary="Radar", vessel="Aurora", by=ANA)
    held = desk.assign(held, to="sam", by=SAM)
    held = desk.start(held, by=SAM)
    held = desk.wait_for_port(held, port="Oslo", by=SAM)
    held = desk.berth(held, by=BEA)
    held = desk.resolve(held, resolution="Replaced", by=SAM)
    held = desk.close(held, by=SAM)
    assert held.state == "closed" and held.berthed == 1
    assert desk.get(held.id) == held and desk.replayed(held) == held


def vessels_refusals(module: ModuleType, store: str | None) -> None:
    _, desk, _ = opened(module, store)
    held = desk.start(desk.log(summary="Radar", by=ANA), by=SAM)
    refused(lambda: desk.wait_for_port(held, by=SAM), "missing")
    refused(lambda: desk.close(held, by=SAM), "wrong_state")
    refused(lambda: desk.resolve(held, resolution="x", by=SAM), "missing")
    waiting = desk.wait_for_port(held, port="at sea", by=SAM)
    refused(lambda: desk.berth(waiting, by=BEA), "guard")
    refused(lambda: desk.berth(waiting, by=ANA), "role")


def defects_happy(module: ModuleType, store: str | None) -> None:
    _, desk, _ = opened(module, store)
    held = desk.log(summary="It leaks", by=EVE)
    held = desk.analyse(held, root_cause="A seal", by=EVE)
    held = desk.propose(held, fix="Another seal", by=EVE)
    held = desk.approve(held, by=LEO)
    held = desk.apply(held, by=EVE)
    held = desk.close(held, by=LEO)
    assert (held.state, held.proposed_by, held.approved_by) == ("closed", "eve", "leo")
    assert desk.get(held.id) == held and len(desk.history(held)) == held.version == 6


def defects_refusals(module: ModuleType, store: str | None) -> None:
    itsm, desk, _ = opened(module, store)
    held = desk.log(summary="It leaks", by=EVE)
    refused(lambda: desk.analyse(held, by=EVE), "missing")
    refused(lambda: desk.approve(held, by=LEO), "wrong_state")
    both = Actor("eve", {"engineer", "lead"})
    proposed = desk.propose(desk.analyse(held, root_cause="A", by=EVE), fix="B", by=EVE)
    refused(lambda: desk.approve(proposed, by=both), "guard")
    part = desk.log(summary="A part", by=EVE)
    fixed = desk.apply(desk.approve(proposed, by=LEO), by=EVE)
    itsm.link(part, "piece_of", fixed, by=LEO)
    refused(lambda: desk.close(fixed.id, by=LEO), "guard")


def requests_happy(module: ModuleType, store: str | None) -> None:
    itsm, desk, clock = opened(module, store)
    held = desk.log(summary="Books", requester="ana", by=ANA)
    held = desk.submit(held, purpose="To read", by=ANA)
    clock.tick(timedelta(hours=30))
    held = desk.approve(held, by=APP)
    clock.tick(timedelta(hours=2))
    reading = itsm.service_levels.readings(held)[0]
    assert reading.consumed == timedelta(hours=2) and not reading.breached
    held = desk.grant(held, account="ana1", by=SAM)
    assert held.state == "granted" and held.ends_at == held.granted_at + timedelta(days=90)
    assert desk.get(held.id) == held


def requests_refusals(module: ModuleType, store: str | None) -> None:
    itsm, desk, clock = opened(module, store)
    held = desk.submit(desk.log(summary="Books", requester="ana", by=ANA), purpose="To read", by=ANA)
    refused(lambda: desk.approve(held, by=SAM), "role")
    refused(lambda: desk.approve(held, by=Actor("ana", {"approver"})), "guard")
    refused(lambda: desk.fire(held, "expire", by=ANA), "internal")
    refused(lambda: desk.deny(held, by=APP), "missing")
    clock.tick(timedelta(days=2, minutes=1))
    itsm.tick()
    assert desk.get(held.id).state == "expired"


TESTS = {
    "vessels": (vessels_happy, vessels_refusals),
    "defects": (defects_happy, defects_refusals),
    "requests": (requests_happy, requests_refusals),
}


def look(module: ModuleType, workflow: str, store: str | None) -> list[str]:
    """Run the tests of a workflow; return what failed."""
    found = []
    for test in TESTS[workflow]:
        place = store and store.replace(".db", f"_{test.__name__}.db")
        try:
            test(module, place)
        except (Exception, pytest.fail.Exception) as error:  # whatever a broken workflow raises fails the test
            found.append(f"{test.__name__}: {type(error).__name__}: {error}"[:200])
    return found
