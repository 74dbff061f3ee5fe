"""Plays what a graph says is possible: a story that breaks a policy, with the people and values that it needs."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from itil4.errors import ITIL4Error
from itil4.practices.base import Practice
from itil4.record import Actor
from itil4.testing.playing import Player
from itil4.testing.policies import Happened, Policy
from itil4.testing.shrinking import first_finding
from itil4.testing.story import Act, Story
from itil4.testing.subject import Subject


def shown(
    policy: Policy, story: Story, practice: type[Practice[Any]], domains: Mapping[str, Any] | None = None
) -> Story | None:  # fmt: skip
    """Return a form of a story in which it breaks the policy when it is played, or None where it cannot be.

    A graph knows no values, and no roles that depend on a record: what it says may need more than it knows.
    """
    try:
        subject = Subject(practice, domains)
        for told in forms(policy, story, subject):
            found = first_finding(Player(subject, policies=[policy]), told)
            if found is not None and found.code == "policy":
                return told
    except ITIL4Error:
        return None  # it needs settings, or values, that only the host knows
    return None


def forms(policy: Policy, story: Story, subject: Subject) -> Iterator[Story]:
    """Yield a story of a graph as whoever may, with the people whom its roles name, and as one person who may all."""
    for told in (story, *_as_others(policy, story, subject)):
        yield from _peopled(told, subject)
    for person in people(subject):
        alone = Story(attrs.evolve(act, who=person if act.who is None else act.who) for act in story)
        yield alone
        if policy.names_people:  # who may change what the guard reads need not mind the guard
            for name in _read(story.acts[-1].event, subject):
                for value in subject.values(name)[:1]:
                    yield Story((*alone.acts[:-1], Act("update", {name: value}, person), alone.acts[-1]))


def _read(event: str, subject: Subject) -> list[str]:
    """Return the fields that the guards of a step read and that somebody might change."""
    lifecycle = subject.of_event.get(event)
    steps = [step for step in lifecycle.transitions if step.event == event] if lifecycle is not None else []
    read = dict.fromkeys(name for step in steps for rule in step.guards for name in rule.reads)
    return [name for name in read if name in subject.shape.checks]


def _as_others(policy: Policy, story: Story, subject: Subject) -> Iterator[Story]:
    """Yield the story with its last step taken as the other roles that break a policy about roles."""
    *before, last = story
    lifecycle = subject.of_event.get(last.event)
    if not policy.names_roles or lifecycle is None:
        return
    steps = [step for step in lifecycle.transitions if step.event == last.event]
    for role in sorted({role for step in steps for role in step.roles or ()} - {last.who}):
        taken = Happened(last.event, None, None, frozenset((role,)), role, None)
        if policy.broken(policy.begin(), taken) is not None:
            yield Story((*before, attrs.evolve(last, who=role)))


def _peopled(story: Story, subject: Subject) -> Iterator[Story]:
    """Yield the story as it is, and with somebody in the fields by which its roles are told."""
    yield story
    relative = [role for role in subject.roles if role in subject.practice.relative_roles and subject.shape.get(role)]
    named = {act.who: subject.values(act.who)[:1] for act in story if isinstance(act.who, str) and act.who in relative}
    given = {role: values[0] for role, values in named.items() if values}
    if given:
        first, *rest = story
        yield Story((attrs.evolve(first, payload={**first.payload, **given}), *rest))
        yield Story((*story.acts[:-1], Act("update", given, one_person(subject)), story.acts[-1]))


def one_person(subject: Subject) -> Actor:
    """Return somebody who has every role that does not depend on the record."""
    return Actor("one", {role for role in subject.roles if role not in subject.practice.relative_roles})


def people(subject: Subject) -> Iterator[Actor]:
    """Yield one person who may everything, and the same as each of those whom records name."""
    one, relative = one_person(subject), subject.practice.relative_roles
    yield one
    for role in subject.roles:
        if role in relative and subject.shape.get(role):
            yield attrs.evolve(one, id=role)
