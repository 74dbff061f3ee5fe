"""The command `check` of `python -m itil4`: for people without a test suite."""

import runpy
from argparse import Namespace
from pathlib import Path
from typing import Any

from itil4.errors import InvalidInput, StoreError
from itil4.lifecycle.findings import check
from itil4.practices.base import Practice
from itil4.testing.checking import findings, on_all
from itil4.testing.coverage import Coverage
from itil4.testing.policies import Policy, as_policies
from itil4.testing.subject import Subject
from itil4.testing.walking import Walk


def run(practice: type[Practice[Any]], options: Namespace) -> int:
    """Print what is wrong with a practice, and return the exit code: 0 clean, 1 with findings."""
    told = _said(options.policies)
    policies = as_policies(told.get("POLICIES", ()))
    code = 0
    for lifecycle in practice.lifecycles():
        text, found = check(lifecycle, practice.stored_kind(practice.fields).shape)
        print(text, end="")
        code = max(code, found)
    broken = [each for each in findings(practice, policies=policies) if each.code == "policy"]
    for each in broken:
        print(each)
    if policies:
        left = [each for each in policies if any(said.holds is None for _, said in on_all(each, practice.lifecycles()))]
        print(f"policies: {len(policies)}, broken on the graph: {len(broken)}, left to a walk: {len(left)}")
    if options.walk:
        broken += _walked(practice, options, policies, told)
    return max(code, int(bool(broken)))


def _walked(
    practice: type[Practice[Any]], options: Namespace, policies: tuple[Policy, ...], said: dict[str, Any]
) -> list[Any]:  # fmt: skip
    subject = Subject(
        practice, said.get("DOMAINS"), said.get("SETTINGS"), options.store, said.get("ACCEPT", ())
    )  # fmt: skip
    walk = Walk(subject, policies)
    walk.run()
    print(walk.coverage.table())
    for each in walk.found:
        print(f"\n{each}")
    if options.pictures is not None:
        for path in _drawn(walk.coverage, options.pictures):
            print(f"Picture: {path}")
    return walk.found


def _drawn(coverage: Coverage, folder: Path) -> list[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return coverage.write(folder)
    except OSError as error:
        raise StoreError.of(
            "store_failed", action="write the pictures", error=str(error), remedy="Give another folder with --pictures."
        ) from error


def _said(path: Path | None) -> dict[str, Any]:
    """Return what a file of policies says; it is run as Python, so it is the host's own."""
    if path is None:
        return {}
    try:
        said = runpy.run_path(str(path))
    except Exception as error:  # whatever a file of the host raises when it is run
        raise InvalidInput.of("cannot_import", what=str(path), error=f"{type(error).__name__}: {error}") from error
    if "POLICIES" not in said:
        raise InvalidInput.of("cannot_import", what=str(path), error="it has no POLICIES = [...]")
    return said
