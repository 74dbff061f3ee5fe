"""Every example in the documents and docstrings is run, as a test of its own.

Properties try the same values in every run, so that a change is never held up by luck. To look for
new ones, run `python -m pytest --itil4-profile=deep`.
"""

import os
from collections.abc import Iterator
from doctest import ELLIPSIS, IGNORE_EXCEPTION_DETAIL
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from hypothesis import settings
from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

settings.register_profile("steady", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("steady")

if not entry_points(group="pytest11", name="itil4"):  # where the library is read from its folder and not installed
    pytest_plugins = ["itil4.testing.plugin"]

FLAGS = ELLIPSIS | IGNORE_EXCEPTION_DETAIL


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run in a folder of its own, so that an example that writes a file leaves nothing behind."""
    here, there = Path.cwd(), tmp_path_factory.mktemp("example")
    os.chdir(there)
    yield there
    os.chdir(here)


documents = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=FLAGS), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    fixtures=["elsewhere"],
)
docstrings = Sybil(
    parsers=[DocTestParser(optionflags=FLAGS)],
    patterns=["src/itil4/*.py", "src/itil4/*/*.py", "src/itil4/*/*/*.py"],  # before 3.13, ** is one folder
    document_types={".py": PythonDocStringDocument},
    fixtures=["elsewhere"],
)

pytest_collect_file = (documents + docstrings).pytest()
