"""A lifecycle on a host's own mutable rows: the same refusals, nothing written when refused, nothing saved."""

import json
import subprocess
import sys
from typing import Any

import attrs
import pytest

from itil4.errors import BrokenRule, DefinitionError, InvalidInput, Refused, StaleRecord
from itil4.lifecycle import Chosen, Guard, Lifecycle, State, Transition


class Ticket:
    """A host's row, with its own names, a property and a setter that may fail."""

    id: int
    status: str
    lock_version: int
    solution_text: str | None
    hours: int | None

    def __init__(self) -> None:
        self.id, self.status, self.lock_version, self.hours = 7, "new", 3, None
        self._solution: str | None = None
        self.broken = False

    @property
    def solution_text(self) -> str | None:  # type: ignore[no-redef]
        return self._solution

    @solution_text.setter
    def solution_text(self, value: str | None) -> None:
        if self.broken and value is not None:
            raise RuntimeError("the host refuses")
        self._solution = value

    @property
    def is_solved(self) -> bool:
        return self.solution_text is not None

    def says(self, word: str) -> bool:
        return word in (self.solution_text or "")


def seen(ticket: Any, ctx: Any) -> bool:
    return (
        ticket.is_solved and ticket.says("relay") and ticket.solution == ticket.solution_text and ticket.state == "new"
    )


FLOW = Lifecycle(
    "ticket", "new",
    [State("new", "new"), State("solved", "resolved", label="Solved it", fields={"solution": "read_only|must_prompt"}),
     State("closed", "closed", final=True)],
    [
        Transition("solve", "new", "solved", roles="agent", requires="solution", guards=[Guard("seen", seen)],
                   effects=lambda ticket, ctx: {"hours": 2}),
        Transition("fall", "new", "solved", effects=lambda ticket, ctx: {"hours": "two"}),
        Transition("move", "*", Chosen("to", among=["new", "closed"])),
    ],
)  # fmt: skip
BOUND = FLOW.bind(
    Ticket, state="status", version="lock_version", names={"solution": "solution_text"},
    fields={"solution_text": str | None},
)  # fmt: skip


def snapshot(ticket: Ticket) -> dict[str, Any]:
    return dict(vars(ticket))


def test_a_step_changes_the_row_and_returns_its_entry(context: Any) -> None:
    """Fields by the lifecycle's names, stored under the host's; the entry is plain data when asked."""
    ticket = Ticket()
    entry = BOUND.fire_in_place(ticket, "solve", context("agent", solution="the relay"))
    assert (ticket.status, ticket.solution_text, ticket.hours, ticket.lock_version) == ("solved", "the relay", 2, 4)
    told = json.loads(json.dumps(entry.to_dict()))
    assert (told["record_id"], told["seq"], told["from"], told["to"], told["roles"]) == (
        "7",
        4,
        "new",
        "solved",
        ["agent"],
    )
    assert told["changes"] == {
        "solution": {"old": None, "new": "the relay"},
        "hours": {"old": None, "new": 2},
        "state": {"old": "new", "new": "solved"},
    }


def test_a_value_that_is_equal_is_no_change(context: Any) -> None:
    """Whether it is the same object or another one, the entry tells nothing of it."""
    ticket = Ticket()
    ticket.solution_text = "".join(["the ", "relay"])
    entry = BOUND.fire_in_place(ticket, "solve", context("agent", solution="".join(["the", " relay"])))
    assert sorted(entry.changes) == ["hours", "state"]


@pytest.mark.parametrize(
    ("event", "roles", "payload", "codes"),
    [
        ("solve", (), {}, ("role", "missing")),
        ("solve", ("agent",), {"solution": 7}, ("ill_typed", "missing")),
        ("solve", ("agent",), {"solution": "the relay", "solutoin": "x"}, ("unknown_field",)),
        ("solve", ("agent",), {"solution": "the fuse"}, ("guard",)),
        ("solve", ("agent",), {"solution": "the relay", "state": "closed"}, ("field_rule",)),
        ("solve", ("agent",), {"solution": "the relay", "status": "closed"}, ("field_rule",)),
        ("solve", ("agent",), {"solution": "the relay", "lock_version": 9}, ("field_rule",)),
        ("move", (), {"to": "nowhere"}, ("not_a_choice",)),
        ("close", (), {}, ("unknown_event",)),
    ],
)
def test_a_refused_step_writes_nothing(event: str, roles: Any, payload: Any, codes: Any, context: Any) -> None:
    """The row is as it was, and `explain` gives the same reasons."""
    ticket = Ticket()
    before = snapshot(ticket)
    ctx = context(*roles, **payload)
    with pytest.raises(Refused) as caught:
        BOUND.fire_in_place(ticket, event, ctx)
    assert [each.code for each in caught.value.reasons if each.code != "guard" or "guard" in codes] == list(codes)
    assert BOUND.explain(ticket, event, ctx).reasons == caught.value.reasons
    assert snapshot(ticket) == before


def test_a_rule_or_a_setter_of_the_host_that_fails_leaves_the_row_as_it_was(context: Any) -> None:
    """An effect of the wrong type, and a setter that raises half way."""
    ticket = Ticket()
    before = snapshot(ticket)
    with pytest.raises(BrokenRule):
        BOUND.fire_in_place(ticket, "fall", context())
    assert snapshot(ticket) == before
    ticket.broken = True
    before = snapshot(ticket)
    late = FLOW.extend(replace={"solve": Transition("solve", "new", "solved")}).bind(
        Ticket, state="status", names={"solution": "solution_text"}, fields={"solution_text": str | None}
    )
    with pytest.raises(RuntimeError, match="the host refuses"):
        late.fire_in_place(ticket, "solve", context(hours=3, solution="x"))
    assert snapshot(ticket) == before


def test_only_what_was_set_is_set_back_when_a_setter_fails(context: Any) -> None:
    """The field whose setter raised is left alone: its second error would hide the first."""

    class Row:
        state: str
        first: int
        second: int

        def __init__(self) -> None:
            self.state, self.first, self.tries = "new", 1, 0

        @property
        def second(self) -> int:  # type: ignore[no-redef]
            return 2

        @second.setter
        def second(self, value: int) -> None:
            self.tries += 1
            raise RuntimeError(f"try {self.tries}")

    flow = Lifecycle("t", "new", [State("new"), State("done")], [Transition("end", "new", "done")])
    row = Row()
    with pytest.raises(RuntimeError, match="try 1"):
        flow.bind(Row, fields={"second": int}).fire_in_place(row, "end", context(first=3, second=4))
    assert (row.state, row.first, row.tries) == ("new", 1, 1)


def test_a_version_that_was_never_written_counts_from_one(context: Any) -> None:
    """A new row has none yet; a step that stays in its state counts too, and an update that changes nothing."""

    class Row:
        state: str
        version: int | None

        def __init__(self) -> None:
            self.state, self.version = "new", None

    flow = Lifecycle("t", "new", [State("new"), State("done")],
                     [Transition("stay", "new", "new"), Transition("end", "new", "done")])  # fmt: skip
    bound, row = flow.bind(Row, version="version"), Row()
    assert (bound.fire_in_place(row, "stay", context()).seq, row.state, row.version) == (1, "new", 1)
    assert (bound.fire_in_place(row, "end", context()).seq, row.state, row.version) == (2, "done", 2)


def test_a_stale_row_is_refused_before_anything_else(context: Any) -> None:
    """`expected` is the version that the caller saw."""
    ticket = Ticket()
    with pytest.raises(StaleRecord) as caught:
        BOUND.fire_in_place(ticket, "solve", context(), expected=2)
    assert (caught.value.detail["found"], caught.value.detail["expected"]) == (3, 2)
    with pytest.raises(StaleRecord):
        BOUND.update_in_place(ticket, context(hours=1), expected=4)


def test_an_update_obeys_the_rules_of_the_state(context: Any) -> None:
    """Read-only on the row is read-only for updates, after it was asked for during the step."""
    ticket = Ticket()
    assert set(BOUND.update_in_place(ticket, context(hours=1)).changes) == {"hours"}
    BOUND.fire_in_place(ticket, "solve", context("agent", solution="the relay"))
    with pytest.raises(Refused):
        BOUND.update_in_place(ticket, context(solution="another"))
    assert ticket.lock_version == 5


def test_buttons_and_choices_are_those_of_the_lifecycle(context: Any) -> None:
    """What a form and a model field need."""
    assert BOUND.choices() == [("new", "New"), ("solved", "Solved it"), ("closed", "Closed")]
    steps = BOUND.available(Ticket(), context("agent"))
    assert [step.event for step in steps] == ["fall", "move"]
    assert [each.allowed for each in BOUND.decisions(Ticket(), context("agent", to="closed"))] == [False, False, True]


def test_a_lifecycle_that_names_a_field_the_class_lacks_cannot_be_bound() -> None:
    """The error names the field and the nearest that is there."""
    with pytest.raises(DefinitionError, match="hours"):
        FLOW.extend(tighten={"solve": {"requires": "hors"}}).bind(
            Ticket, state="status", names={"solution": "solution_text"}, fields={"solution_text": str | None}
        )
    with pytest.raises(DefinitionError):
        FLOW.bind("Ticket")  # type: ignore[arg-type]


def test_a_class_that_says_nothing_is_taken_at_the_lifecycles_word(context: Any) -> None:
    """Without annotations every field that the lifecycle names may be there, of any type."""

    class Bare:
        def __init__(self) -> None:
            self.state, self.solution = "new", None

    flow = Lifecycle("t", "new", [State("new"), State("done")], [Transition("end", "new", "done", requires="solution")])
    row = Bare()
    flow.bind(Bare).fire_in_place(row, "end", context(solution=["anything"]))
    assert (row.state, row.solution) == ("done", ["anything"])


def test_binding_imports_no_store_and_no_machine() -> None:
    """A host that only binds loads neither storage nor practices, no database and no `transitions`."""
    script = (
        "import sys\nfrom itil4.lifecycle import *\nclass Row:\n    state: str\n"
        "flow = Lifecycle('t','a',[State('a')],[Transition('go','a','a')]).bind(Row)\n"
        "rooms = ('itil4.storage', 'itil4.practices', 'itil4.itsm', 'sqlite3', 'transitions', 'cattrs')\n"
        "bad = [name for name in sys.modules if name.startswith(rooms)]\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_sqlalchemy_model_says_its_own_fields(context: Any) -> None:
    """Columns give names, types and lengths; the instance is changed in place and stays unflushed."""
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    from sqlalchemy import JSON, String
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

    class Base(DeclarativeBase):
        pass

    class Row(Base):
        __tablename__ = "ticket"
        id: Mapped[int] = mapped_column(primary_key=True)
        state: Mapped[str] = mapped_column(String(20))
        solution: Mapped[str | None] = mapped_column(String(5))
        title: Mapped[str] = mapped_column(String(5))
        more: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    flow = Lifecycle("t", "new", [State("new"), State("done")], [Transition("end", "new", "done", requires="solution")])
    bound, row = flow.bind(Row), Row(id=1, state="new", title="Mail")
    assert bound.explain(row, "end", context(solution="too long")).codes == ("too_long", "missing")
    assert bound.explain(row, "end", context(solution="short", title=None)).codes == ("ill_typed",)
    for value in (None, {"any": ["thing"]}, 7):
        assert bound.explain(row, "end", context(solution="short", more=value)).allowed
    assert set(bound.update_in_place(Row(id=2, state="new", solution="x"), context(solution=None)).changes) == {
        "solution"
    }
    bound.fire_in_place(row, "end", context(solution="short"))
    assert (row.state, row.solution) == ("done", "short")


SMALL = Lifecycle("small", "new", [State("new"), State("done")], [Transition("end", "new", "done")])


@pytest.mark.parametrize("row", [None, object(), 7])
def test_what_has_no_state_is_no_row(row: Any, context: Any) -> None:
    """It is refused by name, whatever is asked about it."""
    flow = SMALL.bind(Ticket, state="status")
    for call in (
        lambda: flow.fire_in_place(row, "end", context()), lambda: flow.explain(row, "end", context()),
        lambda: flow.available(row, context()), lambda: flow.update_in_place(row, context()),
    ):  # fmt: skip
        with pytest.raises(InvalidInput, match="a Ticket, with its status"):
            call()


def test_a_state_or_version_of_an_impossible_kind_leads_nowhere(context: Any) -> None:
    """A list is no state, and a text counts nothing; the row stays as it is."""
    flow, row = SMALL.bind(Ticket, state="status", version="lock_version"), Ticket()
    row.status = ["new"]  # type: ignore[assignment]  # what the test is about
    assert flow.explain(row, "end", context()).codes == ("wrong_state",)
    assert flow.available(row, context()) == ()
    row.status, row.lock_version = "new", "3"  # type: ignore[assignment]  # what the test is about
    with pytest.raises(InvalidInput, match="lock_version is a whole number"):
        flow.fire_in_place(row, "end", context())
    assert row.status == "new"


def test_a_row_of_a_class_with_validators_is_judged_and_set_like_any_other(context: Any) -> None:
    """Validators of a mutable class run when it is set, and what they refuse leaves the row as it was."""

    @attrs.define
    class Checked:
        id: str
        state: str = "new"
        place: int = attrs.field(default=1, validator=attrs.validators.lt(5))

    flow, row = SMALL.bind(Checked), Checked("c1")
    assert flow.explain(row, "end", context(place=2))
    with pytest.raises(ValueError, match="must be < 5"):
        flow.fire_in_place(row, "end", context(place=9))
    assert row == Checked("c1")
    flow.fire_in_place(row, "end", context(place=2))
    assert row == Checked("c1", "done", 2)
