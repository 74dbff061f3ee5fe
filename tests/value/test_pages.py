"""Every example in the docstrings and pages of the catalogue and the value room runs."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import itil4.practices.catalogue
import itil4.value

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    {package.__name__ for package in (itil4.value, itil4.practices.catalogue)}
    | {
        found.name
        for package in (itil4.value, itil4.practices.catalogue)
        for found in pkgutil.iter_modules(package.__path__, package.__name__ + ".")
    }
)
PAGES = ["docs/reference/practices.md", "docs/explanation/value.md", "docs/explanation/guiding-principles.md"]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_run(name):
    """A docstring shows what the code does."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_in_the_pages_run(page):
    """Every python block of a page is an example that runs, from top to bottom."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks and all(block.startswith(">>> ") for block in blocks)
    names: dict[str, object] = {}
    runner = doctest.DocTestRunner()
    for number, block in enumerate(blocks, 1):
        example = doctest.DocTestParser().get_doctest(block, names, f"{page}, block {number}", page, 0)
        runner.run(example, clear_globs=False)
        names = example.globs
    assert runner.failures == 0
