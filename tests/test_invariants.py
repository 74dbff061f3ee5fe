"""The table of invariants says of each of the 125 which test claims it, and the tests say the same.

Run this file to write the table anew after tests were added: `python tests/test_invariants.py`.
"""

import ast
import json
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "invariants.md"
FACTS = ROOT.parent / "shared" / "facts" / "invariants.json"

PENDING = {
    "deployment": "deployment management is not built yet",
    "desk": "the service desk has no records yet",
    "event": "monitoring and event management is not built yet",
    "ci": "IT asset management is not built yet",
    "asset": "IT asset management is not built yet",
    "release": "release management is not built yet",
    "knowledge": "knowledge management is not built yet",
    "supplier": "supplier management is not built yet",
    "risk": "risk management is not built yet",
    "continuity": "service continuity management is not built yet",
    "portfolio": "portfolio management is not built yet",
}
"""Why an invariant of an area is not claimed yet."""

HEAD = """\
# Invariants

What the library promises to keep, in our own words: 125 sentences, each claimed by a named test, or pending with the
reason. A test checks this page against the tests.

| id | area | invariant | status |
|---|---|---|---|
"""


def claims() -> dict[str, list[str]]:
    """Return the tests that name an invariant, or state it in their docstring: id -> `file::test`."""
    found: dict[str, list[str]] = defaultdict(list)
    shipped = (ROOT / "src" / "itil4" / "testing").glob("store_*.py")
    for path in sorted([*(ROOT / "tests").rglob("test_*.py"), *shipped]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                named = re.search(r"inv_(\d{3}(?:_\d{3})*)", node.name)
                numbers = named[1].split("_") if named else []
                numbers += re.findall(r"INV-(\d{3})", ast.get_docstring(node) or "")
                for number in dict.fromkeys(numbers):
                    found[f"INV-{number}"].append(f"{path.relative_to(ROOT)}::{node.name}")
    return found


def sentences() -> list[tuple[str, str, str]]:
    """Return (id, area, sentence) as the page has them."""
    rows = re.findall(
        r"^\| (INV-\d{3}) \| ([^|]+) \| ((?:[^|]|\\\|)+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    return [(number, area.strip(), text.strip()) for number, area, text in rows]


def page(rows: list[tuple[str, str, str]]) -> str:
    """Return the page for these sentences and today's tests."""
    found = claims()
    lines = []
    for number, area, text in rows:
        tests = found.get(number)
        status = f"claimed: {', '.join(f'`{name}`' for name in tests[:3])}" if tests else f"pending: {PENDING[area]}"
        lines.append(f"| {number} | {area} | {text} | {status} |")
    return HEAD + "\n".join(lines) + "\n"


def test_all_125_invariants_are_listed_once_and_in_order() -> None:
    """INV-001 to INV-125, without a gap."""
    assert [number for number, _, _ in sentences()] == [f"INV-{number:03}" for number in range(1, 126)]


def test_the_page_claims_what_the_tests_claim() -> None:
    """A claim without a test, or a test that the page does not know, is found."""
    assert PAGE.read_text(encoding="utf-8") == page(sentences()), "run: python tests/test_invariants.py"


def test_the_sentences_are_those_of_the_house() -> None:
    """Where the house's list is at hand, the page has every sentence of it."""
    if not FACTS.exists():
        pytest.skip("the list of invariants lies outside the repository")
    theirs = {row["id"]: row["text"].replace("|", "\\|") for row in json.loads(FACTS.read_text(encoding="utf-8"))}
    assert {number: text for number, _, text in sentences()} == theirs


if __name__ == "__main__":
    PAGE.write_text(page(sentences()), encoding="utf-8")
