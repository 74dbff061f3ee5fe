"""The how-to writes a store: the contract runs on its code, as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-your-own-store.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project of somebody else: the page's code as a module, and the contract on it."""
    fences = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    code = [fence for fence in fences if not fence.startswith(">>>")]
    *store, test = code
    (tmp_path / "journal_store.py").write_text("\n\n".join(store), encoding="utf-8")
    (tmp_path / "test_journal_store.py").write_text(
        f"from journal_store import JournalStore\n\n{test}", encoding="utf-8"
    )
    return tmp_path


def run(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rsf", "-q", "-W", "error", *options]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, cwd=folder, env=dict(os.environ)
    )


def test_the_store_of_the_page_keeps_the_contract(folder: Path) -> None:
    """Every promise but those of abilities that it does not have; and the page says what was not examined."""
    done = run(folder, "--hypothesis-seed=1")
    assert done.returncode == 0, done.stdout[-4_000:]
    passed, skipped = (int(re.search(rf"(\d+) {word}", done.stdout)[1]) for word in ("passed", "skipped"))  # type: ignore[index]
    assert passed > 110
    reasons = set(re.findall(r"^SKIPPED \[\d+\] [^ ]+: (.*)$", done.stdout, re.MULTILINE))
    lacking = {
        f"the store does not list {name} among its capabilities" for name in ("due_times", "text_search", "outbox")
    }
    assert reasons == lacking | {
        "is_shared says that one process at a time may have the data open",
        "break_statements() returns None, or outbox is not among the capabilities",
        "the store lists neither outbox nor text_search among its capabilities",
    }
    assert skipped < 30


def test_the_page_shows_the_report_of_its_store(folder: Path) -> None:
    """To the letter."""
    done = run(folder, "-rP", "-k", "reported")
    report = PAGE.read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
    assert report in done.stdout, done.stdout


def test_an_acknowledged_batch_that_is_not_in_the_file_is_found_by_killing_the_writer(folder: Path) -> None:
    """The same store with a file that holds back what is written loses what it acknowledged."""
    path = folder / "journal_store.py"
    code = path.read_text(encoding="utf-8")
    assert code.count('"a+b", buffering=0') == 2
    path.write_text(code.replace('"a+b", buffering=0', '"a+b"').replace("self._file.flush()", "pass"), encoding="utf-8")
    done = run(folder, "-k", "kill_9")
    assert done.returncode == 1
    assert "test_nothing_acknowledged_is_lost_and_nothing_is_torn_by_kill_9" in done.stdout
