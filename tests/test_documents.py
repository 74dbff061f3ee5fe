"""The documents keep what they promise: links lead somewhere, and examples are found and run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    """A relative link names a file that is there."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_is_in_the_index() -> None:
    """Who opens the index finds every page of the documentation."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    known = set(re.findall(r"\]\(([^)#:]+)\)", index))
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert pages - known == {"README.md"}


def test_the_readme_has_exactly_two_set_up_commands() -> None:
    """One runs the main job and one passes the tests, both from a fresh virtual environment."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.split("<!-- set-up -->")[1].split("<!-- end -->")[0]
    commands = [line for line in block.splitlines() if line and not line.startswith("```")]
    assert len(commands) == 2
    assert commands[0].endswith("-m itil4")
    assert "-m pytest" in commands[1]


def test_the_readme_says_whose_the_name_is() -> None:
    """The trade mark notice stands in the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "registered trade mark of PeopleCert" in text
    assert "neither affiliated with nor endorsed" in text


def test_examples_are_collected_from_every_page_that_has_some() -> None:
    """Every Python block of a page shows what comes of it, or asserts it: it can fail."""
    for page in PAGES:
        for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            assert ">>>" in block or "assert " in block, f"a block of {page.name} cannot fail:\n{block}"
    assert sum(page.read_text(encoding="utf-8").count(">>> ") for page in PAGES) >= 60
