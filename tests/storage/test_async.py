"""Units of work for event loops: whole in a thread, and after a cancellation wholly there or not at all."""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from itil4 import Actor, InvalidInput, Refused, ServiceManagement, StaleRecord
from itil4.practices.running import CancelledAfterCommit

SAM = Actor("sam", roles={"service_desk"})
SOON = 20.0


@pytest.fixture(params=["memory", "sqlite"])
def itsm(request: pytest.FixtureRequest, new_desk: Callable[..., Any]) -> ServiceManagement:
    made: ServiceManagement = new_desk(request.param)[0]
    return made


def two(desk: ServiceManagement) -> Any:
    """Log two incidents and link them: what must be there together."""
    first = desk.incidents.log(summary="Mail", impact="low", urgency="low")
    second = desk.incidents.log(summary="Printer", impact="low", urgency="low")
    desk.link(first, "child_of", second)
    return first, second


def whole(itsm: ServiceManagement) -> int:
    """Return how many units were written, each of them whole."""
    records = list(itsm.incidents.each())
    assert len(records) % 2 == 0
    links = [link for each in records for link in itsm.incidents.links(each) if link.relation == "child_of"]
    assert len(links) * 2 == len(records)
    assert list(itsm.verify()) == []
    return len(links)


def test_a_unit_runs_in_a_thread_and_returns_records_with_their_numbers(itsm: ServiceManagement) -> None:
    """Not in the loop's own thread, with the actor and the correlation of the call."""
    threads = []

    def work(desk: ServiceManagement) -> Any:
        threads.append(threading.current_thread())
        return two(desk)

    first, second = asyncio.run(itsm.run(work, by=SAM, correlation="request 7"))
    assert (first.number, second.number) == ("INC0000001", "INC0000002")
    assert threads != [threading.main_thread()]
    assert {each.correlation for each in itsm.incidents.history(second)} == {"request 7"}
    assert itsm.incidents.comment(second, "its copy is good", by=SAM)
    assert whole(itsm) == 1


def test_many_at_once_are_each_whole(itsm: ServiceManagement) -> None:
    """The loop goes on while threads work; no unit loses anything of another."""

    async def many() -> None:
        await asyncio.gather(*(itsm.run(two, by=SAM) for _ in range(20)))

    asyncio.run(many())
    assert whole(itsm) == 20


def test_an_error_of_the_function_is_that_of_the_call(itsm: ServiceManagement) -> None:
    """Refusals and stale records come out as they are, and nothing is written."""

    def refused(desk: ServiceManagement) -> None:
        first, _ = two(desk)
        desk.incidents.close(first.id)

    with pytest.raises(Refused):
        asyncio.run(itsm.run(refused, by=SAM))
    incident = itsm.incidents.log(summary="x", impact="low", urgency="low", by=SAM)
    itsm.incidents.comment(incident, "y", by=SAM)
    with pytest.raises(StaleRecord):
        asyncio.run(itsm.run(lambda desk: desk.incidents.comment(incident, "z"), by=SAM))
    assert itsm.incidents.count() == 1


def test_what_cannot_be_run_is_refused(itsm: ServiceManagement) -> None:
    """A coroutine function would do nothing in a thread; a desk in a unit is not to be shared with one."""

    async def work(desk: Any) -> None:
        """Do nothing."""

    def call(given: Any) -> str:
        with pytest.raises(InvalidInput) as caught:
            asyncio.run(itsm.run(given, by=SAM))
        return caught.value.code

    def hidden(desk: Any) -> Any:
        two(desk)
        return work(desk)

    assert (call(work), call("two")) == ("ill_typed", "ill_typed")
    assert (call(hidden), itsm.incidents.count()) == ("ill_typed", 0)
    with itsm.unit(by=SAM) as desk, pytest.raises(InvalidInput) as caught:
        asyncio.run(desk.run(two))
    assert caught.value.code == "run_in_unit"


class Stage:
    """Stops the worker at one point of its way until the test lets it go on."""

    def __init__(self, itsm: ServiceManagement, point: str) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.point = point
        store: Any = itsm.house.store
        write = store.write

        def written(*args: Any, **options: Any) -> Any:
            self.at("before the write")
            result = write(*args, **options)
            self.at("after the write")
            return result

        store.write = written
        itsm.subscribe(lambda entry: self.at("in a subscriber"))

    def at(self, point: str) -> None:
        if point == self.point:
            self.reached.set()
            assert self.go_on.wait(SOON)

    def work(self, desk: ServiceManagement) -> Any:
        self.at("before the work")
        made = two(desk)
        self.at("after the work")
        return made


@pytest.mark.parametrize(
    ("point", "written"),
    [("before the work", 0), ("after the work", 0), ("before the write", 1), ("after the write", 1),
     ("in a subscriber", 1)],
)  # fmt: skip
@pytest.mark.parametrize("times", [1, 3])
def test_a_cancellation_at_any_point_leaves_all_or_nothing_and_says_which(
    itsm: ServiceManagement, point: str, written: int, times: int
) -> None:
    """Before the commit begins nothing is written; from then on all is, and the error has the result."""
    stage = Stage(itsm, point)

    async def cancelled() -> BaseException:
        task = asyncio.create_task(itsm.run(stage.work, by=SAM))
        assert await asyncio.to_thread(stage.reached.wait, SOON)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0.01)
        assert not task.done()  # it waits for its thread
        stage.go_on.set()
        try:
            await task
        except asyncio.CancelledError as error:
            return error
        raise AssertionError

    error = asyncio.run(cancelled())
    assert whole(itsm) == written
    assert isinstance(error, CancelledAfterCommit) is bool(written)
    if isinstance(error, CancelledAfterCommit):
        assert [each.number for each in error.result] == ["INC0000001", "INC0000002"]


def test_a_timeout_tells_by_its_cause(itsm: ServiceManagement) -> None:
    """wait_for ends in TimeoutError; what it came from says whether it was written."""
    for point, written in (("after the work", False), ("after the write", True)):
        stage = Stage(itsm, point)
        threading.Timer(0.3, stage.go_on.set).start()
        before = itsm.incidents.count()
        with pytest.raises(TimeoutError) as caught:
            asyncio.run(asyncio.wait_for(itsm.run(stage.work, by=SAM), 0.1))
        assert isinstance(caught.value.__cause__, CancelledAfterCommit) is written
        assert (itsm.incidents.count() > before) is written


def test_one_that_waits_for_a_thread_is_never_begun(itsm: ServiceManagement) -> None:
    """Cancelled while all threads are busy: its function is not called at all."""
    called = []

    async def crowded() -> None:
        from concurrent.futures import ThreadPoolExecutor

        loop, release = asyncio.get_running_loop(), threading.Event()
        loop.set_default_executor(ThreadPoolExecutor(1))
        busy = loop.run_in_executor(None, release.wait, SOON)
        task = asyncio.create_task(itsm.run(lambda desk: called.append(desk), by=SAM))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0.01)
        release.set()
        await busy
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(crowded())
    assert called == []


def test_cancelled_at_random_the_count_is_what_the_callers_were_told(itsm: ServiceManagement) -> None:
    """60 units, each cancelled after a random while: whole or not there, and every caller knows which."""
    chance = random.Random(11)

    def slow(desk: ServiceManagement) -> Any:
        time.sleep(chance.random() * 0.004)
        return two(desk)

    async def one() -> bool:
        task = asyncio.create_task(itsm.run(slow, by=SAM))
        await asyncio.sleep(chance.random() * 0.012)
        task.cancel()
        try:
            await task
        except CancelledAfterCommit:
            return True
        except asyncio.CancelledError:
            return False
        return True

    async def many() -> list[bool]:
        return [told for _ in range(12) for told in await asyncio.gather(*(one() for _ in range(5)))]

    told = asyncio.run(many())
    assert whole(itsm) == sum(told)
    assert True in told and False in told
