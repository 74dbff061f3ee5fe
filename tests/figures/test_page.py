"""The page about figures says what the code does."""

import re
from pathlib import Path

import pytest

from itil4.practices.incident_figures import figure_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "figures.md"


def test_the_table_on_the_page_is_the_table_of_the_code() -> None:
    """Word, figure, definition and what it reads stand on the page as the code has them, and nothing else does."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert rows == list(figure_table()), "Write the lines of figure_table() into docs/reference/figures.md."


def test_every_example_on_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """The blocks are one story: each goes on where the one before ended."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    names: dict = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert capsys.readouterr().out.startswith("Downtime: 8 h 0 min  (n 3, open 1)")
