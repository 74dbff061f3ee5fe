"""What is wrong with a workflow, found without running it: the lifecycle's own findings, and policies on its graph.

>>> from itil4.lifecycle import Lifecycle, State, Transition
>>> from itil4.testing import at_most, findings
>>> door = Lifecycle("door", "open", [State("open"), State("shut", "closed"), State("locked", "closed", final=True)],
...                  [Transition("shut", "open", "shut"), Transition("open", "shut", "open")])
>>> for each in findings(door, policies=[at_most("open", 3)]):
...     print(each.code, each.state or each.event, "|", each.story)
unreachable_state locked | None
policy open | log -> shut -> open -> shut -> open -> shut -> open -> shut -> open
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from itil4.errors import InvalidInput
from itil4.lifecycle import findings as static
from itil4.lifecycle.definition import Lifecycle
from itil4.lifecycle.rules import Guard
from itil4.lifecycle.stories import Story as Path
from itil4.practices.base import Practice
from itil4.record import Shape
from itil4.testing.policies import LOG, Policy, as_policies
from itil4.testing.story import Act, Story

Tested = type[Practice[Any]] | Lifecycle
"""What is checked: a practice class, or a lifecycle alone."""


_MENDED_BY_REFUSING = frozenset(("policy", "final"))
"""Codes of findings that are mended by what makes their story impossible, too."""


@attrs.frozen
class Finding:
    """One thing that is wrong with a workflow, or with what it runs on.

    Attributes:
        code: stable, to compare: a code of `Lifecycle.verify`, or one of those in the reference.
        text: what, in words.
        severity: `error`, or `warning` for what is hardly meant so.
        lifecycle, event, state: what it is about, where there is one.
        role: as whom the step was taken or refused.
        record: the reference of the record.
        story: a shortest way to see it happen; None where no way leads there.
        diff: how the record differs from what was promised, a line per field.
        practice: the class, as the line to paste needs it.
        given: what that line says besides, such as `policies=[...]`. Settings, a driver and a store are named
            `SETTINGS`, by the driver's class, and `STORE`: they cannot be written down.
    """

    code: str
    text: str
    severity: str = attrs.field(default="error", kw_only=True)
    lifecycle: str | None = attrs.field(default=None, kw_only=True)
    event: str | None = attrs.field(default=None, kw_only=True)
    state: str | None = attrs.field(default=None, kw_only=True)
    role: str | None = attrs.field(default=None, kw_only=True)
    record: str | None = attrs.field(default=None, kw_only=True)
    story: Story | None = attrs.field(default=None, kw_only=True)
    diff: tuple[str, ...] = attrs.field(default=(), kw_only=True)
    practice: str | None = attrs.field(default=None, kw_only=True)
    given: tuple[str, ...] = attrs.field(default=(), kw_only=True)

    @property
    def paste(self) -> str | None:
        """The line that makes a regression test of it, or None where it has no story to play.

        It fails as long as the fault is there. What breaks a policy, or leads on from an end, may be mended by
        refusing the step, or one before it, or by another way on: so that story is told as far as it is possible.
        """
        if self.story is None or self.practice is None:
            return None
        story = self.story.if_possible() if self.code in _MENDED_BY_REFUSING else self.story
        return f"check_story({', '.join((self.practice, repr(str(story)), *self.given))})"

    @property
    def place(self) -> str:
        """Where it is: lifecycle, event, state, role and record, as far as they are known."""
        named = (("step", self.event), ("state", self.state), ("role", self.role), ("record", self.record))
        parts = [f"{what} {value!r}" for what, value in named if value is not None]
        return ", ".join(([f"lifecycle {self.lifecycle!r}"] if self.lifecycle else []) + parts)

    def __str__(self) -> str:
        lines = [f"{self.code}: {self.text}"]
        if self.place:
            lines.append(f"  where: {self.place}")
        if self.story is not None:
            lines.append(f"  story: {self.story}")
        lines += [f"  {each}" for each in self.diff]
        if self.paste:
            lines.append(f"  paste: {self.paste}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that any JSON encoder takes."""
        data = {each.name: getattr(self, each.name) for each in attrs.fields(Finding)}
        data["story"] = None if self.story is None else str(self.story)
        data["diff"], data["given"] = list(self.diff), list(self.given)
        return data


class Found(AssertionError):
    """A check found something; `findings` has all of it, and the message is for people."""

    def __init__(self, findings: Iterable[Finding], of: str = "") -> None:
        self.findings = tuple(findings)
        self.of = of
        count = len(self.findings)
        head = f"{of}: " if of else ""
        told = [f"{head}{count} finding{'s' if count != 1 else ''}.", *map(str, self.findings)]
        super().__init__("\n\n".join(told))

    def __reduce__(self) -> tuple[Any, ...]:
        return Found, (self.findings, self.of)


def check_lifecycle(
    tested: Tested,
    *,
    domains: Mapping[str, Any] | None = None,
    policies: Sequence[Policy] | Policy = (),
    roles: Iterable[str] | None = None,
    accept: Iterable[str] = (),
) -> None:
    """Check a practice or a lifecycle without running it.

    Args:
        tested: a practice class, with all its lifecycles, or a lifecycle alone.
        domains: field -> the values that it can have, over which alternatives of a step are compared.
        policies: what must hold, such as `never("reopen", source="closed")`.
        roles: every role that there is, where the set is closed.
        accept: codes of findings to live with, or `code@event` and `code@state`.

    Raises:
        Found: with every finding.
    """
    accepted = frozenset(accept)
    found = [
        each for each in findings(tested, domains=domains, policies=policies, roles=roles)
        if accepted.isdisjoint((each.code, f"{each.code}@{each.event}", f"{each.code}@{each.state}"))
    ]  # fmt: skip
    if found:
        raise Found(found, name_of(tested))


def findings(
    tested: Tested,
    *,
    domains: Mapping[str, Any] | None = None,
    policies: Sequence[Policy] | Policy = (),
    roles: Iterable[str] | None = None,
) -> tuple[Finding, ...]:
    """Return what `check_lifecycle` would raise."""
    lifecycles, shape = parts_of(tested)
    found: list[Finding] = []
    for lifecycle in lifecycles:
        known = with_domains(lifecycle, {} if domains is None else domains)
        found += (_told(each, lifecycle) for each in static.verify(known, shape, roles))
    for policy in as_policies(policies):
        found += _broken(policy, tested, domains)
    return tuple(found)


def parts_of(tested: Tested) -> tuple[tuple[Lifecycle, ...], Shape | None]:
    """Return the lifecycles of what is tested, and the compiled record type where there is one.

    Raises:
        InvalidInput: it is neither a practice class nor a lifecycle.
    """
    if isinstance(tested, Lifecycle):
        return (tested,), None
    if isinstance(tested, type) and issubclass(tested, Practice) and hasattr(tested, "lifecycle"):
        return tested.lifecycles(), tested.stored_kind(tested.fields).shape
    raise InvalidInput.of("ill_typed", field="tested", expected="a practice class or a lifecycle", value=tested)


def name_of(tested: Tested) -> str:
    """Return what people call it."""
    return tested.name if isinstance(tested, Lifecycle) else tested.__name__


def with_domains(lifecycle: Lifecycle, domains: Mapping[str, Any]) -> Lifecycle:
    """Return the lifecycle with more known about which values the fields have that its guards read."""
    fields = {name: tuple(values) for name, values in domains.items() if isinstance(values, (list, tuple, frozenset))}
    if not fields:
        return lifecycle

    def told(rule: Guard) -> Guard:
        more = {name: fields[name] for name in rule.reads if name in fields and name not in rule.domains}
        return attrs.evolve(rule, domains={**rule.domains, **more}) if more else rule

    changed = [attrs.evolve(each, guards=[told(rule) for rule in each.guards]) for each in lifecycle.transitions]
    return attrs.evolve(lifecycle, transitions=changed)


def _told(found: static.Finding, lifecycle: Lifecycle) -> Finding:
    event, at, source = found.place.rpartition("@")
    state = source if at else found.place if found.place in lifecycle.by_name else None
    named = event if at else found.place if found.place in (*lifecycle.events, *lifecycle.declared) else None
    return Finding(
        found.code, found.text, severity=found.severity, lifecycle=lifecycle.name, event=named, state=state,
        story=None if found.story is None else from_path(found.story),
    )  # fmt: skip


def from_path(path: Path) -> Story:
    """Return the story of a way through the graph."""
    return Story((Act(LOG), *(Act(move.event) for move in path.moves)))


def _broken(policy: Policy, tested: Tested, domains: Mapping[str, Any] | None) -> Iterator[Finding]:
    for lifecycle, verdict in on_all(policy, parts_of(tested)[0]):
        if verdict.holds is False and verdict.story is not None:
            shown = None if isinstance(tested, Lifecycle) else _shown(policy, verdict.story, tested, domains)
            last = (shown or verdict.story).acts[-1]
            yield Finding(
                "policy", f"{policy} does not hold.", lifecycle=lifecycle.name,
                event=last.event, role=last.who if isinstance(last.who, str) else None, story=shown or verdict.story,
                practice=None if shown is None or isinstance(tested, Lifecycle) else tested.__name__,
                given=(f"policies=[{policy}]", *(("domains=DOMAINS",) if domains else ())),
            )  # fmt: skip


def _shown(
    policy: Policy, story: Story, practice: type[Practice[Any]], domains: Mapping[str, Any] | None
) -> Story | None:  # fmt: skip
    from itil4.testing.showing import shown  # late: it plays stories, and whoever only reads a graph needs no player

    return shown(policy, story, practice, domains)


def on_all(policy: Policy, lifecycles: tuple[Lifecycle, ...]) -> Iterator[tuple[Lifecycle, Any]]:
    """Yield each lifecycle that has all the events of a policy, and what its graph says.

    A policy whose events lie in several lifecycles has no graph of its own: walks and histories judge it.

    Raises:
        InvalidInput: no lifecycle has one of its events.
    """
    everything = {event for each in lifecycles for event in each.events} | {LOG}
    for event in policy.events:
        if event not in everything:
            policy.on(lifecycles[0])  # raises, and offers the nearest name
    for each in lifecycles:
        if set(policy.events) <= {*each.events, LOG}:
            yield each, policy.on(each)
