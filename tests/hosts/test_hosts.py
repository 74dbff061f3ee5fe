"""Two hosts, a web service and a Django application: the stories of the library are played on both, and holes found."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed")
pytest.importorskip("httpx", reason="httpx is not installed")
pytest.importorskip("django", reason="Django is not installed")

import django_host
import fastapi_host
from django_host import Application, OnDjango
from fastapi_host import OverHttp
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from sample_workflows.defects import LIFECYCLE, Defects

from itil4 import Actor
from itil4.testing import Driver, Found, check_story, lifecycle_machine, walk

HOSTS: dict[str, Callable[[], Any]] = {"over HTTP": OverHttp, "on Django": OnDjango}

STORY = (
    "log(summary='It leaks') -> analyse(root_cause='A seal') as engineer -> approve as lead refused for wrong_state"
    " -> propose(fix='Another seal') as engineer -> approve as engineer refused for role -> approve as lead"
    " -> apply as engineer -> reopen as lead -> reject(close_note='No') as lead"
)


@pytest.fixture(params=sorted(HOSTS))
def host(request: pytest.FixtureRequest) -> Callable[[], Any]:
    """Each host in turn."""
    return HOSTS[request.param]


def test_a_host_is_a_driver(host: Callable[[], Any]) -> None:
    """Five words are all that the kit needs of it."""
    assert isinstance(host(), Driver)


def test_a_story_of_the_library_can_be_followed_on_a_host(host: Callable[[], Any]) -> None:
    """Every step and refusal is the same there, and so is the record afterwards."""
    check_story(Defects, STORY, driver=host)


def test_a_walk_finds_nothing_on_a_sound_host(host: Callable[[], Any]) -> None:
    """Every step, pair and refusal of the practice, played on the host as well."""
    assert walk(Defects, driver=host).lacking() == ()


def test_the_machine_finds_nothing_on_a_sound_host(host: Callable[[], Any]) -> None:
    """Random stories, hostile hands and old copies, played on the host as well."""
    run(lifecycle_machine(Defects, driver=host))


def run(machine: Any, examples: int = 15) -> None:
    chosen = settings(machine.TestCase.settings, max_examples=examples, derandomize=True, database=None)
    run_state_machine_as_test(machine, settings=chosen)


def as_lead(actor: Actor) -> Actor:
    return attrs.evolve(actor, roles=actor.roles | {"lead"})


def trusting(request: Any, original: Any = fastapi_host.actor_of) -> Actor:
    """The service takes everybody for a lead."""
    return as_lead(original(request))


class Trusting(Application):
    """The application takes everybody for a lead."""

    def take(self, key: str, event: str, actor: Actor, values: Any, expected: int | None) -> Any:
        return super().take(key, event, as_lead(actor), values, expected)


class Careless(Application):
    """The application forgets to look whether somebody else saved first."""

    def take(self, key: str, event: str, actor: Actor, values: Any, expected: int | None) -> Any:
        return super().take(key, event, actor, values, None)


class Shortcut(Application):
    """The application has a shortcut that writes the status itself."""

    def take(self, key: str, event: str, actor: Actor, values: Any, expected: int | None) -> Any:
        if event == "reject":
            django_host.DefectRow.objects.filter(pk=key).update(status="rejected")
            return django_host.DefectRow.objects.get(pk=key)
        return super().take(key, event, actor, values, expected)


def unguarded() -> Any:
    """The lifecycle of a host that has left a guard out."""
    approve = next(each for each in LIFECYCLE.transitions if each.event == "approve")
    return LIFECYCLE.extend(replace={"approve": attrs.evolve(approve, guards=())})


HOLES: dict[str, tuple[Callable[[], Any], set[str]]] = {
    "everybody is a lead": (lambda: OnDjango(Trusting), {"not_refused", "wrong_reason"}),
    "old copies are saved": (lambda: OnDjango(Careless), {"lost_update", "wrong_reason"}),
    "a shortcut writes the status": (lambda: OnDjango(Shortcut), {"version", "not_refused"}),
    "a guard was left out": (lambda: OnDjango(lifecycle=unguarded()), {"not_refused"}),
}
"""What makes the host, and what may be the first thing that is found in it."""


@pytest.mark.parametrize("name", sorted(HOLES))
def test_a_hole_in_a_host_is_found_by_the_walk(name: str) -> None:
    """A rule that the host skips is found, with the step, and with a story that shows it."""
    make, codes = HOLES[name]
    with pytest.raises(Found) as caught:
        walk(Defects, driver=make)
    is_found(caught.value, codes)


@pytest.mark.parametrize("name", ["a shortcut writes the status", "old copies are saved"])
def test_a_hole_in_a_host_is_found_by_the_machine(name: str) -> None:
    """By chance as well, where nobody has to try in the wrong role."""
    make, codes = HOLES[name]
    with pytest.raises(Found) as caught:
        run(lifecycle_machine(Defects, driver=make), 60)
    is_found(caught.value, codes)


def is_found(found: Found, codes: set[str]) -> None:
    assert codes & {each.code for each in found.findings}, found
    assert all(each.story is not None for each in found.findings)


def test_a_web_service_that_trusts_everybody_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules of the domain hold, and the service says of everybody that they are a lead."""
    monkeypatch.setattr(fastapi_host, "actor_of", trusting)
    with pytest.raises(Found) as caught:
        walk(Defects, driver=OverHttp)
    is_found(caught.value, {"not_refused", "wrong_reason"})


def test_a_web_service_that_saves_old_copies_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service does not look at the version that its client has in hand."""
    monkeypatch.setattr(fastapi_host, "held_by", lambda request: None)
    for look in (lambda: walk(Defects, driver=OverHttp), lambda: run(lifecycle_machine(Defects, driver=OverHttp), 60)):
        with pytest.raises(Found) as caught:
            look()
        is_found(caught.value, {"lost_update", "wrong_reason"})
