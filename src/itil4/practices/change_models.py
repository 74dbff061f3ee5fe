"""Change models: for each kind of change, the way it goes, who authorizes it, and what it has to bring along.

A model is a value: made here, read from plain data, or an instance of a subclass. Three are built in, one for
each type of change. A model that pre-authorizes its changes counts only while it stands in the register
(`change_register`) as active, so that the pre-authorization is a stored fact.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Self, TypeAlias

import attrs

from itil4.errors import DefinitionError
from itil4.lifecycle import Lifecycle
from itil4.lifecycle.stories import Paths, Story
from itil4.practices.change_values import AuthorityRule, ChangeTask, Question, ReviewRule, RiskCase, RiskRule
from itil4.practices.defining import (
    each_a,
    flag,
    frozen_words,
    known,
    line,
    lines,
    made,
    note,
    one_of,
    plain,
    refuse,
    several,
    table,
    words,
)
from itil4.practices.tasks import task_problem
from itil4.record import Frozen

Ways: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]
"""State -> event -> the states that it may lead to."""

CARRIED_OUT = frozenset({"scheduled", "implement"})
"""States that no change enters without authorization."""

AUTHORIZING, PREAUTHORIZED = "authorize", "schedule"
"""The steps that lead there: the outcome of an authorization, and the step that a pre-authorization opens."""

BORN = "new"


def _ways(value: Any) -> Any:
    if isinstance(value, Lifecycle):
        made: dict[str, dict[str, tuple[str, ...]]] = {}
        for event, source, target in sorted(value.graph):
            if source != target:
                into = made.setdefault(source, {})
                into[event] = (*into.get(event, ()), target)
        return Frozen({source: Frozen(into) for source, into in made.items()})
    if not isinstance(value, Mapping):
        return value
    return Frozen({state: frozen_words(into) for state, into in value.items()})


def _rule(value: Any) -> Any:
    return _risk_rule(value) if isinstance(value, Mapping) else value


def _risk_rule(data: Mapping[str, Any]) -> RiskRule:
    return RiskRule(
        **{
            **known(data, RiskRule, "a risk rule"),
            "questions": tuple(made(Question, each) for each in several("questions", data.get("questions", ()))),
            "cases": tuple(made(RiskCase, each) for each in several("cases", data.get("cases", ()))),
        }
    )


def _authorities(value: Any) -> Any:
    if isinstance(value, (str, Mapping, AuthorityRule)):
        value = (value,)
    return tuple(
        AuthorityRule(authority=each) if isinstance(each, str) else made(AuthorityRule, each)
        for each in several("authorities", value)
    )


def _tasks(value: Any) -> tuple[ChangeTask, ...]:
    return tuple(made(ChangeTask, each) for each in several("tasks", value))


def _template(value: Any) -> Any:
    return Frozen(value) if isinstance(value, Mapping) else value


def _texts(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise DefinitionError.of("ill_typed", field=attribute.name, expected="a mapping of texts", value=value)
    for name, each in value.items():
        line(None, attribute, name)
        note(None, attribute, each)


def _is_way(way: tuple[Any, Any]) -> bool:
    event, targets = way
    return isinstance(event, str) and isinstance(targets, tuple) and all(isinstance(each, str) for each in targets)


def _is_rule(_: Any, attribute: Any, value: Any) -> None:
    each_a(RiskRule)(None, attribute, (value,))


@attrs.frozen(kw_only=True)
class ChangeModel:
    """How one kind of change goes. A value: nothing of it changes, an altered model is another version.

    >>> patch = ChangeModel.from_dict({
    ...     "name": "monthly patches", "type": "normal", "authorities": "patch board", "requires": ["backout_plan"]})
    >>> patch.review, patch.authorities[0].authority, ChangeModel.from_dict(patch.to_dict()) == patch
    ('after_closure', 'patch board', True)

    A model that lets a change be carried out without authorization is refused, with the story that shows it:

    >>> ChangeModel.from_dict({"name": "quick", "type": "quick", "authorities": "board",
    ...     "lifecycle": {"new": {"schedule": "scheduled"}, "scheduled": {"implement": "implement"},
    ...                   "implement": {"review": "review"}, "review": {"close": "closed"}}})
    Traceback (most recent call last):
        ...
    itil4.errors.DefinitionError: the change model 'quick': it skips authorization: born 'new', 'schedule' -> ...

    Args:
        name: what people call it; unique among the models of an organization.
        type: standard, normal, emergency, or a type of the organization's own (INV-054).
        lifecycle: the ways that it opens, state -> event -> state (or states); a `Lifecycle` will do as well.
            They are some of those of the practice.
        preauthorized: whether its changes need no authorization of their own while it is active (INV-055).
        after_the_fact: whether its changes may be recorded after they were carried out, with `at=` (INV-058).
        assessed: whether the risk is assessed before authorization (INV-062).
        conditions: field -> the values that a change of this kind may have there.
        requesters: the roles that may use it; none means anybody.
        requires: fields that are filled before it is submitted or scheduled: the planned times by default, plans, ...
        risk: the questionnaire, and the rules from answers to a risk; by default `RISK`.
        authorities: who authorizes; the first rule that holds decides. An authority that nobody is, is an
            error, never an approval (INV-059).
        review: when it is reviewed (INV-068); what failed is reviewed before it closes in any case (INV-066).
        template: fields that its changes are given; those of a pre-authorized model cannot be altered.
        tasks: the work, as far as it is always the same.

    Raises:
        DefinitionError: it contradicts itself, leads nowhere, has no authority, or skips authorization.
    """

    name: str = attrs.field(validator=line)
    type: str = attrs.field(validator=line)
    lifecycle: Ways = attrs.field(default=None, converter=_ways, hash=False)
    preauthorized: bool = attrs.field(default=False, validator=flag)
    after_the_fact: bool = attrs.field(default=False, validator=flag)
    assessed: bool = attrs.field(default=True, validator=flag)
    conditions: Mapping[str, tuple[str, ...]] = attrs.field(
        factory=Frozen, converter=frozen_words, validator=table, hash=False
    )
    requesters: tuple[str, ...] = attrs.field(default=(), converter=words, validator=lines)
    requires: tuple[str, ...] = attrs.field(default=("planned_start", "planned_end"), converter=words, validator=lines)
    risk: RiskRule = attrs.field(factory=lambda: RISK, converter=_rule, validator=_is_rule)
    authorities: tuple[AuthorityRule, ...] = attrs.field(default=(), converter=_authorities)
    review: ReviewRule = attrs.field(
        default="after_closure", validator=one_of("before_closure", "after_closure", "on_failure")
    )
    template: Mapping[str, str] = attrs.field(factory=Frozen, converter=_template, validator=_texts, hash=False)
    tasks: tuple[ChangeTask, ...] = attrs.field(default=(), converter=_tasks)

    def __attrs_post_init__(self) -> None:
        if self.lifecycle is None:
            object.__setattr__(self, "lifecycle", STANDARD_WAYS if self.preauthorized else NORMAL_WAYS)
        self.check()

    @property
    def where(self) -> str:
        """How messages call it."""
        return f"the change model {self.name!r}"

    def check(self) -> None:
        """Refuse a model that cannot work; a subclass adds its own checks.

        Raises:
            DefinitionError: with what is wrong, and the story that shows it.
        """
        if not self.preauthorized and not self.authorities:
            raise refuse(self.where, "nobody authorizes its changes.", "Name an authority.")
        if (problem := task_problem(self.tasks)) is not None:
            raise DefinitionError(problem)
        self._check_ways()

    def _check_ways(self) -> None:
        ways = self.lifecycle
        sound = isinstance(ways, Mapping) and all(
            isinstance(state, str) and isinstance(into, Mapping) and all(map(_is_way, into.items()))
            for state, into in ways.items()
        )
        if not sound:
            expected = "a mapping from states to events and the states that they lead to"
            raise DefinitionError.of("ill_typed", field="lifecycle", expected=expected, value=ways)
        if BORN not in ways:
            raise refuse(self.where, f"no way leads on from {BORN!r}.", f"Let its lifecycle begin at {BORN!r}.")
        if (story := self.skips()) is not None:
            raise refuse(
                self.where, f"it skips authorization: {story}.",
                f"Let every way to scheduled and implement go by {AUTHORIZING!r}, or make it a model that is "
                "pre-authorized in the register.",
            )  # fmt: skip
        paths = Paths((BORN,), self._leaving(frozenset()))
        if "closed" not in paths:
            raise refuse(self.where, "its changes can never close.", "Add the ways that lead to 'closed'.")
        ends = {"closed", "cancelled"}
        stuck = sorted(state for state in paths.order if state not in ends and not ways.get(state))
        if stuck:
            raise refuse(self.where, f"nothing leads on from {stuck[0]!r}: {paths.to(stuck[0])}.", "Add a way.")

    def _leaving(self, without: frozenset[str]) -> dict[str, list[tuple[str, str]]]:
        return {
            state: [(event, target) for event, targets in into.items() if event not in without for target in targets]
            for state, into in self.lifecycle.items()
        }

    def skips(self, carried_out: Iterable[str] = CARRIED_OUT) -> Story | None:
        """Return a shortest story in which a change is carried out without authorization, or None.

        Args:
            carried_out: the states that need authorization, where a practice has more of them.
        """
        opened = frozenset({AUTHORIZING, *((PREAUTHORIZED,) if self.preauthorized else ())})
        paths = Paths((BORN,), self._leaving(opened))
        found = [story for state in carried_out if (story := paths.to(state)) is not None]
        return min(found, key=lambda story: (len(story), story.state), default=None)

    def allows(self, event: str, source: str, targets: Iterable[str]) -> bool:
        """Say whether a step is one of its ways."""
        opened = self.lifecycle.get(source, {}).get(event, ())
        return all(target in opened for target in targets)

    def unmet(self, change: Any) -> str | None:
        """Say which condition a change does not meet; None when it meets all."""
        for name, allowed in self.conditions.items():
            value = getattr(change, name, change.extra.get(name))
            given = value if isinstance(value, tuple) else (value,)
            if not given or any(each not in allowed for each in given):
                return f"{name} is {value!r}; the model {self.name!r} is for: {', '.join(allowed)}."
        return None

    def rule_for(self, risk: str | None, within: Iterable[str] = ()) -> AuthorityRule | None:
        """Return the first rule that holds for a risk and the windows in which the change lies; None: none does."""
        windows = frozenset(within)
        for rule in self.authorities:
            if (not rule.risk or risk in rule.risk) and (rule.within is None or rule.within in windows):
                return rule
        return None

    def authority(self, risk: str | None, within: Iterable[str] = ()) -> str | None:
        """Return the name of the authority for a risk and the windows in which the change lies; None: there is none."""
        rule = self.rule_for(risk, within)
        return None if rule is None else rule.authority

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data that any JSON encoder takes."""
        return {name: plain(value) for name, value in attrs.asdict(self, recurse=False).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the model that plain data describes.

        Raises:
            DefinitionError: a name is unknown, with the nearest one, or the model cannot work.
        """
        if not isinstance(data, Mapping):
            raise DefinitionError.of("ill_typed", field="a change model", expected="a mapping", value=data)
        return cls(**known(data, cls, "a change model"))


_AFTER: dict[str, Any] = {
    "scheduled": {"implement": "implement", "cancel": "cancelled"},
    "implement": {"review": "review", "cancel": "cancelled"},
    "review": {"close": "closed"},
}

NORMAL_WAYS: Ways = _ways({
    "new": {"assess": "assess", "cancel": "cancelled"},
    "assess": {"submit": "authorize", "revert_to_new": "new", "cancel": "cancelled"},
    "authorize": {"authorize": "scheduled", "refuse": "new", "revert_to_new": "new", "cancel": "cancelled"},
    **_AFTER,
})  # fmt: skip

STANDARD_WAYS: Ways = _ways({"new": {"schedule": "scheduled", "cancel": "cancelled"}, **_AFTER})

EMERGENCY_WAYS: Ways = _ways({
    "new": {"submit": "authorize", "cancel": "cancelled"},
    "authorize": {
        "authorize": "scheduled", "refuse": ("new", "review"), "revert_to_new": "new", "cancel": "cancelled",
    },
    **_AFTER,
})  # fmt: skip

RISK: RiskRule = RiskRule(
    questions=(
        Question(name="reach", text="Whom would a failure hit?", choices=("nobody", "one service", "many services")),
        Question(name="experience", text="Has it been done before?", choices=("often", "once", "never")),
        Question(name="undo", text="How is it undone?", choices=("at once", "with effort", "not at all")),
    ),
    cases=(
        RiskCase(risk="high", when={"undo": "not at all"}),
        RiskCase(risk="high", when={"reach": "many services", "experience": "never"}),
        RiskCase(risk="low", when={"reach": "nobody"}),
        RiskCase(risk="low", when={"experience": "often", "undo": "at once"}),
    ),
    otherwise="medium",
)
"""The questionnaire to start from."""

NORMAL = ChangeModel(
    name="normal", type="normal", lifecycle=NORMAL_WAYS, risk=RISK, review="after_closure",
    requires=("planned_start", "planned_end", "implementation_plan", "backout_plan", "test_plan"),
    authorities=("change_authority",),
)  # fmt: skip

EMERGENCY = ChangeModel(
    name="emergency", type="emergency", lifecycle=EMERGENCY_WAYS, after_the_fact=True, assessed=False, risk=RISK,
    review="before_closure", requires=("implementation_plan",), authorities=("change_authority",),
)  # fmt: skip

BUILT_IN: tuple[ChangeModel, ...] = (NORMAL, EMERGENCY)
"""The models that stand without a register; a standard change always names one of the register."""

__all__ = [
    "AUTHORIZING", "BUILT_IN", "CARRIED_OUT", "EMERGENCY", "EMERGENCY_WAYS", "NORMAL", "NORMAL_WAYS", "PREAUTHORIZED",
    "RISK", "STANDARD_WAYS", "ChangeModel", "Ways", "made",
]  # fmt: skip
