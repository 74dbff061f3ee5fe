"""Plays what a graph says is possible: a story that breaks a policy, with the people and values that it needs."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from itil4.errors import ITIL4Error
from itil4.practices.base import Practice
from itil4.record import Actor
from itil4.testing.playing import Player
from itil4.testing.policies import Policy
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
        for told in _forms(policy, story, subject):
            found = first_finding(Player(subject, policies=[policy]), told)
            if found is not None and found.code == "policy":
                return told
    except ITIL4Error:
        return None  # it needs settings, or values, that only the host knows
    return None


def _forms(policy: Policy, story: Story, subject: Subject) -> Iterator[Story]:
    """Yield the story as whoever may, as one person where that matters, and with the people whom it names."""
    relative = [role for role in subject.roles if role in subject.practice.relative_roles and subject.shape.get(role)]
    if policy.names_people:
        for person in people(subject):
            yield Story(attrs.evolve(act, who=person) for act in story)
        return
    yield story
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
