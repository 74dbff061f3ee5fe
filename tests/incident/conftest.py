"""A desk in each store, a clock that moves when told, and the people of the stories."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import itil4
from itil4 import Actor, ServiceManagement, TimeOrderedIds


class HandClock:
    """Stands still until somebody moves it."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 8, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def pass_by(self, **amount: float) -> datetime:
        self.time += timedelta(**amount)
        return self.time


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["memory", "sqlite"])
def opened(
    request: pytest.FixtureRequest, clock: HandClock, tmp_path: Path
) -> Iterator[Callable[..., ServiceManagement]]:
    """Open a service management in one of the stores; options go to `connect`."""
    desks: list[ServiceManagement] = []

    def connect(**options: object) -> ServiceManagement:
        store = None if request.param == "memory" else f"sqlite:///{tmp_path}/desk{len(desks)}.db"
        ids = TimeOrderedIds(clock, random.Random(7))
        desks.append(itil4.connect(store, **{"clock": clock, "ids": ids, **options}))
        return desks[-1]

    yield connect
    for desk in desks:
        desk.close()


@pytest.fixture
def itsm(opened: Callable[..., ServiceManagement]) -> ServiceManagement:
    return opened()


@pytest.fixture
def ana() -> Actor:
    return Actor("ana", roles={"user"})


@pytest.fixture
def sam() -> Actor:
    return Actor("sam", roles={"service_desk"})


@pytest.fixture
def ida() -> Actor:
    return Actor("ida", roles={"incident_manager"})


@pytest.fixture
def monitor() -> Actor:
    return Actor("monitor", kind="system")
