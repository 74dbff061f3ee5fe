"""The room as a whole: its examples run, its names are documented, and importing it does nothing."""

import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from itil4 import service_level

DOCS = Path(__file__).resolve().parents[2] / "docs"
MODULES = sorted(module.name for module in pkgutil.iter_modules(service_level.__path__, "itil4.service_level."))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_each_module_run(name: str) -> None:
    """A docstring that shows something shows what is so."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize(("page", "least"), [("how-to/service-hours.md", 25), ("reference/service-levels.md", 12)])
def test_the_examples_of_the_documentation_run(page: str, least: int) -> None:
    """Every python block is a running example, and none has been lost."""
    for package in ("holidays", "icalendar"):
        pytest.importorskip(package)
    # a closing fence must not pass for output of the last example
    text = (DOCS / page).read_text(encoding="utf-8").replace("```", "")
    globs: dict[str, object] = {}
    example = doctest.DocTestParser().get_doctest(text, globs, page, page, 0)
    result = doctest.DocTestRunner().run(example)
    assert result.failed == 0 and result.attempted >= least


def test_every_public_name_is_documented() -> None:
    """The names are sorted, exist, have a docstring, and stand on the reference page."""
    names = service_level.__all__
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    page = (DOCS / "reference" / "service-levels.md").read_text(encoding="utf-8")
    page += (DOCS / "how-to" / "service-hours.md").read_text(encoding="utf-8")
    for name in names:
        assert getattr(service_level, name).__doc__, name
    assert not [name for name in names if f"`{name}" not in page and f" {name}" not in page]


def test_importing_the_room_reads_no_zone_and_no_optional_package() -> None:
    """No file is read, no engine or extra is loaded, and nothing above this room is imported."""
    program = (
        "import sys, zoneinfo\n"
        "zoneinfo.ZoneInfo = None\n"
        "import itil4.service_level\n"
        "extra = {'holidays', 'icalendar', 'dateutil', 'tomllib', 'transitions', 'cattrs'} & set(sys.modules)\n"
        "own = {m.split('.')[1] for m in sys.modules if m.startswith('itil4.')}\n"
        "assert not extra, extra\n"
        "assert own <= {'errors', 'messages', 'clock', 'vocabulary', 'service_level'}, own\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
