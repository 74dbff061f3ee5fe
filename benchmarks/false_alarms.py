"""Run the machine on sound workflows with many seeds, and tell every alarm: each is a fault of library or kit.

    nice python benchmarks/false_alarms.py --seeds 20
    nice python benchmarks/false_alarms.py --seeds 2 --only changes problems

The sample workflows of `tests/faults/` and every practice that comes with the library are run, one after the other.
It ends with the number of alarms, and with exit code 1 where there is one.
"""

import argparse
import sys
import time
import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

import itil4
from itil4.testing import Finding, Found, lifecycle_machine

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "faults"))

from fault_methods import policies
from fault_patching import workflow

SAMPLES = ("defects", "requests", "purchases", "vessels")
STEPS = 20


def alarm(machine: type[Any], number: int, examples: int) -> Finding | None:
    """Run a machine with one seed; return what it says is wrong."""
    chosen = settings(
        max_examples=examples, stateful_step_count=STEPS, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    try:
        with redirect_stdout(StringIO()):
            run_state_machine_as_test(seed(number)(machine), settings=chosen)
    except Found as error:
        return error.findings[0]
    except Exception as error:  # whatever ends a run on a sound workflow is an alarm
        return Finding("crash", f"{type(error).__name__}: {error}")
    return None


def main() -> int:
    """Run what is asked for, and print each alarm once."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--seeds", type=int, default=20)
    asked.add_argument("--examples", type=int, default=30)
    asked.add_argument("--only", nargs="*", default=[])
    given = asked.parse_args()
    warnings.simplefilter("ignore")
    practices = {slot: cls for slot, cls in itil4.connect().house.practices.items() if cls.lifecycle.transitions}
    total = 0
    for name in given.only or (*SAMPLES, *practices):
        started, told = time.process_time(), dict[tuple[str, str | None], Finding]()
        for number in range(given.seeds):
            if name in practices:
                found = alarm(lifecycle_machine(practices[name]), number, given.examples)
            else:
                with workflow(name) as module:
                    stated = policies(module)
                    machine = lifecycle_machine(module.PRACTICE, None, stated, settings=module.SETTINGS)
                    found = alarm(machine, number, given.examples)
            if found is not None:
                told.setdefault((found.code, found.event), found)
        total += len(told)
        spent = time.process_time() - started
        print(f"{name:28} {given.seeds} seeds, {len(told)} alarms, {spent:.1f} s", flush=True)
        for each in told.values():
            print(f"{each}\n", flush=True)
    print(f"{total} alarms")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
