"""Write docs/reference/faults.md: which way of looking finds which fault, in how many steps and seconds.

python tests/faults/table.py docs/reference/faults.md
"""

import statistics
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parent))

import example_tests
import raw_hypothesis
from fault_catalogue import AREAS, Fault, catalogue
from fault_methods import METHODS, Hunt, is_named, run_machine, store_of
from fault_patching import workflow

from itil4.testing import Finding

RANDOM = 200
"""So many examples a random method may try."""

RAW = 50
"""So many the one that was written by hand."""

BY_MACHINE = ("store", "clock", "concurrency")
"""The areas in which chance is needed; elsewhere the machine is asked only where the walk found nothing."""


ABOUT = """\
# Planted faults

{count} faults, one line each, were planted in three workflows as hosts write them, and in the engine, the stores and
the clocks that they run on (`tests/faults/`). This page says which way of looking finds which. It is written by
`python tests/faults/table.py docs/reference/faults.md`; seconds are of processor time, on a machine that others use.

*Static* is `check_lifecycle` without policies, *policies* is the graph under the policies of the owner, *walk* is
`walk`, *machine* is `lifecycle_machine` with at most {random} examples: asked for faults of stores, clocks and
concurrency, and wherever the others find nothing. *Examples* are tests written by hand, *raw* is a state machine
written by hand with plain Hypothesis, with at most {raw} examples. A cell says `yes` where the finding names what is
wrong as the catalogue expects it, and `as ...` where the fault is found under another name; then steps or examples,
and seconds.

The first half of the catalogue was written before the walk and the machine. Six of its expectations were changed
afterwards, each with its reason beside it in `tests/faults/first_half/`; no fault was. A relation of one workflow got
another name, when the library came to use the first one itself. In the defects whoever proposed a fix goes on with it,
since the machine, with one of twenty seeds, let somebody propose a fix, have it declined, and approve another one.
"""


def by_examples(module: ModuleType, name: str, store: str | None) -> Hunt:
    """Run the tests that were written by hand."""
    found = tuple(Finding("assertion", text) for text in example_tests.look(module, name, store))
    return Hunt(found, len(example_tests.TESTS[name]), 0.0)


def by_raw(module: ModuleType, name: str, store: str | None) -> Hunt:
    """Run the state machine that was written by hand."""
    return run_machine(raw_hypothesis.machine(module, name, store), RAW)


def measured(fault: Fault, look: Callable[[ModuleType, str | None], Hunt]) -> Hunt:
    """Look for one fault; the seconds are those of the processor, since others use it too."""
    with fault.plant() as module, store_of(fault) as store:
        started = time.process_time()
        try:
            hunt = look(module, store)
        except Exception as error:  # a method that gives up with an error has not told what is wrong
            hunt = Hunt((Finding("crash", f"{type(error).__name__}: {error}"),), 0, 0.0)
        return Hunt(hunt.findings, hunt.steps, time.process_time() - started)


def told(fault: Fault, hunt: Hunt) -> str:
    """Return a cell: found and named, found under another name, or not found."""
    if not hunt.findings:
        return "-"
    mark = "yes" if any(is_named(fault, each) for each in hunt.findings) else f"as {hunt.findings[0].code}"
    return f"{mark} ({hunt.steps}; {hunt.seconds:.1f} s)" if hunt.steps else mark


def main(target: Path) -> None:
    """Measure, and write the page."""
    warnings.simplefilter("ignore")
    rows, found, seconds, examples = [], Counter[tuple[str, str]](), [], []
    faults = catalogue()
    for fault in faults:
        hunts = {name: measured(fault, METHODS[name]) for name in ("static", "policies", "walk")}
        sure = any(hunts[name].findings for name in hunts)
        if fault.area in BY_MACHINE or not sure:
            hunts["machine"] = measured(fault, METHODS["machine"])
            if hunts["machine"].findings:
                examples.append(hunts["machine"].steps)
        hunts["examples"] = measured(fault, lambda module, store: by_examples(module, fault.workflow, store))  # noqa: B023 - called at once
        hunts["raw"] = measured(fault, lambda module, store: by_raw(module, fault.workflow, store))  # noqa: B023 - called at once
        for name, hunt in hunts.items():
            found[name, fault.area] += bool(hunt.findings)
        found["kit", fault.area] += sure or bool(hunts.get("machine") and hunts["machine"].findings)
        found["sure", fault.area] += sure
        found["all", fault.area] += 1
        seconds.append(sum(hunts[name].seconds for name in ("static", "policies", "walk")))
        cells = [
            told(fault, hunts[name]) if name in hunts else ""
            for name in ("static", "policies", "walk", "machine", "examples", "raw")
        ]
        rows.append(f"| {fault.area} | {fault.workflow} | {fault.name} | {' | '.join(cells)} |")
        print(rows[-1], flush=True)
    target.write_text(page(rows, found, seconds, examples, len(faults)), encoding="utf-8")


def page(
    rows: list[str], found: Counter[tuple[str, str]], seconds: list[float], examples: list[int], count: int
) -> str:
    """Return the page as Markdown."""
    clean = []
    for name in ("vessels", "defects", "requests"):
        with workflow(name) as module:
            started = time.process_time()
            walked = METHODS["walk"](module, None)
            clean.append(
                f"{name}: {len(walked.findings)} findings, {walked.steps} steps, {time.process_time() - started:.1f} s"
            )
    summary = [
        f"| {area} | {found['all', area]} | {found['sure', area]} | {found['machine', area]} | {found['kit', area]} "
        f"| {found['examples', area]} | {found['raw', area]} |"
        for area in AREAS
    ]
    total = {
        name: sum(found[name, area] for area in AREAS) for name in ("all", "sure", "machine", "kit", "examples", "raw")
    }  # fmt: skip
    summary.append("| all | " + " | ".join(f"{total[name]}" for name in total) + " |")
    median = f"{statistics.median(examples):.0f}" if examples else "none"
    told = ABOUT.format(count=count, random=RANDOM, raw=RAW)
    heads = "static | policies | walk | machine | examples | raw Hypothesis"
    together = f"{statistics.median(seconds):.2f} s in the median, {max(seconds):.1f} s at most"
    parts = [
        told,
        "| area | faults | static + policies + walk | machine | kit together | examples | raw Hypothesis |",
        "|---|---|---|---|---|---|---|",
        *summary,
        "",
        f"Static, policies and walk together: {together}.",
        f"The machine needs {median} examples in the median where it finds something.",
        f"On the sound workflows: {'; '.join(clean)}.",
        "",
        f"| area | workflow | fault | {heads} |",
        "|---|---|---|---|---|---|---|---|---|",
        *rows,
        "",
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
