"""Every example in the documents and docstrings is run, as a test of its own."""

import os
from collections.abc import Iterator
from doctest import ELLIPSIS, IGNORE_EXCEPTION_DETAIL
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

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
    patterns=["src/itil4/**/*.py"],
    document_types={".py": PythonDocStringDocument},
    fixtures=["elsewhere"],
)

pytest_collect_file = (documents + docstrings).pytest()
