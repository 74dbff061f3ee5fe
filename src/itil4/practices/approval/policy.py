"""Approval policies as data: who is asked, in which order, and how much of their consent is enough.

A policy is a tree. Its leaves are ballots: an authority, and what it takes to carry. Steps in sequence
are asked one after the other, steps in parallel at the same time.

>>> policy = ApprovalPolicy(
...     "major change",
...     InSequence(
...         [
...             Ballot("line", manager_of("requester")),
...             InParallel([Ballot("services", owners_of("affects"), needs="all"),
...                         Ballot("board", group("cab"), needs={"percentage": 60}, quorum=3)]),
...         ]
...     ),
...     expires_after=timedelta(days=5),
... )
>>> ApprovalPolicy.from_dict(policy.to_dict()) == policy
True
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self, TypeAlias

import attrs

from itil4.errors import DefinitionError, Reason, nearest
from itil4.lifecycle.timers import duration_of, duration_text
from itil4.record.door import text_problem

Measure: TypeAlias = Literal["one", "all", "count", "percentage", "weight"]
MEASURES: tuple[Measure, ...] = ("one", "all", "count", "percentage", "weight")

Abstentions: TypeAlias = Literal["set_aside", "count"]
"""What abstaining does to shares: it takes the voter out of those whom they are shares of, or leaves them in."""

Initiators: TypeAlias = Literal["excluded", "not_alone", "allowed"]
"""Whether those who ask for something may vote on it: never; not without somebody else's consent; as anybody."""

_DEEPEST, _MOST_BALLOTS, _MOST = 8, 100, 100_000


def _fault(where: str, text: str, remedy: str) -> DefinitionError:
    return DefinitionError.of("definition", where=where, text=text, remedy=remedy)


def _choice(where: str, value: Any, words: Iterable[str]) -> None:
    known = tuple(words)
    if not isinstance(value, str) or value not in known:
        raise DefinitionError.of("not_a_choice", field=where, value=value, choices=known, nearest=nearest(value, known))


def _name(where: str, value: Any) -> None:
    reason: Reason | None = Reason.of("ill_typed", field=where, expected="a line of text", value=value)
    if type(value) is str:
        reason = text_problem(where, value, longest=200, lines=False, may_be_blank=False)
    if reason is not None:
        raise DefinitionError(reason)


def _whole(where: str, value: Any, least: int = 1) -> None:
    if type(value) is not int or not least <= value <= _MOST:
        raise DefinitionError.of(
            "ill_typed", field=where, expected=f"a whole number from {least} to {_MOST}", value=value
        )


def _keys(where: str, form: Any, known: Iterable[str]) -> None:
    if not isinstance(form, Mapping):
        raise DefinitionError.of("ill_typed", field=where, expected="a mapping", value=form)
    names = tuple(known)
    for key in form:
        if key not in names:
            raise DefinitionError.of("unknown_name", where=where, what="key", name=key, nearest=nearest(key, names))


# who

SOURCES = ("role", "person", "group", "field", "manager_of", "owners_of", "rule")


@attrs.frozen
class Authority:
    """Who may decide: a person, who has a role or belongs to a group, or whom the record leads to.

    Make it with `role`, `person`, `group`, `field`, `manager_of`, `owners_of` or `rule`.

    Attributes:
        source: which of these it is.
        name: the role, person, group, field, relation or rule.
        weight: what each of their votes weighs, where votes are weighed or shares are counted.
        seats: how many votes a role or group has whose people the directory does not list.
    """

    source: str
    name: str
    weight: int = 1
    seats: int = 1

    def __attrs_post_init__(self) -> None:
        _choice("authority", self.source, SOURCES)
        _name(f"authority.{self.source}", self.name)
        _whole(f"authority.{self.source}.weight", self.weight)
        _whole(f"authority.{self.source}.seats", self.seats)

    @property
    def label(self) -> str:
        """How people call it, such as `role change_manager`."""
        if self.source == "person":
            return self.name
        return f"{self.source.replace('_', ' ')} {self.name}"

    def to_dict(self) -> dict[str, Any]:
        """Return the plain form, such as `{"role": "change_manager"}`."""
        more = {name: value for name in ("weight", "seats") if (value := getattr(self, name)) != 1}
        return {self.source: self.name, **more}

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Self:
        """Read the plain form.

        Raises:
            DefinitionError: a key is unknown, or it is not exactly one authority.
        """
        _keys("authority", form, (*SOURCES, "weight", "seats"))
        found = [source for source in SOURCES if source in form]
        if len(found) != 1:
            raise _fault("authority", f"it is not exactly one of {', '.join(SOURCES)}.", "List several as several.")
        return cls(found[0], form[found[0]], form.get("weight", 1), form.get("seats", 1))


def role(name: str, *, weight: int = 1, seats: int = 1) -> Authority:
    """Return the authority of everybody with a role.

    Where the directory lists who has it (`KnowsRoles`), each of them is asked. Otherwise the role is an
    office: it has `seats` votes, each for one person who has the role when they vote.
    """
    return Authority("role", name, weight, seats)


def person(name: str, *, weight: int = 1) -> Authority:
    """Return the authority of one person."""
    return Authority("person", name, weight)


def group(name: str, *, weight: int = 1, seats: int = 1) -> Authority:
    """Return the authority of the members of a group, such as a change advisory board.

    Where the directory does not list them (`KnowsMembers`), it is an office; see `role`.
    """
    return Authority("group", name, weight, seats)


def field(name: str, *, weight: int = 1) -> Authority:
    """Return the authority of the person, or the team, that a field of the record names."""
    return Authority("field", name, weight)


def manager_of(name: str, *, weight: int = 1) -> Authority:
    """Return the authority of the manager of the person whom a field of the record names."""
    return Authority("manager_of", name, weight)


def owners_of(relation: str, *, weight: int = 1) -> Authority:
    """Return the authority of the owners of every record that a relation leads to: services, items, ..."""
    return Authority("owners_of", relation, weight)


def rule(name: str, *, weight: int = 1) -> Authority:
    """Return the authority that a rule of the practice finds; see `Approving.approvers`."""
    return Authority("rule", name, weight)


@lru_cache(256)
def _share(amount: float) -> Fraction:
    return Fraction(str(amount)) / 100


def _authorities(value: Any) -> tuple[Authority, ...]:
    if isinstance(value, Authority):
        return (value,)
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        raise DefinitionError.of("ill_typed", field="authority", expected="one Authority or several", value=value)
    return tuple(value)


# how much


@attrs.frozen
class Needs:
    """What it takes to carry: one approval, all, a count, a percentage, or a weight."""

    measure: Measure
    amount: int | float = 1

    def __attrs_post_init__(self) -> None:
        _choice("needs", self.measure, MEASURES)
        if self.measure in ("count", "weight"):
            _whole(f"needs.{self.measure}", self.amount)
        elif self.measure == "percentage":
            if type(self.amount) not in (int, float) or not 0 < self.amount <= 100:
                raise DefinitionError.of(
                    "ill_typed", field="needs.percentage", expected="a number above 0 and up to 100", value=self.amount
                )
        elif self.amount != 1 or type(self.amount) is not int:
            raise _fault("needs", f"{self.measure!r} has no amount.", "Leave the amount out.")

    @property
    def share(self) -> Fraction:
        """A percentage as an exact share of one, as it is written."""
        return _share(self.amount)

    def to_plain(self) -> Any:
        """Return the plain form: `"one"`, `"all"`, or such as `{"count": 2}`."""
        return self.measure if self.measure in ("one", "all") else {self.measure: self.amount}

    @classmethod
    def of(cls, form: Any) -> Self:
        """Read the plain form.

        Raises:
            DefinitionError: it is something else.
        """
        if isinstance(form, cls):
            return form
        if isinstance(form, Mapping) and len(form) == 1:
            measure, amount = next(iter(form.items()))
            _choice("needs", measure, MEASURES)
            return cls(measure, amount)
        _choice("needs", form, MEASURES)
        if form not in ("one", "all"):
            raise _fault("needs", f"{form!r} lacks its amount.", f"Write it as {{{form!r}: 2}}.")
        return cls(form)

    def __str__(self) -> str:
        return {
            "one": "one approval", "all": "the approval of all", "count": f"{self.amount} approvals",
            "percentage": f"{self.amount} % of approvals", "weight": f"approvals of weight {self.amount}",
        }[self.measure]  # fmt: skip


# the tree


def _needs(value: Any) -> Needs:
    return Needs.of(value)


@attrs.frozen
class Ballot:
    """One question to one authority.

    Args:
        name: what people call it; unique in a policy.
        authority: who is asked; each person once, whichever way leads to them.
        needs: `"one"` (default), `"all"`, `{"count": n}`, `{"percentage": p}` or `{"weight": w}`.
        quorum: how many must have voted, abstentions included, before it carries.
        abstentions: `set_aside` (shares are of those who do not abstain) or `count` (of all who are asked).

    Raises:
        DefinitionError: something of it is unknown or cannot be.
    """

    name: str
    authority: tuple[Authority, ...] = attrs.field(converter=_authorities)
    needs: Needs = attrs.field(default=Needs("one"), converter=_needs, kw_only=True)
    quorum: int | None = attrs.field(default=None, kw_only=True)
    abstentions: Abstentions = attrs.field(default="set_aside", kw_only=True)

    def __attrs_post_init__(self) -> None:
        _name("ballot.name", self.name)
        where = f"the ballot {self.name!r}"
        if not self.authority:
            raise _fault(where, "it asks nobody.", "Name its authority.")
        for each in self.authority:
            if not isinstance(each, Authority):
                raise DefinitionError.of("ill_typed", field="authority", expected="Authority values", value=each)
        if self.quorum is not None:
            _whole(f"{where}: quorum", self.quorum)
        _choice(f"{where}: abstentions", self.abstentions, ("set_aside", "count"))

    def to_dict(self) -> dict[str, Any]:
        """Return the plain form."""
        made: dict[str, Any] = {"name": self.name, "authority": [each.to_dict() for each in self.authority]}
        if self.needs != Needs("one"):
            made["needs"] = self.needs.to_plain()
        if self.quorum is not None:
            made["quorum"] = self.quorum
        if self.abstentions != "set_aside":
            made["abstentions"] = self.abstentions
        return made


def _steps(value: Any) -> tuple[Any, ...]:
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        raise DefinitionError.of("ill_typed", field="steps", expected="several steps", value=value)
    return tuple(value)


@attrs.frozen
class InSequence:
    """Steps that are asked one after the other; each must carry before the next one is asked, and all must."""

    steps: tuple["Step", ...] = attrs.field(converter=_steps)
    _depth: int = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        _check_steps("in_sequence", self.steps)
        object.__setattr__(self, "_depth", _nested(self.steps))

    def to_dict(self) -> dict[str, Any]:
        """Return the plain form."""
        return {"in_sequence": [each.to_dict() for each in self.steps]}


@attrs.frozen
class InParallel:
    """Steps that are asked at the same time; `needs` says how many must carry: all (default), one, or a count."""

    steps: tuple["Step", ...] = attrs.field(converter=_steps)
    needs: Needs = attrs.field(default=Needs("all"), converter=_needs, kw_only=True)
    _depth: int = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        _check_steps("in_parallel", self.steps)
        object.__setattr__(self, "_depth", _nested(self.steps))
        if self.needs.measure not in ("one", "all", "count") or self.needs.amount > len(self.steps):
            raise _fault(
                "in_parallel", f"{self.needs} cannot be had from {len(self.steps)} steps.",
                "Give needs as one, all, or a count of the steps.",
            )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return the plain form."""
        made: dict[str, Any] = {"in_parallel": [each.to_dict() for each in self.steps]}
        if self.needs != Needs("all"):
            made["needs"] = self.needs.to_plain()
        return made


Step: TypeAlias = Ballot | InSequence | InParallel


def _check_steps(where: str, steps: tuple[Any, ...]) -> None:
    if not steps:
        raise _fault(where, "it has no steps.", "Give at least one.")
    for each in steps:
        if not isinstance(each, (Ballot, InSequence, InParallel)):
            raise DefinitionError.of(
                "ill_typed", field=where, expected="Ballot, InSequence or InParallel values", value=each
            )


def _nested(steps: Iterable[Any]) -> int:
    """Return how deep a step nests, that has these inside.

    Raises:
        DefinitionError: deeper than anybody could follow.
    """
    depth = 1 + max(getattr(each, "_depth", 0) for each in steps)
    if depth > _DEEPEST:
        raise _fault("an approval policy", f"its steps nest deeper than {_DEEPEST}.", "Flatten it.")
    return depth


_BALLOT_KEYS = ("name", "authority", "needs", "quorum", "abstentions")


def _read_step(form: Any, depth: int = 0) -> Step:
    if depth > _DEEPEST:
        raise _fault("an approval policy", f"its steps nest deeper than {_DEEPEST}.", "Flatten it.")
    _keys("a step", form, (*_BALLOT_KEYS, "in_sequence", "in_parallel"))
    for word in ("in_sequence", "in_parallel"):
        if word in form:
            _keys(word, form, (word, "needs") if word == "in_parallel" else (word,))
            steps = [_read_step(each, depth + 1) for each in _steps(form[word])]
            return InSequence(steps) if word == "in_sequence" else InParallel(steps, needs=form.get("needs", "all"))
    for key in ("name", "authority"):
        if key not in form:
            raise DefinitionError.of("blank", field=f"a step: {key}")
    listed = form["authority"]
    if isinstance(listed, Mapping):
        listed = (listed,)
    more = {key: form[key] for key in ("needs", "quorum", "abstentions") if key in form}
    return Ballot(form["name"], [Authority.from_dict(each) for each in _steps(listed)], **more)


def _positive(where: str, value: Any) -> None:
    if value is not None and (type(value) is not timedelta or value <= timedelta()):
        raise DefinitionError.of("ill_typed", field=where, expected="a positive timedelta", value=value)


def ballots_of(step: Step) -> Iterator[Ballot]:
    """Yield the ballots of a step, in the order in which people read them."""
    if isinstance(step, Ballot):
        yield step
    else:
        for each in step.steps:
            yield from ballots_of(each)


@attrs.frozen
class ApprovalPolicy:
    """How something is approved.

    Args:
        name: what people call it.
        step: a ballot, or steps in sequence or in parallel.
        expires_after: how long a round may take; then it expires.
        remind_every: after how long, and how long after each reminder, those who are still asked are reminded.
        time: whether these count `calendar` time or `service` time (only while the service is delivered).
        initiators: whether those who asked for it may vote: `excluded` (default), `not_alone` or `allowed` (INV-060).

    Raises:
        DefinitionError: two ballots share a name, a duration is not positive, or it is too deep or too large.

    >>> ApprovalPolicy.of("minor change", role("change_manager")).step.needs
    Needs(measure='one', amount=1)
    """

    KEYS: ClassVar[tuple[str, ...]] = ("name", "step", "expires_after", "remind_every", "time", "initiators")

    name: str
    step: Step
    expires_after: timedelta | None = attrs.field(default=None, kw_only=True)
    remind_every: timedelta | None = attrs.field(default=None, kw_only=True)
    time: Literal["calendar", "service"] = attrs.field(default="calendar", kw_only=True)
    initiators: Initiators = attrs.field(default="excluded", kw_only=True)

    def __attrs_post_init__(self) -> None:
        _name("policy.name", self.name)
        where = f"the approval policy {self.name!r}"
        _check_steps(where, (self.step,))
        _positive(f"{where}: expires_after", self.expires_after)
        _positive(f"{where}: remind_every", self.remind_every)
        _choice(f"{where}: time", self.time, ("calendar", "service"))
        _choice(f"{where}: initiators", self.initiators, ("excluded", "not_alone", "allowed"))
        names = [each.name for each in self.ballots]
        if len(names) > _MOST_BALLOTS:
            raise _fault(where, f"it has {len(names)} ballots.", f"Keep to {_MOST_BALLOTS}.")
        for name in names:
            if names.count(name) > 1:
                raise DefinitionError.of("duplicate", where=where, what="the ballot", name=name)

    @classmethod
    def of(cls, name: str, *authority: Authority, needs: Any = "one", **options: Any) -> Self:
        """Return a policy of one ballot, which has its name; `options` are those of the policy."""
        return cls(name, Ballot(name, authority, needs=needs), **options)

    @property
    def ballots(self) -> tuple[Ballot, ...]:
        """Its ballots, in the order in which people read them."""
        return tuple(ballots_of(self.step))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads; durations as ISO 8601 writes them."""
        made: dict[str, Any] = {"name": self.name, "step": self.step.to_dict()}
        for name in ("expires_after", "remind_every"):
            value = getattr(self, name)
            if value is not None:
                made[name] = duration_text(value)
        if self.time != "calendar":
            made["time"] = self.time
        if self.initiators != "excluded":
            made["initiators"] = self.initiators
        return made

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Self:
        """Read plain data.

        Raises:
            DefinitionError: a key is unknown, or a value cannot be; the nearest name is offered.
        """
        _keys("the approval policy", form, cls.KEYS)
        for key in ("name", "step"):
            if key not in form:
                raise DefinitionError.of("blank", field=f"the approval policy: {key}")
        more = {key: form[key] for key in cls.KEYS[2:] if form.get(key) is not None}
        for key in ("expires_after", "remind_every"):
            if key in more and type(more[key]) is not timedelta:
                more[key] = duration_of(more[key])
        return cls(form["name"], _read_step(form["step"]), **more)


@lru_cache(maxsize=256)
def policy_of(text: str) -> ApprovalPolicy:
    """Return the policy that is written as JSON; the same for the same text."""
    return ApprovalPolicy.from_dict(json.loads(text))
