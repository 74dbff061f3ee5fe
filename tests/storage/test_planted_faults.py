"""The contract is tested itself: it fails on every store with a planted fault, and names the promise."""

import importlib.util
import os
import re
import subprocess
import sys
import xml.etree.ElementTree
from collections import defaultdict
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BROKEN = HERE / "broken_stores.py"
FAULTS = dict(re.findall(r'^    (\w+): +"(test_\w+)",$', BROKEN.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Run the contract on all of them; return the promises that failed by store."""
    report = tmp_path_factory.mktemp("planted") / "report.xml"
    quick = ["-q", "-p", "no:cacheprovider", "--assert=plain", "--tb=no"]
    command = [sys.executable, "-m", "pytest", str(BROKEN), *quick, f"--junitxml={report}"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=900, check=False, cwd=HERE.parents[1], env=dict(os.environ)
    )
    assert done.returncode == 1, done.stdout[-3_000:] + done.stderr[-3_000:]
    found: dict[str, set[str]] = defaultdict(set)
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            name = case.get("name", "").partition("[")[0]
            found[case.get("classname", "").rpartition(".Test")[2]].add(name)
    return found


def test_at_least_a_dozen_faults_are_planted() -> None:
    """Among them a lost update, a torn batch, a gap in the outbox, nothing sorted last and a number given twice."""
    assert len(FAULTS) >= 12
    assert {"LosesUpdates", "WritesInTwo", "SkipsInTheOutbox", "PutsNothingLast", "GivesNumbersTwice"} <= FAULTS.keys()


@pytest.mark.parametrize("store", FAULTS)
def test_a_planted_fault_is_found_by_the_promise_that_it_breaks(store: str, failed: dict[str, set[str]]) -> None:
    """A kit that is green on a broken store is worth nothing."""
    assert FAULTS[store] in failed[store], sorted(failed[store])


def test_a_promise_that_is_replaced_is_found(tmp_path: Path) -> None:
    """Whoever drops a promise to get green gets red."""
    assert importlib.util.find_spec("itil4.testing.store_contract")
    (tmp_path / "test_dropped.py").write_text(
        "import pytest\n"
        "from itil4.storage import MemoryStore\n"
        "from itil4.testing import StoreContract\n"
        "class TestDropped(StoreContract):\n"
        "    test_threads_lose_no_update = None\n"
        "    @pytest.fixture\n"
        "    def make_store(self): return MemoryStore\n"
        "@pytest.mark.skip(reason='never')\n"
        "class TestSkipped(TestDropped): pass\n"
        "class TestUnmade(StoreContract): pass\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "dropped or closed", str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path, env=dict(os.environ),
    )  # fmt: skip
    assert "these promises are replaced" in done.stdout, done.stdout
    assert "return a function that returns an empty store at each call" in done.stdout
