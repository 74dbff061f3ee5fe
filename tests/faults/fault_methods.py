"""The ways to look for a fault: what each finds in a workflow, in how many steps and seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import attrs
from fault_catalogue import Fault
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from itil4 import testing
from itil4.testing import Finding, Found, Policy, findings, lifecycle_machine
from itil4.testing.machine import LifecycleMachine
from itil4.testing.subject import Subject
from itil4.testing.walking import Walk

EXAMPLES = 200
"""So many examples a machine may try on a fault."""


@attrs.frozen
class Hunt:
    """What a method found: the findings, how much it took (steps or examples), and how long."""

    findings: tuple[Finding, ...]
    steps: int
    seconds: float


Method = Callable[[ModuleType, "str | None"], Hunt]


def policies(module: ModuleType) -> list[Policy]:
    """Return what the owner of a workflow says of it, as policies."""
    made = []
    for word, *said in module.INTENTS:
        given = [each for part in said for each in (part if isinstance(part, tuple) else (part,))]
        made.append(getattr(testing, word)(*given))
    return made


def by_static(module: ModuleType, store: str | None) -> Hunt:
    """Look at the definition alone."""
    started = time.perf_counter()
    found = findings(module.PRACTICE)
    return Hunt(found, 0, time.perf_counter() - started)


def by_policies(module: ModuleType, store: str | None) -> Hunt:
    """Look at policies on the graph alone."""
    started = time.perf_counter()
    found = [each for each in findings(module.PRACTICE, policies=policies(module)) if each.code == "policy"]
    return Hunt(tuple(found), 0, time.perf_counter() - started)


def by_walk(module: ModuleType, store: str | None) -> Hunt:
    """Walk, with the policies."""
    started = time.perf_counter()
    walked = Walk(Subject(module.PRACTICE, None, module.SETTINGS, store), policies(module))
    walked.run()
    return Hunt(tuple(walked.found), walked.coverage.steps, time.perf_counter() - started)


def by_machine(module: ModuleType, store: str | None, examples: int = EXAMPLES) -> Hunt:
    """Run the machine until it finds something."""
    machine = lifecycle_machine(module.PRACTICE, store, policies(module), settings=module.SETTINGS)
    return run_machine(machine, examples)


def run_machine(machine: type[Any], examples: int) -> Hunt:
    """Run a state machine without shrinking, and count its examples."""
    count = 0

    class Counted(machine):  # type: ignore[misc]  # the machine is made at run time
        def __init__(self) -> None:
            nonlocal count
            count += 1
            super().__init__()

    chosen = settings(
        max_examples=examples, stateful_step_count=20, deadline=None, database=None, derandomize=True,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    started = time.perf_counter()
    found: tuple[Finding, ...] = ()
    with redirect_stdout(StringIO()):
        try:
            run_state_machine_as_test(Counted, settings=chosen)
        except Found as error:
            found = error.findings
        except BaseExceptionGroup as several:
            found = tuple(each for error in several.exceptions if isinstance(error, Found) for each in error.findings)
        except AssertionError as error:
            found = (Finding("assertion", str(error)),)
        except Exception as error:  # whatever a broken library raises is found as well
            found = (Finding("crash", f"{type(error).__name__}: {error}"),)
    return Hunt(found, count, time.perf_counter() - started)


METHODS: dict[str, Method] = {"static": by_static, "policies": by_policies, "walk": by_walk, "machine": by_machine}


@contextmanager
def store_of(fault: Fault) -> Iterator[str | None]:
    """Yield the store that a fault needs: None for one in memory."""
    if fault.store == "memory":
        yield None
        return
    with TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'desk.db'}"


@cache
def hunted(fault: Fault, method: Method) -> Hunt:
    """Plant a fault and look for it, once for all the tests that ask."""
    with fault.plant() as module, store_of(fault) as store:
        return method(module, store)


def is_named(fault: Fault, found: Finding) -> bool:
    """Whether a finding says what is expected: its kind, and the step or state where the fault has one."""
    return (
        found.code == fault.finding
        and (fault.event is None or found.event == fault.event)
        and (fault.state is None or found.state == fault.state)
    )


__all__ = ["METHODS", "Hunt", "LifecycleMachine", "hunted", "is_named", "policies", "run_machine"]
