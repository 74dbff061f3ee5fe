"""What the lifecycle tests share: the cases of the field, the presets that express them, and actors."""

import importlib.util
import json
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest

from itil4.lifecycle import Context, Lifecycle
from itil4.record import Actor

HERE = Path(__file__).parent
CASES = Path(__file__).parents[3] / "shared" / "cases" / "lifecycles.json"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SYSTEM = Actor("clock", kind="system")


@cache
def presets() -> dict[tuple[str, str], Any]:
    """Return (system, record) -> the function that makes the lifecycle from the case's field rules."""
    found: dict[tuple[str, str], Any] = {}
    for path in sorted((HERE / "presets").glob("*.py")):
        name = f"itil4_preset_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        found |= module.PRESETS
    return found


@attrs.frozen
class Case:
    """One lifecycle of the field: its table as published, and the preset that expresses it."""

    data: dict[str, Any] = attrs.field(repr=False)
    lifecycle: Lifecycle = attrs.field(repr=False)
    record: type = attrs.field(repr=False)

    @property
    def key(self) -> tuple[str, str]:
        return self.data["system"], self.data["record"]

    @property
    def rules(self) -> dict[str, dict[str, str]]:
        return self.data["per_state_field_rules"]

    def targets(self, state: str, event: str) -> set[str]:
        """Return where the published table leads; `*` is every state, from those that are not final."""
        found = set()
        for row in self.data["transitions"]:
            if row["event"] == event and row["source"] in (state, "*"):
                if row["source"] == "*" and state in self.data["final"]:
                    continue
                found |= set(self.data["states"]) if row["target"] == "*" else {row["target"]}
        return found

    @property
    def events(self) -> list[str]:
        rows = [row["event"] for row in self.data["transitions"]]
        return list(dict.fromkeys([*rows, *self.data.get("events_declared_unused", [])]))


def record_type(lifecycle: Lifecycle, rules: dict[str, Any]) -> type:
    """Return a frozen record type with every field that the lifecycle or the case's rules name, as text."""
    named = {name for own in rules.values() for name in own if name.isidentifier()}
    for state in lifecycle.states:
        named |= {name for name in state.fields if name != "*"} | ({state.kind_from} if state.kind_from else set())
        named |= {name for several in state.fields.values() for rule in several for name in rule.reads}
    for each in lifecycle.transitions:
        named |= {*each.requires, *each.fields}
    named |= {"assignee", "major_incident_state", "reopened_by", "reopened_at", "review", "title"}
    named -= {lifecycle.field}
    fields = {"id": attrs.field(type=str), lifecycle.field: attrs.field(type=str)}
    fields |= {name: attrs.field(type=str | None, default=None) for name in sorted(named)}
    return attrs.make_class("CaseRecord", fields, frozen=True, slots=True)


@cache
def all_cases() -> dict[tuple[str, str], Case]:
    made = {}
    for data in json.loads(CASES.read_text(encoding="utf-8")):
        key = data["system"], data["record"]
        if key in presets():
            rules = data["per_state_field_rules"] if data["system"] == "iTop" else {}
            lifecycle = presets()[key](rules)
            made[key] = Case(data, lifecycle, record_type(lifecycle, rules))
    return made


@pytest.fixture(params=sorted(presets()), ids=lambda key: f"{key[0]} {key[1]}")
def case(request: pytest.FixtureRequest) -> Case:
    """Return each case in turn."""
    if not CASES.exists():
        pytest.skip(f"the published cases are not here: {CASES.name} is read from the folder beside the repository")
    return all_cases()[request.param]


@pytest.fixture(params=[key for key in sorted(presets()) if key[0] == "iTop"], ids=lambda key: key[1])
def itop(request: pytest.FixtureRequest) -> Case:
    """Return each case that publishes reachable states and field flags."""
    if not CASES.exists():
        pytest.skip(f"the published cases are not here: {CASES.name} is read from the folder beside the repository")
    return all_cases()[request.param]


def context(*roles: str, system: bool = False, **payload: Any) -> Context:
    """Return a context of somebody with these roles, at noon."""
    actor = attrs.evolve(SYSTEM, roles=frozenset(roles)) if system else Actor("sam", roles=set(roles))
    return Context(actor, NOON, payload)


@pytest.fixture
def cases() -> Any:
    """Return the maker of all cases, by system and record."""
    return all_cases


@pytest.fixture(name="context")
def context_() -> Any:
    """Return the maker of contexts."""
    return context
