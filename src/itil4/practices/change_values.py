"""What a change and its model are made of: risk questions, authorities, tasks, and how a change ended."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

import attrs

from itil4.clock import instant
from itil4.errors import DefinitionError, Reason, nearest
from itil4.practices.approval.policy import ApprovalPolicy
from itil4.record import Frozen
from itil4.record.door import text_problem
from itil4.vocabulary import Level, choices

CloseCode: TypeAlias = Literal["successful", "successful_with_issues", "unsuccessful", "rolled_back"]
"""How a change ended."""

SUCCEEDED: tuple[CloseCode, ...] = ("successful", "successful_with_issues")
FAILED: tuple[CloseCode, ...] = ("unsuccessful", "rolled_back")

ReviewRule: TypeAlias = Literal["before_closure", "after_closure", "on_failure"]
"""When a change is reviewed: before it closes, at any time once it is done, or only when it failed."""

TaskState: TypeAlias = Literal["open", "done", "skipped"]

_LEVELS = choices(Level)


def refuse(where: str, text: str, remedy: str) -> DefinitionError:
    """Return the error that says what a definition got wrong."""
    return DefinitionError.of("definition", where=where, text=text, remedy=remedy)


def words(value: Any) -> Any:
    """Return a word or several as a tuple; anything else is left for the check that follows."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, (list, tuple, set, frozenset)) else value


def frozen_words(value: Any) -> Any:
    """Return field -> words, frozen."""
    return Frozen({name: words(each) for name, each in value.items()}) if isinstance(value, Mapping) else value


def _deep(value: Any) -> Any:
    """Return plain data as records hold it: mappings frozen, lists as tuples."""
    if isinstance(value, ApprovalPolicy):
        value = value.to_dict()
    if isinstance(value, Mapping):
        return Frozen({str(name): _deep(each) for name, each in value.items()})
    return tuple(_deep(each) for each in value) if isinstance(value, (list, tuple)) else value


def several(what: str, value: Any) -> tuple[Any, ...]:
    """Return a list or tuple as a tuple.

    Raises:
        DefinitionError: it is something else.
    """
    if isinstance(value, (list, tuple)):
        return tuple(value)
    raise DefinitionError.of("ill_typed", field=what, expected="several values", value=value)


def each_a(kind: type) -> Any:
    """Return the check that a tuple holds values of one class."""

    def check(_: Any, attribute: Any, value: Any) -> None:
        for each in several(attribute.name, value):
            if not isinstance(each, kind):
                raise DefinitionError.of(
                    "ill_typed", field=attribute.name, expected=f"{kind.__name__} values", value=each
                )

    return check


def flag(_: Any, attribute: Any, value: Any) -> None:
    """Check that it is True or False."""
    if type(value) is not bool:
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="True or False", value=value)


def line(_: Any, attribute: Any, value: Any) -> None:
    """Check that it is one line of text."""
    reason: Reason | None = Reason.of("ill_typed", field=attribute.name, expected="a text", value=value)
    if type(value) is str:
        reason = text_problem(attribute.name, value, longest=255, lines=False, may_be_blank=False)
    if reason is not None:
        raise DefinitionError(reason)


def note(_: Any, attribute: Any, value: Any) -> None:
    """Check that it is a text."""
    reason: Reason | None = Reason.of("ill_typed", field=attribute.name, expected="a text", value=value)
    if type(value) is str:
        reason = text_problem(attribute.name, value, longest=100_000)
    if reason is not None:
        raise DefinitionError(reason)


def lines(_: Any, attribute: Any, value: Any) -> None:
    """Check that they are lines of text."""
    if type(value) is not tuple:
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="several texts", value=value)
    for each in value:
        line(None, attribute, each)


def table(_: Any, attribute: Any, value: Any) -> None:
    """Check that it is a mapping from texts to several texts."""
    if not isinstance(value, Mapping):
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a mapping of texts", value=value)
    for name, several in value.items():
        line(None, attribute, name)
        lines(None, attribute, several)


def one_of(*known: str) -> Any:
    """Return the check that it is one of these words."""

    def check(_: Any, attribute: Any, value: Any) -> None:
        if value not in known:
            raise DefinitionError.of(
                "not_a_choice", field=attribute.name, value=value, choices=known, nearest=nearest(value, known)
            )

    return check


# risk


@attrs.frozen(kw_only=True)
class Question:
    """One question of a risk assessment, with the answers that it knows."""

    name: str = attrs.field(validator=line)
    text: str = attrs.field(validator=line)
    choices: tuple[str, ...] = attrs.field(converter=words, validator=lines)

    def __attrs_post_init__(self) -> None:
        if len(set(self.choices)) < 2 or len(set(self.choices)) != len(self.choices):
            raise refuse(f"the question {self.name!r}", "it needs two answers or more, each once.", "Give them.")


@attrs.frozen(kw_only=True)
class RiskCase:
    """A risk, and the answers at which it applies: every question that is named has one of the answers given."""

    risk: Level = attrs.field(validator=one_of(*_LEVELS))
    when: Mapping[str, tuple[str, ...]] = attrs.field(
        factory=Frozen, converter=frozen_words, validator=table, hash=False
    )

    def holds(self, answers: Mapping[str, str]) -> bool:
        """Say whether the answers meet it."""
        return all(answers.get(name) in several for name, several in self.when.items())

    @property
    def told(self) -> str:
        """The case for people."""
        return ", ".join(f"{name}: {' or '.join(several)}" for name, several in self.when.items()) or "always"


@attrs.frozen(kw_only=True)
class RiskRule:
    """From answers to a risk: the first case that holds decides, and where none does, `otherwise`.

    >>> rule = RiskRule(questions=[Question(name="undo", text="Can it be undone?", choices=["yes", "no"])],
    ...                 cases=[RiskCase(risk="low", when={"undo": "yes"})], otherwise="high")
    >>> rule.judge({"undo": "yes"}), rule.judge({"undo": "no"})
    (('low', 'undo: yes'), ('high', 'no case holds'))

    Raises:
        DefinitionError: a case asks for what no question knows.
    """

    questions: tuple[Question, ...] = attrs.field(default=(), converter=words, validator=each_a(Question))
    cases: tuple[RiskCase, ...] = attrs.field(default=(), converter=words, validator=each_a(RiskCase))
    otherwise: Level = attrs.field(default="high", validator=one_of(*_LEVELS))

    def __attrs_post_init__(self) -> None:
        known = {each.name: each.choices for each in self.questions}
        if len(known) != len(self.questions):
            raise refuse("a risk rule", "it has a question twice.", "Keep one of them.")
        for case in self.cases:
            for name, several in case.when.items():
                for answer in several:
                    if answer not in known.get(name, ()):
                        near = nearest(name, known) if name not in known else nearest(answer, known[name])
                        raise DefinitionError.of(
                            "unknown_name", where=f"the risk case {case.told!r}", what="answer",
                            name=f"{name}: {answer}", nearest=near,
                        )  # fmt: skip

    def gaps(self, answers: Mapping[str, str]) -> str | None:
        """Say what is missing from, or wrong in, a set of answers; None when it is whole."""
        known = {each.name: each.choices for each in self.questions}
        for name, answer in answers.items():
            if name not in known:
                return f"there is no question {name!r}; the questions are: {', '.join(known) or 'none'}."
            if answer not in known[name]:
                return f"{name!r} is answered by one of: {', '.join(known[name])}; not by {answer!r}."
        open_ = [f"{name} ({', '.join(several)})" for name, several in known.items() if name not in answers]
        return f"these questions have no answer: {'; '.join(open_)}." if open_ else None

    def judge(self, answers: Mapping[str, str]) -> tuple[Level, str]:
        """Return the risk, and the case that decided it."""
        case = next((each for each in self.cases if each.holds(answers)), None)
        return (self.otherwise, "no case holds") if case is None else (case.risk, case.told[:255])


@attrs.frozen(kw_only=True)
class AuthorityRule:
    """Who authorizes a change, at which risk and in which window: the first rule that holds decides.

    Args:
        authority: the name of the authority: one of the policy, or a role; a CAB is one of them.
        risk: the risks at which it holds; none means any, a risk that nobody has assessed too.
        within: the name of a window of the policy in which the whole of the planned time lies.
        approval: how it decides, as an `ApprovalPolicy` or its plain data; where there is none, as the policy says.

    >>> board = {"name": "board", "step": {"name": "cab", "authority": {"group": "cab", "seats": 3}, "needs": "all"}}
    >>> AuthorityRule(authority="board", approval=board).decides.ballots[0].name
    'cab'
    """

    authority: str = attrs.field(validator=line)
    risk: tuple[str, ...] = attrs.field(default=(), converter=words, validator=lines)
    within: str | None = attrs.field(default=None, validator=attrs.validators.optional(line))

    approval: Mapping[str, Any] = attrs.field(factory=Frozen, converter=_deep, hash=False)

    @property
    def decides(self) -> ApprovalPolicy | None:
        """How it decides, where the rule says so itself."""
        return ApprovalPolicy.from_dict(self.approval) if self.approval else None

    def __attrs_post_init__(self) -> None:
        self.decides  # noqa: B018 - what cannot be read is refused when the rule is made
        for each in self.risk:
            if each not in _LEVELS:
                raise DefinitionError.of(
                    "not_a_choice", field="risk", value=each, choices=_LEVELS, nearest=nearest(each, _LEVELS)
                )


# tasks


@attrs.frozen(kw_only=True)
class ChangeTask:
    """One piece of the work, and which others come first.

    Attributes:
        name: by which other tasks name it.
        text: what is to be done.
        after: the tasks that are done, or left out, before it.
        assignee: who does it.
        state: open, done or skipped; with `at`, `by` and `note` of the moment when it was told.
    """

    name: str = attrs.field(validator=line)
    text: str = attrs.field(default="", validator=note)
    after: tuple[str, ...] = attrs.field(default=(), converter=words, validator=lines)
    assignee: str | None = attrs.field(default=None, validator=attrs.validators.optional(line))
    state: TaskState = attrs.field(default="open", validator=one_of("open", "done", "skipped"))
    note: str = attrs.field(default="", validator=note)
    at: datetime | None = attrs.field(default=None, converter=attrs.converters.optional(instant))
    by: str | None = None

    @property
    def plan(self) -> tuple[Any, ...]:
        """What was planned, apart from how it went."""
        return self.name, self.text, self.after, self.assignee


def task_problem(tasks: Iterable[ChangeTask]) -> Reason | None:
    """Say what is wrong with a plan of tasks: a name twice, an unknown one, or a circle, which is told; or None.

    >>> print(task_problem([ChangeTask(name="copy", after="check"), ChangeTask(name="check", after="copy")]))
    The tasks wait for each other in a circle: check -> copy -> check. Take one of the links between them away.
    """
    known: dict[str, ChangeTask] = {}
    for each in tasks:
        if each.name in known:
            return Reason.of("duplicate", where="the plan of tasks", what="the task", name=each.name)
        known[each.name] = each
    for each in known.values():
        for name in each.after:
            if name not in known:
                near = nearest(name, known)
                return Reason.of("unknown_name", where=f"the task {each.name!r}", what="task", name=name, nearest=near)
    left = {name: set(each.after) for name, each in known.items()}
    ahead: dict[str, list[str]] = {}
    for name, before in left.items():
        for each_before in before:
            ahead.setdefault(each_before, []).append(name)
    free = [name for name, before in left.items() if not before]
    while free:
        done = free.pop()
        del left[done]
        for name in ahead.get(done, ()):
            left[name].discard(done)
            if not left[name]:
                free.append(name)
    if not left:
        return None
    return Reason.of("task_circle", circle=" -> ".join(_circle(left)))


def _circle(left: Mapping[str, set[str]]) -> list[str]:
    """Return a circle among tasks each of which waits for another one of them, in the order of the work."""
    at = min(left)
    trail: dict[str, int] = {}
    while at not in trail:
        trail[at] = len(trail)
        at = min(left[at])
    turn = [*list(trail)[trail[at] :], at]
    return turn[::-1]


def waiting_for(tasks: Iterable[ChangeTask], name: str) -> tuple[str, ...]:
    """Return the tasks that are still to be done before one."""
    held = {each.name: each for each in tasks}
    return tuple(before for before in held[name].after if held[before].state == "open")


__all__ = [
    "FAILED", "SUCCEEDED", "AuthorityRule", "ChangeTask", "CloseCode", "Question", "ReviewRule", "RiskCase",
    "RiskRule", "TaskState", "each_a", "flag", "frozen_words", "line", "lines", "note", "one_of", "refuse", "several",
    "table", "task_problem", "waiting_for", "words",
]  # fmt: skip
