"""The walk: everything that a workflow can do, and everything that it must refuse, without chance."""

import enum
import itertools
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import kit_workflows as kit
import pytest

from itil4 import Actor, DefinitionError, InvalidInput, Lifecycle, Record, State, Transition, guard
from itil4.lifecycle.engine import Engine
from itil4.practices.base import Practice
from itil4.storage import memory
from itil4.storage.memory import MemoryStore
from itil4.storage.query import Compare, Where
from itil4.testing import (
    Found,
    Story,
    Subject,
    at_most,
    check_lifecycle,
    check_story,
    findings,
    near_misses,
    separation,
    stories,
    walk,
)
from itil4.testing.walking import Walk


@contextmanager
def changed(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Replace a part of the library while a block runs: a planted fault."""
    kept = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, kept)


def found_in(practice: type[Practice[Any]], **options: Any) -> list[tuple[str, str | None]]:
    with pytest.raises(Found) as caught:
        walk(practice, **options)
    return [(each.code, each.event) for each in caught.value.findings]


def test_inv_125_a_sound_workflow_is_walked_through_and_nothing_is_found() -> None:
    """INV-125: every transition, pair, guard and refusal of a host's own workflow is exercised, without a finding."""
    coverage = walk(kit.Permits)
    assert not coverage.lacking()
    assert {code for _, code in coverage.refusals} >= {
        "wrong_state", "role", "denied", "internal", "missing", "guard", "field_rule", "stale", "unknown_event",
        "unknown_field",
    }  # fmt: skip
    rows = {what: (done, every) for what, done, every in coverage.rows()}
    assert rows["transitions"] == (7, 7)
    assert rows["pairs of transitions"][0] + len(coverage.impossible) == rows["pairs of transitions"][1]


def test_a_walk_is_the_same_every_time() -> None:
    """Nothing of it is left to chance, so that what it finds today it finds tomorrow."""
    first, second = walk(kit.Permits), walk(kit.Permits)
    assert (first.steps, first.stories, first.pairs, first.refusals) == (
        second.steps, second.stories, second.pairs, second.refusals,
    )  # fmt: skip


@pytest.mark.parametrize("store", [None, "sqlite"])
def test_a_walk_leaves_the_data_of_a_store_alone(store: str | None, tmp_path: Path) -> None:
    """Stories are kept under tenants of their own."""
    import itil4

    opened: Any = MemoryStore() if store is None else itil4.SqliteStore(tmp_path / "desk.db")
    itsm = itil4.connect(opened, practices=[kit.Permits])
    chief = Actor("mia", {"chief"})
    mine = itsm.permits.log(summary="Weld", requester="ana", by=chief)
    walk(kit.Permits, store=opened)
    assert [each.id for each in itsm.permits.each()] == [mine.id]
    assert itsm.permits.get(mine.id) == mine


# faults of the engine and the store, planted one at a time


def test_a_role_that_is_not_looked_at_is_found() -> None:
    """A step that somebody without the role may take is found, with who, what, where and a line to paste."""
    judge = Engine.judge

    def careless(self: Engine, arrow: Any, *rest: Any) -> Any:
        proposed, payload, target, reasons = judge(self, arrow, *rest)
        kept = [each for each in reasons or () if each.code != "role"]
        return proposed, payload, target, kept or None

    with changed(Engine, "judge", careless), pytest.raises(Found) as caught:
        walk(kit.Permits)
    finding = caught.value.findings[0]
    assert finding.code == "not_refused"
    assert finding.role is not None
    assert finding.event in kit.lifecycle().events
    assert finding.record == "PER0000001"
    assert finding.paste is not None
    assert re.search(r"paste: check_story\(Permits, .*refused for role", str(caught.value))


def test_the_line_to_paste_is_a_test_that_fails_until_the_fault_is_mended() -> None:
    """What a finding prints can be run as it stands."""
    judge = Engine.judge

    def careless(self: Engine, arrow: Any, *rest: Any) -> Any:
        proposed, payload, target, reasons = judge(self, arrow, *rest)
        return proposed, payload, target, [each for each in reasons or () if each.code != "missing"] or None

    with changed(Engine, "judge", careless):
        with pytest.raises(Found) as caught:
            walk(kit.Permits)
        lines = [each.paste for each in caught.value.findings if each.paste]
        for line in lines:
            with pytest.raises(Found):
                eval(line, {"check_story": check_story, "Permits": kit.Permits})
    for line in lines:
        eval(line, {"check_story": check_story, "Permits": kit.Permits})


def test_a_refusal_that_leaves_a_trace_is_found() -> None:
    """After each refusal the record, its history and the store are as they were."""
    fire = Practice.fire

    def careless(self: Any, record: Any, event: str, **options: Any) -> Any:
        try:
            return fire(self, record, event, **options)
        except Exception:
            self.comment(getattr(record, "id", record), "tried", by=options["by"])
            raise

    with changed(Practice, "fire", careless):
        assert "refusal_changes" in {code for code, _ in found_in(kit.Permits)}


def test_an_effect_that_is_dropped_is_found_with_the_fields_that_differ() -> None:
    """The record must be what the definition makes of it, field by field."""

    def stamp(permit: kit.Permit, context: Any) -> dict[str, Any]:
        return {"note": f"opened by {context.actor.id}"}

    flow = kit.lifecycle()
    steps = [
        Transition("open", "approved", "open", roles=["worker"], effects=[stamp]) if each.event == "open" else each
        for each in flow.transitions
    ]
    practice = kit.permits(kit.lifecycle(transitions=steps))
    walk(practice)
    brought = Engine.brought

    def lazy(self: Engine, arrow: Any, record: Any, proposed: Any, changes: Any, *rest: Any) -> Any:
        return changes

    with changed(Engine, "brought", lazy), pytest.raises(Found) as caught:
        walk(practice)
    finding = next(each for each in caught.value.findings if each.event == "open")
    assert finding.code == "wrong_change"
    assert finding.diff == ("note: must be 'opened by worker', is None",)
    assert brought is not lazy


def test_a_store_that_loses_entries_is_found() -> None:
    """The history rebuilds the record after every step."""
    history = MemoryStore.history

    def forgetful(self: MemoryStore, tenant: str, **options: Any) -> Any:
        return iter(list(history(self, tenant, **options))[:2])

    with changed(MemoryStore, "history", forgetful):
        assert {code for code, _ in found_in(kit.Permits)} & {"version", "replay"}


def test_a_step_that_must_follow_on_a_linked_record_and_does_not_is_found() -> None:
    """Cascades are played beside linked records, in each state in which they must be taken."""
    from itil4 import IncidentManagement
    from itil4.practices.work import Working

    def idle(self: Any, *rest: Any) -> None:
        return None

    with changed(Working, "_cascade", idle), pytest.raises(Found) as caught:
        walk(IncidentManagement)
    assert {each.code for each in caught.value.findings} == {"follow_up"}
    assert "'resolve' must follow on INC0000002, and did not." in str(caught.value)


def test_numbers_that_leave_gaps_are_found() -> None:
    """Records of a store without gaps are numbered one after the other."""
    numbered = memory._numbered

    def careless(data: Any, batch: Any) -> Any:
        for row, prefix in batch.births:
            data.series[prefix or ""] = data.series.get(prefix or "", 0) + 1
            assert row
        return numbered(data, batch)

    with changed(memory, "_numbered", careless):
        assert "number" in {code for code, _ in found_in(kit.Permits)}


# what hosts get wrong


@pytest.mark.parametrize(
    ("guard", "code", "said"),
    [
        (kit.raises, "crash", "it raised KeyError: 'weather'"),
        (kit.sleeps, "unsteady", "it sleeps"),
        (kit.looks_at_the_clock, "unsteady", "it reads the wall clock. Use context.at."),
        (kit.throws_dice, "unsteady", "it draws random numbers"),
        (kit.remembers, "unsteady", "had two answers"),
        (kit.writes, "unsteady", "it changes the record"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_guard_that_cannot_be_trusted_is_named(guard: Any, code: str, said: str) -> None:
    """It is stopped before it sleeps or asks what time it is, and the message says what to do instead."""
    started = time.perf_counter()
    with pytest.raises(Found) as caught:
        walk(kit.permits(kit.lifecycle(guard)))
    assert time.perf_counter() - started < 30
    (finding,) = caught.value.findings  # and not also that nobody can take the step
    assert (finding.code, finding.event, finding.state) == (code, "open", "approved")
    assert said in str(caught.value)


def test_a_guard_that_is_slow_once_is_not_called_slow() -> None:
    """A machine that is busy elsewhere holds up any rule once; one that waits does so each time."""

    def waiting(times: float) -> Any:
        left = [times]

        @kit.guard()
        def looks_around(permit: kit.Permit, context: Any) -> bool:
            until = time.perf_counter() + (0.2 if left[0] > 0 else 0)
            left[0] -= 1
            while time.perf_counter() < until:
                pass
            return True

        return looks_around

    walk(kit.permits(kit.lifecycle(waiting(2))))
    with pytest.raises(Found) as caught:
        walk(kit.permits(kit.lifecycle(waiting(6))))
    assert {(each.code, each.event) for each in caught.value.findings} == {("unsteady", "open")}


def test_a_workflow_in_which_a_broken_guard_holds_everything_back_names_the_guard_alone() -> None:
    """One finding for one fault: that nothing can be fired follows from it."""
    flow = Lifecycle(
        "stuck", "asked", [State("asked", "new"), State("closed", "closed")],
        [Transition("close", "asked", "closed", guards=[kit.raises])],
    )  # fmt: skip
    assert found_in(kit.permits(flow)) == [("crash", "close")]


def test_a_lifecycle_that_explains_otherwise_than_it_acts_is_found() -> None:
    """Hosts ask lifecycles on their own rows; what they explain there must agree with the steps."""
    decide = Engine.decide

    def stubborn(self: Engine, state: str, record: Any, event: str, *rest: Any) -> Any:
        decision = decide(self, state, record, event, *rest)
        return attrs.evolve(decision, allowed=False) if event == "approve" else decision

    with changed(Engine, "decide", stubborn):
        assert found_in(kit.Permits) == [("disagree", "approve")]


def test_near_misses_are_tried_on_records_with_a_long_history_too() -> None:
    """A role that is only asked of young records is asked of none that lives."""
    judge = Engine.judge

    def trusting(self: Engine, arrow: Any, record: Any, *rest: Any) -> Any:
        proposed, payload, target, reasons = judge(self, arrow, record, *rest)
        kept = [each for each in reasons or () if each.code != "role" or record.version < 5]
        return proposed, payload, target, kept or None

    with changed(Engine, "judge", trusting):
        assert "not_refused" in {code for code, _ in found_in(kit.Permits)}


def test_a_step_that_nobody_can_ever_take_is_found_with_the_guard_that_holds_it_back() -> None:
    """It is either a hole or a value that the kit has to be told; the message says how."""
    practice = kit.permits(kit.lifecycle(kit.refuses))
    with pytest.raises(Found) as caught:
        walk(practice)
    finding = caught.value.findings[0]
    assert (finding.code, finding.event, finding.state) == ("never_taken", "open", "approved")
    assert "Held back by: refuses" in finding.text
    assert walk(practice, accept=["open@approved"]).lacking()


def test_a_workflow_in_which_nothing_can_be_fired_says_so() -> None:
    """One message, not one for each step."""
    flow = Lifecycle(
        "stuck", "asked", [State("asked", "new"), State("closed", "closed")],
        [Transition("close", "asked", "closed", guards=[kit.refuses])],
    )  # fmt: skip
    with pytest.raises(Found) as caught:
        walk(kit.permits(flow))
    (finding,) = caught.value.findings
    assert finding.code == "nothing_fireable"
    assert "close (asked -> closed): refuses" in finding.text


def test_a_field_without_a_value_that_could_be_guessed_is_named_with_the_remedy() -> None:
    """The kit asks for `domains` instead of guessing."""

    class Opaque:
        pass

    subject = Subject(kit.Permits)
    field = subject.shape.get("plan")
    subject.values_of.pop("plan", None)
    assert field is not None
    unknown = attrs.evolve(field, kind="value", python=Opaque, check=lambda name, value: object())
    with pytest.raises(DefinitionError, match="no value for the field 'plan' of Permit"):
        subject._made(unknown, "plan")


def test_values_that_the_kit_cannot_guess_are_told_by_domains_or_by_the_practice() -> None:
    """Field -> values, event -> payloads; a name that is not there is refused with the nearest one."""
    from itil4 import InvalidInput

    @kit.guard(reads="note", text="it is not the word.")
    def has_the_word(permit: kit.Permit, context: Any) -> bool:
        return permit.note == "sesame"

    flow = kit.lifecycle(has_the_word)
    with pytest.raises(Found):
        walk(kit.permits(flow))
    walk(kit.permits(flow), domains={"note": ["sesame", "other"]})
    walk(kit.permits(flow), domains={"open": [{"note": "sesame"}]})
    walk(kit.permits(flow, examples={"note": ["sesame"]}))
    with pytest.raises(InvalidInput, match="'note'"):
        walk(kit.permits(flow), domains={"nota": ["sesame"]})
    with pytest.raises(InvalidInput, match="a list of values"):
        walk(kit.permits(flow), domains={"note": "sesame"})


def test_a_lifecycle_with_two_hundred_states_is_walked_to_its_end() -> None:
    """In a time that a test can wait for."""
    names = [f"s{number}" for number in range(200)]
    states = [State(name) for name in names[:-1]] + [State(names[-1], "closed", final=True)]
    steps = [Transition(f"to_{later}", name, later) for name, later in itertools.pairwise(names)]
    practice = kit.permits(Lifecycle("long", "s0", states, steps))
    walked = Walk(Subject(practice))
    started = time.perf_counter()
    walked._explore()
    walked._pairs()
    assert not walked.found
    assert sum(1 for key in walked.coverage.keys if walked.coverage.arrows[key]) == 199
    assert time.perf_counter() - started < 120


# policies


class HiddenPermits(kit.Permits):
    """Permits that only those who work on them may see."""

    def visible(self, actor: Actor) -> Where | None:
        return None if actor.roles else Compare("created_by", "eq", actor.id)


def test_a_practice_that_hides_its_records_is_no_fault_and_is_tried() -> None:
    """Who may not see a record is refused as if there were none; that is no false alarm, and not left out."""
    coverage = walk(HiddenPermits)
    assert not coverage.lacking()
    assert "not_found" in {code for _, code in coverage.refusals}
    check_story(HiddenPermits, "log as chief -> approve as nobody refused for not_found")


def test_a_record_that_is_hidden_from_lists_only_is_found() -> None:
    """A practice that lets somebody take a step of a record that it hides from them breaks its promise."""

    class Leaky(HiddenPermits):
        def _held(self, unit: Any, record: Any, actor: Any, expected: Any) -> Any:
            return super()._held(unit, record, None, expected)

    assert ("wrong_reason", "approve") in found_in(Leaky)


def test_a_policy_that_only_a_walk_can_judge_is_judged() -> None:
    """What the graph cannot tell is tried: as whoever may, and as one person who may everything."""
    walk(kit.Permits, policies=[at_most("approve", 1)])
    assert ("policy", "open") in found_in(kit.Permits, policies=[separation("approve", "open")])
    assert ("policy", "open") in found_in(kit.Permits, policies=at_most("open", 2))


def test_a_static_check_finds_what_needs_no_walk() -> None:
    """Static findings carry a story of the kit, and those of a practice its name."""
    flow = kit.lifecycle(states=(*kit.lifecycle().states, State("lost")))
    (finding,) = findings(kit.permits(flow))
    assert (finding.code, finding.state) == ("unreachable_state", "lost")
    with pytest.raises(Found, match="unreachable_state"):
        check_lifecycle(kit.permits(flow))
    check_lifecycle(kit.Permits)


# stories


def test_a_story_finds_who_and_with_what() -> None:
    """Only what matters has to be written down."""
    record = check_story(kit.Permits, "log -> approve -> open as worker -> close")
    assert record.state == "closed"
    record = check_story(kit.Permits, "log -> approve(plan='Helmets on') -> open refused for role -> open as chief")
    assert (record.state, record.plan) == ("open", "Helmets on")


@pytest.mark.parametrize(
    ("story", "code"),
    [
        ("log -> open", "wrongly_refused"),
        ("log -> approve as chief refused for role", "not_refused"),
        ("log -> open refused for role", "wrong_reason"),
    ],
)
def test_a_story_that_ends_otherwise_than_it_says_fails(story: str, code: str) -> None:
    """A step without a mark must be done; one with a mark must be refused for that."""
    with pytest.raises(Found) as caught:
        check_story(kit.Permits, story)
    assert caught.value.findings[0].code == code


def test_a_story_of_two_people_who_write_at_the_same_time() -> None:
    """An older copy, and a commit that comes too late, are refused as stale."""
    check_story(kit.Permits, "log -> approve stale refused for stale -> approve late refused for stale -> approve")


def test_a_story_that_names_what_is_not_there_says_so() -> None:
    """An event is offered the nearest one; a record has to be born first."""
    from itil4 import InvalidInput

    with pytest.raises(InvalidInput, match="'approve'"):
        check_story(kit.Permits, "log -> aprove")
    with pytest.raises(InvalidInput, match="has to begin with log"):
        check_story(kit.Permits, "approve")
    with pytest.raises(InvalidInput, match="a name for the second record"):
        check_story(kit.Permits, "log -> log")


def test_the_picture_of_a_walk_shows_what_was_not_taken_in_red(tmp_path: Path) -> None:
    """Green was taken, red was not."""
    coverage = walk(kit.Permits)
    assert coverage.svg().count("#2e7d32") == 6  # two steps between two states are one arrow
    assert "#c62828" not in coverage.svg()
    coverage.arrows.clear()
    assert coverage.svg().count("#c62828") == 6
    (path,) = coverage.write(tmp_path)
    assert path.read_text().startswith("<svg")


def test_in_a_large_lifecycle_every_step_is_still_tried_where_it_cannot_be_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond a bound not every place has its turn, but every step has."""
    every = walk(kit.Permits)
    monkeypatch.setattr(near_misses, "_MOST_ELSEWHERE", 15)
    fewer = walk(kit.Permits)
    refused = {event for event, code in every.refusals if code == "wrong_state"}
    assert refused == {event for event, code in fewer.refusals if code == "wrong_state"}
    assert sum(fewer.refusals.values()) < sum(every.refusals.values())


@attrs.frozen
class Money:
    """A type of a host, with parts that Python hides and rules of its own."""

    amount: int = attrs.field(validator=attrs.validators.ge(1))
    _unit: str = "EUR"


class Shade(enum.Enum):
    """An enumeration of a host."""

    LIGHT = "light"
    DARK = "dark"


@attrs.frozen(kw_only=True)
class Sale(Record):
    """A record of types that a host made."""

    price: Money
    shade: Shade = Shade.LIGHT
    shades: frozenset[Shade] = frozenset()
    rates: Mapping[str, Money] = {}


class Sales(Practice[Sale]):
    """The practice of sales."""

    name, slot, kind, prefix = "sales", "sales", "sale", "SAL"
    record = Sale
    lifecycle = Lifecycle(
        "sale", "open", [State("open", "new"), State("in", "active"), State("größe", "closed", final=True)],
        [
            Transition("class", "open", "in", roles="clerk", fields={"price": "must_change", "shade": "must_change"}),
            Transition("put right", "in", "in", roles="clerk", requires=["shades", "rates"]),
            Transition("prüfen", "in", "größe", roles="prüfer"),
        ],
    )  # fmt: skip


def test_types_and_names_of_any_kind_are_walked_and_every_story_can_be_written_down() -> None:
    """Own types that must change, enumerations, mappings, events that are words of Python or of no language at all."""
    assert walk(Sales).lacking() == ()
    for cover in ("states", "transitions", "transition-pairs"):
        for story in stories(Sales, cover):
            assert Story.parse(str(story)) == story
            check_story(Sales, str(story))


@guard()
def counts(permit: Any, context: Any) -> Any:
    return 3


@pytest.mark.parametrize(
    ("rules", "event", "said"),
    [
        ({"guards": counts}, "open", "the guard 'counts': it answered 3, not True, False or a sentence"),
        ({"effects": [lambda permit, context: {"noet": "x"}]}, "open", "no field 'noet'. Did you mean 'note'?"),
        ({"effects": [lambda permit, context: {"note": 3}]}, "open", "note is a text"),
        ({"effects": [lambda permit, context: {"state": "closed"}]}, "open", "state"),
        ({"effects": [lambda permit, context: None]}, "open", "not a mapping of fields"),
    ],
)
def test_a_rule_that_answers_what_it_must_not_is_a_finding_that_names_it(rules: Any, event: str, said: str) -> None:
    """The kit itself does not stumble over it."""
    base = kit.lifecycle()
    steps = [attrs.evolve(step, **rules) if step.event == event else step for step in base.transitions]
    with pytest.raises(Found) as caught:
        walk(kit.permits(attrs.evolve(base, transitions=steps)))
    (found,) = [each for each in caught.value.findings if each.code == "crash"]
    assert found.event == event
    assert said in found.text


def test_a_type_that_refuses_what_the_kit_guesses_is_named_with_its_field() -> None:
    """And with the remedy, which works."""

    @attrs.frozen
    class Sealed:
        code: str = attrs.field(validator=attrs.validators.matches_re("NO-[0-9]+"))

    @attrs.frozen(kw_only=True)
    class SealedSale(Sale):
        seal: Sealed

    class SealedSales(Sales):
        record = SealedSale

    with pytest.raises(DefinitionError, match="'seal' of SealedSale"):
        walk(SealedSales)
    walk(SealedSales, domains={"seal": [Sealed("NO-1")]})

    @attrs.frozen(kw_only=True)
    class LaterSealedSale(Sale):
        seal: Sealed | None = None

    class LaterSealedSales(Sales):
        record = LaterSealedSale
        lifecycle = Sales.lifecycle.extend(tighten={"put right": {"requires": "seal"}})

    with pytest.raises(Found, match=r"put right .* Held back by: seal: "):
        walk(LaterSealedSales)


class Reported(Practice[kit.Permit]):
    """Permits that are also born by another verb, which needs what `log` does not, and in another state."""

    name, slot, kind, prefix = "reported", "reported", "reported", "REP"
    record = kit.Permit
    lifecycle = Lifecycle(
        "reported", ["calm", "urgent"],
        [State("calm", "new"), State("urgent", "new"), State("done", "closed", final=True)],
        [Transition("finish", "calm", "done", roles="clerk"), Transition("hurry", "urgent", "done", roles="clerk")],
    )  # fmt: skip

    def report(self, *, by: Actor, phone: str, **values: Any) -> kit.Permit:
        """Record what somebody says on the phone."""
        return self.log(by=by, note=f"from {phone}", **values)


def test_a_beginning_that_nobody_can_make_is_told() -> None:
    """It would be passed over in silence, with everything that leads on from it."""
    with pytest.raises(Found) as caught:
        walk(Reported)
    (found,) = caught.value.findings
    assert (found.code, found.event, found.state) == ("never_taken", "log", "urgent")
    walk(Reported, accept=["log@urgent"])


def test_records_are_born_by_the_verbs_that_the_practice_names() -> None:
    """With the values that are told for each of them; a verb that is not there is named with the nearest."""

    class Phoned(Reported):
        births = ("report",)
        examples = {"report": [{"phone": "112", "summary": "Fire", "requester": "ana"}]}  # noqa: RUF012 - never written

    walk(Phoned, accept=["log@urgent"])
    assert found_in(Phoned, accept=["log@urgent"], domains={"report": [{"summary": "Fire"}]}) == [("crash", "report")]
    assert found_in(Phoned, accept=["log@urgent"], domains={"report": [{"phone": "1", "summary": ""}]}) == [
        ("never_taken", "report")
    ]
    assert check_story(Phoned, "report(phone='112', summary='Fire', requester='ana') -> finish").state == "done"

    class Mistyped(Reported):
        births = ("reprot",)

    with pytest.raises(InvalidInput, match="'report'"):
        walk(Mistyped)
