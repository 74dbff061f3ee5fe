"""Policies on the graph of a lifecycle: breadth first over (state, what the monitor remembers)."""

from collections import deque
from typing import NamedTuple

from itil4.errors import InvalidInput, nearest
from itil4.lifecycle.definition import Lifecycle, Transition
from itil4.lifecycle.findings import leaving_of
from itil4.lifecycle.rules import Chosen
from itil4.lifecycle.stories import backwards
from itil4.testing.policies import LOG, Happened, Memory, Policy, Verdict
from itil4.testing.story import Act, Story

_MOST = 200_000
"""Configurations that are looked at; beyond them the graph is too big to tell."""

_SOMEBODY = "somebody"


class _Way(NamedTuple):
    """One arrow in the form in which the search takes it; `sure` when nothing but roles can hold it back."""

    transition: Transition
    target: str
    role: str | None
    sure: bool


def verdict(policy: Policy, lifecycle: Lifecycle) -> Verdict:
    """Return what the graph says about a policy; see `Policy.on`."""
    known = (*lifecycle.events, LOG)
    for event in policy.events:
        if event not in known:
            raise InvalidInput.of(
                "unknown_name", where=f"the policy {policy}", what="event", name=event, nearest=nearest(event, known)
            )
    ways = _ways(lifecycle)
    story, complete = _search(policy, lifecycle, ways, sure=True)
    if story is not None and not policy.untold:
        return Verdict(False, story)
    if story is None:
        story, complete = _search(policy, lifecycle, ways, sure=False)
    if story is not None:
        why = policy.untold or "guards or alternatives on the way decide."
        return Verdict(None, story, why)
    if policy.untold:
        return Verdict(None, None, policy.untold)
    return Verdict(True) if complete else Verdict(None, None, f"it has more than {_MOST:,} configurations.")


def still_comes(lifecycle: Lifecycle, state: str, event: str) -> bool:
    """Whether an event can still be taken from a state on, guards aside."""
    leaving = leaving_of(lifecycle)
    ends = [source for source, ways in leaving.items() if any(each == event for each, _ in ways)]
    return state in backwards(leaving, ends)


def _ways(lifecycle: Lifecycle) -> dict[str, list[_Way]]:
    ways: dict[str, list[_Way]] = {}
    seen: set[tuple[str, str]] = set()
    for source, each in lifecycle.arrows:
        first = (source, each.event) not in seen
        seen.add((source, each.event))
        sure = not each.guards and (first or isinstance(each.target, Chosen))
        for target in each.targets:
            for role in sorted(each.roles) if each.roles is not None else (None,):
                ways.setdefault(source, []).append(_Way(each, target, role, sure))
    return ways


def _search(
    policy: Policy, lifecycle: Lifecycle, ways: dict[str, list[_Way]], *, sure: bool
) -> tuple[Story | None, bool]:
    """Return a shortest story that breaks the policy, and whether everything was looked at."""
    doomed = _doomed(policy, lifecycle)
    came: dict[tuple[str, Memory], tuple[tuple[str, Memory], Act] | None] = {}
    waiting: deque[tuple[str, Memory]] = deque()
    for state in lifecycle.initial:
        step = Happened(LOG, None, state, frozenset(), _SOMEBODY, None)
        memory = policy.begin()
        here = (state, policy.after(memory, step))
        if policy.broken(memory, step) is not None or _owed(policy, here, doomed):
            return Story.of(LOG), True
        if here not in came:
            came[here] = None
            waiting.append(here)
    while waiting and len(came) < _MOST:
        here = waiting.popleft()
        for way in ways.get(here[0], ()):
            if sure and not way.sure:
                continue
            roles = frozenset() if way.role is None else frozenset((way.role,))
            step = Happened(way.transition.event, here[0], way.target, roles, _SOMEBODY, None)
            there = (way.target, policy.after(here[1], step))
            if policy.broken(here[1], step) is not None or _owed(policy, there, doomed):
                return Story((*_told(came, here), _act(way, told=policy.names_roles))), True
            if there not in came:
                came[there] = (here, _act(way))
                waiting.append(there)
    return None, not waiting


def _doomed(policy: Policy, lifecycle: Lifecycle) -> dict[str, frozenset[str]]:
    """Return event -> the states from which it can never come any more."""
    leaving = leaving_of(lifecycle)
    found = {}
    for event in policy.events:
        ends = [source for source, ways in leaving.items() if any(each == event for each, _ in ways)]
        found[event] = frozenset(lifecycle.by_name) - backwards(leaving, ends)
    return found


def _owed(policy: Policy, here: tuple[str, Memory], doomed: dict[str, frozenset[str]]) -> bool:
    owed = policy.owes(here[1])
    return owed is not None and here[0] in doomed.get(owed, ())


def _act(way: _Way, *, told: bool = False) -> Act:
    target = way.transition.target
    payload = {target.field: way.target} if isinstance(target, Chosen) else {}
    return Act(way.transition.event, payload, way.role if told else None)


def _told(came: dict[tuple[str, Memory], tuple[tuple[str, Memory], Act] | None], here: tuple[str, Memory]) -> list[Act]:
    acts: list[Act] = []
    while (way := came[here]) is not None:
        here, act = way
        acts.append(act)
    return [Act(LOG), *reversed(acts)]
