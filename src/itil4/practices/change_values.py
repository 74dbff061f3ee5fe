"""What a change and its model are made of: risk questions, authorities, tasks, and how a change ended."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

from itil4.errors import DefinitionError, nearest
from itil4.practices.approval.policy import ApprovalPolicy
from itil4.practices.defining import each_a, frozen_words, line, lines, one_of, refuse, table, words
from itil4.practices.tasks import Task
from itil4.record import Frozen
from itil4.vocabulary import Level, choices

CloseCode: TypeAlias = Literal["successful", "successful_with_issues", "unsuccessful", "rolled_back"]
"""How a change ended."""

SUCCEEDED: tuple[CloseCode, ...] = ("successful", "successful_with_issues")
FAILED: tuple[CloseCode, ...] = ("unsuccessful", "rolled_back")

ReviewRule: TypeAlias = Literal["before_closure", "after_closure", "on_failure"]
"""When a change is reviewed: before it closes, at any time once it is done, or only when it failed."""

_LEVELS = choices(Level)


def _deep(value: Any) -> Any:
    """Return plain data as records hold it: mappings frozen, lists as tuples."""
    if isinstance(value, ApprovalPolicy):
        value = value.to_dict()
    if isinstance(value, Mapping):
        return Frozen({str(name): _deep(each) for name, each in value.items()})
    return tuple(_deep(each) for each in value) if isinstance(value, (list, tuple)) else value


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


@attrs.frozen(kw_only=True)
class ChangeTask(Task):
    """One piece of the work of a change, and which others come first; see `Task`."""


__all__ = [
    "FAILED", "SUCCEEDED", "AuthorityRule", "ChangeTask", "CloseCode", "Question", "ReviewRule", "RiskCase", "RiskRule",
]  # fmt: skip
