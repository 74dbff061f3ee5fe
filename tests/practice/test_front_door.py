"""The front door: names that lead to the real thing, and an import that does nothing else."""

import subprocess
import sys
from typing import Any

import pytest

import itil4


def run(script: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_every_name_of_the_front_door_leads_to_the_object_itself() -> None:
    """Each resolves, is the same object as in its home, and is listed."""
    assert set(itil4.__all__) == {name for name in dir(itil4) if name != "__version__"}
    for name in itil4.__all__:
        value = getattr(itil4, name)
        home = sys.modules[itil4._HOME[name]]
        assert getattr(home, name) is value
        assert value.__doc__ or name in ("Line", "Note")


def test_importing_loads_no_dependency_and_no_store() -> None:
    """`import itil4` brings neither attrs, cattrs, transitions, sqlite3 nor json."""
    run(
        "import sys, itil4\n"
        "heavy = {'attrs', 'attr', 'cattrs', 'transitions', 'sqlite3', 'json'} & set(sys.modules)\n"
        "own = {name for name in sys.modules if name.startswith('itil4.')}\n"
        "assert not heavy and not own, (heavy, own)\n"
    )


def test_nothing_loads_the_state_machine_library_until_a_machine_is_asked_for() -> None:
    """A whole incident is worked without it; `machine()` brings it."""
    run(
        "import sys, itil4\n"
        "sam = itil4.Actor('sam', roles={'service_desk'})\n"
        "desk = itil4.connect().incidents\n"
        "desk.available(desk.resolve(desk.log(summary='A', by=sam), resolution='x', by=sam), by=sam)\n"
        "assert 'transitions' not in sys.modules\n"
        "assert 'sqlite3' not in sys.modules\n"
        "desk.lifecycle.machine()\n"
        "assert 'transitions' in sys.modules\n"
    )


@pytest.mark.parametrize(
    "given",
    [
        {"practices": 3}, {"practices": itil4.IncidentManagement}, {"clock": 3}, {"ids": 3}, {"tenant": 3},
        {"tenant": "a\nb"}, {"directory": 3}, {"fields": 3}, {"fields": {"incident": {}}}, {"policies": 3},
        {"outbox": "yes"}, {"state_mapping": 3}, {"state_mapping": {"incident": 3}}, {"policies": {"incident": 3}},
    ],
)  # fmt: skip
def test_what_connect_can_do_nothing_with_is_refused_by_name(given: dict[str, Any]) -> None:
    """A wrong type is told at once, and not by the first verb that meets it."""
    with pytest.raises(itil4.InvalidInput) as caught:
        itil4.connect(**given)
    assert next(iter(given)) in str(caught.value)


def test_what_is_no_function_is_not_tried_again() -> None:
    """It is refused by name, before a unit is opened."""
    with pytest.raises(itil4.InvalidInput, match="a function of a desk"):
        itil4.connect().retry(3)  # type: ignore[arg-type]  # what the test is about
