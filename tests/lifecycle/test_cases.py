"""The 14 published lifecycles, each driven completely and compared with its own table."""

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from itil4.errors import Refused
from itil4.lifecycle import Lifecycle

CASES = Path(__file__).parents[3] / "shared" / "cases" / "lifecycles.json"

# who may, where the notes of a case say so; everything else is open to anybody
ROLES: dict[tuple[str, str], dict[str, set[str]]] = {
    ("ServiceNow", "incident"): {
        "assign/start": {"itil"}, "hold": {"itil"}, "resume": {"itil"}, "resolve": {"itil"}, "cancel": {"itil"},
        "caller_update": {"caller"}, "reopen": {"caller", "opened_by", "itil"},
        "close": {"itil_admin", "admin", "caller"},
    },
    ("ServiceNow", "major_incident (orthogonal state on incident)"): {
        event: {"major_incident_manager"} for event in ("promote", "promote_direct", "reject", "demote")
    },
    ("ServiceNow", "sc_req_item"): {"approve": {"approver"}, "reject": {"approver"}},
}  # fmt: skip
INTERNAL = {
    ("iTop", "Incident"): {"ev_timeout", "ev_autoresolve"},
    ("ServiceNow", "incident"): {"auto_close"},
    ("PagerDuty", "incident"): {"ack_timeout", "trigger"},
}
PROFILES = ("super-admin", "technician", "observer")
DENIED = {
    "super-admin": set(),
    "technician": {("SOLVED", "CLOSED"), ("CLOSED", "INCOMING"), ("INCOMING", "SOLVED")},
    "observer": {(old, new) for old in ("INCOMING", "WAITING", "EVALUATION") for new in ("CLOSED", "SOLVED", "TEST")},
}
EVERYBODY = (
    "itil", "caller", "opened_by", "itil_admin", "admin", "major_incident_manager", "approver", "cab", *PROFILES,
    "stranger",
)  # fmt: skip


def may(case: Any, event: str, state: str, target: str, role: str, system: bool) -> bool:
    """Whether the published case lets this role take the step, by its notes; written without the engine."""
    if event in INTERNAL.get(case.key, ()) and not system:
        return False
    if case.key[0] == "GLPI" and event == "set_status":
        return role in PROFILES and (state, target) not in DENIED[role]
    if case.key == ("ServiceNow", "change_normal"):
        if event == "reject":
            return role == "approver"
        if event == "approve":
            return role == ("approver" if state == "Assess" else "cab")
    allowed = ROLES.get(case.key, {}).get(event)
    return allowed is None or role in allowed


def prepared(case: Any, state: str, event: str, target: str) -> tuple[Any, dict[str, Any]]:
    """Return a record in `state` that would go to `target`, and the choice that says so."""
    values: dict[str, Any] = {}
    choice: dict[str, Any] = {}
    if case.key[0] == "GLPI":
        values["assignee"] = "ana" if target != "INCOMING" else None
        chosen = event == "set_status" or (event == "reopen" and case.key[1] == "Change" and state == "CLOSED")
        choice = {"status": target} if chosen else {}
    if case.key[0] == "Zammad":
        choice = {"to": target}
    if case.key[0] == "incident.io":
        values["review"] = "yes" if target == "Post-incident" else "no"
    return case.record(**{"id": "r1", case.lifecycle.field: state, **values}), choice


def test_every_state_event_and_role_of_the_case_has_the_outcome_of_its_table(case: Any, context: Any) -> None:
    """A step is possible exactly where the published table has it, for whom its notes name, and leads where it says."""
    flow: Lifecycle = case.lifecycle
    driven = 0
    for state in case.data["states"]:
        for event in (*case.events, "no such step"):
            expected = case.targets(state, event)
            for target in expected or {state}:
                record, choice = prepared(case, state, event, target)
                for role in EVERYBODY:
                    for system in (False, True):
                        driven += 1
                        allowed = bool(expected) and may(case, event, state, target, role, system)
                        who = context(role, system=system, **choice)
                        button = next((step for step in flow.available(record, who) if step.event == event), None)
                        assert (button is not None) == allowed, (state, event, target, role, system)
                        decision = flow.explain(record, event, who)
                        if not allowed:
                            assert not decision
                            code = decision.codes[0]
                            assert code in ("unknown_event", "wrong_state", "internal", "role", "denied"), code
                            with pytest.raises(Refused):
                                flow.fire(record, event, who)
                            continue
                        assert button is not None
                        assert set(decision.codes) <= {"missing"}
                        given = {ask.field: f"new {ask.field}" for ask in button.asks if ask.required}
                        moved, entry = flow.fire(record, event, context(role, system=system, **choice, **given))
                        assert getattr(moved, flow.field) == target
                        assert (entry.event, entry.from_state, entry.to_state) == (event, state, target)
    assert driven >= len(case.data["states"]) * len(case.events) * len(EVERYBODY)


def test_the_findings_are_exactly_the_dead_parts_that_the_case_lists(case: Any) -> None:
    """Unreachable states and unused events are found where the case lists them, and nowhere else."""
    found = case.lifecycle.verify(case.record)
    by_code: dict[str, set[str]] = {}
    for each in found:
        by_code.setdefault(each.code, set()).add(each.place)
    if case.key == ("ServiceNow", "sc_req_item"):
        assert by_code.pop("unreachable_state") == {"Closed Skipped"}  # its table has no arrow to it
    assert by_code.pop("unreachable_state", set()) == set(case.data.get("unreachable_declared", []))
    assert by_code.pop("unused_event", set()) == set(case.data.get("events_declared_unused", []))
    leaving = {state for state in case.data["final"] if any(case.targets(state, event) for event in case.events)}
    assert by_code.pop("final_with_exits", set()) == leaving
    assert by_code == {}


def test_reachable_states_are_those_of_the_case(itop: Any) -> None:
    """INV-122: every state that is not final leads to one that is, and every state is reached, but what is listed."""
    found = {each.place for each in itop.lifecycle.verify() if each.code == "unreachable_state"}
    assert {state for state in itop.data["states"] if state not in found} == set(itop.data["reachable"])
    assert not [each for each in itop.lifecycle.verify() if each.code == "no_way_to_final"]


def flags(text: str) -> set[str]:
    return set(text.split("|"))


def test_the_asks_of_a_step_are_the_flags_of_its_target(itop: Any, context: Any) -> None:
    """iTop asks during a step for what the target makes mandatory (while it is empty) or wants prompted."""
    flow: Lifecycle = itop.lifecycle
    for row in itop.data["transitions"]:
        own = {"agent_id": {"must_change"}, "team_id": {"must_prompt"}} if "must_change" in row["guard_or_note"] else {}
        wanted: dict[str, bool] = {}
        rules = itop.rules[row["target"]]
        for name in {*rules, *own}:
            said = flags(rules.get(name, "normal")) | own.get(name, set())
            if said & {"mandatory", "must_prompt", "must_change"}:
                wanted[name] = bool(said & {"mandatory", "must_change"})
        record = itop.record(id="r1", state=row["source"])
        step = next(step for step in flow.available(record, context(system=True)) if step.event == row["event"])
        assert {ask.field: ask.required for ask in step.asks} == wanted, row
        missing = flow.explain(record, row["event"], context(system=True))
        if any(wanted.values()):
            assert missing.codes == ("missing",)
            assert set(missing.reasons[0].detail["fields"]) == {name for name, needed in wanted.items() if needed}


def test_a_field_that_the_target_hides_or_freezes_is_refused_in_the_step(itop: Any, context: Any) -> None:
    """What a target makes read-only or hidden may only be given when it is also asked for."""
    flow: Lifecycle = itop.lifecycle
    for row in itop.data["transitions"]:
        record = itop.record(id="r1", state=row["source"])
        steps = flow.available(record, context(system=True))
        step = next(each for each in steps if each.event == row["event"])
        given = {ask.field: f"new {ask.field}" for ask in step.asks if ask.required}
        asked = {ask.field for ask in step.asks}
        for name, text in itop.rules[row["target"]].items():
            decision = flow.explain(record, row["event"], context(system=True, **{**given, name: "something"}))
            frozen = bool(flags(text) & {"readonly", "hidden"}) and name not in asked
            assert decision.codes == (("field_rule",) if frozen else ()), (row, name, text)


def test_an_update_obeys_the_flags_of_the_state(itop: Any, context: Any) -> None:
    """Read-only and hidden fields cannot be updated, whether they were asked for on the way in or not."""
    flow: Lifecycle = itop.lifecycle
    for state, rules in itop.rules.items():
        record = itop.record(id="r1", state=state, **dict.fromkeys(rules, "old"))
        for name, text in rules.items():
            said = flags(text)
            if said & {"readonly", "hidden"}:
                with pytest.raises(Refused) as caught:
                    flow.update(record, context(**{name: "new"}))
                assert caught.value.reasons[0].detail["field"] == name
                assert (
                    flow.update(record, context(**{name: "old"}))[0] == record
                )  # saying what is there changes nothing
            else:
                assert getattr(flow.update(record, context(**{name: "new"}))[0], name) == "new"
            if said >= {"mandatory"} and not said & {"readonly"}:
                with pytest.raises(Refused) as caught:
                    flow.update(record, context(**{name: ""}))
                assert caught.value.code == "missing"


def test_every_preset_survives_json(case: Any) -> None:
    """The plain form holds everything: what is read back is the same value with the same digest."""
    again = Lifecycle.from_dict(json.loads(json.dumps(case.lifecycle.to_dict())), case.lifecycle)
    assert again == case.lifecycle
    assert again.digest == case.lifecycle.digest
    assert again.diff(case.lifecycle) == ()
    assert again.refines(case.lifecycle) is None


def test_who_asks_decides_whether_a_major_incident_is_reopened(context: Any, cases: Any) -> None:
    """ServiceNow: the caller may reopen an incident and not a major one; an agent may reopen either."""
    if not CASES.exists():
        pytest.skip(f"the published cases are not here: {CASES.name} is read from the folder beside the repository")
    case = cases()["ServiceNow", "incident"]
    minor = case.record(id="r1", state="Resolved")
    major = attrs.evolve(minor, major_incident_state="Accepted")
    assert case.lifecycle.explain(minor, "reopen", context("caller"))
    assert case.lifecycle.explain(major, "reopen", context("caller")).codes == ("guard",)
    reopened, entry = case.lifecycle.fire(major, "reopen", context("itil"))
    assert (reopened.state, reopened.reopened_by, entry.roles) == ("In Progress", "sam", ("itil",))


def test_all_fourteen_cases_have_a_preset() -> None:
    """No published case of the folder is left out, and no preset stands for nothing."""
    if not CASES.exists():
        pytest.skip(f"the published cases are not here: {CASES.name} is read from the folder beside the repository")
    published = {(each["system"], each["record"]) for each in json.loads(CASES.read_text(encoding="utf-8"))}
    assert len(published) == 14
    assert published == ALL


ALL = {
    ("iTop", "Incident"), ("iTop", "Problem"), ("iTop", "NormalChange"), ("iTop", "RoutineChange"),
    ("GLPI", "Ticket"), ("GLPI", "Change"), ("ServiceNow", "incident"),
    ("ServiceNow", "major_incident (orthogonal state on incident)"), ("ServiceNow", "change_normal"),
    ("ServiceNow", "change_standard"), ("ServiceNow", "sc_req_item"), ("Zammad", "Ticket"),
    ("incident.io", "incident"), ("PagerDuty", "incident"),
}  # fmt: skip
